"""What text costs in tokens: counts by line, and the formulas over them.

Everything is counted in context: a line is encoded as it stands, and the byte spans of its tokens say which words and
characters each token touches. Micro means the sum of the numerators over the sum of the denominators, macro the mean of
the ratios of the lines.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from tokbench.errors import MetricInputError, UnsupportedError
from tokbench.stats import ratio_interval
from tokbench.suites.exactness.segmenters import Segmenter, segmenter
from tokbench.suites.exactness.texts import Text
from tokbench.tokenizers.protocol import Tokenizer

__all__ = [
    "Estimate",
    "LineCounts",
    "Measured",
    "aligned",
    "count_line",
    "frequencies",
    "gini",
    "macro",
    "measure",
    "micro",
    "renyi_entropy",
    "utilisation",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCounts:
    """Counts of one line.

    Attributes:
        tokens: Ids of its encoding.
        bytes: Bytes of its UTF-8.
        characters: Code points.
        partial_tokens: Tokens whose bytes are not valid UTF-8 alone.
        split_characters: Characters whose bytes lie in more than one token; None without spans.
        words: Words, None without a segmenter.
        word_tokens: Tokens that overlap at least one byte of a word; None without spans or segmenter.
        single_words: Words that exactly one token overlaps; None likewise.
    """

    tokens: int
    bytes: int
    characters: int
    partial_tokens: int
    split_characters: int | None
    words: int | None
    word_tokens: int | None
    single_words: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts of a text under a tokenizer.

    Attributes:
        text: The text.
        lines: Counts of each line; an empty line has zeros.
        ids: The ids of all lines, joined.
        no_spans: Why there are no spans, or ``""``.
    """

    text: Text
    lines: tuple[LineCounts, ...]
    ids: tuple[int, ...]
    no_spans: str = ""

    @property
    def tokens(self) -> int:
        """Tokens of all lines."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; ``lo`` and ``hi`` are None where there is no spread to see.

    Attributes:
        value: The value.
        lo: Lower end.
        hi: Upper end.
        k: Numerator (micro) or None (macro).
        n: Denominator (micro) or number of lines (macro).
    """

    value: float
    lo: float | None
    hi: float | None
    k: float | None
    n: int


# ---------------------------------------------------------------------- counting


def _owners(size: int, spans: Iterable[tuple[int, int]]) -> list[int]:
    owners = [-1] * size
    for number, (start, end) in enumerate(spans):
        owners[start:end] = [number] * (end - start)
    return owners


def _offsets(text: str) -> list[int]:
    offsets = [0]
    for character in text:
        offsets.append(offsets[-1] + len(character.encode()))
    return offsets


def _touched(owners: Sequence[int], spans: Iterable[tuple[int, int]], count: int) -> tuple[list[int], int]:
    """Tokens that overlap each of ``count`` units, and tokens that overlap any."""
    overlaps, touching = [0] * count, 0
    for start, end in spans:
        units = {*owners[start:end]} - {-1}
        touching += bool(units)
        for unit in units:
            overlaps[unit] += 1
    return overlaps, touching


def _is_partial(tokenizer: Tokenizer, token_id: int, known: dict[int, bool]) -> bool:
    if token_id not in known:
        data = tokenizer.join_bytes([token_id])
        try:
            data.decode()
        except UnicodeDecodeError:
            known[token_id] = True
        else:
            known[token_id] = False
    return known[token_id]


def count_line(
    tokenizer: Tokenizer,
    text: str,
    words: Segmenter | None = None,
    *,
    source: str = "text",
    line: int = 1,
    known_partial: dict[int, bool] | None = None,
) -> tuple[LineCounts, list[int]]:
    """Counts of one line, and its ids.

    Args:
        tokenizer: The tokenizer.
        text: The line.
        words: Segmenter, or None to count no words.
        source: File that the line is from, for messages.
        line: Its number from 1, for messages.
        known_partial: Memory between calls.

    Raises:
        MetricInputError: If the line holds a script that the segmenter cannot segment.
    """
    ids = tokenizer.encode(text)
    spans: list[tuple[int, int]] | None
    try:
        spans = tokenizer.spans(text)
    except UnsupportedError:
        spans = None
    offsets = _offsets(text)
    found = None if words is None else words.checked_words(text, source, line)
    memory = {} if known_partial is None else known_partial
    word_tokens = single_words = split = None
    if spans is not None:
        characters = _owners(offsets[-1], pairwise(offsets))
        split = sum(count > 1 for count in _touched(characters, spans, len(text))[0])
        if found is not None:
            owners = _owners(offsets[-1], [(offsets[start], offsets[end]) for start, end in found])
            overlaps, word_tokens = _touched(owners, spans, len(found))
            single_words = sum(count == 1 for count in overlaps)
    counts = LineCounts(
        tokens=len(ids),
        bytes=offsets[-1],
        characters=len(text),
        partial_tokens=sum(_is_partial(tokenizer, token_id, memory) for token_id in ids),
        split_characters=split,
        words=None if found is None else len(found),
        word_tokens=word_tokens,
        single_words=single_words,
    )
    return counts, ids


