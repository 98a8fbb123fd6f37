"""Tables of recorded answers: CSV, JSON lines and Parquet, read without guessing what a value means."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokbench.errors import RecordingError

__all__ = ["SUFFIXES", "Table", "read_bytes", "read_table"]

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file.

    Attributes:
        path: Its path, for messages.
        columns: Names of its columns.
        rows: Number and values of each row, 1-based, the header not counted. All values of a CSV file are strings. A
            row of JSON lines has the number of its line and may lack columns.
    """

    path: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[int, Mapping[str, object]]]


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        RecordingError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecordingError(str(path), None, f"cannot be read ({error.strerror})") from error


def read_table(path: Path, data: bytes) -> Table:
    """The table that a file holds; its name says in which format.

    Args:
        path: The file.
        data: Its content.

    Raises:
        RecordingError: If it is not in the format that its name says.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _csv(str(path), data)
    if suffix in {".jsonl", ".ndjson"}:
        return _jsonl(str(path), data)
    if suffix == ".parquet":
        return _parquet(str(path), data)
    problem = f"the name of a file of recorded answers ends in one of {', '.join(SUFFIXES)}"
    raise RecordingError(str(path), None, problem)


# ---------------------------------------------------------------------- CSV


def _csv(path: str, data: bytes) -> Table:
    data = data.removeprefix(_BOM)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _no_utf8(path, _row_at(data[: error.start].decode()), data, error) from None
    with _long_fields():
        records = _records(path, text)
    if not records:
        raise RecordingError(path, None, "the file is empty: expected a header and a row for each answer")
    columns = tuple(records[0])
    if (twice := next((name for name in columns if columns.count(name) > 1), None)) is not None:
        raise RecordingError(path, None, f"two columns are called {twice!r}")
    rows = []
    for number, record in enumerate(records[1:], 1):
        if len(record) != len(columns):
            raise RecordingError(path, number, f"{len(record)} fields, but the header has {len(columns)}")
        rows.append((number, dict(zip(columns, record, strict=True))))
    return Table(path, columns, rows)


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """Let a field be as long as it is; the limit is one of the whole process, and usually 128 KiB."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _records(path: str, text: str) -> list[list[str]]:
    """All records; a blank line is none."""
    records: list[list[str]] = []
    try:
        records.extend(record for record in csv.reader(io.StringIO(text, newline=""), strict=True) if record)
    except csv.Error as error:
        row = len(records) or None
        raise RecordingError(path, row, f"no CSV with commas and double quotes ({error})") from None
    return records


def _row_at(before: str) -> int | None:
    """Row of the character behind ``before``; None in the header, or where quotes hide it."""
    try:
        with _long_fields():
            # one more character, so that the last record is the one that this character is in
            records = sum(1 for record in csv.reader(io.StringIO(before + "x", newline="")) if record)
    except csv.Error:
        return None
    return records - 1 or None


def _no_utf8(path: str, row: int | None, data: bytes, error: UnicodeDecodeError) -> RecordingError:
    return RecordingError(path, row, f"byte 0x{data[error.start]:02X} is not UTF-8: save the file as UTF-8")


# ---------------------------------------------------------------------- JSON lines


def _jsonl(path: str, data: bytes) -> Table:
    columns: dict[str, None] = {}
    rows: list[tuple[int, Mapping[str, object]]] = []
    for number, line in enumerate(data.removeprefix(_BOM).split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line.decode())
        except UnicodeDecodeError as error:
            raise _no_utf8(path, number, line, error) from None
        except (ValueError, RecursionError) as error:
            raise RecordingError(path, number, f"no line of JSON ({error})") from None
        if not isinstance(values, dict):
            raise RecordingError(path, number, 'expected an object, as in {"item_id": ..., "completion": ...}')
        columns.update(dict.fromkeys(values))
        rows.append((number, values))
    return Table(path, tuple(columns), rows)


# ---------------------------------------------------------------------- Parquet


def _parquet(path: str, data: bytes) -> Table:
    import polars as pl

    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RecordingError(path, None, f"not a whole Parquet file ({what})") from error
    return Table(path, tuple(frame.columns), list(enumerate(frame.iter_rows(named=True), 1)))
