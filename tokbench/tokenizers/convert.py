"""Conversions between tokenizer formats that give the same ids.

Three formats hold a byte-pair encoding. A rank file (tiktoken) lists tokens by rank and merges any two
neighbours whose concatenation has the lowest rank. A ``tokenizer.json`` lists the merges themselves. A
sentencepiece model gives every piece a score and merges any two neighbours whose concatenation has the
highest. The functions here turn the first and the third into the second, and merges into ranks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import tokenizers
from google.protobuf.message import DecodeError
from sentencepiece.sentencepiece_model_pb2 import ModelProto, TrainerSpec  # type: ignore[attr-defined]  # generated
from tokenizers import decoders, models, normalizers, pre_tokenizers

from tokbench.errors import TokenizerFileError
from tokbench.tokenizers._bytetable import to_characters
from tokbench.tokenizers._common import looks_like

__all__ = ["merges_to_ranks", "ranks_to_hf", "ranks_to_merges", "sp_bpe_to_hf"]

_SPACE = "\u2581"
_PAIR = 2

_Piece = ModelProto.SentencePiece


# ---------------------------------------------------------------------- ranks and merges


def _split(token: bytes, ranks: Mapping[bytes, int]) -> list[bytes]:
    """Parts of ``token`` when only tokens of a lower rank may be merged."""
    limit = ranks[token]
    parts = [token[index : index + 1] for index in range(len(token))]
    while len(parts) > 1:
        best, place = limit, -1
        for index in range(len(parts) - 1):
            rank = ranks.get(parts[index] + parts[index + 1], limit)
            if rank < best:
                best, place = rank, index
        if place < 0:
            break
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts


def ranks_to_merges(ranks: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Merges of a rank table, in the order in which they apply.

    Every token is split by the merges of lower ranks; two parts are its merge. A token that falls into more
    parts cannot be reached by merging (it is only found when it is a whole pre-token) and has no merge.

    Args:
        ranks: Rank of each token.
    """
    split = (_split(token, ranks) for token in sorted(ranks, key=ranks.__getitem__) if len(token) > 1)
    return [(parts[0], parts[1]) for parts in split if len(parts) == _PAIR]


def merges_to_ranks(merges: Iterable[tuple[bytes, bytes]], base: Iterable[bytes]) -> dict[bytes, int]:
    """Ranks that merge in the order of ``merges``; the inverse of :func:`ranks_to_merges`.

    Args:
        merges: Pairs in the order in which they apply.
        base: The tokens that are there before any merge, in the order of their ranks.

    Raises:
        ValueError: If a pair holds a token that is not there yet, or makes one that is: ranks cannot say
            that two different pairs make the same token at different times.
    """
    ranks: dict[bytes, int] = {}
    for token in base:
        ranks[token] = len(ranks)
    for left, right in merges:
        for part in (left, right):
            if part not in ranks:
                msg = f"merge of {left!r} and {right!r}: expected tokens made by earlier merges, {part!r} is not"
                raise ValueError(msg)
        if left + right in ranks:
            msg = f"merge of {left!r} and {right!r}: the token {left + right!r} is there already"
            raise ValueError(msg)
        ranks[left + right] = len(ranks)
    return ranks


def ranks_to_hf(ranks: Mapping[bytes, int], pattern: str, specials: Mapping[str, int]) -> tokenizers.Tokenizer:
    """A rank table as a Hugging Face tokenizer that gives the same ids.

    Args:
        ranks: Rank, which is the id, of each token; all 256 single bytes among them.
        pattern: Regular expression of the pre-tokens. It is read by Oniguruma instead of by Rust's ``regex``;
            their Unicode tables may differ in code points that are not assigned yet.
        specials: Special strings and their ids.

    Returns:
        A byte-level BPE. ``ignore_merges`` is set only if some token cannot be reached by merging.

    Raises:
        ValueError: If a single byte is missing, or the format cannot keep a special string apart from text.
    """
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        msg = f"expected all 256 single bytes among the ranks, {len(missing)} are missing, the first is {missing[0]:#x}"
        raise ValueError(msg)
    merges = ranks_to_merges(ranks)
    made = {left + right for left, right in merges}
    whole = any(len(token) > 1 and token not in made for token in ranks)
    splitter = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    vocabulary = {to_characters(token): rank for token, rank in ranks.items()}
    for name, token_id in specials.items():
        if name in vocabulary or (whole and len(splitter.pre_tokenize_str(name)) == 1):
            msg = f"special string {name!r}: expected one that is no token and no pre-token of text"
            raise ValueError(msg)
        # Ids have gaps, and an added token keeps an id of its own only if the model knows it.
        vocabulary[name] = token_id
    pairs = [(to_characters(left), to_characters(right)) for left, right in merges]
    result = tokenizers.Tokenizer(models.BPE(vocabulary, pairs, ignore_merges=whole))
    result.pre_tokenizer = splitter
    result.decoder = decoders.ByteLevel()
    result.add_special_tokens([tokenizers.AddedToken(name, normalized=False, special=True) for name in specials])
    return result


