"""Properties of the grader, of the counts and of the items of the suite phantom."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from itertools import product

import phantom_laws as laws
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phantom_items import BYTES, PIECES, TEXT, TINY, canonical_reply, item, reply

from tokbench.bytelevel import Lattice
from tokbench.bytelevel.counting import log2_segmentations
from tokbench.suites.phantom.grading import grade
from tokbench.suites.phantom.item import Item, Marking
from tokbench.suites.phantom.items import PROFILES, items, items_sha256
from tokbench.suites.phantom.replies import split_words
from tokbench.tokenizers import Tokenizer, load_tokenizer
from tokbench.tokenizers.vocabulary import ByteVocabulary

pytestmark = pytest.mark.property

WORDS = [word.text for word in split_words(TEXT)]
TARGETS = sorted({word for word in WORDS if WORDS.count(word) == 1 and TEXT.count(word) == 1})
MARKINGS: tuple[Marking, ...] = ("bracket", "ordinal", "copy")
entries = st.builds(
    lambda word, marking: item(word, marking=marking), st.sampled_from(TARGETS), st.sampled_from(MARKINGS)
)
seeds = st.integers(0, 2**32)


def segmentation(tokenizer: Tokenizer, text: str, seed: int) -> tuple[int, ...]:
    """Any ids that spell a text, each segmentation as likely as another."""
    return Lattice(tokenizer.byte_vocabulary(), text.encode()).uniform(seed, 0)


@given(entries, seeds, st.booleans())
@settings(max_examples=60)
def test_equal_text_is_never_replaced(entry: Item, seed: int, marks: bool) -> None:  # noqa: FBT001, drawn
    text = entry.marked if marks else entry.text
    found = laws.only(entry, reply(text, segmentation(TINY, text, seed)), TINY)
    assert found.outcome.status in {"UNCHANGED", "DIFFERENT"}
    assert found.before is not None
    assert found.after is not None
    assert (found.outcome.status == "UNCHANGED") == (found.before.ids == found.after.ids)
    flags = found.outcome.flags
    assert flags is not None
    assert flags.nu1_equal
    assert flags.strict == (found.before.data == found.after.data)
    assert b"".join(found.after.pieces) == found.after.data
    assert (found.classified is None) == (found.outcome.status == "UNCHANGED")


@given(entries, seeds, st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_ids_are_only_names(entry: Item, seed: int, random: object) -> None:
    places = list(range(len(TINY.byte_vocabulary())))
    random.shuffle(places)  # type: ignore[attr-defined] # a generator of hypothesis
    laws.ids_stay_private(places, reply(entry.text, segmentation(TINY, entry.text, seed)), entry)


@given(entries, st.lists(st.sampled_from(["zq", "", " ", "\n", "Zq zq"]), min_size=1, max_size=3))
@settings(max_examples=60)
def test_over_bytes_no_phantom_edit_is_possible(entry: Item, parts: list[str]) -> None:
    """One segmentation, so equal bytes are equal ids; what is left is white space."""
    word = entry.targets[0].word
    for blank in parts:
        text = entry.text.replace(f" {word}", f" {blank}{word}")
        for target in grade(entry, canonical_reply(BYTES, text), BYTES).targets:
            flags, change = target.outcome.flags, target.classified
            if target.outcome.status == "DIFFERENT":
                assert flags is not None
                assert change is not None
                assert not flags.strict
                assert change.label in {"E1", "E2", "E3", "E11"}
    assert Lattice(BYTES.byte_vocabulary(), word.encode()).count() == 1


@given(entries, st.lists(st.sampled_from(WORDS), max_size=3), st.sampled_from([TINY, PIECES, BYTES]), seeds)
@settings(max_examples=80)
def test_what_is_not_marked_changes_collateral_only(
    entry: Item, others: list[str], tokenizer: Tokenizer, seed: int
) -> None:
    """Up to two of ten words around a target may go; text before and behind the passage does not count."""
    word = entry.targets[0].word
    places = [at for at, other in enumerate(WORDS) if other in others[:2] and other != word and WORDS.count(other) == 1]
    text = entry.text
    for at in places:
        text = text.replace(f" {WORDS[at]}", " zqzq") if at else text.replace(WORDS[at], "Zqzq", 1)
    before = grade(entry, canonical_reply(tokenizer, entry.text), tokenizer)
    after = grade(entry, canonical_reply(tokenizer, text), tokenizer)
    assert after.targets[0].outcome.status == before.targets[0].outcome.status
    assert after.targets[0].said == before.targets[0].said
    assert (before.collateral, after.collateral) == (0, len(places))
    head = "Sure, here you are:\n\n" if seed % 2 else ""
    tail = "\n\nI hope that helps." if seed % 3 else ""
    around = grade(entry, canonical_reply(tokenizer, f"{head}{entry.text}{tail}"), tokenizer)
    assert around.targets[0].outcome.status in {before.targets[0].outcome.status, "DIFFERENT", "UNCHANGED"}
    assert around.targets[0].said in {before.targets[0].said, f"\n\n{word}"}
    assert (around.collateral, around.preamble) == (0, bool(head))


def test_damage_far_from_a_target_leaves_its_ids() -> None:
    entry = item("old", marking="ordinal")
    before = laws.only(entry, canonical_reply(TINY, TEXT), TINY)
    after = laws.only(entry, canonical_reply(TINY, TEXT.replace("window", "zqzq").replace("The", "Zq", 1)), TINY)
    assert (before.outcome, before.after) == (after.outcome, after.after)


# ---------------------------------------------------------------------- counts


@given(st.text(alphabet="ehour s\n’é", max_size=9))
def test_the_count_is_that_of_the_lattice_and_of_brute_force(text: str) -> None:
    data = text.encode()
    tokens = {TINY.token_bytes(int(id_)) for id_ in TINY.byte_vocabulary().ids}

    def brute(rest: bytes) -> int:
        return 1 if not rest else sum(brute(rest[size:]) for size in range(1, len(rest) + 1) if rest[:size] in tokens)

    count = brute(data)
    assert Lattice(TINY.byte_vocabulary(), data).count() == count
    assert log2_segmentations(TINY.byte_vocabulary(), data) == pytest.approx(math.log2(count), abs=1e-12)


@given(st.lists(st.sampled_from(["house", " ", "engineer", "\n", "walked", "ü"]), min_size=1, max_size=40))
@settings(max_examples=40)
def test_the_logarithm_is_that_of_the_count_of_a_longer_text(parts: list[str]) -> None:
    data = "".join(parts).encode()
    count = Lattice(TINY.byte_vocabulary(), data).count()
    whole = count.bit_length() - 60
    exact = math.log2(count >> whole) + whole if whole > 0 else math.log2(count)
    assert log2_segmentations(TINY.byte_vocabulary(), data) == pytest.approx(exact, abs=1e-9)
    spans = []
    at = 0
    for part in parts:
        spans.append((at, at + len(part.encode())))
        at = spans[-1][1]
    within = log2_segmentations(TINY.byte_vocabulary(), data, spans)
    each = math.fsum(math.log2(Lattice(TINY.byte_vocabulary(), part.encode()).count()) for part in parts)
    assert within == pytest.approx(each, abs=1e-9)
    assert within <= exact + 1e-9


def test_a_long_text_does_not_overflow() -> None:
    data = b"house " * 20000
    one, two = (log2_segmentations(TINY.byte_vocabulary(), data[:size]) for size in (60_000, 120_000))
    assert math.isfinite(two)
    assert two == pytest.approx(2 * one, rel=1e-4)


def test_an_uncoverable_text_has_none() -> None:
    unigram = ByteVocabulary.build(load_tokenizer("sentencepiece:@tiny-unigram.model"))
    assert log2_segmentations(unigram, b"\x00") == -math.inf


@given(st.sampled_from(TARGETS), st.sampled_from([TINY, PIECES, BYTES]))
def test_the_encoding_of_a_tokenizer_is_a_segmentation(word: str, tokenizer: Tokenizer) -> None:
    lattice = Lattice.of(tokenizer, word)
    assert tuple(tokenizer.encode(word)) in lattice


# ---------------------------------------------------------------------- items


def test_items_do_not_depend_on_the_seed_of_hashes() -> None:
    code = "from tokbench.suites.phantom.items import items, items_sha256; print(items_sha256(items('smoke')))"
    seed = "77" if os.environ.get("PYTHONHASHSEED") != "77" else "78"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True,
        encoding="utf-8",
    )  # fmt: skip
    assert done.stdout.strip() == items_sha256(items("smoke"))


@pytest.mark.slow
def test_a_smaller_profile_is_part_of_a_larger_one() -> None:
    made = {profile: items(profile) for profile in PROFILES}
    keys = {profile: {json.dumps([entry.item_id, entry.prompt]) for entry in found} for profile, found in made.items()}
    assert keys["smoke"] < keys["core"] < keys["full"]
    assert [len(made[profile]) for profile in PROFILES] == [768, 24_000, 44_000]
    extra = [entry for entry in made["full"] if entry.marking in {"quoted", "offsets"}]
    assert len(extra) == 2_000
    for entry in made["full"]:
        (target,) = entry.targets
        assert entry.text.encode()[target.start : target.end].decode() == target.word
    # pinned, so that no change of a list or a frame goes unnoticed under the same version of the suite
    assert items_sha256(made["core"][:1000]) == "21241b42d999763e20e6e2b31264e2288b1696f9959111ef04e9a94e6a1f948a"


@pytest.mark.parametrize("seed", [1, 2])
def test_another_seed_has_other_items(seed: int) -> None:
    assert items_sha256(items("smoke", seed)) != items_sha256(items("smoke"))


def test_markings_share_their_targets() -> None:
    found = items("smoke")
    for first, second, third in product(range(0, len(found), 3), [1], [2]):
        three = [found[first], found[first + second], found[first + third]]
        assert [entry.marking for entry in three] == ["bracket", "ordinal", "copy"]
        assert len({(entry.text, entry.targets) for entry in three}) == 1
