"""The runs of ``reports/fixtures/``: the script makes them, and every report of them has one digest, pinned."""

from __future__ import annotations

import importlib.util
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tokbench import report, results
from tokbench.report import _charts

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "reports" / "fixtures"
UPDATE = "python fixtures/make_report_fixture.py --pin"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script that makes the runs."""
    spec = importlib.util.spec_from_file_location("make_report_fixture", ROOT / "fixtures" / "make_report_fixture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _pinned() -> tuple[dict[str, str], str]:
    lines = (FOLDER / "SHA256").read_text(encoding="ascii").splitlines()
    pairs = [line.split("  ") for line in lines if not line.startswith("#")]
    digests = {name: digest for digest, name in pairs}
    return digests, lines[0].partition(": ")[2]


def test_the_script_makes_these_runs(script: ModuleType, tmp_path: Path) -> None:
    """Their bytes hang on the version of polars; what they hold does not."""
    script.write_runs(tmp_path)
    kept, made = results.load(FOLDER), results.load(tmp_path)
    assert [run.id for run in made] == [run.id for run in kept]
    assert len(kept) == 6
    for here, there in zip(kept, made, strict=True):
        assert here.sample_rows == there.sample_rows
        assert here.metric_rows == there.metric_rows
        assert {**here.record, "files": None} == {**there.record, "files": None}


def test_they_hold_what_a_report_can_stumble_over(script: ModuleType) -> None:
    runs = results.load(FOLDER)
    assert {(run.group("run")["tokenizer"], run.group("run")["suite"]) for run in runs} == {
        (tokenizer, suite)
        for tokenizer in ("hf-alpha", "tiktoken-beta")
        for suite in ("exactness", "charbench", "phantom")
    }
    laws = [row for run in runs for row in run.sample_rows if row.item_id.startswith("law/")]
    assert any(row.outcome == "skipped" for row in laws)
    assert any(script.HOSTILE in row.message for row in laws)
    one, two = ({row.metric for row in run.metric_rows} for run in report.select(runs, suites=["exactness"]))
    assert one - two == {"bytes-per-token"}  # the missing cell


@pytest.mark.parametrize("name", ["table.md", "table.csv", "table.json", "page.html"])
def test_digest(script: ModuleType, name: str) -> None:
    pinned, versions = _pinned()
    if name == "page.html":
        if (reason := _charts.available()) is not None:
            pytest.skip(reason)
        if versions != script.chart_versions():
            pytest.skip(f"the page was pinned with {versions}, and here is {script.chart_versions()}")
    assert script.digests(FOLDER)[name] == pinned[name], f"{name} has other bytes: look at it, then run {UPDATE}"


_DIGESTS = """
import hashlib, random, sys
from tokbench import report, results
runs = results.load(sys.argv[1])
random.Random(int(sys.argv[2])).shuffle(runs)
for kind in report.FORMATS:
    print(kind, hashlib.sha256(report.render_bytes(runs, title="Fixture", format=kind)).hexdigest())
"""


def test_nothing_around_the_runs_matters(tmp_path: Path) -> None:
    """Neither the hash seed, the time zone, the language, the working directory nor the order of the runs."""
    found = []
    for seed, zone, folder in (("0", "UTC", tmp_path), ("1", "Pacific/Auckland", ROOT)):
        done = subprocess.run(
            [sys.executable, "-c", _DIGESTS, str(FOLDER), seed],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"},
            cwd=folder, check=True, capture_output=True, text=True,
        )  # fmt: skip
        found.append(done.stdout)
    assert found[0] == found[1]
    assert len(found[0].splitlines()) == len(report.FORMATS)


def test_order_of_rows_does_not_matter() -> None:
    """Ties between rows of one item, and between runs of one rank, are broken by what they say."""
    runs = results.load(FOLDER)
    wanted = [report.render(runs, format=kind) for kind in report.TEXT_FORMATS]
    rng = random.Random(0)
    mixed = []
    for run in rng.sample(runs, len(runs)):
        samples, metrics = rng.sample(run.sample_rows, len(run.sample_rows)), run.metric_rows[::-1]
        mixed.append(results.Run(run.record, samples, metrics, run.directory))
    assert [report.render(mixed, format=kind) for kind in report.TEXT_FORMATS] == wanted


def test_the_hostile_string_stays_text() -> None:
    runs = results.load(FOLDER)
    for kind in report.TEXT_FORMATS:
        text = report.render(runs, format=kind)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        assert "u202e" in text
    page = report.render(runs)
    assert page.count("</script>") == page.count("<script")
