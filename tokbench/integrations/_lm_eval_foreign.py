"""Results of lm-eval's own tasks as run records: the outcome of every document, and intervals that lm-eval has not.

A file of samples is one run of the suite ``lm-eval``: what lm-eval scored 0 or 1 gets a share with Wilson's interval,
other numbers a mean with a bootstrap interval, and what is no number a reason. Nothing is graded again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from tokbench import stats
from tokbench.errors import RecordingError
from tokbench.integrations._lm_eval_file import Log, Row
from tokbench.results import Metric, RunKey, RunWriter, Sample, check_output_directory, provenance, status
from tokbench.suites.asking import model_slug

__all__ = ["SUITE", "import_foreign"]

SUITE = "lm-eval"

_BITS = (0, 1)
_UNKNOWN = "unknown"
_TOKENIZER = {"spec": _UNKNOWN, "slug": _UNKNOWN, "backend": "lm-eval", "fingerprint": _UNKNOWN}
_UNIT = "documents"
"""What a share or a mean is over."""


def import_foreign(log: Log, out: Path, *, model: str | None) -> Path:
    """Write the run of a task that is not of this project.

    Args:
        log: Its samples.
        out: Directory of all runs.
        model: Name of the model, instead of what the results say.

    Returns:
        Directory of the run; one of the same file that is there already is left as it is.

    Raises:
        RecordingError: If there is no metric, or a document is there twice.
        OutputDirectoryError: If ``out`` must not be written into.
    """
    check_output_directory(out, SUITE)
    values = _values(log)
    key, record = _described(log, log.model(model))
    if status(out / key.name) == "complete":
        return out / key.name
    samples = [row for metric, found in values.items() for row in _samples(log, metric, found)]
    metrics = [_metric(log, metric, found) for metric, found in values.items()]
    with RunWriter.open(out, key, record, overwrite=True) as writer:  # what broke off is made again, it takes no time
        writer.append("imported", samples, metrics)
        return writer.finish({"exit_status": 0})


# ---------------------------------------------------------------------- rows

_Values = Sequence[tuple[Row, object]]


def _values(log: Log) -> dict[tuple[str, str], _Values]:
    """What each document scored, by metric and filter, in the order of the documents."""
    found: dict[tuple[str, str], dict[int, tuple[Row, object]]] = {}
    for row in log.rows:
        for metric, value in row.scores.items():
            column = found.setdefault((metric, row.filter), {})
            if row.doc_id in column:
                problem = f"document {row.doc_id} has {metric} already in line {column[row.doc_id][0].number}"
                raise RecordingError(str(log.path), row.number, problem)
            column[row.doc_id] = (row, value)
    if not found:
        problem = "no line has a metric (was it made with --predict_only?)"
        raise RecordingError(str(log.path), None, problem)
    return {key: [column[doc_id] for doc_id in sorted(column)] for key, column in found.items()}


def _is_share(values: _Values) -> bool:
    return all(isinstance(value, int | float) and value in _BITS for _, value in values)


def _name(metric: str) -> str:
    return f"lm_eval.{metric}"


def _samples(log: Log, key: tuple[str, str], values: _Values) -> list[Sample]:
    """One row a document, of metrics that are right or wrong; other numbers have no outcome."""
    if not _is_share(values):
        return []
    return [
        Sample(
            item_id="/".join(part for part in (log.task, str(row.doc_id), key[1]) if part),
            metric=_name(key[0]),
            outcome="correct" if value else "wrong",
            stratum=log.task,
            cluster=row.doc_hash or f"{log.task}/{row.doc_id}",
            score=float(bool(value)),
            prompt_sha256=hashlib.sha256(row.sent[0].encode()).hexdigest() if row.sent else None,
        )
        for row, value in values
    ]


def _metric(log: Log, key: tuple[str, str], values: _Values) -> Metric:
    metric, direction, place = _name(key[0]), _direction(log, key[0]), _where(log.task, key[1])
    if _is_share(values):
        k = sum(bool(value) for _, value in values)
        lo, hi = stats.wilson(k, len(values))
        return Metric(
            metric=metric, value=k / len(values), direction=direction, k=k, n=len(values), lo=lo, hi=hi,
            method="wilson", unit=_UNIT, filter=place,
        )  # fmt: skip
    numbers = [float(value) for _, value in values if isinstance(value, int | float) and math.isfinite(value)]
    if len(numbers) < len(values):
        reason = f"{len(values) - len(numbers)} of {len(values)} documents have no number that a mean could be made of"
        return Metric(metric=metric, value=None, direction=direction, n=len(values), unit=_UNIT, filter=place,
                      reason=reason)  # fmt: skip
    mean = sum(numbers) / len(numbers)
    if len(numbers) == 1:
        return Metric(metric=metric, value=mean, direction=direction, n=1, unit=_UNIT, filter=place)
    lo, hi = stats.bootstrap_mean(numbers)
    return Metric(
        metric=metric, value=mean, direction=direction, n=len(numbers), lo=lo, hi=hi, method="clustered", unit=_UNIT,
        filter=place,
    )  # fmt: skip


def _where(task: str, named: str) -> str:
    return f"{task}, filter {named}" if named else task


def _direction(log: Log, metric: str) -> Literal["up", "down", "none"]:
    said = log.text("higher_is_better", log.task, metric)
    return "up" if said == "True" else "down" if said == "False" else "none"


# ---------------------------------------------------------------------- the record


def _described(log: Log, name: str) -> tuple[RunKey, Mapping[str, object]]:
    """What identifies the run, and its record.

    lm-eval does not say how a text was cut into tokens, so the record names no tokenizer.
    """
    source = log.source()
    spec = f"lm-eval:{name}"
    settings = {part: source[part] for part in ("backend", "dtype", "revision", "chat_template_sha256",
                "system_instruction_sha256") if part in source}  # fmt: skip
    file = hashlib.sha256(log.path.read_bytes()).hexdigest()
    identity = json.dumps({"model": name, "samples": file, **settings}, sort_keys=True)
    documents = json.dumps([[row.doc_id, row.filter, row.doc_hash] for row in log.rows])
    key = RunKey(
        suite=SUITE,
        suite_version=f"{log.task} {source.get('task_version', 'of unknown version')}",
        profile="full" if "limit" not in source else "limited",
        seed=0,
        tokenizer=_UNKNOWN,
        fingerprint=_UNKNOWN,
        model=model_slug(spec),
        model_identity=identity,
        items={log.task: hashlib.sha256(documents.encode()).hexdigest()},
        options={part: source[part] for part in ("task", "shots", "generation", "limit") if part in source},
    )
    model = {
        "spec": spec, "backend": "lm-eval", "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
        "toy": log.toy, "synthetic": log.toy, "settings": sorted(map(list, settings.items())), "tokenizer": None,
    }  # fmt: skip
    data = [{"name": log.path.name, "source": "lm-eval", "rows": len(log.rows), **source,
             "sha256": file}]  # fmt: skip
    return key, provenance(key=key, tokenizer=_TOKENIZER, model=model, data=data)
