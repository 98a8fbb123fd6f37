"""A hole in a file, filled in in several ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tokbench._terminal.bytes_next import about, shown_prompt
from tokbench._terminal.bytes_text import readable
from tokbench.bytelevel import ByteModel
from tokbench.bytelevel.infill import Filled, Layout, Row
from tokbench.bytelevel.infill import infill as fill
from tokbench.errors import OptionError

__all__ = ["InfillView"]


@dataclass(frozen=True, slots=True, eq=False)
class InfillView:
    """A hole and what was put in.

    Attributes:
        model: The byte model of the row ``exact``.
        prefix: Bytes in front of the hole.
        gold: What was there.
        layout: Order of the segments.
        found: One entry for each row.
    """

    model: ByteModel
    prefix: bytes
    gold: bytes
    layout: str
    found: Sequence[Filled]

    @classmethod
    def of(
        cls, model: ByteModel, data: bytes, first: int, last: int, *, layout: str, family: str | None,
        rows: Sequence[str], max_bytes: int, stop: Sequence[bytes], k: int,
    ) -> InfillView:  # fmt: skip
        """Fill in the bytes ``first .. last - 1``."""
        if model.tokenizer is None:
            raise OptionError("tokenizer", None, "a tokenizer")
        found = fill(
            model.model, model.tokenizer, data[:first], data[last:], layout=cast("Layout", layout), family=family,
            rows=cast("Sequence[Row]", rows), gold=data[first:last], max_bytes=max_bytes, stop=stop, k=k,
        )  # fmt: skip
        return cls(model, data[:first], data[first:last], layout, found)

    def render(self) -> RenderableType:
        """For a terminal."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column("row", no_wrap=True, style="bold")
        table.add_column("filled in", overflow="fold")
        table.add_column("as it was", no_wrap=True)
        for head in ("bits", "calls", "positions"):
            table.add_column(head, justify="right")
        for entry in self.found:
            match = "" if entry.exact_match is None else "yes" if entry.exact_match else "no"
            bits = (
                ""
                if entry.gold_bits is None
                else f"{entry.gold_bits:.2f}"
                if math.isfinite(entry.gold_bits)
                else "impossible"
            )
            table.add_row(entry.row, readable(entry.output), match, bits, str(entry.forwards), str(entry.positions))
        head = f"layout {self.layout} · behind {shown_prompt(self.prefix)} · there was {shown_prompt(self.gold)}"
        note = Text("bits: of what was there, given the text in front, read in this way", style="dim")
        return Group(about(self.model), Text(head, style="dim"), "", table, "", note)

    def as_json(self) -> dict[str, object]:
        """For a program."""
        rows = []
        for entry in self.found:
            bits = entry.gold_bits
            rows.append({**asdict(entry), "output": entry.output.hex(), "text": entry.output.decode("utf-8", "replace"),
                         "gold_bits": bits if bits is not None and math.isfinite(bits) else None})  # fmt: skip
        return {**self.model.settings, "layout": self.layout, "gold": self.gold.hex(), "rows": rows}
