"""Our tasks in lm-eval itself, offline and in processes of its own: task files, runs, and the way back."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from lm_eval_logs import ASKED, RESPONDERS, Row, our_run

from tokbench.integrations._lm_eval_docs import documents
from tokbench.integrations._lm_eval_log import import_log, task_directory
from tokbench.results import Run, load

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("lm_eval") is None,
        reason="lm-eval is not installed: see nox -s lm_eval",
    ),
]

SCRIPTED = '''
import json, sys
from pathlib import Path
import lm_eval.models  # its own models, the dummy among them
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

@register_model("tokbench-scripted")
class Scripted(LM):
    """Answers by the item of the document; scores by the letters of context and continuation."""

    def __init__(self, file="", **rest):
        super().__init__()
        self.answers = json.loads(Path(file).read_text(encoding="utf-8"))

    @classmethod
    def create_from_arg_obj(cls, arguments, additional_config=None):
        return cls(**arguments)

    def generate_until(self, requests, disable_tqdm=False):
        assert all(isinstance(request.args[0], str) for request in requests)
        return [self.answers[request.doc["item_id"]] for request in requests]

    def loglikelihood(self, requests, disable_tqdm=False):
        return [(-(sum(map(ord, "".join(request.args))) % 7) - 0.5, False) for request in requests]

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        raise NotImplementedError

    tokenizer_name = "letters"

    def chat_template(self, template=False):
        return "user: ..."

    def apply_chat_template(self, chat_history, add_generation_prompt=True):
        return "".join(f"<{turn['role']}>{turn['content'].strip()}" for turn in chat_history) + "<assistant>"

from lm_eval.__main__ import cli_evaluate
cli_evaluate()
'''

Harness = Callable[..., tuple[int, str]]


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    """``harness(*arguments)``: exit status and what lm-eval printed, with a scripted model registered."""
    program = tmp_path / "program.py"
    program.write_text(SCRIPTED, encoding="utf-8")
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub"), "COLUMNS": "200"}

    def call(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, str(program), *arguments],
            cwd=tmp_path, env={**os.environ, **offline}, capture_output=True, text=True, check=False, timeout=900,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return call


def logs(folder: Path) -> list[Path]:
    return sorted(folder.rglob("samples_*.jsonl"))


def scripted(folder: Path, run: Run) -> str:
    """The arguments of a model that says what our own run said."""
    said = {row.item_id: row.completion for row in run.sample_rows if row.completion is not None}
    path = folder / "answers.json"
    path.write_text(json.dumps(said), encoding="utf-8")
    return f"file={path}"


def test_all_tasks_are_found_and_valid(harness: Harness) -> None:
    names = ",".join(sorted(path.stem for path in task_directory().glob("*.yaml")))
    status, said = harness("validate", "--include_path", str(task_directory()), "--tasks", names)
    assert status == 0, said
    assert "All tasks found and valid" in said


def test_the_group_runs_with_the_dummy_model(harness: Harness, tmp_path: Path) -> None:
    status, said = harness(
        "run", "--include_path", str(task_directory()), "--tasks", "tokbench", "--model", "dummy", "--limit", "4",
        "--log_samples", "--output_path", "log", "--metadata", '{"tasks": "count_unique", "markings": "bracket"}',
    )  # fmt: skip
    assert status == 0, said
    made = import_log(logs(tmp_path / "log"), tmp_path / "runs")
    assert [path.parent.name for path in made] == ["arithmetic", "charbench", "phantom"]
    for directory in made:
        (run,) = load(directory)
        assert run.group("model")["synthetic"]
        asked = [row for row in run.sample_rows if row.metric in ASKED and row.outcome != "skipped"]
        assert len(asked) == 4
        assert {row.completion for row in asked} == {"lol"}


@pytest.mark.parametrize(("suite", "metadata"), [
    ("charbench", {"tasks": "count_unique,spell"}), ("arithmetic", {}), ("phantom", {"markings": "bracket"}),
])  # fmt: skip
def test_a_scripted_model_comes_back_as_our_own_run(
    harness: Harness, tmp_path: Path, suite: str, metadata: Row
) -> None:
    ours = our_run(suite, tmp_path / "ours")
    status, said = harness(
        "run", "--include_path", str(task_directory()), "--tasks", f"tokbench_{suite}", "--model", "tokbench-scripted",
        "--model_args", scripted(tmp_path, ours), "--log_samples", "--output_path", "log",
        "--metadata", json.dumps({"profile": "smoke", **metadata}),
    )  # fmt: skip
    assert status == 0, said
    (directory,) = import_log(logs(tmp_path / "log"), tmp_path / "runs", model=RESPONDERS[suite][0])
    (found,) = load(directory)
    assert found.metric_rows == ours.metric_rows
    assert [replace(row, detail=None) for row in found.sample_rows] == [
        replace(row, detail=None) for row in ours.sample_rows
    ]
    settings = dict(map(tuple, found.group("model")["settings"]))  # type: ignore[call-overload] # pairs
    assert settings["version"].startswith("0.4")
    assert settings["task_version"] == f"{suite}-1"
    assert settings["prompts"] == "as they are"


def test_scores_of_given_answers_come_back_as_our_own_run(harness: Harness, tmp_path: Path) -> None:
    ours = our_run("charbench", tmp_path / "ours", prompt="completion", mode="loglik")
    status, said = harness(
        "run", "--include_path", str(task_directory()), "--tasks", "tokbench_charbench_loglik", "--log_samples",
        "--model", "tokbench-scripted", "--model_args", scripted(tmp_path, ours), "--output_path", "log",
        "--metadata", '{"tasks": "count_unique,spell"}',
    )  # fmt: skip
    assert status == 0, said
    (directory,) = import_log(logs(tmp_path / "log"), tmp_path / "runs", model="scripted")
    (found,) = load(directory)
    assert found.metric_rows == ours.metric_rows


def test_a_chat_template_wraps_the_very_text(harness: Harness, tmp_path: Path) -> None:
    ours = our_run("phantom", tmp_path / "ours")
    status, said = harness(
        "run", "--include_path", str(task_directory()), "--tasks", "tokbench_phantom", "--model", "tokbench-scripted",
        "--model_args", scripted(tmp_path, ours), "--log_samples", "--output_path", "log", "--apply_chat_template",
        "--metadata", '{"markings": "bracket"}',
    )  # fmt: skip
    assert status == 0, said
    (log,) = logs(tmp_path / "log")
    first = json.loads(log.read_text(encoding="utf-8").split("\n")[0])
    sent = first["arguments"]["gen_args_0"]["arg_0"]
    assert sent == f"<user>{first['doc']['prompt'].strip()}<assistant>"
    (directory,) = import_log([log], tmp_path / "runs", model="scripted")
    (found,) = load(directory)
    assert ["prompts", "wrapped"] in found.group("model")["settings"]  # type: ignore[operator] # a list
    assert found.metric_rows == ours.metric_rows


def test_the_dataset_holds_the_documents_as_they_are() -> None:
    code = (
        "import json, sys; from tokbench.integrations.lm_eval import tasklib;"
        "found = tasklib.load(suite='phantom', markings='copy')['test'];"
        "json.dump([dict(row) for row in found], sys.stdout)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    assert json.loads(done.stdout) == documents({"suite": "phantom", "markings": "copy"})
