"""How time and memory of an engine grow with its input, measured where a crash does no harm.

Time: the input is doubled until one call takes long enough to be measured, then the times of ``n`` and of
``4 n`` code points are compared (the least of several runs each). A linear engine needs 4 times as long, a
quadratic one 16 times; the law allows 8. Exponents fitted to single runs are noise on a busy machine. A shape
that fails is measured again, then once more at other lengths, before it counts as failing.

Memory: many distinct texts are encoded; the resident set may not go on growing in the second half.

Both are measured in a child process with a limit on time and address space, so that an engine that hangs,
overflows its stack or eats all memory is a finding and not the end of the run. The child loads the tokenizer
from its spec and, if that does not give the same tokenizer, from a pickle; one that neither can restore (a
class that exists only in the caller) is measured in this process, without limits.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import string
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from tokbench.laws._child import NotRestoredError, in_child
from tokbench.tokenizers import Tokenizer

__all__ = [
    "MAX_MEMORY_GROWTH",
    "MAX_RATIO",
    "SHAPES",
    "GrowthResult",
    "MemoryResult",
    "measure_growth",
    "measure_memory",
    "resident_bytes",
    "work",
]

MAX_RATIO = 8.0
"""Law: time(4 n) <= 8 time(n)."""

MAX_MEMORY_GROWTH = 64 * 2**20
"""Law: bytes by which the resident set may grow in the second half."""

MEMORY_TEXTS = 100_000
MEMORY_TEXT_LENGTH = 1000

ENOUGH_SECONDS = 0.02
"""A call of this length can be told from the noise; below it, at 4 n, no growth is worth a word."""

MAX_CODE_POINTS = 100_000

_FIRST_CODE_POINTS = 400
_MEASUREMENTS = 3
_CONFIRMING_SECONDS = 4.0
_SEED = 20_240_805
_HAN = "".join(map(chr, range(0x4E00, 0x9FA6)))


def _repeated(unit: str) -> Callable[[int], str]:
    return lambda n: unit * n


def _drawn(alphabet: str) -> Callable[[int], str]:
    return lambda n: "".join(random.Random(_SEED).choices(alphabet, k=n))


SHAPES: Mapping[str, Callable[[int], str]] = MappingProxyType(
    {
        "a": _repeated("a"),
        "A": _repeated("A"),
        "0": _repeated("0"),
        "^": _repeated("^"),
        "space": _repeated(" "),
        "newline": _repeated("\n"),
        "letters": _drawn(string.ascii_letters),
        "han": _drawn(_HAN),
    }
)
"""Inputs by name: each maps a number of code points to a text; the drawn ones have a fixed seed."""


@dataclass(frozen=True, slots=True)
class GrowthResult:
    """What one shape of input showed.

    Attributes:
        shape: Name in :data:`SHAPES`.
        n: Code points of the shorter input (0 when nothing could be measured).
        seconds_n: Least time for ``n`` code points.
        seconds_4n: Least time for ``4 n`` code points.
        ratio: The second over the first; None when there was nothing to divide.
        status: ``holds`` or ``fails``.
        message: Why it fails, in one sentence; or what looked like it at first.
    """

    shape: str
    n: int
    seconds_n: float
    seconds_4n: float
    ratio: float | None
    status: Literal["holds", "fails"]
    message: str = ""


@dataclass(frozen=True, slots=True)
class MemoryResult:
    """How the resident set grew.

    Attributes:
        texts: Number of texts encoded.
        half_bytes: Resident set after the first half.
        grown_bytes: What the second half added (up to where it was stopped).
        status: ``holds``, ``fails``, or ``not-applicable`` where the resident set cannot be read.
        message: Why, in one sentence.
    """

    texts: int
    half_bytes: int
    grown_bytes: int
    status: Literal["holds", "fails", "not-applicable"]
    message: str = ""


# ---------------------------------------------------------------------- measuring, in whatever process


def _seconds(encode: Callable[[str], object], text: str) -> float:
    start = time.perf_counter()
    encode(text)
    return time.perf_counter() - start


def _least(encode: Callable[[str], object], text: str) -> float:
    """Least time of 5 runs; of 3 if they are slow, of 2 if they are very slow."""
    best = first = _seconds(encode, text)
    runs = 5 if first < 0.1 else 3 if first < 0.5 else 2  # noqa: PLR2004, seconds
    for _ in range(runs - 1):
        best = min(best, _seconds(encode, text))
    return best


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """The garbage collector strikes at random and looks at every list: keep it out of the clock's way."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _confirm(encode: Callable[[str], object], shape: Callable[[int], str], result: GrowthResult) -> GrowthResult:
    """Look at a second pair of lengths, four times as long, or a quarter where that would take too long.

    Tables that outgrow the processor's caches make one pair look bad in a linear engine, never two in a row.
    """
    assert result.ratio is not None
    n, up = result.n, result.seconds_4n * result.ratio <= _CONFIRMING_SECONDS
    if up:
        first, pair = _least(encode, shape(16 * n)) / result.seconds_4n, (16 * n, 4 * n)
    else:
        first, pair = result.seconds_n / _least(encode, shape(n // 4)), (n, n // 4)
    told = f"{pair[0]} code points {first:.1f} times as long as {pair[1]}"
    if first > MAX_RATIO:
        return replace(result, message=f"{result.message}, {told}")
    return replace(result, status="holds", message=f"{result.message}, yet {told}")


def _measure_shape(encode: Callable[[str], object], name: str) -> GrowthResult:
    shape = SHAPES[name]
    n = _FIRST_CODE_POINTS
    try:
        encode(shape(n))  # tables that are built on first use
        with _no_collection():
            while n < MAX_CODE_POINTS and _seconds(encode, shape(n)) < ENOUGH_SECONDS:
                n = min(2 * n, MAX_CODE_POINTS)
            short, long = shape(n), shape(4 * n)
            seconds_n = seconds_4n = ratio = float("inf")
            for measurement in range(1, _MEASUREMENTS + 1):
                seconds_n = min(seconds_n, _least(encode, short))
                seconds_4n = min(seconds_4n, _least(encode, long))
                ratio = seconds_4n / seconds_n
                if ratio <= MAX_RATIO or seconds_4n < ENOUGH_SECONDS:
                    return GrowthResult(name, n, seconds_n, seconds_4n, ratio, "holds")
                if measurement > 1 and ratio > 1.5 * MAX_RATIO:
                    break  # too far off for noise: do not spend another few seconds on it
            told = f"{4 * n} code points took {ratio:.1f} times as long as {n} ({seconds_4n:.3f} s, {seconds_n:.3f} s)"
            return _confirm(encode, shape, GrowthResult(name, n, seconds_n, seconds_4n, ratio, "fails", told))
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
            raise
        message = f"{type(error).__module__}.{type(error).__name__} on {n} to {4 * n} code points: {str(error)[:200]!a}"
        return GrowthResult(name, n, 0.0, 0.0, None, "fails", message)


def resident_bytes() -> int | None:
    """Size of this process' resident set, or None where neither ``/proc`` nor psutil tells."""
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError):
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    try:
        import psutil
    except ImportError:
        return None
    return int(psutil.Process().memory_info().rss)


def _memory_texts(count: int, length: int) -> Iterator[str]:
    """Distinct texts of ``length`` ASCII letters, three of four cut into words of random length by spaces."""
    source = random.Random(_SEED)
    letters = string.ascii_letters.encode()
    words = bytes(32 if value < 40 else letters[value % 52] for value in range(256))  # noqa: PLR2004, a sixth
    solid = bytes(letters[value % 52] for value in range(256))
    for index in range(count):
        table = solid if index % 4 == 3 else words  # noqa: PLR2004
        head = f"{index} "
        yield head + source.randbytes(length - len(head)).translate(table).decode("ascii")


def _measure_memory(encode: Callable[[str], object], texts: int, length: int) -> MemoryResult:
    half = grown = 0
    if resident_bytes() is None:
        why = "the resident set cannot be read here: there is no /proc, and psutil is not installed"
        return MemoryResult(0, 0, 0, "not-applicable", why)
    for index, text in enumerate(_memory_texts(texts, length), 1):
        try:
            encode(text)
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
                raise
            why = f"{type(error).__module__}.{type(error).__name__} on text {index}: {str(error)[:200]!a}"
            return MemoryResult(index, half, grown, "fails", why)
        if index == texts // 2:
            gc.collect()
            half = resident_bytes() or 0
        elif index > texts // 2 and (index % 1000 == 0 or index == texts):
            grown = (resident_bytes() or 0) - half
            if grown > MAX_MEMORY_GROWTH:
                why = f"text {texts // 2} to {index} of {length} code points added {grown / 2**20:.0f} MiB"
                return MemoryResult(index, half, grown, "fails", why)
    return MemoryResult(texts, half, grown, "holds")


def work(tokenizer: Tokenizer, request: Mapping[str, Any]) -> dict[str, Any]:
    """One piece of work of a child process: a shape by name, or ``memory``.

    Args:
        tokenizer: The tokenizer.
        request: ``name``, and for memory ``texts`` and ``length``.

    Returns:
        The fields of a :class:`GrowthResult` or a :class:`MemoryResult`.
    """
    if request["name"] == "memory":
        return asdict(_measure_memory(tokenizer.encode, request["texts"], request["length"]))
    return asdict(_measure_shape(tokenizer.encode, request["name"]))


def measure_growth(
    tokenizer: Tokenizer,
    shapes: Sequence[str] | None = None,
    *,
    seconds: float = 30.0,
    child: bool = True,
) -> list[GrowthResult]:
    """Measure how the time of ``encode`` grows on each shape of input.

    Args:
        tokenizer: The tokenizer.
        shapes: Names in :data:`SHAPES`; None for all.
        seconds: Time limit for one shape; running into it is a failure.
        child: Whether to measure in a child process (see the module's text for what happens without).

    Returns:
        One result a shape, in order.
    """
    names = list(SHAPES if shapes is None else shapes)
    if child:
        try:
            outcomes = in_child(tokenizer, [{"name": name} for name in names], seconds)
        except NotRestoredError:
            pass
        else:
            return [
                GrowthResult(name, 0, 0.0, 0.0, None, "fails", outcome)
                if isinstance(outcome, str)
                else GrowthResult(**outcome)
                for name, outcome in zip(names, outcomes, strict=True)
            ]
    return [_measure_shape(tokenizer.encode, name) for name in names]


def measure_memory(
    tokenizer: Tokenizer,
    *,
    texts: int = MEMORY_TEXTS,
    length: int = MEMORY_TEXT_LENGTH,
    seconds: float = 900.0,
    child: bool = True,
) -> MemoryResult:
    """Measure how the resident set grows while distinct texts are encoded.

    Args:
        tokenizer: The tokenizer.
        texts: Number of texts.
        length: Code points of each.
        seconds: Time limit; running into it is a failure.
        child: Whether to measure in a child process.
    """
    if child:
        try:
            [outcome] = in_child(tokenizer, [{"name": "memory", "texts": texts, "length": length}], seconds)
        except NotRestoredError:
            pass
        else:
            return MemoryResult(0, 0, 0, "fails", outcome) if isinstance(outcome, str) else MemoryResult(**outcome)
    return _measure_memory(tokenizer.encode, texts, length)
