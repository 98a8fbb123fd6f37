"""What a tokenizer promises: :class:`Capability`, and the named exceptions to a lossless round trip."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["EXCEPTIONS", "Capability", "Loss", "RoundTrip", "RoundTripException", "excepted"]

RoundTrip = Literal["lossless", "lossless-except", "lossy"]

Loss = Literal["unknown-token", "normalisation", "decode-side"]
"""How information is lost: by an unknown token or a vanished character; by a change of the text before
tokenization; or by the library's decoder, although the ids still hold the text."""


@dataclass(frozen=True, slots=True)
class RoundTripException:
    """A named class of texts that a tokenizer is declared to change.

    Attributes:
        name: As it stands in reports: ``lossless-except{u2581}``.
        why: Why texts of this class change.
        applies: Whether a text is of this class.
    """

    name: str
    why: str
    applies: Callable[[str], bool]


def _pattern(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.search(text) is not None


EXCEPTIONS: Mapping[str, RoundTripException] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            RoundTripException(
                "u2581", "U+2581 stands for the space in the vocabulary, so a literal one decodes to a space",
                _pattern("\u2581"),
            ),
            RoundTripException(
                "leading-space", "no prefix is inserted before a leading space, yet decoding strips one",
                _pattern(r"\A[ \u2581]"),
            ),
            RoundTripException(
                "not-nfc", "the text is brought to Unicode normalisation form C first",
                lambda text: not unicodedata.is_normalized("NFC", text),
            ),
            RoundTripException(
                "control-whitespace", "white space other than U+0020 is replaced or removed",
                _pattern(r"[^\S ]|[\x00-\x1f\x7f-\x9f]"),
            ),
            RoundTripException(
                "special-text", "text that spells a special token loses spaces beside it",
                _pattern(r"<[^<>]*>|\[[A-Z]+\]"),
            ),
        )
    }
)  # fmt: skip


def excepted(text: str, names: Iterable[str]) -> str | None:
    """Name of the first exception in ``names`` that applies to ``text``, or None."""
    return next((name for name in names if EXCEPTIONS[name].applies(text)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a tokenizer promises. Laws that need more than this do not apply; they never fail.

    Attributes:
        round_trip: Whether decode(encode(x)) == x: always, always outside named exceptions, or not.
        exceptions: Names in :data:`EXCEPTIONS`; only for ``lossless-except``.
        losses: Kinds of loss that are declared; only for ``lossy``.
        bytes_in: Whether ``encode_bytes`` takes any bytes.
        byte_complete: Whether each of the 256 single bytes is a token.
        spans: Where byte spans come from: ``bytes``, ``library`` or ``none``.
        char_spans: Whether the library reports spans of its own.
        prefix: Bytes inserted in front of non-empty text.
        parse: Whether ``specials="parse"`` works.
        piece: Whether ``encode_piece`` works, so that the laws of BPE apply.
        pretokens: Whether ``pretoken_spans`` works.
        library_stream: Whether the library has a streaming decoder.
        ranks: Whether ids are merge ranks (``encode_piece`` merges the lowest-id pair first), so that the
            readable twin applies.
        preimage: Whether :meth:`Tokenizer.preimage` can say which bytes the tokens join to.
    """

    round_trip: RoundTrip
    exceptions: frozenset[str] = frozenset()
    losses: frozenset[Loss] = frozenset()
    bytes_in: bool = False
    byte_complete: bool = False
    spans: Literal["bytes", "library", "none"] = "bytes"
    char_spans: bool = False
    prefix: bytes = b""
    parse: bool = False
    piece: bool = False
    pretokens: bool = False
    library_stream: bool = False
    ranks: bool = False
    preimage: bool = True

    def __post_init__(self) -> None:
        unknown = self.exceptions - EXCEPTIONS.keys()
        if unknown:
            msg = f"unknown round-trip exceptions {sorted(unknown)}: expected names among {sorted(EXCEPTIONS)}"
            raise ValueError(msg)

    @property
    def summary(self) -> str:
        """``lossless``, ``lossless-except{a, b}`` or ``lossy{kinds}``."""
        if self.round_trip == "lossless-except":
            return f"lossless-except{{{', '.join(sorted(self.exceptions))}}}"
        if self.round_trip == "lossy":
            return f"lossy{{{', '.join(sorted(self.losses))}}}"
        return "lossless"
