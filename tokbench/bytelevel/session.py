"""A model at work: which row is text, end or something else, positions that let go of themselves, checked rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel.protocol import Handle, InCall, NextTokenModel
from tokbench.errors import FullDistributionRequired, ModelContractError, VocabularyWidthError
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["Floats", "Position", "Session", "log_sum"]

Floats = NDArray[np.float64]

TOLERANCE = 1e-6
"""How far the logarithm of a row's sum may be from 0."""


def log_sum(values: Floats) -> float:
    """Logarithm of the sum of exponentials; ``-inf`` for none."""
    if not len(values):
        return -math.inf
    top = float(values.max())
    return top + math.log(float(np.exp(values - top).sum())) if math.isfinite(top) else top


class Position:
    """One computed position of the model. Its handle is released when nobody holds it or one that stands behind it.

    Attributes:
        handle: What the model calls it.
        parent: The position in front of it; held so that the model keeps it.
        token: Its token id, -1 at the beginning.
    """

    __slots__ = ("_dead", "handle", "parent", "token")

    def __init__(self, handle: Handle, parent: Position | None, token: int, dead: list[Handle]) -> None:
        self.handle = handle
        self.parent = parent
        self.token = token
        self._dead = dead

    def __del__(self) -> None:
        self._dead.append(self.handle)

    def ids(self) -> tuple[int, ...]:
        """Token ids up to here, the start context included."""
        found: list[int] = []
        at: Position | None = self
        while at is not None and at.token >= 0:
            found.append(at.token)
            at = at.parent
        return tuple(reversed(found))


