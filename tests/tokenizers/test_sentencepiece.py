from __future__ import annotations

import copy
import io
import pickle
import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import SentencePieceTrainer
from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]  # generated

from tokbench.errors import (
    ControlTokenError,
    OptionError,
    SpecialTextError,
    TokenizerFileError,
    TokenizerFileMissing,
    UnknownIdError,
    UnpairedSurrogateError,
    UnsupportedError,
)
from tokbench.tokenizers._sentencepiece import SentencePieceTokenizer, discover
from tokbench.tokenizers.capability import excepted
from tokbench.tokenizers.protocol import Tokenizer
from tokbench.tokenizers.registry import load_tokenizer

_SENTENCE = "hello world the cat sat on a mat äa ünder naïve x y z 1234 foo bar été fi"
_WORDS = _SENTENCE.split()

_BYTES = {"byte_fallback": True, "vocab_size": 360}
_IDENTITY = {"normalization_rule_name": "identity"}
_KEEP = {"remove_extra_whitespaces": False}

VARIANTS: dict[str, dict[str, Any]] = {
    "bpe": {"model_type": "bpe", **_BYTES, **_IDENTITY, **_KEEP},
    "unigram": {"model_type": "unigram", **_BYTES, **_IDENTITY, **_KEEP},
    "char": {"model_type": "char", **_BYTES, **_IDENTITY, **_KEEP},
    "word": {"model_type": "word", **_BYTES, **_IDENTITY, **_KEEP},
    "bpe-no-prefix": {"model_type": "bpe", **_BYTES, **_IDENTITY, **_KEEP, "add_dummy_prefix": False},
    "bpe-strip": {"model_type": "bpe", **_BYTES, **_IDENTITY},
    "bpe-suffix": {"model_type": "bpe", **_BYTES, **_IDENTITY, **_KEEP, "treat_whitespace_as_suffix": True},
    "bpe-suffix-no-prefix": {
        "model_type": "bpe", **_BYTES, **_IDENTITY, **_KEEP, "treat_whitespace_as_suffix": True,
        "add_dummy_prefix": False,
    },
    "bpe-nfkc": {"model_type": "bpe", **_BYTES, **_KEEP, "normalization_rule_name": "nfkc_cf"},
    "bpe-no-fallback": {"model_type": "bpe", "vocab_size": 60, **_IDENTITY, **_KEEP},
    "unigram-t5": {"model_type": "unigram", "vocab_size": 60, "normalization_rule_name": "nmt_nfkc"},
}  # fmt: skip

# name: capability, prefix, where spans come from
DECLARED = {
    "bpe": ("lossless-except{u2581}", b" ", "bytes"),
    "unigram": ("lossless-except{u2581}", b" ", "bytes"),
    "char": ("lossless-except{u2581}", b" ", "bytes"),
    "word": ("lossy{normalisation}", b" ", "bytes"),
    "bpe-no-prefix": ("lossless-except{u2581}", b"", "bytes"),
    "bpe-strip": ("lossy{normalisation}", b" ", "library"),
    "bpe-suffix": ("lossy{normalisation}", b"", "library"),
    "bpe-suffix-no-prefix": ("lossless-except{u2581}", b"", "bytes"),
    "bpe-nfkc": ("lossy{normalisation}", b" ", "library"),
    "bpe-no-fallback": ("lossy{normalisation, unknown-token}", b" ", "bytes"),
    "unigram-t5": ("lossy{normalisation, unknown-token}", b" ", "library"),
}

TEXTS = st.one_of(
    st.text(),
    st.text(alphabet=" ab▁\t\n\u00a0\u3000x<>éﬁ🦙\x00e\u0301"),
    st.lists(
        st.sampled_from([*_WORDS, " ", "  ", "▁", "<s>", "</s>", "<unk>", "<0x41>", "<x>", "<ctl>", "🦙", "你好", "ﬁ"])
    ).map("".join),
)


@cache
def train(name: str) -> bytes:
    draw = random.Random(1)
    corpus = [" ".join(draw.choices(_WORDS, k=8)) for _ in range(300)]
    out = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(corpus),
        model_writer=out,
        minloglevel=3,
        hard_vocab_limit=False,
        user_defined_symbols=["<x>"],
        control_symbols=["<ctl>"],
        **VARIANTS[name],
    )
    return out.getvalue()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokenizer]:
    folder = tmp_path_factory.mktemp("models")
    loaded = {}
    for name in VARIANTS:
        path = folder / f"{name}.model"
        path.write_bytes(train(name))
        loaded[name] = load_tokenizer(f"sentencepiece:{path}")
    return loaded


