"""The model side of the exactness suite: how far the usual readings of a model are from the exact one."""

from __future__ import annotations

from collections.abc import Sequence

from tokbench.report._format import has_interval, is_number, label, number, percent, value_text
from tokbench.report._groups import Entry, Group
from tokbench.report._plots import chart, charts
from tokbench.report._tables import missing, others, row_head
from tokbench.report._view import Cell, Column, Section, Table
from tokbench.results import Metric

__all__ = ["is_model_side", "overview_section", "sections", "summary_line"]

_CLASSES = ("boundary", "unstable", "inside-token", "inside-char", "trailing-space", "digits", "word-middle")
_SHARES = frozenset({"bias.impossible_truth", "healing.impossible_truth", "lm_eval.empty", "lm_eval.changed"})

_BY_CUT = (
    ("bias.tv", "Naive: total variation"),
    ("bias.kl", "Naive: KL in bits"),
    ("bias.impossible_truth", "Naive: true byte impossible"),
    ("healing.tv", "Healed: total variation"),
    ("healing.kl", "Healed: KL in bits"),
    ("healing.impossible_truth", "Healed: true byte impossible"),
    ("gap.context", "CANONICAL_CONTEXT against CANONICAL"),
    ("leak.canonical", "Leak under CANONICAL"),
)
_WHOLE = (
    ("noncanonical.prefix", "Non-canonical mass, as a beginning"),
    ("noncanonical.text", "Non-canonical mass, as a whole text"),
    ("lm_eval.error", "lm-eval's cut: error in nats"),
    ("lm_eval.empty", "lm-eval's cut: continuation without a token"),
    ("lm_eval.changed", "lm-eval's cut: answer changes"),
    ("lm_eval.mcnemar_p", "lm-eval's cut: McNemar p"),
    ("cut.exact_spread", "log P(text) over cuts: exact, nats"),
    ("cut.lm_eval_spread", "log P(text) over cuts: lm-eval, nats"),
)
_OWN = tuple(name for name, _ in (*_BY_CUT, *_WHOLE))


def is_model_side(group: Group) -> bool:
    """Whether the runs of a group are of models."""
    return any(entry.named("bias.tv") for entry in group.entries)


def _found(entry: Entry, metric: str, subset: str) -> Metric | None:
    return next((row for row in entry.named(metric) if row.filter == subset), None)


def _number(value: float) -> str:
    return number(value) if abs(value) >= 1e-4 or not value else f"{value:.1e}"  # noqa: PLR2004, four decimals


def _cell(row: Metric | None) -> Cell:
    if row is None:
        return missing("no such cut")
    if not is_number(row.value) or row.value is None:
        return missing(value_text(row))
    shown = percent if row.metric in _SHARES else _number
    sub = f"n {row.n:,}"
    if has_interval(row) and row.lo is not None and row.hi is not None:
        sub = f"[{shown(row.lo)}, {shown(row.hi)}], {sub}"
    return Cell(shown(row.value), sub=sub)


def sections(group: Group) -> list[Section]:
    """All sections that have something to show, the overview first."""
    made = [overview_section(group), _by_cut(group), _whole(group), others(group, own=_OWN)]
    return [section for section in made if section is not None]


def overview_section(group: Group) -> Section:
    """One row a model."""
    columns = [
        Column("Model"), Column("Reading"), Column("Naive TV", "inside a token", numeric=True),
        Column("Healed TV", "inside a token", numeric=True),
        Column("True byte impossible", "naive, inside a token", numeric=True),
        Column("lm-eval changes", "answers", numeric=True), Column("Exact spread", "nats over cuts", numeric=True),
    ]  # fmt: skip
    rows = []
    for entry in group.entries:
        options = entry.run.group("run").get("options")
        reading = str(options.get("reading", "canonical")) if isinstance(options, dict) else "canonical"
        picked = (
            ("bias.tv", "inside-token"), ("healing.tv", "inside-token"), ("bias.impossible_truth", "inside-token"),
            ("lm_eval.changed", ""), ("cut.exact_spread", ""),
        )  # fmt: skip
        cells = [_cell(_found(entry, metric, subset)) for metric, subset in picked]
        rows.append([row_head(entry, spec=True), Cell(label(reading)), *cells])
    return Section(
        f"{group.anchor}-overview", "Overview",
        "What the usual ways of reading a token model get wrong, against exact byte probabilities. Total variation 0 "
        "is right, 1 has nothing in common with the truth.",
        [Table("Overview of models", columns, rows)],
        charts=charts(
            chart("Next byte inside a token", "total variation from the exact distribution", [
                (entry, _found(entry, f"{kind}.tv", "inside-token"), kind if kind == "healing" else "naive")
                for entry in group.entries for kind in ("bias", "healing")
            ], domain=(0.0, 1.0)),
        ),
    )  # fmt: skip


def _table(group: Group, title: str, metrics: Sequence[tuple[str, str]], subsets: Sequence[str]) -> Table | None:
    rows = []
    for entry in group.entries:
        for metric, name in metrics:
            if entry.named(metric):
                cells = [_cell(_found(entry, metric, subset)) for subset in subsets]
                rows.append([row_head(entry), Cell(name), *cells])
    if not rows:
        return None
    heads = [Column(label(subset) or "all", numeric=True) for subset in subsets]
    return Table(title, [Column("Model"), Column("Measure"), *heads], rows)


def _by_cut(group: Group) -> Section | None:
    table = _table(group, "By where the prompt is cut", _BY_CUT, ("", *_CLASSES))
    if table is None:
        return None
    return Section(
        f"{group.anchor}-bias", "Next byte by where the prompt is cut",
        "Naive: encode the prompt, sum the next token by its first byte. Healed: drop the last token and let it grow "
        "again. boundary: the tokens of the prompt begin those of the whole text; unstable: a token ends there, but "
        "the prompt alone is cut otherwise. Means over cuts, intervals clustered by text.",
        [table],
    )  # fmt: skip


def _whole(group: Group) -> Section | None:
    table = _table(group, "Scores of texts", _WHOLE, ("", "context-space", "answer-space"))
    if table is None:
        return None
    return Section(
        f"{group.anchor}-scores", "Scores of texts",
        "lm-eval's cut: the tokens of a continuation are those behind as many as the context has. context-space: the "
        "context was given with its trailing space; answer-space: the answer begins with it.",
        [table],
    )  # fmt: skip


def summary_line(entry: Entry) -> str:
    """One sentence on a model."""
    parts = []
    for metric, subset, words in (
        ("bias.tv", "inside-token", "naive total variation inside a token"),
        ("healing.tv", "inside-token", "healed"),
        ("lm_eval.changed", "", "answers that lm-eval's cut changes"),
    ):
        row = _found(entry, metric, subset)
        if row is not None:
            parts.append(f"{words} {_cell(row).text}")
    return "; ".join(parts) or "nothing was measured"
