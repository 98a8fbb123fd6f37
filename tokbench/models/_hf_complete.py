"""Folders of transformers as models that answer, in batches: ``hf:./folder`` (:class:`HfCompleter`).

The loop, the cache and the positions of padded rows are those of ``generate`` of transformers. Which token comes next,
and when a row ends, is decided here row by row (:mod:`~tokbench.models._writing`), because no answer may depend on what
stands beside it in its batch, stop strings are found in bytes, and the ids are wanted exactly as they were emitted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

from tokbench.errors import NoChatTemplateError, OptionError, StartContextError, TokbenchError
from tokbench.models._choices import TokenChoices
from tokbench.models._complete import check_ids, completer_info, end_ids_of
from tokbench.models._hf_chat import ChatTemplate, find_template
from tokbench.models._hf_load import load_given
from tokbench.models._options import Options
from tokbench.models._writing import Spelling, Writer, Writing
from tokbench.models.completion import ChoiceScores, Completion, Decoding, Done, Form, Prompt

if TYPE_CHECKING:
    from tokbench.models._hf import HfModel
    from tokbench.tokenizers import Tokenizer

__all__ = ["HfCompleter", "load"]

_DECODING = Decoding()
_BATCH = 16
_REMEDY = "use a prompt without messages, for example of form text"


class HfCompleter:
    """Answers text, ids and, with a template, chats; gives probabilities of answers as well.

    Text stands behind the model's start ids (option ``start``) and is plain text. A chat is rendered by the template,
    whose special tokens are parsed and to which nothing is added. Ids are taken as they are.

    Args:
        model: The model; its generation settings are set aside, so that only the decoding counts.
        tokenizer: Its tokenizer.
        template: Its chat template; None takes no chats.
        end_ids: Ids that end an answer; None takes the model's.
        batch: Number of prompts that are answered together.
    """

    forbids = True

    def __init__(
        self,
        model: HfModel,
        tokenizer: Tokenizer,
        template: ChatTemplate | None = None,
        *,
        end_ids: Sequence[int] | None = None,
        batch: int = _BATCH,
    ) -> None:
        self._model = model
        self._network: Any = model.network
        self._tokenizer = tokenizer
        self._template = template
        self._batch = batch
        self._spelling = Spelling(tokenizer)
        self._end_ids = end_ids_of(model, tokenizer) if end_ids is None else frozenset(end_ids)
        self.takes: frozenset[Form] = frozenset({"text", "ids"} if template is None else {"text", "messages", "ids"})
        self.info = completer_info(
            model.info,
            tokenizer,
            chat="no" if template is None else template.sha256,
            end_ids=tuple(sorted(self._end_ids)),
        )
        self._network.generation_config = _settings()
        self._choices = TokenChoices(model, tokenizer, self.info, None if template is None else self._chat)

    def __repr__(self) -> str:
        return f"<HfCompleter {self.info.spec}>"

    @property
    def model(self) -> HfModel:
        """The model with its next-token probabilities."""
        return self._model

    @property
    def start_ids(self) -> tuple[int, ...]:
        """Ids that the model puts in front of a text; a prompt of ids has them in itself."""
        return self._model.start_ids

    # ------------------------------------------------------------------ prompts

    def _chat(self, prompt: Prompt) -> str:
        if self._template is None:
            raise NoChatTemplateError(self.info.spec, _REMEDY)
        return self._template.render(prompt.messages or ())

    def render(self, prompt: Prompt) -> str | None:
        """The text that the model reads for a prompt, special tokens of a chat written out; None for ids.

        Raises:
            NoChatTemplateError: If it is a chat and there is no template.
            ModelFileError: If the template does not take such messages.
        """
        return self._chat(prompt) if prompt.messages is not None else prompt.text

    def _prompt_ids(self, prompt: Prompt, chat: str | None) -> tuple[int, ...]:
        if prompt.ids is not None:
            ids = prompt.ids
        elif chat is not None:
            ids = tuple(self._tokenizer.encode(chat, specials="parse"))
        else:
            ids = (*self._model.start_ids, *self._tokenizer.encode(prompt.text or ""))
        check_ids(ids, self._model.width, self.info.spec)
        if not ids:
            raise StartContextError(self.info.spec)
        return ids

    # ------------------------------------------------------------------ answers

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding = _DECODING, *, done: Done | None = None
    ) -> list[Completion]:
        """See :meth:`~tokbench.models.completion.CompletionModel.generate`; ``done`` is called behind each batch.

        Raises:
            NoChatTemplateError: If a prompt is a chat and there is no template.
            ModelFileError: If the template does not take the roles of a chat.
            OptionError: If the decoding has a value out of its range.
            UnknownIdError: If an id is forbidden that the model does not have.
        """
        check_ids(decoding.forbidden, self._model.width, self.info.spec)
        chats = [None if prompt.messages is None else self._chat(prompt) for prompt in prompts]
        writing = Writing(decoding, self._spelling, self._end_ids, self._model.max_positions)
        found: dict[int, Completion] = {}

        def finish(place: int, completion: Completion) -> None:
            found[place] = completion
            if done is not None:
                done(place, completion)

        writers: dict[int, Writer] = {}
        for place, (prompt, chat) in enumerate(zip(prompts, chats, strict=True)):
            try:
                writers[place] = Writer(writing, self._prompt_ids(prompt, chat), prompt.key)
            except TokbenchError as error:
                finish(place, Completion(status="error", problem=str(error)))
        # neighbours of about one length need little padding; the longest come first: if memory ends, it does so early
        order = sorted(writers, key=lambda place: -len(writers[place].prompt_ids))
        for start in range(0, len(order), self._batch):
            places = order[start : start + self._batch]
            began = time.perf_counter()
            self._write([writers[place] for place in places])
            seconds = time.perf_counter() - began
            for place in places:
                finish(place, writers[place].completion(seconds))
        return [found[place] for place in range(len(prompts))]

    def _write(self, writers: Sequence[Writer]) -> None:
        """Write answers to their ends.

        A row that has ended goes on with its batch, so the steps of one run are as many as the longest row has room
        for; what is not finished then goes on in another run.
        """
        limit = self._model.max_positions
        active = list(writers)
        while active:
            steps = max(writer.left for writer in active)
            if limit is not None:
                steps = min(steps, *(limit - len(writer.sequence) for writer in active))
            self._run(active, steps)
            active = [writer for writer in active if not writer.finish]

    def _run(self, writers: Sequence[Writer], steps: int) -> None:
        sequences = [writer.sequence for writer in writers]
        longest = max(map(len, sequences))
        ids = torch.zeros((len(sequences), longest), dtype=torch.long)
        real = torch.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            ids[row, longest - len(sequence) :] = torch.tensor(sequence)
            real[row, longest - len(sequence) :] = 1
        device = self._network.device
        self._network.generate(
            ids.to(device),
            attention_mask=real.to(device),
            generation_config=_settings(max_new_tokens=steps, do_sample=False),
            logits_processor=LogitsProcessorList([_Chooser(writers)]),
            stopping_criteria=StoppingCriteriaList([_Stopper(writers)]),
        )

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


def _settings(**values: object) -> GenerationConfig:
    return GenerationConfig(**values)  # type: ignore[no-untyped-call] # transformers has no annotation there


class _Chooser:
    """Chooses and writes the next token of every row, and leaves ``generate`` no other choice."""

    def __init__(self, writers: Sequence[Writer]) -> None:
        self._writers = writers
        self._forbidden = torch.tensor(writers[0].forbidden, dtype=torch.long)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._writers[0].greedy:
            top, tokens = scores.max(-1)  # of several the lowest id
            below: torch.Tensor | float = 0.0
            if len(self._forbidden):
                allowed = scores.index_fill(1, self._forbidden.to(scores.device), -torch.inf)
                best, tokens = allowed.max(-1)
                below = (best - top).double()
            picked = tokens.tolist()
            total = (
                scores.sub_(top[:, None]).exp_().sum(-1, dtype=torch.float64)
            )  # the scores are a copy for processors
            logprobs = (below - total.log()).tolist()
            for writer, token, logprob in zip(self._writers, picked, logprobs, strict=True):
                if not writer.finish:
                    writer.write(token, logprob)
        else:
            rows = torch.log_softmax(scores.double(), -1).cpu().numpy()
            picked = [0 if writer.finish else writer.pick(row) for writer, row in zip(self._writers, rows, strict=True)]
        scores.fill_(-torch.inf)
        scores.scatter_(1, torch.tensor(picked, device=scores.device)[:, None], 0.0)
        return scores


class _Stopper:
    """Ends the rows whose answer is written."""

    def __init__(self, writers: Sequence[Writer]) -> None:
        self._writers = writers

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        return torch.tensor([bool(writer.finish) for writer in self._writers], device=input_ids.device)


def load(spec: str, locator: str, tokenizer: Tokenizer | None, options: dict[str, object]) -> HfCompleter:
    """Load a folder with its tokenizer and its chat template; nothing is downloaded.

    Args:
        spec: How the model is named in results.
        locator: Path of the folder.
        tokenizer: Tokenizer for folders without ``tokenizer.json``.
        options: ``chat`` (``auto``, ``yes``, ``no``), ``batch``, and those of :func:`~tokbench.models.load_model`.

    Raises:
        ModelFileError: If there is no such folder, or transformers makes nothing of it.
        NoChatTemplateError: With ``chat=yes``, if there is no template.
        OptionError: If an option has a wrong name or value, or there is no tokenizer.
    """
    from tokbench.tokenizers import load_tokenizer

    given = Options("hf", options)
    chat, batch = given.text("chat", "auto", ("auto", "yes", "no")), given.integer("batch", _BATCH, least=1)
    ends_given = "end" in options
    folder = Path(locator).expanduser()
    own = folder / "tokenizer.json"
    if own.is_file():
        tokenizer = load_tokenizer(f"hf:{own}")
    model = load_given(spec, locator, tokenizer, given)
    if tokenizer is None:
        raise OptionError("tokenizer", None, f"the spec of a tokenizer: {locator} holds no tokenizer.json")
    template = None if chat == "no" else find_template(folder)
    if chat == "yes" and template is None:
        raise NoChatTemplateError(spec, f"{locator} holds no chat template; use chat=no and {_REMEDY}")
    ends = model.end_ids if ends_given else _ends(model, tokenizer, template)
    return HfCompleter(model, tokenizer, template, end_ids=ends, batch=batch or _BATCH)


def _ends(model: HfModel, tokenizer: Tokenizer, template: ChatTemplate | None) -> tuple[int, ...]:
    """Ids that end an answer: those of the configuration, of the generation settings, and the end of a chat's turn."""
    config: Any = model.network.generation_config
    value = config.eos_token_id if config is not None else None
    found = [*model.end_ids, *(value if isinstance(value, list | tuple) else () if value is None else (value,))]
    if template is not None and template.end is not None:
        special = tokenizer.special_tokens().get(template.end)
        found += [] if special is None else [special]
    return tuple(dict.fromkeys(token for token in found if 0 <= token < model.width))
