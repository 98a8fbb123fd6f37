"""Properties 1, 2, 3 and 7 of the arithmetic specification, section 8."""

from __future__ import annotations

from itertools import zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.suites.arithmetic.conditions import mixed_condition
from tokbench.suites.arithmetic.formats import (
    FORMATS,
    SCRIPTS,
    NumberFormat,
    ascii_digits,
    chunks_of,
    format_number,
    parse_format,
)
from tokbench.suites.arithmetic.item import Case, Condition, Item
from tokbench.suites.arithmetic.parsing import PARSERS, parse
from tokbench.suites.arithmetic.problem import OPERATORS, Problem, addition_carries, borrows
from tokbench.suites.arithmetic.prompts import expected_text, messages
from tokbench.suites.arithmetic.sampling import answer_range, pair_space
from tokbench.suites.arithmetic.twins import TwinSpace

pytestmark = pytest.mark.property

NUMBERS = st.integers(1, 40).flatmap(
    lambda length: st.integers(10 ** (length - 1) if length > 1 else 0, 10**length - 1)
)
SEPARATORS = st.text(
    st.characters(exclude_categories=["N", "Cs"], exclude_characters="+-=x\n\r\t"), min_size=1, max_size=4
)
NAMES = st.sampled_from([*FORMATS, "comma_r2l4", "space_l2r1", "foo_r2l2", "sep:a_r2l", "sep:::_l2r"])
SCRIPTED = st.tuples(NAMES.filter(lambda name: not name.startswith(("sep:", "ids_"))), st.sampled_from([*SCRIPTS])).map(
    "@".join
)


@given(st.sampled_from("+-"), st.integers(1, 12), st.integers(1, 12), st.integers(1, 13), st.data())
def test_every_rank_is_a_calculation_of_its_lengths(op: str, la: int, lb: int, ln: int, data: st.DataObject) -> None:
    space = pair_space("+" if op == "+" else "-", la, lb, answer_range(ln))
    if not space.count:
        return
    rank = data.draw(st.integers(0, space.count - 1))
    problem = space.problem(rank)
    assert problem.lengths == (la, lb, ln)
    if rank + 1 < space.count:  # the next one is the next one, so that none comes twice
        after = space.problem(rank + 1)
        assert (problem.a, problem.b) < (after.a, after.b)
        if after.a == problem.a:
            assert after.b == problem.b + 1
        else:
            assert after.a == problem.a + 1


@given(NUMBERS, NAMES | SCRIPTED)
def test_what_is_written_can_be_read(number: int, name: str) -> None:
    fmt = parse_format(name)
    text = format_number(number, fmt)
    plain = ascii_digits(text)
    assert "".join(character for character in plain if character in "0123456789") == str(number)
    sizes = chunks_of(str(number), fmt)
    assert sum(sizes) == len(str(number))
    if fmt.separator:
        assert tuple(map(len, plain.split(fmt.separator))) == sizes
        assert set(sizes[1:] if fmt.direction == "r2l" else sizes[:-1]) <= set(fmt.groups)


@given(NUMBERS, SEPARATORS, st.integers(1, 5))
def test_right_to_left_is_left_to_right_of_the_reversed_text(number: int, separator: str, size: int) -> None:
    right = NumberFormat("own", separator, "r2l", (size,))
    left = NumberFormat("own", separator[::-1], "l2r", (size,))
    reverse = str(number)[::-1]
    assert format_number(number, right) == separator.join(
        chunk[::-1] for chunk in [reverse[at : at + size] for at in range(0, len(reverse), size)][::-1]
    )
    if not reverse.startswith("0") or reverse == "0":
        assert format_number(number, right) == format_number(int(reverse), left)[::-1]


UNFILLED = NAMES.filter(lambda name: name != "filler")


@given(
    a=NUMBERS, b=NUMBERS, op=st.sampled_from(OPERATORS), in_name=UNFILLED, repeat=st.none() | UNFILLED,
    out_name=UNFILLED, flip=st.booleans(),
)  # fmt: skip
def test_the_expected_reply_is_right(
    a: int, b: int, op: str, in_name: str, repeat: str | None, out_name: str, *, flip: bool
) -> None:
    first, second = max(a, b), min(a, b)
    problem = Problem(next(one for one in OPERATORS if one == op), first, second)
    case = Case(case_id="x", block="addition", stratum="x", index=0, problem=problem, shots=(problem,))
    asked = mixed_condition(
        in_name, out_name, repeat, 1,
        Condition(in_fmt=parse_format("nosep"), out_fmt=parse_format("nosep"), flip_query=flip, flip_shots=flip),
    )  # fmt: skip
    item = Item(case, asked)
    reply = expected_text(item)
    for parser in PARSERS:
        found = parse(reply, asked.mode, parser, fmt=asked.out_fmt, repeat=asked.repeat_fmt, op=problem.op)
        assert found.value == str(problem.answer)
        assert found.format_ok
        assert not found.extraneous
        if repeat is not None:
            assert found.repeat_format_ok
    # the shot is the same calculation, written and flipped in the same way: it shows the reply that is expected
    shown = [message.content for message in messages(item)]
    assert shown[-2] == reply
    assert shown[-3] == shown[-1]


def columns(a: int, b: int) -> list[int]:
    """Places that receive a carry, column by column."""
    found, carry = [], 0
    for place, (one, other) in enumerate(zip_longest(str(a)[::-1], str(b)[::-1], fillvalue="0"), 1):
        carry = (int(one) + int(other) + carry) // 10
        if carry:
            found.append(place)
    return found


@given(NUMBERS, NUMBERS)
def test_carries(a: int, b: int) -> None:
    assert list(addition_carries(a, b)) == columns(a, b)
    assert addition_carries(a, b) == addition_carries(b, a)
    # a carry into place p is seen in the last p digits as well
    for place in range(1, 42):
        assert (place in addition_carries(a, b)) == (a % 10**place + b % 10**place >= 10**place)
    high, low = max(a, b), min(a, b)
    borrowed = [place for place in range(1, 42) if high % 10**place < low % 10**place]
    assert list(borrows(high, low)) == borrowed


@given(st.integers(2, 12).flatmap(lambda length: st.tuples(st.just(length), st.integers(1, length - 1))), st.data())
def test_twins(size: tuple[int, int], data: st.DataObject) -> None:
    length, place = size
    space = TwinSpace(length, place)
    without, carried = space.pair(data.draw(st.integers(0, space.count - 1)))
    assert without.lengths == carried.lengths
    assert without.lengths[:2] == (length, length)
    assert set(without.carry_into) ^ set(carried.carry_into) == {place}
    assert place in carried.carry_into
    one, other = f"{without.a}{without.b}", f"{carried.a}{carried.b}"
    changed = [at for at, (first, second) in enumerate(zip(one, other, strict=True)) if first != second]
    assert len(changed) == 1
    assert changed[0] % length == length - place
