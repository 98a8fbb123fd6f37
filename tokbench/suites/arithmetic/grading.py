"""From a reply to a grade: both readings, the labels, and where the wrong digits stand in the tokenizer's chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tokbench.suites.arithmetic import alignment
from tokbench.suites.arithmetic.cuts import Cuts, cuts_in
from tokbench.suites.arithmetic.formats import NumberFormat, ascii_digits, chunks_of, grouped
from tokbench.suites.arithmetic.labels import Chunks, boundaries, label_problem
from tokbench.suites.arithmetic.parsing import Parser, Reading, read, repeated_text
from tokbench.suites.arithmetic.problem import Problem

if TYPE_CHECKING:
    from tokbench.models.completion import Completion
    from tokbench.suites.arithmetic.item import Item
    from tokbench.tokenizers import Tokenizer

__all__ = ["FAILED", "Graded", "Segmentation", "Segmenter", "asked_problem", "grade", "grade_reply"]

FAILED = "failed"
"""Label of a question to which nothing came back."""

_DIGITS = frozenset("0123456789")


# ---------------------------------------------------------------------- chunks


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How the numbers of a question are cut.

    Attributes:
        chunks: Sizes of the chunks of the operands and of the true answer.
        basis: ``tokens``: from the tokenizer's spans; ``format``: from the groups of the format, without a tokenizer,
            for formats by ids, and where the tokenizer has no cuts to speak of.
        aligned: Whether the true answer has the cuts of the longest operand; None where it is undefined.
        fused: Whether some token holds a digit and something else.
    """

    chunks: Chunks
    basis: Literal["tokens", "format"]
    aligned: bool | None
    fused: bool

    @property
    def edges(self) -> frozenset[int]:
        """Places p >= 1 at which a chunk of the true answer ends."""
        return boundaries(self.chunks.answer)


def _places(text: str, start: int, end: int) -> list[int]:
    return [at for at, mark in enumerate(ascii_digits(text[start:end]), start) if mark in _DIGITS]


class Segmenter:
    """Cuts the numbers of questions as a tokenizer does, each text once.

    Args:
        tokenizer: The tokenizer; None takes the groups of the format, so that plain digits are one chunk.
    """

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self._tokenizer = tokenizer
        self._seen: dict[tuple[str, tuple[int, ...]], list[Cuts]] = {}

    @property
    def tokenizer(self) -> Tokenizer | None:
        """The tokenizer."""
        return self._tokenizer

    def _cuts(self, text: str, numbers: Sequence[tuple[int, int]]) -> list[Cuts]:
        assert self._tokenizer is not None, "asked with a tokenizer only"
        key = (text, tuple(end for _, end in numbers))
        if (found := self._seen.get(key)) is None:
            places = [_places(text, start, end) for start, end in numbers]
            self._seen[key] = found = cuts_in(self._tokenizer, text, places)
        return found

    def _question(self, problem: Problem, fmt: NumberFormat) -> list[Cuts]:
        first, second = str(problem.a), str(problem.b)
        if self._tokenizer is None or fmt.ids:
            return [_by_format(first, fmt), _by_format(second, fmt)]
        text = f"{repeated_text(first, second, problem.op, fmt)}={' ' * fmt.trailing}"
        shown, gap = len(grouped(first, fmt)), fmt.spaces
        behind = shown + gap + 1 + gap
        return self._cuts(text, [(0, shown), (behind, len(text) - 1 - gap - fmt.trailing)])

    def _answer(self, problem: Problem, fmt: NumberFormat) -> Cuts:
        digits = str(problem.answer)
        if self._tokenizer is None or fmt.ids:
            return _by_format(digits, fmt)
        text = grouped(digits, fmt)
        return self._cuts(text, [(0, len(text))])[0]

    def __call__(self, problem: Problem, in_fmt: NumberFormat, out_fmt: NumberFormat) -> Segmentation:
        """How the numbers of a question are cut: the operands in the question, the true answer as a text of its own."""
        first, second = self._question(problem, in_fmt)
        answer = self._answer(problem, out_fmt)
        numbers = ((problem.a, first, in_fmt), (problem.b, second, in_fmt), (problem.answer, answer, out_fmt))
        chunks = Chunks(*(cut.chunks or chunks_of(str(number), fmt) for number, cut, fmt in numbers))
        known = self._tokenizer is not None and not in_fmt.ids and not out_fmt.ids
        known = known and all(cut.chunks for _, cut, _ in numbers)
        return Segmentation(
            chunks,
            "tokens" if known else "format",
            None if self._tokenizer is None else alignment.aligned(first, second, answer),
            any(cut.fused for _, cut, _ in numbers),
        )


def _by_format(digits: str, fmt: NumberFormat) -> Cuts:
    return Cuts(len(digits), boundaries(chunks_of(digits, fmt)))


# ---------------------------------------------------------------------- grades


