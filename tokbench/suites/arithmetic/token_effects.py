"""Effects of single tokens: log-probabilities, entropy, rank of the right token, and how frequent wrong tokens are.

A token with a lower id has been merged earlier, so it was more frequent in the text that the vocabulary was made from:
ids stand for frequency ranks. That holds for vocabularies made by merging pairs, in the order of the merges.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tokbench.errors import TokbenchError
from tokbench.results import Metric
from tokbench.stats import ratio_interval, wilson
from tokbench.suites.arithmetic.analysis import halves
from tokbench.suites.arithmetic.formats import ascii_digits
from tokbench.suites.arithmetic.logprobs import TokenLogprob
from tokbench.suites.arithmetic.metrics import by_group
from tokbench.suites.arithmetic.paired import direction_pairs, pairs_of
from tokbench.suites.arithmetic.parsing import Parser
from tokbench.suites.arithmetic.rows import Group, Row

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = [
    "answer_logprob",
    "answer_tokens",
    "digit_pieces",
    "frequency_metrics",
    "logprob_gap_metrics",
    "logprob_metrics",
    "truth_rank_metrics",
]


def answer_tokens(row: Row) -> list[TokenLogprob]:
    """The tokens of the answer that hold digits, as the model emitted them; none where they are not known."""
    run = row.graded.reading.run
    return [] if row.tokens is None or run is None else row.tokens.within(run.start, run.end)


def answer_logprob(row: Row) -> float | None:
    """Log-probability of the answer: the sum over its tokens with digits, separators left out."""
    tokens = answer_tokens(row)
    return math.fsum(token.logprob for token in tokens) if tokens else None


def digit_pieces(digits: str, sizes: Sequence[int]) -> list[str]:
    """Digits of a number cut into chunks."""
    found, start = [], 0
    for size in sizes:
        found.append(digits[start : start + size])
        start += size
    return found


def _digits(token: str) -> str:
    return "".join(mark for mark in ascii_digits(token) if mark in "0123456789")


def _mean(metric: str, subset: str, found: Sequence[tuple[float, str]], unit: str) -> Metric:
    """A mean over replies, each with its problem: several replies to one problem are no independent units."""
    values, clusters = [value for value, _ in found], [cluster for _, cluster in found]
    lo = hi = None
    if len(set(clusters)) > 1:
        lo, hi = ratio_interval(values, [1.0] * len(values), clusters)
    return Metric(
        metric=metric, value=math.fsum(values) / len(values), n=len(values), lo=lo, hi=hi,
        method="count" if lo is None else "clustered", unit=unit, filter=subset,
    )  # fmt: skip


# ---------------------------------------------------------------------- log-probabilities


def _outcomes(rows: Sequence[Row], parser: Parser) -> Iterator[tuple[str, list[Row]]]:
    """Valid replies with tokens, by length match and by whether they are right."""
    for stratum, part in halves(rows):
        known = [row for row in part if row.tokens is not None and row.graded.valid(parser)]
        for name, wanted in (("right", True), ("wrong", False)):
            chosen = [row for row in known if row.graded.right(parser) == wanted]
            if chosen:
                yield f"{stratum}|{name}", chosen


def logprob_metrics(rows: Sequence[Row], parser: Parser) -> list[Metric]:
    """Mean log-probability of answers, and the lower bound of the entropy at each token of them, in nats."""
    found: list[Metric] = []
    for group, members in by_group(rows).items():
        for stratum, part in _outcomes(members, parser):
            subset = f"{group}{stratum}"
            sums: list[tuple[float, str]] = []
            entropies: dict[int, list[tuple[float, str]]] = defaultdict(list)
            for row in sorted(part, key=lambda row: (row.key, row.sample)):
                if (total := answer_logprob(row)) is not None:
                    sums.append((total, row.key))
                for place, token in enumerate(answer_tokens(row), 1):
                    if (entropy := token.entropy) is not None:
                        entropies[place].append((entropy, row.key))
            if sums:
                found.append(_mean("logprob.answer", subset, sums, "nats"))
            found += [
                _mean("logprob.entropy", f"{subset}|token={place}", entropies[place], "nats")
                for place in sorted(entropies)
            ]
        unreadable = sum(bool(row.tokens_problem) for row in members)
        if unreadable or any(row.tokens is not None for row in members):
            found.append(
                Metric(
                    metric="logprob.unreadable",
                    value=unreadable,
                    k=unreadable,
                    n=len(members),
                    unit="replies",
                    filter=group,
                )
            )
    return found


def truth_rank_metrics(rows: Sequence[Row]) -> list[Metric]:
    """Rank of the right token among the most probable ones, at each token before which all tokens are right.

    Rank 1 is the most probable; ``beyond`` is not among those that were recorded.
    """
    found: list[Metric] = []
    for group, members in by_group(rows).items():
        for stratum, part in halves(members):
            ranks: dict[int, Counter[str]] = defaultdict(Counter)
            for row in part:
                truth = digit_pieces(str(row.problem.answer), row.graded.segmentation.chunks.answer)
                for place, (token, right) in enumerate(zip(answer_tokens(row), truth, strict=False), 1):
                    if token.top:
                        names = [_digits(one.token) for one in token.top]
                        ranks[place][str(names.index(right) + 1) if right in names else "beyond"] += 1
                    if _digits(token.token) != right:
                        break
            for place, counts in sorted(ranks.items()):
                n = counts.total()
                for rank, k in sorted(counts.items()):
                    lo, hi = wilson(k, n)
                    subset = f"{group}{stratum}|token={place},rank={rank}"
                    found.append(
                        Metric(
                            metric="truth_rank",
                            value=k / n,
                            k=k,
                            n=n,
                            lo=lo,
                            hi=hi,
                            method="wilson",
                            unit="share of tokens",
                            filter=subset,
                        )
                    )
    return found


def logprob_gap_metrics(rows: Sequence[Row], parser: Parser) -> list[Metric]:
    """Log-probability of the answer, right-to-left less left-to-right, on problems that both get right."""
    members: dict[Group, list[Row]] = defaultdict(list)
    for row in rows:
        if row.tokens is not None and row.graded.right(parser):
            members[row.group].append(row)
    found: list[Metric] = []
    for first, second in direction_pairs(list(members)):
        pairs = pairs_of(members[first], members[second])
        for stratum, part in halves([one for one, _ in pairs]):
            kept = set(map(id, part))
            changes: list[tuple[float, str]] = []
            for one, other in pairs:
                before, after = answer_logprob(one), answer_logprob(other)
                if id(one) in kept and before is not None and after is not None:
                    changes.append((after - before, one.key))
            if not changes:
                continue
            subset = f"{second.name} against {first.name}{stratum}"
            mean = _mean("logprob.gap", subset, changes, "nats, r2l less l2r")
            middle = mean.value or 0.0
            spread = math.sqrt(math.fsum((change - middle) ** 2 for change, _ in changes) / len(changes))
            found.append(mean)
            found.append(
                Metric(metric="logprob.gap.sd", value=spread, n=len(changes), unit="nats, divisor n", filter=subset)
            )
    return found


# ---------------------------------------------------------------------- frequency


class _Ids:
    """Ids of digit strings that are one token each."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, int | None] = {}

    def __getitem__(self, digits: str) -> int | None:
        if digits not in self._known:
            try:
                ids = self._tokenizer.encode(digits)
            except TokbenchError:
                ids = []
            self._known[digits] = ids[0] if len(ids) == 1 else None
        return self._known[digits]


