"""Group 2: length, characters by their place, membership, ends, and the n-th occurrence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import pytest
from charbench_lists import scowl
from charbench_tasks import CLUSTERED, ENGLISH, by_hand, check_all, items_of

from tokbench.suites.charbench.item import Fields, Item, Word
from tokbench.suites.charbench.items import build_items
from tokbench.suites.charbench.task import Cell, Draft, Task
from tokbench.suites.charbench.tasks import TASKS
from tokbench.suites.charbench.tasks.access import ContainsChar, NthChar, NthOccurrence

NAMES = ("length", "nth_char", "contains_char", "first_letter", "last_letter", "nth_occurrence")


@cache
def _built(task: str, profile: str = "core", lengths: tuple[int, ...] = (4, 6)) -> list[Item]:
    return build_items(profile, "balanced", (task,), words=scowl(), lengths=lengths)


@pytest.mark.parametrize(
    ("task", "variant", "word", "char", "args", "gold"),
    [
        ("length", "std", "strawberry", None, {}, "10"),
        ("length", "std", "a", None, {}, "1"),
        ("length", "std", "Öl", None, {}, "2"),
        ("length", "std", "mississippi", None, {}, "11"),
        ("nth_char", "base0", "strawberry", None, {"k": "0"}, "s"),
        ("nth_char", "base0", "strawberry", None, {"k": "9"}, "y"),
        ("nth_char", "base0", "strawberry", None, {"k": "3"}, "a"),
        ("nth_char", "base0", "élève", None, {"k": "2"}, "è"),
        ("nth_char", "base1", "strawberry", None, {"k": "1"}, "s"),
        ("nth_char", "base1", "strawberry", None, {"k": "10"}, "y"),
        ("nth_char", "base1", "strawberry", None, {"k": "5"}, "w"),
        ("nth_char", "base1", "Anna", None, {"k": "1"}, "A"),
        ("nth_char", "from_end", "strawberry", None, {"k": "1"}, "y"),
        ("nth_char", "from_end", "strawberry", None, {"k": "10"}, "s"),
        ("nth_char", "from_end", "strawberry", None, {"k": "4"}, "e"),
        ("nth_char", "from_end", "a", None, {"k": "1"}, "a"),
        ("contains_char", "std", "strawberry", "r", {}, "yes"),
        ("contains_char", "std", "strawberry", "z", {}, "no"),
        ("contains_char", "std", "Anna", "A", {}, "yes"),
        ("contains_char", "std", "anna", "A", {}, "no"),
        ("contains_char", "std", "élève", "e", {}, "yes"),
        ("contains_char", "std", "été", "e", {}, "no"),
        ("first_letter", "std", "strawberry", None, {}, "s"),
        ("first_letter", "std", "Öl", None, {}, "Ö"),
        ("first_letter", "std", "a", None, {}, "a"),
        ("first_letter", "std", "llama", None, {}, "l"),
        ("last_letter", "std", "strawberry", None, {}, "y"),
        ("last_letter", "std", "été", None, {}, "é"),
        ("last_letter", "std", "a", None, {}, "a"),
        ("last_letter", "std", "ball", None, {}, "l"),
        ("nth_occurrence", "std", "strawberry", "r", {"n": "2"}, "7"),
        ("nth_occurrence", "std", "strawberry", "r", {"n": "3"}, "8"),
        ("nth_occurrence", "std", "mississippi", "s", {"n": "3"}, "5"),
        ("nth_occurrence", "std", "banana", "a", {"n": "2"}, "3"),
        ("nth_occurrence", "std", "aab", "a", {"n": "2"}, "1"),
    ],
)
def test_golden_answers(task: str, variant: str, word: str, char: str | None, args: dict[str, str], gold: str) -> None:
    item = by_hand(TASKS[task], word, char, variant=variant, **args)
    assert (TASKS[task].gold(item), TASKS[task].second_gold(item)) == (gold, gold)


@pytest.mark.parametrize(
    ("task", "char", "args", "gold"),
    [
        ("length", None, {}, "4"),
        ("nth_char", None, {"k": "1"}, "a"),
        ("contains_char", "g", {}, "no"),
        ("contains_char", "g\u0308", {}, "yes"),
        ("first_letter", None, {}, "g\u0308"),
        ("last_letter", None, {}, "g\u0308"),
        ("nth_occurrence", "g\u0308", {"n": "2"}, "2"),
        ("nth_occurrence", "g\u0308", {"n": "3"}, "3"),
    ],
)
def test_characters_may_be_clusters(task: str, char: str | None, args: dict[str, str], gold: str) -> None:
    variant = "base0" if task == "nth_char" else "std"
    item = by_hand(TASKS[task], "g\u0308ag\u0308g\u0308", char, variant=variant, unit="grapheme", **args)
    assert (TASKS[task].gold(item), TASKS[task].second_gold(item)) == (gold, gold)


@pytest.mark.parametrize("task", NAMES)
@pytest.mark.parametrize(
    ("word", "others", "unit"), [("banana", ENGLISH, "codepoint"), ("bag\u0308ag\u0308", CLUSTERED, "grapheme")]
)
def test_every_item_of_a_word_is_what_its_cell_says(task: str, word: str, others: list[str], unit: str) -> None:
    assert check_all(TASKS[task], items_of(TASKS[task], word, others, unit))


def test_cells_of_occurrences() -> None:
    def cells(text: str) -> dict[object, object]:
        return dict(NthOccurrence().cells(Word(text, tuple(text)), "std"))

    assert cells("banana") == {("2@3+", 0): ("a",), ("2@4", 0): ("n",), ("3@5", 0): ("a",)}
    assert cells("aaaa") == {("2@1+", 0): ("a",), ("3@2+", 0): ("a",)}
    assert cells("cat") == {}


def test_trivial_answers() -> None:
    def said(task: str, word: str, char: str | None = None, variant: str = "std", **args: str) -> object:
        return TASKS[task].heuristics(by_hand(TASKS[task], word, char, variant=variant, **args))

    assert said("length", "cat") == {}
    assert said("nth_char", "cater", variant="base0", k="2") == {"first": "c", "last": "r", "off-by-one": "a"}
    assert said("nth_char", "cater", variant="base0", k="0") == {"first": "c", "last": "r", "off-by-one": ""}
    assert said("nth_char", "cater", variant="base1", k="2") == {"first": "c", "last": "r", "off-by-one": "t"}
    assert said("nth_char", "cater", variant="base1", k="5") == {"first": "c", "last": "r", "off-by-one": ""}
    assert said("nth_char", "cater", variant="from_end", k="1") == {"first": "c", "last": "r", "off-by-one": "e"}
    assert said("nth_char", "cater", variant="from_end", k="5") == {"first": "c", "last": "r", "off-by-one": ""}
    assert said("contains_char", "cater", "z") == {"yes": "yes", "no": "no"}
    assert said("first_letter", "cater") == {"other-end": "r"}
    assert said("last_letter", "cater") == {"other-end": "c"}
    assert said("nth_occurrence", "banana", "a", n="2") == {"first": "1", "last": "5"}


# --- on the built-in list ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", NAMES)
def test_items_of_the_list(task: str) -> None:
    items = _built(task)
    assert check_all(TASKS[task], items) == 500 * len(TASKS[task].variants)
    for variant in TASKS[task].variants:
        for length in (4, 6):
            counts = Counter(item.gold_bin for item in items if (item.variant, item.length) == (variant, length))
            assert max(counts.values()) - min(counts.values()) <= 1, "cells are even"


@pytest.mark.parametrize("task", ["first_letter", "last_letter"])
@pytest.mark.parametrize("profile", ["smoke", "core", "full"])
def test_no_letter_is_right_on_more_than_15_percent(task: str, profile: str) -> None:
    items = _built(task, profile, tuple(range(4, 11)))
    for length in range(4, 11):
        counts = Counter(item.answer for item in items if item.length == length)
        assert max(counts.values()) <= 0.15 * counts.total()


def test_letters_of_the_list_itself_break_that_law() -> None:
    counts = Counter(word.units[-1] for word in scowl().of_length(4))
    assert max(counts.values()) > 0.15 * counts.total()


def test_negatives_are_common_letters() -> None:
    items = _built("contains_char")
    negatives = Counter(item.query_char for item in items if item.answer == "no")
    assert negatives.total() == len(items) / 2
    assert sum(negatives[char] for char in "eaisrnotl") > 0.5 * negatives.total()
    assert sum(negatives[char] for char in "qxzj") < 0.05 * negatives.total()


def test_the_last_occurrence_is_not_the_answer_to_all_questions() -> None:
    items = _built("nth_occurrence", "core", (8,))
    last = sum(TASKS["nth_occurrence"].heuristics(item)["last"] == item.answer for item in items)
    assert last < 0.65 * len(items)
    assert {item.arg("n") for item in items} == {"2", "3"}


# --- planted bugs -----------------------------------------------------------------------------------------------------


class ZeroBased(NthChar):
    """Counts from 0 always."""

    def gold(self, item: Item) -> str:
        return item.word[int(item.arg("k")) % len(item.word)]


class AnyLetter(ContainsChar):
    """Asks for a letter of the word where the answer is no."""

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        return {("no", 0): word.units[:1], ("yes", 0): word.units[:1]}

    def complete(self, draft: Draft) -> Fields | None:
        return Fields(answer=str(draft.gold), query_char=draft.candidate)


class OneFurther(NthOccurrence):
    """Counts occurrences from 0."""

    def second_gold(self, item: Item) -> str:
        places = [place for place, unit in enumerate(item.word) if unit == item.query_char]
        return str(places[int(item.arg("n")) % len(places)])


@pytest.mark.parametrize("planted", [ZeroBased, AnyLetter, OneFurther])
def test_checks_find_planted_bugs(planted: type[Task]) -> None:
    with pytest.raises(AssertionError):
        check_all(planted(), items_of(planted(), "banana", ENGLISH))
