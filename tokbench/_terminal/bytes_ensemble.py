"""The joined next-byte distribution of several models, beside those of the members."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from tokbench._terminal.bytes_next import Bars, bounds, noise, percent, shown_prompt
from tokbench._terminal.bytes_text import drawn, drawn_json
from tokbench.bytelevel import ByteCompletion, ByteState, Ensemble, EnsembleDistribution, Symbol
from tokbench.bytelevel.readings import SYMBOLS
from tokbench.errors import DeadEndError, UncoverableTextError

__all__ = ["EnsembleView"]


def _logprobs(state: ByteState) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A member's own logarithms; none where a member without weight gives the text no probability."""
    try:
        return state.next_byte_logprobs().logprobs
    except (DeadEndError, UncoverableTextError):
        return np.full(SYMBOLS, -np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class EnsembleView:
    """An ensemble after a prompt.

    Attributes:
        ensemble: The ensemble.
        names: Spec of each member.
        data: The prompt.
        found: The joined distribution.
        members: Log-probabilities of each member.
        drawn: A continuation, where one was asked for.
    """

    ensemble: Ensemble
    names: Sequence[str]
    data: bytes
    found: EnsembleDistribution
    members: tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]
    drawn: tuple[ByteCompletion, ...]

    @classmethod
    def of(
        cls, ensemble: Ensemble, names: Sequence[str], data: bytes, *, max_bytes: int, temperature: float, seed: int
    ) -> EnsembleView:
        """Ask an ensemble."""
        state = ensemble.start()
        state.push(data)
        found = state.next_byte_logprobs()
        members = tuple(_logprobs(member) for member in state.members)
        drawn = ensemble.generate(data, max_bytes=max_bytes, temperature=temperature, seed=seed) if max_bytes else []
        return cls(ensemble, names, data, found, members, tuple(drawn))

    def _top(self, top: int) -> list[int]:
        logs = self.found.logprobs
        order = np.lexsort((np.arange(len(logs)), -logs))[:top]
        return [int(index) for index in order if logs[index] > -math.inf]

    def _bounds(self, symbol: int) -> tuple[float, float]:
        """Proved bounds of a probability, and room for rounding inside the models."""
        slack = max(noise(member) for member in self.ensemble.members)
        low, high = math.exp(self.found.lower[symbol]), math.exp(self.found.upper[symbol])
        return max(0.0, low - slack), min(1.0, high + slack)

    def render(self, top: int) -> RenderableType:
        """For a terminal."""
        found = self.found
        numbered = [f"{number} {name}" for number, name in enumerate(self.names, 1)]
        weights = " · ".join(f"{name} × {weight:.3g}" for name, weight in zip(numbered, found.weights, strict=True))
        toy = any(member.model.toy for member in self.ensemble.members)
        head = Text.assemble((f"{self.ensemble.join} of {len(self.names)} models", "bold"))
        if toy:
            head.append(" · toy: says nothing of real models", style="yellow")
        facts = [f"after {shown_prompt(self.data)}", f"{found.positions} positions in {found.forwards} calls",
                 "dropped " + ", ".join(percent(share) for share in found.dropped)]  # fmt: skip
        shown = self._top(top)
        rows = [
            (Symbol(symbol, 0.0, 0.0, 0.0).name,
             [math.exp(found.logprobs[symbol]), *(math.exp(float(logs[symbol])) for logs in self.members)])
            for symbol in shown
        ]  # fmt: skip
        extra = () if found.exact else [bounds(*self._bounds(symbol)) for symbol in shown]
        lines: list[RenderableType] = [head, Text(f"members {weights}", style="dim"),
                                       Text(" · ".join(facts), style="dim"), Text("")]  # fmt: skip
        lines.append(Bars(["joined", *numbered], rows, extra))
        if self.drawn:
            lines += [Text(""), drawn(self.data, self.drawn)]
        return Group(*lines)

    def as_json(self, top: int) -> dict[str, object]:
        """For a program."""
        found = self.found
        return {
            "prompt": self.data.hex(), "join": self.ensemble.join, "weights": list(found.weights),
            "members": [member.settings for member in self.ensemble.members], "dropped": list(found.dropped),
            "symbols": [
                {
                    "symbol": symbol, "name": Symbol(symbol, 0.0, 0.0, 0.0).name,
                    "probability": math.exp(found.logprobs[symbol]), "lower": self._bounds(symbol)[0],
                    "upper": self._bounds(symbol)[1],
                    "members": [math.exp(float(logs[symbol])) for logs in self.members],
                }
                for symbol in self._top(top)
            ],
            "completions": drawn_json(self.drawn), "positions": found.positions, "forwards": found.forwards,
            "exact": found.exact,
        }  # fmt: skip
