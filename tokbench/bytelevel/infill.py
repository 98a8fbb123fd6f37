"""Filling in text whose prompt ends inside a token, in three ways side by side (bytelevel specification 4.11).

A prompt is laid out from segments and special ids. All segments but the last enter as their canonical ids; a special
id follows each, so nothing hangs over there. The last one is what the model goes on from, and it may end inside a
token: ``naive`` takes its tokens as they are, ``healing`` drops the last one and lets it grow again, ``exact``
conditions on its bytes.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias, get_args

import numpy as np

from tokbench._resources import resource
from tokbench.bytelevel._text import as_bytes
from tokbench.bytelevel.canonical import canonical_rule
from tokbench.bytelevel.distribution import log_add
from tokbench.bytelevel.masses import Masses
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.naive import encoded
from tokbench.bytelevel.protocol import NextTokenModel
from tokbench.bytelevel.session import Position, Session
from tokbench.errors import InfillTokenError, OptionError
from tokbench.tokenizers import Tokenizer

__all__ = ["ROWS", "Family", "Filled", "Layout", "Row", "families", "family_of", "infill", "laid_out"]

Layout: TypeAlias = Literal["plain", "psm", "spm"]
"""``plain``: the prefix alone. ``psm``: prefix, suffix, middle. ``spm``: suffix, then prefix and middle in one."""

Row: TypeAlias = Literal["naive", "healing", "exact"]

ROWS: tuple[Row, ...] = get_args(Row)

_USUAL = {"psm": "PRE prefix SUF suffix MID", "spm": "PRE SUF suffix MID prefix"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Special tokens of a family of models.

    Attributes:
        name: Its name.
        names: Name of the special token for each of ``PRE``, ``SUF`` and ``MID`` that it has.
        orders: Order of the parts for each layout that it has.
        source: Where it is documented.
    """

    name: str
    names: Mapping[str, str]
    orders: Mapping[str, str]
    source: str


