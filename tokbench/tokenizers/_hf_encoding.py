"""How a ``tokenizer.json`` encodes, as data, where rules can say it exactly; else why they cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokbench.errors import UnsupportedError
from tokbench.tokenizers._bytetable import from_characters
from tokbench.tokenizers._hf_rules import BYTE_PIECE, MARK, Config, Pipeline, pieces_of
from tokbench.tokenizers.description import VocabularyTable
from tokbench.tokenizers.patterns import PATTERNS, split_rule
from tokbench.tokenizers.rules import BpeRules, EncodingRules, GreedyRules, UnigramRules

__all__ = ["encoding_rules"]

_UNKNOWN_PENALTY = 10.0
"""Score of an unknown character below that of the worst piece, in tokenizers and sentencepiece."""


class _Refused(Exception):
    """Why rules cannot say how a file encodes."""


def encoding_rules(config: Config, pipeline: Pipeline, table: VocabularyTable, spec: str) -> EncodingRules:
    """Rules of a ``tokenizer.json``.

    Args:
        config: The file.
        pipeline: What its components do.
        table: Its vocabulary.
        spec: Name in errors.

    Raises:
        UnsupportedError: If more happens to the text than rules can express.
    """
    try:
        _check_text(config, pipeline)
        kind = config["model"]["type"]
        if kind == "BPE":
            return _bpe(config, pipeline, table)
        if kind == "Unigram":
            return _unigram(config, pipeline, table)
        if kind == "WordPiece":
            return _wordpiece(config, pipeline)
    except _Refused as reason:
        raise UnsupportedError("rules", spec, str(reason)) from None
    raise UnsupportedError("rules", spec, f"nothing is known of models of type {kind}")


def _steps(component: Mapping[str, Any] | None, key: str) -> list[Mapping[str, Any]]:
    if component is None:
        return []
    return list(component[key]) if component["type"] == "Sequence" else [component]


def _check_text(config: Config, pipeline: Pipeline) -> None:
    """Refuse everything that changes the text, or that puts a prefix in front of some texts only."""
    if pipeline.drops and (config["model"]["type"] != "WordPiece" or config["pre_tokenizer"] is not None):
        raise _Refused(
            "its pre-tokenizer drops white space, so that the bytes of its tokens are not those of the text; "
            "byte probabilities need a vocabulary that keeps every byte"
        )
    if pipeline.conditional:
        raise _Refused("it inserts a space in front of texts that have none, so that two texts have the same ids")
    if pipeline.nfc or pipeline.changes or pipeline.to_table:
        raise _Refused("its normaliser changes the text")
    for step in _steps(config["normalizer"], "normalizers"):
        if step["type"] not in {"Prepend", "Replace", "Strip", "BertNormalizer"}:  # the last two do nothing here
            raise _Refused(f"its normaliser has a step {step['type']}")
    if pipeline.mark not in {None, MARK}:
        raise _Refused(f"its spaces are written as {pipeline.mark!r}")
    if pipeline.mark is not None and not pipeline.maps_space:
        raise _Refused("only its decoder knows that the mark of its pieces is a space")


def _added(pipeline: Pipeline, table: VocabularyTable) -> dict[bytes, int]:
    """Added tokens that are found in plain text."""
    found = pipeline.text_added
    specials = [token.content for token in pipeline.added if token.special]
    if found and pipeline.prefix != "never":
        raise _Refused("it inserts a space behind each added token")
    if len({token.normalized for token in found}) > 1:
        raise _Refused("it looks for its added tokens in two passes")
    for token in found:
        if token.strips or token.single_word:
            raise _Refused(f"its added token {token.content!r} depends on the text beside it (lstrip, rstrip, word)")
        if pipeline.mark is not None and (pipeline.mark in token.content or " " in token.content):
            raise _Refused(f"its added token {token.content!r} holds spaces or marks")
        if any(_touch(token.content, special) or _touch(special, token.content) for special in specials):
            raise _Refused(f"its added token {token.content!r} overlaps a special one, which shadows it")
    return {table.bytes_of[token.token_id]: token.token_id for token in found}


def _touch(first: str, second: str) -> bool:
    """Whether one holds the other, or the end of ``first`` is the beginning of ``second``."""
    return second in first or any(first.endswith(second[:length]) for length in range(1, len(second)))


def _check_specials(config: Config, pipeline: Pipeline, table: VocabularyTable) -> None:
    """Refuse models that make special tokens out of plain text."""
    model = config["model"]
    pieces = pieces_of(model)
    merged = {"".join(pair) for pair in model.get("merges", ())}
    byte_names = set()
    if pipeline.byte_names and not pipeline.byte_fallback:
        byte_names = {piece for piece in pieces if BYTE_PIECE.fullmatch(piece)}
    for piece, token_id in pieces.items():
        if table.kinds.get(token_id) in {"special", "unknown"} or piece in byte_names:
            reached = model["type"] != "BPE" or len(piece) == 1 or piece in merged or model["ignore_merges"]
            if reached and not (model["type"] == "Unigram" and token_id == model["unk_id"]):
                raise _Refused(f"its model can make the special token {piece!r} out of plain text")


def _fallback(pipeline: Pipeline, pieces: Mapping[str, int]) -> dict[int, int]:
    if not pipeline.byte_fallback:
        return {}
    found = {byte: pieces[f"<0x{byte:02X}>"] for byte in range(256) if f"<0x{byte:02X}>" in pieces}
    if len(found) < 256:  # noqa: PLR2004, the number of bytes
        raise _Refused("its byte fallback lacks some bytes")
    return found


def _bpe(config: Config, pipeline: Pipeline, table: VocabularyTable) -> BpeRules:
    model = config["model"]
    pieces = pieces_of(model)
    if pipeline.affixes != ("", ""):
        raise _Refused("its pieces have a continuing prefix or an end-of-word suffix")
    _check_specials(config, pipeline, table)
    added = _added(pipeline, table)
    if not pipeline.byte_level:
        return _character_bpe(config, pipeline, pieces, added)
    pattern = _pattern(config)
    tokens = {data: token_id for piece, token_id in pieces.items() if (data := from_characters(piece)) is not None}
    missing = [byte for byte in range(256) if bytes([byte]) not in tokens and byte not in _NOT_IN_TEXT]
    if missing:
        raise _Refused(f"it has no token for byte 0x{missing[0]:02X}")
    return BpeRules(
        tokens=tokens,
        merges=[(from_characters(left) or b"", from_characters(right) or b"") for left, right in model["merges"]],
        pattern=pattern,
        whole_first=bool(model["ignore_merges"]),
        added=added,
    )


_NOT_IN_TEXT = frozenset({0xC0, 0xC1, *range(0xF5, 0x100)})


def _pattern(config: Config) -> str | None:
    """Split pattern of the pre-tokenizer of byte-level BPE."""
    steps = _steps(config["pre_tokenizer"], "pretokenizers")
    if [step["type"] for step in steps] == ["ByteLevel"]:
        return PATTERNS["gpt2"] if steps[0]["use_regex"] else None
    if [step["type"] for step in steps] == ["Split", "ByteLevel"] and not steps[1]["use_regex"]:
        split = steps[0]
        if "Regex" in split["pattern"] and split["behavior"] == "Isolated" and not split["invert"]:
            return split_rule(split["pattern"]["Regex"])
    raise _Refused(
        "its pre-tokenizer is not one pattern in front of the byte table: " + ", ".join(step["type"] for step in steps)
    )


def _metaspace(config: Config) -> bool:
    """Whether pre-tokens begin at spaces; the only pre-tokenizer that character vocabularies may have."""
    steps = _steps(config["pre_tokenizer"], "pretokenizers")
    if not steps:
        return False
    if [step["type"] for step in steps] != ["Metaspace"]:
        raise _Refused("its pre-tokenizer is not Metaspace: " + ", ".join(step["type"] for step in steps))
    return bool(steps[0]["split"])


def _spelled(pieces: Mapping[str, int], pipeline: Pipeline, *, split: bool, special: frozenset[int]) -> dict[str, int]:
    """Pieces that text can become: without those of bytes, and, where pre-tokens begin at spaces, with none inside."""
    found = {}
    for piece, token_id in pieces.items():
        if token_id in special or not piece or (pipeline.byte_fallback and BYTE_PIECE.fullmatch(piece)):
            continue
        if pipeline.mark is not None and (" " in piece or (split and pipeline.mark in piece[1:])):
            continue
        found[piece] = token_id
    return found


def _bytes_of(piece: str, pipeline: Pipeline) -> bytes:
    return (piece.replace(pipeline.mark, " ") if pipeline.mark else piece).encode()


def _character_bpe(config: Config, pipeline: Pipeline, pieces: Mapping[str, int], added: dict[bytes, int]) -> BpeRules:
    model = config["model"]
    if model["ignore_merges"]:
        raise _Refused("it looks whole pre-tokens up (ignore_merges), which the rule of characters does not know")
    unknown = frozenset({pieces[model["unk_token"]]} if model["unk_token"] in pieces else ())
    spelled = _spelled(pieces, pipeline, split=_metaspace(config), special=unknown)
    return BpeRules(
        tokens={_bytes_of(piece, pipeline): token_id for piece, token_id in spelled.items()},
        merges=[
            (_bytes_of(left, pipeline), _bytes_of(right, pipeline))
            for left, right in model["merges"]
            if left in spelled and right in spelled and left + right in spelled
        ],
        symbols="characters",
        fallback=_fallback(pipeline, pieces),
        absent=frozenset({pipeline.mark} if pipeline.mark else ()),
        added=added,
    )


def _unigram(config: Config, pipeline: Pipeline, table: VocabularyTable) -> UnigramRules:
    model = config["model"]
    if pipeline.text_added:
        raise _Refused("it has added tokens that are found in text, which the rule of unigram models does not know")
    if pipeline.byte_level:
        raise _Refused("unigram models over the byte table are not understood")
    _check_specials(config, pipeline, table)
    pieces = pieces_of(model)
    unknown = frozenset(() if model["unk_id"] is None else (model["unk_id"],))
    spelled = _spelled(pieces, pipeline, split=_metaspace(config), special=unknown)
    scores = [score for _, score in model["vocab"]]
    return UnigramRules(
        tokens={_bytes_of(piece, pipeline): token_id for piece, token_id in spelled.items()},
        scores={token_id: float(scores[token_id]) for token_id in spelled.values()},
        fallback=_fallback(pipeline, pieces),
        unknown_score=min(scores) - _UNKNOWN_PENALTY,
        absent=frozenset({pipeline.mark} if pipeline.mark else ()),
    )


def _wordpiece(config: Config, pipeline: Pipeline) -> GreedyRules:
    """WordPiece over the whole text as one word."""
    model = config["model"]
    if config["pre_tokenizer"] is not None:
        raise _Refused("its pre-tokenizer splits words, and only a text that is one word is greedy as a whole")
    if pipeline.added and pipeline.text_added:
        raise _Refused("it has added tokens that are found in text, which the greedy rule does not know")
    prefix = model["continuing_subword_prefix"]
    pieces = {piece: token_id for piece, token_id in pieces_of(model).items() if piece}
    # a text may spell the prefix itself: then it is a piece by its name, which its bytes do not spell
    begin = {piece.encode(): token_id for piece, token_id in pieces.items()}
    behind = {
        piece.removeprefix(prefix).encode(): token_id
        for piece, token_id in pieces.items()
        if piece.startswith(prefix) and piece != prefix
    }
    return GreedyRules(tokens=begin, continuing=behind, longest_text=model["max_input_chars_per_word"])
