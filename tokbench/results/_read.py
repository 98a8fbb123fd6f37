"""Read runs back, finished or not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import DuplicateRunError, RecordError
from tokbench.results._provenance import SCHEMA
from tokbench.results._rows import Metric, Row, Sample
from tokbench.results._store import JOURNAL, RECORD, TABLES, is_attachment, is_complete, read_journal

if TYPE_CHECKING:
    import polars as pl

_REQUIRED = {
    "run": ("id", "key", "status", "suite", "suite_version", "tokenizer"),
    "tokbench": ("version", "command", "profile", "seed", "items_sha256"),
    "tokenizer": ("spec",),
    "environment": (),
    "time": ("start",),
}


def read_record(path: Path) -> dict[str, object]:
    """Read a ``run.json``. Fields that this version does not know are kept.

    Raises:
        RecordError: If it is missing, not JSON, of a newer schema, or lacks fields (all of them are named).
    """
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RecordError(str(path), "the record of the run is missing: run again with --overwrite") from None
    except OSError as error:
        raise RecordError(str(path), f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RecordError(str(path), f"not JSON ({error}): run again with --overwrite") from error
    if not isinstance(record, dict):
        raise RecordError(str(path), f"expected a JSON object, found {type(record).__name__}")
    found = record.get("schema")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise RecordError(str(path), f"the field schema holds {found!r}: expected the integer {SCHEMA}")
    if found > SCHEMA:
        raise RecordError(str(path), f"schema {found} is newer than {SCHEMA}, which this tokbench reads: upgrade it")
    missing = []
    for name, members in _REQUIRED.items():
        group = record.get(name)
        if not isinstance(group, dict):
            missing.append(name)
        else:
            missing += [f"{name}.{member}" for member in members if member not in group]
    if missing:
        raise RecordError(str(path), f"fields are missing or malformed: {', '.join(missing)}")
    return record


class Run:
    """One run: its record and its rows.

    Args:
        record: The record, as ``run.json`` holds it.
        samples: Sample rows, or a frame of them.
        metrics: Metric rows, or a frame of them.
        directory: Where it was read from, or None.
    """

    def __init__(
        self,
        record: Mapping[str, object],
        samples: Sequence[Sample] | pl.DataFrame,
        metrics: Sequence[Metric] | pl.DataFrame,
        directory: Path | None = None,
    ) -> None:
        self.record = dict(record)
        self.directory = directory
        self._samples = samples
        self._metrics = metrics

    def __repr__(self) -> str:
        return f"<Run {self.id} ({'complete' if self.complete else 'incomplete'})>"

    def group(self, name: str) -> dict[str, object]:
        """A group of the record, empty where it is absent."""
        group = self.record.get(name)
        return dict(group) if isinstance(group, Mapping) else {}

    @property
    def id(self) -> str:
        """Name of the run."""
        return str(self.group("run").get("id", ""))

    @property
    def complete(self) -> bool:
        """Whether the run was finished; the rows of one that was not are those of its finished parts."""
        return is_complete(self.record)

    @cached_property
    def sample_rows(self) -> list[Sample]:
        """The sample rows, strings exactly as they were."""
        from tokbench.results._frames import rows_of

        return list(self._samples) if isinstance(self._samples, Sequence) else rows_of(Sample, self._samples)

    def chosen(self, where: pl.Expr) -> list[Sample]:
        """The sample rows that an expression over the columns of :attr:`samples` chooses, in their order.

        A run may hold a hundred thousand rows, of which a reader sees five: only these become objects.

        Args:
            where: The expression. Strings in the columns are escaped (:func:`~tokbench.results.escape`).
        """
        from tokbench.results._frames import rows_of

        return rows_of(Sample, self.samples.filter(where))

    @cached_property
    def metric_rows(self) -> list[Metric]:
        """The metric rows, strings exactly as they were."""
        from tokbench.results._frames import rows_of

        return list(self._metrics) if isinstance(self._metrics, Sequence) else rows_of(Metric, self._metrics)

    @cached_property
    def samples(self) -> pl.DataFrame:
        """The samples as a frame; its strings are escaped (:func:`~tokbench.results.unescape`)."""
        from tokbench.results._frames import frame

        return frame("samples", self._samples, self.record) if isinstance(self._samples, Sequence) else self._samples

    @cached_property
    def metrics(self) -> pl.DataFrame:
        """The metrics as a frame; its strings are escaped."""
        from tokbench.results._frames import frame

        return frame("metrics", self._metrics, self.record) if isinstance(self._metrics, Sequence) else self._metrics

    def table(self, name: str) -> pl.DataFrame:
        """A table of the suite's own that the run holds beside its rows, for example ``features``.

        Raises:
            RecordError: If there is none of this name, or if it is not the one that the record speaks of.
        """
        import polars as pl

        files = self.group("files")
        entry = files.get(f"{name}.parquet")
        if self.directory is None or not isinstance(entry, Mapping) or not is_attachment(f"{name}.parquet"):
            known = ", ".join(sorted(file.removesuffix(".parquet") for file in files)) or "none"
            raise RecordError(self.id, f"has no table {name!r}: its tables are {known}")
        path = self.directory / f"{name}.parquet"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise RecordError(str(path), f"cannot be read ({error.strerror}): run again with --overwrite") from error
        if path.resolve().parent != self.directory.resolve() or entry.get("sha256") != hashlib.sha256(data).hexdigest():
            raise RecordError(str(path), "its SHA-256 is not the one in run.json: the file was changed")
        return pl.read_parquet(data)

    @property
    def summary(self) -> pl.DataFrame:
        """The metrics with the columns that name the run in front: ready to be stacked with those of others."""
        import polars as pl

        from tokbench.results._frames import run_columns

        shared = [pl.lit(value, dtype=pl.String).alias(name) for name, value in run_columns(self.record).items()]
        profile = pl.lit(str(self.group("tokbench").get("profile", ""))).alias("profile")
        return self.metrics.select(*shared, profile, pl.lit(self.complete).alias("complete"), pl.all())


def _load_one(directory: Path) -> Run:
    record = read_record(directory / RECORD)
    if not is_complete(record):
        journal = read_journal(directory / JOURNAL)
        return Run(record, journal.samples, journal.metrics, directory)
    from tokbench.results._frames import read

    files = record.get("files")
    entries = files if isinstance(files, Mapping) else {}
    for name in entries:
        if name not in TABLES.values() and not is_attachment(name):
            raise RecordError(str(directory / RECORD), f"refers to {name!r}, which is no file of a run: refused")
    frames = []
    for table, name in TABLES.items():
        path = directory / name
        if path.resolve().parent != directory.resolve():
            raise RecordError(str(path), "leads outside the directory of the run: refused")
        entry = entries.get(name)
        wanted = entry.get("sha256") if isinstance(entry, Mapping) else None
        frames.append(read(table, path, wanted))  # type: ignore[arg-type]
    return Run(record, frames[0], frames[1], directory)


def _directories(path: Path) -> list[Path]:
    """Directories below ``path`` that hold a run or the rest of one."""
    names = (RECORD, JOURNAL, *TABLES.values())
    return sorted({found.parent for name in names for found in path.rglob(name) if found.is_file()})


def _difference(first: Run, second: Run) -> str | None:
    """The first field in which two runs of one key differ, times apart."""
    here, there = ((run.metrics, run.samples.drop("seconds")) for run in (first, second))
    if here[0].equals(there[0]) and here[1].equals(there[1]):
        return None  # copies of one directory: no row has to become an object
    return _first_difference("metrics", first.metric_rows, second.metric_rows) or _first_difference(
        "samples", first.sample_rows, second.sample_rows
    )


def _first_difference(table: str, here: Sequence[Row], there: Sequence[Row]) -> str | None:
    def order(row: Row) -> str:
        return repr([getattr(row, field.name) for field in fields(row) if field.name != "seconds"])

    if len(here) != len(there):
        return f"{table}: {len(here)} and {len(there)} rows"
    for one, two in zip(sorted(here, key=order), sorted(there, key=order), strict=True):
        for field in fields(one):
            if field.name != "seconds" and repr(getattr(one, field.name)) != repr(getattr(two, field.name)):
                what = getattr(one, "item_id", one.metric)
                return f"{table}, {what}: {field.name}"
    return None


def scan(*paths: Path | str) -> tuple[list[Run], list[RecordError | DuplicateRunError]]:
    """Read all runs at and below some directories, and gather what is wrong with the rest.

    Of two runs with one key, a finished one wins over an unfinished one, and one of two equal ones is
    dropped.

    Returns:
        The runs, sorted by id, and one error for each run that could not be read.
    """
    runs: dict[str, Run] = {}
    problems: list[RecordError | DuplicateRunError] = []
    for path in map(Path, paths):
        if not path.is_dir():
            problems.append(RecordError(str(path), "no such directory" if not path.exists() else "not a directory"))
            continue
        directories = _directories(path)
        if not directories:
            problems.append(RecordError(str(path), f"no runs here: expected directories that hold a {RECORD}"))
        for directory in directories:
            try:
                run = _load_one(directory)
            except RecordError as error:
                problems.append(error)
                continue
            key = str(run.group("run")["key"])
            other = runs.get(key)
            if other is None or (run.complete and not other.complete):
                runs[key] = run
            elif run.complete and run.directory != other.directory and (field := _difference(other, run)) is not None:
                problems.append(DuplicateRunError(str(other.directory), str(directory), field))
    return sorted(runs.values(), key=lambda run: (run.id, str(run.group("run")["key"]))), problems


def load(*paths: Path | str) -> list[Run]:
    """Read all runs at and below some directories: directories of runs, single runs, or nested ones.

    A run that is not finished is returned too, with ``complete`` False and the rows of its finished parts.

    Raises:
        RecordError: If a run cannot be read; several problems are told together.
        DuplicateRunError: If two directories hold the same run with different numbers.
    """
    runs, problems = scan(*paths)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        told = "; ".join(map(str, problems))
        raise RecordError(", ".join(map(str, paths)), f"{len(problems)} problems: {told}")
    return runs
