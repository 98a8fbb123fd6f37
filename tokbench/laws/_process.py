"""Laws on the process around the calls: how time and memory grow, and what threads do to each other."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable

from tokbench.laws.growth import (
    MAX_MEMORY_GROWTH,
    MAX_RATIO,
    MEMORY_TEXT_LENGTH,
    MEMORY_TEXTS,
    GrowthResult,
    measure_growth,
    measure_memory,
)
from tokbench.laws.law import LawViolation, NotJudgedError, law, links
from tokbench.tokenizers import Tokenizer

THREADS = 8
CALLS = 150

_TEXTS = (
    "",
    " ",
    "a",
    "hello world",
    "The quick brown fox jumps over the lazy dog. " * 4,
    "def f(x):\n    return x != 0  # 2023\n",
    "na\u00efve caf\u00e9 \u2014 \u4f60\u597d \U0001f999 \u0928\u092e\u0938\u094d\u0924\u0947",
    "1234567890" * 6,
    "\t\t  \n\r\n \u00a0\u3000\u200b",
    "<|endoftext|><s>[UNK]</s> plain text",
    "\u0430\u0431\u0432 " * 20,
    "x" * 700,
)

Call = Callable[[], object]


def _stream(tokenizer: Tokenizer, ids: list[int]) -> object:
    stream = tokenizer.stream()
    return [stream.step(token_id) for token_id in ids], stream.finish()


def _calls(tokenizer: Tokenizer) -> list[Call]:
    """Calls of every kind, bound to their arguments."""
    calls: list[Call] = []
    for text in _TEXTS:
        ids = tokenizer.encode(text)
        calls += [
            lambda text=text: tokenizer.encode(text),  # type: ignore[misc]
            lambda ids=ids: tokenizer.decode(ids),  # type: ignore[misc]
            lambda ids=ids: tokenizer.decode_bytes(ids),  # type: ignore[misc]
            lambda ids=ids: _stream(tokenizer, ids),  # type: ignore[misc]
        ]
        if tokenizer.info.capability.spans != "none":
            calls.append(lambda text=text: tokenizer.spans(text))  # type: ignore[misc]
        if tokenizer.info.capability.bytes_in:
            calls.append(lambda text=text: tokenizer.encode_bytes(text.encode()))  # type: ignore[misc]
    for start in range(0, len(_TEXTS), 4):
        calls.append(lambda texts=_TEXTS[start : start + 4]: tokenizer.encode_batch(texts))  # type: ignore[misc]
    return calls


def _outcome(call: Call) -> object:
    """What a call gives; an error counts as what it gives, so that errors too are compared."""
    try:
        return call()
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001, a panic in a thread is what is looked for
        return f"{type(error).__module__}.{type(error).__name__}: {str(error)[:200]}"


@law(
    "threads",
    f"{THREADS} threads that share a tokenizer get what one thread gets, in {CALLS} mixed calls each",
    reasons=links("tokenizers#537", "transformers#47085", "vllm#40949"),
    mutants=("shared-buffer",),
)
def threads(tokenizer: Tokenizer, _data: None) -> str:
    """Repeat calls of all kinds in threads; the interpreter is told to switch between them often."""
    calls = _calls(tokenizer)
    expected = [_outcome(call) for call in calls]
    wrong: list[tuple[int, object]] = []
    start = threading.Barrier(THREADS)

    def work(seed: int) -> None:
        order = random.Random(seed).choices(range(len(calls)), k=CALLS)
        start.wait()
        for index in order:
            if wrong:
                return
            got = _outcome(calls[index])
            if got != expected[index]:
                wrong.append((index, got))

    workers = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(THREADS)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)
    if wrong:
        index, got = wrong[0]
        raise LawViolation("a call in threads gave another result than alone", expected=expected[index], got=got)
    return f"{THREADS} threads, {CALLS} calls each"


def _told(result: GrowthResult) -> str:
    return f"{result.shape}: {result.message}"


@law(
    "growth",
    f"four times the text takes at most {MAX_RATIO:g} times as long, and no long text ends the process",
    reasons=links("tiktoken#15", "tiktoken#195"),
    mutants=("quadratic",),
    group="growth",
)
def growth(tokenizer: Tokenizer, _data: None) -> str:
    """Measure all shapes of :data:`tokbench.laws.growth.SHAPES` in a child process."""
    results = measure_growth(tokenizer)
    failed = [result for result in results if result.status == "fails"]
    if failed:
        raise LawViolation("; ".join(map(_told, failed)))
    worst = max(results, key=lambda result: result.ratio or 0.0)
    return f"worst ratio {worst.ratio:.1f}, for {worst.shape}" + (f" ({worst.message})" if worst.message else "")


@law(
    "memory",
    f"{MEMORY_TEXTS} distinct texts of {MEMORY_TEXT_LENGTH} characters: the second half adds at most "
    f"{MAX_MEMORY_GROWTH // 2**20} MiB",
    reasons=links("tokenizers#1539", "tokenizers#1680"),
    mutants=("unbounded-cache",),
    group="memory",
)
def memory(tokenizer: Tokenizer, _data: None) -> str:
    """Watch the resident set of a child process."""
    result = measure_memory(tokenizer)
    if result.status == "not-applicable":
        raise NotJudgedError(result.message)
    if result.status == "fails":
        raise LawViolation(result.message)
    return f"{result.grown_bytes / 2**20:.1f} MiB in the second half of {result.texts} texts"
