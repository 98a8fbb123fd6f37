"""Which property of an item goes together with being right: as the paper shows it, and what is left under controls.

:func:`analyse` takes the frames of one or several runs and returns frames. Correlations of single properties come first
because the paper has them; beside them stand the same inside lengths and given other properties, a regression, a
regression and a permutation test among items of equal length and equal gold answer, and the comparison of models. A
property or an outcome that does not vary has no correlation: the row is there, its ``r`` is null, and it says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from tokbench.errors import MissingExtraError, OptionError
from tokbench.stats import RESAMPLES
from tokbench.suites.charbench._analysis_group import (
    Group,
    Row,
    control_rows,
    correlation_rows,
    permutation_rows,
    regressions,
    term_rows,
)
from tokbench.suites.charbench._comparison import Difference, Overlap, difference, overlap
from tokbench.suites.charbench._observations import FEATURES, KEY, items_of, observations, with_tokenizer
from tokbench.suites.charbench._permutation import DEALS, benjamini_hochberg
from tokbench.suites.charbench._regression import HIGH_VIF
from tokbench.suites.charbench.pairs import pair_estimates
from tokbench.suites.charbench.published import published
from tokbench.suites.charbench.tasks import GROUPS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Analysis", "analyse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What was found, as frames.

    All begin with the columns model, tokenizer, gold_profile, prompt_id, rendering, task, variant, or with those of
    them that two models share.

    Attributes:
        table: The layout of the paper: WL, GT, GT/WL, NT, CR, TTL side by side in context ``bare``, ours
            (``source`` is ``ours``) and, where design, wording and grading are the paper's, its rows (``paper``).
        correlations: Pearson's ``r`` with ``lo``, ``hi`` by ``context`` and ``feature``; ``delta`` is the r in the
            prompt less that of the bare word.
        controls: ``method`` ``spearman``, ``within_WL``, ``given_WL`` or ``given_WL_GT``, in the context
            that the model reads.
        regression: Terms of the logistic regression.
        conditional: Terms of the regression among items of equal length and gold answer.
        permutation: Test among items of equal length and gold answer: ``p``, and ``p_adjusted`` for the rate of false
            discoveries over the models and features of a task.
        differences: Models compared item by item.
        overlap: How far two models fail on the same items.
        pairs: Estimates from pairs that differ in the cut of the word alone (group 6), see
            :func:`~.pairs.pair_estimates`.
        notes: What was not done and why, and what to be careful with.
    """

    table: pl.DataFrame
    correlations: pl.DataFrame
    controls: pl.DataFrame
    regression: pl.DataFrame
    conditional: pl.DataFrame
    permutation: pl.DataFrame
    differences: pl.DataFrame
    overlap: pl.DataFrame
    pairs: pl.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> Mapping[str, pl.DataFrame]:
        """All frames by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "notes"}


# ---------------------------------------------------------------------- over models


def _adjusted(rows: list[Row]) -> list[Row]:
    """P-values of a task adjusted over models and features."""
    tasks: dict[object, list[Row]] = {}
    for row in rows:
        tasks.setdefault(tuple(row[name] for name in KEY[2:]), []).append(row)
    for family in tasks.values():
        values: list[float | None] = [row["p"] for row in family]  # type: ignore[misc]
        for row, value in zip(family, benjamini_hochberg(values), strict=True):
            row["p_adjusted"] = value
    return rows


def _pairs(groups: Sequence[Group], resamples: int) -> Iterator[tuple[Row, Difference, Overlap]]:
    """Each two models on the items of a task that both were asked."""
    for one, other in combinations(groups, 2):
        if any(one.key[name] != other.key[name] for name in KEY[2:]):
            continue
        both = one.rows.select("item_id", "right").join(other.rows.select("item_id", "right"), on="item_id")
        if both.is_empty():
            continue
        first, second = both["right"].to_numpy() > 0, both["right_right"].to_numpy() > 0
        key: Row = {
            "first": one.key["model"], "second": other.key["model"], "first_tokenizer": one.key["tokenizer"],
            "second_tokenizer": other.key["tokenizer"], **{name: one.key[name] for name in KEY[2:]},
        }  # fmt: skip
        seed = (*one.label, *other.label)
        yield key, difference(first, second, key=seed, resamples=resamples), overlap(first, second)


def _pair_frame(
    items: pl.DataFrame, predictions: pl.DataFrame, features: pl.DataFrame, grading: Literal["strict", "lenient"]
) -> tuple[pl.DataFrame, list[str]]:
    """Estimates of the tasks of group 6, each model with the features of its own tokenizer; and what was not done."""
    import polars as pl

    chosen = items.filter(pl.col("task").is_in([task.id for task in GROUPS[6]]))
    asked = predictions.join(chosen, on="item_id", how="semi")
    known = items_of(chosen) if not asked.is_empty() else []
    found, notes = [], []
    for (tokenizer,), part in asked.group_by("tokenizer", maintain_order=True):
        own = features.filter(tokenizer=tokenizer)
        try:
            found.append(pair_estimates(known, part, own, reading=grading))
        except OptionError as error:
            notes.append(f"no estimates from pairs with {tokenizer}: {error}")
    return pl.concat(found) if found else pair_estimates([], predictions.head(0), features.head(0)), notes


# ---------------------------------------------------------------------- frames


def _frame(rows: Sequence[Row], own: Mapping[str, str], key: Sequence[str] = KEY) -> pl.DataFrame:
    """Rows as a frame; ``own`` names its columns after the key, each ``text``, ``number`` or ``count``."""
    import polars as pl

    types = {"text": pl.String(), "number": pl.Float64(), "count": pl.Int64()}
    schema = {**dict.fromkeys(key, types["text"]), **{name: types[kind] for name, kind in own.items()}}
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in schema}, schema=schema, strict=False
    ).with_columns(
        pl.col(name).replace("", None) if name == "reason" else pl.col(name).fill_nan(None)
        for name, kind in own.items()
        if name == "reason" or kind == "number"
    )


def _table(groups: Sequence[Group], correlations: pl.DataFrame, grading: str) -> pl.DataFrame:
    """The layout of the paper."""
    import polars as pl

    paper = published()
    bare = correlations.filter(context="bare")
    rows: list[Row] = []
    shown: set[tuple[str, str]] = set()
    for group in groups:
        key = group.key
        own = bare.filter(**key)
        values = dict(zip(own["feature"], own["r"], strict=True))
        rows.append({**key, "source": "ours", "n": len(group.rows), **values})
        same = key["gold_profile"] in {paper.gold, "rows"} and key["prompt_id"] == paper.prompt
        if same and grading == paper.grading and key["task"] in paper.correlations:
            shown.add((str(key["task"]), str(key["gold_profile"])))
    for task, gold in sorted(shown):
        rows += [
            {"model": model, "gold_profile": gold, "prompt_id": paper.prompt, "task": task, "source": "paper",
             "n": paper.n, **row}
            for model, row in paper.correlations[task].items()
        ]  # fmt: skip
    order = list(dict.fromkeys(str(group.key["task"]) for group in groups))
    made = _frame(rows, {"source": "text", "n": "count", **dict.fromkeys(FEATURES, "number")})
    return made.sort(pl.col("task").cast(pl.Enum(order)), maintain_order=True)


_INTERVAL = {"r": "number", "lo": "number", "hi": "number"}
_TERM = {
    "context": "text", "n": "count", "covariance": "text", "term": "text", "coefficient": "number", "lo": "number",
    "hi": "number", "p": "number", "vif": "number", "reason": "text",
}  # fmt: skip


def analyse(
    items: pl.DataFrame,
    predictions: pl.DataFrame,
    features: pl.DataFrame,
    *,
    grading: Literal["strict", "lenient"] = "strict",
    seed: int = 0,
    deals: int = DEALS,
    resamples: int = RESAMPLES,
) -> Analysis:
    """Analyse the answers of one or several models.

    Args:
        items: As :func:`~.items.frame` makes them.
        predictions: As :func:`~.answers.prediction_frame` makes them; a further column ``tokenizer`` says whose
            features belong to an answer, and may be absent where these are of one tokenizer.
        features: As :func:`~.features.features` makes them.
        grading: ``strict`` or ``lenient``.
        seed: Seed of deals and resamples.
        deals: Deals of the permutation test.
        resamples: Resamples of the difference of two models.

    Raises:
        MetricInputError: If the frames do not belong together.
        OptionError: If the grading does not exist, or it is not clear whose features belong to an answer.
    """
    whole = observations(items, predictions, features, grading)
    groups = [
        Group(dict(zip(KEY, key, strict=True)), rows, seed)
        for key, rows in whole.group_by(KEY, maintain_order=True)
    ]  # fmt: skip
    notes: list[str] = []
    regression: list[Row] = []
    conditional: list[Row] = []
    for group in groups:
        found, strict = regressions(group, items)
        conditional += term_rows(group, strict)
        if isinstance(found, MissingExtraError):
            notes.append(f"no logistic regression: {found}")
            continue
        regression += term_rows(group, found)
        high = [term.term for term in found.terms if term.vif is not None and term.vif > HIGH_VIF]
        if high:
            where = f"{group.key['model']}, {group.key['task']}"
            notes.append(
                f"{where}: {', '.join(high)} go together (VIF above {HIGH_VIF:g}): their coefficients are not apart"
            )
    correlations = _frame(
        [row for group in groups for row in correlation_rows(group)],
        {"context": "text", "feature": "text", "n": "count", **_INTERVAL, "delta": "number", "reason": "text"},
    )
    compared = list(_pairs(groups, resamples))
    estimates, missing = _pair_frame(items, with_tokenizer(predictions, features), features, grading)
    two = ("first", "second", "first_tokenizer", "second_tokenizer", *KEY[2:])
    return Analysis(
        table=_table(groups, correlations, grading),
        correlations=correlations,
        controls=_frame(
            [row for group in groups for row in control_rows(group)],
            {"context": "text", "method": "text", "feature": "text", "n": "count", **_INTERVAL, "reason": "text"},
        ),
        regression=_frame(regression, _TERM),
        conditional=_frame(conditional, _TERM),
        permutation=_frame(
            _adjusted([row for group in groups for row in permutation_rows(group, deals)]),
            {"context": "text", "feature": "text", "n": "count", "cells": "count", "r": "number", "p": "number",
             "p_adjusted": "number", "reason": "text"},
        ),
        differences=_frame(
            [{**key, **one._asdict(), "accuracy_first": one.first, "accuracy_second": one.second, **key}
             for key, one, _ in compared],
            {"n": "count", "accuracy_first": "number", "accuracy_second": "number", "difference": "number",
             "lo": "number", "hi": "number", "only_first": "count", "only_second": "count", "p": "number"}, two,
        ),
        overlap=_frame(
            [{**key, **one._asdict()} for key, _, one in compared],
            {"n": "count", "errors_first": "count", "errors_second": "count", "both": "count", "iou": "number",
             "independent": "number", "reason": "text"}, two,
        ),
        pairs=estimates,
        notes=tuple(dict.fromkeys([*notes, *missing])),
    )  # fmt: skip
