"""Plain encoders for small vocabularies, written from the definitions: what the judges of ids are compared with."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import regex

from tokbench.bytelevel.canonical import CanonicalRule, Context
from tokbench.tokenizers.rules import BpeRules, GreedyRules, UnigramRules
from tokbench.tokenizers.vocabulary import ByteVocabulary

SYMBOLS = (
    "a", "b", "B", "s", "l", "e", "r", "1", "2", " ", "\n", "\t", "'", ".", "/", "\u00e9", "\u017f", "\u0301", "\u4e2d",
    "\U0001f999",
)  # fmt: skip
"""An alphabet with every class of characters that split patterns tell apart."""


def vocabulary_of(tokens: Iterable[tuple[bytes, int]]) -> ByteVocabulary:
    """The byte vocabulary of some tokens and their ids."""
    ordered = sorted(tokens)
    return ByteVocabulary(
        np.array([token_id for _, token_id in ordered], np.int32),
        np.array([len(token) for token, _ in ordered], np.int32),
        np.frombuffer(b"".join(token for token, _ in ordered), np.uint8),
        np.zeros(0, np.int32),
        np.zeros(0, np.int32),
    )


def merged(parts: list[bytes], rank: Callable[[bytes, bytes], int | None]) -> list[bytes]:
    """Byte-pair encoding: while any neighbours merge, those of lowest rank do, the leftmost of equals."""
    while True:
        best: tuple[int, int] | None = None
        for index, (left, right) in enumerate(itertools.pairwise(parts)):
            found = rank(left, right)
            if found is not None and (best is None or found < best[0]):
                best = (found, index)
        if best is None:
            return parts
        index = best[1]
        parts = [*parts[:index], parts[index] + parts[index + 1], *parts[index + 2 :]]


@dataclass
class ToyBpe:
    """Byte-pair encoding by its rules."""

    rules: BpeRules
    vocabulary: ByteVocabulary = field(init=False)

    def __post_init__(self) -> None:
        ids = {*self.rules.tokens.items(), *self.rules.added.items()}
        ids |= {(bytes([byte]), token_id) for byte, token_id in self.rules.fallback.items()}
        self.vocabulary = vocabulary_of(ids)
        self._split = regex.compile(self.rules.pattern) if self.rules.pattern is not None else None
        self._listed = {pair: rank for rank, pair in enumerate(self.rules.merges or ())}

    def rank(self, left: bytes, right: bytes) -> int | None:
        ranks = self.rules.ranks
        return self._listed.get((left, right)) if ranks is None else ranks.get(left + right)

    def encode(self, text: str) -> list[int]:
        """Ids of a text, its prefix included."""
        ids: list[int] = []
        start = place = 0
        added = sorted(self.rules.added, key=len, reverse=True)
        while place < len(text):
            content = next((content for content in added if text[place:].encode().startswith(content)), None)
            if content is None:
                place += 1
                continue
            ids += [*self._section(text[start:place]), self.rules.added[content]]
            start = place = place + len(content.decode())
        return ids + self._section(text[start:])

    def _section(self, text: str) -> list[int]:
        pieces = [text] if self._split is None else [match.group() for match in self._split.finditer(text)]
        assert "".join(pieces) == text
        return [token_id for piece in pieces if piece for token_id in self._piece(piece)]

    def encode_piece(self, data: bytes) -> list[int]:
        """Ids of one pre-token of any bytes."""
        return [self.rules.tokens[part] for part in merged([bytes([byte]) for byte in data], self.rank)]

    def _piece(self, piece: str) -> Iterator[int]:
        tokens = self.rules.tokens
        if self.rules.whole_first and piece.encode() in tokens:
            yield tokens[piece.encode()]
            return
        if self.rules.symbols == "bytes":
            parts = [bytes([byte]) for byte in piece.encode()]
        else:
            parts = [character.encode() for character in piece]
        for part in merged(parts, self.rank):
            if part in tokens:
                yield tokens[part]
            else:
                yield from (self.rules.fallback[byte] for byte in part)


@dataclass
class ToyUnigram:
    """The best path by trying all ends; scores should have no ties."""

    rules: UnigramRules
    vocabulary: ByteVocabulary = field(init=False)

    def __post_init__(self) -> None:
        ids = list(self.rules.tokens.items())
        ids += [(bytes([byte]), token_id) for byte, token_id in self.rules.fallback.items()]
        self.vocabulary = vocabulary_of(ids)

    def encode(self, text: str) -> list[int]:
        tokens, scores = self.rules.tokens, self.rules.scores
        best: list[tuple[float, list[int]]] = [(0.0, [])]
        for end in range(1, len(text) + 1):
            options = []
            for start in range(end):
                piece = text[start:end].encode()
                score, ids = best[start]
                if piece in tokens:
                    options.append((score + scores[tokens[piece]], [*ids, tokens[piece]]))
                elif end - start == 1:
                    spelled = [self.rules.fallback[byte] for byte in piece]
                    options.append((score + self.rules.unknown_score, ids + spelled))
            best.append(max(options, default=(-math.inf, [])))
        return best[-1][1]


@dataclass
class ToyGreedy:
    """The longest token that fits, from the left; no encoding where none fits."""

    rules: GreedyRules
    vocabulary: ByteVocabulary = field(init=False)

    def __post_init__(self) -> None:
        ids = {*self.rules.tokens.items(), *(self.rules.continuing or {}).items()}
        self.vocabulary = vocabulary_of(ids)

    def encode(self, text: str) -> list[int] | None:
        data, ids, start = text.encode(), list[int](), 0
        if len(text) > self.rules.longest_text:
            return None
        while start < len(data):
            table = self.rules.tokens if not start or self.rules.continuing is None else self.rules.continuing
            end = next((end for end in range(len(data), start, -1) if data[start:end] in table), None)
            if end is None:
                return None
            ids.append(table[data[start:end]])
            start = end
        return ids


def admitted(rule: CanonicalRule, vocabulary: ByteVocabulary, data: bytes) -> list[dict[tuple[int, ...], Context]]:
    """The contexts that a judge admits at each offset of ``data``, by the ids of their tokens."""
    found: list[dict[tuple[int, ...], Context]] = [{} for _ in range(len(data) + 1)]
    found[0][()] = rule.root()
    for offset in range(len(data)):
        for ids, context in found[offset].items():
            for length, lo, hi in vocabulary.prefixes_of(data[offset:]):
                dead = rule.dead(context, lo, hi)
                for index in range(lo, hi):
                    further = rule.step(context, index)
                    assert (further is None) == (dead is not None and bool(dead[index - lo]))
                    if further is not None:
                        found[offset + length][*ids, int(vocabulary.ids[index])] = further
    return found


def token_prefixes(bytes_of: Mapping[int, bytes], ids: Sequence[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Every token-boundary prefix of an encoding with the offset where it ends."""
    offset = 0
    yield 0, ()
    for count, token_id in enumerate(ids, 1):
        offset += len(bytes_of[token_id])
        yield offset, tuple(ids[:count])


