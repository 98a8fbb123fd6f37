"""Small random transformers, built from a configuration: nothing is downloaded."""

from __future__ import annotations

from typing import TypeVar, cast

import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
)

Model = TypeVar("Model", bound=PreTrainedModel)


def build_gpt2(
    *, layers: int, width: int, vocabulary: int, seed: int, heads: int = 2, positions: int = 1024
) -> GPT2LMHeadModel:
    """A GPT-2 with random weights; its last id begins and ends texts."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=vocabulary, n_embd=width, n_layer=layers, n_head=heads, n_positions=positions,
        bos_token_id=vocabulary - 1, eos_token_id=vocabulary - 1,
    )  # fmt: skip
    return _ready(GPT2LMHeadModel(config))


def build_llama(
    *, vocabulary: int, seed: int, layers: int = 2, width: int = 32, positions: int = 256
) -> LlamaForCausalLM:
    """A Llama with rotary positions and fewer heads for keys than for queries."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=positions,
        bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1,
    )  # fmt: skip
    return _ready(LlamaForCausalLM(config))


def build_sliding(*, vocabulary: int, seed: int, window: int = 4) -> MistralForCausalLM:
    """A Mistral whose attention sees only the last ``window`` positions."""
    torch.manual_seed(seed)
    config = MistralConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, sliding_window=window,
        bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1,
    )  # fmt: skip
    return _ready(MistralForCausalLM(config))


def _ready(model: Model) -> Model:
    with torch.no_grad():  # sharper than fresh weights are, so that a mistake in attention shows
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4.0)
    return cast("Model", model.eval())  # type: ignore[no-untyped-call] # transformers has no annotation there
