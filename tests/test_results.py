"""The store: what is written comes back, a kill loses nothing that was finished, and nothing is overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench import results
from tokbench.errors import DuplicateRunError, OutputDirectoryError, RecordError
from tokbench.results import Metric, RunKey, RunWriter, Sample, Scrubber, escape, unescape

KEY = RunKey(suite="exactness", suite_version="1.0.0", profile="smoke", seed=0, tokenizer="bytes", fingerprint="f" * 64)
ODD = "a\ud800b\udc80\ud83d\ude00 ␛d800 \x00 é 🦙"

_TEXT = st.text(st.characters(), max_size=12)
_FLOAT = st.floats(allow_nan=False)
_SAMPLES = st.builds(
    Sample, item_id=_TEXT, metric=_TEXT, outcome=st.sampled_from(["correct", "wrong", "invalid", "failed", "skipped"]),
    stratum=_TEXT, score=st.none() | _FLOAT, completion=st.none() | _TEXT, gold=st.none() | _TEXT,
    ids=st.none() | st.lists(st.integers(0, 2**40)).map(tuple), seconds=st.none() | _FLOAT,
    detail=st.none() | st.dictionaries(_TEXT, st.none() | _TEXT | st.integers() | st.booleans() | st.lists(_TEXT)),
)  # fmt: skip
_METRICS = st.builds(
    Metric, metric=_TEXT, value=st.none() | _FLOAT, k=st.none() | _FLOAT, n=st.integers(0, 2**40), unit=_TEXT,
    filter=_TEXT, direction=st.sampled_from(["up", "down", "none"]), method=st.sampled_from(["wilson", "exact"]),
)  # fmt: skip


def _record(key: RunKey = KEY) -> dict[str, object]:
    return results.provenance(key=key, tokenizer={"spec": "bytes"}, argv=["run", "exactness"])


def _sample(name: str, **more: object) -> Sample:
    return replace(Sample(item_id=name, metric="law", outcome="correct"), **more)  # type: ignore[arg-type]


def _write(root: Path, key: RunKey = KEY, value: float = 1.0) -> Path:
    with RunWriter.open(root, key, _record(key)) as run:
        run.append("laws", [_sample("law/pure")], [Metric(metric="m", value=value)])
        return run.finish({"exit_status": 0})


# ---------------------------------------------------------------------- tables of a suite's own


def test_a_table_of_the_suite_is_kept_and_read_back(tmp_path: Path) -> None:
    table = pl.DataFrame({"item_id": ["a", "b"], "spans": [[[0, 1]], []]})
    with RunWriter.open(tmp_path, KEY, _record()) as run:
        run.append("laws", [_sample("law/pure")], [])
        run.attach("features", table)
        with pytest.raises(ValueError, match="samples"):
            run.attach("samples", table)
        with pytest.raises(ValueError, match="lower-case"):
            run.attach("../x", table)
    with RunWriter.open(tmp_path, KEY, _record()) as run:  # a kill between the table and the end loses nothing
        directory = run.finish({})
    (found,) = results.load(tmp_path)
    assert found.table("features").equals(table)
    assert found.group("files")["features.parquet"]["rows"] == 2  # type: ignore[index]
    with pytest.raises(RecordError, match="no table 'items': its tables are features, metrics, samples"):
        found.table("items")
    (directory / "features.parquet").write_bytes(b"")
    with pytest.raises(RecordError, match="the file was changed"):
        found.table("features")
    with RunWriter.open(tmp_path, KEY, _record(), overwrite=True):
        assert not (directory / "features.parquet").exists()


def test_failures_are_counted(tmp_path: Path) -> None:
    with RunWriter.open(tmp_path, KEY, _record()) as run:
        run.append("a", [_sample("x", outcome="failed"), _sample("y"), _sample("z", outcome="failed")], [])
        directory = run.finish({})
    assert results.failures(directory) == 2


# ---------------------------------------------------------------------- strings and rows


@given(_TEXT)
def test_escape_is_reversible_and_valid(text: str) -> None:
    escape(text).encode()
    assert unescape(escape(text)) == text


def test_escape_leaves_ordinary_text_alone() -> None:
    assert escape("a\\ud800 é 🦙 \x00") == "a\\ud800 é 🦙 \x00"
    assert escape("\ud83d\ude00␛") == "␛d83d␛de00␛␛"


@settings(max_examples=25)
@given(samples=st.lists(_SAMPLES, max_size=4), metrics=st.lists(_METRICS, max_size=4))
def test_rows_come_back_from_journal_and_tables(
    tmp_path_factory: pytest.TempPathFactory, samples: list[Sample], metrics: list[Metric]
) -> None:
    root = tmp_path_factory.mktemp("store")
    with RunWriter.open(root, KEY, _record()) as run:
        run.append("part", samples, metrics)
    with RunWriter.open(root, KEY, _record()) as run:
        assert run.samples == samples
        assert run.metrics == metrics
        run.finish({})
    [found] = results.load(root)
    assert found.sample_rows == samples
    assert found.metric_rows == metrics


def test_frames_have_the_columns_of_the_specification(tmp_path: Path) -> None:
    [run] = results.load(_write(tmp_path))
    assert run.samples.columns == [
        "run_id", "suite", "suite_version", "item_id", "stratum", "cluster", "tokenizer", "model", "metric", "outcome",
        "score", "prompt_sha256", "completion", "ids", "gold", "seconds", "message", "detail",
    ]  # fmt: skip
    assert set(run.metrics.columns) >= {
        "metric", "direction", "k", "n", "n_invalid", "n_failed", "value", "lo", "hi", "method", "unit", "filter",
    }  # fmt: skip
    assert run.samples["run_id"].to_list() == [run.id] == [KEY.name]
    assert run.summary.select("tokenizer", "suite", "profile", "metric").rows() == [
        ("bytes", "exactness", "smoke", "m")
    ]


# ---------------------------------------------------------------------- the life of a run


def test_key_names_the_directory() -> None:
    assert KEY.name.startswith("exactness-bytes-none-")
    assert replace(KEY, tokenizer="other").digest == KEY.digest
    for change in ({"seed": 1}, {"profile": "core"}, {"fingerprint": "0"}, {"items": {"x": "1"}},
                   {"options": {"laws": ("a",)}}, {"suite_version": "2"}, {"model_identity": "m"}):  # fmt: skip
        assert replace(KEY, **change).digest != KEY.digest
    assert "/" not in replace(KEY, tokenizer="../../etc", model="a/b").name


def test_a_run_from_start_to_end(tmp_path: Path) -> None:
    directory = tmp_path / KEY.name
    assert results.status(directory) == "absent"
    with RunWriter.open(tmp_path, KEY, _record()) as run:
        assert results.status(directory) == "running"
        run.append("one", [_sample("law/a", completion=ODD), _sample("law/b", outcome="skipped", message="why")], [])
        run.append("two", [_sample("law/c")], [])
        assert run.done_keys == {"one", "two"}
        assert run.finish({"exit_status": 0}, metrics=[Metric(metric="all", value=3.0)]) == directory
    assert results.status(directory) == "complete"
    assert sorted(path.name for path in directory.iterdir()) == ["metrics.parquet", "run.json", "samples.parquet"]
    [found] = results.load(tmp_path)
    assert found.complete
    assert found.sample_rows[0].completion == ODD
    assert found.group("outcome")["counts"] == {"correct": 2, "skipped": 1}
    assert found.group("outcome")["skipped"] == [{"reason": "why", "count": 1, "items": ["law/b"]}]
    assert found.group("time")["end"]


def test_finished_runs_are_kept(tmp_path: Path) -> None:
    _write(tmp_path)
    with pytest.raises(OutputDirectoryError, match="finished: use --overwrite"):
        RunWriter.open(tmp_path, KEY, _record())
    with RunWriter.open(tmp_path, KEY, _record(), overwrite=True) as run:
        assert run.done_keys == frozenset()
        run.append("laws", [], [Metric(metric="m", value=2.0)])
        run.finish({})
    assert results.load(tmp_path)[0].metric_rows[0].value == 2.0


_CHILD = """
import os, signal, sys
from pathlib import Path
from tokbench.results import *
key = RunKey(suite="exactness", suite_version="1.0.0", profile="smoke", seed=0, tokenizer="bytes", fingerprint="f" * 64)
run = RunWriter.open(Path(sys.argv[1]), key, provenance(key=key, tokenizer={"spec": "bytes"}, argv=[]))
run.append("one", [Sample(item_id="law/one", metric="law", outcome="correct")], [])
run._file.write(b'{"part":"two","samples":[{"item_id"')
run._file.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_run_continues_where_it_stopped(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _CHILD, str(tmp_path)], check=False)
    assert done.returncode == -9
    [part] = results.load(tmp_path)
    assert not part.complete
    assert [row.item_id for row in part.sample_rows] == ["law/one"]
    assert part.summary["complete"].to_list() == []
    with RunWriter.open(tmp_path, KEY, _record()) as run:
        assert run.resumed
        assert run.done_keys == {"one"}
        with pytest.raises(ValueError, match="would count twice"):
            run.append("one", [], [])
        run.append("two", [_sample("law/two")], [])
        run.finish({"exit_status": 0})
    [whole] = results.load(tmp_path)
    assert [row.item_id for row in whole.sample_rows] == ["law/one", "law/two"]
    continued = whole.group("time")["continued"]
    assert isinstance(continued, list)
    assert len(continued) == 1


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_journal_cut_anywhere_keeps_its_whole_lines(tmp_path: Path, cut: int) -> None:
    with RunWriter.open(tmp_path, KEY, _record()) as run:
        run.append("one", [_sample("law/one")], [])
        run.append("two", [_sample("law/two")], [])
    journal = tmp_path / KEY.name / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-cut])
    with RunWriter.open(tmp_path, KEY, _record()) as run:
        assert run.done_keys == {"one"}
        run.append("two", [_sample("law/two")], [])
    assert [json.loads(line)["part"] for line in journal.read_bytes().splitlines()] == ["one", "two"]


