"""From two specs to a byte model: what ``ByteModel.load`` does."""

from __future__ import annotations

import inspect
from typing import Any

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
        OptionError: If no tokenizer is named and the model does not say which is its own, or an option is unknown.
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
    return cls(found, loaded, **own)
