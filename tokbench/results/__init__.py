"""Rows of a result, the store that keeps them, and the record of where they come from.

A run is a directory ``<suite>-<tokenizer>-<model or none>-<hash>`` that holds ``run.json`` (provenance),
``samples.parquet`` (one row per item or law) and ``metrics.parquet`` (one row per metric). While it goes
on, finished parts are kept in ``journal.jsonl``, so that a killed run continues where it stopped.
"""

from __future__ import annotations

from tokbench.results._check import check_output_directory
from tokbench.results._provenance import provenance
from tokbench.results._read import Run, load, scan
from tokbench.results._responses import ResponseStore
from tokbench.results._rows import Metric, Outcome, Sample, escape, unescape
from tokbench.results._scrub import Scrubber, scrub
from tokbench.results._store import SCHEMA, RunKey, RunWriter, Status, failures, status

__all__ = [
    "SCHEMA",
    "Metric",
    "Outcome",
    "ResponseStore",
    "Run",
    "RunKey",
    "RunWriter",
    "Sample",
    "Scrubber",
    "Status",
    "check_output_directory",
    "escape",
    "failures",
    "load",
    "provenance",
    "scan",
    "scrub",
    "status",
    "unescape",
]
