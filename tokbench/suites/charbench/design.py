"""Exact numbers of the paper's design, without a model and without a draw.

The design has one item for each word of a list and each of its positions; words of a length weigh the same, and
lengths do. What a tokenizer makes of the list, and how far the answers of a scripted responder go together with any
property, are then expectations: sums over all words, not estimates from some of them.

>>> from tokbench.suites.charbench.words import load_words
>>> design = Design(load_words("builtin:en-scowl-95"), lengths=(4,))
>>> round(design.responder("const-1", "count_char").accuracy, 4)
0.8786
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from tokbench.errors import OptionError, UnknownNameError, UnsupportedError, WordListError
from tokbench.suites.charbench._expectation import positions
from tokbench.suites.charbench._spans import bare, why_not
from tokbench.suites.charbench.scripted import TTL_CURVE, WL_CURVE
from tokbench.suites.charbench.words import WordList
from tokbench.tokenizers import Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FEATURES", "RESPONDERS", "Design", "Responder", "TokenizerStatistics"]

LENGTHS = tuple(range(4, 11))
TASKS = ("count_char", "count_unique", "find_first", "find_last")

FEATURES = ("WL", "GT", "GT/WL", "NT", "CR", "TTL")
"""Properties of an item in the paper: word length, gold answer, their ratio, tokens of the bare word (with a lone
inserted space), characters a token, characters of the token that holds the gold index."""

RESPONDERS = ("const-0", "const-1", "len", "len-1", "sibling", "ttl-only", "wl-only")
"""Scripted responders whose chance of a right answer follows from the word and the position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerStatistics:
    """What a tokenizer makes of the bare words of a list, lengths weighing the same.

    Attributes:
        tokenizer: Its spec.
        words: Words that count.
        left_out: Words that it changes before it cuts them.
        tokens_by_length: Mean number of tokens that share a byte with the word, by length of word.
        tokens: Mean over the lengths.
        tokens_raw: The same with tokens that hold nothing but an inserted space, as the paper counts.
        chars_per_token: Mean of length over tokens.
        ttl_first: Mean number of characters in the token of the first occurrence of the queried character.
        ttl_last: The same of the last occurrence.
        single_token: Share of words that are one token.
        r_length_tokens: Correlation of length and tokens over words; None where one does not vary.
        r_length_ttl: Correlation of length and ``ttl_first`` over words and positions; None likewise.
        r_tokens_ttl: Correlation of tokens and ``ttl_first``; None likewise.
    """

    tokenizer: str
    words: int
    left_out: int
    tokens_by_length: Mapping[int, float]
    tokens: float
    tokens_raw: float
    chars_per_token: float
    ttl_first: float
    ttl_last: float
    single_token: float
    r_length_tokens: float | None
    r_length_ttl: float | None
    r_tokens_ttl: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """How a scripted responder does on a task.

    Attributes:
        name: The responder.
        task: The task.
        accuracy: Expected share of right answers.
        r: Expected correlation of being right with each of :data:`FEATURES`; None where the task has no such property,
            no tokenizer was given, or one of the two does not vary.
    """

    name: str
    task: str
    accuracy: float
    r: Mapping[str, float | None]


class _Tokens(NamedTuple):
    """Tokens of the words of one length: number, with a lone inserted space, and characters by position.

    Shapes ``(words,)``, ``(words,)`` and ``(words, length)``.
    """

    inside: NDArray[np.int64]
    raw: NDArray[np.int64]
    ttl: NDArray[np.int64]


class _Block(NamedTuple):
    """All items of one length: columns of shape ``(words, length)`` or ``(words, 1)``, and the weight of an item."""

    length: int
    weight: float
    golds: Mapping[str, NDArray[np.int64]]
    tokens: _Tokens | None


def _shared(units: Sequence[str], sizes: Sequence[int]) -> list[int]:
    """For each character of a word the characters that share a byte with the token of its first byte.

    Args:
        units: The characters.
        sizes: Bytes of the word in each token.
    """
    edges = [0, *accumulate(len(unit.encode("utf-8", "surrogatepass")) for unit in units)]
    ends = list(accumulate(sizes))
    found = []
    for begin in edges[:-1]:
        at = bisect_right(ends, begin)
        start, end = ends[at] - sizes[at], ends[at]
        found.append(sum(one < end and other > start for one, other in pairwise(edges)))
    return found


