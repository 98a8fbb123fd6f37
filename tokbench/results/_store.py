"""Write a run: a journal that survives a kill, and a finished record that appears all at once."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Literal, Self

from tokbench.errors import OutputDirectoryError, RecordError
from tokbench.results._files import RunLock, file_entry, json_text, sync_directory, write_atomically
from tokbench.results._provenance import SCHEMA, packages, plain, utc_now
from tokbench.results._rows import Metric, Sample, from_plain, to_plain
from tokbench.results._scrub import Scrubber

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SCHEMA", "RunKey", "RunWriter", "Status", "failures", "status"]

Status = Literal["absent", "running", "complete"]

RECORD = "run.json"
JOURNAL = "journal.jsonl"
MARKER = ".tokbench"
TABLES = {"samples": "samples.parquet", "metrics": "metrics.parquet"}
_MAX_SLUG = 60


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-.")[:_MAX_SLUG] or "unnamed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    """What makes two runs the same run; everything here enters the hash in the name of its directory.

    Attributes:
        suite: Name of the suite.
        suite_version: Its version.
        profile: ``smoke``, ``core`` or ``full``.
        seed: Seed of all that is drawn.
        tokenizer: Slug of the tokenizer.
        fingerprint: Fingerprint of the tokenizer.
        model: Slug of the model, or None.
        model_identity: Everything that identifies the model and its sampling, as text, or None.
        items: SHA-256 of every set of items or text file, by name.
        options: Options that change results, by name.
    """

    suite: str
    suite_version: str
    profile: str
    seed: int
    tokenizer: str
    fingerprint: str
    model: str | None = None
    model_identity: str | None = None
    items: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over all fields but the two slugs, in canonical JSON."""
        identity = {name: getattr(self, name) for name in self.__slots__ if name not in {"tokenizer", "model"}}
        return hashlib.sha256(json.dumps(plain(identity), sort_keys=True).encode()).hexdigest()

    @property
    def name(self) -> str:
        """Name of the run and of its directory: ``<suite>-<tokenizer>-<model or none>-<hash8>``."""
        model = "none" if self.model is None else _slug(self.model)
        return f"{_slug(self.suite)}-{_slug(self.tokenizer)}-{model}-{self.digest[:8]}"


def status(directory: Path) -> Status:
    """Whether there is a run in ``directory``, and whether it is finished.

    Raises:
        RecordError: If its record cannot be read or is of a newer schema.
    """
    from tokbench.results._read import read_record

    if not (directory / RECORD).exists():
        return "absent"
    return "complete" if is_complete(read_record(directory / RECORD)) else "running"


def failures(directory: Path) -> int:
    """Number of samples of a finished run for which nothing came back.

    Raises:
        RecordError: If its record cannot be read.
    """
    from tokbench.results._read import read_record

    outcome = read_record(directory / RECORD).get("outcome")
    counts = outcome.get("counts") if isinstance(outcome, Mapping) else None
    return int(counts.get("failed", 0)) if isinstance(counts, Mapping) else 0


def is_complete(record: Mapping[str, object]) -> bool:
    """Whether a record is that of a finished run."""
    run = record["run"]
    return isinstance(run, Mapping) and run.get("status") == "complete"


# ---------------------------------------------------------------------- the journal


@dataclass(slots=True)
class Journal:
    """Finished parts of a run in the order in which they were finished.

    Attributes:
        parts: Rows of every part by its key.
        size: Length in bytes of the lines that are whole.
    """

    parts: dict[str, tuple[list[Sample], list[Metric]]] = field(default_factory=dict)
    size: int = 0

    @property
    def samples(self) -> list[Sample]:
        """Sample rows of all parts."""
        return [row for samples, _ in self.parts.values() for row in samples]

    @property
    def metrics(self) -> list[Metric]:
        """Metric rows of all parts."""
        return [row for _, metrics in self.parts.values() for row in metrics]


def read_journal(path: Path) -> Journal:
    """Read the parts that are finished. A last line that broke off (a kill while it was written) is dropped.

    Raises:
        RecordError: If a line in the middle is damaged.
    """
    journal = Journal()
    data = path.read_bytes() if path.exists() else b""
    lines = data.split(b"\n")[:-1]  # what follows the last newline was never finished
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            rows = (
                [from_plain(Sample, row) for row in entry["samples"]],
                [from_plain(Metric, row) for row in entry["metrics"]],
            )
            journal.parts.setdefault(entry["part"], rows)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if number == len(lines):
                break  # a crash of the machine can leave a last line of the right length and wrong content
            problem = f"line {number} is damaged ({error}): run again with --overwrite"
            raise RecordError(str(path), problem) from error
        journal.size += len(line) + 1
    return journal