# ---------------------------------------------------------------------- sentencepiece


def _parse(data: bytes) -> ModelProto:
    expected = "a sentencepiece BPE model with byte fallback"
    try:
        model = ModelProto.FromString(data)
    except DecodeError as error:
        raise TokenizerFileError("the model", expected, looks_like(data)) from error
    if not model.pieces:
        raise TokenizerFileError("the model", expected, looks_like(data))
    trainer, normaliser = model.trainer_spec, model.normalizer_spec
    types = {piece.type for piece in model.pieces}
    hindrances = {
        f"one of type {TrainerSpec.ModelType.Name(trainer.model_type)}": trainer.model_type != TrainerSpec.BPE,
        "one without byte fallback": not trainer.byte_fallback,
        f"one with the normaliser {normaliser.name}": bool(normaliser.precompiled_charsmap),
        "one that removes extra spaces": normaliser.remove_extra_whitespaces,
        "one that keeps spaces as they are": not normaliser.escape_whitespaces,
        "one that puts the space behind words": trainer.treat_whitespace_as_suffix,
        "one with unused pieces": _Piece.UNUSED in types,  # merging goes through them, which merges cannot say
    }
    for found, present in hindrances.items():
        if present:
            raise TokenizerFileError("the model", expected, found)
    return model


def _merges(model: ModelProto) -> list[tuple[str, str]]:
    """All pairs of pieces that make a piece, best score first."""
    scores = {piece.piece: piece.score for piece in model.pieces if piece.type == _Piece.NORMAL}
    merges = []
    # sorted() is stable: where scores are equal the model's own order decides
    for piece in sorted(scores, key=lambda piece: -scores[piece]):
        pairs = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        merges += [(left, right) for left, right in pairs if left in scores and right in scores]
    return merges


def sp_bpe_to_hf(model_bytes: bytes) -> tokenizers.Tokenizer:
    """A sentencepiece BPE model with byte fallback as a Hugging Face tokenizer that gives the same ids.

    The merges are generated from the scores of the pieces; the dummy prefix becomes a Prepend normaliser, so
    that it stands in front of a leading space too (a Metaspace pre-tokenizer leaves it out there, which is
    how published conversions came to differ).

    User-defined pieces become added tokens if the model inserts no dummy prefix. If it does they do not,
    since the library would insert the prefix again behind each of them: text that spells one is then
    encoded as other text is, and only there the ids differ from sentencepiece.

    Args:
        model_bytes: Content of the ``.model`` file.

    Raises:
        TokenizerFileError: If it is not such a model: another type, no byte fallback, a normaliser that
            changes text, or unused pieces.
    """
    model = _parse(model_bytes)
    prefix = model.normalizer_spec.add_dummy_prefix
    unknown = next(piece.piece for piece in model.pieces if piece.type == _Piece.UNKNOWN)
    vocabulary = {piece.piece: token_id for token_id, piece in enumerate(model.pieces)}
    result = tokenizers.Tokenizer(
        models.BPE(vocabulary, _merges(model), unk_token=unknown, fuse_unk=True, byte_fallback=True)
    )
    spaces = normalizers.Replace(" ", _SPACE)
    result.normalizer = normalizers.Sequence([normalizers.Prepend(_SPACE), spaces]) if prefix else spaces
    strip = [decoders.Strip(" ", 1, 0)] if prefix else []
    result.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    for piece in model.pieces:
        if piece.type in {_Piece.CONTROL, _Piece.UNKNOWN}:
            result.add_special_tokens([tokenizers.AddedToken(piece.piece, normalized=False, special=True)])
        elif piece.type == _Piece.USER_DEFINED and not prefix:
            result.add_tokens([tokenizers.AddedToken(piece.piece, normalized=True)])
    return result
