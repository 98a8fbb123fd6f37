"""Numbers that are the same on every machine and in every version of Python: blake2b in counter mode."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_BLOCK = 64
_WIDTH = 4


class Draw:
    """A stream of numbers that depends on nothing but its name.

    Args:
        name: Name of the stream, for example ``parity/ascii/17``.
    """

    def __init__(self, name: str) -> None:
        self._name = name.encode()
        self._counter = 0
        self._block = b""
        self._at = 0

    def below(self, bound: int) -> int:
        """A number in ``range(bound)``; ``bound`` is at most 2**24, so that the bias of the remainder is nil."""
        if self._at == len(self._block):
            key = self._counter.to_bytes(_WIDTH, "little")
            self._block = hashlib.blake2b(self._name, digest_size=_BLOCK, key=key).digest()
            self._counter += 1
            self._at = 0
        value = int.from_bytes(self._block[self._at : self._at + _WIDTH], "little")
        self._at += _WIDTH
        return value % bound

    def between(self, least: int, most: int) -> int:
        """A number from ``least`` to ``most``, both included."""
        return least + self.below(most - least + 1)

    def one(self, choices: Sequence[T]) -> T:
        """One of ``choices``."""
        return choices[self.below(len(choices))]

    def character(self, ranges: Sequence[tuple[int, int]]) -> str:
        """A character: first one of the ranges (both ends included), then a code point of it."""
        return chr(self.between(*self.one(ranges)))
