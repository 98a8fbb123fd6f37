"""Laws of the leaderboard.

- ranks: the fast way and the readable one agree in every field, for any answers, with clusters and without
- ranks: a row's place lies within its rank interval, and the common items never grow with another row
- rows that are asked for by a filter are those that a loop over all rows finds
- no order of runs, rows or fields of a record shows in any format
- a run of another suite changes nothing in the rows of the others
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench import report, stats
from tokbench.errors import MetricInputError
from tokbench.report._groups import Entry
from tokbench.results import Metric, Outcome, Run, Sample
from tokbench.results._rows import OUTCOMES

pytestmark = pytest.mark.property

SETTINGS = settings(max_examples=40)

# ---------------------------------------------------------------------- ranks


def readable_rank(
    answers: Mapping[str, Mapping[str, bool]], clusters: Mapping[str, Hashable] | None = None, *, seed: int = 0
) -> list[stats.Ranked]:
    """The twin of :func:`tokbench.stats.rank`: every pair by itself, item by item."""
    items = stats.common_support(answers)
    if not items:
        raise MetricInputError("ranking", None, "no item has an outcome in every row")
    shares = {name: sum(row[item] for item in items) / len(items) for name, row in answers.items()}
    names = sorted(answers, key=lambda name: (-shares[name], name))
    pairs = [(one, two) for index, one in enumerate(names) for two in names[index + 1 :]]
    tests = []
    for one, two in pairs:
        first, second = [answers[one][item] for item in items], [answers[two][item] for item in items]
        only_first = sum(a and not b for a, b in zip(first, second, strict=True))
        only_second = sum(b and not a for a, b in zip(first, second, strict=True))
        p = stats.mcnemar_exact(only_first, only_second)
        if clusters is not None:
            p = max(p, stats.paired_bootstrap(first, second, [clusters[item] for item in items], seed=seed))
        tests.append(p)
    separated = {
        frozenset(pair)
        for pair, p in zip(pairs, stats.holm(tests), strict=True)
        if p < 1 - stats.CONFIDENCE and shares[pair[0]] != shares[pair[1]]
    }
    groups = stats.letters(names, separated)
    ranked = []
    for name in names:
        apart = [other for other in names if frozenset((name, other)) in separated]
        above = sum(shares[other] > shares[name] for other in apart)
        worst = len(names) - (len(apart) - above)
        ranked.append(stats.Ranked(name, shares[name], len(items), groups[name], 1 + above, worst))
    return ranked


@st.composite
def answered(draw: st.DrawFn) -> tuple[dict[str, dict[str, bool]], dict[str, int]]:
    """Answers of some rows of different ability, some items not asked, and a cluster for each item."""
    n = draw(st.sampled_from([2, 5, 20, 60]))
    rng = draw(st.randoms(use_true_random=False))
    rows = {
        f"row {number}": {f"item {item}": rng.random() < 0.2 + 0.2 * number for item in range(n) if rng.random() < 0.97}
        for number in range(draw(st.integers(1, 4)))
    }
    return rows, {f"item {item}": item // draw(st.sampled_from([1, 2, 3])) for item in range(n)}


@SETTINGS
@given(answered(), st.booleans(), st.integers(0, 3))
def test_fast_and_readable_ranks_agree(
    drawn: tuple[dict[str, dict[str, bool]], dict[str, int]], clustered: bool, seed: int  # noqa: FBT001, drawn
) -> None:  # fmt: skip
    rows, clusters = drawn
    found: list[list[stats.Ranked] | str] = []
    for rank in (readable_rank, stats.rank):
        try:
            found.append(rank(rows, clusters if clustered else None, seed=seed))
        except MetricInputError as error:
            found.append(str(error))
    assert found[0] == found[1]


@SETTINGS
@given(answered())
def test_a_place_lies_in_its_interval_and_common_items_never_grow(
    drawn: tuple[dict[str, dict[str, bool]], dict[str, int]],
) -> None:
    rows, _ = drawn
    names = list(rows)
    sizes = [len(stats.common_support({name: rows[name] for name in names[:end]})) for end in range(1, len(names) + 1)]
    assert sizes == sorted(sizes, reverse=True)
    if sizes[-1]:
        for place, row in enumerate(stats.rank(rows), 1):
            assert row.best <= place <= row.worst


# ---------------------------------------------------------------------- rows

TEXTS = st.text(st.characters(), max_size=4)
NAMES = st.builds(lambda *parts: "/".join(parts), st.sampled_from(["law", "parity", "x"]), TEXTS, TEXTS, TEXTS)


@st.composite
def sample(draw: st.DrawFn) -> Sample:
    """A row with any strings, surrogates among them."""
    outcome: Outcome = draw(st.sampled_from(OUTCOMES))
    return Sample(
        item_id=draw(NAMES), metric=draw(st.sampled_from(["law", "m"])), outcome=outcome, stratum=draw(TEXTS),
        score=draw(st.sampled_from([None, 0.0, 1.0])), message=draw(TEXTS),
        detail=draw(st.sampled_from([None, {}, {"status": "DIFFERENT", "n": 2, "strict": True}])),
    )  # fmt: skip


def _run(samples: list[Sample], metrics: list[Metric], suite: str = "exactness", key: str = "k") -> Run:
    record: dict[str, object] = {
        "schema": 1,
        "run": {"id": f"{suite}-{key}", "key": key, "status": "complete", "suite": suite, "suite_version": "1",
                "tokenizer": f"t-{key}"},
        "tokbench": {"version": "1", "command": "c", "profile": "core", "seed": 0, "items_sha256": {}},
        "tokenizer": {"spec": f"t:{key}"}, "environment": {}, "time": {"start": "2026"},
    }  # fmt: skip
    return Run(record, samples, metrics)


@SETTINGS
@given(st.lists(sample(), max_size=12), st.integers(0, 5))
def test_rows_by_filter_are_those_that_a_loop_finds(rows: list[Sample], limit: int) -> None:
    entry = Entry(_run(rows, []))
    bad = [row for row in rows if row.outcome in {"wrong", "failed", "invalid"}]
    for prefix in ("law/", "parity/", "", *(row.item_id for row in rows)):
        assert entry.with_prefix(prefix) == sorted((row for row in rows if row.item_id.startswith(prefix)), key=repr)
        begun = [row for row in bad if row.item_id.startswith(prefix)]
        first = entry.wrong(limit, prefix)
        assert len(first) == min(limit, len(begun))
        assert all(row in begun for row in first)
        assert Entry(_run(rows[::-1], [])).wrong(limit, prefix) == first
        assert sum(entry.faults(prefix).values()) == len(begun)
    asked = [row for row in rows if row.outcome != "skipped"]
    assert entry.outcomes().height == len(asked)
    assert entry.outcomes(metric="law").height == sum(row.metric == "law" for row in asked)
    for row in asked:
        chosen = entry.outcomes(stratum=row.stratum)
        assert chosen.height == sum(other.stratum == row.stratum for other in asked)
    different = entry.frame("status", "n", "strict", "absent").filter(pl.col("detail.status") == "DIFFERENT")
    assert different.height == sum(bool(row.detail) for row in rows)
    assert set(different["detail.n"]) <= {"2"}
    assert set(different["detail.strict"]) <= {"true"}
    assert set(different["detail.absent"]) <= {None}


# ---------------------------------------------------------------------- the report

METRICS = st.builds(
    Metric,
    metric=st.sampled_from(["fertility", "audit.x", "home-grown"]), filter=TEXTS, unit=TEXTS, reason=TEXTS,
    value=st.sampled_from([None, 0.0, 0.5, 2.0]), n=st.integers(0, 3),
)  # fmt: skip


@settings(max_examples=12)
@given(st.lists(sample(), max_size=6), st.lists(METRICS, max_size=6), st.randoms(use_true_random=False))
def test_no_order_shows(rows: list[Sample], metrics: list[Metric], rng: object) -> None:
    runs = [_run(rows, metrics), _run(rows[:2], metrics[:2], key="l"), _run([], metrics, suite="other")]
    mixed = []
    for run in reversed(runs):
        samples, numbers = list(run.sample_rows), list(run.metric_rows)
        rng.shuffle(samples)  # type: ignore[attr-defined]
        rng.shuffle(numbers)  # type: ignore[attr-defined]
        mixed.append(Run(dict(reversed(run.record.items())), samples, numbers))
    for kind in report.FORMATS:
        assert report.render_bytes(mixed, format=kind) == report.render_bytes(runs, format=kind)


@SETTINGS
@given(st.lists(sample(), max_size=6), st.lists(METRICS, max_size=6), st.lists(METRICS, max_size=4))
def test_another_suite_changes_no_row(rows: list[Sample], metrics: list[Metric], more: list[Metric]) -> None:
    alone = [_run(rows, metrics), _run(rows[:2], metrics[:2], key="l")]
    both = [*alone, _run([], more, suite="other")]
    mine = report.table(both).filter(pl.col("suite") == "exactness")
    assert mine.equals(report.table(alone))
    assert mine.to_dicts() == [row for row in json.loads(report.render(both, format="json"))["rows"]
                               if row["suite"] == "exactness"]  # fmt: skip
    assert report.render(both, format="csv").startswith(report.render(alone, format="csv"))
