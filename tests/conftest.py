"""Fixtures that every test can ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# One profile for people, one for CI: the same properties, more deeply and with fixed seeds.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", deadline=None, derandomize=True, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def _data_dir() -> Path:
    return Path(os.environ.get("TOKBENCH_DATA") or ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of third-party vocabularies, vectors and texts; skips where there is none."""
    path = _data_dir()
    if not path.is_dir():
        pytest.skip(f"third-party data not found at {path.name}: set TOKBENCH_DATA to the folder that holds them")
    return path


@pytest.fixture(scope="session")
def tiktoken_cache(data_dir: Path) -> Path:
    """Folder with tiktoken's own cache files."""
    path = data_dir / "tiktoken_cache"
    if not path.is_dir():
        pytest.skip("the folder tiktoken_cache is missing from the third-party data")
    return path


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests out of the user's cache of byte vocabularies."""
    monkeypatch.setenv("TOKBENCH_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "tokbench-cache"))
