"""Results in, a report out: one HTML page that opens from disk, Markdown, CSV, JSON or Parquet.

:func:`render` is a pure function of the runs: the same runs give the same bytes, in any order, on any
machine, at any time.
"""

from __future__ import annotations

from tokbench.report._format import label
from tokbench.report._render import (
    FORMATS,
    TEXT_FORMATS,
    TITLE,
    Format,
    TextFormat,
    overview,
    render,
    render_bytes,
    select,
    table,
    write,
)
from tokbench.report._scored import Scored, scored_tasks
from tokbench.report._view import Cell, Table

__all__ = [
    "FORMATS",
    "TEXT_FORMATS",
    "TITLE",
    "Cell",
    "Format",
    "Scored",
    "Table",
    "TextFormat",
    "label",
    "overview",
    "render",
    "render_bytes",
    "scored_tasks",
    "select",
    "table",
    "write",
]
