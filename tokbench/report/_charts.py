"""Static pictures of charts: a specification made with Altair, drawn by vl-convert when the report is made.

A row for each run, a point with its interval for each mark, series told apart by shape, colour and lane. What comes out
is an ``svg`` element for the inside of a page: it loads nothing, has no script, and takes its colours from variables of
the page (``--chart-1`` to ``--chart-4``, ``--panel``, ``--line``, ``--soft``, ``--bg``), so that it is right in the
dark and on paper.
"""

from __future__ import annotations

import importlib.util

from tokbench.errors import MissingExtraError
from tokbench.report._chart_plan import Plan, plan
from tokbench.report._format import label
from tokbench.report._svg import Owner, compact
from tokbench.report._view import Chart

__all__ = ["available", "svg"]

_LIBRARIES = (("altair", "altair"), ("vl_convert", "vl-convert-python"))


def available() -> str | None:
    """Why no chart can be drawn, with the line that installs what is missing; None where they can."""
    error = _missing()
    return None if error is None else str(error)


def svg(chart: Chart, *, number: int) -> str:
    """A chart as an ``svg`` element without a name space, for the inside of an HTML page.

    The same chart gives the same bytes in every process and on every machine that has the same versions of Altair and
    vl-convert: nothing depends on fonts, language, time zone or the order of a set. Names and texts may hold anything;
    what does not show itself is escaped.

    Args:
        chart: What to draw. A mark outside ``chart.domain`` moves the end of the axis, so that no mark is ever cut off.
        number: Number of the chart in its page, which makes its id.

    Raises:
        MissingExtraError: If the extra ``report`` is not installed.
        ValueError: If the chart has no marks, a number that is not finite, half an interval, or an axis without length.
    """
    laid = plan(chart)
    if (error := _missing()) is not None:
        raise error
    head = {
        "id": f"chart-{number}", "class": "plot", "role": "img",
        "aria-label": f"{label(chart.title)}. {label(chart.alt)}", "fill": "currentColor",
    }  # fmt: skip
    return compact(_drawn(chart, laid), head=head, owners=_owners(laid))


def _missing() -> MissingExtraError | None:
    for module, library in _LIBRARIES:
        if importlib.util.find_spec(module) is None:
            return MissingExtraError(library, "report", "needed to draw charts")
    return None


def _drawn(chart: Chart, laid: Plan) -> str:
    """The chart as Vega draws it."""
    import vl_convert
    from altair.utils.schemapi import debug_mode

    from tokbench.report._chart_spec import specification

    with debug_mode(arg=False):  # to check each part against the schema takes ten times as long as to draw it
        wanted = specification(chart, laid)
    drawn: str = vl_convert.vegalite_to_svg(wanted, allowed_base_urls=[])
    return drawn


def _owners(laid: Plan) -> dict[str, Owner]:
    """Whom the keys of the specification stand for, in the order in which they are drawn."""
    marks = {f"mark {index}": Owner(point.words, label(point.mark.anchor)) for index, point in enumerate(laid.points)}
    rows = {
        f"row {index}": Owner(row.name if row.text != row.name else "", row.run) for index, row in enumerate(laid.rows)
    }
    return rows | marks
