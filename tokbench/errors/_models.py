"""Errors of models over tokens and of the byte-token core."""

from __future__ import annotations

from tokbench.errors._general import TokbenchError

__all__ = [
    "CertificateError",
    "ContextLengthError",
    "DeadEndError",
    "FullDistributionRequired",
    "InfillTokenError",
    "LatticeTooLarge",
    "LossyTextError",
    "ModelContractError",
    "ModelFileError",
    "NotASegmentationError",
    "SpanError",
    "StartContextError",
    "UncoverableTextError",
    "UnknownModelError",
    "UnsupportedReadingError",
    "VocabularyWidthError",
]


class UnknownModelError(TokbenchError, ValueError):
    """A model spec that names no backend, or no model of it."""

    def __init__(self, spec: str, expected: str) -> None:
        super().__init__(spec, expected)
        self.spec = spec
        self.expected = expected

    def __str__(self) -> str:
        return f"model spec {self.spec!r}: expected {self.expected}"


class ModelFileError(TokbenchError, ValueError):
    """Files that are not the model that the backend expects."""

    def __init__(self, path: str, expected: str, found: str) -> None:
        super().__init__(path, expected, found)
        self.path = path
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, found {self.found}"


class VocabularyWidthError(TokbenchError, ValueError):
    """A model whose output has no place for some id of the tokenizer."""

    def __init__(self, width: int, largest: int, what: str) -> None:
        super().__init__(width, largest, what)
        self.width = width
        self.largest = largest
        self.what = what

    def __str__(self) -> str:
        return (
            f"the model gives {self.width} probabilities a position, but {self.what} is {self.largest}: "
            "model and tokenizer do not belong together"
        )


class ModelContractError(TokbenchError, ValueError):
    """A row of log-probabilities that is no distribution.

    Attributes:
        context: Token ids after which the model gave it (the start context left out).
        problem: What is wrong with it.
    """

    def __init__(self, context: tuple[int, ...], problem: str) -> None:
        super().__init__(context, problem)
        self.context = context
        self.problem = problem

    def __str__(self) -> str:
        tail = ", ".join(map(str, self.context[-8:]))
        more = f"the last of {len(self.context)}: " if len(self.context) > 8 else ""  # noqa: PLR2004, room on a line
        return f"the model's log-probabilities after ids [{more}{tail}] are no distribution: {self.problem}"


class FullDistributionRequired(TokbenchError, ValueError):
    """A model that gives only its most likely tokens."""

    def __init__(self, model: str, found: str) -> None:
        super().__init__(model, found)
        self.model = model
        self.found = found

    def __str__(self) -> str:
        return f"{self.model} gives {self.found}: byte probabilities need the probability of every token"


class StartContextError(TokbenchError, ValueError):
    """A model that says nothing of the first token unless it is told what stands before it."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model

    def __str__(self) -> str:
        return (
            f"{self.model} has no start token, so it gives no probability to a first token: "
            "name one by start= (token ids or text; --start on the command line)"
        )


class ContextLengthError(TokbenchError, ValueError):
    """A text that needs more positions than the model has."""

    def __init__(self, needed: int, limit: int) -> None:
        super().__init__(needed, limit)
        self.needed = needed
        self.limit = limit

    def __str__(self) -> str:
        return (
            f"the text needs {self.needed} positions and the model has {self.limit}: "
            "shorten it, or score it in windows (window=, on the command line --window)"
        )


class UnsupportedReadingError(TokbenchError, ValueError):
    """A reading, or a way of reading, that does not exist here."""

    def __init__(self, reading: str, problem: str, remedy: str) -> None:
        super().__init__(reading, problem, remedy)
        self.reading = reading
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"reading {self.reading!r}: {self.problem}; {self.remedy}"


class UncoverableTextError(TokbenchError, ValueError):
    """Text with a byte that no token can spell.

    Attributes:
        offset: First such byte.
    """

    def __init__(self, offset: int, byte: int | None, spec: str) -> None:
        super().__init__(offset, byte, spec)
        self.offset = offset
        self.byte = byte
        self.spec = spec

    def __str__(self) -> str:
        what = "the end" if self.byte is None else f"byte 0x{self.byte:02X}"
        return f"no sequence of tokens of {self.spec} spells the text up to {what} at offset {self.offset}"


class LossyTextError(TokbenchError, ValueError):
    """Text that the tokenizer changes, so that its ids are those of another text.

    Attributes:
        offset: First byte that is changed.
        kind: What happens to it.
    """

    def __init__(self, offset: int, kind: str, spec: str) -> None:
        super().__init__(offset, kind, spec)
        self.offset = offset
        self.kind = kind
        self.spec = spec

    def __str__(self) -> str:
        return (
            f"{self.spec} does not keep the text at byte {self.offset} ({self.kind}): "
            "its probability would be that of another text"
        )


class LatticeTooLarge(TokbenchError, ValueError):
    """An enumeration of more segmentations than anyone wants.

    Attributes:
        count: How many there are, exactly.
    """

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(count, limit)
        self.count = count
        self.limit = limit

    def __str__(self) -> str:
        bits = self.count.bit_length()  # Python refuses to write an integer of more than 4300 digits
        count = str(self.count) if bits <= 128 else f"about 2^{bits - 1}"  # noqa: PLR2004, a number that people read
        return f"there are {count} segmentations, more than {self.limit}: give a limit, or draw some"


class SpanError(TokbenchError, ValueError):
    """Spans that do not tile the text.

    Attributes:
        offset: First byte at which they fail to.
    """

    def __init__(self, offset: int, problem: str) -> None:
        super().__init__(offset, problem)
        self.offset = offset
        self.problem = problem

    def __str__(self) -> str:
        return f"the spans do not tile the text at byte {self.offset}: {self.problem}"


class NotASegmentationError(TokbenchError, ValueError):
    """Token ids that do not spell the text.

    Attributes:
        offset: First byte at which they depart from it.
    """

    def __init__(self, offset: int, problem: str) -> None:
        super().__init__(offset, problem)
        self.offset = offset
        self.problem = problem

    def __str__(self) -> str:
        return f"the ids do not spell the text from byte {self.offset} on: {self.problem}"


class DeadEndError(TokbenchError, RuntimeError):
    """No next byte is allowed.

    Attributes:
        data: The bytes so far.
        masks: What forbade the rest.
    """

    def __init__(self, data: bytes, masks: str) -> None:
        super().__init__(data, masks)
        self.data = data
        self.masks = masks

    def __str__(self) -> str:
        return f"nothing is allowed after {self.data[-40:]!r} ({self.masks})"


class CertificateError(TokbenchError, RuntimeError):
    """A value whose interval is wider than was asked for, at the end of the budget.

    Attributes:
        reached: The bound that was reached.
        wanted: The bound that was asked for.
    """

    exit_code = 3

    def __init__(self, reached: float, wanted: float, positions: int) -> None:
        super().__init__(reached, wanted, positions)
        self.reached = reached
        self.wanted = wanted
        self.positions = positions

    def __str__(self) -> str:
        return (
            f"after {self.positions} model positions the bound is {self.reached:.3g} and not {self.wanted:.3g}: "
            "raise the budget (max_positions, positions_per_byte) or eps"
        )


class InfillTokenError(TokbenchError, LookupError):
    """A fill-in-the-middle layout whose special token the tokenizer does not have."""

    def __init__(self, token: str, layout: str, spec: str) -> None:
        super().__init__(token, layout, spec)
        self.token = token
        self.layout = layout
        self.spec = spec

    def __str__(self) -> str:
        return f"{self.spec} has no special token {self.token!r}, which layout {self.layout!r} needs: choose another"
