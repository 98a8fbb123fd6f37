"""What a stranger wants to know of a tokenizer: that ids stay, that text stays cheap, that anything comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokbench
from tokbench.pytest_plugin import Budget, Snapshot


def test_ids_stay(tokbench_tokenizer: tokbench.Tokenizer, tokbench_snapshot: Snapshot) -> None:
    tokbench_snapshot(tokbench_tokenizer, ["hello world", "na\u00efve \U0001f999", ""])


def test_text_stays_cheap(tokbench_tokenizer: tokbench.Tokenizer, tokbench_budget: Budget) -> None:
    assert tokbench_budget(tokbench_tokenizer, "hello world, hello again", tokens=24) > 0


@given(st.text())
def test_anything_comes_back(tokbench_tokenizer: tokbench.Tokenizer, text: str) -> None:
    assert tokbench_tokenizer.decode(tokbench_tokenizer.encode(text)) == text


@pytest.mark.tokbench(suite="conformance", needs="char-spans")
def test_spans(tokbench_tokenizer: tokbench.Tokenizer) -> None:
    assert tokbench_tokenizer.char_spans("ab")
