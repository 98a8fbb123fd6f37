"""Intervals, paired tests and ranks. Thin over scipy and numpy, which are imported on first use.

All intervals are two-sided. Nothing here draws without a seed.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tokbench.errors import MetricInputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Interval",
    "Ranked",
    "bootstrap_mean",
    "bootstrap_ratio",
    "common_support",
    "holm",
    "letters",
    "mcnemar_exact",
    "paired_bootstrap",
    "rank",
    "ratio_interval",
    "wilson",
]

CONFIDENCE = 0.95
RESAMPLES = 2000

Key = TypeVar("Key", bound=Hashable)


class Interval(NamedTuple):
    """Lower and upper end of a confidence interval."""

    lo: float
    hi: float


# ---------------------------------------------------------------------- proportions


def wilson(k: float, n: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a proportion, clipped to [0, 1].

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.

    Args:
        k: Successes.
        n: Trials.
        confidence: Confidence level.

    Raises:
        MetricInputError: If there is no trial, or ``k`` is not within 0 to ``n``.
    """
    if n < 1 or not 0 <= k <= n:
        raise MetricInputError("Wilson interval", None, f"{k} of {n}: expected 0 <= k <= n and n >= 1")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, scale = k / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # at the ends the exact bounds are 0 and 1; rounding would give 1 + 2e-16
    return Interval(0.0 if k == 0 else max(0.0, middle - half), 1.0 if k == n else min(1.0, middle + half))


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided p-value of the exact McNemar test.

    Args:
        b: Items that only the first of two got right.
        c: Items that only the second got right.

    Returns:
        The binomial probability of a split at least as uneven; 1 where no item separates the two.
    """
    return 1.0 if b + c == 0 else _mcnemar_exact(min(b, c), b + c)


@lru_cache(maxsize=2**14)  # a report asks for the same pairs again, and scipy takes milliseconds for one
def _mcnemar_exact(least: int, n: int) -> float:
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    return min(1.0, float(binomtest(least, n, 0.5).pvalue))


def holm(pvalues: Sequence[float]) -> list[float]:
    """P-values adjusted for their number by Holm's step-down method, in the given order.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    order = sorted(range(len(pvalues)), key=lambda index: pvalues[index])
    adjusted = [1.0] * len(pvalues)
    floor = 0.0
    for step, index in enumerate(order):
        floor = max(floor, min(1.0, (len(pvalues) - step) * pvalues[index]))
        adjusted[index] = floor
    return adjusted


# ---------------------------------------------------------------------- ratios and means


