"""The tasks of inspect_ai, offline: its questions, its grades, and its logs as run records."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness_answers import SETTINGS, Answering, answer, comparable, own_run, responder
from typer.testing import CliRunner

from tokbench.cli import app
from tokbench.errors import RecordingError
from tokbench.integrations._bridge import grade, requests
from tokbench.integrations._bridge_plans import NOT_ASKED
from tokbench.integrations._inspect_log import import_log
from tokbench.models._scripted import RequestFailed
from tokbench.models.completion import Message, Prompt
from tokbench.results import Run, Sample, load

pytest.importorskip("inspect_ai", reason="inspect_ai is not installed: pip install 'tokbench[inspect]'")

from inspect_ai import Task, eval, task  # noqa: A004, after the skip
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log
from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, ModelUsage, get_model
from inspect_ai.model import modelapi as registered
from inspect_ai.solver import Solver, generate, system_message

pytestmark = [
    # streams of anyio that inspect_ai leaves to the collector, and an old name that it calls tenacity by
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning"),
]

HOSTILE = "\x00\u202e</script> [bold]e\u0301 {{1}} 1"
METRICS = {"charbench.strict", "arithmetic.value", "phantom"}


class Offline(ModelAPI):
    """Answers by a function of the prompt, and keeps what it was asked; needs no network and reports its usage."""

    def __init__(
        self, model_name: str, *_: object, answering: Callable[[Prompt, GenerateConfig], str], **__: object
    ) -> None:
        super().__init__(model_name)
        self._answering = answering

    async def generate(self, input: Any, tools: Any, tool_choice: Any, config: GenerateConfig) -> ModelOutput:  # noqa: A002, ANN401
        prompt = Prompt(messages=tuple(Message(message.role, message.text) for message in input))
        said = self._answering(prompt, config)
        stop, _, text = said.rpartition("|stop=")
        output = ModelOutput.from_content(self.model_name, text, stop_reason=stop or "stop")
        output.usage = ModelUsage(input_tokens=11, output_tokens=3, total_tokens=14)
        return output


registered(name="offline")(Offline)


class Asked:
    """The questions of a suite by what is asked, answered by a responder; counts what came with other limits."""

    def __init__(self, suite: str, answering: Answering, **more: object) -> None:
        self.requests = requests(suite, **{**SETTINGS[suite], **more})  # type: ignore[arg-type] # settings of any kind
        self._by_prompt = {request.prompt.sha256: request for request in self.requests}
        self._answering = answering
        self.keys: list[str] = []
        self.other_limits: list[str] = []

    def __call__(self, prompt: Prompt, config: GenerateConfig) -> str:
        request = self._by_prompt[prompt.sha256]
        self.keys.append(request.key)
        if (config.max_tokens, tuple(config.stop_seqs or ())) != (request.max_tokens, request.stop):
            self.other_limits.append(request.key)
        found = answer(self._answering, request)
        if found.text is None:
            raise RequestFailed(found.problem)
        reason = {"length": "max_tokens", "refused": "content_filter"}.get(found.finish_reason, "stop")
        return f"{reason}|stop={found.text}"


def evaluated(suite: str, answering: Callable[[Prompt, GenerateConfig], str], logs: Path, **options: Any) -> EvalLog:  # noqa: ANN401
    """A log of a suite with its small settings."""
    options = {"log_format": "eval", "display": "none", "task_args": dict(SETTINGS[suite]), **options}
    model = get_model("offline/model-7", answering=answering, memoize=False)
    (log,) = eval(f"tokbench/{suite}", model=model, log_dir=str(logs), **options)
    return log


def one(_prompt: Prompt, _config: GenerateConfig) -> str:
    return "1"


def record(out: Path, *logs: str | Path) -> Run:
    import_log([Path(log) for log in logs], out)
    (found,) = load(out)
    return found


def asked_rows(run: Run) -> list[Sample]:
    return [row for row in run.sample_rows if row.metric in METRICS]


def without_reasons(rows: list[object]) -> list[object]:
    """Samples whose failure is worded by nobody: inspect_ai writes an error in its own way."""
    return [replace(row, message="") if isinstance(row, Sample) and row.outcome == "failed" else row for row in rows]


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Collect what inspect_ai left open while its warnings are filtered."""
    yield
    gc.collect()


# ---------------------------------------------------------------------- the same items, grades and numbers


