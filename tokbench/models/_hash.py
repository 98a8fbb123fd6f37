"""A model made of a hash function: any vocabulary, no training, the same numbers every time (``scripted:hash``).

It exists to test conversions between tokens and bytes, because it gives mass to every sequence of ids, canonical
or not, and no two contexts share a distribution.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel import ByteVocabulary
from tokbench.errors import OptionError, UnknownModelError
from tokbench.models._options import Options
from tokbench.models._state import StateModel
from tokbench.models.info import ModelInfo, setting_table
from tokbench.tokenizers._common import fingerprint

if TYPE_CHECKING:
    from hashlib import blake2b as Blake  # noqa: N812, the class that hashlib's function returns

    from tokbench.tokenizers import Tokenizer

__all__ = ["HashModel", "StateKind", "load"]

StateKind: TypeAlias = Literal["ids", "bytes"]
"""What a distribution depends on: the ids so far, or the bytes that they spell."""

END_SHARE = 1 / 16
OTHER_SHARE = 1 / 64


class HashModel(StateModel["Blake"]):
    """Logits from BLAKE2b of (seed, state), mixed with a hash of each token; float64.

    The end ids together have the probability ``end_share`` at every position and share it equally; the ids that
    are neither text nor end, and the rows without an id, have ``other_share`` likewise. The rest goes to the text
    tokens by a softmax over logits that are uniform on ``scale * [-sqrt(3), sqrt(3)]`` (standard deviation
    ``scale``).

    *State* ``"ids"``: the logit of a token depends on its id and on all ids so far, start ids included; two ids of
    equal bytes are strangers. *State* ``"bytes"``: it depends on the bytes of the token and on the bytes spelled so
    far, to which ids without bytes (start ids, specials) add nothing; ids of equal bytes share the probability of
    that byte string equally. Numbering ids anew, or giving one token a second id, then leaves the probability of
    every text as it was.

    Example:
        >>> model = HashModel({0: b"a", 1: b"b", 2: b"ab"}, end_ids=(3,), seed=1)
        >>> handle, row = model.initial()
        >>> row.shape
        (4,)

    Args:
        vocabulary: The text tokens: a byte vocabulary, a table from id to bytes, or ids alone (state ``"ids"``).
        seed: Another seed is another model.
        scale: Sharpness; 0 makes all text tokens equally likely.
        end_share: Probability of an end at every position; None is 1/16 where there are end ids.
        other_share: Probability of the other ids at every position; None is 1/64 where there are any.
        state: What the distribution depends on.
        end_ids: Ids that end a text; None takes those of the byte vocabulary.
        start_ids: Ids in front of every text; without any, ``initial`` still gives a first token.
        width: Number of probabilities; None is one more than the largest id.
        max_positions: Longest sequence; None for no limit.
        spec: How the model is named in results.
        tokenizer: Spec of the tokenizer that the vocabulary is of.

    Raises:
        OptionError: If a share, the scale or the vocabulary makes no distribution.
    """

    def __init__(
        self,
        vocabulary: ByteVocabulary | Mapping[int, bytes] | Iterable[int],
        *,
        seed: int = 0,
        scale: float = 1.0,
        end_share: float | None = None,
        other_share: float | None = None,
        state: StateKind = "ids",
        end_ids: Sequence[int] | None = None,
        start_ids: Sequence[int] = (),
        width: int | None = None,
        max_positions: int | None = None,
        spec: str = "scripted:hash",
        tokenizer: str | None = None,
    ) -> None:
        table, other, known_ends = _table(vocabulary)
        ends = tuple(dict.fromkeys(known_ends if end_ids is None else end_ids))
        if state not in {"ids", "bytes"} or (state == "bytes" and None in table.values()):
            raise OptionError("scripted: state", state, "ids, or bytes with a vocabulary that knows its bytes")
        text = sorted(set(table) - set(ends))
        if not text:
            raise OptionError("scripted: vocabulary", [], "at least one token that is text")
        largest = max((*table, *other, *ends, *start_ids))
        if width is not None and width <= largest:
            raise OptionError("scripted: width", width, f"more than the largest id, {largest}")
        width = largest + 1 if width is None else width
        if not (math.isfinite(scale) and scale >= 0):
            raise OptionError("scripted: scale", scale, "a number of at least 0")
        rest = sorted(set(range(width)) - set(text) - set(ends))
        end_share = _share("end", end_share, END_SHARE, ends)
        other_share = _share("other", other_share, OTHER_SHARE, rest)
        if end_share + other_share >= 1:
            raise OptionError("scripted: end and other", (end_share, other_share), "shares whose sum is below 1")

        self.state: StateKind = state
        self._bytes_of = {token: data for token, data in table.items() if data is not None}
        self._seed = hashlib.blake2b(digest_size=8, key=str(seed).encode(), person=b"tokbench-state")
        self._text = np.array(text, np.int64)
        self._scale = scale * math.sqrt(12)
        names = {token: table[token] if state == "bytes" else b"%d" % token for token in text}
        groups = {name: group for group, name in enumerate(dict.fromkeys(names.values()))}
        self._group = np.array([groups[names[token]] for token in text], np.int64)
        self._keys = np.array([_key(name or b"", seed) for name in groups], np.uint64)
        size = np.bincount(self._group)
        # what is added to the log-softmax over byte strings: all text's share, and a token's part of its string
        self._offset = math.log1p(-end_share - other_share) - np.log(size[self._group])
        self._fixed = np.full(width, -np.inf)
        for share, ids in ((end_share, ends), (other_share, rest)):
            if share:
                self._fixed[list(ids)] = math.log(share / len(ids))
        settings: dict[str, object] = {
            "seed": seed, "scale": scale, "end": end_share, "other": other_share, "state": state, "width": width,
            "start_ids": tuple(start_ids), "end_ids": ends, "max_positions": max_positions,
        }  # fmt: skip
        super().__init__(
            ModelInfo(
                spec=spec,
                backend="scripted",
                fingerprint=fingerprint(
                    model="hash", settings=settings, text=[(token, (table[token] or b"").hex()) for token in text]
                ),
                toy=True,
                attention="",
                dtype="float64",
                device="cpu",
                libraries=(("numpy", np.__version__),),
                settings=setting_table(settings),
                tokenizer=tokenizer,
            ),
            width=width,
            start_ids=start_ids,
            end_ids=ends,
            max_positions=max_positions,
        )

    def __getstate__(self) -> dict[str, object]:
        # objects of hashlib have no pickle; the seed is in the settings
        return {name: value for name, value in super().__getstate__().items() if name != "_seed"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        seed = dict(self.info.settings)["seed"]
        self._seed = hashlib.blake2b(digest_size=8, key=seed.encode(), person=b"tokbench-state")

    def _empty(self) -> Blake:
        return self._seed.copy()

    def _advance(self, state: Blake, token: int) -> Blake:
        after = state.copy()
        after.update(self._bytes_of.get(token, b"") if self.state == "bytes" else token.to_bytes(4, "little"))
        return after

    def _rows(self, states: Sequence[Blake]) -> NDArray[np.float64]:
        keys = np.frombuffer(b"".join(state.digest() for state in states), "<u8").astype(np.uint64)
        logits = _uniform(keys[:, None] ^ self._keys)
        logits -= 0.5
        logits *= self._scale
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        rows = np.tile(self._fixed, (len(states), 1))
        rows[:, self._text] = logits[:, self._group] + self._offset
        return rows


def _table(
    vocabulary: ByteVocabulary | Mapping[int, bytes] | Iterable[int],
) -> tuple[dict[int, bytes | None], tuple[int, ...], tuple[int, ...]]:
    """Text tokens with their bytes (None where unknown), the other ids, and those of them that end a text."""
    if isinstance(vocabulary, ByteVocabulary):
        text = {int(token): vocabulary.token(index) for index, token in enumerate(vocabulary.ids)}
        return dict(text), tuple(map(int, vocabulary.other_ids)), tuple(map(int, vocabulary.end_ids))
    if isinstance(vocabulary, Mapping):
        return dict(vocabulary), (), ()
    return {int(token): None for token in vocabulary}, (), ()


def _share(name: str, given: float | None, default: float, ids: Sequence[int]) -> float:
    if given is None:
        return default if ids else 0.0
    if not 0 <= given < 1:
        raise OptionError(f"scripted: {name}", given, "a probability in [0, 1)")
    if given and not ids:
        raise OptionError(f"scripted: {name}", given, "0, because the vocabulary has no such ids")
    return float(given)


def _key(name: bytes, seed: int) -> int:
    digest = hashlib.blake2b(name, digest_size=8, key=str(seed).encode(), person=b"tokbench-token").digest()
    return int.from_bytes(digest, "little")


def _uniform(keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    """A fraction of 53 bits in [0, 1) for each key, by the finaliser of SplitMix64 (Steele et al., OOPSLA 2014)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    keys ^= keys >> np.uint64(31)
    return (keys >> np.uint64(11)).astype(np.float64) * 2.0**-53


