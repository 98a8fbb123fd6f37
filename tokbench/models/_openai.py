"""Any server that speaks like OpenAI's as a model that answers: ``openai:NAME`` (:class:`OpenAIModel`).

A request that fails is sent again after a while (:mod:`~tokbench.models._openai_retry`) and is an error only after the
last time; what makes a whole run pointless (a wrong key, an unknown model, nobody who listens) is raised.

The key comes from the environment alone. Neither it nor the URL enters a result: the host is all that is recorded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, cast

import openai

from tokbench.errors import OptionError, PromptFormError
from tokbench.models._backends import spelled
from tokbench.models._openai_retry import Backoff, Clock
from tokbench.models._openai_server import DEFAULT_URL, KEY_VARIABLE, Server, find_server
from tokbench.models._openai_session import Session
from tokbench.models._openai_wire import TIMEOUT, Api, Settings
from tokbench.models._options import Options
from tokbench.models.completion import Completion, Decoding, Done, Form, Prompt
from tokbench.models.info import ModelInfo, setting_table

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = ["OpenAIModel", "load"]

_DECODING = Decoding()
_OWN_FIELDS = ("messages", "model", "n", "prompt", "stream")
"""Fields of a body that only this module may set: with another value the answer would not be one, or not this one."""

_NAMED = ("api", "ids", "logprobs")
"""Options that stand in the name of a model, beside ``extra_body``: they decide on what comes back."""

_SECRET = re.compile("key|token|secret|passw|auth|credential", re.IGNORECASE)
_VARIABLE = re.compile("[A-Z_][A-Z0-9_]*")


class OpenAIModel:
    """A :class:`~tokbench.models.completion.CompletionModel` behind an OpenAI-compatible server.

    Messages go to the chat endpoint, text and ids to the completions endpoint; with ``api=chat`` text is one message of
    the user. A limit of tokens that is None is left to the server. A seed of its own, made of that of the decoding and
    the key of the prompt, goes with every request at a temperature above 0.

    Args:
        spec: How the model is named in results.
        server: Who is asked.
        settings: What is sent, and how.
        backoff: How long to wait after failures.
        clock: Time; tests put another in its place.
        seed: Seed of the jitter of the waits; None draws one.
    """

    def __init__(
        self,
        spec: str,
        server: Server,
        settings: Settings,
        *,
        backoff: Backoff | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
    ) -> None:
        self._spec = spec
        self._server = server
        self._settings = settings
        self._backoff = backoff or Backoff()
        self._clock = clock or Clock()
        self._jitter = Random(seed)
        self._info = _info(spec, server, settings)

    def __repr__(self) -> str:
        return f"<OpenAIModel {self._settings.model} at {self._server.host}>"

    @property
    def info(self) -> ModelInfo:
        """Everything that identifies the model; its fingerprint is that of its name, the URL and what is sent."""
        return self._info

    @property
    def takes(self) -> frozenset[Form]:
        """The forms of prompts for which an endpoint is used."""
        return self._settings.takes

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding = _DECODING, *, done: Done | None = None
    ) -> list[Completion]:
        """See :meth:`~tokbench.models.completion.CompletionModel.generate`; ``done`` is called in this thread.

        Raises:
            PromptFormError: If there is no endpoint for a prompt.
            AuthenticationError: If the server does not accept the key.
            UnknownModelError: If the server has no such model.
            ServerError: If nobody answers, or nothing that the server says is an answer.
        """
        for prompt in prompts:
            if prompt.form not in self.takes:
                raise PromptFormError(self._spec, prompt.form, tuple(sorted(self.takes)))
        found: list[Completion | None] = [None] * len(prompts)

        def finish(place: int, completion: Completion) -> None:
            found[place] = completion
            if done is not None:
                done(place, completion)

        if prompts:
            session = Session(
                self._spec, self._server, self._settings, decoding,
                backoff=self._backoff, clock=self._clock, jitter=self._jitter,
            )  # fmt: skip
            session.run(prompts, finish)
        completions = [completion for completion in found if completion is not None]
        assert len(completions) == len(prompts), "every prompt has its completion"
        return completions


def _info(spec: str, server: Server, settings: Settings) -> ModelInfo:
    sent = {**settings.sent(), "host": server.host}
    identity = {**sent, "path": server.path}  # a gateway may have many servers behind one host
    how = {"concurrency": settings.concurrency, "timeout": settings.timeout, "retries": settings.retries}
    shown = {**sent, **how, "extra_body": json.dumps(sent["extra_body"], sort_keys=True), "key_env": server.variable}
    return ModelInfo(
        spec=spec,
        backend="openai",
        fingerprint=hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
        toy=False,
        attention="",
        dtype="",
        device="",
        libraries=(("openai", openai.__version__),),
        settings=setting_table(shown),
        tokenizer=None,
    )


def _switch(taken: Options, options: dict[str, object], name: str) -> bool:
    """``yes`` or ``no``, or a value of Python's own."""
    if isinstance(options.get(name), bool):
        return bool(taken.raw(name))
    return taken.text(name, "no", ("yes", "no")) == "yes"


