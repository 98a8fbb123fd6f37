"""Failure messages: the marked index is the true first difference, and nothing makes a message long."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import ToyTokenizer

from tokbench._plugin.message import (
    MAX_LINES,
    difference_of,
    first_difference,
    ids_block,
    law_failure,
    pieces_of,
    shorten,
)
from tokbench.laws import LAWS, Counterexample, Verdict, check_law

TOY = ToyTokenizer()
IDS = st.lists(st.sampled_from(sorted(TOY.ids())), max_size=40)


def verdict(data: object, problem: str, expected: object, got: object, law: str = "round-trip") -> Verdict:
    return Verdict(law, "fails", problem, 1, 0.0, Counterexample(data, problem, None, expected, got))


@pytest.mark.property
@given(IDS, IDS)
def test_the_marked_index_is_the_first_difference(expected: list[int], got: list[int]) -> None:
    lines = ids_block(("expected", "got"), (expected, got), (pieces_of(TOY, expected), pieces_of(TOY, got)))
    index = first_difference(expected, got)
    assert expected[:index] == got[:index]
    if expected == got:
        assert not any("differs" in line for line in lines)
        return
    assert expected[index : index + 1] != got[index : index + 1]
    (told,) = (line for line in lines if "differs" in line)
    offset = len(TOY.join_bytes(got[:index]))
    assert f"at index {index}, byte {offset}: " in told
    marker, marked = lines[-2], lines[-3]
    assert re.fullmatch(r" +~*\^", marker)
    start = marker.index("~") if "~" in marker else marker.index("^")
    shown = marked[start : len(marker)]
    if index < len(got):
        piece = pieces_of(TOY, got)[index]
        assert shown == (piece if isinstance(piece, str) else ascii(piece))
    else:  # the end: nothing stands there, or the words that say so
        assert not shown.strip() or not got


ANY = st.one_of(
    st.text(st.characters(), max_size=300),
    st.binary(max_size=300),
    st.lists(st.integers(-1, 1 << 40), max_size=300),
    st.none(),
    st.integers(),
)


@pytest.mark.property
@given(st.text(st.characters(), max_size=200), ANY, ANY, ANY, st.sampled_from(sorted(LAWS)))
def test_a_message_is_short_and_can_only_be_read(
    problem: str, data: object, expected: object, got: object, law: str
) -> None:
    text = law_failure(TOY, "toy", verdict(data, problem, expected, got, law), "--tokbench-seed 1")
    assert text.isascii()
    assert len(text.split("\n")) <= MAX_LINES
    assert all(character.isprintable() for character in text.replace("\n", ""))


@pytest.mark.parametrize(
    ("expected", "got", "kind"),
    [
        ("a  b", "a b", "white space"),
        ("a\u2581b", "a b", "white space"),
        ("a\x00", "a", "control or format characters"),
        ("e\u0301", "\xe9", "normalisation form"),
        ("\xe9", "e", "accents"),
        ("AB", "ab", "case"),
        ("a\U0001f4a9b", "ab", "lost characters"),
        ("ab", "axb", "added characters"),
        ("ab", "xy", "other characters"),
        (b"\xc3\xa9", b"\xc3", "bytes that are not UTF-8"),
    ],
)
def test_the_class_is_the_weakest_change_that_explains_it(expected: str | bytes, got: str | bytes, kind: str) -> None:
    assert difference_of(expected, got) == kind


def test_equal_bytes_cut_elsewhere_are_called_so() -> None:
    whole, parts = TOY.encode_piece(b"th"), [TOY.ranks[b"t"], TOY.ranks[b"h"]]
    lines = ids_block(("expected", "got"), (whole, parts), (pieces_of(TOY, whole), pieces_of(TOY, parts)))
    assert lines == [
        f"    expected    {whole[0]}",
        "    got         116 104",
        "    expected    b'th'",
        "    got         b't' b'h'",
        "                ~~~^",
        "    differs     at index 0, byte 0: the same bytes, cut elsewhere",
    ]


def test_long_lists_are_cut_around_the_difference() -> None:
    expected, got = [1] * 100, [1] * 60 + [2] + [1] * 39
    lines = ids_block(("expected", "got"), (expected, got), ([b"a"] * 100, [b"a"] * 60 + [b"b"] + [b"a"] * 39))
    assert lines[1] == "    got         (56 before) 1 1 1 1 2 1 1 1 1 (35 more)"
    assert "at index 60, byte 60" in lines[-1]


def test_a_real_failure_pastes_and_repeats() -> None:
    class Upper(ToyTokenizer):
        def _decode(self, ids: list[int]) -> str:
            return super()._decode(ids).upper()

    toy = Upper()
    found = check_law(toy, LAWS["round-trip"], max_examples=20)
    text = law_failure(toy, "upper", found, "--tokbench-seed 0")
    assert "case" in text
    assert found.counterexample is not None
    assert f"    paste       {found.counterexample.paste}" in text.splitlines()


def test_shorten_keeps_both_ends() -> None:
    assert shorten("x" * 300, 21) == "xxxxxxxx ... xxxxxxxx"
    assert shorten("x" * 20, 20) == "x" * 20
