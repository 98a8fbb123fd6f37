"""What a tokenizer says of itself, and of each of its ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tokbench.tokenizers.capability import Capability

__all__ = ["TEXT_KINDS", "FileInfo", "Kind", "TokenizerInfo", "VocabularyTable"]

Kind = Literal["normal", "byte", "control", "unknown", "unused", "added", "special"]
"""What an id is. Only ``normal``, ``byte`` and ``added`` ids stand for bytes."""

TEXT_KINDS: frozenset[Kind] = frozenset({"normal", "byte", "added"})


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One file that a tokenizer was loaded from.

    Attributes:
        name: File name without its folder (folders of a user's machine never enter a record).
        sha256: Hex digest of the content.
        size: Length in bytes.
    """

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerInfo:
    """Everything that identifies a loaded tokenizer; it goes into every result.

    Attributes:
        spec: The spec that loads it, options included.
        backend: Name of the backend (part of the spec before the colon).
        name: Short name for tables, for example ``cl100k_base`` or the stem of a file.
        family: ``byte-level-bpe``, ``sentencepiece-bpe``, ``sentencepiece-unigram``, ``bpe``, ``unigram``,
            ``wordpiece``, ``wordlevel``, ``tiktoken``, ``tekken`` or ``bytes``.
        files: The files it was loaded from.
        libraries: Versions of the libraries that do the work, sorted by name.
        switches: Every switch that the adapter set, sorted by name.
        capability: What it promises; laws judge it by this.
        spans_source: ``bytes`` when spans come from token bytes, ``library`` when the text is changed and
            the spans are the library's own offsets, ``none`` where there are none.
        n_ids: Number of existing ids.
        n_vocab: What the library calls the vocabulary size (it may count gaps).
        fingerprint: SHA-256 over backend, files, switches and library versions; keys caches and results.
    """

    spec: str
    backend: str
    name: str
    family: str
    files: tuple[FileInfo, ...]
    libraries: tuple[tuple[str, str], ...]
    switches: tuple[tuple[str, str], ...]
    capability: Capability
    spans_source: Literal["bytes", "library", "none"]
    n_ids: int
    n_vocab: int
    fingerprint: str

    @property
    def prefix(self) -> bytes:
        """Bytes inserted in front of non-empty text (``b" "`` or ``b""``); short for ``capability.prefix``."""
        return self.capability.prefix

    @property
    def slug(self) -> str:
        """Name for files and test ids: ``backend-name`` in lower case letters, digits and ``._-``."""
        stem = self.backend if self.backend == self.name else f"{self.backend}-{self.name}"
        return re.sub(r"[^a-z0-9._]+", "-", stem.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class VocabularyTable:
    """The vocabulary of a tokenizer, id by id.

    Attributes:
        bytes_of: Bytes of every id that stands for bytes.
        kinds: Kind of every id whose kind is not ``normal``.
        names: The string by which every other id is known, for example ``<|endoftext|>``. These are the
            special strings that ``specials="raise"`` looks for and ``specials="parse"`` recognises.
        undecodable: Ids of kind normal to which the declared decoding gives no bytes, with the reason.
    """

    bytes_of: Mapping[int, bytes]
    kinds: Mapping[int, Kind] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    undecodable: Mapping[int, str] = field(default_factory=dict)
