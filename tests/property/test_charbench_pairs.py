"""Laws of the pairs of the suite ``charbench``, on small vocabularies and on real ones.

- a question of a pair has the same answer under every condition, found in two ways
- every cover of ``pair_ids`` spells the same bytes and leaves the tokens outside of the word alone
- a word is cut as behind a space where a tokenizer inserts one, and as inside quotes where words are cut off first
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

import pytest
from charbench_items import core_item
from charbench_lists import word_list
from charbench_pairs import COVER_MUTANTS, COVERS_AT, LETTERS, asked, check_covers, cut_of
from charbench_tasks import ACCENTED, CLUSTERED, ENGLISH, drafted
from hypothesis import given
from hypothesis import strategies as st

from tokbench.suites.charbench._pair_ids import Covers
from tokbench.suites.charbench._spans import cuts, inner_boundaries
from tokbench.suites.charbench.item import Word
from tokbench.suites.charbench.prompts import render
from tokbench.suites.charbench.task import Task
from tokbench.suites.charbench.tasks import GROUPS
from tokbench.suites.charbench.words import units_of
from tokbench.tokenizers import Tokenizer, load_tokenizer

pytestmark = pytest.mark.property

SMALL = ("hf:@tiny.json", "sentencepiece:@tiny.model", "tiktoken:@tiny.tiktoken?pattern=gpt2", "hf:@tiny-unigram.json")
MISTRAL = ("mistral:v1", "mistral:v3", "mistral:tekken_240911")
OPENAI = ("o200k_base", "cl100k_base", "r50k_base")
WORDS = st.text(LETTERS, min_size=1, max_size=12)


@cache
def _load(spec: str) -> Tokenizer:
    if spec.startswith("mistral"):
        pytest.importorskip("mistral_common")
    return load_tokenizer(spec)


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", GROUPS[6], ids=lambda task: task.id)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_all_conditions_have_one_answer(task: Task, data: st.DataObject, seed: int) -> None:
    unit = data.draw(st.sampled_from(["codepoint", "grapheme"]))
    others = data.draw(st.sampled_from([ENGLISH, ACCENTED, CLUSTERED])) if unit == "grapheme" else ENGLISH + ACCENTED
    letters = st.sampled_from(sorted({one for word in others for one in units_of(word, unit)}))
    text = unicodedata.normalize("NFC", "".join(data.draw(st.lists(letters, min_size=2, max_size=9))))
    word, pool = Word(text, units_of(text, unit)), word_list(dict.fromkeys([text, *others]), unit)
    for selection, variants in task.selections.items():
        cells = task.cells(word, selection)
        for variant in variants:
            assert task.cells(word, variant) == cells
        for cell, candidates in cells.items():
            for candidate in candidates:
                items = [drafted(task, word, cell, candidate, pool, variant=one, seed=seed) for one in variants]
                made = [item for item in items if item is not None]
                assert len(made) in {0, len(variants)}
                for item in made:
                    assert task.gold(item) == task.second_gold(item) == item.answer == made[0].answer
                    assert item.length == made[0].length == len(units_of(item.word, unit))
                    assert item.gold_index == made[0].gold_index
                    assert item.word.lower() == made[0].word.lower()


# --- covers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [*SMALL, *MISTRAL, "bytes"])
@given(word=WORDS | st.text(st.sampled_from("aeéèöüßñşıשלमठç"), min_size=1, max_size=8))
def test_every_cover_spells_the_same_bytes(spec: str, word: str) -> None:
    check_covers(_load(spec), word)


@pytest.mark.data
@pytest.mark.parametrize("name", OPENAI)
@given(data=st.data())
def test_every_cover_of_a_large_vocabulary_spells_the_same_bytes(
    name: str, data: st.DataObject, tiktoken_cache: Path
) -> None:
    assert check_covers(_tiktoken(name, tiktoken_cache), data.draw(WORDS)) >= 3


@cache
def _tiktoken(name: str, folder: Path) -> Tokenizer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        return load_tokenizer(f"tiktoken:{name}")


def test_words_have_all_covers_unless_a_token_reaches_over_their_edge() -> None:
    found = [[check_covers(_load(spec), word) for word in ("strawberry", "cinnamon", "cheese")] for spec in SMALL[:3]]
    assert found == [[4, 4, 4], [0, 4, 4], [4, 4, 4]]
    refused = asked(_load(SMALL[1]), "strawberry")["chars"]  # one token holds the quote and the s
    assert isinstance(refused, str)
    assert "a token reaches over the edge of the word" in refused


@pytest.mark.parametrize("planted", COVER_MUTANTS)
def test_the_law_of_covers_finds_planted_bugs(planted: type[Covers], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*COVERS_AT, planted)
    with pytest.raises((AssertionError, ValueError)):  # noqa: PT012, any of them will do
        for spec in SMALL:
            for word in ("strawberry", "cinnamon", "x", "ss", "s", "t", "cheese", "the", "of"):
                check_covers(_load(spec), word)


# --- renderings -------------------------------------------------------------------------------------------------------


def _equal(tokenizer: Tokenizer, word: str, rendering: str) -> bool:
    """Whether a word is cut in a rendering as it is alone."""
    rendered = render(core_item("count_unique", word), "plain", rendering)
    texts = [(word, (0, len(word))), (rendered.text, (rendered.word_start, rendered.word_end))]
    bare, inside = cuts(tokenizer, texts)
    assert not isinstance(bare, str)
    assert not isinstance(inside, str)
    marks = [inner_boundaries(cut.spans, len(word)) for cut in (bare, inside)]
    assert sorted(marks[0]) == cut_of(tokenizer, word, word)
    tail = rendered.text[rendered.text.index("String:") :]
    assert sorted(marks[1]) == cut_of(tokenizer, tail, word), "what stands before does not matter"
    return marks[0] == marks[1]


@pytest.mark.parametrize("spec", [*MISTRAL[:2], SMALL[1]])
@given(word=WORDS)
def test_an_inserted_space_is_a_space(spec: str, word: str) -> None:
    assert _equal(_load(spec), word, "space")


@pytest.mark.parametrize("rendering", ["quote", "newline", "dquote", "backtick"])
@given(word=WORDS)
def test_words_between_delimiters_are_cut_as_alone(rendering: str, word: str) -> None:
    assert _equal(_load("mistral:tekken_240911"), word, rendering)


@pytest.mark.data
@pytest.mark.parametrize("name", OPENAI)
@given(data=st.data())
def test_words_between_delimiters_are_cut_as_alone_by_other_vocabularies(
    name: str, data: st.DataObject, tiktoken_cache: Path
) -> None:
    tokenizer, word = _tiktoken(name, tiktoken_cache), data.draw(WORDS)
    assert [_equal(tokenizer, word, one) for one in ("quote", "newline", "dquote", "backtick")] == [True] * 4
