"""The experiments of the suite as parts of a run: ``mask`` and ``equivalence``.

Both come behind the replies. The mask is made of the graded rows that are there; every part makes it again from them,
so that an interrupted run goes on with the same one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, get_args

from tokbench.errors import OptionError, TokbenchError, UnknownNameError
from tokbench.models.completion import CompletionModel, Decoding, can_forbid, forbidden_limit
from tokbench.results import Metric, ResponseStore, Sample
from tokbench.suites.part import Part, PartContext, PartResult
from tokbench.suites.phantom._equivalence_rows import equivalence_metrics, not_run_metrics
from tokbench.suites.phantom._mask_rows import (
    UNITS,
    Pair,
    control_metrics,
    cost_metrics,
    mask_metrics,
    nothing,
    pair_metrics,
)
from tokbench.suites.phantom.answers import METRIC as BASELINE
from tokbench.suites.phantom.answers import answer_samples
from tokbench.suites.phantom.equivalence import METRIC as EQUIVALENCE
from tokbench.suites.phantom.equivalence import equivalence_samples, not_run, probabilities
from tokbench.suites.phantom.item import Item
from tokbench.suites.phantom.lexicon import common_words, known_words
from tokbench.suites.phantom.masking import VARIANTS, Mask, Split, half_of, mask_set, matched_mask
from tokbench.suites.phantom.tokenizer_rows import census_words
from tokbench.tokenizers import Tokenizer

__all__ = ["EXPERIMENTS", "Experiment", "ExperimentSettings", "Keep", "check_experiment", "experiment_parts"]

Experiment = Literal["mask", "equivalence"]
EXPERIMENTS: tuple[Experiment, ...] = get_args(Experiment)

CONTROLS = 10
"""Random masks."""

_PIECE = 200
"""Items of one part of the equivalence experiment; each is asked more than ten times."""

Keep = Callable[[PartContext], AbstractContextManager["ResponseStore | None"]]
"""Where replies are kept while a part runs; None for a model that costs nothing to ask again."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSettings:
    """The settings of the experiments of one command.

    Attributes:
        names: Which are run.
        mask_variant: Which ids of an output are forbidden.
        mask_cap: At most so many; None for all.
        draws: Uniform draws of each prompt of the equivalence experiment.
        profile: Profile of the run, for the words whose segmentations are counted.
        seed: Part of every hash.
    """

    names: tuple[str, ...] = ()
    mask_variant: str = "new"
    mask_cap: int | None = None
    draws: int = 8
    profile: str = "core"
    seed: int = 0

    def check(self) -> None:
        """Refuse settings that cannot be run, before anything is loaded.

        Raises:
            UnknownNameError: If there is no such experiment or variant.
            OptionError: If a number is out of its range.
        """
        for name in self.names:
            if name not in EXPERIMENTS:
                raise UnknownNameError("experiment", name, EXPERIMENTS)
        if self.mask_variant not in VARIANTS:
            raise UnknownNameError("mask variant", self.mask_variant, VARIANTS)
        for option, value in (("mask-cap", self.mask_cap), ("draws", self.draws)):
            if value is not None and value < 1:
                raise OptionError(option, value, "a number of at least 1")

    def plain(self) -> dict[str, object]:
        """What enters the key of a run; empty without an experiment."""
        found: dict[str, object] = {"experiments": sorted(self.names)} if self.names else {}
        if "mask" in self.names:
            found |= {"mask_variant": self.mask_variant, "mask_cap": self.mask_cap}
        if "equivalence" in self.names:
            found |= {"draws": self.draws}
        return found


def check_experiment(settings: ExperimentSettings, model: CompletionModel) -> None:
    """Refuse a model with which an experiment says nothing, before any call.

    The equivalence experiment is reported as not run instead, because its model may have been asked for the rates.

    Raises:
        OptionError: If ids are to be forbidden and the model cannot be kept from emitting any.
    """
    if "mask" in settings.names and not can_forbid(model):
        expected = f"a model that can be kept from emitting ids (hf:, ngram:, scripted:hash), not {model.info.spec}"
        raise OptionError("experiment", "mask", expected)


