"""Laws of byte-pair encoding inside one pre-token, and of the two forms of its merges.

A sequence of tokens is *valid* when it is the encoding of the bytes that it stands for. Byte-pair encoding
gives each byte string one valid sequence, every slice of a valid sequence is valid, and two valid sequences
that share their last and first token join to a valid one. None of this holds for an encoder that looks
further than its merges, which is how these laws find one.

Some engines look a whole pre-token up before they merge. A token that merging does not reach is then valid
as a whole pre-token only, and the laws keep such tokens out of their sequences.

Background: https://github.com/github/rust-gems/tree/main/crates/bpe and sections 4.3, 4.4 of the byte-level
specification.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from hypothesis import strategies as st

from tokbench.laws.law import LawViolation, NotJudgedError, law, links
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.reference import assigned, merge_piece

_SEARCHED_BYTES = 14
"""Longest byte string all of whose segmentations are looked at."""

_MERGED_TOKENS = 5000
"""Largest vocabulary every token of which is merged by the readable loop to see whether merging reaches it."""


def looks_up_whole(tokenizer: Tokenizer) -> bool:
    """Whether the engine looks a whole pre-token up before it merges."""
    return (
        tokenizer.info.family in {"tiktoken", "tekken"} or dict(tokenizer.info.switches).get("ignore_merges") == "true"
    )


class Merges:
    """The mergeable tokens of a tokenizer, and what its engine makes of their bytes.

    Attributes:
        ranks: Token bytes -> id, of the ids of kind ``normal``.
        whole_first: Whether the engine looks a whole pre-token up before it merges.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.ranks: dict[bytes, int] = {}
        undecodable = tokenizer.undecodable()
        for token_id in tokenizer.ids():
            if token_id not in undecodable and tokenizer.kind(token_id) == "normal":
                self.ranks.setdefault(tokenizer.token_bytes(token_id), token_id)
        self.whole_first = looks_up_whole(tokenizer)
        self.have_ranks = tokenizer.info.capability.ranks
        self.tokens = sorted(self.ranks, key=lambda token: (len(token), token))
        self._reachable: dict[bytes, bool] = {}

    def reachable(self, token: bytes, encode_piece: Callable[[bytes], list[int]]) -> bool:
        """Whether merging the bytes of ``token`` ends in that token."""
        known = self._reachable.get(token)
        if known is None:
            if len(token) == 1:
                known = True
            elif self.whole_first and self.have_ranks:
                known = merge_piece(self.ranks, token, whole_first=False) == [self.ranks[token]]
            else:
                known = encode_piece(token) == [self.ranks[token]]
            self._reachable[token] = known
        return known


_MERGES: WeakKeyDictionary[Tokenizer, Merges] = WeakKeyDictionary()


def merges_of(tokenizer: Tokenizer) -> Merges:
    """The merges of ``tokenizer``, built once."""
    found = _MERGES.get(tokenizer)
    if found is None:
        found = _MERGES[tokenizer] = Merges(tokenizer)
    return found


