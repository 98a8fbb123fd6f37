from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tokenizers
from arithmetic_tokenizers import DigitFree, DigitToy, fallback, irregular, l2r, left, r2l, right, single, whole
from toys import UnknownToy

from tokbench.errors import OptionError, UnknownNameError
from tokbench.suites.arithmetic.cuts import CONTEXTS, START, SUB_DIGIT, UNKNOWN, Cuts, cuts
from tokbench.suites.arithmetic.policy import (
    CANDIDATES,
    candidate_cuts,
    digit_policy,
    distinct_lengths,
    judge,
    numbers,
)
from tokbench.tokenizers import Tokenizer, load_tokenizer
from tokbench.tokenizers._bytetable import CHARACTERS


def test_candidates() -> None:
    assert len(CANDIDATES) == 12
    assert candidate_cuts("whole", 9) == set()
    assert candidate_cuts("single", 4) == {1, 2, 3}
    assert candidate_cuts("L2R-3", 8) == {2, 5}
    assert candidate_cuts("R2L-3", 8) == {3, 6}
    assert candidate_cuts("L2R-3", 6) == candidate_cuts("R2L-3", 6) == {3}


def test_lengths_that_tell_a_rule_from_others() -> None:
    threes = {length for length in range(4, 21) if length % 3}
    assert distinct_lengths("L2R-3") == distinct_lengths("R2L-3") == threes
    assert distinct_lengths("single") == set(range(2, 21))
    assert distinct_lengths("whole") == set(range(7, 21))
    assert distinct_lengths("L2R-2") == set(range(3, 21, 2))
    assert distinct_lengths("R2L-6") == {length for length in range(7, 21) if length % 6}


@pytest.mark.parametrize(
    ("make", "label"),
    [
        (l2r, "L2R-3"),
        (r2l, "R2L-3"),
        (single, "single"),
        (lambda: DigitToy(whole), "whole"),
        (lambda: DigitToy(irregular), "irregular"),
        (lambda: DigitToy(left(2)), "L2R-2"),
        (lambda: DigitToy(right(5)), "R2L-5"),
        (lambda: load_tokenizer("bytes"), "single"),
    ],
)
def test_fixture_tokenizers(make: Callable[[], DigitToy], label: str) -> None:
    policy = digit_policy(make(), per_length=5)
    assert policy.label == label
    assert {*policy.contexts} == {*CONTEXTS}
    assert {found.label for found in policy.contexts.values()} == {label}
    assert (policy.labels, policy.context_dependent) == ((label,), False)


def test_direction_that_depends_on_the_context() -> None:
    policy = digit_policy(DigitToy(fallback))
    assert (policy.label, policy.labels, policy.context_dependent) == ("R2L-3", ("R2L-3", "L2R-3"), True)
    turned = {name for name, found in policy.contexts.items() if found.label == "L2R-3"}
    assert turned == {"letter-after", "underscore-after"}


def test_a_space_in_the_first_chunk_does_not_hide_the_direction() -> None:
    found = digit_policy(DigitToy(right(3), sticky=" "), per_length=5).contexts["space-before"]
    assert (found.label, found.fused, found.undefined, found.total) == ("R2L-3", 100, 0, 100)


@pytest.mark.parametrize(("wrong", "label"), [(2, "R2L-3"), (3, "irregular")])
def test_one_number_in_a_hundred_may_differ(wrong: int, label: str) -> None:
    drawn = [number for length in (4, 5) for number in numbers(length, 100, 0)]
    toy = r2l()
    right_cuts = [cuts(toy, number) for number in drawn]
    found = judge([Cuts(one.length, frozenset()) for one in right_cuts[:wrong]] + right_cuts[wrong:])
    assert (found.label, found.rule, found.k, found.n) == (label, "R2L-3", 200 - wrong, 200)


def test_lengths_of_whole_chunks_decide_nothing() -> None:
    toy = r2l()
    found = judge([cuts(toy, number) for number in numbers(6, 10, 0)])
    assert found.rule not in {"L2R-3", "R2L-3"}
    assert found.label == "irregular"


