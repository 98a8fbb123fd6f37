"""Log-probabilities of the tokens of a reply, as recorded, and what follows from them (arithmetic specification, 4.7).

The tokens are those that the model emitted: their texts, not a new encoding of the reply.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Alternative", "LogprobError", "ReplyTokens", "TokenLogprob", "entropy_floor", "read_logprobs"]


class LogprobError(ValueError):
    """Log-probabilities that cannot be read, or that are not those of the reply."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could have come, and the natural logarithm of its probability."""

    token: str
    logprob: float


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token of a reply.

    Attributes:
        token: Its text.
        logprob: Natural logarithm of its probability.
        top: The most probable tokens at this place, descending; empty where they are not known.
    """

    token: str
    logprob: float
    top: tuple[Alternative, ...] = ()

    @property
    def entropy(self) -> float | None:
        """:func:`entropy_floor` of the place; None where the most probable tokens are not known."""
        return entropy_floor([one.logprob for one in self.top]) if self.top else None


def entropy_floor(logprobs: Sequence[float]) -> float:
    """Lower bound of the entropy of a distribution of which the k most probable outcomes are known, in nats.

    With log-probabilities l1 >= ... >= lk of mass P it is ``-sum(e**l * l) - (1 - P) * lk``: no outcome of the rest is
    more probable than the last one known, so each adds at least ``-lk`` times its probability. Source: arXiv
    2402.14903.

    Args:
        logprobs: Natural logarithms, one or more, descending.
    """
    mass = math.fsum(math.exp(value) for value in logprobs)
    known = math.fsum(math.exp(value) * value for value in logprobs if value > -math.inf)
    rest = max(0.0, 1 - mass)
    return max(0.0, -known - (rest * logprobs[-1] if rest else 0.0))


@dataclass(frozen=True, slots=True)
class ReplyTokens:
    """The tokens of a reply.

    Attributes:
        tokens: All of them; their texts join to the reply.
        starts: Place of the first character of each token in the reply.
    """

    tokens: tuple[TokenLogprob, ...]
    starts: tuple[int, ...]

    def within(self, start: int, end: int) -> list[TokenLogprob]:
        """The tokens with a digit between two places of the reply: those of the answer, without separators."""
        return [
            token for token, at in zip(self.tokens, self.starts, strict=True)
            if at < end and at + len(token.token) > start
            and any(mark.isdecimal() for mark in token.token[max(0, start - at) : end - at])
        ]  # fmt: skip


def _number(record: Mapping[str, object], name: str) -> float:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value > 0:
        msg = f"{name} holds {value!r:.40}: expected a natural logarithm of a probability"
        raise LogprobError(msg)
    return float(value)


def _token(record: object) -> tuple[str, float]:
    if not isinstance(record, dict) or not isinstance(record.get("token"), str):
        msg = "a record is no object with a token"
        raise LogprobError(msg)
    return record["token"], _number(record, "logprob")


def _top(record: Mapping[str, object]) -> tuple[Alternative, ...]:
    found = next((record[name] for name in ("top_5_logprobs", "top_logprobs") if record.get(name) is not None), [])
    if not isinstance(found, list):
        msg = "the most probable tokens are no list"
        raise LogprobError(msg)
    return tuple(sorted((Alternative(*_token(one)) for one in found), key=lambda one: -one.logprob))


def read_logprobs(written: object, reply: str) -> ReplyTokens | None:
    """The tokens of a reply, from a JSON list with one object for each token.

    An object holds ``token``, ``logprob`` and, where known, ``top_5_logprobs`` or ``top_logprobs`` (objects with
    ``token`` and ``logprob``).

    Args:
        written: JSON text, or the list; empty or None where there are none.
        reply: The reply as it came.

    Raises:
        LogprobError: If it cannot be read, or the tokens do not join to the reply.
    """
    if written is None or (isinstance(written, str) and not written.strip()):
        return None
    try:
        found = json.loads(written) if isinstance(written, str) else written
    except (ValueError, RecursionError) as error:
        msg = f"no JSON ({error})"
        raise LogprobError(msg) from None
    if not isinstance(found, list):
        msg = "expected a list with one object for each token"
        raise LogprobError(msg)
    tokens, starts, at = [], [], 0
    for record in found:
        text, logprob = _token(record)
        tokens.append(TokenLogprob(text, logprob, _top(record)))
        starts.append(at)
        at += len(text)
    if "".join(token.token for token in tokens) != reply:
        msg = "the tokens do not join to the reply"
        raise LogprobError(msg)
    return ReplyTokens(tuple(tokens), tuple(starts))
