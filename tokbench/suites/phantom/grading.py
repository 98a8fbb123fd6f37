"""From a reply to one result for each target of its item."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

from tokbench.errors import ItemError, TokbenchError
from tokbench.models.completion import Completion
from tokbench.suites.phantom.classify import Classified, classify
from tokbench.suites.phantom.item import Item, Target
from tokbench.suites.phantom.outcome import Outcome, decide
from tokbench.suites.phantom.replies import Aligned, Place, Word, locate
from tokbench.suites.phantom.sides import IdsSource, Side, prompt_side, reply_side
from tokbench.suites.phantom.slices import Slice, window_start
from tokbench.tokenizers import Tokenizer

__all__ = ["ItemResult", "TargetResult", "grade"]

NO_IDS = "the model does not say which ids it emitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetResult:
    """What became of one target.

    Attributes:
        target: The target.
        outcome: Its outcome.
        before: Its slice of the prompt, None where that is not known.
        after: Its slice of the reply, None where that is not known.
        said: Text of its window in the reply, None where it has none.
        kept_marks: Whether brackets stand around it in the reply; None under other markings.
        classified: Class of the change, for ``DIFFERENT``.
    """

    target: Target
    outcome: Outcome
    before: Slice | None = None
    after: Slice | None = None
    said: str | None = None
    kept_marks: bool | None = None
    classified: Classified | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """What became of one item.

    Attributes:
        targets: One result for each target.
        collateral: Words outside the targets that did not come back.
        words: Words outside the targets.
        preamble: Whether words stand before the passage in the reply.
        first_drift: First byte of the reply at which its ids differ from those of the tokenizer; None where they never
            do or are not known.
        ids_source: Where the ids of the prompt come from.
        problem: Why ids were not used, ``""`` where they were.
    """

    targets: tuple[TargetResult, ...]
    collateral: int = 0
    words: int = 0
    preamble: bool = False
    first_drift: int | None = None
    ids_source: IdsSource = "unknown"
    problem: str = ""


def grade(item: Item, completion: Completion, tokenizer: Tokenizer | None, *, words: Container[str] = ()) -> ItemResult:
    """Grade a reply.

    Args:
        item: The item.
        completion: The reply, or why there is none.
        tokenizer: The tokenizer of the model; without it only the text is graded.
        words: Words, for telling plurals from other tails.
    """
    if completion.status != "ok" or completion.finish_reason == "refused":
        return _nothing(item, "INVALID", completion.problem or "the model refused to answer")
    try:
        before, after, problem = _sides(item, completion, tokenizer)
    except ItemError as error:  # ids that are not those of the text: nothing on them can be trusted
        return _nothing(item, "INVALID", str(error), problem=str(error))
    aligned = Aligned.of(item.text, completion.text if after is None else after.text)
    ranges = [_words_of(aligned, item, target) for target in item.targets]
    targets = tuple(
        _target(item, target, place, aligned, completion, before, after, words)
        for target, place in zip(item.targets, ranges, strict=True)
    )
    inside = {at for first, last in ranges for at in range(first, last)}
    outside = [partner for at, partner in enumerate(aligned.partners) if at not in inside]
    return ItemResult(
        targets=targets,
        collateral=sum(partner is None for partner in outside),
        words=len(outside),
        preamble=aligned.preamble > 0 and any(partner is not None for partner in aligned.partners),
        first_drift=None if after is None else first_drift(after),
        ids_source="unknown" if before is None else before.source,
        problem=problem,
    )


def _nothing(item: Item, status: Literal["INVALID"], reason: str, *, problem: str = "") -> ItemResult:
    outcome = Outcome(status=status, reason=reason)
    targets = tuple(TargetResult(target=target, outcome=outcome) for target in item.targets)
    return ItemResult(targets=targets, problem=problem)


def _sides(item: Item, completion: Completion, tokenizer: Tokenizer | None) -> tuple[Side | None, Side | None, str]:
    """Prompt and reply as tokens, and why the latter is not known.

    Raises:
        ItemError: If ids do not belong to the texts.
    """
    if tokenizer is None:
        return None, None, "no tokenizer was named"
    try:
        before = prompt_side(tokenizer, item.prompt, completion.prompt_ids, item=item.item_id)
    except ItemError:
        raise
    except TokbenchError as error:  # the tokenizer has no exact bytes: the text can still be graded
        return None, None, str(error)
    if completion.ids is None:
        return before, None, NO_IDS
    context = before if completion.prompt_ids is not None else None
    return before, reply_side(tokenizer, completion.text, completion.ids, context, item=item.item_id), ""


def _words_of(aligned: Aligned, item: Item, target: Target) -> tuple[int, int]:
    """The words of the passage that share a character with a target."""
    data = item.text.encode()
    start, end = len(data[: target.start].decode()), len(data[: target.end].decode())
    inside = [at for at, word in enumerate(aligned.passage) if word.start < end and word.end > start]
    if not inside:
        raise ItemError(item.item_id, f"the target {target.word!a} holds no word")
    return inside[0], inside[-1] + 1


def _target(
    item: Item,
    target: Target,
    words: tuple[int, int],
    aligned: Aligned,
    completion: Completion,
    before: Side | None,
    after: Side | None,
    listed: Container[str],
) -> TargetResult:
    place = locate(aligned, *words, truncated=completion.finish_reason == "length")
    one, canonical_in = _given(item, target, before)
    if place.status != "found":
        status = "AMBIGUOUS" if place.status == "ambiguous" else "LOST"
        return TargetResult(target=target, outcome=Outcome(status=status, reason=place.status), before=one)  # type: ignore[arg-type] # one of two
    start, end = _window(aligned.text, aligned.reply, place)
    data = _encoded(aligned.text)
    if not _decodable(aligned, place):
        outcome = Outcome(status="INVALID", reason="the reply cannot be decoded at the target")
        return TargetResult(target=target, outcome=outcome, before=one)
    two = None if after is None else after.tokens.slice(start + after.offset, end + after.offset)
    canonical_out = None if after is None else after.canonical(start, end)
    outcome = decide(one, two, data[start:end], canonical_in=canonical_in, canonical_out=canonical_out)
    classified = None
    if outcome.status == "DIFFERENT":
        assert two is not None, "its ids are known"
        classified = classify(
            one.pieces, two.pieces, sentence_initial=target.sentence_initial, proper=target.proper, kind=target.kind,
            words=listed,
        )  # fmt: skip
    return TargetResult(
        target=target, outcome=outcome, before=one, after=two, said=data[start:end].decode("utf-8", "replace"),
        kept_marks=_kept_marks(data, start, end) if item.marking == "bracket" else None, classified=classified,
    )  # fmt: skip


def _given(item: Item, target: Target, before: Side | None) -> tuple[Slice, bool | None]:
    """The slice of a target in the prompt; without ids its bytes alone."""
    data = item.prompt.encode()
    start = item.in_prompt(target.start)
    end = start + target.end - target.start
    start = window_start(data, start, item.passage)
    if before is None:
        return Slice((), (), data[start:end]), None
    return before.tokens.slice(start + before.offset, end + before.offset), before.canonical(start, end)


def _encoded(text: str) -> bytes:
    """Bytes of a reply; a lone surrogate is a byte that is no UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte: the model's library let it through
        return text.encode("utf-8", "surrogatepass")


