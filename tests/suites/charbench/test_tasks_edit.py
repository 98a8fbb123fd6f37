"""Group 4: edits whose result differs from the word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from charbench_lists import scowl, word_list
from charbench_tasks import ACCENTED, CLUSTERED, ENGLISH, by_hand, check_all, drafted, items_of

from tokbench.suites.charbench.item import Item, Word
from tokbench.suites.charbench.items import build_items
from tokbench.suites.charbench.task import Cell, Draft, Task
from tokbench.suites.charbench.tasks import TASKS
from tokbench.suites.charbench.tasks.edit import (
    DeleteAll,
    InsertAfter,
    Reverse,
    SubstituteAll,
    Substring,
    SwapTwo,
    UpperEveryK,
)

NAMES = (
    "insert_after", "delete_all", "substitute_all", "delete_at", "swap_two", "reverse", "substring", "upper_every_k",
)  # fmt: skip


@pytest.mark.parametrize(
    ("task", "word", "char", "args", "gold"),
    [
        ("insert_after", "banana", "a", {"x": "o"}, "baonaonao"),
        ("insert_after", "banana", "b", {"x": "a"}, "baanana"),
        ("insert_after", "moon", "o", {"x": "n"}, "mononn"),
        ("insert_after", "été", "é", {"x": "s"}, "éstés"),
        ("delete_all", "banana", "a", {}, "bnn"),
        ("delete_all", "banana", "b", {}, "anana"),
        ("delete_all", "Anna", "n", {}, "Aa"),
        ("delete_all", "balloon", "l", {}, "baoon"),
        ("substitute_all", "banana", "a", {"x": "o"}, "bonono"),
        ("substitute_all", "banana", "n", {"x": "ß"}, "baßaßa"),
        ("substitute_all", "Anna", "a", {"x": "e"}, "Anne"),
        ("substitute_all", "eel", "e", {"x": "a"}, "aal"),
        ("delete_at", "cater", None, {"k": "0"}, "ater"),
        ("delete_at", "cater", None, {"k": "4"}, "cate"),
        ("delete_at", "cater", None, {"k": "2"}, "caer"),
        ("delete_at", "über", None, {"k": "1"}, "üer"),
        ("swap_two", "banana", "a", {"d": "n"}, "bnanan"),
        ("swap_two", "banana", "b", {"d": "a"}, "abnbnb"),
        ("swap_two", "cat", "c", {"d": "t"}, "tac"),
        ("swap_two", "anna", "n", {"d": "a"}, "naan"),
        ("reverse", "stack", None, {}, "kcats"),
        ("reverse", "Anna", None, {}, "annA"),
        ("reverse", "été", None, {}, "été"),
        ("reverse", "Öfen", None, {}, "nefÖ"),
        ("substring", "strawberry", None, {"i": "0", "j": "5"}, "straw"),
        ("substring", "strawberry", None, {"i": "5", "j": "10"}, "berry"),
        ("substring", "strawberry", None, {"i": "2", "j": "4"}, "ra"),
        ("substring", "élève", None, {"i": "1", "j": "4"}, "lèv"),
        ("upper_every_k", "strawberry", None, {"k": "2"}, "sTrAwBeRrY"),
        ("upper_every_k", "strawberry", None, {"k": "3"}, "stRawBerRy"),
        ("upper_every_k", "cat", None, {"k": "3"}, "caT"),
        ("upper_every_k", "caTer", None, {"k": "2"}, "cATEr"),
        ("upper_every_k", "été", None, {"k": "3"}, "étÉ"),
    ],
)
def test_golden_answers(task: str, word: str, char: str | None, args: dict[str, str], gold: str) -> None:
    item = by_hand(TASKS[task], word, char, **args)
    assert (TASKS[task].gold(item), TASKS[task].second_gold(item)) == (gold, gold)


@pytest.mark.parametrize(
    ("task", "char", "args", "gold"),
    [
        ("insert_after", "g\u0308", {"x": "o"}, "g\u0308oag\u0308o"),
        ("delete_all", "g\u0308", {}, "a"),
        ("substitute_all", "g\u0308", {"x": "g"}, "gag"),
        ("delete_at", None, {"k": "0"}, "ag\u0308"),
        ("swap_two", "a", {"d": "g\u0308"}, "ag\u0308a"),
        ("substring", None, {"i": "1", "j": "3"}, "ag\u0308"),
        ("upper_every_k", None, {"k": "3"}, "g\u0308aG\u0308"),
    ],
)
def test_characters_may_be_clusters(task: str, char: str | None, args: dict[str, str], gold: str) -> None:
    item = by_hand(TASKS[task], "g\u0308ag\u0308", char, unit="grapheme", **args)
    assert (TASKS[task].gold(item), TASKS[task].second_gold(item)) == (gold, gold)
    reverse = by_hand(Reverse(), "g\u0308ab", unit="grapheme")
    assert (Reverse().gold(reverse), Reverse().second_gold(reverse)) == ("bag\u0308", "bag\u0308")


@pytest.mark.parametrize("task", NAMES)
@pytest.mark.parametrize(
    ("words", "unit"),
    [(ENGLISH, "codepoint"), (ACCENTED, "codepoint"), (ACCENTED, "grapheme"), (CLUSTERED, "grapheme")],
)
def test_every_item_of_a_word_is_what_its_cell_says(task: str, words: list[str], unit: str) -> None:
    items = (item for word in words for item in items_of(TASKS[task], word, words, unit))
    assert check_all(TASKS[task], items) >= len(words) // 3


@pytest.mark.parametrize(
    ("task", "word"),
    [
        ("delete_all", "aaa"),  # nothing would be left
        ("reverse", "anna"),
        ("reverse", "g\u0308ag\u0308"),
        ("swap_two", "aaa"),  # there is no other character
        ("upper_every_k", "CAT"),
        ("upper_every_k", "किताब"),  # no case
        ("upper_every_k", "süß"),  # two code points at place 3; place 2 is still asked for
        ("insert_after", "aaaa"),  # more than three
        ("substring", "ab"),
        ("delete_at", "a"),
    ],
)
def test_words_that_an_edit_would_not_change(task: str, word: str) -> None:
    found = list(items_of(TASKS[task], word, ["aaa", "aaab", "abc"], "grapheme"))
    assert [item.answer for item in found] == (["sÜß"] if word == "süß" else [])


def test_a_word_with_every_letter_of_the_list_has_no_substitute() -> None:
    pool = word_list(["aa", "aaa"])
    word = Word("aaa", tuple("aaa"))
    assert drafted(InsertAfter(), word, (3, 0), "a", pool) is None
    pool = word_list(["e\u0331", "ee"])  # a lone mark is nothing that could be put behind a letter
    assert drafted(InsertAfter(), Word("ee", tuple("ee")), (2, 0), "e", pool) is None


def test_trivial_answers() -> None:
    def said(task: str, word: str, char: str | None = None, **args: str) -> object:
        found = dict(TASKS[task].heuristics(by_hand(TASKS[task], word, char, **args)))
        assert found.pop("echo") == word
        return found

    assert said("insert_after", "banana", "a", x="o") == {"first-only": "baonana"}
    assert said("delete_all", "banana", "a") == {"first-only": "bnana"}
    assert said("substitute_all", "banana", "a", x="o") == {"first-only": "bonana"}
    assert said("swap_two", "banana", "a", d="n") == {"first-only": "bnaana"}
    assert said("delete_at", "cater", k="2") == {"off-by-one": "cter"}
    assert said("delete_at", "cater", k="0") == {"off-by-one": "cater"}
    assert said("reverse", "cater") == {"off-by-one": "reta"}
    assert said("substring", "cater", i="1", j="3") == {"end-included": "ate", "off-by-one": "cat"}
    assert said("substring", "cater", i="0", j="3") == {"end-included": "cate", "off-by-one": "cat"}
    assert said("upper_every_k", "cater", k="2") == {"off-by-one": "CaTeR"}


@pytest.mark.parametrize("task", NAMES)
def test_items_of_the_list(task: str) -> None:
    items = build_items("core", "balanced", (task,), words=scowl(), lengths=(4, 6))
    assert check_all(TASKS[task], items) == 500
    for length in (4, 6):
        counts = Counter(item.gold_bin for item in items if item.length == length)
        assert max(counts.values()) - min(counts.values()) <= 1, "cells are even"


def test_places_and_letters_are_spread() -> None:
    items = build_items("core", "balanced", ("substring", "insert_after"), words=scowl(), lengths=(6,))
    starts = Counter(item.arg("i") for item in items if item.task == "substring")
    assert set(starts) == set("01234")
    assert len({item.arg("x") for item in items if item.task == "insert_after"}) > 20


# --- planted bugs -----------------------------------------------------------------------------------------------------


class FirstOnly(DeleteAll):
    """Deletes one copy."""

    def second_gold(self, item: Item) -> str:
        return item.word.replace(item.query_char or "", "", 1)


class OneAfterTheOther(SwapTwo):
    """Replaces c by d and then d by c, so that all become c."""

    def gold(self, item: Item) -> str:
        c, d = item.query_char or "", item.arg("d")
        return item.word.replace(c, d).replace(d, c)


class EndIncluded(Substring):
    """Takes one character too many."""

    def second_gold(self, item: Item) -> str:
        return item.word[int(item.arg("i")) : int(item.arg("j")) + 1]


class FromZero(UpperEveryK):
    """Counts from 0."""

    def second_gold(self, item: Item) -> str:
        return self.heuristics(item)["off-by-one"]


class Present(SubstituteAll):
    """Puts in a character that the word has already."""

    def argument(self, draft: Draft) -> str:
        return next((unit for unit in draft.word.units if unit != draft.candidate), "?")


class Itself(InsertAfter):
    """Puts in the character itself."""

    def argument(self, draft: Draft) -> str:
        return draft.candidate


class Palindromes(Reverse):
    """Takes words that read the same."""

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        return {(len(word.units), 0): ("",)}

    def made(self, draft: Draft, fields: object) -> object:  # type: ignore[override]
        return fields


@pytest.mark.parametrize("planted", [FirstOnly, OneAfterTheOther, EndIncluded, FromZero, Present, Itself, Palindromes])
def test_checks_find_planted_bugs(planted: type[Task]) -> None:
    words = ("banana", "anna", "level")
    with pytest.raises(AssertionError):
        check_all(planted(), (item for word in words for item in items_of(planted(), word, ENGLISH)))
