"""Group 3, composition: a word to its characters and back. One cell a length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tokbench.suites.charbench.item import AnswerType, Fields, Item, Word
from tokbench.suites.charbench.task import Cell, Draft, Task
from tokbench.suites.charbench.tasks._shared import every_cell, joined, units_in

__all__ = ["TASKS", "Spell", "Unspell"]


class _Composition(Task):
    group: ClassVar[int] = 3
    answer_type: ClassVar[AnswerType] = "str"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell a length; none for a single character, which is its own spelling."""
        return every_cell((len(word.units),)) if len(word.units) > 1 else {}


class Spell(_Composition):
    """The characters of a word, a space between each two."""

    id = "spell"

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        return Fields(answer=" ".join(draft.word.units))

    def gold(self, item: Item) -> str:
        """The units joined by spaces."""
        return " ".join(units_in(item))

    def second_gold(self, item: Item) -> str:
        """A space behind each unit, but for the last."""
        return joined(f"{unit} " for unit in units_in(item))[:-1]

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """What the question shows."""
        return {"echo": item.word}


class Unspell(_Composition):
    """The word whose characters are given, a space between each two; the question does not show the word itself."""

    id = "unspell"

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        return Fields(answer=draft.word.text, args=(("letters", " ".join(draft.word.units)),))

    def gold(self, item: Item) -> str:
        """The given characters without the spaces."""
        return item.arg("letters").replace(" ", "")

    def second_gold(self, item: Item) -> str:
        """The word."""
        return item.word

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """What the question shows."""
        return {"echo": item.arg("letters")}


TASKS: tuple[Task, ...] = (Spell(), Unspell())
"""Group 3."""