class Session:
    """A model together with the vocabulary that its rows are read by.

    Args:
        model: The model.
        vocabulary: The byte vocabulary.
        start_ids: Ids in front of every text; None takes the model's.
        end_ids: Ids that end a text; None takes the model's, or the vocabulary's where it has none.

    Attributes:
        text_ids: Id of each token of the vocabulary, shape ``(N,)``.
        end_ids: Ids that end a text.
        other_ids: Every other row.

    Raises:
        VocabularyWidthError: If the rows of the model are too short for an id.
    """

    def __init__(
        self,
        model: NextTokenModel,
        vocabulary: ByteVocabulary,
        *,
        start_ids: Sequence[int] | None = None,
        end_ids: Sequence[int] | None = None,
    ) -> None:
        self.model = model
        self.width = model.width
        self.start_ids = tuple(model.start_ids if start_ids is None else start_ids)
        ends = model.end_ids if end_ids is None else end_ids
        if end_ids is None and not len(ends):
            ends = tuple(int(token) for token in vocabulary.end_ids)
        self.text_ids = vocabulary.ids.astype(np.intp)
        largest = max((int(table.max()) for table in (vocabulary.ids, vocabulary.other_ids) if len(table)), default=0)
        if largest >= self.width:
            raise VocabularyWidthError(self.width, largest, "the largest id of the tokenizer")
        for what, ids in (("an end id", ends), ("a start id", self.start_ids)):
            wrong = [token for token in ids if not 0 <= token < self.width]
            if wrong:
                raise VocabularyWidthError(self.width, wrong[0], what)
        self.end_ids = np.array(sorted(set(ends)), np.intp)
        self.ends_text = np.flatnonzero(np.isin(self.text_ids, self.end_ids))  # an end is no text, whatever it spells
        rest = np.ones(self.width, np.bool_)
        rest[self.text_ids] = False
        rest[self.end_ids] = False
        self.other_ids = np.flatnonzero(rest)
        self._dead: list[Handle] = []

    # ------------------------------------------------------------------ rows

    def text(self, row: NDArray[np.floating]) -> Floats:
        """Log-probabilities of all text tokens in the order of the vocabulary."""
        found = row[self.text_ids].astype(np.float64)
        if len(self.ends_text):
            found[self.ends_text] = -np.inf
        return found

    def part(self, row: NDArray[np.floating], lo: int, hi: int) -> Floats:
        """Log-probabilities of the text tokens at positions ``lo .. hi - 1``."""
        found = row[self.text_ids[lo:hi]].astype(np.float64)
        if len(self.ends_text):
            inside = self.ends_text[(self.ends_text >= lo) & (self.ends_text < hi)]
            found[inside - lo] = -np.inf
        return found

    def end(self, row: NDArray[np.floating]) -> float:
        """Log-probability of the end."""
        if len(self.end_ids) == 1:
            return float(row[self.end_ids[0]])
        return log_sum(row[self.end_ids].astype(np.float64))

    def other(self, row: NDArray[np.floating]) -> float:
        """Log-probability of everything that is neither text nor the end."""
        return log_sum(row[self.other_ids].astype(np.float64))

    # ------------------------------------------------------------------ positions

    def start(self) -> tuple[Position, NDArray[np.floating], int]:
        """The position in front of every text, its row, and the number of positions computed for it.

        Raises:
            StartContextError: If the model says nothing of a first token.
        """
        if not self.start_ids:
            handle, row = self.model.initial()
            rows = self._checked(np.asarray(row)[None, :], [()])
            return Position(handle, None, -1, self._dead), rows[0], 0
        parents: list[Position | int | None] = [None, *range(len(self.start_ids) - 1)]
        positions, rows = self.run(parents, self.start_ids)
        return positions[-1], rows[-1], len(positions)

    def run(
        self, parents: Sequence[Position | int | None], tokens: Sequence[int]
    ) -> tuple[list[Position], NDArray[np.floating]]:
        """Compute positions.

        Args:
            parents: The position in front of each, the number of an earlier entry of this call, or None.
            tokens: Their token ids.

        Returns:
            The positions, and their rows, each checked to be a distribution.

        Raises:
            ModelContractError: If one is none.
            FullDistributionRequired: If a model gives only its most probable tokens.
        """
        if self._dead:
            dead, self._dead[:] = list(self._dead), []
            self.model.release(dead)
        named = [
            InCall(parent) if isinstance(parent, int) else None if parent is None else parent.handle
            for parent in parents
        ]
        handles, found = self.model.extend(named, list(tokens))
        positions: list[Position] = []
        for handle, parent, token in zip(handles, parents, tokens, strict=True):
            before = positions[parent] if isinstance(parent, int) else parent
            positions.append(Position(handle, before, int(token), self._dead))
        return positions, self._checked(np.asarray(found), positions)

    def _checked(
        self, rows: NDArray[np.floating], contexts: Sequence[Position | tuple[int, ...]]
    ) -> NDArray[np.floating]:
        if rows.shape != (len(contexts), self.width):
            problem = f"the shape is {rows.shape} and not {(len(contexts), self.width)}"
            raise ModelContractError(self._ids(contexts[0]) if contexts else (), problem)
        for row, context in zip(rows, contexts, strict=True):
            with np.errstate(over="ignore", invalid="ignore"):
                total = float(np.exp(row).sum(dtype=np.float64))
            if 0 < total < 1 - TOLERANCE and 2 * int(np.isfinite(row).sum()) < self.width:
                found = f"{int(np.isfinite(row).sum())} of {self.width} probabilities (their sum is {total:.6g})"
                raise FullDistributionRequired(type(self.model).__name__, found)
            if not abs(total - 1) <= TOLERANCE:
                raise ModelContractError(self._ids(context), _problem(row, total))
        return rows

    def _ids(self, context: Position | tuple[int, ...]) -> tuple[int, ...]:
        return context.ids()[len(self.start_ids) :] if isinstance(context, Position) else context


def _problem(row: NDArray[np.floating], total: float) -> str:
    if np.isnan(row).any():
        return f"{int(np.isnan(row).sum())} of {len(row)} are NaN"
    if np.isposinf(row).any():
        return f"{int(np.isposinf(row).sum())} of {len(row)} are +inf"
    return f"their exponentials sum to {total:.9g} and not to 1 (within {TOLERANCE:g})"
