"""Responders that calculate by a known rule: they check the harness and never enter a leaderboard.

Most of them err for exactly one reason, so that the label of each of their replies is known in advance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import zip_longest
from types import MappingProxyType
from typing import TYPE_CHECKING

from tokbench.errors import OptionError
from tokbench.models.completion import Prompt
from tokbench.suites.arithmetic.formats import format_number, parse_format
from tokbench.suites.arithmetic.grading import Segmentation, Segmenter, asked_problem
from tokbench.suites.arithmetic.item import VERSION, Item
from tokbench.suites.arithmetic.problem import Problem
from tokbench.suites.arithmetic.prompts import question_text
from tokbench.suites.arithmetic.sampling import draw

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = ["NAMES", "Responder", "responders"]

Responder = Callable[[Prompt], str]
"""From a prompt, whose ``item`` it reads, to a reply."""

NAMES = (
    "adder", "left-aligner", "chunkwise", "operand-dropper", "carry-dropper:boundary", "carry-dropper:inside", "digit4",
    "reformatter", "echoer", "format-breaker", "aligned-only",
)  # fmt: skip
"""Names of all responders."""

_COMMAS = parse_format("comma_r2l")


def _item(prompt: Prompt) -> Item:
    if not isinstance(prompt.item, Item):
        raise OptionError("model", "scripted", f"prompts with items of arithmetic, not {type(prompt.item).__name__}")
    return prompt.item


def _repeat(item: Item) -> str:
    """The repeat that an item asks for; empty where it asks for none."""
    condition = item.condition
    if condition.repeat_fmt is None:
        return ""
    return question_text(asked_problem(item), condition.repeat_fmt)


def _written(item: Item, value: int) -> str:
    """A reply of the form that is asked for, with any value."""
    return f"{_repeat(item)}{format_number(value, item.condition.out_fmt)}"


def _result(problem: Problem, a: int, b: int) -> int | None:
    """The same calculation with other operands; None where its answer would be below zero."""
    if problem.op == "-":
        return a - b if a >= b else None
    return a + b if problem.op == "+" else a * b


# ---------------------------------------------------------------------- by the digits


def _adder(prompt: Prompt) -> str:
    item = _item(prompt)
    return _written(item, item.problem.answer)


def _left_aligner(prompt: Prompt) -> str:
    """Pads the shorter operand with zeros on the right; right for products."""
    item = _item(prompt)
    problem = asked_problem(item)
    if problem.op == "x":
        return _written(item, problem.answer)
    first, second = str(problem.a), str(problem.b)
    length = max(len(first), len(second))
    value = _result(problem, int(first.ljust(length, "0")), int(second.ljust(length, "0")))
    return _written(item, problem.answer if value is None else value)


def _operand_dropper(prompt: Prompt) -> str:
    """Loses the last digit of the second operand; of the first one where the second has no other."""
    item = _item(prompt)
    problem = asked_problem(item)
    value = _result(problem, problem.a, problem.b // 10)
    if problem.b < 10:  # noqa: PLR2004, one digit
        value = _result(problem, problem.a // 10, problem.b)
    return _written(item, problem.answer if value is None else value)


def _reformatter(prompt: Prompt) -> str:
    item = _item(prompt)
    return f"{_repeat(item)}{format_number(item.problem.answer, _COMMAS)}"


def _echoer(prompt: Prompt) -> str:
    item = _item(prompt)
    return f"The sum of {format_number(item.problem.a, item.condition.in_fmt)} and"


def _format_breaker(prompt: Prompt) -> str:
    """Two numbers, with nothing between them that could join them to one."""
    item = _item(prompt)
    fmt = item.condition.out_fmt
    return f"{format_number(item.problem.answer, fmt)} or {format_number(item.problem.answer + 1, fmt)}"


# ---------------------------------------------------------------------- by the chunks


def _cuts(name: str, tokenizer: Tokenizer | None, item: Item) -> Segmentation:
    """How the numbers of an item are cut."""
    if tokenizer is None:
        raise OptionError("model", f"scripted:{name}", "a run with a tokenizer: it errs by the chunks of numbers")
    return Segmenter(tokenizer)(asked_problem(item), item.condition.in_fmt, item.condition.out_fmt)


def _chunkwise(tokenizer: Tokenizer | None, prompt: Prompt) -> str:
    """Joins the sums of paired chunks, from the left, each as wide as the longer chunk; right for products."""
    item = _item(prompt)
    problem = asked_problem(item)
    chunks = _cuts("chunkwise", tokenizer, item).chunks
    if problem.op == "x":
        return _written(item, problem.answer)
    sums = []
    for one, other in zip_longest(_split(problem.a, chunks.a), _split(problem.b, chunks.b), fillvalue=""):
        value = _result(problem, int(one or 0), int(other or 0))
        if value is None:
            return _written(item, problem.answer)
        sums.append(str(value).zfill(max(len(one), len(other))))
    return _written(item, int("".join(sums)))


def _split(number: int, sizes: tuple[int, ...]) -> list[str]:
    digits, found = str(number), []
    for size in sizes:
        found.append(digits[:size])
        digits = digits[size:]
    return found


def _carry_dropper(where: str, tokenizer: Tokenizer | None, prompt: Prompt) -> str:
    """Loses the lowest carry (or borrow) into a place at which a chunk of the answer ends, or into another place."""
    item = _item(prompt)
    problem = asked_problem(item)
    edges = _cuts(f"carry-dropper:{where}", tokenizer, item).edges
    for place in problem.carry_into:
        if (place in edges) == (where == "boundary"):
            lost = 10**place
            return _written(item, problem.answer + (lost if problem.op == "-" else -lost))
    return _written(item, problem.answer)


def _with_digit(number: int, place: int, digit: int) -> int:
    """A number with another digit, the place counted from the left."""
    digits = str(number)
    return int(f"{digits[:place]}{digit}{digits[place + 1 :]}")


def _digit4(tokenizer: Tokenizer | None, prompt: Prompt) -> str:
    """Guesses the first digit of the second chunk, each as likely; right where there is one chunk only."""
    item = _item(prompt)
    answer, sizes = item.problem.answer, _cuts("digit4", tokenizer, item).chunks.answer
    if len(sizes) == 1:
        return _written(item, answer)
    return _written(item, _with_digit(answer, sizes[0], draw(10, VERSION, "scripted", "digit4", item.key)))


def _aligned_only(tokenizer: Tokenizer | None, prompt: Prompt) -> str:
    """Right where the cuts of answer and operands line up; else the first digit of the last chunk is one too high."""
    item = _item(prompt)
    found = _cuts("aligned-only", tokenizer, item)
    answer = item.problem.answer
    if found.aligned:
        return _written(item, answer)
    digits = str(answer)
    place = len(digits) - found.chunks.answer[-1]
    return _written(item, _with_digit(answer, place, (int(digits[place]) + 1) % 10))


def responders(tokenizer: Tokenizer | None = None) -> Mapping[str, Responder]:
    """All responders by name.

    Args:
        tokenizer: The tokenizer of the run; those that err by chunks need it, and say so when asked without one.
    """
    return MappingProxyType(
        {
            "adder": _adder,
            "left-aligner": _left_aligner,
            "chunkwise": partial(_chunkwise, tokenizer),
            "operand-dropper": _operand_dropper,
            "carry-dropper:boundary": partial(_carry_dropper, "boundary", tokenizer),
            "carry-dropper:inside": partial(_carry_dropper, "inside", tokenizer),
            "digit4": partial(_digit4, tokenizer),
            "reformatter": _reformatter,
            "echoer": _echoer,
            "format-breaker": _format_breaker,
            "aligned-only": partial(_aligned_only, tokenizer),
        }
    )
