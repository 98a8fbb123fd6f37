"""Where a target is in a reply."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.suites.phantom.replies import Aligned, align, locate, split_words

PASSAGE = "The quick engineer walked to the old house. Nobody saw the light in the window."


def place(reply: str, word: str = "engineer", passage: str = PASSAGE, **more: bool) -> str:
    """Status, or the text that stands for the word."""
    aligned = Aligned.of(passage, reply)
    texts = [entry.text for entry in aligned.passage]
    wanted = [entry.text for entry in split_words(word)]
    at = next(at for at in range(len(texts)) if texts[at : at + len(wanted)] == wanted)
    found = locate(aligned, at, at + len(wanted), **more)
    if found.status != "found":
        return f"<{found.status}>"
    return " ".join(entry.text for entry in aligned.reply[found.start : found.end])


def test_words() -> None:
    assert [word.text for word in split_words("Don't [stop] max_value x2, 你好 naïve é")] == [
        "Don't", "stop", "max", "value", "x2", "你", "好", "naïve", "é",
    ]  # fmt: skip
    assert [word.text for word in split_words("go 👍🏽 or 👩‍💻!")] == ["go", "👍🏽", "or", "👩‍💻"]


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (PASSAGE, "engineer"),
        (PASSAGE.replace("engineer", "[engineer]"), "engineer"),
        (PASSAGE.replace("engineer", "doctor"), "doctor"),
        (PASSAGE.replace("engineer", "young doctor"), "young doctor"),
        (PASSAGE.replace("quick engineer", "quick"), ""),
        (PASSAGE.replace("quick engineer", "slow doctor"), "doctor"),
        (PASSAGE.replace("engineer walked", "doctor ran"), "doctor"),
        (PASSAGE.replace("quick engineer", "quickengineer"), "engineer"),
        (PASSAGE.replace("engineer walked", "engineerwalked"), "engineer"),
        (f"Sure, here is the text:\n\n{PASSAGE}\n\nAnything else?", "engineer"),
        (f"{PASSAGE}\n{PASSAGE}", "<ambiguous>"),
        ("", "<empty>"),
        ("I cannot help with that.", "<no_right_anchor>"),
        ("The quick one two three four five six seven eight nine walked to the old house.", "<no_right_anchor>"),
    ],
)
def test_places(reply: str, found: str) -> None:
    assert place(reply) == found


def test_a_reply_that_was_cut_off_lost_what_is_behind() -> None:
    assert place("The quick", truncated=True) == "<truncated>"
    assert place("The quick engineer walked to", truncated=True) == "engineer"


@pytest.mark.parametrize(("word", "found"), [("The", "A"), ("window", "dark")])
def test_the_edges_of_a_passage_are_anchors(word: str, found: str) -> None:
    changed = PASSAGE.replace("The", "A", 1) if word == "The" else PASSAGE.replace("window", "dark")
    assert place(changed, word) == found
    assert place(f"Here you are:\n{changed}\nDone.", word) == found


def test_words_outside_the_anchors_do_not_matter() -> None:
    assert place(f"{PASSAGE} And then some more of it.") == "engineer"
    assert place(PASSAGE.replace("window", "garden").replace("Nobody", "Somebody")) == "engineer"


WORDS = st.lists(st.sampled_from("abc"), max_size=7)


@pytest.mark.property
@given(WORDS, WORDS)
def test_the_alignment_is_the_leftmost_of_the_longest(one: list[str], two: list[str]) -> None:
    found = align(one, two)
    pairs = [(at, partner) for at, partner in enumerate(found) if partner is not None]
    assert all(one[at] == two[partner] for at, partner in pairs)
    assert all(left[1] < right[1] for left, right in pairwise(pairs))
    longest = next(
        size
        for size in range(min(len(one), len(two)), -1, -1)
        if {tuple(one[at] for at in chosen) for chosen in combinations(range(len(one)), size)}
        & {tuple(two[at] for at in chosen) for chosen in combinations(range(len(two)), size)}
    )
    assert len(pairs) == longest


def test_a_left_anchor_that_comes_up_before_is_no_second_place() -> None:
    assert place(PASSAGE.replace("saw", "zqzq"), "light") == "light"
    assert place(f"{PASSAGE} {PASSAGE}", "light") == "<ambiguous>"


def test_two_words_of_another_text_are_no_passage_without_its_word() -> None:
    passage = "The linter says that path_count is unused in this file."
    assert place("Sorry, that is beyond me.", "path_count", passage) == "<no_right_anchor>"
    assert place("The linter says that is unused in this file.", "path_count", passage) == ""
