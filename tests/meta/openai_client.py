"""Models at a loopback server, and a clock that runs only while somebody sleeps."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from openai_server import KEY, MODEL

from tokbench.models._openai import OpenAIModel
from tokbench.models._openai_retry import Backoff, Clock
from tokbench.models._openai_server import Server as Address
from tokbench.models._openai_wire import Settings
from tokbench.models.completion import Prompt


class Reachable(Protocol):
    """Where a server is."""

    @property
    def url(self) -> str: ...
    @property
    def host(self) -> str: ...


class FakeClock(Clock):
    """Passes the time at once.

    Attributes:
        time: Seconds since the start.
        sleeps: Every sleep so far.
    """

    def __init__(self) -> None:
        self.time = 0.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return 1_800_000_000.0 + self.time

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


def connect(
    server: Reachable,
    *,
    clock: Clock | None = None,
    backoff: Backoff | None = None,
    seed: int = 0,
    key: str = KEY,
    **settings: Any,  # noqa: ANN401, fields of the settings
) -> OpenAIModel:
    """The model at a server; time is not real unless a clock is given."""
    chosen = Settings(**{"model": MODEL, **settings})
    address = Address(server.url, server.host, "OPENAI_API_KEY", key)
    return OpenAIModel(
        f"openai:{chosen.model}", address, chosen, backoff=backoff, clock=clock or FakeClock(), seed=seed
    )


def texts(*values: str) -> list[Prompt]:
    """Prompts with a key of their own."""
    return [Prompt(text=value, key=f"{place}|{value}") for place, value in enumerate(values)]
