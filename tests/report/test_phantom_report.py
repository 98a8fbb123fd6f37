"""The report of the suite phantom: a tokenizer alone, a model with ids, one without, and what has no value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO

import pytest
from phantom_items import TEXT, TINY, canonical_reply, item, reply
from phantom_laws import recut

from tokbench import report
from tokbench._terminal.phantom import summary_tables
from tokbench._terminal.reporting import legends, overview_tables
from tokbench.models.completion import Completion
from tokbench.results import Metric, Run, Sample
from tokbench.suites.phantom.answers import rows_of
from tokbench.suites.phantom.grading import grade
from tokbench.suites.phantom.item import Marking
from tokbench.suites.phantom.metrics import phantom_metrics

HOUSE = TEXT.index(" house")
STRANGE = reply(TEXT, recut(TINY, TEXT, HOUSE, HOUSE + 6, [" ", "h", "o", "u", "s", "e"]))
CENSUS = [
    Metric(metric="census.ambiguity", value=6.5, n=200, lo=6.0, hi=7.0, method="clustered"),
    Metric(metric="census.twins", value=0.25, k=1, n=4, method="exact"),
    Metric(metric="census.marker", value=1.0, k=200, n=200, lo=0.98, hi=1.0, method="wilson", filter="bracket"),
    Metric(metric="census.available", value=0.5, k=100, n=200, lo=0.43, hi=0.57, method="wilson", filter="E1"),
    Metric(metric="census.drift", value=None, reason="its spans <b>do not</b> tile"),
]


def _run(name: str, model: str | None, samples: Sequence[Sample], metrics: Sequence[Metric]) -> Run:
    record = {
        "schema": 1,
        "run": {"id": f"phantom-{name}", "key": (name * 8)[:32], "status": "complete", "suite": "phantom",
                "suite_version": "phantom-1", "tokenizer": name, "model": model, "options": {}},
        "tokbench": {"version": "0", "profile": "smoke", "seed": 0, "command": "tokbench", "items_sha256": {}},
        "tokenizer": {"spec": f"toy:{name}"},
        "model": {} if model is None else {"spec": model},
        "time": {"end": "2026-01-01T00:00:00Z"},
    }  # fmt: skip
    return Run(record, list(samples), list(metrics))


def _answered(name: str, answers: dict[Marking, list[Completion]], *, ids: bool = True) -> Run:
    samples = []
    for marking, completions in answers.items():
        for place, completion in enumerate(completions):
            entry = item(("house", "old", "window")[place], marking=marking)
            numbered = replace(entry, item_id=f"phantom-1/common/{place}/{marking}")
            said = completion if ids else replace(completion, ids=None)
            samples += rows_of(numbered, said, grade(numbered, said, TINY))
    return _run(name, f"openai:{name}", samples, [*CENSUS, *phantom_metrics(samples)])


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    plain, other = canonical_reply(TINY, TEXT), canonical_reply(TINY, TEXT.replace("old", "young"))
    answers: dict[Marking, list[Completion]] = {
        "bracket": [plain, other, plain], "ordinal": [STRANGE, other, plain], "copy": [plain, plain, plain],
    }  # fmt: skip
    return [_run("alone", None, [], CENSUS), _answered("said", answers), _answered("mute", answers, ids=False)]


def test_the_page_answers_the_questions_of_the_suite(runs: list[Run]) -> None:
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", report.render(runs, format="html")))
    for words in (
        "Census of tokenizers", "6.5000", "6.0000 to 7.0000; n = 200", "Rates by marking", "66.67 %",
        "2 of 3; 20.77 % to 93.85 %", "33.33 %", "1 of 3; 6.15 % to 79.23 %", "Classes of the paper",
        "Classes of this suite", "Markings on shared targets", "exact McNemar",
        "the model does not say which ids it emitted", "openai:said", "its spans &lt;b&gt;do not&lt;/b&gt; tile",
    ):  # fmt: skip
        assert words in page, words


def test_examples_say_what_was_emitted(runs: list[Run]) -> None:
    page = report.render(runs, format="html")
    start = page.index("phantom-1/common/0/ordinal")
    shown = page[start : start + 400]
    assert "came back as" in shown
    assert "strict, noncanonical out" in shown
    # the one without a reason in its context is shown first
    assert start < page.index("phantom-1/common/0/bracket")


def test_the_same_runs_give_the_same_page(runs: list[Run]) -> None:
    for fmt in report.TEXT_FORMATS:
        assert report.render(runs, format=fmt) == report.render(list(reversed(runs)), format=fmt)


def test_the_other_formats_drop_no_number(runs: list[Run]) -> None:
    table = report.render(runs, format="csv")
    assert all(metric.metric in table for run in runs for metric in run.metric_rows)


def test_the_terminal_has_eighty_columns(runs: list[Run]) -> None:
    from rich.console import Console

    long = _run("a" * 60, None, [], CENSUS)
    for tables in (summary_tables([*runs, long]), overview_tables([*runs, long])):
        screen = Console(width=80, record=True, file=StringIO())
        for table in tables:
            screen.print(table)
        text = screen.export_text()
        assert all(len(line) <= 80 for line in text.splitlines())
        assert "66.7 [20.8–93.9]" in text
        assert "openai:mute" in text
        assert text.count("paper: same word") == 1
    assert legends(runs) == []
