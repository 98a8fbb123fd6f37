"""From two specs to a byte model: what ``ByteModel.load`` does."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from tokbench.bytelevel.model import ByteModel
from tokbench.errors import OptionError
from tokbench.models.registry import load_model
from tokbench.tokenizers import Tokenizer, load_tokenizer

__all__ = ["load_byte_model"]


def load_byte_model(
    model: str, tokenizer: str | Tokenizer | None = None, *, cls: type[ByteModel] = ByteModel, **options: object
) -> ByteModel:
    """A model over bytes by spec.

    Args:
        model: Spec of the model (see :func:`tokbench.models.load_model`).
        tokenizer: Spec of the tokenizer, or a loaded one; None takes the model's own.
        cls: Class of the result.
        **options: Options of :class:`~tokbench.bytelevel.ByteModel`; every other one goes to ``load_model``.

    Raises:
        OptionError: If no tokenizer is named and the model does not say which is its own, if the one that is named
            has another vocabulary than the model's own, or an option is unknown.
        TokbenchError: If model or tokenizer cannot be loaded, or do not belong together.
    """
    known = set(inspect.signature(cls.__init__).parameters) - {"self", "model", "tokenizer"}
    own: dict[str, Any] = {name: value for name, value in options.items() if name in known}
    rest = {name: value for name, value in options.items() if name not in known}
    loaded = load_tokenizer(tokenizer) if isinstance(tokenizer, str) else tokenizer
    found = load_model(model, tokenizer=loaded, **rest)
    if loaded is None:
        if found.tokenizer_spec is None:
            raise OptionError("tokenizer", None, f"the spec of a tokenizer: {model} does not say which is its own")
        loaded = load_tokenizer(found.tokenizer_spec)
    elif found.tokenizer_spec is not None:
        _check_tokenizer(model, found.tokenizer_spec, loaded)
    return cls(found, loaded, **own)


def _check_tokenizer(model: str, own_spec: str, given: Tokenizer) -> None:
    """Refuse a tokenizer whose ids spell other bytes than those of the model's own.

    Raises:
        OptionError: If they do.
    """
    if own_spec == given.info.spec:
        return
    own, other = load_tokenizer(own_spec).byte_vocabulary(), given.byte_vocabulary()
    if not (np.array_equal(own.ids, other.ids) and np.array_equal(own.data, other.data)):
        expected = f"a tokenizer with the vocabulary of {own_spec}, over which {model} was made"
        raise OptionError("tokenizer", given.info.spec, expected)