def journal_line(part: str, samples: Sequence[Sample], metrics: Sequence[Metric]) -> bytes:
    """One line of the journal; :func:`read_journal` reads it."""
    entry = {"part": part, "samples": [to_plain(row) for row in samples], "metrics": [to_plain(row) for row in metrics]}
    return json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


# ---------------------------------------------------------------------- the writer


class RunWriter:
    """A run that is being written. Use :meth:`open`, then :meth:`append` part by part, then :meth:`finish`.

    It is a context manager: leaving it without :meth:`finish` keeps what is done for the next time.

    Attributes:
        directory: Directory of the run.
        resumed: Whether parts of an earlier process were found.
    """

    def __init__(self, directory: Path, record: dict[str, object], lock: RunLock, journal: Journal) -> None:
        self.directory = directory
        self.resumed = bool(journal.parts)
        self._record = record
        self._lock = lock
        self._journal = journal
        self._scrubber = Scrubber()
        self._file: IO[bytes] | None = (directory / JOURNAL).open("ab")

    @classmethod
    def open(cls, root: Path, key: RunKey, record: Mapping[str, object], *, overwrite: bool = False) -> RunWriter:
        """Create the run ``root / key.name``, or continue it where an earlier process stopped.

        Args:
            root: Directory of all runs; made if there is none. See :func:`check_output_directory`.
            key: What identifies the run.
            record: What :func:`provenance` made for it.
            overwrite: Throw away what an earlier process left, finished or not.

        Raises:
            OutputDirectoryError: If the run is finished and ``overwrite`` is not given, or if another
                process is writing it.
            RecordError: If what an earlier process left cannot be read.
        """
        directory = root / key.name
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if not (root / MARKER).exists():
                write_atomically(root / MARKER, b"Results of tokbench: one directory a run.\n")
        except OSError as error:
            raise OutputDirectoryError(str(root), f"cannot be written ({error.strerror})") from error
        lock = RunLock(directory)
        try:
            if overwrite:
                _clear(directory)
            record = _opened(directory, dict(record))
            journal = read_journal(directory / JOURNAL)
            write_atomically(directory / RECORD, json_text(record).encode())
            if (directory / JOURNAL).exists():
                os.truncate(directory / JOURNAL, journal.size)
            return cls(directory, record, lock, journal)
        except BaseException:
            lock.release()
            raise

    @property
    def done_keys(self) -> frozenset[str]:
        """Keys of the parts that need not be done again."""
        return frozenset(self._journal.parts)

    @property
    def samples(self) -> list[Sample]:
        """Sample rows of all parts so far, in the order in which the parts were finished."""
        return self._journal.samples

    @property
    def metrics(self) -> list[Metric]:
        """Metric rows of all parts so far."""
        return self._journal.metrics

    def append(self, part_key: str, samples: Sequence[Sample], metrics: Sequence[Metric]) -> None:
        """Keep the rows of a finished part; they are on the disk when this returns.

        Home directory, user name and secrets are removed from messages and reasons.

        Raises:
            ValueError: If the part is in the journal already, or the run is closed.
        """
        if part_key in self._journal.parts:
            msg = f"part {part_key!r} is in the journal of {self.directory.name} already: its rows would count twice"
            raise ValueError(msg)
        if self._file is None:
            msg = f"run {self.directory.name} is closed"
            raise ValueError(msg)
        clean = self._scrubber.text
        kept_samples = [replace(row, message=clean(row.message)) if row.message else row for row in samples]
        kept_metrics = [replace(row, reason=clean(row.reason)) if row.reason else row for row in metrics]
        self._file.write(journal_line(part_key, kept_samples, kept_metrics))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._journal.parts[part_key] = (kept_samples, kept_metrics)

    def attach(self, name: str, table: pl.DataFrame) -> None:
        """Keep a table of the suite's own as ``<name>.parquet``, instead of an older one of this name.

        Raises:
            ValueError: If the name is that of one of the run's own tables, or no name of a file.
        """
        from tokbench.results._frames import table_bytes

        if not is_attachment(f"{name}.parquet"):
            msg = f"table {name!r}: expected lower-case letters, digits and _, and not samples or metrics"
            raise ValueError(msg)
        write_atomically(self.directory / f"{name}.parquet", table_bytes(table))

    def finish(self, outcome: Mapping[str, object], *, metrics: Sequence[Metric] = ()) -> Path:
        """Write the tables, then the finished record, then remove the journal.

        Args:
            outcome: What is to be said about the end, ``exit_status`` at least; counts and skips are added.
            metrics: Metrics over all parts together, which no part could compute.

        Returns:
            The directory of the run.
        """
        from tokbench.results._frames import frame, rows_in, table_bytes

        samples, all_metrics = self.samples, [*self.metrics, *metrics]
        record = dict(self._record)
        record["run"] = {**_group(record, "run"), "status": "complete"}
        record["time"] = {**_group(record, "time"), "end": utc_now()}
        environment = _group(record, "environment")
        record["environment"] = {**environment, "packages": {**_group(environment, "packages"), **packages()}}
        record["outcome"] = self._scrubber.record(plain({**_outcome(samples, all_metrics), **outcome}))
        files: dict[str, object] = {}
        for table, rows in (("samples", samples), ("metrics", all_metrics)):
            data = table_bytes(frame(table, rows, record))  # type: ignore[arg-type]
            write_atomically(self.directory / TABLES[table], data)
            files[TABLES[table]] = file_entry(data, len(rows))
        for path in attached(self.directory):
            data = path.read_bytes()
            files[path.name] = file_entry(data, rows_in(data))
        record["files"] = files
        write_atomically(self.directory / RECORD, json_text(record).encode())
        self._record = record
        self.close()
        (self.directory / JOURNAL).unlink(missing_ok=True)
        sync_directory(self.directory)
        return self.directory

    def close(self) -> None:
        """Give up the right to write; what is done stays for the next process."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _group(record: Mapping[str, object], name: str) -> dict[str, object]:
    group = record.get(name)
    return dict(group) if isinstance(group, Mapping) else {}


def _clear(directory: Path) -> None:
    # The journal goes first: a crash after it leaves the old finished run, or one that starts from nothing,
    # but never a new run with old rows.
    for path in [directory / name for name in (JOURNAL, RECORD, *TABLES.values())] + attached(directory):
        path.unlink(missing_ok=True)


def is_attachment(name: str) -> bool:
    """Whether a file of this name is a table of a suite's own."""
    return re.fullmatch(r"[a-z][a-z0-9_]*\.parquet", name) is not None and name not in TABLES.values()


