"""How often words are cut otherwise in other surroundings: the shares of real vocabularies, over the built-in list."""

from __future__ import annotations

import pytest
from charbench_items import core_item
from charbench_lists import scowl, word_list
from charbench_pairs import unclipped

from tokbench.errors import UnsupportedError
from tokbench.suites.charbench import _pair_census
from tokbench.suites.charbench._pair_census import SURROUNDINGS, Share, compare_surroundings, length_balanced
from tokbench.suites.charbench.items import LENGTHS
from tokbench.suites.charbench.prompts import RENDERINGS, render
from tokbench.tokenizers import Tokenizer, load_tokenizer

_BEFORE, _, _AFTER = render(core_item("count_char", "strawberry", "r"), "charbench-2025").text.partition("strawberry")
PAPER = (_BEFORE, _AFTER)
"""What stands around the word in the paper's prompt."""

CUT_OFF = ("tiktoken:o200k_base", "tiktoken:cl100k_base", "tiktoken:r50k_base", "mistral:tekken_240911")
"""Vocabularies that cut words off from what stands around them; the shares of all are in tests/benchmarks."""


@pytest.fixture
def tokenizer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Tokenizer:
    spec: str = request.param
    if spec.startswith("tiktoken"):
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(request.getfixturevalue("tiktoken_cache")))
    else:
        pytest.importorskip("mistral_common")
    return load_tokenizer(spec)


def _shares(tokenizer: Tokenizer, first: str, second: str, *lengths: int) -> dict[int, Share]:
    return compare_surroundings(tokenizer, scowl(), SURROUNDINGS[first], SURROUNDINGS[second], lengths or LENGTHS)


# ---------------------------------------------------------------------- golden values


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("tokenizer", ["tiktoken:r50k_base"], indirect=True)
def test_shares_of_the_whole_list(tokenizer: Tokenizer) -> None:
    """Over 273,449 words: in 20.51 % quote and nlquote differ, in 30.08 % a token reaches over the edge."""
    assert [round(share, 4) for share in length_balanced(_shares(tokenizer, "quote", "nlquote"))] == [0.2051, 0.3008]


@pytest.mark.parametrize("tokenizer", ["mistral:v1", "mistral:v3"], indirect=True)
def test_a_dummy_prefix_cuts_a_bare_word_as_none_in_a_prompt(tokenizer: Tokenizer) -> None:
    """Differing shares of length 4 and 5: .2753 and .2618, alone and in the paper's prompt."""
    for first, second in (("quote", "space"), ("bare", "quote")):
        found = _shares(tokenizer, first, second, 4, 5)
        assert [round(share.differ / share.n, 4) for share in found.values()] == [0.2753, 0.2618]
    paper = compare_surroundings(tokenizer, scowl(), SURROUNDINGS["bare"], PAPER, (4,))
    assert round(paper[4].differ / paper[4].n, 4) == 0.2753
    assert _shares(tokenizer, "bare", "space", 4)[4].differ == 0
    assert _shares(tokenizer, "quote", "nlquote", 4)[4] == Share(7305, 0, 0)


def test_nearly_every_word_has_the_space_in_its_first_token() -> None:
    pytest.importorskip("mistral_common")
    shares = _shares(load_tokenizer("mistral:v3"), "quote", "space", 4)
    assert 0.99 < shares[4].straddled / shares[4].n < 1


@pytest.mark.data
@pytest.mark.parametrize("tokenizer", CUT_OFF, indirect=True)
def test_words_between_delimiters_are_cut_as_alone(tokenizer: Tokenizer) -> None:
    for second in ("quote", "newline", "dquote", "backtick"):
        assert _shares(tokenizer, "bare", second, 4)[4] == Share(7305, 0, 0)
    assert compare_surroundings(tokenizer, scowl(), SURROUNDINGS["bare"], PAPER, (4,))[4] == Share(7305, 0, 0)
    assert _shares(tokenizer, "quote", "nlquote", 4)[4].differ > 500


@pytest.mark.data
@pytest.mark.parametrize("tokenizer", ["tiktoken:cl100k_base"], indirect=True)
def test_a_quote_at_the_beginning_of_a_line_takes_letters_with_it(tokenizer: Tokenizer) -> None:
    before, after = SURROUNDINGS["nlquote"]
    ids = tokenizer.encode(f"{before}strawberry{after}")
    assert [tokenizer.token_bytes(token) for token in ids][-5:-1] == [b"'s", b"tr", b"aw", b"berry"]
    found = compare_surroundings(tokenizer, word_list(["strawberry"]), SURROUNDINGS["quote"], (before, after), (10,))
    assert found == {10: Share(1, 1, 1)}


@pytest.mark.parametrize("tokenizer", ["mistral:v1"], indirect=True)
def test_an_example_of_another_cut(tokenizer: Tokenizer) -> None:
    """``nord|st|rom`` alone, ``n|ord|st|rom`` in the prompt."""
    pieces = [tokenizer.token_bytes(token) for token in tokenizer.encode("nordstrom")]
    assert pieces == [b" nord", b"st", b"rom"]
    words = word_list(["nordstrom"])
    found = _pair_census._cuts(tokenizer, ["nordstrom"], ("in '", "'?"))
    assert next(found) == (frozenset({1, 4, 6}), False)
    assert compare_surroundings(tokenizer, words, SURROUNDINGS["bare"], PAPER, (9,)) == {9: Share(1, 1, 0)}


# ---------------------------------------------------------------------- the function


def test_surroundings_are_those_of_prompts() -> None:
    item = core_item("find_first", "cheese", "e")
    for name in RENDERINGS:
        before, after = SURROUNDINGS[name]
        assert render(item, "plain", name).text.endswith(f"\n{before}cheese{after}")
    assert SURROUNDINGS["bare"] == ("", "")


def test_shares_are_means_over_lengths() -> None:
    found = length_balanced({4: Share(10, 5, 1), 5: Share(1000, 0, 500)})
    assert found == (0.25, 0.3)


def test_words_of_more_bytes_than_characters() -> None:
    words = word_list(["été", "fête"])
    found = compare_surroundings(load_tokenizer("hf:@tiny.json"), words, ("", ""), ("ça '", "'"), (3, 4))
    assert found == {3: Share(1, 0, 0), 4: Share(1, 0, 0)}


def test_a_tokenizer_without_spans_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="its tokens do not tile the bytes"):
        _shares(load_tokenizer("hf:@tiny-wordpiece.json"), "bare", "quote", 4)


def test_boundaries_that_are_not_clipped_are_found_by_a_golden_value(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mistral_common")
    monkeypatch.setattr(_pair_census, "inner_boundaries", unclipped)
    found = _shares(load_tokenizer("mistral:v3"), "quote", "space", 4)[4]
    assert found.differ / found.n > 0.99
