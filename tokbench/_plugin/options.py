"""What the user asked for: command line, ini file and environment, read once and checked before collection."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from tokbench._plugin.expected import Expectations, read_expectations
from tokbench.errors import UnknownLawError
from tokbench.laws import LAWS, select_laws

__all__ = ["DEFAULT_EXAMPLES", "SEED_KEY", "SUITES", "Settings", "read_settings"]

SUITES: Mapping[str, str] = MappingProxyType(
    {
        "conformance": "the laws of tokbench.laws",
        "parity": "the ids of --tokbench-reference on a fixed corpus",
        "vectors": "expected ids of other projects",
        "audit": "vocabulary entries that no text gives",
    }
)
"""Suites whose items can be added, each with what it holds a tokenizer to."""

DEFAULT_EXAMPLES = 200
SEED_KEY = "tokbench_seed"
"""Under which a controller of xdist hands its seed to the workers."""

_SEEDS = 1 << 32


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that the user chose.

    Attributes:
        specs: Tokenizers under test.
        reference: Tokenizer to compare with, or None.
        suites: Suites whose items are added to the tests.
        suites_from_ini: Whether the ini file named them, so that a run of single tests leaves them out.
        laws: Ids of the laws to hold, in their order.
        max_examples: Examples per law.
        seed: Seed of the examples.
        derandomize: Whether each run draws the same examples.
        by_bytes: Whether parity compares the bytes of tokens.
        xfails: Known failures.
        skips: Items to leave out.
        json_path: Where results are written, or None.
        data: Folder of third-party expected ids, or None.
        update: Whether snapshots are written.
        notes: Options that contradict the ini file, in words.
    """

    specs: tuple[str, ...]
    reference: str | None
    suites: tuple[str, ...]
    suites_from_ini: bool
    laws: tuple[str, ...]
    max_examples: int
    seed: int
    derandomize: bool
    by_bytes: bool
    xfails: Expectations
    skips: Expectations
    json_path: Path | None
    data: Path | None
    update: bool
    notes: tuple[str, ...]


