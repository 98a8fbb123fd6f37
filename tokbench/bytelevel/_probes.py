"""A judge for tokenizers of which nothing is known but ``encode``: it admits what some continuation shows.

Probes can admit and never refute, so what this judge leaves out may still begin an encoding. A model that uses it is
approximate, says so in every result, and is made only on request (``probing="accept"``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tokbench.bytelevel.canonical import CanonicalRule, Context, Mask
from tokbench.bytelevel.utf8 import code_points, cut
from tokbench.errors import TokbenchError
from tokbench.tokenizers import Tokenizer

__all__ = ["PROBES", "ProbeRule"]

PROBES = (
    "", "a", " a", "  a", " ", "\t", "\n", "\n\n", "1", " 1", "  1", ".", " .", "'", "'s", "s", "ll", "t", "e",
    "\u00e9",
)  # fmt: skip
"""Continuations of a text that are tried: one for each thing that split patterns look ahead for."""

_ENDINGS = 4  # ways to finish an unfinished character
_KEPT = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class _State(Context):
    data: bytes = b""
    ids: tuple[int, ...] = ()


class ProbeRule(CanonicalRule):
    """Judge by probes. The cost of a step grows with the length of the text.

    Args:
        tokenizer: The tokenizer.
    """

    probes_only = True

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = tokenizer.byte_vocabulary()
        self._prefix = tokenizer.info.prefix
        self._encode = lru_cache(maxsize=_KEPT)(self._encoded)

    def _encoded(self, text: str) -> tuple[int, ...]:
        try:
            return tuple(self._tokenizer.encode(text))
        except TokbenchError:
            return ()

    def root(self) -> Context:
        """See :meth:`CanonicalRule.root`."""
        return _State()

    def step(self, context: Context, token: int) -> Context | None:
        """See :meth:`CanonicalRule.step`; None here says only that no probe shows such a text."""
        assert isinstance(context, _State)
        state = _State(
            data=context.data + self._vocabulary.token(token), ids=(*context.ids, int(self._vocabulary.ids[token]))
        )
        return state if self._shown(state) else None

    def _shown(self, state: _State) -> bool:
        parts = cut(state.data.removeprefix(self._prefix))
        if parts is None:
            return False
        text, partial = parts
        some = [""]
        if partial:
            first, end = code_points(partial)
            some = [chr(code) for code in range(first, end, max(1, (end - first) // _ENDINGS))]
        return any(
            self._encode(text + last + probe)[: len(state.ids)] == state.ids for probe in PROBES for last in some
        )

    def dead(self, context: Context, lo: int, hi: int) -> Mask | None:
        """None: probes refute nothing."""

    def complete(self, context: Context) -> bool:
        """See :meth:`CanonicalRule.complete`."""
        assert isinstance(context, _State)
        parts = cut(context.data[len(self._prefix) :])
        return parts is not None and not parts[1] and self._encode(parts[0]) == context.ids
