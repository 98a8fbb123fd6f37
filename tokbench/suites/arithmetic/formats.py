"""How numbers are written: grouped from either end, with a separator, in the digits of any script.

>>> format_number(1234567, parse_format("comma_r2l")), format_number(1234567, parse_format("comma_l2r"))
('1,234,567', '123,456,7')
>>> format_number(1234567, parse_format("indian"))
'12,34,567'
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate, chain, pairwise, repeat
from types import MappingProxyType
from typing import Literal

from tokbench.errors import OptionError, UnknownNameError

__all__ = [
    "FORMATS",
    "SCRIPTS",
    "SEPARATORS",
    "NumberFormat",
    "ascii_digits",
    "chunks_of",
    "format_number",
    "grouped",
    "parse_format",
    "parse_formats",
]

SEPARATORS: Mapping[str, str] = MappingProxyType(
    {
        "comma": ",",
        "space": " ",
        "dec": ".",
        "hashtag": "#",
        "dollar": "$",
        "foo": "foo",
        "underscore": "_",
        "thin": "\N{THIN SPACE}",
        "nnbsp": "\N{NARROW NO-BREAK SPACE}",
    }
)
"""Separators by the name that formats give them. The first six are those of the published study."""

SCRIPTS: Mapping[str, str] = MappingProxyType(
    {
        name: "".join(chr(ord(zero) + value) for value in range(10))
        for name, zero in {
            "arab": "\N{ARABIC-INDIC DIGIT ZERO}", "arabext": "\N{EXTENDED ARABIC-INDIC DIGIT ZERO}",
            "beng": "\N{BENGALI DIGIT ZERO}", "deva": "\N{DEVANAGARI DIGIT ZERO}",
            "fullwide": "\N{FULLWIDTH DIGIT ZERO}", "gujr": "\N{GUJARATI DIGIT ZERO}",
            "guru": "\N{GURMUKHI DIGIT ZERO}", "khmr": "\N{KHMER DIGIT ZERO}", "knda": "\N{KANNADA DIGIT ZERO}",
            "laoo": "\N{LAO DIGIT ZERO}", "mlym": "\N{MALAYALAM DIGIT ZERO}", "mong": "\N{MONGOLIAN DIGIT ZERO}",
            "mymr": "\N{MYANMAR DIGIT ZERO}", "nkoo": "\N{NKO DIGIT ZERO}", "olck": "\N{OL CHIKI DIGIT ZERO}",
            "orya": "\N{ORIYA DIGIT ZERO}", "tamldec": "\N{TAMIL DIGIT ZERO}", "telu": "\N{TELUGU DIGIT ZERO}",
            "thai": "\N{THAI DIGIT ZERO}", "tibt": "\N{TIBETAN DIGIT ZERO}",
        }.items()
    }
)  # fmt: skip
"""Digits 0 to 9 of twenty scripts beside ASCII, by the names of Unicode CLDR (numbering systems)."""

Direction = Literal["", "l2r", "r2l"]
Ids = Literal["", "r2l", "l2r", "single"]

_FORBIDDEN = frozenset("+-=x\n\r\t")
_TO_ASCII = {ord(digit): str(value) for digits in SCRIPTS.values() for value, digit in enumerate(digits)}


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A way to write a number.

    Attributes:
        name: Its name in options and tables.
        separator: Between groups.
        direction: End at which the first group stands: ``l2r`` counts groups from the left, ``r2l`` from the right.
        groups: Sizes of the groups from there, the last one again and again: ``(3,)`` threes, ``(3, 2)`` three, then
            twos. Empty: no groups.
        spaces: Spaces on both sides of the operator and before ``=``.
        trailing: Spaces behind ``=``.
        ids: The text is that of plain digits, but its ids are those of groups from this end (or of single digits).
        filler: Whether the prompt is padded to the number of tokens that it has in ``comma_r2l``.
        script: Digits, a name in :data:`SCRIPTS`; ASCII where empty.

    Raises:
        OptionError: If a size is not positive, the two ends of grouping do not go together, or the separator holds
            a digit or a character of the calculation, so that what is written could not be read again.
    """

    name: str
    separator: str = ""
    direction: Direction = ""
    groups: tuple[int, ...] = ()
    spaces: int = 0
    trailing: int = 0
    ids: Ids = ""
    filler: bool = False
    script: str = ""

    def __post_init__(self) -> None:
        if self.script and self.script not in SCRIPTS:
            raise UnknownNameError("digits", self.script, tuple(SCRIPTS))
        if any(size < 1 for size in self.groups) or self.spaces < 0 or self.trailing < 0:
            raise OptionError("format", self.name, "groups of 1 digit or more and 0 spaces or more")
        if bool(self.groups) != bool(self.direction):
            raise OptionError("format", self.name, "groups and the end that they are counted from, or neither")
        for character in self.separator:
            if character in _FORBIDDEN or unicodedata.category(character).startswith("N"):
                raise OptionError(
                    "separator", self.separator, "text without digits, line breaks and the characters + - x ="
                )


# ---------------------------------------------------------------------- names

