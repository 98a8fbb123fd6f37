"""Calculations from a profile: drawn, as a frame, and hashed.

>>> first = build_cases("smoke")[0]
>>> first.case_id, first.problem.lengths
('arithmetic-1/0/addition/4+4=4/0', (4, 4, 4))
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from tokbench.errors import OptionError
from tokbench.suites.arithmetic.item import VERSION, Case, Condition, Item
from tokbench.suites.arithmetic.problem import Problem
from tokbench.suites.arithmetic.sampling import Space, draw
from tokbench.suites.arithmetic.strata import Stratum, profile_of, strata, triple_space

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MAX_SHOTS", "build_cases", "build_items", "cases_of", "cases_sha256", "frame", "items", "question_frame"]

MAX_SHOTS = 16
"""Solved calculations that a case can show; the published study has up to so many."""


def _shots(space: Space, seed: int, key: str, queries: Sequence[Problem], count: int) -> tuple[Problem, ...]:
    """Different calculations of the same lengths, none of them the question; fewer are the first of more."""
    if count and space.count < count + len(queries):
        raise OptionError("shots", count, f"at most {max(0, space.count - len(queries))} for {key}: there are no more")
    found: list[Problem] = []
    number = 0
    while len(found) < count:
        problem = space.problem(draw(space.count, VERSION, "shot", seed, key, number))
        number += 1
        if problem not in queries and problem not in found:
            found.append(problem)
    return tuple(found)


def _twin_cases(stratum: Stratum, index: int, seed: int, shots: int) -> Iterator[Case]:
    """A pair of carry twins, whose lengths and so whose shots are the same."""
    space = stratum.twins[index % len(stratum.twins)]
    pair = space.pair(draw(space.count, VERSION, "item", seed, stratum.name, index))
    name = f"{VERSION}/{seed}/{stratum.name}/{index}"
    shown = _shots(triple_space(pair[0].lengths), seed, f"{stratum.name}/{index}", pair, shots)
    for carries, problem in zip((False, True), pair, strict=True):
        yield Case(
            case_id=f"{name}/{'carry' if carries else 'none'}", block=stratum.block, stratum=stratum.name, index=index,
            problem=problem, shots=shown, twin=name, place=space.place, carries=carries,
        )  # fmt: skip


def cases_of(stratum: Stratum, seed: int = 0, count: int | None = None, shots: int = 8) -> list[Case]:
    """The first cases of a stratum.

    Args:
        stratum: The stratum.
        seed: Part of every hash.
        count: How many (pairs for twins); None takes all. More than the stratum has can be drawn too.
        shots: Solved calculations of each case.

    Raises:
        OptionError: If the stratum has not so many calculations to show.
    """
    found: list[Case] = []
    for index in range(stratum.size if count is None else count):
        if stratum.twins:
            found += _twin_cases(stratum, index, seed, shots)
            continue
        space = stratum.spaces[index % len(stratum.spaces)]
        problem = space.problem(draw(space.count, VERSION, "item", seed, stratum.name, index))
        found.append(
            Case(
                case_id=f"{VERSION}/{seed}/{stratum.name}/{index}", block=stratum.block, stratum=stratum.name,
                index=index, problem=problem,
                shots=_shots(space, seed, f"{stratum.name}/{index}", (problem,), shots) if shots else (),
            )
        )  # fmt: skip
    return found


@cache
def _block(block: str, seed: int, limit: int, shots: int) -> tuple[Case, ...]:
    return tuple(
        case
        for stratum in strata(block)
        for case in cases_of(stratum, seed, min(limit, stratum.size) if limit else None, shots)
    )


def build_cases(
    profile: str = "core", seed: int = 0, *, blocks: Sequence[str] | None = None, shots: int = 8
) -> tuple[Case, ...]:
    """The cases of a profile, by block, stratum and place.

    Args:
        profile: ``smoke`` (the first 2 of each stratum of additions), ``core`` (additions and the design of the
            published study) or ``full`` (everything).
        seed: Part of every hash.
        blocks: Blocks instead of those of the profile.
        shots: Solved calculations of each case, at most :data:`MAX_SHOTS`.

    Raises:
        UnknownNameError: If there is no such profile or block.
        OptionError: If there are not so many solved calculations.
    """
    if not 0 <= shots <= MAX_SHOTS:
        raise OptionError("shots", shots, f"a number from 0 to {MAX_SHOTS}")
    chosen = profile_of(profile)
    return tuple(
        case for block in blocks or chosen.blocks for case in _block(block, seed, chosen.per_stratum, shots)
    )  # fmt: skip


def build_items(cases: Iterable[Case], conditions: Sequence[Condition]) -> Iterator[Item]:
    """Every case under every condition, condition by condition of a case."""
    return (Item(case, condition) for case in cases for condition in conditions)


def items(profile: str = "core", seed: int = 0) -> list[Item]:
    """The items of a profile in its formats, with 8 solved calculations; strata with formats of their own in those.

    Raises:
        UnknownNameError: If there is no such profile.
    """
    from tokbench.suites.arithmetic.conditions import conditions_of, standard_conditions

    usual = standard_conditions(profile_of(profile).formats)
    return [
        Item(case, condition)
        for case in build_cases(profile, seed)
        for condition in conditions_of(case.stratum, usual)
    ]  # fmt: skip


# ---------------------------------------------------------------------- identity and tables


def cases_sha256(cases: Iterable[Case]) -> str:
    """SHA-256 over one line for each case, in order: its name, the calculation, and what is shown before it."""
    digest = hashlib.sha256()
    for case in cases:
        shown = " ".join(shot.text for shot in case.shots)
        digest.update(f"{case.case_id}\t{case.problem.text}\t{shown}\n".encode())
    return digest.hexdigest()


def frame(cases: Iterable[Case]) -> pl.DataFrame:
    """Cases as a frame.

    Returns:
        One row a case: case_id, block, stratum, index, op, a, b, answer (text, numbers of any size), la, lb, ln,
        length_match, carries, max_chain, carry_into (list), twin, place, carry.
    """
    import polars as pl

    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "case_id": pl.String, "block": pl.String, "stratum": pl.String, "index": pl.Int64, "op": pl.String,
        "a": pl.String, "b": pl.String, "answer": pl.String, "la": pl.Int64, "lb": pl.Int64, "ln": pl.Int64,
        "length_match": pl.Boolean, "carries": pl.Int64, "max_chain": pl.Int64, "carry_into": pl.List(pl.Int64),
        "twin": pl.String, "place": pl.Int64, "carry": pl.Boolean, "suite_version": pl.String,
    }  # fmt: skip
    rows = []
    for case in cases:
        problem = case.problem
        rows.append(
            (
                case.case_id, case.block, case.stratum, case.index, problem.op, str(problem.a), str(problem.b),
                str(problem.answer), *problem.lengths, problem.length_match, problem.carries, problem.max_chain,
                list(problem.carry_into), case.twin, case.place, case.carries, VERSION,
            )
        )  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def question_frame(found: Iterable[Item]) -> pl.DataFrame:
    """Items as they are asked, as a frame.

    Returns:
        One row an item: case_id, condition, in_format, repeat_format, out_format, n_shots, system, messages (the chat
        as JSON; prompts by ids and padding depend on the tokenizer), expected.
    """
    import json
    from dataclasses import asdict

    import polars as pl

    from tokbench.suites.arithmetic.prompts import expected_text, messages

    names = (
        "case_id", "condition", "in_format", "repeat_format", "out_format", "n_shots", "system", "messages", "expected",
    )  # fmt: skip
    schema = {name: pl.Int64 if name == "n_shots" else pl.String for name in names}
    rows = []
    for item in found:
        condition = item.condition
        chat = json.dumps([asdict(message) for message in messages(item)], ensure_ascii=False)
        repeat = None if condition.repeat_fmt is None else condition.repeat_fmt.name
        rows.append(
            (
                item.case.case_id, condition.name, condition.in_fmt.name, repeat, condition.out_fmt.name,
                condition.n_shots, condition.system, chat, expected_text(item),
            )
        )  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")
