"""The rows of a result, and the two forms in which they are kept: JSON lines and Parquet columns."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Literal, TypeVar, get_args

__all__ = ["DIRECTIONS", "METHODS", "OUTCOMES", "Metric", "Outcome", "Sample", "escape", "unescape"]

Outcome = Literal["correct", "wrong", "invalid", "failed", "skipped"]
Direction = Literal["up", "down", "none"]
Method = Literal["wilson", "clustered", "exact", "count"]

OUTCOMES: tuple[str, ...] = get_args(Outcome)
DIRECTIONS: tuple[str, ...] = get_args(Direction)
METHODS: tuple[str, ...] = get_args(Method)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One item under one condition.

    Attributes:
        item_id: Stable name of the item, for example ``law/round-trip`` or ``parity/hf-gpt2/ascii/00042``.
        metric: The metric that this row counts towards.
        outcome: ``correct`` (a law holds, ids agree), ``wrong``, ``invalid`` (an answer that cannot be
            graded), ``failed`` (nothing came back), ``skipped`` (does not apply; ``message`` says why).
        stratum: Class of items, for example the class of text.
        cluster: Items that are not independent share it (a template, a word).
        score: 1.0, 0.0 or a number of the metric; None when there is none.
        prompt_sha256: Hash of the exact prompt, or of the exact input text of a tokenizer item.
        completion: What came back (models), or None.
        ids: Token ids as they were given, or None.
        gold: What was expected, as text.
        seconds: Time taken, or None.
        message: One paragraph for a person: reason of a skip, minimal counterexample of a failure.
        detail: What the suite says of the sample beside that, as JSON values: the parsed answer, why it ended.
    """

    item_id: str
    metric: str
    outcome: Outcome
    stratum: str = ""
    cluster: str = ""
    score: float | None = None
    prompt_sha256: str | None = None
    completion: str | None = None
    ids: tuple[int, ...] | None = None
    gold: str | None = None
    seconds: float | None = None
    message: str = ""
    detail: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number of a run with everything that is needed to read it.

    Attributes:
        metric: Its name, for example ``fertility``.
        value: The number, or None when it cannot be computed; ``reason`` then says why.
        direction: Whether more is better (``up``), worse (``down``) or neither (``none``).
        k: Successes or numerator, where the value is a proportion or a ratio of counts.
        n: Number of items or denominator.
        n_invalid: Items whose answer could not be graded (they stay in ``n``).
        n_failed: Items for which nothing came back (they stay in ``n``).
        lo: Lower end of the 95 % interval, or None where the value is a count of everything there is.
        hi: Upper end.
        method: How the interval was made: ``wilson``, ``clustered``, ``exact`` or ``count``.
        unit: Unit of the value with its denominator: ``tokens/word (whitespace words)``.
        filter: The subset that the value is about, ``""`` for all.
        reason: Why there is no value.
    """

    metric: str
    value: float | None
    direction: Literal["up", "down", "none"] = "none"
    k: float | None = None
    n: int = 0
    n_invalid: int = 0
    n_failed: int = 0
    lo: float | None = None
    hi: float | None = None
    method: Literal["wilson", "clustered", "exact", "count"] = "count"
    unit: str = ""
    filter: str = ""
    reason: str = ""


# ---------------------------------------------------------------------- strings that UTF-8 cannot hold

_MARK = "␛"
_SPECIAL = re.compile(f"[\ud800-\udfff{_MARK}]")
_ESCAPED = re.compile(f"{_MARK}(?:{_MARK}|(d[89a-f][0-9a-f]{{2}}))")


def escape(text: str) -> str:
    r"""A form of ``text`` that is valid UTF-8, whatever surrogates it holds.

    A surrogate becomes U+241B and its four hexadecimal digits, U+241B itself is doubled, and all other
    text stays as it is, so that columns remain readable in any Parquet tool. Bytes that came in through
    ``surrogateescape`` are surrogates and so kept too. :func:`unescape` is the inverse.
    """
    return _SPECIAL.sub(lambda found: _MARK * 2 if found[0] == _MARK else f"{_MARK}{ord(found[0]):04x}", text)


def unescape(text: str) -> str:
    """Inverse of :func:`escape`."""
    if _MARK not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else _MARK, text)


# ---------------------------------------------------------------------- rows as plain mappings

Row = TypeVar("Row", Sample, Metric)


def to_plain(row: Sample | Metric) -> dict[str, object]:
    """The fields of a row that differ from their defaults, with strings escaped."""
    plain: dict[str, object] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if field.default is not MISSING and value == field.default:
            continue
        plain[field.name] = escape(value) if isinstance(value, str) else value
    return plain


def from_plain(kind: type[Row], plain: Mapping[str, object]) -> Row:
    """Inverse of :func:`to_plain`; fields that this version does not know are passed over.

    Raises:
        TypeError: If a field without default is missing.
        ValueError: If a field that takes one of a few words holds another.
    """
    values: dict[str, object] = {}
    for field in fields(kind):
        if field.name not in plain:
            continue
        value = plain[field.name]
        if field.name == "detail" and isinstance(value, str):
            value = json.loads(value)  # as a column of Parquet holds it
        elif isinstance(value, str):
            value = unescape(value)
        if field.name in _WORDS and value not in _WORDS[field.name]:
            msg = f"field {field.name} holds {value!r}: expected one of {', '.join(_WORDS[field.name])}"
            raise ValueError(msg)
        if field.name == "ids" and value is not None:
            value = tuple(value)  # type: ignore[arg-type]
        values[field.name] = value
    return kind(**values)  # type: ignore[arg-type]


_WORDS = {"outcome": OUTCOMES, "direction": DIRECTIONS, "method": METHODS}
