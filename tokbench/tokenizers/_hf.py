"""Backend ``hf``: a ``tokenizer.json``, through the tokenizers library.

The file is used as it is shipped, with three exceptions that would make encoding something else than a
function of the text: padding, truncation and merge dropout are switched off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import cast

import tokenizers
from tokenizers.decoders import DecodeStream

from tokbench.errors import TokenizerFileError
from tokbench.tokenizers import _hf_hub
from tokbench.tokenizers._bytetable import from_characters, to_characters
from tokbench.tokenizers._common import LoadedFile, looks_like, make_info, no_more_options, read_file, versions
from tokbench.tokenizers._hf_encoding import encoding_rules
from tokbench.tokenizers._hf_judge import judge
from tokbench.tokenizers._hf_rules import Config, Pipeline, read_pipeline, read_table
from tokbench.tokenizers.description import TokenizerInfo, VocabularyTable
from tokbench.tokenizers.protocol import Surrogates, Tokenizer
from tokbench.tokenizers.rules import EncodingRules

__all__ = ["HFTokenizer", "discover", "load"]


def _build(source: str, *, specials_as_text: bool) -> tokenizers.Tokenizer:
    """Load the library's object and set its switches.

    ``encode_special_tokens`` is a run-time flag that pickle, deepcopy and to_str lose, so objects are always
    built anew from the file, one for each setting.
    """
    tokenizer = tokenizers.Tokenizer.from_str(source)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = specials_as_text
    if isinstance(tokenizer.model, tokenizers.models.BPE):
        tokenizer.model.dropout = None
    return tokenizer


def _alternatives(contents: Iterator[str]) -> re.Pattern[str] | None:
    """Pattern of the leftmost longest among ``contents``."""
    ordered = sorted({content for content in contents if content}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered))) if ordered else None


class HFTokenizer(Tokenizer):
    """A ``tokenizers.Tokenizer`` behind the common protocol.

    Args:
        info: Its description.
        source: Content of the file.
        pipeline: What the components of the file do.
        surrogates: What to do with surrogates.
    """

    refuses_surrogates = True

    def __init__(self, info: TokenizerInfo, source: str, pipeline: Pipeline, *, surrogates: Surrogates) -> None:
        super().__init__(info, surrogates=surrogates)
        self._source = source
        self._pipeline = pipeline

    def __getstate__(self) -> dict[str, object]:
        built = {"_plain", "_parser", "_cuts"}  # the library's objects would come back without their flag
        return {name: value for name, value in super().__getstate__().items() if name not in built}

    @cached_property
    def _plain(self) -> tokenizers.Tokenizer:
        return _build(self._source, specials_as_text=True)

    @cached_property
    def _parser(self) -> tokenizers.Tokenizer:
        return _build(self._source, specials_as_text=False)

    def _load_table(self) -> VocabularyTable:
        return read_table(_config(self._plain), self._pipeline)

    def shipped_configuration(self) -> tuple[object, object]:
        """Four sections of the file and of the object that encodes, without dropout, which is always switched off."""
        sides: list[dict[str, object]] = []
        for config in (json.loads(self._source), json.loads(self._plain.to_str())):
            sections = {name: config.get(name) for name in ("normalizer", "pre_tokenizer", "decoder", "model")}
            sections["model"] = {key: value for key, value in sections["model"].items() if key != "dropout"}
            sides.append(sections)
        return sides[0], sides[1]

    def rules(self) -> EncodingRules:
        """See :meth:`Tokenizer.rules`."""
        return encoding_rules(_config(self._plain), self._pipeline, self._table, self.info.spec)

    def takes_spaces(self, special: str) -> bool:
        """See :meth:`Tokenizer.takes_spaces`."""
        return any(token.strips for token in self._pipeline.added if token.content == special)

    # ------------------------------------------------------------------ encoding and decoding

    def _encode(self, text: str) -> list[int]:
        return self._plain.encode(text, add_special_tokens=False).ids

    def _encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._plain.encode_batch_fast(texts, add_special_tokens=False)]

    def _encode_parse(self, text: str) -> list[int]:
        return self._parser.encode(text, add_special_tokens=False).ids

    def _decode(self, ids: list[int]) -> str:
        return self._plain.decode(ids, skip_special_tokens=False)

    def _char_spans(self, text: str) -> list[tuple[int, int]]:
        return self._plain.encode(text, add_special_tokens=False).offsets

    def library_stream(self, ids: Sequence[int]) -> list[str]:
        """Chunks of the library's ``DecodeStream``, one per id; it has no flush, so a tail may be held back."""
        stream = DecodeStream(skip_special_tokens=False)
        return [stream.step(self._plain, token_id) or "" for token_id in self._known(ids)]

    # ------------------------------------------------------------------ pieces

    def _encode_piece(self, data: bytes) -> list[int]:
        if not self.info.capability.piece:
            return super()._encode_piece(data)
        return [token.id for token in self._plain.model.tokenize(to_characters(data))]

    def _pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        if not self.info.capability.pretokens:
            return super()._pretoken_spans(text)
        if not text:
            return []
        offsets = [0]
        for character in text:
            offsets.append(offsets[-1] + len(character.encode()))
        splits = self._plain.pre_tokenizer.pre_tokenize_str(text)
        return [(offsets[start], offsets[end]) for _piece, (start, end) in splits]

    # ------------------------------------------------------------------ pre-image

    @cached_property
    def _cuts(self) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
        """What is cut out of the raw and of the normalised text; special strings shadow what they overlap."""
        if not self._pipeline.text_added:
            return None, None
        raw = (token.content for token in self._pipeline.added if not token.normalized)
        seen = (self._normalise(token.content) for token in self._pipeline.added if token.normalized)
        return _alternatives(raw), _alternatives(seen)

    def _normalise(self, text: str) -> str:
        normaliser = self._plain.normalizer
        return normaliser.normalize_str(text) if normaliser is not None else text

    @cached_property
    def _contents(self) -> dict[str, bytes]:
        found = {}
        for token in self._pipeline.text_added:
            key = self._normalise(token.content) if token.normalized else token.content
            found[key] = self._table.bytes_of.get(token.token_id, b"")
        return found

    def _cut(self, pattern: re.Pattern[str] | None, text: str) -> Iterator[str | bytes]:
        """``text`` in order, with the bytes of each added token in its place."""
        start = 0
        for match in pattern.finditer(text) if pattern else ():
            if match.group() in self._contents:  # else it spells a special token, which is text here
                yield text[start : match.start()]
                yield self._contents[match.group()]
                start = match.end()
        yield text[start:]

    def _section(self, text: str, *, first: bool) -> bytes:
        pipeline = self._pipeline
        if pipeline.to_table:
            return from_characters(text) or b""
        spaces = (" ",) if pipeline.mark is None else (" ", pipeline.mark)
        inserts = pipeline.late and (first or pipeline.prefix == "section") and not text.startswith(spaces)
        if pipeline.mark is not None:
            text = text.replace(pipeline.mark, " ")
        return (f" {text}" if inserts else text).encode()

    def _preimage(self, text: str) -> bytes:
        if not self.info.capability.preimage:
            return super()._preimage(text)
        raw, normalised = self._cuts
        parts: list[bytes] = []
        for section in self._cut(raw, text):
            if isinstance(section, bytes):
                parts.append(section)
                continue
            for part in self._cut(normalised, self._normalise(section)):
                if isinstance(part, bytes):
                    parts.append(part)
                elif part:
                    parts.append(self._section(part, first=not parts))
        return b"".join(parts)


