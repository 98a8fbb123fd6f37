"""What trivial answers score: the best constant, the best answer by length or by letter, a guess, and heuristics.

On natural items they are exact expectations over the list of words and all positions of the queried character: the
best constant of a sample is biased upwards (on 56 items of ``find_first`` it is 26.8 % where 19.58 % is right). On all
other items they are the shares of the items themselves, whose gold answers were made even.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from tokbench.suites.charbench._expectation import Table, exact_tables
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.tasks import PAPER, TASKS
from tokbench.suites.charbench.words import WordList

__all__ = ["Baselines", "ByKey", "Guess", "baselines", "corrected", "realised_baselines"]

_NUMBER = re.compile(r"-?[0-9]+")

_NOT_BEST = frozenset({"letter-best", "sibling"})
"""Not among the best trivial answers, see :attr:`Baselines.best`."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A trivial answer.

    Attributes:
        answer: What it says; ``""`` where that differs from item to item.
        value: Share of items on which it is right, 0 to 1.
        n: Items, or words of the list where the value is an expectation.
    """

    answer: str
    value: float
    n: int


@dataclass(frozen=True, slots=True)
class ByKey:
    """The best answer for each value of something that the question shows.

    Attributes:
        answers: The best answer by length (as text) or by letter.
        values: On what share of the items of that length or letter it is right.
        value: Share of all items on which they are right.
        n: Items, or words of the list where the value is an expectation.
    """

    answers: Mapping[str, str]
    values: Mapping[str, float]
    value: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """The trivial answers to one task and variant.

    Attributes:
        task: The task.
        variant: Its variant.
        gold_profile: Gold profile of the items.
        n: Items, or words of the list where the values are expectations.
        exact: Whether they are expectations over the list, not shares of the items.
        b_const: The best constant answer.
        b_len: The best answer that knows the length.
        b_letter: The best answer that knows the queried character; None where none is queried.
        uniform: Chance of a guess among all possible answers; None where the answer is open text.
        heuristics: Further trivial answers by name, see :meth:`~.task.Task.heuristics`.
    """

    task: str
    variant: str
    gold_profile: str
    n: int
    exact: bool
    b_const: Guess
    b_len: ByKey
    b_letter: ByKey | None
    uniform: float | None
    heuristics: Mapping[str, Guess] = field(default_factory=dict)

    @property
    def values(self) -> Mapping[str, float]:
        """All of them by name: ``const``, ``len-best``, ``letter-best``, ``uniform`` and the heuristics."""
        found = {"const": self.b_const.value, "len-best": self.b_len.value}
        if self.b_letter is not None:
            found["letter-best"] = self.b_letter.value
        if self.uniform is not None:
            found["uniform"] = self.uniform
        return {**found, **{name: guess.value for name, guess in self.heuristics.items()}}

    @property
    def best(self) -> tuple[str, float]:
        """Name and value of the best that sees no character; of equal ones the first in :attr:`values`.

        The best answer by letter is left out too: a letter has few items, so that it is overfitted to them.
        """
        values = {name: value for name, value in self.values.items() if name not in _NOT_BEST}
        name = max(values, key=values.__getitem__)
        return name, values[name]


def corrected(accuracy: float, baseline: float) -> float | None:
    """Accuracy above a baseline, (accuracy - baseline) / (1 - baseline): 0 at the baseline, 1 for no error.

    None where the baseline makes no error, because nothing can be above it.
    """
    return None if baseline >= 1 else (accuracy - baseline) / (1 - baseline)


# ---------------------------------------------------------------------- from a table of gold answers


def _order(answer: str) -> tuple[bool, int, str]:
    """Numbers by value, then text: of equally good answers the least is named."""
    return (False, int(answer), "") if _NUMBER.fullmatch(answer) else (True, 0, answer)


def _best(weights: Mapping[str, float]) -> tuple[str, float]:
    answer = min(weights, key=lambda answer: (-weights[answer], _order(answer)))
    return answer, weights[answer]


def _by_key(tables: Mapping[str, Mapping[str, float]], n: int) -> ByKey:
    total = sum(sum(weights.values()) for weights in tables.values())
    best = {key: _best(weights) for key, weights in tables.items()}
    return ByKey(
        answers=MappingProxyType({key: answer for key, (answer, _) in best.items()}),
        values=MappingProxyType({key: value / sum(tables[key].values()) for key, (_, value) in best.items()}),
        value=sum(value for _, value in best.values()) / total,
        n=n,
    )


def _from_table(task: str, variant: str, gold: str, table: Table, uniform: float | None) -> Baselines:
    total = sum(sum(weights.values()) for weights in table.by_length.values())
    pooled: dict[str, float] = {}
    for weights in table.by_length.values():
        for answer, weight in weights.items():
            pooled[answer] = pooled.get(answer, 0.0) + weight
    answer, value = _best(pooled)
    return Baselines(
        task=task, variant=variant, gold_profile=gold, n=table.n, exact=table.exact,
        b_const=Guess(answer, value / total, table.n),
        b_len=_by_key({str(length): weights for length, weights in table.by_length.items()}, table.n),
        b_letter=_by_key(table.by_letter, table.n) if table.by_letter else None,
        uniform=uniform,
        heuristics=MappingProxyType(
            {name: Guess(said, right / total, table.n) for name, (said, right) in table.heuristics.items()}
        ),
    )  # fmt: skip


# ---------------------------------------------------------------------- of items


def _realised(items: Sequence[Item]) -> Table:
    by_length: dict[int, Counter[str]] = {}
    by_letter: dict[str, Counter[str]] = {}
    right: Counter[str] = Counter()
    said: dict[str, set[str]] = {}
    for item in items:
        by_length.setdefault(item.length, Counter())[item.answer] += 1
        if item.query_char is not None:
            by_letter.setdefault(item.query_char, Counter())[item.answer] += 1
        for name, answer in TASKS[item.task].heuristics(item).items():
            right[name] += answer == item.answer
            said.setdefault(name, set()).add(answer)
    return Table(
        n=len(items), exact=False,
        by_length={length: dict(counts) for length, counts in sorted(by_length.items())},
        by_letter={letter: dict(counts) for letter, counts in sorted(by_letter.items())},
        heuristics={
            name: (next(iter(answers)) if len(answers) == 1 else "", float(right[name]))
            for name, answers in said.items()
        },
    )  # fmt: skip


def _choices(item: Item, golds: int) -> int | None:
    """How many answers a guess has to choose from; None for open text.

    ``golds`` is the number of gold answers that occur at the length, for numbers whose range nothing else tells.
    """
    if item.answer_type == "str":
        return None
    if item.answer_type == "bool":
        return 2
    if item.answer_type == "choice":
        return len(item.choices)
    asked, _ = TASKS[item.task].question(item.variant)
    if item.index_base is not None:
        return item.length + asked.endswith("_or_minus1")
    if asked.endswith("count_unique"):
        return item.length  # 1 to L
    return item.length + 1 if asked.endswith("count_char") else golds  # 0 to L


def _uniform(items: Sequence[Item], table: Table) -> float | None:
    total = 0.0
    for item in items:
        choices = _choices(item, len(table.by_length[item.length]))
        if choices is None:
            return None
        total += 1 / choices
    return total / len(items)


def _grouped(items: Iterable[Item]) -> dict[tuple[str, str], list[Item]]:
    found: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        found.setdefault((item.task, item.variant), []).append(item)
    return found


def realised_baselines(items: Sequence[Item]) -> Mapping[tuple[str, str], Baselines]:
    """Trivial answers to items, from the items alone."""
    found = {}
    for (task, variant), group in _grouped(items).items():
        table = _realised(group)
        found[task, variant] = _from_table(task, variant, group[0].gold_profile, table, _uniform(group, table))
    return found


def baselines(
    items: Sequence[Item], words: WordList | None = None, gold: str = "balanced"
) -> Mapping[tuple[str, str], Baselines]:
    """Trivial answers to items, by task and variant.

    Args:
        items: The items.
        words: Their list; None for items that come from elsewhere.
        gold: Their gold profile. For ``natural`` with a list, values are exact expectations over all words of a length
            and all positions, lengths weighted as the items have them; else they are shares of the items.
    """
    found = dict(realised_baselines(items))
    if gold != "natural" or words is None:
        return found
    exact = {task.id for task in PAPER}
    for (task, variant), group in _grouped(items).items():
        if task in exact:
            shares = Counter(item.length for item in group)
            table = exact_tables(words, shares)[task]
            found[task, variant] = _from_table(task, variant, gold, table, found[task, variant].uniform)
    return found
