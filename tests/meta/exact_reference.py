"""The definitions of the byte-token core over fractions or decimal numbers: no rounding, no underflow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from byte_toys import Toy

Ids = tuple[int, ...]
Number = TypeVar("Number", Fraction, Decimal)


class ExactReference(Generic[Number]):
    """Weights by definition in numbers without rounding or underflow; another brute force than the project's own.

    It lists *all* token sequences that cover a text, admitted or not, and sorts out afterwards.

    Args:
        probabilities: Probability of every next id after some ids.
        toy: The vocabulary, and what is admitted.
        reading: Which covers count.
        one: The number 1.
    """

    def __init__(self, probabilities: Callable[[Ids], Sequence[Number]], toy: Toy, reading: str, one: Number) -> None:
        self.row: Callable[[Ids], Sequence[Number]] = cache(probabilities)
        self.toy = toy
        self.reading = reading
        self.one: Number = one
        self.zero: Number = one - one

    def _sequences(self, x: bytes) -> list[Ids]:
        found: list[Ids] = []
        open_: list[tuple[Ids, int]] = [((), 0)]
        while open_:
            ids: Ids
            ids, at = open_.pop()
            if at >= len(x):
                found.append(ids)
                continue
            for token, data in self.toy.bytes_of.items():
                size = min(len(data), len(x) - at)
                if data[:size] == x[at : at + size]:
                    open_.append(((*ids, token), at + len(data)))
        return found

    def _counts(self, ids: Ids) -> bool:
        if self.reading == "all":
            return True
        inner = ids if self.reading == "canonical" else ids[:-1]
        return all(self.toy.admitted(ids[:size]) for size in range(1, len(inner) + 1))

    def probability(self, ids: Ids) -> Number:
        product = self.one
        for size, token in enumerate(ids):
            product *= self.row(ids[:size])[token]
        return product

    def _sum(self, numbers: Iterable[Number]) -> Number:
        total = self.zero
        for number in numbers:
            total += number
        return total

    def weight(self, x: bytes) -> Number:
        """W(x)."""
        return self._sum(self.probability(ids) for ids in self._sequences(x) if self._counts(ids))

    def special(self, x: bytes, specials: Iterable[int]) -> Number:
        """W(x, END) or W(x, OTHER), by the ids that stand for it; only END asks whether the text may stop there."""
        total, specials = self.zero, list(specials)
        ending = set(specials) <= set(self.toy.end_ids)
        for ids in self._sequences(x):
            exact = sum(len(self.toy.bytes_of[token]) for token in ids) == len(x)
            known = self.reading == "all" or all(self.toy.admitted(ids[:size]) for size in range(1, len(ids) + 1))
            stops = not ending or self.reading != "canonical" or self.toy.complete(ids)
            if exact and known and stops:
                total += self.probability(ids) * self._sum(self.row(ids)[token] for token in specials)
        return total
