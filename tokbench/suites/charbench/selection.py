"""Which words become items: ``natural``, the design of the paper, and ``balanced``, where gold answers are even.

Both are hashes throughout (:func:`~.ranking.H`); a smaller profile is the beginning of a larger one within each task
and length.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from tokbench.errors import WordListError
from tokbench.suites.charbench.item import Fields, Word
from tokbench.suites.charbench.ranking import VERSION, H, Hasher
from tokbench.suites.charbench.task import Cell, Draft, Task
from tokbench.suites.charbench.tasks.core import PAPER, Core
from tokbench.suites.charbench.words import WordList

__all__ = ["OPEN_CELL", "PROFILES", "Chosen", "Shortfall", "balanced", "natural"]

PROFILES: Mapping[str, int] = MappingProxyType({"smoke": 8, "core": 250, "full": 6250})
"""Items a task and length."""

OPEN_CELL = 50
"""Words that a cell needs to be asked at all."""

_LISTED = 400
"""Words of a cell that are sorted at first; the rest only if they are needed."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A word that became an item: its place in the sequence of its task and length, its cell and the rest."""

    index: int
    word: Word
    gold: int | str
    rep: int
    fields: Fields


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Items that a list of words could not give."""

    task: str
    length: int
    wanted: int
    found: int


# ---------------------------------------------------------------------- natural


def ranked(words: WordList, length: int, seed: int) -> list[Word]:
    """All words of a length in the order of their hash."""
    rank = Hasher(VERSION, seed, "words", words.name, length)
    return sorted(words.of_length(length), key=lambda word: (rank(word.text), word.text))


def natural(words: WordList, tasks: Sequence[Core], lengths: Sequence[int], count: int, seed: int = 0) -> Iterator[
    tuple[Core, int, Chosen]
]:  # fmt: skip
    """Items of the paper's design: words uniform, the queried character uniform over positions.

    Words are distinct within a task; the four tasks share out the words in turn, so that words are distinct across
    tasks too as long as there are enough.

    Raises:
        WordListError: If a length has too few words; it gives the counts and the largest profile that is possible.
    """
    sizes = {length: len(words.of_length(length)) for length in lengths}
    if any(size < count for size in sizes.values()):
        least = min(sizes.values())
        fits = [name for name, size in PROFILES.items() if size <= least]
        possible = f"the largest profile possible is {fits[-1]}" if fits else "no profile is possible"
        shown = ", ".join(f"{length}: {size:,}" for length, size in sizes.items())
        problem = f"{count:,} words of each length are needed and there are {shown}; {possible}"
        raise WordListError(words.source, None, problem)
    order = {length: ranked(words, length, seed) for length in lengths}
    for task in tasks:
        turn = PAPER.index(task)
        place = Hasher(VERSION, seed, "pos", task.id)
        for length in lengths:
            rank = order[length]
            index = 0
            for step in range(4):
                for word in rank[(turn + step) % 4 :: 4]:
                    if index == count:
                        break
                    yield task, length, _natural(task, word, place(word.text) % length, index)
                    index += 1


def _natural(task: Core, word: Word, position: int, index: int) -> Chosen:
    fields = task.at(word, position)
    finds = fields.gold_index is not None
    rep = int(finds and word.units.count(word.units[position]) > 1)
    return Chosen(index, word, int(fields.answer), rep, fields)


# ---------------------------------------------------------------------- balanced


class _Queue:
    """The words of one cell in the order of their hash; only as many are sorted as are asked for.

    Args:
        members: Places of the words in the list, ascending.
        digests: Their hashes. The list is sorted by text, so that places break ties as words would.
    """

    def __init__(self, members: Sequence[int], digests: Sequence[bytes]) -> None:
        self._members = list(zip(digests, members, strict=True))
        few = len(members) <= 4 * _LISTED
        self._sorted = sorted(self._members) if few else heapq.nsmallest(_LISTED, self._members)
        self._at = 0

    def next(self, used: set[int]) -> int | None:
        """Place of the next word that is not used, or None."""
        while True:
            while self._at < len(self._sorted):
                place = self._sorted[self._at][1]
                self._at += 1
                if place not in used:
                    return place
            if len(self._sorted) == len(self._members):
                return None
            self._sorted = sorted(self._members)


def _queues(task: Task, variant: str, name: str, found: Sequence[Word], seed: int, length: int) -> dict[Cell, _Queue]:
    members: dict[Cell, list[int]] = {}
    for place, word in enumerate(found):
        for cell in task.cells(word, variant):
            if cell in members:
                members[cell].append(place)
            else:
                members[cell] = [place]
    encoded = [word.text.encode("utf-8", "surrogatepass") for word in found]
    return {
        cell: _Queue(places, Hasher(VERSION, seed, "cell", name, length, *cell).digests(encoded[at] for at in places))
        for cell, places in members.items()
        if len(places) >= OPEN_CELL
    }


def balanced(
    words: WordList, task: Task, variant: str, length: int, count: int, seed: int = 0
) -> tuple[list[Chosen], Shortfall | None]:
    """Items of one task and length whose gold answers are even.

    Cells are visited in rounds; each visit takes the next word of a cell, for tasks that balance repetition of a cell
    with and of one without it in turn. Cells differ by at most one item until one runs out.

    Returns:
        The items in order, and how many are missing, if any.
    """
    name = task.id if task.variants == ("std",) else f"{task.id}/{variant}"
    found = words.of_length(length)
    queues = _queues(task, variant, name, found, seed, length)
    golds = sorted({cell[0] for cell in queues}, key=str)
    repeats = any(cell[1] for cell in queues)
    places = {gold: index for index, gold in enumerate(sorted(golds, key=lambda gold: (isinstance(gold, str), gold)))}
    used: set[int] = set()
    chosen: list[Chosen] = []
    chars = {gold: Hasher(VERSION, seed, "char", name, length, gold) for gold in golds}
    turn, live = 0, True
    while live and len(chosen) < count:
        live = False
        order = sorted(golds, key=lambda gold: (H(VERSION, seed, "round", name, length, turn, gold), str(gold)))
        for gold in order:
            number = gold if isinstance(gold, int) else places[gold]
            want = (turn + number) % 2 if repeats else 0
            made = _take(task, variant, name, gold, want, queues, found, used, chars[gold], words, seed, len(chosen))
            if made is not None:
                chosen.append(made)
                live = True
            if len(chosen) == count:
                break
        turn += 1
    missing = None if len(chosen) == count else Shortfall(name, length, count, len(chosen))
    return chosen, missing


def _take(
    task: Task, variant: str, name: str, gold: int | str, want: int, queues: Mapping[Cell, _Queue],
    found: Sequence[Word], used: set[int], chars: Hasher, words: WordList, seed: int, index: int,
) -> Chosen | None:  # fmt: skip
    """The next word of a gold answer, from the wanted cell or else from the other one."""
    for rep in (want, 1 - want):
        queue = queues.get((gold, rep))
        while queue is not None and (at := queue.next(used)) is not None:
            word = found[at]
            candidates = task.cells(word, variant)[gold, rep]
            candidate = candidates[chars(word.text) % len(candidates)]
            draw = partial(_draw, name, task.id, variant, word.text, seed)
            draft = Draft(word=word, variant=variant, gold=gold, rep=rep, candidate=candidate, draw=draw, pool=words)
            try:
                fields = task.complete(draft)
            except WordListError:  # a word that holds every character of the list has none that is absent
                fields = None
            if fields is not None:
                used.add(at)
                return Chosen(index, word, gold, rep, fields)
    return None


def _draw(name: str, task: str, variant: str, text: str, seed: int, what: str) -> int:
    """The hash of a further choice; ``absent`` is the one by which a character that is not in the word is drawn."""
    if what == "absent":
        return H(VERSION, seed, "absent", name, text)
    return H(VERSION, seed, "arg", task, variant, text, what)
