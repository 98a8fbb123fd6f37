from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tokbench.errors import UnsupportedError
from tokbench.suites.exactness.audit import CATEGORIES, audit, audit_rows
from tokbench.tokenizers import Kind, VocabularyTable, load_tokenizer
from tokbench.tokenizers._bytes import BytesTokenizer


class Toy(BytesTokenizer):
    """Bytes and more entries; texts are encoded by a table, everything else as bytes."""

    def __init__(
        self,
        entries: Mapping[int, bytes],
        texts: Mapping[str, list[int]],
        *,
        kinds: Mapping[int, Kind] | None = None,
        undecodable: Mapping[int, str] | None = None,
        pieces: Mapping[bytes, list[int]] | None = None,
    ) -> None:
        info = load_tokenizer("bytes").info
        super().__init__(replace(info, n_ids=256 + len(entries) + len(undecodable or {})))
        self.entries, self.texts, self.kinds = entries, texts, kinds or {}
        self.bad, self.pieces = undecodable or {}, pieces

    def _load_table(self) -> VocabularyTable:
        table = {**super()._load_table().bytes_of, **self.entries}
        return VocabularyTable(table, kinds=self.kinds, undecodable=self.bad)

    def _encode(self, text: str) -> list[int]:
        for known in sorted(self.texts, key=len, reverse=True):
            if known in text:
                left, _, right = text.partition(known)
                return [*left.encode(), *self.texts[known], *self._encode(right)]
        return list(text.encode())

    def _encode_piece(self, data: bytes) -> list[int]:
        if self.pieces is None:
            raise UnsupportedError("encode_piece", self.info.spec, "not asked for")
        return self.pieces.get(data, list(data))


def test_bytes_have_128_partial_tokens_and_nothing_else() -> None:
    report = audit(load_tokenizer("bytes"))
    counts = {category: count for category, count in report.counts.items() if count}
    assert counts == {"partial-utf8": 128, "alone": 128}


def test_every_way_of_being_reachable() -> None:
    texts = {"ab": [256], "«cd": [0xC2, 0xAB, 257], "efx": [258, 120], "ghLL": [259, 76, 76]}
    report = audit(Toy({256: b"ab", 257: b"cd", 258: b"ef", 259: b"gh"}, texts))
    assert report.counts["alone"] == 129
    assert [(finding.token_id, finding.data) for finding in report.of("front")] == [(257, b"cd")]
    assert [finding.token_id for finding in report.of("behind")] == [258, 259]
    assert report.counts["unreachable-single"] == report.counts["unreachable-multi"] == 0


def test_reasons_of_unreachable_ids() -> None:
    entries = {256: b"ab", 257: b"ab", 258: b"cd", 259: b"EF", 260: b"gh"}
    texts = {"ab": [257], "EF": [101, 102]}
    report = audit(Toy(entries, texts, pieces={b"cd": [258]}))
    reasons = {finding.token_id: (finding.category, finding.reason) for finding in report.findings
               if finding.category.startswith("unreachable")}  # fmt: skip
    assert reasons == {
        256: ("unreachable-single", "shadowed"),
        258: ("unreachable-multi", "pretokenizer"),
        259: ("unreachable-multi", "normaliser"),
        260: ("unreachable-multi", "merge"),
    }
    assert {finding.token_id: finding.found for finding in report.of("duplicate")} == {256: (257,), 257: (256,)}


def test_partial_tokens_are_merged_or_not() -> None:
    entries = {256: b"\xe2\x80", 257: b"\xe2\x81"}
    report = audit(Toy(entries, {}, pieces={b"\xe2\x80": [256]}))
    assert report.counts["partial-utf8"] == 130
    assert [finding.token_id for finding in report.of("partial-unmerged")] == [257]


def test_without_merges_of_pieces_the_row_says_so() -> None:
    rows = audit_rows(audit(Toy({}, {})))
    row = next(metric for metric in rows.metrics if metric.metric == "audit.partial-unmerged")
    assert row.value is None
    assert "exposes no merge" in row.reason


def test_undecodable_ids() -> None:
    report = audit(Toy({}, {}, undecodable={300: "no byte for U+20AC"}))
    assert [(finding.token_id, finding.data, finding.detail) for finding in report.of("undecodable")] == [
        (300, None, "no byte for U+20AC")
    ]


