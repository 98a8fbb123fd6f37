"""Items with their answers as one frame: which subsets an item belongs to, and which trivial answers it was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any

from tokbench.suites.charbench._parse import nfc
from tokbench.suites.charbench.baselines import Baselines
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.tasks import TASKS
from tokbench.suites.charbench.words import units_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SUBSETS", "Trivial", "items_of", "part_of", "said", "subsets", "trivial"]

SUBSETS = ("rep", "absent", "level", "case", "length")
"""What items are divided by; the columns of :func:`subsets`."""

_FIELDS = tuple(field.name for field in fields_of(Item))

_BANDS = ((50, "common"), (70, "medium"), (95, "rare"))
"""Highest level of each band of frequency."""


def part_of(task: str, variant: str) -> str:
    """How a variant of a task is called in the column ``filter`` of metrics."""
    return task if variant == "std" else f"{task}/{variant}"


def items_of(items: pl.DataFrame) -> Iterator[Item]:
    """The rows of a frame of items as items again."""
    for row in items.select(_FIELDS).iter_rows():
        values: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
        values["args"] = tuple(tuple(entry.split("=", 1)) for entry in values["args"])
        values["choices"] = tuple(values["choices"])
        yield Item(**values)


def _band(level: int | None) -> str | None:
    return None if level is None else next((name for highest, name in _BANDS if level <= highest), None)


def _occurrences(item: Item) -> int | None:
    """How often the queried character is in the word; None where none is queried."""
    if item.query_char is None:
        return None
    # code points need no list: one character is a substring exactly where it is a unit
    units = item.word if item.unit == "codepoint" else units_of(item.word, item.unit)
    return units.count(item.query_char)


def subsets(items: pl.DataFrame) -> pl.DataFrame:
    """The subsets that each item belongs to, as columns of text beside ``item_id``.

    ``by_rep`` is 0 or 1, null where the queried character is absent or none is queried; ``by_absent`` 1 or null;
    ``by_level`` a band; ``by_case`` and ``by_length`` as the item has them.
    """
    import polars as pl

    rows: list[tuple[str, str | None, str | None, str | None, str, str]] = []
    for item in items_of(items):
        count = _occurrences(item)
        rep = None if not count else str(int(count > 1))
        absent = "1" if count == 0 else None
        rows.append((item.item_id, rep, absent, _band(item.level), item.case_form, str(item.length)))
    schema = dict.fromkeys(("item_id", *(f"by_{name}" for name in SUBSETS)), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


# ---------------------------------------------------------------------- trivial answers


@dataclass(frozen=True, slots=True)
class Trivial:
    """The trivial answers to a task, or to a variant of it.

    Attributes:
        values: Share of items on which each is right, as :attr:`~.baselines.Baselines.values` names them.
        answers: What the constant ones say.
        n: Items, or words of the list where the values are expectations.
        exact: Whether they are expectations.
    """

    values: Mapping[str, float]
    answers: Mapping[str, str]
    n: int
    exact: bool


def trivial(parts: Mapping[str, tuple[Baselines, int]]) -> Trivial:
    """Baselines of the variants of a task as those of the task: a trivial reader knows which variant is asked.

    Args:
        parts: By variant its baselines and the number of items that count.
    """
    found = [entry for entry, _ in parts.values()]
    total = sum(weight for _, weight in parts.values())
    names = [name for name in found[0].values if all(name in entry.values for entry in found)]
    values = {name: sum(entry.values[name] * weight for entry, weight in parts.values()) / total for name in names}
    answers = {}
    if len(found) == 1:
        guesses = {"const": found[0].b_const, **found[0].heuristics}
        answers = {name: guess.answer for name, guess in guesses.items() if guess.answer}
    exact = all(entry.exact for entry in found)
    return Trivial(values, answers, found[0].n if len(found) == 1 else total, exact)


def _says(item: Item, entry: Baselines) -> Iterator[tuple[str, str]]:
    yield "const", entry.b_const.answer
    yield "len-best", entry.b_len.answers.get(str(item.length), "")
    if entry.b_letter is not None:
        yield "letter-best", entry.b_letter.answers.get(item.query_char or "", "")
    yield from TASKS[item.task].heuristics(item).items()


def said(items: pl.DataFrame, parsed: Mapping[str, str], entry: Baselines) -> dict[str, int]:
    """How many answers are equal to what each trivial answer says, items of one task and variant.

    Args:
        items: The items.
        parsed: What was read from the answer, by item; items without an answer are not in it.
        entry: Trivial answers to the task.
    """
    found: dict[str, int] = {}
    for item in items_of(items):
        answer = parsed.get(item.item_id)
        same = None if answer is None else nfc(answer)
        for name, guess in _says(item, entry):
            found[name] = found.get(name, 0) + (same is not None and same == nfc(guess))
    return found
