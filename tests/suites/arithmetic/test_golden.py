"""The published recordings, graded again: every count of the specification, section 7, and where they must not be."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from arithmetic_recordings import PUBLISHED, recording

from tokbench.results import Metric
from tokbench.suites.arithmetic.labels import base_label
from tokbench.suites.arithmetic.metrics import run_metrics
from tokbench.suites.arithmetic.recorded import Replay, load_replay, replay_counts, replay_result
from tokbench.suites.arithmetic.rows import Row
from tokbench.tokenizers import Tokenizer, load_tokenizer

A, B = PUBLISHED

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def cl100k(tiktoken_cache: Path) -> Iterator[Tokenizer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
        yield load_tokenizer("tiktoken:cl100k_base")


@pytest.fixture(scope="module")
def file_a(cl100k: Tokenizer) -> Replay:
    return load_replay(recording(A), "singh2024", cl100k)


@pytest.fixture(scope="module")
def file_b(cl100k: Tokenizer) -> Replay:
    return load_replay(recording(B), "singh2024", cl100k)


@pytest.fixture(scope="module")
def metrics_a(file_a: Replay, cl100k: Tokenizer) -> dict[tuple[str, str], Metric]:
    return _by_name(run_metrics(file_a.rows, tokenizer=cl100k))


@pytest.fixture(scope="module")
def metrics_b(file_b: Replay, cl100k: Tokenizer) -> dict[tuple[str, str], Metric]:
    return _by_name([*replay_counts(file_b, cl100k), *run_metrics(file_b.rows, tokenizer=cl100k)])


def _by_name(metrics: Iterable[Metric]) -> dict[tuple[str, str], Metric]:
    return {(metric.metric.removeprefix("arithmetic."), metric.filter): metric for metric in metrics}


def _cell(replay: Replay, name: str) -> list[Row]:
    found = [row for row in replay.rows if row.group.name == name]
    assert found, name
    return found


def _right(rows: Iterable[Row]) -> int:
    return sum(row.graded.right() for row in rows)


# ---------------------------------------------------------------------- the files


def test_the_files_are_those_of_the_study() -> None:
    for name, sha256 in PUBLISHED.items():
        assert hashlib.sha256(recording(name).read_bytes()).hexdigest() == sha256


def test_every_question_is_the_one_that_numbers_and_format_make(file_a: Replay, file_b: Replay) -> None:
    assert [len(replay.rows) for replay in (file_a, file_b)] == [6300, 2600]
    for replay in (file_a, file_b):
        assert (replay.prompts_differ, replay.logprobs_unreadable, replay.shots_differ, replay.numbers_differ) == (
            0, 0, 0, 0,
        )  # fmt: skip


def test_shots_were_sent_with_swapped_operands_in_b(file_b: Replay) -> None:
    for row in file_b.rows[:: len(file_b.rows) // 50]:
        assert row.shots is not None
        assert row.sent_shots is not None
        assert len(row.shots) == 8
        # before the flip they have the lengths of the problem before its flip
        assert {shot.lengths for shot in row.sent_shots} == {row.problem.lengths}


def test_the_model_cut_its_replies_as_the_tokenizer_does(metrics_b: dict[tuple[str, str], Metric]) -> None:
    found = metrics_b["replay.cuts_differ", ""]
    assert (found.k, found.n) == (0, 2599)


# ---------------------------------------------------------------------- 7.1

SHOTS = (1, 2, 4, 8, 16)

RIGHT_A = {
    "nosep": ((61, 65, 66, 67, 69), (68, 68, 66, 66, 68)),
    "nosep+1": ((62, 68, 68, 68, 68), (67, 70, 67, 67, 68)),
    "nosep+2": ((62, 66, 68, 69, 69), (66, 66, 67, 69, 68)),
    "comma_r2l": ((86, 88, 87, 88, 88), (89, 88, 88, 88, 88)),
    "space_r2l": ((82, 86, 88, 87, 89), (86, 88, 88, 87, 89)),
    "comma_l2r": ((28, 27, 24, 25, 22), (28, 28, 24, 25, 20)),
    "space_l2r": ((23, 24, 23, 25, 22), (25, 22, 22, 25, 22)),
}
"""Right answers of 90 by format, for the helpful and the MathGPT system message, by number of shots."""

VALID_A = {
    ("nosep", 1): 88, ("nosep+1", 1): 89, ("nosep+2", 1): 85, ("space_l2r", 1): 89,
}  # fmt: skip
"""Valid replies of 90 with the helpful message, where not all are."""

FORMED_A = {
    "comma_l2r": ((10, 12, 11, 11, 10), (11, 12, 12, 12, 11)),
    "space_l2r": ((9, 11, 11, 11, 10), (11, 11, 11, 11, 11)),
}
"""Right answers in the format that was asked for."""

COMPOSED_A = {
    "nosep": ((11, 11), (3, 19), (53, 58), (0, 2)),
    "comma_r2l": ((11, 11), (18, 19), (57, 58), (2, 2)),
    "space_r2l": ((11, 11), (18, 19), (56, 58), (2, 2)),
    "comma_l2r": ((11, 11), (14, 19), (0, 58), (0, 2)),
    "space_l2r": ((11, 11), (14, 19), (0, 58), (0, 2)),
}
"""Right and all, helpful, 8 shots: equal and match, equal and mismatch, unequal and match, unequal and mismatch."""


def _name(fmt: str, system: str, shots: int) -> str:
    parts = [fmt]
    parts += [] if system == "helpful" else [f"system={system}"]
    parts += [] if shots == 8 else [f"shots={shots}"]
    return "|".join(parts)


def _cells_a() -> Iterator[tuple[str, str, int, int]]:
    """Format, system message, shots and place in the tables."""
    for fmt in RIGHT_A:
        for which, system in enumerate(("helpful", "mathgpt")):
            for shots in SHOTS:
                yield fmt, system, shots, which


def test_right_answers_by_shots(file_a: Replay) -> None:
    found = {(fmt, system, shots): _cell(file_a, _name(fmt, system, shots)) for fmt, system, shots, _ in _cells_a()}
    assert {key: len(rows) for key, rows in found.items()} == dict.fromkeys(found, 90)
    assert {key: _right(rows) for key, rows in found.items()} == {
        (fmt, system, shots): RIGHT_A[fmt][which][SHOTS.index(shots)] for fmt, system, shots, which in _cells_a()
    }
    assert {key: sum(row.graded.valid() for row in rows) for key, rows in found.items()} == {
        key: VALID_A.get((key[0], key[2]), 90) if key[1] == "helpful" else 90 for key in found
    }
    assert _right(file_a.rows) == 4239
    assert sum(row.graded.valid() for row in file_a.rows) == 6291


def test_right_values_in_the_wrong_format(file_a: Replay) -> None:
    wrong = Counter(row.group.name.partition("|")[0].partition("+")[0] for row in file_a.rows
                    if row.graded.label == "format_only")  # fmt: skip
    assert wrong == {"comma_l2r": 139, "space_l2r": 126, "nosep": 4, "space_r2l": 1}
    for fmt, tables in FORMED_A.items():
        for system, counts in zip(("helpful", "mathgpt"), tables, strict=True):
            for shots, count in zip(SHOTS, counts, strict=True):
                rows = _cell(file_a, _name(fmt, system, shots))
                assert sum(row.graded.label == "correct" for row in rows) == count, (fmt, system, shots)


def test_extraneous_text(file_a: Replay) -> None:
    rows = [row for row in file_a.rows if row.graded.reading.extraneous]
    valid = [row for row in rows if row.graded.valid()]
    echoes = [row for row in valid if row.graded.reading.value in {str(row.problem.a), str(row.problem.b)}]
    assert (len(rows), len(valid), len(echoes)) == (29, 20, 18)
    assert {row.graded.strict_label for row in rows} == {"invalid"}


def test_lengths_of_a(file_a: Replay) -> None:
    rows = _cell(file_a, "nosep")
    equal = sum(row.problem.lengths[0] == row.problem.lengths[1] for row in rows)
    assert (equal, 90 - equal, sum(row.problem.length_match for row in rows)) == (30, 60, 69)


@pytest.mark.parametrize("fmt", COMPOSED_A)
def test_equal_and_unequal_operands(metrics_a: dict[tuple[str, str], Metric], fmt: str) -> None:
    strata = [f"operands={one},length={two}" for one in ("equal", "unequal") for two in ("match", "mismatch")]
    found = [metrics_a["value", f"{fmt}|{stratum}"] for stratum in strata]
    assert tuple((row.k, row.n) for row in found) == COMPOSED_A[fmt]


# ---------------------------------------------------------------------- 7.2

TRIPLES = ("777", "778", "788", "789", "799", "878", "879", "888", "889", "899", "979", "989", "999")
RIGHT_B = {
    "nosep": (95, 5, 93, 10, 89, 95, 10, 98, 8, 95, 88, 94, 97),
    "comma_r2l": (100, 99, 98, 98, 97, 97, 98, 95, 99, 97, 99, 99, 99),
}
MISALIGNED = {"778", "789", "879", "889"}


def test_right_answers_by_triple(file_b: Replay) -> None:
    for fmt, counts in RIGHT_B.items():
        rows = _cell(file_b, fmt)
        for triple, count in zip(TRIPLES, counts, strict=True):
            part = [row for row in rows if row.problem.lengths == tuple(map(int, triple))]
            assert (len(part), _right(part)) == (100, count), (fmt, triple)


def test_alignment_separates_all_strata(file_b: Replay, metrics_b: dict[tuple[str, str], Metric]) -> None:
    for row in _cell(file_b, "nosep"):
        assert row.graded.segmentation.aligned == ("".join(map(str, row.problem.lengths)) not in MISALIGNED)
    assert all(row.graded.segmentation.aligned for row in _cell(file_b, "comma_r2l"))
    found = metrics_b["predictor.separated", "nosep"]
    assert (found.k, found.n, metrics_b["predictor.auc", "nosep"].value) == (13, 13, 1.0)
    assert metrics_b["predictor.separated", "comma_r2l"].value is None


def test_the_one_invalid_reply(file_b: Replay, metrics_b: dict[tuple[str, str], Metric]) -> None:
    invalid = [row for row in file_b.rows if not row.graded.valid()]
    assert [(row.group.name, row.problem.lengths) for row in invalid] == [("nosep", (7, 7, 8))]
    assert metrics_b["value", "nosep|length=mismatch"].value == pytest.approx(0.0825)
    assert metrics_b["value.valid", "nosep|length=mismatch"].value == pytest.approx(0.0827, abs=5e-5)


@pytest.mark.parametrize(
    ("subset", "k", "n", "lo", "hi"),
    [
        ("nosep|length=match", 844, 900, 0.9201, 0.9518),
        ("nosep|length=mismatch", 33, 400, 0.0593, 0.1136),
        ("comma_r2l|length=match", 881, 900, 0.9673, 0.9864),
        ("comma_r2l|length=mismatch", 394, 400, 0.9677, 0.9931),
    ],
)
def test_intervals_of_b(
    metrics_b: dict[tuple[str, str], Metric], subset: str, k: int, n: int, lo: float, hi: float
) -> None:
    found = metrics_b["value", subset]
    assert (found.k, found.n) == (k, n)
    assert found.lo == pytest.approx(lo, abs=5e-5)
    assert found.hi == pytest.approx(hi, abs=5e-5)


@pytest.mark.parametrize(("subset", "k", "lo", "hi"), [("nosep", 67, 0.646, 0.823), ("comma_r2l", 88, 0.923, 0.994)])
def test_intervals_of_a(metrics_a: dict[tuple[str, str], Metric], subset: str, k: int, lo: float, hi: float) -> None:
    found = metrics_a["value", subset]
    assert (found.k, found.n) == (k, 90)
    assert found.lo == pytest.approx(lo, abs=5e-4)
    assert found.hi == pytest.approx(hi, abs=5e-4)


# ---------------------------------------------------------------------- 7.3


@pytest.mark.parametrize(
    ("which", "stratum", "both", "only_l2r", "only_r2l", "neither", "p"),
    [
        ("b", "", 862, 15, 413, 10, 5.3e-102),
        ("b", "|length=match", 831, 13, 50, 6, 3.0e-6),
        ("b", "|length=mismatch", 31, 2, 363, 4, 1.8e-105),
        ("a", "", 66, 1, 22, 1, 5.7e-6),
        ("a", "|length=match", 64, 0, 4, 1, 0.125),
        ("a", "|length=mismatch", 2, 1, 18, 0, 7.6e-5),
    ],
)
def test_paired(  # the columns of the table
    request: pytest.FixtureRequest, which: str, stratum: str, both: int, only_l2r: int, only_r2l: int, neither: int,
    p: float,
) -> None:  # fmt: skip
    metrics = request.getfixturevalue(f"metrics_{which}")
    subset = f"comma_r2l against nosep{stratum}"
    found = [metrics[f"gap.{name}", subset].k for name in ("both", "only_l2r", "only_r2l", "neither")]
    assert found == [both, only_l2r, only_r2l, neither]
    assert metrics["gap.mcnemar_p", subset].value == pytest.approx(p, rel=0.02)


# ---------------------------------------------------------------------- 7.4

Half = Callable[[Row], bool]


def _match(row: Row) -> bool:
    return row.problem.length_match


def _mismatch(row: Row) -> bool:
    return not row.problem.length_match


def _all(_row: Row) -> bool:
    return True


LABELS: list[tuple[str, str, Half, dict[str, int]]] = [
    ("a", "nosep", _all, {
        "correct": 67, "chunk_first_digit:2": 13, "dropped_carry_boundary": 4, "off_by_one_boundary": 1, "other": 5,
    }),
    ("a", "comma_r2l", _all, {"correct": 88, "dropped_carry_boundary": 2}),
    ("a", "space_r2l", _all, {
        "correct": 87, "dropped_carry_boundary": 1, "off_by_one_boundary": 1, "wrong_length": 1,
    }),
    ("a", "comma_l2r", _all, {
        "correct": 11, "format_only": 14, "left_aligned_sum": 11, "chunkwise_sum": 2, "dropped_digit": 4,
        "chunk_first_digit:2": 3, "chunk_first_digit:3": 1, "wrong_length": 15, "other": 29,
    }),
    ("a", "space_l2r", _all, {
        "correct": 11, "format_only": 14, "left_aligned_sum": 3, "chunkwise_sum": 7, "dropped_digit": 2,
        "chunk_first_digit:2": 1, "chunk_first_digit:3": 1, "off_by_one_other": 1, "wrong_length": 22, "other": 28,
    }),
    ("b", "nosep", _match, {
        "correct": 844, "dropped_carry_boundary": 25, "off_by_one_boundary": 25, "dropped_digit": 1,
        "chunk_first_digit:2": 1, "off_by_one_other": 1, "other": 3,
    }),
    ("b", "nosep", _mismatch, {
        "correct": 33, "chunk_first_digit:2": 361, "wrong_length": 1, "invalid": 1, "other": 4,
    }),
    ("b", "comma_r2l", _match, {
        "correct": 881, "dropped_carry_boundary": 7, "off_by_one_boundary": 11, "other": 1,
    }),
    ("b", "comma_r2l", _mismatch, {"correct": 394, "off_by_one_boundary": 6}),
]  # fmt: skip


@pytest.mark.parametrize(("which", "fmt", "half", "counts"), LABELS)
def test_exclusive_labels(
    request: pytest.FixtureRequest, which: str, fmt: str, half: Half, counts: dict[str, int]
) -> None:
    rows = _cell(request.getfixturevalue(f"file_{which}"), fmt)
    assert Counter(row.graded.label for row in rows if half(row)) == counts


@pytest.mark.parametrize(
    ("subset", "flags"),
    [
        ("nosep|length=mismatch", {"off_by_one": 79, "chunk_first_wrong:2": 365, "chunk_first_wrong:3": 1}),
        ("nosep|length=match", {"off_by_one": 53, "off_by_one_boundary": 51, "dropped_carry": 26}),
        ("comma_r2l|length=match", {"off_by_one": 18, "off_by_one_boundary": 18}),
        ("comma_r2l|length=mismatch", {"off_by_one": 6, "off_by_one_boundary": 6}),  # 24 of 24 with the row above
    ],
)
def test_booleans(metrics_b: dict[tuple[str, str], Metric], subset: str, flags: dict[str, int]) -> None:
    assert {name: metrics_b[f"flag.{name}", subset].k for name in flags} == flags


def test_the_label_is_among_the_booleans(file_a: Replay, file_b: Replay) -> None:
    for row in (*file_a.rows, *file_b.rows):
        assert row.graded.label in row.graded.flags
        assert base_label(row.graded.label) in row.graded.label


# ---------------------------------------------------------------------- 2.4


def test_places_of_errors(metrics_b: dict[tuple[str, str], Metric]) -> None:
    found = {subset: metric.k for (name, subset), metric in metrics_b.items() if name == "error.digit"}
    mismatch = "nosep|length=mismatch|digit="
    assert {subset.removeprefix(mismatch): k for subset, k in found.items() if subset.startswith(mismatch)} == {
        "4": 365, "5": 1, "6": 3, "7": 1,
    }  # fmt: skip
    assert metrics_b["error.digit", f"{mismatch}4"].value == pytest.approx(0.9125)
    assert metrics_b["error.chunk_digit", "nosep|length=mismatch|chunk=2,digit=1"].k == 365


def test_digit_four_is_a_guess(metrics_b: dict[tuple[str, str], Metric]) -> None:
    subset = "nosep|length=mismatch|chunk=2"
    sizes = [metrics_b["guess.size", f"{subset},size={size}"].k for size in range(10)]
    assert sizes == [33, 80, 62, 56, 50, 31, 32, 16, 25, 13]
    statistic = metrics_b["guess.chi_square", subset]
    assert statistic.n == 398
    assert statistic.value == pytest.approx(15.2, abs=0.05)
    assert metrics_b["guess.p", subset].value == pytest.approx(0.085, abs=5e-4)


@pytest.mark.parametrize(
    ("subset", "k", "n"),
    [
        ("nosep|length=match", 53, 56),
        ("nosep|length=match|boundary=yes", 51, 56),
        ("nosep|length=match|boundary=yes,digit=3", 29, 56),
        ("nosep|length=match|boundary=yes,digit=6", 22, 56),
        ("comma_r2l", 24, 25),
        ("comma_r2l|boundary=yes,place=6", 14, 25),
        ("comma_r2l|boundary=yes,place=3", 10, 25),
    ],
)
def test_off_by_one(metrics_b: dict[tuple[str, str], Metric], subset: str, k: int, n: int) -> None:
    found = metrics_b["off_by_one", subset]
    assert (found.k, found.n) == (k, n)


# ---------------------------------------------------------------------- 7.5


@pytest.mark.parametrize(
    ("subset", "counts"),
    [
        ("comma_r2l", ((2, 6), (1, 66), (3, 179), (6, 270), (8, 340), (2, 238), (3, 140), (0, 57), (0, 4))),
        ("nosep|length=match",
         ((1, 6), (4, 65), (11, 154), (9, 213), (12, 240), (12, 142), (6, 59), (1, 20), (0, 1))),
    ],
)  # fmt: skip
def test_carries(metrics_b: dict[tuple[str, str], Metric], subset: str, counts: tuple[tuple[int, int], ...]) -> None:
    comma = "," if "|" in subset else "|"
    found = [metrics_b["value", f"{subset}{comma}carries={carries}"] for carries in range(9)]
    assert tuple((row.n - (row.k or 0), row.n) for row in found) == counts


# ---------------------------------------------------------------------- 7.6


@pytest.mark.parametrize(
    ("outcome", "n", "entropies"), [("wrong", 366, (0.0010, 2.0656, 0.0048)), ("right", 33, (0.0006, 2.0612, 0.0002))]
)
def test_entropy(metrics_b: dict[tuple[str, str], Metric], outcome: str, n: int, entropies: tuple[float, ...]) -> None:
    for token, entropy in enumerate(entropies, 1):
        found = metrics_b["logprob.entropy", f"nosep|length=mismatch|{outcome}|token={token}"]
        assert found.n == n
        assert found.value == pytest.approx(entropy, abs=5e-5)


def test_log_probability_of_answers(metrics_b: dict[tuple[str, str], Metric]) -> None:
    subset = "comma_r2l against nosep|length=match"
    mean, spread = metrics_b["logprob.gap", subset], metrics_b["logprob.gap.sd", subset]
    assert mean.n == 831
    assert mean.value == pytest.approx(0.0256, abs=5e-5)
    assert spread.value == pytest.approx(0.1014, abs=5e-5)


def test_ranks_of_wrong_tokens(metrics_b: dict[tuple[str, str], Metric]) -> None:
    subset = "nosep|length=mismatch|chunk=2,rank="
    ranks = [metrics_b["frequency.rank", f"{subset}{rank}"].k for rank in range(10)]
    assert ranks == [58, 47, 24, 53, 26, 27, 30, 39, 22, 36]
    assert metrics_b["frequency.rank", f"{subset}0"].n == 362
    more = metrics_b["frequency.more", "nosep"], metrics_b["frequency.more", "comma_r2l"]
    assert [(found.k, found.n) for found in more] == [(240, 425), (15, 25)]


# ---------------------------------------------------------------------- the order of rows


def test_the_order_of_rows_changes_nothing(
    cl100k: Tokenizer, metrics_b: dict[tuple[str, str], Metric], tmp_path: Path
) -> None:
    import polars as pl

    frame = pl.read_csv(recording(B), infer_schema=False)
    mixed = tmp_path / "mixed.parquet"
    frame.sample(fraction=1, shuffle=True, seed=5).write_parquet(mixed)
    assert _by_name(replay_result(mixed, "singh2024", cl100k).metrics) == metrics_b
