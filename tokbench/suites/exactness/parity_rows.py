"""Rows of a parity comparison: a sample for each difference, and one a class of text for the rest."""

from __future__ import annotations

import hashlib

from tokbench.results import Metric, Sample
from tokbench.stats import wilson
from tokbench.suites.exactness.parity import DecodeReport, Difference, ParityReport
from tokbench.suites.part import PartResult

__all__ = ["decode_rows", "parity_rows"]


def _shown(ids: tuple[int, ...], pieces: tuple[bytes | None, ...]) -> str:
    return f"{list(ids)} = {[piece if piece is not None else '-' for piece in pieces]}"


def _message(difference: Difference) -> str:
    return (
        f"{difference.cause}: {difference.minimal!r} differs from index {difference.index}: "
        f"{_shown(difference.first_ids, difference.first_bytes)}, "
        f"reference {_shown(difference.second_ids, difference.second_bytes)}"
        + ("" if difference.shrunk else " (not shrunk)")
    )


def _proportion(metric: str, k: int, n: int, *, unit: str, where: str) -> Metric:
    if not n:
        return Metric(metric=metric, value=None, direction="down", unit=unit, filter=where, reason="nothing to compare")
    interval = wilson(k, n)
    return Metric(
        metric=metric, value=k / n, direction="down", k=k, n=n, lo=interval.lo, hi=interval.hi, method="wilson",
        unit=unit, filter=where,
    )  # fmt: skip


def parity_rows(report: ParityReport, slug: str) -> PartResult:
    """Rows of a comparison with a reference, which is the second engine of the report.

    Samples ``parity/<slug>/<class>/<nnnnn>`` for each difference and ``parity/<slug>/<class>`` for the class, whose
    score is the share of equal strings; metrics ``parity.mismatch`` with filters ``<slug>|<class>`` and
    ``<slug>|all``, and ``parity.cause`` with filter ``<slug>|<cause>``.

    Args:
        report: The comparison.
        slug: Slug of the reference.
    """
    unit = f"strings with other {'byte segmentations' if report.by_bytes else 'ids'} / strings of the fixed corpus"
    if report.verdict == "not-comparable":
        sample = Sample(item_id=f"parity/{slug}", metric="parity", outcome="skipped", message=report.reason)
        metric = Metric(
            metric="parity.mismatch", value=None, direction="down", unit=unit, filter=f"{slug}|all",
            reason=f"not comparable: {report.reason}",
        )  # fmt: skip
        return PartResult([sample], [metric])
    samples = [
        Sample(
            item_id=f"parity/{slug}/{difference.text_class}/{difference.number:05d}",
            metric="parity",
            outcome="wrong",
            stratum=difference.text_class,
            cluster=difference.cause,
            score=0.0,
            prompt_sha256=hashlib.sha256(difference.text.encode()).hexdigest(),
            ids=difference.first_ids,
            gold=str(list(difference.second_ids)),
            message=_message(difference),
        )
        for difference in report.differences
    ]
    samples += [
        Sample(
            item_id=f"parity/{slug}/{tally.text_class}",
            metric="parity",
            outcome="correct" if not tally.mismatches else "wrong",
            stratum=tally.text_class,
            score=1 - tally.mismatches / tally.n,
            message=f"{tally.n - tally.mismatches} of {tally.n} strings are equal; verdict on all: {report.summary}",
        )
        for tally in report.tallies
        if tally.n
    ]
    metrics = [
        _proportion("parity.mismatch", tally.mismatches, tally.n, unit=unit, where=f"{slug}|{tally.text_class}")
        for tally in report.tallies
    ]
    metrics.append(_proportion("parity.mismatch", report.mismatches, report.n, unit=unit, where=f"{slug}|all"))
    metrics += [
        Metric(
            metric="parity.cause",
            value=float(sum(difference.cause == cause for difference in report.differences)),
            k=sum(difference.cause == cause for difference in report.differences),
            n=report.n,
            method="exact",
            unit="strings with this class of difference",
            filter=f"{slug}|{cause}",
        )
        for cause in report.causes
    ]
    return PartResult(samples, metrics)


def decode_rows(report: DecodeReport, slug: str) -> PartResult:
    """Rows of a comparison of decoders: ``parity.decode`` with filter ``<slug>``, and the first few differences."""
    samples = [
        Sample(
            item_id=f"parity/{slug}/decode/{number:05d}",
            metric="parity.decode",
            outcome="wrong",
            stratum="decode",
            score=0.0,
            ids=difference.ids,
            gold=difference.second,
            completion=difference.first,
            message=f"{list(difference.ids)} decodes to {difference.first!r}, reference {difference.second!r}",
        )
        for number, difference in enumerate(report.differences)
    ]
    unit = "id sequences with another text / random id sequences"
    return PartResult(samples, [_proportion("parity.decode", report.mismatches, report.n, unit=unit, where=slug)])
