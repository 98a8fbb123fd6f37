"""What the harness costs beside the model: a sample of charbench, and a request to a server."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytest.importorskip("openai")

import openai
import openai_server
from openai_client import connect, texts

from tokbench.models._openai import OpenAIModel
from tokbench.models._openai_retry import Clock
from tokbench.models._scripted import ScriptedModel, scripted
from tokbench.models.completion import Completion, Decoding
from tokbench.results import ResponseStore, RunKey, RunWriter, provenance
from tokbench.suites.charbench.answers import answer_samples, prediction_frame
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.items import build_items

Ratio = Callable[..., float]


def _seconds(function: Callable[[], object]) -> float:
    gc.collect()
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


SAMPLES = 10_000
MILLISECONDS = 1.0
"""What a sample may cost beside the model."""

AT_ONCE = 500
REQUESTS = 10_000
DELAY = 0.2
"""Seconds until the server answers: long enough that all requests at a time are needed."""


# ---------------------------------------------------------------------- samples


@pytest.fixture(scope="module")
def items() -> list[Item]:
    """As many as there are samples, no two alike."""
    found = (item for seed in (0, 1) for item in build_items("core", "natural", ("paper",), seed=seed))
    unique = {(item.task, item.word, item.query_char): item for item in found}
    return list(islice(unique.values(), SAMPLES))


def _constant() -> ScriptedModel:
    model = scripted("const-1", lambda _prompt: "1")
    model.info = replace(model.info, backend="hf")  # its answers are kept, as those of a model that costs something
    return model


def _run(items: list[Item], folder: Path) -> None:
    """Render, ask, keep every answer, grade, keep the rows, write the tables."""
    key = RunKey(
        suite="charbench", suite_version="1", profile="core", seed=0, tokenizer="bytes", fingerprint="f" * 64
    )  # fmt: skip
    with (
        ResponseStore(folder / "responses.jsonl") as store,
        RunWriter.open(folder / "runs", key, provenance(key=key, tokenizer={}, argv=["run"])) as writer,
    ):
        samples = answer_samples(_constant(), items, prompt_id="plain", decoding=Decoding(), store=store)
        writer.attach("predictions", prediction_frame(samples, "const-1"))
        writer.append("answers", samples, [])
        writer.finish({"exit_status": 0})
    assert len(samples) == len(items)


def test_overhead_of_a_sample(
    benchmark: BenchmarkFixture, items: list[Item], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """From an item to its row on the disk, everything but the model: at most 1 ms a sample at 10,000 samples."""
    assert len(items) == SAMPLES
    _run(items[:500], tmp_path_factory.mktemp("warm"))
    best = min(_seconds(lambda: _run(items, tmp_path_factory.mktemp("run"))) for _ in range(3))
    each = 1000 * best / SAMPLES
    benchmark.extra_info.update(milliseconds_per_sample=round(each, 4), bar=MILLISECONDS)
    print(f"{each:.3f} ms a sample, bar {MILLISECONDS:g}")  # noqa: T201
    benchmark.pedantic(lambda: _run(items, tmp_path_factory.mktemp("last")), rounds=1)  # type: ignore[no-untyped-call]


# ---------------------------------------------------------------------- requests


@dataclass
class Apart:
    """A server in a process of its own."""

    url: str
    host: str
    program: subprocess.Popen[str]

    def counts(self) -> dict[str, int]:
        """Answers sent so far, and the largest number of requests at a time."""
        assert self.program.stdin is not None, "piped"
        assert self.program.stdout is not None, "piped"
        self.program.stdin.write("\n")
        self.program.stdin.flush()
        found: dict[str, int] = json.loads(self.program.stdout.readline())
        return found


@pytest.fixture
def apart(request: pytest.FixtureRequest) -> Iterator[Apart]:
    command = [sys.executable, openai_server.__file__, "1", str(getattr(request, "param", 0.0))]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env=_environment(root)) as program:  # fmt: skip
        assert program.stdout is not None, "piped"
        host = f"127.0.0.1:{program.stdout.readline().strip()}"
        yield Apart(f"http://{host}/v1", host, program)
        assert program.stdin is not None, "piped"
        program.stdin.close()


def _environment(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "tests" / "meta")])}


def _model(server: Apart, concurrency: int) -> OpenAIModel:
    return connect(server, clock=Clock(), concurrency=concurrency, api="chat")


def _size(value: object) -> int:
    """Bytes of a value with all that it holds."""
    inner: list[object] = []
    if isinstance(value, Completion):
        inner = [getattr(value, one.name) for one in fields(value)]
    elif isinstance(value, dict):
        inner = list(value.values())
    return sys.getsizeof(value) + sum(_size(one) for one in inner if one is not None)


@pytest.mark.parametrize("apart", [DELAY], indirect=True)
def test_five_hundred_requests_at_a_time(benchmark: BenchmarkFixture, apart: Apart) -> None:
    """Sustained over 10,000 requests; memory grows by the answers alone."""
    process = psutil.Process()
    points: dict[int, int] = {}
    answered = 0

    def done(_place: int, completion: Completion) -> None:
        nonlocal answered
        assert completion.text == "1", completion.problem
        answered += 1
        if answered in {REQUESTS // 5, REQUESTS}:
            gc.collect()
            points[answered] = process.memory_info().rss

    prompts = texts(*(f"How many? {number}" for number in range(REQUESTS)))
    before = time.process_time()
    held: list[Completion] = []
    spent = _seconds(lambda: held.extend(_model(apart, AT_ONCE).generate(prompts, done=done)))
    used = time.process_time() - before
    counts = apart.counts()
    growth = points[REQUESTS] - points[REQUESTS // 5]
    figures = {
        "requests_per_second": round(REQUESTS / spent, 1),
        "own_milliseconds_per_request": round(1000 * used / REQUESTS, 2),
        "peak": counts["peak"],
        "megabytes": round(points[REQUESTS] / 1e6, 1),
        "growth_bytes_per_request": round(growth / (REQUESTS - REQUESTS // 5)),
        "bytes_per_answer": round(sum(_size(completion) for completion in held) / REQUESTS),
    }
    assert answered == counts["paid"] == REQUESTS
    assert counts["peak"] == AT_ONCE
    benchmark.extra_info.update(figures)
    print(figures)  # noqa: T201
    benchmark.pedantic(lambda: _model(apart, AT_ONCE).generate(prompts[:AT_ONCE]), rounds=1)  # type: ignore[no-untyped-call]


def test_requests_beside_the_library_alone(ratio: Ratio, apart: Apart) -> None:
    """500 requests, 20 at a time, against the same requests through the client library without us."""
    prompts = texts(*(f"How many? {number}" for number in range(500)))

    async def bare() -> None:
        async with openai.AsyncOpenAI(api_key=openai_server.KEY, base_url=apart.url, max_retries=0) as client:
            places = iter(prompts)

            async def work() -> None:
                for prompt in places:
                    message: Any = {"role": "user", "content": prompt.text}
                    answer = await client.chat.completions.create(
                        model=openai_server.MODEL, messages=[message], temperature=0.0, max_tokens=64
                    )
                    assert answer.choices[0].message.content == "1"

            await asyncio.gather(*(work() for _ in range(20)))

    ratio(lambda: _model(apart, 20).generate(prompts), lambda: asyncio.run(bare()), bar=1.2, rounds=3)
