"""What a run says of its tokenizer and of its model in a few rows: measure, value, interval, n, and the run itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tokbench.report._exactness import law_counts
from tokbench.report._format import count, has_interval, is_number, label, number, percent, value_text
from tokbench.report._groups import Entry, Group
from tokbench.report._pictures import shortened
from tokbench.report._scored import scored_tasks
from tokbench.report._tables import countable, missing, parity_rows, sums
from tokbench.report._view import Cell, Column, Table, Tone
from tokbench.results import Metric
from tokbench.suites.charbench.tasks import PAPER
from tokbench.suites.phantom.item import MARKINGS

__all__ = ["Seen", "first", "of_models", "of_tokenizers"]

_REASON = 120
_CONDITIONS = 4
_COLUMNS = (
    Column("Measure"), Column("Value", numeric=True), Column("95 % interval"), Column("n", numeric=True), Column("Run"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """A run and the group in which it stands."""

    group: Group
    entry: Entry

    @property
    def name(self) -> str:
        """Suite, version and profile."""
        return f"{self.group.heading}, {label(self.group.profile)}"

    @property
    def model(self) -> str:
        """Its model, or nothing."""
        return label(str(self.entry.run.group("run").get("model") or ""))


_Measure = tuple[str, Cell, Cell, Cell]
"""What is measured, its value, its interval, and n."""


# ---------------------------------------------------------------------- cells


def _measure(title: str, row: Metric | None, shown: Callable[[float], str] | None = None) -> list[_Measure]:
    """A metric as one row; none where it was not measured."""
    if row is None:
        return []
    if row.value is None or not is_number(row.value):
        return [(title, missing(shortened(value_text(row), _REASON)), Cell(""), Cell(count(row.n)))]
    written = shown or number
    bounds = ""
    if has_interval(row) and row.lo is not None and row.hi is not None:
        bounds = f"{written(row.lo)} to {written(row.hi)}"
    return [(title, Cell(shown(row.value) if shown else value_text(row)), Cell(bounds or "none"), Cell(count(row.n)))]


def _counted(title: str, k: float, n: int, *, good: bool | None = None) -> _Measure:
    tone: Tone = "" if good is None else "good" if good else "warn"
    return title, Cell(f"{count(k)} of {count(n)}", tone=tone), Cell("count of all"), Cell(count(n))


def first(entry: Entry, metric: str, subset: str | None = None) -> Metric | None:
    return next((row for row in entry.named(metric) if subset is None or row.filter == subset), None)


# ---------------------------------------------------------------------- what a run says of its tokenizer


def _laws(entry: Entry) -> list[_Measure]:
    held, failed, errors, skipped = law_counts(entry)
    applicable = held + failed + errors
    if not applicable:
        return []
    others = [f"{failed} fail"] * bool(failed) + [f"{errors} errors"] * bool(errors) + [f"{skipped} do not apply"]
    tone: Tone = "bad" if failed else "warn" if errors else "good"
    value = Cell(f"{held} of {applicable} hold", sub=", ".join(others), tone=tone)
    return [("Conformance laws", value, Cell("none"), Cell(count(applicable)))]


def _exactness(entry: Entry) -> list[_Measure]:
    found = _laws(entry)
    if differing := countable(parity_rows(entry)):
        k, n = sums(differing)
        found.append(_counted("Strings whose ids differ from another engine", k, n, good=not k))
    if expected := countable(entry.named("vectors.encode")):
        k, n = sums(expected)
        found.append(_counted("Expected id lists that match", k, n, good=k == n))
    lost = [row for row in entry.named("audit.") if row.value is not None
            and row.metric.startswith(("audit.unreachable", "audit.undecodable"))]  # fmt: skip
    if lost:
        found.append(_counted("Ids that no tried text gives", sum(row.value or 0 for row in lost), lost[0].n))
    found += _measure("Ids that are not valid UTF-8 alone", first(entry, "audit.partial-utf8"), count)
    size = first(entry, "bytes-per-token", "eng|micro") or first(entry, "bytes-per-token")
    if size is not None:
        found += _measure(f"Bytes a token ({shortened(label(size.filter), 40)})", size)
    for row in entry.with_prefix("digits/ascii"):
        if row.item_id == "digits/ascii" and row.outcome == "correct":
            policy = label(row.completion or row.message.partition(";")[0])
            found.append(("How runs of digits are cut", Cell(shortened(policy, 40)), Cell("none"), Cell("")))
    return found


def _words(entry: Entry) -> list[_Measure]:
    return [
        *_measure("Tokens a word, words of the list alone", next(
            (row for row in entry.named("words.tokens") if "|L=" not in row.filter), None)),
        *_measure("Words cut otherwise in a prompt", first(entry, "items.cut_elsewhere"), percent),
    ]  # fmt: skip


def _numbers(entry: Entry) -> list[_Measure]:
    found = _measure("Sums aligned with the longest operand", first(entry, "alignment.answers", "all"), percent)
    for row in entry.with_prefix("policy"):
        if row.item_id == "policy" and row.completion is not None:
            found.append(("Digits are cut", Cell(shortened(label(row.completion), 40)), Cell("none"), Cell("")))
    return found


def _census(entry: Entry) -> list[_Measure]:
    return [
        *_measure("Bits of ways to spell a word", first(entry, "census.ambiguity", "")),
        *_measure("Beginnings of encodings that drift", first(entry, "census.drift", ""), percent),
    ]


_OF_TOKENIZERS: Mapping[str, Callable[[Entry], list[_Measure]]] = {
    "exactness": _exactness, "charbench": _words, "arithmetic": _numbers, "phantom": _census,
}  # fmt: skip


# ---------------------------------------------------------------------- what a run says of its model


def _characters(entry: Entry) -> list[_Measure]:
    scored = {task.name: task.strict for task in scored_tasks(entry.metrics)}
    found = _measure("Score: strict accuracy above trivial answers, mean of tasks", first(entry, "charbench.score"))
    for task in PAPER:
        found += _measure(f"{task.id}, strict", scored.get(task.id))
    return found


def _sums(entry: Entry) -> list[_Measure]:
    rows = {row.filter: row for row in entry.named("arithmetic.value")}
    conditions = [row.filter for row in entry.named("arithmetic.valid.parity")]
    found = []
    for name in conditions[:_CONDITIONS]:
        found += _measure(f"Right, {shortened(label(name), 60)}", rows.get(name), percent)
    for part in ("match", "mismatch"):
        for name in conditions[:1]:
            row = rows.get(f"{name}|length={part}")
            found += _measure(f"Right, {shortened(label(name), 60)}, length {part}", row, percent)
    return found


def _edits(entry: Entry) -> list[_Measure]:
    found = []
    for marking in MARKINGS:
        found += _measure(f"Same word under other ids, {marking}", first(entry, "paper_rate", marking), percent)
        strict = first(entry, "strict_unexplained_rate", marking)
        found += _measure(f"Of equal bytes and unexplained, {marking}", strict, percent)
    return found


def _readings(entry: Entry) -> list[_Measure]:
    return [
        *_measure("Naive reading inside a token: total variation", first(entry, "bias.tv", "inside-token")),
        *_measure("Healed reading inside a token: total variation", first(entry, "healing.tv", "inside-token")),
        *_measure("Answers that lm-eval's cut changes", first(entry, "lm_eval.changed", ""), percent),
    ]


_OF_MODELS: Mapping[str, Callable[[Entry], list[_Measure]]] = {
    "exactness": _readings, "charbench": _characters, "arithmetic": _sums, "phantom": _edits,
}  # fmt: skip


# ---------------------------------------------------------------------- the table


def _summary(
    seen: Sequence[Seen], suites: Mapping[str, Callable[[Entry], list[_Measure]]], *, once: bool
) -> list[Table]:
    """Numbers of the runs, suite by suite; no table where there is none.

    Args:
        seen: The runs.
        suites: For each suite what to take from a run of it.
        once: Whether all runs of a group say the same of what they are of, so that the first that says it is enough.
            Those of the suite exactness do not: they were compared with other engines.
    """
    rows = []
    said: set[tuple[str, str]] = set()
    for one in seen:
        if one.group.suite not in suites:
            continue
        for title, value, interval, n in suites[one.group.suite](one.entry):
            if once and one.group.suite != "exactness" and (one.group.anchor, title) in said:
                continue
            said.add((one.group.anchor, title))
            run = Cell(one.name, href=f"#{one.entry.anchor}")
            rows.append([Cell(title), value, interval, n, run])
    return [Table("What its runs found", _COLUMNS, rows, ordered=True)] if rows else []


def of_tokenizers(seen: Sequence[Seen]) -> list[Table]:
    """What the runs of one tokenizer say of it. All runs of a group say the same: the first stands for them."""
    return _summary(seen, _OF_TOKENIZERS, once=True)


def of_models(seen: Sequence[Seen]) -> list[Table]:
    """What the runs of one model say of it."""
    return _summary(seen, _OF_MODELS, once=False)
