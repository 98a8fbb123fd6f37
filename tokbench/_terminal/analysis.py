"""The analysis of charbench as tables of 80 columns that are Markdown as well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tokbench.suites.charbench.analysis import Analysis

if TYPE_CHECKING:
    import polars as pl

__all__ = ["analysis_tables"]

_SETTING = ("gold_profile", "prompt_id", "rendering", "task", "variant")
_GROUP = ("model", "tokenizer", *_SETTING)
_PAPER = ("WL", "GT", "GT/WL", "NT", "CR", "TTL")
_METHODS = {
    "spearman": "Spearman", "within_WL": "inside WL", "given_WL": "given WL", "given_WL_GT": "given WL, GT",
}  # fmt: skip
_NAME = 26
"""Widest name of a model in a table."""

Row = Mapping[str, Any]


def _number(value: float | None, digits: int = 3) -> str:
    """A number below 1 without the zero in front, as tables of correlations have it."""
    if value is None:
        return "-"
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("-").startswith("0.") else text


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return "<.0001" if value < 0.0001 else _number(value, 4)  # noqa: PLR2004


def _at(row: Row | None, name: str) -> float | None:
    return None if row is None else row[name]


def _with_half(row: Row | None, value: str, digits: int = 3) -> str:
    """A value and half the width of its interval."""
    if row is None or row[value] is None:
        return "-"
    if row["lo"] is None:
        return _number(row[value], digits)
    return f"{_number(row[value], digits)}±{_number((row['hi'] - row['lo']) / 2, digits)}"


def _interval(row: Row | None) -> str:
    return "-" if row is None or row["lo"] is None else f"[{_number(row['lo'])}, {_number(row['hi'])}]"


def _short(name: str, width: int = _NAME) -> str:
    return name if len(name) <= width else f"…{name[-width + 1 :]}"


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.MARKDOWN, pad_edge=True, show_edge=True)
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style)


def _title(row: Row) -> str:
    task = row["task"] if row["variant"] in {None, "std"} else f"{row['task']}/{row['variant']}"
    rendering = "" if row["rendering"] in {None, "inline"} else f", {row['rendering']}"
    return f"{task} ({row['gold_profile']}, prompt {row['prompt_id']}{rendering})"


def _rows(frame: pl.DataFrame, key: Row, names: Sequence[str] = _GROUP) -> list[Row]:
    """Rows of one group."""
    import polars as pl

    chosen = frame.filter(pl.all_horizontal(pl.col(name).eq_missing(pl.lit(key[name])) for name in names))
    return list(chosen.to_dicts())


def _reasons(rows: Iterable[Row], name: str, value: str) -> Iterator[Text]:
    """What has no value and why, what shares a reason in one line."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row[value] is None and row["reason"]:
            found.setdefault(row["reason"], []).append(row[name])
    for reason, names in found.items():
        yield _line(f"{', '.join(dict.fromkeys(filter(None, names)))}: {reason}".removeprefix(": "), "dim")


# ---------------------------------------------------------------------- the layout of the paper


def _layout(table: pl.DataFrame) -> Iterator[RenderableType]:
    ours = [row for row in table.to_dicts() if row["source"] == "ours"]
    for setting, rows in groupby(ours, key=lambda row: tuple(row[name] for name in _SETTING)):
        group = list(rows)
        gold, prompt, _, task, variant = setting
        theirs = [
            row for row in table.to_dicts()
            if row["source"] == "paper" and (row["gold_profile"], row["prompt_id"], row["task"]) == (gold, prompt, task)
            and variant == "std"
        ]  # fmt: skip
        yield _line(f"\nPearson r of being right, bare words: {_title(group[0])}", "bold")
        shown = _table("model", *_PAPER)
        for row in group:
            shown.add_row(_short(row["model"]), *(_number(row[name]) for name in _PAPER))
        for row in theirs:
            shown.add_row(_short(f"{row['model']} *"), *(_number(row[name]) for name in _PAPER))
        yield shown
        sizes = sorted({row["n"] for row in group})
        count = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
        yield _line(f"n = {count}; 95 % interval at r = 0: ±{_number(_half(sizes[0]))}", "dim")
        if theirs:
            words = "the same rows" if gold == "rows" else "a comparable design, other words"
            yield _line(
                f"* arXiv 2508.02591, n = {theirs[0]['n']:,} (±{_number(_half(theirs[0]['n']))}): {words}", "dim"
            )


def _half(n: int) -> float:
    return NormalDist().inv_cdf(0.975) / math.sqrt(max(n - 3, 1))


# ---------------------------------------------------------------------- one model and task


