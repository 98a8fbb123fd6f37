"""The score of a text: bits, bits per byte, and what they cost."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tokbench._terminal.bytes_next import about, noise
from tokbench.bytelevel import ByteModel, ByteScore
from tokbench.errors import TextInputError

__all__ = ["ScoreView", "read_bytes", "writable", "write_steps"]


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


def writable(path: Path) -> None:
    """Refuse a place where no file can be written, before anything is computed for it.

    Raises:
        TextInputError: If it is a folder, or in none.
    """
    if path.is_dir():
        raise TextInputError(str(path), "is a folder: expected the name of a file to write")
    if not path.parent.is_dir():
        raise TextInputError(str(path), f"cannot be written: there is no folder {path.parent}")


def write_steps(view: ScoreView, path: Path) -> None:
    """Offset in the file, byte (null for the end), log-probability and its running sum, as Parquet.

    Raises:
        TextInputError: If the file cannot be written.
    """
    import polars as pl

    score = view.score
    assert score.per_byte is not None, "asked for with the score"
    table = pl.DataFrame(
        {
            "offset": range(view.given, view.given + len(score.per_byte)),
            "byte": [*score.data, *([None] if score.ended else [])],
            "logprob": score.per_byte,
            "cumulative": score.per_byte.cumsum(),
        },
        schema={"offset": pl.Int64, "byte": pl.UInt8, "logprob": pl.Float64, "cumulative": pl.Float64},
    )
    try:
        table.write_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TextInputError(str(path), f"cannot be written ({error})") from error


def _outwards(low: float, high: float) -> str:
    """An interval with six decimals, rounded outwards."""

    def rounded(value: float, towards: Callable[[float], int]) -> str:
        if math.isinf(value):
            return "∞" if value > 0 else "-∞"
        return f"{towards(value * 1e6) / 1e6:,.6f}"

    return f"{rounded(low, math.floor)} – {rounded(high, math.ceil)}"


@dataclass(frozen=True, slots=True, eq=False)
class ScoreView:
    """A text and its score.

    Attributes:
        model: The byte model.
        score: The score.
        given: Bytes at the beginning of the file that are context.
        before: Bytes of context in front of the file.
    """

    model: ByteModel
    score: ByteScore
    given: int
    before: int

    @classmethod
    def of(
        cls, model: ByteModel, data: bytes, given: int, *, before: bytes, end: bool, per_byte: bool,
        window: int | None, screen: Console,
    ) -> ScoreView:  # fmt: skip
        """Score a text, with progress."""
        given = min(given, len(data))
        text, context = data[given:], before + data[:given]
        columns = (TextColumn(f"scoring {len(text):,} bytes"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
            task = progress.add_task("", total=None)  # a whole text in one tree says nothing on the way
            score = model.logprob(
                text, given=context, end=end, per_byte=per_byte, window=window,
                observe=lambda done: progress.update(task, completed=done, total=len(text)),
            )  # fmt: skip
            if score.value == -math.inf and score.per_byte is None:  # which byte it is has to be found
                score = model.logprob(text, given=context, end=end, window=window)
        return cls(model, score, given, len(before))

    @property
    def impossible(self) -> int | None:
        """Offset in the file of the first byte with probability 0, proved; that of the end is the file's size."""
        if self.score.value > -math.inf or self.score.per_byte is None:
            return None
        return self.given + int(np.isneginf(self.score.per_byte).argmax())

    def _interval(self) -> tuple[float, float]:
        slack = noise(self.model) * max(1, len(self.score.data))
        return self.score.lower - slack, min(0.0, self.score.upper + slack)

    def _values(self) -> list[tuple[str, str]]:
        score = self.score
        size = len(score.data)
        if self.impossible is not None:
            at = self.impossible - self.given
            what = f"byte 0x{score.data[at]:02X} at offset {self.impossible}" if at < size else "the end"
            return [("bits", f"infinite: {what} has probability 0 there")]
        rows = [("bits per byte", f"{score.bits_per_byte + 0.0:.6f}" if size else "no bytes"),
                ("bits", f"{score.bits + 0.0:,.3f}"), ("nats", f"{score.value:,.6f}")]  # fmt: skip
        if score.exact:
            return [*rows, ("proved interval", "exact")]
        low, high = self._interval()
        if size:
            most, least = (-value / math.log(2) / size + 0.0 for value in (low, high))
            rows.append(("proved bits per byte", _outwards(least, most)))
        return [*rows, ("proved nats", _outwards(low, high))]

    def render(self) -> RenderableType:
        """For a terminal."""
        score = self.score
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_header=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(justify="right", overflow="fold")
        size = len(score.data)
        rows = [("bytes", f"{size:,}" + (" and the end" if score.ended else "")), *self._values()]
        if self.given or self.before:
            rows.append(("context", f"{self.given + self.before:,} bytes"))
        if score.window is not None:
            rows.append(("window", f"at least {score.window:,} bytes of context"))
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
            "bytes": len(score.data), "ended": score.ended, "given_bytes": self.given + self.before,
            "window": score.window, "impossible_at": self.impossible,
            "logprob": score.value if finite else None, "lower": low if math.isfinite(low) else None,
            "upper": high if math.isfinite(high) else None, "bits": score.bits + 0.0 if finite else None,
            "bits_per_byte": score.bits_per_byte + 0.0 if finite and score.data else None,
            "positions": score.positions, "forwards": score.forwards, "exact": score.exact,
            "undecided": score.undecided,
        }  # fmt: skip
