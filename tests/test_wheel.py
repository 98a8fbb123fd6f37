"""The wheel as a stranger gets it: built, installed in a fresh environment, used from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.wheel, pytest.mark.slow]


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "TOKBENCH_DATA"}}
    done = subprocess.run(
        command, cwd=folder, env=inherited | environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], folder)
    (path,) = folder.glob("tokbench-*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    interpreter = folder / "bin" / "python"
    run([str(interpreter), "-m", "pip", "install", "--quiet", f"{wheel}[mistral]"], folder)
    return interpreter


def test_the_wheel_carries_the_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "suites/exactness/suite.toml", "suites/exactness/corpus/eng.txt", "suites/charbench/prompts.toml",
        "suites/arithmetic/singh2024.toml", "suites/phantom/frames.toml", "fixtures/tiny.json",
        "fixtures/words/en-scowl-95.txt.gz", "fixtures/words/LICENSE.scowl",
    ):  # fmt: skip
        assert f"tokbench/_data/{wanted}" in names
    assert "tokbench/py.typed" in names
    assert "tokbench/integrations/lm_eval/tokbench_charbench.yaml" in names
    assert "_tokbench_pytest.py" in names
    assert not [name for name in names if name.startswith(("tests/", "reports/", "suites/", "fixtures/"))]
    assert wheel.stat().st_size < 3_000_000  # the word list is 0.9 MB of it


def test_the_main_job_runs_from_an_empty_folder(python: Path, tmp_path: Path) -> None:
    tokbench = str(python.parent / "tokbench")
    cache = str(tmp_path / "cache")
    folder = tmp_path / "empty"
    folder.mkdir()
    done = run([tokbench, "run", "exactness", "--profile", "smoke", "--out", "runs"], folder, TOKBENCH_CACHE_DIR=cache)
    assert "leaderboard.html" in done.stdout
    page = (folder / "runs" / "leaderboard.html").read_text(encoding="utf-8")
    for name in ("tekken_240911", "v3", "tiny", "tiny-wordpiece", "bytes"):
        assert name in page
    checked = run([tokbench, "check", "hf:@tiny.json", "--reference", "tiktoken:@tiny.tiktoken?pattern=gpt2"], folder)
    assert "round-trip" in checked.stdout
    cut = run([tokbench, "segment", "naïve 🦙", "-t", "mistral:v1", "-t", "bytes"], folder)
    assert "mistral:v1" in cut.stdout


def test_the_installed_package_is_the_one_from_the_wheel(python: Path, tmp_path: Path) -> None:
    where = run(
        [str(python), "-c", "import tokbench._resources as r; print(r.data_root(), r.__file__)"], tmp_path
    ).stdout
    assert str(ROOT) not in where
    assert "_data" in where
