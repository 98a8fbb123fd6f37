"""Ask a model what it has not answered yet: nothing is asked for twice, and every answer is kept when it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path, PurePath
from typing import TypeVar

from tokbench.errors import RecordError
from tokbench.models.completion import (
    ChoiceModel,
    ChoiceScores,
    Completion,
    CompletionModel,
    Decoding,
    FinishReason,
    Prompt,
    Status,
    request_key,
)
from tokbench.models.info import ModelInfo
from tokbench.results import ResponseStore

__all__ = [
    "advance",
    "ask",
    "ask_choices",
    "choices_from",
    "choices_plain",
    "completion_from",
    "completion_plain",
    "kept_answers",
    "model_slug",
]

Tick = Callable[[int], None]
"""Called with the number of steps that were done since the last call."""

Progress = Callable[[int, int], None]
"""Called with the number of prompts that are answered and the number of all."""

Answer = TypeVar("Answer", Completion, ChoiceScores)
Value = TypeVar("Value", str, int, float, bool)
Word = TypeVar("Word", bound=str)

_FINISH: Mapping[str, FinishReason] = {"": "", "stop": "stop", "length": "length", "refused": "refused"}
_STATUS: Mapping[str, Status] = {"ok": "ok", "error": "error", "missing": "missing"}

_OWN_ANSWERS = frozenset({"replay", "scripted"})
"""Backends that look at the key or the item of a prompt: equal prompts may have different answers, and asking again
costs nothing."""

_PAID = frozenset({"openai", "hf"})
"""Backends whose answers are kept, because asking again costs money or time."""


def model_slug(spec: str) -> str:
    """Name of a model for files: its backend and the last part of what it is called."""
    backend, _, locator = spec.partition("?")[0].partition(":")
    return f"{backend}-{PurePath(locator).name.replace(':', '-') or locator}"


@contextmanager
def kept_answers(info: ModelInfo, out: Path) -> Iterator[ResponseStore | None]:
    """Where answers of a model are kept, below the directory of all runs; None if asking again costs nothing.

    Args:
        info: What identifies the model.
        out: Directory of all runs: the runs of one model share its answers.
    """
    if info.backend not in _PAID:
        yield None
        return
    path = out / "responses" / f"{model_slug(info.spec)}-{info.fingerprint[:8]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with ResponseStore(path) as store:
        yield store


def advance(tick: Tick | None) -> Progress:
    """Progress as (done, total) for a display that counts steps."""
    before = 0

    def progress(done: int, _total: int) -> None:
        nonlocal before
        if tick is not None and done > before:
            tick(done - before)
            before = done

    return progress


def ask(
    model: CompletionModel,
    prompts: Sequence[Prompt],
    decoding: Decoding,
    store: ResponseStore | None = None,
    *,
    progress: Progress | None = None,
) -> list[Completion]:
    """Answers to prompts: those in the store from there, all others from the model.

    A request is asked once, even if several prompts make it (at a temperature above 0, prompts with different keys are
    different requests). Its answer is in the store before the next one comes. What failed is not kept, so the next run
    tries it again. Recordings and scripted responders answer by the item instead of the request: they are asked for
    every prompt, and the store is left alone.

    Args:
        model: Who is asked.
        prompts: What is asked.
        decoding: How answers are drawn.
        store: Answers that are there already; new ones are put there. None keeps none.
        progress: Called with (answered, all): once with those that were found, then after every answer. It runs in the
            thread in which the model reports.

    Returns:
        One completion for each prompt, in their order.

    Raises:
        TokbenchError: If the model cannot be asked at all.
        RecordError: If the store holds something else than a completion.
    """
    keys = [request_key(model.info.fingerprint, prompt, decoding) for prompt in prompts]

    def generate(places: Sequence[int], done: Callable[[int, Completion], None]) -> list[Completion]:
        return model.generate([prompts[place] for place in places], decoding, done=done)

    return _answers(model.info, keys, generate, store, completion_plain, completion_from, progress)


def ask_choices(
    model: ChoiceModel,
    prompts: Sequence[Prompt],
    choices: Sequence[Sequence[str]],
    store: ResponseStore | None = None,
    *,
    progress: Progress | None = None,
) -> list[ChoiceScores]:
    """Log-probabilities of ``choices[i]`` behind ``prompts[i]``; otherwise as :func:`ask`.

    Args:
        model: Who is asked.
        prompts: What stands before the answers.
        choices: The answers to each prompt.
        store: As in :func:`ask`.
        progress: As in :func:`ask`.

    Returns:
        One entry for each prompt, in their order.

    Raises:
        TokbenchError: If the model cannot be asked at all.
        RecordError: If the store holds something else than scores.
        ValueError: If there are not as many lists of choices as prompts.
    """
    keys = [
        request_key(model.info.fingerprint, prompt, Decoding(), {"choices": list(options)})
        for prompt, options in zip(prompts, choices, strict=True)
    ]

    def score(places: Sequence[int], done: Callable[[int, ChoiceScores], None]) -> list[ChoiceScores]:
        return model.score_choices(
            [prompts[place] for place in places], [choices[place] for place in places], done=done
        )

    return _answers(model.info, keys, score, store, choices_plain, choices_from, progress)


def _answers(
    info: ModelInfo,
    keys: Sequence[str],
    work: Callable[[Sequence[int], Callable[[int, Answer], None]], list[Answer]],
    store: ResponseStore | None,
    plain: Callable[[Answer], dict[str, object]],
    read: Callable[[Mapping[str, object]], Answer],
    progress: Progress | None,
) -> list[Answer]:
    """Answers to requests by key; ``work`` gives those of some places."""
    if info.backend in _OWN_ANSWERS:
        keys, store = [str(place) for place in range(len(keys))], None
    places: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    found: dict[str, Answer] = {}
    for key in places if store is not None else ():
        if (kept := _kept(store, key, read)) is not None:
            found[key] = kept
    answered = sum(len(places[key]) for key in found)
    if progress is not None:
        progress(answered, len(keys))
    asked = [key for key in places if key not in found]

    def done(index: int, answer: Answer) -> None:
        nonlocal answered
        key = asked[index]
        if key in found:
            return
        if store is not None and _is_answer(answer):
            store.put(key, plain(answer))
        found[key] = answer
        answered += len(places[key])
        if progress is not None:
            progress(answered, len(keys))

    if asked:
        answers = work([places[key][0] for key in asked], done)
        # a model that reports nothing on its way has its answers kept at least at the end
        for index, (_key, answer) in enumerate(zip(asked, answers, strict=True)):
            done(index, answer)
    return [found[key] for key in keys]


def _is_answer(answer: Completion | ChoiceScores) -> bool:
    return answer.status == "ok"


def _kept(store: ResponseStore | None, key: str, read: Callable[[Mapping[str, object]], Answer]) -> Answer | None:
    plain = None if store is None else store.get(key)
    if store is None or plain is None:
        return None
    try:
        return read(plain)
    except (ValueError, TypeError) as error:
        problem = f"the response {key} cannot be read ({error}): remove its line, or the file"
        raise RecordError(str(store.path), problem) from error


# ---------------------------------------------------------------------- answers as JSON values


def _changed(answer: Completion | ChoiceScores) -> dict[str, object]:
    """The fields that differ from their defaults."""
    values = ((field, getattr(answer, field.name)) for field in fields(answer))
    return {field.name: value for field, value in values if field.default is MISSING or value != field.default}


def completion_plain(completion: Completion) -> dict[str, object]:
    """A completion as JSON values; :func:`completion_from` is the inverse."""
    plain = _changed(completion)
    for name in ("ids", "prompt_ids", "logprobs"):
        if (values := plain.get(name)) is not None:
            plain[name] = list(values)  # type: ignore[call-overload]
    return plain


def completion_from(plain: Mapping[str, object]) -> Completion:
    """Inverse of :func:`completion_plain`; fields that this version does not know are passed over.

    Raises:
        ValueError: If a field holds something that it cannot hold.
    """
    raw = plain.get("raw")
    if raw is not None and not isinstance(raw, Mapping):
        raise _unfit("raw", raw)
    attempts = _one(plain, "attempts", int)
    return Completion(
        text=_one(plain, "text", str) or "",
        ids=_many(plain, "ids", int),
        prompt_ids=_many(plain, "prompt_ids", int),
        logprobs=_many(plain, "logprobs", float),
        finish_reason=_word(plain, "finish_reason", _FINISH),
        status=_word(plain, "status", _STATUS),
        problem=_one(plain, "problem", str) or "",
        prompt_tokens=_one(plain, "prompt_tokens", int),
        completion_tokens=_one(plain, "completion_tokens", int),
        seconds=_one(plain, "seconds", float),
        attempts=1 if attempts is None else attempts,
        raw=raw,
    )


def choices_plain(scores: ChoiceScores) -> dict[str, object]:
    """Scores as JSON values; :func:`choices_from` is the inverse."""
    return {**_changed(scores), "logprobs": list(scores.logprobs)}


def choices_from(plain: Mapping[str, object]) -> ChoiceScores:
    """Inverse of :func:`choices_plain`.

    Raises:
        ValueError: If a field holds something that it cannot hold.
    """
    logprobs = _many(plain, "logprobs", float)
    if logprobs is None:  # every score has them, a completion without log-probabilities has not
        raise _unfit("logprobs", None)
    return ChoiceScores(
        logprobs=logprobs,
        exact=bool(_one(plain, "exact", bool)),
        status=_word(plain, "status", _STATUS),
        problem=_one(plain, "problem", str) or "",
    )


def _unfit(name: str, value: object) -> ValueError:
    return ValueError(f"its field {name} holds {value!r:.80}")


def _typed(name: str, value: object, kind: type[Value]) -> Value:
    if kind is float and type(value) is int:
        return kind(value)
    if type(value) is not kind:
        raise _unfit(name, value)
    return value


def _one(plain: Mapping[str, object], name: str, kind: type[Value]) -> Value | None:
    value = plain.get(name)
    return None if value is None else _typed(name, value, kind)


def _many(plain: Mapping[str, object], name: str, kind: type[Value]) -> tuple[Value, ...] | None:
    values = plain.get(name)
    if values is None:
        return None
    if not isinstance(values, list):
        raise _unfit(name, values)
    return tuple(_typed(name, value, kind) for value in values)


def _word(plain: Mapping[str, object], name: str, known: Mapping[str, Word]) -> Word:
    """A word of a few; the first of them where there is none."""
    value = plain.get(name, next(iter(known)))
    if not isinstance(value, str) or value not in known:
        raise _unfit(name, value)
    return known[value]
