from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokbench.tokenizers import _bytetable as table


def test_the_table_is_a_bijection_with_68_displaced_bytes() -> None:
    assert len(set(table.CHARACTERS)) == 256
    assert sum(ord(character) != byte for byte, character in enumerate(table.CHARACTERS)) == 68
    assert table.CHARACTERS[0x20] == "\u0120"
    assert table.CHARACTERS[0x0A] == "\u010a"
    assert table.CHARACTERS[0xAD] == "\u0143"  # the soft hyphen, the last of the displaced
    assert all(table.BYTE_OF[character] == byte for byte, character in enumerate(table.CHARACTERS))


@given(st.binary(max_size=40))
def test_bytes_come_back(data: bytes) -> None:
    assert table.from_characters(table.to_characters(data)) == data
