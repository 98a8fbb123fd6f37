"""Metrics of the model side: means by class of cut, with intervals clustered by text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tokbench.results import Metric, Sample
from tokbench.stats import mcnemar_exact, ratio_interval, wilson
from tokbench.suites.exactness.cuts import KINDS, LABELS

__all__ = ["UNITS", "bias_metrics"]

UNITS = {
    "bias.tv": "total variation of the next byte, naive against exact",
    "bias.kl": "bits of the next byte, KL(exact || naive)",
    "bias.impossible_truth": "share of cuts whose true next byte has probability 0, naive",
    "healing.tv": "total variation of the next byte, token healing against exact",
    "healing.kl": "bits of the next byte, KL(exact || healed)",
    "healing.impossible_truth": "share of cuts whose true next byte has probability 0, healed",
    "gap.context": "total variation of the next byte, CANONICAL_CONTEXT against CANONICAL",
    "leak.canonical": "share of W(prefix) that leaks under CANONICAL",
    "noncanonical.prefix": "1 - W_CANONICAL / W_ALL of a beginning of at most 12 bytes",
    "noncanonical.text": "1 - P(canonical ids, END) / W_ALL(text, END), at most 12 bytes",
    "lm_eval.error": "nats an item, lm-eval's cut minus exact",
    "lm_eval.empty": "share of continuations without a token",
    "lm_eval.changed": "share of questions whose answer changes",
    "cut.exact_spread": "nats, largest minus smallest log P(text) over cuts, exact",
    "cut.lm_eval_spread": "nats, largest minus smallest log P(text) over cuts, as lm-eval scores",
}
"""Every metric of the model side, with its unit."""

_SHARES = frozenset({"bias.impossible_truth", "healing.impossible_truth", "lm_eval.empty", "lm_eval.changed"})

_BOUNDED = _SHARES | {
    "bias.tv", "healing.tv", "gap.context", "leak.canonical", "noncanonical.prefix", "noncanonical.text",
}  # fmt: skip
_SIGNED = frozenset({"lm_eval.error"})


def _mean(metric: str, rows: Sequence[Sample], name: str) -> Metric:
    scored = [row for row in rows if row.score is not None]
    invalid = sum(row.outcome == "invalid" for row in rows)
    failed = sum(row.outcome == "failed" for row in rows)
    skipped = sum(row.outcome == "skipped" for row in rows)
    common = {
        "metric": metric, "direction": "none" if metric.startswith(("gap", "leak", "noncanonical")) else "down",
        "n": len(rows) - skipped, "n_invalid": invalid, "n_failed": failed, "unit": UNITS[metric], "filter": name,
    }  # fmt: skip
    if not scored:
        reason = next((row.message for row in rows if row.message), "no such cut")
        return Metric(value=None, reason=reason, **common)  # type: ignore[arg-type]
    values = [float(row.score or 0.0) for row in scored]
    value = sum(values) / len(values)
    clusters = len({row.cluster for row in scored})
    lo = hi = None
    method = "clustered"
    if metric in _SHARES and len(set(values)) == 1:
        # no spread to estimate from: the texts are the independent trials
        lo, hi = wilson(values[0] * clusters, clusters)
        method = "wilson"
    elif clusters > 1:
        lo, hi = ratio_interval(values, [1.0] * len(values), [row.cluster for row in scored])
        lo = lo if metric in _SIGNED else max(0.0, lo)
        hi = min(1.0, hi) if metric in _BOUNDED else hi
    k = sum(values) if metric in _SHARES else None
    return Metric(value=value, k=k, lo=lo, hi=hi, method=method, **common)  # type: ignore[arg-type]


def bias_metrics(samples: Iterable[Sample]) -> list[Metric]:
    """Means over all items and over each class of cut; every metric is there, with a reason where it has no value."""
    by_metric: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.metric in UNITS:
            by_metric[sample.metric].append(sample)
    found: list[Metric] = []
    for metric, unit in UNITS.items():
        rows = by_metric[metric]
        if not rows:
            found.append(Metric(metric=metric, value=None, unit=unit, reason="nothing was measured"))
            continue
        found.append(_mean(metric, rows, ""))
        for stratum in (*KINDS, *LABELS, "context-space", "answer-space"):
            part = [row for row in rows if stratum in row.stratum.split("+")]
            if part:
                found.append(_mean(metric, part, stratum))
    found.append(_mcnemar(by_metric["lm_eval.changed"]))
    return found


def _mcnemar(rows: Sequence[Sample]) -> Metric:
    """Exact McNemar test: questions that only one of the two ways of scoring gets right."""
    only_exact = sum(row.completion == "exact 1, lm-eval 0" for row in rows)
    only_usual = sum(row.completion == "exact 0, lm-eval 1" for row in rows)
    return Metric(
        metric="lm_eval.mcnemar_p", value=mcnemar_exact(only_exact, only_usual) if rows else None,
        k=only_exact, n=only_exact + only_usual, method="exact", unit="two-sided p; k: only exact is right, of n",
        reason="" if rows else "nothing was measured",
    )  # fmt: skip
