"""Graded replies with the condition under which they were given: what all tables of the suite are computed from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokbench.suites.arithmetic.formats import NumberFormat
from tokbench.suites.arithmetic.grading import Graded
from tokbench.suites.arithmetic.item import SYSTEMS, Condition
from tokbench.suites.arithmetic.problem import Problem

if TYPE_CHECKING:
    from tokbench.suites.arithmetic.logprobs import ReplyTokens

__all__ = ["Group", "Row", "group_of_condition", "named_groups", "system_name"]

_USUAL = {"n_shots": "8", "system_prompt": "helpful"}
"""What a name leaves out: the number of shots and the system message of the published study."""

_SHORT = {"n_shots": "shots", "system_prompt": "system", "flipped": "flip", "shots_flipped": "flip_shots"}


@dataclass(frozen=True, slots=True)
class Group:
    """A condition: replies in one group differ in their problem only.

    Attributes:
        formats: Formats of question, repeat (None without one) and answer; None where replies in several formats
            were put into one group.
        rest: What else tells groups apart, as pairs of field and value.
        name: Its name in tables; not part of what it is.
    """

    formats: tuple[NumberFormat, NumberFormat | None, NumberFormat] | None
    rest: tuple[tuple[str, str], ...]
    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A graded reply.

    Attributes:
        number: Row of the file, 1-based; 0 for a reply that is no row of a file.
        group: Its condition.
        key: Name of the problem, the same in all conditions.
        sample: Which of several replies to one question it is.
        graded: Its grade.
        reply: The reply as it came; None where nothing came back.
        expected: The right reply.
        tokens: Tokens with log-probabilities, or None.
        tokens_problem: Why there are none although the file has some; else empty.
        shots: The solved calculations before it in plain digits, before any flip, or None.
        shots_flipped: Whether their operands changed places when they were sent.
        prompt_sha256: Hash of the recorded question, or None.
        finish_tokens: Number of tokens of the reply, or None.
        twin: Pair of questions that differ in one carry, or empty.
        place: Place that receives this carry; 0 without a pair.
        carries: Whether the carry appears; None without a pair.
    """

    number: int
    group: Group
    key: str
    sample: str
    graded: Graded
    reply: str | None
    expected: str
    tokens: ReplyTokens | None = None
    tokens_problem: str = ""
    shots: tuple[Problem, ...] | None = None
    shots_flipped: bool = False
    prompt_sha256: str | None = None
    finish_tokens: int | None = None
    twin: str = ""
    place: int = 0
    carries: bool | None = None

    @property
    def problem(self) -> Problem:
        """The calculation as it was asked."""
        return self.graded.problem

    @property
    def sent_shots(self) -> tuple[Problem, ...] | None:
        """The solved calculations as they were sent."""
        if self.shots is None or not self.shots_flipped:
            return self.shots
        return tuple(Problem(shot.op, shot.b, shot.a) for shot in self.shots)


def system_name(text: str) -> str:
    """Short name of a system message: that of a known one, or a hash of the whole text.

    Two messages may begin in the same way, so no beginning of a text is ever its name.
    """
    if not text:
        return "none"
    known = {message: name for name, message in SYSTEMS.items()}
    return known.get(text) or f"sha256-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"


def _formats_name(formats: tuple[NumberFormat, NumberFormat | None, NumberFormat]) -> str:
    asked, repeat, answer = formats
    if repeat is not None:
        return f"{asked.name}>{repeat.name}>{answer.name}"
    return (
        asked.name if asked.name.partition("+")[0] == answer.name.partition("+")[0] else f"{asked.name}>{answer.name}"
    )


def named_groups(groups: Collection[Group], formats_name: str = "all") -> dict[Group, Group]:
    """The groups with names that tell them apart.

    A name is that of the formats, then what differs from the published study and between the groups.

    Args:
        groups: Groups without names.
        formats_name: What stands for formats that do not belong to the condition.
    """
    values: dict[str, set[str]] = {}
    for group in groups:
        for name, value in group.rest:
            values.setdefault(name, set()).add(value)
    named = {}
    for group in groups:
        parts = [formats_name if group.formats is None else _formats_name(group.formats)]
        for name, value in group.rest:
            shown = system_name(value) if name == "system_prompt" else value
            alike = len(values[name]) == 1
            if shown == _USUAL.get(name) or (alike and name not in _USUAL):
                continue
            parts.append(f"{_SHORT.get(name, name)}={shown}")
        named[group] = Group(group.formats, group.rest, "|".join(parts))
    return named


def group_of_condition(condition: Condition) -> Group:
    """The group of a condition of the suite's own questions."""
    rest: Mapping[str, str] = {
        "n_shots": str(condition.n_shots), "system_prompt": condition.system, "flipped": str(condition.flip_query),
        "shots_flipped": str(condition.flip_shots),
    }  # fmt: skip
    formats = (condition.in_fmt, condition.repeat_fmt, condition.out_fmt)
    return Group(formats, tuple(rest.items()), condition.name)
