"""Token n-grams with Witten-Bell interpolation, trained by the project on text of its own (``ngram:NAME``).

A toy that nevertheless learned from canonical encodings, as real models do: it gives most of its mass to canonical
ids and a little to every other sequence.

The file: one line of JSON (see :class:`Header`), then, compressed by zlib, the distinct n-grams of the highest order
and their counts as little-endian 16-bit numbers, column after column, rows in lexicographic order. Counts of the lower
orders are sums of these, because every token of the training text ends exactly one n-gram of the highest order.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokbench._resources import data_root
from tokbench.errors import ModelFileError, UnknownModelError
from tokbench.models._options import Options
from tokbench.models._state import StateModel
from tokbench.models.info import ModelInfo, setting_table
from tokbench.tokenizers._common import looks_like

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = ["Header", "NgramModel", "load", "model_file", "names", "parse", "train", "unpack"]

SUFFIX = ".ngram"
_EXPECTED = "an n-gram model of tokbench"
_KEPT_ROWS = 4096
"""Rows kept for contexts that come again; 32 MB at a thousand tokens."""

Context = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """First line of a model file.

    Attributes:
        format: Version of the format, 1.
        order: Length of the n-grams.
        rows: Number of distinct n-grams.
        width: Number of probabilities of a position; contexts are padded with this number at the start of a text.
        end: Id that ends a text.
        tokenizer: Spec of the tokenizer.
    """

    format: int = 1
    order: int
    rows: int
    width: int
    end: int
    tokenizer: str


@dataclass(frozen=True, slots=True)
class _Order:
    """What follows the contexts of one length: continuations of context ``k`` are ``[starts[k], starts[k + 1])``."""

    contexts: NDArray[np.int64]
    starts: NDArray[np.int64]
    tokens: NDArray[np.int64]
    counts: NDArray[np.float64]


class NgramModel(StateModel[Context]):
    """Interpolated n-grams over token ids, float64.

    With h' for the context h without its first token, C(h) the count of h and T(h) the number of distinct tokens
    seen after it, ``p(t|h) = (count(h t) + T(h) p(t|h')) / (C(h) + T(h))``: Witten-Bell smoothing (Witten and
    Bell 1991, method C) in its recursive form (Chen and Goodman 1998, section 2.5), down to the uniform
    distribution over all ids, so that every id has a positive probability after every context.

    The start of a text is a context of its own, so ``initial`` works and ``start_ids`` is empty.

    Args:
        header: Sizes and names.
        grams: Distinct n-grams in lexicographic order, shape ``(rows, order)``.
        counts: How often each occurs, shape ``(rows,)``.
        spec: How the model is named in results.
        fingerprint: Digest of its header and columns.
    """

    def __init__(
        self, header: Header, grams: NDArray[np.int64], counts: NDArray[np.int64], *, spec: str, fingerprint: str
    ) -> None:
        self.order = header.order
        self._base = header.width + 1
        unigram = np.bincount(grams[:, -1], counts, minlength=header.width)
        types = np.count_nonzero(unigram)
        self._unigram = (unigram + types / header.width) / (unigram.sum() + types)
        self._orders = [self._count(grams, counts, length) for length in range(1, header.order)]
        self._pad = header.width
        self._cache: dict[Context, NDArray[np.float64]] = {}
        super().__init__(
            ModelInfo(
                spec=spec,
                backend="ngram",
                fingerprint=fingerprint,
                toy=True,
                attention="",
                dtype="float64",
                device="cpu",
                libraries=(("numpy", np.__version__),),
                settings=setting_table({"order": header.order, "width": header.width, "end_ids": (header.end,)}),
                tokenizer=header.tokenizer,
            ),
            width=header.width,
            end_ids=(header.end,),
        )

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_cache": {}}

    def _key(self, context: NDArray[np.int64]) -> NDArray[np.int64]:
        """Contexts as numbers, shape ``(n, length)`` to ``(n,)``; their order is the lexicographic one."""
        return context @ self._base ** np.arange(context.shape[1] - 1, -1, -1, dtype=np.int64)

    def _count(self, grams: NDArray[np.int64], counts: NDArray[np.int64], length: int) -> _Order:
        """Continuations of the contexts of ``length`` tokens."""
        keys, inverse = np.unique(self._key(grams[:, -1 - length :]), return_inverse=True)
        contexts, starts = np.unique(keys // self._base, return_index=True)
        return _Order(
            contexts,
            np.append(starts, len(keys)).astype(np.int64),
            keys % self._base,
            np.bincount(inverse, counts, minlength=len(keys)).astype(np.float64),
        )

    def _empty(self) -> Context:
        return (self._pad,) * (self.order - 1)

    def _advance(self, state: Context, token: int) -> Context:
        return (*state[1:], token) if state else ()

    def _row(self, context: Context) -> NDArray[np.float64]:
        probabilities = self._unigram.copy()
        key, place = 0, 1
        for length, order in enumerate(self._orders, 1):
            key += context[-length] * place
            place *= self._base
            found = int(np.searchsorted(order.contexts, key))
            if found == len(order.contexts) or order.contexts[found] != key:
                break  # a longer context was not seen either
            part = slice(order.starts[found], order.starts[found + 1])
            counts = order.counts[part]
            total = counts.sum() + len(counts)
            probabilities *= len(counts) / total
            probabilities[order.tokens[part]] += counts / total
        row: NDArray[np.float64] = np.log(probabilities)
        row.setflags(write=False)
        return row

    def logprobs(self, prefix: Sequence[int]) -> NDArray[np.float64]:
        """Natural-log probabilities of the token after ``prefix``, shape ``(width,)``, read-only."""
        context = (*self._empty(), *prefix)[len(prefix) :]
        row = self._cache.get(context)
        if row is None:
            if len(self._cache) >= _KEPT_ROWS:
                self._cache.clear()
            row = self._cache[context] = self._row(context)
        return row

    def _rows(self, states: Sequence[Context]) -> NDArray[np.float64]:
        return np.stack([self.logprobs(state) for state in states])


# --- files ------------------------------------------------------------------------------------------------------------


def train(documents: Iterable[str], tokenizer: Tokenizer, *, order: int = 4) -> bytes:
    """Count the n-grams of the canonical encodings of ``documents`` and return a model file.

    A text ends with the tokenizer's end id (the lowest, if it has several), or with the surplus id behind its last
    one if it has none.
    """
    ids = tokenizer.ids()
    ends = tokenizer.byte_vocabulary().end_ids
    end = int(ends[0]) if len(ends) else max(ids) + 1
    width = max(*ids, end) + 1
    grams: list[NDArray[np.int64]] = []
    for text in documents:
        padded = np.array([width] * (order - 1) + [*tokenizer.encode(text), end], np.int64)
        grams.append(np.lib.stride_tricks.sliding_window_view(padded, order))
    rows, counts = np.unique(np.concatenate(grams), axis=0, return_counts=True)
    header = Header(order=order, rows=len(rows), width=width, end=end, tokenizer=tokenizer.info.spec)
    columns = np.vstack([rows.T, counts[None]])
    if columns.max() > np.iinfo(np.uint16).max:
        raise ModelFileError("n-gram model", "ids and counts below 65,536", str(columns.max()))
    line = json.dumps(asdict(header), sort_keys=True) + "\n"
    return line.encode() + zlib.compress(columns.astype("<u2").tobytes(), 9)


def unpack(data: bytes) -> tuple[bytes, bytes]:
    """Header line and uncompressed columns of a model file: equal for equal models, whatever zlib made of them.

    Raises:
        ValueError: If the columns cannot be read.
    """
    line, _, body = data.partition(b"\n")
    try:
        return line, zlib.decompress(body)
    except zlib.error as error:
        raise ValueError(str(error)) from None


def parse(data: bytes, spec: str, path: str) -> NgramModel:
    """Make a model from the content of a model file.

    Raises:
        ModelFileError: If it is not one.
    """
    try:
        line, body = unpack(data)
        values = json.loads(line)
        header = Header(**values)
        sound = all(isinstance(values[field.name], str if field.type == "str" else int) for field in fields(Header))
        sound = sound and header.order >= 1 and 0 <= header.end < header.width and header.rows >= 1
    except (ValueError, TypeError, KeyError):
        raise ModelFileError(path, _EXPECTED, looks_like(data)) from None
    if not sound or header.format != 1:
        raise ModelFileError(path, f"{_EXPECTED} in format 1", f"the header {line.decode()}")
    if len(body) != 2 * header.rows * (header.order + 1):
        raise ModelFileError(path, f"{header.rows} n-grams", f"{len(body)} bytes, not as many as they take")
    columns = np.frombuffer(body, "<u2").reshape(header.order + 1, header.rows).astype(np.int64)
    grams, counts = columns[:-1].T, columns[-1]
    if grams.max() > header.width or grams[:, -1].max() >= header.width or counts.min() < 1:
        raise ModelFileError(path, f"ids below {header.width}", f"an id of {grams.max()}, or a count of 0")
    return NgramModel(header, grams, counts, spec=spec, fingerprint=hashlib.sha256(line + b"\n" + body).hexdigest())


def names() -> list[str]:
    """Names of the models that the project ships."""
    files = sorted((data_root() / "fixtures").glob(f"*{SUFFIX}"))
    return [path.name.removeprefix("ngram-").removesuffix(SUFFIX) for path in files]


def model_file(spec: str, locator: str) -> Path:
    """Path of a model that the project ships, or of a file (a path that ends in ``.ngram``).

    Raises:
        UnknownModelError: If there is no model of this name.
        ModelFileError: If there is no such file.
    """
    if not locator.endswith(SUFFIX):
        if locator not in names():
            raise UnknownModelError(spec, f"ngram: and one of {', '.join(names())}, or the path of a {SUFFIX} file")
        return data_root() / "fixtures" / f"ngram-{locator}{SUFFIX}"
    path = Path(locator).expanduser()
    if not path.exists():
        raise ModelFileError(str(path), _EXPECTED, "no such file or directory")
    return path


def load(spec: str, locator: str, _tokenizer: Tokenizer | None, options: dict[str, object]) -> NgramModel:
    """Load a model that the project ships, or a file that :func:`train` wrote (a path that ends in ``.ngram``).

    Raises:
        UnknownModelError: If there is no model of this name.
        ModelFileError: If the file is missing or of another kind.
    """
    Options("ngram", options).done()
    path = model_file(spec, locator)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(str(path), _EXPECTED, (error.strerror or "nothing").lower()) from None
    return parse(data, spec, str(path))
