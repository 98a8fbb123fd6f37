"""Which conditions a command asks for, and in which an item of a stratum is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from tokbench.errors import OptionError
from tokbench.suites.arithmetic.formats import NumberFormat, parse_format, parse_formats
from tokbench.suites.arithmetic.item import Condition
from tokbench.suites.arithmetic.strata import strata

__all__ = ["conditions_of", "mixed_condition", "own_formats", "standard_conditions"]


def standard_conditions(formats: Iterable[str], shots: Sequence[int] = (8,), base: Condition | None = None) -> tuple[
    Condition, ...
]:  # fmt: skip
    """Conditions with one format for question, answer and shots.

    Args:
        formats: Names of the formats.
        shots: Numbers of solved calculations; each format is asked with each of them.
        base: Where the system message and the order of operands are taken from.

    Raises:
        UnknownNameError: If there is no such format.
        OptionError: If there is none.
    """
    return tuple(
        _condition(base, fmt, fmt, None, count) for fmt in parse_formats(formats) for count in dict.fromkeys(shots)
    )


def mixed_condition(
    in_name: str, out_name: str, repeat_name: str | None, n_shots: int = 8, base: Condition | None = None
) -> Condition:
    """The condition with a format for the question, one for the answer and, unless None, one for a repeat.

    Raises:
        UnknownNameError: If there is no such format.
        OptionError: If ``filler`` is mixed with other formats.
    """
    found = [parse_format(name) for name in (in_name, out_name)]
    repeat = None if repeat_name is None else parse_format(repeat_name)
    return _condition(base, found[0], found[1], repeat, n_shots)


def _condition(
    base: Condition | None, in_fmt: NumberFormat, out_fmt: NumberFormat, repeat: NumberFormat | None, shots: int
) -> Condition:
    if base is None:
        return Condition(in_fmt=in_fmt, out_fmt=out_fmt, repeat_fmt=repeat, n_shots=shots)
    return replace(base, in_fmt=in_fmt, out_fmt=out_fmt, repeat_fmt=repeat, n_shots=shots)


@cache
def own_formats(stratum: str) -> tuple[NumberFormat, ...]:
    """The formats in which the items of a stratum are always asked; empty for most strata."""
    block = stratum.partition("/")[0]
    return {entry.name: entry.formats for entry in strata(block)}[stratum]


def conditions_of(stratum: str, usual: Sequence[Condition]) -> tuple[Condition, ...]:
    """The conditions in which items of a stratum are asked: the usual ones, or those of its own formats.

    Raises:
        OptionError: If there are no usual conditions.
    """
    if not usual:
        raise OptionError("formats", "", "one format or more")
    if not (formats := own_formats(stratum)):
        return tuple(usual)
    shots = dict.fromkeys(condition.n_shots for condition in usual)
    return tuple(_condition(usual[0], fmt, fmt, None, count) for fmt in formats for count in shots)
