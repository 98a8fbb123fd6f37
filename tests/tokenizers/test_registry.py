from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from tokbench.errors import MissingExtraError, OptionError, SpecError, UnknownBackendError
from tokbench.tokenizers import BACKENDS, backends, list_tokenizers, load_tokenizer, registry

PLUGIN = """
from tokbench.tokenizers._bytes import load as _load
def load(locator, **options):
    return _load("", **options)
not_callable = 3
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs distributions: one healthy plugin, one that fails to import, one registered by two."""
    (tmp_path / "healthy_plugin.py").write_text(PLUGIN)
    (tmp_path / "broken_plugin.py").write_text("import no_such_library_at_all\n")
    points = {
        "healthy": "toy = healthy_plugin:load\nbytes = healthy_plugin:load\ntwice = healthy_plugin:load",
        "broken": "broken = broken_plugin:load\ntwice = healthy_plugin:load\nnumber = healthy_plugin:not_callable",
    }
    for name, entries in points.items():
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[tokbench.tokenizers]\n{entries}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()


def test_specs_split_into_backend_locator_and_options() -> None:
    assert registry.split_spec("hf:a/b.json?x=1&y=%26%3F") == ("hf", "a/b.json", {"x": "1", "y": "&?"})
    assert registry.split_spec("bytes") == ("bytes", "", {})
    assert registry.split_spec("hf:C:/a.json") == ("hf", "C:/a.json", {})


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("", "expected backend:locator"),
        (":x", "expected backend:locator"),
        ("nonsense", "expected backend:locator with a backend among tiktoken, hf"),
        ("hf:", "the locator is empty: expected hf: and path"),
        ("bytes:x", "takes no locator"),
        ("hf:x.json?pattern", "expected key=value"),
    ],
)
def test_malformed_specs_are_named(spec: str, problem: str) -> None:
    with pytest.raises(SpecError) as error:
        load_tokenizer(spec)
    assert problem in str(error.value)


def test_an_unknown_backend_lists_the_known_ones() -> None:
    with pytest.raises(UnknownBackendError, match="did you mean tiktoken"):
        load_tokenizer("tiktokn:cl100k_base")


def test_unknown_options_are_refused() -> None:
    with pytest.raises(OptionError, match="colour"):
        load_tokenizer("bytes", colour="red")
    with pytest.raises(OptionError, match="raise or replace"):
        load_tokenizer("bytes?surrogates=perhaps")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_missing", lambda library: library == "mistral_common")
    with pytest.raises(MissingExtraError, match=r"pip install 'tokbench\[mistral\]'"):
        load_tokenizer("mistral:v1")
    rows = [row for row in list_tokenizers() if row.backend == "mistral"]
    assert len(rows) == 1
    assert not rows[0].available
    assert "tokbench[mistral]" in rows[0].remedy


@pytest.mark.usefixtures("plugins")
def test_plugins_load_and_faults_stay_their_own() -> None:
    assert load_tokenizer("toy:anything").encode("é") == [195, 169]
    assert load_tokenizer("bytes").info.backend == "bytes"  # a built-in name cannot be replaced
    assert set(backends()) >= {*BACKENDS, "toy", "broken", "twice"}
    with pytest.raises(MissingExtraError, match="no_such_library_at_all"):
        load_tokenizer("broken:x")
    with pytest.raises(SpecError, match=r"broken 1\.0 and healthy 1\.0"):
        load_tokenizer("twice:x")
    with pytest.raises(SpecError, match="not callable"):
        load_tokenizer("number:x")
    rows = {row.backend: row for row in list_tokenizers() if row.backend not in BACKENDS}
    assert rows["toy"].available
    assert rows["toy"].distribution == "healthy 1.0"
    assert not rows["broken"].available
    assert not rows["twice"].available


def test_a_listing_never_loads_a_model() -> None:
    before = set(sys.modules)
    rows = list_tokenizers()
    assert {row.backend for row in rows} >= set(BACKENDS)
    assert "torch" not in set(sys.modules) - before
