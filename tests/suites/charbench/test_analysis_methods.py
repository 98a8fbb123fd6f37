"""The methods behind the analysis, each against another way to get the same number."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokbench.suites.charbench import _permutation
from tokbench.suites.charbench._comparison import difference, overlap
from tokbench.suites.charbench._conditional import conditional_logistic
from tokbench.suites.charbench._correlation import (
    Correlation,
    fisher_interval,
    partial,
    partial_of,
    pearson,
    spearman,
    within,
)
from tokbench.suites.charbench._permutation import benjamini_hochberg, permutation
from tokbench.suites.charbench._regression import Regression, logistic
from tokbench.suites.charbench._terms import chosen_terms, standardised

Column = NDArray[np.float64]


def _column(*values: float) -> Column:
    return np.array(values, dtype=np.float64)


def _data(n: int = 300, seed: int = 0) -> tuple[Column, dict[str, Column], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    cells = generator.integers(0, 12, n)
    x, z = generator.integers(1, 6, n).astype(float), generator.normal(size=n)
    chance = 1 / (1 + np.exp(-(0.2 * cells - 0.4 * x + 0.5 * z)))
    return (generator.random(n) < chance).astype(float), {"x": x, "z": z}, cells


# --- correlations -----------------------------------------------------------------------------------------------------


def test_intervals_of_pearson_are_fishers() -> None:
    right, columns, _ = _data()
    found = pearson(right, columns["x"])
    assert found.r == pytest.approx(np.corrcoef(right, columns["x"])[0, 1])
    assert (found.lo, found.hi) == pytest.approx(fisher_interval(found.r or 0, 300))
    assert spearman(right, columns["x"]).lo is not None


def test_what_does_not_vary() -> None:
    ones, mixed = np.ones(5), _column(1, 0, 1, 0, 1)
    for method in (pearson, spearman):
        assert method(ones, mixed, "NT") == Correlation(5, reason="every answer is right")
        assert method(0 * ones, mixed, "NT") == Correlation(5, reason="every answer is wrong")
        assert method(mixed, ones, "NT") == Correlation(5, reason="NT does not vary")
        assert method(mixed[:3], mixed[:3], "NT") == Correlation(3, reason="3 items: expected at least 4")
    tiny = ones / 3 + _column(0, 1e-17, 0, 0, 0)
    assert pearson(mixed, tiny, "NT").r is None


def test_a_perfect_correlation_has_an_interval() -> None:
    right = _column(0, 1, 0, 1, 1)
    assert (pearson(right, right).r, pearson(right, 1 - right).r) == pytest.approx((1, -1))
    assert spearman(right, right).lo == spearman(right, right).r == pytest.approx(1)
    assert fisher_interval(0.5, 3) == (-1, 1)


def test_strata_are_averaged_in_fisher_z() -> None:
    right, columns, cells = _data()
    strata = cells % 3
    parts = [(right[strata == part], columns["x"][strata == part]) for part in range(3)]
    weights = [len(part) - 3 for part, _ in parts]
    mean = sum(w * math.atanh(np.corrcoef(*part)[0, 1]) for w, part in zip(weights, parts, strict=True)) / sum(weights)
    found = within(right, columns["x"], strata)
    assert found.r == pytest.approx(math.tanh(mean))
    assert found.n == 300
    assert found.hi == pytest.approx(math.tanh(mean + 1.959964 / math.sqrt(sum(weights))))


def test_strata_without_variance_are_left_out() -> None:
    right, values = _column(1, 1, 1, 1, 0, 1, 0, 1), _column(1, 2, 3, 4, 4, 3, 1, 2)
    strata = np.array([0] * 4 + [1] * 4)
    assert within(right, values, strata).n == 4
    alone = within(_column(1, 1, 1, 1, 0, 0, 0, 0), values, strata, "NT")
    assert (alone.r, alone.reason) == (None, "NT or the outcome does not vary inside any stratum")
    perfect = within(_column(1, 0, 1, 0, 0, 1, 0, 1), _column(1, 0, 1, 0, 1, 2, 3, 4), strata, "NT")
    assert (perfect.r, perfect.reason) == (None, "NT decides every answer where the stratum is 0")


def test_partial_correlation_is_the_textbook_formula() -> None:
    right, columns, cells = _data()
    x, z = columns["x"], 0.5 * columns["x"] + columns["z"]
    r = np.corrcoef([right, x, z])
    found = partial(right, x, {"z": z})
    assert found.r == pytest.approx(partial_of(r[0, 1], r[0, 2], r[1, 2]))
    assert (found.lo, found.hi) == pytest.approx(fisher_interval(found.r or 0, 300, controls=1))
    twice = partial(right, x, {"a": z, "b": cells.astype(float)})
    inverse = np.linalg.inv(np.corrcoef([right, x, z, cells]))
    assert twice.r == pytest.approx(-inverse[0, 1] / math.sqrt(inverse[0, 0] * inverse[1, 1]))


def test_a_function_of_the_controls_has_no_partial_correlation() -> None:
    right, columns, _ = _data()
    found = partial(right, 2 * columns["x"] + columns["z"] - 1, {"WL": columns["x"], "GT": columns["z"]}, "NT")
    assert (found.r, found.reason) == (None, "NT is a function of WL and GT")
    assert partial(right, columns["x"], {"WL": right}, "NT").reason == "the outcome is a function of WL"


# --- permutation ------------------------------------------------------------------------------------------------------


def _enumerated(right: Column, values: Column, cells: NDArray[np.int64]) -> float:
    """Share of all deals inside cells whose sum is at least as far from the mean."""
    sums = [0.0]
    for cell in np.unique(cells):
        chosen = cells == cell
        dealt = [float(right[chosen] @ np.array(order)) for order in permutations(values[chosen])]
        sums = [total + one for total in sums for one in dealt]
    mean = sum(sums) / len(sums)
    seen = float(right @ values)
    return sum(abs(total - mean) >= abs(seen - mean) - 1e-9 for total in sums) / len(sums)


@pytest.mark.property
@settings(max_examples=25)
@given(
    right=st.lists(st.booleans(), min_size=8, max_size=8),
    values=st.lists(st.integers(1, 4), min_size=8, max_size=8),
)
def test_deals_have_the_exact_p(right: list[bool], values: list[int]) -> None:
    cells = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    outcome, held = np.array(right, dtype=float), np.array(values, dtype=float)
    found = permutation(outcome, held, cells, name="NT", key=("t",), deals=4000)
    if found.p is None:
        assert found.reason
        return
    assert abs(found.p - _enumerated(outcome, held, cells)) < 0.045  # five standard errors of a share of 4,000


def test_a_deal_over_cells_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: cells are thrown together, so that what differs between cells counts."""
    cells = np.repeat(np.arange(2), 40)
    values = np.concatenate([np.tile([1.0, 2.0], 20), np.tile([8.0, 9.0], 20)])
    right = np.concatenate([np.tile([0.0, 0, 0, 1], 10), np.tile([1.0, 1, 1, 0], 10)])
    honest = permutation(right, values, cells, name="NT", key=(), deals=500)
    careless = permutation(right, values, 0 * cells, name="NT", key=(), deals=500)
    assert honest.p is not None
    assert careless.p is not None
    assert careless.p != honest.p
    assert (honest.r or 0) * (careless.r or 0) <= 0 or abs(honest.r or 0) < abs(careless.r or 0)


