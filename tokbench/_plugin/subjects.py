"""Tokenizers under test, each with the short name that its items carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pytest

from tokbench.errors import MissingExtraError, TokbenchError, VocabularyUnavailable
from tokbench.tokenizers import Tokenizer, load_tokenizer

__all__ = ["NEEDS", "Subject", "describe", "load_subjects"]


@dataclass(frozen=True, slots=True)
class Subject:
    """One tokenizer under test.

    Attributes:
        slug: Its name in ids of items: ``hf-gpt2``.
        spec: The spec as given.
        tokenizer: The tokenizer, or None where it could not be loaded.
        broken: What its adapter raised; an item says so, and the others run.
        unavailable: What cannot be downloaded here; its items are skipped.
    """

    slug: str
    spec: str
    tokenizer: Tokenizer | None
    broken: str = ""
    unavailable: str = ""


def _slug_of(spec: str) -> str:
    """A name for a tokenizer that did not load: of its spec, without folders."""
    backend, _, locator = spec.partition("?")[0].partition(":")
    stem = re.split(r"[/\\]", locator)[-1].rpartition(".")[0] or re.split(r"[/\\]", locator)[-1]
    return re.sub(r"[^a-z0-9._]+", "-", f"{backend}-{stem}".lower()).strip("-")


def _load(spec: str, option: str) -> Subject:
    try:
        tokenizer = load_tokenizer(spec)
    except VocabularyUnavailable as error:
        return Subject(_slug_of(spec), spec, None, unavailable=str(error))
    except MissingExtraError as error:
        if error.__cause__ is None:  # a library of our own list: the message names the extra to install
            raise pytest.UsageError(f"{option} {spec}: {error}") from None
        return Subject(_slug_of(spec), spec, None, broken=str(error))
    except TokbenchError as error:
        raise pytest.UsageError(f"{option} {spec}: {error}") from None
    except Exception as error:  # noqa: BLE001, the adapter of a third party must not stop the others
        problem = f"{type(error).__module__}.{type(error).__qualname__}: {ascii(str(error))[1:300]}"
        return Subject(_slug_of(spec), spec, None, broken=f"loading {spec} raised {problem}")
    if not isinstance(tokenizer, Tokenizer):
        what = f"loading {spec} gave an object of {type(tokenizer).__name__}, expected a tokbench.Tokenizer"
        return Subject(_slug_of(spec), spec, None, broken=what)
    return Subject(tokenizer.info.slug, spec, tokenizer)


def load_subjects(specs: Sequence[str], option: str = "--tokbench-tokenizer") -> tuple[Subject, ...]:
    """Load the tokenizers; names that occur twice are numbered in the order of the specs.

    Raises:
        pytest.UsageError: If a spec is malformed, its file is missing or of another kind, or its library is not
            installed.
    """
    subjects: list[Subject] = []
    taken: dict[str, int] = {}
    for spec in specs:
        subject = _load(spec, option)
        taken[subject.slug] = count = taken.get(subject.slug, 0) + 1
        slug = subject.slug if count == 1 else f"{subject.slug}-{count}"
        subjects.append(Subject(slug, spec, subject.tokenizer, subject.broken, subject.unavailable))
    return tuple(subjects)


def describe(subject: Subject) -> dict[str, object]:
    """What identifies a tokenizer, as a JSON value without traces of this machine."""
    from tokbench.results import scrub

    tokenizer = subject.tokenizer
    if tokenizer is None:
        return {"problem": scrub(subject.broken or subject.unavailable)}
    info = tokenizer.info
    return {
        "spec": scrub_spec(subject.spec),
        "backend": info.backend,
        "name": info.name,
        "family": info.family,
        "fingerprint": info.fingerprint,
        "files": [{"name": file.name, "sha256": file.sha256, "bytes": file.size} for file in info.files],
        "libraries": dict(info.libraries),
        "capability": info.capability.summary,
        "n_ids": info.n_ids,
    }


def scrub_spec(spec: str) -> str:
    """A spec whose path is relative to the working directory, or only the name of its file."""
    from tokbench.results._scrub import Scrubber

    return Scrubber().argument(spec)


# ---------------------------------------------------------------------- needs of a test

_Need = Callable[[Tokenizer], str | None]


def _has(attribute: str, why: str) -> _Need:
    return lambda tokenizer: None if getattr(tokenizer.info.capability, attribute) else why


def _not_lossy(tokenizer: Tokenizer) -> str | None:
    capability = tokenizer.info.capability
    return f"lossy: {', '.join(sorted(capability.losses))}" if capability.round_trip == "lossy" else None


def _lossless(tokenizer: Tokenizer) -> str | None:
    capability = tokenizer.info.capability
    return None if capability.round_trip == "lossless" else f"the tokenizer is declared {capability.summary}"


def _spans(tokenizer: Tokenizer) -> str | None:
    return "the library reports no spans" if tokenizer.info.capability.spans == "none" else None


NEEDS: Mapping[str, _Need] = MappingProxyType(
    {
        "byte-complete": _has("byte_complete", "some bytes are no token"),
        "bytes-in": _has("bytes_in", "the library takes text only"),
        "char-spans": _has("char_spans", "the library reports no character spans"),
        "library-stream": _has("library_stream", "the library has no streaming decoder"),
        "lossless": _lossless,
        "not-lossy": _not_lossy,
        "parse": _has("parse", "the library parses no special tokens from text"),
        "piece": _has("piece", "the library exposes no merge of a single pre-token"),
        "preimage": _has("preimage", "the vocabulary does not keep enough to say which bytes to expect"),
        "pretokens": _has("pretokens", "the library exposes no pre-tokenization"),
        "ranks": _has("ranks", "ids are not merge ranks"),
        "spans": _spans,
    }
)
"""What a test may need of a tokenizer; each says why it is not there, or None."""
