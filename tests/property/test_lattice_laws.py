"""The laws of the lattice over random vocabularies, against segmentations found by plain search."""

from __future__ import annotations

import base64
import math
import tempfile
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2  # type: ignore[import-untyped]

from tokbench.bytelevel import ByteVocabulary, Lattice
from tokbench.bytelevel._draws import Draws
from tokbench.bytelevel._dropout import Merger
from tokbench.bytelevel._edges import _all, _short
from tokbench.bytelevel.canonical import CanonicalRule, Context, Mask, canonical_rule
from tokbench.bytelevel.contexts import canonical_contexts, known_contexts
from tokbench.errors import UncoverableTextError
from tokbench.tokenizers import Tokenizer, load_tokenizer
from tokbench.tokenizers.rules import BpeRules

pytestmark = pytest.mark.property

Ids = tuple[int, ...]

LETTERS = st.sampled_from([b"a", b"a", b"b", b"\xff"])
TOKENS = st.lists(st.lists(LETTERS, min_size=1, max_size=3).map(b"".join), min_size=1, max_size=12).flatmap(
    lambda tokens: st.sampled_from([tokens, [*tokens, b"a", b"b"], [b"a", *tokens, b"a"]])  # duplicates are wanted
)
TEXTS = st.lists(LETTERS, max_size=8).map(b"".join)
WEIGHTS = st.sampled_from([0.1, 0.2, 0.3, -0.1, -1.5, -40.0, 0.0, 1e-9, -math.inf])
RARE = 1e-6
MOST = 20_000


def vocabulary(tokens: list[bytes]) -> ByteVocabulary:
    """A vocabulary whose ids are the positions in ``tokens``; equal tokens are duplicates."""
    ordered = sorted((token, index) for index, token in enumerate(tokens))
    return ByteVocabulary(
        np.array([index for _, index in ordered], np.int32),
        np.array([len(token) for token, _ in ordered], np.int32),
        np.frombuffer(b"".join(token for token, _ in ordered), np.uint8),
        np.zeros(0, np.int32),
        np.zeros(0, np.int32),
    )


def spans_of(cuts: list[bool], size: int) -> list[tuple[int, int]]:
    """A tiling of ``[0, size)`` that has a boundary wherever ``cuts`` says so."""
    ends = [0, *(at for at in range(1, size) if cuts[at]), size]
    return [(start, end) for start, end in pairwise(ends) if end > start]


def segmentations(tokens: list[bytes], text: bytes, inner: set[int], *, by_id: bool) -> list[Ids]:
    """Every segmentation in order, by trying every token at every place."""
    usable = [(i, token) for i, token in enumerate(tokens) if by_id or tokens.index(token) == i]

    def search(at: int) -> list[Ids]:
        if at == len(text):
            return [()]
        return [
            (i, *rest)
            for i, token in usable
            if text.startswith(token, at) and not inner & set(range(at + 1, at + len(token)))
            for rest in search(at + len(token))
        ]

    return sorted(search(0), key=lambda ids: (list(accumulate(len(tokens[i]) for i in ids)), ids))


@dataclass(frozen=True)
class Case:
    """Tokens, a text, boundaries inside it, and the lattice of all that with the segmentations it should have."""

    tokens: list[bytes]
    text: bytes
    inner: set[int]
    lattice: Lattice
    expected: list[Ids]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    tokens, text, by_id = draw(TOKENS), draw(TEXTS), draw(st.booleans())
    spans = spans_of(draw(st.lists(st.booleans(), min_size=9, max_size=9)), len(text)) if draw(st.booleans()) else None
    lattice = Lattice(vocabulary(tokens), text, distinct="ids" if by_id else "bytes", within=spans)
    inner = {end for _, end in spans or ()}
    assume(lattice.count() <= MOST)  # the list is written out; that the count is right, the list shows
    return Case(tokens, text, inner, lattice, segmentations(tokens, text, inner, by_id=by_id))


