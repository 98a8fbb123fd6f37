from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.bytelevel import ByteVocabulary
from tokbench.tokenizers import load_tokenizer
from tokbench.tokenizers.vocabulary import cache_directory, cached_byte_vocabulary

TOKENS = st.lists(st.binary(min_size=1, max_size=5), min_size=1, max_size=40)
SMALL = st.lists(st.text("ab\x00", min_size=1, max_size=4).map(str.encode), min_size=1, max_size=40)


def vocabulary(tokens: list[bytes]) -> ByteVocabulary:
    """A vocabulary whose ids are the positions in ``tokens``; equal tokens are duplicates."""
    ordered = sorted((token, index) for index, token in enumerate(tokens))
    return ByteVocabulary(
        np.array([index for _, index in ordered], np.int32),
        np.array([len(token) for token, _ in ordered], np.int32),
        np.frombuffer(b"".join(token for token, _ in ordered), np.uint8),
        np.zeros(0, np.int32),
        np.zeros(0, np.int32),
    )


@pytest.mark.property
@given(TOKENS | SMALL, st.binary(max_size=4) | st.text("ab\x00", max_size=4).map(str.encode))
def test_a_prefix_is_one_contiguous_range(tokens: list[bytes], prefix: bytes) -> None:
    built = vocabulary(tokens)
    lo, hi = built.range(prefix)
    inside = [built.token(index) for index in range(lo, hi)]
    assert all(token.startswith(prefix) for token in inside)
    assert len(inside) == sum(token.startswith(prefix) for token in tokens)
    assert inside == sorted(inside)


@pytest.mark.property
@given(TOKENS | SMALL)
def test_lookup_finds_every_id_and_nothing_else(tokens: list[bytes]) -> None:
    built = vocabulary(tokens)
    for token in tokens:
        assert built.lookup(token) == [index for index, other in enumerate(tokens) if other == token]
        assert built.lookup(token + b"?!?!?!") == []
    assert built.lookup(b"") == []


@pytest.mark.property
@given(SMALL)
def test_duplicates_are_the_tokens_that_repeat(tokens: list[bytes]) -> None:
    repeated = {token: [i for i, other in enumerate(tokens) if other == token] for token in tokens}
    expected = sorted((token, ids) for token, ids in repeated.items() if len(ids) > 1)
    assert vocabulary(tokens).duplicates() == expected


@pytest.mark.property
@given(TOKENS | SMALL, st.binary(max_size=4) | st.text("ab\x00", max_size=4).map(str.encode))
def test_children_split_a_range_by_the_next_byte(tokens: list[bytes], prefix: bytes) -> None:
    built = vocabulary(tokens)
    lo, hi = built.range(prefix)
    exact, following, starts, ends = built.children(lo, hi, len(prefix))
    assert exact == sum(token == prefix for token in tokens)
    assert list(following) == sorted(
        {token[len(prefix)] for token in tokens if token.startswith(prefix) and token != prefix}
    )
    for byte, start, end in zip(following, starts, ends, strict=True):
        assert built.range(prefix + bytes([byte])) == (start, end)


@pytest.mark.property
@given(TOKENS | SMALL, st.binary(max_size=8) | st.text("ab\x00", max_size=8).map(str.encode))
def test_prefixes_of_a_text_are_the_tokens_that_begin_it(tokens: list[bytes], text: bytes) -> None:
    built = vocabulary(tokens)
    found = [(length, [built.token(i) for i in range(lo, hi)]) for length, lo, hi in built.prefixes_of(text)]
    expected = [
        (length, [text[:length]] * tokens.count(text[:length]))
        for length in range(1, len(text) + 1)
        if text[:length] in tokens
    ]
    assert found == expected


@pytest.mark.property
@given(TOKENS)
def test_the_matrix_holds_every_byte(tokens: list[bytes]) -> None:
    built = vocabulary(tokens)
    for index in range(len(built)):
        token = built.token(index)
        assert built.matrix[: len(token), index].tobytes() == token
        assert not built.matrix[len(token) :, index].any()


def test_bytes_is_byte_complete() -> None:
    built = load_tokenizer("bytes").byte_vocabulary()
    assert len(built) == 256
    assert built.byte_complete
    assert not vocabulary([b"a", b"b"]).byte_complete


def test_the_disk_cache_is_used_and_survives_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKBENCH_CACHE_DIR", str(tmp_path))
    assert cache_directory() == tmp_path
    tokenizer = load_tokenizer("bytes")
    first = cached_byte_vocabulary(tokenizer)
    (path,) = tmp_path.glob("byte-vocabulary-*.npz")
    monkeypatch.setattr(ByteVocabulary, "build", lambda _: pytest.fail("the cache was not used"))
    assert (cached_byte_vocabulary(tokenizer).ids == first.ids).all()
    monkeypatch.undo()
    monkeypatch.setenv("TOKBENCH_CACHE_DIR", str(tmp_path))
    for damage in (path.read_bytes()[:100], b"", b"not an archive"):
        path.write_bytes(damage)
        assert len(cached_byte_vocabulary(tokenizer)) == 256
    with pytest.raises(OSError, match="nowhere"):
        ByteVocabulary.read(tmp_path / "nowhere.npz")


def test_an_unwritable_cache_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("TOKBENCH_CACHE_DIR", str(blocked / "below"))
    assert len(cached_byte_vocabulary(load_tokenizer("bytes"))) == 256


@pytest.mark.data
def test_real_vocabulary(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer("tiktoken:o200k_base")
    built = ByteVocabulary.build(tokenizer)
    assert len(built) == 199_998
    assert built.byte_complete
    assert built.nbytes < 60e6
    assert list(built.other_ids) == [199999, 200018]
    assert [int(token_id) for token_id in built.end_ids] == [199999]
    assert built.lookup(b"\n//") == [3914]  # a token that its own text does not encode to
    for word in (" strawberry", "the"):
        assert built.lookup(word.encode()) == tokenizer.encode(word)
