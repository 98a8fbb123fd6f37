"""Rates of a run, the paper's and ours side by side, by marking and by kind of word.

Every rate stands over UNCHANGED + REPLACED + DIFFERENT, as in the paper, and once more over all targets. Intervals are
Wilson's; where a word is a target more than once they are clustered by it, and those of articles by article.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from tokbench.results import Metric, Sample
from tokbench.stats import mcnemar_exact, ratio_interval, wilson
from tokbench.suites.phantom.classify import CLASSES
from tokbench.suites.phantom.item import MARKINGS

__all__ = ["UNITS", "cluster_of", "clusters_of", "phantom_metrics"]

_OF = "of targets that are unchanged, replaced or different"
UNITS: Mapping[str, str] = {
    "paper_rate": f"share {_OF}: same word up to white space and marks, other ids",
    "strict_rate": f"share {_OF}: equal bytes, other ids",
    "noncanonical_rate": f"share {_OF}: ids that the tokenizer would not give",
    "unexplained_rate": f"share {_OF}: other ids without a reason in the context",
    "strict_unexplained_rate": f"share {_OF}: equal bytes, other ids, no reason in the context",
    "kept_rate": "share of targets whose word was kept that came back under other ids",
    "class": "share of targets that came back different",
    "pieces": "share of targets that came back different",
    "collateral_rate": "share of unmarked words that did not come back",
    "marks_kept_rate": "share of targets whose brackets came back",
    "preamble_rate": "share of targets with words before the passage",
    "status": "share of all targets",
    "marking.mcnemar_p": "two-sided p; k: different under the first marking only, of n that only one has",
}
"""Every metric with its unit; rates over all targets are named ``<rate>_of_all``."""

_SETTLED = frozenset({"UNCHANGED", "REPLACED", "DIFFERENT"})
STATUSES = ("REPLACED", "UNCHANGED", "DIFFERENT", "TEXT_SAME", "LOST", "AMBIGUOUS", "INVALID")

Test = Callable[[Mapping[str, object]], bool]
_RATES: Mapping[str, Test] = {
    "paper_rate": lambda row: bool(row.get("nu1_equal")),
    "strict_rate": lambda row: bool(row.get("strict")),
    "noncanonical_rate": lambda row: bool(row.get("noncanonical_out")),
    "unexplained_rate": lambda row: row.get("context_explained") is False,
    "strict_unexplained_rate": lambda row: bool(row.get("strict")) and row.get("context_explained") is False,
}
"""What holds of a DIFFERENT target that counts for a rate."""


def _rate(
    metric: str, hits: Sequence[bool], clusters: Sequence[str], name: str, *, invalid: int = 0, why: str = ""
) -> Metric:
    unit = UNITS[metric.removesuffix("_of_all")]
    if metric.endswith("_of_all"):
        unit = unit.replace(_OF, "of all targets")
    if not hits:
        return Metric(metric=metric, value=None, unit=unit, filter=name, reason=why or "no such target")
    k, count = sum(hits), len(set(clusters))
    clustered = 1 < count < len(hits) and 0 < k < len(hits)
    if clustered:
        lo, hi = ratio_interval([float(hit) for hit in hits], [1.0] * len(hits), clusters)
    else:
        # without a spread to estimate from the clusters are the independent trials
        lo, hi = wilson(k / len(hits) * count, count)
    return Metric(
        metric=metric, value=k / len(hits), direction="down" if metric.startswith(tuple(_RATES)) else "none", k=k,
        n=len(hits), n_invalid=invalid, lo=max(0.0, lo), hi=min(1.0, hi),
        method="clustered" if clustered else "wilson", unit=unit, filter=name,
    )  # fmt: skip


def _of(rows: Sequence[Mapping[str, object]], name: str) -> Iterator[Metric]:
    """Metrics of a set of targets."""
    statuses = Counter(str(row["status"]) for row in rows)
    settled = [row for row in rows if row["status"] in _SETTLED]
    different = [row for row in rows if row["status"] == "DIFFERENT"]
    kept = [row for row in rows if row["status"] in {"UNCHANGED", "DIFFERENT"}]
    lost = statuses["LOST"] + statuses["AMBIGUOUS"] + statuses["INVALID"]
    # why ids are not known: the model does not say them, or the tokenizer does not give its text back
    problem = next((str(row["problem"]) for row in rows if row["status"] == "TEXT_SAME" and row.get("problem")), "")
    no_ids = problem or "no target was settled"
    for metric, test in _RATES.items():
        for suffix, chosen in (("", settled), ("_of_all", rows)):
            known = not statuses["TEXT_SAME"]
            yield _rate(
                f"{metric}{suffix}",
                [row["status"] == "DIFFERENT" and test(row) for row in chosen] if known else [],
                clusters_of(chosen), name, invalid=lost, why=no_ids,
            )  # fmt: skip
    yield _rate("kept_rate", [row["status"] == "DIFFERENT" for row in kept], clusters_of(kept), name, why=no_ids)
    for status in STATUSES:
        yield _rate("status", [row["status"] == status for row in rows], clusters_of(rows), f"{name}|{status}")
    for label in CLASSES:
        hits = [row.get("label") == label for row in different]
        yield _rate("class", hits, clusters_of(different), f"{name}|{label}", why="no target came back different")
    shapes: Mapping[str, Test] = {
        "1 to 1": lambda row: row.get("pieces_in") == 1 == row.get("pieces_out"),
        "equal": lambda row: row.get("pieces_in") == row.get("pieces_out"),
        "more": lambda row: _int(row.get("pieces_out")) > _int(row.get("pieces_in")),
        "fewer": lambda row: _int(row.get("pieces_out")) < _int(row.get("pieces_in")),
    }
    for shape, test in shapes.items():
        hits = [test(row) for row in different]
        yield _rate("pieces", hits, clusters_of(different), f"{name}|{shape}", why="no target came back different")
    yield _collateral(rows, name)
    marked = [row for row in rows if row.get("kept_marks") is not None]
    if marked:
        yield _rate("marks_kept_rate", [bool(row["kept_marks"]) for row in marked], clusters_of(marked), name)
    answered = [row for row in rows if row["status"] != "INVALID"]
    yield _rate("preamble_rate", [bool(row["preamble"]) for row in answered], clusters_of(answered), name)


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def cluster_of(frame: str, word: str) -> str:
    """What a target is no independent trial of: its word, in any frame; of an article the whole article."""
    return frame if frame.startswith("article/") else word.casefold()


def clusters_of(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """The cluster of each row."""
    return [cluster_of(str(row["frame"]), str(row["word"])) for row in rows]


def _collateral(rows: Sequence[Mapping[str, object]], name: str) -> Metric:
    """Damage to what was not marked, where something came back."""
    unit = UNITS["collateral_rate"]
    found = [row for row in rows if row["status"] in _SETTLED or row["status"] == "TEXT_SAME"]
    changed, words = [float(_int(row["collateral"])) for row in found], [float(_int(row["words"])) for row in found]
    if not sum(words):
        return Metric(metric="collateral_rate", value=None, unit=unit, filter=name, reason="nothing came back")
    lo = hi = None
    if len(set(clusters_of(found))) > 1:
        lo, hi = ratio_interval(changed, words, clusters_of(found))
        lo, hi = max(0.0, lo), min(1.0, hi)
    return Metric(
        metric="collateral_rate", value=sum(changed) / sum(words), direction="down", k=sum(changed),
        n=round(sum(words)), lo=lo, hi=hi, method="clustered", unit=unit, filter=name,
    )  # fmt: skip


def _paired(rows: Sequence[Mapping[str, object]], ids: Sequence[str]) -> Iterator[Metric]:
    """Each pair of markings on the targets that both have settled."""
    by_target: dict[str, dict[str, bool]] = {}
    for row, item_id in zip(rows, ids, strict=True):
        if row["status"] in _SETTLED:
            target = "/".join(part for part in item_id.split("/") if part not in MARKINGS)
            by_target.setdefault(target, {})[str(row["marking"])] = row["status"] == "DIFFERENT"
    used = [marking for marking in MARKINGS if any(marking in found for found in by_target.values())]
    for first, one in enumerate(used):
        for two in used[first + 1 :]:
            both = [(found[one], found[two]) for found in by_target.values() if one in found and two in found]
            k, other = sum(a and not b for a, b in both), sum(b and not a for a, b in both)
            yield Metric(
                metric="marking.mcnemar_p", value=mcnemar_exact(k, other) if both else None, k=k, n=k + other,
                method="exact", unit=UNITS["marking.mcnemar_p"], filter=f"{one} against {two}",
                reason="" if both else "no target was settled under both",
            )  # fmt: skip


def phantom_metrics(samples: Sequence[Sample]) -> list[Metric]:
    """All rates of a run: by marking, and by marking and kind of word; then the markings against each other."""
    own = [sample for sample in samples if sample.metric == "phantom" and sample.detail is not None]
    rows = [sample.detail for sample in own if sample.detail is not None]
    ids = [sample.item_id for sample in own]
    found: list[Metric] = []
    for marking in MARKINGS:
        marked = [row for row in rows if row["marking"] == marking]
        if not marked:
            continue
        found += _of(marked, marking)
        for kind in dict.fromkeys(str(row["kind"]) for row in marked):
            part = [row for row in marked if row["kind"] == kind]
            found += [
                metric for metric in _of(part, f"{marking}/{kind}")
                if metric.metric in {"paper_rate", "strict_unexplained_rate", "kept_rate", "collateral_rate"}
            ]  # fmt: skip
    return [*found, *_paired(rows, ids)]
