"""Rules are what the library does: a plain encoder that knows only the rules gives the library's ids."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import canonical_laws
import pytest
import sentencepiece
from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]  # generated
from toy_encoders import ToyBpe, ToyGreedy, ToyUnigram

from tokbench._resources import data_root
from tokbench.errors import UnsupportedError
from tokbench.tokenizers import Tokenizer, load_tokenizer
from tokbench.tokenizers._bytetable import CHARACTERS
from tokbench.tokenizers.patterns import PATTERNS
from tokbench.tokenizers.rules import BpeRules, EncodingRules, GreedyRules, UnigramRules

WORDS = (
    "the", " the", "ing", "hello", " world", "  ", "   ", "\n", "\n\n", "\t", "'s", "'LL", "don't", "1", "2023", ".",
    "...", "é", "naïve", "你好", "🦙", "ß", "¡", "⟦note⟧", "⟦no", "te⟧", "<unused0>", "<s>", "[REFERENCE_DOC_1",
    "[REFERENCE_DOC_1]", "x", "Ab", "\u0301", "\u00a0", "ſ",
)  # fmt: skip


def _toy(rules: EncodingRules) -> ToyBpe | ToyUnigram | ToyGreedy:
    if isinstance(rules, BpeRules):
        return ToyBpe(rules)
    return ToyUnigram(rules) if isinstance(rules, UnigramRules) else ToyGreedy(rules)


def _agree(tokenizer: Tokenizer, *, count: int = 400, words: tuple[str, ...] = WORDS, skip: str = "") -> None:
    toy, prefix = _toy(tokenizer.rules()), tokenizer.info.prefix.decode()
    rng = random.Random(0)
    for _ in range(count):
        text = "".join(rng.choices(words, k=rng.randint(1, 6)))
        ids = tokenizer.encode(text)
        if any(character in text for character in skip):
            continue
        expected = toy.encode(prefix + text)
        assert expected is not None
        if isinstance(toy, ToyUnigram) and expected != ids:  # another best path of the same score
            assert canonical_laws.score(toy, ids) == pytest.approx(canonical_laws.score(toy, expected), abs=1e-4), text
        else:
            assert expected == ids, text


@pytest.mark.parametrize(
    "spec",
    ["bytes", "hf:@tiny.json", "tiktoken:@tiny.tiktoken?pattern=gpt2", "tiktoken:@tiny.tiktoken?pattern=o200k",
     "tiktoken:@tiny.tiktoken?pattern=whole", "sentencepiece:@tiny.model"],
)  # fmt: skip
def test_the_rules_of_the_fixtures_encode_like_the_library(spec: str) -> None:
    _agree(load_tokenizer(spec))


@pytest.mark.parametrize("name", ["v1", "v3", "v7"])
def test_the_rules_of_mistral_files_encode_like_the_library(name: str) -> None:
    pytest.importorskip("mistral_common")
    tokenizer = load_tokenizer(f"mistral:{name}")
    rules = tokenizer.rules()
    assert isinstance(rules, BpeRules)
    assert len(rules.added) == {"v1": 0, "v3": 20, "v7": 22}[name]
    _agree(tokenizer)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tekken_240718", "tekken_240911"])
def test_the_rules_of_tekken_encode_like_the_library(name: str) -> None:
    pytest.importorskip("mistral_common")
    _agree(load_tokenizer(f"mistral:{name}"))


@pytest.mark.data
def test_the_rules_of_gpt2_encode_like_the_library(data_dir: Path) -> None:
    tokenizer = load_tokenizer(f"hf:{data_dir / 'tokenizers' / 'hf' / 'gpt2.json'}")
    rules = tokenizer.rules()
    assert isinstance(rules, BpeRules)
    assert rules.pattern == PATTERNS["gpt2"]
    assert not rules.whole_first
    assert len(rules.merges or ()) == 50000
    _agree(tokenizer)


# ---------------------------------------------------------------------- sentencepiece, trained here


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ModelProto]:
    lines = (data_root() / "fixtures" / "corpus.txt").read_text().splitlines()[:1500]

    def trained(**options: object) -> ModelProto:
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=out,
            minloglevel=2,
            num_threads=1,
            **options,  # type: ignore[arg-type]  # passed on as they are
        )
        return ModelProto.FromString(out.getvalue())

    return trained


IDENTITY: Mapping[str, object] = {
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
    "byte_fallback": True,
    "vocab_size": 700,
    "character_coverage": 0.98,
}


def _load_model(model: ModelProto, path: Path) -> Tokenizer:
    path.write_bytes(model.SerializeToString())
    return load_tokenizer(f"sentencepiece:{path}")


@pytest.mark.parametrize("dummy", [True, False])
@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_the_rules_of_trained_models_encode_like_the_library(
    kind: str, dummy: bool, train: Callable[..., ModelProto], tmp_path: Path  # noqa: FBT001
) -> None:  # fmt: skip
    model = train(model_type=kind, add_dummy_prefix=dummy, **IDENTITY)
    tokenizer = _load_model(model, tmp_path / "trained.model")
    rules = tokenizer.rules()
    assert isinstance(rules, BpeRules if kind == "bpe" else UnigramRules)
    assert len(rules.fallback) == 256
    if isinstance(rules, UnigramRules):
        assert rules.unknown_score == min(rules.scores.values()) - 10
    _agree(tokenizer, count=300)


def test_equal_scores_are_one_rank(train: Callable[..., ModelProto], tmp_path: Path) -> None:
    model = train(model_type="bpe", **IDENTITY)
    for piece in model.pieces:
        piece.score = float(int(piece.score) // 50)
    tokenizer = _load_model(model, tmp_path / "ties.model")
    rules = tokenizer.rules()
    assert isinstance(rules, BpeRules)
    assert len(set((rules.ranks or {}).values())) < 15
    _agree(tokenizer)


def _set_type(name: str, number: int = 500) -> Callable[[ModelProto], None]:
    def change(model: ModelProto) -> None:
        model.pieces[number].type = getattr(ModelProto.SentencePiece, name)

    return change


def _set_trainer(name: str, value: object) -> Callable[[ModelProto], None]:
    return lambda model: setattr(model.trainer_spec, name, value)


def _set_normaliser(name: str, value: object) -> Callable[[ModelProto], None]:
    return lambda model: setattr(model.normalizer_spec, name, value)


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("bpe", _set_type("UNUSED"), "merged and taken apart again"),
        ("unigram", _set_type("USER_DEFINED"), "user-defined pieces"),
        ("bpe", _set_normaliser("remove_extra_whitespaces", True), "removes spaces"),  # noqa: FBT003
        ("bpe", _set_normaliser("escape_whitespaces", False), "U\\+2581"),  # noqa: FBT003
        ("bpe", _set_trainer("treat_whitespace_as_suffix", True), "behind the text"),  # noqa: FBT003
        ("char", lambda model: None, "char models"),
    ],
)
def test_models_that_rules_cannot_say_are_refused(
    kind: str, change: Callable[[ModelProto], None], reason: str, train: Callable[..., ModelProto], tmp_path: Path
) -> None:
    options = {"vocab_size": 320, "hard_vocab_limit": False} if kind == "char" else {}
    model = train(model_type=kind, **{**IDENTITY, **options})
    change(model)
    with pytest.raises(UnsupportedError, match=reason):
        _load_model(model, tmp_path / "changed.model").rules()


def test_user_defined_pieces_are_cut_out_of_the_text_first(train: Callable[..., ModelProto], tmp_path: Path) -> None:
    model = train(model_type="bpe", user_defined_symbols=["the", "then", " w", "é1"], **IDENTITY)
    tokenizer = _load_model(model, tmp_path / "user.model")
    rules = tokenizer.rules()
    assert isinstance(rules, BpeRules)
    assert set(rules.added) >= {b"the", b"then", "é1".encode()}
    _agree(tokenizer, words=(*WORDS, "then", "theme", "other", "é1"))


@pytest.mark.parametrize(
    "spec", ["sentencepiece:@tiny-unigram.model", "hf:@tiny-unigram.json", "hf:@tiny-wordpiece.json"]
)
def test_fixtures_that_lose_spaces_are_refused(spec: str) -> None:
    with pytest.raises(UnsupportedError, match=r"spaces|white space|two texts have the same ids"):
        load_tokenizer(spec).rules()


# ---------------------------------------------------------------------- tokenizer.json


def _added(token_id: int, content: str, **flags: bool) -> dict[str, object]:
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return {"id": token_id, "content": content, **dict.fromkeys(names, False), **flags}


def _write(path: Path, model: dict[str, Any], **parts: object) -> Tokenizer:
    config: dict[str, object] = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": model, **parts,
    }  # fmt: skip
    path.write_text(json.dumps(config))
    return load_tokenizer(f"hf:{path}")


def _bpe(vocabulary: Mapping[str, int], merges: list[list[str]], **settings: object) -> dict[str, Any]:
    nothing = dict.fromkeys(("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"))
    switches = dict.fromkeys(("fuse_unk", "byte_fallback", "ignore_merges"), False)
    return {"type": "BPE", **nothing, **switches, "vocab": dict(vocabulary), "merges": merges, **settings}


def _byte_level(*, extra: tuple[str, ...] = (), **settings: object) -> dict[str, Any]:
    merges = [
        ["t", "h"],
        ["th", "e"],
        ["Ġ", "the"],
        ["Ġ", "w"],
        ["Ġ", "Ġ"],
        ["i", "n"],
        ["in", "g"],
        ["l", "l"],
        ["2", "0"],
    ]
    vocabulary = {character: index for index, character in enumerate(CHARACTERS)}
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    for piece in extra:
        vocabulary[piece] = len(vocabulary)
    return _bpe(vocabulary, merges, **settings)


def _table(*, use_regex: bool, add_prefix_space: bool = False) -> dict[str, object]:
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": False, "use_regex": use_regex}


def _split(pattern: str) -> dict[str, object]:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [split, _table(use_regex=False)]}


DECODER = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


@pytest.mark.parametrize("name", ["gpt2", "cl100k", "o200k", "qwen2", "tekken", "whole"])
@pytest.mark.parametrize("whole", [False, True])
def test_byte_level_files_with_a_split_pattern(name: str, whole: bool, tmp_path: Path) -> None:  # noqa: FBT001
    model = _byte_level(extra=("hello", "Ġworld"), ignore_merges=whole)
    pre_tokenizer = _table(use_regex=True) if name == "gpt2" else _split(PATTERNS[name])
    added = [_added(300, "⟦note⟧"), _added(301, "note"), _added(302, "<s>", special=True)]
    tokenizer = _write(tmp_path / "x.json", model, pre_tokenizer=pre_tokenizer, decoder=DECODER, added_tokens=added)
    rules = tokenizer.rules()
    assert isinstance(rules, BpeRules)
    assert rules.pattern == (None if name == "whole" else PATTERNS[name])
    assert rules.whole_first is whole
    assert set(rules.added) == {"⟦note⟧".encode(), b"note"}
    _agree(tokenizer, words=(*WORDS, "note", " note"))


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"normalizer": {"type": "NFC"}}, "normaliser changes the text"),
        ({"pre_tokenizer": _table(use_regex=True, add_prefix_space=True)}, "two texts have the same ids"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True},
                                                                  _table(use_regex=True)]}}, "not one pattern"),
        ({"added_tokens": [_added(300, "note", lstrip=True)]}, "lstrip"),
        ({"added_tokens": [_added(300, "note", single_word=True)]}, "word"),
        ({"added_tokens": [_added(300, "note"), _added(301, "no", special=True)]}, "overlaps a special one"),
        ({"added_tokens": [_added(300, "note"), _added(301, "es", special=True)]}, "overlaps a special one"),
        ({"added_tokens": [_added(300, "note"), _added(301, "x", normalized=True)]}, "two passes"),
        ({"added_tokens": [_added(258, "Ġthe", special=True)]}, "special token 'Ġthe'"),
    ],
)  # fmt: skip
def test_byte_level_files_that_rules_cannot_say_are_refused(
    parts: dict[str, object], reason: str, tmp_path: Path
) -> None:
    given = {"pre_tokenizer": _table(use_regex=True), "decoder": DECODER, **parts}
    with pytest.raises(UnsupportedError, match=reason):
        _write(tmp_path / "x.json", _byte_level(), **given).rules()


CHARACTER_PIECES = ("▁", *"abcdehlotwé.", "he", "▁t", "th", "▁th", "the", "lo", "llo", "▁▁", "o▁", "é.")


def _llama(vocabulary: Mapping[str, int]) -> dict[str, object]:
    """What converted models of the first Llama have: the space is put in front by the normaliser."""
    prepend = {"type": "Prepend", "prepend": "▁"}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    back = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    decoders = [
        back,
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ]
    return {
        "normalizer": {"type": "Sequence", "normalizers": [prepend, replace]},
        "decoder": {"type": "Sequence", "decoders": decoders},
        "added_tokens": [_added(vocabulary["<unk>"], "<unk>", special=True)],
    }


def _metaspace(scheme: str, *, split: bool) -> dict[str, object]:
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


def _character_vocabulary() -> dict[str, int]:
    names = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *CHARACTER_PIECES]
    return {name: index for index, name in enumerate(names)}


def test_character_bpe_with_byte_fallback_and_prepended_space(tmp_path: Path) -> None:
    vocabulary = _character_vocabulary()
    merges = [
        ["h", "e"],
        ["▁", "t"],
        ["t", "h"],
        ["▁t", "h"],
        ["th", "e"],
        ["l", "o"],
        ["l", "lo"],
        ["▁", "▁"],
        ["o", "▁"],
        ["é", "."],
    ]
    model = _bpe(vocabulary, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True)  # noqa: S106, no password
    tokenizer = _write(tmp_path / "x.json", model, **_llama(vocabulary))
    assert tokenizer.info.prefix == b" "
    _agree(tokenizer)


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_metaspace_without_a_prefix(kind: str, split: bool, tmp_path: Path) -> None:  # noqa: FBT001
    vocabulary = _character_vocabulary()
    if kind == "bpe":
        merges = [
            ["o", "▁"],
            ["▁", "▁"],
            ["h", "e"],
            ["▁", "t"],
            ["t", "h"],
            ["▁t", "h"],
            ["th", "e"],
            ["l", "o"],
            ["l", "lo"],
        ]
        model = _bpe(vocabulary, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True)  # noqa: S106, no password
    else:
        rng = random.Random(0)
        scores = [[name, -rng.random() * 9 - 1] for name in vocabulary]
        model = {"type": "Unigram", "unk_id": 0, "vocab": scores, "byte_fallback": True}
    tokenizer = _write(
        tmp_path / "x.json",
        model,
        pre_tokenizer=_metaspace("never", split=split),
        decoder={"type": "Sequence", "decoders": [{"type": "ByteFallback"}, _metaspace("never", split=split)]},
        added_tokens=[_added(0, "<unk>", special=True)],
    )
    _agree(tokenizer, skip="<")  # pieces of bytes are found in text by the unigram model of the library


@pytest.mark.parametrize("scheme", ["first", "always"])
def test_a_space_that_is_left_out_before_a_space_is_refused(scheme: str, tmp_path: Path) -> None:
    model = _bpe({"▁": 0, "a": 1}, [])
    with pytest.raises(UnsupportedError, match="two texts have the same ids"):
        _write(tmp_path / "x.json", model, pre_tokenizer=_metaspace(scheme, split=True)).rules()


def test_wordpiece_over_one_word(tmp_path: Path) -> None:
    pieces = ["[UNK]", "a", "ab", "b", "##a", "##b", "##ab", "##bab", "é", "##é", "#", "###", "##aba"]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    settings = {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9}
    model = {"type": "WordPiece", **settings, "vocab": vocabulary}
    tokenizer = _write(tmp_path / "x.json", model, decoder={"type": "WordPiece", "prefix": "##", "cleanup": False},
                       added_tokens=[_added(0, "[UNK]", special=True)])  # fmt: skip
    rules = tokenizer.rules()
    assert isinstance(rules, GreedyRules)
    toy, rng, found = ToyGreedy(rules), random.Random(0), 0
    for _ in range(2000):
        text = "".join(rng.choices("abé#", weights=(5, 5, 1, 1), k=rng.randint(1, 11)))
        ids = toy.encode(text)
        assert tokenizer.encode(text) == ([0] if ids is None else ids), text
        found += ids is not None
    assert found > 300
