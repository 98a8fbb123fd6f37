"""CSV, JSON, Parquet and Markdown: the same rows, each with what its readers need."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tokbench import report, results
from tokbench.errors import OptionError
from tokbench.report._data import COLUMNS
from tokbench.results import Metric, Run


def _tokbench(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tokbench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, cwd=cwd)


# ---------------------------------------------------------------------- Parquet


def test_table_has_the_columns_of_the_csv_with_their_types(demo: list[Run]) -> None:
    table = report.table(demo)
    assert tuple(table.columns) == COLUMNS
    assert {name for name, kind in table.schema.items() if kind == pl.Float64} == {"value", "lo", "hi", "k"}
    assert {name for name, kind in table.schema.items() if kind == pl.Int64} == {"n", "n_invalid", "n_failed"}
    assert table.schema["complete"] == pl.Boolean
    assert table["model"].null_count() == table.height  # none of these runs asked a model
    assert report.table([]).schema == table.schema


def test_formats_hold_the_same_rows(demo: list[Run]) -> None:
    table = report.table(demo)
    assert table.height > 20
    document = json.loads(report.render(demo, format="json"))
    assert table.to_dicts() == document["rows"]
    rows = list(csv.DictReader(io.StringIO(report.render(demo, format="csv"))))
    assert len(rows) == table.height
    for row, wanted in zip(rows, table.iter_rows(named=True), strict=True):
        for name, value in wanted.items():
            if value is None:
                assert row[name] == ""
            elif isinstance(value, bool):
                assert row[name] == str(value).lower()
            elif isinstance(value, str):
                assert row[name].removeprefix("'") == value
            else:
                assert float(row[name]) == value


def test_parquet_file(demo: list[Run], tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    assert report.write(demo, path) == [path]
    assert pl.read_parquet(path).equals(report.table(demo))
    again = report.render_bytes(demo[::-1], format="parquet")
    assert path.read_bytes() == again


def test_parquet_is_no_text(demo: list[Run]) -> None:
    with pytest.raises(OptionError, match="one of html, markdown, csv, json"):
        report.render(demo, format="parquet")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="one of html, markdown, csv, json, parquet"):
        report.render_bytes(demo, format="pdf")  # type: ignore[arg-type]
    assert report.render_bytes(demo, format="csv").decode() == report.render(demo, format="csv")


def test_parquet_in_a_pipe(demo_dir: Path) -> None:
    done = _tokbench("report", demo_dir, "--format", "parquet")
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(io.BytesIO(done.stdout)).equals(report.table(results.load(demo_dir)))


def test_parquet_on_a_terminal_is_refused(demo_dir: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", _ON_A_TERMINAL, str(demo_dir)],
            stdout=theirs, stderr=subprocess.PIPE, check=False, text=True,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert done.stderr == (
        "option format='parquet': expected a file for it (--out FILE): Parquet is no text that a terminal could show\n"
    )


_ON_A_TERMINAL = """
import pathlib, sys
from tokbench._terminal.reporting import make_report
from tokbench.errors import OptionError
try:
    make_report([pathlib.Path(sys.argv[1])], None, ["parquet"], title=None, force=False, only_check=False)
except OptionError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


# ---------------------------------------------------------------------- Markdown


def _many(metrics: int) -> Run:
    record: dict[str, object] = {
        "schema": 1,
        "run": {"id": "r", "key": "k", "status": "complete", "suite": "other", "suite_version": "1", "tokenizer": "t"},
        "tokbench": {"version": "1", "command": "c", "profile": "core", "seed": 0, "items_sha256": {}},
        "tokenizer": {"spec": "t"}, "environment": {}, "time": {"start": "2026"},
    }  # fmt: skip
    rows = [Metric(metric="share", value=0.5, n=2, filter=f"case={index}|part={index}") for index in range(metrics - 1)]
    return Run(record, [], [*rows, Metric(metric="share", value=0.25, n=4, filter="whole")])


def test_markdown_stays_readable_and_says_what_it_leaves_out() -> None:
    few = report.render([_many(100)], format="markdown")
    assert "more rows" not in few
    assert few.count("| share |") == 100
    many = report.render([_many(5000)], format="markdown")
    assert "3,000 more rows, of subsets, in the CSV, JSON and Parquet." in many
    assert many.count("| share |") == 2000
    assert "| whole | share |" in many  # of a subset of a subset enough is left, of the whole there is one
    assert report.table([_many(5000)]).height == 5000


def test_markdown_of_every_run_keeps_as_much() -> None:
    one, two = _many(3000), _many(3000)
    two.record["run"] = {**two.group("run"), "tokenizer": "u", "id": "s", "key": "l"}
    text = report.render([one, two], format="markdown")
    assert [text.count(f"| {name} | other 1 |") for name in "tu"] == [1000, 1000]


# ---------------------------------------------------------------------- what is chosen


def _report(directory: Path, out: Path, **options: object) -> int:
    from tokbench._terminal.reporting import make_report

    return make_report([directory], out, ["csv"], title=None, force=True, only_check=False, **options)  # type: ignore[arg-type]


def test_suites_and_suite_versions_are_chosen(demo_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.csv"
    for options, wanted in (
        ({}, {"exactness", "charbench"}),
        ({"suites": ["charbench"]}, {"charbench"}),
        ({"suites": ["charbench", "exactness"], "suite_version": "1.0.0"}, {"exactness", "charbench"}),
    ):
        assert _report(demo_dir, out, **options) == 0
        assert {row["suite"] for row in csv.DictReader(io.StringIO(out.read_text(encoding="utf-8")))} == wanted


def test_a_suite_that_no_run_has_is_refused(demo_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="unknown suite 'exactnes': expected one of charbench, exactness"):
        _report(demo_dir, tmp_path / "t.csv", suites=["exactnes"])
    with pytest.raises(LookupError, match=r"unknown suite version '9': expected one of 1\.0\.0"):
        _report(demo_dir, tmp_path / "t.csv", suite_version="9")
    assert not (tmp_path / "t.csv").exists()
