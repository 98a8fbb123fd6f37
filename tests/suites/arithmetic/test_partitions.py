from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from arithmetic_tokenizers import DigitFree, DigitToy, l2r, left, r2l, single

from tokbench.errors import UnsupportedError
from tokbench.suites.arithmetic.partitions import instability, partitions, segmentations
from tokbench.tokenizers import VocabularyTable, load_tokenizer
from tokbench.tokenizers._bytes import BytesTokenizer

DIGITS = "123456789"


def test_short_strings_are_all_tried_and_long_ones_sampled() -> None:
    toy = l2r()
    for length in range(1, 5):
        found = partitions(toy, length, spaced=False, count=7)
        assert (found.exhaustive, found.total) == (True, 10**length)
    found = partitions(toy, 5, spaced=False, count=7)
    assert (found.exhaustive, found.counts) == (False, (((3, 2), 7),))
    assert partitions(r2l(), 20, spaced=True, count=7).counts == (((1, 2, 3, 3, 3, 3, 3, 3), 7),)


def test_a_space_counts_as_a_byte() -> None:
    toy = DigitToy(left(3), sticky=" ")
    assert partitions(toy, 4, spaced=True).counts == (((4, 1), 10_000),)
    assert partitions(toy, 4, spaced=False).counts == (((3, 1), 10_000),)


def test_strings_without_partitions_are_counted() -> None:
    found = partitions(DigitFree(), 2, spaced=False)
    assert (found.counts, found.total, found.undefined) == ((), 0, 100)


def test_a_tokenizer_that_drops_the_space() -> None:
    found = partitions(load_tokenizer("hf:@tiny-wordpiece.json"), 1, spaced=True)
    assert found.total + found.undefined == 10


@pytest.mark.parametrize("length", range(1, 13))
def test_instability(length: int) -> None:
    unstable = instability(l2r(), length, count=5)
    assert (unstable.k, unstable.n, unstable.undefined) == (45 if length >= 3 else 0, 45, 0)
    for make in (r2l, single):
        assert instability(make(), length, count=5).k == 0


def test_instability_of_what_has_no_cuts() -> None:
    found = instability(DigitFree(), 4, count=5)
    assert (found.k, found.n, found.undefined) == (0, 0, 45)


def test_segmentations_are_tribonacci_numbers_where_all_short_chunks_are_tokens() -> None:
    toy = l2r()
    assert [segmentations(toy, DIGITS[:length]) for length in range(10)] == [1, 1, 2, 4, 7, 13, 24, 44, 81, 149]
    assert [segmentations(single(), DIGITS[:length]) for length in (3, 7, 8, 9)] == [1, 1, 1, 1]


def test_without_digits_in_the_vocabulary_there_is_no_segmentation() -> None:
    class Letters(BytesTokenizer):
        def _load_table(self) -> VocabularyTable:
            letters = {value: data for value, data in super()._load_table().bytes_of.items() if not data.isdigit()}
            return VocabularyTable(letters)

    info = replace(load_tokenizer("bytes").info, n_ids=246, fingerprint="letters")
    assert segmentations(Letters(info), "123") == 0


def test_segmentations_need_bytes() -> None:
    with pytest.raises(UnsupportedError, match="segmentations"):
        segmentations(load_tokenizer("hf:@tiny-wordpiece.json"), "123")
    with pytest.raises(UnsupportedError, match="segmentations"):
        segmentations(DigitFree(), "123")


P50K = {
    (3, False): {(3,): 777, (1, 2): 173, (2, 1): 50},
    (3, True): {(4,): 406, (3, 1): 44, (2, 2): 550},
    (4, False): {(4,): 94, (3, 1): 559, (2, 2): 6502, (1, 3): 2815, (1, 2, 1): 30},
    (4, True): {(5,): 178, (3, 2): 5262, (4, 1): 520, (2, 3): 3808, (2, 2, 1): 232},
}
CL100K = {
    (3, False): {(3,): 1000}, (3, True): {(1, 3): 1000},
    (4, False): {(3, 1): 10_000}, (4, True): {(1, 3, 1): 10_000},
}  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize(("name", "expected"), [("p50k_base", P50K), ("cl100k_base", CL100K)])
def test_golden_partitions(
    name: str,
    expected: dict[tuple[int, bool], dict[tuple[int, ...], int]],
    tiktoken_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer(f"tiktoken:{name}")
    for (length, spaced), counts in expected.items():
        assert dict(partitions(tokenizer, length, spaced=spaced).counts) == counts


@pytest.mark.data
@pytest.mark.parametrize(("name", "expected"), [("r50k_base", [4, 37, 74, 135]), ("cl100k_base", [4, 44, 81, 149])])
def test_golden_segmentations(
    name: str, expected: list[int], tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer(f"tiktoken:{name}")
    assert [segmentations(tokenizer, DIGITS[:length]) for length in (3, 7, 8, 9)] == expected


@pytest.mark.data
def test_golden_instability(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer("tiktoken:cl100k_base")
    found = [instability(tokenizer, length, count=10) for length in range(1, 13)]
    assert [one.k / one.n for one in found] == [0, 0, *[1] * 10]
