"""How a tokenizer encodes, as data: what the byte-token core has to know to judge which ids are canonical.

An adapter says it by :meth:`Tokenizer.rules() <tokbench.tokenizers.Tokenizer.rules>`. Rules describe the encoding
of text under ``specials="text"``, the inserted prefix included.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["BpeRules", "EncodingRules", "GreedyRules", "UnigramRules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BpeRules:
    """Byte-pair encoding: neighbours are merged, the pair of lowest rank first, the leftmost of equals.

    Attributes:
        tokens: Bytes and id of every token that merging starts from or makes.
        ranks: Rank by the bytes that a merge makes, for tables in which any two neighbours merge whose join is
            a token (tiktoken, sentencepiece); None where merges are listed.
        merges: Pairs in the order of their ranks, where they are listed (``tokenizer.json``); else None.
        symbols: What merging starts from: single ``bytes``, or ``characters``.
        pattern: Split pattern of the pre-tokens; None where the whole text is one.
        whole_first: Whether a pre-token that is itself a token is that token, before any merge.
        fallback: Id of each byte for characters that are no token; empty where there is no byte fallback.
        absent: Characters that no text holds once it is normalised, so that nothing ever spells them.
        added: Bytes and id of the tokens that are cut out of the text before anything else: scanned from the left,
            the longest where several begin. What lies between them is encoded like a text of its own.
    """

    tokens: Mapping[bytes, int]
    ranks: Mapping[bytes, int] | None = None
    merges: Sequence[tuple[bytes, bytes]] | None = None
    symbols: Literal["bytes", "characters"] = "bytes"
    pattern: str | None = None
    whole_first: bool = False
    fallback: Mapping[int, int] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    added: Mapping[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnigramRules:
    """Unigram: of all segmentations the one with the largest sum of scores.

    Attributes:
        tokens: Bytes and id of every piece.
        scores: Score (natural-log probability) of each of these ids.
        fallback: Id of each byte for characters that no piece spells; empty where there is no byte fallback.
        unknown_score: Score of one such character, as the engine counts it.
        absent: Characters that no text holds once it is normalised, so that nothing ever spells them.
    """

    tokens: Mapping[bytes, int]
    scores: Mapping[int, float]
    fallback: Mapping[int, int] = field(default_factory=dict)
    unknown_score: float = 0.0
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedyRules:
    """Maximum-prefix encoding: at each place the longest token that fits.

    Attributes:
        tokens: Bytes and id of every token. One whose id stands for other bytes hides what it would match.
        continuing: The same for tokens that do not begin a text, where these are others (WordPiece); else None.
        longest_text: Number of characters above which a text has no encoding.
    """

    tokens: Mapping[bytes, int]
    continuing: Mapping[bytes, int] | None = None
    longest_text: float = math.inf


EncodingRules: TypeAlias = BpeRules | UnigramRules | GreedyRules
