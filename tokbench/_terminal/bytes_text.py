"""Drawn text in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.text import Text

from tokbench._terminal.bytes_next import about
from tokbench.bytelevel import ByteCompletion, ByteModel

__all__ = ["completions", "completions_json", "drawn", "drawn_json", "readable"]


def readable(data: bytes) -> str:
    """Bytes as text; what is no UTF-8, and controls other than newline and tab, as escapes."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() or character in "\n\t" else ascii(character)[1:-1] for character in text
    )


def drawn(prompt: bytes, found: Sequence[ByteCompletion]) -> RenderableType:
    """Each continuation behind its prompt, with why it ended and what it cost."""
    lines: list[RenderableType] = []
    for entry in found:
        size = max(1, len(entry.data))
        facts = (
            f"{entry.finish_reason} · {len(entry.data)} bytes · {entry.logprob:.3f} nats · "
            f"{entry.positions / size:.2f} positions and {entry.forwards / size:.2f} calls a byte"
        )
        if entry.proposed:
            facts += f" · {entry.used} of {entry.proposed} guesses used"
        lines += [Text.assemble((readable(prompt), "dim"), readable(entry.data)), Text(facts, style="dim"), Text("")]
    return Group(*lines[:-1])


def completions(model: ByteModel, prompt: bytes, found: Sequence[ByteCompletion]) -> RenderableType:
    """Continuations below a line on the model that drew them."""
    return Group(about(model), Text(""), drawn(prompt, found))


def drawn_json(found: Sequence[ByteCompletion]) -> list[dict[str, object]]:
    """For a program: bytes as text and in hexadecimal."""
    return [{**asdict(entry), "data": entry.data.hex(), "text": entry.text} for entry in found]


def completions_json(model: ByteModel, prompt: bytes, found: Sequence[ByteCompletion]) -> dict[str, object]:
    """Continuations with the settings they were drawn under."""
    return {"prompt": prompt.hex(), **model.settings, "completions": drawn_json(found)}
