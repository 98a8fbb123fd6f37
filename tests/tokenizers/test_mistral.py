from __future__ import annotations

import base64
import copy
import hashlib
import json
import pickle
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.errors import (
    ControlTokenError,
    MissingExtraError,
    OptionError,
    SpecialTextError,
    TokenizerFileError,
    TokenizerFileMissing,
    UnknownIdError,
    UnpairedSurrogateError,
    UnsupportedError,
)
from tokbench.tokenizers import registry
from tokbench.tokenizers.protocol import Tokenizer
from tokbench.tokenizers.registry import load_tokenizer

pytest.importorskip("mistral_common", reason="the extra mistral is not installed")

from tokbench.tokenizers import _mistral
from tokbench.tokenizers._mistral import KNOWN_FILES, MistralSentencePiece, Tekken, discover, shipped_files

NAMES = ("v1", "v2", "v3", "v7", "v7m1", "tekken_240718", "tekken_240911")
SENTENCEPIECE = ("v1", "v2", "v3", "v7", "v7m1")

PREFIXES = {
    "v1": "dadfd56d766715c6",
    "v2": "37f00374dea48658",
    "v3": "9addc8bdce598844",
    "v7": "1b968b8dc352f421",
    "v7m1": "1b968b8dc352f421",
    "tekken_240718": "eccd1665d2e47769",
    "tekken_240911": "1948e2d48b0e7377",
}

GOLDEN = [
    ("v1", "hello world", [6312, 28709, 1526]),
    ("v1", "<s>", [523, 28713, 28767]),
    ("v1", "<0x41>", [523, 28734, 28744, 28781, 28740, 28767]),
    ("v1", "\x00", [28705, 3]),
    ("v1", "🦙", [28705, 243, 162, 169, 156]),
    ("v1", "", []),
    ("v1", " ", [259]),
    ("v1", "a b", [264, 287]),
    ("v1", "a▁b", [264, 287]),
    ("v3", "hello world", [7080, 29477, 2294]),
    ("tekken_240911", "hello world", [29706, 4304]),
    ("tekken_240911", "1234", [1049, 1050, 1051, 1052]),
    ("tekken_240911", "🦙", [1240, 1159, 1166, 1153]),
    ("tekken_240911", "a\x00b", [1097, 1000, 1098]),
    ("tekken_240911", "<s>", [1060, 1115, 1062]),
    ("tekken_240911", "", []),
    ("tekken_240718", "hello world", [29706, 4304]),
]

TEXTS = st.one_of(
    st.text(),
    st.text(alphabet=" ab▁\t\n\r\u00a0\u3000x<>éﬁ🦙\x00e\u0301'1\u0e01नम"),
    st.lists(
        st.sampled_from(["hello", "World", " ", "  ", "\n", "▁", "<s>", "</s>", "<unk>", "[INST]", "<SPECIAL_20>",
                         "[REF]", "<0x41>", "2023", "it's", "🦙", "你好", "नमस्ते", "/", "!="])
    ).map("".join),
)  # fmt: skip


@cache
def loaded(name: str) -> Tokenizer:
    return load_tokenizer(f"mistral:{name}")


@pytest.fixture(scope="session")
def v1() -> Tokenizer:
    return loaded("v1")


@pytest.fixture(scope="session")
def tekken() -> Tokenizer:
    return loaded("tekken_240911")


# ---------------------------------------------------------------------- files


def test_the_files_are_the_known_ones() -> None:
    files = shipped_files()
    assert set(NAMES) <= set(files)
    assert {name: digest[:16] for name, digest in KNOWN_FILES.items()} == PREFIXES
    for name in NAMES:
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == KNOWN_FILES[name]


def test_discover_lists_every_file_without_loading_one() -> None:
    listed = dict(discover())
    assert list(listed) == [f"mistral:{name}" for name in shipped_files()]
    assert "tekken" in listed["mistral:tekken_240911"]
    assert "19.3 MB" in listed["mistral:tekken_240911"]
    assert "SentencePiece" in listed["mistral:v3"]


def test_unknown_files_of_the_library_are_listed_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a.model.v3", "b.model.v3", "tekken_300101.json", "c.model.v9", "README.md", "other.json"):
        (tmp_path / "data" / name).write_bytes(b"")
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    assert list(shipped_files()) == ["b.model.v3", "v3", "v9", "tekken_300101"]
    assert shipped_files()["v3"].name == "a.model.v3"


