"""What a model over tokens has to give: :class:`NextTokenModel`, and an adapter for models with less.

A model is asked for new *positions*. A position is one (parent, token): the parent is a position asked for
before, and the answer is the distribution of the token that follows. Naming parents, and not sequences, is what
lets a shared beginning be computed once and a whole tree of continuations in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Handle", "InCall", "NextTokenModel", "Parent", "PrefixModel"]

Handle: TypeAlias = Hashable
"""One computed position of a model; only the model knows what it is. Never used again after its release."""


@dataclass(frozen=True, slots=True)
class InCall:
    """The position that entry ``index`` of the same call asks for, as a parent of a later entry."""

    index: int


Parent: TypeAlias = Handle | InCall | None
"""A handle, an earlier entry of the same call, or None for the empty sequence."""


@runtime_checkable
class NextTokenModel(Protocol):
    """A model that gives the probability of every next token.

    Attributes:
        width: Number of probabilities of a position: ids are ``0 .. width - 1``. It may be larger than the
            vocabulary (padded embeddings); the surplus is reported as ``OTHER``, never as text.
        start_ids: Ids in front of every text (the start token); ``()`` where the model has none.
        end_ids: Ids that end a text.
        max_positions: Longest sequence that the model takes, the start ids included; None where it has no limit.
        fingerprint: Identifies weights and settings; it goes into every result.
        toy: Whether results with this model say nothing of real models.
    """

    @property
    def width(self) -> int: ...  # noqa: D102, described above
    @property
    def start_ids(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def end_ids(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def max_positions(self) -> int | None: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102
    @property
    def toy(self) -> bool: ...  # noqa: D102

    def initial(self) -> tuple[Handle, NDArray[np.floating]]:
        """The empty sequence, without the start ids: its handle and the probabilities of a first token.

        Returns:
            A handle, and natural-log probabilities of shape ``(width,)``.

        Raises:
            StartContextError: If the model says nothing of a first token (most transformers).
        """
        ...

    def extend(self, parents: Sequence[Parent], tokens: Sequence[int]) -> tuple[Sequence[Handle], NDArray[np.floating]]:
        """Compute one new position for each ``(parent, token)``.

        Args:
            parents: Where each position stands: behind a handle, behind an earlier entry of this call
                (:class:`InCall`), or at the beginning (None).
            tokens: Their token ids, one each.

        Returns:
            One handle each, and natural-log probabilities of the next token of shape ``(n, width)``; each row
            sums to 1 within 1e-6, may hold ``-inf`` and holds no NaN.

        Raises:
            ContextLengthError: If a sequence grows longer than ``max_positions``.
        """
        ...

    def release(self, handles: Iterable[Handle]) -> None:
        """Let go of positions that nobody will name again.

        Raises:
            KeyError: If one was released before, or never given.
        """
        ...


class PrefixModel:
    """A :class:`NextTokenModel` over a function from token ids to log-probabilities.

    Example:
        >>> import numpy as np
        >>> model = PrefixModel(lambda ids: np.full(4, np.log(0.25)), width=4, end_ids=(3,))
        >>> handles, rows = model.extend([None, InCall(0)], [1, 2])
        >>> rows.shape
        (2, 4)

    Args:
        logprobs: From the ids so far, the start ids included, to natural-log probabilities of shape
            ``(width,)``. Called once for each position.
        width: Number of probabilities it returns.
        start_ids: As in :class:`NextTokenModel`. Without any, ``logprobs(())`` must give a first token.
        end_ids: Ids that end a text.
        max_positions: Longest sequence it takes; None for no limit.
        fingerprint: Identifies the model in results.
        toy: Whether results with it say nothing of real models.
    """

    def __init__(
        self,
        logprobs: Callable[[tuple[int, ...]], ArrayLike],
        *,
        width: int,
        start_ids: Sequence[int] = (),
        end_ids: Sequence[int] = (),
        max_positions: int | None = None,
        fingerprint: str = "function",
        toy: bool = True,
    ) -> None:
        self._logprobs = logprobs
        self.width = width
        self.start_ids = tuple(start_ids)
        self.end_ids = tuple(end_ids)
        self.max_positions = max_positions
        self.fingerprint = fingerprint
        self.toy = toy
        self._sequences: dict[int, tuple[int, ...]] = {}
        self._next = 0

    def _keep(self, sequence: tuple[int, ...]) -> int:
        handle = self._next
        self._next += 1
        self._sequences[handle] = sequence
        return handle

    def _row(self, sequence: tuple[int, ...]) -> NDArray[np.float64]:
        return np.asarray(self._logprobs(sequence), np.float64)

    def initial(self) -> tuple[Handle, NDArray[np.floating]]:
        """See :meth:`NextTokenModel.initial`."""
        return self._keep(()), self._row(())

    def extend(self, parents: Sequence[Parent], tokens: Sequence[int]) -> tuple[Sequence[Handle], NDArray[np.floating]]:
        """See :meth:`NextTokenModel.extend`."""
        from tokbench.errors import ContextLengthError

        sequences: list[tuple[int, ...]] = []
        for parent, token in zip(parents, tokens, strict=True):
            if parent is None:
                before: tuple[int, ...] = ()
            elif isinstance(parent, InCall):
                before = sequences[parent.index]
            else:
                before = self._sequences[parent]  # type: ignore[index] # handles of this model are integers
            sequences.append((*before, int(token)))
            if self.max_positions is not None and len(sequences[-1]) > self.max_positions:
                raise ContextLengthError(len(sequences[-1]), self.max_positions)
        rows = [self._row(sequence) for sequence in sequences]
        return [self._keep(sequence) for sequence in sequences], np.stack(rows) if rows else np.zeros((0, self.width))

    def release(self, handles: Iterable[Handle]) -> None:
        """See :meth:`NextTokenModel.release`."""
        for handle in handles:
            del self._sequences[handle]  # type: ignore[arg-type] # as above
