"""Planted bugs for the laws of canonical contexts and of pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from toy_encoders import ToyBpe, bytes_by_id

from tokbench.bytelevel import _byte_bpe
from tokbench.bytelevel.canonical import CanonicalRule, Context, Mask, rule_for
from tokbench.bytelevel.pairs import PairTable


@dataclass(frozen=True, slots=True, eq=False)
class _Ids(Context):
    ids: tuple[int, ...] = field(default=())


class StrictRule(CanonicalRule):
    """Admits a sequence only if it is the encoding of its own text: wrong wherever a pattern looks ahead."""

    def __init__(self, toy: ToyBpe) -> None:
        self._toy = toy
        self._bytes_of = bytes_by_id(toy.vocabulary)

    def root(self) -> Context:
        return _Ids()

    def step(self, context: Context, token: int) -> Context | None:
        assert isinstance(context, _Ids)
        ids = (*context.ids, int(self._toy.vocabulary.ids[token]))
        try:
            text = b"".join(self._bytes_of[token_id] for token_id in ids).decode()
        except UnicodeDecodeError:
            return _Ids(ids=ids)
        return _Ids(ids=ids) if tuple(self._toy.encode(text)) == ids else None

    def dead(self, context: Context, lo: int, hi: int) -> Mask | None:
        return np.array([self.step(context, index) is None for index in range(lo, hi)], np.bool_)

    def complete(self, context: Context) -> bool:
        return True


class LaxRule(CanonicalRule):
    """Forgets boundaries: asks of neighbours only that they could stand in one pre-token, or anywhere."""

    def __init__(self, toy: ToyBpe) -> None:
        self._n = len(toy.vocabulary)

    def root(self) -> Context:
        return Context()

    def step(self, context: Context, token: int) -> Context | None:
        return Context()

    def dead(self, context: Context, lo: int, hi: int) -> Mask | None:
        return None

    def complete(self, context: Context) -> bool:
        return True


class NoTieClause(PairTable):
    """Compares times only; where a part and its whole have one time, it is wrong."""

    def _event(self, part: int, node: int, rank: int) -> int:
        return max(rank, int(self._time[part]), int(self._time[node]))

    def _limits(self, nodes: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.where(nodes >= 0, self._time[nodes], np.iinfo(np.int32).max).astype(np.int32)

    def _invalid_by(self, part: int, above: int) -> Iterator[NDArray[np.int32]]:
        start, end = int(self._merge_starts[part]), int(self._merge_starts[part + 1])
        limit = int(self._limits(np.array([above], np.int32))[0])
        for node, rank in zip(self._merge_right[start:end].tolist(), self._merge_rank[start:end].tolist(), strict=True):
            event = self._event(part, node, rank)
            if event < limit:
                spine = slice(int(self._spine_starts[node]), int(self._spine_starts[node + 1]))
                yield self._spine_tree[spine][event <= self._limits(self._spine_parent[spine])]


class PlainRanks(NoTieClause):
    """Compares the ranks of last merges instead of times: wrong where a part ranks after its whole."""

    def _event(self, part: int, node: int, rank: int) -> int:
        return rank

    def _limits(self, nodes: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.where(nodes >= 0, self._own[nodes], np.iinfo(np.int32).max).astype(np.int32)


def _rule_with(table: type[PairTable]) -> Callable[[ToyBpe], CanonicalRule]:
    def make(toy: ToyBpe) -> CanonicalRule:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_byte_bpe, "PairTable", table)
            return rule_for(toy.rules, toy.vocabulary)

    return make


Law = Literal["contexts", "closure", "pairs"]


@dataclass(frozen=True, slots=True)
class CanonicalMutant:
    """A planted bug.

    Attributes:
        laws: The laws that have to catch it.
        why: What it does wrong.
        rule: Makes the judge of a vocabulary.
        table: The pair table, where the bug is in it.
    """

    laws: tuple[Law, ...]
    why: str
    rule: Callable[[ToyBpe], CanonicalRule]
    table: type[PairTable] | None = None


MUTANTS: Mapping[str, CanonicalMutant] = MappingProxyType(
    {
        "strict-canonicity": CanonicalMutant(
            ("contexts", "closure"),
            "a sequence must encode its own text, so look-ahead deletes live contexts",
            StrictRule,
        ),
        "nothing-refuted": CanonicalMutant(("contexts",), "every sequence is admitted", LaxRule),
        "no-tie-clause": CanonicalMutant(
            ("pairs",), "equal times are not told apart", _rule_with(NoTieClause), NoTieClause
        ),
        "plain-ranks": CanonicalMutant(
            ("pairs", "contexts"), "ranks of last merges are compared, not times", _rule_with(PlainRanks), PlainRanks
        ),
    }
)
