"""What a ``tokenizer.json`` declares: its family, what its components do to text, the bytes of its tokens.

Everything is read from the components of the file (normaliser, pre-tokenizer, model, decoder, added
tokens), never from its name. The library's behaviour that is modelled here was observed on tokenizers
0.23.3; where a component is not known to be harmless, it is taken to change the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tokbench.tokenizers._bytetable import from_characters
from tokbench.tokenizers.description import Kind, VocabularyTable

__all__ = [
    "BYTE_PIECE",
    "MARK",
    "Added",
    "Config",
    "Pipeline",
    "piece_bytes",
    "pieces_of",
    "read_pipeline",
    "read_table",
]

Config = Mapping[str, Any]
"""A ``tokenizer.json`` as the library writes it, defaults filled in."""

MARK = "\u2581"
"""What stands for the space in most vocabularies that have a character for it."""

BYTE_PIECE = re.compile("<0x([0-9A-F]{2})>")
"""A piece that byte fallback uses for a byte."""

_HARMLESS_SPLITS = frozenset({"Digits", "UnicodeScripts", "FixedLength"})
_SPACE_EATERS = frozenset({"Whitespace", "WhitespaceSplit", "BertPreTokenizer", "CharDelimiterSplit"})


@dataclass(frozen=True, slots=True)
class Added:
    """A token that is cut out of the text before the model sees it."""

    token_id: int
    content: str
    special: bool
    normalized: bool
    strips: bool
    single_word: bool


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The way of a text through a ``tokenizer.json`` and back.

    Attributes:
        family: As in :attr:`TokenizerInfo.family <tokbench.tokenizers.TokenizerInfo.family>`.
        byte_level: Whether pieces are written in the GPT-2 byte table.
        tabled: Whether the encoding writes text in that table exactly once.
        byte_names: Whether the decoder reads ``<0xNN>`` pieces as bytes.
        mark: Character that stands for the space in pieces, or None.
        maps_space: Whether encoding turns the space into the mark.
        byte_fallback: Whether ``<0xNN>`` pieces are bytes.
        prefix: Where a space is inserted: at the ``start`` of the text, of each ``section`` between added
            tokens, of each ``part`` of an earlier split, or ``never``.
        conditional: Whether the prefix is left out before a space.
        late: Whether the pre-tokenizer inserts the prefix, not the normaliser.
        to_table: Whether the normaliser writes its text in the byte table.
        strips: What the decoder strips in front: nothing, ``one`` space, or all marks of the first ``piece``.
        decodes: Whether the decoder undoes the encoding, the prefix aside.
        nfc: Whether text is brought to NFC.
        changes: Whether the normaliser or pre-tokenizer changes or drops characters in any other way.
        vanish: Whether characters other than spaces are dropped and leave no id.
        drops: Whether the pre-tokenizer drops characters, so that no pre-image can be given.
        affixes: Continuing prefix and end-of-word suffix of the pieces.
        added: The added tokens.
    """

    family: str
    byte_level: bool
    tabled: bool
    byte_names: bool
    mark: str | None
    maps_space: bool
    byte_fallback: bool
    prefix: Literal["never", "start", "section", "part"]
    conditional: bool
    late: bool
    to_table: bool
    strips: Literal["none", "one", "piece"]
    decodes: bool
    nfc: bool
    changes: bool
    vanish: bool
    drops: bool
    affixes: tuple[str, str]
    added: tuple[Added, ...]

    @property
    def text_added(self) -> tuple[Added, ...]:
        """The added tokens that plain encoding finds: those that are not special."""
        return tuple(token for token in self.added if not token.special)


def _steps(component: Config | None, key: str) -> Iterator[Config]:
    """The steps of a component, nested sequences flattened."""
    if component is None:
        return
    if component["type"] == "Sequence":
        for part in component[key]:
            yield from _steps(part, key)
    else:
        yield component


