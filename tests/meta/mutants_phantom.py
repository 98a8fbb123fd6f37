"""Planted bugs for the laws of the suite phantom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module

import phantom_laws as laws
import pytest
import regex
from phantom_items import PIECES, TEXT, TINY, item, reply

from tokbench.suites.phantom import grading, metrics, sides
from tokbench.suites.phantom._pieces import Pieces
from tokbench.suites.phantom.outcome import Outcome
from tokbench.suites.phantom.outcome import decide as decide_outcome
from tokbench.suites.phantom.sides import Side
from tokbench.suites.phantom.slices import Slice, Tokens, window_start

# functions of the package have the names of these two modules
classify = import_module("tokbench.suites.phantom.classify")
outcome = import_module("tokbench.suites.phantom.outcome")

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug, and the law that catches it."""

    plant: Plant
    law: Callable[[], None]


def _window_without_white_space(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(grading, "window_start", lambda _data, word, _least=0: word)


def _window_beyond_the_passage(patch: pytest.MonkeyPatch) -> None:
    before = window_start
    patch.setattr(grading, "window_start", lambda data, word, _least=0: before(data, word))


def _word_alone(patch: pytest.MonkeyPatch) -> None:
    """The tokenizer's own ids by encoding the word and nothing else."""

    def canonical(side: Side, start: int, end: int) -> bool | None:
        found = side.tokens.slice(start + side.offset, end + side.offset)
        return any(list(found.ids) == tokenizer.encode(found.data.decode()) for tokenizer in (TINY, PIECES))

    patch.setattr(Side, "canonical", canonical)


def _skipped(patch: pytest.MonkeyPatch) -> None:
    """All ids pass for those of the tokenizer."""
    patch.setattr(Side, "canonical", lambda _side, _start, _end: True)


def _as_text(patch: pytest.MonkeyPatch) -> None:
    """Ids are equal if they spell the same."""
    before = decide_outcome

    def decide(one: Slice, two: Slice | None, data: bytes, **known: bool | None) -> Outcome:
        if two is not None and one.data == two.data:
            two = replace(two, ids=one.ids)
        return before(one, two, data, **known)

    patch.setattr(grading, "decide", decide)


def _in_characters(patch: pytest.MonkeyPatch) -> None:
    def offsets(word: bytes) -> set[int]:
        text = word.decode("utf-8", "replace")
        size = len(text)
        if text.endswith(("'s", "’s")):
            return {size - 2, size - 1}
        return {size - 1} if text.endswith("s") else set()

    patch.setattr(classify, "_tail_offsets", offsets)


def _capitals_first(patch: pytest.MonkeyPatch) -> None:
    before = classify._holding

    def holding(one: Pieces, two: Pieces, changed: frozenset[int], **known: bool) -> list[tuple[str, str]]:
        found = before(one, two, changed, **known)
        return sorted(found, key=lambda entry: entry[0] != "E5")

    patch.setattr(classify, "_holding", holding)


def _newline_is_a_space(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(classify, "_newline", lambda _one, _two: "")


def _marks_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outcome, "_EDGES", regex.compile(r"^\s+|\s+$"))


def _unknown_is_false(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outcome, "_both", lambda one, two: bool(one and two))


def _lost_is_settled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(metrics, "_SETTLED", frozenset({*metrics._SETTLED, "LOST"}))


def _slices_not_clipped(patch: pytest.MonkeyPatch) -> None:
    """The bytes of the window are all bytes of its tokens."""
    before = Tokens.slice

    def whole(tokens: Tokens, start: int, end: int) -> Slice:
        places = tokens.between(start, end)
        if not places:
            return before(tokens, start, end)
        return before(tokens, tokens.cuts[places[0]], tokens.cuts[places[-1] + 1])

    patch.setattr(Tokens, "slice", whole)


def _prompt_is_raw(patch: pytest.MonkeyPatch) -> None:
    """Marks are taken for a part of the passage."""
    from tokbench.suites.phantom.item import Item

    patch.setattr(Item, "in_prompt", lambda entry, offset: entry.passage + offset)


def _inserted_space_is_text(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sides, "without_prefix", lambda tokens, _size: tokens)


def _renumbered() -> None:
    start = TEXT.index(" house")
    ids = laws.recut(TINY, TEXT, start, start + 6, [" ", "h", "ou", "s", "e"])
    places = range(len(TINY.byte_vocabulary()))
    laws.ids_stay_private(places[::-1], reply(TEXT, ids), item("house", marking="ordinal"))


def _ids_as_numbers(patch: pytest.MonkeyPatch) -> None:
    """Ids are put in order before they are compared."""
    before = Tokens.slice

    def ordered(tokens: Tokens, start: int, end: int) -> Slice:
        found = before(tokens, start, end)
        pairs = sorted(zip(found.ids, found.pieces, strict=True))
        return replace(found, ids=tuple(id_ for id_, _ in pairs), pieces=tuple(piece for _, piece in pairs))

    patch.setattr(Tokens, "slice", ordered)


MUTANTS: dict[str, Mutant] = {
    "window-without-white-space": Mutant(_window_without_white_space, laws.window_holds_white_space),
    "window-beyond-the-passage": Mutant(_window_beyond_the_passage, laws.window_ends_at_the_passage),
    "marks-part-of-the-passage": Mutant(_prompt_is_raw, laws.window_ends_at_the_passage),
    "word-encoded-alone": Mutant(_word_alone, laws.own_ids_come_from_whole_texts),
    "inserted-space-is-text": Mutant(_inserted_space_is_text, laws.inserted_space_is_no_text),
    "canonical-slices-skipped": Mutant(_skipped, laws.other_ids_have_no_reason),
    "ids-compared-as-text": Mutant(_as_text, laws.other_ids_have_no_reason),
    "ids-in-order-of-number": Mutant(_ids_as_numbers, _renumbered),
    "slices-not-clipped": Mutant(_slices_not_clipped, laws.pieces_end_at_the_window),
    "tails-in-characters": Mutant(_in_characters, laws.tails_are_counted_in_bytes),
    "capitals-before-tails": Mutant(_capitals_first, laws.steps_have_their_order),
    "line-break-is-a-space": Mutant(_newline_is_a_space, laws.steps_have_their_order),
    "marks-part-of-a-word": Mutant(_marks_count, laws.marks_are_no_part_of_a_word),
    "unknown-counts-as-unexplained": Mutant(_unknown_is_false, laws.unknown_is_no_finding),
    "lost-counts-as-settled": Mutant(_lost_is_settled, laws.lost_targets_are_in_no_rate_of_settled_ones),
}
