"""Segmentations weighted by a product over their tokens: log-sums, draws, and the best in order."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel._draws import Draws
from tokbench.bytelevel._edges import Edge
from tokbench.errors import OptionError

__all__ = ["EdgeWeights", "LogWeights"]

LogWeights: TypeAlias = Callable[[int], float] | Mapping[int, float] | Sequence[float] | NDArray[np.floating]
"""Natural-log weight of a token by its id: a function, a mapping, or an array with one entry an id."""

_Weighted: TypeAlias = tuple[float, int, int]
"""Weight of a token, where it ends, its id."""


class _Candidate:
    """A path to the end: one token, then the ``suffix``-th best path from where it ends."""

    __slots__ = ("best", "end", "score", "suffix", "token")

    def __init__(self, score: int, end: int, token: int, suffix: int, best: list[list[_Candidate]]) -> None:
        self.score = score
        self.end = end
        self.token = token
        self.suffix = suffix
        self.best = best

    def steps(self) -> Iterator[_Candidate]:
        """The candidates along the path, this one first."""
        at: _Candidate | None = self
        while at is not None:
            yield at
            behind = self.best[at.end]
            at = behind[at.suffix] if behind else None

    def __lt__(self, other: _Candidate) -> bool:
        if self.score != other.score:
            return self.score > other.score
        if self.end != other.end:
            return self.end < other.end
        if self.token == other.token:
            return self.suffix < other.suffix
        # two ids of equal bytes: all cuts are compared before any id is
        mine, its = list(self.steps()), list(other.steps())
        return ([step.end for step in mine], [step.token for step in mine]) < (
            [step.end for step in its],
            [step.token for step in its],
        )


class EdgeWeights:
    """The segmentations of a lattice, each weighted by the product of its tokens' weights.

    Made by :meth:`tokbench.bytelevel.Lattice.weigh`. Weights depend on the token only; those of a language model
    depend on what stands before and do not factor.

    Args:
        edges: For each offset the tokens from which the end can be reached, in order.
        data: The byte string.
        logw: Natural-log weight of each token; ``-inf`` takes it out.
    """

    def __init__(self, edges: Sequence[Sequence[Edge]], data: bytes, logw: LogWeights) -> None:
        self._data = data
        known: dict[int, float] = {}
        self._edges: list[list[_Weighted]] = []
        for at in edges:
            row: list[_Weighted] = []
            for end, ids in at:
                for token in ids:
                    if token not in known:
                        known[token] = _weight_of(logw, token)
                    if known[token] != -math.inf:
                        row.append((known[token], end, token))
            self._edges.append(row)

    # ------------------------------------------------------------------ sums

    @cached_property
    def _sums(self) -> list[float]:
        """Log of the sum over all paths from each offset to the end."""
        sums = [0.0] * (len(self._edges) + 1)
        for at in range(len(self._edges) - 1, -1, -1):
            terms = [weight + sums[end] for weight, end, _ in self._edges[at]]
            peak = max(terms, default=-math.inf)
            sums[at] = peak
            if peak != -math.inf:
                sums[at] += math.log(math.fsum(math.exp(term - peak) for term in terms))
        return sums

    @property
    def log_total(self) -> float:
        """Natural log of the sum of all weights; ``-inf`` where every segmentation has weight 0."""
        return self._sums[0]

    def draw(self, seed: int, index: int) -> tuple[int, ...]:
        """One segmentation, with probability proportional to its weight.

        Raises:
            OptionError: If every segmentation has weight 0.
        """
        if self.log_total == -math.inf:
            raise OptionError("logw", "-inf", "weights under which some segmentation has a weight above 0")
        draws = Draws("tokbench-weights", seed, index, self._data)
        ids: list[int] = []
        at = 0
        while at < len(self._edges):
            left = draws.fraction()
            chosen = (0.0, 0, 0)
            for weight, end, token in self._edges[at]:
                share = math.exp(weight + self._sums[end] - self._sums[at])
                if share:
                    chosen = (weight, end, token)
                    if left < share:
                        break
                    left -= share  # rounding may leave the sum just below 1: then it is the last one
            _, at, token = chosen
            ids.append(token)
        return tuple(ids)

    # ------------------------------------------------------------------ best

    def best(self) -> Iterator[tuple[tuple[int, ...], float]]:
        """All segmentations of a weight above 0 with the log of their weights, largest first.

        Lazy: the work grows with the number that is taken. Sums are exact, each given as the nearest float; equal
        sums come in the order of the lattice.
        """
        if not self._edges:
            yield (), 0.0
            return
        search = _Best(self._edges)
        rank = 0
        while (found := search.get(rank)) is not None:
            yield tuple(step.token for step in found.steps()), search.as_float(found.score)
            rank += 1


def _weight_of(logw: LogWeights, token: int) -> float:
    try:
        weight = float(logw(token) if callable(logw) else logw[token])
    except LookupError:
        raise OptionError(f"logw[{token}]", "nothing", "a weight for every id of the lattice") from None
    if math.isnan(weight) or weight == math.inf:
        raise OptionError(f"logw[{token}]", weight, "a finite number or -inf")
    return weight


class _Best:
    """The best paths from every offset, each found when it is asked for.

    Every offset keeps its paths found so far and a heap of candidates. When a path is taken, the next one through
    the same token becomes a candidate, and for that the offset behind the token may have to find one more itself.
    The paths that wait for others are kept on a stack of their own, because texts are longer than Python recurses.
    """

    def __init__(self, edges: Sequence[Sequence[_Weighted]]) -> None:
        size = len(edges)
        pairs = {weight: weight.as_integer_ratio() for row in edges for weight, _, _ in row}
        self._shift = max((bottom.bit_length() - 1 for _, bottom in pairs.values()), default=0)
        exact = {weight: (top << self._shift) // bottom for weight, (top, bottom) in pairs.items()}
        self._weights = [{(end, token): exact[weight] for weight, end, token in row} for row in edges]
        self._found: list[list[_Candidate]] = [[] for _ in range(size + 1)]
        self._heaps: list[list[_Candidate]] = [[] for _ in range(size)]
        self._owed: list[_Candidate | None] = [None] * size  # taken, its successor not yet a candidate
        for at in range(size - 1, -1, -1):
            for end, token in self._weights[at]:
                self._offer(at, end, token, 0)
            heapq.heapify(self._heaps[at])
            if self._heaps[at]:
                self._take(at)

    def as_float(self, score: int) -> float:
        return score / (1 << self._shift)

    def _offer(self, at: int, end: int, token: int, suffix: int) -> None:
        """Make a candidate, if the path behind the token exists."""
        behind = self._found[end]
        if end == len(self._heaps):
            if suffix == 0:
                score = self._weights[at][end, token]
                heapq.heappush(self._heaps[at], _Candidate(score, end, token, 0, self._found))
        elif suffix < len(behind):
            score = self._weights[at][end, token] + behind[suffix].score
            heapq.heappush(self._heaps[at], _Candidate(score, end, token, suffix, self._found))

    def _take(self, at: int) -> None:
        self._owed[at] = taken = heapq.heappop(self._heaps[at])
        self._found[at].append(taken)

    def _complete(self, at: int, rank: int) -> bool:
        """Whether the path of this rank is known, or known not to exist."""
        if at == len(self._heaps) or rank < len(self._found[at]):
            return True
        return self._owed[at] is None and not self._heaps[at]

    def get(self, rank: int) -> _Candidate | None:
        waiting = [(0, rank)]
        while waiting:
            at, wanted = waiting[-1]
            if self._complete(at, wanted):
                waiting.pop()
                continue
            if (owed := self._owed[at]) is not None:
                if not self._complete(owed.end, owed.suffix + 1):
                    waiting.append((owed.end, owed.suffix + 1))
                    continue
                self._owed[at] = None
                self._offer(at, owed.end, owed.token, owed.suffix + 1)
            if self._heaps[at]:
                self._take(at)
        return self._found[0][rank] if rank < len(self._found[0]) else None
