"""Group 7, controls: what is left of a question when words are no words, or characters are words.

``rand_*`` asks the questions of group 1 about random strings: no vocabulary has them, so that recall cannot help. The
string and the queried position are uniform, so that golds are not balanced but known in advance. For k letters:
P(count = 1) = (1 - 1/k)^(L-1), E[count] = 1 + (L-1)/k, E[unique] = k (1 - (1 - 1/k)^L).

``twin_*`` asks them about lists of words, one distinct word for each distinct character of a word: the same question
with the same gold, where no character has to be seen. Cells are those of group 1.

``digits_in_word`` counts digits put into a word, which vocabularies cut off from letters.

The question shows another text than the item's word, as argument ``text`` or ``list``; so these items have no gold
index, which would be one in the word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar
from weakref import WeakKeyDictionary

from tokbench.suites.charbench.item import AnswerType, Fields, Item, Word
from tokbench.suites.charbench.task import Cell, Draft, Pool, Task
from tokbench.suites.charbench.tasks._lookup import TRIES
from tokbench.suites.charbench.tasks._shared import every_cell, joined
from tokbench.suites.charbench.tasks.core import Core, CountChar, CountUnique, FindFirst, FindLast

__all__ = [
    "RANDOM_LETTERS",
    "TASKS",
    "DigitsInWord",
    "RandCountChar",
    "RandCountUnique",
    "RandFindFirst",
    "RandFindLast",
    "TwinCountChar",
    "TwinCountUnique",
    "TwinFindFirst",
    "TwinFindLast",
]

RANDOM_LETTERS = "bcdfghjklmnpqrstvwxz"
"""Letters of random strings: no vowels and no y, so that no word comes about."""

_BETWEEN = ", "
"""Between two words of a list."""

_COMMON = 10
"""Level of the words of lists."""

_DIGITS = "0123456789"
_MOST_DIGITS = 4


class _Control(Task):
    group: ClassVar[int] = 7
    answer_type: ClassVar[AnswerType] = "int"


class _Based(_Control):
    """A question of group 1 about something else than a word."""

    base: ClassVar[Core]

    def shadow(self, item: Item) -> Item:
        """The item of group 1 whose question it is, about a string of code points."""
        raise NotImplementedError

    def gold(self, item: Item) -> str:
        """The answer to the question of group 1."""
        return self.base.gold(self.shadow(item))

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """As in group 1."""
        return self.base.heuristics(self.shadow(item))

    def answer(self, things: Sequence[str], thing: str | None) -> str:
        """The answer for any sequence, written without the tasks of group 1."""
        if thing is None:
            return str(len(dict.fromkeys(things)))
        places = [place for place in range(len(things)) if things[place] == thing]
        if isinstance(self.base, CountChar):
            return str(len(places))
        return str(max(places) if isinstance(self.base, FindLast) else min(places))


# ---------------------------------------------------------------------- random strings


class _Rand(_Based):
    """A question of group 1 about a random string as long as the word."""

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell a length: golds are left to chance."""
        return every_cell((len(word.units),))

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        length = len(draft.word.units)
        text = joined(RANDOM_LETTERS[draft.draw(f"unit{at}") % len(RANDOM_LETTERS)] for at in range(length))
        fields = self.base.at(Word(text, tuple(text)), draft.draw("position") % length)
        position = None if fields.query_char is None else fields.query_pos
        return replace(fields, args=(("text", text),), query_pos=position, gold_index=None)

    def shadow(self, item: Item) -> Item:
        """See :meth:`_Based.shadow`."""
        return replace(item, word=item.arg("text"), unit="codepoint")

    def second_gold(self, item: Item) -> str:
        """See :meth:`_Based.answer`."""
        return self.answer(item.arg("text"), item.query_char)


class RandCountChar(_Rand):
    """How often a character occurs in a random string."""

    id = "rand_count_char"
    base = CountChar()


class RandCountUnique(_Rand):
    """How many distinct characters a random string has."""

    id = "rand_count_unique"
    base = CountUnique()


class RandFindFirst(_Rand):
    """Where a character first occurs in a random string."""

    id = "rand_find_first"
    base = FindFirst()


class RandFindLast(_Rand):
    """Where a character last occurs in a random string."""

    id = "rand_find_last"
    base = FindLast()


