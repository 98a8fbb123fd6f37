"""Prompt and reply as tokens: the ids that were read and emitted, beside those that the tokenizer itself would give.

A tokenizer sees a chat between two special tokens at a time, so its own ids for a reply are those of the text from the
last special token before it on: the header of the template is part of that text. Of a plain completion it is the
prompt and the reply together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from tokbench.errors import ItemError, TokbenchError
from tokbench.suites.phantom.slices import Tokens, agree, canonical_tokens
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.description import TEXT_KINDS

__all__ = ["IdsSource", "Side", "prompt_side", "read_ids", "reply_side", "without_prefix"]

IdsSource = Literal["reported", "derived", "unknown"]
"""Whether the ids of a prompt come from the model, or from encoding what was sent."""


@dataclass(frozen=True, slots=True)
class Side:
    """A text with the ids that were used, and those of the tokenizer.

    Attributes:
        tokens: The ids that were used.
        offset: Where the text begins in ``tokens``, in bytes; a template may stand before it.
        own: The tokenizer's own ids of the text between the special tokens around it, None where it has none.
        shift: What to add to a place in ``tokens`` to get the one in ``own``.
        source: Where the ids come from.
        text: Of a reply its text, bytes that are no UTF-8 as lone surrogates (``surrogateescape``) and not as U+FFFD.
    """

    tokens: Tokens
    offset: int
    own: Tokens | None
    shift: int
    source: IdsSource
    text: str = ""

    def canonical(self, start: int, end: int) -> bool | None:
        """Whether the ids of a window of the text are those of the tokenizer; None where that is not known."""
        if self.own is None or end + self.offset + self.shift > len(self.own.data):
            return None
        return agree(self.tokens, self.own, start + self.offset, end + self.offset, shift=self.shift)


def read_ids(tokenizer: Tokenizer, ids: Sequence[int], *, what: str, item: str) -> Tokens:
    """Ids as tokens of the text that they spell; special tokens have no bytes.

    Raises:
        ItemError: If an id does not exist.
    """
    pieces: list[bytes] = []
    control = []
    for at, id_ in enumerate(ids):
        try:
            text_token = tokenizer.kind(id_) in TEXT_KINDS
            pieces.append(tokenizer.token_bytes(id_) if text_token else b"")
        except TokbenchError as error:
            raise ItemError(item, f"{what}: {error}") from error
        if not text_token:
            control.append(at)
    return Tokens(tuple(ids), tuple(accumulate(map(len, pieces), initial=0)), b"".join(pieces), frozenset(control))


def _own(tokenizer: Tokenizer, data: bytes) -> Tokens | None:
    """What the tokenizer gives for a text; where that ends inside a character, or breaks off, for what is before."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        text = data[: error.start].decode()
    try:
        return canonical_tokens(tokenizer, text)
    except TokbenchError:
        return None


def without_prefix(tokens: Tokens, size: int) -> Tokens:
    """The same ids without the first ``size`` bytes of their text; a token that holds no other is empty."""
    cuts = tuple(max(0, cut - size) for cut in tokens.cuts)
    return Tokens(tokens.ids, cuts, tokens.data[-cuts[-1] :] if cuts[-1] else b"", tokens.control)


def _shown(text: str) -> str:
    """A text as a person sees it, however many U+FFFD a library puts in the place of bytes that are no text."""
    return re.sub("\ufffd+", "\ufffd", text).strip()


def _segment(tokens: Tokens, at: int) -> tuple[int, int]:
    """The text between the special tokens around the byte ``at``."""
    cuts = sorted(tokens.cuts[place] for place in tokens.control)
    start = max((cut for cut in cuts if cut <= at), default=0)
    end = min((cut for cut in cuts if cut > at), default=len(tokens.data))
    return start, end


def prompt_side(tokenizer: Tokenizer, prompt: str, ids: Sequence[int] | None, *, item: str) -> Side:
    """The prompt of an item.

    Args:
        tokenizer: The tokenizer of the model.
        prompt: What was sent.
        ids: Ids that the model says it read, template and all, or None.
        item: The item, for messages.

    Raises:
        ItemError: If an id does not exist, or the prompt is not among the text of the ids.
        UnsupportedError: Without ids, if the tokenizer has no exact spans.
    """
    if ids is None:
        derived = canonical_tokens(tokenizer, prompt)
        return Side(derived, 0, derived, 0, "derived")
    tokens = read_ids(tokenizer, ids, what="ids of the prompt", item=item)
    # a template may trim what a user says at its ends
    said = prompt.strip().encode()
    at = tokens.data.rfind(said)
    if at < 0:
        raise ItemError(item, "the ids of the prompt spell a text that does not hold the prompt")
    start, end = _segment(tokens, at)
    trimmed = len(prompt[: len(prompt) - len(prompt.lstrip())].encode())
    return Side(tokens, at - trimmed, _own(tokenizer, tokens.data[start:end]), -start, "reported")


def reply_side(tokenizer: Tokenizer, reply: str, ids: Sequence[int], prompt: Side | None, *, item: str) -> Side:
    """A reply.

    Args:
        tokenizer: The tokenizer of the model.
        reply: Its text.
        ids: The ids that the model emitted; special tokens at the end are allowed.
        prompt: What it goes on from, None if it stands alone.
        item: The item, for messages.

    Raises:
        ItemError: If an id does not exist, or the ids spell another text than the reply.
    """
    tokens = read_ids(tokenizer, ids, what="ids of the reply", item=item)
    data = reply.encode("utf-8", "surrogatepass")
    # what is stripped off a reply is white space at its ends, and what follows its last word
    at, text = tokens.data.find(data), reply
    if at < 0 and _shown(tokens.data.decode("utf-8", "replace")) == _shown(reply):
        # it was cut off inside a character, or its bytes are none: the reply has U+FFFD where the ids have bytes
        at, text = 0, tokens.data.decode("utf-8", "surrogateescape")
    if at < 0 or tokens.data[:at].strip():
        first = next(
            (at for at, (one, two) in enumerate(zip(tokens.data, data, strict=False)) if one != two),
            min(len(tokens.data), len(data)),
        )
        raise ItemError(item, f"the ids of the reply spell another text than the reply, from byte {first} on")
    header = b""
    if prompt is not None:
        start, _ = _segment(prompt.tokens, len(prompt.tokens.data))
        header = prompt.tokens.data[start:]
    prefix = tokenizer.info.prefix
    if prefix and not header and tokens.data[:at] == prefix:
        # what the tokenizer puts in front of a text is no part of it: the first token begins where the text does
        tokens, at = without_prefix(tokens, len(prefix)), 0
    _, end = _segment(tokens, at)
    return Side(tokens, at, _own(tokenizer, header + tokens.data[:end]), len(header), "reported", text)
