"""The byte vocabulary of 200,000 tokens, and what importing the package costs."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tokbench.bytelevel import ByteVocabulary
from tokbench.tokenizers import Tokenizer, load_tokenizer

Ratio = Callable[..., float]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A rank file of 200,000 tokens: words over a syllable alphabet, longest 128 bytes like real ones."""
    import base64
    import itertools

    syllables = [f"{consonant}{vowel}".encode() for consonant in "bcdfghjklmnpqrstvwxz" for vowel in "aeiou"]
    words = itertools.chain(
        (b" " * width for width in range(2, 129)),
        (b"".join(word) for size in (1, 2, 3) for word in itertools.product(syllables, repeat=size)),
    )
    tokens = [bytes([value]) for value in range(256)]
    tokens += list(itertools.islice(dict.fromkeys(words), 200_000 - len(tokens)))
    random.Random(0).shuffle(tokens)  # ranks of real vocabularies are in no byte order either
    path = tmp_path_factory.mktemp("large") / "large.tiktoken"
    path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens)))
    tokenizer = load_tokenizer(f"tiktoken:{path}?pattern=gpt2")
    assert len(tokenizer.ids()) == 200_000
    tokenizer.token_bytes(0)
    return tokenizer


def test_build(ratio: Ratio, large: Tokenizer) -> None:
    """Against sorting the same byte strings with Python alone: the promise is 1.5 s."""
    tokens = [large.token_bytes(token_id) for token_id in large.ids()]
    ratio(lambda: ByteVocabulary.build(large).matrix, lambda: sorted(tokens), bar=10)


def test_read_from_the_cache(ratio: Ratio, large: Tokenizer, tmp_path: Path) -> None:
    """Against building it: reading it back, matrix included, has to be far cheaper."""
    path = tmp_path / "vocabulary.npz"
    built = ByteVocabulary.build(large)
    built.save(path)
    assert built.nbytes < 60e6
    ratio(lambda: ByteVocabulary.read(path).matrix, lambda: ByteVocabulary.build(large).matrix, bar=0.2)


def test_import(ratio: Ratio) -> None:
    """A process that imports tokbench against one that imports nothing."""

    def process(code: str) -> object:
        return subprocess.run([sys.executable, "-c", code], check=True)

    ratio(lambda: process("import tokbench"), lambda: process("pass"), bar=2.0, rounds=10)
