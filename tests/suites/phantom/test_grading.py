"""Outcomes and flags of the grader on replies whose truth is known."""

from __future__ import annotations

import pytest
from phantom_items import BYTES, PIECES, TEXT, TINY, canonical_reply, cut, item, reply

from tokbench.errors import ItemError
from tokbench.models.completion import Completion
from tokbench.suites.phantom.grading import ItemResult, TargetResult, grade
from tokbench.suites.phantom.item import Item, Target


def only(found: ItemResult) -> TargetResult:
    (target,) = found.targets
    return target


def resegmented(text: str, word: str, pieces: list[str]) -> list[int]:
    """Ids of a text with other tokens for one word, the space before it among them."""
    ids, spans = TINY.encode(text), TINY.spans(text)
    at = len(text[: text.index(f" {word}")].encode())
    end = at + 1 + len(word)
    before = [id_ for id_, (_, stop) in zip(ids, spans, strict=True) if stop <= at]
    after = [id_ for id_, (start, _) in zip(ids, spans, strict=True) if start >= end]
    assert sum(stop - start for start, stop in spans if stop <= at or start >= end) + end - at == len(text.encode())
    return [*before, *cut(TINY, pieces), *after]


def test_the_same_ids_are_unchanged() -> None:
    asked = item(marking="ordinal")
    found = only(grade(asked, canonical_reply(TINY, TEXT), TINY))
    assert found.outcome.status == "UNCHANGED"
    assert found.said == " engineer"


def test_a_lost_mark_is_explained_by_the_context() -> None:
    found = only(grade(item(), canonical_reply(TINY, TEXT), TINY))
    flags = found.outcome.flags
    assert found.outcome.status == "DIFFERENT"
    assert flags is not None
    assert (flags.nu1_equal, flags.strict, flags.noncanonical_out, flags.context_explained) == (
        True,
        False,
        False,
        True,
    )
    assert not flags.strict_unexplained
    assert found.classified is not None
    assert found.kept_marks is False


def test_a_kept_mark_changes_nothing() -> None:
    asked = item()
    found = only(grade(asked, canonical_reply(TINY, asked.marked), TINY))
    assert (found.outcome.status, found.kept_marks) == ("UNCHANGED", True)


def test_equal_bytes_under_other_ids_without_a_reason() -> None:
    ids = resegmented(TEXT, "engineer", [" ", "e", "n", "g", "i", "n", "e", "e", "r"])
    found = grade(item(marking="ordinal"), reply(TEXT, ids), TINY)
    target = only(found)
    assert target.outcome.status == "DIFFERENT"
    assert target.outcome.flags is not None
    assert target.outcome.flags.strict_unexplained
    assert target.outcome.flags.noncanonical_out
    assert found.first_drift == TEXT.index(" engineer")
    assert target.classified is not None
    assert target.classified.strict


@pytest.mark.parametrize(
    ("said", "sub"),
    [("doctor", "OTHER"), ("Engineer", "CASE_ONLY"), ("young doctor", "MULTIWORD"), ("", "DELETED")],
)
def test_replacements(said: str, sub: str) -> None:
    text = TEXT.replace("engineer ", f"{said} " if said else "")
    found = grade(item(), canonical_reply(TINY, text), TINY)
    assert (only(found).outcome.status, only(found).outcome.sub) == ("REPLACED", sub)
    assert found.collateral == 0


def test_text_alone_is_graded_on_text() -> None:
    assert only(grade(item(), reply(TEXT), TINY)).outcome.status == "TEXT_SAME"
    assert only(grade(item(), reply(TEXT), None)).outcome.status == "TEXT_SAME"
    assert only(grade(item(), reply(TEXT.replace("engineer", "doctor")), None)).outcome.status == "REPLACED"
    assert grade(item(), reply(TEXT), TINY).problem


def test_unmarked_words_are_counted_apart() -> None:
    changed = TEXT.replace("light", "fire").replace("quick", "slow").replace("walked", "ran")
    found = grade(item(), canonical_reply(TINY, changed), TINY)
    assert (found.collateral, found.words) == (3, len(TEXT.split()) - 1)
    assert only(found).outcome.status == "DIFFERENT"  # as without the damage


@pytest.mark.parametrize(
    ("completion", "status", "reason"),
    [
        (Completion(status="error", problem="the server is down"), "INVALID", "the server is down"),
        (Completion(finish_reason="refused"), "INVALID", "the model refused to answer"),
        (reply("", ()), "LOST", "empty"),
        (reply("No.", TINY.encode("No.")), "LOST", "no_right_anchor"),
        (canonical_reply(TINY, f"{TEXT}\n{TEXT}"), "AMBIGUOUS", "ambiguous"),
        (
            Completion(text="The quick", ids=tuple(TINY.encode("The quick")), finish_reason="length"),
            "LOST",
            "truncated",
        ),
    ],
)
def test_no_place(completion: Completion, status: str, reason: str) -> None:
    outcome = only(grade(item(), completion, TINY)).outcome
    assert (outcome.status, outcome.reason) == (status, reason)


def test_ids_of_another_text_are_not_trusted() -> None:
    for ids in (TINY.encode(TEXT.replace("old", "new")), [*TINY.encode(TEXT), 10**9], [-1]):
        outcome = only(grade(item(), reply(TEXT, ids), TINY)).outcome
        assert outcome.status == "INVALID"
        assert outcome.reason


def test_over_bytes_no_phantom_edit_is_possible() -> None:
    asked = item(marking="ordinal")
    assert only(grade(asked, canonical_reply(BYTES, TEXT), BYTES)).outcome.status == "UNCHANGED"
    found = only(grade(item(), canonical_reply(BYTES, TEXT), BYTES)).outcome
    assert found.flags is not None
    assert not found.flags.strict


def test_an_inserted_space_is_no_part_of_the_text() -> None:
    asked = item("The", marking="ordinal")
    assert only(grade(asked, canonical_reply(PIECES, TEXT), PIECES)).outcome.status in {"UNCHANGED", "DIFFERENT"}
    later = item("house", marking="ordinal")
    assert only(grade(later, canonical_reply(PIECES, TEXT), PIECES)).outcome.status == "UNCHANGED"


def test_words_of_bytes_beyond_ascii() -> None:
    text = "Die müde Äbtissin öffnete das große Tor am späten Abend."
    asked = item("große", text=text, kind="accented")
    found = only(grade(asked, canonical_reply(TINY, text.replace("große", "kleine")), TINY))
    assert (found.outcome.status, found.said) == ("REPLACED", " kleine")
    same = only(grade(asked, canonical_reply(TINY, text.replace("große", "große")), TINY))
    assert same.said == " große"


def test_a_target_that_is_not_in_its_passage_is_refused() -> None:
    target = Target(word="castle", start=0, end=6, kind="common")
    with pytest.raises(ItemError, match="castle"):
        Item(
            item_id="x", stratum="common", frame="f", text=TEXT, targets=(target,), marking="copy", prompt=TEXT,
            marked=TEXT, passage=0,
        )  # fmt: skip