@dataclass(frozen=True, slots=True)
class Graded:
    """A graded reply.

    Attributes:
        problem: The calculation as it was asked.
        reading: The parity reading.
        label: Label of the parity reading; ``failed`` where nothing came back.
        strict_label: Label of the strict reading.
        flags: All conditions that hold for the parity reading, with ``extraneous``, ``wrong_format`` and ``padded``.
        segmentation: How the numbers are cut.
        wrong_digits: Places of wrong digits, 1 is the first one; empty for a value of another length.
        truncated: Whether the reply was cut by the limit of tokens; None where it is not known.
    """

    problem: Problem
    reading: Reading
    label: str
    strict_label: str
    flags: frozenset[str]
    segmentation: Segmentation
    wrong_digits: tuple[int, ...] = ()
    truncated: bool | None = None

    @property
    def failed(self) -> bool:
        """Whether nothing came back."""
        return self.label == FAILED

    def label_by(self, parser: Parser) -> str:
        """The label of a parser."""
        return self.label if parser == "parity" else self.strict_label

    def right(self, parser: Parser = "parity") -> bool:
        """Whether the value is right."""
        return self.label_by(parser) in {"correct", "format_only"}

    def valid(self, parser: Parser = "parity") -> bool:
        """Whether there is a value."""
        return self.label_by(parser) not in {"invalid", FAILED}

    @property
    def same_length(self) -> bool:
        """Whether the value has as many digits as the true answer."""
        value = self.reading.value
        return value is not None and len(value) == self.problem.lengths[2]

    @property
    def error(self) -> int | None:
        """Value less truth; None for a value of another length and without a value."""
        value = self.reading.value
        return int(value) - self.problem.answer if value is not None and self.same_length else None

    def detail(self) -> dict[str, object]:
        """What a sample row says of the grade, as JSON values."""
        reading, cut = self.reading, self.segmentation
        found: dict[str, object] = {
            "value": reading.value, "label": self.label, "strict_label": self.strict_label,
            "flags": sorted(self.flags), "format_ok": reading.format_ok, "extraneous": reading.extraneous,
            "truncated": self.truncated, "wrong_digits": list(self.wrong_digits),
            "carry_into": list(self.problem.carry_into), "boundary_carries": self.boundary_carries,
            "chunks": [list(sizes) for sizes in cut.chunks], "chunks_basis": cut.basis, "aligned": cut.aligned,
        }  # fmt: skip
        if reading.mode == "repeat":
            found["repeat"] = None if reading.repeated is None else list(reading.repeated)
            found["repeat_copy_ok"], found["repeat_format_ok"] = reading.repeat_copy_ok, reading.repeat_format_ok
        return found

    @property
    def boundary_carries(self) -> int:
        """Carries (borrows) into a place at which a chunk of the true answer ends."""
        return len(self.segmentation.edges.intersection(self.problem.carry_into))


_NOTHING = Reading(None, extraneous=False, format_ok=False)


def grade_reply(
    problem: Problem,
    reply: str | None,
    segmentation: Segmentation,
    *,
    out_fmt: NumberFormat,
    repeat_fmt: NumberFormat | None = None,
    truncated: bool | None = None,
) -> Graded:
    """Grade a reply.

    Args:
        problem: The calculation as it was asked.
        reply: The reply as it came; None where nothing came back.
        segmentation: How its numbers are cut.
        out_fmt: Format in which the answer is asked for.
        repeat_fmt: Format in which the calculation is to be repeated first; None where it is not.
        truncated: Whether the reply was cut by the limit of tokens.
    """
    if reply is None:
        return Graded(problem, _NOTHING, FAILED, FAILED, frozenset({FAILED}), segmentation, (), truncated)
    reading = read(reply, out_fmt, repeat=repeat_fmt, op=problem.op, operands=(problem.a, problem.b))
    found = label_problem(problem, reading.value, segmentation.chunks, format_ok=reading.format_ok)
    flags = set(found.flags)
    if reading.extraneous:
        flags.add("extraneous")
    if reading.run is not None:
        if not reading.format_ok:
            flags.add("wrong_format")
        if reading.run.digits != reading.run.value:
            flags.add("padded")
    if truncated:
        flags.add("truncated")
    wrong: tuple[int, ...] = ()
    value, truth = reading.value, str(problem.answer)
    if value is not None and value != truth and len(value) == len(truth):
        wrong = tuple(at for at, (one, other) in enumerate(zip(value, truth, strict=True), 1) if one != other)
    strict = "invalid" if reading.extraneous else found.label
    return Graded(problem, reading, found.label, strict, frozenset(flags), segmentation, wrong, truncated)


def asked_problem(item: Item) -> Problem:
    """The calculation of an item as it is asked: operands of sums and products change places where that is wanted."""
    problem = item.problem
    if item.condition.flip_query and problem.op != "-":
        return Problem(problem.op, problem.b, problem.a)
    return problem


def grade(item: Item, reply: str | Completion, segmenter: Segmenter | None = None) -> Graded:
    """Grade the reply to an item.

    Args:
        item: The item.
        reply: The reply as it came, or a completion of a model.
        segmenter: Cuts the numbers; by default the groups of the formats do.
    """
    problem, condition = asked_problem(item), item.condition
    text, truncated = (reply, None) if isinstance(reply, str) else (reply.text, reply.finish_reason == "length")
    failed = not isinstance(reply, str) and reply.status != "ok"
    return grade_reply(
        problem,
        None if failed else text,
        (segmenter or Segmenter(None))(problem, condition.in_fmt, condition.out_fmt),
        out_fmt=condition.out_fmt,
        repeat_fmt=condition.repeat_fmt,
        truncated=truncated,
    )
