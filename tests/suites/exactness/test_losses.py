from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.suites.exactness.corpus import parity_corpus
from tokbench.suites.exactness.losses import Outcome, classify, loss_rows, survey
from tokbench.tokenizers import Capability, Tokenizer, VocabularyTable, load_tokenizer
from tokbench.tokenizers._bytes import BytesTokenizer

UNKNOWN = 256
TEXTS = st.text(st.sampled_from("abAB ?q\té\u0301\u212b\u00c5ﬁ💩\u2581") | st.characters(codec="utf-8"), max_size=12)


def same(text: str) -> str:
    return text


class Lossy(BytesTokenizer):
    """Bytes, with losses on request."""

    def __init__(
        self,
        *,
        change: Callable[[str], str] = same,
        unknown: str = "",
        clean: Callable[[str], str] = same,
        capability: Capability | None = None,
    ) -> None:
        info = load_tokenizer("bytes").info
        super().__init__(replace(info, capability=capability or info.capability))
        self.change, self.unknown, self.clean = change, unknown, clean

    def _load_table(self) -> VocabularyTable:
        table = super()._load_table()
        return VocabularyTable(table.bytes_of, kinds={UNKNOWN: "unknown"}, names={UNKNOWN: "<unk>"})

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for character in self.change(text):
            ids += [UNKNOWN] if character in self.unknown else character.encode()
        return ids

    def _decode(self, ids: list[int]) -> str:
        known = bytes(token_id for token_id in ids if token_id != UNKNOWN)
        return self.clean(known.decode("utf-8", "replace"))


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def without_q(text: str) -> str:
    return text.replace("q", "")


def cleaned(text: str) -> str:
    return text.replace(" ?", "?")


@pytest.mark.property
@pytest.mark.parametrize("change", [nfc, str.lower, str.strip], ids=["nfc", "lower", "strip"])
@given(text=TEXTS)
def test_a_changed_text_is_a_normalisation_loss(change: Callable[[str], str], text: str) -> None:
    expected = Outcome("normalisation") if change(text) != text else Outcome(None)
    assert classify(Lossy(change=change), text) == expected


@pytest.mark.property
@given(text=TEXTS)
def test_an_unknown_id_is_an_unknown_token_loss(text: str) -> None:
    assert classify(Lossy(unknown="💩"), text) == Outcome("unknown-token" if "💩" in text else None)


@pytest.mark.property
@given(text=TEXTS)
def test_a_character_that_vanishes_is_an_unknown_token_loss(text: str) -> None:
    assert classify(Lossy(change=without_q), text) == Outcome("unknown-token" if "q" in text else None)


@pytest.mark.property
@given(text=TEXTS)
def test_a_cleaned_text_is_a_decode_side_loss(text: str) -> None:
    assert classify(Lossy(clean=cleaned), text) == Outcome("decode-side" if " ?" in text else None)


@pytest.mark.property
@given(text=TEXTS)
def test_unknown_comes_before_normalisation_before_decoding(text: str) -> None:
    outcome = classify(Lossy(change=str.lower, unknown="💩", clean=cleaned), text)
    # the unknown id is gone before the decoder cleans up, so it may bring a space and a question mark together
    kept = text.lower().replace("💩", "")
    if "💩" in text:
        assert outcome == Outcome("unknown-token", " ?" in kept)
    elif text.lower() != text:
        assert outcome == Outcome("normalisation", " ?" in kept)
    else:
        assert outcome == Outcome("decode-side" if " ?" in kept else None)


def test_a_stripped_first_space_is_decode_side_where_no_prefix_is_declared_there() -> None:
    capability = Capability(round_trip="lossless-except", exceptions=frozenset({"leading-space"}), prefix=b" ")

    def prefixed(text: str) -> str:
        return text if text.startswith((" ", "\u2581")) or not text else f" {text}"

    tokenizer = Lossy(change=prefixed, clean=lambda text: text.removeprefix(" "), capability=capability)
    assert classify(tokenizer, "9") == Outcome(None)
    assert classify(tokenizer, " 9") == Outcome("decode-side")


def test_a_survey_counts_shrinks_and_names_exceptions() -> None:
    tokenizer = Lossy(change=nfc, clean=cleaned)
    found = survey(tokenizer, ["plain", "xx A\u030ayy", "zz ?", "a ? b", "A\u030a ?"])
    assert dict(found.counts) == {"unknown-token": 0, "normalisation": 2, "decode-side": 2}
    assert (found.n, found.lossless, found.secondary) == (5, 1, 1)
    assert dict(found.by_exception) == {("normalisation", "not-nfc"): 2, ("decode-side", ""): 2}
    by_kind = {example.kind: example for example in found.examples}
    assert len(by_kind["normalisation"].text) <= 2
    assert by_kind["normalisation"].exception == "not-nfc"
    # " ?" alone would fall under another named exception
    assert (by_kind["decode-side"].text, by_kind["decode-side"].decoded) == ("a ?", "a?")


def test_rows_of_a_survey() -> None:
    rows = loss_rows(survey(Lossy(clean=cleaned), ["a ?", "b"]))
    assert {metric.metric: (metric.k, metric.n) for metric in rows.metrics} == {
        "loss.unknown-token": (0, 2),
        "loss.normalisation": (0, 2),
        "loss.decode-side": (1, 2),
        "loss.secondary": (0, 2),
    }
    (sample,) = rows.samples
    assert (sample.item_id, sample.gold) == ("loss/decode-side/unnamed", "a ?")
    assert "1 of 2 texts" in sample.message


def test_an_empty_survey_has_no_value_but_a_reason() -> None:
    assert all(metric.value is None and metric.reason for metric in loss_rows(survey(Lossy(), [])).metrics)


def _losses(tokenizer: Tokenizer) -> set[tuple[str, str]]:
    texts = [text for strings in parity_corpus(2000).values() for text in strings]
    return {*survey(tokenizer, texts).by_exception}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("mistral:tekken_240911", set()),
        ("mistral:v1", {("normalisation", "u2581")}),
        ("mistral:v3", {("normalisation", "u2581")}),
        ("hf:@tiny.json", set()),
        ("sentencepiece:@tiny.model", {("normalisation", "u2581")}),
    ],
)
def test_losses_of_known_tokenizers_are_the_declared_ones(spec: str, expected: set[tuple[str, str]]) -> None:
    if spec.startswith("mistral"):
        pytest.importorskip("mistral_common")
    assert _losses(load_tokenizer(spec)) == expected


@pytest.mark.data
def test_losses_of_vocabularies_at_hand(data_dir: Path) -> None:
    folder = data_dir / "tokenizers" / "hf"
    assert _losses(load_tokenizer(f"hf:{folder}/gpt2.json")) == set()
    assert _losses(load_tokenizer(f"hf:{folder}/modernbert.json")) == {("normalisation", "not-nfc")}
    assert _losses(load_tokenizer(f"hf:{folder}/mistral03.json")) == {
        ("normalisation", "u2581"),
        ("decode-side", "leading-space"),
    }
    assert {kind for kind, _ in _losses(load_tokenizer(f"hf:{folder}/bert_base_cased.json"))} == {
        "unknown-token",
        "normalisation",
    }
