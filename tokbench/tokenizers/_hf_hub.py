"""Which file the locator of backend ``hf`` names: a path, a folder or a repository on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from tokbench.errors import TokenizerFileMissing, VocabularyUnavailable
from tokbench.tokenizers._common import locate

__all__ = ["EXPECTED", "cached", "find"]

FILE = "tokenizer.json"
EXPECTED = "a tokenizer.json file"

_HUB_ID = re.compile(r"(?P<id>[\w-][\w.-]*(?:/[\w-][\w.-]*)?)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
_SUFFIXES = frozenset({".json", ".model", ".tiktoken", ".gguf"})
_SECONDS = 5.0
"""How long the hub may take to say whether it has the file; a tool that runs offline must not hang."""


def _in_folder(folder: Path) -> Path:
    path = folder / FILE
    if not path.exists():
        held = sorted(entry.name for entry in folder.iterdir())
        some = ", ".join(held[:5]) + (", ..." if len(held) > 5 else "") if held else "nothing"  # noqa: PLR2004  # a handful
        raise TokenizerFileMissing(str(path), f"{EXPECTED} in this folder, which holds {some}")
    return path


def find(locator: str) -> tuple[Path, str]:
    """File that ``locator`` names, and a short name for it.

    Whatever looks like a path (a known suffix, a leading ``.``, ``/``, ``~`` or ``@``, or an existing file)
    is one; only the rest is looked up on the hub, in its local cache first.

    Raises:
        TokenizerFileMissing: If it is a path and there is no such file.
        VocabularyUnavailable: If it is a hub id whose file is neither cached nor to be had.
    """
    path_like = locator.startswith((".", "/", "~", "@")) or Path(locator).suffix in _SUFFIXES
    path = locate(locator) if path_like else Path(locator)
    if path.is_dir():
        return _in_folder(path), path.resolve().name
    match = _HUB_ID.fullmatch(locator)
    if path_like or path.exists():
        named_by_folder = path.name == FILE and path.resolve().parent.name
        return path, named_by_folder or path.name.removesuffix(".json")
    if match is None:
        raise TokenizerFileMissing(locator, f"{EXPECTED}, a folder that holds one, or a hub id (owner/name)")
    return _from_hub(match["id"], match["revision"]), match["id"].rpartition("/")[2]


def _from_hub(repository: str, revision: str | None) -> Path:
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    wanted = f"{FILE} of the hub repository {repository}" + (f" at {revision}" if revision else "")
    remedy = "download it elsewhere and give its path, or set HF_HOME to a cache that holds it"
    try:
        held = try_to_load_from_cache(repository, FILE, revision=revision)
        if isinstance(held, str):
            return Path(held)
        if not constants.HF_HUB_OFFLINE:
            # One question without retries: the download itself would retry for half a minute without a network.
            get_hf_file_metadata(hf_hub_url(repository, FILE, revision=revision), timeout=_SECONDS)
            return Path(hf_hub_download(repository, FILE, revision=revision, etag_timeout=_SECONDS))
    except HFValidationError as error:
        raise TokenizerFileMissing(
            repository, f"{EXPECTED}, a folder that holds one, or a hub id (owner/name)"
        ) from error
    except Exception as error:  # network, HTTP status, permission, full disk: each library has errors of its own
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise VocabularyUnavailable(repository, f"{wanted} cannot be had ({reason})", remedy) from error
    raise VocabularyUnavailable(repository, f"{wanted} is not cached and HF_HUB_OFFLINE is set", remedy)


def cached() -> list[str]:
    """Ids of the repositories whose tokenizer.json lies in the local cache of the hub, sorted."""
    from huggingface_hub import constants

    found = Path(constants.HF_HUB_CACHE).glob(f"models--*/snapshots/*/{FILE}")
    return sorted({path.parents[2].name.removeprefix("models--").replace("--", "/") for path in found})