def fits(drawn: Counter[Ids], expected: dict[Ids, float]) -> bool:
    """Whether a chi-square test does not reject at one in a million."""
    n = drawn.total()
    assert set(drawn) <= {ids for ids, share in expected.items() if share > 0}
    statistic = sum((drawn[ids] - n * share) ** 2 / (n * share) for ids, share in expected.items() if share)
    return bool(chi2.sf(statistic, max(1, sum(share > 0 for share in expected.values()) - 1)) > RARE)


@given(cases())
def test_the_lattice_holds_every_segmentation_in_order(case: Case) -> None:
    lattice, expected = case.lattice, case.expected
    assert lattice.count() == len(expected)
    assert list(lattice) == expected
    assert list(lattice.enumerate(3)) == expected[:3]
    assert [lattice[k] for k in range(len(expected))] == expected
    assert [lattice.rank(ids) for ids in expected] == list(range(len(expected)))
    assert all(lattice.is_segmentation(ids) for ids in expected)


@given(cases(), st.lists(st.integers(0, 13), max_size=8))
def test_ids_are_a_segmentation_if_they_are_listed(case: Case, ids: list[int]) -> None:
    tokens, lattice, expected = case.tokens, case.lattice, case.expected
    ids = [i % len(tokens) for i in ids]
    lowest = tuple(i if lattice.distinct == "ids" else tokens.index(tokens[i]) for i in ids)
    assert lattice.is_segmentation(ids) == (lowest in expected)
    if lowest in expected:
        assert expected[lattice.rank(ids)] == lowest


@given(cases(), st.lists(WEIGHTS, min_size=14, max_size=14), st.integers(0, 12))
def test_k_best_is_the_sorted_list(case: Case, weights: list[float], k: int) -> None:
    lattice, expected = case.lattice, case.expected
    possible = [ids for ids in expected if all(weights[i] != -math.inf for i in ids)]
    exact = {ids: sum((Fraction(weights[i]) for i in ids), Fraction()) for ids in possible}
    ranked = sorted(possible, key=lambda ids: -exact[ids])  # stable: equal sums stay in the order of the lattice
    for amount in (k, len(expected) + 1):
        found = lattice.kbest(weights, amount)
        assert [ids for ids, _ in found] == ranked[:amount]
        assert [score for _, score in found] == [float(exact[ids]) for ids in ranked[:amount]]
    assert [ids for ids, _ in lattice.kbest([0.0] * 14, len(expected))] == expected  # nothing but ties
    total = math.fsum(math.exp(float(exact[ids])) for ids in possible)
    assert math.exp(lattice.weigh(weights).log_total) == pytest.approx(total, rel=1e-12)


@given(cases())
def test_fewest_and_chars(case: Case) -> None:
    if case.expected:
        assert case.lattice.fewest() == min(case.expected, key=len)  # the first of the shortest
        assert case.lattice.chars() == case.expected[0]
        return
    for fails in (case.lattice.fewest, case.lattice.chars, lambda: case.lattice.uniform(0, 0)):
        with pytest.raises(UncoverableTextError) as caught:
            fails()
        spelled = [
            at for at in range(len(case.text)) if segmentations(case.tokens, case.text[:at], case.inner, by_id=False)
        ]
        assert (caught.value.offset, caught.value.byte) == (max(spelled), case.text[max(spelled)])


@given(TOKENS, TEXTS, st.lists(st.booleans(), min_size=9, max_size=9))
def test_counts_multiply_over_spans(tokens: list[bytes], text: bytes, cuts: list[bool]) -> None:
    built = vocabulary(tokens)
    spans = spans_of(cuts, len(text))
    parts = [Lattice(built, text[start:end]).count() for start, end in spans]
    assert Lattice(built, text, within=spans).count() == math.prod(parts)


@given(TOKENS, TEXTS, st.lists(st.booleans(), min_size=9, max_size=9))
def test_both_searches_find_the_same_edges(tokens: list[bytes], text: bytes, cuts: list[bool]) -> None:
    built = vocabulary(tokens)
    limits = np.array([end for start, end in spans_of(cuts, len(text)) for _ in range(start, end)], np.int64)
    assert list(_all(built, text, limits)) == list(_short(built, text, limits))


