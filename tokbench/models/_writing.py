"""One answer while it is written: which token comes next, what its bytes say so far, and when it ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel._draws import Draws
from tokbench.errors import (
    ContextLengthError,
    ControlTokenError,
    ModelContractError,
    OptionError,
    UnknownIdError,
    UnmappableTokenError,
)
from tokbench.models.completion import Completion, Decoding, FinishReason
from tokbench.tokenizers import Tokenizer

__all__ = ["UNLIMITED", "Spelling", "Writer", "Writing", "best", "drawn"]

UNLIMITED = 4096
"""Longest answer of a model without a longest sequence, where none is asked for."""


class Spelling:
    """Bytes of ids in the middle of a sequence; ids that stand for none (control tokens, surplus rows) have none.

    Args:
        tokenizer: The tokenizer.

    Attributes:
        prefix: Bytes that the tokenizer inserts in front of a text.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.prefix = tokenizer.info.prefix
        self._tokenizer = tokenizer
        self._known: dict[int, bytes] = {}

    def __getitem__(self, token: int) -> bytes:
        found = self._known.get(token)
        if found is None:
            try:
                found = self._tokenizer.token_bytes(token)
            except (ControlTokenError, UnknownIdError, UnmappableTokenError):
                found = b""
            self._known[token] = found
        return found

    def text_of(self, ids: Sequence[int]) -> bytes:
        """The bytes of a whole text, without an inserted prefix."""
        return b"".join(self[token] for token in ids).removeprefix(self.prefix)

    def spells(self, ids: Sequence[int]) -> bool:
        """Whether ids stand for any byte."""
        return any(self[token] for token in ids)


def best(row: NDArray[np.floating]) -> int:
    """The most probable token; of several the lowest id."""
    return int(np.argmax(row))


def drawn(row: NDArray[np.floating], temperature: float, top_p: float, fraction: float) -> int:
    """The token at ``fraction`` of the cumulated probabilities at a temperature.

    Args:
        row: Natural-log probabilities, shape ``(width,)``.
        temperature: What they are divided by.
        top_p: The most probable tokens (of equal ones the lower ids) are drawn from, as few as reach this share.
        fraction: A number in [0, 1).
    """
    logits = row.astype(np.float64)
    weights = np.exp((logits - logits.max()) / temperature)
    kept: NDArray[np.intp] | None = None
    if top_p < 1:
        order = np.argsort(-weights, kind="stable")
        sums = np.cumsum(weights[order])
        kept = order[: int(np.searchsorted(sums, top_p * sums[-1])) + 1]
        weights = weights[kept]
    sums = np.cumsum(weights)
    last = int(np.searchsorted(sums, sums[-1]))  # nothing behind it has any weight
    at = min(int(np.searchsorted(sums, fraction * sums[-1], side="right")), last)
    return at if kept is None else int(kept[at])


@dataclass(frozen=True, slots=True)
class Writing:
    """What all answers of one call have in common.

    Attributes:
        decoding: How they are drawn.
        spelling: Bytes of ids.
        end_ids: Ids that end an answer.
        max_positions: Longest sequence of the model, prompt and answer together; None for no limit.
    """

    decoding: Decoding
    spelling: Spelling
    end_ids: frozenset[int]
    max_positions: int | None

    def __post_init__(self) -> None:
        decoding = self.decoding
        if not (math.isfinite(decoding.temperature) and decoding.temperature >= 0):
            raise OptionError("temperature", decoding.temperature, "a number of at least 0")
        if not 0 < decoding.top_p <= 1:
            raise OptionError("top_p", decoding.top_p, "a share above 0 and at most 1")
        if decoding.max_tokens is not None and decoding.max_tokens < 1:
            raise OptionError("max_tokens", decoding.max_tokens, "a number of at least 1, or none")
        if "" in decoding.stop:
            raise OptionError("stop", "", "strings of at least one character")

    def allowed(self, row: NDArray[np.floating]) -> NDArray[np.floating]:
        """Log-probabilities without those of the forbidden ids; the row itself is left as it is.

        Raises:
            ModelContractError: If nothing is left.
        """
        if not self.decoding.forbidden:
            return row
        row = row.copy()
        row[list(self.decoding.forbidden)] = -np.inf
        if not np.isfinite(row.max()):
            raise ModelContractError((), "no token that is allowed has a probability above 0")
        return row

    @property
    def stops(self) -> tuple[bytes, ...]:
        """The stop strings in bytes."""
        return tuple(stop.encode("utf-8", "surrogatepass") for stop in self.decoding.stop)

    def limit(self, length: int) -> int:
        """Longest answer, in tokens, behind a prompt of ``length`` ids.

        Raises:
            ContextLengthError: If there is no room for any.
        """
        wanted = self.decoding.max_tokens
        if self.max_positions is None:
            return UNLIMITED if wanted is None else wanted
        room = self.max_positions - length
        if room < 1:
            raise ContextLengthError(length + 1, self.max_positions)
        return room if wanted is None else min(wanted, room)