@pytest.mark.parametrize(
    ("suite", "name", "form"),
    [
        ("charbench", "fails", "eval"), ("charbench", "oracle-chatty", "json"),
        ("arithmetic", "left-aligner", "eval"), ("phantom", "truncator", "json"),
    ],
)  # fmt: skip
def test_a_log_has_the_items_grades_and_metrics_of_our_own_run(
    suite: str, name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_run(suite, name, tmp_path / "own", monkeypatch)
    asked = Asked(suite, responder(suite, name))
    log = evaluated(suite, asked, tmp_path / "logs", log_format=form)
    assert log.status == "success"
    assert sorted(asked.keys) == sorted(request.key for request in asked.requests)
    assert not asked.other_limits
    assert log.eval.task_version == own.group("run")["suite_version"]

    outcomes = {row.item_id: row.outcome for row in asked_rows(own)}
    by_key = {request.key: request for request in asked.requests}
    assert log.samples is not None
    for sample in log.samples:
        request = by_key[str(sample.id)]
        assert sample.target == request.gold
        if sample.error is None:
            assert sample.scores is not None
            assert (sample.scores["graded"].metadata or {})["outcome"] == outcomes[request.item_id]
    assert log.results is not None
    counted = {key: metric.value for key, metric in log.results.scores[0].metrics.items()}
    graded = [outcome for outcome in outcomes.values() if outcome != "failed"]
    assert counted == {
        "correct": graded.count("correct"), "wrong": graded.count("wrong"), "invalid": graded.count("invalid"),
        "failed": 0, "n": len(graded),
    }  # fmt: skip

    there = record(tmp_path / "there", log.location)
    samples, metrics = comparable(own)
    other_samples, other_metrics = comparable(there)
    assert other_metrics == metrics
    assert without_reasons(other_samples) == without_reasons(samples)
    detail = next(row.detail for row in asked_rows(there) if row.completion is not None)
    if suite != "phantom" and detail is not None:  # its rows do not hold counts of tokens
        assert (detail["prompt_tokens"], detail["completion_tokens"]) == (11, 3)
    assert there.group("model")["spec"] == "inspect:offline/model-7"
    assert "inspect" in there.group("model")["libraries"]  # type: ignore[operator] # a mapping


def test_n_is_spread_over_the_tasks_and_the_others_are_skipped(tmp_path: Path) -> None:
    log = evaluated("arithmetic", one, tmp_path / "logs", task_args={**SETTINGS["arithmetic"], "n": 10})
    wanted = requests("arithmetic", limit=10, **SETTINGS["arithmetic"])  # type: ignore[arg-type] # settings of any kind
    assert log.eval.dataset.sample_ids == [request.key for request in wanted]
    rows = asked_rows(record(tmp_path / "out", log.location))
    assert sum(row.outcome != "skipped" for row in rows) == 10
    assert {row.message for row in rows if row.outcome == "skipped"} == {NOT_ASKED}


def test_a_text_is_asked_as_one_message(tmp_path: Path) -> None:
    seen = []

    def listen(prompt: Prompt, config: GenerateConfig) -> str:
        seen.append((prompt, config.stop_seqs))
        return "1"

    args = {"tasks": "count_char", "prompt": "completion", "form": "text", "n": 3}
    log = evaluated("charbench", listen, tmp_path / "logs", task_args=args)
    wanted = requests("charbench", tasks="count_char", prompt="completion", form="text", limit=3)
    texts = {prompt.messages[0].content for prompt, _ in seen if prompt.messages is not None}
    assert texts == {request.prompt.text for request in wanted}
    assert [stop for _, stop in seen] == [["\n"]] * 3
    rows = asked_rows(record(tmp_path / "out", log.location))
    hashes = {row.prompt_sha256 for row in rows if row.outcome != "skipped"}
    assert hashes == {request.prompt.sha256 for request in wanted}


# ---------------------------------------------------------------------- parts of a log


def test_limits_of_inspect_itself_leave_the_others_skipped(tmp_path: Path) -> None:
    log = evaluated("arithmetic", one, tmp_path / "logs", limit=4)
    rows = asked_rows(record(tmp_path / "out", log.location))
    assert sum(row.outcome != "skipped" for row in rows) == 4
    assert not any(row.outcome == "failed" for row in rows)


def test_an_evaluation_that_ended_early_keeps_what_came_back(tmp_path: Path) -> None:
    asked = Asked("charbench", responder("charbench", "fails"))
    log = evaluated("charbench", asked, tmp_path / "logs", fail_on_error=True, max_samples=1)
    assert log.status == "error"
    said: list[str] = []
    import_log([Path(log.location)], tmp_path / "out", say=said.append)
    (run,) = load(tmp_path / "out")
    rows = asked_rows(run)
    there = sum(row.outcome == "correct" for row in rows)
    assert 0 < there < len(rows) - 1
    assert sum(row.outcome == "failed" for row in rows) == len(rows) - there
    assert any("holds no answer to it" in row.message for row in rows)
    assert any("fails on every 7th item" in row.message for row in rows)
    assert said == [
        f"{Path(log.location).name}: status error, {there} of {len(rows)} answers; the others count as failed"
    ]


@pytest.mark.parametrize("form", ["eval", "json"])
def test_a_cancelled_log_keeps_what_came_back(form: str, tmp_path: Path) -> None:
    log = evaluated("arithmetic", one, tmp_path / "logs", limit=6)
    assert log.samples is not None
    log.status, log.samples = "cancelled", log.samples[:2]
    path = tmp_path / f"cut.{form}"
    write_eval_log(log, str(path), format=form)
    said: list[str] = []
    import_log([path], tmp_path / "out", say=said.append)
    (run,) = load(tmp_path / "out")
    outcomes = [row.outcome for row in asked_rows(run)]
    assert (outcomes.count("failed"), len(outcomes) - outcomes.count("skipped")) == (4, 6)
    assert said == [f"cut.{form}: status cancelled, 2 of 6 answers; the others count as failed"]


def test_of_several_epochs_the_first_is_taken_and_said(tmp_path: Path) -> None:
    answers = iter(["1", "2", "3", "4"])
    log = evaluated("arithmetic", lambda *_: next(answers), tmp_path / "logs", limit=2, epochs=2, max_samples=1)
    assert log.samples is not None
    first = {str(sample.output.completion) for sample in log.samples if sample.epoch == 1}
    said: list[str] = []
    import_log([Path(log.location)], tmp_path / "out", say=said.append)
    (run,) = load(tmp_path / "out")
    assert {row.completion for row in asked_rows(run) if row.completion is not None} == first
    assert said == [f"{Path(log.location).name}: 2 epochs, of which the first is taken (2 answers are left out)"]


def test_any_text_comes_back_as_it_was(tmp_path: Path) -> None:
    log = evaluated("arithmetic", lambda *_: HOSTILE, tmp_path / "logs", limit=2)
    rows = [row for row in asked_rows(record(tmp_path / "out", log.location)) if row.outcome != "skipped"]
    assert [row.completion for row in rows] == [HOSTILE] * 2
    key = str(log.eval.dataset.sample_ids[0]) if log.eval.dataset.sample_ids else ""
    assert rows[0].outcome == grade("arithmetic", key, HOSTILE, **SETTINGS["arithmetic"]).outcome


def test_the_record_has_the_temperature_of_the_command_line(tmp_path: Path) -> None:
    log = evaluated("arithmetic", one, tmp_path / "logs", limit=1, temperature=0.7)
    assert record(tmp_path / "out", log.location).group("model")["temperature"] == 0.7


def test_logs_of_several_suites_get_a_folder_each(tmp_path: Path) -> None:
    logs = [evaluated(suite, one, tmp_path / "logs", limit=1).location for suite in ("arithmetic", "phantom")]
    found = import_log([Path(log) for log in logs], tmp_path / "out")
    assert [path.parent.name for path in found] == ["arithmetic", "phantom"]


# ---------------------------------------------------------------------- refusals


def other_question() -> Solver:
    return system_message("Be brief.")


def test_a_changed_question_is_refused(tmp_path: Path) -> None:
    log = evaluated("phantom", one, tmp_path / "logs", limit=1, solver=[other_question(), generate()])
    with pytest.raises(RecordingError, match="is not ours"):
        import_log([Path(log.location)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_log_of_another_task_is_refused(tmp_path: Path) -> None:
    @task
    def other() -> Task:
        return Task(dataset=[InspectSample(input="x", target="y")])

    model = get_model("offline/model-7", answering=one, memoize=False)
    (log,) = eval(other(), model=model, log_dir=str(tmp_path / "logs"), display="none")
    ours = evaluated("arithmetic", one, tmp_path / "logs", limit=1)
    with pytest.raises(RecordingError, match="is a log of the task other: expected tokbench/charbench or"):
        import_log([Path(ours.location), Path(log.location)], tmp_path / "out")
    assert not (tmp_path / "out").exists()  # nothing of the other one either


def test_a_file_that_is_no_log_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    log = evaluated("arithmetic", one, tmp_path / "logs", limit=1)
    cut = tmp_path / "cut.eval"
    cut.write_bytes(Path(log.location).read_bytes()[:200])
    (tmp_path / "x.json").write_text('{"a": 1}')
    (tmp_path / "half.json").write_text('{"version": 2, "status"')
    (tmp_path / "x.txt").write_text("x")
    for name in ("cut.eval", "x.json", "half.json", "x.txt", "absent.eval"):
        with pytest.raises(RecordingError) as raised:
            import_log([tmp_path / name], tmp_path / "out")
        assert raised.value.exit_code == 2
        assert "\n" not in str(raised.value)
        assert name in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_setting_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="unknown task 'count_chr'") as raised:
        evaluated("charbench", one, tmp_path, task_args={"tasks": "count_chr"})
    assert type(raised.value).__name__ == "PrerequisiteError"
    with pytest.raises(Exception, match="n or limit"):
        evaluated("charbench", one, tmp_path, task_args={"n": 1, "limit": 1})


def test_the_command_lists_its_records(tmp_path: Path) -> None:
    log = evaluated("arithmetic", one, tmp_path / "logs", limit=2)
    result = CliRunner().invoke(app, ["import-inspect", log.location, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    (run,) = load(tmp_path / "out")
    assert result.output.strip() == f"record: {tmp_path / 'out' / run.id}"
    assert read_eval_log(log.location).status == "success"  # and the log is left as it was
