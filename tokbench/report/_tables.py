"""Tables of numbers: parity, expected ids, audit, cost of text, growth, and all that no other table shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokbench.report._format import (
    ARROWS,
    count,
    has_interval,
    interval_text,
    is_number,
    label,
    number,
    percent,
    value_text,
    visible,
)
from tokbench.report._groups import Entry, Group
from tokbench.report._view import Cell, Column, Detail, Section, Table
from tokbench.report._words import METRICS, meaning
from tokbench.results import Metric, Sample

NOT_RUN = {
    "laws": "laws not run",
    "parity": "no reference engine given",
    "vectors": "no expected ids given",
    "audit": "audit not run",
    "text": "no text given",
    "growth": "growth not measured",
    "digits": "digits not measured",
}
GROWTH_LIMIT = 8.0  # law of growth: t(4n) <= 8 t(n)

_SHOWN_EXAMPLES = 5
_OWN = ("parity.mismatch", "vectors.", "audit.", "growth.ratio")


def missing(reason: str) -> Cell:
    return Cell(reason, tone="missing")


def row_head(entry: Entry, *, spec: bool = False) -> Cell:
    return Cell(entry.label, sub=entry.spec if spec else "", href=f"#{entry.anchor}")


def message(row: Sample) -> str:
    return visible(row.message) or "no example recorded"


def sums(rows: Sequence[Metric]) -> tuple[int, int]:
    return round(sum(row.k or 0 for row in rows)), sum(row.n for row in rows)


def countable(rows: Iterable[Metric]) -> list[Metric]:
    return [row for row in rows if row.n and row.k is not None and is_number(row.value)]


def reference_and_class(row: Metric) -> tuple[str, str]:
    reference, _, kind = row.filter.partition("|")
    return label(reference) or "reference", label(kind) or "all"


def parity_rows(entry: Entry) -> list[Metric]:
    """Rows by class; a total that stands beside its classes would count everything twice."""
    rows = entry.named("parity.mismatch")
    classes = [row for row in rows if reference_and_class(row)[1] != "all"]
    split = {reference_and_class(row)[0] for row in classes}
    return classes + [
        row for row in rows if reference_and_class(row)[1] == "all" and reference_and_class(row)[0] not in split
    ]


def first_reason(rows: Sequence[Metric], otherwise: str) -> Cell:
    return missing(value_text(rows[0]) if rows else otherwise)


# ---------------------------------------------------------------------- parity and vectors


def _share_cells(row: Metric, *, wanted: int) -> list[Cell]:
    """Count, share and interval of a proportion; ``wanted``: 0 where k counts what differs, 1 what agrees."""
    if not row.n or row.k is None or not is_number(row.value):
        return [missing(value_text(row)), missing("no interval"), missing("no verdict")]
    k = round(row.k)
    perfect = k == (row.n if wanted else 0)
    bounds = f"{percent(row.lo or 0)} to {percent(row.hi or 0)}" if has_interval(row) else interval_text(row)
    verdict = Cell("equal" if perfect else "differs", tone="good" if perfect else "warn")
    return [Cell(f"{count(k)} of {count(row.n)}", sub=percent(k / row.n)), Cell(bounds), verdict]


def _examples(entry: Entry, prefix: str) -> list[Detail]:
    """The first failing items, folded by the two parts of the name behind the prefix."""
    details = []
    for name, total in entry.faults(prefix).items():
        shown = entry.wrong(_SHOWN_EXAMPLES, f"{prefix}{name}/") or entry.wrong(_SHOWN_EXAMPLES, f"{prefix}{name}")
        more = f" (the first {len(shown)} of {total})" if total > len(shown) else ""
        code = "\n\n".join(f"{visible(row.item_id)}\n{message(row)}" for row in shown)
        details.append(Detail(f"{entry.label}: {label(name)}{more}", code, run=entry.anchor))
    return details


def parity(group: Group) -> Section | None:
    rows, details = [], []
    for entry in group.entries:
        for row in entry.named("parity.mismatch"):
            reference, kind = reference_and_class(row)
            rows.append([row_head(entry), Cell(reference), Cell(kind), *_share_cells(row, wanted=0)])
        details += _examples(entry, "parity/")
    if not rows:
        return None
    columns = [Column("Tokenizer"), Column("Reference"), Column("Class of text"), Column("Differ", numeric=True),
               Column("95 % interval", "Wilson"), Column("Verdict")]  # fmt: skip
    return Section(
        f"{group.anchor}-parity", "Parity of engines",
        "Do two engines give the same ids on the same vocabulary? A pair that differs is not equivalent; that "
        "does not say which of the two is wrong.",
        [Table("Strings whose ids differ", columns, rows)], details, "Strings that differ",
    )  # fmt: skip


def vectors(group: Group) -> Section | None:
    rows, details = [], []
    for entry in group.entries:
        for row in entry.named("vectors."):
            what = label(row.metric.removeprefix("vectors."))
            rows.append([row_head(entry), Cell(label(row.filter)), Cell(what), *_share_cells(row, wanted=1)])
        details += _examples(entry, "vectors/")
    if not rows:
        return None
    columns = [Column("Tokenizer"), Column("Set"), Column("Direction"), Column("Agree", numeric=True),
               Column("95 % interval", "Wilson"), Column("Verdict")]  # fmt: skip
    intro = "Id lists that other projects published for this tokenizer, compared item by item."
    table = Table("Published id lists", columns, rows)
    return Section(f"{group.anchor}-vectors", "Expected ids", intro, [table], details, "Items that differ")


# ---------------------------------------------------------------------- audit, text, growth


def _matrix(group: Group, caption: str, names: Sequence[str], otherwise: str) -> Table | None:
    """Tokenizers x metrics of one family; columns are (metric, subset, unit)."""
    found = {
        entry.anchor: {(row.metric, row.filter, row.unit): row for row in entry.named(*names)}
        for entry in group.entries
    }
    keys = sorted({key for rows in found.values() for key in rows}, key=_metric_order)
    if not keys:
        return None
    columns = [Column("Tokenizer")]
    for metric, part, unit in keys:
        title = f"{_title(metric)} ({label(part)})" if part else _title(metric)
        columns.append(Column(title, label(unit), numeric=True))
    rows = [
        [row_head(entry), *(_value_cell(found[entry.anchor].get(key), otherwise) for key in keys)]
        for entry in group.entries
    ]
    return Table(caption, columns, rows)


def _metric_order(key: tuple[str, str, str]) -> tuple[int, str, str, str]:
    known = list(METRICS)
    return (known.index(key[0]) if key[0] in known else len(known), *key)


def _title(metric: str) -> str:
    return METRICS[metric][0] if metric in METRICS else label(metric.rpartition(".")[2])


def _value_cell(row: Metric | None, otherwise: str) -> Cell:
    if row is None:
        return missing(otherwise)
    if not is_number(row.value):
        return missing(value_text(row))
    notes = [interval_text(row)] if has_interval(row) else []
    if row.n:
        notes.append(f"n = {count(row.n)}")
    if row.n_failed or row.n_invalid:
        notes.append(f"{count(row.n_failed)} failed, {count(row.n_invalid)} invalid")
    return Cell(value_text(row), sub="; ".join(notes))


def audit(group: Group) -> Section | None:
    tables = [table for table in [_matrix(group, "Vocabulary audit", ["audit."], NOT_RUN["audit"]), _digits(group)]
              if table is not None]  # fmt: skip
    if not tables:
        return None
    return Section(
        f"{group.anchor}-audit", "Vocabulary",
        "Which ids no text was seen to produce, which are not valid UTF-8 alone, and how digits are cut. "
        "“Unreachable” is a statement about the contexts that were tried, not a proof.",
        tables,
    )  # fmt: skip


def _digits(group: Group) -> Table | None:
    found = {
        entry.anchor: {row.item_id.removeprefix("digits/"): row for row in entry.with_prefix("digits/")}
        for entry in group.entries
    }
    kinds = sorted({kind for rows in found.values() for kind in rows})
    if not kinds:
        return None
    rows = []
    for entry in group.entries:
        cells = [row_head(entry)]
        for kind in kinds:
            row = found[entry.anchor].get(kind)
            if row is None:
                cells.append(missing(NOT_RUN["digits"]))
            else:
                skipped = row.outcome in {"skipped", "failed", "invalid"}
                cells.append(Cell(visible(row.message) or "no policy recorded", tone="missing" if skipped else ""))
        rows.append(cells)
    return Table("How runs of digits are cut", [Column("Tokenizer"), *(Column(label(kind)) for kind in kinds)], rows)


_MEANS = ("micro", "macro")


def _text_and_mean(row: Metric) -> tuple[str, str]:
    """The text that a metric is about, and whether it is a ratio of sums (micro) or a mean over lines (macro)."""
    text, _, mean = row.filter.rpartition("|")
    if mean in _MEANS:
        return text, mean
    # the price of a language is a ratio of sums unless it says otherwise
    return row.filter, "micro" if row.metric == "parity-premium" else ""


def _by_text(group: Group, metric: str, mean: str) -> Table | None:
    """Tokenizers x texts for one metric; the unit stands in the caption where all texts share it."""
    found = {
        entry.anchor: {_text_and_mean(row)[0]: row for row in entry.named(metric) if _text_and_mean(row)[1] == mean}
        for entry in group.entries
    }
    texts = sorted({text for rows in found.values() for text in rows})
    if not texts:
        return None
    units = {text: {rows[text].unit for rows in found.values() if text in rows} for text in texts}
    shared = set().union(*units.values())
    unit = f": {label(next(iter(shared)))}" if len(shared) == 1 else ""
    columns = [Column("Tokenizer"), *(
        Column(label(text) or "all text", "" if unit else label(", ".join(sorted(units[text]))), numeric=True)
        for text in texts
    )]  # fmt: skip
    rows = [
        [row_head(entry), *(_value_cell(found[entry.anchor].get(text), "not measured on this text") for text in texts)]
        for entry in group.entries
    ]
    return Table(f"{_title(metric)}{f', {mean}' if mean else ''}{unit}", columns, rows)


def cost_of_text(group: Group) -> Section | None:
    tables = [
        table for metric in METRICS for mean in ("micro", "") if (table := _by_text(group, metric, mean)) is not None
    ]
    if not tables:
        return None
    return Section(
        f"{group.anchor}-text", "Cost of text",
        "How many tokens text costs. Units name the denominator; the small print gives the 95 % interval and n. micro: "
        "ratio of sums over a text; means over its lines (macro) stand in the CSV, the JSON and the Parquet.",
        tables,
    )  # fmt: skip


def growth(group: Group) -> Section | None:
    rows = []
    for entry in group.entries:
        for row in entry.named("growth.ratio"):
            value = row.value
            if value is None or not is_number(value):
                cells = [missing(value_text(row)), missing("no verdict")]
            else:
                held = value <= GROWTH_LIMIT
                verdict = Cell("holds" if held else "fails", tone="good" if held else "bad")
                cells = [Cell(number(value), sub=label(row.unit)), verdict]
            rows.append([row_head(entry), Cell(label(row.filter)), *cells])
    if not rows:
        return None
    columns = [Column("Tokenizer"), Column("Shape of text"), Column("t(4n) / t(n)", numeric=True), Column("Law")]
    return Section(
        f"{group.anchor}-growth", "Growth of time",
        f"Time on a text four times as long, as a multiple: at most {GROWTH_LIMIT:.0f} keeps the law. Ratios on one "
        "machine, no measure of speed.",
        [Table("Growth of time with length", columns, rows)],
    )  # fmt: skip


# ---------------------------------------------------------------------- everything else

_MOST_ROWS = 200  # of one group on the page: a run of many conditions has thousands of numbers
_LEAST_ROWS = 6


def share_of_rows(group: Group, most: int) -> int:
    """How many rows each run of a group may have where the group has so many; a few in any case."""
    return max(_LEAST_ROWS, most // max(1, len(group.entries)))


def whole_first(metrics: Sequence[Metric], most: int) -> list[Metric]:
    """At most so many metrics, those of the whole before those of subsets, and these before subsets of subsets."""
    if len(metrics) <= most:
        return list(metrics)
    depth = [row.filter.count("|") for row in metrics]
    chosen = sorted(sorted(range(len(metrics)), key=lambda place: (depth[place], place))[:most])
    return [metrics[place] for place in chosen]


def others(group: Group, *, own: Sequence[str] = (*_OWN, *METRICS)) -> Section | None:
    """All metrics that no other section shows, one row each; where they are very many, the rest is counted."""
    rows, left, most = [], 0, share_of_rows(group, _MOST_ROWS)
    for entry in group.entries:
        elsewhere = {id(row) for row in entry.named(*own)}
        found = [row for row in entry.metrics if id(row) not in elsewhere]
        shown = whole_first(found, most)
        left += len(found) - len(shown)
        for row in shown:
            ratio = f"{count(row.k)} of {count(row.n)}" if row.k is not None else count(row.n)
            value = Cell(value_text(row), tone="" if is_number(row.value) else "missing")
            rows.append([row_head(entry), Cell(label(row.metric), sub=meaning(row.metric)), Cell(label(row.filter)),
                         Cell(ARROWS[row.direction]), value, Cell(interval_text(row)),
                         Cell(ratio), Cell(label(row.unit))])  # fmt: skip
    if not rows:
        return None
    columns = [Column("Tokenizer"), Column("Metric"), Column("Subset"), Column("↑/↓"), Column("Value", numeric=True),
               Column("95 % interval"), Column("k of n", numeric=True), Column("Unit")]  # fmt: skip
    more = f"{count(left)} more, of subsets, stand in the CSV, the JSON and the Parquet of this report." if left else ""
    return Section(f"{group.anchor}-metrics", "Metrics", more, [Table("Metrics", columns, rows)])
