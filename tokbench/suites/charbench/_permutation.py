"""Does a property matter among items of equal length and equal gold answer? A test by permutation.

Inside each cell the values of the property are dealt anew to the items. What is compared is the sum of the values of
the items that were answered right, added up over cells; a deal is a draw without replacement, so that the sum of one
cell follows from a multivariate hypergeometric count of values and no item has to be moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokbench.suites.charbench._correlation import no_variance
from tokbench.suites.charbench.ranking import VERSION, H

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

__all__ = ["DEALS", "Permutation", "benjamini_hochberg", "permutation"]

DEALS = 2000
"""How often the values are dealt."""


class Permutation(NamedTuple):
    """The result of one test.

    Attributes:
        n: Items in cells where both the outcome and the property vary.
        cells: Such cells.
        r: Correlation of outcome and property inside cells, pooled; None without one.
        p: Two-sided p-value, at least 1 / (deals + 1); None without one.
        reason: Why there is none.
    """

    n: int
    cells: int
    r: float | None = None
    p: float | None = None
    reason: str = ""


def permutation(
    right: Column, values: Column, cells: NDArray[np.int64], *, name: str, key: tuple[object, ...], deals: int = DEALS
) -> Permutation:
    """Test whether a property and being right go together inside cells.

    Args:
        right: Whether each answer is right, 0 or 1.
        values: The property of each item.
        cells: Cell of each item.
        name: Name of the property, for the reason.
        key: What the deals are seeded with, through :func:`~.ranking.H`.
        deals: Number of deals.
    """
    import numpy as np

    if reason := no_variance(right, values, name):
        return Permutation(0, 0, reason=reason)
    generator = np.random.default_rng(H(VERSION, "permutation", *key))
    order = np.argsort(cells, kind="stable")
    bounds = np.flatnonzero(np.diff(cells[order])) + 1
    sums = np.zeros(deals)
    seen = mean = cross = spread_right = spread_values = 0.0
    n = used = 0
    for rows in np.split(order, bounds):
        outcome, held = right[rows], values[rows]
        k = int(outcome.sum())
        kinds, counts = np.unique(held, return_counts=True)
        if k in {0, len(rows)} or len(kinds) == 1:
            continue
        n, used = n + len(rows), used + 1
        seen += float(outcome @ held)
        mean += k * float(held.mean())
        cross += float(outcome @ held) - k * float(held.mean())
        spread_right += k * (1 - k / len(rows))
        spread_values += float(((held - held.mean()) ** 2).sum())
        sums += generator.multivariate_hypergeometric(counts, k, size=deals, method="marginals") @ kinds
    if not used:
        return Permutation(0, 0, reason=f"{name} or the outcome does not vary inside any cell")
    margin = abs(seen - mean) * (1 - 1e-9)  # sums of the same numbers in another order are equal
    far = int((np.abs(sums - mean) >= margin).sum())
    return Permutation(n, used, cross / (spread_right * spread_values) ** 0.5, (far + 1) / (deals + 1))


def benjamini_hochberg(values: list[float | None]) -> list[float | None]:
    """P-values adjusted for the rate of false discoveries; what is None stays None and does not count."""
    from scipy.stats import false_discovery_control  # type: ignore[import-untyped]

    known = [value for value in values if value is not None]
    if not known:
        return list(values)
    adjusted = iter(false_discovery_control(known, method="bh").tolist())
    return [None if value is None else float(next(adjusted)) for value in values]
