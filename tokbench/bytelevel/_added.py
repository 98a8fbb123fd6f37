"""Judge of a tokenizer that cuts some strings out of the text before anything else (added tokens of plain text)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tokbench.bytelevel.canonical import CanonicalRule, Context, Mask
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["AddedRule"]


@dataclass(frozen=True, slots=True, eq=False)
class _State(Context):
    inner: Context = field(kw_only=True)  # of the section since the last added token
    pending: tuple[bytes, ...] = ()  # ends of the text, each from a place where a longer added token may still begin


class AddedRule(CanonicalRule):
    """The text is scanned from the left; where an added token begins, the longest one is cut out.

    What lies between two of them is a section, and is encoded as if it were a text. So a section has to be complete
    in front of an added token, and no added token may be spelled by others.

    Args:
        inner: Judge of sections.
        added: Bytes and id of the added tokens.
        vocabulary: The byte vocabulary.
    """

    def __init__(self, inner: CanonicalRule, added: Mapping[bytes, int], vocabulary: ByteVocabulary) -> None:
        self._inner = inner
        self._vocabulary = vocabulary
        position = {int(token_id): index for index, token_id in enumerate(vocabulary.ids)}
        self._contents = tuple(sorted(added, key=len))
        self._added = {position[token_id]: content for content, token_id in added.items()}
        self._firsts = frozenset(content[:1] for content in added)
        self._holds = np.zeros(len(vocabulary), np.bool_)
        for index in self._with_first_bytes():
            token = vocabulary.token(index)
            self._holds[index] = index not in self._added and any(content in token for content in self._contents)
        self._root = _State(inner=inner.root())

    def _with_first_bytes(self) -> list[int]:
        """Tokens that have a byte with which an added token begins."""
        wanted = np.isin(self._vocabulary.data, [first[0] for first in self._firsts])
        where = np.searchsorted(self._vocabulary.starts, np.flatnonzero(wanted), "right") - 1
        return [int(index) for index in np.unique(where)]

    def root(self) -> Context:
        """See :meth:`CanonicalRule.root`."""
        return self._root

    def _pending(self, pending: tuple[bytes, ...], added: bytes, begin: int) -> tuple[bytes, ...] | None:
        """Places that stay open with more bytes behind them; None if an added token is spelled by others.

        Args:
            pending: Places that were open.
            added: The bytes.
            begin: First of them at which an added token may begin.
        """
        kept = []
        for known in pending:
            data = known + added
            for content in self._contents:
                if len(content) > len(known) and data.startswith(content):
                    return None
            if any(len(content) > len(data) and content.startswith(data) for content in self._contents):
                kept.append(data)
        for start in range(begin, len(added)):
            if added[start : start + 1] in self._firsts:
                data = added[start:]
                if any(len(content) > len(data) and content.startswith(data) for content in self._contents):
                    kept.append(data)
        return tuple(kept)

    def step(self, context: Context, token: int) -> Context | None:
        """See :meth:`CanonicalRule.step`."""
        assert isinstance(context, _State)
        content = self._added.get(token)
        if content is None:
            inner = None if self._holds[token] else self._inner.step(context.inner, token)
            if inner is None:
                return None
            pending = self._pending(context.pending, self._vocabulary.token(token), 0)
        else:
            if not self._inner.complete(context.inner):
                return None
            inner = self._inner.root()
            pending = self._pending(context.pending, content, len(content))
            if pending is not None and any(
                len(longer) > len(content) and longer.startswith(content) for longer in self._contents
            ):
                pending = (*pending, content)
        return None if pending is None else _State(undecided=inner.undecided, inner=inner, pending=pending)

    def dead(self, context: Context, lo: int, hi: int) -> Mask | None:
        """See :meth:`CanonicalRule.dead`."""
        assert isinstance(context, _State)
        found = self._inner.dead(context.inner, lo, hi)
        mask = self._holds[lo:hi].copy() if found is None else found | self._holds[lo:hi]
        for known in context.pending:
            for content in self._contents:
                if len(content) > len(known) and content.startswith(known):
                    first, end = self._vocabulary.range(content[len(known) :])
                    mask[max(first - lo, 0) : max(end - lo, 0)] = True
        for index in self._added:
            if lo <= index < hi:
                mask[index - lo] = self.step(context, index) is None
        return mask

    def complete(self, context: Context) -> bool:
        """See :meth:`CanonicalRule.complete`."""
        assert isinstance(context, _State)
        return self._inner.complete(context.inner)
