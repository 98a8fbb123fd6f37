from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import canonical_laws
import numpy as np
import pytest
import sentencepiece
from toy_encoders import (
    LETTERS,
    SYMBOLS,
    Toy,
    ToyBpe,
    admitted,
    continuations,
    random_byte_bpe,
    random_character_bpe,
    random_greedy,
    random_unigram,
    vocabulary_of,
)

from tokbench._resources import data_root
from tokbench.bytelevel.canonical import CanonicalRule, canonical_rule, rule_for
from tokbench.errors import UnsupportedReadingError
from tokbench.tokenizers import Tokenizer, load_tokenizer
from tokbench.tokenizers.patterns import PATTERNS
from tokbench.tokenizers.rules import BpeRules, GreedyRules, UnigramRules
from tokbench.tokenizers.vocabulary import ByteVocabulary

RIGHT_DIGITS = PATTERNS["cl100k"].replace(r"\p{N}{1,3}", r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))")
SPLITS = {name: pattern for name, pattern in PATTERNS.items() if name != "whole"} | {"right": RIGHT_DIGITS}


def _rule(toy: Toy) -> CanonicalRule:
    return rule_for(toy.rules, toy.vocabulary)


def _contexts(rule: CanonicalRule, vocabulary: ByteVocabulary, text: str) -> list[set[tuple[int, ...]]]:
    return [set(found) for found in admitted(rule, vocabulary, text.encode())]


# ---------------------------------------------------------------------- golden numbers of the specification, 7.5


@pytest.fixture(scope="module")
def small_gpt2() -> ToyBpe:
    tokens = {bytes([byte]): byte for byte in range(256)} | {b"in": 256, b" in": 257, b"  ": 258}
    return ToyBpe(BpeRules(tokens=tokens, ranks=tokens, pattern=PATTERNS["gpt2"]))


def test_golden_contexts_under_look_ahead(small_gpt2: ToyBpe) -> None:
    rule = _rule(small_gpt2)
    assert _contexts(rule, small_gpt2.vocabulary, " in  1") == [
        {()},
        {(32,)},
        {(32, 105)},
        {(257,)},
        {(257, 32)},
        {(257, 258), (257, 32, 32)},
        {(257, 32, 32, 49)},
    ]
    assert small_gpt2.encode(" in  ") == [257, 258]
    assert small_gpt2.encode(" in   a") == [257, 258, 32, 97]


def test_a_decided_boundary_inside_a_token_refutes(small_gpt2: ToyBpe) -> None:
    rule, vocabulary = _rule(small_gpt2), small_gpt2.vocabulary
    position = {int(token_id): index for index, token_id in enumerate(vocabulary.ids)}
    assert rule.context_of([position[257], position[258]]) is not None
    assert rule.context_of([position[257], position[258], position[49]]) is None
    assert rule.context_of([position[257], position[258], position[49], position[49]]) is None


def test_only_one_of_two_contexts_is_a_whole_encoding(small_gpt2: ToyBpe) -> None:
    rule = _rule(small_gpt2)
    last = admitted(rule, small_gpt2.vocabulary, b" in  ")[-1]
    assert {ids: rule.complete(context) for ids, context in last.items()} == {(257, 258): True, (257, 32, 32): False}
    assert not any(context.undecided for context in last.values())


REAL = {
    "mistral:tekken_240911": (" in  1", [1294, 1256], [1294, 1032, 1032, 1049]),
    "tiktoken:cl100k_base": (" in  1", [304, 256], [304, 220, 220, 16]),
    "tiktoken:o200k_base": (" in  1", [306, 256], [306, 220, 220, 16]),
    "tiktoken:r50k_base": ("a\n\nb", [64, 628], [64, 198, 198, 65]),
}


@pytest.fixture(scope="module", params=REAL)
def real(request: pytest.FixtureRequest) -> tuple[str, Tokenizer]:
    with pytest.MonkeyPatch.context() as patch:
        spec = str(request.param)
        if spec.startswith("mistral"):
            pytest.importorskip("mistral_common")
        else:
            patch.setenv("TIKTOKEN_CACHE_DIR", str(request.getfixturevalue("tiktoken_cache")))
        return spec, load_tokenizer(spec)


@pytest.mark.data
def test_golden_contexts_of_real_vocabularies(real: tuple[str, Tokenizer]) -> None:
    spec, tokenizer = real
    text, short, long = REAL[spec]
    assert tokenizer.encode(text) == long
    assert tokenizer.encode(text[:-1]) == short
    rule, vocabulary = canonical_rule(tokenizer), tokenizer.byte_vocabulary()
    found = _contexts(rule, vocabulary, text)
    assert {tuple(short), tuple(long[:-1])} <= found[-2]
    assert tuple(long) in found[-1]
    assert (*short, long[-1]) not in found[-1]


