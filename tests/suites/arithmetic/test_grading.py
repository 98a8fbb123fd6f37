"""Grades: chunks from real spans, alignment, the suite's own items, and log-probabilities."""

from __future__ import annotations

import json
import math

import pytest
from arithmetic_recordings import logprobs
from arithmetic_tokenizers import DigitFree, l2r, left, r2l, single
from arithmetic_tokenizers import DigitToy as Toy

from tokbench.models.completion import Completion
from tokbench.suites.arithmetic.formats import NumberFormat, parse_format
from tokbench.suites.arithmetic.grading import FAILED, Graded, Segmenter, asked_problem, grade, grade_reply
from tokbench.suites.arithmetic.item import Case, Condition, Item
from tokbench.suites.arithmetic.logprobs import LogprobError, entropy_floor, read_logprobs
from tokbench.suites.arithmetic.problem import Problem

PLAIN = parse_format("nosep")
PROBLEM = Problem("+", 1234567, 89)


def _fmt(name: str) -> NumberFormat:
    return parse_format(name)


# ---------------------------------------------------------------------- chunks


def test_chunks_are_those_of_the_tokenizer() -> None:
    assert Segmenter(l2r())(PROBLEM, PLAIN, PLAIN).chunks == ((3, 3, 1), (2,), (3, 3, 1))
    assert Segmenter(r2l())(PROBLEM, PLAIN, PLAIN).chunks == ((1, 3, 3), (2,), (1, 3, 3))
    assert Segmenter(single())(PROBLEM, PLAIN, PLAIN).chunks.answer == (1,) * 7


def test_separators_cut_whatever_the_tokenizer_does() -> None:
    for fmt in ("comma_r2l", "space_r2l", "foo_r2l", "dollar_r2l"):
        found = Segmenter(l2r())(PROBLEM, _fmt(fmt), _fmt(fmt))
        assert (found.chunks.answer, found.basis, found.aligned, found.fused) == ((1, 3, 3), "tokens", True, False)
    # and the tokenizer cuts inside of the groups
    assert Segmenter(Toy(left(2)))(PROBLEM, _fmt("comma_r2l"), _fmt("comma_r2l")).chunks.answer == (1, 2, 1, 2, 1)


def test_question_and_answer_have_formats_of_their_own() -> None:
    found = Segmenter(l2r())(PROBLEM, _fmt("comma_r2l"), PLAIN)
    assert found.chunks == ((1, 3, 3), (2,), (3, 3, 1))
    assert found.aligned is False


def test_spaces_of_the_question_move_no_digit() -> None:
    for name in ("nosep+1", "nosep+2"):
        assert Segmenter(l2r())(PROBLEM, _fmt(name), _fmt(name)).chunks == ((3, 3, 1), (2,), (3, 3, 1))


def test_ids_have_the_chunks_of_their_format() -> None:
    found = Segmenter(l2r())(PROBLEM, _fmt("ids_r2l"), _fmt("ids_r2l"))
    assert (found.chunks.answer, found.basis, found.aligned) == ((1, 3, 3), "format", True)


def test_without_a_tokenizer_only_groups_are_known() -> None:
    found = Segmenter(None)(PROBLEM, PLAIN, PLAIN)
    assert (found.chunks.answer, found.basis, found.aligned) == ((7,), "format", None)
    assert Segmenter(None)(PROBLEM, _fmt("comma_l2r"), _fmt("comma_l2r")).chunks.answer == (3, 3, 1)


def test_a_tokenizer_without_digits_has_no_cuts_to_speak_of() -> None:
    found = Segmenter(DigitFree())(PROBLEM, PLAIN, PLAIN)
    assert (found.chunks.answer, found.basis, found.aligned) == ((7,), "format", None)


