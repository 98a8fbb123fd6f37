"""Known faults of Hugging Face tokenizers 0.23.3: an XPASS after an upgrade means that a row is to be updated."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from tokbench.tokenizers._bytetable import CHARACTERS


def byte_level() -> Tokenizer:
    engine = Tokenizer(models.BPE(vocab={character: byte for byte, character in enumerate(CHARACTERS)}, merges=[]))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    return engine


@pytest.mark.xfail(
    strict=True,
    reason="tokenizers 0.23.3: https://github.com/huggingface/tokenizers/issues/1392 (byte table on decode)",
)
@pytest.mark.parametrize("content", ["\u010d", "\u0111em", "na\u00efve"])
def test_added_text_decodes_to_itself(content: str) -> None:
    engine = byte_level()
    engine.add_tokens([AddedToken(content, normalized=False)])
    ids = engine.encode(content, add_special_tokens=False).ids
    assert engine.decode(ids, skip_special_tokens=False) == content


@pytest.mark.xfail(
    strict=True, reason="tokenizers 0.23.3: https://github.com/huggingface/tokenizers/issues/1347 (flag is lost)"
)
@pytest.mark.parametrize("way", ["pickle", "deepcopy", "to_str"])
def test_the_switch_for_special_text_survives_a_copy(way: str) -> None:
    engine = byte_level()
    engine.add_special_tokens(["<|e|>"])
    engine.encode_special_tokens = True
    copies: dict[str, Callable[[], Tokenizer]] = {
        "pickle": lambda: pickle.loads(pickle.dumps(engine)),  # noqa: S301, our own pickle
        "deepcopy": lambda: copy.deepcopy(engine),
        "to_str": lambda: Tokenizer.from_str(engine.to_str()),
    }
    assert copies[way]().encode("<|e|>", add_special_tokens=False).ids == engine.encode("<|e|>").ids


def test_unknown_ids_are_dropped_silently() -> None:
    # by design of the library; our adapter raises UnknownIdError instead
    assert byte_level().decode([97, 5000], skip_special_tokens=False) == "a"


def test_a_run_of_emoji_collapses_to_one_unknown_token() -> None:
    # WordPiece by design
    engine = Tokenizer(models.WordPiece(vocab={"[UNK]": 0, "a": 1}, unk_token="[UNK]"))  # noqa: S106, a token
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    engine.add_special_tokens(["[UNK]"])
    ids = engine.encode("\U0001f4a9\U0001f4a9\U0001f4a9", add_special_tokens=False).ids
    assert ids == [0]
    assert engine.decode(ids) == ""
    assert engine.decode(ids, skip_special_tokens=False) == "[UNK]"


def test_a_model_without_unknown_token_drops_characters() -> None:
    engine = Tokenizer(models.BPE(vocab={"a": 0, "b": 1}, merges=[]))
    assert engine.encode("abc").tokens == ["a", "b"]


def test_the_fast_batch_call_has_no_offsets() -> None:
    # by design: spans come from the slow call
    (encoding,) = byte_level().encode_batch_fast(["ab"], add_special_tokens=False)
    assert encoding.offsets == [(0, 0), (0, 0)]
