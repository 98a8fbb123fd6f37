"""Options of the backends: from a spec they come as strings, from Python as values."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tokbench.errors import OptionError

__all__ = ["Options"]


class Options:
    """The options of one call of ``load_model``, taken one by one.

    Args:
        backend: Name of the backend, for messages.
        options: Name and value of each.
    """

    def __init__(self, backend: str, options: dict[str, object]) -> None:
        self._backend = backend
        self._left = dict(options)
        self._known: list[str] = []

    def raw(self, name: str) -> object:
        """The value as it was given, or None."""
        self._known.append(name)
        return self._left.pop(name, None)

    def _refuse(self, name: str, value: object, expected: str) -> OptionError:
        return OptionError(f"{self._backend}: {name}", value, expected)

    def text(self, name: str, default: str = "", choices: Iterable[str] = ()) -> str:
        """A word, one of ``choices`` where there are any."""
        value = self.raw(name)
        if value is None:
            return default
        allowed = tuple(choices)
        if not isinstance(value, str) or (allowed and value not in allowed):
            raise self._refuse(name, value, f"one of {', '.join(allowed)}" if allowed else "text")
        return value

    def integer(self, name: str, default: int | None = None, *, least: int | None = None) -> int | None:
        """A whole number, at least ``least``."""
        value = self.raw(name)
        if value is None:
            return default
        try:
            number = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
        except ValueError:
            number = None
        if number is None or (least is not None and number < least):
            raise self._refuse(name, value, "a whole number" + ("" if least is None else f" of at least {least}"))
        return number

    def real(self, name: str, default: float | None = None) -> float | None:
        """A finite number."""
        value = self.raw(name)
        if value is None:
            return default
        try:
            number = float(value) if isinstance(value, str | int | float) else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self._refuse(name, value, "a number")
        return number

    def ids(self, name: str) -> tuple[int, ...] | None:
        """Token ids: a number, a sequence of numbers, or numbers joined by commas; None when it is not given."""
        value = self.raw(name)
        if value is None:
            return None
        found = parse_ids(value)
        if found is None:
            raise self._refuse(name, value, "token ids joined by commas")
        return found

    def done(self) -> None:
        """Refuse what nobody took.

        Raises:
            OptionError: If any option is left.
        """
        if self._left:
            name, value = next(iter(self._left.items()))
            raise self._refuse(name, value, f"one of the options of this backend: {', '.join(self._known)}")


def parse_ids(value: object) -> tuple[int, ...] | None:
    """Token ids that ``value`` spells, or None if it spells none: ``7``, ``"1,2"``, ``[1, 2]``; ``""`` is ``()``."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return (value,) if value >= 0 else None
    if isinstance(value, str):
        parts = value.split(",") if value else []
        return tuple(map(int, parts)) if all(part.isascii() and part.isdigit() for part in parts) else None
    if isinstance(value, Iterable):
        items = tuple(value)
        if all(isinstance(item, int) and not isinstance(item, bool) and item >= 0 for item in items):
            return items
    return None
