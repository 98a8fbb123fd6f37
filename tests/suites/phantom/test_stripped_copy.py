"""The rate that a model without any phantom edit would show in the published probe."""

from __future__ import annotations

import pytest
from phantom_items import BYTES, PIECES, TINY

from tokbench.models.completion import Prompt
from tokbench.suites.phantom.grading import grade
from tokbench.suites.phantom.items import items
from tokbench.suites.phantom.scripted import responders
from tokbench.suites.phantom.tokenizer_rows import census_metrics
from tokbench.tokenizers import Tokenizer, load_tokenizer


@pytest.mark.parametrize("tokenizer", [TINY, PIECES, BYTES], ids=["byte-level", "sentencepiece", "bytes"])
def test_it_is_what_the_canonical_copier_gets(tokenizer: Tokenizer) -> None:
    asked = items("smoke", 0, ["bracket"])
    rows = {row.filter: row for row in census_metrics(tokenizer, [("word", "common")], ["word"], asked)
            if row.metric == "census.stripped_copy"}  # fmt: skip
    copier = responders(tokenizer)["canonical-copier"]
    statuses = [
        found.outcome.status
        for item in asked
        for found in grade(item, copier(Prompt(text=item.prompt, item=item)), tokenizer).targets
    ]
    assert (rows[""].k, rows[""].n) == (statuses.count("DIFFERENT"), len(asked))
    assert sum(row.n for name, row in rows.items() if name) == len(asked)


def test_a_tokenizer_without_exact_places_says_so() -> None:
    tokenizer = load_tokenizer("hf:@tiny-wordpiece.json")
    found = census_metrics(tokenizer, [("word", "common")], ["word"], items("smoke", 0, ["bracket"])[:3])
    (row,) = [row for row in found if row.metric == "census.stripped_copy"]
    assert row.value is None
    assert row.reason
