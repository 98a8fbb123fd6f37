"""A page as HTML: what it says, what it lets in, and what its strings cannot do. How it behaves is in tests/browser."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokbench.report
from tokbench.report import _charts
from tokbench.report._groups import groups
from tokbench.report._html import html as written
from tokbench.report._page import build
from tokbench.report._view import (
    Cell,
    Chart,
    Column,
    Detail,
    Facets,
    GroupView,
    Mark,
    Page,
    Picture,
    Piece,
    Portrait,
    Provenance,
    Section,
    Table,
)
from tokbench.results import Run

_VOID = {"meta", "br", "input", "hr"}
TEMPLATES = Path(tokbench.report.__file__).parent / "templates"


class _Parsed(html.parser.HTMLParser):
    """Elements with their attributes, and text as readers without scripts see it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif "style" not in self.open:
            self.texts.append(data)

    def all(self, tag: str, name: str = "") -> list[str | None]:
        """Values of an attribute of all elements of a kind."""
        return [attributes.get(name) for found, attributes in self.elements if found == tag]


RUNS = [
    Facets("r1", "hf", "bpe", 100, "", "exactness 1", "alpha"),
    Facets("r2", "bytes", "", None, "toy", "exactness 1", "beta"),
]


def _page(text: str = "words", *, tables: int = 1, charts: int = 0, facets: list[Facets] | None = None) -> Page:
    columns = [Column("Run"), Column(text, text, numeric=True), Column("Note")]
    rows = [
        [Cell(text, href="#r1"), Cell("1.5", sub=text, value=1.25), Cell(text, tone="bad", href="#c1")],
        [Cell(text, href="#r2"), Cell(text, tone="missing"), Cell(text, value=float("inf"))],
    ]
    made = [Table(f"{text} {number}", columns, rows, ordered=number == 0) for number in range(tables)]
    marks = [Mark("one", 0.25, 0.125, 0.5, anchor="r1"), Mark("two", 0.75, anchor="r2")]
    drawn = [Chart(f"Chart {number}", "share", marks, "Two points.") for number in range(charts)]
    section = Section("g-part", text, text, made, [Detail(text, text, "c1"), Detail(text, text)], text, drawn)
    pieces = [Piece(text, 1), Piece(text, None, partial=True), Piece(text, 7, partial=True, marked=True)]
    portrait = Portrait("p1", text, [(text, text)], [Picture(text, pieces, text)], [], [(text, "r1"), (text, "r2")])
    origins = [Provenance(f"r{number}", text, text, [(text, text)], number == 1, "runs/x") for number in (1, 2)]
    return Page(
        text, text, text, [GroupView("g", text, text, [(text, text, "r1"), (text, text, "r2")], [section])], [text],
        origins, [(text, text)], [portrait], [], RUNS if facets is None else facets,
    )  # fmt: skip


def test_only_the_script_of_the_page_may_run() -> None:
    page = written(_page())
    data, script = _Parsed(page).scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    wanted = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    assert policy == [f"{wanted}; form-action 'none'"]
    assert len(json.loads(data)) == 2
    assert "'unsafe-inline'" not in policy[0].partition("script-src")[2]


def test_nothing_is_loaded(demo: list[Run]) -> None:
    page = written(build(groups(demo), title="Demo"))
    for forbidden in (
        "src=",
        "@import",
        "url(",
        "fetch(",
        "<link",
        "http:",
        "https:",
        "XMLHttpRequest",
        "import(",
        "eval(",
    ):
        assert forbidden not in page
    assert not re.search(r"<[^>]+\son\w+=", page)


def test_the_script_is_small() -> None:
    assert len((TEMPLATES / "report.js").read_bytes()) < 15_000


def test_anchors_are_unique_and_lead_somewhere(demo: list[Run]) -> None:
    for page in (build(groups(demo), title="Demo"), _page(tables=9)):
        parsed = _Parsed(written(page))
        ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
        assert len(set(ids)) == len(ids)
        targets = {str(target)[1:] for target in parsed.all("a", "href") if str(target).startswith("#")}
        assert targets <= set(ids)
        keys = parsed.all("table", "data-key")
        assert None not in keys
        assert len(set(keys)) == len(keys)


