"""Exact gold answers of the paper's design over a list: every word of a length, every position, equally often.

One length is an array of characters, words down and positions across; comparing it with itself gives, for each
position, how often its character occurs in the word and where first and last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from tokbench.errors import WordListError
from tokbench.suites.charbench.words import WordList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Expectation", "Positions", "Table", "exact_tables", "expectation", "positions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How often each gold answer is right, in any unit of weight.

    Attributes:
        n: Items, or words behind the expectation.
        exact: Whether it is an expectation.
        by_length: Weight of each answer by length.
        by_letter: Weight of each answer by queried character; empty where none is queried.
        heuristics: For each trivial answer what it says (``""`` where it depends on the item) and its weight.
    """

    n: int
    exact: bool
    by_length: Mapping[int, Mapping[str, float]]
    by_letter: Mapping[str, Mapping[str, float]]
    heuristics: Mapping[str, tuple[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Words of one length in the paper's design, the queried character uniform over positions.

    Attributes:
        n: Words.
        golds: For each task of the paper the probability of each gold answer.
        letters: For each task that queries a character the probability of (character, gold answer).
        siblings: Probability that the first occurrence is the last one.
    """

    n: int
    golds: Mapping[str, Mapping[int, float]]
    letters: Mapping[str, Mapping[tuple[str, int], float]]
    siblings: float

    def mean(self, task: str) -> float:
        """Expected gold answer of a task."""
        return sum(gold * share for gold, share in self.golds[task].items())


def _codes(words: WordList, length: int) -> tuple[NDArray[np.int64], list[str]]:
    """Words of a length as numbers of characters, shape ``(words, length)``, and the characters."""
    import numpy as np

    alphabet = [unit for unit, _ in words.alphabet(length)]
    number = {unit: index for index, unit in enumerate(alphabet)}
    flat = [number[unit] for word in words.of_length(length) for unit in word.units]
    return np.array(flat, dtype=np.int64).reshape(-1, length), alphabet


class Positions(NamedTuple):
    """Gold answers of all words of one length, the queried character at each position.

    Attributes:
        codes: Characters as numbers, shape ``(words, length)`` like all but ``unique``.
        alphabet: The character of each number.
        counts: How often the character of a position occurs in the word.
        first: Index of its first occurrence.
        last: Index of its last occurrence.
        unique: Number of different characters, shape ``(words,)``.
    """

    codes: NDArray[np.int64]
    alphabet: Sequence[str]
    counts: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    unique: NDArray[np.int64]


def positions(words: WordList, length: int) -> Positions:
    """The gold answers of every word of a length and every position.

    Raises:
        WordListError: If the list has no word of the length.
    """
    import numpy as np

    codes, alphabet = _codes(words, length)
    if not len(codes):
        raise WordListError(words.source, None, f"has no word of length {length}")
    same = codes[:, :, None] == codes[:, None, :]
    count = same.sum(axis=2)
    # a character that occurs k times is counted k times, each time for 1/k
    unique = np.rint((1 / count).sum(axis=1)).astype(np.int64)
    last = length - 1 - same[:, :, ::-1].argmax(axis=2)
    return Positions(codes, alphabet, count, same.argmax(axis=2), last, unique)


def _expectation(words: WordList, length: int) -> Expectation:
    import numpy as np

    codes, alphabet, count, first, last, unique = positions(words, length)

    def shares(golds: NDArray[np.int64]) -> dict[int, float]:
        found = np.bincount(golds.ravel(), minlength=length + 1)
        return {gold: int(k) / golds.size for gold, k in enumerate(found) if k}

    def joint(golds: NDArray[np.int64]) -> dict[tuple[str, int], float]:
        width = length + 1
        found = np.bincount((codes * width + golds).ravel())
        return {(alphabet[at // width], int(at % width)): int(found[at]) / codes.size for at in np.flatnonzero(found)}

    queried = {"count_char": count, "find_first": first, "find_last": last}
    return Expectation(
        n=len(codes),
        golds={**{task: shares(golds) for task, golds in queried.items()}, "count_unique": shares(unique)},
        letters={task: joint(golds) for task, golds in queried.items()},
        siblings=float((first == last).mean()),
    )


_FOUND: WeakKeyDictionary[WordList, dict[int, Expectation]] = WeakKeyDictionary()


def expectation(words: WordList, length: int) -> Expectation:
    """The gold answers of one length; worked out once for a list.

    Raises:
        WordListError: If the list has no word of the length.
    """
    known = _FOUND.setdefault(words, {})
    if length not in known:
        known[length] = _expectation(words, length)
    return known[length]


def exact_tables(words: WordList, weights: Mapping[int, float]) -> Mapping[str, Table]:
    """The tables of the four tasks of the paper.

    Args:
        words: The list.
        weights: Weight of each length.

    Raises:
        WordListError: If the list has no word of a length.
    """
    by_length = {length: expectation(words, length) for length in sorted(weights)}
    n = sum(found.n for found in by_length.values())
    tables = {}
    for task in ("count_char", "count_unique", "find_first", "find_last"):
        letters: dict[str, dict[str, float]] = {}
        for length, found in by_length.items():
            for (letter, gold), share in found.letters.get(task, {}).items():
                row = letters.setdefault(letter, {})
                row[str(gold)] = row.get(str(gold), 0.0) + share * weights[length]
        said = {"0": ("0", 0, 0), "1": ("1", 0, 1), "len-1": ("", 1, -1), "len": ("", 1, 0)}
        heuristics = {
            name: (
                text,
                sum(
                    found.golds[task].get(slope * length + offset, 0.0) * weights[length]
                    for length, found in by_length.items()
                ),
            )
            for name, (text, slope, offset) in said.items()
        }
        if task.startswith("find"):
            right = sum(found.siblings * weights[length] for length, found in by_length.items())
            heuristics["sibling"] = ("", right)
        tables[task] = Table(
            n=n, exact=True,
            by_length={
                length: {str(gold): share * weights[length] for gold, share in found.golds[task].items()}
                for length, found in by_length.items()
            },
            by_letter=dict(sorted(letters.items())),
            heuristics=heuristics,
        )  # fmt: skip
    return tables
