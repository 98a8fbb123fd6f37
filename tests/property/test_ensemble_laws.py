"""What joining models means: law 20 over random vocabularies, members of different families and readings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from byte_toys import READINGS, SEEDS, Case, Toy, letter_toys
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokbench.bytelevel import ByteModel, Ensemble
from tokbench.bytelevel.readings import END, OTHER
from tokbench.errors import CertificateError

pytestmark = pytest.mark.property

JOINS = ("mean", "product", "mixture")
Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Joined:
    """Models over random vocabularies, and a text that all of them can have."""

    cases: tuple[Case, ...]
    weights: tuple[float, ...]
    text: bytes

    def members(self, **options: object) -> list[ByteModel]:
        return [case.over(**options) for case in self.cases]


@st.composite
def joined(
    draw: st.DrawFn, *, least: int = 2, most: int = 3, readings: Sequence[str] = READINGS, size: int = 4
) -> Joined:
    def case(toy: Toy) -> Case:
        scale = draw(st.sampled_from([0.5, 1.0, 3.0]))
        return Case(
            toy, draw(SEEDS), scale, "ids", draw(st.sampled_from(readings)), draw(st.sampled_from([None, "byte"]))
        )

    number = draw(st.integers(least, most))
    toys = draw(st.lists(letter_toys(), min_size=number, max_size=number))
    common = sorted(set.intersection(*({*toy.symbols} for toy in toys)))
    text = b"".join(draw(st.lists(st.sampled_from(common), max_size=size)))
    weights = draw(st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0]), min_size=number, max_size=number))
    return Joined(tuple(case(toy) for toy in toys), tuple(weights), text)


def own(model: ByteModel, text: bytes) -> Rows:
    """A member's bytes and end, divided by their sum; shape (257,)."""
    found = model.next_byte_logprobs(text).probabilities[:OTHER]
    return np.asarray(found / found.sum())


def sequence(model: ByteModel, text: bytes) -> float:
    """Q: product of the member's conditionals over a text."""
    return math.prod(float(own(model, text[:at])[byte]) for at, byte in enumerate(text))


def probabilities(ensemble: Ensemble, text: bytes) -> Rows:
    found = ensemble.next_byte_logprobs(text)
    assert found.logprobs[OTHER] == -np.inf
    assert found.lower == pytest.approx(found.logprobs)
    assert found.upper == pytest.approx(found.logprobs)
    return found.probabilities[:OTHER]


@given(joined(least=1, most=1), st.sampled_from(JOINS), st.floats(0.1, 0.9))
@settings(max_examples=60)
def test_20_a_model_joined_with_itself_is_itself(item: Joined, join: str, weight: float) -> None:
    (model,) = item.members()
    wanted = own(model, item.text)
    for weights in ([1.0], [weight, 1 - weight], [0.5, 0.25, 0.25]):
        twins = Ensemble([model] * len(weights), join=join, weights=weights)
        assert probabilities(twins, item.text) == pytest.approx(wanted, rel=1e-9, abs=1e-300)


@given(joined())
@settings(max_examples=60)
def test_20_a_weight_of_zero_takes_a_member_away(item: Joined) -> None:
    members = item.members()
    weights = [1.0, *[0.0] * (len(members) - 1)]
    for join in JOINS:
        found = probabilities(Ensemble(members, join=join, weights=weights), item.text)
        assert found == pytest.approx(own(members[0], item.text), rel=1e-9, abs=1e-300)