@pytest.fixture(scope="session")
def bpe(models: dict[str, Tokenizer]) -> Tokenizer:
    return models["bpe"]


@pytest.fixture(scope="session")
def v1() -> Tokenizer:
    pytest.importorskip("mistral_common", reason="mistral-common ships the model")
    from tokbench.tokenizers._mistral import shipped_files

    return load_tokenizer(f"sentencepiece:{shipped_files()['v1']}")


def check_promises(tokenizer: Tokenizer, text: str) -> None:
    """No loss but the declared ones, and ids, bytes and spans of one text agree."""
    capability = tokenizer.info.capability
    data, ids = text.encode(), tokenizer.encode(text)
    kinds = {tokenizer.kind(token_id) for token_id in ids}
    raw = tokenizer.decode_bytes(ids)
    spans, reported = tokenizer.spans(text), tokenizer.char_spans(text)
    assert len(spans) == len(reported) == len(ids)
    assert all(0 <= start <= end <= len(data) for start, end in spans)
    assert all(0 <= start <= end <= len(text) for start, end in reported)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    assert not kinds & {"control", "unused", "special"}
    if "unknown" in kinds:
        assert "unknown-token" in capability.losses
        return
    if capability.preimage:
        assert tokenizer.join_bytes(ids) == tokenizer.preimage(text)
    if raw != data:
        assert "normalisation" in capability.losses or excepted(text, capability.exceptions)
    else:
        assert tokenizer.decode(ids) == text
        assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), len(data)]


# ---------------------------------------------------------------------- what a file promises


@pytest.mark.parametrize("name", VARIANTS)
def test_capability_is_read_from_the_file(models: dict[str, Tokenizer], name: str) -> None:
    info = models[name].info
    assert (info.capability.summary, info.prefix, info.spans_source) == DECLARED[name]
    assert info.family == f"sentencepiece-{name.partition('-')[0]}"
    assert info.name == name
    assert info.capability.byte_complete == ("byte_fallback" in VARIANTS[name])
    assert info.capability.preimage == (name != "word")
    assert dict(info.switches)["sampling"] == "false"


@pytest.mark.property
@pytest.mark.parametrize("name", VARIANTS)
@settings(max_examples=300)
@given(text=TEXTS)
def test_no_loss_but_the_declared_ones(models: dict[str, Tokenizer], name: str, text: str) -> None:
    check_promises(models[name], text)


@pytest.mark.property
@pytest.mark.parametrize("name", ["bpe", "unigram-t5"])
@settings(max_examples=50)
@given(texts=st.lists(TEXTS))
def test_batch_is_the_map_of_encode(models: dict[str, Tokenizer], name: str, texts: list[str]) -> None:
    assert models[name].encode_batch(texts) == [models[name].encode(text) for text in texts]


@pytest.mark.parametrize(
    ("name", "text", "lossy"),
    [
        ("bpe", "a▁b", "a b"),
        ("bpe-strip", "  a  b ", "a b"),
        ("bpe-suffix", "a", "a "),
        ("bpe-nfkc", "ﬁ", "fi"),
        ("unigram-t5", "a 🦙", "a  ⁇ "),
    ],
)
def test_declared_losses_happen(models: dict[str, Tokenizer], name: str, text: str, lossy: str) -> None:
    assert models[name].decode(models[name].encode(text)) == lossy


def test_a_vocabulary_that_must_spell_the_space_in_bytes_keeps_no_preimage(models: dict[str, Tokenizer]) -> None:
    # "🦙 🦙" is one unknown word with its space, so U+2581 itself goes through byte fallback
    word = models["word"]
    assert word.join_bytes(word.encode("🦙")) == "▁🦙".encode()
    assert "normalisation" in word.info.capability.losses


def test_a_denormaliser_is_a_declared_loss(tmp_path: Path) -> None:
    proto = ModelProto.FromString(train("bpe"))
    proto.denormalizer_spec.CopyFrom(ModelProto.FromString(train("bpe-nfkc")).normalizer_spec)
    proto.denormalizer_spec.add_dummy_prefix = False
    (tmp_path / "denormalised.model").write_bytes(proto.SerializeToString())
    tokenizer = load_tokenizer(f"sentencepiece:{tmp_path / 'denormalised.model'}")
    assert tokenizer.info.capability.summary == "lossy{decode-side, normalisation}"
    ids = tokenizer.encode("ABC")
    assert tokenizer.decode_bytes(ids) == b"ABC"
    assert tokenizer.decode(ids) == "abc"


