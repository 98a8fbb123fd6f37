from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import MetricInputError
from tokbench.results import Metric
from tokbench.suites.definition import load_definition
from tokbench.suites.exactness.intrinsic import (
    cost_rows,
    distribution_rows,
    gini_row,
    nsl_rows,
    premium_rows,
    text_rows,
)
from tokbench.suites.exactness.metrics import (
    Measured,
    count_line,
    gini,
    macro,
    measure,
    micro,
    renyi_entropy,
    utilisation,
)
from tokbench.suites.exactness.suite import ExactnessPlan
from tokbench.suites.exactness.texts import Text, embedded_corpus
from tokbench.suites.part import PartContext
from tokbench.tokenizers import Tokenizer, VocabularyTable, load_tokenizer
from tokbench.tokenizers._bytes import BytesTokenizer

SENTENCE = "The quick brown fox jumps over the lazy dog."
SETTINGS = load_definition().metrics
LINES = st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=20), max_size=6)
COSTS = st.lists(st.integers(1, 10**6), min_size=1, max_size=20)


def text(*lines: str, name: str = "t", segmenter: str | None = None, parallel: bool = False) -> Text:
    return Text(name=name, lines=lines, segmenter=segmenter, parallel=parallel)


def values(rows: Sequence[Metric]) -> dict[tuple[str, str], float | None]:
    return {(row.metric, row.filter): row.value for row in rows}


@pytest.fixture(scope="session")
def tiny() -> Tokenizer:
    return load_tokenizer("hf:@tiny.json")


@pytest.fixture(scope="session")
def tekken() -> Tokenizer:
    pytest.importorskip("mistral_common")
    return load_tokenizer("mistral:tekken_240911")


@pytest.fixture(scope="session")
def v1() -> Tokenizer:
    pytest.importorskip("mistral_common")
    return load_tokenizer("mistral:v1")


# ---------------------------------------------------------------------- golden numbers


def test_golden_sentence(tekken: Tokenizer, v1: Tokenizer) -> None:
    line = text(SENTENCE, segmenter="whitespace")
    found = {name: measure(tokenizer, line) for name, tokenizer in (("tekken", tekken), ("v1", v1))}
    counts = {name: (one.lines[0].bytes, one.tokens, one.lines[0].words, one.lines[0].word_tokens,
                     one.lines[0].single_words) for name, one in found.items()}  # fmt: skip
    assert counts == {"tekken": (44, 10, 9, 10, 8), "v1": (44, 12, 9, 12, 6)}
    rows = values(text_rows(found["tekken"]))
    assert rows["fertility", "t|micro"] == pytest.approx(10 / 9)
    assert rows["strr", "t|micro"] == pytest.approx(8 / 9)
    assert rows["bytes-per-token", "t|micro"] == pytest.approx(4.4)
    assert values(text_rows(found["v1"]))["bytes-per-token", "t|macro"] == pytest.approx(44 / 12)
    assert values(nsl_rows(found["tekken"], found["v1"], "v1"))["nsl", "t|v1|micro"] == pytest.approx(10 / 12)


def test_words_encoded_alone_would_give_other_numbers(tekken: Tokenizer) -> None:
    alone = [len(tekken.encode(word)) for word in SENTENCE.split()]
    assert (sum(alone), alone.count(1)) == (13, 5)


def test_golden_integrity_of_utf8(tekken: Tokenizer) -> None:
    counts, ids = count_line(tekken, "naïve café — 你好 🦙 नमस्ते")
    assert (counts.characters, counts.bytes, counts.tokens) == (24, 47, 14)
    assert (counts.split_characters, counts.partial_tokens, len(ids)) == (1, 3, 14)


def test_golden_entropies() -> None:
    counts = [3, 2, 1, 1]  # pick @@ed pick @@l @@ed pick @@les
    assert renyi_entropy(counts, 2.5) == pytest.approx(1.653012966845, abs=1e-12)
    efficiency = {order: renyi_entropy(counts, order) / 2 for order in (2.5, 3.0, 2.0, 1.0)}
    assert efficiency == pytest.approx(
        {2.5: 0.826506483423, 3.0: 0.803152850136, 2.0: 0.853909624253, 1.0: 0.921185496589}, abs=1e-12
    )
    assert renyi_entropy(counts, math.inf) == pytest.approx(math.log2(7 / 3))
    assert renyi_entropy(counts, 0) == pytest.approx(2)