class Writer:
    """One answer.

    Args:
        writing: What it has in common with others.
        prompt_ids: Ids in front of it.
        key: Name of the request: draws follow from it and the seed alone.

    Attributes:
        prompt_ids: As given.
        ids: Ids of the answer so far.
        finish: Why it ended, or ``""`` while it goes on.

    Raises:
        ContextLengthError: If the prompt leaves no room for an answer.
    """

    def __init__(self, writing: Writing, prompt_ids: Sequence[int], key: str) -> None:
        self.prompt_ids = tuple(prompt_ids)
        self.ids: list[int] = []
        self.finish: FinishReason = ""
        self._writing = writing
        self._limit = writing.limit(len(self.prompt_ids))
        self._stops = writing.stops
        self._logprobs: list[float] = []
        self._data = bytearray()
        self._cut: int | None = None
        # an inserted prefix belongs to the first piece of a text, and that is in the prompt if there is any text
        prefix = writing.spelling.prefix
        self._prefix = b"" if not prefix or writing.spelling.spells(self.prompt_ids) else prefix
        self._draws = Draws("completion", writing.decoding.seed, 0, key.encode("utf-8", "surrogatepass"))

    @property
    def sequence(self) -> tuple[int, ...]:
        """Prompt and answer."""
        return (*self.prompt_ids, *self.ids)

    @property
    def left(self) -> int:
        """Number of tokens that may still come."""
        return self._limit - len(self.ids)

    @property
    def greedy(self) -> bool:
        """Whether the most probable token is taken."""
        return self._writing.decoding.temperature == 0

    @property
    def forbidden(self) -> tuple[int, ...]:
        """Ids that may not be chosen."""
        return self._writing.decoding.forbidden

    def pick(self, row: NDArray[np.floating]) -> int:
        """Choose the next token, and write it.

        Args:
            row: Natural-log probabilities, shape ``(width,)``.

        Returns:
            Its id.

        Raises:
            ModelContractError: If the row is no distribution, or leaves nothing that is allowed.
        """
        allowed = self._writing.allowed(row)
        token = best(allowed) if self.greedy else self._draw(allowed)
        self.write(token, float(row[token]))
        return token

    def _draw(self, row: NDArray[np.floating]) -> int:
        decoding = self._writing.decoding
        return drawn(row, decoding.temperature, decoding.top_p, self._draws.fraction())

    def write(self, token: int, logprob: float) -> None:
        """Write a token that was chosen elsewhere.

        Raises:
            ModelContractError: If its probability is not above 0, so that no token had any.
        """
        if not math.isfinite(logprob):
            raise ModelContractError(self.sequence, "no token has a probability above 0")
        self.ids.append(token)
        self._logprobs.append(logprob)
        if token in self._writing.end_ids:
            self.finish = "stop"
            return
        before = len(self._data)
        self._data += self._writing.spelling[token]
        if self._prefix and len(self._data) >= len(self._prefix):
            if self._data.startswith(self._prefix):
                del self._data[: len(self._prefix)]
            self._prefix = b""
        found = [self._data.find(stop, max(0, before - len(stop) + 1)) for stop in self._stops]
        places = [place for place in found if place >= 0]
        if places:
            self._cut = min(places)
            self.finish = "stop"
        elif self.left <= 0:
            self.finish = "length"

    def completion(self, seconds: float) -> Completion:
        """The answer; bytes of a character that was not finished become U+FFFD."""
        return Completion(
            text=bytes(self._data[: self._cut]).decode("utf-8", "replace"),
            ids=tuple(self.ids),
            prompt_ids=self.prompt_ids,
            logprobs=tuple(self._logprobs),
            finish_reason=self.finish,
            prompt_tokens=len(self.prompt_ids),
            completion_tokens=len(self.ids),
            seconds=seconds,
        )
