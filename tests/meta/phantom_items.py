"""Small items of the suite phantom and replies to them, for the tests of its grader."""

from __future__ import annotations

from collections.abc import Sequence

from tokbench.models.completion import Completion
from tokbench.suites.phantom.item import Item, Kind, Marking, Target
from tokbench.tokenizers import Tokenizer, load_tokenizer

TINY = load_tokenizer("hf:@tiny.json")
PIECES = load_tokenizer("sentencepiece:@tiny.model")
BYTES = load_tokenizer("bytes")

TEXT = "The quick engineer walked to the old house. Nobody saw the light in the window."


def item(
    word: str = "engineer", *, text: str = TEXT, marking: Marking = "bracket", kind: Kind = "common", at: int = 0
) -> Item:
    """A passage with one target, the ``at``-th occurrence of ``word``."""
    place = -1
    for _ in range(at + 1):
        place = text.index(word, place + 1)
    start = len(text[:place].encode())
    target = Target(word=word, start=start, end=start + len(word.encode()), kind=kind, sentence_initial=place == 0)
    marked, marks = text, ()
    if marking == "bracket":
        marked = f"{text[:place]}[{word}]{text[place + len(word) :]}"
        close = start + 1 + len(word.encode())
        marks = ((start, start + 1), (close, close + 1))  # type: ignore[assignment] # two marks
    head = "Replace the marked words.\n\n"
    return Item(
        item_id=f"phantom-1/{kind}/0/{marking}", stratum=kind, frame="test", text=text, targets=(target,),
        marking=marking, prompt=f"{head}{marked}\n\n", marked=marked, passage=len(head), marks=marks,
    )  # fmt: skip


def reply(text: str, ids: Sequence[int] | None = None, **more: object) -> Completion:
    return Completion(text=text, ids=None if ids is None else tuple(ids), finish_reason="stop", **more)  # type: ignore[arg-type] # fields


def canonical_reply(tokenizer: Tokenizer, text: str) -> Completion:
    return reply(text, tokenizer.encode(text))


def cut(tokenizer: Tokenizer, pieces: Sequence[str | bytes]) -> list[int]:
    """Ids of the tokens with these bytes."""
    vocabulary = tokenizer.byte_vocabulary()
    ids = []
    for piece in pieces:
        data = piece.encode() if isinstance(piece, str) else piece
        found = [id_ for id_ in vocabulary.starting_with(data) if tokenizer.token_bytes(int(id_)) == data]
        ids.append(int(found[0]))
    return ids
