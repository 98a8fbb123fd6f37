"""The score of a text: bits, bits per byte, and what they cost."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tokbench._terminal.bytes_next import about, noise
from tokbench.bytelevel import ByteModel, ByteScore
from tokbench.errors import TextInputError

__all__ = ["ScoreView", "read_bytes", "write_steps"]


def read_bytes(file: str) -> bytes:
    """The bytes of a file, or of standard input.

    Raises:
        TextInputError: If it cannot be read.
    """
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise TextInputError(file, f"cannot be read ({error.strerror})") from error


def write_steps(score: ByteScore, path: Path) -> None:
    """Offset, byte (256 is the end), log-probability and its running sum of each byte, as Parquet.

    Raises:
        TextInputError: If the file cannot be written.
    """
    import numpy as np
    import polars as pl

    steps = np.zeros(0) if score.per_byte is None else score.per_byte
    symbols = [*score.data, *([256] if score.ended else [])]
    table = pl.DataFrame(
        {
            "offset": range(len(steps)),
            "symbol": symbols[: len(steps)],
            "logprob": steps,
            "cumulative": np.cumsum(steps),
        },
        schema={"offset": pl.Int64, "symbol": pl.Int16, "logprob": pl.Float64, "cumulative": pl.Float64},
    )
    try:
        table.write_parquet(path)
    except OSError as error:
        raise TextInputError(str(path), f"cannot be written ({error.strerror or error})") from error


@dataclass(frozen=True, slots=True, eq=False)
class ScoreView:
    """A text and its score.

    Attributes:
        model: The byte model.
        score: The score.
        given: Bytes of context in front.
    """

    model: ByteModel
    score: ByteScore
    given: int

    @classmethod
    def of(
        cls, model: ByteModel, data: bytes, *, given: int, end: bool, window: int | None, screen: Console
    ) -> ScoreView:
        """Score a text, with progress."""
        columns = (TextColumn("scoring"), BarColumn(), TextColumn("{task.completed:,}/{task.total:,} bytes"),
                   TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=screen, transient=True) as progress:
            task = progress.add_task("", total=len(data) - given)
            score = model.logprob(
                data[given:], given=data[:given], end=end, window=window,
                observe=lambda done: progress.update(task, completed=done),
            )  # fmt: skip
        return cls(model, score, given)

    def _interval(self) -> tuple[float, float]:
        slack = noise(self.model) * max(1, len(self.score.data))
        return self.score.lower - slack, min(0.0, self.score.upper + slack)

    def render(self) -> RenderableType:
        """For a terminal."""
        score = self.score
        low, high = self._interval()
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_header=False)
        table.add_column(style="dim")
        table.add_column(justify="right")
        size = len(score.data)
        rows = [("bytes", f"{size:,}" + (" and the end" if score.ended else "")),
                ("bits per byte", f"{score.bits_per_byte:.6f}" if size else "no bytes"),
                ("bits", f"{score.bits:,.3f}"), ("nats", f"{score.value:,.6f}"),
                ("proved interval", "exact" if score.exact else f"[{low:,.6f}, {high:,.6f}] nats")]  # fmt: skip
        if self.given:
            rows.append(("context", f"{self.given:,} bytes"))
        if score.window is not None:
            rows.append(("window", f"{score.window:,} bytes of left context for each part"))
        per_byte = f"{score.positions / size:.3f} a byte" if size else ""
        rows += [("positions", f"{score.positions:,}  {per_byte}".rstrip()), ("calls", f"{score.forwards:,}"),
                 ("renormalise", score.renormalise or "none")]  # fmt: skip
        for name, value in rows:
            table.add_row(name, value)
        return Group(about(self.model), "", table)

    def as_json(self) -> dict[str, object]:
        """For a program."""
        score = self.score
        low, high = self._interval()
        finite = math.isfinite(score.value)
        return {
            **self.model.settings,
            "bytes": len(score.data), "ended": score.ended, "given_bytes": self.given, "window": score.window,
            "logprob": score.value if finite else None, "lower": low if math.isfinite(low) else None,
            "upper": high if math.isfinite(high) else None, "bits": score.bits if finite else None,
            "bits_per_byte": score.bits_per_byte if finite and score.data else None,
            "positions": score.positions, "forwards": score.forwards, "exact": score.exact,
            "undecided": score.undecided,
        }  # fmt: skip
