"""Items from a profile: built, as a frame, and hashed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING

from tokbench.errors import OptionError, UnknownNameError, WordListError
from tokbench.suites.charbench.item import Item, case_form
from tokbench.suites.charbench.ranking import VERSION
from tokbench.suites.charbench.selection import OPEN_CELL, PROFILES, Chosen, Shortfall, balanced, natural
from tokbench.suites.charbench.task import Task
from tokbench.suites.charbench.tasks import select_tasks
from tokbench.suites.charbench.tasks.core import PAPER, Core
from tokbench.suites.charbench.words import WordList, load_words, script_of, units_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["GOLDS", "LENGTHS", "build_items", "frame", "gold_counts", "items_sha256", "shortfalls"]

LENGTHS = tuple(range(4, 11))
"""Lengths of the paper, in characters."""

GOLDS = ("balanced", "natural")


def _item(task: Task, variant: str, gold_profile: str, words: WordList, length: int, chosen: Chosen) -> Item:
    fields = task.member(chosen.fields, chosen.word, variant)
    text, units = chosen.word.text, chosen.word.units
    if fields.word is not None:
        text, units = fields.word, units_of(fields.word, words.unit)
    return Item(
        item_id=f"{VERSION}/{gold_profile}/{task.id}/{variant}/L{length}/{chosen.index}",
        task=task.id, variant=variant, gold_profile=gold_profile, list_name=words.name, word=text,
        unit=words.unit, length=length, level=chosen.word.level, case_form=case_form(units),
        answer=fields.answer, answer_type=task.answer_type, query_char=fields.query_char, query_pos=fields.query_pos,
        args=fields.args, choices=fields.choices, gold_index=fields.gold_index, index_base=fields.index_base,
        gold_bin=str(chosen.gold), rep=chosen.rep,
    )  # fmt: skip


def _checked(profile: str, gold: str, tasks: Sequence[str]) -> tuple[int, tuple[Task, ...]]:
    if profile not in PROFILES:
        raise UnknownNameError("profile", profile, tuple(PROFILES))
    if gold not in GOLDS:
        raise UnknownNameError("gold profile", gold, GOLDS)
    chosen = select_tasks(tasks)
    other = [task.id for task in chosen if task not in PAPER]
    if gold == "natural" and other:
        ids = ", ".join(task.id for task in PAPER)
        raise OptionError("gold", gold, f"only tasks of the paper ({ids}; --tasks paper), not {other[0]}")
    return PROFILES[profile], chosen


def build_items(
    profile: str = "core",
    gold: str = "balanced",
    tasks: Sequence[str] = ("standard",),
    seed: int = 0,
    words: WordList | str = "builtin:en-scowl-95",
    lengths: Sequence[int] = LENGTHS,
    missing: list[Shortfall] | None = None,
) -> list[Item]:
    """The items of a profile, sorted by task, variant, length and place.

    Args:
        profile: ``smoke``, ``core`` or ``full``: 8, 250 or 6,250 items a task and length.
        gold: ``balanced`` or ``natural``.
        tasks: Names of tasks or sets.
        seed: Part of every hash.
        words: The word list or its source.
        lengths: Lengths of words, in characters.
        missing: Filled with what the list could not give (balanced only).

    Raises:
        UnknownNameError: If a name does not exist.
        OptionError: If ``natural`` is asked for tasks beyond the paper's.
        WordListError: If the list is too small for ``natural``, or gives no item at all.
    """
    count, chosen = _checked(profile, gold, tasks)
    pool = load_words(words) if isinstance(words, str) else words
    if gold == "natural":
        core = [task for task in chosen if isinstance(task, Core)]
        return [
            _item(task, "std", gold, pool, length, made)
            for task, length, made in natural(pool, core, lengths, count, seed)
        ]
    found = []
    for task in chosen:
        for selection, variants in task.selections.items():
            made: list[tuple[int, Chosen]] = []
            for length in lengths:
                entries, short = balanced(pool, task, selection, length, count, seed)
                if short is not None and missing is not None:
                    missing.append(short)
                made += [(length, entry) for entry in entries]
            found += [_item(task, variant, gold, pool, length, entry) for variant in variants for length, entry in made]
    if not found:
        problem = f"gives no item: a gold answer is asked for if {OPEN_CELL} words of one length have it"
        raise WordListError(pool.source, None, problem)
    return found


def items_sha256(items: Iterable[Item]) -> str:
    """SHA-256 over one line for each item, in order: task, length, place, word, queried character and gold.

    Tasks with variants and further arguments write these too, so that no two sets of items share a hash.
    """
    digest = hashlib.sha256()
    for item in items:
        place = item.item_id.rpartition("/")[2]
        parts = [item.task, str(item.length), place, item.word, item.query_char or "", item.answer]
        if item.variant != "std":
            parts.append(item.variant)
        parts += [f"{name}={value}" for name, value in item.args]
        parts += item.choices
        digest.update(("\t".join(parts) + "\n").encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def gold_counts(items: Iterable[Item]) -> Mapping[tuple[str, str, int], Counter[str]]:
    """For each task, variant and length how often each gold answer occurs."""
    found: dict[tuple[str, str, int], Counter[str]] = {}
    for item in items:
        found.setdefault((item.task, item.variant, item.length), Counter())[item.answer] += 1
    return found


def shortfalls(missing: Sequence[Shortfall]) -> list[str]:
    """What a list of words could not give, one line each."""
    return [
        f"{entry.task}, length {entry.length}: {entry.found:,} of {entry.wanted:,} items, the list has no more"
        for entry in missing
    ]


def frame(items: Sequence[Item], words: WordList | None = None) -> pl.DataFrame:
    """Items as a frame.

    Args:
        items: The items.
        words: Their list; without it ``lang`` and ``zipf`` are null.

    Returns:
        One row an item: the fields of :class:`Item`, where ``args`` and ``choices`` are lists of text, the arguments
        as ``name=value``; and ``suite_version``, ``lang``, ``script``, ``zipf``.
    """
    import polars as pl

    text, number = pl.String(), pl.Int64()
    types: dict[str, pl.DataType] = {
        field.name: number
        if field.name in {"length", "level", "query_pos", "gold_index", "index_base", "rep"}
        else text
        for field in fields_of(Item)
    } | {"args": pl.List(pl.String), "choices": pl.List(pl.String)}
    columns: dict[str, list[object]] = {name: [getattr(item, name) for item in items] for name in types}
    columns["args"] = [[f"{name}={value}" for name, value in item.args] for item in items]
    columns["choices"] = [list(item.choices) for item in items]
    columns["script"] = [script_of(item.word) for item in items]
    columns["zipf"] = [None if words is None else words.zipf(item.word) for item in items]
    return pl.DataFrame(columns, schema=types | {"script": text, "zipf": pl.Float64()}).with_columns(
        suite_version=pl.lit(VERSION),
        lang=pl.lit(None if words is None else words.lang, dtype=pl.String),
    )
