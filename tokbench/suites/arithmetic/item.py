"""What is asked: a :class:`Case` (the calculation) under a :class:`Condition` (its writing) is an :class:`Item`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tokbench.errors import OptionError, UnknownNameError
from tokbench.suites.arithmetic.formats import NumberFormat, format_number, parse_format
from tokbench.suites.arithmetic.problem import Problem

__all__ = ["MODES", "SYSTEMS", "VERSION", "Case", "Condition", "Item", "Mode", "plain"]

VERSION = "arithmetic-1"
"""Version of the suite; part of every hash."""

Mode = Literal["plain", "io", "repeat"]
MODES: tuple[Mode, ...] = ("plain", "io", "repeat")

SYSTEMS = {
    "helpful": "You are a helpful assistant.",
    "mathgpt": (
        "You are MathGPT, an expert at solving math problems. When given a math problem, you respond only with the "
        "answer. You do not say any other words."
    ),
}
"""Texts of the system message: those of the published study (MIT, arXiv 2402.14903)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A calculation of the suite, whatever the way in which it is written.

    Attributes:
        case_id: ``arithmetic-1/<seed>/<stratum>/<index>``; it can be made again from this alone.
        block: Block of strata: ``addition``, ``parity``, ``subtraction``, ``product``, ``twins``, ``scripts``,
            ``grouping``.
        stratum: Stratum, for example ``addition/7+8=9``.
        index: Place in the stratum, from 0.
        problem: The calculation.
        shots: Solved calculations of the same lengths that may stand before it, the first ``n_shots`` of them are used.
        twin: The pair that it belongs to, for carry twins; else empty.
        place: Place p that receives the carry that appears or not, for carry twins; else 0.
        carries: Whether the carry appears, for carry twins; else None.
    """

    case_id: str
    block: str
    stratum: str
    index: int
    problem: Problem
    shots: tuple[Problem, ...] = ()
    twin: str = ""
    place: int = 0
    carries: bool | None = None

    @property
    def cluster(self) -> str:
        """What items that are not independent share: the calculation in plain digits."""
        return self.twin or self.problem.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a calculation is asked.

    Attributes:
        in_fmt: Format of the calculation.
        out_fmt: Format of the answer.
        repeat_fmt: Format in which the calculation is to be repeated before the answer; None asks for no repeat.
        n_shots: Solved calculations before it.
        system: System message, a name in :data:`SYSTEMS`; empty for none.
        flip_query: Whether the operands of the question change places.
        flip_shots: Whether those of the solved calculations do.

    Raises:
        OptionError: If the number of shots is negative, or ``filler`` is mixed with other formats.
        UnknownNameError: If there is no such system message.
    """

    in_fmt: NumberFormat
    out_fmt: NumberFormat
    repeat_fmt: NumberFormat | None = None
    n_shots: int = 8
    system: str = "helpful"
    flip_query: bool = False
    flip_shots: bool = False

    def __post_init__(self) -> None:
        if self.n_shots < 0:
            raise OptionError("shots", self.n_shots, "0 or more")
        if self.mode != "plain" and any(fmt.filler for fmt in self.formats):
            raise OptionError("format", "filler", "the same format for question and answer, and no repeat")
        if self.system and self.system not in SYSTEMS:
            raise UnknownNameError("system message", self.system, tuple(SYSTEMS))

    @property
    def mode(self) -> Mode:
        """``plain``, ``io`` (question and answer are written differently) or ``repeat``."""
        if self.repeat_fmt is not None:
            return "repeat"
        return "plain" if self.in_fmt == self.out_fmt else "io"

    @property
    def formats(self) -> tuple[NumberFormat, ...]:
        """The formats of question, repeat and answer, each once."""
        found = (self.in_fmt, self.repeat_fmt, self.out_fmt)
        return tuple(dict.fromkeys(fmt for fmt in found if fmt is not None))

    @property
    def by_ids(self) -> bool:
        """Whether a prompt of this condition can be given as ids only."""
        return any(fmt.ids for fmt in self.formats)

    @property
    def name(self) -> str:
        """The formats, then what differs from 8 shots, the usual system message and the usual order.

        >>> Condition(in_fmt=parse_format("nosep"), out_fmt=parse_format("comma_r2l"), n_shots=2).name
        'nosep>comma_r2l|shots=2'
        """
        formats = [self.in_fmt.name]
        if self.repeat_fmt is not None:
            formats.append(self.repeat_fmt.name)
        if self.mode != "plain":
            formats.append(self.out_fmt.name)
        parts = [">".join(formats)]
        if self.n_shots != 8:  # noqa: PLR2004, the number of shots of the published study
            parts.append(f"shots={self.n_shots}")
        if self.system != "helpful":
            parts.append(f"system={self.system or 'none'}")
        parts += [name for name, flipped in (("flip", self.flip_query), ("flip_shots", self.flip_shots)) if flipped]
        return "|".join(parts)


def plain(name: str, n_shots: int = 8) -> Condition:
    """The condition with one format for question, answer and shots.

    Raises:
        UnknownNameError: If there is no such format.
    """
    fmt = parse_format(name)
    return Condition(in_fmt=fmt, out_fmt=fmt, n_shots=n_shots)


@dataclass(frozen=True, slots=True)
class Item:
    """A case under a condition: one question.

    Attributes:
        case: The calculation.
        condition: How it is asked.
    """

    case: Case
    condition: Condition

    @property
    def problem(self) -> Problem:
        """The calculation, before any flip."""
        return self.case.problem

    @property
    def key(self) -> str:
        """Name of the question, unique in a run."""
        return f"{self.case.case_id}|{self.condition.name}"

    @property
    def shots(self) -> tuple[Problem, ...]:
        """The solved calculations that are shown, before any flip."""
        return self.case.shots[: self.condition.n_shots]

    @property
    def answer_text(self) -> str:
        """The right answer in the format that is asked for."""
        return format_number(self.problem.answer, self.condition.out_fmt)
