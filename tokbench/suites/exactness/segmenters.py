"""Where words begin and end: the named segmenters behind fertility and STRR.

A number of tokens per word means nothing without the segmenter, so each has a name that goes into the unit of the
metric, and each refuses the scripts that it cannot segment: splitting at white space makes one "word" of a Chinese
sentence, and the default rules of UAX #29 leave Thai, Lao, Khmer and Burmese to dictionaries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import MappingProxyType

import regex

from tokbench.errors import MetricInputError, OptionError

__all__ = ["SEGMENTERS", "Segmenter", "segmenter"]

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Segmenter:
    """A way to find words.

    Attributes:
        name: ``whitespace`` or ``uax29``; goes into units.
        words: Spans of the words of a text in code points, ascending, without overlap.
        refused: Pattern of the characters that it cannot segment, with the name of their script.
        unit: What a word is, for units of metrics.
    """

    name: str
    unit: str
    words: Callable[[str], list[Span]]
    refused: Callable[[str], tuple[str, str] | None]

    def checked_words(self, text: str, source: str, line: int) -> list[Span]:
        """The words of ``text``.

        Raises:
            MetricInputError: If the text holds a script that this segmenter cannot segment.
        """
        found = self.refused(text)
        if found is not None:
            character, script = found
            remedy = "name uax29 or leave out the word metrics" if self.name == "whitespace" and script in _UAX29_CAN \
                else "leave out the word metrics"  # fmt: skip
            raise MetricInputError(
                source, line,
                f"the segmenter {self.name} cannot find words in {script} script (U+{ord(character):04X}): {remedy}",
            )  # fmt: skip
        return self.words(text)


_UAX29_CAN = frozenset({"Han", "Hiragana", "Katakana"})

# Script by script_extensions would refuse shared punctuation, so the plain script property decides.
_NO_SPACES = ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar")
_DICTIONARY = ("Thai", "Lao", "Khmer", "Myanmar")


@cache
def _script_pattern(scripts: tuple[str, ...]) -> regex.Pattern[str]:
    return regex.compile("|".join(rf"(?P<{script}>\p{{Script={script}}})" for script in scripts))


def _refuser(scripts: tuple[str, ...]) -> Callable[[str], tuple[str, str] | None]:
    def refused(text: str) -> tuple[str, str] | None:
        if text.isascii():
            return None
        match = _script_pattern(scripts).search(text)
        return None if match is None else (match.group(), str(match.lastgroup).replace("Myanmar", "Burmese"))

    return refused


_WORD = re.compile(r"\S+")


def _whitespace(text: str) -> list[Span]:
    return [match.span() for match in _WORD.finditer(text)]


@cache
def _uax29_patterns() -> tuple[regex.Pattern[str], regex.Pattern[str]]:
    return regex.compile(r"\b", flags=regex.WORD), regex.compile(r"[\p{Alphabetic}\p{N}]")


def _uax29(text: str) -> list[Span]:
    boundary, wordlike = _uax29_patterns()
    cuts = sorted({0, len(text), *(match.start() for match in boundary.finditer(text))})
    return [(start, end) for start, end in pairwise(cuts) if wordlike.search(text, start, end)]


SEGMENTERS: Mapping[str, Segmenter] = MappingProxyType(
    {
        "whitespace": Segmenter("whitespace", "whitespace words", _whitespace, _refuser(_NO_SPACES)),
        "uax29": Segmenter("uax29", "UAX #29 words", _uax29, _refuser(_DICTIONARY)),
    }
)
"""``whitespace``: maximal runs of characters that are not white space. ``uax29``: segments between the default word
boundaries of UAX #29 that hold a letter or a number; every ideograph and every Hiragana letter is one."""


def segmenter(name: str) -> Segmenter:
    """The segmenter called ``name``.

    Raises:
        OptionError: If there is none.
    """
    if name not in SEGMENTERS:
        raise OptionError("segmenter", name, " or ".join(SEGMENTERS))
    return SEGMENTERS[name]
