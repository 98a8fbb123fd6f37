"""tokbench: what tokenization does to text, to tokenizer engines and to language models.

Importing the package costs next to nothing: names are resolved, and libraries imported, on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokbench import bytelevel, laws, models, results
    from tokbench.bytelevel import ByteModel, ByteVocabulary, Ensemble, Lattice
    from tokbench.models import load_model
    from tokbench.tokenizers import Capability, Tokenizer, TokenizerInfo, list_tokenizers, load_tokenizer

    __version__: str

__all__ = [
    "ByteModel",
    "ByteVocabulary",
    "Capability",
    "Ensemble",
    "Lattice",
    "Tokenizer",
    "TokenizerInfo",
    "__version__",
    "bytelevel",
    "laws",
    "list_tokenizers",
    "load_model",
    "load_tokenizer",
    "models",
    "results",
]

_HOME = {
    "ByteModel": "tokbench.bytelevel",
    "ByteVocabulary": "tokbench.bytelevel",
    "Capability": "tokbench.tokenizers",
    "Ensemble": "tokbench.bytelevel",
    "Lattice": "tokbench.bytelevel",
    "Tokenizer": "tokbench.tokenizers",
    "TokenizerInfo": "tokbench.tokenizers",
    "list_tokenizers": "tokbench.tokenizers",
    "load_model": "tokbench.models",
    "load_tokenizer": "tokbench.tokenizers",
}
_MODULES = frozenset({"bytelevel", "laws", "models", "results"})


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("tokbench")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"tokbench.{name}")
    msg = f"module 'tokbench' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
