"""``tokbench run charbench`` with bad input: one clear line, exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tokbench.cli import app
from tokbench.errors import TokbenchError

BYTES = ("--tokenizer", "bytes", "--model", "scripted:oracle", "--profile", "smoke", "--tasks", "count_char")


def problem(folder: Path, *arguments: str) -> str:
    """What the command says before anything is asked."""
    done = CliRunner().invoke(app, ["run", "charbench", *BYTES, "--out", str(folder / "runs"), *arguments])
    assert isinstance(done.exception, TokbenchError), done.output
    assert not (folder / "runs").exists()
    return str(done.exception)


@pytest.mark.parametrize(("arguments", "words"), [
    (("--tasks", "count_chars"), ("unknown task 'count_chars'", "did you mean", "count_char")),
    (("--prompt", "plane"), ("unknown prompt 'plane'", "plain")),
    (("--gold", "natural", "--tasks", "spell"), ("natural", "--tasks paper", "spell")),
    (("--prompt", "charbench-2025", "--tasks", "spell"), ("charbench-2025", "--tasks paper", "spell")),
    (("--mode", "loglik"), ("--prompt completion",)),
    (("--mode", "loglik", "--prompt", "completion"), ("a model with probabilities", "scripted:oracle")),
    (("--items-only",), ("no --model beside it",)),
    (("--items", "rows.csv"), ("charbench-csv:FILE",)),
])  # fmt: skip
def test_bad_input_is_refused_in_one_line(tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    text = problem(tmp_path, *arguments)
    assert "\n" not in text
    assert all(word in text for word in words), text


def test_a_word_file_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(b"word\n\xff\n")
    assert "line 2" in problem(tmp_path, "--words", f"file:{path}")


@pytest.mark.parametrize("option", ["--profile", "--gold"])
def test_unknown_choices_end_with_status_2(option: str) -> None:
    done = CliRunner().invoke(app, ["run", "charbench", *BYTES, option, "huge"])
    assert done.exit_code == 2
    assert "huge" in done.output


def test_a_dry_run_asks_nothing(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["run", "charbench", *BYTES, "--out", str(tmp_path / "runs"), "--dry-run"])
    assert done.exit_code == 0
    assert "56 items; nothing was asked" in done.output
    assert not (tmp_path / "runs").exists()


def test_a_run_ends_with_a_summary_of_80_columns(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["run", "charbench", *BYTES, "--out", str(tmp_path / "runs")])
    assert done.exit_code == 0, done.output
    assert "scripted:oracle  toy, never ranked" in done.output
    lines = [line for line in done.output.splitlines() if not line.startswith("leaderboard: ")]
    assert max(map(len, lines)) <= 80
