"""Each scripted adder has the label that it must have (arithmetic specification, 4.11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from arithmetic_tokenizers import l2r, r2l
from scipy.stats import binomtest  # type: ignore[import-untyped]

from tokbench.errors import OptionError, UnknownNameError
from tokbench.models._scripted import scripted
from tokbench.models.completion import CompletionModel, Decoding, Prompt
from tokbench.models.completions import load_completion_model
from tokbench.results import Sample
from tokbench.suites.arithmetic.answers import METRIC, answer_samples, rows_of
from tokbench.suites.arithmetic.conditions import mixed_condition
from tokbench.suites.arithmetic.grading import Graded
from tokbench.suites.arithmetic.item import Case, Condition, Item, plain
from tokbench.suites.arithmetic.items import build_cases, build_items, cases_of
from tokbench.suites.arithmetic.labels import base_label
from tokbench.suites.arithmetic.scripted import NAMES, responders
from tokbench.suites.arithmetic.strata import strata
from tokbench.tokenizers import Tokenizer

L2R = l2r()
SUMS = build_cases("smoke", shots=0)
OTHERS = tuple(
    case for block in ("subtraction", "product") for stratum in strata(block) for case in cases_of(stratum, 0, 2, 0)
)
PLAIN, COMMAS = plain("nosep", 0), plain("comma_r2l", 0)
REPEAT = mixed_condition("nosep", "comma_r2l", "comma_r2l", 0)

Labels = Counter[tuple[str, str]]


def model(name: str, tokenizer: Tokenizer) -> CompletionModel:
    return load_completion_model(f"scripted:{name}", tokenizer=tokenizer, responders=responders(tokenizer))


def samples(
    name: str, cases: Sequence[Case], conditions: Sequence[Condition], tokenizer: Tokenizer = L2R
) -> list[Sample]:
    found = list(build_items(cases, conditions))
    return answer_samples(model(name, tokenizer), tokenizer, found, decoding=Decoding(max_tokens=None))


def graded(
    name: str, cases: Sequence[Case] = SUMS, condition: Condition = PLAIN, tokenizer: Tokenizer = L2R
) -> list[Graded]:  # fmt: skip
    found = list(build_items(cases, [condition]))
    made = samples(name, cases, [condition], tokenizer)
    return [row.graded for row in rows_of(made, found, tokenizer)]


def labels(found: Sequence[Graded]) -> Counter[str]:
    return Counter(base_label(one.label) for one in found)


@pytest.mark.parametrize(
    "condition", [PLAIN, COMMAS, plain("foo_l2r", 0), plain("nosep@deva", 0), REPEAT, plain("ids_r2l", 0)]
)
@pytest.mark.parametrize("cases", [SUMS, OTHERS], ids=["sums", "others"])
def test_the_adder_is_right(cases: tuple[Case, ...], condition: Condition) -> None:
    found = graded("adder", cases, condition)
    assert labels(found) == {"correct": len(cases)}
    assert {one.strict_label for one in found} == {"correct"}


@pytest.mark.parametrize(
    ("name", "label", "earlier"),
    [
        ("left-aligner", "left_aligned_sum", {"correct"}),
        ("chunkwise", "chunkwise_sum", {"correct", "left_aligned_sum"}),
        ("operand-dropper", "dropped_digit", {"correct", "left_aligned_sum", "chunkwise_sum"}),
    ],
)
def test_sums_that_are_wrong_in_one_way(name: str, label: str, earlier: set[str]) -> None:
    found = labels(graded(name))
    assert set(found) <= {label, *earlier}
    assert found[label] > 0.8 * len(SUMS)
    assert set(labels(graded(name, OTHERS))) <= {label, *earlier}


def test_the_left_aligner_is_right_where_operands_are_equally_long() -> None:
    for one in graded("left-aligner"):
        first, second, _ = one.problem.lengths
        assert (one.label == "correct") == (first == second)


@pytest.mark.parametrize("tokenizer", [l2r(), r2l()], ids=["l2r", "r2l"])
@pytest.mark.parametrize("where", ["boundary", "inside"])
def test_carries_that_are_lost(where: str, tokenizer: Tokenizer) -> None:
    found = graded(f"carry-dropper:{where}", tokenizer=tokenizer)
    wanted = {"dropped_carry_boundary"} if where == "boundary" else {"dropped_carry_inside", "chunk_first_digit"}
    earlier = 0
    for one in found:
        places = [
            place for place in one.problem.carry_into if (place in one.segmentation.edges) == (where == "boundary")
        ]
        if not places:
            assert one.label == "correct"
            continue
        assert one.error is None or one.error == -(10 ** places[0])
        assert f"dropped_carry_{where}" in one.flags
        if base_label(one.label) not in wanted:
            earlier += 1
            assert base_label(one.label) in {"left_aligned_sum", "chunkwise_sum", "dropped_digit"}
        if base_label(one.label) == "chunk_first_digit":
            assert len(one.wrong_digits) == 1
    assert earlier <= 0.04 * len(found)
    assert labels(found)["correct"] < len(found) / 3


def test_borrows_that_are_lost_make_differences_larger() -> None:
    differences = [case for case in OTHERS if case.problem.op == "-"]
    errors = {
        one.error for one in graded("carry-dropper:boundary", differences) if one.label == "dropped_carry_boundary"
    }
    assert errors
    assert all(error is None or error > 0 for error in errors)


def test_the_guess_of_a_digit_is_right_one_time_in_ten() -> None:
    cases = build_cases("core", blocks=["parity"], shots=0)[::2]
    first = graded("digit4", cases)
    found = labels(first)
    assert set(found) <= {"correct", "chunk_first_digit", "left_aligned_sum", "chunkwise_sum", "dropped_digit"}
    assert binomtest(found["correct"], len(cases), 0.1).pvalue > 1e-3
    assert found.total() - found["correct"] - found["chunk_first_digit"] < 0.01 * len(cases)
    # in another format it guesses anew: conditions are independent
    other = graded("digit4", cases, COMMAS)
    agree = sum(a.right() and b.right() for a, b in zip(first, other, strict=True))
    assert agree < 0.03 * len(cases)


def test_the_reformatter_answers_with_commas() -> None:
    found = graded("reformatter")
    assert labels(found) == {"format_only": len(SUMS)}
    assert {one.strict_label for one in found} == {"format_only"}
    assert labels(graded("reformatter", condition=COMMAS)) == {"correct": len(SUMS)}
    assert labels(graded("reformatter", condition=REPEAT)) == {"correct": len(SUMS)}


@pytest.mark.parametrize("condition", [PLAIN, COMMAS])
def test_text_around_numbers(condition: Condition) -> None:
    echoed = graded("echoer", condition=condition)
    assert all(one.valid() and not one.right() and one.reading.extraneous for one in echoed)
    assert {one.strict_label for one in echoed} == {"invalid"}
    broken = graded("format-breaker", condition=condition)
    assert {(one.label, one.strict_label) for one in broken} == {("invalid", "invalid")}


@pytest.mark.parametrize("cut", [l2r, r2l])
def test_aligned_only_splits_the_strata_as_the_predictor_does(cut: Callable[[], Tokenizer]) -> None:
    found = graded("aligned-only", tokenizer=cut())
    assert all(one.right() == (one.segmentation.aligned is True) for one in found)
    by_lengths = {one.problem.lengths: one.right() for one in found}
    assert len(by_lengths) == 162
    assert sum(by_lengths.values()) == (81 if cut is l2r else 162)
    for (first, second, answer), right in by_lengths.items():
        if cut is l2r:
            assert right == (answer == max(first, second))


# ---------------------------------------------------------------------- the harness around them


def test_samples() -> None:
    made = samples("adder", SUMS[:1], [COMMAS])
    (sample,) = made
    assert sample.metric == METRIC
    assert (sample.outcome, sample.score, sample.stratum) == ("correct", 1.0, "addition/4+4=4")
    assert sample.cluster == SUMS[0].problem.text
    assert sample.completion == sample.gold
    assert sample.detail is not None
    assert sample.detail["condition"] == "comma_r2l|shots=0"
    assert (sample.detail["label"], sample.detail["truncated"]) == ("correct", False)
    assert {one.outcome for one in samples("echoer", SUMS, [PLAIN])} == {"wrong"}
    assert {one.outcome for one in samples("format-breaker", SUMS, [PLAIN])} == {"invalid"}


def test_twins_stay_together() -> None:
    cases = cases_of(strata("twins")[0], count=3, shots=0)
    found = list(build_items(cases, [PLAIN]))
    made = samples("adder", cases, [PLAIN])
    assert len({sample.cluster for sample in made}) == 3
    rows = rows_of(made, found, L2R)
    assert [(row.twin, row.carries, row.place) for row in rows] == [
        (case.twin, case.carries, case.place) for case in cases
    ]


def test_what_cannot_be_asked_is_skipped_and_has_no_row() -> None:
    silent = scripted("adder", lambda _prompt: "1")
    silent.takes = frozenset({"messages"})
    found = list(build_items(SUMS[:2], [PLAIN, plain("ids_r2l", 0)]))
    ticks: list[int] = []
    made = answer_samples(silent, L2R, found, decoding=Decoding(max_tokens=None), tick=ticks.append)
    assert [sample.outcome for sample in made] == ["wrong", "skipped"] * 2
    assert made[1].message == "not available: scripted:adder takes no token ids, only messages"
    assert sum(ticks) == len(found)
    assert [row.group.name for row in rows_of(made, found, L2R)] == ["nosep|shots=0"] * 2


def test_requests_that_fail_stay_in_the_denominator() -> None:
    from tokbench.models._scripted import RequestFailed

    def answer(prompt: Prompt) -> str:
        raise RequestFailed("no")

    found = list(build_items(SUMS[:2], [PLAIN]))
    made = answer_samples(scripted("broken", answer), L2R, found, decoding=Decoding(max_tokens=None))
    assert [(sample.outcome, sample.completion) for sample in made] == [("failed", None)] * 2
    rows = rows_of(made, found, L2R)
    assert [row.graded.label for row in rows] == ["failed", "failed"]


def test_names() -> None:
    assert set(responders(L2R)) == set(NAMES)
    with pytest.raises(
        UnknownNameError, match="unknown scripted responder 'subtracter': expected one of adder, aligned-only"
    ):
        model("subtracter", L2R)
    with pytest.raises(OptionError, match="a run with a tokenizer: it errs by the chunks of numbers"):
        responders()["digit4"](Prompt(text="", item=Item(SUMS[0], PLAIN)))
    with pytest.raises(OptionError, match="prompts with items of arithmetic, not int"):
        responders()["adder"](Prompt(text="", item=7))
