"""Metrics of the equivalence experiment, by condition; items are the clusters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tokbench.results import Metric, Sample
from tokbench.stats import mcnemar_exact, ratio_interval, wilson
from tokbench.suites.phantom._recut import CONDITIONS, SAME_BYTES, Condition

__all__ = ["UNITS", "equivalence_metrics", "not_run_metrics"]

UNITS: Mapping[str, str] = {
    "equivalence.available": "share of prompts and draws that have such ids",
    "equivalence.within_pretokens": "share of uniform draws that are within pre-tokens; the others are of all ids",
    "equivalence.kl_byte": "bits of the next byte behind the ids, KL(canonical || condition)",
    "equivalence.js_byte": "bits of the next byte behind the ids, Jensen-Shannon",
    "equivalence.kl_token": "bits of the next token, KL(canonical || condition)",
    "equivalence.js_token": "bits of the next token, Jensen-Shannon",
    "equivalence.js_low": "bits of the next token, Jensen-Shannon, at least, where k tokens are known",
    "equivalence.js_high": "bits of the next token, and so of the next byte, Jensen-Shannon, at most, k tokens known",
    "equivalence.js_per_cut": "bits of the next byte, Jensen-Shannon, over changed cuts",
    "equivalence.flip_rate": "share of greedy replies with other bytes",
    "equivalence.solved_rate": "share of replies that do the task",
    "equivalence.mcnemar_p": "two-sided p; k: task done under canonical ids only, of n that only one does",
}
"""Every metric of the experiment with its unit."""

_DIVERGENCES = ("kl_byte", "js_byte", "kl_token", "js_token")
_BINS = ((0, 0), (1, 1), (2, 7), (8, 31), (32, 127), (128, None))
"""Numbers of changed cuts that are put together."""

_THERE = frozenset({"correct", "wrong", "failed"})
"""Outcomes of rows that have ids."""

Row = Mapping[str, object]


def _name(condition: Condition) -> str:
    return f"{'same' if condition in SAME_BYTES else 'other'} bytes|{condition}"


def _mean(
    metric: str, values: Sequence[float], clusters: Sequence[str], name: str, *, most: float | None = None,
    below: Sequence[float] | None = None, invalid: int = 0, failed: int = 0, why: str = "",
) -> Metric:  # fmt: skip
    """A mean, or a ratio of sums, with its interval clustered by item."""
    below = [1.0] * len(values) if below is None else below
    if not sum(below):
        return Metric(metric=metric, value=None, unit=UNITS[metric], filter=name, n=invalid + failed, n_invalid=invalid,
                      n_failed=failed, reason=why or "no prompt has such ids")  # fmt: skip
    lo = hi = None
    if len(set(clusters)) > 1:
        lo, hi = ratio_interval(values, below, clusters)
        lo, hi = max(0.0, lo), hi if most is None else min(most, hi)
    return Metric(
        metric=metric, value=sum(values) / sum(below), n=round(sum(below)) + invalid + failed, n_invalid=invalid,
        n_failed=failed, lo=lo, hi=hi, method="clustered", unit=UNITS[metric], filter=name,
    )  # fmt: skip


def _share(metric: str, hits: Sequence[bool], clusters: Sequence[str], name: str, *, failed: int = 0) -> Metric:
    count = len(set(clusters))
    if hits and (len(set(hits)) == 1 or count == 1):  # no spread: the items are the independent trials
        k = sum(hits)
        lo, hi = wilson(k / len(hits) * count, count)
        return Metric(metric=metric, value=k / len(hits), k=k, n=len(hits) + failed, n_failed=failed, lo=lo, hi=hi,
                      method="wilson", unit=UNITS[metric], filter=name)  # fmt: skip
    found = _mean(metric, [float(hit) for hit in hits], clusters, name, most=1.0, failed=failed)
    return replace(found, k=sum(hits)) if hits else found


def _number(row: Row, name: str) -> float | None:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else None


def _divergence(rows: Sequence[tuple[Row, str]], measure: str, name: str, why: str) -> Metric:
    known = [(value, item) for row, item in rows if (value := _number(row, measure)) is not None]
    infinite = sum(bool(row.get(f"{measure}_infinite")) for row, _ in rows)
    if infinite and not known:
        why = "the condition misses a symbol that the canonical ids make possible, for every prompt"
    return _mean(
        f"equivalence.{measure}", [value for value, _ in known], [item for _, item in known], name,
        most=1.0 if measure.startswith("js") else None, invalid=infinite, why=why,
    )  # fmt: skip


def _bounds(rows: Sequence[tuple[Row, str]], name: str) -> Iterator[Metric]:
    """Where a model gives the largest probabilities only."""
    for k in sorted({k for row, _ in rows if isinstance(k := row.get("top_k"), int)}):
        chosen = [(row, item) for row, item in rows if row.get("top_k") == k]
        for bound in ("js_low", "js_high"):
            values = [_number(row, bound) or 0.0 for row, _ in chosen]
            yield _mean(f"equivalence.{bound}", values, [item for _, item in chosen], f"{name}|top-{k}", most=1.0)


def _by_cuts(rows: Sequence[tuple[Row, str]], why: str) -> Iterator[Metric]:
    """Divergence against the number of changed cuts, all conditions of the same bytes together."""
    known = [
        (cuts, value, item) for row, item in rows
        if row["condition"] in {"two-piece", "resampled", "characters"}
        and (cuts := _number(row, "changed_cuts")) is not None and (value := _number(row, "js_byte")) is not None
    ]  # fmt: skip
    yield _mean(
        "equivalence.js_per_cut", [value for _, value, _ in known], [item for *_, item in known], "same bytes",
        below=[cuts for cuts, _, _ in known], why=why,
    )  # fmt: skip
    for least, most in _BINS:
        inside = [(value, item) for cuts, value, item in known if cuts >= least and (most is None or cuts <= most)]
        label = f"{least} or more" if most is None else f"{least}" if least == most else f"{least} to {most}"
        if inside:
            yield _mean("equivalence.js_byte", [value for value, _ in inside], [item for _, item in inside],
                        f"same bytes|cuts {label}", most=1.0)  # fmt: skip


def _tasks(rows: Sequence[tuple[Row, str]], name: str) -> Iterator[Metric]:
    judged = [(row, item) for row, item in rows if "solved" in row]
    solved = [bool(row["solved"]) for row, _ in judged]
    yield _share("equivalence.solved_rate", solved, [item for _, item in judged], name)
    if name == _name("canonical"):
        return  # nothing to compare it with
    first = [row for row, _ in judged if row["draw"] == 0]  # repeats of one prompt are not independent
    lost = sum(bool(row["solved_canonical"]) and not row["solved"] for row in first)
    won = sum(bool(row["solved"]) and not row["solved_canonical"] for row in first)
    unit = UNITS["equivalence.mcnemar_p"]
    if not first:
        yield Metric(
            metric="equivalence.mcnemar_p", value=None, unit=unit, filter=name, reason="no prompt has such ids"
        )
        return
    yield Metric(metric="equivalence.mcnemar_p", value=mcnemar_exact(lost, won), k=lost, n=lost + won, method="exact",
                 unit=unit, filter=name)  # fmt: skip


def equivalence_metrics(samples: Sequence[Sample], *, probabilities: bool = True) -> list[Metric]:
    """All metrics of a run, by condition; conditions without ids say why.

    Args:
        samples: Rows of :func:`~tokbench.suites.phantom.equivalence.equivalence_samples`.
        probabilities: Whether the model gives any; without, the divergences say so.
    """
    found: list[Metric] = []
    all_rows: list[tuple[Row, str]] = []
    silent = "" if probabilities else "the model gives no probabilities of the next token"
    refused = next((sample.message for sample in samples if sample.outcome == "invalid"), "no prompt was asked")
    for condition in CONDITIONS:
        name = _name(condition)
        own = [sample for sample in samples if (sample.detail or {}).get("condition") == condition]
        there = [sample for sample in own if sample.outcome in _THERE]
        rows: list[tuple[Row, str]] = [(sample.detail or {}, sample.cluster) for sample in there]
        all_rows += rows
        none = next((sample.message for sample in own if sample.message), refused)
        why = none if not there else silent or "only the largest probabilities are known, or the prompt is too long"
        usable = [sample.outcome in _THERE for sample in own]
        found.append(_share("equivalence.available", usable, [sample.cluster for sample in own], name))
        drawn = [(bool(row["within_pretokens"]), item) for row, item in rows if row.get("within_pretokens") is not None]
        if drawn:
            inside = [hit for hit, _ in drawn]
            found.append(_share("equivalence.within_pretokens", inside, [item for _, item in drawn], name))
        if condition == "canonical":
            found += _tasks(rows, name)
            continue
        found += [_divergence(rows, measure, name, why) for measure in _DIVERGENCES]
        found += _bounds(rows, name)
        flips = [(bool(row["flip"]), item) for row, item in rows if "flip" in row]
        failed = sum(sample.outcome == "failed" for sample in there)
        flip_rate = _share("equivalence.flip_rate", [hit for hit, _ in flips], [item for _, item in flips], name,
                           failed=failed)  # fmt: skip
        found.append(flip_rate if flips else _mean("equivalence.flip_rate", [], [], name, failed=failed, why=why))
        if condition in SAME_BYTES:
            found += _tasks(rows, name)
    return [*found, *_by_cuts(all_rows, silent or "no prompt has other ids")]


def not_run_metrics(reason: str) -> list[Metric]:
    """Every metric without a value."""
    return [Metric(metric=metric, value=None, unit=unit, reason=reason) for metric, unit in UNITS.items()]
