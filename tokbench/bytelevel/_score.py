"""Log-probabilities of known texts: in one tree where a judge knows the contexts, else byte by byte."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from tokbench.bytelevel.bytestate import uncoverable
from tokbench.bytelevel.covers import Core
from tokbench.bytelevel.distribution import ByteScore, log_add, log_subtract
from tokbench.bytelevel.oneshot import Scored, score_shared, score_text
from tokbench.bytelevel.readings import END, Renormalise
from tokbench.bytelevel.session import Floats, log_sum
from tokbench.bytelevel.state import Cover
from tokbench.errors import CertificateError, OptionError, UncoverableTextError

__all__ = ["Scorer"]


class Scorer:
    """Scores texts under one byte model.

    Args:
        core: Model, vocabulary, judge and reading.
        cover: Makes the contexts of the empty text.
        eps: Bound of the relative error of every byte; 0 is exact.
        prefix: Bytes in front of every text that are not counted.
        strict: Whether a wide interval is an error.
        renormalise: What is done with the leaked mass.
        name: The tokenizer in errors.
    """

    def __init__(
        self,
        core: Core,
        cover: Callable[[], Cover],
        *,
        eps: float,
        prefix: bytes,
        strict: bool,
        renormalise: Renormalise,
        name: str,
    ) -> None:
        self._core = core
        self._cover = cover
        self._eps = eps
        self._prefix = prefix
        self._strict = strict
        self._renormalise = renormalise
        self._name = name

    @property
    def _at_once(self) -> bool:
        """Whether a text can be scored in one tree: its contexts are known, and no budget may cut them."""
        budget = self._cover().budget
        return self._core.rule is not None and budget.total is None and budget.per_byte is None

    def score(
        self, data: bytes, given: bytes, *, end: bool, per_byte: bool, observe: Callable[[int], None] = lambda _: None
    ) -> ByteScore:
        """Score of one text behind another; ``observe`` is told how many bytes of it are done."""
        before = len(self._prefix) + len(given)

        def seen(offset: int) -> None:
            observe(max(0, offset - before))

        if not self._at_once:
            return self._checked(self._stepwise(data, given, end=end, observe=seen))
        if self._renormalise == "byte":
            return self._checked(self._by_distributions(data, given, end=end, observe=seen))
        if not per_byte:
            return self.shared([data], given, end=end)[0]
        scored, positions, forwards = score_text(self._core, self._prefix + given + data, ends=end, observe=seen)
        return self._checked(self._of_weights(scored, data, given, end=end, per_byte=True, cost=(positions, forwards)))

    def shared(self, texts: Sequence[bytes], given: bytes, *, end: bool) -> list[ByteScore]:
        """Scores of several texts behind one, their wholes only."""
        if not self._at_once or self._renormalise == "byte":
            return [self.score(data, given, end=end, per_byte=True) for data in texts]
        start = len(self._prefix) + len(given)
        scored, positions, forwards = score_shared(
            self._core,
            [self._prefix + given + data for data in texts],
            [(start, start + len(data)) for data in texts],
            ends=end,
        )
        cost = (positions, forwards)
        return [
            self._checked(self._of_weights(entry, data, given, end=end, per_byte=False, cost=cost))
            for entry, data in zip(scored, texts, strict=True)
        ]

    def windowed(
        self,
        data: bytes,
        given: bytes,
        *,
        window: int,
        end: bool,
        cuts: Sequence[int],
        observe: Callable[[int], None] = lambda _: None,
    ) -> ByteScore:
        """Score of a long text in parts, each behind at least ``window`` bytes of left context."""
        if window < 1:
            raise OptionError("window", window, "a number of bytes of at least 1")
        whole, at = given + data, len(given)
        parts: list[ByteScore] = []
        while at < len(whole) or not parts:
            stop = min(len(whole), at + window)
            left = max(0, at - window)
            index = bisect_left(cuts, left + 1) - 1  # the last boundary at or in front of it: no less than the window
            left = cuts[index] if index >= 0 and left else left
            parts.append(self.score(whole[at:stop], whole[left:at], end=end and stop == len(whole), per_byte=True))
            at = stop
            observe(at - len(given))
        return ByteScore(
            value=sum(part.value for part in parts), lower=sum(part.lower for part in parts),
            upper=sum(part.upper for part in parts),
            per_byte=np.concatenate([part.per_byte for part in parts if part.per_byte is not None]),
            data=data, ended=end, positions=sum(part.positions for part in parts),
            forwards=sum(part.forwards for part in parts), undecided=max(part.undecided for part in parts),
            exact=all(part.exact for part in parts), reading=parts[0].reading, renormalise=parts[0].renormalise,
            window=window,
        )  # fmt: skip

    def _exact(self, doubt: float) -> bool:
        return doubt == 0 and not self._core.approximate

    # ------------------------------------------------------------------ at once

    def _of_weights(
        self, scored: Scored, data: bytes, given: bytes, *, end: bool, per_byte: bool, cost: tuple[int, int]
    ) -> ByteScore:
        weights = scored.weights
        start, stop = len(self._prefix) + len(given), len(self._prefix) + len(given) + len(data)
        last = scored.end if end else float(weights[stop])
        if weights[start] == -math.inf:
            self._refuse(self._prefix + given)
        value = last - float(weights[start])
        if value == -math.inf:
            self._refuse(self._prefix + given + data, only_uncoverable=True)
        steps: Floats | None = None
        if per_byte:
            steps = _steps(np.append(weights[start : stop + 1], last) if end else weights[start : stop + 1])
        undecided = max(float(scored.undecided[stop]), float(scored.undecided[start]))
        low = math.log1p(-float(scored.undecided[stop])) if scored.undecided[stop] < 1 else -math.inf
        high = -math.log1p(-float(scored.undecided[start])) if scored.undecided[start] < 1 else math.inf
        return ByteScore(
            value=value, lower=value + low, upper=value + high, per_byte=steps, data=data, ended=end,
            positions=cost[0], forwards=cost[1], undecided=undecided, exact=self._exact(undecided),
            reading=self._core.reading, renormalise=self._renormalise,
        )  # fmt: skip

    def _by_distributions(self, data: bytes, given: bytes, *, end: bool, observe: Callable[[int], None]) -> ByteScore:
        whole = self._prefix + given + data
        scored, positions, forwards = score_text(self._core, whole, symbols=True, observe=observe)
        assert scored.symbols is not None
        steps: list[float] = []
        for at in range(len(whole) - len(data), len(whole) + end):
            total = log_sum(scored.symbols[at])
            if total == -math.inf:
                self._refuse(whole[:at])
            steps.append(float(scored.symbols[at][whole[at] if at < len(whole) else END]) - total)
        value = math.fsum(steps) if all(step > -math.inf for step in steps) else -math.inf
        undecided = float(scored.undecided.max())
        return ByteScore(
            value=value, lower=value if not undecided else -math.inf, upper=value if not undecided else 0.0,
            per_byte=np.array(steps), data=data, ended=end, positions=positions, forwards=forwards,
            undecided=undecided, exact=self._exact(undecided), reading=self._core.reading, renormalise="byte",
        )  # fmt: skip

    # ------------------------------------------------------------------ byte by byte

    def _stepwise(self, data: bytes, given: bytes, *, end: bool, observe: Callable[[int], None]) -> ByteScore:
        cover = self._cover()
        cover.push(self._prefix + given)
        self._settle(cover, None)
        first = _weight(cover)
        if first[2] == -math.inf:
            self._refuse(self._prefix + given)
        points, lows, highs = [], [], []
        doubt = _doubt(cover)
        for symbol in (*data, END) if end else data:
            self._settle(cover, symbol)
            point, low, high = self._step(cover, symbol)
            doubt = max(doubt, _doubt(cover))
            points.append(point)
            lows.append(low)
            highs.append(high)
            if symbol != END:
                cover.push(bytes([symbol]))
                observe(len(cover.data))
        if self._renormalise == "byte":
            value, lower, upper = math.fsum(points), math.fsum(lows), math.fsum(highs)
        else:
            last = _symbol(cover, END) if end else self._whole(cover)
            value = last[0] - first[0]
            lower, upper = last[1] - first[2], last[2] - first[1]
        if value == -math.inf:
            self._refuse(self._prefix + given + data, only_uncoverable=True)
        if doubt:  # what was found of an undecided text proves nothing
            lower, upper = -math.inf, 0.0
        return ByteScore(
            value=value, lower=min(lower, value), upper=max(upper, value), per_byte=np.array(points), data=data,
            ended=end, positions=cover.positions, forwards=cover.forwards, undecided=doubt,
            exact=self._exact(upper - lower) and cover.log_missing() == -math.inf, reading=self._core.reading,
            renormalise=self._renormalise,
        )  # fmt: skip

    def _settle(self, cover: Cover, symbol: int | None) -> None:
        """Run contexts until the known byte, or W itself, is known well enough (the relative rule)."""
        cover.settle(None if self._eps == 0 else partial(_known, symbol=symbol, eps=self._eps))

    def _whole(self, cover: Cover) -> tuple[float, float, float]:
        self._settle(cover, None)
        return _weight(cover)

    def _step(self, cover: Cover, symbol: int) -> tuple[float, float, float]:
        symbols, missing = cover.log_symbols(), cover.log_missing()
        whole = log_sum(symbols)
        if self._renormalise != "byte":
            whole = log_add(whole, cover.log_leak())
        known = float(symbols[symbol])
        most = log_add(whole, missing)
        if most == -math.inf:
            return -math.inf, -math.inf, -math.inf
        low, high = known - most, log_add(known, missing) - most
        if known > -math.inf:
            return known - whole, low, high
        return _middle(low, high), low, high

    # ------------------------------------------------------------------ checks

    def _checked(self, score: ByteScore) -> ByteScore:
        if self._strict:
            width = score.upper - score.lower if score.upper > -math.inf else 0.0
            if width > max(self._eps, 0.0) * max(1, len(score.data) + score.ended) + 1e-12:
                raise CertificateError(width, self._eps, score.positions)
        return score

    def _refuse(self, data: bytes, *, only_uncoverable: bool = False) -> None:
        offset = uncoverable(self._core.vocabulary, data)
        if offset is not None:
            raise UncoverableTextError(max(0, offset - len(self._prefix)), data[offset], self._name)
        if not only_uncoverable:
            from tokbench.errors import DeadEndError

            raise DeadEndError(
                data[len(self._prefix) :], f"reading {self._core.reading} gives these bytes no probability"
            )


def _steps(weights: Floats) -> Floats:
    """Differences; what follows a text without probability has none either."""
    with np.errstate(invalid="ignore"):
        steps = np.diff(weights)
    steps[np.isneginf(weights[1:])] = -np.inf
    return steps


def _middle(low: float, high: float) -> float:
    """Middle of an interval of probabilities, as a logarithm."""
    return log_add(low, high) - math.log(2) if high > -math.inf else -math.inf


def _doubt(cover: Cover) -> float:
    """Share of what is known that is behind contexts for which no text was found."""
    if not cover.has_undecided():
        return 0.0
    known, decided = log_sum(cover.log_symbols()), log_sum(cover.log_symbols(decided=True))
    return -math.expm1(decided - known) if decided > -math.inf else 1.0


def _weight(cover: Cover) -> tuple[float, float, float]:
    """Log W of the bytes read, and its bounds; pending contexts that spell exactly these bytes are known covers."""
    known = log_add(log_sum(cover.log_symbols()), cover.log_leak())
    low, high = log_add(known, cover.log_here()), log_add(known, cover.log_missing())
    return (low if low > -math.inf else _middle(low, high)), low, high


def _symbol(cover: Cover, symbol: int) -> tuple[float, float, float]:
    known, missing = float(cover.log_symbols()[symbol]), cover.log_missing()
    high = log_add(known, missing)
    return (known if known > -math.inf else _middle(known, high)), known, high


def _known(cover: Cover, *, symbol: int | None, eps: float) -> bool:
    """Whether what is missing is at most ``eps`` times what is known: of a symbol, or of W itself."""
    missing = cover.log_missing()
    if missing == -math.inf:
        return True
    if symbol is not None:
        known = float(cover.log_symbols()[symbol])
    else:
        here = cover.log_here()
        known = log_add(log_add(log_sum(cover.log_symbols()), cover.log_leak()), here)
        missing = log_subtract(missing, here)
    return known > -math.inf and missing <= math.log(eps) + known
