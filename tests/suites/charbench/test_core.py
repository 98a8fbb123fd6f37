"""The four tasks of the paper: golden answers, a second way to each answer, and cells that hold what they say."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from charbench_items import core_item
from charbench_lists import word_list
from hypothesis import assume, given
from hypothesis import strategies as st

from tokbench.errors import ItemError, UnknownNameError
from tokbench.suites.charbench.item import Item, Word, case_form
from tokbench.suites.charbench.ranking import VERSION
from tokbench.suites.charbench.task import Cell, Draft, Task
from tokbench.suites.charbench.tasks import GROUPS, PAPER, SETS, TASKS, select_tasks
from tokbench.suites.charbench.tasks.core import CountChar, CountUnique, FindFirst, FindLast
from tokbench.suites.charbench.words import units_of

CORE: Mapping[str, Task] = {task.id: task for task in TASKS.values() if task.group == 1}
TEXTS = st.text(st.sampled_from("aabbcdeAéß\u0301\u0308\u1230\u120b\u0928\u094d👩\u200d💻"), min_size=1, max_size=12)
UNITS = st.sampled_from(["codepoint", "grapheme"])


def _item(task: Task, word: Word, unit: str, cell: Cell, candidate: str, number: int = 0) -> Item:
    """The item that the task makes of a word for a cell; letters of the list are those of ``word`` and a-z."""
    pool = word_list([word.text, *("abcdefghijklmnopqrstuvwxyz"[: len(word.units)],)], unit)
    draft = Draft(
        word=word, variant="std", gold=cell[0], rep=cell[1], candidate=candidate, draw=lambda what: number, pool=pool
    )
    fields = task.complete(draft)
    assert fields is not None
    return Item(
        item_id=f"{VERSION}/balanced/{task.id}/std/L{len(word.units)}/0", task=task.id, variant="std",
        gold_profile="balanced", list_name="test", word=word.text, unit=unit, length=len(word.units), level=None,
        case_form=case_form(word.units), answer=fields.answer, answer_type="int", query_char=fields.query_char,
        query_pos=fields.query_pos, gold_index=fields.gold_index, index_base=fields.index_base,
    )  # fmt: skip


def _word(text: str, unit: str) -> Word:
    text = unicodedata.normalize("NFC", text)
    return Word(text, units_of(text, unit))


# --- golden answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "char", "word", "gold"),
    [
        ("count_char", "s", "mississippi", "4"),  # arXiv 2508.02591, table 1
        ("count_unique", "", "balloon", "5"),
        ("find_first", "e", "cheese", "2"),
        ("find_last", "n", "cinnamon", "7"),
        ("find_first", "e", "strawberry", "6"),
        ("count_char", "r", "strawberry", "3"),
        ("count_char", "z", "strawberry", "0"),
        ("count_char", "a", "Anna", "1"),  # case counts
        ("count_unique", "", "Anna", "3"),
    ],
)
def test_golden_answers(task: str, char: str, word: str, gold: str) -> None:
    item = core_item(task, word, char)
    assert (item.answer, CORE[task].gold(item), CORE[task].second_gold(item)) == (gold, gold, gold)


@pytest.mark.parametrize(("task", "gold"), [("find_first_or_minus1", "6"), ("find_last_or_minus1", "6")])
def test_an_absent_character_is_found_at_minus_one(task: str, gold: str) -> None:
    word = _word("strawberry", "codepoint")
    item = _item(CORE[task], word, "codepoint", (-1, 0), "", 5)
    assert item.query_char not in word.units
    assert (item.answer, item.gold_index) == ("-1", None)
    assert (CORE[task].gold(item), CORE[task].second_gold(item)) == ("-1", "-1")
    assert CORE[task].heuristics(item)["sibling"] == "-1"
    present = _item(CORE[task], word, "codepoint", (6, 0), "e")
    assert present.answer == CORE[task].gold(present) == CORE[task].second_gold(present) == gold


# --- laws -------------------------------------------------------------------------------------------------------------


def _check_golds(task: Task, word: Word, unit: str) -> None:
    """Every item of a word has the answer of its cell, in two ways, and asks for a single unit."""
    for (gold, rep), candidates in task.cells(word, "std").items():
        assert len(set(candidates)) == len(candidates) > 0
        for candidate in candidates:
            item = _item(task, word, unit, (gold, rep), candidate)
            assert item.answer == str(gold)
            assert task.gold(item) == item.answer
            assert task.second_gold(item) == item.answer
            if item.query_char is not None:
                assert len(units_of(item.query_char, unit)) == 1
                assert (item.query_char in word.units) == (gold not in {-1, 0} or item.gold_index is not None)
            if item.gold_index is not None:
                assert word.units[item.gold_index] == item.query_char
                assert rep == (word.units.count(word.units[item.gold_index]) > 1)


@pytest.mark.property
@pytest.mark.parametrize("task", CORE.values(), ids=CORE)
@given(text=TEXTS, unit=UNITS)
def test_both_ways_to_an_answer_agree(task: Task, text: str, unit: str) -> None:
    word = _word(text, unit)
    assume(len(word.units) <= 10)
    assume(set("abcdefghijklmnopqrstuvwxyz"[: len(word.units)]) - set(word.units))  # else no unit is absent
    _check_golds(task, word, unit)


@pytest.mark.property
@given(text=TEXTS, unit=UNITS)
def test_the_four_answers_fit_together(text: str, unit: str) -> None:
    word = _word(text, unit)
    total = 0
    for position, char in enumerate(word.units):
        count, unique, first, last = (int(task.at(word, position).answer) for task in PAPER)
        assert first <= position <= last
        assert (count == 1) == (first == last)
        assert 1 <= unique <= len(word.units)
        total += count if position == first else 0
        assert PAPER[0].at(word, position).query_char == char
    assert total == len(word.units)


@pytest.mark.property
@given(text=TEXTS, unit=UNITS)
def test_the_cells_of_a_word_hold_each_of_its_characters_once(text: str, unit: str) -> None:
    word = _word(text, unit)
    appearing = list(dict.fromkeys(word.units))
    for task in PAPER:
        named = [char for candidates in task.cells(word, "std").values() for char in candidates if char]
        assert sorted(named) == ([] if task.id == "count_unique" else sorted(appearing))
    for (gold, _), chars in PAPER[0].cells(word, "std").items():
        if gold:
            assert list(chars) == [char for char in appearing if word.units.count(char) == gold]


class CodePoints(CountUnique):
    """Counts code points, whatever the unit."""

    def gold(self, item: Item) -> str:
        return str(len(set(item.word)))


class AnyCase(CountChar):
    """Takes capitals for small letters."""

    def gold(self, item: Item) -> str:
        return str(item.word.lower().count((item.query_char or "").lower()))


class CellsOfTheOtherEnd(FindLast):
    """Puts words into the cells of the first occurrence."""

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        return FindFirst().cells(word, variant)


class OneBased(FindFirst):
    """Counts from 1."""

    def second_gold(self, item: Item) -> str:
        return str(int(super().second_gold(item)) + 1)


class NoRepeats(FindFirst):
    """Takes no character for repeated."""

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        return {(gold, 0): chars for (gold, _), chars in super().cells(word, variant).items()}


@pytest.mark.parametrize("planted", [CodePoints, AnyCase, CellsOfTheOtherEnd, OneBased, NoRepeats])
def test_the_law_of_answers_finds_a_planted_bug(planted: type[Task]) -> None:
    word = _word("Abaag\u0308g\u0308", "grapheme")
    for task in CORE.values():
        _check_golds(task, word, "grapheme")
    with pytest.raises(AssertionError):
        _check_golds(planted(), word, "grapheme")


@pytest.mark.parametrize("task", ["count_char", "find_first", "find_last"])
@pytest.mark.parametrize("char", ["", "an", "a\u0308", None])
def test_a_query_that_is_not_one_character_is_refused_by_the_name_of_the_item(task: str, char: str | None) -> None:
    item = replace(core_item(task, "banana", "a"), query_char=char)
    with pytest.raises(ItemError, match=rf"item charbench-1/natural/{task}/std/L6/0: .* expected one codepoint"):
        CORE[task].gold(item)
    if char == "a\u0308":
        graphemes = replace(item, word="ba\u0308n", unit="grapheme")
        assert CORE[task].gold(graphemes) == CORE[task].second_gold(graphemes) == "1"


@pytest.mark.parametrize("task", ["find_first", "find_last"])
def test_the_place_of_an_absent_character_is_refused_by_the_name_of_the_item(task: str) -> None:
    item = replace(core_item(task, "banana", "a"), query_char="x")
    with pytest.raises(ItemError, match=rf"{task}/std/L6/0: 'x' does not occur in 'banana', so it has no index"):
        CORE[task].gold(item)


# --- trivial answers, names and sets ----------------------------------------------------------------------------------


def test_trivial_answers() -> None:
    ends = {"0": "0", "1": "1", "len-1": "7", "len": "8"}
    assert CORE["count_char"].heuristics(core_item("count_char", "cinnamon", "n")) == ends
    assert CORE["count_unique"].heuristics(core_item("count_unique", "cinnamon")) == ends
    assert CORE["find_first"].heuristics(core_item("find_first", "cinnamon", "n")) == {**ends, "sibling": "7"}
    assert CORE["find_last"].heuristics(core_item("find_last", "cinnamon", "n")) == {**ends, "sibling": "2"}


def test_sets_of_tasks() -> None:
    assert [task.id for task in select_tasks(["paper"])] == ["count_char", "count_unique", "find_first", "find_last"]
    assert select_tasks(["find_last", "count_char", "find_last"]) == (PAPER[0], PAPER[3])
    assert set(SETS["all"]) == set(TASKS.values())
    assert {task.group for task in SETS["standard"]} <= {1, 2, 3}
    assert set(PAPER) <= set(SETS["standard"])
    for name in ("find_first_or_minus1", "find_last_or_minus1"):
        assert TASKS[name] not in {*SETS["paper"], *SETS["standard"]}
        assert select_tasks([name]) == (TASKS[name],)
    assert sorted(task.id for tasks in GROUPS.values() for task in tasks) == sorted(TASKS)


def test_an_unknown_task_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'count_chars': expected one of paper.*count_char"):
        select_tasks(["paper", "count_chars"])
