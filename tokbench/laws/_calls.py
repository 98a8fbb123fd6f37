"""Laws on calls: many at once, in any order, in another process, and on any input."""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tokbench.errors import TokbenchError, UnpairedSurrogateError, UnsupportedError
from tokbench.laws import _judge as judge
from tokbench.laws.law import LawViolation, NotJudgedError, law, links
from tokbench.laws.strategies import EXAMPLES, surrogate_texts, texts
from tokbench.tokenizers import Tokenizer

__all__ = ["batch_is_map", "errors", "pure", "surrogates"]


@law(
    "batch-is-map",
    "encode_batch(xs) == [encode(x) for x in xs]: no padding, no truncation",
    reasons=("https://huggingface.co/thenlper/gte-base/blob/main/tokenizer.json",),
    strategy=lambda tokenizer: st.lists(texts(tokenizer), max_size=4),
    examples=([], ["", "a"], list(EXAMPLES), ["a", "water " * 700]),
    mutants=("pads-to-longest", "batch-truncates"),
    share=0.5,
)
def batch_is_map(tokenizer: Tokenizer, batch: list[str]) -> None:
    """A batch is nothing but its members."""
    rows, single = tokenizer.encode_batch(batch), [tokenizer.encode(text) for text in batch]
    judge.require(len(rows) == len(batch), "not one row per text", expected=len(batch), got=len(rows))
    for text, row, alone in zip(batch, rows, single, strict=True):
        judge.require(list(row) == alone, f"{text[:40]!a} differs in a batch", expected=alone[:40], got=list(row)[:40])


# ---------------------------------------------------------------------- pure

_CHILD = """
import pickle, sys
path, blob = pickle.load(sys.stdin.buffer)
sys.path[:] = path
tokenizer, texts = pickle.loads(blob)
results = [tokenizer.encode(text) for text in texts]
sys.stdout.buffer.write(pickle.dumps(results))
"""

_CHILD_SECONDS = 120


def _probes(tokenizer: Tokenizer) -> list[str]:
    names = list(judge.named_ids(tokenizer))[:20]
    return [*EXAMPLES, *names, *(f"a{name} b" for name in names)]


def _same_ids(results: list[list[int]], expected: list[list[int]], probes: list[str], where: str) -> None:
    for text, got, first in zip(probes, results, expected, strict=True):
        judge.require(got == first, f"{text!a} has other ids {where}", expected=first, got=got)


