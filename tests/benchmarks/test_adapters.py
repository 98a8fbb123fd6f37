"""``encode_batch`` of 5 MB through tokbench against the backend's own batch call: at most 1.10."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tokbench._resources import resource
from tokbench.tokenizers import load_tokenizer

BAR = 1.10
Ratio = Callable[..., float]
Encode = Callable[[list[str]], object]


def own_tiktoken(path: str) -> Encode:
    import tiktoken

    from tokbench.tokenizers._tiktoken import _parse_ranks
    from tokbench.tokenizers.patterns import PATTERNS

    ranks = _parse_ranks(Path(path).read_bytes(), path)
    encoding = tiktoken.Encoding("own", pat_str=PATTERNS["gpt2"], mergeable_ranks=ranks, special_tokens={})
    return encoding.encode_ordinary_batch


def own_hf(path: str) -> Encode:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    tokenizer.encode_special_tokens = True

    def encode(texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    return encode


def own_sentencepiece(path: str) -> Encode:
    import sentencepiece

    encode: Encode = sentencepiece.SentencePieceProcessor(model_file=path).encode
    return encode


def own_mistral(_: str) -> Encode:
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    inner = MistralTokenizer.v3(is_tekken=True).instruct_tokenizer.tokenizer
    return lambda texts: [inner.encode(text, bos=False, eos=False) for text in texts]


def own_bytes(_: str) -> Encode:
    return lambda texts: [list(text.encode()) for text in texts]


@pytest.mark.parametrize(
    ("spec", "own", "file"),
    [
        ("tiktoken:@tiny.tiktoken?pattern=gpt2", own_tiktoken, "tiny.tiktoken"),
        ("hf:@tiny.json", own_hf, "tiny.json"),
        ("hf:@tiny-wordpiece.json", own_hf, "tiny-wordpiece.json"),
        ("sentencepiece:@tiny.model", own_sentencepiece, "tiny.model"),
        ("sentencepiece:@tiny-unigram.model", own_sentencepiece, "tiny-unigram.model"),
        ("mistral:tekken_240911", own_mistral, ""),
        ("bytes", own_bytes, ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_encode_batch(ratio: Ratio, documents: list[str], spec: str, own: Callable[[str], Encode], file: str) -> None:
    if spec.startswith("mistral"):
        pytest.importorskip("mistral_common")
    tokenizer = load_tokenizer(spec)
    theirs = own(str(resource("fixtures", file)) if file else "")
    if spec.startswith("mistral"):
        documents = documents[:1000]  # 1 MB: a Python layer is slow, and the ratio does not depend on the size
    assert tokenizer.encode_batch(documents[:20]) == theirs(documents[:20])
    ratio(lambda: tokenizer.encode_batch(documents), lambda: theirs(documents), bar=BAR)
