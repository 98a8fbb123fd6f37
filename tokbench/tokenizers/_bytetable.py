"""The GPT-2 byte table: a character for every byte, so that any bytes can be written as a vocabulary string.

A byte whose Latin-1 character is visible stands for itself; the 68 others are displaced to U+0100 onward, in
ascending order. Source: the byte-level BPE of GPT-2 (Radford et al. 2019, section 2.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["BYTE_OF", "CHARACTERS", "from_characters", "to_characters"]

_FIRST_DISPLACED = 0x100

_VISIBLE = frozenset((*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)))
"""Bytes that stand for themselves: not white space, not a control, not the soft hyphen U+00AD."""


def _characters() -> tuple[str, ...]:
    table, displaced = [], 0
    for byte in range(256):
        if byte in _VISIBLE:
            table.append(chr(byte))
        else:
            table.append(chr(_FIRST_DISPLACED + displaced))
            displaced += 1
    return tuple(table)


CHARACTERS: tuple[str, ...] = _characters()
"""Character of each byte; 256 different characters, indexed by the byte."""

BYTE_OF: Mapping[str, int] = MappingProxyType({character: byte for byte, character in enumerate(CHARACTERS)})
"""The inverse of :data:`CHARACTERS`."""


def to_characters(data: bytes) -> str:
    """Write bytes in the characters of the table: ``b" a"`` becomes ``"Ġa"``."""
    return "".join([CHARACTERS[byte] for byte in data])


def from_characters(piece: str) -> bytes | None:
    """Bytes that a vocabulary string stands for, or None if a character of it is not in the table."""
    try:
        return bytes([BYTE_OF[character] for character in piece])
    except KeyError:
        return None
