"""Where tokens fit in a byte string: the edges of its lattice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import SpanError
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["Edge", "Span", "boundaries", "edges_of"]

Span: TypeAlias = tuple[int, int]
"""Half-open range in bytes."""

Edge: TypeAlias = tuple[int, tuple[int, ...]]
"""Where a token ends, and every id that has its bytes, ascending."""

_SHORT = 16  # bytes; below, one search after the other is faster than all at once


def boundaries(spans: Iterable[Span], size: int) -> list[int]:
    """Ends of spans that tile ``[0, size)``, ascending.

    Raises:
        SpanError: If they do not tile it, with the first byte at which they fail to.
    """
    ends: list[int] = []
    at = 0
    for start, end in spans:
        if start != at:
            raise SpanError(min(start, at), f"a span begins at {start} and the one before it ends at {at}")
        if end <= start:
            raise SpanError(start, f"the span ({start}, {end}) is empty")
        if end > size:
            raise SpanError(size, f"the span ({start}, {end}) reaches past the end")
        ends.append(end)
        at = end
    if at != size:
        raise SpanError(at, f"the last span ends there and the text has {size} bytes")
    return ends


def edges_of(vocabulary: ByteVocabulary, data: bytes, ends: Iterable[int] | None = None) -> list[list[Edge]]:
    """The tokens that fit at each offset of ``data``, shortest first.

    Args:
        vocabulary: The tokens.
        data: The bytes to cover.
        ends: Boundaries that no token may cross, ascending, the last one the end of ``data``; None for no others.
    """
    size = len(data)
    limits = np.full(size, size, np.int64)
    start = 0
    for end in ends or ():
        limits[start:end] = end
        start = end
    edges: list[list[Edge]] = [[] for _ in range(size)]
    ids = vocabulary.ids
    for offset, length, lo, hi in _short(vocabulary, data, limits) if size < _SHORT else _all(vocabulary, data, limits):
        same = (int(ids[lo]),) if hi - lo == 1 else tuple(ids[lo:hi].tolist())
        edges[offset].append((offset + length, same))
    return edges


def _short(vocabulary: ByteVocabulary, data: bytes, limits: NDArray[np.int64]) -> Iterable[tuple[int, int, int, int]]:
    for offset in range(len(data)):
        for length, lo, hi in vocabulary.prefixes_of(data[offset : int(limits[offset])]):
            yield offset, length, lo, hi


def _all(vocabulary: ByteVocabulary, data: bytes, limits: NDArray[np.int64]) -> Iterable[tuple[int, int, int, int]]:
    """``(offset, length, lo, hi)`` of every fit, by walking from all offsets at once."""
    text = np.frombuffer(data, np.uint8)
    lengths = vocabulary.lengths
    at = np.arange(len(data))
    lo = np.zeros(len(data), np.int64)
    hi = np.full(len(data), len(vocabulary), np.int64)
    found: list[tuple[NDArray[np.int64], ...]] = []
    for depth in range(vocabulary.max_length):
        inside = at + depth < limits[at]
        at, lo, hi = at[inside], lo[inside], hi[inside]
        if not len(at):
            break
        row, byte = vocabulary.matrix[depth], text[at + depth].astype(np.int64)
        lo, hi = _bisect(row, lo, hi, byte), _bisect(row, lo, hi, byte + 1)
        some = lo < hi
        at, lo, hi = at[some], lo[some], hi[some]
        end = lo.copy()
        while len(more := np.flatnonzero((end < hi) & (lengths[np.minimum(end, len(lengths) - 1)] == depth + 1))):
            end[more] += 1  # once for each duplicate
        fits = end > lo
        found.append((at[fits], np.full(int(fits.sum()), depth + 1), lo[fits], end[fits]))
        rest = end < hi
        at, lo, hi = at[rest], end[rest], hi[rest]
    if not found:
        return []
    offset, length, first, last = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(offset, kind="stable")
    return zip(*(column[order].tolist() for column in (offset, length, first, last)), strict=True)


def _bisect(
    row: NDArray[np.uint8], lo: NDArray[np.int64], hi: NDArray[np.int64], byte: NDArray[np.int64]
) -> NDArray[np.int64]:
    """First position in each range ``[lo, hi)`` of the sorted row whose value is at least ``byte``."""
    lo, hi = lo.copy(), hi.copy()
    for _ in range(int((hi - lo).max(initial=0)).bit_length()):
        middle = (lo + hi) >> 1
        open_ = lo < hi
        less = open_ & (row[np.minimum(middle, len(row) - 1)] < byte)
        lo = np.where(less, middle + 1, lo)
        hi = np.where(open_ & ~less, middle, hi)
    return lo
