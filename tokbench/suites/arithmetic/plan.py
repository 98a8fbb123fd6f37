"""The suite with the settings of one command: which parts a run has, and what enters its key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tokbench.errors import OptionError, RecordingError
from tokbench.models.completion import CompletionModel, Decoding
from tokbench.models.completions import load_completion_model
from tokbench.suites.arithmetic.answers import answer_samples, prompt_form, replay_samples, rows_of
from tokbench.suites.arithmetic.conditions import conditions_of
from tokbench.suites.arithmetic.item import VERSION, Case, Condition, Item
from tokbench.suites.arithmetic.items import build_cases, cases_sha256, frame, question_frame
from tokbench.suites.arithmetic.metrics import run_metrics
from tokbench.suites.arithmetic.recorded import Replay, load_replay, replay_counts
from tokbench.suites.arithmetic.regroup import refusal
from tokbench.suites.arithmetic.scripted import responders
from tokbench.suites.arithmetic.strata import profile_of
from tokbench.suites.arithmetic.tokenizer_rows import arithmetic_tokenizer_rows
from tokbench.suites.asking import kept_answers, model_slug
from tokbench.suites.part import Part, PartContext, PartResult, alone
from tokbench.tokenizers import Tokenizer

if TYPE_CHECKING:
    from tokbench.suites.arithmetic.parsing import Parser
    from tokbench.suites.arithmetic.rows import Row

__all__ = ["ArithmeticPlan"]

_PIECE = 2000
"""Items of one part: what an interrupted run with a model that is not paid for asks again at most."""

_REPLAY = "replay:"


@cache
def _model(spec: str, options: tuple[tuple[str, object], ...], tokenizer: Tokenizer) -> CompletionModel:
    return load_completion_model(spec, tokenizer=tokenizer, responders=responders(tokenizer), **dict(options))


@cache
def _replay(path: str, mapping: str, tokenizer: Tokenizer, check: Literal["error", "count"]) -> Replay:
    return load_replay(path, mapping, tokenizer, check_messages=check)


@cache
def _cases(profile: str, seed: int, blocks: tuple[str, ...], shots: int) -> tuple[Case, ...]:
    return build_cases(profile, seed, blocks=blocks, shots=shots)


@cache
def _items_sha256(profile: str, seed: int, blocks: tuple[str, ...], shots: int) -> str:
    return cases_sha256(_cases(profile, seed, blocks, shots))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArithmeticPlan:
    """The suite ``arithmetic`` with the settings of one command.

    Attributes:
        profile: ``smoke``, ``core`` or ``full``.
        seed: Part of every hash that chooses an item.
        conditions: How the items are asked; strata with formats of their own are asked in those.
        explicit: Whether the conditions were asked for by name: those that a model cannot be asked are then skipped
            with the reason; of the usual ones of a profile they are left out.
        blocks: Blocks of strata; empty takes those of the profile.
        model: Spec of the model; None for a run of a tokenizer alone.
        model_options: Options of the model beside those in its spec.
        decoding: How replies are drawn; without ``max_tokens`` the limit follows from the expected reply.
        mapping: With a model ``replay:FILE``: how its columns are to be read, so that the file is graded as it is,
            instead of being asked for the suite's own items. Empty for none.
        check_messages: Whether a recorded question that its numbers do not make is an ``error`` or only counted.
        items_only: Whether the run writes items and nothing else.
    """

    profile: str = "core"
    seed: int = 0
    conditions: tuple[Condition, ...] = ()
    explicit: bool = False
    blocks: tuple[str, ...] = ()
    model: str | None = None
    model_options: tuple[tuple[str, object], ...] = ()
    decoding: Decoding = field(default_factory=lambda: Decoding(max_tokens=None))
    mapping: str = ""
    check_messages: Literal["error", "count"] = "error"
    items_only: bool = False

    references: tuple[str, ...] = ()
    """Engines to compare ids with: this suite compares none."""

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "arithmetic"

    @property
    def version(self) -> str:
        """Version of the suite."""
        return VERSION

    @property
    def retries(self) -> bool:
        """A request that failed is tried again by the same command; a recording stays as it is."""
        return self.model is not None and not self.model.startswith(_REPLAY)

    @property
    def recorded(self) -> bool:
        """Whether a file of recorded replies is graded as it is."""
        return bool(self.mapping)

    def check(self) -> None:
        """Refuse settings that contradict each other, before anything is loaded.

        Raises:
            OptionError: If two settings do not go together.
            UnknownNameError: If a profile, a block or a format does not exist.
        """
        if self.recorded:
            if self.model is None or not self.model.startswith(_REPLAY):
                raise OptionError("mapping", self.mapping, "a model replay:FILE, whose columns it names")
            return
        if self.model is None and not self.items_only:
            return
        self.all_cases()

    # ------------------------------------------------------------------ items

    def _blocks(self) -> tuple[str, ...]:
        return self.blocks or profile_of(self.profile).blocks

    def _shots(self) -> int:
        return max((condition.n_shots for condition in self.conditions), default=0)

    def all_cases(self) -> tuple[Case, ...]:
        """The calculations, made once a process."""
        return _cases(self.profile, self.seed, self._blocks(), self._shots())

    def conditions_for(self, model: CompletionModel | None) -> tuple[Condition, ...]:
        """The usual conditions in which a model is asked."""
        if model is None or self.explicit or not refusal(model):
            return self.conditions
        return tuple(condition for condition in self.conditions if not condition.by_ids)

    def _grouped(self, model: CompletionModel | None) -> dict[tuple[str, str], list[Item]]:
        """Items by condition and block, in the order in which they are asked."""
        usual = self.conditions_for(model)
        found: dict[tuple[str, str], list[Item]] = {}
        for case in self.all_cases():
            for condition in conditions_of(case.stratum, usual):
                found.setdefault((condition.name, case.block), []).append(Item(case, condition))
        return found

    def _all_items(self, model: CompletionModel | None) -> Iterator[Item]:
        usual = self.conditions_for(model)
        for case in self.all_cases():
            for condition in conditions_of(case.stratum, usual):
                yield Item(case, condition)

    # ------------------------------------------------------------------ identity

    def items(self) -> dict[str, str]:
        """SHA-256 of the items; for a recording that of the file is part of the model."""
        if self.recorded or (self.model is None and not self.items_only):
            return {}
        return {"items": _items_sha256(self.profile, self.seed, self._blocks(), self._shots())}

    def options(self) -> dict[str, object]:
        """Options that change results."""
        if self.recorded:
            return {"mapping": self.mapping, "check_messages": self.check_messages}
        if self.model is None and not self.items_only:
            return {}
        return {
            "conditions": [condition.name for condition in self.conditions], "blocks": list(self._blocks()),
            "decoding": asdict(self.decoding), "explicit": self.explicit, "items_only": self.items_only,
        }  # fmt: skip

    def data_files(self) -> list[Mapping[str, object]]:
        """The recording that the run reads, for its record."""
        if not self.recorded:
            return []
        path = Path(self._path())
        return [{"name": path.name, "source": "file", "mapping": self.mapping}]

    def model_of(self, tokenizer: Tokenizer) -> tuple[str, str, Mapping[str, object]] | None:
        """Slug, identity and description of the model."""
        if self.model is None:
            return None
        if self.recorded:
            return self._recording(tokenizer)
        info = self.load(tokenizer).info
        return model_slug(info.spec), info.fingerprint, {**asdict(info), **asdict(self.decoding), "synthetic": info.toy}

    def _recording(self, tokenizer: Tokenizer) -> tuple[str, str, Mapping[str, object]]:
        replay = self._replay(tokenizer)
        parts = {"sha256": replay.sha256, "mapping": asdict(replay.mapping)}
        fingerprint = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
        models = sorted({dict(row.group.rest).get("model", "") for row in replay.rows} - {""})
        description = {
            "spec": self.model, "backend": "replay", "fingerprint": fingerprint, "toy": False, "synthetic": False,
            "settings": [["sha256", replay.sha256], ["mapping", self.mapping], ["models", ", ".join(models)]],
            "tokenizer": None,
        }  # fmt: skip
        return model_slug(str(self.model)), fingerprint, description

    def load(self, tokenizer: Tokenizer) -> CompletionModel:
        """The model, loaded once a process.

        Raises:
            TokbenchError: If it cannot be loaded.
        """
        assert self.model is not None, "a run with a model"
        return _model(self.model, self.model_options, tokenizer)

    def _path(self) -> str:
        return str(self.model).removeprefix(_REPLAY)

    def _replay(self, tokenizer: Tokenizer) -> Replay:
        return _replay(self._path(), self.mapping, tokenizer, self.check_messages)

    def check_references(self, tokenizer: Tokenizer, references: Sequence[Tokenizer]) -> None:
        """Load the model or the recording, and find out whether the model takes the prompts.

        Raises:
            TokbenchError: If something is missing or does not fit.
        """
        if self.recorded:
            if not self._replay(tokenizer).rows:
                raise RecordingError(self._path(), None, "the file has no rows: expected one for each reply")
        elif self.model is not None:
            model = self.load(tokenizer)
            prompt_form(model)
            if not self.conditions_for(model):
                raise OptionError("formats", "", f"a format that {self.model} can be asked in")

    def partners(self, tokenizer: Tokenizer, others: Sequence[Tokenizer]) -> list[Tokenizer]:
        """None: this suite compares no engines."""
        return []

    def notes(self) -> list[str]:
        """None: what could not be asked is in the samples."""
        return []

    # ------------------------------------------------------------------ parts

    def parts(
        self, tokenizer: Tokenizer, references: Sequence[Tokenizer] = (), partners: Sequence[Tokenizer] = ()
    ) -> list[Part]:
        """What a run consists of: the tokenizer, the answers by condition and block, then the metrics over all."""
        if self.items_only:
            return [Part("items", "items", self._items)]
        rows = partial(arithmetic_tokenizer_rows, tokenizer, profile=self.profile, seed=self.seed)
        parts = [Part("tokenizer", "how numbers are cut", alone(rows))]
        if self.model is None:
            return parts
        if self.recorded:
            parts.append(Part("answers/recorded", "recorded replies", partial(self._recorded, tokenizer)))
        else:
            for (name, block), items in self._grouped(self.load(tokenizer)).items():
                pieces = [items[start : start + _PIECE] for start in range(0, len(items), _PIECE)]
                parts += [
                    Part(
                        f"answers/{name}/{block}/{number}",
                        f"{name}, {block}",
                        partial(self._answers, tokenizer, piece),
                        len(piece),
                    )
                    for number, piece in enumerate(pieces)
                ]
        parts.append(Part("metrics", "metrics", partial(self._metrics, tokenizer)))
        return parts

    def _answers(self, tokenizer: Tokenizer, items: Sequence[Item], context: PartContext) -> PartResult:
        model = self.load(tokenizer)
        with kept_answers(model.info, context.out) as store:
            return PartResult(
                answer_samples(model, tokenizer, items, decoding=self.decoding, store=store, tick=context.tick)
            )

    def _recorded(self, tokenizer: Tokenizer, _context: PartContext) -> PartResult:
        replay = self._replay(tokenizer)
        return PartResult(replay_samples(replay), replay_counts(replay, tokenizer))

    def _items(self, context: PartContext) -> PartResult:
        context.attach("items", frame(self.all_cases()))
        context.attach("questions", question_frame(self._all_items(None)))
        return PartResult()

    def _metrics(self, tokenizer: Tokenizer, context: PartContext) -> PartResult:
        rows: Sequence[Row]
        parser: Parser = "parity"
        if self.recorded:
            replay = self._replay(tokenizer)
            rows, parser = replay.rows, replay.mapping.parser
        else:
            context.attach("items", frame(self.all_cases()))
            rows = rows_of(context.samples, self._all_items(self.load(tokenizer)), tokenizer)
        return PartResult([], run_metrics(rows, parser=parser, tokenizer=tokenizer))
