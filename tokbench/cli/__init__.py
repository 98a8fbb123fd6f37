"""The command line: ``tokbench run | analyze | compare | check | segment | bytes | tokenizers | models | report``.

Exit status: 0 done and good, 1 a check failed, 2 usage or input, 3 nothing could be done, or a value missed its bound.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tokbench.cli._analyze import analyze
from tokbench.cli._bytes import app as bytes_app
from tokbench.cli._common import EXIT_USAGE, console, text_argument
from tokbench.cli._compare import compare
from tokbench.cli._import import import_inspect, import_lm_eval, lm_eval_path
from tokbench.cli._options import (
    Format,
    LawsOption,
    Profile,
    ProfileOption,
    SeedOption,
    TokenizerOption,
    tokenizer_plan,
)
from tokbench.cli._run_arithmetic import arithmetic
from tokbench.cli._run_charbench import charbench
from tokbench.cli._run_exactness import exactness
from tokbench.cli._run_phantom import phantom
from tokbench.errors import OptionError, TokbenchError

__all__ = ["app", "main"]

app = typer.Typer(
    name="tokbench",
    help="What tokenization does to text, to tokenizer engines and to language models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
runs = typer.Typer(
    help="Run a suite; the same command continues where an interrupted one stopped.", no_args_is_help=True
)
runs.command()(exactness)
runs.command()(charbench)
runs.command()(arithmetic)
runs.command()(phantom)
app.add_typer(runs, name="run")
app.add_typer(bytes_app)
app.command()(analyze)
app.command()(compare)
app.command("import-inspect")(import_inspect)
app.command("import-lm-eval")(import_lm_eval)
app.command("lm-eval-path")(lm_eval_path)


def _version(value: bool) -> None:  # noqa: FBT001, the form that typer calls
    if value:
        from importlib.metadata import version

        typer.echo(f"tokbench {version('tokbench')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """What tokenization does to text, to tokenizer engines and to language models."""


@app.command()
def tokenizers(*, as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False) -> None:
    """List what can be loaded here, and what would need which extra or file."""
    from dataclasses import asdict

    from tokbench.tokenizers import list_tokenizers

    rows = list_tokenizers()
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    from tokbench._terminal.tables import listing_table

    console().print(listing_table(rows))


@app.command()
def models(*, as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False) -> None:
    """List models that can be asked here, and what would need which extra, file or server."""
    from dataclasses import asdict

    from tokbench.models.completions import list_completion_models
    from tokbench.suites.arithmetic import scripted as arithmetic_scripted
    from tokbench.suites.charbench import scripted as charbench_scripted
    from tokbench.suites.phantom import equivalence
    from tokbench.suites.phantom import scripted as phantom_scripted

    rows = list_completion_models(
        {*charbench_scripted.NAMES, *arithmetic_scripted.NAMES, *phantom_scripted.NAMES, *equivalence.RESPONDERS}
    )
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    from tokbench._terminal.tables import listing_table

    console().print(listing_table(rows, what="model"))


@app.command()
def segment(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text; - reads standard input.")],
    tokenizer: TokenizerOption = None,
    *,
    ids: Annotated[bool, typer.Option("--ids", help="One row a token, with id and kind.")] = False,
    data: Annotated[bool, typer.Option("--bytes", help="One row a token, with bytes and span.")] = False,
    escapes: Annotated[bool, typer.Option("--escapes", help="Read backslash escapes in TEXT: 'a\\u2581b'.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Count all segmentations into tokens, exactly.")] = False,
    kbest: Annotated[int, typer.Option(min=0, help="List so many segmentations, fewest tokens first.")] = 0,
    sample: Annotated[int, typer.Option(min=0, help="Draw so many segmentations, each equally likely.")] = 0,
    seed: SeedOption = 0,
    within: Annotated[
        bool, typer.Option("--within-pretokens", help="Only segmentations that cross no boundary of a pre-token.")
    ] = False,
    contexts: Annotated[
        bool,
        typer.Option("--canonical-contexts", help="For each byte the tokens that may stand before it canonically."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Show how tokenizers cut a text, side by side, and how else it could be cut."""
    from tokbench._terminal.lattice import LatticeRequest, LatticeView
    from tokbench._terminal.segmentation import first_difference, segmentation
    from tokbench._terminal.segmentation import segment as segments_of
    from tokbench.tokenizers import load_tokenizer

    wanted = text_argument(text, escapes=escapes)
    loaded = [load_tokenizer(spec) for spec in tokenizer or _default_segmenters()]
    all_segments = [segments_of(entry, wanted) for entry in loaded]
    request = LatticeRequest(count=count, kbest=kbest, sample=sample, seed=seed, within=within, contexts=contexts)
    views = [LatticeView(entry, wanted, request) if request else None for entry in loaded]
    if as_json:
        rows = [
            {
                "tokenizer": entry.info.spec,
                "tokens": [
                    {"id": piece.id, "kind": piece.kind, "span": piece.span}
                    | {"bytes": None if piece.data is None else piece.data.hex()}
                    for piece in segments
                ],
            }
            | ({"lattice": view.as_json()} if view else {})
            for entry, segments, view in zip(loaded, all_segments, views, strict=True)
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    screen = console()
    for entry, view in zip(loaded, views, strict=True):
        screen.print(segmentation(entry, wanted, console=screen, ids=ids, data=data))
        if view:
            screen.print(view.render())
    if len(loaded) > 1 and (offset := first_difference(all_segments)) is not None:
        screen.print(f"[dim]first cut that not all share: byte {offset}[/dim]")


def _default_segmenters() -> list[str]:
    import importlib.util

    found = ["tiktoken:@tiny.tiktoken?pattern=gpt2", "bytes"]
    if importlib.util.find_spec("mistral_common") is not None:
        found = ["mistral:tekken_240911", "mistral:v3", *found]
    return found


@app.command()
def check(
    spec: Annotated[str | None, typer.Argument(metavar="SPEC", help="The tokenizer under test.")] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Another engine on the same vocabulary: compare ids.")
    ] = None,
    profile: ProfileOption = Profile.smoke,
    laws: LawsOption = None,
    data: Annotated[
        Path | None, typer.Option("--vectors", envvar="TOKBENCH_DATA", metavar="DIR", help="Folder of expected ids.")
    ] = None,
    seed: SeedOption = 0,
    *,
    by_bytes: Annotated[bool, typer.Option("--by-bytes", help="The reference has other ids: compare cuts.")] = False,
    audit: Annotated[bool, typer.Option("--audit", help="Audit the vocabulary (core and full do).")] = False,
    growth: Annotated[bool, typer.Option("--growth", help="Let growth of time decide the exit status.")] = False,
    memory: Annotated[bool, typer.Option("--memory", help="Let growth of memory decide, too.")] = False,
    list_backends: Annotated[bool, typer.Option("--list", help="List backends and who provides them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Hold the conformance laws against one tokenizer; exit status 1 when one fails."""
    if list_backends:
        tokenizers(as_json=as_json)
        return
    if spec is None:
        raise OptionError("SPEC", "", "a tokenizer, for example hf:./tokenizer.json (tokbench tokenizers lists some)")
    from tokbench._terminal.check import run_check
    from tokbench.tokenizers import load_tokenizer

    plan = tokenizer_plan(
        profile, seed, laws=laws, data=data, references=(reference,) if reference else (), by_bytes=by_bytes
    )
    result = run_check(
        load_tokenizer(spec),
        plan,
        [load_tokenizer(entry) for entry in plan.references],
        audited=audit,
        growth=growth,
        memory=memory,
        console=console(stderr=True),
    )
    if as_json:
        typer.echo(json.dumps(result.as_json(), indent=2))
    else:
        result.show(console())
    raise typer.Exit(result.exit_status)


@app.command()
def report(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Directories of runs.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write; leaderboard.* in DIR by default.")
    ] = None,
    fmt: Annotated[
        list[Format] | None,
        typer.Option(
            "--format", help="html, markdown, csv, json or parquet; one goes to standard output without --out."
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    suite: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Only runs of these suites, joined by commas.")
    ] = None,
    suite_version: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Only runs of this version of a suite.")
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    only_check: Annotated[bool, typer.Option("--check", help="Validate the records and write nothing.")] = False,
) -> None:
    """Turn run directories into a leaderboard."""
    from tokbench._terminal.reporting import make_report

    raise typer.Exit(
        make_report(
            directories,
            out,
            [one.value for one in dict.fromkeys(fmt or [])],
            title=title,
            force=force,
            only_check=only_check,
            suites=tuple(suite.split(",")) if suite else (),
            suite_version=suite_version,
        )
    )


def main() -> None:
    """Entry point of the command ``tokbench``."""
    try:
        app()
    except TokbenchError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a file that vanished: nothing that a traceback would explain
        _say(str(error))
        with contextlib.suppress(OSError):  # what is still buffered would fail again on the way out
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_USAGE)


def _say(message: str) -> None:
    line = " ".join(message.split())
    sys.stderr.write(f"tokbench: {line}\n".encode("utf-8", "backslashreplace").decode())


if __name__ == "__main__":
    main()
