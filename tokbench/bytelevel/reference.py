"""The definitions of the byte-token core as brute force: slow, short, and written without the core.

What the core computes by ranges, judges and trees is here a sum over a plain vocabulary. Tests hold both against each
other, and who wants to know what a number means reads this. Exponential in the length of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel.readings import END, OTHER, SYMBOLS

__all__ = ["Reference", "begins_an_encoding"]

Ids = tuple[int, ...]


def begins_an_encoding(
    encode: Callable[[bytes], Sequence[int]], bytes_of: Mapping[int, bytes], alphabet: Sequence[bytes], depth: int
) -> Callable[[Ids], bool]:
    """Whether some text has the ids at the beginning of its encoding.

    Tried are all texts that go on behind the ids by at most ``depth`` symbols of ``alphabet``.
    """

    @cache
    def encoded(text: bytes) -> Ids | None:
        try:
            return tuple(encode(text))
        except UnicodeDecodeError:  # not a text
            return None

    @cache
    def admitted(ids: Ids) -> bool:
        data = b"".join(bytes_of[token] for token in ids)
        texts = (data + b"".join(more) for size in range(depth + 1) for more in product(alphabet, repeat=size))
        return any((found := encoded(text)) is not None and found[: len(ids)] == ids for text in texts)

    return admitted


class Reference:
    """Exact weights by definition.

    Args:
        probabilities: Probability of every next id after some ids, shape ``(width,)``.
        bytes_of: Bytes of the text ids.
        end_ids: Ids that end a text; every id that is neither is OTHER.
        admitted: Whether ids begin the encoding of some text; None under the reading ALL.
        complete: Whether ids are the encoding of their own text.
        reading: ``all``, ``canonical`` or ``canonical_context``.
        renormalise: None, ``byte`` or ``token``.
    """

    def __init__(
        self,
        probabilities: Callable[[Ids], NDArray[np.float64]],
        bytes_of: Mapping[int, bytes],
        end_ids: Sequence[int],
        admitted: Callable[[Ids], bool] | None = None,
        complete: Callable[[Ids], bool] = lambda _: True,
        *,
        reading: str = "all",
        renormalise: str | None = None,
    ) -> None:
        self._probabilities, self._bytes, self._ends = probabilities, bytes_of, list(end_ids)
        self._admitted = admitted or (lambda _: True)
        self._complete = complete if reading == "canonical" else lambda _: True
        self._free_leaf = reading != "canonical"
        self._renormalise = renormalise
        self.row = cache(self._row)

    def _row(self, ids: Ids) -> tuple[dict[int, float], float, float]:
        """Probability of each next text id, of the end and of the rest."""
        row = self._probabilities(ids)
        text = {token: float(row[token]) for token in self._bytes}
        end = float(row[self._ends].sum())
        other = float(np.delete(row, [*self._bytes, *self._ends]).sum())
        if self._renormalise == "token":
            text = {token: p for token, p in text.items() if self._admitted((*ids, token))}
            end = end if self._complete(ids) else 0.0
            total = (sum(text.values()) + end + other) or 1.0  # nothing may follow: then nothing does
            text = {token: p / total for token, p in text.items()}
            end, other = end / total, other / total
        return text, end, other

    def covers(self, x: bytes, ids: Ids = (), weight: float = 1.0, at: int = 0) -> Iterator[tuple[Ids, float]]:
        """Every admitted cover of ``x`` and its probability."""
        if at >= len(x):
            yield ids, weight
            return
        for token, p in self.row(ids)[0].items():
            data, after = self._bytes[token], (*ids, token)
            if not (x[at:].startswith(data) or data.startswith(x[at:])):
                continue
            last = at + len(data) >= len(x)
            if self._admitted(after) or (last and self._free_leaf):
                yield from self.covers(x, after, weight * p, at + len(data))

    def weight(self, x: bytes) -> float:
        """W(x)."""
        return sum(weight for _, weight in self.covers(x))

    def weights(self, x: bytes) -> NDArray[np.float64]:
        """W(xb) for every byte b, W(x, END) and W(x, OTHER); shape ``(258,)``."""
        found = np.array([self.weight(x + bytes([byte])) for byte in range(256)] + [0.0] * (SYMBOLS - 256))
        for ids, weight in self.covers(x):
            exact = sum(len(self._bytes[token]) for token in ids) == len(x)
            if exact and self._admitted(ids):
                found[END] += weight * self.row(ids)[1] * self._complete(ids)
                found[OTHER] += weight * self.row(ids)[2]
        return found

    def next(self, x: bytes) -> NDArray[np.float64]:
        """Probability of every next symbol; shape ``(258,)``."""
        weights = self.weights(x)
        return weights / (weights.sum() if self._renormalise == "byte" else self.weight(x))
