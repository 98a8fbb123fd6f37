"""Planted bugs for the laws of byte-pair encoding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from toys import MERGES, Mutant, ToyTokenizer, merge_bytes

_RIVALS = tuple(token for token in MERGES if token not in {b"the", b" the"})
"""Without these tokens the order of ``th`` and ``he`` shows: ``the`` is ``th e`` or ``t he``."""

_GREEDY = tuple(
    group.translate(bytes.maketrans(b"abcdef", letters))
    for letters in (b"abcdef", b"ghijkl", b"mnopqr", b"stuvwx", b"ABCDEF", b"GHIJKL", b"MNOPQR", b"STUVWX")
    for group in (b"ab", b"cd", b"ef", b"cdef", b"abcdef", b"abc", b"de")
)
"""Eight alphabets of one vocabulary in which ``abc de f`` has only pairs that longest match confirms."""

_UNREACHABLE = (b"xyz", b"qqq", b"\xe1\xbb\xada")
"""Tokens that no two tokens join to: they are found only as whole pre-tokens."""


def _stages(data: bytes, ranks: Mapping[bytes, int]) -> Iterator[list[int]]:
    """Ids before the first merge and after each."""
    parts = [bytes([value]) for value in data]
    while True:
        yield [ranks[part] for part in parts]
        joins = [(ranks[left + right], at) for at, (left, right) in enumerate(pairwise(parts)) if left + right in ranks]
        if not joins:
            return
        at = min(joins)[1]
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


class RanksSwapped(ToyTokenizer):
    """Merges ``he`` before ``th``; the ids of the two are right, so every text still survives."""

    def __init__(self) -> None:
        super().__init__(name="ranks-swapped", merges=_RIVALS)

    def _merge(self, data: bytes) -> list[int]:
        first, second = self.ranks[b"th"], self.ranks[b"he"]
        assert second == first + 1
        swap = {first: second, second: first}
        found = merge_bytes(data, {token: swap.get(rank, rank) for token, rank in self.ranks.items()})
        return [swap.get(token_id, token_id) for token_id in found]


class LongestMatch(ToyTokenizer):
    """Takes the longest token from the left instead of merging by rank."""

    def __init__(self) -> None:
        super().__init__(name="longest-match", merges=_GREEDY)

    def _merge(self, data: bytes) -> list[int]:
        ids = []
        while data:
            length = next(length for length in range(len(data), 0, -1) if data[:length] in self.ranks)
            ids.append(self.ranks[data[:length]])
            data = data[length:]
        return ids


class LastMergeSkipped(ToyTokenizer):
    """Stops one merge too early in a pre-token that needs more than one."""

    def _merge(self, data: bytes) -> list[int]:
        stages = list(_stages(data, self.ranks))
        return stages[-2] if len(stages) > 2 else stages[-1]


class MergesRunOut(ToyTokenizer):
    """Has a budget of five merges for each pre-token."""

    def _merge(self, data: bytes) -> list[int]:
        return list(_stages(data, self.ranks))[:6][-1]


class FixedBlocks(ToyTokenizer):
    """Cuts long pre-tokens into blocks of four bytes and merges each alone."""

    def _merge(self, data: bytes) -> list[int]:
        return [token for start in range(0, len(data), 4) for token in merge_bytes(data[start : start + 4], self.ranks)]


class LookupIgnored(ToyTokenizer):
    """Its vocabulary asks for whole pre-tokens to be looked up; it only merges."""

    def __init__(self) -> None:
        super().__init__(name="lookup-ignored", merges=(*MERGES, *_UNREACHABLE))
        self.info = replace(self.info, family="tiktoken")


class LookupDone(LookupIgnored):
    """The healthy twin of :class:`LookupIgnored`."""

    def _merge(self, data: bytes) -> list[int]:
        return [self.ranks[data]] if data in self.ranks else super()._merge(data)


MUTANTS: dict[str, Mutant] = {
    "ranks-swapped": Mutant("bpe-reference", RanksSwapped, "two adjacent ranks are swapped"),
    "longest-match": Mutant("bpe-canonical", LongestMatch, "greedy longest match instead of ranks"),
    "last-merge-skipped": Mutant("bpe-reference", LastMergeSkipped, "the last merge is skipped"),
    "merges-run-out": Mutant("bpe-slice", MergesRunOut, "merging stops after five merges"),
    "fixed-blocks": Mutant("bpe-overlap", FixedBlocks, "pre-tokens are merged in blocks of fixed length"),
    "lookup-ignored": Mutant("ignore-merges", LookupIgnored, "whole pre-tokens are not looked up"),
}