class _Engine:
    """The engine's merges as the laws ask for them: tokens that only a look-up reaches are left out."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.merges = merges_of(tokenizer)
        self.encode = lru_cache(maxsize=None)(lambda data: tuple(tokenizer.encode_piece(data)))  # of one example

    def usable(self, token: bytes) -> bool:
        """Whether ``token`` is in the vocabulary and reached by merging."""
        return token in self.merges.ranks and self.merges.reachable(token, self.tokenizer.encode_piece)

    def hidden(self, data: bytes) -> bool:
        """Whether a look-up of the whole hides what merging would make of ``data``."""
        return self.merges.whole_first and data in self.merges.ranks and not self.usable(data)

    def pieces(self, ids: tuple[int, ...]) -> list[bytes]:
        """Token bytes of ``ids``."""
        return [self.tokenizer.token_bytes(token_id) for token_id in ids]

    def valid(self, tokens: list[bytes]) -> bool | None:
        """Whether ``tokens`` are the encoding of their bytes; None when a look-up hides it."""
        data = b"".join(tokens)
        if len(tokens) > 1 and self.hidden(data):
            return None
        return self.pieces(self.encode(data)) == tokens

    def sequence(self, data: bytes) -> list[bytes]:
        """Tokens of ``data``.

        Raises:
            NotJudgedError: If one is reached by look-up only.
        """
        tokens = self.pieces(self.encode(data))
        if not all(self.usable(token) for token in tokens):
            raise NotJudgedError("the encoding holds a token that merging does not reach")
        return tokens


# ---------------------------------------------------------------------- needs and data


def _needs_pieces(tokenizer: Tokenizer) -> str | None:
    capability = tokenizer.info.capability
    if not capability.piece:
        return "the engine does not expose the merges of one pre-token"
    if looks_up_whole(tokenizer) and not capability.ranks:
        return "whole pre-tokens are looked up first, and without ranks it is not known which tokens merging reaches"
    return None


def needs_ranks(tokenizer: Tokenizer) -> str | None:
    if not tokenizer.info.capability.piece:
        return "the engine does not expose the merges of one pre-token"
    if not tokenizer.info.capability.ranks:
        return "ids are not the ranks of merges"
    return None


def byte_pieces(tokenizer: Tokenizer) -> st.SearchStrategy[bytes]:
    """Byte strings in which much can merge: whole tokens, parts of tokens, and a few bytes of any value."""
    tokens = merges_of(tokenizer).tokens
    tokens = [token for token in tokens if len(token) > 1] or tokens  # single bytes come with the parts of tokens
    short = [token for token in tokens if len(token) <= 3] or tokens  # noqa: PLR2004, these meet most often
    token = st.sampled_from(short) | st.sampled_from(tokens)
    head = st.builds(lambda token, length: token[:length], token, st.integers(1, 6))
    tail = st.builds(lambda token, length: token[-length:], token, st.integers(1, 6))
    repeated = st.builds(lambda token, times: token * times, st.sampled_from(short), st.integers(2, 5))
    part = token | head | tail | repeated | st.binary(min_size=1, max_size=3)
    return st.lists(part, min_size=1, max_size=4).map(b"".join)


def _short_pieces(tokenizer: Tokenizer) -> st.SearchStrategy[bytes]:
    return byte_pieces(tokenizer).map(lambda data: data[:_SEARCHED_BYTES])


def _overlaps(tokenizer: Tokenizer) -> st.SearchStrategy[tuple[bytes, bytes]]:
    """Pairs of byte strings with a token in common."""
    token = st.sampled_from(merges_of(tokenizer).tokens)
    around = st.just(b"") | _short_pieces(tokenizer)
    return st.builds(
        lambda token, before, behind, other, tail: (before + token + behind, other + token + tail),
        token, around, around, around, around,
    )  # fmt: skip


def _pieces_and_texts(tokenizer: Tokenizer) -> st.SearchStrategy[bytes | str]:
    pieces: st.SearchStrategy[bytes | str] = byte_pieces(tokenizer)
    if not tokenizer.info.capability.pretokens:
        return pieces
    words = [text for token in merges_of(tokenizer).tokens if (text := token.decode("utf-8", "ignore"))]
    character = st.characters(exclude_categories=("Cs", "Cn"))
    part = st.sampled_from(words) | st.text(character, min_size=1, max_size=4) | st.text("aA1 .\n'", max_size=6)
    return pieces | st.lists(part, max_size=6).map("".join)


# ---------------------------------------------------------------------- the laws


def _valid_sequences(engine: _Engine, data: bytes) -> list[list[bytes]]:
    """Segmentations of ``data`` into usable tokens each neighbouring pair of which is valid; at most two.

    Raises:
        NotJudgedError: If a look-up hides a pair.
    """
    found: list[list[bytes]] = []
    open_ends: list[list[bytes]] = [[]]
    while open_ends:
        tokens = open_ends.pop()
        position = sum(map(len, tokens))
        if position == len(data):
            found.append(tokens)
            if len(found) > 1:
                break
            continue
        for end in range(position + 1, len(data) + 1):
            token = data[position:end]
            if not engine.usable(token):
                continue
            valid = engine.valid([tokens[-1], token]) if tokens else True
            if valid is None:
                raise NotJudgedError("a look-up of the whole hides what merging would make of a pair")
            if valid:
                open_ends.append([*tokens, token])
    return found


@law(
    "bpe-canonical",
    "at most one segmentation of a byte string has only valid pairs of neighbours, and it is the encoding",
    reasons=links("vllm#31391", "guidance#869"),
    needs=_needs_pieces,
    strategy=_short_pieces,
    examples=(b"aaaaa", b"     ", b"000000"),
    mutants=("longest-match",),
    share=0.5,
)
def bpe_canonical(tokenizer: Tokenizer, data: bytes) -> None:
    """Valid pairs of neighbours decide: of all segmentations only the encoding has nothing else."""
    engine = _Engine(tokenizer)
    expected = engine.sequence(data)
    found = _valid_sequences(engine, data)
    if found == [expected]:
        return
    if len(found) > 1:
        problem = "two segmentations have only valid pairs"
        raise LawViolation(problem, expected=[expected], got=found)
    raise LawViolation("the encoding holds a pair that is not the encoding of its own bytes", expected=[expected],
                       got=found)  # fmt: skip


@law(
    "bpe-slice",
    "every slice of an encoding is the encoding of its own bytes",
    reasons=links("vllm#31391", "tiktoken#60"),
    needs=_needs_pieces,
    strategy=byte_pieces,
    mutants=("merges-run-out",),
)
def bpe_slice(tokenizer: Tokenizer, data: bytes) -> None:
    """Look at every slice of the encoding (of its first 24 tokens)."""
    engine = _Engine(tokenizer)
    tokens = engine.sequence(data)[:24]
    for start in range(len(tokens)):
        for end in range(start + 2, len(tokens) + 1):
            part = tokens[start:end]
            if engine.valid(part) is False:
                got = engine.pieces(engine.encode(b"".join(part)))
                raise LawViolation(f"tokens {start} to {end} of {tokens!a} encode in another way", expected=part,
                                   got=got)  # fmt: skip


@law(
    "bpe-overlap",
    "an encoding that ends in the token with which another begins joins with it to an encoding",
    reasons=links("vllm#31391", "sglang#26555"),
    needs=_needs_pieces,
    strategy=_overlaps,
    mutants=("fixed-blocks",),
)
def bpe_overlap(tokenizer: Tokenizer, data: tuple[bytes, bytes]) -> None:
    """Join the encodings of two strings at each token that they share, up to 16 of them."""
    engine = _Engine(tokenizer)
    first, second = engine.sequence(data[0]), engine.sequence(data[1])
    shared = [(i, j) for i, token in enumerate(first) for j, other in enumerate(second) if token == other]
    judged = False
    for i, j in shared[:16]:
        left, right = first[: i + 1], second[j:]
        if not (engine.valid(left) and engine.valid(right)):
            continue
        judged = True
        if engine.valid([*left, *right[1:]]) is False:
            joined = [*left, *right[1:]]
            got = engine.pieces(engine.encode(b"".join(joined)))
            raise LawViolation(f"{left!a} and {right!a} are encodings, what they join to is not", expected=joined,
                               got=got)  # fmt: skip
    if not judged:
        raise NotJudgedError("the two encodings share no token")


@law(
    "bpe-reference",
    "encodings equal those of a readable merge loop over the same ranks",
    reasons=links("tiktoken#60", "llama.cpp#3502"),
    needs=needs_ranks,
    strategy=_pieces_and_texts,
    examples=(b"the hello", b"\xf0\x9f\xa6\x99", b".:.:", b"2023"),
    mutants=("ranks-swapped", "last-merge-skipped"),
)
def bpe_reference(tokenizer: Tokenizer, data: bytes | str) -> None:
    """Compare one pre-token, or a whole text by its pre-tokens where the engine tells them.

    Texts with unassigned code points are left out: the split pattern seen by ``regex`` and by the engine may
    stand on different versions of Unicode.
    """
    merges = merges_of(tokenizer)
    if isinstance(data, bytes):
        expected = merge_piece(merges.ranks, data, whole_first=merges.whole_first)
        got = tokenizer.encode_piece(data)
    else:
        if not assigned(data):
            raise NotJudgedError("the text holds a code point that Unicode has not assigned")
        whole = data.encode()
        spans = tokenizer.pretoken_spans(data)
        expected = [
            token_id
            for start, end in spans
            for token_id in merge_piece(merges.ranks, whole[start:end], whole_first=merges.whole_first)
        ]
        got = tokenizer.encode(data)
    if got != expected:
        raise LawViolation("the engine does not merge as its ranks say", expected=expected, got=got)


def _needs_whole_lookup(tokenizer: Tokenizer) -> str | None:
    if not tokenizer.info.capability.piece:
        return "the engine does not expose the merges of one pre-token"
    if not looks_up_whole(tokenizer):
        return "the vocabulary does not ask for whole pre-tokens to be looked up before merging"
    return None


def _whole_tokens(tokenizer: Tokenizer) -> st.SearchStrategy[Any]:
    """Single tokens, those first that merging does not reach: only they can tell the two apart."""
    merges = merges_of(tokenizer)
    if not merges.have_ranks or len(merges.tokens) > _MERGED_TOKENS:
        return st.sampled_from(merges.tokens)
    rare = [token for token in merges.tokens if not merges.reachable(token, tokenizer.encode_piece)]
    drawn = st.sampled_from(merges.tokens)
    return st.sampled_from(rare) | drawn if rare else drawn


@law(
    "ignore-merges",
    "a pre-token that is a vocabulary entry encodes to that entry, whatever the merges say",
    reasons=links("llama.cpp#3502", "llama.cpp#6920", "llama.cpp#7193"),
    needs=_needs_whole_lookup,
    strategy=_whole_tokens,
    examples=("C\u1eeda Vi\u1ec7t",),
    mutants=("lookup-ignored",),
)
def ignore_merges(tokenizer: Tokenizer, data: bytes | str) -> None:
    """Look at one token as a pre-token of its own, or at the pre-tokens of a text."""
    ranks = merges_of(tokenizer).ranks
    if isinstance(data, str):
        whole = data.encode()
        pieces = [whole[start:end] for start, end in tokenizer.pretoken_spans(data)]
    else:
        pieces = [data]
    for piece in pieces:
        if piece in ranks and (got := tokenizer.encode_piece(piece)) != [ranks[piece]]:
            raise LawViolation(f"the entry {piece!a} is not found as a whole", expected=[ranks[piece]], got=got)
