"""A page as one HTML file: templates, style and script in one, and a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.report import _charts
from tokbench.report._view import Cell, Chart, Facets, Page, Table
from tokbench.report._words import METRICS, QUESTIONS

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["html"]

_TEMPLATES = Path(__file__).parent / "templates"
_ESCAPED = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
_FACETS = ("suite", "backend", "family", "model")
_UNNAMED = {"model": "none (tokenizer alone)"}
_TALL = 16  # rows from which on a table scrolls below its head
_WIDE = 40  # columns that have a rule of their own in the style; numbers beyond them stand left


def _script() -> Markup:
    """The script as it stands between its tags: the policy holds the digest of exactly these characters."""
    from markupsafe import Markup

    return Markup("\n" + (_TEMPLATES / "report.js").read_text(encoding="utf-8"))  # noqa: S704, a file of ours


def _policy(script: str) -> Markup:
    from markupsafe import Markup

    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Markup(  # noqa: S704, no string of a run is in it
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )


def _data(value: object) -> Markup:
    """JSON that neither ends a script element nor holds a character that is no text, whatever its strings hold."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return Markup(text.translate(_ESCAPED))  # noqa: S704, escaped in the line above


def _choices(facets: Sequence[Facets]) -> list[tuple[str, list[tuple[str, str, int]]]]:
    """For each facet its values with the words that stand for them and the number of runs."""
    found = []
    for name in _FACETS:
        values = [getattr(one, name) for one in facets]
        counted = [(value, value or _UNNAMED.get(name, "not recorded"), values.count(value)) for value in set(values)]
        found.append((name, sorted(counted, key=lambda choice: (not choice[0], choice))))
    return found


def _sort_value(cell: Cell) -> str:
    """What a reader's sort goes by, or nothing where the text of the cell says it."""
    return repr(float(cell.value)) if cell.value is not None and math.isfinite(cell.value) else ""


def _tall(table: Table) -> bool:
    return len(table.rows) > _TALL


def _numbers(table: Table) -> Markup:
    """Which columns of a table hold numbers, said once: a class on each cell would be a tenth of the page."""
    from markupsafe import Markup

    places = [place for place, column in enumerate(table.columns, 1) if column.numeric and place > 1]
    if not places:
        return Markup()
    names = ["nums"] if len(places) == len(table.columns) - 1 else [f"n{place}" for place in places if place <= _WIDE]
    return Markup(' class="{}"').format(" ".join(names))


def _number_cells() -> str:
    """Selector of the cells of these columns, and of heads; no more specific than one class and one element."""
    return ", ".join(
        [".num", ".nums td", *(f":where(.n{place}) td:nth-child({place})" for place in range(2, _WIDE + 1))]
    )


def _charted(page: Page) -> bool:
    return any(section.charts for group in page.groups for section in group.sections)


def _draw(chart: Chart, anchor: str, index: int) -> Markup:
    """A chart as SVG. Its number is not counted through the page: another suite there must not change it."""
    from markupsafe import Markup

    number = int.from_bytes(hashlib.sha256(f"{anchor}.{index}".encode()).digest()[:4])
    return Markup(_charts.svg(chart, number=number))  # noqa: S704, svg escapes every text in it


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "draw": _draw, "sort_value": _sort_value, "tall": _tall, "numbers": _numbers, "number_cells": _number_cells(),
    }  # fmt: skip
    return environment


def html(page: Page) -> str:
    """The page as HTML. Pure: the same page gives the same text.

    Args:
        page: What it says. Control characters in it have to be escaped already.
    """
    runs = {one.anchor for one in page.facets}

    def runs_of(cells: Iterable[Cell]) -> str:
        """The runs to which cells lead, in order, for the filter."""
        return " ".join(dict.fromkeys(cell.href[1:] for cell in cells if cell.href[1:] in runs))

    script = _script()
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            questions=QUESTIONS,
            meanings=list(METRICS.values()),
            script=script,
            policy=_policy(script),
            choices=_choices(page.facets),
            facets=_data([asdict(one) for one in page.facets]),
            charts_missing=_charts.available() if _charted(page) else None,
            runs_of=runs_of,
        )
    )
