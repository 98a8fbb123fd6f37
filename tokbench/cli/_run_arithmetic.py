"""``tokbench run arithmetic``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.cli._execute import execute
from tokbench.cli._options import (
    BaseUrlOption,
    ConcurrencyOption,
    ModelOption,
    OutOption,
    OverwriteOption,
    Profile,
    ProfileOption,
    SeedOption,
    TemperatureOption,
    TimeoutOption,
    TokenizerOption,
    tokenizers_of,
)
from tokbench.errors import OptionError

if TYPE_CHECKING:
    from tokbench.suites.arithmetic.item import Condition
    from tokbench.suites.arithmetic.plan import ArithmeticPlan

__all__ = ["arithmetic"]


class Mode(StrEnum):
    """What question, reply and answer have to do with each other."""

    plain = "plain"
    io = "io"
    repeat = "repeat"


class System(StrEnum):
    """System messages."""

    helpful = "helpful"
    mathgpt = "mathgpt"
    none = "none"


class Check(StrEnum):
    """What happens where a recorded question is not the one that its numbers and format make."""

    refuse = "error"
    tally = "count"


def _numbers(text: str) -> tuple[int, ...]:
    """Numbers of solved calculations, joined by commas."""
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise OptionError("shots", text, "numbers from 0 to 16 joined by commas, for example 8 or 1,2,4,8")
    return tuple(int(part) for part in parts)


def _conditions(
    profile: str,
    mode: str,
    formats: str | None,
    in_format: str | None,
    repeat: str | None,
    answer: str | None,
    shots: tuple[int, ...],
    base: Condition,
) -> tuple[tuple[Condition, ...], bool]:
    """The conditions of a command, and whether they were asked for by name."""
    from tokbench.suites.arithmetic.conditions import mixed_condition, standard_conditions
    from tokbench.suites.arithmetic.strata import profile_of

    given = {"in": in_format, "repeat": repeat, "answer": answer}
    if mode == "plain":
        for name, value in given.items():
            if value is not None:
                raise OptionError(name, value, "--mode io or --mode repeat beside it; --formats names those of plain")
        names = tuple(formats.split(",")) if formats is not None else profile_of(profile).formats
        return standard_conditions(names, shots, base), formats is not None
    if formats is not None:
        raise OptionError("formats", formats, f"--in and --answer with --mode {mode}, one format each")
    if mode == "io" and repeat is not None:
        raise OptionError("repeat", repeat, "--mode repeat beside it")
    wanted = ("in", "answer") if mode == "io" else ("in", "repeat", "answer")
    for name in wanted:
        if given[name] is None:
            raise OptionError(name, "", f"a format, for example --{name} comma_r2l: --mode {mode} has no usual one")
    return tuple(mixed_condition(in_format or "", answer or "", repeat, count, base) for count in shots), True


def arithmetic(  # noqa: PLR0913, PLR0917, options of a command line
    tokenizer: TokenizerOption = None,
    model: ModelOption = None,
    profile: ProfileOption = Profile.core,
    formats: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Formats of numbers; those of the profile by default.")
    ] = None,
    shots: Annotated[str, typer.Option(metavar="K,K", help="Solved calculations before the question.")] = "8",
    mode: Annotated[
        Mode, typer.Option(help="One format; another one for the answer; or a repeat of the question before it.")
    ] = Mode.plain,
    in_format: Annotated[str | None, typer.Option("--in", metavar="NAME", help="Format of the question.")] = None,
    repeat: Annotated[str | None, typer.Option("--repeat", metavar="NAME", help="Format of the repeat.")] = None,
    answer: Annotated[str | None, typer.Option("--answer", metavar="NAME", help="Format of the answer.")] = None,
    blocks: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="addition, parity, subtraction, product, twins, scripts, grouping."),
    ] = None,
    system: Annotated[System, typer.Option(help="System message.")] = System.helpful,
    out: OutOption = Path("runs"),
    seed: SeedOption = 0,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Longest reply; twice the expected one and 8 by default.")
    ] = None,
    temperature: TemperatureOption = 0.0,
    base_url: BaseUrlOption = None,
    concurrency: ConcurrencyOption = None,
    timeout: TimeoutOption = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Grade a replay: file as it is: singh2024, or a mapping of columns, FILE.toml."
        ),
    ] = None,
    check_messages: Annotated[
        Check, typer.Option(help="Recorded questions that their numbers do not make: refuse or count them.")
    ] = Check.refuse,
    *,
    flip_query: Annotated[bool, typer.Option("--flip-query", help="Operands of the question change places.")] = False,
    flip_shots: Annotated[bool, typer.Option("--flip-shots", help="Operands of the shots change places.")] = False,
    items_only: Annotated[bool, typer.Option("--items-only", help="Write the items, and ask nothing.")] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Find out how tokenizers cut numbers, and whether the direction decides what models make of sums.

    Without a model the cuts of the tokenizer alone are measured. What came back from a model is kept as it comes: the
    same command continues after any end, asks nothing twice, and tries failed requests again.
    """
    from tokbench._terminal.arithmetic import summary_tables
    from tokbench.models.completion import Decoding
    from tokbench.models.completions import check_model_spec
    from tokbench.suites.arithmetic.formats import parse_format
    from tokbench.suites.arithmetic.item import Condition
    from tokbench.suites.arithmetic.plan import ArithmeticPlan
    from tokbench.suites.arithmetic.scripted import NAMES

    models: list[str | None] = list(dict.fromkeys(model or []))
    if items_only and models:
        raise OptionError("items-only", True, "no --model beside it")  # noqa: FBT003, the value of a flag
    plain = parse_format("nosep")
    base = Condition(
        in_fmt=plain, out_fmt=plain, system="" if system is System.none else system.value,
        flip_query=flip_query, flip_shots=flip_shots,
    )  # fmt: skip
    conditions, explicit = _conditions(
        profile.value, mode.value, formats, in_format, repeat, answer, _numbers(shots), base
    )
    given = {"base_url": base_url, "concurrency": concurrency, "timeout": timeout}
    options = tuple((name, value) for name, value in given.items() if value is not None)
    plans: list[tuple[ArithmeticPlan, tuple[str, ...]]] = []
    for spec in models or [None]:
        plan = ArithmeticPlan(
            profile=profile.value, seed=seed, conditions=conditions, explicit=explicit,
            blocks=tuple(blocks.split(",")) if blocks else (), model=spec, model_options=options,
            decoding=Decoding(max_tokens=max_tokens, temperature=temperature, seed=seed), mapping=mapping or "",
            check_messages="count" if check_messages is Check.tally else "error", items_only=items_only,
        )  # fmt: skip
        plan.check()
        plans.append((plan, tokenizers_of(tokenizer, spec, otherwise=("bytes",) if items_only else ())))
        if spec is not None and mapping is None:
            check_model_spec(spec, NAMES, **dict(options))
    execute(
        plans, out=out, lenient=not tokenizer and not models, overwrite=overwrite, processes=1, summary=summary_tables
    )
