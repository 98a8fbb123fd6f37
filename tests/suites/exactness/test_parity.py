from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import UnsupportedError, VocabularyMismatchError
from tokbench.suites.exactness.corpus import parity_corpus
from tokbench.suites.exactness.parity import compare, compare_decoding
from tokbench.suites.exactness.parity_rows import decode_rows, parity_rows
from tokbench.tokenizers import VocabularyTable, load_tokenizer
from tokbench.tokenizers._bytes import BytesTokenizer

PAIR, SPECIAL, UNKNOWN, SPACED, ADDED = 256, 257, 258, 259, 260


def same(text: str) -> str:
    return text


def whole(text: str) -> list[tuple[int, int]]:
    return [(0, len(text.encode()))] if text else []


def by_letters(text: str) -> list[tuple[int, int]]:
    return [(index, index + 1) for index in range(len(text.encode()))]


class Toy(BytesTokenizer):
    """Bytes and the tokens ``ab`` and space-``a``, with one deviation on request."""

    def __init__(
        self,
        *,
        change: Callable[[str], str] = same,
        merges: tuple[int, ...] = (PAIR, SPACED),
        special: bool = False,
        unknown: str = "",
        split: Callable[[str], list[tuple[int, int]]] | None = whole,
        piece: bool = True,
        pair: bytes = b"ab",
        added: bool = False,
        decoded: Callable[[str], str] = same,
    ) -> None:
        super().__init__(replace(load_tokenizer("bytes").info, spec=f"toy{merges}{special}{unknown}"))
        self.change, self.merges, self.special, self.unknown, self.split = change, merges, special, unknown, split
        self.piece, self.pair, self.added, self.decoded = piece, pair, added, decoded

    def _load_table(self) -> VocabularyTable:
        table = dict(super()._load_table().bytes_of) | {PAIR: self.pair, SPACED: b" a"}
        kinds, names = {SPECIAL: "special", UNKNOWN: "unknown"}, {SPECIAL: "<s>", UNKNOWN: "<unk>"}
        if self.added:
            table[ADDED] = b"[added]"
            kinds[ADDED] = "added"
        return VocabularyTable(table, kinds=kinds, names=names)  # type: ignore[arg-type]

    def _encode_piece(self, data: bytes) -> list[int]:
        if not self.piece:
            raise UnsupportedError("encode_piece", self.info.spec, "not asked for")
        ids = list(data)
        for token, pair in ((PAIR, list(b"ab")), (SPACED, list(b" a"))):
            position = 0
            while token in self.merges and position < len(ids) - 1:
                if ids[position : position + 2] == pair:
                    ids[position : position + 2] = [token]
                position += 1
        return ids

    def _pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        if self.split is None:
            raise UnsupportedError("pretoken_spans", self.info.spec, "not asked for")
        return self.split(text)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = []
        rest = self.change(text)
        while rest:
            if self.special and rest.startswith("<s>"):
                ids.append(SPECIAL)
                rest = rest[3:]
            elif self.unknown and rest[0] in self.unknown:
                ids.append(UNKNOWN)
                rest = rest[1:]
            else:
                part = rest
                for stop in (*self.unknown, *(["<s>"] if self.special else [])):
                    part = part[: part.index(stop, 1)] if stop in part[1:] else part
                data = part.encode()
                piece, self.piece = self.piece, True
                for start, end in self.split(part) if self.split else whole(part):
                    ids += self._encode_piece(data[start:end])
                self.piece = piece
                rest = rest[len(part) :]
        return ids

    def _decode(self, ids: list[int]) -> str:
        return self.decoded(self.join_bytes(ids).decode("utf-8", "replace"))


class Twin(BytesTokenizer):
    """Bytes and two tokens of equal bytes, one of which it uses."""

    def __init__(self, used: int) -> None:
        super().__init__(load_tokenizer("bytes").info)
        self.used = used

    def _load_table(self) -> VocabularyTable:
        return VocabularyTable({**super()._load_table().bytes_of, PAIR: b"q", SPACED: b"q"})

    def _encode(self, text: str) -> list[int]:
        return [self.used if value == ord("q") else value for value in text.encode()]


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def prefixed(text: str) -> str:
    return f" {text}" if text else text


def one_space(text: str) -> str:
    return text.replace("\t", "")


def doubled(text: str) -> str:
    return text.replace("b", "bc")


