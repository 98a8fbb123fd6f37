from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import strategies as st
from mutants import PanicOnLongInput, SpaceBeforeQuestionMark, U2581Undeclared
from toys import ToyTokenizer

from tokbench.errors import UnknownLawError
from tokbench.laws import LAWS, CheckReport, Law, LawViolation, check, check_law, select_laws
from tokbench.laws.law import Verdict
from tokbench.tokenizers import Specials, Tokenizer, load_tokenizer


def law_of(function: object, **fields: object) -> Law:
    defaults: dict[str, object] = {
        "id": "a-law", "statement": "a statement", "reasons": (), "needs": lambda _tokenizer: None
    }  # fmt: skip
    return Law(**{**defaults, "function": function, **fields})  # type: ignore[arg-type]


def test_counterexamples_are_minimal() -> None:
    report = check(U2581Undeclared(), laws=["round-trip"], max_examples=500, seed=0)
    (failure,) = report.failures
    assert failure.example == "\u2581"
    assert failure.counterexample is not None
    assert failure.counterexample.paste == r"@example('\u2581')"
    assert failure.counterexample.ids == (0xE2, 0x96, 0x81)
    assert not report.holds
    cleanup = check(SpaceBeforeQuestionMark(), laws=["decode-cleanup"], seed=0).failures[0]
    assert cleanup.example == " ?"


def test_the_same_seed_gives_the_same_verdicts() -> None:
    first, second = (check(ToyTokenizer(), laws=["round-trip", "injection"], max_examples=50, seed=7) for _ in "ab")
    assert [(verdict.status, verdict.examples) for verdict in first.verdicts] == [
        (verdict.status, verdict.examples) for verdict in second.verdicts
    ]
    assert first["round-trip"].status == "holds"
    with pytest.raises(KeyError):
        first["no-such-law"]


def test_a_panic_of_a_library_is_a_counterexample_and_not_the_end() -> None:
    verdict = check_law(PanicOnLongInput(), LAWS["errors"], max_examples=50)
    assert verdict.status == "fails"
    assert "Panic" in verdict.reason


def test_an_engine_that_does_not_repeat_itself_is_reported() -> None:
    calls = itertools.count()

    class Moody(ToyTokenizer):
        """Loses an id in every third call."""

        def encode(self, text: str, *, specials: Specials = "text") -> list[int]:
            ids = super().encode(text, specials=specials)
            return ids[:-1] if next(calls) % 3 == 0 else ids

    verdict = check_law(Moody(), LAWS["round-trip"], max_examples=50)
    assert verdict.status == "fails"
    assert verdict.reason


def test_a_law_that_does_not_apply_says_why() -> None:
    verdict = check_law(load_tokenizer("bytes"), LAWS["special-join"])
    assert (verdict.status, verdict.examples) == ("not-applicable", 0)
    assert verdict.reason
    report = CheckReport("x", (verdict,))
    assert not report.holds  # nothing was tried


def test_any_error_of_an_engine_breaks_the_law_and_is_shrunk() -> None:
    def function(tokenizer: Tokenizer, text: str) -> None:
        if "b" in text:
            raise ZeroDivisionError("by accident")

    verdict = check_law(
        load_tokenizer("bytes"), law_of(function, strategy=lambda _tokenizer: st.text("ab", max_size=9))
    )
    assert verdict.status == "fails"
    assert verdict.example == "b"
    assert "ZeroDivisionError" in verdict.reason


def test_fixed_examples_are_tried_and_shrunk() -> None:
    def function(tokenizer: Tokenizer, text: str) -> None:
        if "needle" in text:
            raise LawViolation("found it", expected=1, got=2)

    law = law_of(function, strategy=lambda _tokenizer: st.text("x"), examples=("some hay needle more hay",))
    verdict = check_law(load_tokenizer("bytes"), law)
    assert verdict.example == "needle"
    assert verdict.reason == "found it: expected 1, got 2"


def test_a_law_without_inputs_is_checked_once() -> None:
    seen: list[object] = []
    verdict = check_law(load_tokenizer("bytes"), law_of(lambda _tokenizer, data: seen.append(data)))
    assert (verdict.status, verdict.examples, seen) == ("holds", 1, [None])


def test_laws_are_selected_by_name_group_and_exclusion() -> None:
    assert [law.id for law in select_laws(["round-trip", "pure"])] == ["round-trip", "pure"]
    every = {law.id for law in select_laws()}
    assert "growth" not in every
    assert {law.id for law in select_laws(["-round-trip"])} == every - {"round-trip"}
    assert {law.id for law in select_laws(groups=("core", "growth"))} == every | {"growth"}
    with pytest.raises(UnknownLawError, match="did you mean round-trip"):
        select_laws(["round-tripp"])
    with pytest.raises(UnknownLawError):
        select_laws(["-nothing"])


def test_laws_are_defined_once_and_in_a_fixed_order() -> None:
    names = list(LAWS)
    assert names.index("id-space") < names.index("round-trip") < names.index("spans-cover") < names.index("bpe-slice")
    wanted = {
        "id-space", "token-bytes", "literal-byte-names", "round-trip", "bytes-round-trip", "unknown-declared",
        "decode-cleanup", "indentation", "idempotent", "ordinary", "injection", "special-join", "added-token",
        "config-honoured", "spans-cover", "spans-reference", "batch-is-map", "pure", "surrogates", "errors",
        "stream-prefix", "stream-exact", "boundary-join", "growth", "memory", "threads", "ranks-merges",
        "ignore-merges", "pretokenizer-probes", "golden-digits", "sp-vs-hf", "capability-flag", "never-fix",
        "bpe-canonical", "bpe-slice", "bpe-overlap", "bpe-reference",
    }  # fmt: skip
    assert set(names) == wanted  # every law of the specification, and no other


def test_verdicts_without_counterexample_have_no_example() -> None:
    verdicts: Iterable[Verdict] = [Verdict("x", "holds"), Verdict("y", "error", "broken")]
    assert [verdict.example for verdict in verdicts] == [None, None]
    assert not CheckReport("x", tuple(verdicts)).holds
