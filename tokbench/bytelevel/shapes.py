"""The tokens of a vocabulary in groups that a split pattern cannot tell apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel.boundaries import collapse, open_shapes, shape_of
from tokbench.bytelevel.pairs import PairTable
from tokbench.bytelevel.utf8 import allowed_next, cut
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["NONE_OPEN", "Group", "Opening", "Shapes", "Unfinished"]


@dataclass(frozen=True, slots=True)
class Opening:
    """Shapes that the unfinished character at the end of a text can take, given its last token.

    Attributes:
        sure: Those for which there are tokens that finish the character and end with it.
        likely: Those that only tokens reach which go on behind the character.
    """

    sure: frozenset[str] = frozenset()
    likely: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.sure or self.likely)

    @property
    def shapes(self) -> frozenset[str]:
        """All of them."""
        return self.sure | self.likely


NONE_OPEN = Opening()


class Unfinished:
    """What the tokens can make of an unfinished character. There is no boundary inside it: its tokens are neighbours.

    Args:
        vocabulary: The byte vocabulary.
        pairs: Which tokens may be neighbours.
        splits: Whether there is a split pattern; without one all characters are alike.
    """

    def __init__(self, vocabulary: ByteVocabulary, pairs: PairTable, *, splits: bool) -> None:
        self._vocabulary = vocabulary
        self._splits = splits
        self._pairs = pairs
        self._known: dict[tuple[int, bytes], Opening] = {}
        self.parts = lru_cache(maxsize=1 << 13)(self._parts)

    def shape_of(self, text: str) -> str:
        """Shape of complete characters."""
        return shape_of(text) if self._splits else "b" * len(text)

    def range(self, partial: bytes) -> tuple[int, int]:
        """Positions of the tokens that can follow, by their first byte."""
        allowed = np.flatnonzero(allowed_next(partial))
        row = self._vocabulary.matrix[0]
        return int(np.searchsorted(row, allowed[0], "left")), int(np.searchsorted(row, allowed[-1], "right"))

    def _parts(self, partial: bytes, token: int) -> tuple[str, bytes] | None:
        """Complete characters and the rest of an unfinished one with one more token behind it; None if impossible."""
        return cut(partial + self._vocabulary.token(token))

    def following(self, token: int, lo: int, hi: int) -> list[int]:
        """Positions in a range of the tokens that may be neighbours of ``token``."""
        bad = self._pairs.invalid(token, lo, hi) | ~self._pairs.reachable[lo:hi]
        return [int(index) + lo for index in np.flatnonzero(~bad)]

    def opening(self, token: int, partial: bytes) -> Opening:
        """Shapes of the unfinished character ``partial`` at the end of a text whose last token is ``token``."""
        if not partial:
            return NONE_OPEN
        known = self._known.get((token, partial))
        if known is None:
            known = self._known[token, partial] = self._find(token, partial)
        return known

    def _find(self, token: int, partial: bytes) -> Opening:
        possible = open_shapes(partial) if self._splits else {"b"}
        sure: set[str] = set()
        likely: set[str] = set()
        for index in self.following(token, *self.range(partial)):
            parts = cut(partial + self._vocabulary.token(index))
            if parts is None:
                continue
            text, rest = parts
            if not text:
                further = self.opening(index, rest)
                sure |= further.sure
                likely |= further.likely
            elif len(text) == 1 and not rest:
                sure.add(self.shape_of(text))
            else:
                likely.add(self.shape_of(text[0]))
            if sure == possible:
                break
        return Opening(frozenset(sure), frozenset(likely - sure))


@dataclass(frozen=True, slots=True)
class Group:
    """Tokens that differ for no split pattern.

    Attributes:
        shape: Shape of the complete characters, runs collapsed.
        opening: What the unfinished character at the end can become.
        ragged: Whether there is one.
        whole: Whether the tokens are found only as whole pre-tokens.
    """

    shape: str
    opening: Opening = NONE_OPEN
    ragged: bool = False
    whole: bool = False


Opener: TypeAlias = Callable[[int, bytes], Opening]


class Shapes:
    """Groups of the tokens of a vocabulary.

    Args:
        vocabulary: The byte vocabulary.
        never: Tokens that no encoding has; bool, shape ``(N,)``.
        whole: Tokens that are found only as whole pre-tokens; bool, shape ``(N,)``.
        opening: What a token and an unfinished character at its end can become; None where texts are any bytes,
            and all tokens but those found whole are alike.
        splits: Whether there is a split pattern; without one all characters are alike.

    Attributes:
        groups: The groups.
        of: Group of each token by its position; that of the tokens that no text has at the beginning of a
            character is the number of groups. Int32, shape ``(N,)``.
        near: The same behind an apostrophe, where letters may belong to a contraction.
    """

    def __init__(
        self,
        vocabulary: ByteVocabulary,
        never: NDArray[np.bool_],
        whole: NDArray[np.bool_],
        opening: Opener | None,
        *,
        splits: bool = True,
    ) -> None:
        self._splits = splits
        self._opening = opening
        found: dict[Group, int] = {}
        of = np.full(len(vocabulary), -1, np.int32)
        near = of.copy() if splits else of
        for position in np.flatnonzero(~never).tolist():
            groups = self._groups(vocabulary.token(position), position, whole=bool(whole[position]))
            if groups is not None:
                plain = of[position] = found.setdefault(groups[0], len(found))
                if splits:
                    near[position] = plain if groups[1] is None else found.setdefault(groups[1], len(found))
        of[of < 0] = len(found)
        near[near < 0] = len(found)
        self.of: NDArray[np.int32] = of
        self.near: NDArray[np.int32] = near
        self.groups: tuple[Group, ...] = tuple(found)

    def _groups(self, token: bytes, position: int, *, whole: bool) -> tuple[Group, Group | None] | None:
        """Group of a token, and behind an apostrophe if it is another there; None if no text has it."""
        if self._opening is None:
            return Group("b", whole=whole), None
        parts = cut(token)
        if parts is None:
            return None
        text, partial = parts
        shape = shape_of(text) if self._splits else "b" * len(text)
        near = shape_of(text[:2], after_apostrophe=True) + shape[2:] if self._splits else shape
        opening, ragged = NONE_OPEN, bool(partial)
        if partial:
            opening = NONE_OPEN if whole else self._opening(position, partial)
            if not opening:
                return None
        plain = Group(collapse(shape), opening, ragged, whole)
        return plain, None if near == shape else Group(collapse(near), opening, ragged, whole)
