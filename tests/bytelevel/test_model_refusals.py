"""What a byte model refuses, with which words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from byte_toys import READINGS, Ids, byte_vocabulary
from golden_toys import (
    AA,
    LEAKY,
    STOP,
    A,
    B,
    byte_model,
    constant,
    golden,
    markov,
    near,
)
from numpy.typing import NDArray

from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.protocol import Handle, PrefixModel
from tokbench.bytelevel.readings import OTHER
from tokbench.errors import (
    CertificateError,
    ContextLengthError,
    DeadEndError,
    FullDistributionRequired,
    LossyTextError,
    ModelContractError,
    OptionError,
    StartContextError,
    UncoverableTextError,
    UnpairedSurrogateError,
    UnsupportedReadingError,
    VocabularyWidthError,
)
from tokbench.models import HashModel
from tokbench.tokenizers import load_tokenizer

F = Fraction


# ---------------------------------------------------------------------- refusals


def constant_rows(logs: Sequence[float], **options: object) -> PrefixModel:
    return PrefixModel(lambda _: np.array(logs), width=len(logs), end_ids=(STOP,), **options)  # type: ignore[arg-type]


def test_the_top_of_a_distribution_is_no_distribution() -> None:
    # what a server gives with logprobs: the most probable tokens; treated as if the rest were 0, all would be wrong
    model = byte_model(constant_rows([math.log(0.9), -math.inf, -math.inf, -math.inf]), reading="all")
    with pytest.raises(FullDistributionRequired, match=r"1 of 4 probabilities \(their sum is 0\.9\)"):
        model.next_byte_logprobs(b"")


@pytest.mark.parametrize(
    ("row", "problem"),
    [([math.nan, 0, 0, 0], "NaN"), ([math.inf, -1, -1, -1], r"\+inf"), ([-1.0, -1, -1, -1], "sum to"),
     ([-math.inf] * 4, "sum to 0")],
)  # fmt: skip
def test_rows_that_are_no_distribution_are_refused(row: list[float], problem: str) -> None:
    good = np.log([3 / 8, 1 / 4, 1 / 4, 1 / 8])
    model = byte_model(PrefixModel(lambda ids: row if ids == (B, A) else good, width=4, end_ids=(STOP,)), reading="all")
    state = model.start().push(b"BAB")
    with pytest.raises(ModelContractError, match=problem) as error:
        state.next_byte_logprobs()
    assert error.value.context == (B, A)
    with pytest.raises(ModelContractError) as error:
        byte_model(constant_rows(row)).next_byte_logprobs(b"")
    assert error.value.context == ()


def test_rows_of_another_shape_are_refused() -> None:
    wrong = PrefixModel(lambda ids: np.full(4 if not ids else 5, -math.log(4 if not ids else 5)), width=4)
    with pytest.raises(ModelContractError, match="shape"):
        byte_model(wrong, reading="all").next_byte_logprobs(b"A")


def test_models_that_are_too_narrow_are_refused() -> None:
    vocabulary = byte_vocabulary({0: b"A", 7: b"B"}, ends=[3])
    with pytest.raises(VocabularyWidthError) as error:
        ByteModel.over(constant_rows([-math.log(4)] * 4), vocabulary, reading="all")
    assert (error.value.width, error.value.largest) == (4, 7)
    for where in ("end_ids", "start"):
        with pytest.raises(VocabularyWidthError) as error:
            byte_model(partial(constant, LEAKY), **{where: (9,)})
        assert (error.value.width, error.value.largest) == (4, 9)


def test_rows_without_an_id_are_other() -> None:
    row = [F(1, 4), F(1, 4), F(1, 8), F(1, 8), F(1, 8), F(1, 8)]
    model = byte_model(partial(constant, row), renormalise=None)
    found = model.next_byte_logprobs(b"")
    assert near(found[OTHER], F(1, 4))
    assert near(float(found.probabilities.sum()), 1)
    assert near(model.next_byte_logprobs(b"B")[OTHER], F(1, 4))


class NoStart(PrefixModel):
    """Says nothing of a first token, as most transformers."""

    def initial(self) -> tuple[Handle, NDArray[np.floating]]:
        raise StartContextError("the model")


def test_a_start_has_to_be_named_where_there_is_none() -> None:
    row = np.log([3 / 8, 1 / 4, 1 / 4, 1 / 8])
    silent = NoStart(lambda _: row, width=4, end_ids=(STOP,))
    with pytest.raises(StartContextError, match="start="):
        byte_model(silent).next_byte_logprobs(b"A")
    told = byte_model(silent, start=(STOP,)).next_byte_logprobs(b"A")
    assert near(told[b"A"], F(16, 25))
    own = NoStart(lambda _: row, width=4, end_ids=(STOP,), start_ids=(STOP,))
    assert near(byte_model(own).next_byte_logprobs(b"A")[b"A"], F(16, 25))


def test_the_start_ids_stand_in_front_of_every_context() -> None:
    seen: list[Ids] = []

    def row(ids: Ids) -> NDArray[np.float64]:
        seen.append(ids)
        found: NDArray[np.float64] = np.log(np.array([3 / 8, 1 / 4, 1 / 4, 1 / 8]))
        return found

    byte_model(PrefixModel(row, width=4, end_ids=(STOP,)), start=(STOP, B), reading="all").next_byte_logprobs(b"AA")
    assert seen[:2] == [(STOP,), (STOP, B)]
    assert set(seen[2:]) == {(STOP, B, A), (STOP, B, A, A), (STOP, B, AA)}
    assert len(seen) == 5


def test_readings_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UnsupportedReadingError, match="canonical_context"):
        byte_model(partial(constant, LEAKY), reading="strict")
    with pytest.raises(UnsupportedReadingError, match="reading='all'"):
        ByteModel.over(constant_rows(np.log([0.25] * 4).tolist()), golden().vocabulary, None, reading="canonical")
    tokenizer = load_tokenizer("sentencepiece:@tiny-unigram.model")  # it removes spaces: ids have several texts
    model = HashModel(tokenizer.byte_vocabulary())
    with pytest.raises(UnsupportedReadingError, match="reading='all'"):
        ByteModel(model, tokenizer)
    with pytest.raises(OptionError, match="renormalise"):
        byte_model(partial(constant, LEAKY), renormalise="both")


@pytest.mark.parametrize(
    ("options", "name"),
    [({"eps": -0.1}, "eps"), ({"eps": math.nan}, "eps"), ({"max_positions": 0}, "max_positions"),
     ({"positions_per_byte": 0.5}, "positions_per_byte"), ({"positions_per_byte": math.nan}, "positions_per_byte")],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(options: dict[str, float], name: str) -> None:
    with pytest.raises(OptionError, match=name) as error:
        byte_model(partial(constant, LEAKY), **options)
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize("reading", READINGS)
def test_bytes_that_no_token_spells_are_refused(reading: str) -> None:
    model = byte_model(partial(constant, LEAKY), reading=reading)
    with pytest.raises(UncoverableTextError) as error:
        model.logprob(b"ABxA")
    assert (error.value.offset, error.value.byte) == (2, ord("x"))
    with pytest.raises(UncoverableTextError) as error:
        model.next_byte_logprobs(b"x")
    assert error.value.offset == 0
    with pytest.raises(UncoverableTextError):
        model.logprob(b"A", given=b"AxB")


def test_text_with_half_a_surrogate_pair_is_refused() -> None:
    model = byte_model(partial(constant, LEAKY))
    for call in (model.logprob, model.next_byte_logprobs, model.start().push, model.generate):
        with pytest.raises(UnpairedSurrogateError):
            call("A\ud800")


def test_texts_that_the_tokenizer_changes_are_refused() -> None:
    tokenizer = load_tokenizer("sentencepiece:@tiny.model")
    model = ByteModel(HashModel(tokenizer.byte_vocabulary()), tokenizer)
    with pytest.raises(LossyTextError) as error:
        model.logprob("a\u2581b")
    assert error.value.offset == 1
    with pytest.raises(LossyTextError):
        model.start().push("a").push("\u2581")
    kept = ByteModel(HashModel(tokenizer.byte_vocabulary()), tokenizer, normalised=True)
    assert kept.logprob("a\u2581b").value == model.logprob("a b").value


def test_a_reading_that_gives_nothing_is_a_dead_end() -> None:
    model = byte_model(markov)
    never = byte_model(constant_rows([-math.inf, 0.0, -math.inf, -math.inf]))
    with pytest.raises(DeadEndError) as error:
        never.next_byte_logprobs(b"BA")
    assert error.value.data == b"BA"
    assert model.logprob(b"A", end=True).value == -math.inf  # without a stop nothing ends: proved, and no error
    assert model.logprob(b"A", end=True).exact


def test_strict_refuses_an_interval_that_is_too_wide() -> None:
    options: dict[str, object] = {"reading": "all", "max_positions": 1, "strict": True}
    with pytest.raises(CertificateError) as error:
        byte_model(partial(constant, LEAKY), eps=1e-3, **options).next_byte_logprobs(b"AAA")
    assert error.value.reached > error.value.wanted == 1e-3
    with pytest.raises(CertificateError):
        byte_model(partial(constant, LEAKY), eps=1e-3, **options).logprob(b"AAA")
    byte_model(partial(constant, LEAKY), eps=0.9, **options).next_byte_logprobs(b"AA")


def test_a_budget_that_ends_before_anything_is_known() -> None:
    # behind AB nothing is live at the beginning: with one position the only heir of the text may stay unknown
    row = np.log([3 / 8, 1 / 4, 1 / 4, 1 / 8])
    model = byte_model(PrefixModel(lambda _: row, width=4, end_ids=(STOP,), start_ids=(STOP,)), reading="all",
                       max_positions=1)  # fmt: skip
    with pytest.raises(CertificateError) as error:
        model.next_byte_logprobs(b"AB")
    assert error.value.reached == 1
    score = model.logprob(b"AB")
    assert math.isfinite(score.value)
    assert not score.exact
    wanted = byte_model(partial(constant, LEAKY), reading="all").logprob(b"AB").value
    assert score.lower <= wanted <= score.upper


def test_texts_longer_than_the_model_are_refused() -> None:
    row = np.log([3 / 8, 1 / 4, 1 / 4, 1 / 8])
    model = byte_model(PrefixModel(lambda _: row, width=4, end_ids=(STOP,), max_positions=5), renormalise=None)
    with pytest.raises(ContextLengthError, match="window") as error:
        model.logprob(b"B" * 12)
    assert error.value.limit == 5
    score = model.logprob(b"B" * 12, window=2)
    assert score.window == 2
    assert near(score.value, 12 * math.log(1 / 4))