@pytest.mark.data
def test_masks_and_witnesses_of_real_vocabularies(real: tuple[str, Tokenizer]) -> None:
    _, tokenizer = real
    rule, vocabulary = canonical_rule(tokenizer), tokenizer.byte_vocabulary()
    rng = random.Random(0)
    texts = ["def f(x):\n    return x  # naïve", "it's  we'll 12345", "\t\n  x", "你好 🦙 é", "a'ſ'LL  \n b/c."]
    more = [
        *continuations(1),
        "'s",
        "ll",
        "  a",
        " a",
        "  1",
        "11",
        "\n\n",
        "\n a",
        "es",
        "\u00a0x",
        "'t a",
        "𝟙",
        "ക",
        "½",
    ]
    for text in texts:
        for offset, contexts in enumerate(admitted(rule, vocabulary, text.encode())):
            for ids, context in contexts.items():
                lo = rng.randrange(len(vocabulary) - 30)
                dead = rule.dead(context, lo, lo + 30)
                steps = [rule.step(context, index) is None for index in range(lo, lo + 30)]
                assert (dead.tolist() if dead is not None else [False] * 30) == steps
                head = text.encode()[:offset].decode("utf-8", "ignore")
                if head.encode() == text.encode()[:offset] and not context.undecided:
                    assert any(tuple(tokenizer.encode(head + ending)[: len(ids)]) == ids for ending in more), (
                        head,
                        ids,
                    )


@pytest.mark.data
def test_completions_of_tiktoken_are_admitted_or_wrong(real: tuple[str, Tokenizer]) -> None:
    spec, tokenizer = real
    if not spec.startswith("tiktoken"):
        pytest.skip("only tiktoken completes")
    rule, vocabulary = canonical_rule(tokenizer), tokenizer.byte_vocabulary()
    position = {int(token_id): index for index, token_id in enumerate(vocabulary.ids)}
    encoding = tokenizer.encoding  # type: ignore[attr-defined]
    rng = random.Random(0)
    refuted = count = 0
    for text in [" in  ", "hello wor", "don'", "x = 12", "\n\n  ", "naï", "  a"]:
        stable, completions = encoding.encode_with_unstable(text, disallowed_special=())
        for completion in rng.sample(sorted(completions), min(len(completions), 60)):
            ids = [*stable, *completion]
            count += 1
            if rule.context_of([position[token_id] for token_id in ids]) is None:
                # behind an apostrophe it offers words that begin with a contraction: "don" + "'description"
                refuted += 1
                longer = tokenizer.join_bytes(ids).decode("utf-8", "ignore")
                assert not any(tokenizer.encode(longer + ending)[: len(ids)] == ids for ending in continuations(1))
    assert refuted < count / 5


# ---------------------------------------------------------------------- brute force on small vocabularies

