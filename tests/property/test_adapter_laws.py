"""The core laws on real engines, one law a test. The laws take their own seed, not ``--hypothesis-seed``."""

from __future__ import annotations

import os

import pytest

from tokbench.laws import LAWS, check_law
from tokbench.tokenizers import Tokenizer, load_tokenizer

pytestmark = pytest.mark.property

SPECS = ("mistral:v1", "mistral:v3", "mistral:tekken_240911", "hf:@tiny.json", "tiktoken:@tiny.tiktoken?pattern=gpt2")
EXAMPLES = int(os.environ.get("TOKBENCH_MAX_EXAMPLES") or (200 if os.environ.get("CI") else 50))


@pytest.fixture(scope="session", params=SPECS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    if request.param.startswith("mistral"):
        pytest.importorskip("mistral_common")
    return load_tokenizer(request.param)


@pytest.mark.parametrize("law", [law.id for law in LAWS.values() if law.group == "core"])
def test_the_law_holds_or_does_not_apply(tokenizer: Tokenizer, law: str) -> None:
    verdict = check_law(tokenizer, LAWS[law], max_examples=EXAMPLES, seed=11)
    assert verdict.status in {"holds", "not-applicable"}, verdict
    assert verdict.status == "holds" or verdict.reason
