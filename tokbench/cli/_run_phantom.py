"""``tokbench run phantom``."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from tokbench.suites.phantom.plan import PhantomPlan

__all__ = ["phantom"]

_SAMPLING = (1.0, 0.9)
"""Temperature and top-p of the study; its top-k of 50 is no option of the models here."""

_FRAME_TOKENS, _ARTICLE_TOKENS = 256, 2048
"""Longest reply: several times the passage, bytes included."""


def phantom(  # noqa: PLR0913, PLR0917, options of a command line
    tokenizer: TokenizerOption = None,
    model: ModelOption = None,
    profile: ProfileOption = Profile.core,
    markings: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="bracket, ordinal, copy, quoted, offsets.")
    ] = None,
    articles: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Your own articles: a folder of .txt, or .jsonl with text.")
    ] = None,
    out: OutOption = Path("runs"),
    seed: SeedOption = 0,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Longest reply; 256, with --articles 2048.")
    ] = None,
    temperature: TemperatureOption = 0.0,
    top_p: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the probability that is drawn from.")] = 1.0,
    base_url: BaseUrlOption = None,
    concurrency: ConcurrencyOption = None,
    timeout: TimeoutOption = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Names of the columns of a replay: file, as TOML.")
    ] = None,
    experiment: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="mask: forbid the ids of phantom edits; equivalence: same text, other ids."),
    ] = None,
    mask_variant: Annotated[
        str, typer.Option(metavar="NAME", help="Ids that mask forbids: new, all or first of an edit.")
    ] = "new",
    mask_cap: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many of them.")] = None,
    draws: Annotated[int, typer.Option(min=1, metavar="N", help="Uniform draws of equivalence.")] = 8,
    *,
    sampling: Annotated[
        bool, typer.Option("--sampling-paper", help="Temperature 1 and top-p 0.9, as in the study.")
    ] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Ask models to replace marked words, and see which came back as the same text under other token ids.

    Without --model: where such edits can come from in a tokenizer. Ids are only those that the model emitted; replies
    without ids are graded on their text.
    """
    from tokbench._terminal.phantom import summary_tables
    from tokbench.models.completion import Decoding
    from tokbench.models.completions import check_model_spec
    from tokbench.suites.phantom.equivalence import RESPONDERS
    from tokbench.suites.phantom.experiments import ExperimentSettings
    from tokbench.suites.phantom.plan import PhantomPlan
    from tokbench.suites.phantom.scripted import NAMES

    given = {
        "base_url": base_url, "concurrency": concurrency, "timeout": timeout,
        "mapping": None if mapping is None else str(mapping),
    }  # fmt: skip
    options = tuple((name, value) for name, value in given.items() if value is not None)
    if sampling:
        temperature, top_p = _SAMPLING
    longest = max_tokens or (_ARTICLE_TOKENS if articles else _FRAME_TOKENS)
    decoding = Decoding(max_tokens=longest, temperature=temperature, top_p=top_p, seed=seed)
    experiments = ExperimentSettings(
        names=tuple(dict.fromkeys(experiment or ())), mask_variant=mask_variant, mask_cap=mask_cap, draws=draws,
        profile=profile.value, seed=seed,
    )  # fmt: skip
    models: list[str | None] = list(dict.fromkeys(model or [])) or [None]
    plans: list[tuple[PhantomPlan, tuple[str, ...]]] = []
    for spec in models:
        plan = PhantomPlan(
            profile=profile.value, seed=seed, markings=tuple(markings.split(",")) if markings else (), model=spec,
            model_options=options, decoding=decoding, articles=articles, experiments=experiments,
        )  # fmt: skip
        plan.check()
        if spec is not None:
            check_model_spec(spec, (*NAMES, *RESPONDERS), **dict(options))
        plans.append((plan, tokenizers_of(tokenizer, spec)))
    execute(
        plans, out=out, lenient=not tokenizer and not model, overwrite=overwrite, processes=1, summary=summary_tables
    )
