"""The numbers of a report as CSV, JSON and Parquet: all metrics and laws, one a row, the same in each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tokbench.report._format import is_number, label, value_text
from tokbench.report._groups import Entry, Group
from tokbench.report._view import Page
from tokbench.results import Metric, Sample

if TYPE_CHECKING:
    import polars as pl

__all__ = ["COLUMNS", "as_csv", "as_frame", "as_json", "parquet"]

COLUMNS = (
    "suite", "suite_version", "profile", "run_id", "complete", "tokenizer", "model", "metric", "filter", "direction",
    "value", "lo", "hi", "method", "k", "n", "n_invalid", "n_failed", "unit", "reason",
)  # fmt: skip
_NUMBERS = frozenset({"value", "lo", "hi", "k"})
_COUNTS = frozenset({"n", "n_invalid", "n_failed"})


def _all(found: Sequence[Group]) -> list[dict[str, object]]:
    return [row for group in found for entry in group.entries for row in _rows(group, entry)]


def _rows(group: Group, entry: Entry) -> list[dict[str, object]]:
    about = entry.run.group("run")
    head = {
        "suite": label(group.suite),
        "suite_version": label(group.version),
        "profile": label(group.profile),
        "run_id": label(entry.run.id),
        "complete": entry.run.complete,
        "tokenizer": label(str(about.get("tokenizer", ""))),
        "model": label(str(about["model"])) if about.get("model") else None,
    }
    rows = [{**head, **_law_fields(name, row)} for name, row in entry.laws.items()]
    return rows + [{**head, **_metric_fields(metric)} for metric in entry.metrics]


def _law_fields(name: str, row: Sample) -> dict[str, object]:
    value = {"correct": 1.0, "wrong": 0.0}.get(row.outcome)
    return {
        "metric": label(f"law/{name}"), "filter": "", "direction": "up", "value": value, "lo": None, "hi": None,
        "method": "count", "k": value, "n": 1 if value is not None else 0, "n_invalid": 0,
        "n_failed": int(row.outcome == "failed"), "unit": "1 holds, 0 fails", "reason": label(row.message),
    }  # fmt: skip


def _metric_fields(metric: Metric) -> dict[str, object]:
    return {
        "metric": label(metric.metric), "filter": label(metric.filter), "direction": metric.direction,
        "value": _finite(metric.value), "lo": _finite(metric.lo), "hi": _finite(metric.hi), "method": metric.method,
        "k": _finite(metric.k), "n": metric.n, "n_invalid": metric.n_invalid, "n_failed": metric.n_failed,
        "unit": label(metric.unit),
        "reason": "" if is_number(metric.value) and not metric.reason
        else label(metric.reason) or value_text(metric),
    }  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if is_number(value) else None


def _harmless(value: object) -> object:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@")):
        return f"'{value}"
    if isinstance(value, bool):
        return str(value).lower()
    return value


def as_csv(found: Sequence[Group]) -> str:
    """The rows as CSV with the columns of :data:`COLUMNS`."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in _all(found))
    return buffer.getvalue()


def as_frame(found: Sequence[Group]) -> pl.DataFrame:
    """The rows as a frame: truth values, whole numbers, numbers and text."""
    import polars as pl

    types: dict[str, pl.DataType] = {name: pl.String() for name in COLUMNS}
    types |= {name: pl.Float64() for name in _NUMBERS} | {name: pl.Int64() for name in _COUNTS}
    types["complete"] = pl.Boolean()
    rows = _all(found)
    columns = {
        name: pl.Series(name, [row[name] for row in rows], dtype, strict=False)  # a whole number may stand for another
        for name, dtype in types.items()
    }
    return pl.DataFrame(columns)


def parquet(data: pl.DataFrame) -> bytes:
    """A frame as a Parquet file."""
    buffer = io.BytesIO()
    data.write_parquet(buffer, statistics=False)
    return buffer.getvalue()


def as_json(page: Page, found: Sequence[Group]) -> str:
    """The same rows as JSON, with the full records of the runs."""
    document = {
        "schema": 1,
        "title": page.title,
        "date": page.date,
        "notes": list(page.notes),
        "rows": _all(found),
        "runs": _records(found),
    }
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _records(found: Sequence[Group]) -> list[dict[str, object]]:
    records = [entry.run.record for group in found for entry in group.entries]
    # a record that another program wrote may hold NaN, which is no JSON: it becomes null
    return json.loads(json.dumps(records), parse_constant=lambda _: None)  # type: ignore[no-any-return]