# ---------------------------------------------------------------------- draws

LEAKY = [b"A", b"B", b"AA", b"A", b"AB"]


@pytest.mark.parametrize("distinct", ["bytes", "ids"])
def test_uniform_draws(distinct: str) -> None:
    lattice = Lattice(vocabulary(LEAKY), b"AAAABA", distinct="ids" if distinct == "ids" else "bytes")
    drawn = Counter(lattice.uniform(11, index) for index in range(20_000))
    assert len(drawn) == lattice.count() > 7
    assert fits(drawn, dict.fromkeys(lattice, 1 / lattice.count()))


@pytest.mark.parametrize("distinct", ["bytes", "ids"])
def test_weighted_draws(distinct: str) -> None:
    lattice = Lattice(vocabulary(LEAKY), b"AAAABA", distinct="ids" if distinct == "ids" else "bytes")
    weights = [3 / 8, 1 / 4, 1 / 4, 1 / 8, 0.0]
    logw = [math.log(weight) if weight else -math.inf for weight in weights]
    products = {ids: math.prod(weights[i] for i in ids) for ids in lattice}
    total = math.fsum(products.values())
    weighed = lattice.weigh(logw)
    drawn = Counter(weighed.draw(11, index) for index in range(20_000))
    assert fits(drawn, {ids: weight / total for ids, weight in products.items()})
    assert lattice.weighted(logw, 11, 5) == weighed.draw(11, 5)


def test_draws_depend_on_seed_index_and_text() -> None:
    built = vocabulary(LEAKY)
    one = [Lattice(built, b"A" * 60).uniform(0, index) for index in range(5)]
    assert len({*one, Lattice(built, b"A" * 60).uniform(1, 0)}) == 6
    assert one[0] == Lattice(built, b"A" * 60).uniform(0, 0)


@given(st.integers(1, 2**200), st.integers(), st.integers())
def test_integers_are_below_their_bound(bound: int, seed: int, index: int) -> None:
    draws = Draws("test", seed, index, b"")
    assert all(0 <= draws.below(bound) < bound for _ in range(5))
    assert 0 <= draws.fraction() < 1


def test_large_integers_are_uniform() -> None:
    bound = 3 * 2**150
    thirds = Counter(Draws("test", 0, index, b"").below(bound) * 3 // bound for index in range(3000))
    assert chi2.sf(sum((thirds[third] - 1000) ** 2 / 1000 for third in range(3)), 2) > RARE


@pytest.mark.parametrize(("text", "p"), [(b"abcd", 0.5), (b"abcab", 0.3), (b"aabaab", 0.7), (b"aaaa", 0.5)])
def test_dropout_is_bpe_dropout(text: bytes, p: float) -> None:
    ranks = {b"a": 0, b"b": 1, b"c": 2, b"d": 3, b"ab": 4, b"cd": 5, b"bc": 6, b"aab": 7, b"abc": 8, b"aa": 9}

    def paths(parts: list[bytes]) -> Counter[Ids]:
        """Probability of every end, by the definition: each possible merge is dropped anew at each step."""
        merges = sorted((ranks[one + two], at) for at, (one, two) in enumerate(pairwise(parts)) if one + two in ranks)
        found: Counter[Ids] = Counter()
        for place, (_, at) in enumerate(merges):
            for ids, share in paths([*parts[:at], parts[at] + parts[at + 1], *parts[at + 2 :]]).items():
                found[ids] += share * p**place * (1 - p)  # type: ignore[assignment] # counters count anything
        found[tuple(ranks[part] for part in parts)] += p ** len(merges)  # type: ignore[assignment] # likewise
        return found

    merger = Merger(BpeRules(tokens=ranks, ranks=ranks), "test")
    drawn = Counter(merger.encode(text, [(0, len(text))], p, Draws("test", 3, index, text)) for index in range(20_000))
    assert fits(drawn, dict(paths([bytes([byte]) for byte in text])))


# ---------------------------------------------------------------------- a tokenizer

PIECES = [b"in", b" in", b"  ", b"   ", b"ab", b"aba", b"'s", b"11", b"\n\n", b" a", "é".encode()]
PLAIN = st.text(st.sampled_from([*"ab in'1\ns", "é"]), max_size=9)


@pytest.fixture(scope="module")
def tiny() -> Tokenizer:
    tokens = [bytes([value]) for value in range(256)] + PIECES
    with tempfile.NamedTemporaryFile(suffix=".tiktoken", delete=False) as file:
        file.writelines(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens))
    path = Path(file.name)
    tokenizer = load_tokenizer(f"tiktoken:{path}?pattern=gpt2")
    tokenizer.byte_vocabulary()
    path.unlink()
    return tokenizer


