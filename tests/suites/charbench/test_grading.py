"""Reading answers: the table of the specification, each rule by itself, statuses, and time."""

from __future__ import annotations

import time

import pytest
from charbench_items import core_item, item_of

from tokbench.models.completion import Completion, FinishReason
from tokbench.suites.charbench import _parse
from tokbench.suites.charbench._parse import parse, without_thinking
from tokbench.suites.charbench.grading import STATUSES, Graded, grade
from tokbench.suites.charbench.item import AnswerType, Item

ITEM = core_item("count_char", "strawberry", "r")


def _read(text: str, word: str = "strawberry") -> tuple[str | None, str | None]:
    found = parse(text, "int", word=word)
    return found.strict, found.lenient


# ---------------------------------------------------------------------- integers

TABLE = [
    ("3\n", "3", "3"),
    ("+3", "3", "3"),
    ("03", "3", "3"),
    ("-1", "-1", "-1"),
    ("3_0", None, None),
    ("0x3", None, None),
    ("1e0", None, None),
    ("2.5", None, None),
    ("", None, None),
    ("\uff13", None, "3"),
    ("The answer is 3", None, "3"),
    ("Answer: 3", None, "3"),
    ("**3**", None, "3"),
    ("3.", None, "3"),
    ("r is at 3 and 8, so the answer is 2.", None, "2"),
    ("<answer>4</answer> not 5", None, "4"),
    ("three", None, "3"),
]
"""The table of the specification, whole."""


@pytest.mark.parametrize(("text", "strict", "lenient"), TABLE, ids=[ascii(text) for text, _, _ in TABLE])
def test_the_table(text: str, strict: str | None, lenient: str | None) -> None:
    assert _read(text) == (strict, lenient)


@pytest.mark.parametrize(
    ("text", "lenient"),
    [
        ("<answer>1 or 2</answer> <ANSWER>I say 3, no, 4</Answer> 5", "4"),  # the last block, its last integer
        ("it is <answer>7", "7"),  # not closed: to the end
        ("<answer>none</answer> so 6", "6"),  # no integer in it: the next rule
        ("</answer>8", "8"),
        ("The answer is 1. No: the ANSWER\nis 2 of 3", "2"),  # the last phrase, its first integer
        ("answer: 5 **6**", "5"),
        ("The answer is\n\n**9**", "9"),
        ("4, which is my answer: no number", "4"),
        ("answer island 4", "4"),
        ("**3** and **10 of 11** and __2__ and 5", "2"),  # exactly one integer in it
        ("**index 3** then 5", "3"),
        ("s 1 t 2\n\n 6 \n\n", "6"),
        ("12\nthat is all", "12"),  # only the last line can be a lone integer
        ("between 3-4", "4"),
        ("at \u22121", "-1"),
        ("+04", "4"),
        ("-0", "0"),
        ("v2 has 3b and x4", None),
        ("1.5 and .5 and 7.", "7"),
        ("two, or Three", "3"),
        ("twenty", "20"),
        ("twenty-one", None),
        ("someone", None),
        ("\u0663", "3"),  # Arabic-Indic
        ("\U0001d7db", "3"),  # mathematical bold
        ("x\u00b3", None),  # a superscript is no decimal digit
        ("9" * 5000, "9" * 5000),
    ],
)
def test_each_rule(text: str, lenient: str | None) -> None:
    assert _read(text)[1] == lenient


@pytest.mark.parametrize(
    ("text", "word", "lenient"),
    [
        ("There are two r's in three", "three", "2"),
        ("In 'seven' there is none", "seven", None),
        ("Seven", "seven", "7"),  # no verbatim copy
        ("4 letters of '12'", "12", "4"),
        ("4 letters of 12", "12", "4"),
        ("4 of \u201c12\u201d", "12", "4"),
        ("sevenths", "seven", None),
        ("even seven", "even", "7"),  # a word that is part of another stays
        ("12", "12", "12"),  # a lone integer on the last line comes before
        ("4 of \uff11\uff12", "12", "4"),
    ],
)
def test_copies_of_the_word_are_no_answer(text: str, word: str, lenient: str | None) -> None:
    assert _read(text, word)[1] == lenient


