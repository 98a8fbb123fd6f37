"""From an item to what a model reads: a chat, a plain text, and the number of tokens that an answer may take.

>>> from tokbench.suites.arithmetic.item import Case, Item, plain
>>> from tokbench.suites.arithmetic.problem import Problem
>>> case = Case(case_id="x", block="addition", stratum="addition/4+3=4", index=0, problem=Problem("+", 1234, 567))
>>> item = Item(case, plain("comma_r2l", n_shots=0))
>>> messages(item)[-1].content, expected_text(item)
('1,234+567=', '1,801')
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tokbench.models.completion import Message
from tokbench.suites.arithmetic.formats import NumberFormat, format_number
from tokbench.suites.arithmetic.item import SYSTEMS, Condition, Item
from tokbench.suites.arithmetic.problem import Problem

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = [
    "Piece", "expected_text", "flipped", "messages", "plain_text", "question_text", "reply_limit", "turns",
    "with_padding",
]  # fmt: skip


class Piece(NamedTuple):
    """A part of a message.

    Attributes:
        text: Its text.
        number: The format of the number that it is, or None for what stands between numbers.
    """

    text: str
    number: NumberFormat | None = None


Turn = tuple[Piece, ...]
"""What one side says, in pieces."""


def flipped(problem: Problem, *, flip: bool) -> Problem:
    """A calculation with its operands in the other order; differences stay, because their answer would change."""
    return Problem(problem.op, problem.b, problem.a) if flip and problem.op != "-" else problem


def _question(problem: Problem, fmt: NumberFormat) -> Turn:
    gap = " " * fmt.spaces
    return (
        Piece(format_number(problem.a, fmt), fmt),
        Piece(f"{gap}{problem.op}{gap}"),
        Piece(format_number(problem.b, fmt), fmt),
        Piece(f"{gap}={' ' * fmt.trailing}"),
    )


def question_text(problem: Problem, fmt: NumberFormat) -> str:
    """A calculation up to behind its ``=``."""
    return "".join(piece.text for piece in _question(problem, fmt))


def _reply(problem: Problem, condition: Condition) -> Turn:
    repeat = () if condition.repeat_fmt is None else _question(problem, condition.repeat_fmt)
    return (*repeat, Piece(format_number(problem.answer, condition.out_fmt), condition.out_fmt))


def turns(item: Item) -> Iterator[tuple[str, Turn]]:
    """What each side says, from the first solved calculation to the question: (role, pieces)."""
    condition = item.condition
    for shot in item.shots:
        shown = flipped(shot, flip=condition.flip_shots)
        yield "user", _question(shown, condition.in_fmt)
        yield "assistant", _reply(shown, condition)
    yield "user", _question(flipped(item.problem, flip=condition.flip_query), condition.in_fmt)


def expected_text(item: Item) -> str:
    """The reply as the solved calculations show it: the repeat, where one is asked for, and the answer."""
    return "".join(
        piece.text for piece in _reply(flipped(item.problem, flip=item.condition.flip_query), item.condition)
    )


def messages(item: Item) -> tuple[Message, ...]:
    """The chat of an item: system message, solved calculations, question. Padding of ``filler`` is not part of it."""
    found = [Message("system", SYSTEMS[item.condition.system])] if item.condition.system else []
    for role, turn in turns(item):
        content = "".join(piece.text for piece in turn)
        found.append(Message("user", content) if role == "user" else Message("assistant", content))
    return tuple(found)


def plain_text(chat: Sequence[Message]) -> str:
    """The same turns for a model that goes on from a text: one line each, ended by the line in which it answers."""
    return "".join(f"{message.content}\n" for message in chat)


def with_padding(chat: Sequence[Message], padding: str) -> tuple[Message, ...]:
    """A chat with padding behind its system message, or on a line in front of its first message without one."""
    first = chat[0]
    content = f"{first.content}{padding}" if first.role == "system" else f"{padding}\n{first.content}"
    return (Message(first.role, content), *chat[1:])


def reply_limit(item: Item, tokenizer: Tokenizer) -> int:
    """Tokens that a reply may have: twice those of the expected one and 8 more."""
    return 2 * len(tokenizer.encode(expected_text(item))) + 8