@cache
def families() -> dict[str, Family]:
    """The families that the project knows, by name (``suites/exactness/infill.toml``)."""
    table = tomllib.loads(resource("suites", "exactness", "infill.toml").read_text(encoding="utf-8"))
    found = {}
    for entry in table["layout"]:
        names = {part: entry[part.lower()] for part in ("PRE", "SUF", "MID") if part.lower() in entry}
        orders = {layout: entry.get(layout, usual) for layout, usual in _USUAL.items()}
        found[entry["name"]] = Family(
            name=entry["name"], names=names, orders={layout: order for layout, order in orders.items() if order},
            source=entry["source"],
        )  # fmt: skip
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What one way of filling in gave.

    Attributes:
        row: ``naive``, ``healing`` or ``exact``.
        output: The bytes that were filled in.
        finish_reason: Why they end: ``end``, ``stop``, ``length`` or ``dead_end``.
        exact_match: Whether they are the gold middle; None without one.
        gold_bits: Bits of the gold middle given the prompt, read in this way; infinite where it is impossible, None
            without a gold middle.
        forwards: Calls of the model for the output.
        positions: Positions of the model for the output.
    """

    row: Row
    output: bytes
    finish_reason: str
    exact_match: bool | None
    gold_bits: float | None
    forwards: int
    positions: int


def family_of(tokenizer: Tokenizer, layout: Layout, family: str | None) -> Family:
    """The family whose special tokens a tokenizer has.

    Raises:
        InfillTokenError: If it has those of none, or not those of the one that was asked for.
        OptionError: If there is no family of that name, or it has no such layout.
    """
    known = families()
    specials = tokenizer.special_tokens()
    if family is not None:
        if family not in known:
            raise OptionError("family", family, "one of " + ", ".join(known))
        wanted = known[family]
        missing = next((name for name in wanted.names.values() if name not in specials), None)
        if missing is not None:
            raise InfillTokenError(missing, layout, tokenizer.info.spec)
        if layout not in wanted.orders:
            raise OptionError(
                "layout", layout, f"{', '.join(wanted.orders)} or plain: the family {family} has no other"
            )
        return wanted
    for entry in known.values():
        if layout in entry.orders and all(name in specials for name in entry.names.values()):
            return entry
    raise InfillTokenError("<fim_prefix>", layout, tokenizer.info.spec)


def laid_out(
    tokenizer: Tokenizer, prefix: bytes, suffix: bytes, layout: Layout, family: str | None = None
) -> tuple[tuple[int, ...], bytes]:
    """Token ids in front, and the bytes from which the model goes on.

    Raises:
        InfillTokenError: If the tokenizer lacks a special token of the layout.
        UnsupportedError: If a segment ends inside a character and the tokenizer takes text only.
    """
    if layout == "plain":
        return (), prefix
    found = family_of(tokenizer, layout, family)
    specials = tokenizer.special_tokens()
    segments = {"prefix": prefix, "suffix": suffix}
    ids: list[int] = []
    parts = found.orders[layout].split()
    for index, part in enumerate(parts):
        if part in found.names:
            ids.append(specials[found.names[part]])
        elif index < len(parts) - 1:
            data = segments[part]
            try:
                ids += tokenizer.encode(data.decode())
            except UnicodeDecodeError:
                ids += tokenizer.encode_bytes(data)
        else:
            return tuple(ids), segments[part]
    return tuple(ids), b""


class _Filler:
    """One laid-out prompt, filled in in any way."""

    def __init__(
        self, model: NextTokenModel, tokenizer: Tokenizer, context: tuple[int, ...], last: bytes,
        max_bytes: int, stop: Sequence[bytes],
    ) -> None:  # fmt: skip
        self.model = model
        self.tokenizer = tokenizer
        self.vocabulary = tokenizer.byte_vocabulary()
        self.context = (*model.start_ids, *context)
        self.last = last
        self.max_bytes = max_bytes
        self.stop = tuple(stop)
        self.exact = ByteModel(model, tokenizer, start=self.context) if self.context else ByteModel(model, tokenizer)

    def behind(self, ids: Sequence[int]) -> ByteModel:
        """The byte model of what follows ids that are given as they are: no inserted prefix stands there."""
        return ByteModel.over(self.model, self.vocabulary, canonical_rule(self.tokenizer), start=(*self.context, *ids))

    # ------------------------------------------------------------------ outputs

    def cut(self, data: bytes, reason: str) -> tuple[bytes, str]:
        """An output up to the first stop string, and to the largest number of bytes."""
        found = [at for at in (data.find(stop) for stop in self.stop) if at >= 0]
        if found and min(found) <= self.max_bytes:
            return data[: min(found)], "stop"
        return (data[: self.max_bytes], "length") if len(data) >= self.max_bytes else (data, reason)

    def tokens(self, ids: Sequence[int], dropped: bytes = b"") -> tuple[bytes, str, int, int]:
        """Most probable tokens behind ids, the first of them beginning with ``dropped`` (not part of the output)."""
        session = Session(self.model, self.vocabulary, start_ids=self.context)
        position, row, positions = session.start()
        forwards = int(positions > 0)
        if ids:
            parents: list[Position | int | None] = [position, *range(len(ids) - 1)]
            found, rows = session.run(parents, ids)
            position, row, positions, forwards = found[-1], rows[-1], positions + len(ids), forwards + 1
        ends = set(session.end_ids.tolist())
        data = b""
        first = True
        while len(data) < self.max_bytes + len(dropped) and not any(stop in data[len(dropped) :] for stop in self.stop):
            allowed = np.full(session.width, -np.inf)
            lo, hi = self.vocabulary.range(dropped) if first and dropped else (0, len(self.vocabulary))
            allowed[session.text_ids[lo:hi]] = row[session.text_ids[lo:hi]]
            if not (first and dropped):
                allowed[session.end_ids] = row[session.end_ids]
            token = int(allowed.argmax())
            if allowed[token] == -np.inf:
                return data[len(dropped) :], "dead_end", forwards, positions
            if token in ends:
                return data[len(dropped) :], "end", forwards, positions
            data += self.tokenizer.token_bytes(token)
            found, rows = session.run([position], [token])
            position, row, positions, forwards, first = found[0], rows[0], positions + 1, forwards + 1, False
        return data[len(dropped) :], "length", forwards, positions

    def naive(self, gold: bytes | None) -> Filled:
        ids = encoded(self.exact, self.last) if self.last else ()
        data, reason, forwards, positions = self.tokens(ids)
        bits = None if gold is None else -_value(self.behind(ids), gold) / math.log(2)
        return self._filled("naive", data, reason, gold, bits, forwards, positions)

    def healing(self, gold: bytes | None, k: int) -> Filled:
        ids = encoded(self.exact, self.last) if self.last else ()
        k = min(k, len(ids))
        if not k:
            plain = self.naive(gold)
            return self._filled("healing", plain.output, plain.finish_reason, gold, plain.gold_bits, plain.forwards,
                                plain.positions)  # fmt: skip
        kept, dropped = ids[: len(ids) - k], b"".join(self.tokenizer.token_bytes(token) for token in ids[-k:])
        data, reason, forwards, positions = self.tokens(kept, dropped)
        bits = None if gold is None else -self._healed(kept, dropped, gold) / math.log(2)
        return self._filled("healing", data, reason, gold, bits, forwards, positions)

    def _healed(self, kept: Sequence[int], dropped: bytes, gold: bytes) -> float:
        """Logarithm of the probability of ``gold`` behind the dropped bytes, one token standing over these."""
        session = Session(self.model, self.vocabulary, start_ids=self.context)
        position, row, _ = session.start()
        if kept:
            parents: list[Position | int | None] = [position, *range(len(kept) - 1)]
            _, rows = session.run(parents, kept)
            row = rows[-1]
        lo, hi = self.vocabulary.range(dropped)
        masses = Masses(session.part(row, lo, hi))
        total = masses.log_total()
        if total == -math.inf:  # no token can stand over them: the output is a dead end, and nothing follows
            return -math.inf
        whole = dropped + gold
        over = self.vocabulary.range(whole)
        found = masses.log_part(over[0] - lo, over[1] - lo) if over[0] < over[1] else -math.inf
        for length, first, end in self.vocabulary.prefixes_of(whole):
            if len(dropped) <= length < len(whole):
                for token in (int(token) for token in self.vocabulary.ids[first:end]):
                    rest = _value(self.behind([*kept, token]), whole[length:])
                    found = log_add(found, float(row[token]) + rest)
        return found - total

    def exactly(self, gold: bytes | None) -> Filled:
        found = self.exact.generate(self.last, max_bytes=self.max_bytes, temperature=0, stop=self.stop)[0]
        bits = None if gold is None else -_value(self.exact, gold, self.last) / math.log(2)
        return self._filled("exact", found.data, found.finish_reason, gold, bits, found.forwards, found.positions)

    def _filled(
        self, row: Row, data: bytes, reason: str, gold: bytes | None, bits: float | None, forwards: int, positions: int
    ) -> Filled:
        output, reason = self.cut(data, reason)
        match = None if gold is None else output == self.cut(gold, "end")[0]
        return Filled(
            row=row, output=output, finish_reason=reason, exact_match=match, gold_bits=bits, forwards=forwards,
            positions=positions,
        )  # fmt: skip


def _value(model: ByteModel, text: bytes, given: bytes = b"") -> float:
    return model.logprob(text, given=given, per_byte=False).value if text else 0.0


def infill(
    model: NextTokenModel,
    tokenizer: Tokenizer,
    prefix: str | bytes,
    suffix: str | bytes = b"",
    *,
    layout: Layout = "plain",
    family: str | None = None,
    rows: Sequence[Row] = ROWS,
    gold: str | bytes | None = None,
    max_bytes: int = 64,
    stop: Sequence[str | bytes] = (b"\n",),
    k: int = 1,
) -> list[Filled]:
    """Fill in between ``prefix`` and ``suffix``, most probable first (temperature 0), in several ways.

    Args:
        model: The model over tokens.
        tokenizer: Its tokenizer.
        prefix: Text in front; may end inside a token.
        suffix: Text behind; of no use in the layout ``plain``.
        layout: ``plain``, ``psm`` or ``spm``.
        family: Family of special tokens; None takes the first that the tokenizer has.
        rows: Ways, in the order of the answer.
        gold: What was there, to compare with.
        max_bytes: Most bytes to fill in.
        stop: Byte strings in front of which an output ends.
        k: Tokens that ``healing`` drops.

    Raises:
        InfillTokenError: If the tokenizer lacks a special token of the layout.
        OptionError: If a name or number is wrong.
    """
    if layout not in get_args(Layout):
        raise OptionError("layout", layout, "one of " + ", ".join(get_args(Layout)))
    wrong = next((row for row in rows if row not in ROWS), None)
    if wrong is not None or not rows:
        raise OptionError("rows", wrong or "", "some of " + ", ".join(ROWS))
    if max_bytes < 1 or k < 1:
        raise OptionError("max_bytes" if max_bytes < 1 else "k", min(max_bytes, k), "a number of at least 1")
    context, last = laid_out(tokenizer, as_bytes(prefix), as_bytes(suffix), layout, family)
    filler = _Filler(model, tokenizer, context, last, max_bytes, [as_bytes(text) for text in stop])
    wanted = None if gold is None else as_bytes(gold)
    made = {
        "naive": lambda: filler.naive(wanted),
        "healing": lambda: filler.healing(wanted, k),
        "exact": lambda: filler.exactly(wanted),
    }
    return [made[row]() for row in rows]
