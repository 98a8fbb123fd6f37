"""The plugin as a stranger gets it: the wheel in a fresh environment, a project of its own, with and without xdist."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "tests" / "stranger"
# what a fresh environment must not see of this one
HIDDEN = {"PYTHONPATH", "TOKBENCH_DATA", "TOKBENCH_MAX_EXAMPLES", "PYTEST_ADDOPTS", "CI"}

pytestmark = [pytest.mark.wheel, pytest.mark.slow]


def run(command: list[str], folder: Path, *, status: int = 0) -> str:
    inherited = {
        name: value for name, value in os.environ.items() if name not in HIDDEN and not name.startswith("PYTEST")
    }
    done = subprocess.run(command, cwd=folder, env=inherited, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == status, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


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
    run([str(interpreter), "-m", "pip", "install", "--quiet", f"{wheel}[pytest]", "pytest-xdist"], folder)
    return interpreter


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT, tmp_path / "stranger"))


def test_the_wheel_holds_the_entry_point(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    assert "_tokbench_pytest.py" in archive.namelist()
    (points,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
    text = archive.read(points).decode()
    assert "[pytest11]\ntokbench = _tokbench_pytest" in text


def outcomes(path: Path) -> dict[str, str]:
    return {item["id"]: item["outcome"] for item in json.loads(path.read_text(encoding="ascii"))["items"]}


def test_a_stranger_checks_a_tokenizer_and_an_engine(python: Path, project: Path) -> None:
    pytest_ = [str(python), "-m", "pytest", "--tokbench-max-examples=20"]
    first = run([*pytest_, "--tokbench-json=none.json"], project, status=1)
    assert "no ids are stored for 'hello world' by hf-tiny" in first
    run([*pytest_, "--tokbench-snapshot-update"], project)
    stored = project / "tests" / "__tokbench__" / "test_tokenizer" / "test_ids_stay-hf-tiny.txt"
    assert "text    'hello world'" in stored.read_text(encoding="utf-8")
    plain = run([*pytest_, "--tokbench-json=one.json", "--tokbench-seed=1"], project)
    assert "hf-tiny conformance 5 passed" in plain
    run([*pytest_, "--tokbench-json=two.json", "--tokbench-seed=1", "-n", "2"], project)
    one = outcomes(project / "one.json")
    assert one == outcomes(project / "two.json")
    assert one["tokbench::hf-tiny::round-trip"] == "passed"
    assert one["tests/test_engine.py::TestForgetful::test_law[indentation]"] == "xfailed"


def test_a_repository_that_does_not_use_it_sees_nothing(python: Path, tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_one():\n    pass\n", encoding="utf-8")
    code = "import pytest, sys; status = pytest.main(['-q']); print([m for m in sys.modules if 'tokbench' in m])"
    out = run([str(python), "-W", "error", "-c", f"{code}; sys.exit(status)"], tmp_path)
    assert out.strip().splitlines()[-1] == "['_tokbench_pytest']"
    assert "1 passed" in out
