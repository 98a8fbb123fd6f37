"""The pieces of a word and of the white space before it, taken apart for the classifier.

*White space* is ASCII white space throughout: U+00A0 and other Unicode spaces belong to the core, so that an invisible
change is seen as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

__all__ = ["SPACE", "Pieces", "Whitespace", "prepare"]

SPACE = b" \t\n\r\x0b\x0c"

Whitespace = Literal["newline", "reattached", "detached", "fused", "none"]
"""How white space stands before a word: with a line break; in a token of its own and in the word's first token; in a
token of its own; in the word's first token; not at all."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """One side of a change.

    Attributes:
        core: Bytes of the tokens of the word, white space at its edges left out.
        whitespace: How white space stands before it.
    """

    core: tuple[bytes, ...]
    whitespace: Whitespace

    @property
    def word(self) -> bytes:
        """The word."""
        return b"".join(self.core)

    @property
    def cuts(self) -> frozenset[int]:
        """Offsets in bytes at which the word is cut, its edges left out."""
        return frozenset(accumulate(map(len, self.core[:-1])))


def prepare(pieces: Sequence[bytes]) -> Pieces:
    """Take the tokens of a window apart.

    Args:
        pieces: Bytes of the tokens that overlap the window, each clipped to it; U+2581 is a space already.

    >>> prepare([b" ", b" Saturday"])
    Pieces(core=(b'Saturday',), whitespace='reattached')
    """
    body = list(pieces)
    solo: list[bytes] = []
    while body and not body[0].strip(SPACE):
        solo.append(body.pop(0))
    while body and not body[-1].strip(SPACE):
        body.pop()
    inner = b""
    if body:
        bare = body[0].lstrip(SPACE)
        inner = body[0][: len(body[0]) - len(bare)]
        body[0] = bare
    leading = b"".join(solo) + inner
    kind: Whitespace
    if b"\n" in leading or b"\r" in leading:
        kind = "newline"
    elif any(solo):
        kind = "reattached" if inner else "detached"
    else:
        kind = "fused" if inner else "none"
    return Pieces(tuple(body), kind)
