"""How far two distributions of the next token, or of the next byte, are apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel.masses import Masses
from tokbench.bytelevel.protocol import NextTokenModel
from tokbench.bytelevel.readings import END, OTHER, SYMBOLS
from tokbench.bytelevel.session import Session
from tokbench.bytelevel.trie import Trie
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["NextByte", "Shannon", "jensen_shannon", "known_tokens", "kullback_leibler", "shannon_bounds"]

Floats = NDArray[np.float64]

_TOLERANCE = 1e-6
_BIT = math.log(2)


class NextByte:
    """From the probabilities of the next token behind *given ids* to those of the next byte.

    Let c be the ids that a model has read, start ids included. What it writes next is a sequence of ids behind c, and
    the first byte of that text is the first byte of its first token, because every token has at least one:

        P(b | c) = sum of p(t | c) over the text tokens t whose first byte is b
        P(END | c) = sum of p(t | c) over the ids that end a text
        P(OTHER | c) = the rest: special, unused and surplus rows

    The sum is 1. Nothing hangs over: c is a list of ids and not a text, so no other ids that spell the same bytes are
    summed over, and no token of c is grown again. That is what tells two lists of one text apart, and what
    :class:`~tokbench.bytelevel.ByteModel`, which conditions on bytes, cannot see. It is the naive reading
    (:func:`~tokbench.bytelevel.naive.naive_next`) with the ids given instead of encoded.

    Args:
        model: The model.
        vocabulary: Bytes of its ids.
    """

    def __init__(self, model: NextTokenModel, vocabulary: ByteVocabulary) -> None:
        self._session = Session(model, vocabulary)
        self._root = Trie(vocabulary).root

    def __call__(self, row: NDArray[np.floating]) -> Floats:
        """Natural-log probabilities of the 258 symbols, from those of all tokens, shape ``(width,)``."""
        found = np.full(SYMBOLS, -np.inf)
        values, starts = self._root.fan
        if len(values):
            found[values] = Masses(self._session.part(row, self._root.first, self._root.hi)).log_sums(starts)
        found[END], found[OTHER] = self._session.end(row), self._session.other(row)
        return found


def kullback_leibler(one: Floats, two: Floats) -> float:
    """KL(one || two) in bits; infinite where ``two`` misses something that ``one`` has.

    Args:
        one: Natural-log probabilities.
        two: Likewise, of the same shape.
    """
    some = ~np.isneginf(one)
    if bool(np.isneginf(two[some]).any()):
        return math.inf
    p = np.exp(one[some])
    return max(0.0, float((p * (one[some] - two[some])).sum()) / _BIT)


def _shannon_terms(p: Floats, q: Floats) -> float:
    """Sum over symbols of the terms of the Jensen-Shannon divergence, in bits."""
    middle = (p + q) / 2
    total = 0.0
    for side in (p, q):
        some = side > 0
        total += float((side[some] * np.log2(side[some] / middle[some])).sum()) / 2
    return total


def jensen_shannon(one: Floats, two: Floats) -> float:
    """Jensen-Shannon divergence in bits, 0 to 1.

    Source: J. Lin, IEEE Transactions on Information Theory 37 (1991), 145-151, with equal weights.

    Args:
        one: Natural-log probabilities.
        two: Likewise, of the same shape.
    """
    return min(1.0, max(0.0, _shannon_terms(np.exp(one), np.exp(two))))


# ---------------------------------------------------------------------- where only the largest are known


@dataclass(frozen=True, slots=True)
class Shannon:
    """Bounds of a Jensen-Shannon divergence in bits.

    Attributes:
        low: It is at least that.
        high: It is at most that.
    """

    low: float
    high: float


def known_tokens(row: NDArray[np.floating]) -> int | None:
    """How many tokens a row knows, if their probabilities do not sum to 1: the k of a top-k row. None: it is whole."""
    return int(np.isfinite(row).sum()) if float(np.exp(row.astype(np.float64)).sum()) < 1 - _TOLERANCE else None


def shannon_bounds(one: Floats, two: Floats) -> Shannon:
    """Bounds of the Jensen-Shannon divergence of two rows in which the tokens at ``-inf`` are not known.

    Let K be the tokens that both rows know, and u, v the mass that each has outside K. Merging all others into one
    symbol never makes the divergence larger, which gives the lower bound; a term of it is at most half the mass that
    it is about, which gives the upper one: that of K plus (u + v) / 2.

    Args:
        one: Natural-log probabilities of the known tokens, ``-inf`` elsewhere.
        two: Likewise, of the same shape.
    """
    both = np.isfinite(one) & np.isfinite(two)
    p, q = np.exp(one[both]), np.exp(two[both])
    u, v = max(0.0, 1 - float(p.sum())), max(0.0, 1 - float(q.sum()))
    inside = _shannon_terms(p, q)
    low = inside + _shannon_terms(np.array([u]), np.array([v]))
    return Shannon(min(1.0, max(0.0, low)), min(1.0, max(0.0, inside + (u + v) / 2)))