def test_a_journal_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    with RunWriter.open(tmp_path, KEY, _record()) as run:
        run.append("one", [], [])
        run.append("two", [], [])
    journal = tmp_path / KEY.name / "journal.jsonl"
    journal.write_bytes(b"x" + journal.read_bytes())
    with pytest.raises(RecordError, match="line 1 is damaged"):
        RunWriter.open(tmp_path, KEY, _record())
    assert not (tmp_path / KEY.name / "run.lock").exists()


def test_a_kill_between_tables_and_record_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokbench.results import _store
    from tokbench.results._files import write_atomically as write

    def stop(path: Path, data: bytes) -> None:
        if path.name == "run.json" and b'"complete"' in data:
            raise KeyboardInterrupt
        write(path, data)

    with RunWriter.open(tmp_path, KEY, _record()) as run:
        run.append("one", [_sample("law/one")], [])
        monkeypatch.setattr(_store, "write_atomically", stop)
        with pytest.raises(KeyboardInterrupt):
            run.finish({})
    monkeypatch.undo()
    with RunWriter.open(tmp_path, KEY, _record()) as run:
        assert run.done_keys == {"one"}
        run.finish({})
    assert len(results.load(tmp_path)[0].sample_rows) == 1


def test_two_writers_never_share_a_run(tmp_path: Path) -> None:
    with RunWriter.open(tmp_path, KEY, _record()):
        with pytest.raises(OutputDirectoryError, match=f"process {os.getpid()} is writing this run"):
            RunWriter.open(tmp_path, KEY, _record())
        with pytest.raises(OutputDirectoryError, match="is writing this run"):
            RunWriter.open(tmp_path, KEY, _record(), overwrite=True)
    RunWriter.open(tmp_path, KEY, _record()).close()


