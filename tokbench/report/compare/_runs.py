"""Two runs of one suite: what changed in the items that both have, and in their other numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tokbench.errors import RecordError
from tokbench.report.compare._notes import pair_notes
from tokbench.report.compare._paired import Paired, corrected, directions, paired_means, paired_shares
from tokbench.report.compare._pairing import match
from tokbench.report.compare._promises import Setting, capability_changes
from tokbench.results import Metric, Run, Sample

__all__ = ["Change", "NumberChange", "RunComparison", "RunPair", "compare_runs"]

Kind = Literal["worse", "better", "other"]
Direction = Literal["up", "down", "none"]
Key = tuple[str, str, int]

_NO_CLASS = "(no class)"
_RANK: dict[Kind, int] = {"worse": 0, "better": 1, "other": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An item whose outcome or score is another one.

    Attributes:
        metric: The metric that it counts towards.
        item_id: Its name.
        stratum: Its class.
        kind: ``worse``, ``better``, or ``other`` where neither can be said.
        first: Its row in the first run; ``second`` in the second.
    """

    metric: str
    item_id: str
    stratum: str
    kind: Kind
    first: Sample
    second: Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberChange:
    """A metric that no item of a test counts towards, with another value.

    Attributes:
        metric: Its name.
        filter: The subset that it is about.
        unit: Its unit.
        kind: ``worse`` or ``better`` by its direction; ``other`` where it has none, or one side has no value.
        first: Its row in the first run, or None; ``second`` in the second.
    """

    metric: str
    filter: str
    unit: str
    kind: Kind
    first: Metric | None
    second: Metric | None

    @property
    def difference(self) -> float | None:
        """Second minus first."""
        one, other = _value(self.first), _value(self.second)
        return None if one is None or other is None else other - one


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPair:
    """A comparison of two runs.

    Attributes:
        first: The first run.
        second: The second.
        drawn: Metrics whose items are a sample, that is, about which a model was asked; of the others each item counts
            by itself.
        totals: Each metric over all common items.
        strata: Each metric in each class of items, where there are several classes.
        changes: Items that changed, worse ones first.
        numbers: Metrics that changed and are not among ``totals``. They are shown and never judged: nothing says
            how far they would move by chance.
        promises: What the tokenizers say differently of themselves, where no model was asked.
        common: Items that both runs have with an outcome other than ``skipped``.
        only_first: Such items of the first run that the second lacks or has skipped; ``only_second`` likewise.
        other_answers: Common items with the same outcome and another answer.
        notes: What a reader has to know.
    """

    first: Run
    second: Run
    drawn: frozenset[str]
    totals: tuple[Paired, ...]
    strata: tuple[Paired, ...]
    changes: tuple[Change, ...]
    numbers: tuple[NumberChange, ...]
    promises: tuple[Setting, ...]
    common: int
    only_first: int
    only_second: int
    other_answers: int
    notes: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether the items are the same with the same outcomes, scores and answers."""
        promised = any(entry.kind != "other" for entry in self.promises)
        return not (self.changes or self.only_first or self.only_second or self.other_answers or promised)


@dataclass(frozen=True, slots=True)
class RunComparison:
    """All pairs of two sides.

    Attributes:
        pairs: One for each two runs that belong together.
        notes: What concerns none of them: runs without a counterpart.
    """

    pairs: tuple[RunPair, ...]
    notes: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing changed."""
        return not self.notes and all(pair.equal for pair in self.pairs)


@dataclass(slots=True)
class _Common:
    """Items of one metric that both runs have."""

    first: list[Sample] = field(default_factory=list)
    second: list[Sample] = field(default_factory=list)

    def at(self, places: Sequence[int]) -> _Common:
        return _Common(
            [self.first[place] for place in places],
            [self.second[place] for place in places],
        )


def _value(metric: Metric | None) -> float | None:
    return None if metric is None or metric.value is None or not math.isfinite(metric.value) else metric.value


def _rows(run: Run) -> dict[Key, Sample]:
    """Rows by metric and item; an item that stands more than once is counted through."""
    found: dict[Key, Sample] = {}
    seen: dict[tuple[str, str], int] = {}
    for row in sorted(run.sample_rows, key=lambda row: (row.metric, row.item_id, repr(row.prompt_sha256))):
        place = seen.get((row.metric, row.item_id), 0)
        seen[row.metric, row.item_id] = place + 1
        found[row.metric, row.item_id, place] = row
    return found


def _is_share(rows: Sequence[Sample]) -> bool:
    """Whether scores say no more than the outcomes: 1 for what is right, 0 for the rest."""
    return all(row.score is None or row.score == float(row.outcome == "correct") for row in rows)