# ---------------------------------------------------------------------- vocabulary


def test_kinds_bytes_and_names_come_from_the_types_of_pieces(tmp_path: Path) -> None:
    proto = ModelProto.FromString(train("bpe"))
    unused = next(index for index, piece in enumerate(proto.pieces) if piece.piece == "▁hello")
    proto.pieces[unused].type = ModelProto.SentencePiece.UNUSED
    (tmp_path / "m.model").write_bytes(proto.SerializeToString())
    tokenizer = load_tokenizer(f"sentencepiece:{tmp_path / 'm.model'}")
    ids = {piece.piece: index for index, piece in enumerate(proto.pieces)}
    assert tokenizer.ids() == range(len(proto.pieces))
    assert tokenizer.kind(ids["▁hello"]) == "unused"
    assert ids["▁hello"] not in tokenizer.encode("hello hello")
    assert tokenizer.token_bytes(ids["<0x41>"]) == b"A"
    assert tokenizer.kind(ids["<0x41>"]) == "byte"
    assert tokenizer.token_bytes(ids["<x>"]) == b"<x>"
    assert tokenizer.kind(ids["<x>"]) == "added"
    assert tokenizer.token_bytes(ids["▁world"]) == b" world"
    assert tokenizer.special_tokens() == {name: ids[name] for name in ("<unk>", "<s>", "</s>", "<ctl>")}
    for name, kind in {"<unk>": "unknown", "<s>": "control", "<ctl>": "control", "▁hello": "unused"}.items():
        with pytest.raises(ControlTokenError) as caught:
            tokenizer.token_bytes(ids[name])
        assert caught.value.kind == kind
        assert tokenizer.decode_bytes([ids[name]]) == b""


def test_names_of_byte_pieces_in_text_are_text(bpe: Tokenizer) -> None:
    ids = bpe.encode("<0x41>")
    assert bpe.decode(ids) == "<0x41>"
    assert bpe.encode("A") != ids


def test_control_strings_are_text_unless_refused(bpe: Tokenizer) -> None:
    assert bpe.special_tokens()["<ctl>"] not in bpe.encode("a<ctl>b")
    assert bpe.decode(bpe.encode("a<ctl>b")) == "a<ctl>b"
    with pytest.raises(SpecialTextError) as caught:
        bpe.encode("a<ctl>b", specials="raise")
    assert (caught.value.special, caught.value.index) == ("<ctl>", 1)
    assert bpe.encode("a<x>b", specials="raise") == bpe.encode("a<x>b")


def test_unknown_stays_visible_in_text_and_has_no_bytes(models: dict[str, Tokenizer]) -> None:
    tokenizer = models["bpe-no-fallback"]
    ids = tokenizer.encode("a🦙")
    assert tokenizer.kind(ids[-1]) == "unknown"
    assert tokenizer.decode(ids) == "a ⁇ "
    assert tokenizer.decode_bytes(ids) == b"a"
    with pytest.raises(ControlTokenError):
        tokenizer.decode_bytes(ids, strict=True)


# ---------------------------------------------------------------------- golden facts of mistral v1


def test_census_of_mistral_v1(v1: Tokenizer) -> None:
    kinds = Counter(v1.kind(token_id) for token_id in v1.ids())
    assert kinds == {"normal": 31_741, "byte": 256, "control": 2, "unknown": 1}
    assert dict(v1.info.switches)["normaliser"] == "identity"


def test_mistral_v1_holds_125_byte_strings_twice(v1: Tokenizer) -> None:
    holders: dict[bytes, set[str]] = {}
    for token_id in v1.ids():
        if v1.kind(token_id) in {"normal", "byte"}:
            holders.setdefault(v1.token_bytes(token_id), set()).add(v1.kind(token_id))
    assert sum(kinds == {"normal", "byte"} for kinds in holders.values()) == 125


def test_library_spans_of_byte_groups_are_recomputed(v1: Tokenizer) -> None:
    assert isinstance(v1, SentencePieceTokenizer)
    pieces = v1.processor.encode("é b🦙", return_type="proto").pieces
    assert [(piece.begin, piece.end) for piece in pieces] == [(0, 2), (2, 4), (4, 4), (4, 4), (4, 4), (4, 8)]
    assert v1.char_spans("é b🦙") == [(0, 1), (1, 3), (3, 3), (3, 3), (3, 3), (3, 4)]
    assert v1.spans("é b🦙") == [(0, 2), (2, 4), (4, 5), (5, 6), (6, 7), (7, 8)]


