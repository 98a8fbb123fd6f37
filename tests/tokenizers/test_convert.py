from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Engine

from tokbench._resources import resource
from tokbench.errors import TokenizerFileError
from tokbench.laws.strategies import EXAMPLES, texts
from tokbench.tokenizers import Tokenizer, load_tokenizer
from tokbench.tokenizers import reference as twin
from tokbench.tokenizers._sentencepiece import SentencePieceTokenizer
from tokbench.tokenizers.convert import merges_to_ranks, ranks_to_hf, ranks_to_merges, sp_bpe_to_hf
from tokbench.tokenizers.patterns import PATTERNS

BYTES = {bytes([value]): value for value in range(256)}


def ranks_of(tokenizer: Tokenizer) -> dict[bytes, int]:
    return {
        tokenizer.token_bytes(token_id): token_id
        for token_id in tokenizer.ids()
        if tokenizer.kind(token_id) == "normal"
    }


@st.composite
def rank_tables(draw: st.DrawFn) -> dict[bytes, int]:
    """Single bytes and merges whose parts come earlier in the table."""
    ranks = dict(BYTES)
    for _ in range(draw(st.integers(0, 20))):
        parts = st.sampled_from([token for token in ranks if token.isalpha() and len(token) < 6])
        ranks.setdefault(draw(parts) + draw(parts), len(ranks))
    return ranks


@pytest.mark.property
@given(rank_tables(), st.text("abcdefABC 1", min_size=1, max_size=15))
def test_ranks_to_merges_and_back_leaves_encodings_equal(ranks: dict[bytes, int], text: str) -> None:
    back = merges_to_ranks(ranks_to_merges(ranks), sorted(BYTES, key=BYTES.__getitem__))
    assert back == ranks
    assert twin.merge_piece(back, text.encode()) == twin.merge_piece(ranks, text.encode())


def test_a_token_whose_parts_are_tokens_too_survives() -> None:
    # openai/tiktoken#60: `.:.:` is merged from `.:` and `.:`
    ranks = BYTES | {b".:": 256, b".:.:": 257}
    assert ranks_to_merges(ranks) == [(b".", b":"), (b".:", b".:")]
    assert twin.merge_piece(ranks, b".:.:.:") == [257, 256]


@cache
def tiny_engine() -> Engine:
    return ranks_to_hf(ranks_of(load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")), PATTERNS["gpt2"], {})


@pytest.mark.property
@settings(max_examples=300)
@given(st.text(max_size=25))
def test_ranks_run_alike_in_both_libraries(text: str) -> None:
    tokenizer = load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
    if not twin.assigned(text):
        return  # the two libraries know different versions of Unicode
    assert tiny_engine().encode(text, add_special_tokens=False).ids == tokenizer.encode(text)


def test_a_model_without_byte_fallback_is_refused() -> None:
    data = Path(resource("fixtures", "tiny-unigram.model")).read_bytes()
    with pytest.raises(TokenizerFileError):
        sp_bpe_to_hf(data)
    with pytest.raises(TokenizerFileError):
        sp_bpe_to_hf(b"not a model")


@pytest.fixture(scope="session", params=["v1", "v3"])
def mistral(request: pytest.FixtureRequest) -> Tokenizer:
    pytest.importorskip("mistral_common")
    return load_tokenizer(f"mistral:{request.param}")


@cache
def converted(tokenizer: Tokenizer) -> Engine:
    assert isinstance(tokenizer, SentencePieceTokenizer)
    engine = sp_bpe_to_hf(tokenizer.processor.serialized_model_proto())
    engine.encode_special_tokens = True
    return engine


@pytest.mark.property
@settings(max_examples=500)
@given(data=st.data())
def test_a_sentencepiece_model_runs_alike_in_both_libraries(mistral: Tokenizer, data: st.DataObject) -> None:
    text = data.draw(texts(mistral) | st.sampled_from(EXAMPLES))
    if any(
        mistral.kind(token_id) == "added" and mistral.token_bytes(token_id).decode() in text.replace("\u2581", " ")
        for token_id in mistral.encode(text)
    ):
        return  # behind a user-defined piece the other library inserts a second prefix
    assert converted(mistral).encode(text, add_special_tokens=False).ids == mistral.encode(text)


@pytest.mark.data
@pytest.mark.parametrize(("name", "pattern"), [("r50k_base", "gpt2"), ("cl100k_base", "cl100k")])
def test_real_ranks_run_alike_in_both_libraries(
    name: str, pattern: str, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokbench.suites.exactness.corpus import parity_corpus

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer(f"tiktoken:{name}")
    engine = ranks_to_hf(ranks_of(tokenizer), PATTERNS[pattern], {})
    corpus = [text for strings in parity_corpus(2000).values() for text in strings if twin.assigned(text)]
    assert len(corpus) > 1500
    for text in corpus:
        assert engine.encode(text, add_special_tokens=False).ids == tokenizer.encode(text)
