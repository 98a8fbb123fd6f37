"""Backend ``tiktoken``: registered encodings, and rank files with a named split pattern."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import cast

import regex
import tiktoken
import tiktoken.registry

from tokbench.errors import (
    OptionError,
    SpecError,
    TokenizerFileError,
    VocabularyUnavailable,
)
from tokbench.tokenizers._common import fingerprint, locate, looks_like, make_info, no_more_options, read_file, versions
from tokbench.tokenizers.capability import Capability
from tokbench.tokenizers.description import FileInfo, TokenizerInfo, VocabularyTable
from tokbench.tokenizers.patterns import PATTERNS, named_pattern, pattern_spans, split_rule
from tokbench.tokenizers.protocol import Surrogates, Tokenizer
from tokbench.tokenizers.rules import BpeRules, EncodingRules

__all__ = ["CACHE_FILES", "TiktokenTokenizer", "cache_directory", "check_cache", "discover", "load"]

_EXPECTED = "a tiktoken rank file (lines of base64 token, space, rank)"
_OPTIONS = "pattern (of a rank file), specials (of a rank file), surrogates"


@dataclass(frozen=True, slots=True)
class CacheFile:
    """A file that tiktoken keeps in its cache.

    Attributes:
        key: File name in the cache: SHA-1 of the URL.
        sha256: SHA-256 of the content, as tiktoken itself checks it.
    """

    key: str
    sha256: str


_R50K = CacheFile(
    "0ea1e91bbb3a60f729a8dc8f777fd2fc07cd8df4", "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"
)
_P50K = CacheFile(
    "ec7223a39ce59f226a68acc30dc1af2788490e15", "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069"
)
_CL100K = CacheFile(
    "9b5ad71b2ce5302211f9c61530b329a4922fc6a4", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
)
_O200K = CacheFile(
    "fb374d419588a4632f3f557e76b4b70aebbca790", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
)
_VOCAB_BPE = CacheFile(
    "6d1cbeee0f20b3d9449abfede4726ed8212e3aee", "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
)
_ENCODER_JSON = CacheFile(
    "6c7ea1a7e38e3a7f062df639a5b80947f075ffe6", "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"
)

CACHE_FILES: Mapping[str, tuple[CacheFile, ...]] = MappingProxyType(
    {
        "gpt2": (_VOCAB_BPE, _ENCODER_JSON),
        "r50k_base": (_R50K,),
        "p50k_base": (_P50K,),
        "p50k_edit": (_P50K,),
        "cl100k_base": (_CL100K,),
        "o200k_base": (_O200K,),
        "o200k_harmony": (_O200K,),
    }
)
"""The cache files behind each encoding that tiktoken itself registers."""


def cache_directory() -> Path | None:
    """The folder in which tiktoken keeps downloaded vocabularies; None when the user has disabled it."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if variable in os.environ:
            return Path(os.environ[variable]) if os.environ[variable] else None
    return Path(tempfile.gettempdir()) / "data-gym-cache"


def check_cache(name: str) -> tuple[FileInfo, ...]:
    """The cached files of a registered encoding, each with a good hash.

    tiktoken deletes a cached file whose hash does not match and tries to download another one; looking
    first keeps the user's file.

    Raises:
        VocabularyUnavailable: If a file is missing or has another content.
    """
    folder, files = cache_directory(), []
    for file in CACHE_FILES.get(name, ()):
        path = folder / file.key if folder is not None else None
        wanted = f"not in tiktoken's cache: file {file.key}, SHA-256 {file.sha256[:16]}..."
        remedy = "connect to the network, or point TIKTOKEN_CACHE_DIR to a folder that holds it"
        if path is None or not path.is_file():
            raise VocabularyUnavailable(name, wanted, remedy)
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if digest != file.sha256:
            found = f"{wanted}, but another content ({digest[:16]}...)"
            raise VocabularyUnavailable(name, found, "remove that file, or point TIKTOKEN_CACHE_DIR elsewhere")
        files.append(FileInfo(file.key, digest, len(data)))
    return tuple(files)


