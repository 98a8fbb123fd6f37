"""Errors of specs, tokenizers, suites, results and input files."""

from __future__ import annotations

__all__ = [
    "ControlTokenError",
    "DuplicateRunError",
    "MetricInputError",
    "MissingExtraError",
    "OptionError",
    "OutputDirectoryError",
    "RecordError",
    "SpecError",
    "SpecialTextError",
    "SuiteDefinitionError",
    "TextInputError",
    "TokbenchError",
    "TokenizerFileError",
    "TokenizerFileMissing",
    "UnknownBackendError",
    "UnknownIdError",
    "UnknownLawError",
    "UnmappableTokenError",
    "UnpairedSurrogateError",
    "UnsupportedError",
    "VectorFormatError",
    "VocabularyMismatchError",
    "VocabularyUnavailable",
]


class TokbenchError(Exception):
    """Base of all errors of this package.

    Attributes:
        exit_code: Exit status of the command line when this error ends it (2: usage or input).
    """

    exit_code = 2


def _close_matches(word: str, known: tuple[str, ...]) -> str:
    import difflib

    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""


class SpecError(TokbenchError, ValueError):
    """A tokenizer spec that does not have the form ``backend:locator``.

    Attributes:
        spec: The spec as given.
        problem: What is wrong with it and how to write it.
    """

    def __init__(self, spec: str, problem: str) -> None:
        super().__init__(spec, problem)
        self.spec = spec
        self.problem = problem

    def __str__(self) -> str:
        return f"tokenizer spec {self.spec!r}: {self.problem}"


class UnknownBackendError(TokbenchError, ValueError):
    """A spec that names a backend which is neither built in nor registered by a plugin."""

    def __init__(self, backend: str, known: tuple[str, ...]) -> None:
        super().__init__(backend, known)
        self.backend = backend
        self.known = known

    def __str__(self) -> str:
        return (
            f"unknown tokenizer backend {self.backend!r}: expected one of {', '.join(self.known)}"
            f"{_close_matches(self.backend, self.known)}"
        )


class OptionError(TokbenchError, ValueError):
    """An option with a name or value that its receiver does not take."""

    def __init__(self, option: str, value: object, expected: str) -> None:
        super().__init__(option, value, expected)
        self.option = option
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        return f"option {self.option}={self.value!r}: expected {self.expected}"


class MissingExtraError(TokbenchError, ImportError):
    """A backend whose library is not installed."""

    def __init__(self, library: str, extra: str, why: str = "") -> None:
        super().__init__(library, extra, why)
        self.library = library
        self.extra = extra
        self.why = why

    def __str__(self) -> str:
        detail = f" ({self.why})" if self.why else ""
        return f"{self.library} is not installed{detail}: pip install 'tokbench[{self.extra}]'"


class TokenizerFileMissing(TokbenchError, FileNotFoundError):
    """A tokenizer file that does not exist."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__((path, expected))
        self.path = path
        self.expected = expected

    def __reduce__(self) -> tuple[type[TokenizerFileMissing], tuple[str, str]]:
        return type(self), (self.path, self.expected)

    def __str__(self) -> str:
        return f"no such file: {self.path}: expected {self.expected}"


class TokenizerFileError(TokbenchError, ValueError):
    """A file that is not the tokenizer that the backend expects."""

    def __init__(self, path: str, expected: str, found: str) -> None:
        super().__init__(path, expected, found)
        self.path = path
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, found {self.found}"


class VocabularyUnavailable(TokbenchError, LookupError):
    """A vocabulary that would have to be downloaded and cannot be. Tests skip on it."""

    def __init__(self, name: str, wanted: str, remedy: str) -> None:
        super().__init__(name, wanted, remedy)
        self.name = name
        self.wanted = wanted
        self.remedy = remedy

    def __str__(self) -> str:
        return f"vocabulary {self.name!r} is not available: {self.wanted}; {self.remedy}"


class UnpairedSurrogateError(TokbenchError, ValueError):
    """Text that holds a surrogate code point and so has no UTF-8 form.

    Attributes:
        index: Index of the first surrogate in code points.
        codepoint: The surrogate.
    """

    def __init__(self, index: int, codepoint: int) -> None:
        super().__init__(index, codepoint)
        self.index = index
        self.codepoint = codepoint

    def __str__(self) -> str:
        return (
            f"text holds the surrogate U+{self.codepoint:04X} at index {self.index} and has no UTF-8 "
            "form: remove it, or load the tokenizer with surrogates=replace"
        )


class TextInputError(TokbenchError, ValueError):
    """Text from a file or the command line that is not UTF-8."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(source, problem)
        self.source = source
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}"


