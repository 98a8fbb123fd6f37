from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tokbench._terminal.progress import RunProgress
from tokbench._terminal.segmentation import first_difference, segment, segmentation, shown
from tokbench._terminal.tables import verdict_table
from tokbench.laws import Verdict
from tokbench.run import Event
from tokbench.tokenizers import load_tokenizer


def printed(renderable: object, *, colour: bool = False, width: int = 100) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="truecolor" if colour else None
    )
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b" a\n\t\x00", "·a⏎⇥␀"),
        (b"\xf0\x9f", "⟨F0 9F⟩"),
        ("é".encode()[1:] + b"x", "⟨A9⟩x"),
        ("\u202e\u200b".encode(), "⟨U+202E U+200B⟩"),
        (b"", ""),
        (None, "<special>"),
    ],
)
def test_bytes_are_shown_so_that_nothing_is_invisible(data: bytes | None, expected: str) -> None:
    assert shown(data, "special") == expected


@pytest.mark.property
@given(st.binary(max_size=12))
def test_what_is_shown_has_no_control_characters(data: bytes) -> None:
    assert all(character.isprintable() for character in shown(data))


def test_a_segmentation_without_colour_has_separators() -> None:
    tokenizer = load_tokenizer("bytes")
    console = Console(file=io.StringIO(), width=100, color_system=None)
    assert "a│·│b" in printed(segmentation(tokenizer, "a b", console=console))
    colourful = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="truecolor")
    assert "│" not in printed(segmentation(tokenizer, "a b", console=colourful), colour=True)


def test_special_text_that_looks_like_markup_is_shown_as_it_is() -> None:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    assert "[│b│o│l│d│]" in printed(segmentation(load_tokenizer("bytes"), "[bold]", console=console))
    table = printed(verdict_table([Verdict("round-trip", "fails", "[red]x[/red]", 3)]))
    assert "[red]x[/red]" in table


def test_the_first_cut_that_is_not_shared() -> None:
    raw, tiny = load_tokenizer("bytes"), load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
    text = "the end"
    assert first_difference([segment(raw, text), segment(raw, text)]) is None
    offset = first_difference([segment(raw, text), segment(tiny, text)])
    assert offset is not None
    ends = {piece.span[1] for piece in segment(tiny, text) if piece.span}
    assert offset not in ends
    assert all(end in ends for end in range(1, offset))


def test_progress_without_a_terminal_is_one_line_a_tokenizer() -> None:
    console = Console(file=io.StringIO(), width=80)
    with RunProgress(console) as progress:
        for event in (
            Event("started", "x", total=2), Event("part", "x", "law a"), Event("advanced", "x", done=1),
            Event("finished", "x"), Event("kept", "y"),
        ):  # fmt: skip
            progress.observe(event)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "finished x\nkept y\n"


def test_progress_on_a_terminal_names_what_is_being_done() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    with RunProgress(console) as progress:
        progress.observe(Event("started", "x", done=1, total=2))
        progress.observe(Event("part", "x", "law round-trip"))
        progress.observe(Event("advanced", "x", done=1))
        progress.observe(Event("finished", "x"))
        progress.observe(Event("kept", "y"))
    assert isinstance(console.file, io.StringIO)
    assert "2/2" in console.file.getvalue()
