"""The classifier is total, sees both directions alike, and does not look at what it is not about."""

from __future__ import annotations

import unicodedata
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.suites.phantom.classify import CLASSES, classify

pytestmark = pytest.mark.property

WORDS = st.sampled_from(
    ["rights", "HIV", "U.S", "Dormer", "unbelievable", "naïve", "dog’s", "Jones's", "running", "a", "s"]
)
SPACES = st.sampled_from(["", " ", "  ", "\n", " \n", "\r\n", "\t", "\xa0"])


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[bytes]:
    """A text as pieces, cut anywhere, inside characters too."""
    data = text.encode()
    places = sorted(draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=4)) & set(range(1, len(data))))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True) if end > start]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    word = draw(WORDS)
    other = unicodedata.normalize("NFD", word) if draw(st.booleans()) else word
    return draw(cut(draw(SPACES) + word)), draw(cut(draw(SPACES) + other + draw(st.sampled_from(["", " ", "\n"]))))


@given(pairs(), st.booleans(), st.booleans())
def test_every_change_has_one_label(pair: tuple[list[bytes], list[bytes]], initial: bool, proper: bool) -> None:  # noqa: FBT001, drawn
    found = classify(*pair, sentence_initial=initial, proper=proper)
    assert found.label in CLASSES
    assert found.label not in found.also
    assert len(set(found.also)) == len(found.also)


@given(pairs(), st.booleans())
def test_both_directions_are_of_one_class(pair: tuple[list[bytes], list[bytes]], initial: bool) -> None:  # noqa: FBT001, drawn
    there = classify(*pair, sentence_initial=initial)
    back = classify(*reversed(pair), sentence_initial=initial)
    one_way = {there.label, back.label} == {"E4", "E6"}  # a split at an affix is E6, its undoing is not
    assert there.label == back.label or one_way
    assert (there.cuts_added, there.cuts_removed) == (back.cuts_removed, back.cuts_added)
    assert (there.ws_in, there.ws_out, there.strict) == (back.ws_out, back.ws_in, back.strict)
    flipped = {"lost": "gained", "to_newline": "from_newline"}
    flipped |= {value: key for key, value in flipped.items()}
    if not one_way and there.label != "E6":
        assert back.detail == flipped.get(there.detail, there.detail)


@given(WORDS.flatmap(lambda word: st.tuples(cut(word), cut(word))))
def test_a_cut_word_without_white_space_is_never_a_change_of_white_space(pair: tuple[list[bytes], list[bytes]]) -> None:
    found = classify(*pair)
    assert found.strict
    assert found.label not in {"E1", "E2", "E3", "E9", "E11"}
    cuts = [set(accumulate(map(len, side[:-1]))) for side in pair]
    assert set(found.cuts_added) == cuts[1] - cuts[0]
    assert set(found.cuts_removed) == cuts[0] - cuts[1]
