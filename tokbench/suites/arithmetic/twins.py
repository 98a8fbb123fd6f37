"""Carry twins: two additions that differ in one digit of one operand, so that exactly one carry appears or not.

The carry goes into place p. The digits at place p do not sum to 9, so it goes no further, whatever came from below; and
those below place p - 1 are shared, so that no other carry changes. How many pairs there are is a product (with
``lower`` the digits below place p - 1 of both operands):

    100 ** (p - 1)  (lower)  x  165  (the digits at place p - 1)  x  the digits at place p and above  x  2  (operands)

165 is the sum of v (10 - v) over the digits v of the operand that stays: of the other one's digits 10 - v give no carry
and v give one. With a carry from below it is the sum of (v + 1) (9 - v), which is 165 as well, so that the law of the
lower digits stays uniform.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod

from tokbench.errors import OptionError
from tokbench.suites.arithmetic.problem import Problem
from tokbench.suites.arithmetic.sampling import operand_range

__all__ = ["TwinSpace"]

_TEN = 10
_NO_CARRY_ABOVE = 9
"""Two digits of this sum would hand a carry on."""


@cache
def _triples(carry: int) -> tuple[tuple[int, int, int], ...]:
    """(digit that stays, other digit without a carry out, other digit with one), with a carry from below or without."""
    return tuple(
        (stays, low, high)
        for stays in range(_TEN)
        for low in range(_TEN - stays - carry)
        for high in range(_TEN - stays - carry, _TEN)
    )


@cache
def _above(least: int) -> tuple[tuple[int, int], ...]:
    """Pairs of digits from ``least`` on that hand no carry on."""
    return tuple(
        (one, other)
        for one in range(least, _TEN)
        for other in range(least, _TEN)
        if one + other != _NO_CARRY_ABOVE
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TwinSpace:
    """Pairs of additions of two numbers of one length.

    Attributes:
        length: Digits of all operands, 2 or more.
        place: Place p that receives the carry or not, 1 to ``length - 1``.

    Raises:
        OptionError: If there is no such place.
    """

    length: int
    place: int

    def __post_init__(self) -> None:
        if not 1 <= self.place < self.length:
            raise OptionError("place", self.place, f"a place from 1 to {self.length - 1}")

    def _radices(self) -> tuple[int, ...]:
        """Numbers of choices: lower digits of each operand, the column of the carry, the one above, the rest, sides."""
        lower = 10 ** (self.place - 1)
        rest = self.length - 1 - self.place
        upper = 1
        if rest:
            first, last = operand_range(rest)
            upper = last - first + 1
        return lower, lower, len(_triples(0)), len(_above(0 if rest else 1)), upper, upper, 2

    @property
    def count(self) -> int:
        """Number of pairs."""
        return prod(self._radices())

    def pair(self, rank: int) -> tuple[Problem, Problem]:
        """The pair of a number: the addition without the carry and the one with it.

        Raises:
            OptionError: If there is no such number.
        """
        if not 0 <= rank < self.count:
            raise OptionError("rank", rank, f"a number from 0 to {self.count - 1}")
        chosen = []
        for radix in self._radices():
            rank, digit = divmod(rank, radix)
            chosen.append(digit)
        low_one, low_other, column, above, high_one, high_other, side = chosen
        rest = self.length - 1 - self.place
        power = 10 ** (self.place - 1)
        stays, low, high = _triples((low_one + low_other) // power)[column]
        digit_one, digit_other = _above(0 if rest else 1)[above]
        least = 10 ** (rest - 1) if rest else 0
        steady = ((least + high_one) * 10 + digit_one) * 10 * power + stays * power + low_one
        changing = ((least + high_other) * 10 + digit_other) * 10 * power + low_other
        found = []
        for digit in (low, high):
            other = changing + digit * power
            found.append(Problem("+", steady, other) if side else Problem("+", other, steady))
        return found[0], found[1]
