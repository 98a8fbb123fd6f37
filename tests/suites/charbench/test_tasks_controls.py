"""Group 7: random strings with known expectations, lists of words, and digits in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from statistics import fmean

import pytest
from charbench_lists import scowl, word_list
from charbench_tasks import ACCENTED, CLUSTERED, ENGLISH, by_hand, check, check_all, drafted, items_of

from tokbench.suites.charbench.item import Fields, Item, Word
from tokbench.suites.charbench.items import build_items
from tokbench.suites.charbench.task import Draft, Task
from tokbench.suites.charbench.tasks import TASKS, controls
from tokbench.suites.charbench.tasks.controls import (
    RANDOM_LETTERS,
    DigitsInWord,
    RandCountChar,
    RandFindLast,
    TwinCountChar,
    TwinFindLast,
)

BASES = ("count_char", "count_unique", "find_first", "find_last")
RANDOM = tuple(f"rand_{base}" for base in BASES)
TWIN = tuple(f"twin_{base}" for base in BASES)
NAMES = (*RANDOM, *TWIN, "digits_in_word")


@pytest.mark.parametrize(
    ("task", "char", "args", "gold"),
    [
        ("rand_count_char", "b", {"text": "bcbb"}, "3"),
        ("rand_count_char", "c", {"text": "bcbb"}, "1"),
        ("rand_count_char", "z", {"text": "zzzzz"}, "5"),
        ("rand_count_char", "k", {"text": "qkwx"}, "1"),
        ("rand_count_unique", None, {"text": "bcbb"}, "2"),
        ("rand_count_unique", None, {"text": "zzzz"}, "1"),
        ("rand_count_unique", None, {"text": "bcdf"}, "4"),
        ("rand_count_unique", None, {"text": "bcdfb"}, "4"),
        ("rand_find_first", "b", {"text": "cbdb"}, "1"),
        ("rand_find_first", "c", {"text": "cbdb"}, "0"),
        ("rand_find_first", "d", {"text": "cbdb"}, "2"),
        ("rand_find_first", "z", {"text": "zzzz"}, "0"),
        ("rand_find_last", "b", {"text": "cbdb"}, "3"),
        ("rand_find_last", "c", {"text": "cbdb"}, "0"),
        ("rand_find_last", "d", {"text": "cbdb"}, "2"),
        ("rand_find_last", "z", {"text": "zzzz"}, "3"),
        ("twin_count_char", None, {"list": "cat, dog, cat", "query": "cat"}, "2"),
        ("twin_count_char", None, {"list": "cat, dog, cat", "query": "dog"}, "1"),
        ("twin_count_char", None, {"list": "cat, dog, cat", "query": "owl"}, "0"),
        ("twin_count_char", None, {"list": "cat, cats, cat", "query": "cat"}, "2"),
        ("twin_count_unique", None, {"list": "cat, dog, cat"}, "2"),
        ("twin_count_unique", None, {"list": "cat, cat"}, "1"),
        ("twin_count_unique", None, {"list": "cat, Cat"}, "2"),
        ("twin_count_unique", None, {"list": "cat"}, "1"),
        ("twin_find_first", None, {"list": "owl, cat, dog, cat", "query": "cat"}, "1"),
        ("twin_find_first", None, {"list": "owl, cat, dog, cat", "query": "owl"}, "0"),
        ("twin_find_first", None, {"list": "owl, cat, dog, cat", "query": "dog"}, "2"),
        ("twin_find_first", None, {"list": "cats, cat", "query": "cat"}, "1"),
        ("twin_find_last", None, {"list": "owl, cat, dog, cat", "query": "cat"}, "3"),
        ("twin_find_last", None, {"list": "owl, cat, dog, cat", "query": "owl"}, "0"),
        ("twin_find_last", None, {"list": "owl, cat, dog, cat", "query": "dog"}, "2"),
        ("twin_find_last", None, {"list": "cat, cats", "query": "cat"}, "0"),
        ("digits_in_word", None, {"text": "st4ck"}, "1"),
        ("digits_in_word", None, {"text": "stack"}, "0"),
        ("digits_in_word", None, {"text": "12stack34"}, "4"),
        ("digits_in_word", None, {"text": "é0té"}, "1"),
        ("digits_in_word", None, {"text": "x\u0664\u00b2"}, "0"),  # digits of other scripts are none of 0 to 9
    ],
)
def test_golden_answers(task: str, char: str | None, args: dict[str, str], gold: str) -> None:
    item = by_hand(TASKS[task], "stack", char, **args)
    assert (TASKS[task].gold(item), TASKS[task].second_gold(item)) == (gold, gold)


@pytest.mark.parametrize("task", NAMES)
@pytest.mark.parametrize(
    ("words", "unit"),
    [(ENGLISH, "codepoint"), (ACCENTED, "codepoint"), (ACCENTED, "grapheme"), (CLUSTERED, "grapheme")],
)
def test_every_item_of_a_word_is_what_its_cell_says(task: str, words: list[str], unit: str) -> None:
    for word in words:
        assert check_all(TASKS[task], items_of(TASKS[task], word, words, unit))


def test_trivial_answers() -> None:
    ends = {"0": "0", "1": "1", "len-1": "4", "len": "5"}
    for name in (*RANDOM[:2], *TWIN[:2]):
        item = by_hand(TASKS[name], "stack", "b", text="bcbdb", list="a, b, a, c, a", query="a")
        assert TASKS[name].heuristics(item) == ends
    first = by_hand(TASKS["rand_find_first"], "stack", "b", text="cbdbc")
    assert TASKS["rand_find_first"].heuristics(first) == {**ends, "sibling": "3"}
    last = by_hand(TASKS["twin_find_last"], "stack", list="owl, cat, dog, cat, owl", query="cat")
    assert TASKS["twin_find_last"].heuristics(last) == {**ends, "sibling": "1"}
    assert TASKS["digits_in_word"].heuristics(by_hand(DigitsInWord(), "stack", text="st4ck")) == {}


# --- random strings ---------------------------------------------------------------------------------------------------


@cache
def _full(task: str) -> list[Item]:
    return build_items("full", "balanced", (task,), words=scowl(), lengths=(4, 10))


def _near(values: Sequence[float], wanted: float) -> None:
    """The mean is within four standard errors."""
    mean = fmean(values)
    deviation = math.sqrt(fmean((value - mean) ** 2 for value in values))
    assert abs(mean - wanted) < 4 * deviation / math.sqrt(len(values)) + 1e-9, (mean, wanted)


@pytest.mark.parametrize("length", [4, 10])
def test_expectations_of_random_strings(length: int) -> None:
    def answers(base: str) -> list[int]:
        return [int(item.answer) for item in _full(f"rand_{base}") if item.length == length]

    letters = len(RANDOM_LETTERS)
    assert letters == 20
    counts, unique, first, last = (answers(base) for base in BASES)
    assert len(counts) == len(unique) == len(first) == len(last) == 6250
    _near([count == 1 for count in counts], (1 - 1 / letters) ** (length - 1))
    _near(counts, 1 + (length - 1) / letters)
    _near(unique, letters * (1 - (1 - 1 / letters) ** length))
    _near([place == 0 for place in first], (1 + (length - 1) / letters) / length)
    # the first place of the letter at p is behind s < p if the s+1 letters up to there are others; the last mirrors it
    others = [(1 - 1 / letters) ** size for size in range(length + 1)]
    behind = fmean(sum(others[start + 1] for start in range(place)) for place in range(length))
    _near(first, behind)
    _near([length - 1 - place for place in last], behind)


def test_values_of_the_definition() -> None:
    assert [round((19 / 20) ** (length - 1), 4) for length in (4, 10)] == [0.8574, 0.6302]
    assert [round(20 * (1 - (19 / 20) ** length), 4) for length in (4, 10)] == [3.7099, 8.0253]


def test_letters_and_places_of_random_strings_are_uniform() -> None:
    items = [item for item in _full("rand_count_char") if item.length == 10]
    for place in (0, 4, 9):
        shares = Counter(item.arg("text")[place] for item in items)
        assert set(shares) == set(RANDOM_LETTERS)
        chi = sum((count - 312.5) ** 2 / 312.5 for count in shares.values())
        assert chi < 50  # 19 degrees of freedom: P < 0.0002
    places = Counter(item.query_pos for item in items)
    assert set(places) == set(range(10))
    assert sum((count - 625) ** 2 / 625 for count in places.values()) < 35
    assert len({item.arg("text") for item in items}) == len(items)


# --- words for characters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TWIN)
def test_lists_are_made_of_common_words(task: str) -> None:
    common = {word.text for length in scowl().lengths for word in scowl().of_length(length) if word.level == 10}
    items = build_items("core", "balanced", (task,), words=scowl(), lengths=(4, 6))
    assert len(items) == 500
    for item in items:
        check(TASKS[task], item)
        words = item.arg("list").split(", ")
        assert set(words) | {dict(item.args).get("query", words[0])} <= common
        base = TASKS[task.removeprefix("twin_")]
        assert TASKS[task].cells(Word(item.word, tuple(item.word)), "std") == base.cells(
            Word(item.word, tuple(item.word)), "std"
        )
    for length in (4, 6):
        counts = Counter(item.gold_bin for item in items if item.length == length)
        assert max(counts.values()) - min(counts.values()) <= 1, "cells are even"


def test_a_list_without_levels_gives_any_word_and_one_that_is_too_short_none() -> None:
    pool = word_list(ENGLISH)
    word = Word("stack", tuple("stack"))
    item = drafted(TwinCountChar(), word, (1, 0), "t", pool)
    assert item is not None
    assert set(item.arg("list").split(", ")) <= set(ENGLISH)
    assert drafted(TwinCountChar(), word, (1, 0), "t", word_list(["stack", "tacks"])) is None


# --- digits -----------------------------------------------------------------------------------------------------------


def test_digits_are_spread_over_places_and_values() -> None:
    items = build_items("core", "balanced", ("digits_in_word",), words=scowl(), lengths=(5,))
    assert Counter(item.answer for item in items) == dict.fromkeys("01234", 50)
    for item in items:
        check(TASKS["digits_in_word"], item)
    texts = [item.arg("text") for item in items]
    assert {char for text in texts for char in text if char.isdigit()} == set("0123456789")
    assert {text[0].isdigit() for text in texts} == {text[-1].isdigit() for text in texts} == {True, False}


def test_a_word_with_digits_is_left_out() -> None:
    assert list(items_of(DigitsInWord(), "st4ck", ENGLISH)) == []


# --- planted bugs -----------------------------------------------------------------------------------------------------


class AskedOfTheWord(RandCountChar):
    """Answers for the word instead of the random string."""

    def shadow(self, item: Item) -> Item:
        return item


class AnotherPlace(RandFindLast):
    """Keeps a gold index that is one in another text."""

    def complete(self, draft: Draft) -> Fields | None:
        return self.base.at(draft.word, draft.draw("position") % len(draft.word.units))


class TwoForOne(TwinCountChar):
    """Gives two characters the same word."""

    def complete(self, draft: Draft) -> Fields | None:
        fields = super().complete(draft)
        assert fields is not None
        words = dict(fields.args)["list"].split(", ")
        listed = ", ".join([words[0], words[0], *words[2:]])
        return Fields(answer=fields.answer, args=(("list", listed), *fields.args[1:]))


class InText(TwinFindLast):
    """Looks for the word in the text of the list."""

    def second_gold(self, item: Item) -> str:
        return str(item.arg("list").rindex(item.arg("query")))


class OneDigitLess(DigitsInWord):
    """Does not know 0."""

    def second_gold(self, item: Item) -> str:
        return str(sum(char in "123456789" for char in item.arg("text")))


def _some(task: Task) -> Iterator[Item]:
    for word in ("stack", "union", "speed", "books"):
        for seed in range(4):
            yield from items_of(task, word, ENGLISH, seed=seed)


@pytest.mark.parametrize("planted", [AskedOfTheWord, AnotherPlace, TwoForOne, InText, OneDigitLess])
def test_checks_find_planted_bugs(planted: type[Task]) -> None:
    assert any(_some(planted()))
    with pytest.raises((AssertionError, KeyError)):
        check_all(planted(), _some(planted()))


def test_few_letters_break_the_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for letters in (RANDOM_LETTERS, RANDOM_LETTERS[:15]):
        monkeypatch.setattr(controls, "RANDOM_LETTERS", letters)
        counts = [
            int(item.answer)
            for seed, word in enumerate(scowl().of_length(10)[:3000])
            if (item := drafted(RandCountChar(), word, (10, 0), "", scowl(), seed=seed)) is not None
        ]
        if letters == RANDOM_LETTERS:
            _near(counts, 1 + 9 / 20)
    with pytest.raises(AssertionError):
        _near(counts, 1 + 9 / 20)
