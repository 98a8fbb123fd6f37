"""Charts: every point where its number puts it, the same bytes everywhere, nothing that a page must not have."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.errors import MissingExtraError
from tokbench.report import _charts
from tokbench.report._chart_plan import COLOURS, plan
from tokbench.report._format import label
from tokbench.report._view import Chart, Mark
from tokbench.stats import wilson

drawn = pytest.mark.skipif(_charts.available() is not None, reason=str(_charts.available()))

_TAGS = {"svg", "g", "path", "circle", "text", "title"}
_ATTRIBUTES = {
    "id", "class", "role", "aria-label", "width", "height", "viewBox", "data-run", "d", "transform", "x", "y", "cx",
    "cy", "r", "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "paint-order", "font-size",
    "text-anchor",
}  # fmt: skip
_GRID = "var(--line, #dcdfe5)"
_GROUND = "var(--bg, #ffffff)"


def _shares(rows: int, series: Sequence[str] = ("",)) -> list[Mark]:
    marks = []
    for row in range(rows):
        for place, name in enumerate(series):
            k = (37 * row + 23 * place + 5) % 101
            lo, hi = wilson(k, 100)
            marks.append(Mark(f"hf:model-{row}", k / 100, lo, hi, name, "n = 100", anchor=f"run-{row}"))
    return marks


def _share_chart(marks: Sequence[Mark]) -> Chart:
    return Chart("Accuracy", "share of 100 items", marks, "Models from low to high.", (0.0, 1.0), percent=True)


@pytest.fixture
def full(hostile: str) -> Chart:
    """A chart with everything: several series, hollow points, missing intervals, a line of reference, long names."""
    marks = _shares(13, ("plain", "spaced", "spelt"))
    marks[1] = replace(marks[1], lo=None, hi=None)
    marks[2] = replace(marks[2], toy=True)
    marks[3] = replace(marks[3], row=f"{hostile} {'long ' * 20}end")
    return Chart(
        "Accuracy", "share of items answered exactly, of 1,234 items, with a 95 % interval", marks, "Words.",
        (0.0, 1.0), rule=0.25, rule_label="chance", percent=True,
    )  # fmt: skip


def _read(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314, made here a moment ago


def _parents(root: ET.Element) -> Mapping[ET.Element, ET.Element]:
    return {child: parent for parent in root.iter() for child in parent}


def _inherited(root: ET.Element, element: ET.Element, name: str) -> str:
    parents = _parents(root)
    found: ET.Element | None = element
    while found is not None:
        if (value := found.get(name)) is not None:
            return value
        found = parents.get(found)
    return ""


def _marks(root: ET.Element) -> Iterator[tuple[str, list[ET.Element]]]:
    """For each mark what is said of it, and its shapes."""
    for element in root.iter():
        title = element.find("title")
        if title is None or element.tag == "text":
            continue
        yield title.text or "", [child for child in element if child.tag != "title"] or [element]


def _ends(root: ET.Element) -> tuple[float, float]:
    """Where the first and the last line of the grid stand, which are the ends of the axes of these tests."""
    (grid,) = (path for path in root.iter("path") if _inherited(root, path, "stroke") == _GRID)
    places = [float(x) for x in re.findall(r"M([\d.]+) ", grid.get("d", ""))]
    return min(places), max(places)


def _places(shapes: Sequence[ET.Element]) -> tuple[list[float], list[tuple[float, float]]]:
    """Middles of points, and ends of intervals."""
    points, intervals = [], []
    for shape in shapes:
        if shape.tag == "circle":
            points.append(float(shape.get("cx", "")))
        elif (moved := re.fullmatch(r"translate\(([\d.]+),[\d.]+\)", shape.get("transform", ""))) is not None:
            points.append(float(moved[1]))
        else:
            line = re.fullmatch(r"M([\d.]+) [\d.]+H([\d.]+)", shape.get("d", ""))
            assert line is not None
            intervals.append((float(line[1]), float(line[2])))
    return points, intervals


def _check_places(chart: Chart, text: str, domain: tuple[float, float]) -> None:
    """Read all numbers back from a drawing and hold them against those of the chart."""
    root = _read(text)
    left, right = _ends(root)

    def at(value: float) -> object:
        return pytest.approx(left + (value - domain[0]) / (domain[1] - domain[0]) * (right - left), abs=0.011)

    found = list(_marks(root))
    assert len(found) == len(chart.marks)
    for mark in chart.marks:
        begins = "; ".join([label(mark.row), mark.series, ""] if mark.series else [label(mark.row), ""])
        (shapes,) = (shapes for words, shapes in found if words.startswith(begins))
        points, intervals = _places(shapes)
        assert points == [at(mark.value)]
        assert intervals == ([] if mark.lo is None or mark.hi is None else [(at(mark.lo), at(mark.hi))])


@drawn
def test_every_mark_stands_where_its_number_puts_it() -> None:
    for chart in (_share_chart(_shares(9)), _share_chart(_shares(9, ("a", "b", "c", "d", "e")))):
        _check_places(chart, _charts.svg(chart, number=1), (0.0, 1.0))


@drawn
@pytest.mark.parametrize("field", ["value", "lo", "hi"])
def test_a_planted_wrong_number_is_seen(field: str) -> None:
    chart = _share_chart(_shares(3))
    marks = list(chart.marks)
    wrong = {"value": 0.43, "lo": 0.3, "hi": 0.51}[field]
    marks[1] = replace(marks[1], **{field: wrong})  # type: ignore[arg-type]
    text = _charts.svg(replace(chart, marks=marks), number=1)
    with pytest.raises(AssertionError):
        _check_places(chart, text, (0.0, 1.0))


@drawn
def test_an_axis_that_fits_the_marks_has_round_ends() -> None:
    marks = [Mark("a", 1.37, 1.24, 1.51), Mark("b", 2.02), Mark("c", 1.8, 1.7, 2.13)]
    chart = Chart("Fertility", "tokens a word", marks, "Three.")
    text = _charts.svg(chart, number=1)
    assert plan(chart).domain == (1.2, 2.2)
    _check_places(chart, text, (1.2, 2.2))
    assert re.findall(r">(\d\.\d)<", text) == ["1.2", "1.4", "1.6", "1.8", "2.0", "2.2"]


@drawn
def test_a_mark_outside_the_axis_asked_for_moves_its_end() -> None:
    chart = Chart("Ratio", "ratio", [Mark("a", -0.5, -0.75, 0.2), Mark("b", 0.5)], "Two.", (0.0, 1.0))
    text = _charts.svg(chart, number=1)
    assert plan(chart).domain == (-0.75, 1.0)
    root = _read(text)
    (_, first), _ = _marks(root)
    assert _places(first)[1][0][0] == pytest.approx(12.0)  # the left end of the band
    rounding = Chart("Share", "share", [Mark("a", 1.0, 0.9, 1.0 + 2e-16)], "One.", (0.0, 1.0))
    assert plan(rounding).domain == (0.0, 1.0)


@drawn
def test_a_mark_without_an_interval_is_a_point_alone() -> None:
    chart = _share_chart([Mark("a", 0.2), Mark("b", 0.4, 0.3, 0.5)])
    found = [_places(shapes) for _, shapes in _marks(_read(_charts.svg(chart, number=1)))]
    assert [len(intervals) for _, intervals in found] == [0, 1]
    assert all(len(points) == 1 for points, _ in found)


@drawn
def test_the_line_of_reference_stands_where_it_should() -> None:
    chart = replace(_share_chart(_shares(3)), rule=0.25, rule_label="chance")
    text = _charts.svg(chart, number=1)
    root = _read(text)
    (line,) = (path for path in root.iter("path") if path.get("stroke-width") == "1.5")
    left, right = _ends(root)
    assert float(re.findall(r"M([\d.]+) ", line.get("d", ""))[0]) == pytest.approx(left + (right - left) / 4)
    assert "chance" in text


@drawn
def test_rows_stand_in_the_order_given_and_do_not_touch() -> None:
    chart = _share_chart(_shares(7)[::-1])
    names = [(float(text.get("y", "")), text.text) for text in _read(_charts.svg(chart, number=1)).iter("text")]
    rows = sorted((y, name) for y, name in names if name is not None and name.startswith("hf:"))
    assert [name for _, name in rows] == [mark.row for mark in chart.marks]
    heights = [y for y, _ in rows]
    assert all(after - before > 30 for before, after in itertools.pairwise(heights))


@drawn
def test_series_differ_in_shape_colour_and_height_and_are_named() -> None:
    names = ("plain", "spaced", "spelt", "fourth")
    root = _read(_charts.svg(_share_chart(_shares(1, names)), number=1))
    looks, heights = set(), set()
    for _, shapes in _marks(root):
        (point,) = (shape for shape in shapes if shape.tag == "circle" or shape.get("transform"))
        looks.add((point.get("d", "circle"), _inherited(root, point, "fill")))
        heights.add(point.get("cy") or point.get("transform", "").partition(",")[2])
    assert len({shape for shape, _ in looks}) == len({colour for _, colour in looks}) == len(heights) == 4
    texts = [text.text for text in root.iter("text")]
    assert all(texts.count(name) == 1 for name in names)


@drawn
def test_series_of_different_rows_share_a_lane() -> None:
    marks = [replace(mark, series=f"backend {index}") for index, mark in enumerate(_shares(3))]
    assert plan(_share_chart(marks)).height == plan(_share_chart(_shares(3))).height


@drawn
def test_toys_are_hollow_and_the_legend_says_so() -> None:
    marks = _shares(2)
    marks[1] = replace(marks[1], toy=True)
    text = _charts.svg(_share_chart(marks), number=1)
    root = _read(text)
    fills = [_inherited(root, shapes[-1], "fill") for _, shapes in _marks(root)]
    assert fills == [COLOURS[0], _GROUND]
    said = "scripted or embedded model"
    assert f">{said}<" in text
    assert said not in _charts.svg(_share_chart(_shares(2)), number=1)


@drawn
def test_what_is_said_of_a_mark_has_its_numbers() -> None:
    words = [words for words, _ in _marks(_read(_charts.svg(_share_chart(_shares(1)), number=1)))]
    assert words == ["hf:model-0; 5.00 % [2.15 %, 11.18 %]; n = 100"]
    small = Chart("Small", "bits", [Mark("a", 3e-5, -2e-6, 1234567.0)], "One.")
    words = [words for words, _ in _marks(_read(_charts.svg(small, number=1)))]
    assert words == ["a; 3.0e-05 [-2.0e-06, 1,234,567]"]


@drawn
def test_hostile_texts_stay_text(full: Chart, hostile: str) -> None:
    marks = [
        replace(mark, series=mark.series + hostile, note=hostile, anchor=f'"{mark.anchor}<>') for mark in full.marks
    ]
    chart = replace(full, marks=marks, title=hostile, alt=hostile, x=hostile * 9, rule_label=hostile)
    text = _charts.svg(chart, number=7)
    root = _read(text)
    assert {element.tag for element in root.iter()} <= _TAGS
    assert {name for element in root.iter() for name in element.keys()} <= _ATTRIBUTES  # noqa: SIM118, no mapping
    assert text.isascii() or all(char.isprintable() for char in text)
    text.encode()
    assert any(label(f"{hostile} long") in (title.text or "") for title in root.iter("title"))
    assert root.get("aria-label") == f"{label(hostile)}. {label(hostile)}"


@drawn
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=8, deadline=None)
def test_any_text_leaves_a_well_formed_drawing(row: str, series: str, title: str) -> None:
    chart = Chart(
        title, title, [Mark(row, 0.5, series=series, note=title, anchor=row)], title, rule=0.2, rule_label=row
    )
    root = _read(_charts.svg(chart, number=1))
    (words,) = (words for words, _ in _marks(root))
    assert words.startswith(label(row))


@drawn
def test_a_drawing_loads_nothing_and_names_itself(full: Chart) -> None:
    text = _charts.svg(replace(full, marks=full.marks[4:]), number=3)
    for forbidden in (
        "src=",
        "href",
        "@import",
        "url(",
        "<script",
        "http:",
        "https:",
        "xmlns",
        "font-family",
        "style=",
    ):
        assert forbidden not in text
    root = _read(text)
    assert [element.get("id") for element in root.iter() if element.get("id")] == ["chart-3"]
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Accuracy. Words."
    colours = {value for element in root.iter() for name in ("fill", "stroke") if (value := element.get(name))}
    assert all(value in {"none", "currentColor"} or value.startswith("var(--") for value in colours)
    runs = {element.get("data-run") for element in root.iter() if element.get("data-run")}
    assert runs == {mark.anchor for mark in full.marks[4:]}


@drawn
def test_charts_are_small() -> None:
    assert len(_charts.svg(_share_chart(_shares(20)), number=1)) < 12_000
    assert len(_charts.svg(_share_chart(_shares(60)), number=1)) < 40_000
    assert len(_charts.svg(_share_chart(_shares(60, ("plain", "spaced"))), number=1)) < 45_000


_SCRIPT = """
import hashlib
from tokbench.report._charts import svg
from tokbench.report._view import Chart, Mark
marks = [Mark(f"row {index % 7}", index / 40, index / 50, index / 30, f"series {index // 7}", toy=index == 3)
         for index in range(21)]
