"""``tokbench bytes``: what a model over tokens says of bytes."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tokbench.cli._bytes_input import constraint_of, load, numbers, prompt_bytes, span, texts, unescaped
from tokbench.cli._common import EXIT_INTERRUPTED, console
from tokbench.errors import OptionError

__all__ = ["app"]

app = typer.Typer(
    name="bytes",
    help="Exact byte probabilities of a model over tokens: next byte, scores, text, ensembles, infilling.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Reading(StrEnum):
    """Which covers of a text count."""

    canonical = "canonical"
    canonical_context = "canonical_context"
    all = "all"


class Renormalise(StrEnum):
    """What is done with the mass that no symbol gets."""

    default = "default"
    none = "none"
    byte = "byte"
    token = "token"  # noqa: S105, not a secret


class Join(StrEnum):
    """How an ensemble joins its members."""

    mean = "mean"
    product = "product"
    mixture = "mixture"


class Layout(StrEnum):
    """Order of prefix, suffix and middle."""

    plain = "plain"
    psm = "psm"
    spm = "spm"


PromptArgument = Annotated[
    str, typer.Argument(metavar="PROMPT", help="Text; - reads standard input, any bytes. It may end inside a token.")
]
ModelOption = Annotated[
    str, typer.Option("--model", "-m", metavar="SPEC", help="ngram:tiny, hf:./folder, scripted:hash?tokenizer=SPEC.")
]
TokenizerOption = Annotated[
    str | None, typer.Option("--tokenizer", "-t", metavar="SPEC", help="The model's tokenizer, where it names none.")
]
ReadingOption = Annotated[Reading, typer.Option(help="Which covers of a text count.")]
RenormaliseOption = Annotated[
    Renormalise, typer.Option(help="Leaked mass; default: byte for distributions, none for scores.")
]
EpsOption = Annotated[float | None, typer.Option(help="Proved bound of the error; 0 is exact. Default: 0, all: 1e-3.")]
PerByteBudget = Annotated[float | None, typer.Option("--positions-per-byte", help="Budget of the model.")]
TotalBudget = Annotated[int | None, typer.Option("--max-positions", help="Budget of the model in all.")]
StartOption = Annotated[
    str | None, typer.Option(metavar="IDS|text:TEXT", help="Context in front, for models without a start token.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit with 3 when a value misses eps in the budget.")]
Utf8Option = Annotated[bool, typer.Option("--utf8-only", help="Only what continues valid UTF-8.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable.")]
EscapesOption = Annotated[
    bool, typer.Option("--escapes", help=r"Backslash escapes in the prompt: \n; \xC3 is a byte, \u00E9 a character.")
]
HexOption = Annotated[bool, typer.Option("--hex", help="The prompt is bytes in hexadecimal.")]
StopOption = Annotated[list[str] | None, typer.Option(help=r"End in front of this text; \n is understood. Repeat.")]
SeedOption = Annotated[int, typer.Option(help="Seed of the draws.")]
MaxBytesOption = Annotated[int, typer.Option(min=0, help="Most bytes of output.")]


@app.command("next")
def next_byte(  # noqa: PLR0913, options of a command line
    prompt: PromptArgument,
    model: ModelOption,
    tokenizer: TokenizerOption = None,
    reading: ReadingOption = Reading.canonical,
    renormalise: RenormaliseOption = Renormalise.default,
    eps: EpsOption = None,
    positions_per_byte: PerByteBudget = None,
    max_positions: TotalBudget = None,
    start: StartOption = None,
    top: Annotated[int, typer.Option(min=1, help="Symbols to show.")] = 20,
    *,
    naive: Annotated[
        bool, typer.Option("--naive", help="Beside it: encode the prompt and look at the next token.")
    ] = False,
    utf8_only: Utf8Option = False,
    strict: StrictOption = False,
    escapes: EscapesOption = False,
    as_hex: HexOption = False,
    as_json: JsonOption = False,
) -> None:
    """The distribution of the next byte, with proved bounds."""
    from tokbench._terminal.bytes_next import NextView

    data = prompt_bytes(prompt, escapes=escapes, as_hex=as_hex)
    byte_model = load(
        model, tokenizer, reading, renormalise, eps=eps, per_byte=positions_per_byte, total=max_positions,
        start=start, utf8_only=utf8_only, strict=strict,
    )  # fmt: skip
    view = NextView.of(byte_model, data, naive=naive)
    if as_json:
        typer.echo(json.dumps(view.as_json(top), indent=2))
    else:
        console().print(view.render(top))


@app.command()
def score(  # noqa: PLR0913, PLR0917, options of a command line
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of any bytes; - reads standard input.")],
    model: ModelOption,
    tokenizer: TokenizerOption = None,
    reading: ReadingOption = Reading.canonical,
    renormalise: RenormaliseOption = Renormalise.default,
    eps: EpsOption = None,
    positions_per_byte: PerByteBudget = None,
    max_positions: TotalBudget = None,
    start: StartOption = None,
    given: Annotated[
        str, typer.Option(metavar="TEXT", help=r"Context in front of the file, not scored; \n is understood.")
    ] = "",
    given_bytes: Annotated[int, typer.Option(min=0, help="The first N bytes are context, too.")] = 0,
    window: Annotated[
        int | None, typer.Option(min=1, help="Score in parts behind at least so many bytes of left context.")
    ] = None,
    per_byte: Annotated[
        Path | None, typer.Option(metavar="OUT.parquet", help="Write offset, byte and log-probability of each byte.")
    ] = None,
    *,
    end: Annotated[bool, typer.Option("--end", help="The text has to end there.")] = False,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bits and bits per byte of a text; the same wherever it is cut."""
    from tokbench._terminal.bytes_score import ScoreView, read_bytes, writable, write_steps

    data = read_bytes(file)
    if per_byte is not None:
        writable(per_byte)
    byte_model = load(
        model, tokenizer, reading, renormalise, eps=eps, per_byte=positions_per_byte, total=max_positions,
        start=start, strict=strict,
    )  # fmt: skip
    try:
        view = ScoreView.of(
            byte_model, data, given_bytes, before=unescaped(given), end=end,
            per_byte=per_byte is not None, window=window, screen=console(stderr=True),
        )  # fmt: skip
    except KeyboardInterrupt:
        console(stderr=True).print("interrupted: nothing was written", style="yellow")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if per_byte is not None:
        write_steps(view, per_byte)
    if as_json:
        typer.echo(json.dumps(view.as_json(), indent=2))
    else:
        console().print(view.render())


