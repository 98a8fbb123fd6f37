"""How wrong the usual ways are of reading a token model as a model over text (bytelevel specification 4.12).

Each measurement compares with the exact value. *Naive*: encode the prompt and look at the next token. *Healing*:
drop the last token and let it grow again. *lm-eval*: score a continuation by the tokens behind those of the context.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel import ByteModel
from tokbench.bytelevel.naive import healed_next, lm_eval_logprob, naive_next
from tokbench.errors import TokbenchError, UnsupportedError
from tokbench.results import Outcome, Sample
from tokbench.suites.exactness.cuts import Choice, Cut, Passage

__all__ = ["Readings", "choice_samples", "cut_samples", "divergence", "head_samples", "invariance_samples"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One model under every reading.

    Attributes:
        canonical: Reading CANONICAL, the reference of all comparisons.
        context: Reading CANONICAL_CONTEXT.
        everything: Reading ALL, with a bound.
    """

    canonical: ByteModel
    context: ByteModel
    everything: ByteModel


def divergence(exact: Floats, other: Floats) -> tuple[float, float]:
    """Total variation distance, and KL(exact || other) in bits (infinite where ``other`` misses something).

    Args:
        exact: Natural-log probabilities, shape ``(258,)``.
        other: Likewise.
    """
    p, q = np.exp(exact), np.exp(other)
    distance = float(np.abs(p - q).sum() / 2)
    some = p > 0
    if bool(np.isneginf(other[some]).any()):
        return distance, math.inf
    return distance, max(0.0, float((p[some] * (exact[some] - other[some])).sum()) / math.log(2))


def _against(way: str, cut: Cut, exact: Floats, found: Floats) -> list[Sample]:
    """Rows of one way of reading at one cut."""
    distance, bits = divergence(exact, found)
    truth = cut.passage.data[cut.offset]
    base = _base(way, cut)
    impossible = bool(np.isneginf(found[truth]))
    rows = [
        replace(base, metric=f"{way}.tv", outcome="correct", score=distance),
        replace(base, metric=f"{way}.impossible_truth", outcome="wrong" if impossible else "correct",
            score=float(impossible), gold=f"0x{truth:02X}"),
    ]  # fmt: skip
    if math.isfinite(bits):
        rows.append(replace(base, metric=f"{way}.kl", outcome="correct", score=bits))
    else:
        why = "a symbol that the exact distribution holds possible has probability 0: the divergence is infinite"
        rows.append(replace(base, metric=f"{way}.kl", outcome="invalid", message=why))
    return rows


def _base(way: str, cut: Cut) -> Sample:
    return Sample(
        item_id=f"{way}/{cut.passage.name}/{cut.offset}", metric=f"{way}.tv", outcome="correct",
        stratum=cut.stratum, cluster=cut.passage.name,
    )  # fmt: skip


def _failed(way: str, cut: Cut, error: TokbenchError) -> list[Sample]:
    outcome: Outcome = "skipped" if isinstance(error, UnsupportedError) else "failed"
    base = replace(_base(way, cut), outcome=outcome, message=str(error))
    return [replace(base, metric=f"{way}.{name}") for name in ("tv", "kl", "impossible_truth")]


def cut_samples(readings: Readings, cuts: Sequence[Cut]) -> list[Sample]:
    """Rows of naive reading, healing and the gap between the canonical readings, at each cut."""
    rows: list[Sample] = []
    for cut in cuts:
        prefix = cut.passage.data[: cut.offset]
        try:
            exact = readings.canonical.next_byte_logprobs(prefix)
        except TokbenchError as error:
            rows += _failed("bias", cut, error)
            continue
        for way, read in (("bias", naive_next), ("healing", healed_next)):
            try:
                found = read(readings.canonical, prefix)
            except TokbenchError as error:
                rows += _failed(way, cut, error)
            else:
                rows += _against(way, cut, exact.logprobs, found)
        context = readings.context.next_byte_logprobs(prefix)
        base = _base("gap", cut)
        gap = exact.total_variation(context)
        rows.append(replace(base, metric="gap.context", outcome="correct", score=gap))
        rows.append(replace(base, metric="leak.canonical", outcome="correct", score=exact.leak))
    return rows


