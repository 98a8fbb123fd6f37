"""What is fed to the laws: hypothesis strategies, all of which shrink, and :data:`EXAMPLES`.

The classes of text follow what tokenizers are known to get wrong: white space, special-token look-alikes,
digits, apostrophes, characters of several bytes, and the entries of the vocabulary under test itself.
What depends on a tokenizer is built once for each.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tokbench.laws._pools import APOSTROPHES, BLOCKS, CODE, CONTROLS, DIGITS, LOOK_ALIKES, SPACES, WORDS
from tokbench.tokenizers import TEXT_KINDS, Tokenizer

__all__ = [
    "EXAMPLES",
    "byte_strings",
    "edits",
    "ids",
    "indented_texts",
    "special_texts",
    "surrogate_texts",
    "texts",
    "whole_tokens",
]

EXAMPLES: tuple[str, ...] = (
    "",
    " ",
    "\x1f-a",
    "\u00bc-a",
    "a \u3007b",
    "\u2165-a",
    "\ufeff//",
    "C\u1eeda Vi\u1ec7t",
    "<s>a",
    "a\na",
    '"`',
    " \u2e4e",
    "\n\x0b  ",
    "a\xa0\xa0\x00b",
    "one <mask>",
    "a </s> b",
    "\xa0aC",
    "\u2029 \ua3e4",
    "a ?",
    "\u00e5",
    "\U000ac517",
    *("3" * count for count in range(1, 10)),
    "today\n  \n",
    " \x850",
    *("0" * count for count in range(1, 18)),
    "\u0ba8\u0b9f\u0bbf\u0b95\u0bb0\u0bcd \u0b9a\u0bc2\u0bb0\u0bcd\u0baf\u0bbe",
    " \u0120\u9664",
    "\u2581",
    "\u0120",
    "\u010a",
    "\x00",
    "<0x41>",
    "<0xFF>",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "\U0001f1e8\U0001f1ed\U0001f1ef\U0001f1f5",
    "e\u0301\u0323 a\u0308\u0301",
    "\ufb01",
    "\u0130",
    "\u03a3",
    "\u017f",
    "\uff12\uff10\uff12\uff13",
    "\U0001f4a9\U0001f4a9\U0001f4a9",
)
"""Texts that are always tried: each has broken a tokenizer, or a test of one, before."""

_SAMPLE = 600
"""Number of vocabulary entries to draw from; a fixed choice for each vocabulary."""

_SCALAR = st.characters(codec="utf-8")
_BLOCK = tuple(
    st.text(st.characters(min_codepoint=first, max_codepoint=last, codec="utf-8"), max_size=8) for first, last in BLOCKS
)


def _chain(*pools: Sequence[str], size: int) -> SearchStrategy[str]:
    """Up to ``size`` members of the pools, joined."""
    members = tuple(dict.fromkeys(member for pool in pools for member in pool))
    return st.lists(st.sampled_from(members), max_size=size).map("".join)


def _spaced(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    """With up to two spaces left and right."""
    return st.tuples(st.sampled_from(("", " ", "  ")), inner, st.sampled_from(("", " ", "  "))).map("".join)


_GENERAL: tuple[SearchStrategy[str], ...] = (
    st.text(_SCALAR, max_size=10),
    st.sampled_from(_BLOCK).flatmap(lambda block: block),
    _chain(WORDS, SPACES, size=6),
    _chain(CONTROLS, SPACES, size=12),
    _chain(LOOK_ALIKES, SPACES, ("a", "b"), size=5),
    _chain(CODE, size=4),
    _chain(DIGITS, size=10),
    _spaced(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=3)),
    _chain(APOSTROPHES, size=7),
)


@dataclass(frozen=True, slots=True)
class _Sample:
    """A fixed choice out of a vocabulary.

    Attributes:
        words: Tokens that are text, of several characters where there are any: ``characters`` has the others.
        characters: Characters that occur in them.
        specials: Special strings.
        added: Contents of added tokens.
        text_ids: Ids that stand for bytes; every one.
        partial_ids: Ids whose bytes are not UTF-8 on their own.
        other_ids: Ids that stand for no bytes.
    """

    words: tuple[str, ...]
    characters: tuple[str, ...]
    specials: tuple[str, ...]
    added: tuple[str, ...]
    text_ids: tuple[int, ...]
    partial_ids: tuple[int, ...]
    other_ids: tuple[int, ...]


_SAMPLES: WeakKeyDictionary[Tokenizer, _Sample] = WeakKeyDictionary()
_TEXTS: WeakKeyDictionary[Tokenizer, SearchStrategy[str]] = WeakKeyDictionary()


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _sample(tokenizer: Tokenizer) -> _Sample:
    found = _SAMPLES.get(tokenizer)
    if found is None:
        found = _SAMPLES[tokenizer] = _draw_sample(tokenizer)
    return found


def _draw_sample(tokenizer: Tokenizer) -> _Sample:
    undecodable = tokenizer.undecodable()
    text_ids: list[int] = []
    other_ids: list[int] = []
    added: list[str] = []
    for token_id in tokenizer.ids():
        kind = tokenizer.kind(token_id)
        if token_id in undecodable:
            continue
        if kind not in TEXT_KINDS:
            other_ids.append(token_id)
            continue
        text_ids.append(token_id)
        if kind == "added" and (content := _decoded(tokenizer.token_bytes(token_id))):
            added.append(content)
    chosen = random.Random(0).sample(text_ids, min(len(text_ids), 4 * _SAMPLE))
    spelled = [(token_id, _decoded(tokenizer.token_bytes(token_id))) for token_id in chosen]
    words = [word for _, word in spelled if word]
    long = [word for word in words if len(word) > 1]
    return _Sample(
        words=tuple((long or words)[:_SAMPLE]),
        characters=tuple(sorted(set("".join(words)))),
        specials=tuple(name for name in tokenizer.special_tokens() if name)[:_SAMPLE],
        added=tuple(added[:_SAMPLE]),
        text_ids=tuple(text_ids),
        partial_ids=tuple(token_id for token_id, word in spelled if word is None)[:_SAMPLE],
        other_ids=tuple(other_ids[:_SAMPLE]),
    )


def texts(tokenizer: Tokenizer | None = None) -> SearchStrategy[str]:
    """Texts of all classes, mostly short; with the vocabulary's own words when a tokenizer is given."""
    if tokenizer is None:
        return st.one_of(*_GENERAL)
    found = _TEXTS.get(tokenizer)
    if found is not None:
        return found
    sample = _sample(tokenizer)
    own = [*_GENERAL]
    if sample.words:
        own += [_chain(sample.words, size=5), _chain(sample.characters, size=10)]
    if whole := (*sample.added, *sample.specials):
        own.append(_chain(whole, ("", " ", "  ", "\n", "a", "\t", "\xa0"), size=6))
    strategy = _TEXTS[tokenizer] = st.one_of(*own)
    return strategy


