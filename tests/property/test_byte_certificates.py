"""What is not computed is bounded: law 10 for any eps and budget, and law 18, numbers under stress."""

from __future__ import annotations

import math

import byte_laws as laws
import numpy as np
import pytest
from byte_toys import RENORMALISE, SEEDS, Case, bare_toys, byte_vocabulary, cases, letter_toys, text_toy, texts
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tokbench.bytelevel.distribution import log_subtract
from tokbench.bytelevel.masses import Masses
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.protocol import PrefixModel
from tokbench.errors import CertificateError, DeadEndError, UncoverableTextError

pytestmark = pytest.mark.property

EPS = st.sampled_from([1e-6, 1e-3, 0.01, 0.1, 0.5, 0.9, 2.0])
BUDGETS: st.SearchStrategy[dict[str, float]] = st.one_of(
    st.fixed_dictionaries({"eps": EPS}),
    st.fixed_dictionaries({"eps": EPS, "max_positions": st.integers(1, 30)}),
    st.fixed_dictionaries({"eps": st.just(0.0), "max_positions": st.integers(1, 30)}),
    st.fixed_dictionaries({"eps": st.just(0.0), "positions_per_byte": st.sampled_from([1, 1.5, 2, 4])}),
    st.fixed_dictionaries({"eps": EPS, "positions_per_byte": st.sampled_from([1, 2]), "max_positions": st.just(9)}),
)


def with_text(made: Case, most: int = 7) -> st.SearchStrategy[tuple[Case, bytes]]:
    return st.tuples(st.just(made), texts(made.toy, most=most))


ANY = cases().flatmap(with_text)
MOST = ANY.filter(lambda item: bool(item[1]))


# ---------------------------------------------------------------------- 10


@given(ANY, BUDGETS)
@settings(max_examples=150)
def test_10_the_truth_is_in_the_intervals(item: tuple[Case, bytes], options: dict[str, float]) -> None:
    laws.certified(*item, options)


@given(ANY, st.lists(EPS, max_size=3, unique=True).map(lambda ladder: [0.0, *ladder]))
@settings(max_examples=60)
def test_10_a_smaller_eps_never_widens_an_interval(item: tuple[Case, bytes], ladder: list[float]) -> None:
    laws.narrowing(*item, ladder)


@given(MOST, EPS)
@settings(max_examples=80)
def test_10_a_score_misses_no_byte_by_more_than_eps(item: tuple[Case, bytes], eps: float) -> None:
    laws.relative(*item, eps)


@given(MOST, BUDGETS)
@settings(max_examples=120)
def test_10_scores_in_any_budget(item: tuple[Case, bytes], options: dict[str, float]) -> None:
    laws.scored_in_budget(*item, options)


@given(ANY, st.integers(1, 20))
@settings(max_examples=40)
def test_10_what_was_given_up_stays_given_up(item: tuple[Case, bytes], budget: int) -> None:
    # along one state: the share that is missing never comes back, and the intervals still hold at every byte
    made, text = item
    exact, state = made.over(), made.over(max_positions=budget).start()
    for at in range(len(text) + 1):
        try:
            truth = exact.next_byte_logprobs(text[:at])
            found = state.next_byte_logprobs()
        except (DeadEndError, UncoverableTextError, CertificateError):
            return
        laws.inside(found, truth.probabilities, truth.log_weight)
        assert found.positions <= budget
        state.push(text[at : at + 1])


@given(ANY, st.sampled_from([b"a", b"ab"]), BUDGETS)
@settings(max_examples=40)
def test_10_behind_an_inserted_prefix(item: tuple[Case, bytes], prefix: bytes, options: dict[str, float]) -> None:
    made, text = item
    exact, rough = made.over(prefix=prefix), made.over(prefix=prefix, **options)
    try:
        truth = exact.next_byte_logprobs(text)
        found = rough.next_byte_logprobs(text)
    except (DeadEndError, UncoverableTextError, CertificateError):
        return
    laws.inside(found, truth.probabilities, truth.log_weight)
    assert found.log_weight_lower - laws.REL <= found.log_weight <= found.log_weight_upper + laws.REL
    score = rough.logprob(text, end=True)
    assert score.lower - laws.REL <= exact.logprob(text, end=True).value <= score.upper + laws.REL


@pytest.mark.parametrize("number", range(4))
@given(st.data(), BUDGETS)
@settings(max_examples=15)
def test_10_for_texts_of_characters(number: int, data: st.DataObject, options: dict[str, float]) -> None:
    made = data.draw(cases(st.just(text_toy(number))))
    text = data.draw(texts(made.toy, most=5 if made.reading == "all" else 9))
    laws.certified(made, text, options)
    exact, rough = made.over(utf8_only=True), made.over(utf8_only=True, **options)
    try:
        truth, found = exact.next_byte_logprobs(text), rough.next_byte_logprobs(text)
    except (DeadEndError, UncoverableTextError, CertificateError):
        return
    laws.inside(found, truth.probabilities, truth.log_weight)


def test_10_differences_of_nearly_equal_numbers() -> None:
    assert log_subtract(0.0, -1e-17) == pytest.approx(math.log(1e-17))
    assert log_subtract(-3.0, -3.0) == -math.inf
    assert log_subtract(0.0, -math.inf) == 0.0
    assert log_subtract(0.0, math.log(0.25)) == pytest.approx(math.log(0.75))


# ---------------------------------------------------------------------- 18

SHARP = st.builds(
    Case,
    letter_toys() | bare_toys(),
    SEEDS,
    st.sampled_from([10.0, 30.0, 100.0, 1000.0]),
    st.sampled_from(["ids", "bytes"]),
    st.just("all"),
    st.sampled_from(RENORMALISE),
).flatmap(
    lambda made: st.sampled_from(("all",) if made.toy.rule is None else ("all", "canonical", "canonical_context")).map(
        lambda reading: made.read(reading, made.renormalise)
    )
)


