"""The segmentations of a text, drawn with rich: how many, the shortest, some drawn at random, canonical contexts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tokbench._terminal.segmentation import shown
from tokbench.errors import LossyTextError
from tokbench.tokenizers import Tokenizer

__all__ = ["LatticeRequest", "LatticeView", "decimal"]

_Ids: TypeAlias = tuple[int, ...]

_CHUNK = 4000  # digits: Python refuses to write an integer of more than 4300
_READABLE = 40  # digits that a person reads
_LOG2_10 = math.log2(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatticeRequest:
    """What of the segmentations is wanted.

    Attributes:
        count: Their number.
        kbest: So many with the fewest tokens.
        sample: So many uniform draws.
        seed: Seed of the draws.
        within: Whether no token may cross from one pre-token to the next.
        contexts: The canonical contexts at each byte.
    """

    count: bool = False
    kbest: int = 0
    sample: int = 0
    seed: int = 0
    within: bool = False
    contexts: bool = False

    def __bool__(self) -> bool:
        return bool(self.count or self.kbest or self.sample or self.within or self.contexts)


@dataclass(frozen=True, slots=True)
class _Context:
    ids: _Ids
    undecided: bool


def decimal(number: int) -> str:
    """All digits of a number of any size, not negative."""
    chunks: list[str] = []
    while number >= 10**_CHUNK:
        number, rest = divmod(number, 10**_CHUNK)
        chunks.append(f"{rest:0{_CHUNK}d}")
    return "".join([str(number), *reversed(chunks)])


def _readable(number: int) -> str:
    """The digits of a number, or its size where there are too many to read."""
    if number < 10**_READABLE:
        return f"{number:,}"
    return f"about 10^{(number.bit_length() - 1) / _LOG2_10:.1f}"


class LatticeView:
    """The segmentations of one text under one tokenizer.

    Args:
        tokenizer: The tokenizer.
        text: The text.
        request: What is wanted.

    Raises:
        UnsupportedError: If pre-tokens are wanted and the backend has none, or it keeps no bytes (WordPiece).
        UnsupportedReadingError: If canonical contexts are wanted and no rule is known.
    """

    def __init__(self, tokenizer: Tokenizer, text: str, request: LatticeRequest) -> None:
        from tokbench.bytelevel import Lattice

        self._tokenizer = tokenizer
        self._request = request
        free = Lattice.of(tokenizer, text)
        self._lattice = Lattice.of(tokenizer, text, within="pretokens") if request.within else free
        self._free = free.count()
        self._count = self._lattice.count()
        try:
            self._canonical: _Ids | None = free.canonical
        except LossyTextError:  # an unknown token, for example: other segmentations may exist all the same
            self._canonical = None
        self._kbest = [ids for ids, _ in self._lattice.kbest(lambda _: -1.0, request.kbest)]
        self._draws = [self._lattice.uniform(request.seed, index) for index in range(request.sample)]
        self._contexts: list[list[_Context]] = []
        if request.contexts:
            from tokbench.bytelevel.canonical import canonical_rule
            from tokbench.bytelevel.contexts import known_contexts

            vocabulary = tokenizer.byte_vocabulary()
            self._contexts = [
                [
                    _Context(tuple(int(vocabulary.ids[at]) for at in known.positions), known.context.undecided)
                    for known in contexts
                ]
                for contexts in known_contexts(canonical_rule(tokenizer), vocabulary, free.data)
            ]

    # ------------------------------------------------------------------ for machines

    def as_json(self) -> dict[str, object]:
        """What was asked for. Counts are decimal strings: they are exact, and larger than most readers' numbers."""
        request = self._request
        found: dict[str, object] = {
            "bytes": self._lattice.data.hex(),
            "within": "pretokens" if request.within else None,
            "canonical": None if self._canonical is None else list(self._canonical),
        }
        if request.count:
            found["count"] = decimal(self._count)
            if request.within:
                found["count_free"] = decimal(self._free)
        if request.kbest:
            found["kbest"] = [self._row(ids) for ids in self._kbest]
        if request.sample:
            found["sample"] = [self._row(ids) for ids in self._draws]
            found["seed"] = request.seed
        if request.contexts:
            found["canonical_contexts"] = [
                [{"ids": list(context.ids), "undecided": context.undecided} for context in contexts]
                for contexts in self._contexts
            ]
        return found

    def _row(self, ids: _Ids) -> dict[str, object]:
        return {"ids": list(ids), "rank": decimal(self._lattice.rank(ids)), "canonical": self._same(ids)}

    def _same(self, ids: _Ids) -> bool:
        """Whether these are the canonical cuts: the lowest id stands for all of equal bytes."""
        if self._canonical is None:
            return False
        return [*map(self._tokenizer.token_bytes, ids)] == [*map(self._tokenizer.token_bytes, self._canonical)]

    # ------------------------------------------------------------------ for people

    def render(self) -> RenderableType:
        """What was asked for, one block each."""
        request = self._request
        parts: list[RenderableType] = []
        if request.count or not (request.kbest or request.sample or request.contexts):
            parts.append(self._counts())
        if request.kbest:
            parts.append(self._table("fewest tokens first", self._kbest))
        if request.sample:
            parts.append(self._table(f"drawn uniformly, seed {request.seed}", self._draws))
        if request.contexts:
            parts.append(self._context_table())
        return Group(*parts, "")

    def _counts(self) -> Text:
        size = len(self._lattice.data)
        line = Text(f"{_readable(self._free)} segmentation{'' if self._free == 1 else 's'}")
        if self._free > 1:
            bits = math.log2(self._free)
            line.append(f", {bits:.2f} bits, {bits / size:.3f} bits/byte", style="dim")
        if self._request.within:
            line.append(f"; {_readable(self._count)} within pre-tokens")
        return line

    def _tokens(self, ids: Sequence[int]) -> Text:
        return Text("│".join(shown(self._tokenizer.token_bytes(token)) for token in ids), overflow="fold")

    def _table(self, title: str, rows: Sequence[_Ids]) -> RenderableType:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column("#", justify="right", style="dim")
        table.add_column("tokens", justify="right")
        table.add_column(f"{title} (* canonical)", overflow="fold")
        table.add_column("ids", style="cyan", overflow="fold")
        for number, ids in enumerate(rows):
            cells = self._tokens(ids)
            if self._same(ids):
                cells.append(" *", style="bold green")
            table.add_row(str(number), str(len(ids)), cells, " ".join(map(str, ids)))
        return table

    def _context_table(self) -> RenderableType:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column("byte", justify="right", style="dim")
        table.add_column("canonical contexts (? undecided)", overflow="fold")
        table.add_column("ids", style="cyan", overflow="fold")
        for offset, contexts in enumerate(self._contexts):
            for number, context in enumerate(contexts):
                cells = self._tokens(context.ids) if context.ids else Text("(empty)", style="dim")
                if context.undecided:
                    cells.append(" ?", style="bold yellow")
                table.add_row("" if number else str(offset), cells, " ".join(map(str, context.ids)))
            if not contexts:
                table.add_row(str(offset), Text("none", style="dim"), "")
        return table
