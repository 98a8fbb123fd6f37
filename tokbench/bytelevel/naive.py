"""The usual ways of reading a token model as a model over text, as they are, to be compared with the exact one.

None of them is right (bytelevel specification 4.12): *naive* conditions on the event that the prompt is cut as if the
text ended with it, *healing* repairs one token of that, and a harness that cuts the tokens of prompt and continuation
where the tokens of the prompt alone end scores something else than either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel._text import as_bytes
from tokbench.bytelevel.covers import CHUNK
from tokbench.bytelevel.masses import Masses
from tokbench.bytelevel.readings import END, OTHER, SYMBOLS
from tokbench.bytelevel.session import Floats, Position, log_sum
from tokbench.errors import DeadEndError, UnsupportedError
from tokbench.tokenizers import Tokenizer

if TYPE_CHECKING:
    from tokbench.bytelevel.model import ByteModel

__all__ = ["TokenScore", "encoded", "healed_next", "lm_eval_logprob", "naive_next", "token_logprob"]


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A sum of log-probabilities of tokens.

    Attributes:
        value: The sum; 0 for no tokens.
        tokens: How many there are.
    """

    value: float
    tokens: int


def _tokenizer(model: ByteModel) -> Tokenizer:
    if model.tokenizer is None:
        raise UnsupportedError("naive reading", "this byte model", "it was made without a tokenizer")
    return model.tokenizer


def encoded(model: ByteModel, text: str | bytes) -> tuple[int, ...]:
    """What the tokenizer makes of a text, or of bytes that are no text.

    Raises:
        UnsupportedError: If the bytes are no UTF-8 and the tokenizer takes text only.
    """
    tokenizer = _tokenizer(model)
    if isinstance(text, str):
        return tuple(tokenizer.encode(text))
    try:
        return tuple(tokenizer.encode(text.decode()))
    except UnicodeDecodeError:
        return tuple(tokenizer.encode_bytes(text))


class _Chain:
    """Rows behind ids, one after the other."""

    def __init__(self, model: ByteModel) -> None:
        self.core = model._core  # noqa: SLF001, the machine inside
        root, _ = self.core.root()
        assert root.position is not None
        assert root.row is not None
        self.end: Position = root.position
        self.rows: list[NDArray[np.floating]] = [root.row]

    def read(self, ids: Sequence[int]) -> list[NDArray[np.floating]]:
        """The row in front of each id, and the one behind the last."""
        rows = [self.rows[-1]]
        for start in range(0, len(ids), CHUNK):
            part = ids[start : start + CHUNK]
            parents: list[Position | int | None] = [self.end, *range(len(part) - 1)]
            positions, found = self.core.session.run(parents, part)
            self.end = positions[-1]
            rows.extend(found)
        self.rows = rows
        return rows


def _first_bytes(model: ByteModel, row: NDArray[np.floating], known: bytes = b"") -> Floats:
    """Sums by the byte behind ``known`` over the tokens that begin with it; END and OTHER where nothing is known."""
    core = model._core  # noqa: SLF001, the machine inside
    found = np.full(SYMBOLS, -np.inf)
    branch = core.trie.root
    for byte in known:
        below = branch.child(byte)
        if below is None:
            return found
        branch = below
    if branch.first < branch.hi:
        values, starts = branch.fan
        found[values] = Masses(core.session.part(row, branch.first, branch.hi)).log_sums(starts)
    if not known:
        found[END], found[OTHER] = core.session.end(row), core.session.other(row)
    return found


def naive_next(model: ByteModel, prefix: str | bytes) -> Floats:
    """Encode the prompt, look at the next token: sums of the token distribution by first byte.

    In front of an empty prompt nothing is inserted, and in front of what follows it something may be (the space of
    sentencepiece): there the next token is one that begins with the inserted bytes, as in :func:`healed_next`.

    Args:
        model: A byte model; its reading does not matter.
        prefix: The prompt.

    Returns:
        Natural-log probabilities of the 258 symbols.

    Raises:
        UnsupportedError: If the prompt ends inside a character and the tokenizer takes text only.
    """
    ids = encoded(model, prefix)
    if not ids and model.prefix:
        return _grown(model, ids, model.prefix, prefix)
    return _first_bytes(model, _Chain(model).read(ids)[-1])


def healed_next(model: ByteModel, prefix: str | bytes, k: int = 1) -> Floats:
    """Token healing: drop the last ``k`` tokens (bytes d), let one token that begins with d take their place.

    P(b) is proportional to the mass of the tokens that begin with d b, plus, where a token is d itself, its mass
    times the first-byte sums behind it.

    Returns:
        Natural-log probabilities of the 258 symbols.

    Raises:
        DeadEndError: If no token begins with d.
        UnsupportedError: As for :func:`naive_next`.
    """
    tokenizer = _tokenizer(model)
    ids = encoded(model, prefix)
    k = min(k, len(ids))
    if k == 0:
        return naive_next(model, prefix)
    return _grown(model, ids[:-k], b"".join(tokenizer.token_bytes(token) for token in ids[-k:]), prefix)


def _grown(model: ByteModel, kept: Sequence[int], dropped: bytes, prompt: str | bytes) -> Floats:
    """What follows where one token behind ``kept`` begins with ``dropped``, or is it."""
    chain = _Chain(model)
    row = chain.read(kept)[-1]
    found = _first_bytes(model, row, dropped)
    lo, hi = model.vocabulary.exact(dropped)
    behind = chain.end
    for token in (int(token) for token in model.vocabulary.ids[lo:hi]):
        weight = float(row[token])
        if weight > -math.inf:
            _, rows = chain.core.session.run([behind], [token])
            found = np.logaddexp(found, weight + _first_bytes(model, rows[0]))
    total = log_sum(found)
    if total == -math.inf:
        raise DeadEndError(as_bytes(prompt), f"no token begins with the dropped {dropped!r}")
    grown: Floats = found - total
    return grown


def token_logprob(model: ByteModel, ids: Sequence[int], *, given: Sequence[int] = ()) -> TokenScore:
    """Sum of the log-probabilities of ``ids`` behind ``given``."""
    rows = _Chain(model).read([*given, *ids])
    value = math.fsum(float(rows[len(given) + at][token]) for at, token in enumerate(ids))
    return TokenScore(value, len(ids))


def lm_eval_logprob(model: ByteModel, context: str, continuation: str) -> TokenScore:
    """A continuation as EleutherAI's lm-evaluation-harness scores it.

    Trailing spaces of the context are moved to the continuation, both are encoded together, and the tokens behind as
    many as the context alone has are scored (``TemplateLM._encode_pair`` of lm-eval).
    """
    spaces = len(context) - len(context.rstrip())
    if spaces:
        context, continuation = context[:-spaces], context[-spaces:] + continuation
    whole = encoded(model, context + continuation)
    count = len(encoded(model, context)) if context else 0
    return token_logprob(model, whole[count:], given=whole[:count])
