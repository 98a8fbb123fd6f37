"""What a state and a score say: values in natural logarithms, each with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel.readings import END, OTHER, Reading, Renormalise
from tokbench.bytelevel.session import Floats

__all__ = ["ByteDistribution", "ByteScore", "Symbol", "log_add", "log_shares", "log_subtract"]


def log_add(a: float, b: float) -> float:
    """Logarithm of a sum."""
    return float(np.logaddexp(a, b))


def log_subtract(a: float, b: float) -> float:
    """Logarithm of a difference; ``-inf`` where nothing is left."""
    if b == -math.inf:
        return a
    return a + math.log(-math.expm1(b - a)) if a > b else -math.inf  # expm1: nearly equal numbers differ too


def log_shares(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Bounds of each number as a share of all, from bounds of the numbers: all natural logarithms.

    A share is least where its number is least and the others are most, and the other way round.
    """
    most, least = (float(np.logaddexp.reduce(values)) for values in (high, low))
    lower = [a - log_add(log_subtract(most, b), a) if a > -math.inf else a for a, b in zip(low, high, strict=True)]
    upper = [b - log_add(log_subtract(least, a), b) if b > -math.inf else b for a, b in zip(low, high, strict=True)]
    return np.array(lower), np.minimum(0.0, np.array(upper))


_WRITTEN = {9: r"'\t'", 10: r"'\n'", 13: r"'\r'"}


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol of a distribution.

    Attributes:
        symbol: 0-255 a byte, 256 the end of the text, 257 any other special id.
        logprob: Natural logarithm of its probability.
        lower: Proved lower bound of it.
        upper: Proved upper bound of it.
    """

    symbol: int
    logprob: float
    lower: float
    upper: float

    @property
    def name(self) -> str:
        """For a person: a printable character in quotes, a byte as ``0xNN``, ``END`` or ``OTHER``."""
        if self.symbol in {END, OTHER}:
            return "END" if self.symbol == END else "OTHER"
        if self.symbol in _WRITTEN:
            return _WRITTEN[self.symbol]
        return repr(chr(self.symbol)) if 0x20 <= self.symbol < 0x7F else f"0x{self.symbol:02X}"  # noqa: PLR2004, ASCII


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByteDistribution:
    """The distribution of the next symbol after some bytes.

    Attributes:
        logprobs: Natural logarithms: bytes 0-255, the end (256), other specials (257); shape ``(258,)``. Their
            exponentials sum to 1, or with ``renormalise=None`` to 1 - ``leak`` - ``masked``.
        lower: Proved lower bounds, same shape.
        upper: Proved upper bounds, same shape.
        unproved_zero: Symbols that have probability 0 as far as was computed, and may have more; bool, ``(258,)``.
        leak: Share of W(x) that no symbol gets.
        masked: Share of W(x) that ``utf8_only`` took away.
        undecided: Share of W(x) behind contexts for which no text was found.
        unexpanded: U / (K + U): bound of the total variation distance to the truth.
        log_weight: Natural logarithm of W(x): the probability that a text begins so.
        log_weight_lower: Proved lower bound of it.
        log_weight_upper: Proved upper bound of it.
        positions: Positions of the model that the state has cost so far.
        forwards: Calls of the model so far.
        exact: Whether the intervals have width 0.
        reading: Which covers count.
        renormalise: What was done with the leaked mass.
    """

    logprobs: Floats
    lower: Floats
    upper: Floats
    unproved_zero: NDArray[np.bool_]
    leak: float
    masked: float
    undecided: float
    unexpanded: float
    log_weight: float
    log_weight_lower: float
    log_weight_upper: float
    positions: int
    forwards: int
    exact: bool
    reading: Reading
    renormalise: Renormalise

    @property
    def probabilities(self) -> Floats:
        """``exp(logprobs)``, shape ``(258,)``."""
        return np.exp(self.logprobs)

    def __getitem__(self, symbol: int | bytes | str) -> float:
        """Probability of a symbol: its number, a single byte, or an ASCII character."""
        if isinstance(symbol, str):
            symbol = symbol.encode()
        if isinstance(symbol, bytes):
            (symbol,) = symbol
        return math.exp(self.logprobs[symbol])

    def top(self, k: int = 5) -> list[Symbol]:
        """The ``k`` most probable symbols, ties by number."""
        order = np.lexsort((np.arange(len(self.logprobs)), -self.logprobs))[:k]
        return [
            Symbol(int(index), float(self.logprobs[index]), float(self.lower[index]), float(self.upper[index]))
            for index in order
        ]

    def total_variation(self, other: ByteDistribution) -> float:
        """Half the L1 distance between the two."""
        return float(np.abs(self.probabilities - other.probabilities).sum() / 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByteScore:
    """The log-probability of a byte string.

    Attributes:
        value: Natural logarithm.
        lower: Proved lower bound of it.
        upper: Proved upper bound of it.
        per_byte: Natural logarithm for each byte, and for the end where it was asked for; shape ``(n,)`` or
            ``(n + 1,)``; None where only the whole was computed.
        data: The bytes that were scored.
        ended: Whether the end of the text is part of it.
        positions: Positions of the model that were computed.
        forwards: Calls of the model.
        undecided: Share of the weight of the text behind contexts for which no text was found.
        exact: Whether the interval has width 0.
        reading: Which covers count.
        renormalise: What was done with the leaked mass.
        window: Bytes of left context that each part of a long text was given; None for all of it.
    """

    value: float
    lower: float
    upper: float
    per_byte: Floats | None
    data: bytes
    ended: bool
    positions: int
    forwards: int
    undecided: float
    exact: bool
    reading: Reading
    renormalise: Renormalise
    window: int | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """Both bounds."""
        return self.lower, self.upper

    @property
    def bits(self) -> float:
        """The information in the text, in bits."""
        return -self.value / math.log(2)

    @property
    def bits_per_byte(self) -> float:
        """Bits divided by the number of bytes (the end is not counted as one); NaN for no bytes."""
        return self.bits / len(self.data) if self.data else math.nan