def test_numbers_without_cuts() -> None:
    policy = digit_policy(DigitFree(), per_length=3)
    assert (policy.label, policy.labels, policy.context_dependent) == ("undefined", (), False)
    first = policy.contexts["start"]
    assert (first.undefined, first.total, first.n, first.reason) == (60, 60, 0, UNKNOWN)
    some = judge([Cuts(5, reason=UNKNOWN)] * 3 + [cuts(single(), "12345")] * 2)
    assert (some.label, some.rule, some.undefined) == ("undefined", "single", 3)


def test_digits_of_other_scripts() -> None:
    deva = digit_policy(load_tokenizer("bytes"), per_length=2, contexts=(START,), script="deva")
    assert (deva.label, deva.contexts["start"].reason) == ("undefined", SUB_DIGIT)
    assert digit_policy(UnknownToy(), per_length=2, contexts=(START,), script="thai").label == "undefined"
    with pytest.raises(UnknownNameError, match="klingon"):
        digit_policy(l2r(), script="klingon")
    with pytest.raises(OptionError, match="contexts"):
        digit_policy(l2r(), contexts=())


def test_numbers_are_the_same_every_time() -> None:
    drawn = numbers(7, 50, 3)
    assert drawn == numbers(7, 50, 3) == numbers(7, 80, 3)[:50]
    assert drawn != numbers(7, 50, 4)
    assert all(len(number) == 7 and number[0] != "0" for number in drawn)
    assert {number[0] for number in numbers(2, 400, 0, zeros=True)} == {*"0123456789"}
    assert {*numbers(1, 400, 0)} == {*"0123456789"}


def engine(pattern: str, path: Path) -> Tokenizer:
    """A byte-level BPE of the Hugging Face library with all tokens of up to three digits, split by a pattern."""
    pairs = [(str(first), str(second)) for first in range(10) for second in range(10)]
    triples = [(f"{value:02d}", str(last)) for value in range(100) for last in range(10)]
    vocabulary = {character: value for value, character in enumerate(CHARACTERS)}
    vocabulary |= {left + right: 256 + index for index, (left, right) in enumerate([*pairs, *triples])}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[*pairs, *triples], ignore_merges=True))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated"),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = tokenizers.decoders.ByteLevel()
    made.save(str(path / "tokenizer.json"))
    return load_tokenizer(f"hf:{path / 'tokenizer.json'}")


@pytest.mark.parametrize(
    ("pattern", "label", "turned"),
    [
        (r"\d", "single", set()),
        (r"\d{1,3}", "L2R-3", set()),
        (r"\d{1,3}(?=(?:\d{3})*(?!\d))", "R2L-3", set()),
        # right to left where the run ends at a word boundary, else left to right
        (r"\d{1,3}(?=(?:\d{3})*\b)|\d{1,3}", "R2L-3", {"letter-after", "underscore-after"}),
    ],
)
def test_split_patterns_of_a_library(pattern: str, label: str, turned: set[str], tmp_path: Path) -> None:
    tokenizer = engine(pattern, tmp_path)
    policy = digit_policy(tokenizer, per_length=4)
    assert policy.label == label
    assert {name for name, found in policy.contexts.items() if found.label != label} == turned
    assert policy.context_dependent is bool(turned)
    if turned:
        assert {policy.contexts[name].label for name in turned} == {"L2R-3"}
        written = ("1234567", "letter-after", (3, 3, 1)), ("1234567", "start", (1, 3, 3))
        assert all(cuts(tokenizer, digits, context).chunks == chunks for digits, context, chunks in written)


@pytest.mark.data
@pytest.mark.parametrize(
    ("spec", "label"),
    [
        ("tiktoken:cl100k_base", "L2R-3"),
        ("tiktoken:o200k_base", "L2R-3"),
        ("tiktoken:p50k_base", "irregular"),
        ("hf:{data}/tokenizers/hf/gpt2.json", "irregular"),
        ("hf:{data}/tokenizers/hf/mistral03.json", "single"),
        ("tiktoken:{data}/tokenizers/tiktoken/qwen.tiktoken?pattern=qwen2", "single"),
    ],
)
def test_policies_of_vocabularies(
    spec: str, label: str, data_dir: Path, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    policy = digit_policy(load_tokenizer(spec.format(data=data_dir)), per_length=10)
    assert (policy.label, policy.context_dependent) == (label, False)
