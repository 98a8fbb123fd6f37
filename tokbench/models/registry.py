"""From a spec to a model with token probabilities: ``load_model("backend:locator?option=value")``.

Backends are modules of this package, imported when first used.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from tokbench.models._backends import Backend, check_libraries, listings, spelled, split_model_spec
from tokbench.models.info import Model
from tokbench.tokenizers.registry import Listing

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = ["BACKENDS", "Backend", "list_models", "load_model"]


BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "hf": Backend("_hf_load", ("torch", "transformers"), "transformers", "path of a folder with a causal model"),
        "ngram": Backend("_ngram", (), "", "name of an n-gram model that tokbench ships, or path of a .ngram file"),
        "scripted": Backend("_hash", (), "", "hash: a model made of a hash function, over any tokenizer"),
    }
)


def load_model(spec: str, *, tokenizer: Tokenizer | None = None, **options: object) -> Model:
    """Load the model that ``spec`` names.

    Args:
        spec: ``ngram:tiny``, ``scripted:hash`` or ``hf:./folder``; options may follow as ``?key=value&key=value``,
            percent-encoded where a value holds ``&``.
        tokenizer: Tokenizer that the model is used with. ``scripted:hash`` takes its vocabulary (or that of the
            option ``tokenizer=SPEC``), ``hf`` looks up ``start=`` in it; ``ngram`` has its own.
        **options: The same options as keywords; they win. ``hf``: ``device``, ``dtype``, ``threads``, ``start``,
            ``end`` (ids), ``max_positions``, ``attention`` (``tree``, ``rows``), ``kernel`` (``sdpa``, ``eager``).
            ``scripted``: ``tokenizer``, ``seed``, ``scale``, ``end``, ``other`` (shares), ``state`` (``ids``,
            ``bytes``), ``start``, ``end_ids``, ``width``, ``max_positions``.

    Raises:
        UnknownModelError: If the spec is malformed or names no model.
        MissingExtraError: If the backend's library is not installed.
        ModelFileError: If the files are missing or of another kind.
        OptionError: If the backend does not take an option.
    """
    backend, locator, written = split_model_spec(spec, BACKENDS)
    entry = BACKENDS[backend]
    check_libraries(backend, entry)
    merged: dict[str, object] = {**written, **options}
    module = importlib.import_module(f"tokbench.models.{entry.module}")
    model: Model = module.load(spelled(backend, locator, merged), locator, tokenizer, merged)
    return model


def list_models() -> list[Listing]:
    """What can be loaded here without naming a file, and what is missing for the rest; loads no model."""
    named = {"ngram": _ngram_names(), "scripted": ["hash"]}
    return [
        row
        for backend, entry in BACKENDS.items()
        for row in listings(backend, entry, named.get(backend, ()), files=backend != "scripted")
    ]


def _ngram_names() -> list[str]:
    from tokbench.models._ngram import names

    return names()
