"""Items, answers and features joined: one row for each answer, with every property that the analysis looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from tokbench.errors import MetricInputError, OptionError
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.tasks import TASKS

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "CONTEXTS", "FEATURES", "KEY", "TOKEN_FEATURES", "feature", "guesses", "items_of", "observations", "with_tokenizer",
]  # fmt: skip

KEY = ("model", "tokenizer", "gold_profile", "prompt_id", "rendering", "task", "variant")
"""What makes a group of answers that are analysed together."""

CONTEXTS = ("bare", "in_prompt")

FEATURES = ("WL", "GT", "GT/WL", "NT", "CR", "TTL")
"""Properties of the paper."""

TOKEN_FEATURES = ("NT", "CR", "TTL", "dist_left", "dist_right", "target_tokens", "repeats")
"""Properties that a tokenizer decides."""

_COLUMNS: Mapping[str, str] = {
    "TTL": "ttl_chars", "dist_left": "dist_left", "dist_right": "dist_right", "target_tokens": "n_target_tokens",
    "repeats": "same_token_repeats",
}  # fmt: skip
"""Columns of features; NT and CR depend on the context."""

_ITEM = (
    "item_id", "gold_profile", "task", "variant", "word", "length", "level", "zipf", "case_form", "answer",
    "answer_type", "gold_index",
)  # fmt: skip


def _needs(frame: pl.DataFrame, what: str, columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise MetricInputError(what, None, f"columns are missing: {', '.join(missing)}")


def with_tokenizer(predictions: pl.DataFrame, features: pl.DataFrame) -> pl.DataFrame:
    """Predictions with the tokenizer whose features belong to them."""
    import polars as pl

    if "tokenizer" in predictions.columns:
        return predictions
    found = features["tokenizer"].unique(maintain_order=True).to_list()
    if len(found) > 1:
        raise OptionError("predictions", ", ".join(found), "a column tokenizer, as the features are of several")
    return predictions.with_columns(pl.lit(found[0] if found else None, dtype=pl.String).alias("tokenizer"))


def _own(features: pl.DataFrame, context: str, keys: Sequence[str]) -> pl.DataFrame:
    """The features of one context with their names in front of it."""
    import polars as pl

    tokens = pl.col("n_tokens_raw" if context == "bare" else "n_tokens")
    return (
        features.filter(context=context)
        .unique(list(keys), maintain_order=True)
        .select(
            *keys,
            tokens.cast(pl.Float64).alias(f"{context}|NT"),
            *(pl.col(column).cast(pl.Float64).alias(f"{context}|{name}") for name, column in _COLUMNS.items()),
            pl.col("reason").alias(f"{context}|reason"),
        )
    )


def observations(
    items: pl.DataFrame, predictions: pl.DataFrame, features: pl.DataFrame, grading: str = "strict"
) -> pl.DataFrame:
    """One row for each answer.

    Args:
        items: As :func:`~.items.frame` makes them.
        predictions: As :func:`~.answers.prediction_frame` makes them, of one or several models.
        features: As :func:`~.features.features` makes them, for both contexts; a context may be absent.
        grading: ``strict`` or ``lenient``.

    Returns:
        The columns of :data:`KEY`; ``item_id``, ``word``, ``length`` and others of the item; ``right`` (1.0 or 0.0;
        what failed is wrong, as in every score); ``gold`` (the answer, where it is a number); and for each context
        ``<context>|NT``, ``|CR``, ``|TTL`` and so on, with ``|reason``.

    Raises:
        MetricInputError: If a column is missing, an item is unknown, or one answer is there twice.
        OptionError: If the grading does not exist, or it is not clear whose features belong to an answer.
    """
    import polars as pl

    if grading not in {"strict", "lenient"}:
        raise OptionError("grading", grading, "strict or lenient")
    _needs(items, "items", _ITEM)
    _needs(predictions, "predictions", ("item_id", "prompt_id", "rendering", "model", f"correct_{grading}"))
    _needs(features, "features", ("item_id", "prompt_id", "rendering", "tokenizer", "context", *_COLUMNS.values()))
    answers = with_tokenizer(predictions, features).select(
        "model", "tokenizer", "prompt_id", "rendering", "item_id",
        pl.col(f"correct_{grading}").fill_null(value=False).cast(pl.Float64).alias("right"),
    )  # fmt: skip
    unknown = answers.join(items, on="item_id", how="anti")
    if not unknown.is_empty():
        raise MetricInputError("predictions", None, f"there is no item {unknown['item_id'][0]}")
    keys = ["model", "tokenizer", "prompt_id", "rendering", "item_id"]
    answers = answers.unique(maintain_order=True)
    twice = answers.filter(pl.struct(keys).is_duplicated())
    if not twice.is_empty():
        which = f"{twice['model'][0]} has two different answers to {twice['item_id'][0]}"
        raise MetricInputError("predictions", None, f"{which}: analyse the runs one by one")
    whole = answers.join(items.select(_ITEM).unique("item_id"), on="item_id", maintain_order="left").join(
        _own(features, "bare", ("item_id", "tokenizer")), on=["item_id", "tokenizer"], how="left", maintain_order="left"
    )
    placed = ("item_id", "tokenizer", "prompt_id", "rendering")
    whole = whole.join(_own(features, "in_prompt", placed), on=placed, how="left", maintain_order="left")
    number = pl.col("answer").cast(pl.Float64, strict=False)
    return whole.with_columns(
        pl.when(pl.col("answer_type") == "int").then(number).alias("gold"),
        *((pl.col("length") / pl.col(f"{context}|NT")).alias(f"{context}|CR") for context in CONTEXTS),
    )


def feature(name: str, context: str) -> pl.Expr:
    """A property as an expression over :func:`observations`."""
    import polars as pl

    own = {
        "WL": pl.col("length").cast(pl.Float64), "GT": pl.col("gold"), "GT/WL": pl.col("gold") / pl.col("length"),
    }  # fmt: skip
    return (own[name] if name in own else pl.col(f"{context}|{name}")).alias(name)


# ---------------------------------------------------------------------- trivial answers


def items_of(items: pl.DataFrame) -> list[Item]:
    """Inverse of :func:`~.items.frame`."""
    names = [field.name for field in fields(Item)]
    return [
        Item(
            **row
            | {
                "args": tuple(tuple(entry.split("=", 1)) for entry in row["args"] or ()),
                "choices": tuple(row["choices"] or ()),
            }
        )
        for row in items.select(names).iter_rows(named=True)
    ]


def guesses(items: pl.DataFrame) -> pl.DataFrame:
    """For each item which trivial answers happen to be right.

    Args:
        items: Items of one task and variant.

    Returns:
        ``item_id`` and one column of 0.0 and 1.0 for each: ``match:const`` (the commonest gold answer) and
        ``match:<heuristic>`` (:meth:`~.task.Task.heuristics`).
    """
    import polars as pl

    common = items.group_by("answer").len().sort("len", "answer", descending=[True, False])["answer"][0]
    rows: dict[str, list[float]] = {"match:const": [float(answer == common) for answer in items["answer"]]}
    for item in items_of(items):
        for name, answer in TASKS[item.task].heuristics(item).items():
            rows.setdefault(f"match:{name}", []).append(float(answer == item.answer))
    whole = {name: values for name, values in rows.items() if len(values) == len(items)}
    return pl.DataFrame({"item_id": items["item_id"], **whole})
