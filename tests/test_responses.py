"""The store of answers: what was put is there, whatever happens to the process, the disk or the end of the file."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.errors import OutputDirectoryError, RecordError
from tokbench.results import ResponseStore

ODD = "a\ud800b\udc80\ud83d\ude00 ␛d800 ␛␛ \x00 é\n\r\u2028 🦙"

_TEXT = st.text(st.characters(), max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(_TEXT, part, max_size=3),
    max_leaves=8,
)
_ANSWERS = st.dictionaries(_TEXT, st.dictionaries(_TEXT, _JSON, max_size=3), min_size=1, max_size=5)


def _written(path: Path, answers: dict[str, dict[str, object]]) -> bytes:
    path.unlink(missing_ok=True)
    with ResponseStore(path) as store:
        for key, answer in answers.items():
            store.put(key, answer)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "responses" / "model.jsonl"


# ---------------------------------------------------------------------- what is put comes back


@pytest.mark.property
@settings(deadline=None)
@given(_ANSWERS)
def test_answers_come_back(tmp_path_factory: pytest.TempPathFactory, answers: dict[str, dict[str, object]]) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.jsonl"
    data = _written(path, answers)
    assert data.isascii()
    assert data.count(b"\n") == len(answers)
    with ResponseStore(path) as store:
        assert len(store) == len(answers)
        for key, answer in answers.items():
            assert key in store
            assert store.get(key) == answer


def test_odd_text_and_tuples(path: Path) -> None:
    with ResponseStore(path) as store:
        store.put(ODD, {ODD: [ODD], "ids": (1, 2), "logprobs": [-float("inf"), -0.1]})
        expected = {ODD: [ODD], "ids": [1, 2], "logprobs": [-float("inf"), -0.1]}
        assert store.get(ODD) == expected
        assert store.get("other") is None
        assert "other" not in store
    with ResponseStore(str(path)) as store:
        assert store.get(ODD) == expected


def test_the_first_answer_stays(path: Path) -> None:
    with ResponseStore(path) as store:
        store.put("k", {"text": "1"})
        store.put("k", {"text": "2"})
        assert store.get("k") == {"text": "1"}
        assert len(store) == 1
    assert path.read_bytes().count(b"\n") == 1


@pytest.mark.parametrize("response", [{"x": object()}, {"x": {1: 2}}, {"x": {"y": {1, 2}}}])
def test_what_json_cannot_hold_is_refused_and_nothing_is_written(path: Path, response: dict[str, object]) -> None:
    with ResponseStore(path) as store:
        with pytest.raises(TypeError):
            store.put("k", response)
        assert "k" not in store
    assert path.read_bytes() == b""


def test_a_closed_store_says_so(path: Path) -> None:
    store = ResponseStore(path)
    store.put("k", {})
    store.close()
    store.close()
    with pytest.raises(ValueError, match=r"the store model\.jsonl is closed"):
        store.put("k2", {})
    with pytest.raises(ValueError, match="closed"):
        store.get("k")


def test_answers_are_not_kept_in_memory(path: Path) -> None:
    _written(path, {str(number): {"text": "x" * 20_000} for number in range(500)})
    tracemalloc.start()
    try:
        with ResponseStore(path) as store:
            _, peak = tracemalloc.get_traced_memory()
            assert store.get("499") == {"text": "x" * 20_000}
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 10_000_000
    assert peak < 1_000_000


# ---------------------------------------------------------------------- a file that broke off


def _cut_law(path: Path, whole: bytes, answers: dict[str, dict[str, object]], cut: int) -> None:
    """After a cut at any byte: every whole line is there, and what is put then is there for the next process."""
    path.write_bytes(whole[:cut])
    complete = whole[:cut].count(b"\n")
    with ResponseStore(path) as store:
        assert len(store) == complete
        for place, (key, answer) in enumerate(answers.items()):
            assert store.get(key) == (answer if place < complete else None)
        for key, answer in answers.items():
            store.put(key, answer)
        assert [store.get(key) for key in answers] == list(answers.values())
    assert path.read_bytes() == whole
    with ResponseStore(path) as store:
        assert [store.get(key) for key in answers] == list(answers.values())


@pytest.mark.property
@settings(deadline=None)
@given(answers=_ANSWERS, share=st.floats(0, 1))
def test_a_cut_at_any_byte_loses_no_whole_line(
    tmp_path_factory: pytest.TempPathFactory, answers: dict[str, dict[str, object]], share: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    whole = _written(path, answers)
    _cut_law(path, whole, answers, round(share * len(whole)))


ANSWERS: dict[str, dict[str, object]] = {"a": {"text": "1"}, "bb": {"text": ODD}, "c": {}}


def test_every_cut_of_one_file(path: Path) -> None:
    whole = _written(path, ANSWERS)
    for cut in range(len(whole) + 1):
        _cut_law(path, whole, ANSWERS, cut)


def test_the_law_sees_a_store_that_does_not_cut(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _written(path, ANSWERS)
    monkeypatch.setattr(ResponseStore, "_cut", lambda *_args: None)
    with pytest.raises((AssertionError, RecordError)):
        _cut_law(path, whole, ANSWERS, len(whole) - 3)


def test_the_law_sees_a_store_that_takes_half_a_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _written(path, ANSWERS)
    cut = ResponseStore._cut
    monkeypatch.setattr(ResponseStore, "_cut", lambda self, file, _size: cut(self, file, 0))
    with pytest.raises((AssertionError, RecordError)):
        _cut_law(path, whole, ANSWERS, len(whole) - 3)


def test_a_damaged_line_in_the_middle_is_named(path: Path) -> None:
    first, second, third = _written(path, ANSWERS).splitlines(keepends=True)
    damaged = first + second.replace(b"{", b"#") + third
    path.write_bytes(damaged)
    with pytest.raises(RecordError, match=r"model\.jsonl: line 2 is damaged .*: remove this line"):
        ResponseStore(path)
    assert path.read_bytes() == damaged


@pytest.mark.parametrize(
    "last", [b'{"key":"z","respo\0\0\0\0\0\0\n', b'{"key":"z"}\n', b'{"key":1,"response":{}}\n', b"\0" * 50]
)
def test_a_damaged_last_line_is_dropped(path: Path, last: bytes) -> None:
    whole = _written(path, ANSWERS)
    path.write_bytes(whole + last)
    with ResponseStore(path) as store:
        assert len(store) == 3
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"precious\n", b"precious", b"item_id,completion\na,b\n", b"[1]", b"\n"])
def test_a_file_of_somebody_else_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(RecordError, match="line 1 is damaged"):
        ResponseStore(path)
    assert path.read_bytes() == content


def test_a_file_that_is_changed_meanwhile(path: Path) -> None:
    whole = _written(path, ANSWERS)
    with ResponseStore(path) as store:
        path.write_bytes(whole.replace(b'"a"', b'"x"'))
        with pytest.raises(RecordError, match="was changed while it was in use"):
            store.get("a")
        path.write_bytes(whole[:10])
        with pytest.raises(RecordError, match="was changed while it was in use"):
            store.get("c")
        with pytest.raises(RecordError, match="became shorter"):
            store.put("d", {})


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputDirectoryError, match=r"x\.jsonl cannot be written"):
        ResponseStore(tmp_path / "file" / "x.jsonl")
    with pytest.raises(OutputDirectoryError, match="cannot be written"):
        ResponseStore(tmp_path)


class _FullDisk(io.FileIO):
    """Takes a few bytes, then no more."""

    full = True

    def write(self, data: object) -> int:
        assert isinstance(data, memoryview)
        if self.full and len(data) < 15:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data[:10] if self.full else data)


def test_a_full_disk_leaves_whole_lines(path: Path) -> None:
    whole = _written(path, {"a": {"text": "1"}})
    store = ResponseStore(path)
    usual, disk = store._file, _FullDisk(path, "a+b")
    assert usual is not None
    usual.close()
    store._file = disk
    with store:
        with pytest.raises(OutputDirectoryError, match="No space left"):
            store.put("b", {"text": "2"})
        assert path.read_bytes() == whole
        assert "b" not in store
        disk.full = False
        store.put("b", {"text": "2"})
        assert store.get("b") == {"text": "2"}
        assert store.get("a") == {"text": "1"}
    assert path.read_bytes().startswith(whole)


# ---------------------------------------------------------------------- kills, power, other processes


def test_answers_reach_the_disk_about_once_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    synced = []
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with ResponseStore(path) as store:
        monkeypatch.setattr(os, "fsync", lambda _descriptor: synced.append(now))
        for _ in range(100):
            store.put(str(now), {})
            now += 0.25
    assert synced == [float(second) for second in range(100, 126)]  # the last one at the end


def _run(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)])


_KILLED = """
import os, signal, sys
from tokbench.results import ResponseStore
store = ResponseStore(sys.argv[1])
for number in range(50):
    store.put(str(number), {"text": "x" * 100})
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_what_was_put_survives_a_kill(path: Path) -> None:
    assert _run(_KILLED, path).wait() == -signal.SIGKILL
    with ResponseStore(path) as store:
        assert [store.get(str(number)) for number in range(50)] == [{"text": "x" * 100}] * 50


