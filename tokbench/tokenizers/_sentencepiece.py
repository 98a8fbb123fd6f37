"""Backend ``sentencepiece``: a ``.model`` file, through the sentencepiece library.

What a model promises is read from the file (types of pieces, normaliser, byte fallback), never guessed
from its name. :func:`load_model` and :class:`SentencePieceTokenizer` also serve the backend ``mistral``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from google.protobuf.message import DecodeError
from sentencepiece import SentencePieceProcessor
from sentencepiece.sentencepiece_model_pb2 import ModelProto, TrainerSpec  # type: ignore[attr-defined]  # generated

from tokbench.errors import TokenizerFileError
from tokbench.tokenizers._common import LoadedFile, locate, looks_like, make_info, no_more_options, read_file, versions
from tokbench.tokenizers._sentencepiece_encoding import encoding_rules
from tokbench.tokenizers.capability import Capability, Loss
from tokbench.tokenizers.description import Kind, TokenizerInfo, VocabularyTable
from tokbench.tokenizers.protocol import Surrogates, Tokenizer
from tokbench.tokenizers.rules import EncodingRules

__all__ = [
    "EXPECTED",
    "Model",
    "SentencePieceTokenizer",
    "discover",
    "load",
    "load_model",
    "spec_options",
    "vocabulary_table",
]

EXPECTED = "a sentencepiece .model file"

_SPACE = "\u2581"
"""What stands for U+0020 in pieces and in normalised text."""

_Piece = ModelProto.SentencePiece

_KINDS: Mapping[int, Kind] = {
    _Piece.NORMAL: "normal",
    _Piece.UNKNOWN: "unknown",
    _Piece.CONTROL: "control",
    _Piece.USER_DEFINED: "added",
    _Piece.UNUSED: "unused",
    _Piece.BYTE: "byte",
}


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model and what its file says of it.

    Attributes:
        processor: The library's own object.
        family: ``sentencepiece-bpe``, ``sentencepiece-unigram``, ``sentencepiece-word`` or ``sentencepiece-char``.
        capability: What it promises.
        switches: How it is used, and the settings of the file that decide what it promises.
        n_ids: Number of pieces.
    """

    processor: SentencePieceProcessor
    family: str
    capability: Capability
    switches: Mapping[str, object]
    n_ids: int


def vocabulary_table(model: ModelProto) -> VocabularyTable:
    """Bytes, kinds and names of the pieces of ``model``.

    A byte piece is one byte; a normal or user-defined piece is its text in UTF-8 with U+2581 for a space;
    all others stand for no bytes.
    """
    bytes_of: dict[int, bytes] = {}
    kinds: dict[int, Kind] = {}
    names: dict[int, str] = {}
    for token_id, piece in enumerate(model.pieces):
        kind = _KINDS[piece.type]
        if kind != "normal":
            kinds[token_id] = kind
        if kind == "byte":
            bytes_of[token_id] = bytes([int(piece.piece[3:-1], 16)])  # the library checked the form <0xNN>
        elif kind in {"normal", "added"}:
            bytes_of[token_id] = piece.piece.replace(_SPACE, " ").encode()
        elif kind != "unused":
            names[token_id] = piece.piece
    return VocabularyTable(bytes_of, kinds, names)


def _capability(model: ModelProto) -> Capability:
    trainer, normaliser = model.trainer_spec, model.normalizer_spec
    trailing_space = normaliser.add_dummy_prefix and trainer.treat_whitespace_as_suffix
    rewritten = bool(normaliser.precompiled_charsmap) or normaliser.remove_extra_whitespaces or trailing_space
    # Where a space cannot be a piece of its own, byte fallback spells out the three bytes of U+2581.
    space_in_bytes = trainer.byte_fallback and (
        trainer.model_type == TrainerSpec.WORD
        or not any(piece.piece == _SPACE and piece.type in {_Piece.NORMAL, _Piece.USER_DEFINED}
                   for piece in model.pieces)
    )  # fmt: skip
    denormalised = bool(model.denormalizer_spec.precompiled_charsmap)
    lossless = trainer.byte_fallback and not (rewritten or space_in_bytes or denormalised)
    losses: set[Loss] = set()
    if not lossless:
        losses.add("normalisation")  # U+2581 at least
        if not trainer.byte_fallback:
            losses.add("unknown-token")
        if denormalised:
            losses.add("decode-side")
    return Capability(
        round_trip="lossless-except" if lossless else "lossy",
        exceptions=frozenset({"u2581"}) if lossless else frozenset(),
        losses=frozenset(losses),
        byte_complete=trainer.byte_fallback,
        spans="library" if rewritten else "bytes",
        char_spans=True,
        prefix=b" " if normaliser.add_dummy_prefix and not trailing_space else b"",
        preimage=not space_in_bytes,
    )


