"""Which columns of a file of recorded replies hold what: a mapping file (arithmetic specification, 4.10).

A mapping is a TOML file, of which every part but ``columns`` may be missing::

    parser = "parity"                        # or "strict": the reading that right and wrong go by
    group_by = ["model", "in_format"]        # fields that make a condition; see GROUP_BY for the usual ones

    [columns]                                # for each field a column, or a list: the first that is there counts
    a = "num1"
    repeat_format = ["repeat_style", "repeat_problem_number_format"]
    problem_key = [{ all = ["problem_index", "problem_rng_key"] }]   # several columns that make one value together

    [constants]                              # for each field a value that all rows have
    op = "+"

    [values.repeat_format]                   # other words for the values of a field; "@field" is the value of another
    same = "@in_format"

A column that stands alone has to be there. Of a list none need be there: the field is then not known.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tokbench._resources import resource
from tokbench.errors import RecordingError, UnknownNameError
from tokbench.models._replay_files import Table, read_bytes
from tokbench.suites.arithmetic.parsing import PARSERS, Parser

__all__ = ["FIELDS", "GROUP_BY", "SHIPPED", "ColumnMapping", "Mapped", "find_mapping", "read_mapping"]

REQUIRED = ("a", "b", "response")
FIELDS = (
    *REQUIRED, "op", "in_format", "out_format", "repeat_format", "spaces", "trailing", "n_shots", "shots", "flipped",
    "shots_flipped", "system_prompt", "model", "problem_key", "sample", "logprobs", "prompt_text", "finish_tokens",
    "reply_limit",
)  # fmt: skip
"""All fields. ``a`` and ``b`` are the operands as sent; ``out_format`` is ``in_format`` where it is not given;
``finish_tokens`` is the number of tokens of the reply, ``reply_limit`` the most that it could have."""

GROUP_BY = (
    "model", "system_prompt", "in_format", "repeat_format", "out_format", "spaces", "trailing", "n_shots",
)  # fmt: skip
"""Fields that make a condition unless the mapping names others."""

_GROUPABLE = frozenset(FIELDS) - {
    "a", "b", "response", "problem_key", "sample", "logprobs", "prompt_text", "shots", "finish_tokens", "reply_limit",
}  # fmt: skip
SHIPPED = ("singh2024",)
"""Mappings that come with the suite."""

_PARTS = ("parser", "group_by", "columns", "constants", "values")

Source = tuple[str, ...]
"""Columns that make one value together; nearly always one."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A mapping file, read.

    Attributes:
        path: Where it is from, for messages.
        columns: For each field the sources, of which the first that is there counts.
        optional: Fields of which no source need be there.
        constants: Values that all rows have, by field.
        values: Other words for values, by field.
        group_by: Fields that make a condition.
        parser: The reading that right and wrong go by.
    """

    path: str
    columns: Mapping[str, tuple[Source, ...]]
    optional: frozenset[str] = frozenset()
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    group_by: tuple[str, ...] = GROUP_BY
    parser: Parser = "parity"

    def choose(self, table: Table) -> Mapped:
        """Which columns of a file are read.

        Raises:
            RecordingError: If the file lacks some.
        """
        there = frozenset(table.columns)
        chosen: dict[str, Source] = {}
        lacking: list[str] = []
        for name, sources in self.columns.items():
            found = next((source for source in sources if there.issuperset(source)), None)
            if found is not None:
                chosen[name] = found
            elif name not in self.optional or name in REQUIRED:
                lacking.append(f"{' or '.join(' and '.join(map(repr, source)) for source in sources)} for {name}")
        if lacking:
            raise RecordingError(
                table.path, None,
                f"no column {'; '.join(lacking)} (mapping {Path(self.path).name}): the file has "
                f"{', '.join(map(repr, table.columns)) or 'none'}",
            )  # fmt: skip
        return Mapped(self, chosen)


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping for one file: the columns that are there."""

    mapping: ColumnMapping
    columns: Mapping[str, Source]

    @property
    def given(self) -> frozenset[str]:
        """Fields that are known."""
        return frozenset(self.columns) | frozenset(self.mapping.constants)

    def text(self, name: str, values: Mapping[str, object], number: int, path: str) -> str | None:
        """The value of a field in a row as text, renamed; None where the row says nothing.

        Raises:
            RecordingError: If it is neither text, a whole number nor a truth value.
        """
        source = self.columns.get(name)
        if source is None:
            written = self.mapping.constants.get(name)
        else:
            parts = [_plain(values.get(column), column, number, path) for column in source]
            written = parts[0] if len(parts) == 1 else "/".join(part or "" for part in parts)
        renamed = self.mapping.values.get(name)
        if renamed is None or (written or "") not in renamed:
            return written
        word = renamed[written or ""]
        return self.text(word[1:], values, number, path) if word.startswith("@") else word


