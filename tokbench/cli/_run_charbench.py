"""``tokbench run charbench``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.cli._common import console
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
    from tokbench.suites.charbench.plan import CharbenchPlan

__all__ = ["charbench"]


class Gold(StrEnum):
    """How gold answers are spread."""

    balanced = "balanced"
    natural = "natural"


class Mode(StrEnum):
    """How a model answers."""

    generate = "generate"
    loglik = "loglik"


class Unit(StrEnum):
    """What counts as a character."""

    codepoint = "codepoint"
    grapheme = "grapheme"


class Duplicates(StrEnum):
    """What happens where a recording has two answers to one item."""

    error = "error"
    last = "last"


_REASONING_TOKENS = None
_ANSWER_TOKENS = 64
_OPEN_PROMPTS = frozenset({"charbench-2025"})
"""Wordings whose study set no limit."""


def _rows(items: str | None) -> Path | None:
    if items is None:
        return None
    kind, colon, path = items.partition(":")
    if kind != "charbench-csv" or not colon or not path:
        raise OptionError("items", items, "charbench-csv:FILE, the published rows")
    return Path(path)


def charbench(  # noqa: PLR0913, PLR0917, options of a command line
    tokenizer: TokenizerOption = None,
    model: ModelOption = None,
    profile: ProfileOption = Profile.core,
    gold: Annotated[Gold, typer.Option(help="Gold answers: evenly spread, or as words have them.")] = Gold.balanced,
    tasks: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="paper, standard, all, or names of tasks.")
    ] = "standard",
    prompt: Annotated[
        str, typer.Option(metavar="ID", help="Wording: plain, plain-b, plain-c, completion, charbench-2025.")
    ] = "plain",
    mode: Annotated[Mode, typer.Option(help="Ask, or compare log-probabilities of answers.")] = Mode.generate,
    words: Annotated[
        str, typer.Option(metavar="SOURCE", help="builtin:en-scowl-95, wordfreq:LANG or file:PATH.")
    ] = "builtin:en-scowl-95",
    unit: Annotated[Unit, typer.Option(help="What counts as a character.")] = Unit.codepoint,
    items: Annotated[
        str | None, typer.Option(metavar="charbench-csv:FILE", help="Ask the published rows instead of own items.")
    ] = None,
    out: OutOption = Path("runs"),
    seed: SeedOption = 0,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Longest answer; 64, without limit with --reasoning.")
    ] = None,
    temperature: TemperatureOption = 0.0,
    base_url: BaseUrlOption = None,
    concurrency: ConcurrencyOption = None,
    timeout: TimeoutOption = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Names of the columns of a replay: file, as TOML.")
    ] = None,
    on_duplicate: Annotated[
        Duplicates | None, typer.Option(help="Two different answers to one item in a replay: file.")
    ] = None,
    *,
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Leave the length of answers to the model.")] = False,
    items_only: Annotated[bool, typer.Option("--items-only", help="Items and features, no model.")] = False,
    require_features: Annotated[
        bool, typer.Option("--require-features", help="A tokenizer without exact spans is an error.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how much would be asked, and what trivial answers score; then stop.")
    ] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Ask models for the characters of words, beside what their tokenizer made of the words.

    Every score stands beside the best trivial answer. What came back is kept as it comes: the same command continues
    after any end, asks nothing twice, and tries failed requests again.
    """
    from tokbench.models.completion import Decoding
    from tokbench.models.completions import check_model_spec
    from tokbench.suites.charbench.plan import CharbenchPlan
    from tokbench.suites.charbench.scripted import NAMES

    models: list[str | None] = list(dict.fromkeys(model or []))
    if items_only and models:
        raise OptionError("items-only", True, "no --model beside it")  # noqa: FBT003, the value of a flag
    if not models and not items_only and not dry_run:
        raise OptionError("model", "", "a model, for example ngram:tiny or openai:NAME; --items-only needs none")
    given = {
        "base_url": base_url, "concurrency": concurrency, "timeout": timeout,
        "mapping": None if mapping is None else str(mapping),
        "on_duplicate": None if on_duplicate is None else on_duplicate.value,
    }  # fmt: skip
    options = tuple((name, value) for name, value in given.items() if value is not None)
    unlimited = reasoning or prompt in _OPEN_PROMPTS
    decoding = Decoding(
        max_tokens=max_tokens or (_REASONING_TOKENS if unlimited else _ANSWER_TOKENS),
        temperature=temperature,
        stop=("\n",) if prompt == "completion" else (),
        seed=seed,
    )
    plans: list[tuple[CharbenchPlan, tuple[str, ...]]] = []
    for spec in models or [None]:
        plan = CharbenchPlan(
            profile=profile.value, seed=seed, gold=gold.value, tasks=tuple(tasks.split(",")), prompt=prompt,
            mode=mode.value, words=words, unit=unit.value, model=spec, model_options=options, decoding=decoding,
            rows=_rows(items), require_features=require_features,
        )  # fmt: skip
        plan.check()
        if spec is not None and not dry_run:
            check_model_spec(spec, NAMES, **dict(options))
        plans.append((plan, tokenizers_of(tokenizer, spec, otherwise=("bytes",))))
    if dry_run:
        from tokbench._terminal.charbench import dry_run_tables

        for plan, specs in plans:
            for table in dry_run_tables(plan, specs):
                console().print(table)
        return
    execute(plans, out=out, lenient=False, overwrite=overwrite, processes=1)