_WRITER = """
import sys
from tokbench.results import ResponseStore
path, name = sys.argv[1:]
with ResponseStore(path) as store:
    for number in range(150):
        store.put(f"{name}{number}", {"text": name * (number * number)})
        store.put(f"both{number}", {"text": name})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="one process a file there")
def test_two_processes_share_a_file(path: Path) -> None:
    writers = [_run(_WRITER, path, name) for name in "xy"]
    assert [writer.wait() for writer in writers] == [0, 0]
    with ResponseStore(path) as store:
        assert len(store) == 450
        for name in "xy":
            assert all(store.get(f"{name}{n}") == {"text": name * (n * n)} for n in range(150))
        assert all(store.get(f"both{n}") in ({"text": "x"}, {"text": "y"}) for n in range(150))
    assert path.read_bytes().count(b"\n") == 450  # none was put twice


def test_the_remains_of_a_killed_process_are_removed_by_a_living_one(path: Path) -> None:
    with ResponseStore(path) as store, ResponseStore(path) as other:
        other.put("theirs", {"text": "1"})
        with path.open("ab") as file:
            file.write(b'{"key":"torn","resp')
        store.put("ours", {"text": "2"})
        assert "theirs" in store  # seen with the first put
        assert store.get("theirs") == {"text": "1"}
        other.put("ours", {"text": "3"})
        assert other.get("ours") == {"text": "2"}
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == ["theirs", "ours"]


def test_a_file_system_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    asked: list[int] = []

    def flock(_descriptor: int, operation: int) -> None:
        asked.append(operation)
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with ResponseStore(path) as store:
        store.put("k", {"text": "1"})
        assert store.get("k") == {"text": "1"}
    assert asked == [fcntl.LOCK_EX] * 2