def test_locks_of_the_dead_are_taken_over(tmp_path: Path) -> None:
    with RunWriter.open(tmp_path, KEY, _record()):
        lock = tmp_path / KEY.name / "run.lock"
        owner = json.loads(lock.read_text())
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    lock.write_text(json.dumps({**owner, "pid": child.pid}))
    RunWriter.open(tmp_path, KEY, _record()).close()
    if owner["started"] is not None:  # an old number that a new process has got
        lock.write_text(json.dumps({**owner, "started": "1"}))
        RunWriter.open(tmp_path, KEY, _record()).close()
    lock.write_text(json.dumps({**owner, "host": "elsewhere"}))
    with pytest.raises(OutputDirectoryError, match=r"another machine is writing.*remove run\.lock"):
        RunWriter.open(tmp_path, KEY, _record())
    lock.write_text("")
    with pytest.raises(OutputDirectoryError, match="just starting"):
        RunWriter.open(tmp_path, KEY, _record())
    os.utime(lock, (1, 1))
    RunWriter.open(tmp_path, KEY, _record()).close()
    assert not lock.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="zombies are told by /proc")
def test_a_zombie_holds_no_lock(tmp_path: Path) -> None:
    with RunWriter.open(tmp_path, KEY, _record()):
        lock = tmp_path / KEY.name / "run.lock"
        owner = json.loads(lock.read_text())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    lock.write_text(json.dumps({**owner, "pid": child.pid, "started": fields[19]}))
    child.kill()  # not waited for: nobody reaps the workers of a killed command where there is no init
    RunWriter.open(tmp_path, KEY, _record()).close()
    child.communicate()


