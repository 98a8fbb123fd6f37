"""Exact draws that compute only what the draw itself touches (bytelevel specification 4.5, *exact lazy sampling*).

A number r is drawn in [0, K + U). Below K it falls on a byte that is known. Else it falls on a pending context: that
one is run, and the rest of the *same* r goes on inside it, over its bytes first and then over the contexts that it
queued. Only when r lands on mass that no byte gets is another r drawn. A fresh r after every run would favour what
is known already.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tokbench.bytelevel.readings import END, OTHER, SYMBOLS
from tokbench.bytelevel.session import Floats, log_sum
from tokbench.bytelevel.state import Cover
from tokbench.errors import DeadEndError

__all__ = ["draw_lazily"]

_ATTEMPTS = 10_000


def draw_lazily(cover: Cover, fraction: Callable[[int], float]) -> int:
    """One symbol, a byte or the end, drawn from the exact distribution.

    Args:
        cover: The contexts of the text so far; nothing of theirs may have been given up to a budget.
        fraction: A number in [0, 1) for each attempt.

    Raises:
        DeadEndError: If neither a byte nor the end has any probability.
        RuntimeError: If thousands of draws land on mass that no byte gets.
    """
    assert cover.lost == -math.inf, "a draw is exact only while nothing was given up"
    for attempt in range(_ATTEMPTS):
        symbols = cover.log_symbols()
        known, missing = log_sum(symbols), cover.log_pending()
        scale = float(np.logaddexp(known, missing))
        rest = fraction(attempt)
        if missing == -math.inf:  # all is known: nothing but the mass of bytes and the end is drawn from
            of_bytes = log_sum(symbols[:OTHER])
            if of_bytes == -math.inf:
                raise DeadEndError(bytes(cover.data), "neither a byte nor the end has any probability")
            found = _within(symbols[:OTHER] - of_bytes, rest)
            return int(symbols[:OTHER].argmax()) if found is None else found
        share = math.exp(known - scale)
        symbol = _within(symbols - scale, rest) if rest < share else _descend(cover, rest - share, scale)
        if symbol is not None and symbol != OTHER:
            return symbol
    raise RuntimeError(f"no byte was drawn in {_ATTEMPTS} attempts after {bytes(cover.data[-40:])!r}")


def _within(logs: Floats, rest: float) -> int | None:
    cumulated = np.cumsum(np.exp(logs))
    index = int(np.searchsorted(cumulated, rest, "right"))
    return index if index < len(logs) else None


def _descend(cover: Cover, rest: float, scale: float) -> int | None:
    """Run the pending contexts in which ``rest`` falls, one inside the other."""
    nodes = cover.pending()
    while True:
        for node in nodes:
            share = math.exp(node.weight - scale)
            if rest < share:
                break
            rest -= share
        else:
            return None
        live, nodes = cover.run_one(node)
        if live is None:
            continue
        symbols = np.full(SYMBOLS, -np.inf)
        values, sums = live.log_sums()
        symbols[values] = sums
        if live.row is not None:
            symbols[END] = live.node.weight + live.row.end
            symbols[OTHER] = live.node.weight + live.row.other
        own = math.exp(log_sum(symbols) - scale)
        if rest < own:
            return _within(symbols - scale, rest)
        rest -= own
