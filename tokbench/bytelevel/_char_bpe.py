"""Judge of byte-pair encoding over characters with byte fallback (sentencepiece BPE)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tokbench.bytelevel.canonical import CanonicalRule, Context, Mask
from tokbench.bytelevel.pairs import PairTable
from tokbench.bytelevel.utf8 import count_completions, cut
from tokbench.tokenizers.rules import BpeRules
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["CharacterBpeRule", "FallbackBytes"]

_NONE: frozenset[bytes] = frozenset()


class FallbackBytes:
    """The tokens of single bytes that spell characters without a piece of their own.

    A byte token is admitted only while the finished character can still be one without a piece.

    Args:
        fallback: Id of each byte.
        pieces: Every other piece.
        absent: Characters that no text holds.
        vocabulary: The byte vocabulary.
    """

    def __init__(
        self, fallback: Mapping[int, int], pieces: Iterable[bytes], absent: frozenset[str], vocabulary: ByteVocabulary
    ) -> None:
        position = {int(token_id): index for index, token_id in enumerate(vocabulary.ids)}
        self.byte_of = {position[token_id]: byte for byte, token_id in fallback.items() if token_id in position}
        self.positions = np.array(sorted(self.byte_of), np.int64)
        self._bytes = np.array([self.byte_of[int(index)] for index in self.positions], np.uint8)
        self._characters = {piece for piece in pieces if len(piece.decode("utf-8", "replace")) == 1}
        self._characters |= {character.encode() for character in absent}
        self._known = Counter(
            character[:length] for character in self._characters for length in range(1, len(character))
        )
        self.dead = lru_cache(maxsize=512)(self._dead)

    def step(self, partial: bytes, byte: int, blocked: frozenset[bytes] = _NONE) -> bytes | None:
        """The unfinished character with one more byte, empty when it is finished; None if it cannot be.

        Args:
            partial: The unfinished character; empty where the byte begins one.
            byte: The byte.
            blocked: Characters without a piece that cannot stand here.
        """
        data = partial + bytes([byte])
        parts = cut(data)
        if parts is None:
            return None
        if not parts[1]:
            return None if data in self._characters or data in blocked else b""
        spelled = self._known[data] + (sum(character.startswith(data) for character in blocked) if blocked else 0)
        return data if count_completions(data) > spelled else None

    def _dead(self, partial: bytes, blocked: frozenset[bytes] = _NONE) -> Mask:
        """Which of the byte tokens cannot follow; shape of :attr:`positions`."""
        return np.array([self.step(partial, int(byte), blocked) is None for byte in self._bytes], np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class _State(Context):
    last: int = -1  # the symbol whose neighbour comes next; -1 at the beginning and behind one that never merges
    partial: bytes = b""


class CharacterBpeRule(CanonicalRule):
    """One context for each offset: there is no split pattern, so nothing depends on what follows.

    Args:
        rules: Merges of characters.
        vocabulary: The byte vocabulary.
    """

    def __init__(self, rules: BpeRules, vocabulary: ByteVocabulary) -> None:
        self._pairs = PairTable(vocabulary, rules)
        self._fallback = FallbackBytes(rules.fallback, rules.tokens, rules.absent, vocabulary)
        self._n = len(vocabulary)
        self._unreachable = ~self._pairs.reachable[: self._n]
        self._symbols = {symbol: self._n + index for index, symbol in enumerate(self._pairs.symbols)}

    def root(self) -> Context:
        """See :meth:`CanonicalRule.root`."""
        return _State()

    def _blocked(self, last: int) -> frozenset[bytes]:
        """Characters without a piece of their own that would merge with what is in front of them."""
        if last < 0 or not self._symbols:
            return _NONE
        invalid = self._pairs.invalid(last, self._n, self._n + len(self._symbols))
        return frozenset(self._pairs.symbols[index] for index in np.flatnonzero(invalid))

    def step(self, context: Context, token: int) -> Context | None:
        """See :meth:`CanonicalRule.step`."""
        assert isinstance(context, _State)
        byte = self._fallback.byte_of.get(token)
        if byte is not None:
            partial = self._fallback.step(context.partial, byte, self._blocked(context.last))
            if partial is None:
                return None
            if partial:
                return _State(last=context.last, partial=partial)
            return _State(last=self._symbols.get(context.partial + bytes([byte]), -1))
        if context.partial or self._unreachable[token]:
            return None
        if context.last >= 0 and not self._pairs.valid(context.last, token):
            return None
        return _State(last=token)

    def dead(self, context: Context, lo: int, hi: int) -> Mask | None:
        """See :meth:`CanonicalRule.dead`."""
        assert isinstance(context, _State)
        if context.partial:
            mask = np.ones(hi - lo, np.bool_)
        elif context.last >= 0:
            mask = self._unreachable[lo:hi] | self._pairs.invalid(context.last, lo, hi)
        else:
            mask = self._unreachable[lo:hi].copy()
        positions = self._fallback.positions
        first, end = np.searchsorted(positions, (lo, hi))
        if first < end:
            mask[positions[first:end] - lo] = self._fallback.dead(context.partial, self._blocked(context.last))[
                first:end
            ]
        return mask

    def complete(self, context: Context) -> bool:
        """See :meth:`CanonicalRule.complete`."""
        assert isinstance(context, _State)
        return not context.partial