def _decodable(aligned: Aligned, place: Place) -> bool:
    """Whether there is no byte that is no UTF-8 between the words around a target's place."""
    first = aligned.reply[place.start - 1].end if place.start else 0
    last = aligned.reply[place.end].start if place.end < len(aligned.reply) else len(aligned.text)
    return not any("\udc80" <= char <= "\udcff" for char in aligned.text[first:last])


def _window(text: str, reply: list[Word], place: Place) -> tuple[int, int]:
    """Window in bytes of the words that stand for a target."""
    data = _encoded(text)
    if place.start == place.end:
        at = reply[place.end - 1].end if place.end else 0
        at = len(_encoded(text[:at]))
        return at, at
    first = len(_encoded(text[: reply[place.start].start]))
    last = len(_encoded(text[: reply[place.end - 1].end]))
    return window_start(data, first), last


def _kept_marks(data: bytes, start: int, end: int) -> bool:
    return data[:start].rstrip().endswith(b"[") and data[end:].lstrip().startswith(b"]")


def first_drift(side: Side) -> int | None:
    """First byte of a text at which its ids stop to be those of the tokenizer, None if they never do."""
    if side.own is None:
        return None
    used = {(cut + side.shift, id_) for cut, id_ in zip(side.tokens.cuts[:-1], side.tokens.ids, strict=True)}
    first = side.offset + side.shift
    last = first + len(side.tokens.data) - side.offset
    for cut, id_ in zip(side.own.cuts[:-1], side.own.ids, strict=True):
        if first <= cut < last and (cut, id_) not in used:
            return cut - first
    return None
