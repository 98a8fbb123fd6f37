"""The difference of two sets of scores on the same items: its interval and its test.

Where items share a cluster (a word, a template) neither of the two usual tests is safe alone: the exact McNemar
test takes the items for independent, and the bootstrap over clusters is too sure where few items separate the
two. The larger of the two p-values is given, and the interval that holds both intervals.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tokbench.results import Metric
from tokbench.stats import Interval, holm, mcnemar_exact, paired_bootstrap, ratio_interval, wilson

__all__ = ["Paired", "Test", "corrected", "newcombe", "paired_means", "paired_shares"]

Test = Literal["mcnemar", "mcnemar+bootstrap", "bootstrap", "few", "none"]

FEWEST = 6
"""Items of a class that is tested: of fewer no split is significant at 5 % (2 / 2^5 = 0.0625), so that a test of them
would only cost the others power (R. E. Tarone, Biometrics 46 (1990), 515-522)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """A metric on the items that both sides have.

    Attributes:
        metric: Its name.
        stratum: Class of items, empty for all of them.
        n: Items that both sides have.
        first: Share of right items, or mean score, of the first side; ``second`` of the second.
        k_first: Right items of the first side, or None where scores are no shares; ``k_second`` likewise.
        lost: Items that only the first side has right (b of the McNemar test).
        gained: Items that only the second has right (c).
        lo: Lower end of the 95 % interval of ``difference``, or None where nothing was drawn.
        hi: Upper end.
        test: How ``p`` was made; ``few`` where items or clusters are too few, ``none`` where nothing was drawn, so that
            there is nothing to test.
        p: Two-sided p-value, or None.
        adjusted: The same after Holm's correction over the comparison's tests of one kind.
        direction: Whether more is better.
        clusters: Independent units among the items.
    """

    metric: str
    stratum: str
    n: int
    first: float
    second: float
    k_first: int | None
    k_second: int | None
    lost: int
    gained: int
    lo: float | None
    hi: float | None
    test: Test
    p: float | None
    direction: Literal["up", "down", "none"]
    clusters: int
    adjusted: float | None = None

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.second - self.first

    @property
    def drop(self) -> float:
        """How much worse the second side is, in the unit of the metric; 0 where neither end is the better one."""
        return {"up": -self.difference, "down": self.difference, "none": 0.0}[self.direction]

    @property
    def is_share(self) -> bool:
        """Whether the values are shares of items."""
        return self.k_first is not None

    def significant(self, alpha: float) -> bool:
        """Whether the corrected test tells the sides apart."""
        return self.adjusted is not None and self.adjusted < alpha and self.difference != 0


def newcombe(both: int, lost: int, gained: int, neither: int) -> Interval:
    """95 % interval of the difference of two paired shares, second minus first, from Wilson's intervals.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998), 2635-2650, method 10.

    Args:
        both: Items that both sides have right.
        lost: Items that only the first has right.
        gained: Items that only the second has right.
        neither: Items that neither has right.

    Raises:
        MetricInputError: If there is no item.
    """
    n = both + lost + gained + neither
    first, second = (both + lost) / max(n, 1), (both + gained) / max(n, 1)
    one, other = wilson(both + lost, n), wilson(both + gained, n)
    margins = (both + lost) * (gained + neither) * (both + gained) * (lost + neither)
    product = float(both * neither - lost * gained)
    if product > 0:  # Newcombe's continuity correction: a positive correlation would make the interval too short
        product = max(product - n / 2, 0.0)
    phi = product / math.sqrt(margins) if margins else 0.0

    def half(down: float, up: float) -> float:
        return math.sqrt(max(0.0, down * down - 2 * phi * down * up + up * up))

    gap = second - first
    lower = gap - half(second - other.lo, one.hi - first)
    upper = gap + half(other.hi - second, first - one.lo)
    return Interval(max(-1.0, lower), min(1.0, upper))