@pytest.mark.parametrize(("known", "recorded"), [("0" * 64, "differs from the one known"), (None, "not known")])
def test_another_content_is_recorded_not_refused(
    monkeypatch: pytest.MonkeyPatch, known: str | None, recorded: str
) -> None:
    assert "file" not in dict(loaded("v3").info.switches)
    monkeypatch.setattr(_mistral, "KNOWN_FILES", {"v3": known} if known else {})
    other = load_tokenizer("mistral:v3")
    assert dict(other.info.switches)["file"] == recorded
    assert other.encode("hello world") == loaded("v3").encode("hello world")
    assert other.info.fingerprint != loaded("v3").info.fingerprint


@pytest.mark.parametrize("name", NAMES)
def test_description(name: str) -> None:
    info = loaded(name).info
    tekken = name.startswith("tekken")
    assert info.name == name
    assert info.slug == f"mistral-{name}"
    assert info.family == ("tekken" if tekken else "sentencepiece-bpe")
    assert info.capability.summary == ("lossless" if tekken else "lossless-except{u2581}")
    assert info.prefix == (b"" if tekken else b" ")
    assert info.n_ids == info.n_vocab == {"v1": 32_000}.get(name, 131_072 if tekken else 32_768)
    assert len(loaded(name).ids()) == info.n_ids
    assert [file.sha256 for file in info.files] == [KNOWN_FILES[name]]
    assert [library for library, _ in info.libraries] == ["mistral-common", "tiktoken" if tekken else "sentencepiece"]


# ---------------------------------------------------------------------- golden ids


@pytest.mark.parametrize(("name", "text", "ids"), GOLDEN)
def test_golden_ids(name: str, text: str, ids: list[int]) -> None:
    tokenizer = loaded(name)
    assert tokenizer.encode(text) == ids
    assert tokenizer.encode_batch([text, text]) == [ids, ids]
    assert tokenizer.decode(ids) == text.replace("▁", " ")
    assert tokenizer.decode_bytes(ids) == text.replace("▁", " ").encode()


def test_user_defined_pieces_are_added_tokens() -> None:
    v7 = loaded("v7")
    assert [v7.kind(token_id) for token_id in v7.encode("[REF]")][-1] == "added"
    assert v7.decode_bytes(v7.encode("a[REF]b")) == b"a[REF]b"
    assert loaded("v7m1").encode("a[REF]b") == v7.encode("a[REF]b")
    kinds = [v7.kind(token_id) for token_id in v7.ids()]
    assert (kinds.count("normal"), kinds.count("byte"), kinds.count("control"), kinds.count("added")) == (
        31_741, 256, 748, 22,
    )  # fmt: skip


# ---------------------------------------------------------------------- properties


@pytest.mark.property
@pytest.mark.parametrize("name", ["v1", "v3", "tekken_240718", "tekken_240911"])
def test_nothing_is_lost_but_what_is_declared(name: str) -> None:
    tokenizer = loaded(name)
    lossless = tokenizer.info.capability.round_trip == "lossless"

    @settings(max_examples=1500)
    @given(TEXTS)
    def check(text: str) -> None:
        data, ids = text.encode(), tokenizer.encode(text)
        spans = tokenizer.spans(text)
        assert tokenizer.join_bytes(ids) == tokenizer.preimage(text)
        assert not {tokenizer.kind(token_id) for token_id in ids} - {"normal", "byte", "added"}
        assert len(spans) == len(ids)
        if lossless or "\u2581" not in text:
            assert tokenizer.decode(ids) == text
            assert tokenizer.decode_bytes(ids) == data
            assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), len(data)]

    check()


@pytest.mark.property
@pytest.mark.parametrize("name", SENTENCEPIECE)
def test_the_library_below_gives_the_same_ids_and_text(name: str) -> None:
    ours, below = loaded(name), load_tokenizer(f"sentencepiece:{shipped_files()[name]}")

    @settings(max_examples=300)
    @given(TEXTS)
    def check(text: str) -> None:
        ids = ours.encode(text)
        assert ids == below.encode(text)
        assert ours.decode(ids) == below.decode(ids)
        assert ours.char_spans(text) == below.char_spans(text)

    check()
    assert ours._table == below._table


@pytest.mark.property
@settings(max_examples=500)
@given(data=st.binary())
def test_tekken_encodes_any_bytes(tekken: Tokenizer, data: bytes) -> None:
    assert tekken.decode_bytes(tekken.encode_bytes(data)) == data
    assert tekken.decode_bytes(tekken.encode_piece(data)) == data


@pytest.mark.property
@settings(max_examples=500)
@given(text=TEXTS)
def test_tekken_bytes_and_pretokens_lead_to_the_ids_of_text(tekken: Tokenizer, text: str) -> None:
    assert tekken.encode_bytes(text.encode()) == tekken.encode(text)
    try:
        spans = tekken.pretoken_spans(text)
    except UnsupportedError:
        return  # the regex package knows newer characters than tiktoken
    assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), len(text.encode())]


