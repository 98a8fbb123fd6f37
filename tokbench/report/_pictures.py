"""Texts cut into tokens, from the rows of the runs alone: no tokenizer is ever loaded for a page."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from tokbench.report._format import count, label
from tokbench.report._groups import Entry, Group
from tokbench.report._view import Picture, Piece
from tokbench.results import Sample

__all__ = ["between", "from_hex", "picture", "piece_text", "pieces", "shortened", "tokenizer_pictures"]

MOST_PIECES = 24
"""Tokens of a picture that are drawn; a page may hold fifty tokenizers."""

_LONGEST = 48
_BROKEN = re.compile("([\udc80-\udcff]+)")
_MARKS = {" ": "·", "\t": "⇥", "\n": "⏎", "\r": "␍"}
_UNREADABLE = "its tokens cannot be read"


def shortened(text: str, longest: int = _LONGEST) -> str:
    """A text of at most so many characters; of a longer one the beginning and an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def piece_text(data: bytes) -> str:
    r"""Bytes of a token as text in which nothing is invisible.

    White space has marks, bytes that are no whole character stand in brackets as hexadecimal digits, and characters
    that do not show themselves alone (controls, directions, combining marks) are escaped.

    >>> piece_text(b" caf\xc3\xa9\xe2\x96")
    '·café⟨E2 96⟩'
    """
    # surrogateescape keeps each byte that is not part of a whole character apart from the rest
    parts = _BROKEN.split(data.decode("utf-8", "surrogateescape"))
    shown = [
        f"⟨{' '.join(f'{ord(char) - 0xDC00:02X}' for char in part)}⟩" if place % 2
        else "".join(_MARKS.get(char) or label(char) for char in part)
        for place, part in enumerate(parts)
    ]  # fmt: skip
    return "".join(shown)


def _whole(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def pieces(
    data: Sequence[bytes | None],
    ids: Sequence[int] | None = None,
    *,
    kinds: Sequence[object] = (),
    marked: Collection[int] = (),
) -> list[Piece]:
    """Tokens as pieces of a picture.

    Args:
        data: Bytes of each token, None for one that stands for none.
        ids: Their ids, or None where they are not known.
        kinds: What they are, for those without bytes.
        marked: Places of those that the picture is about.
    """
    found = []
    for place, token in enumerate(data):
        if token is None:
            text, partial = f"<{label(str(kinds[place])) if place < len(kinds) else 'no bytes'}>", False
        else:
            text, partial = piece_text(token), not _whole(token)
        token_id = ids[place] if ids is not None and place < len(ids) else None
        found.append(Piece(shortened(text), token_id, partial, place in marked))
    return found


def between(text: str) -> Piece:
    """What stands between the tokens of a picture and is none itself: an operator, an arrow."""
    return Piece(f" {text} ", between=True)


def picture(title: str, found: Sequence[Piece], *notes: str, most: int = MOST_PIECES) -> Picture:
    """A picture with as many pieces as are drawn; where there are more, its note says so."""
    kept = list(found)
    if len(found) > most + 1:  # the note costs as much as one piece
        kept = kept[:most]
        notes = (*notes, f"The first {most} of {len(found)} pieces are drawn.")
    return Picture(shortened(label(title), 120), kept, " ".join(note for note in notes if note))


def from_hex(value: object) -> list[bytes | None] | None:
    """Bytes of tokens as a row keeps them; None where they are not there or cannot be read."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    try:
        return [None if token is None else bytes.fromhex(str(token)) for token in value]
    except ValueError:
        return None


# ---------------------------------------------------------------------- tokenizers


def _sentence(text: str) -> str:
    """A note of a record as a sentence."""
    text = label(text).strip()
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."


def _difference(row: Sample, data: Sequence[bytes | None], detail: Mapping[str, object]) -> str:
    """What the tokens hold beside the text or instead of it, or nothing."""
    text = _encoded(row.gold or "")
    joined = b"".join(token or b"" for token in data)
    decoded = detail.get("decoded")
    if row.outcome != "correct":
        if isinstance(decoded, str):
            return f"The bytes of the tokens are not the text; they decode to “{piece_text(_encoded(decoded))}”."
        return _sentence(row.message or _UNREADABLE)
    if joined != text and joined.endswith(text):
        return f"“{piece_text(joined[: len(joined) - len(text)])}” in front was inserted."
    return ""


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _of_row(row: Sample) -> Picture:
    detail: Mapping[str, object] = row.detail or {}
    title = str(detail.get("title") or row.item_id.partition("/")[2])
    data = from_hex(detail.get("bytes"))
    if data is None:
        return picture(title, [], _sentence(f"No picture: {row.message or _UNREADABLE}"))
    kinds = detail.get("kinds")
    known = kinds if isinstance(kinds, Sequence) and not isinstance(kinds, str) else ()
    tokens = f"{count(len(data))} token{'s' * (len(data) != 1)}."
    return picture(title, pieces(data, row.ids, kinds=known), tokens, _difference(row, data, detail))


def _in_order(entry: Entry) -> list[Sample]:
    def order(row: Sample) -> tuple[int, str]:
        place = (row.detail or {}).get("place")
        return (place if isinstance(place, int) else 0, repr(row))

    return sorted(entry.with_prefix("picture/"), key=order)


def tokenizer_pictures(entry: Entry) -> list[Picture]:
    """The telling texts of a run of the suite exactness, in their order."""
    return [_of_row(row) for row in _in_order(entry)]


def telling(found: Iterable[Group]) -> list[tuple[str, str]]:
    """For each telling text of some run its title and what to see in it, once: the pictures do not repeat it."""
    said: dict[tuple[str, str], None] = {}
    for group in found:
        for entry in group.entries:
            for row in _in_order(entry):
                detail = row.detail or {}
                see = _sentence(str(detail.get("see") or ""))
                if see:
                    said[_of_row(row).title, see] = None
    return list(said)
