"""From items to graded samples: how a model is asked, and what is kept of its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tokbench.errors import NoChatTemplateError, PromptFormError, RecordingError
from tokbench.models.completion import (
    ChoiceModel,
    ChoiceScores,
    Completion,
    CompletionModel,
    Decoding,
    Form,
    Message,
    Prompt,
)
from tokbench.results import Outcome, ResponseStore, Sample
from tokbench.suites.asking import advance, ask, ask_choices
from tokbench.suites.charbench._pair_ids import id_prompts
from tokbench.suites.charbench.grading import Graded, grade
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.prompts import Rendered, render

if TYPE_CHECKING:
    import polars as pl

    from tokbench.tokenizers import Tokenizer

__all__ = [
    "answer_samples", "candidates", "check_recording", "choice_samples", "graded", "prediction_frame", "prompt_for",
    "prompt_form",
]  # fmt: skip

PLAIN_TEXT = frozenset({"completion"})
"""Prompts for models that go on from a text; all others are a chat where the model takes one."""

Tick = Callable[[int], None]


def check_recording(model: CompletionModel, items: Sequence[Item]) -> None:
    """Refuse recorded answers of which one answers no item: they belong to other words, or another profile or task.

    Args:
        model: Any model; those that are no recording pass.
        items: The items of the run.

    Raises:
        RecordingError: If a row names none of them.
    """
    from tokbench.models._replay import ReplayModel

    if not isinstance(model, ReplayModel):
        return
    known = {item.item_id for item in items}
    for key in model.unused(known):
        if key.partition("|")[0] not in known:
            path = model.info.spec.partition("?")[0].removeprefix("replay:")
            raise RecordingError(path, model.row(key), f"answers {key!r}, which is no item of this run")


def prompt_form(model: CompletionModel, prompt_id: str, *, system: bool) -> Form:
    """In which form a model is given the prompts of one wording.

    Args:
        model: The model.
        prompt_id: The wording.
        system: Whether it has a system message.

    Raises:
        NoChatTemplateError: If the wording has a system message and the model takes no messages.
        PromptFormError: If the model takes neither text nor messages.
    """
    if prompt_id in PLAIN_TEXT and "text" in model.takes:
        return "text"
    if "messages" in model.takes:
        return "messages"
    if system:
        raise NoChatTemplateError(model.info.spec, f"use another prompt than {prompt_id}, for example --prompt plain")
    if "text" in model.takes:
        return "text"
    raise PromptFormError(model.info.spec, "text", tuple(sorted(model.takes)))


def prompt_for(item: Item, rendered: Rendered, form: Form) -> Prompt:
    """The prompt of an item, in a form that the model takes."""
    key = f"{item.item_id}|{rendered.prompt_id}|{rendered.rendering}"
    if form == "messages":
        system = () if rendered.system is None else (Message("system", rendered.system),)
        return Prompt(messages=(*system, Message("user", rendered.text)), key=key, item=item)
    return Prompt(text=rendered.text, key=key, item=item)


def _outcome(graded: Graded) -> Outcome:
    """``invalid`` is whatever the strict reading cannot grade; it stays in every denominator."""
    if graded.status in {"error", "missing"}:
        return "failed"
    if graded.status == "strict":
        return "correct" if graded.correct_strict else "wrong"
    return "invalid"


def _stratum(item: Item) -> str:
    return item.task if item.variant == "std" else f"{item.task}/{item.variant}"


def _sample(
    item: Item, rendered: Rendered, prompt: Prompt, graded: Graded, completion: Completion, extra: Mapping[str, object]
) -> Sample:
    return Sample(
        item_id=item.item_id,
        metric="charbench.strict",
        outcome=_outcome(graded),
        stratum=_stratum(item),
        cluster=item.word,
        score=float(graded.correct_strict),
        prompt_sha256=prompt.sha256,
        completion=completion.text if completion.status == "ok" else None,
        ids=completion.ids,
        gold=item.answer,
        seconds=completion.seconds,
        message=completion.problem,
        detail={
            "prompt_id": rendered.prompt_id, "rendering": rendered.rendering, "status": graded.status,
            "parsed": graded.parsed, "correct_lenient": graded.correct_lenient, "signed_error": graded.signed_error,
            "finish_reason": completion.finish_reason, "attempts": completion.attempts,
            "prompt_tokens": completion.prompt_tokens, "completion_tokens": completion.completion_tokens, **extra,
        },
    )  # fmt: skip


def _not_run(item: Item, reason: str) -> Sample:
    """An item that was not asked; it is listed with the reason, and in no denominator."""
    return Sample(
        item_id=item.item_id, metric="charbench.strict", outcome="skipped", stratum=_stratum(item), cluster=item.word,
        gold=item.answer, message=reason,
    )  # fmt: skip


def answer_samples(
    model: CompletionModel,
    items: Sequence[Item],
    *,
    prompt_id: str,
    decoding: Decoding,
    store: ResponseStore | None = None,
    rendering: str | None = None,
    tokenizer: Tokenizer | None = None,
    tick: Tick | None = None,
) -> list[Sample]:
    """Ask a model every item and grade its answers.

    Items of ``pair_ids`` are asked as token ids; where that is impossible they are skipped with the reason.

    Args:
        model: The model.
        items: The items.
        prompt_id: Their wording.
        decoding: How answers are drawn.
        store: Keeps answers, so that none is asked for twice; None keeps none.
        rendering: How the word is written in the prompt, or None for the way of its task.
        tokenizer: The model's tokenizer, needed by items of ``pair_ids``.
        tick: Called with the number of items that were answered since the last call.

    Returns:
        One sample for each item, in their order.

    Raises:
        TokbenchError: If the model cannot be asked at all. Answers that came before are in the store.
    """
    found = [render(item, prompt_id, rendering) for item in items]
    if not found:
        return []
    form = prompt_form(model, prompt_id, system=found[0].system is not None)
    given = [prompt_for(item, rendered, form) for item, rendered in zip(items, found, strict=True)]
    prompts = list(id_prompts(model, tokenizer, items, found, given))
    asked = [prompt for prompt in prompts if isinstance(prompt, Prompt)]
    completions = iter(ask(model, asked, decoding, store, progress=advance(tick)))
    samples = []
    for item, rendered, prompt in zip(items, found, prompts, strict=True):
        if isinstance(prompt, str):
            samples.append(_not_run(item, prompt))
        else:
            completion = next(completions)
            samples.append(_sample(item, rendered, prompt, grade(item, completion), completion, {}))
    return samples


def graded(
    items: Sequence[Item], completions: Sequence[Completion | str], *, model: str = "", prompt_id: str = "plain"
) -> pl.DataFrame:
    """Grade answers that were given elsewhere.

    Args:
        items: The items.
        completions: One answer for each, as text or with what is known of it.
        model: Who gave them.
        prompt_id: Wording in which the items were asked.

    Returns:
        One row an item, as :func:`prediction_frame` gives them.

    Raises:
        ValueError: If there are not as many answers as items.
    """
    samples = []
    for item, said in zip(items, completions, strict=True):
        completion = Completion(text=said, finish_reason="stop") if isinstance(said, str) else said
        rendered = render(item, prompt_id)
        prompt = prompt_for(item, rendered, "text")
        samples.append(_sample(item, rendered, prompt, grade(item, completion), completion, {}))
    return prediction_frame(samples, model)


# ---------------------------------------------------------------------- probabilities of given answers


def candidates(item: Item) -> list[str] | None:
    """The answers that are compared when a model is scored instead of asked; None where they cannot be listed."""
    if item.answer_type == "int":
        return [str(value) for value in range(item.length + 1)]
    if item.answer_type == "bool":
        return ["yes", "no"]
    return list(item.choices) if item.answer_type == "choice" else None


def _chosen(item: Item, options: Sequence[str], scores: ChoiceScores) -> tuple[Completion, dict[str, object]]:
    if scores.status != "ok":
        return Completion(status=scores.status, problem=scores.problem), {}
    best = max(scores.logprobs)
    picked = scores.logprobs.index(best)
    tie = sum(value == best for value in scores.logprobs) > 1
    gold = options.index(item.answer) if item.answer in options else None
    extra: dict[str, object] = {
        "exact": scores.exact, "tie": tie, "logprob": best,
        "gold_logprob": None if gold is None else scores.logprobs[gold],
    }  # fmt: skip
    return Completion(text=options[picked], finish_reason="stop"), extra


def choice_samples(
    model: ChoiceModel,
    items: Sequence[Item],
    *,
    prompt_id: str,
    store: ResponseStore | None = None,
    tokenizer: Tokenizer | None = None,
    tick: Tick | None = None,
) -> list[Sample]:
    """Let a model choose among all answers of an item by their log-probability behind the prompt.

    Items whose answers cannot be listed are skipped with the reason, and so are those of ``pair_ids`` that cannot be
    asked as token ids. Of equal scores the first counts, and the sample says so.

    Args:
        model: The model.
        items: The items.
        prompt_id: Their wording, one that ends where the answer begins.
        store: As in :func:`answer_samples`.
        tokenizer: As in :func:`answer_samples`.
        tick: As in :func:`answer_samples`.

    Raises:
        TokbenchError: If the model cannot be asked at all.
    """
    found = [render(item, prompt_id) for item in items]
    given = [prompt_for(item, rendered, "text") for item, rendered in zip(items, found, strict=True)]
    asked: list[tuple[Item, Sequence[str], Rendered, Prompt]] = []
    skipped = []
    for item, rendered, prompt in zip(items, found, id_prompts(model, tokenizer, items, found, given), strict=True):
        options = candidates(item)
        if options is None:
            reason = f"not run: the answers of {item.task} cannot be listed, so none can be scored"
            skipped.append(_not_run(item, reason))
        elif isinstance(prompt, str):
            skipped.append(_not_run(item, prompt))
        else:
            asked.append((item, options, rendered, prompt))
    texts = [[f" {option}" for option in options] for _, options, _, _ in asked]
    scored = ask_choices(model, [entry[3] for entry in asked], texts, store, progress=advance(tick))
    samples = []
    for (item, listed, rendered, prompt), scores in zip(asked, scored, strict=True):
        completion, extra = _chosen(item, listed, scores)
        samples.append(_sample(item, rendered, prompt, grade(item, completion), completion, extra))
    return samples + skipped


# ---------------------------------------------------------------------- frames


def prediction_frame(samples: Sequence[Sample], model: str) -> pl.DataFrame:
    """The samples as predictions, one row an item; samples that were not run are left out.

    Returns:
        ``item_id``, ``prompt_id``, ``rendering``, ``model``, ``raw``, ``ids``, ``parsed``, ``status``, both gradings,
        ``signed_error``, ``finish_reason``, ``seconds`` and the counts of tokens.
    """
    import polars as pl

    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "item_id": pl.String, "prompt_id": pl.String, "rendering": pl.String, "model": pl.String, "raw": pl.String,
        "ids": pl.List(pl.Int64), "parsed": pl.String, "status": pl.String, "correct_strict": pl.Boolean,
        "correct_lenient": pl.Boolean, "signed_error": pl.Int64, "finish_reason": pl.String, "seconds": pl.Float64,
        "prompt_tokens": pl.Int64, "completion_tokens": pl.Int64,
    }  # fmt: skip
    columns: dict[str, list[object]] = {name: [] for name in schema}
    for sample in samples:
        if sample.outcome == "skipped":
            continue
        own: dict[str, object] = {
            "item_id": sample.item_id, "model": model, "raw": _utf8(sample.completion),
            "ids": None if sample.ids is None else list(sample.ids), "seconds": sample.seconds,
            "correct_strict": sample.outcome == "correct",
        }  # fmt: skip
        detail = sample.detail or {}
        for name, column in columns.items():
            column.append(own[name] if name in own else detail.get(name))
    return pl.DataFrame(columns, schema=schema, strict=False)


def _utf8(text: str | None) -> str | None:
    """Text that a column can hold; the sample keeps the exact one."""
    return None if text is None else text.encode("utf-8", "replace").decode()
