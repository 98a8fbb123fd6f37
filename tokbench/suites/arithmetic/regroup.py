"""Numbers cut into groups by ids, with the text unchanged: right to left, left to right, or digit by digit.

The ids of a prompt are those that the tokenizer gives it, but for the tokens of its numbers, which are replaced by one
token for each group. That shows what the direction does without a separator (after arXiv 2506.19004).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from tokbench.errors import TokbenchError
from tokbench.models.completion import CompletionModel, Form, Message, Prompt
from tokbench.suites.arithmetic.formats import NumberFormat, chunks_of
from tokbench.suites.arithmetic.item import SYSTEMS, Item
from tokbench.suites.arithmetic.prompts import Piece, messages, turns

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = ["Number", "Regrouper", "refusal"]

Render = Callable[[Prompt], str | None]


class Number(NamedTuple):
    """A number in a text.

    Attributes:
        start: Its first byte.
        end: The byte behind its last.
        fmt: How it is to be cut.
    """

    start: int
    end: int
    fmt: NumberFormat


def refusal(model: CompletionModel) -> str:
    """Why a model cannot be asked by ids; ``""`` if it can."""
    if "ids" in model.takes:
        return ""
    return f"not available: {model.info.spec} takes no token ids, only {' and '.join(sorted(model.takes))}"


class Regrouper:
    """Cuts the numbers of prompts for one tokenizer.

    Args:
        tokenizer: The tokenizer of the model.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._tokens: dict[bytes, int | None] = {}
        self._names = {token: name.encode() for name, token in tokenizer.special_tokens().items()}

    # ------------------------------------------------------------------ tokens

    def token(self, group: bytes) -> int | None:
        """The token that stands for a group of digits; a piece of text rather than a byte. None where there is none."""
        if group not in self._tokens:
            kind = self._tokenizer.kind
            found = self._tokenizer.byte_vocabulary().lookup(group)
            self._tokens[group] = min(found, key=lambda token: (kind(token) != "normal", token)) if found else None
        return self._tokens[group]

    def groups(self, digits: str, fmt: NumberFormat) -> list[int] | str:
        """The tokens of the groups of a number, or which of them is no token."""
        found, start = [], 0
        for size in chunks_of(digits, fmt):
            group = digits[start : start + size]
            token = self.token(group.encode())
            if token is None:
                return f"not available: {group!r} is no token of {self._tokenizer.info.spec}"
            found.append(token)
            start += size
        return found

    def _bytes(self, token: int, *, specials: bool) -> bytes | None:
        if specials and token in self._names:
            return self._names[token]
        try:
            return self._tokenizer.token_bytes(token)
        except TokbenchError:
            return None

    def ids(self, text: str, numbers: Iterable[Number], *, specials: bool = False) -> tuple[int, ...] | str:
        """Ids of a text with its numbers cut as they say.

        Args:
            text: The text.
            numbers: Numbers in it, ascending.
            specials: Whether text that spells a special token is that token, as in a rendered chat.

        Returns:
            The ids, whose bytes are those of the text, or a sentence that says why there are none.
        """
        spec = self._tokenizer.info.spec
        try:
            own = self._tokenizer.encode(text, specials="parse" if specials else "text")
        except TokbenchError as error:
            return f"not available: {error}"
        parts = [self._bytes(token, specials=specials) for token in own]
        data = text.encode()
        known = [part for part in parts if part is not None]
        inserted = sum(map(len, known)) - len(data)
        if len(known) != len(parts) or b"".join(known) != self._tokenizer.info.prefix[: max(inserted, 0)] + data:
            return f"not available: the tokens of {spec} do not join to the bytes of the prompt"
        marks = list(accumulate(map(len, known), initial=-inserted))
        place = {mark: index for index, mark in reversed(list(enumerate(marks)))}
        last = {mark: index for index, mark in enumerate(marks)}
        found: list[int] = []
        at = 0
        for number in numbers:
            # of several tokens that begin at one byte those without bytes stay in front of the number
            first, end = last.get(number.start), place.get(number.end)
            if first is None or end is None:
                return f"not available: a token of {spec} reaches over the edge of a number"
            groups = self.groups(data[number.start : number.end].decode(), number.fmt)
            if isinstance(groups, str):
                return groups
            found += own[at:first]
            found += groups
            at = end
        return (*found, *own[at:])

    # ------------------------------------------------------------------ prompts

    def prompt(self, model: CompletionModel, item: Item, form: Form) -> Prompt | str:
        """The prompt of an item as ids, or why there is none.

        A chat is what the model renders it to, and a text stands behind the model's start ids.

        Args:
            model: The model.
            item: The item.
            form: ``messages`` for a chat, ``text`` for a plain text.
        """
        if reason := refusal(model):
            return reason
        render: Render | None = getattr(model, "render", None)
        chat = messages(item)
        pieces: list[Sequence[Piece]] = [turn for _, turn in turns(item)]
        if item.condition.system:
            pieces.insert(0, (Piece(SYSTEMS[item.condition.system]),))
        specials = form == "messages" and render is not None
        if specials and render is not None:
            try:
                text = render(Prompt(messages=chat, key=item.key)) or ""
            except TokbenchError as error:
                return f"not available: {error}"
        else:
            text = "".join(f"{message.content}\n" for message in chat)
        numbers = _places(text, chat, pieces)
        if numbers is None:
            return "not available: the chat template changes the text of the messages"
        found = self.ids(text, numbers, specials=specials)
        if isinstance(found, str):
            return found
        start = () if specials else tuple(getattr(model, "start_ids", ()))
        return Prompt(ids=(*start, *found), key=item.key, item=item)


def _places(text: str, chat: Sequence[Message], pieces: Sequence[Sequence[Piece]]) -> list[Number] | None:
    """Where the numbers to be cut lie in a text that holds all messages in their order; None if it does not."""
    found: list[Number] = []
    at = 0
    for message, parts in zip(chat, pieces, strict=True):
        content = message.content.strip()  # many templates trim
        start = text.find(content, at)
        if start < 0:
            return None
        at = start + len(content)
        byte = len(text[:start].encode()) - len(message.content) + len(message.content.lstrip())
        for part in parts:
            size = len(part.text.encode())
            if part.number is not None and part.number.ids:
                found.append(Number(byte, byte + size, part.number))
            byte += size
    return found
