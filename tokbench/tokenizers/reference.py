"""The readable twin: byte-pair encoding by ranks, written to be read and not to be fast.

It is the definition against which the laws of BPE compare an engine, so it shares no code with any: a table
of ranks (token bytes -> rank, where the rank is also the id), a split pattern for the ``regex`` package, and
a loop that merges the pair of neighbours whose join has the lowest rank until no join has one.

Where it may differ from an engine through no fault of either: ``regex`` and the engine's own regular
expressions may know different versions of Unicode, so comparisons through the split pattern leave out texts
with unassigned code points (:func:`assigned`). :func:`merge_piece` takes bytes and has no such limit.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from itertools import pairwise

import regex

from tokbench.errors import UnknownIdError

__all__ = ["assigned", "decode", "encode", "merge_piece"]


def merge_piece(ranks: Mapping[bytes, int], piece: bytes, *, whole_first: bool = True) -> list[int]:
    """Ids of one pre-token.

    Args:
        ranks: Token bytes -> rank, lower merges first; the rank is the id. All 256 single bytes are needed
            unless ``piece`` does without the missing ones.
        piece: The bytes of one pre-token; empty bytes give no ids.
        whole_first: Whether a piece that is itself a token is that token, before any merge (tiktoken always
            does so; ``tokenizers`` where the file sets ``ignore_merges``). It matters only for tokens that
            merging does not reach.

    Raises:
        KeyError: If a byte that no merge takes up has no rank.
    """
    if whole_first and piece in ranks:
        return [ranks[piece]]
    parts = [piece[i : i + 1] for i in range(len(piece))]
    while True:
        joins = [(ranks[a + b], at) for at, (a, b) in enumerate(pairwise(parts)) if a + b in ranks]
        if not joins:
            return [ranks[part] for part in parts]
        _, at = min(joins)  # the lowest rank; the leftmost of equals
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


def encode(ranks: Mapping[bytes, int], pattern: str, text: str, *, whole_first: bool = True) -> list[int]:
    """Ids of a text: its pre-tokens are the matches of ``pattern``, each merged on its own.

    Args:
        ranks: As for :func:`merge_piece`.
        pattern: Split pattern in the syntax of the ``regex`` package; text that it does not match is dropped,
            as the engines drop it.
        text: Text without surrogates; special tokens are ordinary text.
        whole_first: As for :func:`merge_piece`.
    """
    ids: list[int] = []
    for match in regex.finditer(pattern, text):
        ids += merge_piece(ranks, match[0].encode(), whole_first=whole_first)
    return ids


def decode(ranks: Mapping[bytes, int], ids: Iterable[int]) -> bytes:
    """The joined bytes of ``ids``.

    Raises:
        UnknownIdError: If an id is not a rank of the table.
    """
    token_bytes = {rank: token for token, rank in ranks.items()}
    out = b""
    for token_id in ids:
        if token_id not in token_bytes:
            raise UnknownIdError(token_id, "the rank table")
        out += token_bytes[token_id]
    return out


def assigned(text: str) -> bool:
    """Whether Python's Unicode tables know every code point of ``text``, so that split patterns agree on it."""
    return all(unicodedata.category(char) != "Cn" for char in text)
