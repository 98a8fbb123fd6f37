"""What a tokenizer makes of the words, as metrics of a run that needs no model.

Over the whole list they are exact (:func:`list_metrics`); over the items of a run, bare and in the prompt that a model
reads, they have intervals (:func:`tokenizer_metrics`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokbench.errors import WordListError
from tokbench.results import Metric
from tokbench.stats import ratio_interval, wilson
from tokbench.suites.charbench._spans import why_not
from tokbench.suites.charbench.design import LENGTHS, Design
from tokbench.suites.charbench.words import WordList
from tokbench.tokenizers import Tokenizer

if TYPE_CHECKING:
    import polars as pl

__all__ = ["list_metrics", "tokenizer_metrics"]

_EXACT = {
    "words.tokens": ("tokens", "tokens/word"),
    "words.chars_per_token": ("chars_per_token", "characters/token, mean over words"),
    "words.ttl_first": ("ttl_first", "characters of the token of the first occurrence"),
    "words.ttl_last": ("ttl_last", "characters of the token of the last occurrence"),
    "words.single_token": ("single_token", "words that are one token / words"),
    "words.r_length_tokens": ("r_length_tokens", "Pearson r of length and tokens"),
    "words.r_length_ttl": ("r_length_ttl", "Pearson r of length and characters of the first token asked for"),
    "words.r_tokens_ttl": ("r_tokens_ttl", "Pearson r of tokens and characters of the first token asked for"),
}
"""For each metric the field of :class:`~.design.TokenizerStatistics` and its unit."""

_MEANS = {
    "items.tokens": ("n_tokens", "tokens/word"),
    "items.chars_per_token": ("cr_chars", "characters/token, mean over items"),
    "items.ttl": ("ttl_chars", "characters of the token of the gold index"),
}
_SHARES = {
    "items.single_token": ("single_token", "words that are one token / items"),
    "items.straddles": ("straddles_word_edge", "words with a token that reaches outside / items"),
}


def list_metrics(tokenizer: Tokenizer, words: WordList) -> list[Metric]:
    """Exact statistics of the bare words of a list, lengths weighing the same, positions of a word too.

    Args:
        tokenizer: The tokenizer.
        words: The list; lengths of the paper that it has no word of are left out.

    Returns:
        One metric each; without a value and with the reason where the tokenizer has no byte spans.
    """
    lengths = [length for length in LENGTHS if words.of_length(length)]
    count = sum(len(words.of_length(length)) for length in lengths)
    where = f"bare|{words.name}"
    reason = why_not(tokenizer) or ("" if lengths else "the list has no word of 4 to 10 characters")
    if not reason:
        try:
            found = Design(words, tokenizer, lengths).statistics()
        except WordListError as error:
            reason = str(error)
    if reason:
        return [
            Metric(metric=name, value=None, n=count, unit=unit, filter=where, method="exact", reason=reason)
            for name, (_, unit) in _EXACT.items()
        ]
    metrics = []
    for name, (field, unit) in _EXACT.items():
        value: float | None = getattr(found, field)
        why = "" if value is not None else "one of the two does not vary"
        metrics.append(
            Metric(metric=name, value=value, n=found.words, unit=unit, filter=where, method="exact", reason=why)
        )
    metrics += [
        Metric(metric="words.tokens", value=value, n=len(words.of_length(length)), unit="tokens/word",
               filter=f"{where}|L={length}", method="exact")
        for length, value in found.tokens_by_length.items()
    ]  # fmt: skip
    return metrics


# ---------------------------------------------------------------------- over the items of a run


def _mean(name: str, unit: str, where: str, values: list[float], words: list[str]) -> Metric:
    if len(set(words)) < 2:  # noqa: PLR2004 - a variance needs two
        return Metric(metric=name, value=None, n=len(values), unit=unit, filter=where, reason="fewer than two words")
    lo, hi = ratio_interval(values, [1.0] * len(values), words)
    return Metric(
        metric=name, value=sum(values) / len(values), k=sum(values), n=len(values), lo=lo, hi=hi, method="clustered",
        unit=unit, filter=where,
    )  # fmt: skip


def _share(name: str, unit: str, where: str, flags: pl.Series) -> Metric:
    k, n = int(flags.sum()), len(flags)
    lo, hi = wilson(k, n)
    return Metric(metric=name, value=k / n, k=k, n=n, lo=lo, hi=hi, method="wilson", unit=unit, filter=where)


def _cut_elsewhere(features: pl.DataFrame) -> pl.DataFrame:
    """For each item in both contexts whether its word is cut at other places in the prompt than alone.

    Places inside the word count: the space in front of it belongs to the first token of many vocabularies.
    """
    import polars as pl

    inner = pl.col("spans").list.eval(pl.element().list.get(0).filter(pl.element().list.get(0) > 0))
    cut = features.filter(pl.col("spans").is_not_null()).select("item_id", "context", inner.alias("cuts"))
    bare, prompt = (cut.filter(context=context).unique("item_id") for context in ("bare", "in_prompt"))
    both = bare.join(prompt, on="item_id", suffix="_prompt")
    return both.select("item_id", (pl.col("cuts") != pl.col("cuts_prompt")).alias("differs"))


def tokenizer_metrics(items: pl.DataFrame, features: pl.DataFrame) -> list[Metric]:
    """Statistics of the words of a run, for each context and task.

    Args:
        items: Items, as :func:`~.items.frame` makes them.
        features: Their features with one tokenizer, as :func:`~.features.features` makes them.

    Returns:
        Means with intervals clustered by word and shares with Wilson's; without a value and with the reason where no
        feature is known.
    """
    import polars as pl

    joined = features.join(items.select("item_id", "task", "word"), on="item_id", maintain_order="left")
    metrics = []
    for (context, task), part in joined.group_by("context", "task", maintain_order=True):
        where = f"{context}|{task}"
        known = part.filter(pl.col("n_tokens").is_not_null())
        if known.is_empty():
            why = str(part["reason"].drop_nulls().first())
            metrics += [
                Metric(metric=name, value=None, n=len(part), unit=unit, filter=where, reason=why)
                for name, (_, unit) in (_MEANS | _SHARES).items()
            ]
            continue
        for name, (column, unit) in _MEANS.items():
            rows = known.filter(pl.col(column).is_not_null())
            if rows.is_empty():  # the task has no gold index
                continue
            metrics.append(_mean(name, unit, where, rows[column].cast(pl.Float64).to_list(), rows["word"].to_list()))
        metrics += [
            _share(name, unit, where, known[column])
            for name, (column, unit) in _SHARES.items()
            if context != "bare" or column != "straddles_word_edge"  # nothing is outside a bare word
        ]
    differing = _cut_elsewhere(features)
    if not differing.is_empty():
        unit = "words cut in another way in the prompt than alone / items"
        metrics.append(_share("items.cut_elsewhere", unit, "in_prompt", differing["differs"]))
    return metrics
