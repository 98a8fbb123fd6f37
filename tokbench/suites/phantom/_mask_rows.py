"""Metrics of the masking experiment: outcomes with and without the mask on the same targets, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tokbench.bytelevel import Lattice
from tokbench.results import Metric
from tokbench.stats import mcnemar_exact, ratio_interval, wilson
from tokbench.suites.phantom.masking import Mask, without
from tokbench.tokenizers import Tokenizer

__all__ = ["UNITS", "Pair", "control_metrics", "cost_metrics", "mask_metrics", "nothing", "pair_metrics", "share"]

UNITS: Mapping[str, str] = {
    "mask.size": "ids that are forbidden; k: cases they come from, of n targets of the dev half",
    "mask.capped": "share of the ids of the cases that the limit left out, the least frequent",
    "mask.status": "share of targets with this outcome",
    "mask.paper_rate": "share of targets that are unchanged, replaced or different: same word, other ids",
    "mask.strict_unexplained_rate": "share of the same: equal bytes, other ids, no reason in the context",
    "mask.kept_rate": "share of targets whose word was kept that came back under other ids",
    "mask.mcnemar_p": "two-sided p; k: different without the mask only, of n that only one way has",
    "mask.control": "share of targets that are different under random masks of equal size; range over n draws",
    "mask.control_matched": "occurrences in the baseline of the ids of the random masks, over those of the mask",
    "mask.change": "share of targets with the mask minus share without",
    "mask.collateral_change": "share of unmarked words that did not come back, with the mask minus without",
    "mask.words": "share of words of the list whose encoding behind a space holds a forbidden id",
    "mask.added_tokens": "tokens a word: fewest that are allowed, minus those of the tokenizer where it needs others",
    "mask.ambiguity": "bits: log2 of the segmentations of a space and a word, mean over words",
}
"""Every metric of the experiment with its unit."""

_SETTLED = frozenset({"UNCHANGED", "REPLACED", "DIFFERENT"})
_STATUSES = ("REPLACED", "UNCHANGED", "DIFFERENT", "LOST", "AMBIGUOUS", "INVALID")

Row = Mapping[str, object]
Test = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Pair:
    """A target without the mask and with it."""

    before: Row
    after: Row

    @property
    def word(self) -> str:
        """The target word: targets of one word are not independent."""
        return str(self.before["word"]).casefold()


def nothing(metric: str, name: str, reason: str) -> Metric:
    """A metric that has no value."""
    return Metric(metric=metric, value=None, unit=UNITS[metric], filter=name, reason=reason)


def share(metric: str, hits: Sequence[bool], clusters: Sequence[str], name: str) -> Metric:
    """A share with its interval, clustered; without any spread the clusters are the independent trials."""
    if not hits:
        return nothing(metric, name, "no such target")
    k, count = sum(hits), len(set(clusters))
    if count < 2 or k in {0, len(hits)}:  # noqa: PLR2004, a spread needs two
        (lo, hi), method = wilson(k / len(hits) * count, count), "wilson"
    else:
        (lo, hi), method = ratio_interval([float(hit) for hit in hits], [1.0] * len(hits), clusters), "clustered"
    return Metric(
        metric=metric, value=k / len(hits), k=k, n=len(hits), lo=max(0.0, lo), hi=min(1.0, hi),
        method=method, unit=UNITS[metric], filter=name,  # type: ignore[arg-type] # one of two
    )  # fmt: skip


def mask_metrics(name: str, mask: Mask, targets: int) -> list[Metric]:
    """How many ids a mask has, and how many a limit left out; no value where there is nothing to mask."""
    unit = UNITS["mask.size"]
    if mask.problem:
        size = Metric(metric="mask.size", value=None, k=mask.cases, n=targets, unit=unit, filter=name,
                      reason=mask.problem)  # fmt: skip
        return [size, nothing("mask.capped", name, mask.problem)]
    whole = len(mask.ids) + mask.capped
    return [
        Metric(metric="mask.size", value=len(mask.ids), k=mask.cases, n=targets, unit=unit, filter=name),
        Metric(metric="mask.capped", value=mask.capped / whole, k=mask.capped, n=whole, unit=UNITS["mask.capped"],
               filter=name),
    ]  # fmt: skip


# ---------------------------------------------------------------------- outcomes


def _is(status: str) -> Test:
    return lambda row: row["status"] == status


_RATES: Mapping[str, tuple[Test, Test]] = {
    "mask.paper_rate": (
        lambda row: row["status"] in _SETTLED,
        lambda row: row["status"] == "DIFFERENT" and bool(row.get("nu1_equal")),
    ),
    "mask.strict_unexplained_rate": (
        lambda row: row["status"] in _SETTLED,
        lambda row: row["status"] == "DIFFERENT" and bool(row.get("strict")) and row.get("context_explained") is False,
    ),
    "mask.kept_rate": (lambda row: row["status"] in {"UNCHANGED", "DIFFERENT"}, _is("DIFFERENT")),
}
"""Over which targets a rate stands, and which of them count."""


def pair_metrics(pairs: Sequence[Pair], name: str) -> Iterator[Metric]:
    """Outcomes of the same targets without and with a mask, tested against each other, and what else changed."""
    words = [pair.word for pair in pairs]
    sides: Mapping[str, Sequence[Row]] = {
        "baseline": [pair.before for pair in pairs],
        "masked": [pair.after for pair in pairs],
    }
    for side, rows in sides.items():
        for status in _STATUSES:
            hits = [row["status"] == status for row in rows]
            yield share("mask.status", hits, words, f"{name}|{side}|{status}")
        for metric, (over, test) in _RATES.items():
            chosen = [(test(row), word) for row, word in zip(rows, words, strict=True) if over(row)]
            yield share(metric, [hit for hit, _ in chosen], [word for _, word in chosen], f"{name}|{side}")
    yield _mcnemar(pairs, name)
    for status in ("REPLACED", "LOST", "UNCHANGED"):
        changes = [float(_is(status)(pair.after)) - float(_is(status)(pair.before)) for pair in pairs]
        yield _change("mask.change", changes, [1.0] * len(changes), words, f"{name}|{status}")
    yield _collateral(pairs, name)


def _mcnemar(pairs: Sequence[Pair], name: str) -> Metric:
    if not pairs:
        return nothing("mask.mcnemar_p", name, "no such target")
    different = [(_is("DIFFERENT")(pair.before), _is("DIFFERENT")(pair.after)) for pair in pairs]
    only_before = sum(one and not two for one, two in different)
    only_after = sum(two and not one for one, two in different)
    return Metric(
        metric="mask.mcnemar_p", value=mcnemar_exact(only_before, only_after), k=only_before,
        n=only_before + only_after, method="exact", unit=UNITS["mask.mcnemar_p"], filter=name,
    )  # fmt: skip


def _change(metric: str, above: Sequence[float], below: Sequence[float], clusters: Sequence[str], name: str) -> Metric:
    if not sum(below):
        return nothing(metric, name, "no such target")
    lo = hi = None
    if len(set(clusters)) > 1:
        lo, hi = ratio_interval(above, below, clusters)
    return Metric(
        metric=metric, value=sum(above) / sum(below), k=sum(above), n=round(sum(below)), lo=lo, hi=hi,
        method="clustered", unit=UNITS[metric], filter=name,
    )  # fmt: skip


def _number(row: Row, name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _collateral(pairs: Sequence[Pair], name: str) -> Metric:
    """Damage to unmarked words, where something came back both times."""
    both = [pair for pair in pairs if {pair.before["status"], pair.after["status"]} <= _SETTLED]
    return _change(
        "mask.collateral_change",
        [_number(pair.after, "collateral") - _number(pair.before, "collateral") for pair in both],
        [_number(pair.before, "words") for pair in both], [pair.word for pair in both], name,
    )  # fmt: skip


def control_metrics(draws: Sequence[Sequence[Row]], ratios: Sequence[float], name: str) -> list[Metric]:
    """The share of ``DIFFERENT`` under random masks: mean, least and most over the draws.

    Args:
        draws: The targets under each random mask.
        ratios: Occurrences of each mask's ids in the baseline over those of the mask that it stands for.
        name: The subset.
    """
    rates = [sum(_is("DIFFERENT")(row) for row in rows) / len(rows) for rows in draws if rows]
    if not rates:
        return [nothing("mask.control", f"{name}|mean", "no other ids occur in the baseline")]
    of = {"mean": sum(rates) / len(rates), "least": min(rates), "most": max(rates)}
    found = [
        Metric(metric="mask.control", value=value, n=len(rates), unit=UNITS["mask.control"], filter=f"{name}|{which}")
        for which, value in of.items()
    ]
    unit = UNITS["mask.control_matched"]
    matched = sum(ratios) / len(ratios)
    return [*found, Metric(metric="mask.control_matched", value=matched, n=len(ratios), unit=unit, filter=name)]


# ---------------------------------------------------------------------- costs


def cost_metrics(
    mask: Mask, tokenizer: Tokenizer, listed: Sequence[str], sample: Sequence[str], name: str
) -> Iterator[Metric]:
    """What a mask takes from the tokenizer: words that need other ids, more tokens, fewer ways to write a word.

    Args:
        mask: The mask.
        tokenizer: The tokenizer.
        listed: Words of the list.
        sample: Words whose segmentations are counted.
        name: Name of the mask.
    """
    gone = frozenset(mask.ids)
    spaced = [word if tokenizer.info.prefix else f" {word}" for word in listed]
    hit = [not gone.isdisjoint(ids) for ids in tokenizer.encode_batch(spaced)]
    k = sum(hit)
    yield Metric(metric="mask.words", value=k / len(hit), k=k, n=len(hit), unit=UNITS["mask.words"], filter=name)
    allowed = without(tokenizer.byte_vocabulary(), mask.ids)
    added, before, after = [], [], []
    for word in sample:
        whole = Lattice.of(tokenizer, word if tokenizer.info.prefix else f" {word}")
        left = Lattice(allowed, whole.data)
        own = whole.canonical
        added.append(float(len(left.fewest()) - len(own)) if gone & set(own) else 0.0)
        before.append(math.log2(whole.count()))
        after.append(math.log2(left.count()))
    for metric, values, which in (
        ("mask.added_tokens", added, name),
        ("mask.ambiguity", before, f"{name}|before"),
        ("mask.ambiguity", after, f"{name}|after"),
    ):
        lo = hi = None
        if len(values) > 1:
            lo, hi = ratio_interval(values, [1.0] * len(values))
        yield Metric(metric=metric, value=sum(values) / len(values), n=len(values), lo=lo, hi=hi, method="clustered",
                     unit=UNITS[metric], filter=which)  # fmt: skip
