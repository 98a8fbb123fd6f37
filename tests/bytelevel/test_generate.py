"""Drawn text: what ends it, what it follows from, and what it costs."""

from __future__ import annotations

import math
from functools import partial

import byte_laws as laws
import numpy as np
import pytest
from byte_toys import READINGS, Case, byte_vocabulary, text_toy
from golden_toys import LEAKY, STOP, byte_model, constant, markov

from tokbench.bytelevel.generate import draw, fraction, shaped
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.protocol import PrefixModel
from tokbench.errors import OptionError
from tokbench.models import load_model
from tokbench.tokenizers import load_tokenizer


def leaky(**options: object) -> ByteModel:
    return byte_model(partial(constant, LEAKY), **options)


@pytest.fixture(scope="module")
def shipped() -> ByteModel:
    toy = load_model("ngram:tiny")
    assert toy.tokenizer_spec is not None
    return ByteModel(toy, load_tokenizer(toy.tokenizer_spec))


# ---------------------------------------------------------------------- what ends an output


def test_an_output_ends_at_its_length() -> None:
    (out,) = byte_model(markov).generate(b"A", max_bytes=7, seed=1)
    assert (len(out.data), out.finish_reason) == (7, "length")
    (none,) = byte_model(markov).generate(b"A", max_bytes=0)
    assert (none.data, none.finish_reason, none.logprob) == (b"", "length", 0)


def test_an_output_ends_with_the_end() -> None:
    outputs = leaky().generate([b"A"] * 40, max_bytes=200, seed=1)
    assert {out.finish_reason for out in outputs} == {"end"}
    assert len({out.data for out in outputs}) > 10
    model = leaky()
    for out in outputs[:8]:
        steps = laws.stepwise(model, b"A" + out.data, end=True)[1:]
        assert out.logprob == pytest.approx(math.fsum(steps))


@pytest.mark.parametrize("speculate", [False, True])
def test_an_output_is_cut_in_front_of_a_stop(shipped: ByteModel, speculate: bool) -> None:  # noqa: FBT001, a parameter
    (free,) = shipped.generate("The ", max_bytes=80, seed=3)
    assert len(free.data) > 20
    stop = free.data[9:13]  # wherever tokens begin
    (out,) = shipped.generate("The ", max_bytes=80, seed=3, stop=[stop, b"\x00never"], speculate=speculate)
    assert out.finish_reason == "stop"
    assert out.data == free.data[: free.data.find(stop)]
    assert stop not in out.data
    assert out.text == out.data.decode("utf-8", "replace")
    assert out.logprob == pytest.approx(math.fsum(laws.stepwise(shipped, b"The " + out.data, end=False)[4:]), abs=1e-9)


def test_a_stop_in_the_prompt_does_not_count(shipped: ByteModel) -> None:
    (out,) = shipped.generate("The ", max_bytes=5, seed=3, stop=["The", "he "])
    assert out.finish_reason == "length"


def test_a_dead_end_is_a_way_to_end() -> None:
    # behind B the model is sure of a special that is no end: there is nothing to draw
    vocabulary = byte_vocabulary({0: b"A", 1: b"B"}, others=[2], ends=[3])
    sure = np.log([0.5, 0.5, 1e-300, 1e-300])
    model = ByteModel.over(
        PrefixModel(lambda ids: [-np.inf, -np.inf, 0, -np.inf] if ids[-1:] == (1,) else sure, width=4, end_ids=(3,)),
        vocabulary, reading="all", eps=0,
    )  # fmt: skip
    (out,) = model.generate(b"B", max_bytes=5, temperature=0.5)
    assert (out.data, out.finish_reason) == (b"", "dead_end")


# ---------------------------------------------------------------------- what an output follows from


def test_outputs_follow_from_the_seed(shipped: ByteModel) -> None:
    first, again = (shipped.generate(["The ", "The "], max_bytes=30, seed=5) for _ in range(2))
    assert [out.data for out in first] == [out.data for out in again]
    assert first[0].data != first[1].data  # the number of the sample counts
    (other,) = shipped.generate("The ", max_bytes=30, seed=6)
    assert other.data != first[0].data
    drawn = shipped.sample("The ", n=2, seed=5, max_bytes=30)
    assert [out.data for out in drawn] == [out.data for out in first]


