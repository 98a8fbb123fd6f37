"""Draws follow the exact distribution, and guessing ahead changes none of them."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import partial

import byte_laws as laws
import numpy as np
import pytest
from byte_toys import (
    READINGS,
    SEEDS,
    Case,
    Ids,
    byte_vocabulary,
    cases,
    fraction_model,
    letter_toys,
    text_toy,
    texts,
)
from golden_toys import LEAKY
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2  # type: ignore[import-untyped]

from tokbench.bytelevel.generate import shaped
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.readings import END, OTHER
from tokbench.models import load_model
from tokbench.tokenizers import load_tokenizer

pytestmark = pytest.mark.property

RARE = 1e-6


def constant(row: list[Fraction], _: Ids) -> list[Fraction]:
    return row


def chi_square(counts: Counter[int], wanted: NDArray[np.float64], n: int) -> None:
    """Counts of symbols fit probabilities at a level of one in a million; rare symbols are counted together."""
    assert not [symbol for symbol, count in counts.items() if count and not wanted[symbol]]
    often = [symbol for symbol in range(len(wanted)) if wanted[symbol] * n >= 10]
    bins = [(counts[symbol], wanted[symbol] * n) for symbol in often]
    rest = n - sum(count for count, _ in bins)
    expected = n - sum(value for _, value in bins)
    if expected > 5:
        bins.append((rest, expected))
    statistic = sum((count - value) ** 2 / value for count, value in bins)
    assert statistic < chi2.isf(RARE, len(bins) - 1), (statistic, bins)


def drawn(model: ByteModel, prompt: bytes, n: int, seed: int, **options: object) -> Counter[int]:
    """First symbol of ``n`` outputs."""
    outputs = model.generate([prompt] * n, max_bytes=1, seed=seed, **options)  # type: ignore[arg-type]
    return Counter(END if output.finish_reason == "end" else output.data[0] for output in outputs)


@pytest.mark.parametrize("prompt", [b"A", b"AAA"])
def test_lazy_draws_are_exact_on_the_leaky_model(prompt: bytes) -> None:
    vocabulary = byte_vocabulary({0: b"A", 1: b"B", 2: b"AA"}, ends=[3])
    model = ByteModel.over(fraction_model(partial(constant, LEAKY), end_ids=(3,)), vocabulary, reading="all")
    exact = ByteModel.over(fraction_model(partial(constant, LEAKY), end_ids=(3,)), vocabulary, reading="all", eps=0)
    wanted = exact.next_byte_logprobs(prompt).probabilities[:OTHER]
    outputs = model.generate([prompt] * 4000, max_bytes=1, seed=7)
    chi_square(Counter(END if out.finish_reason == "end" else out.data[0] for out in outputs), wanted, 4000)
    assert sum(out.positions for out in outputs) / 4000 < exact.next_byte_logprobs(prompt).positions


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("reading", READINGS)
def test_draws_follow_the_distribution(reading: str, seed: int) -> None:
    toy = text_toy(0)
    made = Case(toy, seed, 3.0, "ids", reading, "byte")
    prompt = b"a "
    wanted = made.over().next_byte_logprobs(prompt).probabilities[:OTHER]
    model = made.over(eps=1e-3) if reading == "all" else made.over()
    chi_square(drawn(model, prompt, 1500, seed), wanted / wanted.sum(), 1500)


def test_tempered_draws_follow_the_tempered_distribution() -> None:
    made = Case(text_toy(0), 1, 3.0, "ids", "canonical", "byte")
    model = made.over()
    wanted = shaped(model.next_byte_logprobs(b"a").logprobs[:OTHER], temperature=0.6, top_p=0.9)
    chi_square(drawn(model, b"a", 1500, 5, temperature=0.6, top_p=0.9), wanted, 1500)


@given(cases(letter_toys()), SEEDS, st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.5, 1.0]), st.data())
@settings(max_examples=40)
def test_guessing_ahead_changes_no_output(
    made: Case, seed: int, temperature: float, top_p: float, data: st.DataObject
) -> None:
    prompts = [data.draw(texts(made.toy, most=4)) for _ in range(2)]
    outputs = []
    for speculate in (False, True):
        out = made.over().generate(
            prompts, max_bytes=10, seed=seed, temperature=temperature, top_p=top_p, speculate=speculate
        )
        outputs.append(out)
    for plain, ahead in zip(*outputs, strict=True):
        assert (plain.data, plain.finish_reason) == (ahead.data, ahead.finish_reason)
        assert laws.close(plain.logprob, ahead.logprob)
        assert ahead.used <= ahead.proposed
        assert ahead.forwards <= plain.forwards


def test_guessing_ahead_saves_calls_of_the_model() -> None:
    toy = load_model("ngram:tiny")
    assert toy.tokenizer_spec is not None
    model = ByteModel(toy, load_tokenizer(toy.tokenizer_spec))
    plain, ahead = (model.generate("The ", max_bytes=60, seed=1, speculate=speculate)[0] for speculate in (False, True))
    assert plain.data == ahead.data
    assert ahead.forwards < 0.8 * plain.forwards
