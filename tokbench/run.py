"""Suite x tokenizers -> run directories; one process a tokenizer, and resumable after any end.

Each tokenizer has a run of its own. A run is a list of parts; a part that is finished is on the disk, so
that the same command continues where a killed one stopped.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tokbench.errors import MissingExtraError, TokbenchError, TokenizerFileMissing, VocabularyUnavailable
from tokbench.results import RunKey, RunWriter, check_output_directory, failures, provenance, status
from tokbench.suites.part import PartContext, Plan
from tokbench.tokenizers import Tokenizer, load_tokenizer

__all__ = ["Event", "RunOutcome", "RunRequest", "Skipped", "run"]

_POLL = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to run.

    Attributes:
        plan: The suite with its settings.
        tokenizers: Specs; each becomes a run.
        out: Directory of all runs.
        lenient: Whether a tokenizer that is not available here is skipped with its reason (the default
            list of a suite) instead of being an error (a user's own list).
        overwrite: Whether finished runs are measured again.
        jobs: Number of processes; 1 runs in this one.
        argv: The command line, for the record.
    """

    plan: Plan
    tokenizers: tuple[str, ...]
    out: Path
    lenient: bool = False
    overwrite: bool = False
    jobs: int = 1
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A tokenizer that was not run, and why."""

    spec: str
    reason: str


@dataclass(frozen=True, slots=True)
class Event:
    """What happens during a run, for a progress display.

    Attributes:
        kind: ``started`` (``done`` of ``total`` steps are there already), ``part`` (``text`` is being done),
            ``advanced`` (``done`` more steps are finished), ``finished``, or ``kept`` (it was finished before).
        spec: The tokenizer.
        text: Title of a part.
        done: Steps; a part is one step, or as many as it says.
        total: Steps in all.
    """

    kind: Literal["started", "part", "advanced", "finished", "kept"]
    spec: str
    text: str = ""
    done: int = 0
    total: int = 0


@dataclass(slots=True)
class RunOutcome:
    """What a run left behind.

    Attributes:
        directories: Directory of each run, in the order of the tokenizers.
        kept: Specs whose run was finished before.
        skipped: Tokenizers that are not available here.
    """

    directories: list[Path] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


Observer = Callable[[Event], None]


@cache
def _load(spec: str) -> Tokenizer:
    return load_tokenizer(spec)


def _available(request: RunRequest) -> tuple[list[str], list[Skipped]]:
    """Load every tokenizer once, so that bad input ends the command before any work."""
    specs, skipped = [], []
    for spec in dict.fromkeys(request.tokenizers):
        try:
            _load(spec)
        except (VocabularyUnavailable, MissingExtraError, TokenizerFileMissing) as error:
            if not request.lenient:
                raise
            skipped.append(Skipped(spec, str(error)))
        else:
            specs.append(spec)
    references = [_load(spec) for spec in request.plan.references]
    for spec in specs:
        request.plan.check_references(_load(spec), references)
    return specs, skipped


def run_key(plan: Plan, tokenizer: Tokenizer, others: Sequence[Tokenizer]) -> RunKey:
    """What makes two runs the same run; ``others`` are the engines that it is compared with."""
    model = plan.model_of(tokenizer)
    return RunKey(
        suite=plan.name,
        suite_version=plan.version,
        profile=plan.profile,
        seed=plan.seed,
        tokenizer=tokenizer.info.slug,
        fingerprint=tokenizer.info.fingerprint,
        model=None if model is None else model[0],
        model_identity=None if model is None else model[1],
        items=plan.items(),
        options={**plan.options(), "compared": sorted({other.info.fingerprint for other in others})},
    )


def describe(tokenizer: Tokenizer) -> dict[str, Any]:
    """The description of a tokenizer as it goes into a record."""
    info = tokenizer.info
    capability = asdict(info.capability)
    capability["prefix"] = info.capability.prefix.decode("ascii")
    return {
        **asdict(info),
        "slug": info.slug,
        "libraries": dict(info.libraries),
        "switches": dict(info.switches),
        "capability": {
            name: sorted(value) if isinstance(value, frozenset) else value for name, value in capability.items()
        }
        | {"summary": info.capability.summary},
    }


def _run_one(request: RunRequest, spec: str, specs: Sequence[str], observe: Observer) -> tuple[str, bool]:
    """Run one tokenizer; returns its directory and whether it was finished before."""
    plan = request.plan
    tokenizer = _load(spec)
    references = [_load(other) for other in plan.references]
    partners = plan.partners(tokenizer, [_load(other) for other in specs if other != spec])
    key = run_key(plan, tokenizer, [*references, *partners])
    directory = request.out / key.name
    again = request.overwrite
    if not again and status(directory) == "complete":
        again = plan.retries and failures(directory) > 0
        if not again:
            observe(Event("kept", spec))
            return str(directory), True
    model = plan.model_of(tokenizer)
    record = provenance(
        key=key,
        tokenizer=describe(tokenizer),
        model=None if model is None else model[2],
        data=plan.data_files(),
        argv=request.argv or None,
    )
    with RunWriter.open(request.out, key, record, overwrite=again) as writer:
        parts = plan.parts(tokenizer, references, partners)
        done = [part for part in parts if part.key in writer.done_keys]
        total = sum(part.steps for part in parts)
        observe(Event("started", spec, done=sum(part.steps for part in done), total=total))
        for part in parts:
            if part.key in writer.done_keys:
                continue
            observe(Event("part", spec, part.title))
            ticked = 0

            def tick(steps: int) -> None:
                nonlocal ticked
                ticked += steps
                observe(Event("advanced", spec, done=steps))

            context = PartContext(samples=writer.samples, out=request.out, tick=tick, attach=writer.attach)
            result = part.work(context)
            writer.append(part.key, result.samples, result.metrics)
            observe(Event("advanced", spec, done=part.steps - ticked))
        wrong = sum(row.outcome == "wrong" and row.metric == "law" for row in writer.samples)
        writer.finish({"exit_status": 1 if wrong else 0})
    observe(Event("finished", spec))
    return str(directory), False


# ---------------------------------------------------------------------- processes

_QUEUE: Any = None


def _watch_parent() -> None:
    """End this process when its parent is gone, so that a killed command leaves no run locked."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _start_worker(events: Any) -> None:  # noqa: ANN401, a queue of a multiprocessing context has no public type
    global _QUEUE  # noqa: PLW0603, the one thing that a worker process is given
    _QUEUE = events
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    threading.Thread(target=_watch_parent, daemon=True).start()


