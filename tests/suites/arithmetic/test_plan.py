"""A run of the suite: its parts, its identity, and that it goes on where it stopped."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tokbench import run as runner
from tokbench.errors import OptionError, RecordingError, UnknownNameError
from tokbench.models._scripted import scripted
from tokbench.models.completion import Decoding
from tokbench.results import scan
from tokbench.suites.arithmetic import plan as module
from tokbench.suites.arithmetic.answers import answer_samples
from tokbench.suites.arithmetic.conditions import mixed_condition, standard_conditions
from tokbench.suites.arithmetic.item import plain
from tokbench.suites.arithmetic.plan import ArithmeticPlan
from tokbench.suites.part import PartContext, PartResult
from tokbench.tokenizers import load_tokenizer

BYTES = load_tokenizer("bytes")
SMOKE = ArithmeticPlan(profile="smoke", conditions=standard_conditions(["nosep", "comma_r2l"], [0]))


def keys(plan: ArithmeticPlan) -> list[str]:
    return [part.key for part in plan.parts(BYTES)]


def outcome(plan: ArithmeticPlan, out: Path, tokenizer: str = "bytes") -> runner.RunOutcome:
    return runner.run(runner.RunRequest(plan=plan, tokenizers=(tokenizer,), out=out))


def test_parts() -> None:
    assert keys(SMOKE) == ["tokenizer"]
    assert keys(replace(SMOKE, items_only=True)) == ["items"]
    adder = replace(SMOKE, model="scripted:adder")
    assert keys(adder) == [
        "tokenizer", "answers/nosep|shots=0/addition/0", "answers/comma_r2l|shots=0/addition/0", "metrics",
    ]  # fmt: skip
    core = replace(adder, profile="core")
    steps = {part.key: part.steps for part in core.parts(BYTES)}
    assert sum(steps[key] for key in steps if key.startswith("answers/nosep|shots=0/addition/")) == 16_200
    assert max(steps.values()) == 2000
    assert steps["answers/comma_r2l|shots=0/parity/0"] == 1390


def test_formats_by_ids_are_left_out_or_refused() -> None:
    text_only = scripted("adder", lambda _prompt: "")
    text_only.takes = frozenset({"text"})
    conditions = standard_conditions(["nosep", "ids_r2l"], [0])
    usual = replace(SMOKE, conditions=conditions)
    assert [one.name for one in usual.conditions_for(text_only)] == ["nosep|shots=0"]
    assert replace(usual, explicit=True).conditions_for(text_only) == conditions
    assert usual.conditions_for(None) == conditions


def test_identity() -> None:
    """Two runs are the same run if everything that changes a number is the same."""
    tokenizer = load_tokenizer("bytes")
    adder = replace(SMOKE, model="scripted:adder")

    def key(plan: ArithmeticPlan) -> str:
        return runner.run_key(plan, tokenizer, []).name

    assert key(adder) == key(replace(adder))
    others = [
        replace(adder, seed=1),
        replace(adder, profile="core"),
        replace(adder, model="scripted:digit4"),
        replace(adder, model=None),
        replace(adder, blocks=("parity",)),
        replace(adder, conditions=standard_conditions(["nosep"], [0])),
        replace(adder, conditions=standard_conditions(["nosep", "comma_r2l"], [1])),
        replace(adder, conditions=(mixed_condition("nosep", "comma_r2l", None, 0),)),
        replace(adder, decoding=Decoding(max_tokens=5)),
    ]
    assert len({key(plan) for plan in [adder, *others]}) == len(others) + 1
    assert SMOKE.items() == {}
    assert list(adder.items()) == ["items"]


def test_a_run(tmp_path: Path) -> None:
    done = outcome(replace(SMOKE, model="scripted:adder"), tmp_path)
    (directory,) = done.directories
    (run,), problems = scan(tmp_path)
    assert problems == []
    assert run.complete
    answers = [row for row in run.sample_rows if row.metric == "arithmetic.value"]
    assert len(answers) == len({row.item_id for row in answers}) == 648
    assert {row.outcome for row in answers} == {"correct"}
    values = {row.filter: row for row in run.metric_rows if row.metric == "arithmetic.value"}
    for name in ("nosep|shots=0", "comma_r2l|shots=0"):
        assert (values[name].k, values[name].n, values[name].value) == (324, 324, 1.0)
    assert run.group("model")["synthetic"] is True
    assert pl.read_parquet(directory / "items.parquet").height == 324
    again = outcome(replace(SMOKE, model="scripted:adder"), tmp_path)
    assert again.kept == ["bytes"]


def test_a_run_of_a_tokenizer_alone(tmp_path: Path) -> None:
    outcome(SMOKE, tmp_path)
    (run,), _ = scan(tmp_path)
    assert {row.metric for row in run.sample_rows}.isdisjoint({"arithmetic.value"})
    policy = next(row for row in run.sample_rows if row.item_id == "policy")
    assert policy.detail is not None
    assert policy.detail["labels"] == ["single"]


def test_a_run_of_items_alone(tmp_path: Path) -> None:
    done = outcome(replace(SMOKE, items_only=True), tmp_path)
    questions = pl.read_parquet(done.directories[0] / "questions.parquet")
    assert questions.height == 648
    assert questions.filter(pl.col("condition") == "comma_r2l|shots=0")["expected"].str.contains(",").all()


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "arithmetic_tokenizer_rows", lambda *_, **__: PartResult())  # it takes longest
    plan = replace(SMOKE, model="scripted:digit4")
    whole = tmp_path / "whole"
    outcome(plan, whole)
    asked: list[int] = []
    stop = True

    def counted(*arguments: object, **named: object) -> object:
        if asked and stop:
            raise KeyboardInterrupt
        asked.append(1)
        return answer_samples(*arguments, **named)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(module, "answer_samples", counted)
    with pytest.raises(KeyboardInterrupt):
        outcome(plan, tmp_path / "stopped")
    stop = False
    outcome(plan, tmp_path / "stopped")
    assert len(asked) == 2  # the second condition alone was asked again
    ((one,), _), ((other,), _) = scan(whole), scan(tmp_path / "stopped")
    assert one.metric_rows == other.metric_rows
    assert one.sample_rows == other.sample_rows


# ---------------------------------------------------------------------- recordings


def recording(path: Path, rows: list[tuple[int, int, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["first", "second", "said"])
        writer.writerows(rows)
    mapping = path.with_suffix(".toml")
    mapping.write_text('[columns]\na = "first"\nb = "second"\nresponse = "said"\n', encoding="utf-8")
    return mapping


def test_a_recording_is_graded_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "said.csv"
    mapping = recording(path, [(12, 34, "46"), (12, 35, "The sum"), (12, 36, "49")])
    plan = ArithmeticPlan(profile="smoke", model=f"replay:{path}", mapping=str(mapping))
    plan.check()
    assert keys(plan) == ["tokenizer", "answers/recorded", "metrics"]
    outcome(plan, tmp_path / "runs")
    (run,), _ = scan(tmp_path / "runs")
    answers = [row for row in run.sample_rows if row.metric == "arithmetic.value"]
    assert [row.outcome for row in answers] == ["correct", "invalid", "wrong"]
    total = next(row for row in run.metric_rows if row.metric == "arithmetic.value")
    assert (total.k, total.n, total.n_invalid) == (1, 3, 1)
    # other content is another run, whatever its name
    before = runner.run_key(plan, BYTES, [])
    recording(path, [(12, 34, "47")])
    module._replay.cache_clear()
    assert runner.run_key(plan, BYTES, []).name != before.name
    recording(path, [])
    module._replay.cache_clear()
    with pytest.raises(RecordingError, match=r"said\.csv: the file has no rows"):
        plan.check_references(BYTES, [])


def test_a_recording_of_the_suite_itself_answers_its_items(tmp_path: Path) -> None:
    """Without a mapping of columns a recording is a model like any other, asked by the names of the items."""
    case = SMOKE.all_cases()[0]
    path = tmp_path / "answers.csv"
    path.write_text(f"item_id,completion\n{case.case_id},{case.problem.answer}\n", encoding="utf-8")
    plan = replace(SMOKE, model=f"replay:{path}", conditions=(plain("nosep", 0),))
    part = plan.parts(BYTES)[1]
    result = part.work(PartContext(out=tmp_path))
    assert isinstance(result, PartResult)
    assert [row.outcome for row in result.samples[:2]] == ["correct", "failed"]


# ---------------------------------------------------------------------- bad input


def test_settings_that_do_not_go_together() -> None:
    with pytest.raises(OptionError, match="a model replay:FILE"):
        replace(SMOKE, mapping="singh2024").check()
    with pytest.raises(OptionError, match="a model replay:FILE"):
        replace(SMOKE, mapping="singh2024", model="scripted:adder").check()
    with pytest.raises(UnknownNameError, match="unknown block 'division'"):
        replace(SMOKE, model="scripted:adder", blocks=("division",)).check()
    with pytest.raises(UnknownNameError, match="unknown mapping 'singh'"):
        replace(SMOKE, mapping="singh", model="replay:x.csv").check_references(BYTES, [])
    with pytest.raises(RecordingError, match=r"x\.csv"):
        replace(SMOKE, mapping="singh2024", model="replay:x.csv").check_references(BYTES, [])
