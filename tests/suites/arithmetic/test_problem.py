from __future__ import annotations

import pytest

from tokbench.errors import OptionError
from tokbench.suites.arithmetic.problem import Operator, Problem, addition_carries, borrows, longest_chain


@pytest.mark.parametrize(
    ("op", "a", "b", "answer", "places", "chain", "lengths"),
    [
        ("+", 12, 34, 46, (), 0, (2, 2, 2)),
        ("+", 999, 1, 1000, (1, 2, 3), 3, (3, 1, 4)),
        ("+", 1, 999, 1000, (1, 2, 3), 3, (1, 3, 4)),
        ("+", 5, 5, 10, (1,), 1, (1, 1, 2)),
        ("+", 90519, 10604, 101123, (1, 3, 5), 1, (5, 5, 6)),
        ("-", 1000, 1, 999, (1, 2, 3), 3, (4, 1, 3)),
        ("-", 54, 54, 0, (), 0, (2, 2, 1)),
        ("-", 523, 141, 382, (2,), 1, (3, 3, 3)),
        ("x", 12, 345, 4140, (), 0, (2, 3, 4)),
    ],
)
def test_answers_and_carries(
    op: Operator, a: int, b: int, answer: int, places: tuple[int, ...], chain: int, lengths: tuple[int, int, int]
) -> None:
    problem = Problem(op, a, b)
    assert problem.answer == answer
    assert problem.carry_into == places
    assert (problem.carries, problem.max_chain, problem.lengths) == (len(places), chain, lengths)
    assert problem.text == f"{a}{op}{b}"


def test_length_match() -> None:
    assert Problem("+", 1234567, 12345678).length_match
    assert not Problem("+", 9234567, 92345678).length_match


def test_carries_are_exact_beyond_what_floats_hold() -> None:
    assert addition_carries(10**40 - 1, 1) == tuple(range(1, 41))
    assert borrows(10**40, 1) == tuple(range(1, 41))


def test_chains() -> None:
    assert [longest_chain(places) for places in ((), (3,), (1, 2, 5), (1, 3, 4, 5))] == [0, 1, 2, 3]


def test_bad_input() -> None:
    with pytest.raises(OptionError, match=r"one of \+, -, x"):
        Problem("/", 1, 2)  # type: ignore[arg-type] # that is the point
    with pytest.raises(OptionError, match="0 or more"):
        Problem("+", -1, 2)
    with pytest.raises(OptionError, match="0 or more"):
        Problem("-", 1, 2)
    with pytest.raises(OptionError, match="a number up to 1"):
        borrows(1, 2)
