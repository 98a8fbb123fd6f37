"""Counts of section 7.10 of the specification, and uniform sampling beside brute force."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from scipy.stats import chisquare  # type: ignore[import-untyped]

from tokbench.errors import OptionError
from tokbench.suites.arithmetic.problem import Operator, Problem
from tokbench.suites.arithmetic.sampling import (
    Grid,
    PairSpace,
    Space,
    answer_range,
    count_pairs,
    draw,
    operand_range,
    pair_space,
)
from tokbench.suites.arithmetic.twins import TwinSpace

GOLDEN = {
    (1, 1, 1): 36, (1, 1, 2): 45, (2, 2, 2): 3240, (2, 2, 3): 4860, (1, 2, 2): 765, (1, 2, 3): 45, (3, 3, 3): 320400,
    (7, 7, 7): 32000004000000, (7, 7, 8): 48999996000000, (7, 8, 9): 49499995500000, (8, 8, 9): 4899999960000000,
    (9, 9, 9): 320000000400000000, (4, 12, 12): 8099999950504500, (4, 12, 13): 49495500,
}  # fmt: skip


@pytest.mark.parametrize(("lengths", "count"), GOLDEN.items())
def test_golden_counts(lengths: tuple[int, int, int], count: int) -> None:
    assert count_pairs(*lengths) == count


def brute(op: Operator, la: int, lb: int, ln: int) -> list[Problem]:
    pairs = product(range(10 ** (la - 1), 10**la), range(10 ** (lb - 1), 10**lb))
    return [
        Problem(op, a, b)
        for a, b in pairs
        if (op == "+" or a >= b) and len(str(a + b if op == "+" else a - b)) == ln
    ]  # fmt: skip


@pytest.mark.parametrize("op", ["+", "-"])
def test_all_pairs_of_short_numbers(op: Operator) -> None:
    for la, lb, ln in product((1, 2), (1, 2), (1, 2, 3)):
        space = pair_space(op, la, lb, answer_range(ln))
        assert [space.problem(rank) for rank in range(space.count)] == brute(op, la, lb, ln)


@pytest.mark.parametrize("op", ["+", "-"])
def test_counts_up_to_three_digits(op: Operator) -> None:
    """Against counting the answers of each ``a`` one by one, which knows nothing of pieces."""
    for la, lb in product((1, 2, 3), repeat=2):
        pairs = product(range(10 ** (la - 1), 10**la), range(10 ** (lb - 1), 10**lb))
        values = Counter(a + b if op == "+" else a - b for a, b in pairs)
        seen: Counter[int] = Counter()
        for value, times in values.items():
            if value >= 0:
                seen[len(str(value))] += times
        found = {ln: pair_space(op, la, lb, answer_range(ln)).count for ln in (1, 2, 3, 4)}
        assert found == {ln: seen[ln] for ln in (1, 2, 3, 4)}


@pytest.mark.parametrize("lengths", [(4, 12, 13), (12, 4, 13), (9, 9, 9), (12, 12, 13), (7, 8, 9)])
def test_ranks_of_long_numbers(lengths: tuple[int, int, int]) -> None:
    """Each rank comes back as the number of pairs before its pair, counted by the ranges alone."""
    la, lb, ln = lengths
    space = pair_space("+", la, lb, answer_range(ln))
    (a0, _), (b0, b1), (n0, n1) = operand_range(la), operand_range(lb), answer_range(ln)
    for number in range(50):
        rank = draw(space.count, "ranks", *lengths, number)
        problem = space.problem(rank)
        assert problem.lengths == lengths
        before = PairSpace("+", (a0, problem.a - 1), (b0, b1), (n0, n1)).count if problem.a > a0 else 0
        assert before + problem.b - max(b0, n0 - problem.a) == rank
    for rank in (0, space.count - 1):
        assert space.problem(rank).lengths == lengths


def test_a_grid() -> None:
    grid = Grid("x", (10, 12), (100, 101))
    assert [grid.problem(rank).text for rank in range(grid.count)] == [
        "10x100", "10x101", "11x100", "11x101", "12x100", "12x101",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "space", [pair_space("+", 1, 1, answer_range(1)), Grid("+", (1, 9), (1, 9)), pair_space("-", 2, 1, answer_range(1))]
)
def test_no_rank_beyond_the_last(space: Space) -> None:
    for rank in (-1, space.count):
        with pytest.raises(OptionError, match=f"a number from 0 to {space.count - 1}"):
            space.problem(rank)


@pytest.mark.parametrize(
    ("space", "name"),
    [
        (pair_space("+", 1, 1, answer_range(1)), "1+1=1"),
        (pair_space("+", 1, 2, answer_range(3)), "1+2=3"),
        (pair_space("-", 2, 1, answer_range(1)), "2-1=1"),
        (Grid("+", (1, 9), (1, 9)), "1+1"),
    ],
)
def test_small_strata_are_uniform(space: Space, name: str) -> None:
    n = 100 * space.count
    seen = Counter(space.problem(draw(space.count, "uniform", name, number)) for number in range(n))
    assert len(seen) == space.count
    assert chisquare(list(seen.values())).pvalue > 1e-3


def test_draws_are_below_their_bound_and_favour_none() -> None:
    # 3 of 4 two-bit values are kept: with a modulo, 0 would come twice as often
    seen = Counter(draw(3, "three", number) for number in range(6000))
    assert chisquare([seen[value] for value in range(3)]).pvalue > 1e-3
    assert draw(1, "one") == 0
    assert draw(2**512, "all bits") < 2**512
    assert draw(10**30, "a", 1) != draw(10**30, "a", 2)
    assert draw(10**30, "ab", "c") != draw(10**30, "a", "bc")
    for n in (0, -1, 2**512 + 1):
        with pytest.raises(OptionError, match="a positive number of at most 512 bits"):
            draw(n)


def test_lengths_that_do_not_exist() -> None:
    for length in (0, -3):
        with pytest.raises(OptionError, match="1 digit or more"):
            operand_range(length)
        with pytest.raises(OptionError, match="1 digit or more"):
            count_pairs(4, length, 4)
    assert count_pairs(4, 4, 6) == count_pairs(4, 4, 3) == 0


# ---------------------------------------------------------------------- carry twins


def test_all_twins_of_two_digits() -> None:
    """Beside a search through all pairs of additions that differ in the last digit of one operand."""
    wanted = set()
    for a, b in product(range(10, 100), repeat=2):
        if a % 10 + b % 10 > 9:
            continue
        first = Problem("+", a, b)
        for last in range(10):
            for one, other in ((a // 10 * 10 + last, b), (a, b // 10 * 10 + last)):
                # the carry into place 1 appears, that into place 2 stays as it is
                if one % 10 + other % 10 > 9 and (one + other > 99) == (a + b > 99):
                    wanted.add((first, Problem("+", one, other)))
    space = TwinSpace(2, 1)
    found = [space.pair(rank) for rank in range(space.count)]
    assert len(found) == len(set(found)) == 165 * 73 * 2
    assert set(found) == wanted


def test_twins_are_numbered_without_gaps() -> None:
    assert TwinSpace(3, 1).count == 165 * 90 * 9**2 * 2
    assert TwinSpace(3, 2).count == 100 * 165 * 73 * 2
    space = TwinSpace(3, 2)
    step = 997
    pairs = [space.pair(rank) for rank in range(0, space.count, step)]
    assert len(set(pairs)) == len(pairs)
    with pytest.raises(OptionError, match="a number from 0 to"):
        space.pair(space.count)
    for place in (0, 3):
        with pytest.raises(OptionError, match="a place from 1 to 2"):
            TwinSpace(3, place)
