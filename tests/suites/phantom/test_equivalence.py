"""The equivalence experiment: conditions, distances, and models whose answer to other ids is known."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from completers import BYTES, PIECES, TINY, completer
from phantom_items import item

from tokbench.bytelevel import ByteModel
from tokbench.bytelevel.naive import naive_next
from tokbench.bytelevel.protocol import Handle, Parent
from tokbench.bytelevel.readings import END, OTHER
from tokbench.models import HashModel, load_model
from tokbench.models._complete import TokenCompleter, completer_info
from tokbench.models.completion import Completion, CompletionModel, Decoding, Done, Form, Prompt
from tokbench.models.completions import load_completion_model
from tokbench.results import Metric, Sample
from tokbench.suites.part import PartContext
from tokbench.suites.phantom._distances import NextByte, jensen_shannon, kullback_leibler
from tokbench.suites.phantom._equivalence_rows import UNITS, equivalence_metrics
from tokbench.suites.phantom._recut import CONDITIONS, SAME_BYTES, Variant, read_prompt, variants
from tokbench.suites.phantom.equivalence import (
    equivalence_responders,
    id_prompt,
    not_run,
    probabilities,
)
from tokbench.suites.phantom.experiments import ExperimentSettings, check_experiment, experiment_parts
from tokbench.suites.phantom.item import Item
from tokbench.suites.phantom.items import items
from tokbench.tokenizers import Tokenizer, load_tokenizer

ITEMS = [one for one in items("smoke", 0, ["ordinal", "bracket"]) if one.stratum in {"common", "plural"}][:6]
RANKS = load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
SHORT = Decoding(max_tokens=6)


def conditions(asked: Item, tokenizer: Tokenizer = TINY, draws: int = 4) -> dict[str, list[Variant]]:
    read = read_prompt(asked, tokenizer.encode(f"{asked.prompt}\n\n"), tokenizer)
    found: dict[str, list[Variant]] = {}
    for variant in variants(read, tokenizer, draws=draws):
        found.setdefault(variant.condition, []).append(variant)
    return found


def spelled(tokenizer: Tokenizer, ids: Sequence[int]) -> bytes:
    return b"".join(tokenizer.token_bytes(token) for token in ids)


def run(model: CompletionModel, tokenizer: Tokenizer = TINY, draws: int = 2, chosen: Sequence[Item] = ()) -> tuple[
    list[Sample], dict[tuple[str, str], Metric]
]:  # fmt: skip
    """The rows and metrics of the experiment, by name and filter, through the parts of a run."""
    settings = ExperimentSettings(names=("equivalence",), draws=draws)
    check_experiment(settings, model)
    samples: list[Sample] = []
    metrics: list[Metric] = []
    parts = experiment_parts(settings, tokenizer, list(chosen or ITEMS), model=lambda: model, decoding=SHORT)
    for part in parts:
        result = part.work(PartContext(samples=samples))
        samples += result.samples
        metrics += result.metrics
    assert len({(one.metric, one.filter) for one in metrics}) == len(metrics)
    return samples, {(one.metric, one.filter): one for one in metrics}


# ---------------------------------------------------------------------- conditions


@pytest.mark.parametrize("tokenizer", [TINY, PIECES], ids=["bpe", "prefix"])
def test_all_conditions_of_the_same_bytes_have_the_same_bytes(tokenizer: Tokenizer) -> None:
    found = conditions(item(marking="ordinal"), tokenizer)
    assert list(found) == list(CONDITIONS)
    own = found["canonical"][0].ids or ()
    data = spelled(tokenizer, own)
    for condition in SAME_BYTES:
        for variant in found[condition]:
            assert variant.ids is not None, condition
            assert spelled(tokenizer, variant.ids) == data
    assert found["canonical-again"][0].ids == own
    assert found["two-piece"][0].changed == 1
    assert len(found["two-piece"][0].ids or ()) == len(own) + 1
    assert len({variant.ids for variant in found["resampled"]} - {own}) == 4
    shortest = found["characters"][0].ids or ()
    assert len(shortest) > len(own)
    assert found["characters"][0].changed == len(shortest) - len(own)
    other = spelled(tokenizer, found["synonym"][0].ids or ())
    assert other != data
    assert b"engineer" not in other
    assert found["synonym"][0].changed is None


def test_two_piece_cuts_the_target_and_nothing_else() -> None:
    asked = item(marking="ordinal")
    read = read_prompt(asked, TINY.encode(f"{asked.prompt}\n\n"), TINY)
    start, end = read.window
    assert read.tokens.data[start:end] == b" engineer"
    (variant,) = conditions(asked)["two-piece"]
    before, at = set(read.tokens.cuts), 0
    for token in variant.ids or ():
        at += len(TINY.token_bytes(token))
        assert at in before or start < at < end


def test_the_twin_has_another_space() -> None:
    data = spelled(TINY, conditions(item("house", marking="ordinal"))["canonical"][0].ids or ())
    twin = conditions(item("house", marking="ordinal"))["twin"][0]
    if twin.ids is None:
        assert "twin" in twin.reason
    else:
        assert spelled(TINY, twin.ids) == data.replace(b" house", b"house", 1)
    bare = conditions(item("house"))["twin"][0]  # in brackets it has no space
    assert bare.ids is None or b"[ house]" in spelled(TINY, bare.ids)


def test_uniform_draws_stay_within_pretokens_where_these_are_known() -> None:
    asked = item(marking="ordinal")
    ends = {end for _, end in RANKS.pretoken_spans(f"{asked.prompt}\n\n")}
    for variant in conditions(asked, RANKS, draws=5)["resampled"]:
        at, cuts = 0, set()
        for token in variant.ids or ():
            at += len(RANKS.token_bytes(token))
            cuts.add(at)
        assert variant.within
        assert ends <= cuts
    assert {variant.within for variant in conditions(asked)["resampled"]} == {False}


def test_bytes_have_no_other_ids() -> None:
    found = conditions(item(), BYTES)
    for condition in ("two-piece", "resampled", "characters", "twin"):
        assert {variant.ids for variant in found[condition]} == {None}
        assert all(variant.reason for variant in found[condition])
    assert found["synonym"][0].ids is not None


def test_start_ids_and_templates_are_no_part_of_the_text() -> None:
    asked = item(marking="ordinal")
    ids = TINY.encode(f"{asked.prompt}\n\n")
    read = read_prompt(asked, (ids[0], 1000, *ids, 1000, ids[0]), TINY, start=1)
    assert (read.head, read.tail) == ((ids[0], 1000), (1000, ids[0]))
    assert read.tokens.ids == tuple(ids)
    for variant in variants(read, TINY, draws=1):
        if variant.ids is not None:
            assert variant.ids[:2] == (ids[0], 1000)
            assert variant.ids[-2:] == (1000, ids[0])


# ---------------------------------------------------------------------- distances


def test_the_next_byte_is_that_of_the_first_token_by_brute_force() -> None:
    model = load_model("ngram:tiny")
    sums = NextByte(model, TINY.byte_vocabulary())
    asked = Prompt(text="The tok")
    for ids in (
        TINY.encode(asked.text or ""),
        [int(TINY.byte_vocabulary().lookup(bytes([byte]))[0]) for byte in b"The"],
    ):
        row = _row(model, ids)
        wanted = [0.0] * 258
        for token in range(model.width):
            weight = math.exp(float(row[token]))
            if token in model.end_ids:
                wanted[END] += weight
            elif token in set(TINY.byte_vocabulary().ids.tolist()):
                wanted[TINY.token_bytes(token)[0]] += weight
            else:
                wanted[OTHER] += weight
        assert np.exp(sums(row)) == pytest.approx(wanted, abs=1e-12)
        assert np.exp(sums(row)).sum() == pytest.approx(1)


def test_the_next_byte_is_the_naive_reading_of_the_canonical_ids() -> None:
    byte_model = ByteModel.load("ngram:tiny")
    row = _row(load_model("ngram:tiny"), TINY.encode("The engine"))
    found = NextByte(byte_model.model, TINY.byte_vocabulary())(row)
    assert np.exp(found) == pytest.approx(np.exp(naive_next(byte_model, "The engine")))


def _row(model: object, ids: Sequence[int]) -> np.ndarray:
    parent, found = model.initial()  # type: ignore[attr-defined] # a model of probabilities
    for token in ids:
        (parent,), rows = model.extend([parent], [token])  # type: ignore[attr-defined]
        found = rows[0]
    return np.asarray(found, np.float64)


def test_divergences_by_hand() -> None:
    one, two = np.log([0.5, 0.25, 0.25]), np.log([0.25, 0.25, 0.5])
    assert kullback_leibler(one, two) == pytest.approx(0.5 * 1 + 0.25 * 0 - 0.25 * 1)
    middle = np.array([0.375, 0.25, 0.375])
    assert jensen_shannon(one, two) == pytest.approx(-float((middle * np.log2(middle)).sum()) - 1.5)
    with np.errstate(divide="ignore"):
        apart = np.log([1.0, 0.0]), np.log([0.0, 1.0])
    assert jensen_shannon(*apart) == pytest.approx(1)
    assert kullback_leibler(*apart) == math.inf


# ---------------------------------------------------------------------- models whose truth is known


def hashed(state: str, tokenizer: Tokenizer = TINY, scale: float = 5.0) -> TokenCompleter:
    ends = (max(tokenizer.ids()) + 1,)
    model = HashModel(tokenizer.byte_vocabulary(), end_ids=ends, state=state, scale=scale, end_share=1e-3)  # type: ignore[arg-type] # ids or bytes
    return TokenCompleter(model, tokenizer, completer_info(model.info, tokenizer))


def test_a_model_of_bytes_does_not_notice_other_ids() -> None:
    samples, found = run(hashed("bytes"))
    for condition in SAME_BYTES[1:]:
        name = f"same bytes|{condition}"
        for measure in ("kl_byte", "js_byte", "kl_token", "js_token"):
            assert found[f"equivalence.{measure}", name].value == pytest.approx(0, abs=1e-9)
        assert found["equivalence.flip_rate", name].value == 0
        assert found["equivalence.mcnemar_p", name].value == 1
    assert (found["equivalence.js_byte", "other bytes|synonym"].value or 0) > 0.1
    assert found["equivalence.js_per_cut", "same bytes"].value == pytest.approx(0, abs=1e-9)
    assert {one.metric for one in samples} == {"equivalence"}


def test_a_model_of_ids_notices() -> None:
    samples, found = run(hashed("ids"), draws=3)
    for condition in ("two-piece", "resampled", "characters"):
        name = f"same bytes|{condition}"
        assert (found["equivalence.js_byte", name].value or 0) > 0.1
        assert (found["equivalence.flip_rate", name].value or 0) > 0.9
    again = "same bytes|canonical-again"
    assert found["equivalence.js_token", again].value == 0
    assert found["equivalence.flip_rate", again].value == 0
    resampled = found["equivalence.js_byte", "same bytes|resampled"]
    assert resampled.n == 3 * len(ITEMS)
    assert resampled.method == "clustered"
    # the mean is that of the rows, and the clusters are items without their markings
    values = [one.detail["js_byte"] for one in samples if one.detail and one.detail["condition"] == "resampled"]
    assert resampled.value == pytest.approx(sum(values) / len(values))  # type: ignore[arg-type] # numbers
    assert len({one.cluster for one in samples}) == len({one.item_id.rpartition("/")[0] for one in ITEMS})
    both = found["equivalence.js_byte", "same bytes|resampled"].value or 0
    assert (found["equivalence.js_token", "same bytes|resampled"].value or 0) >= both - 1e-12  # merging loses


def test_the_embedded_model_runs_through() -> None:
    model = load_completion_model("ngram:tiny")
    assert probabilities(model) is not None
    _, found = run(model, chosen=ITEMS[:3])
    assert (found["equivalence.js_byte", "other bytes|synonym"].value or 0) >= 0
    assert {name for name, _ in found} <= set(UNITS)


@pytest.mark.parametrize("tokenizer", [TINY, PIECES], ids=["bpe", "prefix"])
def test_scripted_responders(tokenizer: Tokenizer) -> None:
    responders = equivalence_responders(tokenizer)
    for name in responders:
        model = load_completion_model(f"scripted:{name}", responders=responders)
        samples, found = run(model, tokenizer)
        for one in samples:
            detail = one.detail or {}
            if "flip" not in detail or not detail["same_bytes"]:
                continue
            own = next(
                other.detail["prompt_tokens"] for other in samples
                if other.detail and other.detail["condition"] == "canonical"
                and other.item_id.rpartition("/canonical")[0] == one.item_id.rsplit("/", 2)[0]
            )  # fmt: skip
            assert detail["flip"] is (name == "id-sensitive" and detail["prompt_tokens"] != own), one.item_id
        rate = found["equivalence.flip_rate", "same bytes|characters"].value
        assert rate == (1.0 if name == "id-sensitive" else 0.0)
        assert found["equivalence.js_byte", "same bytes|characters"].value is None
        assert "gives no probabilities" in found["equivalence.js_byte", "same bytes|characters"].reason


def test_over_bytes_the_conditions_are_empty_and_say_so() -> None:
    _, found = run(hashed("ids", BYTES), BYTES)
    for condition in ("two-piece", "resampled", "characters"):
        name = f"same bytes|{condition}"
        assert found["equivalence.available", name].value == 0
        for metric in ("js_byte", "flip_rate", "mcnemar_p"):
            assert found[f"equivalence.{metric}", name].value is None
            assert found[f"equivalence.{metric}", name].reason
    assert found["equivalence.flip_rate", "other bytes|synonym"].value is not None


def test_a_backend_without_prompts_of_ids_is_not_run(tmp_path: Path) -> None:
    recording = tmp_path / "r.jsonl"
    recording.write_text(json.dumps({"item_id": "0", "completion": "a"}) + "\n")
    model = _TextOnly(load_completion_model(f"replay:{recording}"))
    samples, found = run(model)
    assert samples == []
    assert {name for name, _ in found} == set(UNITS)
    assert all(one.value is None and one.reason.startswith("not run: replay:") for one in found.values())


class _TextOnly:
    """A model that takes text alone."""

    takes: frozenset[Form] = frozenset({"text"})

    def __init__(self, inner: CompletionModel) -> None:
        self.info = inner.info
        self.generate = inner.generate


def test_where_only_the_largest_probabilities_are_known_there_are_bounds() -> None:
    class Largest(HashModel):
        """Tells of the five most probable tokens only."""

        def extend(self, parents: Sequence[Parent], tokens: Sequence[int]) -> tuple[Sequence[Handle], np.ndarray]:
            handles, rows = super().extend(parents, tokens)
            rows = rows.copy()
            np.put_along_axis(rows, np.argsort(rows, -1)[:, :-5], -np.inf, -1)
            return handles, rows

    whole = hashed("ids", scale=8.0)
    inner = Largest(TINY.byte_vocabulary(), end_ids=whole.model.end_ids, scale=8.0, end_share=1e-3)
    model = TokenCompleter(inner, TINY, whole.info)
    _, found = run(model, draws=1, chosen=ITEMS[:2])
    _, truth = run(whole, draws=1, chosen=ITEMS[:2])
    name = "same bytes|characters"
    low, high = (found[f"equivalence.{bound}", f"{name}|top-5"].value for bound in ("js_low", "js_high"))
    true = truth["equivalence.js_token", name].value
    assert low is not None
    assert high is not None
    assert true is not None
    assert low <= true <= high
    assert (truth["equivalence.js_byte", name].value or 0) <= high
    assert found["equivalence.js_byte", name].value is None
    assert found["equivalence.kl_token", name].reason


def test_prompts_that_a_tokenizer_changes_are_invalid_and_say_so() -> None:
    unigram = load_tokenizer("sentencepiece:@tiny-unigram.model")  # it turns line breaks into spaces
    samples, found = run(hashed("ids", unigram), unigram, chosen=ITEMS[:2])
    assert {one.outcome for one in samples} == {"invalid"}
    assert "does not hold the prompt" in found["equivalence.flip_rate", "same bytes|resampled"].reason


def test_prompts_that_are_too_long_have_no_distribution() -> None:
    inner = hashed("ids").model
    longest = max(len(id_prompt(hashed("ids"), TINY, one).tokens.ids) for one in ITEMS)
    short = HashModel(TINY.byte_vocabulary(), end_ids=inner.end_ids, max_positions=longest + 4)
    model = TokenCompleter(short, TINY, completer_info(short.info, TINY))
    samples, found = run(model)
    assert found["equivalence.js_byte", "same bytes|characters"].value is None
    assert found["equivalence.flip_rate", "same bytes|characters"].n_failed == len(ITEMS)
    assert (found["equivalence.js_byte", "same bytes|two-piece"].value or 0) > 0
    assert any(one.outcome == "failed" and one.message for one in samples)


def test_the_tasks_are_paired_by_item_and_first_draw() -> None:
    def sample(number: int, draw: int, *, own: bool, now: bool) -> Sample:
        detail = {
            "condition": "resampled", "draw": draw, "same_bytes": True, "changed_cuts": 3, "flip": own != now,
            "solved": now, "solved_canonical": own,
        }  # fmt: skip
        return Sample(
            item_id=f"{number}/{draw}", metric="equivalence", outcome="correct", cluster=str(number), detail=detail
        )

    samples = [sample(number, draw, own=True, now=draw > 0) for number in range(6) for draw in range(3)]
    samples += [sample(6, 0, own=False, now=True)]
    found = {(one.metric, one.filter): one for one in equivalence_metrics(samples)}
    test = found["equivalence.mcnemar_p", "same bytes|resampled"]
    assert (test.k, test.n) == (6, 7)
    assert test.value == pytest.approx(2 * 8 / 2**7)
    assert found["equivalence.flip_rate", "same bytes|resampled"].value == pytest.approx(7 / 19)
    assert found["equivalence.solved_rate", "same bytes|resampled"].value == pytest.approx(13 / 19)


def test_the_second_run_is_really_asked_for() -> None:
    """A store or a cache that answers for it would hide what the model adds."""
    inner = completer(TINY)

    class Flipping:
        takes = inner.takes
        info = replace(inner.info, backend="scripted")
        start_ids = inner.start_ids
        calls = 0

        def generate(
            self, prompts: Sequence[Prompt], decoding: Decoding = SHORT, *, done: Done | None = None
        ) -> list[Completion]:
            type(self).calls += 1
            return [Completion(text=str(self.calls)) for _ in prompts]

    _, found = run(Flipping(), chosen=ITEMS[:2])
    assert found["equivalence.flip_rate", "same bytes|canonical-again"].value == 1
    assert not_run(Flipping()) == ""
