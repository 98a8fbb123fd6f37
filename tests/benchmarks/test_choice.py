"""The choice of tokens against the softmax of the same scores: what it adds to a forward of a model."""

from __future__ import annotations

from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tokbench.models._hf_complete import _Chooser  # noqa: E402, behind the skips
from tokbench.models._writing import Spelling, Writer, Writing  # noqa: E402
from tokbench.models.completion import Decoding  # noqa: E402
from tokbench.tokenizers import load_tokenizer  # noqa: E402

Ratio = Callable[..., float]

WIDTH, ROWS = 32_000, 16
BAR = 10.0


def test_the_choice_of_tokens_takes_little_time_beside_the_scores(ratio: Ratio) -> None:
    writing = Writing(Decoding(max_tokens=1000), Spelling(load_tokenizer("hf:@tiny.json")), frozenset(), None)
    chooser = _Chooser([Writer(writing, (1,), str(row)) for row in range(ROWS)])
    scores = torch.randn(ROWS, WIDTH)
    none = torch.zeros(ROWS, 1)
    plain = ratio(lambda: chooser(none, scores.clone()), lambda: torch.log_softmax(scores.clone(), -1), bar=BAR)
    assert plain < BAR
