"""Streaming decoders that are exact on any ids: the bytes of a stream join to ``decode_bytes``."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from tokbench.errors import ControlTokenError

if TYPE_CHECKING:
    from tokbench.tokenizers.protocol import Tokenizer

__all__ = ["ByteStream", "TextStream"]


class ByteStream:
    """Feed ids one by one, get bytes; :meth:`finish` gives what is still held back.

    Nothing depends on later ids except the inserted prefix, which is dropped from the first bytes, so
    every byte comes out at the step that decides it.
    """

    def __init__(self, tokenizer: Tokenizer, *, strict: bool = False) -> None:
        self._tokenizer = tokenizer
        self._strict = strict
        self._prefix = tokenizer.info.prefix
        self._held = b""

    def step(self, token_id: int) -> bytes:
        """Bytes that ``token_id`` adds.

        Raises:
            UnknownIdError: If the id does not exist.
            ControlTokenError: If the stream is strict and the id stands for no bytes.
        """
        try:
            data = self._tokenizer.token_bytes(token_id)
        except ControlTokenError:
            if self._strict:
                raise
            return b""
        if not self._prefix:
            return data
        data = self._held + data
        if len(data) < len(self._prefix) and self._prefix.startswith(data):
            self._held = data
            return b""
        out = data.removeprefix(self._prefix)
        self._held = self._prefix = b""
        return out

    def finish(self) -> bytes:
        """The bytes still held back; ends the stream."""
        held, self._held = self._held, b""
        return held


class TextStream:
    """Text form of a byte stream: never shows U+FFFD for bytes that later ids complete."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def step(self, token_id: int) -> str:
        """Characters that ``token_id`` completes."""
        return self._decoder.decode(self._stream.step(token_id))

    def finish(self) -> str:
        """The rest; an unfinished character becomes U+FFFD."""
        return self._decoder.decode(self._stream.finish(), final=True)
