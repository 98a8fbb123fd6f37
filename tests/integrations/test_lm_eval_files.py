"""Files of samples that lm-eval wrote of its own tasks, and files that are none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from lm_eval_logs import CHOSEN, DATE, Row, imported, line, write

from tokbench import report
from tokbench.errors import RecordingError
from tokbench.integrations._lm_eval_docs import documents
from tokbench.integrations._lm_eval_log import import_log


@pytest.fixture(scope="module")
def phantom_docs() -> list[Row]:
    return documents({"suite": "phantom", **CHOSEN["phantom"]})


# ---------------------------------------------------------------------- tasks of lm-eval's own


def foreign(right: int, n: int = 40, **more: object) -> list[Row]:
    return [line(at, {"q": f"{at}?"}, [["x"]], acc=float(at < right), **more) for at in range(n)]


def test_a_foreign_task_gets_an_interval_and_its_n(tmp_path: Path) -> None:
    found = imported([write(tmp_path / "log", "toksuite_x", foreign(20, length=3.0))], tmp_path / "runs")
    share, mean = found.metric_rows
    assert (share.metric, share.k, share.n, share.value) == ("lm_eval.acc", 20, 40, 0.5)
    assert (share.lo, share.hi) == pytest.approx((0.351995, 0.648005), abs=1e-6)  # specification, section 7
    assert (share.method, share.direction, share.filter) == ("wilson", "up", "toksuite_x")
    assert (mean.metric, mean.value, mean.n, mean.direction) == ("lm_eval.length", 3.0, 40, "none")
    assert [row.outcome for row in found.sample_rows] == ["correct"] * 20 + ["wrong"] * 20
    assert found.group("run")["suite_version"] == "toksuite_x 1.0"
    text = report.render([found], format="markdown")
    assert re.search(r"lm\\_eval\.acc .* \| 0\.5000 \| ± 0\.1480 \| 40 \|", text)


def test_filters_and_pairs_of_a_foreign_task(tmp_path: Path) -> None:
    rows = foreign(1, n=2, brier=[0, "[0.5 0.5]"])
    rows += [{**row, "filter": "strict", "acc": 1.0} for row in rows]
    found = imported([write(tmp_path / "log", "gsm", rows)], tmp_path / "runs")
    values = {(row.metric, row.filter): row for row in found.metric_rows}
    assert values["lm_eval.acc", "gsm"].value == 0.5
    assert values["lm_eval.acc", "gsm, filter strict"].value == 1.0
    pairs = values["lm_eval.brier", "gsm"]
    assert pairs.value is None
    assert "2 of 2 documents have no number" in pairs.reason
    assert len({(row.item_id, row.metric) for row in found.sample_rows}) == 4


# ---------------------------------------------------------------------- bad files


def _changed(rows: list[Row], **columns: str) -> list[Row]:
    return [{**rows[0], "doc": {**rows[0]["doc"], **columns}}, *rows[1:]]


BAD: Mapping[str, tuple[Callable[[list[Row]], Sequence[object]], str]] = {
    "empty": (lambda _rows: [], "no line"),
    "no object": (lambda _rows: [["x"]], "row 1: expected an object"),
    "other object": (lambda _rows: [{"id": 1}], "no doc, doc_id and resps"),
    "twice": (lambda rows: [rows[0], rows[0]], "and so does line 1"),
    "two runs": (lambda rows: _changed(rows, settings="{}"), "other settings"),
    "settings": (lambda rows: _changed(rows[:1], settings="{"), "settings cannot be read"),
    "mixed": (lambda rows: [*rows, line(9, {"q": "?"}, [["x"]], acc=1.0)], "expected one task"),
    "prompt": (lambda rows: _changed(rows, prompt="Say hello."), "do not belong together"),
    "sent": (lambda rows: [{**rows[0], "arguments": {"a": {"arg_0": "Say hello."}}}], "does not hold the prompt"),
    "reply": (lambda rows: [{**rows[0], "resps": [[3]]}], "expected one answer"),
    "version": (
        lambda rows: _changed(rows[:1], settings=rows[0]["doc"]["settings"].replace("phantom-1", "phantom-0")),
        "version.* phantom-0",
    ),
    "items": (
        lambda rows: _changed(rows[:1], settings=rows[0]["doc"]["settings"].replace('"seed": 0', '"seed": 1')), "items",
    ),
    "unknown": (lambda rows: _changed(rows, key="phantom-1/x/0"), "no item of phantom"),
    "no metric": (lambda _rows: [line(0, {"q": "?"}, [["x"]])], "no line has a metric"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_in_one_line(phantom_docs: list[Row], tmp_path: Path, name: str) -> None:
    make, words = BAD[name]
    rows = [line(at, doc, [["x"]]) for at, doc in enumerate(phantom_docs[:2])]
    path = write(tmp_path / "log", "tokbench_phantom", make(rows))
    with pytest.raises(RecordingError, match=words) as caught:
        import_log([path], tmp_path / "runs", model="m")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("content", "words"), [(b"\xff\xfe", "not UTF-8"), (b"PK\x03", "is no JSON"), (None, "read")])
def test_files_that_are_none_of_lm_eval(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / f"samples_x_{DATE}.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordingError, match=words):
        import_log([path], tmp_path / "runs")


def test_somebody_has_to_say_which_model_answered(tmp_path: Path) -> None:
    path = write(tmp_path, "x", foreign(1))
    (tmp_path / f"results_{DATE}.json").unlink()
    with pytest.raises(RecordingError, match="add --model NAME"):
        import_log([path], tmp_path / "runs")
    (tmp_path / f"results_{DATE}.json").write_text("[", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"results_.* is no JSON"):
        import_log([path], tmp_path / "runs")
