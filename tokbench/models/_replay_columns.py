"""Which columns of a file hold what: names from options, from a mapping file, or the usual ones."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tokbench.errors import RecordingError
from tokbench.models._replay_files import Table, read_bytes

__all__ = ["ColumnMapping", "Columns", "choose_columns", "read_mapping"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where in a file the parts of an answer are.

    Attributes:
        key: Column with the key, or None where a template makes it.
        template: Template of the key as pieces (text, column, whether its length is meant, format), or None.
        text: Column with the answer.
        ids: Column with the token ids, or None.
        finish: Column with the reason of the end, or None.
        values: Other words for values, by column.
    """

    key: str | None
    template: tuple[tuple[str, str | None, bool, str], ...] | None
    text: str
    ids: str | None
    finish: str | None
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def of_key(self) -> tuple[str, ...]:
        """Columns that make the key."""
        if self.template is None:
            return () if self.key is None else (self.key,)
        return tuple(dict.fromkeys(column for _, column, _, _ in self.template if column is not None))

    @property
    def needed(self) -> tuple[str, ...]:
        """All columns."""
        parts = (*self.of_key, self.text, self.ids, self.finish)
        return tuple(dict.fromkeys(name for name in parts if name is not None))


# ---------------------------------------------------------------------- the mapping


def _template(path: str, text: str) -> tuple[tuple[str, str | None, bool, str], ...]:
    """The pieces of a key template."""
    pieces = []
    try:
        for literal, name, spec, conversion in string.Formatter().parse(text):
            column, dot, part = (name, "", "") if name is None else name.partition(".")
            if name is not None and (not column or conversion or (dot and part != "length")):
                raise RecordingError(path, None, f"key_template: {{{name}}} is no {{column}} or {{column.length}}")
            pieces.append((literal, column, bool(dot), spec or ""))
    except ValueError as error:
        raise RecordingError(path, None, f"key_template {text!r}: {error}") from None
    if not any(column for _, column, _, _ in pieces):
        raise RecordingError(path, None, f"key_template {text!r} names no column: all rows would have one key")
    return tuple(pieces)


def _strings(path: str, name: str, value: object, known: Collection[str] = ()) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise RecordingError(path, None, f"{name}: expected a table of strings")
    _known(path, name, value, known or value)
    return value


def _known(path: str, name: str, found: Collection[str], known: Collection[str]) -> None:
    if (other := next((part for part in found if part not in known), None)) is not None:
        raise RecordingError(path, None, f"{name} holds {other!r}: expected some of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A mapping file, read."""

    path: str = ""
    template: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_mapping(path: Path) -> ColumnMapping:
    """Read a mapping file; :mod:`tokbench.models._replay` describes it.

    Raises:
        RecordingError: If it is none.
    """
    try:
        found = tomllib.loads(read_bytes(path).decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecordingError(str(path), None, f"no TOML ({error})") from None
    _known(str(path), "the mapping", found, ("key_template", "columns", "values"))
    template = found.get("key_template")
    if template is not None and not isinstance(template, str):
        raise RecordingError(str(path), None, "key_template: expected a string")
    columns = _strings(str(path), "columns", found.get("columns", {}), ("key", "text", "ids", "finish"))
    if template is not None and "key" in columns:
        raise RecordingError(str(path), None, "it holds both key_template and columns.key: keep one of them")
    values = found.get("values", {})
    if not isinstance(values, dict):
        raise RecordingError(str(path), None, "values: expected a table for each column")
    return ColumnMapping(
        str(path),
        template,
        columns,
        {name: _strings(str(path), f"values.{name}", part) for name, part in values.items()},
    )


def choose_columns(table: Table, mapping: ColumnMapping, named: Mapping[str, str]) -> Columns:
    """Which columns are read: by options, else by the mapping, else the usual ones.

    Args:
        table: The file.
        mapping: What the mapping file says.
        named: Names of columns from options: ``key``, ``text``, ``ids``, ``finish``.

    Raises:
        RecordingError: If the file does not have them.
    """
    wanted = {**mapping.columns, **named}
    template = None if "key" in named or mapping.template is None else _template(mapping.path, mapping.template)
    usual = {"ids": "ids", "finish": "finish_reason"}
    optional = {part: name for part, name in usual.items() if name in table.columns}
    columns = Columns(
        key=wanted.get("key", "item_id") if template is None else None,
        template=template,
        text=wanted.get("text", "completion"),
        ids=wanted.get("ids", optional.get("ids")),
        finish=wanted.get("finish", optional.get("finish")),
        values=mapping.values,
    )
    if lacking := [name for name in columns.needed if name not in table.columns]:
        raise RecordingError(
            table.path, None,
            f"no column {', '.join(map(repr, lacking))}: the file has {', '.join(map(repr, table.columns)) or 'none'}; "
            "name its columns by key=, text=, ids=, finish= or mapping=FILE.toml",
        )  # fmt: skip
    renamed = [name for name in columns.of_key if name != columns.text]
    renamed += [columns.finish] if columns.finish is not None else []
    for name in mapping.values:
        _known(mapping.path, "values", [name], renamed)
    return columns
