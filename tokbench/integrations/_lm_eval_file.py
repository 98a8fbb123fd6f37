"""What lm-eval leaves behind: ``samples_<task>_<date>.jsonl``, and ``results_<date>.json`` beside it.

Facts of lm-eval 0.4.13: a line of the samples is one document under one filter; ``arguments`` holds what was sent to
the model, ``resps`` what came back, every number in it as a string; the results say which model and which versions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from tokbench.errors import RecordingError

__all__ = ["Log", "Row", "read_log"]

_NAME = re.compile(r"samples_(?P<task>.+?)(?:_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+))?\.jsonl")
_PLAIN_FILTER = "none"
_FIXED = frozenset({
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
    "target_hash",
})  # fmt: skip
"""Fields of a line that are no metric; older versions do not list their metrics."""

_ARGUMENTS = ("peft", "delta", "pretrained", "model", "path", "engine")
"""Arguments of a model that name it, in the order in which lm-eval looks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a file of samples.

    Attributes:
        number: Its line, 1-based.
        doc_id: Place of the document in its task.
        doc: The document.
        doc_hash: What identifies it, as lm-eval hashes it.
        filter: The filter through which the answers went; empty for the usual one.
        sent: The context of each request, as it went to the model.
        replies: What came back to each request, before any filter; one list for each request and, in it, one entry for
            each repeat.
        scores: Value of each metric.
    """

    number: int
    doc_id: int
    doc: Mapping[str, object]
    doc_hash: str
    filter: str
    sent: tuple[str, ...]
    replies: tuple[Sequence[object], ...]
    scores: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A file of samples with what is known of its run.

    Attributes:
        path: The file.
        task: Name of its task.
        rows: Its lines.
        about: The results beside it, or an empty mapping where there are none.
    """

    path: Path
    task: str
    rows: tuple[Row, ...]
    about: Mapping[str, object]

    def text(self, *names: str) -> str:
        """A value of the results as text, looked up name by name; empty where there is none."""
        value: object = self.about
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return "" if value is None or isinstance(value, Mapping) else str(value)

    def model(self, given: str | None) -> str:
        """Name of the model that answered.

        Args:
            given: A name that is to be used instead.

        Raises:
            RecordingError: If neither is there.
        """
        if given:
            return given
        # without a name among its arguments lm-eval calls a model by a random one
        arguments = self._group("config", "model_args")
        named = next((str(arguments[name]) for name in _ARGUMENTS if name in arguments), "")
        if not named and isinstance(said := self._value("config", "model_args"), str):
            pairs = dict(part.partition("=")[::2] for part in said.split(",") if "=" in part)
            named = next((pairs[name] for name in _ARGUMENTS if name in pairs), "")
        name = named or self.text("config", "model")
        if not name:
            problem = (
                "no results_*.json with its date lies beside it, so nothing says which model answered: add --model NAME"
            )
            raise RecordingError(str(self.path), None, problem)
        return PurePath(name).name if name.startswith(("/", "~", ".")) else name

    @property
    def toy(self) -> bool:
        """Whether lm-eval's own dummy model answered: it draws at random."""
        return self.text("config", "model") == "dummy"

    def source(self) -> dict[str, str]:
        """What the results say of versions, model and prompts, for a record; fields that are not there are left out."""
        config = self._group("configs", self.task)
        found = {
            "harness": "lm-eval",
            "task": self.task,
            "version": self.text("lm_eval_version"),
            "transformers": self.text("transformers_version"),
            "task_version": self.text("versions", self.task),
            "task_hash": self.text("task_hashes", self.task),
            "backend": self.text("config", "model"),
            "dtype": self.text("config", "model_dtype"),
            "revision": self.text("config", "model_revision"),
            "limit": self.text("config", "limit"),
            "shots": self.text("n-shot", self.task),
            "generation": json.dumps(config["generation_kwargs"], sort_keys=True)
            if "generation_kwargs" in config
            else "",
            "chat_template_sha256": self.text("chat_template_sha"),
            "system_instruction_sha256": self.text("system_instruction_sha"),
            "seconds": self.text("total_evaluation_time_seconds"),
        }
        return {name: value for name, value in found.items() if value}

    def _value(self, *names: str) -> object:
        value: object = self.about
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def _group(self, *names: str) -> Mapping[str, object]:
        value = self._value(*names)
        return value if isinstance(value, Mapping) else {}


