"""What a text answers: the strict and the lenient reading of integers, strings, yes/no, and options.

Nothing here raises, whatever the text; and every reading looks at the text a bounded number of times, because answers
may be very long.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from tokbench.suites.charbench.item import AnswerType

__all__ = ["Parsed", "nfc", "parse", "without_thinking"]

_SPACE = " \t\n\r\v\f"
"""ASCII white space."""

_STRICT_INT = re.compile(r"[+-]?[0-9]+")
_INT = re.compile(r"(?<![\w.])[+-]?[0-9]+(?!\w|\.[0-9])")
"""An integer that is no part of a word, of a decimal, or of a number with an exponent."""

_THINK = re.compile(r"<(/?)think>", re.IGNORECASE | re.ASCII)
_ANSWER = re.compile(r"<(/?)answer>", re.IGNORECASE | re.ASCII)
_PHRASE = re.compile(r"answer(?:\s+is\b\s*:?|\s*:)", re.IGNORECASE)
_BOLD = re.compile(r"\*\*([^\n]+?)\*\*|__([^\n]+?)__")
_SPAN = re.compile(
    r"\*\*([^\n]+?)\*\*|__([^\n]+?)__"
    r"|(?<!\w)'([^'\n]+)'(?!\w)"
    r'|"([^"\n]+)"|`([^`\n]+)`|\u201c([^\u201c\u201d\n]+)\u201d|(?<!\w)\u2018([^\u2018\u2019\n]+)\u2019(?!\w)'
)
"""A bold, quoted or back-ticked piece of a line; an apostrophe inside a word opens none."""

_QUOTES = "'\"`\u2018\u2019\u201c\u201d"
_MARKS = "*" + _QUOTES + _SPACE
_BOLD_MARK = "__"
_NAMES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_NAME = re.compile(rf"(?<![\w-])(?:{'|'.join(_NAMES)})(?![\w-])", re.IGNORECASE | re.ASCII)
_VALUES = {name: str(value) for value, name in enumerate(_NAMES)}
_BOOL = re.compile(r"(?<!\w)(?:yes|no|true|false)(?!\w)", re.IGNORECASE | re.ASCII)
_TRUTH = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_LETTERS = "ABCD"
_LETTER = re.compile(r"(?:option\s+)?\(?([A-D])(?:[).:]+(?:\s.*)?)?", re.IGNORECASE | re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parsed:
    """Both readings of an answer.

    Attributes:
        strict: What the text says if it is an answer and nothing else, or None.
        lenient: What it says if there is more around the answer; equal to ``strict`` where that is there.
        unclosed: Whether it ends inside a block of thoughts, so that there is no answer.
    """

    strict: str | None
    lenient: str | None
    unclosed: bool = False


# ---------------------------------------------------------------------- parts of a text


def without_thinking(text: str) -> str | None:
    """The text without its ``<think>`` blocks; None if the last one is not closed.

    A closing tag without an opening one ends a block that the chat template opened: all before it is thoughts.
    """
    if "think>" not in text.lower():
        return text
    kept: list[str] = []
    inside, position = False, 0
    for tag in _THINK.finditer(text):
        if not inside:
            kept = [] if tag[1] else [*kept, text[position : tag.start()]]
        inside, position = not tag[1], tag.end()
    return None if inside else "".join((*kept, text[position:]))


def _block(text: str) -> str | None:
    """Content of the last ``<answer>`` block, which runs to the end if it is not closed."""
    start = end = None
    for tag in _ANSWER.finditer(text):
        if not tag[1]:
            start, end = tag.end(), None
        elif start is not None and end is None:
            end = tag.start()
    return None if start is None else text[start:end]


def _behind_phrase(text: str) -> str | None:
    """The text behind the last "answer is" or "answer:"."""
    last = None
    for last in _PHRASE.finditer(text):  # noqa: B007, the last one is wanted
        pass
    return None if last is None else text[last.end() :]


def _last_line(text: str) -> str:
    """The last line that is not empty, without white space around it."""
    return text.strip().splitlines()[-1].strip() if text.strip() else ""


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].strip() if text.strip() else ""


@lru_cache(maxsize=4096)
def _copies(word: str, *, bare: bool) -> re.Pattern[str]:
    quoted = rf"[{_QUOTES}]{re.escape(word)}[{_QUOTES}]"
    return re.compile(rf"{quoted}|(?<!\w){re.escape(word)}(?!\w)" if bare else quoted)


def _without(text: str, word: str, *, bare: bool = True) -> str:
    """The text without the copies of the word, in quotes and (``bare``) without them."""
    return _copies(word, bare=bare).sub(" ", text) if word and word in text else text


# ---------------------------------------------------------------------- integers


def _ascii_digits(text: str) -> str:
    """Decimal digits of all scripts as ASCII, and the minus sign as a hyphen."""
    if text.isascii():
        return text
    found = (
        "-" if mark == "\u2212" else str(unicodedata.decimal(mark)) if not mark.isascii() and mark.isdecimal() else mark
        for mark in text
    )
    return "".join(found)


def _plain(number: str) -> str:
    """A number without plus sign and leading zeros (as text: ``int`` refuses very long ones)."""
    digits = number.lstrip("+-").lstrip("0") or "0"
    return f"-{digits}" if number.startswith("-") and digits != "0" else digits


def _strict_int(text: str) -> str | None:
    found = text.strip(_SPACE)
    return _plain(found) if _STRICT_INT.fullmatch(found) else None


def _ints(text: str) -> list[str]:
    return _INT.findall(text)


def _int(text: str | None, place: int) -> str | None:
    """The first (0) or last (-1) integer of a text."""
    found = [] if text is None else _ints(text)
    return found[place] if found else None


def _bold_int(text: str) -> str | None:
    """The last bold piece that holds exactly one integer."""
    found = [_ints(match[1] or match[2]) for match in _BOLD.finditer(text)]
    return next((numbers[0] for numbers in reversed(found) if len(numbers) == 1), None)


def _int_rules(text: str, word: str) -> Iterator[str | None]:
    """The rules in their order; each gives an integer or None."""
    yield _int(_block(text), -1)
    yield _int(_behind_phrase(text), 0)
    yield _bold_int(text)
    line = _last_line(text)
    yield line if _STRICT_INT.fullmatch(line) else None
    rest = _without(text, word)
    yield _int(rest, -1)
    names = _NAME.findall(rest)
    yield _VALUES[names[-1].lower()] if names else None


def _lenient_int(text: str, word: str) -> str | None:
    numbers = _int_rules(_ascii_digits(text), _ascii_digits(word))
    found = next((number for number in numbers if number is not None), None)
    return None if found is None else _plain(found)


# ---------------------------------------------------------------------- strings


def _unmarked(text: str) -> str:
    found = text.strip(_MARKS)
    bold = len(found) > 2 * len(_BOLD_MARK) and found.startswith(_BOLD_MARK) and found.endswith(_BOLD_MARK)
    return found.removeprefix(_BOLD_MARK).removesuffix(_BOLD_MARK).strip(_MARKS) if bold else found


def _bare(text: str) -> str:
    """Without marks around it and without one final period, which may stand inside or outside of the marks."""
    found = text.strip()
    inner = _unmarked(found.removesuffix("."))
    return inner if found.endswith(".") else _unmarked(inner.removesuffix("."))


def _str_rules(text: str) -> Iterator[str]:
    """Where an answer may stand, in the order of the rules; none of them is empty."""
    block = _block(text)
    behind = _behind_phrase(text)
    spans = [next(filter(None, match.groups()), "") for match in _SPAN.finditer(text)]
    found = (
        None if block is None else block,
        None if behind is None else _first_line(behind),
        spans[-1] if spans else None,
        _last_line(text),
    )
    yield from (bare for part in found if part is not None and (bare := _bare(part)))


def nfc(text: str) -> str:
    """The text in normal form C, in which strings are compared."""
    return unicodedata.normalize("NFC", text)


def _lenient_str(text: str) -> str | None:
    found = next(_str_rules(text), None)
    return None if found is None else nfc(found)


def _strict_str(text: str, gold: str | None) -> str | None:
    """The trimmed text if it is the gold answer, or if nothing around an answer can be taken away from it."""
    found = nfc(text.strip(_SPACE))
    if gold is not None and found == nfc(gold):
        return found
    return found if found and found == _lenient_str(text) else None


# ---------------------------------------------------------------------- yes and no


def _strict_bool(text: str) -> str | None:
    found = text.strip(_SPACE).lower()
    return found if found in {"yes", "no"} else None


def _lenient_bool(text: str, word: str) -> str | None:
    """The last yes, no, true or false that is not a copy of the word in quotes."""
    found = _BOOL.findall(_without(text, word, bare=False))
    return _TRUTH[found[-1].lower()] if found else None


# ---------------------------------------------------------------------- options


def _strict_choice(text: str, choices: Sequence[str]) -> str | None:
    found = nfc(text.strip(_SPACE))
    for choice in choices:
        if found == nfc(choice):
            return choice
    return dict(zip(_LETTERS, choices, strict=False)).get(found)


def _option(text: str, choices: Sequence[str]) -> str | None:
    """The option that a piece of text names: by its text, by its letter, or by both."""
    if (found := _strict_choice(text, choices)) is not None:
        return found
    if (letter := _LETTER.fullmatch(text)) is not None:
        return dict(zip(_LETTERS, choices, strict=False)).get(letter[1].upper())
    named = [choice for choice in choices if _copies(nfc(choice), bare=True).search(nfc(text))]
    return named[0] if len(named) == 1 else None


def _lenient_choice(text: str, choices: Sequence[str]) -> str | None:
    found = (_option(part, choices) for part in _str_rules(text))
    return next((option for option in found if option is not None), None)


# ---------------------------------------------------------------------- all of them


def parse(
    text: str, answer_type: AnswerType, *, word: str, choices: Sequence[str] = (), gold: str | None = None
) -> Parsed:
    """What a text answers.

    Integers come without plus sign and leading zeros, yes and no in lower case, options by their text, strings in NFC.

    Args:
        text: The answer of a model, thoughts included.
        answer_type: How it is read.
        word: The word of the question; copies of it are no answer.
        choices: The options, in their order.
        gold: The right answer. Only the strict reading of a string looks at it: what equals it is an answer, even if
            it ends in a period or stands in quotes.
    """
    rest = without_thinking(text)
    if rest is None:
        return Parsed(None, None, unclosed=True)
    readings: dict[AnswerType, tuple[Callable[[], str | None], Callable[[], str | None]]] = {
        "int": (partial(_strict_int, rest), partial(_lenient_int, rest, word)),
        "str": (partial(_strict_str, rest, gold), partial(_lenient_str, rest)),
        "bool": (partial(_strict_bool, rest), partial(_lenient_bool, rest, word)),
        "choice": (partial(_strict_choice, rest, choices), partial(_lenient_choice, rest, choices)),
    }
    strict, lenient = readings[answer_type]
    found = strict()
    return Parsed(found, lenient() if found is None else found)