class _Change(NamedTuple):
    """A wrong token: its chunk from 1, what stands there, and what should."""

    chunk: int
    wrong: str
    right: str


def _changes(row: Row) -> Iterator[_Change]:
    """Wrong tokens of a wrong value of the right length that is cut like the truth."""
    value = row.graded.reading.value
    if value is None or not row.graded.wrong_digits:
        return
    sizes = row.graded.segmentation.chunks.answer
    emitted = [_digits(token.token) for token in answer_tokens(row)]
    if emitted and [len(token) for token in emitted] != list(sizes):
        return
    pieces = zip(digit_pieces(value, sizes), digit_pieces(str(row.problem.answer), sizes), strict=True)
    for chunk, (wrong, right) in enumerate(pieces, 1):
        if wrong != right:
            yield _Change(chunk, wrong, right)


def _variant_rank(change: _Change, ids: _Ids) -> int | None:
    """Rank by id of a token that is wrong in its first digit only, among its ten first-digit variants; 0 is lowest."""
    if change.wrong[1:] != change.right[1:]:
        return None
    variants = [ids[f"{digit}{change.right[1:]}"] for digit in range(10)]
    known = [one for one in variants if one is not None]
    own = ids[change.wrong]
    return sorted(known).index(own) if own is not None and len(known) == len(variants) else None


def frequency_metrics(rows: Sequence[Row], tokenizer: Tokenizer | None) -> list[Metric]:
    """Whether wrong tokens are more frequent than the right ones, by the order of ids.

    ``frequency.more`` counts every wrong token of wrong values of the right length, with a one-sided exact binomial
    test (``frequency.p``); ``frequency.rank`` is the rank of a token that is wrong in its first digit only, among the
    ten tokens that differ from it there.
    """
    if tokenizer is None:
        return []
    ids = _Ids(tokenizer)
    found: list[Metric] = []
    for group, members in by_group(rows).items():
        for stratum, part in halves(members):
            more = n = 0
            ranks: dict[int, Counter[int]] = defaultdict(Counter)
            for change in (change for row in part for change in _changes(row)):
                wrong, right = ids[change.wrong], ids[change.right]
                if wrong is None or right is None:
                    continue
                n, more = n + 1, more + (wrong < right)
                if change.chunk > 1 and (rank := _variant_rank(change, ids)) is not None:
                    ranks[change.chunk][rank] += 1
            subset = f"{group}{stratum}"
            if n:
                found += _more(subset, more, n)
            for chunk, counts in sorted(ranks.items()):
                found += [
                    Metric(
                        metric="frequency.rank", value=k, k=k, n=counts.total(), unit="tokens",
                        filter=f"{subset}|chunk={chunk},rank={rank}",
                    )
                    for rank, k in sorted(counts.items())
                ]  # fmt: skip
    return found


def _more(subset: str, more: int, n: int) -> Iterator[Metric]:
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    lo, hi = wilson(more, n)
    yield Metric(
        metric="frequency.more", value=more / n, k=more, n=n, lo=lo, hi=hi, method="wilson",
        unit="share of wrong tokens", filter=subset,
    )  # fmt: skip
    p = float(binomtest(more, n, 0.5, alternative="greater").pvalue)
    yield Metric(metric="frequency.p", value=p, n=n, method="exact", unit="one-sided p, binomial", filter=subset)
