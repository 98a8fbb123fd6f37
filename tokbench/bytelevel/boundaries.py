"""Where pre-tokens can end: what a split pattern leaves open while a text may still go on.

Split patterns look ahead: whether two spaces are one pre-token or two depends on what follows them. For a text that
may be continued there are therefore several *alternatives*, sets of boundaries, one of which the whole text will
have. The patterns see classes of characters only and look at most three characters past a boundary, so the
alternatives of a text follow from its *shape*, a string with one representative for each class, continued by each
of :data:`CONTINUATIONS`. That these few continuations show every alternative is held against words of 20 classes by
a test, for each recognised pattern.

A pattern is recognised by its exact string. Of any other nothing is known, and nothing may be refuted with it.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import regex
from numpy.typing import NDArray

from tokbench.bytelevel.utf8 import code_points
from tokbench.tokenizers.patterns import PATTERNS

__all__ = ["CONTINUATIONS", "Splitter", "collapse", "open_shapes", "recognised", "shape_of"]

CONTINUATIONS: tuple[str, ...] = ("", "\n", " ", "'s", "1", "11", "B", "b", "e", "ll", ".", " b", "  b")
"""Continuations that show every alternative of a text under the recognised patterns."""

_RIGHT_DIGITS = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"

_KNOWN = frozenset(
    {
        *(pattern for name, pattern in PATTERNS.items() if name != "whole"),
        # the same patterns as tiktoken writes them
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        (
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
            r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
        ),
        (
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
            r"|\s*[\r\n]|\s+(?!\S)|\s+"
        ),
        # cl100k with its digits grouped from the right
        PATTERNS["cl100k"].replace(r"\p{N}{1,3}", _RIGHT_DIGITS),
    }
)

_CLASSES = tuple(
    (regex.compile(pattern), shape)
    for pattern, shape in (
        (r"[\r\n]", "\n"),
        (r"\s", "\t"),
        (r"\p{N}", "1"),
        (r"[\p{Lu}\p{Lt}]", "B"),
        (r"\p{Ll}", "b"),
        (r"\p{L}", "\u4e2d"),
        (r"\p{M}", "\u0301"),
    )
)
_LITERAL = frozenset(" '/\u017f")  # U+017F, a lower-case letter, is an s where case is ignored
_CONTRACTION = dict(zip("stmdSTMDrvleRVLE", "ssssSSSSrrleRRLE", strict=True))
"""Letters that an apostrophe in front of them turns into a contraction, by the part they play in it."""


def recognised(pattern: str) -> bool:
    """Whether the boundaries of this split pattern are understood."""
    return pattern in _KNOWN


@lru_cache(maxsize=1 << 13)
def _class(character: str) -> str:
    if character in _LITERAL:
        return character
    return next((shape for pattern, shape in _CLASSES if pattern.match(character)), ".")


def shape_of(text: str, *, after_apostrophe: bool = False) -> str:
    """One representative a character; letters keep their part in a contraction only behind an apostrophe.

    Args:
        text: The text.
        after_apostrophe: Whether an apostrophe, or one and a letter, may stand in front of it, so that its
            first two letters keep theirs.
    """
    if not after_apostrophe and "'" not in text:
        return "".join(map(_class, text))
    out = []
    near = 2 if after_apostrophe else 0
    for character in text:
        shape = _CONTRACTION.get(character) if near else None
        out.append(shape or _class(character))
        near = 2 if character == "'" else max(near - 1, 0)
    return "".join(out)


_RUNS = regex.compile(r"([^1])\1{3,}|1{6,}", regex.DOTALL)


def collapse(shape: str) -> str:
    """Runs of one class cut to three, runs of digits to their number modulo 3 and at least three."""
    if len(shape) < 4:  # noqa: PLR2004, nothing to cut
        return shape
    return _RUNS.sub(lambda run: run[0][:3] if run[0][0] != "1" else "1" * (3 + len(run[0]) % 3), shape)


@cache
def _table() -> NDArray[np.uint16]:
    """Representative of every code point; the surrogates, which are no characters, are 0."""
    table = np.full(0x110000, ord("."), np.uint16)
    for first, end in ((0, 0xD800), (0xE000, 0x110000)):
        characters = "".join(map(chr, range(first, end)))
        for pattern, shape in reversed(_CLASSES):
            for match in pattern.finditer(characters):
                table[first + match.start()] = ord(shape)
    for character in _LITERAL:
        table[ord(character)] = ord(character)
    table[0xD800:0xE000] = 0
    return table


@cache
def open_shapes(partial: bytes) -> frozenset[str]:
    """Shapes that an unfinished character can take; none for no bytes."""
    if not partial:
        return frozenset()
    first, end = code_points(partial)
    return frozenset(map(chr, np.unique(_table()[first:end]))) - {"\0"}


class Splitter:
    """The alternatives of shapes under one recognised pattern, or without any pattern.

    Args:
        pattern: A recognised split pattern, or None where the whole text is one pre-token.
    """

    def __init__(self, pattern: str | None) -> None:
        self.splits = pattern is not None
        self._compiled = regex.compile(pattern or r"[\s\S]+")
        self.alternatives = lru_cache(maxsize=1 << 12)(self._find)

    def boundaries(self, shape: str) -> tuple[int, ...]:
        """Ends of the pre-tokens of a complete text of this shape, in characters."""
        return tuple(match.end() for match in self._compiled.finditer(shape))

    def _find(self, shape: str) -> tuple[tuple[int, ...], ...]:
        if not self.splits:
            return ((), (len(shape),)) if shape else ((),)
        end = len(shape)
        found = {tuple(cut for cut in self.boundaries(shape + more) if cut <= end) for more in CONTINUATIONS}
        return tuple(sorted(found))
