"""The tokenizer side of the arithmetic suite, against encoding as many numbers with the library alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tokbench.suites.arithmetic.policy import numbers
from tokbench.suites.arithmetic.tokenizer_rows import arithmetic_tokenizer_rows
from tokbench.tokenizers import load_tokenizer

Ratio = Callable[..., float]


@pytest.mark.parametrize("spec", ["tiktoken:o200k_base", "tiktoken:@tiny.tiktoken?pattern=gpt2"])
def test_tokenizer_rows(
    ratio: Ratio, spec: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All tables of the core profile, some 110,000 texts: at most 10 s for 200,000 tokens."""
    if spec == "tiktoken:o200k_base":
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(request.getfixturevalue("tiktoken_cache")))
    tokenizer = load_tokenizer(spec)
    texts = [number for length in range(1, 21) for number in numbers(length, 5500, 0)]
    ratio(
        lambda: arithmetic_tokenizer_rows(tokenizer, profile="core", seed=0),
        lambda: [tokenizer.encode(text) for text in texts],
        bar=30,
        rounds=2,
    )
