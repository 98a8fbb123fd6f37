"""Planted bugs for the laws on growth, memory and threads."""

from __future__ import annotations

import time

from toys import Mutant

from tokbench.tokenizers import load_tokenizer
from tokbench.tokenizers._bytes import BytesTokenizer


class _Bytes(BytesTokenizer):
    """The reference tokenizer under a class of its own, fast enough for long texts."""

    def __init__(self) -> None:
        super().__init__(load_tokenizer("bytes").info)


class Quadratic(_Bytes):
    """Looks through the rest of the text at each character, if the text begins with ``a``."""

    def _encode(self, text: str) -> list[int]:
        if text.startswith("a"):
            for start in range(len(text)):
                text.find("\x00", start)
        return super()._encode(text)


class UnboundedCache(_Bytes):
    """Keeps every text that it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, bytes] = {}

    def _encode(self, text: str) -> list[int]:
        data = self.seen.setdefault(text, text.encode() * 2)
        return list(data[: len(data) // 2])


class SharedBuffer(_Bytes):
    """Collects the ids of all calls in one list."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer: list[int] = []

    def _encode(self, text: str) -> list[int]:
        self.buffer.clear()
        for value in text.encode():
            self.buffer.append(value)
        time.sleep(1e-5)  # other threads get their turn here, so that the fault does not wait for chance
        return list(self.buffer)


MUTANTS: dict[str, Mutant] = {
    "quadratic": Mutant("growth", Quadratic, "time grows with the square of the length of a run"),
    "unbounded-cache": Mutant("memory", UnboundedCache, "a cache of texts that never forgets"),
    "shared-buffer": Mutant("threads", SharedBuffer, "threads share one buffer"),
}