def _cluster_sums(
    numerators: Sequence[float], denominators: Sequence[float], clusters: Sequence[Hashable] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numerators and denominators summed by cluster, clusters in the order of their first member."""
    import numpy as np

    if len(numerators) != len(denominators) or (clusters is not None and len(clusters) != len(numerators)):
        raise MetricInputError("interval", None, "numerators, denominators and clusters differ in number")
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if clusters is not None:
        places: dict[Hashable, int] = {}
        index = np.array([places.setdefault(cluster, len(places)) for cluster in clusters], dtype=np.int64)
        above = np.bincount(index, weights=above, minlength=len(places)).astype(np.float64)
        below = np.bincount(index, weights=below, minlength=len(places)).astype(np.float64)
    if len(above) < 2:  # noqa: PLR2004 - a variance needs two
        raise MetricInputError("interval", None, f"{len(above)} independent units: expected at least 2")
    if not below.sum() > 0:
        raise MetricInputError("interval", None, "the denominators sum to 0")
    return above, below


def ratio_interval(
    numerators: Sequence[float],
    denominators: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Interval of a ratio of sums (tokens per word over lines) by linearisation, units clustered.

    The ratio r = sum(a) / sum(b) has residuals e = a - r b by cluster, and the variance
    G / (G - 1) * sum(e^2) / sum(b)^2 over G clusters; the interval uses Student's t with G - 1 degrees of
    freedom. Source: W. G. Cochran, Sampling Techniques (1977), section 2.11; clustered as in
    E. Miller, arXiv:2411.00640, section 2.2. With denominators of 1 it is the interval of a mean.

    Args:
        numerators: One number a unit.
        denominators: One number a unit.
        clusters: Units that are not independent share a cluster; by default each stands alone.
        confidence: Confidence level.

    Raises:
        MetricInputError: If there are fewer than two clusters, or the denominators sum to 0.
    """
    from scipy.stats import t

    above, below = _cluster_sums(numerators, denominators, clusters)
    count = len(above)
    ratio = above.sum() / below.sum()
    residuals = above - ratio * below
    spread = math.sqrt(count / (count - 1) * float((residuals**2).sum())) / float(below.sum())
    half = float(t.ppf((1 + confidence) / 2, count - 1)) * spread
    return Interval(float(ratio) - half, float(ratio) + half)


def _resampled(
    above: NDArray[np.float64], below: NDArray[np.float64], seed: int, resamples: int
) -> NDArray[np.float64]:
    """The ratio in each of ``resamples`` samples of clusters with replacement."""
    import numpy as np

    generator = np.random.default_rng(seed)
    ratios: list[float] = []
    for _ in range(resamples):
        chosen = generator.integers(len(above), size=len(above))
        total = below[chosen].sum()
        if total > 0:
            ratios.append(float(above[chosen].sum() / total))
    return np.array(ratios, dtype=np.float64)


def bootstrap_ratio(
    numerators: Sequence[float],
    denominators: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Percentile bootstrap interval of a ratio of sums, whole clusters resampled.

    Args:
        numerators: One number a unit.
        denominators: One number a unit.
        clusters: Units that are not independent share a cluster.
        seed: Seed; the same seed gives the same interval.
        resamples: Number of resamples.
        confidence: Confidence level.

    Raises:
        MetricInputError: If there are fewer than two clusters, or the denominators sum to 0.
    """
    import numpy as np

    above, below = _cluster_sums(numerators, denominators, clusters)
    tail = (1 - confidence) / 2
    lo, hi = np.quantile(_resampled(above, below, seed, resamples), [tail, 1 - tail])
    return Interval(float(lo), float(hi))


def bootstrap_mean(
    values: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Percentile bootstrap interval of a mean, whole clusters resampled; see :func:`bootstrap_ratio`."""
    ones = [1.0] * len(values)
    return bootstrap_ratio(values, ones, clusters, seed=seed, resamples=resamples, confidence=confidence)


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> float:
    """Two-sided p-value for no difference between two sets of scores on the same items, clusters resampled.

    Twice the smaller share of resampled differences on one side of 0, both counted with one more (so it is
    never 0): A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application (1997), section 4.4.

    Raises:
        MetricInputError: If there are fewer than two clusters, or the sets differ in length.
    """
    if len(first) != len(second):
        raise MetricInputError("paired bootstrap", None, f"{len(first)} and {len(second)} scores")
    gaps = [one - two for one, two in zip(first, second, strict=True)]
    above, below = _cluster_sums(gaps, [1.0] * len(gaps), clusters)
    drawn = _resampled(above, below, seed, resamples)
    low, high = int((drawn <= 0).sum()), int((drawn >= 0).sum())
    return min(1.0, 2 * (min(low, high) + 1) / (len(drawn) + 1))


# ---------------------------------------------------------------------- ranks


@dataclass(frozen=True, slots=True)
class Ranked:
    """One row of a ranking.

    Attributes:
        name: Name of the row.
        value: Share of items that are right, on the common support.
        n: Size of the common support.
        group: Its letters; two rows share one exactly when they are not separated.
        best: Best rank that is compatible with the tests: 1 + rows that are significantly above.
        worst: Worst such rank: all rows minus those that are significantly below.
    """

    name: str
    value: float
    n: int
    group: str
    best: int
    worst: int


def common_support(answers: Mapping[str, Mapping[Key, bool]]) -> list[Key]:
    """Items on which every row has an outcome, sorted by their text form.

    A skipped item must not be in a row's mapping; a failed one is in it, as False.
    """
    rows = list(answers.values())
    if not rows:
        return []
    return sorted(set(rows[0]).intersection(*rows[1:]), key=repr)


def letters(names: Sequence[str], separated: set[frozenset[str]]) -> dict[str, str]:
    """Letters of tie groups: two names share a letter exactly when their pair is not in ``separated``.

    The groups are the maximal cliques of the relation "not separated"; they are lettered in the order of
    ``names``, so the letters of a sorted list run from ``a`` at its top.
    """
    ties = {name: {other for other in names if other != name and frozenset((name, other)) not in separated}
            for name in names}  # fmt: skip
    place = {name: index for index, name in enumerate(names)}
    cliques: list[list[int]] = []

    def grow(clique: list[str], candidates: set[str], excluded: set[str]) -> None:  # Bron and Kerbosch, 1973
        if not candidates and not excluded:
            cliques.append(sorted(place[name] for name in clique))
            return
        pivot = max(sorted(candidates | excluded), key=lambda name: len(ties[name] & candidates))
        for name in sorted(candidates - ties[pivot]):
            grow([*clique, name], candidates & ties[name], excluded & ties[name])
            candidates = candidates - {name}
            excluded = excluded | {name}

    grow([], set(names), set())
    groups = dict.fromkeys(names, "")
    for number, clique in enumerate(sorted(cliques)):
        for index in clique:
            groups[names[index]] += _letter(number)
    return groups


def _letter(number: int) -> str:
    word = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        word = chr(ord("a") + digit) + word
    return word


def rank(
    answers: Mapping[str, Mapping[str, bool]],
    clusters: Mapping[str, Hashable] | None = None,
    *,
    alpha: float = 1 - CONFIDENCE,
    seed: int = 0,
) -> list[Ranked]:
    """Rank rows by their share of right items, with ties and rank intervals from paired tests.

    Only items that every row has (:func:`common_support`) are used. Pairs are compared by the exact McNemar
    test, and by :func:`paired_bootstrap` too where ``clusters`` are given: the larger p counts. They are corrected
    by :func:`holm`.

    Args:
        answers: For each row, whether each item is right.
        clusters: Cluster of each item.
        alpha: Level of significance after correction.
        seed: Seed of the bootstrap.

    Returns:
        The rows from best to worst; equal values by name.

    Raises:
        MetricInputError: If no item is common to all rows.
    """
    items = common_support(answers)
    if not items:
        raise MetricInputError("ranking", None, "no item has an outcome in every row")
    import numpy as np

    # all that follows sums whole numbers, so that no order of a sum changes a result
    right = {name: np.array([row[item] for item in items], dtype=np.bool_) for name, row in answers.items()}
    shares = {name: int(found.sum()) / len(items) for name, found in right.items()}
    names = sorted(answers, key=lambda name: (-shares[name], name))
    pairs = [(one, two) for index, one in enumerate(names) for two in names[index + 1 :]]
    tests = [_mcnemar(right[one], right[two]) for one, two in pairs]
    if clusters is not None:  # alone, it is too sure of few items that differ
        drawn = _bootstrapped(right, pairs, [clusters[item] for item in items], seed)
        tests = list(map(max, tests, drawn))
    separated = {
        frozenset(pair) for pair, p in zip(pairs, holm(tests), strict=True)
        if p < alpha and shares[pair[0]] != shares[pair[1]]
    }  # fmt: skip
    groups = letters(names, separated)
    ranked = []
    for name in names:
        apart = [other for other in names if frozenset((name, other)) in separated]
        above = sum(shares[other] > shares[name] for other in apart)
        ranked.append(
            Ranked(name, shares[name], len(items), groups[name], 1 + above, len(names) - (len(apart) - above))
        )
    return ranked


def _mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return mcnemar_exact(int((first & ~second).sum()), int((second & ~first).sum()))


def _bootstrapped(
    right: Mapping[str, NDArray[np.bool_]], pairs: Sequence[tuple[str, str]], clusters: Sequence[Hashable], seed: int
) -> list[float]:
    """:func:`paired_bootstrap` of each pair, all on the resamples that each of them would draw alone.

    The seed is the same for all pairs, and so are the clusters drawn: one draw serves every row, and the difference of
    a pair is that of two sums of whole numbers.
    """
    import numpy as np

    if not pairs:
        return []
    names = list(right)
    ones = [1.0] * len(clusters)
    sums = np.array([_cluster_sums(right[name].tolist(), ones, clusters)[0] for name in names])
    place = {name: index for index, name in enumerate(names)}
    first, second = np.array([[place[one], place[two]] for one, two in pairs]).T
    low, high = np.zeros(len(pairs), dtype=np.int64), np.zeros(len(pairs), dtype=np.int64)
    generator, size = np.random.default_rng(seed), sums.shape[1]
    for _ in range(RESAMPLES):
        drawn = sums @ np.bincount(generator.integers(size, size=size), minlength=size).astype(np.float64)
        low += drawn[first] <= drawn[second]
        high += drawn[first] >= drawn[second]
    return [min(1.0, 2 * (least + 1) / (RESAMPLES + 1)) for least in np.minimum(low, high).tolist()]
