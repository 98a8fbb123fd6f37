"""Known texts in as few calls of the model as their contexts need (bytelevel specification 4.6).

The contexts of a known text follow from the judge alone. They are run as one tree, in chunks, and every W(x[:m]) is
read off the rows on the way: W(x[:m]) = sum over contexts c at s < m of p(c) times the mass of the tokens that begin
with x[s:m] and pass the leaf rule. The exact context at m is the last token of such a cover, and is not added again.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from tokbench.bytelevel.covers import CHUNK, Core, Grown, Node
from tokbench.bytelevel.readings import END, OTHER, SYMBOLS
from tokbench.bytelevel.session import Floats, log_sum

__all__ = ["Scored", "score_shared", "score_text"]


@dataclass(slots=True)
class _Text:
    """One text and what was found of it so far."""

    data: bytes
    wanted: frozenset[int] | None  # offsets whose W is asked for; None: all
    ends: bool  # whether the weight of the end is asked for
    weights: list[list[float]]  # parts of W by offset
    doubtful: list[list[float]]  # those behind undecided contexts
    symbols: list[Floats]  # weights of the 258 symbols by offset
    end: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What the contexts of a text say.

    Attributes:
        weights: Natural logarithm of W at each offset, NaN where it was not asked for; shape ``(n + 1,)``.
        undecided: Share of each that is behind undecided contexts.
        end: Natural logarithm of W(x, END).
        symbols: Natural logarithm of the weight of every symbol at each offset, shape ``(n + 1, 258)``; None where
            it was not asked for.
    """

    weights: Floats
    undecided: Floats
    end: float
    symbols: Floats | None


class _Tree:
    """Contexts of texts, run and read."""

    def __init__(self, core: Core, *, symbols: bool = False) -> None:
        self.core = core
        self.symbols = symbols
        self.grown: dict[int, list[tuple[_Text, Grown]]] = {}
        self.root, self.positions = core.root()
        self.forwards = int(self.positions > 0)
        core.settle(self.root)

    def stream(self, text: _Text, observe: Callable[[int], None]) -> None:
        """All contexts of one text, a chunk at a time: what is read is let go of."""
        serial = count()
        queue = [(0, next(serial), self.root)]
        while queue:
            chunk: list[Node] = []
            while queue and len(chunk) < CHUNK:
                _, _, node = heapq.heappop(queue)
                grown = self.core.grow(node, text.data)
                if not (self.symbols or self._reaches(grown, text)):
                    continue
                self.grown[id(node)] = [(text, grown)]
                chunk.append(node)
                for kid in grown.kids:
                    heapq.heappush(queue, (kid.offset, next(serial), kid))
            self._run(chunk)
            if chunk:
                observe(chunk[-1].offset)

    def share(self, texts: list[_Text]) -> None:
        """The contexts that matter to an offset that is asked for, common to several texts where these begin alike."""
        known: dict[tuple[int, int], Node] = {}
        order: list[Node] = []
        for text in texts:
            for grown in self._useful(text, known):
                if id(grown.node) not in self.grown:
                    order.append(grown.node)
                    self.grown[id(grown.node)] = []
                self.grown[id(grown.node)].append((text, grown))
        self._run(sorted(order, key=lambda node: node.offset))

    def _useful(self, text: _Text, known: dict[tuple[int, int], Node]) -> list[Grown]:
        serial = count()
        queue = [(0, next(serial), self.root)]
        found: list[Grown] = []
        while queue:
            _, _, node = heapq.heappop(queue)
            grown = self.core.grow(node, text.data)
            grown.kids = [known.setdefault((id(node), kid.token), kid) for kid in grown.kids]
            found.append(grown)
            for kid in grown.kids:
                heapq.heappush(queue, (kid.offset, next(serial), kid))
        useful: set[int] = set()
        for grown in reversed(found):
            grown.kids = [kid for kid in grown.kids if id(kid) in useful]
            if grown.kids or self._says(grown, text):
                useful.add(id(grown.node))
        return [grown for grown in found if id(grown.node) in useful]

    def _reaches(self, grown: Grown, text: _Text) -> bool:
        """Whether a context covers any more of the text than its own tokens do: else its row says nothing of it."""
        if grown.node.offset == len(text.data):
            return text.ends
        return bool(grown.path) and self._present(grown, 1)

    def _says(self, grown: Grown, text: _Text) -> bool:
        """Whether a context itself covers the text up to an offset that is asked for."""
        start = grown.node.offset
        if start == len(text.data):
            return text.ends
        return any(
            0 < offset - start <= len(grown.path) and self._present(grown, offset - start)
            for offset in text.wanted or ()
        )

    def _present(self, grown: Grown, depth: int) -> bool:
        branch = grown.path[depth - 1]
        if not self.core.masks_leaves or grown.mask is None:
            return True
        return not bool(grown.mask[branch.lo - grown.base : branch.hi - grown.base].all())

    def _run(self, nodes: list[Node]) -> None:
        positions, forwards = self.core.run(nodes, self._visit)
        self.positions += positions
        self.forwards += forwards

    def _visit(self, node: Node) -> None:
        for text, grown in self.grown.pop(id(node)):
            self.core.weigh(node, grown.kids)
            if node.weight > -math.inf:
                self._read(text, grown)
        node.row = None

    def _read(self, text: _Text, grown: Grown) -> None:
        node = grown.node
        if self.symbols or (text.ends and node.offset == len(text.data)):
            self._read_row(text, node)
        if not grown.path:
            return
        first = grown.path[0]
        masses = self.core.part(node, grown, first.lo, first.hi)
        weights = text.doubtful if node.undecided else text.weights
        for depth, branch in enumerate(grown.path, 1):
            offset = node.offset + depth
            if text.wanted is None or offset in text.wanted:
                part = masses.log_part(branch.lo - first.lo, branch.hi - first.lo)
                weights[offset].append(node.weight + part)
            if self.symbols and branch.first < branch.hi:
                values, starts = branch.fan
                inner = masses.narrowed(branch.first - first.lo, branch.hi - first.lo)
                at = text.symbols[offset]
                at[values] = np.logaddexp(at[values], inner.log_sums(starts) + node.weight)

    def _read_row(self, text: _Text, node: Node) -> None:
        row = self.core.row(node)
        if node.offset == len(text.data):
            text.end.append(node.weight + row.end)
        if self.symbols:
            at = text.symbols[node.offset]
            values, starts = self.core.trie.root.fan
            at[values] = np.logaddexp(at[values], row.masses.log_sums(starts) + node.weight)
            at[END] = np.logaddexp(at[END], node.weight + row.end)
            at[OTHER] = np.logaddexp(at[OTHER], node.weight + row.other)