# ---------------------------------------------------------------------- reading


def _edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_newer_schema_is_refused_and_unknown_fields_are_kept(tmp_path: Path) -> None:
    record = _write(tmp_path) / "run.json"
    _edit(record, surprise={"x": 1})
    assert results.load(tmp_path)[0].record["surprise"] == {"x": 1}
    _edit(record, schema=2)
    with pytest.raises(RecordError, match="schema 2 is newer than 1, which this tokbench reads: upgrade it"):
        results.load(tmp_path)
    with pytest.raises(RecordError, match="newer"):
        RunWriter.open(tmp_path, KEY, _record())


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "not JSON"), ("[]", "expected a JSON object, found list"), ('{"schema": "1"}', "the field schema holds '1'"),
     ('{"schema": 1, "run": {"id": ""}}', r"missing or malformed: run\.key, run\.status.*tokbench, tokenizer")],
)  # fmt: skip
def test_malformed_records(tmp_path: Path, text: str, problem: str) -> None:
    (_write(tmp_path) / "run.json").write_text(text)
    with pytest.raises(RecordError, match=problem):
        results.load(tmp_path)


def test_problems_are_told_together(tmp_path: Path) -> None:
    first, second = _write(tmp_path), _write(tmp_path, replace(KEY, seed=1))
    third = _write(tmp_path, replace(KEY, seed=2))
    path = first / "samples.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    (second / "run.json").unlink()
    with pytest.raises(RecordError, match="2 problems") as caught:
        results.load(tmp_path)
    assert "samples.parquet: not a whole Parquet file" in str(caught.value)
    assert "run.json: the record of the run is missing" in str(caught.value)
    runs, problems = results.scan(tmp_path)
    assert [run.directory for run in runs] == [third]
    assert len(problems) == 2


