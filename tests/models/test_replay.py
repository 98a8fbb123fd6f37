"""Recorded answers: every value is what the file says, and every doubt is an error with its row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.errors import OptionError, RecordingError
from tokbench.models import _replay_files
from tokbench.models._replay import ReplayModel, load
from tokbench.models.completion import Completion, CompletionModel, Decoding, Message, Prompt
from tokbench.results import Metric, RunKey, RunWriter, Sample, provenance

WORDS = [
    "null",
    "NULL",
    "None",
    "none",
    "true",
    "false",
    "NaN",
    "NA",
    "",
    " 3 ",
    "03",
    "1e5",
    "a,b",
    'say "x"',
    "a\nb\r\nc\rd",
]
ODD = "a\ud800b ␛ é\x00 🦙"


def _load(path: Path, **options: object) -> ReplayModel:
    return load(f"replay:{path.name}", str(path), None, options)


def _texts(model: ReplayModel, *keys: str) -> list[str]:
    return [completion.text for completion in model.generate([Prompt(text="q", key=key) for key in keys])]


def _csv(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def _jsonl(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _parquet(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    pl.DataFrame(rows).write_parquet(path)
    return path


WRITERS = {"csv": _csv, "jsonl": _jsonl, "ndjson": _jsonl, "parquet": _parquet}
formats = pytest.mark.parametrize("suffix", list(WRITERS))


def _write(folder: Path, suffix: str, rows: Sequence[Mapping[str, object]]) -> Path:
    return WRITERS[suffix](folder / f"answers.{suffix}", rows)


# ---------------------------------------------------------------------- what is read


@formats
def test_every_format_gives_the_texts_as_they_are(tmp_path: Path, suffix: str) -> None:
    rows = [{"item_id": f"i{place}", "completion": word} for place, word in enumerate(WORDS)]
    model = _load(_write(tmp_path, suffix, rows))
    assert isinstance(model, CompletionModel)
    assert len(model) == len(WORDS)
    assert _texts(model, *(f"i{place}" for place in range(len(WORDS)))) == WORDS
    assert model.warnings == ()


def _no_guess_law(path: Path, texts: Sequence[str]) -> None:
    """Every text, as key and as answer, is what the file says."""
    unique = list(dict.fromkeys(text for text in texts if text))
    _csv(path, [{"item_id": text, "completion": text} for text in unique])
    assert _texts(_load(path), *unique) == unique


@pytest.mark.property
@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(WORDS), min_size=1).filter(
        any
    )
)
def test_a_csv_file_is_never_guessed(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    _no_guess_law(tmp_path_factory.getbasetemp() / "guess.csv", texts)


def test_the_law_sees_a_reader_that_guesses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def guessing(path: str, data: bytes) -> _replay_files.Table:
        frame = pl.read_csv(io.BytesIO(data))
        return _replay_files.Table(path, tuple(frame.columns), list(enumerate(frame.iter_rows(named=True), 1)))

    _no_guess_law(tmp_path / "a.csv", ["03", "1"])
    monkeypatch.setattr(_replay_files, "_csv", guessing)
    with pytest.raises((AssertionError, RecordingError)):
        _no_guess_law(tmp_path / "a.csv", ["03", "1"])


def test_completions_in_full(tmp_path: Path) -> None:
    path = _csv(tmp_path / "a.csv", [
        {"item_id": "a", "completion": "x", "ids": "[1, 20]", "finish_reason": "length"},
        {"item_id": "b", "completion": "y", "ids": "3 4", "finish_reason": "content_filter"},
        {"item_id": "c", "completion": "z", "ids": "", "finish_reason": ""},
        {"item_id": "d", "completion": "", "ids": "[]", "finish_reason": "stop"},
    ])  # fmt: skip
    model = _load(path)
    assert model.takes == {"text", "messages", "ids"}
    done: list[tuple[int, Completion]] = []
    prompts = [
        Prompt(text="?", key="d"), Prompt(messages=(Message("user", "?"),), key="a"), Prompt(ids=(1,), key="b"),
        Prompt(text="?", key="c"), Prompt(text="?", key="nobody"), Prompt(text="?"),
    ]  # fmt: skip
    found = model.generate(prompts, Decoding(max_tokens=1), done=lambda place, one: done.append((place, one)))
    assert found[:4] == [
        Completion(text="", ids=(), finish_reason="stop"),
        Completion(text="x", ids=(1, 20), finish_reason="length"),
        Completion(text="y", ids=(3, 4), finish_reason="refused"),
        Completion(text="z"),
    ]
    assert [one.status for one in found[4:]] == ["missing", "missing"]
    assert found[4].problem == "a.csv has no row for 'nobody'"
    assert done == list(enumerate(found))
    assert model.unused([prompt.key for prompt in prompts]) == []
    assert model.unused(["c", "a"]) == ["b", "d"]
    assert [model.row(key) for key in "abcd"] == [1, 2, 3, 4]
    assert model.row("nobody") is None


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_lists_of_ids_and_rows_without_an_answer(tmp_path: Path, suffix: str) -> None:
    rows: list[dict[str, object]] = [
        {"item_id": 7, "completion": "x", "ids": [1, 2]},
        {"item_id": 8, "completion": None, "ids": None},
        {"item_id": 9, "completion": "y", "ids": []},
    ]
    model = _load(_write(tmp_path, suffix, rows))
    found = model.generate([Prompt(text="?", key=key) for key in "789"])
    assert found[0] == Completion(text="x", ids=(1, 2))
    assert (found[1].status, found[1].problem) == ("missing", f"answers.{suffix}, row 2: holds no answer")
    assert found[2] == Completion(text="y", ids=())


def test_json_lines_keep_surrogates_and_may_lack_optional_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [{"item_id": "a", "completion": ODD}, {"item_id": "b", "completion": "x", "ids": [1], "more": {}}]
    path.write_text("\n\n".join(map(json.dumps, lines)), "utf-8")
    model = _load(path)
    assert model.generate([Prompt(text="?", key=key) for key in "ab"]) == [
        Completion(text=ODD), Completion(text="x", ids=(1,)),
    ]  # fmt: skip
    assert model.row("b") == 3


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_byte_order_marks_and_line_ends(tmp_path: Path, newline: str, bom: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(bom + newline.join(["item_id,completion", "a,1", "", "b,2"]).encode())
    assert _texts(_load(tmp_path / "a.csv"), "a", "b") == ["1", "2"]
    (tmp_path / "a.jsonl").write_bytes(bom + newline.join(['{"item_id":"a","completion":"1"}', ""]).encode())
    assert _texts(_load(tmp_path / "a.jsonl"), "a") == ["1"]


def test_long_fields_are_read_and_the_limit_is_put_back(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = _csv(tmp_path / "a.csv", [{"item_id": "a", "completion": "think " * 100_000}])
    assert _texts(_load(path), "a") == ["think " * 100_000]
    assert csv.field_size_limit() == before


def test_a_row_for_an_item_answers_every_wording_and_one_for_a_wording_that_one(tmp_path: Path) -> None:
    path = _jsonl(tmp_path / "a.jsonl", [
        {"item_id": "i/1", "completion": "any"},
        {"item_id": "i/2|plain|quote", "completion": "plain"},
        {"item_id": "i/3", "completion": "any"},
        {"item_id": "i/3|plain|quote", "completion": "plain"},
    ])  # fmt: skip
    model = _load(path)
    keys = [f"i/{item}|{prompt}|quote" for item in (1, 2, 3) for prompt in ("plain", "other")]
    assert _texts(model, *keys) == ["any", "any", "plain", "", "plain", "any"]
    assert model.generate([Prompt(text="?", key="i/2|other|quote")])[0].status == "missing"
    assert model.unused(["i/1|plain|quote", "i/2|other|quote"]) == ["i/2|plain|quote", "i/3", "i/3|plain|quote"]
    assert model.unused(keys) == []


def test_samples_of_a_run_are_read_back(tmp_path: Path) -> None:
    key = RunKey(suite="charbench", suite_version="1", profile="smoke", seed=0, tokenizer="bytes", fingerprint="f" * 64)
    record = provenance(key=key, tokenizer={"spec": "bytes"}, argv=["run"])
    plain = {"prompt_id": "plain", "rendering": "quote", "finish_reason": "length"}
    samples = [
        Sample(item_id="i/1", metric="m", outcome="wrong", completion=ODD, ids=(5, 6), detail=plain),
        Sample(item_id="i/1", metric="m", outcome="correct", completion="b", detail={**plain, "prompt_id": "plain-b"}),
        Sample(item_id="i/2", metric="m", outcome="failed", detail=plain),
        Sample(item_id="␛", metric="m", outcome="wrong", completion="no detail"),
    ]
    with RunWriter.open(tmp_path, key, record) as run:
        run.append("part", samples, [Metric(metric="m", value=1.0)])
        directory = run.finish({})
    model = _load(directory / "samples.parquet")
    names = ["i/1|plain|quote", "i/1|plain-b|quote", "i/2|plain|quote", "␛"]
    found = model.generate([Prompt(text="?", key=name) for name in names])
    assert found[0] == Completion(text=ODD, ids=(5, 6), finish_reason="length")
    assert [one.text for one in found[1:]] == ["b", "", "no detail"]
    assert found[2].status == "missing"
    assert model.unused(names) == []


# ---------------------------------------------------------------------- names of columns


PUBLISHED = [
    {"question_idx": "17", "task": "count_character_frequency", "word": "null", "response": "2", "why": "eos_token"},
    {"question_idx": "17", "task": "find_first_occurrence", "word": "None", "response": "", "why": ""},
]
MAPPING = """
key_template = "charbench-1/rows/{task}/std/L{word.length}/{question_idx:>4}"
[columns]
text = "response"
finish = "why"
[values.task]
count_character_frequency = "count_char"
find_first_occurrence = "find_first"
[values.why]
eos_token = "stop"
"""


@formats
def test_keys_are_made_from_several_columns(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "m.toml").write_text(MAPPING, "utf-8")
    model = _load(_write(tmp_path, suffix, PUBLISHED), mapping=str(tmp_path / "m.toml"))
    keys = ["charbench-1/rows/count_char/std/L4/  17", "charbench-1/rows/find_first/std/L4/  17"]
    found = model.generate([Prompt(text="?", key=key) for key in keys])
    assert found == [Completion(text="2", finish_reason="stop"), Completion(text="")]
    assert model.unused(keys) == []


def test_options_win_over_the_mapping(tmp_path: Path) -> None:
    path = _csv(tmp_path / "a.csv", [{"k": "a", "k2": "b", "t": "1", "t2": "2", "n": "3 4", "f": "length"}])
    (tmp_path / "m.toml").write_text('[columns]\nkey = "k"\ntext = "t"\nids = "n"\n', "utf-8")
    assert _texts(_load(path, mapping=str(tmp_path / "m.toml")), "a") == ["1"]
    model = _load(path, mapping=str(tmp_path / "m.toml"), key="k2", text="t2", finish="f")
    assert model.generate([Prompt(text="?", key="b")]) == [Completion(text="2", ids=(3, 4), finish_reason="length")]
    (tmp_path / "m.toml").write_text('key_template = "x{k}"\ncolumns = {text = "t"}', "utf-8")
    assert _texts(_load(path, mapping=str(tmp_path / "m.toml")), "xa") == ["1"]
    assert _texts(_load(path, mapping=str(tmp_path / "m.toml"), key="k2"), "b") == ["1"]


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("[column]", "the mapping holds 'column': expected some of key_template, columns, values"),
        ("[columns]\nname = 'x'", "columns holds 'name': expected some of key, text, ids, finish"),
        ("[columns]\nkey = 1", "columns: expected a table of strings"),
        ("values = 1", "values: expected a table for each column"),
        ("[values]\nx = 1", r"values\.x: expected a table of strings"),
        ("[values.completion]\na = 'b'", "values holds 'completion': expected some of item_id"),
        ("key_template = 1", "key_template: expected a string"),
        ("key_template = 'x'", "names no column: all rows would have one key"),
        ("key_template = '{item_id'", "key_template '{item_id': expected '}'"),
        ("key_template = '{item_id!r}'", "{item_id} is no {column} or {column.length}"),
        ("key_template = '{item_id.upper}'", "{item_id.upper} is no"),
        ("key_template = '{}'", "{} is no"),
        ("key_template = '{item_id:d}'", "row 1: column 'item_id' holds 'a': expected what :d"),
        ("key_template = '{item}'", "no column 'item': the file has 'item_id', 'completion'"),
        ("key_template = '{item_id}'\n[columns]\nkey = 'item_id'", "both key_template and columns.key"),
        ("key_template =", "no TOML"),
    ],
)
def test_a_mapping_that_cannot_be_used(tmp_path: Path, toml: str, problem: str) -> None:
    path = _csv(tmp_path / "a.csv", [{"item_id": "a", "completion": "1"}])
    (tmp_path / "m.toml").write_text(toml, "utf-8")
    with pytest.raises(RecordingError, match=problem.replace("{", r"\{").replace("}", r"\}")):
        _load(path, mapping=str(tmp_path / "m.toml"))


@formats
def test_missing_columns_are_named_beside_those_that_are_there(tmp_path: Path, suffix: str) -> None:
    path = _write(tmp_path, suffix, [{"id": "a", "completion": "1"}])
    with pytest.raises(
        RecordingError, match=r"no column 'item_id', 'n': the file has 'id', 'completion'; name its col"
    ):
        _load(path, ids="n")
    assert _texts(_load(path, key="id"), "a") == ["1"]


# ---------------------------------------------------------------------- rows of one key


def test_equal_rows_are_dropped_and_reported(tmp_path: Path) -> None:
    path = _csv(tmp_path / "a.csv", [{"item_id": key, "completion": "1"} for key in "abbcbc"])
    model = _load(path)
    assert model.warnings == ("a.csv: repeated rows, dropped: 3 (the first is row 3, 'b')",)
    assert len(model) == 3


@pytest.mark.parametrize("other", [{"completion": "2", "ids": "1"}, {"completion": "1", "ids": "2"}])
def test_different_answers_to_one_key_are_an_error(tmp_path: Path, other: dict[str, str]) -> None:
    rows = [{"item_id": key, "completion": "1", "ids": "1"} for key in "xa"] + [{"item_id": "a", **other}]
    path = _csv(tmp_path / "a.csv", rows)
    with pytest.raises(RecordingError, match=r"a\.csv, row 3: another answer to 'a' than row 2") as caught:
        _load(path)
    assert caught.value.row == 3
    model = _load(path, on_duplicate="last")
    assert _texts(model, "a") == [other["completion"]]
    assert model.warnings == ("a.csv: rows that replaced another answer: 1 (the first is row 3, 'a')",)


def test_an_answer_replaces_a_failure_and_not_the_other_way_round(tmp_path: Path) -> None:
    rows = [{"item_id": key, "completion": text} for key, text in (("a", None), ("a", "1"), ("b", "2"), ("b", None))]
    assert _texts(_load(_jsonl(tmp_path / "a.jsonl", rows)), "a", "b") == ["1", "2"]


# ---------------------------------------------------------------------- files that cannot be used


@pytest.mark.parametrize(
    ("name", "data", "row", "problem"),
    [
        ("a.csv", b"", None, "the file is empty"),
        ("a.csv", b"item_id,completion,item_id\n", None, "two columns are called 'item_id'"),
        ("a.csv", b"item_id,completion\na,1\nb\n", 2, "1 fields, but the header has 2"),
        ("a.csv", b"item_id,completion\na,1\nb,2,3\n", 2, "3 fields, but the header has 2"),
        ("a.csv", b'item_id,completion\na,1\nb,"2\n', 2, "no CSV with commas and double quotes"),
        ("a.csv", b'item_id,completion\na,"1" x\n', 1, "no CSV with commas"),
        ("a.csv", b"item_id,completion\n,1\n", 1, "column 'item_id' holds '': expected the key of an item"),
        ("a.csv", b'item_id,completion\na,"1\n2"\nb,\xff\n', 2, "byte 0xFF is not UTF-8"),
        ("a.csv", b"item_id,completion\na,1\nb,\xc3", 2, "byte 0xC3"),
        ("a.csv", b"item_id,completion\na,1\n\xffb,2", 2, "byte 0xFF"),
        ("a.csv", "item_id,completion\n".encode("utf-16"), None, "byte 0xFF is not UTF-8"),
        ("a.csv", b"item_id,completion,ids\na,1,1 x\n", 1, "column 'ids' holds '1 x': expected token ids"),
        ("a.csv", b'item_id,completion,ids\na,1,"[1, 2.5]"\n', 1, "expected token ids"),
        ("a.csv", b"item_id,completion,ids\na,1,-1\n", 1, "expected token ids"),
        ("a.csv", b"item_id,completion,ids\na,1,[1\n", 1, "expected token ids"),
        ("a.csv", b"item_id,completion,finish_reason\na,1,tired\n", 1, "holds 'tired': expected one of stop, length"),
        ("a.jsonl", b'{"item_id":"a","completion":"1"}\n{"item_id"\n', 2, "no line of JSON"),
        ("a.jsonl", b'{"item_id":"a","completion":"1"}\n[]\n', 2, "expected an object"),
        ("a.jsonl", b'{"item_id":"a","completion":"1"}\n{"item_id":"b"}\n', 2, "no field 'completion': the row has"),
        ("a.jsonl", b'{"item_id":"a","completion":1}\n', 1, "column 'completion' holds 1: expected text"),
        ("a.jsonl", b'{"item_id":true,"completion":"1"}\n', 1, "holds True: expected text or a whole number"),
        ("a.jsonl", b'{"item_id":1.0,"completion":"1"}\n', 1, "holds 1.0: expected text or a whole number"),
        ("a.jsonl", b'{"item_id":"a","completion":"1","ids":[true]}\n', 1, "expected token ids"),
        ("a.jsonl", b'\n{"item_id":"\xff"}\n', 2, "byte 0xFF is not UTF-8"),
        ("a.jsonl", b"", None, "no column 'item_id', 'completion': the file has none"),
        ("a.parquet", b"PAR1", None, "not a whole Parquet file"),
        ("a.xlsx", b"", None, "ends in one of .csv, .jsonl, .ndjson, .parquet"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used(tmp_path: Path, name: str, data: bytes, row: int | None, problem: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(RecordingError) as caught:
        _load(tmp_path / name)
    assert problem in str(caught.value)
    assert caught.value.row == row


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"a\.csv: cannot be read \(No such file"):
        _load(tmp_path / "a.csv")


def test_unknown_options_are_refused(tmp_path: Path) -> None:
    path = _csv(tmp_path / "a.csv", [{"item_id": "a", "completion": "1"}])
    with pytest.raises(OptionError, match="column='x': expected one of the options of this backend: key, text, ids"):
        _load(path, column="x")
    with pytest.raises(OptionError, match="on_duplicate='first': expected one of error, last"):
        _load(path, on_duplicate="first")


# ---------------------------------------------------------------------- identity


def test_the_fingerprint_is_that_of_the_file_and_of_how_it_is_read(tmp_path: Path) -> None:
    rows = [{"item_id": "a", "other": "b", "completion": "1"}]
    first = _load(_csv(tmp_path / "a.csv", rows)).info
    assert (first.backend, first.toy, first.spec, first.tokenizer) == ("replay", False, "replay:a.csv", None)
    assert dict(first.settings)["key"] == "item_id"
    assert _load(_csv(tmp_path / "b.csv", rows)).info.fingerprint == first.fingerprint
    (tmp_path / "m.toml").write_text("[values.item_id]\na = 'b'\n", "utf-8")
    others = [
        _load(tmp_path / "a.csv", key="other"),
        _load(tmp_path / "a.csv", on_duplicate="last"),
        _load(tmp_path / "a.csv", mapping=str(tmp_path / "m.toml")),
        _load(_csv(tmp_path / "c.csv", [{**rows[0], "completion": "2"}])),
    ]
    assert len({first.fingerprint, *(model.info.fingerprint for model in others)}) == 5