text = svg(Chart("T", "x", marks, "alt", rule=0.1, rule_label="r", percent=True), number=2)
print(hashlib.sha256(text.encode()).hexdigest())
"""


@drawn
def test_hash_seed_time_zone_language_and_folder_do_not_matter(tmp_path: Path) -> None:
    found = set()
    for seed, zone, language in (("0", "UTC", "C"), ("1", "Pacific/Auckland", "de_DE.UTF-8")):
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": language, "LANG": language},
            cwd=tmp_path, check=True, capture_output=True, text=True,
        )  # fmt: skip
        found.add(done.stdout)
    assert len(found) == 1


@drawn
def test_a_chart_is_drawn_the_same_again_and_after_others(full: Chart) -> None:
    first = _charts.svg(full, number=1)
    _charts.svg(_share_chart(_shares(3)), number=2)
    assert _charts.svg(full, number=1) == first
    assert _charts.svg(full, number=5) == first.replace('id="chart-1"', 'id="chart-5"')


@drawn
def test_the_specification_is_one_of_vega_lite(full: Chart) -> None:
    from tokbench.report._chart_spec import specification

    found = specification(full, plan(full), validate=True)
    assert "layer" in found
    assert {"data 0", "data 1"} <= set(found["datasets"])


def test_the_report_does_not_import_altair_before_it_draws() -> None:
    code = "import sys; from tokbench.report import _charts; print({'altair', 'vl_convert'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(("module", "library"), [("altair", "altair"), ("vl_convert", "vl-convert-python")])
def test_without_the_extra_the_line_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, library: str
) -> None:
    for name in ("altair", "vl_convert"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    known = {"altair", "vl_convert"} - {module}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if name in known else None)
    reason = _charts.available()
    assert reason is not None
    assert library in reason
    assert "pip install 'tokbench[report]'" in reason
    with pytest.raises(MissingExtraError) as caught:
        _charts.svg(_share_chart(_shares(1)), number=1)
    assert caught.value.extra == "report"


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        (_share_chart([]), "has no marks"),
        (_share_chart([Mark("a", float("nan"))]), "not finite"),
        (_share_chart([Mark("a", 0.1, 0.0, float("inf"))]), "not finite"),
        (_share_chart([Mark("a", 0.1, lo=0.0)]), "one end"),
        (_share_chart([Mark("a", 0.1, hi=0.2)]), "one end"),
        (replace(_share_chart([Mark("a", 0.1)]), rule=float("inf")), "line of reference"),
        (replace(_share_chart([Mark("a", 0.1)]), domain=(1.0, 1.0)), "an axis from"),
        (replace(_share_chart([Mark("a", 0.1)]), domain=(0.0, float("inf"))), "an axis from"),
    ],
)
def test_what_cannot_be_drawn_is_refused(chart: Chart, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _charts.svg(chart, number=1)


@drawn
@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1e-8), (0.99, 0.991), (0.0, 3e8), (-4e-5, 2e-5), (1200.0, 1900.0), (0.0, 0.4)]
)
def test_numbers_of_an_axis_differ(low: float, high: float) -> None:
    chart = Chart("T", "x", [Mark("a", low), Mark("b", high)], "alt")
    numbers = [text.text for text in _read(_charts.svg(chart, number=1)).iter("text")][: len(plan(chart).ticks)]
    assert len(set(numbers)) == len(numbers) >= 3
    assert all(re.fullmatch(r"−?[\d,.]+(e[-−+]?\d+)?", text or "") for text in numbers)
