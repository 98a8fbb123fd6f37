"""Group 2, access: how long a word is, what stands at a place, whether and where a character is.

Cells: ``length`` has one a length. ``nth_char`` has one for each place (0-based, whatever the question counts from).
``contains_char`` has ``yes`` and ``no``. ``first_letter`` and ``last_letter`` have one for each letter: the selection
fills them evenly, so that a letter is right on one item in as many as there are letters with 50 words or more.
``nth_occurrence`` has one for each occurrence number, place, and whether the character comes again behind it, ``2@5``
or ``2@5+``: without the last, nine in ten would be questions for the last occurrence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import ClassVar

from tokbench.suites.charbench.item import AnswerType, Fields, Item, Word
from tokbench.suites.charbench.task import Cell, Draft, Task
from tokbench.suites.charbench.tasks._shared import every_cell, queried, units_in

__all__ = ["TASKS", "ContainsChar", "FirstLetter", "LastLetter", "Length", "NthChar", "NthOccurrence"]

_OCCURRENCES = (2, 3)
_AGAIN = "+"


class _Access(Task):
    group: ClassVar[int] = 2


class Length(_Access):
    """How many characters a word has."""

    id = "length"
    answer_type: ClassVar[AnswerType] = "int"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell a length."""
        return every_cell((len(word.units),))

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        return Fields(answer=str(len(draft.word.units)))

    def gold(self, item: Item) -> str:
        """Number of units."""
        return str(len(units_in(item)))

    def second_gold(self, item: Item) -> str:
        """The same, one by one."""
        return str(sum(1 for _ in units_in(item)))


class NthChar(_Access):
    """Which character stands at a place, counted from 0, from 1, or from the end (the last is number 1)."""

    id = "nth_char"
    answer_type: ClassVar[AnswerType] = "str"
    variants: ClassVar[tuple[str, ...]] = ("base0", "base1", "from_end")

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each place."""
        return every_cell(tuple(range(len(word.units))))

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        units, place = draft.word.units, int(draft.gold)
        asked = {"base0": place, "base1": place + 1, "from_end": len(units) - place}[draft.variant]
        return Fields(
            answer=units[place], query_pos=place, args=(("k", str(asked)),), gold_index=place,
            index_base=int(draft.variant != "base0"),
        )  # fmt: skip

    def gold(self, item: Item) -> str:
        """The unit, found by its index."""
        k = int(item.arg("k"))
        return units_in(item)[{"base0": k, "base1": k - 1, "from_end": -k}[item.variant]]

    def second_gold(self, item: Item) -> str:
        """The unit that is left after all before it were passed."""
        units = units_in(item)
        k = int(item.arg("k"))
        ordered = iter(units[::-1] if item.variant == "from_end" else units)
        return next(islice(ordered, k if item.variant == "base0" else k - 1, None))

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """The ends, and the place with the same number for a reader who counts from the other base."""
        units, k = units_in(item), int(item.arg("k"))
        read = {"base0": k - 1, "base1": k, "from_end": len(units) - 1 - k}[item.variant]
        off = units[read] if 0 <= read < len(units) else ""
        return {"first": units[0], "last": units[-1], "off-by-one": off}


class ContainsChar(_Access):
    """Whether a character occurs in a word."""

    id = "contains_char"
    answer_type: ClassVar[AnswerType] = "bool"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """``yes`` with every character of the word, and ``no`` for an absent one."""
        return {("yes", 0): tuple(dict.fromkeys(word.units)), ("no", 0): ("",)}

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`; an absent character is drawn by its weight."""
        if draft.gold == "yes":
            return Fields(answer="yes", query_char=draft.candidate)
        return Fields(answer="no", query_char=draft.pool.absent(draft.word, draft.draw("absent")))

    def gold(self, item: Item) -> str:
        """By membership."""
        return "yes" if queried(item) in units_in(item) else "no"

    def second_gold(self, item: Item) -> str:
        """By comparing with each unit."""
        return "yes" if any(map(queried(item).__eq__, units_in(item))) else "no"

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """Both answers."""
        return {"yes": "yes", "no": "no"}


class _End(_Access):
    """The letter at one end of a word. "Most frequent letter" is the best constant, which the baselines add."""

    answer_type: ClassVar[AnswerType] = "str"
    last: ClassVar[bool] = False

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell a letter."""
        return every_cell((word.units[-1 if self.last else 0],))

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        place = len(draft.word.units) - 1 if self.last else 0
        return Fields(answer=draft.word.units[place], query_pos=place, gold_index=place)

    def gold(self, item: Item) -> str:
        """The unit at the end."""
        return units_in(item)[-1 if self.last else 0]

    def second_gold(self, item: Item) -> str:
        """The unit that is left when all others are taken away."""
        left = list(units_in(item))
        while len(left) > 1:
            left.pop(0 if self.last else -1)
        return left[0]

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """The letter at the other end."""
        return {"other-end": units_in(item)[0 if self.last else -1]}


class FirstLetter(_End):
    """The first letter."""

    id = "first_letter"


class LastLetter(_End):
    """The last letter."""

    id = "last_letter"
    last: ClassVar[bool] = True


class NthOccurrence(_Access):
    """Where a character occurs for the second or third time, 0-based."""

    id = "nth_occurrence"
    answer_type: ClassVar[AnswerType] = "int"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each occurrence number and place, with a mark if the character comes again behind it."""
        units = word.units
        found: dict[Cell, Sequence[str]] = {}
        if len(set(units)) == len(units):
            return found
        seen: dict[str, int] = {}
        for place, char in enumerate(units):
            seen[char] = seen.get(char, 0) + 1
            if seen[char] in _OCCURRENCES:
                again = _AGAIN if char in units[place + 1 :] else ""
                found[f"{seen[char]}@{place}{again}", 0] = (char,)
        return found

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        number, _, place = str(draft.gold).removesuffix(_AGAIN).partition("@")
        return Fields(
            answer=place, query_char=draft.candidate, args=(("n", number),), gold_index=int(place), index_base=0
        )

    def gold(self, item: Item) -> str:
        """The n-th of all places."""
        places = [place for place, unit in enumerate(units_in(item)) if unit == queried(item)]
        return str(places[int(item.arg("n")) - 1])

    def second_gold(self, item: Item) -> str:
        """By searching on behind the place before."""
        units, place = units_in(item), -1
        for _ in range(int(item.arg("n"))):
            place = units.index(queried(item), place + 1)
        return str(place)

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """First and last place of the character."""
        units, char = units_in(item), queried(item)
        return {"first": str(units.index(char)), "last": str(len(units) - 1 - units[::-1].index(char))}


TASKS: tuple[Task, ...] = (Length(), NthChar(), ContainsChar(), FirstLetter(), LastLetter(), NthOccurrence())
"""Group 2."""