@given(joined(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_20_the_order_of_members_is_irrelevant(item: Joined, rng: object) -> None:
    members = item.members()
    order = list(range(len(members)))
    rng.shuffle(order)  # type: ignore[attr-defined]
    for join in JOINS:
        one = Ensemble(members, join=join, weights=item.weights).next_byte_logprobs(item.text)
        other = Ensemble([members[at] for at in order], join=join, weights=[item.weights[at] for at in order])
        found = other.next_byte_logprobs(item.text)
        assert found.logprobs == pytest.approx(one.logprobs, rel=1e-9, abs=1e-9)
        assert [one.weights[at] for at in order] == pytest.approx(list(found.weights))
        assert [one.dropped[at] for at in order] == pytest.approx(list(found.dropped), abs=1e-12)


@given(joined())
@settings(max_examples=80)
def test_20_every_join_is_as_defined(item: Joined) -> None:
    members = item.members()
    rows = np.stack([own(model, item.text) for model in members])
    weights = np.array(item.weights)
    mean = weights @ rows / weights.sum()
    assert probabilities(Ensemble(members, weights=item.weights), item.text) == pytest.approx(mean, rel=1e-9)
    raw = np.prod(rows ** weights[:, None], axis=0)
    found = probabilities(Ensemble(members, join="product", weights=item.weights), item.text)
    assert found == pytest.approx(raw / raw.sum(), rel=1e-9)
    assert (found[(rows == 0).any(axis=0)] == 0).all()  # vetoes


@given(joined())
@settings(max_examples=60)
def test_20_a_mixture_is_that_of_the_joint_distributions(item: Joined) -> None:
    members = item.members()
    mixture = Ensemble(members, join="mixture", weights=item.weights)
    total = math.fsum(item.weights)
    for end in (False, True):
        joint = math.fsum(
            weight / total * sequence(model, item.text) * (float(own(model, item.text)[END]) if end else 1.0)
            for weight, model in zip(item.weights, members, strict=True)
        )
        assert math.exp(mixture.logprob(item.text, end=end).value) == pytest.approx(joint, rel=1e-9)


@given(joined(), st.sampled_from([-0.25, -1.0]))
@settings(max_examples=60)
def test_20_negative_weights_divide(item: Joined, weight: float) -> None:
    members = item.members()
    rows = np.stack([own(model, item.text) for model in members])
    weights = [2.0, *[weight] * (len(members) - 1)]
    possible = rows[0] > 0
    if (rows[:, possible] == 0).any():
        with pytest.raises(ValueError, match="negative weight"):
            Ensemble(members, join="product", weights=weights).next_byte_logprobs(item.text)
        return
    raw = np.zeros(OTHER)
    raw[possible] = np.prod(rows[:, possible] ** np.array(weights)[:, None], axis=0)
    found = probabilities(Ensemble(members, join="product", weights=weights), item.text)
    assert found == pytest.approx(raw / raw.sum(), rel=1e-9)


@given(joined(readings=("all",)), st.sampled_from([1e-3, 0.05, 0.3, 0.8]), st.sampled_from(JOINS))
@settings(max_examples=80)
def test_20_intervals_hold_the_truth(item: Joined, eps: float, join: str) -> None:
    truth = Ensemble(item.members(), join=join, weights=item.weights)
    rough = Ensemble(item.members(eps=eps), join=join, weights=item.weights)
    wanted = truth.next_byte_logprobs(item.text)
    assert wanted.exact
    try:
        found, score = rough.next_byte_logprobs(item.text), rough.logprob(item.text, end=True)
    except CertificateError:  # of the product nothing is known yet: every symbol has a zero that is not proved
        assert join == "product"
        return
    assert (found.lower <= wanted.logprobs + 1e-9).all()
    assert (wanted.logprobs <= found.upper + 1e-9).all()
    assert (found.lower <= found.logprobs).all()
    assert (found.logprobs <= found.upper).all()
    exactly = truth.logprob(item.text, end=True)
    assert score.lower <= exactly.value + 1e-9
    assert exactly.value <= score.upper + 1e-9
    assert exactly.lower == pytest.approx(exactly.upper)


@given(joined(readings=("all",)), st.sampled_from([0.3, 0.8]))
@settings(max_examples=40)
def test_20_intervals_hold_the_truth_under_negative_weights(item: Joined, eps: float) -> None:
    weights = [1.5, *[-0.5] * (len(item.cases) - 1)]
    every = item.members()
    if any((own(model, item.text) == 0)[own(every[0], item.text) > 0].any() for model in every):
        return
    wanted = Ensemble(every, join="product", weights=weights).next_byte_logprobs(item.text)
    try:
        found = Ensemble(item.members(eps=eps), join="product", weights=weights).next_byte_logprobs(item.text)
    except (ValueError, CertificateError):  # a zero in what is computed: that is said, and no number given
        return
    assert (found.lower <= wanted.logprobs + 1e-9).all()
    assert (wanted.logprobs <= found.upper + 1e-9).all()