def test_a_deal_is_the_same_each_time_and_another_with_another_key() -> None:
    right, columns, cells = _data()
    results = {
        key: permutation(right, columns["x"] * 0 + cells % 2 + columns["x"] // 5, cells // 3, name="x", key=key).p
        for key in ((0, "a"), (0, "a", "b"))
    }
    assert (
        results[0, "a"]
        == permutation(right, columns["x"] * 0 + cells % 2 + columns["x"] // 5, cells // 3, name="x", key=(0, "a")).p
    )
    assert _permutation.DEALS == 2000


def test_false_discoveries() -> None:
    """The four p-values of Benjamini and Hochberg's step-up rule by hand: p_(i) m / i, made monotone from above."""
    assert benjamini_hochberg([0.01, None, 0.04, 0.03, 0.5]) == [
        pytest.approx(0.04), None, pytest.approx(0.04 * 4 / 3), pytest.approx(0.04 * 4 / 3), pytest.approx(0.5),
    ]  # fmt: skip
    assert benjamini_hochberg([None, None]) == [None, None]
    assert benjamini_hochberg([]) == []


# --- regressions ------------------------------------------------------------------------------------------------------


def _coefficients(found: Regression) -> dict[str, float | None]:
    return {term.term: term.coefficient for term in found.terms}


def test_logistic_regression_maximises_the_likelihood() -> None:
    pytest.importorskip("statsmodels")
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    right, columns, _ = _data()
    design = np.column_stack([np.ones(300), *(standardised(column) for column in columns.values())])
    sign = 2 * right - 1
    best = minimize(lambda beta: np.logaddexp(0, -sign * (design @ beta)).sum(), np.zeros(3)).x
    found = logistic(right, columns, ())
    assert list(_coefficients(found).values()) == pytest.approx(best, abs=1e-4)
    assert (found.n, found.covariance, found.reason) == (300, "HC1", "")
    chance = 1 / (1 + np.exp(-design @ best))
    bread = np.linalg.inv(design.T @ (design * (chance * (1 - chance))[:, None]))
    meat = design.T @ (design * ((right - chance) ** 2)[:, None])
    spread = np.sqrt(np.diag(bread @ meat @ bread) * 300 / 297)  # HC1
    widths = [(term.hi - term.lo) / 2 for term in found.terms if term.hi is not None and term.lo is not None]
    assert widths == pytest.approx(1.959964 * spread, rel=1e-3)


def test_words_that_recur_widen_the_intervals() -> None:
    pytest.importorskip("statsmodels")
    right, columns, _ = _data(100)
    four = {name: np.repeat(column, 4) for name, column in columns.items()}
    words = np.repeat(np.arange(100), 4)
    clustered, naive = logistic(np.repeat(right, 4), four, (), words), logistic(np.repeat(right, 4), four, ())
    assert (clustered.covariance, clustered.n) == ("cluster", 400)
    for one, other in zip(clustered.terms, naive.terms, strict=True):
        assert one.coefficient == pytest.approx(other.coefficient)
        assert (one.hi or 0) - (one.lo or 0) == pytest.approx(2 * ((other.hi or 0) - (other.lo or 0)), rel=0.05)


def test_inflation_is_that_of_statsmodels() -> None:
    pytest.importorskip("statsmodels")
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    right, columns, _ = _data()
    columns["w"] = columns["x"] + 0.2 * columns["z"]
    columns["v"] = columns["w"] + np.random.default_rng(3).normal(size=300)
    del columns["w"]
    design = np.column_stack([np.ones(300), *columns.values()])
    wanted = [variance_inflation_factor(design, place) for place in (1, 2, 3)]
    assert [term.vif for term in logistic(right, columns, ()).terms[1:]] == pytest.approx(wanted)


def test_a_dummy_that_decides_is_named_and_its_items_left_out() -> None:
    pytest.importorskip("statsmodels")
    right, columns, _ = _data()
    decided = columns["x"] == 5
    right = np.where(decided, 1.0, right)
    columns["match:len"] = decided.astype(float)
    found = logistic(right, columns, ["match:len"], left_out={"CR": "a function of WL and NT"})
    reasons = {term.term: term.reason for term in found.terms}
    count = int(decided.sum())
    assert reasons["match:len"] == f"separates: all {count} items with one of it are right; they are left out with it"
    assert reasons["CR"] == "a function of WL and NT"
    assert found.n == 300 - count
    alone = logistic(right[~decided], {name: columns[name][~decided] for name in ("x", "z")}, ())
    assert _coefficients(found)["x"] == pytest.approx(_coefficients(alone)["x"])


@pytest.mark.parametrize("fit", [logistic, conditional_logistic])
def test_a_mix_that_decides_is_reported(fit: Callable[..., Regression]) -> None:
    pytest.importorskip("statsmodels")
    _, columns, cells = _data()
    right = (columns["x"] + columns["z"] > 3).astype(float)
    found = fit(right, columns, (), *([cells] if fit is conditional_logistic else []))
    assert found.reason.startswith("separation: some mix")
    assert {term.coefficient for term in found.terms} == {None}
    assert {term.reason for term in found.terms} == {"separation"}


def test_columns_that_say_nothing_new_are_named() -> None:
    right, columns, _ = _data()
    columns |= {"one": np.ones(300), "copy": 3 * columns["x"] + 1, "sum": columns["x"] - columns["z"]}
    terms = chosen_terms(right, columns, ())
    assert list(terms.kept) == ["x", "z"]
    assert dict(terms.dropped) == {
        "one": "does not vary", "copy": "is the same as x", "sum": "is a linear function of those before it",
    }  # fmt: skip
    assert logistic(right, {"one": np.ones(300)}, ()).reason == "no property is left"


def test_conditional_regression_is_that_of_statsmodels() -> None:
    conditional = pytest.importorskip("statsmodels.discrete.conditional_models")
    right, columns, cells = _data(150)
    found = conditional_logistic(right, columns, (), cells, size=40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        design = np.column_stack([standardised(column) for column in columns.values()])
        wanted = conditional.ConditionalLogit(right, design, groups=cells).fit(disp=0)
    assert list(_coefficients(found).values()) == pytest.approx(wanted.params, abs=1e-4)
    spreads = [
        (term.hi - term.lo) / 2 / 1.959964 for term in found.terms if term.hi is not None and term.lo is not None
    ]
    assert spreads == pytest.approx(wanted.bse, rel=1e-3)
    assert [term.p for term in found.terms] == pytest.approx(wanted.pvalues, abs=1e-4)


def test_small_sets_estimate_the_same() -> None:
    right, columns, cells = _data(3000)
    whole = logistic(right, columns | {str(cell): (cells == cell).astype(float) for cell in range(11)},
                     [str(cell) for cell in range(11)])  # fmt: skip
    found = conditional_logistic(right, columns, (), cells, key=(0,))
    for name in columns:
        assert _coefficients(found)[name] == pytest.approx(_coefficients(whole)[name], abs=0.06)
    assert found == conditional_logistic(right, columns, (), cells, key=(0,))
    assert 2900 < found.n <= 3000


def test_what_all_of_a_cell_share_is_left_out() -> None:
    right, columns, cells = _data()
    columns = {"WL": cells.astype(float), **columns, "copy": columns["x"] + 3.0 * cells}
    found = {term.term: term.reason for term in conditional_logistic(right, columns, (), cells).terms}
    assert found["WL"] == "does not vary inside a cell of length and gold answer"
    assert found["copy"] == "is a linear function of those before it there"
    assert conditional_logistic(np.ones(300), columns, (), cells).reason == "no group has right and wrong answers"
    only = conditional_logistic(right, {"WL": cells.astype(float)}, (), cells)
    assert only.reason == "no property varies inside groups"


# --- two models -------------------------------------------------------------------------------------------------------


def test_the_interval_of_a_difference_is_that_of_resampled_items() -> None:
    from scipy.stats import bootstrap  # type: ignore[import-untyped]

    generator = np.random.default_rng(0)
    first = generator.random(400) < 0.7
    second = (generator.random(400) < 0.5) | (first & (generator.random(400) < 0.3))
    found = difference(first, second, key=(0,), resamples=4000)
    gaps = first.astype(float) - second
    wanted = bootstrap((gaps,), np.mean, n_resamples=4000, method="percentile", random_state=0).confidence_interval
    assert found.difference == pytest.approx(gaps.mean())
    assert (found.lo, found.hi) == pytest.approx((wanted.low, wanted.high), abs=0.01)
    assert (found.only_first, found.only_second) == (int((gaps > 0).sum()), int((gaps < 0).sum()))


def test_overlap_of_errors() -> None:
    first, second = np.array([1, 1, 0, 0, 0], dtype=bool), np.array([1, 0, 1, 0, 0], dtype=bool)
    found = overlap(first, second)
    assert (found.errors_first, found.errors_second, found.both, found.iou) == (3, 3, 2, 0.5)
    assert found.independent == pytest.approx(0.36 / 0.84)
    none = overlap(np.ones(3, dtype=bool), np.ones(3, dtype=bool))
    assert (none.iou, none.independent, none.reason) == (None, None, "neither makes an error")
