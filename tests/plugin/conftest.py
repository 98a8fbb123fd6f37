"""A repository of other people in a temporary folder, with a third-party backend that makes the planted bugs."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import mutants
import mutants_bpe
import mutants_files
import mutants_process
import pytest
import toys

# an inner run forgets the modules that it imports first: these are kept, so that each run starts in milliseconds
import tokbench.pytest_plugin
import tokbench.suites.exactness.parity
import tokbench.suites.exactness.vectors  # noqa: F401

KEPT = (mutants, mutants_bpe, mutants_files, mutants_process, toys)
# in an installation that is older than the entry point the plugin is named instead
PLUGIN = () if any(point.name == "tokbench" for point in entry_points(group="pytest11")) else ("-p", "_tokbench_pytest")

BACKEND = """
import dataclasses
import mutants, mutants_bpe, mutants_files, mutants_process, toys

MAKE = {name: entry.make for table in (mutants, mutants_bpe, mutants_files, mutants_process)
        for name, entry in table.MUTANTS.items()}
MAKE |= {"toy": toys.ToyTokenizer, "nfc": toys.NfcToy, "unknown": toys.UnknownToy, "prefix": toys.PrefixToy}

def load(locator, **options):
    tokenizer = MAKE[locator]()
    tokenizer.info = dataclasses.replace(tokenizer.info, name=locator, backend="toys", spec=f"toys:{locator}")
    return tokenizer
"""
METADATA = "Metadata-Version: 2.1\nName: toys-backend\nVersion: 1.0\n"
POINTS = "[tokbench.tokenizers]\ntoys = toys_backend:load\nbroken = no_such_module_at_all:load\n"

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def stranger(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """The folder; third-party backends ``toys`` and ``broken`` are installed in it."""
    for name in ("CI", "TOKBENCH_MAX_EXAMPLES", "TOKBENCH_DATA", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    site = pytester.mkdir("site")
    (site / "toys_backend.py").write_text(BACKEND, encoding="utf-8")
    folder = site / "toys_backend-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(METADATA, encoding="utf-8")
    (folder / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = --strict-markers --strict-config\n")
    pytester.syspathinsert(str(site))
    return pytester


@pytest.fixture
def run(stranger: pytest.Pytester) -> Run:
    """Runs pytest in the folder: ``run("hf:@tiny.json", "--tokbench-suite=conformance")``; the first is the spec."""

    def start(spec: str | None = None, *options: str, how: str = "runpytest_inprocess") -> pytest.RunResult:
        given = ("--tokbench-tokenizer", spec) if spec else ()
        quiet = ("-p", "no:cacheprovider", "-p", "no:benchmark")
        result = getattr(stranger, how)(*PLUGIN, *quiet, *given, *options)
        assert isinstance(result, pytest.RunResult)
        return result

    return start


def items_of(path: Path) -> dict[str, dict[str, object]]:
    """Items of a JSON file by id, without the seconds, which no two runs share."""
    value = json.loads(path.read_text(encoding="ascii"))
    return {item["id"]: {key: entry for key, entry in item.items() if key != "seconds"} for item in value["items"]}