def bytes_by_id(vocabulary: ByteVocabulary) -> dict[int, bytes]:
    return {int(token_id): vocabulary.token(index) for index, token_id in enumerate(vocabulary.ids)}


def continuations(depth: int, symbols: Sequence[str] = SYMBOLS) -> list[str]:
    """All strings of up to ``depth`` symbols."""
    return ["".join(word) for count in range(depth + 1) for word in itertools.product(symbols, repeat=count)]


Toy: TypeAlias = ToyBpe | ToyUnigram | ToyGreedy


# ---------------------------------------------------------------------- random vocabularies


def random_byte_bpe(
    rng: random.Random, pattern: str | None, *, listed: bool, whole: bool, merges: int, cut_out: int = 0
) -> ToyBpe:
    """Byte-level BPE whose merges make parts of words over :data:`SYMBOLS`, in any order of ranks.

    Args:
        rng: Source of randomness.
        pattern: Split pattern.
        listed: Whether merges are listed, or any neighbours merge whose join is a token.
        whole: Whether pre-tokens that are tokens are those tokens; then some are reached in no other way.
        merges: Number of merges.
        cut_out: Number of added tokens.
    """
    made: dict[bytes, tuple[bytes, bytes]] = {}
    singles = [bytes([byte]) for byte in range(256)]
    words = ["".join(rng.choices(SYMBOLS, k=rng.randint(1, 3))).encode() for _ in range(3 * merges)]
    while len(made) < merges:
        parts = [bytes([byte]) for byte in rng.choice(words) * rng.choice((1, 1, 2))]
        while len(parts) > 1 and len(made) < merges:
            at = rng.randrange(len(parts) - 1)
            join = parts[at] + parts[at + 1]
            if len(join) > 8:
                break
            made.setdefault(join, (parts[at], parts[at + 1]))
            parts[at : at + 2] = [join]
    pairs = list(made.values())
    if rng.random() < 0.5:
        rng.shuffle(pairs)
    tokens = {token: token_id for token_id, token in enumerate([*singles, *(left + right for left, right in pairs)])}
    if whole:
        extra = {word for word in words if rng.random() < 0.3} - tokens.keys()
        tokens |= {word: len(tokens) + index for index, word in enumerate(sorted(extra))}
    added = {"".join(rng.choices(SYMBOLS, k=rng.randint(1, 3))).encode(): 5000 + index for index in range(cut_out)}
    if listed:
        return ToyBpe(BpeRules(tokens=tokens, merges=pairs, pattern=pattern, whole_first=whole, added=added))
    return ToyBpe(BpeRules(tokens=tokens, ranks=tokens, pattern=pattern, whole_first=whole, added=added))


