"""Labels: each condition by itself, their order, other operators, and numbers of any size."""

from __future__ import annotations

import pytest

from tokbench.errors import OptionError
from tokbench.suites.arithmetic.formats import chunks_of, parse_format
from tokbench.suites.arithmetic.labels import LABELS, Chunks, base_label, boundaries, first_digits, labels
from tokbench.suites.arithmetic.problem import Operator, Problem


def chunks(a: int, b: int, op: Operator = "+", fmt: str = "comma_l2r") -> Chunks:
    numbers = (a, b, Problem(op, a, b).answer)
    return Chunks(*(chunks_of(str(number), parse_format(fmt)) for number in numbers))


def label(a: int, b: int, x: int | None, op: Operator = "+", fmt: str = "comma_l2r") -> str:
    return labels(a, b, x, chunks(a, b, op, fmt), op=op).label


def flags(a: int, b: int, x: int | None, op: Operator = "+", fmt: str = "comma_l2r") -> frozenset[str]:
    return labels(a, b, x, chunks(a, b, op, fmt), op=op).flags


def test_places_of_chunks() -> None:
    assert boundaries((3, 3, 1)) == {1, 4}
    assert boundaries((1, 3, 3)) == {3, 6}
    assert boundaries((7,)) == set()
    assert first_digits((3, 3, 1)) == {4: 2, 7: 3}
    assert first_digits((7,)) == {}


TRUTH = 1234567 + 7654322  # 8888889, no carries


@pytest.mark.parametrize(
    ("a", "b", "x", "wanted"),
    [
        (1234567, 7654322, None, "invalid"),
        (1234567, 7654322, TRUTH, "correct"),
        (1234, 56, 1234 + 5600, "left_aligned_sum"),
        (1234, 56, 6834, "left_aligned_sum"),
        # 123|4 + 56|: paired from the left 179|4, from the right 123|60 and, padded to one or two digits, the same
        (1234, 56, 1794, "chunkwise_sum"),
        (1234, 56, 12360, "chunkwise_sum"),
        # 100|4 + 200|7: 300|11 without padding; padded to the longer chunk 11 is as wide as it is
        (1004, 2007, 30011, "chunkwise_sum"),
        # 100|005 + 200|004: 300|9 without padding
        (100005, 200004, 3009, "chunkwise_sum"),
        (1234567, 7654322, 123467 + 7654322, "dropped_digit"),
        (1234567, 7654322, 1234567 + 765432, "dropped_digit"),
        # 1999|+... a carry into place 1, which is a boundary of 1234|567 cut from the left
        (4444445, 5555, 4450000 - 10, "dropped_carry_boundary"),
        (1234567, 7654322, TRUTH - 10, "off_by_one_boundary"),  # no carry enters place 1
        (1234567, 7654322, TRUTH + 10**4, "off_by_one_boundary"),
        (1234567, 7654322, 8881889, "chunk_first_digit:2"),
        (1234567, 7654322, 8888882, "chunk_first_digit:3"),
        (4444445, 5555, 4450000 - 100, "dropped_carry_inside"),
        (1234567, 7654322, TRUTH + 1000, "chunk_first_digit:2"),
        (1234567, 7654322, TRUTH + 100, "off_by_one_other"),
        (1234567, 7654322, TRUTH - 1, "chunk_first_digit:3"),
        (5678, 5678, 246, "no_carry_sum"),
        (1234567, 7654322, 99, "wrong_length"),
        (1234567, 7654322, 8888999, "other"),
    ],
)
def test_each_label(a: int, b: int, x: int | None, wanted: str) -> None:
    found = labels(a, b, x, chunks(a, b))
    assert found.label == wanted
    assert wanted in found.flags


def test_a_right_value_in_another_format() -> None:
    found = labels(12, 34, 46, chunks(12, 34), format_ok=False)
    assert (found.label, {*found.flags}) == ("format_only", {"format_only"})
    assert labels(12, 34, "0046", chunks(12, 34)).label == "correct"


def test_the_order_is_that_of_the_specification() -> None:
    assert LABELS == (
        "invalid", "correct", "format_only", "left_aligned_sum", "chunkwise_sum", "dropped_digit",
        "dropped_carry_boundary", "off_by_one_boundary", "chunk_first_digit", "dropped_carry_inside",
        "off_by_one_other", "no_carry_sum", "wrong_length", "other",
    )  # fmt: skip
    # one carry, into the first digit of chunk 2: losing it is that digit, not a carry that was lost inside
    a, b = 8000500, 1000500
    truth = a + b
    assert str(truth) == "9001000"
    assert label(a, b, truth - 10**3) == "chunk_first_digit:2"
    assert flags(a, b, truth - 10**3) >= {"chunk_first_digit:2", "dropped_carry_inside", "off_by_one_other"}


