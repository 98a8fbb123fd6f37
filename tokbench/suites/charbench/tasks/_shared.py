"""What the tasks of groups 2 to 7 have in common: units of items, cells that every word fits, and small choices."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TypeVar

from tokbench.suites.charbench._parse import nfc
from tokbench.suites.charbench.item import Item, Word
from tokbench.suites.charbench.task import Cell, Pool
from tokbench.suites.charbench.words import units_of

__all__ = ["counted", "every_cell", "joined", "pick", "queried", "same_text", "some_unit", "split", "units_in"]

T = TypeVar("T")

_COUNTS = range(1, 4)


def units_in(item: Item) -> tuple[str, ...]:
    """Characters of the item's word."""
    return units_of(item.word, item.unit)


def split(item: Item, text: str) -> tuple[str, ...]:
    """Characters of another text of an item, cut as its word is."""
    return units_of(text, item.unit)


def queried(item: Item) -> str:
    """The queried character of a task that has one."""
    assert item.query_char is not None, "the task queries a character"
    return item.query_char


def joined(units: Iterable[str]) -> str:
    """Characters as text."""
    return "".join(units)


def same_text(one: str, other: str) -> bool:
    """Whether two texts are graded as equal."""
    return nfc(one) == nfc(other)


def pick(among: Sequence[T], number: int) -> T:
    """The element that a hash chooses."""
    return among[number % len(among)]


@cache
def every_cell(golds: tuple[int | str, ...]) -> Mapping[Cell, Sequence[str]]:
    """The cells of a task in which every word can stand for every gold, and in which nothing is queried."""
    return {(gold, 0): ("",) for gold in golds}


def counted(word: Word) -> Mapping[Cell, Sequence[str]]:
    """One cell for each number of occurrences from 1 to 3, with the characters that occur so often."""
    found: dict[Cell, list[str]] = {}
    units = word.units
    for char in dict.fromkeys(units):
        count = units.count(char)
        if count in _COUNTS:
            found.setdefault((count, 0), []).append(char)
    return found


def some_unit(pool: Pool, length: int, number: int, without: str) -> str | None:
    """A unit of the words of a length, all equally likely, but not ``without`` and no lone mark; None if none is left.

    A mark would join the character before it, so that no reader could tell what was put where.
    """
    left = [unit for unit, _ in pool.alphabet(length) if unit != without and unicodedata.category(unit[0])[0] != "M"]
    return pick(left, number) if left else None
