"""Settings of a suite as plain values, which travel inside the log of another harness.

The names are those of ``tokbench run SUITE`` with underscores; lists are names joined by commas. A harness hands values
over as it read them (YAML numbers, lists, words), so each is brought into its one form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tokbench.errors import OptionError, UnknownNameError

__all__ = ["SUITES", "Value", "defaults", "normal"]

SUITES = ("charbench", "arithmetic", "phantom")
"""Suites whose questions have a text for an answer."""

Value = str | int | float | bool | None
Kind = Literal["text", "count", "whole", "number", "flag"]


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting.

    Attributes:
        kind: ``text`` (lists are joined by commas), ``count`` (at least 1), ``whole``, ``number`` (at least 0) or
            ``flag``.
        default: What it is where it is not given; None allows none.
        choices: The words that it may be; empty for any.
    """

    kind: Kind
    default: Value
    choices: tuple[str, ...] = ()


_COMMON: Mapping[str, _Setting] = {
    "profile": _Setting("text", "smoke", ("smoke", "core", "full")),
    "tokenizer": _Setting("text", "bytes"),
    "seed": _Setting("whole", 0),
    "limit": _Setting("count", None),
    "form": _Setting("text", "messages", ("messages", "text")),
    "max_tokens": _Setting("count", None),
    "temperature": _Setting("number", 0.0),
    "top_p": _Setting("number", 1.0),
}
_OWN: Mapping[str, Mapping[str, _Setting]] = {
    "charbench": {
        "gold": _Setting("text", "balanced", ("balanced", "natural")),
        "tasks": _Setting("text", "standard"),
        "prompt": _Setting("text", "plain"),
        "words": _Setting("text", "builtin:en-scowl-95"),
        "unit": _Setting("text", "codepoint", ("codepoint", "grapheme")),
        "rows": _Setting("text", None),
        "reasoning": _Setting("flag", default=False),
    },
    "arithmetic": {
        "formats": _Setting("text", None),
        "shots": _Setting("text", "8"),
        "mode": _Setting("text", "plain", ("plain", "io", "repeat")),
        "in_format": _Setting("text", None),
        "repeat": _Setting("text", None),
        "answer": _Setting("text", None),
        "blocks": _Setting("text", None),
        "system": _Setting("text", "helpful", ("helpful", "mathgpt", "none")),
        "flip_query": _Setting("flag", default=False),
        "flip_shots": _Setting("flag", default=False),
    },
    "phantom": {"markings": _Setting("text", None), "articles": _Setting("text", None)},
}
_FLAGS = {"true": True, "false": False, "yes": True, "no": False}


def _settings_of(suite: str) -> Mapping[str, _Setting]:
    if suite not in SUITES:
        raise UnknownNameError("suite", suite, SUITES)
    return {**_COMMON, **_OWN[suite]}


def defaults(suite: str) -> Mapping[str, Value]:
    """All settings of a suite with what they are where they are not given.

    Raises:
        UnknownNameError: If there is no such suite.
    """
    return MappingProxyType({name: setting.default for name, setting in _settings_of(suite).items()})


def normal(suite: str, given: Mapping[str, object]) -> dict[str, Value]:
    """All settings of a suite in their one form, those that are not given at their defaults.

    Args:
        suite: One of :data:`SUITES`.
        given: Settings by name, in whatever type a harness hands over.

    Raises:
        UnknownNameError: If there is no such suite or setting.
        OptionError: If a value is none that the setting takes.
    """
    known = _settings_of(suite)
    for name in given:
        if name not in known:
            raise UnknownNameError(f"setting of {suite}", name, tuple(known))
    return {name: _value(name, setting, given.get(name)) for name, setting in known.items()}


def _value(name: str, setting: _Setting, value: object) -> Value:
    if value is None:
        return setting.default
    if setting.kind == "flag":
        found = _FLAGS.get(str(value).lower())
        if found is None:
            raise OptionError(name, value, "true or false")
        return found
    if setting.kind == "text":
        text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        if not text or (setting.choices and text not in setting.choices):
            expected = f"one of {', '.join(setting.choices)}" if setting.choices else "text that is not empty"
            raise OptionError(name, value, expected)
        return text
    return _number(name, setting.kind, value)


def _number(name: str, kind: Kind, value: object) -> int | float:
    expected = {"count": "a whole number of at least 1", "whole": "a whole number"}.get(kind, "a number of at least 0")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise OptionError(name, value, expected)
    try:
        number = float(value) if kind == "number" else int(value)
    except (ValueError, OverflowError):
        raise OptionError(name, value, expected) from None
    whole_lost = kind != "number" and isinstance(value, float) and value != number
    low = number < (1 if kind == "count" else 0) and kind != "whole"
    if whole_lost or low or not number < float("inf"):
        raise OptionError(name, value, expected)
    return number
