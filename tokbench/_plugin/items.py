"""The injected items: a tree of collectors that lies in no file, so that ids name no folder of an installation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tokbench._plugin.checks import Check, checks_of
from tokbench._plugin.options import Settings
from tokbench._plugin.outcomes import properties
from tokbench._plugin.subjects import Subject

__all__ = ["ROOT", "BrokenCheckError", "CheckFailedError", "CheckItem", "TokbenchCollector"]

ROOT = "tokbench"
"""First part of the id of every injected item."""


class CheckFailedError(AssertionError):
    """A tokenizer fails a check; the whole message is for the report of pytest."""


class BrokenCheckError(Exception):
    """A check could not be tried; never an expected failure."""


class CheckItem(pytest.Item):
    """One check of one tokenizer."""

    def __init__(self, *, check: Check, subject: Subject, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.check = check
        self.add_marker(pytest.mark.tokbench(suite=check.suite))
        self.user_properties += properties(tokenizer=subject.slug, suite=check.suite, law=check.name)

    def runtest(self) -> None:
        """Do it.

        Raises:
            CheckFailedError: If the tokenizer fails.
            BrokenCheckError: If it could not be tried.
        """
        found = self.check.work()
        if found.status == "skipped":
            pytest.skip(found.reason)
        if found.status == "passed":
            return
        self.user_properties += properties(reason=found.reason, example=found.example)
        if found.status == "error":
            self.user_properties += properties(error="true")
            raise BrokenCheckError(found.text)
        raise CheckFailedError(found.text)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The message alone: a traceback through this package would help nobody."""
        if isinstance(excinfo.value, (CheckFailedError, BrokenCheckError)):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands: in no file; pytest wants a line of whatever it skips."""
        return self.config.rootpath / ROOT, 0, "::".join(self.nodeid.split("::")[1:])


class _SubjectCollector(pytest.Collector):
    """The items of one tokenizer."""

    def __init__(self, *, subject: Subject, checks: Sequence[Check], **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.subject = subject
        self.checks = checks

    def collect(self) -> Iterator[CheckItem]:
        """The items, sorted by name."""
        for check in self.checks:
            yield CheckItem.from_parent(self, name=check.name, check=check, subject=self.subject)


class TokbenchCollector(pytest.Collector):
    """The root of the tree."""

    def __init__(
        self, *, subjects: Sequence[Subject], settings: Settings, reference: Subject | None, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.subjects = subjects
        self.settings = settings
        self.reference = reference

    def collect(self) -> Iterator[_SubjectCollector]:
        """One collector a tokenizer, sorted by name, so that all workers of xdist agree."""
        for subject in sorted(self.subjects, key=lambda entry: entry.slug):
            checks = checks_of(subject, self.settings, self.reference)
            yield _SubjectCollector.from_parent(self, name=subject.slug, subject=subject, checks=checks)

    def items(self) -> list[CheckItem]:
        """All items below."""
        return [item for collector in self.collect() for item in collector.collect()]
