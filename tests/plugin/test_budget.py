"""Token budgets: the sum is the number of tokens, and the words say where it goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import NfcToy, ToyTokenizer

from tokbench._plugin.budget import BETWEEN, Cost, cost_of, format_ledger, parse_ledger
from tokbench.laws.strategies import texts

Run = Callable[..., pytest.RunResult]
TOY = ToyTokenizer()
OWN = """
def test_cost(tokbench_tokenizer, tokbench_budget):
    assert tokbench_budget(tokbench_tokenizer, ["hello world", "hello"], BUDGET) == 16
"""


@pytest.mark.property
@given(st.lists(texts(), max_size=4))
def test_words_and_what_lies_between_cost_what_the_texts_cost(given_texts: list[str]) -> None:
    cost = cost_of(TOY, given_texts)
    assert cost.tokens == sum(len(TOY.encode(text)) for text in given_texts) == sum(cost.words.values())
    assert cost.size == sum(len(text.encode()) for text in given_texts)
    assert cost.counts == Counter(word for text in given_texts for word in text.split()) or any(
        "\x1c" <= character <= "\x1f" for text in given_texts for character in text
    )


def test_a_token_belongs_to_the_first_word_that_it_holds_a_byte_of() -> None:
    cost = cost_of(TOY, ["hello  \n world 2023"])
    assert cost.tokens == len(TOY.encode("hello  \n world 2023"))
    assert cost.words["hello"] == len(TOY.encode("hello"))
    assert cost.words["world"] == len(TOY.encode(" world"))
    assert cost.words[BETWEEN] == cost.tokens - sum(cost.words[word] for word in ("hello", "world", "2023"))


def test_without_spans_words_are_encoded_alone() -> None:
    class NoSpans(NfcToy):
        def spans(self, text: str) -> list[tuple[int, int]]:
            from tokbench.errors import UnsupportedError

            raise UnsupportedError("spans", "toy", "none")

    cost = cost_of(NoSpans(), ["hello world"])
    assert cost.alone
    assert cost.words == Counter(hello=len(TOY.encode("hello")), world=len(TOY.encode("world")))


@pytest.mark.property
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), st.integers(1, 999), max_size=6))
def test_a_ledger_is_read_as_it_was_written(words: dict[str, int]) -> None:
    cost = Cost(sum(words.values()), 10, Counter(words), Counter(dict.fromkeys(words, 1)))
    data = format_ledger({"toy": cost, "a: b": cost}, "test_cost.py::test_cost")
    assert parse_ledger(data) == {"toy": Counter(words), "a: b": Counter(words)}
    assert data.isascii()


def test_a_budget_that_is_kept_returns_the_cost(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_cost=OWN.replace("BUDGET", "16"))
    run("bytes").assert_outcomes(passed=1)


def test_a_budget_that_is_not_kept_shows_the_words(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_cost=OWN.replace("BUDGET", "15"))
    result = run("bytes")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*16 tokens by bytes, 1 more than the 15 of the budget (16 bytes, 3 words)",
         "*10  'hello'  2 times, alone 'h' 'e' 'l' 'l' 'o'", "* 5  'world'  1 times*", "* 1  between words"]
    )  # fmt: skip


def test_the_difference_by_word_is_to_what_was_stored(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_cost=OWN.replace("BUDGET", "16"))
    run("bytes", "--tokbench-snapshot-update").assert_outcomes(passed=1)
    path = stranger.path / "__tokbench__" / "test_cost" / "test_cost-bytes.budget.txt"
    assert "by bytes: 16 tokens, 16 bytes" in path.read_text(encoding="utf-8")
    stranger.makepyfile(test_cost=OWN.replace("BUDGET", "16").replace('"hello"]', '"hello you"]'))
    result = run("bytes")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*20 tokens by bytes, 4 more than the 16 of the budget*",
         "*difference by word to __tokbench__/test_cost/test_cost-bytes.budget.txt: +4 tokens",
         "*+3  'you'  1 times, alone 'y' 'o' 'u'", "*+1  between words"]
    )  # fmt: skip


def test_the_difference_by_word_is_to_a_reference(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(
        test_cost="""
        def test_cost(tokbench_tokenizer, tokbench_reference, tokbench_budget):
            tokbench_budget(tokbench_tokenizer, "hello world", 5, reference=tokbench_reference)
        """
    )
    result = run("bytes", "--tokbench-reference=toys:toy")
    result.stdout.fnmatch_lines(["*difference by word to toys-toy: +9 tokens", "*+4  'hello'*", "*+4  'world'*"])


def test_a_corpus_is_a_file(run: Run, stranger: pytest.Pytester) -> None:
    stranger.path.joinpath("corpus.txt").write_text("caf\u00e9\n" * 3, encoding="utf-8")
    stranger.makepyfile(
        test_cost="""
        from pathlib import Path

        def test_cost(tokbench_tokenizer, tokbench_budget):
            assert tokbench_budget(tokbench_tokenizer, Path("corpus.txt"), 18) == 18

        def test_missing(tokbench_tokenizer, tokbench_budget):
            tokbench_budget(tokbench_tokenizer, Path("none.txt"), 18)

        def test_number(tokbench_tokenizer, tokbench_budget):
            tokbench_budget(tokbench_tokenizer, "a", "b")
        """
    )
    result = run("bytes")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*tokbench_budget: none.txt cannot be read (*"])
    result.stdout.fnmatch_lines(["*tokbench_budget: expected a number of tokens from 0, found 'b'"])
