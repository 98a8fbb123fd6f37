"""Two engines of the stranger's own: one keeps the laws, one forgets tabs and is known to."""

from __future__ import annotations

import tokbench.laws


class Shifted:
    """Bytes, shifted by three."""

    def encode(self, text: str) -> list[int]:
        return [byte + 3 for byte in text.encode()]

    def decode(self, ids: list[int]) -> str:
        return bytes(token - 3 for token in ids).decode("utf-8", "replace")


class Forgetful(Shifted):
    """Drops tabs."""

    def encode(self, text: str) -> list[int]:
        return super().encode(text.replace("\t", ""))


class TestShifted(tokbench.laws.TokenizerTests):
    laws = ("round-trip", "indentation", "idempotent")

    def make(self) -> Shifted:
        return Shifted()


class TestForgetful(tokbench.laws.TokenizerTests):
    laws = ("indentation",)

    def make(self) -> Forgetful:
        return Forgetful()
