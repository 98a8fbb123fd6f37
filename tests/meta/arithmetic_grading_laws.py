"""Laws of labels and readings, as functions that raise AssertionError: for the property tests and on planted bugs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from tokbench.suites.arithmetic import parsing
from tokbench.suites.arithmetic.formats import NumberFormat, grouped
from tokbench.suites.arithmetic.labels import LABELS, Chunks, base_label
from tokbench.suites.arithmetic.problem import Operator, Problem

labels = import_module("tokbench.suites.arithmetic.labels")  # the package has the function under this name

RANK = {label: place for place, label in enumerate(LABELS)}


def places_of_ends(sizes: Sequence[int]) -> set[int]:
    """Places at which a chunk ends, by walking over the digits from the right."""
    found, place = set(), 0
    for size in reversed(sizes):
        if place:
            found.add(place)
        place += size
    return found


def total(problem: Problem, x: int | None, chunks: Chunks, *, format_ok: bool = True) -> str:
    """Property 4: there is exactly one label, it is among the conditions, and it is the first one that holds."""
    found = labels.labels(problem.a, problem.b, x, chunks, op=problem.op, format_ok=format_ok)
    assert base_label(found.label) in RANK, f"{found.label} is no label"
    assert found.label in found.flags
    order = [RANK[base_label(flag)] for flag in found.flags if base_label(flag) in RANK]
    assert RANK[base_label(found.label)] == min(order), f"{sorted(found.flags)} gives {found.label}"
    right = x == problem.answer
    assert (found.label in {"correct", "format_only"}) == right
    assert (found.label == "invalid") == (x is None)
    return str(found.label)


def swapped(problem: Problem, x: int | None, chunks: Chunks) -> None:
    """Property 4: the order of the operands of a sum or of a product changes no condition."""
    one = labels.labels(problem.a, problem.b, x, chunks, op=problem.op)
    other_way = Chunks(chunks.b, chunks.a, chunks.answer)
    other = labels.labels(problem.b, problem.a, x, other_way, op=problem.op)
    assert one == other, f"{one} against {other}"


def lost_carry(problem: Problem, chunks: Chunks) -> None:
    """A sum in which one carry is lost has lost a carry, at a boundary where a chunk ends there, and none else has."""
    ends = places_of_ends(chunks.answer)
    sign = 1 if problem.op == "+" else -1
    for place in range(len(str(problem.answer)) + 1):
        for step in (-1, 1):
            x = problem.answer + step * 10**place
            if x < 0:
                continue
            flags = labels.labels(problem.a, problem.b, x, chunks, op=problem.op).flags
            assert "off_by_one" in flags
            assert ("off_by_one_boundary" in flags) == (place in ends)
            lost = step == -sign and _receives(problem, place)
            assert ("dropped_carry" in flags) == lost, f"{problem.text} and {x}: {sorted(flags)}"
            assert ("dropped_carry_boundary" in flags) == (lost and place in ends)
            assert ("dropped_carry_inside" in flags) == (lost and place not in ends)


def _receives(problem: Problem, place: int) -> bool:
    """Whether a carry (a borrow) crosses into a place, from what lies behind it."""
    if place == 0:
        return False
    unit = int(f"1{'0' * place}")
    low, high = problem.a % unit, problem.b % unit
    return low + high >= unit if problem.op == "+" else low < high


def first_digit(problem: Problem, chunks: Chunks, chunk: int, digit: int) -> None:
    """A wrong first digit of a chunk k >= 2 is labelled so, unless an earlier label fits by chance."""
    truth = str(problem.answer)
    at = sum(chunks.answer[: chunk - 1])
    x = int(f"{truth[:at]}{digit}{truth[at + 1 :]}")
    if x == problem.answer:
        return
    found = labels.labels(problem.a, problem.b, x, chunks, op=problem.op)
    assert f"chunk_first_digit:{chunk}" in found.flags
    assert found.label == f"chunk_first_digit:{chunk}" or RANK[base_label(found.label)] < RANK["chunk_first_digit"]


def chunk_sums(problem: Problem, chunks: Chunks) -> None:
    """Sums of the chunks of the operands, written one behind the other, are labelled so or earlier."""
    first, second = _cut(problem.a, chunks.a), _cut(problem.b, chunks.b)
    longest = max(len(first), len(second))
    for left in (True, False):
        fill = [""] * (longest - len(first)), [""] * (longest - len(second))
        one, other = (first + fill[0], second + fill[1]) if left else (fill[0] + first, fill[1] + second)
        sums = [int(a or 0) + int(b or 0) for a, b in zip(one, other, strict=True)]
        widths = [max(len(a), len(b)) for a, b in zip(one, other, strict=True)]
        for texts in (
            [str(part) for part in sums],
            [f"{part:0{width}}" for part, width in zip(sums, widths, strict=True)],
        ):
            x = int("".join(texts))
            if x != problem.answer:
                flags = labels.labels(problem.a, problem.b, x, chunks).flags
                assert "chunkwise_sum" in flags, f"{problem.text} and {x}: {sorted(flags)}"


def _cut(number: int, sizes: Sequence[int]) -> list[str]:
    digits, found = str(number), []
    for size in sizes:
        found.append(digits[:size])
        digits = digits[size:]
    return found


def read_back(problem: Problem, asked: NumberFormat, answer: NumberFormat, repeat: NumberFormat | None) -> None:
    """Property 3: the right reply is read as the answer, in the format, by both parsers and in all modes."""
    first, second = str(problem.a), str(problem.b)
    text = grouped(str(problem.answer), answer)
    mode = "plain" if asked == answer else "io"
    if repeat is not None:
        mode = "repeat"
        text = f"{parsing.repeated_text(first, second, problem.op, repeat)}={' ' * repeat.trailing}{text}"
    for parser in parsing.PARSERS:
        found = parsing.parse(
            text, mode, parser, fmt=answer, repeat=repeat, op=problem.op, operands=(problem.a, problem.b)
        )
        assert found.value == str(problem.answer), f"{text!r} is read as {found.value}"
        assert found.format_ok, f"{text!r} is said not to be in the format"
        assert not found.extraneous
        assert found.repeat_copy_ok is (True if repeat is not None else None)
        assert found.repeat_format_ok is (True if repeat is not None else None)


def both_readings(text: str, answer: NumberFormat, repeat: NumberFormat | None, op: Operator = "+") -> None:
    """For any text: the strict reading is the parity one or nothing, and what is in the format is not extraneous."""
    found = parsing.read(text, answer, repeat=repeat, op=op, operands=(1, 2))
    strict = found.by("strict")
    assert strict == found or strict.value is None
    assert (strict.value is None) == (found.extraneous or found.value is None)
    if found.format_ok:
        assert found.value is not None
        assert not found.extraneous
        assert text.endswith(grouped(found.value, answer))
    if found.run is not None:
        assert text[found.run.start : found.run.end] == found.run.text
        outside = text[: found.run.start] + text[found.run.end :]
        assert repeat is not None or not any(mark in "0123456789" for mark in outside)
