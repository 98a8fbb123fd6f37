"""The command line as a person uses it: each case is a process of its own kind of input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TINY = "tiktoken:@tiny.tiktoken?pattern=gpt2"


def tokbench(
    *arguments: str | bytes, folder: Path, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"NO_COLOR": "1", "COLUMNS": "120", "TOKBENCH_OFFLINE": "1"} | environment
    env.pop("TOKBENCH_DATA", None)
    done = subprocess.run(
        [sys.executable, "-m", "tokbench", *arguments],
        cwd=folder, env=env, input=stdin, capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )


def refuses(done: subprocess.CompletedProcess[str], *words: str, status: int = 2) -> None:
    """One line on standard error that holds all words, no traceback, the right exit status."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0]


# ---------------------------------------------------------------------- segment, tokenizers


def test_segment_shows_cuts_ids_and_bytes(tmp_path: Path) -> None:
    done = tokbench("segment", "naïve 🦙", "-t", TINY, "-t", "bytes", "--ids", "--bytes", folder=tmp_path)
    assert done.returncode == 0
    assert "⟨F0⟩" in done.stdout
    assert "f0" in done.stdout
    assert "11 tokens, 1.00 bytes/token" in done.stdout
    assert "first cut that not all share: byte 5" in done.stdout


def test_segment_reads_standard_input_and_writes_json(tmp_path: Path) -> None:
    done = tokbench("segment", "-", "-t", "bytes", "--json", folder=tmp_path, stdin="é\n".encode())
    (row,) = json.loads(done.stdout)
    assert [token["bytes"] for token in row["tokens"]] == ["c3", "a9", "0a"]
    assert [token["span"] for token in row["tokens"]] == [[0, 1], [1, 2], [2, 3]]


def test_segment_reads_escapes(tmp_path: Path) -> None:
    done = tokbench("segment", r"a\u2581é", "-t", "bytes", "--escapes", "--json", folder=tmp_path)
    (row,) = json.loads(done.stdout)
    assert bytes.fromhex("".join(token["bytes"] for token in row["tokens"])).decode() == "a\u2581é"


def test_text_that_is_not_text_is_refused(tmp_path: Path) -> None:
    refuses(tokbench("segment", b"a\xff", "-t", "bytes", folder=tmp_path), "TEXT: not UTF-8: byte 0xFF at character 1")
    refuses(
        tokbench("segment", "-", "-t", "bytes", folder=tmp_path, stdin=b"ab\xc3"),
        "standard input: not UTF-8: byte 0xC3 at offset 2",
    )
    refuses(tokbench("segment", r"\ud83d", "--escapes", "-t", "bytes", folder=tmp_path), "surrogate U+D83D at index 0")
    refuses(tokbench("segment", r"\u12", "--escapes", "-t", "bytes", folder=tmp_path), "bad backslash escape")