def _clusters(rows: Sequence[Sample]) -> list[str] | None:
    """Clusters, or None where every item stands alone; an item without a cluster is one of its own."""
    names = [row.cluster or f"\0{place}" for place, row in enumerate(rows)]
    return names if len(set(names)) < len(names) else None


def _tested(metric: str, stratum: str, rows: _Common, head: _Head, seed: int) -> Paired | None:
    """The paired test."""
    clusters = _clusters(rows.first) if head.drawn else None
    if head.direction is None:
        right = [[row.outcome == "correct" for row in side] for side in (rows.first, rows.second)]
        return paired_shares(metric, stratum, right[0], right[1], clusters, seed=seed, drawn=head.drawn)
    scored = [
        place for place, (one, other) in enumerate(zip(rows.first, rows.second, strict=True))
        if one.score is not None and other.score is not None and math.isfinite(one.score) and math.isfinite(other.score)
    ]  # fmt: skip
    if not scored:
        return None
    kept = rows.at(scored)
    scores = [[row.score for row in side if row.score is not None] for side in (kept.first, kept.second)]
    return paired_means(
        metric, stratum, scores[0], scores[1], _clusters(kept.first), direction=head.direction, seed=seed
    )


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))


def _kind(one: Sample, other: Sample, direction: Direction | None) -> Kind | None:
    """What became of an item, or None where nothing did."""
    if one.outcome != other.outcome and direction in {None, "up"}:
        if "skipped" in {one.outcome, other.outcome}:
            return "other"
        if "correct" in {one.outcome, other.outcome}:
            return "better" if other.outcome == "correct" else "worse"
        return "other"
    if not _same(one.score, other.score):
        if direction in {None, "none"} or one.score is None or other.score is None:
            return "other"
        return "better" if (other.score > one.score) == (direction == "up") else "worse"
    return "other" if one.outcome != other.outcome else None


def _answer(row: Sample) -> object:
    """What came back: of a model its text or ids; of a tokenizer what the row says of it."""
    if row.completion is not None:
        return row.completion
    # a law says how it was tried, and a growth how long it took: no answers
    return row.ids, row.message if row.outcome == "correct" and row.metric != "law" else ""


def _numbers(first: Run, second: Run, without: set[str]) -> list[NumberChange]:
    def table(run: Run) -> dict[tuple[str, str, str], Metric]:
        return {(row.metric, row.filter, row.unit): row for row in run.metric_rows if row.metric not in without}

    mine, theirs = table(first), table(second)
    found = []
    for key in sorted({*mine, *theirs}):
        one, other = mine.get(key), theirs.get(key)
        before, after = _value(one), _value(other)
        if _same(before, after):
            continue
        kind: Kind = "other"
        direction = (
            one.direction if one is not None and other is not None and one.direction == other.direction else "none"
        )
        if before is not None and after is not None and direction != "none":
            kind = "better" if (after > before) == (direction == "up") else "worse"
        found.append(NumberChange(metric=key[0], filter=key[1], unit=key[2], kind=kind, first=one, second=other))
    return found


def _same_version(first: Run, second: Run) -> None:
    versions = [str(run.group("run").get("suite_version")) for run in (first, second)]
    if versions[0] != versions[1]:
        raise RecordError(
            f"{first.id} and {second.id}",
            f"suite versions {versions[0]} and {versions[1]} have other items or gold answers: run the older one again",
        )


def _promises(first: Run, second: Run) -> list[Setting]:
    if any(run.group("run").get("model") is not None for run in (first, second)):
        return []  # the question is then about the models
    said = [run.group("tokenizer").get("capability") for run in (first, second)]
    one, other = (entry if isinstance(entry, Mapping) else {} for entry in said)
    return capability_changes(one, other)


def _same_item(one: Sample, other: Sample, *, drawn: bool) -> bool:
    """Whether two rows of one name are one item: another seed or word list gives other words under the same names."""
    return not drawn or (one.gold, one.cluster) == (other.gold, other.cluster)


@dataclass(frozen=True, slots=True)
class _Head:
    """How a metric is compared: its direction, None for shares of right items, and whether its items were drawn."""

    direction: Direction | None
    drawn: bool


@dataclass(slots=True)
class _Found:
    """What the items that both runs have say, gathered item by item."""

    by_metric: dict[str, _Common] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    other_answers: int = 0
    prompts: int = 0
    common: int = 0
    strangers: int = 0


