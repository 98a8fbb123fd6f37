"""Group 4, edit: insert, delete, substitute, exchange, reverse, cut out, write in capitals.

An answer always differs from the word, so that an echo never scores, and is never empty; "differs" as answers are
graded, in NFC. Cells: ``insert_after``, ``delete_all``, ``substitute_all`` and ``swap_two`` have one for each number of
occurrences of the queried character, 1 to 3; ``delete_at`` one for each place; ``substring`` one for each size of the
piece; ``upper_every_k`` one for each k; ``reverse`` one a length.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from typing import ClassVar

from tokbench.suites.charbench.item import AnswerType, Fields, Item, Word
from tokbench.suites.charbench.task import Cell, Draft, Task
from tokbench.suites.charbench.tasks._shared import (
    counted,
    every_cell,
    joined,
    pick,
    queried,
    same_text,
    some_unit,
    units_in,
)

__all__ = [
    "TASKS",
    "DeleteAll",
    "DeleteAt",
    "InsertAfter",
    "Reverse",
    "SubstituteAll",
    "Substring",
    "SwapTwo",
    "UpperEveryK",
]

_STEPS = (2, 3)


class Edit(Task):
    """What the eight have in common."""

    group: ClassVar[int] = 4
    answer_type: ClassVar[AnswerType] = "str"

    def made(self, draft: Draft, fields: Fields) -> Fields | None:
        """The fields, or None where the edit changes nothing that is graded, or leaves nothing."""
        return None if not fields.answer or same_text(fields.answer, draft.word.text) else fields

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """The word as it is."""
        return {"echo": item.word}


# ---------------------------------------------------------------------- all copies of a character


class _Copies(Edit):
    """An edit of every copy of a character."""

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each number of copies."""
        return counted(word)

    @abstractmethod
    def argument(self, draft: Draft) -> str | None:
        """The other character of the edit, ``""`` if it has none; None if there is none to be had."""

    @abstractmethod
    def piece(self, x: str, char: str) -> str:
        """What stands in the place of a copy."""

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        char, x = draft.candidate, self.argument(draft)
        if x is None:
            return None
        answer = joined(self.piece(x, char) if unit == char else unit for unit in draft.word.units)
        return self.made(draft, Fields(answer=answer, query_char=char, args=(("x", x),) if x else ()))

    def _x(self, item: Item) -> str:
        return dict(item.args).get("x", "")

    def gold(self, item: Item) -> str:
        """Each unit, or what stands in its place."""
        char = queried(item)
        return joined(self.piece(self._x(item), char) if unit == char else unit for unit in units_in(item))

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """The word as it is, and with its first copy edited only."""
        units, char = list(units_in(item)), queried(item)
        place = units.index(char)
        units[place] = self.piece(self._x(item), char)
        return {**super().heuristics(item), "first-only": joined(units)}


class InsertAfter(_Copies):
    """x behind every c; x is another character than c, and may be in the word."""

    id = "insert_after"

    def argument(self, draft: Draft) -> str | None:
        """A letter of the list, each as likely."""
        return some_unit(draft.pool, len(draft.word.units), draft.draw("x"), draft.candidate)

    def piece(self, x: str, char: str) -> str:
        """Both."""
        return char + x

    def second_gold(self, item: Item) -> str:
        """By insertions from the right."""
        units = list(units_in(item))
        for place in range(len(units), 0, -1):
            if units[place - 1] == queried(item):
                units.insert(place, item.arg("x"))
        return joined(units)


class DeleteAll(_Copies):
    """Every c removed; something is left."""

    id = "delete_all"

    def argument(self, draft: Draft) -> str | None:
        """None is needed."""
        return ""

    def piece(self, x: str, char: str) -> str:
        """Nothing."""
        return ""

    def second_gold(self, item: Item) -> str:
        """One by one."""
        units = list(units_in(item))
        while queried(item) in units:
            units.remove(queried(item))
        return joined(units)


class SubstituteAll(_Copies):
    """Every c replaced by x, which is not in the word."""

    id = "substitute_all"

    def argument(self, draft: Draft) -> str | None:
        """An absent letter, by its weight."""
        return draft.pool.absent(draft.word, draft.draw("x"))

    def piece(self, x: str, char: str) -> str:
        """The other."""
        return x

    def second_gold(self, item: Item) -> str:
        """Place by place."""
        units = list(units_in(item))
        for place, unit in enumerate(units):
            if unit == queried(item):
                units[place] = item.arg("x")
        return joined(units)


