"""Whether some text has given token ids at the beginning of its encoding, and which text shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tokbench.bytelevel.canonical import canonical_rule
from tokbench.bytelevel.utf8 import code_points, cut
from tokbench.errors import UnsupportedReadingError
from tokbench.tokenizers import Tokenizer

__all__ = ["PROBES", "PrefixVerdict", "judge_prefix"]

PROBES: tuple[str, ...] = (
    "", "a", " a", "  a", " ", "  ", "\t", "\n", "\n\n", "1", " 1", "  1", ".", " .", "'", "'s", "s", "ll", "t", "e",
    "é",
)  # fmt: skip
"""What a text is continued with to find one that shows a prefix: each class that split patterns tell apart."""


_SAMPLE = 64  # characters that an unfinished one is completed to


@dataclass(frozen=True, slots=True)
class PrefixVerdict:
    """Whether token ids begin the encoding of some text.

    Attributes:
        verdict: ``witnessed``: some text's encoding begins so. ``refuted``: no text's does. ``undecided``:
            nothing speaks against it, and no such text was found.
        witness: A text whose encoding begins so, where one was found (a rule may prove that there is one).
        reason: What decided.
    """

    verdict: Literal["witnessed", "refuted", "undecided"]
    witness: str | None
    reason: str


def _texts(tokenizer: Tokenizer, ids: Sequence[int]) -> Iterator[str]:
    """Texts that begin with the bytes of ``ids``."""
    data = tokenizer.join_bytes(ids)
    prefix = tokenizer.info.prefix
    if prefix and not data.startswith(prefix):
        return
    parts = cut(data[len(prefix) :])
    if parts is None:
        return
    text, partial = parts
    for end in _completions(partial) if partial else ("",):
        for probe in PROBES:
            yield text + end + probe


def _completions(partial: bytes) -> list[str]:
    """Characters that begin with these bytes: an even sample, all where one byte is missing."""
    first, end = code_points(partial)
    return [chr(code) for code in range(first, end, max(1, (end - first) // _SAMPLE))]


def _position(tokenizer: Tokenizer, token_id: int) -> int | None:
    found = np.flatnonzero(tokenizer.byte_vocabulary().ids == token_id)
    return int(found[0]) if len(found) else None


def judge_prefix(tokenizer: Tokenizer, ids: Sequence[int]) -> PrefixVerdict:
    """Judge ids by the rule of the tokenizer, then by looking for a text (bytelevel specification, 4.4).

    Only a rule refutes: that no text was found says nothing.

    Raises:
        UnknownIdError: If an id does not exist.
    """
    for token_id in ids:
        tokenizer.kind(token_id)
    positions = [_position(tokenizer, token_id) for token_id in ids]
    if None in positions:
        bad = ids[positions.index(None)]
        return PrefixVerdict("refuted", None, f"id {bad} stands for no bytes, and text is never encoded to it")
    proved = False
    try:
        context = canonical_rule(tokenizer).context_of([position for position in positions if position is not None])
    except UnsupportedReadingError as error:
        reason = f"no rule: {error.problem}"
    else:
        if context is None:
            return PrefixVerdict("refuted", None, "the tokenizer's rules of encoding exclude it")
        proved = not context.undecided
        reason = "the tokenizer's rules of encoding allow it"
    for text in _texts(tokenizer, ids):
        if tokenizer.encode(text)[: len(ids)] == list(ids):
            return PrefixVerdict("witnessed", text, "a text is encoded so")
    return PrefixVerdict("witnessed" if proved else "undecided", None, reason)
