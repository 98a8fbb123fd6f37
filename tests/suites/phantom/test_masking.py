"""The masking experiment on models whose phantom edits are planted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from completers import TINY, completer, prompts
from phantom_items import cut

from tokbench.bytelevel import Lattice
from tokbench.errors import OptionError, UnknownIdError, UnknownNameError
from tokbench.models._complete import TokenCompleter
from tokbench.models.completion import Completion, CompletionModel, Decoding, Done, Form, Prompt, can_forbid
from tokbench.models.completions import load_completion_model
from tokbench.models.info import ModelInfo
from tokbench.results import Metric, Sample
from tokbench.suites.part import PartContext
from tokbench.suites.phantom import experiments
from tokbench.suites.phantom._mask_rows import UNITS
from tokbench.suites.phantom.answers import answer_samples
from tokbench.suites.phantom.experiments import ExperimentSettings, check_experiment, experiment_parts
from tokbench.suites.phantom.item import Item
from tokbench.suites.phantom.items import items
from tokbench.suites.phantom.masking import NOTHING, Mask, half_of, mask_set, matched_mask, without
from tokbench.suites.phantom.slices import canonical_tokens, window_start

VOCABULARY = TINY.byte_vocabulary()
INFO = completer(TINY).info
DECODING = Decoding(max_tokens=24)


def row(word: str = "house", status: str = "DIFFERENT", before: Sequence[int] = (), after: Sequence[int] = ()) -> dict[
    str, object
]:  # fmt: skip
    return {
        "item_id": f"phantom-1/common/{word}/ordinal", "marking": "ordinal", "word": word, "status": status,
        "ids_in": list(before), "ids_out": list(after),
    }  # fmt: skip


def ids_of(*pieces: str) -> list[int]:
    return cut(TINY, pieces)


# ---------------------------------------------------------------------- which ids


def test_variants() -> None:
    before, after = ids_of(" the", "at"), ids_of(" the", "in", "at", "e")
    rows = [row(before=before, after=after), row(status="REPLACED", before=before, after=ids_of("ing"))]
    assert mask_set(rows, "new", tokenizer=TINY).ids == tuple(ids_of("in"))  # e is one byte, at went in
    assert set(mask_set(rows, "all", tokenizer=TINY).ids) == set(ids_of(" the", "in", "at"))
    assert mask_set(rows, "first", tokenizer=TINY).ids == tuple(ids_of("in"))
    assert mask_set(rows, "new", tokenizer=TINY).spared == tuple(ids_of("e"))


def test_an_output_that_only_stops_earlier_has_no_first_id() -> None:
    rows = [row(before=ids_of(" the", "at"), after=ids_of(" the"))]
    mask = mask_set(rows, "first", tokenizer=TINY)
    assert mask.ids == ()
    assert mask.problem == f"{NOTHING}: the 1 cases hold no id that counts under this variant"


def test_the_limit_keeps_the_most_frequent() -> None:
    rows = [row(after=ids_of("in", "at")), row(after=ids_of("in", "in"))]
    mask = mask_set(rows, "all", 1, tokenizer=TINY)
    assert (mask.ids, mask.capped, mask.counts) == (tuple(ids_of("in")), 1, {ids_of("in")[0]: 2})


def test_nothing_to_mask_is_said() -> None:
    assert mask_set([row(status="UNCHANGED")], tokenizer=TINY).problem.startswith(f"{NOTHING}: no target")
    spared = mask_set([row(after=ids_of("e"))], tokenizer=TINY)
    assert "is needed to write its bytes" in spared.problem


def test_bad_settings() -> None:
    with pytest.raises(UnknownNameError, match="new, all, first"):
        mask_set([], "old", tokenizer=TINY)
    with pytest.raises(OptionError, match="mask-cap"):
        mask_set([], cap=0, tokenizer=TINY)
    for settings in (
        ExperimentSettings(names=("unmask",)),
        ExperimentSettings(mask_variant="none"),
        ExperimentSettings(draws=0),
    ):
        with pytest.raises((UnknownNameError, OptionError)):
            settings.check()


def test_random_masks_are_as_frequent_and_never_the_mask_itself() -> None:
    text = [int(token) for token in VOCABULARY.ids if len(TINY.token_bytes(int(token))) > 1]
    counts = {token: 1 + place % 20 for place, token in enumerate(text)}
    mask = Mask(ids=tuple(sorted(text[:12])), cases=12, counts=dict.fromkeys(text[:12], 1))
    drawn = [matched_mask(mask, counts, tokenizer=TINY, draw=draw) for draw in range(10)]
    assert len(set(drawn)) == 10
    for ids in drawn:
        assert len(ids) == len(set(ids)) == len(mask.ids)
        assert not set(ids) & set(mask.ids)
        wanted = sorted(counts[token].bit_length() for token in mask.ids)
        assert sorted(counts[token].bit_length() for token in ids) == wanted
    few = matched_mask(mask, dict.fromkeys(text[:14], 1), tokenizer=TINY, draw=0)
    assert set(few) == set(text[12:14])


def test_a_vocabulary_without_some_ids() -> None:
    gone = ids_of("in", " the")
    left = without(VOCABULARY, gone)
    assert set(left.ids) == set(VOCABULARY.ids) - set(gone)
    assert set(left.other_ids) == set(VOCABULARY.other_ids) | set(gone)
    assert left.byte_complete
    counted = Lattice(left, b" the inn").count()
    listed = [ids for ids in Lattice(VOCABULARY, b" the inn").enumerate() if not set(ids) & set(gone)]
    assert counted == len(listed) < Lattice(VOCABULARY, b" the inn").count()


# ---------------------------------------------------------------------- decoding without some ids


def test_forbidden_ids_are_never_emitted_and_the_next_best_is() -> None:
    model = completer(TINY)
    asked = prompts(["The engine", "a", "house of"])
    free = model.generate(asked, Decoding(max_tokens=12))
    emitted = {token for answer in free for token in answer.ids or ()}
    gone = tuple(sorted(token for token in emitted if token in set(VOCABULARY.ids.tolist())))[:8]
    for decoding in (Decoding(max_tokens=12, forbidden=gone), Decoding(max_tokens=12, temperature=1.0, forbidden=gone)):
        masked = model.generate(asked, decoding)
        assert not {token for answer in masked for token in answer.ids or ()} & set(gone)
    # by hand: the most probable of those that are left, with the model's own probability
    first = model.generate(asked[:1], Decoding(max_tokens=1, forbidden=gone))[0]
    rows = _row_behind(model, TINY.encode("The engine"))
    wanted = max((token for token in range(len(rows)) if token not in gone), key=lambda token: (rows[token], -token))
    assert first.ids == (wanted,)
    assert first.logprobs == pytest.approx((float(rows[wanted]),))


def _row_behind(model: TokenCompleter, ids: Sequence[int]) -> np.ndarray:
    parent, found = model.model.initial()
    for token in ids:
        (parent,), rows = model.model.extend([parent], [token])
        found = rows[0]
    return np.asarray(found, np.float64)


def test_ids_that_a_model_does_not_have_cannot_be_forbidden() -> None:
    with pytest.raises(UnknownIdError):
        completer(TINY).generate(prompts(["a"]), Decoding(forbidden=(10**6,)))


@pytest.mark.parametrize("backend", ["scripted", "replay"])
def test_models_that_emit_what_they_emit_refuse(backend: str, tmp_path: Path) -> None:
    recording = tmp_path / "r.jsonl"
    recording.write_text(json.dumps({"item_id": "0", "completion": "a"}) + "\n")
    responders = {"copier": lambda _prompt: Completion(text="a")}
    spec = "scripted:copier" if backend == "scripted" else f"replay:{recording}"
    model = load_completion_model(spec, responders=responders)
    assert not can_forbid(model)
    with pytest.raises(OptionError, match="scripted:hash can be kept from emitting"):
        model.generate(prompts(["a"]), Decoding(forbidden=(1,)))
    with pytest.raises(OptionError, match="experiment='mask'"):
        check_experiment(ExperimentSettings(names=("mask",)), model)


# ---------------------------------------------------------------------- the whole experiment


@dataclass
class Stubborn:
    """Repeats the passage with odd ids for its targets, as long as it may use them, else with those of the tokenizer.

    Attributes:
        shared: Whether all words are cut behind their first letter, so that a few ids serve many words; else before
            their last three letters, which are those of one word mostly.
        obeys: Whether it does what the mask says.
    """

    shared: bool
    obeys: bool = True
    forbids: ClassVar[bool] = True
    takes: ClassVar[frozenset[Form]] = frozenset({"text", "ids"})
    info: ClassVar[ModelInfo] = INFO

    def odd(self, word: bytes, forbidden: Sequence[int]) -> tuple[int, ...] | None:
        """The odd ids of a word with its space, None where some of them are forbidden."""
        lattice = Lattice(VOCABULARY, word[:2] if self.shared else word[-3:])
        rest = Lattice(VOCABULARY, word[2:] if self.shared else word[:-3])
        ids = (*lattice.fewest(), *rest.chars()) if self.shared else (*rest.chars(), *lattice.fewest())
        return None if self.obeys and set(ids) & set(forbidden) else ids

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding = DECODING, *, done: Done | None = None
    ) -> list[Completion]:
        return [self._reply(prompt.item, decoding.forbidden) for prompt in prompts]  # type: ignore[arg-type] # an item

    def _reply(self, item: Item, forbidden: Sequence[int]) -> Completion:
        tokens = canonical_tokens(TINY, item.text)
        target = item.targets[0]
        start = window_start(tokens.data, target.start)
        places = tokens.between(start, target.end)
        odd = self.odd(tokens.data[start : target.end], forbidden)
        ids = tokens.ids if odd is None else (*tokens.ids[: places[0]], *odd, *tokens.ids[places[-1] + 1 :])
        return Completion(text=item.text, ids=ids, finish_reason="stop")


def chosen_items() -> list[Item]:
    """Passages in which the window of the target is made of whole tokens."""
    found = []
    for item in items("smoke", 0, ["ordinal"]):
        tokens, target = canonical_tokens(TINY, item.text), item.targets[0]
        start = window_start(tokens.data, target.start)
        if item.stratum in {"common", "affixed", "plural"} and {start, target.end} <= set(tokens.edges):
            found.append(item)
    return found


ITEMS = chosen_items()


def run_mask(model: CompletionModel, variant: str = "new") -> tuple[list[Sample], dict[tuple[str, str], Metric]]:
    """The rows and metrics of the experiment, by name and filter."""
    decoding = DECODING
    samples = list(answer_samples(model, ITEMS, TINY, decoding=decoding))
    settings = ExperimentSettings(names=("mask",), mask_variant=variant, profile="smoke")
    check_experiment(settings, model)
    metrics: list[Metric] = []
    for part in experiment_parts(settings, TINY, ITEMS, model=lambda: model, decoding=decoding):
        result = part.work(PartContext(samples=samples))
        samples += result.samples
        metrics += result.metrics
    assert len({(one.metric, one.filter) for one in metrics}) == len(metrics)
    return samples, {(one.metric, one.filter): one for one in metrics}


def numbers(sample: Sample) -> list[int]:
    found = (sample.detail or {})["ids_out"]
    assert isinstance(found, list)
    return found


def different(found: dict[tuple[str, str], Metric], name: str, side: str) -> float:
    value = found["mask.status", f"{name}|{side}|DIFFERENT"].value
    assert value is not None
    return value


@pytest.fixture(scope="module", autouse=True)
def _few_words() -> object:
    """Costs are counted over a few words: counting them is tested apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "CONTROLS", 3)
        patch.setattr(experiments, "common_words", lambda: ("engineer", "house", "rights", "window"))
        patch.setattr(experiments, "census_words", lambda *_: [("engineer", "common"), ("house", "common")])
        yield