def test_errors_of_operands_use_the_cuts_of_the_operands() -> None:
    # threes from the right give other pairs of chunks than threes from the left
    assert label(1234, 5678, 6 * 10**4 + 912, fmt="comma_r2l") != "chunkwise_sum"
    assert label(1999, 1001, 21000, fmt="comma_r2l") == "chunkwise_sum"  # 1|999 + 1|001 = 2|1000
    assert label(1999, 1001, 2991, fmt="comma_l2r") != "chunkwise_sum"
    assert label(1999, 1001, 29910, fmt="comma_l2r") == "chunkwise_sum"  # 199|9 + 100|1 = 299|10
    # the cuts of the answer do not matter to it
    cut = Chunks((1, 3), (1, 3), (3, 1))
    assert labels(1999, 1001, 21000, cut).label == "chunkwise_sum"


def test_signs_swap_for_differences() -> None:
    a, b = 9000000, 1000001  # borrows from places 1 to 6
    truth = a - b
    assert label(a, b, truth + 10, "-") == "dropped_carry_boundary"
    assert label(a, b, truth - 10, "-") == "off_by_one_boundary"
    assert "dropped_carry" not in flags(a, b, truth - 10, "-")
    assert label(5000, 12, 5000 - 1200, "-") == "left_aligned_sum"
    assert label(432, 156, 386, "-") == "no_carry_sum"
    assert label(7654321, 1234567, 7654321 - 123456, "-") == "dropped_digit"
    assert label(7654321, 12, 765432 - 12, "-") == "dropped_digit"
    # 100|0 - 99|9 from the left: 1, then less than nothing, which nobody writes
    assert "chunkwise_sum" not in flags(1000, 9, 1, "-", "comma_l2r")


def test_products_have_fewer_labels() -> None:
    a, b = 12, 345678
    truth = a * b
    assert label(a, b, truth, "x") == "correct"
    assert label(a, b, 1 * b, "x") == "dropped_digit"
    assert label(a, b, truth + 10, "x") == "off_by_one_boundary"
    assert label(a, b, truth + 10**2, "x") == "off_by_one_other"
    found = flags(12, 3456, 1200 + 3456, "x")  # left-aligned, as a sum
    assert not found & {"left_aligned_sum", "chunkwise_sum", "no_carry_sum", "dropped_carry"}


def test_conditions_that_are_no_labels() -> None:
    wrong_twice = 8880885  # first digits of chunks 2 and 3
    assert flags(1234567, 7654322, wrong_twice) >= {"chunk_first_wrong:2", "chunk_first_wrong:3", "other"}
    assert label(1234567, 7654322, wrong_twice) == "other"
    assert "padded" in flags(1234567, 7654322, TRUTH * 100)
    assert label(1234567, 7654322, TRUTH * 100) == "wrong_length"
    assert "other" not in flags(1234567, 7654322, TRUTH - 10)


def test_digits_that_are_left_out_need_a_number_that_stays() -> None:
    assert label(7, 10, 10) == "other"
    assert label(70, 12, 7 + 12) == "dropped_digit"


def test_numbers_beyond_64_bits_and_beyond_text() -> None:
    a, b = 10**300 - 1, 1
    assert label(a, b, 10**300 - 10**4) == "dropped_carry_boundary"  # 301 digits are cut at places 1, 4, ...
    assert label(a, b, 10**300 - 10**2) == "dropped_carry_inside"
    assert label(10**30 + 5, 5, 10**30) == "dropped_carry_boundary"
    found = labels(12, 34, "9" * 10_000, chunks(12, 34))
    assert (found.label, {*found.flags}) == ("wrong_length", {"wrong_length"})


def test_chunks_have_to_be_those_of_the_numbers() -> None:
    with pytest.raises(OptionError, match="7, 7, 7 digits"):
        labels(1234567, 7654322, 5, Chunks((3, 3, 1), (3, 3, 1), (3, 3)))
    with pytest.raises(OptionError, match="answer of 0 or more"):
        labels(1, 2, 3, Chunks((1,), (1,), (1,)), op="-")


def test_base_labels() -> None:
    assert base_label("chunk_first_digit:12") == "chunk_first_digit"
    assert base_label("other") == "other"
