from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import VectorFormatError
from tokbench.suites.definition import VectorSet, load_definition
from tokbench.suites.exactness.vectors import (
    check_vectors,
    find_sets,
    format_ids,
    format_kitoken,
    format_llama,
    parse_ids,
    parse_kitoken,
    parse_llama,
    read_set,
    vector_rows,
)
from tokbench.tokenizers import load_tokenizer

SEPARATOR = "__ggml_vocab_test__"
TEXTS = st.lists(st.text(st.sampled_from("ab \\nsx\r\n\té🦙")) | st.text())
IDS = st.lists(st.lists(st.integers(0, 2**31), max_size=6))


def entry(**changes: object) -> VectorSet:
    fields: dict[str, object] = {
        "set": "demo",
        "format": "kitoken",
        "folder": "kitoken/demo",
        "stem": "toy",
        "cases": 3,
        "specials": "text",
        "backends": frozenset({"bytes"}),
        "sha256": frozenset({"00"}),
        "names": frozenset(),
    }
    return VectorSet(**(fields | changes))  # type: ignore[arg-type]


def write_kitoken(root: Path, small: str, tokens: str, *, utf8: str = "é\n\n") -> None:
    folder = root / "kitoken" / "demo"
    folder.mkdir(parents=True)
    for source, text, ids in (
        ("small", small, tokens),
        ("mixed", "a\n", "97\n"),
        ("utf8", utf8, "195, 169, 10, 10\n"),
    ):
        (folder.parent / f"{source}_input.txt").write_text(text, encoding="utf-8", newline="")
        (folder / f"{source}_tokens_toy.txt").write_text(ids, encoding="utf-8", newline="")


@pytest.mark.property
@given(TEXTS)
def test_kitoken_cases_survive_writing_and_reading(cases: list[str]) -> None:
    written = format_kitoken(cases)
    assert parse_kitoken(written) == cases
    assert format_kitoken(parse_kitoken(written)) == written


@pytest.mark.property
@given(st.lists(st.text().filter(lambda text: SEPARATOR not in text)))
def test_llama_cases_survive_writing_and_reading(cases: list[str]) -> None:
    written = format_llama(cases)
    assert parse_llama(written) == cases
    assert format_llama(parse_llama(written)) == written


@pytest.mark.property
@given(IDS, st.sampled_from([",", " "]))
def test_ids_survive_writing_and_reading_and_keep_their_number(rows: list[list[int]], separator: str) -> None:
    written = format_ids(rows, separator)
    parsed = parse_ids(written, "tokens.txt", separator)
    assert parsed == [tuple(row) for row in rows]
    assert format_ids(parsed, separator) == written


def test_escapes_empty_lines_and_carriage_returns_of_kitoken() -> None:
    assert parse_kitoken("a\\nb\r\n\n\\s\n\\x\n\\\\xn\n") == ["a\nb", " ", "", "\\n"]


def test_a_blank_line_is_a_case_without_ids() -> None:
    assert parse_ids(" 1 2\n\n 3\n", "x.out", " ") == [(1, 2), (), (3,)]
    assert parse_llama(f"a\n{SEPARATOR}\n\n{SEPARATOR}\n") == ["a", ""]


def test_what_is_no_id_names_file_and_line() -> None:
    with pytest.raises(VectorFormatError, match=r"tokens\.txt: line 2: expected ids separated by ',', found '3, x'"):
        parse_ids("1, 2\n3, x\n", "tokens.txt", ",")


def test_numbers_of_cases_that_differ_name_both_counts(tmp_path: Path) -> None:
    write_kitoken(tmp_path, "a\nb\n", "97\n")
    with pytest.raises(VectorFormatError, match=r"small_tokens_toy\.txt: 1 lists of ids for the 2 cases of small_inp"):
        read_set(entry(), tmp_path)


def test_a_set_of_another_size_than_defined_is_refused(tmp_path: Path) -> None:
    write_kitoken(tmp_path, "a\n", "97\n")
    with pytest.raises(VectorFormatError, match="demo: 3 cases in the files, 4 in the definition"):
        read_set(entry(cases=4), tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VectorFormatError, match=r"small_input\.txt: this file of the set cannot be read"):
        read_set(entry(), tmp_path)


def test_rows_tell_right_from_wrong(tmp_path: Path) -> None:
    write_kitoken(tmp_path, "a\nb\n", "97\n99\n")
    (tmp_path / "kitoken" / "demo" / "mixed_output_toy.txt").write_text("other\n", encoding="utf-8")
    tokenizer, demo = load_tokenizer("bytes"), entry(cases=4)
    rows = vector_rows(demo, check_vectors(tokenizer, demo, read_set(demo, tmp_path)))
    assert [sample.outcome for sample in rows.samples] == ["correct", "wrong", "wrong", "correct"]
    assert rows.samples[0].item_id == "vectors/demo/000"
    assert "ids differ from index 0: expected [99], found [98]" in rows.samples[1].message
    assert "decode: expected 'other', found 'a'" in rows.samples[2].message
    assert [(metric.metric, metric.filter, metric.k, metric.n) for metric in rows.metrics] == [
        ("vectors.encode", "demo", 3, 4),
        ("vectors.decode", "demo", 2, 4),
    ]


def test_the_utf8_file_is_one_case_as_a_whole(tmp_path: Path) -> None:
    write_kitoken(tmp_path, "a\n", "97\n")
    assert read_set(entry(), tmp_path)[-1].text == "é\n\n"


def test_an_id_that_does_not_exist_is_a_failed_case(tmp_path: Path) -> None:
    write_kitoken(tmp_path, "a\n", "999\n")
    results = check_vectors(load_tokenizer("bytes"), entry(), read_set(entry(), tmp_path))
    assert re.search("no token id 999", results[0].problem)
    assert vector_rows(entry(), results).samples[0].outcome == "failed"


def test_no_set_belongs_to_a_tokenizer_without_files() -> None:
    assert find_sets(load_tokenizer("bytes"), load_definition().vectors) == []