def test_ids_that_serve_many_words_are_masked_for_new_words_too() -> None:
    _, found = run_mask(Stubborn(shared=True), "all")
    for name in ("in-sample", "held-out word", "held-out item"):
        assert different(found, name, "baseline") > 0.8
    # a word whose first letter has no token with a space is cut into bytes, and these are never forbidden
    assert different(found, "in-sample", "masked") < 0.05
    assert different(found, "held-out word", "masked") < 0.4
    test = found["mask.mcnemar_p", "held-out word"]
    assert test.value is not None
    assert test.value < 0.001
    assert test.k == test.n


def test_ids_of_single_words_help_in_sample_only() -> None:
    _, found = run_mask(Stubborn(shared=False), "new")
    inside = different(found, "in-sample", "baseline") - different(found, "in-sample", "masked")
    outside = different(found, "held-out word", "baseline") - different(found, "held-out word", "masked")
    assert inside > 0.2
    assert outside < inside - 0.1


def test_every_metric_has_a_value_and_the_costs_are_counted() -> None:
    samples, found = run_mask(Stubborn(shared=True), "all")
    assert not [one for one in found.values() if one.value is None and one.reason != "no such target"]
    gone = mask_set(
        [
            {"item_id": one.item_id, **(one.detail or {})} for one in samples
            if one.metric == "phantom" and half_of({"item_id": one.item_id, **(one.detail or {})}, "word") == "dev"
        ],
        "all", tokenizer=TINY,
    ).ids  # fmt: skip
    assert found["mask.size", "split by word"].value == len(gone)
    words = [" engineer", " house", " rights", " window"]
    hit = [bool(set(TINY.encode(word)) & set(gone)) for word in words]
    assert found["mask.words", "split by word"].k == sum(hit)
    added = []
    for word in words[:2]:
        allowed = [ids for ids in Lattice.of(TINY, word).enumerate() if not set(ids) & set(gone)]
        own = TINY.encode(word)
        added.append(min(map(len, allowed)) - len(own) if set(own) & set(gone) else 0)
    assert found["mask.added_tokens", "split by word"].value == pytest.approx(sum(added) / 2)
    before, after = found["mask.ambiguity", "split by word|before"], found["mask.ambiguity", "split by word|after"]
    assert before.value is not None
    assert after.value is not None
    assert after.value < before.value
    control = [found["mask.control", f"held-out word|{which}"].value or 0 for which in ("least", "mean", "most")]
    assert control == sorted(control)


