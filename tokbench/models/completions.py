"""From a spec to a model that answers: ``load_completion_model("backend:locator?option=value")``.

Models with next-token probabilities (:func:`tokbench.models.load_model`) answer as well, and give the probabilities of
answers. Backends are modules of this package, imported when first used.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tokbench.errors import OptionError, UnknownNameError
from tokbench.models._backends import Backend, check_libraries, listings, spelled, split_model_spec
from tokbench.models._scripted import HASH, Responder
from tokbench.models.completion import CompletionModel
from tokbench.tokenizers.registry import Listing

if TYPE_CHECKING:
    from tokbench.models._complete import TokenCompleter
    from tokbench.tokenizers import Tokenizer

__all__ = ["BACKENDS", "check_model_spec", "list_completion_models", "load_completion_model", "own_tokenizer"]

BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "hf": Backend(
            "_hf_complete", ("torch", "transformers"), "transformers", "path of a folder with a causal model"
        ),
        "ngram": Backend("_ngram", (), "", "name of an n-gram model that tokbench ships, or path of a .ngram file"),
        "openai": Backend("_openai", ("openai",), "openai", "name of a model, at any server that speaks like OpenAI's"),
        "replay": Backend("_replay", (), "", "path of a .csv, .jsonl or .parquet file with recorded answers"),
        "scripted": Backend("_scripted", (), "", "name of a responder of the suite, or hash"),
    }
)


def load_completion_model(
    spec: str,
    *,
    tokenizer: Tokenizer | None = None,
    responders: Mapping[str, Responder] | None = None,
    **options: object,
) -> CompletionModel:
    """Load the model that ``spec`` names.

    Those of ``hf``, ``ngram`` and ``scripted:hash`` are also a :class:`~tokbench.models.completion.ChoiceModel`.

    Args:
        spec: ``hf:./folder``, ``ngram:tiny``, ``openai:NAME``, ``replay:FILE`` or ``scripted:NAME``; options may follow
            as ``?key=value&key=value``, percent-encoded where a value holds ``&``.
        tokenizer: Tokenizer for models that have none of their own: ``scripted:hash`` (unless the option
            ``tokenizer=SPEC`` names one), and ``hf`` folders without ``tokenizer.json``.
        responders: What ``scripted:NAME`` may name.
        **options: The same options as keywords; they win. ``hf``: ``batch`` (prompts answered together, 16), ``chat``
            (``auto``: chats are taken where the folder has a template; ``yes``, ``no``). ``hf``, ``ngram`` and
            ``scripted:hash`` take those of :func:`~tokbench.models.load_model` as well; ``openai`` takes those of
            :func:`tokbench.models._openai.load`.

    Raises:
        UnknownModelError: If the spec is malformed or names no model.
        UnknownNameError: If there is no such responder.
        MissingExtraError: If the backend's library is not installed.
        NoChatTemplateError: With ``chat=yes``, if there is no template.
        ModelFileError: If the files are missing or of another kind.
        OptionError: If the backend does not take an option, or a tokenizer is needed and there is none.
    """
    backend, locator, written = split_model_spec(spec, BACKENDS)
    entry = BACKENDS[backend]
    check_libraries(backend, entry)
    merged: dict[str, object] = {**written, **options}
    name = spelled(backend, locator, merged)
    if backend == "ngram" or (backend == "scripted" and locator == HASH):
        return _over_tokens(spec, None if "tokenizer" in merged else tokenizer, options)
    module = importlib.import_module(f"tokbench.models.{entry.module}")
    model: CompletionModel
    if backend == "scripted":
        model = module.load(name, locator, tokenizer, merged, responders or {})
    else:
        model = module.load(name, locator, tokenizer, merged)
    return model


def _over_tokens(spec: str, tokenizer: Tokenizer | None, options: Mapping[str, object]) -> TokenCompleter:
    from tokbench.models._complete import TokenCompleter, completer_info
    from tokbench.models.registry import load_model
    from tokbench.tokenizers import load_tokenizer

    model = load_model(spec, tokenizer=tokenizer, **options)
    if model.tokenizer_spec is not None and (tokenizer is None or tokenizer.info.spec != model.tokenizer_spec):
        tokenizer = load_tokenizer(model.tokenizer_spec)
    if tokenizer is None:
        raise OptionError("tokenizer", None, f"the spec of a tokenizer: {spec} does not say which is its own")
    return TokenCompleter(model, tokenizer, completer_info(model.info, tokenizer))


def check_model_spec(spec: str, responders: Iterable[str] = (), **options: object) -> None:
    """Refuse a spec that cannot be loaded, without loading weights: for commands that name several models.

    A recording is read, and a server is not asked. What only shows in the weights themselves is found at load.

    Args:
        spec: As for :func:`load_completion_model`.
        responders: Names that ``scripted:NAME`` may have.
        **options: The same options as keywords.

    Raises:
        TokbenchError: As :func:`load_completion_model` does.
    """
    backend, locator, _ = split_model_spec(spec, BACKENDS)
    check_libraries(backend, BACKENDS[backend])
    if backend == "scripted":
        if locator not in {*responders, HASH}:
            raise UnknownNameError("scripted responder", locator, (*sorted(responders), HASH))
    elif backend == "hf":
        from tokbench.models._folders import model_folder

        model_folder(locator)
    elif backend == "ngram":
        from tokbench.models._ngram import model_file

        model_file(spec, locator)
    else:
        load_completion_model(spec, tokenizer=None, responders=None, **options)


def own_tokenizer(spec: str) -> str | None:
    """Spec of the tokenizer that a model brings or names, or None where it says none; loads no weights.

    Raises:
        UnknownModelError: If the spec is malformed or names no model.
    """
    backend, locator, options = split_model_spec(spec, BACKENDS)
    if backend == "hf":
        path = Path(locator).expanduser() / "tokenizer.json"
        return f"hf:{path}" if path.is_file() else None
    if backend == "ngram":
        from tokbench.models.registry import load_model

        return load_model(spec).tokenizer_spec
    return options.get("tokenizer") if backend == "scripted" else None


def list_completion_models(responders: Iterable[str] = ()) -> list[Listing]:
    """What can be loaded here without naming a file, and what is missing for the rest; loads no model.

    Args:
        responders: Names of the responders of a suite.
    """
    from tokbench.models._ngram import names

    named: Mapping[str, list[str]] = {"ngram": names(), "scripted": [*sorted(responders), HASH]}
    return [
        row
        for backend, entry in BACKENDS.items()
        for row in listings(backend, entry, named.get(backend, []), files=backend != "scripted")
    ]