# ---------------------------------------------------------------------- reading


def read_log(path: Path) -> Log:
    """Read a file of samples, and the results of the same date beside it if they are there.

    Raises:
        RecordingError: If one of them cannot be read, or is something else.
    """
    found = _NAME.fullmatch(path.name)
    text = _text(path, "one or more files samples_<task>_<date>.jsonl (lm-eval writes them with --log_samples)")
    rows = tuple(
        _row(path, number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()
    )  # lines may hold U+2028, which splitlines would cut at
    if not rows:
        raise RecordingError(str(path), None, "the file has no line: expected one for each document")
    results = path.with_name(f"results_{found['date']}.json") if found and found["date"] else None
    about = _results(results) if results is not None and results.is_file() else {}
    return Log(path=path, task=found["task"] if found else path.stem, rows=rows, about=about)


def _text(path: Path, expected: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error}): expected {expected}"
        raise RecordingError(str(path), None, problem) from error
    except UnicodeDecodeError as error:
        raise RecordingError(str(path), None, f"is not UTF-8 (byte {error.start}): expected {expected}") from error


def _results(path: Path) -> Mapping[str, object]:
    try:
        about = json.loads(_text(path, "the results of lm-eval"))
    except ValueError as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(str(path), None, f"is no JSON: {error}") from error
    if not isinstance(about, dict):
        raise RecordingError(str(path), None, "expected an object, as lm-eval writes it")
    return about


def _row(path: Path, number: int, line: str) -> Row:
    """One line of the file.

    Raises:
        RecordingError: If it is no sample.
    """

    def wrong(problem: str) -> RecordingError:
        return RecordingError(str(path), number, problem)

    try:
        plain = json.loads(line)
    except ValueError as error:
        raise wrong(f"is no JSON ({error}): is this a samples_*.jsonl of lm-eval?") from error
    if not isinstance(plain, dict):
        raise wrong("expected an object: is this a samples_*.jsonl of lm-eval?")
    doc, doc_id, replies = plain.get("doc"), plain.get("doc_id"), plain.get("resps")
    if not isinstance(doc, dict) or type(doc_id) is not int or not isinstance(replies, list):
        raise wrong("has no doc, doc_id and resps: is this a samples_*.jsonl of lm-eval?")
    if not all(isinstance(reply, list) for reply in replies):
        raise wrong("resps: expected a list for each request")
    named = plain.get("metrics")
    metrics = named if isinstance(named, list) else [name for name in plain if name not in _FIXED]
    filtered = plain.get("filter")
    return Row(
        number=number,
        doc_id=doc_id,
        doc=doc,
        doc_hash=str(plain.get("doc_hash") or ""),
        filter="" if filtered in {None, _PLAIN_FILTER} else str(filtered),
        sent=_sent(plain.get("arguments")),
        replies=tuple(replies),
        scores={str(name): plain[name] for name in metrics if name in plain},
    )


def _sent(arguments: object) -> tuple[str, ...]:
    """The contexts in ``{"gen_args_0": {"arg_0": context, "arg_1": ...}, ...}``; empty where they are not there."""
    requests = arguments.values() if isinstance(arguments, dict) else ()
    return tuple(_context(request["arg_0"]) for request in requests if isinstance(request, dict) and "arg_0" in request)


def _context(sent: object) -> str:
    """A context as text. For a server with chats it is a list of messages, or such a list as JSON in a list."""
    if not isinstance(sent, list):
        return str(sent)
    messages = sent
    if len(sent) == 1 and isinstance(sent[0], str):
        try:
            messages = json.loads(sent[0])
        except ValueError:
            return sent[0]
    chat = [message for message in messages if isinstance(message, dict)]
    return "\n".join(f"{message.get('role')}: {message.get('content')}" for message in chat)
