"""Backend ``mistral``: the files that mistral-common ships, through mistral-common itself.

Two kinds of file: SentencePiece models (up to version 7) and tekken files, which are ranks behind a block
of special tokens. The library is imported when a file is loaded, not when they are listed.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from tokbench.errors import MissingExtraError, TokenizerFileError
from tokbench.tokenizers._common import LoadedFile, locate, looks_like, make_info, no_more_options, read_file, versions
from tokbench.tokenizers._sentencepiece import SentencePieceTokenizer, load_model, spec_options
from tokbench.tokenizers.capability import Capability
from tokbench.tokenizers.description import Kind, TokenizerInfo, VocabularyTable
from tokbench.tokenizers.patterns import pattern_spans, split_rule
from tokbench.tokenizers.protocol import Surrogates, Tokenizer
from tokbench.tokenizers.rules import BpeRules, EncodingRules

if TYPE_CHECKING:
    from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer as Engine
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer
    from sentencepiece import SentencePieceProcessor

__all__ = ["KNOWN_FILES", "MistralSentencePiece", "Tekken", "discover", "load", "shipped_files"]

KNOWN_FILES: Mapping[str, str] = MappingProxyType(
    {
        "v1": "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055",
        "v2": "37f00374dea48658ee8f5d0f21895b9bc55cb0103939607c8185bfd1c6ca1f89",
        "v3": "9addc8bdce5988448ae81b729336f43a81262160ae8da760674badab9d4c7d33",
        "v7": "1b968b8dc352f42192367337c78ccc61e1eaddc6d641a579372d4f20694beb7a",
        "v7m1": "1b968b8dc352f42192367337c78ccc61e1eaddc6d641a579372d4f20694beb7a",
        "tekken_240718": "eccd1665d2e477697c33cb7f0daa6f6dfefc57a0a6bceb66d4be52952f827516",
        "tekken_240911": "1948e2d48b0e7377f1bb5f1210f1ae5f984934e75713fc07e2452729b8365316",
    }
)
"""SHA-256 of the files of mistral-common 1.13.1. Another version may ship others: that is recorded, not refused."""

_SENTENCEPIECE_SUFFIX = re.compile(r"\.model\.(v\w+)\Z")


def shipped_files() -> dict[str, Path]:
    """The tokenizer files of the installed mistral-common by name, in the order of their names.

    The name is the version behind ``.model.`` or the stem of a tekken file; the whole file name where two
    files would share it.
    """
    folder = Path(str(importlib.resources.files("mistral_common"))) / "data"
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if found := _SENTENCEPIECE_SUFFIX.search(path.name):
            name = found.group(1)
        elif path.name.startswith("tekken") and path.suffix == ".json":
            name = path.stem
        else:
            continue
        files[path.name if name in files else name] = path
    return dict(sorted(files.items(), key=lambda item: (item[0].startswith("tekken"), item[0])))


class MistralSentencePiece(SentencePieceTokenizer):
    """A SentencePiece model that encodes and decodes through mistral-common."""

    def __init__(self, info: TokenizerInfo, engine: Engine, *, surrogates: Surrogates) -> None:
        from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy

        # one and the same library object: mistral-common wraps it
        processor = cast("SentencePieceProcessor", engine._model)  # noqa: SLF001, no public access
        super().__init__(info, processor, surrogates=surrogates)
        self.engine = engine
        # Under KEEP mistral-common joins raw pieces, U+2581 and <0xNN> included, which decodes nothing.
        self._policy = SpecialTokenPolicy.IGNORE

    def _encode(self, text: str) -> list[int]:
        return self.engine.encode(text, bos=False, eos=False)

    def _encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [self._encode(text) for text in texts]  # mistral-common has no batch call

    def _decode(self, ids: list[int]) -> str:
        return self.engine.decode(ids, special_token_policy=self._policy)


class Tekken(Tokenizer):
    """A ``Tekkenizer``: ids are ranks behind a block of special tokens."""

    def __init__(self, info: TokenizerInfo, engine: Tekkenizer, *, surrogates: Surrogates) -> None:
        from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy

        super().__init__(info, surrogates=surrogates)
        self.engine = engine
        self._policy = SpecialTokenPolicy.KEEP
        self._offset = engine.num_special_tokens

    def _load_table(self) -> VocabularyTable:
        # the engine has already cut the ranks of the file to those that are used
        ranks = self.engine._tekken_token2id_nospecial  # noqa: SLF001, no public access
        names = {token_id: self.engine.id_to_piece(token_id) for token_id in range(self._offset)}
        kinds: dict[int, Kind] = {
            token_id: "unknown" if name == "<unk>" else "special" for token_id, name in names.items()
        }
        return VocabularyTable({rank + self._offset: data for data, rank in ranks.items()}, kinds, names)

    def _shifted(self, ranks: list[int]) -> list[int]:
        return [rank + self._offset for rank in ranks]

    def _encode(self, text: str) -> list[int]:
        return self.engine.encode(text, bos=False, eos=False)

    def _encode_bytes(self, data: bytes) -> list[int]:
        return self._shifted(self.engine._model._encode_bytes(data))  # noqa: SLF001, the only way in for bytes

    def _encode_piece(self, data: bytes) -> list[int]:
        # the only way in for one piece
        return self._shifted(self.engine._model._encode_single_piece(data)) if data else []  # noqa: SLF001

    def _pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        return pattern_spans(self.engine._model._pat_str, text, self.info.spec)  # noqa: SLF001, no public access

    def rules(self) -> EncodingRules:
        """See :meth:`Tokenizer.rules`."""
        ranks = self.engine._tekken_token2id_nospecial  # noqa: SLF001, no public access
        return BpeRules(
            tokens={data: rank + self._offset for data, rank in ranks.items()},
            ranks=ranks,
            pattern=split_rule(self.engine._model._pat_str),  # noqa: SLF001, no public access
            whole_first=True,
        )

    def _decode(self, ids: list[int]) -> str:
        return self.engine.decode(ids, special_token_policy=self._policy)


_TEKKEN = Capability(
    round_trip="lossless", bytes_in=True, byte_complete=True, piece=True, pretokens=True, ranks=True
)  # fmt: skip


def _load_tekken(
    file: LoadedFile, spec: str, name: str, switches: Mapping[str, object], surrogates: Surrogates
) -> Tekken:
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    try:
        engine = Tekkenizer.from_file(file.path)
    except (AssertionError, AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise TokenizerFileError(str(file.path), "a tekken .json file", looks_like(file.data)) from error
    info = make_info(
        spec=spec,
        backend="mistral",
        name=name,
        family="tekken",
        files=(file.info,),
        libraries=versions("mistral-common", "tiktoken"),
        switches={"bos": False, "eos": False, "special_token_policy": "keep", "surrogates": surrogates, **switches},
        capability=_TEKKEN,
        n_ids=engine.n_words,
        n_vocab=engine.n_words,
    )
    return Tekken(info, engine, surrogates=surrogates)


def _load_sentencepiece(
    file: LoadedFile, spec: str, name: str, switches: Mapping[str, object], surrogates: Surrogates
) -> MistralSentencePiece:
    from mistral_common.exceptions import TokenizerException
    from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer as Engine

    model = load_model(
        file, "a tekken .json or sentencepiece .model file"
    )  # finds out what is wrong with a file before mistral-common opens it
    try:
        engine = Engine(file.path)
    except TokenizerException as error:
        expected = "a file name that ends in .model or .model.VERSION, from which mistral-common reads the version"
        raise TokenizerFileError(str(file.path), expected, f"another one ({error})") from error
    info = make_info(
        spec=spec,
        backend="mistral",
        name=name,
        family=model.family,
        files=(file.info,),
        libraries=versions("mistral-common", "sentencepiece"),
        switches={
            **model.switches,
            "special_token_policy": "ignore",
            "surrogates": surrogates,
            **switches,
        },
        capability=model.capability,
        n_ids=model.n_ids,
        n_vocab=engine.n_words,
    )
    return MistralSentencePiece(info, engine, surrogates=surrogates)


def _require_library() -> None:
    try:
        import mistral_common.tokens.tokenizers.sentencepiece
        import mistral_common.tokens.tokenizers.tekken  # noqa: F401, tried for what they import in turn
    except ImportError as error:
        raise MissingExtraError("mistral-common", "mistral", str(error)) from error


def load(locator: str, **options: object) -> Tokenizer:
    """Load a file that mistral-common ships by name, or one of the same kinds by path.

    Args:
        locator: ``v1``, ``v3``, ``tekken_240911``, ...; or the path of a tekken ``.json`` or ``.model`` file.
        **options: ``surrogates``.

    Raises:
        MissingExtraError: If a library that mistral-common needs is missing.
        TokenizerFileMissing, TokenizerFileError: If there is no such file, or it is of neither kind.
        OptionError: If an option is not known.
    """
    surrogates = cast("Surrogates", options.pop("surrogates", "raise"))
    no_more_options("mistral", options, "surrogates")
    _require_library()
    shipped = shipped_files()
    expected = f"one of {', '.join(shipped)}, or the path of a tekken .json or sentencepiece .model file"
    file = read_file(shipped.get(locator) or locate(locator), expected)
    name = locator if locator in shipped else file.path.name.removesuffix(".json").removesuffix(".model")
    switches: dict[str, object] = {}
    if locator in shipped and KNOWN_FILES.get(locator) != file.info.sha256:
        switches["file"] = "differs from the one known" if locator in KNOWN_FILES else "not known"
    load_kind = _load_tekken if file.data.lstrip().startswith(b"{") else _load_sentencepiece
    return load_kind(file, f"mistral:{locator}{spec_options(surrogates)}", name, switches, surrogates)


def discover() -> list[tuple[str, str]]:
    """The files that the installed mistral-common ships, each with its family and size."""
    rows = []
    for name, path in shipped_files().items():
        family = "tekken (byte-level BPE ranks)" if path.suffix == ".json" else "SentencePiece BPE with byte fallback"
        rows.append((f"mistral:{name}", f"{family}, {path.stat().st_size / 1e6:.1f} MB file"))
    return rows
