"""The suite ``arithmetic``: how numbers are cut, how right sums are by condition, and what the errors are.

A run with replies has very many numbers (each condition in each stratum); the page shows those that answer the
questions of the suite, the other formats of the report have them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tokbench.report._format import count, is_number, label, number, percent, value_text
from tokbench.report._groups import Entry, Group
from tokbench.report._plots import chart, charts
from tokbench.report._ranking import Answers, Contest, answers, barred, ranking_section
from tokbench.report._tables import missing, others, row_head
from tokbench.report._view import Cell, Chart, Column, Section, Table
from tokbench.results import Metric, Sample
from tokbench.suites.arithmetic.answers import METRIC

__all__ = ["overview_section", "sections", "summary_line"]

_PREFIX = "arithmetic."
_NONE = "no such replies"
_TINY = 1e-4


@dataclass(frozen=True, slots=True)
class _Replies:
    """The numbers of one run with replies, by name and subset."""

    entry: Entry
    rows: Mapping[tuple[str, str], Metric]

    @property
    def conditions(self) -> list[str]:
        """Names of the conditions, in order."""
        return [subset for name, subset in self.rows if name == "valid.parity"]

    def get(self, name: str, subset: str) -> Metric | None:
        return self.rows.get((name, subset))

    def named(self, name: str) -> list[Metric]:
        return [row for (metric, _), row in self.rows.items() if metric == name]


def _replies(group: Group) -> list[_Replies]:
    found = []
    for entry in group.entries:
        rows = {(row.metric.removeprefix(_PREFIX), row.filter): row for row in entry.named(_PREFIX)}
        if rows:
            found.append(_Replies(entry, rows))
    return found


# ---------------------------------------------------------------------- cells


def _share(row: Metric | None, otherwise: str = _NONE) -> Cell:
    """A share in percent with its counts and its interval in small print, or why there is none."""
    if row is None:
        return missing(otherwise)
    if row.value is None or row.k is None:
        return missing(value_text(row))
    sub = f"{count(row.k)} of {count(row.n)}"
    if row.lo is not None and row.hi is not None:
        sub += f", {percent(row.lo)} to {percent(row.hi)}"
    return Cell(percent(row.value), sub=sub)


def _count(row: Metric | None) -> Cell:
    return Cell("0") if row is None else Cell(count(row.k or 0))


def _plain(row: Metric | None, otherwise: str = _NONE) -> Cell:
    """A number, small ones with an exponent."""
    if row is None:
        return missing(otherwise)
    if row.value is None or not is_number(row.value):
        return missing(value_text(row))
    return Cell(number(row.value) if not row.value or abs(row.value) >= _TINY else f"{row.value:.1e}")


def _sample(entry: Entry, item_id: str) -> Sample | None:
    return next((row for row in entry.with_prefix(item_id) if row.item_id == item_id), None)


# ---------------------------------------------------------------------- overview


def _policy(entry: Entry) -> Cell:
    found = _sample(entry, "policy")
    if found is None:
        return missing("not run")
    if found.completion is None:
        return missing(label(found.message))
    return Cell(label(found.completion), sub=label(found.message))


def _metric(entry: Entry, name: str, subset: str) -> Metric | None:
    return next((row for row in entry.named(name) if row.filter == subset), None)


def _best(replies: _Replies | None, stratum: str) -> Cell:
    """The first condition in plain digits; the tables below have all."""
    if replies is None:
        return missing("no model")
    chosen = next((name for name in replies.conditions if name.partition("|")[0] == "nosep"), None)
    if chosen is None:
        return missing("not asked in plain digits")
    return _share(replies.get("value", f"{chosen}{stratum}"))


def overview_section(group: Group) -> Section:
    """One row a run: how its tokenizer cuts, and how right sums in plain digits are."""
    by_anchor = {one.entry.anchor: one for one in _replies(group)}
    rows = []
    for entry in group.entries:
        replies = by_anchor.get(entry.anchor)
        rows.append([
            row_head(entry, spec=True), _policy(entry),
            _share(_metric(entry, "alignment.answers", "all"), "not run"),
            _best(replies, ""), _best(replies, "|length=match"), _best(replies, "|length=mismatch"),
        ])  # fmt: skip
    columns = [
        Column("Run"), Column("Digits are cut", "in which direction"),
        Column("Answers aligned", "with the longest operand", numeric=True),
        Column("Right", "plain digits", numeric=True),
        Column("Right, length match", "plain digits", numeric=True),
        Column("Right, length mismatch", "plain digits", numeric=True),
    ]  # fmt: skip
    return Section(
        f"{group.anchor}-overview", "Overview",
        "Whether the chunks of the answer line up with those of the operands follows from the tokenizer alone. Length "
        "match: the answer is as long as one of the operands.",
        [Table("Overview of runs", columns, rows)],
        charts=charts(
            chart("Answers aligned with the longest operand", "share of additions",
                  [(entry, _metric(entry, "alignment.answers", "all"), "") for entry in group.entries],
                  as_percent=True),
        ),
    )  # fmt: skip


# ---------------------------------------------------------------------- accuracy


_SHARES = (
    ("value", "", "Right"), ("value", "|length=match", "Length match"),
    ("value", "|length=mismatch", "Length mismatch"),
    ("value", "|operands=equal", "Operands equally long"), ("value", "|operands=unequal", "Operands unequally long"),
    ("value", "|aligned=yes", "Aligned"), ("value", "|aligned=no", "Not aligned"),
    ("value.valid", "", "Right of valid replies"), ("value_format", "", "Right, in the format"),
    ("value.strict", "", "Right, strict parser"), ("valid.parity", "", "Valid"), ("valid.strict", "", "Valid, strict"),
)  # fmt: skip


def _accuracy(group: Group) -> Section | None:
    rows = [
        [
            row_head(one.entry), Cell(label(name)),
            *(_share(one.get(metric, f"{name}{part}")) for metric, part, _ in _SHARES),
        ]
        for one in _replies(group)
        for name in one.conditions
    ]  # fmt: skip
    if not rows:
        return None
    columns = [Column("Run"), Column("Condition"), *(Column(title, numeric=True) for _, _, title in _SHARES)]
    return Section(
        f"{group.anchor}-accuracy", "How right the answers are",
        "Invalid replies stay in the denominator; the shares over valid replies stand apart. The parity parser takes "
        "whatever one number a reply holds, the strict one accepts nothing around it. Wilson's intervals.",
        [Table("Right answers by condition", columns, rows)],
        charts=_plots(group),
    )  # fmt: skip


def _conditions(found: Sequence[_Replies]) -> list[str]:
    """Conditions of all runs, in the order in which they come."""
    return list({name: None for one in found for name in one.conditions})


_DRAWN = 4  # more series than these cannot be told apart


def _plots(group: Group) -> list[Chart]:
    found = _replies(group)
    return charts(*(
        chart(title, "share of replies", [
            (one.entry, one.get("value", f"{name}{stratum}"), label(name))
            for one in found for name in _conditions(found)[:_DRAWN]
        ], as_percent=True)
        for title, stratum in (("Right, length match", "|length=match"), ("Right, length mismatch", "|length=mismatch"))
    ))  # fmt: skip


def _ranking(group: Group) -> Section | None:
    """Runs by right answers, condition by condition."""
    import polars as pl

    found = _replies(group)
    if not found:
        return None
    contests = []
    for name in _conditions(found):
        cells: dict[str, Cell] = {}
        given: dict[str, Answers] = {}
        for one in found:
            if (why := barred(one.entry)) is not None:
                cells[one.entry.anchor] = why
            elif name in one.conditions:
                where = (pl.col("metric") == METRIC) & (pl.col("detail.condition") == name)
                given[one.entry.anchor] = answers(one.entry, where, fields=("condition",))
            else:
                cells[one.entry.anchor] = missing("not asked")
        contests.append(Contest(name, given, cells))
    return ranking_section(
        group, contests, question="Condition", right="Right", intro="A reply without a number is a wrong one."
    )


def _by_lengths(group: Group) -> Section | None:
    tables = []
    for one in _replies(group):
        cells: dict[str, dict[str, Metric]] = {}
        names: dict[str, None] = {}
        for row in one.named("value"):
            condition, _, stratum = row.filter.rpartition("|lengths=")
            if condition:
                cells.setdefault(condition, {})[stratum] = row
                names[stratum] = None
        if cells:
            columns = [Column("Condition"), *(Column(label(name), numeric=True) for name in names)]
            body = [
                [Cell(label(condition)), *(_share(found.get(name)) for name in names)]
                for condition, found in cells.items()
            ]
            tables.append(Table(f"By lengths of operands and answer: {one.entry.label}", columns, body))
    if not tables:
        return None
    return Section(f"{group.anchor}-lengths", "By lengths", "", tables)


_SPLIT = ("both", "only_l2r", "only_r2l", "neither")


def _gaps(group: Group) -> Section | None:
    rows = []
    for one in _replies(group):
        for row in one.named("gap"):
            name, _, stratum = row.filter.partition("|length=")
            counts = (_count(one.get(f"gap.{part}", row.filter)) for part in _SPLIT)
            rows.append([
                row_head(one.entry), Cell(label(name)), Cell(f"length {stratum}" if stratum else "all"),
                _share(row), *counts, _plain(one.get("gap.mcnemar_p", row.filter)),
            ])  # fmt: skip
    if not rows:
        return None
    columns = [
        Column("Run"), Column("Conditions"), Column("Problems"),
        Column("Gap", "right-to-left less the other", numeric=True),
        Column("Both right", numeric=True), Column("Only left-to-right", numeric=True),
        Column("Only right-to-left", numeric=True), Column("Neither", numeric=True),
        Column("p", "exact McNemar", numeric=True),
    ]  # fmt: skip
    return Section(
        f"{group.anchor}-gap", "Direction gap",
        "The same problems with groups from the right and from the left (or in plain digits). Only conditions that "
        "differ in nothing else are compared.",
        [Table("Direction gap", columns, rows)],
    )  # fmt: skip


# ---------------------------------------------------------------------- errors


def _label_names(found: Iterable[_Replies]) -> list[str]:
    names = {name: None for one in found for name, _ in one.rows if name.startswith("label.")}
    return list(names)


def _errors(group: Group) -> Section | None:
    found = _replies(group)
    names = _label_names(found)
    if not names:
        return None
    rows = []
    for one in found:
        for condition in one.conditions:
            for stratum in ("|length=match", "|length=mismatch"):
                subset = f"{condition}{stratum}"
                if one.get("value", subset) is not None:
                    cells = [_count(one.get(name, subset)) for name in names]
                    rows.append([row_head(one.entry), Cell(label(condition)), Cell(stratum.partition("=")[2]), *cells])
    columns = [Column("Run"), Column("Condition"), Column("Length"),
               *(Column(label(name.removeprefix("label.")), numeric=True) for name in names)]  # fmt: skip
    tables = [Table("Labels, each reply once", columns, rows), *_causes(found)]
    return Section(
        f"{group.anchor}-errors", "Kinds of errors",
        "Of several labels that fit a reply the first one counts; chunk_first_digit:2 is a wrong first digit of the "
        "second chunk and nothing else. A boundary is a place at which a chunk of the true answer ends.",
        [table for table in tables if table.rows],
    )  # fmt: skip


def _causes(found: Sequence[_Replies]) -> list[Table]:
    """Errors of one, first digits of chunks, and what alignment predicts, by condition."""
    rows = []
    for one in found:
        for condition in one.conditions:
            guesses = [one.get(f"guess.{part}", f"{condition}|length=mismatch|chunk=2") for part in ("chi_square", "p")]
            rows.append([
                row_head(one.entry), Cell(label(condition)), _share(one.get("off_by_one", condition), "nothing wrong"),
                _share(one.get("off_by_one", f"{condition}|boundary=yes"), "none"),
                _share(one.get("error.chunk_digit", f"{condition}|length=mismatch|chunk=2,digit=1"), "none"),
                *(_plain(guess, "not tested") for guess in guesses),
                _share(one.get("predictor.separated", condition)), _plain(one.get("predictor.auc", condition)),
                _share(one.get("frequency.more", condition), "no wrong tokens"),
            ])  # fmt: skip
    columns = [
        Column("Run"), Column("Condition"), Column("Off by a power of ten", "of wrong replies", numeric=True),
        Column("of these at a boundary", "of wrong replies", numeric=True),
        Column("First digit of chunk 2 wrong", "length mismatch", numeric=True),
        Column("Like a guess: chi-square", "9 df, length mismatch", numeric=True),
        Column("p", "of a guess", numeric=True),
        Column("Strata that alignment separates", numeric=True), Column("Area under the curve", numeric=True),
        Column("Wrong token more frequent", "than the right one", numeric=True),
    ]  # fmt: skip
    return [Table("What the errors follow", columns, rows)]


def _confidence(group: Group) -> Section | None:
    rows = []
    for one in _replies(group):
        for row in one.named("logprob.answer"):
            entropies = [
                found for found in one.named("logprob.entropy") if found.filter.rpartition("|token=")[0] == row.filter
            ]
            shown = ", ".join(number(found.value) for found in entropies if found.value is not None)
            rows.append([
                row_head(one.entry), Cell(label(row.filter)), _plain(row), Cell(count(row.n)),
                Cell(shown) if shown else missing("no alternatives recorded"),
            ])  # fmt: skip
    if not rows:
        return None
    columns = [Column("Run"), Column("Replies"), Column("Mean log-probability", "of the answer, nats", numeric=True),
               Column("n", numeric=True), Column("Entropy by token", "lower bound, nats")]  # fmt: skip
    return Section(
        f"{group.anchor}-confidence", "Confidence",
        "Tokens of the answer that hold digits. ln 10 = 2.3026 nats is the entropy of a digit that is guessed.",
        [Table("Log-probabilities and entropy", columns, rows)],
    )  # fmt: skip


# ---------------------------------------------------------------------- the page


def sections(group: Group) -> list[Section]:
    """All sections that have something to show, the overview first."""
    made = [
        overview_section(group), _accuracy(group), _ranking(group), _by_lengths(group), _gaps(group),
        _errors(group), _confidence(group), others(group, own=(_PREFIX,)),
    ]  # fmt: skip
    return [section for section in made if section is not None]


def summary_line(entry: Entry) -> str:
    """One sentence on a run."""
    policy = _sample(entry, "policy")
    parts = [] if policy is None or policy.completion is None else [f"digits are cut {label(policy.completion)}"]
    aligned = _metric(entry, "alignment.answers", "all")
    if aligned is not None and aligned.value is not None:
        parts.append(f"{percent(aligned.value)} of answers aligned")
    replies = [row for row in entry.named(f"{_PREFIX}value") if "|" not in row.filter]
    parts += [f"{label(row.filter)} {percent(row.value)} right" for row in replies[:4] if row.value is not None]
    return "; ".join(parts) or "nothing was measured"
