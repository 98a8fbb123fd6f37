from __future__ import annotations

from pathlib import Path

import pytest

from tokbench import _resources
from tokbench.errors import SuiteDefinitionError

ROOT = Path(__file__).resolve().parent.parent


def test_data_of_a_checkout_are_found() -> None:
    assert _resources.resource("suites", "exactness", "suite.toml").is_file()
    assert _resources.resource("fixtures", "tiny.json").is_file()


def test_a_missing_file_of_the_project_is_named() -> None:
    with pytest.raises(SuiteDefinitionError, match=r"suites/nothing\.toml: this file of the project is missing"):
        _resources.resource("suites", "nothing.toml")


def test_an_installation_without_data_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_resources, "_PACKAGE", tmp_path / "tokbench")
    _resources.data_root.cache_clear()
    with pytest.raises(SuiteDefinitionError, match="reinstall tokbench"):
        _resources.data_root()
    monkeypatch.undo()
    _resources.data_root.cache_clear()


def test_code_and_data_are_kept_apart() -> None:
    assert not list((ROOT / "suites").rglob("*.py"))
    allowed = {".py", ".j2", ".css", ".js", ".typed"}
    strangers = [path for path in (ROOT / "tokbench").rglob("*") if path.is_file() and path.suffix not in allowed]
    # task files of lm-eval have to lie beside the functions that they name
    strangers = [path for path in strangers if path.parent.name != "lm_eval" or path.suffix != ".yaml"]
    assert not [path for path in strangers if "__pycache__" not in path.parts]
