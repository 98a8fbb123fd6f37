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
    ("bits/word", "census.ambiguity", ""),
    ("twins", "census.twins", ""),
    ("[ ] changes", "census.marker", "bracket"),
    ("one token", "census.marker_single", "bracket"),
    ("somewhere", "census.somewhere", ""),
    ("drift", "census.drift", ""),
)
"""Heads with metric and subset."""

_RATES = ("paper_rate", "strict_rate", "noncanonical_rate", "strict_unexplained_rate", "collateral_rate")

_LEGEND = (
    "bits/word: log2 of the ways to spell a space and a word · twins: words whose bare form is an entry too\n"
    "[ ] changes: words whose ids change inside brackets · one token: words of one token that stay one there\n"
    "somewhere: other spellings of at most 3 tokens that the tokenizer gives in some context\n"
    "drift: beginnings of encodings that do not come back from their own text; all in %"
)
_RATE_LEGEND = (
    "paper: same word, other ids, in % of settled targets · strict: equal bytes too · noncanon.: ids that the\n"
    "tokenizer would not give · unexplained: strict, and no reason in the context · collateral: unmarked words lost"
)


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    table.add_column(heads[0], overflow="fold", ratio=1)
    for head in heads[1:]:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _found(run: Run, metric: str, subset: str) -> Metric | None:
    return next((row for row in run.metric_rows if row.metric == metric and row.filter == subset), None)


def _cell(row: Metric | None, *, share: bool = True) -> str:
    if row is None or row.value is None:
        return "–"
    return f"{100 * row.value:.1f}" if share else f"{row.value:.2f}"


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


def _rates(runs: Sequence[Run]) -> Table:
    table = _table("model", "marking", "n", "paper", "strict", "noncanon.", "unexplained", "collateral")
    for run in runs:
        model = run.group("model")
        name = Text(label(str(model.get("spec"))))
        if model.get("synthetic"):
            name.append(" toy", style="yellow")
        for marking in MARKINGS:
            first = _found(run, _RATES[0], marking)
            if first is None:
                continue
            table.add_row(name, marking, f"{first.n:,}", *(_cell(_found(run, rate, marking)) for rate in _RATES))
    return table


def summary_tables(runs: Sequence[Run]) -> list[RenderableType]:
    """The census of every tokenizer, and the rates of every model, in a form that can be pasted."""
    own = sorted((run for run in runs if run.group("run").get("suite") == "phantom"), key=lambda run: run.id)
    tables: list[RenderableType] = [_census(own), Text(_LEGEND, style="dim")]
    asked = [run for run in own if run.group("model")]
    if asked:
        tables += [Text(""), _rates(asked), Text(_RATE_LEGEND, style="dim")]
    return tables
