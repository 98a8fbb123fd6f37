from __future__ import annotations

import itertools
import random
from pathlib import Path

import canonical_laws
import numpy as np
import pytest
from toy_encoders import ToyBpe, merged, random_byte_bpe, random_character_bpe

from tokbench.bytelevel.pairs import PairTable
from tokbench.tokenizers import load_tokenizer
from tokbench.tokenizers.rules import BpeRules


def _letters(*merges: bytes) -> ToyBpe:
    tokens = {bytes([byte]): byte for byte in range(256)} | {token: 256 + rank for rank, token in enumerate(merges)}
    return ToyBpe(BpeRules(tokens=tokens, ranks=tokens))


def _position(toy: ToyBpe, token: bytes) -> int:
    return toy.vocabulary.exact(token)[0]


@pytest.mark.parametrize(
    ("merges", "left", "right", "valid"),
    [
        # a part may rank after its whole; of equal times the ranks of the merges themselves decide
        ((b"aba", b"bab", b"ab"), b"bab", b"a", False),
        ((b"bab", b"aba", b"ba"), b"a", b"bab", True),
        ((b"ab",), b"a", b"b", False),
        ((b"ab",), b"b", b"a", True),
        ((b"bc", b"ab"), b"ab", b"c", False),
        ((b"ab", b"bc"), b"ab", b"c", True),
        ((b"aa",), b"a", b"aa", False),
        ((b"aa",), b"aa", b"a", True),
    ],
)
def test_pairs_that_times_decide(merges: tuple[bytes, ...], left: bytes, right: bytes, valid: bool) -> None:  # noqa: FBT001
    toy = _letters(*merges)
    table = PairTable(toy.vocabulary, toy.rules)
    assert table.valid(_position(toy, left), _position(toy, right)) is valid
    assert (toy.encode_piece(left + right) == [toy.rules.tokens[left], toy.rules.tokens[right]]) is valid


def _random_letters(rng: random.Random) -> ToyBpe:
    letters = [b"a", b"b", b"c", b"d"][: rng.randint(2, 4)]
    joins: list[bytes] = []
    pool = list(letters)
    pairs = []
    for _ in range(rng.randint(1, 14)):
        left, right = rng.choice(pool), rng.choice(pool)
        if left + right not in joins and len(left + right) <= 10:
            joins.append(left + right)
            pairs.append((left, right))
            pool.append(left + right)
    if rng.random() < 0.6:
        order = list(range(len(joins)))
        rng.shuffle(order)
        joins, pairs = [joins[at] for at in order], [pairs[at] for at in order]
    tokens = {token: token_id for token_id, token in enumerate([*letters, *joins])}
    if rng.random() < 0.5:
        return ToyBpe(BpeRules(tokens=tokens, merges=pairs))
    return ToyBpe(BpeRules(tokens=tokens, ranks={token: tokens[token] for token in joins}))


@pytest.mark.parametrize("seed", range(300))
def test_all_pairs_and_sequences_of_a_random_table(seed: int) -> None:
    rng = random.Random(seed)
    toy = _random_letters(rng)
    table, vocabulary = PairTable(toy.vocabulary, toy.rules), toy.vocabulary
    tokens = [vocabulary.token(index) for index in range(len(vocabulary))]
    for index, token in enumerate(tokens):
        assert bool(table.reachable[index]) == (toy.encode_piece(token) == [toy.rules.tokens[token]])
    usable = [int(index) for index in np.flatnonzero(table.reachable)]
    for left, right in itertools.product(usable, repeat=2):
        expected = merged([bytes([byte]) for byte in tokens[left] + tokens[right]], toy.rank)
        assert table.valid(left, right) == (expected == [tokens[left], tokens[right]]), (tokens[left], tokens[right])
    for _ in range(30):
        sequence = rng.choices(usable, k=rng.randint(3, 5))
        canonical = toy.encode_piece(b"".join(tokens[index] for index in sequence)) == [
            toy.rules.tokens[tokens[index]] for index in sequence
        ]
        assert canonical == all(table.valid(left, right) for left, right in itertools.pairwise(sequence))


@pytest.mark.parametrize("seed", range(60))
def test_the_mask_says_what_the_pairs_say(seed: int) -> None:
    rng = random.Random(seed)
    toy = random_character_bpe(rng, listed=seed % 2 == 0) if seed % 3 else random_byte_bpe(
        rng, None, listed=False, whole=False, merges=30
    )  # fmt: skip
    table, n = PairTable(toy.vocabulary, toy.rules), len(toy.vocabulary)
    usable = [int(index) for index in np.flatnonzero(table.reachable)]
    for left in rng.sample(usable, min(len(usable), 20)):
        everything = table.invalid(left)
        for _ in range(10):
            lo = rng.randrange(n)
            hi = rng.randint(lo, n)
            assert table.invalid(left, lo, hi).tolist() == everything[lo:hi].tolist()
        assert all(bool(everything[right]) != table.valid(left, right) for right in usable)


def test_the_last_of_two_equal_merges_counts() -> None:
    # tokenizers keeps one rank for a pair that is listed twice, the later one
    rules = BpeRules(
        tokens={b"a": 0, b"b": 1, b"c": 2, b"ab": 3, b"bc": 4}, merges=[(b"a", b"b"), (b"b", b"c"), (b"a", b"b")]
    )
    toy = ToyBpe(rules)
    table = PairTable(toy.vocabulary, rules)
    assert toy.encode_piece(b"abc") == [0, 4]
    assert table.valid(_position(toy, b"a"), _position(toy, b"bc"))
    assert not table.valid(_position(toy, b"ab"), _position(toy, b"c"))


@pytest.mark.data
@pytest.mark.parametrize("name", ["r50k_base", "cl100k_base", "o200k_base"])
def test_sampled_pairs_of_real_vocabularies(name: str, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer(f"tiktoken:{name}")
    rules, vocabulary = tokenizer.rules(), tokenizer.byte_vocabulary()
    assert isinstance(rules, BpeRules)
    table = PairTable(vocabulary, rules)
    assert table.reachable.all()
    rng = random.Random(0)
    short = [int(index) for index in np.flatnonzero(vocabulary.lengths <= 12)]
    lefts = rng.sample(short, 40)
    invalid = 0
    for left in lefts:
        bad = np.flatnonzero(table.invalid(left)).tolist()
        for right in {*rng.sample(short, 40), *rng.sample(bad, min(len(bad), 20))}:
            ids = [int(vocabulary.ids[left]), int(vocabulary.ids[right])]
            expected = tokenizer.encode_piece(vocabulary.token(left) + vocabulary.token(right)) == ids
            assert table.valid(left, right) == expected
            invalid += not expected
    assert invalid > 100
    assert table.nbytes < 20e6


def test_the_law_of_pairs_holds_on_toys() -> None:
    rng = random.Random(1)
    for _ in range(20):
        toy = random_byte_bpe(rng, None, listed=rng.random() < 0.5, whole=False, merges=40)
        table = PairTable(toy.vocabulary, toy.rules)
        usable = [int(index) for index in np.flatnonzero(table.reachable)]
        canonical_laws.pairs(table.valid, toy, toy.encode_piece, usable, rng, 200)
