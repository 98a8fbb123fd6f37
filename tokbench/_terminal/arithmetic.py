"""The suite ``arithmetic`` in the terminal: how numbers are cut, what was right, and the direction gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tokbench.results import Metric, Run

__all__ = ["summary_tables"]

_SUITE = "arithmetic"
_MOST = 24
"""Rows of a table of conditions, those over most items first; the report has all of them."""


def _table(title: str, head: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False,
        collapse_padding=True,
    )  # fmt: skip
    table.add_column(head, overflow="fold", ratio=1)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _found(run: Run, name: str, subset: str | None = None) -> Metric | None:
    return next(
        (row for row in run.metric_rows if row.metric == name and (subset is None or row.filter == subset)), None
    )  # fmt: skip


def _share(row: Metric | None, *, interval: bool = False) -> str:
    """A share in percent, with its interval; a dash where there is none."""
    if row is None or row.value is None:
        return "–"
    text = f"{100 * row.value:.1f}"
    return (
        f"{text} [{100 * row.lo:.1f}, {100 * row.hi:.1f}]"
        if interval and row.lo is not None and row.hi is not None
        else text
    )


def _name(run: Run) -> str:
    model, tokenizer = run.group("model"), run.group("tokenizer")
    spec = str(tokenizer.get("spec", ""))
    if not model:
        return spec
    return f"{model.get('spec', '')}, {spec}{' (toy)' if model.get('synthetic') else ''}"


# ---------------------------------------------------------------------- tables


def _policies(runs: Sequence[Run]) -> Table:
    """One row a tokenizer: it may have several runs."""
    table = _table("How numbers are cut", "tokenizer", "rule", "aligned %", "one more digit %", "fused %")
    seen: set[str] = set()
    for run in runs:
        spec = str(run.group("tokenizer").get("spec", ""))
        policy = next((row for row in run.sample_rows if row.item_id == "policy"), None)
        if policy is None or spec in seen:
            continue
        seen.add(spec)
        labels = (policy.detail or {}).get("labels")
        rule = " or ".join(map(str, labels)) if isinstance(labels, list) else "–"
        fused = [row.value for row in run.metric_rows if row.metric == "fusion" and row.value is not None]
        table.add_row(
            Text(spec),
            rule,
            _share(_found(run, "alignment.answers", "all")),
            _share(_found(run, "instability", "all")),
            f"{100 * max(fused):.1f}" if fused else "–",
        )
    return table


def _conditions(run: Run) -> Iterator[str]:
    """Conditions of a run, in the order of their rows."""
    return (row.filter for row in run.metric_rows if row.metric == "arithmetic.value.parity")


def _accuracies(run: Run) -> Table:
    table = _table(
        f"Right answers in percent: {_name(run)}",
        "condition",
        "n",
        "value",
        "and format",
        "match",
        "mismatch",
        "invalid",
    )
    sizes = {row.filter: row.n for row in run.metric_rows if row.metric == "arithmetic.value.parity"}
    names = sorted(_conditions(run), key=lambda name: -sizes[name])
    for name in names[:_MOST]:
        accuracy = _found(run, "arithmetic.value", name)
        valid = _found(run, "arithmetic.valid.parity", name)
        invalid = "–" if valid is None or valid.value is None else f"{100 * (1 - valid.value):.1f}"
        table.add_row(
            Text(name),
            "–" if accuracy is None else f"{accuracy.n:,}",
            _share(accuracy, interval=True),
            _share(_found(run, "arithmetic.value_format", name)),
            _share(_found(run, "arithmetic.value", f"{name}|length=match")),
            _share(_found(run, "arithmetic.value", f"{name}|length=mismatch")),
            invalid,
        )
    return table


def _gaps(run: Run) -> Table | None:
    rows = [row for row in run.metric_rows if row.metric == "arithmetic.gap" and row.value is not None]
    if not rows:
        return None
    table = _table(f"Direction gap: {_name(run)}", "pair", "n", "points", "only r2l", "only l2r", "p")
    for row in sorted(rows, key=lambda row: -row.n)[:_MOST]:
        only = [_found(run, f"arithmetic.gap.only_{end}", row.filter) for end in ("r2l", "l2r")]
        p = _found(run, "arithmetic.gap.mcnemar_p", row.filter)
        assert row.value is not None, "those without were left out"
        table.add_row(
            Text(row.filter), f"{row.n:,}", f"{100 * row.value:+.1f}",
            *("–" if found is None or found.value is None else f"{found.value:.0f}" for found in only),
            "–" if p is None or p.value is None else f"{p.value:.2g}",
        )  # fmt: skip
    return table


def _more(run: Run) -> Text | None:
    """How many rows the tables leave out."""
    gaps = sum(row.metric == "arithmetic.gap" and row.value is not None for row in run.metric_rows)
    left = sum(max(0, count - _MOST) for count in (len(list(_conditions(run))), gaps))
    return Text(f"{left:,} more rows are in the report", style="dim") if left else None


def _left_out(run: Run) -> Text | None:
    """What the model could not be asked, by reason."""
    skipped = [row for row in run.sample_rows if row.metric == "arithmetic.value" and row.outcome == "skipped"]
    if not skipped:
        return None
    return Text(f"{len(skipped):,} questions were not asked, the first one: {skipped[0].message}", style="yellow")


def summary_tables(runs: Sequence[Run]) -> list[RenderableType]:
    """What the runs of the suite found, in short.

    Args:
        runs: Runs of any suites.
    """
    own = [run for run in runs if run.group("run").get("suite") == _SUITE]
    found: list[RenderableType] = []
    policies = _policies(own)
    if policies.row_count:
        found.append(policies)
    for run in own:
        if not any(True for _ in _conditions(run)):
            continue
        found.append(_accuracies(run))
        found += [part for part in (_gaps(run), _more(run), _left_out(run)) if part is not None]
    return found
