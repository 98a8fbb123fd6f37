"""``tokbench import-lm-eval`` and ``tokbench lm-eval-path``: files of samples in, run records out.

Answers to our questions are graded again by the suite, so that a record has all its metrics, features and intervals;
tasks of lm-eval's own keep the scores that lm-eval gave.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokbench.errors import RecordingError
from tokbench.integrations._bridge import SUITES, RecordedAnswer, import_answers
from tokbench.integrations._lm_eval_choices import import_choices
from tokbench.integrations._lm_eval_docs import settings_from
from tokbench.integrations._lm_eval_file import Log, Row, read_log
from tokbench.integrations._lm_eval_foreign import SUITE as FOREIGN
from tokbench.integrations._lm_eval_foreign import import_foreign
from tokbench.models.completion import ChoiceScores, Prompt

__all__ = ["import_log", "task_directory"]

_OURS = ("suite", "key", "prompt", "prompt_sha256", "settings")
"""Columns that our own documents have."""


def task_directory() -> Path:
    """The folder of the task files, for ``lm-eval run --include_path``."""
    return Path(__file__).resolve().parent / "lm_eval"


def import_log(paths: Sequence[Path], out: Path, *, model: str | None = None) -> list[Path]:
    """Make run records of files ``samples_<task>_<date>.jsonl``, one each.

    What ``results_<date>.json`` beside a file says of model and versions goes into its record. Files of several suites
    get a folder in ``out`` for each suite.

    Args:
        paths: The files.
        out: Directory of all runs.
        model: Name of the model, instead of what the results say.

    Returns:
        Directory of each record, in the order of the files.

    Raises:
        RecordingError: If a file cannot be read, or does not fit the suite that is installed here.
        OutputDirectoryError: If ``out`` must not be written into.
    """
    logs = [read_log(path) for path in paths]
    suites = [_suite_of(log) for log in logs]
    for log in logs:  # a name that is missing ends the command before anything is written
        log.model(model)
    several = len(set(suites)) > 1
    return [
        _import_one(log, suite, out / suite if several else out, model=model)
        for log, suite in zip(logs, suites, strict=True)
    ]


def _suite_of(log: Log) -> str:
    """The suite whose questions a file holds; a file that mixes ours with others is refused."""
    found = {_suite_of_row(row) for row in log.rows}
    if len(found) > 1:
        raise RecordingError(str(log.path), None, f"mixes documents of {', '.join(sorted(found))}: expected one task")
    return found.pop()


def _suite_of_row(row: Row) -> str:
    ours = all(isinstance(row.doc.get(name), str) for name in _OURS) and row.doc["suite"] in SUITES
    return str(row.doc["suite"]) if ours else FOREIGN


def _import_one(log: Log, suite: str, out: Path, *, model: str | None) -> Path:
    if suite == FOREIGN:
        return import_foreign(log, out, model=model)
    rows, settings = _rows(log), _settings(log)
    name = log.model(model)
    source = {**log.source(), "log": log.path.name, "synthetic": "true" if log.toy else "false"}
    source["prompts"] = _check_prompts(log, rows)
    if settings.get("mode") == "loglik":
        scores = {key: _scores(log, row) for key, row in rows.items()}
        return import_choices(settings, scores, model=name, out=out, source=source, asked=rows)
    answers = {key: _answer(log, row) for key, row in rows.items()}
    return import_answers(suite, settings, answers, model=name, out=out, source=source, asked=rows)


# ---------------------------------------------------------------------- what a file holds


def _rows(log: Log) -> dict[str, Row]:
    """The line of each question; of several filters the first, because the answers before them are the same.

    Raises:
        RecordingError: If a question has two lines under one filter.
    """
    found: dict[str, Row] = {}
    for row in log.rows:
        key = str(row.doc["key"])
        earlier = found.setdefault(key, row)
        if earlier is not row and earlier.filter == row.filter:
            raise RecordingError(str(log.path), row.number, f"answers {key!a}, and so does line {earlier.number}")
    return found


def _settings(log: Log) -> Mapping[str, object]:
    first = log.rows[0]
    for row in log.rows:
        if row.doc["settings"] != first.doc["settings"]:
            raise RecordingError(
                str(log.path), row.number, "has other settings than line 1: expected one run in a file"
            )
    try:
        return settings_from(first.doc)
    except ValueError as error:
        raise RecordingError(str(log.path), first.number, f"its settings cannot be read ({error})") from error


def _check_prompts(log: Log, rows: Mapping[str, Row]) -> str:
    """How the prompts were sent: ``as they are``, or ``wrapped`` by a chat template or a system instruction.

    Raises:
        RecordingError: If what was sent is another text.
    """
    wrapped = False
    for row in rows.values():
        text, kept = str(row.doc["prompt"]), str(row.doc["prompt"]).strip()
        if Prompt(text=text).sha256 != row.doc["prompt_sha256"]:
            raise RecordingError(str(log.path), row.number, "its prompt and the hash of it do not belong together")
        others = [sent for sent in row.sent if sent != text]
        wrapped = wrapped or bool(others)
        if any(kept not in sent for sent in others):  # a template may strip the blanks around a message, no more
            raise RecordingError(str(log.path), row.number, "what was sent to the model does not hold the prompt")
    return "wrapped" if wrapped else "as they are"


def _answer(log: Log, row: Row) -> RecordedAnswer:
    reply = row.replies[0] if len(row.replies) == 1 else ()
    if not reply or not isinstance(reply[0], str):
        raise RecordingError(str(log.path), row.number, "resps: expected one answer, a text in a list in a list")
    return RecordedAnswer(text=reply[0], finish_reason="", prompt_sha256=str(row.doc["prompt_sha256"]))


def _scores(log: Log, row: Row) -> ChoiceScores:
    """The log-probabilities of a line: ``[[["-1.5", "False"]], ...]``, one entry for each answer."""
    logprobs = []
    for reply in row.replies:
        pair = reply[0] if reply else None
        try:
            logprobs.append(float(str(pair[0])) if isinstance(pair, list) and pair else math.nan)
        except ValueError:
            logprobs.append(math.nan)
    if not logprobs or not all(value <= 0 for value in logprobs):  # a NaN is not
        problem = "resps: expected a log-probability for each answer, as multiple_choice gives them"
        raise RecordingError(str(log.path), row.number, problem)
    return ChoiceScores(logprobs=tuple(logprobs))
