"""One calculation and its carries, in integer arithmetic of any size."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tokbench.errors import OptionError

__all__ = ["OPERATORS", "Operator", "Problem", "addition_carries", "borrows", "longest_chain"]

Operator = Literal["+", "-", "x"]
OPERATORS: tuple[Operator, ...] = ("+", "-", "x")


def _digits(number: int) -> bytes:
    """Digits from the last to the first, as numbers."""
    return bytes(digit - 48 for digit in reversed(str(number).encode()))


def addition_carries(a: int, b: int) -> tuple[int, ...]:
    """Places p that receive a carry in the written addition of two numbers: the digits at place p - 1 give it.

    >>> addition_carries(985, 17)
    (1, 2, 3)

    Args:
        a: 0 or more.
        b: 0 or more.

    Returns:
        The places, ascending; as many as there are columns with a carry out.
    """
    first, second = _digits(a), _digits(b)
    if len(first) < len(second):
        first, second = second, first
    second += bytes(len(first) - len(second))
    found, carry = [], 0
    for place, (one, other) in enumerate(zip(first, second, strict=True), start=1):
        carry = one + other + carry > 9  # noqa: PLR2004, the last digit
        if carry:
            found.append(place)
    return tuple(found)


def borrows(a: int, b: int) -> tuple[int, ...]:
    """Places p that a borrow is taken from in the written subtraction ``a - b``: the digits at place p - 1 need it.

    >>> borrows(1000, 1)
    (1, 2, 3)

    Args:
        a: ``b`` or more.
        b: 0 or more.

    Returns:
        The places, ascending; as many as there are columns with a borrow.

    Raises:
        OptionError: If ``b`` is the larger number.
    """
    if b > a:
        raise OptionError("b", b, f"a number up to {a}, which it is taken from")
    # a - b = c means c + b = a, and a column of a - b needs a borrow where that addition has a carry
    return addition_carries(a - b, b)


def longest_chain(places: tuple[int, ...]) -> int:
    """Length of the longest run of places that follow each other.

    >>> longest_chain((1, 2, 5))
    2
    """
    longest, run = 0, 0
    for before, place in pairwise((-1, *places)):
        run = run + 1 if place == before + 1 else 1
        longest = max(longest, run)
    return longest


@dataclass(frozen=True, slots=True)
class Problem:
    """A calculation.

    Attributes:
        op: ``+``, ``-`` or ``x``.
        a: First operand, 0 or more.
        b: Second operand, 0 or more.

    Raises:
        OptionError: If an operand is negative or the answer would be.
    """

    op: Operator
    a: int
    b: int

    def __post_init__(self) -> None:
        if self.op not in OPERATORS:
            raise OptionError("op", self.op, f"one of {', '.join(OPERATORS)}")
        if self.a < 0 or self.b < 0 or (self.op == "-" and self.b > self.a):
            raise OptionError("problem", f"{self.a}{self.op}{self.b}", "operands and an answer of 0 or more")

    @property
    def answer(self) -> int:
        """The right answer."""
        if self.op == "+":
            return self.a + self.b
        return self.a - self.b if self.op == "-" else self.a * self.b

    @property
    def carry_into(self) -> tuple[int, ...]:
        """Places that receive a carry, or that a borrow is taken from; none for products, whose columns add several."""
        if self.op == "+":
            return addition_carries(self.a, self.b)
        return borrows(self.a, self.b) if self.op == "-" else ()

    @property
    def carries(self) -> int:
        """Number of columns with a carry (a borrow) out."""
        return len(self.carry_into)

    @property
    def max_chain(self) -> int:
        """Longest run of such columns that follow each other."""
        return longest_chain(self.carry_into)

    @property
    def lengths(self) -> tuple[int, int, int]:
        """Numbers of digits of the first operand, of the second and of the answer."""
        return len(str(self.a)), len(str(self.b)), len(str(self.answer))

    @property
    def length_match(self) -> bool:
        """Whether the answer is as long as one of the operands."""
        first, second, answer = self.lengths
        return answer in {first, second}

    @property
    def text(self) -> str:
        """The calculation in plain digits, for messages."""
        return f"{self.a}{self.op}{self.b}"
