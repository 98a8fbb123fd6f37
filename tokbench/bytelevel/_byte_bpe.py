"""Judge of byte-level byte-pair encoding, with a split pattern that may look ahead or without one.

What has to hold for a sequence: some alternative of its text (see :mod:`tokbench.bytelevel.boundaries`) has no
boundary strictly inside a token, and wherever it has none between two tokens, the two may be neighbours inside a
pre-token. Only the text behind the last *decided* boundary, one that all alternatives share, can still matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel._tails import AS_NEIGHBOUR, REFUTED, Link, Tail, Tails
from tokbench.bytelevel.boundaries import Splitter, collapse
from tokbench.bytelevel.canonical import CanonicalRule, Context, Mask
from tokbench.bytelevel.pairs import PairTable
from tokbench.bytelevel.shapes import Opening, Shapes, Unfinished
from tokbench.tokenizers.rules import BpeRules
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["ByteBpeRule"]

_LINKS = 1 << 14  # steps between tails that are remembered
_BASE_BYTES = 8 << 20  # for masks of tails
_RANGES = 512  # ranges of tokens whose groups are remembered
_INSIDES = 1 << 12  # contexts inside a character whose tokens are remembered
_TRIES = 64  # tokens that are tried before a context is called undecided

_Starts = tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _State(Context):
    tail: Tail = field(kw_only=True)
    last: int = -1
    partial: bytes = b""  # the unfinished character at its end
    starts: _Starts = ()  # where a pre-token may have begun and its bytes, while they can become a token found whole
    marks: list[Mask] = field(default_factory=list)  # the answer for all tokens, once asked for


class ByteBpeRule(CanonicalRule):
    """Judge of byte-level BPE.

    Args:
        rules: Merges and a recognised split pattern, or none.
        vocabulary: The byte vocabulary.
        utf8: Whether texts are UTF-8; if not there can be no split pattern.
    """

    def __init__(self, rules: BpeRules, vocabulary: ByteVocabulary, *, utf8: bool = True) -> None:
        assert utf8 or rules.pattern is None, "a split pattern sees characters"
        self._vocabulary = vocabulary
        self._pairs = PairTable(vocabulary, rules)
        self._splitter = Splitter(rules.pattern)
        self._tails = Tails(self._splitter)
        self._utf8 = utf8
        reachable = self._pairs.reachable
        self._is_whole = self._pairs.member & ~reachable if rules.whole_first else np.zeros(len(vocabulary), np.bool_)
        self._never = ~(reachable | self._is_whole)
        self._whole = sorted(vocabulary.token(int(index)) for index in np.flatnonzero(self._is_whole))
        self._whole_set = frozenset(self._whole)
        self._longest_whole = max(map(len, self._whole), default=0)
        self._unfinished = Unfinished(vocabulary, self._pairs, splits=self._splitter.splits)
        self._links: dict[tuple[Tail, int, bool], Link | None] = {}
        self._base_bytes = 0
        self._present: dict[tuple[bool, int, int], NDArray[np.int64]] = {}
        self._insides: dict[tuple[Tail, int, bytes, int, int], NDArray[np.int64]] = {}
        self._root = _State(tail=self._tails.start, starts=((0, b""),) if self._whole else ())

    @cached_property
    def _shapes(self) -> Shapes:
        """Groups of tokens."""
        opening = self._unfinished.opening if self._utf8 else None
        return Shapes(self._vocabulary, self._never, self._is_whole, opening, splits=self._splitter.splits)

    def _group_of(self, tail: Tail) -> NDArray[np.int32]:
        return self._shapes.near if tail.near else self._shapes.of

    @property
    def nbytes(self) -> int:
        """Memory of the tables in bytes, without what is remembered of recent answers."""
        return self._pairs.nbytes + self._shapes.of.nbytes + self._shapes.near.nbytes

    def root(self) -> Context:
        """See :meth:`CanonicalRule.root`."""
        return self._root

    # ------------------------------------------------------------------ one step

    def step(self, context: Context, token: int) -> Context | None:
        """See :meth:`CanonicalRule.step`."""
        assert isinstance(context, _State)
        state = self._extend(context, token)
        if state is None or state.tail.ends or self._witnessed(state):
            return state
        return _State(
            undecided=True, tail=state.tail, last=state.last, partial=state.partial, starts=state.starts,
            marks=state.marks,
        )  # fmt: skip

    def _extend(self, context: _State, token: int) -> _State | None:
        if context.partial:
            return self._finish(context, token)
        tail = context.tail
        groups = self._shapes.groups
        number = int(self._group_of(tail)[token])
        code = self._tails.code(tail, number, groups)
        if code == REFUTED:
            return None
        follows = not tail.shape or self._follows(context.last, token)
        if code == AS_NEIGHBOUR and not follows:
            return None
        if context.starts:
            return self._with_starts(context, token, follows=follows)
        key = (tail, number, follows)
        link = self._links.get(key)
        if link is None:
            if len(self._links) >= _LINKS:
                self._links.clear()
            link = self._links[key] = self._link(tail, number, follows=follows)
        if link is None:
            return None
        partial = self._partial(token) if groups[number].ragged else b""
        return _State(tail=link.tail, last=token, partial=partial)

    def _follows(self, last: int, token: int) -> bool:
        """Whether two tokens may be neighbours."""
        whole = self._is_whole
        return not (whole[token] or whole[last]) and self._pairs.valid(last, token)

    def _partial(self, token: int) -> bytes:
        parts = self._unfinished.parts(b"", token)
        assert parts is not None
        return parts[1]

    def _link(self, tail: Tail, number: int, *, follows: bool) -> Link | None:
        group = self._shapes.groups[number]
        shape, join = tail.shape + group.shape, len(tail.shape)
        required = tail.required if follows or not join else tail.required | {join}
        if group.whole:
            required |= {len(shape)}
        allowed = tail.allowed | {join} if join else tail.allowed
        return self._tails.make(shape, allowed, required, tail.vetoes, group.opening)

    def _finish(self, context: _State, token: int) -> _State | None:
        """The step inside a character, where there is no boundary."""
        if self._never[token] or not self._follows(context.last, token):
            return None
        parts = self._unfinished.parts(context.partial, token)
        if parts is None:
            return None
        text, partial = parts
        opening = self._unfinished.opening(token, partial)
        if partial and not opening:
            return None
        tail = context.tail
        shape = tail.shape + collapse(self._unfinished.shape_of(text))
        return self._moved(context, token, partial, self._tails.make(
            shape, tail.allowed, tail.required, self._vetoes(context, token, len(shape), partial), opening
        ))  # fmt: skip

    # ------------------------------------------------------------------ tokens found whole

    def _with_starts(self, context: _State, token: int, *, follows: bool) -> _State | None:
        tail = context.tail
        group = self._shapes.groups[int(self._group_of(tail)[token])]
        shape, join = tail.shape + group.shape, len(tail.shape)
        required = tail.required if follows or not join else tail.required | {join}
        if group.whole:
            required |= {len(shape)}
        partial = self._partial(token) if group.ragged else b""
        return self._moved(context, token, partial, self._tails.make(
            shape, tail.allowed | {join} if join else tail.allowed, required,
            self._vetoes(context, token, len(shape), partial), group.opening,
        ))  # fmt: skip

    def _vetoes(self, context: _State, token: int, end: int, partial: bytes) -> frozenset[tuple[int, int]]:
        """Pre-tokens that are tokens found whole, and so cannot be several tokens."""
        vetoes = context.tail.vetoes
        if partial or not context.starts:
            return vetoes
        added = self._vocabulary.token(token)
        return vetoes.union((start, end) for start, data in context.starts if data and data + added in self._whole_set)

    def _moved(self, context: _State, token: int, partial: bytes, link: Link | None) -> _State | None:
        if link is None:
            return None
        starts: list[tuple[int, bytes]] = []
        if context.starts:
            added = self._vocabulary.token(token)
            for start, data in context.starts:
                place = link.moved(start)
                if place is not None and len(data) + len(added) < self._longest_whole:
                    starts.append((place, data + added))
            if not partial:
                starts.append((len(link.tail.shape), b""))
        return _State(tail=link.tail, last=token, partial=partial, starts=tuple(starts))

    @cached_property
    def _rests(self) -> dict[bytes, NDArray[np.int64]]:
        """Tokens that make a token found whole of the bytes in front of them, by these bytes."""
        position = {self._vocabulary.token(int(index)): int(index) for index in np.flatnonzero(self._pairs.member)}
        found: dict[bytes, list[int]] = {}
        for whole in self._whole:
            for cut in range(1, len(whole)):
                index = position.get(whole[cut:])
                if index is not None:
                    found.setdefault(whole[:cut], []).append(index)
        return {data: np.array(sorted(indices), np.int64) for data, indices in found.items()}

    def _mark_whole(self, context: _State, mask: Mask, lo: int, hi: int) -> None:
        """Tokens that would make a token found whole of several, where a pre-token has to end behind them."""
        of = self._group_of(context.tail)
        for start, data in context.starts:
            rests = self._rests.get(data)
            if rests is None:
                continue
            rests = rests[slice(*np.searchsorted(rests, (lo, hi)))]
            groups = of[rests]
            for number in np.unique(groups).tolist():
                if self._ends_behind(context.tail, start, number):
                    for index in rests[groups == number].tolist():
                        mask[index - lo] = self._extend(context, index) is None

    def _ends_behind(self, tail: Tail, start: int, number: int) -> bool:
        """Whether a pre-token from ``start`` through a token of a group always ends with it."""
        if number == len(self._shapes.groups):
            return False
        known = tail.ended.get((start, number))
        if known is None:
            group = self._shapes.groups[number]
            shape, join = tail.shape + group.shape, len(tail.shape)
            allowed = tail.allowed | {join} if join else tail.allowed
            vetoes = tail.vetoes | {(start, len(shape))}
            known = self._tails.make(shape, allowed, tail.required, vetoes, group.opening) is None
            tail.ended[start, number] = known
        return known

    # ------------------------------------------------------------------ witnesses

    def _witnessed(self, state: _State) -> bool:
        """Whether one more token shows a text: a pre-token can then end."""
        known = state.tail.witnesses.get(state.last)
        if known is None or state.starts or state.partial:
            known = any(self._ends(state, index) for index in self._candidates(state))
            state.tail.witnesses[state.last] = known
        return known

    def _ends(self, state: _State, token: int) -> bool:
        found = self._extend(state, token)
        return found is not None and found.tail.ends

    def _candidates(self, state: _State) -> list[int]:
        """Tokens to try: short ones of every kind, then some that are not refuted, one of each group."""
        mask = self.dead(state, 0, len(self._vocabulary))
        alive = np.flatnonzero(~mask) if mask is not None else np.arange(len(self._vocabulary))
        groups = self._shapes.of[alive]
        _, first = np.unique(groups, return_index=True)
        chosen = alive[np.sort(first)]
        return [int(index) for index in chosen[np.argsort(self._vocabulary.lengths[chosen], kind="stable")][:_TRIES]]

    # ------------------------------------------------------------------ all tokens at once

    def dead(self, context: Context, lo: int, hi: int) -> Mask | None:
        """See :meth:`CanonicalRule.dead`."""
        assert isinstance(context, _State)
        if context.marks:
            return context.marks[0][lo:hi]
        mask = self._dead_inside(context, lo, hi) if context.partial else self._dead_behind(context, lo, hi)
        mask.setflags(write=False)
        if hi - lo == len(self._vocabulary):
            context.marks.append(mask)
        return mask

    def _dead_inside(self, context: _State, lo: int, hi: int) -> Mask:
        mask = np.ones(hi - lo, np.bool_)
        first, end = self._unfinished.range(context.partial)
        first, end = max(first, lo), min(end, hi)
        if first < end:
            mask[self._alive_inside(context, first, end) - lo] = False
        return mask

    def _alive_inside(self, context: _State, lo: int, hi: int) -> NDArray[np.int64]:
        """Tokens of a range that may follow inside a character."""
        if context.starts or self._is_whole[context.last]:
            following = self._unfinished.following(context.last, lo, hi)
            return np.array([index for index in following if self._extend(context, index) is not None], np.int64)
        key = (context.tail, context.last, context.partial, lo, hi)
        known = self._insides.get(key)
        if known is None:
            if len(self._insides) >= _INSIDES:
                self._insides.clear()
            following = self._unfinished.following(context.last, lo, hi)
            fates: dict[tuple[str, Opening], bool] = {}  # tokens of one shape fare alike
            known = self._insides[key] = np.array(
                [index for index in following if self._finishes(context, index, fates)], np.int64
            )
        return known

    def _finishes(self, context: _State, token: int, fates: dict[tuple[str, Opening], bool]) -> bool:
        """What :meth:`_finish` decides of a token that may be a neighbour, where no token is found whole."""
        parts = None if self._never[token] else self._unfinished.parts(context.partial, token)
        if parts is None:
            return False
        text, partial = parts
        opening = self._unfinished.opening(token, partial)
        if partial and not opening:
            return False
        shape = self._unfinished.shape_of(text)
        known = fates.get((shape, opening))
        if known is None:
            tail = context.tail
            link = self._tails.make(tail.shape + collapse(shape), tail.allowed, tail.required, tail.vetoes, opening)
            known = fates[shape, opening] = link is not None
        return known

    def _dead_behind(self, context: _State, lo: int, hi: int) -> Mask:
        mask, neighbours = self._base(context.tail, lo, hi)
        if context.tail.shape:
            if not self._is_whole[context.last]:
                neighbours &= self._pairs.invalid(context.last, lo, hi)
            mask |= neighbours
        if context.starts:
            self._mark_whole(context, mask, lo, hi)
        return mask

    def _base(self, tail: Tail, lo: int, hi: int) -> tuple[Mask, Mask]:
        """Tokens of a range that a tail refutes, and those that it asks to be neighbours."""
        packed = tail.bases.get((lo, hi))
        if packed is None:
            groups = self._group_of(tail)[lo:hi]
            key = (tail.near, lo, hi)
            present = self._present.get(key)
            if present is None:
                if len(self._present) >= _RANGES:
                    self._present.clear()
                present = self._present[key] = np.flatnonzero(np.bincount(groups, minlength=1))
            codes = self._tails.fill(tail, present, self._shapes.groups)[groups]
            packed = np.packbits(codes == REFUTED), np.packbits(codes == AS_NEIGHBOUR)
            self._base_bytes += sum(bits.nbytes for bits in packed)
            if self._base_bytes > _BASE_BYTES:
                self._tails.forget_bases()
                self._base_bytes = sum(bits.nbytes for bits in packed)
            tail.bases[lo, hi] = packed
        refuted, neighbours = (np.unpackbits(bits, count=hi - lo).view(np.bool_) for bits in packed)
        return refuted, neighbours

    # ------------------------------------------------------------------ the end

    def complete(self, context: Context) -> bool:
        """See :meth:`CanonicalRule.complete`."""
        assert isinstance(context, _State)
        return not context.partial and context.tail.complete
