"""Entries of the report: :func:`render` makes text, :func:`table` a frame, :func:`write` puts either into files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from tokbench.errors import OptionError, OutputDirectoryError
from tokbench.report import _exactness
from tokbench.report._data import as_csv, as_frame, as_json, parquet
from tokbench.report._groups import groups
from tokbench.report._html import html
from tokbench.report._page import build, suite_of
from tokbench.report._text import markdown
from tokbench.report._view import Table
from tokbench.results import Run

if TYPE_CHECKING:
    import polars as pl

TextFormat = Literal["html", "markdown", "csv", "json"]
Format = Literal["html", "markdown", "csv", "json", "parquet"]
TEXT_FORMATS: tuple[TextFormat, ...] = get_args(TextFormat)
FORMATS: tuple[Format, ...] = get_args(Format)

_SUFFIXES: Mapping[str, Format] = {
    ".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown", ".csv": "csv", ".json": "json",
    ".parquet": "parquet",
}  # fmt: skip
_NAMES: Mapping[Format, str] = {
    "html": "leaderboard.html", "markdown": "leaderboard.md", "csv": "leaderboard.csv", "json": "leaderboard.json",
    "parquet": "leaderboard.parquet",
}  # fmt: skip
TITLE = "tokbench results"


def select(runs: Iterable[Run], *, suites: Sequence[str] = (), suite_version: str | None = None) -> list[Run]:
    """The runs of some suites, or of one suite version.

    Args:
        runs: Any runs.
        suites: Names of suites; empty for all.
        suite_version: A suite version, or None for all.
    """
    return [
        run for run in runs
        if (not suites or run.group("run").get("suite") in suites)
        and (suite_version is None or run.group("run").get("suite_version") == suite_version)
    ]  # fmt: skip


def overview(runs: Sequence[Run]) -> list[Table]:
    """The first table of the report, one for each group of runs that can stand side by side."""
    found = []
    for group in groups(runs):
        suite = suite_of(group) or _exactness
        found += suite.overview_section(group).tables
    return found


def render(
    runs: Sequence[Run],
    *,
    title: str = TITLE,
    format: TextFormat = "html",  # noqa: A002 - the name of the option on the command line
    excluded: Sequence[tuple[str, str]] = (),
    links: Mapping[str, str] | None = None,
    downloads: Sequence[str] = (),
) -> str:
    """The report on some runs as text. Pure: the same arguments give the same text, runs in any order.

    Args:
        runs: What :func:`tokbench.results.load` or :func:`~tokbench.results.scan` read.
        title: Title of the report.
        format: ``html``, ``markdown``, ``csv`` or ``json``.
        excluded: Name and reason of each run that was left out; HTML, Markdown and JSON show them.
        links: For run ids the address of the raw files, relative to the page; only HTML uses it.
        downloads: Names of files beside the page that hold the same numbers; only HTML uses it.

    Raises:
        OptionError: If there is no such format.
    """
    if format not in TEXT_FORMATS:
        raise OptionError("format", format, f"one of {', '.join(TEXT_FORMATS)}")
    found = groups(runs)
    if format == "csv":
        return as_csv(found)
    page = build(found, title=title, excluded=excluded, links=links, downloads=downloads)
    if format == "markdown":
        return markdown(page, found)
    if format == "json":
        return as_json(page, found)
    return html(page)


def table(runs: Sequence[Run]) -> pl.DataFrame:
    """All metrics and laws of runs, one a row: the rows and columns of the CSV, with their types.

    Pure: the same runs give the same frame, in whatever order they come.

    Args:
        runs: The runs, as :func:`tokbench.results.load` read them.

    Returns:
        A frame with the columns of the CSV: ``complete`` is a truth value, counts are whole numbers, what a run has not
        (an interval, a model) is null, and all else is text in which only characters that show themselves stand as they
        are.
    """
    return as_frame(groups(runs))


def render_bytes(
    runs: Sequence[Run],
    *,
    title: str = TITLE,
    format: Format = "html",  # noqa: A002 - the name of the option on the command line
    excluded: Sequence[tuple[str, str]] = (),
    links: Mapping[str, str] | None = None,
    downloads: Sequence[str] = (),
) -> bytes:
    """A report as a file holds it: what :func:`render` gives in UTF-8, or :func:`table` as Parquet.

    Args:
        runs: The runs.
        title: Title of the report.
        format: Any of :data:`FORMATS`.
        excluded: As for :func:`render`.
        links: As for :func:`render`.
        downloads: As for :func:`render`.

    Raises:
        OptionError: If there is no such format.
    """
    if format not in FORMATS:
        raise OptionError("format", format, f"one of {', '.join(FORMATS)}")
    if format == "parquet":
        return parquet(table(runs))
    return render(runs, title=title, format=format, excluded=excluded, links=links, downloads=downloads).encode()


def _links(runs: Iterable[Run], beside: Path) -> dict[str, str]:
    """Relative addresses of the runs that lie at or below the folder of the page; others get no link."""
    folder = beside.resolve()
    return {
        run.id: run.directory.resolve().relative_to(folder).as_posix()
        for run in runs
        if run.directory is not None and run.directory.resolve().is_relative_to(folder)
    }


def write(
    runs: Sequence[Run],
    out: Path | str,
    *,
    title: str = TITLE,
    formats: Sequence[Format] = (),
    force: bool = False,
    excluded: Sequence[tuple[str, str]] = (),
) -> list[Path]:
    """Write the report into a file, or into ``report.*`` files of a directory.

    Args:
        runs: The runs.
        out: A file (its suffix names the format unless ``formats`` holds one), or a directory.
        title: Title of the report.
        formats: Formats; by default that of the suffix, or for a directory all that are text.
        force: Replace files that exist.
        excluded: Name and reason of each run that was left out.

    Returns:
        The files.

    Raises:
        OptionError: If the format of a file cannot be told.
        OutputDirectoryError: If a file exists and ``force`` is not given, or cannot be written.
    """
    targets = _targets(Path(out), formats)
    existing = [path.name for path in targets if path.exists()]
    if existing and not force:
        raise OutputDirectoryError(
            str(next(iter(targets)).parent), f"{', '.join(existing)} exists already: use --force to replace it"
        )
    for path, kind in targets.items():
        beside = sorted(other.name for other in targets if other != path)
        data = render_bytes(
            runs, title=title, format=kind, excluded=excluded, links=_links(runs, path.parent), downloads=beside
        )
        draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(data)
            draft.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):  # where a folder on the way is a file, there is no draft
                draft.unlink()
            raise OutputDirectoryError(str(path.parent), f"{path.name} cannot be written ({error.strerror})") from error
    return list(targets)


def _targets(out: Path, formats: Sequence[Format]) -> dict[Path, Format]:
    if out.is_dir() or (not out.suffix and len(formats) != 1):
        return {out / _NAMES[kind]: kind for kind in formats or TEXT_FORMATS}
    if len(formats) > 1:
        raise OptionError("out", str(out), "a directory where several formats are wanted")
    kind = formats[0] if formats else _SUFFIXES.get(out.suffix.lower())
    if kind is None:
        raise OptionError("out", str(out), f"a directory or a name that ends in one of {', '.join(_SUFFIXES)}")
    return {out: kind}
