"""The files of wordings: ``suites/charbench/prompts.toml`` and ``suites/charbench/questions/*.toml``."""

from __future__ import annotations

import hashlib
import string
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tokbench._resources import resource
from tokbench.errors import SuiteDefinitionError

__all__ = ["Piece", "frame_of", "pieces", "question", "sha256s", "shot_words", "text_of", "wordings"]

Table = Mapping[str, object]

Piece = tuple[str, str]
"""Literal text and the name of the field behind it (``""`` for none)."""


def _read(path: Path) -> dict[str, Table]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SuiteDefinitionError(path.name, f"cannot be read: {error}") from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise SuiteDefinitionError(path.name, f"{name}: expected a table")
    return tables


# ---------------------------------------------------------------------- frames


@cache
def _frames() -> dict[str, Table]:
    return _read(resource("suites", "charbench", "prompts.toml"))


def frame_of(prompt_id: str) -> Table:
    """The table of a prompt."""
    return _frames()[prompt_id]


def text_of(table: Table, name: str, *keys: str) -> str:
    """Text in a table of ``prompts.toml``.

    Raises:
        SuiteDefinitionError: If there is none.
    """
    value: object = table
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise SuiteDefinitionError("prompts.toml", f"{'.'.join((name, *keys))}: expected text")
    return value


def shot_words() -> tuple[str, ...]:
    """Words of the answered questions; they are longer than any word that is asked."""
    words = _frames()["shots"].get("words")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise SuiteDefinitionError("prompts.toml", "shots.words: expected a list of words")
    return tuple(words)


# ---------------------------------------------------------------------- questions


def _question_files() -> list[Path]:
    return sorted(resource("suites", "charbench", "questions").glob("*.toml"))


def _tables(path: Path) -> Iterator[tuple[str, Table]]:
    """Tables of wordings by ``task``, or by ``task/variant``."""
    for name, table in _read(path).items():
        own = {key: value for key, value in table.items() if isinstance(value, str)}
        if own:
            yield name, own
        for variant, wordings in table.items():
            if isinstance(wordings, dict):
                yield f"{name}/{variant}", wordings
            elif not isinstance(wordings, str):
                raise SuiteDefinitionError(path.name, f"{name}.{variant}: expected text or a table of wordings")


@cache
def wordings() -> Mapping[str, Table]:
    """Wordings of every task by key (``a``, ``b``, ``c``); the name is ``task``, or ``task/variant``.

    Raises:
        SuiteDefinitionError: If a file cannot be read, or two say the same question.
    """
    found: dict[str, Table] = {}
    for path in _question_files():
        for name, table in _tables(path):
            if name in found:
                raise SuiteDefinitionError(path.name, f"{name}: another file has this question, too")
            found[name] = table
    return found


def question(task: str, variant: str, wording: str) -> str:
    """The template of a question.

    Raises:
        SuiteDefinitionError: If there is none.
    """
    table = wordings().get(f"{task}/{variant}", wordings().get(task, {}))
    text = table.get(wording)
    if not isinstance(text, str):
        raise SuiteDefinitionError("questions", f"{task}/{variant} has no wording {wording}")
    return text


def sha256s() -> dict[str, str]:
    """SHA-256 of every file of wordings, for the record of a run; ``questions/`` before those of questions."""
    frames = resource("suites", "charbench", "prompts.toml")
    named = {frames.name: frames} | {f"questions/{path.name}": path for path in _question_files()}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in named.items()}


# ---------------------------------------------------------------------- templates


def pieces(template: str, source: str) -> tuple[Piece, ...]:
    """A template cut at its fields, so that filling it is a join.

    Raises:
        SuiteDefinitionError: If braces do not match, or a field is more than a name.
    """
    found = []
    try:
        for literal, field, spec, conversion in string.Formatter().parse(template):
            if field is not None and (not field.isidentifier() or spec or conversion):
                raise SuiteDefinitionError(source, f"{template!r}: {{{field}}} is not a plain name")
            found.append((literal, field or ""))
    except ValueError as error:
        raise SuiteDefinitionError(source, f"{template!r}: {error}") from error
    return tuple(found)
