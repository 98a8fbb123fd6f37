"""Token bytes in sorted order: the ground of the byte-token core (bytelevel specification, section 4.1).

All text tokens are sorted by (bytes, id), so that the tokens that begin with a given byte string are one
contiguous range, and in it the tokens equal to that string come first. The trie is never built.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokbench.tokenizers.description import TEXT_KINDS

if TYPE_CHECKING:
    from tokbench.tokenizers.protocol import Tokenizer

__all__ = ["ByteVocabulary", "cached_byte_vocabulary"]

_FORMAT = 1
_END_NAMES = ("<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>", "<|eot_id|>", "<|im_end|>", "[SEP]", "<|return|>")


class ByteVocabulary:
    """The text tokens of a tokenizer in byte order. Immutable.

    Attributes:
        ids: Token ids sorted by (bytes, id), int32, shape ``(N,)``. Ids of equal bytes are all kept.
        lengths: Their lengths in bytes, int32, shape ``(N,)``; never 0.
        data: Their bytes joined, uint8, shape ``(sum of lengths,)``.
        starts: Where each begins in ``data``, int64, shape ``(N,)``.
        other_ids: Every id that stands for no bytes (control, unknown, unused, special, empty), ascending.
        end_ids: Those of ``other_ids`` that commonly end a text; a model adapter may know better.
    """

    def __init__(
        self,
        ids: NDArray[np.int32],
        lengths: NDArray[np.int32],
        data: NDArray[np.uint8],
        other_ids: NDArray[np.int32],
        end_ids: NDArray[np.int32],
    ) -> None:
        self.ids = ids
        self.lengths = lengths
        self.data = data
        self.starts: NDArray[np.int64] = np.cumsum(lengths, dtype=np.int64) - lengths
        self.other_ids = other_ids
        self.end_ids = end_ids
        for array in (self.ids, self.lengths, self.data, self.starts, self.other_ids, self.end_ids):
            array.setflags(write=False)

    @classmethod
    def build(cls, tokenizer: Tokenizer) -> ByteVocabulary:
        """Sort the text tokens of ``tokenizer``."""
        text: list[tuple[bytes, int]] = []
        other: list[int] = []
        undecodable = tokenizer.undecodable()
        for token_id in tokenizer.ids():
            if token_id not in undecodable and tokenizer.kind(token_id) in TEXT_KINDS:
                data = tokenizer.token_bytes(token_id)
                if data:
                    text.append((data, token_id))
                    continue
            other.append(token_id)
        text.sort()
        specials = tokenizer.special_tokens()
        end = sorted({specials[name] for name in _END_NAMES if name in specials})
        return cls(
            np.fromiter((token_id for _, token_id in text), np.int32, len(text)),
            np.fromiter((len(data) for data, _ in text), np.int32, len(text)),
            np.frombuffer(b"".join(data for data, _ in text), np.uint8),
            np.array(other, np.int32),
            np.array(end, np.int32),
        )

    # ------------------------------------------------------------------ shape

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"<ByteVocabulary of {len(self)} text tokens, longest {self.max_length} bytes>"

    @cached_property
    def max_length(self) -> int:
        """Length of the longest token in bytes."""
        return int(self.lengths.max()) if len(self) else 0

    @cached_property
    def matrix(self) -> NDArray[np.uint8]:
        """Byte ``d`` of sorted token ``j`` at ``[d, j]``, zero beyond its end; shape ``(max_length + 1, N)``."""
        matrix = np.zeros((self.max_length + 1, len(self)), np.uint8)
        rows = np.arange(len(self))
        for depth in range(self.max_length):
            rows = rows[self.lengths[rows] > depth]
            matrix[depth, rows] = self.data[self.starts[rows] + depth]
        matrix.setflags(write=False)
        return matrix

    @property
    def nbytes(self) -> int:
        """Memory of all arrays in bytes, the matrix included."""
        arrays = (self.ids, self.lengths, self.data, self.starts, self.other_ids, self.end_ids, self.matrix)
        return sum(array.nbytes for array in arrays)

    @cached_property
    def byte_complete(self) -> bool:
        """Whether each of the 256 single bytes is a token, so that every byte string has a segmentation."""
        singles = self.data[self.starts[self.lengths == 1]]
        return len(np.unique(singles)) == 256  # noqa: PLR2004, the number of bytes

    # ------------------------------------------------------------------ look-up

    def token(self, index: int) -> bytes:
        """Bytes of the token at position ``index`` of the sorted order."""
        start = int(self.starts[index])
        return self.data[start : start + int(self.lengths[index])].tobytes()

    def _narrow(self, lo: int, hi: int, depth: int, byte: int) -> tuple[int, int]:
        """Part of the range ``[lo, hi)`` of one prefix of ``depth`` bytes whose next byte is ``byte``."""
        lo = self._first_longer(lo, hi, depth)
        row = self.matrix[depth, lo:hi]
        return lo + int(np.searchsorted(row, byte, "left")), lo + int(np.searchsorted(row, byte, "right"))

    def _first_longer(self, lo: int, hi: int, depth: int) -> int:
        """First position in the range of a prefix of ``depth`` bytes whose token is longer than the prefix."""
        while lo < hi and self.lengths[lo] == depth:  # one step per duplicate
            lo += 1
        return lo

    def range(self, prefix: bytes) -> tuple[int, int]:
        """Half-open range of positions of the tokens that begin with ``prefix``; empty as ``(k, k)``."""
        lo, hi = 0, len(self)
        for depth, byte in enumerate(prefix):
            if lo == hi or depth >= self.max_length:
                return lo, lo
            lo, hi = self._narrow(lo, hi, depth, byte)
        return lo, hi

    def exact(self, data: bytes) -> tuple[int, int]:
        """Half-open range of positions of the tokens equal to ``data`` (more than one where bytes repeat)."""
        lo, hi = self.range(data)
        return (lo, self._first_longer(lo, hi, len(data))) if data else (0, 0)

    def lookup(self, data: bytes) -> list[int]:
        """Ids of the tokens equal to ``data``, ascending; empty when there is none."""
        lo, hi = self.exact(data)
        return [int(token_id) for token_id in self.ids[lo:hi]]

    def starting_with(self, prefix: bytes) -> NDArray[np.int32]:
        """Ids of the tokens that begin with ``prefix``, in byte order."""
        lo, hi = self.range(prefix)
        return self.ids[lo:hi]

    def prefixes_of(self, data: bytes) -> list[tuple[int, int, int]]:
        """Tokens that are prefixes of ``data``: ``(length, lo, hi)`` with their range, shortest first."""
        found: list[tuple[int, int, int]] = []
        lo, hi = 0, len(self)
        for depth, byte in enumerate(data[: self.max_length]):
            lo, hi = self._narrow(lo, hi, depth, byte)
            if lo == hi:
                break
            end = self._first_longer(lo, hi, depth + 1)
            if end > lo:
                found.append((depth + 1, lo, end))
        return found

    def children(
        self, lo: int, hi: int, depth: int
    ) -> tuple[int, NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """Split the range of one prefix of ``depth`` bytes by its next byte.

        Returns:
            Number of tokens equal to the prefix, then the next bytes that occur (ascending) and the start
            and end position of each one's range; all three of one length.
        """
        longer = self._first_longer(lo, hi, depth)
        row = self.matrix[depth, longer:hi] if depth < self.max_length else np.zeros(0, np.uint8)
        if not len(row):
            empty = np.zeros(0, np.int64)
            return longer - lo, np.zeros(0, np.uint8), empty, empty
        cuts = np.flatnonzero(row[1:] != row[:-1]) + 1
        starts = np.concatenate(([0], cuts)).astype(np.int64)
        ends = np.concatenate((cuts, [len(row)])).astype(np.int64)
        return longer - lo, row[starts], starts + longer, ends + longer

    @cached_property
    def _equals_previous(self) -> NDArray[np.bool_]:
        same = np.zeros(len(self), np.bool_)
        candidates = np.flatnonzero(self.lengths[1:] == self.lengths[:-1]) + 1
        for index in candidates:
            same[index] = self.token(int(index)) == self.token(int(index) - 1)
        return same

    def duplicates(self) -> list[tuple[bytes, list[int]]]:
        """Byte strings that several ids stand for, each with its ids, in byte order."""
        found: list[tuple[bytes, list[int]]] = []
        for index in np.flatnonzero(self._equals_previous):
            position = int(index)
            data = self.token(position)
            if found and found[-1][0] == data:
                found[-1][1].append(int(self.ids[position]))
            else:
                found.append((data, [int(self.ids[position - 1]), int(self.ids[position])]))
        return found

    # ------------------------------------------------------------------ disk

    def save(self, path: Path) -> None:
        """Write the arrays to ``path`` (``.npz``), in one step for anyone who reads."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, ids=self.ids, lengths=self.lengths, data=self.data,
                         other_ids=self.other_ids, end_ids=self.end_ids)  # fmt: skip
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    @classmethod
    def read(cls, path: Path) -> ByteVocabulary:
        """Read what :meth:`save` wrote.

        Raises:
            OSError: If the file is missing.
            ValueError: If it is damaged.
        """
        try:
            # opened here, because numpy leaves the file open when it turns out to be no archive
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                vocabulary = cls(*(arrays[name] for name in ("ids", "lengths", "data", "other_ids", "end_ids")))
        except (EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not a saved byte vocabulary") from error
        if len(vocabulary.ids) != len(vocabulary.lengths) or int(vocabulary.lengths.sum()) != len(vocabulary.data):
            raise ValueError(f"{path} is not a saved byte vocabulary")
        return vocabulary


def cache_directory() -> Path:
    """Where byte vocabularies are kept: ``TOKBENCH_CACHE_DIR``, else the user's cache folder."""
    if configured := os.environ.get("TOKBENCH_CACHE_DIR"):
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tokbench"


def cached_byte_vocabulary(tokenizer: Tokenizer) -> ByteVocabulary:
    """The byte vocabulary of ``tokenizer``, from the disk cache or built now and put there.

    A cache that cannot be read or written is no error: the vocabulary is built.
    """
    path = cache_directory() / f"byte-vocabulary-{_FORMAT}-{tokenizer.info.fingerprint[:32]}.npz"
    with contextlib.suppress(OSError, ValueError):
        vocabulary = ByteVocabulary.read(path)
        if len(vocabulary) + len(vocabulary.other_ids) == len(tokenizer.ids()):
            return vocabulary
    vocabulary = ByteVocabulary.build(tokenizer)
    with contextlib.suppress(OSError):
        vocabulary.save(path)
    return vocabulary
