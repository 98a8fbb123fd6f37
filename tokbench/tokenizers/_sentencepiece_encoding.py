"""How a ``.model`` file encodes, as data, where rules can say it exactly; else why they cannot."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from sentencepiece.sentencepiece_model_pb2 import ModelProto, TrainerSpec  # type: ignore[attr-defined]  # generated

from tokbench.errors import UnsupportedError
from tokbench.tokenizers.rules import BpeRules, EncodingRules, UnigramRules

__all__ = ["encoding_rules"]

_SPACE = "\u2581"
_UNKNOWN_PENALTY = 10.0
"""Score of an unknown character below that of the worst piece (kUnkPenalty of sentencepiece 0.2)."""

_Piece = ModelProto.SentencePiece


class _Refused(Exception):
    """Why rules cannot say how a model encodes."""


def encoding_rules(model: ModelProto, spec: str) -> EncodingRules:
    """Rules of a model.

    Args:
        model: The content of the file.
        spec: Name in errors.

    Raises:
        UnsupportedError: If more happens to the text than rules can express.
    """
    try:
        _check_text(model)
        kind = model.trainer_spec.model_type
        if kind == TrainerSpec.BPE:
            return _bpe(model)
        if kind == TrainerSpec.UNIGRAM:
            return _unigram(model)
    except _Refused as reason:
        raise UnsupportedError("rules", spec, str(reason)) from None
    raise UnsupportedError("rules", spec, f"nothing is known of {TrainerSpec.ModelType.Name(kind).lower()} models")


def _check_text(model: ModelProto) -> None:
    normaliser = model.normalizer_spec
    if normaliser.precompiled_charsmap:
        raise _Refused(f"its normaliser {normaliser.name or 'without a name'} changes the text")
    if normaliser.remove_extra_whitespaces:
        raise _Refused("it removes spaces, so that several texts have the same ids")
    if not normaliser.escape_whitespaces:
        raise _Refused("it does not write spaces as U+2581")
    if model.trainer_spec.treat_whitespace_as_suffix:
        raise _Refused("it puts the inserted space behind the text")


def _bytes_of(piece: str) -> bytes:
    return piece.replace(_SPACE, " ").encode()


def _normal(model: ModelProto) -> dict[str, int]:
    """Pieces that text can become; one with a plain space matches nothing, since spaces are written as U+2581."""
    found = {
        piece.piece: token_id
        for token_id, piece in enumerate(model.pieces)
        if piece.type == _Piece.NORMAL and " " not in piece.piece
    }
    characters = {character for piece in found for character in piece}
    if odd := sorted(
        piece.piece
        for piece in model.pieces
        if piece.type in {_Piece.CONTROL, _Piece.UNKNOWN} and piece.piece in characters
    ):
        raise _Refused(f"its special piece {odd[0]!r} is a character of other pieces")
    return found


def _fallback(model: ModelProto, normal: Mapping[str, int]) -> dict[int, int]:
    found = {int(piece.piece[3:-1], 16): token_id
             for token_id, piece in enumerate(model.pieces) if piece.type == _Piece.BYTE}  # fmt: skip
    if not model.trainer_spec.byte_fallback:
        return {}
    if _SPACE not in normal:
        raise _Refused("a space is no piece of its own, and its byte fallback spells the three bytes of U+2581 for it")
    return found


def _bpe(model: ModelProto) -> BpeRules:
    normal = _normal(model)
    # a larger score merges first, and of equal ones the leftmost: equal scores are one rank
    scores = {piece: model.pieces[token_id].score for piece, token_id in normal.items()}
    unused = {piece.piece: piece.score for piece in model.pieces if piece.type == _Piece.UNUSED}
    order = {score: rank for rank, score in enumerate(sorted({*scores.values(), *unused.values()}, reverse=True))}
    ranks = {piece: order[score] for piece, score in {**scores, **unused}.items()}
    for piece in unused:
        if _reached(piece, ranks):
            raise _Refused(f"its unused piece {piece!r} is merged and taken apart again")
    return BpeRules(
        tokens={_bytes_of(piece): token_id for piece, token_id in normal.items()},
        ranks={_bytes_of(piece): ranks[piece] for piece in normal if len(piece) > 1},
        symbols="characters",
        fallback=_fallback(model, normal),
        absent=frozenset({_SPACE}),
        added={
            _bytes_of(piece.piece): token_id
            for token_id, piece in enumerate(model.pieces)
            if piece.type == _Piece.USER_DEFINED and " " not in piece.piece
        },
    )


def _reached(piece: str, ranks: Mapping[str, int]) -> bool:
    """Whether merging the characters of a piece ends in it."""
    parts = list(piece)
    while len(parts) > 1:
        joins = [left + right for left, right in itertools.pairwise(parts)]
        pairs = [(ranks[join], index) for index, join in enumerate(joins) if join in ranks]
        if not pairs:
            return False
        index = min(pairs)[1]
        parts[index : index + 2] = [parts[index] + parts[index + 1]]
    return bool(parts)


def _unigram(model: ModelProto) -> UnigramRules:
    if any(piece.type == _Piece.USER_DEFINED for piece in model.pieces):
        raise _Refused("it has user-defined pieces, which the rule of unigram models does not know")
    normal = _normal(model)
    return UnigramRules(
        tokens={_bytes_of(piece): token_id for piece, token_id in normal.items()},
        scores={token_id: float(model.pieces[token_id].score) for token_id in normal.values()},
        fallback=_fallback(model, normal),
        unknown_score=min((model.pieces[token_id].score for token_id in normal.values()), default=0.0)
        - _UNKNOWN_PENALTY,
        absent=frozenset({_SPACE}),
    )
