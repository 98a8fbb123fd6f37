"""Items of the suite ``charbench`` that the tests of several modules ask about."""

from __future__ import annotations

from collections.abc import Sequence

from tokbench.suites.charbench.item import AnswerType, Item, Word, case_form
from tokbench.suites.charbench.tasks.core import PAPER

CORE = {task.id: task for task in PAPER}


def core_item(task: str, word: str, char: str = "", place: int = 0) -> Item:
    """An item of one of the four tasks of the paper."""
    fields = CORE[task].fields(Word(word, tuple(word)), char, None)
    return Item(
        item_id=f"charbench-1/natural/{task}/std/L{len(word)}/{place}", task=task, variant="std",
        gold_profile="natural", list_name="test", word=word, unit="codepoint", length=len(word), level=None,
        case_form=case_form(word), answer=fields.answer, answer_type="int", query_char=fields.query_char,
        gold_index=fields.gold_index, index_base=fields.index_base,
    )  # fmt: skip


def item_of(
    answer_type: AnswerType, answer: str, *, word: str = "strawberry", task: str = "made", choices: Sequence[str] = ()
) -> Item:
    """An item with a given answer."""
    return Item(
        item_id=f"charbench-1/balanced/{task}/std/L{len(word)}/0", task=task, variant="std", gold_profile="balanced",
        list_name="test", word=word, unit="codepoint", length=len(word), level=None, case_form="lower", answer=answer,
        answer_type=answer_type, choices=tuple(choices),
    )  # fmt: skip