class _Reader:
    """Collects what the steps of the pipeline do, in the order in which text meets them."""

    def __init__(self) -> None:
        self.tables = 0
        self.mark: str | None = None
        self.prefix: Literal["never", "start", "section", "part"] = "never"
        self.conditional = False
        self.late = False
        self.prepended = " "
        self.to_table = False
        self.nfc = False
        self.changes = False
        self.drops = False
        self.vanish = False
        self.splits = False

    def _insert(self, scope: Literal["start", "section", "part"]) -> None:
        if self.prefix == "never":
            self.prefix, self.conditional, self.late = scope, True, True
        elif self.splits:  # else the second prefix finds the first one, a space, and does nothing
            self.prefix = "part"

    def normaliser(self, step: Config) -> None:
        kind = step["type"]
        if kind == "NFC":
            self.nfc = True
        elif kind == "ByteLevel":
            self.tables += 1
            self.to_table = True
        elif kind == "Prepend" and self.prefix == "never":
            self.prefix, self.prepended = "section", step["prepend"]
        elif kind == "Replace" and step["pattern"] == {"String": " "} and len(step["content"]) == 1:
            self.mark = step["content"]
        elif kind == "BertNormalizer":
            self.changes |= any(step[name] for name in ("clean_text", "handle_chinese_chars", "lowercase"))
            self.changes |= bool(step["strip_accents"])
        elif kind == "Strip":
            self.changes |= bool(step["strip_left"] or step["strip_right"])
        else:
            self.changes = True

    def pre_tokenizer(self, step: Config) -> None:
        kind = step["type"]
        inserts: Literal["section", "part"] = "part" if self.splits else "section"
        if kind == "ByteLevel":
            self.tables += 1
            if step["add_prefix_space"]:
                self._insert(inserts)
            self.splits |= step["use_regex"]
        elif kind == "Metaspace":
            self.mark = step["replacement"]
            if step["prepend_scheme"] != "never":
                self._insert("start" if step["prepend_scheme"] == "first" else inserts)
            self.splits |= step["split"]
        elif kind in {"Split", "Punctuation"}:
            if step["behavior"] == "Removed":
                self.drops = True
                self.vanish |= step.get("pattern") != {"String": " "} or step["invert"]
            self.splits = True
        else:
            self.drops |= kind in _SPACE_EATERS or kind not in _HARMLESS_SPLITS
            self.vanish |= kind == "CharDelimiterSplit" and step["delimiter"] != " "
            self.splits = True


def _read_decoder(
    decoder: Config | None, mark: str | None, *, byte_level: bool, byte_fallback: bool
) -> tuple[bool, Literal["none", "one", "piece"]]:
    """Whether the decoder undoes the encoding, and what it strips in front."""
    steps = list(_steps(decoder, "decoders"))
    kinds = [step["type"] for step in steps]
    if not steps:  # without a decoder the library joins pieces with spaces
        return False, "none"
    if byte_level:
        return kinds in (["ByteLevel"], ["ByteLevel", "Fuse"]), "none"
    mapped, fallback, fused = mark is None, not byte_fallback, False
    strips: Literal["none", "one", "piece"] = "none"
    for step in steps:
        match step["type"]:
            case "Metaspace" if step["replacement"] == mark and not fused:
                mapped = True
                strips = "none" if step["prepend_scheme"] == "never" else "piece"
            case "Replace" if step["pattern"] == {"String": mark} and step["content"] == " ":
                mapped = True
            case "ByteFallback" if not fused:
                fallback = True
            case "Fuse":
                fused = True
            case "Strip" if fused and step["content"] == " " and (step["start"], step["stop"]) == (1, 0):
                strips = "one"
            case "Strip" if (step["start"], step["stop"]) == (0, 0):
                pass
            case _:
                return False, strips
    return mapped and fallback, strips


def _decoder_mark(decoder: Config | None) -> str | None:
    for step in _steps(decoder, "decoders"):
        if step["type"] == "Metaspace":
            return str(step["replacement"])
        if step["type"] == "Replace" and step["content"] == " ":
            character = step["pattern"].get("String", "")
            return character if len(character) == 1 else None
    return None