@pytest.mark.property
@settings(max_examples=1500)
@given(text=TEXTS)
def test_mistral_v1_loses_nothing_but_u2581(v1: Tokenizer, text: str) -> None:
    check_promises(v1, text)
    assert (v1.decode(v1.encode(text)) == text) == ("\u2581" not in text)


@pytest.mark.data
@pytest.mark.property
@pytest.mark.parametrize(
    ("file", "n_ids", "user_defined"), [("nai-t5.model", 32_100, 100), ("sp_test_en_unigram1k.model", 1_000, 0)]
)
def test_public_unigram_models_lose_only_what_they_declare(
    data_dir: Path, file: str, n_ids: int, user_defined: int
) -> None:
    path = data_dir / "tokenizers" / "sentencepiece" / file
    if not path.is_file():
        pytest.skip(f"{file} is missing from the third-party data")
    tokenizer = load_tokenizer(f"sentencepiece:{path}")
    assert tokenizer.info.n_ids == len(tokenizer.ids()) == n_ids
    assert sum(tokenizer.kind(token_id) == "added" for token_id in tokenizer.ids()) == user_defined
    assert tokenizer.info.capability.summary == "lossy{normalisation, unknown-token}"

    @settings(max_examples=1000)
    @given(TEXTS)
    def check(text: str) -> None:
        check_promises(tokenizer, text)

    check()


@pytest.mark.property
@settings(max_examples=300)
@given(text=TEXTS)
def test_code_point_spans_are_the_byte_spans_of_the_library(v1: Tokenizer, text: str) -> None:
    assert isinstance(v1, SentencePieceTokenizer)
    data = text.encode()
    pieces = v1.processor.encode(text, return_type="proto").pieces
    in_code_points = [(len(data[: piece.begin].decode()), len(data[: piece.end].decode())) for piece in pieces]
    assert v1.char_spans(text) == in_code_points
    assert [piece.id for piece in pieces] == v1.encode(text)


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize("token_id", [-1, 10**6, 2**31, 2**40])
def test_unknown_ids_never_reach_the_library(bpe: Tokenizer, token_id: int) -> None:
    for call in (bpe.kind, bpe.token_bytes):
        with pytest.raises(UnknownIdError):
            call(token_id)
    for method in (bpe.decode, bpe.decode_bytes):
        with pytest.raises(UnknownIdError):
            method([0, token_id])


def test_surrogates_are_our_error_or_replaced(bpe: Tokenizer, tmp_path: Path) -> None:
    for method in (bpe.encode, bpe.spans, bpe.char_spans, bpe.preimage):
        with pytest.raises(UnpairedSurrogateError) as caught:
            method("ab\ud83d")
        assert (caught.value.index, caught.value.codepoint) == (2, 0xD83D)
    with pytest.raises(UnpairedSurrogateError):
        bpe.encode_batch(["a", "\udc00"])
    (tmp_path / "m.model").write_bytes(train("bpe"))
    replacing = load_tokenizer(f"sentencepiece:{tmp_path / 'm.model'}?surrogates=replace")
    assert replacing.encode("a\ud83d") == bpe.encode("a\ufffd")
    assert replacing.info.spec.endswith("?surrogates=replace")


def test_what_the_library_lacks_is_unsupported(bpe: Tokenizer) -> None:
    with pytest.raises(UnsupportedError):
        bpe.encode("a", specials="parse")
    for method in (bpe.encode_bytes, bpe.encode_piece):
        with pytest.raises(UnsupportedError):
            method(b"a")
    with pytest.raises(UnsupportedError):
        bpe.pretoken_spans("a")
    with pytest.raises(UnsupportedError):
        bpe.library_stream([1])


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"model": {}, "version": 1}', "JSON with the keys 'model', 'version'"),
        (b"IQ== 0\nIg== 1\n", "a file that begins with"),
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b"\n\x00", "one without its trainer_spec"),
        (b"", "an empty file"),
    ],
)
def test_other_kinds_of_file_are_refused(tmp_path: Path, content: bytes, found: str) -> None:
    (tmp_path / "m.model").write_bytes(content)
    with pytest.raises(TokenizerFileError, match=found):
        load_tokenizer(f"sentencepiece:{tmp_path / 'm.model'}")


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenizerFileMissing, match=r"none\.model"):
        load_tokenizer(f"sentencepiece:{tmp_path / 'none.model'}")
    with pytest.raises(TokenizerFileError, match="a directory"):
        load_tokenizer(f"sentencepiece:{tmp_path}")


