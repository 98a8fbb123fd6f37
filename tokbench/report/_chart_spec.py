"""A chart in Vega-Lite, made with Altair: values along one scale, everything else at the places of the plan.

Only this module needs Altair when it is imported, which the extra ``report`` installs: it is imported by the function
that draws, never at the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair  # noqa: ICN001, alt is the same without types

from tokbench.report._chart_plan import COLOURS, LINE, NAME_SIZE, PLOT, SHAPES, SIDE, SMALL_SIZE, Plan
from tokbench.report._view import Chart

alt: Any = altair  # its types cover only a part of its calls, and are missing without the extra

_PANEL = "var(--panel, #f6f7f9)"
_RULES = "var(--line, #dcdfe5)"
_SOFT = "var(--soft, #565c68)"
_GROUND = "var(--bg, #ffffff)"
_INK = "currentColor"

_HOLLOW = "hollow"  # stands in place of a series
_AREA = 70.0  # of a symbol
_STROKE = 1.75
_HALO = 3.0  # around names, so that lines behind them do not run through their letters

Rows = Sequence[Mapping[str, object]]


def specification(chart: Chart, laid: Plan, *, validate: bool = False) -> dict[str, Any]:
    """The chart in Vega-Lite, its data under ``datasets``.

    Args:
        chart: The chart.
        laid: Where everything in it stands.
        validate: Whether Altair checks it against the schema of Vega-Lite, which takes long.
    """
    data: dict[str, Rows] = {}

    def layer(rows: Rows) -> Any:  # noqa: ANN401
        data[name := f"data {len(data)}"] = rows  # by name: Altair would copy rows again and again
        return alt.Chart(alt.NamedData(name))

    scale = alt.Scale(domain=list(laid.domain), nice=False, zero=False)
    below, above = _axes(laid, percent=chart.percent)
    layers = [
        *_ground(layer, laid, scale, below),
        *_reference(layer, chart, laid, scale),
        *_names(layer, laid),
        *_points(layer, laid, scale, above),
        *_legend(layer, laid),
    ]
    made = alt.layer(  # all at once: each method of a chart copies it deeply, which takes longer than to draw it
        *layers,
        width=PLOT,
        height=laid.height,
        autosize=alt.AutoSizeParams(type="none"),  # nothing is measured, so that fonts do not matter
        padding={"left": SIDE, "right": SIDE, "top": laid.top, "bottom": laid.bottom},
        background="transparent",
        resolve=alt.Resolve(axis=alt.AxisResolveMap(x="independent")),
        config=alt.Config(view=alt.ViewConfig(stroke=None)),
    )
    return {**made.to_dict(validate=validate), "datasets": data}


def _across(name: str) -> Any:  # noqa: ANN401
    """A place from the left, in pixels."""
    return alt.X(field=name, type="quantitative", scale=None, axis=None)


def _down(name: str) -> Any:  # noqa: ANN401
    """A place from the top of the first row, in pixels."""
    return alt.Y(field=name, type="quantitative", scale=None, axis=None)


def _key() -> Any:  # noqa: ANN401
    """What tells whom a shape belongs to."""
    return alt.Description("key:N")


def _axes(laid: Plan, *, percent: bool) -> tuple[Any, Any]:
    """The axis below the rows, with its title, and the one above them, or None."""
    value, unit = ("100 * datum.value", " + ' %'") if percent else ("datum.value", "")
    common: dict[str, Any] = {
        "values": list(laid.ticks), "labelExpr": f"(datum.value ? format({value}, '{laid.format}') : '0'){unit}",
        "grid": False, "domain": False, "ticks": False, "labelFlush": True, "labelOverlap": False, "labelBound": False,
        "labelPadding": 4, "labelFontSize": SMALL_SIZE, "labelColor": _SOFT, "translate": 0,
    }  # fmt: skip
    below = alt.Axis(
        **common, orient="bottom", title=list(laid.title), titleAnchor="start", titleAlign="left",
        titleBaseline="top", titleX=-SIDE, titleY=22, titleFontSize=SMALL_SIZE, titleFontWeight="normal",
        titleColor=_SOFT, titleLineHeight=LINE,
    )  # fmt: skip
    return below, alt.Axis(**common, orient="top", title=None) if laid.both else None


def _ground(layer: Any, laid: Plan, scale: Any, axis: Any) -> list[Any]:  # noqa: ANN401
    """A band for each row, with the grid in it.

    All bands are one dashed line as thick as the plot is wide, and so is each line of the grid: a dash for each row.
    """
    first, last = laid.rows[0], laid.rows[-1]
    band = first.bottom - first.top
    dashes = [band, laid.rows[1].top - first.bottom if len(laid.rows) > 1 else band]
    ends = {"y": alt.YValue(first.top), "y2": alt.Y2Value(last.bottom)}
    return [
        layer([{}])
        .mark_rule(stroke=_PANEL, strokeWidth=PLOT, strokeDash=dashes)
        .encode(x=alt.XValue(PLOT / 2), **ends),
        layer([{"tick": tick} for tick in laid.ticks])
        .mark_rule(stroke=_RULES, strokeWidth=1, strokeDash=dashes)
        .encode(x=alt.X("tick:Q", scale=scale, axis=axis), **ends),
    ]


def _reference(layer: Any, chart: Chart, laid: Plan, scale: Any) -> list[Any]:  # noqa: ANN401
    """The line of reference, with what it is above it."""
    if chart.rule is None:
        return []
    x = alt.X("rule:Q", scale=scale, axis=None)
    one = [{"rule": chart.rule, "label": laid.rule_label}]
    line = (
        layer(one)
        .mark_rule(stroke=_SOFT, strokeWidth=1.5, strokeDash=[4, 3])
        .encode(x=x, y=alt.YValue(-2), y2=alt.Y2Value(laid.height))
    )
    if not laid.rule_label:
        return [line]
    words = (
        layer(one)
        .mark_text(align=laid.rule_align, baseline="alphabetic", fontSize=SMALL_SIZE, fill=_SOFT)
        .encode(x=x, y=alt.YValue(laid.rule_y), text=alt.Text("label:N"))
    )
    return [line, words]


def _names(layer: Any, laid: Plan) -> list[Any]:  # noqa: ANN401
    names = [{"key": f"row {index}", "name": row.text, "y": row.baseline} for index, row in enumerate(laid.rows)]
    return [
        layer(names)
        .mark_text(
            align="left", baseline="alphabetic", fontSize=NAME_SIZE, fill=_INK, stroke=_GROUND, strokeWidth=_HALO
        )
        .encode(x=alt.XValue(-SIDE), y=_down("y"), text=alt.Text("name:N"), description=_key())
    ]


def _looks(laid: Plan) -> dict[str, Any]:
    """Colours and shape of each series, and of what is hollow."""
    used = sorted({point.series for point in laid.points})
    names = [*map(str, used), _HOLLOW]
    colours = [COLOURS[index % len(COLOURS)] for index in used]
    shapes = [SHAPES[index % len(SHAPES)] for index in used]
    return {
        "stroke": alt.Stroke("series:N", scale=alt.Scale(domain=names, range=[*colours, _SOFT]), legend=None),
        "fill": alt.Fill("fill:N", scale=alt.Scale(domain=names, range=[*colours, _GROUND]), legend=None),
        "shape": alt.Shape("series:N", scale=alt.Scale(domain=names, range=[*shapes, SHAPES[0]]), legend=None),
    }


def _points(layer: Any, laid: Plan, scale: Any, axis: Any) -> list[Any]:  # noqa: ANN401
    """Intervals, and the points over them."""
    marks: list[dict[str, object]] = [
        {
            "key": f"mark {index}", "value": point.mark.value, "lo": point.mark.lo, "hi": point.mark.hi, "y": point.y,
            "series": str(point.series), "fill": _HOLLOW if point.mark.toy else str(point.series),
        }
        for index, point in enumerate(laid.points)
    ]  # fmt: skip
    looks = _looks(laid)
    ranges = [mark for mark in marks if mark["lo"] is not None]
    intervals = (
        layer(ranges)
        .mark_rule(strokeWidth=_STROKE)
        .encode(
            x=alt.X("lo:Q", scale=scale, axis=None), x2=alt.X2("hi"), y=_down("y"), description=_key(),
            stroke=looks["stroke"], fill=looks["fill"],
        )
    )  # fmt: skip
    points = (
        layer(marks)
        .mark_point(size=_AREA, strokeWidth=_STROKE, opacity=1)
        .encode(x=alt.X("value:Q", scale=scale, axis=axis), y=_down("y"), description=_key(), **looks)
    )
    return [intervals, points] if ranges else [points]


def _legend(layer: Any, laid: Plan) -> list[Any]:  # noqa: ANN401
    """Symbols and words above the rows; nothing where there is nothing to tell apart."""
    if not laid.legend:
        return []
    entries = []
    for entry in laid.legend:
        name = _HOLLOW if entry.series is None else str(entry.series)
        entries.append(
            {
                "text": entry.text, "x": entry.x, "y": entry.y, "words": entry.words, "baseline": entry.y + 4.5,
                "series": name, "fill": name,
            }
        )  # fmt: skip
    return [
        layer(entries)
        .mark_point(size=_AREA, strokeWidth=_STROKE, opacity=1)
        .encode(x=_across("x"), y=_down("y"), description=alt.DescriptionValue(""), **_looks(laid)),
        layer(entries)
        .mark_text(align="left", baseline="alphabetic", fontSize=SMALL_SIZE, fill=_SOFT)
        .encode(
            x=_across("words"), y=_down("baseline"), text=alt.Text("text:N"), description=alt.DescriptionValue("")
        ),
    ]  # fmt: skip
