"""Judge of Unigram encoding: the best path is not decided by pairs."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel._char_bpe import FallbackBytes
from tokbench.bytelevel.canonical import CanonicalRule, Context, Mask
from tokbench.tokenizers.rules import UnigramRules
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["UnigramRule"]

_TIE = 1e-5
_ROUNDING = 2.0**-22  # engines add scores in float32, in another order for each path: nearer ones count as equal
_KEPT = 4096  # ends of texts whose crossing pieces are remembered
_KEPT_ENTRIES = 1 << 20

_Crossing = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class _State(Context):
    data: bytes = b""  # the last bytes, as many as the longest piece has
    best: tuple[float, ...] = (0.0,)  # best score of a path to each of their offsets, -inf inside characters
    partial: bytes = b""
    total: float = 0.0  # score of the whole text, for the size of rounding errors


class UnigramRule(CanonicalRule):
    """A sequence is admitted while it is a best path to its end; ties are admitted.

    The best path of a longer text may pass here or not; that the text may end here is enough.

    Args:
        rules: Scores of the pieces.
        vocabulary: The byte vocabulary.
    """

    def __init__(self, rules: UnigramRules, vocabulary: ByteVocabulary) -> None:
        self._vocabulary = vocabulary
        self._scores = {piece: rules.scores[token_id] for piece, token_id in rules.tokens.items()}
        self._unknown = rules.unknown_score
        self._longest = max(map(len, self._scores), default=1)
        self._fallback = FallbackBytes(rules.fallback, rules.tokens, rules.absent, vocabulary)
        n = len(vocabulary)
        self._score = np.full(n, -np.inf)
        position = {int(token_id): index for index, token_id in enumerate(vocabulary.ids)}
        for piece, token_id in rules.tokens.items():
            if token_id in position:
                self._score[position[token_id]] = self._scores[piece]
        # best score of the end of each piece from its byte k on, [k, token]
        self._ends = np.full((self._longest + 1, n), -np.inf)
        for index in range(n):
            if np.isfinite(self._score[index]):
                ends = self._suffix_scores(vocabulary.token(index))
                self._ends[: len(ends), index] = ends
        with np.errstate(invalid="ignore"):  # tokens that are no pieces have no score
            self._lead = np.where(np.isfinite(self._score), self._ends[0] - self._score, np.inf)
        self._cache: OrderedDict[bytes, _Crossing] = OrderedDict()
        self._entries = 0
        # characters inside pieces that are no pieces: spelled in bytes, they compete with those pieces
        self._rivals = {
            character for piece in self._scores if len(piece) > 1
            for character in piece.decode("utf-8", "replace") if character.encode() not in self._scores
        }  # fmt: skip

    @cached_property
    def _sorted(self) -> list[bytes]:
        return [self._vocabulary.token(index) for index in range(len(self._vocabulary))]

    # ------------------------------------------------------------------ paths

    def _suffix_scores(self, piece: bytes) -> list[float]:
        """Best score of every suffix of ``piece``; -inf where a suffix begins inside a character."""
        n = len(piece)
        best = [-np.inf] * n + [0.0]
        for start in range(n - 1, -1, -1):
            if piece[start] & 0xC0 == 0x80:  # noqa: PLR2004, a byte that continues a character
                continue
            best[start] = max(
                (self._scores[piece[start:end]] + best[end] for end in range(start + 1, n + 1)
                 if piece[start:end] in self._scores),
                default=-np.inf,
            )  # fmt: skip
            width = _width(piece[start])
            if piece[start : start + width] not in self._scores and start + width <= n:
                best[start] = max(best[start], self._unknown + best[start + width])
        return best

    def _walk(self, state: _State, added: bytes) -> tuple[bytes, list[float]]:
        """Best scores of paths to every offset of the kept bytes and the added ones."""
        data, best = state.data + added, list(state.best)
        places = [place for place, value in enumerate(best) if value > -np.inf]
        scores, longest = self._scores, self._longest
        for end in range(len(state.data) + 1, len(data) + 1):
            top = -np.inf
            for start in places:
                if end - start > longest:
                    continue
                score = scores.get(data[start:end])
                if score is None:
                    if end - start > 4 or not _is_character(data[start:end]):  # noqa: PLR2004, UTF-8
                        continue
                    score = self._unknown
                top = max(top, best[start] + score)
            best.append(top)
            if top > -np.inf:
                places.append(end)
        return data, best

    def _kept(self, data: bytes, best: list[float], partial: bytes, total: float) -> _State:
        shift = max(0, len(data) - self._longest - len(partial))
        best = best[shift:]
        base = max(best)  # only differences matter; without this, scores of long texts would lose digits
        return _State(data=data[shift:], best=tuple([value - base for value in best]), partial=partial, total=total)

    # ------------------------------------------------------------------ judging

    def root(self) -> Context:
        """See :meth:`CanonicalRule.root`."""
        return _State()

    def step(self, context: Context, token: int) -> Context | None:
        """See :meth:`CanonicalRule.step`."""
        assert isinstance(context, _State)
        tie = _TIE + _ROUNDING * abs(context.total)
        byte = self._fallback.byte_of.get(token)
        if byte is not None:
            partial = self._fallback.step(context.partial, byte)
            if partial is None:
                return None
            data, best = self._walk(context, bytes([byte]))
            if partial:
                return self._kept(data, best, partial, context.total)
            start = len(data) - len(context.partial) - 1
            if best[start] + self._unknown < best[-1] - tie:
                return None
            return self._kept(data, best, partial, context.total + self._unknown)
        if context.partial or self._score[token] == -np.inf:
            return None
        data, best = self._walk(context, self._vocabulary.token(token))
        score = float(self._score[token])
        if context.best[-1] + score < best[-1] - tie:
            return None
        return self._kept(data, best, b"", context.total + score)

    def dead(self, context: Context, lo: int, hi: int) -> Mask | None:
        """See :meth:`CanonicalRule.dead`."""
        assert isinstance(context, _State)
        if context.partial:
            mask = np.ones(hi - lo, np.bool_)
        else:
            tie = _TIE + _ROUNDING * abs(context.total)
            mask = self._lead[lo:hi] > tie
            here = context.best[-1]
            # a better path has one last piece that begins before this place and reaches into the token
            for start, value in enumerate(context.best[:-1]):
                if value > -np.inf and self._is_head(context.data[start:]):
                    index, score = self._crossing(context.data[start:])
                    first, end = np.searchsorted(index, (lo, hi))
                    better = index[first:end][score[first:end] > here - value + tie]
                    mask[better - lo] = True
        positions = self._fallback.positions
        first, end = np.searchsorted(positions, (lo, hi))
        if first < end:
            mask[positions[first:end] - lo] = self._fallback.dead(context.partial)[first:end]
            if self._rivals:
                for index in positions[first:end].tolist():
                    mask[index - lo] = mask[index - lo] or self.step(context, index) is None
        return mask

    def _is_head(self, known: bytes) -> bool:
        """Whether a longer token begins so; for most ends of a text none does."""
        at = bisect_left(self._sorted, known)
        while at < len(self._sorted) and self._sorted[at] == known:
            at += 1
        return at < len(self._sorted) and self._sorted[at].startswith(known)

    def _crossing(self, known: bytes) -> _Crossing:
        """Tokens that a piece beginning with ``known`` reaches into, and the lead of the best such path.

        The lead is the score of the piece and of the best path from its end to that of the token, less the score of
        the token.
        """
        found = self._cache.get(known)
        if found is not None:
            self._cache.move_to_end(known)
            return found
        lead = np.full(len(self._vocabulary), -np.inf)
        first, end = self._vocabulary.range(known)
        for index in range(first, end):
            score = self._score[index]
            rest = self._sorted[index][len(known) :]
            if rest and score > -np.inf:
                a = bisect_left(self._sorted, rest)
                b = bisect_left(self._sorted, rest + b"\xff" * self._longest, a)
                if a < b:
                    np.maximum(lead[a:b], score + self._ends[len(rest), a:b], out=lead[a:b])
        index_of = np.flatnonzero((lead > -np.inf) & np.isfinite(self._score))
        found = self._cache[known] = (index_of, lead[index_of] - self._score[index_of])
        self._entries += len(index_of)
        while len(self._cache) > _KEPT or self._entries > _KEPT_ENTRIES:
            _, (dropped, _) = self._cache.popitem(last=False)
            self._entries -= len(dropped)
        return found

    def complete(self, context: Context) -> bool:
        """See :meth:`CanonicalRule.complete`."""
        assert isinstance(context, _State)
        return not context.partial


def _width(lead: int) -> int:
    return 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4  # noqa: PLR2004, UTF-8


def _is_character(data: bytes) -> bool:
    return _width(data[0]) == len(data) and (data[0] < 0x80 or data[0] >= 0xC2)  # noqa: PLR2004, UTF-8
