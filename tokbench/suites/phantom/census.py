"""Where phantom edits can come from in a tokenizer: ambiguity, twins, classes of alternatives, sensitivity to marks.

No model is needed. Everything is counted over words of the project's list that are drawn by hash, so that the same
words are asked of every tokenizer; what the vocabulary alone decides is counted over all of it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tokbench.bytelevel import Lattice
from tokbench.errors import UnsupportedError
from tokbench.suites.phantom._pieces import prepare
from tokbench.suites.phantom.alternatives import (
    MARKERS,
    PLAIN,
    base_forms,
    canonical_slices,
    lattice_of,
    short_segmentations,
    slice_in,
)
from tokbench.suites.phantom.classify import CLASSES, Class, classify
from tokbench.suites.phantom.item import Kind
from tokbench.tokenizers import Tokenizer

__all__ = ["Ambiguity", "Availability", "Sensitivity", "Stray", "Twins", "ambiguity", "availability", "drift",
           "sensitivity", "stray_bytes", "twins"]  # fmt: skip


# ---------------------------------------------------------------------- the vocabulary


@dataclass(frozen=True, slots=True)
class Twins:
    """Entries of a space and two or more letters, and those of them whose bare form is an entry too."""

    both: int
    spaced: int


def twins(tokenizer: Tokenizer) -> Twins:
    """Count twins; letters are those of ASCII."""
    found = {tokenizer.token_bytes(id_) for id_ in tokenizer.byte_vocabulary().ids.tolist()}
    spaced = [data for data in found if data[:1] == b" " and len(data) > 2 and data[1:].isalpha()]  # noqa: PLR2004, two letters
    return Twins(sum(data[1:] in found for data in spaced), len(spaced))


@dataclass(frozen=True, slots=True)
class Stray:
    """Tokens that are not valid UTF-8 alone.

    Attributes:
        suffix: They begin inside a character.
        prefix: They end inside one, or hold a byte that no UTF-8 has.
        both: Both.
    """

    suffix: int
    prefix: int
    both: int


def stray_bytes(tokenizer: Tokenizer) -> Stray:
    """Count tokens that cannot be decoded alone, by the end at which they cannot."""
    counts: Counter[tuple[bool, bool]] = Counter()
    for id_ in tokenizer.byte_vocabulary().ids.tolist():
        data = tokenizer.token_bytes(id_)
        try:
            data.decode()
        except UnicodeDecodeError:
            body = data.lstrip(bytes(range(0x80, 0xC0)))
            try:
                body.decode()
            except UnicodeDecodeError:
                counts[len(body) < len(data), True] += 1
            else:
                counts[True, False] += 1
    return Stray(counts[True, False], counts[False, True], counts[True, True])


# ---------------------------------------------------------------------- ambiguity


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Number of segmentations of a word behind a space.

    Attributes:
        bits: Base-2 logarithm of it.
        within: The same where no token may cross from one pre-token to the next; None where these are not known.
        size: Bytes.
    """

    bits: float
    within: float | None
    size: int


def ambiguity(tokenizer: Tokenizer, words: Sequence[str]) -> list[Ambiguity]:
    """The ambiguity of each word.

    Raises:
        UnsupportedError: If the tokenizer cannot say which bytes its tokens join to.
    """
    found = []
    for word in words:
        lattice = lattice_of(tokenizer, word)
        text = word if tokenizer.info.prefix else f" {word}"
        try:
            inside = Lattice.of(tokenizer, text, within="pretokens").count()
        except UnsupportedError:
            inside = None
        bits = _log2(lattice.count())
        found.append(Ambiguity(bits, None if inside is None else _log2(inside), len(lattice.data)))
    return found


def _log2(count: int) -> float:
    return math.log2(count) if count else -math.inf


# ---------------------------------------------------------------------- alternatives by class


@dataclass(slots=True)
class Availability:
    """Other ways to spell words, by class.

    Attributes:
        words: Words that were looked at.
        having: Words with at least one alternative of a class.
        alternatives: Alternatives of a class.
        strict: Those of them whose bytes are equal to what went in.
        somewhere: Alternatives that the tokenizer gives in at least one probe context.
    """

    words: int = 0
    having: Counter[Class] = field(default_factory=Counter)
    alternatives: Counter[Class] = field(default_factory=Counter)
    strict: Counter[Class] = field(default_factory=Counter)
    somewhere: int = 0

    @property
    def total(self) -> int:
        """All alternatives."""
        return self.alternatives.total()


def availability(tokenizer: Tokenizer, words: Sequence[tuple[str, Kind]]) -> Availability:
    """Classify every alternative of at most three tokens of every word: spaced, bare, and behind a line break.

    What goes in is the tokenizer's own encoding of the word behind a space; it is no alternative to itself.

    Args:
        tokenizer: The tokenizer.
        words: Words with their kinds.

    Raises:
        UnsupportedError: If the tokenizer has no exact spans.
    """
    vocabulary = tokenizer.byte_vocabulary()
    found = Availability(words=len(words))
    for word, kind in words:
        given = slice_in(tokenizer, *PLAIN, word).ids
        before = [tokenizer.token_bytes(id_) for id_ in given]
        canonical = canonical_slices(tokenizer, word)
        seen: set[Class] = set()
        for form in base_forms(word):
            for ids, pieces in short_segmentations(vocabulary, form):
                if ids == given:
                    continue
                change = classify(before, pieces, kind=kind, proper=kind == "proper")
                found.alternatives[change.label] += 1
                found.strict[change.label] += change.strict
                found.somewhere += ids in canonical
                seen.add(change.label)
        found.having.update(label for label in CLASSES if label in seen)
    return found


# ---------------------------------------------------------------------- marks, and drift


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What marks do to the ids of words.

    Attributes:
        marker: Name of the mark.
        changed: Words whose ids change, the white space before them included.
        words: All words.
        single: Words that are one token without the mark, white space before them left out.
        still_single: Those of them that are one token with it.
    """

    marker: str
    changed: int
    words: int
    single: int
    still_single: int


def sensitivity(tokenizer: Tokenizer, words: Sequence[str]) -> list[Sensitivity]:
    """Compare the ids of each word in running text with those under each mark.

    Raises:
        UnsupportedError: If the tokenizer has no exact spans.
    """
    plain = [slice_in(tokenizer, *PLAIN, word) for word in words]
    single = [len(prepare(found.pieces).core) == 1 for found in plain]
    rows = []
    for marker, around in MARKERS.items():
        marked = [slice_in(tokenizer, *around, word) for word in words]
        still = [len(prepare(found.pieces).core) == 1 for found in marked]
        rows.append(
            Sensitivity(
                marker=marker,
                changed=sum(one.ids != two.ids for one, two in zip(plain, marked, strict=True)),
                words=len(words),
                single=sum(single),
                still_single=sum(one and two for one, two in zip(single, still, strict=True)),
            )
        )
    return rows


def drift(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[int, int]:
    """Places at which ids do not come back from their own text: encode(decode(ids)) is another list.

    Every proper beginning of the encoding of every text is decoded and encoded again, as a program does that keeps
    the text of an unfinished answer and not its ids.

    Returns:
        How many of the beginnings change, and how many there are. Those that end inside a character are left out:
        they are no text.
    """
    changed = total = 0
    for text in texts:
        ids = tokenizer.encode(text)
        for stop in range(1, len(ids)):
            try:
                part = tokenizer.decode_bytes(ids[:stop]).decode()
            except UnicodeDecodeError:
                continue
            total += 1
            changed += tokenizer.encode(part) != ids[:stop]
    return changed, total
