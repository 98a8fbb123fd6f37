"""Group 5, compare: words by length, by count of a character, by ending or beginning, by distance, by common prefix.

The right answer of a choice stands at every place equally often: cells are places (``more_letters``: gap and place,
``2 second``; ``most_of_letter``: place, and ``rep`` for a character that the right word holds more than once). Options
of one question are words of one length, except where lengths are asked for (``more_letters``) or would give the answer
away (``orth_nearest``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import takewhile
from typing import ClassVar

from tokbench.suites.charbench.item import AnswerType, Fields, Item, Word
from tokbench.suites.charbench.task import Cell, Draft, Pool, Task
from tokbench.suites.charbench.tasks._lookup import TRIES, Index, Units, index_of, levenshtein, some_word
from tokbench.suites.charbench.tasks._shared import every_cell, joined, pick, queried, split, units_in

__all__ = ["TASKS", "CommonPrefixLen", "EndsWith", "MoreLetters", "MostOfLetter", "OrthNearest", "StartsWith"]

_PLACES = ("first", "second")
_OPTIONS = 4
_LETTERS = "ABCD"
_WIDEST_GAP = 3
"""Gap of ``more_letters`` that stands for itself and all wider ones."""
_LEAST_GAP = 2
"""Difference of the two distances of ``orth_nearest``."""
_AROUND = (1, -1, 2, -2, 3, -3)
"""Where a similar word is looked for, in places of the sorted words."""
_LONGEST_PREFIX = 4
_LONGEST_AFFIX = 3


class _Compare(Task):
    group: ClassVar[int] = 5


class _OfTwo(_Compare):
    """A choice of two words that the question names."""

    answer_type: ClassVar[AnswerType] = "choice"

    def two(self, right: Units, wrong: Units, place: int) -> Fields:
        """The item whose right answer stands at a place."""
        shown = [joined(wrong), joined(wrong)]
        shown[place] = joined(right)
        return Fields(
            answer=shown[place], args=(("first", shown[0]), ("second", shown[1])), choices=(shown[0], shown[1])
        )

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """Both places."""
        return dict(zip(_PLACES, item.choices, strict=True))


class MoreLetters(_OfTwo):
    """The longer one of two words."""

    id = "more_letters"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each gap (1, 2, 3 or more) and place of the longer word."""
        return every_cell(tuple(f"{gap} {place}" for gap in range(1, _WIDEST_GAP + 1) for place in _PLACES))

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`; the other word is longer or shorter, whatever the list has."""
        gap, _, place = str(draft.gold).partition(" ")
        units = draft.word.units
        fit = [size for size in draft.pool.lengths if min(abs(size - len(units)), _WIDEST_GAP) == int(gap)]
        # as often a longer word as a shorter one, where there are both
        sides = [side for side in ([n for n in fit if n < len(units)], [n for n in fit if n > len(units)]) if side]
        if not sides:
            return None
        size = pick(pick(sides, draft.draw("side")), draft.draw("length"))
        other = pick(draft.pool.of_length(size), draft.draw("other")).units
        shorter, longer = sorted((units, other), key=len)
        return self.two(longer, shorter, _PLACES.index(place))

    def gold(self, item: Item) -> str:
        """The one with more units."""
        return max(item.choices, key=lambda text: len(split(item, text)))

    def second_gold(self, item: Item) -> str:
        """The one that has units left when those of both are taken away in pairs."""
        left, right = (list(split(item, text)) for text in item.choices)
        while left and right:
            left.pop()
            right.pop()
        return item.choices[0] if left else item.choices[1]


class OrthNearest(_OfTwo):
    """The one of two words with the smaller Levenshtein distance to a third; the distances differ by 2 or more.

    The near word is a neighbour in the sorted list of words or of reversed words, of equal length or not; the far one
    shares the first letter and the length as often, so that neither gives the answer away.
    """

    id = "orth_nearest"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each place."""
        return every_cell((0, 1))

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        units, draw = draft.word.units, draft.draw
        lengths = _nearby(draft.pool, len(units))
        own = index_of(draft.pool, len(units))
        unequal, at_end = divmod(draw("source") % 4, 2)
        index = index_of(draft.pool, pick(lengths, draw("length"))) if unequal else own
        start = draw("near")
        for turn in range(len(_AROUND)):
            near = index.near(units, pick(_AROUND, start + turn), at_end=bool(at_end))
            far = self._far(draft, own, lengths, levenshtein(units, near) + _LEAST_GAP) if near != units else None
            if far is not None:
                return self.two(near, far, int(draft.gold))
        return None

    def _far(self, draft: Draft, own: Index, lengths: Sequence[int], least: int) -> Units | None:
        """A word at a distance of at least ``least``; half of them begin like the word, as half of the near ones do."""
        units, draw = draft.word.units, draft.draw
        index = own if draw("far") % 2 else index_of(draft.pool, pick(lengths, draw("far length")))
        alike = index.beginning_with(units[0]) if draw("alike") % 2 else ()
        for among in (alike, index.forwards):
            if (far := some_word(among, draw, "far", lambda other: levenshtein(units, other) >= least)) is not None:
                return far
        return None

    def gold(self, item: Item) -> str:
        """The one with the smaller distance."""
        return min(item.choices, key=lambda text: levenshtein(units_in(item), split(item, text)))

    def second_gold(self, item: Item) -> str:
        """The same by the definition of the distance on the rests of both words."""
        return min(item.choices, key=lambda text: _distance(units_in(item), split(item, text)))

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """Both places; the word of equal length, and the one with the same first letter (the first if both or none)."""
        units = units_in(item)
        equal = (text for text in item.choices if len(split(item, text)) == len(units))
        alike = (text for text in item.choices if split(item, text)[0] == units[0])
        return {
            **super().heuristics(item),
            "equal-length": next(equal, item.choices[0]),
            "same-first-letter": next(alike, item.choices[0]),
        }


def _nearby(pool: Pool, length: int) -> list[int]:
    """Lengths one more or one less that the list has words of; else the length itself."""
    return [size for size in pool.lengths if abs(size - length) == 1] or [length]


def _distance(one: Units, other: Units) -> int:
    """Levenshtein distance, top down."""

    @cache
    def rest(left: int, right: int) -> int:
        if left == len(one) or right == len(other):
            return len(one) - left + len(other) - right
        if one[left] == other[right]:
            return rest(left + 1, right + 1)
        return 1 + min(rest(left + 1, right), rest(left, right + 1), rest(left + 1, right + 1))

    return rest(0, 0)


# ---------------------------------------------------------------------- four options


class _OfFour(_Compare):
    """A choice of four words of one length, the item's word among them."""

    answer_type: ClassVar[AnswerType] = "choice"

    def options(self, word: Word, wrong: Sequence[Units], place: int) -> tuple[str, ...]:
        """The options, the right one at a place."""
        shown = [joined(units) for units in wrong]
        shown.insert(place, word.text)
        return tuple(shown)

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """Each place, and the longest option (the first of several, as all have one length)."""
        longest = max(item.choices, key=lambda text: len(split(item, text)))
        return {**dict(zip(_LETTERS, item.choices, strict=True)), "longest": longest}


class MostOfLetter(_OfFour):
    """The word that holds a character most often. The runner-up holds it once less where there is such a word."""

    id = "most_of_letter"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each place and for whether the character is repeated."""
        units = word.units
        counts = {char: units.count(char) for char in dict.fromkeys(units)}
        once = tuple(char for char, count in counts.items() if count == 1)
        more = tuple(char for char, count in counts.items() if count > 1)
        found: dict[Cell, Sequence[str]] = {}
        for rep, chars in ((0, once), (1, more)):
            if chars:
                found |= {(place, rep): chars for place in range(_OPTIONS)}
        return found

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        char, most = draft.candidate, draft.word.units.count(draft.candidate)
        index = index_of(draft.pool, len(draft.word.units))
        wrong: list[Units] = []
        for number in range(_OPTIONS - 1):
            count = most - 1 if number == 0 else draft.draw(f"count{number}") % most
            found = self._holding(draft, index, char, count, f"option{number}", wrong)
            if found is None and count:
                found = self._holding(draft, index, char, 0, f"option{number}", wrong)
            if found is None:
                return None
            wrong.append(found)
        choices = self.options(draft.word, _shuffled(wrong, draft.draw("order")), int(draft.gold))
        return Fields(answer=draft.word.text, query_char=char, choices=choices)

    def _holding(
        self, draft: Draft, index: Index, char: str, count: int, name: str, taken: Sequence[Units]
    ) -> Units | None:
        """A word that holds a character so often, and is not taken."""
        if not count:
            return some_word(index.words, draft.draw, name, lambda units: char not in units and units not in taken)
        places = index.with_count(char, count)
        for number in range(min(len(places), TRIES)):
            units = index.words[pick(places, draft.draw(f"{name}/{number}"))]
            if units not in taken:
                return units
        return None

    def gold(self, item: Item) -> str:
        """The option with the highest count."""
        return max(item.choices, key=lambda text: split(item, text).count(queried(item)))

    def second_gold(self, item: Item) -> str:
        """The option whose number of comparisons that hold exceeds all others'."""
        counts = [sum(map(queried(item).__eq__, split(item, text))) for text in item.choices]
        (place,) = (place for place, count in enumerate(counts) if sorted(counts)[-2] < count)
        return item.choices[place]


def _shuffled(wrong: Sequence[Units], number: int) -> list[Units]:
    """The options turned by a hash, so that the runner-up has no place of its own."""
    turn = number % len(wrong)
    return [*wrong[turn:], *wrong[:turn]]


class _Affix(_OfFour):
    """The word that begins or ends with an affix of 1 to 3 characters; the others hold it elsewhere where possible."""

    at_end: ClassVar[bool] = False

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each place; the affix is shorter than the word."""
        return every_cell(tuple(range(_OPTIONS))) if len(word.units) > 1 else {}

    def _has(self, units: Units, affix: Units) -> bool:
        return units[-len(affix) :] == affix if self.at_end else units[: len(affix)] == affix

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        units = draft.word.units
        size = 1 + draft.draw("size") % min(_LONGEST_AFFIX, len(units) - 1)
        affix = units[-size:] if self.at_end else units[:size]
        index = index_of(draft.pool, len(units))
        wrong: list[Units] = []
        for number in range(_OPTIONS - 1):
            holding = index.elsewhere(affix, draft.draw(f"option{number}"), at_end=self.at_end)
            found = next((other for other in holding if other not in wrong), None) or some_word(
                index.words, draft.draw, f"option{number}",
                lambda other: other not in wrong and not self._has(other, affix),
            )  # fmt: skip
            if found is None:
                return None
            wrong.append(found)
        choices = self.options(draft.word, _shuffled(wrong, draft.draw("order")), int(draft.gold))
        return Fields(answer=draft.word.text, args=(("affix", joined(affix)),), choices=choices)

    def gold(self, item: Item) -> str:
        """The option whose slice is the affix."""
        affix = split(item, item.arg("affix"))
        return next(text for text in item.choices if self._has(split(item, text), affix))

    def second_gold(self, item: Item) -> str:
        """The option that is equal to the affix unit by unit."""
        affix = split(item, item.arg("affix"))
        step = -1 if self.at_end else 1
        (found,) = (
            text
            for text in item.choices
            if all(one == other for one, other in zip(affix[::step], split(item, text)[::step], strict=False))
        )
        return found


class StartsWith(_Affix):
    """The word that begins with an affix."""

    id = "starts_with"


class EndsWith(_Affix):
    """The word that ends with an affix."""

    id = "ends_with"
    at_end: ClassVar[bool] = True


class CommonPrefixLen(_Compare):
    """How many characters two words share at their beginnings, 0 to 4; the lengths differ by one at most."""

    id = "common_prefix_len"
    answer_type: ClassVar[AnswerType] = "int"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """One cell for each number."""
        return every_cell(tuple(range(min(_LONGEST_PREFIX, len(word.units)) + 1)))

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        units, size = draft.word.units, int(draft.gold)
        lengths = sorted({len(units), *_nearby(draft.pool, len(units))})
        turn = draft.draw("length") % len(lengths)
        for length in (*lengths[turn:], *lengths[:turn]):
            index = index_of(draft.pool, length)
            if length == size == len(units):
                continue  # only the word itself shares all its characters with a word of its length
            before, behind = index.sharing(units, size)
            if fit := len(before) + len(behind):
                at = draft.draw("other") % fit
                place = before[at] if at < len(before) else behind[at - len(before)]
                return Fields(answer=str(size), args=(("other", joined(index.forwards[place])),))
        return None

    def gold(self, item: Item) -> str:
        """Pairs that are equal, up to the first that is not."""
        pairs = zip(units_in(item), split(item, item.arg("other")), strict=False)
        return str(sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)))

    def second_gold(self, item: Item) -> str:
        """The longest beginning of the word with which the other one begins too."""
        units, other = units_in(item), split(item, item.arg("other"))
        return str(next(size for size in range(len(units), -1, -1) if other[:size] == units[:size]))


TASKS: tuple[Task, ...] = (
    MoreLetters(), MostOfLetter(), StartsWith(), EndsWith(), OrthNearest(), CommonPrefixLen(),
)  # fmt: skip
"""Group 5."""