def test_entropies_that_do_not_exist() -> None:
    for counts, order in (([], 1.0), ([0], 2.0), ([1], -1.0)):
        with pytest.raises(ValueError, match="expected positive counts"):
            renyi_entropy(counts, order)


@pytest.mark.parametrize(
    ("costs", "expected"), [([1, 1, 1, 1], 0), ([0, 0, 0, 1], 0.75), ([1, 2, 3, 4], 0.25), ([1, 3], 0.25)]
)
def test_golden_gini(costs: list[float], expected: float) -> None:
    assert gini(costs) == pytest.approx(expected)


def test_gini_of_nothing_does_not_exist() -> None:
    assert gini([]) is None
    assert gini([0, 0]) is None


@pytest.mark.data
@pytest.mark.parametrize(
    ("spec", "english", "ratios"),
    [
        ("tiktoken:r50k_base", 1905, (6.52, 8.46, 21.47)),
        ("tiktoken:cl100k_base", 1887, (2.60, 5.34, 15.16)),
        ("tiktoken:o200k_base", 1888, (1.39, 1.56, 4.06)),
        ("mistral:tekken_240911", 1907, (1.50, 1.80, 4.20)),
        ("mistral:v1", 2039, (1.95, 5.31, 10.96)),
    ],
)
def test_golden_declaration_of_human_rights(
    spec: str,
    english: int,
    ratios: tuple[float, float, float],
    data_dir: Path,
    tiktoken_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if spec.startswith("mistral"):
        pytest.importorskip("mistral_common")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer(spec)
    languages = json.loads((data_dir / "text" / "udhr_articles.json").read_text(encoding="utf-8"))
    # an article is one text, so it stands for a line here although it holds newlines
    found = {
        code: measure(tokenizer, text(*(languages[code]["articles"].values()), name=code, parallel=True))
        for code in ("eng", "rus", "hin", "mya")
    }
    assert found["eng"].tokens == english
    for code, ratio in zip(("rus", "hin", "mya"), ratios, strict=True):
        row = premium_rows(found[code], found["eng"])[0]
        assert row.filter == f"{code}/eng"
        assert row.value is not None
        assert round(row.value, 2) == ratio
        assert row.lo is not None
        assert row.hi is not None
        assert row.lo < row.value < row.hi


# ---------------------------------------------------------------------- invariants


@pytest.mark.property
@given(LINES)
def test_bytes_cost_one_token_a_byte(lines: list[str]) -> None:
    found = measure(load_tokenizer("bytes"), text(*lines))
    assert found.tokens == sum(len(line.encode()) for line in lines)
    for counts, line in zip(found.lines, lines, strict=True):
        assert counts.tokens == counts.bytes
        assert counts.split_characters == sum(not character.isascii() for character in line)
        assert counts.partial_tokens == sum(byte >= 128 for byte in line.encode())


@pytest.mark.property
@given(lines=LINES, data=st.data())
def test_micro_does_not_depend_on_the_order_of_lines(tiny: Tokenizer, lines: list[str], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(lines))
    one, other = (text_rows(measure(tiny, text(*some))) for some in (lines, shuffled))
    for left, right in zip(one, other, strict=True):
        assert left.value == (None if right.value is None else pytest.approx(right.value))
        assert (left.n, left.k) == (right.n, right.k)
        assert left.hi == (None if right.hi is None else pytest.approx(right.hi))


@pytest.mark.property
@given(lines=LINES)
def test_shares_are_shares(tiny: Tokenizer, lines: list[str]) -> None:
    plain = [line for line in lines if line.isascii()]
    rows = text_rows(measure(tiny, text(*plain, segmenter="whitespace")))
    for row in rows:
        if row.metric in {"strr", "split-characters", "partial-tokens"} and row.value is not None:
            assert 0 <= row.value <= 1
    assert all(row.value is not None or row.reason for row in rows)


@pytest.mark.property
@given(lines=LINES)
def test_a_text_is_on_a_par_with_itself(tiny: Tokenizer, lines: list[str]) -> None:
    found = measure(tiny, text(*lines, parallel=True))
    for row in (*premium_rows(found, found), *nsl_rows(found, found, "same")):
        assert row.value == (1 if found.tokens else None)
    row = gini_row([found, found])
    assert row.value == (pytest.approx(0, abs=1e-12) if found.tokens else None)


@pytest.mark.property
@given(COSTS, st.integers(1, 1000))
def test_gini_is_scale_invariant_and_within_its_bounds(costs: list[int], scale: int) -> None:
    value = gini(costs)
    assert value is not None
    assert gini([cost * scale for cost in costs]) == pytest.approx(value, abs=1e-9)
    assert -1e-9 <= value < 1 - 1 / len(costs) + 1e-9
    assert gini([costs[0]] * len(costs)) == pytest.approx(0, abs=1e-9)
    double = sum(abs(one - other) for one in costs for other in costs)
    assert value == pytest.approx(double / (2 * len(costs) * sum(costs)), abs=1e-9)


@pytest.mark.property
@given(st.lists(st.integers(0, 50)), st.integers(1, 60))
def test_utilisation_counts_types_among_the_first_tokens(ids: list[int], tokens: int) -> None:
    assert utilisation(ids, tokens) == (len({*ids[:tokens]}) if len(ids) >= tokens else None)


@pytest.mark.property
@given(COSTS, st.floats(0, 8), st.floats(0, 8))
def test_entropy_falls_with_the_order(counts: list[int], one: float, other: float) -> None:
    low, high = sorted((one, other))
    if abs(low - 1) < 1e-6 or abs(high - 1) < 1e-6:
        low, high = 1, 2
    assert renyi_entropy(counts, low) >= renyi_entropy(counts, high) - 1e-6
    assert renyi_entropy(counts, 0) == pytest.approx(math.log2(len(counts)), abs=1e-9)


# ---------------------------------------------------------------------- ratios and rows


def test_micro_and_macro_differ_and_carry_their_denominators() -> None:
    one, other = micro([1, 3], [1, 6]), macro([1, 3], [1, 6])
    assert one is not None
    assert other is not None
    assert one.value == pytest.approx(4 / 7)
    assert (one.k, one.n) == (4, 7)
    assert (other.value, other.k, other.n) == (0.75, None, 2)
    assert one.lo is not None
    assert one.hi is not None
    assert one.lo < one.value < one.hi


def test_ratios_without_denominator_or_spread() -> None:
    assert micro([0], [0]) is None
    assert macro([0], [0]) is None
    single = micro([2], [4])
    assert single is not None
    assert (single.value, single.lo, single.hi) == (0.5, None, None)
    zero = micro([0, 0], [3, 4])
    assert zero is not None
    assert (zero.value, zero.lo, zero.hi) == (0, None, None)


def test_empty_lines_are_no_units() -> None:
    assert micro([1, 0, 3], [2, 0, 4]) == micro([1, 3], [2, 4])


class Wide(BytesTokenizer):
    """Bytes, and one token that reaches over two words."""

    def _load_table(self) -> VocabularyTable:
        return VocabularyTable({**super()._load_table().bytes_of, 256: b"b c"})

    def _encode(self, text: str) -> list[int]:
        before, found, after = text.partition("b c")
        return [*before.encode(), *([256] if found else []), *after.encode()]


def test_a_token_over_two_words_counts_once() -> None:
    tokenizer = Wide(load_tokenizer("bytes").info)
    line = measure(tokenizer, text("ab c d", segmenter="whitespace")).lines[0]
    # a | "b c" | space | d: the bare space is on no word, and "c" is touched by the wide token only
    assert (line.tokens, line.words, line.word_tokens, line.single_words) == (4, 3, 3, 2)


def test_without_segmenter_word_metrics_say_so() -> None:
    rows = text_rows(measure(load_tokenizer("bytes"), text("ab c")))
    reasons = {row.metric: row.reason for row in rows if row.value is None}
    assert reasons == dict.fromkeys(("fertility", "strr"), "no segmenter is named for this text")


def test_a_refused_script_names_file_and_line() -> None:
    wanted = Text(name="zh", lines=("plain", "你好"), segmenter="whitespace", source="zh.txt")
    with pytest.raises(MetricInputError, match=r"zh\.txt, line 2: the segmenter whitespace cannot find words in Han"):
        measure(load_tokenizer("bytes"), wanted)


def test_spans_of_a_library_are_counted_in_context() -> None:
    line = measure(load_tokenizer("hf:@tiny-wordpiece.json"), text("the words", segmenter="whitespace")).lines[0]
    assert line.words == 2
    assert line.word_tokens == line.tokens


def test_lines_that_do_not_match_are_refused() -> None:
    tokenizer = load_tokenizer("bytes")
    one, other = measure(tokenizer, text("a", "b", name="x")), measure(tokenizer, text("a", name="y"))
    for call in (lambda: premium_rows(one, other), lambda: nsl_rows(one, other, "s"), lambda: gini_row([one, other])):
        with pytest.raises(MetricInputError, match="lines, but"):
            call()


def test_gini_of_languages_has_an_interval_over_lines() -> None:
    tokenizer = load_tokenizer("bytes")
    one = measure(tokenizer, text("a", "bb", "c", name="x"))
    other = measure(tokenizer, text("éé", "é", "ééé", name="y"))
    row = gini_row([one, other])
    assert row.value == pytest.approx(gini([4, 12]))
    assert row.lo is not None
    assert row.value is not None
    assert row.lo < row.value
    assert gini_row([one]).value is None
    assert "two parallel texts" in gini_row([one]).reason


def test_distribution_rows_name_order_and_vocabulary() -> None:
    tokenizer = load_tokenizer("bytes")
    found = measure(tokenizer, text("aaabbcd" * 200))
    table = {(row.metric, row.filter): row for row in distribution_rows(tokenizer, [found], SETTINGS)}
    observed, full = table["renyi", "all|alpha=2.5|V=observed"], table["renyi", "all|alpha=2.5|V=full"]
    assert observed.value == pytest.approx(0.826506483423)
    assert observed.k == pytest.approx(1.653012966845)
    assert observed.n == 4
    assert full.value == pytest.approx(1.653012966845 / 8)
    assert table["utilisation", "all|N=1000"].value == 4 / 256
    too_many = table["utilisation", "all|N=5000"]
    assert (too_many.value, too_many.reason) == (None, "the texts have 1400 tokens only")


def test_a_text_of_one_type_has_no_efficiency() -> None:
    tokenizer = load_tokenizer("bytes")
    for lines in (("aaaa",), ("",)):
        found: Measured = measure(tokenizer, text(*lines))
        rows = distribution_rows(tokenizer, [found], SETTINGS)
        assert {row.reason for row in rows if "observed" in row.filter} == {"fewer than two types"}


def test_all_rows_of_the_embedded_corpus_have_a_value_or_a_reason(tiny: Tokenizer) -> None:
    texts = embedded_corpus()
    measured = [measure(tiny, one) for one in texts]
    reference = [measure(load_tokenizer("bytes"), one) for one in texts]
    rows = cost_rows(tiny, measured, SETTINGS, reference=reference, reference_slug="bytes").metrics
    assert all((row.value is None) == bool(row.reason) for row in rows)
    assert len({(row.metric, row.filter) for row in rows}) == len(rows)
    table = values(rows)
    premium = table["parity-premium", "tha/eng"]
    assert premium is not None
    assert premium > 1
    assert ("parity-premium", "eng/eng") not in table
    assert table["fertility", "tha|micro"] is None
    assert ("nsl", "eng|bytes|micro") in table
    assert {row.metric for row in rows} == {
        "fertility", "strr", "bytes-per-token", "chars-per-token", "split-characters", "partial-tokens",
        "parity-premium", "gini", "nsl", "renyi", "utilisation",
    }  # fmt: skip


def test_texts_of_a_user_are_told_from_those_of_the_project(tmp_path: Path) -> None:
    for name, line in (("eng.txt", "one line\n"), ("deu.txt", "eine Zeile mehr\n"), ("mine.txt", "text\n")):
        (tmp_path / name).write_text(line)
    plan = ExactnessPlan.build(
        profile="smoke", seed=0, parallel=(tmp_path / "eng.txt", tmp_path / "deu.txt"), texts=(tmp_path / "mine.txt",)
    )
    (part,) = [part for part in plan.parts(load_tokenizer("bytes")) if part.key == "metrics"]
    rows = part.work(PartContext()).metrics
    assert len({(row.metric, row.filter) for row in rows}) == len(rows)
    table = values(rows)
    assert table["parity-premium", "user-deu/user-eng"] == 15 / 8
    assert ("parity-premium", "deu/eng") in table
    assert ("bytes-per-token", "mine|micro") in table
