"""Golden numbers and laws of intervals, paired tests and ranks."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench import stats
from tokbench.errors import MetricInputError


@pytest.mark.parametrize(
    ("k", "n", "lo", "hi"),
    [
        (0, 40, 0.0, 0.087622),
        (20, 40, 0.351995, 0.648005),
        (40, 40, 0.912378, 1.0),
        (117, 141, 0.759215, 0.882867),
        (141, 141, 0.973478, 1.0),
    ],
)
def test_wilson_golden(k: int, n: int, lo: float, hi: float) -> None:
    found = stats.wilson(k, n)
    assert found == pytest.approx((lo, hi), abs=5e-7)
    assert found.lo >= 0
    assert found.hi <= 1


def test_wilson_ends_are_exact() -> None:
    assert stats.wilson(0, 7).lo == 0.0
    assert stats.wilson(7, 7).hi == 1.0


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_mirrors(pair: tuple[int, int]) -> None:
    k, n = pair
    lo, hi = stats.wilson(k, n)
    assert 0 <= lo <= k / n <= hi <= 1
    mirrored = stats.wilson(n - k, n)
    assert (1 - mirrored.hi, 1 - mirrored.lo) == pytest.approx((lo, hi), abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_of_nothing(k: int, n: int) -> None:
    with pytest.raises(MetricInputError, match=f"{k} of {n}"):
        stats.wilson(k, n)


@pytest.mark.parametrize(
    ("b", "c", "p"), [(1, 9, 0.021484375), (5, 5, 1.0), (0, 6, 0.03125), (3, 12, 0.03515625), (0, 0, 1.0)]
)
def test_mcnemar_golden(b: int, c: int, p: float) -> None:
    assert stats.mcnemar_exact(b, c) == pytest.approx(p, abs=1e-12)
    assert stats.mcnemar_exact(c, b) == stats.mcnemar_exact(b, c)


def test_holm_golden() -> None:
    p = stats.mcnemar_exact(1, 9)
    assert stats.holm([p, 1.0, p]) == pytest.approx([0.064453125, 1.0, 0.064453125])
    q = stats.mcnemar_exact(0, 12)
    assert stats.holm([q, 1.0, q]) == pytest.approx([0.00146484375, 1.0, 0.00146484375])
    assert stats.holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_and_keeps_order(pvalues: list[float]) -> None:
    adjusted = stats.holm(pvalues)
    assert all(p <= q <= 1 for p, q in zip(pvalues, adjusted, strict=True))
    order = sorted(range(len(pvalues)), key=pvalues.__getitem__)
    assert [adjusted[index] for index in order] == sorted(adjusted)


def _answers(*discordant: tuple[tuple[str, str], tuple[int, int]]) -> dict[str, dict[str, bool]]:
    """Items on which the first or the second of a pair alone is right, and ten that all have right."""
    names = sorted({name for pair, _ in discordant for name in pair})
    rows: dict[str, dict[str, bool]] = {name: {f"all-{i}": True for i in range(10)} for name in names}
    for index, ((one, two), (b, c)) in enumerate(discordant):
        for number in range(b + c):
            item = f"{index}-{number}"
            for name in names:
                rows[name][item] = name not in {one, two} or (name == one) == (number < b)
    return rows


def test_three_rows_that_nothing_separates_share_one_letter() -> None:
    assert stats.letters(["A", "B", "C"], set()) == {"A": "a", "B": "a", "C": "a"}


def test_letters_when_one_row_differs() -> None:
    separated = {frozenset("AB"), frozenset("BC")}
    found = stats.letters(["A", "C", "B"], separated)
    assert set(found["A"]) & set(found["C"])
    assert not set(found["A"]) & set(found["B"])
    assert found == {"A": "a", "C": "a", "B": "b"}


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.sets(
    st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] < pair[1])
) if n > 1 else st.just(set()))))  # fmt: skip
def test_rows_share_a_letter_exactly_when_not_separated(drawn: tuple[int, set[tuple[int, int]]]) -> None:
    n, pairs = drawn
    names = [f"row{index}" for index in range(n)]
    separated = {frozenset((names[one], names[two])) for one, two in pairs}
    found = stats.letters(names, separated)
    for one in range(n):
        for two in range(one + 1, n):
            shared = bool(set(found[names[one]]) & set(found[names[two]]))
            assert shared == (frozenset((names[one], names[two])) not in separated)


def test_rank_separates_by_paired_tests() -> None:
    answers = _answers((("A", "B"), (0, 12)), (("B", "C"), (12, 0)), (("A", "C"), (0, 0)))
    ranked = {row.name: row for row in stats.rank(answers)}
    assert [row.name for row in stats.rank(answers)] == ["B", "A", "C"]
    assert ranked["A"].group == ranked["C"].group == "b"
    assert ranked["B"].group == "a"
    assert (ranked["B"].best, ranked["B"].worst) == (1, 1)
    assert (ranked["A"].best, ranked["A"].worst) == (2, 3)


def test_rank_of_equals_is_open() -> None:
    answers = _answers((("A", "B"), (5, 5)))
    assert [(row.group, row.best, row.worst) for row in stats.rank(answers)] == [("a", 1, 2), ("a", 1, 2)]


_ROWS = st.dictionaries(
    st.sampled_from("ABCD"),
    st.dictionaries(st.sampled_from([f"i{n}" for n in range(12)]), st.booleans(), min_size=1),
    min_size=1,
)


@given(_ROWS)
def test_rank_intervals_hold_the_rank(answers: dict[str, dict[str, bool]]) -> None:
    if not stats.common_support(answers):
        with pytest.raises(MetricInputError, match="no item"):
            stats.rank(answers)
        return
    for place, row in enumerate(stats.rank(answers), 1):
        assert row.best <= place <= row.worst


@given(_ROWS)
def test_common_support_never_grows(answers: dict[str, dict[str, bool]]) -> None:
    names = sorted(answers)
    for size in range(1, len(names)):
        smaller = stats.common_support({name: answers[name] for name in names[:size]})
        larger = stats.common_support({name: answers[name] for name in names[: size + 1]})
        assert set(larger) <= set(smaller)


def test_rank_with_clusters_is_seeded() -> None:
    answers = _answers((("A", "B"), (2, 14)))
    clusters = {item: item.partition("-")[2] for item in answers["A"]}
    assert stats.rank(answers, clusters) == stats.rank(answers, clusters)
    assert stats.rank(answers, clusters)[0].name == "B"


def test_ratio_interval_of_ones_is_that_of_a_mean() -> None:
    values = [1.0, 2.0, 3.0, 4.0]
    half = 3.182446305284263 * math.sqrt(5 / 3 / 4)  # t of 3 degrees of freedom x standard error
    assert stats.ratio_interval(values, [1] * 4) == pytest.approx((2.5 - half, 2.5 + half))


def test_standard_error_of_forty_items() -> None:
    values = [0.0] * 20 + [1.0] * 20
    lo, hi = stats.ratio_interval(values, [1] * 40)
    assert (hi - lo) / 2 / 2.022690920036762 == pytest.approx(0.0790569 * math.sqrt(40 / 39), rel=1e-6)


def test_repeated_items_do_not_narrow_a_clustered_interval() -> None:
    values = [float(n % 5) for n in range(20)]
    once = stats.ratio_interval(values, [1] * 20)
    thrice = stats.ratio_interval(values * 3, [1] * 60, [*range(20)] * 3)
    naive = stats.ratio_interval(values * 3, [1] * 60)
    assert thrice == pytest.approx(once)
    assert naive.hi - naive.lo < once.hi - once.lo


def test_bootstrap_is_seeded_and_near_the_linear_interval() -> None:
    above = [float(3 + n % 7) for n in range(200)]
    below = [float(2 + n % 3) for n in range(200)]
    first = stats.bootstrap_ratio(above, below, seed=1)
    assert first == stats.bootstrap_ratio(above, below, seed=1)
    assert first != stats.bootstrap_ratio(above, below, seed=2)
    assert first == pytest.approx(stats.ratio_interval(above, below), abs=0.02)
    assert stats.bootstrap_mean(above, seed=1) == stats.bootstrap_ratio(above, [1.0] * 200, seed=1)


def test_paired_bootstrap() -> None:
    worse, better = [0.0] * 30, [1.0] * 30
    assert stats.paired_bootstrap(worse, better) == pytest.approx(2 / 2001)
    assert stats.paired_bootstrap(worse, worse) == 1.0


@pytest.mark.parametrize("clusters", [None, ["x", "x"]])
def test_one_unit_has_no_interval(clusters: list[str] | None) -> None:
    size = 1 if clusters is None else 2
    with pytest.raises(MetricInputError, match="1 independent units"):
        stats.ratio_interval([1.0] * size, [1.0] * size, clusters)


def test_interval_input_is_checked() -> None:
    with pytest.raises(MetricInputError, match="sum to 0"):
        stats.ratio_interval([1, 2], [0, 0])
    with pytest.raises(MetricInputError, match="differ in number"):
        stats.ratio_interval([1, 2], [1])
