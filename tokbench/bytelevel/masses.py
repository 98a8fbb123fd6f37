"""Probabilities of a range of tokens, summed by their next byte, without underflow.

Exponentials are taken in float64 relative to the largest value of the range. As text is consumed the range narrows,
and what was negligible becomes all there is: whenever a sum comes near the smallest numbers it is taken again
relative to its own largest value.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Masses"]

_TINY = 1e-200  # relative to 1; below it sums are taken anew, long before float64 loses digits at 1e-308
_SAFE = -440.0  # logarithms within this distance of the largest have exponentials above 1e-200


class Masses:
    """Log-probabilities of consecutive tokens.

    Args:
        logs: Natural logarithms, float64; owned by this object from now on.
        known: Exponentials relative to a number, that number, and whether none underflowed; computed if None.

    Attributes:
        logs: The natural logarithms.
    """

    __slots__ = ("_parts", "_safe", "_top", "logs")

    def __init__(self, logs: NDArray[np.float64], known: tuple[NDArray[np.float64], float, bool] | None = None) -> None:
        self.logs = logs
        self._parts: NDArray[np.float64]
        if known is not None:
            self._parts, self._top, self._safe = known
        if known is None or (not self._safe and self._parts.sum() < _TINY):
            self._exponentiate()

    def _exponentiate(self) -> None:
        top = float(self.logs.max()) if len(self.logs) else -math.inf
        self._top = top if math.isfinite(top) else 0.0
        # whether a part that is 0 or tiny was so from the beginning: -inf is, an underflow is not
        self._safe = not len(self.logs) or float(self.logs.min()) - self._top > _SAFE
        self._parts = np.subtract(self.logs, self._top)
        np.exp(self._parts, out=self._parts)

    def forbid(self, mask: NDArray[np.bool_]) -> float:
        """Take tokens out; the logarithm of what they had."""
        lost = float(self._parts.sum(where=mask))
        leak = math.log(lost) + self._top if lost > 0 else -math.inf
        if lost < _TINY and not self._safe:
            leak = Masses(self.logs[mask]).log_total()
        np.putmask(self.logs, mask, -np.inf)
        np.putmask(self._parts, mask, 0.0)
        if len(self._parts) and self._parts.max() < _TINY:
            self._exponentiate()
        return leak

    def shift(self, by: float) -> None:
        """Add a constant to all logarithms."""
        if by:
            self.logs += by
            self._top += by

    def log_total(self) -> float:
        """Logarithm of the sum."""
        total = float(self._parts.sum())
        return math.log(total) + self._top if total > 0 else -math.inf

    def log_part(self, lo: int, hi: int) -> float:
        """Logarithm of the sum over ``lo .. hi - 1``."""
        total = float(self._parts[lo:hi].sum())
        if total > _TINY or (self._safe and total > 0):
            return math.log(total) + self._top
        return Masses(self.logs[lo:hi].copy()).log_total() if lo < hi and not self._safe else -math.inf

    def log_sums(self, starts: NDArray[np.intp], first: int = 0) -> NDArray[np.float64]:
        """Logarithms of the sums over the segments that begin at ``starts`` (ascending, counted from ``first``)."""
        sums = np.add.reduceat(self._parts[first:] if first else self._parts, starts)
        with np.errstate(divide="ignore"):
            logs: NDArray[np.float64] = np.log(sums)
        logs += self._top
        if not self._safe and (small := sums < _TINY).any():
            tops = np.maximum.reduceat(self.logs[first:], starts)
            ends = [*starts[1:].tolist(), len(self.logs) - first]
            for index in np.flatnonzero(small & (tops > -np.inf)).tolist():
                lo, hi = first + int(starts[index]), first + ends[index]
                logs[index] = Masses(self.logs[lo:hi].copy()).log_total()
        return logs

    def narrowed(self, lo: int, hi: int) -> Masses:
        """The tokens ``lo .. hi - 1`` alone; the rest is let go of."""
        return Masses(self.logs[lo:hi].copy(), (self._parts[lo:hi].copy(), self._top, self._safe))
