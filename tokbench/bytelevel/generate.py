"""Text drawn byte by byte, with about one call of the model a token (bytelevel specification 4.7 and 4.8).

Every byte has a distribution of its own, so plain stepping costs a call a byte. *Token speculation* saves most of
them: before a call, the next bytes are drawn from what the contexts at hand say already, with the very fractions
that the real draws will use; the call then computes the contexts of all those bytes together. A guess only fills the
cache. It never changes a probability, and a wrong one costs the positions it filled.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel.bytestate import utf8_mask
from tokbench.bytelevel.constraint import Constraint, State
from tokbench.bytelevel.lazy import draw_lazily
from tokbench.bytelevel.readings import END, OTHER
from tokbench.bytelevel.session import Floats, log_sum
from tokbench.bytelevel.state import Cover, Job, run_together
from tokbench.errors import DeadEndError, OptionError

__all__ = [
    "ByteCompletion",
    "Drawable",
    "FinishReason",
    "Settings",
    "Source",
    "draw",
    "fraction",
    "generate",
    "shaped",
]

FinishReason = Literal["end", "stop", "length", "dead_end"]
"""Why an output ends: the end symbol, a stop string, ``max_bytes``, or because no next byte is allowed."""

_GUESS = 32  # bytes that are guessed at most
_WORTH = 0.1  # share of what is known at a guessed byte below which guessing stops: a token very probably ends there


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to draw.

    Attributes:
        max_bytes: Most bytes of output.
        temperature: Exponent 1 / temperature on the byte distribution; 0 takes the most probable symbol, ties by
            number. It is not the temperature of a token model: that is another distribution.
        top_p: The fewest symbols whose probabilities reach it are kept.
        stop: Byte strings that end the output, itself cut in front of them.
        constraint: What bytes are allowed.
        seed: Draws follow from (seed, sample, index of the byte).
        speculate: Whether contexts of guessed bytes are computed ahead.

    Raises:
        OptionError: If a number is out of its range.
    """

    max_bytes: int = 256
    temperature: float = 1.0
    top_p: float = 1.0
    stop: tuple[bytes, ...] = ()
    constraint: Constraint | None = None
    seed: int = 0
    speculate: bool = True

    def __post_init__(self) -> None:
        if self.max_bytes < 0:
            raise OptionError("max_bytes", self.max_bytes, "a number of at least 0")
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise OptionError("temperature", self.temperature, "a number of at least 0")
        if not 0 < self.top_p <= 1:
            raise OptionError("top_p", self.top_p, "a number above 0 and at most 1")
        if b"" in self.stop:
            raise OptionError("stop", "", "strings of at least one byte")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteCompletion:
    """What was drawn behind a prompt.

    Attributes:
        data: The bytes, the prompt left out.
        finish_reason: Why they end.
        logprob: Natural logarithm of their probability under the model (not the tempered one), the end included
            where the text ended; a lower bound under the reading ``all`` at temperature 1, where draws are lazy and
            compute no more than they touch.
        log_allowed: Sum over the bytes of the logarithm of the mass that the constraint left: an importance weight
            for the constrained text, because a mask at every byte is not the model conditioned on the constraint.
        forwards: Calls of the model, those for the prompt included.
        positions: Positions of the model.
        proposed: Bytes that were guessed ahead.
        used: How many of them came true.
    """

    data: bytes
    finish_reason: FinishReason
    logprob: float
    log_allowed: float
    forwards: int
    positions: int
    proposed: int
    used: int

    @property
    def text(self) -> str:
        """The bytes as text, with U+FFFD where they are not UTF-8."""
        return self.data.decode("utf-8", "replace")


