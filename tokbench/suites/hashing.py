"""Choices by hash: nothing is drawn, so nothing depends on a generator or on the order of a set."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

__all__ = ["H", "Hasher"]

_SEPARATOR = b"\x1f"


def H(*parts: object) -> int:  # noqa: N802, the name of the specification
    """Unsigned big-endian integer of BLAKE2b, 8 bytes, over the parts as text joined with U+001F.

    >>> hex(H("a", 1))
    '0x8181c16b4ad83cc1'
    """
    data = _SEPARATOR.join(str(part).encode("utf-8", "surrogatepass") for part in parts)
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


class Hasher:
    """:func:`H` with its first parts fixed, for many words: ``Hasher(*first)(last) == H(*first, last)``."""

    def __init__(self, *first: object) -> None:
        data = b"".join(str(part).encode("utf-8", "surrogatepass") + _SEPARATOR for part in first)
        self._state = blake2b(data, digest_size=8)

    def __call__(self, last: str) -> int:
        """The hash with ``last`` as last part."""
        state = self._state.copy()
        state.update(last.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "big")

    def digests(self, lasts: Iterable[bytes]) -> list[bytes]:
        """The hashes with each of ``lasts`` (UTF-8) as last part, as eight bytes each, which sort like the numbers."""
        found = []
        for last in lasts:
            state = self._state.copy()
            state.update(last)
            found.append(state.digest())
        return found
