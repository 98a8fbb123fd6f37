"""The laws of canonical contexts catch the bugs planted for them, and pass without."""

from __future__ import annotations

import random
from collections.abc import Iterator

import canonical_laws
import numpy as np
import pytest
from mutants_canonical import MUTANTS, CanonicalMutant, Law
from toy_encoders import SYMBOLS, ToyBpe, random_byte_bpe

from tokbench.bytelevel.canonical import rule_for
from tokbench.bytelevel.pairs import PairTable
from tokbench.tokenizers.patterns import PATTERNS
from tokbench.tokenizers.rules import BpeRules

HEALTHY = CanonicalMutant((), "no bug", lambda toy: rule_for(toy.rules, toy.vocabulary), PairTable)
SHORT = ["", *SYMBOLS, " a", "  a", "'s", "11"]


def _letters(rng: random.Random) -> ToyBpe:
    """A few letters and merges in any order, so that many parts rank after their wholes."""
    pool = [b"a", b"b"]
    for _ in range(9):
        join = rng.choice(pool) + rng.choice(pool)
        if join not in pool and len(join) < 8:
            pool.append(join)
    joins = rng.sample(pool[2:], len(pool) - 2)
    tokens = {bytes([byte]): byte for byte in range(256)} | {join: 256 + rank for rank, join in enumerate(joins)}
    return ToyBpe(BpeRules(tokens=tokens, ranks=tokens))


def _look_ahead() -> ToyBpe:
    """The vocabulary of the golden contexts."""
    tokens = {bytes([byte]): byte for byte in range(256)} | {b"in": 256, b" in": 257, b"  ": 258}
    return ToyBpe(BpeRules(tokens=tokens, ranks=tokens, pattern=PATTERNS["gpt2"]))


def _vocabularies(law: Law) -> Iterator[tuple[random.Random, ToyBpe]]:
    for seed in range(40):
        rng = random.Random(seed)
        if law == "pairs" or seed % 2:
            yield rng, _letters(rng)
        else:
            yield rng, random_byte_bpe(rng, PATTERNS["gpt2"], listed=False, whole=False, merges=40)


def _check(mutant: CanonicalMutant, law: Law) -> None:
    if law == "closure":
        toy = _look_ahead()
        canonical_laws.closure(mutant.rule(toy), toy, " in  1")  # the fixed example
    for rng, toy in _vocabularies(law):
        if law == "pairs":
            table = (mutant.table or PairTable)(toy.vocabulary, toy.rules)
            reachable = [int(index) for index in np.flatnonzero(table.reachable)]
            usable = [index for index in reachable if not toy.vocabulary.token(index).strip(b"ab")]
            canonical_laws.pairs(table.valid, toy, toy.encode_piece, usable, rng, 300)
            continue
        rule = mutant.rule(toy)
        for _ in range(3):
            alphabet = ("a", "b") if toy.rules.pattern is None else (*SYMBOLS, " ", " ", "\n")
            text = "".join(rng.choices(alphabet, k=rng.randint(2, 5)))
            if law == "closure":
                canonical_laws.closure(rule, toy, text)
            else:
                canonical_laws.contexts(rule, toy, text, SHORT)


@pytest.mark.parametrize(("name", "law"), [(name, law) for name, mutant in MUTANTS.items() for law in mutant.laws])
def test_a_law_catches_the_bug_planted_for_it(name: str, law: Law) -> None:
    with pytest.raises(AssertionError, match=r"refuted|admitted|valid"):
        _check(MUTANTS[name], law)


@pytest.mark.parametrize("law", ["contexts", "closure", "pairs"])
def test_the_laws_pass_without_a_bug(law: Law) -> None:
    _check(HEALTHY, law)


def test_every_law_has_a_planted_bug() -> None:
    assert {law for mutant in MUTANTS.values() for law in mutant.laws} == {"contexts", "closure", "pairs"}
