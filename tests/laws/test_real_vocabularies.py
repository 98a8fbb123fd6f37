"""``check`` on the real vocabularies at hand: all laws hold, and what is lost is what is declared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokbench.laws import check
from tokbench.suites.exactness.corpus import parity_corpus
from tokbench.suites.exactness.losses import survey
from tokbench.tokenizers import Tokenizer, load_tokenizer

pytestmark = pytest.mark.data

FILES = {
    "hf:tokenizers/hf/gpt2.json": "lossless",
    "hf:tokenizers/hf/modernbert.json": "lossless-except{not-nfc}",
    "hf:tokenizers/hf/mistral03.json": "lossless-except{leading-space, u2581}",
    "hf:tokenizers/hf/bert_base_cased.json": "lossy{decode-side, normalisation, unknown-token}",
    "sentencepiece:tokenizers/sentencepiece/nai-t5.model": "lossy{normalisation, unknown-token}",
    "sentencepiece:tokenizers/sentencepiece/sp_test_en_unigram1k.model": "lossy{normalisation, unknown-token}",
    "tiktoken:tokenizers/tiktoken/qwen.tiktoken?pattern=qwen2": "lossless",
    "tiktoken:r50k_base": "lossless",
    "tiktoken:p50k_base": "lossless",
    "tiktoken:cl100k_base": "lossless",
    "tiktoken:o200k_base": "lossless",
}


@pytest.fixture(params=FILES)
def tokenizer(request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Tokenizer:
    backend, _, locator = request.param.partition(":")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(data_dir / "tiktoken_cache"))
    if "/" not in locator:
        return load_tokenizer(request.param)
    path = data_dir / locator.partition("?")[0]
    if not path.is_file():
        pytest.skip(f"tokenizer file not found: {path.name}")
    loaded = load_tokenizer(f"{backend}:{data_dir / locator}")
    assert loaded.info.capability.summary == FILES[request.param]
    return loaded


def test_every_law_holds_or_does_not_apply(tokenizer: Tokenizer) -> None:
    report = check(tokenizer, max_examples=50, seed=5)
    assert not [verdict for verdict in report.verdicts if verdict.status in {"fails", "error"}]
    assert report.holds


def test_nothing_is_lost_but_what_is_declared(tokenizer: Tokenizer) -> None:
    capability = tokenizer.info.capability
    found = survey(tokenizer, [text for texts in parity_corpus(2000).values() for text in texts])
    for (kind, exception), count in found.by_exception.items():
        assert count
        declared = kind in capability.losses if capability.round_trip == "lossy" else exception in capability.exceptions
        assert declared, (kind, exception)
