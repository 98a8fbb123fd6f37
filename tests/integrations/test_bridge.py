"""Questions, grades and logs between our suites and other harnesses; no harness is needed for it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from harness_answers import SETTINGS, answer, comparable, own_run, responder

from tokbench.errors import MissingExtraError, OptionError, RecordingError, UnknownNameError
from tokbench.integrations import _inspect_log
from tokbench.integrations._bridge import (
    SUITES,
    RecordedAnswer,
    defaults,
    grade,
    import_answers,
    log_settings,
    normal,
    requests,
)
from tokbench.integrations._bridge_plans import NOT_ASKED
from tokbench.results import Run, Sample, load
from tokbench.suites.phantom.answers import prompt_of
from tokbench.suites.phantom.plan import PhantomPlan

SOURCE = {"harness": "test", "version": "1.2", "log": "x.log"}
HOSTILE = "\x00\u202e</script>\ud800 e\u0301 \udc80 1"


def imported(suite: str, answers: dict[str, RecordedAnswer], out: Path, /, **settings: object) -> Run:
    given = {**log_settings(suite, **SETTINGS[suite]), **settings}
    import_answers(suite, given, answers, model="lab/model-7", out=out, source=SOURCE)
    (found,) = load(out)
    return found


def asked_rows(run: Run) -> list[Sample]:
    """Samples of questions to a model; those of a tokenizer left out."""
    return [row for row in run.sample_rows if row.metric in {"charbench.strict", "arithmetic.value", "phantom"}]


# ---------------------------------------------------------------------- the same questions


@pytest.mark.parametrize(("suite", "name"), [("charbench", "oracle"), ("arithmetic", "adder")])
def test_questions_are_those_of_our_own_runner(
    suite: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_run(suite, name, tmp_path, monkeypatch)
    asked = {row.item_id: (row.prompt_sha256, row.gold) for row in own.sample_rows if row.prompt_sha256}
    found = requests(suite, **SETTINGS[suite])  # type: ignore[arg-type] # settings of any kind
    assert {entry.item_id: (entry.prompt.sha256, entry.gold) for entry in found} == asked
    assert len({entry.key for entry in found}) == len(found) == len(asked)


def test_questions_of_phantom_are_those_of_its_plan() -> None:
    items = PhantomPlan(profile="smoke", markings=("bracket", "copy"), model="scripted:copier").all_items()
    wanted = {item.item_id: prompt_of(item, {"messages"}).sha256 for item in items}
    assert {entry.item_id: entry.prompt.sha256 for entry in requests("phantom", markings="bracket,copy")} == wanted


def test_limits_and_stop_strings_travel_with_a_question() -> None:
    text = requests("arithmetic", form="text", **SETTINGS["arithmetic"])[0]  # type: ignore[arg-type] # as above
    assert (text.prompt.form, text.stop, text.max_tokens) == ("text", ("\n",), 2 * len(text.gold) + 8)
    chat = requests("arithmetic", max_tokens=7, **SETTINGS["arithmetic"])[0]  # type: ignore[arg-type] # as above
    assert (chat.prompt.form, chat.stop, chat.max_tokens) == ("messages", (), 7)
    assert text.key == chat.key


def test_a_limit_is_spread_over_tasks_and_over_what_differs_inside_one() -> None:
    found = requests("arithmetic", limit=10, **SETTINGS["arithmetic"])  # type: ignore[arg-type] # as above
    assert Counter(entry.group for entry in found) == {"nosep|shots=2, parity": 5, "comma_r2l|shots=2, parity": 5}
    assert len({entry.item_id.split("|")[0] for entry in found}) == 5  # the same calculations in both formats
    assert len({entry.item_id.split("/")[3] for entry in found}) == 5  # of five lengths
    whole = requests("arithmetic", **SETTINGS["arithmetic"])  # type: ignore[arg-type] # as above
    places = [whole.index(entry) for entry in found]
    assert places == sorted(places)
    assert len(requests("arithmetic", limit=10**6, **SETTINGS["arithmetic"])) == len(whole)  # type: ignore[arg-type] # as above


# ---------------------------------------------------------------------- the same numbers


@pytest.mark.parametrize(
    ("suite", "name"),
    [
        ("charbench", "fails"), ("charbench", "oracle-chatty"), ("arithmetic", "left-aligner"),
        ("arithmetic", "format-breaker"), ("phantom", "damager"), ("phantom", "truncator"),
    ],
)  # fmt: skip
def test_an_imported_log_has_the_samples_and_metrics_of_our_own_run(
    suite: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_run(suite, name, tmp_path / "own", monkeypatch)
    answering = responder(suite, name)
    found = requests(suite, **SETTINGS[suite])  # type: ignore[arg-type] # settings of any kind
    answers = {entry.key: answer(answering, entry) for entry in found}
    there = imported(suite, answers, tmp_path / "there")
    assert comparable(there) == comparable(own)
    assert there.group("tokbench")["items_sha256"] == own.group("tokbench")["items_sha256"]


@pytest.mark.parametrize(
    ("suite", "name", "kinds"),
    [
        ("charbench", "fails", {"correct", "failed"}), ("arithmetic", "left-aligner", {"correct", "wrong"}),
        ("phantom", "damager", {"wrong"}), ("phantom", "deleter", {"correct"}),
    ],
)  # fmt: skip
def test_one_answer_is_graded_as_in_a_run(
    suite: str, name: str, kinds: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_run(suite, name, tmp_path, monkeypatch)
    rows = {row.item_id: row for row in own.sample_rows}
    outcomes = set()
    for entry in requests(suite, **SETTINGS[suite])[::3]:  # type: ignore[arg-type] # settings of any kind
        found = grade(suite, entry.key, answer(responder(suite, name), entry), **SETTINGS[suite])
        (row,) = found.rows
        wanted = rows[row.item_id]
        assert (found.outcome, found.message, found.metric) == (wanted.outcome, wanted.message, wanted.metric)
        assert found.score == (wanted.outcome == "correct")
        outcomes.add(found.outcome)
    assert outcomes == kinds


def test_a_record_says_where_its_answers_come_from(tmp_path: Path) -> None:
    found = imported("phantom", {}, tmp_path)
    model = found.group("model")
    assert (model["spec"], model["backend"], model["synthetic"]) == ("test:lab/model-7", "replay", False)
    assert model["libraries"] == {"test": "1.2"}
    assert ["log", "x.log"] in model["settings"]  # type: ignore[operator] # a list of pairs
    assert found.group("run")["model"] == "test-model-7"


# ---------------------------------------------------------------------- parts of a log


def test_a_request_without_answer_fails_and_stays_in_the_denominator(tmp_path: Path) -> None:
    found = requests("arithmetic", **SETTINGS["arithmetic"])  # type: ignore[arg-type] # as above
    answers = {entry.key: RecordedAnswer(text=entry.gold) for entry in found[:-3]}
    answers[found[-1].key] = RecordedAnswer(text=None, problem="timed out")
    run = imported("arithmetic", answers, tmp_path)
    failed = {row.item_id: row.message for row in asked_rows(run) if row.outcome == "failed"}
    assert failed == {
        found[-3].item_id: "x.log holds no answer to it", found[-2].item_id: "x.log holds no answer to it",
        found[-1].item_id: "timed out",
    }  # fmt: skip
    assert sum(row.outcome == "correct" for row in asked_rows(run)) == len(found) - 3


@pytest.mark.parametrize("suite", SUITES)
def test_what_was_not_to_be_asked_is_skipped_and_in_no_denominator(suite: str, tmp_path: Path) -> None:
    whole = requests(suite, **SETTINGS[suite])  # type: ignore[arg-type] # settings of any kind
    few = requests(suite, limit=6, **SETTINGS[suite])  # type: ignore[arg-type] # as above
    answers = {entry.key: RecordedAnswer(text=entry.gold) for entry in few}
    run = imported(suite, answers, tmp_path / "limit", **log_settings(suite, limit=6, **SETTINGS[suite]))
    rows = asked_rows(run)
    skipped = [row for row in rows if row.outcome == "skipped"]
    assert len(skipped) == len(whole) - 6 == len(rows) - 6
    assert {row.message for row in skipped} == {NOT_ASKED}
    assert {row.item_id for row in rows if row.outcome != "skipped"} == {entry.item_id for entry in few}
    assert not any(row.outcome == "failed" for row in rows)

    # the same, where the harness itself left out the others
    settings = log_settings(suite, **SETTINGS[suite])
    import_answers(suite, settings, answers, model="lab/model-7", out=tmp_path / "asked", source=SOURCE, asked=answers)
    (other,) = load(tmp_path / "asked")
    assert comparable(other) == comparable(run)


def test_any_text_comes_back_as_it_was(tmp_path: Path) -> None:
    first = requests("arithmetic", **SETTINGS["arithmetic"])[0]  # type: ignore[arg-type] # as above
    run = imported("arithmetic", {first.key: RecordedAnswer(text=HOSTILE)}, tmp_path)
    (row,) = [row for row in run.sample_rows if row.item_id == first.item_id]
    assert row.completion == HOSTILE
    assert grade("arithmetic", first.key, HOSTILE, **SETTINGS["arithmetic"]).outcome == row.outcome


def test_the_same_answers_are_kept_and_others_make_another_record(tmp_path: Path) -> None:
    found = requests("arithmetic", **SETTINGS["arithmetic"])  # type: ignore[arg-type] # as above
    answers = {entry.key: RecordedAnswer(text="1") for entry in found}
    settings = log_settings("arithmetic", **SETTINGS["arithmetic"])
    first, again = (
        import_answers("arithmetic", settings, answers, model="m", out=tmp_path, source=SOURCE) for _ in range(2)
    )
    assert first == again
    answers[found[0].key] = RecordedAnswer(text="2")
    assert import_answers("arithmetic", settings, answers, model="m", out=tmp_path, source=SOURCE) != first
    assert len(load(tmp_path)) == 2


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("suite_version", "arithmetic-0", "its suite_version is arithmetic-0, and arithmetic-1 here"),
        ("items", {"items": "f" * 64}, "its items is items ffffffffffff"),
        ("requests_sha256", "0" * 64, "its requests_sha256 is 000000000000"),
        ("profil", "smoke", "its settings cannot be used here: unknown setting of arithmetic 'profil'"),
        ("blocks", "adition", "adition"),
    ],
)
def test_a_log_of_another_version_or_of_other_items_is_refused(
    name: str, value: object, said: str, tmp_path: Path
) -> None:
    with pytest.raises((RecordingError, UnknownNameError), match=said):
        imported("arithmetic", {}, tmp_path, **{name: value})
    assert not list(tmp_path.iterdir())


def test_answers_to_other_questions_are_refused(tmp_path: Path) -> None:
    first = requests("arithmetic", **SETTINGS["arithmetic"])[0]  # type: ignore[arg-type] # as above
    with pytest.raises(RecordingError, match=r"x\.log, row 1: answers 'nowhere', which is no item of arithmetic"):
        imported("arithmetic", {"nowhere": RecordedAnswer(text="1")}, tmp_path)
    changed = RecordedAnswer(text="1", prompt_sha256="0" * 64)
    with pytest.raises(RecordingError, match="is not ours"):
        imported("arithmetic", {first.key: changed}, tmp_path)
    same = RecordedAnswer(text="1", prompt_sha256=first.prompt.sha256)
    assert imported("arithmetic", {first.key: same}, tmp_path).complete
    with pytest.raises(UnknownNameError, match="unknown request 'nowhere'"):
        grade("arithmetic", "nowhere", "1", **SETTINGS["arithmetic"])


@pytest.mark.parametrize("suite", SUITES)
def test_settings_have_one_form(suite: str) -> None:
    plain = normal(suite, {})
    assert plain == dict(defaults(suite))
    assert normal(suite, plain) == plain
    given = normal(suite, {"seed": "3", "limit": 5.0, "temperature": "0.5", "tokenizer": ["a", "b"]})
    assert (given["seed"], given["limit"], given["temperature"], given["tokenizer"]) == (3, 5, 0.5, "a,b")
    assert normal(suite, given) == given


@pytest.mark.parametrize(
    ("suite", "name", "value"),
    [
        ("charbench", "profile", "huge"), ("charbench", "limit", 0), ("charbench", "limit", 2.5),
        ("charbench", "seed", "x"), ("charbench", "seed", True), ("charbench", "temperature", -1),
        ("charbench", "temperature", float("nan")), ("charbench", "top_p", float("inf")), ("charbench", "tasks", []),
        ("charbench", "reasoning", "maybe"), ("charbench", "rows", "rows.csv"), ("arithmetic", "shots", "many"),
        ("arithmetic", "in_format", "nosep"), ("arithmetic", "mode", "io"), ("phantom", "form", "ids"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_an_error_that_names_it(suite: str, name: str, value: object) -> None:
    with pytest.raises(OptionError) as raised:
        requests(suite, **{name: value})  # type: ignore[arg-type] # that is the point
    assert raised.value.option in {name, "in_format"}  # mode=io lacks its formats


def test_formats_of_question_and_answer_can_differ() -> None:
    found = requests("arithmetic", mode="io", in_format="nosep", answer="comma_r2l", shots=0, system="none", limit=1)[0]
    assert found.prompt.messages is not None
    assert [message.role for message in found.prompt.messages] == ["user"]
    assert "," in found.gold
    assert "," not in found.prompt.messages[0].content
    with pytest.raises(OptionError, match="one format each"):
        requests("arithmetic", mode="io", in_format="nosep", answer="comma_r2l", formats="nosep")
    with pytest.raises(UnknownNameError, match="unknown suite"):
        requests("exactness")


# ---------------------------------------------------------------------- nothing imports a harness

WATCH = """
import sys
class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {"inspect_ai", "lm_eval"}:
            print("imports", name)
sys.meta_path.insert(0, Watch)
"""


def _watched(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", WATCH + code], capture_output=True, text=True, check=True
    ).stdout.strip()  # fmt: skip


def test_neither_package_nor_plugin_nor_bridge_imports_a_harness() -> None:
    quiet = "import tokbench, _tokbench_pytest, tokbench.pytest_plugin, tokbench.cli, tokbench.cli._import"
    assert not _watched(f"{quiet}\nimport tokbench.integrations._bridge, tokbench.integrations._inspect_log")
    # and the watch sees what is imported
    tried = "try:\n    import tokbench.integrations.inspect_tasks\nexcept ImportError: pass"
    assert _watched(tried).startswith("imports inspect_ai")


def test_without_inspect_ai_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("inspect_ai", "inspect_ai.log"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tokbench\[inspect\]'"):
        _inspect_log.import_log([tmp_path / "x.eval"], tmp_path / "out")
    monkeypatch.delitem(sys.modules, "tokbench.integrations.inspect_tasks", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'tokbench\[inspect\]'"):
        import tokbench.integrations.inspect_tasks  # noqa: F401, the import is the test
    assert not (tmp_path / "out").exists()
