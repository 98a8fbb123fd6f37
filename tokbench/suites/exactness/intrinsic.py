"""Rows of the intrinsic metrics; the formulas are in :mod:`tokbench.suites.exactness.metrics`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from tokbench.results import Metric
from tokbench.suites.definition import MetricSettings
from tokbench.suites.exactness.metrics import (
    Estimate,
    LineCounts,
    Measured,
    aligned,
    frequencies,
    gini,
    macro,
    micro,
    renyi_entropy,
    utilisation,
)
from tokbench.suites.exactness.segmenters import segmenter
from tokbench.suites.part import PartResult
from tokbench.tokenizers.protocol import Tokenizer

__all__ = ["cost_rows", "distribution_rows", "gini_row", "nsl_rows", "premium_rows", "text_rows"]

_Z = 1.959963984540054  # 97.5 % quantile of the normal law

Direction = Literal["up", "down", "none"]
Pick = Callable[[LineCounts], int | None]


def _row(name: str, estimate: Estimate | None, *, unit: str, where: str, direction: Direction, reason: str) -> Metric:
    if estimate is None:
        return Metric(metric=name, value=None, direction=direction, unit=unit, filter=where, reason=reason)
    return Metric(
        metric=name,
        value=estimate.value,
        direction=direction,
        k=estimate.k,
        n=estimate.n,
        lo=estimate.lo,
        hi=estimate.hi,
        method="count" if estimate.lo is None else "clustered",
        unit=unit,
        filter=where,
    )


def _ratio_rows(
    name: str,
    numerators: Sequence[float],
    denominators: Sequence[float],
    *,
    unit: str,
    direction: Direction,
    micro_filter: str,
    macro_filter: str,
) -> list[Metric]:
    reason = "the denominator is zero"
    return [
        _row(name, micro(numerators, denominators), unit=unit, where=micro_filter, direction=direction, reason=reason),
        _row(name, macro(numerators, denominators), unit=unit, where=macro_filter, direction=direction, reason=reason),
    ]


def _tokens(measured: Measured) -> list[int]:
    return [counts.tokens for counts in measured.lines]


def text_rows(measured: Measured) -> list[Metric]:
    """Fertility, STRR, bytes and characters per token, split characters and partial tokens of one text.

    Each is given micro (filter ``<text>|micro``) and macro over lines (``<text>|macro``), with 95 % intervals
    clustered by line.
    """
    text = measured.text
    words = f"words ({'no segmenter' if text.segmenter is None else segmenter(text.segmenter).unit})"
    no_words = "no segmenter is named for this text" if text.segmenter is None else ""
    table: tuple[tuple[str, Pick, Pick, str, Direction, str], ...] = (
        ("fertility", lambda c: c.word_tokens, lambda c: c.words, f"tokens on words / {words}", "down",
         no_words or measured.no_spans),
        ("strr", lambda c: c.single_words, lambda c: c.words, f"words of exactly one token / {words}", "up",
         no_words or measured.no_spans),
        ("bytes-per-token", lambda c: c.bytes, lambda c: c.tokens, "bytes of UTF-8 / tokens", "up", ""),
        ("chars-per-token", lambda c: c.characters, lambda c: c.tokens, "code points / tokens", "up", ""),
        ("split-characters", lambda c: c.split_characters, lambda c: c.characters,
         "characters in more than one token / characters", "down", measured.no_spans),
        ("partial-tokens", lambda c: c.partial_tokens, lambda c: c.tokens,
         "tokens that are not valid UTF-8 alone / tokens", "down", ""),
    )  # fmt: skip
    rows = []
    for name, top, bottom, unit, direction, reason in table:
        filters = (f"{text.name}|micro", f"{text.name}|macro")
        if reason:
            rows += [_row(name, None, unit=unit, where=one, direction=direction, reason=reason) for one in filters]
            continue
        rows += _ratio_rows(
            name,
            [top(counts) or 0 for counts in measured.lines],
            [bottom(counts) or 0 for counts in measured.lines],
            unit=unit,
            direction=direction,
            micro_filter=filters[0],
            macro_filter=filters[1],
        )
    return rows


def premium_rows(measured: Measured, reference: Measured) -> list[Metric]:
    """``parity-premium``: tokens of a text over tokens of the parallel reference text, lines as units.

    Filter ``<text>/<reference>`` for the ratio of sums, ``<text>/<reference>|macro`` for the mean over lines.

    Raises:
        MetricInputError: If the texts do not have the same number of lines.
    """
    aligned(measured, reference)
    pair = f"{measured.text.name}/{reference.text.name}"
    return _ratio_rows(
        "parity-premium",
        _tokens(measured),
        _tokens(reference),
        unit=f"tokens ({measured.text.name}) / tokens ({reference.text.name}), parallel lines",
        direction="down",
        micro_filter=pair,
        macro_filter=f"{pair}|macro",
    )


def nsl_rows(measured: Measured, reference: Measured, slug: str) -> list[Metric]:
    """``nsl``: tokens over the tokens of a reference tokenizer on the same text.

    Args:
        measured: The text under the tokenizer.
        reference: The same text under the reference tokenizer.
        slug: Slug of the reference tokenizer.

    Raises:
        MetricInputError: If the texts do not have the same number of lines.
    """
    aligned(measured, reference)
    return _ratio_rows(
        "nsl",
        _tokens(measured),
        _tokens(reference),
        unit=f"tokens / tokens of {slug}",
        direction="down",
        micro_filter=f"{measured.text.name}|{slug}|micro",
        macro_filter=f"{measured.text.name}|{slug}|macro",
    )


def gini_row(parallel: Sequence[Measured]) -> Metric:
    """``gini`` over the mean tokens per parallel line of each text, with a jackknife interval over lines.

    Raises:
        MetricInputError: If the texts do not have the same number of lines.
    """
    unit = "Gini coefficient of tokens per parallel line, by text"
    if len(parallel) < 2:  # noqa: PLR2004, inequality needs two
        return Metric(metric="gini", value=None, direction="down", n=len(parallel), unit=unit, filter="parallel",
                      reason="fewer than two parallel texts")  # fmt: skip
    for one in parallel[1:]:
        aligned(one, parallel[0])
    columns = [_tokens(one) for one in parallel]
    sums = [sum(column) for column in columns]
    value = gini(sums)
    lines = len(columns[0])
    lo = hi = None
    if value is not None and lines > 1:
        left_out = [
            gini([total - column[line] for total, column in zip(sums, columns, strict=True)]) or 0.0
            for line in range(lines)
        ]
        mean = math.fsum(left_out) / lines
        half = _Z * math.sqrt((lines - 1) / lines * math.fsum((one - mean) ** 2 for one in left_out))
        lo, hi = max(value - half, 0.0), min(value + half, 1.0)
    return Metric(
        metric="gini",
        value=value,
        direction="down",
        n=len(parallel),
        lo=lo,
        hi=hi,
        method="count" if lo is None else "clustered",
        unit=unit,
        filter="parallel",
        reason="" if value is not None else "no text has a token",
    )


def distribution_rows(tokenizer: Tokenizer, measured: Sequence[Measured], settings: MetricSettings) -> list[Metric]:
    """Rényi efficiency and vocabulary utilisation over all texts together.

    Rényi rows have filters ``all|alpha=<a>|V=observed`` and ``|V=full``: the entropy in bits is ``k`` and V is ``n``.
    Utilisation rows have filters ``all|N=<tokens>`` and are taken over exactly that many tokens.
    """
    counter = frequencies(measured)
    rows = []
    for order in settings.renyi_orders:
        for label, size in (("observed", len(counter)), ("full", tokenizer.info.n_ids)):
            entropy = renyi_entropy(counter.values(), order) if counter else None
            usable = entropy is not None and size > 1
            rows.append(
                Metric(
                    metric="renyi",
                    value=entropy / math.log2(size) if entropy is not None and usable else None,
                    k=entropy,
                    n=size,
                    unit=f"H_{order:g} in bits / log2 V, V = {label} vocabulary",
                    filter=f"all|alpha={order:g}|V={label}",
                    reason="" if usable else "fewer than two types",
                )
            )
    ids = [token_id for one in measured for token_id in one.ids]
    for tokens in settings.utilisation_tokens:
        types = utilisation(ids, tokens)
        rows.append(
            Metric(
                metric="utilisation",
                value=None if types is None else types / tokenizer.info.n_ids,
                k=types,
                n=tokenizer.info.n_ids,
                unit=f"types among the first {tokens} tokens / ids",
                filter=f"all|N={tokens}",
                reason="" if types is not None else f"the texts have {len(ids)} tokens only",
            )
        )
    return rows


def cost_rows(
    tokenizer: Tokenizer,
    measured: Sequence[Measured],
    settings: MetricSettings,
    *,
    reference: Sequence[Measured] = (),
    reference_slug: str = "",
) -> PartResult:
    """All rows of the intrinsic metrics.

    Args:
        tokenizer: The tokenizer.
        measured: Its counts on each text; the first parallel text is the reference of ``parity-premium``.
        settings: Orders and sizes.
        reference: Counts of a reference tokenizer on the same texts in the same order, for ``nsl``.
        reference_slug: Slug of that tokenizer.

    Raises:
        MetricInputError: If parallel texts are not aligned.
    """
    rows = [row for one in measured for row in text_rows(one)]
    parallel = [one for one in measured if one.text.parallel]
    for one in parallel[1:]:
        rows += premium_rows(one, parallel[0])
    if parallel:
        rows.append(gini_row(parallel))
    if reference:
        for one, other in zip(measured, reference, strict=True):
            rows += nsl_rows(one, other, reference_slug)
    rows += distribution_rows(tokenizer, measured, settings)
    return PartResult([], rows)