def _in_fresh_process(blob: bytes, probes: list[str], expected: list[list[int]]) -> str | None:
    """Encode in a new interpreter with another seed of hash(); the reason where that is not possible."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    process = subprocess.run(  # noqa: S603, our own interpreter and our own code
        [sys.executable, "-c", _CHILD],
        input=pickle.dumps((sys.path, blob)),
        capture_output=True,
        timeout=_CHILD_SECONDS,
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=False,
    )
    if process.returncode:
        lines = process.stderr.decode("utf-8", "replace").strip().splitlines()
        if any("pickle.loads(blob)" in line for line in lines) or not lines:
            return f"the fresh process was left out: it cannot restore the tokenizer ({lines[-1] if lines else 'died'})"
        raise LawViolation(f"encoding fails in a fresh process: {lines[-1]}")
    _same_ids(pickle.loads(process.stdout), expected, probes, "in a fresh process")  # noqa: S301, from our own child
    return None


def _clones(tokenizer: Tokenizer) -> str | None:
    probes = _probes(tokenizer)
    expected = [tokenizer.encode(text) for text in probes]
    note = None
    try:
        blob = pickle.dumps((tokenizer, probes))
    except (TypeError, AttributeError, pickle.PicklingError, NotImplementedError) as error:
        note = f"pickle and the fresh process were left out: the tokenizer cannot be pickled ({error})"
    else:
        restored, _ = pickle.loads(blob)  # noqa: S301, what was pickled one line above
        _same_ids([restored.encode(text) for text in probes], expected, probes, "after pickling")
        note = _in_fresh_process(blob, probes, expected)
    try:
        copied = copy.deepcopy(tokenizer)
    except (TypeError, AttributeError, pickle.PicklingError, NotImplementedError):
        return note
    _same_ids([copied.encode(text) for text in probes], expected, probes, "after deepcopy")
    return note


@law(
    "pure",
    "encode gives the same ids after other calls, in any order, after pickle and deepcopy, and in a fresh process",
    reasons=links("tokenizers#1347"),
    strategy=lambda tokenizer: st.lists(texts(tokenizer), min_size=1, max_size=5),
    examples=(None,),
    mutants=("state-kept-between-calls", "flag-lost-on-pickle", "flag-lost-on-deepcopy", "depends-on-hash-seed"),
    share=0.5,
)
def pure(tokenizer: Tokenizer, batch: list[str] | None) -> str | None:
    """``None`` is the check of copies and of a fresh process; it is the first of the examples."""
    if batch is None:
        return _clones(tokenizer)
    batch = [*batch, *list(judge.named_ids(tokenizer))[:3]]  # special text shows a switch that was left on
    first = [tokenizer.encode(text) for text in batch]
    order = list(range(len(batch)))
    random.Random(len(batch)).shuffle(order)
    for index in (*reversed(range(len(batch))), *order):
        tokenizer.decode(first[index])
        with contextlib.suppress(TokbenchError):
            tokenizer.encode(batch[index], specials="parse")
        again = tokenizer.encode(batch[index])
        judge.require(
            again == first[index], f"{batch[index]!a} has other ids after other calls", expected=first[index], got=again
        )
    return None


# ---------------------------------------------------------------------- surrogates

_ENCODERS: dict[str, Callable[[Tokenizer, str], object]] = {
    "encode": lambda tokenizer, text: tokenizer.encode(text),
    'encode(specials="raise")': lambda tokenizer, text: tokenizer.encode(text, specials="raise"),
    'encode(specials="parse")': lambda tokenizer, text: tokenizer.encode(text, specials="parse"),
    "encode_batch": lambda tokenizer, text: tokenizer.encode_batch(["a", text])[1],
    "spans": lambda tokenizer, text: tokenizer.spans(text),
    "char_spans": lambda tokenizer, text: tokenizer.char_spans(text),
    "pretoken_spans": lambda tokenizer, text: tokenizer.pretoken_spans(text),
    "preimage": lambda tokenizer, text: tokenizer.preimage(text),
}


@law(
    "surrogates",
    "on text that holds surrogates every method raises UnpairedSurrogateError, or none does and all take the "
    "repaired text",
    reasons=links("tiktoken#82", "tiktoken#541"),
    strategy=lambda _tokenizer: surrogate_texts(),
    examples=("\ud83d", "a\udc4d b", "\ud83d\udc4d", "\udc4d\ud83d", "\ud800", "a"),
    mutants=("encode-repairs-batch-raises", "pair-becomes-two"),
    share=0.5,
)
def surrogates(tokenizer: Tokenizer, text: str) -> None:
    """Agreement of all methods on text that has no UTF-8 form."""
    broken = next((index for index, character in enumerate(text) if "\ud800" <= character <= "\udfff"), None)
    repaired = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    raises = broken is not None and tokenizer.surrogates == "raise"
    for name, call in _ENCODERS.items():
        try:
            got = call(tokenizer, text)
        except UnpairedSurrogateError as error:
            judge.require(raises, f"{name} raises UnpairedSurrogateError", got=str(error))
            judge.require(error.index == broken, f"{name} names another place", expected=broken, got=error.index)
            continue
        except TokbenchError as error:
            _fails_alike(tokenizer, call, repaired, error, name)
            continue
        judge.require(not raises, f"{name} takes a surrogate", expected="UnpairedSurrogateError", got=got)
        expected = call(tokenizer, repaired)
        judge.require(got == expected, f"{name} differs from the repaired text", expected=expected, got=got)


def _fails_alike(
    tokenizer: Tokenizer, call: Callable[[Tokenizer, str], object], repaired: str, error: TokbenchError, name: str
) -> None:
    """An operation that does not exist, or special text: then the repaired text has to fail in the same way."""
    if isinstance(error, UnsupportedError):
        return
    try:
        call(tokenizer, repaired)
    except type(error):
        return
    raise LawViolation(f"{name} raises {type(error).__name__} and does not on the repaired text", got=str(error))


# ---------------------------------------------------------------------- errors


def _any_input(tokenizer: Tokenizer) -> SearchStrategy[tuple[str, int] | list[int]]:
    repeated = st.tuples(st.one_of(texts(tokenizer), surrogate_texts()), st.sampled_from((1, 1, 2, 7, 60)))
    any_ids = st.lists(st.one_of(st.integers(-(2**65), 2**65), st.integers(-2, 400)), max_size=5)
    return st.one_of(repeated, any_ids)


def _all_methods(tokenizer: Tokenizer, text: str) -> None:
    for call in _ENCODERS.values():
        with contextlib.suppress(TokbenchError):
            call(tokenizer, text)
    data = text.encode("utf-8", "surrogatepass")
    for take in (tokenizer.encode_bytes, tokenizer.encode_piece):
        with contextlib.suppress(TokbenchError):
            take(data)


@law(
    "errors",
    "no text, bytes or ids make any method raise something else than the errors of this package; a panic of a Rust "
    "library is no Exception and counts",
    reasons=links("tiktoken#15", "tiktoken#245", "tiktoken#400"),
    strategy=_any_input,
    examples=(("a", 20_000), (" ", 5_000), ("\u00e9", 3_000), ("^", 5_000), ("\x00", 300), [-1], [2**32], [2**64]),
    mutants=("panic-on-long-input", "overflow-on-huge-id"),
    share=0.5,
)
def errors(tokenizer: Tokenizer, data: tuple[str, int] | list[int]) -> None:
    """Everything is refused in an orderly way or not at all."""
    if isinstance(data, tuple):
        text, count = data
        if len(text) * count > 20_000:  # noqa: PLR2004, enough for every known panic; more takes long
            raise NotJudgedError("the text is too long")
        _all_methods(tokenizer, text * count)
        return
    for decode in (tokenizer.decode, tokenizer.decode_bytes, tokenizer.library_stream):
        with contextlib.suppress(TokbenchError):
            decode(data)
