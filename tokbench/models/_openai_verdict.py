"""What a reply of a server means: an answer, a reason to ask again, a request that failed, or the end of the run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tokbench.models._openai_wire import MalformedReply, Reply, parsed, read_completion
from tokbench.models.completion import Completion

__all__ = ["Verdict", "judge", "shortened"]

Kind = Literal["answer", "retry", "fail", "key", "model", "path", "stop"]
"""``key``: it does not accept the key. ``model``: it has no such model. ``path``: it has no such endpoint. ``stop``: no
request can succeed for another reason."""

_AGAIN = frozenset({408, 409, 425, 429})
_NO_PATH = frozenset({404, 405})
_NO_KEY = frozenset({401, 403})
_NO_CREDIT = frozenset({"insufficient_quota", "billing_not_active", "billing_hard_limit_reached"})
_FILTERED = frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation"})
_NO_MODEL = frozenset({"model_not_found", "model_not_available", "deploymentnotfound", "invalid_model"})
_NO_PARAMETER = frozenset({"unsupported_parameter", "unsupported_value"})
_NO_MODEL_TEXT = re.compile(
    r"\bmodel\b.{0,200}\b(?:not found|(?:does not|doesn't|do not) exist)|\b(?:unknown|invalid|no such) model\b"
    r"|\bnot a valid model\b",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST = 300
_UNAUTHORIZED = 401
_PAYMENT_REQUIRED = 402
_OK = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply means.

    Attributes:
        kind: What follows from it.
        problem: What is wrong, one line.
        remedy: What to do about it, where the run ends.
        completion: The answer.
        local: Whether it is about one prompt, and no end of the run, where other prompts were answered (a firewall
            before a server may hold back single texts).
    """

    kind: Kind
    problem: str = ""
    remedy: str = ""
    completion: Completion | None = None
    local: bool = False


@dataclass(frozen=True, slots=True)
class _Fault:
    """What the body of a reply says of a failure."""

    message: str
    code: str
    number: int | None
    flagged: bool


def shortened(text: str) -> str:
    """One line of a bearable length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def _fault(data: object) -> _Fault:
    table = data if isinstance(data, dict) else {}
    inner = table.get("error", table)
    if isinstance(inner, str):
        return _Fault(inner, "", None, flagged=False)
    inner = inner if isinstance(inner, dict) else {}
    message = next((inner[name] for name in ("message", "detail", "error") if isinstance(inner.get(name), str)), "")
    codes = [inner.get("code"), inner.get("type")]
    deeper = inner.get("innererror")
    if isinstance(deeper, dict):
        codes.insert(0, deeper.get("code"))
    words = [code.lower() for code in codes if isinstance(code, str)]
    known = _FILTERED | _NO_CREDIT | _NO_MODEL | _NO_PARAMETER
    number = next((code for code in codes if isinstance(code, int) and not isinstance(code, bool)), None)
    metadata = inner.get("metadata")
    return _Fault(
        message,
        next((word for word in words if word in known), words[0] if words else ""),
        number,
        flagged=isinstance(metadata, dict) and "flagged_input" in metadata,
    )


def _refused(problem: str) -> Verdict:
    """A prompt that the filter of a provider held back is an answer: nobody gets another one."""
    raw = {"finish_reason": "content_filter", "message": problem}
    return Verdict("answer", completion=Completion(finish_reason="refused", raw=raw))


def _judge_status(status: int, fault: _Fault, title: str) -> Verdict:
    problem = shortened(f"{title}: {fault.message}" if fault.message else title)
    if fault.code in _FILTERED or fault.flagged:
        return _refused(problem)
    if status in _NO_KEY:
        return Verdict("key", problem, local=status != _UNAUTHORIZED)
    if fault.code in _NO_CREDIT or status == _PAYMENT_REQUIRED:
        return Verdict("stop", problem, "the account has no credit: what is answered is kept, the same run goes on")
    if status in _AGAIN or status >= 500:  # noqa: PLR2004, where errors of servers begin
        return Verdict("retry", problem)
    if fault.code in _NO_MODEL or _NO_MODEL_TEXT.search(fault.message):
        return Verdict("model", problem)
    if fault.code in _NO_PARAMETER:
        remedy = 'a field that the model does not take is left out by extra_body={"NAME": null}'
        return Verdict("stop", problem, remedy)
    if status in _NO_PATH:
        return Verdict("path", problem, local=True)
    return Verdict("fail", problem)


def judge(reply: Reply, *, chat: bool) -> Verdict:
    """What a reply means.

    Args:
        reply: The reply.
        chat: Whether the chat endpoint was asked.
    """
    try:
        data = parsed(reply.body)
    except MalformedReply as error:
        if reply.status == _OK:
            return Verdict("retry", f"{reply.title}, but {error}")
        return _judge_status(reply.status, _fault(None), reply.title)
    if reply.status != _OK:
        return _judge_status(reply.status, _fault(data), reply.title)
    try:
        return Verdict("answer", completion=read_completion(data, chat=chat))
    except MalformedReply as error:
        fault = _fault(data)
        if isinstance(data, dict) and "error" in data:  # some gateways send their errors under a status of success
            title = f"{reply.title}, but error {fault.number or fault.code}"
            status = fault.number if fault.number is not None and 400 <= fault.number < 600 else 500  # noqa: PLR2004
            return _judge_status(status, fault, title)
        return Verdict("retry", f"{reply.title}, but {error}")
