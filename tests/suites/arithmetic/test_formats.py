from __future__ import annotations

import pytest

from tokbench.errors import OptionError, UnknownNameError
from tokbench.suites.arithmetic.formats import (
    FORMATS,
    SCRIPTS,
    SEPARATORS,
    NumberFormat,
    ascii_digits,
    chunks_of,
    format_number,
    grouped,
    parse_format,
    parse_formats,
)


@pytest.mark.parametrize(
    ("name", "text", "chunks"),
    [
        ("nosep", "12345678", (8,)),
        ("comma_r2l", "12,345,678", (2, 3, 3)),
        ("comma_l2r", "123,456,78", (3, 3, 2)),
        ("space_r2l", "12 345 678", (2, 3, 3)),
        ("dec_l2r", "123.456.78", (3, 3, 2)),
        ("hashtag_r2l", "12#345#678", (2, 3, 3)),
        ("dollar_l2r", "123$456$78", (3, 3, 2)),
        ("foo_r2l", "12foo345foo678", (2, 3, 3)),
        ("underscore_r2l", "12_345_678", (2, 3, 3)),
        ("thin_r2l", "12\u2009345\u2009678", (2, 3, 3)),
        ("nnbsp_l2r", "123\u202f456\u202f78", (3, 3, 2)),
        ("indian", "1,23,45,678", (1, 2, 2, 3)),
        ("comma_r2l4", "1234,5678", (4, 4)),
        ("comma_l2r1", "1,2,3,4,5,6,7,8", (1,) * 8),
        ("nosep+2", "12345678", (8,)),
        ("filler", "12345678", (8,)),
        ("ids_r2l", "12345678", (2, 3, 3)),
        ("ids_l2r", "12345678", (3, 3, 2)),
        ("ids_single", "12345678", (1,) * 8),
        ("sep:|_r2l", "12|345|678", (2, 3, 3)),
        ("nosep@deva", "१२३४५६७८", (8,)),
        ("indian@deva", "१,२३,४५,६७८", (1, 2, 2, 3)),
    ],
)
def test_every_way_to_write_a_number(name: str, text: str, chunks: tuple[int, ...]) -> None:
    fmt = parse_format(name)
    assert fmt.name == name
    assert format_number(12345678, fmt) == text
    assert chunks_of("12345678", fmt) == chunks
    assert grouped("12345678", fmt) == text


def test_the_names() -> None:
    assert len(FORMATS) == len(set(FORMATS)) == 26
    assert [fmt.name for fmt in parse_formats(FORMATS)] == list(FORMATS)
    assert parse_formats(["nosep", "comma_r2l", "nosep"]) == (parse_format("nosep"), parse_format("comma_r2l"))
    spaced = parse_format("nosep+1")
    assert (spaced.spaces, spaced.trailing, spaced.separator) == (1, 1, "")
    assert [parse_format(name).ids for name in ("ids_r2l", "ids_l2r", "ids_single", "nosep")] == [
        "r2l", "l2r", "single", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["", "nosep+3", "comma", "comma_r2l3", "comma_r2l0", "comma_r2l7", "comma_xyz", "_r2l", "sep:_r2l", "coma_r2l"],
)  # fmt: skip
def test_unknown_formats_are_listed(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown format .*: expected one of nosep, comma_r2l, comma_l2r"):
        parse_format(name)


def test_unknown_digits_are_listed() -> None:
    with pytest.raises(UnknownNameError, match="unknown digits 'klingon': expected one of arab"):
        parse_format("nosep@klingon")
    with pytest.raises(OptionError, match="one or more of nosep"):
        parse_formats([])


@pytest.mark.parametrize("separator", ["7", "a1", "½", "٣", "Ⅳ", "=", "+", "-", "x", "\n"])
def test_a_separator_that_could_not_be_told_from_the_calculation(separator: str) -> None:
    with pytest.raises(OptionError, match="separator="):
        NumberFormat("own", separator, "r2l", (3,))
    with pytest.raises(OptionError, match="separator="):
        parse_format(f"sep:{separator}_r2l")


def test_formats_that_make_no_sense() -> None:
    with pytest.raises(OptionError, match="groups of 1 digit or more"):
        NumberFormat("own", ",", "r2l", (0,))
    with pytest.raises(OptionError, match="groups of 1 digit or more"):
        NumberFormat("own", spaces=-1)
    with pytest.raises(OptionError, match="or neither"):
        NumberFormat("own", ",", "r2l")
    with pytest.raises(OptionError, match="or neither"):
        NumberFormat("own", ",", "", (3,))
    with pytest.raises(OptionError, match="0 or more"):
        format_number(-1, parse_format("nosep"))


def test_numbers_that_need_no_group_or_are_beyond_64_bits() -> None:
    fmt = parse_format("comma_r2l")
    assert [format_number(number, fmt) for number in (0, 7, 999, 1000)] == ["0", "7", "999", "1,000"]
    assert format_number(10**40 + 1, fmt) == "10," + "000," * 12 + "001"


def test_digits_of_other_scripts() -> None:
    assert len(SCRIPTS) == 20
    for name, digits in SCRIPTS.items():
        assert [int(digit) for digit in digits] == list(range(10))
        assert ascii_digits(format_number(9876543210, parse_format(f"comma_r2l@{name}"))) == "9,876,543,210"
    assert ascii_digits("½Ⅳ一") == "½Ⅳ一"  # numbers, but no decimal digits


def test_the_separators() -> None:
    assert list(SEPARATORS) == [
        "comma", "space", "dec", "hashtag", "dollar", "foo", "underscore", "thin", "nnbsp",
    ]  # fmt: skip
