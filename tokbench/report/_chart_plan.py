"""Where everything in a chart stands: rows, lanes, ticks, legend. Numbers only, nothing is drawn here.

A row is a line for its name and, below it, a band with one lane for each series. Names stand above the points, not
beside them, so that a chart is as wide as a telephone and a name may still be long. Nothing depends on measured text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tokbench.report._chart_text import elide, width, wrap
from tokbench.report._format import count, label, percent
from tokbench.report._view import Chart, Mark

PLOT = 356.0  # width of the band
SIDE = 12.0  # left and right of it: half of a point may stand out
NAME_SIZE = 13.0
SMALL_SIZE = 12.0
COLOURS = ("var(--chart-1, #0b57b0)", "var(--chart-2, #a34400)", "var(--chart-3, #1f7a54)", "var(--chart-4, #751060)")
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")

_NAME = 17.0  # height of the line of a name
_LANE = 13.0
_BAND_PAD = 1.5  # above the first and below the last lane
_GAP = 7.0  # below a band
LINE = 16.0  # height of a line of small text
_SYMBOL = 14.0  # from a symbol of the legend to its words
_TALL = 12  # from so many rows on the axis stands at the top too
_TICKS = 5  # about so many steps
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_ROUNDING = 1e-9  # of the width of the axis: what an end of an interval may be outside from rounding alone
_DIGITS = 4  # more digits than these behind the point are written with a power of ten
_LARGE = 1e7
_SMALL = 1e-3
_TOY = "scripted or embedded model"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its name as it fits and whole, and the heights of its name and band."""

    text: str
    name: str
    run: str
    baseline: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Point:
    """A mark with the height at which it stands, its series, and what is said of it."""

    mark: Mark
    y: float
    series: int
    words: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the legend: where its symbol and its words are; series None stands for the hollow points."""

    text: str
    x: float
    words: float
    y: float
    series: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A chart laid out.

    Attributes:
        rows: Its rows.
        points: Its marks.
        legend: Entries above the plot, heights negative.
        domain: Ends of the axis.
        ticks: Where lines of the grid stand.
        format: How numbers of the axis are written, in the language of d3-format.
        height: Height of the rows.
        top: Room above them.
        bottom: Room below them.
        title: Lines of the title of the axis.
        rule_label: What the line of reference is, as it fits; and how it is aligned.
        rule_y: Where that is written.
        rule_align: ``left``, ``center`` or ``right`` of the line.
        both: Whether the axis stands at the top too.
    """

    rows: Sequence[Row]
    points: Sequence[Point]
    legend: Sequence[Entry]
    domain: tuple[float, float]
    ticks: Sequence[float]
    format: str
    height: float
    top: float
    bottom: float
    title: Sequence[str]
    rule_label: str
    rule_y: float
    rule_align: str
    both: bool


def plan(chart: Chart) -> Plan:
    """Lay a chart out.

    Raises:
        ValueError: If there is nothing to draw, a number is not finite, an interval has one end, or the ends of the
            axis are not in order.
    """
    _check(chart)
    names = list(dict.fromkeys(mark.row for mark in chart.marks))
    series = list(dict.fromkeys(mark.series for mark in chart.marks))
    lanes = _lanes(chart.marks, series)
    band = (max(lanes.values()) + 1) * _LANE + 2 * _BAND_PAD
    step = _NAME + band + _GAP
    rows = [_row(name, chart.marks, index * step, band) for index, name in enumerate(names)]
    tops = {name: row.top for name, row in zip(names, rows, strict=True)}
    points = [
        Point(
            mark,
            tops[mark.row] + _BAND_PAD + (lanes[mark.series] + 0.5) * _LANE,
            series.index(mark.series),
            _words(mark, percent_=chart.percent),
        )
        for mark in chart.marks
    ]
    domain = _domain(chart)
    ticks, digits = _ticks(domain, percent_=chart.percent)
    both = len(rows) >= _TALL
    ruled = chart.rule is not None and bool(chart.rule_label)
    over = (LINE if both else 0.0) + (LINE if ruled else 0.0)
    legend, lines = _legend([label(name) for name in series], toys=any(mark.toy for mark in chart.marks), over=over)
    title = wrap(label(chart.x), PLOT + SIDE, SMALL_SIZE)
    share = 0.0 if chart.rule is None else (chart.rule - domain[0]) / (domain[1] - domain[0])
    align = "left" if share < 1 / 3 else "right" if share > 2 / 3 else "center"
    return Plan(
        rows=rows,
        points=points,
        legend=legend,
        domain=domain,
        ticks=ticks,
        format=digits,
        height=len(rows) * step - _GAP,
        top=over + lines * LINE + (6.0 if lines else 0.0) + 2.0,
        bottom=20.0 + len(title) * LINE,
        title=title,
        rule_label=elide(label(chart.rule_label), PLOT * 0.6, SMALL_SIZE) if ruled else "",
        rule_y=-6.0 - (LINE if both else 0.0),
        rule_align=align,
        both=both,
    )