def experiment_parts(
    settings: ExperimentSettings,
    tokenizer: Tokenizer,
    items: Sequence[Item],
    *,
    model: Callable[[], CompletionModel],
    decoding: Decoding,
    keep: Keep = lambda _context: nullcontext(),
) -> list[Part]:
    """What the experiments add to a run; they stand behind the parts with the replies.

    Args:
        settings: Which experiments, and how.
        tokenizer: The tokenizer of the model.
        items: The items of the run.
        model: Loads the model.
        decoding: How replies are drawn.
        keep: Where they are kept.
    """
    work = _Work(settings, tokenizer, tuple(items), model, decoding, keep)
    parts: list[Part] = []
    if "mask" in settings.names:
        count = len(items)
        parts += [
            Part(f"mask/{name}", f"mask, split by {name}", partial(work.masked, name), steps=count)
            for name in get_args(Split)
        ]
        parts += [
            Part(
                f"mask/random/{draw}", f"random mask {draw + 1} of {CONTROLS}", partial(work.random, draw), steps=count
            )
            for draw in range(CONTROLS)
        ]
        parts.append(Part("mask/rates", "mask", work.mask_rates))
    if "equivalence" in settings.names:
        for start in range(0, len(items), _PIECE):
            piece = tuple(items[start : start + _PIECE])
            key = f"equivalence/{start // _PIECE}"
            parts.append(Part(key, "equivalence", partial(work.recut, piece), steps=len(piece)))
        parts.append(Part("equivalence/rates", "equivalence", work.equivalence_rates))
    return parts


# ---------------------------------------------------------------------- rows of samples


def _rows(samples: Sequence[Sample], metric: str) -> list[Row]:
    return [{"item_id": sample.item_id, **(sample.detail or {})} for sample in samples if sample.metric == metric]


def _frequencies(samples: Sequence[Sample]) -> Counter[int]:
    """How often a model emitted each id, a reply with several targets counted once."""
    counts: Counter[int] = Counter()
    seen: set[str] = set()
    for sample in samples:
        if sample.metric != BASELINE:
            continue
        marking = str((sample.detail or {}).get("marking", ""))
        name = sample.item_id.rpartition(f"/{marking}")[0] + marking
        if name not in seen:
            seen.add(name)
            counts.update(sample.ids or ())
    return counts


