"""The published rows as items (arXiv 2508.02591, ``charbench-csv:FILE``): the very questions of the paper.

The file has the columns ``question_idx, question, answer, word, character, task``. Every value is read as text, so the
words ``null``, ``NULL``, ``None``, ``nan`` and ``true`` stay words. What a row says is not believed: the answer is
computed again, and the question is compared with our rendering of it.

Answers that were recorded elsewhere are replayed through the mapping ``suites/charbench/replay-rows.toml``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from tokbench._resources import resource
from tokbench.errors import RecordingError
from tokbench.suites.charbench._wordings import frame_of, text_of
from tokbench.suites.charbench.item import Item, Word, case_form
from tokbench.suites.charbench.prompts import PAPER_PROMPT, render
from tokbench.suites.charbench.ranking import VERSION
from tokbench.suites.charbench.tasks.core import PAPER, Core

__all__ = ["COLUMNS", "TASK_IDS", "read_rows", "replay_mapping"]

COLUMNS = ("question_idx", "question", "answer", "word", "character", "task")
"""Columns of the published file; others are ignored."""

TASK_IDS: Mapping[str, str] = MappingProxyType(
    {
        "count_character_frequency": "count_char",
        "count_unique_chars": "count_unique",
        "find_first_occurrence": "find_first",
        "find_last_occurrence": "find_last",
    }
)
"""Our name of a task by its name in the file."""

_TASKS: Mapping[str, Core] = MappingProxyType({task.id: task for task in PAPER})


def replay_mapping() -> Path:
    """The mapping by which ``replay:`` finds recorded answers to these rows (columns question_idx, task, word)."""
    return resource("suites", "charbench", "replay-rows.toml")


# ---------------------------------------------------------------------- the file


def _records(path: Path) -> Iterator[list[str]]:
    """The records of a CSV file, the header first; a blank line is none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RecordingError(str(path), None, f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        problem = f"byte 0x{error.object[error.start]:02X} at {error.start:,} is not UTF-8: save the file as UTF-8"
        raise RecordingError(str(path), None, problem) from error
    row = 0
    try:
        for record in csv.reader(io.StringIO(text, newline=""), strict=True):
            if record:
                yield record
                row += 1
    except csv.Error as error:
        raise RecordingError(str(path), row or None, f"no CSV with commas and double quotes ({error})") from error


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and values of every row."""
    records = _records(path)
    header = next(records, [])
    missing = [name for name in COLUMNS if header.count(name) != 1]
    if missing:
        problem = f"expected one column each of {', '.join(COLUMNS)}; found {', '.join(header) or 'an empty file'}"
        raise RecordingError(str(path), None, problem)
    for number, record in enumerate(records, 1):
        if len(record) != len(header):
            raise RecordingError(str(path), number, f"{len(record)} fields, but the header has {len(header)}")
        yield number, dict(zip(header, record, strict=True))


# ---------------------------------------------------------------------- one row


def _queried(row: Mapping[str, str], task: str) -> tuple[str, str]:
    """The queried character (``""`` for none), and what is wrong with it (``""`` for nothing)."""
    word, char = row["word"], row["character"]
    if task == "count_unique":
        return "", ""
    if len(char) != 1:
        return char, f"the character is {char!r}: expected exactly one"
    return char, "" if char in word else f"the character {char!r} is not in the word {word!r}"


def _problem(row: Mapping[str, str]) -> str:
    """What makes it impossible to read a row; ``""`` for nothing."""
    if row["task"] not in TASK_IDS:
        return f"the task is {row['task']!r}: expected one of {', '.join(TASK_IDS)}"
    if not (row["question_idx"].isascii() and row["question_idx"].isdecimal()):
        return f"question_idx is {row['question_idx']!r}: expected a number"
    if not row["word"]:
        return "the word is empty: save the file without taking words such as null for missing values"
    return _queried(row, TASK_IDS[row["task"]])[1]


def _item(row: Mapping[str, str]) -> Item:
    task = _TASKS[TASK_IDS[row["task"]]]
    word, char = row["word"], _queried(row, task.id)[0]
    fields = task.fields(Word(word, tuple(word)), char, None)
    return Item(
        item_id=f"{VERSION}/rows/{task.id}/std/L{len(word)}/{row['question_idx']}", task=task.id, variant="std",
        gold_profile="rows", list_name="charbench", word=word, unit="codepoint", length=len(word), level=None,
        case_form=case_form(word), answer=fields.answer, answer_type=task.answer_type, query_char=fields.query_char,
        gold_index=fields.gold_index, index_base=fields.index_base, gold_bin=fields.answer,
        rep=int(task.id in {"find_first", "find_last"} and word.count(char) > 1),
    )  # fmt: skip


def read_rows(path: Path | str) -> list[Item]:
    """The items of a file of published rows, in its order.

    Their ids are ``charbench-1/rows/<task>/std/L<length>/<question_idx>``.

    Args:
        path: The CSV file.

    Raises:
        RecordingError: If the file cannot be used, or a row contradicts itself, is there twice, has no word, or asks
            in other words than the paper; the error has the number of the row.
    """
    path = Path(path)
    before, _, behind = text_of(frame_of(PAPER_PROMPT), PAPER_PROMPT, "frame").partition("{question}")
    items: list[Item] = []
    seen: dict[str, int] = {}
    for number, row in _rows(path):
        if problem := _problem(row):
            raise RecordingError(str(path), number, problem)
        item = _item(row)
        if item.answer != row["answer"].strip():
            problem = f"the answer is {row['answer']!r}, but {item.answer} is right for {item.task} of {item.word!r}"
            raise RecordingError(str(path), number, problem)
        asked = row["question"].replace("\r\n", "\n")
        if (rendered := render(item, PAPER_PROMPT).text) != f"{before}{asked}{behind}":
            wanted = rendered.removeprefix(before).removesuffix(behind)
            raise RecordingError(str(path), number, f"the question is {asked!r}, but the paper's is {wanted!r}")
        if item.item_id in seen:
            problem = f"question_idx {row['question_idx']} was row {seen[item.item_id]} already"
            raise RecordingError(str(path), number, problem)
        seen[item.item_id] = number
        items.append(item)
    if not items:
        raise RecordingError(str(path), None, "no row behind the header")
    return items
