"""Recorded replies: mappings, all files of the family, refusals by row, and what is only counted."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from arithmetic_recordings import PUBLISHED, ROOT, as_csv, logprobs, row, write_csv
from arithmetic_tokenizers import l2r

from tokbench.errors import OptionError, RecordingError, UnknownNameError
from tokbench.models.completion import Prompt
from tokbench.suites.arithmetic.grading import Segmenter, grade
from tokbench.suites.arithmetic.item import plain
from tokbench.suites.arithmetic.items import build_cases, build_items
from tokbench.suites.arithmetic.labels import LABELS, base_label
from tokbench.suites.arithmetic.mapping import FIELDS, find_mapping, read_mapping
from tokbench.suites.arithmetic.problem import Problem
from tokbench.suites.arithmetic.prompts import messages
from tokbench.suites.arithmetic.recorded import Replay, load_replay, replay_counts, replay_result
from tokbench.suites.arithmetic.rows import system_name
from tokbench.suites.arithmetic.scripted import responders


def _load(tmp_path: Path, *rows: dict[str, object]) -> Replay:
    return load_replay(write_csv(tmp_path / "made.csv", *rows), "singh2024", l2r())


def _mapping(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


SMALL = '[columns]\na = "x"\nb = "y"\nresponse = "z"\n'


# ---------------------------------------------------------------------- the study's files


def test_a_row_of_the_study(tmp_path: Path) -> None:
    replay = _load(tmp_path, row())
    (found,) = replay.rows
    assert (found.graded.label, found.group.name, found.key, found.sample, found.number) == (
        "correct", "nosep|shots=1", "0/0", "0/1", 1,
    )  # fmt: skip
    assert found.shots == (Problem("+", 1000000, 2000001),)
    assert (found.finish_tokens, found.tokens, found.graded.truncated) == (3, None, None)
    assert replay.sha256 == hashlib.sha256((tmp_path / "made.csv").read_bytes()).hexdigest()
    assert found.prompt_sha256 == hashlib.sha256(b"1234567+7654322=").hexdigest()


@pytest.mark.parametrize(
    ("fmt", "first", "second", "answer"),
    [
        ("hashtag_r2l", "1#234#567", "7#654#322", "8#888#889"),
        ("dollar_l2r", "123$456$7", "765$432$2", "888$888$9"),
        ("dec_r2l", "1.234.567", "7.654.322", "8.888.889"),
        ("foo_l2r", "123foo456foo7", "765foo432foo2", "888foo888foo9"),
    ],
)
def test_other_delimiters(tmp_path: Path, fmt: str, first: str, second: str, answer: str) -> None:
    made = row(problem_number_format=fmt, answer_number_format=fmt, problem_msg=f"{first}+{second}=", response=answer)
    (found,) = _load(tmp_path, made).rows
    assert (found.graded.label, found.group.name, found.expected) == ("correct", f"{fmt}|shots=1", answer)


def test_question_and_answer_in_two_formats(tmp_path: Path) -> None:
    made = row(answer_number_format="comma_r2l", response="8,888,889")
    (found,) = _load(tmp_path, made).rows
    assert (found.graded.label, found.group.name) == ("correct", "nosep>comma_r2l|shots=1")
    made = row(answer_number_format="comma_r2l", response="8888889")
    assert _load(tmp_path, made).rows[0].graded.label == "format_only"


@pytest.mark.parametrize("column", ["repeat_style", "repeat_problem_number_format"])
def test_repeats(tmp_path: Path, column: str) -> None:
    replies = {
        "comma_r2l": "1,234,567+7,654,322=8888889",
        "": "8888889",
    }
    rows = [row(**{column: style, "response": reply}) for style, reply in replies.items()]
    found = _load(tmp_path, *rows).rows
    assert [one.group.name for one in found] == ["nosep>comma_r2l>nosep|shots=1", "nosep|shots=1"]
    assert [one.graded.label for one in found] == ["correct", "correct"]
    assert [one.graded.reading.repeat_copy_ok for one in found] == [True, None]
    assert [one.expected for one in found] == list(replies.values())


def test_a_repeat_in_the_format_of_the_question(tmp_path: Path) -> None:
    made = row(repeat_style="same", problem_number_format="comma_r2l", problem_msg="1,234,567+7,654,322=",
               response="1,234,567+7,654,322=8888889")  # fmt: skip
    (found,) = _load(tmp_path, made).rows
    assert (found.group.name, found.graded.label) == ("comma_r2l>comma_r2l>nosep|shots=1", "correct")
    assert found.graded.reading.repeat_format_ok is True


def test_spaces_make_conditions_of_their_own(tmp_path: Path) -> None:
    rows = [
        row(),
        row(num_spaces="1", num_trailing_spaces="1", problem_msg="1234567 + 7654322 = "),
        row(num_spaces="2", num_trailing_spaces="0", problem_msg="1234567  +  7654322  ="),
    ]
    found = _load(tmp_path, *rows).rows
    assert [one.group.name for one in found] == ["nosep|shots=1", "nosep+1|shots=1", "nosep+2+0|shots=1"]


def test_system_messages_with_one_beginning_are_two(tmp_path: Path) -> None:
    start = "You are a helpful assistant."
    found = _load(tmp_path, row(), row(system_prompt=f"{start} Be brief."), row(system_prompt="")).rows
    names = [one.group.name for one in found]
    assert len(set(names)) == 3
    assert names[0] == "nosep|shots=1"
    assert names[1] == f"nosep|system={system_name(f'{start} Be brief.')}|shots=1"
    assert names[2] == "nosep|system=none|shots=1"


def test_models_and_flips_are_named_where_they_differ(tmp_path: Path) -> None:
    found = _load(tmp_path, row(), row(model="other"), row(flip_shots="True")).rows
    assert [one.group.name for one in found] == [
        "nosep|model=made-up|shots=1|flip_shots=False", "nosep|model=other|shots=1|flip_shots=False",
        "nosep|model=made-up|shots=1|flip_shots=True",
    ]  # fmt: skip
    assert found[0].sent_shots == (Problem("+", 1000000, 2000001),)
    assert found[2].sent_shots == (Problem("+", 2000001, 1000000),)


def test_other_keys_are_other_problems_and_samples(tmp_path: Path) -> None:
    assert len(_load(tmp_path, row(), row(problem_rng_key="1"), row(shots_rng_key="2")).rows) == 3


def test_big_numbers(tmp_path: Path) -> None:
    a, b = "9" * 40, "1"
    (found,) = _load(tmp_path, row(num1=a, num2=b, problem_msg=f"{a}+{b}=", response=f"1{'0' * 40}")).rows
    assert (found.graded.label, found.problem.carries) == ("correct", 40)


def test_values_are_graded_from_the_operands(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("x,y,z,answer\n2,3,6,6\n", encoding="utf-8")
    (found,) = load_replay(path, _mapping(tmp_path, SMALL + '[constants]\nop = "x"\n')).rows
    assert found.graded.right()
    (found,) = load_replay(path, _mapping(tmp_path, SMALL)).rows
    assert (found.graded.label, found.key) == ("off_by_one_other", "2+3")


# ---------------------------------------------------------------------- other kinds of files


def test_json_lines_and_parquet_say_the_same(tmp_path: Path) -> None:
    rows = [row(problem_index=str(index), response=str(8888889 - index)) for index in range(5)]
    expected = _load(tmp_path, *rows)
    typed = [{**one, "num1": 1234567, "problem_index": int(str(one["problem_index"])), "flip_shots": False}
             for one in rows]  # fmt: skip
    lines = tmp_path / "made.jsonl"
    lines.write_text("".join(json.dumps(one) + "\n" for one in typed), encoding="utf-8")
    pl.DataFrame(typed).write_parquet(tmp_path / "made.parquet")
    for name in ("made.jsonl", "made.parquet"):
        found = load_replay(tmp_path / name, "singh2024", l2r())
        assert [(one.graded, one.key) for one in found.rows] == [(one.graded, one.key) for one in expected.rows]


def test_a_reply_that_never_came(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    path.write_text(json.dumps({"x": 1, "y": 2, "z": None}), encoding="utf-8")
    (found,) = load_replay(path, _mapping(tmp_path, SMALL)).rows
    assert found.graded.failed
    result = replay_result(path, _mapping(tmp_path, SMALL), l2r())
    assert [sample.outcome for sample in result.samples] == ["failed"]
    value = next(one for one in result.metrics if one.metric == "arithmetic.value" and "|" not in one.filter)
    assert (value.k, value.n, value.n_failed, value.n_invalid) == (0, 1, 1, 0)


def test_long_fields(tmp_path: Path) -> None:
    shots = ",".join(["1000000+2000001=3000001"] * 16_000)
    (found,) = _load(tmp_path, row(shots=shots, num_shots="16000")).rows
    assert found.shots is not None
    assert len(found.shots) == 16_000


def test_counts_may_be_floating_point_numbers_and_operands_not(tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    typed = {**row(), "num_shots": 1.0, "completion_tokens": float("nan")}
    pl.DataFrame([typed]).write_parquet(path)
    (found,) = load_replay(path).rows
    assert (found.group.name, found.finish_tokens) == ("nosep|shots=1", None)
    pl.DataFrame([{**row(), "num1": 1234567.0}]).write_parquet(path)
    with pytest.raises(RecordingError, match=r"row 1: column 'num1' holds '1234567\.0'"):
        load_replay(path)


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"num1": "0123"}, r"row 2: column 'num1' holds '0123': expected a whole number .* leading zeros"),
        ({"num2": "12.0"}, r"column 'num2' holds '12.0'"),
        ({"num2": "-5"}, r"column 'num2' holds '-5'"),
        ({"num2": ""}, r"column 'num2' holds ''"),
        ({"num1": "\u0661\u0662"}, r"column 'num1'"),
        ({"num1": "9" * 2001}, r"up to 2,000"),
        ({"problem_number_format": "coma_r2l"}, r"row 2: unknown format 'coma_r2l'.*comma_r2l"),
        ({"answer_number_format": "5_r2l"}, r"row 2: unknown format '5_r2l'"),
        ({"num_spaces": "two"}, r"column 'num_spaces' holds 'two': expected a whole number"),
        ({"num_spaces": "1001"}, r"at most 1000 spaces"),
        ({"flip_shots": "maybe"}, r"column 'flip_shots' holds 'maybe': expected true or false"),
        ({"problem_msg": "1234567+7654322= "}, r"row 2: column 'problem_msg' holds .* which numbers and format make"),
    ],
)  # fmt: skip
def test_rows_that_are_refused(tmp_path: Path, changed: dict[str, object], problem: str) -> None:
    with pytest.raises(RecordingError, match=problem):
        _load(tmp_path, row(problem_index="7"), row(**changed))


def test_differences_below_zero_and_operators(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("x,y,z,o\n2,3,6,-\n", encoding="utf-8")
    mapping = _mapping(tmp_path, SMALL + 'op = "o"\n')
    with pytest.raises(RecordingError, match=r"row 1: .*2-3"):
        load_replay(path, mapping)
    path.write_text("x,y,z,o\n2,3,6,*\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"column 'o' holds '\*': expected one of \+, -, x"):
        load_replay(path, mapping)
    mapping = _mapping(tmp_path, SMALL + 'op = "o"\n[values.op]\n"*" = "x"\n')
    assert load_replay(path, mapping).rows[0].graded.right()


def test_questions_that_differ_can_be_counted(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "made.csv", row(), row(problem_index="1", problem_msg="1234567 + 7654322="))
    assert load_replay(path, "singh2024", check_messages="count").prompts_differ == 1
    with pytest.raises(OptionError, match="error or count"):
        load_replay(path, "singh2024", check_messages="never")  # type: ignore[arg-type]


def test_two_replies_to_one_question(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"row 3: problem '0/0', sample '0/1' has been answered in row 1"):
        _load(tmp_path, row(), row(problem_index="1"), row(response="5"))


def test_two_models_in_one_condition(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "made.csv", row(), row(model="other", problem_index="1"))
    mapping = _mapping(tmp_path, 'group_by = ["in_format", "out_format"]\n[columns]\na = "num1"\nb = "num2"\n'
                       'response = "response"\nmodel = "model"\nproblem_key = "problem_index"\n')  # fmt: skip
    with pytest.raises(RecordingError, match=r"row 2: model 'other', but row 1 .*add model to group_by"):
        load_replay(path, mapping)


def test_a_file_with_other_columns(tmp_path: Path) -> None:
    made = row()
    del made["num1"], made["problem_number_format"]
    with pytest.raises(RecordingError, match=r"no column 'num1' for a; 'problem_number_format' for in_format.*'num2'"):
        _load(tmp_path, made)


def test_files_that_are_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"gone\.csv"):
        load_replay(tmp_path / "gone.csv")
    path = tmp_path / "made.csv"
    path.write_bytes(as_csv([row()]).splitlines(keepends=True)[0])
    assert load_replay(path).rows == ()
    with pytest.raises(RecordingError, match="no rows"):
        replay_result(path, "singh2024", None)


# ---------------------------------------------------------------------- mappings


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = ", "no TOML"),
        ('[columns]\na = "x"\nb = "y"\n', "lacks response"),
        (SMALL + 'operand = "x"\n', "columns holds 'operand': expected some of a, b, response"),
        (SMALL + "op = 5\n", "columns.op holds 5"),
        (SMALL + "op = [{ any = [] }]\n", "columns.op"),
        (SMALL + '[constants]\na = "5"\n', "a stands in columns and in constants"),
        (SMALL + "[constants]\nop = 1.5\n", "constants.op holds 1.5"),
        ('parser = "lenient"\n' + SMALL, "expected one of parity, strict"),
        ('group_by = ["response"]\n' + SMALL, "group_by holds 'response'"),
        ("group_by = []\n" + SMALL, "expected a list of fields"),
        (SMALL + "[values]\nop = 5\n", "values.op: expected a table of strings"),
        (SMALL + '[values.op]\nsame = "@nothing"\n', "refers to '@nothing'"),
        (SMALL + '[values.op]\nsame = "@op"\n', "refers to '@op'"),
        (SMALL + '[values.op]\ns = "@model"\n[values.model]\nt = "@op"\n', "refers to another field"),
        ("columns = 5\n", "columns: expected a table"),
        (SMALL + "[rows]\n", "the mapping holds 'rows'"),
    ],
)
def test_mappings_that_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(RecordingError, match=problem):
        read_mapping(_mapping(tmp_path, text))


def test_names_of_mappings(tmp_path: Path) -> None:
    found = find_mapping("singh2024")
    assert found.parser == "parity"
    assert set(found.columns) <= set(FIELDS)
    assert find_mapping(found) is found
    with pytest.raises(UnknownNameError, match=r"singh2024"):
        find_mapping("singh2023")
    with pytest.raises(RecordingError, match=r"gone\.toml"):
        find_mapping(tmp_path / "gone.toml")


def test_the_strict_parser_by_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("x,y,z\n2,3,it is 5\n", encoding="utf-8")
    for parser, outcome in (("parity", "correct"), ("strict", "invalid")):
        result = replay_result(path, _mapping(tmp_path, f'parser = "{parser}"\n{SMALL}'), l2r())
        named = {metric.metric: metric for metric in result.metrics if "|" not in metric.filter}
        assert named["arithmetic.value"].k == (outcome == "correct")
        assert (named["arithmetic.value.parity"].k, named["arithmetic.value.strict"].k) == (1, 0)


def test_pooled_conditions_have_no_direction(tmp_path: Path) -> None:
    rows = [row(), row(problem_index="1", num_spaces="1", num_trailing_spaces="1", problem_msg="1234567 + 7654322 = ")]
    path = write_csv(tmp_path / "made.csv", *rows)
    mapping = _mapping(tmp_path, 'group_by = ["model"]\n[columns]\na = "num1"\nb = "num2"\nresponse = "response"\n'
                       'model = "model"\nproblem_key = "problem_index"\nspaces = "num_spaces"\n')  # fmt: skip
    found = load_replay(path, mapping).rows
    assert {one.group.name for one in found} == {"all"}
    assert {one.group.formats for one in found} == {None}


# ---------------------------------------------------------------------- counted


def test_what_is_only_counted(tmp_path: Path) -> None:
    good = logprobs(("888", -0.1), ("888", -0.2), ("9", -0.3))
    rows = [
        row(problem_index="0", logprobs_json=good),
        row(problem_index="1", logprobs_json="{"),
        row(problem_index="2", logprobs_json=logprobs(("888", -0.1))),
        row(problem_index="3", logprobs_json=logprobs(("8", -0.1), ("888889", -0.1))),
        row(problem_index="4", logprobs_json="", shots="1+1=2,2+2=4"),
        row(problem_index="4", logprobs_json="", num_shots="2", num1="5", problem_msg="5+7654322=", shots="a,b"),
    ]
    replay = _load(tmp_path, *rows)
    assert [one.tokens is None for one in replay.rows] == [False, True, True, False, True, True]
    assert replay.rows[1].tokens_problem
    counts = {metric.metric.removeprefix("arithmetic.replay."): metric for metric in replay_counts(replay, l2r())}
    assert {name: metric.k for name, metric in counts.items()} == {
        "rows": 6, "prompts_differ": 0, "logprobs_unreadable": 2, "shots_differ": 2, "numbers_differ": 1,
        "cuts_fused": 0, "cuts_differ": 1,
    }  # fmt: skip
    assert counts["cuts_differ"].n == 2


def test_shuffled_rows_and_renamed_columns_change_no_count(tmp_path: Path) -> None:
    generator = random.Random(3)
    rows = []
    for index in range(60):
        a, b = generator.randrange(10**6, 10**7), generator.randrange(10**6, 10**7)
        for fmt in ("nosep", "comma_r2l"):
            first, second = (f"{a:,}", f"{b:,}") if fmt == "comma_r2l" else (str(a), str(b))
            reply = str(a + b - generator.choice((0, 0, 1, 10**3, 10**4)))
            rows.append(row(problem_index=str(index), num1=str(a), num2=str(b), problem_msg=f"{first}+{second}=",
                            response=reply, problem_number_format=fmt, answer_number_format=fmt))  # fmt: skip
    plain = replay_result(write_csv(tmp_path / "plain.csv", *rows), "singh2024", l2r())
    generator.shuffle(rows)
    renamed = [{f"my {name}": value for name, value in reversed(one.items())} for one in rows]
    text = (ROOT / "suites" / "arithmetic" / "singh2024.toml").read_text(encoding="utf-8")
    head, columns, rest = text.partition("[columns]")
    body, constants, end = rest.partition("[constants]")
    for name in sorted(rows[0], key=len, reverse=True):
        body = body.replace(f'"{name}"', f'"my {name}"')
    mapping = _mapping(tmp_path, head + columns + body + constants + end)
    other = replay_result(write_csv(tmp_path / "other.csv", *renamed), mapping, l2r())
    assert other.metrics == plain.metrics
    assert Counter(sample.outcome for sample in other.samples) == Counter(sample.outcome for sample in plain.samples)


def test_the_recordings_are_not_tracked() -> None:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no git checkout: there is nothing that could be tracked")
    hashes = set(PUBLISHED.values())
    for name in filter(None, done.stdout.decode().split("\0")):
        path = ROOT / name
        assert path.name not in PUBLISHED, name
        if path.is_file() and path.stat().st_size > 1_000_000:
            assert hashlib.sha256(path.read_bytes()).hexdigest() not in hashes, name


# ---------------------------------------------------------------------- replies of known adders

REQUIRED = {
    "adder": "correct", "left-aligner": "left_aligned_sum", "chunkwise": "chunkwise_sum",
    "operand-dropper": "dropped_digit", "carry-dropper:boundary": "dropped_carry_boundary",
    "carry-dropper:inside": "dropped_carry_inside", "digit4": "chunk_first_digit",
}  # fmt: skip
"""The last label, in the order of labels, that a wrong reply of an adder may have."""


@pytest.mark.parametrize("name", [*REQUIRED, "reformatter", "echoer", "format-breaker", "aligned-only"])
def test_adders_have_their_labels_through_a_recording(tmp_path: Path, name: str) -> None:
    tokenizer = l2r()
    answer = responders(tokenizer)[name]
    asked = list(build_items(build_cases("smoke", 0, shots=0), [plain("nosep", 0)]))
    assert len(asked) == 324
    replies = [answer(Prompt(messages=messages(item), key=item.key, item=item)) for item in asked]
    rows = [
        row(problem_index=str(at), num1=str(item.problem.a), num2=str(item.problem.b), response=reply, num_shots="0",
            problem_msg=f"{item.problem.text}=", shots="")
        for at, (item, reply) in enumerate(zip(asked, replies, strict=True))
    ]  # fmt: skip
    found = load_replay(write_csv(tmp_path / "made.csv", *rows), "singh2024", tokenizer).rows
    grades = [grade(item, reply, Segmenter(tokenizer)) for item, reply in zip(asked, replies, strict=True)]
    assert [one.graded for one in found] == grades
    labels = Counter(base_label(one.label) for one in grades)
    if name in REQUIRED:
        allowed = LABELS[: LABELS.index(REQUIRED[name]) + 1]
        assert set(labels) <= set(allowed), labels
        assert labels[REQUIRED[name]], labels
    if name == "adder":
        assert labels == {"correct": 324}
    elif name == "reformatter":
        assert set(labels) <= {"correct", "format_only"}
        assert labels["format_only"] > 300
    elif name == "echoer":
        assert {(one.valid(), one.valid("strict"), one.right()) for one in grades} == {(True, False, False)}
    elif name == "format-breaker":
        assert labels == {"invalid": 324}
    elif name == "aligned-only":
        assert [one.right() for one in grades] == [one.segmentation.aligned for one in grades]
        aligned = {one.problem.lengths for one in grades if one.right()}
        assert len(aligned) == 81
