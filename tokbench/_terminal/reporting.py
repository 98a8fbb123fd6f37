"""``tokbench report``, and the tables that a run ends with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from tokbench.errors import DuplicateRunError, OptionError, RecordError, UnknownNameError
from tokbench.report import TITLE, Cell, Format, Table, overview, render_bytes, select, write
from tokbench.results import Run, scan

__all__ = ["legends", "make_report", "overview_tables", "write_leaderboard"]

_SOME_EXCLUDED, _NOTHING = 1, 3
_TONES = {"good": "green", "bad": "bold red", "warn": "yellow", "mute": "dim", "missing": "dim"}


# a terminal of 80 columns has room for these, each in one line; the page has them all in full
_SHORT = {
    "Round trip": "round trip",
    "Laws": "laws",
    "Parity": "differ",
    "Vocabulary": "unreached",
    "Bytes/token": "B/token",
    "Naive TV": "naive",
    "Healed TV": "healed",
    "True byte impossible": "imposs.",
    "lm-eval changes": "lm-eval",
    "Exact spread": "spread",
}
_LEFT_OUT = {"Family", "Ids", "Expected ids", "Reading"}


def _short(title: str, cell: Cell) -> Text:
    """A cell of the overview in as few characters as say it."""
    text = cell.text
    if title == "Round trip":
        text = (
            text.split("{")[0] if text.startswith("lossy") else text.replace("lossless-except{", "except ").rstrip("}")
        )
    elif title == "Laws":
        text = text.removesuffix(" hold").replace(" of ", "/")
    elif title == "Parity":
        text = text.replace(" of ", "/").removesuffix(" differ")
    elif title == "Vocabulary":
        text = text.removesuffix(" unreachable")
    if cell.tone == "missing":
        text = "–"
    return Text(text, style=_TONES.get(cell.tone, ""))


def _drawn(table: Table) -> RichTable:
    wanted = [index for index, column in enumerate(table.columns) if column.title not in _LEFT_OUT]
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for index in wanted:
        title = table.columns[index].title
        drawn.add_column(_SHORT.get(title, title).lower(), justify="left" if index == 0 else "right",
                         no_wrap=True, overflow="ellipsis")  # fmt: skip
    for row in table.rows:
        drawn.add_row(*(_short(table.columns[index].title, row[index]) for index in wanted))
    return drawn


def _is_charbench(run: Run) -> bool:
    return run.group("run").get("suite") == "charbench"


def _is_phantom(run: Run) -> bool:
    return run.group("run").get("suite") == "phantom"


def overview_tables(runs: Sequence[Run]) -> list[RenderableType]:
    """The first table of the leaderboard in short, one for each suite version; of charbench one for each run."""
    tables: list[RenderableType] = [
        _drawn(table) for table in overview([run for run in runs if not _is_charbench(run) and not _is_phantom(run)])
    ]
    if any(map(_is_phantom, runs)):
        from tokbench._terminal.phantom import summary_tables

        tables += summary_tables(runs)
    if any(map(_is_charbench, runs)):
        from tokbench._terminal.charbench import run_summary

        tables += [run_summary(run) for run in sorted(runs, key=lambda run: run.id) if _is_charbench(run)]
    return tables


_LEGEND = (
    "laws: held, of those that apply · differ: strings whose ids differ from another engine on the same vocabulary · "
    "unreached: ids that no tried text gives · b/token: bytes of English text a token"
)
_MODEL_LEGEND = (
    "naive, healed: total variation of the next byte to the exact one, prompts cut inside a token · imposs.: the true "
    "next byte has probability 0, naive · lm-eval: answers that its cut changes · spread: nats over cuts of one text"
)


def legends(runs: Sequence[Run]) -> list[str]:
    """What the columns of :func:`overview_tables` mean, one line for each kind of table."""
    own = [run for run in runs if not _is_charbench(run) and not _is_phantom(run)]
    of_models = {run.group("run").get("model") is not None for run in own}
    found = [text for text, kind in ((_LEGEND, False), (_MODEL_LEGEND, True)) if kind in of_models]
    if any(_is_charbench(run) and run.group("run").get("model") for run in runs):
        from tokbench._terminal.charbench import LEGEND

        found.append(LEGEND)
    return found


def _excluded(problems: Sequence[RecordError | DuplicateRunError]) -> list[tuple[str, str]]:
    places = [problem.path if isinstance(problem, RecordError) else problem.second for problem in problems]
    return [(Path(place).name, str(problem)) for place, problem in zip(places, problems, strict=True)]


def write_leaderboard(directory: Path) -> tuple[list[Run], list[Path]]:
    """Write ``leaderboard.*`` into a directory of runs, over older ones; returns the runs and the files."""
    runs, problems = scan(directory)
    return runs, write(runs, directory, force=True, excluded=_excluded(problems))


def _chosen(runs: Sequence[Run], suites: Sequence[str], suite_version: str | None) -> list[Run]:
    """The runs of some suites or of one suite version; a name that no run has is refused, not an empty report."""
    known = sorted({str(run.group("run").get("suite")) for run in runs})
    for name in suites:
        if name not in known:
            raise UnknownNameError("suite", name, tuple(known))
    runs = select(runs, suites=suites)
    versions = sorted({str(run.group("run").get("suite_version")) for run in runs})
    if suite_version is not None and suite_version not in versions:
        raise UnknownNameError("suite version", suite_version, tuple(versions))
    return select(runs, suite_version=suite_version)


def make_report(
    directories: Sequence[Path],
    out: Path | None,
    formats: Sequence[str],
    *,
    title: str | None,
    force: bool,
    only_check: bool,
    suites: Sequence[str] = (),
    suite_version: str | None = None,
) -> int:
    """Read runs and write a report.

    Args:
        directories: Directories of runs.
        out: File or directory; without it one format goes to standard output, and none or several mean
            ``leaderboard.*`` in the first directory.
        formats: Formats; none for what the name of ``out`` says.
        title: Title of the page, or None for the usual one.
        force: Replace files that exist.
        only_check: Read the records, say what is wrong with them and write nothing.
        suites: Names of the suites that are shown; empty for all.
        suite_version: The suite version that is shown, or None for all.

    Returns:
        Exit status: 0 good, 1 some runs were left out, 3 there is no run that can be used.

    Raises:
        UnknownNameError: If no run is of a suite, or of the suite version.
        OptionError: If Parquet would go to a terminal.
    """
    to_stdout = out is None and len(formats) == 1
    if to_stdout and "parquet" in formats and sys.stdout.isatty():
        raise OptionError(
            "format", "parquet", "a file for it (--out FILE): Parquet is no text that a terminal could show"
        )
    errors = Console(stderr=True, highlight=False)
    runs, problems = scan(*directories)
    for problem in problems:
        errors.print(f"left out: {problem}", style="yellow", markup=False, soft_wrap=True)
    if not runs:
        errors.print("no run can be used", style="red")
        return _NOTHING
    runs = _chosen(runs, suites, suite_version)
    status = _SOME_EXCLUDED if problems else 0
    if only_check:
        errors.print(f"{len(runs)} run{'s' * (len(runs) != 1)} can be read")
        return status
    excluded = _excluded(problems)
    kinds = [cast("Format", name) for name in formats]
    title = title or TITLE
    if to_stdout:
        sys.stdout.buffer.write(render_bytes(runs, title=title, format=kinds[0], excluded=excluded))
        return status
    for path in write(
        runs, out or directories[0], title=title, formats=kinds, force=force or out is None, excluded=excluded
    ):
        Console(highlight=False).print(str(path), markup=False, soft_wrap=True)
    return status
