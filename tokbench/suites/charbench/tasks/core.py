"""Group 1, the tasks of the paper: count a character, count distinct ones, find the first and the last.

Source: arXiv 2508.02591, table 1. ``find_*_or_minus1`` are variants of our own that also ask for absent characters.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from tokbench.errors import ItemError
from tokbench.suites.charbench.item import AnswerType, Fields, Item, Word
from tokbench.suites.charbench.task import Cell, Draft, Task
from tokbench.suites.charbench.words import units_of

__all__ = ["TASKS", "CountChar", "CountUnique", "FindFirst", "FindLast"]


def _units(item: Item) -> tuple[str, ...]:
    return units_of(item.word, item.unit)


def _queried(item: Item) -> str:
    """The queried character.

    Raises:
        ItemError: If it is not one character.
    """
    char = item.query_char or ""
    if len(units_of(char, item.unit)) != 1:
        raise ItemError(item.item_id, f"{char!a} is queried: expected one {item.unit}")
    return char


class Core(Task):
    """What the four have in common."""

    group: ClassVar[int] = 1
    answer_type: ClassVar[AnswerType] = "int"

    def at(self, word: Word, position: int) -> Fields:
        """The item that queries the character at ``position`` (natural profile)."""
        return self.fields(word, word.units[position], position)

    @abstractmethod
    def fields(self, word: Word, char: str, position: int | None) -> Fields:
        """The item that queries ``char``."""

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        return self.fields(draft.word, draft.candidate, None)

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """The ends of the range of answers, whatever is asked."""
        return {"0": "0", "1": "1", "len-1": str(item.length - 1), "len": str(item.length)}


class CountChar(Core):
    """How often a character occurs."""

    id = "count_char"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each number of occurrences; every word fits the cell of 0."""
        found: dict[Cell, list[str]] = {(0, 0): [""]}
        units = word.units
        for char in dict.fromkeys(units):
            found.setdefault((units.count(char), 0), []).append(char)
        return found

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`; an absent character is drawn by its weight."""
        if draft.gold == 0:
            return self.fields(draft.word, draft.pool.absent(draft.word, draft.draw("absent")), None)
        return super().complete(draft)

    def fields(self, word: Word, char: str, position: int | None) -> Fields:
        """See :meth:`Core.fields`."""
        return Fields(answer=str(word.units.count(char)), query_char=char, query_pos=position)

    def gold(self, item: Item) -> str:
        """Number of units that equal the character."""
        return str(_units(item).count(_queried(item)))

    def second_gold(self, item: Item) -> str:
        """The same as a sum of comparisons."""
        return str(sum(map(_queried(item).__eq__, _units(item))))


class CountUnique(Core):
    """How many distinct characters there are."""

    id = "count_unique"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell: nothing is queried."""
        return {(len(set(word.units)), 0): [""]}

    def fields(self, word: Word, char: str, position: int | None) -> Fields:
        """See :meth:`Core.fields`."""
        return Fields(answer=str(len(set(word.units))))

    def gold(self, item: Item) -> str:
        """Size of the set of units."""
        return str(len(set(_units(item))))

    def second_gold(self, item: Item) -> str:
        """Number of units that did not occur before."""
        units = _units(item)
        return str(sum(unit not in units[:index] for index, unit in enumerate(units)))


class _Find(Core):
    """Where a character occurs, 0-based."""

    last: ClassVar[bool] = False

    def place(self, units: Sequence[str], char: str) -> int:
        """Index of the first or last occurrence."""
        return len(units) - 1 - list(units)[::-1].index(char) if self.last else list(units).index(char)

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each place and for whether the character is repeated."""
        units = word.units
        last = {char: index for index, char in enumerate(units)}
        first = dict(zip(reversed(units), range(len(units) - 1, -1, -1), strict=True))
        place = last if self.last else first
        return {(place[char], int(first[char] != last[char])): [char] for char in last}  # a place has one character

    def fields(self, word: Word, char: str, position: int | None) -> Fields:
        """See :meth:`Core.fields`."""
        place = self.place(word.units, char)
        return Fields(answer=str(place), query_char=char, query_pos=position, gold_index=place, index_base=0)

    def gold(self, item: Item) -> str:
        """The place by a search in the list of units.

        Raises:
            ItemError: If the character does not occur.
        """
        units, char = _units(item), _queried(item)
        if char not in units:
            raise ItemError(item.item_id, f"{char!a} does not occur in {item.word!a}, so it has no index")
        return str(self.place(units, char))

    def second_gold(self, item: Item) -> str:
        """Least or largest of all places."""
        places = [index for index, unit in enumerate(_units(item)) if unit == _queried(item)]
        return str(places[-1] if self.last else places[0])

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """The ends, and the answer to the sibling question (first for last and the reverse)."""
        units, char = _units(item), _queried(item)
        sibling = FindFirst if self.last else FindLast
        place = sibling().place(units, char) if char in units else -1
        return {**super().heuristics(item), "sibling": str(place)}


class FindFirst(_Find):
    """Index of the first occurrence."""

    id = "find_first"


class FindLast(_Find):
    """Index of the last occurrence."""

    id = "find_last"
    last: ClassVar[bool] = True


class _OrMinusOne(_Find):
    """The same with absent characters, whose answer is -1."""

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """The cells of the plain question, and one for absent characters."""
        return {**super().cells(word, variant), (-1, 0): [""]}

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        if draft.gold == -1:
            return Fields(answer="-1", query_char=draft.pool.absent(draft.word, draft.draw("absent")), index_base=0)
        return super().complete(draft)

    def gold(self, item: Item) -> str:
        """-1 for an absent character."""
        return super().gold(item) if _queried(item) in _units(item) else "-1"

    def second_gold(self, item: Item) -> str:
        """-1 where no place is left."""
        return super().second_gold(item) if set(_units(item)) & {_queried(item)} else "-1"


class FindFirstOrMinus1(_OrMinusOne):
    """Index of the first occurrence, -1 if there is none."""

    id = "find_first_or_minus1"


class FindLastOrMinus1(_OrMinusOne):
    """Index of the last occurrence, -1 if there is none."""

    id = "find_last_or_minus1"
    last: ClassVar[bool] = True


PAPER: tuple[Core, ...] = (CountChar(), CountUnique(), FindFirst(), FindLast())
"""The four tasks of the paper, in the order of the selection."""

TASKS: tuple[Task, ...] = (*PAPER, FindFirstOrMinus1(), FindLastOrMinus1())