def test_tokenizers_lists_what_is_here(tmp_path: Path) -> None:
    done = tokbench("tokenizers", folder=tmp_path, TIKTOKEN_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0
    assert "hf:@tiny.json" in done.stdout
    assert "TIKTOKEN_CACHE_DIR" in done.stdout
    rows = json.loads(tokbench("tokenizers", "--json", folder=tmp_path, TIKTOKEN_CACHE_DIR=str(tmp_path)).stdout)
    found = {row["spec"]: row for row in rows}
    assert found["bytes"]["available"]
    assert not found["tiktoken:cl100k_base"]["available"]
    assert "9b5ad71b2ce5302211f9c61530b329a4922fc6a4" in found["tiktoken:cl100k_base"]["detail"]


# ---------------------------------------------------------------------- check


def test_check_passes_and_compares(tmp_path: Path) -> None:
    done = tokbench("check", "hf:@tiny.json", "--reference", TINY, "--profile", "smoke", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "equal, 0 of 300 strings differ" in done.stdout
    assert "0 fail" in done.stdout


def test_check_fails_with_a_counterexample_to_paste(tmp_path: Path) -> None:
    # a faulty engine, registered the way a third party does
    (tmp_path / "faulty.py").write_text(
        "from tokbench.tokenizers._bytes import BytesTokenizer, load as _load\n"
        "class Faulty(BytesTokenizer):\n"
        "    def _decode(self, ids): return super()._decode(ids).replace(' ?', '?')\n"
        "def load(locator, **options):\n"
        "    healthy = _load('')\n"
        "    return Faulty(healthy.info)\n"
    )
    info = tmp_path / "faulty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tokbench.tokenizers]\nfaulty = faulty:load\n")
    done = tokbench("check", "faulty:x", folder=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert "@example(" in done.stdout
    assert "' ?'" in done.stdout
    assert "https://github.com/" in done.stdout
    asked = tokbench(
        "check", "faulty:x", "--laws", "decode-cleanup", "--json", folder=tmp_path, PYTHONPATH=str(tmp_path)
    )
    assert asked.returncode == 1
    (law,) = json.loads(asked.stdout)["laws"]
    assert law["status"] == "fails"
    assert law["paste"].startswith("@example(")


def test_check_names_documented_losses(tmp_path: Path) -> None:
    done = tokbench("check", "hf:@tiny-wordpiece.json", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "unknown-token" in done.stdout
    assert "what is lost" in done.stdout


# ---------------------------------------------------------------------- run and report


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("main")
    done = tokbench(
        "run", "exactness", "-t", TINY, "-t", "hf:@tiny.json", "--profile", "smoke", "--out", "runs", folder=folder
    )
    assert done.returncode == 0, done.stderr
    assert "0/300" in done.stdout
    return folder / "runs"


def test_a_run_leaves_records_and_a_leaderboard(runs: Path) -> None:
    directories = sorted(path.parent for path in runs.glob("*/run.json"))
    assert len(directories) == 2
    for directory in directories:
        assert {path.name for path in directory.iterdir()} == {"run.json", "samples.parquet", "metrics.parquet"}
        record = json.loads((directory / "run.json").read_text())
        assert record["run"]["status"] == "complete"
        assert record["tokenizer"]["files"][0]["sha256"]
        assert str(Path.home()) not in json.dumps(record)
    assert (runs / "leaderboard.html").stat().st_size < 1_000_000
    assert "tiktoken-tiny" in (runs / "leaderboard.md").read_text()


def test_a_finished_run_is_kept(runs: Path) -> None:
    before = {path: path.read_bytes() for path in runs.glob("*/*")}
    done = tokbench(
        "run", "exactness", "-t", TINY, "-t", "hf:@tiny.json", "--profile", "smoke", "--out", "runs", folder=runs.parent
    )
    assert done.returncode == 0
    assert "2 finished before and kept" in done.stderr
    assert {path: path.read_bytes() for path in runs.glob("*/*")} == before


def test_a_run_with_other_tokenizers_adds_to_the_directory(runs: Path) -> None:
    done = tokbench("run", "exactness", "-t", "bytes", "--profile", "smoke", "--out", "runs", folder=runs.parent)
    assert done.returncode == 0
    assert len(list(runs.glob("*/run.json"))) == 3


def test_report_formats(runs: Path) -> None:
    for name, start in (("csv", "suite"), ("markdown", "#"), ("json", "{"), ("html", "<!doctype html>")):
        done = tokbench("report", "runs", "--format", name, folder=runs.parent)
        assert done.returncode == 0, done.stderr
        assert done.stdout.lower().startswith(start)
    first = tokbench("report", "runs", "--out", "page.html", folder=runs.parent)
    assert first.returncode == 0
    refuses(tokbench("report", "runs", "--out", "page.html", folder=runs.parent), "page.html exists", "--force")
    assert tokbench("report", "runs", "--check", folder=runs.parent).returncode == 0


def test_a_killed_run_continues_where_it_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tokbench", "run", "exactness", "-t", TINY, "-t", "hf:@tiny.json", "-t", "bytes"]
    command += ["--profile", "core", "--out", "runs", "--laws", "-growth"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # what `kill -9` leaves behind is a journal; the workers notice that their parent is gone
    journal: list[Path] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        journal = [path for path in tmp_path.glob("runs/*/journal.jsonl") if path.read_bytes().count(b"\n") >= 3]
        if journal:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert journal, "the run was over before it could be killed"
    kept = journal[0].read_bytes()
    done = tokbench(*command[3:], folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for path in tmp_path.glob("runs/*/run.json"):
        assert json.loads(path.read_text())["run"]["status"] == "complete"
    record = json.loads((journal[0].parent / "run.json").read_text())
    assert record["time"]["continued"]
    assert not journal[0].exists()
    import polars as pl

    samples = pl.read_parquet(journal[0].parent / "samples.parquet")
    assert samples["item_id"].n_unique() == len(samples)
    first = json.loads(kept.splitlines()[0])
    assert first["samples"][0]["item_id"] in samples["item_id"].to_list()


# ---------------------------------------------------------------------- bad input


def test_bad_tokenizers_are_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "page.json").write_text("<!doctype html>")
    (tmp_path / "half.json").write_text('{"version": "1.0", "model": {"type": "BPE", ')
    (tmp_path / "other.json").write_text('{"a": 1}')
    (tmp_path / "junk.model").write_bytes(b"\x00\x01junk" * 50)
    (tmp_path / "ranks.tiktoken").write_text("YQ== 0\nYQ== 1\n")
    (tmp_path / "hole.tiktoken").write_text("YQ== 0\n")
    cases = {
        "foo:x": ("unknown tokenizer backend 'foo'", "tiktoken"),
        "nonsense": ("expected backend:locator",),
        "hf:missing.json": ("missing.json", "tokenizer.json"),
        "hf:./empty": ("empty", "tokenizer.json"),
        "hf:page.json": ("page.json", "HTML"),
        "hf:half.json": ("half.json", "breaks off"),
        "hf:other.json": ("other.json", "'a'"),
        "hf:no-such-org/no-such-model": ("no-such-org/no-such-model", "not available"),
        "sentencepiece:junk.model": ("junk.model", "sentencepiece"),
        "sentencepiece:page.json": ("page.json", "HTML"),
        "tiktoken:ranks.tiktoken?pattern=gpt2": ("ranks.tiktoken", "lines 1 and 2"),
        "tiktoken:hole.tiktoken?pattern=gpt2": ("hole.tiktoken", "255 missing"),
        TINY.partition("?")[0]: ("no split pattern",),
        "tiktoken:cl100k_base": ("cl100k_base", "cache"),
        "mistral:v99": ("v99", "v3"),
    }
    for spec, words in cases.items():
        done = tokbench("check", spec, folder=tmp_path, TIKTOKEN_CACHE_DIR=str(tmp_path), HF_HUB_OFFLINE="1")
        refuses(done, *words)


def test_other_bad_input_is_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "b.txt").write_text("one\n")
    (tmp_path / "han.txt").write_text("你好\n")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "thesis.doc").write_text("")
    run = ("run", "exactness", "-t", "bytes", "--profile", "smoke")
    refuses(tokbench(*run, "--text", "latin.txt", folder=tmp_path), "latin.txt", "byte 0xE9 at offset 3")
    refuses(tokbench(*run, "--text", "nowhere.txt", folder=tmp_path), "nowhere.txt")
    refuses(tokbench(*run, "--text", "han.txt", folder=tmp_path), "han.txt, line 1")
    refuses(tokbench(*run, "--parallel", "a.txt,b.txt", folder=tmp_path), "b.txt")
    refuses(tokbench(*run, "--laws", "round-tripp", folder=tmp_path), "did you mean round-trip")
    refuses(tokbench(*run, "--out", "a.txt", folder=tmp_path), "a.txt", "is a file")
    refuses(tokbench(*run, "--out", "strange", folder=tmp_path), "strange", "thesis.doc")
    refuses(tokbench(*run, "--data", "nowhere", folder=tmp_path), "nowhere")
    refuses(tokbench("check", "bytes", "--reference", TINY, folder=tmp_path), "do not have the same vocabulary", "id 0")
    assert not (tmp_path / "runs").exists()


def test_a_directory_of_another_suite_or_schema_is_refused(tmp_path: Path, runs: Path) -> None:
    source = next(runs.glob("*/run.json"))  # whichever: another test of this folder may not have run
    for name, change, words in (
        ("other", {"run": {"suite": "charbench"}}, ("charbench",)),
        ("newer", {"schema": 999}, ("999",)),
    ):
        record = json.loads(source.read_text())
        for key, value in change.items():
            record[key] = record[key] | value if isinstance(value, dict) else value
        target = tmp_path / name / "some-run"
        target.mkdir(parents=True)
        (target / "run.json").write_text(json.dumps(record))
        before = (target / "run.json").read_bytes()
        done = tokbench("run", "exactness", "-t", "bytes", "--profile", "smoke", "--out", name, folder=tmp_path)
        refuses(done, *words)
        assert (target / "run.json").read_bytes() == before
        assert len(list((tmp_path / name).iterdir())) == 1


def test_usage_errors_exit_with_2(tmp_path: Path) -> None:
    for arguments in (("run",), ("run", "nosuite"), ("check", "bytes", "--profile", "huge"), ("nosuchcommand",)):
        done = tokbench(*arguments, folder=tmp_path)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
    assert tokbench("--version", folder=tmp_path).stdout.startswith("tokbench ")
    for command in ("run", "check", "segment", "tokenizers", "report"):
        assert tokbench(command, "--help", folder=tmp_path).returncode == 0
