"""The lattice of a text of 2,000 bytes against encoding the same text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tokbench._resources import resource
from tokbench.bytelevel import Lattice
from tokbench.tokenizers import Tokenizer, load_tokenizer

Ratio = Callable[..., float]

SIZE = 2000
DRAWS = 1000


@pytest.fixture(scope="module", params=["tiktoken:@tiny.tiktoken?pattern=gpt2", "mistral:tekken_240911"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    if request.param.startswith("mistral"):
        pytest.importorskip("mistral_common")
    return load_tokenizer(request.param)


@pytest.fixture(scope="module")
def text() -> str:
    """The beginning of the embedded corpus: several scripts, and never half a character."""
    lines = [
        path.read_text(encoding="utf-8")[:400]
        for path in sorted(resource("suites", "exactness", "corpus").glob("*.txt"))
    ]
    return "".join(lines).encode()[:SIZE].decode("utf-8", "ignore")


def test_count(ratio: Ratio, tokenizer: Tokenizer, text: str) -> None:
    """Finding every edge and counting every path: about a dozen encodings."""
    vocabulary, data = tokenizer.byte_vocabulary(), text.encode()
    assert Lattice(vocabulary, data).count() > 2**100
    ratio(lambda: Lattice(vocabulary, data).count(), lambda: tokenizer.encode(text), bar=30)


def test_uniform_draws(ratio: Ratio, tokenizer: Tokenizer, text: str) -> None:
    """A thousand draws against a thousand encodings: each walks the text once, in Python."""
    lattice = Lattice(tokenizer.byte_vocabulary(), text.encode())
    assert lattice.uniform(0, 0) != lattice.uniform(0, 1)
    ratio(
        lambda: [lattice.uniform(0, index) for index in range(DRAWS)],
        lambda: [tokenizer.encode(text) for _ in range(DRAWS)],
        bar=5,
        rounds=3,
    )
