"""The numbers of a run with replies: accuracy by stratum, labels, paired tests, and what the errors look like.

The interval of a share is Wilson's. Replies that are invalid and questions to which nothing came back stay in the
denominator; the shares over valid replies stand apart (``.valid``), because leaving them out inflates a number.

``value`` counts right values, ``value_format`` right values that are written as asked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tokbench.results import Metric
from tokbench.stats import wilson
from tokbench.suites.arithmetic.grading import FAILED
from tokbench.suites.arithmetic.labels import LABELS, base_label
from tokbench.suites.arithmetic.parsing import Parser
from tokbench.suites.arithmetic.rows import Row

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = ["accuracy_metrics", "by_group", "label_metrics", "lengths_name", "run_metrics", "share", "strata"]

Test = Callable[[Row], bool]


def by_group(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Replies by the name of their condition, names in order, so that the order of the rows does not show."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.group.name].append(row)
    return dict(sorted(found.items()))


def lengths_name(row: Row) -> str:
    """The lengths of the operands and of the answer: ``7+8=9`` for a sum of seven and eight digits that has nine."""
    first, second, answer = row.problem.lengths
    return f"{first}{row.problem.op}{second}={answer}"


def share(metric: str, subset: str, k: int, n: int, rows: Sequence[Row], parser: Parser) -> Metric:
    """A share with Wilson's interval; without a value where nothing is counted."""
    invalid = sum(row.graded.label_by(parser) == "invalid" for row in rows)
    failed = sum(row.graded.failed for row in rows)
    if not n:
        return Metric(
            metric=metric, value=None, direction="up", n=0, n_invalid=invalid, n_failed=failed, filter=subset,
            reason="no reply is counted here",
        )  # fmt: skip
    lo, hi = wilson(k, n)
    return Metric(
        metric=metric, value=k / n, direction="up", k=k, n=n, n_invalid=invalid, n_failed=failed, lo=lo, hi=hi,
        method="wilson", unit="share of replies", filter=subset,
    )  # fmt: skip


# ---------------------------------------------------------------------- strata

_TRIBOOL = {True: "yes", False: "no", None: "undefined"}


def strata(row: Row) -> Iterator[tuple[str, bool]]:
    """Strata of a reply, and whether the full set of accuracies is given there or only the first one."""
    problem = row.problem
    first, second, _ = problem.lengths
    equal = f"operands={'equal' if first == second else 'unequal'}"
    match = f"length={'match' if problem.length_match else 'mismatch'}"
    aligned = f"aligned={_TRIBOOL[row.graded.segmentation.aligned]}"
    yield "", True
    yield equal, True
    yield match, True
    yield f"{equal},{match}", False
    yield aligned, True
    yield f"{match},{aligned}", False
    yield f"lengths={lengths_name(row)}", False
    if problem.op != "x":
        yield f"carries={problem.carries}", False
        yield f"{match},carries={problem.carries}", False
        yield f"boundary_carries={row.graded.boundary_carries}", False


def _subset(group: str, stratum: str) -> str:
    return f"{group}|{stratum}" if stratum else group


