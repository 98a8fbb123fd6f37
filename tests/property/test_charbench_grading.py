"""Laws of reading answers: for any text at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.models.completion import Completion
from tokbench.suites.charbench import _parse
from tokbench.suites.charbench._parse import nfc, parse
from tokbench.suites.charbench.grading import STATUSES, grade
from tokbench.suites.charbench.item import AnswerType, Item

pytestmark = pytest.mark.property

TYPES: tuple[AnswerType, ...] = ("int", "str", "bool", "choice")
OPTIONS = ("pear", "apple", "fig", "three")
WORD = "three"

PIECES = st.sampled_from([
    "<think>", "</think>", "<answer>", "</answer>", "answer is", "Answer:", "**", "__", "'", '"', "`", "\u201c",
    "\n", "\r\n", " ", "\t", ".", "-", "+", "\u2212", "_", "\u201d", "0", "3", "12", "\uff13", "\u0663", "\U0001d7db",
    "\u00b3", "1e5", "2.5", "three", "Three", "twenty", "yes", "No", "true", "A", "(B)", "C.", "pear", "apple", "s t r",
    "\x1c", "\u2028", "\x00", "\ud800", "\u0130", "e\u0301", "9" * 5000,
])  # fmt: skip
TEXTS = st.one_of(st.text(), st.text(st.characters()), st.lists(PIECES, max_size=12).map("".join))
"""Any text, lone surrogates and control characters included, and texts made of what the rules look for."""


def _item(answer_type: AnswerType, answer: str) -> Item:
    return Item(
        item_id="charbench-1/balanced/made/std/L5/0", task="made", variant="std", gold_profile="balanced",
        list_name="test", word=WORD, unit="codepoint", length=5, level=None, case_form="lower", answer=answer,
        answer_type=answer_type, choices=OPTIONS,
    )  # fmt: skip


def _lenient(text: str, answer_type: AnswerType) -> str | None:
    """The lenient reading by itself, without the short way over the strict one."""
    rest = _parse.without_thinking(text)
    if rest is None:
        return None
    if answer_type == "int":
        return _parse._lenient_int(rest, WORD)
    if answer_type == "str":
        return _parse._lenient_str(rest)
    if answer_type == "bool":
        return _parse._lenient_bool(rest, WORD)
    return _parse._lenient_choice(rest, OPTIONS)


def _implied(text: str, answer_type: AnswerType) -> bool:
    """Law: what the strict reading finds is what the lenient rules find."""
    strict = parse(text, answer_type, word=WORD, choices=OPTIONS).strict
    return strict is None or strict == _lenient(text, answer_type)


@given(text=TEXTS, answer_type=st.sampled_from(TYPES))
@settings(max_examples=600)
def test_no_text_raises_and_a_strict_answer_is_the_lenient_one(text: str, answer_type: AnswerType) -> None:
    found = parse(text, answer_type, word=WORD, choices=OPTIONS)
    assert found.strict is None or found.strict == found.lenient
    assert not found.unclosed or found.strict is found.lenient is None
    assert _implied(text, answer_type)


@given(text=TEXTS, answer_type=st.sampled_from(TYPES), word=TEXTS, options=st.lists(TEXTS, max_size=5))
def test_no_word_and_no_options_raise(text: str, answer_type: AnswerType, word: str, options: list[str]) -> None:
    found = parse(text, answer_type, word=word, choices=options, gold=word)
    if answer_type == "choice":
        assert found.lenient is None or found.lenient in options


@given(value=st.integers(), spaces=st.text(" \t\r\n\v\f"))
def test_a_formatted_integer_is_read_as_itself(value: int, spaces: str) -> None:
    for text in (f"{value}", f"{spaces}{value}{spaces}", f"{value:+}", f"<think>7</think>{value}"):
        assert parse(text, "int", word=WORD).strict == str(value)


@given(gold=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_gold_string_is_read_as_itself(gold: str) -> None:
    if gold != gold.strip(" \t\n\r\v\f") or "think>" in gold.lower():
        return
    found = parse(f" {gold}\n", "str", word=WORD, gold=gold)
    assert found.strict == found.lenient == nfc(gold)


@given(answer=st.sampled_from(["yes", "no"]))
def test_yes_no_and_options_are_read_as_themselves(answer: str) -> None:
    assert parse(answer, "bool", word=WORD).strict == answer
    for option in OPTIONS:
        assert parse(option, "choice", word=WORD, choices=OPTIONS).strict == option


@given(text=TEXTS, answer_type=st.sampled_from(TYPES), finish=st.sampled_from(["stop", "length", "refused", ""]))
def test_every_grade_is_consistent(text: str, answer_type: AnswerType, finish: str) -> None:
    gold = {"int": "3", "str": "eerht", "bool": "yes", "choice": "fig"}[answer_type]
    graded = grade(_item(answer_type, gold), Completion(text=text, finish_reason=finish))  # type: ignore[arg-type]
    assert graded.status in STATUSES
    assert (graded.parsed is not None) == (graded.status in {"strict", "lenient"})
    assert not graded.correct_strict or (graded.status == "strict" and graded.correct_lenient)
    assert not graded.correct_lenient or graded.status in {"strict", "lenient"}
    if graded.signed_error is not None:
        assert (graded.signed_error == 0) == graded.correct_lenient


# ---------------------------------------------------------------------- planted faults


def test_digits_of_all_scripts_in_strict_integers_break_a_law(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python's ``int`` reads them: a full-width 3 would be strict, and not what its lenient reading says."""
    monkeypatch.setattr(_parse, "_STRICT_INT", re.compile(r"[+-]?\d+"))
    assert not _implied("\uff13", "int")


def test_a_strict_string_that_the_lenient_rules_cut_breaks_a_law(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_parse, "_strict_str", lambda text, _gold: text.strip() or None)
    assert not _implied("The answer is x", "str")


def test_int_of_python_raises_on_long_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_parse, "_plain", lambda number: str(int(number)))
    with pytest.raises(ValueError, match="4300"):
        parse("9" * 5000, "int", word=WORD)
