"""The suite from Python: one function for each question, over items and token ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

# the modules slices and outcome are loaded with these, before the functions of the same names are bound in the package
from tokbench.models.completion import Completion
from tokbench.suites.phantom.grading import TargetResult, grade
from tokbench.suites.phantom.item import Item
from tokbench.suites.phantom.outcome import Outcome
from tokbench.suites.phantom.sides import prompt_side, read_ids

if TYPE_CHECKING:
    from tokbench.results import Metric, Sample
    from tokbench.tokenizers import Tokenizer

__all__ = ["build_prompt", "outcome", "slices", "summarise", "tokenizer_metrics"]


def build_prompt(item: Item) -> str:
    """What is sent for an item."""
    return item.prompt


def slices(
    item: Item, tokenizer: Tokenizer, ids_in: Sequence[int] | None, ids_out: Sequence[int]
) -> tuple[TargetResult, ...]:
    """The slices of each target, in the prompt and in the reply, with what became of it.

    Args:
        item: The item.
        tokenizer: The tokenizer of the model.
        ids_in: Ids that the model read, template and all; None encodes the prompt.
        ids_out: Ids that it emitted.

    Raises:
        ItemError: If an id does not exist, or the prompt is not among the text of ``ids_in``.
        UnsupportedError: If the tokenizer does not give texts back.
    """
    prompt_side(tokenizer, item.prompt, ids_in, item=item.item_id)
    text = read_ids(tokenizer, ids_out, what="ids of the reply", item=item.item_id).data.decode("utf-8", "replace")
    if tokenizer.info.prefix:
        text = text.removeprefix(tokenizer.info.prefix.decode())
    read = None if ids_in is None else tuple(ids_in)
    return grade(item, Completion(text=text, ids=tuple(ids_out), prompt_ids=read), tokenizer).targets


def outcome(item: Item, found: Sequence[TargetResult]) -> tuple[Outcome, ...]:
    """The outcome of each target of an item, from what :func:`slices` returns."""
    assert len(found) == len(item.targets), "one result a target"
    return tuple(target.outcome for target in found)


def tokenizer_metrics(tokenizer: Tokenizer, words: Sequence[str]) -> list[Metric]:
    """The census of a tokenizer over words of one's own; drift is measured on the words joined by spaces."""
    from tokbench.suites.phantom.tokenizer_rows import census_metrics

    return census_metrics(tokenizer, [(word, "common") for word in words], [" ".join(words)])


def summarise(rows: Sequence[Sample]) -> list[Metric]:
    """All rates over the samples of a run."""
    from tokbench.suites.phantom.metrics import phantom_metrics

    return phantom_metrics(rows)
