from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.suites.definition import load_definition
from tokbench.suites.exactness.digits import DIGITS, digit_census, digit_policy, digit_rows, digit_runs, label
from tokbench.tokenizers import VocabularyTable, load_tokenizer
from tokbench.tokenizers._bytes import BytesTokenizer

SETTINGS = load_definition().digits


class Chunked(BytesTokenizer):
    """Numbers of up to four digits are tokens; runs are cut by a given rule."""

    def __init__(self, cut: Callable[[str], list[str]]) -> None:
        super().__init__(replace(load_tokenizer("bytes").info, n_ids=256 + 11111))
        self.cut = cut
        chunks = [f"{value:0{width}d}".encode() for width in range(1, 5) for value in range(10**width)]
        self.by_bytes = {data: 256 + index for index, data in enumerate([b" 1", *chunks])}

    def _load_table(self) -> VocabularyTable:
        return VocabularyTable({**super()._load_table().bytes_of, **{v: k for k, v in self.by_bytes.items()}})

    def _encode(self, text: str) -> list[int]:
        spaces = len(text) - len(text.lstrip(" "))
        parts = [*text[:spaces], *(self.cut(text[spaces:]) if text[spaces:].isascii() else [])]
        return [self.by_bytes.get(part.encode(), part.encode()[0]) for part in parts] if parts else list(text.encode())


def left(width: int) -> Callable[[str], list[str]]:
    return lambda run: [run[at : at + width] for at in range(0, len(run), width)]


def right(width: int) -> Callable[[str], list[str]]:
    def cut(run: str) -> list[str]:
        first = len(run) % width
        return ([run[:first]] if first else []) + [run[at : at + width] for at in range(first, len(run), width)]

    return cut


def odd(run: str) -> list[str]:
    return left(2)(run) if int(run[0]) % 2 else left(3)(run)


@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize(
    ("cut", "name"),
    [(left(1), "single"), (left(3), "left-3"), (right(3), "right-3"), (left(4), "left-4"), (odd, "learned")],
)
def test_policies_are_named(cut: Callable[[str], list[str]], name: str, *, spaced: bool) -> None:
    policy = digit_policy(Chunked(cut), "ascii", SETTINGS, spaced=spaced)
    assert policy.label == name
    assert {*policy.partitions} == set(range(1, 21))


def test_partitions_count_bytes_with_the_space() -> None:
    policy = digit_policy(Chunked(right(3)), "ascii", SETTINGS, spaced=True)
    assert policy.partitions[7] == (((1, 1, 3, 3), SETTINGS.per_length),)


def test_tokens_that_end_inside_a_digit() -> None:
    tokenizer = load_tokenizer("bytes")
    labels = {kind: digit_policy(tokenizer, kind, SETTINGS, spaced=False).label for kind in DIGITS}
    assert labels == {
        "ascii": "single", "arabic-indic": "sub-digit", "full-width": "sub-digit", "superscript": "sub-digit",
    }  # fmt: skip


def test_runs_are_the_same_figures_in_every_sort_of_digits() -> None:
    ascii_runs = digit_runs(SETTINGS, "ascii")
    assert len(ascii_runs) == 10 + 19 * SETTINGS.per_length
    assert {len(run) for run in ascii_runs} == set(range(1, 21))
    table = str.maketrans(DIGITS["ascii"], DIGITS["full-width"])
    assert [run.translate(table) for run in ascii_runs] == digit_runs(SETTINGS, "full-width")


@pytest.mark.property
@given(st.lists(st.integers(1, 30), min_size=1), st.integers(2, 6))
def test_labels_of_regular_cuts(lengths: list[int], width: int) -> None:
    parts = [tuple(map(len, left(width)("1" * length))) for length in lengths]
    longest = max(max(part) for part in parts)
    assert label(parts) == ("single" if longest == 1 else f"left-{longest}")


