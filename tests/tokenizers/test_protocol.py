"""What the base class promises for every backend, on the reference backend and on the project's fixtures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import ControlTokenError, UnknownIdError, UnsupportedError
from tokbench.tokenizers import TEXT_KINDS, Capability, Tokenizer, excepted, load_tokenizer

SPECS = ("bytes", "tiktoken:@tiny.tiktoken?pattern=gpt2", "hf:@tiny.json", "sentencepiece:@tiny.model")


@pytest.fixture(scope="session", params=SPECS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return load_tokenizer(request.param)


@pytest.fixture(scope="session")
def prefixed() -> Tokenizer:
    return load_tokenizer("sentencepiece:@tiny.model")


@pytest.mark.property
@given(st.text(max_size=20))
def test_spans_hold_the_bytes_of_the_tokens(tokenizer: Tokenizer, text: str) -> None:
    if excepted(text, tokenizer.info.capability.exceptions):
        return
    data = text.encode()
    spans, ids = tokenizer.spans(text), tokenizer.encode(text)
    assert len(spans) == len(ids)
    assert b"".join(data[start:end] for start, end in spans) == data
    for (start, end), token_id in list(zip(spans, ids, strict=True))[1:]:
        assert tokenizer.token_bytes(token_id) == data[start:end]


@pytest.mark.property
@given(data=st.data())
def test_a_stream_joins_to_the_bytes_of_any_ids(tokenizer: Tokenizer, data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.sampled_from(list(tokenizer.ids())), max_size=8))
    stream = tokenizer.stream()
    assert b"".join([*(stream.step(token_id) for token_id in ids), stream.finish()]) == tokenizer.decode_bytes(ids)
    text = tokenizer.text_stream()
    joined = "".join([*(text.step(token_id) for token_id in ids), text.finish()])
    assert joined == tokenizer.decode_bytes(ids).decode("utf-8", "replace")


def test_kinds_and_bytes_fit_together(tokenizer: Tokenizer) -> None:
    for token_id in tokenizer.ids():
        if tokenizer.kind(token_id) in TEXT_KINDS:
            assert tokenizer.token_bytes(token_id)
        else:
            with pytest.raises(ControlTokenError):
                tokenizer.token_bytes(token_id)
    for token_id in (-1, max(tokenizer.ids()) + 1, 2**40):
        for call in (tokenizer.kind, tokenizer.token_bytes, tokenizer.stream().step):
            with pytest.raises(UnknownIdError):
                call(token_id)
        with pytest.raises(UnknownIdError):
            tokenizer.decode([token_id])
        with pytest.raises(UnknownIdError):
            tokenizer.decode_bytes([token_id])


def test_one_inserted_space_is_removed_and_no_more(prefixed: Tokenizer) -> None:
    assert prefixed.info.prefix == b" "
    for text in ("a", " a", "  a", "a  b "):
        ids = prefixed.encode(text)
        assert prefixed.join_bytes(ids) == b" " + text.encode()
        assert prefixed.decode_bytes(ids) == text.encode()
        assert prefixed.preimage(text) == b" " + text.encode()
    assert prefixed.preimage("") == b""
    assert prefixed.spans("a")[0][0] == 0


def test_what_a_backend_lacks_says_so() -> None:
    tokenizer = load_tokenizer("sentencepiece:@tiny.model")
    for call in (
        lambda: tokenizer.encode("a", specials="parse"),
        lambda: tokenizer.encode_bytes(b"a"),
        lambda: tokenizer.encode_piece(b"a"),
        lambda: tokenizer.pretoken_spans("a"),
        lambda: tokenizer.library_stream([]),
    ):
        with pytest.raises(UnsupportedError, match="sentencepiece"):
            call()


def test_fingerprints_tell_tokenizers_apart() -> None:
    infos = [load_tokenizer(spec).info for spec in SPECS]
    assert len({info.fingerprint for info in infos}) == len(SPECS)
    assert len({info.slug for info in infos}) == len(SPECS)
    assert load_tokenizer(SPECS[1]).info == infos[1]
    other = load_tokenizer("tiktoken:@tiny.tiktoken?pattern=cl100k").info
    assert other.fingerprint != infos[1].fingerprint  # another split pattern is another tokenizer


def test_a_capability_names_only_known_exceptions() -> None:
    with pytest.raises(ValueError, match="no-such-exception"):
        Capability(round_trip="lossless-except", exceptions=frozenset({"no-such-exception"}))
    assert Capability(round_trip="lossy", losses=frozenset({"normalisation"})).summary == "lossy{normalisation}"
