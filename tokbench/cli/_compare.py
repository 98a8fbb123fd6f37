"""``tokbench compare``: what changed between two runs or two tokenizers, with an exit status for a gate."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.cli._common import console
from tokbench.cli._options import SeedOption
from tokbench.errors import OptionError, RecordError, SpecError

if TYPE_CHECKING:
    from tokbench.report.compare import RunComparison, TokenizerComparison

__all__ = ["compare"]


class _FailOn(StrEnum):
    """What ends with exit status 1."""

    worse = "worse"
    any = "any"
    never = "never"


def _is_runs(first: str, second: str) -> bool:
    """Whether the two arguments are directories of runs; otherwise they are specs of tokenizers."""
    from tokbench.tokenizers.registry import split_spec

    kinds = []
    for argument in (first, second):
        path = Path(argument)
        if path.is_dir():
            kinds.append("runs")
            continue
        if path.is_file():
            raise OptionError("A, B", argument, f"a directory of runs or a spec, for example hf:{argument}")
        try:
            split_spec(argument)
        except SpecError:
            raise RecordError(argument, "no such directory, and no spec of a tokenizer (backend:locator)") from None
        kinds.append("tokenizer")
    if kinds[0] != kinds[1]:
        named = " and ".join(f"{argument} ({kind})" for argument, kind in zip((first, second), kinds, strict=True))
        raise OptionError("A, B", named, "two directories of runs, or two tokenizers")
    return kinds[0] == "runs"


def _compared(first: str, second: str, *, strings: int, seed: int) -> RunComparison | TokenizerComparison:
    from tokbench.report.compare import compare_runs, compare_tokenizers

    if _is_runs(first, second):
        from tokbench.results import load

        return compare_runs(load(first), load(second), seed=seed)
    from tokbench.tokenizers import load_tokenizer

    return compare_tokenizers(load_tokenizer(first), load_tokenizer(second), strings=strings, seed=seed)


def compare(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A run, a directory of runs, or a tokenizer's spec: before.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="Likewise, of the same kind: after.")],
    fail_on: Annotated[_FailOn, typer.Option(help="What ends with exit status 1.")] = _FailOn.worse,
    alpha: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Level of significance after Holm's correction.")
    ] = 0.05,
    max_drop: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            metavar="POINTS",
            help="Points that a share over all items may lose (percent that tokens may grow), "
            "significant or not; in place of the test.",
        ),
    ] = None,
    strings: Annotated[
        int, typer.Option(metavar="N", help="Tokenizers: strings to compare beside the embedded corpus.")
    ] = 500,
    first_n: Annotated[int, typer.Option("--first", min=0, metavar="N", help="Changes to print of each kind.")] = 10,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every change into FILE: .csv or .parquet.")
    ] = None,
    seed: SeedOption = 0,
    *,
    exact: Annotated[bool, typer.Option("--exact", help="Any difference at all ends with exit status 1.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, with every change.")] = False,
) -> None:
    """What changed from A to B: two runs, or two tokenizers.

    Exit status: 0 nothing got significantly worse; 1 something did, or what
    --fail-on, --max-drop and --exact say; 2 usage or input. The last line
    that is printed says which it is, and why.

    Runs of one suite and suite version are compared on the items that both
    have, by the exact McNemar test, and by the bootstrap over clusters too
    where items share a word or a template; Holm's method corrects the tests.
    Of a tokenizer alone nothing is drawn: one item that got worse is enough.
    Numbers to which no items belong are shown and not judged.

    A tokenizer got worse if it promises less about the text, or if the
    embedded corpus costs significantly more tokens.
    """
    for name, value in (("alpha", alpha), ("max-drop", max_drop)):
        if value is not None and not math.isfinite(value):
            raise OptionError(name, value, "a finite number")
    from tokbench._terminal.compare import last_line
    from tokbench.report.compare import Rule, RunComparison, check_table_path, document, judge, write_changes

    if out is not None:
        check_table_path(out, force=force)
    found = _compared(first, second, strings=strings, seed=seed)
    rule = Rule(fail_on=fail_on.value, alpha=alpha, max_drop=max_drop, exact=exact)
    gate = judge(found, rule)
    if out is not None:
        write_changes(found, out, force=force)
    if as_json:
        typer.echo(json.dumps(document(found, rule, gate), indent=2, allow_nan=False))
        raise typer.Exit(gate.exit_status)
    from rich.text import Text

    from tokbench._terminal.compare import run_lines, tokenizer_lines

    screen = console()
    lines = run_lines if isinstance(found, RunComparison) else tokenizer_lines
    for part in lines(found, rule, first=first_n):  # type: ignore[arg-type]
        screen.print(part)
    screen.print(Text(last_line(gate, rule)))
    raise typer.Exit(gate.exit_status)
