"""Scores of several texts, and what a byte model asks of its model and keeps."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from byte_toys import READINGS, RENORMALISE, Case, text_toy
from golden_toys import (
    LEAKY,
    byte_model,
    constant,
    near,
)
from numpy.typing import NDArray

from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.protocol import Handle, Parent
from tokbench.errors import (
    OptionError,
)
from tokbench.models import HashModel, load_model
from tokbench.tokenizers import load_tokenizer

F = Fraction


# ---------------------------------------------------------------------- scores of several texts, windows


@pytest.mark.parametrize("renormalise", RENORMALISE)
@pytest.mark.parametrize("reading", READINGS)
def test_batches_and_choices_are_their_singles(reading: str, renormalise: str | None) -> None:
    made = Case(text_toy(0), 3, 1.0, "ids", reading, renormalise)
    model = made.over() if reading != "all" else made.over(eps=1e-2)
    texts, prompt = [b"a b", b"a ba", b"", b"a b", b"1 s"], b"a  "
    for end in (False, True):
        batch = model.score_batch(texts, end=end)
        wholes = model.score_batch(texts, end=end, per_byte=False)
        chosen = model.choose(prompt, texts, end=end)
        for text, several, whole, choice in zip(texts, batch, wholes, chosen, strict=True):
            single = model.logprob(text, end=end)
            behind = model.logprob(text, given=prompt, end=end)
            assert several.data == whole.data == choice.data == text
            assert several.value == single.value
            assert near(whole.value, single.value)
            assert near(choice.value, behind.value)
            assert choice.ended == end


def test_choices_share_one_tree() -> None:
    tokenizer = load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
    model = ByteModel(HashModel(tokenizer.byte_vocabulary(), end_ids=(5000,)), tokenizer)
    prompt = "The tokenizer reads the text from the left, and it "
    choices = ["writes", "reads", "sees"]
    shared = model.choose(prompt, choices)
    alone = [model.logprob(choice, given=prompt, per_byte=False) for choice in choices]
    assert [score.value for score in shared] == pytest.approx([score.value for score in alone], abs=1e-9)
    assert shared[0].positions < 0.6 * sum(score.positions for score in alone)
    assert shared[0].forwards == 1


def test_windows_are_scores_behind_less_text() -> None:
    model = byte_model(partial(constant, LEAKY), renormalise=None)
    text = b"ABAAABBAAAAAB" * 3
    whole = model.logprob(text, end=True)
    windowed = model.logprob(text, end=True, window=100)
    assert near(windowed.value, whole.value)
    parts = model.logprob(text, end=True, window=8)
    assert parts.per_byte is not None
    assert len(parts.per_byte) == len(text) + 1
    assert near(parts.value, float(parts.per_byte.sum()))
    # a part is a score behind at least as many bytes as the window has
    assert near(float(parts.per_byte[8:16].sum()), model.logprob(text[8:16], given=text[:8]).value)
    with pytest.raises(OptionError, match="window"):
        model.logprob(text, window=0)


# ---------------------------------------------------------------------- what a model is asked


class Counting(HashModel):
    """Counts calls and positions, and knows the most handles that were alive at once."""

    calls = asked = most = 0

    def initial(self) -> tuple[Handle, NDArray[np.floating]]:
        self.calls += 1
        return super().initial()

    def extend(self, parents: Sequence[Parent], tokens: Sequence[int]) -> tuple[Sequence[Handle], NDArray[np.floating]]:
        self.calls += 1
        self.asked += len(tokens)
        found = super().extend(parents, tokens)
        self.most = max(self.most, len(self._positions))
        return found

    def release(self, handles: Iterable[Handle]) -> None:
        several = list(handles)
        assert len(several) == len(set(several))
        super().release(several)  # raises for a handle that was released before


def counting(number: int = 0, **options: object) -> tuple[Counting, ByteModel]:
    toy = text_toy(number)
    model = Counting(toy.vocabulary, seed=1, width=toy.width)
    return model, Case(toy, 1).over(model=model, **options)


@pytest.mark.parametrize("reading", ["canonical", "canonical_context"])
def test_positions_and_forwards_are_those_of_the_model(reading: str) -> None:
    model, exact = counting(reading=reading, renormalise=None)
    text = "a b  1's \u00e9\u00e8 a".encode()
    state = exact.start()
    for byte in text:
        state.next_byte_logprobs()
        state.push(bytes([byte]))
    found = state.next_byte_logprobs()
    assert found.positions == state.positions == model.asked
    assert found.forwards == state.forwards == model.calls - 1  # the empty sequence costs no position
    assert state.forwards <= len(text)
    model, exact = counting(reading=reading, renormalise=None)
    score = exact.logprob(text)
    assert (score.positions, score.forwards) == (model.asked, model.calls - 1)
    assert score.forwards == 1


def test_the_start_context_is_computed_once() -> None:
    toy = text_toy(0)
    model = Counting(toy.vocabulary, seed=1, width=toy.width + 1, start_ids=(toy.width,))
    exact = Case(toy, 1).over(model=model, reading="canonical")
    first, second = exact.next_byte_logprobs(b""), exact.next_byte_logprobs(b"")
    assert (first.positions, second.positions, model.asked) == (1, 0, 1)
    assert np.array_equal(first.logprobs, second.logprobs)


def test_handles_are_released() -> None:
    for reading in READINGS:
        model, exact = counting(reading=reading, eps=0.0 if reading != "all" else 1e-2)
        text = b"a b a  a1 b's a" if reading != "all" else b"a b"
        state = exact.start()
        for byte in text:
            state.next_byte_logprobs()
            state.push(bytes([byte]))
        state.next_byte_logprobs()
        exact.logprob(text)
        exact.generate(text, max_bytes=5)
        del state
        exact.next_byte_logprobs(b"b")  # a call of the model lets go of what was dropped before
        assert len(model._positions) <= 3, reading


def test_what_is_kept_does_not_grow_with_the_text() -> None:
    # contexts in work are those of the last token; handles, one for each token of the text, because a model of
    # attention needs them
    model, exact = counting(reading="canonical")
    state = exact.start()
    sizes, kept = [], []
    for byte in b"a b a1  b's as b " * 12:
        state.push(bytes([byte]))
        state.next_byte_logprobs()
        sizes.append(len(state._cover._lives) + len(state._cover._pending) + len(state._cover._ready))
        kept.append(len(model._positions))
    assert max(sizes[-80:]) <= max(sizes[:80]) + 1
    assert max(kept) <= len(sizes) + 8
    score = exact.logprob(b"a b a1  b's as b " * 12)
    assert score.exact


class Flat:
    """The same row everywhere, at a cost that no length changes."""

    start_ids: tuple[int, ...] = ()
    max_positions = None
    fingerprint, toy = "flat", True

    def __init__(self, width: int) -> None:
        self.width, self.end_ids = width, (width - 1,)
        self._rows = np.full((8, width), -math.log(width))
        self._next = 0

    def initial(self) -> tuple[Handle, NDArray[np.floating]]:
        return self._next, self._rows[0]

    def extend(self, parents: Sequence[Parent], tokens: Sequence[int]) -> tuple[Sequence[Handle], NDArray[np.floating]]:
        assert len(parents) == len(tokens) <= len(self._rows)
        self._next += len(tokens)
        return range(self._next - len(tokens) + 1, self._next + 1), self._rows[: len(tokens)]

    def release(self, handles: Iterable[Handle]) -> None:
        pass


def test_a_byte_costs_as_much_behind_a_long_text_as_behind_a_short_one() -> None:
    # calls of Python functions instead of times: the model's own cost does not grow here
    tokenizer = load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
    vocabulary = tokenizer.byte_vocabulary()
    state = ByteModel(Flat(1 + int(vocabulary.ids.max())), tokenizer).start()
    line = b"The tokenizer's  12 caf\xc3\xa9s, and (more) words.\n"
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    costs = []
    for number in range(5000 // len(line) + 2):
        if number in {4, 5000 // len(line) + 1}:
            before, calls = sys.getprofile(), 0
            sys.setprofile(count)
        for byte in line:
            state.next_byte_logprobs()
            state.push(bytes([byte]))
        if number in {4, 5000 // len(line) + 1}:
            sys.setprofile(before)
            costs.append(calls)
    early, late = costs
    assert len(state.data) > 5000
    assert early > 20 * len(line)
    assert late <= 1.05 * early


def test_settings_say_how_a_number_was_made() -> None:
    model, exact = counting(reading="canonical", eps=0.25, max_positions=9)
    assert exact.settings["reading"] == "canonical"
    assert (exact.settings["eps"], exact.settings["max_positions"], exact.settings["toy"]) == (0.25, 9, True)
    assert exact.settings["model"] == model.fingerprint
    assert "canonical" in repr(exact)
    found = exact.next_byte_logprobs(b"a")
    assert (found.reading, found.renormalise) == ("canonical", None)


def test_a_shipped_model_says_what_comes_next() -> None:
    toy = load_model("ngram:tiny")
    assert toy.tokenizer_spec is not None
    state = ByteModel(toy, load_tokenizer(toy.tokenizer_spec)).start().push("The tok")
    top = state.next_byte_logprobs().top(1)[0]
    assert top.name == "'e'"
    assert top.lower == top.logprob == top.upper