def _gathered(mine: Mapping[Key, Sample], theirs: Mapping[Key, Sample], heads: Mapping[str, _Head]) -> _Found:
    found = _Found()
    for key in sorted(mine.keys() & theirs.keys()):
        one, other, metric = mine[key], theirs[key], key[0]
        if not _same_item(one, other, drawn=heads[metric].drawn):
            found.strangers += 1
            continue
        kind = _kind(one, other, heads[metric].direction)
        if kind is not None:
            found.changes.append(
                Change(metric=metric, item_id=key[1], stratum=one.stratum, kind=kind, first=one, second=other)
            )
        elif _answer(one) != _answer(other):
            found.other_answers += 1
        if "skipped" not in {one.outcome, other.outcome}:
            found.common += 1
            found.prompts += one.prompt_sha256 != other.prompt_sha256
            rows = found.by_metric.setdefault(metric, _Common())
            rows.first.append(one)
            rows.second.append(other)
    found.changes.sort(key=lambda change: (_RANK[change.kind], change.metric, change.stratum, change.item_id))
    return found


def _tests(
    by_metric: Mapping[str, _Common], heads: Mapping[str, _Head], seed: int
) -> tuple[list[Paired], list[Paired]]:
    """The tests over all items of each metric, and those in each class of items."""
    totals: list[Paired] = []
    strata: list[Paired] = []
    for metric, rows in by_metric.items():
        total = _tested(metric, "", rows, heads[metric], seed)
        if total is None:
            continue
        totals.append(total)
        places: dict[str, list[int]] = {}
        for place, row in enumerate(rows.first):
            places.setdefault(row.stratum or _NO_CLASS, []).append(place)
        if len(places) > 1:
            each = (_tested(metric, name, rows.at(places[name]), heads[metric], seed) for name in sorted(places))
            strata += [entry for entry in each if entry is not None]
    return totals, strata


def _heads(first: Run, second: Run) -> dict[str, _Head]:
    by_metric: dict[str, list[Sample]] = {}
    for row in (*first.sample_rows, *second.sample_rows):
        by_metric.setdefault(row.metric, []).append(row)
    known = directions([*first.metric_rows, *second.metric_rows])
    asked = any(run.group("run").get("model") is not None for run in (first, second))
    heads = {}
    for metric, rows in by_metric.items():
        # a run of a model also holds what is counted over its tokenizer; that has no prompt and no cluster
        drawn = asked and any(row.prompt_sha256 or row.cluster for row in rows)
        # where nothing was drawn a score may be anything; what counts is whether an item holds
        heads[metric] = _Head(None if not drawn or _is_share(rows) else known.get(metric, "none"), drawn)
    return heads


def _pair(first: Run, second: Run, seed: int) -> RunPair:
    _same_version(first, second)
    mine, theirs = _rows(first), _rows(second)
    heads = _heads(first, second)
    drawn = frozenset(metric for metric, head in heads.items() if head.drawn)
    found = _gathered(mine, theirs, heads)
    if not found.common:
        why = (
            "under the same names stand other questions: use one seed and one list"
            if found.strangers
            else "other items"
        )
        raise RecordError(f"{first.id} and {second.id}", f"no item with an outcome in both runs ({why})")
    totals, strata = _tests(found.by_metric, heads, seed)
    notes = pair_notes(first, second)
    if found.prompts:
        notes.append(f"{found.prompts:,} common items were asked in other words (another prompt)")
    if found.strangers:
        notes.append(f"{found.strangers:,} items of one name are other questions (another seed or list): not compared")
    counted = [sum(row.outcome != "skipped" for row in side.values()) for side in (mine, theirs)]
    return RunPair(
        first=first, second=second, drawn=drawn, totals=tuple(totals), strata=tuple(strata),
        changes=tuple(found.changes), numbers=tuple(_numbers(first, second, set(found.by_metric))),
        promises=tuple(_promises(first, second)), common=found.common, only_first=counted[0] - found.common,
        only_second=counted[1] - found.common, other_answers=found.other_answers, notes=tuple(notes),
    )  # fmt: skip


def compare_runs(first: Sequence[Run], second: Sequence[Run], *, seed: int = 0) -> RunComparison:
    """Compare the runs of two sides, suite by suite.

    P-values are corrected by Holm's method over the totals of all pairs, and apart from them over all strata: the
    strata are a second question, which must not weaken the answer to the first.

    Args:
        first: Runs of the first side.
        second: Runs of the second.
        seed: Seed of the bootstrap.

    Raises:
        RecordError: If the two have no suite in common, it is not clear which runs belong together, or two that do
            are of different suite versions.
    """
    matched = match(first, second)
    pairs = [_pair(one, other, seed) for one, other in matched.pairs]
    totals = iter(corrected([row for pair in pairs for row in pair.totals]))
    strata = iter(corrected([row for pair in pairs for row in pair.strata]))
    pairs = [
        replace(pair, totals=tuple(next(totals) for _ in pair.totals), strata=tuple(next(strata) for _ in pair.strata))
        for pair in pairs
    ]
    notes = [
        f"only in {side}: {run.id}"
        for side, runs in (("A", matched.only_first), ("B", matched.only_second))
        for run in runs
    ]
    return RunComparison(tuple(pairs), tuple(notes))
