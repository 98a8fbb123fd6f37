"""Tables of the terminal, drawn with rich."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tokbench.laws import Verdict
from tokbench.tokenizers import Listing

__all__ = ["listing_table", "verdict_table"]

_MARK = {"holds": ("✓", "green"), "fails": ("✗", "bold red"), "not-applicable": ("–", "dim"), "error": ("!", "yellow")}


def listing_table(rows: Iterable[Listing], *, what: str = "tokenizer") -> RenderableType:
    """What can be loaded here, and what is missing for the rest, with the ways to get it below."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(what, overflow="fold")
    table.add_column("", justify="center")
    table.add_column("what it is, or what is missing", overflow="fold", ratio=1)
    remedies: dict[str, list[str]] = {}
    for row in rows:
        mark = Text("✓", style="green") if row.available else Text("–", style="yellow")
        detail = row.detail if row.distribution.startswith("tokbench ") else f"{row.detail} ({row.distribution})"
        table.add_row(Text(row.spec), mark, Text(detail))
        if row.remedy:
            remedies.setdefault(row.remedy, []).append(row.spec)
    notes = [Text(f"– {', '.join(specs)}: {remedy}", style="yellow") for remedy, specs in remedies.items()]
    return Group(table, *notes)


def verdict_table(verdicts: Iterable[Verdict]) -> Table:
    """Verdicts of laws, one a row, with the reason or the counterexample."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("law", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("tried", justify="right", style="dim")
    table.add_column("why", overflow="fold")
    for verdict in verdicts:
        mark, style = _MARK[verdict.status]
        word = {"not-applicable": "does not apply"}.get(verdict.status, verdict.status)
        tried = str(verdict.examples) if verdict.examples else ""
        table.add_row(verdict.law, Text(f"{mark} {word}", style=style), tried, Text(verdict.reason))
    return table
