"""Whether separators, signs and units stay out of the tokens of digits, and whether groups are kept.

Two questions of the arithmetic specification (4.9 and 2.6): does some token hold a digit and something else, and are
the tokens of a grouped number exactly its groups?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tokbench.suites.arithmetic.cuts import cuts_in
from tokbench.suites.arithmetic.formats import FORMATS, NumberFormat, chunks_of, grouped, parse_format
from tokbench.suites.arithmetic.policy import numbers
from tokbench.tokenizers import Tokenizer

__all__ = ["AFFIXES", "GROUPINGS", "LENGTHS", "Fusion", "fusion"]

LENGTHS = range(4, 13)
"""Digits of the numbers, those of the operands of additions."""

AFFIXES: Mapping[str, str] = MappingProxyType(
    {
        "plus": "+{}", "hyphen": "-{}", "minus": "\N{MINUS SIGN}{}", "decimal-point": "{}.5", "decimal-comma": "{},5",
        "percent": "{}%", "kg": "{}kg", "spaced-kg": "{} kg", "km": "{}km", "celsius": "{}\N{DEGREE SIGN}C",
        "euro": "\N{EURO SIGN}{}", "dollar-sign": "${}",
    }
)  # fmt: skip
"""Signs, decimal points, percent signs and units beside a number: name and text, the number at ``{}``."""

GROUPINGS: tuple[str, ...] = tuple(name for name in FORMATS if parse_format(name).separator)
"""Formats with a separator: threes from the right and from the left with each separator, and the Indian grouping."""

_PLAIN = parse_format("nosep")


@dataclass(frozen=True, slots=True)
class Fusion:
    """How numbers of one written form are cut.

    Attributes:
        name: A format in :data:`GROUPINGS`, or a name in :data:`AFFIXES`.
        fused: Numbers with a token that holds a digit and something else.
        kept: Numbers whose tokens of digits are exactly the groups; for affixes numbers that are cut as they are alone.
        n: Numbers that have cuts.
        undefined: Numbers without cuts to speak of.
        reason: Why the last of these has none.
    """

    name: str
    fused: int
    kept: int
    n: int
    undefined: int
    reason: str = ""


def _places(digits: str, fmt: NumberFormat) -> list[int]:
    """Where the digits stand in the number as the format writes it, in code points."""
    places: list[int] = []
    at = 0
    for size in chunks_of(digits, fmt):
        places += range(at, at + size)
        at += size + len(fmt.separator)
    return places


def _inner(digits: str, fmt: NumberFormat) -> frozenset[int]:
    """Cuts at the ends of the groups, counted from the right."""
    found, left = set(), len(digits)
    for size in chunks_of(digits, fmt)[:-1]:
        left -= size
        found.add(left)
    return frozenset(found)


def fusion(tokenizer: Tokenizer, name: str, *, per_length: int = 20, seed: int = 0) -> Fusion:
    """How numbers of 4 to 12 digits are cut when they are written in a form.

    Args:
        tokenizer: The tokenizer.
        name: A format of :data:`GROUPINGS` or a name of :data:`AFFIXES`.
        per_length: Numbers of each length, the same ones for every form.
        seed: Seed of the numbers.

    Raises:
        UnknownNameError: If there is no such format.
    """
    affix = AFFIXES.get(name)
    fmt = _PLAIN if affix is not None else parse_format(name)
    front = affix.index("{}") if affix is not None else 0
    fused = kept = total = undefined = 0
    reason = ""
    for number in (drawn for length in LENGTHS for drawn in numbers(length, per_length, seed, purpose="fusion")):
        text = grouped(number, fmt)
        places = _places(number, fmt)
        found = cuts_in(
            tokenizer, affix.format(text) if affix is not None else text, [[front + place for place in places]]
        )[0]
        if found.reason:
            undefined, reason = undefined + 1, found.reason
            continue
        total += 1
        fused += found.fused
        wanted = (
            cuts_in(tokenizer, number, [range(len(number))])[0].positions if affix is not None else _inner(number, fmt)
        )
        kept += not found.fused and found.positions == wanted
    return Fusion(name, fused, kept, total, undefined, reason)
