"""Errors of models that answer, of recorded answers, and of the questions of a suite."""

from __future__ import annotations

from tokbench.errors._general import TokbenchError, _close_matches

__all__ = [
    "AuthenticationError",
    "ItemError",
    "NoChatTemplateError",
    "PromptFormError",
    "RecordingError",
    "ServerError",
    "UnknownNameError",
    "WordListError",
]


class AuthenticationError(TokbenchError, PermissionError):
    """A server that does not accept the key, or a key that is not there."""

    def __init__(self, server: str, problem: str, variable: str) -> None:
        super().__init__(server, problem, variable)
        self.server = server
        self.problem = problem
        self.variable = variable

    def __str__(self) -> str:
        return f"{self.server}: {self.problem}; the key is read from the environment variable {self.variable} only"


class ItemError(TokbenchError, ValueError):
    """An item that cannot be asked or graded."""

    def __init__(self, item_id: str, problem: str) -> None:
        super().__init__(item_id, problem)
        self.item_id = item_id
        self.problem = problem

    def __str__(self) -> str:
        return f"item {self.item_id}: {self.problem}"


class NoChatTemplateError(TokbenchError, ValueError):
    """Messages for a model that has no chat template."""

    def __init__(self, model: str, remedy: str) -> None:
        super().__init__(model, remedy)
        self.model = model
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.model} has no chat template, so it takes no messages: {self.remedy}"


class PromptFormError(TokbenchError, TypeError):
    """A prompt in a form that the model does not take."""

    def __init__(self, model: str, form: str, takes: tuple[str, ...]) -> None:
        super().__init__(model, form, takes)
        self.model = model
        self.form = form
        self.takes = takes

    def __str__(self) -> str:
        return f"{self.model} takes no prompt of form {self.form!r}: it takes {', '.join(self.takes)}"


class RecordingError(TokbenchError, ValueError):
    """A file of recorded answers, or of items, that cannot be used.

    Attributes:
        row: 1-based row of data (the header not counted), or None where it is not about one row.
    """

    def __init__(self, path: str, row: int | None, problem: str) -> None:
        super().__init__(path, row, problem)
        self.path = path
        self.row = row
        self.problem = problem

    def __str__(self) -> str:
        place = self.path if self.row is None else f"{self.path}, row {self.row}"
        return f"{place}: {self.problem}"


class ServerError(TokbenchError, ConnectionError):
    """A server that cannot be used at all."""

    def __init__(self, server: str, problem: str, remedy: str) -> None:
        super().__init__(server, problem, remedy)
        self.server = server
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.server}: {self.problem}; {self.remedy}"


class UnknownNameError(TokbenchError, LookupError):
    """A name that is not among those that exist.

    Attributes:
        kind: What it should be a name of: ``task``, ``prompt``, ``profile``, ``scripted responder``.
    """

    def __init__(self, kind: str, name: str, known: tuple[str, ...]) -> None:
        super().__init__(kind, name, known)
        self.kind = kind
        self.name = name
        self.known = known

    def __str__(self) -> str:
        expected = f"expected one of {', '.join(self.known)}"
        return f"unknown {self.kind} {self.name!r}: {expected}{_close_matches(self.name, self.known)}"


class WordListError(TokbenchError, ValueError):
    """A word list that cannot be used.

    Attributes:
        line: 1-based line, or None where it is not about one line.
    """

    def __init__(self, source: str, line: int | None, problem: str) -> None:
        super().__init__(source, line, problem)
        self.source = source
        self.line = line
        self.problem = problem

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}, line {self.line}"
        return f"word list {place}: {self.problem}"