def test_fused_cuts_leave_alignment_undefined() -> None:
    sticky = Toy(left(3), sticky="+ ")
    found = Segmenter(sticky)(PROBLEM, PLAIN, PLAIN)
    assert (found.fused, found.aligned) == (True, True)  # the short operand is not compared
    found = Segmenter(sticky)(Problem("+", 89, 1234567), PLAIN, PLAIN)
    assert (found.fused, found.aligned, found.chunks.b) == (True, None, (3, 3, 1))


def test_alignment_follows_the_lengths_under_threes_from_the_left() -> None:
    cut = Segmenter(l2r())
    assert cut(Problem("+", 1234567, 1234567), PLAIN, PLAIN).aligned is True
    assert cut(Problem("+", 9234567, 9234567), PLAIN, PLAIN).aligned is False
    assert Segmenter(r2l())(Problem("+", 9234567, 9234567), PLAIN, PLAIN).aligned is True


# ---------------------------------------------------------------------- grades


def _grade(problem: Problem, reply: str | None, fmt: str = "nosep", *, truncated: bool | None = None) -> Graded:
    out = _fmt(fmt)
    return grade_reply(problem, reply, Segmenter(l2r())(problem, out, out), out_fmt=out, truncated=truncated)


def test_both_readings_have_labels() -> None:
    found = _grade(PROBLEM, "The sum of 1234567 and")
    assert (found.label, found.strict_label) == ("other", "invalid")
    assert found.flags >= {"other", "extraneous", "wrong_format"}
    assert (found.valid(), found.valid("strict"), found.right()) == (True, False, False)
    right = _grade(PROBLEM, "It is 1234656.")
    assert (right.label, right.right(), right.right("strict")) == ("format_only", True, False)
    assert _grade(PROBLEM, "1,234,656").strict_label == "format_only"  # nothing around the number


def test_nothing_came_back() -> None:
    found = _grade(PROBLEM, None)
    assert (found.label, found.failed, found.valid(), found.right()) == (FAILED, True, False, False)
    assert found.flags == {FAILED}
    assert _grade(PROBLEM, "").label == "invalid"


def test_wrong_digits_and_errors() -> None:
    found = _grade(PROBLEM, "1235655")
    assert (found.wrong_digits, found.error, found.same_length) == ((4, 7), 999, True)
    shorter = _grade(PROBLEM, "123")
    assert (shorter.wrong_digits, shorter.error, shorter.same_length) == ((), None, False)
    assert _grade(PROBLEM, "1234656").error == 0


def test_carries_into_boundaries() -> None:
    assert PROBLEM.carry_into == (1, 2)
    assert _grade(PROBLEM, "1").boundary_carries == 1  # 123|465|6: into place 1
    assert _grade(PROBLEM, "1", "comma_r2l").boundary_carries == 0


def test_flags_of_writing() -> None:
    assert "padded" in _grade(PROBLEM, "01234656").flags
    assert "truncated" in _grade(PROBLEM, "12346", truncated=True).flags
    assert "wrong_format" not in _grade(PROBLEM, "12346").flags


def test_a_grade_as_json() -> None:
    found = json.loads(json.dumps(_grade(PROBLEM, "1235655").detail()))
    assert found["chunks"] == [[3, 3, 1], [2], [3, 3, 1]]
    assert (found["label"], found["value"], found["aligned"], found["wrong_digits"]) == (
        "other",
        "1235655",
        True,
        [4, 7],
    )
    out = _fmt("nosep")
    again = grade_reply(
        PROBLEM, "1,234,567+89=1234656", Segmenter(None)(PROBLEM, out, out), out_fmt=out, repeat_fmt=_fmt("comma_r2l")
    )
    assert again.detail()["repeat"] == ["1234567", "89"]
    assert again.detail()["repeat_copy_ok"] is True


# ---------------------------------------------------------------------- items


def _item(condition: Condition, problem: Problem = PROBLEM) -> Item:
    case = Case(case_id="made", block="addition", stratum="addition/7+2=7", index=0, problem=problem)
    return Item(case, condition)