def test_rows_name_their_runs_and_what_they_are_sorted_by() -> None:
    parsed = _Parsed(written(_page()))
    assert parsed.all("tr", "data-run") == [None, "r1", "r2"]
    values = [value for tag in ("th", "td") for value in parsed.all(tag, "data-v") if value is not None]
    assert values == ["1.25"]  # what is infinite is sorted by its words
    assert parsed.all("table", "data-ordered") == [None]
    assert "data-ordered" in next(attributes for tag, attributes in parsed.elements if tag == "table")


def test_a_run_that_is_not_on_the_page_marks_no_row() -> None:
    assert _Parsed(written(_page(facets=RUNS[:1]))).all("tr", "data-run") == [None, "r1", None]


def test_choices_are_offered_where_there_are_any() -> None:
    page = written(_page())
    boxes = [attributes for tag, attributes in _Parsed(page).elements if attributes.get("type") == "checkbox"]
    assert [(box["name"], box["value"]) for box in boxes] == [
        ("backend", "bytes"), ("backend", "hf"), ("family", "bpe"), ("family", ""), ("model", "toy"), ("model", ""),
    ]  # fmt: skip
    assert "not recorded" in page
    alone = _Parsed(written(_page(facets=RUNS[:1])))
    assert "checkbox" not in alone.all("input", "type")


def test_many_tables_are_folded_each_under_its_name() -> None:
    def folded(tables: int) -> list[str | None]:
        found = _Parsed(written(_page(tables=tables))).elements
        return [
            attributes.get("id") for tag, attributes in found if tag == "details" and attributes.get("class") == "more"
        ]

    assert folded(6) == []
    assert folded(7) == [f"g-part-t{number}" for number in range(1, 8)]


def test_heads_have_a_scope_and_controls_are_hidden_until_the_script_runs() -> None:
    parsed = _Parsed(written(_page(tables=3)))
    assert set(parsed.all("th", "scope")) == {"col", "row"}
    form = next(attributes for tag, attributes in parsed.elements if tag == "form")
    assert "hidden" in form


@pytest.mark.skipif(_charts.available() is not None, reason="the extra report is not installed")
def test_charts_are_drawn_the_same_whatever_else_is_on_the_page() -> None:
    def drawings(page: Page) -> list[str]:
        return re.findall(r"<svg.*?</svg>", written(page), re.DOTALL)

    alone = drawings(_page(charts=2))
    assert len(set(alone)) == 2
    other = GroupView("a", "a", "", [], [replace(_page(charts=1).groups[0].sections[0], anchor="a-part", details=())])
    both = _page(charts=2)
    assert drawings(replace(both, groups=[other, *both.groups]))[1:] == alone
    assert 'data-run="r1"' in alone[0]


def test_a_page_without_charts_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_charts, "available", lambda: "altair is not installed")
    page = written(_page(charts=1))
    assert "made without charts (altair is not installed)" in page
    assert "<svg" not in page
    assert "made without charts" not in written(_page())


@settings(max_examples=40)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30))
def test_strings_are_text_and_change_no_element(text: str) -> None:
    parsed, plain = _Parsed(written(_page(text))), _Parsed(written(_page("zyxw")))
    assert [(tag, list(attributes)) for tag, attributes in parsed.elements] == [
        (tag, list(attributes)) for tag, attributes in plain.elements
    ]
    shown = sum("zyxw" in words for words in plain.texts)
    assert shown > 30
    assert sum(text in words for words in parsed.texts) >= shown


@settings(max_examples=60)
@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
def test_data_of_the_filter_come_back_as_they_were(text: str, model: str) -> None:
    """Whatever characters, lone surrogates and NUL included; nothing of them can end the element or a line."""
    facets = [replace(RUNS[0], text=text), replace(RUNS[1], text=model, ids=None)]
    page = written(_page(facets=facets))
    page.encode()
    data = _Parsed(page).scripts[0]
    assert [one["text"] for one in json.loads(data)] == [text, model]
    assert data.isascii()
    assert not re.search(r"[<>&\x00-\x1f]", data)


def test_the_same_page_gives_the_same_text(demo: list[Run]) -> None:
    page = build(groups(demo), title="Demo")
    assert written(page) == written(page)