class SwapTwo(Edit):
    """All c and all d exchanged; both are in the word. The cell counts the copies of c."""

    id = "swap_two"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each number of copies of c."""
        return counted(word) if len(set(word.units)) > 1 else {}

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        units, c = draft.word.units, draft.candidate
        d = pick([unit for unit in dict.fromkeys(units) if unit != c], draft.draw("d"))
        answer = joined({c: d, d: c}.get(unit, unit) for unit in units)
        return self.made(draft, Fields(answer=answer, query_char=c, args=(("d", d),)))

    def gold(self, item: Item) -> str:
        """Each unit, or the other one of the two."""
        c, d = queried(item), item.arg("d")
        return joined({c: d, d: c}.get(unit, unit) for unit in units_in(item))

    def second_gold(self, item: Item) -> str:
        """By the places of both."""
        units, c, d = list(units_in(item)), queried(item), item.arg("d")
        of_c, of_d = ([place for place, unit in enumerate(units) if unit == char] for char in (c, d))
        for places, char in ((of_c, d), (of_d, c)):
            for place in places:
                units[place] = char
        return joined(units)

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """The word as it is, and with the first of each exchanged only."""
        units = list(units_in(item))
        one, other = units.index(queried(item)), units.index(item.arg("d"))
        units[one], units[other] = units[other], units[one]
        return {**super().heuristics(item), "first-only": joined(units)}


# ---------------------------------------------------------------------- places


class DeleteAt(Edit):
    """The character at a place removed, 0-based."""

    id = "delete_at"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each place."""
        return every_cell(tuple(range(len(word.units))))

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        units, k = draft.word.units, int(draft.gold)
        fields = Fields(
            answer=joined(units[:k] + units[k + 1 :]), query_pos=k, args=(("k", str(k)),), gold_index=k, index_base=0
        )
        return self.made(draft, fields)

    def gold(self, item: Item) -> str:
        """What is before and what is behind."""
        units, k = units_in(item), int(item.arg("k"))
        return joined(units[:k] + units[k + 1 :])

    def second_gold(self, item: Item) -> str:
        """All units but one."""
        return joined(unit for place, unit in enumerate(units_in(item)) if place != int(item.arg("k")))

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """The word as it is, and without the character that a reader means who counts from 1."""
        units, k = list(units_in(item)), int(item.arg("k"))
        del units[max(k - 1, 0) : k]
        return {**super().heuristics(item), "off-by-one": joined(units)}


class Reverse(Edit):
    """The characters from the last to the first; words that read the same are left out."""

    id = "reverse"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell a length."""
        return every_cell((len(word.units),)) if word.units != word.units[::-1] else {}

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        return self.made(draft, Fields(answer=joined(draft.word.units[::-1])))

    def gold(self, item: Item) -> str:
        """The units with a step of -1."""
        return joined(units_in(item)[::-1])

    def second_gold(self, item: Item) -> str:
        """Each unit put before those that came before it."""
        found: deque[str] = deque()
        for unit in units_in(item):
            found.appendleft(unit)
        return joined(found)

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """The word as it is, and reversed without its first character (a range that ends one too early)."""
        return {**super().heuristics(item), "off-by-one": joined(units_in(item)[:0:-1])}


class Substring(Edit):
    """The characters from index i up to, but not including, index j; 0-based, 2 to L-1 of them."""

    id = "substring"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each size."""
        return every_cell(tuple(range(2, len(word.units))))

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        units, size = draft.word.units, int(draft.gold)
        start = draft.draw("i") % (len(units) - size + 1)
        fields = Fields(
            answer=joined(units[start : start + size]), args=(("i", str(start)), ("j", str(start + size))), index_base=0
        )
        return self.made(draft, fields)

    def _ends(self, item: Item) -> tuple[int, int]:
        return int(item.arg("i")), int(item.arg("j"))

    def gold(self, item: Item) -> str:
        """A slice."""
        start, end = self._ends(item)
        return joined(units_in(item)[start:end])

    def second_gold(self, item: Item) -> str:
        """Place by place."""
        start, end = self._ends(item)
        return joined(unit for place, unit in enumerate(units_in(item)) if start <= place < end)

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """The word as it is; off by one: with the end included, and counted from 1 with the end included."""
        units, (start, end) = units_in(item), self._ends(item)
        return {
            **super().heuristics(item),
            "end-included": joined(units[start : end + 1]),
            "off-by-one": joined(units[max(start - 1, 0) : end]),
        }


class UpperEveryK(Edit):
    """Every second or third character in upper case, counted from 1.

    Words are left out where an upper case form has more code points than the character (German sharp s): what the
    question asks for would then be a matter of opinion.
    """

    id = "upper_every_k"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each k."""
        return every_cell(tuple(k for k in _STEPS if k <= len(word.units)))

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        units, k = list(draft.word.units), int(draft.gold)
        chosen = units[k - 1 :: k]
        upper = [unit.upper() for unit in chosen]
        if list(map(len, chosen)) != list(map(len, upper)):
            return None
        units[k - 1 :: k] = upper
        return self.made(draft, Fields(answer=joined(units), args=(("k", str(k)),), index_base=1))

    def gold(self, item: Item) -> str:
        """By the number of each unit."""
        k = int(item.arg("k"))
        return joined(unit if number % k else unit.upper() for number, unit in enumerate(units_in(item), 1))

    def second_gold(self, item: Item) -> str:
        """By pieces of k units, the last of each full piece in upper case."""
        units, k = units_in(item), int(item.arg("k"))
        found = []
        for start in range(0, len(units), k):
            *before, last = units[start : start + k]
            found += [*before, last.upper() if len(before) == k - 1 else last]
        return joined(found)

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """The word as it is, and with the multiples of k counted from 0."""
        k = int(item.arg("k"))
        off = joined(unit if place % k else unit.upper() for place, unit in enumerate(units_in(item)))
        return {**super().heuristics(item), "off-by-one": off}


TASKS: tuple[Task, ...] = (
    InsertAfter(), DeleteAll(), SubstituteAll(), DeleteAt(), SwapTwo(), Reverse(), Substring(), UpperEveryK(),
)  # fmt: skip
"""Group 4."""