def test_tekken_pretokens() -> None:
    tekken = loaded("tekken_240718")
    assert tekken.pretoken_spans("Hello wörld 12\n") == [(0, 5), (5, 12), (12, 13), (13, 14), (14, 15), (15, 16)]
    assert tekken.pretoken_spans("") == []


# ---------------------------------------------------------------------- vocabulary of tekken


def test_tekken_ids_are_ranks_behind_the_special_tokens(tekken: Tokenizer) -> None:
    entries = json.loads(shipped_files()["tekken_240911"].read_bytes())
    assert len(entries["vocab"]) == 150_000
    assert tekken.ids() == range(131_072)
    assert [tekken.token_bytes(1000 + value) for value in range(256)] == [bytes([value]) for value in range(256)]
    assert tekken.token_bytes(29_706) == b"hello"
    assert base64.b64decode(entries["vocab"][28_706]["token_bytes"]) == b"hello"
    assert tekken.kind(1000) == "normal"
    assert tekken.kind(0) == "unknown"
    assert {tekken.kind(token_id) for token_id in range(1, 1000)} == {"special"}
    assert tekken.special_tokens()["<s>"] == 1
    assert tekken.special_tokens()["<SPECIAL_999>"] == 999
    assert len(tekken.special_tokens()) == 1000
    assert {type(name) for name in tekken.special_tokens()} == {str}
    with pytest.raises(ControlTokenError):
        tekken.token_bytes(1)


def test_tekken_decode_keeps_special_tokens(tekken: Tokenizer) -> None:
    assert tekken.decode([1, 29706, 3, 4304, 0]) == "<s>hello[INST] world<unk>"
    assert tekken.decode_bytes([1, 29706, 3, 4304, 0]) == b"hello world"
    assert tekken.decode([1240]) == "\ufffd"
    assert tekken.decode_bytes([1240]) == b"\xf0"


def test_sentencepiece_decode_drops_control_tokens_and_shows_unknown(v1: Tokenizer) -> None:
    assert v1.decode([1, 6312, 28709, 1526, 2]) == "hello world"
    assert v1.decode([0]) == " ⁇ "


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize("name", ["v1", "tekken_240911"])
@pytest.mark.parametrize("token_id", [-1, 131_072, 149_999, 2**31, 2**64])
def test_unknown_ids_never_reach_the_library(name: str, token_id: int) -> None:
    for method in (loaded(name).decode, loaded(name).decode_bytes):
        with pytest.raises(UnknownIdError):
            method([token_id])


@pytest.mark.parametrize("name", ["v1", "tekken_240911"])
def test_surrogates(name: str) -> None:
    for method in (loaded(name).encode, loaded(name).spans):
        with pytest.raises(UnpairedSurrogateError) as caught:
            method("a\udc00")
        assert caught.value.index == 1


def test_surrogates_can_be_replaced() -> None:
    tokenizer = load_tokenizer("mistral:v1", surrogates="replace")
    assert tokenizer.encode("\ud83e\udd99") == tokenizer.encode("🦙")
    assert tokenizer.encode("\ud83e") == tokenizer.encode("\ufffd")
    assert tokenizer.info.spec == "mistral:v1?surrogates=replace"


def test_special_strings_are_text_refused_or_unsupported(v1: Tokenizer, tekken: Tokenizer) -> None:
    for tokenizer in (v1, tekken):
        with pytest.raises(SpecialTextError):
            tokenizer.encode("a</s>", specials="raise")
        with pytest.raises(UnsupportedError):
            tokenizer.encode("a</s>", specials="parse")
    for method in (v1.encode_bytes, v1.encode_piece):
        with pytest.raises(UnsupportedError):
            method(b"a")
    with pytest.raises(UnsupportedError):
        v1.pretoken_spans("a")
    with pytest.raises(UnsupportedError):
        tekken.char_spans("a")


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(TokenizerFileMissing, match="v1, v2, v3, v7, v7m1, tekken_240718, tekken_240911"):
        load_tokenizer("mistral:v2000")


def test_unknown_options_are_refused() -> None:
    for spec in ("mistral:v1?bos=true", "mistral:v1?surrogates=keep"):
        with pytest.raises(OptionError):
            load_tokenizer(spec)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"model": {}, "version": 1}', "JSON with the keys 'model', 'version'"),
        (b'{"config": {"version": "v3", "patt', "JSON that breaks off"),
        (b'{"config": {"version": "v3"}, "vocab": [1]}', "JSON with the keys"),
        (b'{"config": 3}', "JSON with the keys"),
        (b"IQ== 0\n", "a file that begins with"),
        (b"\x00\x01\x02", "a file that begins with"),
    ],
)
def test_other_kinds_of_file_are_refused(tmp_path: Path, content: bytes, found: str) -> None:
    (tmp_path / "tekken.json").write_bytes(content)
    with pytest.raises(TokenizerFileError, match=found) as caught:
        load_tokenizer(f"mistral:{tmp_path / 'tekken.json'}")
    assert caught.value.__cause__ is not None


