"""How much room a text takes in a picture that will be shown in a font that nobody knows yet.

The font is that of the reader's system. Widths are therefore estimated from those of DejaVu Sans and Verdana, the
widest fonts in common use for text on screens, and never measured with the fonts of the machine that makes the report:
the same chart has the same bytes everywhere.
"""

from __future__ import annotations

import unicodedata

_SHARES = (
    (" ", 0.33),
    ("!'(),-./:;I[\\]fijlrt|\u00a0\u00b7", 0.42),
    ("%@MWmw\u2014\u2026", 1.0),
    ("ACDGHNOQU&", 0.79),
)
_KNOWN = {char: share for chars, share in _SHARES for char in chars}
_ELLIPSIS = "\u2026"


def width(text: str, size: float) -> float:
    """Width of a text in the units of ``size``, that of its font; rather too wide than too narrow.

    Args:
        text: One line of visible characters.
        size: Size of the font.
    """
    return sum(_share(char) for char in text) * size


def _share(char: str) -> float:
    """Width of a character, in sizes of the font."""
    if char in _KNOWN:
        return _KNOWN[char]
    if ord(char) < 0x250:  # noqa: PLR2004, Latin letters end there
        return 0.7 if char.isupper() else 0.64
    return 1.05 if unicodedata.east_asian_width(char) in {"W", "F"} else 0.85


def elide(text: str, limit: float, size: float) -> str:
    """A text that fits, its middle replaced by an ellipsis where it is too long: names differ at both ends.

    Args:
        text: One line of visible characters.
        limit: Width that there is.
        size: Size of the font.
    """
    if width(text, size) <= limit:
        return text
    room = limit / size - _share(_ELLIPSIS)
    head, tail = 0, len(text)
    while True:  # one from the beginning, one from the end
        first = head <= len(text) - tail
        room -= _share(text[head] if first else text[tail - 1])
        if room < 0:
            return text[:head].rstrip() + _ELLIPSIS + text[tail:].lstrip()
        head, tail = (head + 1, tail) if first else (head, tail - 1)


def wrap(text: str, limit: float, size: float) -> list[str]:
    """A text in lines that fit, cut at its spaces; a word that is too long is elided.

    Args:
        text: Visible characters.
        limit: Width of a line.
        size: Size of the font.
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and width(longer, size) > limit:
            lines.append(line)
            longer = word
        line = elide(longer, limit, size)
    return [*lines, line] if line else lines
