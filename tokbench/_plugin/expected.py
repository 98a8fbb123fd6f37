"""Files of known failures and of items to leave out: one id a line, with the reason behind ``#``.

::

    # lines that begin with a number sign, and empty ones, say nothing
    tokbench::hf-gpt2::round-trip   # https://github.com/OWNER/NAME/issues/1 loses U+2581
    tokbench::*::parity-words       # https://github.com/OWNER/NAME/issues/2

``*`` stands for any run of characters inside one part of an id, never for ``::``: a pattern concerns one
tokenizer unless it says ``*`` in the place of the tokenizer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

__all__ = [
    "Expectation",
    "Expectations",
    "format_expectations",
    "parse_expectations",
    "read_expectations",
    "unmatched",
]

_LINE = re.compile(r"(?P<pattern>\S+)(?:\s+#\s*(?P<reason>.*\S))?\s*\Z")


@dataclass(frozen=True)
class Expectation:
    """One line.

    Attributes:
        pattern: Id of an item, in which ``*`` stands for anything inside one part.
        reason: Why; for a known failure it holds a link.
    """

    pattern: str
    reason: str

    @cached_property
    def _parts(self) -> tuple[re.Pattern[str], ...]:
        return tuple(
            re.compile(".*".join(map(re.escape, part.split("*"))), re.DOTALL) for part in self.pattern.split("::")
        )

    def matches(self, nodeid: str) -> bool:
        """Whether the line is about the item ``nodeid``."""
        parts = nodeid.split("::")
        return len(parts) == len(self._parts) and all(
            pattern.fullmatch(part) for pattern, part in zip(self._parts, parts, strict=True)
        )


class Expectations:
    """Lines to look items up in.

    Args:
        entries: The lines.
    """

    def __init__(self, entries: Iterable[Expectation]) -> None:
        self.entries = tuple(entries)
        self._exact: dict[str, list[Expectation]] = {}
        for entry in self.entries:
            if "*" not in entry.pattern:
                self._exact.setdefault(entry.pattern, []).append(entry)
        self._globs = tuple(entry for entry in self.entries if "*" in entry.pattern)

    def of(self, nodeid: str) -> list[Expectation]:
        """The lines on the item ``nodeid``."""
        return [*self._exact.get(nodeid, ()), *(entry for entry in self._globs if entry.matches(nodeid))]


def parse_expectations(text: str, source: str, *, links: bool) -> tuple[Expectation, ...]:
    """The lines of a file; every mistake is named in one error.

    Args:
        text: Content of the file.
        source: Its name, for messages.
        links: Whether each reason has to hold a link.

    Raises:
        pytest.UsageError: If a line has no reason, or no link where one is needed.
    """
    found, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.match(stripped)
        reason = match["reason"] if match is not None else None
        if match is None:
            problems.append(f"line {number}: expected one id, then # and the reason, found {stripped[:80]!a}")
        elif not reason or (links and "https://" not in reason):
            what = "a link to an issue (# https://... why)" if links else "a reason (# why)"
            problems.append(f"line {number}: {match['pattern']} needs {what}")
        else:
            found.append(Expectation(match["pattern"], reason))
    if problems:
        raise pytest.UsageError(f"{source}: {'; '.join(problems)}")
    return tuple(found)


def format_expectations(entries: Iterable[Expectation]) -> str:
    """The file whose lines are ``entries``: the inverse of :func:`parse_expectations`."""
    return "".join(f"{entry.pattern}  # {entry.reason}\n" for entry in entries)


def read_expectations(path: Path | None, option: str, *, links: bool) -> Expectations:
    """The lines of the file at ``path``; none where no file is given.

    Raises:
        pytest.UsageError: If it cannot be read, or a line is malformed.
    """
    if path is None:
        return Expectations(())
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise pytest.UsageError(f"{option}: {path} cannot be read ({why}): expected a text file of ids") from None
    return Expectations(parse_expectations(text, path.name, links=links))


def unmatched(entries: Iterable[Expectation], known: Sequence[str]) -> list[str]:
    """Patterns on injected items that no id in ``known`` matches."""
    return [
        entry.pattern
        for entry in entries
        if entry.pattern.startswith("tokbench::") and not any(entry.matches(nodeid) for nodeid in known)
    ]
