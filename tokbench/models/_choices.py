"""Log-probabilities of given answers behind a prompt, from next-token probabilities: :class:`TokenChoices`.

Where the tokenizer's encodings are known as rules, the value is that of the bytes: log W(prompt + answer) - log
W(prompt) over all canonical encodings (:class:`~tokbench.bytelevel.ByteModel`), so neither the cut of the answer nor a
prompt that ends inside a token matters. Elsewhere one tokenization stands for all: log p(ids of prompt + answer) - log
p(ids of prompt), which is the sum over the tokens of the answer where the prompt's own tokens stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel import ByteModel
from tokbench.bytelevel.protocol import NextTokenModel
from tokbench.errors import (
    ContextLengthError,
    LossyTextError,
    ModelContractError,
    NoChatTemplateError,
    NotASegmentationError,
    StartContextError,
    TokbenchError,
    UncoverableTextError,
    UnknownIdError,
    UnsupportedReadingError,
    VocabularyWidthError,
)
from tokbench.models._prefixes import Prefix, compute, plant
from tokbench.models._writing import Spelling
from tokbench.models.completion import ChoiceScores, Prompt
from tokbench.models.info import ModelInfo
from tokbench.tokenizers import Tokenizer

__all__ = ["TokenChoices"]

Render = Callable[[Prompt], str]
"""From a chat to the text that the model reads, special tokens written out."""


class TokenChoices:
    """A :class:`~tokbench.models.completion.ChoiceModel` over next-token probabilities.

    All answers to one prompt are computed in one tree, so their prompt is computed once.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        info: Its description.
        render: Renders chats; None where the model takes none.
    """

    def __init__(
        self, model: NextTokenModel, tokenizer: Tokenizer, info: ModelInfo, render: Render | None = None
    ) -> None:
        self.info = info
        self._model = model
        self._tokenizer = tokenizer
        self._spelling = Spelling(tokenizer)
        self._render = render
        self._bytes: ByteModel | None = None
        self._tried = False

    def score_choices(
        self,
        prompts: Sequence[Prompt],
        choices: Sequence[Sequence[str]],
        *,
        done: Callable[[int, ChoiceScores], None] | None = None,
    ) -> list[ChoiceScores]:
        """See :meth:`~tokbench.models.completion.ChoiceModel.score_choices`.

        Values of text are exact where the tokenizer has a canonical rule and keeps the text; those of chats and of ids
        are of one tokenization.

        Raises:
            NoChatTemplateError: If a prompt is a chat and the model takes none.
            StartContextError: If the model says nothing of the first token of an empty prompt.
            ValueError: If there are not as many lists of choices as prompts.
        """
        if self._render is None and any(prompt.form == "messages" for prompt in prompts):
            raise NoChatTemplateError(self.info.spec, "use a prompt without messages, for example of form text")
        found = []
        for place, (prompt, options) in enumerate(zip(prompts, choices, strict=True)):
            scores = self._scored(prompt, options)
            found.append(scores)
            if done is not None:
                done(place, scores)
        return found

    def _scored(self, prompt: Prompt, options: Sequence[str]) -> ChoiceScores:
        try:
            if prompt.text is not None and (model := self._byte_model()) is not None:
                try:
                    return _exact(model, prompt.text, options)
                except (LossyTextError, UncoverableTextError, StartContextError):
                    pass  # the bytes have no probability of their own; what the tokenizer makes of them may have
            return ChoiceScores(logprobs=self._joint(prompt, options), exact=False)
        except (ModelContractError, StartContextError):
            raise
        except TokbenchError as error:
            return ChoiceScores(status="error", problem=str(error))

    def _byte_model(self) -> ByteModel | None:
        """The model over bytes, or None where the tokenizer or the model does not allow one."""
        if not self._tried:
            self._tried = True
            try:
                self._bytes = ByteModel(self._model, self._tokenizer)
            except (UnsupportedReadingError, VocabularyWidthError):
                self._bytes = None
        return self._bytes

    # ------------------------------------------------------------------ one tokenization

    def _encoded(self, prompt: Prompt, options: Sequence[str]) -> tuple[tuple[int, ...], list[int], list[list[int]]]:
        """Ids that the model reads, those of the prompt's text, and those of prompt and answer together."""
        encode = self._tokenizer.encode
        if prompt.text is not None:
            alone = encode(prompt.text)
            return (*self._model.start_ids, *alone), alone, [encode(prompt.text + option) for option in options]
        if prompt.messages is not None:
            assert self._render is not None, "refused before"
            text = self._render(prompt)
            alone = encode(text, specials="parse")
            return tuple(alone), alone, [encode(text + option, specials="parse") for option in options]
        assert prompt.ids is not None, "one of three"
        data = self._spelling.text_of(prompt.ids)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise NotASegmentationError(
                error.start, "the prompt's ids end inside a character or spell no text"
            ) from None
        return prompt.ids, encode(text), [encode(text + option) for option in options]

    def _joint(self, prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        read, alone, joined = self._encoded(prompt, options)
        root = Prefix(None, -1)
        sequences = []
        for ids in joined:
            kept = _common(alone, ids)
            recut = len(alone) - kept  # tokens at the end of the prompt that the answer changes
            if tuple(alone[kept:]) != read[len(read) - recut :]:
                offset = len(self._spelling.text_of(read[: len(read) - recut]))
                raise NotASegmentationError(offset, "the answer changes tokens that are not those of the prompt")
            sequences.append(((*read[: len(read) - recut], *ids[kept:]), len(read) - recut))
        start = min((split for _, split in sequences), default=len(read))
        ways = [plant(root, read), *(plant(root, ids) for ids, _ in sequences)]
        self._check([ids for ids, _ in sequences])
        values = self._edges(root, [way[start:] for way in ways])
        return tuple(math.fsum(value) - math.fsum(values[0]) for value in values[1:])

    def _check(self, sequences: Sequence[Sequence[int]]) -> None:
        longest = max(map(len, sequences), default=0) - 1  # nothing is asked behind the last token
        limit = self._model.max_positions
        if limit is not None and longest > limit:
            raise ContextLengthError(longest, limit)
        for ids in sequences:
            for token in ids:
                if not 0 <= token < self._model.width:
                    raise UnknownIdError(token, self.info.spec)

    def _edges(self, root: Prefix, ways: Sequence[Sequence[Prefix]]) -> list[list[float]]:
        """Log-probability of the last token of each sequence on each way."""
        known: dict[int, float] = {}
        above = {id(one.parent): one.parent for way in ways for one in way if one.parent is not None}

        def read(prefix: Prefix, row: NDArray[np.floating]) -> None:
            if id(prefix) in above:
                for kid in prefix.kids.values():
                    known[id(kid)] = float(row[kid.token])

        self._model.release(compute(self._model, list(above.values()), read))
        found = [[known[id(one)] for one in way] for way in ways]
        if any(math.isnan(value) for way in found for value in way):
            raise ModelContractError((), "some are NaN")
        return found


def _exact(model: ByteModel, text: str, options: Sequence[str]) -> ChoiceScores:
    """Scores of the bytes; an answer without any probability has ``-inf``."""
    scores = model.choose(text, options)
    return ChoiceScores(
        logprobs=tuple(float(score.value) for score in scores), exact=all(score.exact for score in scores)
    )


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the common beginning."""
    for at, (one, two) in enumerate(zip(first, second, strict=False)):
        if one != two:
            return at
    return min(len(first), len(second))
