"""Planted bugs for the laws on files, golden ids and capabilities."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import cast

import tokenizers
from sentencepiece import SentencePieceProcessor
from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]  # generated
from toys import TOY, Mutant, ToyTokenizer, merge_bytes

from tokbench.errors import UnsupportedError
from tokbench.tokenizers import Specials, Tokenizer, load_tokenizer
from tokbench.tokenizers._common import locate
from tokbench.tokenizers._hf import HFTokenizer, _build
from tokbench.tokenizers._sentencepiece import SentencePieceTokenizer
from tokbench.tokenizers._tiktoken import TiktokenTokenizer

# ---------------------------------------------------------------------- merges


class MergeLost(ToyTokenizer):
    """Works with merges that it made from its ranks, and lost one on the way."""

    def _merge(self, data: bytes) -> list[int]:
        return merge_bytes(data, {token: rank for token, rank in self.ranks.items() if token != b"hello"})


# ---------------------------------------------------------------------- golden ids


def _with_pattern(pattern: str) -> Tokenizer:
    """The project's rank file under another split pattern than its description says."""
    true = load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
    other = load_tokenizer("tiktoken:@tiny.tiktoken", pattern=pattern)
    assert isinstance(other, TiktokenTokenizer)
    return TiktokenTokenizer(true.info, other.encoding, surrogates="raise")


# ---------------------------------------------------------------------- sentencepiece


def convertible() -> SentencePieceTokenizer:
    """The project's sentencepiece model without what merges cannot say.

    That is an unused piece, and pieces with characters that are none: sentencepiece merges such characters too.
    """
    model = ModelProto.FromString(locate("@tiny.model").read_bytes())
    normal = ModelProto.SentencePiece.NORMAL
    known = {piece.piece for piece in model.pieces if piece.type == normal}
    kept = [
        piece
        for piece in model.pieces
        if piece.type != ModelProto.SentencePiece.UNUSED and (piece.type != normal or known.issuperset(piece.piece))
    ]
    del model.pieces[:]
    model.pieces.extend(kept)
    processor = SentencePieceProcessor(model_proto=model.SerializeToString())
    info = replace(load_tokenizer("sentencepiece:@tiny.model").info, n_ids=len(kept), n_vocab=len(kept), files=())
    return SentencePieceTokenizer(info, processor, surrogates="raise")


class PrefixOmitted(SentencePieceTokenizer):
    """Inserts no space in front of a text that begins with one."""

    def __init__(self) -> None:
        healthy = convertible()
        super().__init__(healthy.info, healthy.processor, surrogates="raise")

    def _encode(self, text: str) -> list[int]:
        return super()._encode(text.removeprefix(" "))


# ---------------------------------------------------------------------- capabilities


class ClaimedButAbsent(ToyTokenizer):
    """Claims to tell its pre-tokens and has no such operation."""

    def _pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        raise UnsupportedError("pretoken_spans", self.info.spec, "not written yet")


class AbsentButSilent(ToyTokenizer):
    """Parses no special tokens, says so, and gives plain ids instead of an error when it is asked to."""

    def __init__(self) -> None:
        super().__init__(name="absent-but-silent", capability=replace(TOY, parse=False))

    def encode(self, text: str, *, specials: Specials = "text") -> list[int]:
        return super().encode(text, specials="text" if specials == "parse" else specials)


# ---------------------------------------------------------------------- never-fix


def _literal_split(kind: type[HFTokenizer]) -> HFTokenizer:
    """A tokenizer whose file holds a regular expression as a literal string, so that it never matches."""
    base = cast("HFTokenizer", load_tokenizer("hf:@tiny.json"))
    loaded = tokenizers.Tokenizer.from_str(base._source)
    loaded.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Split(r"\p{N}{1,3}", behavior="isolated"),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    return kind(base.info, loaded.to_str(), base._pipeline, surrogates="raise")


def shipped_mistake() -> HFTokenizer:
    """The healthy twin of :class:`PatternRepaired`: it uses the file as it is."""
    return _literal_split(HFTokenizer)


class PatternRepaired(HFTokenizer):
    """Takes the literal string for the regular expression that was meant."""

    @cached_property
    def _plain(self) -> tokenizers.Tokenizer:
        return _build(self._source.replace('{"String":"\\\\p', '{"Regex":"\\\\p'), specials_as_text=True)


MUTANTS: dict[str, Mutant] = {
    "merge-lost": Mutant("ranks-merges", MergeLost, "a merge is lost when ranks become merges"),
    "other-split-pattern": Mutant(
        "pretokenizer-probes", lambda: _with_pattern("o200k"), "the split pattern of another vocabulary"
    ),
    "digits-split-singly": Mutant("golden-digits", lambda: _with_pattern("qwen2"), "every digit is a pre-token"),
    "prefix-omitted": Mutant("sp-vs-hf", PrefixOmitted, "no inserted space where text begins with one"),
    "claimed-but-absent": Mutant("capability-flag", ClaimedButAbsent, "an operation is claimed and missing"),
    "absent-but-silent": Mutant("capability-flag", AbsentButSilent, "an operation that is not offered does something"),
    "pattern-repaired": Mutant("never-fix", lambda: _literal_split(PatternRepaired), "a pattern is repaired"),
}
