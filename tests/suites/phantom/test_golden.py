"""Published vocabularies against the numbers of the specification."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tokbench.bytelevel import Lattice
from tokbench.suites.phantom.alternatives import base_forms, short_segmentations, slice_in
from tokbench.suites.phantom.census import availability, sensitivity, stray_bytes, twins
from tokbench.suites.phantom.tokenizer_rows import census_words
from tokbench.tokenizers import Tokenizer, load_tokenizer

pytestmark = pytest.mark.data

Load = Callable[[str], Tokenizer]

COUNTS = {
    "February": ((126, 63), (154, 77), (183, 89)), "Saturday": ((160, 80), (160, 80), (164, 80)),
    "Guy": ((8, 4), (8, 4), (8, 4)), "However": ((94, 45), (94, 45), (94, 45)),
    "unbelievable": ((1660, 725), (1755, 751), (1603, 738)), "Jubilee": ((88, 40), (88, 40), (95, 42)),
    "Dormer": ((40, 18), (42, 18), (50, 25)), "repaid": ((49, 24), (48, 24), (52, 26)),
    "HIV": ((7, 3), (7, 3), (7, 3)), "rights": ((39, 22), (48, 24), (48, 24)),
    "Clements": ((187, 93), (209, 92), (229, 110)),
}  # fmt: skip
"""Segmentations of a word behind a space, and bare: of gpt2, cl100k_base and o200k_base."""

GPT2, P50K, CL100K, O200K = (f"tiktoken:{name}" for name in ("r50k_base", "p50k_base", "cl100k_base", "o200k_base"))
TEKKEN, QWEN, V1 = "mistral:tekken_240911", "qwen", "mistral:v1"

BARE = {
    "unbelievable": {O200K: "un bel ievable", CL100K: "un belie vable", QWEN: "un belie vable",
                     P50K: "un bel iev able", TEKKEN: "un bel iev able"},
    "repaid": {O200K: "re paid", TEKKEN: "re paid", P50K: "rep aid", CL100K: "rep aid", QWEN: "rep aid"},
    "HIV": {P50K: "H IV", CL100K: "H IV", O200K: "H IV", QWEN: "H IV", TEKKEN: "HIV"},
    "rights": {TEKKEN: "right s", P50K: "rights", CL100K: "rights", O200K: "rights", QWEN: "rights"},
    "Dormer": {O200K: "Dorm er", P50K: "D orm er", CL100K: "D orm er", QWEN: "D orm er", TEKKEN: "D orm er"},
    "Clements": {P50K: "C lements", CL100K: "C lements", O200K: "C lements", QWEN: "C lements",
                 TEKKEN: "C lements"},
}  # fmt: skip

TWINS = {
    GPT2: (7635, 32012), P50K: (7635, 32012), CL100K: (14282, 41314), O200K: (19558, 68007), QWEN: (14311, 41495),
    TEKKEN: (10417, 48285), V1: (4638, 14340),
}  # fmt: skip

STRAY = {
    GPT2: (95, 245, 4), CL100K: (174, 596, 3), O200K: (300, 1254, 8), TEKKEN: (311, 1091, 33),
}  # fmt: skip
"""Entries that begin inside a character; that end inside one or hold an impossible byte; both."""


@cache
def _loaded(spec: str, folder: Path) -> Tokenizer:
    if spec != QWEN:
        return load_tokenizer(spec)
    path = folder / "tokenizers" / "tiktoken" / "qwen.tiktoken"
    if not path.is_file():
        pytest.skip(f"{path.name} is missing from the third-party data")
    return load_tokenizer(f"tiktoken:{path}?pattern=qwen2")


@pytest.fixture
def load(data_dir: Path, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    return lambda spec: _loaded(spec, data_dir)


@pytest.mark.parametrize(("place", "spec"), list(enumerate([GPT2, CL100K, O200K])))
def test_counts_of_segmentations(load: Load, place: int, spec: str) -> None:
    vocabulary = load(spec).byte_vocabulary()
    found = {word: tuple(Lattice(vocabulary, form.encode()).count() for form in (f" {word}", word)) for word in COUNTS}
    assert found == {word: counts[place] for word, counts in COUNTS.items()}


@pytest.mark.parametrize("spec", [P50K, CL100K, O200K, TEKKEN, QWEN])
def test_encodings_of_bare_words(load: Load, spec: str) -> None:
    tokenizer = load(spec)

    def pieces(text: str) -> list[str]:
        return [tokenizer.token_bytes(id_).decode() for id_ in tokenizer.encode(text)]

    assert {word: " ".join(pieces(word)) for word in BARE} == {word: found[spec] for word, found in BARE.items()}
    assert pieces("\nHowever") == ["\n", "However"]
    assert pieces("  Saturday") == [" ", " Saturday"]


@pytest.mark.parametrize("spec", TWINS)
def test_twins(load: Load, spec: str) -> None:
    found = twins(load(spec))
    assert (found.both, found.spaced) == TWINS[spec]


@pytest.mark.parametrize("spec", STRAY)
def test_stray_bytes(load: Load, spec: str) -> None:
    found = stray_bytes(load(spec))
    assert (found.suffix, found.prefix, found.both) == STRAY[spec]


def test_stray_bytes_of_qwen(load: Load) -> None:
    found = stray_bytes(load(QWEN))
    assert found.suffix + found.prefix + found.both == 1448


@pytest.mark.slow
@pytest.mark.parametrize("spec", [GPT2, CL100K, O200K, TEKKEN, V1])
def test_every_alternative_has_exactly_one_label(load: Load, spec: str) -> None:
    """600 words of all kinds; the totals of the specification are those of 600 other words."""
    tokenizer, words = load(spec), census_words("core", 0)[:: 2000 // 600][:600]
    found = availability(tokenizer, words)
    count = 0
    for word, _ in words:
        given = slice_in(tokenizer, "The ", " was", word).ids
        for form in base_forms(word):
            count += sum(ids != given for ids, _ in short_segmentations(tokenizer.byte_vocabulary(), form))
    assert found.total == count == sum(found.alternatives.values())
    assert found.strict["E1"] == found.strict["E3"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("spec", [GPT2, P50K, CL100K, O200K, TEKKEN, QWEN, V1])
def test_brackets_change_every_word(load: Load, spec: str) -> None:
    (brackets,) = [
        row for row in sensitivity(load(spec), [word for word, _ in census_words("core", 0)]) if row.marker == "bracket"
    ]
    assert (brackets.changed, brackets.words) == (2000, 2000)
