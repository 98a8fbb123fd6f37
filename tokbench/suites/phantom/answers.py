"""From items to graded rows: how a model is asked, and what is kept of its replies."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING

from tokbench.errors import ItemError
from tokbench.models.completion import Completion, CompletionModel, Decoding, Form, Message, Prompt
from tokbench.results import Outcome, ResponseStore, Sample
from tokbench.suites.asking import advance, ask
from tokbench.suites.phantom.grading import ItemResult, TargetResult, grade
from tokbench.suites.phantom.item import Item
from tokbench.suites.phantom.metrics import cluster_of
from tokbench.suites.phantom.slices import Slice
from tokbench.tokenizers import Tokenizer

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MOST_FOREIGN", "answer_samples", "check_ids", "prompt_of", "rows_of", "target_frame"]

METRIC = "phantom"

MOST_FOREIGN = 0.01
"""Share of targets whose ids may not belong to their text; beyond it a run fails."""

Tick = Callable[[int], None]


def prompt_of(item: Item, takes: Container[Form]) -> Prompt:
    """The prompt of an item: a chat where the model takes one, else plain text."""
    if "messages" in takes:
        return Prompt(messages=(Message("user", item.prompt),), key=item.item_id, item=item)
    return Prompt(text=f"{item.prompt}\n\n", key=item.item_id, item=item)


def _outcome(item: Item, found: TargetResult, completion: Completion) -> Outcome:
    """``correct`` is what was asked for: another word, or under ``copy`` the very ids that went in."""
    status = found.outcome.status
    if completion.status != "ok":
        return "failed"
    if status in {"INVALID", "LOST", "AMBIGUOUS"}:
        return "invalid"
    wanted = {"UNCHANGED", "TEXT_SAME"} if item.marking == "copy" else {"REPLACED"}
    return "correct" if status in wanted else "wrong"


def _bytes(side: Slice | None) -> list[str] | None:
    """Bytes of each token inside the window, in hexadecimal digits."""
    return None if side is None else [piece.hex() for piece in side.pieces]


def rows_of(item: Item, completion: Completion, result: ItemResult) -> list[Sample]:
    """One row for each target of an item."""
    rows = []
    for place, found in enumerate(result.targets):
        flags, change = found.outcome.flags, found.classified
        detail: dict[str, object] = {
            "marking": item.marking, "kind": found.target.kind, "word": found.target.word, "frame": item.frame,
            "status": found.outcome.status, "sub": found.outcome.sub, "reason": found.outcome.reason,
            "ids_in": None if found.before is None else list(found.before.ids),
            "ids_out": None if found.after is None else list(found.after.ids),
            "said": found.said, "kept_marks": found.kept_marks, "collateral": result.collateral, "words": result.words,
            "preamble": result.preamble, "first_drift": result.first_drift, "ids_source": result.ids_source,
            "finish_reason": completion.finish_reason, "problem": result.problem,
        }  # fmt: skip
        if flags is not None:
            detail |= {
                "nu1_equal": flags.nu1_equal, "strict": flags.strict, "noncanonical_out": flags.noncanonical_out,
                "context_explained": flags.context_explained, "edge_fused": flags.edge_fused,
            }  # fmt: skip
        if change is not None:
            detail |= {
                "label": change.label, "also": list(change.also), "facet": change.detail,
                "plural_like": change.plural_like, "ws_in": change.ws_in, "ws_out": change.ws_out,
                "pieces_in": change.pieces_in, "pieces_out": change.pieces_out,
                "cuts_added": list(change.cuts_added), "cuts_removed": list(change.cuts_removed),
                "bytes_in": _bytes(found.before), "bytes_out": _bytes(found.after),
            }  # fmt: skip
        number = f"/{place}" if len(result.targets) > 1 else ""
        rows.append(
            Sample(
                item_id=f"{item.item_id}{number}", metric=METRIC, outcome=_outcome(item, found, completion),
                stratum=f"{item.stratum}/{item.marking}",
                cluster=cluster_of(item.frame, found.target.word), completion=completion.text or None,
                ids=completion.ids, gold=found.target.word, seconds=completion.seconds,
                message=found.outcome.reason or completion.problem, detail=detail,
            )
        )  # fmt: skip
    return rows


def answer_samples(
    model: CompletionModel,
    items: Sequence[Item],
    tokenizer: Tokenizer,
    *,
    decoding: Decoding,
    words: Container[str] = (),
    store: ResponseStore | None = None,
    tick: Tick | None = None,
) -> list[Sample]:
    """Ask a model every item and grade its replies.

    Args:
        model: The model.
        items: The items.
        tokenizer: Its tokenizer.
        decoding: How replies are drawn.
        words: Words, for telling plurals from other tails.
        store: Keeps replies, so that none is asked for twice; None keeps none.
        tick: Called with the number of items that were answered since the last call.

    Returns:
        One sample for each target, in order.

    Raises:
        TokbenchError: If the model cannot be asked at all. Replies that came before are in the store.
    """
    prompts = [prompt_of(item, model.takes) for item in items]
    completions = ask(model, prompts, decoding, store, progress=advance(tick))
    return [
        row
        for item, completion in zip(items, completions, strict=True)
        for row in rows_of(item, completion, grade(item, completion, tokenizer, words=words))
    ]


def check_ids(samples: Sequence[Sample], tokenizer: Tokenizer) -> None:
    """Refuse a run whose ids are not those of its texts: then they are not those of this tokenizer either.

    Raises:
        ItemError: If that is so of more than :data:`MOST_FOREIGN` of the targets; it names the first of them.
    """
    rows = [sample for sample in samples if sample.metric == METRIC and sample.detail is not None]
    foreign = [row for row in rows if row.detail and row.detail["status"] == "INVALID" and row.detail["problem"]]
    if len(foreign) > MOST_FOREIGN * len(rows):
        # the reason names the item already
        reason = foreign[0].message.partition(": ")[2] or foreign[0].message
        problem = (
            f"{reason} (the first of {len(foreign)} of {len(rows)} targets whose ids do not belong to their text, more "
            f"than {MOST_FOREIGN:.0%}: is {tokenizer.info.spec} the tokenizer of the model?)"
        )
        raise ItemError(foreign[0].item_id, problem)


def target_frame(samples: Sequence[Sample]) -> pl.DataFrame:
    """The samples as a frame, one row a target: everything that :func:`rows_of` says of one."""
    import polars as pl

    text, number, flag = pl.String(), pl.Int64(), pl.Boolean()
    ids = pl.List(number)
    schema: dict[str, pl.DataType] = {
        "item_id": text, "outcome": text, "marking": text, "kind": text, "word": text, "frame": text, "status": text,
        "sub": text, "reason": text, "ids_in": ids, "ids_out": ids, "said": text, "kept_marks": flag,
        "collateral": number, "words": number, "preamble": flag, "first_drift": number, "ids_source": text,
        "finish_reason": text, "problem": text, "nu1_equal": flag, "strict": flag, "noncanonical_out": flag,
        "context_explained": flag, "edge_fused": flag, "label": text, "also": pl.List(text), "facet": text,
        "plural_like": flag, "ws_in": text, "ws_out": text, "pieces_in": number, "pieces_out": number,
        "cuts_added": ids, "cuts_removed": ids,
    }  # fmt: skip
    columns: dict[str, list[object]] = {name: [] for name in schema}
    for sample in samples:
        if sample.metric != METRIC:
            continue
        row: dict[str, object] = {"item_id": sample.item_id, "outcome": sample.outcome, **(sample.detail or {})}
        for name, column in columns.items():
            column.append(row.get(name))
    return pl.DataFrame(columns, schema=schema, strict=False)
