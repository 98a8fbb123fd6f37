"""Runs of the suite ``charbench`` on the disk, written as a run writes them, for the tests that read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from charbench_lists import paper_items

from tokbench.models.completion import Decoding
from tokbench.models.completions import load_completion_model
from tokbench.results import RunKey, RunWriter, Sample, provenance
from tokbench.run import describe
from tokbench.suites.charbench.analysis import Analysis
from tokbench.suites.charbench.answers import answer_samples, prediction_frame
from tokbench.suites.charbench.design import Design
from tokbench.suites.charbench.features import features
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.items import frame, items_sha256
from tokbench.suites.charbench.ranking import VERSION
from tokbench.suites.charbench.scripted import responders
from tokbench.tokenizers import Tokenizer, load_tokenizer

TINY = "hf:@tiny.json"
"""A vocabulary of the project with tokens of one to a few letters."""


@cache
def natural_items(profile: str = "core", tasks: tuple[str, ...] = ("paper",)) -> tuple[Item, ...]:
    """Items of the paper's design."""
    return tuple(item for item in paper_items(profile, "natural") if tasks == ("paper",) or item.task in tasks)


def answers(name: str, items: Sequence[Item], tokenizer: Tokenizer, prompt_id: str = "plain") -> list[Sample]:
    """What a scripted responder says, asked and graded as in a run."""
    model = load_completion_model(f"scripted:{name}", tokenizer=tokenizer, responders=responders(tokenizer))
    return answer_samples(model, items, prompt_id=prompt_id, decoding=Decoding())


def predictions(name: str, items: Sequence[Item], tokenizer: Tokenizer, prompt_id: str = "plain") -> pl.DataFrame:
    """The same as a frame."""
    return prediction_frame(answers(name, items, tokenizer, prompt_id), f"scripted:{name}")


def both_contexts(items: Sequence[Item], tokenizer: Tokenizer, prompt_id: str = "plain") -> pl.DataFrame:
    """Features of the bare words and in the prompt."""
    found = [
        features(items, tokenizer, "bare", prompt_id=prompt_id),
        features(items, tokenizer, "in_prompt", prompt_id=prompt_id),
    ]
    return pl.concat(found)


def cell(table: pl.DataFrame, name: str, task: str, **where: object) -> dict[str, Any]:
    """The one row of a scripted responder and a task."""
    (row,) = table.filter(pl.col("model") == f"scripted:{name}", pl.col("task") == task, **where).to_dicts()
    return row


def agree(found: Analysis, design: Design, name: str, task: str) -> int:
    """Every correlation of bare words is within four standard errors of its expectation; returns how many there are.

    Fisher's standard error is that of two normal properties; where an answer follows from the gold answer alone
    (correlations above 0.8) the true one is up to twice as large.
    """
    count = 0
    for feature, wanted in design.responder(name, task).r.items():
        if wanted is None:
            continue
        row = cell(found.correlations, name, task, context="bare", feature=feature)
        error = (2 if abs(wanted) > 0.8 else 1) / math.sqrt(row["n"] - 3)
        assert abs(math.atanh(row["r"]) - math.atanh(wanted)) < 4 * error
        assert row["lo"] < row["r"] < row["hi"]
        count += 1
    return count


def write_run(
    root: Path, name: str | None, items: Sequence[Item], *, tokenizer: str = TINY, prompt_id: str = "plain",
    suite: str = "charbench", finish: bool = True,
) -> Path:  # fmt: skip
    """A run of a scripted responder, or of items and features alone; one that is not finished was cut off."""
    loaded = load_tokenizer(tokenizer)
    key = RunKey(
        suite=suite, suite_version=VERSION, profile="core", seed=0, tokenizer=loaded.info.slug,
        fingerprint=loaded.info.fingerprint, model=name, model_identity=name, items={"items": items_sha256(items)},
        options={"prompt": prompt_id},
    )  # fmt: skip
    record = provenance(key=key, tokenizer=describe(loaded), model=None if name is None else {"spec": name}, argv=())
    with RunWriter.open(root, key, record) as writer:
        samples = [] if name is None else answers(name, items, loaded, prompt_id)
        writer.append("answers", samples, [])
        if finish:
            writer.attach("items", frame(items))
            writer.attach("features", both_contexts(items, loaded, prompt_id))
            if name is not None:
                writer.attach("predictions", prediction_frame(samples, f"scripted:{name}"))
            writer.finish({"exit_status": 0})
    return root / key.name
