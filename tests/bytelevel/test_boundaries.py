from __future__ import annotations

import itertools
import random
import unicodedata

import pytest
import regex

from tokbench.bytelevel.boundaries import (
    _KNOWN,
    CONTINUATIONS,
    Splitter,
    collapse,
    open_shapes,
    recognised,
    shape_of,
)
from tokbench.bytelevel.utf8 import allowed_next, code_points, count_completions, cut
from tokbench.tokenizers.patterns import PATTERNS

RIGHT_DIGITS = PATTERNS["cl100k"].replace(r"\p{N}{1,3}", r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))")
NAMES = {pattern: name for name, pattern in PATTERNS.items()} | {RIGHT_DIGITS: "right digits"}
SPLITS = {NAMES.get(pattern, f"other spelling {index}"): pattern for index, pattern in enumerate(sorted(_KNOWN))}

CLASSES = (
    "\n",
    "\t",
    " ",
    "'",
    "/",
    ".",
    "1",
    "B",
    "b",
    "\u4e2d",
    "\u0301",
    "s",
    "S",
    "r",
    "l",
    "e",
    "R",
    "L",
    "E",
    "\u017f",
)
"""One representative of each class; the letters of contractions play their part behind an apostrophe only."""


@pytest.fixture(scope="module", params=SPLITS)
def splitter(request: pytest.FixtureRequest) -> Splitter:
    return Splitter(SPLITS[request.param])


def _by_all(splitter: Splitter, shape: str, more: list[str]) -> set[tuple[int, ...]]:
    end = len(shape)
    return {tuple(place for place in splitter.boundaries(shape + word) if place <= end) for word in more}


def test_the_continuations_show_every_alternative(splitter: Splitter) -> None:
    more = ["".join(word) for count in range(3) for word in itertools.product(CLASSES, repeat=count)]
    rng = random.Random(0)
    words = ["".join(word) for count in (1, 2) for word in itertools.product(CLASSES, repeat=count)]
    words += ["".join(rng.choices(CLASSES, k=rng.randint(3, 7))) for _ in range(250)]
    words += ["".join(rng.choices((" ", "\n", "\t", "1", "'", "."), k=rng.randint(3, 8))) for _ in range(250)]
    for word in words:
        shape = shape_of(word)
        long = [word for word in more if rng.random() < 0.3] + ["".join(rng.choices(CLASSES, k=4)) for _ in range(40)]
        found = set(splitter.alternatives(shape))
        # shapes are taken of the whole: a letter behind an apostrophe plays its part wherever the word was cut
        assert found == _by_all(splitter, shape, [*CONTINUATIONS, *map(_as_shape(shape), long)]), word


def _as_shape(shape: str):  # type: ignore[no-untyped-def]  # noqa: ANN202, a closure over the end of the word
    near = "'" in shape[-2:]
    return lambda word: shape_of(word, after_apostrophe=near)


def test_shapes_have_the_boundaries_of_their_texts(splitter: Splitter) -> None:
    rng = random.Random(1)
    pattern = splitter._compiled.pattern
    alphabet = [
        *"abzABZsSdDlLvVeErRtTmM''''    \n\r\t.,/!-_12\u00b2\u0663\u017f\u01c5\u02b0\u4e2d\u0301\u3000\u0085\u001c",
        *"\U0001f999\u00e9\u00c9\u2028\u0000",
    ]
    for _ in range(4000):
        text = "".join(rng.choices(alphabet, k=rng.randint(1, 12)))
        assert splitter.boundaries(shape_of(text)) == tuple(match.end() for match in regex.finditer(pattern, text)), (
            text
        )


def test_runs_can_be_cut_where_nothing_ends(splitter: Splitter) -> None:
    rng = random.Random(2)
    for _ in range(3000):
        shape = "".join(
            character * rng.choice((1, 1, 2, 4, 5, 9)) for character in rng.choices(CLASSES, k=rng.randint(1, 3))
        )
        shape = shape_of(shape)
        inner = {place for cuts in splitter.alternatives(shape) for place in cuts if place < len(shape)}
        kept = min(inner, default=len(shape))
        short = collapse(shape[:kept])
        removed = kept - len(short)
        for _ in range(6):
            word = shape_of("".join(rng.choices(CLASSES, k=rng.randint(0, 4))), after_apostrophe="'" in shape[-2:])
            long, cut_down = splitter.boundaries(shape + word), splitter.boundaries(short + shape[kept:] + word)
            assert tuple(place - removed for place in long) == cut_down, (shape, word)


def test_only_exact_patterns_are_recognised() -> None:
    assert all(recognised(pattern) for pattern in SPLITS.values())
    assert not recognised(PATTERNS["whole"])
    assert not recognised(PATTERNS["gpt2"] + "|x")


def test_the_patterns_of_the_tiktoken_package_are_recognised() -> None:
    tiktoken_ext = pytest.importorskip("tiktoken_ext.openai_public")
    import inspect

    source = inspect.getsource(tiktoken_ext)
    assert "r50k_pat_str" in source
    assert recognised(tiktoken_ext.r50k_pat_str)


@pytest.mark.parametrize(
    "partial", [b"\xc3", b"\xc5", b"\xe4", b"\xed", b"\xed\x9f", b"\xf0\x9f", b"\xf0\x9d\x9f", b"\xf4", b"\xcc"]
)
def test_shapes_of_unfinished_characters_are_those_of_all_completions(partial: bytes) -> None:
    first, end = code_points(partial)
    every = [chr(value) for value in range(first, end) if not 0xD800 <= value < 0xE000]
    assert all(character.encode().startswith(partial) for character in every)
    assert len(every) == count_completions(partial)
    assert open_shapes(partial) == {shape_of(character) for character in every}


def test_utf8_is_told_from_other_bytes() -> None:
    rng = random.Random(3)
    for _ in range(5000):
        data = bytes(
            rng.choice((0x41, 0x80, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5))
            for _ in range(rng.randint(1, 5))
        )
        begins = any(
            (data + ending).decode("utf-8", "ignore").encode() == data + ending
            for ending in (
                b"",
                b"\x80",
                b"\xa0",
                b"\x80\x80",
                b"\xa0\x80",
                b"\x90\x80",
                b"\x80\x80\x80",
                b"\x90\x80\x80",
            )
        )
        parts = cut(data)
        assert (parts is not None) == begins, data
        if parts is not None:
            assert parts[0].encode() + parts[1] == data
            allowed = [byte for byte in range(256) if cut(parts[1] + bytes([byte])) is not None]
            assert [byte for byte in range(256) if allowed_next(parts[1])[byte]] == allowed


def test_the_classes_split_the_categories_that_patterns_name() -> None:
    for category, shape in (
        ("Lu", "B"),
        ("Lt", "B"),
        ("Ll", "b"),
        ("Lo", "\u4e2d"),
        ("Lm", "\u4e2d"),
        ("Nd", "1"),
        ("Mn", "\u0301"),
    ):
        sample = [chr(value) for value in range(0x3000) if unicodedata.category(chr(value)) == category][:40]
        assert sample
        assert {shape_of(character) for character in sample} <= {shape, "\u017f"}
