"""Conformance laws: named properties of a tokenizer, the strategies that feed them, and the runner."""

from __future__ import annotations

# The import of a module of laws registers them, in the order of the reports.
from tokbench.laws import (  # noqa: F401
    _bpe,
    _calls,
    _files,
    _process,
    _spans,
    _specials,
    _streams,
    _text,
    _vocabulary,
)
from tokbench.laws.check import CheckReport, check, check_law
from tokbench.laws.law import LAWS, Counterexample, Law, LawViolation, Status, Verdict, select_laws

__all__ = [
    "LAWS",
    "CheckReport",
    "Counterexample",
    "Law",
    "LawViolation",
    "Status",
    "Verdict",
    "check",
    "check_law",
    "select_laws",
]
