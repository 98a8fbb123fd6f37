"""What goes to an OpenAI-compatible server and what comes back, as JSON values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Literal

from tokbench.models.completion import Completion, Decoding, FinishReason, Form, Prompt

__all__ = ["TIMEOUT", "Api", "MalformedReply", "Reply", "Settings", "parsed", "read_completion", "request_body"]

Api = Literal["chat", "completions", "auto"]
"""Which endpoint is used: ``auto`` is chat for messages and completions for text and ids."""

_TAKES: Mapping[Api, frozenset[Form]] = {
    "chat": frozenset({"messages", "text"}),
    "completions": frozenset({"text", "ids"}),
    "auto": frozenset({"text", "messages", "ids"}),
}
_FINISH: Mapping[object, FinishReason] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "refused",
    "refusal": "refused",
}
_RAW = ("id", "model", "system_fingerprint", "usage")
TIMEOUT = 180.0
"""Limit of one request in seconds, where nobody says otherwise."""

_SEED_BITS = 31
"""Every server takes seeds of so many bits."""


class MalformedReply(ValueError):
    """An answer of a server that is no completion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is sent with every request, and how.

    Attributes:
        model: Name of the model at the server.
        api: Which endpoint is used.
        extra_body: Further fields of the body; a null takes a field away.
        logprobs: Whether log-probabilities are asked for.
        ids: Whether token ids are asked for, in the way of vLLM.
        new_limit: Whether a chat takes its limit as ``max_completion_tokens``, as OpenAI's own server does.
        concurrency: Number of requests at a time.
        timeout: Limit of one request in seconds.
        retries: How often a failed request is sent again.
    """

    model: str
    api: Api = "auto"
    extra_body: Mapping[str, object] = field(default_factory=dict)
    logprobs: bool = False
    ids: bool = False
    new_limit: bool = False
    concurrency: int = 8
    timeout: float = TIMEOUT
    retries: int = 5

    @property
    def takes(self) -> frozenset[Form]:
        """The forms of prompts for which there is an endpoint."""
        return _TAKES[self.api]

    def is_chat(self, prompt: Prompt) -> bool:
        """Whether a prompt goes to the chat endpoint."""
        return prompt.messages is not None or self.api == "chat"

    def sent(self) -> dict[str, object]:
        """What of it is sent: it decides on the answers."""
        return {
            "model": self.model, "api": self.api, "extra_body": dict(self.extra_body), "logprobs": self.logprobs,
            "ids": self.ids,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server sent.

    Attributes:
        status: HTTP status.
        headers: Headers by their names in lower case.
        body: The body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def title(self) -> str:
        """Status with its name."""
        try:
            return f"HTTP {self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return f"HTTP {self.status}"


def _seed(decoding: Decoding, key: str) -> int:
    """Seed of one request: equal prompts of different items are drawn apart."""
    digest = hashlib.blake2b(f"{decoding.seed}\x1f{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - _SEED_BITS)


def request_body(prompt: Prompt, decoding: Decoding, settings: Settings) -> dict[str, object]:
    """The body of a request.

    A limit is left out of a chat where none is wanted; the other endpoint takes 16 tokens for no word on it, so there
    it is null. A seed is sent where something is drawn, one for each request.
    """
    chat = settings.is_chat(prompt)
    fields: dict[str, object] = {"model": settings.model}
    if prompt.messages is not None:
        fields["messages"] = [asdict(message) for message in prompt.messages]
    elif chat:
        fields["messages"] = [{"role": "user", "content": prompt.text}]
    else:
        fields["prompt"] = prompt.text if prompt.text is not None else list(prompt.ids or ())
    fields["temperature"] = decoding.temperature
    if not chat:
        fields["max_tokens"] = decoding.max_tokens
    elif decoding.max_tokens is not None:
        fields["max_completion_tokens" if settings.new_limit else "max_tokens"] = decoding.max_tokens
    if decoding.top_p < 1:
        fields["top_p"] = decoding.top_p
    if decoding.forbidden:
        fields["logit_bias"] = {str(token): -100 for token in decoding.forbidden}
    if decoding.stop:
        fields["stop"] = list(decoding.stop)
    if decoding.temperature > 0:
        fields["seed"] = _seed(decoding, prompt.key)
    if settings.logprobs:
        fields["logprobs"] = True if chat else 1
    if settings.ids:
        fields["return_token_ids"] = True
    for name, value in settings.extra_body.items():
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value
    return fields


# ---------------------------------------------------------------------- answers


def parsed(body: bytes) -> object:
    """The JSON value of a body.

    Raises:
        MalformedReply: If it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedReply("the body is no JSON") from None


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """Text that can be written as UTF-8, or None for what is no text; parts of a message are joined."""
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, dict)]
        return _text("".join(part for part in parts if isinstance(part, str)))
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON may spell half a surrogate pair
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _ids(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, list) or any(_count(entry) is None for entry in value):
        return None
    return tuple(value)


def _logprobs(value: object) -> tuple[float, ...] | None:
    """Log-probabilities as chats have them (``content``), or as completions (``token_logprobs``)."""
    table = _table(value)
    content = table.get("content")
    values = [_table(entry).get("logprob") for entry in content] if isinstance(content, list) else None
    if values is None:
        old = table.get("token_logprobs")
        values = old if isinstance(old, list) else None
    if values is None or not all(isinstance(entry, int | float) and not isinstance(entry, bool) for entry in values):
        return None
    return tuple(float(entry) for entry in values if isinstance(entry, int | float))


def read_completion(data: object, *, chat: bool) -> Completion:
    """The completion in the JSON value of an answer.

    Log-probabilities that are not one for each id are left out: they would be those of other tokens.

    Raises:
        MalformedReply: If there is none.
    """
    table = _table(data)
    choices = table.get("choices")
    if not isinstance(choices, list) or not choices:
        raise MalformedReply("the answer holds no choices")
    choice = _table(choices[0])
    message = _table(choice.get("message"))
    refusal = _text(message.get("refusal")) or ""
    if chat:
        text = _text(message.get("content"))
        if "message" not in choice or (text is None and message.get("content") is not None):
            raise MalformedReply("the first choice holds no message")
    else:
        text = _text(choice.get("text"))
        if text is None:
            raise MalformedReply("the first choice holds no text")
    said = choice.get("finish_reason")
    ids = _ids(choice.get("token_ids"))
    logprobs = _logprobs(choice.get("logprobs"))
    if ids is not None and logprobs is not None and len(ids) != len(logprobs):
        logprobs = None
    prompt_ids = _ids(choice.get("prompt_token_ids"))
    usage = _table(table.get("usage"))
    raw = {name: table[name] for name in _RAW if table.get(name) is not None}
    raw |= {"finish_reason": said} if said is not None else {}
    raw |= {"refusal": refusal} if refusal else {}
    return Completion(
        text=text or refusal,
        ids=ids,
        prompt_ids=_ids(table.get("prompt_token_ids")) if prompt_ids is None else prompt_ids,
        logprobs=logprobs,
        finish_reason="refused" if refusal else _FINISH.get(said, "") if isinstance(said, str) else "",
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        raw=raw,
    )
