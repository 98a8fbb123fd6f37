"""Rows of the alignment of sums with their operands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from tokbench.results import Metric, Sample
from tokbench.stats import ratio_interval
from tokbench.suites.arithmetic._shares import UNDEFINED, share_rows
from tokbench.suites.arithmetic.alignment import Alignment, Share, additions, alignment
from tokbench.suites.arithmetic.strata import Triple
from tokbench.suites.part import PartResult
from tokbench.tokenizers import Tokenizer

__all__ = ["alignment_rows"]

_SUBSETS: Mapping[str, Callable[[Triple], bool]] = MappingProxyType(
    {
        "all": lambda _triple: True,
        "match": lambda triple: triple[2] == max(triple[:2]),
        "mismatch": lambda triple: triple[2] > max(triple[:2]),
        "equal-operands": lambda triple: triple[0] == triple[1],
        "unequal-operands": lambda triple: triple[0] != triple[1],
    }
)


def _aligned_rows(found: Alignment, metric: str, shares: Iterable[Share], name: str, unit: str) -> list[Metric]:
    """Strata that are aligned as a whole, where all numbers of a length are cut alike; else additions."""
    shares = [*shares]
    if found.basis == "length":
        known = [share for share in shares if share.n]
        return share_rows(
            metric, sum(share.k == share.n for share in known), len(known),
            f"aligned {unit} / {unit} (all sampled numbers of a length are cut alike)",
            filter=name, direction="up", exact=True,
        )  # fmt: skip
    return share_rows(
        metric, sum(share.k for share in shares), sum(share.n for share in shares),
        f"aligned additions / additions ({unit} sampled alike)",
        filter=name, direction="up",
    )  # fmt: skip


def _jaccard_row(found: Alignment) -> Metric:
    shares = [share for share in found.answers.values() if share.n]
    total, n = sum(share.total for share in shares), sum(share.n for share in shares)
    sampled = found.basis == "sampled" and len(shares) > 1
    lo, hi = ratio_interval([share.total for share in shares], [share.n for share in shares]) if sampled else (
        None, None)  # fmt: skip
    return Metric(
        metric="alignment.jaccard",
        value=total / n if n else None,
        direction="up",
        n=n,
        lo=lo,
        hi=hi,
        method="clustered" if sampled else "exact",
        unit="Jaccard index of the cuts of the answer and of the longest operand, on the places that both have",
        filter="all",
        reason="" if n else UNDEFINED,
    )


def alignment_rows(tokenizer: Tokenizer, count: int, seed: int) -> PartResult:
    """Rows of alignment, from ``count`` additions of each triple of lengths.

    A sample ``alignment/<la>+<lb>=<ln>`` for each triple; metrics ``alignment.answers`` (all triples, and subsets of
    them), ``.operands``, ``.jaccard``, ``.carry-at-boundary`` and ``.undefined``.
    """
    found = alignment(tokenizer, additions(count, seed))
    samples = []
    for triple, share in found.answers.items():
        boundary = found.boundaries[triple]
        samples.append(
            Sample(
                item_id=f"alignment/{triple[0]}+{triple[1]}={triple[2]}",
                metric="alignment",
                outcome="correct" if share.n else "skipped",
                stratum="match" if triple[2] == max(triple[:2]) else "mismatch",
                score=share.k / share.n if share.n else None,
                message="" if share.n else f"not defined for {share.undefined} additions: {UNDEFINED}",
                detail={
                    "basis": found.basis, "aligned": share.k, "n": share.n, "undefined": share.undefined,
                    "jaccard": share.total / share.n if share.n else None, "carry_at_boundary": boundary.k,
                },
            )
        )  # fmt: skip
    rows: list[Metric] = []
    for name, chosen in _SUBSETS.items():
        shares = [share for triple, share in found.answers.items() if chosen(triple)]
        rows += _aligned_rows(found, "alignment.answers", shares, name, "triples of lengths")
    rows += _aligned_rows(found, "alignment.operands", found.operands.values(), "all", "pairs of lengths")
    rows.append(_jaccard_row(found))
    rows += share_rows(
        "alignment.carry-at-boundary",
        sum(share.k for share in found.boundaries.values()),
        sum(share.n for share in found.boundaries.values()),
        "additions with a carry into a place at which a chunk of the answer ends / additions",
        filter="all",
    )
    rows += share_rows(
        "alignment.undefined",
        found.undefined,
        found.undefined + sum(share.n for share in found.answers.values()),
        "additions of which a number is fused or has no cuts / additions",
        filter="all",
        direction="down",
    )
    return PartResult(samples, rows)
