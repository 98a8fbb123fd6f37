"""What must not matter and what must: laws 6-8, 16, 17, 19 and 21."""

from __future__ import annotations

import codecs
import math
from collections.abc import Sequence
from fractions import Fraction
from functools import partial

import byte_laws as laws
import numpy as np
import pytest
from byte_toys import (
    READINGS,
    RENORMALISE,
    SEEDS,
    Case,
    Ids,
    bare_toys,
    byte_vocabulary,
    cases,
    fraction_model,
    letter_toys,
    rows_of,
    text_toy,
    texts,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokbench.bytelevel.canonical import canonical_rule
from tokbench.bytelevel.generate import shaped
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.protocol import PrefixModel
from tokbench.bytelevel.readings import END, OTHER
from tokbench.errors import DeadEndError, UncoverableTextError
from tokbench.models import HashModel, load_model
from tokbench.tokenizers import load_tokenizer

pytestmark = pytest.mark.property


def constant(row: list[Fraction], _: Ids) -> list[Fraction]:
    return row


def with_text(made: Case, most: int = 6) -> st.SearchStrategy[tuple[Case, bytes]]:
    return st.tuples(st.just(made), texts(made.toy, most=most))


def answers(model: ByteModel, text: bytes) -> NDArray[np.float64]:
    """The 258 probabilities and W; nothing where the text has no probability."""
    try:
        found = model.next_byte_logprobs(text)
    except (DeadEndError, UncoverableTextError):
        return np.zeros(0)
    return np.append(found.probabilities, math.exp(found.log_weight))


def same(left: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
    return left.shape == right.shape and np.allclose(left, right, rtol=laws.REL, atol=0)


# ---------------------------------------------------------------------- 6, 7, 8


def renumbered(made: Case, order: Sequence[int]) -> ByteModel:
    """The same model and reading ALL, with id ``order[i]`` in the place of ``i``."""
    toy, rows = made.toy, made.rows
    back = {new: old for old, new in enumerate(order)}

    def row(ids: Ids) -> NDArray[np.float64]:
        found = np.empty(len(order))
        found[list(order)] = rows(tuple(back[token] for token in ids))
        return found

    table = {order[token]: data for token, data in toy.bytes_of.items()}
    ends = [order[token] for token in toy.end_ids]
    others = [order[int(token)] for token in toy.vocabulary.other_ids]
    return ByteModel.over(
        PrefixModel(row, width=len(order), end_ids=ends), byte_vocabulary(table, others=others, ends=ends),
        reading="all", eps=0, renormalise=made.renormalise,
    )  # fmt: skip


@given(cases(readings=["all"]).flatmap(with_text), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_6_numbers_of_ids_do_not_matter(item: tuple[Case, bytes], random: object) -> None:
    made, text = item
    order = list(range(made.toy.width))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert same(answers(made.over(), text), answers(renumbered(made, order), text))


@given(cases(readings=["all"]).flatmap(with_text), st.lists(st.sampled_from([b"a", b"ab", b"ba", b"bbb"]), min_size=1))
@settings(max_examples=40)
def test_6_tokens_without_probability_do_not_matter(item: tuple[Case, bytes], more: list[bytes]) -> None:
    made, text = item
    toy, rows, width = made.toy, made.rows, made.toy.width
    table = toy.bytes_of | {width + index: data for index, data in enumerate(more)}
    grown = PrefixModel(
        lambda ids: np.append(rows(ids), np.full(len(more), -np.inf)), width=width + len(more), end_ids=toy.end_ids
    )
    others = tuple(map(int, toy.vocabulary.other_ids))
    model = ByteModel.over(grown, byte_vocabulary(table, others=others, ends=toy.end_ids), reading="all", eps=0,
                           renormalise=made.renormalise)  # fmt: skip
    assert same(answers(made.over(), text), answers(model, text))


@given(cases(readings=["all"]).flatmap(with_text), st.data())
@settings(max_examples=40)
def test_7_a_token_may_be_split_in_two_ids(item: tuple[Case, bytes], data: st.DataObject) -> None:
    made, text = item
    toy, rows, width = made.toy, Case(made.toy, made.seed, made.scale, "bytes").rows, made.toy.width
    token = data.draw(st.sampled_from(sorted(toy.bytes_of)))
    share = data.draw(st.sampled_from([0.5, 0.25, 0.9, 1.0]))

    def row(ids: Ids) -> NDArray[np.float64]:
        before = rows(tuple(token if other == width else other for other in ids))
        with np.errstate(divide="ignore"):
            found: NDArray[np.float64] = np.append(before, before[token] + np.log(1 - share))
        found[token] += math.log(share)
        return found

    vocabulary = byte_vocabulary(
        toy.bytes_of | {width: toy.bytes_of[token]}, others=tuple(map(int, toy.vocabulary.other_ids)), ends=toy.end_ids
    )
    split = ByteModel.over(PrefixModel(row, width=width + 1, end_ids=toy.end_ids), vocabulary, reading="all", eps=0,
                           renormalise=made.renormalise)  # fmt: skip
    whole = Case(toy, made.seed, made.scale, "bytes", "all", made.renormalise).over()
    assert same(answers(whole, text), answers(split, text))


@given(SEEDS, st.sampled_from(READINGS), st.sampled_from(RENORMALISE), st.binary(max_size=6))
@settings(max_examples=25)
def test_8_with_one_token_a_byte_the_model_is_the_answer(
    seed: int, reading: str, renormalise: str | None, text: bytes
) -> None:
    tokenizer = load_tokenizer("bytes")
    ends = (max(tokenizer.ids()) + 1,)
    hashed = HashModel(tokenizer.byte_vocabulary(), seed=seed, scale=4, end_ids=ends)
    model = ByteModel(hashed, tokenizer, reading=reading, renormalise=renormalise, eps=0)
    id_of = {tokenizer.token_bytes(token): token for token in tokenizer.ids() if tokenizer.token_bytes(token)}
    ids = tuple(id_of[bytes([byte])] for byte in text)
    row = rows_of(hashed)(ids)
    found = model.next_byte_logprobs(text)
    assert all(laws.close(float(found.logprobs[byte]), float(row[id_of[bytes([byte])]])) for byte in range(256))
    assert laws.close(float(found.logprobs[END]), float(row[ends[0]]))
    assert found.leak == 0


@given(bare_toys(), SEEDS, st.data())
@settings(max_examples=40)
def test_8_with_one_token_a_text_bytes_are_sums_over_tokens(toy: object, seed: int, data: st.DataObject) -> None:
    made = Case(toy, seed)  # type: ignore[arg-type]
    first = np.exp(made.rows(()))
    only = np.full(made.toy.width, -np.inf)
    only[list(made.toy.end_ids)] = -math.log(len(made.toy.end_ids))
    row = np.log(first)
    model = made.over(model=PrefixModel(lambda ids: only if ids else row, width=len(row), end_ids=made.toy.end_ids))
    text = data.draw(st.sampled_from(sorted(made.toy.bytes_of.values())))[: data.draw(st.integers(0, 3))]
    found = model.next_byte_logprobs(text)

    def beginning(prefix: bytes) -> float:
        return sum(float(first[token]) for token, bytes_ in made.toy.bytes_of.items() if bytes_.startswith(prefix))

    whole = beginning(text) if text else 1.0
    for byte in range(256):
        assert math.isclose(found[byte], beginning(text + bytes([byte])) / whole, rel_tol=1e-9)


# ---------------------------------------------------------------------- 16


@given(letter_toys(), SEEDS, st.sampled_from(READINGS), st.data())
@settings(max_examples=40)
def test_16_whether_a_special_is_the_end_does_not_move_the_odds_of_bytes(
    toy: object, seed: int, reading: str, data: st.DataObject
) -> None:
    made = Case(toy, seed, 1.0, "ids", reading)  # type: ignore[arg-type]
    text = data.draw(texts(made.toy, most=5))
    shares = [(0.02, 0.3), (0.16, 0.16), (0.3, 0.02)]
    odds = []
    for end, other in shares:
        hashed = HashModel(made.toy.vocabulary, seed=seed, end_share=end, other_share=other, width=made.toy.width)
        try:
            found = made.over(model=hashed).next_byte_logprobs(text)
        except DeadEndError:
            return
        odds.append(found.probabilities[:256] / found.probabilities[:256].sum())
    assert np.allclose(odds[0], odds[1], rtol=1e-9, atol=0)
    assert np.allclose(odds[0], odds[2], rtol=1e-9, atol=0)


@pytest.mark.parametrize("spec", ["hf:@tiny.json", "tiktoken:@tiny.tiktoken?pattern=gpt2"])
@pytest.mark.parametrize("reading", READINGS)
def test_16_spelling_a_special_gets_nothing_from_it(spec: str, reading: str) -> None:
    # a model that is all but sure of the end: the bytes of `<|endoftext|>` get no more than text tokens give them
    tokenizer = load_tokenizer(spec)
    vocabulary = tokenizer.byte_vocabulary()
    special = next(iter(tokenizer.special_tokens().values()), max(tokenizer.ids()) + 1)
    hashed = HashModel(vocabulary, seed=3, end_ids=(special,), end_share=0.9)
    model = ByteModel(hashed, tokenizer, reading=reading, renormalise=None, eps=0)
    row = np.exp(rows_of(hashed)(()))
    found = model.next_byte_logprobs(b"")
    text = sum(float(row[token]) for token in vocabulary.starting_with(b"<"))
    assert found[b"<"] <= text * (1 + 1e-9)
    assert math.isclose(found[END], 0.9, rel_tol=1e-9)
    assert math.isclose(float(found.probabilities.sum()) + found.leak, 1, rel_tol=1e-9)


@given(bare_toys(), SEEDS, st.data())
@settings(max_examples=40)
def test_16_an_end_that_has_bytes_is_the_end_and_no_text(toy: object, seed: int, data: st.DataObject) -> None:
    made = Case(toy, seed)  # type: ignore[arg-type]
    token = data.draw(st.sampled_from(sorted(made.toy.bytes_of)))
    rest = {other: bytes_ for other, bytes_ in made.toy.bytes_of.items() if other != token}
    ends = (*made.toy.end_ids, token)
    text = data.draw(texts(made.toy, most=4))
    hashed = made.model()
    found = answers(made.over(model=hashed, end_ids=ends), text)
    if not rest:
        assert not text or not len(found)
        return
    others = tuple(map(int, made.toy.vocabulary.other_ids))
    without = ByteModel.over(hashed, byte_vocabulary(rest, others=others, ends=ends), reading="all", eps=0,
                             renormalise=None, end_ids=ends)  # fmt: skip
    assert same(found, answers(without, text))
    if len(found):
        assert math.isclose(float(found[:-1].sum()), 1, rel_tol=1e-9)


# ---------------------------------------------------------------------- 17


@given(cases().flatmap(with_text))
@settings(max_examples=30)
def test_17_temperature_one_is_the_identity(item: tuple[Case, bytes]) -> None:
    made, text = item
    try:
        logs = made.read(made.reading, "byte").over().next_byte_logprobs(text).logprobs[:OTHER]
    except (DeadEndError, UncoverableTextError):
        return
    if np.isneginf(logs).all():
        return
    kept = np.exp(logs) / np.exp(logs).sum()
    assert np.allclose(shaped(logs, temperature=1, top_p=1), kept, rtol=1e-12, atol=0)
    half = shaped(logs, temperature=0.5, top_p=1)
    assert np.allclose(half, kept**2 / (kept**2).sum(), rtol=1e-9, atol=0)
    assert shaped(logs, temperature=0, top_p=1).argmax() == logs.argmax()
    top = shaped(logs, temperature=1, top_p=0.7)
    least = np.sort(kept[top > 0])
    assert kept[top > 0].sum() >= 0.7 - 1e-9
    assert kept[top > 0].sum() - least[0] < 0.7 + 1e-9
    assert (kept[top == 0] <= least[0]).all()


def test_17_a_temperature_of_tokens_is_another_distribution() -> None:
    vocabulary = byte_vocabulary({0: b"A", 1: b"B", 2: b"AA"}, ends=[3])
    plain = [Fraction(3, 8), Fraction(1, 4), Fraction(1, 4), Fraction(1, 8)]
    squares = [value**2 / sum(other**2 for other in plain) for value in plain]
    models = [fraction_model(partial(constant, row), end_ids=(3,)) for row in (plain, squares)]
    after = [ByteModel.over(model, vocabulary, reading="all", eps=0).next_byte_logprobs(b"A") for model in models]
    by_bytes = shaped(after[0].logprobs[:OTHER], temperature=0.5, top_p=1)
    # p(A|A) = 31/40, p(B|A) = 6/40, p(END|A) = 3/40: squared and divided by their sum
    assert math.isclose(by_bytes[ord("A")], 31**2 / (31**2 + 6**2 + 3**2), rel_tol=1e-9)
    # W(A) = 9/18 + ... with squared token probabilities 9, 4, 4, 1 of 18
    wanted = Fraction(9 * 9 + 9 * 4 + 4 * 18, (9 + 4) * 18)
    assert math.isclose(after[1][b"A"], wanted, rel_tol=1e-9)
    assert abs(by_bytes[ord("A")] - float(wanted)) > 0.1


# ---------------------------------------------------------------------- 19


@pytest.mark.parametrize("number", [0, 1])
@given(SEEDS, st.sampled_from(READINGS), st.sampled_from([0.0, 0.7, 1.0, 3.0]))
@settings(max_examples=8)
def test_19_output_under_utf8_only_decodes(number: int, seed: int, reading: str, temperature: float) -> None:
    toy = text_toy(number)
    made = Case(toy, seed, 1.0, "ids", reading, "byte")
    options = {} if reading != "all" else {"eps": 0.05, "max_positions": 400}
    model = made.over(utf8_only=True, **options)
    (out,) = model.generate([b"\xc3"], max_bytes=12, seed=seed, temperature=temperature)
    assert out.finish_reason in {"end", "length"}
    # an output that was cut short may end inside a character, one that ended may not
    codecs.getincrementaldecoder("utf-8")().decode(b"\xc3" + out.data, final=out.finish_reason == "end")


@pytest.mark.parametrize("number", range(4))
def test_19_states_inside_characters(number: int) -> None:
    toy = text_toy(number)
    for reading in READINGS:
        model = Case(toy, 5, 1.0, "ids", reading, None).over(utf8_only=True)
        found = model.next_byte_logprobs(b"a\xe4\xb8")
        allowed = np.flatnonzero(found.logprobs > -np.inf)
        assert set(allowed) <= set(range(0x80, 0xC0))
        assert len(allowed) > 1
        plain = Case(toy, 5, 1.0, "ids", reading, None).over().next_byte_logprobs(b"a\xe4\xb8")
        gone = plain.probabilities[found.logprobs == -np.inf].sum()
        assert math.isclose(found.masked, gone / plain.probabilities.sum(), rel_tol=1e-9)
        if reading == "canonical":  # only text that goes on has any weight, and specials that are no end
            assert np.array_equal(plain.logprobs[:OTHER] > -np.inf, found.logprobs[:OTHER] > -np.inf)
        else:
            assert plain.logprobs[END] > -np.inf


@given(cases(letter_toys()).flatmap(with_text), st.sampled_from([b"a", b"ab", b"b"]))
@settings(max_examples=40)
def test_19_behind_an_inserted_prefix_everything_is_conditional(item: tuple[Case, bytes], prefix: bytes) -> None:
    made, text = item
    plain, behind = made.over(renormalise=None), made.over(prefix=prefix, renormalise=None)
    try:
        base = plain.next_byte_logprobs(prefix).log_weight
        whole = plain.next_byte_logprobs(prefix + text)
    except (DeadEndError, UncoverableTextError):
        return
    found = behind.next_byte_logprobs(text)
    assert laws.close(found.log_weight, whole.log_weight - base)
    wanted = whole.probabilities
    if made.reading == "canonical" and not text:  # the empty text has no prefix: the prefix alone encodes nothing
        assert math.isclose(found.leak, whole.leak + wanted[END], rel_tol=1e-9, abs_tol=1e-15)
        wanted[END] = 0
    assert np.allclose(found.probabilities, wanted, rtol=1e-9, atol=0)
    assert laws.close(behind.logprob(text).value, whole.log_weight - base)
    assert laws.close(behind.logprob(text).value, plain.logprob(text, given=prefix).value)


# ---------------------------------------------------------------------- 21


@given(st.text(st.sampled_from("abe  \n1'st\u00e9\u4e2d\U0001f999<|>"), max_size=8), st.integers(0, 3))
@settings(max_examples=25)
def test_21_backends_with_one_vocabulary_agree(text: str, cut: int) -> None:
    two = [load_tokenizer("hf:@tiny.json"), load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")]
    shared = two[1].byte_vocabulary()
    table = {two[1].token_bytes(token): token for token in map(int, shared.ids)}
    other = {two[0].token_bytes(token): token for token in map(int, two[0].byte_vocabulary().ids)}
    added = {bytes_ for bytes_ in other if two[0].kind(other[bytes_]) == "added"}  # the rank file has no such tokens
    assert {bytes_: token for bytes_, token in other.items() if bytes_ not in added} == table
    assert two[0].encode(text) == two[1].encode(text)
    assert two[0].join_bytes(two[0].encode(text)) == two[1].join_bytes(two[1].encode(text)) == text.encode()
    data = text.encode()[: len(text.encode()) - cut] if cut else text.encode()
    width = 1 + max(max(tokenizer.ids()) for tokenizer in two)
    hashed = HashModel(
        {token: bytes_ for bytes_, token in table.items()}, seed=1, width=width + 1, end_ids=(width,), other_share=0.0
    )
    for reading in READINGS[1:]:
        models = [ByteModel(hashed, tokenizer, reading=reading) for tokenizer in two]
        states = [model.start().push(data) for model in models]
        found = [state.next_byte_logprobs() for state in states]
        assert np.array_equal(found[0].logprobs, found[1].logprobs)
        assert found[0].log_weight == found[1].log_weight
        assert [ids for ids, _ in states[0].contexts()] == [ids for ids, _ in states[1].contexts()]
        assert models[0].logprob(data).value == models[1].logprob(data).value


@pytest.mark.parametrize("spec", ["sentencepiece:@tiny.model", "bytes"])
@pytest.mark.parametrize("text", ["The tokens", "a b", "\u00e9t\u00e9 \u4e2d", " in  1", ""])
def test_21_a_finished_text_is_its_encoding(spec: str, text: str) -> None:
    tokenizer = load_tokenizer(spec)
    end = max(tokenizer.ids()) + 1
    hashed = HashModel(tokenizer.byte_vocabulary(), seed=2, end_ids=(end,))
    model = ByteModel(hashed, tokenizer, reading="canonical", renormalise=None)
    ids = tokenizer.encode(text)
    prefix = tokenizer.info.prefix if text else b""
    assert tokenizer.join_bytes(ids) == tokenizer.preimage(text) == prefix + text.encode()
    rows = rows_of(hashed)
    product = sum(float(rows(tuple(ids[:at]))[token]) for at, token in enumerate([*ids, end]))
    if not text and tokenizer.info.prefix:
        return  # the inserted space stands in front of every text that is not empty
    behind = ByteModel.over(hashed, tokenizer.byte_vocabulary(), reading="canonical", rule=canonical_rule(tokenizer))
    base = behind.logprob(tokenizer.info.prefix).value
    assert laws.close(model.logprob(text, end=True, per_byte=False).value, product - base)
    assert laws.close(model.logprob(text, end=True).value, product - base)
    assert laws.close(math.fsum(laws.stepwise(model, text.encode(), end=True)), product - base)


@pytest.mark.parametrize("spec", ["ngram:tiny", "ngram:tiny-sp"])
def test_21_models_of_the_project_keep_the_laws(spec: str) -> None:
    model = load_model(spec)
    assert model.tokenizer_spec is not None
    tokenizer = load_tokenizer(model.tokenizer_spec)
    for reading in READINGS[1:]:
        exact = ByteModel(model, tokenizer, reading=reading, renormalise=None)
        text = "The tokenizer don't  see 12 caf\u00e9"
        score = exact.logprob(text, end=True)
        assert score.exact
        assert laws.close(math.fsum(laws.stepwise(exact, text.encode(), end=True)), score.value)
        for cut in (0, 3, 7, 9, 20):
            found = exact.next_byte_logprobs(text[:cut])
            assert math.isclose(float(found.probabilities.sum()) + found.leak, 1, rel_tol=1e-6)