def load(spec: str, locator: str, tokenizer: Tokenizer | None, options: dict[str, object]) -> HashModel:
    """Load ``scripted:hash`` over the vocabulary of ``tokenizer``; where that has no end id, a surplus row ends.

    Raises:
        UnknownModelError: If ``locator`` is not ``hash``.
        OptionError: If there is no tokenizer, or an option has a wrong name or value.
    """
    if locator != "hash":
        raise UnknownModelError(spec, "scripted:hash")
    given = Options("scripted", options)
    named = given.text("tokenizer")
    if tokenizer is None:
        if not named:
            raise OptionError(
                "scripted: tokenizer", None, "a tokenizer, because the model has no vocabulary of its own"
            )
        from tokbench.tokenizers import load_tokenizer

        tokenizer = load_tokenizer(named)
    seed, scale = given.integer("seed", 0), given.real("scale", 1.0)
    end, other = given.real("end"), given.real("other")
    state = given.text("state", "ids", ("ids", "bytes"))
    start_ids, end_ids = given.ids("start"), given.ids("end_ids")
    width, max_positions = given.integer("width", least=1), given.integer("max_positions", least=1)
    given.done()
    vocabulary = tokenizer.byte_vocabulary()
    if end_ids is None and not len(vocabulary.end_ids):
        end_ids = (max(tokenizer.ids()) + 1,)
    return HashModel(
        vocabulary,
        seed=seed or 0,
        scale=1.0 if scale is None else scale,
        end_share=end,
        other_share=other,
        state="bytes" if state == "bytes" else "ids",
        end_ids=end_ids,
        start_ids=start_ids or (),
        width=width,
        max_positions=max_positions,
        spec=spec,
        tokenizer=tokenizer.info.spec,
    )
