"""Results in, a report out: one HTML page that opens from disk, Markdown, CSV or JSON.

:func:`render` is a pure function of the runs: the same runs give the same bytes, in any order, on any
machine, at any time.
"""

from __future__ import annotations

from tokbench.report._render import FORMATS, TITLE, Format, overview, render, select, write
from tokbench.report._view import Cell, Table

__all__ = ["FORMATS", "TITLE", "Cell", "Format", "Table", "overview", "render", "select", "write"]