def test_a_pattern_that_does_not_compile_is_refused(tmp_path: Path) -> None:
    path = _tiny_tekken(tmp_path, pattern="(")
    with pytest.raises(TokenizerFileError):
        load_tokenizer(f"mistral:{path}")


def test_truncated_models_are_refused(tmp_path: Path) -> None:
    data = shipped_files()["v1"].read_bytes()
    for length in (1, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "m.model").write_bytes(data[:length])
        with pytest.raises(TokenizerFileError):
            load_tokenizer(f"mistral:{tmp_path / 'm.model'}")


def test_a_library_that_cannot_be_imported_is_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mistral_common.tokens.tokenizers.sentencepiece", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tokbench\[mistral\]'"):
        load_tokenizer("mistral:v1")
    monkeypatch.setattr(registry, "_missing", lambda library: library == "mistral_common")
    with pytest.raises(MissingExtraError, match=r"pip install 'tokbench\[mistral\]'"):
        load_tokenizer("mistral:tekken_240911")


# ---------------------------------------------------------------------- files by path


def _tiny_tekken(folder: Path, pattern: str = r"\s?\w+|\s+|[^\w\s]+") -> Path:
    tokens = [bytes([value]) for value in range(256)] + [b"ab", b"abc", b"never used"]
    path = folder / "tiny-tekken.json"
    document: dict[str, Any] = {
        "config": {
            "pattern": pattern,
            "num_vocab_tokens": 259,
            "default_vocab_size": 268,
            "default_num_special_tokens": 10,
            "version": "v11",
        },
        "vocab": [
            {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
            for rank, token in enumerate(tokens)
        ],
        "special_tokens": [
            {"rank": 0, "token_str": "<pad>", "is_control": True},
            {"rank": 1, "token_str": "<s>", "is_control": True},
            {"rank": 2, "token_str": "</s>", "is_control": True},
        ],
    }
    path.write_text(json.dumps(document))
    return path


def test_a_tekken_file_by_path(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(f"mistral:{_tiny_tekken(tmp_path)}")
    assert isinstance(tokenizer, Tekken)
    assert tokenizer.info.name == "tiny-tekken"
    assert tokenizer.ids() == range(268)
    assert tokenizer.encode("abcab") == [267, 266]
    assert tokenizer.token_bytes(267) == b"abc"
    assert b"never used" not in {tokenizer.token_bytes(token_id) for token_id in range(10, 268)}
    assert tokenizer.decode([1, 267, 9]) == "<s>abc<SPECIAL_9>"
    assert {tokenizer.kind(token_id) for token_id in range(10)} == {"special"}  # this one has no <unk>


def test_a_sentencepiece_file_by_path(tmp_path: Path, v1: Tokenizer) -> None:
    for name in ("copy.model", "copy.model.v3"):
        path = tmp_path / name
        shutil.copyfile(shipped_files()["v1"], path)
        tokenizer = load_tokenizer(f"mistral:{path}")
        assert isinstance(tokenizer, MistralSentencePiece)
        assert tokenizer.encode("hello world") == v1.encode("hello world")
    shutil.copyfile(shipped_files()["v1"], tmp_path / "copy.spm")
    with pytest.raises(TokenizerFileError, match="a file name that ends in"):
        load_tokenizer(f"mistral:{tmp_path / 'copy.spm'}")


# ---------------------------------------------------------------------- the object itself


def _through_pickle(tokenizer: Tokenizer) -> Tokenizer:
    return cast("Tokenizer", pickle.loads(pickle.dumps(tokenizer)))  # noqa: S301, our own bytes


@pytest.mark.parametrize("clone", [copy.deepcopy, _through_pickle])
@pytest.mark.parametrize("name", ["v1", "tekken_240911"])
def test_copies_behave_alike(name: str, clone: Callable[[Tokenizer], Tokenizer]) -> None:
    tokenizer = loaded(name)
    twin = clone(tokenizer)
    assert twin.info == tokenizer.info
    assert twin.encode("hello 🦙") == tokenizer.encode("hello 🦙")
    assert twin.decode([1, *twin.encode("a b")]) == tokenizer.decode([1, *tokenizer.encode("a b")])
    assert twin._table == tokenizer._table