def test_fractions_are_uniform_and_their_own() -> None:
    many = np.array([fraction(1, sample, index) for sample in range(60) for index in range(60)])
    assert ((many >= 0) & (many < 1)).all()
    assert len(set(many)) == len(many)
    counts = np.histogram(many, 20, (0, 1))[0]
    assert ((counts - 180) ** 2 / 180).sum() < 70  # chi-square with 19 degrees of freedom at 1e-7
    assert fraction(1, 2, 3) == fraction(1, 2, 3) != fraction(1, 2, 3, 1)
    assert all((value * 2.0**53).is_integer() for value in many[:50].tolist())


@pytest.mark.parametrize("reading", READINGS)
def test_temperature_zero_takes_the_most_probable_byte(reading: str) -> None:
    made = Case(text_toy(0), 9, 1.0, "ids", reading, "byte")
    model = made.over() if reading != "all" else made.over(eps=1e-4)
    (out,) = model.generate(b"a", max_bytes=4, temperature=0)
    data = b"a"
    for byte in out.data:
        found = model.next_byte_logprobs(data).logprobs[:257]
        assert byte == found.argmax()
        data += bytes([byte])
    assert len({one.data for one in model.generate([b"a"] * 3, max_bytes=4, temperature=0)}) == 1


def test_ties_go_by_number_and_top_p_keeps_the_fewest() -> None:
    logs = np.log(np.array([0.25, 0.25, 0.3, 0.2, 1e-320]))
    assert shaped(np.log(np.array([0.4, 0.4, 0.2])), temperature=0, top_p=1).tolist() == [1, 0, 0]
    assert shaped(logs, temperature=1, top_p=0.5).tolist() == pytest.approx([0.25 / 0.55, 0, 0.3 / 0.55, 0, 0])
    assert shaped(logs, temperature=1, top_p=0.3).tolist() == [0, 0, 1, 0, 0]
    assert shaped(logs, temperature=1, top_p=1e-9).tolist() == [0, 0, 1, 0, 0]
    assert shaped(logs, temperature=0.01, top_p=1).argmax() == 2
    assert np.isfinite(shaped(np.array([-1e6, -1e6 - 1, -np.inf]), temperature=1e-3, top_p=1)).all()
    with pytest.raises(ValueError, match="probability"):
        shaped(np.full(3, -np.inf), temperature=1, top_p=1)


def test_a_draw_takes_no_symbol_without_probability() -> None:
    probabilities = np.array([0.0, 0.5, 0.0, 0.5, 0.0])
    assert [draw(probabilities, at) for at in (0.0, 0.4999, 0.5, 1 - 2.0**-53)] == [1, 1, 3, 3]
    assert draw(np.array([0.1] * 10), 1 - 2.0**-53) == 9


@pytest.mark.parametrize(
    ("options", "name"),
    [({"temperature": -1}, "temperature"), ({"temperature": math.nan}, "temperature"), ({"top_p": 0}, "top_p"),
     ({"top_p": 1.5}, "top_p"), ({"max_bytes": -1}, "max_bytes"), ({"stop": [""]}, "stop")],
)  # fmt: skip
def test_options_out_of_range_are_refused(options: dict[str, object], name: str) -> None:
    with pytest.raises(OptionError, match=name) as error:
        leaky().generate(b"A", **options)  # type: ignore[arg-type]
    assert isinstance(error.value, ValueError)


# ---------------------------------------------------------------------- what an output costs


@pytest.mark.parametrize("reading", ["canonical", "canonical_context"])
def test_calls_are_counted(reading: str) -> None:
    calls = []
    row = np.log(np.array([3 / 8, 1 / 4, 1 / 4, 1 / 8]))

    class Counted(PrefixModel):
        def extend(self, parents: object, tokens: object) -> object:  # type: ignore[override]
            calls.append(len(tokens))  # type: ignore[arg-type]
            return super().extend(parents, tokens)  # type: ignore[arg-type]

    model = byte_model(Counted(lambda _: row, width=4, end_ids=(STOP,)), reading=reading)
    for speculate in (False, True):
        calls.clear()
        (out,) = model.generate(b"AB", max_bytes=20, seed=2, speculate=speculate)
        assert (out.forwards, out.positions) == (len(calls), sum(calls))
        assert out.forwards <= len(out.data) + 2


def test_speculation_needs_fewer_calls_than_bytes(shipped: ByteModel) -> None:
    (out,) = shipped.generate("The ", max_bytes=100, seed=1)
    assert out.used > 0.5 * out.proposed > 0
    assert out.forwards < 0.75 * len(out.data)


def test_prompts_that_end_inside_a_token_are_continued_inside_it(shipped: ByteModel) -> None:
    # encode() of the prompt ends with a token that never stands in front of the rest of the word
    (out,) = shipped.generate("The toke", max_bytes=6, temperature=0)
    assert out.text.startswith("n")
