"""Contexts of a text and the model's rows behind them: the tree under both ways of reading a model.

A *context at s* is an admitted sequence of tokens that spells the first s bytes. Which contexts there are follows
from the text and the reading alone, so a whole tree of them is known before the model is asked, and one call can
compute it: entries of the call name earlier entries as parents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel._probes import ProbeRule
from tokbench.bytelevel.canonical import CanonicalRule, Context, Mask
from tokbench.bytelevel.masses import Masses
from tokbench.bytelevel.readings import Reading, Renormalise
from tokbench.bytelevel.session import Position, Session
from tokbench.bytelevel.trie import Branch, Trie
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["CHUNK", "Core", "Grown", "Node", "Row"]

CHUNK = 256
"""Positions that one call of the model computes at most: its rows are held at once."""

_SMALL = 400  # a range up to which all its tokens are judged to find that none may follow


class Node:
    """One context.

    Attributes:
        parent: The context without its last token.
        token: Its last token, as a position in the vocabulary; -1 for the empty context.
        offset: Number of bytes that it spells.
        context: What the judge remembers of it; None under the reading ALL.
        weight: Natural logarithm of its probability; NaN until the parent's row is there.
        position: Where the model has it; None until it was run.
        row: Log-probabilities of the next token, as the model gave them; let go of once they are read.
        shift: Added to every log-probability of the row (renormalise="token"), else 0.
    """

    __slots__ = ("context", "offset", "parent", "position", "row", "shift", "token", "weight")

    def __init__(
        self, parent: Node | None, token: int, offset: int, context: Context | None, weight: float = math.nan
    ) -> None:
        self.parent = parent
        self.token = token
        self.offset = offset
        self.context = context
        self.weight = weight
        self.position: Position | None = None
        self.row: NDArray[np.floating] | None = None
        self.shift = 0.0

    @property
    def undecided(self) -> bool:
        """Whether no text was found whose encoding begins so."""
        return self.context is not None and self.context.undecided

    def tokens(self) -> tuple[int, ...]:
        """Positions in the vocabulary of its tokens."""
        found: list[int] = []
        at: Node | None = self
        while at is not None and at.token >= 0:
            found.append(at.token)
            at = at.parent
        return tuple(reversed(found))


@dataclass(slots=True)
class Grown:
    """How far a context reaches over known bytes.

    Attributes:
        node: The context.
        path: The branch of its tokens that agree with the text, after 1, 2, ... bytes.
        kids: Contexts one token longer.
        refuted: Tokens equal to all the rest of the text that may not follow (reading CANONICAL_CONTEXT).
        mask: Tokens that may not follow, from ``base`` on; None where all may.
        base: Position of the first token of ``mask``.
    """

    node: Node
    path: list[Branch] = field(default_factory=list)
    kids: list[Node] = field(default_factory=list)
    refuted: list[int] = field(default_factory=list)
    mask: Mask | None = None
    base: int = 0


@dataclass(slots=True)
class Row:
    """The row behind a context, read in full.

    Attributes:
        masses: What the text tokens may add, shape ``(N,)``.
        end: Log-probability of the end, ``-inf`` where it is inadmissible.
        other: Log-probability of everything else.
        leak: Logarithm of what was forbidden.
    """

    masses: Masses
    end: float
    other: float
    leak: float


class Core:
    """Model, vocabulary, judge and reading: everything that states and scores share.

    Args:
        session: The model at work.
        vocabulary: The byte vocabulary.
        rule: The judge; None under the reading ALL.
        reading: Which covers count.
        renormalise: What is done with the leaked mass.
        inserted: Length of the prefix that the tokenizer puts in front of every text but the empty one.

    Attributes:
        approximate: Whether contexts are only those that probes happen to show.
        masks_leaves: Whether the last token of a cover is judged too.
    """

    def __init__(
        self,
        session: Session,
        vocabulary: ByteVocabulary,
        rule: CanonicalRule | None,
        reading: Reading,
        renormalise: Renormalise,
        inserted: int = 0,
    ) -> None:
        assert (rule is None) == (reading == "all")
        self.session = session
        self.vocabulary = vocabulary
        self.rule = rule
        self.reading = reading
        self.renormalise: Renormalise = renormalise
        self.inserted = inserted
        self.trie = Trie(vocabulary)
        self.approximate = isinstance(rule, ProbeRule)
        self.masks_leaves = (
            rule is not None and (reading == "canonical" or renormalise == "token") and not self.approximate
        )
        self._longest = vocabulary.max_length
        self._start: tuple[Position, NDArray[np.floating], int] | None = None

    # ------------------------------------------------------------------ contexts

    def root(self) -> tuple[Node, int]:
        """The empty context, run, and the number of positions that it cost this time."""
        fresh = self._start is None
        if self._start is None:
            self._start = self.session.start()
        position, row, cost = self._start
        node = Node(None, -1, 0, self.rule.root() if self.rule is not None else None, 0.0)
        node.position, node.row = position, row
        return node, cost if fresh else 0

    def grow(self, node: Node, data: bytes | bytearray) -> Grown:
        """Follow a context over the bytes behind it."""
        grown = Grown(node)
        rule, context, branch, at = self.rule, node.context, self.trie.root, node.offset
        end = len(data)
        for byte in data[at : at + self._longest]:
            below = branch.child(byte)
            if below is None:
                break
            branch, at = below, at + 1
            grown.path.append(branch)
            if rule is not None and context is not None and len(grown.path) == 1:
                grown.base = branch.lo
                grown.mask = rule.dead(context, branch.lo, branch.hi)
            for token in range(branch.lo, branch.first):
                if rule is None or context is None:
                    grown.kids.append(Node(node, token, at, None))
                    continue
                after = None
                if grown.mask is None or not grown.mask[token - grown.base]:
                    after = rule.step(context, token)
                if after is not None:
                    grown.kids.append(Node(node, token, at, after))
                elif at == end and not self.masks_leaves:
                    grown.refuted.append(token)
        return grown

    def alive(self, grown: Grown, depth: int) -> bool:
        """Whether some token longer than ``depth`` may follow that agrees with the text as far as it is known.

        Up to 400 tokens are judged; of more, some may follow.
        """
        if depth == 0:
            return True
        if depth > len(grown.path):
            return False
        branch = grown.path[depth - 1]
        if not self.masks_leaves or grown.mask is None or branch.hi - branch.first > _SMALL:
            return branch.first < branch.hi
        return not bool(grown.mask[branch.first - grown.base : branch.hi - grown.base].all())

    # ------------------------------------------------------------------ rows

    def row(self, node: Node) -> Row:
        """Read the row behind a context in full, by the leaf rule and with ``renormalise="token"`` applied."""
        assert node.row is not None
        masses = Masses(self.session.text(node.row))
        end, other, leak = self.session.end(node.row), self.session.other(node.row), -math.inf
        if self.rule is not None and node.context is not None:
            if self.masks_leaves and (mask := self.rule.dead(node.context, 0, len(self.vocabulary))) is not None:
                leak = masses.forbid(mask)
            if self.reading == "canonical" and end > -math.inf and not self._complete(node):
                leak, end = float(np.logaddexp(leak, end)), -math.inf
        if self.renormalise == "token":
            total = float(np.logaddexp(masses.log_total(), np.logaddexp(end, other)))
            if total == -math.inf:  # nothing may follow: the weight of the context is lost
                return Row(masses, end, other, 0.0)
            node.shift = -total
            masses.shift(node.shift)
            return Row(masses, end + node.shift, other + node.shift, -math.inf)
        return Row(masses, end, other, leak)

    def _complete(self, node: Node) -> bool:
        """Whether a context is the whole encoding of its text. No text is encoded as the inserted prefix alone."""
        assert self.rule is not None
        assert node.context is not None
        return not (0 < node.offset == self.inserted) and self.rule.complete(node.context)

    def part(self, node: Node, grown: Grown, lo: int, hi: int) -> Masses:
        """The tokens at positions ``lo .. hi - 1``, on the path of a context, by the leaf rule."""
        assert node.row is not None
        found = self.session.part(node.row, lo, hi)
        if self.masks_leaves and grown.mask is not None:
            found[grown.mask[lo - grown.base : hi - grown.base]] = -np.inf
        masses = Masses(found)
        masses.shift(node.shift)
        return masses

    def weigh(self, node: Node, kids: Iterable[Node]) -> None:
        """Give the contexts one token longer their weights."""
        for kid in kids:
            kid.weight = node.weight + float(self.token(node, kid.token))

    def token(self, node: Node, token: int) -> float:
        """Log-probability of one token behind a context that was run."""
        assert node.row is not None
        if len(self.session.ends_text) and token in self.session.ends_text:
            return -math.inf
        return float(node.row[self.session.text_ids[token]]) + node.shift

    def settle(self, node: Node) -> None:
        """Find what ``renormalise="token"`` adds to the row of a context that was just run."""
        if self.renormalise == "token":
            self.row(node)

    def run(self, nodes: Sequence[Node], visit: Callable[[Node], None]) -> tuple[int, int]:
        """Have the model compute contexts that it has not, parents before children, and visit each in order.

        A visit may let go of the row.

        Returns:
            Number of positions computed, and of calls of the model.
        """
        positions = forwards = 0
        for start in range(0, len(nodes), CHUNK):
            chunk = nodes[start : start + CHUNK]
            fresh = [node for node in chunk if node.row is None]  # run before for a fork: its row was let go of
            if fresh:
                index = {id(node): at for at, node in enumerate(fresh)}
                parents: list[Position | int | None] = []
                for node in fresh:
                    assert node.parent is not None
                    parents.append(index.get(id(node.parent), node.parent.position))
                ids = [int(self.session.text_ids[node.token]) for node in fresh]
                found, rows = self.session.run(parents, ids)
                for node, position, row in zip(fresh, found, rows, strict=True):
                    node.position, node.row = position, row
                    self.settle(node)
                positions += len(fresh)
                forwards += 1
            for node in chunk:
                visit(node)
        return positions, forwards