def test_changed_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    first, second = _write(tmp_path / "a"), _write(tmp_path / "b", value=2.0)
    (first / "metrics.parquet").write_bytes((second / "metrics.parquet").read_bytes())
    with pytest.raises(RecordError, match=r"metrics\.parquet: its SHA-256 is not the one in run\.json"):
        results.load(first)
    (first / "metrics.parquet").unlink()
    with pytest.raises(RecordError, match=r"metrics\.parquet: the file is missing"):
        results.load(first)
    (first / "metrics.parquet").symlink_to(second / "metrics.parquet")
    with pytest.raises(RecordError, match="leads outside the directory of the run"):
        results.load(first)
    _edit(second / "run.json", files={"../secret": {}})
    with pytest.raises(RecordError, match="which is no file of a run: refused"):
        results.load(second)


def test_load_takes_a_run_a_directory_of_runs_and_nested_ones(tmp_path: Path) -> None:
    one = _write(tmp_path / "x" / "y")
    _write(tmp_path / "z", replace(KEY, seed=1))
    assert [len(results.load(path)) for path in (one, tmp_path / "x" / "y", tmp_path / "x", tmp_path)] == [1, 1, 1, 2]
    assert len(results.load(tmp_path, one)) == 2
    with pytest.raises(RecordError, match="no such directory"):
        results.load(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match="no runs here"):
        results.load(tmp_path / "empty")


def test_same_run_with_other_numbers(tmp_path: Path) -> None:
    _write(tmp_path / "a")
    _write(tmp_path / "b")
    assert len(results.load(tmp_path)) == 1
    _write(tmp_path / "c", value=2.0)
    with pytest.raises(DuplicateRunError, match=r"first difference: metrics, m: value") as caught:
        results.load(tmp_path / "a", tmp_path / "c")
    assert caught.value.first.startswith(str(tmp_path / "a"))


def test_a_finished_run_wins_over_the_same_unfinished(tmp_path: Path) -> None:
    RunWriter.open(tmp_path / "a", KEY, _record()).close()
    _write(tmp_path / "b")
    assert [run.complete for run in results.load(tmp_path)] == [True]


# ---------------------------------------------------------------------- the output directory


def test_output_directories_that_will_do(tmp_path: Path) -> None:
    results.check_output_directory(tmp_path / "new" / "deep", "exactness")
    results.check_output_directory(tmp_path, "exactness")
    _write(tmp_path)
    (tmp_path / "notes.txt").touch()
    results.check_output_directory(tmp_path, "exactness")


def test_output_directories_that_will_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OutputDirectoryError, match="is a file"):
        results.check_output_directory(file, "exactness")
    with pytest.raises(OutputDirectoryError, match="file on the way to it is a file"):
        results.check_output_directory(file / "below", "exactness")
    with pytest.raises(OutputDirectoryError, match=r"holds other files \(file\) and no runs"):
        results.check_output_directory(tmp_path, "exactness")
    run = _write(tmp_path / "runs")
    with pytest.raises(OutputDirectoryError, match=r"holds runs of the suite exactness \(exactness-bytes"):
        results.check_output_directory(tmp_path / "runs", "charbench")
    with pytest.raises(OutputDirectoryError, match="is itself a run"):
        results.check_output_directory(run, "exactness")
    _edit(run / "run.json", schema=9)
    _write(tmp_path / "runs", replace(KEY, suite="phantom"))
    with pytest.raises(OutputDirectoryError, match=r"schema 9 is newer.*; holds runs of the suite phantom"):
        results.check_output_directory(tmp_path / "runs", "exactness")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputDirectoryError, match="cannot be written"):
        results.check_output_directory(tmp_path / "absent", "exactness")


# ---------------------------------------------------------------------- provenance


