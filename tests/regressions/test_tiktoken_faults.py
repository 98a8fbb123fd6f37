"""Known faults of tiktoken 0.14.0: an XPASS after an upgrade means that a row is to be updated."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import tiktoken
from tiktoken.load import load_tiktoken_bpe

RANKS = {bytes([value]): value for value in range(256)}


def encoding() -> tiktoken.Encoding:
    return tiktoken.Encoding("bytes", pat_str=r"[\s\S]+", mergeable_ranks=RANKS, special_tokens={})


@pytest.mark.xfail(
    strict=True,
    raises=UnicodeEncodeError,
    reason="tiktoken 0.14.0: https://github.com/openai/tiktoken/issues/82 (encode repairs, this raises)",
)
def test_surrogates_are_treated_alike() -> None:
    engine = encoding()
    assert engine.encode("\ud83d") == list("\ufffd".encode())
    engine.encode_with_unstable("\ud83d")


def write(path: Path, ranks: dict[bytes, int]) -> None:
    path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items()))


@pytest.mark.xfail(
    strict=True,
    reason="tiktoken 0.14.0: a local path goes through the cache, https://github.com/openai/tiktoken/issues/75",
)
def test_a_changed_file_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "ranks.tiktoken"
    write(path, {b"a": 0})
    assert load_tiktoken_bpe(str(path)) == {b"a": 0}
    write(path, {b"b": 0})
    assert load_tiktoken_bpe(str(path)) == {b"b": 0}


def test_our_adapter_reads_a_changed_file_anew(tmp_path: Path) -> None:
    from tokbench.tokenizers import load_tokenizer

    path = tmp_path / "ranks.tiktoken"
    write(path, RANKS)
    before = load_tokenizer(f"tiktoken:{path}?pattern=whole")
    write(path, {token: (rank + 1) % 256 for token, rank in RANKS.items()})
    after = load_tokenizer(f"tiktoken:{path}?pattern=whole")
    assert before.encode("a") == [97]
    assert after.encode("a") == [98]
    assert before.info.fingerprint != after.info.fingerprint


def test_a_cached_file_of_another_content_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # by design of the library; our adapter looks first and leaves the file alone
    from tiktoken.load import read_file_cached

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "ranks.tiktoken"
    path.write_bytes(b"first")
    read_file_cached(str(path))
    (cached,) = (tmp_path / "cache").iterdir()
    path.write_bytes(b"second")
    with pytest.raises(ValueError, match="Hash mismatch"):
        read_file_cached(str(path), expected_hash="0" * 64)
    assert not cached.exists()
