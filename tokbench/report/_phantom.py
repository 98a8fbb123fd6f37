"""The suite ``phantom``: where phantom edits can come from, how many a model made, and of which kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tokbench.report._format import count, is_number, label, number, percent, value_text, visible
from tokbench.report._groups import Entry, Group
from tokbench.report._plots import chart, charts
from tokbench.report._ranking import Answers, Contest, answers, barred, ranking_section
from tokbench.report._tables import missing, others, row_head
from tokbench.report._view import Cell, Column, Detail, Section, Table
from tokbench.results import Metric, Sample, escape
from tokbench.suites.phantom.alternatives import MARKERS
from tokbench.suites.phantom.answers import METRIC
from tokbench.suites.phantom.classify import CLASSES, PAPER
from tokbench.suites.phantom.item import MARKINGS
from tokbench.suites.phantom.metrics import STATUSES

__all__ = ["overview_section", "sections", "summary_line"]

_CENSUS = (
    ("census.ambiguity", "", "Ambiguity", "bits a word"),
    ("census.ambiguity_within", "", "Within pre-tokens", "bits a word"),
    ("census.twins", "", "Twins", "entries of a space and a word"),
    ("census.marker", "bracket", "Ids change in brackets", "words"),
    ("census.marker_single", "bracket", "Still one token there", "words of one token"),
    ("census.somewhere", "", "Given somewhere", "other spellings"),
    ("census.strict", "", "Equal bytes", "other spellings"),
    ("census.stripped_copy", "", "Faithful copy", "other ids without the brackets"),
    ("census.drift", "", "Drift", "beginnings of encodings"),
)
_RATES = (
    ("paper_rate", "The paper's", "same word, other ids"),
    ("strict_rate", "Equal bytes", ""),
    ("noncanonical_rate", "Non-canonical", "ids that the tokenizer would not give"),
    ("unexplained_rate", "Unexplained", "no reason in the context"),
    ("strict_unexplained_rate", "Strict, unexplained", "the headline of the suite"),
    ("kept_rate", "Of kept words", "same word, other ids"),
    ("paper_rate_of_all", "The paper's, of all", "lost ones among them"),
)
_BESIDE = (
    ("collateral_rate", "Unmarked words lost"), ("marks_kept_rate", "Brackets kept"),
    ("preamble_rate", "Words before the passage"),
)  # fmt: skip
_OWN = (
    "census.", "paper_rate", "paper_rate_of_all", "strict_rate", "noncanonical_rate", "unexplained_rate",
    "strict_unexplained_rate", "kept_rate", "class", "pieces", "status", "collateral_rate", "marks_kept_rate",
    "preamble_rate", "marking.mcnemar_p",
)  # fmt: skip
_OURS = tuple(name for name in CLASSES if name not in PAPER)
_EXAMPLES = 12


# ---------------------------------------------------------------------- cells


def _share(row: Metric | None, otherwise: str = "not measured") -> Cell:
    """A share in percent with its counts and its interval in small print, or why there is none."""
    if row is None:
        return missing(otherwise)
    if row.value is None or row.k is None or not is_number(row.value):
        return missing(value_text(row))
    bounds = "" if row.lo is None or row.hi is None else f"; {percent(row.lo)} to {percent(row.hi)}"
    return Cell(percent(row.value), sub=f"{count(row.k)} of {count(row.n)}{bounds}")


def _mean(row: Metric | None) -> Cell:
    if row is None:
        return missing("not measured")
    if row.value is None or not is_number(row.value):
        return missing(value_text(row))
    bounds = "" if row.lo is None or row.hi is None else f"{number(row.lo)} to {number(row.hi)}; "
    return Cell(number(row.value), sub=f"{bounds}n = {count(row.n)}")


def _rows(entry: Entry) -> Mapping[tuple[str, str], Metric]:
    return {(row.metric, row.filter): row for row in entry.metrics}


def _by_tokenizer(group: Group) -> list[Entry]:
    """One run for each tokenizer: the census is the same in all of them."""
    found: dict[str, Entry] = {}
    for entry in group.entries:
        found.setdefault(str(entry.run.group("run").get("tokenizer")) + entry.spec, entry)
    return [entry for entry in found.values() if entry.named("census.")]


def _asked(group: Group) -> list[Entry]:
    return [entry for entry in group.entries if entry.named("paper_rate")]


def _markings(entry: Entry) -> list[str]:
    found = _rows(entry)
    return [marking for marking in MARKINGS if ("paper_rate", marking) in found]


# ---------------------------------------------------------------------- the tokenizer alone


def overview_section(group: Group) -> Section:
    """One row a tokenizer: the census."""
    rows = []
    for entry in _by_tokenizer(group):
        found = _rows(entry)
        cells = [
            (_mean if "ambiguity" in metric else _share)(found.get((metric, part))) for metric, part, _, _ in _CENSUS
        ]
        rows.append([Cell(entry.spec), *cells])
    columns = [Column("Tokenizer"), *(Column(title, sub, numeric=True) for _, _, title, sub in _CENSUS)]
    return Section(
        f"{group.anchor}-overview", "Where phantom edits can come from",
        "Of the tokenizer alone, without a model. Ambiguity: base-2 logarithm of the number of ways to spell a space "
        "and a word. Other spellings have at most three tokens; one that the tokenizer gives in some context needs no "
        "fault of a model. Drift: beginnings of encodings that do not come back from their own text.",
        [Table("Census of tokenizers", columns, rows)],
        charts=charts(
            chart("Ways to spell a space and a word", "bits a word, base-2 logarithm of their number",
                  [(entry, _rows(entry).get(("census.ambiguity", "")), "") for entry in _by_tokenizer(group)]),
            chart("A faithful copy without the brackets comes back under other ids", "share of words",
                  [(entry, _rows(entry).get(("census.stripped_copy", "")), "") for entry in _by_tokenizer(group)],
                  as_percent=True),
        ),
    )  # fmt: skip


def _available(group: Group) -> Section | None:
    rows, marked = [], []
    for entry in _by_tokenizer(group):
        found = _rows(entry)
        for metric, what in (("census.available", "words with one"), ("census.strict", "of equal bytes, of them")):
            if (metric, PAPER[0]) in found:
                rows.append([Cell(entry.spec), Cell(what), *(_share(found.get((metric, name))) for name in CLASSES)])
        if ("census.marker", "bracket") in found:
            marked.append([Cell(entry.spec), *(_share(found.get(("census.marker", name))) for name in MARKERS)])
    if not rows and not marked:
        return None
    tables = [
        Table("Other spellings of at most three tokens by class",
              [Column("Tokenizer"), Column("Share"),
               *(Column(name, CLASSES[name], numeric=True) for name in CLASSES)], rows),
        Table("Words whose ids change under a mark",
              [Column("Tokenizer"), *(Column(name, numeric=True) for name in MARKERS)], marked),
    ]  # fmt: skip
    return Section(
        f"{group.anchor}-available", "What a tokenizer makes possible",
        "E1 and E3 change white space and are never of equal bytes.",
        [table for table in tables if table.rows],
    )  # fmt: skip


# ---------------------------------------------------------------------- models


def _rates(group: Group) -> Section | None:
    rows, status = [], []
    for entry in _asked(group):
        found = _rows(entry)
        for marking in _markings(entry):
            head = [row_head(entry), Cell(marking)]
            rows.append([*head, *(_share(found.get((metric, marking))) for metric, _, _ in _RATES)])
            status.append([
                *head, *(_share(found.get(("status", f"{marking}|{name}"))) for name in STATUSES),
                *(_share(found.get((metric, marking)), "not under this marking") for metric, _ in _BESIDE),
            ])  # fmt: skip
    if not rows:
        return None
    heads = [Column("Model"), Column("Marking")]
    return Section(
        f"{group.anchor}-rates", "Phantom edits",
        "Of targets that are unchanged, replaced or different. The paper's rate counts lost spaces and effects of the "
        "mark; in other tokenizers than bytes brackets alone change the ids of nearly every word, so bracket stands "
        "beside ordinal (no mark in the text) and copy (nothing is to be edited). Intervals at 95 %.",
        [
            Table("Rates by marking", [*heads, *(Column(title, sub, numeric=True) for _, title, sub in _RATES)], rows),
            Table("Outcomes and side effects by marking",
                  [*heads, *(Column(name.lower().replace("_", " "), numeric=True) for name in STATUSES),
                   *(Column(title, numeric=True) for _, title in _BESIDE)], status),
        ],
        charts=charts(*(
            chart(title, "share of targets", [
                (entry, _rows(entry).get((metric, marking)), marking)
                for entry in _asked(group) for marking in _markings(entry)
            ], as_percent=True)
            for metric, title in (("paper_rate", "Under other ids, as the paper counts"),
                                  ("strict_unexplained_rate", "Of equal bytes and unexplained"))
        )),
    )  # fmt: skip


_COUNTED = ("UNCHANGED", "TEXT_SAME", "REPLACED", "DIFFERENT")
"""What a target can come back as for the rate of the paper; lost and ambiguous ones are in no denominator."""


def _ranking(group: Group) -> Section | None:
    """Runs by how few targets came back under other ids, marking by marking."""
    import polars as pl

    asked = _asked(group)
    if not asked:
        return None
    status, marked = pl.col("detail.status"), pl.col("detail.marking")
    contests = []
    for marking in MARKINGS:
        cells: dict[str, Cell] = {}
        given: dict[str, Answers] = {}
        for entry in asked:
            if (why := barred(entry)) is not None:
                cells[entry.anchor] = why
            elif marking in _markings(entry):
                where = (pl.col("metric") == METRIC) & (marked == marking) & status.is_in(_COUNTED)
                given[entry.anchor] = answers(entry, where, status != "DIFFERENT", ("status", "marking"))
            else:
                cells[entry.anchor] = missing("not under this marking")
        contests.append(Contest(marking, given, cells))
    return ranking_section(
        group, contests, question="Marking", right="No edit",
        intro="Targets that did not come back as the same word under other ids: one less the rate of the paper. A "
        "target that was lost counts for nobody.",
    )  # fmt: skip


def _class_rows(entries: Iterable[Entry], names: Sequence[str]) -> list[list[Cell]]:
    made = []
    for entry in entries:
        found = _rows(entry)
        for marking in _markings(entry):
            cells = [_share(found.get(("class", f"{marking}|{name}"))) for name in names]
            made.append([row_head(entry), Cell(marking), *cells])
    return made


def _classes(group: Group) -> Section | None:
    entries = _asked(group)
    if not entries:
        return None
    heads = [Column("Model"), Column("Marking")]
    tables = [
        Table(caption, [*heads, *(Column(name, CLASSES[name], numeric=True) for name in names)],
              _class_rows(entries, names))
        for caption, names in (("Classes of the paper", PAPER), ("Classes of this suite", _OURS))
    ]  # fmt: skip
    shapes = ("1 to 1", "equal", "more", "fewer")
    rows = []
    for entry in entries:
        found = _rows(entry)
        for marking in _markings(entry):
            cells = [_share(found.get(("pieces", f"{marking}|{name}"))) for name in shapes]
            rows.append([row_head(entry), Cell(marking), *cells])
    titles = ("One to one", "Same number", "More", "Fewer")
    tables.append(Table("Tokens of the word", [*heads, *(Column(name, numeric=True) for name in titles)], rows))
    return Section(
        f"{group.anchor}-classes", "Kinds of phantom edits",
        "Of targets that came back different; each has one class, that of the first condition that holds. E9 to E12 "
        "are not in the paper and stand apart, so that shares of E1 to E8 can be compared.",
        tables,
    )  # fmt: skip


def _paired(group: Group) -> Section | None:
    rows = []
    for entry in _asked(group):
        for row in entry.named("marking.mcnemar_p"):
            first, _, second = row.filter.partition(" against ")
            if row.value is None or row.k is None:
                rows.append([row_head(entry), Cell(first), Cell(second), *[missing(value_text(row))] * 3])
                continue
            p = Cell(number(row.value) if row.value >= 1e-4 else f"{row.value:.1e}")  # noqa: PLR2004, four decimals
            rows.append([row_head(entry), Cell(first), Cell(second), Cell(count(row.k)), Cell(count(row.n - row.k)), p])
    if not rows:
        return None
    columns = [Column("Model"), Column("Marking"), Column("Against"), Column("Only the first", numeric=True),
               Column("Only the second", numeric=True), Column("p", "exact McNemar", numeric=True)]  # fmt: skip
    return Section(
        f"{group.anchor}-markings", "What the marking does",
        "The same targets under two markings: how many came back different under one of them only. Bracket against "
        "ordinal is the size of the effect of the mark itself.",
        [Table("Markings on shared targets", columns, rows)],
    )  # fmt: skip


# ---------------------------------------------------------------------- examples


def _detail(row: Sample) -> Mapping[str, object]:
    return row.detail or {}


def _example(row: Sample) -> str:
    found = _detail(row)
    facts = [
        f"{visible(row.item_id)}: {found.get('label')} {found.get('facet') or ''}".rstrip(),
        f"  word {found.get('word')!a}, came back as {found.get('said')!a}",
        f"  ids {found.get('ids_in')} -> {found.get('ids_out')}",
        "  " + ", ".join(
            name.replace("_", " ") for name in ("strict", "noncanonical_out", "context_explained", "edge_fused")
            if found.get(name)
        ),
    ]  # fmt: skip
    return "\n".join(line for line in facts if line.strip())


def _telling(entry: Entry) -> list[Sample]:
    """The first target of each class, those without a reason first: they say most."""
    import polars as pl

    explained = (pl.col("detail.context_explained") != "false").fill_null(value=True)
    loose = (pl.col("detail.strict") != "true").fill_null(value=True)
    chosen = (
        entry.frame("status", "label", "context_explained", "strict")
        .filter(pl.col("detail.status") == "DIFFERENT")
        .select("item_id", "detail.label", explained, loose)
        .sort("detail.context_explained", "detail.strict", "item_id")
        .with_row_index("place")
        .with_columns((pl.col("place") != pl.col("place").min().over("detail.label")).alias("again"))
        .sort("again", "place")["item_id"]
        .head(_EXAMPLES)
    )
    order = {name: place for place, name in enumerate(chosen)}
    found = entry.rows(pl.col("item_id").is_in(chosen.to_list()))
    return sorted(found, key=lambda row: order[escape(row.item_id)])


def _examples(group: Group) -> Section | None:
    details = []
    for entry in _asked(group):
        rows = _telling(entry)
        if rows:
            code = "\n\n".join(map(_example, rows))
            details.append(
                Detail(f"{entry.label}: {len(rows)} of the targets that came back different", code, run=entry.anchor)
            )
    if not details:
        return None
    return Section(f"{group.anchor}-examples", "Examples", "", [], details, "Targets under other ids")


def sections(group: Group) -> list[Section]:
    """All sections that have something to show."""
    made = [
        overview_section(group), _rates(group), _ranking(group), _classes(group), _paired(group),
        _available(group), _examples(group), others(group, own=_OWN),
    ]  # fmt: skip
    return [section for section in made if section is not None]


def summary_line(entry: Entry) -> str:
    """One sentence on a run."""
    found = _rows(entry)
    parts = []
    for marking in _markings(entry)[:1]:
        paper, strict = found[("paper_rate", marking)], found.get(("strict_unexplained_rate", marking))
        if paper.value is None:
            parts.append(f"no rate: {label(paper.reason)}")
        else:
            parts.append(f"{marking}: {percent(paper.value)} under other ids")
            if strict is not None and strict.value is not None:
                parts.append(f"{percent(strict.value)} of equal bytes and unexplained")
    bits = found.get(("census.ambiguity", ""))
    if not parts and bits is not None and bits.value is not None:
        parts.append(f"{number(bits.value)} bits of ways to spell a word")
    return "; ".join(parts) or "nothing was measured"
