"""The readable twin against tiktoken, and the facts about BPE that the laws rest on."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from random import Random

import pytest
import regex
import tiktoken
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tokbench._resources import resource
from tokbench.errors import UnknownIdError
from tokbench.tokenizers.reference import assigned, decode, encode, merge_piece

# Splits like the pattern of GPT-2; possessive quantifiers are the same in both regular-expression engines.
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""

BYTES = tuple(bytes([value]) for value in range(256))

# Few letters, so that random tables and random pieces meet; bytes that are no UTF-8 among them.
LETTERS = st.sampled_from([*b"ab \xff"])
# Not empty: tiktoken's own function for one piece panics on empty bytes, which no split produces.
PIECES = st.one_of(
    st.lists(LETTERS, min_size=1, max_size=40).map(bytes),
    st.binary(min_size=1, max_size=60),
    st.tuples(st.lists(LETTERS, min_size=1, max_size=6).map(bytes), st.integers(1, 30)).map(lambda t: t[0] * t[1]),
)


@st.composite
def rank_tables(draw: st.DrawFn) -> dict[bytes, int]:
    """Random tables: 256 bytes and 2-300 joins of tokens that exist, in the order made or in any order.

    In any order, a token may rank before its parts, and there may be tokens that merging does not reach. The
    table comes from a seed: drawn join by join, hypothesis would make most tables nearly empty.
    """
    random = Random(draw(st.integers(0, 1 << 32)))
    size = 256 + draw(st.integers(2, 300))
    tokens, pool = list(BYTES), [bytes([value]) for value in b"ab \xff"]
    while len(tokens) < size:
        token = random.choice(pool) + random.choice(pool)
        if token not in pool and len(token) <= 24:
            pool.append(token)
            tokens.append(token)
    if draw(st.booleans()):
        random.shuffle(tokens)
    return {token: rank for rank, token in enumerate(tokens)}


def _engine(ranks: Mapping[bytes, int]) -> tiktoken.Encoding:
    return tiktoken.Encoding("random", pat_str=PATTERN, mergeable_ranks=dict(ranks), special_tokens={})


@pytest.fixture(scope="module")
def tiny_ranks() -> dict[bytes, int]:
    lines = resource("fixtures", "tiny.tiktoken").read_bytes().splitlines()
    return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}


@pytest.fixture(scope="module")
def tiny(tiny_ranks: dict[bytes, int]) -> tiktoken.Encoding:
    return _engine(tiny_ranks)


@pytest.mark.property
@given(ranks=rank_tables(), pieces=st.lists(PIECES, min_size=1, max_size=8), chain=st.lists(st.integers(0, 555)))
def test_merging_equals_tiktoken_on_random_tables(
    ranks: dict[bytes, int], pieces: list[bytes], chain: list[int]
) -> None:
    engine, tokens = _engine(ranks), list(ranks)
    chained = b"".join(tokens[at % len(tokens)] for at in chain) or b"a"
    for piece in (*pieces, chained, *(token for token in tokens if len(token) > 1)):
        assert merge_piece(ranks, piece) == engine._encode_single_piece(piece)


@pytest.mark.property
@given(ranks=rank_tables(), text=st.text(st.sampled_from("ab 's\n1漢\x80"), max_size=60))
def test_encoding_equals_tiktoken_on_random_tables(ranks: dict[bytes, int], text: str) -> None:
    assert encode(ranks, PATTERN, text) == _engine(ranks).encode_ordinary(text)


@pytest.mark.property
@given(ranks=rank_tables(), piece=PIECES)
def test_decoding_inverts_merging(ranks: dict[bytes, int], piece: bytes) -> None:
    assert decode(ranks, merge_piece(ranks, piece)) == piece
    assert decode(ranks, merge_piece(ranks, piece, whole_first=False)) == piece


@pytest.mark.property
@given(text=st.text(st.characters(codec="utf-8"), max_size=80))
@example("\x1f-a")
@example("¼-a")
@example("a 〇b")
@example(" \x850")
@example("today\n  \n")
@example("\u2029 \ua3e4")
def test_the_twin_equals_tiktoken_on_the_fixture(
    tiny: tiktoken.Encoding, tiny_ranks: dict[bytes, int], text: str
) -> None:
    assume(assigned(text))
    assert encode(tiny_ranks, PATTERN, text) == tiny.encode_ordinary(text)


@pytest.mark.property
@given(piece=st.binary(min_size=1, max_size=200))
def test_the_twin_equals_tiktoken_on_any_bytes(
    tiny: tiktoken.Encoding, tiny_ranks: dict[bytes, int], piece: bytes
) -> None:
    assert merge_piece(tiny_ranks, piece) == tiny._encode_single_piece(piece)


@pytest.mark.parametrize("length", [99, 100, 101, 499, 500, 501, 1500])
def test_the_twin_equals_tiktoken_on_long_pieces(
    tiny: tiktoken.Encoding, tiny_ranks: dict[bytes, int], length: int
) -> None:
    for unit in (b"a", b"the", b".:", b"banana", b"\xff\x00", b"internationalisation"):
        piece = (unit * length)[:length]
        assert merge_piece(tiny_ranks, piece) == tiny._encode_single_piece(piece)


def test_the_corpus_encodes_alike(tiny: tiktoken.Encoding, tiny_ranks: dict[bytes, int]) -> None:
    text = resource("fixtures", "written.txt").read_text(encoding="utf-8")
    assert encode(tiny_ranks, PATTERN, text) == tiny.encode_ordinary(text)


def _table(*tokens: bytes) -> dict[bytes, int]:
    return {token: rank for rank, token in enumerate((*BYTES, *tokens))}


def _spell(ranks: Mapping[bytes, int], ids: list[int]) -> list[bytes]:
    return [decode(ranks, [token_id]) for token_id in ids]


def test_the_lowest_rank_merges_first_wherever_it_stands() -> None:
    ranks = _table(b"bc", b"ab")
    assert _spell(ranks, merge_piece(ranks, b"abc")) == [b"a", b"bc"]


def test_of_equal_ranks_the_leftmost_merges_first() -> None:
    ranks = _table(b"aa")
    assert _spell(ranks, merge_piece(ranks, b"aaaaa")) == [b"aa", b"aa", b"a"]


def test_a_token_that_merging_does_not_reach_is_found_as_a_whole_piece_only() -> None:
    ranks = _table(b"bc", b"ab", b"cd", b"abcd")
    assert _spell(ranks, merge_piece(ranks, b"abcd")) == [b"abcd"]
    assert _spell(ranks, merge_piece(ranks, b"abcd", whole_first=False)) == [b"a", b"bc", b"d"]
    assert _spell(ranks, merge_piece(ranks, b"abcda")) == [b"a", b"bc", b"d", b"a"]


def test_a_longer_piece_may_have_fewer_tokens() -> None:
    ranks = _table(b"ab", b"cd", b"abcd")
    counts = [len(merge_piece(ranks, b"abcd"[:length])) for length in range(1, 5)]
    assert counts == [1, 1, 2, 1]


def test_nothing_has_no_tokens() -> None:
    assert merge_piece(_table(), b"") == []
    assert encode(_table(), PATTERN, "") == []
    assert decode(_table(), []) == b""


def test_a_missing_byte_is_an_error_only_where_it_is_left_over() -> None:
    ranks = {b"a": 0, b"ab": 1}
    assert merge_piece(ranks, b"ab") == [1]
    with pytest.raises(KeyError):
        merge_piece(ranks, b"b")


def test_an_id_outside_the_table_is_an_error() -> None:
    with pytest.raises(UnknownIdError, match="256"):
        decode(_table(), [0, 256])


def test_assigned_knows_the_gaps() -> None:
    assert assigned("aé漢\x00\ue000")
    assert not assigned("\u0378")


def test_the_split_pattern_covers_every_text() -> None:
    text = "it's 3 o'clock\n\n  x\t\x1f\x85\u2028é漢字👍🏽 \n"
    assert "".join(match[0] for match in regex.finditer(PATTERN, text)) == text
