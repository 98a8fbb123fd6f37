"""``tokbench run arithmetic`` as a person uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tokbench.cli import main
from tokbench.cli._options import tokenizers_of
from tokbench.results import scan
from tokbench.suites.definition import load_definition

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """``command(*arguments)``: exit status and what was printed, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TOKBENCH_OFFLINE", "1")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tokbench", "run", "arithmetic", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


SMOKE = ("--profile", "smoke", "--shots", "0")


def test_a_model(command: Command, tmp_path: Path) -> None:
    options = ("-t", "hf:@tiny.json", "-m", "scripted:adder", *SMOKE, "--formats", "nosep,comma_r2l", "--out", "runs")
    status, out, _ = command(*options)
    assert status == 0
    assert "scripted:adder, hf:@tiny.json (toy)" in out
    assert "100.0 [98.8, 100.0]" in out
    assert "comma_r2l|shots=0" in out
    ((run,), problems) = scan(tmp_path / "runs")
    assert problems == []
    assert run.group("run")["suite"] == "arithmetic"
    status, _, err = command(*options)
    assert status == 0
    assert "1 finished before and kept" in err


def test_the_tokenizer_alone_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tokbench", "run", "arithmetic", "--tokenizer", "bytes", "--profile", "smoke"],
        cwd=tmp_path, env=os.environ | {"NO_COLOR": "1", "COLUMNS": "120", "TOKBENCH_OFFLINE": "1"},
        capture_output=True, timeout=300, check=False, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "How numbers are cut" in done.stdout
    assert "single" in done.stdout
    assert "Right answers" not in done.stdout


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--mode", "io", "--in", "nosep", "--answer", "comma_r2l"), "nosep>comma_r2l|shots=0"),
        (
            ("--mode", "repeat", "--in", "nosep", "--repeat", "comma_r2l", "--answer", "space_l2r"),
            "nosep>comma_r2l>space_l2r|shots=0",
        ),
        (("--system", "mathgpt", "--flip-query", "--formats", "dec_r2l"), "dec_r2l|shots=0|system=mathgpt|flip"),
    ],
)
def test_items_of_every_mode(command: Command, tmp_path: Path, options: tuple[str, ...], name: str) -> None:
    status, _, err = command(*SMOKE, *options, "--items-only", "--out", "runs")
    assert status == 0, err
    (path,) = (tmp_path / "runs").glob("*/questions.parquet")
    questions = pl.read_parquet(path)
    assert questions["condition"].unique().to_list() == [name]
    assert questions.height == 324


def test_several_numbers_of_shots(command: Command, tmp_path: Path) -> None:
    options = ("--profile", "smoke", "--shots", "0,2", "--formats", "nosep", "--items-only", "--out", "runs")
    status, _, _ = command(*options)
    assert status == 0
    (path,) = (tmp_path / "runs").glob("*/questions.parquet")
    assert sorted(pl.read_parquet(path)["n_shots"].unique()) == [0, 2]


def test_without_tokenizer_and_model_the_usual_tokenizers_are_taken() -> None:
    usual = tokenizers_of(None, None)
    assert usual == load_definition().default_tokenizers
    assert tokenizers_of(None, None, otherwise=("bytes",)) == ("bytes",)
    assert tokenizers_of(["hf:@tiny.json"], "scripted:adder") == ("hf:@tiny.json",)
    assert tokenizers_of(None, "ngram:tiny") == ("hf:@tiny.json",)


BAD = [
    (("-m", "openai:some"), "option tokenizer='': expected the tokenizer of openai:some"),
    (("-t", "bytes", "--formats", "nosep,coma_r2l"), "unknown format 'coma_r2l': expected one of nosep, comma_r2l"),
    (("-t", "bytes", "--formats", "sep:7_r2l"), "option separator='7': expected text without digits"),
    (("-t", "bytes", "--shots", "many"), "option shots='many': expected numbers from 0 to 16 joined by commas"),
    (("-t", "bytes", "-m", "scripted:adder", "--shots", "17"), "option shots=17: expected a number from 0 to 16"),
    (("-t", "bytes", "--in", "nosep"), "option in='nosep': expected --mode io or --mode repeat beside it"),
    (("-t", "bytes", "--mode", "io", "--in", "nosep"), "option answer='': expected a format"),
    (("-t", "bytes", "--mode", "repeat", "--in", "nosep", "--answer", "nosep"), "option repeat='': expected a format"),
    (("-t", "bytes", "--mode", "io", "--in", "nosep", "--answer", "nosep", "--repeat", "dec_r2l"), "--mode repeat"),
    (("-t", "bytes", "--mode", "io", "--formats", "nosep"), "option formats='nosep': expected --in and --answer"),
    (("-t", "bytes", "-m", "scripted:adder", "--items-only"), "option items-only=True: expected no --model beside it"),
    (("-t", "bytes", "-m", "scripted:nobody"), "unknown scripted responder 'nobody': expected one of adder"),
    (("-t", "bytes", "-m", "scripted:adder", "--blocks", "division"), "unknown block 'division': expected"),
    (("-t", "bytes", "-m", "scripted:adder", "--mapping", "singh2024"), "expected a model replay:FILE"),
    (("-t", "bytes", "-m", "replay:none.csv", "--mapping", "singh2024"), "none.csv"),
    (("-t", "bytes", "-m", "replay:none.csv", "--mapping", "sing"), "unknown mapping 'sing': expected"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "problem"), BAD)
def test_bad_input_is_one_line(command: Command, options: tuple[str, ...], problem: str) -> None:
    status, out, err = command(*options, "--profile", "smoke")
    assert status == 2
    assert out == ""
    assert problem in err
    assert err.startswith("tokbench: ")
    assert err.count("\n") == 1


def test_a_recording(command: Command, tmp_path: Path) -> None:
    (tmp_path / "said.csv").write_text("x,y,r\n1234,5678,6912\n1234,5679,7913\n", encoding="utf-8")
    (tmp_path / "said.toml").write_text('[columns]\na = "x"\nb = "y"\nresponse = "r"\n', encoding="utf-8")
    options = ("-t", "bytes", "-m", "replay:said.csv", "--mapping", "said.toml", "--profile", "smoke", "--out", "runs")
    status, out, err = command(*options)
    assert status == 0, err
    assert "replay:said.csv" in out
    assert "50.0 [" in out


@pytest.mark.data
def test_a_published_recording(
    command: Command, data_dir: Path, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = data_dir / "arithmetic" / "20240125_gpt35_0301_answer_length_effects.csv"
    if not path.is_file():
        pytest.skip(f"{path.name} is missing from the third-party data")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    options = ("-t", "tiktoken:cl100k_base", "-m", f"replay:{path}", "--mapping", "singh2024", "--profile", "smoke")
    status, out, err = command(*options, "--out", "runs")
    assert status == 0, err
    # 881 of 900 and 394 of 400 with commas, 844 of 900 and 33 of 400 without (specification, 7.2), McNemar (7.3)
    assert [line.split()[-3:] for line in out.splitlines() if line.startswith(("comma_r2l  1", "nosep      1"))] == [
        ["97.9", "98.5", "0.0"], ["93.8", "8.2", "0.1"],
    ]  # fmt: skip
    assert "5.3e-102" in out
