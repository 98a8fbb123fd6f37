"""What a black-box model is given and gives back: :class:`Prompt`, :class:`Decoding`, :class:`Completion`.

A :class:`CompletionModel` answers prompts; a :class:`ChoiceModel` gives the probability of given answers. Neither
raises for a single request that failed: its :class:`Completion` says so, because a failed request stays in every
denominator. What makes the whole run pointless (a wrong key, a model that is not there) is raised.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, Protocol, runtime_checkable

from tokbench.errors import OptionError
from tokbench.models.info import ModelInfo

__all__ = [
    "ChoiceModel",
    "ChoiceScores",
    "Completion",
    "CompletionModel",
    "Decoding",
    "Done",
    "FinishReason",
    "Form",
    "Message",
    "Prompt",
    "Status",
    "can_forbid",
    "forbidden_limit",
    "refuse_forbidden",
    "request_key",
]

Form = Literal["text", "messages", "ids"]
"""How a prompt may be handed over."""

FinishReason = Literal["stop", "length", "refused", ""]
"""Why a completion ended; ``""`` where nothing is known of it."""

Status = Literal["ok", "error", "missing"]
"""``error``: the request failed after all retries. ``missing``: a recording has no answer to it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is asked: exactly one of ``text``, ``messages`` and ``ids``.

    Attributes:
        text: Text to go on from.
        messages: A chat to answer.
        ids: Token ids to go on from, special tokens included.
        key: Name of the request, unique in a run: the item and its condition. A recording is looked up by it.
        item: The item itself. Only scripted responders look at it.

    Raises:
        OptionError: If not exactly one of the three is given.
    """

    text: str | None = None
    messages: tuple[Message, ...] | None = None
    ids: tuple[int, ...] | None = None
    key: str = ""
    item: object = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.text, self.messages, self.ids)) != 1:
            raise OptionError("prompt", self.key, "exactly one of text, messages and ids")

    @property
    def form(self) -> Form:
        """Which of the three is given."""
        return "text" if self.text is not None else "messages" if self.messages is not None else "ids"

    def plain(self) -> dict[str, object]:
        """What is asked, as JSON values; ``key`` and ``item`` left out."""
        if self.text is not None:
            return {"text": self.text}
        if self.messages is not None:
            return {"messages": [asdict(message) for message in self.messages]}
        assert self.ids is not None, "one of three"
        return {"ids": list(self.ids)}

    @property
    def sha256(self) -> str:
        """Hash of what is asked."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How an answer is drawn.

    Attributes:
        max_tokens: Longest answer in tokens; None leaves it to the model.
        temperature: 0 takes the most probable token.
        top_p: Share of the probability that is drawn from; 1 is all.
        stop: Strings that end an answer; they are not part of it.
        seed: Seed of the draws, for models that take one.
        forbidden: Ids that are never emitted, whatever their probability; only some models can be kept from any
            (:func:`can_forbid`). Reported log-probabilities stay those of the model.
    """

    max_tokens: int | None = 64
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0
    forbidden: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """An answer, or why there is none.

    Attributes:
        text: The answer; ``""`` where there is none.
        ids: Token ids that the model really emitted, or None where it does not say.
        prompt_ids: Token ids that it read, or None where it does not say.
        logprobs: Natural logarithms of the probabilities of ``ids``, or None.
        finish_reason: Why it ended.
        status: Whether it is an answer.
        problem: What went wrong, one line; ``""`` for an answer.
        prompt_tokens: Number of tokens read, or None.
        completion_tokens: Number of tokens written, or None.
        seconds: Time from request to answer, retries included, or None.
        attempts: Number of requests that it took.
        raw: What the server said beside that, as JSON values; never a key or a header.
    """

    text: str = ""
    ids: tuple[int, ...] | None = None
    prompt_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    finish_reason: FinishReason = ""
    status: Status = "ok"
    problem: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    attempts: int = 1
    raw: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceScores:
    """Log-probabilities of given answers.

    Attributes:
        logprobs: Natural logarithm of the probability of each choice behind the prompt; empty where it failed.
        exact: Whether they are those of the bytes, whatever their cut into tokens (a byte model), and not those of one
            tokenization.
        status: Whether they are there.
        problem: What went wrong.
    """

    logprobs: tuple[float, ...] = ()
    exact: bool = False
    status: Status = "ok"
    problem: str = ""


Done = Callable[[int, Completion], None]
"""Called with the place of a prompt and its completion as soon as that is there, in any order, from one thread."""


@runtime_checkable
class CompletionModel(Protocol):
    """Anything that answers prompts."""

    @property
    def info(self) -> ModelInfo:
        """Everything that identifies the model."""
        ...

    @property
    def takes(self) -> frozenset[Form]:
        """The forms of prompts that it answers."""
        ...

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding = Decoding(), *, done: Done | None = None
    ) -> list[Completion]:
        """Answer prompts.

        Args:
            prompts: What is asked, each in a form that the model takes.
            decoding: How answers are drawn.
            done: Called with every completion when it is there, so that the caller can keep it at once.

        Returns:
            One completion for each prompt, in their order.

        Raises:
            TokbenchError: If no request can succeed (a wrong key, a server that is down, a form that it does not
                take). What was done before has been handed to ``done``.
        """
        ...


@runtime_checkable
class ChoiceModel(Protocol):
    """Anything that gives the probability of answers."""

    @property
    def info(self) -> ModelInfo:
        """Everything that identifies the model."""
        ...

    def score_choices(
        self,
        prompts: Sequence[Prompt],
        choices: Sequence[Sequence[str]],
        *,
        done: Callable[[int, ChoiceScores], None] | None = None,
    ) -> list[ChoiceScores]:
        """Log-probabilities of ``choices[i]`` behind ``prompts[i]``.

        Raises:
            TokbenchError: If no request can succeed.
        """
        ...


def can_forbid(model: CompletionModel) -> bool:
    """Whether a model can be kept from emitting ids (``Decoding.forbidden``): it has a true attribute ``forbids``."""
    return bool(getattr(model, "forbids", False))


def forbidden_limit(model: CompletionModel) -> int | None:
    """How many ids a model can be kept from at a time (its attribute ``forbids_at_most``), None for any number."""
    found: int | None = getattr(model, "forbids_at_most", None)
    return found


def refuse_forbidden(spec: str, decoding: Decoding) -> None:
    """For models that emit what they emit.

    Raises:
        OptionError: If ids are forbidden.
    """
    if decoding.forbidden:
        expected = f"no forbidden ids with {spec}; hf:, ngram: and scripted:hash can be kept from emitting some"
        raise OptionError("forbidden", f"{len(decoding.forbidden)} ids", expected)


def request_key(model: str, prompt: Prompt, decoding: Decoding, extra: Mapping[str, object] | None = None) -> str:
    """Identity of a request: two requests of one key have the same answer, up to what a server does by itself.

    Args:
        model: What identifies the model and its settings.
        prompt: What is asked.
        decoding: How the answer is drawn.
        extra: What else is sent.
    """
    parts = {"model": model, "prompt": prompt.plain(), "decoding": asdict(decoding), "extra": dict(extra or {})}
    if decoding.temperature > 0:
        parts["key"] = prompt.key  # equal prompts of different items are drawn apart
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()
