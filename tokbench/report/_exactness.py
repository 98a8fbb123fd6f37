"""The exactness suite: its overview and its laws; the tables of numbers are in ``_tables``."""

from __future__ import annotations

from tokbench.report._format import count, is_number, label, value_text, visible
from tokbench.report._groups import Entry, Group
from tokbench.report._plots import chart, charts
from tokbench.report._ranking import Answers, Contest, barred, ranking_section
from tokbench.report._tables import (
    NOT_RUN,
    audit,
    cost_of_text,
    countable,
    first_reason,
    growth,
    message,
    missing,
    others,
    parity,
    parity_rows,
    reference_and_class,
    row_head,
    sums,
    vectors,
)
from tokbench.report._view import Cell, Column, Detail, Section, Table, Tone

_LAW_WORDS: dict[str, tuple[str, Tone]] = {
    "correct": ("holds", "good"),
    "wrong": ("fails", "bad"),
    "invalid": ("error", "warn"),
    "failed": ("error", "warn"),
    "skipped": ("n.a.", "mute"),
}


def sections(group: Group) -> list[Section]:
    """All sections that have something to show, the overview first."""
    made = (overview_section, _laws, _ranking, parity, vectors, audit, cost_of_text, growth, others)
    return [section for make in made if (section := make(group)) is not None]


# ---------------------------------------------------------------------- overview


_HEADLINE_TEXT = "eng|micro"  # one text has to stand in the overview: English of the embedded corpus


def law_counts(entry: Entry) -> tuple[int, int, int, int]:
    """Laws that hold, fail, ended in an error, and do not apply."""
    words = [_LAW_WORDS[row.outcome][0] for row in entry.laws.values()]
    return words.count("holds"), words.count("fails"), words.count("error"), words.count("n.a.")


def _law_cell(entry: Entry) -> Cell:
    if not entry.laws:
        return missing(NOT_RUN["laws"])
    held, failed, errors, skipped = law_counts(entry)
    applicable = held + failed + errors
    if not applicable:
        return missing(f"none of {skipped} applies")
    text = f"{held} of {applicable} hold"
    parts = [f"{failed} fail"] * bool(failed) + [f"{errors} errors"] * bool(errors) + [f"{skipped} n.a."]
    return Cell(text, sub=", ".join(parts), tone="bad" if failed else "warn" if errors else "good")


def _parity_cell(entry: Entry) -> Cell:
    rows = parity_rows(entry)
    usable = countable(rows)
    if not usable:
        return first_reason(rows, NOT_RUN["parity"])
    k, n = sums(usable)
    against = ", ".join(sorted({reference_and_class(row)[0] for row in usable}))
    return Cell(f"{count(k)} of {count(n)} differ", sub=f"against {against}", tone="warn" if k else "good")


def _vector_cell(entry: Entry) -> Cell:
    rows = entry.named("vectors.encode")
    usable = countable(rows)
    if not usable:
        return first_reason(rows, NOT_RUN["vectors"])
    k, n = sums(usable)
    sets = len({row.filter for row in usable})
    return Cell(f"{count(k)}/{count(n)}", sub=f"{sets} set{'s' * (sets != 1)}", tone="good" if k == n else "bad")


def _audit_cell(entry: Entry) -> Cell:
    rows = entry.named("audit.")
    lost = [row for row in rows if row.metric.startswith(("audit.unreachable", "audit.undecodable"))]
    values = [row.value for row in lost if row.value is not None]
    if not values:
        return first_reason(lost or rows, NOT_RUN["audit"])
    partial = [row.value for row in rows if row.metric == "audit.partial-utf8" and row.value is not None]
    sub = f"{count(sum(partial))} partial UTF-8" if partial else ""
    return Cell(f"{count(sum(values))} unreachable", sub=sub)


def _bytes_cell(entry: Entry) -> Cell:
    rows = entry.named("bytes-per-token")
    usable = [row for row in rows if is_number(row.value)]
    if not usable:
        return first_reason(rows, NOT_RUN["text"])
    first = next((row for row in usable if row.filter == _HEADLINE_TEXT), usable[0])
    return Cell(value_text(first), sub=label(first.filter))


def _plain(entry: Entry, name: str) -> Cell:
    value = entry.tokenizer.get(name)
    if value is None or value == "":
        return missing("not recorded")
    return Cell(count(value) if isinstance(value, int) else label(str(value)))


def _capability(entry: Entry) -> Cell:
    capability = entry.tokenizer.get("capability")
    if isinstance(capability, dict):
        capability = capability.get("summary") or capability.get("round_trip")
    return Cell(label(str(capability))) if capability else missing("not recorded")


