"""Models that give the probability of every next token, by spec: ``load_model("ngram:tiny")``.

The protocol is :class:`NextTokenModel`, defined with the byte-token core because imports go downwards; here are the
models that follow it. No library beside numpy is imported before a model needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokbench.bytelevel.protocol import InCall, NextTokenModel, PrefixModel
from tokbench.models._byte_model import load_byte_model
from tokbench.models._hash import HashModel
from tokbench.models._ngram import NgramModel
from tokbench.models.info import Model, ModelInfo
from tokbench.models.registry import list_models, load_model

if TYPE_CHECKING:
    from tokbench.models._hf import HfModel

__all__ = [
    "HashModel",
    "HfModel",
    "InCall",
    "Model",
    "ModelInfo",
    "NextTokenModel",
    "NgramModel",
    "PrefixModel",
    "list_models",
    "load_byte_model",
    "load_model",
]


def __getattr__(name: str) -> object:
    if name == "HfModel":
        from tokbench.models._hf import HfModel

        return HfModel
    msg = f"module 'tokbench.models' has no attribute {name!r}"
    raise AttributeError(msg)
