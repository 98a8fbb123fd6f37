"""Options that several commands share, and the plan that they make together."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.errors import OptionError

if TYPE_CHECKING:
    from tokbench.suites.exactness.suite import ExactnessPlan

__all__ = [
    "BaseUrlOption",
    "ConcurrencyOption",
    "DataOption",
    "Format",
    "LawsOption",
    "ModelOption",
    "OutOption",
    "OverwriteOption",
    "Profile",
    "ProfileOption",
    "SeedOption",
    "Segmenter",
    "TemperatureOption",
    "TimeoutOption",
    "TokenizerOption",
    "tokenizer_plan",
]


class Profile(StrEnum):
    """How much of a suite runs."""

    smoke = "smoke"
    core = "core"
    full = "full"


class Format(StrEnum):
    """Formats of a report."""

    html = "html"
    markdown = "markdown"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class Segmenter(StrEnum):
    """What counts as a word."""

    whitespace = "whitespace"
    uax29 = "uax29"
    none = "none"


TokenizerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tokenizer", "-t", metavar="SPEC", help="backend:locator, for example hf:./tokenizer.json; repeat for more."
    ),
]
ProfileOption = Annotated[Profile, typer.Option(help="How much runs: smoke (seconds), core, full (minutes).")]
OutOption = Annotated[Path, typer.Option(metavar="DIR", help="Directory of all runs.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Measure finished runs again.")]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="SPEC",
        help="hf:FOLDER, openai:NAME, replay:FILE, ngram:NAME, scripted:NAME; repeat for more.",
    ),
]
TemperatureOption = Annotated[float, typer.Option(min=0.0, help="0 takes the most probable token.")]
BaseUrlOption = Annotated[str | None, typer.Option(metavar="URL", help="Server of openai: models.")]
ConcurrencyOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Requests at a time (openai:).")]
TimeoutOption = Annotated[float | None, typer.Option(metavar="SECONDS", help="Limit of one request (openai:).")]
SeedOption = Annotated[int, typer.Option(help="Seed of everything that is drawn.")]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="TOKBENCH_DATA", metavar="DIR", help="Folder with third-party expected ids (vectors/)."
    ),
]
LawsOption = Annotated[
    str | None, typer.Option("--laws", metavar="IDS", help="Only these laws, joined by commas; -ID leaves one out.")
]


def tokenizer_plan(
    profile: str,
    seed: int,
    *,
    laws: str | None = None,
    texts: Sequence[Path] = (),
    parallel: str | None = None,
    segmenter: str = "whitespace",
    data: Path | None = None,
    references: Sequence[str] = (),
    by_bytes: bool = False,
) -> ExactnessPlan:
    """The tokenizer side of the suite exactness with the settings of one command."""
    from tokbench.suites.exactness.suite import ExactnessPlan

    return ExactnessPlan.build(
        profile=profile,
        seed=seed,
        laws=tuple(laws.split(",")) if laws else None,
        texts=tuple(texts),
        parallel=tuple(Path(part) for part in parallel.split(",")) if parallel else (),
        segmenter=None if segmenter == "none" else segmenter,
        data=data,
        references=tuple(references),
        by_bytes=by_bytes,
    )


def tokenizers_of(given: Sequence[str] | None, model: str | None, *, otherwise: Sequence[str] = ()) -> tuple[str, ...]:
    """The tokenizers of a command.

    Args:
        given: Those that were named.
        model: The model that is asked, or None for a run of tokenizers alone.
        otherwise: What a run of tokenizers alone takes where none is named; by default those of the suite exactness.

    Raises:
        OptionError: If the model does not say which tokenizer is its own.
        TokbenchError: If the model cannot be loaded.
    """
    if given:
        return tuple(given)
    if model is None:
        from tokbench.suites.definition import load_definition

        return tuple(otherwise) or load_definition().default_tokenizers
    from tokbench.models.completions import own_tokenizer

    found = own_tokenizer(model)
    if found is None:
        raise OptionError("tokenizer", "", f"the tokenizer of {model} (--tokenizer SPEC; bytes sees no tokens)")
    return (found,)
