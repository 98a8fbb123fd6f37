"""Which two tokens may stand side by side inside a pre-token of byte-pair encoding.

A sequence of tokens that merging reaches is canonical exactly when each pair of neighbours is (the pair rule,
bytelevel specification 4.4). Whether a pair is can be read off the two merge trees: some part on the right edge
of the left token and some part on the left edge of the right token merge *before* either is taken up by its own
tree. "Before" compares times, not ranks: the time of a token is the largest rank in its tree, because a table may
rank a part after the whole.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tokbench.tokenizers.rules import BpeRules
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["PairTable"]

_NEVER = np.iinfo(np.int32).max
_CACHED_BYTES, _CACHED_ROWS = 4 << 20, 1 << 13  # for the answers of the left tokens that were asked for last
_BYTES = tuple(bytes([byte]) for byte in range(256))
_NO_PAIRS = np.zeros(0, np.int32)


class _Merges:
    """The merges of a rule set by the bytes of their parts.

    Attributes:
        rank: Rank of a join.
    """

    def __init__(self, rules: BpeRules) -> None:
        self._ranks: Mapping[bytes, int] | None = None
        self._listed: dict[tuple[bytes, bytes], int] = {}
        if rules.ranks is not None:
            self._ranks = rules.ranks
        for rank, pair in enumerate(rules.merges or ()):
            self._listed[pair] = rank  # of a pair that is listed twice, the last place counts (tokenizers 0.23.3)
        self.rank: Callable[[bytes, bytes], int] = self._rank_listed if self._ranks is None else self._by_join()

    def _rank_listed(self, left: bytes, right: bytes) -> int:
        return self._listed.get((left, right), _NEVER)

    def _by_join(self) -> Callable[[bytes, bytes], int]:
        get = (self._ranks or {}).get
        return lambda left, right: get(left + right, _NEVER)

    def all(self, tokens: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes, int]]:
        """Every pair of tokens that merges, with its rank."""
        if self._ranks is None:
            for (left, right), rank in self._listed.items():
                yield left, right, rank
            return
        for token, rank in self._ranks.items():
            for cut in range(1, len(token)):
                left, right = token[:cut], token[cut:]
                if left in tokens and right in tokens:  # the parts may be symbols that are no tokens
                    yield left, right, rank


def _symbols(token: bytes, rules: BpeRules) -> list[bytes]:
    if rules.symbols == "bytes":
        return [_BYTES[byte] for byte in token]
    return [character.encode() for character in token.decode("utf-8", "surrogateescape")]


def merge_tree(token: bytes, merges: _Merges, rules: BpeRules) -> tuple[bytes, bytes, int] | None:
    """The last merge that makes ``token`` of its symbols: both parts and its rank; None if merging ends elsewhere."""
    parts = _symbols(token, rules)
    rank = merges.rank
    ranks = [rank(left, right) for left, right in itertools.pairwise(parts)]
    while ranks:
        lowest = min(ranks)
        if lowest == _NEVER:
            return None
        at = ranks.index(lowest)
        if len(parts) == 2:  # noqa: PLR2004, the last merge
            return parts[0], parts[1], lowest
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
        del ranks[at]
        if at > 0:
            ranks[at - 1] = rank(parts[at - 1], parts[at])
        if at < len(ranks):
            ranks[at] = rank(parts[at], parts[at + 1])
    return None


class PairTable:
    """Validity of pairs of tokens inside one pre-token; tokens are named by position in a byte vocabulary.

    Args:
        vocabulary: The byte vocabulary.
        rules: Its merges.

    Attributes:
        symbols: Characters of tokens that are no tokens themselves, but merge all the same; they are named by the
            positions behind those of the vocabulary: ``N`` to ``M - 1``.
        member: Whether merging starts from or makes the token, bool, shape ``(M,)``.
        reachable: Whether merging the token's own symbols ends in it, bool, shape ``(M,)``.
    """

    def __init__(self, vocabulary: ByteVocabulary, rules: BpeRules) -> None:
        merges = _Merges(rules)
        position = {int(token_id): index for index, token_id in enumerate(vocabulary.ids)}
        place = {token: position[token_id] for token, token_id in rules.tokens.items() if token_id in position}
        self.symbols: tuple[bytes, ...] = ()
        if rules.symbols == "characters":
            characters = {symbol for token in rules.tokens for symbol in _symbols(token, rules)}
            self.symbols = tuple(sorted(characters - rules.tokens.keys()))
            place |= {symbol: len(vocabulary) + index for index, symbol in enumerate(self.symbols)}
        n = len(vocabulary) + len(self.symbols)
        self.member = np.zeros(n, np.bool_)
        self.member[list(place.values())] = True
        self._left = np.full(n, -1, np.int32)
        self._right = np.full(n, -1, np.int32)
        self._own = np.full(n, -1, np.int32)
        self._time = np.full(n, _NEVER, np.int32)
        self._plant(place, merges, rules)
        self.reachable = self._time != _NEVER
        self._index_merges(place, merges)
        self._index_spines()
        self._rows: OrderedDict[int, NDArray[np.int32]] = OrderedDict()
        self._row_bytes = 0

    # ------------------------------------------------------------------ building

    def _plant(self, place: Mapping[bytes, int], merges: _Merges, rules: BpeRules) -> None:
        """Merge trees and times, shorter tokens first: parts are shorter than the whole."""
        for token in sorted(place, key=len):
            index = place[token]
            if len(_symbols(token, rules)) == 1:
                self._time[index] = -1
                continue
            last = merge_tree(token, merges, rules)
            if last is None:
                continue
            left, right, rank = place.get(last[0], -1), place.get(last[1], -1), last[2]
            if left < 0 or right < 0 or _NEVER in (self._time[left], self._time[right]):
                continue
            self._left[index], self._right[index], self._own[index] = left, right, rank
            self._time[index] = max(rank, self._time[left], self._time[right])

    def _index_merges(self, place: Mapping[bytes, int], merges: _Merges) -> None:
        found = [(place[left], place[right], rank) for left, right, rank in merges.all(place)
                 if left in place and right in place]  # fmt: skip
        table = np.array(found, np.int32).reshape(-1, 3)
        table = table[np.lexsort((table[:, 1], table[:, 0]))]
        self._merge_starts = np.searchsorted(table[:, 0], np.arange(len(self.member) + 1)).astype(np.int32)
        self._merge_right, self._merge_rank = table[:, 1].copy(), table[:, 2].copy()

    def _index_spines(self) -> None:
        """For each token all trees on whose left edge it lies, and its parent there (-1: it is the tree)."""
        tree = np.flatnonzero(self.reachable).astype(np.int32)
        node, parent = tree.copy(), np.full(len(tree), -1, np.int32)
        nodes, trees, parents = [], [], []
        while len(tree):
            nodes.append(node)
            trees.append(tree)
            parents.append(parent)
            inner = self._left[node] >= 0
            tree, parent, node = tree[inner], node[inner], self._left[node[inner]]
        joined = np.concatenate(nodes) if nodes else _NO_PAIRS
        order = np.argsort(joined, kind="stable")
        joined = joined[order]
        self._spine_starts = np.searchsorted(joined, np.arange(len(self.member) + 1)).astype(np.int32)
        self._spine_tree = np.concatenate(trees)[order] if trees else _NO_PAIRS
        self._spine_parent = np.concatenate(parents)[order] if parents else _NO_PAIRS

    @property
    def nbytes(self) -> int:
        """Memory of the tables in bytes, without the cache of recent answers."""
        return sum(value.nbytes for value in vars(self).values() if isinstance(value, np.ndarray))

    # ------------------------------------------------------------------ asking

    def valid(self, left: int, right: int) -> bool:
        """Whether the two tokens may be neighbours inside a pre-token. Both have to be reachable."""
        return int(self._row(left).searchsorted(right, "right")) % 2 == 0

    def invalid(self, left: int, lo: int = 0, hi: int | None = None) -> NDArray[np.bool_]:
        """Which reachable tokens of a range may not follow ``left`` inside a pre-token; shape ``(hi - lo,)``."""
        hi = len(self.member) if hi is None else hi
        row = self._row(left)
        first, end = row.searchsorted((lo, hi), "right").tolist()
        edges = np.empty(end - first + 2, np.int32)
        edges[0], edges[1:-1], edges[-1] = lo, row[first:end], hi
        values = np.zeros(end - first + 1, np.bool_)
        values[1 - first % 2 :: 2] = True
        return np.repeat(values, np.diff(edges))

    def _row(self, left: int) -> NDArray[np.int32]:
        """Positions at which the answers for one left token change: they are alike in long runs of tokens."""
        found = self._rows.get(left)
        if found is not None:
            self._rows.move_to_end(left)
            return found
        marks = np.zeros(len(self.member) + 1, np.bool_)  # the first is no token
        part, above = left, -1
        while part >= 0:
            for trees in self._invalid_by(part, above):
                marks[trees + 1] = True
            part, above = int(self._right[part]), part
        found = self._rows[left] = np.flatnonzero(marks[1:] != marks[:-1]).astype(np.int32)
        self._row_bytes += found.nbytes
        while self._row_bytes > _CACHED_BYTES or len(self._rows) > _CACHED_ROWS:
            self._row_bytes -= self._rows.popitem(last=False)[1].nbytes
        return found

    def _invalid_by(self, part: int, above: int) -> Iterator[NDArray[np.int32]]:
        """Trees that may not follow because of a merge with ``part``, whose parent in the left token is ``above``."""
        start, end = int(self._merge_starts[part]), int(self._merge_starts[part + 1])
        if start == end:
            return
        right, rank = self._merge_right[start:end], self._merge_rank[start:end]
        time = self._time[part]
        event = np.maximum(np.maximum(rank, time), self._time[right])
        if above >= 0:
            limit, own = self._time[above], self._own[above]
            first = event < limit
            if time == limit:  # a tie of running maxima: the merges' own ranks decide
                first |= (event == time) & (self._time[right] < event) & (rank < own)
            right, rank, event = right[first], rank[first], event[first]
        if not len(right):
            return
        starts, ends = self._spine_starts[right], self._spine_starts[right + 1]
        counts = ends - starts
        entry = np.repeat(starts - np.concatenate(([0], np.cumsum(counts)[:-1])), counts) + np.arange(counts.sum())
        tree, parent = self._spine_tree[entry], self._spine_parent[entry]
        node, rank, event = np.repeat(right, counts), np.repeat(rank, counts), np.repeat(event, counts)
        limit = np.where(parent >= 0, self._time[parent], _NEVER)
        sibling = np.where(parent >= 0, self._time[self._right[parent]], _NEVER)
        tied = (event == self._time[node]) & (event == limit) & (event > sibling)
        yield tree[np.where(tied, rank <= self._own[parent], event <= limit)]
