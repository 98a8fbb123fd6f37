from __future__ import annotations

import unicodedata

from tokbench.suites.exactness.exhaustive import assigned_characters, exhaustive, exhaustive_rows
from tokbench.tokenizers import load_tokenizer
from tokbench.tokenizers._bytes import BytesTokenizer


def test_all_assigned_characters_are_tried_and_no_others() -> None:
    characters = list(assigned_characters())
    assert len(characters) > 100_000
    assert {"a", "\u00e9", "\u4f60", "\U0001f999", "\U00020000"} <= set(characters)
    assert not any(unicodedata.category(character) in {"Cn", "Cs"} for character in characters)


def test_a_lossless_tokenizer_keeps_them_all() -> None:
    report = exhaustive(load_tokenizer("bytes"))
    assert not report.changed
    assert not report.undeclared
    metrics = exhaustive_rows(report).metrics
    assert [(row.filter, row.k, row.n) for row in metrics] == [("declared", 0, report.n), ("undeclared", 0, report.n)]


def test_what_is_declared_stands_apart_from_what_is_not() -> None:
    declared = exhaustive(load_tokenizer("sentencepiece:@tiny.model"))
    assert declared.changed == ("\u2581",)
    assert not declared.undeclared

    class Faulty(BytesTokenizer):
        def _decode(self, ids: list[int]) -> str:
            return super()._decode(ids).replace("\u00e9", "e")

    found = exhaustive(Faulty(load_tokenizer("bytes").info))
    assert found.undeclared == ("\u00e9",)
    (sample,) = exhaustive_rows(found).samples
    assert sample.message == "U+00E9"
