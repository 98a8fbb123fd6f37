"""Benchmarks give ratios: two programs take turns in one run, and the ratio of their best times is recorded.

A bar is what the project promises; it is printed beside the ratio and never asserted, because a busy machine
is no fault of the code.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tokbench._resources import resource

ROWS: list[tuple[str, float, float, float]] = []
BYTES: list[tuple[str, str, str, str, str]] = []
"""Rows of the table of the byte-token core: way, error against brute force, bytes/s, positions and forwards a byte."""
Ratio = Callable[..., float]


def seconds(function: Callable[[], object]) -> float:
    """Time of one call, the garbage collector off."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start
    finally:
        gc.enable()


@pytest.fixture
def ratio(benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Ratio:
    """``ratio(ours, theirs, bar)``: best time of ours over best time of theirs, taking turns."""

    def measure(ours: Callable[[], object], theirs: Callable[[], object], *, bar: float, rounds: int = 5) -> float:
        ours()
        theirs()
        best = {"ours": float("inf"), "theirs": float("inf")}
        for turn in range(rounds):
            order = (("ours", ours), ("theirs", theirs))
            for name, function in order if turn % 2 else reversed(order):
                best[name] = min(best[name], seconds(function))
        value = best["ours"] / best["theirs"]
        benchmark.extra_info.update(ratio=round(value, 4), bar=bar, theirs_seconds=round(best["theirs"], 6))
        benchmark.pedantic(ours, rounds=1)  # type: ignore[no-untyped-call]
        ROWS.append((request.node.name, value, bar, best["ours"]))
        return value

    return measure


@pytest.fixture(scope="session")
def documents() -> list[str]:
    """5 MB of text in documents of about 1 kB: the embedded corpus over and over, no two documents alike."""
    lines = [
        line
        for path in sorted(Path(resource("suites", "exactness", "corpus")).glob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    texts: list[str] = []
    size, serial = 0, 0
    while size < 5_000_000:
        text = f"{serial}\n"
        while len(text.encode()) < 1000:
            text += lines[(serial * 7919) % len(lines)] + "\n"
            serial += 1
        texts.append(text)
        size += len(text.encode())
    return texts


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the ratios beside their bars."""
    if ROWS:
        terminalreporter.section("ratios (best of ours / best of theirs)")
        for name, value, bar, ours in ROWS:
            mark = "ok  " if value <= bar else "OVER"
            terminalreporter.write_line(f"{mark} {value:8.3f}  bar {bar:<7g} ours {ours:9.4f} s  {name}")
    if BYTES:
        terminalreporter.section("bytes from tokens (one thread)")
        head = ("way", "error (TV)", "bytes/s", "positions/byte", "forwards/byte")
        widths = [max(len(row[index]) for row in (head, *BYTES)) for index in range(len(head))]
        for row in (head, *BYTES):
            cells = [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
            terminalreporter.write_line("  ".join(cells))


@pytest.fixture(scope="session")
def table() -> list[tuple[str, str, str, str, str]]:
    """Where a benchmark of the byte-token core leaves a row for the table at the end."""
    return BYTES


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
