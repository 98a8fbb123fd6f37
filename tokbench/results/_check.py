"""May results be written into this directory?"""

from __future__ import annotations

import os
from pathlib import Path

from tokbench.errors import OutputDirectoryError, RecordError
from tokbench.results._read import read_record
from tokbench.results._store import MARKER, RECORD

_SHOWN = 3


def check_output_directory(directory: Path, suite: str) -> None:
    """Refuse a directory in which runs of ``suite`` must not be written, before any work is done.

    It may be absent, empty, or hold runs of the same suite; other files beside runs are left alone, but
    results are never strewn into a directory that holds none.

    Raises:
        OutputDirectoryError: If it is a file, cannot be written, holds something else, runs of another
            suite, or runs that this version cannot read; all problems are told together.
    """
    if directory.exists() and not directory.is_dir():
        raise OutputDirectoryError(str(directory), "is a file: give a directory")
    nearest = directory.absolute()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise OutputDirectoryError(str(directory), f"{nearest.name} on the way to it is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputDirectoryError(str(directory), "cannot be written: choose another, or change its permissions")
    if not directory.is_dir():
        return
    problems = []
    records = sorted(directory.glob(f"*/{RECORD}"))
    if (directory / RECORD).exists():
        problems.append("is itself a run: give the directory above it")
    others: dict[str, list[str]] = {}
    for path in records:
        try:
            run = read_record(path)["run"]
        except RecordError as error:
            problems.append(str(error))
            continue
        found = str(run.get("suite")) if isinstance(run, dict) else "?"
        if found != suite:
            others.setdefault(found, []).append(path.parent.name)
    for found, names in sorted(others.items()):
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        problems.append(
            f"holds runs of the suite {found} ({', '.join(names[:_SHOWN])}{more}): "
            "give each suite a directory of its own"
        )
    if not records and not (directory / MARKER).exists():
        strangers = sorted(entry.name for entry in directory.iterdir())
        if strangers:
            more = f" and {len(strangers) - _SHOWN} more" if len(strangers) > _SHOWN else ""
            problems.append(
                f"holds other files ({', '.join(strangers[:_SHOWN])}{more}) and no runs: give an empty or new directory"
            )
    if problems:
        raise OutputDirectoryError(str(directory), "; ".join(problems))