PLAIN = Toy()
DEVIATIONS = {
    "special-parsed": Toy(special=True),
    "unknown": Toy(unknown="é"),
    "prefix": Toy(change=prefixed, merges=(PAIR,)),
    "whitespace": Toy(change=one_space),
    "normalisation": Toy(change=nfc),
    "split-pattern": Toy(split=by_letters),
    "merge": Toy(merges=()),
    "other": Toy(change=doubled),
}
TEXT = st.text(st.sampled_from("ab <s>é\t\u0301e"), max_size=10)


@pytest.mark.parametrize(
    ("cause", "text", "minimal"),
    [
        ("special-parsed", "xx <s> yy", "<s>"),
        ("unknown", "caf\u00e9 bar", "\u00e9"),
        ("whitespace", "one\ttwo", "\t"),
        ("normalisation", "cafe\u0301 bar", "a\u0301"),
        ("split-pattern", "cab bar", "ab"),
        ("merge", "cab bar", "ab"),
        ("other", "cab bar", "b"),
    ],
)
def test_each_class_of_difference_is_named_on_a_minimal_string(cause: str, text: str, minimal: str) -> None:
    report = compare(DEVIATIONS[cause], PLAIN, {"one": ["same", text]})
    assert report.causes == (cause,)
    assert report.summary == f"differs{{{cause}}}"
    (difference,) = report.differences
    assert (difference.minimal, difference.number, difference.text) == (minimal, 1, text)
    assert (report.mismatches, report.n) == (1, 2)


def test_a_prefix_is_named_as_such() -> None:
    report = compare(DEVIATIONS["prefix"], Toy(merges=(PAIR,)), ["hello"])
    (difference,) = report.differences
    assert (difference.cause, len(difference.minimal), difference.index) == ("prefix", 1, 0)
    assert difference.first_bytes[0] == b" "


def test_merges_are_compared_piece_by_piece_without_pretokens() -> None:
    assert compare(Toy(split=None), Toy(split=None, merges=()), ["cab"]).causes == ("merge",)
    assert compare(Toy(split=None), Toy(split=by_letters), ["cab"]).causes == ("split-pattern",)
    hidden = Toy(split=None, piece=False)
    assert compare(hidden, Toy(split=by_letters), ["cab"]).causes == ("merge",)
    assert compare(hidden, Toy(split=by_letters), ["b a"]).causes == ("other",)


def test_equal_bytes_under_other_ids_are_neither_merge_nor_pattern() -> None:
    one, other = Twin(PAIR), Twin(SPACED)
    (difference,) = compare(one, other, ["q"]).differences
    assert (difference.cause, difference.first_bytes) == ("other", difference.second_bytes)


@pytest.mark.property
@pytest.mark.parametrize("cause", DEVIATIONS)
@given(texts=st.lists(TEXT, max_size=5))
def test_reports_mirror(cause: str, texts: list[str]) -> None:
    one, other = DEVIATIONS[cause], PLAIN
    report = compare(one, other, {"one": texts, "two": texts[:1]})
    assert compare(other, one, {"one": texts, "two": texts[:1]}) == report.mirrored()
    assert report.mirrored().mirrored() == report
    for difference in report.differences:
        assert one.encode(difference.minimal) != other.encode(difference.minimal)
        assert len(difference.minimal) <= len(difference.text)


@pytest.mark.property
@given(texts=st.lists(TEXT, max_size=5))
def test_nothing_differs_from_itself(texts: list[str]) -> None:
    report = compare(PLAIN, Toy(), texts)
    assert (report.verdict, report.mismatches, report.n) == ("equal", 0, len(texts))


def test_another_vocabulary_names_the_first_id() -> None:
    other = Toy(pair=b"cd")
    with pytest.raises(VocabularyMismatchError) as caught:
        compare(PLAIN, other, ["ab"])
    assert (caught.value.token_id, caught.value.first_bytes, caught.value.second_bytes) == (PAIR, b"ab", b"cd")
    report = compare(PLAIN, other, ["ab"], strict=False)
    assert (report.verdict, report.summary) == ("not-comparable", "not-comparable")
    assert "id 256" in report.reason
    assert compare(PLAIN, other, ["xy"], by_bytes=True).verdict == "equal"
    assert compare(PLAIN, other, ["ab"], by_bytes=True).verdict == "differs"


def test_an_added_token_that_only_one_engine_has_makes_no_other_vocabulary() -> None:
    assert compare(Toy(added=True), PLAIN, ["ab"]).verdict == "equal"
    with pytest.raises(VocabularyMismatchError, match="id 256"):
        compare(load_tokenizer("bytes"), PLAIN, ["ab"])


