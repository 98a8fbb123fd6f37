"""The examples of the byte-token core whose numbers are known as fractions (bytelevel specification 7.1-7.4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from byte_toys import Ids, Toy, byte_vocabulary, fraction_model, make_toy

from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.protocol import PrefixModel
from tokbench.tokenizers.rules import BpeRules, EncodingRules, GreedyRules, UnigramRules

F = Fraction

A, B, AA, STOP = 0, 1, 2, 3
TOKENS = {b"A": A, b"B": B, b"AA": AA}
FALLBACK = {byte: 10 + byte for byte in range(256)}

FAMILIES: dict[str, EncodingRules] = {
    "greedy": GreedyRules(tokens=TOKENS),
    "byte-level BPE": BpeRules(tokens=TOKENS, merges=[(b"A", b"A")]),
    "tiktoken": BpeRules(tokens=TOKENS, ranks={b"AA": 0}),
    "SP-BPE with byte fallback": BpeRules(tokens=TOKENS, ranks={b"AA": 0}, symbols="characters", fallback=FALLBACK),
    "SP-Unigram": UnigramRules(tokens=TOKENS, scores={A: -2.0, B: -2.0, AA: -3.0}),
}
"""Five ways to say the same encoding over A, B and AA."""


def golden(family: str = "greedy") -> Toy:
    """The vocabulary {A, B, AA} with an end, encoded by one of the families."""
    rules = FAMILIES[family]
    table = {token: data for data, token in TOKENS.items()}
    if isinstance(rules, BpeRules) and rules.fallback:
        table |= {token: bytes([byte]) for byte, token in FALLBACK.items()}
    utf8 = isinstance(rules, BpeRules) and rules.symbols == "characters"
    return make_toy(rules, byte_vocabulary(table, ends=[STOP]), [b"A", b"B"], family=family, utf8=utf8, depth=2)


_MARKOV = {
    None: [F(1, 6), F(1, 3), F(1, 2), F(0)],
    A: [F(0), F(1), F(0), F(0)],
    B: [F(1, 8), F(1, 2), F(3, 8), F(0)],
    AA: [F(3, 16), F(1, 4), F(9, 16), F(0)],
}
_STOPPING = {
    None: [F(39, 200), F(3, 10), F(81, 200), F(1, 10)],
    A: [F(0), F(9, 13), F(0), F(4, 13)],
    B: [F(117, 800), F(9, 20), F(243, 800), F(1, 10)],
    AA: [F(351, 1600), F(9, 40), F(729, 1600), F(1, 10)],
}


def markov(ids: Ids, *, stop: bool = False, width: int = 4) -> list[F]:
    """7.1: ids of a Markov chain over letters, encoded; with ``stop`` every position ends with 1/10."""
    row = (_STOPPING if stop else _MARKOV)[ids[-1] if ids else None]
    return row + [F(0)] * (width - 4)


def chain(text: bytes, *, stop: bool = False) -> F:
    """Probability that the chain's letters begin with ``text``, from the letters alone."""
    step = {ord("A"): {ord("A"): F(3, 4), ord("B"): F(1, 4)}, ord("B"): {ord("A"): F(1, 2), ord("B"): F(1, 2)}}
    total, before = F(1), None
    for letter in text:
        total *= {ord("A"): F(2, 3), ord("B"): F(1, 3)}[letter] if before is None else step[before][letter]
        total *= F(9, 10) if stop else 1
        before = letter
    return total


LEAKY = [F(3, 8), F(1, 4), F(1, 4), F(1, 8)]
"""7.2: independent ids A, B, AA, END."""

LEAKY_TABLE = {
    (b"A", "all"): (F(5, 8), F(31, 64), F(6, 64), F(3, 64), F(0), F(31, 40)),
    (b"A", "canonical_context"): (F(5, 8), F(31, 64), F(6, 64), F(3, 64), F(0), F(31, 40)),
    (b"A", "canonical"): (F(5, 8), F(1, 4), F(6, 64), F(3, 64), F(15, 64), F(16, 25)),
    (b"AA", "all"): (F(31, 64), F(173, 512), F(25, 256), F(25, 512), F(0), F(173, 248)),
    (b"AA", "canonical_context"): (F(31, 64), F(1, 4), F(1, 16), F(1, 32), F(9, 64), F(8, 11)),
    (b"AA", "canonical"): (F(1, 4), F(5, 32), F(1, 16), F(1, 32), F(0), F(5, 8)),
    (b"AAA", "all"): (F(173, 512), F(1015, 4096), F(123, 2048), F(123, 4096), F(0), F(1015, 1384)),
    (b"AAA", "canonical_context"): (F(1, 4), F(31, 256), F(3, 128), F(3, 256), F(3, 32), F(31, 40)),
    (b"AAA", "canonical"): (F(5, 32), F(1, 16), F(3, 128), F(3, 256), F(15, 256), F(16, 25)),
}
"""7.2: text and reading; W(x), W(xA), W(xB), W(x, END), leak as a weight, P(A | x) renormalised by bytes."""

SPLIT = {0: b"A", 1: b"B", 2: b"AA", 4: b"A"}
SPLIT_ROW = [F(1, 8), F(1, 4), F(1, 4), F(1, 8), F(1, 4)]
"""7.2: the token A as two ids."""


def constant(row: list[Fraction], _: Ids) -> list[Fraction]:
    """Independent ids: the same row everywhere."""
    return row


def byte_model(rows: PrefixModel | Callable[[Ids], Sequence[Fraction | int]], **options: object) -> ByteModel:
    """A model over the bytes of {A, B, AA}; exact, CANONICAL and greedy unless ``options`` say otherwise."""
    chosen: dict[str, object] = {"eps": 0.0, "reading": "canonical", **options}
    toy = golden(str(chosen.pop("family", "greedy")))
    rule = None if chosen["reading"] == "all" else toy.rule
    model = rows if isinstance(rows, PrefixModel) else fraction_model(rows, end_ids=(STOP,))
    return ByteModel.over(model, toy.vocabulary, rule, **chosen)  # type: ignore[arg-type]


def near(found: float, wanted: Fraction | float) -> bool:
    """Equal but for rounding in float64."""
    return math.isclose(found, float(wanted), rel_tol=1e-12, abs_tol=1e-15)
