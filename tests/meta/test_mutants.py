"""Tests of the tests: every law catches the bugs planted for it, and healthy tokenizers pass."""

from __future__ import annotations

import importlib.util

import mutants
import mutants_bpe
import mutants_files
import mutants_process
import pytest
from toys import Mutant, healthy

from tokbench.laws import LAWS, check_law
from tokbench.tokenizers import Tokenizer, load_tokenizer

TABLES = (mutants.MUTANTS, mutants_bpe.MUTANTS, mutants_process.MUTANTS, mutants_files.MUTANTS)
MUTANTS: dict[str, Mutant] = {name: mutant for table in TABLES for name, mutant in table.items()}

# growth and memory take long by their nature: their mutants have tests of their own beside the measuring code
CHEAP = [law for law in LAWS.values() if law.group not in {"growth", "memory"}]
FIXTURES = (
    "hf:@tiny.json",
    "hf:@tiny-wordpiece.json",
    "tiktoken:@tiny.tiktoken?pattern=gpt2",
    "sentencepiece:@tiny.model",
    "sentencepiece:@tiny-unigram.model",
)


def test_names_are_unique_over_the_tables() -> None:
    assert len(MUTANTS) == sum(map(len, TABLES))


def test_every_law_has_a_planted_bug_and_every_bug_a_law() -> None:
    for law in LAWS.values():
        assert law.mutants, f"the law {law.id} has no planted bug"
        for name in law.mutants:
            assert MUTANTS[name].law == law.id
    named = {name for law in LAWS.values() for name in law.mutants}
    assert named == set(MUTANTS)


def test_every_law_has_a_statement_and_links() -> None:
    for law in LAWS.values():
        assert law.statement
        assert all(link.startswith("https://") for link in law.reasons)


@pytest.mark.parametrize("name", [name for name, mutant in MUTANTS.items() if LAWS[mutant.law] in CHEAP])
def test_a_law_catches_the_bug_planted_for_it(name: str) -> None:
    mutant = MUTANTS[name]
    verdict = check_law(mutant.make(), LAWS[mutant.law], max_examples=200, seed=1)
    assert verdict.status == "fails", f"{mutant.law} misses {name}: {mutant.why} ({verdict.status}: {verdict.reason})"
    assert verdict.counterexample is not None
    assert verdict.counterexample.paste.isascii()
    assert verdict.reason


@pytest.mark.parametrize("tokenizer", healthy(), ids=lambda tokenizer: tokenizer.info.slug)
@pytest.mark.parametrize("law", CHEAP, ids=lambda law: law.id)
def test_healthy_tokenizers_pass(tokenizer: Tokenizer, law: object) -> None:
    verdict = check_law(tokenizer, LAWS[getattr(law, "id", "")], max_examples=100, seed=2)
    assert verdict.status in {"holds", "not-applicable"}, verdict
    assert verdict.status == "holds" or verdict.reason


@pytest.mark.parametrize("spec", FIXTURES)
def test_the_fixtures_pass_every_law(spec: str) -> None:
    tokenizer = load_tokenizer(spec)
    verdicts = [check_law(tokenizer, law, max_examples=50, seed=3) for law in CHEAP]
    assert not [verdict for verdict in verdicts if verdict.status in {"fails", "error"}]
    assert sum(verdict.status == "holds" for verdict in verdicts) > 10


def test_a_true_fault_of_a_library_is_found() -> None:
    # the HF unigram model parses control pieces out of text: huggingface/tokenizers#1347
    verdict = check_law(load_tokenizer("hf:@tiny-unigram.json"), LAWS["injection"], max_examples=50)
    assert verdict.status == "fails"
    assert verdict.counterexample is not None
    assert verdict.counterexample.data in {"<s>", "</s>"}


def test_every_law_holds_somewhere() -> None:
    # a law that applies to no healthy tokenizer would prove nothing
    engines = [*healthy(), *(load_tokenizer(spec) for spec in FIXTURES)]
    if importlib.util.find_spec("mistral_common") is not None:
        engines.append(load_tokenizer("mistral:v1"))  # the fixtures hold a piece that merges cannot say
    for law in CHEAP:
        statuses = {check_law(engine, law, max_examples=20).status for engine in engines}
        if law.id != "sp-vs-hf" or engines[-1].info.backend == "mistral":
            assert "holds" in statuses, law.id
