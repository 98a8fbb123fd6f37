"""The analysis of answers: scripted responders whose cause of error is known, what cannot be computed, and refusals."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from statistics import fmean
from typing import Any

import polars as pl
import pytest
from charbench_lists import scowl
from charbench_runs import TINY, agree, both_contexts, cell, natural_items, predictions
from polars.testing import assert_frame_equal

from tokbench.errors import MetricInputError, OptionError
from tokbench.suites.charbench import analysis as analysis_module
from tokbench.suites.charbench._observations import items_of, observations
from tokbench.suites.charbench.analysis import Analysis, analyse
from tokbench.suites.charbench.design import Design
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.items import build_items, frame
from tokbench.suites.charbench.tokenizer_metrics import tokenizer_metrics
from tokbench.tokenizers import load_tokenizer

DEFAULTS = (
    ("const-1", "count_char"), ("len", "count_unique"), ("const-0", "find_first"), ("len", "find_first"),
    ("len-1", "find_last"),
)  # fmt: skip
PAPER = "charbench-2025"


def _analysed(
    names: Iterable[str], tasks: tuple[str, ...], *, spec: str = TINY, profile: str = "core", prompt: str = PAPER
) -> Analysis:
    tokenizer = load_tokenizer(spec)
    items = natural_items(profile, tasks)
    answers = pl.concat([predictions(name, items, tokenizer, prompt) for name in names])
    return analyse(frame(items), answers, both_contexts(items, tokenizer, prompt), deals=500, resamples=500)


@pytest.fixture(scope="module")
def defaults() -> Analysis:
    """Responders with a default answer, each on tasks of its own."""
    tokenizer = load_tokenizer(TINY)
    answers: list[pl.DataFrame] = []
    items: list[Item] = []
    for name, task in DEFAULTS:
        asked = natural_items("core", (task,))
        answers.append(predictions(name, asked, tokenizer, PAPER))
        items += asked
    items = list(dict.fromkeys(items))
    return analyse(frame(items), pl.concat(answers), both_contexts(items, tokenizer, PAPER), deals=200)


@pytest.fixture(scope="module")
def design() -> Design:
    return Design(scowl())


@pytest.fixture(scope="module")
def causes() -> Analysis:
    """Responders that err for one reason, on the tasks of indices."""
    return _analysed(["ttl-only", "wl-only"], ("find_first", "find_last"))


# --- estimates agree with exact expectations --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "task"),
    [("const-1", "count_char"), ("len", "count_unique"), ("const-0", "find_first"), ("len-1", "find_last")],
)
def test_default_answers_have_the_expected_correlations(
    name: str, task: str, defaults: Analysis, design: Design
) -> None:
    assert agree(defaults, design, name, task) == 3


# --- controls take a cause apart from what goes with it ---------------------------------------------------------------


def test_the_cause_remains_under_controls_and_nothing_else_does(causes: Analysis) -> None:
    for task in ("find_first", "find_last"):
        for method in ("spearman", "within_WL", "given_WL", "given_WL_GT"):
            ttl = cell(causes.controls, "ttl-only", task, method=method, feature="TTL")
            assert ttl["hi"] < 0
        length = cell(causes.controls, "wl-only", task, method="spearman", feature="WL")
        assert length["hi"] < 0
        for feature in ("NT", "CR", "TTL"):
            row = cell(causes.controls, "wl-only", task, method="given_WL", feature=feature)
            assert row["lo"] - 0.02 < 0 < row["hi"] + 0.02


def test_regressions_find_the_cause(causes: Analysis) -> None:
    for task in ("find_first", "find_last"):
        for table in (causes.regression, causes.conditional):
            assert cell(table, "ttl-only", task, term="TTL")["hi"] < 0
            assert abs(cell(table, "wl-only", task, term="TTL")["coefficient"]) < 0.3
    terms = causes.regression.filter(task="find_first", model="scripted:ttl-only")
    reasons = dict(zip(terms["term"], terms["reason"], strict=True))
    assert reasons["CR"] == "a function of WL and NT"
    assert reasons["case:upper"] == "does not vary"
    assert reasons["match:1"] == "is the same as match:const"
    assert set(terms["covariance"]) == {"HC1"}
    assert any("GT, GT/WL go together (VIF above 10)" in note for note in causes.notes)


def test_permutation_finds_the_cause(causes: Analysis) -> None:
    ours = causes.permutation
    for task in ("find_first", "find_last"):
        assert cell(ours, "ttl-only", task, feature="TTL")["p_adjusted"] < 0.02
        assert cell(ours, "wl-only", task, feature="TTL")["p_adjusted"] > 0.05
    known = ours.filter(pl.col("p").is_not_null())
    assert (known["p_adjusted"] >= known["p"]).all()
    assert known["p"].min() == pytest.approx(1 / 501)


def test_default_answers_are_caught(defaults: Analysis) -> None:
    """Among items of equal length and gold answer an answer that depends on these alone is always the same."""
    row = cell(defaults.permutation, "len", "count_unique", feature="NT")
    assert (row["r"], row["p"], row["p_adjusted"]) == (None, None, None)
    assert "does not vary inside any cell" in str(row["reason"])
    (row,) = defaults.conditional.filter(model="scripted:len", task="count_unique").to_dicts()
    assert row["reason"] == "no group has right and wrong answers"
    terms = defaults.regression.filter(model="scripted:len", task="count_unique")
    reasons = dict(zip(terms["term"], terms["reason"], strict=True))
    assert "items with one of it are wrong; they are left out with it" in reasons["match:len-1"]
    assert terms["coefficient"].null_count() == len(terms)


# --- what cannot be computed is null with a reason --------------------------------------------------------------------


def test_no_variance_is_no_correlation(defaults: Analysis) -> None:
    row = cell(defaults.correlations, "len", "find_first", context="bare", feature="WL")
    assert (row["r"], row["lo"], row["hi"], row["reason"]) == (None, None, None, "every answer is wrong")
    row = cell(defaults.correlations, "len", "count_unique", context="bare", feature="TTL")
    assert (row["n"], row["r"], row["reason"]) == (0, None, "no character decides the answer")
    row = cell(defaults.controls, "len", "count_unique", method="given_WL", feature="WL")
    assert (row["r"], row["reason"]) == (None, "WL is a control itself")
    for table in (defaults.correlations, defaults.controls):
        assert (table["r"].is_null() == table["reason"].is_not_null()).all()


def test_oracle_has_no_correlation_and_no_regression() -> None:
    found = _analysed(["oracle"], ("find_last",), profile="smoke")
    assert set(found.correlations["reason"]) == {"every answer is right"}
    assert found.correlations["r"].null_count() == 12
    assert set(found.regression.filter(pl.col("term") == "WL")["reason"]) <= {"every answer is right"}
    assert found.regression["coefficient"].null_count() == len(found.regression)


def test_a_tokenizer_without_spans_says_why() -> None:
    found = _analysed(["wl-only"], ("find_first",), spec="hf:@tiny-wordpiece.json", profile="smoke")
    row = cell(found.correlations, "wl-only", "find_first", context="bare", feature="NT")
    assert row["r"] is None
    assert "hf:@tiny-wordpiece.json" in str(row["reason"])
    assert cell(found.correlations, "wl-only", "find_first", context="bare", feature="WL")["r"] is not None
    terms = found.regression
    assert "hf:@tiny-wordpiece.json" in str(cell(terms, "wl-only", "find_first", term="NT")["reason"])


def test_answers_that_are_no_numbers() -> None:
    tokenizer = load_tokenizer(TINY)
    items = build_items("smoke", "balanced", ("spell", "nth_char"), lengths=(4, 5))
    found = analyse(
        frame(items),
        predictions("wl-only", items, tokenizer),
        both_contexts(items, tokenizer),
        deals=100,
        resamples=100,
    )
    rows = found.correlations.filter(context="bare")
    spelt = {row["feature"]: row for row in rows.filter(task="spell").to_dicts()}
    assert spelt["GT"]["reason"] == spelt["GT/WL"]["reason"] == "the answer is no number"
    assert spelt["TTL"]["reason"] == "no character decides the answer"
    assert spelt["WL"]["r"] is not None
    variants = rows.filter(task="nth_char", feature="TTL")
    assert variants["variant"].to_list() == ["base0", "base1", "from_end"]
    assert variants["r"].null_count() == 0


def test_without_statsmodels_all_else_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> object:  # noqa: ANN401, whatever it takes
        if name.startswith("statsmodels"):
            raise ImportError(name)
        return honest(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    found = _analysed(["wl-only"], ("find_first",), profile="smoke")
    assert found.regression.is_empty()
    assert "; ".join(found.notes) == (
        "no logistic regression: statsmodels is not installed (needed by the regressions): "
        "pip install 'tokbench[analysis]'"
    )
    assert not any(
        table.is_empty() for table in (found.correlations, found.controls, found.conditional, found.permutation)
    )


# --- the layout of the paper ------------------------------------------------------------------------------------------


def test_published_rows_stand_beside_ours(causes: Analysis) -> None:
    rows = causes.table.filter(task="find_first")
    assert rows["source"].to_list() == ["ours"] * 2 + ["paper"] * 8
    ours = cell(causes.table, "ttl-only", "find_first")
    assert ours["TTL"] == cell(causes.correlations, "ttl-only", "find_first", context="bare", feature="TTL")["r"]
    (gpt,) = rows.filter(model="GPT-4o").to_dicts()
    assert (gpt["WL"], gpt["TTL"], gpt["n"]) == (-0.136, -0.245, 43_750)


def test_published_rows_need_the_design_of_the_paper() -> None:
    found = _analysed(["wl-only"], ("find_first",), profile="smoke", prompt="plain")
    assert found.table["source"].to_list() == ["ours"]
    items = natural_items("smoke", ("find_first",))
    tokenizer = load_tokenizer(TINY)
    answers, features = predictions("wl-only", items, tokenizer, PAPER), both_contexts(items, tokenizer, PAPER)
    lenient = analyse(frame(items), answers, features, grading="lenient", deals=50, resamples=50)
    assert lenient.table["source"].to_list() == ["ours"]


def test_the_context_that_a_model_reads_may_be_cut_otherwise() -> None:
    found = _analysed(["ttl-only"], ("find_first",), spec="sentencepiece:@tiny.model", profile="smoke")
    rows = found.correlations.filter(context="in_prompt")
    delta = dict(zip(rows["feature"], rows["delta"], strict=True))
    assert delta["WL"] == delta["GT"] == 0
    assert delta["NT"] != 0
    bare = cell(found.correlations, "ttl-only", "find_first", context="bare", feature="NT")
    read = cell(found.correlations, "ttl-only", "find_first", context="in_prompt", feature="NT")
    assert read["delta"] == pytest.approx(read["r"] - bare["r"])
    assert set(found.controls["context"]) == {"in_prompt"}


# --- two models -------------------------------------------------------------------------------------------------------


def test_models_are_compared_on_equal_items(causes: Analysis) -> None:
    (row,) = causes.differences.filter(task="find_last").to_dicts()
    assert (row["first"], row["second"], row["n"]) == ("scripted:ttl-only", "scripted:wl-only", 1750)
    assert row["difference"] == pytest.approx(row["accuracy_first"] - row["accuracy_second"])
    assert row["lo"] < row["difference"] < row["hi"]
    assert row["only_first"] - row["only_second"] == round(1750 * row["difference"])
    (common,) = causes.overlap.filter(task="find_last").to_dicts()
    either = common["errors_first"] + common["errors_second"] - common["both"]
    assert common["iou"] == pytest.approx(common["both"] / either)
    assert abs(common["iou"] - common["independent"]) < 0.05  # two coins


def test_answers_from_several_tokenizers_have_features_of_their_own() -> None:
    items = natural_items("smoke", ("find_first",))
    parts = []
    for spec in (TINY, "bytes"):
        tokenizer = load_tokenizer(spec)
        answers = predictions("wl-only", items, tokenizer).with_columns(pl.lit(tokenizer.info.spec).alias("tokenizer"))
        parts.append((answers, both_contexts(items, tokenizer)))
    answers, features = (pl.concat(part) for part in zip(*parts, strict=True))
    found = analyse(frame(items), answers, features, deals=50, resamples=50)
    alone = analyse(frame(items), parts[0][0], parts[0][1], deals=50, resamples=50)
    own = found.correlations.filter(tokenizer=parts[0][0]["tokenizer"][0])
    assert_frame_equal(own, alone.correlations)
    (row,) = found.differences.to_dicts()
    assert (row["difference"], row["p"]) == (0, 1)
    with pytest.raises(OptionError, match="a column tokenizer, as the features are of several"):
        analyse(frame(items), parts[0][0].drop("tokenizer"), features)


def test_pairs_have_estimates() -> None:
    items = build_items("smoke", "balanced", ("pair_case",), lengths=(4,))
    tokenizer = load_tokenizer(TINY)
    answers, features = predictions("wl-only", items, tokenizer), both_contexts(items, tokenizer)
    found = analyse(frame(items), answers, features, deals=50, resamples=50)
    assert set(found.pairs["task"]) == {"pair_case"}
    without = analyse(frame(items), answers, features.filter(context="bare"), deals=50, resamples=50)
    assert without.pairs.is_empty()
    assert any("no estimates from pairs" in note for note in without.notes)


# --- laws and refusals ------------------------------------------------------------------------------------------------


def test_the_order_of_answers_and_twice_the_same_change_nothing() -> None:
    tokenizer = load_tokenizer(TINY)
    items = natural_items("smoke", ("find_first",))
    answers, features = predictions("wl-only", items, tokenizer), both_contexts(items, tokenizer)
    found = analyse(frame(items), answers, features, deals=50, resamples=50)
    twice = analyse(
        frame(items).reverse(), pl.concat([answers, answers]), pl.concat([features, features]), deals=50, resamples=50
    )
    for name, table in found.frames.items():
        assert_frame_equal(table, twice.frames[name])
    shuffled = analyse(frame(items), answers.sample(fraction=1, shuffle=True, seed=1), features, deals=50, resamples=50)
    assert_frame_equal(found.correlations, shuffled.correlations)
    assert_frame_equal(found.permutation, shuffled.permutation)


def test_failed_answers_stay_in_n() -> None:
    found = _analysed(["fails"], ("find_first",), profile="smoke")
    assert set(found.correlations["n"]) == {56}


def test_what_is_refused() -> None:
    tokenizer = load_tokenizer(TINY)
    items = natural_items("smoke", ("find_first",))
    table, answers, features = frame(items), predictions("wl-only", items, tokenizer), both_contexts(items, tokenizer)
    with pytest.raises(OptionError, match="strict or lenient"):
        analyse(table, answers, features, grading="kind")  # type: ignore[arg-type]
    with pytest.raises(MetricInputError, match="predictions: columns are missing: model"):
        analyse(table, answers.drop("model"), features)
    with pytest.raises(MetricInputError, match=r"there is no item charbench-1/natural/find_first/std/L4/0"):
        analyse(table[1:], answers, features)
    other = answers.with_columns(~pl.col("correct_strict"))
    with pytest.raises(MetricInputError, match=r"has two different answers to .* analyse the runs one by one"):
        analyse(table, pl.concat([answers, other]), features)


def test_a_join_on_the_item_alone_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the features of the prompt are those of the bare word."""
    honest = observations

    def careless(*arguments: Any, **more: Any) -> pl.DataFrame:  # noqa: ANN401, whatever it takes
        rows = honest(*arguments, **more)
        return rows.with_columns(pl.col("bare|NT").alias("in_prompt|NT"))

    monkeypatch.setattr(analysis_module, "observations", careless)
    with pytest.raises(AssertionError):
        test_the_context_that_a_model_reads_may_be_cut_otherwise()


