"""Word lists: the built-in one is what its card says, bad ones are refused by the line, and absent letters are fair."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from charbench_lists import scowl, word_list
from hypothesis import assume, given
from hypothesis import strategies as st

from tokbench._resources import resource
from tokbench.errors import MissingExtraError, OptionError, UnknownNameError, WordListError
from tokbench.suites.charbench import words as module
from tokbench.suites.charbench.item import Word
from tokbench.suites.charbench.words import WordList, load_words, script_of, units_of

ROOT = Path(__file__).resolve().parents[3]
FOLDER = resource("fixtures", "words")
SHA256 = "ee4ffca0e5ddb9367202e6f91e3b428a8d6b16d9c05c77c60e2bb9665551230f"
LENGTHS = range(4, 11)


def _data() -> bytes:
    return gzip.decompress((FOLDER / "en-scowl-95.txt.gz").read_bytes())


# --- the built-in list ------------------------------------------------------------------------------------------------


def test_the_built_in_list_has_the_bytes_that_were_agreed() -> None:
    data = _data()
    assert (len(data), data.count(b"\n"), hashlib.sha256(data).hexdigest()) == (3_257_733, 273_449, SHA256)
    lines = data.splitlines()
    assert lines == sorted(lines, key=lambda line: line.split(b"\t")[0])
    assert all(re.fullmatch(rb"[a-z]{4,10}\t(10|20|35|40|50|55|60|70|80|95)", line) for line in lines)


def test_the_words_are_as_many_as_the_card_says() -> None:
    words = scowl()
    found = {length: [word.level or 0 for word in words.of_length(length)] for length in LENGTHS}
    assert words.lengths == list(LENGTHS)
    assert len(words) == 273_449
    assert [len(found[length]) for length in LENGTHS] == [7_305, 17_087, 32_231, 46_272, 57_229, 59_090, 54_235]
    upto = {top: [sum(level <= top for level in found[length]) for length in LENGTHS] for top in (60, 70)}
    assert upto[60] == [2_572, 5_062, 8_186, 11_451, 12_453, 11_359, 9_277]
    assert upto[70] == [3_168, 6_420, 10_742, 15_385, 17_350, 16_707, 14_047]
    assert Counter(level for levels in found.values() for level in levels) == {
        10: 3_553, 20: 5_955, 35: 23_790, 40: 3_398, 50: 12_928, 55: 4_087, 60: 6_649, 70: 23_459, 80: 84_861,
        95: 104_769,
    }  # fmt: skip
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for length in LENGTHS:
        row = (len(found[length]), upto[60][length - 4], upto[70][length - 4])
        assert "| {} | {:,} | {:,} | {:,} |".format(length, *row) in card


def test_the_list_says_what_it_is() -> None:
    words = scowl()
    assert (words.name, words.source, words.sha256) == ("en-scowl-95", "builtin:en-scowl-95", SHA256)
    assert (words.unit, words.lang, words.script, words.warnings) == ("codepoint", "en", "Latin", ())
    assert words.entry()["sha256"] == SHA256
    assert (words.level("just"), words.level("kvas"), words.level("qqqq")) == (10, 80, None)
    assert "null" in words
    assert "qqqq" not in words
    assert load_words() is words  # read once a process


def test_graphemes_of_the_built_in_list_are_its_letters() -> None:
    assert load_words("builtin:en-scowl-95", "grapheme").of_length(7) == scowl().of_length(7)
    assert load_words("builtin:en-scowl-95", "grapheme").unit == "grapheme"


@pytest.fixture
def forget() -> Iterator[None]:
    module._builtin.cache_clear()
    yield
    module._builtin.cache_clear()


@pytest.mark.usefixtures("forget")
def test_a_changed_list_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = _data().replace(b"just\t10", b"jest\t10")
    target = tmp_path / "list.gz"
    target.write_bytes(gzip.compress(changed, mtime=0))
    monkeypatch.setattr(module, "resource", lambda *parts: target)
    found = hashlib.sha256(changed).hexdigest()
    with pytest.raises(WordListError, match=f"expected SHA-256 {SHA256}, found {found}: install tokbench again"):
        load_words("builtin:en-scowl-95")
    target.write_bytes(target.read_bytes()[:1000])
    with pytest.raises(WordListError, match=r"en-scowl-95\.txt\.gz cannot be read"):
        load_words("builtin:en-scowl-95")


# --- the script that makes it, and the licence ------------------------------------------------------------------------


def _build(script: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, encoding="utf-8", check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip


def test_the_script_merges_filters_and_keeps_the_smallest_level(tmp_path: Path) -> None:
    namespace: dict[str, Callable[[Path], bytes]] = {}
    exec((FOLDER / "build_scowl.py").read_text(encoding="utf-8"), namespace)  # noqa: S102, our own script, which is not part of a package
    for level in (10, 20, 35, 40, 50, 55, 60, 70, 80, 95):
        for family in ("english", "american"):
            (tmp_path / f"{family}-words.{level}").write_bytes(b"")
    (tmp_path / "english-words.20").write_bytes(b"word\nabc\nelevenchars\ntenletters\ncaf\xc3\xa9s\nCaps\nit's\n")
    (tmp_path / "american-words.10").write_bytes(b"color\n")
    (tmp_path / "american-words.95").write_bytes(b"word\nzebu\n")
    assert namespace["merged"](tmp_path) == b"color\t10\ntenletters\t20\nword\t20\nzebu\t95\n"


def test_the_script_writes_nothing_but_the_list_that_was_agreed(tmp_path: Path) -> None:
    script = tmp_path / "build_scowl.py"
    script.write_bytes((FOLDER / "build_scowl.py").read_bytes())
    missing = _build(script, tmp_path / "nowhere")
    assert missing.returncode == 1
    assert "expected the lists of the Debian package scowl" in missing.stderr
    assert "Traceback" not in missing.stderr
    for level in (10, 20, 35, 40, 50, 55, 60, 70, 80, 95):
        for family in ("english", "american"):
            (tmp_path / f"{family}-words.{level}").write_bytes(b"word\n")
    other = _build(script, tmp_path)
    assert other.returncode == 1
    assert f"expected a list of SHA-256 {SHA256}, found " in other.stderr
    assert not list(tmp_path.glob("*.gz"))


def test_the_script_makes_the_list_from_the_package(tmp_path: Path) -> None:
    package = Path("/usr/share/dict/scowl")
    if not package.is_dir():
        pytest.skip("the Debian package scowl is not installed")
    script = tmp_path / "build_scowl.py"
    script.write_bytes((FOLDER / "build_scowl.py").read_bytes())
    assert _build(script, package).returncode == 0
    assert gzip.decompress((tmp_path / "en-scowl-95.txt.gz").read_bytes()) == _data()


def test_the_compressed_file_holds_no_time_and_no_name() -> None:
    head = (FOLDER / "en-scowl-95.txt.gz").read_bytes()[:10]
    assert head[3] == 0  # no flags: no name of a file
    assert head[4:8] == bytes(4)


def test_the_licence_is_kept_whole_and_the_list_is_marked_as_modified() -> None:
    licence = (FOLDER / "LICENSE.scowl").read_bytes()
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert len(licence) == 11_135
    assert f"| `LICENSE.scowl` | 11,135 | `{hashlib.sha256(licence).hexdigest()}` |" in card
    for text in (card, notice):
        flat = " ".join(text.split())
        assert "modified: filtered and merged" in flat.lower()
        for owner in (
            "Copyright 2000-2011 by Kevin Atkinson", "Copyright (c) J Ross Beresford 1993-1999. All Rights Reserved.",
            "Copyright 1993, Geoff Kuenning", "Copyright 1997 by Princeton University", "LICENSE.scowl",
        ):  # fmt: skip
            assert owner in flat, owner


# --- other sources ----------------------------------------------------------------------------------------------------


def test_unknown_sources_and_units_are_named() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown built-in word list 'en-scowl-59'.*en-scowl-95"):
        load_words("builtin:en-scowl-59")
    with pytest.raises(UnknownNameError, match=r"unknown source of words 'scowl'"):
        load_words("scowl")
    with pytest.raises(UnknownNameError, match=r"unknown source of words 'file:'"):
        load_words("file:")
    with pytest.raises(OptionError, match="codepoint, grapheme"):
        load_words(unit="byte")


def test_wordfreq_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    with pytest.raises(MissingExtraError, match=r"tokbench\[words\]"):
        load_words("wordfreq:en")


def test_without_wordfreq_the_built_in_list_knows_no_frequencies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    module._zipf_of.cache_clear()
    words = WordList("builtin:x", [Word("just", tuple("just"), 10)], sha256="", lang="en")
    assert words.zipf("just") is None
    module._zipf_of.cache_clear()


def test_a_list_of_wordfreq_has_frequencies_and_no_levels() -> None:
    wordfreq = pytest.importorskip("wordfreq")
    words = load_words("wordfreq:en")
    plain = [word for length in words.lengths for word in words.of_length(length) if word.text.isascii()]
    assert len(module._zipf_of("en")) == 321_180  # wordfreq 3.1.1, list "large"
    assert len(plain) == 289_023
    assert (words.name, words.lang, words.script) == ("en", "en", "Latin")
    assert "CC BY-SA 4.0" in words.licence
    assert words.of_length(4)[0].level is None
    for text in ("just", "whoa", "café"):
        assert words.zipf(text) == wordfreq.zipf_frequency(text, "en", "best")
        assert scowl().zipf(text) == words.zipf(text)  # the built-in list asks wordfreq where it is there
    assert scowl().zipf("overpeople") is None
    with pytest.raises(UnknownNameError, match="unknown language of wordfreq 'xx'"):
        load_words("wordfreq:xx")


def test_a_language_without_spaces_loads_without_a_tokenizer_of_words() -> None:
    pytest.importorskip("wordfreq")
    words = load_words("wordfreq:ko")
    assert (words.zipf("사람") or 0) > 5
    assert [script_of(text) for text in ("사람", "中国", "Just", "4")] == ["Hangul", "Han", "Latin", "Unknown"]


# --- files ------------------------------------------------------------------------------------------------------------


def _file(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "words.txt"
    path.write_bytes(data)
    return f"file:{path}"


def test_a_file_is_read_as_nfc_and_says_who_it_is(tmp_path: Path) -> None:
    data = "\ufeffnaive\u0308\r\nJust\r\n\u1230\u120b\u121d\u1273\u1205".encode()
    words = load_words(_file(tmp_path, data))
    assert [word.text for length in words.lengths for word in words.of_length(length)] == [
        "Just", "naiv\u00eb", "\u1230\u120b\u121d\u1273\u1205"
    ]  # fmt: skip
    assert (words.name, words.source) == ("words.txt", "file:words.txt")  # the folder is nobody's business
    assert words.sha256 == hashlib.sha256(data).hexdigest()
    assert words.level("Just") is None
    assert words.zipf("Just") is None


@pytest.mark.parametrize(
    ("data", "line", "problem"),
    [
        (b"good\nb\xffd\n", 2, "not UTF-8: byte 0xFF at offset 1"),
        (b"good\nb\xed\xa0\x80d\n", 2, "not UTF-8: a lone surrogate at offset 1"),
        (b"good\nnu\0l\n", 2, r"'nu\\x00l' holds a NUL: expected letters only"),
        (b"good\n\nmore\n", 2, "the line is empty: expected one word a line"),
        (b"it's\n", 1, '"it\'s" holds a quote: expected letters only'),
        ("l’eau\n".encode(), 1, r"'l\\u2019eau' holds a quote"),
        (b"good\ntwo\rwords\n", 2, r"'two\\rwords' holds a newline"),
        ("two\u2028words\n".encode(), 1, r"holds a newline"),
        (b"good\nle4t\n", 2, "'le4t' holds '4', which is no letter: expected letters only"),
        (b"two words\n", 1, "holds ' ', which is no letter"),
        (b"word\t10\n", 1, r"holds '\\t', which is no letter"),
        ("\u0308abc\n".encode(), 1, "begins with a mark, which would join the quote before it"),
        (b"", None, "holds no word: expected one word a line"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_clear_line(tmp_path: Path, data: bytes, line: int | None, problem: str) -> None:
    with pytest.raises(WordListError, match=problem) as caught:
        load_words(_file(tmp_path, data))
    assert caught.value.line == line
    assert str(caught.value).count("\n") == 0
    place = "words.txt" if line is None else f"words.txt, line {line}"
    assert str(caught.value).startswith(f"word list file:{place}: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WordListError, match=r"file:none\.txt: cannot be read"):
        load_words(f"file:{tmp_path / 'none.txt'}")
    with pytest.raises(WordListError, match="cannot be read"):
        load_words(f"file:{tmp_path}")


def test_words_that_come_again_are_kept_once_with_a_warning(tmp_path: Path) -> None:
    words = load_words(_file(tmp_path, "caf\u00e9\nword\ncafe\u0301\nword\n".encode()))
    assert len(words) == 2
    assert words.warnings == ("word list file:words.txt: 2 words come again (line 3, 4) and are kept once",)
    many = load_words(_file(tmp_path, b"word\n" * 8))
    assert "7 words come again (line 2, 3, 4, 5, 6 and more)" in many.warnings[0]


# --- characters -------------------------------------------------------------------------------------------------------


def test_units_are_code_points_or_what_a_reader_calls_a_character() -> None:
    hindi = "\u0928\u092e\u0938\u094d\u0924\u0947"
    assert len(units_of(hindi, "codepoint")) == 6
    assert units_of(hindi, "grapheme") in {  # newer versions of Unicode keep a conjunct together
        ("\u0928", "\u092e", "\u0938\u094d\u0924\u0947"),
        ("\u0928", "\u092e", "\u0938\u094d", "\u0924\u0947"),
    }
    assert units_of("g\u0308a", "grapheme") == ("g\u0308", "a")


def test_a_word_is_as_long_as_it_has_units(tmp_path: Path) -> None:
    source = _file(tmp_path, "g\u0308abc\nabcd\n".encode())
    assert [len(load_words(source, unit).of_length(4)) for unit in ("codepoint", "grapheme")] == [1, 2]


@pytest.mark.property
@given(text=st.text(st.characters(codec="utf-8"), max_size=20), unit=st.sampled_from(["codepoint", "grapheme"]))
def test_units_are_the_text(text: str, unit: str) -> None:
    assert "".join(units_of(text, unit)) == text


@pytest.mark.property
@given(text=st.text(st.sampled_from("aé\u0301\u0308ß\u0928\u094d'’ 4\0\r\u2028\ufeff"), max_size=6))
def test_a_line_is_a_word_or_an_error_and_never_anything_else(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("list") / "words.txt"
    path.write_bytes(b"good\n" + text.encode() + b"\n")
    clean = unicodedata.normalize("NFC", text.removesuffix("\r"))
    letters = bool(clean) and all(unicodedata.category(character)[0] in "LM" for character in clean)
    if letters and unicodedata.category(clean[0])[0] == "L":
        assert clean in load_words(f"file:{path}")
    else:
        with pytest.raises(WordListError) as caught:
            load_words(f"file:{path}")
        assert caught.value.line == 2


# --- absent characters ------------------------------------------------------------------------------------------------

LISTS = st.lists(st.text("abcde", min_size=3, max_size=3), min_size=1, max_size=12, unique=True)


def _check_absent(words: WordList, word: Word) -> None:
    """Every absent character comes as often as its weight, in the order of code points."""
    weights = Counter(unit for other in words.of_length(len(word.units)) for unit in other.units)
    left = {unit: weights[unit] for unit in sorted(set(weights) - set(word.units))}
    expected = [unit for unit, weight in left.items() for _ in range(weight)]
    total = len(expected)
    assert [words.absent(word, number) for number in range(total)] == expected
    assert words.absent(word, 7 * total) == expected[0]


@pytest.mark.property
@given(texts=LISTS, data=st.data())
def test_absent_characters_come_by_their_weight(texts: list[str], data: st.DataObject) -> None:
    words = word_list(texts)
    word = data.draw(st.sampled_from(words.of_length(3)))
    assume(set(word.units) != {unit for unit, _ in words.alphabet(3)})
    _check_absent(words, word)


class EvenlyAbsent(WordList):
    """Takes all absent characters for equally likely."""

    def absent(self, word: Word, number: int) -> str:
        left = [unit for unit, _ in self.alphabet(len(word.units)) if unit not in word.units]
        return left[number % len(left)]


class EachWordOnce(WordList):
    """Counts a character once a word, however often it is in there."""

    def alphabet(self, length: int) -> list[tuple[str, int]]:
        return sorted(Counter(unit for word in self.of_length(length) for unit in set(word.units)).items())


@pytest.mark.parametrize("planted", [EvenlyAbsent, EachWordOnce])
def test_the_law_of_absent_characters_finds_a_planted_bug(planted: type[WordList]) -> None:
    made = [Word(text, tuple(text)) for text in ("abc", "ddd", "eef")]
    broken = planted("file:test", made, sha256="")
    with pytest.raises(AssertionError):
        _check_absent(broken, made[0])
    _check_absent(word_list(["abc", "ddd", "eef"]), made[0])


def test_a_word_that_holds_every_character_has_none_that_is_absent() -> None:
    words = word_list(["ab", "ba"])
    with pytest.raises(WordListError, match="'ab' holds every character of the list"):
        words.absent(words.of_length(2)[0], 3)


@pytest.mark.property
@given(texts=LISTS, data=st.data())
def test_the_order_of_a_list_does_not_matter(texts: list[str], data: st.DataObject) -> None:
    one, other = word_list(texts), word_list(data.draw(st.permutations(texts)))
    assert one.of_length(3) == other.of_length(3)
    assert one.alphabet(3) == other.alphabet(3)
