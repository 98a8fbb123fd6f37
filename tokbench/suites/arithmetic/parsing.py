"""What a reply says: the reading of the published study and the strict one (arithmetic specification, 4.5).

The *parity* reading is that of the study: whatever the text around it, a reply with exactly one run of digits has a
value. It takes a copied operand for an answer ("The sum of 12 and"), so the *strict* reading beside it accepts nothing
around the number. Numbers stay text: a reply may be of any length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, get_args

from tokbench.errors import OptionError
from tokbench.suites.arithmetic.formats import SEPARATORS, NumberFormat, ascii_digits, grouped, parse_format
from tokbench.suites.arithmetic.problem import Operator

__all__ = ["KNOWN_SEPARATORS", "PARSERS", "Parser", "Reading", "Run", "parse", "read", "repeated_text", "runs"]

Parser = Literal["parity", "strict"]
PARSERS: tuple[Parser, ...] = get_args(Parser)
MODES = ("plain", "io", "repeat")

KNOWN_SEPARATORS = tuple(SEPARATORS[name] for name in ("comma", "space", "dec", "hashtag", "dollar", "foo"))
"""Separators of the published study: they never end a run of digits, whatever the format of the item."""

_PLAIN = parse_format("nosep")


@dataclass(frozen=True, slots=True)
class Run:
    """A run of digits in a text.

    Attributes:
        start: Place of its first digit, in code points.
        end: Place behind its last digit.
        text: The run, separators included.
        digits: Its digits as ASCII, leading zeros included.
    """

    start: int
    end: int
    text: str
    digits: str

    @property
    def value(self) -> str:
        """Its value: the digits without leading zeros."""
        return self.digits.lstrip("0") or "0"

    @property
    def places(self) -> list[int]:
        """Place of each digit in the text, in code points."""
        return [self.start + at for at, mark in enumerate(ascii_digits(self.text)) if mark in "0123456789"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply says.

    Attributes:
        run: The one run of digits of the answer part; None where the reply is invalid.
        extraneous: Whether the answer part is more than this run; an invalid reply counts too.
        format_ok: Whether the raw answer part is the value as it was to be written.
        mode: ``plain``, ``io`` or ``repeat``.
        repeated: Operands of the repeat, digits without leading zeros; None without a readable repeat.
        repeat_copy_ok: Whether both are the operands of the question; None outside of repeat mode.
        repeat_format_ok: Whether the repeat is written as asked; None outside of repeat mode.
    """

    run: Run | None
    extraneous: bool
    format_ok: bool
    mode: str = "plain"
    repeated: tuple[str, str] | None = None
    repeat_copy_ok: bool | None = None
    repeat_format_ok: bool | None = None

    @property
    def valid(self) -> bool:
        """Whether it has a value."""
        return self.run is not None

    @property
    def value(self) -> str | None:
        """The value as digits without leading zeros; None where the reply is invalid."""
        return None if self.run is None else self.run.value

    def by(self, parser: Parser) -> Reading:
        """The reading of a parser: ``strict`` makes a reply with anything beside the number invalid."""
        return replace(self, run=None, format_ok=False) if parser == "strict" and self.extraneous else self


@cache
def _pattern(separators: tuple[str, ...]) -> re.Pattern[str]:
    known = "|".join(re.escape(separator) for separator in KNOWN_SEPARATORS)
    # a separator that is made of known ones needs no place of its own, and two ways to read it would take forever
    own = [re.escape(part) for part in separators if part and re.fullmatch(f"(?:{known})+", part) is None]
    return re.compile(f"[0-9](?:(?:{'|'.join([*own, known])})*[0-9])*")


def runs(text: str, separators: Iterable[str] = ()) -> list[Run]:
    """All runs of digits of a text: a digit and further digits, each behind any sequence of known separators.

    >>> [run.digits for run in runs("1,234 + 5 = 1.239")]
    ['1234', '5', '1239']

    Args:
        text: Any text. Digits of other scripts are none here: see :func:`~.formats.ascii_digits`.
        separators: Separators that are known beside those of the study.
    """
    found = _pattern(tuple(dict.fromkeys(separators))).finditer(text)
    return [
        Run(match.start(), match.end(), match[0], "".join(mark for mark in match[0] if mark in "0123456789"))
        for match in found
    ]


def _one_run(text: str, fmt: NumberFormat) -> Run | None:
    shown = ascii_digits(text) if fmt.script else text
    found = runs(shown, (fmt.separator,))
    if len(found) != 1:
        return None
    run = found[0]
    return replace(run, text=text[run.start : run.end]) if fmt.script else run


