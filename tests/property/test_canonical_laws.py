"""Properties 12 to 14 of the byte-token core: contexts and the pair rule, on random vocabularies and real ones."""

from __future__ import annotations

import random
from pathlib import Path

import canonical_laws
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_encoders import (
    LETTERS,
    SYMBOLS,
    Toy,
    continuations,
    random_byte_bpe,
    random_character_bpe,
    random_greedy,
    random_unigram,
)

from tokbench.bytelevel.canonical import canonical_rule, rule_for
from tokbench.bytelevel.pairs import PairTable
from tokbench.tokenizers import Tokenizer, load_tokenizer
from tokbench.tokenizers.patterns import PATTERNS

pytestmark = pytest.mark.property

RIGHT_DIGITS = PATTERNS["cl100k"].replace(r"\p{N}{1,3}", r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))")
SPLITS = [None, RIGHT_DIGITS, *(pattern for name, pattern in PATTERNS.items() if name != "whole")]


@st.composite
def byte_level(draw: st.DrawFn) -> Toy:
    return random_byte_bpe(
        random.Random(draw(st.integers(0, 2**32))),
        draw(st.sampled_from(SPLITS)),
        listed=draw(st.booleans()),
        whole=draw(st.booleans()),
        merges=draw(st.integers(1, 60)),
        cut_out=draw(st.sampled_from((0, 0, 2))),
    )


@st.composite
def other_families(draw: st.DrawFn) -> Toy:
    rng = random.Random(draw(st.integers(0, 2**32)))
    family = draw(st.sampled_from(("characters", "listed", "unigram", "greedy", "wordpiece")))
    if family == "unigram":
        return random_unigram(rng)
    if family in {"greedy", "wordpiece"}:
        return random_greedy(rng, wordpiece=family == "wordpiece")
    return random_character_bpe(rng, listed=family == "listed")


@given(byte_level(), st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4))
@settings(max_examples=40)
def test_contexts_of_byte_level_bpe_equal_brute_force(toy: Toy, symbols: list[str]) -> None:
    canonical_laws.contexts(rule_for(toy.rules, toy.vocabulary), toy, "".join(symbols))


@given(other_families(), st.lists(st.sampled_from(LETTERS), min_size=1, max_size=6))
@settings(max_examples=60)
def test_contexts_of_other_families_equal_brute_force(toy: Toy, symbols: list[str]) -> None:
    canonical_laws.contexts(rule_for(toy.rules, toy.vocabulary), toy, "".join(symbols), continuations(2, LETTERS))


@given(byte_level(), st.lists(st.lists(st.sampled_from(SYMBOLS), max_size=30), min_size=1, max_size=5))
def test_every_prefix_of_an_encoding_is_admitted(toy: Toy, texts: list[list[str]]) -> None:
    rule = rule_for(toy.rules, toy.vocabulary)
    for symbols in texts:
        canonical_laws.closure(rule, toy, "".join(symbols))


@given(other_families(), st.lists(st.lists(st.sampled_from(LETTERS), max_size=30), min_size=1, max_size=5))
def test_every_prefix_of_an_encoding_is_admitted_in_other_families(toy: Toy, texts: list[list[str]]) -> None:
    rule = rule_for(toy.rules, toy.vocabulary)
    for symbols in texts:
        canonical_laws.closure(rule, toy, "".join(symbols))


@given(st.integers(0, 2**32), st.booleans(), st.integers(1, 60))
def test_a_pair_is_valid_if_it_is_encoded_as_the_pair(seed: int, listed: bool, merges: int) -> None:  # noqa: FBT001
    rng = random.Random(seed)
    toy = random_byte_bpe(rng, None, listed=listed, whole=False, merges=merges)
    table = PairTable(toy.vocabulary, toy.rules)
    long = [int(index) for index in np.flatnonzero(table.reachable & (toy.vocabulary.lengths > 1))]
    singles = [
        index for index in range(len(toy.vocabulary)) if toy.vocabulary.token(index) in {b"a", b"b", b" ", b"\n"}
    ]
    canonical_laws.pairs(table.valid, toy, toy.encode_piece, [*long, *singles], rng, 100)


# ---------------------------------------------------------------------- real vocabularies

SPECS = (
    "bytes", "hf:@tiny.json", "tiktoken:@tiny.tiktoken?pattern=gpt2", "tiktoken:@tiny.tiktoken?pattern=o200k",
    "sentencepiece:@tiny.model", "mistral:v1", "mistral:v3", "mistral:tekken_240911", "tiktoken:r50k_base",
    "tiktoken:cl100k_base", "tiktoken:o200k_base", "hf:gpt2", "tiktoken:qwen",
)  # fmt: skip


@pytest.fixture(scope="session", params=SPECS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    spec = str(request.param)
    if spec.startswith("mistral"):
        pytest.importorskip("mistral_common")
    if spec == "hf:gpt2":
        spec = f"hf:{_data(request) / 'hf' / 'gpt2.json'}"
    elif spec == "tiktoken:qwen":
        spec = f"tiktoken:{_data(request) / 'tiktoken' / 'qwen.tiktoken'}?pattern=qwen2"
    elif spec.endswith("_base"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TIKTOKEN_CACHE_DIR", str(request.getfixturevalue("tiktoken_cache")))
            return load_tokenizer(spec)
    return load_tokenizer(spec)


def _data(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue("data_dir")
    return folder / "tokenizers"


WORDS = st.one_of(
    st.sampled_from((*SYMBOLS, "  ", "   ", " in", "don't", "'LL", "def f(x):\n    ", "123456", "naïve", "你好",
                     "<|endoftext|>", "⟦note⟧", "⟦no", "[REFERENCE_DOC_1", "]", "\u00a0", "\r\n")),
    st.text(max_size=3),
)  # fmt: skip


@given(st.data())
@settings(max_examples=60)
def test_every_prefix_of_a_real_encoding_is_admitted(tokenizer: Tokenizer, data: st.DataObject) -> None:
    rule, vocabulary = canonical_rule(tokenizer), tokenizer.byte_vocabulary()
    text = "".join(data.draw(st.lists(WORDS, min_size=1, max_size=8)))
    ids = tokenizer.encode(text)
    if tokenizer.join_bytes(ids) != tokenizer.info.prefix + text.encode() and text:
        return  # U+2581 under sentencepiece
    position = _positions(tokenizer)
    context = rule.root()
    for token_id in ids:
        token = position[token_id]
        lo, hi = max(0, token - 2), min(len(vocabulary), token + 3)
        dead = rule.dead(context, lo, hi)
        refuted = [rule.step(context, index) is None for index in range(lo, hi)]
        assert (dead.tolist() if dead is not None else [False] * (hi - lo)) == refuted
        further = rule.step(context, token)
        assert further is not None, (text, ids, token_id)
        context = further
    assert rule.complete(context)


_POSITIONS: dict[str, dict[int, int]] = {}


def _positions(tokenizer: Tokenizer) -> dict[int, int]:
    key = tokenizer.info.fingerprint
    if key not in _POSITIONS:
        _POSITIONS[key] = {int(token_id): index for index, token_id in enumerate(tokenizer.byte_vocabulary().ids)}
    return _POSITIONS[key]
