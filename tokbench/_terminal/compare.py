"""``tokbench compare`` in the terminal: 80 columns, no colour needed, ready to be pasted into an issue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tokbench._terminal.segmentation import shown
from tokbench.report import label
from tokbench.report.compare import (
    Change,
    CutChange,
    Entry,
    Gate,
    IdChange,
    NumberChange,
    Paired,
    Rule,
    RunComparison,
    RunPair,
    Setting,
    TokenizerComparison,
)
from tokbench.results import Run, Sample

__all__ = ["last_line", "run_lines", "tokenizer_lines"]

_ANSWER = 24
"""Characters of an answer that are shown."""

_FOLDED = 30
"""Classes of items that are all shown; of more only the first."""

_TEXT = 60
_ORDER = {"worse": 0, "better": 1, "other": 2}
_TESTS = {
    "mcnemar": "exact McNemar test",
    "mcnemar+bootstrap": "larger of the exact McNemar test and the bootstrap over clusters",
    "bootstrap": "bootstrap of the mean gap",
    "few": "none below 6 items",
}


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    table.add_column(first, overflow="fold", min_width=12)
    for head in others:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "<.0001" if value < 0.0001 else f"{value:.4f}".removeprefix("0")  # noqa: PLR2004


def _short(text: str, width: int = _ANSWER) -> str:
    """The beginning of an answer, quoted, on one line, nothing in it invisible."""
    quoted = ascii(text) if not text.isprintable() else f"'{label(text)}'"
    return quoted if len(quoted) <= width else f"{quoted[: width - 1]}…"


# ---------------------------------------------------------------------- runs


def _head(side: str, run: Run) -> Iterator[Text]:
    model = run.group("model")
    marks = "".join(
        f"  {mark}" for mark, applies in (("synthetic", model.get("synthetic")), ("unfinished", not run.complete))
        if applies
    )  # fmt: skip
    yield Text(f"{side}  {label(run.id)}{marks}", overflow="fold")
    spec = f"{label(str(run.group('tokenizer').get('spec', '')))}"
    yield Text(f"   {spec}" + (f" · {label(str(model['spec']))}" if model.get("spec") else ""), style="dim")


def _gap(row: Paired) -> str:
    if not row.is_share:
        # the interval of a mean is symmetric
        half = "" if row.lo is None or row.hi is None else f" ± {(row.hi - row.lo) / 2:.2g}"
        return f"{row.difference:+.3g}{half}"
    gap = f"{100 * row.difference:+.1f}"
    return gap if row.lo is None or row.hi is None else f"{gap} [{100 * row.lo:.1f}, {100 * row.hi:.1f}]"


def _verdict(row: Paired, rule: Rule) -> str:
    if row.difference == 0 or not (row.test == "none" or row.significant(rule.alpha)):
        return ""
    if row.direction == "none":
        return "other"
    return "worse" if row.drop > 0 else "better"


def _tested(title: str, rows: Sequence[Paired], rule: Rule) -> Table:
    drawn = any(row.test != "none" for row in rows)
    columns = ["A", "B", "n", "B - A [95 %]" if drawn else "B - A", "lost", "won"]
    table = _table(title, *columns, *(["p", ""] if drawn else []))
    for row in rows:
        sides = [str(row.k_first), str(row.k_second)] if row.is_share else [f"{row.first:.3g}", f"{row.second:.3g}"]
        cells = [*sides, str(row.n), _gap(row), str(row.lost), str(row.gained)]
        if drawn:
            cells += [_p(row.adjusted), _verdict(row, rule)]
        table.add_row(Text(label(row.stratum or row.metric)), *cells)
    return table


def _answer(row: Sample) -> str:
    return row.message.split("\n", 1)[0] if row.completion is None else row.completion


def _change(change: Change) -> Iterator[Text]:
    one, other = change.first, change.second
    moved = f"{one.outcome} → {other.outcome}"
    if one.outcome == other.outcome and one.score is not None and other.score is not None:
        moved = f"{one.score:.4g} → {other.score:.4g}"
    yield Text(f"{change.kind:6}  {label(change.item_id)}  {moved}", overflow="fold")
    said = [f"{name} {_short(text)}" for name, text in (("A", _answer(one)), ("B", _answer(other))) if text]
    if said:
        said = [f"gold {_short(one.gold)}", *said] if one.gold else said
        yield Text("        " + "  ".join(said), style="dim", overflow="fold")


def _changes(pair: RunPair, first: int) -> Iterator[RenderableType]:
    counts = {kind: sum(change.kind == kind for change in pair.changes) for kind in _ORDER}
    others = f", {pair.other_answers:,} with another answer of the same outcome" if pair.other_answers else ""
    if not pair.changes:
        yield Text(f"changed items: none{others}")
        return
    told = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
    rest = f"; the first {first}, all with --out or --json" if len(pair.changes) > first else ""
    yield Text(f"changed items: {told}{others}{rest}")
    for change in pair.changes[:first]:
        yield from _change(change)


def _value(row: NumberChange, *, second: bool) -> str:
    metric = row.second if second else row.first
    return "none" if metric is None else "–" if metric.value is None else f"{metric.value:.4g}"


def _numbers(pair: RunPair, first: int) -> Iterator[RenderableType]:
    if not pair.numbers:
        return
    rows = sorted(pair.numbers, key=lambda row: (_ORDER[row.kind], row.metric, row.filter))
    rest = f" (the first {first} of {len(rows)}, all with --out or --json)" if len(rows) > first else ""
    yield Text(f"other numbers that changed, without a test{rest}:")
    table = _table("metric", "A", "B", "B - A", "")
    for row in rows[:first]:
        gap = "" if row.difference is None else f"{row.difference:+.4g}"
        name = label(row.metric) + (f" [{label(row.filter)}]" if row.filter else "")
        table.add_row(Text(name), _value(row, second=False), _value(row, second=True), gap,
                      "" if row.kind == "other" else row.kind)  # fmt: skip
    yield table


def _is_told(row: Paired, pair: RunPair) -> bool:
    """Whether a row stands in a table: of what was not drawn only what changed, beside what was drawn or in classes."""
    return row.test != "none" or bool(row.lost or row.gained) or not (row.stratum or pair.drawn)


def _pair(pair: RunPair, rule: Rule, first: int) -> Iterator[RenderableType]:
    about = pair.first.group("run")
    yield Text(f"{label(str(about.get('suite')))} {label(str(about.get('suite_version')))}", style="bold")
    yield from _head("A", pair.first)
    yield from _head("B", pair.second)
    for note in pair.notes:
        yield Text(f"note: {label(note)}", style="yellow", overflow="fold")
    for entry in pair.promises:
        if entry.kind != "other":
            yield _setting(entry)
    coverage = f"common items: {pair.common:,}"
    if pair.only_first or pair.only_second:
        coverage += f" (and {pair.only_first:,} only in A, {pair.only_second:,} only in B: not compared)"
    yield Text(coverage)
    totals = [row for row in pair.totals if _is_told(row, pair)]
    if totals:
        yield _tested("metric", totals, rule)
    for metric in dict.fromkeys(row.metric for row in pair.strata):
        strata = [row for row in pair.strata if row.metric == metric and _is_told(row, pair)]
        if len(strata) > _FOLDED:
            strata.sort(key=lambda row: (row.adjusted is None, row.adjusted or 0.0, -row.drop, row.stratum))
        if strata:
            yield _tested(f"{label(metric)} in", strata[:first] if len(strata) > _FOLDED else strata, rule)
            if len(strata) > _FOLDED:
                yield Text(f"the first {first} of {len(strata)} classes, the least likely by chance first", style="dim")
    tests = dict.fromkeys(row.test for row in (*pair.totals, *pair.strata) if row.test != "none")
    if tests:
        named = "; ".join(_TESTS[test] for test in tests)
        yield Text(
            f"A, B: right items, or mean score · B - A: points, or difference of means · lost, won: items that only A, "
            f"only B has right (or better) · p: {named}; Holm over totals, and over strata apart",
            style="dim",
        )  # fmt: skip
    elif not pair.drawn:
        yield Text("no model was asked, so nothing was drawn: each item counts by itself, without a test", style="dim")
    yield from _changes(pair, first)
    yield from _numbers(pair, first)


def run_lines(comparison: RunComparison, rule: Rule, *, first: int = 10) -> Iterator[RenderableType]:
    """A comparison of runs, part by part.

    Args:
        comparison: What was found.
        rule: For the level of significance.
        first: Changed items and numbers that are shown of each pair.
    """
    for note in comparison.notes:
        yield Text(f"note: {label(note)}", style="yellow", overflow="fold")
    for pair in comparison.pairs:
        yield from _pair(pair, rule, first)
        yield Text("")


# ---------------------------------------------------------------------- tokenizers


def _entry(entry: Entry | None) -> str:
    if entry is None:
        return ""
    text = shown(entry.data) if entry.data is not None else f"<{label(entry.name) or entry.kind}>"
    return text if len(text) <= _ANSWER else f"{text[: _ANSWER - 1]}…"


def _id_change(change: IdChange) -> str:
    what = _entry(change.first or change.second)
    if change.kind == "renumbered":
        return f"{change.kind}  {change.first_id} → {change.second_id}  {what}"
    if change.kind == "retyped" and change.first is not None and change.second is not None:
        return f"{change.kind}  {change.first_id}  {what}  {change.first.kind} → {change.second.kind}"
    return f"{change.kind}  {change.first_id if change.second_id is None else change.second_id}  {what}"


def _cut(pieces: Sequence[tuple[int, bytes | None]]) -> str:
    text = "│".join(shown(piece, "no bytes") for _, piece in pieces)
    ids = " ".join(str(token_id) for token_id, _ in pieces)
    line = f"{text}  ({ids})"
    return line if len(line) <= _TEXT else f"{line[: _TEXT - 1]}…"


def _cut_lines(change: CutChange) -> Iterator[Text]:
    text = _short(change.text, _TEXT)
    yield Text(f"{text}  {change.cause}")
    yield Text(f"    A  {_cut(change.first)}")
    yield Text(f"    B  {_cut(change.second)}")


def _vocabulary(comparison: TokenizerComparison, first: int) -> Iterator[Text]:
    found = comparison.vocabulary
    counts = ", ".join(f"{found.count(kind):,} {kind}" for kind in ("added", "removed", "renumbered", "retyped"))
    yield Text(
        f"vocabulary: {found.first_ids:,} ids in A, {found.second_ids:,} in B; {found.kept:,} stand for the same"
    )
    if found.equal:
        return
    yield Text(f"tokens: {counts}; ids with another meaning: {found.reused:,}")
    for kind in ("renumbered", "removed", "added", "retyped"):
        some = [change for change in found.changes if change.kind == kind]
        for change in some[:first]:
            yield Text(f"    {_id_change(change)}")
        if len(some) > first:
            yield Text(f"    and {len(some) - first:,} more {kind}", style="dim")


def _counts(comparison: TokenizerComparison, rule: Rule) -> Iterator[RenderableType]:
    rows = comparison.counts
    if all(not row.changed for row in rows):
        yield Text(f"tokens of the embedded corpus: {rows[0].first:,} in both, the same in every line")
        return
    table = _table("tokens of", "A", "B", "change", "lines changed", "p", "")
    for row in rows:
        table.add_row(Text(row.title), f"{row.first:,}", f"{row.second:,}", f"{row.change:+.1f} %",
                      f"{row.changed}/{row.lines}", _p(row.paired.adjusted), _verdict(row.paired, rule))  # fmt: skip
    yield table
    yield Text(
        "embedded corpus · p: bootstrap over lines; Holm over the texts; the sum is tested by itself", style="dim"
    )


def _setting(entry: Setting) -> Text:
    mark = "" if entry.kind == "other" else f"  {entry.kind}"
    name = label(entry.name.removeprefix("about."))
    return Text(f"{name}: {_short(entry.first)} → {_short(entry.second)}{mark}", overflow="fold")


def _settings(comparison: TokenizerComparison) -> Iterator[Text]:
    another = comparison.first.info.backend != comparison.second.info.backend
    hidden = ("switches.", "libraries.", "files.")
    # of another backend every switch differs, and that says nothing
    shown = [entry for entry in comparison.settings if not (another and entry.name.startswith(hidden))]
    for entry in shown:
        yield _setting(entry)
    if another:
        rest = len(comparison.settings) - len(shown)
        yield Text(f"another backend: {rest} switches, libraries and files differ (all with --out or --json)")


def tokenizer_lines(comparison: TokenizerComparison, rule: Rule, *, first: int = 10) -> Iterator[RenderableType]:
    """A comparison of tokenizers, part by part.

    Args:
        comparison: What was found.
        rule: For the level of significance.
        first: Cuts that are shown, and ids of each kind of change.
    """
    for side, tokenizer in (("A", comparison.first), ("B", comparison.second)):
        info = tokenizer.info
        files = "".join(f"  {file.sha256[:12]}" for file in info.files[:1])
        yield Text(f"{side}  {label(info.spec)}  {info.n_ids:,} ids{files}", style="bold", overflow="fold")
    yield from _settings(comparison)
    yield from _vocabulary(comparison, first)
    yield from _counts(comparison, rule)
    others = f"{comparison.other_ids:,} have other ids and {comparison.other_cuts:,} other cuts"
    yield Text(f"of {comparison.texts:,} texts {others}")
    if comparison.causes:
        yield Text("classes: " + ", ".join(f"{cause} {count:,}" for cause, count in comparison.causes.items()))
    cuts = comparison.cuts
    if cuts:
        rest = f" (the first {first} of {len(cuts)})" if len(cuts) > first else ""
        yield Text(f"texts made as small as they still differ{rest}:")
        for change in cuts[:first]:
            yield from _cut_lines(change)


# ---------------------------------------------------------------------- the decision


def last_line(gate: Gate, rule: Rule) -> str:
    """What the exit status is and why."""
    how = ["--exact"] if rule.exact else []
    how.append(f"--fail-on {rule.fail_on}")
    how.append(f"--alpha {rule.alpha:g}" if rule.max_drop is None else f"--max-drop {rule.max_drop:g}")
    return f"exit status {gate.exit_status}: {label(gate.why)} ({' '.join(how)})"