def _shifted(run: Run, by: int) -> Run:
    return replace(run, start=run.start + by, end=run.end + by) if by else run


def repeated_text(a: str, b: str, op: Operator, fmt: NumberFormat) -> str:
    """A calculation as a format writes it, up to what stands before ``=``; operands are given in plain digits."""
    gap = " " * fmt.spaces
    return f"{grouped(a, fmt)}{gap}{op}{gap}{grouped(b, fmt)}{gap}"


def _answer(part: str, fmt: NumberFormat, at: int) -> Reading:
    """The reading of the answer part, which begins at a place of the reply."""
    run = _one_run(part, fmt)
    if run is None:
        return Reading(None, extraneous=True, format_ok=False)
    return Reading(
        _shifted(run, at), extraneous=part.strip() != run.text, format_ok=part == grouped(run.value, fmt)
    )  # fmt: skip


def read(
    reply: str,
    fmt: NumberFormat = _PLAIN,
    *,
    repeat: NumberFormat | None = None,
    op: Operator = "+",
    operands: tuple[int, int] | None = None,
) -> Reading:
    """The parity reading of a reply; :meth:`Reading.by` makes the strict one of it.

    A repeat that cannot be read does not make the answer behind it invalid; several ``=`` do.

    Args:
        reply: The reply as it came, outer white space included.
        fmt: Format in which the answer is asked for.
        repeat: Format in which the calculation is to be repeated first; None where it is not.
        op: Operator of the calculation.
        operands: Operands of the question, which a repeat is compared with.
    """
    if repeat is None:
        return _answer(reply, fmt, 0)
    head, equals, tail = reply.partition("=")
    if not equals:
        return replace(_answer(reply, fmt, 0), mode="repeat", repeat_copy_ok=False, repeat_format_ok=False)
    if "=" in tail:
        return Reading(
            None, extraneous=True, format_ok=False, mode="repeat", repeat_copy_ok=False, repeat_format_ok=False
        )
    behind = " " * repeat.trailing
    at = len(head) + 1
    if behind and tail.startswith(behind):
        tail, at = tail[len(behind) :], at + len(behind)
    repeated = _repeated(head, repeat, op)
    copied = operands is not None and repeated == (str(operands[0]), str(operands[1]))
    return replace(
        _answer(tail, fmt, at),
        mode="repeat",
        repeated=repeated,
        repeat_copy_ok=copied,
        repeat_format_ok=repeated is not None and head == repeated_text(*repeated, op, repeat),
    )


def _repeated(head: str, fmt: NumberFormat, op: Operator) -> tuple[str, str] | None:
    """The operands of a repeat; None where it has not two parts with one number each."""
    found = [_one_run(part, fmt) for part in head.split(op)]
    values = [run.value for run in found if run is not None]
    return (values[0], values[1]) if len(found) == len(values) == 2 else None  # noqa: PLR2004, two operands


def parse(
    reply: str,
    mode: str = "plain",
    parser: str = "parity",
    *,
    fmt: NumberFormat | str = _PLAIN,
    repeat: NumberFormat | str | None = None,
    op: Operator = "+",
    operands: tuple[int, int] | None = None,
) -> Reading:
    """Read a reply.

    >>> parse("The sum of 8,842,593 and").value, parse("The sum of 8,842,593 and", parser="strict").value
    ('8842593', None)

    Args:
        reply: The reply as it came.
        mode: ``plain``, ``io`` or ``repeat``; repeats are read in repeat mode only.
        parser: ``parity`` or ``strict``.
        fmt: Format in which the answer is asked for, or its name.
        repeat: Format of the repeat, or its name; by default that of the answer.
        op: Operator of the calculation.
        operands: Operands of the question, which a repeat is compared with.

    Raises:
        OptionError: If there is no such mode or parser.
        UnknownNameError: If there is no such format.
    """
    if mode not in MODES:
        raise OptionError("mode", mode, f"one of {', '.join(MODES)}")
    if parser not in PARSERS:
        raise OptionError("parser", parser, f"one of {', '.join(PARSERS)}")
    answer = parse_format(fmt) if isinstance(fmt, str) else fmt
    again = parse_format(repeat) if isinstance(repeat, str) else repeat
    wanted = (again or answer) if mode == "repeat" else None
    reading = read(reply, answer, repeat=wanted, op=op, operands=operands)
    reading = replace(reading, mode=mode)
    return reading.by("strict" if parser == "strict" else "parity")
