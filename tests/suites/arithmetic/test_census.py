from __future__ import annotations

from pathlib import Path

import pytest
from arithmetic_tokenizers import DigitFree, l2r, single

from tokbench.suites.arithmetic.tokenizer_rows import arithmetic_tokenizer_rows
from tokbench.suites.exactness.digits import census_rows
from tokbench.tokenizers import Tokenizer, load_tokenizer


def with_digits(tokenizer: Tokenizer) -> float:
    """Vocabulary entries that hold a digit."""
    return sum(row.value or 0 for row in census_rows(tokenizer) if row.filter in {"all", "mixed"})


def test_census_of_toys() -> None:
    rows = {row.filter: row.value for row in census_rows(l2r())}
    assert rows == {"all": 1110, "bare|1": 10, "bare|2": 100, "bare|3": 1000, "mixed": 0}
    assert with_digits(single()) == 10
    assert with_digits(DigitFree()) == 0


def test_the_census_is_part_of_the_rows() -> None:
    toy = l2r()
    rows = arithmetic_tokenizer_rows(toy, profile="smoke", seed=0).metrics
    assert [row for row in rows if row.metric == "digits.entries"] == census_rows(toy)


@pytest.mark.data
@pytest.mark.parametrize(
    ("spec", "entries"),
    [
        ("tiktoken:r50k_base", 1691),
        ("tiktoken:p50k_base", 1691),
        ("hf:{data}/tokenizers/hf/gpt2.json", 1691),
        ("tiktoken:cl100k_base", 1110),
        ("tiktoken:o200k_base", 1110),
        ("tiktoken:{data}/tokenizers/tiktoken/qwen.tiktoken?pattern=qwen2", 10),
    ],
)
def test_golden_entries(
    spec: str, entries: int, data_dir: Path, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    assert with_digits(load_tokenizer(spec.format(data=data_dir))) == entries


@pytest.mark.parametrize("name", ["v1", "tekken_240911"])
def test_golden_entries_of_mistral(name: str) -> None:
    pytest.importorskip("mistral_common")
    assert with_digits(load_tokenizer(f"mistral:{name}")) == 10