def test_a_model_that_takes_few_ids_gets_the_most_frequent_and_the_rest_is_recorded() -> None:
    class Few(Stubborn):
        forbids_at_most = 3

    _, found = run_mask(Few(shared=True), "all")
    _, whole = run_mask(Stubborn(shared=True), "all")
    size = whole["mask.size", "split by word"].value
    assert size is not None
    assert found["mask.size", "split by word"].value == 3
    assert found["mask.capped", "split by word"].value == pytest.approx((size - 3) / size)
    assert whole["mask.capped", "split by word"].value == 0
    assert different(found, "in-sample", "masked") > different(whole, "in-sample", "masked")


def test_no_forbidden_id_is_in_a_masked_reply_and_a_disobedient_model_is_found_out() -> None:
    def emitted(model: Stubborn) -> set[int]:
        samples, _ = run_mask(model, "all")
        rows = [{"item_id": one.item_id, **(one.detail or {})} for one in samples if one.metric == "phantom"]
        mask = mask_set([row for row in rows if half_of(row, "word") == "dev"], "all", tokenizer=TINY)
        words = [one for one in samples if one.metric == "mask.word" and (one.detail or {})["status"] == "DIFFERENT"]
        return {token for one in words for token in numbers(one)} & set(mask.ids)

    assert not emitted(Stubborn(shared=True))
    assert emitted(Stubborn(shared=True, obeys=False))


def test_without_a_case_there_is_nothing_to_mask() -> None:
    class Faithful(Stubborn):
        def odd(self, word: bytes, forbidden: Sequence[int]) -> None:
            return None

    samples, found = run_mask(Faithful(shared=True))
    assert {one.metric for one in samples} == {"phantom"}
    assert {one.value for one in found.values()} == {None}
    assert all(one.reason.startswith(NOTHING) for one in found.values())
    assert {name for name, _ in found} == set(UNITS)


def test_a_model_of_probabilities_runs_through() -> None:
    samples, found = run_mask(completer(TINY))
    assert found["mask.size", "split by word"].reason  # its replies are no passages
    assert samples
