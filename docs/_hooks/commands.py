"""A hook of mkdocs: parts of pages that are read from the program, so that they are never older than it."""  # noqa: INP001

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

__all__ = ["PARTS", "command_line", "fill", "on_page_markdown", "paths", "plugin_options", "table_of_laws"]

WIDTH = 88
"""Columns of the terminal whose help is shown."""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# ---------------------------------------------------------------------- the command line


def _walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:  # noqa: ANN401, a class of typer
    yield path
    for name, below in sorted(getattr(command, "commands", {}).items()):
        yield from _walk(below, (*path, name))


def paths() -> list[tuple[str, ...]]:
    """All commands as the words behind ``tokbench``, the program itself first."""
    import typer.main

    from tokbench.cli import app

    return list(_walk(typer.main.get_command(app)))


@cache
def command_line() -> str:
    """``--help`` of every command, one heading each."""
    os.environ["COLUMNS"] = str(WIDTH)
    os.environ["NO_COLOR"] = "1"
    from typer.testing import CliRunner

    from tokbench.cli import app

    runner = CliRunner()
    parts = []
    for path in paths():
        shown = runner.invoke(app, [*path, "--help"], prog_name="tokbench").output
        lines = "\n".join(line.rstrip() for line in shown.strip("\n").splitlines()).strip("\n")
        parts.append(f"## {' '.join(('tokbench', *path))}\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


# ---------------------------------------------------------------------- the pytest plugin and the laws


def plugin_options() -> str:
    """Options and ini keys of the pytest plugin, as two tables."""
    import _tokbench_pytest as plugin

    options = [(f"`--tokbench-{name} {metavar}`", _cell(text)) for name, metavar, _, text in plugin.OPTIONS]
    options += [(f"`--tokbench-{name}`", _cell(text)) for name, text in plugin.FLAGS]
    keys = [(f"`tokbench_{name}`", kind, _cell(text)) for name, kind, text in plugin.INI]
    return f"{_table(('option', 'meaning'), options)}\n\n{_table(('ini key', 'type', 'meaning'), keys)}\n"


def table_of_laws() -> str:
    """Every law with what it states."""
    from tokbench.laws import LAWS

    return _table(("law", "states"), [(f"`{law.id}`", _cell(law.statement)) for law in LAWS.values()])


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": command_line,
    "plugin options": plugin_options,
    "laws": table_of_laws,
}
"""What may stand in a page as ``<!-- generated: NAME -->``."""


def fill(markdown: str) -> str:
    """A page with its generated parts put in."""
    for name, part in PARTS.items():
        mark = f"<!-- generated: {name} -->"
        if mark in markdown:
            markdown = markdown.replace(mark, part())
    return markdown


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called by mkdocs for each page."""
    return fill(markdown)