def test_byte_pieces_are_looked_for_in_every_character() -> None:
    kinds: dict[int, Kind] = dict.fromkeys(range(128, 256), "byte")
    report = audit(Toy({}, {}, kinds=kinds))
    # C0, C1 and F5-FF never occur in UTF-8
    silent = [0xC0, 0xC1, *range(0xF5, 0x100)]
    assert [finding.token_id for finding in report.of("byte-silent")] == silent
    assert report.counts["byte-emitted"] == 128 - len(silent)
    assert report.sizes == {"text": 128, "byte": 128, "all": 256}


def test_rows_list_at_most_200_samples_of_a_category() -> None:
    entries = {256 + index: b"q%d" % index for index in range(300)}
    rows = audit_rows(audit(Toy(entries, {}, pieces={})))
    listed = [sample for sample in rows.samples if sample.metric == "audit.unreachable-multi"]
    assert len(listed) == 200
    assert "100 more ids of this category are not listed" in listed[-1].message
    assert [metric.metric for metric in rows.metrics] == [f"audit.{category}" for category in CATEGORIES]
    row = next(metric for metric in rows.metrics if metric.metric == "audit.unreachable-multi")
    assert (row.k, row.n, row.value, row.direction) == (300, 556, 300.0, "down")


def test_a_population_without_ids_has_a_reason() -> None:
    rows = audit_rows(audit(load_tokenizer("bytes")))
    row = next(metric for metric in rows.metrics if metric.metric == "audit.byte-emitted")
    assert (row.value, row.reason) == (None, "the vocabulary has no byte ids")


@pytest.mark.data
@pytest.mark.parametrize(
    ("spec", "partial", "front", "behind"),
    [
        ("tiktoken:r50k_base", 344, [], []),
        ("tiktoken:p50k_base", 344, [], []),
        ("tiktoken:cl100k_base", 773, [], []),
        (
            "tiktoken:o200k_base", 1562, [3914, 24091, 48235, 63100, 65447, 125141, 175653],
            [3413, 99494, 147008, 182292, 193819],
        ),
    ],
)  # fmt: skip
def test_golden_audits_of_tiktoken(
    spec: str, partial: int, front: list[int], behind: list[int], tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    report = audit(load_tokenizer(spec))
    assert (report.counts["partial-utf8"], report.counts["partial-unmerged"]) == (partial, 0)
    assert report.counts["unreachable-single"] == report.counts["unreachable-multi"] == 0
    assert [finding.token_id for finding in report.of("front")] == front
    assert [finding.token_id for finding in report.of("behind")] == behind
    assert report.counts["alone"] == report.sizes["text"] - partial - len(front) - len(behind)


@pytest.mark.parametrize("spec", ["mistral:tekken_240718", "mistral:tekken_240911"])
def test_golden_audits_of_tekken(spec: str) -> None:
    pytest.importorskip("mistral_common")
    report = audit(load_tokenizer(spec))
    assert (report.sizes["text"], report.counts["partial-utf8"]) == (130_072, 1435)
    assert report.counts["alone"] == 130_072 - 1435


@pytest.mark.parametrize("spec", ["mistral:v1", "mistral:v3"])
def test_golden_audits_of_sentencepiece(spec: str) -> None:
    pytest.importorskip("mistral_common")
    report = audit(load_tokenizer(spec))
    assert report.counts["unreachable-single"] == report.counts["unreachable-multi"] == 0
    assert (report.counts["alone"], report.counts["front"]) == (0, report.sizes["text"])
    assert (report.counts["byte-emitted"], report.counts["byte-silent"]) == (116, 140)
    silent = {finding.data for finding in report.of("byte-silent")}
    assert {bytes([value]) for value in range(128)} - silent == {b"\x00", b"\t", b"\n"}
    assert {bytes([value]) for value in (*range(0xC0, 0xC4), *range(0xF5, 0x100))} <= silent
    assert report.counts["duplicate"] == 2 * 125


@pytest.mark.data
def test_the_vocabulary_of_gpt_neox_has_221_unreachable_ids(data_dir: Path) -> None:
    # ModernBERT took over the vocabulary of GPT-NeoX
    report = audit(load_tokenizer(f"hf:{data_dir}/tokenizers/hf/modernbert.json"))
    assert report.counts["unreachable-single"] + report.counts["unreachable-multi"] == 221
