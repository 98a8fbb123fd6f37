"""From the answers in a log to a run record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tokbench.errors import OptionError, RecordingError, UnknownNameError
from tokbench.integrations._bridge_plans import NOT_ASKED, AnswerModel, make_plan
from tokbench.integrations._bridge_questions import (
    IDENTITY,
    Prepared,
    RecordedAnswer,
    completion_of,
    described,
    identified,
    prepare,
)
from tokbench.integrations._bridge_settings import normal
from tokbench.models.completion import Completion, Decoding, Prompt
from tokbench.models.info import ModelInfo

__all__ = ["import_answers"]


def import_answers(
    suite: str,
    settings: Mapping[str, object],
    answers: Mapping[str, RecordedAnswer],
    *,
    model: str,
    out: Path,
    source: Mapping[str, str],
    asked: Collection[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Make a run record of the answers in a log: items, grades, features and metrics as ``tokbench run`` makes them.

    Args:
        suite: One of :data:`SUITES`.
        settings: What :func:`log_settings` put into the log, or settings alone.
        answers: What came back, by the key of its request. A request that was asked and has none counts as failed.
        model: Who answered, as the harness names it.
        out: Directory of all runs.
        source: Where the answers come from: ``harness``, its ``version``, ``log`` (name of the file, for messages),
            ``synthetic`` (``true`` for models that say nothing of real ones); everything goes into the record.
        asked: Keys of the requests that the harness was to ask; all others are skipped, with the reason. None takes
            all that the settings make.
        overwrite: Whether a finished record of the same answers is made again; it is kept otherwise.

    Returns:
        Directory of the record.

    Raises:
        RecordingError: If the log is of another version of the suite, of other items, or was asked other questions.
        TokbenchError: If a setting does not fit, or the record cannot be written.
    """
    from tokbench import run as runner

    log = source.get("log", "the log")
    own = {name: value for name, value in settings.items() if name not in IDENTITY}
    try:
        prepared = prepare(suite, normal(suite, own))
    except (UnknownNameError, OptionError) as error:
        raise RecordingError(log, None, f"its settings cannot be used here: {error}") from error
    _check_identity(log, settings, identified(prepared))
    _check_answers(log, prepared, answers)
    wanted = {request.key for request in prepared.chosen}
    if asked is not None:
        wanted &= set(asked)
    info = _imported_info(model, source, answers, wanted)
    reader = AnswerModel(info, prepared.form, partial(_recorded, log, answers, wanted))
    plan = make_plan(suite, prepared.settings, reader)
    request = runner.RunRequest(
        plan=plan, tokenizers=(str(prepared.settings["tokenizer"]),), out=out, overwrite=overwrite
    )
    return runner.run(request).directories[0]


def _recorded(
    log: str, answers: Mapping[str, RecordedAnswer], wanted: Collection[str], prompt: Prompt, _decoding: Decoding
) -> Completion:
    if (found := answers.get(prompt.key)) is not None:
        return completion_of(found)
    if prompt.key in wanted:
        return Completion(status="missing", problem=f"{log} holds no answer to it")
    return Completion(status="missing", problem=NOT_ASKED)


def _imported_info(
    model: str, source: Mapping[str, str], answers: Mapping[str, RecordedAnswer], wanted: Collection[str]
) -> ModelInfo:
    digest = hashlib.sha256()
    digest.update(json.dumps([model, sorted(wanted)]).encode())
    for key in sorted(answers):
        digest.update(json.dumps([key, asdict(answers[key])]).encode())
    settings = {"model": model, **source}
    spec = f"{source.get('harness', 'log')}:{model}"
    toy = source.get("synthetic") == "true"
    return described(spec, settings, digest.hexdigest(), source.get("version", ""), toy=toy)


def _check_identity(log: str, given: Mapping[str, object], made: Mapping[str, object]) -> None:
    """Refuse a log of another suite, version or set of items."""
    for name in IDENTITY:
        if name in given and given[name] != made[name]:
            problem = (
                f"its {name} is {_short(given[name])}, and {_short(made[name])} here: read it with the tokbench, "
                "and the files of words or items, with which it was made"
            )
            raise RecordingError(log, None, problem)


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_short(part)}" for name, part in sorted(value.items()))
    text = str(value)
    return text if len(text) <= 20 else f"{text[:12]}..."  # noqa: PLR2004, the beginning of a hash tells it from another


def _check_answers(log: str, prepared: Prepared, answers: Mapping[str, RecordedAnswer]) -> None:
    """Refuse answers to other questions."""
    for number, (key, answer) in enumerate(answers.items(), 1):
        request = prepared.all.get(key)
        if request is None:
            raise RecordingError(
                log, number, f"answers {key!a}, which is no item of {prepared.suite} with its settings"
            )
        if answer.prompt_sha256 not in {"", request.prompt.sha256}:
            problem = f"the prompt of {key!a} is not ours (SHA-256 {answer.prompt_sha256[:12]}...): it was changed"
            raise RecordingError(log, number, problem)
