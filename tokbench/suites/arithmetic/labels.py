"""What kind of error a value is: one exclusive label, and every condition that holds (arithmetic specification, 4.6).

With t the truth, x the value, and p a place (10**p): *chunks* are those of the true answer as the tokenizer cuts it,
and a *boundary* is a place p >= 1 at which one of them ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, zip_longest
from typing import NamedTuple

from tokbench.errors import OptionError
from tokbench.suites.arithmetic.problem import Operator, Problem

__all__ = ["LABELS", "Chunks", "Labels", "base_label", "boundaries", "first_digits", "label_problem", "labels"]

LABELS = (
    "invalid", "correct", "format_only", "left_aligned_sum", "chunkwise_sum", "dropped_digit",
    "dropped_carry_boundary", "off_by_one_boundary", "chunk_first_digit", "dropped_carry_inside", "off_by_one_other",
    "no_carry_sum", "wrong_length", "other",
)  # fmt: skip
"""All labels; of several that fit the first one counts. ``chunk_first_digit`` carries its chunk: ``...:2``."""

_LONGEST = 4000
"""Digits up to which Python turns text into integers and back; a longer value is of the wrong length anyway."""


class Chunks(NamedTuple):
    """Numbers of digits in each chunk of the operands and of the true answer, from the left."""

    a: tuple[int, ...]
    b: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """What kind of error it is.

    Attributes:
        label: The exclusive label.
        flags: All conditions that hold, the label among them; conditions of errors only where the value is wrong.
            ``off_by_one`` and ``dropped_carry`` hold at any place; ``chunk_first_wrong:k`` is ``chunk_first_digit:k``
            where other digits may be wrong as well; ``padded`` is the truth with zeros in front of it or behind it.
    """

    label: str
    flags: frozenset[str]


def base_label(label: str) -> str:
    """A label without its chunk."""
    return label.partition(":")[0]


def boundaries(sizes: tuple[int, ...]) -> frozenset[int]:
    """Places p >= 1 at which a chunk ends.

    >>> sorted(boundaries((3, 3, 1)))
    [1, 4]
    """
    total = sum(sizes)
    return frozenset(total - end for end in accumulate(sizes) if end < total)


def first_digits(sizes: tuple[int, ...]) -> dict[int, int]:
    """For the first digit of each chunk k >= 2, counted from 1 at the left: its chunk.

    >>> first_digits((3, 3, 1))
    {4: 2, 7: 3}
    """
    return {end + 1: chunk for chunk, end in enumerate(accumulate(sizes[:-1]), 2)}


# ---------------------------------------------------------------------- single conditions


def _left_aligned(problem: Problem, x: int) -> bool:
    first, second = str(problem.a), str(problem.b)
    if len(first) == len(second):
        return False
    length = max(len(first), len(second))
    return _combined(problem.op, int(first.ljust(length, "0")), int(second.ljust(length, "0"))) == x


def _combined(op: Operator, a: int, b: int) -> int:
    return a + b if op == "+" else a - b if op == "-" else a * b


def _pieces(number: int, sizes: tuple[int, ...]) -> list[str]:
    digits, found, start = str(number), [], 0
    for size in sizes:
        found.append(digits[start : start + size])
        start += size
    return found


def _joined(op: Operator, pairs: list[tuple[str, str]]) -> Iterator[int]:
    """Sums of paired chunks one behind the other, each padded to the longer of the two or not."""
    sums = [_combined(op, int(one or 0), int(other or 0)) for one, other in pairs]
    if min(sums) < 0:
        return  # a difference below zero is not written as digits
    padded = (str(part).zfill(max(len(one), len(other))) for part, (one, other) in zip(sums, pairs, strict=True))
    yield int("".join(padded))
    yield int("".join(map(str, sums)))


def _chunkwise(problem: Problem, x: int, chunks: Chunks) -> bool:
    first, second = _pieces(problem.a, chunks.a), _pieces(problem.b, chunks.b)
    left = list(zip_longest(first, second, fillvalue=""))
    if x in _joined(problem.op, left):
        return True
    if len(first) == len(second):
        return False
    right = list(zip_longest(reversed(first), reversed(second), fillvalue=""))[::-1]
    return x in _joined(problem.op, right)


def _shorter(number: int) -> set[int]:
    """All numbers that one digit less leaves."""
    digits = str(number)
    return {int(digits[:at] + digits[at + 1 :]) for at in range(len(digits))} if len(digits) > 1 else set()


def _dropped_digit(problem: Problem, x: int) -> bool:
    op, a, b = problem.op, problem.a, problem.b
    if op == "x":
        return any(one * b == x for one in _shorter(a)) or any(one * a == x for one in _shorter(b))
    return (x - b if op == "+" else x + b) in _shorter(a) or (x - a if op == "+" else a - x) in _shorter(b)


def _no_carry(problem: Problem) -> int:
    length = max(problem.lengths[:2])
    sign = 1 if problem.op == "+" else -1
    first, second = str(problem.a).zfill(length), str(problem.b).zfill(length)
    columns = ((int(one) + sign * int(other)) % 10 for one, other in zip(first, second, strict=True))
    return int("".join(map(str, columns)))


def _place(difference: int) -> int | None:
    """The p for which a difference is 10**p or -(10**p)."""
    digits = str(abs(difference))
    return len(digits) - 1 if digits[0] == "1" and not digits[1:].strip("0") else None


# ---------------------------------------------------------------------- all of them


def _flags(problem: Problem, value: str, truth: str, chunks: Chunks) -> Iterator[str]:
    """All conditions that hold for a wrong value, whatever their order."""
    if len(value) != len(truth):
        yield "wrong_length"
        # zeros in front are not part of a value
        if value.startswith(truth) and not value[len(truth) :].strip("0"):
            yield "padded"
        if len(value) > _LONGEST:
            return
    x, t, sums = int(value), int(truth), problem.op != "x"
    if sums and _left_aligned(problem, x):
        yield "left_aligned_sum"
    if sums and _chunkwise(problem, x, chunks):
        yield "chunkwise_sum"
    if _dropped_digit(problem, x):
        yield "dropped_digit"
    edges = boundaries(chunks.answer)
    place = _place(x - t)
    if place is not None:
        yield "off_by_one"
        yield "off_by_one_boundary" if place in edges else "off_by_one_other"
        # a carry that is lost makes a sum too small, a borrow that is lost makes a difference too large
        if sums and (x < t) == (problem.op == "+") and place in problem.carry_into:
            yield "dropped_carry"
            yield "dropped_carry_boundary" if place in edges else "dropped_carry_inside"
    if len(value) == len(truth):
        wrong = [at for at, (one, other) in enumerate(zip(value, truth, strict=True), 1) if one != other]
        firsts = first_digits(chunks.answer)
        yield from (f"chunk_first_wrong:{firsts[at]}" for at in wrong if at in firsts)
        if len(wrong) == 1 and wrong[0] in firsts:
            yield f"chunk_first_digit:{firsts[wrong[0]]}"
    if sums and _no_carry(problem) == x:
        yield "no_carry_sum"


_ORDER = {label: place for place, label in enumerate(LABELS)}


def labels(
    a: int,
    b: int,
    x: int | str | None,
    chunks: Chunks,
    *,
    op: Operator = "+",
    format_ok: bool = True,
) -> Labels:
    """Label a value.

    >>> threes = Chunks((3, 3, 1), (3, 3, 1), (3, 3, 2))
    >>> labels(9000000, 2345678, 11445678, threes).label
    'chunk_first_digit:2'

    Args:
        a: First operand.
        b: Second operand.
        x: The value, or its digits; None for a reply that has none.
        chunks: Sizes of the chunks of the operands and of the true answer.
        op: The operator.
        format_ok: Whether the value is written as asked.

    Raises:
        OptionError: If chunks are not those of numbers of these lengths, or the problem has no answer.
    """
    value = None if x is None else str(x).lstrip("0") or "0"
    return label_problem(Problem(op, a, b), value, chunks, format_ok=format_ok)


def label_problem(problem: Problem, value: str | None, chunks: Chunks, *, format_ok: bool) -> Labels:
    """:func:`labels` of a problem that is there already; ``value`` has no leading zeros."""
    if tuple(map(sum, chunks)) != problem.lengths:
        raise OptionError("chunks", tuple(chunks), f"chunks of {', '.join(map(str, problem.lengths))} digits")
    if value is None:
        return Labels("invalid", frozenset({"invalid"}))
    truth = str(problem.answer)
    if value == truth:
        label = "correct" if format_ok else "format_only"
        return Labels(label, frozenset({label}))
    flags = frozenset(_flags(problem, value, truth, chunks)) or frozenset({"other"})
    known = [flag for flag in flags if base_label(flag) in _ORDER]
    if not known:  # only conditions that are no labels
        return Labels("other", flags | {"other"})
    return Labels(min(known, key=lambda flag: _ORDER[base_label(flag)]), flags)
