"""A place in a text: bytes read so far, and the distribution of the next one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bytelevel._text import Gate, as_bytes
from tokbench.bytelevel.distribution import ByteDistribution, log_add, log_shares, log_subtract
from tokbench.bytelevel.readings import END, SYMBOLS
from tokbench.bytelevel.session import Floats, log_sum
from tokbench.bytelevel.state import Cover, run_together
from tokbench.bytelevel.utf8 import allowed_next, cut
from tokbench.errors import CertificateError, DeadEndError, UncoverableTextError
from tokbench.tokenizers.vocabulary import ByteVocabulary

if TYPE_CHECKING:
    from tokbench.bytelevel.model import ByteModel

__all__ = ["ByteState", "settle_together", "uncoverable", "unfinished", "utf8_mask"]


def unfinished(data: bytes | bytearray) -> bytes | None:
    """The bytes of the unfinished character at the end, empty for none; None where no text ends so."""
    for length in range(1, min(4, len(data)) + 1):
        byte = data[-length]
        if byte & 0xC0 != 0x80:  # noqa: PLR2004, the first byte of a character
            parts = cut(bytes(data[-length:]))
            return None if parts is None else parts[1]
    return b"" if not data else None


def utf8_mask(data: bytes | bytearray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Symbols that keep ``data`` the beginning of UTF-8: bool, shape ``(258,)``; the end only between characters."""
    mask = np.zeros(SYMBOLS, np.bool_)
    partial_bytes = unfinished(data)
    if partial_bytes is not None:
        mask[:256] = allowed_next(partial_bytes)
        mask[END:] = not partial_bytes
    return mask


def uncoverable(vocabulary: ByteVocabulary, data: bytes) -> int | None:
    """First offset behind which no tokens spell ``data``; None where some do (the last one may hang over)."""
    reached = [False] * (len(data) + 1)
    reached[0] = True
    furthest = 0
    for start in range(len(data)):
        if not reached[start]:
            continue
        rest = data[start : start + vocabulary.max_length]
        for length, _, _ in vocabulary.prefixes_of(rest):
            reached[start + length] = True
        lo, hi = 0, len(vocabulary)
        for length in range(1, len(rest) + 1):
            lo, hi = vocabulary.range(rest[:length])
            if lo == hi:
                break
            furthest = max(furthest, start + length)
    return None if furthest == len(data) else furthest


