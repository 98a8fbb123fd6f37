"""Exact uniform sampling of calculations whose numbers have given lengths (arithmetic specification, 4.2).

The pairs of operands of a stratum are numbered without a gap: for each ``a`` the valid ``b`` are a range, whose size is
piecewise linear in ``a``, so the number of pairs before an ``a`` is a closed formula of integers, and so is its inverse
within a piece. A pair is drawn by its number, which comes from a stream of hashes. Nothing is rejected but numbers
beyond the last, so a stratum in which one pair of 10**8 qualifies costs as much as any other.

>>> count_pairs(2, 2, 3)
4860
>>> pair_space("+", 1, 1, answer_range(1)).problem(35)
Problem(op='+', a=8, b=1)
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from math import isqrt
from typing import Protocol

from tokbench.errors import OptionError
from tokbench.suites.arithmetic.problem import Operator, Problem

__all__ = [
    "Grid", "PairSpace", "Range", "Space", "answer_range", "count_pairs", "draw", "operand_range", "pair_space",
]  # fmt: skip

Range = tuple[int, int]
"""First and last number, both included."""

_BITS = 512
_SEPARATOR = b"\x1f"


def draw(n: int, *parts: object) -> int:
    """A number below ``n``, each as likely as any other, that belongs to the parts.

    The first bits of BLAKE2b (64 bytes) over the parts and the number of the attempt, as text joined with U+001F;
    what is not below ``n`` is drawn again, so that there is no remainder that some numbers are favoured by.

    Args:
        n: 1 or more.
        *parts: What the number belongs to.

    Raises:
        OptionError: If ``n`` is not positive or has more than 512 bits.
    """
    bits = (n - 1).bit_length()
    if n < 1 or bits > _BITS:
        raise OptionError("n", n, "a positive number of at most 512 bits")
    state = blake2b(digest_size=_BITS // 8)
    for part in parts:
        state.update(str(part).encode("utf-8", "surrogatepass") + _SEPARATOR)
    attempt = 0
    while True:
        hashed = state.copy()
        hashed.update(b"%d" % attempt)
        value = int.from_bytes(hashed.digest(), "big") >> (_BITS - bits)
        if value < n:
            return value
        attempt += 1


# ---------------------------------------------------------------------- lengths


def operand_range(length: int) -> Range:
    """Operands of so many digits; 0 is none.

    Raises:
        OptionError: If the length is not positive.
    """
    if length < 1:
        raise OptionError("length", length, "1 digit or more")
    return int(10 ** (length - 1)), int(10**length - 1)


def answer_range(length: int) -> Range:
    """Answers of so many digits; those of one digit begin at 0.

    Raises:
        OptionError: If the length is not positive.
    """
    first, last = operand_range(length)
    return (0 if length == 1 else first), last


# ---------------------------------------------------------------------- pairs with an answer in a range


class Space(Protocol):
    """Calculations that are numbered from 0 to ``count - 1``."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def problem(self, rank: int) -> Problem:
        """The one of a number."""
        ...


@dataclass(frozen=True, slots=True)
class _Piece:
    """Operands ``a`` from ``start`` on, over which the number of valid ``b`` is linear.

    Attributes:
        start: The first ``a``.
        first: Valid ``b`` of it.
        slope: How many more each next ``a`` has: -1, 0 or 1.
        before: Pairs before it.
    """

    start: int
    first: int
    slope: int
    before: int

    def skipped(self, rank: int) -> tuple[int, int]:
        """How many ``a`` have all their pairs among the first ``rank`` of this piece, and how many pairs these are.

        The y first have y first + slope y (y - 1) / 2 pairs; the largest y with no more than ``rank`` is the root of
        a quadratic equation, rounded down in integers.
        """
        first, slope = self.first, self.slope
        if slope == 0:
            whole = rank // first
        elif slope > 0:
            linear = 2 * first - 1
            whole = (isqrt(linear * linear + 8 * rank) - linear) // 2
        else:
            linear = 2 * first + 1
            square = linear * linear - 8 * rank
            whole = (linear - isqrt(square - 1) - 1) // 2  # the root rounded up; the square is positive here
        return whole, whole * first + slope * whole * (whole - 1) // 2