@app.command()
def generate(  # noqa: PLR0913, PLR0917, options of a command line
    prompt: PromptArgument,
    model: ModelOption,
    tokenizer: TokenizerOption = None,
    reading: ReadingOption = Reading.canonical,
    renormalise: RenormaliseOption = Renormalise.default,
    start: StartOption = None,
    max_bytes: MaxBytesOption = 200,
    temperature: Annotated[float, typer.Option(help="Of the byte distribution; 0 takes the likeliest byte.")] = 1.0,
    top_p: Annotated[float, typer.Option(help="Fewest bytes whose probability reaches this.")] = 1.0,
    seed: SeedOption = 0,
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="Number of continuations.")] = 1,
    stop: StopOption = None,
    regex: Annotated[str | None, typer.Option(help="The output matches this regular expression.")] = None,
    choices: Annotated[
        list[str] | None,
        typer.Option("--choice", "--choices", metavar="TEXT", help="The output is one of these; repeat."),
    ] = None,
    *,
    utf8_only: Utf8Option = False,
    escapes: EscapesOption = False,
    as_hex: HexOption = False,
    as_json: JsonOption = False,
) -> None:
    """Continue a prompt byte by byte; it may end inside a token."""
    from tokbench._terminal.bytes_text import completions, completions_json

    data = prompt_bytes(prompt, escapes=escapes, as_hex=as_hex)
    byte_model = load(model, tokenizer, reading, renormalise, start=start, utf8_only=utf8_only)
    found = byte_model.generate(
        [data] * n, max_bytes=max_bytes, temperature=temperature, top_p=top_p, stop=texts(stop),
        constraint=constraint_of(regex, choices), seed=seed,
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(completions_json(byte_model, data, found), indent=2))
    else:
        console().print(completions(byte_model, data, found))