def _work(request: RunRequest, spec: str, specs: Sequence[str]) -> tuple[str, bool]:
    return _run_one(request, spec, specs, _QUEUE.put)


def _drain(events: Any, observe: Observer) -> None:  # noqa: ANN401, see _start_worker
    try:
        while True:
            observe(events.get_nowait())
    except queue.Empty:
        return


def _run_in_processes(request: RunRequest, specs: Sequence[str], observe: Observer) -> Mapping[str, tuple[str, bool]]:
    context = multiprocessing.get_context("spawn")  # engines that have threads must not be forked
    events = context.Queue()
    pool = ProcessPoolExecutor(
        max_workers=min(request.jobs, len(specs)), mp_context=context, initializer=_start_worker, initargs=(events,)
    )
    results: dict[str, tuple[str, bool]] = {}
    try:
        futures: dict[Future[tuple[str, bool]], str] = {
            pool.submit(_work, request, spec, specs): spec for spec in specs
        }
        waiting = set(futures)
        while waiting:
            try:
                observe(events.get(timeout=_POLL))
            except queue.Empty:
                pass
            else:
                continue
            for future in [future for future in waiting if future.done()]:
                waiting.discard(future)
                results[futures[future]] = future.result()
        _drain(events, observe)
    except BrokenProcessPool as error:
        raise TokbenchError(
            "a worker process died, perhaps killed by the system: what is finished is kept, the same command "
            "continues (with --jobs 1 the fault shows itself)"
        ) from error
    except BaseException:
        for process in list(pool._processes.values()):  # noqa: SLF001, there is no public way to end them at once
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        events.close()
    return results


def run(request: RunRequest, observe: Observer = lambda _: None) -> RunOutcome:
    """Run a suite over tokenizers.

    Args:
        request: What to run.
        observe: Called with every event, in this process.

    Raises:
        OutputDirectoryError: If the output directory must not be written into.
        TokbenchError: If a tokenizer of the user's own list cannot be loaded.
    """
    check_output_directory(request.out, request.plan.name)
    specs, skipped = _available(request)
    if request.jobs > 1 and len(specs) > 1:
        results = _run_in_processes(request, specs, observe)
    else:
        results = {spec: _run_one(request, spec, specs, observe) for spec in specs}
    outcome = RunOutcome(skipped=skipped)
    for spec in specs:
        directory, kept = results[spec]
        outcome.directories.append(Path(directory))
        if kept:
            outcome.kept.append(spec)
    return outcome
