"""What a text becomes before its bytes are read: encoded, checked, behind the inserted prefix."""

from __future__ import annotations

from tokbench.bytelevel.utf8 import cut
from tokbench.errors import LossyTextError, UnpairedSurrogateError, UnsupportedError
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.capability import excepted

__all__ = ["Gate", "as_bytes"]

_BEFORE = 16  # bytes in front of new text that may be changed together with it


def as_bytes(text: str | bytes) -> bytes:
    """UTF-8 of a text; bytes as they are.

    Raises:
        UnpairedSurrogateError: If the text holds a surrogate.
    """
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnpairedSurrogateError(error.start, ord(text[error.start])) from None


class Gate:
    """Lets through the texts that a tokenizer keeps as they are.

    Args:
        tokenizer: The tokenizer; None lets everything through.

    Attributes:
        closed: Whether there is any text that it does not let through.
    """

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        lossless = tokenizer is None or tokenizer.info.capability.round_trip == "lossless"
        self._tokenizer = None if lossless else tokenizer
        self.closed = not lossless
        self._prefix = tokenizer.info.prefix if tokenizer is not None else b""

    def check(self, before: bytes | bytearray, added: bytes) -> None:
        """Raise unless the tokenizer keeps ``added`` behind ``before`` (checked already).

        Raises:
            LossyTextError: If it changes the text, or cannot say whether it does.
        """
        tokenizer = self._tokenizer
        if tokenizer is None or not added:
            return
        start = max(0, len(before) - _BEFORE)
        while start < len(before) and before[start] & 0xC0 == 0x80:  # noqa: PLR2004, inside a character
            start += 1
        data = bytes(before[start:]) + added
        parts = cut(data)
        if parts is None or not parts[0]:
            return
        text = parts[0]
        whole = text.encode()
        try:
            found = tokenizer.preimage(text)
        except UnsupportedError as error:
            raise LossyTextError(start, error.reason, tokenizer.info.spec) from error
        wanted = self._prefix + whole
        # in the middle of a text nothing is inserted or left out at the beginning
        if found == wanted or (start and found.removeprefix(self._prefix) == whole):
            return
        offset = next((at for at, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), len(whole))
        kind = excepted(text, sorted(tokenizer.info.capability.exceptions)) or "normalisation"
        raise LossyTextError(max(start, start + offset - len(self._prefix)), kind, tokenizer.info.spec)

    def normalised(self, text: str | bytes) -> bytes:
        """The bytes that the tokenizer makes of a text, the inserted prefix left out.

        Raises:
            LossyTextError: If it cannot say, or the text is not UTF-8.
        """
        data = as_bytes(text)
        if self._tokenizer is None or not data:
            return data
        try:
            found = self._tokenizer.preimage(data.decode())
        except UnicodeDecodeError as error:
            raise LossyTextError(error.start, "not UTF-8", self._tokenizer.info.spec) from None
        except UnsupportedError as error:
            raise LossyTextError(0, error.reason, self._tokenizer.info.spec) from error
        return found.removeprefix(self._prefix)