def _plain(value: object, column: str, number: int, path: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        # a count in a column with gaps becomes such a number; as an operand it is refused, digits may be lost
        return None if math.isnan(value) else repr(value)
    if isinstance(value, int):
        return str(value)
    raise RecordingError(path, number, f"column {column!r} holds {value!r:.40}: expected text or a whole number")


# ---------------------------------------------------------------------- the file


def _known(path: str, what: str, found: Collection[str], known: Collection[str]) -> None:
    if (other := next((name for name in found if name not in known), None)) is not None:
        raise RecordingError(path, None, f"{what} holds {other!r}: expected some of {', '.join(known)}")


def _source(path: str, name: str, value: object) -> Source:
    if isinstance(value, str) and value:
        return (value,)
    parts = value.get("all") if isinstance(value, dict) and set(value) == {"all"} else None
    if isinstance(parts, list) and parts and all(isinstance(part, str) for part in parts):
        return tuple(parts)
    raise RecordingError(path, None, f"columns.{name} holds {value!r:.60}: expected the name of a column, or a list")


def _words(path: str, name: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise RecordingError(path, None, f"{name}: expected a table of strings")
    for word in value.values():
        if word.startswith("@") and (word[1:] not in FIELDS or word == f"@{name.rpartition('.')[2]}"):
            raise RecordingError(path, None, f"{name} refers to {word!r}: expected @ and another field")
    return value


def _names(path: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(part, str) for part in value):
        raise RecordingError(path, None, f"group_by holds {value!r:.60}: expected a list of fields")
    _known(path, "group_by", value, [name for name in FIELDS if name in _GROUPABLE])
    return tuple(dict.fromkeys(value))


def _table(path: str, name: str, found: Mapping[str, object]) -> dict[str, object]:
    table = found.get(name, {})
    if not isinstance(table, dict):
        raise RecordingError(path, None, f"{name}: expected a table")
    _known(path, name, table, FIELDS)
    return table


def read_mapping(path: Path) -> ColumnMapping:
    """Read a mapping file.

    Raises:
        RecordingError: If it is none, or names a field that does not exist.
    """
    where = str(path)
    try:
        found = tomllib.loads(read_bytes(path).decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecordingError(where, None, f"no TOML ({error})") from None
    _known(where, "the mapping", found, _PARTS)
    columns, optional = {}, set()
    for name, value in _table(where, "columns", found).items():
        several = value if isinstance(value, list) else [value]
        columns[name] = tuple(_source(where, name, one) for one in several)
        if isinstance(value, list):
            optional.add(name)
    constants = _table(where, "constants", found)
    for name, value in constants.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise RecordingError(where, None, f"constants.{name} holds {value!r:.60}: expected text or a whole number")
    if both := next((name for name in columns if name in constants), None):
        raise RecordingError(where, None, f"{both} stands in columns and in constants: keep one of them")
    if lacking := [name for name in REQUIRED if name not in columns and name not in constants]:
        raise RecordingError(where, None, f"columns lacks {', '.join(lacking)}: a mapping has to name it")
    parser = found.get("parser", "parity")
    if parser not in PARSERS:
        raise RecordingError(where, None, f"parser holds {parser!r}: expected one of {', '.join(PARSERS)}")
    words = {name: _words(where, f"values.{name}", part) for name, part in _table(where, "values", found).items()}
    for name, word in [(name, word) for name, part in words.items() for word in part.values() if word[:1] == "@"]:
        if any(other[:1] == "@" for other in words.get(word[1:], {}).values()):
            raise RecordingError(where, None, f"values.{name} refers to {word!r}, which refers to another field")
    return ColumnMapping(
        where,
        columns,
        frozenset(optional),
        {name: str(value) for name, value in constants.items()},
        words,
        _names(where, found["group_by"]) if "group_by" in found else GROUP_BY,
        "strict" if parser == "strict" else "parity",
    )


def find_mapping(name: ColumnMapping | str | Path, shipped: Sequence[str] = SHIPPED) -> ColumnMapping:
    """A mapping by the name of one that comes with the suite, or by the path of its file.

    Raises:
        UnknownNameError: If it is neither a known name nor a file that ends in ``.toml``.
        RecordingError: If the file cannot be used.
    """
    if isinstance(name, ColumnMapping):
        return name
    if str(name) in shipped:
        return read_mapping(resource("suites", "arithmetic", f"{name}.toml"))
    path = Path(name).expanduser()
    if path.suffix != ".toml":
        raise UnknownNameError("mapping", str(name), (*shipped, "FILE.toml"))
    return read_mapping(path)
