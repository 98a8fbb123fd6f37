"""The published rows: read as text, checked, and replayed."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tokbench.errors import RecordingError
from tokbench.models import _replay
from tokbench.models.completion import Prompt
from tokbench.suites.charbench import rows
from tokbench.suites.charbench.grading import grade
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.prompts import render
from tokbench.suites.charbench.rows import COLUMNS, TASK_IDS, read_rows, replay_mapping

QUESTIONS = {
    "count_character_frequency": "How many times does the character '{c}' appear in the string '{w}'?",
    "count_unique_chars": "How many unique characters appear in the string '{w}'?",
    "find_first_occurrence": (
        "What is the index of the first occurrence of the character '{c}' in the string '{w}'?\nStart counting from 0."
    ),
    "find_last_occurrence": (
        "What is the index of the last occurrence of the character '{c}' in the string '{w}'?\nStart counting from 0."
    ),
}

CASES = [
    ("count_character_frequency", "mississippi", "s", "4"),
    ("count_unique_chars", "balloon", "", "5"),
    ("find_first_occurrence", "cheese", "e", "2"),
    ("find_last_occurrence", "cinnamon", "n", "7"),
    ("count_unique_chars", "null", "", "3"),
    ("count_character_frequency", "NULL", "L", "2"),
    ("find_first_occurrence", "None", "e", "3"),
    ("find_last_occurrence", "nan", "n", "2"),
    ("count_unique_chars", "true", "", "4"),
    ("find_first_occurrence", "McCain", "C", "2"),
]
"""Task, word, character and answer: the examples of the paper's table 1, and words that readers take for something."""


def _row(place: int, task: str, word: str, char: str, answer: str) -> dict[str, str]:
    question = QUESTIONS[task].format(c=char, w=word)
    values = (str(place), question, answer, word, char, task)
    return dict(zip(COLUMNS, values, strict=True))


ROWS = [_row(place, *case) for place, case in enumerate(CASES)]


def _write(path: Path, table: Sequence[Mapping[str, str]], columns: Sequence[str] = COLUMNS, **options: str) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, **options)  # type: ignore[arg-type]
        writer.writeheader()
        writer.writerows(table)
    return path


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    """The items of :data:`ROWS`."""
    return read_rows(_write(tmp_path / "rows.csv", ROWS))


def test_every_value_is_text(items: list[Item]) -> None:
    assert [item.word for item in items] == [word for _, word, _, _ in CASES]
    assert [item.answer for item in items] == [answer for *_, answer in CASES]
    assert [item.query_char for item in items] == [char or None for _, _, char, _ in CASES]
    assert [item.task for item in items] == [TASK_IDS[task] for task, *_ in CASES]


def test_what_an_item_says(items: list[Item]) -> None:
    assert items[3] == Item(
        item_id="charbench-1/rows/find_last/std/L8/3", task="find_last", variant="std", gold_profile="rows",
        list_name="charbench", word="cinnamon", unit="codepoint", length=8, level=None, case_form="lower", answer="7",
        answer_type="int", query_char="n", gold_index=7, index_base=0, gold_bin="7", rep=1,
    )  # fmt: skip
    assert [item.case_form for item in items[-5:]] == ["upper", "title", "lower", "lower", "mixed"]
    assert [item.rep for item in items] == [0, 0, 1, 1, 0, 0, 0, 1, 0, 0]
    for item, row in zip(items, ROWS, strict=True):
        assert f"Question: {row['question']}\n" in render(item, "charbench-2025").text


def test_other_columns_line_ends_and_a_mark_of_order(items: list[Item], tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", [{**row, "more": "x"} for row in ROWS], ("more", *reversed(COLUMNS)))
    assert read_rows(str(path)) == items
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert read_rows(path) == items


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"word": ""}, "the word is empty: save the file without taking words such as null for missing values"),
        ({"answer": "1"}, "the answer is '1', but 2 is right for find_first of 'cheese'"),
        ({"answer": ""}, "the answer is '', but 2 is right"),
        ({"question": "Where is e?"}, "the question is 'Where is e?', but the paper's is \"What is the index"),
        ({"character": ""}, "the character is '': expected exactly one"),
        ({"character": "ee"}, "the character is 'ee': expected exactly one"),
        ({"character": "x"}, "the character 'x' is not in the word 'cheese'"),
        ({"task": "find_first"}, "the task is 'find_first': expected one of count_character_frequency, "),
        ({"question_idx": "2.0"}, "question_idx is '2.0': expected a number"),
        ({"question_idx": "-2"}, "question_idx is '-2': expected a number"),
    ],
)
def test_a_row_that_contradicts_itself(change: dict[str, str], problem: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.csv", [ROWS[0], ROWS[1], {**ROWS[2], **change}, ROWS[3]])
    with pytest.raises(RecordingError) as found:
        read_rows(path)
    assert found.value.row == 3
    assert str(found.value).startswith(f"{path}, row 3: {problem}")


def test_a_row_that_is_there_twice(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="row 3: question_idx 0 was row 1 already"):
        read_rows(_write(tmp_path / "rows.csv", [ROWS[0], ROWS[1], ROWS[0]]))


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"

    def fails(data: bytes, problem: str) -> None:
        path.write_bytes(data)
        with pytest.raises(RecordingError, match=problem):
            read_rows(path)

    with pytest.raises(RecordingError, match="cannot be read"):
        read_rows(path)
    fails(b"", "found an empty file")
    fails(b"question_idx,word\n", "expected one column each of question_idx, question, .*; found question_idx, word")
    head = ",".join(COLUMNS).encode() + b"\n"
    fails(head, "no row behind the header")
    fails(head + b"1,2\n", "row 1: 2 fields, but the header has 6")
    fails(head + b"\xff", "byte 0xFF at 49 is not UTF-8")
    fails(head + b'0,"a"b,1,a,a,b\n', "no CSV with commas and double quotes")


# ---------------------------------------------------------------------- replay


def test_recorded_answers_are_found_by_the_columns_of_the_rows(items: list[Item], tmp_path: Path) -> None:
    answers = [{**row, "response": row["answer"] if place else "I count 4."} for place, row in enumerate(ROWS[:-1])]
    path = _write(tmp_path / "answers.csv", answers, (*COLUMNS, "response"))
    model = _replay.load("replay:answers.csv", str(path), None, {"mapping": str(replay_mapping())})
    prompts = [
        Prompt(messages=render(item, "charbench-2025").messages(), key=f"{item.item_id}|charbench-2025|inline")
        for item in items
    ]
    graded = [grade(item, completion) for item, completion in zip(items, model.generate(prompts), strict=True)]
    assert [one.status for one in graded] == ["lenient", *["strict"] * 8, "missing"]
    assert all(one.correct_strict for one in graded[1:-1])


# ---------------------------------------------------------------------- planted fault


def test_a_reader_that_infers_missing_values_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens to a file that such a program has saved."""
    read = rows._rows

    def inferring(path: Path) -> object:
        for number, row in read(path):
            yield (
                number,
                {name: "" if value in {"null", "NULL", "None", "nan"} else value for name, value in row.items()},
            )

    monkeypatch.setattr(rows, "_rows", inferring)
    with pytest.raises(RecordingError, match="row 5: the word is empty"):
        read_rows(_write(tmp_path / "rows.csv", ROWS))
