"""The pytest plugin: conformance of tokenizers inside other people's repositories.

::

    pytest --tokbench-tokenizer hf:./tokenizer.json --tokbench-suite conformance

adds one item for each law (``tokbench::hf-tokenizer::round-trip``) to the tests of the repository. Nothing is added
unless an option or an ini key asks for it, and nothing of tokbench is imported before (``_tokbench_pytest`` declares
the options). Fixtures: ``tokbench_tokenizer``, ``tokbench_reference``, ``tokbench_examples``, ``tokbench_snapshot``,
``tokbench_budget``. Authors of engines subclass :class:`tokbench.laws.TokenizerTests`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tokbench._plugin.budget import Budget
from tokbench._plugin.checks import hold_law, known_names
from tokbench._plugin.expected import unmatched
from tokbench._plugin.items import ROOT, CheckFailedError, CheckItem, TokbenchCollector
from tokbench._plugin.options import SEED_KEY, SUITES, Settings, read_settings
from tokbench._plugin.outcomes import Gathered, Row, properties, summary_lines, write_json
from tokbench._plugin.snapshot import Snapshot, file_of
from tokbench._plugin.subjects import NEEDS, Subject, describe, load_subjects
from tokbench.laws import as_tokenizer
from tokbench.tokenizers import Tokenizer

if TYPE_CHECKING:
    from tokbench.laws import TokenizerTests

__all__ = ["Budget", "Hold", "Session", "Snapshot"]

Hold = Callable[["TokenizerTests", str], None]
"""Holds a law against the engine that an object of a class of tests makes."""

_PASSED: pytest.StashKey[bool] = pytest.StashKey()


def _names(value: object, what: str, known: Iterable[str]) -> tuple[str, ...]:
    """One name or several; the test is an error where one is not known."""
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (tuple, list, set)) else None
    expected = tuple(known)
    if names is None or any(name not in expected for name in names):
        pytest.fail(f"marker tokbench: {what}={value!a}: expected some of {', '.join(expected)}", pytrace=False)
    return names


class Session:
    """Everything of one run of pytest: settings, tokenizers under test, outcomes.

    Args:
        config: The configuration of pytest.

    Raises:
        pytest.UsageError: If an option, an ini key or a file cannot be meant.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings: Settings = read_settings(config)
        self.subjects: tuple[Subject, ...] = load_subjects(self.settings.specs)
        self.gathered = Gathered()
        self._engines: dict[type, Tokenizer] = {}
        self._by_slug = {subject.slug: subject for subject in self.subjects}
        # read here, so that a reference that cannot be meant stops the run before it begins
        given = self.settings.reference
        self._reference = load_subjects([given], "--tokbench-reference")[0] if given is not None else None

    @property
    def slugs(self) -> list[str]:
        """Names of the tokenizers under test."""
        return list(self._by_slug)

    @property
    def is_worker(self) -> bool:
        """Whether this process runs tests for a controller of xdist."""
        return hasattr(self.config, "workerinput")

    # ------------------------------------------------------------------ fixtures

    def tokenizer(self, slug: str | None) -> Tokenizer:
        """A tokenizer under test.

        The test is an error where none is under test, or where its adapter is broken.
        """
        if slug is None:
            pytest.fail(
                "no tokenizer is under test: give --tokbench-tokenizer SPEC, for example hf:./tokenizer.json, or the "
                "ini key tokbench_tokenizers",
                pytrace=False,
            )
        subject = self._by_slug[slug]
        if subject.tokenizer is None:
            if subject.unavailable:
                pytest.skip(subject.unavailable)
            pytest.fail(subject.broken, pytrace=False)
        return subject.tokenizer

    def reference(self) -> Tokenizer:
        """The tokenizer to compare with; the test is skipped where there is none."""
        subject = self._reference
        if subject is None:
            pytest.skip("no reference: --tokbench-reference SPEC names one")
        if subject.tokenizer is None:
            if subject.unavailable:
                pytest.skip(subject.unavailable)
            pytest.fail(subject.broken, pytrace=False)
        return subject.tokenizer

    def hold(self, item: pytest.Item, tests: TokenizerTests, law_id: str) -> None:
        """Hold a law against the engine that ``tests`` makes, for the test ``item``."""
        if self.config.getoption("tokbench_laws") and law_id not in self.settings.laws:
            pytest.skip("left out by --tokbench-laws")
        kind = type(tests)
        if kind not in self._engines:
            self._engines[kind] = as_tokenizer(tests.make(), kind.capability)
        tokenizer = self._engines[kind]
        item.user_properties += properties(tokenizer=tokenizer.info.slug, suite="conformance", law=law_id)
        known = bool(self.settings.xfails.of(item.nodeid))
        found = hold_law(tokenizer, tokenizer.info.slug, law_id, self.settings, known=known)
        if found.status == "skipped":
            pytest.skip(found.reason)
        if found.status != "passed":
            item.user_properties += properties(reason=found.reason, example=found.example)
            pytest.fail(found.text, pytrace=False)

    @contextmanager
    def snapshot(self, item: pytest.Item) -> Iterator[Snapshot]:
        """The snapshot of a test; written, or looked through for leftovers, once the test has passed."""
        names = item.nodeid.split("::")[1:]
        snapshot = Snapshot(file_of(item.path, names), f"{item.path.name}::{'::'.join(names)}", self.settings.update)
        yield snapshot
        if item.stash.get(_PASSED, False):
            problem = snapshot.finish()
            if problem is not None:
                pytest.fail(problem, pytrace=False)

    @contextmanager
    def budget(self, item: pytest.Item) -> Iterator[Budget]:
        """The budget of a test."""
        names = item.nodeid.split("::")[1:]
        path = file_of(item.path, names, ".budget.txt")
        budget = Budget(path, f"{item.path.name}::{'::'.join(names)}", self.settings.update)
        yield budget
        if item.stash.get(_PASSED, False):
            budget.finish()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Remember whether a test passed, for what its fixtures do behind it."""
        report = yield
        if report.when == "call":
            item.stash[_PASSED] = report.passed
        return report

    # ------------------------------------------------------------------ marker

    def check_marker(self, item: pytest.Item, marker: pytest.Mark) -> None:
        """Check the arguments of the marker, count the test, and skip where a need is not met.

        The test is an error where an argument cannot be meant.
        """
        if marker.args or marker.kwargs.keys() - {"suite", "needs"}:
            found = f"{marker.args!a} {marker.kwargs!a}"
            pytest.fail(f"marker tokbench: expected the keywords suite and needs, found {found}", pytrace=False)
        if isinstance(item, CheckItem):
            return
        suites = _names(marker.kwargs.get("suite") or (), "suite", SUITES)
        needs = _names(marker.kwargs.get("needs") or (), "needs", NEEDS)
        callspec = getattr(item, "callspec", None)
        slug = callspec.params.get("tokbench_tokenizer") if callspec is not None else None
        subject = self._by_slug.get(str(slug))
        if subject is None or subject.tokenizer is None:
            if needs and "tokbench_tokenizer" not in getattr(item, "fixturenames", ()):
                pytest.fail(
                    "marker tokbench: needs is about the fixture tokbench_tokenizer, which the test does not use",
                    pytrace=False,
                )
            return
        if suites:
            item.user_properties += properties(tokenizer=subject.slug, suite=suites[0], law=item.name)
        for need in needs:
            reason = NEEDS[need](subject.tokenizer)
            if reason is not None:
                pytest.skip(f"{subject.slug} lacks {need}: {reason}" if not reason.startswith("lossy: ") else reason)

    # ------------------------------------------------------------------ injected items

    def _wanted(self) -> bool:
        if not self.settings.suites:
            return False
        # who names single tests does not mean the suites of the ini file
        return not (self.settings.suites_from_ini and any("::" in argument for argument in self.config.args))

    def _collector(self, session: pytest.Session) -> TokbenchCollector:
        collector: TokbenchCollector = TokbenchCollector.from_parent(
            session,
            name=ROOT,
            nodeid=ROOT,
            subjects=self.subjects,
            settings=self.settings,
            reference=self._reference,
        )
        return collector

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add the items behind the tests of the repository, before -k and -m choose among them."""
        if self._wanted():
            added = self._collector(session).items()
            items += added
            report = pytest.CollectReport(ROOT, "passed", None, list(added))
            session.config.hook.pytest_collectreport(report=report)  # so that "collected N items" counts them
        for item in items:
            self._expect(item)

    def _expect(self, item: pytest.Item) -> None:
        """Mark what the files name; laws draw their inputs, so one that is known to fail may pass."""
        for entry in self.settings.xfails.of(item.nodeid):
            strict = isinstance(item, CheckItem) and not item.check.drawn
            raises = CheckFailedError if isinstance(item, CheckItem) else None
            item.add_marker(pytest.mark.xfail(reason=entry.reason, strict=strict, raises=raises))
        for entry in self.settings.skips.of(item.nodeid):
            item.add_marker(pytest.mark.skip(reason=entry.reason))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which items are left after -k and -m."""
        self.gathered.selected = tuple(item.nodeid for item in session.items if isinstance(item, CheckItem))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: list[str]) -> None:
        """On the controller of xdist: the same, from a worker."""
        self.gathered.selected = tuple(nodeid for nodeid in ids if nodeid.startswith(f"{ROOT}::"))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: object) -> None:
        """On the controller of xdist: hand the seed to a worker."""
        handed: dict[str, object] = getattr(node, "workerinput", {})
        handed[SEED_KEY] = str(self.settings.seed)

    # ------------------------------------------------------------------ reports

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather outcomes; the controller of xdist sees those of its workers here."""
        self.gathered.add(report)

    def pytest_report_header(self) -> list[str]:
        """Tokenizers with the first digits of the SHA-256 of their files, versions, seed, contradictions."""
        lines = []
        for subject in self.subjects:
            info = subject.tokenizer.info if subject.tokenizer is not None else None
            if info is None:
                lines.append(f"tokbench: {subject.slug}: {subject.unavailable or subject.broken}")
                continue
            files = ", ".join(f"{file.name} {file.sha256[:12]}" for file in info.files)
            libraries = ", ".join(f"{name} {version}" for name, version in info.libraries)
            facts = "; ".join(part for part in (files, libraries, info.capability.summary) if part)
            lines.append(f"tokbench: {subject.slug}: {facts}")
        from tokbench import __version__

        how = "the same in every run" if self.settings.derandomize else "another in every run"
        suites = ", ".join(self.settings.suites) or "none (only fixtures)"
        lines.append(
            f"tokbench: {__version__}, suites {suites}, {self.settings.max_examples} examples per law, "
            f"seed {self.settings.seed} ({how})"
        )
        return [*lines, *(f"tokbench: note: {note}" for note in self.settings.notes)]

    def _unmatched(self) -> list[str]:
        """Lines of the files that no item can match."""
        entries = (*self.settings.xfails.entries, *self.settings.skips.entries)
        if not entries or not self.settings.suites:
            return []
        names = known_names()
        return unmatched(entries, [f"{ROOT}::{slug}::{name}" for slug in self.slugs for name in names])

    def _rows(self) -> list[Row]:
        """All outcomes; a method, because pytest looks at the values of the properties of a plugin early."""
        suites = {}
        for nodeid in (*self.gathered.selected, *self.gathered.crashed):
            name = nodeid.rpartition("::")[2]
            suites[nodeid] = next(
                (suite for suite in ("parity", "vectors", "audit") if name == suite or name.startswith(f"{suite}-")),
                "conformance",
            )
        injected = {nodeid: suite for nodeid, suite in suites.items() if nodeid.startswith(f"{ROOT}::")}
        return self.gathered.complete(injected)

    def pytest_sessionfinish(self) -> None:
        """Write the JSON file, once, by the controller."""
        path = self.settings.json_path
        if path is None or self.is_worker or self.config.option.collectonly:
            return
        settings = {
            "suites": list(self.settings.suites),
            "laws": list(self.settings.laws),
            "max_examples": self.settings.max_examples,
            "seed": self.settings.seed,
            "reference": None if self._reference is None else describe(self._reference),
            "unmatched": self._unmatched(),
        }
        tokenizers = {subject.slug: describe(subject) for subject in self.subjects}
        write_json(path, tokenizers, self._rows(), settings)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line for each tokenizer and suite, unexpected passes, and lines of files that match nothing."""
        if self.config.option.collectonly:
            return
        rows = self._rows()
        lines = summary_lines(rows)
        passes = [row for row in rows if row.outcome == "xpassed"]
        lines += [f"XPASS {row.nodeid}: take it out of the file ({row.reason})" for row in passes]
        lines += [f"warning: no item matches {pattern}: the line can go, or has a typing error"
                  for pattern in self._unmatched()]  # fmt: skip
        if self.settings.json_path is not None:
            lines.append(f"results written to {self.settings.json_path}")
        if lines:
            terminalreporter.section("tokbench")
            for line in lines:
                terminalreporter.line(line)