def _text(data: bytes, wanted: frozenset[int] | None, *, ends: bool, symbols: bool = False) -> _Text:
    n = len(data) + 1
    rows = [np.full(SYMBOLS, -np.inf) for _ in range(n)] if symbols else []
    return _Text(data, wanted, ends, [[] for _ in range(n)], [[] for _ in range(n)], rows)


def score_text(
    core: Core,
    data: bytes,
    *,
    ends: bool = True,
    symbols: bool = False,
    observe: Callable[[int], None] = lambda _: None,
) -> tuple[Scored, int, int]:
    """Weights of one known text at every offset.

    Args:
        core: Model, vocabulary, judge and reading; not the reading ALL.
        data: The text, an inserted prefix included.
        ends: Whether the weight of the end is asked for.
        symbols: Whether the weights of all symbols at every offset are asked for.
        observe: Called with the number of bytes that are done.

    Returns:
        What was found, the number of positions computed, and the number of calls of the model.
    """
    assert core.rule is not None, "the contexts of a text are known beforehand only where there is a judge"
    text = _text(data, None, ends=ends, symbols=symbols)
    tree = _Tree(core, symbols=symbols)
    tree.stream(text, observe)
    return _scored(text, symbols=symbols), tree.positions, tree.forwards


def score_shared(
    core: Core, texts: Sequence[bytes], offsets: Sequence[Sequence[int]], *, ends: bool = True
) -> tuple[list[Scored], int, int]:
    """Weights of known texts at some offsets, in one tree.

    Contexts that matter to none of the offsets are not run, which leaves about one position a token.

    Args:
        core: Model, vocabulary, judge and reading; not the reading ALL.
        texts: The texts, an inserted prefix included.
        offsets: For each text the offsets whose W is asked for.
        ends: Whether the weight of the end is asked for.

    Returns:
        What was found for each text, the number of positions computed, and the number of calls of the model.
    """
    assert core.rule is not None, "the contexts of a text are known beforehand only where there is a judge"
    entries = [_text(data, frozenset(some), ends=ends) for data, some in zip(texts, offsets, strict=True)]
    tree = _Tree(core)
    tree.share(entries)
    return [_scored(text, symbols=False) for text in entries], tree.positions, tree.forwards


def _scored(text: _Text, *, symbols: bool) -> Scored:
    n = len(text.data) + 1
    weights, undecided = np.full(n, np.nan), np.zeros(n)
    for offset in range(n):
        if offset == 0:
            weights[0] = 0.0
        elif text.wanted is None or offset in text.wanted:
            doubtful = log_sum(np.array(text.doubtful[offset]))
            weights[offset] = np.logaddexp(log_sum(np.array(text.weights[offset])), doubtful)
            if doubtful > -math.inf:
                undecided[offset] = math.exp(doubtful - weights[offset])
    return Scored(weights, undecided, log_sum(np.array(text.end)), np.stack(text.symbols) if symbols else None)
