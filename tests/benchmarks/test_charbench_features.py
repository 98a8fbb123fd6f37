"""Features of as many items as the paper has, against the bare calls of the tokenizer; and their analysis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from charbench_runs import both_contexts, predictions

from tokbench.suites.charbench.analysis import analyse
from tokbench.suites.charbench.design import Design
from tokbench.suites.charbench.features import features
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.items import build_items, frame
from tokbench.suites.charbench.prompts import render
from tokbench.suites.charbench.words import load_words
from tokbench.tokenizers import Tokenizer, load_tokenizer

Ratio = Callable[..., float]


@pytest.fixture(scope="module")
def items() -> list[Item]:
    """175,000 items."""
    return build_items("full", "natural", ("paper",))


@pytest.fixture
def o200k(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Tokenizer:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    return load_tokenizer("tiktoken:o200k_base")


@pytest.mark.data
def test_features_in_the_prompt(ratio: Ratio, items: list[Item], o200k: Tokenizer) -> None:
    """175,000 items: at most 60 s; here beside encoding their prompts and nothing else."""
    prompts = [render(item, "charbench-2025").text for item in items]
    ratio(
        lambda: features(items, o200k, "in_prompt", prompt_id="charbench-2025"),
        lambda: [o200k.encode(prompt) for prompt in prompts],
        bar=6,
        rounds=1,
    )


@pytest.mark.data
def test_statistics_of_all_words(ratio: Ratio, o200k: Tokenizer) -> None:
    """273,449 words: at most 30 s."""
    words = load_words()
    texts = [word.text for length in words.lengths for word in words.of_length(length)]
    ratio(lambda: Design(words, o200k).statistics(), lambda: [o200k.encode(text) for text in texts], bar=12, rounds=1)


@pytest.mark.data
def test_analysis_of_one_task(ratio: Ratio, items: list[Item], o200k: Tokenizer) -> None:
    """43,750 answers of one model: a matter of seconds; here beside the features that it looks at."""
    asked = [item for item in items if item.task == "find_first"]
    table, known = frame(asked), both_contexts(asked, o200k, "charbench-2025")
    answers: pl.DataFrame = predictions("wl-only", asked, o200k, "charbench-2025")
    ratio(
        lambda: analyse(table, answers, known),
        lambda: both_contexts(asked, o200k, "charbench-2025"),
        bar=4,
        rounds=1,
    )
