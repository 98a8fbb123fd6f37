"""Laws of the questions of groups 2 to 7 of the suite ``charbench``, for any word and both units.

- an item has one right answer, found in two ways, and is what its cell says
- edits change the word, and undo each other: reverse and exchange twice, unspell what was spelled
- deleting shortens by the number of copies, inserting lengthens by it
- first <= last; a count of 1 is where both meet; counts of distinct characters add up to the length
- every wording can be filled, with the word where it says it is
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from charbench_lists import word_list
from charbench_tasks import ACCENTED, CLUSTERED, ENGLISH, by_hand, check, check_all, drafted, items_of
from hypothesis import assume, given
from hypothesis import strategies as st

from tokbench.errors import SuiteDefinitionError
from tokbench.suites.charbench import prompts
from tokbench.suites.charbench.item import Item, Word
from tokbench.suites.charbench.prompts import render
from tokbench.suites.charbench.task import Task
from tokbench.suites.charbench.tasks import TASKS
from tokbench.suites.charbench.tasks.compare import OrthNearest
from tokbench.suites.charbench.tasks.controls import RANDOM_LETTERS, RandFindFirst
from tokbench.suites.charbench.tasks.edit import InsertAfter, Reverse, SwapTwo
from tokbench.suites.charbench.words import units_of

pytestmark = pytest.mark.property

OURS = {name: task for name, task in TASKS.items() if task.group in {2, 3, 4, 5, 7}}
LISTS = {"ascii": ENGLISH, "accented": ACCENTED, "clusters": CLUSTERED}
LETTERS = {
    "ascii": st.sampled_from("aabcdeknorstAB"),
    "accented": st.sampled_from("aeéèöüßñÉÖ"),
    "clusters": st.sampled_from(["g", "g\u0308", "e\u0331", "x\u0301", "न", "ते", "स्ते", "की", "a"]),
}
SEEDS = st.integers(0, 2**32)


@st.composite
def words(draw: st.DrawFn, least: int = 2) -> tuple[str, str, Sequence[str]]:
    """A word, its unit, and the other words of its list."""
    kind = draw(st.sampled_from(sorted(LISTS)))
    text = unicodedata.normalize("NFC", "".join(draw(st.lists(LETTERS[kind], min_size=least, max_size=9))))
    unit = "grapheme" if kind == "clusters" else draw(st.sampled_from(["codepoint", "grapheme"]))
    return text, unit, LISTS[kind]


def _units(item: Item) -> tuple[str, ...]:
    return units_of(item.word, item.unit)


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
@given(word=words(), seed=SEEDS)
def test_items_have_one_answer_found_in_two_ways(name: str, word: tuple[str, str, Sequence[str]], seed: int) -> None:
    text, unit, others = word
    check_all(OURS[name], items_of(OURS[name], text, others, unit, seed))


@pytest.mark.parametrize("name", ["rand", "twin"])
@given(word=words(), seed=SEEDS)
def test_the_four_answers_fit_together(name: str, word: tuple[str, str, Sequence[str]], seed: int) -> None:
    text, unit, others = word
    tasks = [TASKS[f"{name}_{base}"] for base in ("count_char", "count_unique", "find_first", "find_last")]
    item = next(items_of(tasks[1], text, others, unit, seed), None)
    assume(item is not None)
    assert item is not None
    things = item.arg("text") if name == "rand" else item.arg("list").split(", ")
    total = 0
    for thing in dict.fromkeys(things):
        asked = (
            replace(item, query_char=thing) if name == "rand" else replace(item, args=(*item.args, ("query", thing)))
        )
        count, first, last = (int(task.gold(asked)) for task in (tasks[0], *tasks[2:]))
        assert first <= last
        assert (count == 1) == (first == last)
        assert things[first] == things[last] == thing
        total += count
    assert total == item.length == len(things)
    assert int(tasks[1].gold(item)) == len(set(things)) <= item.length


# --- edits ------------------------------------------------------------------------------------------------------------


def _again(task: Task, item: Item) -> str:
    """The same edit of its own answer."""
    return task.gold(replace(item, word=item.answer))


@given(word=words(), seed=SEEDS)
def test_edits_change_the_word(word: tuple[str, str, Sequence[str]], seed: int) -> None:
    text, unit, others = word
    for task in OURS.values():
        if task.group == 4:
            for item in items_of(task, text, others, unit, seed):
                assert unicodedata.normalize("NFC", item.answer) != item.word
                assert task.heuristics(item)["echo"] != item.answer


@given(word=words(), seed=SEEDS)
def test_reversing_twice_gives_the_word(word: tuple[str, str, Sequence[str]], seed: int) -> None:
    text, unit, others = word
    for item in items_of(Reverse(), text, others, unit, seed):
        assert _again(Reverse(), item) == item.word


@given(word=words(), seed=SEEDS)
def test_exchanging_twice_gives_the_word(word: tuple[str, str, Sequence[str]], seed: int) -> None:
    text, unit, others = word
    for item in items_of(SwapTwo(), text, others, unit, seed):
        assert _again(SwapTwo(), item) == item.word


@given(word=words())
def test_unspelling_a_spelling_gives_the_word(word: tuple[str, str, Sequence[str]]) -> None:
    text, unit, _ = word
    spelled = TASKS["spell"].gold(by_hand(TASKS["spell"], text, unit=unit))
    assert TASKS["unspell"].gold(by_hand(TASKS["unspell"], text, unit=unit, letters=spelled)) == text
    assert spelled.split(" ") == list(units_of(text, unit))


@given(word=words(), seed=SEEDS)
def test_sizes_change_by_the_number_of_copies(word: tuple[str, str, Sequence[str]], seed: int) -> None:
    text, unit, others = word
    for name, sign in (("delete_all", -1), ("insert_after", 1)):
        for item in items_of(OURS[name], text, others, unit, seed):
            copies = _units(item).count(item.query_char or "")
            changed = item.query_char if sign < 0 else item.arg("x")
            assert len(item.answer) == len(item.word) + sign * copies * len(changed or "")
    for item in items_of(OURS["delete_at"], text, others, unit, seed):
        removed = _units(item)[int(item.arg("k"))]
        assert len(item.answer) == len(item.word) - len(removed)
    for name in ("substitute_all", "swap_two", "reverse"):
        for item in items_of(OURS[name], text, others, unit, seed):
            assert name != "reverse" or sorted(item.answer) == sorted(item.word)
            assert name != "substitute_all" or item.query_char not in units_of(item.answer, item.unit)


# --- wordings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt_id", ["plain", "plain-b", "plain-c"])
@given(word=words(), seed=SEEDS)
def test_every_wording_can_be_filled(prompt_id: str, word: tuple[str, str, Sequence[str]], seed: int) -> None:
    text, unit, others = word
    for task in OURS.values():
        for item in items_of(task, text, others, unit, seed):
            rendered = render(item, prompt_id)
            shown = rendered.text.encode()[rendered.word_start : rendered.word_end].decode()
            assert shown in {item.word, ""}
            assert "{" not in rendered.text
            for _, value in item.args:
                assert value in rendered.text
            assert all(f"'{choice}'" in rendered.text for choice in item.choices)
            assert item.query_char is None or f"'{item.query_char}'" in rendered.text


# --- planted bugs -----------------------------------------------------------------------------------------------------


class CodePoints(Reverse):
    """Reverses code points, whatever the unit."""

    def gold(self, item: Item) -> str:
        return item.word[::-1]


class ByText(InsertAfter):
    """Searches the text, where a character may be part of another one."""

    def gold(self, item: Item) -> str:
        char = item.query_char or ""
        return item.word.replace(char, char + item.arg("x"))


class ByLength(OrthNearest):
    """Takes the word whose length is nearer."""

    def gold(self, item: Item) -> str:
        return min(item.choices, key=lambda text: abs(len(text) - len(item.word)))


class LastPlace(RandFindFirst):
    """Finds the last place."""

    def second_gold(self, item: Item) -> str:
        return str(item.arg("text").rindex(item.query_char or ""))


def _some(task: Task) -> Iterator[Item]:
    for others in (ENGLISH, CLUSTERED):
        for text in others:
            for seed in range(3):
                yield from items_of(task, text, others, "grapheme", seed)


@pytest.mark.parametrize("planted", [CodePoints, ByText, ByLength, LastPlace])
def test_the_law_of_answers_finds_planted_bugs(planted: type[Task]) -> None:
    with pytest.raises(AssertionError):
        check_all(planted(), _some(planted()))


def test_a_wording_with_an_argument_that_no_item_has_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    item = next(items_of(OURS["delete_at"], "stack", ENGLISH))
    render(item)
    prompts._template.cache_clear()
    monkeypatch.setattr(prompts, "question", lambda task, variant, wording: "Delete {place} of {word}.")
    try:
        with pytest.raises(SuiteDefinitionError, match=r"delete_at: \{place\} is nothing that the item has"):
            render(item)
    finally:
        prompts._template.cache_clear()


def test_random_strings_depend_on_the_draw_alone() -> None:
    made = [
        drafted(RandFindFirst(), Word(text, tuple(text)), (5, 0), "", word_list([text])) for text in ("stack", "union")
    ]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0].args == made[1].args
    assert set(made[0].arg("text")) <= set(RANDOM_LETTERS)
    check(RandFindFirst(), made[0])