def _parse(file: LoadedFile, expected: str) -> ModelProto:
    path = str(file.path)
    try:
        model = ModelProto.FromString(file.data)
    except DecodeError as error:
        raise TokenizerFileError(path, expected, looks_like(file.data)) from error
    if not model.pieces:
        raise TokenizerFileError(path, expected, looks_like(file.data))
    # The library loads a file that ends behind its pieces, with another normaliser than the one it was trained with.
    for part in ("trainer_spec", "normalizer_spec"):
        if not model.HasField(part):
            raise TokenizerFileError(path, expected, f"one without its {part} (the file breaks off?)")
    for token_id, piece in enumerate(model.pieces):
        if not isinstance(piece.piece, str):  # protobuf hands out bytes where they are not UTF-8
            raise TokenizerFileError(path, expected, f"one whose piece {token_id} is not UTF-8: {piece.piece!r}")
    return model


def load_model(file: LoadedFile, expected: str = EXPECTED) -> Model:
    """Load a model from the content of its file.

    Args:
        file: The file, read whole.
        expected: What kind of file is wanted, for messages.

    Raises:
        TokenizerFileError: If it is not a model, or damaged; the library's error is the cause.
    """
    model = _parse(file, expected)
    try:
        processor = SentencePieceProcessor(model_proto=file.data)
    except (RuntimeError, ValueError) as error:
        found = f"one that sentencepiece refuses ({str(error).strip()})"
        raise TokenizerFileError(str(file.path), expected, found) from error
    trainer, normaliser = model.trainer_spec, model.normalizer_spec
    return Model(
        processor=processor,
        family=f"sentencepiece-{TrainerSpec.ModelType.Name(trainer.model_type).lower()}",
        capability=_capability(model),
        switches={
            "add_dummy_prefix": normaliser.add_dummy_prefix,
            "bos": False,
            "byte_fallback": trainer.byte_fallback,
            "eos": False,
            "normaliser": normaliser.name or "unnamed",
            "remove_extra_whitespaces": normaliser.remove_extra_whitespaces,
            "sampling": False,
            "treat_whitespace_as_suffix": trainer.treat_whitespace_as_suffix,
        },
        n_ids=len(model.pieces),
    )


class SentencePieceTokenizer(Tokenizer):
    """A ``SentencePieceProcessor`` behind the common protocol."""

    refuses_surrogates = True

    def __init__(self, info: TokenizerInfo, processor: SentencePieceProcessor, *, surrogates: Surrogates) -> None:
        super().__init__(info, surrogates=surrogates)
        self.processor = processor

    def _load_table(self) -> VocabularyTable:
        # only the serialised model tells user-defined pieces from normal ones
        return vocabulary_table(ModelProto.FromString(self.processor.serialized_model_proto()))

    def _encode(self, text: str) -> list[int]:
        return cast("list[int]", self.processor.encode(text))

    def _encode_batch(self, texts: list[str]) -> list[list[int]]:
        return cast("list[list[int]]", self.processor.encode(texts))

    def _decode(self, ids: list[int]) -> str:
        return cast("str", self.processor.decode(ids))

    def rules(self) -> EncodingRules:
        """See :meth:`Tokenizer.rules`."""
        model = ModelProto.FromString(self.processor.serialized_model_proto())
        return encoding_rules(model, self.info.spec)

    def _preimage(self, text: str) -> bytes:
        if self.info.spans_source == "library":
            text = self.processor.normalize(text)
            return text.replace(_SPACE, " ").encode()
        return self.info.prefix + text.replace(_SPACE, " ").encode()

    def _char_spans(self, text: str) -> list[tuple[int, int]]:
        return cast("list[tuple[int, int]]", self.processor.encode(text, return_type="offset_mapping")["offsets"])


def spec_options(surrogates: Surrogates) -> str:
    """What follows the locator in a spec."""
    return "" if surrogates == "raise" else f"?surrogates={surrogates}"


def load(locator: str, **options: object) -> Tokenizer:
    """Load a model by path.

    Args:
        locator: Path of a ``.model`` file, or ``@name`` of a fixture.
        **options: ``surrogates``.

    Raises:
        TokenizerFileMissing, TokenizerFileError: If the file is missing or not a model.
        OptionError: If an option is not known.
    """
    surrogates = cast("Surrogates", options.pop("surrogates", "raise"))
    no_more_options("sentencepiece", options, "surrogates")
    file = read_file(locate(locator), EXPECTED)
    model = load_model(file)
    info = make_info(
        spec=f"sentencepiece:{locator}{spec_options(surrogates)}",
        backend="sentencepiece",
        name=file.path.name.removesuffix(".model"),
        family=model.family,
        files=(file.info,),
        libraries=versions("sentencepiece"),
        switches={**model.switches, "surrogates": surrogates},
        capability=model.capability,
        n_ids=model.n_ids,
        n_vocab=model.processor.vocab_size(),
    )
    return SentencePieceTokenizer(info, model.processor, surrogates=surrogates)


def discover() -> list[tuple[str, str]]:
    """The project's own models; all others are loaded by path."""
    return [
        ("sentencepiece:@tiny.model", "the project's own small BPE model with byte fallback"),
        ("sentencepiece:@tiny-unigram.model", "the project's own small unigram model"),
    ]