def test_what_is_cut_in_no_regular_way_is_learned() -> None:
    assert label([(2, 1), (1, 2)]) == "learned"
    assert label([(3, 3), (1, 3), (3,)]) == "right-3"
    assert label([(2, 3), (3, 2)]) == "learned"


def test_rows_and_census() -> None:
    rows = digit_rows(Chunked(left(3)), SETTINGS)
    first = rows.samples[0]
    assert (first.item_id, first.completion) == ("digits/ascii", "left-3")
    assert first.message == "left-3; bytes of tokens by number of digits 4: 3+1; 7: 3+3+1"
    learned = digit_rows(Chunked(odd), SETTINGS).samples[0].message
    assert learned.startswith("learned; bytes of tokens by number of digits 1: 1; 2: 2; 3: ")
    assert re.search(r"4: (2\+2 x\d+, 3\+1 x\d+|3\+1 x\d+, 2\+2 x\d+);", learned)
    assert [sample.item_id for sample in rows.samples][1] == "digits/ascii-spaced"
    census = {metric.filter: metric.k for metric in rows.metrics}
    assert census == {
        "all": 11121, "bare|1": 20, "bare|2": 100, "bare|3": 1000, "bare|4": 10000, "spaced|1": 1, "mixed": 0,
    }  # fmt: skip


GPT2_BARE = {1: 10, 2: 100, 3: 777, 4: 94, 5: 6, 6: 2, 7: 1, 8: 3, 16: 1}
GPT2_SPACED = {1: 10, 2: 100, 3: 406, 4: 178, 5: 1, 6: 1, 8: 1}


@pytest.mark.data
@pytest.mark.parametrize(
    ("spec", "bare", "spaced", "policy"),
    [
        ("tiktoken:r50k_base", GPT2_BARE, GPT2_SPACED, "learned"),
        ("tiktoken:p50k_base", GPT2_BARE, GPT2_SPACED, "learned"),
        ("hf:{data}/tokenizers/hf/gpt2.json", GPT2_BARE, GPT2_SPACED, "learned"),
        ("tiktoken:cl100k_base", {1: 10, 2: 100, 3: 1000}, {}, "left-3"),
        ("tiktoken:o200k_base", {1: 10, 2: 100, 3: 1000}, {}, "left-3"),
        ("tiktoken:{data}/tokenizers/tiktoken/qwen.tiktoken?pattern=qwen2", {1: 10}, {}, "single"),
    ],
)
def test_golden_census(
    spec: str,
    bare: dict[int, int],
    spaced: dict[int, int],
    policy: str,
    data_dir: Path,
    tiktoken_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer(spec.format(data=data_dir))
    census = digit_census(tokenizer)
    assert (census.bare, census.spaced, census.mixed) == (bare, spaced, 0)
    assert census.entries == sum(bare.values()) + sum(spaced.values()) in {1691, 1110, 10}
    for with_space in (False, True):
        assert digit_policy(tokenizer, "ascii", SETTINGS, spaced=with_space).label == policy


@pytest.mark.parametrize("name", ["v1", "v2", "v3", "v7", "tekken_240718", "tekken_240911"])
def test_golden_census_of_mistral(name: str) -> None:
    pytest.importorskip("mistral_common")
    tokenizer = load_tokenizer(f"mistral:{name}")
    assert digit_census(tokenizer).entries == 10
    assert digit_policy(tokenizer, "ascii", SETTINGS, spaced=False).label == "single"
    assert digit_policy(tokenizer, "ascii", SETTINGS, spaced=True).label == "single"


def test_words_in_which_spaces_vanish_have_a_policy_too() -> None:
    tokenizer = load_tokenizer("hf:@tiny-wordpiece.json")
    assert digit_policy(tokenizer, "ascii", SETTINGS, spaced=True).label == "learned"
    unknown = digit_policy(tokenizer, "full-width", SETTINGS, spaced=False)
    assert (unknown.label, unknown.reason) == ("unknown", "some run gives an unknown token")
