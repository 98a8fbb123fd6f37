"""The laws of the byte-token core as functions: the property tests and the planted bugs call the same ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np
from byte_toys import Case
from numpy.typing import NDArray

from tokbench.bytelevel.bytestate import ByteState
from tokbench.bytelevel.distribution import ByteDistribution
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.readings import END, OTHER
from tokbench.errors import CertificateError, DeadEndError, UncoverableTextError

REL = 1e-9
"""Relative error that rounding in float64 may make."""

NOISE = 1e-12
"""Rounding is not in a certificate: bounds are widened by so much (relative) before they are held against the truth."""


def close(found: float, wanted: float, rel: float = REL) -> bool:
    """Whether two logarithms stand for numbers within a relative error of ``rel``."""
    return found == wanted or abs(found - wanted) <= rel


def ln(value: float | Decimal) -> float:
    """Natural logarithm; of 0 it is -inf."""
    if not value:
        return -math.inf
    return float(value.ln()) if isinstance(value, Decimal) else math.log(value)


def reachable(model: ByteModel, text: bytes) -> list[tuple[ByteState, ByteDistribution]]:
    """States and distributions after every prefix of a text that the model gives any probability to."""
    found = []
    for size in range(len(text) + 1):
        state = model.start().push(text[:size])
        try:
            found.append((state, state.next_byte_logprobs()))
        except (DeadEndError, UncoverableTextError):
            break
    return found


def expected(state: ByteState) -> ByteDistribution:
    """The distribution of a state whose text has some probability."""
    try:
        return state.next_byte_logprobs()
    except (DeadEndError, UncoverableTextError) as error:
        raise AssertionError(f"{state.data!r} has a probability") from error


# ---------------------------------------------------------------------- 1-5 and 11: what the numbers mean


def normalised(case: Case, text: bytes) -> None:
    """1: bytes, END, OTHER and leak make 1 at every state, and nothing leaks where nothing may.

    A distribution is divided by its own sum, so that it adds up says little; that the weights of all texts one byte
    longer, the end and the rest make up W says more, and that W of the empty text is 1.
    """
    model = case.over()
    for state, found in reachable(model, text):
        total = float(found.probabilities.sum())
        assert found.exact
        assert not np.isnan(found.logprobs).any()
        assert math.isclose(total + (found.leak if case.renormalise is None else 0.0), 1, rel_tol=REL), (total, found)
        assert -REL <= found.leak <= 1
        if case.reading == "all" or case.renormalise == "token":
            assert found.leak == 0
        if not state.data:
            assert close(found.log_weight, 0.0), found.log_weight
        if case.renormalise is not None:
            continue
        parts = found[END] + found[OTHER] + found.leak
        for byte in np.flatnonzero(found.logprobs[:256] > -np.inf).tolist():
            try:
                longer = state.fork().push(bytes([byte])).next_byte_logprobs()
            except (DeadEndError, UncoverableTextError):
                parts += found[byte]  # nothing can follow
                continue
            parts += math.exp(longer.log_weight - found.log_weight)
        assert math.isclose(parts, 1, rel_tol=REL), (state.data, parts)


def chained(case: Case, text: bytes) -> None:
    """2: log W is the sum of the logarithms of the next bytes, wherever no byte is renormalised on its own."""
    assert case.renormalise != "byte"
    states = reachable(case.over(), text)
    total = 0.0
    for (state, found), (_, after), byte in zip(states, states[1:], text, strict=False):
        total += float(found.logprobs[byte])
        assert close(after.log_weight, total), (state.data, byte)


def monotone(case: Case, text: bytes) -> None:
    """3: a longer text is never likelier, and every text begins with the empty one."""
    weights = [found.log_weight for _, found in reachable(case.over(), text)]
    assert not weights or close(weights[0], 0.0)  # none where nothing at all is admitted behind the empty text
    assert all(later <= earlier + REL for earlier, later in pairwise(weights))


def as_defined(case: Case, text: bytes) -> None:
    """4: distribution, weight and leak are those of the definitions."""
    reference = case.reference
    weight, weights = reference.weight(text), reference.weights(text)
    whole = float(weights.sum())
    state = case.over().start().push(text)
    if weight == 0 or whole == 0:
        try:
            found = state.next_byte_logprobs()
        except (DeadEndError, UncoverableTextError):
            return
        raise AssertionError(f"{text!r} has no probability, and {found} says it has")
    found = expected(state)
    wanted = weights / (whole if case.renormalise == "byte" else weight)
    assert np.abs(found.probabilities - wanted).sum() / 2 <= REL
    mass = wanted > 0
    assert np.array_equal(found.logprobs > -np.inf, mass)
    assert np.abs(found.logprobs[mass] - np.log(wanted[mass])).max() <= REL
    assert close(found.log_weight, math.log(weight))
    assert abs(found.leak - (1 - whole / weight)) <= REL
    assert found.exact
    assert np.array_equal(found.lower, found.upper)
    assert not found.unproved_zero.any()


def without_underflow(case: Case, text: bytes) -> None:
    """4 and 18: weights of the text and of everything one symbol longer, against decimal numbers."""
    toy, exact = case.toy, case.exact
    if not (whole := exact.weight(text)):
        return
    others = [token for token in range(toy.width) if token not in toy.bytes_of and token not in toy.end_ids]
    parts = {byte: exact.weight(text + bytes([byte])) for byte in sorted(set().union(*toy.bytes_of.values()))}
    parts |= {END: exact.special(text, toy.end_ids), OTHER: exact.special(text, others)}
    state = case.over(renormalise=None).start().push(text)
    if not any(parts.values()):  # all of it leaks
        try:
            state.next_byte_logprobs()
        except DeadEndError:
            return
        raise AssertionError(f"nothing follows {text!r}")
    found = expected(state)
    assert close(found.log_weight, ln(whole)), (found.log_weight, ln(whole))
    for symbol, part in parts.items():
        wanted = ln(part) - ln(whole)
        assert close(float(found.logprobs[symbol]), wanted), (symbol, found.logprobs[symbol], wanted)


def marginal(case: Case, text: bytes) -> None:
    """5: W(x, END) is the sum over the admitted segmentations of their probability times that of the end."""
    exact = case.exact
    whole = exact.special(text, case.toy.end_ids)
    try:
        found = case.over(renormalise=None).logprob(text, end=True).value
    except (DeadEndError, UncoverableTextError):
        assert whole == 0
        return
    assert close(found, ln(whole)), (found, ln(whole))


def encoding_alone(case: Case, text: bytes) -> None:
    """5: in CANONICAL a finished text has one segmentation, its encoding."""
    toy, exact = case.toy, case.read("canonical").exact
    ids = toy.encode(text)
    assert ids is not None
    product = exact.probability(tuple(ids)) * sum((exact.row(tuple(ids))[token] for token in toy.end_ids), Decimal(0))
    found = case.over(reading="canonical", renormalise=None).logprob(text, end=True).value
    assert close(found, ln(product)), (found, ln(product))


def ordered(case: Case, text: bytes) -> None:
    """11: CANONICAL <= CANONICAL_CONTEXT <= ALL."""
    weights = []
    for reading in ("canonical", "canonical_context", "all"):
        states = reachable(case.over(reading=reading, renormalise=None), text)
        weights.append(states[-1][1].log_weight if len(states) == len(text) + 1 else -math.inf)
    assert weights[0] <= weights[1] + REL
    assert weights[1] <= weights[2] + REL


# ---------------------------------------------------------------------- 9: ways to the same number


def stepwise(model: ByteModel, text: bytes, *, end: bool) -> list[float]:
    """Logarithm of each byte of a text, and of its end, asked for one after the other."""
    state = model.start()
    steps = []
    for byte in text:
        steps.append(float(state.next_byte_logprobs().logprobs[byte]))
        if steps[-1] == -math.inf:
            return steps
        state.push(bytes([byte]))
    if end:
        steps.append(float(state.next_byte_logprobs().logprobs[END]))
    return steps


def associative(case: Case, text: bytes) -> None:
    """9: how a text is cut into pushes, and what is asked in between, changes nothing."""
    model = case.over()
    try:
        wanted = model.next_byte_logprobs(text)
    except (DeadEndError, UncoverableTextError):
        return
    for cut in range(len(text) + 1):
        state = model.start().push(text[:cut])
        state.next_byte_logprobs()
        twin = state.fork()
        found = state.push(text[cut:]).next_byte_logprobs()
        assert np.allclose(found.probabilities, wanted.probabilities, rtol=REL, atol=0)
        assert close(found.log_weight, wanted.log_weight)
        later = twin.push(text[cut:]).next_byte_logprobs()  # the sibling has moved on; this one has not noticed
        assert np.array_equal(later.logprobs, found.logprobs)


def at_once(case: Case, text: bytes) -> None:
    """9: one tree, byte by byte, and the whole alone give the same score."""
    assert case.reading != "all"
    model = case.over()
    try:
        steps = stepwise(model, text, end=True)
    except (DeadEndError, UncoverableTextError):
        return
    if len(steps) <= len(text):
        return
    score = model.logprob(text, end=True)
    assert score.per_byte is not None
    assert len(score.per_byte) == len(text) + 1
    assert all(map(close, score.per_byte.tolist(), steps)), (score.per_byte, steps)
    assert close(score.value, math.fsum(steps))
    assert score.exact
    assert score.lower == score.value == score.upper
    alone = model.logprob(text, end=True, per_byte=False)
    assert close(alone.value, score.value)
    by_budget = case.over(max_positions=10**9).logprob(text, end=True)  # a budget forbids the tree
    assert close(by_budget.value, score.value)
    assert alone.positions <= score.positions


def cut_anywhere(case: Case, text: bytes) -> None:
    """15: the score of a text is the score of its beginning and of the rest behind it, wherever it is cut."""
    model = case.over()
    try:
        whole = model.logprob(text).value
    except (DeadEndError, UncoverableTextError):
        return
    if whole == -math.inf:  # behind a text without probability nothing has any
        return
    for cut in range(len(text) + 1):
        parts = model.logprob(text[:cut]).value + model.logprob(text[cut:], given=text[:cut]).value
        assert close(parts, whole), (cut, parts, whole)


# ---------------------------------------------------------------------- 10: certificates


def inside(found: ByteDistribution, truth: NDArray[np.float64], log_weight: float) -> None:
    """The truth (probabilities of the 258 symbols) lies in the intervals; zeros are zeros only where proved."""
    for lower, value, upper in zip(found.lower, truth, found.upper, strict=True):
        assert math.exp(lower) <= value + NOISE
        assert value <= math.exp(upper) * (1 + NOISE) + NOISE
    assert (found.lower <= found.logprobs + NOISE).all()
    assert (found.logprobs <= found.upper + NOISE).all()
    assert found.log_weight_lower <= log_weight + REL
    assert log_weight <= found.log_weight_upper + REL
    assert not (np.isneginf(found.upper) & (truth > 0)).any()
    assert np.array_equal(found.unproved_zero, np.isneginf(found.logprobs) & (found.upper > -np.inf))
    if found.exact:
        assert np.array_equal(found.lower, found.upper)
        assert not found.unproved_zero.any()


def certified(case: Case, text: bytes, options: dict[str, float]) -> None:
    """10: under any eps and budget the truth is in the intervals, and within the bound in total variation."""
    try:
        exact = case.over().next_byte_logprobs(text)
    except (DeadEndError, UncoverableTextError):
        return
    try:
        found = expected(case.over(**options).start().push(text))
    except CertificateError:
        assert len(options) > 1  # only a budget may leave nothing known
        return
    truth = exact.probabilities
    inside(found, truth, exact.log_weight)
    if case.renormalise is not None:  # the bound is one of the renormalised distribution
        distance = float(np.abs(found.probabilities - truth).sum() / 2)
        assert distance <= found.unexpanded + REL, (distance, found.unexpanded)
    if set(options) == {"eps"}:
        assert found.unexpanded <= options["eps"] + NOISE


def narrowing(case: Case, text: bytes, ladder: Sequence[float]) -> None:
    """10: with a smaller eps no interval is wider; with 0 every width is 0."""
    try:
        found = [case.over(eps=eps).next_byte_logprobs(text) for eps in sorted(ladder, reverse=True)]
    except (DeadEndError, UncoverableTextError):
        return
    for wide, narrow in pairwise(found):
        assert (np.exp(narrow.upper) - np.exp(narrow.lower) <= np.exp(wide.upper) - np.exp(wide.lower) + NOISE).all()
        assert narrow.unexpanded <= wide.unexpanded + NOISE


def relative(case: Case, text: bytes, eps: float) -> None:
    """10: a score misses the logarithm of each byte by at most log(1 + eps), however rare the byte is."""
    exact, rough = case.over(), case.over(eps=eps, max_positions=10**9)
    try:
        wanted = np.array(stepwise(exact, text, end=True))
    except (DeadEndError, UncoverableTextError):
        return
    if len(wanted) <= len(text) or np.isneginf(wanted).any():
        return
    score = rough.logprob(text, end=True)
    assert score.per_byte is not None
    assert np.isfinite(score.per_byte).all()
    assert np.abs(score.per_byte - wanted).max() <= math.log1p(eps) + REL, (score.per_byte, wanted)
    if case.renormalise != "byte":
        assert score.lower - REL <= wanted.sum() <= score.upper + REL


def scored_in_budget(case: Case, text: bytes, options: dict[str, float]) -> None:
    """10: whatever the budget, the score of a text lies in its interval and is -inf only if that is proved."""
    try:
        wanted = case.over().logprob(text, end=True).value
    except (DeadEndError, UncoverableTextError):
        return
    score = case.over(**options).logprob(text, end=True)
    assert not math.isnan(score.value)
    assert score.lower - REL <= wanted <= score.upper + REL, (score, wanted)
    assert score.lower <= score.value <= score.upper
    if score.value == -math.inf:
        assert wanted == -math.inf
        assert score.upper == -math.inf
    if score.exact:
        assert close(score.value, wanted)
