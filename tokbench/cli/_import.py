"""``tokbench import-inspect``, ``tokbench import-lm-eval`` and ``tokbench lm-eval-path``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokbench.cli._common import console
from tokbench.cli._options import OutOption, OverwriteOption

__all__ = ["import_inspect", "import_lm_eval", "lm_eval_path"]


def import_inspect(
    logs: Annotated[list[Path], typer.Argument(metavar="LOG...", help="Logs of inspect_ai, .eval or .json.")],
    out: OutOption = Path("runs"),
    *,
    overwrite: OverwriteOption = False,
) -> None:
    """Turn logs of inspect_ai into run records; needs the extra inspect.

    The answers are graded again by the suite, so that a record has all metrics, features and intervals. What came back
    is kept whatever the status of the log; requests without an answer count as failed.
    """
    from tokbench.integrations._inspect_log import import_log

    errors = console(stderr=True)
    found = import_log(
        logs,
        out,
        overwrite=overwrite,
        say=lambda line: errors.print(line, style="yellow", markup=False, soft_wrap=True),
    )
    _listed(found)


def import_lm_eval(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Files samples_<task>_<date>.jsonl of lm-eval --log_samples."),
    ],
    out: OutOption = Path("runs"),
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who answered; by default what the results beside a file say.")
    ] = None,
) -> None:
    """Turn samples of lm-eval into run records.

    Answers to our questions are graded again by the suite; tasks of lm-eval's own keep the scores that lm-eval gave.
    """
    from tokbench.integrations._lm_eval_log import import_log

    _listed(import_log(files, out, model=model))


def lm_eval_path() -> None:
    """Print the folder of the task files for lm-eval run --include_path."""
    from tokbench.integrations._lm_eval_log import task_directory

    typer.echo(task_directory())


def _listed(directories: list[Path]) -> None:
    screen = console()
    for directory in directories:
        screen.print(f"record: {directory}", markup=False, soft_wrap=True)
