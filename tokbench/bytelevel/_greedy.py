"""Judge of maximum-prefix encoding: at each place the longest token that fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tokbench.bytelevel.canonical import CanonicalRule, Context, Mask
from tokbench.tokenizers.rules import GreedyRules
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["GreedyRule"]


@dataclass(frozen=True, slots=True, eq=False)
class _State(Context):
    open: tuple[tuple[bytes, bool], ...] = ()  # what follows the places where a longer token may still fit
    characters: int = 0  # characters that were begun


class GreedyRule(CanonicalRule):
    """A sequence is refuted as soon as a longer token fits at the start of one of its tokens.

    Looking at pairs is not enough: with tokens A and AAA, ``[A, A, A]`` is refuted and both of its pairs are not.

    Args:
        rules: The tokens.
        vocabulary: The byte vocabulary.
    """

    def __init__(self, rules: GreedyRules, vocabulary: ByteVocabulary) -> None:
        self._vocabulary = vocabulary
        self._tables = (rules.tokens, rules.tokens if rules.continuing is None else rules.continuing)
        self._open = tuple(_proper_prefixes(table) for table in self._tables)
        self._longest_text = rules.longest_text
        position = {int(token_id): index for index, token_id in enumerate(vocabulary.ids)}
        self._member = np.zeros((2, len(vocabulary)), np.bool_)
        for row, table in zip(self._member, self._tables, strict=True):
            for token, token_id in table.items():
                index = position.get(token_id, -1)
                row[index] |= index >= 0 and vocabulary.token(index) == token
        self._characters = np.add.reduceat(
            (vocabulary.data & 0xC0) != 0x80, vocabulary.starts, dtype=np.int64  # noqa: PLR2004, UTF-8
        ) if len(vocabulary) else np.zeros(0, np.int64)  # fmt: skip
        self._ranges = lru_cache(maxsize=4096)(self._find_ranges)

    def root(self) -> Context:
        """See :meth:`CanonicalRule.root`."""
        return _State()

    def step(self, context: Context, token: int) -> Context | None:
        """See :meth:`CanonicalRule.step`."""
        assert isinstance(context, _State)
        later = context.characters > 0
        characters = context.characters + int(self._characters[token])
        if not self._member[int(later), token] or characters > self._longest_text:
            return None
        added = self._vocabulary.token(token)
        places: list[tuple[bytes, bool]] = []
        for known, after in (*context.open, (b"", later)):
            data = known + added
            # the token itself fits at its own place; anything longer than what was known is longer than a token
            first = len(known) + 1 if known else len(added) + 1
            table = self._tables[after]
            if any(data[:end] in table for end in range(first, len(data) + 1)):
                return None
            if data in self._open[after]:
                places.append((data, after))
        return _State(open=tuple(places), characters=characters)

    def _find_ranges(self, known: bytes, after: bool) -> tuple[tuple[int, int], ...]:  # noqa: FBT001, a key
        """Ranges of tokens that would complete a longer token behind ``known``."""
        found = []
        table = self._tables[after]
        first, end = self._vocabulary.range(known)
        for index in range(first, end):
            token = self._vocabulary.token(index)
            if len(token) > len(known) and token in table:
                found.append(self._vocabulary.range(token[len(known) :]))
        return tuple(dict.fromkeys(pair for pair in found if pair[0] < pair[1]))

    def dead(self, context: Context, lo: int, hi: int) -> Mask | None:
        """See :meth:`CanonicalRule.dead`."""
        assert isinstance(context, _State)
        mask = ~self._member[int(context.characters > 0), lo:hi]
        for known, after in context.open:
            for first, end in self._ranges(known, after):
                mask[max(first - lo, 0) : max(end - lo, 0)] = True
        if self._longest_text < context.characters + self._vocabulary.max_length:
            mask |= self._characters[lo:hi] + context.characters > self._longest_text
        return mask

    def complete(self, context: Context) -> bool:
        """See :meth:`CanonicalRule.complete`."""
        return True


def _proper_prefixes(table: Mapping[bytes, int]) -> frozenset[bytes]:
    return frozenset(token[:end] for token in table for end in range(1, len(token)))
