"""What must hold of every grade: laws of the suite phantom, over replies whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from phantom_items import PIECES, TEXT, TINY, canonical_reply, cut, item, reply

from tokbench.models.completion import Completion
from tokbench.suites.phantom.answers import rows_of
from tokbench.suites.phantom.classify import classify
from tokbench.suites.phantom.grading import TargetResult, grade
from tokbench.suites.phantom.item import Item
from tokbench.suites.phantom.metrics import phantom_metrics
from tokbench.suites.phantom.outcome import decide, nu1
from tokbench.suites.phantom.slices import Tokens
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.description import Kind


def only(entry: Item, completion: Completion, tokenizer: Tokenizer | None) -> TargetResult:
    (target,) = grade(entry, completion, tokenizer).targets
    return target


def recut(tokenizer: Tokenizer, text: str, start: int, end: int, pieces: Sequence[str]) -> list[int]:
    """The tokenizer's ids of a text with other tokens for the bytes ``start`` to ``end``, both edges of tokens."""
    found = list(zip(tokenizer.encode(text), tokenizer.spans(text), strict=True))
    left = [id_ for id_, (_, last) in found if last <= start]
    right = [id_ for id_, (first, _) in found if first >= end]
    return [*left, *cut(tokenizer, pieces), *right]


class Renumbered:
    """A tokenizer whose ids are those of another, permuted; only what the grader asks for."""

    def __init__(self, tokenizer: Tokenizer, places: Sequence[int]) -> None:
        self.info = tokenizer.info
        self._old = tokenizer
        ids = tokenizer.byte_vocabulary().ids.tolist()
        self._new = {id_: int(ids[place]) for id_, place in zip(ids, places, strict=True)}
        self._back = {new: old for old, new in self._new.items()}

    def renumber(self, ids: Sequence[int]) -> list[int]:
        return [self._new[id_] for id_ in ids]

    def encode(self, text: str) -> list[int]:
        return self.renumber(self._old.encode(text))

    def spans(self, text: str) -> list[tuple[int, int]]:
        return self._old.spans(text)

    def token_bytes(self, id_: int) -> bytes:
        return self._old.token_bytes(self._back[id_])

    def kind(self, id_: int) -> Kind:
        return self._old.kind(self._back[id_])


# ---------------------------------------------------------------------- laws


def window_holds_white_space() -> None:
    """A word that lost its space is not the word that had one."""
    start = TEXT.index(" engineer")
    glued = TEXT.replace(" engineer", "engineer")
    left, right = TINY.encode(TEXT[:start]), TINY.encode(TEXT[start + 9 :])
    found = only(item(marking="ordinal"), reply(glued, [*left, *cut(TINY, "engineer"), *right]), TINY)
    assert found.said == "engineer"
    assert found.outcome.flags is not None
    assert not found.outcome.flags.strict


def window_ends_at_the_passage() -> None:
    """White space before the passage belongs to the prompt, and a mark ends the run before a word."""
    first = only(item("The", marking="ordinal"), canonical_reply(TINY, TEXT), TINY)
    assert first.before is not None
    assert first.before.data == b"The"
    marked = only(item(), canonical_reply(TINY, TEXT), TINY)
    assert marked.before is not None
    assert marked.before.data == b"engineer"


def own_ids_come_from_whole_texts() -> None:
    """What the tokenizer gives for a word in its text, whatever it gives for the word alone."""
    for tokenizer in (TINY, PIECES):
        for word in ("engineer", "house", "window"):
            found = only(item(word, marking="ordinal"), canonical_reply(tokenizer, TEXT), tokenizer)
            assert found.outcome.flags is not None
            assert found.outcome.flags.noncanonical_out is False
            assert found.outcome.flags.context_explained is True


