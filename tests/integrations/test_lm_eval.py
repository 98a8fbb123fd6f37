"""Our tasks inside lm-eval, without lm-eval: prompts and grades are our own, and what comes back is our own record."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from lm_eval_logs import ASKED, CHOSEN, VERSIONS, Row, imported, line, logprob, our_run, write

from tokbench.errors import OptionError, RecordingError, TokbenchError, UnknownNameError
from tokbench.integrations._lm_eval_docs import documents, grade, grade_choice
from tokbench.integrations._lm_eval_log import import_log, task_directory
from tokbench.integrations.lm_eval import tasklib
from tokbench.models.completion import Prompt
from tokbench.results import Run, Sample
from tokbench.suites.phantom import plan as phantom
from tokbench.suites.phantom.answers import prompt_of


@dataclass(frozen=True)
class Ours:
    """A suite in both worlds."""

    suite: str
    run: Run
    docs: list[Row]

    @property
    def answers(self) -> dict[str, Sample]:
        rows = [row for row in self.run.sample_rows if row.metric in ASKED]
        return {row.item_id: row for row in rows}


@pytest.fixture(scope="module", params=VERSIONS)
def ours(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ours:
    suite: str = request.param
    docs = documents({"suite": suite, "version": VERSIONS[suite], **CHOSEN[suite]})
    return Ours(suite, our_run(suite, tmp_path_factory.mktemp(suite)), docs)


@pytest.fixture(scope="module")
def phantom_docs() -> list[Row]:
    return documents({"suite": "phantom", **CHOSEN["phantom"]})


# ---------------------------------------------------------------------- task files


def task_files() -> Iterator[tuple[str, Row]]:
    yaml = pytest.importorskip("yaml", reason="PyYAML reads the task files")

    loader = type("Loader", (yaml.SafeLoader,), {})
    yaml.add_constructor("!function", lambda reader, node: reader.construct_scalar(node), Loader=loader)
    for path in sorted(task_directory().glob("*.yaml")):
        yield path.stem, yaml.load(path.read_text(encoding="utf-8"), Loader=loader)


def test_task_files_name_columns_and_functions_that_are_there() -> None:
    found = dict(task_files())
    group = found.pop("tokbench")
    assert set(group["task"]) <= set(found)
    assert set(found) == {
        "tokbench_charbench", "tokbench_charbench_completion", "tokbench_charbench_loglik", "tokbench_arithmetic",
        "tokbench_phantom",
    }  # fmt: skip
    for name, task in found.items():
        assert task["task"] == name
        for field in ("custom_dataset", "process_results"):
            module, _, function = task[field].partition(".")
            assert module == "tasklib"
            assert function in tasklib.__all__
        for field in ("doc_to_text", "doc_to_target"):
            assert task[field] in {"prompt", "gold"}, "a column and no template"
        assert task["num_fewshot"] == 0
        assert task["metadata"]["version"] == VERSIONS[task["metadata"]["suite"]]
        assert "/" not in json.dumps(task), "no path of the machine that made it"


def test_every_metric_of_a_task_file_is_what_the_grader_gives(ours: Ours) -> None:
    task = dict(task_files())[f"tokbench_{ours.suite}"]
    assert {metric["metric"] for metric in task["metric_list"]} == {*grade(ours.docs[0], ["x"])}
    assert {metric["aggregation"] for metric in task["metric_list"]} == {"mean"}


def test_longest_answers_fit_the_limit_of_the_task(ours: Ours) -> None:
    limit = dict(task_files())[f"tokbench_{ours.suite}"]["generation_kwargs"]["max_gen_toks"]
    assert max(len(doc["gold"].encode()) for doc in ours.docs) * 2 <= limit


# ---------------------------------------------------------------------- documents


def test_prompts_are_ours_byte_for_byte(ours: Ours) -> None:
    if ours.suite == "phantom":  # its samples carry no hash of a prompt
        items = phantom.PhantomPlan(profile="smoke", markings=("bracket",)).all_items()
        expected = {item.item_id: prompt_of(item, {"text"}).sha256 for item in items}
    else:
        expected = {item: str(row.prompt_sha256) for item, row in ours.answers.items()}
    assert len(expected) > 100
    assert {doc["item_id"]: Prompt(text=doc["prompt"]).sha256 for doc in ours.docs} == expected
    assert all(doc["prompt_sha256"] == expected[doc["item_id"]] for doc in ours.docs)


def test_the_task_library_gives_the_documents_to_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = SimpleNamespace(from_list=lambda rows: ("dataset of", rows))
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(Dataset=dataset))
    settings = {"suite": "phantom", "version": "phantom-1", "markings": "copy", "config_source": "x.yaml"}
    docs = documents(settings)
    assert tasklib.load(**settings) == {"test": ("dataset of", docs)}
    assert all(str(doc["prompt"]).startswith("Repeat the following text") for doc in docs)


def test_the_first_documents_are_of_all_groups(ours: Ours) -> None:
    groups = {doc["group"] for doc in ours.docs}
    assert {doc["group"] for doc in ours.docs[: len(groups)]} == groups
    assert len(groups) > 1


def test_arguments_of_the_model_are_no_settings(phantom_docs: list[Row]) -> None:
    theirs = {"pretrained": "x", "tokenizer": "gpt2", "seed": 7, "max_tokens": 3, "limit": 2, "mode": "io", "shots": 3}
    assert documents({"suite": "phantom", **CHOSEN["phantom"], **theirs}) == phantom_docs


def test_settings_that_they_could_be_taken_for_have_names_of_their_own(phantom_docs: list[Row]) -> None:
    changed = documents({"suite": "phantom", **CHOSEN["phantom"], "items_seed": 7})
    assert json.loads(str(changed[0]["settings"]))["seed"] == 7
    assert {doc["prompt"] for doc in changed} != {doc["prompt"] for doc in phantom_docs}
    with pytest.raises(TokbenchError, match="no-such"):
        documents({"suite": "phantom", "tokenizer_spec": "no-such:thing"})


@pytest.mark.parametrize(("metadata", "error", "words"), [
    ({"suite": "phantoms"}, UnknownNameError, "phantom"),
    ({"suite": "phantom", "profile": "tiny"}, OptionError, "smoke, core, full"),
    ({"suite": "phantom", "version": "phantom-0", "markings": "copy"}, OptionError, "phantom-1"),
    ({"suite": "charbench", "prompt": "charbench-2025", "tasks": "paper", "gold": "natural"}, TokbenchError, "plain"),
])  # fmt: skip
def test_bad_settings_are_refused(metadata: Row, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        documents(metadata)
    assert "\n" not in str(caught.value)


def test_a_misspelt_setting_is_told(phantom_docs: list[Row]) -> None:
    with pytest.warns(UserWarning, match="'profil' is no setting of the tasks of tokbench: did you mean 'profile'"):
        assert documents({"suite": "phantom", **CHOSEN["phantom"], "profil": "core"}) == phantom_docs


# ---------------------------------------------------------------------- grades


def test_grades_are_those_of_our_run(ours: Ours) -> None:
    expected = {item: row.outcome for item, row in ours.answers.items()}
    outcomes = set()
    for doc in ours.docs:
        scores = grade(doc, [ours.answers[doc["item_id"]].completion])
        assert scores["acc"] == (expected[doc["item_id"]] == "correct")
        assert scores["invalid"] == (expected[doc["item_id"]] == "invalid")
        outcomes.add(expected[doc["item_id"]])
    assert outcomes == {"correct", "wrong", "invalid"}


def test_a_lenient_reading_is_counted_apart() -> None:
    doc = documents({"suite": "charbench", "tasks": "count_unique"})[0]
    said = grade(doc, [f"The answer is {doc['gold']}."])
    assert said == {"acc": 0.0, "invalid": 1.0, "acc_lenient": 1.0}
    assert grade(doc, [doc["gold"]]) == {"acc": 1.0, "invalid": 0.0, "acc_lenient": 1.0}


# ---------------------------------------------------------------------- back into records


def test_an_imported_file_is_the_record_of_our_own_run(ours: Ours, tmp_path: Path) -> None:
    rows = [line(at, doc, [[ours.answers[doc["item_id"]].completion]]) for at, doc in enumerate(ours.docs)]
    found = imported([write(tmp_path / "log", f"tokbench_{ours.suite}", rows)], tmp_path / "runs")
    assert found.metric_rows == ours.run.metric_rows
    assert len(found.metric_rows) > 10
    for mine, theirs in zip(ours.run.sample_rows, found.sample_rows, strict=True):
        assert replace(theirs, detail=None) == replace(mine, detail=None)
    model = found.group("model")
    assert model["spec"] == "lm-eval:tiny", "of a path the last part"
    assert found.directory is not None
    assert "private" not in (found.directory / "run.json").read_text(encoding="utf-8")
    said = dict(map(tuple, model["settings"]))  # type: ignore[call-overload] # pairs
    assert said["version"] == "0.4.13"
    assert said["prompts"] == "as they are"
    assert not model["synthetic"]


def test_what_was_not_asked_is_skipped_and_in_no_denominator(phantom_docs: list[Row], tmp_path: Path) -> None:
    rows = [line(at, doc, [["It was here."]]) for at, doc in enumerate(phantom_docs[:20])]
    found = imported([write(tmp_path / "log", "tokbench_phantom", rows)], tmp_path / "runs", model="given")
    replies = [row for row in found.sample_rows if row.metric == "phantom"]
    asked = [row for row in replies if row.outcome != "skipped"]
    assert {row.item_id for row in asked} == {doc["item_id"] for doc in phantom_docs[:20]}
    assert {row.message for row in replies if row.outcome == "skipped"} == {
        "not asked: the log holds only some of the items"
    }
    (rate,) = [row for row in found.metric_rows if (row.metric, row.filter) == ("paper_rate_of_all", "bracket")]
    assert rate.n == 20
    assert found.group("model")["spec"] == "lm-eval:given"


def test_files_of_several_suites_go_into_folders_of_their_own(phantom_docs: list[Row], tmp_path: Path) -> None:
    first = write(tmp_path / "log", "tokbench_phantom", [line(0, phantom_docs[0], [["x"]])])
    second = write(tmp_path / "log", "foreign", [line(0, {"q": "?"}, [["x"]], acc=1.0)])
    made = import_log([first, second], tmp_path / "runs", model="m")
    assert [path.parent.name for path in made] == ["phantom", "lm-eval"]
    assert import_log([first, second], tmp_path / "runs", model="m") == made, "a second time changes nothing"


@pytest.mark.parametrize(("sent", "said"), [
    (lambda text: f"<|user|>{text.strip()}<|end|><|assistant|>", "wrapped"),
    (lambda text: [json.dumps([{"role": "user", "content": text}], ensure_ascii=False)], "wrapped"),
    (lambda text: [{"role": "system", "content": "Hi."}, {"role": "user", "content": text}], "wrapped"),
    (lambda text: text, "as they are"),
])  # fmt: skip
def test_chat_templates_are_seen(
    phantom_docs: list[Row], tmp_path: Path, sent: Callable[[str], object], said: str
) -> None:
    row = line(0, phantom_docs[0], [["x"]])
    row["arguments"]["gen_args_0"]["arg_0"] = sent(phantom_docs[0]["prompt"])
    found = imported([write(tmp_path / "log", "tokbench_phantom", [row])], tmp_path / "runs")
    assert ["prompts", said] in found.group("model")["settings"]  # type: ignore[operator] # a list


def test_lm_evals_own_dummy_is_no_model(phantom_docs: list[Row], tmp_path: Path) -> None:
    rows = [line(0, phantom_docs[0], [["lol"]])]
    path = write(tmp_path / "log", "tokbench_phantom", rows, results={"config": {"model": "dummy", "model_args": {}}})
    model = imported([path], tmp_path / "runs").group("model")
    assert model["spec"] == "lm-eval:dummy"
    assert model["synthetic"]


# ---------------------------------------------------------------------- scores of given answers


def test_scores_of_given_answers_are_ours(tmp_path: Path) -> None:
    tasks = {"tasks": "count_unique,spell,contains_char"}
    changes = {"prompt": "completion", "mode": "loglik", "tasks": ("count_unique", "spell", "contains_char")}
    mine = our_run("charbench", tmp_path / "ours", **changes)
    given: list[Row] = []
    with pytest.MonkeyPatch.context() as patch:
        dataset = SimpleNamespace(from_list=given.extend)
        patch.setitem(sys.modules, "datasets", SimpleNamespace(Dataset=dataset))
        tasklib.load_choices(suite="charbench", version="charbench-1", prompt="completion", **tasks)
    outcomes = {row.item_id: row for row in mine.sample_rows}
    rows = []
    for at, doc in enumerate(given):
        scored = [(logprob(doc["prompt"], f" {option}"), False) for option in doc["choices"]]
        assert grade_choice(doc, scored)["acc"] == (outcomes[doc["item_id"]].outcome == "correct")
        rows.append(line(at, doc, [[[str(value), "False"]] for value, _ in scored]))
    asked = {item: row.prompt_sha256 for item, row in outcomes.items() if row.outcome != "skipped"}
    assert {doc["item_id"]: doc["prompt_sha256"] for doc in given} == asked
    assert len({row.outcome for row in outcomes.values()}) == 3, "right, wrong, and spell, which cannot be listed"
    found = imported([write(tmp_path / "log", "tokbench_charbench_loglik", rows)], tmp_path / "runs")
    assert found.metric_rows == mine.metric_rows
    assert [row.outcome for row in found.sample_rows] == [row.outcome for row in mine.sample_rows]
    rows[0]["resps"] = rows[0]["resps"][:-1]
    with pytest.raises(RecordingError, match="one for each answer"):
        import_log([write(tmp_path / "log", "tokbench_charbench_loglik", rows)], tmp_path / "other")
