"""Models joined byte by byte: weights, vetoes, what is dropped, intervals, refusals, drawn text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from byte_toys import Ids, byte_vocabulary, fraction_model
from golden_toys import LEAKY, byte_model, chain, constant, markov, near

from tokbench.bytelevel import ByteModel, ByteRegex, Ensemble
from tokbench.bytelevel.readings import END, OTHER
from tokbench.errors import (
    CertificateError,
    DeadEndError,
    LossyTextError,
    OptionError,
    UncoverableTextError,
    UnpairedSurrogateError,
)
from tokbench.models import HashModel, load_byte_model
from tokbench.tokenizers import load_tokenizer

F = Fraction
JOINS = ("mean", "product", "mixture")


def letters(a: Fraction, b: Fraction, end: Fraction, *, other: Fraction | int = 0) -> ByteModel:
    """Independent letters: every byte is a token."""
    row: list[Fraction | int] = [a, b, end, other]

    def rows(_: Ids) -> Sequence[Fraction | int]:
        return row

    vocabulary = byte_vocabulary({0: b"A", 1: b"B"}, others=[3], ends=[2])
    return ByteModel.over(fraction_model(rows, end_ids=(2,)), vocabulary, reading="all", eps=0)


ONE, TWO = letters(F(1, 2), F(1, 4), F(1, 4)), letters(F(1, 5), F(3, 5), F(1, 5))


def shares(ensemble: Ensemble, prompt: bytes = b"") -> list[float]:
    found = ensemble.next_byte_logprobs(prompt)
    assert found.logprobs.shape == found.lower.shape == found.upper.shape == (258,)
    assert float(found.probabilities.sum()) == pytest.approx(1)
    assert found.logprobs[OTHER] == -np.inf
    return [math.exp(found.logprobs[symbol]) for symbol in (ord("A"), ord("B"), END)]


@pytest.fixture(scope="module")
def shipped() -> list[ByteModel]:
    return [load_byte_model("ngram:tiny"), load_byte_model("ngram:tiny-sp")]


# ---------------------------------------------------------------------- numbers by hand


def test_a_mean_by_hand() -> None:
    assert shares(Ensemble([ONE, TWO], weights=[1, 3])) == pytest.approx([11 / 40, 41 / 80, 17 / 80])
    assert shares(Ensemble([ONE, TWO])) == pytest.approx([7 / 20, 17 / 40, 9 / 40])
    assert shares(Ensemble([ONE, TWO], weights=[0, 2])) == pytest.approx([1 / 5, 3 / 5, 1 / 5])


def test_a_product_by_hand() -> None:
    # 1/10, 3/20, 1/20
    assert shares(Ensemble([ONE, TWO], join="product", weights=[1, 1])) == pytest.approx([1 / 3, 1 / 2, 1 / 6])
    # a negative weight pushes away: (1/2)^2 / (1/5), (1/4)^2 / (3/5), (1/4)^2 / (1/5)
    raw = [5 / 4, 5 / 48, 5 / 16]
    found = shares(Ensemble([ONE, TWO], join="product", weights=[2, -1]))
    assert found == pytest.approx([value / sum(raw) for value in raw])


def test_a_mixture_follows_the_text() -> None:
    mixture = Ensemble([ONE, TWO], join="mixture", weights=[1, 1])
    assert shares(mixture) == pytest.approx([7 / 20, 17 / 40, 9 / 40])
    found = mixture.next_byte_logprobs(b"AA")  # Q: 1/4 and 1/25
    assert found.weights == pytest.approx((25 / 29, 4 / 29))
    joint = mixture.logprob(b"AAB", end=True)
    assert near(math.exp(joint.value), (F(1, 2) ** 2 * F(1, 16) + F(1, 5) ** 2 * F(3, 5) * F(1, 5)) / 2)
    mean = Ensemble([ONE, TWO], weights=[1, 1]).logprob(b"AAB", end=True)
    assert near(math.exp(mean.value), F(7, 20) ** 2 * F(17, 40) * F(9, 40))
    assert len(mean.per_byte) == 4
    assert mean.value == pytest.approx(mean.per_byte.sum())
    assert mean.bits_per_byte == pytest.approx(-mean.value / math.log(2) / 3)
    assert math.isnan(mixture.logprob(b"").bits_per_byte)


def test_a_mixture_is_the_mixture_of_the_chain_and_the_letters() -> None:
    # members with other vocabularies; neither drops anything, so that Q is W
    members = [byte_model(partial(markov, stop=True)), ONE]
    mixture = Ensemble(members, join="mixture", weights=[1, 2])
    for text in (b"A", b"AB", b"ABAAA", b"BBA"):
        plain = math.prod(F(1, 2) if byte == ord("A") else F(1, 4) for byte in text)
        assert near(math.exp(mixture.logprob(text).value), (chain(text, stop=True) + 2 * plain) / 3)


def test_a_score_behind_other_bytes() -> None:
    mixture = Ensemble([ONE, TWO], join="mixture")
    whole, part = mixture.logprob(b"ABBA").value, mixture.logprob(b"AB").value
    assert mixture.logprob(b"BA", given=b"AB").value == pytest.approx(whole - part)


# ---------------------------------------------------------------------- zeros


def test_a_zero_is_a_veto_of_a_product() -> None:
    sure = letters(F(1), F(0), F(0))
    assert shares(Ensemble([ONE, sure], join="product", weights=[1, 0.01])) == pytest.approx([1, 0, 0])
    assert shares(Ensemble([ONE, sure], join="product", weights=[1, 0])) == pytest.approx([1 / 2, 1 / 4, 1 / 4])
    assert shares(Ensemble([ONE, sure])) == pytest.approx([3 / 4, 1 / 8, 1 / 8])  # of a mean it is not


def test_members_that_exclude_each_other_are_a_dead_end() -> None:
    both = Ensemble([letters(F(1), F(0), F(0)), letters(F(0), F(1), F(0))], join="product")
    with pytest.raises(DeadEndError, match="together") as error:
        both.next_byte_logprobs(b"")
    assert error.value.data == b""
    (out,) = both.generate(b"", max_bytes=3)
    assert (out.data, out.finish_reason) == (b"", "dead_end")


def test_a_zero_under_a_negative_weight_is_refused() -> None:
    sure = letters(F(1), F(0), F(0))
    with pytest.raises(OptionError, match=r"member 1.*symbol 66") as error:
        Ensemble([ONE, sure], join="product", weights=[1, -1]).next_byte_logprobs(b"")
    assert isinstance(error.value, ValueError)
    # no harm where another member of positive weight forbids the same
    two = letters(F(1, 2), F(0), F(1, 2))
    only = Ensemble([two, letters(F(1, 2), F(0), F(1, 2))], join="product", weights=[1, -1])
    assert shares(only) == pytest.approx([1 / 2, 0, 1 / 2])


def test_a_mixture_of_which_no_member_gives_the_text_is_a_dead_end() -> None:
    never = [letters(F(1), F(0), F(0)), letters(F(1, 2), F(0), F(1, 2))]
    with pytest.raises(DeadEndError):
        Ensemble(never, join="mixture").start().push(b"AB").next_byte_logprobs()
    assert Ensemble(never, join="mixture").logprob(b"B").value == -math.inf


def test_zeros_that_are_not_proved_veto_nothing() -> None:
    # behind A, with only the start context run, one member knows of AA alone and the other of AB alone
    row = [F(3, 8), F(1, 4), F(1, 4), F(1, 8)]
    tables = ({0: b"A", 1: b"B", 2: b"AA"}, {0: b"A", 1: b"B", 2: b"AB"})
    rough, exact = (
        [
            ByteModel.over(
                fraction_model(partial(constant, row), end_ids=(3,)), byte_vocabulary(table, ends=[3]),
                reading="all", eps=eps,
            )
            for table in tables
        ]
        for eps in (0.9, 0.0)
    )  # fmt: skip
    with pytest.raises(CertificateError) as error:
        Ensemble(rough, join="product").next_byte_logprobs(b"A")
    assert (error.value.reached, error.value.wanted) == (1, 0.9)
    mean, truth = (Ensemble(members).next_byte_logprobs(b"A") for members in (rough, exact))
    assert not mean.exact
    assert (mean.lower <= truth.logprobs).all()
    assert (truth.logprobs <= mean.upper).all()


def test_what_follows_an_impossible_byte_is_impossible() -> None:
    never = letters(F(1, 2), F(0), F(1, 2))
    for join in JOINS:
        score = Ensemble([never, never], join=join).logprob(b"ABA", end=True)
        assert score.per_byte.tolist() == [math.log(1 / 2), *[-math.inf] * 3]
        assert (score.value, score.lower, score.upper) == (-math.inf,) * 3


def test_a_mixture_goes_on_without_a_member_that_excludes_the_text() -> None:
    # the chain gives every string something, the other member no B: its share is 0 from there on
    only = letters(F(1, 2), F(0), F(1, 2))
    found = Ensemble([ONE, only], join="mixture").start().push(b"B").next_byte_logprobs()
    assert found.weights == pytest.approx((1, 0))
    assert found.probabilities[[65, 66, END]] == pytest.approx([1 / 2, 1 / 4, 1 / 4])


# ---------------------------------------------------------------------- dropped, counted


def test_what_is_no_byte_is_dropped_and_reported() -> None:
    tagged = letters(F(1, 4), F(1, 4), F(1, 4), other=F(1, 4))
    found = Ensemble([ONE, tagged], weights=[1, 1]).next_byte_logprobs(b"A")
    assert found.dropped == pytest.approx((0, 1 / 4))
    assert found.probabilities[[65, 66, END]] == pytest.approx([5 / 12, 7 / 24, 7 / 24])
    leaking = byte_model(partial(constant, LEAKY), renormalise=None)
    joined = Ensemble([leaking, ONE]).next_byte_logprobs(b"A")
    assert joined.dropped == pytest.approx((float(F(15, 64) / F(5, 8)), 0))
    own = byte_model(partial(constant, LEAKY)).next_byte_logprobs(b"A").probabilities
    assert joined.probabilities[65] == pytest.approx((own[65] + 1 / 2) / 2)


def test_the_cost_is_that_of_all_members(shipped: list[ByteModel]) -> None:
    state = Ensemble(shipped).start().push("The toke")
    found = state.next_byte_logprobs()
    singles = [model.next_byte_logprobs("The toke") for model in shipped]
    assert found.positions == state.positions == sum(single.positions for single in singles)
    assert found.forwards == state.forwards == sum(single.forwards for single in singles)
    assert found.exact
    assert state.data == b"The toke"


def test_a_fork_goes_its_own_way(shipped: list[ByteModel]) -> None:
    for join in JOINS:
        state = Ensemble(shipped, join=join).start().push("The ")
        twin = state.fork().push("token")
        assert (state.data, twin.data) == (b"The ", b"The token")
        fresh = Ensemble(shipped, join=join).next_byte_logprobs("The ")
        assert state.next_byte_logprobs().logprobs == pytest.approx(fresh.logprobs, abs=1e-9)
        whole = Ensemble(shipped, join=join).next_byte_logprobs("The token")
        assert twin.logprobs() == pytest.approx(whole.logprobs, abs=1e-9)


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("options", "words"),
    [({"join": "median"}, "mean, product, mixture"), ({"weights": [1]}, "2 finite numbers"),
     ({"weights": [1, math.nan]}, "finite"), ({"weights": [1, -0.1]}, "at least 0"), ({"weights": [0, 0]}, "above 0"),
     ({"join": "mixture", "weights": [2, -1]}, "at least 0"),
     ({"join": "product", "weights": [1, math.inf]}, "finite")],
)  # fmt: skip
def test_what_does_not_suit_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words) as error:
        Ensemble([ONE, TWO], **options)  # type: ignore[arg-type]
    assert isinstance(error.value, ValueError)


def test_an_ensemble_has_members() -> None:
    with pytest.raises(OptionError, match="at least one"):
        Ensemble([])
    assert "2 models, mean" in repr(Ensemble([ONE, TWO]))


def test_members_keep_their_texts() -> None:
    tokenizer = load_tokenizer("sentencepiece:@tiny-unigram.model")
    lossy = ByteModel(HashModel(tokenizer.byte_vocabulary()), tokenizer, reading="all")
    with pytest.raises(LossyTextError, match="unigram"):
        Ensemble([ONE, lossy])


def test_texts_that_a_member_cannot_have_are_refused(shipped: list[ByteModel]) -> None:
    with pytest.raises(LossyTextError):
        Ensemble(shipped).start().push("a\u2581b")
    with pytest.raises(UnpairedSurrogateError):
        Ensemble(shipped).start().push("\ud800")
    with pytest.raises(UncoverableTextError):
        Ensemble([ONE, TWO]).next_byte_logprobs(b"x")


# ---------------------------------------------------------------------- drawn text


@pytest.mark.parametrize("join", JOINS)
def test_drawn_text_follows_from_the_joined_distribution(shipped: list[ByteModel], join: str) -> None:
    ensemble = Ensemble(shipped, join=join)
    first, second = ensemble.generate(["The toke", "The toke"], max_bytes=12, seed=3)
    assert ensemble.sample("The toke", n=2, seed=3, max_bytes=12) == [first, second]
    assert first.text.startswith("n")
    for out in (first, second):
        wanted = ensemble.logprob(out.data, given="The toke", end=out.finish_reason == "end")
        assert out.logprob == pytest.approx(wanted.value, abs=1e-9)
    (best,) = ensemble.generate("The toke", max_bytes=3, temperature=0)
    data = b"The toke"
    for byte in best.data:
        assert byte == int(ensemble.next_byte_logprobs(data).logprobs.argmax())
        data += bytes([byte])


def test_drawn_text_of_an_ensemble_keeps_constraints(shipped: list[ByteModel]) -> None:
    ensemble = Ensemble(shipped, join="product", weights=[2, -0.5])
    (out,) = ensemble.generate("The ", max_bytes=30, constraint=ByteRegex("[a-z]{3,9}"), seed=2)
    assert out.finish_reason == "end"
    assert out.data.isalpha()
    assert out.log_allowed < 0
    assert [entry.finish_reason for entry in ensemble.generate(["a", "b"], max_bytes=0)] == ["length"] * 2


def test_draws_have_the_frequencies_of_the_mean() -> None:
    ensemble = Ensemble([ONE, TWO], weights=[1, 3])
    outputs = ensemble.sample(b"", n=600, max_bytes=1, seed=8)
    first = [out.data for out in outputs]
    for letter, share in ((b"A", 11 / 40), (b"B", 41 / 80), (b"", 17 / 80)):
        assert abs(first.count(letter) - 600 * share) < 5 * math.sqrt(600 * share * (1 - share))
