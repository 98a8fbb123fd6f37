"""A picture of a next-byte distribution, and of the naive one beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tokbench.bytelevel import ByteDistribution, ByteModel
from tokbench.bytelevel.distribution import Symbol
from tokbench.bytelevel.naive import naive_next
from tokbench.errors import UnsupportedError

__all__ = ["NextView", "about", "bars", "noise", "percent", "shown_prompt"]

Floats = NDArray[np.float64]

_BARS = (24, 24, 24, 15, 10)
"""Width of a bar by the number of columns, so that a terminal of 100 columns holds them."""

_COLOURS = ("green", "red", "blue", "magenta", "cyan", "yellow")
_SHOWN = 60  # characters of a prompt in a headline


def percent(probability: float) -> str:
    """A probability in percent; what rounds to nothing in powers of ten."""
    if probability == 0:
        return "0 %"
    return f"{100 * probability:.2f} %" if probability >= 1e-4 else f"{100 * probability:.0e} %"  # noqa: PLR2004, two decimals


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


def bars(heads: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]], extra: Sequence[str] = ()) -> Table:
    """One row a symbol, one bar a column; the longest bar is the largest probability of all."""
    wide = _BARS[min(len(heads), len(_BARS) - 1)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("next", no_wrap=True, min_width=6)
    for index, head in enumerate(heads):
        table.add_column(head, no_wrap=True, width=wide, style=_COLOURS[index % len(_COLOURS)])
        table.add_column("", justify="right", no_wrap=True, min_width=8)
    if extra:
        table.add_column("proved bounds", no_wrap=True, style="dim")
    largest = max((value for _, values in rows for value in values if value is not None), default=1.0) or 1.0
    for number, (name, values) in enumerate(rows):
        cells: list[RenderableType] = [Text(name, style="bold")]
        for index, value in enumerate(values):
            if value is None:
                cells += [Text("not to be had", style="dim"), ""]
            else:
                colour = _COLOURS[index % len(_COLOURS)]
                cells += [Bar(largest, 0, value, width=wide, color=colour), percent(value)]
        if extra:
            cells.append(extra[number])
        table.add_row(*cells)
    return table


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
        """Total variation between the two."""
        if self.naive is None:
            return None
        return float(np.abs(np.exp(self.naive) - self.found.probabilities).sum() / 2)

    def _shown(self, top: int) -> list[Symbol]:
        """The likeliest symbols of both, by the larger of their two probabilities."""
        if self.naive is None:
            return [entry for entry in self.found.top(top) if entry.upper > -math.inf]
        best = np.maximum(self.found.logprobs, self.naive)
        every = {entry.symbol: entry for entry in self.found.top(len(best))}
        order = np.lexsort((np.arange(len(best)), -best))[:top]
        chosen = [every[int(index)] for index in order if best[index] > -math.inf]
        return sorted(chosen, key=lambda entry: (-entry.logprob, entry.symbol))

    def _bounds(self, entry: Symbol) -> str:
        slack = noise(self.model)
        low, high = max(0.0, math.exp(entry.lower) - slack), min(1.0, math.exp(entry.upper) + slack)
        return f"{percent(low)} – {percent(high)}"

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
        shown = self._shown(top)
        extra = () if found.exact else [self._bounds(entry) for entry in shown]
        if self.naive is None and not self.why_not:
            lines.append(bars(["exact" if found.exact else "probability"],
                              [(entry.name, [math.exp(entry.logprob)]) for entry in shown], extra))  # fmt: skip
            return Group(*lines)
        naive = self.naive
        rows = [
            (entry.name, [math.exp(entry.logprob), None if naive is None else math.exp(float(naive[entry.symbol]))])
            for entry in shown
        ]
        lines.append(bars(["exact" if found.exact else "probability", "naive"], rows, extra))
        if self.distance is not None:
            lines += [Text(""), Text.assemble("total variation ", (f"{self.distance:.4f}", "bold"),
                                              ": 0 is equal, 1 has nothing in common"),
                      Text("naive: encode the prompt, look at the next token", style="dim")]  # fmt: skip
        else:
            lines += [Text(""), Text(self.why_not, style="yellow")]
        return Group(*lines)

    def as_json(self, top: int) -> dict[str, object]:
        """For a program."""
        found = self.found
        slack = noise(self.model)
        return {
            "prompt": self.data.hex(),
            **self.model.settings,
            "symbols": [
                {
                    "symbol": entry.symbol, "name": entry.name, "probability": math.exp(entry.logprob),
                    "logprob": entry.logprob if entry.logprob > -math.inf else None,
                    "lower": max(0.0, math.exp(entry.lower) - slack), "upper": min(1.0, math.exp(entry.upper) + slack),
                    "naive": None if self.naive is None else math.exp(float(self.naive[entry.symbol])),
                }
                for entry in self._shown(top)
            ],
            "leak": found.leak, "masked": found.masked, "undecided": found.undecided, "unexpanded": found.unexpanded,
            "log_weight": found.log_weight, "positions": found.positions, "forwards": found.forwards,
            "exact": found.exact, "naive_total_variation": self.distance,
        }  # fmt: skip