def measure(tokenizer: Tokenizer, text: Text) -> Measured:
    """Count every line of ``text``, each encoded alone without its line end.

    Raises:
        MetricInputError: If a line holds a script that the segmenter cannot segment, or a surrogate.
        OptionError: If there is no segmenter of that name.
    """
    words = None if text.segmenter is None else segmenter(text.segmenter)
    memory: dict[int, bool] = {}
    lines, ids = [], []
    for number, line in enumerate(text.lines, 1):
        counts, found = count_line(
            tokenizer, line, words, source=text.source or text.name, line=number, known_partial=memory
        )
        lines.append(counts)
        ids += found
    reason = ""
    if any(counts.split_characters is None for counts in lines):
        reason = f"{tokenizer.info.spec} changes the text and its library reports no spans"
    return Measured(text, tuple(lines), tuple(ids), reason)


# ---------------------------------------------------------------------- ratios


def _estimate(pairs: list[tuple[float, float]], k: float | None, n: int) -> Estimate:
    tops, bottoms = [y for y, _ in pairs], [x for _, x in pairs]
    value = math.fsum(tops) / math.fsum(bottoms)
    # one line has no spread, and the interval [0, 0] around a zero would claim too much
    if len(pairs) < 2 or not value:  # noqa: PLR2004
        return Estimate(value, None, None, k, n)
    interval = ratio_interval(tops, bottoms)
    return Estimate(value, max(interval.lo, 0.0), interval.hi, k, n)


def micro(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate | None:
    """Ratio of sums with an interval clustered by line; None if the denominators sum to 0.

    The variance is that of the linearised ratio estimator, see :func:`tokbench.stats.ratio_interval`.
    """
    pairs = [(y, x) for y, x in zip(numerators, denominators, strict=True) if x or y]
    total = math.fsum(denominators)
    return _estimate(pairs, math.fsum(numerators), round(total)) if total else None


def macro(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate | None:
    """Mean of the ratios of the lines that have a denominator; None if there is none."""
    pairs = [(y / x, 1.0) for y, x in zip(numerators, denominators, strict=True) if x]
    return _estimate(pairs, None, len(pairs)) if pairs else None


# ---------------------------------------------------------------------- distributions


def gini(costs: Sequence[float]) -> float | None:
    """Gini coefficient: ``sum_ij abs(c_i - c_j) / (2 n^2 mean)``; None without costs or if all are 0.

    Args:
        costs: One cost a language: tokens per parallel line.
    """
    total = math.fsum(costs)
    if not costs or not total:
        return None
    ordered, n = sorted(costs), len(costs)
    # the double sum over sorted costs: each c_i is added (2 i - n + 1) times on balance, twice over
    return math.fsum((2 * index - n + 1) * cost for index, cost in enumerate(ordered)) / (n * total)


def renyi_entropy(counts: Iterable[int], order: float) -> float:
    """Rényi entropy in bits of the distribution that ``counts`` give; order 1 is Shannon's.

    ``H_a = log2(sum p^a) / (1 - a)`` (Rényi 1961; Zouhar et al. 2023, arXiv 2306.16842).

    Raises:
        ValueError: If there are no counts or the order is negative.
    """
    positive = [count for count in counts if count]
    if not positive or order < 0:
        msg = f"expected positive counts and an order of at least 0, found {len(positive)} counts and order {order}"
        raise ValueError(msg)
    total = sum(positive)
    shares = [count / total for count in positive]
    if order == 1:
        return -math.fsum(share * math.log2(share) for share in shares)
    if math.isinf(order):
        return -math.log2(max(shares))
    return math.log2(math.fsum(share**order for share in shares)) / (1 - order)


def utilisation(ids: Sequence[int], tokens: int) -> int | None:
    """Different ids among the first ``tokens`` ids; None if there are fewer."""
    return len({*islice(ids, tokens)}) if len(ids) >= tokens else None


def frequencies(measured: Iterable[Measured]) -> Counter[int]:
    """How often each id occurs."""
    counter: Counter[int] = Counter()
    for one in measured:
        counter.update(one.ids)
    return counter


def aligned(first: Measured, second: Measured) -> None:
    """Check that two measured texts have the same lines.

    Raises:
        MetricInputError: If their numbers of lines differ.
    """
    if len(first.lines) != len(second.lines):
        raise MetricInputError(
            first.text.source or first.text.name,
            None,
            f"{len(first.lines)} lines, but {second.text.source or second.text.name} has {len(second.lines)}",
        )
