"""The prefix tree of a byte vocabulary, as ranges of its sorted order; branches are found when first asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["Branch", "Trie"]

_BYTES = tuple(np.uint8(value) for value in range(256))  # another type of number would convert the row first
_KEPT = 16_000  # branches remembered before the memory of them starts anew; about 8 MB


class Branch:
    """The tokens that begin with one byte string.

    Attributes:
        depth: Length of the byte string.
        lo: Position of the first of the tokens.
        first: Position of the first that is longer than the byte string; before it stand those equal to it.
        hi: Position behind the last.
    """

    __slots__ = ("_fan", "_kids", "_trie", "depth", "first", "hi", "lo")

    def __init__(self, trie: Trie, depth: int, lo: int, first: int, hi: int) -> None:
        self._trie = trie
        self.depth = depth
        self.lo = lo
        self.first = first
        self.hi = hi
        self._kids: dict[int, Branch | None] | None = None
        self._fan: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None

    def child(self, byte: int) -> Branch | None:
        """The branch one byte further; None if no token goes there."""
        kids = self._kids
        if kids is None:
            kids = self._kids = {}
        elif byte in kids:
            return kids[byte]
        found = kids[byte] = self._trie.descend(self, byte)
        return found

    @property
    def fan(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Next bytes that occur, ascending, and where each one's tokens begin, counted from :attr:`first`."""
        if self._fan is None:
            _, values, starts, _ = self._trie.vocabulary.children(self.lo, self.hi, self.depth)
            self._fan = values.astype(np.intp), (starts - self.first).astype(np.intp)
        return self._fan


class Trie:
    """Prefix tree of a vocabulary.

    Args:
        vocabulary: The byte vocabulary.

    Attributes:
        root: The branch of the empty byte string: all tokens.
    """

    def __init__(self, vocabulary: ByteVocabulary) -> None:
        self.vocabulary = vocabulary
        self.root = Branch(self, 0, 0, 0, len(vocabulary))
        self._matrix = vocabulary.matrix
        self._lengths = vocabulary.lengths
        self._known = 0

    def descend(self, branch: Branch, byte: int) -> Branch | None:
        """The branch one byte further than ``branch``, found by bisection."""
        if branch.first == branch.hi:
            return None
        row = self._matrix[branch.depth, branch.first : branch.hi]
        lo = branch.first + int(row.searchsorted(_BYTES[byte], "left"))
        hi = branch.first + int(row.searchsorted(_BYTES[byte], "right"))
        if lo == hi:
            return None
        if self._known >= _KEPT:
            self._known = 0
            self.root = Branch(self, 0, 0, 0, len(self.vocabulary))
        self._known += 1
        first, depth = lo, branch.depth + 1
        while first < hi and self._lengths[first] == depth:  # one step for each id of equal bytes
            first += 1
        return Branch(self, depth, lo, first, hi)
