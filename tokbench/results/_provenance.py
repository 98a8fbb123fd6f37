"""The record of a run: everything that is needed to read its numbers and to make them again."""

from __future__ import annotations

import dataclasses
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tokbench.results._scrub import Scrubber

if TYPE_CHECKING:
    from tokbench.results._store import RunKey

SCHEMA = 1
"""Version of the record. It grows when a reader of the old version would misread the new one; fields that are
only added leave it as it is."""

_PACKAGE = Path(__file__).resolve().parent.parent
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "TOKENIZERS_PARALLELISM",
)  # fmt: skip


def utc_now() -> str:
    """The time in UTC, to the second: ``2026-01-31T12:00:00Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain(value: object) -> object:
    """Any description as a JSON value: dataclasses become objects, sets sorted lists, bytes text.

    A dataclass with a property ``summary`` or ``slug`` keeps it. A sequence of pairs under the names
    ``libraries`` and ``switches`` becomes an object.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        extra = {name: getattr(value, name) for name in ("slug", "summary") if isinstance(
            getattr(type(value), name, None), property)}  # fmt: skip
        return plain({**fields, **extra})
    if isinstance(value, Mapping):
        return {str(name): _pairs(item) if name in {"libraries", "switches"} else plain(item)
                for name, item in value.items()}  # fmt: skip
    if isinstance(value, bytes):
        return value.decode("ascii", "backslashreplace")
    if isinstance(value, AbstractSet):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)


def _pairs(value: object) -> object:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {str(name): plain(item) for name, item in value}
    return plain(value)


# ---------------------------------------------------------------------- what is asked of the machine


def _git(*arguments: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            [program, "-C", str(_PACKAGE), *arguments],
            capture_output=True, check=True, timeout=20, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def revision() -> tuple[str | None, bool | None]:
    """Git revision of the code that runs and whether tracked files differ from it; None outside a checkout.

    An installed package may lie inside somebody else's checkout: only one that tracks this package counts.
    """
    if _git("ls-files", "--error-unmatch", "errors/__init__.py") is None:
        return None, None
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return _git("rev-parse", "HEAD"), None if changes is None else bool(changes)


@cache
def _providers() -> Mapping[str, list[str]]:
    """Distributions by the modules that they install; reading it takes seconds where many are installed."""
    return metadata.packages_distributions()


def packages() -> dict[str, str]:
    """Versions of all third-party distributions of which a module is imported now."""
    imported = {name.partition(".")[0] for name in sys.modules}
    providers = _providers()
    names = {dist for module in imported for dist in providers.get(module, ())} - {"tokbench"}
    return {name: metadata.version(name) for name in sorted(names)}


def _cpu() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith(("model name", "Model")):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def _environment() -> dict[str, object]:
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()).strip(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "packages": packages(),
        "pythonhashseed": os.environ.get("PYTHONHASHSEED"),
        "threads": {name: os.environ[name] for name in _THREADS if name in os.environ},
    }


def _command(argv: Sequence[str], scrubber: Scrubber) -> str:
    return shlex.join(["tokbench", *(scrubber.argument(argument) for argument in argv)])


def provenance(
    *,
    key: RunKey,
    tokenizer: object,
    data: Sequence[Mapping[str, object]] = (),
    model: object = None,
    prompts: Mapping[str, object] | None = None,
    argv: Sequence[str] | None = None,
    scrubber: Scrubber | None = None,
) -> dict[str, object]:
    """The record of a run that starts now, for :meth:`RunWriter.open`.

    Args:
        key: What identifies the run.
        tokenizer: Description of the tokenizer, a dataclass (``tokenizer.info``) or a mapping.
        data: One mapping per file that the run reads: ``name``, ``sha256``, ``licence``, ``source``
            (``owner/name@commit`` or ``project``), ``rows``.
        model: Description of the model, or None.
        prompts: SHA-256 of every prompt template and the ids of few-shot items.
        argv: Arguments after the name of the program; those of this process by default.
        scrubber: What removes secrets; one for this process by default.

    Returns:
        A JSON value. No secret, home directory, user name or machine name is in it, and of paths and URLs
        in the command only what :meth:`Scrubber.command` leaves.
    """
    scrubber = Scrubber() if scrubber is None else scrubber
    head, dirty = revision()
    record = {
        "run": {
            "id": key.name,
            "key": key.digest,
            "status": "running",
            "suite": key.suite,
            "suite_version": key.suite_version,
            "tokenizer": key.tokenizer,
            "model": key.model,
            "options": plain(key.options),
        },
        "tokbench": {
            "version": metadata.version("tokbench"),
            "revision": head,
            "dirty": dirty,
            "profile": key.profile,
            "seed": key.seed,
            "suites": {key.suite: key.suite_version},
            "items_sha256": dict(sorted(key.items.items())),
        },
        "tokenizer": _locator_scrubbed(plain(tokenizer), scrubber),
        "model": _locator_scrubbed(plain(model), scrubber),
        "data": plain(data),
        "prompts": plain(prompts or {}),
        "environment": _environment(),
        "time": {"start": utc_now(), "end": None},
        "outcome": None,
    }
    scrubbed = cast("dict[str, dict[str, object]]", scrubber.record(record))
    scrubbed["tokbench"]["command"] = _command(sys.argv[1:] if argv is None else argv, scrubber)
    return {"schema": SCHEMA, **scrubbed}


def _locator_scrubbed(described: object, scrubber: Scrubber) -> object:
    """The spec of a tokenizer or a model, or of a model's tokenizer, may be an absolute path: it is an argument."""
    if not isinstance(described, dict):
        return described
    specs = {name: scrubber.argument(described[name]) for name in ("spec", "tokenizer")
             if isinstance(described.get(name), str)}  # fmt: skip
    return {**described, **specs}
