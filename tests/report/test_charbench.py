"""The section on charbench: nothing hostile is run, toys have no rank, the paper's table beside its design only."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tokbench import report
from tokbench.report import scored_tasks
from tokbench.results import Metric, Run, Sample
from tokbench.stats import wilson

TASKS = ("count_char", "count_unique", "find_first", "find_last")
N = 40


def _run(model: str, right: int, *, toy: bool = False, gold: str = "balanced", prompt: str = "plain") -> Run:
    """A run that is right on the first items of each task."""
    metrics, samples = [], []
    for task in TASKS:
        lo, hi = wilson(right, N)
        metrics += [
            Metric(
                metric="charbench.strict", value=right / N, k=right, n=N, lo=lo, hi=hi, method="wilson", filter=task
            ),
            Metric(metric="charbench.baseline.const", value=0.25, n=N, filter=task),
        ]
        samples += [
            Sample(item_id=f"{task}/{place}", metric="charbench.strict", stratum=task, cluster=f"word{place}",
                   outcome="correct" if place < right else "wrong") for place in range(N)
        ]  # fmt: skip
    record = {
        "schema": 1,
        "run": {"id": f"charbench-{len(model)}-{right}", "key": f"{right:08d}", "status": "complete",
                "suite": "charbench", "suite_version": "charbench-1", "tokenizer": "bytes", "model": model,
                "options": {"gold": gold, "prompt": prompt, "mode": "generate"}},
        "tokbench": {"version": "0.1.0", "profile": "core", "items_sha256": {"items": "1" * 64}},
        "tokenizer": {"spec": "bytes"}, "model": {"spec": model, "synthetic": toy},
        "time": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:01Z"},
    }  # fmt: skip
    return Run(record, samples, metrics)


def _text(runs: Sequence[Run]) -> str:
    return report.render(runs, format="markdown").replace("\\", "")


def test_separated_models_have_ranks_and_toys_none() -> None:
    text = _text([_run("strong", 38), _run("weak", 20), _run("toy", 39, toy=True)])
    assert "| 1 (group a) |" in text
    assert "| 2 (group b) |" in text
    assert "| 95.00 % (83.50 % to 98.62 %) | 38 of 40 | 100.00 % (40 of 40) |" in text
    assert text.count("toy, not ranked") == len(TASKS)


def test_models_that_are_not_separated_share_a_letter() -> None:
    text = _text([_run("one", 30), _run("two", 29)])
    assert text.count("| 1 to 2 (group a) |") == 2 * len(TASKS)


@pytest.mark.parametrize(("right", "words"), [(10, "at baseline (const)"), (13, "at baseline (const)"),
                                              (0, "below baseline"), (20, "alone")])  # fmt: skip
def test_a_score_at_its_baseline_has_no_rank(right: int, words: str) -> None:
    assert f"| {words} |" in _text([_run("model", right)])


def test_the_table_of_the_paper_stands_beside_its_own_design_only() -> None:
    other = _text([_run("model", 20)])
    assert "not comparable with arXiv 2508.02591, table 2: gold balanced (needs natural), prompt plain" in other
    assert "GPT-4o" not in other
    same = _text([_run("model", 20, gold="natural", prompt="charbench-2025")])
    for row in ("Average, as printed | published | a mean | 50.33 | 77.34 | 47.96 | 43.64 | 32.37 |",
                "Mean of the rows above | published | a mean | 50.47 | 77.20 | 48.68 | 43.35 | 32.47 |",
                "GPT-4o | published | 175,000 | 70.73 | 89.45 | 65.51 | 64.65 | 63.14 |",
                "bytes / model | this run | 160 | 50.00"):  # fmt: skip
        assert row in same


def test_names_of_models_are_escaped() -> None:
    page = report.render([_run("</script><b onclick=x>\u202e", 20)], format="html")
    assert "<b onclick" not in page
    assert "\u202e" not in page


def test_best_trivial_answers_are_read_back() -> None:
    rows = _run("model", 0).metric_rows
    assert [(task.name, task.best, task.below) for task in scored_tasks(rows)] == [
        (name, ("const", 0.25), True) for name in TASKS
    ]
