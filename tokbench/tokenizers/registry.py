"""From a spec to a tokenizer: ``load_tokenizer("backend:locator?option=value")``.

Built-in backends are modules of this package, imported when first used. Others come from the entry-point
group ``tokbench.tokenizers``: the name is the backend, the value a callable ``(locator, **options) ->
Tokenizer``. A plugin that cannot be imported or that is registered twice is an error for its own name only.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote

from tokbench.errors import MissingExtraError, SpecError, TokbenchError, UnknownBackendError, VocabularyUnavailable
from tokbench.tokenizers.protocol import Tokenizer

__all__ = ["BACKENDS", "Listing", "backends", "list_tokenizers", "load_tokenizer", "split_spec"]

GROUP = "tokbench.tokenizers"


@dataclass(frozen=True, slots=True)
class Backend:
    """A built-in backend.

    Attributes:
        module: Module with ``load(locator, **options)`` and ``discover()``.
        library: Import name of the library that it needs, or None.
        extra: Extra of this package that installs the library.
        locator: What stands behind the colon, for messages and help.
    """

    module: str
    library: str | None
    extra: str
    locator: str


BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "tiktoken": Backend("_tiktoken", "tiktoken", "", "encoding name, or path of a rank file with ?pattern=NAME"),
        "hf": Backend("_hf", "tokenizers", "", "path of a tokenizer.json or of a folder that holds one, or hub id"),
        "sentencepiece": Backend("_sentencepiece", "sentencepiece", "", "path of a .model file"),
        "mistral": Backend("_mistral", "mistral_common", "mistral", "name of a file that mistral-common ships"),
        "bytes": Backend("_bytes", None, "", "nothing: write just bytes"),
    }
)


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of ``tokbench tokenizers``.

    Attributes:
        spec: What to type.
        backend: Its backend.
        available: Whether it loads here and now.
        detail: What it is, or what is missing.
        remedy: How to get what is missing; empty when it is available.
        distribution: Distribution that provides the backend, with its version.
    """

    spec: str
    backend: str
    available: bool
    detail: str
    remedy: str
    distribution: str


def split_spec(spec: str) -> tuple[str, str, dict[str, str]]:
    """Split ``backend:locator?key=value&key=value`` into its three parts.

    Values are percent-decoded, so a pattern that holds ``&`` is written ``%26``.

    Raises:
        SpecError: If the spec is empty or has no colon (``bytes`` needs none), or an option has no value.
    """
    head, _, query = spec.partition("?")
    backend, colon, locator = head.partition(":")
    if not backend:
        raise SpecError(spec, "expected backend:locator, for example hf:./tokenizer.json")
    if not colon and backend not in backends():
        raise SpecError(spec, f"expected backend:locator with a backend among {', '.join(backends())}")
    options = {}
    for part in query.split("&") if query else ():
        key, equals, value = part.partition("=")
        if not (key and equals):
            raise SpecError(spec, f"option {part!r} behind the question mark: expected key=value")
        options[key] = unquote(value)
    return backend, locator, options


def _plugins() -> dict[str, list[importlib.metadata.EntryPoint]]:
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        if point.name not in BACKENDS:  # a built-in name cannot be replaced
            found.setdefault(point.name, []).append(point)
    return found


def backends() -> tuple[str, ...]:
    """Names of all backends: built in, then registered by plugins."""
    return (*BACKENDS, *sorted(_plugins()))


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"


def _plugin(name: str, points: list[importlib.metadata.EntryPoint]) -> Callable[..., Tokenizer]:
    if len(points) > 1:
        owners = " and ".join(sorted(_distribution(point) for point in points))
        raise SpecError(name, f"the backend is registered twice, by {owners}: uninstall one of them")
    try:
        loader = points[0].load()
    except Exception as error:
        raise MissingExtraError(
            f"backend {name!r} of {_distribution(points[0])}", "all", f"its import failed: {error}"
        ) from error
    if not callable(loader):
        raise SpecError(name, f"{points[0].value} of {_distribution(points[0])} is not callable")
    return loader  # type: ignore[no-any-return]


def _missing(library: str) -> bool:
    return importlib.util.find_spec(library) is None


def load_tokenizer(spec: str, **options: object) -> Tokenizer:
    """Load the tokenizer that ``spec`` names.

    Args:
        spec: ``backend:locator``, for example ``tiktoken:cl100k_base``, ``hf:./tokenizer.json``,
            ``sentencepiece:./tokenizer.model``, ``mistral:tekken_240911`` or ``bytes``; options may follow
            as ``?key=value&key=value``.
        **options: The same options as keywords; they win. All backends take ``surrogates``.

    Raises:
        SpecError: If the spec is malformed.
        UnknownBackendError: If there is no such backend.
        MissingExtraError: If the backend's library is not installed.
        TokenizerFileMissing, TokenizerFileError: If the file is missing or of another kind.
        VocabularyUnavailable: If a download would be needed and is not possible.
        OptionError: If the backend does not take an option.
    """
    backend, locator, written = split_spec(spec)
    merged: dict[str, object] = {**written, **options}
    if backend in BACKENDS:
        entry = BACKENDS[backend]
        if entry.library is not None and _missing(entry.library):
            raise MissingExtraError(entry.library, entry.extra or "all", f"needed by backend {backend}")
        if not locator and backend != "bytes":
            raise SpecError(spec, f"the locator is empty: expected {backend}: and {entry.locator}")
        module = importlib.import_module(f"tokbench.tokenizers.{entry.module}")
        return module.load(locator, **merged)  # type: ignore[no-any-return]
    plugins = _plugins()
    if backend not in plugins:
        raise UnknownBackendError(backend, backends())
    return _plugin(backend, plugins[backend])(locator, **merged)


def _builtin_listings(name: str, entry: Backend) -> list[Listing]:
    own = f"tokbench {importlib.metadata.version('tokbench')}"
    if entry.library is not None and _missing(entry.library):
        remedy = f"pip install 'tokbench[{entry.extra or 'all'}]'"
        return [Listing(f"{name}:...", name, False, f"needs {entry.library}", remedy, own)]  # noqa: FBT003, a field
    rows = []
    for spec, detail in importlib.import_module(f"tokbench.tokenizers.{entry.module}").discover():
        if isinstance(detail, VocabularyUnavailable):
            rows.append(Listing(spec, name, False, detail.wanted, detail.remedy, own))  # noqa: FBT003, a field
        else:
            rows.append(Listing(spec, name, True, detail, "", own))  # noqa: FBT003, a field
    if name != "bytes":
        rows.append(Listing(f"{name}:...", name, True, entry.locator, "", own))  # noqa: FBT003, a field
    return rows


def list_tokenizers() -> list[Listing]:
    """What can be loaded here without naming a file, and what is missing for the rest; loads no model."""
    rows = [row for name, entry in BACKENDS.items() for row in _builtin_listings(name, entry)]
    for name, points in sorted(_plugins().items()):
        owners = ", ".join(_distribution(point) for point in points)
        try:
            _plugin(name, points)
        except TokbenchError as error:
            rows.append(Listing(f"{name}:...", name, False, str(error), "see its package", owners))  # noqa: FBT003, a field
        else:
            rows.append(Listing(f"{name}:...", name, True, "third-party backend", "", owners))  # noqa: FBT003, a field
    return rows
