"""``tokbench compare`` as a person or a gate uses it: real runs, both kinds of arguments, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from tokbench.cli import app
from tokbench.errors import OptionError, OutputDirectoryError, RecordError, TokbenchError

TINY = "tiktoken:@tiny.tiktoken?pattern=gpt2"


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "80", "NO_COLOR": "1"})


def compare(*arguments: str | Path, status: int) -> str:
    done = invoke("compare", *arguments)
    assert done.exit_code == status, done.output
    return done.output


def refused(kind: type[TokbenchError], *arguments: str | Path) -> str:
    """The one line that ends the command with status 2."""
    done = invoke("compare", *arguments)
    assert isinstance(done.exception, kind), done.output
    assert done.exception.exit_code == 2
    return str(done.exception)


def asked(folder: Path, model: str) -> Path:
    done = invoke("run", "charbench", "--tokenizer", "bytes", "--model", model, "--profile", "smoke",
                  "--tasks", "count_char,first_letter", "--out", folder)  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asked(tmp_path_factory.mktemp("compare") / "good", "scripted:oracle")


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asked(tmp_path_factory.mktemp("compare") / "bad", "scripted:const-1")


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare") / "checked"
    for spec in (TINY, "hf:@tiny.json"):
        done = invoke("run", "exactness", "-t", spec, "--profile", "smoke", "--laws", "round-trip,bytes-round-trip",
                      "--jobs", "1", "--out", folder)  # fmt: skip
        assert done.exit_code == 0, done.output
    return folder


def in_80_columns(text: str) -> None:
    assert max(map(len, text.splitlines())) <= 80


def test_a_worse_model_fails_the_gate(good: Path, bad: Path) -> None:
    said = compare(good, bad, "--first", "3", status=1)
    in_80_columns(said)
    assert "\x1b" not in said
    assert "synthetic" in said
    assert "common items: " in said
    assert "the first 3, all with" in said
    assert said.count("correct → wrong") == 3
    last = " ".join(said[said.index("exit status") :].split())
    assert last.startswith("exit status 1: worse: charbench.strict")
    assert last.endswith("(--fail-on worse --alpha 0.05)")
    assert compare(good, bad, "--first", "3", status=1) == said


def test_a_better_or_an_equal_one_passes(good: Path, bad: Path) -> None:
    assert "exit status 0: nothing is significantly worse" in compare(bad, good, status=0)
    assert "exit status 1: better" in compare(bad, good, "--fail-on", "any", status=1)
    assert "exit status 0: --fail-on never" in compare(good, bad, "--fail-on", "never", status=0)
    assert "exit status 0: no difference" in compare(good, good, "--exact", status=0)
    compare(bad, good, "--exact", status=1)
    compare(good, bad, "--max-drop", "100", status=0)


def test_json_and_table_hold_every_change(good: Path, bad: Path, tmp_path: Path) -> None:
    path = tmp_path / "changes.parquet"
    found = json.loads(compare(good, bad, "--json", "--out", path, status=1))
    assert found["gate"]["exit_status"] == 1
    (pair,) = found["pairs"]
    assert pair["a"]["synthetic"]
    (total,) = pair["totals"]
    items = [change for change in found["changes"] if change["what"] == "item"]
    assert total["lost"] == len([change for change in items if change["kind"] == "worse"]) > 0
    assert total["k_a"] - total["k_b"] == total["lost"] - total["gained"]
    assert {row["stratum"] for row in pair["strata"]} == {"count_char", "first_letter"}
    assert pl.read_parquet(path).height == len(found["changes"])
    assert "--force" in refused(OutputDirectoryError, good, bad, "--out", path)


def test_two_tokenizers_of_a_directory_each(checked: Path) -> None:
    one, other = sorted(path.parent for path in checked.glob("*/run.json"))
    said = compare(one, other, status=0)
    in_80_columns(said)
    assert "no model was asked" in said
    assert "law/bytes-round-trip" in said
    assert "skipped → correct" in said
    assert "exit status 0: no difference" in compare(checked, checked, "--exact", status=0)


def test_two_specs(tmp_path: Path) -> None:
    said = compare(
        TINY, "tiktoken:@tiny.tiktoken?pattern=cl100k", "--strings", "50", "--out", tmp_path / "t.csv", status=1
    )
    in_80_columns(said)
    assert "classes: split-pattern" in said
    assert "tokens of all texts" in " ".join(said.split())
    assert {"cut", "setting", "tokens"} == set(pl.read_csv(tmp_path / "t.csv")["what"].to_list())
    found = json.loads(compare(TINY, "hf:@tiny.json", "--strings", "50", "--json", status=0))
    assert (found["other_ids"], found["vocabulary"]["added"], found["equal"]) == (0, 3, False)


def test_what_is_not_comparable_is_refused(good: Path, checked: Path, tmp_path: Path) -> None:
    assert "no suite on both sides" in refused(RecordError, good, checked)
    assert "two directories of runs, or two tokenizers" in refused(OptionError, good, "bytes")
    assert "no such directory" in refused(RecordError, tmp_path / "missing", good)
    assert "no runs here" in refused(RecordError, tmp_path, good)
    file = tmp_path / "tokenizer.json"
    file.write_text("{}", encoding="utf-8")
    assert "hf:" in refused(OptionError, file, "bytes")
    assert "multiple of 5" in refused(OptionError, "bytes", TINY, "--strings", "7")
    assert ".parquet" in refused(OptionError, good, good, "--out", tmp_path / "changes.txt")
    assert invoke("compare", good, good, "--alpha", "2").exit_code == 2


def test_another_suite_version_is_refused(good: Path, tmp_path: Path) -> None:
    (record,) = good.glob("*/run.json")
    folder = tmp_path / record.parent.name
    folder.mkdir()
    for path in record.parent.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    changed = json.loads(record.read_bytes())
    changed["run"]["suite_version"] = "charbench-0"
    (folder / "run.json").write_text(json.dumps(changed), encoding="utf-8")
    said = refused(RecordError, good, folder)
    assert "suite versions charbench-1 and charbench-0" in said


def test_help_explains_the_exit_status() -> None:
    said = " ".join(invoke("compare", "--help").output.split())
    assert "Exit status: 0 nothing got significantly worse" in said
    assert "2 usage or input" in said
