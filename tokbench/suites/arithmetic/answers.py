"""From items to graded samples: how a model is asked, and what is kept of its replies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tokbench.errors import PromptFormError, TokbenchError
from tokbench.models.completion import Completion, CompletionModel, Decoding, Form, Prompt
from tokbench.results import Outcome, ResponseStore, Sample
from tokbench.suites.arithmetic.filler import PAIRED, Filler
from tokbench.suites.arithmetic.grading import Graded, Segmenter, grade
from tokbench.suites.arithmetic.item import Condition, Item
from tokbench.suites.arithmetic.logprobs import ReplyTokens, TokenLogprob
from tokbench.suites.arithmetic.prompts import expected_text, messages, plain_text, reply_limit
from tokbench.suites.arithmetic.regroup import Regrouper, refusal
from tokbench.suites.arithmetic.rows import Group, Row, group_of_condition
from tokbench.suites.asking import advance, ask

if TYPE_CHECKING:
    from tokbench.suites.arithmetic.recorded import Replay
    from tokbench.tokenizers import Tokenizer

__all__ = ["METRIC", "answer_samples", "prompt_form", "prompts_of", "replay_samples", "rows_of"]

METRIC = "arithmetic.value"
"""Name of the metric that the samples count towards: the value is right, whatever its format."""

Tick = Callable[[int], None]


def prompt_form(model: CompletionModel) -> Form:
    """In which form a model is given the turns of an item: as a chat, or as text where it takes no chats.

    Raises:
        PromptFormError: If it takes neither.
    """
    if "messages" in model.takes:
        return "messages"
    if "text" in model.takes:
        return "text"
    raise PromptFormError(model.info.spec, "text", tuple(sorted(model.takes)))


def prompts_of(
    model: CompletionModel, tokenizer: Tokenizer, items: Sequence[Item], form: Form | None = None
) -> list[Prompt | str]:
    """The prompt of each item, or a sentence that says why it cannot be asked.

    Formats by ids are never asked as text, and ``filler`` never with another number of tokens: where a group is no
    token, the model takes no ids, or no padding fits, the item is left out.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        items: The items.
        form: ``messages`` or ``text``; by default what the model takes.
    """
    form = form or prompt_form(model)
    regrouper: Regrouper | None = None
    filler: Filler | None = None
    found: list[Prompt | str] = []
    for item in items:
        condition = item.condition
        if condition.by_ids:
            if reason := refusal(model):
                found.append(reason)
                continue
            regrouper = regrouper or Regrouper(tokenizer)
            found.append(regrouper.prompt(model, item, form))
            continue
        chat = messages(item)
        if condition.in_fmt.filler:
            filler = filler or Filler(tokenizer, as_text=form == "text")
            padded = filler.padded(item)
            if padded is None:
                found.append(f"not available: no padding gives the number of tokens of {PAIRED}")
                continue
            chat = padded
        if form == "messages":
            found.append(Prompt(messages=chat, key=item.key, item=item))
        else:
            found.append(Prompt(text=plain_text(chat), key=item.key, item=item))
    return found


# ---------------------------------------------------------------------- samples


def _outcome(graded: Graded) -> Outcome:
    """By the parity parser; what has no value stays in every denominator."""
    if graded.failed:
        return "failed"
    if not graded.valid():
        return "invalid"
    return "correct" if graded.right() else "wrong"


def _described(item: Item) -> dict[str, object]:
    condition = item.condition
    return {
        "case": item.case.case_id, "condition": condition.name, "mode": condition.mode,
        "in_format": condition.in_fmt.name, "out_format": condition.out_fmt.name,
        "repeat_format": None if condition.repeat_fmt is None else condition.repeat_fmt.name,
        "n_shots": condition.n_shots,
    }  # fmt: skip


def _cut(graded: Graded) -> dict[str, object]:
    """What it takes to draw a wrong answer in the chunks of the tokenizer; nothing for the others, which are many."""
    if _outcome(graded) != "wrong":
        return {}
    cut = graded.segmentation
    return {
        "calculation": graded.problem.text, "chunks": [list(sizes) for sizes in cut.chunks], "chunks_basis": cut.basis,
        "wrong_digits": list(graded.wrong_digits),
    }  # fmt: skip


def _sample(item: Item, prompt: Prompt, graded: Graded, completion: Completion) -> Sample:
    reading = graded.reading
    return Sample(
        item_id=item.key,
        metric=METRIC,
        outcome=_outcome(graded),
        stratum=item.case.stratum,
        cluster=item.case.cluster,
        score=float(graded.right()),
        prompt_sha256=prompt.sha256,
        completion=completion.text if completion.status == "ok" else None,
        ids=completion.ids,
        gold=expected_text(item),
        seconds=completion.seconds,
        message=completion.problem,
        detail={
            **_described(item), "status": completion.status, "finish_reason": completion.finish_reason,
            "truncated": graded.truncated, "value": reading.value, "label": graded.label,
            "strict_label": graded.strict_label, "flags": sorted(graded.flags), "format_ok": reading.format_ok,
            "extraneous": reading.extraneous, "attempts": completion.attempts,
            "prompt_tokens": completion.prompt_tokens, "completion_tokens": completion.completion_tokens,
            "logprobs": None if completion.logprobs is None else list(completion.logprobs), **_cut(graded),
        },
    )  # fmt: skip


def _skipped(item: Item, reason: str) -> Sample:
    return Sample(
        item_id=item.key, metric=METRIC, outcome="skipped", stratum=item.case.stratum, cluster=item.case.cluster,
        gold=expected_text(item), message=reason, detail=_described(item),
    )  # fmt: skip


def answer_samples(
    model: CompletionModel,
    tokenizer: Tokenizer,
    items: Sequence[Item],
    *,
    decoding: Decoding,
    segmenter: Segmenter | None = None,
    store: ResponseStore | None = None,
    tick: Tick | None = None,
) -> list[Sample]:
    """Ask a model every item and grade its replies.

    Args:
        model: The model.
        tokenizer: Its tokenizer, whose tokens limit the length of replies.
        items: The items.
        decoding: How replies are drawn. Without ``max_tokens`` the limit is twice the tokens of the expected reply and
            8 more; a model that goes on from a text ends its reply with the line.
        segmenter: Cuts the numbers; by default one of the tokenizer.
        store: Keeps replies, so that none is asked for twice; None keeps none.
        tick: Called with the number of items that were answered since the last call.

    Returns:
        One sample for each item, in their order; items that this model cannot be asked are skipped with the reason.

    Raises:
        TokbenchError: If the model cannot be asked at all. Replies that came before are in the store.
    """
    segmenter = segmenter or Segmenter(tokenizer)
    form = prompt_form(model)
    prompts = prompts_of(model, tokenizer, items, form)
    if form == "text":
        decoding = replace(decoding, stop=(*decoding.stop, "\n"))
    by_limit: dict[int, list[int]] = {}
    for place, (item, prompt) in enumerate(zip(items, prompts, strict=True)):
        if isinstance(prompt, Prompt):
            limit = decoding.max_tokens or reply_limit(item, tokenizer)
            by_limit.setdefault(limit, []).append(place)
    found: dict[int, Sample] = {}
    for limit, places in sorted(by_limit.items()):
        asked = [prompt for place in places if isinstance(prompt := prompts[place], Prompt)]
        completions = ask(model, asked, replace(decoding, max_tokens=limit), store, progress=advance(tick))
        for place, prompt, completion in zip(places, asked, completions, strict=True):
            found[place] = _sample(items[place], prompt, grade(items[place], completion, segmenter), completion)
    for place, (item, prompt) in enumerate(zip(items, prompts, strict=True)):
        if isinstance(prompt, str):
            found[place] = _skipped(item, prompt)
            if tick is not None:
                tick(1)
    return [found[place] for place in range(len(items))]


# ---------------------------------------------------------------------- from samples to rows


def _completion(sample: Sample) -> Completion:
    """The completion that a sample was made of, as far as a grade needs it."""
    detail: Mapping[str, object] = sample.detail or {}
    if sample.completion is None:
        return Completion(status="missing" if detail.get("status") == "missing" else "error", problem=sample.message)
    reason = detail.get("finish_reason")
    finish = next((known for known in ("stop", "length", "refused") if known == reason), "")
    return Completion(text=sample.completion, ids=sample.ids, finish_reason=finish)  # type: ignore[arg-type]


def _tokens(completion: Completion, logprobs: object, tokenizer: Tokenizer) -> tuple[ReplyTokens | None, str]:
    """The emitted tokens of a reply with their log-probabilities; else why there are none."""
    if completion.ids is None or not isinstance(logprobs, list) or len(logprobs) != len(completion.ids):
        return None, ""
    tokens, starts, text = [], [], ""
    for token, logprob in zip(completion.ids, logprobs, strict=True):
        if len(text) >= len(completion.text):
            break  # what ended the reply is no part of it
        try:
            piece = tokenizer.token_bytes(token).decode()
        except (TokbenchError, UnicodeDecodeError):
            return None, "a token of the reply is no text of its own"
        starts.append(len(text))
        tokens.append(TokenLogprob(piece, float(logprob)))
        text += piece
    if text != completion.text:
        return None, "the tokens do not join to the reply"
    return ReplyTokens(tuple(tokens), tuple(starts)), ""


def rows_of(samples: Iterable[Sample], items: Iterable[Item], tokenizer: Tokenizer) -> list[Row]:
    """The rows that all tables of the suite are made from, out of samples of a run; skipped ones have none.

    Args:
        samples: Samples of :func:`answer_samples`, in any order; others are passed over.
        items: Their items.
        tokenizer: Their tokenizer.
    """
    known = {sample.item_id: sample for sample in samples if sample.metric == METRIC and sample.outcome != "skipped"}
    segmenter, groups = Segmenter(tokenizer), dict[Condition, Group]()
    found = []
    for item in items:
        if (sample := known.get(item.key)) is None:
            continue
        completion = _completion(sample)
        graded = grade(item, completion, segmenter)
        tokens, problem = _tokens(completion, (sample.detail or {}).get("logprobs"), tokenizer)
        if item.condition not in groups:
            groups[item.condition] = group_of_condition(item.condition)
        found.append(
            Row(
                number=0, group=groups[item.condition], key=item.case.case_id, sample="0", graded=graded,
                reply=None if graded.failed else completion.text, expected=expected_text(item), tokens=tokens,
                tokens_problem=problem, shots=item.shots,
                shots_flipped=item.condition.flip_shots and item.problem.op != "-",
                prompt_sha256=sample.prompt_sha256, twin=item.case.twin, place=item.case.place,
                carries=item.case.carries,
            )
        )  # fmt: skip
    return found


# ---------------------------------------------------------------------- recorded replies


def replay_samples(replay: Replay) -> list[Sample]:
    """Samples of recorded replies, in the order of their rows."""
    found = []
    for row in replay.rows:
        graded, reading = row.graded, row.graded.reading
        lengths = graded.problem.lengths
        found.append(
            Sample(
                item_id=f"{row.key}|{row.group.name}|{row.sample}",
                metric=METRIC,
                outcome=_outcome(graded),
                stratum=f"recorded/{lengths[0]}{graded.problem.op}{lengths[1]}={lengths[2]}",
                cluster=f"recorded/{row.key}",
                score=float(graded.right()),
                prompt_sha256=row.prompt_sha256,
                completion=row.reply,
                gold=row.expected,
                detail={
                    "row": row.number, "condition": row.group.name, "calculation": graded.problem.text,
                    "truncated": graded.truncated, "value": reading.value, "label": graded.label,
                    "strict_label": graded.strict_label, "flags": sorted(graded.flags),
                    "format_ok": reading.format_ok, "extraneous": reading.extraneous, **_cut(graded),
                },
            )
        )  # fmt: skip
    return found