def head_samples(readings: Readings, heads: Sequence[Passage]) -> list[Sample]:
    """Rows of the mass outside the canonical encoding, of short texts: as a beginning, and as a whole."""
    rows: list[Sample] = []
    for head in heads:
        for metric, end in (("noncanonical.prefix", False), ("noncanonical.text", True)):
            base = Sample(item_id=f"{metric}/{head.name}", metric=metric, outcome="correct", cluster=head.name)
            try:
                own = readings.canonical.logprob(head.data, end=end, per_byte=False)
                every = readings.everything.logprob(head.data, end=end)
            except TokbenchError as error:
                rows.append(replace(base, outcome="failed", message=str(error)))
                continue
            share = 1 - math.exp(min(0.0, own.value - every.value))
            low, high = (1 - math.exp(min(0.0, own.value - bound)) for bound in (every.lower, every.upper))
            rows.append(
                replace(base, outcome="correct", score=share, gold=head.data.decode(),
                       message=f"between {low:.6g} and {high:.6g}")
            )  # fmt: skip
    return rows


def choice_samples(readings: Readings, questions: Sequence[Choice]) -> list[Sample]:
    """Rows of lm-eval's context/continuation cut: error in nats, empty continuations, changed answers."""
    rows: list[Sample] = []
    model = readings.canonical
    for question in questions:
        item = f"lm-eval/{question.passage.name}/{len(question.context.encode())}"
        side = "context-space" if question.context.endswith(" ") else "answer-space"
        base = Sample(
            item_id=item, metric="lm_eval.error", outcome="correct", cluster=question.passage.name, stratum=side
        )
        try:
            exact = [score.value for score in model.choose(question.context, question.answers)]
            scored = [lm_eval_logprob(model, question.context, answer) for answer in question.answers]
        except TokbenchError as error:
            rows.append(replace(base, metric="lm_eval.error", outcome="failed", message=str(error)))
            continue
        usual = [score.value for score in scored]
        empty = scored[0].tokens == 0
        difference = usual[0] - exact[0]
        if math.isfinite(difference):
            rows.append(replace(base, metric="lm_eval.error", outcome="correct", score=difference))
        else:
            rows.append(replace(base, metric="lm_eval.error", outcome="invalid", message="one of the two is -inf"))
        rows.append(replace(base, metric="lm_eval.empty", outcome="wrong" if empty else "correct", score=float(empty)))
        first, second = int(np.argmax(exact)), int(np.argmax(usual))
        changed = first != second
        rows.append(
            replace(base, metric="lm_eval.changed", outcome="wrong" if changed else "correct", score=float(changed),
                completion=f"exact {first == 0:d}, lm-eval {second == 0:d}", gold=question.answers[0])
        )  # fmt: skip
    return rows


def invariance_samples(readings: Readings, texts: Sequence[Passage], *, points: int = 4) -> list[Sample]:
    """Rows of how far log P(text) moves with the cut between prompt and continuation, exact and as lm-eval cuts.

    The cuts stand at characters, evenly spread. lm-eval's own sum is the score of the context, by the tokens of the
    context alone, plus that of the continuation.
    """
    rows: list[Sample] = []
    model = readings.canonical
    for passage in texts:
        text = passage.data.decode()
        base = Sample(item_id=f"cut/{passage.name}", metric="cut.exact_spread", outcome="correct", cluster=passage.name)
        try:
            whole = model.logprob(text).value
            exact, usual = [whole], [lm_eval_logprob(model, "", text).value]
            for point in range(1, points + 1):
                at = max(1, len(text) * point // (points + 1))
                front, back = text[:at], text[at:]
                exact.append(model.logprob(front).value + model.logprob(back, given=front).value)
                usual.append(lm_eval_logprob(model, "", front).value + lm_eval_logprob(model, front, back).value)
        except TokbenchError as error:
            rows.append(replace(base, metric="cut.exact_spread", outcome="failed", message=str(error)))
            continue
        for metric, values in (("cut.exact_spread", exact), ("cut.lm_eval_spread", usual)):
            if all(map(math.isfinite, values)):
                spread = max(values) - min(values)
                rows.append(replace(base, metric=metric, outcome="correct", score=spread))
            else:
                rows.append(replace(base, metric=metric, outcome="invalid", message="a cut gives -inf"))
    return rows
