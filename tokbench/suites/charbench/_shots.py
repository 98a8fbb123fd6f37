"""Answered questions for base models: items about words that are never asked, chosen by hash."""

from __future__ import annotations

from collections import Counter
from functools import cache

from tokbench.errors import SuiteDefinitionError
from tokbench.suites.charbench._wordings import shot_words
from tokbench.suites.charbench.item import Item, Word, case_form
from tokbench.suites.charbench.ranking import VERSION, H, Hasher
from tokbench.suites.charbench.task import Draft, Task
from tokbench.suites.charbench.tasks import TASKS
from tokbench.suites.charbench.words import WordList

__all__ = ["shot_items"]

_LEVEL = 10
"""The words are common ones."""


@cache
def _words() -> tuple[Word, ...]:
    return tuple(Word(text, tuple(text), _LEVEL) for text in shot_words())


@cache
def _list() -> WordList:
    return WordList("shots", _words(), sha256="", lang="en")


def _shot(task: Task, variant: str, word: Word, number: int) -> Item | None:
    """A question about a word, its cell chosen by hash; None if the word does not fit the task."""
    cells = sorted(task.cells(word, variant).items(), key=lambda entry: str(entry[0]))
    if not cells:
        return None
    rank = Hasher(VERSION, "shot", task.id, variant, word.text)
    (gold, rep), candidates = cells[rank("cell") % len(cells)]
    candidate = candidates[rank("char") % len(candidates)]
    fields = task.complete(
        Draft(word=word, variant=variant, gold=gold, rep=rep, candidate=candidate, draw=rank, pool=_list())
    )
    if fields is None:
        return None
    return Item(
        item_id=f"{VERSION}/shot/{task.id}/{variant}/L{len(word.units)}/{number}", task=task.id, variant=variant,
        gold_profile="shot", list_name="shots", word=word.text, unit="codepoint", length=len(word.units),
        level=word.level, case_form=case_form(word.units), answer=fields.answer, answer_type=task.answer_type,
        query_char=fields.query_char, query_pos=fields.query_pos, args=fields.args, choices=fields.choices,
        gold_index=fields.gold_index, index_base=fields.index_base, gold_bin=str(gold), rep=rep,
    )  # fmt: skip


def _kind(item: Item) -> str:
    """What a model could copy: the answer, or the place of the right option."""
    return str(item.choices.index(item.answer)) if item.choices else item.answer


def shot_items(task_id: str, variant: str, count: int) -> tuple[Item, ...]:
    """The answered questions of a task: the first words by hash whose answers are as different as they can be.

    Args:
        task_id: Name of the task.
        variant: Its variant.
        count: Number of questions.

    Raises:
        SuiteDefinitionError: If too few words fit the task.
    """
    task_id, variant = TASKS[task_id].question(variant)
    task = TASKS[task_id]
    words = sorted(_words(), key=lambda word: H(VERSION, "shots", task_id, variant, word.text))
    made = [item for number, word in enumerate(words) if (item := _shot(task, variant, word, number)) is not None]
    if len(made) < count:
        problem = f"only {len(made)} of the {count} answered questions can be made for {task_id}/{variant}"
        raise SuiteDefinitionError("prompts.toml", f"shots.words: {problem}")
    used: Counter[str] = Counter()
    found: list[Item] = []
    for _ in range(count):
        # seldom answers first, and never the answer before where another is left
        last = _kind(found[-1]) if found else None
        chosen = min(made, key=lambda item: (used[_kind(item)], _kind(item) == last))
        made.remove(chosen)
        used[_kind(chosen)] += 1
        found.append(chosen)
    return tuple(found)
