"""Items of charbench: as many as the paper has, against hashing and sorting the words of the list alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

from pytest_benchmark.fixture import BenchmarkFixture

from tokbench.suites.charbench.items import build_items
from tokbench.suites.charbench.ranking import VERSION, Hasher
from tokbench.suites.charbench.words import load_words

Ratio = Callable[..., float]

ALONE = """
import json, resource, sys, time
start = time.perf_counter()
from tokbench.suites.charbench.items import build_items
items = build_items("full", "natural", ("paper",))
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"items": len(items), "seconds": seconds, "peak": peak}))
"""
"""A program of one thread that makes all natural items and says what that took."""


def _hashed() -> None:
    words = load_words()
    for length in words.lengths:
        found = [word.text.encode() for word in words.of_length(length)]
        sorted(Hasher(VERSION, 0, "words", words.name, length).digests(found))


def test_natural_items(ratio: Ratio) -> None:
    """175,000 items: at most 10 s."""
    ratio(lambda: build_items("full", "natural", ("paper",)), _hashed, bar=20, rounds=3)


def test_balanced_items(ratio: Ratio) -> None:
    """7,000 items; every word is hashed once for each cell that it fits."""
    ratio(lambda: build_items("core", "balanced", ("paper",)), _hashed, bar=40, rounds=1)


def test_memory_of_natural_items(benchmark: BenchmarkFixture) -> None:
    """175,000 items from a fresh start, imports and list included: at most 10 s and 500 MB."""

    def alone() -> dict[str, float]:
        done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
        found: dict[str, float] = json.loads(done.stdout)
        return found

    found = benchmark.pedantic(alone, rounds=1)  # type: ignore[no-untyped-call]
    benchmark.extra_info.update(found)
    assert found["items"] == 175_000
    assert found["peak"] < 500e6  # a busy machine changes times, not this
