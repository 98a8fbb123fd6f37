from __future__ import annotations

import copy
import json
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Engine

from tokbench.errors import (
    ControlTokenError,
    OptionError,
    SpecError,
    TokenizerFileError,
    TokenizerFileMissing,
    UnknownIdError,
    UnpairedSurrogateError,
    UnsupportedError,
    VocabularyUnavailable,
)
from tokbench.laws.strategies import texts
from tokbench.tokenizers import Tokenizer, excepted, load_tokenizer
from tokbench.tokenizers._bytetable import CHARACTERS

BYTE_VOCABULARY = {character: byte for byte, character in enumerate(CHARACTERS)}


def saved(engine: Engine, folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    engine.save(str(path))
    return load_tokenizer(f"hf:{path}")


def byte_level() -> Engine:
    engine = Engine(models.BPE(vocab={**BYTE_VOCABULARY, "in": 256}, merges=[("i", "n")]))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    engine.decoder = decoders.ByteLevel()
    return engine


def byte_fallback(*, fallback: bool = True) -> Engine:
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", "a", "b", "<", "0", "x", "4", "1", ">"]
    engine = Engine(
        models.BPE(
            vocab={piece: index for index, piece in enumerate(pieces)},
            merges=[],
            unk_token="<unk>",  # noqa: S106, a token of a vocabulary
            byte_fallback=fallback,
            fuse_unk=True,
        )
    )
    engine.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    engine.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return engine


# ---------------------------------------------------------------------- traps


def test_padding_and_truncation_of_the_file_are_off(tmp_path: Path) -> None:
    engine = byte_level()
    engine.enable_padding(length=12, pad_id=0)
    engine.enable_truncation(max_length=4)
    tokenizer = saved(engine, tmp_path)
    assert tokenizer.encode("hello you") == list(b"hello you")
    assert [len(ids) for ids in tokenizer.encode_batch(["hello you", "a"])] == [9, 1]


def test_special_text_stays_text_and_a_copy_keeps_the_switch(tmp_path: Path) -> None:
    engine = byte_level()
    engine.add_special_tokens(["<|e|>"])
    tokenizer = saved(engine, tmp_path)
    (special,) = tokenizer.special_tokens().values()
    for copied in (tokenizer, copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):  # noqa: S301, our own
        assert copied.encode("a<|e|>") == list(b"a<|e|>")
        assert copied.encode("a<|e|>", specials="parse") == [97, special]
        assert copied.encode("a<|e|>") == list(b"a<|e|>")
        assert copied.decode([97, special]) == "a<|e|>"
        assert copied.decode_bytes([97, special]) == b"a"
    assert tokenizer.kind(special) == "special"
    with pytest.raises(ControlTokenError):
        tokenizer.token_bytes(special)


def test_added_text_is_literal_and_never_goes_through_the_byte_table(tmp_path: Path) -> None:
    engine = byte_level()
    engine.add_tokens([AddedToken("\u010dx", normalized=False)])
    tokenizer = saved(engine, tmp_path)
    added = max(tokenizer.ids())
    assert tokenizer.kind(added) == "added"
    assert tokenizer.token_bytes(added) == "\u010dx".encode()
    assert tokenizer.decode_bytes(tokenizer.encode("a\u010dxb")) == "a\u010dxb".encode()


def test_ids_may_have_gaps(tmp_path: Path) -> None:
    vocabulary = {**BYTE_VOCABULARY, "in": 900}
    engine = Engine(models.BPE(vocab=vocabulary, merges=[("i", "n")]))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    tokenizer = saved(engine, tmp_path)
    assert len(tokenizer.ids()) == 257
    assert tokenizer.encode("in") == [900]
    for missing in (256, 899, 901, -1, 2**40):
        with pytest.raises(UnknownIdError):
            tokenizer.decode([missing])


def test_a_piece_in_the_form_of_a_byte_is_a_byte_only_with_byte_fallback(tmp_path: Path) -> None:
    with_fallback = saved(byte_fallback(), tmp_path)
    letter = 1 + ord("A")
    assert with_fallback.kind(letter) == "byte"
    assert with_fallback.token_bytes(letter) == b"A"
    assert with_fallback.join_bytes(with_fallback.encode("<0x41>")) == b" <0x41>"
    without = saved(byte_fallback(fallback=False), tmp_path)
    assert without.kind(letter) == "normal"
    assert without.token_bytes(letter) == b"<0x41>"


def test_an_inserted_prefix_is_declared_and_removed_once(tmp_path: Path) -> None:
    tokenizer = saved(byte_fallback(), tmp_path)
    assert tokenizer.info.prefix == b" "
    assert tokenizer.info.capability.summary == "lossless-except{u2581}"
    for text in ("a", " a", "  b"):
        assert tokenizer.decode_bytes(tokenizer.encode(text)) == text.encode()
        assert tokenizer.preimage(text) == b" " + text.encode()
    assert tokenizer.kind(0) == "unknown"


def test_normalisers_show_in_the_capability(tmp_path: Path) -> None:
    plain = saved(byte_level(), tmp_path)
    assert plain.info.capability.summary == "lossless"
    engine = byte_level()
    engine.normalizer = normalizers.NFC()
    assert saved(engine, tmp_path).info.capability.summary == "lossless-except{not-nfc}"
    engine = byte_level()
    engine.normalizer = normalizers.Lowercase()
    lossy = saved(engine, tmp_path).info.capability
    assert lossy.round_trip == "lossy"
    assert "normalisation" in lossy.losses


def test_an_alphabet_with_holes_is_declared_lossy(tmp_path: Path) -> None:
    engine = Engine(models.BPE(vocab={"a": 0, "b": 1}, merges=[]))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    tokenizer = saved(engine, tmp_path)
    assert tokenizer.encode("abc") == [0, 1]  # the library drops what it does not know
    assert "unknown-token" in tokenizer.info.capability.losses
    assert not tokenizer.info.capability.byte_complete


def test_pieces_outside_the_byte_table_have_no_bytes(tmp_path: Path) -> None:
    engine = Engine(models.BPE(vocab={**BYTE_VOCABULARY, "\u4f60": 256}, merges=[]))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    tokenizer = saved(engine, tmp_path)
    assert set(tokenizer.undecodable()) == {256}
    with pytest.raises(ValueError, match="256"):
        tokenizer.token_bytes(256)


def test_merges_and_pre_tokens_are_exposed(tmp_path: Path) -> None:
    tokenizer = saved(byte_level(), tmp_path)
    assert tokenizer.encode_piece(b"in\xff") == [256, 255]
    assert tokenizer.pretoken_spans("don't  1") == [(0, 3), (3, 5), (5, 6), (6, 8)]
    with pytest.raises(UnsupportedError):
        load_tokenizer("hf:@tiny-wordpiece.json").encode_piece(b"a")


def test_wordpiece_drops_its_marks_and_says_what_it_loses() -> None:
    tokenizer = load_tokenizer("hf:@tiny-wordpiece.json")
    assert tokenizer.info.family == "wordpiece"
    assert tokenizer.info.capability.round_trip == "lossy"
    assert not any(tokenizer.token_bytes(token).startswith(b"##") for token in tokenizer.encode("unbelievable things"))
    assert tokenizer.kind(tokenizer.encode("\U0001f4a9\U0001f4a9")[0]) == "unknown"
    with pytest.raises(UnsupportedError):
        tokenizer.preimage("a b")


def test_surrogates_are_our_error(tmp_path: Path) -> None:
    tokenizer = saved(byte_level(), tmp_path)
    calls: list[Callable[[str], object]] = [
        tokenizer.encode, tokenizer.spans, tokenizer.char_spans, lambda text: tokenizer.encode_batch([text])
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(UnpairedSurrogateError):
            call("a\ud800")


def test_the_streaming_decoder_of_the_library(tmp_path: Path) -> None:
    tokenizer = saved(byte_level(), tmp_path)
    assert tokenizer.library_stream(list("é!".encode())) == ["", "é", "!"]
    assert "".join(tokenizer.library_stream([0xC3])) == ""  # a held-back tail is never flushed


# ---------------------------------------------------------------------- places


def test_a_folder_is_as_good_as_its_file(tmp_path: Path) -> None:
    tokenizer = saved(byte_level(), tmp_path)
    assert load_tokenizer(f"hf:{tmp_path}").info.files == tokenizer.info.files
    assert len(tokenizer.info.files[0].sha256) == 64


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"{", "breaks off"),
        (b'{"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0', "breaks off"),
        (b'{"a": 1}', "'a'"),
        (b"[]", "begins with"),
        (b"<!doctype html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "LFS"),
        (b"\x00\x01\x02", "begins with"),
        (b"YQ== 0\n", "begins with"),
    ],
)
def test_files_of_another_kind_are_named(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(TokenizerFileError) as error:
        load_tokenizer(f"hf:{path}")
    assert found in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(TokenizerFileMissing, match=r"nowhere\.json"):
        load_tokenizer(f"hf:{tmp_path}/nowhere.json")
    with pytest.raises((TokenizerFileError, TokenizerFileMissing), match=r"tokenizer\.json"):
        load_tokenizer(f"hf:{tmp_path}")
    with pytest.raises((TokenizerFileMissing, TokenizerFileError, SpecError)):
        load_tokenizer("hf:@nothing.json")
    with pytest.raises(OptionError):
        load_tokenizer("hf:@tiny.json", colour="red")
    with pytest.raises(TokenizerFileError):
        load_tokenizer("hf:@tiny.model")


def test_a_hub_id_without_a_network_is_one_quick_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    start = time.monotonic()
    with pytest.raises(VocabularyUnavailable) as error:
        load_tokenizer("hf:no-such-organisation/no-such-model")
    assert time.monotonic() - start < 20
    assert "no-such-organisation/no-such-model" in str(error.value)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------------- real files


KNOWN = {
    "gpt2": ("lossless", frozenset[str]()),
    "modernbert": ("lossless-except", frozenset({"not-nfc"})),
    "mistral03": ("lossless-except", frozenset({"u2581", "leading-space"})),
    "bert_base_cased": ("lossy", frozenset[str]()),
}


@pytest.fixture(scope="session", params=KNOWN)
def real(request: pytest.FixtureRequest, data_dir: Path) -> Tokenizer:
    path = data_dir / "tokenizers" / "hf" / f"{request.param}.json"
    if not path.is_file():
        pytest.skip(f"tokenizer file not found: {path.name}")
    return load_tokenizer(f"hf:{path}")


@pytest.mark.data
def test_the_class_is_read_from_the_file(real: Tokenizer) -> None:
    capability = real.info.capability
    assert (capability.round_trip, capability.exceptions) == KNOWN[real.info.name]


@pytest.mark.data
@pytest.mark.property
@settings(max_examples=1000)
@given(data=st.data())
def test_nothing_is_lost_but_what_is_declared(real: Tokenizer, data: st.DataObject) -> None:
    text = data.draw(texts(real))
    capability = real.info.capability
    if capability.round_trip == "lossy" or excepted(text, capability.exceptions):
        return
    assert real.decode(real.encode(text)) == text


@pytest.mark.data
def test_golden_spans_of_the_library(data_dir: Path) -> None:
    gpt2 = load_tokenizer(f"hf:{data_dir / 'tokenizers' / 'hf' / 'gpt2.json'}")
    assert gpt2.char_spans("i \u2b62 j") == [(0, 1), (1, 3), (2, 3), (2, 3), (3, 5)]  # overlapping by design
    assert gpt2.encode("hello world") == [31373, 995]
    assert gpt2.encode("2023") == [1238, 1954]
    mistral = load_tokenizer(f"hf:{data_dir / 'tokenizers' / 'hf' / 'mistral03.json'}")
    assert mistral.decode(mistral.encode(" 9")) == "9"  # the declared exception leading-space


def test_the_file_is_not_repaired(tmp_path: Path) -> None:
    tokenizer = saved(byte_level(), tmp_path)
    shipped = tokenizer.shipped_configuration()
    assert shipped is not None
    file = json.loads((tmp_path / "tokenizer.json").read_text())
    assert shipped[0] == {name: file[name] for name in ("normalizer", "pre_tokenizer", "decoder")} | {
        "model": {name: value for name, value in file["model"].items() if name != "dropout"}
    }
