"""Files of known failures: what is written is read, and a pattern means only what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench._plugin.expected import Expectation, Expectations, format_expectations, parse_expectations, unmatched

PART = st.text(st.sampled_from("abz019.-_*[]?+$(\\"), min_size=1, max_size=8)
PATTERN = st.lists(PART, min_size=1, max_size=4).map("::".join)
WORD = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=8)
REASON = st.lists(WORD, min_size=1, max_size=4).map(lambda words: f"https://example.org/{' '.join(words)}")
ENTRIES = st.lists(st.builds(Expectation, PATTERN, REASON), max_size=5)


@pytest.mark.property
@given(ENTRIES)
def test_what_is_written_is_read(entries: list[Expectation]) -> None:
    assert list(parse_expectations(format_expectations(entries), "known.txt", links=True)) == entries


@pytest.mark.property
@given(PART, PART, PART)
def test_a_star_stays_inside_its_part(tokenizer: str, other: str, law: str) -> None:
    entry = Expectation(f"tokbench::{tokenizer}::*", "https://example.org")
    assert entry.matches(f"tokbench::{tokenizer}::{law}")
    assert not entry.matches(f"tokbench::{tokenizer}::{law}::more")
    if "*" not in tokenizer and other != tokenizer:
        assert not entry.matches(f"tokbench::{other}::{law}")
    assert Expectation(f"tokbench::*::{law}", "https://example.org").matches(f"tokbench::{other}::{law}")


@pytest.mark.property
@given(ENTRIES, PATTERN)
def test_looking_up_is_trying_each(entries: list[Expectation], nodeid: str) -> None:
    found = Expectations(entries).of(nodeid)
    assert sorted(found, key=str) == sorted((entry for entry in entries if entry.matches(nodeid)), key=str)


def test_every_mistake_is_named_at_once() -> None:
    text = "# fine\n\ntokbench::a::b\ntokbench::a::c # because\ntokbench::a::d # https://example.org\nx y # z\n"
    with pytest.raises(pytest.UsageError, match=r"known.txt: line 3: .*; line 4: .*; line 6: ") as caught:
        parse_expectations(text, "known.txt", links=True)
    assert "line 5" not in str(caught.value)


def test_a_skip_needs_a_reason_and_no_link() -> None:
    (entry,) = parse_expectations("tokbench::a::c # because\n", "skips.txt", links=False)
    assert entry == Expectation("tokbench::a::c", "because")
    with pytest.raises(pytest.UsageError, match="needs a reason"):
        parse_expectations("tokbench::a::c\n", "skips.txt", links=False)


def test_lines_on_other_tests_are_nobody_elses_business() -> None:
    entries = [Expectation("test_mine.py::TestMine::test_law[pure]", "https://example.org")]
    assert unmatched(entries, ["tokbench::bytes::pure"]) == []
    assert entries[0].matches("test_mine.py::TestMine::test_law[pure]")