@app.command()
def sample(
    prompt: PromptArgument,
    model: ModelOption,
    tokenizer: TokenizerOption = None,
    reading: ReadingOption = Reading.canonical,
    start: StartOption = None,
    max_bytes: MaxBytesOption = 64,
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="Number of continuations.")] = 8,
    seed: SeedOption = 0,
    *,
    escapes: EscapesOption = False,
    as_hex: HexOption = False,
    as_json: JsonOption = False,
) -> None:
    """Draw continuations of a prompt at temperature 1."""
    from tokbench._terminal.bytes_text import completions, completions_json

    data = prompt_bytes(prompt, escapes=escapes, as_hex=as_hex)
    byte_model = load(model, tokenizer, reading, start=start)
    found = byte_model.sample(data, n=n, seed=seed, max_bytes=max_bytes)
    if as_json:
        typer.echo(json.dumps(completions_json(byte_model, data, found), indent=2))
    else:
        console().print(completions(byte_model, data, found))


@app.command()
def ensemble(  # noqa: PLR0913, options of a command line
    prompt: PromptArgument,
    model: Annotated[list[str], typer.Option("--model", "-m", metavar="SPEC", help="A member; repeat for each.")],
    tokenizer: Annotated[
        list[str] | None, typer.Option("--tokenizer", "-t", metavar="SPEC", help="Its tokenizer, in the same order.")
    ] = None,
    join: Annotated[Join, typer.Option(help="How the members are joined at every byte.")] = Join.mean,
    weights: Annotated[str | None, typer.Option(metavar="W,W", help="One weight for each member.")] = None,
    reading: ReadingOption = Reading.canonical,
    max_bytes: Annotated[int, typer.Option(min=0, help="Continue the prompt by at most so many bytes.")] = 0,
    temperature: Annotated[float, typer.Option(help="Of the joined distribution.")] = 1.0,
    seed: SeedOption = 0,
    top: Annotated[int, typer.Option(min=1, help="Symbols to show.")] = 20,
    *,
    escapes: EscapesOption = False,
    as_hex: HexOption = False,
    as_json: JsonOption = False,
) -> None:
    """The next byte of several models with different vocabularies, joined byte by byte."""
    from tokbench._terminal.bytes_ensemble import EnsembleView
    from tokbench.bytelevel.ensemble import Ensemble

    data = prompt_bytes(prompt, escapes=escapes, as_hex=as_hex)
    specs = list(tokenizer or ()) + [None] * (len(model) - len(tokenizer or ()))
    if len(specs) > len(model):
        raise OptionError("tokenizer", tuple(tokenizer or ()), f"at most {len(model)}, one for each --model")
    members = [load(name, own, reading) for name, own in zip(model, specs, strict=True)]
    joined = Ensemble(members, join=join.value, weights=numbers(weights))
    view = EnsembleView.of(joined, model, data, max_bytes=max_bytes, temperature=temperature, seed=seed)
    if as_json:
        typer.echo(json.dumps(view.as_json(top), indent=2))
    else:
        console().print(view.render(top))


@app.command()
def infill(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file; - reads standard input.")],
    model: ModelOption,
    at: Annotated[str, typer.Option(metavar="FROM:TO", help="Bytes to take out and fill in again.")],
    tokenizer: TokenizerOption = None,
    layout: Annotated[Layout, typer.Option(help="plain: the prefix alone; psm, spm: with the suffix.")] = Layout.plain,
    family: Annotated[str | None, typer.Option(help="Family of special tokens; the first that fits.")] = None,
    rows: Annotated[str, typer.Option(metavar="ROW,ROW", help="naive, healing, exact.")] = "naive,healing,exact",
    max_bytes: MaxBytesOption = 64,
    stop: StopOption = None,
    k: Annotated[int, typer.Option("--k", min=1, help="Tokens that healing drops.")] = 1,
    *,
    as_json: JsonOption = False,
) -> None:
    """Fill in a hole in a file, naively, with token healing, and exactly."""
    from tokbench._terminal.bytes_infill import InfillView
    from tokbench._terminal.bytes_score import read_bytes

    data = read_bytes(file)
    first, last = span(at, len(data))
    loaded = load(model, tokenizer, Reading.canonical)
    view = InfillView.of(
        loaded, data, first, last, layout=layout.value, family=family, rows=tuple(rows.split(",")),
        max_bytes=max_bytes, stop=texts(stop) or [b"\n"], k=k,
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(view.as_json(), indent=2))
    else:
        console().print(view.render())
