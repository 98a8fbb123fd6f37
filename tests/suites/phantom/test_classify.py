"""The classifier against every printed example, the further cases of the specification and its enumerated counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tokbench.bytelevel import Lattice
from tokbench.suites.phantom.classify import CLASSES, PAPER, classify
from tokbench.tokenizers import load_tokenizer

PRINTED = [
    ([" February"], ["February"], "E1"),
    ([" Guy"], [" ", "Guy"], "E2"),
    ([" Saturday"], [" ", " Saturday"], "E2"),
    ([" However"], ["\n", "However"], "E3"),
    ([" unbelievable"], ["un", "bel", "ievable"], "E4"),
    ([" Jub", "ilee"], ["J", "ub", "ilee"], "E5"),
    ([" Dorm", "er"], ["D", "orm", "er"], "E5"),
    ([" repaid"], ["re", "paid"], "E6"),
    ([" HIV"], ["H", "IV"], "E7"),
    ([" rights"], ["right", "s"], "E8"),
    ([" Clement", "s"], ["C", "lements"], "E8"),
]
FURTHER = [
    (["\n", "However"], [" However"], "E3"),
    (["\n\n", "However"], ["\n", "However"], "E11"),
    ([" Guy"], ["Guy"], "E1"),
    (["Guy"], [" Guy"], "E1"),
    ([" ", "Guy"], ["Guy"], "E2"),
    ([" dog", "’s"], [" dog", "’", "s"], "E8"),
    ([" Jones", "'s"], [" Jones", "'", "s"], "E8"),
    ([" ID", "s"], [" IDs"], "E8"),
    ([" NATO"], [" N", "ATO"], "E7"),
    ([" U", ".S"], [" U", ".", "S"], "E7"),
    ([" Mc", "Donald"], [" McDonald"], "E5"),
    ([" B", "52"], [" B", "5", "2"], "E5"),
    ([" running"], [" runn", "ing"], "E6"),
    ([" runn", "ing"], [" running"], "E4"),
    ([" bus"], [" b", "us"], "E4"),
]
WORDS = [
    "February",
    "Saturday",
    "Guy",
    "However",
    "unbelievable",
    "Jubilee",
    "Dormer",
    "repaid",
    "HIV",
    "rights",
    "Clements",
]
ENUMERATED = {
    "r50k_base": (184, {"E1": 7, "E2": 6, "E3": 19, "E4": 30, "E5": 96, "E6": 4, "E7": 8, "E8": 14},
                  {"E2": 6, "E4": 18, "E5": 56, "E6": 3, "E7": 5, "E8": 8}),
    "cl100k_base": (193, {"E1": 6, "E2": 6, "E3": 18, "E4": 32, "E5": 85, "E7": 8, "E8": 38},
                    {"E2": 6, "E4": 19, "E5": 51, "E7": 5, "E8": 24}),
    "o200k_base": (228, {"E1": 8, "E2": 8, "E3": 21, "E4": 33, "E5": 133, "E7": 8, "E8": 17},
                   {"E2": 8, "E4": 19, "E5": 80, "E7": 5, "E8": 10}),
}  # fmt: skip
"""Alternatives of at most three tokens: all, by class, and those of equal bytes by class."""


def _bytes(pieces: list[str]) -> list[bytes]:
    return [piece.encode() for piece in pieces]


@pytest.mark.parametrize(("before", "after", "label"), [*PRINTED, *FURTHER])
def test_examples(before: list[str], after: list[str], label: str) -> None:
    assert classify(_bytes(before), _bytes(after)).label == label


def test_one_of_the_printed_examples_has_equal_bytes() -> None:
    strict = [before for before, after, _ in PRINTED if classify(_bytes(before), _bytes(after)).strict]
    assert strict == [[" Guy"]]


def test_a_capital_says_nothing_at_the_start_of_a_sentence() -> None:
    assert classify([b"The"], [b"T", b"he"], sentence_initial=True).label == "E4"
    assert classify([b"The"], [b"T", b"he"]).label == "E5"
    assert classify([b"the"], [b"t", b"he"], proper=True).label == "E5"


def test_bytes_of_a_character_are_told_from_letters() -> None:
    assert classify([b" caf", "é".encode()], [b" caf", b"\xc3", b"\xa9"]).label == "E10"


def test_equal_tokens_are_two_ids_of_the_same_bytes() -> None:
    assert classify([b" a"], [b" a"]).label == "E12"
    assert classify([b" a", b"\n"], [b" a", b"\n"]).label == "E12"


def test_another_normal_form_is_a_class_of_its_own() -> None:
    found = classify(["\u00e9".encode()], ["e\u0301".encode()])
    assert (found.label, found.strict, found.cuts_added, found.cuts_removed) == ("E9", False, (), ())
    assert classify([b"soft"], ["so\xadft".encode()]).label == "E9"
    # a no-break space is no white space of the byte level
    assert classify([b" a"], ["\xa0a".encode()]).label == "E9"


@pytest.mark.parametrize(
    ("before", "after", "detail"),
    [
        ([" a"], ["a"], "lost"), (["a"], [" a"], "gained"), ([" a"], [" ", "a"], "detached"),
        ([" ", " a"], [" a"], "reattached"), ([" a"], ["\n", "a"], "to_newline"), (["\r\na"], ["a"], "from_newline"),
        ([" repaid"], [" re", "paid"], "prefix"), ([" running"], ["runn", "ing"], "suffix"),
        ([" bus"], ["b", "us"], ""),
    ],
)  # fmt: skip
def test_details(before: list[str], after: list[str], detail: str) -> None:
    assert classify(_bytes(before), _bytes(after)).detail == detail


def test_a_tail_may_be_no_plural() -> None:
    glass = classify([b" glass"], [b" glas", b"s"], words={"right"})
    assert (glass.label, glass.plural_like) == ("E8", False)
    rights = classify([b" rights"], [b" right", b"s"], words={"right"})
    assert (rights.label, rights.plural_like) == ("E8", True)
    assert classify([b" glass"], [b" glas", b"s"], kind="plural").plural_like is True
    assert classify([b" bus"], [b" b", b"us"]).plural_like is None


def test_what_else_holds_is_kept_beside_the_label() -> None:
    found = classify([b" HIVs"], [b"HIV", b"s"])
    assert (found.label, found.also) == ("E8", ("E5", "E4"))
    moved = classify([b" Running"], [b"\n", b"Runn", b"ing"])
    assert (moved.label, moved.also) == ("E3", ("E5", "E6", "E4"))


def test_what_was_cut_anew() -> None:
    found = classify([b" unbeliev", b"able"], [b" un", b"believable"])
    assert (found.cuts_added, found.cuts_removed, found.pieces_in, found.pieces_out) == ((2,), (8,), 2, 2)
    assert classify([b" a", b"b"], [b" ab"]).merge


def test_every_class_has_a_name() -> None:
    assert tuple(f"E{number}" for number in range(1, 9)) == PAPER
    assert set(PAPER) < set(CLASSES)


@pytest.mark.data
@pytest.mark.parametrize("name", ENUMERATED)
def test_enumerated_alternatives(name: str, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer(f"tiktoken:{name}")
    vocabulary = tokenizer.byte_vocabulary()
    labels: Counter[str] = Counter()
    strict: Counter[str] = Counter()
    for word in WORDS:
        given = tokenizer.encode(f" {word}")
        before = [tokenizer.token_bytes(id_) for id_ in given]
        for form in (f" {word}", word, f"\n{word}"):
            for ids in Lattice(vocabulary, form.encode()).enumerate():
                if len(ids) <= 3 and list(ids) != list(given):
                    found = classify(before, [tokenizer.token_bytes(id_) for id_ in ids])
                    labels[found.label] += 1
                    strict[found.label] += found.strict
    assert (labels.total(), dict(labels), dict(+strict)) == ENUMERATED[name]