class SpecialTextError(TokbenchError, ValueError):
    """Text that spells a special token under ``specials="raise"``."""

    def __init__(self, special: str, index: int) -> None:
        super().__init__(special, index)
        self.special = special
        self.index = index

    def __str__(self) -> str:
        return (
            f"text spells the special token {self.special!r} at index {self.index}: "
            'use specials="text" to encode it as text or specials="parse" to make it a special token'
        )


class UnsupportedError(TokbenchError, NotImplementedError):
    """An operation that this tokenizer does not have."""

    def __init__(self, operation: str, spec: str, reason: str) -> None:
        super().__init__(operation, spec, reason)
        self.operation = operation
        self.spec = spec
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.spec} does not support {self.operation}: {self.reason}"


class UnknownIdError(TokbenchError, LookupError):
    """An id that the tokenizer does not have."""

    def __init__(self, token_id: object, spec: str) -> None:
        super().__init__(token_id, spec)
        self.token_id = token_id
        self.spec = spec

    def __str__(self) -> str:
        return f"{self.spec} has no token id {self.token_id!r}: ids have gaps, use ids() for those that exist"


class ControlTokenError(TokbenchError, ValueError):
    """An id that stands for no bytes: control, special, unknown or unused."""

    def __init__(self, token_id: int, kind: str, spec: str) -> None:
        super().__init__(token_id, kind, spec)
        self.token_id = token_id
        self.kind = kind
        self.spec = spec

    def __str__(self) -> str:
        return f"{self.spec}: token id {self.token_id} is of kind {self.kind!r} and stands for no bytes"


class UnmappableTokenError(TokbenchError, ValueError):
    """A vocabulary entry to which the declared decoding gives no bytes."""

    def __init__(self, token_id: int, piece: str, reason: str) -> None:
        super().__init__(token_id, piece, reason)
        self.token_id = token_id
        self.piece = piece
        self.reason = reason

    def __str__(self) -> str:
        return f"token id {self.token_id} ({self.piece!r}) has no bytes: {self.reason}"


class VocabularyMismatchError(TokbenchError, ValueError):
    """Two tokenizers that were compared id by id and do not have the same vocabulary."""

    def __init__(self, first: str, second: str, token_id: int, first_bytes: object, second_bytes: object) -> None:
        super().__init__(first, second, token_id, first_bytes, second_bytes)
        self.first = first
        self.second = second
        self.token_id = token_id
        self.first_bytes = first_bytes
        self.second_bytes = second_bytes

    def __str__(self) -> str:
        return (
            f"{self.first} and {self.second} do not have the same vocabulary: id {self.token_id} is "
            f"{self.first_bytes!r} in the first and {self.second_bytes!r} in the second; choose another "
            "reference, or compare by bytes (--by-bytes)"
        )


class VectorFormatError(TokbenchError, ValueError):
    """A file of expected ids that does not fit its input file."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class MetricInputError(TokbenchError, ValueError):
    """A corpus on which a metric cannot be computed."""

    def __init__(self, source: str, line: int | None, problem: str) -> None:
        super().__init__(source, line, problem)
        self.source = source
        self.line = line
        self.problem = problem

    def __str__(self) -> str:
        where = self.source if self.line is None else f"{self.source}, line {self.line}"
        return f"{where}: {self.problem}"


class UnknownLawError(TokbenchError, ValueError):
    """A law id that does not exist."""

    def __init__(self, law: str, known: tuple[str, ...]) -> None:
        super().__init__(law, known)
        self.law = law
        self.known = known

    def __str__(self) -> str:
        close = _close_matches(self.law, self.known)
        return f"unknown law {self.law!r}{close or ': expected one of ' + ', '.join(self.known)}"


class SuiteDefinitionError(TokbenchError, ValueError):
    """A suite definition file that is missing, malformed or inconsistent."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class RecordError(TokbenchError, ValueError):
    """A result record that cannot be read: missing, truncated, or of a newer schema."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class OutputDirectoryError(TokbenchError, ValueError):
    """An output directory in which this run must not write."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"output directory {self.path}: {self.problem}"


class DuplicateRunError(TokbenchError, ValueError):
    """Two directories that hold the same run with different numbers."""

    def __init__(self, first: str, second: str, field: str) -> None:
        super().__init__(first, second, field)
        self.first = first
        self.second = second
        self.field = field

    def __str__(self) -> str:
        return (
            f"{self.first} and {self.second} hold the same run with different numbers (first difference: "
            f"{self.field}): remove one of them, or run it again"
        )