FAMILIES: dict[str, Callable[[random.Random], Toy]] = {
    "characters": lambda rng: random_character_bpe(rng, listed=False),
    "listed characters": lambda rng: random_character_bpe(rng, listed=True),
    "unigram": random_unigram,
    "greedy": lambda rng: random_greedy(rng, wordpiece=False),
    "wordpiece": lambda rng: random_greedy(rng, wordpiece=True),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", [*SPLITS, "no pattern"])
def test_byte_level_contexts_are_those_of_brute_force(name: str, seed: int) -> None:
    rng = random.Random(f"{name}-{seed}")
    toy = random_byte_bpe(
        rng,
        SPLITS.get(name),
        listed=seed % 2 == 1,
        whole=seed >= 2,
        merges=rng.randint(5, 60),
        cut_out=2 * (seed == 3),
    )
    rule = _rule(toy)
    for _ in range(2):
        text = "".join(rng.choices(SYMBOLS, k=rng.randint(1, 5)))
        assert canonical_laws.contexts(rule, toy, text) == 0
        canonical_laws.closure(rule, toy, text)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("family", FAMILIES)
def test_other_contexts_are_those_of_brute_force(family: str, seed: int) -> None:
    rng = random.Random(f"{family}-{seed}")
    toy = FAMILIES[family](rng)
    rule, more = _rule(toy), continuations(2, LETTERS)
    for _ in range(3):
        text = "".join(rng.choices(LETTERS, k=rng.randint(1, 6)))
        assert canonical_laws.contexts(rule, toy, text, more) == 0
        canonical_laws.closure(rule, toy, text)


def test_a_context_without_a_witness_is_undecided() -> None:
    # two spaces are two tokens only if a letter follows the second, and with the only letter it is one token
    tokens = {b" ": 0, b"a": 1, b"  ": 2, b" a": 3}
    toy = ToyBpe(BpeRules(tokens=tokens, ranks=tokens, pattern=PATTERNS["gpt2"]))
    found = admitted(_rule(toy), toy.vocabulary, b"  ")[-1]
    assert {ids: context.undecided for ids, context in found.items()} == {(2,): False, (0, 0): True}
    assert not any(toy.encode("  " + ending)[:2] == [0, 0] for ending in continuations(6, (" ", "a")))


def test_pairs_are_not_enough_for_greedy() -> None:
    tokens = {b"A": 0, b"AAA": 1}
    vocabulary = vocabulary_of(tokens.items())
    rule = rule_for(GreedyRules(tokens=tokens), vocabulary)
    assert rule.context_of([0, 0]) is not None
    assert rule.context_of([0, 0, 0]) is None
    assert rule.context_of([1, 0, 0]) is not None


def test_ties_of_unigram_are_admitted() -> None:
    rules = UnigramRules(tokens={b"a": 0, b"aa": 1}, scores={0: -1.0, 1: -2.0}, unknown_score=-12.0)
    toy_vocabulary = vocabulary_of(rules.tokens.items())
    found = _contexts(rule_for(rules, toy_vocabulary), toy_vocabulary, "aaa")
    assert found[-1] == {(0, 0, 0), (0, 1), (1, 0)}


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_prefixes_of_the_encodings_of_trained_models_are_admitted(kind: str, tmp_path: Path) -> None:
    lines = (data_root() / "fixtures" / "corpus.txt").read_text().splitlines()[:1500]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(tmp_path / kind),
        model_type=kind,
        vocab_size=900,
        character_coverage=0.98,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        byte_fallback=True,
        minloglevel=2,
        num_threads=1,
    )
    tokenizer = load_tokenizer(f"sentencepiece:{tmp_path / kind}.model")
    rule, vocabulary = canonical_rule(tokenizer), tokenizer.byte_vocabulary()
    position = {int(token_id): index for index, token_id in enumerate(vocabulary.ids)}
    rng = random.Random(0)
    text = " ".join(lines)
    for _ in range(300):
        start = rng.randrange(len(text) - 80)
        sample = text[start : start + rng.randint(1, 80)] + "".join(rng.choices(SYMBOLS, k=3))
        ids = tokenizer.encode(sample)
        context = rule.context_of([position[token_id] for token_id in ids])
        assert context is not None, sample
        assert rule.complete(context)
        for _ in range(3):
            wrong = [*ids]
            at = rng.randrange(len(wrong))
            wrong[at] = int(vocabulary.ids[rng.randrange(len(vocabulary))])
            joined = tokenizer.join_bytes(wrong)
            other = rule.context_of([position[token_id] for token_id in wrong])
            if other is None or not rule.complete(other) or not joined.startswith(b" ") or kind == "unigram":
                continue
            assert tokenizer.encode(joined.decode()[1:]) == wrong


def test_bytes_of_a_character_with_a_piece_are_refuted() -> None:
    fallback = {byte: 10 + byte for byte in range(256)}
    rules = BpeRules(tokens={"é".encode(): 0}, ranks={}, symbols="characters", fallback=fallback, absent=frozenset("è"))
    toy = ToyBpe(rules)
    rule, position = _rule(toy), {int(token_id): index for index, token_id in enumerate(toy.vocabulary.ids)}
    first, piece, absent, free = (position[10 + byte] for byte in (0xC3, 0xA9, 0xA8, 0xAA))
    assert rule.context_of([first]) is not None
    assert rule.context_of([first, piece]) is None
    assert rule.context_of([first, absent]) is None
    assert rule.context_of([first, free]) is not None
    assert rule.context_of([first, first]) is None


def test_any_bytes_are_texts_of_the_bytes_tokenizer() -> None:
    tokenizer = load_tokenizer("bytes")
    rule = canonical_rule(tokenizer)
    context = rule.context_of([0xFF, 0x80, 0xC3])
    assert context is not None
    assert rule.complete(context)
    dead = rule.dead(context, 0, 256)
    assert dead is None or not dead.any()


def test_unfinished_characters_end_no_text(small_gpt2: ToyBpe) -> None:
    rule = _rule(small_gpt2)
    context = rule.context_of([small_gpt2.vocabulary.exact(b"\xc3")[0]])
    assert context is not None
    assert not rule.complete(context)
    assert rule.context_of([small_gpt2.vocabulary.exact(b"\x80")[0]]) is None
    dead = rule.dead(context, 0, len(small_gpt2.vocabulary))
    assert dead is not None
    alive = [small_gpt2.vocabulary.token(int(index)) for index in np.flatnonzero(~dead)]
    assert alive == [bytes([byte]) for byte in range(0x80, 0xC0)]


