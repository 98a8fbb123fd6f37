"""How often a tokenizer cuts a word otherwise when other text stands around it: over a whole list, without a model.

This is the share of pairs of ``pair_render`` that qualify, and why: another cut, or a token that reaches over an edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from tokbench.errors import UnsupportedError
from tokbench.suites.charbench._spans import cuts, inner_boundaries
from tokbench.suites.charbench.prompts import RENDERINGS
from tokbench.suites.charbench.words import WordList
from tokbench.tokenizers import Tokenizer

__all__ = ["SURROUNDINGS", "Share", "compare_surroundings", "length_balanced"]

Surrounding = tuple[str, str]
"""Text in front of a word and behind it."""

SURROUNDINGS: Mapping[str, Surrounding] = MappingProxyType(
    {"bare": ("", ""), **{name: (f"String:{pre}", post) for name, (pre, post) in RENDERINGS.items()}}
)
"""The word alone, and the end of a prompt in each rendering (what stands before that changes no cut)."""


class Share(NamedTuple):
    """What was found for the words of one length.

    Attributes:
        n: Words.
        differ: Those with other boundaries inside the word in the second surrounding.
        straddled: Those of which a token reaches over an edge in the second surrounding.
    """

    n: int
    differ: int
    straddled: int


def _cuts(tokenizer: Tokenizer, words: Sequence[str], around: Surrounding) -> Iterator[tuple[frozenset[int], bool]]:
    """Boundaries inside each word, and whether a token reaches over an edge."""
    before, after = around
    start = len(before.encode())
    sizes = [len(word.encode()) for word in words]
    texts = ((f"{before}{word}{after}", (start, start + size)) for word, size in zip(words, sizes, strict=True))
    for cut, size in zip(cuts(tokenizer, texts), sizes, strict=True):
        if isinstance(cut, str):
            raise UnsupportedError("boundaries", tokenizer.info.spec, cut)
        yield inner_boundaries(cut.spans, size), cut.spans[0][0] < 0 or cut.spans[-1][1] > size


def compare_surroundings(
    tokenizer: Tokenizer, words: WordList, first: Surrounding, second: Surrounding, lengths: Sequence[int]
) -> dict[int, Share]:
    """How many words of each length are cut otherwise in one surrounding than in another.

    Args:
        tokenizer: The tokenizer.
        words: The list.
        first: A surrounding, such as those in :data:`SURROUNDINGS`.
        second: The other.
        lengths: Lengths of words.

    Raises:
        UnsupportedError: If the tokenizer has no byte spans.
    """
    found = {}
    for length in lengths:
        texts = [word.text for word in words.of_length(length)]
        differ = straddled = 0
        for one, (other, over) in zip(_cuts(tokenizer, texts, first), _cuts(tokenizer, texts, second), strict=True):
            differ += one[0] != other
            straddled += over
        found[length] = Share(len(texts), differ, straddled)
    return found


def length_balanced(shares: Mapping[int, Share]) -> tuple[float, float]:
    """Shares of words that differ and that are straddled, 0 to 1: means over lengths, each counting the same."""
    count = len(shares)
    return (
        sum(share.differ / share.n for share in shares.values()) / count,
        sum(share.straddled / share.n for share in shares.values()) / count,
    )
