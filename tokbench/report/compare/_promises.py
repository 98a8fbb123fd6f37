"""What two tokenizers say of themselves, field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

__all__ = ["Setting", "capability_changes", "table_changes"]

_ROUND_TRIP = ("lossless", "lossless-except", "lossy")

Kind = Literal["worse", "better", "other"]


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that the two say differently of themselves.

    Attributes:
        name: For example ``capability.round_trip`` or ``switches.pattern``.
        first: What the first says; ``second`` the second.
        kind: ``worse`` where the second promises less, ``better`` where more, ``other`` where it is another thing.
    """

    name: str
    first: str
    second: str
    kind: Kind = "other"


def _plain(value: object) -> object:
    """Sets, and the lists as which a record holds them, as sets."""
    is_many = isinstance(value, AbstractSet) or (isinstance(value, Sequence) and not isinstance(value, str | bytes))
    return frozenset(map(str, value)) if is_many else value  # type: ignore[call-overload]


def _kind(name: str, one: object, other: object) -> Kind:
    """Whether a change promises less about the text; what a library can do beside is neither better nor worse."""
    if name == "round_trip" and {one, other} <= set(_ROUND_TRIP):
        return "worse" if _ROUND_TRIP.index(str(other)) > _ROUND_TRIP.index(str(one)) else "better"
    if name == "byte_complete":
        return "better" if other else "worse"
    if name in {"exceptions", "losses"} and isinstance(one, frozenset) and isinstance(other, frozenset):
        return "worse" if one < other else "better" if other < one else "other"
    return "other"


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def capability_changes(first: Mapping[str, object], second: Mapping[str, object]) -> list[Setting]:
    """Capabilities that differ, those of the dataclass or those of a record; fields that one lacks are passed over."""
    found = []
    for name in first:
        if name in {"summary", "prefix"} or name not in second:
            continue
        one, other = _plain(first[name]), _plain(second[name])
        if one != other:
            found.append(Setting(f"capability.{name}", _shown(one), _shown(other), _kind(name, one, other)))
    return found


def table_changes(name: str, first: Mapping[str, str], second: Mapping[str, str]) -> list[Setting]:
    """Entries of two tables that differ."""
    return [
        Setting(f"{name}.{key}", first.get(key, "none"), second.get(key, "none"))
        for key in sorted({*first, *second}) if first.get(key) != second.get(key)
    ]  # fmt: skip
