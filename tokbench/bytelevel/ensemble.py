"""Models with different vocabularies, joined byte by byte (bytelevel specification 4.10).

Every member reads the same bytes, whatever its tokens are. Its distribution over the 256 bytes and the end is divided
by its sum first (other specials and leaked mass are dropped, and reported); then the members are joined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from tokbench.bytelevel._joins import mean, mean_bound, product
from tokbench.bytelevel._text import as_bytes
from tokbench.bytelevel.bytestate import ByteState
from tokbench.bytelevel.constraint import Constraint
from tokbench.bytelevel.distribution import log_shares
from tokbench.bytelevel.generate import ByteCompletion, Settings, generate
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.readings import END, OTHER
from tokbench.bytelevel.session import Floats, log_sum
from tokbench.bytelevel.state import Cover
from tokbench.errors import CertificateError, DeadEndError, LossyTextError, OptionError, UncoverableTextError

__all__ = ["Ensemble", "EnsembleDistribution", "EnsembleScore", "EnsembleState", "Join"]

Join: TypeAlias = Literal["mean", "product", "mixture"]
"""``mean``: sum of w_i P_i(b | x) with fixed weights. ``product``: product of P_i(b | x)^w_i, divided by its sum.
``mixture``: weights w_i Q_i(x) with Q_i(x) the product of member i's conditionals over x, which makes it the mixture
of the joint distributions."""

_NOTHING = np.full(OTHER, -np.inf)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnsembleDistribution:
    """The joined distribution of the next symbol.

    Attributes:
        logprobs: Natural logarithms: bytes 0-255 and the end (256); ``-inf`` for 257; shape ``(258,)``, sum 1.
        lower: Proved lower bounds, same shape.
        upper: Proved upper bounds, same shape.
        dropped: Share of each member's distribution that was dropped: other specials and leak.
        weights: Weights of the members here; those of a mixture change with the text.
        positions: Positions of all models so far.
        forwards: Calls of all models so far.
        exact: Whether the intervals have width 0.
    """

    logprobs: Floats
    lower: Floats
    upper: Floats
    dropped: tuple[float, ...]
    weights: tuple[float, ...]
    positions: int
    forwards: int
    exact: bool

    @property
    def probabilities(self) -> Floats:
        """``exp(logprobs)``, shape ``(258,)``."""
        return np.exp(self.logprobs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnsembleScore:
    """The log-probability of a byte string under an ensemble.

    Attributes:
        value: Natural logarithm.
        lower: Proved lower bound of it.
        upper: Proved upper bound of it.
        per_byte: For each byte, and for the end where it was asked for.
        data: The bytes that were scored.
        positions: Positions of all models.
        forwards: Calls of all models.
    """

    value: float
    lower: float
    upper: float
    per_byte: Floats
    data: bytes
    positions: int
    forwards: int

    @property
    def bits_per_byte(self) -> float:
        """Bits divided by the number of bytes; NaN for no bytes."""
        return -self.value / math.log(2) / len(self.data) if self.data else math.nan


class EnsembleState:
    """Bytes read so far under an :class:`Ensemble`; made by its ``start()``.

    Args:
        ensemble: The ensemble.
        members: The state of each member.
        log_shares: Logarithm of Q_i(x) of each member, for ``mixture``, and its proved bounds; shape ``(3, n)``.
    """

    def __init__(self, ensemble: Ensemble, members: list[ByteState], log_shares: Floats) -> None:
        self.model = ensemble
        self.members = members
        self._log_shares = log_shares
        self._known: EnsembleDistribution | None = None

    @property
    def data(self) -> bytes:
        """The bytes read so far."""
        return self.members[0].data

    @property
    def positions(self) -> int:
        """Positions of all models that this state has cost."""
        return sum(member.positions for member in self.members)

    @property
    def forwards(self) -> int:
        """Calls of all models that this state has cost."""
        return sum(member.forwards for member in self.members)

    def push(self, data: bytes | str) -> EnsembleState:
        """Read bytes.

        Under ``mixture`` every byte needs the members' distributions, because the weights follow the text.

        Returns:
            This state.
        """
        data = as_bytes(data)
        if self.model.join != "mixture":
            for member in self.members:
                member.push(data)
        else:
            for byte in data:
                for index, member in enumerate(self.members):
                    self._log_shares[:, index] += self._member(index).bounds[:, byte]
                    member.push(bytes([byte]))
        self._known = None
        return self

    def fork(self) -> EnsembleState:
        """An independent copy; what was computed is shared."""
        return EnsembleState(self.model, [member.fork() for member in self.members], self._log_shares.copy())

    def covers(self) -> tuple[Cover, ...]:
        """The contexts of every member, the one of the largest weight first, for drawing."""
        weights = self.model.weights
        order = sorted(range(len(self.members)), key=lambda index: (-weights[index], index))
        return tuple(self.members[index].covers()[0] for index in order)

    def logprobs(self) -> Floats:
        """Natural-log probabilities of the 258 symbols; short for ``next_byte_logprobs().logprobs``."""
        return self.next_byte_logprobs().logprobs

    def next_byte_logprobs(self) -> EnsembleDistribution:
        """The joined distribution of the next symbol.

        Raises:
            CertificateError: If that is so of what was computed, and not proved.
            DeadEndError: If the members together allow nothing.
            OptionError: If a member of negative weight gives a symbol probability 0 that the others allow.
        """
        if self._known is None:
            self._known = self._joined()
        return self._known

    def _member(self, index: int) -> _Normalised:
        """A member's distribution; nothing for one without weight that gives the text no probability."""
        silent = not self.model.weights[index] or np.isneginf(self._log_shares[2, index])
        try:
            return _normalised(self.members[index])
        except (DeadEndError, UncoverableTextError):
            if silent:
                return _Normalised(np.stack([_NOTHING] * 3), 0.0, exact=True)
            raise

    def _joined(self) -> EnsembleDistribution:
        found = [self._member(index) for index in range(len(self.members))]
        logs, lowers, uppers = (np.stack([entry.bounds[index] for entry in found]) for index in range(3))
        weights = self.model.weights
        exact = all(entry.exact for entry in found)
        if self.model.join == "product":
            point, lower, upper = self._product(logs, lowers, uppers)
        else:
            with np.errstate(divide="ignore"):
                shares, least, most = np.log(np.array(weights)) + self._log_shares
            total = log_sum(shares)
            if total == -math.inf:
                raise DeadEndError(self.data, "no member gives these bytes any probability")
            weights = tuple(np.exp(shares - total).tolist())
            exact = exact and np.array_equal(least, most)
            point = lower = upper = mean(logs, shares)
            if not exact:
                lower = mean_bound(lowers, least, most, upper=False)
                upper = mean_bound(uppers, least, most, upper=True)
        return EnsembleDistribution(
            logprobs=_with_other(point), lower=_with_other(point if exact else np.minimum(lower, point)),
            upper=_with_other(point if exact else np.maximum(upper, point)),
            dropped=tuple(entry.dropped for entry in found), weights=tuple(weights), positions=self.positions,
            forwards=self.forwards, exact=exact,
        )  # fmt: skip

    def _product(self, logs: Floats, lowers: Floats, uppers: Floats) -> tuple[Floats, Floats, Floats]:
        weights = self.model.weights
        found = product(logs, lowers, uppers, weights)
        if found is not None:
            return found
        firm = [index for index, weight in enumerate(weights) if weight > 0]
        if not np.isneginf(uppers[firm]).any(axis=0).all():
            raise CertificateError(1.0, max(member.eps for member in self.model.members), self.positions)
        raise DeadEndError(
            self.data, "the members together allow nothing: each symbol has probability 0 in one of them"
        )


