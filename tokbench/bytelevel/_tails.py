"""What of a text can still matter to the tokens behind it: the part since the last decided boundary, in shapes.

A boundary is decided when every way of going on has it. In front of it the tokens need not be remembered; behind it
they matter only by where a pre-token may end (a token ends there) and has to (the next token may not be its
neighbour). Tails that agree in this are one object, and what was found out about one is kept with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel.boundaries import Splitter, collapse
from tokbench.bytelevel.shapes import NONE_OPEN, Group, Opening

__all__ = ["AS_NEIGHBOUR", "FREE", "REFUTED", "Link", "Tail", "Tails"]

REFUTED, AS_NEIGHBOUR, FREE = 0, 1, 2
"""What a tail asks of the next token: nothing helps, it has to be a neighbour of the last, or nothing."""

_UNKNOWN = 255
_HEAD = 2  # characters of a token that are tried first
_KEPT = 2048  # tails that are remembered
_NO_CUTS: frozenset[int] = frozenset()

_Key: TypeAlias = tuple[str, frozenset[int], frozenset[int], frozenset[tuple[int, int]], Opening]
Bits: TypeAlias = NDArray[np.uint8]


@dataclass(slots=True, eq=False)
class Tail:
    """A tail.

    Attributes:
        shape: Shape of its complete characters, one representative a character.
        allowed: Where inside it a pre-token may end.
        required: Where one has to end.
        vetoes: Pairs of places that may not both be ends without another between them.
        opening: What the unfinished character behind it can become.
        ends: Whether a pre-token can end with it (with its unfinished character, once that is finished).
        complete: Whether its tokens are the encoding of a text that ends here.
        codes: What it asks of each group of tokens, as far as it is known; uint8.
        bases: Of ranges of tokens, those refuted and those that have to be neighbours, a bit each.
        witnesses: Of last tokens, whether some token can follow and end a pre-token.
        ended: Of places and groups, whether a pre-token from there through a token of the group ends with it.
        heads: Its boundaries in front of the first characters of a token, where these decide them.
    """

    shape: str
    allowed: frozenset[int] = _NO_CUTS
    required: frozenset[int] = _NO_CUTS
    vetoes: frozenset[tuple[int, int]] = frozenset()
    opening: Opening = NONE_OPEN
    ends: bool = True
    complete: bool = True
    codes: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    bases: dict[tuple[int, int], tuple[Bits, Bits]] = field(default_factory=dict)
    witnesses: dict[int, bool] = field(default_factory=dict)
    heads: dict[str, tuple[int, ...] | None] = field(default_factory=dict)
    ended: dict[tuple[int, int], bool] = field(default_factory=dict)

    @property
    def near(self) -> bool:
        """Whether the first letters of the next token may belong to a contraction."""
        return "'" in self.shape[-2:]


@dataclass(frozen=True, slots=True)
class Link:
    """A tail that a longer one was cut down to, and where its places are now.

    Attributes:
        tail: The tail.
        decided: Place of the last decided boundary.
        kept: Place, counted from there, from which on all are kept.
        removed: How many characters were removed in front of that place.
    """

    tail: Tail
    decided: int
    kept: int
    removed: int

    def moved(self, place: int) -> int | None:
        """Where a place is in the new tail; None if it cannot matter any more."""
        place -= self.decided
        if place <= 0:
            return 0 if place == 0 else None
        return place - self.removed if place >= self.kept else None


def _consecutive(cuts: tuple[int, ...], vetoes: frozenset[tuple[int, int]]) -> bool:
    return any(pair in vetoes for pair in zip((0, *cuts), cuts, strict=False))


class Tails:
    """The tails of one split pattern.

    Args:
        splitter: The pattern.
    """

    def __init__(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self._alone = lru_cache(maxsize=1 << 13)(self._find_alone)
        self._tails: dict[_Key, Tail] = {}
        self.start = self._intern("", _NO_CUTS, _NO_CUTS, frozenset(), NONE_OPEN)

    def forget_bases(self) -> None:
        """Give back the memory of masks."""
        for tail in self._tails.values():
            tail.bases.clear()
        self.start.bases.clear()

    # ------------------------------------------------------------------ making

    def make(
        self,
        shape: str,
        allowed: frozenset[int],
        required: frozenset[int],
        vetoes: frozenset[tuple[int, int]],
        opening: Opening,
    ) -> Link | None:
        """The tail of tokens with these places; None if no alternative fits them."""
        length = len(shape)
        limit = length + 1 if opening else length  # places of cuts that lie inside the tokens are below
        found: set[tuple[int, ...]] = set()
        fits = False
        for last in opening.shapes or ("",):
            for cuts in self._splitter.alternatives(shape + last):
                inside = tuple([cut for cut in cuts if cut <= length])
                found.add(inside)
                fits = fits or self._fits(inside, allowed, required, vetoes, limit)
        if not fits:
            return None
        decided = _agreed(found)
        places = {cut - decided for cuts in found for cut in cuts if decided < cut < limit}
        shape = shape[decided:]
        kept = min(places, default=len(shape))
        head = collapse(shape[:kept])
        removed = kept - len(head)
        shape = head + shape[kept:]
        moved = {place: place - decided - removed for place in allowed | required if place - decided in places}
        required = frozenset(moved.get(place, place - decided - removed) for place in required if place > decided)
        tail = self._intern(
            shape,
            frozenset(moved[place] for place in allowed if place in moved),
            required,
            frozenset(
                (max(start - decided - removed, 0), end - decided - removed)
                for start, end in vetoes
                if (start == decided or start - decided in places) and (end == length or end - decided in places)
            ) if vetoes else vetoes,
            opening,
        )  # fmt: skip
        return Link(tail, decided, kept, removed)

    @staticmethod
    def _fits(
        cuts: tuple[int, ...],
        allowed: frozenset[int],
        required: frozenset[int],
        vetoes: frozenset[tuple[int, int]],
        limit: int,
    ) -> bool:
        return (
            all(cut in allowed for cut in cuts if cut < limit)
            and required.issubset(cuts)
            and not (vetoes and _consecutive(cuts, vetoes))
        )

    def _intern(
        self,
        shape: str,
        allowed: frozenset[int],
        required: frozenset[int],
        vetoes: frozenset[tuple[int, int]],
        opening: Opening,
    ) -> Tail:
        key = (shape, allowed, required, vetoes, opening)
        found = self._tails.get(key)
        if found is None:
            if len(self._tails) >= _KEPT:
                self._tails.clear()
            found = self._tails[key] = Tail(shape, allowed, required, vetoes, opening)
            length = len(shape)
            if opening:
                found.complete = False
                found.ends = any(
                    length + 1 in cuts and self._fits(cuts, allowed, required, vetoes, length + 1)
                    for last in opening.sure
                    for cuts in self._splitter.alternatives(shape + last)
                )
            else:
                found.complete = self._fits(self._splitter.boundaries(shape), allowed, required, vetoes, length)
                found.ends = found.complete or not shape or any(
                    length in cuts and self._fits(cuts, allowed, required, vetoes, length)
                    for cuts in self._splitter.alternatives(shape)
                )  # fmt: skip
        return found

    # ------------------------------------------------------------------ asking

    def code(self, tail: Tail, number: int, groups: tuple[Group, ...]) -> int:
        """What a tail asks of a group of tokens."""
        if not len(tail.codes):
            tail.codes = np.full(len(groups) + 1, _UNKNOWN, np.uint8)
            tail.codes[-1] = REFUTED
        code = int(tail.codes[number])
        if code == _UNKNOWN:
            code = tail.codes[number] = self._find(tail, groups[number])
        return code

    def fill(self, tail: Tail, present: NDArray[np.int64], groups: tuple[Group, ...]) -> NDArray[np.uint8]:
        """The codes of a tail, with those of some groups filled in."""
        if not len(tail.codes):
            self.code(tail, len(groups), groups)
        for number in present[tail.codes[present] == _UNKNOWN].tolist():
            tail.codes[number] = self._find(tail, groups[number])
        return tail.codes

    def _find(self, tail: Tail, group: Group) -> int:
        """What the alternatives of a tail and a group say of the two: see :data:`REFUTED`."""
        if not tail.shape:
            return FREE if self._alone(group) else REFUTED
        if len(group.shape) >= _HEAD:
            # mostly the first characters of a token decide where pre-tokens end in front of it
            before = self._before(tail, group.shape[:_HEAD])
            if before is not None:
                if not self._fits(before, tail.allowed, tail.required, tail.vetoes, len(tail.shape)):
                    return REFUTED
                if len(tail.shape) in before:
                    return FREE if self._alone(group) else REFUTED
        return self._compare(tail, group)

    def _find_alone(self, group: Group) -> bool:
        """Whether tokens of a group can begin a pre-token, and be it where they are found whole only."""
        end = len(group.shape) + (1 if group.ragged else 0)
        return any(
            not any(0 < cut < end for cut in cuts) and (not group.whole or end in cuts)
            for last in group.opening.shapes or ("",)
            for cuts in self._splitter.alternatives(group.shape + last)
        )

    def _before(self, tail: Tail, head: str) -> tuple[int, ...] | None:
        """Boundaries of a tail, its end included, in front of these characters; None if they do not decide them."""
        if head not in tail.heads:
            join = len(tail.shape)
            found = {tuple([cut for cut in cuts if cut <= join])
                     for cuts in self._splitter.alternatives(tail.shape + head)}  # fmt: skip
            tail.heads[head] = next(iter(found)) if len(found) == 1 else None
        return tail.heads[head]

    def _compare(self, tail: Tail, group: Group) -> int:
        """The same as :meth:`_find`, by all alternatives."""
        shape = tail.shape + group.shape
        join, end = len(tail.shape), len(shape) + (1 if group.ragged else 0)
        best = REFUTED
        for last in group.opening.shapes or ("",):
            for cuts in self._splitter.alternatives(shape + last):
                if any(join < cut < end for cut in cuts):
                    continue
                joined = join in cuts
                if best and not joined:
                    continue  # it could say nothing new
                before = tuple([cut for cut in cuts if cut <= join])
                if not self._fits(before, tail.allowed, tail.required, tail.vetoes, join):
                    continue
                if group.whole and not (joined and end in cuts):
                    continue
                if joined:
                    return FREE
                best = AS_NEIGHBOUR
        return best


def _agreed(found: set[tuple[int, ...]]) -> int:
    """The last place up to which all alternatives have the same boundaries, itself one of them."""
    if len(found) == 1:
        only = next(iter(found))
        return only[-1] if only else 0
    agreed = 0
    for places in zip(*found, strict=False):
        if any(place != places[0] for place in places):
            break
        agreed = places[0]
    return agreed
