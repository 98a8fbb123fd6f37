"""``tokbench analyze``: what goes together with being right, over the runs of one or several models."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tokbench.cli._common import console
from tokbench.cli._options import SeedOption

__all__ = ["analyze", "free_paths"]


class Grading(StrEnum):
    """How answers are read."""

    strict = "strict"
    lenient = "lenient"


def free_paths(folder: Path, names: Iterable[str], *, force: bool) -> dict[str, Path]:
    """Where tables are written; nothing is written before all are known to be free.

    Raises:
        OutputDirectoryError: If the folder is a file, or a table is there and ``force`` is not given.
    """
    from tokbench.errors import OutputDirectoryError

    if folder.exists() and not folder.is_dir():
        raise OutputDirectoryError(str(folder), "is a file: expected a folder")
    paths = {name: folder / f"{name}.parquet" for name in names}
    taken = [path.name for path in paths.values() if path.exists()]
    if taken and not force:
        raise OutputDirectoryError(str(folder), f"{taken[0]} is there: use --force to replace it")
    return paths


def analyze(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Directories of runs of charbench.")],
    tasks: Annotated[str | None, typer.Option(metavar="NAME,NAME", help="Only these tasks, or sets of tasks.")] = None,
    grading: Annotated[Grading, typer.Option(help="Which reading of an answer counts.")] = Grading.strict,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write every table in full, as Parquet, into this folder.")
    ] = None,
    seed: SeedOption = 0,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace tables that are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Correlations, regressions and comparisons of models, from runs of charbench.

    The tables are Markdown and fit 80 columns. Correlations of one property mislead where properties go together, or
    where a model has a default answer; beside them stands what is left under controls.
    """
    from tokbench.suites.charbench.analysis import analyse
    from tokbench.suites.charbench.recorded import recorded

    found = recorded(directories)
    predictions = found.predictions
    if tasks is not None:
        predictions = found.only(tasks.split(","))
    analysis = analyse(found.items, predictions, found.features, grading=grading.value, seed=seed)
    if out is not None:
        paths = free_paths(out, analysis.frames, force=force)
        out.mkdir(parents=True, exist_ok=True)
        for name, frame in analysis.frames.items():
            frame.write_parquet(paths[name])
    if as_json:
        tables = {name: frame.to_dicts() for name, frame in analysis.frames.items()}
        notes = [*found.notes, *analysis.notes]
        typer.echo(json.dumps({"runs": found.runs, "grading": grading.value, "notes": notes, **tables}, indent=2))
        return
    from tokbench._terminal.analysis import analysis_tables

    for note in found.notes:
        console(stderr=True).print(note, style="yellow", markup=False)
    screen = console()
    for part in analysis_tables(analysis):
        screen.print(part)
