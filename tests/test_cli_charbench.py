"""``tokbench run charbench`` as a person uses it; with bad input: one clear line, exit status 2."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from charbench_items import item_of
from charbench_lists import scowl
from typer.testing import CliRunner

from tokbench.cli import app
from tokbench.errors import RecordingError, TokbenchError
from tokbench.models.completions import load_completion_model
from tokbench.suites.charbench.answers import check_recording
from tokbench.tokenizers import load_tokenizer

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


def tokbench(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, from a folder that holds its input."""
    env = os.environ | {"NO_COLOR": "1", "COLUMNS": "80", "TOKBENCH_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "tokbench", "run", "charbench", "--profile", "smoke", "--tasks", "count_char",
         *map(str, arguments)],
        cwd=folder, env=env, capture_output=True, timeout=300, check=False, text=True, encoding="utf-8",
    )  # fmt: skip


def test_the_status_and_the_line_of_the_command_itself(tmp_path: Path) -> None:
    done = tokbench(tmp_path, "-t", "bytes", "-m", "scripted:oracle", "-m", "scripted:orakle")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert "unknown scripted responder 'orakle'" in line
    assert "oracle" in line.partition("did you mean")[2]
    assert not (tmp_path / "runs").exists()  # the first model was not asked either


# --- models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spec", "words"), [
    ("scripted:orakle", "unknown scripted responder 'orakle'"),
    ("ngram:huge", "ngram: and one of"),
    ("ngram:huge.ngram", "found no such file"),
    ("hf:nowhere", "found no such folder"),
    ("replay:nowhere.csv", "cannot be read"),
    ("openai:gpt-4o", "OPENAI_API_KEY"),
    ("opanai:gpt-4o", "backend"),
])  # fmt: skip
def test_a_second_model_that_is_not_there_is_refused_before_the_first_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, words: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert words in problem(tmp_path, "--model", spec)


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "words"), [
    ("builtin:en-scowl-59", "en-scowl-95"),
    ("scowl", "builtin"),
    ("file:nowhere.txt", "cannot be read"),
])  # fmt: skip
def test_an_unknown_source_of_words(tmp_path: Path, source: str, words: str) -> None:
    assert words in problem(tmp_path, "--words", source)


def test_words_of_wordfreq_without_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    assert "tokbench[words]" in problem(tmp_path, "--words", "wordfreq:en")