@dataclass(frozen=True, slots=True)
class PairSpace:
    """Sums or differences of numbers in given ranges.

    Attributes:
        op: ``+`` or ``-``.
        a: First operands.
        b: Second operands.
        answer: Answers.
    """

    op: Operator
    a: Range
    b: Range
    answer: Range
    _pieces: tuple[_Piece, ...] = field(init=False, repr=False, compare=False)
    _before: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _count: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # the size of the range of b changes its law only where one of its ends meets an end of the second operands
        sign = 1 if self.op == "+" else -1
        marks = {self.a[0], self.a[1] + 1}
        for end in self.answer:
            for other in self.b:
                at = end - sign * other
                marks |= {mark for mark in (at, at + 1) if self.a[0] < mark <= self.a[1]}
        pieces, before = [], 0
        for start, end in pairwise(sorted(marks)):
            first, second = self._valid(start), self._valid(start + 1) if end - start > 1 else 0
            slope = second - first if end - start > 1 else 0
            size = (end - start) * first + slope * (end - start) * (end - start - 1) // 2
            if size:
                pieces.append(_Piece(start, first, slope, before))
                before += size
        object.__setattr__(self, "_pieces", tuple(pieces))
        object.__setattr__(self, "_before", tuple(piece.before for piece in pieces))
        object.__setattr__(self, "_count", before)

    def _first(self, a: int) -> int:
        """The least valid ``b`` of ``a``, if it has one."""
        return max(self.b[0], self.answer[0] - a if self.op == "+" else a - self.answer[1])

    def _valid(self, a: int) -> int:
        """Number of valid ``b`` of ``a``."""
        last = min(self.b[1], self.answer[1] - a if self.op == "+" else a - self.answer[0])
        return max(0, last - self._first(a) + 1)

    @property
    def count(self) -> int:
        """Number of pairs."""
        return self._count

    def problem(self, rank: int) -> Problem:
        """The pair of a number, ordered by ``a``, then by ``b``.

        Raises:
            OptionError: If there is no such number.
        """
        if not 0 <= rank < self._count:
            raise OptionError("rank", rank, f"a number from 0 to {self._count - 1}")
        piece = self._pieces[bisect_right(self._before, rank) - 1]
        whole, pairs = piece.skipped(rank - piece.before)
        a = piece.start + whole
        return Problem(self.op, a, self._first(a) + rank - piece.before - pairs)


@dataclass(frozen=True, slots=True)
class Grid:
    """Calculations with any operands of two ranges.

    Attributes:
        op: The operator.
        a: First operands.
        b: Second operands.
    """

    op: Operator
    a: Range
    b: Range

    @property
    def count(self) -> int:
        """Number of pairs."""
        return (self.a[1] - self.a[0] + 1) * (self.b[1] - self.b[0] + 1)

    def problem(self, rank: int) -> Problem:
        """The pair of a number, ordered by ``a``, then by ``b``.

        Raises:
            OptionError: If there is no such number.
        """
        if not 0 <= rank < self.count:
            raise OptionError("rank", rank, f"a number from 0 to {self.count - 1}")
        first, second = divmod(rank, self.b[1] - self.b[0] + 1)
        return Problem(self.op, self.a[0] + first, self.b[0] + second)


@cache
def pair_space(op: Operator, la: int, lb: int, answers: Range) -> PairSpace:
    """Sums or differences by the lengths of the operands, made once."""
    return PairSpace(op, operand_range(la), operand_range(lb), answers)


def count_pairs(la: int, lb: int, ln: int) -> int:
    """Number of additions with operands of ``la`` and ``lb`` digits and a sum of ``ln`` digits.

    Raises:
        OptionError: If a length is not positive.
    """
    return pair_space("+", la, lb, answer_range(ln)).count
