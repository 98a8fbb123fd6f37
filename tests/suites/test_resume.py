"""A run over a server: whatever goes wrong, every item is counted once and no answer is paid for twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("openai")

from openai_client import FakeClock, connect, texts
from openai_faults import BROKEN, FAULTS, HANGING, Asked, Fault
from openai_server import KEY, MODEL, Server, embedded

from tokbench import cli
from tokbench.models import _openai
from tokbench.models.completion import Decoding, Message, Prompt
from tokbench.results import ResponseStore, _provenance
from tokbench.suites import asking
from tokbench.suites.asking import ask

ITEMS = 224
COMMAND = ("run", "charbench", "--profile", "smoke", "--gold", "natural", "--tasks", "paper")
NO_RETRY = "?retries=0"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, a key in the environment, time that passes at once, and no list of packages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(_openai, "Clock", FakeClock)
    monkeypatch.setattr(_provenance, "packages", dict)
    return tmp_path


Main = Callable[..., tuple[int, str]]


def _main(patch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit status of the command line."""
    patch.setattr(sys, "argv", ["tokbench", *COMMAND, *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


@pytest.fixture
def tokbench(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """The command line in this process, where the items are made once; returns exit status and standard error."""

    def run(*arguments: str) -> tuple[int, str]:
        return _main(monkeypatch, *arguments), capsys.readouterr().err

    return run


def _at(server: Server, out: str, *, model: str = MODEL) -> tuple[str, ...]:
    return (
        "--tokenizer", "hf:@tiny.json", "--model", f"openai:{model}", "--base-url", server.url, "--out", out,
    )  # fmt: skip


def _run_of(out: Path) -> Path:
    (found,) = [path.parent for path in out.glob("*/run.json")]
    return found


def _samples(out: Path) -> pl.DataFrame:
    return pl.read_parquet(_run_of(out) / "samples.parquet")


def _metrics(out: Path) -> list[dict[str, Any]]:
    rows = pl.read_parquet(_run_of(out) / "metrics.parquet").to_dicts()
    return [{name: value for name, value in row.items() if not name.startswith(("model", "run"))} for row in rows]


def _counts(metrics: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """What shares of all items are taken of; a bias has its own meaning, of what could be read."""
    names = ("strict", "lenient", "macro", "invalid", "truncated", "refused", "error", "missing", "corrected")
    wanted = {f"charbench.{name}" for name in names}
    found = [(row["metric"], row["filter"], row["n"]) for row in metrics if row["metric"] in wanted]
    assert {name for name, _, _ in found} == wanted
    return found


def _as_chat(text: str) -> str:
    return Prompt(messages=(Message("user", text),)).sha256


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Metrics of the same model without any server between."""
    out = tmp_path_factory.mktemp("home") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_provenance, "packages", dict)
        assert _main(patch, "--model", "ngram:tiny", "--out", str(out)) == 0
    return _metrics(out)


# ---------------------------------------------------------------------- requests and the store


def _law(path: Path, server: Server) -> None:
    """However often the client breaks off, no whole answer is asked for again."""
    prompts = texts(*(f"{number % 40} and " for number in range(60)))
    distinct = {prompt.text for prompt in prompts}
    decoding = Decoding(max_tokens=4)

    class Stop(Exception):
        pass

    for breaks_after in (7, 11, 100):

        def progress(answered: int, _all: int, limit: int = server.paid.total() + breaks_after) -> None:
            if server.paid.total() >= limit and answered < len(prompts):
                raise Stop

        with ResponseStore(path) as store:
            try:
                found = ask(connect(server, concurrency=1), prompts, decoding, store, progress=progress)
            except Stop:
                continue
            finally:
                assert len(store) == server.paid.total()
    assert [one.text for one in found] == [one.text for one in embedded().generate(prompts, decoding)]
    assert set(server.paid) == distinct
    assert server.paid.total() == len(distinct)


def test_no_answer_is_paid_for_twice(tmp_path: Path, server: Server) -> None:
    server.script = lambda asked: list(FAULTS.values())[asked.number % 7] if asked.number % 5 == 3 else None
    _law(tmp_path / "responses.jsonl", server)


def test_answers_that_are_not_kept_are_found_out(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_is_answer", lambda _answer: False)
    with pytest.raises(AssertionError):
        _law(tmp_path / "responses.jsonl", server)


# ---------------------------------------------------------------------- the whole suite


def test_the_suite_completes_through_all_faults(
    server: Server, here: Path, tokbench: Main, undisturbed: list[dict[str, Any]]
) -> None:
    command = (*_at(server, "runs", model=f"{MODEL}?retries=1"), "--concurrency", "8", "--timeout", "1")
    kinds = list(FAULTS.values())
    lasting: dict[str, Fault] = {}

    def script(asked: Asked) -> Fault | None:
        if asked.prompt not in lasting and asked.number % 14 == 0 and len(lasting) < 2 * len(kinds):
            lasting[asked.prompt] = kinds[len(lasting) % len(kinds)]
        if asked.prompt in lasting:
            return lasting[asked.prompt]
        passing = asked.number % 9 == 4 and asked.times == 0
        return kinds[asked.number // 9 % len(kinds)] if passing else None

    server.script = script
    status, said = tokbench(*command)
    assert (status, "Traceback" in said) == (0, False), said

    failing = {_as_chat(prompt) for prompt in lasting}
    assert len(failing) == 16
    samples = _samples(Path("runs"))
    assert len(samples) == ITEMS
    failed = samples.filter(pl.col("outcome") == "failed")
    assert set(failed["prompt_sha256"]) == failing
    assert all(message and "\n" not in message for message in failed["message"])
    assert (failed["score"] == 0).all()
    # the server answers by 200 with rubbish or with nothing: none of that is an answer
    assert server.paid.total() == len(server.paid) == ITEMS - 16
    assert {asked.prompt for asked in server.requests if asked.times == 1} >= set(lasting)
    record = json.loads((_run_of(Path("runs")) / "run.json").read_text())
    assert record["outcome"]["counts"]["failed"] == 16
    assert _counts(_metrics(Path("runs"))) == _counts(undisturbed), "a failed request stays in every denominator"
    errors = [row for row in _metrics(Path("runs")) if row["metric"] == "charbench.error"]
    assert (len(errors), sum(row["k"] for row in errors)) == (4, 16)
    assert _metrics(Path("runs")) != undisturbed

    # the same command again, the server well: what failed is asked, and nothing else
    server.script = lambda _asked: None
    before = server.number
    status, said = tokbench(*command)
    assert status == 0, said
    assert server.number == before + 16
    assert (server.paid.total(), max(server.paid.values())) == (ITEMS, 1)
    assert _metrics(Path("runs")) == undisturbed
    assert not (_samples(Path("runs"))["outcome"] == "failed").any()

    # and again: nothing is left to ask, with other ways of sending neither
    for more in ((), ("--concurrency", "2")):
        status, said = tokbench(*command, *more)
        assert (status, server.number) == (0, before + 16)
        assert "finished before and kept" in said


def test_text_is_answered_as_chats_are(server: Server, tokbench: Main, undisturbed: list[dict[str, Any]]) -> None:
    status, said = tokbench(*_at(server, "runs", model=f"{MODEL}?api=completions&ids=yes&logprobs=yes"))
    assert status == 0, said
    assert _metrics(Path("runs")) == undisturbed
    assert {asked.path for asked in server.requests} == {"/v1/completions"}
    frame = pl.read_parquet(_run_of(Path("runs")) / "predictions.parquet")
    emitted = Counter(tuple(ids) for ids in frame["ids"])
    home = embedded().generate([Prompt(text=prompt) for prompt in server.paid])
    assert emitted == Counter(one.ids for one in home), "the exact ids that the model wrote"


def test_a_context_too_short_is_counted_item_by_item(here: Path, tokbench: Main) -> None:
    with Server(context=150) as server:
        status, said = tokbench(*_at(server, "runs"))
    assert status == 0, said
    samples = _samples(Path("runs"))
    failed = samples.filter(pl.col("outcome") == "failed")
    assert len(samples) == ITEMS
    assert 0 < len(failed) < ITEMS
    assert len(failed) + server.paid.total() == ITEMS
    assert all("maximum context length is 150 tokens" in message for message in failed["message"])


# ---------------------------------------------------------------------- a killed command


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < limit, "it got stuck"
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_killed_command_pays_nothing_twice(server: Server, tmp_path: Path, undisturbed: list[dict[str, Any]]) -> None:
    """Killed with nine requests in flight; and the key is nowhere, even where the libraries log all they do."""
    environ = {**os.environ, "OPENAI_API_KEY": KEY, "OPENAI_LOG": "debug", "NO_COLOR": "1", "TOKBENCH_OFFLINE": "1"}
    command = [sys.executable, "-m", "tokbench", *COMMAND, *_at(server, "runs"), "--concurrency", "9"]
    answered = 90  # in the middle of the second task
    server.script = lambda asked: HANGING if asked.number >= answered else None

    def kept() -> int:
        return sum(path.read_bytes().count(b"\n") for path in tmp_path.glob("runs/responses/*.jsonl"))

    with (tmp_path / "first.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=log, stderr=log)
        try:
            _wait(lambda: kept() == answered and server.number == answered + 9, process)
        finally:
            process.kill()
        assert process.wait() == -signal.SIGKILL
    assert not list(tmp_path.glob("runs/*/metrics.parquet"))
    assert (kept(), server.paid.total()) == (answered, answered)
    journal = (next(tmp_path.glob("runs/*/journal.jsonl"))).read_bytes()
    assert b"answers/" in journal

    server.script = lambda _asked: None
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert server.paid.total() == len(server.paid) == ITEMS
    assert server.number == answered + 9 + (ITEMS - answered)
    assert _metrics(tmp_path / "runs") == undisturbed

    (tmp_path / "second.log").write_bytes(done.stdout + done.stderr)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"run.json", "predictions.parquet", "samples.parquet", "first.log"} <= {path.name for path in files}
    assert b"HTTP Response" in (tmp_path / "second.log").read_bytes(), "the libraries logged"
    for path in files:
        data = path.read_bytes()
        if path.suffix == ".parquet":  # it is compressed
            data += pl.read_parquet(path).write_ndjson().encode()
        assert KEY.encode() not in data, path.name
        assert server.url.encode() not in data, f"{path.name} holds the URL"


# ---------------------------------------------------------------------- what ends a run


def _refused(found: tuple[int, str], *words: str) -> None:
    status, said = found
    assert status == 2
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line.startswith("tokbench: ")]
    assert len(lines) == 1, said
    for word in words:
        assert word in lines[0]


def test_a_wrong_key_is_one_line(server: Server, tokbench: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "sk-wrong-0123456789abcdef"
    monkeypatch.setenv("OPENAI_API_KEY", wrong)
    status, said = tokbench(*_at(server, "runs"))
    _refused((status, said), "401 Unauthorized", "OPENAI_API_KEY", server.host)
    assert wrong not in said
    assert server.number == 0
    for path in Path("runs").rglob("*"):
        assert path.is_dir() or wrong.encode() not in path.read_bytes()


def test_a_missing_key_is_one_line(tokbench: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    found = tokbench("--tokenizer", "bytes", "--model", "openai:gpt-x", "--out", "runs")
    _refused(found, "api.openai.com: there is no key", "OPENAI_API_KEY")
    assert not Path("runs").exists()


def test_a_server_that_is_down_is_one_line(tokbench: Main) -> None:
    with Server() as gone:
        pass
    _refused(tokbench(*_at(gone, "runs", model=MODEL + NO_RETRY)), f"{gone.host}: no server answers", "--base-url")


def test_an_unknown_model_is_one_line(server: Server, tokbench: Main) -> None:
    _refused(tokbench(*_at(server, "runs", model="tinny")), "openai:tinny", f"{server.host} has: tiny")


def test_a_key_that_is_withdrawn_is_one_line_and_the_command_goes_on(
    server: Server, tokbench: Main, undisturbed: list[dict[str, Any]]
) -> None:
    command = (*_at(server, "runs", model=MODEL + NO_RETRY), "--concurrency", "1")
    withdrawn = Fault(401, b"{}")
    server.script = lambda asked: withdrawn if asked.number >= 70 else BROKEN if asked.number == 5 else None
    _refused(tokbench(*command), "401", "OPENAI_API_KEY")
    assert server.paid.total() == 69

    server.script = lambda _asked: None
    assert tokbench(*command)[0] == 0
    assert (server.paid.total(), max(server.paid.values())) == (ITEMS - 1, 1)
    # the failure belongs to a part that was finished: it is told, counted, and tried by the next command
    assert (_samples(Path("runs"))["outcome"] == "failed").sum() == 1
    assert tokbench(*command)[0] == 0
    assert (server.paid.total(), max(server.paid.values())) == (ITEMS, 1)
    assert _metrics(Path("runs")) == undisturbed
