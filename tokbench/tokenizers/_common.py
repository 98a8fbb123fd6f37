"""What the adapters share: reading files, versions, fingerprints, describing what a file looks like."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tokbench._resources import data_root
from tokbench.errors import OptionError, TokenizerFileError, TokenizerFileMissing
from tokbench.tokenizers.capability import Capability
from tokbench.tokenizers.description import FileInfo, TokenizerInfo

FINGERPRINT_VERSION = 1
"""Raise when the meaning of token bytes or ids of an adapter changes, so that stale caches are not read."""


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file read whole, with what identifies it."""

    path: Path
    data: bytes
    info: FileInfo


def read_file(path: Path, expected: str) -> LoadedFile:
    """Read a tokenizer file.

    Args:
        path: Where it lies.
        expected: What kind of file is wanted, for messages: ``"a tokenizer.json file"``.

    Raises:
        TokenizerFileMissing: If there is no such file.
        TokenizerFileError: If it is a folder, unreadable or empty.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise TokenizerFileMissing(str(path), expected) from None
    except IsADirectoryError:
        raise TokenizerFileError(str(path), expected, "a directory") from None
    except OSError as error:
        raise TokenizerFileError(str(path), expected, f"a file that cannot be read ({error.strerror})") from error
    if not data:
        raise TokenizerFileError(str(path), expected, "an empty file")
    return LoadedFile(path, data, FileInfo(path.name, hashlib.sha256(data).hexdigest(), len(data)))


def looks_like(data: bytes) -> str:
    """A few words on what a file seems to be, for messages on files of the wrong kind."""
    head = data[:64]
    stripped = head.lstrip()
    if stripped.startswith(b"{"):
        try:
            keys = list(json.loads(data))
        except ValueError:
            return "JSON that breaks off or is malformed"
        return f"JSON with the keys {', '.join(map(repr, keys[:5]))}" if keys else "an empty JSON object"
    if stripped.startswith((b"<!", b"<html")):
        return "an HTML page (a failed download?)"
    if stripped.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer instead of the file itself"
    if data.startswith(b"\n") and b"<unk>" in head:
        return "a sentencepiece model"
    if data.startswith(b"GGUF"):
        return "a GGUF model"
    if data.startswith((b"PK", b"\x1f\x8b")):
        return "a compressed archive"
    return f"a file that begins with {bytes(head[:16])!r}"


def versions(*libraries: str) -> tuple[tuple[str, str], ...]:
    """Installed versions of distributions, sorted by name."""
    return tuple(sorted((library, importlib.metadata.version(library)) for library in libraries))


def switch_table(switches: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Switches as sorted pairs of strings, the form in which they are recorded."""
    return tuple(sorted((name, str(value).lower() if isinstance(value, bool) else str(value))
                        for name, value in switches.items()))  # fmt: skip


def fingerprint(**parts: object) -> str:
    """SHA-256 of what identifies a tokenizer, in canonical JSON."""
    text = json.dumps({"format": FINGERPRINT_VERSION, **parts}, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def make_info(
    *,
    spec: str,
    backend: str,
    name: str,
    family: str,
    files: tuple[FileInfo, ...],
    libraries: tuple[tuple[str, str], ...],
    switches: Mapping[str, object],
    capability: Capability,
    n_ids: int,
    n_vocab: int,
) -> TokenizerInfo:
    """Build a :class:`TokenizerInfo` with its fingerprint."""
    table = switch_table(switches)
    return TokenizerInfo(
        spec=spec,
        backend=backend,
        name=name,
        family=family,
        files=files,
        libraries=libraries,
        switches=table,
        capability=capability,
        spans_source=capability.spans,
        n_ids=n_ids,
        n_vocab=n_vocab,
        fingerprint=fingerprint(
            backend=backend,
            name=name if not files else "",
            files=[asdict(file) | {"name": ""} for file in files],
            libraries=libraries,
            switches=table,
        ),
    )


def no_more_options(backend: str, options: Mapping[str, object], known: str) -> None:
    """Refuse the options that an adapter did not take.

    Raises:
        OptionError: If any is left.
    """
    if options:
        name, value = next(iter(options.items()))
        raise OptionError(f"{backend}: {name}", value, f"one of the options of this backend: {known}")


def locate(locator: str) -> Path:
    """Path that a locator names; ``@name`` is a file of the project's own ``fixtures/``.

    Raises:
        TokenizerFileMissing: If ``@name`` names no fixture.
    """
    if not locator.startswith("@"):
        return Path(locator).expanduser()
    path = data_root() / "fixtures" / locator[1:]
    if not path.is_file():
        known = ", ".join(
            f"@{file.name}" for file in sorted(path.parent.glob("*.*")) if file.suffix in _TOKENIZER_FILES
        )
        raise TokenizerFileMissing(locator, f"a fixture of the project: {known}")
    return path


_TOKENIZER_FILES = frozenset({".json", ".tiktoken", ".model"})
