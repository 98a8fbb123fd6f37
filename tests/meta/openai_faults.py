"""What can go wrong with a server, as data that :mod:`openai_server` sends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One wrong reply; without a body the true answer is computed and then spoilt.

    Attributes:
        status: HTTP status.
        body: What is sent instead of an answer.
        headers: Further headers.
        cut: The connection ends in the middle of the body.
        silent: Nothing is sent; the connection ends at once, or with ``hang`` when the other side gives up.
        hang: Nothing is sent while the other side waits.
        late: Seconds until it comes; alone it is a true answer that is slow.
    """

    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    silent: bool = False
    hang: bool = False
    late: float = 0.0

    @property
    def true(self) -> bool:
        """Whether the whole answer is sent."""
        return self.body is None and not (self.cut or self.silent)


def failure(status: int, message: str = "try again", code: object = None, **headers: str) -> Fault:
    """An error as servers of this kind spell it; names of headers are written with underscores."""
    error = {"error": {"message": message, "type": "server_error", "code": code}}
    return Fault(status, json.dumps(error).encode(), {name.replace("_", "-"): text for name, text in headers.items()})


TOO_MANY = failure(
    429, "Rate limit reached", "rate_limit_exceeded",
    retry_after="0", x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="1ms",
)  # fmt: skip
BROKEN = failure(500, "The server had an error")
BUSY = failure(503, "Overloaded")
NO_JSON = Fault(body=b"<html>502 Bad Gateway</html>")
WRONG_SHAPE = Fault(body=b'{"object": "chat.completion", "choices": [{"index": 0}]}')
CUT = Fault(cut=True)
CLOSED = Fault(silent=True)
HANGING = Fault(silent=True, hang=True)

FAULTS = {
    "429": TOO_MANY, "500": BROKEN, "503": BUSY, "no JSON": NO_JSON, "wrong shape": WRONG_SHAPE, "cut": CUT,
    "closed": CLOSED, "hanging": HANGING,
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A request for an answer.

    Attributes:
        number: Requests for an answer before it.
        path: The endpoint.
        prompt: Text of the prompt, or its ids joined by spaces.
        times: How often the same prompt was asked before.
        body: The whole request.
    """

    number: int
    path: str
    prompt: str
    times: int
    body: Body


Script = Callable[[Asked], Fault | None]
"""Says what goes wrong."""


def by_number(faults: Mapping[int, Fault]) -> Script:
    """Faults by the number of the request."""
    return lambda asked: faults.get(asked.number)
