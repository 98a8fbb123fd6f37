"""The same answers and numbers, whether a model is asked at home or through a server: embedded, and transformers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("openai")
pytest.importorskip("torch")
pytest.importorskip("transformers")

from openai_server import KEY, Server
from toys_torch import build_gpt2

from tokbench import cli
from tokbench._resources import resource
from tokbench.models.completions import load_completion_model
from tokbench.results import Metric, Run, load

COMMAND = (
    "run", "charbench", "--profile", "smoke", "--tasks", "count_char,find_last", "--max-tokens", "4", "--tokenizer",
    "hf:@tiny.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformers model with random weights, as a user has one on disk."""
    found = tmp_path_factory.mktemp("model")
    build_gpt2(layers=1, width=32, vocabulary=1100, seed=5, positions=256).save_pretrained(found)
    shutil.copy(resource("fixtures", "tiny.json"), found / "tokenizer.json")
    return found


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """The command line; gives the run that it made."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def command(name: str, *arguments: str) -> Run:
        out = tmp_path / name
        monkeypatch.setattr(sys, "argv", ["tokbench", *COMMAND, *arguments, "--out", str(out)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
        (found,) = load(out)
        return found

    return command


def numbers(run: Run) -> list[Metric]:
    return run.metric_rows


def said(run: Run) -> dict[str, tuple[str | None, str]]:
    return {row.item_id: (row.completion, row.outcome) for row in run.sample_rows}


@pytest.mark.parametrize("kind", ["embedded", "transformers"])
def test_equal_results(kind: str, folder: Path, run: Callable[..., Run]) -> None:
    spec = "ngram:tiny" if kind == "embedded" else f"hf:{folder}"
    served = load_completion_model(spec)
    here = run("here", "--model", spec)
    with Server(served) as server:
        there = run("there", "--model", "openai:tiny", "--base-url", server.url)
        assert sum(server.paid.values()) == len(said(there))
    assert said(here) == said(there)
    assert numbers(here) == numbers(there)
    assert any(text for text, _ in said(here).values())
