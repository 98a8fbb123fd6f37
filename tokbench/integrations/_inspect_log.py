"""``tokbench import-inspect``: logs of inspect_ai, ``.eval`` or ``.json``, become run records.

Imports nothing of inspect_ai before a log is read, and names no private part of it but where said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import MissingExtraError, RecordingError
from tokbench.integrations._bridge import SUITES, RecordedAnswer, defaults, import_answers
from tokbench.models.completion import FinishReason, Message, Prompt

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import ChatMessage, ModelOutput

__all__ = ["NAME", "answer_of", "import_log", "plain_refusal"]

NAME = "tokbench"
"""Under this name our values stand in the metadata of a task and of a sample."""

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop", "max_tokens": "length", "model_length": "length", "content_filter": "refused",
}  # fmt: skip

_SYNTHETIC = ("mockllm/", "none/")
"""Models of inspect_ai that are none."""

Say = Callable[[str], None]


def plain_refusal(error: Exception) -> Exception:
    """An error that inspect_ai shows as one line instead of a traceback."""
    try:
        from inspect_ai._util.error import PrerequisiteError  # its own class for that; it has no public name
    except ImportError:
        return error
    from rich.markup import escape

    refusal: Exception = PrerequisiteError(escape(str(error)))
    return refusal


def answer_of(output: ModelOutput) -> RecordedAnswer:
    """What a model said, as far as a grade needs it."""
    if not output.choices:
        return RecordedAnswer(text=None, problem=output.error or "no answer")
    if output.error and not output.completion:
        return RecordedAnswer(text=None, problem=output.error)
    usage = output.usage
    return RecordedAnswer(
        text=output.completion,
        finish_reason=_FINISH.get(output.stop_reason, ""),
        prompt_tokens=None if usage is None else _read(usage.input_tokens, usage.input_tokens_cache_read,
                                                       usage.input_tokens_cache_write),
        completion_tokens=None if usage is None else usage.output_tokens,
        seconds=output.time,
    )  # fmt: skip


def _read(*counts: int | None) -> int:
    """Tokens read: inspect_ai counts those that came from a cache apart."""
    return sum(count or 0 for count in counts)


# ---------------------------------------------------------------------- logs


@dataclass(frozen=True, slots=True)
class _Log:
    """A log of one of our tasks."""

    path: Path
    log: EvalLog
    suite: str
    settings: Mapping[str, object]


def import_log(
    paths: Sequence[Path], out: Path, *, overwrite: bool = False, say: Say = lambda _line: None
) -> list[Path]:
    """Make a run record of each log.

    What came back is kept, whatever the status of the log; a request that was to be made and has no answer counts as
    failed, and an item that inspect_ai was not to ask (``--limit``, ``--sample-id``) is skipped, with the reason. Of
    several epochs the first is taken: a record holds one answer to a question. Logs of several suites get a folder in
    ``out`` for each suite.

    Args:
        paths: Files ``.eval`` or ``.json``.
        out: Directory of all runs.
        overwrite: Whether a finished record of the same answers is made again; it is kept otherwise.
        say: Called with one line where not all of a log is in its record.

    Returns:
        Directory of each record, in the order of the logs.

    Raises:
        MissingExtraError: If inspect_ai is not installed.
        RecordingError: If a file is no log, or none of our tasks, or of other items; nothing is written then.
        OutputDirectoryError: If ``out`` must not be written into.
    """
    logs = [_opened(path) for path in paths]
    several = len({log.suite for log in logs}) > 1
    return [_import_one(log, out / log.suite if several else out, overwrite, say) for log in logs]


def _opened(path: Path) -> _Log:
    try:
        from inspect_ai.log import read_eval_log
    except ImportError as error:
        raise MissingExtraError("inspect_ai", "inspect", "it reads its logs") from error
    if not path.is_file():
        raise RecordingError(str(path), None, "no such file: expected a log of inspect_ai, .eval or .json")
    if path.suffix not in {".eval", ".json"}:
        raise RecordingError(str(path), None, "expected a log of inspect_ai, whose name ends with .eval or .json")
    try:
        log = read_eval_log(str(path), resolve_attachments="core")
    except Exception as error:  # a damaged file can fail anywhere in a reader that is not ours
        reason = next(iter(str(error).splitlines()), "").strip()
        problem = f"cannot be read as a log of inspect_ai ({type(error).__name__}: {reason:.120})"
        raise RecordingError(str(path), None, problem) from error
    return _ours(path, log)


def _ours(path: Path, log: EvalLog) -> _Log:
    settings = (log.eval.metadata or {}).get(NAME)
    if not isinstance(settings, Mapping) or settings.get("suite") not in SUITES:
        expected = " or ".join(f"tokbench/{suite}" for suite in SUITES)
        problem = f"is a log of the task {log.eval.task}: expected {expected}"
        raise RecordingError(str(path), None, problem)
    return _Log(path, log, str(settings["suite"]), settings)


def _import_one(found: _Log, out: Path, overwrite: bool, say: Say) -> Path:  # noqa: FBT001, passed on
    log, name = found.log, found.path.name
    answers: dict[str, RecordedAnswer] = {}
    left_out = 0
    for sample in log.samples or []:
        if sample.epoch != 1:
            left_out += 1
            continue
        answers[str(sample.id)] = _answer(sample)
    asked = _asked(log, answers)
    if left_out:
        say(f"{name}: {log.eval.config.epochs} epochs, of which the first is taken ({left_out} answers are left out)")
    failed = len(asked) - sum(answers[key].text is not None for key in asked if key in answers)
    if failed or log.status != "success":
        say(f"{name}: status {log.status}, {len(asked) - failed} of {len(asked)} answers; the others count as failed")
    return import_answers(
        found.suite, {**found.settings, **_drawn(log, found.suite)}, answers, model=log.eval.model, out=out,
        source=_source(found), asked=asked, overwrite=overwrite,
    )  # fmt: skip


def _asked(log: EvalLog, answers: Mapping[str, RecordedAnswer]) -> list[str]:
    """Names of the requests that inspect_ai was to make."""
    listed = log.eval.dataset.sample_ids
    return list(answers) if listed is None else [str(name) for name in listed]


def _answer(sample: EvalSample) -> RecordedAnswer:
    """The answer of a sample; why there is none where it failed."""
    if sample.error is not None:
        return RecordedAnswer(text=None, problem=_line(sample.error.message))
    if sample.invalidation is not None:
        return RecordedAnswer(text=None, problem=_line(f"invalidated in the log: {sample.invalidation.reason or ''}"))
    found = answer_of(sample.output)
    if found.text is None:
        limit = "" if sample.limit is None else f"limit of inspect_ai: {sample.limit.type}"
        return RecordedAnswer(text=None, problem=_line(limit or found.problem))
    return _with_prompt(found, sample)


def _with_prompt(answer: RecordedAnswer, sample: EvalSample) -> RecordedAnswer:
    """The answer with the hash of what was really asked: another solver may have changed the question."""
    from dataclasses import replace

    if isinstance(sample.input, str):
        text = "".join(message.text for message in sample.messages[:-1])
        return replace(answer, prompt_sha256=Prompt(text=text).sha256)
    return replace(answer, prompt_sha256=Prompt(messages=tuple(map(_message, sample.messages[:-1]))).sha256)


def _message(message: ChatMessage) -> Message:
    if message.role == "system":
        return Message("system", message.text)
    return Message("assistant" if message.role == "assistant" else "user", message.text)


def _line(text: str) -> str:
    return " ".join(text.split())[:300]


def _drawn(log: EvalLog, suite: str) -> dict[str, object]:
    """How the answers were really drawn: the command line of inspect_ai wins over the settings of the task."""
    config = log.plan.config
    given = {"temperature": config.temperature, "top_p": config.top_p}
    return {name: value for name, value in given.items() if value is not None and name in defaults(suite)}


def _source(found: _Log) -> dict[str, str]:
    """Where the answers come from, for the record; no address and no path."""
    spec = found.log.eval
    return {
        "harness": "inspect", "version": spec.packages.get("inspect_ai", ""), "log": found.path.name,
        "task": spec.task, "status": found.log.status, "created": str(spec.created), "run": spec.run_id,
        "tokbench": spec.packages.get("tokbench", ""),
        "synthetic": "true" if spec.model.startswith(_SYNTHETIC) else "false",
    }  # fmt: skip
