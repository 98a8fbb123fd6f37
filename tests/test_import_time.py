"""What ``import tokbench`` costs, read from ``python -X importtime``: a ratio is measured in tests/benchmarks."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "tiktoken", "tokenizers", "sentencepiece", "mistral_common", "polars", "scipy", "numpy", "hypothesis", "regex",
    "jinja2", "typer", "rich", "torch", "transformers", "google.protobuf",
)  # fmt: skip


def import_log(code: str) -> tuple[set[str], float]:
    """Modules that ``code`` imports and the sum of their own import times in milliseconds."""
    run = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    modules, total = set(), 0
    for line in run.stderr.splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            modules.add(name.strip())
            total += int(own)
    return modules, total / 1000


def test_importing_the_package_imports_nothing_heavy() -> None:
    bare, _ = import_log("pass")
    modules, _ = import_log("import tokbench; tokbench.load_tokenizer('bytes').encode('x')")
    loaded = {name for name in modules - bare if name.split(".")[0] in HEAVY or name in HEAVY}
    assert not loaded


def test_importing_the_package_costs_less_than_50_ms() -> None:
    costs = []
    for _ in range(5):
        bare_modules, bare = import_log("pass")
        modules, total = import_log("import tokbench")
        assert "tokbench" in modules - bare_modules
        costs.append(total - bare)
    assert min(costs) < 50  # the minimum of five: other work on the machine only adds


def test_names_of_the_package_resolve() -> None:
    import tokbench

    for name in tokbench.__all__:
        assert getattr(tokbench, name) is not None
    assert set(dir(tokbench)) == set(tokbench.__all__)
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        tokbench.nothing_of_this_name  # noqa: B018, the look-up is the test
