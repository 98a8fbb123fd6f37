"""Reads the definition of the suite ``exactness``: ``suites/exactness/suite.toml`` as frozen dataclasses.

:class:`Fields` reads one table of a TOML file field by field, and every mistake names the file and the field.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from tokbench._resources import resource
from tokbench.errors import SuiteDefinitionError

__all__ = [
    "BiasSettings",
    "DigitRuns",
    "ExactnessDefinition",
    "Fields",
    "MetricSettings",
    "ParitySettings",
    "Profile",
    "VectorSet",
    "load_definition",
    "read_toml",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much of the suite runs.

    Attributes:
        name: ``smoke``, ``core`` or ``full``.
        law_examples: Generated examples of each law.
        parity_strings: Strings of the fixed parity corpus.
        audit: Whether the vocabulary is audited.
        growth: Whether growth of time is measured.
        memory: Whether growth of memory is measured.
        exhaustive: Whether every assigned code point below U+30000 is tried alone.
        bias_cuts: Cuts at which a model is read in several ways.
    """

    name: str
    law_examples: int
    parity_strings: int
    audit: bool
    growth: bool
    memory: bool
    exhaustive: bool
    bias_cuts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasSettings:
    """Numbers of the model side.

    Attributes:
        chunk: Items of one part of a run, which is what an interrupted run loses at most.
        head_share: One text for the non-canonical mass for so many cuts.
        choice_share: One question for so many cuts.
        eps: Bound of the relative error under the reading ALL.
        positions_per_byte: Budget under the reading ALL.
    """

    chunk: int
    head_share: int
    choice_share: int
    eps: float
    positions_per_byte: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParitySettings:
    """Numbers of the parity part.

    Attributes:
        decode_sequences: Random id sequences whose decoding is compared.
        max_sequence_length: Longest such sequence, in ids.
        max_shrunk: Differences of one class of text that are shrunk.
    """

    decode_sequences: int
    max_sequence_length: int
    max_shrunk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitRuns:
    """Which runs of digits decide the digit policy.

    Attributes:
        max_length: Longest run, in digits.
        per_length: Runs of each length.
        kinds: Sorts of digits, names in :data:`tokbench.suites.exactness.digits.DIGITS`.
    """

    max_length: int
    per_length: int
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSettings:
    """Numbers of the intrinsic metrics.

    Attributes:
        renyi_orders: Orders alpha of the Rényi entropy.
        utilisation_tokens: Numbers of tokens over which vocabulary utilisation is taken.
    """

    renyi_orders: tuple[float, ...]
    utilisation_tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSet:
    """A set of expected ids and the tokenizers that it belongs to.

    Attributes:
        set: Name of the set.
        format: Format of its files.
        folder: Folder below the folder of vectors.
        stem: The part of the file names that names the vocabulary.
        cases: Number of cases in the set.
        specials: Whether text that spells a special token was parsed when the ids were made.
        backends: Backends whose conventions the ids follow.
        sha256: Hashes of tokenizer files that the ids belong to.
        names: Names of tokenizers, where the file alone does not decide; empty for any.
    """

    set: str
    format: Literal["kitoken", "llama.cpp"]
    folder: str
    stem: str
    cases: int
    specials: Literal["parse", "text"]
    backends: frozenset[str]
    sha256: frozenset[str]
    names: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactnessDefinition:
    """The whole definition.

    Attributes:
        name: Name of the suite.
        version: Its version; results of two versions are not compared.
        title: For headings.
        default_tokenizers: Specs that a run without ``--tokenizer`` takes.
        profiles: Profiles by name.
        parity: Numbers of the parity part.
        digits: Runs of digits.
        metrics: Numbers of the intrinsic metrics.
        bias: Numbers of the model side.
        vectors: Sets of expected ids.
    """

    name: str
    version: str
    title: str
    default_tokenizers: tuple[str, ...]
    profiles: Mapping[str, Profile]
    parity: ParitySettings
    digits: DigitRuns
    metrics: MetricSettings
    bias: BiasSettings
    vectors: tuple[VectorSet, ...]

    def profile(self, name: str) -> Profile:
        """The profile called ``name``.

        Raises:
            SuiteDefinitionError: If there is none.
        """
        if name not in self.profiles:
            raise SuiteDefinitionError(
                "suites/exactness/suite.toml", f"no profile {name!r}: expected one of {', '.join(self.profiles)}"
            )
        return self.profiles[name]


