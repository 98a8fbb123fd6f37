from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.laws.shrink import shrink


@pytest.mark.property
@given(st.text(max_size=20), st.text(min_size=1, max_size=3), st.text(max_size=20))
def test_what_is_kept_still_fails_and_is_minimal(before: str, needle: str, after: str) -> None:
    found = shrink(before + needle + after, lambda text: needle in text)
    assert found == needle


@pytest.mark.property
@given(st.lists(st.integers(0, 9), max_size=12))
def test_lists_of_ids_lose_what_does_not_matter(ids: list[int]) -> None:
    data = [*ids, 42, *ids]
    assert shrink(data, lambda candidate: 42 in candidate) == [42]


def test_members_of_tuples_shrink_one_by_one() -> None:
    found = shrink(("abc", b"xyz"), lambda pair: "b" in pair[0] and b"z" in pair[1])
    assert found == ("b", b"z")


def test_what_cannot_shrink_stays() -> None:
    assert shrink(None, lambda _: True) is None
    assert shrink(7, lambda number: number > 3) >= 4
    assert shrink("", lambda _: True) == ""
