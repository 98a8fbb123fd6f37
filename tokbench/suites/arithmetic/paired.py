"""Paired tests on the same problems: right-to-left against left-to-right, and with a carry against without."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tokbench.results import Metric
from tokbench.stats import mcnemar_exact, ratio_interval
from tokbench.suites.arithmetic.formats import NumberFormat
from tokbench.suites.arithmetic.parsing import Parser
from tokbench.suites.arithmetic.rows import Group, Row

__all__ = ["Split", "compare", "direction_pairs", "gap_metrics", "pairs_of", "twin_metrics"]


class Split(NamedTuple):
    """Pairs by which of the two is right."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def n(self) -> int:
        """Number of pairs."""
        return sum(self)

    @property
    def p(self) -> float:
        """Two-sided p-value of the exact McNemar test."""
        return mcnemar_exact(self.only_first, self.only_second)


def compare(pairs: Sequence[tuple[Row, Row]], parser: Parser) -> Split:
    """Count pairs of replies by which of the two is right."""
    counts = [0, 0, 0, 0]
    for first, second in pairs:
        one, other = first.graded.right(parser), second.graded.right(parser)
        counts[0 if one and other else 1 if one else 2 if other else 3] += 1
    return Split(*counts)


# ---------------------------------------------------------------------- which conditions are compared


def _direction(fmt: NumberFormat) -> str:
    return fmt.ids or fmt.direction


def _against(first: NumberFormat | None, second: NumberFormat | None) -> bool | None:
    """Whether the second format is the right-to-left counterpart of the first; None where they are one format."""
    if first is None or second is None or first == second:
        return None if first == second else False
    if _direction(second) != "r2l" or _direction(first) == "r2l":
        return False
    # plain digits stand against every right-to-left format, groups from the left against those of the same separator
    plain = not first.separator and not first.ids
    return plain or (first.separator, first.ids != "", first.groups) == (
        second.separator, second.ids != "", second.groups,
    )  # fmt: skip


def direction_pairs(groups: Sequence[Group]) -> list[tuple[Group, Group]]:
    """Pairs of conditions that differ in the direction of the groups only, left-to-right (or plain) first.

    Plain digits with spaces are conditions of their own and are compared like plain digits.
    """
    found = []
    for first in groups:
        for second in groups:
            if first.formats is None or second.formats is None or first.rest != second.rest:
                continue
            parts = [_against(one, other) for one, other in zip(first.formats, second.formats, strict=True)]
            if any(parts) and False not in parts:
                found.append((first, second))
    return sorted(found, key=lambda pair: (pair[0].name, pair[1].name))


def pairs_of(first: Sequence[Row], second: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Replies of two conditions to the same problem: same name, same sample, same operands in this order."""

    def key(row: Row) -> tuple[object, ...]:
        return row.key, row.sample, row.problem

    others = {key(row): row for row in second}
    return [
        (row, others[key(row)]) for row in sorted(first, key=lambda row: (row.key, row.sample)) if key(row) in others
    ]


# ---------------------------------------------------------------------- metrics


def _split_metrics(
    metric: str, subset: str, pairs: Sequence[tuple[Row, Row]], parser: Parser, names: tuple[str, str]
) -> Iterator[Metric]:
    split = compare(pairs, parser)
    n = split.n
    invalid = sum("invalid" in {one.graded.label_by(parser), other.graded.label_by(parser)} for one, other in pairs)
    failed = sum(one.graded.failed or other.graded.failed for one, other in pairs)
    change = [float(other.graded.right(parser)) - float(one.graded.right(parser)) for one, other in pairs]
    clusters = [one.twin or one.key for one, _ in pairs]
    lo = hi = None
    if len(set(clusters)) > 1:
        lo, hi = ratio_interval(change, [1.0] * n, clusters)
    yield Metric(
        metric=metric, value=sum(change) / n, k=sum(change), n=n, n_invalid=invalid, n_failed=failed, lo=lo, hi=hi,
        method="count" if lo is None else "clustered", unit=f"share right, {names[1]} less {names[0]}", filter=subset,
    )  # fmt: skip
    counts = (
        ("both", split.both), (f"only_{names[0]}", split.only_first), (f"only_{names[1]}", split.only_second),
        ("neither", split.neither),
    )  # fmt: skip
    for name, count in counts:
        yield Metric(metric=f"{metric}.{name}", value=count, k=count, n=n, unit="pairs", filter=subset)
    yield Metric(
        metric=f"{metric}.mcnemar_p", value=split.p, n=n, method="exact", unit="two-sided p, exact McNemar",
        filter=subset,
    )  # fmt: skip


def gap_metrics(rows: Sequence[Row], parser: Parser) -> list[Metric]:
    """The direction gap: right-to-left against left-to-right on the same problems, alone and by length match."""
    members: dict[Group, list[Row]] = defaultdict(list)
    for row in rows:
        members[row.group].append(row)
    found: list[Metric] = []
    for first, second in direction_pairs(list(members)):
        pairs = pairs_of(members[first], members[second])
        name = f"{second.name} against {first.name}"
        halves = {
            "": pairs,
            "|length=match": [pair for pair in pairs if pair[0].problem.length_match],
            "|length=mismatch": [pair for pair in pairs if not pair[0].problem.length_match],
        }
        for stratum, part in halves.items():
            if part:
                found += _split_metrics("gap", f"{name}{stratum}", part, parser, ("l2r", "r2l"))
    return found


def twin_metrics(rows: Sequence[Row], parser: Parser) -> list[Metric]:
    """Carry twins: the same sum with one carry more, by whether the place that receives it is a boundary."""
    pairs: dict[tuple[str, str, str], dict[bool, Row]] = defaultdict(dict)
    for row in rows:
        if row.twin and row.carries is not None:
            pairs[row.group.name, row.twin, row.sample][row.carries] = row
    cells: dict[tuple[str, str], list[tuple[Row, Row]]] = defaultdict(list)
    for (group, _, _), both in sorted(pairs.items()):
        if len(both) == 2:  # noqa: PLR2004, with and without
            pair = (both[False], both[True])
            edge = both[True].place in both[True].graded.segmentation.edges
            cells[group, ""].append(pair)
            cells[group, f"|boundary={'yes' if edge else 'no'}"].append(pair)
    found: list[Metric] = []
    for (group, stratum), part in sorted(cells.items()):
        found += _split_metrics("carry_twins", f"{group}{stratum}", part, parser, ("without", "with"))
    return found
