"""Counting, ordering and drawing the paths of a lattice of tokens; what needs no tokenizer."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice, product
from typing import NoReturn

import numpy as np

from tokbench.bytelevel._draws import Draws
from tokbench.bytelevel._edges import Edge, edges_of
from tokbench.bytelevel._weighted import EdgeWeights, LogWeights
from tokbench.errors import (
    LatticeTooLarge,
    NotASegmentationError,
    OptionError,
    UncoverableTextError,
    UnknownIdError,
)
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["Paths"]

_MOST = 10**6  # segmentations that are listed without being asked how many


class Paths:
    """The paths of tokens from the beginning of a byte string to its end.

    Args:
        vocabulary: The tokens.
        data: The bytes to segment.
        distinct: ``bytes`` or ``ids``.
        ends: Boundaries that no token may cross, the end among them; None for no others.
        spec: Name of the tokenizer in errors.

    Attributes:
        vocabulary: The tokens.
        data: The bytes that are segmented.
        distinct: Whether ids of equal ``bytes`` count once, or ``ids`` one by one.
    """

    def __init__(
        self, vocabulary: ByteVocabulary, data: bytes, *, distinct: str, ends: Iterable[int] | None, spec: str
    ) -> None:
        self.vocabulary = vocabulary
        self.data = data
        self.distinct = distinct
        self._spec = spec
        self._edges = edges_of(vocabulary, data, ends)

    def __repr__(self) -> str:
        shown = self.data if len(self.data) <= 40 else self.data[:37] + b"..."  # noqa: PLR2004, room on a line
        return f"<{type(self).__name__} of {shown!r}, {sum(map(len, self._edges))} edges>"

    # ------------------------------------------------------------------ counting

    @cached_property
    def _counts(self) -> list[int]:
        """Number of paths from each offset to the end; shape ``(n + 1,)``."""
        counts = [0] * len(self.data) + [1]
        for at in range(len(self.data) - 1, -1, -1):
            counts[at] = sum(self._width(ids) * counts[end] for end, ids in self._edges[at])
        return counts

    def _width(self, ids: tuple[int, ...]) -> int:
        return len(ids) if self.distinct == "ids" else 1

    @cached_property
    def _steps(self) -> list[list[Edge]]:
        """Edges from which the end can be reached, with the ids that count."""
        counts = self._counts
        if self.distinct == "ids":
            return [[edge for edge in edges if counts[edge[0]]] for edges in self._edges]
        return [[(end, ids[:1]) for end, ids in edges if counts[end]] for edges in self._edges]

    def count(self) -> int:
        """Number of segmentations, exactly; 0 where no tokens spell the bytes."""
        return self._counts[0]

    def _some(self) -> int:
        """The count, if there is any segmentation."""
        if not self.count():
            reached = [True] + [False] * len(self.data)
            for at, edges in enumerate(self._edges):
                for end, _ in edges if reached[at] else ():
                    reached[end] = True
            offset = max(at for at, yes in enumerate(reached) if yes)
            raise UncoverableTextError(offset, self.data[offset], self._spec)
        return self.count()

    # ------------------------------------------------------------------ order

    def __getitem__(self, k: int) -> tuple[int, ...]:
        """The k-th segmentation; a negative k counts from the end.

        Raises:
            IndexError: If there are not so many.
        """
        k, total = operator.index(k), self.count()
        if not -total <= k < total:
            raise IndexError("there are not so many segmentations: count() says how many")
        k %= total
        counts = self._counts
        chosen: list[tuple[int, ...]] = []
        at, choices = 0, 1  # choices: ways to choose ids for the cuts made so far, compared after all cuts
        while at < len(self.data):
            for end, ids in self._steps[at]:
                wider = choices * len(ids)
                size = counts[end] if wider == 1 else wider * counts[end]
                if k < size:
                    chosen.append(ids)
                    at, choices = end, wider
                    break
                k -= size
        found: list[int] = []
        for ids in reversed(chosen):
            k, digit = divmod(k, len(ids))
            found.append(ids[digit])
        return tuple(reversed(found))

    def rank(self, ids: Sequence[int]) -> int:
        """Place of a segmentation in the order: ``lattice[lattice.rank(ids)] == ids``.

        With ``distinct="bytes"`` any id of equal bytes names the same segmentation.

        Raises:
            NotASegmentationError: If the ids do not spell ``x``, or cross a boundary of ``within``.
            UnknownIdError: If an id does not exist.
        """
        counts = self._counts
        before, choices, digits, at = 0, 1, 0, 0
        for end, token in zip(self._cuts(ids), ids, strict=True):
            for other, same in self._steps[at]:
                if other == end:
                    digits = digits * len(same) + (same.index(token) if self.distinct == "ids" else 0)
                    choices *= len(same)
                    break
                before += choices * len(same) * counts[other]
            at = end
        return before + digits

    def _cuts(self, ids: Sequence[int]) -> list[int]:
        """Where the tokens end, if they are a segmentation."""
        cuts: list[int] = []
        at = 0
        for token in ids:
            fitting = self._edges[at] if at < len(self.data) else []
            end = next((end for end, same in fitting if token in same), None)
            if end is None:
                self._refuse(token, at)
            cuts.append(end)
            at = end
        if at != len(self.data):
            raise NotASegmentationError(at, f"they end there, and the text has {len(self.data)} bytes")
        return cuts

    def _refuse(self, token: int, at: int) -> NoReturn:
        position = np.flatnonzero(self.vocabulary.ids == token)
        if not len(position):
            if token not in self.vocabulary.other_ids:
                raise UnknownIdError(token, self._spec)
            raise NotASegmentationError(at, f"id {token} stands for no bytes")
        spelled = self.vocabulary.token(int(position[0]))
        if self.data.startswith(spelled, at):
            raise NotASegmentationError(at, f"id {token} ({spelled!r}) crosses a boundary of within")
        raise NotASegmentationError(at, f"id {token} is {spelled!r}, the text {self.data[at : at + len(spelled)]!r}")

    def is_segmentation(self, ids: Sequence[int]) -> bool:
        """Whether the ids spell ``x`` (and cross no boundary of ``within``).

        Raises:
            UnknownIdError: If an id does not exist.
        """
        try:
            self._cuts(ids)
        except NotASegmentationError:
            return False
        return True

    def enumerate(self, limit: int | None = None) -> Iterator[tuple[int, ...]]:
        """The segmentations in order.

        Args:
            limit: Stop after so many. Without it there may be at most a million.

        Raises:
            LatticeTooLarge: If there are more and no limit was given; it carries the exact count.
        """
        if limit is None and self.count() > _MOST:
            raise LatticeTooLarge(self.count(), _MOST)
        if limit is not None and limit < 0:
            raise OptionError("limit", limit, "a number of segmentations, or None")
        return islice(self._walk(), limit)

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return self.enumerate()

    def __contains__(self, ids: object) -> bool:
        return isinstance(ids, Sequence) and self.is_segmentation(ids)

    def _walk(self) -> Iterator[tuple[int, ...]]:
        """Depth first, with a stack of our own: texts are longer than Python recurses."""
        if not self.data:
            yield ()
            return
        path: list[tuple[int, ...]] = []
        stack = [iter(self._steps[0])]
        while stack:
            edge = next(stack[-1], None)
            if edge is None:
                stack.pop()
                if path:
                    path.pop()
                continue
            end, ids = edge
            path.append(ids)
            if end < len(self.data):
                stack.append(iter(self._steps[end]))
            else:
                yield from product(*path)
                path.pop()

    # ------------------------------------------------------------------ weights

    def uniform(self, seed: int, index: int) -> tuple[int, ...]:
        """A segmentation, each equally likely; the same for the same seed, index and bytes, wherever it is drawn."""
        return self[Draws("tokbench-uniform", seed, index, self.data).below(self._some())]

    def weigh(self, logw: LogWeights) -> EdgeWeights:
        """The segmentations under weights; keep it where many are drawn under the same.

        Args:
            logw: Natural-log weight of each token by its id, as a function, a mapping or an array. ``-inf`` takes a
                token out. With ``distinct="bytes"`` the lowest id of equal bytes is asked for.
        """
        return EdgeWeights(self._steps, self.data, logw)

    def weighted(self, logw: LogWeights, seed: int, index: int) -> tuple[int, ...]:
        """A segmentation, with probability proportional to the product of its tokens' weights (see :meth:`weigh`).

        Raises:
            OptionError: If a weight is missing, NaN or infinite, or every segmentation has weight 0.
        """
        self._some()
        return self.weigh(logw).draw(seed, index)

    def kbest(self, logw: LogWeights, k: int) -> list[tuple[tuple[int, ...], float]]:
        """The k segmentations of largest log weight with these, largest first, equal ones in the lattice's order.

        Fewer than k where there are not so many of a weight above 0. Found lazily and exactly (Huang and Chiang,
        "Better k-best parsing", 2005, algorithm 3).
        """
        if k < 0:
            raise OptionError("k", k, "a number of segmentations")
        return list(islice(self.weigh(logw).best(), k)) if self.count() else []

    # ------------------------------------------------------------------ named segmentations

    def fewest(self) -> tuple[int, ...]:
        """The segmentation with the fewest tokens, the first of several."""
        self._some()
        tokens = [0] * (len(self.data) + 1)
        for at in range(len(self.data) - 1, -1, -1):
            tokens[at] = 1 + min((tokens[end] for end, _ in self._steps[at]), default=len(self.data))
        ids: list[int] = []
        at = 0
        while at < len(self.data):
            at, same = next(edge for edge in self._steps[at] if tokens[edge[0]] == tokens[at] - 1)
            ids.append(same[0])
        return tuple(ids)

    def chars(self) -> tuple[int, ...]:
        """The shortest token at each step, a longer one only where the rest could not be spelled else."""
        self._some()
        return self[0]
