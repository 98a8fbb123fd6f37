"""Golden numbers of the lattice, real vocabularies, named segmentations and every bad input."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tokbench.bytelevel import ByteVocabulary, Lattice
from tokbench.bytelevel._draws import Draws
from tokbench.bytelevel._dropout import Merger
from tokbench.bytelevel.canonical import canonical_rule
from tokbench.bytelevel.contexts import canonical_contexts
from tokbench.errors import (
    LatticeTooLarge,
    LossyTextError,
    NotASegmentationError,
    OptionError,
    SpanError,
    UncoverableTextError,
    UnknownIdError,
    UnpairedSurrogateError,
    UnsupportedError,
)
from tokbench.tokenizers import Tokenizer, load_tokenizer
from tokbench.tokenizers.rules import BpeRules

A, B, AA = 0, 1, 2
LEAKY = {A: math.log(3 / 8), B: math.log(1 / 4), AA: math.log(1 / 4)}


def vocabulary(tokens: list[bytes], others: tuple[int, ...] = ()) -> ByteVocabulary:
    """A vocabulary whose ids are the positions in ``tokens``."""
    ordered = sorted((token, index) for index, token in enumerate(tokens))
    return ByteVocabulary(
        np.array([index for _, index in ordered], np.int32),
        np.array([len(token) for token, _ in ordered], np.int32),
        np.frombuffer(b"".join(token for token, _ in ordered), np.uint8),
        np.array(others, np.int32),
        np.zeros(0, np.int32),
    )


LETTERS = vocabulary([b"A", b"B", b"AA"], others=(3,))


def rank_file(path: Path, joins: list[bytes]) -> Tokenizer:
    tokens = [bytes([value]) for value in range(256)] + joins
    path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens)))
    return load_tokenizer(f"tiktoken:{path}?pattern=gpt2")


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """The vocabulary of the golden contexts: `in`, ` in` and two spaces."""
    return rank_file(tmp_path_factory.mktemp("ranks") / "spaces.tiktoken", [b"in", b" in", b"  "])


@pytest.fixture(scope="module")
def tekken() -> Tokenizer:
    pytest.importorskip("mistral_common")
    return load_tokenizer("mistral:tekken_240911")


# ---------------------------------------------------------------------- golden numbers


def test_three_letters() -> None:
    lattice = Lattice(LETTERS, b"AAA")
    assert list(lattice) == [(A, A, A), (A, AA), (AA, A)]
    assert lattice.count() == 3
    best = lattice.kbest(LEAKY, 9)
    assert [ids for ids, _ in best] == [(A, AA), (AA, A), (A, A, A)]
    assert [math.exp(score) for _, score in best] == pytest.approx([3 / 32, 3 / 32, 27 / 512], rel=1e-14)
    assert math.exp(lattice.weigh(LEAKY).log_total) == pytest.approx(123 / 512, rel=1e-14)


def test_counts_are_fibonacci_numbers() -> None:
    counts = [Lattice(LETTERS, b"A" * n).count() for n in range(13)]
    assert counts == [1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233]
    assert Lattice(LETTERS, b"A" * 50).count() == 20365011074
    assert Lattice(LETTERS, b"A" * 100).count() == 573147844013817084101


def test_a_thousand_letters_need_no_recursion() -> None:
    lattice = Lattice(LETTERS, b"A" * 1000)
    assert lattice.count().bit_length() == 694
    assert lattice.count() % 10**9 == 323403501
    drawn = lattice.uniform(0, 0)
    assert lattice[lattice.rank(drawn)] == drawn
    assert len(lattice.fewest()) == 500
    assert lattice.chars() == (A,) * 1000
    first = next(lattice.enumerate(1))
    assert first == lattice[0]
    best = lattice.kbest(lambda token: -1.0, 3)
    assert [score for _, score in best] == [-500, -501, -501]
    assert best[0][0] == (AA,) * 500
    assert best[1][0] == (A, A, *(AA,) * 499)
    assert lattice.is_segmentation(lattice.weighted(LEAKY, 0, 0))


@pytest.mark.parametrize(
    ("text", "free", "within"),
    [
        ("hello world", 384, 384),
        (" strawberry", 444, 444),
        ("strawberry", 216, 216),
        ("don't", 8, 8),
        ("  1", 2, 1),
        (" in  1", 8, 4),
        ("def f(x):\n    return x", 44544, 29696),
        ("The quick brown fox jumps over the lazy dog.", 9303490560, 9303490560),
        ("naïve café — 你好 🦙 नमस्ते", 35964000, 35964000),
        ("🦙", 1, 1),
        ("1234", 1, 1),
    ],
)
def test_counts_of_a_real_vocabulary(tekken: Tokenizer, text: str, free: int, within: int) -> None:
    assert Lattice.of(tekken, text).count() == free
    assert Lattice.of(tekken, text, within="pretokens").count() == within
    assert Lattice.of(tekken, text, within=tekken.pretoken_spans(text), distinct="ids").count() == within


def test_the_real_vocabulary_has_one_id_for_each_byte_string(tekken: Tokenizer) -> None:
    found = tekken.byte_vocabulary()
    assert (len(found), found.max_length, found.duplicates()) == (130072, 76, [])


@pytest.mark.data
@pytest.mark.parametrize(
    ("spec", "two", "one"),
    [
        ("tiktoken:cl100k_base", [304, 256], [304, 220, 220, 16]),
        ("tiktoken:o200k_base", [306, 256], [306, 220, 220, 16]),
        ("mistral:tekken_240911", [1294, 1256], [1294, 1032, 1032, 1049]),
    ],
)
def test_look_ahead_in_real_vocabularies(
    spec: str, two: list[int], one: list[int], tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    if spec.startswith("mistral"):
        pytest.importorskip("mistral_common")
    tokenizer = load_tokenizer(spec)
    lattice = Lattice.of(tokenizer, " in  1")
    assert lattice.is_canonical(one)
    assert lattice.is_canonical_prefix(two).verdict == "witnessed"
    assert lattice.is_canonical_prefix(one[:3]).verdict == "witnessed"
    assert lattice.is_canonical_prefix([*two, one[-1]]).verdict == "refuted"
    assert Lattice.of(tokenizer, " in  ").canonical == tuple(two)


# ---------------------------------------------------------------------- canonical contexts


def test_canonical_contexts(spaces: Tokenizer) -> None:
    contexts = canonical_contexts(canonical_rule(spaces), spaces.byte_vocabulary(), b" in  1")
    assert contexts == [
        [()],
        [(32,)],
        [(32, 105)],
        [(257,)],
        [(257, 32)],
        [(257, 258), (257, 32, 32)],
        [(257, 32, 32, 49)],
    ]


def test_a_prefix_has_a_witness_or_a_refutation(spaces: Tokenizer) -> None:
    lattice = Lattice.of(spaces, " in  1")
    found = lattice.is_canonical_prefix([257, 258])
    assert found.verdict == "witnessed"
    assert found.witness is not None
    assert spaces.encode(found.witness)[:2] == [257, 258]
    refuted = lattice.is_canonical_prefix([257, 258, 49])
    assert (refuted.verdict, refuted.witness) == ("refuted", None)
    assert lattice.is_canonical_prefix([]).verdict == "witnessed"
    inside = lattice.is_canonical_prefix([257, 0xF0, 0x9F])
    assert inside.verdict == "witnessed"
    assert inside.witness is not None
    assert spaces.encode(inside.witness)[:3] == [257, 0xF0, 0x9F]
    assert lattice.is_canonical_prefix([0xFF]).verdict == "refuted"


def test_a_prefix_without_a_rule_is_judged_by_probes_only(spaces: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    import tokbench.bytelevel._verdicts as verdicts
    from tokbench.errors import UnsupportedReadingError

    def refuse(tokenizer: Tokenizer) -> None:
        raise UnsupportedReadingError("canonical", "nothing is known", "use reading='all'")

    monkeypatch.setattr(verdicts, "canonical_rule", refuse)
    lattice = Lattice.of(spaces, " in  1")
    assert lattice.is_canonical_prefix([257, 258]).verdict == "witnessed"
    assert lattice.is_canonical_prefix([257, 258, 49]).verdict == "undecided"  # probes admit and never delete


# ---------------------------------------------------------------------- duplicates


def test_ids_of_equal_bytes_count_once_or_each() -> None:
    twice = vocabulary([b"A", b"A", b"AA"])
    assert list(Lattice(twice, b"AA")) == [(0, 0), (2,)]
    by_id = Lattice(twice, b"AA", distinct="ids")
    assert list(by_id) == [(0, 0), (0, 1), (1, 0), (1, 1), (2,)]
    assert [by_id.rank(ids) for ids in by_id] == [0, 1, 2, 3, 4]
    assert Lattice(twice, b"AA").rank((1, 0)) == 0
    assert Lattice(twice, b"AA").is_segmentation((0, 1))


def test_cuts_are_compared_before_ids() -> None:
    listed = list(Lattice(vocabulary([b"A", b"A", b"AA"]), b"AAA", distinct="ids"))
    assert listed[:8] == list(product((0, 1), repeat=3))
    assert listed[8:] == [(0, 2), (1, 2), (2, 0), (2, 1)]


# ---------------------------------------------------------------------- with a tokenizer


def test_named_segmentations(spaces: Tokenizer) -> None:
    lattice = Lattice.of(spaces, " in  in")
    assert lattice.canonical == (257, 32, 257)
    assert lattice.is_canonical([257, 32, 257])
    assert not lattice.is_canonical([257, 258, 256])  # a segmentation all the same
    assert lattice.is_segmentation([257, 258, 256])
    assert lattice.fewest() == (257, 32, 257)
    assert lattice.chars() == (32, 105, 110, 32, 32, 105, 110)
    assert lattice[-1] == (257, 258, 256)
    drawn = {lattice.drop(0, index) for index in range(200)}
    assert drawn == set(lattice) - {lattice.canonical}


def test_what_is_alone_cannot_be_dropped() -> None:
    lattice = Lattice.of(load_tokenizer("bytes"), "naïve")
    assert lattice.drop(0, 0) is None
    assert lattice.uniform(0, 0) == lattice.canonical


def test_a_canonical_token_across_a_boundary_is_not_dropped(spaces: Tokenizer) -> None:
    lattice = Lattice.of(spaces, "in", within=[(0, 1), (1, 2)])
    assert list(lattice) == [(105, 110)]
    assert lattice.canonical == (256,)
    assert lattice.drop(0, 0) == (105, 110)


def test_an_inserted_prefix_belongs_to_the_text() -> None:
    tokenizer = load_tokenizer("sentencepiece:@tiny.model")
    lattice = Lattice.of(tokenizer, "the way")
    assert lattice.data == b" the way"
    assert lattice.canonical == tuple(tokenizer.encode("the way"))
    assert lattice.is_segmentation(lattice.canonical)
    direct = Lattice(tokenizer.byte_vocabulary(), b" the way", tokenizer=tokenizer)
    assert direct.canonical == lattice.canonical
    with pytest.raises(LossyTextError, match="byte 0"):
        _ = Lattice(tokenizer.byte_vocabulary(), b"the way", tokenizer=tokenizer).canonical


def test_bytes_that_are_no_text(spaces: Tokenizer) -> None:
    assert Lattice.of(load_tokenizer("bytes"), b"\xff\xfe").canonical == (255, 254)
    assert Lattice.of(spaces, b"in\xff").count() == 2
    assert Lattice.of(spaces, b"in").canonical == (256,)
    with pytest.raises(UnsupportedError, match="no UTF-8"):
        Lattice.of(spaces, b"in\xff", within="pretokens")


def test_text_that_the_tokenizer_changes() -> None:
    tokenizer = load_tokenizer("sentencepiece:@tiny-unigram.model")  # without byte fallback
    lattice = Lattice.of(tokenizer, "a\U0001f999")
    assert lattice.count() == 0
    with pytest.raises(LossyTextError):
        _ = lattice.canonical


# ---------------------------------------------------------------------- dropout


def test_dropout_ends(spaces: Tokenizer) -> None:
    lattice = Lattice.of(spaces, " in  in  1")
    assert lattice.dropout(0, 0, 0) == lattice.canonical
    assert lattice.dropout(1, 0, 0) == tuple(lattice.data)
    drawn = {lattice.dropout(0.5, 3, index) for index in range(50)}
    assert len(drawn) > 3
    assert all(lattice.is_segmentation(ids) for ids in drawn)
    assert lattice.dropout(0.5, 3, 7) == lattice.dropout(0.5, 3, 7)


def test_dropout_frequencies(tmp_path: Path) -> None:
    # at each step the lowest merge that is not passed over; ab before bc before abc
    tokenizer = rank_file(tmp_path / "abc.tiktoken", [b"ab", b"bc", b"abc"])
    lattice = Lattice.of(tokenizer, "abc")
    p, n = 0.4, 20_000
    ab, bc, abc = 256, 257, 258
    expected = {
        (97, 98, 99): p * p,
        (ab, 99): (1 - p) * p,
        (97, bc): p * (1 - p) * p,
        (abc,): (1 - p) * (1 - p) + p * (1 - p) * (1 - p),
    }
    assert sum(expected.values()) == pytest.approx(1)
    drawn = [lattice.dropout(p, 1, index) for index in range(n)]
    assert set(drawn) == set(expected)
    chi_square = sum((drawn.count(ids) - n * share) ** 2 / (n * share) for ids, share in expected.items())
    assert chi_square < 30.66  # 1e-6 on 3 degrees of freedom


def test_a_token_that_merging_does_not_make_is_one_merge() -> None:
    # `abc` has no last merge: neither `ab` nor `bc` is a token
    tokens = {b"a": 0, b"b": 1, b"c": 2, b"abc": 3}
    merger = Merger(BpeRules(tokens=tokens, ranks=tokens, whole_first=True), "test")
    drawn = [merger.encode(b"abc", [(0, 3)], 0.25, Draws("test", 0, index, b"")) for index in range(4000)]
    assert set(drawn) == {(3,), (0, 1, 2)}
    assert drawn.count((3,)) / 4000 == pytest.approx(0.75, abs=0.04)
    assert merger.encode(b"abc", [(0, 3)], 0, Draws("test", 0, 0, b"")) == (3,)


def test_dropout_over_characters_and_listed_merges() -> None:
    e, dots = "é".encode(), "ï".encode()
    rules = BpeRules(
        tokens={b"a": 0, e: 1, b"a" + e: 2, b"aa" + e: 3},
        merges=[(b"a", e), (b"a", b"a" + e)],
        symbols="characters",
        fallback={byte: 1000 + byte for byte in range(0x80, 256)},
    )
    merger = Merger(rules, "test")
    draws = Draws("test", 0, 0, b"")
    text = b"aa" + e + dots
    assert merger.encode(text, [(0, len(text))], 0, draws) == (3, 1000 + dots[0], 1000 + dots[1])
    assert merger.encode(text, [(0, len(text))], 1, draws) == (0, 0, 1, 1000 + dots[0], 1000 + dots[1])
    with pytest.raises(UncoverableTextError, match="offset 1"):
        merger.encode(b"az", [(0, 2)], 0, draws)


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("spans", "offset"),
    [
        ([], 0),
        ([(0, 2)], 2),
        ([(0, 2), (3, 4)], 2),
        ([(1, 4)], 0),
        ([(0, 2), (1, 4)], 1),
        ([(0, 2), (2, 2), (2, 4)], 2),
        ([(0, 9)], 4),
    ],
)
def test_spans_that_do_not_tile(spans: list[tuple[int, int]], offset: int) -> None:
    with pytest.raises(SpanError) as caught:
        Lattice(LETTERS, b"AABA", within=spans)
    assert caught.value.offset == offset


def test_an_empty_text_has_one_segmentation() -> None:
    lattice = Lattice(LETTERS, b"", within=[])
    assert (lattice.count(), list(lattice), lattice[0], lattice.rank(())) == (1, [()], (), 0)
    assert lattice.fewest() == lattice.chars() == lattice.uniform(0, 0) == lattice.weighted(LEAKY, 0, 0) == ()
    assert lattice.kbest(LEAKY, 2) == [((), 0.0)]


@pytest.mark.parametrize(
    ("ids", "offset", "words"),
    [
        ((A, A), 2, "they end there"),
        ((A, B, A), 1, "id 1 is b'B'"),
        ((A, A, A, A), 3, "id 0 is b'A'"),
        ((3,), 0, "stands for no bytes"),
        ((A, AA), 1, "crosses a boundary"),
    ],
)
def test_ids_that_do_not_spell_the_text(ids: tuple[int, ...], offset: int, words: str) -> None:
    lattice = Lattice(LETTERS, b"AAA", within=[(0, 2), (2, 3)])
    assert not lattice.is_segmentation(ids)
    assert ids not in lattice
    with pytest.raises(NotASegmentationError, match=words) as caught:
        lattice.rank(ids)
    assert caught.value.offset == offset


def test_unknown_ids(spaces: Tokenizer) -> None:
    for bad in (-1, 99):
        with pytest.raises(UnknownIdError, match=str(bad)):
            Lattice(LETTERS, b"AAA").is_segmentation([A, bad])
    lattice = Lattice.of(spaces, "in")
    for question in (lattice.is_canonical, lattice.is_canonical_prefix, lattice.is_segmentation):
        ask: Callable[[list[int]], object] = question
        with pytest.raises(UnknownIdError, match="-1"):
            ask([-1])


def test_a_byte_that_no_token_spells() -> None:
    lattice = Lattice(LETTERS, b"AAxA")
    assert (lattice.count(), list(lattice), lattice.kbest(LEAKY, 3)) == (0, [], [])
    for fails in (lattice.fewest, lattice.chars, lambda: lattice.uniform(0, 0), lambda: lattice.weighted(LEAKY, 0, 0)):
        with pytest.raises(UncoverableTextError) as caught:
            fails()
        assert (caught.value.offset, caught.value.byte) == (2, ord("x"))


def test_listing_too_many() -> None:
    lattice = Lattice(LETTERS, b"A" * 30)
    with pytest.raises(LatticeTooLarge, match="1346269 segmentations") as caught:
        lattice.enumerate()
    assert caught.value.count == 1346269
    assert len(list(lattice.enumerate(5))) == 5
    with pytest.raises(LatticeTooLarge, match="about 2"):  # more digits than Python writes
        iter(Lattice(LETTERS, b"A" * 30_000))


def test_no_such_index() -> None:
    lattice = Lattice(LETTERS, b"AAA")
    assert lattice[-1] == lattice[2]
    for k in (3, -4):
        with pytest.raises(IndexError):
            _ = lattice[k]


def test_bad_options() -> None:
    lattice = Lattice(LETTERS, b"AAA")
    with pytest.raises(OptionError, match="distinct"):
        Lattice(LETTERS, b"A", distinct="words")  # type: ignore[arg-type] # the mistake
    with pytest.raises(OptionError, match="within"):
        Lattice(LETTERS, b"A", within="words")  # type: ignore[arg-type] # the mistake
    with pytest.raises(OptionError, match="limit"):
        lattice.enumerate(-1)
    with pytest.raises(OptionError, match="option k"):
        lattice.kbest(LEAKY, -1)
    with pytest.raises(OptionError, match="option p"):
        lattice.dropout(1.5, 0, 0)
    with pytest.raises(OptionError, match=r"logw\[2\]"):
        lattice.kbest({A: 0.0, B: 0.0}, 1)
    with pytest.raises(OptionError, match=r"logw\[0\]=nan"):
        lattice.kbest(np.full(3, np.nan), 1)
    with pytest.raises(OptionError, match="some segmentation has a weight"):
        lattice.weighted(lambda token: -math.inf, 0, 0)
    with pytest.raises(UnpairedSurrogateError, match="index 1"):
        Lattice(LETTERS, "A\ud800")


def test_methods_that_need_the_tokenizer_say_so() -> None:
    lattice = Lattice(LETTERS, "AAA")
    for fails in (
        lambda: lattice.canonical,
        lambda: lattice.drop(0, 0),
        lambda: lattice.dropout(0.5, 0, 0),
        lambda: lattice.is_canonical([A]),
        lambda: lattice.is_canonical_prefix([A]),
        lambda: Lattice(LETTERS, b"AAA", within="pretokens"),
    ):
        with pytest.raises(UnsupportedError, match=r"Lattice\.of"):
            fails()


def test_dropout_without_merges_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        Lattice.of(load_tokenizer("sentencepiece:@tiny-unigram.model"), "a").dropout(0.1, 0, 0)


def test_draws_are_the_same_everywhere() -> None:
    # a change of the way numbers are drawn changes every published item that was drawn with it
    lattice = Lattice(LETTERS, b"A" * 12)
    assert [lattice.rank(lattice.uniform(0, index)) for index in range(6)] == [31, 122, 136, 149, 17, 231]
    for index in range(40):
        key = hashlib.blake2b(f"5\0{index}\0".encode() + lattice.data, digest_size=64, person=b"tokbench-uniform")
        stream = hashlib.blake2b(bytes(8), digest_size=64, key=key.digest()).digest()
        assert lattice.rank(lattice.uniform(5, index)) == next(byte for byte in stream if byte < 233)
