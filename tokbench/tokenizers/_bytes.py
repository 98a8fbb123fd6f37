"""Backend ``bytes``: every byte is a token whose id is its value. The reference engine: every law holds on it."""

from __future__ import annotations

from typing import cast

from tokbench.errors import SpecError
from tokbench.tokenizers._common import make_info, no_more_options
from tokbench.tokenizers.capability import Capability
from tokbench.tokenizers.description import VocabularyTable
from tokbench.tokenizers.protocol import Surrogates, Tokenizer
from tokbench.tokenizers.rules import BpeRules, EncodingRules

_SINGLE = tuple(bytes([value]) for value in range(256))


class BytesTokenizer(Tokenizer):
    """One token a byte, ids 0-255."""

    refuses_surrogates = True

    def _load_table(self) -> VocabularyTable:
        return VocabularyTable(dict(enumerate(_SINGLE)))

    def _encode(self, text: str) -> list[int]:
        return list(text.encode())

    def _encode_parse(self, text: str) -> list[int]:
        return self._encode(text)  # there are no special tokens to find

    def _encode_bytes(self, data: bytes) -> list[int]:
        return list(data)

    def _encode_piece(self, data: bytes) -> list[int]:
        return list(data)

    def _pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text.encode()))] if text else []

    def rules(self) -> EncodingRules:
        """See :meth:`Tokenizer.rules`."""
        return BpeRules(tokens={token: token_id for token_id, token in enumerate(_SINGLE)}, merges=())

    def _decode(self, ids: list[int]) -> str:
        return bytes(ids).decode("utf-8", "replace")


def load(locator: str, **options: object) -> Tokenizer:
    """Load the ``bytes`` tokenizer; it takes no locator and no option but ``surrogates``."""
    surrogates = cast("Surrogates", options.pop("surrogates", "raise"))
    no_more_options("bytes", options, "surrogates")
    if locator:
        raise SpecError(f"bytes:{locator}", "this backend takes no locator, write just bytes")
    info = make_info(
        spec="bytes",
        backend="bytes",
        name="bytes",
        family="bytes",
        files=(),
        libraries=(),
        switches={"surrogates": surrogates},
        capability=Capability(
            round_trip="lossless",
            bytes_in=True,
            byte_complete=True,
            parse=True,
            piece=True,
            pretokens=True,
            ranks=True,
        ),
        n_ids=256,
        n_vocab=256,
    )
    return BytesTokenizer(info, surrogates=surrogates)


def discover() -> list[tuple[str, str]]:
    """Specs that load here, each with a few words."""
    return [("bytes", "one token per byte; the reference")]
