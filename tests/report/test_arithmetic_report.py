"""The report of the arithmetic suite: a run with replies, a tokenizer alone, and what has no value."""

from __future__ import annotations

import random

from arithmetic_tokenizers import l2r

from tokbench import report
from tokbench.results import Metric, Run, Sample
from tokbench.stats import wilson
from tokbench.suites.arithmetic.formats import format_number
from tokbench.suites.arithmetic.grading import Segmenter, grade_reply
from tokbench.suites.arithmetic.item import plain
from tokbench.suites.arithmetic.metrics import run_metrics
from tokbench.suites.arithmetic.problem import Problem
from tokbench.suites.arithmetic.rows import Row, group_of_condition


def _run(name: str, samples: list[Sample], metrics: list[Metric]) -> Run:
    record = {
        "schema": 1,
        "run": {"id": f"arithmetic-{name}", "key": name * 8, "status": "complete", "suite": "arithmetic",
                "suite_version": "arithmetic-1", "tokenizer": name, "model": None, "options": {}},
        "tokbench": {"version": "0", "profile": "smoke", "seed": 0, "command": "tokbench", "items_sha256": {}},
        "tokenizer": {"spec": f"toy:{name}"},
        "model": {},
        "time": {"end": "2026-01-01T00:00:00Z"},
    }  # fmt: skip
    return Run(record, samples, metrics)


def _aligned(k: int, n: int) -> Metric:
    lo, hi = wilson(k, n)
    return Metric(metric="alignment.answers", value=k / n, k=k, n=n, lo=lo, hi=hi, method="wilson", filter="all")


def _policy(text: str | None) -> Sample:
    return Sample(item_id="policy", metric="policy", outcome="correct" if text else "skipped", completion=text,
                  message="the same in all contexts" if text else "no token holds a digit")  # fmt: skip


def _rows() -> list[Row]:
    generator, cut, rows = random.Random(0), Segmenter(l2r()), []
    for at in range(60):
        problem = Problem("+", generator.randrange(10**6, 10**7), generator.randrange(10**6, 10**7))
        for fmt in ("nosep", "comma_r2l"):
            condition = plain(fmt)
            wrong = fmt == "nosep" and not problem.length_match
            reply = format_number(problem.answer + (10**4 if wrong else 0), condition.out_fmt)
            graded = grade_reply(
                problem, reply, cut(problem, condition.in_fmt, condition.out_fmt), out_fmt=condition.out_fmt
            )
            rows.append(
                Row(number=0, group=group_of_condition(condition), key=str(at), sample="0", graded=graded, reply=reply,
                    expected=reply)
            )  # fmt: skip
    return rows


def _pages() -> tuple[str, str]:
    replies = _run("left", [_policy("L2R-3")], [_aligned(81, 162), *run_metrics(_rows(), tokenizer=l2r())])
    alone = _run(
        "none", [_policy(None)], [Metric(metric="alignment.answers", value=None, filter="all", reason="fused")]
    )
    runs = [replies, alone]
    return report.render(runs, format="html"), report.render(runs, format="csv")


def test_the_page_answers_the_questions_of_the_suite() -> None:
    page, _ = _pages()
    for words in ("Overview of runs", "L2R-3", "50.00 %", "Right answers by condition", "Direction gap",
                  "comma_r2l against nosep", "Labels, each reply once", "Strata that alignment separates",
                  "no token holds a digit", "no model", "fused"):  # fmt: skip
        assert words in page, words
    mismatch = sum(not row.problem.length_match for row in _rows()) // 2
    assert f"0 of {mismatch}, " in page


def test_the_table_of_all_numbers_drops_none() -> None:
    _, table = _pages()
    names = {metric.metric for metric in run_metrics(_rows(), tokenizer=l2r())}
    assert all(name in table for name in names)


def test_the_same_runs_give_the_same_page() -> None:
    assert _pages() == _pages()
