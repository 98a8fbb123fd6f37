"""States: forks, guesses, contexts behind a split pattern, characters half read, and judges who do not know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import byte_laws as laws
import numpy as np
import pytest
from byte_toys import READINGS, RENORMALISE, Case, Toy, byte_vocabulary, make_toy, text_toy
from golden_toys import LEAKY, STOP, byte_model, constant, golden

from tokbench.bytelevel.canonical import CanonicalRule, Context, Mask
from tokbench.bytelevel.distribution import ByteDistribution
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.protocol import PrefixModel
from tokbench.bytelevel.readings import END, OTHER
from tokbench.errors import DeadEndError
from tokbench.models import HashModel
from tokbench.tokenizers import load_tokenizer
from tokbench.tokenizers.patterns import PATTERNS
from tokbench.tokenizers.rules import BpeRules

# ---------------------------------------------------------------------- a pattern that looks ahead

SPACES = {bytes([byte]): byte for byte in range(256)} | {b"in": 256, b" in": 257, b"  ": 258}
BY_OFFSET: list[set[tuple[int, ...]]] = [
    {()}, {(32,)}, {(32, 105)}, {(257,)}, {(257, 32)}, {(257, 258), (257, 32, 32)}, {(257, 32, 32, 49)},
]  # fmt: skip


@pytest.fixture(scope="module")
def spaces() -> Toy:
    """256 bytes, `in`, ` in` and two spaces under the pattern of GPT-2."""
    rules = BpeRules(tokens=SPACES, ranks=SPACES, pattern=PATTERNS["gpt2"])
    vocabulary = byte_vocabulary({token: data for data, token in SPACES.items()}, ends=[259])
    symbols = [b" ", b"1", b"a", b"i", b"n"]
    return make_toy(rules, vocabulary, symbols, family="gpt2", utf8=True, depth=2)


def test_both_splits_of_a_run_of_spaces_stay_alive(spaces: Toy) -> None:
    state = Case(spaces, 1).over(reading="canonical").start()
    for offset, wanted in enumerate(BY_OFFSET):
        state.next_byte_logprobs()
        assert {ids for ids, _ in state.contexts()} == wanted, offset
        state.push(b" in  1"[offset : offset + 1])


@pytest.mark.parametrize("renormalise", RENORMALISE)
@pytest.mark.parametrize("reading", READINGS)
def test_the_run_of_spaces_is_read_as_defined(spaces: Toy, reading: str, renormalise: str | None) -> None:
    for text in (b" in  ", b" in  1", b" in  a"):
        laws.as_defined(Case(spaces, 2, 1.0, "ids", reading, renormalise), text)


def test_the_next_byte_decides_between_the_splits(spaces: Toy) -> None:
    # a model that writes the encoding of ` in  1` alone: strict canonicity would give this text no probability
    path = (257, 32, 32, 49, 259)

    def row(ids: tuple[int, ...]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        found = np.full(260, -np.inf)
        found[path[len(ids)] if ids == path[: len(ids)] and len(ids) < 5 else 259] = 0
        return found

    model = ByteModel.over(PrefixModel(row, width=260, end_ids=(259,)), spaces.vocabulary, spaces.rule)
    assert model.logprob(b" in  1", end=True).value == 0
    assert model.next_byte_logprobs(b" in  ")[b"1"] == 1
    assert model.logprob(b" in  ", end=True).value == -math.inf


# ---------------------------------------------------------------------- forks and guesses


def copied(found: ByteDistribution) -> tuple[list[float], float]:
    return found.logprobs.tolist(), found.log_weight


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("reading", READINGS)
def test_a_fork_and_its_sibling_go_their_own_ways(reading: str, asked: bool) -> None:  # noqa: FBT001, a parameter
    made = Case(text_toy(0), 4, 1.0, "ids", reading, "byte")
    model = made.over()
    state = model.start().push(b"a b")
    if asked:
        state.next_byte_logprobs()
    before = copied(model.next_byte_logprobs(b"a b"))
    left, right = state.fork(), state.fork()
    left.push(b" ")
    right.push(b"1").push(b"a")
    assert copied(left.next_byte_logprobs())[0] == pytest.approx(model.next_byte_logprobs(b"a b ").logprobs.tolist())
    assert copied(right.next_byte_logprobs())[0] == pytest.approx(model.next_byte_logprobs(b"a b1a").logprobs.tolist())
    assert copied(state.next_byte_logprobs())[0] == pytest.approx(before[0])
    assert (state.data, left.data, right.data) == (b"a b", b"a b ", b"a b1a")


def test_a_fork_that_asks_again_costs_nothing() -> None:
    state = Case(text_toy(0), 4).over(reading="canonical").start().push(b"a b")
    first = state.next_byte_logprobs()
    second = state.fork().next_byte_logprobs()
    assert np.array_equal(first.logprobs, second.logprobs)
    assert first.positions == second.positions
    assert state.next_byte_logprobs() is first


@pytest.mark.parametrize("tail", [b"", b"a", b" b a", b"\xc3\xa9", b"zzz", b"\xff"])
@pytest.mark.parametrize("reading", READINGS)
def test_a_guess_changes_no_number(reading: str, tail: bytes) -> None:
    model = Case(text_toy(0), 4, 1.0, "ids", reading, "byte").over()
    for text in (b"a", b" in", b"a b"):
        state = model.start().push(text)
        state.prefetch(tail)
        for more in (b"", tail[:1], tail[1:2]):
            if more and model.next_byte_logprobs(state.data).logprobs[more[0]] == -np.inf:
                break
            state.push(more)
            try:
                wanted = model.next_byte_logprobs(state.data)
            except DeadEndError:  # free to hang over, but nothing can follow
                with pytest.raises(DeadEndError):
                    state.next_byte_logprobs()
                break
            assert state.next_byte_logprobs().logprobs == pytest.approx(wanted.logprobs, rel=1e-12)


@pytest.mark.parametrize("reading", READINGS)
def test_forks_behind_a_guess(reading: str) -> None:
    model = Case(text_toy(0), 4, 1.0, "ids", reading, "byte").over()
    state = model.start().push(b"a")
    state.prefetch(b" b a")
    forks = [state.fork() for _ in range(3)]
    for fork, tail in zip(forks, (b" b", b" b", b"1"), strict=True):
        fork.push(tail)
        wanted = model.next_byte_logprobs(b"a" + tail)
        assert fork.next_byte_logprobs().logprobs == pytest.approx(wanted.logprobs, rel=1e-12)


def test_a_guess_that_comes_true_saves_calls() -> None:
    model = Case(text_toy(0), 4).over(reading="canonical")
    state = model.start()
    state.prefetch(b"a b a b")
    calls = state.forwards
    for byte in b"a b a b":
        state.push(bytes([byte]))
        state.next_byte_logprobs()
    assert state.forwards == calls


def test_nothing_is_asked_before_a_question() -> None:
    state = byte_model(partial(constant, LEAKY), reading="canonical").start()
    state.push(b"ABAAB").push("A").push(b"")
    assert state.positions == 0
    assert state.data == b"ABAABA"
    assert state.next_byte_logprobs().positions > 0


# ---------------------------------------------------------------------- distributions


def test_a_distribution_by_symbol() -> None:
    found = byte_model(partial(constant, LEAKY), reading="canonical").next_byte_logprobs(b"A")
    assert found[ord("A")] == found[b"A"] == found["A"] == pytest.approx(16 / 25)
    top = found.top(4)
    assert [symbol.name for symbol in top[:3]] == ["'A'", "'B'", "END"]
    assert top[0].logprob == pytest.approx(math.log(16 / 25))
    assert top[3].logprob == -math.inf
    assert found.total_variation(found) == 0
    assert found.logprobs.shape == found.lower.shape == found.upper.shape == (258,)


def test_several_ends_are_one_symbol() -> None:
    vocabulary = byte_vocabulary({0: b"A"}, ends=[1, 2])
    model = ByteModel.over(PrefixModel(lambda _: np.log([0.5, 0.25, 0.25]), width=3), vocabulary, reading="all", eps=0)
    found = model.next_byte_logprobs(b"A")
    assert found[END] == pytest.approx(0.5)
    one = ByteModel.over(
        PrefixModel(lambda _: np.log([0.5, 0.25, 0.25]), width=3, end_ids=(2,)), vocabulary, reading="all", eps=0
    ).next_byte_logprobs(b"A")
    assert [one[END], one[OTHER]] == pytest.approx([0.25, 0.25])


def test_tokens_hang_over_and_pass_the_leaf_rule() -> None:
    # behind `A` the token AA is half read: in CANONICAL the token [A] may not be followed by another A
    found = byte_model(partial(constant, LEAKY), reading="canonical", renormalise=None).next_byte_logprobs(b"A")
    free = byte_model(partial(constant, LEAKY), reading="canonical_context", renormalise=None).next_byte_logprobs(b"A")
    assert found.leak == pytest.approx((15 / 64) / (5 / 8))
    assert free.leak == 0
    assert found[END] == pytest.approx(free[END])


# ---------------------------------------------------------------------- characters half read


def test_characters_half_read_cannot_end() -> None:
    tokenizer = load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
    model = ByteModel(HashModel(tokenizer.byte_vocabulary(), end_ids=(9999,)), tokenizer, renormalise=None)
    for text in ("é", "你", "🦙"):
        data = text.encode()
        for size in range(1, len(data)):
            found = model.next_byte_logprobs(data[:size])
            assert found.logprobs[END] == -math.inf
            assert np.isneginf(found.logprobs[:0x80]).all()
            assert np.isneginf(found.logprobs[0xC0:256]).all()
            assert found.logprobs[data[size]] > -math.inf
        assert model.next_byte_logprobs(data).logprobs[END] > -math.inf
    first = model.next_byte_logprobs(b"")
    assert np.isneginf(first.logprobs[[0x80, 0xBF, 0xC0, 0xC1, 0xF5, 0xFF]]).all()
    for lead, low, high in ((0xE0, 0xA0, 0xBF), (0xED, 0x80, 0x9F), (0xF0, 0x90, 0xBF), (0xF4, 0x80, 0x8F)):
        second = model.next_byte_logprobs(bytes([lead])).logprobs[:256] > -np.inf
        assert np.array_equal(np.flatnonzero(second), np.arange(low, high + 1))


def test_bytes_that_are_no_text_keep_their_weight_under_all() -> None:
    tokenizer = load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
    model = ByteModel(HashModel(tokenizer.byte_vocabulary(), end_ids=(9999,)), tokenizer, reading="all")
    assert model.next_byte_logprobs(b"")[0xFF] > 0
    masked = ByteModel(
        HashModel(tokenizer.byte_vocabulary(), end_ids=(9999,)), tokenizer, reading="all", utf8_only=True
    ).next_byte_logprobs(b"")
    assert masked[0xFF] == 0
    assert masked.masked > 0
    assert float(masked.probabilities.sum()) == pytest.approx(1)


# ---------------------------------------------------------------------- a judge who does not know


@dataclass(frozen=True, slots=True, eq=False)
class _Doubt(Context):
    inner: Context | None = None


class Doubtful(CanonicalRule):
    """Refutes nothing, and says of what another judge refutes that it does not know."""

    def __init__(self, known: CanonicalRule) -> None:
        self.known = known

    def root(self) -> Context:
        return _Doubt(inner=self.known.root())

    def step(self, context: Context, token: int) -> Context | None:
        assert isinstance(context, _Doubt)
        inner = None if context.inner is None else self.known.step(context.inner, token)
        return _Doubt(undecided=inner is None, inner=inner)

    def dead(self, context: Context, lo: int, hi: int) -> Mask | None:
        return None

    def complete(self, context: Context) -> bool:
        assert isinstance(context, _Doubt)
        return context.inner is not None and self.known.complete(context.inner)


def doubtful(reading: str, **options: object) -> ByteModel:
    toy = golden()
    assert toy.rule is not None
    model = byte_model(partial(constant, LEAKY)).model
    chosen: dict[str, object] = {"reading": reading, "renormalise": None, **options}
    return ByteModel.over(model, toy.vocabulary, Doubtful(toy.rule), **chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize("renormalise", [None, "byte"])
def test_what_the_judge_does_not_know_is_in_the_interval(renormalise: str | None) -> None:
    exact = byte_model(partial(constant, LEAKY), reading="canonical_context", renormalise=renormalise)
    model = doubtful("canonical_context", renormalise=renormalise)
    for text in (b"AA", b"AAA", b"AAAB", b"BAA"):
        truth, found = exact.next_byte_logprobs(text), model.next_byte_logprobs(text)
        assert found.undecided > 0
        assert not found.exact
        laws.inside(found, truth.probabilities, truth.log_weight)
    for text in (b"AAA", b"AAAB", b"BAAA"):
        score = model.logprob(text)
        assert score.undecided > 0
        assert not score.exact
        assert score.lower - laws.NOISE <= exact.logprob(text).value <= score.upper + laws.NOISE


def test_ids_that_are_not_text_are_neither_end_nor_byte() -> None:
    ids: Sequence[int] = (STOP,)
    vocabulary = byte_vocabulary({0: b"A", 1: b"B"}, others=[2, 4], ends=ids)
    row = np.log([0.25, 0.25, 0.125, 0.125, 0.125, 0.125])
    model = ByteModel.over(PrefixModel(lambda _: row, width=6), vocabulary, reading="all", eps=0)
    for text in (b"", b"A", b"AB"):
        found = model.next_byte_logprobs(text)
        assert found[OTHER] == pytest.approx(0.375)
        assert found[END] == pytest.approx(0.125)