@given(text=PLAIN)
def test_the_canonical_segmentation_is_one_of_the_lattice(tiny: Tokenizer, text: str) -> None:
    for within in (None, "pretokens"):
        lattice = Lattice.of(tiny, text, within="pretokens" if within else None)
        assert lattice[lattice.rank(lattice.canonical)] == lattice.canonical
        assert lattice.is_canonical(lattice.canonical)
        assert lattice.dropout(0, 0, 0) == lattice.canonical
        assert lattice.dropout(1, 0, 0) == lattice.chars() == tuple(text.encode())
        assert lattice.is_segmentation(lattice.dropout(0.5, 0, 0))
        others = {lattice.drop(0, index) for index in range(5)}
        assert lattice.canonical not in others
        assert (None in others) == (lattice.count() == 1)


@given(text=PLAIN, more=PLAIN)
def test_every_encoding_passes_through_the_contexts(tiny: Tokenizer, text: str, more: str) -> None:
    data = text.encode()
    contexts = canonical_contexts(canonical_rule(tiny), tiny.byte_vocabulary(), data)
    assert [len(b"".join(map(tiny.token_bytes, ids))) for found in contexts for ids in found] == [
        offset for offset, found in enumerate(contexts) for _ in found
    ]
    assert all(len(set(found)) == len(found) for found in contexts)
    at, ids = 0, tuple(tiny.encode(text + more))
    for number in range(len(ids) + 1):
        if at <= len(data):
            assert ids[:number] in contexts[at]
        at += len(tiny.token_bytes(ids[number])) if number < len(ids) else 0


class Anything(CanonicalRule):
    """A judge that admits every sequence."""

    def root(self) -> Context:
        return Context()

    def step(self, context: Context, token: int) -> Context | None:
        return context

    def dead(self, context: Context, lo: int, hi: int) -> Mask | None:
        return None

    def complete(self, context: Context) -> bool:
        return True


@given(TOKENS, TEXTS)
def test_without_a_rule_every_segmentation_is_a_context(tokens: list[bytes], text: bytes) -> None:
    for offset, contexts in enumerate(canonical_contexts(Anything(), vocabulary(tokens), text)):
        assert sorted(contexts) == sorted(segmentations(tokens, text[:offset], set(), by_id=True))
        lengths = [len(tokens[ids[-1]]) for ids in contexts if ids]
        assert lengths == sorted(lengths, reverse=True)


@settings(max_examples=25)
@given(text=PLAIN)
def test_the_contexts_are_those_that_are_not_refuted(tiny: Tokenizer, text: str) -> None:
    data = text.encode()[:5]
    found = known_contexts(canonical_rule(tiny), tiny.byte_vocabulary(), data)
    ids = tiny.byte_vocabulary().ids
    for offset, contexts in enumerate(found):
        admitted = {tuple(int(ids[at]) for at in known.positions): known.context.undecided for known in contexts}
        lattice = Lattice(tiny.byte_vocabulary(), data[:offset], tokenizer=tiny)
        for segmentation in lattice:
            verdict = lattice.is_canonical_prefix(segmentation)
            assert (verdict.verdict == "refuted") == (segmentation not in admitted)
            if verdict.witness is not None:
                assert tuple(tiny.encode(verdict.witness))[: len(segmentation)] == segmentation
            if segmentation in admitted and not admitted[segmentation]:
                assert verdict.verdict == "witnessed"