def _of_group(analysis: Analysis, key: Row) -> Iterator[RenderableType]:
    yield _line(f"\n{key['model']} ({key['tokenizer']}): {_title(key)}", "bold")
    single = _rows(analysis.correlations, key)
    bare = {row["feature"]: row for row in single if row["context"] == "bare"}
    read = {row["feature"]: row for row in single if row["context"] != "bare"}
    if not any(row["r"] is not None for row in single):
        yield from _reasons(single, "feature", "r")
        return
    shown = _table("r", "bare", "95 %", "in prompt", "95 %", "delta")
    for name, row in bare.items():
        other = read.get(name)
        shown.add_row(
            name, _number(row["r"]), _interval(row), _number(_at(other, "r")), _interval(other),
            _number(_at(other, "delta")),
        )  # fmt: skip
    yield shown
    yield from _reasons(single, "feature", "r")
    controls = {(row["method"], row["feature"]): row for row in _rows(analysis.controls, key)}
    shown = _table("r", *_METHODS.values())
    for name in bare:
        cells = [_with_half(controls.get((method, name)), "r") for method in _METHODS]
        if set(cells) != {"-"}:
            shown.add_row(name, *cells)
    yield shown
    dealt = _rows(analysis.permutation, key)
    if any(row["p"] is not None for row in dealt):
        shown = _table("inside L, gold", "r", "p (dealt anew)", "adjusted", "n", "cells")
        for row in dealt:
            if row["p"] is not None:
                shown.add_row(
                    row["feature"], _number(row["r"]), _p(row["p"]), _p(row["p_adjusted"]), f"{row['n']:,}",
                    str(row["cells"]),
                )  # fmt: skip
        yield shown
    yield from _terms(_rows(analysis.regression, key), _rows(analysis.conditional, key))


def _terms(whole: Sequence[Row], strict: Sequence[Row]) -> Iterator[RenderableType]:
    cells = {row["term"]: row for row in strict}
    names = dict.fromkeys(row["term"] for row in [*whole, *strict] if row["coefficient"] is not None)
    free = {row["term"]: row for row in whole}
    if names:
        shown = _table("log-odds", "all items", "p", "VIF", "inside L, gold", "p")
        for name in names:
            one, other = free.get(name), cells.get(name)
            shown.add_row(
                name, _with_half(one, "coefficient", 2), _p(_at(one, "p")), _number(_at(one, "vif"), 1),
                _with_half(other, "coefficient", 2), _p(_at(other, "p")),
            )  # fmt: skip
        yield shown
    if whole:
        yield _line(f"all items: n = {whole[0]['n']:,}, errors {whole[0]['covariance']}; left out:", "dim")
        yield from _reasons(whole, "term", "coefficient")
    if strict:
        yield _line(f"inside L, gold: n = {strict[0]['n']:,}; left out:", "dim")
        yield from _reasons(strict, "term", "coefficient")


# ---------------------------------------------------------------------- two models


def _comparisons(analysis: Analysis) -> Iterator[RenderableType]:
    pair = ("first", "first_tokenizer", "second", "second_tokenizer")
    rows = [one | {"common": other} for one, other in
            zip(analysis.differences.to_dicts(), analysis.overlap.to_dicts(), strict=True)]  # fmt: skip
    rows.sort(key=lambda row: tuple(str(row[name]) for name in pair))
    for names, group in groupby(rows, key=lambda row: tuple(row[name] for name in pair)):
        first, one, second, other = names
        label = (f"{first} ({one})", f"{second} ({other})") if one != other else (first, second)
        yield _line(f"\nfirst: {label[0]}, second: {label[1]}", "bold")
        shown = _table("task", "n", "first", "second", "difference", "McNemar", "IoU", "indep.")
        for row in group:
            common = row["common"]
            shown.add_row(
                row["task"], f"{row['n']:,}", _number(row["accuracy_first"]), _number(row["accuracy_second"]),
                _with_half(row, "difference"), _p(row["p"]), _number(common["iou"], 2),
                _number(common["independent"], 2),
            )  # fmt: skip
        yield shown
        yield _line("IoU: overlap of errors, and its value if they were independent", "dim")


def _pairs(frame: pl.DataFrame) -> Iterator[RenderableType]:
    """What another cut of the same word is worth."""
    for model, group in groupby(frame.to_dicts(), key=lambda row: (row["model"], row["tokenizer"], row["prompt_id"])):
        yield _line(f"\n{model[0]} ({model[1]}): pairs that differ in the cut alone (prompt {model[2]})", "bold")
        shown = _table("pair", "asked", "second", "n", "difference", "controls", "estimate")
        rows = list(group)
        for row in rows:
            control = {name: row[f"control_{name}"] for name in ("difference", "lo", "hi")}
            whole = {"estimate": row["estimate"], "lo": row["estimate_lo"], "hi": row["estimate_hi"]}
            shown.add_row(
                _short(row["task"], 12), _short(row["base"] or "-", 12), _short(row["second"] or "-", 9),
                f"{row['n']:,}", _with_half(row, "difference", 2), _with_half(control, "difference", 2),
                _with_half(whole, "estimate", 2),
            )  # fmt: skip
        yield shown
        yield from _reasons(rows, "task", "estimate")


def analysis_tables(analysis: Analysis) -> Iterator[RenderableType]:
    """All tables, from the layout of the paper to the comparison of models, with what has no value and why."""
    yield from _layout(analysis.table)
    for key in analysis.correlations.select(_GROUP).unique(maintain_order=True).to_dicts():
        yield from _of_group(analysis, key)
    yield from _pairs(analysis.pairs)
    yield from _comparisons(analysis)
    for note in analysis.notes:
        yield _line(note, "yellow")
