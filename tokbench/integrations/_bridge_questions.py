"""What a suite asks, and the grade of one answer to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from tokbench.errors import UnknownNameError
from tokbench.integrations._bridge_plans import ANSWERS, NOT_ASKED, AnswerModel, BridgedPlan, make_plan
from tokbench.integrations._bridge_settings import Value, normal
from tokbench.models.completion import Completion, Decoding, FinishReason, Form, Prompt
from tokbench.models.info import ModelInfo, setting_table
from tokbench.results import Outcome, Sample
from tokbench.suites.arithmetic import answers as arithmetic
from tokbench.suites.arithmetic.item import Item as ArithmeticItem
from tokbench.suites.arithmetic.prompts import expected_text
from tokbench.suites.charbench import answers as charbench
from tokbench.suites.charbench.item import Item as CharbenchItem
from tokbench.suites.part import PartContext
from tokbench.suites.phantom import answers as phantom
from tokbench.suites.phantom.item import Item as PhantomItem
from tokbench.suites.phantom.lexicon import known_words
from tokbench.tokenizers import Tokenizer, load_tokenizer

__all__ = [
    "IDENTITY", "Graded", "Prepared", "RecordedAnswer", "Request", "completion_of", "described", "grade", "identified",
    "log_settings", "prepare", "requests",
]  # fmt: skip

_SEVERITY: tuple[Outcome, ...] = ("failed", "invalid", "wrong", "correct", "skipped")
"""Of several targets of one item the gravest outcome stands for it."""

IDENTITY = ("suite", "suite_version", "items", "requests", "requests_sha256")
"""What travels beside the settings, and has to be the same when a log comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question as our own runner asks it.

    Attributes:
        key: Its name, unique in a run: the item and its condition.
        item_id: The item.
        prompt: What is asked; ``prompt.sha256`` is its hash.
        max_tokens: Longest answer in tokens; None leaves it to the model.
        stop: Strings that end an answer.
        gold: The right answer as text; ``""`` where there is none.
        suite: The suite.
        group: What it is asked together with (a task, a format and a block, a kind of word).
    """

    key: str
    item_id: str
    prompt: Prompt
    max_tokens: int | None
    stop: tuple[str, ...]
    gold: str
    suite: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAnswer:
    """What a log says of one request.

    Attributes:
        text: The answer; None if nothing came back.
        problem: Why nothing came back.
        finish_reason: Why it ended.
        prompt_tokens: Tokens read, or None.
        completion_tokens: Tokens written, or None.
        seconds: Time from request to answer, or None.
        prompt_sha256: Hash of what was really asked, as :attr:`Prompt.sha256`; ``""`` if the log does not say.
    """

    text: str | None
    problem: str = ""
    finish_reason: FinishReason = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    prompt_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """The suite's own grade of one answer.

    Attributes:
        outcome: ``correct``, ``wrong``, ``invalid`` or ``failed``; of an item with several targets the gravest.
        score: 1.0 or 0.0; of an item with several targets the share that is right.
        message: Why, where the suite says so.
        metric: Name of the metric that it counts towards.
        rows: The rows as they stand in a run record, one for each target.
    """

    outcome: Outcome
    score: float | None
    message: str
    metric: str
    rows: tuple[Sample, ...]


# ---------------------------------------------------------------------- questions


@dataclass(frozen=True, slots=True)
class Prepared:
    """A suite with its settings, and all that it asks."""

    suite: str
    settings: Mapping[str, Value]
    plan: BridgedPlan
    tokenizer: Tokenizer
    all: Mapping[str, Request]

    @property
    def form(self) -> Form:
        return "text" if self.settings["form"] == "text" else "messages"

    @property
    def chosen(self) -> list[Request]:
        """The requests that ``limit`` leaves, in their order."""
        limit = self.settings["limit"]
        found = list(self.all.values())
        return found if limit is None else _evenly(found, int(limit))


def _evenly(found: Sequence[Request], limit: int) -> list[Request]:
    """As many requests of every group as it goes, and in a group as many of every stratum, the first of each."""
    groups: dict[str, dict[str, list[int]]] = {}
    for place, request in enumerate(found):
        groups.setdefault(request.group, {}).setdefault(_stratum(request.prompt.item), []).append(place)
    turns = _turns([list(_turns(list(strata.values()))) for strata in groups.values()])
    return [found[place] for place in sorted(islice(turns, limit))]


def _turns(queues: Sequence[Sequence[int]]) -> Iterator[int]:
    """The first of each queue, then the second of each, and so on."""
    for turn in range(max(map(len, queues), default=0)):
        yield from (queue[turn] for queue in queues if turn < len(queue))


def _stratum(item: object) -> str:
    """What items of one group differ in: the length of the word, the lengths of the numbers, the marking."""
    if isinstance(item, CharbenchItem):
        return str(item.length)
    if isinstance(item, ArithmeticItem):
        return item.case.stratum
    assert isinstance(item, PhantomItem), "an item of one of the suites"
    return item.marking


def described(
    spec: str, settings: Mapping[str, object], fingerprint: str, version: str = "", *, toy: bool
) -> ModelInfo:
    """A description of answers that were given elsewhere: for the runner they are a recording."""
    harness = spec.partition(":")[0]
    return ModelInfo(
        spec=spec, backend="replay", fingerprint=fingerprint, toy=toy, attention="", dtype="", device="",
        libraries=((harness, version),) if version else (), settings=setting_table(settings), tokenizer=None,
    )  # fmt: skip


def _named(prompt: Prompt) -> tuple[str, str]:
    """Name and right answer of the item of a prompt."""
    item = prompt.item
    if isinstance(item, CharbenchItem):
        return item.item_id, item.answer
    if isinstance(item, ArithmeticItem):
        return item.key, expected_text(item)
    assert isinstance(item, PhantomItem), "an item of one of the suites"
    return item.item_id, ", ".join(target.word for target in item.targets)


@lru_cache(maxsize=8)
def _prepared(suite: str, canonical: str) -> Prepared:
    settings: dict[str, Value] = json.loads(canonical)
    asked: list[tuple[Prompt, Decoding]] = []

    def listen(prompt: Prompt, decoding: Decoding) -> Completion:
        asked.append((prompt, decoding))
        return Completion(status="missing", problem=NOT_ASKED)

    form: Form = "text" if settings["form"] == "text" else "messages"
    model = AnswerModel(described("bridge:questions", {}, "questions", toy=True), form, listen)
    plan = make_plan(suite, settings, model)
    tokenizer = load_tokenizer(str(settings["tokenizer"]))
    plan.check_references(tokenizer, ())
    found: dict[str, Request] = {}
    for part in plan.parts(tokenizer):
        if not part.key.startswith(ANSWERS):
            continue
        asked.clear()
        samples = part.work(PartContext()).samples
        # a suite may ask in another order than that of its items, which is that of the samples
        order = {sample.item_id.removesuffix("/0"): place for place, sample in enumerate(samples)}
        order |= {sample.item_id: place for place, sample in enumerate(samples)}
        made = [_request(suite, part.title, *one) for one in asked]
        made.sort(key=lambda request: order[request.item_id])
        found |= {request.key: request for request in made}
    return Prepared(suite, settings, plan, tokenizer, found)


def _request(suite: str, group: str, prompt: Prompt, decoding: Decoding) -> Request:
    item_id, gold = _named(prompt)
    return Request(
        key=prompt.key, item_id=item_id, prompt=prompt, max_tokens=decoding.max_tokens, stop=decoding.stop, gold=gold,
        suite=suite, group=group,
    )  # fmt: skip


def prepare(suite: str, options: Mapping[str, object]) -> Prepared:
    return _prepared(suite, json.dumps(normal(suite, options), sort_keys=True))


def requests(
    suite: str, *, profile: str = "smoke", tokenizer: str = "bytes", limit: int | None = None, **options: object
) -> list[Request]:
    """The questions of a suite, byte for byte as ``tokbench run SUITE`` asks them.

    Args:
        suite: One of :data:`SUITES`.
        profile: ``smoke``, ``core`` or ``full``.
        tokenizer: Spec of the model's tokenizer, for features and for limits of length.
        limit: At most so many, evenly over the tasks (formats and blocks, kinds of words): the first of each.
        **options: The other settings by name, see :func:`defaults`; ``form`` is ``messages`` or ``text``.

    Returns:
        One request for each question; those that cannot be asked in this form (questions by token ids) are left out.

    Raises:
        TokbenchError: If a setting does not exist or does not fit.
    """
    given = {"profile": profile, "tokenizer": tokenizer, "limit": limit, **options}
    return prepare(suite, given).chosen


def log_settings(suite: str, **options: object) -> dict[str, object]:
    """What has to travel inside a log, as JSON values: all settings, and hashes of what they made.

    Raises:
        TokbenchError: If a setting does not exist or does not fit.
    """
    return identified(prepare(suite, options))


def identified(prepared: Prepared) -> dict[str, object]:
    chosen = prepared.chosen
    identity: dict[str, object] = {
        "suite": prepared.suite, "suite_version": prepared.plan.version, "items": prepared.plan.items(),
        "requests": len(chosen), "requests_sha256": _requests_sha256(chosen),
    }  # fmt: skip
    return {**identity, **prepared.settings}


def _requests_sha256(found: Iterable[Request]) -> str:
    digest = hashlib.sha256()
    for request in found:
        line = json.dumps([request.key, request.prompt.sha256, request.max_tokens, list(request.stop)])
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


# ---------------------------------------------------------------------- one answer


def completion_of(answer: RecordedAnswer) -> Completion:
    counted = {
        "prompt_tokens": answer.prompt_tokens, "completion_tokens": answer.completion_tokens, "seconds": answer.seconds,
    }  # fmt: skip
    if answer.text is None:
        return Completion(status="error", problem=answer.problem or "nothing came back", **counted)  # type: ignore[arg-type] # as named
    return Completion(text=answer.text, finish_reason=answer.finish_reason, **counted)  # type: ignore[arg-type] # as named


def _rows(prepared: Prepared, request: Request, answer: RecordedAnswer) -> list[Sample]:
    model = AnswerModel(prepared.plan.answering.info, prepared.form, lambda _prompt, _decoding: completion_of(answer))
    item, decoding, tokenizer = request.prompt.item, prepared.plan.decoding, prepared.tokenizer
    if isinstance(item, CharbenchItem):
        prompt_id = str(prepared.settings["prompt"])
        return charbench.answer_samples(model, [item], prompt_id=prompt_id, decoding=decoding, tokenizer=tokenizer)
    if isinstance(item, ArithmeticItem):
        return arithmetic.answer_samples(model, tokenizer, [item], decoding=decoding)
    assert isinstance(item, PhantomItem), "an item of one of the suites"
    return phantom.answer_samples(model, [item], tokenizer, decoding=decoding, words=known_words())


def grade(suite: str, key: str, completion: str | RecordedAnswer, **options: object) -> Graded:
    """Grade one answer with the suite's own grader.

    Args:
        suite: One of :data:`SUITES`.
        key: Name of the request.
        completion: The answer, as text or with what is known of it.
        **options: The settings with which the request was made.

    Raises:
        UnknownNameError: If these settings make no request of this name.
        TokbenchError: If a setting does not exist or does not fit.
    """
    prepared = prepare(suite, options)
    request = prepared.all.get(key)
    if request is None:
        raise UnknownNameError("request", key, tuple(list(prepared.all)[:3]))
    answer = RecordedAnswer(text=completion) if isinstance(completion, str) else completion
    rows = _rows(prepared, request, answer)
    gravest = min(rows, key=lambda row: _SEVERITY.index(row.outcome))
    return Graded(
        outcome=gravest.outcome, score=sum(row.outcome == "correct" for row in rows) / len(rows),
        message=gravest.message, metric=gravest.metric, rows=tuple(rows),
    )  # fmt: skip