def attached(directory: Path) -> list[Path]:
    """Tables of the suite's own that a run holds."""
    return sorted(path for path in directory.glob("*.parquet") if is_attachment(path.name))


def _opened(directory: Path, record: dict[str, object]) -> dict[str, object]:
    """The record to go on with, by what is in ``directory``."""
    found = status(directory)
    if found == "complete":
        raise OutputDirectoryError(str(directory), "holds this run already, finished: use --overwrite to run it again")
    if found == "running":
        return _continued(directory, record)
    (directory / JOURNAL).unlink(missing_ok=True)  # without its record nobody knows what its rows belong to
    return record


def _continued(directory: Path, record: dict[str, object]) -> dict[str, object]:
    """The record that the first process wrote, with a note on this one."""
    from tokbench.results._read import read_record

    old = dict(read_record(directory / RECORD))
    if _group(old, "run").get("key") != _group(record, "run").get("key"):
        raise RecordError(
            str(directory / RECORD), "belongs to another run with the same short hash: choose another directory"
        )
    time = _group(old, "time")
    earlier = time.get("continued")
    here = _group(record, "tokbench")
    note = {"at": utc_now(), **{name: here.get(name) for name in ("version", "revision", "dirty", "command")}}
    old["time"] = {**time, "continued": [*(earlier if isinstance(earlier, list) else []), note]}
    return old


def _outcome(samples: Sequence[Sample], metrics: Sequence[Metric]) -> dict[str, object]:
    reasons: dict[str, list[str]] = {}
    for row in samples:
        if row.outcome == "skipped":
            reasons.setdefault(row.message, []).append(row.item_id)
    return {
        "counts": dict(sorted(Counter(row.outcome for row in samples).items())),
        "samples": len(samples),
        "metrics": len(metrics),
        "skipped": [
            {"reason": reason, "count": len(items), "items": sorted(items)[:10]}
            for reason, items in sorted(reasons.items())
        ],
    }
