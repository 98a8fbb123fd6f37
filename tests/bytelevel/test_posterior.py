"""The segmentation of a text, given the text."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from byte_toys import Case, byte_vocabulary, text_toy
from golden_toys import LEAKY, byte_model, constant, markov

from tokbench.bytelevel import Lattice
from tokbench.errors import OptionError, UncoverableTextError
from tokbench.models import HashModel


@pytest.mark.parametrize("reading", ["all", "canonical"])
def test_the_three_ways_to_write_three_letters(reading: str) -> None:
    found = byte_model(partial(constant, LEAKY), reading=reading).segmentation_posterior(b"AAA")
    assert found.segmentations == ((0, 2), (2, 0), (0, 0, 0))
    assert found.probabilities * 123 / 512 == pytest.approx([3 / 32, 3 / 32, 27 / 512])
    assert found.log_total == pytest.approx(math.log(123 / 512 / 8))
    assert (found.count, found.exact, found.effective_sample_size) == (3, True, math.inf)
    assert found.probability((0, 2)) == pytest.approx(48 / 123)
    assert found.probability((2, 2)) == 0


def test_a_perfect_model_writes_one_segmentation() -> None:
    found = byte_model(partial(markov, stop=True)).segmentation_posterior(b"ABAAA")
    assert found.segmentations == ((0, 1, 2, 0),)
    assert found.probabilities.tolist() == [1.0]
    assert math.exp(found.log_total) == pytest.approx(3 / 64 * 0.9**5 / 10)


def test_every_segmentation_has_its_share() -> None:
    made = Case(text_toy(0), 3, 1.0, "ids", "all")
    text = b"a b's"
    found = made.over().segmentation_posterior(text)
    exact = made.exact
    lattice = Lattice(made.toy.vocabulary, text, distinct="ids")
    assert found.count == lattice.count() == len(found.segmentations)
    whole = exact.special(text, made.toy.end_ids)
    for ids, share in zip(found.segmentations, found.probabilities, strict=True):
        ended = sum(float(exact.row(ids)[token]) for token in made.toy.end_ids)
        assert share == pytest.approx(float(exact.probability(ids)) * ended / float(whole), rel=1e-9)
    assert found.log_total == pytest.approx(math.log(float(whole)))


def test_draws_come_near_what_they_stand_for() -> None:
    model = Case(text_toy(0), 3, 0.5, "ids", "all").over()
    text = b"a b a"
    exact = model.segmentation_posterior(text)
    drawn = model.segmentation_posterior(text, limit=1, draws=4000, seed=1)
    again = model.segmentation_posterior(text, limit=1, draws=4000, seed=1)
    assert drawn.segmentations == again.segmentations
    assert not drawn.exact
    assert drawn.count == exact.count
    assert 100 < drawn.effective_sample_size <= 4000
    assert drawn.log_total == pytest.approx(exact.log_total, abs=0.1)
    assert float(drawn.probabilities.sum()) == pytest.approx(1)
    for ids, share in zip(exact.segmentations, exact.probabilities, strict=True):
        assert abs(drawn.probability(ids) - share) < 0.05


def test_long_texts_are_drawn_without_being_enumerated() -> None:
    model = byte_model(partial(constant, LEAKY))
    found = model.segmentation_posterior(b"A" * 60, draws=200)
    assert not found.exact
    assert found.count == Lattice(model.vocabulary, b"A" * 60).count() > 10**11
    whole = byte_model(partial(constant, LEAKY), reading="all", eps=0).start()
    assert whole.data == b""
    # W(A^n, END) by the recurrence of independent ids
    weights = [1.0, 3 / 8]
    while len(weights) < 61:
        weights.append(3 / 8 * weights[-1] + 1 / 4 * weights[-2])
    assert found.log_total == pytest.approx(math.log(weights[60] / 8), abs=0.2)


def test_two_ids_of_one_token_are_two_segmentations() -> None:
    vocabulary = byte_vocabulary({0: b"a", 1: b"a"}, ends=[2])
    made = HashModel(vocabulary, seed=1)
    model = type(byte_model(markov)).over(made, vocabulary, reading="all", eps=0)
    found = model.segmentation_posterior(b"aa")
    assert (found.count, len(found.segmentations)) == (4, 4)
    assert np.all(np.diff(found.probabilities) <= 0)


def test_what_has_no_segmentation_is_refused() -> None:
    model = byte_model(partial(constant, LEAKY))
    with pytest.raises(UncoverableTextError) as error:
        model.segmentation_posterior(b"AAxA")
    assert error.value.offset == 2
    for name in ("limit", "draws"):
        with pytest.raises(OptionError, match=name):
            model.segmentation_posterior(b"A", **{name: 0})
