"""What a task is: which cells a word fits, how an item is finished, two golds, and the trivial answers.

The selection (:mod:`tokbench.suites.charbench.selection`) knows no task; a task knows no selection. A task says for a
word in which *cells* it can stand (a cell is a gold answer and whether the queried character is repeated), the
selection fills the cells evenly, and the task finishes each :class:`Draft` into :class:`~.item.Fields`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from tokbench.suites.charbench.item import AnswerType, Fields, Item, Word

__all__ = ["Cell", "Draft", "Pool", "Task"]

Cell = tuple[int | str, int]
"""Gold (an integer, or a short text) and ``rep``: 1 if the queried character occurs more than once."""


class Pool(Protocol):
    """What a task may look up in the word list beside the word itself."""

    def of_length(self, length: int) -> Sequence[Word]:
        """All words of a length, sorted by text."""
        ...

    @property
    def lengths(self) -> Sequence[int]:
        """Lengths that the list has words of, sorted."""
        ...

    def alphabet(self, length: int) -> Sequence[tuple[str, int]]:
        """Units of the words of a length in code point order, each with its number of occurrences."""
        ...

    def absent(self, word: Word, number: int) -> str:
        """A unit that is not in ``word``, weighted by its occurrences in words of the same length.

        ``number`` is a hash; taken modulo the total weight it chooses the unit whose cumulative interval holds it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A word that was chosen for a cell.

    Attributes:
        word: The word.
        variant: The task's variant.
        gold: The cell's gold.
        rep: The cell's ``rep``.
        candidate: The candidate chosen among those that the task named for this cell (the queried character), ``""``
            where it named none.
        draw: ``draw(name)`` is the hash H(V, seed, "arg", task, variant, word, name): every further choice comes from
            it, modulo the number of choices.
        pool: The word list.
    """

    word: Word
    variant: str
    gold: int | str
    rep: int
    candidate: str
    draw: Callable[[str], int]
    pool: Pool


class Task(ABC):
    """A task of the suite.

    Attributes:
        id: Its name.
        group: 1 paper core, 2 access, 3 composition, 4 edit, 5 compare, 6 token-aware, 7 controls.
        answer_type: How answers are read.
        variants: Names of variants; ``("std",)`` for one.
        cased: Whether the question depends on case.
    """

    id: ClassVar[str]
    group: ClassVar[int]
    answer_type: ClassVar[AnswerType]
    variants: ClassVar[tuple[str, ...]] = ("std",)

    @abstractmethod
    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """The cells that ``word`` fits, each with its candidates for the queried character in order of appearance.

        The candidates are ``[""]`` where nothing is queried, or where the character is chosen by
        :meth:`Pool.absent` in :meth:`complete`.
        """

    @abstractmethod
    def complete(self, draft: Draft) -> Fields | None:
        """The rest of an item; None if this word cannot be used after all (the next word is taken)."""

    @abstractmethod
    def gold(self, item: Item) -> str:
        """The answer, computed from the word and the arguments alone."""

    @abstractmethod
    def second_gold(self, item: Item) -> str:
        """The answer again, written in another way; tests compare the two."""

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """Trivial answers by name, which are scored beside every model; constants are added by the baselines."""
        return {}

    # ------------------------------------------------------------------ variants that are asked about the same words

    @property
    def selections(self) -> Mapping[str, tuple[str, ...]]:
        """Names under which words are selected, each with the variants that ask about these very words."""
        return {variant: (variant,) for variant in self.variants}

    def member(self, fields: Fields, word: Word, variant: str) -> Fields:
        """What a variant makes of the fields of its selection."""
        return fields

    def question(self, variant: str) -> tuple[str, str]:
        """Task and variant whose wording and whose answered questions are used."""
        return self.id, variant

    def rendering(self, variant: str) -> str | None:
        """How the word is written in the prompt (see :func:`~.prompts.render`); None for the usual way."""
        return None
