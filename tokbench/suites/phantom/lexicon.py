"""Words and frames that items are made of: the project's word list, and the files of ``suites/phantom``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from tokbench._resources import resource
from tokbench.errors import SuiteDefinitionError
from tokbench.suites.charbench.words import load_words
from tokbench.suites.phantom.item import Kind

__all__ = ["affixed", "common_words", "frames", "known_words", "lexicon", "proper_nouns", "stop_words", "words_of"]

_COMMON = 50
"""Largest band of words that count as common."""

_STEM = 3


def _read(name: str) -> dict[str, object]:
    path = resource("suites", "phantom", name)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SuiteDefinitionError(name, f"cannot be read: {error}") from error


def _lists(name: str) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({key: tuple(value) for key, value in _read(name).items() if isinstance(value, list)})


@cache
def frames() -> Mapping[str, tuple[str, ...]]:
    """Sentence frames by stratum; ``inside`` serves all strata of English words without one, ``after`` follows them."""
    return _lists("frames.toml")


@cache
def lexicon() -> Mapping[str, tuple[str, ...]]:
    """Targets that are not in the word list, by stratum."""
    return _lists("lexicon.toml")


@cache
def known_words() -> frozenset[str]:
    """All words of the project's list."""
    words = load_words()
    return frozenset(word.text for length in words.lengths for word in words.of_length(length))


@cache
def common_words() -> tuple[str, ...]:
    """Words that most readers know, sorted."""
    words = load_words()
    return tuple(
        sorted(
            word.text
            for length in words.lengths
            for word in words.of_length(length)
            if word.level is not None and word.level <= _COMMON
        )
    )


@cache
def proper_nouns() -> frozenset[str]:
    """Names, for the classifier."""
    return frozenset(lexicon()["proper"])


@cache
def stop_words() -> frozenset[str]:
    """Words that say little on their own; they are no targets in articles."""
    return frozenset(lexicon()["stop"])


@cache
def _affixes() -> tuple[tuple[str, ...], tuple[str, ...]]:
    lists = _lists("affixes.toml")
    return lists["prefixes"], lists["suffixes"]


def affixed(word: str) -> bool:
    """Whether a word is a word of the list with a listed affix."""
    known = known_words()
    prefixes, suffixes = _affixes()
    return any(
        word.startswith(part) and len(word) - len(part) >= _STEM and word[len(part) :] in known for part in prefixes
    ) or any(
        word.endswith(part) and len(word) - len(part) >= _STEM and word[: -len(part)] in known for part in suffixes
    )


def _plurals() -> tuple[str, ...]:
    known = frozenset(common_words())
    return tuple(f"{word}s" for word in common_words() if word[-1] not in "sxyz" and f"{word}s" in known)


def _code() -> tuple[str, ...]:
    verbs, nouns = lexicon()["code_verbs"], lexicon()["code_nouns"]
    pairs = [(verb, noun) for verb in verbs for noun in nouns]
    return tuple(
        word
        for verb, noun in pairs
        for word in (f"{verb}_{noun}", f"{verb}{noun.capitalize()}", f"{noun}_{verb}_count")
    )


@cache
def words_of(kind: Kind) -> tuple[str, ...]:
    """Words that may be targets of a stratum, in a fixed order."""
    if kind in {"common", "initial"}:
        return tuple(word.capitalize() if kind == "initial" else word for word in common_words())
    if kind == "plural":
        return _plurals()
    if kind == "possessive":
        plurals = frozenset(_plurals())
        return tuple(f"{word}'s" for word in common_words() if f"{word}s" in plurals)
    if kind == "affixed":
        return tuple(word for word in common_words() if affixed(word))
    return _code() if kind == "code" else lexicon()[kind]
