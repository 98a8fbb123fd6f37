"""BPE-dropout (arXiv 1910.13267): byte-pair encoding in which each merge is left out with some probability."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from tokbench.bytelevel._draws import Draws
from tokbench.bytelevel._edges import Span
from tokbench.errors import UncoverableTextError, UnsupportedError
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.rules import BpeRules

__all__ = ["Merger", "merger"]


class Merger:
    """The merge loop of a set of rules.

    Args:
        rules: What merges.
        spec: Name of the tokenizer in errors.
    """

    def __init__(self, rules: BpeRules, spec: str) -> None:
        self.rules = rules
        self._spec = spec
        self._ranks = rules.ranks
        self._listed: dict[tuple[bytes, bytes], int] = {}
        for rank, pair in enumerate(rules.merges or ()):
            self._listed.setdefault(pair, rank)

    def _rank(self, left: bytes, right: bytes) -> int | None:
        return self._listed.get((left, right)) if self._ranks is None else self._ranks.get(left + right)

    def _symbols(self, data: bytes) -> list[bytes]:
        if self.rules.symbols == "bytes":
            return [data[at : at + 1] for at in range(len(data))]
        return [char.encode("utf-8", "surrogateescape") for char in data.decode("utf-8", "surrogateescape")]

    def merge(self, data: bytes, p: float, draws: Draws) -> list[bytes]:
        """The parts that are left of ``data``.

        At each step the possible merges are gone through, lowest rank and leftmost first, each passed over with
        probability ``p``; the first that is not is done, and those passed over are possible again.
        """
        parts: list[bytes] = self._symbols(data)
        follows = list(range(1, len(parts) + 1))
        before = list(range(-1, len(parts) - 1))
        heap: list[tuple[int, int, bytes, bytes]] = []

        def consider(at: int) -> None:
            behind = follows[at]
            if behind < len(parts) and (rank := self._rank(parts[at], parts[behind])) is not None:
                heapq.heappush(heap, (rank, at, parts[at], parts[behind]))

        for at in range(len(parts)):
            consider(at)
        passed: list[tuple[int, int, bytes, bytes]] = []
        while heap:
            merge = heapq.heappop(heap)
            _, at, left, right = merge
            behind = follows[at]
            if parts[at] != left or behind == len(parts) or parts[behind] != right:
                continue  # one of the two was merged with another
            if p and draws.fraction() < p:
                passed.append(merge)
                continue
            parts[at], parts[behind] = left + right, b""
            follows[at] = follows[behind]
            if follows[at] < len(parts):
                before[follows[at]] = at
            consider(at)
            if before[at] >= 0:
                consider(before[at])
            for again in passed:
                heapq.heappush(heap, again)
            passed.clear()
        return [part for part in parts if part]

    def encode(self, data: bytes, spans: Iterable[Span], p: float, draws: Draws) -> tuple[int, ...]:
        """Ids of the pre-tokens of ``data``.

        Raises:
            UncoverableTextError: If a part is no token and has no byte fallback.
        """
        tokens: Mapping[bytes, int] = self.rules.tokens
        ids: list[int] = []
        for start, end in spans:
            piece = data[start:end]
            # a token that merging makes comes out of the merges; only one that it does not make is one look-up
            whole = self.rules.whole_first and piece in tokens and len(self.merge(piece, 0, draws)) > 1
            parts = [piece] if whole and not draws.fraction() < p else self.merge(piece, p, draws)
            at = start
            for part in parts:
                if part in tokens:
                    ids.append(tokens[part])
                else:
                    for offset, byte in enumerate(part, at):
                        if byte not in self.rules.fallback:
                            raise UncoverableTextError(offset, byte, self._spec)
                        ids.append(self.rules.fallback[byte])
                at += len(part)
        return tuple(ids)


_MERGERS: dict[str, Merger] = {}


def merger(tokenizer: Tokenizer) -> Merger:
    """The merge loop of a tokenizer; made once for each fingerprint.

    Raises:
        UnsupportedError: If it does not encode by merges, or does not say how it encodes.
    """
    key = tokenizer.info.fingerprint
    found = _MERGERS.get(key)
    if found is None:
        rules = tokenizer.rules()
        if not isinstance(rules, BpeRules):
            raise UnsupportedError("dropout", tokenizer.info.spec, "only byte-pair encoding has merges to leave out")
        found = _MERGERS[key] = Merger(rules, tokenizer.info.spec)
    return found
