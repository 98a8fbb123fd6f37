"""``tokbench run exactness``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.cli._execute import execute
from tokbench.cli._options import (
    DataOption,
    LawsOption,
    OutOption,
    OverwriteOption,
    Profile,
    ProfileOption,
    SeedOption,
    Segmenter,
    TokenizerOption,
    tokenizer_plan,
)
from tokbench.errors import OptionError

if TYPE_CHECKING:
    from tokbench.suites.exactness.suite import ExactnessPlan
    from tokbench.suites.part import Plan

__all__ = ["exactness"]


def _parts(parts: str | None, model: Sequence[str] | None) -> list[str]:
    """The sides of the suite that are run."""
    wanted = ["bias" if model else "tokenizer"] if parts is None else parts.split(",")
    unknown = [part for part in wanted if part not in {"tokenizer", "bias"}]
    if unknown:
        raise OptionError("parts", unknown[0], "tokenizer or bias, joined by commas")
    if "bias" in wanted and not model:
        raise OptionError("model", "", "a model over tokens for the part bias, for example ngram:tiny")
    if model and "bias" not in wanted:
        raise OptionError("parts", parts, "bias among them: --model is for that part")
    return wanted


def _plans(
    parts: Sequence[str],
    models: Sequence[str],
    tokenizers: Sequence[str],
    profile: str,
    seed: int,
    *,
    start: str | None,
    make_plan: Callable[[], ExactnessPlan],
) -> list[tuple[Plan, tuple[str, ...]]]:
    """Each plan with the tokenizers that it is run over."""
    found: list[tuple[Plan, tuple[str, ...]]] = []
    if "tokenizer" in parts:
        plan = make_plan()
        found.append((plan, tuple(tokenizers or plan.definition.default_tokenizers)))
    if "bias" in parts:
        from tokbench.models import load_model
        from tokbench.suites.exactness.bias_plan import BiasPlan

        for model in dict.fromkeys(models):
            specs = tuple(tokenizers)
            if not specs:
                own = load_model(model).tokenizer_spec
                if own is None:
                    raise OptionError("tokenizer", "", f"a tokenizer: {model} does not say which is its own")
                specs = (own,)
            found.append((BiasPlan.build(model=model, profile=profile, seed=seed, start=start), specs))
    return found


def exactness(  # noqa: PLR0913, PLR0917, options of a command line
    tokenizer: TokenizerOption = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="SPEC", help="A model over tokens: measure its byte probabilities."),
    ] = None,
    parts: Annotated[
        str | None, typer.Option(metavar="PART,PART", help="tokenizer, bias; default: bias with --model.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="IDS|text:TEXT", help="Start context for models without a start token.")
    ] = None,
    profile: ProfileOption = Profile.core,
    out: OutOption = Path("runs"),
    seed: SeedOption = 0,
    reference: Annotated[
        list[str] | None, typer.Option(metavar="SPEC", help="Another engine to compare ids with; repeat for more.")
    ] = None,
    text: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Measure intrinsic metrics on this UTF-8 text too.")
    ] = None,
    parallel: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Line-aligned translations, joined by commas; the first is the base."),
    ] = None,
    segmenter: Annotated[
        Segmenter, typer.Option(help="What counts as a word in --text and --parallel; none leaves word metrics out.")
    ] = Segmenter.whitespace,
    data: DataOption = None,
    laws: LawsOption = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 is one for each core.")] = 0,
    *,
    by_bytes: Annotated[bool, typer.Option("--by-bytes", help="Compare cuts where ids differ by vocabulary.")] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Hold tokenizers, or byte probabilities of models, against what is exact.

    The same command continues where an interrupted one stopped.
    """
    plans = _plans(
        _parts(parts, model), model or [], tokenizer or [], profile, seed, start=start,
        make_plan=lambda: tokenizer_plan(
            profile, seed, laws=laws, texts=text or (), parallel=parallel, segmenter=segmenter, data=data,
            references=reference or (), by_bytes=by_bytes,
        ),
    )  # fmt: skip
    execute(plans, out=out, lenient=not tokenizer, overwrite=overwrite, processes=jobs)
