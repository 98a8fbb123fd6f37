"""What a law is, and what its verdict says.

A law is one property of a tokenizer. It is a function ``law(tokenizer, data) -> None`` that raises
:class:`LawViolation`, with everything that a reader and a machine want to know about it: why it exists
(links to issues in real libraries), what it needs of a tokenizer, how its inputs are drawn, and which
planted bugs it has to catch (``tests/meta``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from hypothesis.strategies import SearchStrategy

from tokbench.errors import UnknownLawError
from tokbench.tokenizers import Tokenizer

__all__ = [
    "LAWS",
    "Counterexample",
    "Law",
    "LawViolation",
    "Need",
    "NotJudgedError",
    "Status",
    "Verdict",
    "law",
    "links",
    "select_laws",
]

Need = Callable[[Tokenizer], str | None]
"""Says why a law does not apply to a tokenizer, or None when it does."""

Status = Literal["holds", "fails", "not-applicable", "error"]


class LawViolation(AssertionError):
    """A tokenizer broke a law.

    Args:
        problem: One sentence on what was wrong.
        expected: What should have come out, or None.
        got: What came out, or None.

    Attributes:
        data: The input on which it happened; set by the runner.
    """

    def __init__(self, problem: str, *, expected: object = None, got: object = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected
        self.got = got
        self.data: object = None

    def __str__(self) -> str:
        text = self.problem
        if self.expected is not None or self.got is not None:
            text += f": expected {self.expected!a}, got {self.got!a}"
        return text


class NotJudgedError(Exception):
    """A law says nothing about this input: the text is of a declared exception, or the data are out of its domain.

    Not an error of the package: it never leaves the runner, which counts how many inputs were judged.
    """


_OWNERS: Mapping[str, str] = MappingProxyType(
    {
        "tiktoken": "openai",
        "tokenizers": "huggingface",
        "transformers": "huggingface",
        "trl": "huggingface",
        "sentencepiece": "google",
        "llama.cpp": "ggml-org",
        "vllm": "vllm-project",
        "sglang": "sgl-project",
        "rllm": "rllm-org",
        "SkyRL": "NovaSky-AI",
        "guidance": "guidance-ai",
        "ollama": "ollama",
        "lm-evaluation-harness": "EleutherAI",
        "Tokenicer": "ModelCloud",
        "ferrox": "antonellof",
        "exo": "exo-explore",
        "dynamo": "ai-dynamo",
        "tt-inference-server": "tenstorrent",
    }
)


def links(*names: str) -> tuple[str, ...]:
    """Full links for short names of issues and pull requests: ``tiktoken#60``, ``QwenLM/Qwen3#29``.

    Raises:
        KeyError: If a short name has no known owner.
    """
    found = []
    for name in names:
        repository, _, number = name.partition("#")
        if "/" not in repository:
            repository = f"{_OWNERS[repository]}/{repository}"
        found.append(f"https://github.com/{repository}/issues/{number}")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A minimal input on which a law fails.

    Attributes:
        data: The input itself (text, bytes, ids or a tuple of those).
        problem: What was wrong, in one sentence.
        ids: Ids of the input, when it is text that encodes.
        expected: What should have come out, where the law says it.
        got: What came out.
    """

    data: object
    problem: str
    ids: tuple[int, ...] | None = None
    expected: object = None
    got: object = None

    @property
    def paste(self) -> str:
        """A line for a hypothesis test, in pure ASCII."""
        return f"@example({self.data!a})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out when a law was held against a tokenizer.

    Attributes:
        law: The law's id.
        status: ``holds``, ``fails``, ``not-applicable`` (``reason`` says why) or ``error`` (it could not
            be tried; ``reason`` says why).
        reason: Why it does not apply or could not be tried; an observation when it holds.
        examples: Number of inputs on which it was judged.
        seconds: Time taken.
        counterexample: The minimal one, when the law fails.
    """

    law: str
    status: Status
    reason: str = ""
    examples: int = 0
    seconds: float = 0.0
    counterexample: Counterexample | None = None

    @property
    def example(self) -> object:
        """Data of the minimal counterexample, or None where the law does not fail."""
        return None if self.counterexample is None else self.counterexample.data


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A conformance law.

    Attributes:
        id: Short name: ``round-trip``.
        statement: The law in one sentence.
        reasons: Links to issues of real libraries that this law would have caught.
        function: ``function(tokenizer, data)``; raises :class:`LawViolation`, or :class:`NotJudgedError`
            for an input on which it says nothing. A returned string is an observation for the report.
        needs: Why the law does not apply to a tokenizer, or None.
        strategy: How to draw ``data`` for a tokenizer; None for a law that is checked once, with None.
        examples: Inputs that are always tried besides the drawn ones.
        mutants: Names of the planted bugs that it must catch.
        share: Share of the requested number of examples to draw, for laws whose examples cost more.
        observe: Gives an observation for the report, once, where the law holds (a rate, for example).
        group: ``core`` laws always run; ``growth`` and ``memory`` only where the profile or the user asks.
    """

    id: str
    statement: str
    reasons: tuple[str, ...]
    function: Callable[[Tokenizer, Any], str | None]
    needs: Need
    strategy: Callable[[Tokenizer], SearchStrategy[Any]] | None = None
    examples: tuple[object, ...] = ()
    mutants: tuple[str, ...] = ()
    share: float = 1.0
    observe: Callable[[Tokenizer], str | None] | None = None
    group: Literal["core", "growth", "memory"] = "core"


LAWS: dict[str, Law] = {}
"""All laws by id, in the order of their definition."""


def _always(_tokenizer: Tokenizer) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class law:  # noqa: N801, a decorator
    """Register a function as a law: ``@law("round-trip", "decode(encode(x)) == x ...", reasons=(...), ...)``."""

    id: str
    statement: str
    reasons: tuple[str, ...] = ()
    needs: Need = _always
    strategy: Callable[[Tokenizer], SearchStrategy[Any]] | None = None
    examples: tuple[object, ...] = ()
    mutants: tuple[str, ...] = ()
    share: float = 1.0
    observe: Callable[[Tokenizer], str | None] | None = None
    group: Literal["core", "growth", "memory"] = field(default="core")

    def __call__(self, function: Callable[[Tokenizer, Any], str | None]) -> Callable[[Tokenizer, Any], str | None]:
        """Register ``function`` and return it unchanged."""
        if self.id in LAWS:
            raise ValueError(f"the law {self.id!r} is defined twice")
        LAWS[self.id] = Law(
            id=self.id,
            statement=self.statement,
            reasons=self.reasons,
            function=function,
            needs=self.needs,
            strategy=self.strategy,
            examples=self.examples,
            mutants=self.mutants,
            share=self.share,
            observe=self.observe,
            group=self.group,
        )
        return function


def select_laws(names: Sequence[str] | None = None, *, groups: Sequence[str] = ("core",)) -> list[Law]:
    """Laws by name, or all laws of some groups.

    Args:
        names: Ids; one that begins with ``-`` leaves that law out. None or only exclusions: all of ``groups``.
        groups: Groups to take when no law is named.

    Raises:
        UnknownLawError: If an id does not exist.
    """
    names = list(names or ())
    for name in names:
        if name.removeprefix("-") not in LAWS:
            raise UnknownLawError(name.removeprefix("-"), tuple(LAWS))
    excluded = {name[1:] for name in names if name.startswith("-")}
    wanted = [name for name in names if not name.startswith("-")]
    if wanted:
        return [LAWS[name] for name in dict.fromkeys(wanted) if name not in excluded]
    return [entry for entry in LAWS.values() if entry.group in groups and entry.id not in excluded]
