"""The joined next-byte distribution of several models, beside those of the members."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from tokbench._terminal.bytes_next import bars, percent, shown_prompt
from tokbench._terminal.bytes_text import completions, completions_json
from tokbench.bytelevel import ByteCompletion, Ensemble, EnsembleDistribution, Symbol

__all__ = ["EnsembleView"]


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
        members = tuple(member.next_byte_logprobs().logprobs for member in state.members)
        drawn = ensemble.generate(data, max_bytes=max_bytes, temperature=temperature, seed=seed) if max_bytes else []
        return cls(ensemble, names, data, found, members, tuple(drawn))

    def _top(self, top: int) -> list[int]:
        logs = self.found.logprobs
        order = np.lexsort((np.arange(len(logs)), -logs))[:top]
        return [int(index) for index in order if logs[index] > -math.inf]

    def render(self, top: int) -> RenderableType:
        """For a terminal."""
        found = self.found
        weights = ", ".join(f"{weight:.3g}" for weight in found.weights)
        toy = any(member.model.toy for member in self.ensemble.members)
        head = Text.assemble((f"{self.ensemble.join} of {len(self.names)} models", "bold"), f" · weights {weights}")
        if toy:
            head.append(" · toy: says nothing of real models", style="yellow")
        facts = [f"after {shown_prompt(self.data)}", f"{found.positions} positions in {found.forwards} calls",
                 "dropped " + ", ".join(percent(share) for share in found.dropped)]  # fmt: skip
        rows = [
            (Symbol(symbol, 0.0, 0.0, 0.0).name,
             [math.exp(found.logprobs[symbol]), *(math.exp(float(logs[symbol])) for logs in self.members)])
            for symbol in self._top(top)
        ]  # fmt: skip
        lines: list[RenderableType] = [head, Text(" · ".join(facts), style="dim"), Text("")]
        lines.append(bars(["joined", *self.names], rows))
        if self.drawn:
            lines += [Text(""), completions(self.data, self.drawn)]
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
                    "probability": math.exp(found.logprobs[symbol]), "lower": math.exp(found.lower[symbol]),
                    "upper": math.exp(found.upper[symbol]),
                    "members": [math.exp(float(logs[symbol])) for logs in self.members],
                }
                for symbol in self._top(top)
            ],
            "completions": completions_json(self.drawn), "positions": found.positions, "forwards": found.forwards,
            "exact": found.exact,
        }  # fmt: skip