def read_pipeline(config: Config) -> Pipeline:
    """Read what the components of a ``tokenizer.json`` do."""
    reader, model, decoder = _Reader(), config["model"], config["decoder"]
    for step in _steps(config["normalizer"], "normalizers"):
        reader.normaliser(step)
    for step in _steps(config["pre_tokenizer"], "pretokenizers"):
        reader.pre_tokenizer(step)
    undone = {step["type"] for step in _steps(decoder, "decoders")}
    byte_level = reader.tables > 0 or "ByteLevel" in undone
    tabled = reader.tables == 1
    byte_fallback = bool(model.get("byte_fallback")) and not byte_level
    mark = None if byte_level else reader.mark or _decoder_mark(decoder)
    decodes, strips = _read_decoder(decoder, mark, byte_level=byte_level, byte_fallback=byte_fallback)
    affixes = (model.get("continuing_subword_prefix") or "", model.get("end_of_word_suffix") or "")
    # a mark beside the byte table would have to be undone by a second decoder: not known to be harmless
    odd = reader.prepended not in {" ", mark} or (byte_level and (not tabled or reader.mark is not None))
    family = str(model["type"]).lower()
    if byte_level and family == "bpe":
        family = "byte-level-bpe"
    elif mark is not None and family in {"bpe", "unigram"}:
        family = f"sentencepiece-{family}"
    return Pipeline(
        family=family,
        byte_level=byte_level,
        tabled=tabled,
        byte_names="ByteFallback" in undone,
        mark=mark,
        maps_space=reader.mark is not None and mark is not None,
        byte_fallback=byte_fallback,
        prefix=reader.prefix,
        conditional=reader.conditional,
        late=reader.late,
        to_table=reader.to_table,
        strips=strips,
        decodes=decodes and affixes == ("", ""),
        nfc=reader.nfc,
        changes=reader.changes or reader.drops or odd,
        vanish=reader.vanish,
        drops=reader.drops or odd or affixes != ("", ""),
        affixes=affixes,
        added=tuple(
            Added(
                token_id=token["id"],
                content=token["content"],
                special=token["special"],
                normalized=token["normalized"],
                strips=token["lstrip"] or token["rstrip"],
                single_word=token["single_word"],
            )
            for token in config["added_tokens"]
        ),
    )


# ---------------------------------------------------------------------- token bytes


def pieces_of(model: Config) -> dict[str, int]:
    """The vocabulary of a model, added tokens that it does not hold left out."""
    if model["type"] == "Unigram":
        return {piece: token_id for token_id, (piece, _score) in enumerate(model["vocab"])}
    return dict(model["vocab"])


def _unknown_id(model: Config, pieces: Mapping[str, int], added: tuple[Added, ...]) -> int | None:
    if model["type"] == "Unigram":
        return model["unk_id"]  # type: ignore[no-any-return]
    name = model["unk_token"]
    return next((token.token_id for token in added if token.content == name), pieces.get(name))


def _bare(piece: str, affixes: tuple[str, str]) -> str:
    """``piece`` without its continuing prefix and end-of-word suffix; an affix alone is literal."""
    prefix, suffix = affixes
    if prefix and piece != prefix:
        piece = piece.removeprefix(prefix)
    return piece.removesuffix(suffix) if suffix and piece != suffix else piece


def piece_bytes(piece: str, pipeline: Pipeline) -> bytes | None:
    """Bytes of a piece by the rule of its family, or None if it has a character outside the byte table."""
    piece = _bare(piece, pipeline.affixes)
    if pipeline.byte_level:
        return from_characters(piece)
    return (piece.replace(pipeline.mark, " ") if pipeline.mark else piece).encode()


def read_table(config: Config, pipeline: Pipeline) -> VocabularyTable:
    """Bytes, kind and name of every id."""
    model = config["model"]
    pieces = pieces_of(model)
    unknown = _unknown_id(model, pieces, pipeline.added)
    bytes_of: dict[int, bytes] = {}
    kinds: dict[int, Kind] = {}
    names: dict[int, str] = {}
    undecodable: dict[int, str] = {}
    in_model = set(pieces.values())
    for token in pipeline.added:
        if token.special:
            kinds[token.token_id] = "unknown" if token.token_id == unknown else "special"
            names[token.token_id] = token.content
        else:
            kinds[token.token_id] = "added"
            # a piece that the merges reach as well keeps its reading: it mostly arises from spaces
            is_piece = token.token_id in in_model and pipeline.mark is not None
            content = token.content.replace(pipeline.mark or "", " ") if is_piece else token.content
            bytes_of[token.token_id] = content.encode()
    if unknown is not None:
        kinds[unknown] = "unknown"
        bytes_of.pop(unknown, None)
    for piece, token_id in pieces.items():
        if token_id in kinds:
            continue
        if pipeline.byte_fallback and (match := BYTE_PIECE.fullmatch(piece)):
            kinds[token_id] = "byte"
            bytes_of[token_id] = bytes.fromhex(match[1])
        elif (found := piece_bytes(piece, pipeline)) is not None:
            bytes_of[token_id] = found
        else:
            names[token_id] = piece
            undecodable[token_id] = "it holds a character that is not in the GPT-2 byte table of this vocabulary"
    return VocabularyTable(bytes_of, kinds, names, undecodable)