_THREES = (3,)
_PLAIN = ("nosep", "nosep+1", "nosep+2", "filler")
_IDS: Mapping[str, tuple[Direction, Ids, tuple[int, ...]]] = {
    "ids_r2l": ("r2l", "r2l", _THREES),
    "ids_l2r": ("l2r", "l2r", _THREES),
    "ids_single": ("l2r", "single", (1,)),
}
_OWN = "sep:"

FORMATS: tuple[str, ...] = (
    "nosep",
    *(f"{name}_{end}" for name in SEPARATORS for end in ("r2l", "l2r")),
    "indian",
    "nosep+1",
    "nosep+2",
    "filler",
    *_IDS,
)
"""Names of all formats; a group size may follow an end (``comma_r2l4``), digits of a script a format (``nosep@deva``),
and a separator of one's own stands behind ``sep:`` (``sep:|_r2l``)."""


def _separated(name: str) -> NumberFormat | None:
    head, _, end = name.rpartition("_")
    direction, size = end[:3], end[3:] or "3"
    separator = head.removeprefix(_OWN) if head.startswith(_OWN) else SEPARATORS.get(head, "")
    # sizes of one digit, so that "comma_r2l3" and "comma_r2l03" are no second and third name of one format
    if direction not in {"r2l", "l2r"} or not separator or end[3:] not in {"", "1", "2", "4", "5", "6"}:
        return None
    return NumberFormat(name, separator, "r2l" if direction == "r2l" else "l2r", (int(size),))


@cache
def parse_format(name: str) -> NumberFormat:
    """The format of a name.

    Args:
        name: One of :data:`FORMATS`, or one made from them as described there.

    Raises:
        UnknownNameError: If there is no such format, or there are no such digits.
        OptionError: If its separator holds digits or characters of the calculation.
    """
    base, at, script = name.rpartition("@") if "@" in name and not name.startswith(_OWN) else (name, "", "")
    found = None
    if base in _PLAIN:
        spaces = int(base.partition("+")[2] or 0)
        found = NumberFormat(base, spaces=spaces, trailing=spaces, filler=base == "filler")
    elif base in _IDS:
        direction, ids, groups = _IDS[base]
        found = NumberFormat(base, direction=direction, groups=groups, ids=ids)
    elif base == "indian":
        found = NumberFormat(base, ",", "r2l", (3, 2))
    else:
        found = _separated(base)
    if found is None:
        raise UnknownNameError("format", name, FORMATS)
    if not at:
        return found
    if script not in SCRIPTS:
        raise UnknownNameError("digits", script, tuple(SCRIPTS))
    return replace(found, name=name, script=script)


def parse_formats(names: Iterable[str]) -> tuple[NumberFormat, ...]:
    """Formats of names, each once.

    Raises:
        UnknownNameError: If one of them does not exist.
        OptionError: If there are none.
    """
    found = tuple(dict.fromkeys(parse_format(name) for name in names))
    if not found:
        raise OptionError("formats", "", f"one or more of {', '.join(FORMATS)}")
    return found


# ---------------------------------------------------------------------- writing


def _sizes(count: int, groups: tuple[int, ...]) -> Iterator[int]:
    """Sizes of the groups of so many digits, from the end that they are counted from."""
    for size in chain(groups, repeat(groups[-1])):
        if count <= size:
            yield count
            return
        yield size
        count -= size


@cache
def _chunks(count: int, direction: Direction, groups: tuple[int, ...]) -> tuple[int, ...]:
    if not groups:
        return (count,)
    found = tuple(_sizes(count, groups))
    return found[::-1] if direction == "r2l" else found


@cache
def _ranges(count: int, direction: Direction, groups: tuple[int, ...]) -> tuple[slice, ...]:
    marks = accumulate(_chunks(count, direction, groups), initial=0)
    return tuple(slice(start, end) for start, end in pairwise(marks))


def chunks_of(digits: str, fmt: NumberFormat) -> tuple[int, ...]:
    """Sizes of the groups of a number, from the left; one group where the format has none.

    >>> chunks_of("1234567", parse_format("comma_l2r"))
    (3, 3, 1)

    Args:
        digits: The number in plain digits, one or more.
        fmt: The format; for formats by ids the groups of ids.
    """
    return _chunks(len(digits), fmt.direction, fmt.groups)


def grouped(digits: str, fmt: NumberFormat) -> str:
    """A number, given in plain digits, as a format writes it."""
    if fmt.separator:
        text = fmt.separator.join([digits[part] for part in _ranges(len(digits), fmt.direction, fmt.groups)])
        if not fmt.script:
            return text
    elif not fmt.script:
        return digits
    own = SCRIPTS[fmt.script]
    chunks = [digits[part] for part in _ranges(len(digits), fmt.direction, fmt.groups)]
    return fmt.separator.join("".join(own[ord(digit) - 48] for digit in chunk) for chunk in chunks)


def format_number(n: int, fmt: NumberFormat) -> str:
    """A number as a format writes it.

    Args:
        n: 0 or more.
        fmt: The format.

    Raises:
        OptionError: If the number is negative.
    """
    if n < 0:
        raise OptionError("n", n, "0 or more")
    return grouped(str(n), fmt)


def ascii_digits(text: str) -> str:
    """Text with the digits of all scripts in :data:`SCRIPTS` turned into ASCII digits, of the same length.

    >>> ascii_digits("१,२३४")
    '1,234'
    """
    return text if text.isascii() else text.translate(_TO_ASCII)
