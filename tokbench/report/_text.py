"""The report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tokbench.report._format import ARROWS, has_interval, interval_text, is_number, label, number, value_text
from tokbench.report._groups import Group
from tokbench.report._tables import share_of_rows, whole_first
from tokbench.report._view import Cell, Column, Detail, Page, Table
from tokbench.results import Metric


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", text).replace("\n", "<br>")


def _table(table: Table, *, caption: bool = True) -> list[str]:
    def row(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    def joined(cell: Cell | Column) -> str:
        text = cell.text if isinstance(cell, Cell) else cell.title
        return _escaped(f"{text} ({cell.sub})" if cell.sub else text)

    lines = [f"**{_escaped(table.caption)}**", ""] if caption else []
    lines.append(row(joined(column) for column in table.columns))
    lines.append(row("---:" if column.numeric else "---" for column in table.columns))
    lines += [row(joined(cell) for cell in cells) for cells in table.rows]
    return [*lines, ""]


def _fenced(detail: Detail) -> list[str]:
    longest = max((len(run) for run in re.findall("`+", detail.code)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{_escaped(detail.summary)}", "", f"{fence}text", detail.code, fence, ""]


_MOST_ROWS = 2000


def _lines(group: Group) -> tuple[Table, int]:
    """The table of all metrics, with the columns that users of lm-eval know, and how many did not fit.

    A run of many conditions has thousands of numbers, one for each subset of a subset. Every run of a group may show
    as many of them as any other.
    """
    rows, left = [], 0
    most = share_of_rows(group, _MOST_ROWS)
    for entry in group.entries:
        head = [Cell(entry.label), Cell(group.heading)]
        decided = [row for row in entry.laws.values() if row.outcome != "skipped"]
        held = sum(row.outcome == "correct" for row in decided)
        if decided:
            rows.append([*head, Cell(""), Cell("laws held"), Cell("↑"), Cell(f"{held}/{len(decided)}"),
                         Cell(""), Cell(str(len(decided)))])  # fmt: skip
        shown = whole_first(entry.metrics, most)
        left += len(entry.metrics) - len(shown)
        for metric in shown:
            name = f"{metric.metric} ({label(metric.unit)})" if metric.unit else metric.metric
            rows.append([*head, Cell(label(metric.filter)), Cell(label(name)), Cell(ARROWS[metric.direction]),
                         Cell(value_text(metric)), Cell(_plus_minus(metric)), Cell(str(metric.n))])  # fmt: skip
    columns = [Column("Tokenizer"), Column("Version"), Column("Filter"), Column("Metric"), Column("↑/↓"),
               Column("Value", numeric=True), Column("± or 95 % interval"), Column("n", numeric=True)]  # fmt: skip
    return Table("All metrics", columns, rows), left


def _plus_minus(metric: Metric) -> str:
    """Half the interval where it is symmetric, else both ends."""
    if not has_interval(metric) or metric.lo is None or metric.hi is None or metric.value is None:
        return interval_text(metric) if is_number(metric.value) else ""
    below, above = metric.value - metric.lo, metric.hi - metric.value
    return f"± {number(above)}" if number(below) == number(above) else interval_text(metric)


def markdown(page: Page, found: Sequence[Group]) -> str:
    """The report as Markdown: for each group all metrics in one table, then the tables and examples of its suite."""
    out = [f"# {_escaped(page.title)}", "", f"Newest result: {page.date}. Made by tokbench {page.version}.", ""]
    for note in page.notes:
        out += [f"> **Note:** {_escaped(note)}", ""]
    for view, group in zip(page.groups, found, strict=True):
        out += [f"## {_escaped(view.heading)}", "", _escaped(view.sub), ""]
        out += [f"- **{_escaped(name)}**: {_escaped(line)}" for name, line, _ in view.lines]
        table, left = _lines(group)
        out += ["", *_table(table, caption=False)]
        if left:
            out += [f"{left:,} more rows, of subsets, in the CSV, JSON and Parquet.", ""]
        for section in view.sections:
            if section.anchor.endswith("-metrics"):
                continue  # the table above has them
            out += [f"### {_escaped(section.title)}", "", section.intro, ""]
            for table in section.tables:
                out += _table(table)
            for detail in section.details:
                out += _fenced(detail)
    out += ["## Provenance", ""]
    for origin in page.provenance:
        code = Detail(origin.title, origin.command or "no command recorded")
        out += _fenced(code)
    return "\n".join(out).rstrip("\n") + "\n"
