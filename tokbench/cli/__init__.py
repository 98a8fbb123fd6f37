"""The command line: ``tokbench run | check | segment | tokenizers | report``.

Exit status: 0 done and good, 1 a check failed, 2 usage or input, 3 nothing could be done.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.errors import OptionError, TextInputError, TokbenchError

if TYPE_CHECKING:
    from rich.console import Console

    from tokbench.suites.exactness.suite import ExactnessPlan

__all__ = ["app", "main"]

EXIT_FAILED, EXIT_USAGE, EXIT_NOTHING, EXIT_INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    name="tokbench",
    help="What tokenization does to text, to tokenizer engines and to language models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Profile(StrEnum):
    """How much of a suite runs."""

    smoke = "smoke"
    core = "core"
    full = "full"


class SuiteName(StrEnum):
    """Suites that exist now."""

    exactness = "exactness"


class Format(StrEnum):
    """Formats of a report."""

    html = "html"
    markdown = "markdown"
    csv = "csv"
    json = "json"


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


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


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


def _text(argument: str, *, escapes: bool) -> str:
    """Text of a command-line argument; ``-`` reads standard input."""
    if argument == "-":
        data = sys.stdin.buffer.read()
        try:
            argument = data.decode()
        except UnicodeDecodeError as error:
            raise TextInputError(
                "standard input", f"not UTF-8: byte 0x{data[error.start]:02X} at offset {error.start}; convert it first"
            ) from None
    bad = next((index for index, character in enumerate(argument) if "\udc80" <= character <= "\udcff"), None)
    if bad is not None:  # how Python hands over an argument that is not valid in the locale's encoding
        byte = ord(argument[bad]) - 0xDC00
        raise TextInputError(
            "TEXT", f"not UTF-8: byte 0x{byte:02X} at character {bad}; write it with --escapes, or pipe UTF-8 into -"
        )
    if escapes:
        try:
            return argument.encode("latin-1", "backslashreplace").decode("unicode_escape")
        except UnicodeDecodeError as error:
            raise TextInputError("TEXT", f"bad backslash escape: {error.reason} at {error.start}") from None
    return argument


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

    _console().print(listing_table(rows))


@app.command()
def segment(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text; - reads standard input.")],
    tokenizer: TokenizerOption = None,
    *,
    ids: Annotated[bool, typer.Option("--ids", help="One row a token, with id and kind.")] = False,
    data: Annotated[bool, typer.Option("--bytes", help="One row a token, with bytes and span.")] = False,
    escapes: Annotated[bool, typer.Option("--escapes", help="Read backslash escapes in TEXT: 'a\\u2581b'.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Show how tokenizers cut a text, side by side."""
    from tokbench._terminal.segmentation import first_difference, segmentation
    from tokbench._terminal.segmentation import segment as segments_of
    from tokbench.tokenizers import load_tokenizer

    wanted = _text(text, escapes=escapes)
    loaded = [load_tokenizer(spec) for spec in tokenizer or _default_segmenters()]
    all_segments = [segments_of(entry, wanted) for entry in loaded]
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
            for entry, segments in zip(loaded, all_segments, strict=True)
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    console = _console()
    for entry in loaded:
        console.print(segmentation(entry, wanted, console=console, ids=ids, data=data))
    if len(loaded) > 1 and (offset := first_difference(all_segments)) is not None:
        console.print(f"[dim]first cut that not all share: byte {offset}[/dim]")


def _default_segmenters() -> list[str]:
    import importlib.util

    found = ["tiktoken:@tiny.tiktoken?pattern=gpt2", "bytes"]
    if importlib.util.find_spec("mistral_common") is not None:
        found = ["mistral:tekken_240911", "mistral:v3", *found]
    return found


def _plan(
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


@app.command()
def run(  # noqa: PLR0913, options of a command line
    suite: Annotated[SuiteName, typer.Argument(help="The suite.")],
    tokenizer: TokenizerOption = None,
    profile: ProfileOption = Profile.core,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory of all runs.")] = Path("runs"),
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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Measure finished runs again.")] = False,
) -> None:
    """Run a suite; the same command continues where an interrupted one stopped."""
    from tokbench import run as runner
    from tokbench._terminal.progress import RunProgress
    from tokbench._terminal.reporting import LEGEND, overview_tables, write_leaderboard

    del suite  # there is one
    plan = _plan(
        profile, seed, laws=laws, texts=text or (), parallel=parallel, segmenter=segmenter, data=data,
        references=reference or (), by_bytes=by_bytes,
    )  # fmt: skip
    request = runner.RunRequest(
        plan=plan,
        tokenizers=tuple(tokenizer or plan.definition.default_tokenizers),
        out=out,
        lenient=not tokenizer,
        overwrite=overwrite,
        jobs=jobs or os.cpu_count() or 1,
        argv=tuple(sys.argv[1:]),
    )
    errors = _console(stderr=True)
    try:
        with RunProgress(errors) as progress:
            outcome = runner.run(request, progress.observe)
    except KeyboardInterrupt:
        errors.print("interrupted: what is finished is kept, the same command continues", style="yellow")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    for skipped in outcome.skipped:
        errors.print(f"skipped {skipped.spec}: {skipped.reason}", style="yellow", markup=False)
    if outcome.kept:
        errors.print(f"{len(outcome.kept)} finished before and kept; --overwrite measures again", style="dim")
    if not outcome.directories:
        errors.print("no tokenizer could be run", style="red")
        raise typer.Exit(EXIT_NOTHING)
    runs, files = write_leaderboard(out)
    console = _console()
    for table in overview_tables(runs):
        console.print(table)
    console.print(LEGEND, style="dim")
    for path in files:
        if path.suffix in {".html", ".md"}:
            console.print(f"leaderboard: {path}", markup=False, soft_wrap=True)


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

    plan = _plan(profile, seed, laws=laws, data=data, references=(reference,) if reference else (), by_bytes=by_bytes)
    result = run_check(
        load_tokenizer(spec),
        plan,
        [load_tokenizer(entry) for entry in plan.references],
        audited=audit,
        growth=growth,
        memory=memory,
        console=_console(stderr=True),
    )
    if as_json:
        typer.echo(json.dumps(result.as_json(), indent=2))
    else:
        result.show(_console())
    raise typer.Exit(result.exit_status)


@app.command()
def report(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Directories of runs.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write; leaderboard.* in DIR by default.")
    ] = None,
    fmt: Annotated[
        Format | None, typer.Option("--format", help="html, markdown, csv or json; to standard output without --out.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    only_check: Annotated[bool, typer.Option("--check", help="Validate the records and write nothing.")] = False,
) -> None:
    """Turn run directories into a leaderboard."""
    from tokbench._terminal.reporting import make_report

    raise typer.Exit(
        make_report(directories, out, fmt.value if fmt else None, title=title, force=force, only_check=only_check)
    )


def main() -> None:
    """Entry point of the command ``tokbench``."""
    try:
        app()
    except TokbenchError as error:
        message = " ".join(str(error).split())
        sys.stderr.write(f"tokbench: {message}\n".encode("utf-8", "backslashreplace").decode())
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
