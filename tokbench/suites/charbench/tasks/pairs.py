"""Group 6, token-aware pairs: one question about one word, asked twice so that only the cut into tokens differs.

A variant is the task of group 1 that is asked and the condition, ``find_first.nlquote``. The members of a pair are the
items whose ids are equal up to the condition: words are selected once for all conditions, so that they have the same
word, queried character and answer. Which words are candidates depends on no tokenizer; whether a pair *qualifies*, by
being cut differently, is found out for each tokenizer afterwards (:mod:`tokbench.suites.charbench.pairs`).

- ``pair_render`` writes the word with other delimiters, at the end of the prompt;
- ``pair_case`` writes it in lower, title or upper case, where that leaves the answer as it is;
- ``pair_ids`` leaves the bytes as they are, and gives the model other token ids for the word;
- ``matched_ttl`` has no conditions: its pairs are two words, matched by everything but the length of the token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from types import MappingProxyType
from typing import ClassVar

from tokbench.suites.charbench.item import AnswerType, Fields, Item, Word
from tokbench.suites.charbench.task import Cell, Draft, Task
from tokbench.suites.charbench.tasks._shared import joined
from tokbench.suites.charbench.tasks.core import PAPER, Core, CountUnique, FindFirst, FindLast

__all__ = ["COVERS", "TASKS", "MatchedTtl", "PairCase", "PairIds", "PairRender", "Pairs", "condition_of"]

COVERS = ("canonical", "chars", "fewest", "drop")
"""Ways to cut a word: the tokenizer's own, the shortest tokens, the fewest tokens, and another one chosen by hash."""

_MARK = "."


def condition_of(variant: str) -> tuple[str, str]:
    """The task that is asked and the condition (``""`` for none) of a variant.

    >>> condition_of("find_first.nlquote")
    ('find_first', 'nlquote')
    """
    base, _, condition = variant.partition(_MARK)
    return base, condition


def _variants(bases: Iterable[str], conditions: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{base}{_MARK}{condition}" for base, condition in product(bases, conditions))


_BASES: Mapping[str, Core] = MappingProxyType({task.id: task for task in PAPER})


class Pairs(Task):
    """A task of group 1 under conditions.

    Attributes:
        bases: The tasks that are asked, by name.
        conditions: The conditions; the first one is that with which the others are compared. None where pairs are made
            of different words.
    """

    group: ClassVar[int] = 6
    answer_type: ClassVar[AnswerType] = "int"
    bases: ClassVar[Mapping[str, Core]] = _BASES
    conditions: ClassVar[tuple[str, ...]] = ()

    @property
    def selections(self) -> Mapping[str, tuple[str, ...]]:
        """One for each task, with all its conditions."""
        return {
            base: tuple(variant for variant in self.variants if condition_of(variant)[0] == base) for base in self.bases
        }

    def base(self, variant: str) -> Core:
        """The task of group 1 that a variant asks."""
        return self.bases[condition_of(variant)[0]]

    def question(self, variant: str) -> tuple[str, str]:
        """That of group 1."""
        return self.base(variant).id, "std"

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """Those of group 1."""
        return self.base(variant).cells(word, "std")

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`."""
        fields = self.base(draft.variant).complete(draft)
        return None if fields is None else self.member(fields, draft.word, draft.variant)

    def gold(self, item: Item) -> str:
        """As in group 1."""
        return self.base(item.variant).gold(item)

    def second_gold(self, item: Item) -> str:
        """As in group 1."""
        return self.base(item.variant).second_gold(item)

    def heuristics(self, item: Item) -> Mapping[str, str]:
        """As in group 1."""
        return self.base(item.variant).heuristics(item)


class PairRender(Pairs):
    """The word at the end of the prompt, in six ways of writing it: see :data:`~.prompts.RENDERINGS`."""

    id = "pair_render"
    conditions = ("quote", "space", "newline", "nlquote", "dquote", "backtick")
    variants = _variants(_BASES, conditions)

    def rendering(self, variant: str) -> str | None:
        """The condition."""
        return condition_of(variant)[1] or None


# ---------------------------------------------------------------------- case


def _upper(units: Sequence[str]) -> tuple[str, ...] | None:
    """Units in upper case; None where one has no upper case of its own that leads back to it (``ß``, ``ς``, ``A``)."""
    text = joined(units)
    if text.isascii() and text.islower() and text.isalpha():
        return tuple(text.upper())
    found = tuple(unit.upper() for unit in units)
    same = all(len(big) == len(unit) and big.lower() == unit for big, unit in zip(found, units, strict=True))
    return found if same else None


class PairCase(Pairs):
    """The word in lower, title and upper case, the queried character cased with it.

    Only items whose answer is the same in all three: the first letter is not queried and, where distinct characters are
    counted, does not come again, because in title case it is another character.
    """

    id = "pair_case"
    conditions = ("lower", "title", "upper")
    variants = _variants(_BASES, conditions)

    def cells(self, word: Word, variant: str) -> Mapping[Cell, Sequence[str]]:
        """Those of group 1 without the first letter; none for words whose three forms are not three."""
        first, *rest = word.units
        upper = _upper(word.units)
        if upper is None or upper[0] == first or list(upper[1:]) == rest:
            return {}
        cells = self.base(variant).cells(word, "std")
        if isinstance(self.base(variant), CountUnique):
            return {} if first in rest else cells
        found = {cell: [char for char in candidates if char != first] for cell, candidates in cells.items()}
        return {cell: candidates for cell, candidates in found.items() if candidates}

    def complete(self, draft: Draft) -> Fields | None:
        """See :meth:`Task.complete`; an absent character needs an upper case, too."""
        fields = self.base(draft.variant).complete(draft)
        if fields is None or (fields.query_char is not None and _upper((fields.query_char,)) is None):
            return None
        return self.member(fields, draft.word, draft.variant)

    def member(self, fields: Fields, word: Word, variant: str) -> Fields:
        """The word and the character in the case of the condition."""
        condition, upper = condition_of(variant)[1], _upper(word.units)
        assert upper is not None, "other words are in no cell"
        if condition == "title":
            return replace(fields, word=joined((upper[0], *word.units[1:])))
        if condition == "upper":
            char = fields.query_char
            return replace(fields, word=joined(upper), query_char=None if char is None else char.upper())
        return fields


# ---------------------------------------------------------------------- tokens


class PairIds(Pairs):
    """The same bytes under other token ids, see :mod:`tokbench.suites.charbench._pair_covers`."""

    id = "pair_ids"
    conditions = COVERS
    variants = _variants(_BASES, conditions)


class MatchedTtl(Pairs):
    """Questions for a place, from which pairs of words are matched for each tokenizer: no conditions."""

    id = "matched_ttl"
    bases: ClassVar[Mapping[str, Core]] = MappingProxyType(
        {name: task for name, task in _BASES.items() if isinstance(task, FindFirst | FindLast)}
    )
    variants = tuple(bases)


TASKS: tuple[Task, ...] = (PairRender(), PairCase(), PairIds(), MatchedTtl())
"""Group 6."""