class TiktokenTokenizer(Tokenizer):
    """A ``tiktoken.Encoding`` behind the common protocol."""

    def __init__(
        self, info: TokenizerInfo, encoding: tiktoken.Encoding, *, surrogates: Surrogates, shipped: Path | None = None
    ) -> None:
        super().__init__(info, surrogates=surrogates)
        self.encoding = encoding
        self._shipped = shipped  # the rank file

    def _load_table(self) -> VocabularyTable:
        # ids come from the two tables, never from n_vocab, which counts gaps
        specials = {token_id: name for name, token_id in self.encoding._special_tokens.items()}  # noqa: SLF001, no public access
        return VocabularyTable(
            bytes_of={rank: data for data, rank in self.encoding._mergeable_ranks.items()},  # noqa: SLF001, no public access
            kinds=dict.fromkeys(specials, "special"),
            names=specials,
        )

    def shipped_configuration(self) -> tuple[object, object] | None:
        """Ranks of the file and of the encoding; None for one that has no rank file, or not the same any more."""
        data = self._shipped.read_bytes() if self._shipped is not None and self._shipped.is_file() else b""
        if hashlib.sha256(data).hexdigest() not in {file.sha256 for file in self.info.files}:
            return None
        pairs = (line.split() for line in data.splitlines() if line.strip())
        return {base64.b64decode(token): int(rank) for token, rank in pairs}, dict(self.encoding._mergeable_ranks)  # noqa: SLF001, no public access

    def _encode(self, text: str) -> list[int]:
        return self.encoding.encode_ordinary(text)

    def _encode_batch(self, texts: list[str]) -> list[list[int]]:
        return self.encoding.encode_ordinary_batch(texts)

    def _encode_parse(self, text: str) -> list[int]:
        return self.encoding.encode(text, allowed_special="all", disallowed_special=())

    def _encode_bytes(self, data: bytes) -> list[int]:
        return self.encoding._encode_bytes(data)  # noqa: SLF001, the only way in for bytes

    def _encode_piece(self, data: bytes) -> list[int]:
        return self.encoding._encode_single_piece(data) if data else []  # noqa: SLF001, the only way in for one piece

    def _pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        return pattern_spans(self.encoding._pat_str, text, self.info.spec)  # noqa: SLF001, no public access

    def rules(self) -> EncodingRules:
        """See :meth:`Tokenizer.rules`."""
        ranks = self.encoding._mergeable_ranks  # noqa: SLF001, no public access
        pattern = split_rule(self.encoding._pat_str)  # noqa: SLF001
        return BpeRules(tokens=ranks, ranks=ranks, pattern=pattern, whole_first=True)

    def _decode(self, ids: list[int]) -> str:
        return self.encoding.decode(ids)