LETTERS = ("a", "b", "c", " ", "\u00e9", "\u00e8", "\u4e2d", "\u4e2e")
"""Alphabet of vocabularies of characters; those of the same length share their first bytes."""

_FALLBACK = {byte: 1000 + byte for byte in range(256)}


def _random_pieces(rng: random.Random) -> list[str]:
    known = [symbol for symbol in LETTERS if rng.random() < 0.7] or ["a"]
    pieces = set(known)
    for _ in range(rng.randint(0, 14)):
        pieces.add("".join(rng.choices(known, k=rng.randint(1, 4))))
    return rng.sample(sorted(pieces), len(pieces))


def random_character_bpe(rng: random.Random, *, listed: bool) -> ToyBpe:
    """BPE over characters with byte fallback; some pieces hold a character that is no piece, ranks may be equal."""
    pieces = _random_pieces(rng)
    if rng.random() < 0.4 and not listed:
        pieces = list(dict.fromkeys([*pieces, rng.choice(pieces)[:1] + rng.choice(LETTERS)]))
    tokens = {piece.encode(): token_id for token_id, piece in enumerate(pieces)}
    added = {"ab\u00e9".encode(): 500, b"ab": 501} if rng.random() < 0.3 else {}
    if not listed:
        equal = rng.random() < 0.5
        ranks = {piece.encode(): rng.randint(0, 4) if equal else index
                 for index, piece in enumerate(pieces) if len(piece) > 1}  # fmt: skip
        return ToyBpe(BpeRules(tokens=tokens, ranks=ranks, symbols="characters", fallback=_FALLBACK, added=added))
    merges = [
        (piece[:cut].encode(), piece[cut:].encode())
        for piece in pieces
        for cut in range(1, len(piece))
        if piece[:cut].encode() in tokens and piece[cut:].encode() in tokens
    ]
    rng.shuffle(merges)
    return ToyBpe(BpeRules(tokens=tokens, merges=merges, symbols="characters", fallback=_FALLBACK, added=added))


def random_unigram(rng: random.Random) -> ToyUnigram:
    """Unigram with byte fallback; scores are random, so that equal sums are rare but for permutations."""
    pieces = _random_pieces(rng)
    if rng.random() < 0.4:
        pieces = [piece for piece in pieces if rng.random() < 0.8] or pieces
    scores = {token_id: -10 * rng.random() - len(piece) * rng.random() for token_id, piece in enumerate(pieces)}
    tokens = {piece.encode(): token_id for token_id, piece in enumerate(pieces)}
    unknown = min(scores.values()) - 10
    return ToyUnigram(UnigramRules(tokens=tokens, scores=scores, fallback=_FALLBACK, unknown_score=unknown))


def random_greedy(rng: random.Random, *, wordpiece: bool) -> ToyGreedy:
    """Greedy encoding, with other tokens behind the first one or the same."""
    tokens = {piece.encode(): token_id for token_id, piece in enumerate(_random_pieces(rng))}
    if not wordpiece:
        return ToyGreedy(GreedyRules(tokens=tokens))
    continuing = {piece.encode(): 500 + token_id for token_id, piece in enumerate(_random_pieces(rng))}
    return ToyGreedy(GreedyRules(tokens=tokens, continuing=continuing, longest_text=rng.choice((3, 7, 100))))
