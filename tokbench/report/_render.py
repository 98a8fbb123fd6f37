"""The two entries of the report: :func:`render` makes text, :func:`write` puts it into files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from tokbench.errors import OptionError, OutputDirectoryError
from tokbench.report import _exactness
from tokbench.report._groups import groups
from tokbench.report._page import build, suite_of
from tokbench.report._text import as_csv, as_json, markdown
from tokbench.report._view import Page, Table
from tokbench.report._words import METRICS, QUESTIONS
from tokbench.results import Run

Format = Literal["html", "markdown", "csv", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)

_SUFFIXES: Mapping[str, Format] = {
    ".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown", ".csv": "csv", ".json": "json",
}  # fmt: skip
_NAMES: Mapping[Format, str] = {
    "html": "leaderboard.html", "markdown": "leaderboard.md", "csv": "leaderboard.csv", "json": "leaderboard.json",
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


def _html(page: Page) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    meanings = list(METRICS.values())
    return environment.get_template("report.html.j2").render(page=page, questions=QUESTIONS, meanings=meanings)


def render(
    runs: Sequence[Run],
    *,
    title: str = TITLE,
    format: Format = "html",  # noqa: A002 - the name of the option on the command line
    excluded: Sequence[tuple[str, str]] = (),
    links: Mapping[str, str] | None = None,
) -> str:
    """The report on some runs as text. Pure: the same arguments give the same text, runs in any order.

    Args:
        runs: What :func:`tokbench.results.load` or :func:`~tokbench.results.scan` read.
        title: Title of the report.
        format: ``html``, ``markdown``, ``csv`` or ``json``.
        excluded: Name and reason of each run that was left out; HTML, Markdown and JSON show them.
        links: For run ids the address of the raw files, relative to the page; only HTML uses it.

    Raises:
        OptionError: If there is no such format.
    """
    if format not in FORMATS:
        raise OptionError("format", format, f"one of {', '.join(FORMATS)}")
    found = groups(runs)
    if format == "csv":
        return as_csv(found)
    page = build(found, title=title, excluded=excluded, links=links)
    if format == "markdown":
        return markdown(page, found)
    if format == "json":
        return as_json(page, found)
    return _html(page)


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
        formats: Formats; by default that of the suffix, or all four for a directory.
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
        text = render(runs, title=title, format=kind, excluded=excluded, links=_links(runs, path.parent))
        draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(text.encode())
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise OutputDirectoryError(str(path.parent), f"{path.name} cannot be written ({error.strerror})") from error
    return list(targets)


def _targets(out: Path, formats: Sequence[Format]) -> dict[Path, Format]:
    if out.is_dir() or (not out.suffix and len(formats) != 1):
        return {out / _NAMES[kind]: kind for kind in formats or FORMATS}
    if len(formats) > 1:
        raise OptionError("out", str(out), "a directory where several formats are wanted")
    kind = formats[0] if formats else _SUFFIXES.get(out.suffix.lower())
    if kind is None:
        raise OptionError("out", str(out), f"a directory or a name that ends in one of {', '.join(_SUFFIXES)}")
    return {out: kind}
