"""Reading replies: the published rule, the strict one, formats, and repeats."""

from __future__ import annotations

import time

import pytest

from tokbench.errors import OptionError, UnknownNameError
from tokbench.suites.arithmetic.formats import NumberFormat, parse_format
from tokbench.suites.arithmetic.parsing import Reading, parse, read, runs

REPLIES = [
    # reply, value, extraneous
    ("8365772", "8365772", False),
    (" 8365772\n", "8365772", False),
    ("1,653,486", "1653486", False),
    ("1,653,486,", "1653486", True),  # a malformed grouping still parses
    ("1,392,442,06", "139244206", False),
    ("12 34", "1234", False),  # a space joins digits
    ("12  ,. 34", "1234", False),
    ("$12#34foo5", "12345", True),  # a separator in front is no part of a run
    ("12foofoo34", "1234", False),
    ("12fo34", None, True),
    ("0012", "12", False),
    ("000", "0", False),
    ("The sum of 8,842,593 and", "8842593", True),
    ("8,842,593 + 1", None, True),
    ("1_000", None, True),  # no separator of the study
    ("-5", "5", True),
    ("", None, True),
    ("no number", None, True),
    ("12\n34", None, True),
    ("\u0661\u0662", None, True),  # digits, but no ASCII ones
    ("x\u00b2 5", "5", True),
]


@pytest.mark.parametrize(("reply", "value", "extraneous"), REPLIES, ids=[ascii(reply) for reply, _, _ in REPLIES])
def test_the_parity_rule(reply: str, value: str | None, *, extraneous: bool) -> None:
    found = read(reply)
    assert (found.value, found.extraneous, found.valid) == (value, extraneous, value is not None)


def test_the_strict_rule_makes_extraneous_replies_invalid() -> None:
    for reply, value, extraneous in REPLIES:
        assert parse(reply, parser="strict").value == (None if extraneous else value)
        assert parse(reply).by("strict") == parse(reply, parser="strict")


@pytest.mark.parametrize(
    ("reply", "fmt", "ok"),
    [
        ("1234567", "nosep", True),
        (" 1234567", "nosep", False),  # the raw reply, outer white space included
        ("1,234,567", "comma_r2l", True),
        ("1,234,567", "comma_l2r", False),
        ("123,456,7", "comma_l2r", True),
        ("1234567", "comma_r2l", False),
        ("12,34,567", "indian", True),
        ("1foo234foo567", "foo_r2l", True),
        ("1,234,567.", "comma_r2l", False),
        ("0123", "nosep", False),
        ("1234567", "nosep+2", True),  # spaces are those of the question
        ("1234567", "ids_r2l", True),
    ],
)
def test_the_format_is_that_of_the_raw_reply(reply: str, fmt: str, *, ok: bool) -> None:
    assert parse(reply, fmt=fmt).format_ok is ok


def test_the_separator_of_the_own_format_is_known() -> None:
    assert parse("1_234", fmt="underscore_r2l").value == "1234"
    assert parse("1|234", fmt="sep:|_r2l").value == "1234"
    assert parse("1|234").value is None
    assert parse("1\u2009234", fmt="thin_r2l").value == "1234"
    # a separator that is made of known ones gives nothing new to try
    own = NumberFormat("own", ",,", "r2l", (3,))
    start = time.perf_counter()
    assert read("1" + "," * 5000 + "x", own).value == "1"
    assert time.perf_counter() - start < 1


def test_digits_of_another_script_count_where_they_are_asked_for() -> None:
    found = parse("\u0967,\u0968\u0969\u096a", fmt="comma_r2l@deva")
    assert (found.value, found.format_ok, found.extraneous) == ("1234", True, False)
    found = parse("1,234", fmt="comma_r2l@deva")
    assert (found.value, found.format_ok) == ("1234", False)
    assert parse("\u0967\u0968").value is None


def test_runs_know_their_places() -> None:
    first, second = runs("a 1,2 b34")
    assert (first.start, first.end, first.text, first.digits, first.places) == (2, 5, "1,2", "12", [2, 4])
    assert second.places == [7, 8]


# ---------------------------------------------------------------------- repeats


def _repeat(reply: str, **options: object) -> Reading:
    return parse(reply, "repeat", fmt="nosep", repeat="comma_r2l", operands=(1234, 567), **options)  # type: ignore[arg-type]


def test_a_repeat_is_read_apart_from_the_answer() -> None:
    found = _repeat("1,234+567=1801")
    assert (found.value, found.format_ok, found.extraneous) == ("1801", True, False)
    assert (found.repeated, found.repeat_copy_ok, found.repeat_format_ok) == (("1234", "567"), True, True)
    assert found.run is not None
    assert (found.run.start, found.run.end) == (10, 14)  # in the whole reply


@pytest.mark.parametrize(
    ("reply", "value", "copied", "formed"),
    [
        ("1234+567=1801", "1801", True, False),
        ("1,234+568=1802", "1802", False, True),
        ("1,234 + 567 = 1801", "1801", True, False),
        ("567+1,234=1801", "1801", False, True),
        ("1801", "1801", False, False),  # no repeat: the whole reply is the answer part
        ("1,234+567=1801=1801", None, False, False),
        # the repeat is invalid, the answer is not
        ("1,234=1801", "1801", False, False),
        ("1,234+567+1=1802", "1802", False, False),
        ("the sum+567=1801", "1801", False, False),
        ("=1801", "1801", False, False),
        ("1,234+567=", None, True, True),
    ],
)
def test_what_repeats_are_taken(reply: str, value: str | None, *, copied: bool, formed: bool) -> None:
    found = _repeat(reply)
    assert (found.value, found.repeat_copy_ok, found.repeat_format_ok) == (value, copied, formed)


def test_text_around_the_answer_of_a_repeat_is_extraneous() -> None:
    found = _repeat("1,234+567=1801!")
    assert (found.value, found.extraneous, found.format_ok) == ("1801", True, False)
    assert _repeat("1,234+567=1801!", parser="strict").value is None
    assert _repeat("1,234+567= 1801").format_ok is False


def test_the_spaces_of_a_repeat_are_part_of_it() -> None:
    found = parse("1 + 2 = 3", "repeat", fmt="nosep", repeat="nosep+1", operands=(1, 2))
    assert (found.value, found.format_ok, found.repeat_format_ok) == ("3", True, True)


def test_the_operator_of_differences() -> None:
    found = parse("9-4=5", "repeat", fmt="nosep", op="-", operands=(9, 4))
    assert (found.value, found.repeat_copy_ok) == ("5", True)
    assert parse("9+4=5", "repeat", fmt="nosep", op="-", operands=(9, 4)).repeated is None


def test_an_equals_sign_outside_of_repeat_mode_is_text() -> None:
    assert parse("1+2=3").value is None
    assert parse("= 3").value == "3"


def test_unknown_modes_parsers_and_formats() -> None:
    with pytest.raises(OptionError, match="plain, io, repeat"):
        parse("1", "convert")
    with pytest.raises(OptionError, match="parity, strict"):
        parse("1", parser="lenient")
    with pytest.raises(UnknownNameError, match="comma_r2l"):
        parse("1", fmt="coma_r2l")


def test_time_does_not_explode() -> None:
    start = time.perf_counter()
    for text in ("1" + ", " * 50_000, "1," * 50_000, "foo" * 50_000, "1" * 200_000, "=" * 100_000, "+" * 100_000):
        read(text)
        read(text, repeat=parse_format("comma_r2l"), operands=(1, 2))
    assert time.perf_counter() - start < 5
