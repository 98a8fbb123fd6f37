"""The suite ``phantom`` in the terminal: where phantom edits can come from, and how many a model made."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tokbench.report import label
from tokbench.results import Metric, Run
from tokbench.suites.phantom.item import MARKINGS

__all__ = ["summary_tables"]

_CENSUS = (
    ("bits", "census.ambiguity", ""),
    ("twins", "census.twins", ""),
    ("in [ ]", "census.marker", "bracket"),
    ("whole", "census.marker_single", "bracket"),
    ("given", "census.somewhere", ""),
    ("drift", "census.drift", ""),
)
"""Heads with metric and subset."""

_RATES = ("paper_rate", "strict_rate", "noncanonical_rate", "strict_unexplained_rate", "collateral_rate")
_BOUNDED = frozenset({"paper_rate", "strict_unexplained_rate"})

_LEGEND = """\
bits: log2 of the ways to spell a space and a word; all others in %
twins: entries of a space and a word whose bare word is an entry too
in [ ]: words whose ids change inside brackets
whole: words of one token that stay one token there
given: other spellings of up to 3 tokens that the tokenizer gives somewhere
drift: beginnings of encodings that do not come back from their own text"""

_RATE_LEGEND = """\
In % of targets that are unchanged, replaced or different, with 95 % intervals
paper: same word, other ids; strict: equal bytes too
noncan.: ids that the tokenizer would not give for that text
unexplained: strict, and no reason in the context
damage: unmarked words that did not come back"""


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    table.add_column(heads[0], overflow="fold")
    for head in heads[1:]:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _found(run: Run, metric: str, subset: str) -> Metric | None:
    return next((row for row in run.metric_rows if row.metric == metric and row.filter == subset), None)


def _cell(row: Metric | None, *, share: bool = True, bounds: bool = False) -> str:
    if row is None or row.value is None:
        return "–"
    if not share:
        return f"{row.value:.2f}"
    if not bounds or row.lo is None or row.hi is None:
        return f"{100 * row.value:.1f}"
    return f"{100 * row.value:.1f} [{100 * row.lo:.1f}–{100 * row.hi:.1f}]"


def _census(runs: Sequence[Run]) -> Table:
    table = _table("tokenizer", *(head for head, _, _ in _CENSUS))
    seen = set()
    for run in runs:
        spec = label(str(run.group("tokenizer").get("spec")))
        if spec in seen:
            continue
        seen.add(spec)
        cells = [_cell(_found(run, metric, part), share=metric != "census.ambiguity") for _, metric, part in _CENSUS]
        table.add_row(Text(spec), *cells)
    return table


def _rates(run: Run) -> list[RenderableType]:
    """One run: its model, then a row for each marking, or why there is no rate."""
    model = run.group("model")
    title = Text(label(str(model.get("spec"))), style="bold")
    if model.get("synthetic"):
        title.append(" toy", style="yellow")
    table = _table("marking", "n", "paper", "strict", "noncan.", "unexplained", "damage")
    why: dict[str, None] = {}
    for marking in MARKINGS:
        first = _found(run, _RATES[0], marking)
        if first is None:
            continue
        if first.value is None:
            why[first.reason] = None
        cells = (_cell(_found(run, rate, marking), bounds=rate in _BOUNDED) for rate in _RATES)
        table.add_row(marking, f"{first.n:,}", *cells)
    if not table.rows:
        return [title, Text("not finished", style="dim")]
    return [title, table, *(Text(f"–: {label(reason)}", style="yellow") for reason in why)]


def run_summary(run: Run) -> list[RenderableType]:
    """The rates of one model; of a tokenizer alone nothing."""
    return [Text(""), *_rates(run)] if run.group("model") else []


def summary_tables(runs: Sequence[Run]) -> list[RenderableType]:
    """The census of every tokenizer, and the rates of every model, in a form that can be pasted."""
    own = sorted((run for run in runs if run.group("run").get("suite") == "phantom"), key=lambda run: run.id)
    tables: list[RenderableType] = [_census(own), Text(_LEGEND, style="dim")]
    parts = [part for run in own for part in run_summary(run)]
    return [*tables, *parts, Text(_RATE_LEGEND, style="dim")] if parts else tables
