"""The items of the suite ``charbench`` that several tests look at, made once a process."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from tokbench.suites.charbench.item import Item, Word
from tokbench.suites.charbench.items import build_items
from tokbench.suites.charbench.words import WordList, load_words, units_of


@cache
def scowl() -> WordList:
    """The built-in list."""
    return load_words("builtin:en-scowl-95")


@cache
def paper_items(profile: str, gold: str) -> tuple[Item, ...]:
    """Items of the tasks of the paper, seed 0."""
    return tuple(build_items(profile, gold, ("paper",), 0, scowl()))


@cache
def all_items() -> tuple[Item, ...]:
    """Some items of every task and variant, seed 0, of two lengths and an eighth of the built-in list.

    Every word is hashed for each of some hundred variants, which takes a minute over the whole list.
    """
    words = [word for length in (4, 8) for word in scowl().of_length(length)[::8]]
    return tuple(build_items("smoke", "balanced", ("all",), 0, WordList(scowl().source, words, sha256=""), (4, 8)))


def word_list(texts: Iterable[str], unit: str = "codepoint", name: str = "test") -> WordList:
    """A list of given words."""
    words = [Word(text, units_of(text, unit)) for text in texts]
    return WordList(f"file:{name}", words, sha256="", unit=unit, zipf={})
