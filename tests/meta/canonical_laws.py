"""Laws of the judges of ids, as functions that raise AssertionError: used by the property tests and on planted bugs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from toy_encoders import SYMBOLS, Toy, ToyUnigram, admitted, bytes_by_id, continuations, token_prefixes

from tokbench.bytelevel.canonical import CanonicalRule
from tokbench.bytelevel.utf8 import code_points

SHORT = continuations(2)
"""How texts go on in the search for all contexts."""


def closure(rule: CanonicalRule, toy: Toy, text: str) -> None:
    """Property 13: every token-boundary prefix of an encoding is admitted, and the whole of it is complete."""
    ids = toy.encode(text)
    if ids is None:
        return
    position = {int(token_id): index for index, token_id in enumerate(toy.vocabulary.ids)}
    context = rule.root()
    for count, token_id in enumerate(ids):
        further = rule.step(context, position[token_id])
        assert further is not None, f"{text!r}: {ids[: count + 1]} begins its encoding {ids} and is refuted"
        context = further
    assert rule.complete(context), f"{text!r}: its encoding {ids} is said to be incomplete"


def contexts(rule: CanonicalRule, toy: Toy, text: str, more: Sequence[str] = SHORT, *, seed: int = 0) -> int:
    """Property 12: the admitted contexts are those of brute force, and the masks say what the steps say.

    An admitted context that is not marked undecided has to begin the encoding of some text; for Unigram it may also
    tie with the encoding of its own.

    Returns:
        Number of undecided contexts.
    """
    data = text.encode()
    found = admitted(rule, toy.vocabulary, data)
    expected = _by_force(toy, text, more, random.Random(seed))
    undecided = 0
    for offset, contexts_here in enumerate(found):
        missing = expected[offset] - contexts_here.keys()
        assert not missing, f"{text!r} at {offset}: {missing} begin encodings and are refuted"
        for ids in contexts_here.keys() - expected[offset]:
            if contexts_here[ids].undecided:
                undecided += 1
            else:
                assert _witness(toy, ids, seed), f"{text!r} at {offset}: {ids} is admitted, and no text begins so"
    whole = toy.encode(text)
    for ids, context in found[len(data)].items():
        if isinstance(toy, ToyUnigram):
            assert rule.complete(context)  # ties are admitted
        else:
            assert rule.complete(context) == (whole is not None and tuple(whole) == ids), f"{text!r}: complete({ids})"
    return undecided


def _by_force(toy: Toy, text: str, more: Sequence[str], rng: random.Random) -> list[set[tuple[int, ...]]]:
    data, bytes_of = text.encode(), bytes_by_id(toy.vocabulary)
    expected: list[set[tuple[int, ...]]] = [set() for _ in range(len(data) + 1)]

    def note(longer: str) -> None:
        ids = toy.encode(longer)
        encoded = longer.encode()
        for offset, prefix in token_prefixes(bytes_of, ids) if ids is not None else ():
            if offset <= len(data) and encoded[:offset] == data[:offset]:
                expected[offset].add(prefix)

    for length in range(len(text) + 1):
        for ending in more:
            note(text[:length] + ending)
    for length, character in enumerate(text):  # other characters that begin with the same bytes
        encoded = character.encode()
        for cut in range(1, len(encoded)):
            others = [value for value in range(*code_points(encoded[:cut])) if not 0xD800 <= value < 0xE000]
            for value in rng.sample(others, min(len(others), 12)):
                for ending in ("", "a", "1", " a"):
                    note(text[:length] + chr(value) + ending)
    return expected


def _witness(toy: Toy, ids: tuple[int, ...], seed: int) -> bool:
    """Search further for a text whose encoding begins so."""
    bytes_of, rng = bytes_by_id(toy.vocabulary), random.Random(seed)
    data = b"".join(bytes_of[token_id] for token_id in ids)
    try:
        text, heads = data.decode(), [data.decode()]
    except UnicodeDecodeError as error:
        text = data[: error.start].decode()
        heads = [
            text + chr(value) for value in range(*code_points(data[error.start :])) if not 0xD800 <= value < 0xE000
        ]
    for head in heads:
        for ending in (
            "",
            "a",
            "1",
            "  a",
            ".",
            *("".join(rng.choices(SYMBOLS, k=3)) for _ in range(4000 // len(heads))),
        ):
            found = toy.encode(head + ending)
            if found is not None and tuple(found[: len(ids)]) == ids:
                return True
    if isinstance(toy, ToyUnigram):
        return any(abs(score(toy, ids) - score(toy, toy.encode(head)[: len(ids)] )) < 2e-5 or
                   abs(score(toy, ids) - score(toy, toy.encode(head))) < 2e-5 for head in heads[:1])  # fmt: skip
    return False


def score(toy: ToyUnigram, ids: Sequence[int]) -> float:
    """Sum of the scores of pieces and of unknown characters spelled in bytes."""
    total, rest = 0.0, b""
    byte_of = {token_id: byte for byte, token_id in toy.rules.fallback.items()}
    for token_id in ids:
        if token_id in toy.rules.scores:
            total += toy.rules.scores[token_id]
            continue
        rest += bytes([byte_of[token_id]])
        try:
            rest.decode()
        except UnicodeDecodeError:
            continue
        total, rest = total + toy.rules.unknown_score, b""
    return total


def pairs(valid: Callable[[int, int], bool], toy: Toy, encode_piece: Callable[[bytes], list[int]],
          usable: Sequence[int], rng: random.Random, count: int) -> None:  # fmt: skip
    """Property 14: a pair is valid if, and only if, its joined bytes are encoded as the pair.

    Args:
        valid: The rule, of positions in the vocabulary.
        toy: The vocabulary.
        encode_piece: Merging by definition.
        usable: Positions of the tokens that merging reaches.
        rng: Source of randomness.
        count: Number of pairs.
    """
    vocabulary = toy.vocabulary
    for _ in range(count):
        left, right = rng.choice(usable), rng.choice(usable)
        ids = [int(vocabulary.ids[left]), int(vocabulary.ids[right])]
        expected = encode_piece(vocabulary.token(left) + vocabulary.token(right)) == ids
        assert valid(left, right) == expected, (
            f"the pair {vocabulary.token(left)!r}, {vocabulary.token(right)!r} is {'' if expected else 'in'}valid"
        )