def test_items_come_back_from_their_frame() -> None:
    items = build_items("smoke", "balanced", ("find_last", "nth_char", "starts_with", "more_letters"), lengths=(4,))
    assert items_of(frame(items)) == items


# --- what a tokenizer makes of the items ------------------------------------------------------------------------------


def test_metrics_of_a_tokenizer() -> None:
    items = natural_items("smoke", ("find_first", "count_unique"))
    tokenizer = load_tokenizer("sentencepiece:@tiny.model")
    features = both_contexts(items, tokenizer)
    found = {(metric.metric, metric.filter): metric for metric in tokenizer_metrics(frame(items), features)}
    own = features.filter(context="bare").join(frame(items).filter(task="find_first"), on="item_id", how="semi")
    tokens = found["items.tokens", "bare|find_first"]
    assert tokens.value == pytest.approx(fmean(own["n_tokens"]))
    assert tokens.n == 56
    assert tokens.lo is not None
    assert tokens.hi is not None
    assert tokens.lo < fmean(own["n_tokens"]) < tokens.hi
    assert ("items.ttl", "in_prompt|find_first") in found
    assert ("items.ttl", "in_prompt|count_unique") not in found
    share = found["items.cut_elsewhere", "in_prompt"]
    pairs = [features.filter(context=context)["spans"].to_list() for context in ("bare", "in_prompt")]
    cuts = [[{begin for begin, _ in spans if begin > 0} for spans in part] for part in pairs]
    assert (share.k, share.n) == (sum(one != other for one, other in zip(*cuts, strict=True)), 112)
    assert share.value is not None
    assert 0 < share.value < 1


def test_metrics_of_a_tokenizer_without_spans() -> None:
    items = natural_items("smoke", ("find_first",))
    found = tokenizer_metrics(frame(items), both_contexts(items, load_tokenizer("hf:@tiny-wordpiece.json")))
    assert {metric.value for metric in found} == {None}
    assert all("hf:@tiny-wordpiece.json" in metric.reason for metric in found)
