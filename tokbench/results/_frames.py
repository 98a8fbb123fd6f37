"""Rows as polars frames and Parquet files; the only module here that touches polars."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tokbench.errors import RecordError
from tokbench.results._rows import DIRECTIONS, METHODS, OUTCOMES, Metric, Row, Sample, escape, from_plain

if TYPE_CHECKING:
    import polars as pl

Table = Literal["samples", "metrics"]

RUN_COLUMNS = ("run_id", "suite", "suite_version", "tokenizer", "model")
"""Columns that are the same in all rows of a run."""

_ADDED = frozenset({"detail"})
"""Columns that runs of older versions do not have."""


def schema(table: Table) -> dict[str, pl.DataType]:
    """Columns of ``samples.parquet`` or ``metrics.parquet`` in their order, with their types."""
    import polars as pl

    text, number, count = pl.String(), pl.Float64(), pl.Int64()
    if table == "samples":
        return {
            "run_id": text, "suite": text, "suite_version": text, "item_id": text, "stratum": text, "cluster": text,
            "tokenizer": text, "model": text, "metric": text, "outcome": text, "score": number,
            "prompt_sha256": text, "completion": text, "ids": pl.List(pl.Int64), "gold": text, "seconds": number,
            "message": text, "detail": text,
        }  # fmt: skip
    return {
        "metric": text, "direction": text, "k": number, "n": count, "n_invalid": count, "n_failed": count,
        "value": number, "lo": number, "hi": number, "method": text, "unit": text, "filter": text, "reason": text,
    }  # fmt: skip


def run_columns(record: Mapping[str, object]) -> dict[str, str | None]:
    """What a record says for :data:`RUN_COLUMNS`."""
    run = record.get("run")
    run = run if isinstance(run, Mapping) else {}
    values = {"run_id": run.get("id"), **{name: run.get(name) for name in RUN_COLUMNS[1:]}}
    return {name: None if value is None else escape(str(value)) for name, value in values.items()}


def frame(table: Table, rows: Sequence[Sample] | Sequence[Metric], record: Mapping[str, object]) -> pl.DataFrame:
    """The rows of one run as a frame with the columns of :func:`schema`; strings are escaped."""
    import polars as pl

    columns = schema(table)
    shared = run_columns(record)
    data: dict[str, list[object]] = {}
    for name in columns:
        if name in shared:
            data[name] = [shared[name]] * len(rows)
            continue
        values = [getattr(row, name) for row in rows]
        if name == "detail":  # ASCII, so that nothing in it needs an escape
            values = [None if value is None else json.dumps(value, sort_keys=True) for value in values]
        data[name] = [escape(value) if isinstance(value, str) else value for value in values]
    return pl.DataFrame(data, schema=columns, strict=False)


def rows_of(kind: type[Row], data: pl.DataFrame) -> list[Row]:
    """The rows that a frame holds, strings as they were before they were escaped."""
    return [from_plain(kind, row) for row in data.iter_rows(named=True)]


def read(table: Table, path: Path, sha256: str | None = None) -> pl.DataFrame:
    """Read a Parquet file of a run.

    Args:
        table: Which of the two.
        path: The file.
        sha256: What its hash has to be, or None where nobody says.

    Raises:
        RecordError: If the file is missing, truncated, not the one of this hash, lacks a column, or holds a row that
            is none.
    """
    import polars as pl

    try:
        content = path.read_bytes()
        data = pl.read_parquet(content)
    except FileNotFoundError:
        raise RecordError(str(path), "the file is missing: run again with --overwrite") from None
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        problem = f"not a whole Parquet file ({what}): run again with --overwrite"
        raise RecordError(str(path), problem) from error
    if sha256 is not None and sha256 != hashlib.sha256(content).hexdigest():
        raise RecordError(str(path), "its SHA-256 is not the one in run.json: the file was changed")
    return _checked(table, path, data)


_NULLABLE = frozenset(
    {"score", "prompt_sha256", "completion", "ids", "gold", "seconds", "detail", "k", "value", "lo", "hi"}
)
_WORDS = {"outcome": OUTCOMES, "direction": DIRECTIONS, "method": METHODS}


def _checked(table: Table, path: Path, data: pl.DataFrame) -> pl.DataFrame:
    """The columns that this version knows, if their types and values are those of rows."""
    import polars as pl

    columns = schema(table)
    for name, dtype in columns.items():
        if name not in data.columns and name in _ADDED:
            data = data.with_columns(pl.lit(None, dtype).alias(name))
        if name not in data.columns:
            raise RecordError(str(path), f"the column {name} is missing")
        if data.schema[name] != dtype and data.schema[name] != pl.Null:
            raise RecordError(str(path), f"the column {name} has the type {data.schema[name]}, expected {dtype}")
    data = data.select(pl.col(name).cast(dtype) for name, dtype in columns.items())
    for name in columns:
        if name not in _NULLABLE and name not in RUN_COLUMNS and data[name].null_count():
            raise RecordError(str(path), f"a row is malformed: field {name} holds nothing")
        strangers = data[name].unique().sort().to_list() if name in _WORDS else []
        if strangers := [word for word in strangers if word not in _WORDS[name]]:
            problem = f"field {name} holds {strangers[0]!r}: expected one of {', '.join(_WORDS[name])}"
            raise RecordError(str(path), f"a row is malformed: {problem}")
    if table == "samples":
        _check_details(path, data["detail"])
    return data


def _check_details(path: Path, detail: pl.Series) -> None:
    """Each detail is a JSON object. The fast reader knows no NaN, so what it refuses is looked at again."""
    given = detail.drop_nulls()
    whole = given.str.starts_with("{") & given.str.json_path_match("$").is_not_null()
    for text in given.filter(~whole).to_list():
        try:
            found = json.loads(text)
        except ValueError as error:
            raise RecordError(str(path), f"a row is malformed: field detail is not JSON ({error})") from error
        if not isinstance(found, dict):
            raise RecordError(str(path), f"a row is malformed: field detail holds {type(found).__name__}, no object")


def table_bytes(data: pl.DataFrame) -> bytes:
    """A frame as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    data.write_parquet(buffer)
    return buffer.getvalue()


def rows_in(data: bytes) -> int:
    """Number of rows of the Parquet file that ``data`` is."""
    import polars as pl

    return int(pl.scan_parquet(io.BytesIO(data)).select(pl.len()).collect().item())
