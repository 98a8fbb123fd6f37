"""Two runs, or two tokenizers: the tests by hand, the pairing, the vocabulary and the decision."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench._resources import resource
from tokbench.errors import OptionError, OutputDirectoryError, RecordError
from tokbench.report.compare import (
    Rule,
    RunComparison,
    TokenizerComparison,
    changes_frame,
    compare_runs,
    compare_tokenizers,
    compare_vocabularies,
    judge,
    match,
    newcombe,
    paired_means,
    paired_shares,
    write_changes,
)
from tokbench.results import Metric, Outcome, Run, Sample
from tokbench.stats import mcnemar_exact
from tokbench.tokenizers import Tokenizer, load_tokenizer

# ---------------------------------------------------------------------- the tests


@pytest.mark.parametrize(
    ("both", "lost", "gained", "neither", "lo", "hi"),
    [
        # Newcombe (1998), the table of examples, method 10
        (36, 12, 2, 0, -0.3404, -0.0569),
        # Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014), airway responsiveness of 21 children
        (1, 7, 1, 12, -0.507, -0.026),
    ],
)
def test_newcombe_golden(both: int, lost: int, gained: int, neither: int, lo: float, hi: float) -> None:
    digits = len(str(lo)) - 3
    found = newcombe(both, lost, gained, neither)
    assert (round(found.lo, digits), round(found.hi, digits)) == (lo, hi)


@pytest.mark.property
@given(*[st.integers(0, 60)] * 4)
def test_newcombe_holds_the_difference_and_is_symmetric(both: int, lost: int, gained: int, neither: int) -> None:
    n = both + lost + gained + neither
    if not n:
        return
    found, mirrored = newcombe(both, lost, gained, neither), newcombe(both, gained, lost, neither)
    assert -1 <= found.lo <= (gained - lost) / n + 1e-12
    assert (gained - lost) / n - 1e-12 <= found.hi <= 1
    assert (found.lo, found.hi) == pytest.approx((-mirrored.hi, -mirrored.lo))


def test_a_pair_of_shares_by_hand() -> None:
    first = [True] * 4 + [False] * 9 + [False] * 6
    second = [True] * 3 + [False] + [True] * 9 + [False] * 6
    found = paired_shares("m", "", first, second)
    assert (found.lost, found.gained, found.k_first, found.k_second, found.n) == (1, 9, 4, 12, 19)
    assert found.p == 0.021484375
    assert found.test == "mcnemar"
    assert found.difference == pytest.approx(8 / 19)
    assert found.drop == pytest.approx(-8 / 19)


def test_items_of_one_word_do_not_count_as_many() -> None:
    # three words with twenty items each, of which one word is lost: twenty items, and one independent unit
    first, second = [True] * 60, [False] * 20 + [True] * 40
    words = [word for word in "abc" for _ in range(20)]
    found = paired_shares("m", "", first, second, words)
    assert mcnemar_exact(20, 0) < 1e-5
    assert found.p is not None
    assert found.p > 0.3
    assert found.test == "mcnemar+bootstrap"
    assert found.clusters == 3
    assert found.hi is not None
    assert found.hi > 0
    assert found == paired_shares("m", "", first, second, words)


def test_the_bootstrap_is_not_trusted_with_few_discordant_items() -> None:
    first, second = [True] * 200, [False] * 4 + [True] * 196
    words = ["twice", "twice", *map(str, range(198))]
    found = paired_shares("m", "", first, second, words)
    assert found.p is not None
    assert found.p >= mcnemar_exact(4, 0) == 0.125


def test_means_count_down_where_less_is_better() -> None:
    found = paired_means("m", "", [1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 4.0, 3.5], direction="down")
    assert (found.lost, found.gained) == (2, 1)
    assert found.difference == pytest.approx(0.375)
    assert found.drop == pytest.approx(0.375)
    assert not found.is_share
    alone = paired_means("m", "", [1.0], [2.0], direction="down")
    assert (alone.p, alone.lo, alone.test) == (None, None, "few")


# ---------------------------------------------------------------------- runs

RIGHT: Outcome = "correct"
WRONG: Outcome = "wrong"


def row(item: str, outcome: Outcome, **more: Any) -> Sample:  # noqa: ANN401, any field of a row
    score = None if outcome == "skipped" else float(outcome == RIGHT)
    return Sample(**{"item_id": item, "metric": "m", "outcome": outcome, "score": score, "prompt_sha256": "0"} | more)


def rows(outcomes: Sequence[bool], **more: Any) -> list[Sample]:  # noqa: ANN401, any field of a row
    return [row(f"{place:03}", RIGHT if right else WRONG, **more) for place, right in enumerate(outcomes)]


def run(
    samples: Sequence[Sample],
    metrics: Sequence[Metric] = (),
    *,
    model: str | None = "one",
    tokenizer: str = "bytes",
    suite: str = "charbench",
    version: str = "charbench-1",
    complete: bool = True,
    synthetic: bool = False,
    capability: dict[str, object] | None = None,
    options: dict[str, object] | None = None,
    key: str = "0",
) -> Run:
    record = {
        "run": {
            "id": f"{suite}-{tokenizer}-{model}-{key}", "key": key, "status": "complete" if complete else "running",
            "suite": suite, "suite_version": version, "tokenizer": tokenizer, "model": model, "options": options or {},
        },
        "tokbench": {"profile": "smoke", "seed": 0},
        "tokenizer": {"spec": tokenizer, "capability": capability or {}},
        "model": {"spec": model, "synthetic": synthetic} if model else None,
    }  # fmt: skip
    return Run(record, samples, metrics)


def sides(lost: int, gained: int, both: int = 0, **more: Any) -> tuple[list[Sample], list[Sample]]:  # noqa: ANN401
    first = [True] * lost + [False] * gained + [True] * both
    second = [False] * lost + [True] * gained + [True] * both
    return rows(first, **more), rows(second, **more)


def compared(first: Sequence[Sample], second: Sequence[Sample], **more: Any) -> RunComparison:  # noqa: ANN401
    return compare_runs([run(first, **more)], [run(second, **more)])


def test_two_metrics_are_corrected_together() -> None:
    one, other = sides(1, 9), sides(0, 6, metric="x")
    (pair,) = compared(one[0] + other[0], one[1] + other[1]).pairs
    first, second = pair.totals
    assert (first.metric, first.p, second.metric, second.p) == ("m", 0.021484375, "x", 0.03125)
    # Holm: twice the smaller one, and no later one below it
    assert first.adjusted == second.adjusted == 0.04296875


def test_strata_are_corrected_apart_from_totals() -> None:
    one, other = sides(9, 1, stratum="a"), sides(5, 5, stratum="b")
    renamed = [[row(f"b{sample.item_id}", sample.outcome, stratum="b") for sample in side] for side in other]
    (pair,) = compared(one[0] + renamed[0], one[1] + renamed[1]).pairs
    (total,) = pair.totals
    assert (total.lost, total.gained, total.adjusted) == (14, 6, mcnemar_exact(14, 6))
    assert [(entry.stratum, entry.adjusted) for entry in pair.strata] == [("a", 0.04296875), ("b", 1.0)]


def test_only_common_items_with_an_outcome_count() -> None:
    first = [row("a", RIGHT), row("b", RIGHT), row("c", "skipped"), row("only", RIGHT)]
    second = [row("a", WRONG), row("b", "skipped"), row("c", RIGHT)]
    (pair,) = compared(first, second).pairs
    assert (pair.common, pair.only_first, pair.only_second) == (1, 2, 1)
    assert [(change.item_id, change.kind) for change in pair.changes] == [
        ("a", "worse"),
        ("b", "other"),
        ("c", "other"),
    ]


def test_failed_and_invalid_answers_are_wrong_ones() -> None:
    first = [row("a", RIGHT), row("b", "invalid"), row("c", RIGHT)]
    second = [row("a", "failed"), row("b", WRONG), row("c", RIGHT)]
    (pair,) = compared(first, second).pairs
    assert (pair.totals[0].lost, pair.totals[0].gained, pair.totals[0].n) == (1, 0, 3)
    assert [(change.item_id, change.kind) for change in pair.changes] == [("a", "worse"), ("b", "other")]


def test_another_answer_of_the_same_outcome_is_counted() -> None:
    (pair,) = compared([row("a", WRONG, completion="1")], [row("a", WRONG, completion="2")]).pairs
    assert (pair.other_answers, pair.changes, pair.equal) == (1, (), False)


def test_scores_that_are_no_shares_follow_the_direction_of_their_metric() -> None:
    def scored(values: Sequence[float]) -> list[Sample]:
        return [row(str(place), RIGHT, metric="tv", score=value) for place, value in enumerate(values)]

    metrics = [Metric(metric="tv", value=0.5, direction="down", n=3)]
    result = compare_runs([run(scored([0.1, 0.2, 0.3, 0.4]), metrics)], [run(scored([0.2, 0.3, 0.4, 0.4]), metrics)])
    (total,) = result.pairs[0].totals
    assert (total.direction, total.lost, total.gained) == ("down", 3, 0)
    assert total.drop == pytest.approx(0.075)
    assert [change.kind for change in result.pairs[0].changes] == ["worse"] * 3


def test_names_that_stand_for_other_questions_are_not_compared() -> None:
    first = [row("a", RIGHT, gold="1"), row("b", RIGHT, gold="2", cluster="kiwi")]
    second = [row("a", RIGHT, gold="1"), row("b", WRONG, gold="2", cluster="plum")]
    (pair,) = compared(first, second).pairs
    assert pair.common == 1
    assert any("1 items of one name are other questions" in note for note in pair.notes)
    with pytest.raises(RecordError, match="use one seed and one list"):
        compared(first[1:], second[1:])


def test_what_a_reader_has_to_know_is_noted() -> None:
    (pair,) = compare_runs(
        [run([row("a", RIGHT, prompt_sha256="1")], synthetic=True, options={"prompt": "plain", "compared": [1]})],
        [run([row("a", RIGHT, prompt_sha256="2")], complete=False, options={"prompt": "cot", "compared": [2]})],
    ).pairs
    told = "\n".join(pair.notes)
    assert "A is synthetic" in told
    assert "B is not finished" in told
    assert "settings differ: prompt plain in A, cot in B" in told
    assert "1 common items were asked in other words" in told
    assert "compared" not in told


def test_numbers_without_items_are_compared_by_direction() -> None:
    def number(name: str, value: float | None, direction: Literal["up", "down", "none"] = "up") -> Metric:
        return Metric(metric=name, value=value, direction=direction, n=3)

    first = [number("a", 1.0), number("b", 1.0, "down"), number("c", 1.0, "none"), number("d", 1.0), number("m", 1.0)]
    second = [number("a", 0.5), number("b", 0.5, "down"), number("c", 2.0, "none"), number("d", None), number("m", 0.0)]
    items = [row("x", RIGHT)]
    (pair,) = compare_runs([run(items, first)], [run(items, second)]).pairs
    assert [(entry.metric, entry.kind, entry.difference) for entry in pair.numbers] == [
        ("a", "worse", -0.5), ("b", "better", -0.5), ("c", "other", 1.0), ("d", "other", None),
    ]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "words"), [
    ({"suite": "phantom"}, {}, ("no suite on both sides", "phantom here", "charbench there")),
    ({"version": "charbench-2"}, {}, ("suite versions charbench-2 and charbench-1", "run the older one again")),
])  # fmt: skip
def test_runs_that_cannot_be_compared_are_refused(
    first: dict[str, Any], second: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(RecordError) as caught:
        compare_runs([run([row("a", RIGHT)], **first)], [run([row("a", RIGHT)], **second)])
    assert all(word in str(caught.value) for word in words), caught.value


def test_runs_without_a_common_item_are_refused() -> None:
    with pytest.raises(RecordError, match="no item with an outcome in both runs"):
        compared([row("a", RIGHT)], [row("b", RIGHT)])


def test_runs_are_matched_by_tokenizer_and_model() -> None:
    def named(tokenizer: str, model: str, **more: Any) -> Run:  # noqa: ANN401
        return run([], tokenizer=tokenizer, model=model, **more)

    found = match(
        [named("t", "x"), named("t", "y"), named("u", "z")], [named("t", "y"), named("t", "x"), named("v", "z")]
    )
    assert [[entry.id for entry in pair] for pair in found.pairs] == [
        ["charbench-t-x-0"] * 2, ["charbench-t-y-0"] * 2,
    ]  # fmt: skip
    assert [entry.id for entry in (*found.only_first, *found.only_second)] == ["charbench-u-z-0", "charbench-v-z-0"]
    # nothing is shared: the only run of either side is meant; with two it is not clear which
    assert len(match([named("t", "x")], [named("u", "y")]).pairs) == 1
    with pytest.raises(RecordError, match="not clear which runs belong together"):
        match([named("t", "x"), named("t", "y")], [named("u", "v"), named("u", "w")])
    # of several with other settings those that share them
    plain, chatty = {"options": {"prompt": "plain"}}, {"options": {"prompt": "chatty"}, "key": "1"}
    settled = match(
        [named("t", "x", **plain), named("t", "x", **chatty)], [named("t", "x", **chatty), named("t", "x", **plain)]
    )
    assert all(one.id == other.id for one, other in settled.pairs)
    assert len(settled.pairs) == 2


@pytest.mark.property
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from("abc")), min_size=1, max_size=25), st.randoms())
def test_order_does_not_matter_and_sides_mirror(
    outcomes: list[tuple[bool, bool, str]], generator: random.Random
) -> None:
    names = [name for _, _, name in outcomes]
    first, second = (
        [replace(sample, stratum=name) for sample, name in zip(rows(side), names, strict=True)]
        for side in ([one for one, _, _ in outcomes], [other for _, other, _ in outcomes])
    )
    result = compared(first, second).pairs[0]
    shuffled = [generator.sample(side, len(side)) for side in (first, second)]
    again = compared(shuffled[0], shuffled[1]).pairs[0]
    assert (again.totals, again.strata, again.changes) == (result.totals, result.strata, result.changes)
    mirrored = compared(second, first).pairs[0]
    for one, other in zip((*result.totals, *result.strata), (*mirrored.totals, *mirrored.strata), strict=True):
        assert (one.lost, one.gained, one.p, one.adjusted) == (other.gained, other.lost, other.p, other.adjusted)
        assert one.difference == pytest.approx(-other.difference)
    assert result.totals[0].n == len(outcomes)
    assert sum(entry.lost for entry in result.strata) in {0, result.totals[0].lost}


# ---------------------------------------------------------------------- the decision


def decided(lost: int, gained: int, both: int = 0, **rule: Any) -> int:  # noqa: ANN401
    return judge(compared(*sides(lost, gained, both)), Rule(**rule)).exit_status


def test_the_gate_fails_on_what_the_rule_says() -> None:
    assert decided(0, 0, both=5) == 0
    assert decided(5, 0) == 0  # p = .0625
    assert decided(6, 0) == 1  # p = .03125
    assert decided(6, 0, alpha=0.01) == 0
    assert decided(0, 6) == 0
    assert decided(0, 6, fail_on="any") == 1
    assert decided(6, 0, fail_on="never") == 0
    assert decided(1, 0, both=5, exact=True) == 1
    assert decided(0, 0, both=5, exact=True) == 0


def test_a_drop_that_is_allowed_decides_in_place_of_the_test() -> None:
    assert decided(6, 0, both=194, max_drop=3) == 0  # exactly 3 points, and significant
    assert decided(6, 0, both=194, max_drop=2.9) == 1
    assert decided(1, 0, both=9, max_drop=5) == 1  # 10 points, and not significant
    assert decided(0, 6, both=194, max_drop=1) == 0
    assert decided(0, 6, both=194, max_drop=1, fail_on="any") == 1


def test_a_stratum_that_falls_while_another_rises_fails() -> None:
    one, other = sides(8, 0, stratum="a"), sides(0, 8, stratum="b")
    moved = [[row(f"b{sample.item_id}", sample.outcome, stratum="b") for sample in side] for side in other]
    gate = judge(compared(one[0] + moved[0], one[1] + moved[1]), Rule())
    assert gate.failed
    assert gate.worse == ("m in a",)
    assert gate.better == ("m in b",)


def test_of_a_tokenizer_alone_one_item_is_enough() -> None:
    first, second = [row("law/pure", RIGHT, metric="law"), row("law/x", RIGHT, metric="law")], [
        row("law/pure", WRONG, metric="law"), row("law/x", RIGHT, metric="law")]  # fmt: skip
    result = compared(first, second, model=None, suite="exactness")
    (total,) = result.pairs[0].totals
    assert (total.p, total.lo, total.test, total.lost) == (None, None, "none", 1)
    gate = judge(result, Rule())
    assert gate.failed
    assert "law/pure" in gate.why
    assert not judge(compared(second, first, model=None), Rule()).failed


def test_a_tokenizer_that_promises_less_fails() -> None:
    laws = [row("law/pure", RIGHT, metric="law")]
    first = run(laws, model=None, capability={"round_trip": "lossless", "losses": [], "bytes_in": True})
    second = run(laws, model=None, capability={"round_trip": "lossy", "losses": ["normalisation"], "bytes_in": False})
    gate = judge(compare_runs([first], [second]), Rule())
    assert gate.worse == (
        "capability.round_trip from lossless to lossy", "capability.losses from none to normalisation",
    )  # fmt: skip
    back = judge(compare_runs([second], [first]), Rule())
    assert not back.failed
    assert len(back.better) == 2


def test_what_a_run_of_a_model_counts_over_its_tokenizer_is_no_sample() -> None:
    policy = [row("policy", RIGHT, metric="policy", prompt_sha256=None)]
    lost = [row("policy", WRONG, metric="policy", prompt_sha256=None)]
    one, other = sides(1, 9)
    result = compared([*one, *policy], [*other, *policy])
    total, census = result.pairs[0].totals
    assert (total.adjusted, census.test, census.p) == (0.021484375, "none", None)  # one test, so nothing to correct
    assert not judge(result, Rule()).failed
    assert judge(compared([*one, *policy], [*other, *lost]), Rule()).worse == ("policy",)


def test_classes_of_few_items_are_shown_and_not_tested() -> None:
    one, other = sides(6, 0, stratum="a")
    few = [row(f"b{place}", RIGHT, stratum="b") for place in range(5)]
    lost = [row(f"b{place}", WRONG, stratum="b") for place in range(5)]
    large, small = compared([*one, *few], [*other, *lost]).pairs[0].strata
    assert (large.adjusted, small.test, small.p, small.lost) == (0.03125, "few", None, 5)
    # nor do they decide by points: one of five items is 20 of them
    calm = compared([*one, *few], [*one, *lost[:1], *few[1:]])
    assert not judge(calm, Rule(max_drop=10)).failed
    assert judge(calm, Rule(max_drop=9)).failed  # 1 of 11 over all


def test_what_only_rounding_moved_did_not_move() -> None:
    values = [0.25 * place for place in range(8)]
    found = paired_means("m", "", values, [value + 4e-15 for value in values], direction="down")
    assert (found.lost, found.gained, found.p) == (0, 0, 1.0)


# ---------------------------------------------------------------------- tables


def test_changes_are_written_as_csv_and_parquet(tmp_path: Path) -> None:
    first = [row("a", RIGHT, completion="=1+1", gold="x"), row("b", RIGHT, completion="\ud800")]
    second = [row("a", WRONG, completion="no"), row("b", WRONG, completion="|\n")]
    second = [row(entry.item_id, entry.outcome, completion=entry.completion, gold=one.gold)
              for entry, one in zip(second, first, strict=True)]  # fmt: skip
    result = compared(first, second)
    for suffix in (".csv", ".parquet"):
        write_changes(result, tmp_path / f"changes{suffix}")
    kept = pl.read_parquet(tmp_path / "changes.parquet")
    assert kept.equals(changes_frame(result))
    assert kept["answer_a"].to_list() == ["=1+1", "␛d800"]
    assert pl.read_csv(tmp_path / "changes.csv")["answer_a"].to_list() == ["'=1+1", "␛d800"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["changes.csv", "changes.parquet"]


def test_a_table_replaces_no_file_unasked(tmp_path: Path) -> None:
    result = compared([row("a", RIGHT)], [row("a", RIGHT)])
    path = tmp_path / "changes.csv"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputDirectoryError, match="--force"):
        write_changes(result, path)
    assert path.read_text(encoding="utf-8") == "mine"
    write_changes(result, path, force=True)
    assert path.read_text(encoding="utf-8").startswith("what,kind,suite,")
    with pytest.raises(OptionError, match=r"\.csv or \.parquet"):
        write_changes(result, tmp_path / "changes.txt")
    with pytest.raises(OutputDirectoryError, match="no such folder"):
        write_changes(result, tmp_path / "missing" / "changes.csv")


# ---------------------------------------------------------------------- tokenizers

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def tiny() -> Tokenizer:
    return load_tokenizer("hf:@tiny.json")


def version(folder: Path, edit: Edit) -> Tokenizer:
    """Another version of the small tokenizer."""
    data = json.loads(resource("fixtures", "tiny.json").read_bytes())
    edit(data)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return load_tokenizer(f"hf:{path}")


def test_a_copy_is_equal(tiny: Tokenizer, tmp_path: Path) -> None:
    result = compare_tokenizers(tiny, version(tmp_path, lambda _: None), strings=50)
    assert result.equal
    assert result.vocabulary.equal
    assert (result.other_ids, result.cuts, result.texts) == (0, (), 420 + 50)
    gate = judge(result, Rule(exact=True))
    assert (gate.exit_status, gate.why) == (0, "no difference")


def test_exchanged_ids_are_renumbered(tiny: Tokenizer, tmp_path: Path) -> None:
    def exchange(data: dict[str, Any]) -> None:
        vocab = data["model"]["vocab"]
        vocab["e"], vocab["t"] = vocab["t"], vocab["e"]

    other = version(tmp_path, exchange)
    found = compare_vocabularies(tiny, other)
    assert (found.kept, found.reused, found.count("renumbered"), len(found.changes)) == (1001, 2, 2, 2)
    assert {change.first.data for change in found.changes if change.first} == {b"e", b"t"}
    result = compare_tokenizers(tiny, other, strings=50)
    assert result.other_ids > 0
    assert result.other_cuts == 0  # the same bytes under other ids
    assert judge(result, Rule()).exit_status == 0
    assert judge(result, Rule(exact=True)).exit_status == 1


def test_an_added_token_is_added(tiny: Tokenizer, tmp_path: Path) -> None:
    def add(data: dict[str, Any]) -> None:
        data["added_tokens"].append(data["added_tokens"][0] | {"id": 1003, "content": "<|new|>"})

    found = compare_vocabularies(tiny, version(tmp_path, add))
    (change,) = found.changes
    assert (change.kind, change.first_id, change.second_id) == ("added", None, 1003)
    assert change.second is not None
    assert change.second.name == "<|new|>"
    (back,) = compare_vocabularies(version(tmp_path, add), tiny).changes
    assert (back.kind, back.first_id) == ("removed", 1003)


def test_fewer_merges_cost_tokens(tiny: Tokenizer, tmp_path: Path) -> None:
    def forget(data: dict[str, Any]) -> None:
        data["model"]["merges"] = data["model"]["merges"][:200]

    result: TokenizerComparison = compare_tokenizers(tiny, version(tmp_path, forget), strings=50)
    assert result.vocabulary.equal
    whole, *parts = result.counts
    assert whole.second > whole.first
    assert whole.second == sum(part.second for part in parts)
    smallest = result.cuts[0]
    assert smallest.cause == max(result.causes, key=result.causes.__getitem__) == "merge"
    assert len(smallest.text) <= 3
    assert len(smallest.second) == len(smallest.first) + 1
    assert b"".join(piece or b"" for _, piece in smallest.first) == smallest.text.encode()
    gate = judge(result, Rule())
    assert gate.failed
    assert any(name.startswith("tokens of English +") for name in gate.worse)
    assert judge(result, Rule(max_drop=200)).exit_status == 0
    assert judge(result, Rule(max_drop=1)).exit_status == 1


def test_what_is_promised_counts(tiny: Tokenizer) -> None:
    wordpiece = load_tokenizer("hf:@tiny-wordpiece.json")
    result = compare_tokenizers(tiny, wordpiece, strings=25)
    kinds = {entry.name: entry.kind for entry in result.settings}
    assert kinds["capability.round_trip"] == kinds["capability.byte_complete"] == "worse"
    # the smallest string is a space that is lost; the other classes are shown too
    assert {"prefix", "unknown", "normalisation"} <= {cut.cause for cut in result.cuts}
    assert any(name.startswith("capability.round_trip") for name in judge(result, Rule()).worse)
    assert all(entry.kind != "worse" for entry in compare_tokenizers(wordpiece, tiny, strings=25).settings)


@pytest.mark.data
def test_two_real_vocabularies(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    first, second = load_tokenizer("tiktoken:r50k_base"), load_tokenizer("tiktoken:p50k_base")
    found = compare_vocabularies(first, second)
    # p50k_base is r50k_base and 24 runs of spaces
    added = [change.second.data for change in found.changes if change.kind == "added" and change.second]
    assert len(added) == 24
    assert {bytes(data or b"").strip(b" ") for data in added} == {b""}
    assert found.count("removed") == found.count("renumbered") == 0