@given(SHARP.flatmap(lambda made: with_text(made, 4)))
@settings(max_examples=60)
def test_18_sharp_models_against_decimal_numbers(item: tuple[Case, bytes]) -> None:
    laws.without_underflow(*item)


@given(SHARP.flatmap(with_text))
@settings(max_examples=60)
def test_18_sharp_models_keep_the_laws(item: tuple[Case, bytes]) -> None:
    laws.normalised(*item)
    if item[0].renormalise != "byte":
        laws.chained(*item)


@given(letter_toys(), SEEDS, st.floats(1, 100))
@settings(max_examples=40)
def test_18_sharper_logits_leave_the_most_probable_byte(toy: object, seed: int, factor: float) -> None:
    # after the empty text a byte is a sum over tokens: with one token a byte the order of bytes is that of logits
    vocabulary = byte_vocabulary({index: bytes([97 + index]) for index in range(5)}, ends=[5])
    logits = np.random.default_rng(seed).normal(size=6)

    def model(scale: float) -> ByteModel:
        scaled = logits * scale
        row = scaled - scaled.max() - math.log(np.exp(scaled - scaled.max()).sum())
        return ByteModel.over(PrefixModel(lambda _: row, width=6, end_ids=(5,)), vocabulary, reading="all", eps=0)

    plain, sharp = model(1).next_byte_logprobs(b"ab"), model(factor).next_byte_logprobs(b"ab")
    assert not np.isnan(sharp.logprobs).any()
    assert sharp.logprobs.argmax() == plain.logprobs.argmax()
    assert np.array_equal(np.argsort(sharp.logprobs[97:102]), np.argsort(plain.logprobs[97:102]))


LOGS = st.lists(
    st.one_of(st.floats(-50, 0), st.floats(-2000, -600), st.sampled_from([-math.inf, -745.2, -708.4, -1e5])),
    min_size=1,
    max_size=12,
)


def log_of(values: list[float]) -> float:
    finite = [value for value in values if value > -math.inf]
    if not finite:
        return -math.inf
    top = max(finite)
    return top + math.log(math.fsum(math.exp(value - top) for value in finite))


@given(LOGS, st.data())
@settings(max_examples=150)
@example([0.0, -1000.0, -1001.0, -math.inf], None)
def test_18_sums_over_ranges_never_underflow(logs: list[float], data: st.DataObject | None) -> None:
    masses = Masses(np.array(logs))
    assert laws.close(masses.log_total(), log_of(logs))
    size = len(logs)
    for lo in range(size):
        for hi in range(lo + 1, size + 1):
            assert laws.close(masses.log_part(lo, hi), log_of(logs[lo:hi]))
            assert laws.close(masses.narrowed(lo, hi).log_total(), log_of(logs[lo:hi]))
    cuts = sorted(data.draw(st.sets(st.integers(0, size - 1)))) if data is not None else [0, 1, 3]
    starts = np.array(sorted({0, *cuts}), np.intp)
    wanted = [log_of(logs[lo:hi]) for lo, hi in zip(starts, [*starts[1:], size], strict=True)]
    assert all(map(laws.close, masses.log_sums(starts).tolist(), wanted))
    if data is not None:
        mask = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
        gone = Masses(np.array(logs))
        assert laws.close(gone.forbid(mask), log_of([log for log, out in zip(logs, mask, strict=True) if out]))
        kept = [-math.inf if out else log for log, out in zip(logs, mask, strict=True)]
        assert all(
            map(
                laws.close,
                gone.log_sums(starts).tolist(),
                [log_of(kept[lo:hi]) for lo, hi in zip(starts, [*starts[1:], size], strict=True)],
            )
        )


def test_18_masses_below_the_smallest_float() -> None:
    # two tokens of 1e-400 and of 1e-500: what follows `a` is decided between them alone
    low, lower = -400 * math.log(10), -500 * math.log(10)
    vocabulary = byte_vocabulary({0: b"b", 1: b"ax", 2: b"ay"}, ends=[3])
    row = np.array([math.log(0.5), low, lower, math.log(0.5)])
    for renormalise in RENORMALISE:
        model = ByteModel.over(
            PrefixModel(lambda _: row, width=4, end_ids=(3,)), vocabulary, reading="all", eps=0, renormalise=renormalise
        )
        found = model.next_byte_logprobs(b"a")
        assert laws.close(found.log_weight, low)
        assert laws.close(float(found.logprobs[ord("x")]), 0.0)
        assert laws.close(float(found.logprobs[ord("y")]), lower - low)
        assert laws.close(model.logprob(b"bay").value, math.log(0.5) + lower)


def test_18_probabilities_of_zero_are_zeros() -> None:
    vocabulary = byte_vocabulary({0: b"a", 1: b"b", 2: b"ab"}, ends=[3])
    row = np.array([-math.inf, 0.0, -math.inf, -math.inf])
    model = ByteModel.over(PrefixModel(lambda _: row, width=4, end_ids=(3,)), vocabulary, reading="all", eps=0)
    found = model.next_byte_logprobs(b"bb")
    assert found.logprobs[ord("b")] == 0
    assert np.isneginf(np.delete(found.logprobs, ord("b"))).all()
    assert found.exact
    assert not found.unproved_zero.any()
    with pytest.raises(DeadEndError):
        model.next_byte_logprobs(b"ba")
    assert model.logprob(b"ba").value == -math.inf
    with pytest.raises(UncoverableTextError) as error:
        model.logprob(b"bbc")
    assert error.value.offset == 2
