"""Entry point of the pytest plugin: options, marker and fixtures, and nothing of tokbench until one is used.

pytest imports this module at every start-up in every environment that has tokbench installed, so it imports
the standard library and pytest only; it is a top-level module because ``tokbench.pytest_plugin`` as the entry
point would run ``tokbench/__init__`` first. What the options mean is said in :mod:`tokbench.pytest_plugin`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokbench.pytest_plugin import Budget, Hold, Session, Snapshot
    from tokbench.tokenizers import Tokenizer

MARKER = (
    "tokbench(suite=None, needs=()): a test of a tokenizer; it counts in the summary under suite, and is skipped "
    "for tokenizers without what needs names"
)
# Values stay strings: xdist sends the options to its workers.
OPTIONS = (
    ("tokenizer", "SPEC", "append", "tokenizer under test, for example hf:./tokenizer.json; may be repeated"),
    ("reference", "SPEC", "store", "tokenizer to compare ids with"),
    ("suite", "NAMES", "store", "add items: conformance, parity, vectors, audit (comma-separated), or none"),
    ("laws", "IDS", "store", "laws to hold (comma-separated); -ID leaves one out"),
    ("max-examples", "N", "store", "examples per law (default 200, or TOKBENCH_MAX_EXAMPLES)"),
    ("seed", "N", "store", "seed of the examples, as printed in the header of the run to repeat"),
    ("xfails", "FILE", "store", "items that are known to fail, each with a link to an issue"),
    ("skips", "FILE", "store", "items to leave out, each with a reason"),
    ("json", "FILE", "store", "write the results there as JSON"),
    ("data", "DIR", "store", "folder of third-party expected ids (default TOKBENCH_DATA)"),
)
FLAGS = (
    ("derandomize", "draw the same examples in every run (the default where CI is set)"),
    ("by-bytes", "compare the bytes of tokens with the reference, not their ids"),
    ("snapshot-update", "write the files of tokbench_snapshot and tokbench_budget instead of comparing with them"),
)
INI = (
    ("tokenizers", "linelist", "tokenizers under test, one spec a line"),
    ("reference", "string", "tokenizer to compare ids with"),
    ("suites", "args", "suites whose items are added to the tests"),
    ("laws", "args", "laws to hold; -ID leaves one out"),
    ("derandomize", "string", "true or false: draw the same examples in every run"),
    ("xfails", "string", "file of known failures, relative to the root directory"),
    ("skips", "string", "file of items to leave out, relative to the root directory"),
)
_SESSION: pytest.StashKey[Session] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and the ini keys."""
    group = parser.getgroup("tokbench", "tokbench: conformance of tokenizers")
    for name, metavar, action, text in OPTIONS:
        group.addoption(f"--tokbench-{name}", metavar=metavar, action=action, default=None, help=text)
    for name, text in FLAGS:
        group.addoption(f"--tokbench-{name}", action="store_true", default=False, help=text)
    for name, kind, text in INI:
        parser.addini(f"tokbench_{name}", text, type=kind, default=None)  # type: ignore[arg-type]


def _session(config: pytest.Config) -> Session:
    """What the plugin knows in this run; the first call imports tokbench."""
    if _SESSION not in config.stash:
        from tokbench.pytest_plugin import Session

        config.stash[_SESSION] = session = Session(config)
        config.pluginmanager.register(session, "tokbench-session")
    return config.stash[_SESSION]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, where an option or an ini key asks for it, everything else."""
    config.addinivalue_line("markers", MARKER)
    used = (config.getoption(f"tokbench_{name}".replace("-", "_")) for name, *_ in (*OPTIONS, *FLAGS))
    if any(used) or any(config.getini(f"tokbench_{name}") for name, *_ in INI):
        _session(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that ask for ``tokbench_tokenizer`` once for each tokenizer under test."""
    if "tokbench_tokenizer" in metafunc.fixturenames:
        names = _session(metafunc.config).slugs
        if names:  # with none the fixture says what to do
            metafunc.parametrize("tokbench_tokenizer", names, ids=names, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Check the marker's arguments, and skip where a need is not met."""
    marker = item.get_closest_marker("tokbench")
    if marker is not None:
        _session(item.config).check_marker(item, marker)


@pytest.fixture(scope="session")
def tokbench_tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """Each tokenizer under test in turn."""
    return _session(request.config).tokenizer(getattr(request, "param", None))


@pytest.fixture(scope="session")
def tokbench_reference(request: pytest.FixtureRequest) -> Tokenizer:
    """The tokenizer to compare with; skips where there is none."""
    return _session(request.config).reference()


@pytest.fixture(scope="session")
def tokbench_examples() -> tuple[str, ...]:
    """Texts each of which has broken a tokenizer, or a test of one, before."""
    from tokbench.laws.strategies import EXAMPLES

    return EXAMPLES


@pytest.fixture
def tokbench_hold(request: pytest.FixtureRequest) -> Hold:
    """Holds a law against an engine: what ``tokbench.laws.TokenizerTests`` asks for."""
    return partial(_session(request.config).hold, request.node)


@pytest.fixture
def tokbench_snapshot(request: pytest.FixtureRequest) -> Iterator[Snapshot]:
    """Compares ids with those in a file beside the test; ``--tokbench-snapshot-update`` writes it."""
    with _session(request.config).snapshot(request.node) as snapshot:
        yield snapshot


@pytest.fixture
def tokbench_budget(request: pytest.FixtureRequest) -> Iterator[Budget]:
    """Holds texts to a number of tokens."""
    with _session(request.config).budget(request.node) as budget:
        yield budget