class ByteState:
    """Bytes read so far under a :class:`~tokbench.bytelevel.ByteModel`; made by its ``start()``.

    Args:
        model: The model.
        cover: Its contexts.
        gate: Check of the text.
    """

    def __init__(self, model: ByteModel, cover: Cover, gate: Gate) -> None:
        self.model = model
        self._cover = cover
        self._gate = gate
        self._base: tuple[float, float] | None = None
        self._known: ByteDistribution | None = None

    # ------------------------------------------------------------------ moving

    @property
    def data(self) -> bytes:
        """The bytes read so far."""
        return bytes(self._cover.data[len(self.model.prefix) :])

    @property
    def positions(self) -> int:
        """Positions of the model that this state has cost."""
        return self._cover.positions

    @property
    def forwards(self) -> int:
        """Calls of the model that this state has cost."""
        return self._cover.forwards

    def push(self, data: bytes | str) -> ByteState:
        """Read bytes. No model is called before the next question.

        Returns:
            This state.

        Raises:
            LossyTextError: If the tokenizer does not keep the text.
        """
        data = as_bytes(data)
        if data:
            self._weigh_prefix()
            if self._gate.closed and not self.model.normalised:
                self._gate.check(self._cover.data[len(self.model.prefix) :], data)
            self._cover.push(data)
            self._known = None
        return self

    def fork(self) -> ByteState:
        """An independent copy; what was computed is shared, so whatever an answer here needs is computed now."""
        if self._cover.core.rule is not None and self._known is None:
            self._settle()
        twin = ByteState(self.model, self._cover.fork(), self._gate)
        twin._base, twin._known = self._base, self._known
        return twin

    def contexts(self) -> list[tuple[tuple[int, ...], float]]:
        """Token ids and natural-log weight of the contexts that spell exactly the bytes read so far, heaviest first."""
        return self._cover.contexts()

    def prefetch(self, tail: bytes) -> None:
        """Have the model compute, in one call, what a continuation by ``tail`` would need.

        Only fills a cache: it changes no probability.
        """
        run_together([self._cover.ahead(tail)])

    # ------------------------------------------------------------------ asking

    def _weigh_prefix(self) -> None:
        """Remember W of the inserted prefix, by which everything is divided."""
        if self._base is None and self.model.prefix:
            self._settle()
            self._base = self._log_weight()[1:]

    def _settle(self) -> None:
        cover, eps = self._cover, self.model.eps
        cover.settle(None if eps == 0 else partial(_near_enough, eps=eps))

    def _log_weight(self) -> tuple[float, float, float]:
        """Known log W of the bytes read, prefix included, and its bounds."""
        cover = self._cover
        known = log_add(log_sum(cover.log_symbols()), cover.log_leak())
        return known, log_add(known, cover.log_here()), log_add(known, cover.log_missing())

    def covers(self) -> tuple[Cover]:
        """The contexts, for drawing."""
        return (self._cover,)

    def logprobs(self) -> Floats:
        """Natural-log probabilities of the 258 symbols; short for ``next_byte_logprobs().logprobs``."""
        return self.next_byte_logprobs().logprobs

    def next_byte_logprobs(self) -> ByteDistribution:
        """The distribution of the next symbol.

        Raises:
            UncoverableTextError: If no tokens spell the bytes read so far.
            DeadEndError: If the reading gives them no probability.
            CertificateError: If the budget ended before anything was known, or under ``strict`` before ``eps`` was
                reached.
        """
        if self._known is None:
            self._settle()
            if len(self._cover.data) == len(self.model.prefix):
                self._weigh_prefix()
            self._known = self._distribution()
        return self._known

    def _distribution(self) -> ByteDistribution:
        model, cover = self.model, self._cover
        symbols = cover.log_symbols()
        leak, missing, here = cover.log_leak(), cover.log_missing(), cover.log_here()
        decided = cover.log_symbols(decided=True) if cover.has_undecided() else symbols
        total = log_sum(symbols)
        weight = log_add(total, leak)
        if total == -math.inf:
            self._refuse(missing)
        undecided = 0.0 if decided is symbols else math.exp(log_subtract(total, log_sum(decided)) - weight)
        whole = total if model.renormalise == "byte" else weight
        masked = 0.0
        point, lower = symbols - whole, decided - log_add(whole, missing)
        upper = np.logaddexp(symbols, missing) - log_add(whole, missing) if missing > -math.inf else symbols - whole
        known = weight
        if decided is not symbols:  # the weight of undecided contexts may be none at all, of a byte and of the rest
            known = log_sum(decided)
            least = max(log_add(known, missing), -1e300)
            upper = np.minimum(np.logaddexp(symbols, missing) - least, 0.0)
        if model.utf8_only:
            point, lower, upper, masked = self._masked(point, lower, upper)
        base = self._base or (0.0, 0.0)
        unexpanded = math.exp(missing - log_add(total, missing))
        if model.strict and unexpanded > model.eps:
            raise CertificateError(unexpanded, model.eps, cover.positions)
        return ByteDistribution(
            logprobs=point, lower=lower, upper=upper,
            unproved_zero=np.isneginf(point) & (upper > -np.inf),
            leak=math.exp(leak - weight), masked=masked, undecided=undecided, unexpanded=unexpanded,
            log_weight=weight - base[0] if missing == -math.inf else log_add(weight, here) - base[0],
            log_weight_lower=log_add(known, here) - base[1], log_weight_upper=log_add(weight, missing) - base[0],
            positions=cover.positions, forwards=cover.forwards,
            exact=missing == -math.inf and undecided == 0 and base[0] == base[1] and not cover.core.approximate,
            reading=model.reading, renormalise=model.renormalise,
        )  # fmt: skip

    def _masked(self, point: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats, Floats, float]:
        """Without the symbols that leave UTF-8; renormalised unless the model reports what it leaks."""
        mask = utf8_mask(self._cover.data)
        point, lower, upper = (np.where(mask, values, -np.inf) for values in (point, lower, upper))
        before = log_sum(self._cover.log_symbols())
        kept = log_sum(point)
        gone = log_sum(np.where(mask, -np.inf, self._cover.log_symbols()))
        masked = math.exp(gone - before) if gone > -math.inf else 0.0
        if self.model.renormalise is None:
            return point, lower, upper, masked
        if kept == -math.inf:
            raise DeadEndError(self.data, "utf8_only")
        if np.array_equal(lower, upper):
            return point - kept, point - kept, point - kept, masked
        low, high = log_shares(lower, upper)
        return point - kept, np.minimum(low, point - kept), np.maximum(high, point - kept), masked

    def _refuse(self, missing: float) -> None:
        """Nothing is known of the next byte: say why."""
        cover = self._cover
        if missing > -math.inf:
            raise CertificateError(1.0, self.model.eps, cover.positions)
        data = bytes(cover.data)
        offset = uncoverable(self.model.vocabulary, data)
        if offset is not None:
            shown = max(0, offset - len(self.model.prefix))
            raise UncoverableTextError(shown, data[offset], self.model._name)  # noqa: SLF001, its own state
        raise DeadEndError(self.data, f"reading {self.model.reading} gives these bytes no probability")


def settle_together(states: Iterable[ByteState]) -> None:
    """Compute what exact answers of several states of one model need, in common calls; the rest is left to each."""
    jobs = [state._cover.pressing() for state in states if state.model.eps == 0]  # noqa: SLF001, their machines
    run_together([job for job in jobs if job is not None])


def _near_enough(cover: Cover, *, eps: float) -> bool:
    """Whether the distance of the known distribution to the true one is at most ``eps``: U <= eps (K + U), K > 0."""
    missing = cover.log_missing()
    if missing == -math.inf:
        return True
    known = log_sum(cover.log_symbols())
    return known > -math.inf and missing <= math.log(eps) + log_add(known, missing)
