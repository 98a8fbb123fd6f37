"""All changes as one table, for CSV, Parquet and JSON."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import OptionError, OutputDirectoryError
from tokbench.report.compare._runs import RunComparison
from tokbench.report.compare._tokenizers import TokenizerComparison
from tokbench.report.compare._vocabulary import Entry
from tokbench.results import escape

if TYPE_CHECKING:
    import polars as pl

__all__ = ["changes_frame", "changes_rows", "check_table_path", "write_changes"]

COLUMNS = (
    "what", "kind", "suite", "run_a", "run_b", "metric", "stratum", "item", "outcome_a", "outcome_b", "value_a",
    "value_b", "answer_a", "answer_b", "gold",
)  # fmt: skip
_NUMBERS = frozenset({"value_a", "value_b"})
_FORMULA = r"\A[=+\-@\t\r]"


def _of_runs(comparison: RunComparison) -> Iterator[dict[str, object]]:
    for pair in comparison.pairs:
        head = {"suite": pair.first.group("run").get("suite"), "run_a": pair.first.id, "run_b": pair.second.id}
        for change in pair.changes:
            one, other = change.first, change.second
            yield head | {
                "what": "item", "kind": change.kind, "metric": change.metric, "stratum": change.stratum,
                "item": change.item_id, "outcome_a": one.outcome, "outcome_b": other.outcome, "value_a": one.score,
                "value_b": other.score, "answer_a": one.message if one.completion is None else one.completion,
                "answer_b": other.message if other.completion is None else other.completion, "gold": one.gold,
            }  # fmt: skip
        for number in pair.numbers:
            before, after = number.first, number.second
            yield head | {
                "what": "number", "kind": number.kind, "metric": number.metric, "stratum": number.filter,
                "value_a": None if before is None else before.value, "value_b": None if after is None else after.value,
                "answer_a": "" if before is None else before.reason, "answer_b": "" if after is None else after.reason,
            }  # fmt: skip


def _entry(token_id: int | None, entry: Entry | None) -> str | None:
    if entry is None:
        return None
    return f"{token_id} {entry.kind} {entry.data.hex(' ') if entry.data is not None else ascii(entry.name)}"


def _cut(pieces: tuple[tuple[int, bytes | None], ...]) -> str:
    return " | ".join(f"{token_id} {piece.hex(' ') if piece is not None else '-'}" for token_id, piece in pieces)


def _of_tokenizers(comparison: TokenizerComparison) -> Iterator[dict[str, object]]:
    for entry in comparison.settings:
        yield {
            "what": "setting", "kind": entry.kind, "item": entry.name, "answer_a": entry.first,
            "answer_b": entry.second,
        }  # fmt: skip
    for change in comparison.vocabulary.changes:
        token_id = change.first_id if change.second_id is None else change.second_id
        yield {
            "what": "id", "kind": change.kind, "item": str(token_id),
            "answer_a": _entry(change.first_id, change.first), "answer_b": _entry(change.second_id, change.second),
        }  # fmt: skip
    for count in comparison.counts:
        kind = "other" if count.first == count.second else "worse" if count.first < count.second else "better"
        yield {
            "what": "tokens", "kind": kind, "item": count.name, "value_a": float(count.first),
            "value_b": float(count.second),
        }  # fmt: skip
    for cut in comparison.cuts:
        yield {
            "what": "cut", "kind": cut.cause, "item": cut.text, "answer_a": _cut(cut.first),
            "answer_b": _cut(cut.second),
        }  # fmt: skip


def changes_rows(comparison: RunComparison | TokenizerComparison) -> list[dict[str, object]]:
    """Every change as a row with the columns of the table; strings are as they were."""
    rows = _of_runs(comparison) if isinstance(comparison, RunComparison) else _of_tokenizers(comparison)
    return [{name: row.get(name) for name in COLUMNS} for row in rows]


def changes_frame(comparison: RunComparison | TokenizerComparison) -> pl.DataFrame:
    """Every change as a row of a frame; strings are escaped as in the tables of a run."""
    import polars as pl

    rows = changes_rows(comparison)
    schema = {name: pl.Float64() if name in _NUMBERS else pl.String() for name in COLUMNS}
    data = {
        name: [escape(value) if isinstance(value, str) else value for value in (row[name] for row in rows)]
        for name in COLUMNS
    }
    return pl.DataFrame(data, schema=schema, strict=False)


def _harmless(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    columns = [name for name in COLUMNS if name not in _NUMBERS]
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in columns
    )


def check_table_path(path: Path, *, force: bool) -> None:
    """Refuse a file that cannot be written, before any work is done.

    Raises:
        OptionError: If its name ends neither in ``.csv`` nor in ``.parquet``.
        OutputDirectoryError: If it exists and ``force`` is not given, or its folder does not exist.
    """
    if path.suffix not in {".csv", ".parquet"}:
        raise OptionError("out", str(path), "a file whose name ends in .csv or .parquet")
    if not path.parent.is_dir():
        raise OutputDirectoryError(str(path.parent), "no such folder: make it first")
    if path.is_dir() or (path.exists() and not force):
        raise OutputDirectoryError(str(path.parent), f"{path.name} is there: use --force to replace it")


def write_changes(comparison: RunComparison | TokenizerComparison, path: Path, *, force: bool = False) -> None:
    """Write every change into a CSV or Parquet file, all at once for anyone who reads it.

    In CSV a text that a spreadsheet would run as a formula gets an apostrophe in front.

    Raises:
        OptionError: If the name of the file ends in nothing known.
        OutputDirectoryError: If the file exists and ``force`` is not given, or it cannot be written.
    """
    check_table_path(path, force=force)
    frame = changes_frame(comparison)
    if path.suffix == ".csv":
        frame = _harmless(frame)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
        os.close(handle)
        try:
            if path.suffix == ".csv":
                frame.write_csv(temporary)
            else:
                frame.write_parquet(temporary)
            Path(temporary).chmod(0o644)  # a temporary file is its owner's alone
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputDirectoryError(str(path.parent), f"cannot be written ({error.strerror})") from error
