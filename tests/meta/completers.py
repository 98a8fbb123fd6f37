"""Models that answer, over next-token models whose probabilities are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tokbench.bytelevel import PrefixModel
from tokbench.bytelevel.protocol import Handle, Parent
from tokbench.models import HashModel, load_model
from tokbench.models._complete import TokenCompleter, completer_info
from tokbench.models.completion import Prompt
from tokbench.tokenizers import Tokenizer, load_tokenizer

TINY = load_tokenizer("hf:@tiny.json")
PIECES = load_tokenizer("sentencepiece:@tiny.model")  # inserts a space in front of a text
RULELESS = load_tokenizer("hf:@tiny-unigram.json")  # its encodings are not known as rules
BYTES = load_tokenizer("bytes")


def completer(tokenizer: Tokenizer, *, batch: int = 32, **options: object) -> TokenCompleter:
    """Over a hash model with its options, sharp enough that its most probable tokens are text."""
    ends = tuple(map(int, tokenizer.byte_vocabulary().end_ids)) or (max(tokenizer.ids()) + 1,)
    model = HashModel(tokenizer.byte_vocabulary(), end_ids=ends, **{"scale": 5.0, "end_share": 1e-3, **options})  # type: ignore[arg-type] # as they come
    return TokenCompleter(model, tokenizer, completer_info(model.info, tokenizer), batch=batch)


def function(row: Callable[[tuple[int, ...]], Sequence[float]], max_positions: int | None = None) -> TokenCompleter:
    """Over bytes: a function from ids to the probabilities of 257 ids, the last of which ends a text."""

    def logprobs(ids: tuple[int, ...]) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.log(np.asarray(row(ids), np.float64))

    model = PrefixModel(logprobs, width=257, end_ids=(256,), max_positions=max_positions)
    info = completer_info(load_model("ngram:tiny").info, BYTES)
    return TokenCompleter(model, BYTES, info)


def says(text: str) -> TokenCompleter:
    """Goes on with the bytes of a text, whatever the prompt is, then ends; the prompt is one byte."""
    data = text.encode()

    def row(ids: tuple[int, ...]) -> list[float]:
        at = len(ids) - 1
        wanted = data[at] if 0 <= at < len(data) else 256
        return [float(token == wanted) for token in range(257)]

    return function(row)


def prompts(texts: Sequence[str]) -> list[Prompt]:
    return [Prompt(text=text, key=str(place)) for place, text in enumerate(texts)]


class Counted(HashModel):
    """Counts positions and calls, and knows what is held."""

    positions = calls = 0

    def extend(self, parents: Sequence[Parent], tokens: Sequence[int]) -> tuple[Sequence[Handle], np.ndarray]:
        self.positions += len(tokens)
        self.calls += 1
        return super().extend(parents, tokens)


def counted(tokenizer: Tokenizer, end_share: float | None = None) -> tuple[TokenCompleter, Counted]:
    model = Counted(tokenizer.byte_vocabulary(), end_ids=(max(tokenizer.ids()) + 1,), end_share=end_share)
    return TokenCompleter(model, tokenizer, completer_info(model.info, tokenizer)), model