def _sort_key(stratum: str) -> tuple[object, ...]:
    """Numbers inside of names in their own order."""
    parts = stratum.replace("=", ",").replace("+", ",").split(",")
    return (stratum != "", *((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts))


def accuracy_metrics(rows: Sequence[Row], parser: Parser) -> list[Metric]:
    """Accuracy by condition and stratum: of the value, and of value and format, over all and over valid replies."""
    found: list[Metric] = []
    for group, members in by_group(rows).items():
        cells: dict[str, list[Row]] = defaultdict(list)
        full: dict[str, bool] = {}
        for row in members:
            for stratum, whole in strata(row):
                cells[stratum].append(row)
                full[stratum] = whole
        for stratum in sorted(cells, key=_sort_key):
            found += _accuracies(cells[stratum], _subset(group, stratum), parser, full=full[stratum])
        found += _rates(members, group)
    return found


def _accuracies(rows: Sequence[Row], subset: str, parser: Parser, *, full: bool) -> Iterator[Metric]:
    right = sum(row.graded.right(parser) for row in rows)
    yield share("value", subset, right, len(rows), rows, parser)
    if not full:
        return
    valid = sum(row.graded.valid(parser) for row in rows)
    formed = sum(row.graded.label_by(parser) == "correct" for row in rows)
    yield share("value.valid", subset, right, valid, rows, parser)
    yield share("value_format", subset, formed, len(rows), rows, parser)
    yield share("value_format.valid", subset, formed, valid, rows, parser)


def _rates(rows: Sequence[Row], group: str) -> Iterator[Metric]:
    """How the replies are written, and what each reading makes of them."""
    n = len(rows)
    tests: dict[str, Test] = {
        "value.parity": lambda row: row.graded.right("parity"),
        "value.strict": lambda row: row.graded.right("strict"),
        "valid.parity": lambda row: row.graded.valid("parity"),
        "valid.strict": lambda row: row.graded.valid("strict"),
        "format_ok": lambda row: row.graded.reading.format_ok,
        "extraneous": lambda row: row.graded.reading.extraneous,
    }
    for name, test in tests.items():
        yield share(name, group, sum(map(test, rows)), n, rows, "strict" if name.endswith("strict") else "parity")
    repeats = [row for row in rows if row.graded.reading.mode == "repeat"]
    for name in ("repeat_copy_ok", "repeat_format_ok") if repeats else ():
        k = sum(bool(getattr(row.graded.reading, name)) for row in repeats)
        yield share(name, group, k, len(repeats), repeats, "parity")
    known = [row for row in rows if row.graded.truncated is not None]
    if known:
        yield share("truncated", group, sum(bool(row.graded.truncated) for row in known), len(known), known, "parity")


# ---------------------------------------------------------------------- labels

_ORDER = {label: place for place, label in enumerate((FAILED, *LABELS))}


def _label_key(label: str) -> tuple[int, str]:
    return _ORDER.get(base_label(label), len(_ORDER)), label


def label_metrics(rows: Sequence[Row], parser: Parser) -> list[Metric]:
    """Exclusive labels and all conditions that hold, by condition, alone and by length match."""
    found: list[Metric] = []
    for group, members in by_group(rows).items():
        halves = {
            "": members,
            "length=match": [row for row in members if row.problem.length_match],
            "length=mismatch": [row for row in members if not row.problem.length_match],
        }
        for stratum, part in halves.items():
            subset = _subset(group, stratum)
            labels = Counter(row.graded.label_by(parser) for row in part)
            flags = Counter(flag for row in part for flag in row.graded.flags)
            for prefix, counts in (("label", labels), ("flag", flags)):
                found += [
                    share(f"{prefix}.{name}", subset, counts[name], len(part), part, parser)
                    for name in sorted(counts, key=_label_key)
                ]
    return found


# ---------------------------------------------------------------------- all of them


def run_metrics(
    rows: Sequence[Row], *, parser: Parser = "parity", tokenizer: Tokenizer | None = None
) -> list[Metric]:  # fmt: skip
    """All metrics of graded replies, named ``arithmetic.…``. Pure: the order of the rows changes nothing.

    Args:
        rows: Graded replies, recorded or fresh.
        parser: The reading that right and wrong go by.
        tokenizer: For the ranks of tokens; None leaves them out.
    """
    from tokbench.suites.arithmetic import analysis, paired, token_effects

    found = [
        *accuracy_metrics(rows, parser),
        *label_metrics(rows, parser),
        *paired.gap_metrics(rows, parser),
        *paired.twin_metrics(rows, parser),
        *analysis.position_metrics(rows),
        *analysis.off_by_one_metrics(rows, parser),
        *analysis.guess_metrics(rows),
        *analysis.predictor_metrics(rows, parser),
        *token_effects.logprob_metrics(rows, parser),
        *token_effects.truth_rank_metrics(rows),
        *token_effects.logprob_gap_metrics(rows, parser),
        *token_effects.frequency_metrics(rows, tokenizer),
    ]
    return [replace(metric, metric=f"arithmetic.{metric.metric}") for metric in found]
