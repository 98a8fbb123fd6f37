"""Census of a large vocabulary, grading of a whole profile, and counting in a long text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tokbench._resources import resource
from tokbench.bytelevel.counting import log2_segmentations
from tokbench.models.completion import Completion
from tokbench.suites.phantom.grading import grade
from tokbench.suites.phantom.items import items
from tokbench.suites.phantom.tokenizer_rows import phantom_tokenizer_rows
from tokbench.tokenizers import Tokenizer, load_tokenizer

Ratio = Callable[..., float]


@pytest.fixture
def o200k(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Tokenizer:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    return load_tokenizer("tiktoken:o200k_base")


@pytest.fixture
def text() -> bytes:
    """1 MB: the embedded corpus over and over."""
    paths = sorted(Path(resource("suites", "exactness", "corpus")).glob("*.txt"))
    data = b"".join(path.read_bytes() for path in paths)
    return (data * (1_000_000 // len(data) + 1))[:1_000_000]


@pytest.mark.data
def test_census(ratio: Ratio, o200k: Tokenizer) -> None:
    """2,000 words of a vocabulary of 200,000 entries: at most 30 s; here beside encoding the profile's passages."""
    passages = [entry.text for entry in items("core", markings=["copy"])]
    ratio(
        lambda: phantom_tokenizer_rows(o200k, profile="core", seed=0),
        lambda: [o200k.encode(passage) for passage in passages],
        bar=300,
        rounds=1,
    )


@pytest.mark.data
def test_grading(ratio: Ratio, o200k: Tokenizer) -> None:
    """24,000 targets with ids: at most 60 s; here beside encoding prompts and replies once each."""
    asked = items("core")
    said = [Completion(text=entry.text, ids=tuple(o200k.encode(entry.text)), finish_reason="stop") for entry in asked]
    ratio(
        lambda: [grade(entry, found, o200k) for entry, found in zip(asked, said, strict=True)],
        lambda: [(o200k.encode(entry.prompt), o200k.encode(entry.text)) for entry in asked],
        bar=40,
        rounds=1,
    )


@pytest.mark.data
def test_counting_is_linear(ratio: Ratio, o200k: Tokenizer, text: bytes) -> None:
    """Segmentations of 1 MB: at most 20 s, and twice as long as of half of it."""
    vocabulary = o200k.byte_vocabulary()
    ratio(
        lambda: log2_segmentations(vocabulary, text),
        lambda: log2_segmentations(vocabulary, text[: len(text) // 2]),
        bar=2.5,
        rounds=2,
    )