@pytest.mark.parametrize(("content", "line"), [
    (b"word\nwo\0rd\n", "line 2"), (b"word\nlist\nit's\n", "line 3"), (b"word\n\xff\xfe\n", "line 2"),
    (b"word\n\xed\xa0\x80\n", "line 2"), (b"", ""),
])  # fmt: skip
def test_what_no_word_is(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    found = problem(tmp_path, "--words", f"file:{path}")
    assert "words.txt" in found
    assert line in found


def some_words(folder: Path) -> list[str]:
    """A file with some words of each length, and the words."""
    words = [word.text for length in range(4, 11) for word in scowl().of_length(length)[::40]]
    (folder / "words.txt").write_text("\n".join(words) + "\n")
    return words


def test_words_that_come_again_are_kept_once_with_a_warning(tmp_path: Path) -> None:
    words = some_words(tmp_path)
    with (tmp_path / "words.txt").open("a") as file:
        file.write(f"{words[0]}\n")
    done = tokbench(tmp_path, "-t", "bytes", "-m", "scripted:oracle", "--words", "file:words.txt")
    assert done.returncode == 0, done.stderr
    assert f"1 words come again (line {len(words) + 1})" in " ".join(done.stderr.split())


# --- recordings -------------------------------------------------------------------------------------------------------

ITEM = "charbench-1/balanced/count_char/std/L4/0"


def replay(folder: Path, content: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of recorded answers."""
    (folder / "answers.csv").write_text(content)
    return tokbench(folder, "-t", "bytes", "-m", "replay:answers.csv", *arguments)


@pytest.mark.parametrize(("content", "words"), [
    (f"item_id,completion\n{ITEM},1\n{ITEM},2\n", ("row 2", ITEM)),
    (f"item,completion\n{ITEM},1\n", ("answers.csv", "item")),
    (f"item_id,other\n{ITEM},1\n", ("answers.csv", "other")),
    ("item_id,completion\ncharbench-1/balanced/count_char/std/L4/9999,1\n", ("row 1", "9999")),
])  # fmt: skip
def test_a_recording_is_refused_with_its_row(tmp_path: Path, content: str, words: tuple[str, ...]) -> None:
    done = replay(tmp_path, content)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert all(word in line for word in words), line


def test_a_row_that_answers_no_item_is_named(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    items = [item_of("int", "1")]
    path.write_text(f"item_id,completion\n{items[0].item_id},1\n{items[0].item_id}|plain|quote,1\n{ITEM},1\n")
    with pytest.raises(RecordingError, match=rf"answers\.csv, row 3: answers '{ITEM}', which is no item of this run"):
        check_recording(load_completion_model(f"replay:{path}"), items)
    check_recording(load_completion_model("scripted:hash", tokenizer=load_tokenizer("bytes")), items)


def test_answers_that_come_again_and_answers_that_are_missing(tmp_path: Path) -> None:
    done = replay(tmp_path, f"item_id,completion\n{ITEM},1\n{ITEM},1\n")
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "runs").glob("*/predictions.parquet")
    found = pl.read_parquet(path)
    assert found["status"].value_counts().sort("count").rows() == [("strict", 1), ("missing", 55)]
    last = replay(tmp_path, f"item_id,completion\n{ITEM},1\n{ITEM},2\n", "--on-duplicate", "last", "--out", "other")
    assert last.returncode == 0, last.stderr
    (path,) = (tmp_path / "other").glob("*/predictions.parquet")
    assert pl.read_parquet(path).filter(item_id=ITEM)["parsed"].to_list() == ["2"]


# --- features and modes -----------------------------------------------------------------------------------------------


def test_required_features_of_a_tokenizer_that_changes_text(tmp_path: Path) -> None:
    lossy = ("--tokenizer", "hf:@tiny-wordpiece.json")
    arguments = [
        "run", "charbench", *lossy, "--model", "scripted:oracle", "--profile", "smoke", "--tasks", "count_char",
        "--out", str(tmp_path / "runs"),
    ]  # fmt: skip
    refused = CliRunner().invoke(app, [*arguments, "--require-features"])
    assert isinstance(refused.exception, TokbenchError), refused.output
    assert "hf:@tiny-wordpiece.json" in str(refused.exception)
    assert not list(tmp_path.glob("runs/*/samples.parquet"))
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    (path,) = tmp_path.glob("runs/*/features.parquet")
    assert pl.read_parquet(path)["n_tokens"].null_count() > 0


def test_items_and_features_alone(tmp_path: Path) -> None:
    some_words(tmp_path)
    done = CliRunner().invoke(app, [
        "run", "charbench", "--tokenizer", "hf:@tiny.json", "--items-only", "--profile", "smoke",
        "--tasks", "find_last", "--words", f"file:{tmp_path / 'words.txt'}", "--out", str(tmp_path / "runs"),
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    (run,) = (tmp_path / "runs").glob("*/run.json")
    assert json.loads(run.read_text())["run"]["status"] == "complete"
    items, features = (pl.read_parquet(run.parent / f"{name}.parquet") for name in ("items", "features"))
    assert len(items) == 56
    assert sorted(features.group_by("context").len().rows()) == [("bare", 56), ("in_prompt", 56)]
    assert not (run.parent / "predictions.parquet").exists()
    found = set(pl.read_parquet(run.parent / "metrics.parquet")["metric"])
    assert any(name.startswith("words.") for name in found)
    assert any(name.startswith("items.") for name in found)


def test_probabilities_of_a_model_that_only_chats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("openai") is None:
        pytest.skip("openai is not installed")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    arguments = ("--mode", "loglik", "--prompt", "completion", "--base-url", "http://127.0.0.1:9/v1")
    done = CliRunner().invoke(app, [
        "run", "charbench", "--tokenizer", "bytes", "--model", "openai:chat", "--profile", "smoke", "--tasks",
        "count_char", "--out", str(tmp_path / "runs"), *arguments,
    ])  # fmt: skip
    assert isinstance(done.exception, TokbenchError), done.output
    assert "a model with probabilities of given texts, not openai:chat" in str(done.exception)


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