def test_shrinking_can_be_cut_short() -> None:
    report = compare(DEVIATIONS["merge"], PLAIN, ["xab", "yab", "zab"], max_shrunk=2)
    assert [(one.minimal, one.shrunk) for one in report.differences] == [("ab", True), ("ab", True), ("zab", False)]


def test_rows_of_a_parity_report() -> None:
    report = compare(DEVIATIONS["merge"], PLAIN, {"words": ["ab", "c", "cab"], "ascii": ["x"]})
    rows = parity_rows(report, "ref")
    assert [sample.item_id for sample in rows.samples] == [
        "parity/ref/words/00000", "parity/ref/words/00002", "parity/ref/words", "parity/ref/ascii",
    ]  # fmt: skip
    assert rows.samples[2].score == pytest.approx(1 / 3)
    assert rows.samples[3].outcome == "correct"
    assert "merge: 'ab' differs from index 0: [97, 98] = [b'a', b'b'], reference [256] = [b'ab']" in (
        rows.samples[0].message
    )
    table = {(metric.metric, metric.filter): (metric.k, metric.n) for metric in rows.metrics}
    assert table == {
        ("parity.mismatch", "ref|words"): (2, 3),
        ("parity.mismatch", "ref|ascii"): (0, 1),
        ("parity.mismatch", "ref|all"): (2, 4),
        ("parity.cause", "ref|merge"): (2, 4),
    }
    overall = next(metric for metric in rows.metrics if metric.filter == "ref|all")
    assert (overall.value, overall.method) == (0.5, "wilson")
    assert overall.lo is not None
    assert overall.hi is not None
    assert overall.lo < 0.5 < overall.hi


def test_rows_of_what_cannot_be_compared_say_why() -> None:
    rows = parity_rows(compare(PLAIN, Toy(pair=b"cd"), ["ab"], strict=False), "ref")
    assert [sample.outcome for sample in rows.samples] == ["skipped"]
    assert rows.metrics[0].value is None
    assert "id 256" in rows.metrics[0].reason


def test_decoders_are_compared_on_random_ids() -> None:
    equal = compare_decoding(PLAIN, Toy(), 50)
    assert (equal.mismatches, equal.n) == (0, 50)
    found = compare_decoding(Toy(decoded=lambda text: text.replace("ab", "AB")), PLAIN, 3000, max_length=8)
    assert found.mismatches > 0
    assert {difference.ids for difference in found.differences} <= {(PAIR,), (97, 98)}
    rows = decode_rows(found, "ref")
    assert (rows.metrics[0].k, rows.metrics[0].n) == (found.mismatches, 3000)
    assert "decodes to 'AB', reference 'ab'" in rows.samples[0].message


def test_the_embedded_engines_agree() -> None:
    one, other = load_tokenizer("hf:@tiny.json"), load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
    assert compare(one, other, parity_corpus(6000)).verdict == "equal"


@pytest.mark.data
def test_engines_of_one_vocabulary(data_dir: Path, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    gpt2 = load_tokenizer(f"hf:{data_dir}/tokenizers/hf/gpt2.json")
    r50k = load_tokenizer("tiktoken:r50k_base")
    report = compare(gpt2, r50k, parity_corpus())
    assert (report.verdict, report.mismatches, report.n) == ("equal", 0, 20_000)
    assert compare_decoding(gpt2, r50k, 5000).mismatches == 0


@pytest.mark.data
def test_the_json_of_mistral_adds_no_prefix_before_a_space(data_dir: Path) -> None:
    pytest.importorskip("mistral_common")
    json, model = load_tokenizer(f"hf:{data_dir}/tokenizers/hf/mistral03.json"), load_tokenizer("mistral:v3")
    report = compare(json, model, parity_corpus(), by_bytes=True)
    assert (report.causes, report.mismatches) == (("prefix",), 968)
    assert {difference.minimal for difference in report.differences if difference.shrunk} == {" "}
    assert report.differences[0].first_ids == (29473,)


def test_the_sentencepiece_model_of_mistral_is_equal_across_engines() -> None:
    pytest.importorskip("mistral_common")
    from importlib.resources import files

    path = files("mistral_common") / "data" / "tokenizer.model.v1"
    report = compare(load_tokenizer(f"sentencepiece:{path}"), load_tokenizer("mistral:v1"), parity_corpus())
    assert (report.verdict, report.mismatches, report.n) == ("equal", 0, 20_000)
