"""What ``tokbench run`` does with a plan, whatever its suite."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tokbench.cli._common import EXIT_INTERRUPTED, EXIT_NOTHING, console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tokbench.results import Run
    from tokbench.suites.part import Plan

__all__ = ["execute"]


def execute(
    plans: Sequence[tuple[Plan, tuple[str, ...]]],
    *,
    out: Path,
    lenient: bool,
    overwrite: bool,
    processes: int,
    summary: Callable[[Sequence[Run]], Sequence[RenderableType]] | None = None,
) -> None:
    """Run plans, each over its tokenizers, and end with the table and the leaderboard of ``out``.

    Args:
        plans: Each plan with specs of tokenizers.
        out: Directory of all runs.
        lenient: Whether a tokenizer that is not available here is skipped.
        overwrite: Whether finished runs are measured again.
        processes: Number of processes; 0 is one for each core.
        summary: What is shown of the runs in ``out`` at the end; None shows the first table of the leaderboard.

    Raises:
        typer.Exit: If it is interrupted, or if nothing could be run.
    """
    from tokbench import run as runner
    from tokbench._terminal.progress import RunProgress
    from tokbench._terminal.reporting import legends, overview_tables, write_leaderboard

    errors = console(stderr=True)
    done = 0
    for plan, tokenizers in plans:
        request = runner.RunRequest(
            plan=plan,
            tokenizers=tokenizers,
            out=out,
            lenient=lenient,
            overwrite=overwrite,
            jobs=processes or os.cpu_count() or 1,
            argv=tuple(sys.argv[1:]),
        )
        try:
            with RunProgress(errors) as progress:
                outcome = runner.run(request, progress.observe)
        except KeyboardInterrupt:
            errors.print("interrupted: what is finished is kept, the same command continues", style="yellow")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        for skipped in outcome.skipped:
            errors.print(f"skipped {skipped.spec}: {skipped.reason}", style="yellow", markup=False)
        for note in plan.notes():
            errors.print(note, style="yellow", markup=False)
        if outcome.kept:
            errors.print(f"{len(outcome.kept)} finished before and kept; --overwrite measures again", style="dim")
        done += len(outcome.directories)
    if not done:
        errors.print("no tokenizer could be run", style="red")
        raise typer.Exit(EXIT_NOTHING)
    runs, files = write_leaderboard(out)
    screen = console()
    for table in overview_tables(runs) if summary is None else summary(runs):
        screen.print(table)
    for legend in legends(runs) if summary is None else ():
        screen.print(legend, style="dim")
    for path in files:
        if path.suffix in {".html", ".md"}:
            screen.print(f"leaderboard: {path}", markup=False, soft_wrap=True)