# ---------------------------------------------------------------------- thoughts


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>1</think>2", "2"),
        ("<THINK>1</Think>2<think>\n3</think>", "2"),
        ("1</think>2", "2"),  # opened by the chat template
        ("<think>a<think>b</think>c</think>2", "2"),
        ("<think>1", None),
        ("2<think>1", None),
        ("<think>1</think>2<think>", None),
        ("I think 2", "I think 2"),
    ],
)
def test_thoughts_are_removed(text: str, rest: str | None) -> None:
    assert without_thinking(text) == rest


# ---------------------------------------------------------------------- other types


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("yrrebwarts", "yrrebwarts", "yrrebwarts"),
        (" yrrebwarts\n", "yrrebwarts", "yrrebwarts"),
        ("Yrrebwarts", "Yrrebwarts", "Yrrebwarts"),
        ("'yrrebwarts'", None, "yrrebwarts"),
        ("yrrebwarts.", None, "yrrebwarts"),
        ("**yrrebwarts.**", None, "yrrebwarts"),
        ("The answer is: `yrrebwarts`.\nDone!", None, "yrrebwarts"),
        ("**Answer:** yrrebwarts", None, "yrrebwarts"),
        ("Answer:\n\nyrrebwarts", None, "yrrebwarts"),
        ("<answer> yrrebwarts </answer> ok", None, "yrrebwarts"),
        ("It's 'strawberry', isn't it? So __yrrebwarts__", None, "yrrebwarts"),
        ("\u201cyrrebwarts\u201d it is", None, "yrrebwarts"),
        ("Here you go\n\nyrrebwarts", None, "yrrebwarts"),
        ("s t r", "s t r", "s t r"),
        ("e\u0301t\u00e9", "\u00e9t\u00e9", "\u00e9t\u00e9"),
        ("", None, None),
        (" ** ' ", None, None),
    ],
)
def test_strings(text: str, strict: str | None, lenient: str | None) -> None:
    found = parse(text, "str", word="strawberry")
    assert (found.strict, found.lenient) == (strict, lenient)


def test_what_equals_the_gold_answer_is_strict_whatever_it_looks_like() -> None:
    graded = grade(item_of("str", "'e.g.'"), Completion(text="'e.g.'\n"))
    assert (graded.status, graded.correct_strict, graded.correct_lenient) == ("strict", True, True)
    assert not grade(item_of("str", "abc"), Completion(text="ABC")).correct_lenient


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("yes", "yes", "yes"),
        ("No\n", "no", "no"),
        ("Yes.", None, "yes"),
        ("true", None, "yes"),
        ("No, it does not. The answer is yes", None, "yes"),
        ("It is FALSE", None, "no"),
        ("I know nothing", None, None),
        ("No: x is not in 'true'", None, "no"),  # the word of the question
        ("", None, None),
    ],
)
def test_yes_and_no(text: str, strict: str | None, lenient: str | None) -> None:
    found = parse(text, "bool", word="true")
    assert (found.strict, found.lenient) == (strict, lenient)


OPTIONS = ("pear", "apple", "pine apple", "fig")


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("apple", "apple", "apple"),
        ("B\n", "apple", "apple"),
        ("E", None, None),
        ("b", None, "apple"),
        ("(B)", None, "apple"),
        ("B.", None, "apple"),
        ("(B) 'apple'", None, "apple"),
        ("Option D", None, "fig"),
        ("The answer is **fig**.", None, "fig"),
        ("<answer>C</answer>", None, "pine apple"),
        ("I choose fig because", None, "fig"),
        ("fig or pear", None, None),
        ("'fig'", None, "fig"),
        ("figs", None, None),
        ("", None, None),
    ],
)
def test_options(text: str, strict: str | None, lenient: str | None) -> None:
    found = parse(text, "choice", word="apple", choices=OPTIONS)
    assert (found.strict, found.lenient) == (strict, lenient)


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("p e a r", True, True),
        ("p-e-a-r", False, True),
        ("p, e, a, r.", False, True),
        ("The answer is: p. e. a. r", False, True),
        ("pear", False, False),  # an echo spells nothing
        ("p e r", False, False),
        ("P e a r", False, False),
    ],
)
def test_separators_of_a_spelled_word(text: str, strict: bool, lenient: bool) -> None:  # noqa: FBT001, a table
    graded = grade(item_of("str", "p e a r", word="pear", task="spell"), Completion(text=text))
    assert (graded.correct_strict, graded.correct_lenient) == (strict, lenient)


