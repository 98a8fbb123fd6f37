"""What the rows of a recording say: keys and answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokbench.errors import RecordingError
from tokbench.models._replay_columns import Columns
from tokbench.models._replay_files import Table
from tokbench.models.completion import FinishReason
from tokbench.results import unescape

__all__ = ["Answer", "collect"]

_SAMPLES = frozenset({"run_id", "suite", "suite_version", "item_id", "outcome", "completion", "ids"})
"""Columns by which ``samples.parquet`` of a run is known; its strings are escaped."""

_FINISH: Mapping[str, FinishReason] = {
    "": "", "stop": "stop", "length": "length", "refused": "refused", "refusal": "refused",
    "content_filter": "refused", "end_turn": "stop", "stop_sequence": "stop", "eos": "stop", "max_tokens": "length",
}  # fmt: skip
"""Why a completion ended, in our words and in those of common servers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a row says; ``text`` is None where nothing came back."""

    row: int
    text: str | None
    ids: tuple[int, ...] | None
    finish: FinishReason

    def same(self, other: Answer) -> bool:
        """Whether two rows say the same."""
        return (self.text, self.ids, self.finish) == (other.text, other.ids, other.finish)


# ---------------------------------------------------------------------- rows


class _Reader:
    """Reads the parts of rows."""

    def __init__(self, table: Table, columns: Columns) -> None:
        self._path = table.path
        self._columns = columns
        self._escaped = table.path.lower().endswith(".parquet") and set(table.columns) >= _SAMPLES

    def _refuse(self, row: int, column: str, value: object, expected: str) -> RecordingError:
        return RecordingError(self._path, row, f"column {column!r} holds {value!r:.60}: expected {expected}")

    def _value(self, row: int, values: Mapping[str, object], column: str) -> object:
        if column not in values:
            has = ", ".join(map(repr, values))
            raise RecordingError(self._path, row, f"no field {column!r}: the row has {has or 'none'}")
        return values[column]

    def _text(self, row: int, values: Mapping[str, object], column: str) -> str | None:
        value = self._value(row, values, column)
        if value is not None and not isinstance(value, str):
            raise self._refuse(row, column, value, "text")
        return unescape(value) if value is not None and self._escaped else value

    def _word(self, row: int, values: Mapping[str, object], column: str) -> str:
        """A value of a column that makes the key: text or a whole number."""
        value = self._value(row, values, column)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self._refuse(row, column, value, "text or a whole number")
        word = str(value)
        if self._escaped:
            word = unescape(word)
        return self._columns.values.get(column, {}).get(word, word)

    def key(self, row: int, values: Mapping[str, object]) -> str:
        """The key that a row answers."""
        columns = self._columns
        if columns.template is not None:
            parts = []
            for literal, column, length, spec in columns.template:
                parts.append(literal)
                if column is not None:
                    word = self._word(row, values, column)
                    parts.append(self._formatted(row, column, len(word) if length else word, spec))
            return "".join(parts)
        assert columns.key is not None, "one of the two"
        key = self._word(row, values, columns.key)
        if not key:
            raise self._refuse(row, columns.key, key, "the key of an item")
        detail = self._detail(values)
        if isinstance(prompt := detail.get("prompt_id"), str) and isinstance(written := detail.get("rendering"), str):
            return f"{key}|{prompt}|{written}"  # a run of another wording does not answer this one
        return key

    def _formatted(self, row: int, column: str, value: str | int, spec: str) -> str:
        try:
            return format(value, spec)
        except ValueError as error:
            raise self._refuse(row, column, value, f"what :{spec} of key_template can write ({error})") from None

    def _detail(self, values: Mapping[str, object]) -> Mapping[str, object]:
        """What ``samples.parquet`` says of a sample beside its columns."""
        written = values.get("detail") if self._escaped else None
        try:
            found = json.loads(written) if isinstance(written, str) else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def answer(self, row: int, values: Mapping[str, object]) -> Answer:
        """What it answers."""
        columns = self._columns
        text = self._text(row, values, columns.text)
        ids = None if columns.ids is None else self._ids(row, columns.ids, values.get(columns.ids))
        finish = self._detail(values).get("finish_reason") if columns.finish is None else values.get(columns.finish)
        return Answer(row, text, ids, self._finish(row, columns.finish or "detail", finish))

    def _finish(self, row: int, column: str, value: object) -> FinishReason:
        word = "" if value is None else value
        if isinstance(word, str):
            word = self._columns.values.get(column, {}).get(word, word)
        if not isinstance(word, str) or word not in _FINISH:
            expected = f"one of {', '.join(filter(None, _FINISH))}, or empty; rename others by [values.{column}]"
            raise self._refuse(row, column, value, expected)
        return _FINISH[word]

    def _ids(self, row: int, column: str, value: object) -> tuple[int, ...] | None:
        found = value
        if isinstance(value, str):
            if not value.strip():
                return None  # a CSV file has no other way to say nothing; no ids at all are []
            try:
                found = json.loads(value) if value.lstrip().startswith("[") else [int(part) for part in value.split()]
            except (ValueError, RecursionError):
                found = value
        if found is None:
            return None
        if not isinstance(found, list) or not all(type(part) is int and part >= 0 for part in found):
            raise self._refuse(row, column, value, "token ids: a JSON list, or whole numbers between spaces")
        return tuple(found)


def collect(table: Table, columns: Columns, *, last: bool) -> tuple[dict[str, Answer], tuple[str, ...]]:
    """The answers by key, and what became of rows with one key.

    A row without an answer gives way to one with an answer: a request that failed and was asked again.

    Raises:
        RecordingError: If a value is none of its kind, or two rows have different answers and ``last`` is not set.
    """
    reader = _Reader(table, columns)
    answers: dict[str, Answer] = {}
    same: list[tuple[int, str]] = []
    replaced: list[tuple[int, str]] = []
    for row, values in table.rows:
        key, answer = reader.key(row, values), reader.answer(row, values)
        before = answers.get(key)
        if before is None or before.text is None:
            answers[key] = answer
        elif before.same(answer) or answer.text is None:
            same.append((row, key))
        elif last:
            replaced.append((row, key))
            answers[key] = answer
        else:
            problem = f"another answer to {key!r} than row {before.row}: remove one, or use on_duplicate=last"
            raise RecordingError(table.path, row, problem)
    name = Path(table.path).name
    counted = (("repeated rows, dropped", same), ("rows that replaced another answer", replaced))
    return answers, tuple(
        f"{name}: {what}: {len(rows)} (the first is row {rows[0][0]}, {rows[0][1]!r})" for what, rows in counted if rows
    )
