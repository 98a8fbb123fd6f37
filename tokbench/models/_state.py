"""The base of the models that carry a small state from token to token: hash and n-gram models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel.protocol import Handle, InCall, Parent
from tokbench.errors import ContextLengthError, UnknownIdError
from tokbench.models.info import ModelInfo

__all__ = ["StateModel"]

S = TypeVar("S")


class StateModel(ABC, Generic[S]):
    """A :class:`~tokbench.bytelevel.protocol.NextTokenModel` over states: no attention, no cache, float64.

    A copy or a pickle has the same probabilities and no positions: handles belong to the model that gave them.

    Args:
        info: Its description.
        width: Number of probabilities of a position.
        start_ids: Ids in front of every text.
        end_ids: Ids that end a text.
        max_positions: Longest sequence, the start ids included; None for no limit.
    """

    toy = True

    def __init__(
        self,
        info: ModelInfo,
        *,
        width: int,
        start_ids: Sequence[int] = (),
        end_ids: Sequence[int] = (),
        max_positions: int | None = None,
    ) -> None:
        self.info = info
        self.width = width
        self.start_ids = tuple(start_ids)
        self.end_ids = tuple(end_ids)
        self.max_positions = max_positions
        self._positions: dict[int, tuple[S, int]] = {}
        self._next = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.info.spec} ({self.width} probabilities a position, toy)>"

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_positions": {}}

    @property
    def fingerprint(self) -> str:
        """See :class:`~tokbench.bytelevel.protocol.NextTokenModel`."""
        return self.info.fingerprint

    @property
    def tokenizer_spec(self) -> str | None:
        """Spec of the tokenizer that the model belongs to, or None where it does not say."""
        return self.info.tokenizer

    # ------------------------------------------------------------------ hooks

    @abstractmethod
    def _empty(self) -> S:
        """State of the empty sequence."""

    @abstractmethod
    def _advance(self, state: S, token: int) -> S:
        """State after one more token; ``state`` itself stays as it is."""

    @abstractmethod
    def _rows(self, states: Sequence[S]) -> NDArray[np.float64]:
        """Natural-log probabilities after each state, shape ``(len(states), width)``."""

    # ------------------------------------------------------------------ the protocol

    def _keep(self, state: S, depth: int) -> int:
        handle = self._next
        self._next += 1
        self._positions[handle] = (state, depth)
        return handle

    def initial(self) -> tuple[Handle, NDArray[np.floating]]:
        """See :meth:`tokbench.bytelevel.protocol.NextTokenModel.initial`."""
        state = self._empty()
        return self._keep(state, 0), self._rows([state])[0]

    def extend(self, parents: Sequence[Parent], tokens: Sequence[int]) -> tuple[Sequence[Handle], NDArray[np.floating]]:
        """See :meth:`tokbench.bytelevel.protocol.NextTokenModel.extend`."""
        new: list[tuple[S, int]] = []
        for parent, token in zip(parents, tokens, strict=True):
            if parent is None:
                state, depth = self._empty(), 0
            elif isinstance(parent, InCall):
                state, depth = new[parent.index]
            else:
                state, depth = self._positions[parent]  # type: ignore[index] # handles of this model are integers
            if not 0 <= token < self.width:
                raise UnknownIdError(token, self.info.spec)
            if self.max_positions is not None and depth >= self.max_positions:
                raise ContextLengthError(depth + 1, self.max_positions)
            new.append((self._advance(state, int(token)), depth + 1))
        rows = self._rows([state for state, _ in new]) if new else np.zeros((0, self.width))
        return [self._keep(state, depth) for state, depth in new], rows

    def release(self, handles: Iterable[Handle]) -> None:
        """See :meth:`tokbench.bytelevel.protocol.NextTokenModel.release`."""
        for handle in handles:
            del self._positions[handle]  # type: ignore[arg-type] # as above
