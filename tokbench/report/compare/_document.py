"""A comparison as JSON values."""

from __future__ import annotations

import math
from typing import cast

from tokbench.report.compare._gate import Gate, Rule
from tokbench.report.compare._paired import Paired
from tokbench.report.compare._runs import RunComparison, RunPair
from tokbench.report.compare._tables import changes_rows
from tokbench.report.compare._tokenizers import TokenizerComparison
from tokbench.results import Run
from tokbench.tokenizers import Tokenizer

__all__ = ["SCHEMA", "document"]

SCHEMA = 1


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _paired(row: Paired) -> dict[str, object]:
    return {
        "metric": row.metric, "stratum": row.stratum, "n": row.n, "clusters": row.clusters, "direction": row.direction,
        "a": row.first, "b": row.second, "k_a": row.k_first, "k_b": row.k_second, "difference": row.difference,
        "lo": row.lo, "hi": row.hi, "lost": row.lost, "gained": row.gained, "test": row.test, "p": row.p,
        "p_holm": row.adjusted,
    }  # fmt: skip


def _run(run: Run) -> dict[str, object]:
    model = run.group("model")
    return {
        "id": run.id, "key": run.group("run").get("key"), "complete": run.complete,
        "synthetic": bool(model.get("synthetic")), "tokenizer": run.group("tokenizer").get("spec"),
        "model": model.get("spec"),
    }  # fmt: skip


def _pair(pair: RunPair) -> dict[str, object]:
    about = pair.first.group("run")
    return {
        "suite": about.get("suite"), "suite_version": about.get("suite_version"), "a": _run(pair.first),
        "b": _run(pair.second), "notes": list(pair.notes), "sampled": sorted(pair.drawn), "common": pair.common,
        "only_a": pair.only_first, "only_b": pair.only_second, "other_answers": pair.other_answers,
        "promises": [{"name": entry.name, "kind": entry.kind, "a": entry.first, "b": entry.second}
                     for entry in pair.promises],
        "totals": [_paired(row) for row in pair.totals], "strata": [_paired(row) for row in pair.strata],
    }  # fmt: skip


def _tokenizer(tokenizer: Tokenizer) -> dict[str, object]:
    info = tokenizer.info
    return {
        "spec": info.spec, "ids": info.n_ids, "fingerprint": info.fingerprint,
        "files": {file.name: file.sha256 for file in info.files}, "libraries": dict(info.libraries),
        "capability": info.capability.summary,
    }  # fmt: skip


def _tokenizers(comparison: TokenizerComparison) -> dict[str, object]:
    found = comparison.vocabulary
    return {
        "a": _tokenizer(comparison.first),
        "b": _tokenizer(comparison.second),
        "vocabulary": {
            "ids_a": found.first_ids, "ids_b": found.second_ids, "kept": found.kept, "reused": found.reused,
            **{kind: found.count(kind) for kind in ("added", "removed", "renumbered", "retyped")},
        },
        "tokens": [
            {"text": row.name, "title": row.title, "a": row.first, "b": row.second, "percent": row.change,
             "lines": row.lines, "lines_changed": row.changed, "test": _paired(row.paired)}
            for row in comparison.counts
        ],
        "texts": comparison.texts,
        "other_ids": comparison.other_ids,
        "other_cuts": comparison.other_cuts,
        "classes": dict(comparison.causes),
    }  # fmt: skip


def document(comparison: RunComparison | TokenizerComparison, rule: Rule, gate: Gate) -> dict[str, object]:
    """Everything that was found, every change and the decision; numbers that are not finite become null."""
    if isinstance(comparison, RunComparison):
        body: dict[str, object] = {
            "kind": "runs", "notes": list(comparison.notes), "pairs": [_pair(pair) for pair in comparison.pairs],
        }  # fmt: skip
    else:
        body = {"kind": "tokenizers", **_tokenizers(comparison)}
    changes = [{name: _finite(value) for name, value in row.items()} for row in changes_rows(comparison)]
    decision = {
        "exit_status": gate.exit_status, "why": gate.why, "worse": list(gate.worse), "better": list(gate.better),
        "fail_on": rule.fail_on, "alpha": rule.alpha, "max_drop": rule.max_drop, "exact": rule.exact,
    }  # fmt: skip
    return cast(
        "dict[str, object]", {"schema": SCHEMA, **body, "equal": comparison.equal, "changes": changes, "gate": decision}
    )
