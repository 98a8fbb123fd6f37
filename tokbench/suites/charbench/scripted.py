"""Responders whose answers follow from the item alone: they check the harness and never enter a leaderboard.

Some are always right (``oracle``), some never look at the characters (``const-1``, ``len``), and two err for one known
reason: ``ttl-only`` by the length of the token that holds the character, ``wl-only`` by the length of the word. What
the analysis finds for these is known in advance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from tokbench.errors import OptionError, UnsupportedError
from tokbench.models.completion import Prompt
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.ranking import VERSION, H
from tokbench.suites.charbench.tasks import TASKS
from tokbench.suites.charbench.words import units_of

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = ["NAMES", "Responder", "chance", "responders", "ttl"]

Responder = Callable[[Prompt], str]
"""From a prompt, whose ``item`` it reads, to an answer."""

NAMES = (
    "oracle", "oracle-chatty", "const-0", "const-1", "len", "len-1", "sibling", "echo", "ttl-only", "wl-only", "silent",
    "fails",
)  # fmt: skip
"""Names of all responders."""

TTL_CURVE = (2.0, -0.42)
"""Log-odds of a right answer of ``ttl-only``: at 0, and for each character of the token."""

WL_CURVE = (1.6, -0.14)
"""Log-odds of a right answer of ``wl-only``: at 0, and for each character of the word."""

_EVERY = 7
"""``fails`` raises on the last of so many items."""


def _item(prompt: Prompt) -> Item:
    if not isinstance(prompt.item, Item):
        raise OptionError("model", "scripted", f"prompts with items of charbench, not {type(prompt.item).__name__}")
    return prompt.item


# ---------------------------------------------------------------------- right and wrong


def ttl(item: Item, tokenizer: Tokenizer) -> int | None:
    """Characters in the token that decides the answer: the one with the first byte of the gold character.

    The word is tokenized by itself (context ``bare``). A character counts if it shares a byte with the token.

    Args:
        item: The item.
        tokenizer: Whose tokens.

    Returns:
        A number from 1 to the length of the word; None for tasks without a gold index.

    Raises:
        UnsupportedError: If the tokenizer changes the text, so that no token holds the character.
    """
    if item.gold_index is None:
        return None
    edges = [0]
    for unit in units_of(item.word, item.unit):
        edges.append(edges[-1] + len(unit.encode("utf-8", "surrogatepass")))
    target = edges[item.gold_index]
    spans = [span for span in tokenizer.spans(item.word) if span[0] <= target < span[1]]
    if not spans:
        raise UnsupportedError("ttl-only", tokenizer.info.spec, f"no token holds byte {target} of {item.word!r}")
    start, end = spans[0]
    return sum(first < end and last > start for first, last in pairwise(edges))


def chance(curve: tuple[float, float], size: int) -> float:
    """The chance of a right answer: the logistic function of a line.

    >>> round(chance(TTL_CURVE, 5), 4)
    0.475
    """
    return 1 / (1 + math.exp(-(curve[0] + curve[1] * size)))


def _wrong(item: Item) -> str:
    """A wrong answer: one more, the other truth, the next option, the last character once more."""
    if item.answer_type == "int":
        return str(int(item.answer) + 1)
    if item.answer_type == "bool":
        return "no" if item.answer == "yes" else "yes"
    if item.answer_type == "choice":
        return item.choices[(item.choices.index(item.answer) + 1) % len(item.choices)]
    return item.answer + item.answer[-1:]


def _unit(name: str, item: Item) -> float:
    """A number in [0, 1) that belongs to a responder and an item."""
    return float(H(VERSION, "scripted", name, item.item_id) / 2**64)


# ---------------------------------------------------------------------- responders


def _oracle(prompt: Prompt) -> str:
    return _item(prompt).answer


def _chatty(prompt: Prompt) -> str:
    return f"The answer is **{_item(prompt).answer}**."


def _constant(answer: str, _prompt: Prompt) -> str:
    return answer


def _length(less: int, prompt: Prompt) -> str:
    return str(_item(prompt).length - less)


def _sibling(prompt: Prompt) -> str:
    """The answer to the sibling question (first for last and the reverse); silent for tasks without one."""
    item = _item(prompt)
    return TASKS[item.task].heuristics(item).get("sibling", "")


def _echo(prompt: Prompt) -> str:
    return _item(prompt).word


def _wl_only(prompt: Prompt) -> str:
    item = _item(prompt)
    return item.answer if _unit("wl-only", item) < chance(WL_CURVE, item.length) else _wrong(item)


def _ttl_only(tokenizer: Tokenizer | None, prompt: Prompt) -> str:
    """Right by chance that falls with the length of the token; right where no character decides."""
    item = _item(prompt)
    if tokenizer is None:
        raise OptionError("model", "scripted:ttl-only", "a run with a tokenizer: it errs by the length of tokens")
    size = ttl(item, tokenizer)
    return item.answer if size is None or _unit("ttl-only", item) < chance(TTL_CURVE, size) else _wrong(item)


def _fails(prompt: Prompt) -> str:
    """Fails on the items whose place in their task and length is 6, 13, 20 and so on; right on the others."""
    from tokbench.models._scripted import RequestFailed

    item = _item(prompt)
    if int(item.item_id.rpartition("/")[2]) % _EVERY == _EVERY - 1:
        raise RequestFailed(f"scripted:fails fails on every {_EVERY}th item")
    return item.answer


def responders(tokenizer: Tokenizer | None = None) -> Mapping[str, Responder]:
    """All responders by name.

    Args:
        tokenizer: The tokenizer of the run; ``ttl-only`` needs it, and says so when it is asked without one.
    """
    return MappingProxyType(
        {
            "oracle": _oracle,
            "oracle-chatty": _chatty,
            "const-0": partial(_constant, "0"),
            "const-1": partial(_constant, "1"),
            "len": partial(_length, 0),
            "len-1": partial(_length, 1),
            "sibling": _sibling,
            "echo": _echo,
            "ttl-only": partial(_ttl_only, tokenizer),
            "wl-only": _wl_only,
            "silent": partial(_constant, ""),
            "fails": _fails,
        }
    )
