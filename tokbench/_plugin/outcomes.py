"""What came out: gathered from reports, so that it is the same with and without xdist, then summed up or written."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

__all__ = ["LOSSY", "Gathered", "Row", "properties", "summary_lines", "write_json"]

SCHEMA = 1
LOSSY = "lossy: "
"""How the reason of a skip begins that is due to a declared loss."""

_PREFIX = "tokbench_"
_OUTCOMES = ("passed", "failed", "error", "xfailed", "xpassed", "skipped")


def properties(**values: str) -> list[tuple[str, object]]:
    """Values as properties of a test: strings, which xdist and JUnit carry."""
    return [(f"{_PREFIX}{name}", value) for name, value in values.items() if value]


@dataclass(slots=True)
class Row:
    """Outcome of one item.

    Attributes:
        nodeid: Its id.
        tokenizer: Name of the tokenizer.
        suite: Suite that it counts under.
        law: What it held the tokenizer to.
        outcome: ``passed``, ``failed``, ``error``, ``xfailed``, ``xpassed`` or ``skipped``.
        reason: Why it failed, was skipped or was expected to fail.
        example: Line to paste, where there is a counterexample.
        seconds: Time taken.
    """

    nodeid: str
    tokenizer: str
    suite: str
    law: str
    outcome: str = "error"
    reason: str = ""
    example: str | None = None
    seconds: float = 0.0

    def as_json(self) -> dict[str, object]:
        """The row as a JSON value."""
        return {
            "id": self.nodeid,
            "tokenizer": self.tokenizer,
            "suite": self.suite,
            "law": self.law,
            "outcome": self.outcome,
            "reason": self.reason,
            "example": self.example,
            "seconds": round(self.seconds, 3),
        }


def _skip_reason(report: pytest.TestReport) -> str:
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return text.removeprefix("Skipped: ")


def _reason_of_error(report: pytest.TestReport) -> str:
    lines = report.longreprtext.strip().splitlines()
    return ascii(re.sub(r"^E\s+", "", lines[-1]) if lines else "")[1:-1][:300]


@dataclass
class Gathered:
    """Outcomes so far.

    Attributes:
        selected: Ids of the injected items that were to run.
        rows: Outcomes by id.
        crashed: Why an item ended its process, by id.
    """

    selected: tuple[str, ...] = ()
    rows: dict[str, Row] = field(default_factory=dict)
    crashed: dict[str, str] = field(default_factory=dict)

    def add(self, report: pytest.TestReport) -> None:
        """Take a report of any phase of any test."""
        if report.when not in {"setup", "call", "teardown"}:  # xdist says so that the process of the test ended
            self.crashed[report.nodeid] = _reason_of_error(report)
            return
        values = {
            name.removeprefix(_PREFIX): str(value) for name, value in report.user_properties if name.startswith(_PREFIX)
        }
        if "suite" not in values:
            return
        row = self.rows.setdefault(
            report.nodeid,
            Row(report.nodeid, values.get("tokenizer", ""), values["suite"], values.get("law", report.nodeid)),
        )
        if report.when == "call" or (report.when == "setup" and not report.passed):
            self._outcome(row, report, values)
        elif report.failed:
            row.outcome, row.reason = "error", _reason_of_error(report)

    def _outcome(self, row: Row, report: pytest.TestReport, values: Mapping[str, str]) -> None:
        wasxfail = getattr(report, "wasxfail", None)
        row.seconds, row.example = report.duration, values.get("example")
        row.reason = values.get("reason", "")
        if report.longreprtext.startswith("[XPASS(strict)]"):
            row.outcome, row.reason = "xpassed", report.longreprtext.removeprefix("[XPASS(strict)]").strip()
        elif wasxfail is not None:
            row.outcome, row.reason = "xpassed" if report.passed else "xfailed", str(wasxfail)
        elif report.skipped:
            row.outcome, row.reason = "skipped", _skip_reason(report)
        elif report.passed:
            row.outcome = "passed"
        elif report.when == "setup" or values.get("error"):
            row.outcome, row.reason = "error", row.reason or _reason_of_error(report)
        else:
            row.outcome, row.reason = "failed", row.reason or _reason_of_error(report)

    def complete(self, suites: Mapping[str, str]) -> list[Row]:
        """All rows in a fixed order; an item that gave no report stands there as an error.

        Args:
            suites: Suite of each injected item by id.
        """
        for nodeid in dict.fromkeys((*self.selected, *(key for key in self.crashed if key in suites))):
            if nodeid not in self.rows or nodeid in self.crashed:
                _, tokenizer, law = nodeid.split("::", 2)
                why = self.crashed.get(nodeid, "no report: the run ended before this item, or its process died")
                self.rows[nodeid] = Row(nodeid, tokenizer, suites.get(nodeid, ""), law, "error", why)
        return [self.rows[nodeid] for nodeid in sorted(self.rows)]


def summary_lines(rows: Iterable[Row]) -> list[str]:
    """One line for each tokenizer and suite: ``hf-gpt2 conformance 28 passed, 2 failed, 4 skipped (lossy: 0)``."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.tokenizer, row.suite), []).append(row)
    lines = []
    for (tokenizer, suite), members in sorted(groups.items()):
        counts = {name: sum(row.outcome == name for row in members) for name in _OUTCOMES}
        parts = [f"{count} {name}" for name, count in counts.items() if count and name != "skipped"]
        if counts["skipped"]:
            lossy = sum(row.outcome == "skipped" and row.reason.startswith(LOSSY) for row in members)
            parts.append(f"{counts['skipped']} skipped (lossy: {lossy})")
        lines.append(f"{tokenizer} {suite} {', '.join(parts)}".strip())
    return lines


def write_json(
    path: Path, tokenizers: Mapping[str, object], rows: Sequence[Row], settings: Mapping[str, object]
) -> None:
    """Write the results as one file, all or nothing.

    Raises:
        OSError: If it cannot be written.
    """
    from tokbench import __version__

    value = {
        "schema": SCHEMA,
        "tokbench": __version__,
        "settings": settings,
        "tokenizers": tokenizers,
        "items": [row.as_json() for row in rows],
    }
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(json.dumps(value, indent=1, sort_keys=True) + "\n")
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
