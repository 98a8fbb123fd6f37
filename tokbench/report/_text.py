"""The report as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence

from tokbench.report._format import ARROWS, has_interval, interval_text, is_number, label, number, value_text
from tokbench.report._groups import Entry, Group
from tokbench.report._view import Cell, Column, Detail, Page, Table
from tokbench.results import Metric, Sample

CSV_COLUMNS = (
    "suite", "suite_version", "profile", "run_id", "complete", "tokenizer", "model", "metric", "filter", "direction",
    "value", "lo", "hi", "method", "k", "n", "n_invalid", "n_failed", "unit", "reason",
)  # fmt: skip


# ---------------------------------------------------------------------- Markdown


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


def _lines(group: Group) -> Table:
    """The table of all metrics, with the columns that users of lm-eval know."""
    rows = []
    for entry in group.entries:
        head = [Cell(entry.label), Cell(group.heading)]
        decided = [row for row in entry.laws.values() if row.outcome != "skipped"]
        held = sum(row.outcome == "correct" for row in decided)
        if decided:
            rows.append([*head, Cell(""), Cell("laws held"), Cell("↑"), Cell(f"{held}/{len(decided)}"),
                         Cell(""), Cell(str(len(decided)))])  # fmt: skip
        for metric in entry.metrics:
            name = f"{metric.metric} ({label(metric.unit)})" if metric.unit else metric.metric
            rows.append([*head, Cell(label(metric.filter)), Cell(label(name)), Cell(ARROWS[metric.direction]),
                         Cell(value_text(metric)), Cell(_plus_minus(metric)), Cell(str(metric.n))])  # fmt: skip
    columns = [Column("Tokenizer"), Column("Version"), Column("Filter"), Column("Metric"), Column("↑/↓"),
               Column("Value", numeric=True), Column("± or 95 % interval"), Column("n", numeric=True)]  # fmt: skip
    return Table("All metrics", columns, rows)


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
        out += ["", *_table(_lines(group), caption=False)]
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


# ---------------------------------------------------------------------- CSV and JSON


def _rows(group: Group, entry: Entry) -> list[dict[str, object]]:
    about = entry.run.group("run")
    head = {
        "suite": label(group.suite),
        "suite_version": label(group.version),
        "profile": label(group.profile),
        "run_id": label(entry.run.id),
        "complete": entry.run.complete,
        "tokenizer": label(str(about.get("tokenizer", ""))),
        "model": label(str(about["model"])) if about.get("model") else None,
    }
    rows = [{**head, **_law_fields(name, row)} for name, row in entry.laws.items()]
    return rows + [{**head, **_metric_fields(metric)} for metric in entry.metrics]


def _law_fields(name: str, row: Sample) -> dict[str, object]:
    value = {"correct": 1.0, "wrong": 0.0}.get(row.outcome)
    return {
        "metric": label(f"law/{name}"), "filter": "", "direction": "up", "value": value, "lo": None, "hi": None,
        "method": "count", "k": value, "n": 1 if value is not None else 0, "n_invalid": 0,
        "n_failed": int(row.outcome == "failed"), "unit": "1 holds, 0 fails", "reason": label(row.message),
    }  # fmt: skip


def _metric_fields(metric: Metric) -> dict[str, object]:
    return {
        "metric": label(metric.metric), "filter": label(metric.filter), "direction": metric.direction,
        "value": _finite(metric.value), "lo": _finite(metric.lo), "hi": _finite(metric.hi), "method": metric.method,
        "k": _finite(metric.k), "n": metric.n, "n_invalid": metric.n_invalid, "n_failed": metric.n_failed,
        "unit": label(metric.unit),
        "reason": "" if is_number(metric.value) and not metric.reason
        else label(metric.reason) or value_text(metric),
    }  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if is_number(value) else None


def _harmless(value: object) -> object:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@")):
        return f"'{value}"
    if isinstance(value, bool):
        return str(value).lower()
    return value


def as_csv(found: Sequence[Group]) -> str:
    """All metrics and laws, one a line, with the columns of :data:`CSV_COLUMNS`."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for group in found:
        for entry in group.entries:
            writer.writerows({name: _harmless(value) for name, value in row.items()} for row in _rows(group, entry))
    return buffer.getvalue()


def as_json(page: Page, found: Sequence[Group]) -> str:
    """The same rows as JSON, with the full records of the runs."""
    document = {
        "schema": 1,
        "title": page.title,
        "date": page.date,
        "notes": list(page.notes),
        "rows": [row for group in found for entry in group.entries for row in _rows(group, entry)],
        "runs": _records(found),
    }
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _records(found: Sequence[Group]) -> list[dict[str, object]]:
    records = [entry.run.record for group in found for entry in group.entries]
    # a record that another program wrote may hold NaN, which is no JSON: it becomes null
    return json.loads(json.dumps(records), parse_constant=lambda _: None)  # type: ignore[no-any-return]