def _parse_ranks(data: bytes, path: str) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    line_of: dict[int, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            encoded, rank_text = line.split()
            token, rank = base64.b64decode(encoded, validate=True), int(rank_text)
        except (ValueError, binascii.Error):
            found = looks_like(data) if number == 1 else f"line {number} that reads {line[:40]!r}"
            raise TokenizerFileError(path, _EXPECTED, found) from None
        if not token or not 0 <= rank < 2**32:
            raise TokenizerFileError(path, _EXPECTED, f"an empty token or a rank outside 0..2^32-1 in line {number}")
        if rank in line_of:
            raise TokenizerFileError(path, "one token a rank", f"rank {rank} in lines {line_of[rank]} and {number}")
        if token in ranks:
            found = f"the token {token!r} in lines {line_of[ranks[token]]} and {number}"
            raise TokenizerFileError(path, "one rank a token", found)
        ranks[token] = rank
        line_of[rank] = number
    holes = [value for value in range(256) if bytes([value]) not in ranks]
    if holes:
        shown = ", ".join(f"0x{value:02X}" for value in holes[:4]) + (", ..." if len(holes) > 4 else "")  # noqa: PLR2004, four are enough to see
        raise TokenizerFileError(path, "all 256 single bytes among the tokens", f"{len(holes)} missing: {shown}")
    return ranks


def _parse_specials(text: str, taken: set[int]) -> dict[str, int]:
    specials: dict[str, int] = {}
    for part in text.split(",") if text else ():
        name, colon, number = part.rpartition(":")
        if not (colon and name and number.isdecimal()):
            raise OptionError("specials", text, "NAME:ID pairs joined by commas, for example <|endoftext|>:50256")
        if int(number) in taken or name in specials:
            raise OptionError("specials", text, f"names and ids that are not taken yet, unlike {part}")
        specials[name] = int(number)
        taken.add(int(number))
    return specials


def _capability() -> Capability:
    return Capability(
        round_trip="lossless", bytes_in=True, byte_complete=True, parse=True, piece=True, pretokens=True, ranks=True
    )


def _load_file(locator: str, pattern: str | None, specials: str, surrogates: Surrogates) -> Tokenizer:
    path = locate(locator)
    file = read_file(path, _EXPECTED)
    ranks = _parse_ranks(file.data, str(path))
    if pattern is None:
        raise SpecError(
            f"tiktoken:{locator}",
            f"a rank file has no split pattern: write tiktoken:{locator}?pattern=NAME with one of "
            f"{', '.join(PATTERNS)}, or a regular expression",
        )
    split = named_pattern(pattern) or pattern
    special_tokens = _parse_specials(specials, set(ranks.values()))
    try:
        regex.compile(split)
        encoding = tiktoken.Encoding(
            path.stem,
            pat_str=split,
            mergeable_ranks=ranks,
            special_tokens=special_tokens,
        )
    except (regex.error, ValueError) as error:
        raise OptionError("pattern", pattern, f"one of {', '.join(PATTERNS)}, or a valid regular expression") from error
    options = f"?pattern={pattern}" + (f"&specials={specials}" if specials else "")
    info = make_info(
        spec=f"tiktoken:{locator}{options}",
        backend="tiktoken",
        name=path.stem,
        family="tiktoken",
        files=(file.info,),
        libraries=versions("tiktoken"),
        switches={"pattern": split, "specials": specials, "surrogates": surrogates},
        capability=_capability(),
        n_ids=len(ranks) + len(encoding._special_tokens),  # noqa: SLF001, no public access
        n_vocab=encoding.n_vocab,
    )
    return TiktokenTokenizer(info, encoding, surrogates=surrogates, shipped=path.absolute())


def _offline() -> bool:
    return any(os.environ.get(name, "") not in {"", "0"} for name in ("TOKBENCH_OFFLINE", "HF_HUB_OFFLINE"))


def _get_encoding(name: str) -> tuple[tiktoken.Encoding, tuple[FileInfo, ...]]:
    try:
        files = check_cache(name)
    except VocabularyUnavailable as missing:
        if _offline() or "another content" in missing.wanted:
            raise
        try:
            return tiktoken.get_encoding(name), check_cache(name) if cache_directory() else ()
        except Exception as error:  # requests and its adapters raise many kinds; all mean that it is not to be had
            raise missing from error
    try:
        return tiktoken.get_encoding(name), files
    except Exception as error:  # encodings of plugins may fail in any way of their own
        raise VocabularyUnavailable(
            name, f"its constructor failed: {error}", "see the package that registers it"
        ) from error


def _load_name(name: str, surrogates: Surrogates) -> Tokenizer:
    try:
        known = tiktoken.list_encoding_names()
    except ValueError as error:
        # tiktoken fails every look-up when two plugins register one name
        raise SpecError(f"tiktoken:{name}", f"tiktoken's registry is broken: {error}") from error
    if name not in known:
        suffix = Path(name).suffix
        hint = " (a rank file would be a path that exists)" if suffix or os.sep in name else ""
        raise SpecError(
            f"tiktoken:{name}", f"no encoding of this name{hint}: expected one of {', '.join(sorted(known))}"
        )
    encoding, files = _get_encoding(name)
    ranks, specials = encoding._mergeable_ranks, encoding._special_tokens  # noqa: SLF001, no public access
    content = "" if files else fingerprint(ranks=sorted((rank, data.hex()) for data, rank in ranks.items()))
    info = make_info(
        spec=f"tiktoken:{name}",
        backend="tiktoken",
        name=name,
        family="tiktoken",
        files=files,
        libraries=versions("tiktoken"),
        switches={
            "pattern": encoding._pat_str,  # noqa: SLF001, no public access
            "specials": ",".join(f"{text}:{token_id}" for text, token_id in sorted(specials.items())),
            "surrogates": surrogates,
        }
        | ({"content": content} if content else {}),
        capability=_capability(),
        n_ids=len(ranks) + len(specials),
        n_vocab=encoding.n_vocab,
    )
    folder = cache_directory()
    shipped = folder / files[0].name if folder is not None and len(files) == 1 else None
    return TiktokenTokenizer(info, encoding, surrogates=surrogates, shipped=shipped)


def load(locator: str, **options: object) -> Tokenizer:
    """Load a registered encoding by name, or a rank file by path with ``pattern``.

    Args:
        locator: Name or path.
        **options: ``pattern``: name or regular expression, for a rank file; ``specials``: ``NAME:ID`` pairs
            joined by commas, for a rank file; ``surrogates``.

    Raises:
        SpecError: If the name is unknown, or a rank file comes without a pattern.
        TokenizerFileMissing, TokenizerFileError: If the file is missing or not a rank file.
        VocabularyUnavailable: If the encoding's files are neither cached nor to be downloaded.
    """
    surrogates = cast("Surrogates", options.pop("surrogates", "raise"))
    pattern = options.pop("pattern", None)
    specials = options.pop("specials", "")
    no_more_options("tiktoken", options, _OPTIONS)
    path_like = locator.startswith(("@", ".", "~")) or os.sep in locator or locator.endswith(".tiktoken")
    if path_like or Path(locator).exists():
        return _load_file(locator, None if pattern is None else str(pattern), str(specials), surrogates)
    if pattern is not None or specials:
        raise OptionError("pattern" if pattern is not None else "specials", pattern or specials,
                          "no such option: a registered encoding brings its own")  # fmt: skip
    return _load_name(locator, surrogates)


def discover() -> list[tuple[str, str | VocabularyUnavailable]]:
    """Registered encodings, and what is missing for those that are not cached."""
    rows: list[tuple[str, str | VocabularyUnavailable]] = []
    for name in sorted(tiktoken.list_encoding_names()):
        try:
            files = check_cache(name)
        except VocabularyUnavailable as missing:
            rows.append((f"tiktoken:{name}", missing))
        else:
            rows.append((f"tiktoken:{name}", "cached" if files else "registered by a plugin"))
    rows.append(("tiktoken:@tiny.tiktoken?pattern=gpt2", "the project's own small byte-level BPE as ranks"))
    return rows
