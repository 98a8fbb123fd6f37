from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.suites.exactness._shrink import shrink_ids, shrink_text


@pytest.mark.property
@given(st.text(), st.text(), st.text("xyz", min_size=1, max_size=3))
def test_a_needle_is_all_that_is_left(before: str, after: str, needle: str) -> None:
    assert shrink_text(before + needle + after, lambda text: needle in text) == needle


@pytest.mark.property
@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_ids_are_deleted_never_replaced(before: list[int], after: list[int]) -> None:
    found = shrink_ids([*before, 77, *after, 88], lambda ids: 77 in ids and 88 in ids)
    assert found == (77, 88)


def test_characters_become_simple() -> None:
    assert shrink_text("Žluťoučký kůň", lambda text: len(text) >= 3) == "aaa"
    assert shrink_text("x-1", lambda text: any(character.isdigit() for character in text)) == "0"


def test_effort_is_limited() -> None:
    calls = 0

    def fails(text: str) -> bool:
        nonlocal calls
        calls += 1
        return len(text) % 7 == 3 and len({*text}) > 1

    text = "".join(chr(0x4E00 + index) for index in range(2453))
    assert fails(shrink_text(text, fails))
    assert calls <= 3002


def test_what_only_fails_whole_stays_whole() -> None:
    assert shrink_text("abc", lambda text: text == "abc") == "abc"
    assert shrink_text("", lambda text: True) == ""
