"""What can be wrong with runs and targets: one clear line on standard error or a note in the report, no traceback."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokbench.cli import main
from tokbench.results import Metric, Sample
from tokbench.results._files import file_entry
from tokbench.results._frames import frame, table_bytes
from tokbench.results._store import journal_line

FIXTURES = Path(__file__).resolve().parents[2] / "reports" / "fixtures"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The six runs of the fixture, free to be damaged."""
    root = tmp_path / "runs"
    shutil.copytree(FIXTURES, root)
    return root


def _one(root: Path, suite: str = "exactness", tokenizer: str = "hf-alpha") -> Path:
    return next(root.glob(f"{suite}-{tokenizer}-*"))


def _edit(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = directory / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")


def _with_rows(directory: Path, samples: list[Sample], metrics: list[Metric]) -> None:
    """Other rows in a run, with a record that speaks of them."""
    record = json.loads((directory / "run.json").read_text(encoding="utf-8"))
    for name, data, count in (
        ("samples.parquet", table_bytes(frame("samples", samples, record)), len(samples)),
        ("metrics.parquet", table_bytes(frame("metrics", metrics, record)), len(metrics)),
    ):
        (directory / name).write_bytes(data)
        record["files"][name] = file_entry(data, count)
    (directory / "run.json").write_text(json.dumps(record), encoding="utf-8")


Report = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Report:
    """``tokbench report`` in this process: exit status, lines of standard error, and standard output."""

    def run(*arguments: object) -> tuple[int, list[str], str]:
        monkeypatch.setattr(sys, "argv", ["tokbench", "report", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.err.splitlines(), said.out

    return run


def _left_out(report: Report, root: Path, problem: str) -> str:
    """The report of a directory in which one run cannot be used, which is said in both places."""
    status, errors, text = report(root, "--format", "markdown")
    assert status == 1
    assert len(errors) == 1
    assert re.search(problem, errors[0]), errors
    notes = [line for line in text.splitlines() if line.startswith("> **Note:** Left out")]
    assert len(notes) == 1
    assert re.search(problem, re.sub(r"\\(.)", r"\1", notes[0])), notes
    return text


# ---------------------------------------------------------------------- runs that cannot be read


def _truncated(directory: Path) -> None:
    path = directory / "samples.parquet"
    path.write_bytes(path.read_bytes()[:-100])


def _outside(directory: Path) -> None:
    path = directory / "metrics.parquet"
    path.rename(directory.parent / "elsewhere.parquet")
    path.symlink_to(directory.parent / "elsewhere.parquet")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda run: _edit(run, lambda record: record.update(schema=2)),
         r"run\.json: schema 2 is newer than 1, which this tokbench reads: upgrade it"),
        (lambda run: _edit(run, lambda record: record.update(schema="one")),
         r"run\.json: the field schema holds 'one': expected the integer 1"),
        (lambda run: _edit(run, lambda record: [record["run"].pop("key"), record.pop("time")]),
         r"run\.json: fields are missing or malformed: run\.key, time"),
        (lambda run: (run / "run.json").write_text('{"schema": 1,'), r"run\.json: not JSON"),
        (lambda run: (run / "run.json").unlink(), r"run\.json: the record of the run is missing"),
        (_truncated, r"samples\.parquet: not a whole Parquet file"),
        (lambda run: (run / "metrics.parquet").unlink(), r"metrics\.parquet: the file is missing"),
        (lambda run: (run / "metrics.parquet").write_bytes((run / "samples.parquet").read_bytes()),
         r"metrics\.parquet: its SHA-256 is not the one in run\.json"),
        (_outside, r"metrics\.parquet: leads outside the directory of the run: refused"),
        (lambda run: _edit(run, lambda record: record["files"].update({"../../secret.parquet": {}})),
         r"refers to '\.\./\.\./secret\.parquet', which is no file of a run: refused"),
    ],
    ids=["newer", "unknown", "fields", "json", "no-record", "truncated", "no-metrics", "changed", "link", "outside"],
)  # fmt: skip
def test_a_run_that_cannot_be_read_is_left_out(
    report: Report, runs: Path, damage: Callable[[Path], object], problem: str
) -> None:
    damage(_one(runs))
    text = _left_out(report, runs, problem)
    assert "tiktoken-beta" in text  # all others are shown
    assert "secret" not in text.replace("../../secret.parquet", "")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"outcome": "perfect"}, "samples.parquet: a row is malformed: field outcome holds 'perfect': expected one of"),
        ({"item_id": None}, "samples.parquet: a row is malformed: field item_id holds nothing"),
        ({"detail": "[1]"}, "samples.parquet: a row is malformed: field detail holds list, no object"),
        ({"detail": '{"a":'}, "samples.parquet: a row is malformed: field detail is not JSON"),
    ],
)
def test_a_malformed_row_is_named(report: Report, runs: Path, row: dict[str, object], problem: str) -> None:
    import polars as pl

    run = _one(runs)
    path = run / "samples.parquet"
    data = pl.read_parquet(path)
    changed = data.with_columns(
        pl.when(pl.int_range(pl.len()) == 1).then(pl.lit(value, pl.String)).otherwise(name).alias(name)
        for name, value in row.items()
    )
    changed.write_parquet(path)
    _edit(run, lambda record: record["files"].pop("samples.parquet"))
    _left_out(report, runs, re.escape(problem))