def overview_section(group: Group) -> Section:
    columns = [Column("Tokenizer"), Column("Family"), Column("Ids", numeric=True), Column("Round trip", "declared"),
               Column("Laws"), Column("Parity"), Column("Expected ids"), Column("Vocabulary"),
               Column("Bytes/token", numeric=True)]  # fmt: skip
    rows = [
        [row_head(entry, spec=True), _plain(entry, "family"), _plain(entry, "n_ids"), _capability(entry),
         _law_cell(entry), _parity_cell(entry), _vector_cell(entry), _audit_cell(entry), _bytes_cell(entry)]
        for entry in group.entries
    ]  # fmt: skip
    return Section(
        f"{group.anchor}-overview", "Overview",
        "One row a tokenizer, sorted by name. This is no ranking: the columns answer different questions.",
        [Table("Overview of tokenizers", columns, rows)],
        charts=charts(
            chart("Bytes of English text a token", "bytes/token", [
                (entry, next((row for row in entry.named("bytes-per-token") if row.filter == _HEADLINE_TEXT), None), "")
                for entry in group.entries
            ]),
            chart("Dearest language", "tokens as a multiple of those of the same text in the reference language", [
                (entry, max((row for row in entry.named("parity-premium") if is_number(row.value)),
                            key=lambda row: (row.value or 0, row.filter), default=None), "")
                for entry in group.entries
            ], rule=1.0, rule_label="the same"),
        ),
    )  # fmt: skip


def summary_line(entry: Entry) -> str:
    """One sentence on a tokenizer."""
    facts = [_capability(entry).text]
    laws = _law_cell(entry)
    facts.append(laws.text if laws.tone == "missing" else f"{laws.text.replace(' hold', ' laws hold')} ({laws.sub})")
    parity, vectors, size = _parity_cell(entry), _vector_cell(entry), _bytes_cell(entry)
    facts.append(parity.text if parity.tone == "missing" else f"{parity.text} {parity.sub}")
    facts.append(vectors.text if vectors.tone == "missing" else f"{vectors.text} expected id lists match")
    facts.append(size.text if size.tone == "missing" else f"{size.text} bytes/token")
    return "; ".join(facts)


# ---------------------------------------------------------------------- laws


def _laws(group: Group) -> Section | None:
    names = sorted({name for entry in group.entries for name in entry.laws})
    if not names:
        return None
    anchors: dict[tuple[str, str], str] = {}
    details = []
    for entry in group.entries:
        for name, row in entry.laws.items():
            if row.outcome in {"correct", "skipped"}:
                continue
            anchor = anchors[entry.anchor, name] = f"{group.anchor}-c{len(anchors) + 1}"
            word = _LAW_WORDS[row.outcome][0]
            details.append(Detail(f"{entry.label}: {label(name)} {word}", message(row), anchor, entry.anchor))
    rows = []
    for entry in group.entries:
        cells = [row_head(entry)]
        for name in names:
            found = entry.laws.get(name)
            if found is None:
                cells.append(missing("not run"))
                continue
            word, tone = _LAW_WORDS[found.outcome]
            target = anchors.get((entry.anchor, name))
            cells.append(Cell(word, tone=tone, href=f"#{target}" if target else ""))
        rows.append(cells)
    columns = [Column("Tokenizer"), *(Column(label(name)) for name in names)]
    tables = [Table("Conformance laws by tokenizer", columns, rows, heat=True)]
    if skipped := _skipped(group):
        tables.append(skipped)
    return Section(
        f"{group.anchor}-laws", "Conformance laws",
        "A law that needs more than a tokenizer declares does not apply (n.a.); that is no failure. "
        "A law that fails links to the smallest input that was found.",
        tables, details, "Smallest counterexamples",
    )  # fmt: skip


def _ranking(group: Group) -> Section | None:
    """Tokenizers by the laws they hold, of those that apply to all of them."""
    entries = [entry for entry in group.entries if entry.laws]
    if not entries:
        return None
    given = {}
    for entry in entries:
        if barred(entry) is None:
            held = {name: row.outcome == "correct" for name, row in entry.laws.items() if row.outcome != "skipped"}
            given[entry.anchor] = Answers(held, {name: name for name in held})
    cells = {entry.anchor: why for entry in entries if (why := barred(entry)) is not None}
    return ranking_section(
        group, [Contest("laws", given, cells)], question="Of", right="Laws held",
        intro="Laws that apply to every tokenizer here; a law that ends in an error counts as one that fails. A "
        "tokenizer is exact or it is not: one law that fails is a fault, whatever its rank.",
    )  # fmt: skip


def _skipped(group: Group) -> Table | None:
    reasons: dict[tuple[str, str], list[str]] = {}
    for entry in group.entries:
        for name, row in entry.laws.items():
            if row.outcome == "skipped":
                reasons.setdefault((label(name), visible(row.message) or "no reason recorded"), []).append(entry.label)
    if not reasons:
        return None
    rows = [[Cell(name), Cell(", ".join(labels)), Cell(why)] for (name, why), labels in sorted(reasons.items())]
    return Table("Laws that do not apply, and why", [Column("Law"), Column("Tokenizers"), Column("Reason")], rows)
