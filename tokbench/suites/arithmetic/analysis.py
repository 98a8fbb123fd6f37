"""What errors look like: where they stand in the chunks, errors of one, guessed digits, and what alignment predicts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tokbench.results import Metric
from tokbench.suites.arithmetic.labels import boundaries, first_digits
from tokbench.suites.arithmetic.metrics import by_group, lengths_name, share
from tokbench.suites.arithmetic.parsing import Parser
from tokbench.suites.arithmetic.rows import Row

__all__ = [
    "GUESS",
    "chunk_digit",
    "guess_metrics",
    "guess_sizes",
    "off_by_one_metrics",
    "position_metrics",
    "predictor_metrics",
    "separated",
]

GUESS = (0.10, 0.18, 0.16, 0.14, 0.12, 0.10, 0.08, 0.06, 0.04, 0.02)
"""Chance that two independent uniform digits differ by 0 to 9."""

_FEWEST = 5
"""Expected count below which the chi-square test of a guess is not given (Cochran's rule)."""


def halves(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Replies of one condition, alone and by length match, empty parts left out."""
    parts = (
        ("", list(rows)),
        ("|length=match", [row for row in rows if row.problem.length_match]),
        ("|length=mismatch", [row for row in rows if not row.problem.length_match]),
    )
    yield from ((name, part) for name, part in parts if part)


# ---------------------------------------------------------------------- positions


def chunk_digit(sizes: Sequence[int], digit: int) -> tuple[int, int]:
    """Chunk in which a digit stands, and its place there; all counted from 1 at the left.

    >>> chunk_digit((3, 3, 1), 4)
    (2, 1)
    """
    start = 0
    for chunk, size in enumerate(sizes, 1):
        if digit <= start + size:
            return chunk, digit - start
        start += size
    msg = f"there is no digit {digit} behind chunks of {tuple(sizes)}"
    raise IndexError(msg)


def position_metrics(rows: Sequence[Row]) -> list[Metric]:
    """In what share of all replies a digit is wrong: by its place in the number, and by its place in its chunk.

    A value of another length has no wrong digits; its reply stays in the denominator.
    """
    found: list[Metric] = []
    for group, members in by_group(rows).items():
        for stratum, part in halves(members):
            digits, chunks = Counter[int](), Counter[tuple[int, int]]()
            for row in part:
                digits.update(row.graded.wrong_digits)
                sizes = row.graded.segmentation.chunks.answer
                chunks.update(chunk_digit(sizes, digit) for digit in row.graded.wrong_digits)
            subset = f"{group}{stratum}"
            found += [
                share("error.digit", f"{subset}|digit={digit}", k, len(part), part, "parity")
                for digit, k in sorted(digits.items())
            ]
            found += [
                share("error.chunk_digit", f"{subset}|chunk={chunk},digit={digit}", k, len(part), part, "parity")
                for (chunk, digit), k in sorted(chunks.items())
            ]
    return found


def off_by_one_metrics(rows: Sequence[Row], parser: Parser) -> list[Metric]:
    """Wrong values that are off by a power of ten: as a share of all wrong replies, by digit and at ends of chunks."""
    found: list[Metric] = []
    for group, members in by_group(rows).items():
        for stratum, part in halves(members):
            wrong = [row for row in part if not row.graded.right(parser)]
            if not wrong:
                continue
            counts = Counter[str]()
            for row in wrong:
                if "off_by_one" in row.graded.flags and row.graded.reading.value is not None:
                    place = len(str(abs(int(row.graded.reading.value) - row.problem.answer))) - 1
                    edge = "yes" if place in boundaries(row.graded.segmentation.chunks.answer) else "no"
                    counts.update(
                        ("", f"|boundary={edge}", f"|boundary={edge},digit={row.problem.lengths[2] - place}",
                         f"|boundary={edge},place={place}")
                    )  # fmt: skip
            counts[""] += 0
            found += [
                share("off_by_one", f"{group}{stratum}{name}", k, len(wrong), wrong, parser)
                for name, k in sorted(counts.items())
            ]
    return found


# ---------------------------------------------------------------------- guesses


def guess_sizes(rows: Sequence[Row]) -> dict[int, list[int]]:
    """For the first digit of each chunk k >= 2: how many values differ there from the truth by 0 to 9.

    Only values of the right length count.
    """
    found: dict[int, list[int]] = {}
    for row in rows:
        value = row.graded.reading.value
        if value is None or not row.graded.same_length:
            continue
        truth = str(row.problem.answer)
        for digit, chunk in first_digits(row.graded.segmentation.chunks.answer).items():
            size = abs(int(value[digit - 1]) - int(truth[digit - 1]))
            found.setdefault(chunk, [0] * 10)[size] += 1
    return dict(sorted(found.items()))


def guess_metrics(rows: Sequence[Row]) -> list[Metric]:
    """Whether first digits of chunks look like a uniform guess: sizes of the errors and a chi-square test.

    Match and mismatch of lengths are never pooled here, and places without an error are left out. The test is on the
    sizes that two independent uniform digits would have (nine degrees of freedom).
    """
    found: list[Metric] = []
    for group, members in by_group(rows).items():
        for stratum, part in halves(members):
            for chunk, sizes in guess_sizes(part).items() if stratum else ():
                n = sum(sizes)
                if sizes[0] == n:
                    continue  # never wrong there
                subset = f"{group}{stratum}|chunk={chunk}"
                found += [
                    Metric(metric="guess.size", value=k, k=k, n=n, unit="values", filter=f"{subset},size={size}")
                    for size, k in enumerate(sizes) if k
                ]  # fmt: skip
                found += _chi_square(sizes, n, subset)
    return found


def _chi_square(sizes: Sequence[int], n: int, subset: str) -> Iterator[Metric]:
    if n * min(GUESS) < _FEWEST:
        reason = f"{n} values are too few for the test"
        yield Metric(metric="guess.chi_square", value=None, n=n, filter=subset, reason=reason)
        return
    from scipy.stats import chi2  # type: ignore[import-untyped]

    statistic = sum((k - n * share_) ** 2 / (n * share_) for k, share_ in zip(sizes, GUESS, strict=True))
    yield Metric(metric="guess.chi_square", value=statistic, n=n, unit="9 degrees of freedom", filter=subset)
    yield Metric(
        metric="guess.p", value=float(chi2.sf(statistic, len(sizes) - 1)), n=n, method="exact",
        unit="p of a uniform guess", filter=subset,
    )  # fmt: skip


# ---------------------------------------------------------------------- the predictor


def separated(aligned: Sequence[float], misaligned: Sequence[float]) -> tuple[int, float]:
    """How well accuracies of aligned and of misaligned strata stand apart.

    Returns:
        Number of strata that lie on their side of every stratum of the other class, and the share of pairs of strata
        in which the aligned one is better (ties count half): the area under the curve.
    """
    right = sum(all(one > other for other in misaligned) for one in aligned)
    right += sum(all(one < other for other in aligned) for one in misaligned)
    better = sum((one > other) + (one == other) / 2 for one in aligned for other in misaligned)
    return right, better / (len(aligned) * len(misaligned))


def predictor_metrics(rows: Sequence[Row], parser: Parser) -> list[Metric]:
    """The alignment of cuts, which needs no model, against the errors of the model, by lengths of the numbers."""
    found: list[Metric] = []
    for group, members in by_group(rows).items():
        cells: dict[tuple[bool, str], list[Row]] = defaultdict(list)
        undefined = 0
        for row in members:
            aligned = row.graded.segmentation.aligned
            if aligned is None:
                undefined += 1
            else:
                cells[aligned, lengths_name(row)].append(row)
        undefined_row = Metric(
            metric="predictor.undefined", value=undefined, k=undefined, n=len(members), unit="replies", filter=group
        )
        found.append(undefined_row)
        shares: dict[bool, list[float]] = {True: [], False: []}
        for (aligned, _), part in sorted(cells.items()):
            shares[aligned].append(sum(row.graded.right(parser) for row in part) / len(part))
        if not shares[True] or not shares[False]:
            why = "alignment is the same in all strata" if cells else "alignment is not defined"
            found += [
                Metric(metric=name, value=None, direction="up", n=len(cells), filter=group, reason=why)
                for name in ("predictor.separated", "predictor.auc")
            ]
            continue
        k, area = separated(shares[True], shares[False])
        found += [
            Metric(
                metric="predictor.separated", value=k / len(cells), direction="up", k=k, n=len(cells),
                unit="share of strata of lengths", filter=group,
            ),
            Metric(metric="predictor.auc", value=area, direction="up", n=len(cells), unit="area", filter=group),
        ]  # fmt: skip
    return found
