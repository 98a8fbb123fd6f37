"""A model over bytes made of a model over tokens: :class:`ByteModel`."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from tokbench.bytelevel._probes import ProbeRule
from tokbench.bytelevel._score import Scorer
from tokbench.bytelevel._text import Gate, as_bytes
from tokbench.bytelevel.bytestate import ByteState, settle_together
from tokbench.bytelevel.canonical import CanonicalRule, canonical_rule
from tokbench.bytelevel.covers import Core
from tokbench.bytelevel.distribution import ByteDistribution, ByteScore
from tokbench.bytelevel.protocol import NextTokenModel
from tokbench.bytelevel.readings import Reading, Renormalise, checked_reading, checked_renormalise
from tokbench.bytelevel.session import Session
from tokbench.bytelevel.state import Budget, Cover
from tokbench.errors import OptionError, UnsupportedReadingError
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.vocabulary import ByteVocabulary

if TYPE_CHECKING:
    from tokbench.bytelevel.constraint import Constraint
    from tokbench.bytelevel.generate import ByteCompletion
    from tokbench.bytelevel.posterior import SegmentationPosterior

__all__ = ["DEFAULT", "ByteModel"]

DEFAULT: Final = "default"
"""``renormalise``: ``byte`` for distributions and generation, None for scores."""

_EPS_ALL = 1e-3
_PER_BYTE_ALL = 64.0


class ByteModel:
    """Exact next-byte probabilities of a model over tokens, with a proved interval for every value.

    A model over tokens spreads its probability over id sequences; what it says of a byte string is a sum over the
    *covers* of the string, the id sequences that spell it and whose last token may hang over. The readings differ in
    which covers count (see :data:`~tokbench.bytelevel.readings.Reading`).

    Immutable; states hold whatever changes. Not safe to share between threads, because models are not.

    Example:
        >>> from tokbench.models import load_model
        >>> from tokbench.tokenizers import load_tokenizer
        >>> model = ByteModel(load_model("ngram:tiny"), load_tokenizer("hf:@tiny.json"))
        >>> state = model.start()
        >>> state.push(b"The tok")
        >>> state.next_byte_logprobs().top(1)[0].name
        "'e'"

    Args:
        model: The model over tokens.
        tokenizer: Its tokenizer.
        reading: Which covers count. Exact ``all`` needs a number of positions that is exponential in the length:
            there the default is a certified approximation (``eps=1e-3``, 64 positions a byte).
        renormalise: What is done with the leaked mass; by default ``byte`` for distributions and None for scores.
        eps: Bound of the total variation distance of every distribution, and of the relative error of every scored
            byte. 0 is exact.
        positions_per_byte: Budget in positions of the model for each byte.
        max_positions: Budget in positions for one state or score.
        start: Context in front of every text instead of the model's start token: token ids, or text (encoded, behind
            the model's start token where it has one).
        utf8_only: Whether bytes that cannot continue valid UTF-8 are masked in distributions and generation; in
            reading ``canonical`` they have no weight anyway.
        normalised: Whether a text that the tokenizer changes is scored as what it becomes, instead of refused.
        strict: Whether a value that misses ``eps`` inside the budget is an error.
        probing: ``accept``: where nothing is known of how the tokenizer encodes, take the contexts that about twenty
            continuations happen to show for all there are, and leave the last token free. Every result is then marked
            as not exact.

    Raises:
        UnsupportedReadingError: If the reading does not exist, or nothing is known of how the tokenizer encodes.
        VocabularyWidthError: If the model has no probability for some id of the tokenizer.
        OptionError: If a number is out of its range.
    """

    def __init__(
        self,
        model: NextTokenModel,
        tokenizer: Tokenizer,
        *,
        reading: str = "canonical",
        renormalise: str | None = DEFAULT,
        eps: float | None = None,
        positions_per_byte: float | None = None,
        max_positions: int | None = None,
        start: Sequence[int] | str | None = None,
        utf8_only: bool = False,
        normalised: bool = False,
        strict: bool = False,
        probing: str | None = None,
    ) -> None:
        if isinstance(start, str):
            start = (*model.start_ids, *tokenizer.encode(start))
        name = checked_reading(reading)
        rule = None if name == "all" else _rule(tokenizer, probing)
        if renormalise == "token" and isinstance(rule, ProbeRule):
            raise UnsupportedReadingError(
                name, "renormalise='token' has to judge every next token, and here are only probes", "use 'byte'"
            )
        self._set_up(
            model, tokenizer.byte_vocabulary(), rule, name,
            renormalise=renormalise, eps=eps, positions_per_byte=positions_per_byte, max_positions=max_positions,
            start=start, utf8_only=utf8_only, normalised=normalised, strict=strict,
            prefix=tokenizer.info.prefix, tokenizer=tokenizer, end_ids=None,
        )  # fmt: skip

    @classmethod
    def over(  # noqa: PLR0913, the options of the class
        cls,
        model: NextTokenModel,
        vocabulary: ByteVocabulary,
        rule: CanonicalRule | None = None,
        *,
        reading: str = "canonical",
        renormalise: str | None = DEFAULT,
        eps: float | None = None,
        positions_per_byte: float | None = None,
        max_positions: int | None = None,
        start: Sequence[int] | None = None,
        end_ids: Sequence[int] | None = None,
        prefix: bytes = b"",
        utf8_only: bool = False,
        strict: bool = False,
    ) -> ByteModel:
        """A model over bytes without a tokenizer: a byte vocabulary, and a judge for the canonical readings.

        Args:
            model: The model over tokens.
            vocabulary: Bytes of its ids.
            rule: Judge of canonical contexts; None leaves the reading ``all``.
            reading: As for :class:`ByteModel`, like all that is not named here.
            renormalise: As above.
            eps: As above.
            positions_per_byte: As above.
            max_positions: As above.
            start: Token ids in front of every text.
            end_ids: Ids that end a text; None takes the model's.
            prefix: Bytes in front of every text that are not counted as part of it.
            utf8_only: As above.
            strict: As above.
        """
        name = checked_reading(reading)
        if name != "all" and rule is None:
            raise UnsupportedReadingError(name, "no judge of canonical contexts was given", "use reading='all'")
        self = cls.__new__(cls)
        self._set_up(
            model, vocabulary, None if name == "all" else rule, name,
            renormalise=renormalise, eps=eps, positions_per_byte=positions_per_byte, max_positions=max_positions,
            start=start, utf8_only=utf8_only, normalised=False, strict=strict,
            prefix=prefix, tokenizer=None, end_ids=end_ids,
        )  # fmt: skip
        return self

    @classmethod
    def load(cls, model: str, tokenizer: str | Tokenizer | None = None, **options: object) -> ByteModel:
        """A model over bytes by spec: ``ByteModel.load("ngram:tiny", reading="canonical")``.

        Args:
            model: Spec of the model (see :func:`tokbench.models.load_model`).
            tokenizer: Spec of the tokenizer, or a loaded one; None takes the model's own.
            **options: Options of :class:`ByteModel`; every other one goes to ``load_model``.
        """
        # models stand above this layer and are named by a string: only this convenience knows them
        models = importlib.import_module("tokbench.models")
        byte_model: ByteModel = models.load_byte_model(model, tokenizer, cls=cls, **options)
        return byte_model

    def _set_up(  # noqa: PLR0913, the options of the class
        self,
        model: NextTokenModel,
        vocabulary: ByteVocabulary,
        rule: CanonicalRule | None,
        reading: Reading,
        *,
        renormalise: str | None,
        eps: float | None,
        positions_per_byte: float | None,
        max_positions: int | None,
        start: Sequence[int] | None,
        utf8_only: bool,
        normalised: bool,
        strict: bool,
        prefix: bytes,
        tokenizer: Tokenizer | None,
        end_ids: Sequence[int] | None,
    ) -> None:
        unlimited = positions_per_byte is None and max_positions is None
        if reading == "all":
            positions_per_byte = _PER_BYTE_ALL if unlimited and eps != 0 else positions_per_byte
            eps = _EPS_ALL if eps is None else eps
        eps = 0.0 if eps is None else eps
        if not (math.isfinite(eps) and eps >= 0):
            raise OptionError("eps", eps, "a number of at least 0")
        for name, value in (("positions_per_byte", positions_per_byte), ("max_positions", max_positions)):
            if value is not None and not value >= 1:
                raise OptionError(name, value, "a number of at least 1, or none for no limit")
        self.model = model
        self.tokenizer = tokenizer
        self.vocabulary = vocabulary
        self.reading: Reading = reading
        self.eps = eps
        self.utf8_only = utf8_only
        self.normalised = normalised
        self.strict = strict
        self.prefix = prefix
        self.budget = Budget(max_positions, positions_per_byte)
        by_default = renormalise == DEFAULT
        given = None if by_default else checked_renormalise(renormalise)
        self.renormalise: Renormalise = "byte" if by_default else given
        self.renormalise_scores: Renormalise = None if by_default else given
        self._gate = Gate(tokenizer)
        session = Session(model, vocabulary, start_ids=start, end_ids=end_ids)
        self._core = Core(session, vocabulary, rule, reading, self.renormalise, inserted=len(prefix))
        self._scorer = Scorer(self._core, self._cover, eps=eps, prefix=prefix, strict=strict,
                              renormalise=self.renormalise_scores, name=self._name)  # fmt: skip

    @property
    def _name(self) -> str:
        return self.tokenizer.info.spec if self.tokenizer is not None else "the vocabulary"

    def __repr__(self) -> str:
        return f"<ByteModel of {self._name}, reading {self.reading}, renormalise {self.renormalise}, eps {self.eps:g}>"

    def _cover(self) -> Cover:
        return Cover(self._core, self.budget)

    def _data(self, text: str | bytes, before: bytes = b"") -> bytes:
        """The bytes of a text, checked or normalised."""
        if self.normalised:
            return self._gate.normalised(text)
        data = as_bytes(text)
        self._gate.check(before, data)
        return data

    # ------------------------------------------------------------------ states

    def start(self) -> ByteState:
        """The state of the empty text."""
        cover = self._cover()
        cover.push(self.prefix)
        return ByteState(self, cover, self._gate)

    def next_byte_logprobs(self, prefix: str | bytes) -> ByteDistribution:
        """The distribution of the next symbol after ``prefix``."""
        state = self.start()
        state.push(self._data(prefix))
        return state.next_byte_logprobs()

    def next_byte_logprobs_batch(self, prefixes: Iterable[str | bytes]) -> list[ByteDistribution]:
        """The distributions after several prefixes, computed together: equal to the single ones."""
        states = [self.start().push(self._data(prefix)) for prefix in prefixes]
        settle_together(states)
        return [state.next_byte_logprobs() for state in states]

    # ------------------------------------------------------------------ scores

    def logprob(
        self,
        text: str | bytes,
        *,
        given: str | bytes = b"",
        end: bool = False,
        per_byte: bool = True,
        window: int | None = None,
        observe: Callable[[int], None] = lambda _: None,
    ) -> ByteScore:
        """Log-probability of a text: log W(given + text) - log W(given).

        Args:
            text: The text.
            given: Text in front of it, not scored.
            end: Whether the text has to end there.
            per_byte: Whether the value of each byte is asked for. Without, the canonical readings need about one
                position of the model a token instead of one a byte.
            window: Score long texts in parts, each with at least so many bytes of left context; part of the result,
                because it changes the value. None: the whole text is the context.
            observe: Called now and then with the number of bytes that are done.

        Raises:
            LossyTextError: If the tokenizer changes the text.
            UncoverableTextError: If no tokens spell it.
            ContextLengthError: If it is longer than the model takes.
            CertificateError: Under ``strict``, if the interval is too wide at the end of the budget.
        """
        before = self._data(given)
        data = self._data(text, before)
        if window is not None:
            cuts = self._cuts(before + data)
            return self._scorer.windowed(data, before, window=window, end=end, cuts=cuts, observe=observe)
        return self._scorer.score(data, before, end=end, per_byte=per_byte, observe=observe)

    def _cuts(self, data: bytes) -> list[int]:
        """Offsets where the left context of a part may begin: boundaries of pre-tokens, else of characters."""
        if self.tokenizer is not None and self.tokenizer.info.capability.pretokens:
            try:
                return [start for start, _ in self.tokenizer.pretoken_spans(data.decode())]
            except (UnicodeDecodeError, NotImplementedError):
                pass
        return [at for at, byte in enumerate(data) if byte & 0xC0 != 0x80]  # noqa: PLR2004, UTF-8

    def score(self, text: str | bytes, **options: object) -> ByteScore:
        """Another name of :meth:`logprob`."""
        return self.logprob(text, **options)  # type: ignore[arg-type]

    def score_batch(self, texts: Iterable[str | bytes], *, end: bool = False, per_byte: bool = True) -> list[ByteScore]:
        """:meth:`logprob` of each text; where only wholes are asked for, one tree serves all."""
        data = [self._data(text) for text in texts]
        if per_byte:
            return [self._scorer.score(entry, b"", end=end, per_byte=True) for entry in data]
        return self._scorer.shared(data, b"", end=end)

    def choose(self, prompt: str | bytes, choices: Sequence[str | bytes], *, end: bool = False) -> list[ByteScore]:
        """Exact scores of alternatives behind one prompt, over one shared tree.

        Returns:
            One score for each choice; the best is the largest ``value``.
        """
        before = self._data(prompt)
        return self._scorer.shared([self._data(choice, before) for choice in choices], before, end=end)

    # ------------------------------------------------------------------ drawing

    @property
    def exact(self) -> bool:
        """Whether every answer is exact (``eps=0`` and no budget)."""
        return self.eps == 0 and self.budget.total is None and self.budget.per_byte is None

    @property
    def lazy(self) -> bool:
        """Whether draws at temperature 1 are exact without whole distributions: the reading ALL."""
        return self.reading == "all" and not self.utf8_only and self.budget.total is None

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
        speculate: bool = True,
    ) -> list[ByteCompletion]:
        """Continue each prompt byte by byte; see :func:`tokbench.bytelevel.generate.generate`."""
        from tokbench.bytelevel.generate import Settings, generate

        several = [prompts] if isinstance(prompts, str | bytes) else list(prompts)
        settings = Settings(
            max_bytes=max_bytes, temperature=temperature, top_p=top_p, stop=tuple(as_bytes(text) for text in stop),
            constraint=constraint, seed=seed, speculate=speculate,
        )  # fmt: skip
        return generate(self, [self._data(prompt) for prompt in several], settings)

    def sample(
        self, prompt: str | bytes = b"", *, n: int = 1, seed: int = 0, max_bytes: int = 256
    ) -> list[ByteCompletion]:
        """Draw ``n`` continuations of one prompt at temperature 1."""
        return self.generate([prompt] * n, seed=seed, max_bytes=max_bytes)

    def segmentation_posterior(
        self, text: str | bytes, *, limit: int = 10_000, draws: int = 1_000, seed: int = 0
    ) -> SegmentationPosterior:
        """P(ids | text, END) over segmentations; see :func:`tokbench.bytelevel.posterior.segmentation_posterior`."""
        from tokbench.bytelevel.posterior import segmentation_posterior

        return segmentation_posterior(self, self._data(text), limit=limit, draws=draws, seed=seed)

    # ------------------------------------------------------------------ description

    @property
    def settings(self) -> dict[str, object]:
        """What a result has to name: reading, renormalise, eps, budget, model and tokenizer."""
        return {
            "reading": self.reading,
            "renormalise": self.renormalise,
            "renormalise_scores": self.renormalise_scores,
            "approximate": self._core.approximate,
            "eps": self.eps,
            "positions_per_byte": self.budget.per_byte,
            "max_positions": self.budget.total,
            "utf8_only": self.utf8_only,
            "model": self.model.fingerprint,
            "toy": self.model.toy,
            "tokenizer": self.tokenizer.info.fingerprint if self.tokenizer is not None else None,
            "numpy": np.__version__,
        }


def _rule(tokenizer: Tokenizer, probing: str | None) -> CanonicalRule:
    if probing not in {None, "accept"}:
        raise OptionError("probing", probing, "accept, or none")
    try:
        return canonical_rule(tokenizer)
    except UnsupportedReadingError as error:
        if probing == "accept":
            return ProbeRule(tokenizer)
        raise UnsupportedReadingError(
            error.reading, error.problem, f"{error.remedy}, or probing='accept' for an approximation"
        ) from error
