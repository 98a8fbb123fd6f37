"""Golden numbers of byte models, derived as fractions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np
import pytest
from byte_toys import READINGS, byte_vocabulary, fraction_model
from exact_reference import ExactReference
from golden_toys import (
    AA,
    FAMILIES,
    LEAKY,
    LEAKY_TABLE,
    SPLIT,
    SPLIT_ROW,
    STOP,
    A,
    byte_model,
    chain,
    constant,
    golden,
    markov,
    near,
)

from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.readings import END

F = Fraction
CHAIN_TEXTS = [bytes(letters) for size in range(1, 8) for letters in product(b"AB", repeat=size)]


# ---------------------------------------------------------------------- 7.1


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("reading", READINGS)
def test_the_definitions_give_the_chain_in_fractions(reading: str, stop: bool) -> None:  # noqa: FBT001, a parameter
    exact = ExactReference(partial(markov, stop=stop), golden(), reading, F(1))
    assert all(exact.weight(text) == chain(text, stop=stop) for text in CHAIN_TEXTS if len(text) < 7)
    assert all(exact.special(text, [STOP]) == chain(text, stop=stop) * F(stop, 10) for text in CHAIN_TEXTS[:30])


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_string_of_the_chain_has_its_probability(family: str, reading: str, stop: bool) -> None:  # noqa: FBT001
    width = golden(family).width
    model = byte_model(partial(markov, stop=stop, width=width), family=family, reading=reading, renormalise=None)
    texts = CHAIN_TEXTS if family in {"greedy", "tiktoken"} else CHAIN_TEXTS[:62]
    for text in texts:
        assert near(math.exp(model.logprob(text).value), chain(text, stop=stop))


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_end_has_its_probability_in_every_family(family: str, reading: str) -> None:
    width = golden(family).width
    model = byte_model(partial(markov, stop=True, width=width), family=family, reading=reading)
    after = model.next_byte_logprobs(b"A")
    assert near(after[b"A"], F(27, 40))
    assert near(after[b"B"], F(9, 40))
    assert near(after[END], F(1, 10))
    assert after.leak == pytest.approx(0, abs=1e-12)
    for text in (b"", b"A", b"AA", b"BAA", b"ABAAA"):
        score = model.logprob(text, end=True)
        assert near(math.exp(score.value), chain(text, stop=True) / 10)


@pytest.mark.parametrize(
    ("prompt", "a", "naive"),
    [(b"A", F(3, 4), 0), (b"AA", F(3, 4), F(3, 4)), (b"AAA", F(3, 4), 0), (b"BA", F(3, 4), 0), (b"AB", F(1, 2),
     F(1, 2)), (b"ABAAA", F(3, 4), 0)],
)  # fmt: skip
@pytest.mark.parametrize("reading", READINGS)
def test_the_next_letter_is_that_of_the_chain(prompt: bytes, a: F, naive: F | int, reading: str) -> None:
    found = byte_model(markov, reading=reading).next_byte_logprobs(prompt)
    assert near(found[b"A"], a)
    assert near(found[b"B"], 1 - a)
    assert found.leak == pytest.approx(0, abs=1e-12)
    assert found.exact
    ids = golden().encode(prompt)
    assert ids is not None
    row = markov(tuple(ids))
    assert row[A] + row[AA] == naive


def test_the_cut_of_context_and_continuation() -> None:
    # joint encoding cut where the context's own encoding ends, as lm-eval does, against the exact conditional
    toy, model = golden(), byte_model(markov, renormalise=None)

    def product_of(ids: Sequence[int], start: int) -> F:
        return math.prod((markov(tuple(ids[:at]))[ids[at]] for at in range(start, len(ids))), start=F(1))

    for continuation, wanted in ((b"A", F(3, 4)), (b"B", F(1, 4))):
        joint = toy.encode(b"A" + continuation)
        assert joint is not None
        assert product_of(joint, 1) == 1
        assert near(math.exp(model.logprob(continuation, given=b"A").value), wanted)
    text, wanted_by_cut = b"ABAAA", {1: F(3, 256), 2: F(3, 256), 3: F(1, 256), 4: F(3, 256)}
    for cut, wanted in wanted_by_cut.items():
        context, joint = toy.encode(text[:cut]), toy.encode(text)
        assert context is not None
        assert joint is not None
        assert product_of(context, 0) * product_of(joint, len(context)) == wanted
        both = model.logprob(text[:cut]).value + model.logprob(text[cut:], given=text[:cut]).value
        assert near(math.exp(both), F(3, 64))
    score = model.logprob(text)
    assert score.bits == pytest.approx(4.415037, abs=1e-6)
    assert score.bits_per_byte == pytest.approx(0.883007, abs=1e-6)


# ---------------------------------------------------------------------- 7.2


@pytest.mark.parametrize(("text", "reading"), LEAKY_TABLE)
def test_the_leaky_model(text: bytes, reading: str) -> None:
    weight, to_a, to_b, end, leak, share = LEAKY_TABLE[text, reading]
    exact = ExactReference(partial(constant, LEAKY), golden(), reading, F(1))
    assert (exact.weight(text), exact.weight(text + b"A"), exact.weight(text + b"B")) == (weight, to_a, to_b)
    assert exact.special(text, [STOP]) == end
    assert weight - to_a - to_b - end == leak
    found = byte_model(partial(constant, LEAKY), reading=reading, renormalise=None).next_byte_logprobs(text)
    assert near(math.exp(found.log_weight), weight)
    assert near(found[b"A"], to_a / weight)
    assert near(found[b"B"], to_b / weight)
    assert near(found[END], end / weight)
    assert found.leak == pytest.approx(float(leak / weight), abs=1e-12)
    assert near(byte_model(partial(constant, LEAKY), reading=reading).next_byte_logprobs(text)[b"A"], share)


def test_the_leaky_model_masked_token_by_token() -> None:
    model = byte_model(partial(constant, LEAKY), renormalise="token")
    after = model.next_byte_logprobs(b"A")
    assert near(math.exp(after.log_weight), F(5, 8))
    assert near(after[b"A"], F(2, 5))
    assert near(after[b"A"] * 5 / 8, F(1, 4))
    assert near(after[b"B"] * 5 / 8, F(1, 4))
    assert near(after[END] * 5 / 8, F(1, 8))
    assert after.leak == 0
    three = model.next_byte_logprobs(b"AAA")
    weight = math.exp(three.log_weight)
    assert near(weight * three[b"A"], F(1, 16))
    assert near(weight * three[b"B"], F(1, 16))
    assert near(weight * three[END], F(1, 32))


def test_the_leaky_model_against_the_naive_next_byte() -> None:
    model = byte_model(partial(constant, LEAKY), reading="all")
    naive = np.zeros(258)
    naive[[ord("A"), ord("B"), END]] = [5 / 8, 1 / 4, 1 / 8]
    for prompt, distance in ((b"A", F(3, 20)), (b"AA", F(9, 124))):
        found = model.next_byte_logprobs(prompt).probabilities
        assert near(float(np.abs(found - naive).sum() / 2), distance)
    whole = math.exp(model.logprob(b"AA", end=True).value)
    encoded = math.exp(byte_model(partial(constant, LEAKY), renormalise=None).logprob(b"AA", end=True).value)
    assert near(1 - encoded / whole, F(9, 25))


def test_the_certificate_with_only_the_start_context_run() -> None:
    model = byte_model(partial(constant, LEAKY), reading="all", eps=0.9)
    found = model.next_byte_logprobs(b"A")
    assert found.positions == 0
    assert found[b"A"] == pytest.approx(1)
    assert near(math.exp(found.lower[ord("A")]), F(2, 5))
    assert near(math.exp(found.upper[ord("A")]), 1)
    assert near(found.unexpanded, F(3, 5))
    exact = byte_model(partial(constant, LEAKY), reading="all").next_byte_logprobs(b"A")
    assert near(found.total_variation(exact), F(9, 40))
    assert found.unproved_zero[ord("B")]
    assert not found.exact


def test_a_token_as_two_ids() -> None:
    split = fraction_model(partial(constant, SPLIT_ROW), end_ids=(STOP,))
    model = ByteModel.over(split, byte_vocabulary(SPLIT, ends=[STOP]), reading="all", eps=0)
    wanted = [F(1), F(5, 8), F(31, 64), F(173, 512), F(1015, 4096), F(5813, 32768)]
    for size, weight in enumerate(wanted):
        assert near(math.exp(model.logprob(b"A" * size).value), weight)
        assert near(math.exp(byte_model(partial(constant, LEAKY), reading="all").logprob(b"A" * size).value), weight)


# ---------------------------------------------------------------------- 7.3 and 7.4


def test_healing_one_token_is_not_enough() -> None:
    table = {0: b"a", 1: b"b", 2: b"c", 3: b"d", 4: b"abc"}
    rows: dict[tuple[int, ...], list[F | int]] = {
        (): [F(1, 4), 0, 0, 0, F(3, 4), 0],
        (0,): [0, 1, 0, 0, 0, 0],
        (0, 1): [0, 0, 0, 1, 0, 0],
    }
    done: list[F | int] = [0, 0, 0, 0, 0, 1]
    model = fraction_model(lambda ids: rows.get(ids, done), end_ids=(5,))
    exact = ByteModel.over(model, byte_vocabulary(table, ends=[5]), reading="all", eps=0)
    found = exact.next_byte_logprobs(b"ab")
    assert near(found[b"c"], F(3, 4))
    assert near(found[b"d"], F(1, 4))
    assert rows[0, 1][2] == 0  # naive
    assert [token for token in table if rows[0,][token]] == [1]  # behind [a], one token back, only b fits
    assert near(math.exp(exact.logprob(b"abd", end=True).value), F(1, 4))


def test_an_inserted_space() -> None:
    table = {0: b" ", 1: b"a", 2: b" a", 3: b"aa", 4: b"b"}
    row = [F(1, 4), F(1, 4), F(1, 8), F(1, 8), F(1, 8), F(1, 8)]
    vocabulary, model = byte_vocabulary(table, ends=[5]), fraction_model(partial(constant, row), end_ids=(5,))
    plain = ByteModel.over(model, vocabulary, reading="all", eps=0)
    assert near(math.exp(plain.logprob(b" ").value), F(3, 8))
    assert near(math.exp(plain.logprob(b" a").value), F(7, 32))
    assert near(math.exp(plain.logprob(b"a").value), F(3, 8))
    behind = ByteModel.over(model, vocabulary, reading="all", eps=0, prefix=b" ")
    assert near(math.exp(behind.logprob("a").value), F(7, 12))
    assert near(math.exp(behind.logprob("aa").value), F(13, 48))
    assert near(behind.next_byte_logprobs("")["a"], F(7, 12))
    assert behind.next_byte_logprobs("").log_weight == pytest.approx(0, abs=1e-12)
    state = behind.start().push("a")
    assert state.data == b"a"
    assert near(math.exp(state.next_byte_logprobs().log_weight), F(7, 12))
    score = behind.logprob("aa")
    assert score.bits_per_byte == pytest.approx(-math.log2(13 / 48) / 2)
