"""What every tokenizer adapter is: :class:`Tokenizer`.

An adapter subclasses :class:`Tokenizer` and fills in the hooks whose names begin with an underscore.
The public methods are written once, here, so that surrogates, special text, unknown ids, spans and the
first-piece rule behave alike in all backends.

Terms. *Token bytes*: the bytes that one id stands for in the middle of a sequence. *Plain encoding*: no
special token is parsed from text and none is added. *Span*: half-open byte range of the UTF-8 input.
*Pre-image*: the bytes that the joined token bytes of ``encode(text)`` should be, the inserted prefix
included.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from tokbench.errors import (
    ControlTokenError,
    OptionError,
    SpecialTextError,
    UnknownIdError,
    UnmappableTokenError,
    UnpairedSurrogateError,
    UnsupportedError,
)
from tokbench.tokenizers.description import Kind, TokenizerInfo, VocabularyTable
from tokbench.tokenizers.stream import ByteStream, TextStream

if TYPE_CHECKING:
    from tokbench.tokenizers.rules import EncodingRules
    from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["Specials", "Surrogates", "Tokenizer"]

Specials = Literal["text", "parse", "raise"]
"""What to do with text that spells a special token."""

Surrogates = Literal["raise", "replace"]

_SURROGATE = re.compile("[\ud800-\udfff]")


def _contiguous(ids: list[int]) -> Sequence[int]:
    if ids and ids[-1] - ids[0] + 1 == len(ids):
        return range(ids[0], ids[-1] + 1)
    return tuple(ids)


class Tokenizer(ABC):
    """A loaded tokenizer. Immutable and safe to share between threads.

    Args:
        info: Its description.
        surrogates: What to do with text that holds surrogates: ``raise`` an
            :class:`~tokbench.errors.UnpairedSurrogateError`, or ``replace`` a pair by its character and a
            lone one by U+FFFD.

    Attributes:
        refuses_surrogates: Whether ``_encode_batch`` itself raises an error of any kind on surrogates, so that a
            batch need not be looked through first.
    """

    refuses_surrogates: ClassVar[bool] = False

    def __init__(self, info: TokenizerInfo, *, surrogates: Surrogates = "raise") -> None:
        if surrogates not in get_args(Surrogates):
            raise OptionError("surrogates", surrogates, "raise or replace")
        self.info = info
        self.surrogates: Surrogates = surrogates

    def __repr__(self) -> str:
        return f"<Tokenizer {self.info.spec} ({self.info.n_ids} ids, {self.info.capability.summary})>"

    def __getstate__(self) -> dict[str, object]:
        # Derived tables are rebuilt on demand: they are large, and a pickle must not depend on which
        # of them happened to be used before.
        derived = {"_table", "_ids", "_idset", "_special_pattern", "_byte_vocabulary"}
        return {name: value for name, value in self.__dict__.items() if name not in derived}

    # ------------------------------------------------------------------ hooks of an adapter

    @abstractmethod
    def _load_table(self) -> VocabularyTable:
        """The vocabulary; called once."""

    @abstractmethod
    def _encode(self, text: str) -> list[int]:
        """Plain encoding of text without surrogates."""

    @abstractmethod
    def _decode(self, ids: list[int]) -> str:
        """The library's own decoding of existing ids, special tokens kept."""

    def _encode_batch(self, texts: list[str]) -> list[list[int]]:
        """Plain encoding of many texts; override with the library's batch call."""
        return [self._encode(text) for text in texts]

    def _encode_parse(self, text: str) -> list[int]:
        """Encoding that turns special strings into special tokens, and adds none by itself."""
        raise UnsupportedError('specials="parse"', self.info.spec, "the library parses no special tokens from text")

    def _encode_bytes(self, data: bytes) -> list[int]:
        raise UnsupportedError("encode_bytes", self.info.spec, "the library takes text only")

    def _encode_piece(self, data: bytes) -> list[int]:
        raise UnsupportedError("encode_piece", self.info.spec, "the library exposes no merge of a single pre-token")

    def _pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        raise UnsupportedError("pretoken_spans", self.info.spec, "the library exposes no pre-tokenization")

    def _char_spans(self, text: str) -> list[tuple[int, int]]:
        raise UnsupportedError("char_spans", self.info.spec, "the library reports no spans")

    def _preimage(self, text: str) -> bytes:
        """Pre-image of non-empty text; override where a normaliser changes the text or the prefix depends on it."""
        return self.info.prefix + text.encode()

    # ------------------------------------------------------------------ encoding

    def _checked(self, text: str) -> str:
        if text.isascii():
            return text
        try:
            text.encode()
        except UnicodeEncodeError as error:
            if self.surrogates == "replace":
                return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            raise UnpairedSurrogateError(error.start, ord(text[error.start])) from None
        return text

    def encode(self, text: str, *, specials: Specials = "text") -> list[int]:
        """Token ids of ``text``, with no token added in front or behind.

        Args:
            text: Any text without surrogates (but see ``surrogates``).
            specials: ``text``: whatever spells a special token is ordinary text. ``parse``: it becomes the
                special token. ``raise``: it is an error.

        Raises:
            UnpairedSurrogateError: If the text holds a surrogate.
            SpecialTextError: Under ``raise``, if the text spells a special token.
            UnsupportedError: Under ``parse``, if the library cannot.
        """
        text = self._checked(text)
        if specials == "text":
            return self._encode(text)
        if specials == "parse":
            return self._encode_parse(text)
        if specials == "raise":
            self._refuse_special_text(text)
            return self._encode(text)
        raise OptionError("specials", specials, "text, parse or raise")

    def encode_batch(self, texts: Iterable[str], *, specials: Specials = "text") -> list[list[int]]:
        """``[encode(text) for text in texts]``, through the library's own batch call where it has one."""
        if specials != "text":
            return [self.encode(text, specials=specials) for text in texts]
        texts = list(texts)
        if not self.refuses_surrogates:
            try:
                "".join(texts).encode()  # one look for surrogates in all texts is cheaper than one in each
            except UnicodeEncodeError:
                texts = [self._checked(text) for text in texts]
            return self._encode_batch(texts)
        try:
            return self._encode_batch(texts)
        except Exception:
            checked = [self._checked(text) for text in texts]
            if checked == texts:
                raise  # it was something else
            return self._encode_batch(checked)

    def encode_bytes(self, data: bytes) -> list[int]:
        """Token ids of any bytes, valid UTF-8 or not.

        Raises:
            UnsupportedError: If the library takes text only.
        """
        return self._encode_bytes(bytes(data))

    def encode_piece(self, data: bytes) -> list[int]:
        """Token ids of one pre-token: merges only, no split pattern.

        Raises:
            UnsupportedError: If the library does not expose its merges.
        """
        return self._encode_piece(bytes(data))

    def pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        """Byte spans of the pre-tokens of ``text``; they tile it, and their pieces join to ``encode(text)``.

        Raises:
            UnsupportedError: If the backend has none, or if the split pattern as seen by the ``regex``
                package does not lead to the library's own ids (their Unicode tables differ).
        """
        text = self._checked(text)
        spans = self._pretoken_spans(text)
        data = text.encode()
        joined = [token for start, end in spans for token in self._encode_piece(data[start:end])]
        if joined != self._encode(text):
            raise UnsupportedError(
                "pretoken_spans",
                self.info.spec,
                f"the split of {text[:40]!r} by the regex package does not give the library's own ids "
                "(different Unicode tables)",
            )
        return spans

    @cached_property
    def _special_pattern(self) -> re.Pattern[str] | None:
        names = sorted({name for name in self._table.names.values() if name}, key=lambda name: (-len(name), name))
        return re.compile("|".join(map(re.escape, names))) if names else None

    def _refuse_special_text(self, text: str) -> None:
        if self._special_pattern is not None and (match := self._special_pattern.search(text)):
            raise SpecialTextError(match.group(), match.start())

    # ------------------------------------------------------------------ vocabulary

    @cached_property
    def _table(self) -> VocabularyTable:
        return self._load_table()

    @cached_property
    def _ids(self) -> Sequence[int]:
        table = self._table
        return _contiguous(sorted({*table.bytes_of, *table.kinds, *table.names, *table.undecodable}))

    @cached_property
    def _idset(self) -> range | frozenset[int]:
        return self._ids if isinstance(self._ids, range) else frozenset(self._ids)

    def ids(self) -> Sequence[int]:
        """The existing ids in ascending order. Never iterate over ``range(n_vocab)``: ids have gaps."""
        return self._ids

    def kind(self, token_id: int) -> Kind:
        """What ``token_id`` is.

        Raises:
            UnknownIdError: If it does not exist.
        """
        if token_id not in self._idset:
            raise UnknownIdError(token_id, self.info.spec)
        return self._table.kinds.get(token_id, "normal")

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes that ``token_id`` stands for in the middle of a sequence.

        Raises:
            UnknownIdError: If it does not exist.
            ControlTokenError: If it stands for no bytes (control, special, unknown, unused).
            UnmappableTokenError: If the declared decoding gives it no bytes.
        """
        found = self._table.bytes_of.get(token_id)
        if found is not None:
            return found
        kind = self.kind(token_id)
        if token_id in self._table.undecodable:
            raise UnmappableTokenError(
                token_id, self._table.names.get(token_id, "?"), self._table.undecodable[token_id]
            )
        raise ControlTokenError(token_id, kind, self.info.spec)

    def special_tokens(self) -> Mapping[str, int]:
        """Special strings and their ids: what ``specials="parse"`` recognises and ``"raise"`` refuses."""
        return {
            name: token_id for token_id, name in self._table.names.items() if token_id not in self._table.undecodable
        }

    def takes_spaces(self, special: str) -> bool:
        """Whether a special string is declared to take the white space beside it into its token (lstrip, rstrip)."""
        return False

    def undecodable(self) -> Mapping[int, str]:
        """Ids to which no bytes can be assigned, each with the reason."""
        return self._table.undecodable

    def shipped_configuration(self) -> tuple[object, object] | None:
        """What the file says and what the loaded engine says of itself, as two JSON-like values to compare.

        The second may hold more (defaults that the library fills in). Settings that the adapter is declared to
        switch off are left out of both. None where an adapter cannot tell; the law never-fix does not apply then.
        """
        return None

    def rules(self) -> EncodingRules:
        """How text is encoded, as data (see :mod:`tokbench.tokenizers.rules`).

        Raises:
            UnsupportedError: If nothing can be said, or more happens than rules can express (added tokens that
                are found in text, a normaliser, a prefix that depends on the text).
        """
        raise UnsupportedError("rules", self.info.spec, "the adapter does not say how it encodes")

    def byte_vocabulary(self) -> ByteVocabulary:
        """The text tokens in byte order; built once and cached on disk by fingerprint."""
        return self._byte_vocabulary

    @cached_property
    def _byte_vocabulary(self) -> ByteVocabulary:
        from tokbench.tokenizers.vocabulary import cached_byte_vocabulary

        return cached_byte_vocabulary(self)

    # ------------------------------------------------------------------ decoding

    def _known(self, ids: Iterable[int]) -> list[int]:
        known = list(ids)
        for token_id in known:
            if token_id not in self._idset:
                raise UnknownIdError(token_id, self.info.spec)
        return known

    def decode(self, ids: Iterable[int]) -> str:
        """What the library itself decodes, special tokens kept.

        Raises:
            UnknownIdError: If an id does not exist (libraries differ: some drop it, some crash).
        """
        return self._decode(self._known(ids))

    def decode_bytes(self, ids: Iterable[int], *, strict: bool = False) -> bytes:
        """The exact bytes of ``ids``: joined token bytes, less one inserted leading space.

        Args:
            ids: Existing ids.
            strict: Raise on an id that stands for no bytes instead of letting it contribute nothing.

        Raises:
            UnknownIdError: If an id does not exist.
            ControlTokenError: Under ``strict``, if an id stands for no bytes.
        """
        data = self.join_bytes(ids, strict=strict)
        prefix = self.info.prefix
        return data[len(prefix) :] if prefix and data.startswith(prefix) else data

    def join_bytes(self, ids: Iterable[int], *, strict: bool = False) -> bytes:
        """Joined token bytes with the inserted prefix still in front; else like :meth:`decode_bytes`."""
        bytes_of = self._table.bytes_of
        parts = []
        for token_id in ids:
            found = bytes_of.get(token_id)
            if found is None:
                kind = self.kind(token_id)
                if strict:
                    raise ControlTokenError(token_id, kind, self.info.spec)
                continue
            parts.append(found)
        return b"".join(parts)

    def stream(self, *, strict: bool = False) -> ByteStream:
        """A decoder that is fed one id at a time and gives each byte as soon as it is certain."""
        return ByteStream(self, strict=strict)

    def text_stream(self) -> TextStream:
        """Like :meth:`stream`, in text: bytes of an unfinished character are held until it is complete."""
        return TextStream(self.stream())

    # ------------------------------------------------------------------ spans

    def preimage(self, text: str) -> bytes:
        """The bytes that the joined token bytes of ``encode(text)`` should be.

        Raises:
            UnsupportedError: If the vocabulary does not keep enough to say (WordPiece drops spaces).
        """
        text = self._checked(text)
        if not self.info.capability.preimage:
            raise UnsupportedError("preimage", self.info.spec, "the vocabulary does not keep enough to say it")
        return self._preimage(text) if text else b""

    def char_spans(self, text: str) -> list[tuple[int, int]]:
        """The spans that the library itself reports, in code points of ``text``, one per id.

        Raises:
            UnsupportedError: If it reports none.
        """
        return self._char_spans(self._checked(text))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Byte spans of ``encode(text)``, one per id.

        They come from token bytes where those join to the text, so that they tile it exactly; an inserted
        prefix has no bytes in the input. Where the tokenizer changes the text they are the library's
        offsets in bytes (``info.spans_source`` says which to expect).

        Raises:
            UnsupportedError: If the text is changed and the library reports no spans.
        """
        text = self._checked(text)
        ids = self._encode(text)
        data = text.encode()
        pieces = [self._table.bytes_of.get(token_id) for token_id in ids]
        joined = b"".join(piece or b"" for piece in pieces)
        inserted = len(joined) - len(data)
        if None not in pieces and joined.endswith(data) and joined[: max(inserted, 0)] in {b"", self.info.prefix}:
            spans, position = [], -inserted
            for piece in pieces:
                end = position + len(piece or b"")
                spans.append((max(position, 0), max(end, 0)))
                position = end
            return spans
        offsets = [0]
        for character in text:
            offsets.append(offsets[-1] + len(character.encode()))
        return [(offsets[start], offsets[end]) for start, end in self._char_spans(text)]

    def library_stream(self, ids: Sequence[int]) -> list[str]:
        """The chunks that the library's own streaming decoder gives for ``ids``, one per id (``""`` for none).

        Raises:
            UnsupportedError: If the library has no streaming decoder.
        """
        raise UnsupportedError("library_stream", self.info.spec, "the library has no streaming decoder")
