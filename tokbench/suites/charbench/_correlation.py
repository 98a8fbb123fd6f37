"""Correlations of being right with one property, their intervals, and what is left under controls.

Intervals are Fisher's: atanh(r) is nearly normal with variance 1 / (n - 3), or 1 / (n - 3 - k) with k controls. What
cannot be computed is None with a reason, never 0.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from tokbench.stats import CONFIDENCE, Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

__all__ = [
    "Correlation", "fisher_interval", "no_variance", "partial", "partial_of", "pearson", "spearman", "within",
]  # fmt: skip

_LEAST = 4
"""Fewest items that have an interval."""

_TINY = 1e-12
"""Share of a variance that is rounding."""


class Correlation(NamedTuple):
    """A correlation with its 95 % interval.

    Attributes:
        n: Items.
        r: The coefficient, or None.
        lo: Lower end, or None.
        hi: Upper end, or None.
        reason: Why there is no coefficient, ``""`` where there is one.
    """

    n: int
    r: float | None = None
    lo: float | None = None
    hi: float | None = None
    reason: str = ""


def fisher_interval(r: float, n: int, *, controls: int = 0, scale: float = 1.0) -> Interval:
    """Interval of a correlation by Fisher's transformation.

    Args:
        r: The coefficient, -1 to 1.
        n: Items.
        controls: Controls of a partial correlation.
        scale: Factor of the variance; 1.06 for ranks (E. C. Fieller, H. O. Hartley and E. S. Pearson, Biometrika 44
            (1957), 470-481).
    """
    if n - 3 - controls < 1:
        return Interval(-1.0, 1.0)
    if abs(r) >= 1:
        return Interval(r, r)
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(scale / (n - 3 - controls))
    return Interval(math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half))


def _varies(values: Column) -> bool:
    return bool(len(values)) and float(values.max() - values.min()) > _TINY * max(1.0, float(abs(values).max()))


def no_variance(right: Column, values: Column, name: str) -> str:
    """Why a correlation does not exist, or ``""``."""
    if len(right) < _LEAST:
        return f"{len(right)} items: expected at least {_LEAST}"
    if not _varies(right):
        return f"every answer is {'right' if right[0] else 'wrong'}"
    return "" if _varies(values) else f"{name} does not vary"


def pearson(right: Column, values: Column, name: str = "the property") -> Correlation:
    """Pearson's r of two columns.

    Args:
        right: Whether each answer is right, 0 or 1.
        values: The property of each item.
        name: Its name, for the reason.
    """
    from scipy.stats import pearsonr  # type: ignore[import-untyped]

    n = len(right)
    if reason := no_variance(right, values, name):
        return Correlation(n, reason=reason)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a perfect correlation makes atanh infinite, which tanh takes back
        found = pearsonr(right, values)
        interval = found.confidence_interval(CONFIDENCE)
    return Correlation(n, float(found.statistic), float(interval.low), float(interval.high))


def spearman(right: Column, values: Column, name: str = "the property") -> Correlation:
    """Spearman's rank correlation, see :func:`pearson`."""
    from scipy.stats import spearmanr

    n = len(right)
    if reason := no_variance(right, values, name):
        return Correlation(n, reason=reason)
    r = float(spearmanr(right, values).statistic)
    return Correlation(n, r, *fisher_interval(r, n, scale=1.06))


def within(right: Column, values: Column, strata: NDArray[np.int64], name: str = "the property") -> Correlation:
    """Correlation inside strata, averaged as atanh(r) with the weights n - 3.

    Strata in which one of the two does not vary say nothing and are left out of it and of ``n``.

    Args:
        right: As for :func:`pearson`.
        values: As for :func:`pearson`.
        strata: Stratum of each item, for example the length of its word.
        name: As for :func:`pearson`.
    """
    import numpy as np

    if reason := no_variance(right, values, name):
        return Correlation(len(right), reason=reason)
    total = weight = 0.0
    n = 0
    for stratum in np.unique(strata):
        chosen = strata == stratum
        found = pearson(right[chosen], values[chosen], name)
        if found.r is None:
            continue
        if abs(found.r) > 1 - _TINY:
            return Correlation(len(right), reason=f"{name} decides every answer where the stratum is {stratum}")
        total += (found.n - 3) * math.atanh(found.r)
        weight += found.n - 3
        n += found.n
    if not weight:
        return Correlation(len(right), reason=f"{name} or the outcome does not vary inside any stratum")
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) / math.sqrt(weight)
    middle = total / weight
    return Correlation(n, math.tanh(middle), math.tanh(middle - half), math.tanh(middle + half))


def partial_of(r_xy: float, r_xz: float, r_yz: float) -> float:
    """Correlation of x and y given z from the three plain ones.

    >>> round(partial_of(-0.245, -0.136, 0.2836), 3)  # GPT-4o on find_first: r(right, TTL | WL)
    -0.217
    """
    return (r_xy - r_xz * r_yz) / math.sqrt((1 - r_xz**2) * (1 - r_yz**2))


def partial(right: Column, values: Column, controls: Mapping[str, Column], name: str = "the property") -> Correlation:
    """Partial correlation: of what is left of both columns after regression on the controls.

    Args:
        right: As for :func:`pearson`.
        values: As for :func:`pearson`.
        controls: Columns by name.
        name: As for :func:`pearson`.
    """
    import numpy as np

    n = len(right)
    if reason := no_variance(right, values, name):
        return Correlation(n, reason=reason)
    base = np.column_stack([np.ones(n), *((column - column.mean()) for column in controls.values())])
    residuals: list[Column] = []
    for column in (right, values):
        centred = column - column.mean()
        left = centred - base @ np.linalg.lstsq(base, centred, rcond=None)[0]
        if float(left @ left) <= 1e-10 * float(centred @ centred):
            what = name if column is values else "the outcome"
            return Correlation(n, reason=f"{what} is a function of {_named(list(controls))}")
        residuals.append(left)
    one, other = residuals
    r = float(one @ other / math.sqrt(float(one @ one) * float(other @ other)))
    return Correlation(n, r, *fisher_interval(r, n, controls=len(controls)))


def _named(names: Sequence[str]) -> str:
    return " and ".join(names)
