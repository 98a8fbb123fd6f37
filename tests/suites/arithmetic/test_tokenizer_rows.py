from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from arithmetic_tokenizers import DigitFree, DigitToy, fallback, irregular, l2r, r2l, single
from toys import PrefixToy

from tokbench.errors import UnknownNameError
from tokbench.results import Metric
from tokbench.suites.arithmetic.tokenizer_rows import arithmetic_tokenizer_rows, tokenizer_sizes
from tokbench.suites.part import PartResult
from tokbench.tokenizers import Tokenizer, load_tokenizer


def rows_of(tokenizer: Tokenizer, profile: str = "smoke", seed: int = 0) -> PartResult:
    return arithmetic_tokenizer_rows(tokenizer, profile=profile, seed=seed)


def metric(rows: PartResult, name: str, subset: str) -> Metric:
    [found] = [row for row in rows.metrics if (row.metric, row.filter) == (name, subset)]
    return found


def label(rows: PartResult, item: str = "policy") -> str | None:
    [found] = [row for row in rows.samples if row.item_id == item]
    return found.completion


@pytest.mark.parametrize(
    ("make", "name", "answers", "operands", "unstable"),
    [(l2r, "L2R-3", 81, 27, 1.0), (r2l, "R2L-3", 162, 81, 0.0), (single, "single", 162, 81, 0.0)],
)
def test_regular_tokenizers(
    make: Callable[[], DigitToy], name: str, answers: int, operands: int, unstable: float
) -> None:
    rows = rows_of(make())
    assert label(rows) == name
    found = metric(rows, "alignment.answers", "all")
    assert (found.k, found.n, found.method, found.lo) == (answers, 162, "exact", None)
    found = metric(rows, "alignment.operands", "all")
    assert (found.k, found.n) == (operands, 81)
    assert metric(rows, "alignment.jaccard", "all").value == answers / 162
    assert metric(rows, "alignment.undefined", "all").k == 0
    assert metric(rows, "instability", "all").value == unstable
    assert metric(rows, "policy.labels", "").value == 1
    assert metric(rows, "alignment.answers", "match").k == 81
    assert metric(rows, "alignment.answers", "mismatch").k == answers - 81


def test_direction_by_context() -> None:
    rows = rows_of(DigitToy(fallback))
    assert label(rows) == "R2L-3"
    assert label(rows, "policy/letter-after") == "L2R-3"
    assert metric(rows, "policy.labels", "").value == 2
    [whole] = [row for row in rows.samples if row.item_id == "policy"]
    assert whole.message == "depends on the context: R2L-3, L2R-3"


def test_irregular_tokenizers_are_sampled() -> None:
    rows = rows_of(DigitToy(irregular))
    found = metric(rows, "alignment.answers", "all")
    assert (found.method, found.n) == ("wilson", 324)
    assert found.lo is not None
    assert found.value is not None
    assert found.lo < found.value < (found.hi or 0)
    assert "sampled" in found.unit
    found = metric(rows, "instability", "all")
    assert (found.method, found.n) == ("clustered", 900)
    assert found.value is not None
    assert found.lo is not None
    assert 0 < found.lo < found.value < (found.hi or 0) < 1
    found = metric(rows, "alignment.jaccard", "all")
    assert found.method == "clustered"
    assert found.lo is not None


TOKENIZERS: dict[str, Callable[[], Tokenizer]] = {
    "l2r": l2r,
    "bytes": lambda: load_tokenizer("bytes"),
    "prefix": PrefixToy,
    "digit-free": DigitFree,
    "wordpiece": lambda: load_tokenizer("hf:@tiny-wordpiece.json"),
    "unigram": lambda: load_tokenizer("sentencepiece:@tiny-unigram.model"),
    "sentencepiece": lambda: load_tokenizer("sentencepiece:@tiny.model"),
    "hf": lambda: load_tokenizer("hf:@tiny.json"),
    "byte-bpe": lambda: load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2"),
}


@pytest.fixture(scope="module")
def digit_free() -> PartResult:
    return rows_of(DigitFree())


@pytest.mark.parametrize("name", TOKENIZERS)
def test_rows_of_any_tokenizer(name: str, digit_free: PartResult) -> None:
    make = TOKENIZERS[name]
    rows = rows_of(make()) if make is not DigitFree else digit_free
    assert len({(row.metric, row.filter) for row in rows.metrics}) == len(rows.metrics)
    assert len({row.item_id for row in rows.samples}) == len(rows.samples)
    assert sum(row.metric == "alignment" for row in rows.samples) == 162
    for row in rows.metrics:
        assert row.unit
        assert (row.value is None) == bool(row.reason)
        assert "\n" not in row.reason
        if row.method == "wilson" and row.value is not None:
            assert row.lo is not None
            assert row.hi is not None
            assert row.lo <= row.value <= row.hi
    assert all(row.message for row in rows.samples if row.outcome == "skipped")


def test_what_is_not_defined_has_counts_and_reasons(digit_free: PartResult) -> None:
    rows = digit_free
    assert label(rows) is None
    found = metric(rows, "policy.match", "start")
    assert (found.value, found.reason) == (None, "an unknown token stands for digits")
    assert metric(rows, "policy.match.undefined", "start").k == 100
    assert metric(rows, "alignment.answers", "all").value is None
    assert metric(rows, "alignment.undefined", "all").value == 1
    assert metric(rows, "fusion", "comma_r2l").value is None
    assert metric(rows, "digits.entries", "all").value == 0


def test_seed_and_profile() -> None:
    toy = DigitToy(irregular)
    rows, again = rows_of(toy), rows_of(toy)
    assert (again.samples, again.metrics) == (rows.samples, rows.metrics)
    assert rows.metrics != rows_of(toy, seed=1).metrics
    sizes = [tokenizer_sizes(name) for name in ("smoke", "core", "full")]
    assert sizes == sorted(sizes, key=lambda size: (size.policy, size.sample, size.additions))
    with pytest.raises(UnknownNameError, match="smoke, core, full"):
        rows_of(toy, profile="tiny")


@pytest.mark.data
def test_rows_of_vocabularies(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    rows = rows_of(load_tokenizer("tiktoken:cl100k_base"))
    assert label(rows) == "L2R-3"
    assert [metric(rows, "alignment.answers", "all").k, metric(rows, "alignment.operands", "all").k] == [81, 27]
    assert metric(rows, "partition.most-frequent", "bare|7").value == 1
    assert metric(rows, "segmentations", "9").value == 149
    rows = rows_of(load_tokenizer("tiktoken:p50k_base"))
    assert label(rows) == "irregular"
    assert metric(rows, "alignment.answers", "all").method == "wilson"
    assert metric(rows, "partition.most-frequent", "spaced|4").k == 5262
    assert metric(rows, "fusion", "space_r2l").value == 1
