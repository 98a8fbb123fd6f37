"""Recorded replies of any program, graded again: ``replay:FILE`` with a column mapping (specification, 4.10 and 6).

Values are graded from the operands, never from a stored answer. The order of the rows changes nothing but the order of
what comes out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tokbench.errors import OptionError, RecordingError
from tokbench.models._replay_files import read_bytes, read_table
from tokbench.results import Metric
from tokbench.suites.arithmetic._recorded_fields import FieldReader
from tokbench.suites.arithmetic.answers import replay_samples
from tokbench.suites.arithmetic.cuts import cuts_in
from tokbench.suites.arithmetic.formats import NumberFormat, grouped, parse_format
from tokbench.suites.arithmetic.grading import Segmenter, grade_reply
from tokbench.suites.arithmetic.logprobs import LogprobError, ReplyTokens, read_logprobs
from tokbench.suites.arithmetic.mapping import ColumnMapping, Mapped, find_mapping
from tokbench.suites.arithmetic.metrics import run_metrics
from tokbench.suites.arithmetic.parsing import repeated_text
from tokbench.suites.arithmetic.problem import Problem
from tokbench.suites.arithmetic.rows import Group, Row, named_groups
from tokbench.suites.arithmetic.token_effects import answer_tokens
from tokbench.suites.part import PartResult

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = ["Replay", "load_replay", "replay_counts", "replay_result"]

Check = Literal["error", "count"]


@dataclass(frozen=True, slots=True)
class Replay:
    """A file of recorded replies, graded.

    Attributes:
        path: The file.
        sha256: Hash of its content.
        mapping: How it was read.
        rows: Its rows, graded, in their order.
        prompts_differ: Rows whose recorded question is not the one that numbers and format make.
        logprobs_unreadable: Rows whose log-probabilities cannot be read or do not join to the reply.
        shots_differ: Rows whose list of shots cannot be read or has another number of them than the row says.
        numbers_differ: Problems that do not have the same numbers in all rows: their rows are never paired.
    """

    path: str
    sha256: str
    mapping: ColumnMapping
    rows: tuple[Row, ...]
    prompts_differ: int = 0
    logprobs_unreadable: int = 0
    shots_differ: int = 0
    numbers_differ: int = 0


class _Loader:
    """Grades the rows of one file."""

    def __init__(self, path: str, mapped: Mapped, segmenter: Segmenter, check: Check) -> None:
        self._path = path
        self._mapped = mapped
        self._read = FieldReader(path, mapped)
        self._segment = segmenter
        self._check = check
        self._plain = parse_format("nosep")
        self.prompts_differ = self.logprobs_unreadable = self.shots_differ = 0

    def _group(self, number: int, values: Mapping[str, object], asked: NumberFormat, repeat: NumberFormat | None,
               answer: NumberFormat) -> Group:  # fmt: skip
        fields = self._mapped.mapping.group_by
        given = self._mapped.given
        formats = None
        if "in_format" in fields and "out_format" in fields:
            shown = asked
            if "spaces" not in fields and "trailing" not in fields:
                shown = replace(asked, name=asked.name.partition("+")[0], spaces=0, trailing=0)
            formats = (shown, repeat, answer)
        special = {"in_format", "out_format", "repeat_format"}
        special |= {"spaces", "trailing"} if formats is not None else set()
        rest = [
            (name, self._read.shown(number, values, name)) for name in fields
            if name not in special and name in given
        ]  # fmt: skip
        if formats is None:
            rest += [(name, fmt.name) for name, fmt in (("in_format", asked), ("out_format", answer)) if name in fields]
        return Group(formats, tuple(rest))

    def row(self, number: int, values: Mapping[str, object]) -> Row:
        read = self._read
        problem = read.problem(number, values)
        base = read.format(number, values, "in_format", self._plain)
        asked = read.spaced(number, values, base)
        answer = read.format(number, values, "out_format", base)
        repeat = read.format(number, values, "repeat_format", self._plain)
        again = repeat if read.text(number, values, "repeat_format") else None
        reply = read.text(number, values, "response")
        finish, limit = read.count(number, values, "finish_tokens"), read.count(number, values, "reply_limit")
        graded = grade_reply(
            problem, reply, self._segment(problem, asked, answer), out_fmt=answer, repeat_fmt=again,
            truncated=None if finish is None or limit is None else finish >= limit,
        )  # fmt: skip
        tokens, why = self._tokens(values, reply)
        key = read.text(number, values, "problem_key")
        prompt = self._prompt(number, values, problem, asked)
        copied = "" if again is None else f"{repeated_text(str(problem.a), str(problem.b), problem.op, again)}="
        return Row(
            number=number,
            group=self._group(number, values, asked, again, answer),
            key=problem.text if key is None else key,
            sample=read.text(number, values, "sample") or "0",
            graded=graded,
            reply=reply,
            expected=copied + grouped(str(problem.answer), answer),
            tokens=tokens,
            tokens_problem=why,
            shots=self._shots(number, values),
            shots_flipped=read.truth(number, values, "shots_flipped"),
            prompt_sha256=None if prompt is None else hashlib.sha256(prompt.encode(errors="surrogatepass")).hexdigest(),
            finish_tokens=finish,
        )

    def _prompt(
        self, number: int, values: Mapping[str, object], problem: Problem, asked: NumberFormat
    ) -> str | None:  # fmt: skip
        """The recorded question, which has to be the one that numbers and format make."""
        recorded = self._read.text(number, values, "prompt_text")
        if recorded is None:
            return None
        made = f"{repeated_text(str(problem.a), str(problem.b), problem.op, asked)}={' ' * asked.trailing}"
        if recorded != made:
            if self._check == "error":
                expected = f"{made!r}, which numbers and format make (check_messages='count' only counts such rows)"
                raise self._read.refuse(number, "prompt_text", recorded, expected)
            self.prompts_differ += 1
        return recorded

    def _shots(self, number: int, values: Mapping[str, object]) -> tuple[Problem, ...] | None:
        found = self._read.shots(number, values)
        written, said = self._read.text(number, values, "shots"), self._read.count(number, values, "n_shots")
        if written and (found is None or (said is not None and said != len(found))):
            self.shots_differ += 1
        return found

    def _tokens(self, values: Mapping[str, object], reply: str | None) -> tuple[ReplyTokens | None, str]:
        source = self._mapped.columns.get("logprobs")
        if source is None or reply is None:
            return None, ""
        try:
            return read_logprobs(values.get(source[0]), reply), ""
        except LogprobError as error:
            self.logprobs_unreadable += 1
            return None, str(error)


def _unique(path: str, rows: list[Row]) -> None:
    """Refuse two replies to one question of one condition, which would be counted twice."""
    seen: dict[tuple[Group, str, str], int] = {}
    for row in rows:
        before = seen.setdefault((row.group, row.key, row.sample), row.number)
        if before != row.number:
            raise RecordingError(
                path, row.number,
                f"problem {row.key!r}, sample {row.sample!r} has been answered in row {before} under one condition "
                f"({row.group.name}): remove one, or add to group_by what tells them apart",
            )  # fmt: skip


def _one_model(path: str, rows: list[Row], models: list[str | None]) -> None:
    first: dict[Group, tuple[str | None, int]] = {}
    for row, model in zip(rows, models, strict=True):
        known, number = first.setdefault(row.group, (model, row.number))
        if known != model:
            raise RecordingError(
                path, row.number,
                f"model {model!r}, but row {number} of the same condition ({row.group.name}) is of {known!r}: "
                "add model to group_by",
            )  # fmt: skip


def _numbers_differ(rows: list[Row]) -> int:
    found: dict[str, set[frozenset[tuple[int, int]]]] = {}
    for row in rows:
        pair = row.problem
        found.setdefault(row.key, set()).add(frozenset({(pair.a, pair.b), (pair.b, pair.a)}))
    return sum(len(numbers) > 1 for numbers in found.values())


def load_replay(
    path: Path | str,
    mapping: ColumnMapping | str | Path = "singh2024",
    tokenizer: Tokenizer | None = None,
    *,
    check_messages: Check = "error",
) -> Replay:
    """Read and grade a file of recorded replies.

    Args:
        path: A ``.csv``, ``.jsonl`` (``.ndjson``) or ``.parquet`` file.
        mapping: Name of a mapping that comes with the suite (``singh2024``), or path of a mapping file.
        tokenizer: Says where numbers are cut; without it only groups of formats are known as chunks.
        check_messages: Whether a recorded question that numbers and format do not make is refused or only counted.

    Raises:
        RecordingError: If the file cannot be used: a column is missing, an operand is no whole number, a format is
            not known, a question differs, two rows answer one question, or one condition has several models.
        UnknownNameError: If there is no such mapping.
        OptionError: If ``check_messages`` is something else.
    """
    if check_messages not in {"error", "count"}:
        raise OptionError("check_messages", check_messages, "error or count")
    path = Path(path).expanduser()
    found = find_mapping(mapping)
    data = read_bytes(path)
    table = read_table(path, data)
    mapped = found.choose(table)
    loader = _Loader(str(path), mapped, Segmenter(tokenizer), check_messages)
    rows = [loader.row(number, values) for number, values in table.rows]
    named = named_groups(list(dict.fromkeys(row.group for row in rows)))
    rows = [replace(row, group=named[row.group]) for row in rows]
    if "model" in mapped.given:
        models = [mapped.text("model", values, number, str(path)) for number, values in table.rows]
        _one_model(str(path), rows, models)
    _unique(str(path), rows)
    return Replay(
        str(path),
        hashlib.sha256(data).hexdigest(),
        found,
        tuple(rows),
        loader.prompts_differ,
        loader.logprobs_unreadable,
        loader.shots_differ,
        _numbers_differ(rows),
    )


# ---------------------------------------------------------------------- as part of a run


def _cuts_differ(replay: Replay, tokenizer: Tokenizer) -> tuple[int, int]:
    """Replies that the tokenizer cuts otherwise than the model did, and replies of which both are known."""
    differ = known = 0
    for row in replay.rows:
        run = row.graded.reading.run
        if run is None or row.reply is None or not (tokens := answer_tokens(row)):
            continue
        cut = cuts_in(tokenizer, row.reply, [run.places])[0]
        if cut.chunks:
            known += 1
            differ += cut.chunks != tuple(sum(mark.isdecimal() for mark in token.token) for token in tokens)
    return differ, known


def replay_counts(replay: Replay, tokenizer: Tokenizer | None) -> list[Metric]:
    """What a person should know of the file beside its replies: rows that do not fit together, each kind counted."""
    n = len(replay.rows)
    fused = sum(row.graded.segmentation.fused for row in replay.rows)
    differ, known = (0, 0) if tokenizer is None else _cuts_differ(replay, tokenizer)
    counts = (
        ("arithmetic.replay.rows", n, n),
        ("arithmetic.replay.prompts_differ", replay.prompts_differ, n),
        ("arithmetic.replay.logprobs_unreadable", replay.logprobs_unreadable, n),
        ("arithmetic.replay.shots_differ", replay.shots_differ, n),
        ("arithmetic.replay.numbers_differ", replay.numbers_differ, len({row.key for row in replay.rows})),
        ("arithmetic.replay.cuts_fused", fused, n),
        ("arithmetic.replay.cuts_differ", differ, known),
    )
    return [
        Metric(metric=name, value=k, k=k, n=total, unit="problems" if name.endswith("numbers_differ") else "rows")
        for name, k, total in counts
    ]  # fmt: skip


def replay_result(
    path: Path | str,
    mapping: ColumnMapping | str | Path,
    tokenizer: Tokenizer | None,
    *,
    check_messages: Check = "error",
) -> PartResult:
    """The samples and metrics of a file of recorded replies.

    Args:
        path: The file.
        mapping: As for :func:`load_replay`.
        tokenizer: Says where numbers are cut and how frequent tokens are.
        check_messages: As for :func:`load_replay`.

    Raises:
        RecordingError: If the file cannot be used, or has no rows.
        UnknownNameError: If there is no such mapping.
    """
    replay = load_replay(path, mapping, tokenizer, check_messages=check_messages)
    if not replay.rows:
        raise RecordingError(replay.path, None, "the file has no rows: expected one for each reply")
    metrics = run_metrics(replay.rows, parser=replay.mapping.parser, tokenizer=tokenizer)
    return PartResult(replay_samples(replay), [*replay_counts(replay, tokenizer), *metrics])
