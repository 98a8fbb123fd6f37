"""What a ``tokenizer.json`` promises: which information it can lose, from what its components do.

A loss is declared wherever a component is not known to be harmless. The rules were held against the library
(tokenizers 0.23.3) on thousands of random combinations of components; see the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from tokbench.tokenizers._bytetable import CHARACTERS, from_characters
from tokbench.tokenizers._hf_rules import BYTE_PIECE, MARK, Config, Pipeline, piece_bytes, pieces_of
from tokbench.tokenizers.capability import EXCEPTIONS, Capability, Loss
from tokbench.tokenizers.description import VocabularyTable

__all__ = ["judge"]

_BYTES_OF_TEXT = frozenset(range(256)) - {0xC0, 0xC1, *range(0xF5, 0x100)}
"""Bytes that occur in UTF-8."""


def _judge_coverage(model: Config, pipeline: Pipeline) -> set[Loss]:
    """What it costs that the model has no token for some characters or bytes."""
    pieces = pieces_of(model)
    if model["type"] not in {"BPE", "Unigram"}:
        return {"unknown-token"}
    if pipeline.byte_level:
        missing = {byte for byte in _BYTES_OF_TEXT if CHARACTERS[byte] not in pieces}
        if model.get("byte_fallback") or not pipeline.tabled:
            return {"unknown-token", "normalisation"}
        # without a byte of a longer character another text comes out; without a visible ASCII one it is just gone
        others = missing - set(range(0x21, 0x7F))
        return ({"unknown-token", "normalisation"} if others else {"unknown-token"}) if missing else set()
    if pipeline.byte_fallback and all(f"<0x{byte:02X}>" in pieces for byte in _BYTES_OF_TEXT):
        return set()
    unknown = model.get("unk_token", model.get("unk_id"))
    return {"unknown-token", "normalisation"} if unknown is None else {"unknown-token"}


def _reached_by_model(
    model: Config, pipeline: Pipeline, table: VocabularyTable, pre_tokens: Callable[[str], int]
) -> dict[str, int]:
    """Pieces that stand for something else than their text, and that the model itself can make of text."""
    pieces = pieces_of(model)
    other = {
        piece: token_id
        for piece, token_id in pieces.items()
        if table.kinds.get(token_id) in {"special", "unknown"}
        or (pipeline.byte_names and BYTE_PIECE.fullmatch(piece) is not None)
    }
    if model["type"] != "BPE":
        return other
    merged = {"".join(pair) for pair in model["merges"]}
    whole = model["ignore_merges"]
    return {
        piece: token_id
        for piece, token_id in other.items()
        if len(piece) == 1 or piece in merged or (whole and pre_tokens(piece) == 1)
    }


def _fixed_by(normalise: Callable[[str], str], content: str, pipeline: Pipeline) -> bool:
    """Whether the normalised form of an added token, which is what is looked for, stands for its content."""
    if pipeline.to_table:
        return from_characters(normalise(content)) == content.encode()
    mark = pipeline.mark or " "
    return normalise(content).replace(mark, " ") == content.replace(mark, " ")


def _judge_added(pipeline: Pipeline, normalise: Callable[[str], str]) -> set[Loss]:
    """What the added tokens cost that plain encoding finds in text."""
    losses: set[Loss] = set()
    if pipeline.text_added and pipeline.prefix in {"section", "part"}:
        losses.add("normalisation")  # a prefix behind each of them
    for token in pipeline.text_added:
        if token.strips:
            losses.add("normalisation")
        if token.normalized and not _fixed_by(normalise, token.content, pipeline):
            losses |= {"normalisation", "decode-side"}  # the library decodes the normalised form
        if pipeline.byte_level:
            data = from_characters(token.content)  # what the decoder does although the content is literal
            if data is not None and data != token.content.encode():
                losses |= {"normalisation", "decode-side"}
        elif pipeline.byte_names and BYTE_PIECE.fullmatch(token.content):
            losses |= {"normalisation", "decode-side"}
    return losses


def _collides(config: Config, pipeline: Pipeline) -> bool:
    """Whether an added token took the id of a piece that stands for other bytes."""
    pieces = pieces_of(config["model"])
    return any(
        (
            token.content in pieces
            and piece_bytes(token.content, pipeline) not in {None, token.content.encode()}
            and (pipeline.mark is None or pipeline.mark not in token.content)
        )
        or (pipeline.byte_fallback and token.content in pieces and BYTE_PIECE.fullmatch(token.content))
        for token in pipeline.text_added
    )


def _ids_are_ranks(model: Config, pipeline: Pipeline, reaches: Callable[[str], list[int]]) -> bool:
    """Whether merging the listed pairs in order is the same as merging the pair with the lowest id.

    It is if ids rise with the merges and each merged piece, put in alone, comes out as its own id: two
    neighbours that could join to a piece by a pair that is not listed would stop its own merging too.
    """
    if model["ignore_merges"] or pipeline.affixes != ("", ""):
        return False
    pieces = pieces_of(model)
    made = [pieces["".join(pair)] for pair in model["merges"]]
    if any(second <= first for first, second in pairwise(made)):
        return False
    elsewhere = {token.token_id for token in pipeline.added}
    merged = frozenset(made)
    if merged & elsewhere or any(
        len(piece) > 1 and token_id not in merged and token_id not in elsewhere for piece, token_id in pieces.items()
    ):
        return False
    return all(reaches("".join(pair)) == [token_id] for pair, token_id in zip(model["merges"], made, strict=True))


def _judge_prefix(pipeline: Pipeline, exceptions: set[str], losses: set[Loss]) -> None:
    """What the inserted space costs, and what the decoder strips without one."""
    if pipeline.prefix == "part":
        losses.add("normalisation")
    if pipeline.prefix != "never" and pipeline.strips == "none":
        losses.add("decode-side")
    without_prefix = pipeline.prefix == "never" and pipeline.strips == "one"
    if pipeline.conditional or without_prefix or pipeline.strips == "piece":
        exceptions.add("leading-space")


def judge(
    config: Config,
    pipeline: Pipeline,
    table: VocabularyTable,
    *,
    normalise: Callable[[str], str],
    pre_tokens: Callable[[str], int],
    merge: Callable[[str], list[int]],
) -> Capability:
    """What the tokenizer promises.

    Args:
        config: The file.
        pipeline: What its components do.
        table: Its token bytes.
        normalise: The file's normaliser.
        pre_tokens: Number of pre-tokens of a string.
        merge: Ids that the model gives for a string of its own alphabet, without pre-tokenization.
    """
    model = config["model"]
    losses, exceptions = _judge_added(pipeline, normalise) | _judge_coverage(model, pipeline), set[str]()
    if pipeline.changes:
        losses.add("normalisation")
    if pipeline.vanish:
        losses.add("unknown-token")
    needs_mark = (pipeline.maps_space or pipeline.prefix != "never") and not pipeline.byte_level
    no_mark = needs_mark and (pipeline.mark or " ") not in pieces_of(model)
    if no_mark:  # then the mark is lost, or spelled in bytes and stays
        losses |= {"normalisation", "decode-side"}
    if not pipeline.decodes:
        losses.add("decode-side")
    if pipeline.nfc:
        exceptions.add("not-nfc")
    if pipeline.mark == MARK:
        exceptions.add("u2581")
    elif pipeline.mark is not None:
        losses.add("normalisation")
    _judge_prefix(pipeline, exceptions, losses)
    reached = _reached_by_model(model, pipeline, table, pre_tokens)
    if any(not EXCEPTIONS["special-text"].applies(name) for name in reached):
        losses.add("normalisation")
    elif reached:
        exceptions.add("special-text")
    if losses and exceptions:
        losses.add("normalisation")  # the named exceptions are not named any more
        if pipeline.strips != "none" and (pipeline.prefix == "never" or pipeline.strips == "piece"):
            losses.add("decode-side")
    if losses:
        if any(table.kinds.get(token_id) == "unknown" for token_id in reached.values()):
            losses.add("unknown-token")
        if any(BYTE_PIECE.fullmatch(piece) for piece in reached):
            losses.add("decode-side")
    singles = {data for token_id, data in table.bytes_of.items() if len(data) == 1}
    complete = len(singles) == len(CHARACTERS)
    merges_bytes = pipeline.family == "byte-level-bpe" and pipeline.tabled and complete and not any(pipeline.affixes)
    guess = reached or no_mark or pipeline.prefix == "part" or (pipeline.prefix == "start" and pipeline.changes)
    odd_added = _collides(config, pipeline) or any(
        token.strips
        or (token.single_word and pipeline.prefix != "never")
        or (token.normalized and not _fixed_by(normalise, token.content, pipeline))
        for token in pipeline.text_added
    )
    no_change = not (pipeline.nfc or pipeline.changes) and config["normalizer"] is None
    return Capability(
        round_trip="lossy" if losses else "lossless-except" if exceptions else "lossless",
        exceptions=frozenset() if losses else frozenset(exceptions),
        losses=frozenset(losses),
        byte_complete=complete,
        spans="library" if losses - {"decode-side"} else "bytes",
        char_spans=True,
        prefix=b"" if pipeline.prefix == "never" else b" ",
        parse=True,
        piece=merges_bytes,
        pretokens=merges_bytes and no_change and pipeline.prefix == "never" and not pipeline.text_added,
        library_stream=True,
        ranks=merges_bytes and _ids_are_ranks(model, pipeline, merge),
        preimage=not (pipeline.drops or odd_added or guess),
    )
