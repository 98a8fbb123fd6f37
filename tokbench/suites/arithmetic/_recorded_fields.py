"""Fields of recorded rows: text that is read as operands, counts, formats, truth values or shots, or is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from tokbench.errors import OptionError, RecordingError, UnknownNameError
from tokbench.suites.arithmetic.formats import NumberFormat, parse_format
from tokbench.suites.arithmetic.mapping import Mapped
from tokbench.suites.arithmetic.problem import OPERATORS, Operator, Problem

__all__ = ["FieldReader"]

_NATURAL = re.compile(r"0|[1-9][0-9]{0,1999}")
_COUNT = re.compile(r"([0-9]{1,6})(?:\.0)?")
_MOST_SPACES = 1000
_SHOT = re.compile(r"(0|[1-9][0-9]*)([-+x])(0|[1-9][0-9]*)=(0|[1-9][0-9]*)")
_TRUTH = {"true": True, "1": True, "false": False, "0": False, "": False}


class FieldReader:
    """Reads the fields of rows.

    Args:
        path: The file, for messages.
        mapped: Where its fields are.
    """

    def __init__(self, path: str, mapped: Mapped) -> None:
        self._path = path
        self._mapped = mapped
        renamed = mapped.mapping.values
        # most fields are one column that is taken as it is
        self._simple = {
            name: source[0] for name, source in mapped.columns.items() if len(source) == 1 and name not in renamed
        }

    def refuse(self, number: int, name: str, value: object, expected: str) -> RecordingError:
        """The error for a value that is none of its kind."""
        source = self._mapped.columns.get(name)
        where = f"column {'/'.join(source)!r}" if source else f"the constant of {name}"
        return RecordingError(self._path, number, f"{where} holds {value!r:.60}: expected {expected}")

    def text(self, number: int, values: Mapping[str, object], name: str) -> str | None:
        """The value of a field as text; None where the row says nothing."""
        value = values.get(self._simple[name]) if name in self._simple else None
        return value if isinstance(value, str) else self._mapped.text(name, values, number, self._path)

    def operand(self, number: int, values: Mapping[str, object], name: str) -> int:
        """An operand."""
        written = self.text(number, values, name)
        if written is None or _NATURAL.fullmatch(written) is None:
            expected = "a whole number in decimal digits without sign and leading zeros, up to 2,000 of them"
            raise self.refuse(number, name, written, expected)
        return int(written)

    def count(self, number: int, values: Mapping[str, object], name: str) -> int | None:
        """A count; None where the row says nothing."""
        written = self.text(number, values, name)
        if written is None or not written:
            return None
        if (found := _COUNT.fullmatch(written)) is None:
            raise self.refuse(number, name, written, "a whole number, 0 to 999,999")
        return int(found[1])

    def truth(self, number: int, values: Mapping[str, object], name: str) -> bool:
        """A truth value; false where the row says nothing."""
        written = (self.text(number, values, name) or "").lower()
        if written not in _TRUTH:
            raise self.refuse(number, name, written, "true or false")
        return _TRUTH[written]

    def shown(self, number: int, values: Mapping[str, object], name: str) -> str:
        """The value of a field that makes a condition, written in one way only."""
        if name in {"n_shots", "spaces", "trailing"}:
            found = self.count(number, values, name)
            return "" if found is None else str(found)
        if name in {"flipped", "shots_flipped"}:
            return str(self.truth(number, values, name))
        return self.text(number, values, name) or ""

    def problem(self, number: int, values: Mapping[str, object]) -> Problem:
        """The calculation of a row."""
        written = self.text(number, values, "op") or "+"
        op: Operator | None = next((one for one in OPERATORS if one == written), None)
        if op is None:
            raise self.refuse(number, "op", written, f"one of {', '.join(OPERATORS)}")
        a, b = self.operand(number, values, "a"), self.operand(number, values, "b")
        try:
            return Problem(op, a, b)
        except OptionError as error:
            raise RecordingError(self._path, number, str(error)) from None

    def format(self, number: int, values: Mapping[str, object], name: str, usual: NumberFormat) -> NumberFormat:
        """The format of a field; the usual one where the row says nothing."""
        written = self.text(number, values, name)
        if written is None or not written:
            return usual
        try:
            return parse_format(written)
        except (UnknownNameError, OptionError) as error:
            raise RecordingError(self._path, number, f"{error}") from None

    def spaced(self, number: int, values: Mapping[str, object], fmt: NumberFormat) -> NumberFormat:
        """A format with the spaces that the row says."""
        spaces, trailing = self.count(number, values, "spaces"), self.count(number, values, "trailing")
        if spaces is None and trailing is None:
            return fmt
        around, behind = fmt.spaces if spaces is None else spaces, fmt.trailing if trailing is None else trailing
        if max(around, behind) > _MOST_SPACES:
            name, value = ("spaces", around) if around > behind else ("trailing", behind)
            raise self.refuse(number, name, value, f"at most {_MOST_SPACES} spaces")
        base = fmt.name.partition("+")[0]
        marks = f"+{around}" if around == behind else f"+{around}+{behind}"
        return replace(fmt, name=base + marks if around or behind else base, spaces=around, trailing=behind)

    def shots(self, number: int, values: Mapping[str, object]) -> tuple[Problem, ...] | None:
        """The solved calculations; None where there are none or they cannot be read."""
        written = self.text(number, values, "shots")
        found = [_SHOT.fullmatch(part) for part in written.split(",")] if written else []
        try:
            problems = [Problem(match[2], int(match[1]), int(match[3])) for match in found if match]  # type: ignore[arg-type]
        except (OptionError, ValueError):
            return None
        return tuple(problems) if problems and len(problems) == len(found) else None
