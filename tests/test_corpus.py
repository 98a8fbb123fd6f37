"""The embedded measurement corpus: its format, its alignment and its index."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from typing import Any

import pytest

from tokbench._resources import resource

CORPUS = resource("suites", "exactness", "corpus")
TEXTS = sorted(path.name for path in CORPUS.glob("*.txt"))


@cache
def _index() -> dict[str, Any]:
    return tomllib.loads((CORPUS / "index.toml").read_text(encoding="utf-8"))


def _entries() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = _index()["file"]
    return entries


def _lines(name: str) -> list[str]:
    return (CORPUS / name).read_bytes().decode("utf-8").split("\n")[:-1]


def test_the_index_lists_every_file_once() -> None:
    listed = [entry["path"] for entry in _entries()]
    assert sorted(listed) == TEXTS
    assert listed[0] == _index()["reference"]
    assert {path.name for path in CORPUS.iterdir()} == {*TEXTS, "index.toml", "README.md"}


def test_every_entry_has_the_same_well_formed_fields() -> None:
    for entry in _entries():
        assert set(entry) == {"path", "code", "name", "script", "segmenter", "parallel"}
        assert re.fullmatch("[a-z]{3}", entry["code"])
        assert re.fullmatch("[A-Z][a-z]{3}", entry["script"])
        assert entry["segmenter"] in {"whitespace", "none"}
        assert entry["parallel"] is (entry["code"] != "zxx")


def test_there_are_fifteen_languages_or_more_with_distinct_codes_and_names() -> None:
    parallel = [entry for entry in _entries() if entry["parallel"]]
    assert len(parallel) >= 15
    assert len({entry["code"] for entry in parallel}) == len({entry["name"] for entry in parallel}) == len(parallel)
    assert all(entry["path"] == f"{entry['code']}.txt" for entry in parallel)


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_is_clean_text(name: str) -> None:
    data = (CORPUS / name).read_bytes()
    text = data.decode("utf-8")
    assert data.endswith(b"\n")
    assert "\r" not in text
    assert "\ufeff" not in text
    assert unicodedata.is_normalized("NFC", text)
    for line in _lines(name):
        assert line.strip()
        assert line == line.rstrip()
    assert len(set(_lines(name))) == len(_lines(name))


def test_parallel_files_are_line_aligned() -> None:
    counts = {entry["path"]: len(_lines(entry["path"])) for entry in _entries() if entry["parallel"]}
    assert set(counts.values()) == {20}


def test_parallel_sentences_start_without_white_space_and_differ_between_languages() -> None:
    parallel = [entry["path"] for entry in _entries() if entry["parallel"]]
    lines = [line for name in parallel for line in _lines(name)]
    assert all(line == line.strip() for line in lines)
    assert len(set(lines)) == len(lines)


# How the Unicode names of the letters of a script begin.
SCRIPT_NAMES = {
    "Latn": ("LATIN",),
    "Cyrl": ("CYRILLIC",),
    "Grek": ("GREEK",),
    "Arab": ("ARABIC",),
    "Hebr": ("HEBREW",),
    "Deva": ("DEVANAGARI",),
    "Beng": ("BENGALI",),
    "Taml": ("TAMIL",),
    "Thai": ("THAI",),
    "Hans": ("CJK",),
    "Jpan": ("CJK", "HIRAGANA", "KATAKANA"),
    "Kore": ("HANGUL",),
}


@pytest.mark.parametrize("name", [entry["path"] for entry in _entries() if entry["parallel"]])
def test_the_letters_of_a_file_are_of_its_script(name: str) -> None:
    script = next(entry["script"] for entry in _entries() if entry["path"] == name)
    letters = [char for line in _lines(name) for char in line if char.isalpha()]
    own = [char for char in letters if unicodedata.name(char).startswith(SCRIPT_NAMES[script])]
    assert len(own) >= 0.98 * len(letters)


@pytest.mark.parametrize("entry", [entry for entry in _entries() if entry["parallel"]], ids=lambda e: str(e["code"]))
def test_white_space_separates_words_where_the_index_says_so(entry: dict[str, Any]) -> None:
    lines = _lines(entry["path"])
    words_a_line = sum(len(line.split()) for line in lines) / len(lines)
    assert (words_a_line > 3) is (entry["segmenter"] == "whitespace")
