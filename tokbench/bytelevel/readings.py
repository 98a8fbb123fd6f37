"""The three readings of "the probability of a byte string", and what is done with the mass that a reading leaks.

A model over tokens spreads its probability over *all* id sequences, a tokenizer writes only some of them. How much
of the rest counts has to be said, and stays with every result (bytelevel specification 4.3).
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from tokbench.errors import OptionError, UnsupportedReadingError

__all__ = [
    "END",
    "OTHER",
    "SYMBOLS",
    "Reading",
    "Renormalise",
    "checked_reading",
    "checked_renormalise",
]

Reading: TypeAlias = Literal["all", "canonical", "canonical_context"]
"""Which covers of a text count.

``all``: every one. ``canonical``: those that begin the encoding of some text. ``canonical_context``: those whose
tokens but the last do; the last one, which may hang over, is free.
"""

Renormalise: TypeAlias = Literal["byte", "token"] | None
"""What is done with the mass that no symbol gets.

None: nothing, it is reported as leak; the chain rule holds. ``byte``: each next-byte distribution is divided by its
sum. ``token``: at every context the inadmissible next tokens are masked and the rest is divided by its sum, so that
nothing leaks.
"""

END: Final = 256
"""Symbol of the end of the text."""

OTHER: Final = 257
"""Symbol of everything that is neither a byte nor the end: other special ids, unused ids, surplus rows."""

SYMBOLS: Final = 258
"""Number of symbols: 256 bytes, :data:`END` and :data:`OTHER`."""


def checked_reading(reading: str) -> Reading:
    """The reading of this name.

    Raises:
        UnsupportedReadingError: If there is none.
    """
    for name in get_args(Reading):
        if name == reading:
            return name  # type: ignore[no-any-return]
    raise UnsupportedReadingError(reading, "there is no such reading", f"use one of {', '.join(get_args(Reading))}")


def checked_renormalise(renormalise: str | None) -> Renormalise:
    """The option of this name; the words ``none`` and None are the same.

    Raises:
        OptionError: If there is none.
    """
    if renormalise is None or renormalise == "none":
        return None
    if renormalise == "byte":
        return "byte"
    if renormalise == "token":
        return "token"
    raise OptionError("renormalise", renormalise, "none, byte or token")
