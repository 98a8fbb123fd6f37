"""Small vocabularies with a model and brute force over them: what the byte-token core is compared with."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from typing import cast

import numpy as np
from exact_reference import ExactReference
from hypothesis import strategies as st
from numpy.typing import NDArray
from toy_encoders import ToyBpe, ToyGreedy, ToyUnigram, bytes_by_id

from tokbench.bytelevel.canonical import CanonicalRule, rule_for
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.protocol import Handle, NextTokenModel, PrefixModel
from tokbench.bytelevel.reference import Reference
from tokbench.models import HashModel
from tokbench.models._hash import StateKind
from tokbench.tokenizers.patterns import PATTERNS
from tokbench.tokenizers.rules import BpeRules, EncodingRules, GreedyRules, UnigramRules
from tokbench.tokenizers.vocabulary import ByteVocabulary

Ids = tuple[int, ...]

READINGS = ("all", "canonical", "canonical_context")
RENORMALISE = (None, "byte", "token")
CHARACTERS = ("a", "b", " ", "1", "'", "s", "\u00e9", "\u00e8", "\u4e2d")
"""Characters of the toys over UTF-8: letters, a space, a digit, a contraction, two and three bytes."""

_CONTINUING = (0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xA9, 0xB8, 0xBF)  # ends of the ranges of second bytes, and more
_COMPLETIONS = ("\u00a0", "\u00e9", "\u00e8", "\u00b2", "\u00ab", "\u0660", "\u1680", "\u2003", "\u2014", "\u3000",
                "\u4e2d", "\u4e2e", "\u4dc0", "\ufffd", "\U0001f999", "\U0001d7d8")  # fmt: skip


# ---------------------------------------------------------------------- vocabularies


@dataclass(frozen=True, eq=False)
class Toy:
    """A vocabulary, how texts are encoded by it, and its judge.

    Attributes:
        family: Kind of tokenizer.
        vocabulary: Byte vocabulary; its ``other_ids`` hold ids that are no text, the end among them.
        rule: Judge; None where only the reading ALL has a meaning.
        symbols: What texts are made of.
        encode: Ids of a text; UnicodeDecodeError or None where the bytes are none.
        admitted: Whether ids begin the encoding of some text, by brute force.
        complete: Whether ids are the encoding of their own text.
        pad: Rows of the model beyond the ids.
    """

    family: str
    vocabulary: ByteVocabulary
    rule: CanonicalRule | None
    symbols: tuple[bytes, ...]
    encode: Callable[[bytes], Sequence[int] | None] = field(repr=False)
    admitted: Callable[[Ids], bool] = field(repr=False)
    complete: Callable[[Ids], bool] = field(repr=False)
    pad: int = 0

    @cached_property
    def bytes_of(self) -> dict[int, bytes]:
        return bytes_by_id(self.vocabulary)

    @property
    def end_ids(self) -> Ids:
        return tuple(map(int, self.vocabulary.end_ids))

    @property
    def width(self) -> int:
        return 1 + max(*self.bytes_of, *map(int, self.vocabulary.other_ids)) + self.pad

    def __repr__(self) -> str:
        return f"Toy({self.family}, {sorted(self.bytes_of.items())[:24]}, ends {self.end_ids}, width {self.width})"


def byte_vocabulary(
    table: Mapping[int, bytes], *, others: Sequence[int] = (), ends: Sequence[int] = ()
) -> ByteVocabulary:
    """The byte vocabulary of a table from id to bytes; ``ends`` need not be repeated in ``others``."""
    ordered = sorted((data, token) for token, data in table.items())
    return ByteVocabulary(
        np.array([token for _, token in ordered], np.int32),
        np.array([len(data) for data, _ in ordered], np.int32),
        np.frombuffer(b"".join(data for data, _ in ordered), np.uint8),
        np.array(sorted({*others, *ends}), np.int32),
        np.array(sorted(ends), np.int32),
    )


def _definition(
    encode: Callable[[bytes], Sequence[int] | None],
    table: Mapping[int, bytes],
    texts: Callable[[bytes], Iterable[bytes]],
) -> tuple[Callable[[Ids], bool], Callable[[Ids], bool]]:
    """``admitted`` and ``complete`` from the encoder alone; ``texts`` gives the texts that begin with some bytes."""

    @cache
    def encoded(text: bytes) -> Ids | None:
        try:
            found = encode(text)
        except (UnicodeDecodeError, KeyError):  # no text, or one that the vocabulary cannot spell
            return None
        return None if found is None else tuple(found)

    def spelled(ids: Ids) -> bytes:
        return b"".join(table[token] for token in ids)

    @cache
    def admitted(ids: Ids) -> bool:
        return any((found := encoded(text)) is not None and found[: len(ids)] == ids for text in texts(spelled(ids)))

    return admitted, lambda ids: encoded(spelled(ids)) == ids


def _extensions(symbols: Sequence[bytes], depth: int) -> list[bytes]:
    return [b"".join(word) for size in range(depth + 1) for word in itertools.product(symbols, repeat=size)]


def _utf8_texts(symbols: Sequence[bytes], depth: int) -> Callable[[bytes], Iterable[bytes]]:
    """Texts over characters that begin with some bytes: an unfinished character is finished in several ways."""
    pool = [character.encode() for character in (*CHARACTERS, *_COMPLETIONS)]
    more = _extensions(symbols, depth)

    def texts(data: bytes) -> Iterable[bytes]:
        try:
            data.decode()
            finished = [data]
        except UnicodeDecodeError as error:
            part = data[error.start :]
            finished = [data[: error.start] + character for character in pool if character.startswith(part)]
            missing = (2 if part < b"\xe0" else 3 if part < b"\xf0" else 4) - len(part)
            if part >= b"\xc2" and missing > 0:
                last = range(0x80, 0xC0) if missing == 1 else _CONTINUING
                finished += [data + bytes(tail) for tail in itertools.product(last, repeat=missing)]
        return (text + tail for text in finished for tail in more)

    return texts


def _numbered(
    tokens: Sequence[bytes], duplicates: Sequence[bytes], others: int, ends: int
) -> tuple[dict[bytes, int], ByteVocabulary]:
    """Ids: the tokens, an id that is no text in the middle of the duplicates, the ends, other ids."""
    ids = {token: index for index, token in enumerate(tokens)}
    table = {index: token for token, index in ids.items()}
    n = len(tokens)
    for offset, token in enumerate(duplicates):
        table[n + 1 + offset] = token
    first = n + 1 + len(duplicates)
    other = [n, *range(first + ends, first + ends + others)]
    return ids, byte_vocabulary(table, others=other, ends=range(first, first + ends))


def make_toy(
    rules: EncodingRules,
    vocabulary: ByteVocabulary,
    symbols: Sequence[bytes],
    *,
    family: str,
    utf8: bool,
    depth: int = 1,
    pad: int = 0,
) -> Toy:
    """A toy with its judge and, from a plain encoder, brute force."""
    if isinstance(rules, BpeRules):
        bpe = ToyBpe(rules)
        encode: Callable[[bytes], Sequence[int] | None] = (
            (lambda data: bpe.encode(data.decode())) if utf8 else bpe.encode_piece
        )
    elif isinstance(rules, GreedyRules):
        greedy = ToyGreedy(rules)

        def encode(data: bytes) -> Sequence[int] | None:
            return greedy.encode(data.decode())
    else:
        unigram = ToyUnigram(rules)

        def encode(data: bytes) -> Sequence[int] | None:
            return unigram.encode(data.decode())

    table = bytes_by_id(vocabulary)
    texts = _utf8_texts(symbols, depth) if utf8 else lambda data: (data + more for more in _extensions(symbols, depth))
    admitted, complete = _definition(encode, table, texts)
    if isinstance(rules, UnigramRules):
        admitted, complete = _best_paths(rules, encode, table)
    return Toy(
        family, vocabulary, rule_for(rules, vocabulary, utf8=utf8), tuple(symbols), encode, admitted, complete, pad
    )


def _best_paths(
    rules: UnigramRules, encode: Callable[[bytes], Sequence[int] | None], table: Mapping[int, bytes]
) -> tuple[Callable[[Ids], bool], Callable[[Ids], bool]]:
    """Unigram has ties wherever two orders of the same pieces spell a text: all of them count."""

    @cache
    def admitted(ids: Ids) -> bool:
        if not all(token in rules.scores for token in ids):
            return False
        best = encode(b"".join(table[token] for token in ids))
        assert best is not None
        return sum(rules.scores[token] for token in ids) >= sum(rules.scores[token] for token in best) - 1e-9

    return admitted, admitted


# ---------------------------------------------------------------------- random ones


@st.composite
def letter_toys(draw: st.DrawFn, families: Sequence[str] = ("ranks", "merges", "greedy", "unigram")) -> Toy:
    """A vocabulary over two to four letters, all of which it has; with duplicates, several ends and surplus rows."""
    family = draw(st.sampled_from(families))
    letters = [b"a", b"b", b"c", b"d"][: draw(st.integers(2, 4))]
    if family in {"ranks", "merges"} and draw(st.booleans()):
        letters[-1] = b"\xff"  # texts are bytes
    words = st.lists(st.sampled_from(letters), min_size=2, max_size=4).map(b"".join)
    extra = draw(st.lists(words, min_size=1, max_size=7, unique=True))
    tokens = draw(st.permutations([*letters, *extra])) if draw(st.booleans()) else [*letters, *extra]
    duplicates = draw(st.lists(st.sampled_from(tokens), max_size=2))
    ids, vocabulary = _numbered(tokens, duplicates, draw(st.integers(0, 2)), draw(st.integers(1, 2)))
    rules: EncodingRules
    if family == "greedy":
        rules = GreedyRules(tokens=ids)
    elif family == "unigram":
        scores = draw(st.lists(st.integers(1, 4000), min_size=len(ids), max_size=len(ids)))
        rules = UnigramRules(tokens=ids, scores={token: -score / 500 for token, score in enumerate(scores)})
    elif family == "merges":
        splits = [(word[:cut], word[cut:]) for word in extra for cut in range(1, len(word))]
        known = [pair for pair in splits if pair[0] in ids and pair[1] in ids]
        rules = BpeRules(tokens=ids, merges=draw(st.permutations(known)))
    else:
        rules = BpeRules(tokens=ids, ranks={word: rank for rank, word in enumerate(extra)})
    return make_toy(rules, vocabulary, letters, family=family, utf8=False, pad=draw(st.integers(0, 3)))


@cache
def text_toy(seed: int) -> Toy:
    """A vocabulary over UTF-8: byte-level BPE under the pattern of GPT-2, or character BPE with byte fallback.

    Cached, because brute force over characters pays only when its encodings are kept.
    """
    rng = random.Random(seed)
    characters = rng.sample(CHARACTERS, 5) if seed else list(CHARACTERS)
    characters[0] = "\u00e9"
    symbols = [character.encode() for character in dict.fromkeys(characters)]
    words = {"".join(rng.choice(CHARACTERS) for _ in range(rng.randint(2, 3))).encode() for _ in range(8)}
    if seed % 2:
        pieces = [*symbols[:-1], *(word for word in sorted(words) if rng.random() < 0.7)]  # the last one in bytes
        return _fallback_toy(pieces, symbols)
    base = [bytes([byte]) for byte in range(256)]
    grown: list[bytes] = [b"\xc3\xa9"] if seed % 4 else [b"\xe4\xb8", b"  "]
    for word in sorted(words):
        cut = rng.randint(1, len(word) - 1)
        grown += [part for part in (word[:cut], word[cut:], word) if len(part) > 1]
    grown = list(dict.fromkeys(grown))
    rng.shuffle(grown)
    ids, vocabulary = _numbered([*base, *grown], [], 1, 1)
    rules = BpeRules(tokens=ids, ranks=ids, pattern=PATTERNS["gpt2"], whole_first=bool(seed & 4))
    return make_toy(rules, vocabulary, symbols, family="gpt2", utf8=True, depth=2, pad=1)


def _fallback_toy(pieces: Sequence[bytes], symbols: Sequence[bytes]) -> Toy:
    ids = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    first = len(ids)
    table = {index: piece for piece, index in ids.items()} | {first + byte: bytes([byte]) for byte in range(256)}
    rules = BpeRules(
        tokens=ids, ranks={piece: index for piece, index in ids.items() if len(piece.decode()) > 1},
        symbols="characters", fallback={byte: first + byte for byte in range(256)},
    )  # fmt: skip
    vocabulary = byte_vocabulary(table, ends=[first + 256])
    return make_toy(rules, vocabulary, symbols, family="fallback", utf8=True, depth=1)


@st.composite
def bare_toys(draw: st.DrawFn) -> Toy:
    """Any tokens at all, duplicates too, no encoder: only the reading ALL has a meaning."""
    letters = [b"a", b"b", b"\xe9"]
    words = st.lists(st.sampled_from(letters), min_size=1, max_size=3).map(b"".join)
    tokens = draw(st.lists(words, min_size=1, max_size=9)) + letters * draw(st.booleans())
    table = dict(enumerate(tokens))
    n = len(tokens)
    vocabulary = byte_vocabulary(table, others=range(n, n + draw(st.integers(0, 2))), ends=[n + 3])
    return Toy("bare", vocabulary, None, tuple(letters), lambda _: None, lambda _: True, lambda _: True)


# ---------------------------------------------------------------------- models over them


@dataclass(frozen=True)
class Case:
    """A toy, a model over it, and how it is read."""

    toy: Toy
    seed: int = 0
    scale: float = 1.0
    state: StateKind = "ids"
    reading: str = "all"
    renormalise: str | None = None
    zeros: float = 0.0

    def model(self) -> NextTokenModel:
        """A model without positions; a share ``zeros`` of its probabilities is 0."""
        toy = self.toy
        hashed = HashModel(toy.vocabulary, seed=self.seed, scale=self.scale, state=self.state, width=toy.width)
        if not self.zeros:
            return hashed
        rows = rows_of(hashed)

        def row(ids: Ids) -> NDArray[np.float64]:
            rng = random.Random(f"{self.seed}/{ids}")
            kept = np.array([rng.random() >= self.zeros for _ in range(toy.width)])
            found = np.where(kept, rows(ids), -np.inf)
            if np.isneginf(found).all():
                found[toy.end_ids[0]] = 0.0
            top = found.max()
            return np.asarray(found - top - np.log(np.exp(found - top).sum()), np.float64)

        return PrefixModel(row, width=toy.width, end_ids=toy.end_ids)

    def over(self, **options: object) -> ByteModel:
        """The bytes of the model, or of another one (``model=``); exact unless ``options`` say otherwise."""
        chosen: dict[str, object] = {"reading": self.reading, "renormalise": self.renormalise, "eps": 0.0, **options}
        model = cast("NextTokenModel", chosen.pop("model", None) or self.model())
        rule = None if chosen["reading"] == "all" else self.toy.rule
        return ByteModel.over(model, self.toy.vocabulary, rule, **chosen)  # type: ignore[arg-type]

    def read(self, reading: str, renormalise: str | None = None) -> Case:
        return replace(self, reading=reading, renormalise=renormalise)

    @cached_property
    def rows(self) -> Callable[[Ids], NDArray[np.float64]]:
        return rows_of(self.model())

    @cached_property
    def reference(self) -> Reference:
        toy = self.toy
        return Reference(
            lambda ids: np.exp(self.rows(ids)), toy.bytes_of, toy.end_ids,
            None if self.reading == "all" else toy.admitted, toy.complete,
            reading=self.reading, renormalise=self.renormalise,
        )  # fmt: skip

    @cached_property
    def exact(self) -> ExactReference[Decimal]:
        """Brute force in decimal numbers, which have no underflow."""
        return ExactReference(
            lambda ids: [Decimal(float(log)).exp() for log in self.rows(ids)], self.toy, self.reading, Decimal(1)
        )


def rows_of(model: NextTokenModel) -> Callable[[Ids], NDArray[np.float64]]:
    """Log-probabilities behind any ids, asked for one after the other."""
    known: dict[Ids, tuple[Handle, NDArray[np.floating]]] = {(): model.initial()}

    def found(ids: Ids) -> tuple[Handle, NDArray[np.floating]]:
        if ids not in known:
            handles, rows = model.extend([found(ids[:-1])[0]], [ids[-1]])
            known[ids] = handles[0], rows[0]
        return known[ids]

    return lambda ids: np.asarray(found(ids)[1], np.float64)


def fraction_model(probabilities: Callable[[Ids], Sequence[Fraction | int]], **options: object) -> PrefixModel:
    """A model whose probabilities are fractions."""

    def row(ids: Ids) -> NDArray[np.float64]:
        with np.errstate(divide="ignore"):
            found: NDArray[np.float64] = np.log(np.array([float(value) for value in probabilities(ids)]))
        return found

    width = len(probabilities(tuple(options.get("start_ids", ()))))  # type: ignore[arg-type]
    return PrefixModel(row, width=width, **options)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- strategies

SEEDS = st.integers(0, 2**16)
SCALES = st.sampled_from([0.1, 1.0, 3.0, 10.0])
STATES: st.SearchStrategy[StateKind] = st.sampled_from(["ids", "bytes"])


@st.composite
def cases(draw: st.DrawFn, toys: st.SearchStrategy[Toy] | None = None, *, readings: Sequence[str] = READINGS) -> Case:
    """A model over a random vocabulary, in any reading that it has, with any treatment of the leak."""
    toy = draw(st.one_of(letter_toys(), letter_toys(), bare_toys()) if toys is None else toys)
    reading = "all" if toy.rule is None else draw(st.sampled_from(readings))
    renormalise = draw(st.sampled_from(RENORMALISE))
    return Case(
        toy, draw(SEEDS), draw(SCALES), draw(STATES), reading, renormalise, draw(st.sampled_from([0.0, 0.0, 0.5]))
    )


def texts(toy: Toy, *, most: int = 6) -> st.SearchStrategy[bytes]:
    """Texts over the symbols of a toy, of up to ``most`` bytes; they may end inside a character."""
    symbols = st.sampled_from(toy.symbols)
    sizes = sorted(range(most + 1), key=lambda size: abs(size - most // 2))  # the first is drawn most
    return st.sampled_from(sizes).flatmap(
        lambda size: st.lists(symbols, min_size=size, max_size=size).map(lambda parts: b"".join(parts)[:size])
    )
