"""The equivalence experiment: the same prompt under other ids, and what that does to a model.

Each condition is compared with the tokenizer's own ids of the same item: the distribution of the next byte and of the
next token behind the prompt (models with probabilities), the reply, taken greedily, and what the task makes of it. The
divergence of the next byte is that behind the *given ids* (:class:`~tokbench.suites.phantom._distances.NextByte`), so
it depends on how the prompt is cut and not on how the continuation is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel.protocol import NextTokenModel
from tokbench.errors import ItemError
from tokbench.models._prefixes import Prefix, compute, plant
from tokbench.models._writing import Spelling
from tokbench.models.completion import Completion, CompletionModel, Decoding, Prompt
from tokbench.results import Outcome, ResponseStore, Sample
from tokbench.suites.asking import ask
from tokbench.suites.hashing import H
from tokbench.suites.phantom._distances import (
    NextByte,
    jensen_shannon,
    known_tokens,
    kullback_leibler,
    shannon_bounds,
)
from tokbench.suites.phantom._recut import SAME_BYTES, Read, Variant, read_prompt, variants
from tokbench.suites.phantom.answers import prompt_of
from tokbench.suites.phantom.grading import grade
from tokbench.suites.phantom.item import Item
from tokbench.suites.phantom.scripted import Responder
from tokbench.tokenizers import Tokenizer

__all__ = [
    "METRIC",
    "RESPONDERS",
    "equivalence_responders",
    "equivalence_samples",
    "id_prompt",
    "not_run",
    "probabilities",
]

METRIC = "equivalence"

Floats = NDArray[np.float64]


# ---------------------------------------------------------------------- models


def probabilities(model: CompletionModel) -> NextTokenModel | None:
    """The next-token probabilities behind a model that answers, None where it gives none."""
    found = getattr(model, "model", None)
    return found if isinstance(found, NextTokenModel) else None


def not_run(model: CompletionModel) -> str:
    """Why the experiment cannot be run with a model, ``""`` where it can."""
    if "ids" in model.takes:
        return ""
    taken = ", ".join(sorted(model.takes)) or "none"
    return f"not run: {model.info.spec} takes no prompts of ids (it takes: {taken}); hf:, ngram: and scripted: do"


def id_prompt(model: CompletionModel, tokenizer: Tokenizer, item: Item) -> Read:
    """The prompt of an item as the ids that a model reads for it, template and start ids included.

    Raises:
        ItemError: If these spell a text without the prompt.
    """
    render = getattr(model, "render", None)
    if render is not None and "messages" in model.takes:
        text = render(prompt_of(item, model.takes))
        return read_prompt(item, tokenizer.encode(text, specials="parse"), tokenizer)
    start: tuple[int, ...] = tuple(getattr(model, "start_ids", ()))
    prompt = prompt_of(item, {"text"})
    return read_prompt(item, (*start, *tokenizer.encode(prompt.text or "")), tokenizer, start=len(start))


def _rows(model: NextTokenModel, sequences: Sequence[Sequence[int]]) -> list[Floats]:
    """Natural-log probabilities of the next token behind each sequence; what they share is computed once."""
    root = Prefix(None, -1)
    ends = [plant(root, ids)[-1] for ids in sequences]
    wanted = {id(end) for end in ends}
    found: dict[int, Floats] = {}

    def keep(prefix: Prefix, row: NDArray[np.floating]) -> None:
        if id(prefix) in wanted:
            found[id(prefix)] = row.astype(np.float64)

    model.release(compute(model, ends, keep))
    return [found[id(end)] for end in ends]


# ---------------------------------------------------------------------- divergences


def _divergences(own: Floats, other: Floats, next_byte: NextByte) -> dict[str, object]:
    """What is said of two rows of next-token probabilities; of rows that know some tokens only, bounds."""
    known = [count for count in (known_tokens(own), known_tokens(other)) if count is not None]
    if known:
        bounds = shannon_bounds(own, other)
        return {"top_k": min(known), "js_low": bounds.low, "js_high": bounds.high}
    # rows of single precision sum to 1 within 1e-7 only, and KL would show that
    own, other = own - np.logaddexp.reduce(own), other - np.logaddexp.reduce(other)
    bytes_own, bytes_other = next_byte(own), next_byte(other)
    found: dict[str, object] = {
        "js_byte": jensen_shannon(bytes_own, bytes_other), "js_token": jensen_shannon(own, other),
    }  # fmt: skip
    for name, bits in (
        ("kl_byte", kullback_leibler(bytes_own, bytes_other)),
        ("kl_token", kullback_leibler(own, other)),
    ):
        found |= {name: bits} if math.isfinite(bits) else {f"{name}_infinite": True}
    return found


def _measured(
    model: NextTokenModel, next_byte: NextByte, chosen: Sequence[Variant]
) -> dict[tuple[str, int], dict[str, object]]:
    """Divergences of the conditions of one prompt from its canonical ids.

    ``canonical-again`` is computed on its own, so that it shows what the arithmetic of the model adds.
    """
    limit = model.max_positions
    fitting = [
        variant for variant in chosen if variant.ids is not None and (limit is None or len(variant.ids) <= limit)
    ]
    if not fitting or fitting[0].condition != "canonical":
        return {}
    again = [variant for variant in fitting if variant.condition == "canonical-again"]
    others = [variant for variant in fitting if variant.condition != "canonical-again"]
    rows: dict[tuple[str, int], Floats] = {}
    for part in (others, again):
        found = _rows(model, [variant.ids or () for variant in part])
        rows |= {(variant.condition, variant.draw): row for variant, row in zip(part, found, strict=True)}
    own = rows["canonical", 0]
    return {key: _divergences(own, row, next_byte) for key, row in rows.items()}


# ---------------------------------------------------------------------- replies


def _spoken(completion: Completion, spelling: Spelling) -> bytes:
    """Bytes of a reply: those of its ids where a character of its text was not finished."""
    if "\ufffd" in completion.text and completion.ids is not None:
        return spelling.text_of(completion.ids)
    return completion.text.encode("utf-8", "surrogatepass")


def _solved(item: Item, completion: Completion) -> bool:
    """Whether the first target was replaced, or under ``copy`` kept; by the text alone, because the ids are varied."""
    status = grade(item, replace(completion, ids=None, prompt_ids=None), None).targets[0].outcome.status
    return status == "TEXT_SAME" if item.marking == "copy" else status == "REPLACED"


def _replies(
    model: CompletionModel, asked: Sequence[tuple[Item, Variant]], decoding: Decoding, store: ResponseStore | None
) -> list[Completion]:
    """Replies to all conditions; the second run of the canonical ids is really asked for."""
    found: dict[int, Completion] = {}
    again = [place for place, (_, variant) in enumerate(asked) if variant.condition == "canonical-again"]
    others = [place for place in range(len(asked)) if place not in set(again)]
    for places, kept in ((others, store), (again, None)):
        prompts = [
            Prompt(
                ids=variant.ids, key=f"{item.item_id}|{variant.condition}/{variant.draw}", item=item,
            )
            for item, variant in (asked[place] for place in places)
        ]  # fmt: skip
        if prompts:
            found |= dict(zip(places, ask(model, prompts, decoding, kept), strict=True))
    return [found[place] for place in range(len(asked))]


# ---------------------------------------------------------------------- rows


def _row(item: Item, variant: Variant, outcome: Outcome, detail: Mapping[str, object], message: str = "") -> Sample:
    target = item.targets[0]
    return Sample(
        item_id=f"{item.item_id}/{variant.condition}/{variant.draw}", metric=METRIC, outcome=outcome,
        stratum=f"{item.stratum}/{item.marking}", cluster=item.item_id.rpartition("/")[0], message=message,
        detail={
            "condition": variant.condition, "draw": variant.draw, "marking": item.marking, "kind": target.kind,
            "word": target.word, "same_bytes": variant.condition in SAME_BYTES, "changed_cuts": variant.changed,
            "within_pretokens": variant.within,
            "prompt_tokens": None if variant.ids is None else len(variant.ids), **detail,
        },
    )  # fmt: skip


def _judged(
    item: Item,
    variant: Variant,
    own: Completion,
    other: Completion,
    divergence: Mapping[str, object],
    spelling: Spelling,
) -> Sample:
    """The row of one condition."""
    if own.status != "ok" or other.status != "ok":
        return _row(item, variant, "failed", divergence, other.problem or own.problem)
    flip = _spoken(own, spelling) != _spoken(other, spelling)
    detail: dict[str, object] = {**divergence, "flip": flip}
    if variant.condition in SAME_BYTES:
        detail |= {"solved": _solved(item, other), "solved_canonical": _solved(item, own)}
    row = _row(item, variant, "wrong" if flip else "correct", detail)
    return replace(row, completion=other.text or None, ids=other.ids, score=float(flip))


def equivalence_samples(
    model: CompletionModel,
    items: Sequence[Item],
    tokenizer: Tokenizer,
    *,
    draws: int = 8,
    seed: int = 0,
    decoding: Decoding,
    store: ResponseStore | None = None,
    tick: Callable[[int], None] | None = None,
) -> list[Sample]:
    """Ask a model every item under every condition.

    Args:
        model: The model; it takes prompts of ids.
        items: The items; of several targets the first is recut.
        tokenizer: Its tokenizer.
        draws: Number of uniform draws of each prompt.
        seed: Part of every hash.
        decoding: Longest reply and what ends it; replies are greedy, whatever it says of temperature.
        store: Keeps replies; None keeps none.
        tick: Called with 1 for each item that is done.

    Returns:
        One row for each item, condition and draw; ``skipped`` where an item has no such ids, with the reason.

    Raises:
        TokbenchError: If the model cannot be asked at all.
    """
    inner = probabilities(model)
    next_byte = None if inner is None else NextByte(inner, tokenizer.byte_vocabulary())
    found: list[Sample] = []
    asked: list[tuple[Item, Variant]] = []
    divergences: list[Mapping[str, object]] = []
    for item in items:
        try:
            chosen = list(variants(id_prompt(model, tokenizer, item), tokenizer, draws=draws, seed=seed))
        except ItemError as error:
            found.append(_row(item, Variant("canonical"), "invalid", {}, str(error)))
            continue
        measured = {} if inner is None or next_byte is None else _measured(inner, next_byte, chosen)
        for variant in chosen:
            if variant.ids is None:
                found.append(_row(item, variant, "skipped", {}, variant.reason))
            else:
                asked.append((item, variant))
                divergences.append(measured.get((variant.condition, variant.draw), {}))
        if tick is not None:
            tick(1)
    spelling = Spelling(tokenizer)
    greedy = replace(decoding, temperature=0.0, top_p=1.0)
    replies = _replies(model, asked, greedy, store)
    own: dict[str, Completion] = {
        item.item_id: reply for (item, variant), reply in zip(asked, replies, strict=True)
        if variant.condition == "canonical"
    }  # fmt: skip
    found += [
        _judged(item, variant, own[item.item_id], reply, divergence, spelling)
        for (item, variant), reply, divergence in zip(asked, replies, divergences, strict=True)
    ]
    return found


# ---------------------------------------------------------------------- responders whose truth is known


def _prompt_bytes(tokenizer: Tokenizer, prompt: Prompt) -> bytes:
    if prompt.ids is None:
        text = prompt.text if prompt.text is not None else "".join(one.content for one in prompt.messages or ())
        return text.encode()
    return Spelling(tokenizer).text_of(prompt.ids)


def _invariant(tokenizer: Tokenizer, prompt: Prompt) -> Completion:
    """A reply that depends on the bytes of the prompt alone."""
    said = f"Answer {H('invariant', _prompt_bytes(tokenizer, prompt).hex())}."
    return Completion(text=said, ids=tuple(tokenizer.encode(said)), finish_reason="stop")


def _id_sensitive(tokenizer: Tokenizer, prompt: Prompt) -> Completion:
    """A reply that depends on the number of ids of the prompt alone."""
    ids = tokenizer.encode(_prompt_bytes(tokenizer, prompt).decode()) if prompt.ids is None else prompt.ids
    said = f"Answer {len(ids)}."
    return Completion(text=said, ids=tuple(tokenizer.encode(said)), finish_reason="stop")


RESPONDERS = ("invariant", "id-sensitive")
"""Names of the responders that prove this experiment."""


def equivalence_responders(tokenizer: Tokenizer) -> Mapping[str, Responder]:
    """``invariant`` never flips; ``id-sensitive`` flips exactly where the numbers of ids differ."""
    return MappingProxyType(
        {"invariant": partial(_invariant, tokenizer), "id-sensitive": partial(_id_sensitive, tokenizer)}
    )
