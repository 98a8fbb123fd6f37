"""Byte by byte through a token model, with a certificate (bytelevel specification 4.5).

A state holds *live* contexts, whose row is there and which still have tokens longer than what was read of them, and
*pending* ones, admitted but not yet run. What the live ones say is a lower bound; the weight of the pending ones is
all that can be missing, and every answer is an interval made of the two. Nothing is dropped in silence: where a
budget ends, the weight of what was not run stays in the interval for good.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import count

import numpy as np

from tokbench.bytelevel.covers import Core, Grown, Node, Row
from tokbench.bytelevel.masses import Masses
from tokbench.bytelevel.readings import END, OTHER, SYMBOLS
from tokbench.bytelevel.session import Floats, log_sum
from tokbench.bytelevel.trie import Branch

__all__ = ["Budget", "Cover", "Job", "Live", "run_together"]

_BATCH = 64  # heaviest pending contexts that are run in one call


def _pass_by(node: Node) -> None:
    """Visit of a context that is only computed."""


class Live:
    """A context whose row was read, as far as its tokens agree with the text.

    Attributes:
        node: The context.
        branch: The tokens that agree, at the depth of the text behind the context.
        masses: Their probabilities; at depth 0 all tokens, else those longer than what was read.
        row: The whole row at depth 0, else None.
    """

    __slots__ = ("branch", "masses", "node", "row")

    def __init__(self, node: Node, branch: Branch, masses: Masses, row: Row | None) -> None:
        self.node = node
        self.branch = branch
        self.masses = masses
        self.row = row

    def log_sums(self) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], Floats]:
        """Next bytes, and the logarithm of the weight of each."""
        values, starts = self.branch.fan
        return values, self.masses.log_sums(starts) + self.node.weight


@dataclass(frozen=True, slots=True)
class Job:
    """Contexts to compute for one text, parents before children.

    Attributes:
        cover: Whose they are.
        nodes: The contexts.
        visit: Called with each when its row is there.
    """

    cover: Cover
    nodes: list[Node]
    visit: Callable[[Node], None]


def run_together(jobs: Sequence[Job]) -> None:
    """Run jobs over one model in as few calls as their positions need."""
    visits: dict[int, Callable[[Node], None]] = {}
    fresh = [sum(node.position is None for node in job.nodes) for job in jobs]
    for job in jobs:
        visits.update((id(node), job.visit) for node in job.nodes)
    nodes = [node for job in jobs for node in job.nodes]
    if nodes:
        _, forwards = jobs[0].cover.core.run(nodes, lambda node: visits[id(node)](node))
        for job, count in zip(jobs, fresh, strict=True):
            job.cover.positions += count
            job.cover.forwards += forwards if count else 0


class Budget:
    """How many positions of the model may be spent.

    Args:
        total: Most positions in all; None for any number.
        per_byte: Most positions for each byte that was read; None for any number.
    """

    __slots__ = ("per_byte", "total")

    def __init__(self, total: int | None = None, per_byte: float | None = None) -> None:
        self.total = total
        self.per_byte = per_byte

    def left(self, spent: int, consumed: int) -> float:
        """Positions left after ``spent`` of them and ``consumed`` bytes."""
        limits = [math.inf]
        if self.total is not None:
            limits.append(self.total - spent)
        if self.per_byte is not None:
            limits.append(math.ceil(self.per_byte * (consumed + 1)) - spent)
        return max(0.0, min(limits))


class Cover:
    """All contexts of the bytes read so far; the machine inside a :class:`~tokbench.bytelevel.ByteState`.

    Args:
        core: Model, vocabulary, judge and reading.
        budget: How many positions may be spent.

    Attributes:
        data: The bytes read so far.
        lost: Logarithm of the weight that was given up when the budget ended.
        positions: Positions of the model that were computed, those of the start context included.
        forwards: Calls of the model.
    """

    def __init__(self, core: Core, budget: Budget) -> None:
        self.core = core
        self.budget = budget
        self.data = bytearray()
        self.lost = -math.inf
        self.positions = 0
        self.forwards = 0
        self._refuted: list[tuple[float, bool]] = []
        self._lives: list[Live] = []
        self._pending: list[tuple[float, int, Node]] = []
        self._serial: Iterator[int] = count()
        self._ready: dict[tuple[int, int], Node] = {}
        root, cost = core.root()
        self.positions += cost
        self.forwards += cost > 0
        core.settle(root)
        self._enter(Grown(root))

    def fork(self) -> Cover:
        """An independent copy; rows and positions of the model are shared."""
        twin = copy(self)
        for name in ("data", "_refuted", "_lives", "_pending", "_ready"):
            setattr(twin, name, copy(getattr(self, name)))
        twin._serial = count(next(self._serial))  # noqa: SLF001, the same class
        return twin

    # ------------------------------------------------------------------ reading bytes

    def push(self, data: bytes) -> None:
        """Read bytes; no model is called."""
        for byte in data:
            self._push(byte)

    def _push(self, byte: int) -> None:
        self.data.append(byte)
        self._refuted.clear()
        offset = len(self.data)
        lives: list[Live] = []
        for live in self._lives:
            branch = live.branch.child(byte)
            if branch is None:
                continue
            base = live.branch.first
            for token in range(branch.lo, branch.first):
                weight = live.node.weight + float(live.masses.logs[token - base])
                if weight > -math.inf:
                    self._admit(live.node, token, offset, weight)
            if branch.first < branch.hi:
                masses = live.masses.narrowed(branch.first - base, branch.hi - base)
                lives.append(Live(live.node, branch, masses, None))
        self._lives = lives
        if self._ready:
            self._ready = {key: node for key, node in self._ready.items() if node.offset >= offset}

    def _admit(self, parent: Node, token: int, offset: int, weight: float) -> None:
        ready = self._ready.get((id(parent), token))
        if ready is not None:
            ready.weight = weight
            self._queue(ready)
            return
        rule, context = self.core.rule, None
        if rule is not None and parent.context is not None:
            context = rule.step(parent.context, token)
            if context is None:
                if not self.core.masks_leaves:
                    self._refuted.append((weight, parent.undecided))
                return
        self._queue(Node(parent, token, offset, context, weight))

    def _queue(self, node: Node) -> None:
        heapq.heappush(self._pending, (-node.weight, next(self._serial), node))

    # ------------------------------------------------------------------ running contexts

    def _enter(self, grown: Grown) -> None:
        """Take up a context whose row is there."""
        node = grown.node
        depth = len(self.data) - node.offset
        if depth == 0:
            row = self.core.row(node)
            self._lives.append(Live(node, self.core.trie.root, row.masses, row))
        elif depth <= len(grown.path):
            branch = grown.path[depth - 1]
            for token in grown.refuted:
                if (weight := node.weight + self.core.token(node, token)) > -math.inf:
                    self._refuted.append((weight, node.undecided))
            if branch.first < branch.hi:
                masses = self.core.part(node, grown, branch.first, branch.hi)
                self._lives.append(Live(node, branch, masses, None))
        node.row = None

    def _run(self, nodes: list[Node], *, whole: bool) -> None:
        """Run pending contexts; ``whole``: and at once all that follow from them."""
        run_together([self._job(nodes, whole=whole)])

    def _job(self, nodes: list[Node], *, whole: bool) -> Job:
        """What has to be computed for pending contexts, and what is done with each."""
        grown = self._grown(nodes, self.data) if whole else [self.core.grow(node, self.data) for node in nodes]
        found = {id(entry.node): entry for entry in self._useful(grown, whole=whole)}

        def visit(node: Node) -> None:
            entry = found[id(node)]
            self.core.weigh(node, entry.kids)
            if not whole:
                for kid in entry.kids:
                    if kid.weight > -math.inf:
                        self._queue(kid)
            if node.weight > -math.inf:
                self._enter(entry)
            node.row = None

        return Job(self, [entry.node for entry in found.values()], visit)

    def _grown(self, nodes: Iterable[Node], data: bytes | bytearray) -> list[Grown]:
        """These contexts and all that follow from them over the known bytes, parents before children."""
        queue = [(node.offset, next(self._serial), node) for node in nodes]
        heapq.heapify(queue)
        order: list[Grown] = []
        while queue:
            _, _, node = heapq.heappop(queue)
            entry = self.core.grow(node, data)
            order.append(entry)
            if self._ready:
                entry.kids = [self._ready.get((id(node), kid.token), kid) for kid in entry.kids]
            for kid in entry.kids:
                heapq.heappush(queue, (kid.offset, next(self._serial), kid))
        return order

    def _useful(self, order: list[Grown], *, whole: bool) -> list[Grown]:
        """Without the contexts none of whose continuations is admissible: they never had any mass."""
        useful: set[int] = set()
        for entry in reversed(order):
            if whole:
                entry.kids = [kid for kid in entry.kids if id(kid) in useful]
            depth = len(self.data) - entry.node.offset
            if entry.kids or entry.refuted or self.core.alive(entry, depth):
                useful.add(id(entry.node))
        return [entry for entry in order if id(entry.node) in useful]

    def settle(self, target: Callable[[Cover], bool] | None) -> None:
        """Run pending contexts until ``target`` holds; None: until none is left.

        Where the budget ends before, the rest is given up and its weight goes to :attr:`lost`.
        """
        whole = target is None and self.core.rule is not None
        while self._pending and not (target is not None and target(self)):
            left = self.budget.left(self.positions, len(self.data))
            if left < 1:
                self.lost = float(np.logaddexp(self.lost, self.log_pending()))
                self._pending.clear()
                break
            if whole and left == math.inf:
                nodes = [node for _, _, node in self._pending]
                self._pending.clear()
                self._run(nodes, whole=True)
            else:
                room = int(min(left, _BATCH, len(self._pending)))
                self._run([heapq.heappop(self._pending)[2] for _ in range(room)], whole=False)

    def pending(self) -> list[Node]:
        """The pending contexts, heaviest first."""
        return [node for _, _, node in sorted(self._pending, key=lambda entry: entry[:2])]

    def waits_here(self) -> bool:
        """Whether the next question needs the model, and only for contexts that spell all the bytes read."""
        fresh = [node for _, _, node in self._pending if node.position is None]
        return bool(fresh) and all(node.offset == len(self.data) for node in fresh)

    def run_one(self, node: Node) -> tuple[Live | None, list[Node]]:
        """Run one pending context.

        Returns:
            What it is live with, if anything, and the contexts that it queued, heaviest first.
        """
        self._pending = [entry for entry in self._pending if entry[2] is not node]
        heapq.heapify(self._pending)
        before, lives = {id(entry[2]) for entry in self._pending}, len(self._lives)
        self._run([node], whole=False)
        queued = [found for found in self.pending() if id(found) not in before]
        return (self._lives[-1] if len(self._lives) > lives else None), queued

    def pressing(self) -> Job | None:
        """All that an exact answer needs, as one job; None where nothing is pending or the judge knows no contexts.

        The pending contexts are handed over: the job has to be run.
        """
        if not self._pending or self.core.rule is None or self.budget.left(self.positions, len(self.data)) < math.inf:
            return None
        nodes = [node for _, _, node in self._pending]
        self._pending.clear()
        return self._job(nodes, whole=True)

    def ahead(self, tail: bytes) -> Job:
        """The contexts that the text would have if it went on with ``tail``, the pending ones included, as one job.

        It only fills a cache: no probability depends on it. Contexts that were run are kept.
        """
        offset = len(self.data)
        data = bytes(self.data) + tail
        seeds = [node for _, _, node in self._pending]
        for live in self._lives:
            seeds += [
                kid
                for kid in self.core.grow(live.node, data).kids
                if kid.offset > offset and (id(live.node), kid.token) not in self._ready
            ]
        nodes = [entry.node for entry in self._grown(seeds, data)]
        for node in nodes:
            if node.offset > offset:
                self._ready[id(node.parent), node.token] = node
        return Job(self, nodes, _pass_by)

    # ------------------------------------------------------------------ sums

    def log_pending(self) -> float:
        """Logarithm of the weight of the pending contexts."""
        return log_sum(np.array([-weight for weight, _, _ in self._pending])) if self._pending else -math.inf

    def log_here(self) -> float:
        """Logarithm of the weight of the pending contexts that spell exactly the bytes read: covers that are known."""
        offset = len(self.data)
        here = [-weight for weight, _, node in self._pending if node.offset == offset and not node.undecided]
        return log_sum(np.array(here)) if here else -math.inf

    def log_missing(self) -> float:
        """Logarithm of all weight that may be missing: U in the certificate."""
        return float(np.logaddexp(self.lost, self.log_pending()))

    def log_symbols(self, *, decided: bool = False) -> Floats:
        """Logarithm of the known weight of every symbol, shape ``(258,)``; ``decided``: undecided contexts left out."""
        found = np.full(SYMBOLS, -np.inf)
        for live in self._lives:
            if decided and live.node.undecided:
                continue
            values, sums = live.log_sums()
            found[values] = np.logaddexp(found[values], sums)
            if live.row is not None:
                found[END] = np.logaddexp(found[END], live.node.weight + live.row.end)
                found[OTHER] = np.logaddexp(found[OTHER], live.node.weight + live.row.other)
        return found

    def log_leak(self) -> float:
        """Logarithm of the known weight that no symbol gets."""
        leaks = [weight for weight, _ in self._refuted]
        leaks += [live.node.weight + live.row.leak for live in self._lives if live.row is not None]
        return log_sum(np.array(leaks)) if leaks else -math.inf

    def has_undecided(self) -> bool:
        """Whether some live context is undecided."""
        return any(live.node.undecided for live in self._lives) or any(undecided for _, undecided in self._refuted)

    def contexts(self) -> list[tuple[tuple[int, ...], float]]:
        """Token ids and natural-log weight of the contexts that spell exactly the bytes read so far, heaviest first."""
        offset = len(self.data)
        nodes = [live.node for live in self._lives if live.node.offset == offset]
        nodes += [node for _, _, node in self._pending if node.offset == offset]
        ids = self.core.session.text_ids
        found = [(tuple(int(ids[token]) for token in node.tokens()), node.weight) for node in nodes]
        return sorted(found, key=lambda entry: (-entry[1], entry[0]))

    def ends(self) -> list[tuple[tuple[int, ...], float]]:
        """Token ids of the contexts that were run and spell exactly the bytes read, with log p(ids) p(end | ids)."""
        ids = self.core.session.text_ids
        return [
            (tuple(int(ids[token]) for token in live.node.tokens()), live.node.weight + live.row.end)
            for live in self._lives
            if live.row is not None
        ]