class _Reader:
    """Looks a setting up on the command line, then in the ini file, and notes contradictions."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.notes: list[str] = []

    def option(self, name: str) -> str | None:
        value = self.config.getoption(f"tokbench_{name}")
        return str(value) if value is not None else None

    def either(self, name: str, ini: str | None = None) -> tuple[str | None, bool]:
        """The value, and whether it comes from the ini file."""
        key = f"tokbench_{ini or name}"
        written: object = self.config.getini(key)
        filed = " ".join(map(str, written)) if isinstance(written, list) else str(written or "")
        given = self.option(name)
        if given is None:
            return filed or None, True
        if filed and given != filed:
            self.notes.append(f"--tokbench-{name.replace('_', '-')} {given} overrides {key} = {filed} of the ini file")
        return given, False

    def specs(self) -> tuple[str, ...]:
        given: Sequence[str] | None = self.config.getoption("tokbench_tokenizer")
        filed = [spec for spec in self.config.getini("tokbench_tokenizers") or () if spec]
        if given and filed and list(given) != filed:
            self.notes.append(
                f"--tokbench-tokenizer {' '.join(given)} overrides tokbench_tokenizers = {' '.join(filed)} "
                "of the ini file"
            )
        return tuple(dict.fromkeys(given or filed))

    def path(self, name: str, *, directory: bool = False) -> Path | None:
        """A path: an option is relative to where pytest was started, an ini key to the root directory."""
        value, filed = (self.option(name), False) if directory else self.either(name)
        if value is None:
            return None
        base = self.config.rootpath if filed else self.config.invocation_params.dir
        return base / Path(value).expanduser()


def _words(value: str | None) -> list[str]:
    return [word for word in (value or "").replace(",", " ").split() if word]


def _number(value: str, what: str, least: int) -> int:
    """A whole number.

    Raises:
        pytest.UsageError: If it is none, or too small.
    """
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if number < least:
        raise pytest.UsageError(f"{what}: expected a whole number from {least}, found {value!a}")
    return number


def _suites(reader: _Reader) -> tuple[tuple[str, ...], bool]:
    value, filed = reader.either("suite", "suites")
    names = _words(value)
    if names == ["none"]:
        return (), filed
    for name in names:
        if name not in SUITES:
            import difflib

            close = difflib.get_close_matches(name, SUITES, n=2)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            known = ", ".join((*SUITES, "none"))
            raise pytest.UsageError(f"--tokbench-suite: unknown suite {name!a}: expected some of {known}{hint}")
    return tuple(name for name in SUITES if name in names), filed and bool(names)


def _laws(reader: _Reader) -> tuple[str, ...]:
    names = _words(reader.either("laws")[0])
    try:
        return tuple(entry.id for entry in select_laws(names or None))
    except UnknownLawError as error:
        known = "" if ": expected one of " in str(error) else f"; known are {', '.join(LAWS)}"
        raise pytest.UsageError(f"--tokbench-laws: {error}{known}") from None


def _derandomize(config: pytest.Config) -> bool:
    if config.getoption("tokbench_derandomize"):
        return True
    filed = str(config.getini("tokbench_derandomize") or "").lower()
    if filed not in {"", "true", "false"}:
        raise pytest.UsageError(f"tokbench_derandomize: expected true or false, found {filed!a}")
    return filed == "true" if filed else bool(os.environ.get("CI"))


def _seed(config: pytest.Config, reader: _Reader, *, derandomize: bool) -> int:
    given = reader.option("seed")
    if given is not None:
        return _number(given, "--tokbench-seed", 0)
    if derandomize:
        return 0
    handed: Mapping[str, object] = getattr(config, "workerinput", {})
    return int(str(handed.get(SEED_KEY) or random.SystemRandom().randrange(_SEEDS)))


def _examples(reader: _Reader) -> int:
    given, from_environment = reader.option("max_examples"), os.environ.get("TOKBENCH_MAX_EXAMPLES")
    if given is not None:
        return _number(given, "--tokbench-max-examples", 1)
    return _number(from_environment, "TOKBENCH_MAX_EXAMPLES", 1) if from_environment else DEFAULT_EXAMPLES


def _json_path(reader: _Reader) -> Path | None:
    path = reader.path("json", directory=True)
    if path is not None and not path.parent.is_dir():
        raise pytest.UsageError(f"--tokbench-json: the directory {path.parent} does not exist: make it first")
    if path is not None and path.is_dir():
        raise pytest.UsageError(f"--tokbench-json: {path} is a directory: expected the name of a file")
    return path


def _data(reader: _Reader) -> Path | None:
    given = reader.path("data", directory=True)
    if given is not None:
        return given
    return Path(os.environ["TOKBENCH_DATA"]) if os.environ.get("TOKBENCH_DATA") else None


def read_settings(config: pytest.Config) -> Settings:
    """Read and check everything.

    Raises:
        pytest.UsageError: On the first thing that cannot be meant; it names the option and what was expected.
    """
    reader = _Reader(config)
    suites, filed = _suites(reader)
    specs, reference = reader.specs(), reader.either("reference")[0]
    if suites and not specs:
        raise pytest.UsageError(
            f"the suites {', '.join(suites)} need a tokenizer under test: give --tokbench-tokenizer SPEC, for example "
            "hf:./tokenizer.json, or the ini key tokbench_tokenizers"
        )
    if "parity" in suites and reference is None:
        raise pytest.UsageError(
            "the suite parity compares with another tokenizer: give --tokbench-reference SPEC, for example "
            "tiktoken:./cl100k.tiktoken?pattern=cl100k"
        )
    derandomize = _derandomize(config)
    xfails = read_expectations(reader.path("xfails"), "--tokbench-xfails", links=True)
    skips = read_expectations(reader.path("skips"), "--tokbench-skips", links=False)
    return Settings(
        specs=specs,
        reference=reference,
        suites=suites,
        suites_from_ini=filed,
        laws=_laws(reader),
        max_examples=_examples(reader),
        seed=_seed(config, reader, derandomize=derandomize),
        derandomize=derandomize,
        by_bytes=bool(config.getoption("tokbench_by_bytes")),
        xfails=xfails,
        skips=skips,
        json_path=_json_path(reader),
        data=_data(reader),
        update=bool(config.getoption("tokbench_snapshot_update")),
        notes=tuple(reader.notes),
    )
