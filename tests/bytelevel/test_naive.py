"""The usual ways of reading a token model, on examples whose numbers are known as fractions."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from byte_toys import Ids, fraction_model, rows_of
from golden_toys import LEAKY, STOP, A, B, constant, markov, near
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from table_toys import TableTokenizer

from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.naive import encoded, healed_next, lm_eval_logprob, naive_next, token_logprob
from tokbench.bytelevel.readings import END, OTHER
from tokbench.errors import DeadEndError, UnsupportedError
from tokbench.models import HashModel, load_byte_model, load_model
from tokbench.tokenizers import load_tokenizer

F = Fraction

LETTERS = TableTokenizer({0: b"A", 1: b"B", 2: b"AA"}, specials={"<end>": STOP})
PROMPTS: dict[bytes, tuple[float | Fraction, ...]] = {
    b"A": (F(3, 4), F(1, 4), 0, 1),
    b"AA": (F(3, 4), F(1, 4), F(3, 4), F(1, 4)),
    b"AAA": (F(3, 4), F(1, 4), 0, 1),
    b"BA": (F(3, 4), F(1, 4), 0, 1),
    b"AB": (F(1, 2), F(1, 2), F(1, 2), F(1, 2)),
    b"ABAAA": (F(3, 4), F(1, 4), 0, 1),
}
"""Prompt: exact P(A) and P(B), naive P(A) and P(B)."""


def over(rows: Callable[[Ids], list[Fraction]], tokenizer: TableTokenizer = LETTERS, end: int = STOP) -> ByteModel:
    return ByteModel(fraction_model(rows, end_ids=(end,)), tokenizer)


def share(found: NDArray[np.float64], symbol: bytes | int) -> float:
    return math.exp(found[symbol if isinstance(symbol, int) else symbol[0]])


def distance(found: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.abs(np.exp(found) - np.exp(other)).sum() / 2)


@pytest.fixture(scope="module")
def shipped() -> ByteModel:
    return load_byte_model("ngram:tiny")


# ---------------------------------------------------------------------- a Markov chain over letters


@pytest.mark.parametrize("prompt", PROMPTS)
def test_naive_next_letters_of_the_chain(prompt: bytes) -> None:
    exact_a, exact_b, a, b = PROMPTS[prompt]
    model = over(markov)
    for text in (prompt, prompt.decode()):
        found = naive_next(model, text)
        assert near(share(found, b"A"), a)
        assert near(share(found, b"B"), b)
        assert found[END] == -np.inf
    exact = model.next_byte_logprobs(prompt)
    assert near(exact["A"], exact_a)
    assert near(exact["B"], exact_b)


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_healing_one_token_is_exact_on_the_chain(prompt: bytes, stop: bool) -> None:  # noqa: FBT001, a parameter
    model = over(partial(markov, stop=stop))
    healed = healed_next(model, prompt)
    assert np.exp(healed) == pytest.approx(model.next_byte_logprobs(prompt).probabilities, abs=1e-12)


def test_naive_next_letters_of_the_chain_that_stops() -> None:
    found = naive_next(over(partial(markov, stop=True)), b"A")
    assert share(found, b"A") == 0
    assert near(share(found, b"B"), F(9, 13))
    assert near(share(found, END), F(4, 13))


def test_the_cut_of_an_evaluation_harness() -> None:
    model = over(markov)
    empty, one = lm_eval_logprob(model, "A", "A"), lm_eval_logprob(model, "A", "B")
    assert (empty.value, empty.tokens) == (0, 0)  # AA is one token, and it begins in the context
    assert (one.value, one.tokens) == (0, 1)
    assert near(math.exp(model.logprob("A", given="A").value), F(3, 4))
    assert near(math.exp(model.logprob("B", given="A").value), F(1, 4))


@pytest.mark.parametrize(("cut", "wanted"), [(1, F(3, 256)), (2, F(3, 256)), (3, F(1, 256)), (4, F(3, 256))])
def test_the_harness_depends_on_where_the_text_is_cut(cut: int, wanted: Fraction) -> None:
    model, text = over(markov), "ABAAA"
    prefix = token_logprob(model, encoded(model, text[:cut]))
    rest = lm_eval_logprob(model, text[:cut], text[cut:])
    assert near(math.exp(prefix.value + rest.value), wanted)
    exact = model.logprob(text[:cut]).value + model.logprob(text[cut:], given=text[:cut]).value
    assert near(math.exp(exact), F(3, 64))


def test_the_bits_of_tokens_are_more_than_those_of_the_text() -> None:
    model = over(markov)
    found = token_logprob(model, encoded(model, "ABAAA"))
    assert found.tokens == 4
    assert -found.value / math.log(2) / 5 == pytest.approx(1.283007, abs=1e-6)
    assert model.logprob("ABAAA").bits_per_byte == pytest.approx(0.883007, abs=1e-6)


def test_the_leaky_model() -> None:
    tokens, model = fraction_model(partial(constant, LEAKY), end_ids=(STOP,)), over(partial(constant, LEAKY))
    exact = ByteModel(tokens, LETTERS, reading="all", eps=0)
    naive = naive_next(model, b"A")
    assert near(share(naive, b"A"), F(5, 8))
    assert near(share(naive, b"B"), F(1, 4))
    assert near(share(naive, END), F(1, 8))
    assert near(distance(naive, exact.next_byte_logprobs(b"A").logprobs), F(3, 20))
    two = exact.next_byte_logprobs(b"AA").logprobs
    assert near(distance(naive_next(model, b"AA"), two), F(9, 124))
    assert near(distance(healed_next(model, b"AA"), two), F(9, 124))


# ---------------------------------------------------------------------- where healing is not enough


ABC = TableTokenizer({0: b"a", 1: b"b", 2: b"c", 3: b"d", 4: b"abc"}, specials={"<end>": 5})


def two_texts(ids: Ids) -> list[Fraction]:
    """``abc`` with 3/4, ``abd`` with 1/4."""
    rows = {(): {0: F(1, 4), 4: F(3, 4)}, (0,): {1: F(1)}, (0, 1): {3: F(1)}}
    row = rows.get(ids, {5: F(1)})
    return [row.get(token, F(0)) for token in range(6)]


def test_healing_one_token_is_not_enough() -> None:
    model = over(two_texts, ABC, 5)
    assert encoded(model, "ab") == (0, 1)
    assert near(model.next_byte_logprobs("ab")["c"], F(3, 4))
    for found in (naive_next(model, "ab"), healed_next(model, "ab")):
        assert share(found, b"c") == 0
        assert near(share(found, b"d"), 1)
    # two tokens back, abc is found, and abd is not: no one token spells what was dropped
    assert near(share(healed_next(model, "ab", k=2), b"c"), 1)


def test_more_tokens_than_there_are_cannot_be_dropped() -> None:
    model = over(two_texts, ABC, 5)
    assert healed_next(model, "ab", k=2).tolist() == healed_next(model, "ab", k=9).tolist()


# ---------------------------------------------------------------------- ends of the range


def test_an_empty_prompt_is_read_alike() -> None:
    model = over(markov)
    wanted = model.next_byte_logprobs(b"").probabilities
    assert encoded(model, b"") == encoded(model, "") == ()
    for found in (naive_next(model, b""), healed_next(model, ""), healed_next(model, b"", k=3)):
        assert np.exp(found) == pytest.approx(wanted, abs=1e-12)
    assert token_logprob(model, ()).value == 0
    whole = lm_eval_logprob(model, "", "BA")
    assert (whole.tokens, near(math.exp(whole.value), F(1, 24))) == (2, True)


def test_an_empty_prompt_behind_an_inserted_space() -> None:
    table = {0: b" ", 1: b"a", 2: b" a", 3: b"aa", 4: b"b"}
    row = [F(1, 4), F(1, 4), F(1, 8), F(1, 8), F(1, 8), F(1, 8)]
    model = over(partial(constant, row), TableTokenizer(table, specials={"<end>": 5}, prefix=b" "), 5)
    for found in (naive_next(model, ""), healed_next(model, "")):
        assert near(share(found, b"a"), F(7, 12))  # the first token begins with the space, or is it
        assert near(share(found, END), F(1, 12))
        assert near(float(np.exp(found).sum()), 1)
    assert encoded(model, "a") == (2,)
    assert near(share(naive_next(model, "a"), b"a"), F(3, 8))


def test_nothing_to_heal_with_is_a_dead_end() -> None:
    never = over(lambda _: [F(1), F(0), F(0), F(0)])
    with pytest.raises(DeadEndError, match="b'B'") as error:
        healed_next(never, "AB")
    assert error.value.data == b"AB"
    with pytest.raises(DeadEndError, match="b'BA'"):  # no token spells two different letters
        healed_next(over(markov), "BA", k=2)


def test_prompts_that_end_inside_a_character(shipped: ByteModel) -> None:
    prompt = "caf\u00e9".encode()[:-1]
    assert shipped.next_byte_logprobs(prompt)[0xA9] > 0.05
    tiktoken = load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
    model = ByteModel(load_model("scripted:hash", tokenizer=tiktoken), tiktoken)
    assert encoded(model, prompt)[-1] == tiktoken.encode_bytes(b"\xc3")[0]
    assert float(np.exp(naive_next(model, prompt)).sum()) == pytest.approx(1)
    assert float(np.exp(healed_next(model, prompt)).sum()) == pytest.approx(1)
    text_only = TableTokenizer({0: b"a", 1: b"\xc3", 2: b"\xa9"}, specials={"<end>": 3}, takes_bytes=False)
    hashed = ByteModel(HashModel(text_only.byte_vocabulary(), end_ids=(3,)), text_only)
    assert encoded(hashed, "a\u00e9".encode()) == (0, 1, 2)
    for way in (naive_next, healed_next):
        with pytest.raises(UnsupportedError, match="takes text only"):
            way(hashed, b"a\xc3")


def test_a_model_without_a_tokenizer_has_no_naive_reading() -> None:
    bare = ByteModel.over(fraction_model(markov, end_ids=(STOP,)), LETTERS.byte_vocabulary(), reading="all", eps=0)
    for way in (naive_next, healed_next):
        with pytest.raises(UnsupportedError, match="without a tokenizer"):
            way(bare, b"A")


# ---------------------------------------------------------------------- against plain sums


def test_spaces_at_the_end_of_a_context_are_scored(shipped: ByteModel) -> None:
    assert shipped.tokenizer is not None
    whole = shipped.tokenizer.encode("The token  is")
    count = len(shipped.tokenizer.encode("The token"))
    found = lm_eval_logprob(shipped, "The token  ", "is")
    assert found == token_logprob(shipped, whole[count:], given=whole[:count])
    assert found.tokens == len(whole) - count
    rows = rows_of(shipped.model)
    start = shipped.model.start_ids
    steps = [float(rows((*start, *whole[:at]))[whole[at]]) for at in range(count, len(whole))]
    assert found.value == pytest.approx(math.fsum(steps), abs=1e-9)


def test_long_contexts_are_read_in_chunks(shipped: ByteModel) -> None:
    text = "The token is a token. " * 60
    ids = encoded(shipped, text)
    assert len(ids) > 300
    rows = rows_of(shipped.model)
    start = shipped.model.start_ids
    steps = [float(rows((*start, *ids[:at]))[token]) for at, token in enumerate(ids)]
    assert token_logprob(shipped, ids).value == pytest.approx(math.fsum(steps), rel=1e-12)
    last = np.exp(rows((*start, *ids)))
    table = shipped.vocabulary
    begins = [int(token) for token in table.starting_with(b"T")]
    assert share(naive_next(shipped, text), b"T") == pytest.approx(float(last[begins].sum()), rel=1e-9)


@st.composite
def small(draw: st.DrawFn) -> tuple[TableTokenizer, HashModel, str, int]:
    words = draw(st.lists(st.text("ab", min_size=2, max_size=4), max_size=6, unique=True))
    table = {index: word.encode() for index, word in enumerate(["a", "b", *words])}
    ends = len(table)
    tokenizer = TableTokenizer(table, specials={"<end>": ends, "<other>": ends + 1})
    model = HashModel(table, seed=draw(st.integers(0, 999)), end_ids=(ends,), width=ends + 3)
    return tokenizer, model, draw(st.text("ab", max_size=6)), draw(st.integers(1, 3))


@pytest.mark.property
@given(small())
@settings(max_examples=150)
def test_both_ways_are_as_defined(item: tuple[TableTokenizer, HashModel, str, int]) -> None:
    tokenizer, model, text, k = item
    rows, table, end = rows_of(model), tokenizer.table, tokenizer.specials["<end>"]

    def firsts(ids: Ids, known: bytes = b"") -> NDArray[np.float64]:
        row, found = np.exp(rows(ids)), np.zeros(OTHER + 1)
        for token, data in table.items():
            if data.startswith(known) and len(data) > len(known):
                found[data[len(known)]] += row[token]
        if not known:
            found[END], found[OTHER] = row[end], row[end + 1] + row[end + 2]
        return found

    ids = tuple(tokenizer.encode(text))
    byte_model = ByteModel(model, tokenizer)
    naive = naive_next(byte_model, text)
    assert np.exp(naive) == pytest.approx(firsts(ids), abs=1e-12)
    assert float(np.exp(naive).sum()) == pytest.approx(1)
    cut = len(ids) - min(k, len(ids))
    dropped = b"".join(table[token] for token in ids[cut:])
    wanted = firsts(ids[:cut], dropped)
    if dropped:
        for token, data in table.items():
            if data == dropped:
                wanted += np.exp(rows(ids[:cut])[token]) * firsts((*ids[:cut], token))
    if not wanted.sum():
        with pytest.raises(DeadEndError):
            healed_next(byte_model, text, k)
        return
    assert np.exp(healed_next(byte_model, text, k)) == pytest.approx(wanted / wanted.sum(), abs=1e-12)


@pytest.mark.parametrize("prompt", ["", "The toke", "na\u00efve \U0001f999 x", "  1", b"\xff", b"\xf0\x9f"])
def test_everything_sums_to_one(shipped: ByteModel, prompt: str | bytes) -> None:
    try:
        found = naive_next(shipped, prompt)
    except UnsupportedError:
        assert isinstance(prompt, bytes)
        return
    assert float(np.exp(found).sum()) == pytest.approx(1, abs=1e-9)
    assert float(np.exp(healed_next(shipped, prompt)).sum()) == pytest.approx(1, abs=1e-9)


def test_token_scores_name_what_they_are_behind() -> None:
    model = over(markov)
    assert near(math.exp(token_logprob(model, [B], given=[A]).value), 1)
    assert token_logprob(model, [A], given=[A]).value == -math.inf