def _check_no_key(options: dict[str, object]) -> None:
    """Refuse a key among the options, where it would be seen; the message does not repeat it.

    Raises:
        OptionError: If an option is named like one.
    """
    for name in options:
        if name != "key_env" and _SECRET.search(name):
            raise OptionError(f"openai: {name}", "...", f"no key here: it comes from the environment ({KEY_VARIABLE})")


def _variable(taken: Options) -> str | None:
    """Name of the environment variable of the key, or None where none is named.

    Raises:
        OptionError: If it is no such name. The message does not repeat it: it may be the key itself.
    """
    name = taken.text("key_env")
    if name and not _VARIABLE.fullmatch(name):
        raise OptionError("openai: key_env", "...", f"the name of an environment variable such as {KEY_VARIABLE}")
    return name or None


def _extra_body(value: object) -> dict[str, object]:
    """A JSON object.

    Raises:
        OptionError: If it is none, or sets what only this module may set.
    """
    if value is None:
        return {}
    try:
        found = json.loads(value) if isinstance(value, str) else json.loads(json.dumps(value))
    except (ValueError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise OptionError("openai: extra_body", value, 'a JSON object such as {"top_k": 1}')
    for name in _OWN_FIELDS:
        if name in found:
            raise OptionError("openai: extra_body", value, f"fields other than {', '.join(_OWN_FIELDS)}")
    return found


def load(_spec: str, locator: str, _tokenizer: Tokenizer | None, options: dict[str, object]) -> OpenAIModel:
    """A model at a server; nothing is sent before it is asked.

    Args:
        locator: Name of the model at the server. Results name it with those options that decide on its answers.
        options: ``base_url`` (or else that of ``OPENAI_BASE_URL``, or else OpenAI's own), ``api`` (``auto``, ``chat``,
            ``completions``), ``concurrency`` (8), ``timeout`` (seconds, 180), ``retries`` (5), ``extra_body`` (a JSON
            object of further fields; a null takes a field away), ``logprobs``, ``ids`` (``yes``, ``no``; ``ids`` asks
            in the way of vLLM), ``key_env`` (``OPENAI_API_KEY``).

    Raises:
        AuthenticationError: If there is no key for OpenAI's own server, or in the variable that ``key_env`` names.
        OptionError: If an option has a wrong name or value.
    """
    _check_no_key(options)
    taken = Options("openai", options)
    base_url = taken.text("base_url")
    api = cast("Api", taken.text("api", "auto", ("auto", "chat", "completions")))
    concurrency = taken.integer("concurrency", 8, least=1)
    timeout = taken.real("timeout", TIMEOUT)
    retries = taken.integer("retries", 5, least=0)
    extra_body = _extra_body(taken.raw("extra_body"))
    logprobs, ids = _switch(taken, options, "logprobs"), _switch(taken, options, "ids")
    variable = _variable(taken)
    taken.done()
    assert concurrency is not None, "has a default"
    assert retries is not None, "has a default"
    if timeout is None or timeout <= 0:
        raise OptionError("openai: timeout", timeout, "a number of seconds above 0")
    server = find_server(base_url, variable)
    settings = Settings(
        model=locator, api=api, extra_body=extra_body, logprobs=logprobs, ids=ids,
        new_limit=server.url == DEFAULT_URL, concurrency=concurrency, timeout=timeout, retries=retries,
    )  # fmt: skip
    kept = {name: options[name] for name in _NAMED if name in options}
    if extra_body:
        kept["extra_body"] = json.dumps(extra_body, sort_keys=True)
    return OpenAIModel(spelled("openai", locator, kept), server, settings)
