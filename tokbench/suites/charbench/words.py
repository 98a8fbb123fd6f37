"""Word lists: the built-in one, those of wordfreq, and files of a user."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench._resources import resource
from tokbench.errors import MissingExtraError, OptionError, UnknownNameError, WordListError
from tokbench.suites.charbench.item import Word

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["BUILTIN", "UNITS", "WordList", "load_words", "script_of", "units_of"]

BUILTIN: Mapping[str, tuple[str, str]] = {
    "en-scowl-95": ("en-scowl-95.txt.gz", "ee4ffca0e5ddb9367202e6f91e3b428a8d6b16d9c05c77c60e2bb9665551230f")
}
"""File and SHA-256 of the uncompressed bytes of every list that comes with the project."""

UNITS = ("codepoint", "grapheme")
_QUOTES = frozenset("'\"`‘’“”«»")
_SHOWN = 5
"""Lines that a warning names."""
_LINE_ENDS = frozenset("\r\v\f\x85\u2028\u2029")
_SCRIPTS = {"Cjk": "Han"}
"""Names of scripts that the names of characters spell otherwise."""


def units_of(text: str, unit: str) -> tuple[str, ...]:
    """The characters of a text: code points, or what a reader calls one (extended grapheme clusters, UAX 29)."""
    if unit == "codepoint":
        return tuple(text)
    import regex

    return tuple(regex.findall(r"\X", text))


@cache
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "Unknown").partition(" ")[0].title()
    return _SCRIPTS.get(name, name)


def script_of(text: str) -> str:
    """Script of most letters of a text, as the names of characters say it (``Latin``); ``Unknown`` without letters.

    Equal numbers fall to the script that comes first in the text.
    """
    counts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        if unicodedata.category(character)[0] == "L":
            counts[_script(character)] += count
    return counts.most_common(1)[0][0] if counts else "Unknown"


class WordList:
    """Words with all that the selection and the tasks look up; implements :class:`~.task.Pool`.

    Args:
        source: Where the words come from, for example ``builtin:en-scowl-95``.
        words: The words, NFC, each once, in any order.
        sha256: Hash of the data that they were read from.
        unit: ``codepoint`` or ``grapheme``.
        lang: Language tag, ``und`` if unknown.
        licence: Terms of the data.
        zipf: Zipf frequency of words; None asks wordfreq where it is installed and has the language.
        warnings: What a person should know, one line each.
    """

    def __init__(
        self,
        source: str,
        words: Sequence[Word],
        *,
        sha256: str,
        unit: str = "codepoint",
        lang: str = "und",
        licence: str = "unknown",
        zipf: Mapping[str, float] | None = None,
        warnings: Sequence[str] = (),
    ) -> None:
        self.source = source
        self.name = source.partition(":")[2] or source
        self.sha256 = sha256
        self.unit = unit
        self.lang = lang
        self.licence = licence
        self.warnings = tuple(warnings)
        self._zipf = zipf
        self._by_length: dict[int, list[Word]] = {}
        for word in sorted(words, key=lambda word: word.text):
            self._by_length.setdefault(len(word.units), []).append(word)
        self._levels = {word.text: word.level for word in words}
        self._alphabets: dict[int, tuple[tuple[str, int], ...]] = {}

    def __len__(self) -> int:
        return len(self._levels)

    def __contains__(self, text: object) -> bool:
        return text in self._levels

    @cached_property
    def script(self) -> str:
        """Script of most letters, see :func:`script_of`."""
        return script_of("".join(self._levels))

    @property
    def lengths(self) -> Sequence[int]:
        """Lengths that the list has words of, sorted."""
        return sorted(self._by_length)

    def of_length(self, length: int) -> Sequence[Word]:
        """All words of a length, sorted by text."""
        return self._by_length.get(length, [])

    def alphabet(self, length: int) -> Sequence[tuple[str, int]]:
        """Units of the words of a length in code point order, each with its number of occurrences."""
        if length not in self._alphabets:
            counts: Counter[str] = Counter()
            for word in self.of_length(length):
                counts.update(word.units)
            self._alphabets[length] = tuple(sorted(counts.items()))
        return self._alphabets[length]

    def absent(self, word: Word, number: int) -> str:
        """A unit that is not in ``word``: ``number`` modulo the total weight of those falls into its interval.

        Raises:
            WordListError: If the word holds every unit of the list.
        """
        inside = set(word.units)
        left = [(unit, count) for unit, count in self.alphabet(len(word.units)) if unit not in inside]
        total = sum(count for _, count in left)
        if not total:
            raise WordListError(self.source, None, f"{word.text!r} holds every character of the list")
        place = number % total
        for unit, count in left:
            if place < count:
                return unit
            place -= count
        raise AssertionError("a number below the total lies in some interval")

    def level(self, text: str) -> int | None:
        """Band of frequency of a word, or None."""
        return self._levels.get(text)

    def zipf(self, text: str) -> float | None:
        """Zipf frequency of a word (base-10 logarithm of occurrences in a thousand million words), or None.

        None too for a word that wordfreq does not list: it is rare, but how rare nobody counted.
        """
        if self._zipf is None:
            self._zipf = _zipf_of(self.lang)
        return self._zipf.get(text)

    def entry(self) -> dict[str, object]:
        """What a record says of the list."""
        return {
            "name": f"words {self.name}", "sha256": self.sha256, "licence": self.licence, "source": self.source,
            "rows": len(self), "unit": self.unit,
        }  # fmt: skip


@cache
def _builtin(name: str, unit: str) -> WordList:
    if name not in BUILTIN:
        raise UnknownNameError("built-in word list", name, tuple(BUILTIN))
    file, wanted = BUILTIN[name]
    path = resource("fixtures", "words", file)
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise WordListError(f"builtin:{name}", None, f"{file} cannot be read ({error})") from error
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        raise WordListError(
            f"builtin:{name}", None, f"expected SHA-256 {wanted}, found {found}: install tokbench again"
        )
    words = []
    for line in data.decode("ascii").splitlines():
        text, _, level = line.partition("\t")
        words.append(Word(text, tuple(text), int(level)))
    return WordList(f"builtin:{name}", words, sha256=wanted, unit=unit, lang="en", licence="SCOWL (LICENSE.scowl)")


def _wordfreq_module() -> ModuleType | None:
    try:
        import wordfreq
    except ImportError:
        return None
    return wordfreq


@cache
def _zipf_of(lang: str) -> dict[str, float]:
    """Zipf frequencies of a language by word, NFC; empty where wordfreq or its list is missing.

    Read from the list itself: asking for a word would tokenize it, which Chinese, Japanese and Korean need more
    libraries for.
    """
    wordfreq = _wordfreq_module()
    if wordfreq is None or lang not in wordfreq.available_languages("best"):
        return {}
    found: dict[str, float] = {}
    for text, frequency in wordfreq.get_frequency_dict(lang, "best").items():
        value = round(math.log10(frequency) + 9, 2)
        text = unicodedata.normalize("NFC", text)  # noqa: PLW2901, the same word
        found[text] = max(value, found.get(text, value))
    return found


def _wordfreq(lang: str, unit: str) -> WordList:
    wordfreq = _wordfreq_module()
    if wordfreq is None:
        raise MissingExtraError("wordfreq", "words", f"needed by wordfreq:{lang}")
    known = tuple(sorted(wordfreq.available_languages("best")))
    if lang not in known:
        raise UnknownNameError("language of wordfreq", lang, known)
    zipf = {text: value for text, value in _zipf_of(lang).items() if _problem(text) is None}
    digest = hashlib.sha256("\n".join(f"{text}\t{zipf[text]}" for text in sorted(zipf)).encode()).hexdigest()
    words = [Word(text, units_of(text, unit)) for text in zipf]
    return WordList(
        f"wordfreq:{lang}", words, sha256=digest, unit=unit, lang=lang, zipf=zipf,
        licence="CC BY-SA 4.0 and the credits of wordfreq",
    )  # fmt: skip


def _problem(text: str) -> str | None:
    """Why a text is no word of a list, or None: letters with their marks only, because prompts quote the words."""
    if not text:
        return "the line is empty: expected one word a line"
    if text.isalpha() and _QUOTES.isdisjoint(text):
        return None
    if unicodedata.category(text[0])[0] == "M":
        return f"{text!a} begins with a mark, which would join the quote before it: expected a letter"
    bad = next((c for c in text if c in _QUOTES or unicodedata.category(c)[0] not in "LM"), None)
    if bad is None:
        return None
    what = (
        "a quote" if bad in _QUOTES
        else "a newline" if bad in _LINE_ENDS
        else "a NUL" if bad == "\0"
        else f"{bad!a}, which is no letter"
    )  # fmt: skip
    return f"{text!a} holds {what}: expected letters only"


def _decoded(raw: bytes) -> str:
    """A line as text.

    Raises:
        ValueError: If it is not UTF-8; the message says where.
    """
    try:
        return unicodedata.normalize("NFC", raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        what = f"byte 0x{raw[error.start]:02X}"
        with contextlib.suppress(UnicodeDecodeError):
            raw.decode("utf-8", "surrogatepass")
            what = "a lone surrogate"
        msg = f"not UTF-8: {what} at offset {error.start}"
        raise ValueError(msg) from None


def _file(path: Path, unit: str) -> WordList:
    source = f"file:{path.name}"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WordListError(source, None, f"cannot be read ({error.strerror})") from error
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()
    words: dict[str, Word] = {}
    twice = []
    for number, raw in enumerate(lines, 1):
        try:
            text = _decoded(raw.removesuffix(b"\r"))
        except ValueError as error:
            raise WordListError(source, number, str(error)) from None
        if (problem := _problem(text)) is not None:
            raise WordListError(source, number, problem)
        if text in words:
            twice.append(number)
        words.setdefault(text, Word(text, units_of(text, unit)))
    if not words:
        raise WordListError(source, None, "holds no word: expected one word a line")
    warnings = []
    if twice:
        more = " and more" if len(twice) > _SHOWN else ""
        shown = ", ".join(map(str, twice[:_SHOWN]))
        warnings.append(f"word list {source}: {len(twice)} words come again (line {shown}{more}) and are kept once")
    return WordList(
        source, list(words.values()), sha256=hashlib.sha256(data).hexdigest(), unit=unit, licence="the user's",
        zipf={}, warnings=warnings,
    )  # fmt: skip


def load_words(source: str = "builtin:en-scowl-95", unit: str = "codepoint") -> WordList:
    """Load a word list.

    Args:
        source: ``builtin:NAME``, ``wordfreq:LANG`` (extra ``words``) or ``file:PATH``.
        unit: ``codepoint`` or ``grapheme``.

    Raises:
        WordListError: If the list cannot be used; it names the line.
        UnknownNameError: If there is no such source, list or language.
        MissingExtraError: If wordfreq is not installed.
        OptionError: If the unit does not exist.
    """
    if unit not in UNITS:
        raise OptionError("unit", unit, f"one of {', '.join(UNITS)}")
    kind, _, rest = source.partition(":")
    if kind == "builtin":
        return _builtin(rest, unit)
    if kind == "wordfreq":
        return _wordfreq(rest, unit)
    if kind == "file" and rest:
        return _file(Path(rest), unit)
    raise UnknownNameError("source of words", source, ("builtin:en-scowl-95", "wordfreq:LANG", "file:PATH"))
