"""Every scripted responder against the result that its edits must have."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import pytest
from phantom_items import TINY, item

from tokbench.bytelevel import Lattice
from tokbench.errors import UnsupportedError
from tokbench.models.completion import Completion, Prompt
from tokbench.suites.phantom.grading import ItemResult, TargetResult, grade
from tokbench.suites.phantom.item import Item
from tokbench.suites.phantom.items import items
from tokbench.suites.phantom.scripted import DAMAGE, NAMES, responders
from tokbench.tokenizers import Tokenizer, load_tokenizer

SPECS = (
    "hf:@tiny.json",
    "tiktoken:@tiny.tiktoken?pattern=gpt2",
    "sentencepiece:@tiny.model",
    "mistral:v3",
    "mistral:tekken_240911",
    "bytes",
)


@cache
def loaded(spec: str) -> Tokenizer:
    return load_tokenizer(spec)


@cache
def asked() -> tuple[Item, ...]:
    """Three targets of each stratum under three markings."""
    return tuple(entry for entry in items("smoke") if int(entry.item_id.split("/")[2]) % 11 == 0)


def answer(spec: str, name: str, entry: Item) -> Completion:
    return responders(loaded(spec))[name](Prompt(text=entry.prompt, item=entry))


def graded(spec: str, name: str) -> list[tuple[Item, TargetResult, ItemResult]]:
    found = []
    for entry in asked():
        result = grade(entry, answer(spec, name, entry), loaded(spec))
        (target,) = result.targets
        found.append((entry, target, result))
    return found


def statuses(rows: Iterable[tuple[Item, TargetResult, ItemResult]]) -> set[tuple[str, str]]:
    return {(target.outcome.status, target.outcome.sub) for _, target, _ in rows}


def fused(target: TargetResult) -> bool:
    """Whether its first token holds the space before it."""
    assert target.before is not None
    return target.before.pieces[0].startswith(b" ") and len(target.before.pieces[0]) > 1


def has_twin(spec: str, target: TargetResult) -> bool:
    """Whether the first token of a target holds the space before it, and is a token without it too."""
    assert target.before is not None
    return fused(target) and bool(loaded(spec).byte_vocabulary().lookup(target.before.pieces[0][1:]))


def own_slice(tokenizer: Tokenizer, text: str, start: int, end: int) -> list[int]:
    """Ids of the tokens that share a byte with a span."""
    pairs = zip(tokenizer.encode(text), tokenizer.spans(text), strict=True)
    return [id_ for id_, (first, last) in pairs if first < end and last > start]


@pytest.mark.parametrize("spec", SPECS)
def test_copier(spec: str) -> None:
    for entry, target, result in graded(spec, "copier"):
        assert target.outcome.status == "UNCHANGED"
        assert target.kept_marks is (True if entry.marking == "bracket" else None)
        assert (result.collateral, result.preamble) == (0, False)


@pytest.mark.parametrize("spec", SPECS)
def test_canonical_copier(spec: str) -> None:
    """What it has to lose is found here without slices: by the spans of the prompt and of the passage."""
    tokenizer = loaded(spec)
    for entry, target, result in graded(spec, "canonical-copier"):
        word = entry.targets[0]
        spaced = word.start - (entry.text.encode()[word.start - 1 : word.start] == b" ")
        place = entry.in_prompt(word.start)
        before = place - (word.start - spaced if entry.marking != "bracket" else 0)
        given = own_slice(tokenizer, entry.prompt, before, place + word.end - word.start)
        back = own_slice(tokenizer, entry.text, spaced, word.end)
        assert target.outcome.status == ("UNCHANGED" if given == back else "DIFFERENT"), entry.item_id
        flags = target.outcome.flags
        assert flags is not None
        assert flags.context_explained is True
        assert flags.noncanonical_out is False
        assert not flags.strict_unexplained
        assert (result.collateral, result.first_drift) == (0, None)


@pytest.mark.parametrize("spec", SPECS)
def test_space_dropper(spec: str) -> None:
    lost = 0
    for entry, target, _ in graded(spec, "space-dropper"):
        assert target.said is not None
        assert not target.said.startswith(" ")
        if entry.marking == "bracket" or entry.targets[0].sentence_initial:
            continue  # no space stood before it
        assert target.outcome.status == "DIFFERENT"
        assert target.outcome.flags is not None
        assert not target.outcome.flags.strict
        if has_twin(spec, target):
            assert target.classified is not None
            assert (target.classified.label, target.classified.detail) == ("E1", "lost")
            lost += 1
    assert lost > 0 or spec == "bytes"


@pytest.mark.parametrize("spec", SPECS)
def test_space_splitter(spec: str) -> None:
    split = 0
    for _, target, _ in graded(spec, "space-splitter"):
        assert target.before is not None
        assert target.said is not None
        assert target.said.startswith(" ")
        spaced = target.before.data.startswith(b" ")
        assert target.outcome.flags is not None
        assert target.outcome.flags.strict == spaced
        if spaced and not fused(target):
            assert target.outcome.status == "UNCHANGED"  # the space was a token of its own already
        elif not spaced or has_twin(spec, target):
            assert target.classified is not None
            assert (target.classified.label, target.classified.detail) == ("E2", "detached")
            split += 1
    assert split > 0


@pytest.mark.parametrize("spec", SPECS)
def test_newliner(spec: str) -> None:
    for _, target, result in graded(spec, "newliner"):
        assert target.outcome.status == "DIFFERENT"
        assert target.classified is not None
        assert (target.classified.label, target.classified.detail) == ("E3", "to_newline")
        assert target.outcome.flags is not None
        assert not target.outcome.flags.strict
        assert result.collateral == 0


@pytest.mark.parametrize("spec", SPECS)
def test_resampler(spec: str) -> None:
    tokenizer, other = loaded(spec), 0
    for entry, target, _ in graded(spec, "resampler"):
        said = answer(spec, "resampler", entry)
        assert said.ids is not None
        assert b"".join(tokenizer.token_bytes(id_) for id_ in said.ids) == entry.marked.encode()
        assert target.before is not None
        assert target.after is not None
        assert target.outcome.flags is not None
        assert target.outcome.flags.strict
        same = target.before.pieces == target.after.pieces and target.before.ids == target.after.ids
        assert target.outcome.status == ("UNCHANGED" if same else "DIFFERENT")
        if not same:
            other += 1
            assert target.outcome.flags.noncanonical_out is True
            assert target.outcome.flags.strict_unexplained
            assert target.classified is not None
            assert target.classified.label not in {"E1", "E3"}
    assert (other > 0) == (spec != "bytes")


def test_draws_of_the_resampler_are_uniform() -> None:
    """Chi-square over the segmentations of one word, drawn for many items; the seeds are fixed."""
    entry = item("window", marking="ordinal")
    lattice = Lattice(TINY.byte_vocabulary(), b" window")
    ways, times = lattice.count(), 60
    assert ways >= 6
    draw, drawn = responders(TINY)["resampler"], Counter[tuple[int, ...]]()
    for number in range(times * ways):
        said = draw(Prompt(text=entry.prompt, item=replace(entry, item_id=f"phantom-1/common/{number}/ordinal")))
        (target,) = grade(entry, said, TINY).targets
        assert target.after is not None
        drawn[target.after.ids] += 1
    assert set(drawn) == set(lattice.enumerate())
    statistic = sum((count - times) ** 2 / times for count in drawn.values())
    spread = math.sqrt(2 * (ways - 1))
    assert ways - 1 - 3 * spread < statistic < ways - 1 + 3 * spread


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("name", "sub"), [("replacer", "OTHER"), ("case-flipper", "CASE_ONLY"), ("deleter", "DELETED")]
)
def test_replacements(spec: str, name: str, sub: str) -> None:
    rows = graded(spec, name)
    assert statuses(rows) == {("REPLACED", sub)}
    assert {result.collateral for _, _, result in rows} == {0}


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("name", "status", "reasons"),
    [
        ("truncator", "LOST", {"truncated", "empty"}),
        ("doubler", "AMBIGUOUS", {"ambiguous"}),
        ("refuser", "LOST", {"no_left_anchor", "no_right_anchor"}),
    ],
)
def test_no_place(spec: str, name: str, status: str, reasons: set[str]) -> None:
    rows = graded(spec, name)
    assert statuses(rows) == {(status, "")}
    assert {target.outcome.reason for _, target, _ in rows} <= reasons


@pytest.mark.parametrize("name", ["truncator", "doubler", "refuser", "deleter", "replacer", "case-flipper"])
def test_every_item_of_the_smallest_profile(name: str) -> None:
    """What is decided by words alone, on all 768 items."""
    wanted = {
        "truncator": "LOST", "doubler": "AMBIGUOUS", "refuser": "LOST", "deleter": "REPLACED", "replacer": "REPLACED",
        "case-flipper": "REPLACED",
    }  # fmt: skip
    respond = responders(loaded("bytes"))[name]
    said = [(entry, respond(Prompt(text=entry.prompt, item=entry))) for entry in items("smoke")]
    assert {grade(entry, found, None).targets[0].outcome.status for entry, found in said} == {wanted[name]}


@pytest.mark.parametrize("spec", SPECS)
def test_damager(spec: str) -> None:
    untouched = graded(spec, "canonical-copier")
    for (_, target, result), (_, before, _) in zip(graded(spec, "damager"), untouched, strict=True):
        assert result.collateral == DAMAGE
        assert (target.outcome.status, target.classified) == (before.outcome.status, before.classified)


@pytest.mark.parametrize("name", ["copier", "resampler", "space-dropper"])
def test_a_tokenizer_that_loses_text_has_no_slices(name: str) -> None:
    spec = "sentencepiece:@tiny-unigram.model"
    with pytest.raises(UnsupportedError, match=r"law decode\(encode\(x\)\) = x does not hold"):
        answer(spec, name, asked()[0])


def test_a_tokenizer_that_loses_text_grades_text() -> None:
    spec = "sentencepiece:@tiny-unigram.model"
    for name, status in (("canonical-copier", "TEXT_SAME"), ("replacer", "REPLACED"), ("doubler", "AMBIGUOUS")):
        rows = graded(spec, name)
        assert {found for found, _ in statuses(rows)} == {status}
        assert all("does not hold" in result.problem for _, _, result in rows)


def test_every_responder_is_tested() -> None:
    tested = {
        "copier", "canonical-copier", "space-dropper", "space-splitter", "newliner", "resampler", "replacer",
        "case-flipper", "deleter", "truncator", "doubler", "refuser", "damager",
    }  # fmt: skip
    assert set(NAMES) <= tested | {"invariant", "id-sensitive"}  # those two take part in an experiment
