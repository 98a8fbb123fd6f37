"""Tokenizers that cut runs of digits by a rule and everything else into bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from toys import UnknownToy

from tokbench.tokenizers import VocabularyTable, load_tokenizer
from tokbench.tokenizers._bytes import BytesTokenizer

Rule = Callable[[str, str, str], Sequence[int]]
"""Lengths of the chunks of a run of digits, given the text in front of it, the run and the text behind it."""


class DigitToy(BytesTokenizer):
    """Cuts runs of ASCII digits by a rule; all else is bytes, but for a character that sticks to the digits behind it.

    Args:
        rule: The rule.
        sticky: Characters that stand in one token with the first chunk of a run behind them.
        widest: Chunks of up to so many digits are in the vocabulary from the start; longer ones once they come up.
    """

    def __init__(self, rule: Rule, *, sticky: str = "", widest: int = 3) -> None:
        super().__init__(replace(load_tokenizer("bytes").info, name="digit-toy", fingerprint=f"digit-toy-{widest}"))
        self.rule = rule
        self.sticky = sticky
        self.known: dict[bytes, int] = {bytes([value]): value for value in range(256)}
        for width in range(2, widest + 1):
            for value in range(10**width):
                self.known[b"%0*d" % (width, value)] = len(self.known)

    def _load_table(self) -> VocabularyTable:
        return VocabularyTable({token_id: data for data, token_id in self.known.items()})

    def _encode(self, text: str) -> list[int]:
        parts: list[str | bytes] = []
        at = 0
        for run in re.finditer("[0-9]+", text):
            parts += [bytes([value]) for value in text[at : run.start()].encode()]
            start = run.start()
            for width in self.rule(text[: run.start()], run[0], text[run.end() :]):
                chunk = text[start : start + width].encode()
                if start == run.start() and start and text[start - 1] in self.sticky:
                    chunk = text[start - 1].encode() + chunk
                    parts.pop()
                parts.append(chunk)
                start += width
            at = run.end()
        parts += [bytes([value]) for value in text[at:].encode()]
        ids = []
        for part in parts:
            data = part if isinstance(part, bytes) else part.encode()
            if data not in self.known:
                self.known[data] = len(self.known)
                self.__dict__.pop("_table", None)  # the table is made again
            ids.append(self.known[data])
        return ids


def chunks(length: int, width: int) -> list[int]:
    """``width`` again and again, and the rest."""
    return [min(width, length - at) for at in range(0, length, width)]


def left(width: int) -> Rule:
    """Chunks counted from the left."""
    return lambda _before, run, _after: chunks(len(run), width)


def right(width: int) -> Rule:
    """Chunks counted from the right."""
    return lambda _before, run, _after: chunks(len(run), width)[::-1]


def whole(_before: str, run: str, _after: str) -> list[int]:
    """One chunk."""
    return [len(run)]


def irregular(_before: str, run: str, _after: str) -> list[int]:
    """Twos or threes from the left, by the first digit."""
    return chunks(len(run), 2 + int(run[0]) % 2)


def fallback(_before: str, run: str, after: str) -> list[int]:
    """Threes from the right; from the left where a letter or an underscore stands behind, as a word boundary fails."""
    found = chunks(len(run), 3)
    return found if re.match(r"\w", after) else found[::-1]


def l2r() -> DigitToy:
    """Threes from the left."""
    return DigitToy(left(3))


def r2l() -> DigitToy:
    """Threes from the right."""
    return DigitToy(right(3))


def single() -> DigitToy:
    """Single digits."""
    return DigitToy(left(1), widest=1)


class DigitFree(UnknownToy):
    """A vocabulary without digits: each is one unknown token."""

    def _load_table(self) -> VocabularyTable:
        table = super()._load_table()
        kept = {token_id: data for token_id, data in table.bytes_of.items() if not re.search(rb"[0-9]", data)}
        return VocabularyTable(kept, table.kinds, table.names)

    def _encode_stretch(self, text: str) -> list[int]:
        ids: list[int] = []
        for part in re.split(r"([0-9])", text):
            ids += [self.UNKNOWN] if part.isascii() and part.isdigit() else super()._encode_stretch(part)
        return ids
