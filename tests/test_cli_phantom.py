"""``tokbench run phantom`` as a person uses it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from phantom_items import TINY

from tokbench.cli import main
from tokbench.errors import OptionError
from tokbench.results import Run, scan
from tokbench.suites.phantom.items import items
from tokbench.suites.phantom.plan import PhantomPlan
from tokbench.tokenizers import load_tokenizer

Command = Callable[..., tuple[int, str, str]]
SPEC = "hf:@tiny.json"
SMOKE = ("--profile", "smoke", "--markings", "ordinal")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """``command(*arguments)``: exit status and what was printed, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TOKBENCH_OFFLINE", "1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    def call(*arguments: str, name: str = "run") -> tuple[int, str, str]:
        first = ["run", "phantom"] if name == "run" else [name]
        monkeypatch.setattr(sys, "argv", ["tokbench", *first, *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def the_run(folder: Path) -> Run:
    ((run,), problems) = scan(folder)
    assert problems == []
    return run


def value(run: Run, metric: str, subset: str) -> float | None:
    (row,) = [row for row in run.metric_rows if (row.metric, row.filter) == (metric, subset)]
    return row.value


def record(path: Path, **columns: Callable[[str, str], object]) -> None:
    """A recording of the ordinal items: each column a function of key and passage."""
    rows = [
        {"item_id": entry.item_id, **{name: column(entry.item_id, entry.text) for name, column in columns.items()}}
        for entry in items("smoke", markings=["ordinal"])
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


# ---------------------------------------------------------------------- runs


def test_a_model(command: Command, tmp_path: Path) -> None:
    options = ("-t", SPEC, "-m", "scripted:canonical-copier", "--profile", "smoke", "--out", "runs")
    status, out, err = command(*options)
    assert status == 0, err
    assert "scripted:canonical-copier toy" in out
    assert all(len(line) <= 80 for line in out.splitlines())
    run = the_run(tmp_path / "runs")
    assert run.complete
    assert value(run, "paper_rate", "bracket") == 224 / 256  # all that are not at the start of a sentence
    assert value(run, "paper_rate", "ordinal") == 0
    assert value(run, "strict_unexplained_rate", "bracket") == 0
    assert value(run, "marking.mcnemar_p", "bracket against ordinal") == 2.0**-223
    (targets,) = (tmp_path / "runs").glob("*/targets.parquet")
    assert pl.read_parquet(targets).height == 768
    status, out, err = command("runs", name="report")
    assert status == 0, err
    status, _, err = command(*options)
    assert "1 finished before and kept" in err
    # another suite in the same directory shows both
    status, out, err = command("runs", "--check", name="report")
    assert status == 0, err


def test_the_tokenizer_alone_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tokbench", "run", "phantom", "--tokenizer", "bytes", "--profile", "smoke"],
        cwd=tmp_path, env=os.environ | {"NO_COLOR": "1", "COLUMNS": "80", "TOKBENCH_OFFLINE": "1"},
        capture_output=True, timeout=300, check=False, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"^bytes +0\.00 +– +100\.0 ", done.stdout, re.MULTILINE)
    assert "paper" not in done.stdout


def test_a_built_in_model_brings_its_tokenizer(command: Command, tmp_path: Path) -> None:
    status, out, err = command("-m", "ngram:tiny", "--max-tokens", "4", *SMOKE, "--out", "runs")
    assert status == 0, err
    assert "ngram:tiny toy" in out
    run = the_run(tmp_path / "runs")
    rows = [row.detail for row in run.sample_rows if row.detail is not None]
    assert len(rows) == 256
    assert {row["ids_source"] for row in rows} == {"reported"}
    assert not any(row["problem"] for row in rows)


@pytest.mark.slow
def test_a_transformer(command: Command, tmp_path: Path) -> None:
    """Random weights: its ids are its own, whatever they spell."""
    toys = pytest.importorskip("toys_torch", reason="needs torch and transformers")
    folder = tmp_path / "model"
    toys.build_gpt2(layers=1, width=16, vocabulary=1003, seed=3).save_pretrained(folder)
    source = Path(__file__).resolve().parent.parent / "fixtures" / "tiny.json"
    (folder / "tokenizer.json").write_bytes(source.read_bytes())
    options = ("-m", "hf:model", "--max-tokens", "3", *SMOKE, "--out", "runs")
    status, _, err = command(*options)
    assert status == 0, err
    run = the_run(tmp_path / "runs")
    rows = [row.detail for row in run.sample_rows if row.detail is not None]
    assert len(rows) == 256
    assert {row["ids_source"] for row in rows} == {"reported"}
    assert not any(row["problem"] for row in rows)
    # the same tokenizer under another name is the model's; another one is not
    plan = PhantomPlan(profile="smoke", model="hf:model")
    plan.check_references(load_tokenizer("hf:./model/tokenizer.json"), ())
    with pytest.raises(OptionError) as refused:
        plan.check_references(load_tokenizer("bytes"), ())
    assert str(refused.value).count("fingerprint") == 2


def test_your_own_articles(command: Command, tmp_path: Path) -> None:
    text = " ".join(entry.text for entry in items("smoke", markings=["copy"])[:12])
    (tmp_path / "mine.jsonl").write_text(
        json.dumps({"id": "a", "text": text}) + "\n" + json.dumps({"id": "b", "text": "Too short."}), encoding="utf-8"
    )
    options = ("-t", SPEC, "-m", "scripted:replacer", "--articles", "mine.jsonl", "--profile", "smoke", "--out", "runs")
    status, out, err = command(*options)
    assert status == 0, err
    run = the_run(tmp_path / "runs")
    assert {row.cluster for row in run.sample_rows if row.detail} == {"article/a"}
    assert value(run, "status", "bracket|REPLACED") == 1.0
    assert "article b: 2 words, expected 100 to 600" in out + err + json.dumps(dict(run.record), default=str)


# ---------------------------------------------------------------------- recordings


def test_recorded_ids_are_graded(command: Command, tmp_path: Path) -> None:
    record(tmp_path / "said.jsonl", completion=lambda _, text: text, ids=lambda _, text: TINY.encode(text))
    status, _, err = command("-t", SPEC, "-m", f"replay:{tmp_path / 'said.jsonl'}", *SMOKE, "--out", "runs")
    assert status == 0, err
    run = the_run(tmp_path / "runs")
    assert value(run, "status", "ordinal|UNCHANGED") == 1.0
    assert value(run, "paper_rate", "ordinal") == 0.0


def test_without_ids_the_text_is_graded(command: Command, tmp_path: Path) -> None:
    record(tmp_path / "said.jsonl", completion=lambda _, text: text)
    status, out, err = command("-t", SPEC, "-m", f"replay:{tmp_path / 'said.jsonl'}", *SMOKE, "--out", "runs")
    assert status == 0, err
    run = the_run(tmp_path / "runs")
    assert value(run, "status", "ordinal|TEXT_SAME") == 1.0
    assert value(run, "paper_rate", "ordinal") is None
    assert "–: the model does not say which ids it emitted" in out


@pytest.mark.parametrize("share", [0, 1])
def test_foreign_ids(command: Command, tmp_path: Path, share: int) -> None:
    """Two of 256 items may have ids that are not those of their text; with more the run fails."""

    def ids(key: str, text: str) -> list[int]:
        wrong = key.startswith("phantom-1/proper/") if share else key.split("/")[1:3] in (["code", "0"], ["code", "1"])
        return [*TINY.encode(text), 10**6] if wrong else TINY.encode(text)

    record(tmp_path / "said.jsonl", completion=lambda _, text: text, ids=ids)
    status, _, err = command("-t", SPEC, "-m", f"replay:{tmp_path / 'said.jsonl'}", *SMOKE, "--out", "runs")
    if share:
        assert status == 2
        assert "1000000" in err
        assert "the first of 32 of 256 targets" in err
        assert err.count("item phantom-1/") == 1
    else:
        assert status == 0, err
        assert value(the_run(tmp_path / "runs"), "status", "ordinal|INVALID") == 2 / 256


def test_a_tokenizer_that_loses_text_has_no_rate(command: Command, tmp_path: Path) -> None:
    options = ("-t", "sentencepiece:@tiny-unigram.model", "-m", "scripted:canonical-copier", *SMOKE, "--out", "runs")
    status, out, err = command(*options)
    assert status == 0, err
    run = the_run(tmp_path / "runs")
    for metric in ("paper_rate", "strict_rate", "strict_unexplained_rate"):
        (row,) = [row for row in run.metric_rows if (row.metric, row.filter) == (metric, "ordinal")]
        assert row.value is None
        assert "the law decode(encode(x)) = x does not hold" in row.reason
    assert "does not hold" in out


# ---------------------------------------------------------------------- bad input

BAD = [
    (("-m", "openai:some"), "option tokenizer='': expected the tokenizer of openai:some"),
    (("-t", "bytes", "--markings", "bracket,curly"), "unknown marking 'curly': expected one of bracket, ordinal"),
    (("-t", "bytes", "-m", "scripted:nobody"), "unknown scripted responder 'nobody': expected one of"),
    (("-t", "bytes", "-m", "nothing:here"), "nothing"),
    (("-t", "bytes", "-m", "replay:none.jsonl"), "none.jsonl"),
    (("-t", "bytes", "-m", "hf:nowhere"), "nowhere"),
    (("-t", "bytes", "-m", "ngram:tiny"), "the tokenizer of ngram:tiny, whose ids are graded"),
    (("-t", "bytes", "-m", "scripted:copier", "--articles", "short.jsonl"), "expected 100 to 600"),
    (("-t", "bytes", "-m", "scripted:copier", "--articles", "latin.jsonl"), "cannot be read as UTF-8"),
    (("-t", "bytes", "-m", "scripted:copier", "--articles", "broken.jsonl"), "broken.jsonl, line 2: is no JSON"),
    (("-t", "bytes", "-m", "scripted:copier", "--articles", "fields.jsonl"), "expected an object with a field text"),
    (("-t", "bytes", "-m", "scripted:copier", "--articles", "absent.jsonl"), "absent.jsonl"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "problem"), BAD)
def test_bad_input_is_one_line(command: Command, tmp_path: Path, options: tuple[str, ...], problem: str) -> None:
    (tmp_path / "short.jsonl").write_text('{"text": "Two words."}', encoding="utf-8")
    (tmp_path / "latin.jsonl").write_bytes(b'{"text": "caf\xe9"}')
    (tmp_path / "broken.jsonl").write_text('{"text": "Two words."}\n{"text": ', encoding="utf-8")
    (tmp_path / "fields.jsonl").write_text('{"body": "Two words."}', encoding="utf-8")
    status, out, err = command(*options, "--profile", "smoke")
    assert status == 2
    assert out == ""
    assert problem in err
    assert err.startswith("tokbench: ")
    assert err.count("\n") == 1


def test_an_unknown_profile_names_those_there_are(command: Command) -> None:
    status, _, err = command("-t", "bytes", "--profile", "huge")
    assert status == 2
    assert "smoke" in err
    assert "core" in err