def other_ids_have_no_reason() -> None:
    """Equal bytes under ids that the tokenizer would not give are the headline."""
    start = TEXT.index(" house")
    ids = recut(TINY, TEXT, start, start + 6, [" ", "h", "o", "u", "s", "e"])
    found = only(item("house", marking="ordinal"), reply(TEXT, ids), TINY)
    assert found.outcome.status == "DIFFERENT"
    assert found.outcome.flags is not None
    assert (found.outcome.flags.strict, found.outcome.flags.strict_unexplained) == (True, True)
    assert found.outcome.flags.noncanonical_out is True


def tails_are_counted_in_bytes() -> None:
    found = classify([b" dog", "’s".encode()], [b" dog", "’".encode(), b"s"])
    assert found.label == "E8"


def steps_have_their_order() -> None:
    """Acronyms before tails before capitals before affixes; white space before all of them."""
    assert classify([b" HIVS"], [b" HIV", b"S"]).label == "E7"
    assert classify([b" Clements"], [b" Clement", b"s"]).label == "E8"
    assert classify([b" Undone"], [b" Un", b"done"]).label == "E5"
    assert classify([b" undone"], [b"\n", b"un", b"done"]).label == "E3"
    assert classify([b" a"], [b"\n", b"a"]).label == "E3"


def marks_are_no_part_of_a_word() -> None:
    assert nu1(" “engineer”\n") == nu1("[engineer]") == "engineer"
    text = TEXT.replace("engineer", "“engineer”")
    assert only(item(marking="ordinal"), canonical_reply(TINY, text), TINY).said == "engineer"


def inserted_space_is_no_text() -> None:
    """The first word of a reply begins where the reply does, in whatever token."""
    found = only(item("The", marking="ordinal"), canonical_reply(PIECES, TEXT), PIECES)
    assert found.after is not None
    assert b"".join(found.after.pieces) == b"The"
    assert found.outcome.flags is not None
    assert (found.outcome.flags.noncanonical_out, found.outcome.flags.context_explained) == (False, True)


def pieces_end_at_the_window() -> None:
    """A token that reaches beyond an edge has its bytes inside, and says so."""
    found = Tokens((1, 2), (0, 5, 7), b"([Guy].").slice(2, 5)
    assert (found.ids, found.pieces, found.data, found.fused) == ((1,), (b"Guy",), b"Guy", True)


def unknown_is_no_finding() -> None:
    """Where the tokenizer's own ids are not known nothing is unexplained."""
    tokens = Tokens((1,), (0, 1), b"a")
    one, two = tokens.slice(0, 1), Tokens((2,), (0, 1), b"a").slice(0, 1)
    found = decide(one, two, b"a", canonical_in=True, canonical_out=None)
    assert found.status == "DIFFERENT"
    assert found.flags is not None
    assert not found.flags.strict_unexplained
    assert found.flags.noncanonical_out is None


def lost_targets_are_in_no_rate_of_settled_ones() -> None:
    entry = item(marking="ordinal")
    samples = []
    for completion in (canonical_reply(TINY, TEXT), reply("", ()), canonical_reply(TINY, "No.")):
        samples += rows_of(entry, completion, grade(entry, completion, TINY))
    found = {row.metric: row for row in phantom_metrics(samples) if row.filter == "ordinal"}
    assert (found["paper_rate"].n, found["paper_rate"].n_invalid) == (1, 2)
    assert found["paper_rate_of_all"].n == 3


def ids_stay_private(places: Sequence[int], completion: Completion, entry: Item) -> None:
    """Renumbering the ids changes nothing but the ids."""
    other = Renumbered(TINY, places)
    assert completion.ids is not None
    said = reply(completion.text, other.renumber(completion.ids))
    here, there = only(entry, completion, TINY), only(entry, said, cast("Tokenizer", other))
    assert (here.outcome, here.classified, here.said) == (there.outcome, there.classified, there.said)
    assert here.before is not None
    assert there.before is not None
    assert here.before.pieces == there.before.pieces
    assert (here.after and here.after.pieces) == (there.after and there.after.pieces)
