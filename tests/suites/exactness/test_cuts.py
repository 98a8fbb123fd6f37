from __future__ import annotations

import pytest

from tokbench.suites.exactness.cuts import KINDS, Passage, choices, cuts, heads, passages
from tokbench.suites.exactness.texts import Text, embedded_corpus
from tokbench.tokenizers import Tokenizer, load_tokenizer

TEXTS = [
    Passage("a", b"the token was 1234 bytes long"),
    Passage("b", "in  1 don't naïve 你好".encode()),
    Passage("c", b"    return  x\n\n\ny = 12"),
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")


def test_every_cut_is_of_the_kind_that_its_definition_says(tokenizer: Tokenizer) -> None:
    found = cuts(tokenizer, TEXTS, 400)
    assert len(found) == sum(len(text.data) - 1 for text in TEXTS)
    assert {cut.kind for cut in found} == set(KINDS)
    for cut in found:
        data = cut.passage.data
        ids = tokenizer.encode(data.decode())
        ends = [len(tokenizer.join_bytes(ids[:count])) for count in range(1, len(ids) + 1)]
        try:
            front = data[: cut.offset].decode()
        except UnicodeDecodeError:
            assert cut.kind == "inside-char"
            continue
        if cut.offset not in ends:
            assert cut.kind == "inside-token"
        else:
            stable = tokenizer.encode(front) == ids[: ends.index(cut.offset) + 1]
            assert cut.kind == ("boundary" if stable else "unstable")


def test_labels_overlap_the_kinds(tokenizer: Tokenizer) -> None:
    by_place = {(cut.passage.name, cut.offset): cut for cut in cuts(tokenizer, TEXTS, 400)}
    assert by_place["a", 4].labels == ("trailing-space",)
    assert by_place["a", 16].labels == ("digits",)
    assert by_place["a", 1].labels == ("word-middle",)
    assert by_place["a", 3].labels == ()


def test_cuts_are_fixed_and_shared_between_sizes(tokenizer: Tokenizer) -> None:
    texts = passages(embedded_corpus())
    small, large = cuts(tokenizer, texts, 40), cuts(tokenizer, texts, 400)
    assert cuts(tokenizer, texts, 40) == small
    assert {(cut.passage.name, cut.offset) for cut in small} <= {(cut.passage.name, cut.offset) for cut in large}
    for kind in ("boundary", "inside-token", "inside-char"):
        assert sum(cut.kind == kind for cut in large) == 100


def test_passages_are_cut_between_characters_and_short_ones_left_out() -> None:
    found = passages([Text(name="t", lines=("short", "é" * 200, "long enough to cut"))])
    assert [passage.name for passage in found] == ["t/1", "t/2"]
    assert found[0].data == "é".encode() * 120


def test_heads_are_whole_characters_of_at_most_twelve_bytes() -> None:
    for head in heads(passages(embedded_corpus()), 50):
        assert 0 < len(head.data) <= 12
        head.data.decode()


def test_a_question_has_one_right_answer_and_different_others() -> None:
    found = choices(passages(embedded_corpus()), 60)
    assert len(found) == 60
    spaces = 0
    for question in found:
        text = question.passage.data.decode()
        assert text.startswith(question.context + question.answers[0])
        assert len(set(question.answers)) == 4
        spaces += question.context.endswith(" ")
        assert question.context.endswith(" ") != question.answers[0].startswith(" ")
    assert 10 < spaces < 50
