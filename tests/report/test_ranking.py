"""Ranks come from paired tests on common items; runs that may not be ranked say why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import pytest

from tokbench.report._groups import Entry, Group, groups
from tokbench.report._ranking import Answers, Contest, answers, barred, places, ranking_section
from tokbench.report._view import Cell
from tokbench.results import Run, Sample


def _run(name: str, rows: Sequence[Sample], *, toy: bool = False, complete: bool = True) -> Run:
    record: dict[str, object] = {
        "schema": 1,
        "run": {"id": f"demo-{name}", "key": name, "status": "complete" if complete else "running", "suite": "demo",
                "suite_version": "demo-1", "tokenizer": name, "model": None, "options": {}},
        "tokbench": {"version": "0", "command": "tokbench", "profile": "core", "seed": 0, "items_sha256": {}},
        "tokenizer": {"spec": f"demo:{name}"}, "model": {"synthetic": toy}, "environment": {},
        "time": {"start": "2026-01-01T00:00:00Z"},
    }  # fmt: skip
    return Run(record, rows, [])


def _group(runs: Sequence[Run]) -> Group:
    (found,) = groups(runs)
    return found


def _contest(rights: Mapping[str, Mapping[str, bool]]) -> tuple[Group, Contest]:
    group = _group([_run(name, []) for name in rights])
    anchors = {entry.label: entry.anchor for entry in group.entries}
    given = {anchors[name]: Answers(dict(right), {item: item for item in right}) for name, right in rights.items()}
    return group, Contest("question", given, {})


def _pairs(first_only: int, second_only: int, both: int = 0) -> tuple[dict[str, bool], dict[str, bool]]:
    flags = [(True, False)] * first_only + [(False, True)] * second_only + [(True, True)] * both
    return tuple({str(item): pair[side] for item, pair in enumerate(flags)} for side in (0, 1))  # type: ignore[return-value]


def _rows(group: Group, contest: Contest) -> list[list[str]]:
    section = ranking_section(group, [contest], question="Task", right="Right", intro="Note.")
    (table,) = section.tables
    return [[cell.text for cell in row] for row in table.rows]


def test_two_runs_that_the_test_separates_have_one_rank_each() -> None:
    first, second = _pairs(12, 0, both=4)
    group, contest = _contest({"better": first, "worse": second})
    rows = _rows(group, contest)
    assert [row[1:4] for row in rows] == [["better", "1", "a"], ["worse", "2", "b"]]
    assert rows[0][5:7] == ["16 of 16", "100.00 %"]
    assert rows[1][5] == "4 of 16"


def test_intervals_that_do_not_overlap_are_not_what_ranks() -> None:
    # 5 of 5 discordant items: Wilson's intervals of 0 of 5 and 5 of 5 are apart, the exact test is not below 0.05
    first, second = _pairs(5, 0)
    group, contest = _contest({"one": first, "two": second})
    assert [row[2:4] for row in _rows(group, contest)] == [["1 to 2", "a"], ["1 to 2", "a"]]


def test_only_common_items_rank_and_coverage_is_shown() -> None:
    full = {str(item): item < 10 for item in range(20)}  # right on the first half only
    part = {str(item): False for item in range(10)}
    group, contest = _contest({"full": full, "part": part})
    (first, second) = _rows(group, contest)
    assert first[1] == "full"
    assert first[4:8] == ["100.00 %", "10 of 10", "50.00 %", "50.00 %"]  # on common items, k of n, coverage, on its own
    assert second[4:8] == ["0.00 %", "0 of 10", "100.00 %", "0.00 %"]


def test_a_third_run_never_makes_the_common_items_more() -> None:
    one, two = _pairs(3, 4, both=5)
    third = dict.fromkeys(list(one)[:6], True)
    _, before = _contest({"one": one, "two": two})
    group, after = _contest({"one": one, "two": two, "three": third})
    assert {row[5].split(" of ")[1] for row in _rows(group, after)} == {"6"}
    assert len(next(iter(before.answers.values())).right) == 12


def test_an_item_without_cluster_stands_alone_and_skipped_ones_do_not_count() -> None:
    rows = [
        Sample(item_id="a", metric="m", outcome="correct"), Sample(item_id="b", metric="m", outcome="failed"),
        Sample(item_id="c", metric="m", outcome="skipped", message="does not apply"),
        Sample(item_id="d", metric="other", outcome="correct"), Sample(item_id="e", metric="m", outcome="wrong",
                                                                       cluster="w"),
    ]  # fmt: skip
    found = answers(Entry(_run("one", rows)), pl.col("metric") == "m")
    assert found.right == {"a": True, "b": False, "e": False}
    assert found.clusters == {"a": "a", "b": "b", "e": "w"}


def test_what_is_right_can_be_said_by_the_suite() -> None:
    rows = [Sample(item_id=name, metric="m", outcome="wrong", detail={"status": status})
            for name, status in (("a", "DIFFERENT"), ("b", "UNCHANGED"))]  # fmt: skip
    kept = pl.col("detail.status") != "DIFFERENT"
    assert answers(Entry(_run("one", rows)), pl.lit(value=True), kept, ["status"]).right == {"a": False, "b": True}


@pytest.mark.parametrize(
    ("toy", "complete", "words"), [(True, True, "toy, not ranked"), (False, False, "not finished")]
)
def test_toys_and_unfinished_runs_are_barred(*, toy: bool, complete: bool, words: str) -> None:
    found = barred(Entry(_run("one", [], toy=toy, complete=complete)))
    assert found is not None
    assert found.text == words
    assert barred(Entry(_run("one", []))) is None


def test_a_run_without_partner_is_alone() -> None:
    group, contest = _contest({"one": {"a": True}})
    (cell,) = places(contest).values()
    assert cell.text == "alone"
    section = ranking_section(group, [contest], question="Task", right="Right", intro="Note.")
    assert not section.tables
    assert section.intro == "No ranking: it takes two runs that can be ranked, and there is one."


def test_runs_without_a_common_item_are_not_ranked() -> None:
    group, contest = _contest({"one": {"a": True}, "two": {"b": True}})
    assert {cell.text for cell in places(contest).values()} == {"no item in common"}
    section = ranking_section(group, [contest], question="Task", right="Right", intro="Note.")
    assert section.intro == "No ranking: the runs have no item in common."


def test_reasons_stand_in_the_place_of_a_rank() -> None:
    _, contest = _contest({"one": {"a": True}, "two": {"a": False}})
    barred_too = Contest(contest.name, contest.answers, {"x": Cell("toy, not ranked")})
    assert {cell.text for cell in places(barred_too).values()} == {"1 to 2", "toy, not ranked"}


def test_repeated_words_are_not_counted_as_many() -> None:
    # twelve discordant items of one word are one observation: the same items with a word each separate the runs
    first, second = _pairs(12, 0, both=12)
    group = _group([_run("better", []), _run("worse", [])])
    anchors = [entry.anchor for entry in group.entries]
    word = {item: "w" if int(item) < 12 else "v" for item in first}
    one = Contest("q", {anchors[0]: Answers(first, word), anchors[1]: Answers(second, word)}, {})
    assert [row[3] for row in _rows(group, one)] == ["a", "a"]
    alone = {item: item for item in first}
    many = Contest("q", {anchors[0]: Answers(first, alone), anchors[1]: Answers(second, alone)}, {})
    assert [row[3] for row in _rows(group, many)] == ["a", "b"]
