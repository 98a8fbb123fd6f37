"""Group 5: choices between words, edit distances, common prefixes, and the look-up of other words."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from charbench_lists import scowl, word_list
from charbench_tasks import (
    ACCENTED,
    CLUSTERED,
    ENGLISH,
    by_hand,
    check,
    check_all,
    distance,
    drafted,
    drawing,
    items_of,
)
from hypothesis import given
from hypothesis import strategies as st

from tokbench.suites.charbench.item import Fields, Item, Word
from tokbench.suites.charbench.items import build_items
from tokbench.suites.charbench.task import Draft, Task
from tokbench.suites.charbench.tasks import TASKS, _lookup
from tokbench.suites.charbench.tasks._lookup import Index, Units, index_of, levenshtein, some_word
from tokbench.suites.charbench.tasks.compare import (
    CommonPrefixLen,
    EndsWith,
    MoreLetters,
    MostOfLetter,
    OrthNearest,
    StartsWith,
    _distance,
)
from tokbench.suites.charbench.words import units_of

NAMES = ("more_letters", "most_of_letter", "starts_with", "ends_with", "orth_nearest", "common_prefix_len")
TEXTS = st.text(st.sampled_from("abcé"), max_size=7)
TEXT_LISTS = st.lists(st.text(st.sampled_from("abc"), min_size=4, max_size=4), min_size=1, max_size=12, unique=True)


@pytest.mark.parametrize(
    ("task", "word", "char", "args", "choices", "gold"),
    [
        ("more_letters", "cat", None, {}, ("cat", "cats"), "cats"),
        ("more_letters", "cat", None, {}, ("strawberry", "cat"), "strawberry"),
        ("more_letters", "über", None, {}, ("über", "sah"), "über"),
        ("more_letters", "iiii", None, {}, ("www", "iiii"), "iiii"),
        ("most_of_letter", "banana", "a", {}, ("cabana"[:5], "banana", "otter", "noon"), "banana"),
        ("most_of_letter", "moon", "o", {}, ("boat", "coat", "moon", "root"[:2]), "moon"),
        ("most_of_letter", "Anna", "A", {}, ("anna", "Anna", "nana", "naan"), "Anna"),
        ("most_of_letter", "été", "é", {}, ("ete", "tee", "thé", "été"), "été"),
        ("starts_with", "stack", None, {"affix": "st"}, ("tacks", "casts", "stack", "toast"), "stack"),
        ("starts_with", "acted", None, {"affix": "a"}, ("acted", "cater", "tacks", "llama"), "acted"),
        ("starts_with", "Anna", None, {"affix": "A"}, ("anna", "Anna", "aAnn", "nAna"), "Anna"),
        ("starts_with", "anan", None, {"affix": "ana"}, ("nana", "naan", "anan", "nnan"), "anan"),
        ("ends_with", "stack", None, {"affix": "ck"}, ("tacks", "ckast", "stack", "toast"), "stack"),
        ("ends_with", "cater", None, {"affix": "r"}, ("trace", "crate", "react", "cater"), "cater"),
        ("ends_with", "été", None, {"affix": "é"}, ("ete", "éte", "été", "tée"), "été"),
        ("ends_with", "anan", None, {"affix": "nan"}, ("nana", "naan", "anan", "nann"), "anan"),
        ("orth_nearest", "cat", None, {}, ("cats", "dogs"), "cats"),
        ("orth_nearest", "kitten", None, {}, ("banana", "sitting"), "sitting"),
        ("orth_nearest", "stack", None, {}, ("tacks", "noisy"), "tacks"),
        ("orth_nearest", "été", None, {}, ("ete", "étés"), "étés"),
        ("common_prefix_len", "stack", None, {"other": "stab"}, (), "3"),
        ("common_prefix_len", "stack", None, {"other": "tack"}, (), "0"),
        ("common_prefix_len", "able", None, {"other": "ables"}, (), "4"),
        ("common_prefix_len", "ables", None, {"other": "able"}, (), "4"),
        ("common_prefix_len", "Anna", None, {"other": "anna"}, (), "0"),
        ("common_prefix_len", "élève", None, {"other": "élan"}, (), "2"),
    ],
)
def test_golden_answers(
    task: str, word: str, char: str | None, args: dict[str, str], choices: tuple[str, ...], gold: str
) -> None:
    item = by_hand(TASKS[task], word, char, choices=choices, **args)
    assert (TASKS[task].gold(item), TASKS[task].second_gold(item)) == (gold, gold)


@pytest.mark.parametrize(
    ("task", "char", "args", "choices", "gold"),
    [
        ("more_letters", None, {}, ("g\u0308g\u0308", "abc"), "abc"),
        ("most_of_letter", "g", {}, ("g\u0308g\u0308", "ga", "ab", "bb"), "ga"),
        ("starts_with", None, {"affix": "g"}, ("g\u0308a", "ga", "ag", "bg"), "ga"),
        ("ends_with", None, {"affix": "g\u0308"}, ("ag", "ag\u0308", "g\u0308a", "bg"), "ag\u0308"),
        ("orth_nearest", None, {}, ("g\u0308a", "bbbb"), "g\u0308a"),
        ("common_prefix_len", None, {"other": "gab"}, (), "0"),
        ("common_prefix_len", None, {"other": "g\u0308ab"}, (), "2"),
    ],
)
def test_characters_may_be_clusters(
    task: str, char: str | None, args: dict[str, str], choices: tuple[str, ...], gold: str
) -> None:
    item = by_hand(TASKS[task], "g\u0308ac", char, unit="grapheme", choices=choices, **args)
    assert (TASKS[task].gold(item), TASKS[task].second_gold(item)) == (gold, gold)


@pytest.mark.parametrize("task", NAMES)
@pytest.mark.parametrize(
    ("words", "unit"),
    [(ENGLISH, "codepoint"), (ACCENTED, "codepoint"), (ACCENTED, "grapheme"), (CLUSTERED, "grapheme")],
)
def test_every_item_of_a_word_is_what_its_cell_says(task: str, words: list[str], unit: str) -> None:
    items = (item for word in words for seed in range(3) for item in items_of(TASKS[task], word, words, unit, seed))
    assert check_all(TASKS[task], items)


def test_a_list_without_other_words_gives_nothing() -> None:
    for name in NAMES:
        assert list(items_of(TASKS[name], "cat", [])) == []
    assert list(items_of(StartsWith(), "a", ["b", "c", "d", "e"])) == []
    assert {item.answer for item in items_of(CommonPrefixLen(), "cat", ["cats"])} == {"3"}


def test_trivial_answers() -> None:
    def said(task: str, word: str, *choices: str) -> object:
        return TASKS[task].heuristics(by_hand(TASKS[task], word, choices=choices))

    assert said("more_letters", "cat", "cat", "cats") == {"first": "cat", "second": "cats"}
    places = {"A": "otter", "B": "stack", "C": "books", "D": "tacks"}
    assert said("most_of_letter", "otter", *places.values()) == {**places, "longest": "otter"}
    assert said("starts_with", "cat", "cat", "act", "tacks", "stack")["longest"] == "tacks"  # type: ignore[index]
    assert said("orth_nearest", "stack", "tacks", "seed") == {
        "first": "tacks", "second": "seed", "equal-length": "tacks", "same-first-letter": "seed",
    }  # fmt: skip
    assert said("orth_nearest", "cat", "stack", "otter") == {
        "first": "stack", "second": "otter", "equal-length": "stack", "same-first-letter": "stack",
    }  # fmt: skip
    assert TASKS["common_prefix_len"].heuristics(by_hand(CommonPrefixLen(), "cat", other="cats")) == {}


# --- on the built-in list ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def items() -> dict[str, list[Item]]:
    """250 items of each task and two lengths."""
    built = build_items("core", "balanced", NAMES, words=scowl(), lengths=(4, 8))
    return {name: [item for item in built if item.task == name] for name in NAMES}


@pytest.mark.parametrize("task", NAMES)
def test_items_of_the_list(task: str, items: dict[str, list[Item]]) -> None:
    assert len(items[task]) == 500
    for item in items[task]:
        check(TASKS[task], item)
        shown = item.choices or (item.arg("other"),)
        assert all(text in scowl() for text in shown)
    for length in (4, 8):
        counts = Counter(item.gold_bin for item in items[task] if item.length == length)
        assert max(counts.values()) - min(counts.values()) <= 1, "cells are even"
        if task == "most_of_letter":
            assert sum(item.rep for item in items[task] if item.length == length) == 125


def test_longer_words_are_shown_first_as_often_as_second(items: dict[str, list[Item]]) -> None:
    first = sum(item.answer == item.choices[0] for item in items["more_letters"])
    assert abs(first - 250) <= 2
    # a gap of 1 or 2 from length 8 leads to longer words and to shorter ones; one of 3 to shorter ones only
    both = [item for item in items["more_letters"] if item.length == 8 and item.gold_bin[0] in "12"]
    assert 0.4 < sum(item.answer == item.word for item in both) / len(both) < 0.6
    assert {len(set(map(len, item.choices))) for item in items["more_letters"]} == {2}
    wide = [item for item in items["more_letters"] if item.length == 4 and item.gold_bin[0] == "3"]
    assert {max(map(len, item.choices)) for item in wide} == {7, 8, 9, 10}


def test_one_wrong_option_holds_the_letter_almost_as_often(items: dict[str, list[Item]]) -> None:
    repeated = [item for item in items["most_of_letter"] if item.rep]
    assert repeated
    near = 0
    for item in repeated:
        counts = sorted(text.count(item.query_char or "") for text in item.choices)
        near += counts[-2] == counts[-1] - 1
    assert near == len(repeated)


@pytest.mark.parametrize("task", ["starts_with", "ends_with"])
def test_wrong_options_hold_the_affix_elsewhere_if_any_word_does(task: str, items: dict[str, list[Item]]) -> None:
    short = 0
    for item in items[task]:
        affix = item.arg("affix")
        wrong = [text for text in item.choices if text != item.word]
        holding = [text for text in wrong if affix in text]
        if len(holding) < 3:
            short += 1
            there = [
                word.text
                for word in scowl().of_length(item.length)
                if affix in word.text
                and not (word.text.startswith if task == "starts_with" else word.text.endswith)(affix)
            ]
            assert sorted(holding) == sorted(there)
    assert short < 0.4 * len(items[task])
    assert {len(item.arg("affix")) for item in items[task]} == {1, 2, 3}


def test_neither_length_nor_first_letter_gives_the_nearest_away(items: dict[str, list[Item]]) -> None:
    nearest = items["orth_nearest"]
    for name in ("first", "second", "equal-length", "same-first-letter"):
        right = sum(OrthNearest().heuristics(item)[name] == item.answer for item in nearest)
        assert 0.4 < right / len(nearest) < 0.65, name


# --- looking up other words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("ab", "ba", 2), ("flaw", "lawn", 2)],
)
def test_known_distances(one: str, other: str, wanted: int) -> None:
    assert levenshtein(one, other) == _distance(tuple(one), tuple(other)) == distance(one, other) == wanted


@pytest.mark.property
@given(one=TEXTS, other=TEXTS, third=TEXTS)
def test_distances_are_distances(one: str, other: str, third: str) -> None:
    found = levenshtein(one, other)
    assert found == _distance(tuple(one), tuple(other)) == distance(one, other)
    assert found == levenshtein(other, one)
    assert (found == 0) == (one == other)
    assert found <= levenshtein(one, third) + levenshtein(third, other)


def _index(texts: Sequence[str]) -> Index:
    return Index([Word(text, tuple(text)) for text in sorted(texts)])


@pytest.mark.property
@given(texts=TEXT_LISTS, affix=st.text(st.sampled_from("abc"), min_size=1, max_size=3), number=st.integers(0, 2**64))
def test_words_that_hold_an_affix_elsewhere_are_all_found(texts: list[str], affix: str, number: int) -> None:
    index = _index(texts)
    found = {"".join(units) for units in index.elsewhere(tuple(affix), number, at_end=False)}
    assert found == {text for text in texts if affix in text and not text.startswith(affix)}
    found = {"".join(units) for units in index.elsewhere(tuple(affix), number, at_end=True)}
    assert found == {text for text in texts if affix in text and not text.endswith(affix)}


def test_affixes_are_made_of_whole_characters() -> None:
    words = [Word(text, units_of(text, "grapheme")) for text in ("ag\u0308b", "bga", "gab", "abg")]
    index = Index(words)
    assert set(index.elsewhere(("g",), 5, at_end=False)) == {tuple("bga"), tuple("abg")}
    assert set(index.elsewhere(("g\u0308",), 5, at_end=False)) == {("a", "g\u0308", "b")}


@pytest.mark.property
@given(texts=TEXT_LISTS, size=st.integers(0, 4), word=st.text(st.sampled_from("abc"), min_size=3, max_size=5))
def test_words_that_share_a_beginning_are_all_found(texts: list[str], size: int, word: str) -> None:
    index = _index(texts)
    size = min(size, len(word))
    before, behind = index.sharing(tuple(word), size)
    found = ["".join(index.forwards[place]) for place in (*before, *behind)]
    more = [text for text in texts if text[: size + 1] == word[: size + 1] and size < len(word)]
    assert sorted(found) == sorted(text for text in texts if text[:size] == word[:size] and text not in more)


@pytest.mark.property
@given(texts=TEXT_LISTS, char=st.sampled_from("abc"), count=st.integers(1, 5))
def test_words_with_a_count_are_all_found(texts: list[str], char: str, count: int) -> None:
    index = _index(texts)
    found = ["".join(index.words[place]) for place in index.with_count(char, count)]
    assert found == [text for text in sorted(texts) if text.count(char) == count]


def test_neighbours_in_a_circle() -> None:
    index = _index(["acts", "cats", "cots", "dots", "taco"])
    assert index.near(tuple("cats"), 1, at_end=False) == tuple("cots")
    assert index.near(tuple("cats"), -1, at_end=False) == tuple("acts")
    assert index.near(tuple("taco"), 1, at_end=False) == tuple("acts")
    assert index.near(tuple("cots"), 1, at_end=True) == tuple("dots")
    assert index.near(tuple("taco"), 0, at_end=True) == tuple("taco")


def test_an_index_is_built_once_and_goes_with_its_list(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    class Counting(Index):
        def __init__(self, words: Sequence[Word]) -> None:
            built.append(len(words))
            super().__init__(words)

    monkeypatch.setattr(_lookup, "Index", Counting)
    pool = word_list(ENGLISH)
    assert index_of(pool, 5) is index_of(pool, 5)
    assert index_of(pool, 5) is not index_of(pool, 4)
    assert built == [len(pool.of_length(5)), len(pool.of_length(4))]
    gone = weakref.ref(pool)
    del pool
    gc.collect()
    assert gone() is None


def test_drawing_ends() -> None:
    words: list[Units] = [("a",), ("b",)]
    assert some_word(words, drawing(), "x", lambda units: units == ("b",)) == ("b",)
    assert some_word(words, drawing(), "x", lambda units: False) is None
    assert some_word([], drawing(), "x", lambda units: True) is None


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_list_changes_no_item(name: str) -> None:
    pools = (word_list(ENGLISH), word_list(ENGLISH[::-1]))
    made: list[list[Item | None]] = [[], []]
    for text in ENGLISH:
        word = Word(text, tuple(text))
        for cell, candidates in TASKS[name].cells(word, "std").items():
            for items, pool in zip(made, pools, strict=True):
                items.append(drafted(TASKS[name], word, cell, candidates[0], pool))
    assert made[0] == made[1]
    assert any(made[0])


# --- planted bugs -----------------------------------------------------------------------------------------------------


class Shorter(MoreLetters):
    """Names the shorter word."""

    def second_gold(self, item: Item) -> str:
        return min(item.choices, key=len)


class Ties(MostOfLetter):
    """Takes options that hold the letter as often."""

    def complete(self, draft: Draft) -> Fields | None:
        fields = super().complete(draft)
        if fields is None:
            return None
        wrong = [text for text in fields.choices if text != fields.answer]
        wrong[0] = draft.word.text[::-1]
        place = int(draft.gold)
        return Fields(
            answer=fields.answer, query_char=fields.query_char, choices=(*wrong[:place], fields.answer, *wrong[place:])
        )


class AnyOption(StartsWith):
    """Takes options that begin with the affix, too."""

    def _has(self, units: Units, affix: Units) -> bool:
        return False

    def gold(self, item: Item) -> str:
        return item.word


class Elsewhere(EndsWith):
    """Looks for the affix anywhere."""

    def gold(self, item: Item) -> str:
        return next(text for text in item.choices if item.arg("affix") in text)


class GapOne(OrthNearest):
    """Counts places that differ, which is no edit distance."""

    def gold(self, item: Item) -> str:
        def differing(text: str) -> int:
            return sum(one != other for one, other in zip(item.word, text, strict=False))

        return min(item.choices, key=differing)


class OneTooMany(CommonPrefixLen):
    """Counts the first difference."""

    def second_gold(self, item: Item) -> str:
        return str(int(super().second_gold(item)) + 1)


class WrongPlace(MoreLetters):
    """Ignores the place that the cell asks for."""

    def two(self, right: Units, wrong: Units, place: int) -> Fields:
        return super().two(right, wrong, 0)


def _some(task: Task) -> Iterator[Item]:
    for word in ("banana", "stack", "union", "seed"):
        for seed in range(4):
            yield from items_of(task, word, ENGLISH, seed=seed)


@pytest.mark.parametrize("planted", [Shorter, Ties, AnyOption, Elsewhere, GapOne, OneTooMany, WrongPlace])
def test_checks_find_planted_bugs(planted: type[Task]) -> None:
    assert any(_some(planted()))
    with pytest.raises(AssertionError):
        check_all(planted(), _some(planted()))