def test_separators_count_everywhere_else() -> None:
    assert not grade(item_of("str", "p e a r", word="pear"), Completion(text="p-e-a-r")).correct_lenient


# ---------------------------------------------------------------------- grades


@pytest.mark.parametrize(
    ("completion", "status"),
    [
        (Completion(text="3", status="error"), "error"),
        (Completion(text="3", status="missing"), "missing"),
        (Completion(text="3 <think>", finish_reason="refused"), "truncated"),
        (Completion(text="Let me count", finish_reason="length"), "truncated"),
        (Completion(text="", finish_reason="length"), "truncated"),
        (Completion(text="3", finish_reason="refused"), "refused"),
        (Completion(text="3"), "strict"),
        (Completion(text="3", finish_reason="length"), "strict"),
        (Completion(text="<think>5</think> 3"), "strict"),
        (Completion(text="It is 3\n\nQ: another", finish_reason="length"), "lenient"),
        (Completion(text="It is 3"), "lenient"),
        (Completion(text="I cannot say"), "invalid"),
        (Completion(text=""), "invalid"),
    ],
)
def test_statuses(completion: Completion, status: str) -> None:
    graded = grade(ITEM, completion)
    assert graded.status == status
    answered = status in {"strict", "lenient"}
    assert (graded.parsed is not None, graded.signed_error is not None) == (answered, answered)
    assert graded.correct_lenient == answered
    assert graded.correct_strict == (status == "strict")


def test_the_order_of_the_statuses() -> None:
    assert STATUSES == ("error", "missing", "truncated", "refused", "strict", "lenient", "invalid")


@pytest.mark.parametrize(
    ("text", "error"), [("1", -2), ("3", 0), ("so 10", 7), ("-1", -4), ("9" * 18, 10**18 - 4), ("9" * 19, None)]
)
def test_the_signed_error(text: str, error: int | None) -> None:
    assert grade(ITEM, Completion(text=text)).signed_error == error


def test_only_integers_have_a_signed_error() -> None:
    assert grade(item_of("str", "3"), Completion(text="3")) == Graded(
        "strict", "3", correct_strict=True, correct_lenient=True, signed_error=None
    )


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (item_of("int", "3"), "\u0663"),
        (item_of("bool", "yes"), "Yes, it is true"),
        (item_of("choice", "fig", choices=OPTIONS), "(D) 'fig'"),
    ],
)
def test_a_lenient_answer_is_never_strictly_right(item: Item, text: str) -> None:
    graded = grade(item, Completion(text=text))
    assert (graded.status, graded.correct_strict, graded.correct_lenient) == ("lenient", False, True)


# ---------------------------------------------------------------------- planted faults and time


def test_the_first_integer_of_the_text_is_a_fault_that_the_table_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other ports of the benchmark take it."""
    monkeypatch.setattr(_parse, "_int_rules", lambda text, _word: iter(_parse._ints(text)))
    assert [text for text, strict, lenient in TABLE if _read(text) != (strict, lenient)]


@pytest.mark.parametrize("answer_type", ["int", "str", "bool", "choice"])
def test_grading_takes_well_under_a_millisecond(answer_type: AnswerType) -> None:
    words = [f"{first}{last}ing" for first in ("straw", "black", "rasp", "goose", "mul") for last in range(400)]
    items = [item_of(answer_type, "3", word=word, choices=("pear", "3", "fig")) for word in words]
    texts = [f"Let me see: {word} has 1, 2, 3 of '{word}'.\n\n**Answer:** 3. I am sure." for word in words]
    finish: FinishReason = "stop"
    completions = [Completion(text=text, finish_reason=finish) for text in texts]
    start = time.process_time()
    for item, completion in zip(items, completions, strict=True):
        grade(item, completion)
    assert (time.process_time() - start) / len(items) < 1e-3


@pytest.mark.parametrize(
    "piece", ["**", "__", "<think>", "</think>", "<answer>", "answer ", "answer is ", "'", "\u201c", "3 ", "true ", " "]
)
def test_long_answers_take_linear_time(piece: str) -> None:
    types: tuple[AnswerType, ...] = ("int", "str", "bool", "choice")
    start = time.process_time()
    for answer_type in types:
        parse(piece * 50_000, answer_type, word="true", choices=("pear", "fig"))
    assert time.process_time() - start < 1.0  # some hundredths; a reading that looks back at each place takes minutes
