"""What the answers of a model are worth, task by task, beside what trivial answers are worth.

Every item that was asked stays in every denominator, whether its request failed, its recording lacks it or its answer
cannot be read; items that were never asked are named as such and are in none. The column ``filter`` names the task,
``task/variant`` where it has several, and then a subset: ``find_last|rep=1``.

>>> from tokbench.suites.charbench.items import build_items, frame
>>> import polars as pl
>>> items = frame(build_items("smoke", tasks=("count_char",), lengths=(5,)))
>>> ones = items.select(
...     "item_id", prompt_id=pl.lit("plain"), model=pl.lit("one"), parsed=pl.lit("1"), status=pl.lit("strict"),
...     correct_strict=pl.col("answer") == "1", correct_lenient=pl.col("answer") == "1",
...     signed_error=1 - pl.col("answer").cast(int),
... )
>>> metrics(items, ones).filter(metric="charbench.corrected")["value"].to_list()
[0.0]
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal, get_args

from tokbench.errors import ItemError
from tokbench.results import Metric
from tokbench.stats import ratio_interval, wilson
from tokbench.suites.charbench._said import SUBSETS, Trivial, items_of, part_of, said, subsets, trivial
from tokbench.suites.charbench.baselines import Baselines, baselines, corrected, realised_baselines
from tokbench.suites.charbench.grading import Status
from tokbench.suites.charbench.items import items_sha256
from tokbench.suites.charbench.selection import PROFILES
from tokbench.suites.charbench.tasks import PAPER
from tokbench.suites.charbench.words import load_words

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LEADERBOARD_ITEMS", "RATES", "at_baseline", "metrics", "run_metrics"]

RATES = ("invalid", "truncated", "refused", "error", "missing")
"""Statuses whose share of the items is a metric."""

LEADERBOARD_ITEMS = "cb1083bb5ae0190e9e336072223566d8001416b0cc81e52d180c264b486ee4db"
"""SHA-256 of the items of the leaderboard: the tasks of the paper, ``balanced``, ``core``, seed 0, ``en-scowl-95``."""

_BUILTIN = "builtin:en-scowl-95"
_BOARD = {"gold": "balanced", "profile": "core", "prompt": "plain"}

_STATUSES: tuple[str, ...] = get_args(Status)
_FAILED = ("error", "missing")
_UNREAD = tuple(status for status in _STATUSES if status not in {"strict", "lenient", *_FAILED})

_READS = frozenset({"letter-best", "sibling"})
"""Trivial answers that a score is not called "at baseline" for: the one is fitted to the few items of a letter, the
other reads the characters (it answers the sister question)."""

_STANDARD_ERRORS = 2

_PERFECT = "the baseline is right on every item, so nothing can be above it"


# ---------------------------------------------------------------------- one score against its baselines


def at_baseline(accuracy: float, n: int, values: Mapping[str, float]) -> str | None:
    """Name of the trivial answer that a score is not told from; None if it stands apart from all.

    That is: within two standard errors, sqrt(b (1 - b) / n), of its share b of right items. Of several the nearest
    counts. Answers that are right on every item or on none are passed over, and those by letter and of the sister
    question.

    Args:
        accuracy: The score, 0 to 1.
        n: Items it is of.
        values: Share of right items by name.

    >>> at_baseline(0.24, 250, {"const": 0.2337, "uniform": 0.125})
    'const'
    """
    near = [
        (abs(accuracy - value), place, name)
        for place, (name, value) in enumerate(values.items())
        if name not in _READS
        and 0 < value < 1
        and abs(accuracy - value) <= _STANDARD_ERRORS * math.sqrt(value * (1 - value) / n)
    ]
    return min(near)[2] if near else None


def _share(metric: str, k: int, n: int, where: str, unit: str, *, unread: int = 0, failed: int = 0,
           direction: Literal["up", "down", "none"] = "none") -> Metric:  # fmt: skip
    lo, hi = wilson(k, n)
    return Metric(
        metric=f"charbench.{metric}", value=k / n, direction=direction, k=k, n=n, n_invalid=unread, n_failed=failed,
        lo=lo, hi=hi, method="wilson", unit=unit, filter=where,
    )  # fmt: skip


def _ends(row: Metric) -> tuple[float, float, float]:
    """Value and interval of a row that has them."""
    if row.value is None or row.lo is None or row.hi is None:
        msg = f"{row.metric} of {row.filter!r} has no value with an interval"
        raise AssertionError(msg)
    return row.value, row.lo, row.hi


def _mapped(metric: str, score: Metric, baseline: float, where: str, unit: str) -> Metric:
    """A score above its baseline, with the interval mapped in the same way."""
    value, lo, hi = (corrected(number, baseline) for number in _ends(score))
    return Metric(
        metric=f"charbench.{metric}", value=value, direction="up", n=score.n, n_invalid=score.n_invalid,
        n_failed=score.n_failed, lo=lo, hi=hi, method="wilson", unit=unit, filter=where,
        reason=_PERFECT if value is None else "",
    )  # fmt: skip


def _mean_of(metric: str, parts: Iterable[Metric], where: str, unit: str) -> Metric:
    """Mean of independent scores; the interval combines theirs by the method of variance estimates recovery.

    Source: G. Y. Zou and A. Donner, Statistics in Medicine 27 (2008), 1693-1702: the distance to each end is the root
    of the sum of the squared distances of the parts.
    """
    rows = list(parts)
    ends = [_ends(row) for row in rows]
    mean = math.fsum(value for value, _, _ in ends) / len(ends)
    below = math.sqrt(math.fsum((value - lo) ** 2 for value, lo, _ in ends)) / len(ends)
    above = math.sqrt(math.fsum((hi - value) ** 2 for value, _, hi in ends)) / len(ends)
    return Metric(
        metric=f"charbench.{metric}", value=mean, direction="up", n=sum(row.n for row in rows),
        n_invalid=sum(row.n_invalid for row in rows), n_failed=sum(row.n_failed for row in rows),
        lo=mean - below, hi=mean + above, method="wilson", unit=unit, filter=where,
    )  # fmt: skip


# ---------------------------------------------------------------------- counts


def _tally(table: pl.DataFrame, by: str) -> Iterator[tuple[str, dict[str, int]]]:
    """For each value of a column n, the right answers, and the answers of each status."""
    import polars as pl

    counts = table.group_by(by, maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("correct_strict").sum().alias("right strict"),
        pl.col("correct_lenient").sum().alias("right lenient"),
        *(pl.col("status").eq(status).sum().alias(status) for status in _STATUSES),
    )
    for row in counts.iter_rows(named=True):
        yield str(row.pop(by)), {name: int(number) for name, number in row.items()}


def _scores(counts: Mapping[str, int], where: str) -> list[Metric]:
    """Both readings of a set of answers. What only the lenient one can read is ``n_invalid`` of the strict one."""
    failed, unread = (sum(counts[status] for status in kind) for kind in (_FAILED, _UNREAD))
    return [
        _share(name, counts[f"right {name}"], counts["n"], where, "right answers / items", direction="up",
               failed=failed, unread=unread + (counts["lenient"] if name == "strict" else 0))
        for name in ("strict", "lenient")
    ]  # fmt: skip


def _bias(table: pl.DataFrame, where: str) -> Iterator[Metric]:
    """Mean of answer minus gold, over all answers that are numbers and over the wrong ones; clustered by word."""
    import polars as pl

    number = table["answer_type"][0] == "int"
    parsed = table.filter(pl.col("signed_error").is_not_null())
    wrong = parsed.filter(pl.col("signed_error") != 0)
    for metric, rows, what in (("bias", parsed, "answers read"), ("bias_wrong", wrong, "wrong answers read")):
        name, unit = f"charbench.{metric}", f"answer minus gold, mean over {what}"
        if not number or rows["word"].n_unique() < 2:  # noqa: PLR2004 - a variance needs two
            reason = f"{what}: of fewer than two words" if number else "the answers are no numbers"
            yield Metric(metric=name, value=None, n=len(rows), unit=unit, filter=where, reason=reason)
            continue
        errors = rows["signed_error"].cast(pl.Float64).to_list()
        lo, hi = ratio_interval(errors, [1.0] * len(errors), rows["word"].to_list())
        yield Metric(
            metric=name, value=math.fsum(errors) / len(errors), k=math.fsum(errors), n=len(errors), lo=lo, hi=hi,
            method="clustered", unit=unit, filter=where,
        )  # fmt: skip


# ---------------------------------------------------------------------- one task or variant


def _against(score: Metric, found: Trivial, where: str) -> Iterator[Metric]:
    """Trivial answers to a task, and the strict score above them."""
    unit = "expected over the words of the list" if found.exact else "right / items"
    for name, value in found.values.items():
        answer = found.answers.get(name)
        yield Metric(
            metric=f"charbench.baseline.{name}", value=value, n=found.n, method="exact" if found.exact else "count",
            unit=unit if answer is None else f"{unit}, always {answer!a}", filter=where,
        )  # fmt: skip
    yield _mapped("corrected", score, found.values["const"], where, "(score - const) / (1 - const)")
    yield _mapped("corrected_len", score, found.values["len-best"], where, "(score - len-best) / (1 - len-best)")
    near = at_baseline(_ends(score)[0], score.n, found.values)
    yield Metric(
        metric="charbench.at_baseline", value=float(near is not None), n=score.n, filter=where,
        unit=f"1: within {_STANDARD_ERRORS} standard errors of a trivial answer" + (f" ({near})" if near else ""),
    )  # fmt: skip


def _part(table: pl.DataFrame, where: str, found: Trivial, same: Mapping[str, int]) -> Iterator[Metric]:
    """All metrics of one task or variant but its subsets."""
    import polars as pl

    ((_, counts),) = _tally(table.with_columns(pl.lit(where).alias("part")), "part")
    scores = _scores(counts, where)
    yield from scores
    by_length = [_scores(each, where)[0] for _, each in _tally(table, "by_length")]
    yield _mean_of("macro", by_length, where, "mean of the strict scores of all lengths")
    for status in RATES:
        yield _share(status, counts[status], counts["n"], where, f"{status} / items", direction="down")
    yield from _against(scores[0], found, where)
    yield from _bias(table, where)
    for name, k in same.items():
        yield _share(f"says.{name}", k, counts["n"], where, "answers equal to it / items")


def _subsets(table: pl.DataFrame, where: str) -> Iterator[Metric]:
    """Both scores on the subsets of a task; a factor that has one value on all items makes none."""
    import polars as pl

    for factor in SUBSETS:
        column = f"by_{factor}"
        known = table.filter(pl.col(column).is_not_null())
        if len(known) == len(table) and known[column].n_unique() == 1 and factor != "length":
            continue
        for value, counts in sorted(_tally(known, column), key=lambda entry: (len(entry[0]), entry[0])):
            yield from _scores(counts, f"{where}|{factor}={value}")


def _not_run(table: pl.DataFrame, where: str, reasons: Mapping[str, str]) -> Metric:
    reason = next((reasons[item] for item in table["item_id"] if reasons.get(item)), "not asked")
    return Metric(
        metric="charbench.strict", value=None, direction="up", unit="right answers / items", filter=where,
        reason=reason if reason.startswith("not run") else f"not run: {reason}",
    )  # fmt: skip


def _task(
    table: pl.DataFrame, task: str, entries: Mapping[str, Baselines], reasons: Mapping[str, str]
) -> Iterator[Metric]:
    """Metrics of a task: of the whole, of its variants where it has several, of its subsets."""
    import polars as pl

    asked = table.filter(~pl.col("item_id").is_in(list(reasons))) if reasons else table
    yield _share("coverage", len(asked), len(table), task, "items asked / items")
    if asked.is_empty():
        yield _not_run(table, task, reasons)
        return
    answered = asked.filter(pl.col("parsed").is_not_null())
    parsed = dict(zip(answered["item_id"], answered["parsed"], strict=True))
    parts = {str(name): part for (name,), part in asked.group_by("variant", maintain_order=True)}
    same = {name: said(part, parsed, entries[name]) for name, part in parts.items()}
    everywhere = [name for name in next(iter(same.values())) if all(name in found for found in same.values())]
    yield from _part(
        asked, task,
        trivial({name: (entries[name], len(part)) for name, part in parts.items()}),
        {name: sum(found[name] for found in same.values()) for name in everywhere},
    )  # fmt: skip
    if len(parts) > 1:
        for name, part in parts.items():
            yield from _part(part, part_of(task, name), trivial({name: (entries[name], len(part))}), same[name])
    yield from _subsets(asked, task)


# ---------------------------------------------------------------------- the score of the leaderboard


def _profile(core: pl.DataFrame) -> str:
    most = max(core.group_by("task", "length").len()["len"].to_list())
    return next((name for name, count in PROFILES.items() if count == most), f"with {most} items a task and length")


def _why_no_score(core: pl.DataFrame, prompts: Iterable[str]) -> str:
    """Why a run has no score for the leaderboard, or nothing."""
    wanted = [task.id for task in PAPER]
    if lacking := [task for task in wanted if task not in set(core["task"])]:
        return f"needs all tasks of the paper: without {', '.join(lacking)}"
    found = {
        "gold": ", ".join(core["gold_profile"].unique().sort()), "profile": _profile(core),
        "prompt": ", ".join(sorted(set(prompts))),
    }  # fmt: skip
    for name, value in _BOARD.items():
        if found[name] != value:
            return f"needs {name} {value}, not {found[name]}"
    if items_sha256(sorted(items_of(core), key=lambda item: wanted.index(item.task))) != LEADERBOARD_ITEMS:
        return "needs the items of the leaderboard: these have other words or another seed"
    return ""


def _leaderboard(rows: Iterable[Metric], items: pl.DataFrame, prompts: Iterable[str]) -> Metric:
    unit = "mean of the corrected strict scores of the four tasks of the paper"
    wanted = [task.id for task in PAPER]
    reason = _why_no_score(items.filter(items["task"].is_in(wanted)), prompts)
    parts = [row for row in rows if row.metric == "charbench.corrected" and row.filter in wanted]
    if not reason and len(parts) < len(wanted):
        reason = "needs a corrected score of every task of the paper"
    if reason:
        return Metric(metric="charbench.score", value=None, direction="up", unit=unit, reason=reason)
    return _mean_of("score", parts, "", unit)


# ---------------------------------------------------------------------- all


def run_metrics(
    items: pl.DataFrame,
    predictions: pl.DataFrame,
    entries: Mapping[tuple[str, str], Baselines],
    not_run: Mapping[str, str] | None = None,
) -> list[Metric]:
    """All metrics of one model with one wording.

    Args:
        items: Items, as :func:`~.items.frame` makes them.
        predictions: Answers to them, as :func:`~.answers.prediction_frame` makes them, in any order; of several to one
            item the last counts. An item without one is missing: it stays in every denominator.
        entries: Trivial answers by task and variant.
        not_run: By name the items that were never asked, with the reason; they are in no denominator.

    Returns:
        The rows, tasks in the order of the items; the score of the leaderboard last.

    Raises:
        ItemError: If an answer is to an item that is not there.
    """
    import polars as pl

    strangers = predictions.join(items, on="item_id", how="anti")
    if len(strangers):
        raise ItemError(strangers["item_id"][0], "there is an answer to it, but it is not among the items")
    given = ("parsed", "status", "correct_strict", "correct_lenient", "signed_error")
    answers = predictions.select("item_id", *given).unique("item_id", keep="last", maintain_order=True)
    table = items
    for other in (subsets(items), answers):
        table = table.join(other, on="item_id", how="left", maintain_order="left")
    table = table.with_columns(
        pl.col("status").fill_null("missing"), pl.col("correct_strict", "correct_lenient").fill_null(value=False)
    )
    rows: list[Metric] = []
    for (task,), part in table.group_by("task", maintain_order=True):
        own = {variant: entry for (name, variant), entry in entries.items() if name == task}
        rows += _task(part, str(task), own, not_run or {})
    return [*rows, _leaderboard(rows, items, predictions["prompt_id"].unique().to_list())]


def _entries(items: pl.DataFrame) -> Mapping[tuple[str, str], Baselines]:
    """Trivial answers to items: exact ones for the paper's design on the built-in list, else shares of the items."""
    rows = list(items_of(items))
    designs = {(item.gold_profile, item.list_name, item.unit) for item in rows}
    if len(designs) == 1:
        ((gold, name, unit),) = designs
        if (gold, f"builtin:{name}") == ("natural", _BUILTIN):
            return baselines(rows, load_words(_BUILTIN, unit=unit), gold)
    return realised_baselines(rows)


def metrics(items: pl.DataFrame, predictions: pl.DataFrame) -> pl.DataFrame:
    """All metrics of one or several models, each with one or several wordings.

    Args:
        items: As in :func:`run_metrics`; all of them count for every model and wording.
        predictions: As there, of any models and wordings.

    Returns:
        One row a metric: model, prompt_id, and the fields of :class:`~tokbench.results.Metric`.

    Raises:
        ItemError: If an answer is to an item that is not there.
    """
    import polars as pl

    entries = _entries(items)
    numbers = dict.fromkeys(("value", "k", "lo", "hi"), pl.Float64)
    found = [pl.DataFrame(schema={"model": pl.String, "prompt_id": pl.String})]
    groups = predictions.sort("model", "prompt_id", maintain_order=True)
    for (model, prompt), part in groups.group_by("model", "prompt_id", maintain_order=True):
        rows = [asdict(row) for row in run_metrics(items, part, entries)]
        named = pl.DataFrame(rows, schema_overrides=numbers, infer_schema_length=None)
        found.append(named.select(pl.lit(model).alias("model"), pl.lit(prompt).alias("prompt_id"), pl.all()))
    return pl.concat(found[1:]) if len(found) > 1 else found[0]
