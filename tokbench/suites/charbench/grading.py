"""From a completion to a grade: strict, as the question asks, and lenient, what a patient reader would accept.

Both are reported side by side: what a model knows and whether it keeps to a format are two things. Nothing leaves the
denominator: an item without an answer has a status that says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from tokbench.models.completion import Completion
from tokbench.suites.charbench._parse import Parsed, nfc, parse
from tokbench.suites.charbench.item import Item

__all__ = ["STATUSES", "Graded", "Parsed", "Status", "grade", "parse"]

Status = Literal["error", "missing", "truncated", "refused", "strict", "lenient", "invalid"]

STATUSES: tuple[Status, ...] = get_args(Status)
"""All statuses; of several that fit the first one counts."""

_SEPARATORS = re.compile(r"[ ,.-]+")
_LONGEST = 18
"""Digits of an integer that fits 64 bits."""


@dataclass(frozen=True, slots=True)
class Graded:
    """A graded completion.

    Attributes:
        status: ``error`` (the request failed), ``missing`` (a recording has no answer), ``truncated`` (it ends among
            its thoughts, or at the limit of tokens before any answer), ``refused`` (the provider says so),
            ``strict``, ``lenient`` (only the lenient reading finds an answer), ``invalid`` (none does).
        parsed: The answer that was read, the strict one if it is there; None if there is none.
        correct_strict: Whether the strict reading is the gold answer.
        correct_lenient: Whether the lenient reading is.
        signed_error: Answer minus gold for integers; None without an answer, or beyond 18 digits.
    """

    status: Status
    parsed: str | None
    correct_strict: bool
    correct_lenient: bool
    signed_error: int | None


def _status(completion: Completion, parsed: Parsed) -> Status:
    """The status of a completion that is there."""
    # an answer before the limit of tokens is an answer: base models go on with questions of their own
    if parsed.unclosed or (completion.finish_reason == "length" and parsed.lenient is None):
        return "truncated"
    if completion.finish_reason == "refused":
        return "refused"
    if parsed.strict is not None:
        return "strict"
    return "invalid" if parsed.lenient is None else "lenient"


def _same(item: Item, answer: str | None) -> bool:
    return answer is not None and nfc(answer) == nfc(item.answer)


def _spelled(item: Item, answer: str | None) -> bool:
    """Whether the letters are those of the gold answer, whatever of space, comma, hyphen and period is between them.

    Something must be: the word itself is no spelling.
    """
    if item.task != "spell" or answer is None:
        return False
    return _SEPARATORS.split(answer.strip(" ,.-")) == _SEPARATORS.split(nfc(item.answer).strip(" ,.-"))


def _difference(item: Item, answer: str | None) -> int | None:
    if item.answer_type != "int" or answer is None or len(answer) > _LONGEST:
        return None
    return int(answer) - int(item.answer)


def grade(item: Item, completion: Completion) -> Graded:
    """Grade a completion.

    >>> from tokbench.suites.charbench.items import build_items
    >>> item = build_items("smoke", "natural", ("count_unique",))[0]
    >>> grade(item, Completion(text="The answer is 3."))
    Graded(status='lenient', parsed='3', correct_strict=False, correct_lenient=False, signed_error=-1)

    Args:
        item: The item.
        completion: What the model answered to it.
    """
    if completion.status != "ok":
        return Graded(completion.status, None, correct_strict=False, correct_lenient=False, signed_error=None)
    parsed = parse(completion.text, item.answer_type, word=item.word, choices=item.choices, gold=item.answer)
    status = _status(completion, parsed)
    if status not in {"strict", "lenient"}:
        return Graded(status, None, correct_strict=False, correct_lenient=False, signed_error=None)
    return Graded(
        status,
        parsed.lenient,
        correct_strict=_same(item, parsed.strict),
        correct_lenient=_same(item, parsed.lenient) or _spelled(item, parsed.lenient),
        signed_error=_difference(item, parsed.lenient),
    )
