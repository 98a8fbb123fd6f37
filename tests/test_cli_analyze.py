"""``tokbench analyze`` as a person uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from charbench_runs import natural_items, write_run

from tokbench.cli._analyze import free_paths
from tokbench.errors import OutputDirectoryError, RecordError
from tokbench.suites.charbench.recorded import recorded

PAPER = "charbench-2025"
FRAMES = (
    "table", "correlations", "controls", "regression", "conditional", "permutation", "differences", "overlap", "pairs",
)  # fmt: skip


def analyze(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"NO_COLOR": "1", "COLUMNS": "80", "TOKBENCH_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "tokbench", "analyze", *map(str, arguments)],
        cwd=folder, env=env, capture_output=True, timeout=300, check=False, text=True, encoding="utf-8",
    )  # fmt: skip


def refuses(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert not done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert all(word in lines[0] for word in words), lines[0]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs, one that was cut off, and one of another suite."""
    root = tmp_path_factory.mktemp("runs")
    items = natural_items("smoke", ("find_first",))
    for name in ("ttl-only", "wl-only"):
        write_run(root, name, items, prompt_id=PAPER)
    write_run(root, "len", items, prompt_id=PAPER, finish=False)
    write_run(root, "len", items, suite="arithmetic")
    return root


def test_tables_fit_eighty_columns_and_can_be_pasted(runs: Path, tmp_path: Path) -> None:
    done = analyze(runs, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line for line in lines if line.startswith("|")]
    assert any(line.startswith("| scripted:ttl-only ") for line in rows)
    assert any(line.startswith("| GPT-4o * ") and line.endswith("-.136 | -.170 | -.128 |  .059 | -.158 | -.245 |")
               for line in rows)  # fmt: skip
    assert not any("…" in line for line in rows)
    assert "* arXiv 2508.02591, n = 43,750 (±.009): a comparable design, other words" in lines
    assert "n = 56; 95 % interval at r = 0: ±.269" in lines
    assert "first: scripted:ttl-only, second: scripted:wl-only" in lines
    for start in [place for place, line in enumerate(lines) if line.startswith("|--")]:
        assert lines[start - 1].count("|") == lines[start].count("|")  # a head and its rule: Markdown
    told = " ".join(done.stderr.split())
    assert "was cut off and is not finished: the same command continues it" in told
    assert "a run of arithmetic, not of charbench" in told


def test_everything_in_full_as_parquet_and_as_json(runs: Path, tmp_path: Path) -> None:
    done = analyze(runs, "--out", "tables", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["runs"]) == 2
    assert any("was cut off" in note for note in found["notes"])
    assert sorted(path.stem for path in (tmp_path / "tables").iterdir()) == sorted(FRAMES)
    for name in FRAMES:
        assert pl.read_parquet(tmp_path / "tables" / f"{name}.parquet").to_dicts() == found[name]
    ours = [row for row in found["correlations"] if row["context"] == "bare" and row["feature"] == "TTL"]
    assert [(row["model"], row["n"]) for row in ours] == [("scripted:ttl-only", 56), ("scripted:wl-only", 56)]
    again = analyze(runs, "--out", "tables", "--force", "--json", folder=tmp_path)
    assert again.stdout == done.stdout


def test_tables_are_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "table.parquet").touch()
    (tmp_path / "file").touch()
    with pytest.raises(OutputDirectoryError, match=r"table\.parquet is there: use --force to replace it"):
        free_paths(tmp_path, ["table"], force=False)
    assert free_paths(tmp_path, ["table"], force=True) == {"table": tmp_path / "table.parquet"}
    with pytest.raises(OutputDirectoryError, match="is a file: expected a folder"):
        free_paths(tmp_path / "file", ["table"], force=False)


def test_refusals(runs: Path, tmp_path: Path) -> None:
    refuses(analyze("nowhere", folder=tmp_path), "nowhere: no such directory")
    refuses(analyze(runs, "--tasks", "find_frist", folder=tmp_path), "find_frist", "find_first")
    with pytest.raises(RecordError, match="no answer to spell: the tasks are find_first"):
        recorded([runs]).only(["spell"])


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    items = natural_items("smoke", ("find_first",))[:8]
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match="no runs here"):
        recorded([tmp_path / "empty"])
    with pytest.raises(RecordError, match="no such directory"):
        recorded([tmp_path / "nowhere"])
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="not a directory"):
        recorded([tmp_path / "file"])
    with pytest.raises(RecordError, match="has no answers: it was a run of items and features alone"):
        recorded([write_run(tmp_path / "alone", None, items)])
    with pytest.raises(RecordError, match="was cut off and is not finished"):
        recorded([write_run(tmp_path / "cut", "len", items, finish=False)])
    with pytest.raises(RecordError, match="a run of exactness, not of charbench"):
        recorded([write_run(tmp_path / "other", "len", items, suite="exactness")])
    whole = write_run(tmp_path / "whole", "len", items)
    (whole / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(RecordError, match=r"predictions\.parquet: its SHA-256 is not the one in run\.json"):
        recorded([whole])


def test_two_questions_of_one_name_are_not_mixed(tmp_path: Path) -> None:
    items = natural_items("smoke", ("find_first",))[:8]
    write_run(tmp_path / "a", "len", items)
    write_run(tmp_path / "b", "len-1", [replace(item, word=item.word[::-1]) for item in items])
    with pytest.raises(RecordError, match=r"in one run and .* in another .*analyse these runs one by one"):
        recorded([tmp_path / "a", tmp_path / "b"])
