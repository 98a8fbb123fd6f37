"""Backends of models, and the parts of a spec that names one: shared by every registry of models."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from tokbench.errors import MissingExtraError, SpecError, UnknownModelError
from tokbench.tokenizers.registry import Listing, split_spec

__all__ = ["Backend", "check_libraries", "listings", "missing_library", "spelled", "split_model_spec"]


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


def split_model_spec(spec: str, backends: Mapping[str, Backend]) -> tuple[str, str, dict[str, str]]:
    """Backend, locator and options of a model spec; specs of models and of tokenizers are written alike.

    Raises:
        UnknownModelError: If the backend is none of ``backends``, or the spec is malformed.
    """
    backend, colon, locator = spec.partition("?")[0].partition(":")
    if backend not in backends or not colon:
        raise UnknownModelError(spec, f"backend:locator with a backend among {', '.join(backends)}")
    if not locator:
        raise UnknownModelError(spec, f"{backend}: and {backends[backend].locator}")
    try:
        return split_spec(spec)
    except SpecError:
        raise UnknownModelError(spec, "options behind the question mark as key=value&key=value") from None


def spelled(backend: str, locator: str, options: Mapping[str, object]) -> str:
    """The spec that loads the same model without keywords."""
    parts = []
    for name, value in options.items():
        text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        parts.append(f"{name}={quote(text, safe='/:@,.?=+')}")
    return f"{backend}:{locator}" + ("?" + "&".join(parts) if parts else "")


def missing_library(entry: Backend) -> str | None:
    """The first library of a backend that is not installed, or None."""
    return next((library for library in entry.libraries if importlib.util.find_spec(library) is None), None)


def check_libraries(backend: str, entry: Backend) -> None:
    """Refuse a backend whose libraries are not there.

    Raises:
        MissingExtraError: If one is missing.
    """
    if (library := missing_library(entry)) is not None:
        raise MissingExtraError(library, entry.extra, f"needed by models of backend {backend}")


def listings(backend: str, entry: Backend, named: Sequence[str], *, files: bool) -> list[Listing]:
    """What a backend loads.

    Args:
        backend: Its name.
        entry: What it needs.
        named: Names of the toys that need no file.
        files: Whether it also takes other locators.
    """
    own = f"tokbench {importlib.metadata.version('tokbench')}"
    if (missing := missing_library(entry)) is not None:
        remedy = f"pip install 'tokbench[{entry.extra}]'"
        return [Listing(f"{backend}:...", backend, False, f"needs {missing}", remedy, own)]  # noqa: FBT003, a field
    rows = [Listing(f"{backend}:{name}", backend, True, "toy", "", own) for name in named]  # noqa: FBT003, a field
    if files:
        rows.append(Listing(f"{backend}:...", backend, True, entry.locator, "", own))  # noqa: FBT003, a field
    return rows
