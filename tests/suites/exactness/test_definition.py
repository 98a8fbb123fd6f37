from __future__ import annotations

from pathlib import Path

import pytest

from tokbench._resources import resource
from tokbench.errors import SuiteDefinitionError
from tokbench.suites.definition import load_definition
from tokbench.tokenizers import BACKENDS

TEXT = resource("suites", "exactness", "suite.toml").read_text(encoding="utf-8")


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert old in TEXT
    path = tmp_path / "suite.toml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_shipped_definition() -> None:
    definition = load_definition()
    assert (definition.name, definition.version) == ("exactness", "1.0")
    table = {
        name: (one.law_examples, one.parity_strings, one.audit, one.growth, one.memory, one.exhaustive)
        for name, one in definition.profiles.items()
    }
    assert table == {
        "smoke": (50, 300, False, False, False, False),
        "core": (200, 6000, True, True, False, False),
        "full": (2000, 20000, True, True, True, True),
    }
    assert definition.default_tokenizers[-1] == "bytes"
    assert {entry.cases for entry in definition.vectors} == {46, 141}
    assert {backend for entry in definition.vectors for backend in entry.backends} <= {*BACKENDS}


def test_an_unknown_profile_lists_those_there_are() -> None:
    assert load_definition().profile("core").name == "core"
    with pytest.raises(SuiteDefinitionError, match="no profile 'huge': expected one of smoke, core, full"):
        load_definition().profile("huge")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("law_examples = 50\n", "", r"profiles\.smoke\.law_examples: this field is missing"),
        ("law_examples = 50\n", "law_examples = 0\n", r"law_examples: expected an integer of at least 1, found 0"),
        ("law_examples = 50\n", "law_examples = true\n", r"law_examples: expected an integer of at least 1, found Tr"),
        ("audit = false", "audit = 'no'", r"profiles\.smoke\.audit: expected true or false, found 'no'"),
        ("audit = false", "audits = 1\naudit = false", r"profiles\.smoke\.audits: no such field"),
        ('version = "1.0"', "version = 1", r"suite\.version: expected text, found 1"),
        ('format = "kitoken"', 'format = "x"', r"vectors\[0\]\.format: expected one of kitoken, llama\.cpp, found 'x'"),
        ('format = "kitoken"', "format = [1]", r"vectors\[0\]\.format: expected one of kitoken"),
        ('"tiktoken/cl100k_base"', '"tiktoken/p50k_base"', r"vectors: two sets have the same name"),
        ("[digits]", "[digit]", r"digits: this field is missing"),
        ("renyi_orders = [1.0", "renyi_orders = ['a'", r"metrics\.renyi_orders: expected a list of numbers"),
        ("utilisation_tokens = [1000", "utilisation_tokens = [0", r"utilisation_tokens: expected a list of positive"),
        ('kinds = ["ascii"', 'kinds = ["ascii", "ascii"', r"digits\.kinds: expected a list of different texts"),
        ("[suite]", "[suite", r"not a TOML file"),
        ("[suite]", "suite = 1\n[other]", r"suite\] must be a table, found 1"),
        ("[suite]", "extra = 1\n[suite]", r"extra: no such field"),
    ],
)
def test_mistakes_name_file_and_field(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SuiteDefinitionError, match=rf"suite\.toml: .*{message}"):
        load_definition(changed(tmp_path, old, new))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SuiteDefinitionError, match=r"none\.toml: cannot be read"):
        load_definition(tmp_path / "none.toml")
