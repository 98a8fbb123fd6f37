"""From a spec to a model with token probabilities: ``load_model("backend:locator?option=value")``.

Backends are modules of this package, imported when first used.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from tokbench.errors import MissingExtraError, SpecError, UnknownModelError
from tokbench.models.info import Model
from tokbench.tokenizers.registry import Listing, split_spec

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = ["BACKENDS", "Backend", "list_models", "load_model"]


@dataclass(frozen=True, slots=True)
class Backend:
    """A built-in backend of models.

    Attributes:
        module: Module with ``load(spec, locator, tokenizer, options)``.
        libraries: Import names of the libraries that it needs.
        extra: Extra of this package that installs them.
        locator: What stands behind the colon, for messages and help.
    """

    module: str
    libraries: tuple[str, ...]
    extra: str
    locator: str


BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "hf": Backend("_hf_load", ("torch", "transformers"), "transformers", "path of a folder with a causal model"),
        "ngram": Backend("_ngram", (), "", "name of an n-gram model that tokbench ships, or path of a .ngram file"),
        "scripted": Backend("_hash", (), "", "hash: a model made of a hash function, over any tokenizer"),
    }
)


def _known() -> str:
    return f"backend:locator with a backend among {', '.join(BACKENDS)}"


def _split(spec: str) -> tuple[str, str, dict[str, str]]:
    """Parts of a model spec; specs of models and of tokenizers are written alike."""
    backend, colon, locator = spec.partition("?")[0].partition(":")
    if backend not in BACKENDS or not colon:
        raise UnknownModelError(spec, _known())
    if not locator:
        raise UnknownModelError(spec, f"{backend}: and {BACKENDS[backend].locator}")
    try:
        return split_spec(spec)
    except SpecError:
        raise UnknownModelError(spec, "options behind the question mark as key=value&key=value") from None


def _spelled(backend: str, locator: str, options: Mapping[str, object]) -> str:
    """The spec that loads the same model without keywords."""
    parts = []
    for name, value in options.items():
        text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        parts.append(f"{name}={quote(text, safe='/:@,.?=+')}")
    return f"{backend}:{locator}" + ("?" + "&".join(parts) if parts else "")


def _missing(entry: Backend) -> str | None:
    return next((library for library in entry.libraries if importlib.util.find_spec(library) is None), None)


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
    backend, locator, written = _split(spec)
    entry = BACKENDS[backend]
    if (library := _missing(entry)) is not None:
        raise MissingExtraError(library, entry.extra, f"needed by models of backend {backend}")
    merged: dict[str, object] = {**written, **options}
    module = importlib.import_module(f"tokbench.models.{entry.module}")
    model: Model = module.load(_spelled(backend, locator, merged), locator, tokenizer, merged)
    return model


def list_models() -> list[Listing]:
    """What can be loaded here without naming a file, and what is missing for the rest; loads no model."""
    own = f"tokbench {importlib.metadata.version('tokbench')}"
    rows = []
    for backend, entry in BACKENDS.items():
        found = _ngram_names() if backend == "ngram" else ["hash"] if backend == "scripted" else []
        missing = _missing(entry)
        if missing is not None:
            remedy = f"pip install 'tokbench[{entry.extra}]'"
            rows.append(Listing(f"{backend}:...", backend, False, f"needs {missing}", remedy, own))  # noqa: FBT003, a field
            continue
        rows += [Listing(f"{backend}:{name}", backend, True, "toy", "", own) for name in found]  # noqa: FBT003, a field
        if backend != "scripted":
            rows.append(Listing(f"{backend}:...", backend, True, entry.locator, "", own))  # noqa: FBT003, a field
    return rows


def _ngram_names() -> list[str]:
    from tokbench.models._ngram import names

    return names()
