"""Any model with next-token probabilities as a model that answers: :class:`TokenCompleter`."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel.protocol import Handle, NextTokenModel
from tokbench.errors import NoChatTemplateError, StartContextError, TokbenchError, UnknownIdError
from tokbench.models._choices import TokenChoices
from tokbench.models._prefixes import Prefix, compute, plant
from tokbench.models._writing import Spelling, Writer, Writing
from tokbench.models.completion import ChoiceScores, Completion, Decoding, Done, Form, Prompt
from tokbench.models.info import ModelInfo, setting_table
from tokbench.tokenizers import Tokenizer

__all__ = ["TokenCompleter", "check_ids", "completer_info", "end_ids_of"]

_DECODING = Decoding()
_BATCH = 32
"""Prompts that are answered together."""


def completer_info(info: ModelInfo, tokenizer: Tokenizer, **settings: object) -> ModelInfo:
    """Description of a model that answers: that of its probabilities, with the tokenizer and what else matters."""
    digest = hashlib.sha256(f"completion {info.fingerprint} {tokenizer.info.fingerprint}".encode())
    for name, value in setting_table(settings):
        digest.update(f"\n{name} {value}".encode())
    known = {**dict(info.settings), **dict(setting_table(settings))}
    return replace(
        info,
        fingerprint=digest.hexdigest(),
        settings=tuple(sorted(known.items())),
        tokenizer=info.tokenizer or tokenizer.info.spec,
    )


def end_ids_of(model: NextTokenModel, tokenizer: Tokenizer) -> frozenset[int]:
    """Ids that end an answer: the model's, or the vocabulary's where it has none."""
    ends: Iterable[int] = model.end_ids
    if not model.end_ids:
        ends = (int(token) for token in tokenizer.byte_vocabulary().end_ids)
    return frozenset(token for token in ends if 0 <= token < model.width)


def check_ids(ids: Sequence[int], width: int, model: str) -> None:
    """Refuse ids for which a model has no place.

    Raises:
        UnknownIdError: If there is one.
    """
    for token in ids:
        if not 0 <= token < width:
            raise UnknownIdError(token, model)


class TokenCompleter:
    """Answers text and ids token by token, several prompts together; gives probabilities of answers as well.

    Text stands behind the model's start ids and is plain text: nothing in it becomes a special token. Ids are taken as
    they are. Beginnings that prompts of a batch share are computed once.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        info: Description of the completer.
        batch: Number of prompts that are answered together.
    """

    takes: frozenset[Form] = frozenset({"text", "ids"})
    forbids = True

    def __init__(self, model: NextTokenModel, tokenizer: Tokenizer, info: ModelInfo, *, batch: int = _BATCH) -> None:
        self.info = info
        self._model = model
        self._tokenizer = tokenizer
        self._spelling = Spelling(tokenizer)
        self._end_ids = end_ids_of(model, tokenizer)
        self._batch = batch
        self._choices = TokenChoices(model, tokenizer, info)

    def __repr__(self) -> str:
        return f"<TokenCompleter {self.info.spec}{' (toy)' if self.info.toy else ''}>"

    @property
    def model(self) -> NextTokenModel:
        """The model with its next-token probabilities."""
        return self._model

    @property
    def start_ids(self) -> tuple[int, ...]:
        """Ids that the model puts in front of a text; a prompt of ids has them in itself."""
        return self._model.start_ids

    # ------------------------------------------------------------------ answers

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding = _DECODING, *, done: Done | None = None
    ) -> list[Completion]:
        """See :meth:`~tokbench.models.completion.CompletionModel.generate`.

        Raises:
            NoChatTemplateError: If a prompt is a chat.
            OptionError: If the decoding has a value out of its range.
            UnknownIdError: If an id is forbidden that the model does not have.
        """
        check_ids(decoding.forbidden, self._model.width, self.info.spec)
        for prompt in prompts:
            if prompt.form == "messages":
                raise NoChatTemplateError(self.info.spec, "use a prompt without messages, for example of form text")
        writing = Writing(decoding, self._spelling, self._end_ids, self._model.max_positions)
        found: dict[int, Completion] = {}

        def finish(place: int, completion: Completion) -> None:
            found[place] = completion
            if done is not None:
                done(place, completion)

        for start in range(0, len(prompts), self._batch):
            self._answer(list(enumerate(prompts[start : start + self._batch], start)), writing, finish)
        return [found[place] for place in range(len(prompts))]

    def _prompt_ids(self, prompt: Prompt) -> tuple[int, ...]:
        if prompt.ids is not None:
            ids = prompt.ids
        else:
            assert prompt.text is not None, "messages were refused"
            ids = (*self._model.start_ids, *self._tokenizer.encode(prompt.text))
        check_ids(ids, self._model.width, self.info.spec)
        return ids

    def _answer(
        self, prompts: Sequence[tuple[int, Prompt]], writing: Writing, finish: Callable[[int, Completion], None]
    ) -> None:
        began = time.perf_counter()
        root = Prefix(None, -1)
        writers: dict[int, tuple[Writer, Prefix]] = {}
        for place, prompt in prompts:
            try:
                ids = self._prompt_ids(prompt)
                if not ids:
                    self._check_start()
                writers[place] = Writer(writing, ids, prompt.key), plant(root, ids)[-1] if ids else root
            except TokbenchError as error:
                finish(place, Completion(status="error", problem=str(error)))
        rows: dict[int, NDArray[np.floating]] = {}
        ends = {id(prefix) for _, prefix in writers.values()}

        def keep(prefix: Prefix, row: NDArray[np.floating]) -> None:
            if id(prefix) in ends:
                rows[id(prefix)] = row.copy()  # a view would keep the rows of the whole call

        held = Held(self._model, compute(self._model, [prefix for _, prefix in writers.values()], keep))
        try:
            active = [(place, writer, prefix.handle, rows[id(prefix)]) for place, (writer, prefix) in writers.items()]
            held.only([handle for _, _, handle, _ in active])
            while active:
                going = []
                for place, writer, handle, row in active:
                    token = writer.pick(row)
                    if writer.finish:
                        finish(place, writer.completion(time.perf_counter() - began))
                    else:
                        going.append((place, writer, handle, token))
                if not going:
                    break
                handles, found = self._model.extend([entry[2] for entry in going], [entry[3] for entry in going])
                held.add(handles)
                held.only(handles)
                active = [
                    (place, writer, handle, row)
                    for (place, writer, _, _), handle, row in zip(going, handles, found, strict=True)
                ]
        finally:
            held.only(())

    def _check_start(self) -> None:
        """Find out whether there is a first token, before a batch depends on it.

        Raises:
            StartContextError: If the model gives none.
        """
        try:
            handle, _ = self._model.initial()
        except StartContextError:
            raise StartContextError(self.info.spec) from None
        self._model.release([handle])

    # ------------------------------------------------------------------ probabilities of answers

    def score_choices(
        self,
        prompts: Sequence[Prompt],
        choices: Sequence[Sequence[str]],
        *,
        done: Callable[[int, ChoiceScores], None] | None = None,
    ) -> list[ChoiceScores]:
        """See :class:`~tokbench.models._choices.TokenChoices`."""
        return self._choices.score_choices(prompts, choices, done=done)


class Held:
    """Positions of a model that somebody still needs.

    Args:
        model: The model.
        handles: What is held at first.
    """

    def __init__(self, model: NextTokenModel, handles: Iterable[Handle]) -> None:
        self._model = model
        self._handles = Counter(handles)

    def add(self, handles: Iterable[Handle]) -> None:
        """Hold more."""
        self._handles.update(handles)

    def only(self, handles: Iterable[Handle]) -> None:
        """Let go of all others."""
        kept = Counter(set(handles))
        dead = list((self._handles - kept).elements())
        self._handles = kept
        if dead:
            self._model.release(dead)
