"""Words that are cut otherwise by what stands around them: all 273,449 of the list, with the shares that come out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tokbench.suites.charbench._pair_census import SURROUNDINGS, Share, compare_surroundings, length_balanced
from tokbench.suites.charbench.items import LENGTHS
from tokbench.suites.charbench.words import load_words
from tokbench.tokenizers import load_tokenizer

DATA = Path(os.environ.get("TOKBENCH_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")

GOLDEN = {
    "tiktoken:o200k_base": (0.3267, 0.1799, 0.4611),
    "tiktoken:cl100k_base": (0.3003, 0.2246, 0.4280),
    "tiktoken:r50k_base": (0.3377, 0.2051, 0.3008),
    "mistral:tekken_240911": (0.3552, 0.1681, 0.4187),
    "mistral:v1": (0.2852, 0.0, 0.0),
    "mistral:v3": (0.2852, 0.0, 0.0),
}
"""Shares of the list, lengths counting the same: that quote and space differ, that quote and nlquote differ, and that a
token reaches over the edge of the word in nlquote."""


@pytest.mark.parametrize("spec", GOLDEN)
def test_shares_of_the_whole_list(benchmark: BenchmarkFixture, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """About 13 s for each vocabulary."""
    if spec.startswith("tiktoken"):
        if not (DATA / "tiktoken_cache").is_dir():
            pytest.skip("the folder tiktoken_cache is missing: set TOKBENCH_DATA to the folder that holds it")
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(DATA / "tiktoken_cache"))
    else:
        pytest.importorskip("mistral_common")
    tokenizer, words = load_tokenizer(spec), load_words()

    def shares(second: str) -> dict[int, Share]:
        return compare_surroundings(tokenizer, words, SURROUNDINGS["quote"], SURROUNDINGS[second], LENGTHS)

    found = benchmark.pedantic(  # type: ignore[no-untyped-call]
        lambda: (length_balanced(shares("space")), length_balanced(shares("nlquote"))), rounds=1
    )
    (spaces, _), (lines, straddled) = found
    benchmark.extra_info.update({"quote/space": spaces, "quote/nlquote": lines, "straddled": straddled})
    assert (round(spaces, 4), round(lines, 4), round(straddled, 4)) == GOLDEN[spec]
