from __future__ import annotations

from pathlib import Path

import pytest
from arithmetic_tokenizers import DigitFree, DigitToy, fallback, irregular, l2r, left, r2l, single, whole
from toys import PrefixToy, UnknownToy

from tokbench.errors import OptionError
from tokbench.suites.arithmetic.cuts import CONTEXTS, SUB_DIGIT, UNKNOWN, Context, cut_digits, cuts, cuts_in
from tokbench.tokenizers import load_tokenizer


def test_cuts_count_the_digits_behind_them() -> None:
    found = cuts(l2r(), "1234567")
    assert (found.length, {*found.positions}, found.chunks, found.clean) == (7, {1, 4}, (3, 3, 1), True)
    found = cuts(r2l(), "1234567")
    assert ({*found.positions}, found.chunks) == ({3, 6}, (1, 3, 3))
    assert cuts(single(), "1234").chunks == (1, 1, 1, 1)
    assert cuts(DigitToy(whole), "12345678").positions == set()
    assert cuts(single(), "7").chunks == (1,)


def test_contexts_are_nine_neighbours_on_either_side_and_none() -> None:
    assert len(CONTEXTS) == 19
    beside = {context.before + context.after for context in CONTEXTS.values()}
    assert beside == {"", " ", "b", "_", ",", ".", "+", "=", "%", "\n"}


def test_cuts_depend_on_the_context() -> None:
    toy = DigitToy(fallback)
    assert cuts(toy, "1234567").chunks == (1, 3, 3)
    assert cuts(toy, "1234567", "letter-after").chunks == (3, 3, 1)
    assert cuts(toy, "1234567", "underscore-after").chunks == (3, 3, 1)
    assert cuts(toy, "1234567", "letter-before").chunks == (1, 3, 3)
    assert cuts(toy, "1234567", Context("own", "x", "_8")).chunks == (3, 3, 1)


def test_a_token_with_something_else_is_fused() -> None:
    toy = DigitToy(left(3), sticky=" +")
    for context, fused in (("start", False), ("space-before", True), ("plus-before", True), ("plus-after", False)):
        found = cuts(toy, "1234567", context)
        assert (found.fused, found.clean, found.chunks) == (fused, not fused, (3, 3, 1))


def test_an_inserted_space_is_no_fusion() -> None:
    tokenizer = PrefixToy()
    assert tokenizer.token_bytes(tokenizer.encode("123")[0]) == b" "
    assert cuts(tokenizer, "2023").clean


def test_cuts_across_separators_and_of_two_numbers() -> None:
    first, second = cuts_in(r2l(), "12345+678901=", [range(5), range(6, 12)])
    assert (first.chunks, second.chunks) == ((2, 3), (3, 3))
    grouped = cuts_in(single(), "1,23", [(0, 2, 3)])[0]
    assert ({*grouped.positions}, grouped.clean) == ({1, 2}, True)
    apart = cuts_in(l2r(), "1,234,567", [(0, 2, 3, 4, 6, 7, 8)])[0]
    assert (apart.chunks, apart.clean) == ((1, 3, 3), True)
    fused = cuts_in(DigitToy(left(3), sticky=","), "1,234", [(0, 2, 3, 4)])[0]
    assert (fused.chunks, fused.fused) == ((1, 3), True)


def test_a_token_over_a_separator_has_no_cut_there() -> None:
    found = cut_digits([(0, 4), (4, 5)], [(0, 1), (2, 3), (3, 4), (4, 5)])
    assert ({*found.positions}, found.fused) == ({1}, True)


def test_digits_of_several_bytes() -> None:
    found = cuts(load_tokenizer("bytes"), "१२३")
    assert (found.reason, found.chunks, found.clean) == (SUB_DIGIT, (), False)
    assert not found.positions
    assert cut_digits([(0, 3), (3, 9)], [(0, 3), (3, 6), (6, 9)]).chunks == (1, 2)
    # several ids that a library lays on the same character
    assert cut_digits([(0, 3), (0, 3), (3, 6)], [(0, 3), (3, 6)]).reason == SUB_DIGIT


def test_unknown_tokens_and_digits_that_vanish() -> None:
    assert cuts(UnknownToy(), "१२३").reason == UNKNOWN
    assert cuts(DigitFree(), "123").reason == UNKNOWN
    assert cut_digits([(0, 1)], [(0, 1), (1, 2)]).reason == "no token holds a digit"
    assert cut_digits([], [(0, 1)]).reason == "no token holds a digit"


def test_library_spans_of_a_text_that_is_changed() -> None:
    tokenizer = load_tokenizer("hf:@tiny-wordpiece.json")
    found = cuts(tokenizer, "12", "space-before")
    assert not found.fused
    assert sum(found.chunks) in {0, 2}


@pytest.mark.parametrize("digits", ["", "12a", "-1", "1 2", "1.5"])
def test_something_else_than_digits(digits: str) -> None:
    with pytest.raises(OptionError, match="digits"):
        cuts(l2r(), digits)


def test_a_context_that_does_not_exist() -> None:
    with pytest.raises(OptionError, match="space-before"):
        cuts(l2r(), "12", "nowhere")


def test_irregular_cuts() -> None:
    toy = DigitToy(irregular)
    assert cuts(toy, "12345").chunks == (3, 2)
    assert cuts(toy, "22345").chunks == (2, 2, 1)


GPT2 = {"1234567": (3, 2, 2), "12345678": (3, 2, 3), "123456789": (3, 2, 2, 2)}


@pytest.mark.data
@pytest.mark.parametrize("spec", ["tiktoken:r50k_base", "hf:{data}/tokenizers/hf/gpt2.json"])
def test_examples_of_gpt2(spec: str, data_dir: Path, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer(spec.format(data=data_dir))
    assert {digits: cuts(tokenizer, digits).chunks for digits in GPT2} == GPT2
    grouped = cuts_in(tokenizer, "1,234,567", [(0, 2, 3, 4, 6, 7, 8)])[0]
    assert (grouped.chunks, grouped.fused) == ((1, 3, 1, 2), False)
    assert cuts(tokenizer, "123", "space-before").fused


@pytest.mark.data
def test_examples_of_cl100k(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer("tiktoken:cl100k_base")
    for context in CONTEXTS:  # after a space the space is a token of its own
        found = cuts(tokenizer, "1234567", context)
        assert (found.chunks, found.fused) == ((3, 3, 1), False)
