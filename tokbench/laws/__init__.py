"""Conformance laws: named properties of a tokenizer, the strategies that feed them, and the runner."""

from __future__ import annotations

# The import of a module of laws registers them; its place in this list is their place in reports.
from tokbench.laws import _vocabulary  # noqa: F401

# isort: split
from tokbench.laws import _text  # noqa: F401

# isort: split
from tokbench.laws import _specials  # noqa: F401

# isort: split
from tokbench.laws import _spans  # noqa: F401

# isort: split
from tokbench.laws import _streams  # noqa: F401

# isort: split
from tokbench.laws import _calls  # noqa: F401

# isort: split
from tokbench.laws import _process  # noqa: F401

# isort: split
from tokbench.laws import _bpe  # noqa: F401

# isort: split
from tokbench.laws import _files  # noqa: F401

# isort: split
from tokbench.laws._engine import EngineTokenizer, as_tokenizer
from tokbench.laws._suite import TokenizerTests
from tokbench.laws.check import CheckReport, check, check_law
from tokbench.laws.law import LAWS, Counterexample, Law, LawViolation, Status, Verdict, select_laws

__all__ = [
    "LAWS",
    "CheckReport",
    "Counterexample",
    "EngineTokenizer",
    "Law",
    "LawViolation",
    "Status",
    "TokenizerTests",
    "Verdict",
    "as_tokenizer",
    "check",
    "check_law",
    "select_laws",
]
