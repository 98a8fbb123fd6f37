"""Which segmentation a text has, given the text: P(ids | x, END) over all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bytelevel.covers import Core, Node
from tokbench.bytelevel.generate import draw, fraction
from tokbench.bytelevel.lattice import Lattice
from tokbench.bytelevel.session import Floats, log_sum
from tokbench.bytelevel.state import Budget, Cover
from tokbench.errors import OptionError

if TYPE_CHECKING:
    from tokbench.bytelevel.model import ByteModel

__all__ = ["SegmentationPosterior", "segmentation_posterior"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentationPosterior:
    """Segmentations of a text and their probability given the text.

    Attributes:
        segmentations: Token ids, the most probable first.
        probabilities: P(ids | text, END), same order, sum 1; an estimate where ``exact`` is false.
        log_total: Natural logarithm of W(text, END) under the reading ALL, or its estimate.
        count: How many segmentations there are.
        exact: Whether all of them were enumerated.
        effective_sample_size: (sum of weights)^2 / sum of squared weights of the importance samples; infinite where
            ``exact``.
    """

    segmentations: tuple[tuple[int, ...], ...]
    probabilities: Floats
    log_total: float
    count: int
    exact: bool
    effective_sample_size: float

    def probability(self, ids: tuple[int, ...]) -> float:
        """Probability of one segmentation; 0 where it is none, or was not drawn."""
        return float(sum(self.probabilities[at] for at, found in enumerate(self.segmentations) if found == ids))


def segmentation_posterior(
    model: ByteModel, text: bytes, *, limit: int, draws: int, seed: int
) -> SegmentationPosterior:
    """P(ids | text, END), whatever the reading of ``model``.

    Up to ``limit`` segmentations are enumerated. Of more, ``draws`` are drawn token by token from the model
    restricted to tokens that fit and lead somewhere, and weighted by what the restriction left out.

    Raises:
        UncoverableTextError: If there is no segmentation.
        OptionError: If ``limit`` or ``draws`` is below 1.
    """
    for name, value in (("limit", limit), ("draws", draws)):
        if value < 1:
            raise OptionError(name, value, "a number of at least 1")
    data = model.prefix + text
    lattice = Lattice(model.vocabulary, data, distinct="ids")
    count = lattice.count()
    if not count:
        lattice.fewest()  # raises the error that names the first byte that nothing spells
    core = Core(model._core.session, model.vocabulary, None, "all", None)  # noqa: SLF001, the same package
    if count <= limit:
        return _enumerated(core, data, count)
    return _drawn(core, data, count, draws, seed)


def _posterior(found: dict[tuple[int, ...], float], count: int, *, exact: bool, ess: float, total: float) -> (
    SegmentationPosterior
):  # fmt: skip
    order = sorted(found, key=lambda ids: (-found[ids], ids))
    logs = np.array([found[ids] for ids in order])
    return SegmentationPosterior(
        segmentations=tuple(order), probabilities=np.exp(logs - log_sum(logs)), log_total=total, count=count,
        exact=exact, effective_sample_size=ess,
    )  # fmt: skip


def _enumerated(core: Core, data: bytes, count: int) -> SegmentationPosterior:
    cover = Cover(core, Budget())
    cover.push(data)
    cover.settle(None)
    found = {ids: weight for ids, weight in cover.ends() if weight > -math.inf}
    total = log_sum(np.array(list(found.values())))
    return _posterior(found, count, exact=True, ess=math.inf, total=total)


class _Tree:
    """Contexts drawn so far, each run once."""

    def __init__(self, core: Core, data: bytes) -> None:
        self.core = core
        self.data = data
        n = len(data)
        self.leads = np.zeros(n + 1, np.bool_)  # whether tokens spell the rest from here
        self.leads[n] = True
        self.fits: list[list[int]] = [[] for _ in range(n + 1)]
        for start in range(n - 1, -1, -1):
            for length, lo, hi in core.vocabulary.prefixes_of(data[start : start + core.vocabulary.max_length]):
                if self.leads[start + length]:
                    self.fits[start] += range(lo, hi)
                    self.leads[start] = True
        self.choices: dict[int, tuple[Floats, float, list[Node]]] = {}
        self.ends: dict[int, float] = {}

    def read(self, node: Node) -> None:
        """Keep of the row of a context what fits the text."""
        assert node.row is not None
        tokens = self.fits[node.offset]
        logs = np.array([self.core.token(node, token) for token in tokens])
        lengths = self.core.vocabulary.lengths
        kids = [Node(node, token, node.offset + int(lengths[token]), None) for token in tokens]
        self.choices[id(node)] = (logs, log_sum(logs), kids)
        if node.offset == len(self.data):
            self.ends[id(node)] = self.core.session.end(node.row)
        node.row = None


def _drawn(core: Core, data: bytes, count: int, draws: int, seed: int) -> SegmentationPosterior:
    tree = _Tree(core, data)
    root, _ = core.root()
    tree.read(root)
    walks = [(root, 0.0)] * draws
    step = 0
    weights: list[tuple[tuple[int, ...], float]] = []
    while walks:
        moved: list[tuple[Node, float]] = []
        for index, (node, weight) in enumerate(walks):
            logs, total, kids = tree.choices[id(node)]
            if total == -math.inf:
                continue  # the model gives nothing to any continuation
            chosen = draw(np.exp(logs - total), fraction(seed, index, step))
            moved.append((kids[chosen], weight + total))
        fresh = list({id(node): node for node, _ in moved if node.position is None}.values())
        core.run(sorted(fresh, key=lambda node: node.offset), tree.read)
        ids = core.session.text_ids
        walks = []
        for node, weight in moved:
            if node.offset == len(data):
                weights.append((tuple(int(ids[token]) for token in node.tokens()), weight + tree.ends[id(node)]))
            else:
                walks.append((node, weight))
        step += 1
    logs = np.array([weight for _, weight in weights])
    found: dict[tuple[int, ...], float] = {}
    for sequence, weight in weights:
        found[sequence] = float(np.logaddexp(found.get(sequence, -math.inf), weight))
    ess = math.exp(2 * log_sum(logs) - log_sum(2 * logs)) if len(logs) else 0.0
    return _posterior(found, count, exact=False, ess=ess, total=log_sum(logs) - math.log(draws))
