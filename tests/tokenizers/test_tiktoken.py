from __future__ import annotations

import base64
import copy
import pickle
import shutil
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import (
    ControlTokenError,
    OptionError,
    SpecError,
    SpecialTextError,
    TokenizerFileError,
    TokenizerFileMissing,
    UnknownIdError,
    UnpairedSurrogateError,
    VocabularyUnavailable,
)
from tokbench.tokenizers import Tokenizer, load_tokenizer
from tokbench.tokenizers.cache import seed_tiktoken_cache


def write_ranks(path: Path, ranks: dict[bytes, int]) -> Path:
    path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items()))
    return path


BYTES = {bytes([value]): value for value in range(256)}
RANKS = BYTES | {b"in": 256, b" in": 257, b"  ": 258}


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = write_ranks(tmp_path_factory.mktemp("ranks") / "toy.tiktoken", RANKS)
    return load_tokenizer(f"tiktoken:{path}", pattern="gpt2", specials="<|end|>:300,<|x|>:400")


@pytest.fixture(params=["r50k_base", "p50k_base", "cl100k_base", "o200k_base"])
def real(request: pytest.FixtureRequest, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Tokenizer:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    return load_tokenizer(f"tiktoken:{request.param}")


def test_look_ahead_of_the_split_pattern_decides_the_ids(toy: Tokenizer) -> None:
    # bytelevel specification, 7.5
    assert toy.encode(" in  ") == [257, 258]
    assert toy.encode(" in  1") == [257, 32, 32, 49]
    assert toy.encode(" in   a") == [257, 258, 32, 97]


def test_ids_have_gaps_and_kinds(toy: Tokenizer) -> None:
    assert len(toy.ids()) == 261
    assert toy.ids()[-2:] == (300, 400)
    assert toy.kind(300) == "special"
    assert toy.special_tokens() == {"<|end|>": 300, "<|x|>": 400}
    with pytest.raises(UnknownIdError, match="259"):
        toy.kind(259)
    with pytest.raises(UnknownIdError):
        toy.decode([259])
    with pytest.raises(UnknownIdError):
        toy.decode_bytes([-1])
    with pytest.raises(ControlTokenError, match="special"):
        toy.token_bytes(300)


def test_special_text_stays_text_unless_asked(toy: Tokenizer) -> None:
    text = "a<|end|>b"
    assert toy.encode(text) == list(text.encode())
    assert toy.encode(text, specials="parse") == [97, 300, 98]
    with pytest.raises(SpecialTextError) as error:
        toy.encode(text, specials="raise")
    assert (error.value.special, error.value.index) == ("<|end|>", 1)
    with pytest.raises(OptionError):
        toy.encode(text, specials="maybe")  # type: ignore[arg-type]


def test_specials_contribute_no_bytes(toy: Tokenizer) -> None:
    assert toy.decode_bytes([97, 300, 98]) == b"ab"
    with pytest.raises(ControlTokenError):
        toy.decode_bytes([97, 300], strict=True)
    assert toy.decode([97, 300]) == "a<|end|>"


def test_surrogates_are_an_error_or_replaced(toy: Tokenizer, tmp_path: Path) -> None:
    for call in (toy.encode, toy.spans, lambda text: toy.encode_batch(["fine", text])):
        with pytest.raises(UnpairedSurrogateError) as error:
            call("ab\ud83d")
        assert (error.value.index, error.value.codepoint) == (2, 0xD83D)
    path = write_ranks(tmp_path / "toy.tiktoken", RANKS)
    lenient = load_tokenizer(f"tiktoken:{path}?pattern=gpt2&surrogates=replace")
    assert lenient.encode("\ud83d\ude00") == list("😀".encode())
    assert lenient.encode("\ud83d!") == list("\ufffd!".encode())


def test_bytes_that_are_not_text_survive(toy: Tokenizer) -> None:
    data = b" in\xff\xfe\x80in"
    assert toy.decode_bytes(toy.encode_bytes(data)) == data


def test_spans_tile_the_text(toy: Tokenizer) -> None:
    assert toy.spans(" iné") == [(0, 3), (3, 4), (4, 5)]
    assert toy.pretoken_spans(" in  é") == [(0, 3), (3, 4), (4, 7)]


def test_copies_behave_alike(toy: Tokenizer) -> None:
    for other in (copy.deepcopy(toy), pickle.loads(pickle.dumps(toy))):  # noqa: S301, our own pickle
        assert other.info == toy.info
        assert other.encode(" in<|end|>") == toy.encode(" in<|end|>")
        assert other.ids() == toy.ids()


@pytest.mark.property
@given(st.text(max_size=30))
def test_batch_and_bytes_agree_with_text(toy: Tokenizer, text: str) -> None:
    ids = toy.encode(text)
    assert toy.encode_batch([text, text]) == [ids, ids]
    assert toy.encode_bytes(text.encode()) == ids
    assert toy.decode_bytes(ids) == text.encode()
    assert toy.decode(ids) == text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\n", "256 missing: 0x00, 0x01, 0x02, 0x03, ..."),
        (b'{"version": "1.0"}', "found JSON with the keys 'version'"),
        (b"YQ== 0\nYQ==", "line 2 that reads b'YQ=='"),
        (b"YQ== 0\nYg== 0\n", "rank 0 in lines 1 and 2"),
        (b"YQ== 0\nYQ== 1\n", "token b'a' in lines 1 and 2"),
        (b"YQ== -1\n", "outside 0..2^32-1 in line 1"),
        (b"", "an empty file"),
    ],
)
def test_bad_rank_files_are_named(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "bad.tiktoken"
    path.write_bytes(content)
    with pytest.raises(TokenizerFileError) as error:
        load_tokenizer(f"tiktoken:{path}?pattern=gpt2")
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_specs_are_named(tmp_path: Path) -> None:
    ranks = write_ranks(tmp_path / "toy.tiktoken", RANKS)
    with pytest.raises(SpecError, match="no split pattern"):
        load_tokenizer(f"tiktoken:{ranks}")
    with pytest.raises(SpecError, match="no encoding of this name"):
        load_tokenizer("tiktoken:no_such_name")
    with pytest.raises(TokenizerFileMissing, match=r"nowhere\.tiktoken"):
        load_tokenizer("tiktoken:nowhere.tiktoken?pattern=gpt2")
    with pytest.raises(OptionError, match="valid regular expression"):
        load_tokenizer(f"tiktoken:{ranks}?pattern=(")
    with pytest.raises(OptionError, match="one of the options"):
        load_tokenizer(f"tiktoken:{ranks}?pattern=gpt2&colour=red")
    with pytest.raises(OptionError, match="NAME:ID"):
        load_tokenizer(f"tiktoken:{ranks}?pattern=gpt2&specials=x")


def test_a_stale_cache_file_is_neither_used_nor_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokbench.tokenizers._tiktoken import CACHE_FILES

    path = tmp_path / CACHE_FILES["cl100k_base"][0].key
    path.write_bytes(b"something else")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    with pytest.raises(VocabularyUnavailable, match="another content"):
        load_tokenizer("tiktoken:cl100k_base")
    assert path.read_bytes() == b"something else"


def test_offline_names_the_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TOKBENCH_OFFLINE", "1")
    with pytest.raises(VocabularyUnavailable, match="9b5ad71b2ce5302211f9c61530b329a4922fc6a4"):
        load_tokenizer("tiktoken:cl100k_base")


@pytest.mark.data
def test_real_vocabularies_agree_with_the_library(real: Tokenizer) -> None:
    encoding = tiktoken.get_encoding(real.info.name)
    text = "naïve café — 你好 🦙 नमस्ते <|endoftext|> 1234567"
    assert real.encode(text) == encoding.encode_ordinary(text)
    assert real.decode_bytes(real.encode(text)) == text.encode()
    assert len(real.ids()) == real.info.n_ids


@pytest.mark.data
def test_golden_ids(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    golden = {
        "r50k_base": ([31373, 995], [1238, 1954]),
        "cl100k_base": ([15339, 1917], [2366, 18]),
        "o200k_base": ([24912, 2375], [1323, 18]),
    }
    for name, (hello, year) in golden.items():
        tokenizer = load_tokenizer(f"tiktoken:{name}")
        assert tokenizer.encode("hello world") == hello
        assert tokenizer.encode("2023") == year
    assert load_tokenizer("tiktoken:o200k_harmony").encode("hello world") == [24912, 2375]


@pytest.mark.data
def test_gaps_in_the_ids_of_real_vocabularies(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    cl100k = load_tokenizer("tiktoken:cl100k_base")
    missing = set(range(cl100k.info.n_vocab)) - set(cl100k.ids())
    assert missing == {100256, *range(100261, 100276)}
    o200k = load_tokenizer("tiktoken:o200k_base")
    assert set(range(o200k.info.n_vocab)) - set(o200k.ids()) == {199998, *range(200000, 200018)}


@pytest.mark.data
def test_patterns_by_name_are_those_of_the_library(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    text = "Don't  DON'T 12345 x\n\n \ty  \u00e9\u0301Ab/\n HTTPServer's ½ \u3000z \r\n'LL"
    for name, pattern in (("r50k_base", "gpt2"), ("cl100k_base", "cl100k"), ("o200k_base", "o200k")):
        named = load_tokenizer(f"tiktoken:{name}")
        key = next(iter(named.info.files)).name
        ranks = load_tokenizer(f"tiktoken:{tiktoken_cache / key}?pattern={pattern}")
        assert ranks.encode(text) == named.encode(text)


@pytest.mark.data
def test_seeding_the_cache_rebuilds_gpt2_bit_for_bit(
    data_dir: Path, tiktoken_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "any-name.tiktoken"
    shutil.copy(tiktoken_cache / "0ea1e91bbb3a60f729a8dc8f777fd2fc07cd8df4", source)
    cache = tmp_path / "cache"
    written = seed_tiktoken_cache(cache, [source, data_dir / "tokenizers" / "hf" / "gpt2.json"])
    assert sorted(written.values()) == [("gpt2",), ("gpt2",), ("r50k_base",)]
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
    assert load_tokenizer("tiktoken:gpt2").encode("hello world") == [31373, 995]


def test_seeding_refuses_what_tiktoken_does_not_know(tmp_path: Path) -> None:
    path = write_ranks(tmp_path / "toy.tiktoken", RANKS)
    with pytest.raises(TokenizerFileError, match="another content"):
        seed_tiktoken_cache(tmp_path / "cache", [path])
    assert not (tmp_path / "cache").exists()