def test_not_a_number_in_a_detail_is_no_fault(report: Report, runs: Path) -> None:
    sample = Sample(item_id="law/pure", metric="law", outcome="correct", detail={"ratio": float("nan")})
    _with_rows(_one(runs), [sample], [])
    assert report(runs, "--check")[0] == 0


def test_several_problems_are_told_together(report: Report, runs: Path) -> None:
    _truncated(_one(runs))
    (_one(runs, "charbench") / "run.json").unlink()
    _edit(_one(runs, "phantom"), lambda record: record.update(schema=7))
    status, errors, text = report(runs, "--format", "markdown")
    assert status == 1
    assert [line.rpartition("/")[2].partition(":")[0] for line in errors] == [
        "run.json", "samples.parquet", "run.json",
    ]  # fmt: skip
    assert text.count("Left out") == 3
    assert report(runs, "--check")[:2] == (1, [*errors, "3 runs can be read"])


def test_a_run_without_any_use(report: Report, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for directory, problem in (
        (tmp_path / "empty", "no runs here: expected directories that hold a run.json"),
        (tmp_path / "absent", "no such directory"),
        (runs / "SHA256", "not a directory"),
    ):
        status, errors, text = report(directory)
        assert status == 3
        assert errors == [f"left out: {directory}: {problem}", "no run can be used"]
        assert text == ""


# ---------------------------------------------------------------------- runs that are not whole


def test_a_run_that_was_cut_off_shows_its_finished_parts(report: Report, runs: Path) -> None:
    run = _one(runs)
    metric = Metric(metric="fertility", value=1.5, k=3, n=2, unit="tokens/word", filter="first")
    whole = journal_line("first", [Sample(item_id="law/pure", metric="law", outcome="correct")], [metric])
    (run / "journal.jsonl").write_bytes(whole + whole.replace(b"first", b"second")[:-40])
    _edit(run, lambda record: record["run"].update(status="running"))
    for path in run.glob("*.parquet"):
        path.unlink()
    status, errors, text = report(runs, "--format", "markdown")
    assert (status, errors) == (0, [])
    assert "The run of hf-alpha (exactness-1) is not finished: its numbers cover only the parts that are." in text
    assert text.count("1.5000") >= 1
    csv = report(run, "--format", "csv")[2].splitlines()
    assert [line.split(",")[4] for line in csv] == ["complete", "false", "false"]  # one law, one metric


def test_a_journal_alone_belongs_to_no_run(report: Report, runs: Path) -> None:
    run = _one(runs)
    (run / "journal.jsonl").write_bytes(journal_line("first", [], []))
    for path in (run / "run.json", *run.glob("*.parquet")):
        path.unlink()
    _left_out(report, runs, r"run\.json: the record of the run is missing: run again with --overwrite")


def test_nothing_asked_and_all_skipped_is_missing_with_its_reason(report: Report, runs: Path) -> None:
    why = "the server was down"
    laws = ("law/pure", "law/other")
    skipped = [Sample(item_id=name, metric="law", outcome="skipped", message=why) for name in laws]
    _with_rows(_one(runs), skipped, [Metric(metric="vectors.encode", value=None, n=0, filter="published", reason=why)])
    status, errors, text = report(runs, "--format", "markdown")
    assert (status, errors) == (0, [])
    plain = text.replace("\\", "")
    assert "none of 2 applies" in plain
    assert f"| hf-alpha | exactness-1 | published | vectors.encode |  | {why} |  | 0 |" in plain
    rows = [line for line in report(runs, "--format", "csv")[2].splitlines() if ",hf-alpha,,vectors.encode," in line]
    assert len(rows) == 1
    assert rows[0].endswith(f",{why}")
    assert ",published,none,,,,count,,0,0,0,," in rows[0]  # no value, no interval, not zero


# ---------------------------------------------------------------------- runs that do not go together


def test_suite_versions_have_two_tables_and_one_can_be_chosen(report: Report, runs: Path) -> None:
    _edit(_one(runs), lambda record: record["run"].update(suite_version="exactness-2"))
    status, errors, text = report(runs, "--format", "markdown")
    assert (status, errors) == (0, [])
    heads = [line for line in text.splitlines() if line.startswith("## exactness")]
    assert heads == ["## exactness-1", "## exactness-2"]
    older = text.partition("## exactness-1\n")[2].partition("\n## ")[0]
    newer = text.partition("## exactness-2\n")[2].partition("\n## ")[0]
    assert "| tiktoken-beta |" in older
    assert "| hf-alpha |" not in older
    assert "| hf-alpha |" in newer
    assert "| tiktoken-beta |" not in newer


def test_other_items_have_two_tables(report: Report, runs: Path) -> None:
    _edit(_one(runs), lambda record: record["tokbench"].update(items_sha256={"exactness": "0" * 64}))
    text = report(runs, "--format", "markdown")[2]
    assert [line for line in text.splitlines() if line.startswith("## exactness")] == ["## exactness-1"] * 2


def test_one_run_with_two_numbers(report: Report, runs: Path) -> None:
    first, second = _one(runs, "charbench"), runs / "copy"
    shutil.copytree(first, second)
    assert report(runs, "--format", "csv") == report(FIXTURES, "--format", "csv")  # a copy is no second run
    rows = [Metric(metric="charbench.strict", value=0.5, k=20, n=40, method="wilson", filter=task)
            for task in ("count_char", "count_unique")]  # fmt: skip
    _with_rows(second, [], rows)
    status, errors, text = report(runs, "--format", "markdown")
    assert status == 1
    assert len(errors) == 1
    assert "hold the same run with different numbers (first difference: metrics: 4 and 2 rows)" in errors[0]
    assert str(first) in errors[0]
    assert str(second) in errors[0]
    assert "hold the same run with different numbers" in text


# ---------------------------------------------------------------------- where the report should go


def test_a_file_that_exists_is_kept_without_force(report: Report, runs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    status, errors, _ = report(runs, "--out", page)
    assert status == 2
    assert len(errors) == 1
    assert "page.html exists already: use --force to replace it" in errors[0]
    assert page.read_text() == "mine"
    assert report(runs, "--out", page, "--force")[0] == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_target_that_cannot_be_written(report: Report, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    status, errors, text = report(runs, "--out", tmp_path / "file" / "page.html")
    assert status == 2
    assert len(errors) == 1
    assert re.search(r"output directory .*file: page\.html cannot be written \(.+\)", errors[0])
    assert text == ""
    assert (tmp_path / "file").read_text() == "mine"


def test_a_name_that_tells_no_format(report: Report, runs: Path, tmp_path: Path) -> None:
    status, errors, _ = report(runs, "--out", tmp_path / "page.pdf")
    assert status == 2
    assert "a directory or a name that ends in one of .html, .htm, .md, .markdown, .csv, .json, .parquet" in errors[0]
