"""Padding that gives a prompt the number of tokens that it has with separators, exactly (format ``filler``).

Separators make a prompt longer, and a longer prompt may by itself change an answer. The prompt with padding has plain
numbers and as many tokens as its twin with commas, so that nothing is left of that difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tokbench.suites.arithmetic.formats import parse_format
from tokbench.suites.arithmetic.item import Item
from tokbench.suites.arithmetic.prompts import messages, plain_text, with_padding

if TYPE_CHECKING:
    from tokbench.models.completion import Message
    from tokbench.tokenizers import Tokenizer

__all__ = ["PAIRED", "Filler"]

PAIRED = "comma_r2l"
"""The format whose number of tokens is matched."""

_COARSE = (" .", " -", " *", " the", "\n")
_FINE = ("", ".", " .", "..", "\n", " the", "-", " a b", ";", "\n\n")
"""Units that are repeated, and what may stand behind them where these alone do not come out."""

_AROUND = 6
"""How far from the expected number of repetitions is looked."""

Count = Callable[[Sequence["Message"]], int]


class Filler:
    """Pads chats for one tokenizer; padding that fitted once is tried first for the same difference.

    Args:
        tokenizer: The tokenizer of the model.
        as_text: Whether the model reads the plain text of the chat, and not messages. Tokens of messages are counted
            message by message: what a server puts around them is the same for both prompts.
    """

    def __init__(self, tokenizer: Tokenizer, *, as_text: bool) -> None:
        self._tokenizer = tokenizer
        self._as_text = as_text
        self._fitted: dict[tuple[str, int], str] = {}
        self._lengths: dict[str, int] = {}

    def _size(self, text: str) -> int:
        """Tokens of a message; most of them are system messages, or occur in several prompts."""
        found = self._lengths.get(text)
        if found is None:
            found = self._lengths[text] = len(self._tokenizer.encode(text))
        return found

    def count(self, chat: Sequence[Message]) -> int:
        """Tokens of a chat."""
        if self._as_text:
            return len(self._tokenizer.encode(plain_text(chat)))
        return sum(self._size(message.content) for message in chat)

    def padded(self, item: Item) -> tuple[Message, ...] | None:
        """The chat of an item with padding, or None where no padding gives exactly the number of tokens."""
        fmt = replace(parse_format(PAIRED), script=item.condition.in_fmt.script)
        twin = Item(item.case, replace(item.condition, in_fmt=fmt, out_fmt=fmt))
        wanted = self.count(messages(twin))
        chat = messages(item)
        missing = wanted - self.count(chat)
        if missing == 0:
            return chat
        if missing < 0:
            return None
        key = chat[0].content if chat[0].role == "system" else "", missing
        for padding in self._candidates(key):
            found = with_padding(chat, padding)
            if self.count(found) == wanted:
                self._fitted[key] = padding
                return found
        return None

    def _candidates(self, key: tuple[str, int]) -> Iterator[str]:
        if key in self._fitted:
            yield self._fitted[key]
        missing = key[1]
        for unit in _COARSE:
            cost = (self._size(unit * 41) - self._size(unit)) / 40  # tokens of one more repetition
            if cost <= 0:
                continue
            around = round(missing / cost)
            order = sorted(range(max(0, around - _AROUND), around + _AROUND + 1), key=lambda at: abs(at - around))
            for tail in _FINE:
                yield from (unit * repetitions + tail for repetitions in order if repetitions or tail)
