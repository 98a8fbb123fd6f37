"""Other words for tasks that compare: by count of a character, by affix, by common beginning; and the edit distance.

An index of the words of one length is built on first use and kept as long as its list. All look-ups take a hash and
give the same word for it always, whatever was looked up before. Words are tuples of units.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

from tokbench.suites.charbench.item import Word
from tokbench.suites.charbench.ranking import VERSION, Hasher
from tokbench.suites.charbench.task import Pool

__all__ = ["TRIES", "Index", "Units", "index_of", "levenshtein", "some_word"]

Units = tuple[str, ...]

TRIES = 64
"""How often a word is drawn until one fits."""

_WORD = "\x1e"
_UNIT = "\x1f"


class Index:
    """The words of one length.

    Args:
        words: All of them.
    """

    def __init__(self, words: Sequence[Word]) -> None:
        self.words = [word.units for word in words]

    @cached_property
    def forwards(self) -> list[Units]:
        """Sorted by their units from the first on."""
        return sorted(self.words)

    @cached_property
    def backwards(self) -> list[Units]:
        """Reversed words, sorted: neighbours end alike."""
        return sorted(units[::-1] for units in self.words)

    @cached_property
    def _counts(self) -> dict[tuple[str, int], list[int]]:
        found: dict[tuple[str, int], list[int]] = {}
        for place, units in enumerate(self.words):
            for entry in Counter(units).items():
                found.setdefault(entry, []).append(place)
        return found

    def with_count(self, char: str, count: int) -> Sequence[int]:
        """Places in :attr:`words` of those that hold a character so often, at least once."""
        return self._counts.get((char, count), ())

    # ------------------------------------------------------------------ affixes

    @cached_property
    def _texts(self) -> tuple[str, str]:
        """All words in one text, in the order of a hash; and each reversed.

        Each unit is followed by a mark, each word preceded by another: what follows a unit's mark is no beginning.
        """
        rank = Hasher(VERSION, "affixes")
        ordered = sorted(self.words, key=lambda units: (rank("".join(units)), units))
        return _text(ordered), _text(units[::-1] for units in ordered)

    def elsewhere(self, affix: Units, number: int, *, at_end: bool) -> Iterator[Units]:
        """Words that hold an affix, but neither begin (``at_end``: end) with it; from the place that ``number`` says.

        A word may come more than once.
        """
        text = self._texts[at_end]
        wanted = affix[::-1] if at_end else affix
        pattern = _UNIT + "".join(unit + _UNIT for unit in wanted)
        start = number % len(text)
        for first, last in ((start, len(text)), (0, start + len(pattern))):
            hit = text.find(pattern, first, last)
            while hit >= 0:
                behind = text.find(_WORD, hit)
                found = tuple(text[text.rfind(_WORD, 0, hit) + 1 : behind].split(_UNIT)[:-1])
                if found[: len(wanted)] != wanted:
                    yield found[::-1] if at_end else found
                hit = text.find(pattern, behind, last)

    # ------------------------------------------------------------------ common beginnings

    def sharing(self, units: Units, size: int) -> tuple[range, range]:
        """Places in :attr:`forwards` of words that share exactly the first ``size`` units with others.

        They lie before and behind those that share one more.
        """
        some = self._beginning(units[:size])
        if size >= len(units):
            return some, range(0)
        more = self._beginning(units[: size + 1])
        return range(some.start, more.start), range(more.stop, some.stop)

    def _beginning(self, prefix: Units) -> range:
        def key(units: Units) -> Units:
            return units[: len(prefix)]

        first = bisect_left(self.forwards, prefix, key=key)
        return range(first, bisect_right(self.forwards, prefix, first, key=key))

    def beginning_with(self, unit: str) -> list[Units]:
        """Words that begin with a unit."""
        found = self._beginning((unit,))
        return self.forwards[found.start : found.stop]

    def near(self, units: Units, offset: int, *, at_end: bool) -> Units:
        """The word ``offset`` places from where ``units`` stands among the sorted words (``at_end``: reversed ones).

        Places run in a circle.
        """
        ordered = self.backwards if at_end else self.forwards
        wanted = units[::-1] if at_end else units
        found = ordered[(bisect_left(ordered, wanted) + offset) % len(ordered)]
        return found[::-1] if at_end else found


def _text(words: Iterator[Units] | Sequence[Units]) -> str:
    return "".join(_WORD + "".join(unit + _UNIT for unit in units) for units in words) + _WORD


_FOUND: WeakKeyDictionary[Pool, dict[int, Index]] = WeakKeyDictionary()


def index_of(pool: Pool, length: int) -> Index:
    """The words of a length; each list builds the index of a length once."""
    known = _FOUND.setdefault(pool, {})
    if length not in known:
        known[length] = Index(pool.of_length(length))
    return known[length]


def some_word(words: Sequence[Units], draw: Callable[[str], int], name: str, fits: Callable[[Units], bool]) -> (
    Units | None
):  # fmt: skip
    """The first of :data:`TRIES` words drawn that fits, or None."""
    if not words:
        return None
    drawn = (words[draw(f"{name}/{number}") % len(words)] for number in range(TRIES))
    return next((units for units in drawn if fits(units)), None)


def levenshtein(one: Sequence[str], other: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions of single units that turn one sequence into the other.

    >>> levenshtein("kitten", "sitting")
    3
    """
    row = list(range(len(other) + 1))
    for number, left in enumerate(one, 1):
        before, row[0] = row[0], number
        for place, right in enumerate(other, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (left != right))
    return row[-1]
