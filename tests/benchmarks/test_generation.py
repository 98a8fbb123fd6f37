"""Byte-by-byte generation against token-by-token generation of the same text, 110 M parameters, random weights.

The ratio is one of times: twice the time is half the characters a second.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("mistral_common")

from toys_torch import build_gpt2  # noqa: E402, behind the skips

from tokbench.bytelevel import ByteModel  # noqa: E402
from tokbench.models import HfModel  # noqa: E402
from tokbench.models._hf import cache_name  # noqa: E402
from tokbench.tokenizers import Tokenizer, load_tokenizer  # noqa: E402

Ratio = Callable[..., float]

BAR = 2.0
PROMPT = "The quick brown fox "
BYTES = 120
SHARPER = 8.0
"""Factor on the embeddings: random weights alone give every token about the same probability."""


def _ranks(folder: Path) -> str:
    from base64 import b64encode

    tekken = load_tokenizer("mistral:tekken_240911")
    first = min(id_ for id_ in tekken.ids() if tekken.kind(id_) == "normal")
    path = folder / "ranks.tiktoken"
    path.write_bytes(b"".join(b64encode(tekken.token_bytes(first + rank)) + b" %d\n" % rank for rank in range(32_000)))
    return f"tiktoken:{path}?pattern=gpt2"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return load_tokenizer(_ranks(tmp_path_factory.mktemp("ranks")))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_generation(ratio: Ratio, tokenizer: Tokenizer, temperature: float, table: list[tuple[str, ...]]) -> None:
    from transformers import DynamicCache

    bare = build_gpt2(layers=12, width=768, heads=12, vocabulary=32_002, seed=0)
    with torch.no_grad():
        bare.transformer.wte.weight.mul_(SHARPER)
    name = cache_name(bare)
    model = ByteModel(HfModel(bare, start_ids=(32_001,), end_ids=(32_000,)), tokenizer)

    def ours() -> list[object]:
        return list(model.generate(PROMPT, max_bytes=BYTES, temperature=temperature, seed=1))

    (drawn,) = model.generate(PROMPT, max_bytes=BYTES, temperature=temperature, seed=1)
    ids = tokenizer.encode(drawn.data.decode("utf-8", "replace"))

    def theirs() -> None:
        with torch.inference_mode():
            cache = DynamicCache()
            start = [32_001, *tokenizer.encode(PROMPT)]
            logits = bare(torch.tensor([start]), **{name: cache}, use_cache=True).logits
            for token in ids:
                torch.softmax(logits[0, -1], -1)
                logits = bare(torch.tensor([[token]]), **{name: cache}, use_cache=True).logits

    value = ratio(ours, theirs, bar=BAR, rounds=3)
    table.append((
        f"generation, 110 M, T = {temperature:g}", "", f"{1 / value:.2f} of tokens",
        f"{drawn.positions / len(drawn.data):.3f}", f"{drawn.forwards / len(ids):.2f} a token",
    ))  # fmt: skip
