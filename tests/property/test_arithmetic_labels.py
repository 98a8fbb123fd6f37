"""Laws of labels and readings: for any numbers, any chunks and any text."""

from __future__ import annotations

import json
import math
from functools import partial

import arithmetic_grading_laws as laws
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.suites.arithmetic.formats import FORMATS, chunks_of, parse_format
from tokbench.suites.arithmetic.grading import Segmenter, grade_reply
from tokbench.suites.arithmetic.labels import Chunks
from tokbench.suites.arithmetic.logprobs import entropy_floor, read_logprobs
from tokbench.suites.arithmetic.problem import OPERATORS, Problem

pytestmark = pytest.mark.property

OPERANDS = st.integers(1, 12).flatmap(lambda width: st.integers(10 ** (width - 1), 10**width - 1))
NAMES = st.sampled_from([name for name in FORMATS if name != "filler"])
SCRIPTS = st.sampled_from(["nosep@deva", "comma_r2l@arab", "indian@thai", "sep:|_l2r", "comma_r2l4", "space_l2r1"])


@st.composite
def sizes(draw: st.DrawFn, number: int) -> tuple[int, ...]:
    """Any cut of a number."""
    left, found = len(str(number)), []
    while left:
        found.append(draw(st.integers(1, left)))
        left -= found[-1]
    return tuple(found)


@st.composite
def problems(draw: st.DrawFn, operators: tuple[str, ...] = OPERATORS) -> tuple[Problem, Chunks]:
    """A problem with any chunks of its numbers."""
    op, a, b = draw(st.sampled_from(operators)), draw(OPERANDS), draw(OPERANDS)
    problem = Problem(op, max(a, b), min(a, b)) if op == "-" else Problem(op, a, b)  # type: ignore[arg-type]
    return problem, Chunks(*(draw(sizes(number)) for number in (problem.a, problem.b, problem.answer)))


def _with_digit(number: str, at: int, digit: str) -> int:
    place = at % len(number)
    return int(f"{number[:place]}{digit}{number[place + 1 :]}")


@st.composite
def values(draw: st.DrawFn, problem: Problem) -> int | None:
    """Any value, often one near the truth or made of the operands."""
    truth = problem.answer
    near = st.builds(lambda place, step: max(0, truth + step * 10**place), st.integers(0, 13), st.sampled_from((-1, 1)))
    made = st.sampled_from([truth, problem.a, problem.b, truth * 10, truth // 10, int(str(truth)[::-1])])
    digit = st.builds(partial(_with_digit, str(truth)), st.integers(0, 30), st.sampled_from("0123456789"))
    return draw(st.one_of(st.none(), st.integers(0, 10**14), near, made, digit))


@given(st.data())
def test_labels_are_total_and_exclusive(data: st.DataObject) -> None:
    problem, chunks = data.draw(problems())
    laws.total(problem, data.draw(values(problem)), chunks, format_ok=data.draw(st.booleans()))


@given(st.data())
def test_the_order_of_operands_changes_nothing(data: st.DataObject) -> None:
    problem, chunks = data.draw(problems(("+", "x")))
    laws.swapped(problem, data.draw(values(problem)), chunks)


@given(problems(("+", "-")))
def test_lost_carries(drawn: tuple[Problem, Chunks]) -> None:
    laws.lost_carry(*drawn)


@given(st.data())
def test_first_digits_of_chunks(data: st.DataObject) -> None:
    problem, chunks = data.draw(problems())
    if len(chunks.answer) > 1:
        laws.first_digit(problem, chunks, data.draw(st.integers(2, len(chunks.answer))), data.draw(st.integers(0, 9)))


@given(problems(("+",)))
def test_sums_of_chunks(drawn: tuple[Problem, Chunks]) -> None:
    laws.chunk_sums(*drawn)


@given(st.data())
def test_right_replies_are_read_back(data: st.DataObject) -> None:
    problem, _ = data.draw(problems())
    asked, answer, repeat = (parse_format(data.draw(NAMES | SCRIPTS)) for _ in range(3))
    laws.read_back(problem, asked, answer, data.draw(st.sampled_from([None, repeat])))


PIECES = st.sampled_from([
    "1", "23", "0", ",", " ", ".", "#", "$", "foo", "fo", "_", "=", "+", "-", "x", "\n", "\u2009", "\u0967", "\u0663",
    "The sum of ", "1,234", "1,234+567=", "\x00", "\ud800",
])  # fmt: skip
TEXTS = st.one_of(st.text(st.characters()), st.lists(PIECES, max_size=10).map("".join))


@given(TEXTS, NAMES, NAMES | st.none(), st.sampled_from(OPERATORS))
def test_any_text_has_two_readings(text: str, answer: str, repeat: str | None, op: str) -> None:
    laws.both_readings(text, parse_format(answer), None if repeat is None else parse_format(repeat), op)  # type: ignore[arg-type]


@given(TEXTS, NAMES, st.data())
def test_any_reply_has_a_grade(text: str, name: str, data: st.DataObject) -> None:
    problem, _ = data.draw(problems())
    fmt = parse_format(name)
    found = grade_reply(problem, text, Segmenter(None)(problem, fmt, fmt), out_fmt=fmt)
    assert found.label in found.flags
    assert found.strict_label in {found.label, "invalid"}
    assert found.segmentation.chunks.answer == chunks_of(str(problem.answer), fmt)
    assert (found.error == 0) == (found.right() and found.same_length)
    json.dumps(found.detail())


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=12), st.integers(1, 12))
def test_the_floor_of_the_entropy_is_one(weights: list[float], known: int) -> None:
    shares = sorted((weight / sum(weights) for weight in weights), reverse=True)
    entropy = -math.fsum(share * math.log(share) for share in shares)
    found = entropy_floor([math.log(share) for share in shares[:known]])
    assert 0 <= found <= entropy + 1e-9
    if known >= len(shares):
        assert found == pytest.approx(entropy, abs=1e-9)


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=3), max_size=6))
def test_tokens_join_to_the_reply(tokens: list[str]) -> None:
    written = [{"token": token, "logprob": -0.5} for token in tokens]
    reply = "".join(tokens)
    found = read_logprobs(json.dumps(written), reply)
    assert found is not None
    for token, start in zip(found.tokens, found.starts, strict=True):
        assert reply[start : start + len(token.token)] == token.token
    assert found.within(0, len(reply)) == [
        token for token in found.tokens if any(mark.isdecimal() for mark in token.token)
    ]
