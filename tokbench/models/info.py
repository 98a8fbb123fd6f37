"""What a loaded model says of itself: :class:`ModelInfo`, and :class:`Model`, a model with such a description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from tokbench.bytelevel.protocol import NextTokenModel

__all__ = ["Attention", "Model", "ModelInfo", "setting_table"]

Attention = Literal["tree", "rows", ""]
"""How branches are computed: in one forward under a mask, as one padded row each, or without attention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """Everything that identifies a loaded model; it goes into every result.

    Attributes:
        spec: The spec that loads it, options included; ``memory`` for a model that was handed over as an object.
        backend: Name of the backend (part of the spec before the colon).
        fingerprint: SHA-256 over weights and settings; equal for equal distributions.
        toy: Whether results with this model say nothing of real models.
        attention: ``tree``, ``rows`` or ``""`` (see :data:`Attention`).
        dtype: Number format of the weights; log-probabilities are float64 whatever it is.
        device: Where it computes, for example ``cpu`` or ``cuda:0``.
        libraries: Versions of the libraries that do the work, sorted by name.
        settings: Every other switch, sorted by name.
        tokenizer: Spec of the model's own tokenizer, or None where it has none.
    """

    spec: str
    backend: str
    fingerprint: str
    toy: bool
    attention: Attention
    dtype: str
    device: str
    libraries: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    tokenizer: str | None


@runtime_checkable
class Model(NextTokenModel, Protocol):
    """A :class:`~tokbench.bytelevel.protocol.NextTokenModel` with a description: what ``load_model`` returns."""

    @property
    def info(self) -> ModelInfo:
        """Everything that identifies the model."""
        ...

    @property
    def tokenizer_spec(self) -> str | None:
        """Spec of the tokenizer that the model was trained with, or None where it does not say."""
        ...


def setting_table(settings: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Settings as sorted pairs of strings, the form in which they are recorded; ids are joined by commas."""
    return tuple(sorted((name, _written(value)) for name, value in settings.items()))


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
