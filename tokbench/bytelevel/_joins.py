"""Ways to join distributions over the 256 bytes and the end; natural logarithms, one row a member."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tokbench.bytelevel.distribution import log_shares
from tokbench.bytelevel.readings import OTHER
from tokbench.bytelevel.session import Floats, log_sum
from tokbench.errors import OptionError

__all__ = ["mean", "mean_bound", "product"]

_SYMBOLS = OTHER  # 256 bytes and the end


def mean(logs: Floats, shares: Floats) -> Floats:
    """Mean of rows, ``(n, 257)``, weighted by shares, ``(n,)`` or one for each symbol; all logarithms."""
    shares = shares if shares.ndim > 1 else shares[:, None]
    with np.errstate(invalid="ignore"):
        total = np.logaddexp.reduce(shares, axis=0)
        return np.asarray(np.logaddexp.reduce(np.where(np.isneginf(shares), -np.inf, logs + shares), axis=0) - total)


def mean_bound(logs: Floats, least: Floats, most: Floats, *, upper: bool) -> Floats:
    """Least or largest mean of each symbol that shares between two bounds allow.

    A mean is least where the members of the smallest values have their largest share and the others their least,
    for some number of members; all numbers are tried. The largest mean is the other way round.
    """
    order = -logs if upper else logs
    rank = order.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    tried = [mean(logs, np.where(rank < size, most[:, None], least[:, None])) for size in range(1, len(logs) + 1)]
    return np.minimum(0.0, np.fmax.reduce(tried)) if upper else np.asarray(np.fmin.reduce(tried))


def product(
    logs: Floats, lowers: Floats, uppers: Floats, weights: Sequence[float]
) -> tuple[Floats, Floats, Floats] | None:
    """Weighted product: its logarithms divided by their sum, and bounds; 0 to the power of 0 is 1.

    None where every symbol has probability 0 in some member.

    Raises:
        OptionError: If a member of negative weight gives a symbol probability 0 that the others allow.
    """
    used = [index for index, weight in enumerate(weights) if weight]
    vetoed = np.zeros(_SYMBOLS, np.bool_)
    for index in used:
        if weights[index] > 0:
            vetoed |= np.isneginf(logs[index])
    for index in used:
        wrong = np.flatnonzero(np.isneginf(logs[index]) & ~vetoed)
        if weights[index] < 0 and len(wrong):
            expected = f"no negative weight for member {index}: it gives symbol {int(wrong[0])} probability 0"
            raise OptionError("weights", tuple(weights), expected)
    point = _powers(logs, weights, used)
    point[vetoed] = -np.inf
    total = log_sum(point)
    if total == -math.inf:
        return None
    if np.array_equal(lowers, uppers):
        return point - total, point - total, point - total
    low = _powers([(lowers if weights[index] > 0 else uppers)[index] for index in range(len(weights))], weights, used)
    high = _powers([(uppers if weights[index] > 0 else lowers)[index] for index in range(len(weights))], weights, used)
    if bool(np.isposinf(high).any()):  # a member of negative weight may give a symbol nothing: all may be its own
        return point - total, np.full(_SYMBOLS, -np.inf), np.where(np.isneginf(high), -np.inf, 0.0)
    lower, upper = log_shares(low, high)
    return point - total, lower, upper


def _powers(logs: Floats | list[Floats], weights: Sequence[float], used: Sequence[int]) -> Floats:
    """Sum of weighted logarithms; what a positive weight makes impossible stays so."""
    found, impossible = np.zeros(_SYMBOLS), np.zeros(_SYMBOLS, np.bool_)
    for index in used:
        zero = np.isneginf(logs[index])
        if weights[index] > 0:
            impossible |= zero
        found += np.where(
            zero, 0.0 if weights[index] > 0 else np.inf, weights[index] * np.where(zero, 0.0, logs[index])
        )
    found[impossible] = -np.inf
    return found
