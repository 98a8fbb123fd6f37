"""Golden numbers of the specification that need no model: what is published, and exact expectations over the words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

import pytest
from charbench_lists import scowl
from charbench_runs import agree, both_contexts, natural_items, predictions

from tokbench.errors import SuiteDefinitionError
from tokbench.stats import mcnemar_exact, wilson
from tokbench.suites.charbench import published as published_module
from tokbench.suites.charbench._comparison import independent_overlap
from tokbench.suites.charbench._correlation import fisher_interval, partial_of
from tokbench.suites.charbench._expectation import expectation
from tokbench.suites.charbench.analysis import analyse
from tokbench.suites.charbench.baselines import corrected
from tokbench.suites.charbench.design import FEATURES, TASKS, Design, TokenizerStatistics
from tokbench.suites.charbench.items import frame
from tokbench.suites.charbench.published import AVERAGE, published
from tokbench.suites.charbench.words import WordList, load_words
from tokbench.tokenizers import load_tokenizer

LENGTHS = tuple(range(4, 11))

# --- the paper (2.2 and 2.3) ------------------------------------------------------------------------------------------


def test_published_accuracies() -> None:
    paper = published()
    assert len(paper.accuracies) == 7
    means = {task: round(fmean(row[task] for row in paper.accuracies.values()), 2) for task in ("overall", *TASKS)}
    assert means == {
        "overall": 50.47, "count_char": 77.20, "count_unique": 48.68, "find_first": 43.35, "find_last": 32.47,
    }  # fmt: skip
    apart = [abs(means[task] - value) for task, value in paper.average_printed.items()]
    assert (round(min(apart), 2), round(max(apart), 2)) == (0.10, 0.72)  # the printed row is no mean, and stays
    llama = paper.accuracies["Llama-3.1-405B"]
    assert (llama["overall"], round(fmean(llama[task] for task in TASKS), 2)) == (55.49, 55.32)


def test_published_correlations_have_the_means_of_the_printed_averages() -> None:
    paper = published()
    assert set(paper.correlations) == set(TASKS)
    for task, models in paper.correlations.items():
        assert set(models) == {AVERAGE, *paper.accuracies}
        features = FEATURES if task.startswith("find") else FEATURES[:-1]
        for feature in features:
            values = [row[feature] for model, row in models.items() if model != AVERAGE]
            assert fmean(values) == pytest.approx(models[AVERAGE][feature], abs=0.00051)
        assert all(tuple(row) == features for row in models.values())
    assert len(paper.frame()) == 8 * (6 + 6 + 5 + 5)


def test_the_token_is_the_strongest_property_in_four_of_fourteen_cells() -> None:
    strongest = {
        (task, model)
        for task in ("find_first", "find_last")
        for model, row in published().correlations[task].items()
        if model != AVERAGE and max(row, key=lambda feature: abs(row[feature])) == "TTL"
    }
    assert strongest == {
        ("find_first", "Llama-3.3-70B"), ("find_first", "GPT-4o"),
        ("find_last", "Llama-3.1-405B"), ("find_last", "GPT-4o"),
    }  # fmt: skip


def test_corrected_scores_of_the_paper() -> None:
    bases = {"count_char": 0.752, "count_unique": 0.208, "find_first": 0.193, "find_last": 0.151}
    wanted = {
        "GPT-4o": (0.575, 0.565, 0.562, 0.566), "GPT-4o-mini": (0.296, 0.335, 0.292, 0.141),
        "GPT-3.5-turbo": (0.158, 0.395, 0.120, 0.066), "DeepSeek-V3": (-0.027, 0.461, 0.478, 0.278),
        "Llama-3.3-70B": (-0.536, 0.281, 0.184, 0.066), "Llama-3.1-405B": (0.242, 0.303, 0.433, 0.305),
        "Mistral-7B-Instruct-v0.2": (-0.143, 0.124, 0.018, 0.009),
    }  # fmt: skip
    for model, row in published().accuracies.items():
        found = tuple(corrected(row[task] / 100, base) for task, base in bases.items())
        assert found == pytest.approx(wanted[model], abs=0.00051)


def test_a_broken_file_of_published_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "published.toml").write_text("source = 'x'\n")
    monkeypatch.setattr(published_module, "resource", lambda *_: tmp_path / "published.toml")
    published.cache_clear()
    try:
        with pytest.raises(SuiteDefinitionError, match=r"published\.toml: not the tables of the paper \('n'\)"):
            published()
    finally:
        published.cache_clear()


# --- other words (7.3) ------------------------------------------------------------------------------------------------


def test_constant_answers_on_wordfreq(wordfreq: WordList) -> None:
    """Sampled in the specification: 6,250 words a length and task; a standard error of 0.2 points."""
    wanted = {"count_char": (1, 73.9), "count_unique": (6, 19.8), "find_first": (1, 19.9), "find_last": (3, 16.5)}
    for task, (answer, percent) in wanted.items():
        share = fmean(expectation(wordfreq, length).golds[task].get(answer, 0.0) for length in LENGTHS)
        assert 100 * share == pytest.approx(percent, abs=0.6)


# --- responders (7.5) -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def design() -> Design:
    return Design(scowl())


@pytest.fixture(scope="module")
def o200k(design: Design, tiktoken_cache: Path) -> Design:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
        return design.using(load_tokenizer("tiktoken:o200k_base"))


@pytest.fixture(scope="module")
def wordfreq() -> WordList:
    """English words of wordfreq in the letters a to z."""
    pytest.importorskip("wordfreq")
    words = load_words("wordfreq:en")
    plain = [word for length in LENGTHS for word in words.of_length(length) if word.text.isascii()]
    return WordList("wordfreq:en", plain, sha256="")


def _row(design: Design, name: str, task: str) -> tuple[float | None, ...]:
    found = design.responder(name, task)
    return tuple(None if value is None else round(value, 4) for value in (found.accuracy, *found.r.values()))


@pytest.mark.parametrize(
    ("name", "task", "row"),
    [
        ("const-1", "count_char", (0.7477, -0.2000, -0.9378, -0.6733)),
        ("len", "count_unique", (0.3674, -0.5100, -0.1525, 0.8255)),
        ("const-0", "find_first", (0.1886, -0.1093, -0.5721, -0.6324)),
        ("len-1", "find_last", (0.1965, -0.1127, 0.4363, 0.6142)),
    ],
)
def test_answers_that_see_no_character(name: str, task: str, row: tuple[float, ...], design: Design) -> None:
    assert _row(design, name, task) == (*row, None, None, None)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "task", "row"),
    [
        ("ttl-only", "find_first", (0.6410, -0.0696, -0.0762, -0.0537, 0.0712, -0.1672, -0.2435)),
        ("ttl-only", "find_last", (0.6328, -0.0813, -0.0766, -0.0504, 0.0666, -0.1730, -0.2458)),
        ("wl-only", "find_first", (0.6476, -0.1322, -0.0459, -0.0021, -0.0806, -0.0506, -0.0374)),
    ],
)
def test_answers_with_one_known_cause(name: str, task: str, row: tuple[float, ...], o200k: Design) -> None:
    assert _row(o200k, name, task) == row


@pytest.mark.data
def test_a_responder_that_errs_by_the_token_alone_looks_like_gpt_4o(o200k: Design) -> None:
    for task in ("find_first", "find_last"):
        found, paper = o200k.responder("ttl-only", task).r, published().correlations[task]["GPT-4o"]
        assert all(abs((found[feature] or 9) - paper[feature]) < 0.05 for feature in ("NT", "CR", "TTL"))


@pytest.mark.data
def test_the_number_of_tokens_is_suppressed_in_the_paper(o200k: Design) -> None:
    """Given the length, more tokens go with more right answers; the token keeps its correlation, the length loses."""
    words = o200k.statistics()
    assert words.r_length_tokens is not None
    assert words.r_length_ttl is not None
    for task, tokens, length in (
        ("find_first", (0.10, 0.19), (-0.11, -0.04)),
        ("find_last", (0.07, 0.18), (-0.12, -0.04)),
    ):
        row = published().correlations[task]["GPT-4o"]
        assert tokens[0] < partial_of(row["NT"], row["WL"], words.r_length_tokens) < tokens[1]
        assert -0.225 < partial_of(row["TTL"], row["WL"], words.r_length_ttl) < -0.195
        assert length[0] < partial_of(row["WL"], row["TTL"], words.r_length_ttl) < length[1]


def test_default_answers_give_the_correlations_of_the_paper(design: Design) -> None:
    """GT/WL of count_unique is "answers the length", GT of find_first is "answers 0"."""
    r = design.responder("len", "count_unique").r["GT/WL"]
    strong = [row["GT/WL"] for row in published().correlations["count_unique"].values() if row["GT/WL"] > 0.6]
    assert r is not None
    assert len(strong) == 3
    assert r > max(strong)
    zero = design.responder("const-0", "find_first").r["GT"]
    assert zero == pytest.approx(published().correlations["find_first"]["DeepSeek-V3"]["GT"], abs=0.04)


def test_on_wordfreq_the_same(wordfreq: WordList) -> None:
    """Sampled in the specification, 5,392 instead of 6,250 items of length 10, so that lengths hardly differ."""
    found = Design(wordfreq)
    wanted = {
        ("const-1", "count_char"): (0.742, -0.177, -0.899, -0.675),
        ("len", "count_unique"): (0.352, -0.477, -0.108, 0.810),
        ("const-0", "find_first"): (0.190, -0.115, -0.572, -0.633),
        ("len-1", "find_last"): (0.205, -0.119, 0.439, 0.620),
    }
    for (name, task), row in wanted.items():
        answer = found.responder(name, task)
        # a rare high count moves r(right, GT) of a sample of count_char most
        slack = 0.05 if task == "count_char" else 0.02
        assert (answer.accuracy, *list(answer.r.values())[:3]) == pytest.approx(row, abs=slack)


@pytest.mark.data
@pytest.mark.parametrize("name", ["ttl-only", "wl-only"])
def test_what_a_run_finds_agrees_with_the_expectation(name: str, o200k: Design) -> None:
    """Asked, answered, graded and analysed like any model."""
    assert o200k.tokenizer is not None
    items = natural_items("core", ("find_first",))
    answers = predictions(name, items, o200k.tokenizer, "charbench-2025")
    features = both_contexts(items, o200k.tokenizer, "charbench-2025")
    found = analyse(frame(items), answers, features, deals=10)
    assert agree(found, o200k, name, "find_first") == 6
    assert found.correlations.filter(context="in_prompt")["delta"].to_list() == [0.0] * 6  # cut alike in the prompt


# --- tokenizers (7.6) -------------------------------------------------------------------------------------------------

ROWS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]] = {
    "o200k": (
        (1.729, 1.982, 2.186, 2.394, 2.601, 2.802, 3.001), (2.3850, 3.0493, 3.3082, 3.3972, 0.0613),
        (0.6106, 0.2836, -0.2885),
    ),
    "tiktoken:cl100k_base": (
        (1.814, 2.063, 2.280, 2.491, 2.692, 2.888, 3.088), (2.4739, 2.9484, 3.2229, 3.3132, 0.0492),
        (0.5847, 0.2928, -0.2987),
    ),
    "tiktoken:r50k_base": (
        (1.882, 2.147, 2.370, 2.578, 2.783, 2.982, 3.182), (2.5604, 2.8390, 3.1149, 3.2112, 0.0356),
        (0.5840, 0.2957, -0.2823),
    ),
    "mistral:tekken_240911": (
        (1.818, 2.074, 2.300, 2.527, 2.743, 2.951, 3.142), (2.5079, 2.8929, 3.1600, 3.2523, 0.0436),
        (0.6156, 0.2820, -0.2685),
    ),
    "mistral:v3": (
        (1.899, 2.136, 2.365, 2.580, 2.787, 2.994, 3.213), (2.5677, 2.8695, 3.1299, 3.1669, 0.0471),
        (0.5601, 0.2986, -0.3552),
    ),
}  # fmt: skip


def _check(found: TokenizerStatistics, name: str) -> None:
    by_length, means, correlations = ROWS[name]
    assert (found.words, found.left_out) == (273_449, 0)
    assert tuple(round(value, 3) for value in found.tokens_by_length.values()) == by_length
    assert means == tuple(
        round(value, 4)
        for value in (found.tokens, found.chars_per_token, found.ttl_first, found.ttl_last, found.single_token)
    )
    assert correlations == tuple(
        round(value, 4)
        for value in (found.r_length_tokens, found.r_length_ttl, found.r_tokens_ttl)
        if value is not None
    )


@pytest.mark.data
def test_words_in_o200k(o200k: Design) -> None:
    found = o200k.statistics()
    _check(found, "o200k")
    assert found.tokens_raw == found.tokens


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("spec", ["tiktoken:cl100k_base", "tiktoken:r50k_base"])
def test_words_in_other_vocabularies(
    spec: str, design: Design, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    _check(design.using(load_tokenizer(spec)).statistics(), spec)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["mistral:tekken_240911", "mistral:v3"])
def test_words_in_the_vocabularies_of_mistral(spec: str, design: Design) -> None:
    pytest.importorskip("mistral_common")
    found = design.using(load_tokenizer(spec)).statistics()
    _check(found, spec)
    lone = found.tokens_raw - found.tokens
    assert round(lone, 4) == (0.0018 if spec == "mistral:v3" else 0.0)  # words with a lone dummy prefix


def test_first_and_third_version_of_mistral_cut_the_words_alike() -> None:
    pytest.importorskip("mistral_common")
    first, third = (Design(scowl(), load_tokenizer(f"mistral:{name}"), (4,)).statistics() for name in ("v1", "v3"))
    assert first.tokens_by_length == third.tokens_by_length
    assert (first.ttl_first, first.ttl_last) == (third.ttl_first, third.ttl_last)


def test_bytes() -> None:
    found = Design(scowl(), load_tokenizer("bytes"), (4, 5)).statistics()
    assert dict(found.tokens_by_length) == {4: 4.0, 5: 5.0}
    assert (found.single_token, found.ttl_first, found.chars_per_token) == pytest.approx((0, 1, 1))
    assert found.r_length_tokens == pytest.approx(1)
    assert (found.r_length_ttl, found.r_tokens_ttl) == (None, None)  # one character a token: nothing varies


@pytest.mark.slow
@pytest.mark.data
def test_words_of_wordfreq_in_o200k(wordfreq: WordList, o200k: Design) -> None:
    """Sampled in the specification."""
    assert o200k.tokenizer is not None
    found = Design(wordfreq, o200k.tokenizer).statistics()
    by_length = tuple(found.tokens_by_length.values())
    assert by_length == pytest.approx((1.85, 2.01, 2.19, 2.39, 2.57, 2.71, 2.86), abs=0.02)
    assert (found.tokens, found.chars_per_token) == pytest.approx((2.368, 3.064), abs=0.02)
    assert (found.ttl_first, found.ttl_last, found.single_token) == pytest.approx((3.330, 3.405, 0.048), abs=0.02)
    correlations = (found.r_length_tokens, found.r_length_ttl, found.r_tokens_ttl)
    assert correlations == pytest.approx((0.525, 0.370, -0.292), abs=0.02)


# --- statistics (7.7) -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "n", "lo", "hi"), [(0, 10, 0, 0.2775), (8, 10, 0.4902, 0.9433), (56, 56, 0.9358, 1)])
def test_wilson(k: int, n: int, lo: float, hi: float) -> None:
    assert wilson(k, n) == pytest.approx((lo, hi), abs=0.00005)


@pytest.mark.parametrize(("b", "c", "p"), [(1, 9, 0.021484), (3, 14, 0.012726)])
def test_exact_mcnemar(b: int, c: int, p: float) -> None:
    assert mcnemar_exact(b, c) == pytest.approx(p, abs=5e-7)


@pytest.mark.parametrize(("n", "lo", "hi"), [(43_750, -0.2538, -0.2362), (1_750, -0.2885, -0.2004)])
def test_fisher_interval(n: int, lo: float, hi: float) -> None:
    assert fisher_interval(-0.245, n) == pytest.approx((lo, hi), abs=0.00005)


def test_overlap_of_independent_errors() -> None:
    assert independent_overlap(0.3, 0.4) == pytest.approx(0.2069, abs=0.00005)
