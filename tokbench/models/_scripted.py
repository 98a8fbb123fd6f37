"""Models that are a function: they check the harness, and say nothing of real models (``scripted:NAME``)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from tokbench.errors import UnknownNameError
from tokbench.models._options import Options
from tokbench.models.completion import Completion, Decoding, Done, Form, Prompt, refuse_forbidden
from tokbench.models.info import ModelInfo, setting_table
from tokbench.tokenizers import Tokenizer

__all__ = ["HASH", "RequestFailed", "Responder", "ScriptedModel", "load", "scripted"]

_DECODING = Decoding()

Responder = Callable[[Prompt], str | Completion]
"""From a prompt, with its item, to an answer."""

HASH = "hash"
"""The scripted model with next-token probabilities (:class:`~tokbench.models.HashModel`)."""


class RequestFailed(RuntimeError):
    """Raised by a responder whose request is to fail."""


class ScriptedModel:
    """Answers by a function of the prompt and its item; what the decoding says is left to that function.

    Example:
        >>> model = scripted("const-1", lambda prompt: "1")
        >>> model.generate([Prompt(text="How many?")])[0].text
        '1'

    Args:
        name: Name of the responder.
        responder: The function. A :class:`RequestFailed` that it raises is a request that failed; any other error is
            a fault of the responder and ends the run.
        info: Description of the model.
    """

    takes: frozenset[Form] = frozenset({"text", "messages", "ids"})

    def __init__(self, name: str, responder: Responder, info: ModelInfo) -> None:
        self.name = name
        self.info = info
        self._responder = responder

    def __repr__(self) -> str:
        return f"<ScriptedModel {self.name} (toy)>"

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding = _DECODING, *, done: Done | None = None
    ) -> list[Completion]:
        """See :meth:`~tokbench.models.completion.CompletionModel.generate`."""
        refuse_forbidden(self.info.spec, decoding)
        found = []
        for place, prompt in enumerate(prompts):
            completion = self._completion(prompt)
            found.append(completion)
            if done is not None:
                done(place, completion)
        return found

    def _completion(self, prompt: Prompt) -> Completion:
        try:
            answer = self._responder(prompt)
        except RequestFailed as error:
            return Completion(status="error", problem=str(error) or "the request failed")
        return Completion(text=answer, finish_reason="stop") if isinstance(answer, str) else answer


def scripted(
    name: str, responder: Responder, *, tokenizer: Tokenizer | None = None, spec: str | None = None
) -> ScriptedModel:
    """A scripted model with its description.

    Args:
        name: Name of the responder.
        responder: The function.
        tokenizer: Tokenizer that the responder may look at; part of the fingerprint.
        spec: How the model is named in results.
    """
    fingerprint = "none" if tokenizer is None else tokenizer.info.fingerprint
    info = ModelInfo(
        spec=spec or f"scripted:{name}",
        backend="scripted",
        fingerprint=hashlib.sha256(f"scripted {name} {fingerprint}".encode()).hexdigest(),
        toy=True,
        attention="",
        dtype="",
        device="",
        libraries=(),
        settings=setting_table({"responder": name}),
        tokenizer=None if tokenizer is None else tokenizer.info.spec,
    )
    return ScriptedModel(name, responder, info)


def load(
    spec: str,
    locator: str,
    tokenizer: Tokenizer | None,
    options: dict[str, object],
    responders: Mapping[str, Responder],
) -> ScriptedModel:
    """The model of a responder.

    Raises:
        UnknownNameError: If there is no responder of this name.
        OptionError: If an option is given: responders take none.
    """
    if locator not in responders:
        raise UnknownNameError("scripted responder", locator, (*sorted(responders), HASH))
    Options("scripted", options).done()
    return scripted(locator, responders[locator], tokenizer=tokenizer, spec=spec)
