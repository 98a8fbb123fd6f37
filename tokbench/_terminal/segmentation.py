"""How tokenizers cut a text, drawn with rich."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tokbench.errors import TokbenchError
from tokbench.tokenizers import Tokenizer

__all__ = ["Segment", "first_difference", "segment", "segmentation", "shown"]

# Black on pastel reads on dark and on light terminals; neighbours always differ.
_SHADES = ("#ffd6a5", "#b9e3c6", "#bcd7f5", "#f6c1d0", "#e3d2f7", "#e9e6a6")
_VISIBLE = {0x20: "·", 0x0A: "⏎", 0x0D: "␍", 0x09: "⇥", 0x00: "␀", 0x7F: "␡", 0xA0: "⍽", 0x3000: "□"}


@dataclass(frozen=True, slots=True)
class Segment:
    """One token of a segmentation.

    Attributes:
        id: Token id.
        kind: Its kind.
        data: Its bytes, or None where it stands for none.
        span: Half-open range in bytes of the text, or None where there are no spans.
    """

    id: int
    kind: str
    data: bytes | None
    span: tuple[int, int] | None


def segment(tokenizer: Tokenizer, text: str) -> list[Segment]:
    """The tokens of ``text`` under ``tokenizer``, text kept as text."""
    ids = tokenizer.encode(text)
    try:
        spans: Sequence[tuple[int, int] | None] = tokenizer.spans(text)
    except TokbenchError:
        spans = [None] * len(ids)
    segments = []
    for token_id, span in zip(ids, spans, strict=True):
        try:
            data = tokenizer.token_bytes(token_id)
        except TokbenchError:
            data = None
        segments.append(Segment(token_id, tokenizer.kind(token_id), data, span))
    return segments


def shown(data: bytes | None, kind: str = "normal") -> str:
    """Token bytes for a person: white space and controls visible, broken characters as hexadecimal."""
    if data is None:
        return f"<{kind}>"
    parts = []
    # surrogateescape keeps each byte that is not part of a whole character apart from the rest
    for character in data.decode("utf-8", "surrogateescape"):
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004, the range of surrogateescape
            parts.append(f"⟨{code - 0xDC00:02X}⟩")
        elif code in _VISIBLE:
            parts.append(_VISIBLE[code])
        elif not character.isprintable() or 0x202A <= code <= 0x202E:  # noqa: PLR2004, bidirectional controls
            parts.append(f"⟨U+{code:04X}⟩")
        else:
            parts.append(character)
    return "".join(parts).replace("⟩⟨", " ")


def _coloured(segments: Sequence[Segment], *, colour: bool) -> Text:
    text = Text(overflow="fold")
    for index, piece in enumerate(segments):
        if index and not colour:
            text.append("│")
        style = f"black on {_SHADES[index % len(_SHADES)]}" if colour else ""
        text.append(shown(piece.data, piece.kind), style=style)
        if piece.data and piece.data.endswith(b"\n"):
            text.append("\n")
    return text


def _details(segments: Sequence[Segment], *, ids: bool, data: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("#", justify="right", style="dim")
    table.add_column("token", overflow="fold")
    if ids:
        table.add_column("id", justify="right", style="cyan")
        table.add_column("kind", style="dim")
    if data:
        table.add_column("bytes", overflow="fold")
        table.add_column("span", justify="right", style="dim")
    for index, piece in enumerate(segments):
        row: list[RenderableType] = [str(index), Text(shown(piece.data, piece.kind))]
        if ids:
            row += [str(piece.id), piece.kind]
        if data:
            row.append("" if piece.data is None else piece.data.hex(" "))
            row.append("" if piece.span is None else f"{piece.span[0]}-{piece.span[1]}")
        table.add_row(*row)
    return table


def segmentation(
    tokenizer: Tokenizer, text: str, *, console: Console, ids: bool = False, data: bool = False
) -> RenderableType:
    """How ``tokenizer`` cuts ``text``: a coloured line, and on request a row per token."""
    segments = segment(tokenizer, text)
    size = len(text.encode("utf-8", "surrogatepass"))
    ratio = f", {size / len(segments):.2f} bytes/token" if segments else ""
    heading = Text(tokenizer.info.spec, style="bold")
    heading.append(f"  {len(segments)} tokens{ratio}", style="dim")
    if None not in (piece.span for piece in segments):
        broken = sum(1 for piece in segments if piece.data is not None and not _is_text(piece.data))
        if broken:
            heading.append(f", {broken} not UTF-8 alone", style="dim")
    parts: list[RenderableType] = [heading, _coloured(segments, colour=console.color_system is not None)]
    if ids or data:
        parts.append(_details(segments, ids=ids, data=data))
    return Group(*parts, "")


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def first_difference(segmentations: Iterable[Sequence[Segment]]) -> int | None:
    """Byte offset of the first cut that two segmentations of one text do not share, or None."""
    cuts = []
    for segments in segmentations:
        if None in (piece.span for piece in segments):
            return None
        cuts.append({piece.span[1] for piece in segments if piece.span is not None})
    unshared = [offset for one, other in pairwise(cuts) for offset in one ^ other]
    return min(unshared, default=None)
