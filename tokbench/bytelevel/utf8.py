"""UTF-8 as a small automaton: which bytes may follow, and what an unfinished character may become."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["allowed_next", "code_points", "count_completions", "cut"]

_LEADS = ((0xC2, 0xDF, 1), (0xE0, 0xEF, 2), (0xF0, 0xF4, 3))
_SECOND = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}


def _missing(partial: bytes) -> tuple[int, int, int]:
    """Number of bytes that an unfinished character still needs, and the range of the next one; 0 if impossible."""
    lead = partial[0]
    length = next((count for low, high, count in _LEADS if low <= lead <= high), 0)
    low, high = _SECOND.get(lead, (0x80, 0xBF)) if len(partial) == 1 else (0x80, 0xBF)
    return length + 1 - len(partial), low, high


@lru_cache(maxsize=4096)
def _valid_partial(partial: bytes) -> bool:
    for end in range(1, len(partial)):
        missing, low, high = _missing(partial[:end])
        if missing <= 0 or not low <= partial[end] <= high:
            return False
    return _missing(partial)[0] > 0


def cut(data: bytes) -> tuple[str, bytes] | None:
    """The complete characters of ``data`` and the bytes of an unfinished one behind them; None if no text begins so."""
    try:
        return data.decode(), b""
    except UnicodeDecodeError as error:
        tail = data[error.start :]
        if len(tail) <= 3 and _valid_partial(tail):  # noqa: PLR2004, longest unfinished character
            return data[: error.start].decode(), tail
        return None


@lru_cache(maxsize=4096)
def allowed_next(partial: bytes) -> NDArray[np.bool_]:
    """Which bytes may follow an unfinished character (or, empty, begin one); bool, shape ``(256,)``."""
    mask = np.zeros(256, np.bool_)
    if partial:
        missing, low, high = _missing(partial)
        if missing > 0:
            mask[low : high + 1] = True
    else:
        mask[:0x80] = True
        for low, high, _ in _LEADS:
            mask[low : high + 1] = True
    mask.setflags(write=False)
    return mask


@lru_cache(maxsize=4096)
def count_completions(partial: bytes) -> int:
    """Number of characters that begin with these bytes."""
    missing, low, high = _missing(partial)
    return (high - low + 1) << 6 * (missing - 1)


@lru_cache(maxsize=4096)
def code_points(partial: bytes) -> tuple[int, int]:
    """Half-open range of the code points of the characters that begin with these bytes."""
    missing, low, high = _missing(partial)
    first = (partial + bytes([low]) + b"\x80" * (missing - 1)).decode()
    last = (partial + bytes([high]) + b"\xbf" * (missing - 1)).decode()
    return ord(first), ord(last) + 1
