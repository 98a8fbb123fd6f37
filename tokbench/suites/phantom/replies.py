"""Where in a reply a target was: word-level alignment of the passage with what came back.

Words are maximal runs of letters, marks and digits with inner apostrophes; a character of a script without spaces, or
an emoji, is a word of its own. Everything else separates, brackets too, so that marks do not matter. The alignment is a
longest common subsequence; of equally long ones the leftmost counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import regex

__all__ = ["ANCHOR", "LONGEST", "Aligned", "Place", "Word", "align", "locate", "split_words"]

ANCHOR = 5
"""Words on each side of a target of which one has to come back."""

LONGEST = 8
"""Words that may stand for a target."""

_EVIDENCE = 3
"""Words around a target that have to come back for its place to count as empty."""

_WORD = regex.compile(
    r"""[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]\p{M}*
    | \p{Regional_Indicator}{2}
    | \p{Extended_Pictographic}(?:\p{M}|\u200d\p{Extended_Pictographic}|\p{Emoji_Modifier})*
    | (?:(?![\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}])[\p{L}\p{M}\p{N}])+
      (?:['’](?:(?![\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}])[\p{L}\p{M}\p{N}])+)*""",
    regex.VERBOSE,
)


class Word(NamedTuple):
    """A word with its place in characters of its text."""

    text: str
    start: int
    end: int


def split_words(text: str) -> list[Word]:
    """The words of a text.

    >>> [word.text for word in split_words("Don't [stop], 你好!")]
    ["Don't", 'stop', '你', '好']
    """
    return [Word(found[0], found.start(), found.end()) for found in _WORD.finditer(text)]


# ---------------------------------------------------------------------- alignment


def _table(one: Sequence[str], two: Sequence[str]) -> list[list[int]]:
    """Lengths of the longest common subsequences of all suffixes."""
    table = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) - 1, -1, -1):
        row, below, word = table[i], table[i + 1], one[i]
        for j in range(len(two) - 1, -1, -1):
            row[j] = below[j + 1] + 1 if word == two[j] else max(below[j], row[j + 1])
    return table


def align(one: Sequence[str], two: Sequence[str]) -> list[int | None]:
    """For each word of ``one`` the place of its partner in ``two``, or None: a leftmost longest common subsequence."""
    front = 0
    while front < min(len(one), len(two)) and one[front] == two[front]:
        front += 1
    back = 0
    while back < min(len(one), len(two)) - front and one[-1 - back] == two[-1 - back]:
        back += 1
    found: list[int | None] = list(range(front))
    inner_one, inner_two = one[front : len(one) - back], two[front : len(two) - back]
    table = _table(inner_one, inner_two)
    j = 0
    for i, word in enumerate(inner_one):
        length = table[i][j]
        # the leftmost partner with which the rest still comes to the full length
        place = next(
            (k for k in range(j, len(inner_two)) if inner_two[k] == word and table[i + 1][k + 1] + 1 == length), None
        )
        found.append(None if place is None else front + place)
        if place is not None:
            j = place + 1
    return [*found, *range(len(two) - back, len(two))]


@dataclass(frozen=True, slots=True)
class Aligned:
    """A passage beside a reply.

    Attributes:
        passage: Words of the unmarked passage.
        reply: Words of the reply.
        partners: Place in ``reply`` of each word of ``passage``, or None.
        text: The reply.
    """

    passage: list[Word]
    reply: list[Word]
    partners: list[int | None]
    text: str

    @classmethod
    def of(cls, passage: str, reply: str) -> Aligned:
        """Align two texts."""
        one = split_words(passage)
        two = _unglued(split_words(reply), one)
        return cls(one, two, align([word.text for word in one], [word.text for word in two]), reply)

    @property
    def preamble(self) -> int:
        """Words of the reply before the first that came from the passage."""
        return next((place for place in self.partners if place is not None), 0)


def _unglued(reply: list[Word], passage: Sequence[Word]) -> list[Word]:
    """Words of a reply, those taken apart that are two neighbours of the passage without the space between them."""
    known = {word.text for word in passage}
    glued = {one.text + two.text: len(one.text) for one, two in pairwise(passage)}
    found: list[Word] = []
    for word in reply:
        size = glued.get(word.text) if word.text not in known else None
        if size is None:
            found.append(word)
        else:
            middle = word.start + size
            found += [Word(word.text[:size], word.start, middle), Word(word.text[size:], middle, word.end)]
    return found


# ---------------------------------------------------------------------- places of targets


class Place(NamedTuple):
    """What stands for a target in a reply.

    Attributes:
        status: ``found``; or why there is nothing: ``empty``, ``truncated``, ``no_left_anchor``, ``no_right_anchor``;
            or ``ambiguous``.
        start: First word of the reply that stands for it.
        end: The word behind the last; equal to ``start`` where nothing does.
    """

    status: Literal["found", "empty", "truncated", "no_left_anchor", "no_right_anchor", "ambiguous"]
    start: int = 0
    end: int = 0