class Fields:
    """One table of a TOML file, read field by field; :meth:`finish` refuses fields that nobody read.

    Args:
        path: File, for messages.
        where: Name of the table, for messages; ``""`` for the top of the file.
        table: The table.
    """

    def __init__(self, path: str, where: str, table: object) -> None:
        self.path = path
        self.where = where
        if not isinstance(table, dict):
            raise SuiteDefinitionError(path, f"[{where}] must be a table, found {_shown(table)}")
        self._left: dict[str, object] = dict(table)

    def _name(self, field: str) -> str:
        return f"{self.where}.{field}" if self.where else field

    def wrong(self, field: str, problem: str) -> SuiteDefinitionError:
        """An error that names the file and ``field``."""
        return SuiteDefinitionError(self.path, f"{self._name(field)}: {problem}")

    def take(self, field: str) -> object:
        """The raw value of ``field``.

        Raises:
            SuiteDefinitionError: If it is missing.
        """
        if field not in self._left:
            raise self.wrong(field, "this field is missing")
        return self._left.pop(field)

    def has(self, field: str) -> bool:
        """Whether ``field`` is there and not yet read."""
        return field in self._left

    def text(self, field: str) -> str:
        """A string that is not empty."""
        value = self.take(field)
        if not isinstance(value, str) or not value:
            raise self.wrong(field, f"expected text, found {_shown(value)}")
        return value

    def flag(self, field: str) -> bool:
        """A truth value."""
        value = self.take(field)
        if not isinstance(value, bool):
            raise self.wrong(field, f"expected true or false, found {_shown(value)}")
        return value

    def count(self, field: str, *, least: int = 1) -> int:
        """An integer of at least ``least``."""
        value = self.take(field)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.wrong(field, f"expected an integer of at least {least}, found {_shown(value)}")
        return value

    def one_of(self, field: str, choices: tuple[str, ...]) -> str:
        """One of ``choices``."""
        value = self.take(field)
        if not isinstance(value, str) or value not in choices:
            raise self.wrong(field, f"expected one of {', '.join(choices)}, found {_shown(value)}")
        return value

    def items(self, field: str) -> list[object]:
        """A list that is not empty."""
        value = self.take(field)
        if not isinstance(value, list) or not value:
            raise self.wrong(field, f"expected a list that is not empty, found {_shown(value)}")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of different strings."""
        values = self.items(field)
        if not all(isinstance(value, str) and value for value in values) or len({*values}) != len(values):
            raise self.wrong(field, f"expected a list of different texts, found {_shown(values)}")
        return tuple(str(value) for value in values)

    def counts(self, field: str) -> tuple[int, ...]:
        """A list of positive integers."""
        values = self.items(field)
        if not all(isinstance(value, int) and not isinstance(value, bool) and value > 0 for value in values):
            raise self.wrong(field, f"expected a list of positive integers, found {_shown(values)}")
        return tuple(cast("list[int]", values))

    def number(self, field: str) -> float:
        """A number above 0."""
        value = self.take(field)
        if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
            raise self.wrong(field, f"expected a number above 0, found {_shown(value)}")
        return float(value)

    def numbers(self, field: str) -> tuple[float, ...]:
        """A list of numbers that are not negative."""
        values = self.items(field)
        if not all(isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 for value in values):
            raise self.wrong(field, f"expected a list of numbers that are not negative, found {_shown(values)}")
        return tuple(float(cast("float", value)) for value in values)

    def table(self, field: str) -> Fields:
        """A table below this one."""
        return Fields(self.path, self._name(field), self.take(field))

    def finish(self) -> None:
        """End of reading.

        Raises:
            SuiteDefinitionError: If a field is left, most likely a misspelt one.
        """
        if self._left:
            raise self.wrong(next(iter(self._left)), "no such field")

    def names(self) -> tuple[str, ...]:
        """Names of the fields that are left."""
        return tuple(self._left)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004, one line of a message


def read_toml(path: Path) -> Fields:
    """Read a TOML file.

    Raises:
        SuiteDefinitionError: If it cannot be read or is not TOML.
    """
    try:
        return Fields(path.name, "", tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SuiteDefinitionError(path.name, f"cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SuiteDefinitionError(path.name, f"not a TOML file: {error}") from error


def _profile(name: str, fields: Fields) -> Profile:
    profile = Profile(
        name=name,
        law_examples=fields.count("law_examples"),
        parity_strings=fields.count("parity_strings"),
        audit=fields.flag("audit"),
        growth=fields.flag("growth"),
        memory=fields.flag("memory"),
        exhaustive=fields.flag("exhaustive"),
        bias_cuts=fields.count("bias_cuts"),
    )
    fields.finish()
    return profile


def _vector_set(fields: Fields) -> VectorSet:
    made = VectorSet(
        set=fields.text("set"),
        format=cast("Literal['kitoken', 'llama.cpp']", fields.one_of("format", ("kitoken", "llama.cpp"))),
        folder=fields.text("folder"),
        stem=fields.text("stem"),
        cases=fields.count("cases"),
        specials=cast("Literal['parse', 'text']", fields.one_of("specials", ("parse", "text"))),
        backends=frozenset(fields.texts("backends")),
        sha256=frozenset(fields.texts("sha256")),
        names=frozenset(fields.texts("names") if fields.has("names") else ()),
    )
    fields.finish()
    return made


def load_definition(path: Path | None = None) -> ExactnessDefinition:
    """Read the definition.

    Args:
        path: Another file than the one that the project ships.

    Raises:
        SuiteDefinitionError: If the file is missing or malformed; it names the file and the field.
    """
    top = read_toml(resource("suites", "exactness", "suite.toml") if path is None else path)
    suite, profiles = top.table("suite"), top.table("profiles")
    parity, digits, metrics, bias = (top.table(name) for name in ("parity", "digits", "metrics", "bias"))
    sets = [
        _vector_set(Fields(top.path, f"vectors[{index}]", table)) for index, table in enumerate(top.items("vectors"))
    ]
    if len({entry.set for entry in sets}) != len(sets):
        raise top.wrong("vectors", "two sets have the same name")
    definition = ExactnessDefinition(
        name=suite.text("name"),
        version=suite.text("version"),
        title=suite.text("title"),
        default_tokenizers=suite.texts("default_tokenizers"),
        profiles={name: _profile(name, profiles.table(name)) for name in profiles.names()},
        parity=ParitySettings(
            decode_sequences=parity.count("decode_sequences"),
            max_sequence_length=parity.count("max_sequence_length"),
            max_shrunk=parity.count("max_shrunk"),
        ),
        digits=DigitRuns(
            max_length=digits.count("max_length"),
            per_length=digits.count("per_length"),
            kinds=digits.texts("kinds"),
        ),
        metrics=MetricSettings(
            renyi_orders=metrics.numbers("renyi_orders"),
            utilisation_tokens=metrics.counts("utilisation_tokens"),
        ),
        bias=BiasSettings(
            chunk=bias.count("chunk"),
            head_share=bias.count("head_share"),
            choice_share=bias.count("choice_share"),
            eps=bias.number("eps"),
            positions_per_byte=bias.count("positions_per_byte"),
        ),
        vectors=tuple(sets),
    )
    if not definition.profiles:
        raise top.wrong("profiles", "at least one profile is needed")
    for fields in (suite, parity, digits, metrics, bias, top):
        fields.finish()
    return definition
