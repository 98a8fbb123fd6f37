"""What the plugin costs where nobody uses it: read from ``python -X importtime``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def imports(code: str, folder: Path) -> dict[str, float]:
    """Modules that ``code`` imports, each with its own milliseconds.

    Plugins that other packages give to hypothesis are left out: that of trio, which selenium brings, imports pytest.
    """
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import sys; sys.path.append({str(ROOT)!r}); {code}"],
        cwd=folder, capture_output=True, text=True, check=True, env={**os.environ, "HYPOTHESIS_NO_PLUGINS": "1"},
    )  # fmt: skip
    found = {}
    for line in run.stderr.splitlines():
        own, _, name = line.removeprefix("import time:").split("|") if line.count("|") == 2 else ("", "", "")
        if own.strip().isdigit():
            found[name.strip()] = int(own) / 1000
    return found


def test_the_entry_point_costs_less_than_5_ms(tmp_path: Path) -> None:
    costs = []
    for _ in range(3):
        before = imports("import pytest", tmp_path)
        after = imports("import pytest, _tokbench_pytest", tmp_path)
        assert {name.split(".")[0] for name in after.keys() - before.keys()} <= {"_tokbench_pytest", "functools"}
        costs.append(after["_tokbench_pytest"])
    assert min(costs) < 5  # the minimum: other work on the machine only adds


def test_a_run_that_does_not_use_it_imports_nothing_of_tokbench(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_one():\n    pass\n", encoding="utf-8")
    code = "import pytest, _tokbench_pytest; pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'no:tokbench'], "
    found = imports(f"{code}plugins=[_tokbench_pytest])", tmp_path)
    assert "_tokbench_pytest" in found
    assert not [name for name in found if name == "tokbench" or name.startswith("tokbench.")]


@pytest.mark.parametrize("name", ["tokbench.pytest_plugin", "tokbench.laws"])
def test_the_laws_themselves_import_no_pytest(name: str, tmp_path: Path) -> None:
    loaded = "pytest" in {module.split(".")[0] for module in imports(f"import {name}", tmp_path)}
    assert loaded == (name == "tokbench.pytest_plugin")
