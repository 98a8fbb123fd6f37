"""Planted bugs for the laws of labels and readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import accumulate, zip_longest

import arithmetic_grading_laws as laws
import pytest

from tokbench.suites.arithmetic import parsing
from tokbench.suites.arithmetic.formats import NumberFormat, parse_format
from tokbench.suites.arithmetic.labels import LABELS, Chunks, base_label
from tokbench.suites.arithmetic.problem import Problem

labels = import_module("tokbench.suites.arithmetic.labels")  # the package has the function under this name

Plant = Callable[[pytest.MonkeyPatch], None]

SUM = Problem("+", 9445565, 1555445)
"""A sum with carries into all places but the last one."""

LEFT = Chunks((3, 3, 1), (3, 3, 1), (3, 3, 2))
PLAIN_SUM = Problem("+", 1234567, 7654322)
"""A sum without carries."""

THREES = Chunks((3, 3, 1), (3, 3, 1), (3, 3, 1))


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug, and the law that catches it."""

    plant: Plant
    law: Callable[[], None]


def _late_first_digit(patch: pytest.MonkeyPatch) -> None:
    """Errors of one before the first digit of a chunk."""
    order = [name for name in LABELS if name != "chunk_first_digit"]
    order.insert(order.index("no_carry_sum"), "chunk_first_digit")
    patch.setattr(labels, "_ORDER", {name: place for place, name in enumerate(order)})


def _counted_from_the_left(patch: pytest.MonkeyPatch) -> None:
    def boundaries(sizes: tuple[int, ...]) -> frozenset[int]:
        return frozenset(end for end in accumulate(sizes) if end < sum(sizes))

    patch.setattr(labels, "boundaries", boundaries)


def _leftmost_edge_counts(patch: pytest.MonkeyPatch) -> None:
    before = labels.boundaries
    patch.setattr(labels, "boundaries", lambda sizes: before(sizes) | {sum(sizes)})


def _first_chunk_counts(patch: pytest.MonkeyPatch) -> None:
    """The label of a first digit goes by the chunk in front."""
    before = labels.first_digits
    patch.setattr(labels, "first_digits", lambda sizes: {at: chunk - 1 for at, chunk in before(sizes).items()})


def _any_power_is_a_carry(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Problem, "carry_into", property(lambda _self: tuple(range(1, 40))))


def _float_places(patch: pytest.MonkeyPatch) -> None:
    """A logarithm in floating point calls every number near a power of ten one."""
    import math

    def place(difference: int) -> int | None:
        found = math.log10(abs(difference))
        return round(found) if abs(found - round(found)) < 1e-3 else None

    patch.setattr(labels, "_place", place)


def _left_pairs_only(patch: pytest.MonkeyPatch) -> None:
    def chunkwise(problem: Problem, x: int, chunks: Chunks) -> bool:
        first, second = labels._pieces(problem.a, chunks.a), labels._pieces(problem.b, chunks.b)
        return x in labels._joined(problem.op, list(zip_longest(first, second, fillvalue="")))

    patch.setattr(labels, "_chunkwise", chunkwise)


def _unpadded_only(patch: pytest.MonkeyPatch) -> None:
    def joined(_op: str, pairs: list[tuple[str, str]]) -> Iterator[int]:
        yield int("".join(str(int(one or 0) + int(other or 0)) for one, other in pairs))

    patch.setattr(labels, "_joined", joined)


def _one_operand_only(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(labels, "_dropped_digit", lambda problem, x: x - problem.b in labels._shorter(problem.a))


def _stripped_format(patch: pytest.MonkeyPatch) -> None:
    """The format of the reply without its white space."""
    before = parsing._answer

    def answer(part: str, fmt: NumberFormat, at: int) -> parsing.Reading:
        return replace(before(part, fmt, at), format_ok=before(part.strip(), fmt, at).format_ok)

    patch.setattr(parsing, "_answer", answer)


def _own_separator_forgotten(patch: pytest.MonkeyPatch) -> None:
    before = parsing.runs
    patch.setattr(parsing, "runs", lambda text, _separators=(): before(text))


def _first_run(patch: pytest.MonkeyPatch) -> None:
    """The first of several runs is taken for the answer."""

    def one_run(text: str, fmt: NumberFormat) -> parsing.Run | None:
        found = parsing.runs(text, (fmt.separator,))
        return found[0] if found else None

    patch.setattr(parsing, "_one_run", one_run)


def _nearly(problem: Problem, x: int) -> None:
    found = labels.labels(problem.a, problem.b, x, Chunks((31,), (1,), (31,)))
    assert "off_by_one" not in found.flags
    assert base_label(found.label) != "off_by_one_other"


def _read_back() -> None:
    for name in ("underscore_r2l", "comma_r2l", "nosep"):
        laws.read_back(SUM, parse_format("nosep"), parse_format(name), None)


MUTANTS: dict[str, Mutant] = {
    "first-digit-after-off-by-one": Mutant(_late_first_digit, lambda: laws.first_digit(PLAIN_SUM, THREES, 2, 7)),
    "boundaries-from-the-left": Mutant(_counted_from_the_left, lambda: laws.lost_carry(SUM, LEFT)),
    "outer-edge-is-a-boundary": Mutant(_leftmost_edge_counts, lambda: laws.lost_carry(SUM, LEFT)),
    "wrong-chunk-of-a-digit": Mutant(_first_chunk_counts, lambda: laws.first_digit(SUM, LEFT, 2, 3)),
    "every-error-of-one-is-a-carry": Mutant(_any_power_is_a_carry, lambda: laws.lost_carry(PLAIN_SUM, THREES)),
    "places-by-logarithm": Mutant(_float_places, lambda: _nearly(Problem("+", 10**30, 5), 2 * 10**30 + 8)),
    "chunks-paired-from-the-left-only": Mutant(
        _left_pairs_only, lambda: laws.chunk_sums(Problem("+", 1234, 567), Chunks((3, 1), (3,), (3, 1)))
    ),
    "chunk-sums-never-padded": Mutant(
        _unpadded_only, lambda: laws.chunk_sums(Problem("+", 1000057, 1004), Chunks((3, 3, 1), (3, 1), (3, 3, 1)))
    ),
    "digits-dropped-of-one-operand": Mutant(
        _one_operand_only, lambda: laws.swapped(PLAIN_SUM, 123467 + 7654322, THREES)
    ),
    "format-of-the-stripped-reply": Mutant(
        _stripped_format, lambda: laws.both_readings(" 12\n", parse_format("nosep"), None)
    ),
    "own-separator-unknown": Mutant(_own_separator_forgotten, _read_back),
    "first-of-several-numbers": Mutant(_first_run, lambda: laws.both_readings("12 + 5", parse_format("nosep"), None)),
}