@dataclass(frozen=True, slots=True)
class _Work:
    """The work of the parts."""

    settings: ExperimentSettings
    tokenizer: Tokenizer
    items: tuple[Item, ...]
    model: Callable[[], CompletionModel]
    decoding: Decoding
    keep: Keep

    # ------------------------------------------------------------------ mask

    def _half(self, row: Row, split: Split) -> str:
        return half_of(row, split, self.settings.seed)

    def _mask(self, context: PartContext, split: Split) -> Mask:
        dev = [row for row in _rows(context.samples, BASELINE) if self._half(row, split) == "dev"]
        limits = [limit for limit in (self.settings.mask_cap, forbidden_limit(self.model())) if limit is not None]
        cap = min(limits, default=None)
        return mask_set(dev, self.settings.mask_variant, cap, tokenizer=self.tokenizer)

    def _asked(self, ids: tuple[int, ...], metric: str, wanted: set[str], context: PartContext) -> PartResult:
        """Ask the items that have a row in ``wanted`` once more, without some ids."""
        items = [item for item in self.items if item.item_id in wanted]
        with self.keep(context) as store:
            found = answer_samples(
                self.model(), items, self.tokenizer, decoding=replace(self.decoding, forbidden=ids),
                words=known_words(), store=store, tick=context.tick,
            )  # fmt: skip
        return PartResult([replace(sample, metric=metric) for sample in found])

    def _items_of(self, rows: Sequence[Row]) -> set[str]:
        """Names of the items of some rows; a row of several targets has its number behind that."""
        return {str(row["item_id"]).rpartition(f"/{row['marking']}")[0] + f"/{row['marking']}" for row in rows}

    def masked(self, split: Split, context: PartContext) -> PartResult:
        """Replies under the mask of a split: of all items, and for the split by item of its test half."""
        mask = self._mask(context, split)
        if mask.problem:
            return PartResult()
        rows = _rows(context.samples, BASELINE)
        if split == "item":
            rows = [row for row in rows if self._half(row, split) == "test"]
        return self._asked(mask.ids, f"mask.{split}", self._items_of(rows), context)

    def _control(self, draw: int, mask: Mask, context: PartContext) -> tuple[tuple[int, ...], float]:
        """A random mask, and how often its ids occur in the baseline over how often those of the mask do."""
        counts = _frequencies(context.samples)
        ids = matched_mask(mask, counts, tokenizer=self.tokenizer, draw=draw, seed=self.settings.seed)
        total = sum(counts[token] for token in mask.ids)
        return ids, sum(counts[token] for token in ids) / total if total else 0.0

    def random(self, draw: int, context: PartContext) -> PartResult:
        """Replies under a random mask, of items with words that the mask never saw."""
        mask = self._mask(context, "word")
        if mask.problem:
            return PartResult()
        ids, _ = self._control(draw, mask, context)
        if not ids:
            return PartResult()
        test = [row for row in _rows(context.samples, BASELINE) if self._half(row, "word") == "test"]
        return self._asked(ids, f"mask.random.{draw}", self._items_of(test), context)

    def mask_rates(self, context: PartContext) -> PartResult:
        """All metrics of the experiment; where there is nothing to mask each says so."""
        base = {str(row["item_id"]): row for row in _rows(context.samples, BASELINE)}
        found: list[Metric] = []
        subsets: tuple[tuple[str, Split, str], ...] = (
            ("in-sample", "word", "dev"), ("held-out word", "word", "test"), ("held-out item", "item", "test"),
        )  # fmt: skip
        for split in ("word", "item"):
            mask = self._mask(context, split)
            dev = sum(self._half(row, split) == "dev" for row in base.values())
            found += mask_metrics(f"split by {split}", mask, dev)
            if mask.problem:
                found += [
                    nothing(metric, name, mask.problem)
                    for name, own, _ in subsets if own == split
                    for metric in ("mask.status", "mask.paper_rate", "mask.mcnemar_p", "mask.change")
                ]  # fmt: skip
                continue
            after = _rows(context.samples, f"mask.{split}")
            for name, own, half in subsets:
                if own == split:
                    inside = [row for row in after if self._half(row, split) == half]
                    found += pair_metrics([Pair(base[str(row["item_id"])], row) for row in inside], name)
            if split == "word":
                found += [*self._controls(mask, context), *self._costs(mask)]
        problem = self._mask(context, "word").problem
        if problem:
            rest = [metric for metric in UNITS if metric not in {one.metric for one in found}]
            found += [nothing(metric, "", problem) for metric in rest]
        return PartResult([], found)

    def _controls(self, mask: Mask, context: PartContext) -> list[Metric]:
        draws, ratios = [], []
        for draw in range(CONTROLS):
            rows = _rows(context.samples, f"mask.random.{draw}")
            if rows:
                draws.append([row for row in rows if self._half(row, "word") == "test"])
                ratios.append(self._control(draw, mask, context)[1])
        return control_metrics(draws, ratios, "held-out word")

    def _costs(self, mask: Mask) -> list[Metric]:
        sample = [word for word, _ in census_words(self.settings.profile, self.settings.seed)]
        try:
            return list(cost_metrics(mask, self.tokenizer, common_words(), sample, "split by word"))
        except TokbenchError as error:
            costs = ("mask.words", "mask.added_tokens", "mask.ambiguity")
            return [nothing(metric, "split by word", str(error)) for metric in costs]

    # ------------------------------------------------------------------ equivalence

    def recut(self, items: Sequence[Item], context: PartContext) -> PartResult:
        """Replies and distributions of some items under all conditions."""
        model = self.model()
        if not_run(model):
            return PartResult()
        with self.keep(context) as store:
            found = equivalence_samples(
                model, items, self.tokenizer, draws=self.settings.draws, seed=self.settings.seed,
                decoding=self.decoding, store=store, tick=context.tick,
            )  # fmt: skip
        return PartResult(found)

    def equivalence_rates(self, context: PartContext) -> PartResult:
        """All metrics of the experiment; for a model without prompts of ids the reason."""
        model = self.model()
        if reason := not_run(model):
            return PartResult([], not_run_metrics(reason))
        samples = [sample for sample in context.samples if sample.metric == EQUIVALENCE]
        return PartResult([], equivalence_metrics(samples, probabilities=probabilities(model) is not None))