def locate(aligned: Aligned, start: int, end: int, *, truncated: bool = False) -> Place:
    """Find what stands for the words ``start`` to ``end`` of the passage.

    A target is anchored if the nearest word that came back, on each side, is among the :data:`ANCHOR` next to it; the
    edges of the passage count as words that came back, if on the other side two neighbours did. What lies between is
    its place, at most :data:`LONGEST` words.

    Args:
        aligned: Passage and reply.
        start: First word of the target in the passage.
        end: The word behind its last.
        truncated: Whether the reply was cut off.
    """
    if not aligned.reply:
        return Place("empty")
    left = next(
        (at for at in range(start - 1, max(start - ANCHOR, 0) - 1, -1) if aligned.partners[at] is not None), None
    )
    right = next(
        (at for at in range(end, min(end + ANCHOR, len(aligned.passage))) if aligned.partners[at] is not None), None
    )
    if left is None and start >= ANCHOR:
        return Place("no_left_anchor")
    if right is None and (len(aligned.passage) - end >= ANCHOR or truncated):
        return Place("truncated" if truncated else "no_right_anchor")
    if left is None and _too_little(aligned, right, len(aligned.passage) - end, 1):
        return Place("no_right_anchor" if start < ANCHOR else "no_left_anchor")
    if right is None and _too_little(aligned, left, start, -1):
        return Place("no_left_anchor")
    first = _behind(aligned, left, right)
    last = _before(aligned, right, first)
    # words of the passage between anchor and target that did not come back may have been replaced one by one
    first += max(0, min(start - 1 - (-1 if left is None else left), last - first - (end - start)))
    last -= max(0, min((len(aligned.passage) if right is None else right) - end, last - first - (end - start)))
    if first == last and _matched(aligned, start, end) < min(_EVIDENCE, _words_around(aligned, start, end)):
        # "that is" in another text is no passage "... that (word) is ..." without its word
        return Place("no_left_anchor" if left is None else "no_right_anchor")
    if last - first > LONGEST:
        return Place("no_left_anchor" if left is None else "no_right_anchor")
    if _repeated(aligned, left, right):
        return Place("ambiguous")
    return Place("found", first, last)


def _around(aligned: Aligned, start: int, end: int) -> list[int]:
    """Words of the passage within :data:`ANCHOR` of a target."""
    return [*range(max(0, start - ANCHOR), start), *range(end, min(end + ANCHOR, len(aligned.passage)))]


def _words_around(aligned: Aligned, start: int, end: int) -> int:
    return len(_around(aligned, start, end))


def _matched(aligned: Aligned, start: int, end: int) -> int:
    return sum(aligned.partners[at] is not None for at in _around(aligned, start, end))


def _too_little(aligned: Aligned, anchor: int | None, words: int, step: int) -> bool:
    """Whether one word alone came back beside an edge of the passage: a refusal shares as much with any text."""
    if anchor is None:
        return words > 0
    near = range(anchor, anchor + ANCHOR * step, step)
    back = sum(0 <= at < len(aligned.passage) and aligned.partners[at] is not None for at in near)
    return back < _EVIDENCE and len(_context(aligned, anchor, step)) < min(2, words)


def _behind(aligned: Aligned, left: int | None, right: int | None) -> int:
    """First word behind the left anchor; at the edge of the passage the first behind a preamble."""
    if left is not None:
        partner = aligned.partners[left]
        assert partner is not None, "an anchor came back"
        return partner + 1
    stop = len(aligned.reply) if right is None else aligned.partners[right]
    assert stop is not None, "an anchor came back"
    if stop == 0:
        return 0
    head = aligned.text[: aligned.reply[stop - 1].end]
    broken = max(head.rfind("\n"), head.rfind(":"))  # "Sure, here is the text:"
    return next((at for at in range(stop) if aligned.reply[at].start > broken), stop)


def _before(aligned: Aligned, right: int | None, first: int) -> int:
    """The word behind the last before the right anchor; at the edge of the passage the end of the line."""
    if right is not None:
        partner = aligned.partners[right]
        assert partner is not None, "an anchor came back"
        return partner
    if first >= len(aligned.reply):
        return first
    line = aligned.text.find("\n", aligned.reply[first].start)
    return len(aligned.reply) if line < 0 else sum(word.start < line for word in aligned.reply)


def _repeated(aligned: Aligned, left: int | None, right: int | None) -> bool:
    """Whether the anchors come up together more than once, so that nobody knows which place is meant."""
    reply = [word.text for word in aligned.reply]
    before, after = _context(aligned, left, -1), _context(aligned, right, 1)
    starts = [at for at in range(len(before), len(reply) + 1) if reply[at - len(before) : at] == before]
    ends = [at for at in range(len(reply) - len(after) + 1) if reply[at : at + len(after)] == after]
    if before and after:
        # a gap reaches from the last left anchor to the first right one: "the ... the (word) in" holds one
        gaps = {max((at for at in starts if at <= end <= at + LONGEST), default=None) for end in ends} - {None}
        return len(gaps) > 1
    # at an edge of the passage one word alone says too little
    return (len(before) > 1 and len(starts) > 1) or (len(after) > 1 and len(ends) > 1)


def _context(aligned: Aligned, anchor: int | None, step: int) -> list[str]:
    """Words from an anchor outwards that came back next to each other, at most :data:`ANCHOR`, in reading order."""
    found: list[str] = []
    at = anchor
    while at is not None and 0 <= at < len(aligned.passage) and len(found) < ANCHOR:
        partner = aligned.partners[at]
        if partner is None or (found and partner != _last(aligned, at - step) + step):
            break
        found.append(aligned.passage[at].text)
        at += step
    return found[::step] if step > 0 else found[::-1]


def _last(aligned: Aligned, at: int) -> int:
    partner = aligned.partners[at]
    assert partner is not None, "it came back"
    return partner