# ---------------------------------------------------------------------- words for characters

_COMMON_WORDS: WeakKeyDictionary[Pool, tuple[str, ...]] = WeakKeyDictionary()


def _common_words(pool: Pool) -> tuple[str, ...]:
    """The most common words of a list, in order; all words where a list has no levels."""
    if pool not in _COMMON_WORDS:
        words = [word for length in pool.lengths for word in pool.of_length(length)]
        common = [word.text for word in words if word.level is not None and word.level <= _COMMON]
        _COMMON_WORDS[pool] = tuple(common or (word.text for word in words))
    return _COMMON_WORDS[pool]


class _Twin(_Based):
    """A question of group 1 about a list of words that repeats as the characters of a word do."""

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """Those of group 1."""
        return self.base.cells(word, variant)

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        fields = self.base.complete(draft)
        common = _common_words(draft.pool)
        if fields is None:
            return None
        stand_in: dict[str, str] = {}
        chars = [*draft.word.units, *([] if fields.query_char is None else [fields.query_char])]
        for number, char in enumerate(dict.fromkeys(chars)):
            drawn = (common[draft.draw(f"word{number}/{again}") % len(common)] for again in range(TRIES))
            word = next((word for word in drawn if word not in stand_in.values()), None)
            if word is None:
                return None
            stand_in[char] = word
        listed = _BETWEEN.join(stand_in[char] for char in draft.word.units)
        query = () if fields.query_char is None else (("query", stand_in[fields.query_char]),)
        return Fields(answer=fields.answer, args=(("list", listed), *query), index_base=fields.index_base)

    def shadow(self, item: Item) -> Item:
        """See :meth:`_Based.shadow`; each distinct word becomes a character."""
        words, query = _listed(item)
        chars: dict[str, str] = {}
        for word in (*words, *([] if query is None else [query])):
            chars.setdefault(word, chr(ord("a") + len(chars)))
        char = None if query is None else chars[query]
        return replace(item, word=joined(chars[word] for word in words), unit="codepoint", query_char=char)

    def second_gold(self, item: Item) -> str:
        """See :meth:`_Based.answer`."""
        return self.answer(*_listed(item))


def _listed(item: Item) -> tuple[list[str], str | None]:
    """The words of the list, and the one that is asked for."""
    return item.arg("list").split(_BETWEEN), dict(item.args).get("query")


class TwinCountChar(_Twin):
    """How often a word occurs in a list."""

    id = "twin_count_char"
    base = CountChar()


class TwinCountUnique(_Twin):
    """How many distinct words a list has."""

    id = "twin_count_unique"
    base = CountUnique()


class TwinFindFirst(_Twin):
    """Where a word first occurs in a list."""

    id = "twin_find_first"
    base = FindFirst()


class TwinFindLast(_Twin):
    """Where a word last occurs in a list."""

    id = "twin_find_last"
    base = FindLast()


# ---------------------------------------------------------------------- digits


class DigitsInWord(_Control):
    """How many digits there are in a word into which 0 to 4 of them were put, each at a place of its own drawing."""

    id = "digits_in_word"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each number of digits; none for a word that has digits already."""
        text = word.text
        return {} if any(digit in text for digit in _DIGITS) else every_cell(tuple(range(_MOST_DIGITS + 1)))

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        units = list(draft.word.units)
        for number in range(int(draft.gold)):
            digit = _DIGITS[draft.draw(f"digit{number}") % len(_DIGITS)]
            units.insert(draft.draw(f"place{number}") % (len(units) + 1), digit)
        return Fields(answer=str(draft.gold), args=(("text", joined(units)),))

    def gold(self, item: Item) -> str:
        """Characters that are digits."""
        return str(sum(char in _DIGITS for char in item.arg("text")))

    def second_gold(self, item: Item) -> str:
        """Matches of a pattern."""
        return str(len(re.findall("[0-9]", item.arg("text"))))


TASKS: tuple[Task, ...] = (
    RandCountChar(), RandCountUnique(), RandFindFirst(), RandFindLast(),
    TwinCountChar(), TwinCountUnique(), TwinFindFirst(), TwinFindLast(),
    DigitsInWord(),
)  # fmt: skip
"""Group 7."""