@pytest.mark.parametrize("name", [*SPLITS, "no pattern"])
@pytest.mark.parametrize("whole", [False, True])
def test_masks_inside_a_character_are_the_steps(name: str, whole: bool) -> None:  # noqa: FBT001, a parameter
    # what is remembered there is asked again in other ranges, behind other tokens, with other bytes of the character
    # in front, and where the next byte would make a token that is only found whole (the third digit ends a pre-token)
    rng = random.Random(f"{name}-{whole}")
    tables = [
        [b"\xadb", b"a\xc3", b"\xc3\xa9"],
        [b"\xadb", b"\xe4\xb8", b"\xb8\xad", b"\xe4\xb8\xad", b"\xc3\xa9", b"\xf0\x9f"],
        [b"\xb8\xad", b"\xa6\x99", b"a\xc3", b"\xadb"],
    ]
    inside = 0
    for joins in tables:
        tokens = {bytes([byte]): byte for byte in range(256)} | {join: 256 + at for at, join in enumerate(joins)}
        if whole:
            tokens |= {b"b\xe4\xb8": 401, "\u00e9b".encode(): 402, "\u4e2d".encode() * 2: 403, "12\u0661".encode(): 404}
        toy = ToyBpe(BpeRules(tokens=tokens, ranks=tokens, pattern=SPLITS.get(name), whole_first=whole))
        rule, vocabulary, size = _rule(toy), toy.vocabulary, len(toy.vocabulary)
        ranges = [(0, size), (0, 256), (130, size), *(vocabulary.range(bytes([byte])) for byte in (0x80, 0xB8, 0xAD))]
        for text in ("b\u4e2d\u4e2d a\u00e9", "a\u00e9b\U0001f999", "b\u00e9", "b\U00038b4d", "b\u4e2db", "12\u0661"):
            data = text.encode()
            for contexts, byte in zip(admitted(rule, vocabulary, data), data + b" ", strict=True):
                for context in contexts.values() if byte & 0xC0 == 0x80 else ():
                    inside += 1
                    alive = [rule.step(context, index) is not None for index in range(size)]
                    for lo, hi in [*rng.sample(ranges[1:], len(ranges) - 1), *ranges[1:], ranges[0]]:
                        dead = rule.dead(context, lo, hi)
                        assert dead is not None
                        assert (~dead).tolist() == alive[lo:hi]
    assert inside > 20


@pytest.mark.parametrize(
    "text", ["b" * 6000, " " * 6000, "你" * 2000, "=" * 6000, "ab" * 3000, "\n" * 6000, "1" * 6000]
)
@pytest.mark.parametrize("name", SPLITS)
def test_what_is_remembered_does_not_grow_with_the_text(name: str, text: str) -> None:
    tokens = {bytes([byte]): byte for byte in range(256)}
    toy = ToyBpe(BpeRules(tokens=tokens, ranks=tokens, pattern=SPLITS[name]))
    rule = _rule(toy)
    context = rule.root()
    positions = [toy.vocabulary.exact(bytes([byte]))[0] for byte in range(256)]
    for byte in text.encode() if name != "right" or text[0] != "1" else text[:60].encode():
        further = rule.step(context, positions[byte])
        assert further is not None
        context = further
        assert name == "right" or len(context.tail.shape) < 12  # type: ignore[attr-defined]
    assert rule.complete(context)


def test_patterns_that_are_not_known_are_refused() -> None:
    tokens = {bytes([byte]): byte for byte in range(256)}
    rules = BpeRules(tokens=tokens, ranks=tokens, pattern=r"\w+|\W")
    with pytest.raises(UnsupportedReadingError, match="the split pattern of toy:x"):
        rule_for(rules, vocabulary_of(tokens.items()), spec="toy:x")


def test_a_tokenizer_without_rules_is_refused() -> None:
    with pytest.raises(UnsupportedReadingError, match="drops white space"):
        canonical_rule(load_tokenizer("hf:@tiny-wordpiece.json"))


def test_the_judge_of_a_tokenizer_is_built_once() -> None:
    tokenizer = load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")
    assert canonical_rule(tokenizer) is canonical_rule(load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2"))


def _tiktoken(path: Path) -> Tokenizer:
    return load_tokenizer(f"tiktoken:{path}?pattern=whole")


def test_a_pattern_that_does_not_split_is_no_pattern(tmp_path: Path) -> None:
    import base64

    tokens = [*(bytes([byte]) for byte in range(256)), b" a", b"a ", b"  "]
    path = tmp_path / "whole.tiktoken"
    path.write_bytes(b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens)))
    tokenizer = _tiktoken(path)
    rule, vocabulary = canonical_rule(tokenizer), tokenizer.byte_vocabulary()
    for text in (" a a", "a  a ", "   "):
        for offset, contexts in enumerate(admitted(rule, vocabulary, text.encode())):
            assert set(contexts) == {tuple(tokenizer.encode(text[:offset]))}
