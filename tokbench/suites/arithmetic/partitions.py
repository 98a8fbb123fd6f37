"""Into which pieces numbers are cut, and into how many ways they could be (arithmetic specification, 4.9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tokbench.errors import UnsupportedError
from tokbench.suites.arithmetic.cuts import cuts, token_spans
from tokbench.suites.arithmetic.policy import numbers
from tokbench.tokenizers import Tokenizer

__all__ = ["EXHAUSTIVE", "Instability", "Partitions", "instability", "partitions", "segmentations"]

EXHAUSTIVE = 4
"""Digits up to which every string of digits is tried."""

Partition = tuple[int, ...]
"""Lengths of the tokens of a text in bytes, from left to right."""


@dataclass(frozen=True, slots=True)
class Partitions:
    """How strings of digits of one length are cut.

    Attributes:
        length: Digits.
        spaced: Whether a space stands in front of the string.
        counts: Strings by partition, most frequent first. Lengths count bytes, the space included.
        exhaustive: Whether these are all strings of the length; else they are a sample.
        undefined: Strings whose tokens cannot be laid on the text.
    """

    length: int
    spaced: bool
    counts: tuple[tuple[Partition, int], ...]
    exhaustive: bool
    undefined: int = 0

    @property
    def total(self) -> int:
        """Strings that have a partition."""
        return sum(count for _, count in self.counts)


def partitions(tokenizer: Tokenizer, length: int, *, spaced: bool, count: int = 1000, seed: int = 0) -> Partitions:
    """Partitions of all strings of up to four digits (leading zeros too), or of a sample of longer ones.

    Args:
        tokenizer: The tokenizer.
        length: Digits.
        spaced: Whether a space stands in front.
        count: Size of a sample.
        seed: Seed of a sample.
    """
    exhaustive = length <= EXHAUSTIVE
    strings: Iterable[str] = (
        (f"{value:0{length}d}" for value in range(10**length))
        if exhaustive
        else numbers(length, count, seed, purpose="partition", zeros=True)
    )
    counter: Counter[Partition] = Counter()
    undefined = 0
    front = " " if spaced else ""
    for string in strings:
        text = front + string
        found = token_spans(tokenizer, text)
        # a token without bytes in the text (an inserted prefix) is left out
        partition = () if isinstance(found, str) or found[1] else tuple(end - start for start, end in found[0]
                                                                        if end > start)  # fmt: skip
        if sum(partition) in {len(text), length}:  # a tokenizer may drop the space
            counter[partition] += 1
        else:
            undefined += 1
    return Partitions(length, spaced, tuple(counter.most_common()), exhaustive, undefined)


@dataclass(frozen=True, slots=True)
class Instability:
    """What one more digit in front of numbers of one length does to their cuts.

    Attributes:
        length: Digits of the numbers.
        numbers: For each number that has cuts with some digit: digits that change cuts inside it, and digits tried.
        undefined: Pairs of a number and a digit without cuts to speak of, or fused.
    """

    length: int
    numbers: tuple[tuple[int, int], ...]
    undefined: int

    @property
    def k(self) -> int:
        """Pairs of a number and a digit whose cuts inside the number change."""
        return sum(changed for changed, _ in self.numbers)

    @property
    def n(self) -> int:
        """Pairs of a number and a digit."""
        return sum(tried for _, tried in self.numbers)


def instability(tokenizer: Tokenizer, length: int, *, count: int = 20, seed: int = 0) -> Instability:
    """Which of the digits 1 to 9, put in front of numbers, change the cuts inside them.

    Args:
        tokenizer: The tokenizer.
        length: Digits of the numbers.
        count: How many numbers.
        seed: Seed of the numbers.
    """
    found: list[tuple[int, int]] = []
    undefined = 0
    for number in numbers(length, count, seed, purpose="instability"):
        before = cuts(tokenizer, number)
        changed = tried = 0
        for digit in "123456789":
            after = cuts(tokenizer, digit + number)
            if before.clean and after.clean:
                tried += 1
                changed += before.positions != after.positions - {length}
        undefined += 9 - tried
        if tried:
            found.append((changed, tried))
    return Instability(length, tuple(found), undefined)


def segmentations(tokenizer: Tokenizer, digits: str) -> int:
    """Number of ways to spell digits with tokens of the vocabulary, inside a text; tokens of equal bytes count once.

    Raises:
        UnsupportedError: If the vocabulary does not say which bytes its tokens join to (WordPiece).
    """
    if not tokenizer.info.capability.preimage:
        raise UnsupportedError("segmentations", tokenizer.info.spec, "its tokens do not say which bytes they join to")
    from tokbench.bytelevel.lattice import Lattice

    return Lattice(tokenizer.byte_vocabulary(), digits).count()
