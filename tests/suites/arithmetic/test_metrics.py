"""Metrics of graded replies: denominators, pairs, positions, guesses, the predictor, and effects of tokens."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from arithmetic_tokenizers import DigitToy, l2r, left, r2l, single

from tokbench.results import Metric
from tokbench.stats import mcnemar_exact
from tokbench.suites.arithmetic.analysis import chunk_digit, guess_sizes, separated
from tokbench.suites.arithmetic.formats import NumberFormat, format_number, parse_format
from tokbench.suites.arithmetic.grading import Segmenter, grade_reply
from tokbench.suites.arithmetic.item import Condition, plain
from tokbench.suites.arithmetic.logprobs import Alternative, ReplyTokens, TokenLogprob
from tokbench.suites.arithmetic.metrics import run_metrics, strata
from tokbench.suites.arithmetic.paired import direction_pairs
from tokbench.suites.arithmetic.problem import Problem
from tokbench.suites.arithmetic.rows import Group, Row, group_of_condition
from tokbench.tokenizers import Tokenizer

Found = dict[tuple[str, str], Metric]

THREES = l2r()

SEVEN = Problem("+", 1234567, 7654322)  # 8888889: aligned under threes from the left
EIGHT = Problem("+", 9234567, 7654322)  # 16888889: not aligned


def made(
    problem: Problem, reply: str | None, fmt: str = "nosep", *, key: str = "", tokenizer: Tokenizer | None = None
) -> Row:
    """A graded reply to a problem."""
    condition = plain(fmt)
    cut = Segmenter(tokenizer or THREES)(problem, condition.in_fmt, condition.out_fmt)
    graded = grade_reply(problem, reply, cut, out_fmt=condition.out_fmt)
    expected = format_number(problem.answer, condition.out_fmt)
    return Row(
        number=0, group=group_of_condition(condition), key=key or problem.text, sample="0", graded=graded, reply=reply,
        expected=expected,
    )  # fmt: skip


def found(rows: Sequence[Row], **options: object) -> Found:
    """Metrics by name and subset."""
    metrics = run_metrics(rows, **options)  # type: ignore[arg-type]
    assert all(metric.metric.startswith("arithmetic.") for metric in metrics)
    names = [(metric.metric.removeprefix("arithmetic."), metric.filter) for metric in metrics]
    assert len(set(names)) == len(names)
    return dict(zip(names, metrics, strict=True))


# ---------------------------------------------------------------------- shares


def test_what_cannot_be_graded_stays_in_the_denominator() -> None:
    replies = ["8888889", "It is 8888889", "1 2+3", None, "8888880", "8,888,889"]
    rows = [made(SEVEN, reply, key=str(at)) for at, reply in enumerate(replies)]
    metrics = found(rows)
    value = metrics["value", "nosep"]
    assert (value.k, value.n, value.n_invalid, value.n_failed) == (3, 6, 1, 1)
    assert value.lo == pytest.approx(0.1876, abs=1e-3)
    assert value.hi == pytest.approx(0.8124, abs=1e-3)
    assert (metrics["value.valid", "nosep"].k, metrics["value.valid", "nosep"].n) == (3, 4)
    assert (metrics["value_format", "nosep"].k, metrics["value_format", "nosep"].n) == (1, 6)
    assert (metrics["value_format.valid", "nosep"].k, metrics["value_format.valid", "nosep"].n) == (1, 4)
    assert metrics["value.strict", "nosep"].k == 2
    assert metrics["valid.strict", "nosep"].k == 3
    assert metrics["extraneous", "nosep"].k == 2
    labels = {name.removeprefix("label."): metric.k for (name, subset), metric in metrics.items()
              if name.startswith("label.") and subset == "nosep"}  # fmt: skip
    assert labels == {"failed": 1, "invalid": 1, "correct": 1, "format_only": 2, "chunk_first_digit:3": 1}


def test_the_strict_parser_is_that_of_all_numbers() -> None:
    rows = [made(SEVEN, "It is 8888889"), made(EIGHT, "16888889")]
    assert found(rows)["value", "nosep"].k == 2
    metrics = found(rows, parser="strict")
    assert (metrics["value", "nosep"].k, metrics["value", "nosep"].n_invalid) == (1, 1)
    assert metrics["label.invalid", "nosep"].k == 1


def test_without_a_valid_reply_there_is_a_reason() -> None:
    metric = found([made(SEVEN, "no")])["value.valid", "nosep"]
    assert (metric.value, metric.n, metric.reason) == (None, 0, "no reply is counted here")


def test_strata_of_a_reply() -> None:
    names = [name for name, _ in strata(made(EIGHT, "16888889"))]
    assert names == [
        "", "operands=equal", "length=mismatch", "operands=equal,length=mismatch", "aligned=no",
        "length=mismatch,aligned=no", "lengths=7+7=8", "carries=1", "length=mismatch,carries=1", "boundary_carries=0",
    ]  # fmt: skip
    product = [name for name, _ in strata(made(Problem("x", 12, 345), "4140"))]
    assert "lengths=2x3=4" in product
    assert not any("carries" in name for name in product)


def test_the_order_of_rows_changes_nothing() -> None:
    rows = _random_rows(40)
    expected = run_metrics(rows, tokenizer=THREES)
    random.Random(1).shuffle(rows)
    assert run_metrics(rows, tokenizer=THREES) == expected


def _random_rows(count: int) -> list[Row]:
    generator = random.Random(2)
    rows = []
    for at in range(count):
        problem = Problem("+", generator.randrange(10**6, 10**8), generator.randrange(10**6, 10**8))
        for fmt in ("nosep", "comma_r2l", "comma_l2r"):
            answer = problem.answer + generator.choice((0, 0, 0, 1, -10, 10**3, -(10**4)))
            reply = format_number(answer, parse_format(fmt))
            tokens = tuple(
                TokenLogprob(mark, -generator.random(), (Alternative(mark, -0.1), Alternative("0", -3.0)))
                for mark in reply
            )
            row = made(problem, reply, fmt, key=str(at))
            rows.append(replace(row, tokens=ReplyTokens(tokens, tuple(range(len(tokens))))))
    return rows


# ---------------------------------------------------------------------- pairs


def test_the_direction_gap_is_paired() -> None:
    replies = {"a": (True, True), "b": (True, False), "c": (False, True), "d": (False, True), "e": (False, False)}
    rows = []
    for key, (plain_right, grouped_right) in replies.items():
        rows.append(made(SEVEN, "8888889" if plain_right else "5", key=key))
        rows.append(made(SEVEN, "8,888,889" if grouped_right else "5", "comma_r2l", key=key))
    rows.append(made(EIGHT, "16888889", key="only once"))
    metrics = found(rows)
    subset = "comma_r2l against nosep"
    counts = [metrics[f"gap.{name}", subset].k for name in ("both", "only_l2r", "only_r2l", "neither")]
    assert counts == [1, 1, 2, 1]
    assert metrics["gap", subset].value == pytest.approx(0.2)
    assert metrics["gap", subset].n == 5
    assert metrics["gap.mcnemar_p", subset].value == mcnemar_exact(1, 2)
    assert ("gap", f"{subset}|length=mismatch") not in metrics


def test_other_numbers_under_one_name_are_no_pair() -> None:
    rows = [made(SEVEN, "1", key="x"), made(EIGHT, "1", "comma_r2l", key="x")]
    assert not any(name.startswith("gap") for name, _ in found(rows))


def _groups(*names: str, shots: tuple[int, ...] = (8,)) -> list[Group]:
    return [group_of_condition(plain(name, count)) for name in names for count in shots]


def _pairs(groups: Sequence[Group]) -> list[tuple[str, str]]:
    return [(first.name, second.name) for first, second in direction_pairs(groups)]


def test_which_conditions_are_compared() -> None:
    assert _pairs(_groups("nosep", "comma_r2l", "comma_l2r", "space_r2l", "nosep+1")) == [
        ("comma_l2r", "comma_r2l"), ("nosep", "comma_r2l"), ("nosep", "space_r2l"), ("nosep+1", "comma_r2l"),
        ("nosep+1", "space_r2l"),
    ]  # fmt: skip
    assert _pairs(_groups("nosep", "comma_r2l", shots=(1, 8))) == [
        ("nosep", "comma_r2l"), ("nosep|shots=1", "comma_r2l|shots=1"),
    ]  # fmt: skip
    assert _pairs(_groups("nosep", "ids_r2l", "ids_l2r")) == [("ids_l2r", "ids_r2l"), ("nosep", "ids_r2l")]


def test_mixed_formats_are_compared_where_only_directions_differ() -> None:
    def group(asked: str, answer: str, repeat: str | None = None) -> Group:
        formats: list[NumberFormat] = [parse_format(asked), parse_format(answer)]
        again = None if repeat is None else parse_format(repeat)
        return group_of_condition(Condition(in_fmt=formats[0], out_fmt=formats[1], repeat_fmt=again))

    groups = [group("nosep", "nosep"), group("nosep", "comma_r2l"), group("comma_r2l", "nosep"),
              group("nosep", "nosep", "comma_r2l"), group("nosep", "nosep", "nosep")]  # fmt: skip
    assert _pairs(groups) == [
        ("nosep", "comma_r2l>nosep"), ("nosep", "nosep>comma_r2l"), ("nosep>nosep>nosep", "nosep>comma_r2l>nosep"),
    ]  # fmt: skip


def test_carry_twins() -> None:
    rows = []
    for pair, (without, with_carry) in enumerate([(True, False), (True, False), (True, True), (False, True)]):
        for carries, right in ((False, without), (True, with_carry)):
            problem = Problem("+", 1234565 + 2 * carries, 7654323)
            row = made(problem, str(problem.answer) if right else "5", key=f"{pair}/{carries}")
            place = 1 if pair < 3 else 2
            rows.append(replace(row, twin=f"pair {pair}", place=place, carries=carries))
    metrics = found(rows)
    counts = [metrics[f"carry_twins.{name}", "nosep"].k for name in ("both", "only_without", "only_with", "neither")]
    assert counts == [1, 2, 1, 0]
    assert metrics["carry_twins", "nosep|boundary=yes"].n == 3  # place 1 ends a chunk of 888|888|8
    assert metrics["carry_twins", "nosep|boundary=no"].n == 1


# ---------------------------------------------------------------------- errors


def test_places_of_errors() -> None:
    assert [chunk_digit((3, 3, 1), digit) for digit in (1, 3, 4, 7)] == [(1, 1), (1, 3), (2, 1), (3, 1)]
    with pytest.raises(IndexError, match="no digit 8"):
        chunk_digit((3, 3, 1), 8)
    metrics = found([made(SEVEN, "8881880", key="a"), made(SEVEN, "8888889", key="b"), made(SEVEN, "5", key="c")])
    digits = {subset: metric.k for (name, subset), metric in metrics.items() if name == "error.digit"}
    assert digits == {
        "nosep|digit=4": 1, "nosep|digit=7": 1, "nosep|length=match|digit=4": 1, "nosep|length=match|digit=7": 1,
    }  # fmt: skip
    assert metrics["error.chunk_digit", "nosep|chunk=2,digit=1"].n == 3
    assert metrics["error.chunk_digit", "nosep|chunk=3,digit=1"].value == pytest.approx(1 / 3)


def test_errors_of_one_at_ends_of_chunks() -> None:
    wrong = (8888889 - 10, 8888889 + 10**4, 8888889 + 100, 8888889 + 5, 8888889)
    metrics = found([made(SEVEN, str(value), key=str(value)) for value in wrong])
    counts = {subset: (metric.k, metric.n) for (name, subset), metric in metrics.items()
              if name == "off_by_one" and "length" not in subset}  # fmt: skip
    assert counts == {
        "nosep": (3, 4), "nosep|boundary=yes": (2, 4), "nosep|boundary=no": (1, 4),
        "nosep|boundary=yes,digit=6": (1, 4), "nosep|boundary=yes,place=1": (1, 4),
        "nosep|boundary=yes,digit=3": (1, 4), "nosep|boundary=yes,place=4": (1, 4),
        "nosep|boundary=no,digit=5": (1, 4), "nosep|boundary=no,place=2": (1, 4),
    }  # fmt: skip


def test_sizes_of_guesses() -> None:
    rows = [made(SEVEN, f"888{digit}889", key=str(digit)) for digit in range(10)]
    assert guess_sizes(rows) == {2: [1, 2, 1, 1, 1, 1, 1, 1, 1, 0], 3: [10] + [0] * 9}
    metrics = found(rows)
    assert metrics["guess.chi_square", "nosep|length=match|chunk=2"].reason == "10 values are too few for the test"
    assert ("guess.size", "nosep|length=match|chunk=3,size=0") not in metrics  # never wrong there


def test_a_guess_and_a_certain_digit_are_told_apart() -> None:
    generator = random.Random(4)
    rows = []
    for at in range(600):
        problem = Problem("+", generator.randrange(5 * 10**6, 10**7), generator.randrange(5 * 10**6, 10**7))
        truth = str(problem.answer)
        rows.append(made(problem, f"{truth[:3]}{generator.randrange(10)}{truth[4:]}", key=str(at)))
    subset = "nosep|length=mismatch|chunk=2"
    assert (found(rows)["guess.p", subset].value or 0) > 0.001
    rows = [made(row.problem, str(row.problem.answer + (10**4 if at % 2 else 0)), key=row.key)
            for at, row in enumerate(rows)]  # fmt: skip
    assert (found(rows)["guess.p", subset].value or 0) < 1e-9


def test_the_predictor_against_errors() -> None:
    assert separated([0.9, 0.8], [0.1, 0.2]) == (4, 1.0)
    assert separated([0.9, 0.1], [0.1, 0.2]) == (1, 0.625)
    rows = [made(SEVEN, "8888889", key=str(at)) for at in range(3)] + [
        made(EIGHT, "5", key=f"x{at}") for at in range(3)
    ]
    metrics = found(rows)
    assert (metrics["predictor.separated", "nosep"].k, metrics["predictor.auc", "nosep"].value) == (2, 1.0)
    assert metrics["value", "nosep|aligned=no"].k == 0
    for tokenizer in (r2l(), single()):
        same = [made(row.problem, row.reply, key=row.key, tokenizer=tokenizer) for row in rows]
        assert found(same)["predictor.auc", "nosep"].reason == "alignment is the same in all strata"
    fused = [made(EIGHT, "5", tokenizer=DigitToy(left(3), sticky="+"))]
    metrics = found(fused)
    assert metrics["predictor.undefined", "nosep"].k == 1
    assert metrics["predictor.auc", "nosep"].reason == "alignment is not defined"


# ---------------------------------------------------------------------- tokens


def _with_tokens(row: Row, *tokens: tuple[str, float], others: tuple[tuple[str, float], ...] = ()) -> Row:
    starts, at = [], 0
    for text, _ in tokens:
        starts.append(at)
        at += len(text)
    top = tuple(Alternative(text, logprob) for text, logprob in others)
    listed = tuple(TokenLogprob(text, logprob, (Alternative(text, logprob), *top) if top else ())
                   for text, logprob in tokens)  # fmt: skip
    return replace(row, tokens=ReplyTokens(listed, tuple(starts)))


def test_log_probabilities_of_answers() -> None:
    plain_row = _with_tokens(made(SEVEN, "8888889"), ("888", -0.25), ("888", -0.5), ("9", -1.0))
    grouped_row = _with_tokens(
        made(SEVEN, "8,888,889", "comma_r2l"), ("8", -0.1), (",", -9.0), ("888", -0.1), (",", -9.0), ("889", -0.3)
    )
    metrics = found([plain_row, grouped_row])
    assert metrics["logprob.answer", "nosep|right"].value == pytest.approx(-1.75)
    assert metrics["logprob.answer", "comma_r2l|right"].value == pytest.approx(-0.5)  # separators are no digits
    assert metrics["logprob.gap", "comma_r2l against nosep"].value == pytest.approx(1.25)
    assert metrics["logprob.gap.sd", "comma_r2l against nosep"].value == 0
    assert metrics["logprob.unreadable", "nosep"].k == 0


def test_entropy_by_token_and_rank_of_the_truth() -> None:
    half = math.log(0.5)
    row = _with_tokens(made(SEVEN, "8881889"), ("888", half), ("188", half), ("9", half), others=(("888", half),))
    metrics = found([row])
    assert metrics["logprob.entropy", "nosep|wrong|token=2"].value == pytest.approx(math.log(2))
    ranks = {
        subset: metric.k for (name, subset), metric in metrics.items() if name == "truth_rank" and "len" not in subset
    }
    # behind a wrong token nothing is known of the right one
    assert ranks == {"nosep|token=1,rank=1": 1, "nosep|token=2,rank=2": 1}
    far = _with_tokens(made(SEVEN, "8881889"), ("888", half), ("188", half), ("9", half), others=(("777", half),))
    assert found([far])["truth_rank", "nosep|token=2,rank=beyond"].k == 1


def test_wrong_tokens_and_their_frequency() -> None:
    # ids of the toy ascend with the number that three digits make
    rows = [made(SEVEN, "8881889", key="a"), made(SEVEN, "8889889", key="b"), made(SEVEN, "5", key="c")]
    metrics = found(rows, tokenizer=THREES)
    more = metrics["frequency.more", "nosep"]
    assert (more.k, more.n) == (1, 2)
    assert metrics["frequency.p", "nosep"].value == pytest.approx(0.75)
    ranks = {
        subset: metric.k
        for (name, subset), metric in metrics.items()
        if name == "frequency.rank" and "len" not in subset
    }
    assert ranks == {"nosep|chunk=2,rank=1": 1, "nosep|chunk=2,rank=9": 1}
    assert not any(name.startswith("frequency") for name, _ in found(rows))


def test_replies_that_were_cut_otherwise_have_no_wrong_tokens() -> None:
    row = _with_tokens(made(SEVEN, "8881889"), ("8", -1.0), ("881889", -1.0))
    assert not any(name.startswith("frequency") for name, _ in found([row], tokenizer=THREES))
