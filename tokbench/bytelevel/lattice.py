"""All segmentations of a byte string into tokens: counted, listed, drawn and ranked (bytelevel specification, 4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from tokbench.bytelevel._draws import Draws
from tokbench.bytelevel._edges import Span, boundaries
from tokbench.bytelevel._paths import Paths
from tokbench.errors import LossyTextError, OptionError, UnpairedSurrogateError, UnsupportedError
from tokbench.tokenizers.vocabulary import ByteVocabulary

if TYPE_CHECKING:
    from tokbench.bytelevel._verdicts import PrefixVerdict
    from tokbench.tokenizers import Tokenizer

__all__ = ["Lattice"]


class Lattice(Paths):
    """The segmentations of a byte string: token ids whose bytes join to exactly it.

    Nodes are the offsets ``0 .. len(x)``, edges the tokens that fit between two of them. Segmentations are ordered
    by their cut offsets, compared one after the other, so that the shortest first token comes first; those with equal
    cuts by their ids. ``lattice[k]`` is the k-th, ``rank`` its inverse, and both work where there are far too many
    to list. Without a segmentation there is nothing to draw, and the methods that return one raise
    :class:`~tokbench.errors.UncoverableTextError`.

    Where a tokenizer puts a space in front of every text, its tokens spell that space too: the lattice stands over
    the pre-image (``b" text"``). :meth:`of` takes care of it; here ``x`` is the pre-image itself.

    Example:
        >>> from tokbench import load_tokenizer
        >>> lattice = Lattice.of(load_tokenizer("bytes"), "abc")
        >>> lattice.count(), lattice[0]
        (1, (97, 98, 99))

    Args:
        vocabulary: The tokens.
        x: The bytes to segment; text stands for its UTF-8.
        distinct: ``bytes``: ids of equal bytes count once, and the lowest stands for all. ``ids``: each counts.
        within: Spans that tile ``x`` in ascending order; no token may cross from one to the next. ``"pretokens"``
            stands for the tokenizer's own pre-tokens.
        tokenizer: The tokenizer, for ``canonical``, ``drop``, ``dropout``, ``is_canonical``,
            ``is_canonical_prefix`` and ``within="pretokens"``.
        source: What ``x`` is the pre-image of; None: ``x`` without the prefix that the tokenizer inserts.

    Raises:
        SpanError: If ``within`` does not tile ``x``.
        UnpairedSurrogateError: If ``x`` is text with a surrogate.
        UnsupportedError: If pre-tokens are asked for and not to be had.
    """

    def __init__(
        self,
        vocabulary: ByteVocabulary,
        x: bytes | str,
        *,
        distinct: Literal["bytes", "ids"] = "bytes",
        within: Iterable[Span] | Literal["pretokens"] | None = None,
        tokenizer: Tokenizer | None = None,
        source: str | bytes | None = None,
    ) -> None:
        if distinct not in {"bytes", "ids"}:
            raise OptionError("distinct", distinct, "bytes or ids")
        if isinstance(within, str) and within != "pretokens":
            raise OptionError("within", within, "pretokens, or spans that tile the bytes")
        self.tokenizer = tokenizer
        self.data = _as_bytes(x)
        self._given = source
        spans = self._pretokens if isinstance(within, str) else within
        ends = None if spans is None else boundaries(spans, len(self.data))
        spec = tokenizer.info.spec if tokenizer else "this vocabulary"
        super().__init__(vocabulary, self.data, distinct=distinct, ends=ends, spec=spec)

    @classmethod
    def of(
        cls,
        tokenizer: Tokenizer,
        text: str | bytes,
        *,
        distinct: Literal["bytes", "ids"] = "bytes",
        within: Iterable[Span] | Literal["pretokens"] | None = None,
    ) -> Lattice:
        """The lattice of a text under a tokenizer, over the pre-image of the text.

        Args:
            tokenizer: The tokenizer.
            text: Text, or its UTF-8. Bytes that are no UTF-8 stand for themselves, behind an inserted prefix.
            distinct: As for the class.
            within: As for the class; spans count bytes of the pre-image.

        Raises:
            UnsupportedError: If the tokenizer cannot say which bytes its tokens join to (WordPiece).
            UnpairedSurrogateError: If the text holds a surrogate.
        """
        source = _as_text(text) if isinstance(text, bytes) else text
        data = tokenizer.preimage(source) if isinstance(source, str) else tokenizer.info.prefix + source
        vocabulary = tokenizer.byte_vocabulary()
        return cls(vocabulary, data, distinct=distinct, within=within, tokenizer=tokenizer, source=source)

    # ------------------------------------------------------------------ named by the tokenizer

    @cached_property
    def canonical(self) -> tuple[int, ...]:
        """What the tokenizer encodes ``x`` to.

        Raises:
            LossyTextError: If the tokenizer changes the text, so that its ids spell something else.
            UnsupportedError: Without a tokenizer; if ``x`` is no UTF-8 and the tokenizer takes text only.
        """
        tokenizer = self._need("canonical")
        text = self._source
        ids = tuple(tokenizer.encode_bytes(text) if isinstance(text, bytes) else tokenizer.encode(text))
        joined = tokenizer.join_bytes(ids)
        if joined != self.data:
            shared = (at for at, (one, two) in enumerate(zip(joined, self.data, strict=False)) if one != two)
            offset = next(shared, min(len(joined), len(self.data)))
            raise LossyTextError(offset, "its tokens spell something else", tokenizer.info.spec)
        return ids

    def drop(self, seed: int, index: int) -> tuple[int, ...] | None:
        """A uniform draw among all segmentations but the canonical one; None where there is no other."""
        total = self._some()
        if not self.is_segmentation(self.canonical):  # it may cross a boundary of within
            return self.uniform(seed, index)
        if total == 1:
            return None
        k = Draws("tokbench-drop", seed, index, self.data).below(total - 1)
        return self[k + (k >= self.rank(self.canonical))]

    def dropout(self, p: float, seed: int, index: int) -> tuple[int, ...]:
        """What byte-pair encoding gives when it passes over each possible merge with probability ``p``.

        BPE-dropout (arXiv 1910.13267): 0 is the canonical segmentation, 1 leaves single symbols. Merging happens
        inside the tokenizer's own pre-tokens, whatever ``within`` says.

        Raises:
            UnsupportedError: If the tokenizer is no BPE, or does not say how it merges.
        """
        if not 0 <= p <= 1:
            raise OptionError("p", p, "a probability from 0 to 1")
        from tokbench.bytelevel._dropout import merger

        found = merger(self._need("dropout"))
        spans = [(0, len(self.data))] if found.rules.pattern is None else self._pretokens
        return found.encode(self.data, spans, p, Draws("tokbench-dropout", seed, index, self.data))

    # ------------------------------------------------------------------ questions

    def is_canonical(self, ids: Sequence[int]) -> bool:
        """Whether the ids are the encoding of ``x`` as a complete text.

        Raises:
            UnknownIdError: If an id does not exist.
        """
        tokenizer = self._need("is_canonical")
        for token in ids:
            tokenizer.kind(token)
        return tuple(ids) == self.canonical

    def is_canonical_prefix(self, ids: Sequence[int]) -> PrefixVerdict:
        """Whether some text, not only ``x``, has the ids at the beginning of its encoding.

        Raises:
            UnknownIdError: If an id does not exist.
        """
        from tokbench.bytelevel._verdicts import judge_prefix

        return judge_prefix(self._need("is_canonical_prefix"), ids)

    # ------------------------------------------------------------------ the tokenizer

    def _need(self, operation: str) -> Tokenizer:
        if self.tokenizer is None:
            raise UnsupportedError(operation, "this lattice", "it was made without a tokenizer: use Lattice.of")
        return self.tokenizer

    @cached_property
    def _source(self) -> str | bytes:
        """The text whose pre-image ``x`` is; bytes where it is no UTF-8."""
        tokenizer = self._need("canonical")
        if self._given is not None:
            return self._given
        prefix = tokenizer.info.prefix if self.data else b""
        if not self.data.startswith(prefix):
            raise LossyTextError(0, f"every text gets {prefix!r} in front", tokenizer.info.spec)
        return _as_text(self.data[len(prefix) :])

    @cached_property
    def _pretokens(self) -> list[Span]:
        """Pre-tokens of the text as spans of the pre-image: an inserted prefix belongs to the first."""
        tokenizer = self._need('within="pretokens"')
        text = self._source
        if isinstance(text, bytes):
            raise UnsupportedError("pretoken_spans", tokenizer.info.spec, "the bytes are no UTF-8")
        if tokenizer.info.spans_source == "library":
            raise UnsupportedError("pretoken_spans", tokenizer.info.spec, "it changes the text that they count")
        spans = tokenizer.pretoken_spans(text)
        inserted = len(self.data) - spans[-1][1] if spans else 0
        return [(start + inserted if number else 0, end + inserted) for number, (start, end) in enumerate(spans)]


def _as_bytes(x: bytes | str) -> bytes:
    if isinstance(x, bytes):
        return x
    try:
        return x.encode()
    except UnicodeEncodeError as error:
        raise UnpairedSurrogateError(error.start, ord(x[error.start])) from None


def _as_text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