def test_provenance_has_all_groups() -> None:
    record = _record()
    assert set(record) == {
        "schema", "run", "tokbench", "tokenizer", "model", "data", "prompts", "environment", "time", "outcome",
    }  # fmt: skip
    assert record["schema"] == results.SCHEMA == 1
    about = results.Run(record, [], []).group("tokbench")
    assert about["command"] == "tokbench run exactness"
    assert (about["profile"], about["seed"], about["suites"]) == ("smoke", 0, {"exactness": "1.0.0"})
    environment = results.Run(record, [], []).group("environment")
    assert {"python", "platform", "cpu", "cores", "packages", "pythonhashseed", "threads"} <= set(environment)
    assert "pytest" in environment["packages"]  # type: ignore[operator]
    json.dumps(record, allow_nan=False)


def test_a_description_of_a_tokenizer_becomes_json() -> None:
    from tokbench.tokenizers import load_tokenizer

    info = load_tokenizer("bytes").info
    found = results.Run(results.provenance(key=KEY, tokenizer=info, argv=[]), [], []).group("tokenizer")
    assert found["spec"] == found["slug"] == "bytes"
    assert found["switches"] == {"surrogates": "raise"}
    capability = found["capability"]
    assert isinstance(capability, dict)
    assert (capability["summary"], capability["prefix"], capability["exceptions"]) == ("lossless", "", [])


def _scrubber(home: Path, root: Path) -> Scrubber:
    return Scrubber(
        environ={"MY_API_KEY": "sk-verysecret", "TOKENIZERS_PARALLELISM": "falsehood", "DB_PASSWORDS": "hunter2!"},
        home=home, user="adalove", host="engine.example.org", roots=(root,),
    )  # fmt: skip


def test_a_record_tells_nothing_about_its_machine(tmp_path: Path) -> None:
    home = tmp_path / "adalove"
    root = home / "checkout"
    argv = [
        "run", "--tokenizer", f"hf:{root}/models/tokenizer.json?surrogates=replace",
        f"--out={home}/results of mine/runs", "--text", f"{tmp_path}/shared/adalove/corpus.txt", "--data", "~/data",
        "--base-url", "https://adalove:pw@api.example.com:8000/v1?key=sk-verysecret",
        "--note", "falsehood sk-verysecret",
    ]  # fmt: skip
    record = results.provenance(
        key=KEY,
        tokenizer={"spec": argv[2], "note": f"loaded from {home}/x on engine by adalove, hunter2!"},
        argv=argv,
        scrubber=_scrubber(home, root),
    )
    text = json.dumps(record)
    for secret in ("adalove", "sk-verysecret", "hunter2", "engine", "shared", "of mine", "pw@", "/v1"):
        assert secret not in text, secret
    command = results.Run(record, [], []).group("tokbench")["command"]
    assert command == (
        "tokbench run --tokenizer 'hf:models/tokenizer.json?surrogates=replace' --out=runs --text corpus.txt "
        "--data data --base-url https://api.example.com --note 'falsehood <MY_API_KEY>'"
    )


def test_no_secret_of_this_process_is_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "tok-123456789")
    monkeypatch.setenv("HOME", str(tmp_path / "homefolder"))
    with RunWriter.open(tmp_path / "runs", KEY, _record()) as run:
        message = f"cannot read {tmp_path}/homefolder/x with tok-123456789"
        run.append("p", [_sample("i", message=message)], [Metric(metric="m", value=None, reason=message)])
        assert run.samples[0].message == "cannot read ~/x with <SOME_TOKEN>"
        run.finish({"note": message})
    for path in (tmp_path / "runs").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"tok-123456789" not in data
            assert b"homefolder" not in data


def test_home_is_replaced_as_a_whole_word() -> None:
    scrubber = Scrubber(environ={}, home=Path("/dwelling"), user="root", host="localhost", roots=())
    assert scrubber.text("/dwelling/x /dwellings root") == "~/x /dwellings root"
    said = "see https://github.com/a/b and /dwelling/x a/b ./c"
    assert scrubber.command(said) == "see https://github.com and x a/b ./c"


def test_importing_results_is_light() -> None:
    code = (
        "import sys, tokbench.results, tokbench.stats\n"
        "print([name for name in ('polars', 'numpy', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
