"""Group 3: spelling a word, and putting it together again."""

from __future__ import annotations

import pytest
from charbench_lists import scowl
from charbench_tasks import ACCENTED, CLUSTERED, ENGLISH, by_hand, check, check_all, items_of

from tokbench.models.completion import Completion
from tokbench.suites.charbench.grading import grade
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.items import build_items
from tokbench.suites.charbench.prompts import render
from tokbench.suites.charbench.task import Task
from tokbench.suites.charbench.tasks import TASKS
from tokbench.suites.charbench.tasks.composition import Spell, Unspell


@pytest.mark.parametrize(
    ("word", "unit", "spelled"),
    [
        ("cat", "codepoint", "c a t"),
        ("balloon", "codepoint", "b a l l o o n"),
        ("Öl", "codepoint", "Ö l"),
        ("été", "grapheme", "é t é"),
        ("g\u0308ag\u0308", "grapheme", "g\u0308 a g\u0308"),
        ("नमस्ते", "grapheme", "न म स्ते"),
    ],
)
def test_golden_answers(word: str, unit: str, spelled: str) -> None:
    spell = by_hand(Spell(), word, unit=unit)
    assert (Spell().gold(spell), Spell().second_gold(spell)) == (spelled, spelled)
    unspell = by_hand(Unspell(), word, unit=unit, letters=spelled)
    assert (Unspell().gold(unspell), Unspell().second_gold(unspell)) == (word, word)


@pytest.mark.parametrize("task", ["spell", "unspell"])
@pytest.mark.parametrize(
    ("words", "unit"),
    [(ENGLISH, "codepoint"), (ACCENTED, "codepoint"), (ACCENTED, "grapheme"), (CLUSTERED, "grapheme")],
)
def test_every_word_gives_one_item(task: str, words: list[str], unit: str) -> None:
    for word in words:
        (item,) = items_of(TASKS[task], word, words, unit)
        check(TASKS[task], item)
        assert item.gold_bin == str(item.length)


def test_a_single_character_is_its_own_spelling() -> None:
    assert list(items_of(Spell(), "a", ENGLISH)) == list(items_of(Unspell(), "a", ENGLISH)) == []


def test_echoes_do_not_score() -> None:
    for item in build_items("smoke", "balanced", ("spell", "unspell"), words=scowl(), lengths=(4,)):
        echo = TASKS[item.task].heuristics(item)["echo"]
        graded = grade(item, Completion(text=echo, finish_reason="stop"))
        assert not graded.correct_strict
        assert not graded.correct_lenient
        assert echo in render(item).text


def test_the_word_is_not_shown_where_it_is_asked_for() -> None:
    for item in build_items("smoke", "balanced", ("unspell",), words=scowl(), lengths=(4, 10)):
        for prompt_id in ("plain", "plain-b", "plain-c"):
            rendered = render(item, prompt_id)
            assert item.word not in rendered.text
            assert (rendered.word_start, rendered.word_end) == (0, 0)


@pytest.mark.parametrize("task", ["spell", "unspell"])
def test_items_of_the_list(task: str) -> None:
    items = build_items("core", "balanced", (task,), words=scowl(), lengths=(4, 6))
    assert check_all(TASKS[task], items) == 500


class CodePoints(Spell):
    """Spells code points, whatever the unit."""

    def second_gold(self, item: Item) -> str:
        return " ".join(item.word)


class KeepsSpaces(Unspell):
    """Takes the first space away only."""

    def gold(self, item: Item) -> str:
        return item.arg("letters").replace(" ", "", 1)


@pytest.mark.parametrize("planted", [CodePoints, KeepsSpaces])
def test_checks_find_planted_bugs(planted: type[Task]) -> None:
    with pytest.raises(AssertionError):
        check_all(planted(), items_of(planted(), "bag\u0308ag\u0308", CLUSTERED, "grapheme"))