class Design:
    """The items of the paper's design over a list of words, as arrays.

    Args:
        words: The list.
        tokenizer: Whose tokens; None leaves everything out that speaks of tokens.
        lengths: Lengths of words.

    Raises:
        UnsupportedError: If the tokenizer does not say where its tokens lie.
        WordListError: If the list has no word of a length.
    """

    def __init__(self, words: WordList, tokenizer: Tokenizer | None = None, lengths: Sequence[int] = LENGTHS) -> None:
        if tokenizer is not None and (reason := why_not(tokenizer)):
            raise UnsupportedError("statistics of words", tokenizer.info.spec, reason)
        self.words = words
        self.tokenizer = tokenizer
        self.lengths = tuple(lengths)
        self._left_out = 0

    def using(self, tokenizer: Tokenizer) -> Design:
        """The same design with a tokenizer; what does not depend on one is not worked out again."""
        other = Design(self.words, tokenizer, self.lengths)
        other._golds = self._golds
        return other

    @cached_property
    def _golds(self) -> Mapping[int, Mapping[str, NDArray[np.int64]]]:
        """Gold answers by length and task, of shape ``(words, length)``, for count_unique ``(words, 1)``."""
        made = {}
        for length in self.lengths:
            found = positions(self.words, length)
            made[length] = {
                "count_char": found.counts, "count_unique": found.unique[:, None], "find_first": found.first,
                "find_last": found.last,
            }  # fmt: skip
        return made

    @cached_property
    def _blocks(self) -> Sequence[_Block]:
        return list(self._made())

    def _made(self) -> Iterator[_Block]:
        import numpy as np

        for length, whole in self._golds.items():
            golds, tokens = whole, None
            if self.tokenizer is not None:
                known, tokens = self._cut(self.tokenizer, length)
                golds = {task: values[known] for task, values in whole.items()}
                self._left_out += int(np.size(known) - known.sum())
            count = len(golds["count_unique"])
            yield _Block(length, 1 / (len(self.lengths) * count * length), golds, tokens)

    def _cut(self, tokenizer: Tokenizer, length: int) -> tuple[NDArray[np.bool_], _Tokens]:
        """Which words of a length the tokenizer takes as they are, and their tokens."""
        import numpy as np

        words = self.words.of_length(length)
        plain = all(len(word.text) == length and word.text.isascii() for word in words)
        known = np.zeros(len(words), dtype=bool)
        inside, raw, ttl, sizes = [], [], [], []
        for place, found in enumerate(bare(tokenizer, (word.text for word in words))):
            if found is None:
                continue
            known[place] = True
            inside.append(len(found[0]))
            raw.append(len(found[0]) + found[1])
            sizes += found[0]
            if not plain:
                ttl += _shared(words[place].units, found[0])
        if not known.any():
            raise WordListError(self.words.source, None, f"{tokenizer.info.spec} changes every word of length {length}")
        # where a character is a byte, those of a token are as many as it has bytes
        shared = np.repeat(sizes, sizes) if plain else np.array(ttl)
        return known, _Tokens(np.array(inside), np.array(raw), shared.reshape(-1, length))

    # ------------------------------------------------------------------ columns over all items

    def _flat(self, columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """One column over all items from one for each length, shape ``(items,)``."""
        import numpy as np

        return np.concatenate(
            [
                np.broadcast_to(column, (len(block.golds["count_unique"]), block.length)).ravel()
                for block, column in zip(self._blocks, columns, strict=True)
            ]
        )

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        """Weight of each item; they sum to 1."""
        import numpy as np

        return self._flat([np.array([[block.weight]]) for block in self._blocks])

    def _mean(self, column: NDArray[np.float64]) -> float:
        return float(self._weights @ column)

    def _r(self, one: NDArray[np.float64], other: NDArray[np.float64], variance: float | None = None) -> float | None:
        """Correlation of two columns; ``variance`` is that of the first where it is a chance."""
        one, other = one - self._mean(one), other - self._mean(other)
        first = self._mean(one * one) if variance is None else variance
        second = self._mean(other * other)
        if min(first, second) < 1e-12:  # noqa: PLR2004, rounding of a sum of millions
            return None
        return float(self._mean(one * other) / (first * second) ** 0.5)

    def _ttl(self, task: str) -> NDArray[np.float64]:
        """Characters in the token of the gold index, over all items."""
        import numpy as np

        columns = []
        for block in self._blocks:
            assert block.tokens is not None, "a design with a tokenizer"
            columns.append(np.take_along_axis(block.tokens.ttl, block.golds[task], axis=1).astype(np.float64))
        return self._flat(columns)

    def _tokens(self, *, raw: bool) -> NDArray[np.float64]:
        columns = []
        for block in self._blocks:
            assert block.tokens is not None, "a design with a tokenizer"
            columns.append((block.tokens.raw if raw else block.tokens.inside)[:, None].astype(float))
        return self._flat(columns)

    @cached_property
    def _length(self) -> NDArray[np.float64]:
        import numpy as np

        return self._flat([np.array([[float(block.length)]]) for block in self._blocks])

    def _gold(self, task: str) -> NDArray[np.float64]:
        return self._flat([block.golds[task].astype(float) for block in self._blocks])

    # ------------------------------------------------------------------ results

    def statistics(self) -> TokenizerStatistics:
        """What the tokenizer makes of the words.

        Raises:
            OptionError: If the design has no tokenizer.
        """
        if self.tokenizer is None:
            raise OptionError("tokenizer", None, "a tokenizer, whose tokens are counted")
        tokens, length = self._tokens(raw=False), self._length
        first = self._ttl("find_first")
        by_length = {
            block.length: float(block.tokens.inside.mean()) for block in self._blocks if block.tokens is not None
        }
        return TokenizerStatistics(
            tokenizer=self.tokenizer.info.spec,
            words=sum(len(block.golds["count_unique"]) for block in self._blocks),
            left_out=self._left_out,
            tokens_by_length=by_length,
            tokens=self._mean(tokens),
            tokens_raw=self._mean(self._tokens(raw=True)),
            chars_per_token=self._mean(length / tokens),
            ttl_first=self._mean(first),
            ttl_last=self._mean(self._ttl("find_last")),
            single_token=self._mean((tokens == 1).astype(float)),
            r_length_tokens=self._r(length, tokens),
            r_length_ttl=self._r(length, first),
            r_tokens_ttl=self._r(tokens, first),
        )

    def _chance(self, name: str, task: str) -> NDArray[np.float64]:
        """Chance of a right answer, over all items."""
        import numpy as np

        gold, length = self._gold(task), self._length
        if name == "ttl-only":
            if self.tokenizer is None:
                raise OptionError("responder", name, "a design with a tokenizer: it errs by the length of tokens")
            if not task.startswith("find"):
                return np.ones_like(gold)
            return _logistic(TTL_CURVE, self._ttl(task))
        if name == "wl-only":
            return _logistic(WL_CURVE, length)
        if name == "sibling":
            other = {"find_first": "find_last", "find_last": "find_first"}.get(task)
            return np.zeros_like(gold) if other is None else (self._gold(other) == gold).astype(float)
        said = {"const-0": 0.0, "const-1": 1.0, "len": length, "len-1": length - 1}[name]
        right: NDArray[np.float64] = (gold == said).astype(float)
        return right

    def responder(self, name: str, task: str) -> Responder:
        """How a scripted responder does.

        With p its chance of a right answer and m the mean of p, its correlation with a property x is
        cov(p, x) / (sd(x) sqrt(m (1 - m))).

        Args:
            name: One of :data:`RESPONDERS`.
            task: A task of the paper.

        Raises:
            UnknownNameError: If there is no such responder or task.
            OptionError: If it needs a tokenizer and the design has none.
        """
        if name not in RESPONDERS:
            raise UnknownNameError("responder", name, RESPONDERS)
        if task not in TASKS:
            raise UnknownNameError("task", task, TASKS)
        right = self._chance(name, task)
        mean = self._mean(right)
        length, gold = self._length, self._gold(task)
        columns: dict[str, NDArray[np.float64] | None] = dict.fromkeys(FEATURES)
        columns |= {"WL": length, "GT": gold, "GT/WL": gold / length}
        if self.tokenizer is not None:
            tokens = self._tokens(raw=True)
            columns |= {"NT": tokens, "CR": length / tokens}
            if task.startswith("find"):
                columns["TTL"] = self._ttl(task)
        r = {
            feature: None if column is None else self._r(right, column, mean * (1 - mean))
            for feature, column in columns.items()
        }
        return Responder(name=name, task=task, accuracy=mean, r=r)


def _logistic(curve: tuple[float, float], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """:func:`~.scripted.chance` of every element."""
    import numpy as np

    return 1 / (1 + np.exp(-(curve[0] + curve[1] * size)))