def surrogate_texts() -> SearchStrategy[str]:
    """Texts that may hold surrogates, alone and in pairs, at any place."""
    return st.text(
        st.one_of(
            st.sampled_from("a \u00e9\U0001f999"),
            st.sampled_from("\ud83d\udc4d\ud800\udbff\udc00\udfff"),
            st.characters(),
        ),
        max_size=8,
    )


def special_texts(tokenizer: Tokenizer) -> SearchStrategy[str]:
    """Texts that hold special strings of the vocabulary, parts of them and look-alikes of others."""
    names = _sample(tokenizer).specials
    parts = tuple(part for name in names[:50] for part in (name[:-1], name[1:], name.upper(), f" {name} ") if part)
    glue = ("", " ", "\n", "a", "b ", "\u00e9", "<", ">", "|", "2")
    return st.one_of(
        _chain(names or LOOK_ALIKES, glue, size=6), _chain(names, parts, LOOK_ALIKES, glue, size=5), texts(tokenizer)
    )


def indented_texts() -> SearchStrategy[str]:
    """Lines behind 0-16 spaces or tabs, also after a line break and at the end."""
    indent = st.one_of(
        st.integers(0, 16).map(lambda count: " " * count), st.integers(0, 4).map(lambda count: "\t" * count)
    )
    line = st.tuples(indent, st.sampled_from(("", "x", "return 1", "}", "- item", "\u6c34", "# \u00e9")))
    return st.lists(line.map("".join), min_size=1, max_size=3).map("\n".join)


def whole_tokens(tokenizer: Tokenizer) -> SearchStrategy[int]:
    """Ids of added tokens and of the other tokens that have a name.

    The tokenizer must have one.
    """
    return st.sampled_from(_whole_ids(tokenizer))


def _whole_ids(tokenizer: Tokenizer) -> tuple[int, ...]:
    undecodable = tokenizer.undecodable()
    return tuple(
        token_id
        for token_id in tokenizer.ids()
        if token_id not in undecodable and tokenizer.kind(token_id) in {"added", "special"}
    )


def ids(tokenizer: Tokenizer, *, max_size: int = 8) -> SearchStrategy[list[int]]:
    """Sequences of existing ids of all kinds, those of unfinished characters more often than by chance."""
    sample = _sample(tokenizer)
    pools = [st.sampled_from(pool) for pool in (sample.text_ids, sample.partial_ids, sample.other_ids) if pool]
    spelled = texts(tokenizer).map(lambda text: tokenizer.encode(text)[:max_size])
    if not pools:  # an engine that does not list its ids
        return spelled
    mixed = st.lists(st.one_of(*pools), max_size=max_size)
    return st.one_of(st.lists(pools[0], max_size=max_size), mixed, spelled)


def byte_strings(*, max_size: int = 16) -> SearchStrategy[bytes]:
    """Any bytes, and UTF-8 that is cut, joined or damaged."""
    pieces = ("a", " ", "\u00e9", "\u6c34", "\U0001f999", "\n")
    damaged = [piece.encode() for piece in pieces]
    damaged += [piece.encode()[:-1] for piece in pieces[2:5]] + [piece.encode()[1:] for piece in pieces[2:5]]
    damaged += [b"\xff", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00"]
    return st.one_of(st.binary(max_size=max_size), st.lists(st.sampled_from(damaged), max_size=6).map(b"".join))


def edits(text: str) -> SearchStrategy[str]:
    """Texts one edit away from ``text``: something deleted, inserted, replaced, doubled or swapped."""

    def edited(edit: tuple[int, int, int, str]) -> str:
        kind, first, second, inserted = edit
        start, end = sorted((min(first, len(text)), min(second, len(text))))
        middle = text[start:end]
        replaced = ("", inserted, inserted + middle, middle * 2, middle[::-1])[kind]
        return text[:start] + replaced + text[end:]

    place = st.integers(0, max(len(text), 1))
    inserted = st.sampled_from((*SPACES, "a", "0", "'", "\u00e9", "\u6c34", "\U0001f999", "<|", "\x00"))
    return st.tuples(st.integers(0, 4), place, place, inserted).map(edited)
