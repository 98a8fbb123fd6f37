"""Fill tiktoken's cache from local files, so that its encodings load without a network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from tokbench.errors import TokenizerFileError
from tokbench.tokenizers._common import looks_like, read_file
from tokbench.tokenizers._tiktoken import CACHE_FILES

__all__ = ["seed_tiktoken_cache"]


def _gpt2_files(data: bytes, path: Path) -> tuple[bytes, bytes]:
    """``vocab.bpe`` and ``encoder.json`` of GPT-2, rebuilt from its ``tokenizer.json``."""
    try:
        model = json.loads(data)["model"]
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
        vocabulary = sorted(model["vocab"].items(), key=lambda entry: entry[1])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TokenizerFileError(str(path), "GPT-2's tokenizer.json", looks_like(data)) from error
    vocab_bpe = "#version: 0.2\n" + "\n".join(merges) + "\n"
    return vocab_bpe.encode(), json.dumps(dict(vocabulary)).encode()


def seed_tiktoken_cache(directory: Path, sources: Iterable[Path]) -> dict[str, tuple[str, ...]]:
    """Copy vocabularies into ``directory`` under the names by which tiktoken's cache knows them.

    Every content is recognised by tiktoken's own SHA-256, never by its file name. A ``tokenizer.json`` of
    GPT-2 becomes the two files that tiktoken's ``gpt2`` wants.

    Args:
        directory: The cache folder to fill (``TIKTOKEN_CACHE_DIR``); made if needed.
        sources: Files to take: ``.tiktoken`` rank files, or GPT-2's ``tokenizer.json``.

    Returns:
        For every file written the encodings that need it.

    Raises:
        TokenizerFileMissing: If a source does not exist.
        TokenizerFileError: If a source is none of the files that tiktoken knows.
    """
    users: dict[str, list[str]] = {}
    keys = {}
    for name, files in CACHE_FILES.items():
        for file in files:
            users.setdefault(file.key, []).append(name)
            keys[file.sha256] = file.key
    written: dict[str, tuple[str, ...]] = {}
    for source in sources:
        data = read_file(source, "a vocabulary that tiktoken knows").data
        contents: tuple[bytes, ...] = (data,)
        if data.lstrip()[:1] == b"{" and hashlib.sha256(data).hexdigest() not in keys:
            contents = _gpt2_files(data, source)
        for content in contents:
            digest = hashlib.sha256(content).hexdigest()
            if digest not in keys:
                raise TokenizerFileError(
                    str(source),
                    "one of the files whose SHA-256 tiktoken knows",
                    f"another content ({digest[:16]}...)",
                )
            directory.mkdir(parents=True, exist_ok=True)
            temporary = directory / f".{keys[digest]}.tmp"
            temporary.write_bytes(content)
            temporary.replace(directory / keys[digest])
            written[keys[digest]] = tuple(users[keys[digest]])
    return written
