"""How a tokenizer cuts a word inside a text, for many texts.

The tokens of a text tile its bytes, so the sum of their lengths says where each one lies. That is what
:meth:`~tokbench.tokenizers.Tokenizer.spans` does for all tokens of a text; here only those at the word become spans.
Whether the tokens do tile the text is checked byte by byte for every text.

Texts are encoded one by one: they are short, and the threads behind a batch call cost more than they save (tiktoken
takes 30 microseconds a text in a batch and 6 alone).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from tokbench.errors import TokbenchError, UnsupportedError
from tokbench.tokenizers import Tokenizer

if TYPE_CHECKING:
    from tokbench.suites.charbench.prompts import Rendered

__all__ = ["Cut", "Framed", "Place", "bare", "cuts", "framed", "in_chat", "inner_boundaries", "why_not"]

Place = tuple[int, int]
"""Half-open range of bytes."""


class Cut(NamedTuple):
    """The tokens of a word.

    Attributes:
        ids: Tokens that share at least one byte with the word, in order.
        spans: Their bytes, counted from the first byte of the word: a token that reaches outside begins below 0 or
            ends behind the word. An inserted space has no bytes in the text.
        lone: Tokens in front of the word that hold nothing but the inserted space.
    """

    ids: tuple[int, ...]
    spans: tuple[Place, ...]
    lone: int


class Framed(NamedTuple):
    """All tokens of a text, those of its word apart.

    Attributes:
        before: Ids in front of the word, an inserted space among them.
        cut: The tokens of the word.
        after: Ids behind it.
    """

    before: tuple[int, ...]
    cut: Cut
    after: tuple[int, ...]


class _Encoded(NamedTuple):
    """A text in tokens.

    Attributes:
        ids: Its tokens.
        ends: Where each ends in their joined bytes, so that the next begins there.
        inserted: Bytes that stand in front of the text.
        start: First byte of the word in the text.
        end: Byte behind its last.
    """

    ids: list[int]
    ends: list[int]
    inserted: int
    start: int
    end: int


class _Pieces(dict[int, bytes]):
    """Bytes of every id that came up. A special token stands for its name, where specials are parsed."""

    def __init__(self, tokenizer: Tokenizer, *, specials: bool) -> None:
        super().__init__()
        self._tokenizer = tokenizer
        names = tokenizer.special_tokens() if specials else {}
        self._names = {token_id: name.encode() for name, token_id in names.items()}
        self.blank: set[int] = set()

    def __missing__(self, token_id: int) -> bytes:
        try:
            found = self._names[token_id] if token_id in self._names else self._tokenizer.token_bytes(token_id)
        except TokbenchError:
            self.blank.add(token_id)
            found = b""
        self[token_id] = found
        return found


def why_not(tokenizer: Tokenizer) -> str:
    """Why a tokenizer has no byte spans; ``""`` for one that has them (it may still change single texts)."""
    info = tokenizer.info
    if info.spans_source == "bytes":
        return ""
    if info.spans_source == "none":
        return f"{info.spec} does not say where its tokens lie in a text"
    return f"{info.spec} changes a text before it cuts it ({info.capability.summary}): its tokens do not tile the bytes"


def _encoder(tokenizer: Tokenizer, *, specials: bool) -> Callable[[str], list[int]]:
    """What encodes a text; special tokens are looked for only in a text that spells one."""
    names = tuple(tokenizer.special_tokens()) if specials else ()
    if not names:
        return tokenizer.encode
    return lambda text: tokenizer.encode(text, specials="parse" if any(name in text for name in names) else "text")


def cuts(tokenizer: Tokenizer, texts: Iterable[tuple[str, Place]], *, specials: bool = False) -> Iterator[Cut | str]:
    """The cut of one word in each text.

    Args:
        tokenizer: A tokenizer, see :func:`why_not`.
        texts: Texts, each with the place of its word in the UTF-8 of the text; a word has at least one byte.
        specials: Whether text that spells a special token is that token, as in a rendered chat.

    Yields:
        For each text the tokens of its word, or a sentence that says why there are none.

    Raises:
        UnpairedSurrogateError: If a text holds a surrogate and the tokenizer refuses these.
    """
    for found in _encoded(tokenizer, texts, specials=specials):
        yield found if isinstance(found, str) else _cut(found, *_range(found))


def framed(
    tokenizer: Tokenizer, texts: Iterable[tuple[str, Place]], *, specials: bool = False
) -> Iterator[Framed | str]:
    """All tokens of each text, see :func:`cuts`."""
    for found in _encoded(tokenizer, texts, specials=specials):
        if isinstance(found, str):
            yield found
        else:
            first, last = _range(found)
            yield Framed(tuple(found.ids[:first]), _cut(found, first, last), tuple(found.ids[last:]))


def bare(tokenizer: Tokenizer, words: Iterable[str]) -> Iterator[tuple[list[int], int] | None]:
    """What :func:`cuts` says of texts that are nothing but a word, at half the cost: for whole lists.

    Args:
        tokenizer: A tokenizer that has byte spans, see :func:`why_not`.
        words: Words; each has at least one byte.

    Yields:
        For each word the bytes of it in each of its tokens, and the number of tokens in front of it that hold nothing
        but the inserted space; None where its tokens do not tile it.
    """
    pieces = _Pieces(tokenizer, specials=False)
    prefix = tokenizer.info.prefix
    for word in words:
        try:
            parts = [pieces[token_id] for token_id in tokenizer.encode(word)]
        except UnsupportedError:
            yield None
            continue
        joined, data = b"".join(parts), word.encode("utf-8", "surrogatepass")
        if joined not in {data, prefix + data} or b"" in parts:
            yield None
            continue
        sizes = [len(part) for part in parts]
        inserted, lone = len(joined) - len(data), 0
        while inserted >= sizes[lone]:
            inserted -= sizes[lone]
            lone += 1
        sizes[lone] -= inserted
        yield sizes[lone:], lone


def _encoded(tokenizer: Tokenizer, texts: Iterable[tuple[str, Place]], *, specials: bool) -> Iterator[_Encoded | str]:
    """Each text in tokens, or why its tokens do not tile its bytes."""
    if reason := why_not(tokenizer):
        yield from (reason for _ in texts)
        return
    pieces = _Pieces(tokenizer, specials=specials)
    encode = _encoder(tokenizer, specials=specials)
    prefix = tokenizer.info.prefix
    changed = f"{tokenizer.info.spec} changes this text: its tokens do not join to the bytes"
    for text, (start, end) in texts:
        try:
            ids = encode(text)
        except UnsupportedError as error:
            yield str(error)
            continue
        parts = [pieces[token_id] for token_id in ids]
        data, joined = text.encode("utf-8", "surrogatepass"), b"".join(parts)
        if joined not in {data, prefix + data} or not pieces.blank.isdisjoint(ids):
            yield changed
            continue
        yield _Encoded(ids, list(accumulate(map(len, parts))), len(joined) - len(data), start, end)


def _range(found: _Encoded) -> tuple[int, int]:
    """Places of the first token of the word and of the one behind its last."""
    first = bisect_right(found.ends, found.start + found.inserted)
    return first, bisect_left(found.ends, found.end + found.inserted, first) + 1


def _cut(found: _Encoded, first: int, last: int) -> Cut:
    """The tokens of the word."""
    ends, inserted = found.ends, found.inserted
    shift = found.start + inserted
    begin = ends[first - 1] if first else inserted  # the inserted space is not a byte of the text
    marks = [mark - shift for mark in (begin, *ends[first:last])]
    return Cut(tuple(found.ids[first:last]), tuple(pairwise(marks)), first if inserted and not found.start else 0)


# ---------------------------------------------------------------------- inside a word, inside a chat


def inner_boundaries(spans: Sequence[Place], size: int) -> frozenset[int]:
    """Bytes of a word at which a token begins, its first byte left out: what of a cut lies inside the word.

    A token that reaches over an edge of the word is clipped to it: with a space in front, it would differ from every
    other cut at once.

    Args:
        spans: See :class:`Cut`.
        size: Bytes of the word.
    """
    return frozenset(begin for begin, _ in spans if 0 < begin < size)


def in_chat(rendered: Rendered, render_chat: Callable[[Rendered], str]) -> tuple[str, Place] | str:
    """The rendered chat with the place of the word in it, or why that is not to be found.

    Many templates trim what a user says, so the text is looked for without the white space at its ends.
    """
    chat, said = render_chat(rendered), rendered.text.strip()
    trimmed = len(rendered.text) - len(rendered.text.lstrip())
    at = chat.find(said)
    if at < 0:
        return "the chat template changes the text of the question"
    if chat.find(said, at + 1) >= 0:
        return "the chat holds the text of the question more than once"
    shift = len(chat[:at].encode("utf-8", "surrogatepass")) - len(rendered.text[:trimmed].encode())
    return chat, (rendered.word_start + shift, rendered.word_end + shift)
