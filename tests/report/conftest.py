"""Six small runs: two tokenizers and three suites, with a missing cell, a skipped law and hostile strings."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tokbench.results import Metric, Run, Sample
from tokbench.results._files import file_entry
from tokbench.stats import wilson

HOSTILE = "</script>\u202e\x00<b onclick=x>&\ud800]]>"


def _record(suite: str, tokenizer: str, *, complete: bool = True, version: str = "1.0.0") -> dict[str, object]:
    key = hashlib.sha256(f"{suite} {tokenizer} {version}".encode()).hexdigest()
    return {
        "schema": 1,
        "run": {
            "id": f"{suite}-{tokenizer}-none-{key[:8]}", "key": key, "status": "complete" if complete else "running",
            "suite": suite, "suite_version": version, "tokenizer": tokenizer, "model": None, "options": {},
        },
        "tokbench": {
            "version": "0.1.0", "revision": "0" * 40, "dirty": False, "profile": "core", "seed": 0,
            "command": f"tokbench run {suite} --tokenizer {tokenizer} '<x>'", "suites": {suite: version},
            "items_sha256": {"laws": "1" * 64},
        },
        "tokenizer": {
            "spec": f"demo:{tokenizer}", "family": "byte-level-bpe", "n_ids": 50257,
            "capability": {"round_trip": "lossless", "summary": "lossless"}, "libraries": {"demo": "1.2.3"},
        },
        "model": None,
        "data": [{"name": "words.txt", "sha256": "2" * 64, "licence": "MIT", "source": "project", "rows": 3}],
        "prompts": {},
        "environment": {"python": "CPython 3.11.7", "packages": {"polars": "1.0"}},
        "time": {"start": "2026-01-01T00:00:00Z", "end": f"2026-01-0{2 + len(tokenizer) % 5}T00:00:00Z"},
        "outcome": {"exit_status": 0},
    }  # fmt: skip


def _proportion(name: str, k: int, n: int, subset: str) -> Metric:
    lo, hi = wilson(k, n)
    return Metric(metric=name, value=k / n, k=k, n=n, lo=lo, hi=hi, method="wilson", filter=subset, unit="share")


def _exactness(tokenizer: str) -> tuple[list[Sample], list[Metric]]:
    first = tokenizer == "hf-alpha"
    samples = [
        Sample(item_id="law/round-trip", metric="law", outcome="correct" if first else "wrong", score=float(first),
               message="" if first else f"round-trip: decode(encode(x)) != x\nx = {HOSTILE!a}\n{HOSTILE}"),
        Sample(item_id="law/pure", metric="law", outcome="correct", score=1.0),
        Sample(item_id="law/spans-cover", metric="law", outcome="skipped", message=f"needs spans {HOSTILE}"),
        Sample(item_id="parity/hf-beta/ascii/00042", metric="parity.mismatch", outcome="wrong", stratum="ascii",
               message=f"minimal: {HOSTILE!a}"),
        Sample(item_id="digits/ascii", metric="digits.policy", outcome="correct", message="left-3"),
    ]  # fmt: skip
    if first:
        samples.append(Sample(item_id="law/only-here", metric="law", outcome="failed", message="child died"))
    metrics = [
        Metric(metric="audit.partial-utf8", value=344.0, n=50257, unit="ids"),
        Metric(metric="audit.unreachable-single", value=0.0, n=50257, unit="ids"),
        Metric(metric="fertility", value=1.25, k=125, n=100, lo=1.2, hi=1.3, method="clustered", direction="down",
               unit="tokens/word (whitespace words)", filter="words.txt"),
        Metric(metric="fertility", value=None, unit="tokens/word (whitespace words)", filter="thai.txt",
               reason="Thai has no spaces: name a segmenter"),
        Metric(metric="bytes-per-token", value=4.4, k=44, n=10, unit="bytes/token, micro", filter="words.txt"),
        Metric(metric="growth.ratio", value=2.4 if first else 21.0, n=5, unit="minimum of 5", filter="a"),
        Metric(metric="home-grown", value=float("inf"), n=2, filter=HOSTILE, unit=HOSTILE),
        _proportion("vectors.encode", 141 if first else 140, 141, "kitoken"),
    ]  # fmt: skip
    if first:
        metrics += [_proportion("parity.mismatch", 370, 20_000, "hf-beta|all"),
                    _proportion("parity.mismatch", 370, 4_000, "hf-beta|ascii"),
                    _proportion("parity.mismatch", 0, 16_000, f"hf-beta|{HOSTILE}")]  # fmt: skip
    return samples, metrics


@pytest.fixture(scope="session")
def hostile() -> str:
    return HOSTILE


@pytest.fixture(scope="session")
def demo() -> list[Run]:
    runs = []
    for tokenizer in ("hf-alpha", "tiktoken-beta"):
        runs.append(Run(_record("exactness", tokenizer), *_exactness(tokenizer)))
        for suite in ("charbench", "phantom"):
            metrics = [_proportion("accuracy", 20, 40, "spell")]
            runs.append(Run(_record(suite, tokenizer, complete=suite != "phantom"), [], metrics))
    return runs


@pytest.fixture(scope="session")
def demo_dir(demo: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished ones of the runs, as files."""
    root = tmp_path_factory.mktemp("runs")
    for run in demo:
        if not run.complete:
            continue
        directory = root / run.id
        directory.mkdir()
        files = {}
        for table, frame in (("samples", run.samples), ("metrics", run.metrics)):
            path = directory / f"{table}.parquet"
            frame.write_parquet(path)
            files[path.name] = file_entry(path.read_bytes(), frame.height)
        (directory / "run.json").write_text(json.dumps({**run.record, "files": files}), encoding="utf-8")
    return root
