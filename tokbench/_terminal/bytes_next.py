"""A picture of a next-byte distribution, and of the naive one beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.bar import Bar
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from tokbench.bytelevel import ByteDistribution, ByteModel
from tokbench.bytelevel.distribution import Symbol
from tokbench.bytelevel.naive import naive_next
from tokbench.errors import UnsupportedError

__all__ = ["Bars", "NextView", "about", "bounds", "noise", "percent", "shown_prompt"]

Floats = NDArray[np.float64]

_BARS = (24, 24, 24, 15, 10)
"""Width of a bar at most, by the number of columns."""

_LEAST_BAR = 8  # a narrower one shows nothing
_NUMBER = 8  # width of a probability
_UNBOUNDED = 10_000

_COLOURS = ("green", "red", "blue", "magenta", "cyan", "yellow")
_SHOWN = 60  # characters of a prompt in a headline


def percent(probability: float, towards: Callable[[float], int] = round) -> str:
    """A probability in percent; what rounds to nothing in powers of ten."""
    if probability == 0:
        return "0 %"
    share = 100 * probability
    if probability >= 1e-4:  # noqa: PLR2004, two decimals
        return f"{towards(100 * share) / 100:.2f} %"
    exponent = math.floor(math.log10(share))
    return f"{towards(share / 10.0**exponent) * 10.0**exponent:.0e} %"


def bounds(low: float, high: float) -> str:
    """An interval of probabilities, rounded outwards."""
    return f"{percent(low, math.floor)} – {percent(high, math.ceil)}"


def shown_prompt(data: bytes) -> str:
    """The end of a prompt, quoted."""
    try:
        text = repr(data.decode())
    except UnicodeDecodeError:
        text = repr(data)
    return text if len(text) <= _SHOWN else "…" + text[-_SHOWN:]


def noise(model: ByteModel) -> float:
    """What rounding inside the model may add to a bound: it is in no certificate."""
    dtype = getattr(getattr(model.model, "info", None), "dtype", "float64")
    return 1e-12 if dtype == "float64" else 2e-6


def about(model: ByteModel) -> Text:
    """One line on what is asked, and in which reading."""
    info = getattr(model.model, "info", None)
    name = info.spec if info is not None else "model"
    own = model.tokenizer.info.spec if model.tokenizer is not None else "its vocabulary"
    text = Text.assemble((name, "bold"), " over ", own, f" · reading {model.reading}")
    if model.model.toy:
        text.append(" · toy: says nothing of real models", style="yellow")
    if model.settings["approximate"]:
        text.append(" · approximate: contexts by probes", style="yellow")
    return text


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """One row a symbol, one bar a column; the longest bar is the largest probability of all.

    Bars shrink with the terminal and leave it altogether before a number would be cut.

    Attributes:
        heads: Name of each column.
        rows: Name of a symbol and its probabilities, one for each column.
        extra: Text behind each row; empty for none.
    """

    heads: Sequence[str]
    rows: Sequence[tuple[str, Sequence[float]]]
    extra: Sequence[str] = ()

    def _table(self, wide: int, named: int = 0) -> Table:
        """With bars of so many characters; for 0 without, and each name of a column in at most ``named``."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column("next", no_wrap=True, min_width=6)
        for index, head in enumerate(self.heads):
            colour = _COLOURS[index % len(_COLOURS)]
            if wide:
                table.add_column(head, no_wrap=True, width=wide, style=colour)
                table.add_column("", justify="right", no_wrap=True, min_width=_NUMBER)
            else:
                short = head if len(head) <= named else head[: named - 1] + "…"
                table.add_column(short, justify="right", no_wrap=True, min_width=_NUMBER, style=colour)
        if self.extra:
            table.add_column("proved bounds", style="dim")
        largest = max((value for _, values in self.rows for value in values), default=1.0) or 1.0
        for number, (name, values) in enumerate(self.rows):
            cells: list[RenderableType] = [Text(name, style="bold")]
            for index, value in enumerate(values):
                if wide:
                    cells.append(Bar(largest, 0, value, width=wide, color=_COLOURS[index % len(_COLOURS)]))
                cells.append(percent(value))
            if self.extra:
                cells.append(self.extra[number])
            table.add_row(*cells)
        return table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, as wide as the terminal allows."""

        def spare(table: Table) -> int:
            needed = table.__rich_measure__(console, options.update(width=_UNBOUNDED)).maximum
            return (options.max_width - needed) // len(self.heads)

        wide = _BARS[min(len(self.heads), len(_BARS) - 1)]
        wide += min(0, spare(self._table(wide)))
        if wide >= _LEAST_BAR:
            yield self._table(wide)
        else:
            yield self._table(0, _NUMBER + max(0, spare(self._table(0, _NUMBER))))


@dataclass(frozen=True, slots=True, eq=False)
class NextView:
    """The next byte after a prompt.

    Attributes:
        model: The byte model.
        data: The prompt.
        found: Its distribution.
        naive: What the naive conversion says, natural logarithms; None where it was not asked for.
        why_not: Why there is no naive one, though it was asked for.
    """

    model: ByteModel
    data: bytes
    found: ByteDistribution
    naive: Floats | None = None
    why_not: str = ""

    @classmethod
    def of(cls, model: ByteModel, data: bytes, *, naive: bool = False) -> NextView:
        """Ask a model."""
        state = model.start()
        state.push(data)
        found = state.next_byte_logprobs()
        if not naive:
            return cls(model, data, found)
        try:
            return cls(model, data, found, naive_next(model, data))
        except UnsupportedError as error:
            return cls(model, data, found, None, str(error))

    @property
    def distance(self) -> float | None:
        """Total variation between the two, what leaks left aside."""
        if self.naive is None:
            return None
        exact = self.found.probabilities
        return float(np.abs(np.exp(self.naive) - exact / exact.sum()).sum() / 2)

    def _shown(self, top: int) -> list[Symbol]:
        """The likeliest symbols of both, by the larger of their two probabilities."""
        if self.naive is None:
            return [entry for entry in self.found.top(top) if entry.upper > -math.inf]
        best = np.maximum(self.found.logprobs, self.naive)
        every = {entry.symbol: entry for entry in self.found.top(len(best))}
        order = np.lexsort((np.arange(len(best)), -best))[:top]
        chosen = [every[int(index)] for index in order if best[index] > -math.inf]
        return sorted(chosen, key=lambda entry: (-entry.logprob, entry.symbol))

    def _interval(self, entry: Symbol) -> tuple[float, float]:
        """Proved bounds of a probability, and room for rounding inside the model."""
        slack = noise(self.model)
        return max(0.0, math.exp(entry.lower) - slack), min(1.0, math.exp(entry.upper) + slack)

    def _seen(self, entry: Symbol) -> bool:
        """Whether a symbol has any probability, as far as was computed or naively."""
        return entry.logprob > -math.inf or (self.naive is not None and self.naive[entry.symbol] > -math.inf)

    def _unseen(self) -> list[RenderableType]:
        """One line on the symbols whose probability may be more than the 0 that is known of it."""
        waiting = self.found.unproved_zero
        if not waiting.any():
            return []
        most = min(1.0, math.exp(float(self.found.upper[waiting].max())) + noise(self.model))
        text = f"{int(waiting.sum())} symbols with 0 % so far: each proved to have at most {percent(most, math.ceil)}"
        return [Text(text, style="dim")]

    def render(self, top: int) -> RenderableType:
        """For a terminal."""
        found = self.found
        lines: list[RenderableType] = [about(self.model)]
        cost = f"{found.positions} position{'s' * (found.positions != 1)}"
        facts = [f"after {shown_prompt(self.data)}", f"{cost} in {found.forwards} call{'s' * (found.forwards != 1)}",
                 f"leak {percent(found.leak)}"]  # fmt: skip
        if found.masked:
            facts.append(f"masked {percent(found.masked)}")
        if found.undecided:
            facts.append(f"undecided {percent(found.undecided)}")
        facts.append("exact" if found.exact else f"total variation to the truth at most {found.unexpanded:.2g}")
        lines += [Text(" · ".join(facts), style="dim"), Text("")]
        shown = [entry for entry in self._shown(top) if self._seen(entry)]
        extra = () if found.exact else [bounds(*self._interval(entry)) for entry in shown]
        head = "exact" if found.exact else "probability"
        if self.naive is None:
            lines.append(Bars([head], [(entry.name, [math.exp(entry.logprob)]) for entry in shown], extra))
            lines += self._unseen()
            if self.why_not:
                lines += [Text(""), Text(f"no naive column: {self.why_not}", style="yellow")]
            return Group(*lines)
        rows = [(entry.name, [math.exp(entry.logprob), math.exp(float(self.naive[entry.symbol]))]) for entry in shown]
        lines += [Bars([head, "naive"], rows, extra), *self._unseen(), Text(""),
                  Text.assemble("total variation ", (f"{self.distance:.4f}", "bold"),
                                ": 0 is equal, 1 has nothing in common"),
                  Text("naive: encode the prompt, look at the next token", style="dim")]  # fmt: skip
        return Group(*lines)

    def as_json(self, top: int) -> dict[str, object]:
        """For a program."""
        found = self.found
        return {
            "prompt": self.data.hex(),
            **self.model.settings,
            "symbols": [
                {
                    "symbol": entry.symbol, "name": entry.name, "probability": math.exp(entry.logprob),
                    "logprob": entry.logprob if entry.logprob > -math.inf else None,
                    "lower": self._interval(entry)[0], "upper": self._interval(entry)[1],
                    "naive": None if self.naive is None else math.exp(float(self.naive[entry.symbol])),
                }
                for entry in self._shown(top)
            ],
            "leak": found.leak, "masked": found.masked, "undecided": found.undecided, "unexpanded": found.unexpanded,
            "log_weight": found.log_weight, "positions": found.positions, "forwards": found.forwards,
            "exact": found.exact, "naive_total_variation": self.distance,
        }  # fmt: skip
