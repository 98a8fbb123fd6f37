"""How many segmentations a long text has, as a logarithm, in time linear in its length.

:meth:`Lattice.count` is exact, and its integers grow with the text: a megabyte has a count of some hundred thousand
digits. Here the same recurrence runs over floats that share an exponent, which is moved along with the text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from tokbench.bytelevel._edges import Span, boundaries, edges_of
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["log2_segmentations"]

_BLOCK = 1 << 16
_LARGE = 2.0**200
"""At most 256 choices a step times the longest token stay far below what a float holds."""


def log2_segmentations(vocabulary: ByteVocabulary, data: bytes, within: Iterable[Span] | None = None) -> float:
    """Base-2 logarithm of the number of segmentations of a text; ids of equal bytes count once.

    F(0) = 1, F(j) = sum of F(i) over the tokens that fit between i and j (bytelevel specification, 4.2). The relative
    error of the count is below the number of bytes times 2**-52.

    Args:
        vocabulary: The tokens.
        data: The text.
        within: Spans that tile it; no token may cross from one to the next. None for no boundaries.

    Returns:
        The logarithm; minus infinity if the text has no segmentation.

    Raises:
        SpanError: If ``within`` does not tile the text.

    >>> from tokbench import load_tokenizer
    >>> log2_segmentations(load_tokenizer("bytes").byte_vocabulary(), b"abc")
    0.0
    """
    size, longest = len(data), vocabulary.max_length
    ends = None if within is None else boundaries(within, size)
    counts = [0.0] * (size + 1)
    counts[0] = 1.0
    exponent = 0
    place = 0
    for block in range(0, size, _BLOCK):
        stop = min(block + _BLOCK, size)
        behind = min(stop + longest, size)
        limits: list[int] | None = None
        if ends is not None:
            while place < len(ends) and ends[place] <= block:
                place += 1
            inner = []
            for end in ends[place:]:
                inner.append(min(end, behind) - block)
                if end >= behind:
                    break
            limits = inner
        edges = edges_of(vocabulary, data[block:behind], limits)
        for offset in range(stop - block):
            at = block + offset
            value = counts[at]
            if value == 0.0:
                continue
            if value > _LARGE:
                shift = math.frexp(value)[1]
                for later in range(at, min(at + longest, size) + 1):
                    counts[later] = math.ldexp(counts[later], -shift)
                exponent += shift
                value = counts[at]
            for end, _ in edges[offset]:
                counts[block + end] += value
    return math.log2(counts[size]) + exponent if counts[size] else -math.inf