def paired_shares(
    metric: str,
    stratum: str,
    first: Sequence[bool],
    second: Sequence[bool],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    drawn: bool = True,
) -> Paired:
    """Compare shares of right items, the same items in the same order.

    Args:
        metric: Name of the metric.
        stratum: Class of items, or empty.
        first: Whether the first side has each item right; at least one item.
        second: Whether the second has.
        clusters: Cluster of each item; None where each item stands alone.
        seed: Seed of the bootstrap.
        drawn: Whether the items are a sample. If not, there is neither test nor interval.
    """
    pairs = list(zip(first, second, strict=True))
    both = sum(one and other for one, other in pairs)
    lost = sum(one and not other for one, other in pairs)
    gained = sum(other and not one for one, other in pairs)
    groups = len(set(clusters)) if clusters is not None else len(pairs)
    p: float | None = None
    interval: Interval | None = None
    test: Test = "none"
    if drawn:
        test, p, interval = (
            "mcnemar",
            mcnemar_exact(lost, gained),
            newcombe(both, lost, gained, len(pairs) - both - lost - gained),
        )
        if clusters is not None and 1 < groups < len(pairs):
            gaps = [float(other) - float(one) for one, other in pairs]
            wide = ratio_interval(gaps, [1.0] * len(gaps), clusters)
            interval = Interval(max(-1.0, min(interval.lo, wide.lo)), min(1.0, max(interval.hi, wide.hi)))
            if lost + gained:
                p = max(p, paired_bootstrap(list(map(float, second)), list(map(float, first)), clusters, seed=seed))
            test = "mcnemar+bootstrap"
        if stratum and len(pairs) < FEWEST:
            test, p = "few", None
    return Paired(
        metric=metric, stratum=stratum, n=len(pairs), first=(both + lost) / len(pairs),
        second=(both + gained) / len(pairs), k_first=both + lost, k_second=both + gained, lost=lost, gained=gained,
        lo=None if interval is None else interval.lo, hi=None if interval is None else interval.hi, test=test, p=p,
        direction="up", clusters=groups,
    )  # fmt: skip


def paired_means(
    metric: str,
    stratum: str,
    first: Sequence[float],
    second: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    direction: Literal["up", "down", "none"],
    seed: int = 0,
) -> Paired:
    """Compare means of scores that are no shares, for example distances, on the same items.

    The test is the bootstrap over clusters, the interval the one of the mean gap (Student's t); with fewer than two
    clusters there is neither.

    Args:
        metric: Name of the metric.
        stratum: Class of items, or empty.
        first: Scores of the first side, finite; at least one.
        second: Scores of the second.
        clusters: Cluster of each item; None where each item stands alone.
        direction: Whether more is better.
        seed: Seed of the bootstrap.
    """
    # what only rounding moved did not move
    gaps = [
        0.0 if math.isclose(one, other, abs_tol=1e-12) else other - one
        for one, other in zip(first, second, strict=True)
    ]
    groups = len(set(clusters)) if clusters is not None else len(gaps)
    p: float | None = None
    interval: Interval | None = None
    if groups > 1:
        interval = ratio_interval(gaps, [1.0] * len(gaps), clusters)
        p = paired_bootstrap(gaps, [0.0] * len(gaps), clusters, seed=seed) if any(gaps) else 1.0
    if stratum and len(gaps) < FEWEST:
        p = None
    more, less = sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)
    return Paired(
        metric=metric, stratum=stratum, n=len(gaps), first=math.fsum(first) / len(gaps),
        second=math.fsum(second) / len(gaps), k_first=None, k_second=None, lost=more if direction == "down" else less,
        gained=less if direction == "down" else more, lo=None if interval is None else interval.lo,
        hi=None if interval is None else interval.hi, test="bootstrap" if p is not None else "few", p=p,
        direction=direction, clusters=groups,
    )  # fmt: skip


def corrected(rows: Sequence[Paired]) -> list[Paired]:
    """The rows with their p-values corrected by Holm's method for their number."""
    tested = [row.p for row in rows if row.p is not None]
    adjusted = iter(holm(tested))
    return [row if row.p is None else replace(row, adjusted=next(adjusted)) for row in rows]


def directions(metrics: Sequence[Metric]) -> dict[str, Literal["up", "down", "none"]]:
    """For each metric whether more is better; ``none`` where its rows do not agree."""
    found: dict[str, Literal["up", "down", "none"]] = {}
    for row in metrics:
        known = found.setdefault(row.metric, row.direction)
        if known != row.direction:
            found[row.metric] = "none"
    return found
