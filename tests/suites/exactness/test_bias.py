"""The model side of the suite: measures, metrics, and runs that can be interrupted."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tokbench import run as runner
from tokbench.bytelevel import ByteModel
from tokbench.errors import OptionError, UnsupportedReadingError
from tokbench.models import load_model
from tokbench.results import Run, Sample, scan
from tokbench.suites.exactness.bias import (
    Readings,
    choice_samples,
    cut_samples,
    divergence,
    head_samples,
    invariance_samples,
)
from tokbench.suites.exactness.bias_plan import BiasPlan
from tokbench.suites.exactness.bias_rows import UNITS, bias_metrics
from tokbench.suites.exactness.cuts import Choice, Cut, Passage
from tokbench.tokenizers import load_tokenizer


@pytest.fixture(scope="module")
def readings() -> Readings:
    model, tokenizer = load_model("ngram:tiny"), load_tokenizer("hf:@tiny.json")
    return Readings(
        ByteModel(model, tokenizer),
        ByteModel(model, tokenizer, reading="canonical_context"),
        ByteModel(model, tokenizer, reading="all", eps=1e-3, positions_per_byte=512),
    )


ENGINEER = Passage("t/0", b"The engineer works")


def by_metric(rows: list[Sample]) -> dict[str, Sample]:
    return {row.metric: row for row in rows}


def test_divergence_is_the_definition() -> None:
    p, q = np.full(258, -np.inf), np.full(258, -np.inf)
    p[[65, 66]] = np.log([0.75, 0.25])
    q[[65, 66]] = np.log([0.5, 0.5])
    distance, bits = divergence(p, q)
    assert distance == pytest.approx(0.25)
    assert bits == pytest.approx(0.75 * math.log2(1.5) + 0.25 * math.log2(0.5))
    q[65], q[66] = -np.inf, 0.0
    distance, bits = divergence(p, q)
    assert distance == pytest.approx(0.75)
    assert bits == math.inf


def test_a_cut_inside_a_token_is_where_the_naive_reading_fails(readings: Readings) -> None:
    rows = by_metric(cut_samples(readings, [Cut(ENGINEER, 9, "inside-token", ("word-middle",))]))
    exact = readings.canonical.next_byte_logprobs(b"The engin")
    assert exact["e"] > 0.99
    assert rows["bias.tv"].score is not None
    assert rows["bias.tv"].score > 0.9
    assert rows["bias.tv"].stratum == "inside-token+word-middle"
    assert rows["bias.impossible_truth"].outcome == "correct"
    context = readings.context.next_byte_logprobs(b"The engin")
    assert rows["gap.context"].score == pytest.approx(exact.total_variation(context))
    assert rows["leak.canonical"].score == pytest.approx(exact.leak)


def test_where_the_naive_reading_does_not_apply_the_row_says_why(readings: Readings) -> None:
    rows = cut_samples(readings, [Cut(Passage("t/1", "naïve text".encode()), 3, "inside-char", ())])
    skipped = [row for row in rows if row.metric.startswith(("bias", "healing"))]
    assert len(skipped) == 6
    assert all(row.outcome == "skipped" and "text only" in row.message for row in skipped)
    assert {row.metric for row in rows} >= {"gap.context", "leak.canonical"}


def test_an_infinite_divergence_is_counted_and_not_averaged() -> None:
    rows = [
        Sample(item_id="1", metric="bias.kl", outcome="correct", score=2.0, cluster="a", stratum="boundary"),
        Sample(item_id="2", metric="bias.kl", outcome="invalid", message="infinite", cluster="b", stratum="boundary"),
    ]
    (found,) = [row for row in bias_metrics(rows) if row.metric == "bias.kl" and not row.filter]
    assert (found.value, found.n, found.n_invalid) == (2.0, 2, 1)


def test_non_canonical_mass_is_between_its_bounds(readings: Readings) -> None:
    for row in head_samples(readings, [Passage("t/2", b"The engine")]):
        low, high = (float(part) for part in row.message.removeprefix("between ").split(" and "))
        assert row.score is not None
        assert low - 1e-9 <= row.score <= high + 1e-9
        assert 0 <= row.score < 1


def test_lm_evals_cut_is_compared_with_exact_choice(readings: Readings) -> None:
    question = Choice(ENGINEER, "The engin", ("eer", "ished", "es", "ely"))
    rows = by_metric(choice_samples(readings, [question]))
    exact = readings.canonical.logprob("eer", given="The engin").value
    # "engineer" is one token, so behind as many tokens as the context has nothing is left to score
    assert rows["lm_eval.empty"].outcome == "wrong"
    assert rows["lm_eval.error"].score == pytest.approx(-exact)
    assert exact < -0.5
    assert rows["lm_eval.changed"].completion is not None
    assert rows["lm_eval.changed"].completion.startswith("exact 1")


def test_the_exact_score_does_not_move_with_the_cut(readings: Readings) -> None:
    rows = by_metric(invariance_samples(readings, [ENGINEER]))
    assert rows["cut.exact_spread"].score == pytest.approx(0, abs=1e-9)
    assert rows["cut.lm_eval_spread"].score is not None
    assert rows["cut.lm_eval_spread"].score > 1


def test_every_metric_is_there_even_without_rows() -> None:
    found = bias_metrics([])
    assert {row.metric for row in found} == {*UNITS, "lm_eval.mcnemar_p"}
    assert all(row.value is None and row.reason for row in found)


def test_a_share_without_spread_has_wilsons_interval() -> None:
    rows = [
        Sample(item_id=str(at), metric="lm_eval.empty", outcome="correct", score=0.0, cluster=str(at))
        for at in range(10)
    ]
    (found,) = [row for row in bias_metrics(rows) if row.metric == "lm_eval.empty" and not row.filter]
    assert found.method == "wilson"
    assert found.hi is not None
    assert 0.2 < found.hi < 0.4


# ---------------------------------------------------------------------- runs


def request(out: Path, *, overwrite: bool = False) -> runner.RunRequest:
    plan = BiasPlan.build(model="ngram:tiny", profile="smoke")
    return runner.RunRequest(plan=plan, tokenizers=("hf:@tiny.json",), out=out, overwrite=overwrite, argv=("x",))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs")
    runner.run(request(out))
    (found,), problems = scan(out)
    assert not problems
    return found


def test_a_run_records_the_model_and_that_it_is_a_toy(finished: Run) -> None:
    model = finished.group("model")
    assert model["spec"] == "ngram:tiny"
    assert model["synthetic"] is True
    assert finished.group("run")["model"] == "ngram-tiny"
    assert {row.metric for row in finished.metric_rows} == {*UNITS, "lm_eval.mcnemar_p"}
    inside = next(row for row in finished.metric_rows if (row.metric, row.filter) == ("bias.tv", "inside-token"))
    assert inside.value is not None
    assert inside.value > 0.5


def test_an_interrupted_run_goes_on_and_gives_the_same(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    def stop_after_two(event: runner.Event) -> None:
        if event.kind == "advanced":
            done.append(event)
            if len(done) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(request(tmp_path), stop_after_two)
    events: list[runner.Event] = []
    runner.run(request(tmp_path), events.append)
    started = next(event for event in events if event.kind == "started")
    assert started.done == 2
    (again,), _ = scan(tmp_path)
    assert sorted(again.sample_rows, key=repr) == sorted(finished.sample_rows, key=repr)
    assert sorted(again.metric_rows, key=repr) == sorted(finished.metric_rows, key=repr)


def test_a_finished_run_is_kept(tmp_path: Path) -> None:
    runner.run(request(tmp_path))
    assert runner.run(request(tmp_path)).kept == ["hf:@tiny.json"]


def test_a_tokenizer_without_known_rules_is_refused_before_any_work(tmp_path: Path) -> None:
    plan = BiasPlan.build(model="scripted:hash", profile="smoke")
    bad = runner.RunRequest(plan=plan, tokenizers=("hf:@tiny-wordpiece.json",), out=tmp_path)
    with pytest.raises(UnsupportedReadingError, match="another tokenizer"):
        runner.run(bad)
    assert not list(tmp_path.glob("exactness-*"))


def test_a_start_that_is_no_ids_is_refused() -> None:
    plan = BiasPlan.build(model="ngram:tiny", profile="smoke", start="BOS")
    with pytest.raises(OptionError, match="start"):
        plan.readings(load_tokenizer("hf:@tiny.json"))
