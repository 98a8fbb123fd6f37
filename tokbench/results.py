"""The rows of a result: :class:`Sample` and :class:`Metric`; the store around them follows below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Metric", "Outcome", "Sample"]

Outcome = Literal["correct", "wrong", "invalid", "failed", "skipped"]


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
