"""Pairs of answers counted, with the statistics of their difference."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tokbench.errors import MetricInputError
from tokbench.stats import Interval, mcnemar_exact, wilson

__all__ = ["PairCounts", "counted", "gap"]


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Pairs by which of their members are right.

    Attributes:
        both: Pairs with both members right.
        first: Those with the first member right alone (b of McNemar's test).
        second: Those with the second member right alone (c).
        neither: Those with both wrong.
    """

    both: int
    first: int
    second: int
    neither: int

    @property
    def n(self) -> int:
        """Number of pairs."""
        return self.both + self.first + self.second + self.neither

    @property
    def accuracies(self) -> tuple[float, float]:
        """Share of first and of second members that are right.

        Raises:
            MetricInputError: If there is no pair.
        """
        if not self.n:
            raise MetricInputError("difference of pairs", None, "there is no pair")
        return (self.both + self.first) / self.n, (self.both + self.second) / self.n

    @property
    def difference(self) -> float:
        """Accuracy of the second members minus that of the first, -1 to 1.

        Raises:
            MetricInputError: If there is no pair.
        """
        first, second = self.accuracies
        return second - first

    @property
    def p(self) -> float:
        """Two-sided p-value of the exact McNemar test; 1 where no pair separates the two."""
        return mcnemar_exact(self.first, self.second)

    def interval(self) -> Interval:
        """95 % interval of the difference from Wilson's intervals of both accuracies and their correlation.

        Source: R. G. Newcombe, Statistics in Medicine 17 (1998), 2635-2650, method 10. It stays within -1 and 1, and
        has a width even where no pair separates the two.

        Raises:
            MetricInputError: If there is no pair.
        """
        first, second = self.accuracies
        low_1, high_1 = _ends(self.both + self.first, self.n)
        low_2, high_2 = _ends(self.both + self.second, self.n)
        phi = self._correlation()
        below = math.sqrt(max(0.0, low_2**2 - 2 * phi * low_2 * high_1 + high_1**2))
        above = math.sqrt(max(0.0, high_2**2 - 2 * phi * high_2 * low_1 + low_1**2))
        return Interval(second - first - below, second - first + above)

    def _correlation(self) -> float:
        """Newcombe's corrected coefficient of correlation: counts are integers, so a positive one is taken smaller."""
        margins = (
            (self.both + self.first) * (self.second + self.neither)
            * (self.both + self.second) * (self.first + self.neither)
        )  # fmt: skip
        if not margins:
            return 0.0
        product: float = self.both * self.neither - self.first * self.second
        if product > 0:
            product = max(product - self.n / 2, 0.0)
        return product / math.sqrt(margins)


def _ends(k: int, n: int) -> tuple[float, float]:
    """How far Wilson's interval reaches below a share and above it."""
    interval = wilson(k, n)
    return k / n - interval.lo, interval.hi - k / n


def counted(pairs: Iterable[tuple[bool, bool]]) -> PairCounts:
    """Pairs counted.

    >>> counted([(True, False), (True, True), (True, False)])
    PairCounts(both=1, first=2, second=0, neither=0)
    """
    tally = {(one, other): 0 for one in (False, True) for other in (False, True)}
    for pair in pairs:
        tally[pair] += 1
    return PairCounts(tally[True, True], tally[True, False], tally[False, True], tally[False, False])


def gap(one: PairCounts, other: PairCounts) -> tuple[float, Interval]:
    """Difference of ``one`` minus that of ``other``, with its 95 % interval; the two share no pair.

    Source: recovered variances, G. Y. Zou and A. Donner, Statistics in Medicine 27 (2008), 1693-1702.

    Raises:
        MetricInputError: If there is no pair in one of them.
    """
    value = one.difference - other.difference
    first, second = one.interval(), other.interval()
    below = math.hypot(one.difference - first.lo, second.hi - other.difference)
    above = math.hypot(first.hi - one.difference, other.difference - second.lo)
    return value, Interval(value - below, value + above)