def fraction(seed: int, sample: int, index: int, attempt: int = 0) -> float:
    """A number in [0, 1) of 53 bits that follows from its arguments alone."""
    name = f"{seed}/{sample}/{index}/{attempt}".encode()
    return (int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") >> 11) * 2.0**-53


def shaped(logprobs: Floats, *, temperature: float, top_p: float) -> Floats:
    """Probabilities after temperature and top-p; shape of ``logprobs``, sum 1.

    Raises:
        ValueError: If nothing has any probability.
    """
    top = float(logprobs.max())
    if top == -math.inf:
        raise ValueError("nothing has any probability")
    if temperature == 0:
        found = np.zeros(len(logprobs))
        found[int(logprobs.argmax())] = 1.0
        return found
    scaled: Floats = np.exp((logprobs - top) / temperature)
    scaled /= scaled.sum()
    if top_p < 1:
        order = np.lexsort((np.arange(len(scaled)), -scaled))
        reached = np.cumsum(scaled[order])
        keep = order[: int(np.searchsorted(reached, top_p * (1 - 1e-12), "left")) + 1]
        kept = np.zeros(len(scaled))
        kept[keep] = scaled[keep]
        scaled = kept / kept.sum()
    return scaled


def draw(probabilities: Floats, at: float) -> int:
    """The symbol at a fraction of the cumulated probabilities, in the order of numbers."""
    cumulated = np.cumsum(probabilities)
    index = int(np.searchsorted(cumulated, at * cumulated[-1], "right"))
    return min(index, int(np.flatnonzero(probabilities)[-1]))


class Drawable(Protocol):
    """A place in a text that text can be drawn from: a state of a byte model or of an ensemble."""

    @property
    def positions(self) -> int:
        """Positions of models that it has cost."""
        ...

    @property
    def forwards(self) -> int:
        """Calls of models that it has cost."""
        ...

    def push(self, data: bytes) -> object:
        """Read bytes."""
        ...

    def logprobs(self) -> Floats:
        """Natural-log probabilities of the 258 symbols."""
        ...

    def covers(self) -> Sequence[Cover]:
        """The contexts of each model behind it, the one whose guesses are best first."""
        ...


class Source(Protocol):
    """What text can be drawn from: a byte model or an ensemble."""

    @property
    def exact(self) -> bool:
        """Whether every answer is exact, so that whole trees of contexts can be run ahead."""
        ...

    @property
    def lazy(self) -> bool:
        """Whether draws at temperature 1 are exact without whole distributions."""
        ...

    @property
    def utf8_only(self) -> bool:
        """Whether only valid UTF-8 is drawn."""
        ...

    def start(self) -> Drawable:
        """The state of the empty text."""
        ...


class _Run:
    """One prompt being continued."""

    def __init__(self, source: Source, prompt: bytes, settings: Settings, sample: int) -> None:
        self.source = source
        self.settings = settings
        self.sample = sample
        self.state: Drawable = source.start()
        self.state.push(prompt)
        self.out = bytearray()
        self.logs: list[float] = []
        self.allowed: list[float] = []
        self.proposed = self.used = 0
        self.ahead = b""
        self.reason: FinishReason | None = "length" if settings.max_bytes == 0 else None
        self.constraint_state: State = settings.constraint.start() if settings.constraint is not None else None
        plain = settings.temperature == 1 and settings.top_p == 1 and settings.constraint is None
        self.lazy = plain and source.lazy

    # ------------------------------------------------------------------ one symbol

    def _mask(self, constraint_state: State, data: bytes | bytearray) -> NDArray[np.bool_] | None:
        """Symbols that the constraint and UTF-8 allow; None: all."""
        constraint = self.settings.constraint
        mask = utf8_mask(data) if self.source.utf8_only else None
        if constraint is not None:
            allowed, may_end = constraint.allowed(constraint_state)
            own = np.append(allowed, [may_end, False])
            mask = own if mask is None else mask & own
        return mask

    def _pick(self, logprobs: Floats, mask: NDArray[np.bool_] | None, at: float) -> int | None:
        """The symbol that a fraction leads to; None where nothing is allowed."""
        kept = logprobs[:OTHER] if mask is None else np.where(mask[:OTHER], logprobs[:OTHER], -np.inf)
        if float(kept.max()) == -math.inf:
            return None
        return draw(shaped(kept, temperature=self.settings.temperature, top_p=self.settings.top_p), at)

    def step(self) -> None:
        """Draw one symbol."""
        cover = self.state.covers()[0]
        if self.lazy and cover.lost == -math.inf:
            try:
                symbol, log = self._draw_lazily(cover)
            except DeadEndError:
                self.reason = "dead_end"
                return
        else:
            try:
                found = self.state.logprobs()
            except DeadEndError:
                self.reason = "dead_end"
                return
            mask = self._mask(self.constraint_state, cover.data)
            picked = self._pick(found, mask, fraction(self.settings.seed, self.sample, len(self.out)))
            if picked is None:
                self.reason = "dead_end"
                return
            symbol, log = picked, float(found[picked])
            if self.settings.constraint is not None and mask is not None:
                self.allowed.append(log_sum(found[:OTHER][mask[:OTHER]]) - log_sum(found[:OTHER]))
        self.logs.append(log)
        if symbol == END:
            self.reason = "end"
            return
        self._take(symbol)
        self.reason = self._stopped()

    def _draw_lazily(self, cover: Cover) -> tuple[int, float]:
        """A symbol, and the lower bound of its log-probability that the draw happened to prove."""
        index = len(self.out)
        symbol = draw_lazily(cover, lambda attempt: fraction(self.settings.seed, self.sample, index, attempt))
        symbols = cover.log_symbols()
        return symbol, float(symbols[symbol]) - float(np.logaddexp(log_sum(symbols), cover.log_missing()))

    def _take(self, byte: int) -> None:
        if self.ahead:
            hit = self.ahead[0] == byte
            self.used += hit
            self.ahead = self.ahead[1:] if hit else b""
        self.out.append(byte)
        self.state.push(bytes([byte]))
        if self.settings.constraint is not None:
            self.constraint_state = self.settings.constraint.advance(self.constraint_state, byte)

    def _stopped(self) -> FinishReason | None:
        for stop in self.settings.stop:
            at = self.out.find(stop, max(0, len(self.out) - len(stop)))
            if at >= 0:
                del self.out[at:], self.logs[at:], self.allowed[at:]
                return "stop"
        return "length" if len(self.out) >= self.settings.max_bytes else None

    # ------------------------------------------------------------------ guessing

    def jobs(self) -> list[Job]:
        """What the next step needs of each model, and with speculation what the steps behind it probably will."""
        if not self.source.exact:
            return []
        covers = self.state.covers()
        if self.settings.speculate and any(cover.waits_here() for cover in covers):
            tail = self._guess(covers[0])
            self.proposed += len(tail)
            self.ahead = tail
            return [cover.ahead(tail) for cover in covers]
        found = [cover.pressing() for cover in covers]
        return [job for job in found if job is not None]

    def _guess(self, known: Cover) -> bytes:
        """The bytes that the contexts at hand would draw, until a token probably ends."""
        cover = known.fork()
        constraint_state = self.constraint_state
        tail = bytearray()
        room = min(_GUESS, self.settings.max_bytes - len(self.out) - 1)
        while len(tail) < room:
            symbols = cover.log_symbols()
            sure, missing = log_sum(symbols), cover.log_missing()
            if sure == -math.inf or sure - np.logaddexp(sure, missing) < math.log(_WORTH):
                break
            mask = self._mask(constraint_state, cover.data)
            at = fraction(self.settings.seed, self.sample, len(self.out) + len(tail))
            symbol = self._pick(symbols, mask, at)
            if symbol is None or symbol == END:
                break
            tail.append(symbol)
            cover.push(bytes([symbol]))
            if self.settings.constraint is not None:
                constraint_state = self.settings.constraint.advance(constraint_state, symbol)
        return bytes(tail)

    def completion(self) -> ByteCompletion:
        """What was drawn."""
        assert self.reason is not None, "a run is asked for its output when it is over"
        return ByteCompletion(
            data=bytes(self.out), finish_reason=self.reason, logprob=math.fsum(self.logs),
            log_allowed=math.fsum(self.allowed), forwards=self.state.forwards, positions=self.state.positions,
            proposed=self.proposed, used=self.used,
        )  # fmt: skip


def generate(source: Source, prompts: Sequence[bytes], settings: Settings) -> list[ByteCompletion]:
    """Continue prompts, all of them in step: one call of a model serves every prompt.

    Within a step: OTHER is dropped, ``utf8_only`` and the constraint mask, the rest is renormalised, then temperature,
    top-p, and the draw.

    Args:
        source: A byte model, or an ensemble.
        prompts: Bytes in front; they may end inside a token, that is what this is for. The number of a prompt enters
            its draws, so that equal prompts go on differently.
        settings: How to draw.
    """
    runs = [_Run(source, prompt, settings, index) for index, prompt in enumerate(prompts)]
    while active := [run for run in runs if run.reason is None]:
        by_model: dict[int, list[Job]] = {}
        for run in active:
            for job in run.jobs():
                by_model.setdefault(id(job.cover.core), []).append(job)
        for jobs in by_model.values():
            run_together(jobs)
        for run in active:
            run.step()
    return [run.completion() for run in runs]
