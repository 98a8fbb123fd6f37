"""The token ids of a word where it stands: in the prompt, in the reply, and as the tokenizer itself would give them.

A *window* reaches from the white space directly before a word to the word's end; a mark ends that run, and it never
reaches beyond the beginning of the passage or reply. A *slice* holds the ids of all tokens that share a byte with the
window, each with its bytes clipped to it. Ids are only ever taken from whole texts: a word alone may be cut in another
way.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from tokbench.errors import UnsupportedError
from tokbench.suites.phantom._pieces import SPACE
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.capability import EXCEPTIONS, excepted

__all__ = ["Slice", "Tokens", "agree", "canonical_tokens", "window_start"]


@dataclass(frozen=True)
class Tokens:
    """A text as tokens.

    Attributes:
        ids: Their ids. Those of special tokens have no bytes.
        cuts: Where each begins and the last ends, in bytes of the text; one more than ids.
        data: The text.
        control: Places in ``ids`` of tokens without bytes.
    """

    ids: tuple[int, ...]
    cuts: tuple[int, ...]
    data: bytes
    control: frozenset[int] = frozenset()

    @cached_property
    def edges(self) -> tuple[int, ...]:
        """The distinct cuts, ascending."""
        return tuple(dict.fromkeys(self.cuts))

    def between(self, start: int, end: int) -> range:
        """Places of the tokens that share a byte with ``start`` to ``end``, tokens without bytes inside them too."""
        if start >= end:
            return range(0)
        first = bisect_right(self.cuts, start) - 1
        while first > 0 and self.cuts[first] > start:
            first -= 1
        last = bisect_left(self.cuts, end)
        return range(max(first, 0), last)

    def slice(self, start: int, end: int) -> Slice:
        """The tokens of a window."""
        places = [at for at in self.between(start, end) if at not in self.control]
        inner = any(at in self.control and start < self.cuts[at] < end for at in self.between(start, end))
        pieces = tuple(self.data[max(self.cuts[at], start) : min(self.cuts[at + 1], end)] for at in places)
        fused = bool(places) and (self.cuts[places[0]] < start or self.cuts[places[-1] + 1] > end)
        return Slice(tuple(self.ids[at] for at in places), pieces, self.data[start:end], fused, inner)


@dataclass(frozen=True, slots=True)
class Slice:
    """The tokens of a window.

    Attributes:
        ids: Their ids.
        pieces: Their bytes inside the window.
        data: Bytes of the window.
        fused: Whether a token reaches beyond an edge, for example ``([``.
        control: Whether a special token lies inside the window.
    """

    ids: tuple[int, ...]
    pieces: tuple[bytes, ...]
    data: bytes
    fused: bool = False
    control: bool = False


# ---------------------------------------------------------------------- from text


def canonical_tokens(tokenizer: Tokenizer, text: str) -> Tokens:
    """The tokens that the tokenizer itself gives for a whole text.

    Raises:
        UnsupportedError: If the tokenizer has no exact spans, or does not give this text back.
    """
    promise = tokenizer.info.capability
    name = excepted(text, promise.exceptions)
    if promise.round_trip == "lossy" or name is not None:
        what = promise.summary if name is None else f"{promise.summary}: {EXCEPTIONS[name].why}"
        reason = f"ids are compared byte by byte, and the law decode(encode(x)) = x does not hold ({what})"
        raise UnsupportedError("phantom edits", tokenizer.info.spec, reason)
    spans = tokenizer.spans(text)
    data = text.encode()
    if any(one[1] != two[0] for one, two in pairwise(spans)):
        raise UnsupportedError("exact spans", tokenizer.info.spec, "its spans do not tile the text")
    cuts = (*(start for start, _ in spans), len(data)) if spans else (0,)
    return Tokens(tuple(tokenizer.encode(text)), cuts, data)


def window_start(data: bytes, word: int, least: int = 0) -> int:
    """First byte of the white space directly before the byte ``word``, not before ``least``."""
    while word > least and data[word - 1] in SPACE:
        word -= 1
    return word


# ---------------------------------------------------------------------- comparison on one text


def agree(one: Tokens, two: Tokens, start: int, end: int, *, shift: int = 0) -> bool:
    """Whether two ways to cut one text have the same ids in a window, widened to where both are cut.

    Args:
        one: The text.
        two: The same text, or a longer one that holds it.
        start: First byte of the window in ``one``.
        end: The byte behind its last.
        shift: Where ``one`` begins in ``two``.
    """
    if start >= end:
        return True
    other = {edge - shift for edge in two.edges}
    common = [edge for edge in one.edges if edge in other]
    left = max((edge for edge in common if edge <= start), default=None)
    right = min((edge for edge in common if edge >= end), default=None)
    if left is None or right is None:
        return False
    return one.slice(left, right).ids == two.slice(left + shift, right + shift).ids
