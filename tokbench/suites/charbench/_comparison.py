"""Two models on the same items: which is better, and whether they fail on the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokbench.stats import CONFIDENCE, RESAMPLES, mcnemar_exact
from tokbench.suites.charbench.ranking import VERSION, H

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Difference", "Overlap", "difference", "independent_overlap", "overlap"]


class Difference(NamedTuple):
    """How two models differ.

    Attributes:
        n: Items that both were asked.
        first: Share that the first got right.
        second: Share that the second got right.
        difference: First less second.
        lo: Lower end of its interval.
        hi: Upper end.
        only_first: Items that only the first got right.
        only_second: Items that only the second got right.
        p: Exact McNemar test of the two.
    """

    n: int
    first: float
    second: float
    difference: float
    lo: float
    hi: float
    only_first: int
    only_second: int
    p: float


def difference(
    first: NDArray[np.bool_], second: NDArray[np.bool_], *, key: tuple[object, ...], resamples: int = RESAMPLES
) -> Difference:
    """Compare two models item by item.

    The interval is a paired percentile bootstrap. An item gives 1, 0 or -1, so a resample of items is a multinomial
    draw of how often each occurs, which is all that their mean depends on.

    Args:
        first: Whether the first is right on each item; at least one item.
        second: The same of the second.
        key: What the bootstrap is seeded with.
        resamples: Number of resamples.
    """
    import numpy as np

    n = len(first)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    generator = np.random.default_rng(H(VERSION, "difference", *key))
    shares = [only_first / n, only_second / n, (n - only_first - only_second) / n]
    drawn = generator.multinomial(n, shares, size=resamples)
    tail = (1 - CONFIDENCE) / 2
    lo, hi = np.quantile((drawn[:, 0] - drawn[:, 1]) / n, [tail, 1 - tail])
    return Difference(
        n, float(first.mean()), float(second.mean()), (only_first - only_second) / n, float(lo), float(hi),
        only_first, only_second, mcnemar_exact(only_first, only_second),
    )  # fmt: skip


class Overlap(NamedTuple):
    """How far the errors of two models are the same.

    Attributes:
        n: Items that both were asked.
        errors_first: Errors of the first.
        errors_second: Errors of the second.
        both: Items that both got wrong.
        iou: ``both`` over items that at least one got wrong; None where no one erred.
        independent: Its value if errors were independent; None likewise.
        reason: Why there is none.
    """

    n: int
    errors_first: int
    errors_second: int
    both: int
    iou: float | None
    independent: float | None
    reason: str = ""


def independent_overlap(first: float, second: float) -> float:
    """Overlap of independent errors, from the two rates of error (not both 0).

    >>> round(independent_overlap(0.3, 0.4), 4)
    0.2069
    """
    return first * second / (first + second - first * second)


def overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Overlap:
    """Intersection over union of the errors of two models, see :func:`difference`."""
    n = len(first)
    wrong = int((~first).sum()), int((~second).sum())
    both, either = int((~first & ~second).sum()), int((~first | ~second).sum())
    if not either:
        return Overlap(n, *wrong, both, None, None, "neither makes an error")
    return Overlap(n, *wrong, both, both / either, independent_overlap(wrong[0] / n, wrong[1] / n))
