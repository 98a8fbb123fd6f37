"""Audit and laws, against encoding and decoding the same vocabulary with the library alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tokbench.laws import check
from tokbench.suites.exactness.audit import audit
from tokbench.tokenizers import load_tokenizer

Ratio = Callable[..., float]


@pytest.mark.parametrize("spec", ["tiktoken:o200k_base", "tiktoken:@tiny.tiktoken?pattern=gpt2"])
def test_audit(ratio: Ratio, spec: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit asks for several encodings of each token: at most 15 s for 200,000 tokens."""
    if spec == "tiktoken:o200k_base":
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(request.getfixturevalue("tiktoken_cache")))
    tokenizer = load_tokenizer(spec)
    texts = [
        tokenizer.token_bytes(token_id).decode("utf-8", "replace")
        for token_id in tokenizer.ids()
        if tokenizer.kind(token_id) == "normal"
    ]
    ratio(lambda: audit(tokenizer), lambda: tokenizer.encode_batch(texts), bar=40, rounds=2)


def test_laws_at_core_profile(ratio: Ratio) -> None:
    """All core laws at 200 examples against 20,000 plain encodings: at most 60 s."""
    tokenizer = load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
    texts = [f"text number {index} of some length, naïve 🦙" for index in range(20_000)]
    ratio(lambda: check(tokenizer, max_examples=200), lambda: tokenizer.encode_batch(texts), bar=500, rounds=1)
