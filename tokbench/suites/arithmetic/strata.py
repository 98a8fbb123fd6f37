"""The strata of the suite: which lengths are asked together, and how many items each stratum has."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tokbench._resources import resource
from tokbench.errors import OptionError, SuiteDefinitionError, UnknownNameError
from tokbench.suites.arithmetic.formats import FORMATS, SCRIPTS, NumberFormat, parse_format
from tokbench.suites.arithmetic.item import VERSION
from tokbench.suites.arithmetic.sampling import Grid, Space, answer_range, operand_range, pair_space
from tokbench.suites.arithmetic.twins import TwinSpace

__all__ = ["BLOCKS", "PROFILES", "Profile", "Stratum", "Triple", "profile_of", "strata", "triple_space"]

Triple = tuple[int, int, int]
"""Digits of the first operand, of the second and of the answer."""

PROFILES = ("smoke", "core", "full")
BLOCKS = ("addition", "parity", "subtraction", "product", "twins", "scripts", "grouping")


@dataclass(frozen=True, slots=True)
class Stratum:
    """Calculations that are asked together.

    Attributes:
        block: Its block.
        name: Its name: the block and, behind a slash, the lengths (``addition/7+8=9``) or what they share.
        size: Number of items (of pairs for twins).
        spaces: Where item i is drawn from: space i modulo their number, one for most strata.
        twins: The same for pairs of carry twins, which have no spaces.
        formats: Formats of its own, in which its items are asked whatever the command says; empty for most.
    """

    block: str
    name: str
    size: int
    spaces: tuple[Space, ...] = ()
    twins: tuple[TwinSpace, ...] = ()
    formats: tuple[NumberFormat, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """How much of the suite is asked.

    Attributes:
        name: ``smoke``, ``core`` or ``full``.
        blocks: Blocks of strata.
        per_stratum: Items of each stratum, the first ones; 0 for all.
        formats: Names of the formats.
    """

    name: str
    blocks: tuple[str, ...]
    per_stratum: int
    formats: tuple[str, ...]


# ---------------------------------------------------------------------- definition

_FILE = "suites/arithmetic/suite.toml"


@cache
def _definition() -> dict[str, Any]:
    path = resource("suites", "arithmetic", "suite.toml")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SuiteDefinitionError(_FILE, str(error)) from error
    if found.get("suite", {}).get("version") != VERSION:
        raise SuiteDefinitionError(_FILE, f"its version is not {VERSION}, which this code makes items of")
    return found


def _entry(*names: str) -> Any:  # noqa: ANN401, a table has values of several types
    value: Any = _definition()
    for name in names:
        if not isinstance(value, dict) or name not in value:
            raise SuiteDefinitionError(_FILE, f"{'.'.join(names)} is missing")
        value = value[name]
    return value


def _triples(block: str) -> list[Triple]:
    found = []
    for text in _entry("blocks", block, "triples"):
        if len(text) != 3 or not text.isascii() or not text.isdigit():  # noqa: PLR2004, two operands and an answer
            raise SuiteDefinitionError(_FILE, f"blocks.{block}.triples: {text!r} is not three digits")
        found.append((int(text[0]), int(text[1]), int(text[2])))
    return found


def profile_of(name: str) -> Profile:
    """A profile as the suite defines it.

    Raises:
        UnknownNameError: If there is none of this name.
        SuiteDefinitionError: If its definition is malformed.
    """
    if name not in PROFILES:
        raise UnknownNameError("profile", name, PROFILES)
    formats = tuple(_entry("profiles", name, "formats"))
    return Profile(
        name,
        tuple(_entry("profiles", name, "blocks")),
        _entry("profiles", name, "per_stratum"),
        FORMATS if formats == ("all",) else formats,
    )


# ---------------------------------------------------------------------- blocks


def triple_space(triple: Triple) -> Space:
    """Additions with three given lengths.

    Raises:
        OptionError: If there are none.
    """
    found = pair_space("+", triple[0], triple[1], answer_range(triple[2]))
    if not found.count:
        raise OptionError("lengths", triple, "an answer as long as the longer operand, or one digit longer")
    return found


def _sum_name(triple: Triple) -> str:
    return f"{triple[0]}+{triple[1]}={triple[2]}"


def _addition(lengths: Sequence[int], size: int) -> Iterator[Stratum]:
    for la in lengths:
        for lb in lengths:
            for ln in (max(la, lb), max(la, lb) + 1):
                triple = (la, lb, ln)
                yield Stratum("addition", f"addition/{_sum_name(triple)}", size, (triple_space(triple),))


def _parity(lengths: Sequence[int], size: int, pair_size: int) -> Iterator[Stratum]:
    for triple in _triples("parity"):
        yield Stratum("parity", f"parity/{_sum_name(triple)}", size, (triple_space(triple),))
    for la in lengths:
        for lb in lengths:
            grid = Grid("+", operand_range(la), operand_range(lb))
            yield Stratum("parity", f"parity/{la}+{lb}", pair_size, (grid,))


def _subtraction(lengths: Sequence[int], size: int) -> Iterator[Stratum]:
    """Differences, without the strata that no pair of operands is in."""
    for la in lengths:
        for lb in lengths:
            if lb > la:
                continue
            bins = {
                f"={la}": answer_range(la),
                f"={la - 1}": answer_range(la - 1),
                f"<={la - 2}": (0, answer_range(la - 2)[1]),
            }
            for name, answers in bins.items():
                space = pair_space("-", la, lb, answers)
                if space.count:
                    yield Stratum("subtraction", f"subtraction/{la}-{lb}{name}", size, (space,))


def _product(lengths: Sequence[int], size: int) -> Iterator[Stratum]:
    for length in lengths:
        yield Stratum("product", f"product/2x{length}", size, (Grid("x", operand_range(2), operand_range(length)),))


def _twins(lengths: Sequence[int], size: int) -> Iterator[Stratum]:
    for name, wanted in (("at-3", True), ("not-at-3", False)):
        spaces = [
            TwinSpace(length, place)
            for length in lengths
            for place in range(1, length)
            if (place % 3 == 0) is wanted
        ]  # fmt: skip
        yield Stratum("twins", f"twins/{name}", size, twins=tuple(spaces))


def _scripts(size: int) -> Iterator[Stratum]:
    spaces = tuple(triple_space(triple) for triple in _triples("scripts"))
    for script in SCRIPTS:
        formats = tuple(parse_format(f"{name}@{script}") for name in _entry("blocks", "scripts", "formats"))
        yield Stratum("scripts", f"scripts/{script}", size, spaces, formats=formats)


def _grouping(size: int) -> Iterator[Stratum]:
    spaces = tuple(triple_space(triple) for triple in _triples("grouping"))
    formats = tuple(parse_format(name) for name in _entry("blocks", "grouping", "formats"))
    yield Stratum("grouping", "grouping/triples", size, spaces, formats=formats)


@cache
def strata(block: str) -> tuple[Stratum, ...]:
    """The strata of a block, in their order.

    Raises:
        UnknownNameError: If there is no such block.
        SuiteDefinitionError: If its definition is malformed.
    """
    if block not in BLOCKS:
        raise UnknownNameError("block", block, BLOCKS)
    size = _entry("blocks", block, "size")
    if block == "scripts":
        return tuple(_scripts(size))
    if block == "grouping":
        return tuple(_grouping(size))
    lengths = _entry("blocks", block, "lengths")
    if block == "parity":
        return tuple(_parity(lengths, size, _entry("blocks", block, "pair_size")))
    made = {"addition": _addition, "subtraction": _subtraction, "product": _product, "twins": _twins}
    return tuple(made[block](lengths, size))