def _with_other(logs: Floats) -> Floats:
    return np.append(logs, -np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class _Normalised:
    """A member's distribution over bytes and end: logarithms and both bounds, ``(3, 257)``, and what was dropped."""

    bounds: Floats
    dropped: float
    exact: bool


def _normalised(state: ByteState) -> _Normalised:
    found = state.next_byte_logprobs()
    point, low, high = found.logprobs[:OTHER], found.lower[:OTHER], found.upper[:OTHER]
    total = log_sum(point)
    if total == -math.inf:
        raise DeadEndError(state.data, "a member leaves no byte and no end")
    dropped = max(0.0, 1 - math.exp(total))
    if found.exact:
        return _Normalised(np.stack([point - total] * 3), dropped, exact=True)
    return _Normalised(np.stack([point - total, *log_shares(low, high)]), dropped, exact=False)


class Ensemble:
    """Byte models joined at every byte.

    Example:
        >>> from tokbench.bytelevel import ByteModel
        >>> from tokbench.models import load_model
        >>> from tokbench.tokenizers import load_tokenizer
        >>> first = ByteModel(load_model("ngram:tiny"), load_tokenizer("hf:@tiny.json"))
        >>> second = ByteModel(load_model("ngram:tiny-sp"), load_tokenizer("sentencepiece:@tiny.model"))
        >>> state = Ensemble([first, second], join="product").start().push("The token")
        >>> float(state.next_byte_logprobs().probabilities.sum().round(9))
        1.0

    Args:
        members: The byte models, with any vocabularies.
        join: ``mean``, ``product`` or ``mixture``.
        weights: One for each; None for equal ones. Of ``mean`` and ``mixture`` at least 0, and divided by their sum;
            of ``product`` any.

    Raises:
        OptionError: If there is no member, or weights that do not suit ``join``.
        LossyTextError: If a member's tokenizer does not keep the bytes of a text.
    """

    def __init__(
        self, members: Sequence[ByteModel], *, join: str = "mean", weights: Sequence[float] | None = None
    ) -> None:
        if not members:
            raise OptionError("members", [], "at least one byte model")
        if join not in get_args(Join):
            raise OptionError("join", join, "one of " + ", ".join(get_args(Join)))
        given = tuple(1.0 / len(members) for _ in members) if weights is None else tuple(map(float, weights))
        if len(given) != len(members) or not all(map(math.isfinite, given)):
            raise OptionError("weights", given, f"{len(members)} finite numbers, one for each member")
        if join != "product":
            if any(weight < 0 for weight in given) or not sum(given) > 0:
                raise OptionError("weights", given, f"numbers of at least 0 whose sum is above 0 (join {join})")
            given = tuple(weight / sum(given) for weight in given)
        for member in members:
            if member.tokenizer is not None and member.tokenizer.info.capability.round_trip == "lossy":
                raise LossyTextError(0, "it does not keep texts as they are", member.tokenizer.info.spec)
        self.members = tuple(members)
        self.join: Join = join  # type: ignore[assignment] # checked above
        self.weights = given

    def __repr__(self) -> str:
        return f"<Ensemble of {len(self.members)} models, {self.join}, weights {self.weights}>"

    @property
    def exact(self) -> bool:
        """Whether every member's answers are exact."""
        return all(member.exact for member in self.members)

    @property
    def lazy(self) -> bool:
        """False: a draw needs the distribution of every member."""
        return False

    @property
    def utf8_only(self) -> bool:
        """Whether a member masks what is no UTF-8."""
        return any(member.utf8_only for member in self.members)

    def start(self) -> EnsembleState:
        """The state of the empty text."""
        return EnsembleState(self, [member.start() for member in self.members], np.zeros((3, len(self.members))))

    def next_byte_logprobs(self, prefix: str | bytes) -> EnsembleDistribution:
        """The joined distribution after ``prefix``."""
        return self.start().push(prefix).next_byte_logprobs()

    def logprob(self, text: str | bytes, *, given: str | bytes = b"", end: bool = False) -> EnsembleScore:
        """Sum of the logarithms of the joined conditionals over a text."""
        data = as_bytes(text)
        state = self.start().push(given)
        rows: list[tuple[float, float, float]] = []
        for symbol in (*data, END) if end else data:
            if rows and rows[-1][2] == -math.inf:  # impossible, and so is whatever follows
                rows.append(rows[-1])
                continue
            found = state.next_byte_logprobs()
            rows.append((float(found.logprobs[symbol]), float(found.lower[symbol]), float(found.upper[symbol])))
            if symbol != END:
                state.push(bytes([symbol]))
        value, lower, upper = (sum(row[index] for row in rows) for index in range(3))
        return EnsembleScore(
            value=value, lower=lower, upper=upper, per_byte=np.array([row[0] for row in rows]), data=data,
            positions=state.positions, forwards=state.forwards,
        )  # fmt: skip

    def generate(
        self,
        prompts: str | bytes | Sequence[str | bytes] = b"",
        *,
        max_bytes: int = 256,
        temperature: float = 1.0,
        top_p: float = 1.0,
        stop: Sequence[str | bytes] = (),
        constraint: Constraint | None = None,
        seed: int = 0,
    ) -> list[ByteCompletion]:
        """Continue each prompt byte by byte; temperature and top-p come after joining."""
        several = [prompts] if isinstance(prompts, str | bytes) else list(prompts)
        settings = Settings(
            max_bytes=max_bytes, temperature=temperature, top_p=top_p, stop=tuple(as_bytes(text) for text in stop),
            constraint=constraint, seed=seed,
        )  # fmt: skip
        return generate(self, [as_bytes(prompt) for prompt in several], settings)

    def sample(
        self, prompt: str | bytes = b"", *, n: int = 1, seed: int = 0, max_bytes: int = 256
    ) -> list[ByteCompletion]:
        """Draw ``n`` continuations of one prompt at temperature 1."""
        return self.generate([prompt] * n, seed=seed, max_bytes=max_bytes)
