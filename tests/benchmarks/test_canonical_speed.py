"""Contexts of every byte of a known text with the masks of the next byte, against encoding the text once."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tokbench.bytelevel import ByteVocabulary
from tokbench.bytelevel.canonical import CanonicalRule, Context, rule_for
from tokbench.errors import TokbenchError
from tokbench.tokenizers import Tokenizer, load_tokenizer

Ratio = Callable[..., float]

SPECS = (
    "hf:@tiny.json", "mistral:v1", "mistral:tekken_240911", "tiktoken:cl100k_base", "tiktoken:o200k_base",
)  # fmt: skip

TEXT = '''\
Whether two spaces are one token or two depends on what comes after them; the words don't care, but the numbers do:
in 1984 there were 12,345 of them, and nobody's count was off by more than 0.5 per cent.

def smallest(values, start=0):
    """Index of the smallest value from ``start`` on; the first of equals."""
    best = start
    for index in range(start + 1, len(values)):
        if values[index] < values[best]:
            best = index
    return best  # O(n)
'''


@pytest.fixture(scope="module", params=SPECS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    try:
        return load_tokenizer(str(request.param))
    except TokbenchError as error:
        pytest.skip(f"{request.param} is not to be had: {error}")


def _walk(rule: CanonicalRule, vocabulary: ByteVocabulary, data: bytes) -> tuple[int, list[float], list[float]]:
    """Number of contexts, and the seconds of each mask of the range of a first byte and of each admitted step."""
    contexts: list[list[Context]] = [[] for _ in range(len(data) + 1)]
    contexts[0].append(rule.root())
    masks, steps, count = [], [], 0
    clock = time.perf_counter
    for offset in range(len(data)):
        lo, hi = vocabulary.range(data[offset : offset + 1])
        for context in contexts[offset]:
            count += 1
            start = clock()
            dead = rule.dead(context, lo, hi)
            masks.append(clock() - start)
            for length, first, end in vocabulary.prefixes_of(data[offset:]):
                for index in range(first, end):
                    if dead is None or not dead[index - lo]:
                        start = clock()
                        further = rule.step(context, index)
                        steps.append(clock() - start)
                        if further is not None:
                            contexts[offset + length].append(further)
    return count, masks, steps


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def test_contexts_of_a_known_text(ratio: Ratio, benchmark: BenchmarkFixture, tokenizer: Tokenizer) -> None:
    """Warm; the first walk, with cold caches, is printed apart."""
    vocabulary, rules = tokenizer.byte_vocabulary(), tokenizer.rules()
    assert vocabulary.matrix.size
    start = time.perf_counter()
    rule = rule_for(rules, vocabulary)
    rule.dead(rule.root(), 0, 1)  # some tables are built when they are first asked for
    built = time.perf_counter() - start
    data = tokenizer.info.prefix + TEXT.encode()
    start = time.perf_counter()
    count, _, _ = _walk(rule, vocabulary, data)
    cold = time.perf_counter() - start
    _, masks, steps = _walk(rule, vocabulary, data)
    full = []
    firsts = range(0, len(vocabulary), 1 + len(vocabulary) // 100)
    for index in (*firsts, *firsts):  # the second time round what they need is warm, and the contexts are new ones
        if (context := rule.step(rule.root(), index)) is not None:
            start = time.perf_counter()
            rule.dead(context, 0, len(vocabulary))
            full.append(time.perf_counter() - start)
    value = ratio(lambda: _walk(rule, vocabulary, data), lambda: tokenizer.encode(TEXT), bar=1000, rounds=3)
    figures = {
        "tokens": len(vocabulary),
        "build_seconds": round(built, 3),
        "contexts_per_byte": round(count / len(data), 3),
        "cold_ms_per_byte": round(cold / len(data) * 1e3, 3),
        "mask_of_a_byte_us": round(_median(masks) * 1e6, 1),
        "mask_of_all_us": round(_median(full[len(full) // 2 :]) * 1e6, 1),
        "step_us": round(_median(steps) * 1e6, 1),
    }
    benchmark.extra_info.update(figures)
    print(tokenizer.info.spec, figures, f"{value:.0f} times one encode")  # noqa: T201, the figures are what is wanted


def test_memory_of_a_judge(tokenizer: Tokenizer, benchmark: BenchmarkFixture) -> None:
    """What a judge holds after a walk, the vocabulary and the rules not counted; the promise is 40 MB at 200,000."""
    vocabulary, rules = tokenizer.byte_vocabulary(), tokenizer.rules()
    assert vocabulary.matrix.size
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        rule = rule_for(rules, vocabulary)
        _walk(rule, vocabulary, tokenizer.info.prefix + TEXT.encode())
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    benchmark.extra_info["megabytes"] = round((after - before) / 1e6, 1)
    print(tokenizer.info.spec, benchmark.extra_info["megabytes"], "MB")  # noqa: T201
    benchmark.pedantic(rule.root, rounds=1)  # type: ignore[no-untyped-call]
    assert after - before < 60e6