def _check(chart: Chart) -> None:
    if not chart.marks:
        raise ValueError(f"the chart {chart.title!r} has no marks")
    for mark in chart.marks:
        if (mark.lo is None) != (mark.hi is None):
            raise ValueError(f"the chart {chart.title!r} has an interval with one end, in row {mark.row!r}")
        if not all(math.isfinite(value) for value in (mark.value, mark.lo, mark.hi) if value is not None):
            raise ValueError(f"the chart {chart.title!r} has a number that is not finite, in row {mark.row!r}")
    if chart.rule is not None and not math.isfinite(chart.rule):
        raise ValueError(f"the chart {chart.title!r} has a line of reference that is not finite")
    if chart.domain is not None:
        lo, hi = chart.domain
        if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
            raise ValueError(f"the chart {chart.title!r} has an axis from {lo} to {hi}")


def _lanes(marks: Sequence[Mark], series: Sequence[str]) -> dict[str, int]:
    """The lane of each series: all the same one where no row holds two."""
    pairs = {(mark.row, mark.series) for mark in marks}
    alone = len(pairs) == len({row for row, _ in pairs})
    return {name: 0 if alone else index for index, name in enumerate(series)}


def _row(name: str, marks: Sequence[Mark], top: float, band: float) -> Row:
    whole = label(name)
    runs = {label(mark.anchor) for mark in marks if mark.row == name}
    return Row(
        text=elide(whole, PLOT + SIDE, NAME_SIZE),
        name=whole,
        run=runs.pop() if len(runs) == 1 else "",
        baseline=top + 12.0,
        top=top + _NAME,
        bottom=top + _NAME + band,
    )


def _words(mark: Mark, *, percent_: bool) -> str:
    shown = percent if percent_ else _number
    words = [label(mark.row), label(mark.series)] if mark.series else [label(mark.row)]
    value = shown(mark.value)
    if mark.lo is not None and mark.hi is not None:
        value += f" [{shown(mark.lo)}, {shown(mark.hi)}]"
    words.append(value)
    if mark.toy:
        words.append(_TOY)
    if mark.note:
        words.append(label(mark.note))
    return "; ".join(words)


def _number(value: float) -> str:
    """As in the tables, with two digits of those that would be nothing there."""
    return f"{value:.1e}" if value and abs(value) < _SMALL else count(value)


def _domain(chart: Chart) -> tuple[float, float]:
    """Ends of the axis: those asked for, moved where a mark would be outside, or those that fit the marks."""
    values = [value for mark in chart.marks for value in (mark.value, mark.lo, mark.hi) if value is not None]
    values += [] if chart.rule is None else [chart.rule]
    low, high = min(values), max(values)
    if chart.domain is not None:
        first, last = chart.domain
        slack = _ROUNDING * (last - first)
        return (first if low >= first - slack else low, last if high <= last + slack else high)
    if low == high:
        room = abs(low) / 2 or 0.5
        low, high = low - room, high + room
    step = _step(high - low)
    return _times(math.floor(low / step + _ROUNDING), step), _times(math.ceil(high / step - _ROUNDING), step)


def _times(count: int, step: float) -> float:
    """A multiple of a step without the noise of binary fractions."""
    return float(f"{count * step:.12g}")


def _step(span: float) -> float:
    """A round step that cuts a span into about :data:`_TICKS`."""
    rough = span / _TICKS
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough * (1 - _ROUNDING))


def _ticks(domain: tuple[float, float], *, percent_: bool) -> tuple[list[float], str]:
    low, high = domain
    step = _step(high - low)
    first, last = math.ceil(low / step - _ROUNDING), math.floor(high / step + _ROUNDING)
    ticks = [_times(index, step) for index in range(first, last + 1)]
    shown = step * 100 if percent_ else step
    digits = next(
        (digits for digits in range(_DIGITS + 1) if math.isclose(round(shown, digits), shown, rel_tol=1e-6)), None
    )
    if digits is None or max(abs(low), abs(high)) >= _LARGE:
        return ticks, ".3~e"
    return ticks, f",.{digits}f"


def _legend(series: Sequence[str], *, toys: bool, over: float) -> tuple[list[Entry], int]:
    """Entries in lines above the plot, and how many lines; none where there is nothing to tell apart."""
    wanted: list[tuple[str, int | None]] = [(name, index) for index, name in enumerate(series) if name]
    if toys:
        wanted.append((_TOY, None))
    placed: list[tuple[str, int | None, float, int]] = []
    x, line = 0.0, 0
    for text, index in wanted:
        shown = elide(text, PLOT - _SYMBOL, SMALL_SIZE)
        needed = _SYMBOL + width(shown, SMALL_SIZE)
        if x and x + needed > PLOT + SIDE:
            x, line = 0.0, line + 1
        placed.append((shown, index, x, line))
        x += needed + 10.0
    lines = line + 1 if placed else 0
    lowest = -over - 6.0 - LINE / 2
    entries = [
        Entry(text, x=x - SIDE + 6.0, words=x - SIDE + _SYMBOL, y=lowest - (lines - 1 - line) * LINE, series=index)
        for text, index, x, line in placed
    ]
    return entries, lines