def _field_ends(data: bytes) -> list[int]:
    """Where a top-level field of the model ends: cut there, the file is still valid protobuf."""
    model, ends = ModelProto.FromString(data), []
    assert {field.name for field, _ in model.ListFields()} == {"pieces", "trainer_spec", "normalizer_spec"}
    for part in ("normalizer_spec", "trainer_spec"):
        model.ClearField(part)
        ends.append(len(model.SerializeToString()))
    return ends


@pytest.mark.parametrize("name", ["bpe", "unigram-t5"])
def test_truncated_models_are_refused(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data, path = train(name), tmp_path / "m.model"
    cuts = _field_ends(data)
    for length in (1, 2, 10, 100, 1000, len(data) // 2, *cuts):
        path.write_bytes(data[:length])
        with pytest.raises(
            TokenizerFileError, match=r"m\.model: expected a sentencepiece \.model file, found "
        ) as caught:
            load_tokenizer(f"sentencepiece:{path}")
        assert (caught.value.__cause__ is None) == (length in cuts)
    assert capfd.readouterr() == ("", "")


def test_damaged_models_keep_the_error_of_the_library(tmp_path: Path) -> None:
    proto, path = ModelProto.FromString(train("bpe")), tmp_path / "m.model"
    proto.trainer_spec.byte_fallback = False
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(TokenizerFileError, match="sentencepiece refuses") as caught:
        load_tokenizer(f"sentencepiece:{path}")
    assert isinstance(caught.value.__cause__, RuntimeError)
    data = train("bpe")
    path.write_bytes(data.replace(b"hello", b"h\xffllo", 1))
    with pytest.raises(TokenizerFileError, match="is not UTF-8"):
        load_tokenizer(f"sentencepiece:{path}")


@pytest.mark.property
@given(data=st.binary(min_size=1, max_size=200))
def test_random_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.model"
    path.write_bytes(data)
    with pytest.raises(TokenizerFileError):
        load_tokenizer(f"sentencepiece:{path}")


def test_options_are_checked(tmp_path: Path) -> None:
    (tmp_path / "m.model").write_bytes(train("bpe"))
    for options in ("?sampling=true", "?surrogates=keep"):
        with pytest.raises(OptionError):
            load_tokenizer(f"sentencepiece:{tmp_path / 'm.model'}{options}")


# ---------------------------------------------------------------------- the object itself


def _through_pickle(tokenizer: Tokenizer) -> Tokenizer:
    return cast("Tokenizer", pickle.loads(pickle.dumps(tokenizer)))  # noqa: S301, our own bytes


@pytest.mark.parametrize("clone", [copy.deepcopy, _through_pickle])
def test_copies_behave_alike(bpe: Tokenizer, clone: Callable[[Tokenizer], Tokenizer]) -> None:
    bpe.kind(0)  # so that there are derived tables to leave out
    twin = clone(bpe)
    assert twin.encode("hello 🦙") == bpe.encode("hello 🦙")
    assert twin.decode(twin.encode("a b")) == "a b"
    assert [twin.kind(token_id) for token_id in twin.ids()] == [bpe.kind(token_id) for token_id in bpe.ids()]
    assert twin.info == bpe.info


def test_streams_end_in_the_same_bytes(bpe: Tokenizer) -> None:
    ids = bpe.encode("hello 🦙 world")
    stream, text_stream = bpe.stream(), bpe.text_stream()
    assert b"".join([*(stream.step(token_id) for token_id in ids), stream.finish()]) == "hello 🦙 world".encode()
    assert "".join([*(text_stream.step(token_id) for token_id in ids), text_stream.finish()]) == "hello 🦙 world"


def test_discover_names_the_fixtures() -> None:
    listed = dict(discover())
    assert list(listed) == ["sentencepiece:@tiny.model", "sentencepiece:@tiny-unigram.model"]
    for spec, detail in listed.items():
        tokenizer = load_tokenizer(spec)
        assert tokenizer.info.spec == spec
        assert tokenizer.info.family.removeprefix("sentencepiece-") in detail.lower()
        assert tokenizer.info.capability.byte_complete == ("byte fallback" in detail)


@pytest.mark.property
@pytest.mark.parametrize("spec", [spec for spec, _ in discover()])
def test_the_fixtures_lose_only_what_they_declare(spec: str) -> None:
    tokenizer = load_tokenizer(spec)

    @settings(max_examples=500)
    @given(TEXTS)
    def check(text: str) -> None:
        check_promises(tokenizer, text)

    check()