def _config(tokenizer: tokenizers.Tokenizer) -> Config:
    return cast("Config", json.loads(tokenizer.to_str()))


def _open(file: LoadedFile) -> tuple[str, tokenizers.Tokenizer]:
    try:
        source = file.data.decode()
        return source, _build(source, specials_as_text=True)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic of the library derives from BaseException
        found = looks_like(file.data)
        if found.startswith("JSON with"):
            found += f", which tokenizers refuses: {error}"
        raise TokenizerFileError(str(file.path), _hf_hub.EXPECTED, found) from error


def _switches(config: Config, surrogates: Surrogates) -> dict[str, object]:
    decoder = config["decoder"] or {"type": "none"}
    return {
        "add_special_tokens": False,
        "decoder": decoder["type"],
        "decoder_cleanup": bool(decoder.get("cleanup", False)),
        "dropout": "off",
        "encode_special_tokens": True,
        "padding": "off",
        "skip_special_tokens": False,
        "surrogates": surrogates,
        "truncation": "off",
        # recorded where it is set: then some tokens are reached by look-up only, which the laws of BPE must know
        **({"ignore_merges": True} if config["model"].get("ignore_merges") else {}),
    }


def load(locator: str, **options: object) -> Tokenizer:
    """Load a tokenizer.json.

    Args:
        locator: Path of the file or of a folder that holds it, ``@name`` of a fixture, or hub id
            (``name`` or ``owner/name``, with ``@revision`` behind it if wanted).
        **options: ``surrogates``.

    Raises:
        TokenizerFileMissing, TokenizerFileError: If the file is missing or of another kind.
        VocabularyUnavailable: If the hub would have to be asked and cannot.
        OptionError: If an option is not known.
    """
    surrogates = cast("Surrogates", options.pop("surrogates", "raise"))
    no_more_options("hf", options, "surrogates")
    path, name = _hf_hub.find(locator)
    file = read_file(path, _hf_hub.EXPECTED)
    source, plain = _open(file)
    config = _config(plain)
    pipeline = read_pipeline(config)
    table = read_table(config, pipeline)
    normaliser, splitter, model = plain.normalizer, plain.pre_tokenizer, plain.model
    capability = judge(
        config,
        pipeline,
        table,
        normalise=normaliser.normalize_str if normaliser is not None else str,
        pre_tokens=lambda text: len(splitter.pre_tokenize_str(text)) if splitter is not None else 1,
        merge=lambda piece: [token.id for token in model.tokenize(piece)],
    )
    info = make_info(
        spec=f"hf:{locator}" + ("" if surrogates == "raise" else f"?surrogates={surrogates}"),
        backend="hf",
        name=name,
        family=pipeline.family,
        files=(file.info,),
        libraries=versions("tokenizers"),
        switches=_switches(config, surrogates),
        capability=capability,
        n_ids=len({*table.bytes_of, *table.kinds, *table.undecodable}),
        n_vocab=plain.get_vocab_size(with_added_tokens=True),
    )
    tokenizer = HFTokenizer(info, source, pipeline, surrogates=surrogates)
    tokenizer.__dict__.update(_plain=plain, _table=table)  # what is known already need not be derived again
    return tokenizer


def discover() -> list[tuple[str, str]]:
    """The project's own tokenizers, and what the local cache of the hub holds."""
    own = [
        ("hf:@tiny.json", "the project's own small byte-level BPE"),
        ("hf:@tiny-wordpiece.json", "the project's own small WordPiece model"),
    ]
    return own + [(f"hf:{repository}", "in the local cache of the hub") for repository in _hf_hub.cached()]
