"""The leaderboard at size: 50 tokenizers, 10 models, 1,000,000 samples, against reading the same files alone.

The runs are real ones of small profiles, multiplied: other names, more items, answers drawn by a seed.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tokbench.results import Run, load
from tokbench.results._files import file_entry
from tokbench.stats import wilson

Ratio = Callable[..., float]

TOKENIZERS, MODELS, SAMPLES = 50, 10, 1_000_000
_ALONE = (("exactness", None), ("arithmetic", None), ("phantom", None))
_ASKED = (("charbench", "scripted:echo"), ("arithmetic", "scripted:adder"), ("phantom", "scripted:copier"))
_SHARES = {"charbench": 0.25, "arithmetic": 0.5, "phantom": 0.25}
_TOKENIZER = "tiktoken:@tiny.tiktoken?pattern=gpt2"


def small_runs(root: Path) -> dict[tuple[str, bool], Run]:
    """One real run of each suite at its smallest profile, by suite and whether a model was asked."""
    found = {}
    for suite, model in (*_ALONE, *_ASKED):
        out = root / f"{suite}-{model is not None}"
        command = [sys.executable, "-m", "tokbench", "run", suite, "-t", _TOKENIZER, "--profile", "smoke",
                   "--out", str(out)]  # fmt: skip
        if model is not None:
            command += ["-m", model]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode in {0, 1}, done.stderr.decode()  # 1: a law fails
        found[suite, model is not None] = load(out)[0]
    return found


def _more(samples: pl.DataFrame, rows: int) -> pl.DataFrame:
    """The rows over and over under other names, items and clusters, until there are so many."""
    if not rows or samples.is_empty():
        return samples
    times = -(-rows // samples.height)
    copies = [
        samples.with_columns(
            pl.col("item_id") + f"~{number}",
            cluster=pl.when(pl.col("cluster") != "").then(pl.col("cluster") + f"~{number}").otherwise("cluster"),
        )
        for number in range(times)
    ]  # fmt: skip
    return pl.concat(copies).head(rows)


def _drawn(samples: pl.DataFrame, ability: float, seed: int) -> pl.DataFrame:
    """The rows with other answers: right with this probability."""
    lucky = pl.int_range(pl.len()).hash(seed).mod(10_000) < 10_000 * ability
    answered = pl.col("outcome") != "skipped"
    return samples.with_columns(
        pl.when(answered & lucky).then(pl.lit("correct")).when(answered).then(pl.lit("wrong"))
        .otherwise("outcome").alias("outcome"),
        pl.when(lucky).then(pl.col("detail").str.replace('"status": "[A-Z_]*"', '"status": "UNCHANGED"'))
        .otherwise(pl.col("detail").str.replace('"status": "[A-Z_]*"', '"status": "DIFFERENT"')).alias("detail"),
    )  # fmt: skip


def _scored(metrics: pl.DataFrame, ability: float) -> pl.DataFrame:
    """The shares with another numerator and its interval."""
    rows = metrics.to_dicts()
    for row in rows:
        if row["method"] == "wilson" and row["n"] and row["k"] is not None:
            row["k"] = float(round(ability * row["n"]))
            row["value"] = row["k"] / row["n"]
            row["lo"], row["hi"] = wilson(row["k"], row["n"])
    return pl.DataFrame(rows, metrics.schema)


def _kept(
    root: Path, base: Run, tokenizer: str, model: str | None, samples: pl.DataFrame, metrics: pl.DataFrame
) -> int:
    suite = str(base.group("run")["suite"])
    key = hashlib.sha256(f"{suite} {tokenizer} {model}".encode()).hexdigest()
    name = f"{suite}-{tokenizer}-{model or 'none'}-{key[:8]}"
    about = {**base.group("run"), "id": name, "key": key, "tokenizer": tokenizer, "model": model}
    record = {**base.record, "run": about, "tokenizer": {**base.group("tokenizer"), "spec": f"hf:./{tokenizer}.json"}}
    if model is not None:
        record["model"] = {**base.group("model"), "spec": f"hf:./{model}", "synthetic": False}
    directory = root / name
    directory.mkdir(parents=True)
    files = {}
    shared = pl.lit(name).alias("run_id"), pl.lit(tokenizer).alias("tokenizer"), pl.lit(model, pl.String).alias("model")
    for table, data in (("samples", samples.with_columns(*shared)), ("metrics", metrics)):
        path = directory / f"{table}.parquet"
        data.write_parquet(path)
        files[path.name] = file_entry(path.read_bytes(), data.height)
    (directory / "run.json").write_text(json.dumps({**record, "files": files}), encoding="utf-8")
    return samples.height


def make_runs(root: Path, bases: dict[tuple[str, bool], Run], *, samples: int = SAMPLES) -> int:
    """Write the directory of runs and return how many samples it holds."""
    made = 0
    for number in range(TOKENIZERS):
        for suite, _ in _ALONE:
            base = bases[suite, False]
            made += _kept(root, base, f"tokenizer-{number:02}", None, base.samples, base.metrics)
    rest = samples - made
    for number in range(MODELS):
        ability = 0.35 + 0.05 * number
        for suite, share in _SHARES.items():
            base = bases[suite, True]
            rows = _drawn(_more(base.samples, round(rest * share / MODELS)), ability, number)
            made += _kept(root, base, f"tokenizer-{number:02}", f"model-{number}", rows, _scored(base.metrics, ability))
    return made


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("large")
    made = make_runs(root / "runs", small_runs(root / "small"))
    assert abs(made - SAMPLES) < MODELS * len(_SHARES)
    return root / "runs"


def _child(code: str, *arguments: Path) -> None:
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True, capture_output=True)


_READ = """
import sys, pathlib, polars
for path in sorted(pathlib.Path(sys.argv[1]).glob("*/*.parquet")):
    polars.read_parquet(path)
"""
_REPORT = """
import sys
from tokbench._terminal.reporting import make_report
make_report([__import__("pathlib").Path(sys.argv[1])], __import__("pathlib").Path(sys.argv[2]), ["html"],
            title=None, force=True, only_check=False)
"""


def test_a_million_samples(ratio: Ratio, large: Path, tmp_path: Path) -> None:
    """The page of a million samples against polars reading the files: at most 60 s, 2 GB and 3 MB."""
    page = tmp_path / "page.html"
    ratio(lambda: _child(_REPORT, large, page), lambda: _child(_READ, large), bar=60, rounds=1)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # kilobytes, of the largest child
    print(f"\npage {page.stat().st_size / 1e6:.2f} MB (bar 3), largest child {peak:.0f} MB (bar 2000)")  # noqa: T201
