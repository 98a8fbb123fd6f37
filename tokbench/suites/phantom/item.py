"""One question of the suite: a passage, the words in it that are to be replaced, and how they are marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tokbench.errors import ItemError

__all__ = ["KINDS", "MARKINGS", "Item", "Kind", "Marking", "Target"]

Kind = Literal[
    "common", "initial", "plural", "possessive", "proper", "acronym", "affixed", "code",
    "accented", "cyrillic", "arabic", "devanagari", "cjk", "emoji",
]  # fmt: skip
"""What a target is an example of; also the name of its stratum."""

Marking = Literal["bracket", "ordinal", "copy", "quoted", "offsets"]
"""How the model is told which words are meant: in square brackets; by their number; not at all, the passage is to be
repeated (control); quoted on a line of their own; by the offsets of their characters."""

KINDS: tuple[Kind, ...] = get_args(Kind)
MARKINGS: tuple[Marking, ...] = get_args(Marking)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A word that is to be replaced.

    Attributes:
        word: The word.
        start: Its first byte in the unmarked passage.
        end: The byte behind its last.
        kind: What it is an example of.
        sentence_initial: Whether it begins a sentence.
        proper: Whether it is in the list of proper nouns.
    """

    word: str
    start: int
    end: int
    kind: Kind
    sentence_initial: bool = False
    proper: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A passage with its targets under one marking.

    Attributes:
        item_id: ``phantom-1/<stratum>/<i>/<marking>``.
        stratum: Kind of its targets, or ``article``.
        frame: Name of the frame or article that it is made from; items of one frame are not independent.
        text: The unmarked passage.
        targets: The words to replace, in order.
        marking: How they are marked.
        prompt: What is sent, the passage inside it.
        marked: The passage as it stands in the prompt.
        passage: Byte of the prompt at which that begins.
        marks: Spans in bytes of ``marked`` that are marks and no part of the passage, in order.

    Raises:
        ItemError: If a target is not the word at its place, or the marks do not leave the passage.
    """

    item_id: str
    stratum: str
    frame: str
    text: str
    targets: tuple[Target, ...]
    marking: Marking
    prompt: str
    marked: str
    passage: int
    marks: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        data, marked = self.text.encode(), self.marked.encode()
        for target in self.targets:
            if data[target.start : target.end] != target.word.encode():
                problem = f"bytes {target.start} to {target.end} are not {target.word!a}"
                raise ItemError(self.item_id, problem)
        left, at = b"", 0
        for start, end in self.marks:
            left, at = left + marked[at:start], end
        if left + marked[at:] != data:
            raise ItemError(self.item_id, "without its marks the passage is another one")
        if self.prompt.encode()[self.passage : self.passage + len(marked)] != marked:
            raise ItemError(self.item_id, f"the passage does not stand at byte {self.passage} of the prompt")

    def in_prompt(self, offset: int) -> int:
        """Place in the prompt, in bytes, of a byte of the unmarked passage (the mark before it comes first)."""
        place = offset
        for start, end in self.marks:
            if start > place:
                break
            place += end - start
        return self.passage + place
