"""Ids that known vocabularies have to give, from ``suites/exactness/golden.toml``.

A vocabulary is known by the SHA-256 of one of its files, whatever engine loads it. A rank file leaves the split
pattern to whoever loads it, so its golden ids hold under one named pattern only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from tokbench._resources import resource
from tokbench.errors import SuiteDefinitionError
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.patterns import named_pattern

__all__ = ["Golden", "golden_of", "known_vocabularies", "no_golden_ids"]


@dataclass(frozen=True, slots=True)
class Golden:
    """Golden ids of one vocabulary.

    Attributes:
        name: For messages.
        sha256: Hex digests of the files that hold this vocabulary; one of them identifies it.
        pattern: Name of the split pattern, for a rank file; empty where the file itself holds all.
        offset: What is added to a rank to give the id.
        probes: Text -> ids, for the split of words, spaces and punctuation.
        digits: Text -> ids, for the split of numbers.
        derived: The texts whose ids were derived by the readable twin from the file.
    """

    name: str
    sha256: tuple[str, ...]
    pattern: str
    offset: int
    probes: Mapping[str, tuple[int, ...]]
    digits: Mapping[str, tuple[int, ...]]
    derived: frozenset[str]


def _cases(rows: list[dict[str, Any]]) -> Mapping[str, tuple[int, ...]]:
    return MappingProxyType({str(row["text"]): tuple(map(int, row["ids"])) for row in rows})


@cache
def known_vocabularies() -> tuple[Golden, ...]:
    """All vocabularies with golden ids.

    Raises:
        SuiteDefinitionError: If the file is damaged.
    """
    path = resource("suites", "exactness", "golden.toml")
    try:
        return tuple(
            Golden(
                name=str(entry["name"]),
                sha256=tuple(entry["sha256"]),
                pattern=str(entry.get("pattern", "")),
                offset=int(entry.get("offset", 0)),
                probes=_cases(entry["probes"]),
                digits=_cases(entry["digits"]),
                derived=frozenset(
                    row["text"] for row in [*entry["probes"], *entry["digits"]] if row["source"] == "twin"
                ),
            )
            for entry in tomllib.loads(path.read_text("utf-8"))["vocabulary"]
        )
    except (tomllib.TOMLDecodeError, LookupError, TypeError, ValueError) as error:
        raise SuiteDefinitionError("suites/exactness/golden.toml", f"not a table of golden ids: {error!r}") from error


def golden_of(tokenizer: Tokenizer) -> Golden | None:
    """Golden ids for the files of ``tokenizer``, or None."""
    own = {file.sha256 for file in tokenizer.info.files}
    return next((golden for golden in known_vocabularies() if own.intersection(golden.sha256)), None)


def no_golden_ids(tokenizer: Tokenizer) -> str | None:
    """Need of the laws on golden ids."""
    golden = golden_of(tokenizer)
    if golden is None:
        return "no golden ids for this vocabulary"
    # Who names a pattern chooses it; a registered encoding brings its own, which is then part of what is judged.
    chosen = "pattern=" in tokenizer.info.spec.partition("?")[2]
    if chosen and dict(tokenizer.info.switches).get("pattern") != named_pattern(golden.pattern):
        return f"the golden ids of {golden.name} are those of the split pattern {golden.pattern}"
    return None
