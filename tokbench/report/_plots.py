"""Metrics as points of charts. What a chart shows stands in a table as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from tokbench.report._format import count, has_interval, is_number, number, percent
from tokbench.report._groups import Entry
from tokbench.report._view import Chart, Mark
from tokbench.results import Metric

__all__ = ["Point", "chart", "charts"]

Point: TypeAlias = tuple[Entry, Metric | None, str]
"""A run, its metric (None where it has none), and the series that the point belongs to."""

SHARE = (0.0, 1.0)
"""Ends of the axis of a share."""


def _mark(entry: Entry, row: Metric, series: str) -> Mark:
    known = has_interval(row)
    return Mark(
        row=entry.label,
        value=float(row.value or 0),
        lo=row.lo if known else None,
        hi=row.hi if known else None,
        series=series,
        note=f"n = {count(row.n)}" if row.n else "",
        toy=bool(entry.run.group("model").get("synthetic")),
        anchor=entry.anchor,
    )


def _said(marks: Sequence[Mark], *, as_percent: bool) -> str:
    """The two ends in words, for whoever cannot see the chart."""
    shown = percent if as_percent else number
    low, high = min(marks, key=lambda mark: mark.value), max(marks, key=lambda mark: mark.value)

    def named(mark: Mark) -> str:
        return f"{mark.row}{f' ({mark.series})' if mark.series else ''} {shown(mark.value)}"

    rows = len({mark.row for mark in marks})
    return f"{len(marks)} points of {rows} runs, from {named(low)} to {named(high)}. The table has every value."


def chart(
    title: str,
    x: str,
    points: Iterable[Point],
    *,
    as_percent: bool = False,
    domain: tuple[float, float] | None = None,
    rule: float | None = None,
    rule_label: str = "",
) -> Chart | None:
    """A chart of the points that have a finite value; None where there are fewer than two.

    Args:
        title: What it shows.
        x: Title of the axis.
        points: The points; rows stand in the order in which they come.
        as_percent: Whether values are shares; the axis then has all shares.
        domain: Ends of the axis.
        rule: Where a line of reference stands.
        rule_label: What it is.
    """
    marks = [_mark(entry, row, series) for entry, row, series in points if row is not None and is_number(row.value)]
    if len(marks) < 2:  # noqa: PLR2004, one point compares nothing
        return None
    known = any(mark.lo is not None for mark in marks)
    return Chart(
        title,
        f"{x}, 95 % interval" if known else x,
        marks,
        _said(marks, as_percent=as_percent),
        domain=SHARE if as_percent else domain,
        rule=rule,
        rule_label=rule_label,
        percent=as_percent,
    )


def charts(*found: Chart | None) -> list[Chart]:
    """Those that have something to show."""
    return [one for one in found if one is not None]