def test_items_are_graded_in_their_condition() -> None:
    condition = Condition(in_fmt=PLAIN, out_fmt=_fmt("comma_r2l"), repeat_fmt=_fmt("comma_r2l"))
    found = grade(_item(condition), "1,234,567+89=1,234,656", Segmenter(l2r()))
    assert (found.label, found.reading.repeat_copy_ok, found.reading.mode) == ("correct", True, "repeat")
    assert found.segmentation.chunks == ((3, 3, 1), (2,), (1, 3, 3))


def test_flipped_operands() -> None:
    condition = Condition(in_fmt=PLAIN, out_fmt=PLAIN, repeat_fmt=PLAIN, flip_query=True)
    assert asked_problem(_item(condition)) == Problem("+", 89, 1234567)
    assert grade(_item(condition), "89+1234567=1234656").reading.repeat_copy_ok is True
    assert grade(_item(condition), "1234567+89=1234656").reading.repeat_copy_ok is False
    assert asked_problem(_item(condition, Problem("-", 9, 4))) == Problem("-", 9, 4)


def test_completions() -> None:
    item = _item(Condition(in_fmt=PLAIN, out_fmt=PLAIN))
    found = grade(item, Completion(text="12346", finish_reason="length"))
    assert (found.truncated, found.label) == (True, "wrong_length")
    assert grade(item, Completion(text="1234656", finish_reason="stop")).truncated is False
    assert grade(item, Completion(status="error", problem="time out")).failed
    assert grade(item, "1234656").truncated is None


# ---------------------------------------------------------------------- log-probabilities


def test_the_floor_of_the_entropy() -> None:
    assert entropy_floor([0.0]) == 0
    assert entropy_floor([math.log(0.5), math.log(0.5)]) == pytest.approx(math.log(2))
    # the rest of one half is at least as improbable as the last one that is known
    assert entropy_floor([math.log(0.3), math.log(0.2)]) == pytest.approx(
        -0.3 * math.log(0.3) - 0.2 * math.log(0.2) - 0.5 * math.log(0.2)
    )
    # ten equal tokens of which five are known
    assert entropy_floor([math.log(0.1)] * 5) == pytest.approx(math.log(10))
    assert entropy_floor([0.0, -math.inf]) == 0


def test_tokens_of_the_answer_hold_digits() -> None:
    found = read_logprobs(logprobs(("It is ", -1.0), ("1", -0.5), (",", -0.1), ("234", -0.2)), "It is 1,234")
    assert found is not None
    assert [token.token for token in found.within(6, 11)] == ["1", "234"]
    assert found.starts == (0, 6, 7, 8)
    assert [one.token for one in found.tokens[0].top] == ["It is "]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("{}", "expected a list"),
        ('[{"logprob": -1}]', "no object with a token"),
        ('[{"token": "5"}]', "logprob holds None"),
        ('[{"token": "5", "logprob": 0.5}]', "logprob holds 0.5"),
        ('[{"token": "5", "logprob": NaN}]', "logprob holds nan"),
        ('[{"token": "5", "logprob": true}]', "logprob holds True"),
        ('[{"token": "5", "logprob": -1, "top_5_logprobs": {}}]', "no list"),
        ('[{"token": "6", "logprob": -1}]', "do not join"),
        ('[{"token": "5", "logprob": -1}, {"token": "5", "logprob": -1}]', "do not join"),
        ("[]", "do not join"),
    ],
)
def test_unreadable_log_probabilities(written: str, problem: str) -> None:
    with pytest.raises(LogprobError, match=problem):
        read_logprobs(written, "5")


def test_no_log_probabilities() -> None:
    assert read_logprobs("", "5") is None
    assert read_logprobs(None, "5") is None
    found = read_logprobs([{"token": "5", "logprob": -1}], "5")
    assert found is not None
    assert found.tokens[0].entropy is None
