"""``tokbench segment`` with the options of the lattice, as a person uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tokbench._terminal.lattice import decimal

TINY = "tiktoken:@tiny.tiktoken?pattern=gpt2"


def segment(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"NO_COLOR": "1", "COLUMNS": "120", "TOKBENCH_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "tokbench", "segment", *arguments],
        cwd=folder, env=env, capture_output=True, timeout=300, check=False, encoding="utf-8",
    )  # fmt: skip


def lattices(*arguments: str, folder: Path) -> list[dict[str, object]]:
    done = segment(*arguments, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return [row["lattice"] for row in json.loads(done.stdout)]


def test_a_real_vocabulary(tmp_path: Path) -> None:
    pytest.importorskip("mistral_common")
    spec = "mistral:tekken_240911"
    options = ("--count", "--kbest", "3", "--sample", "8", "--seed", "0", "--within-pretokens", "--canonical-contexts")
    done = segment(" in  1", "-t", spec, *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "8 segmentations, 3.00 bits, 0.500 bits/byte; 4 within pre-tokens" in done.stdout
    assert "fewest tokens first" in done.stdout
    assert "drawn uniformly, seed 0" in done.stdout
    assert "1294 1032 1032 1049" in done.stdout
    (found,) = lattices(" in  1", "-t", spec, *options, folder=tmp_path)
    assert (found["count"], found["count_free"], found["within"]) == ("4", "8", "pretokens")
    assert found["canonical"] == [1294, 1032, 1032, 1049]
    contexts = found["canonical_contexts"]
    assert isinstance(contexts, list)
    assert [[context["ids"] for context in at] for at in contexts][5:] == [
        [[1294, 1256], [1294, 1032, 1032]],
        [[1294, 1032, 1032, 1049]],
    ]
    assert not any(context["undecided"] for at in contexts for context in at)


def test_the_best_come_first_and_draws_can_be_repeated(tmp_path: Path) -> None:
    options = ("--kbest", "4", "--sample", "5", "--seed", "7")
    (found,) = lattices("the other", "-t", TINY, *options, folder=tmp_path)
    kbest, sample = found["kbest"], found["sample"]
    assert isinstance(kbest, list)
    assert isinstance(sample, list)
    sizes = [len(row["ids"]) for row in kbest]
    assert sizes == sorted(sizes)
    assert len(sizes) == 4
    assert [row["canonical"] for row in kbest] == [row["ids"] == found["canonical"] for row in kbest]
    assert len(sample) == 5
    assert lattices("the other", "-t", TINY, *options, folder=tmp_path) == [found]
    (other,) = lattices("the other", "-t", TINY, *options[:-1], "8", folder=tmp_path)
    assert other["kbest"] == kbest
    assert other["sample"] != sample


def test_several_tokenizers_and_an_inserted_space(tmp_path: Path) -> None:
    first, second = lattices("a", "-t", "bytes", "-t", "sentencepiece:@tiny.model", "--count", folder=tmp_path)
    assert (first["bytes"], first["count"]) == ("61", "1")
    assert second["bytes"] == "2061"
    assert int(str(second["count"])) >= 2


def test_text_that_no_tokens_spell_has_no_segmentation(tmp_path: Path) -> None:
    done = segment("a\U0001f999", "-t", "sentencepiece:@tiny-unigram.model", "--count", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0 segmentations" in done.stdout
    (found,) = lattices("\U0001f999", "-t", "sentencepiece:@tiny-unigram.model", "--count", folder=tmp_path)
    assert (found["count"], found["canonical"]) == ("0", None)
    drawn = segment("\U0001f999", "-t", "sentencepiece:@tiny-unigram.model", "--sample", "1", folder=tmp_path)
    assert drawn.returncode == 2
    assert "no sequence of tokens" in drawn.stderr


def test_long_texts_have_counts_that_fit_a_line(tmp_path: Path) -> None:
    text = "the other " * 2500
    done = segment(text, "-t", TINY, "--count", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "about 10^" in done.stdout
    (found,) = lattices(text, "-t", TINY, "--count", folder=tmp_path)
    assert len(str(found["count"])) > 4300  # more than Python writes by itself


def test_without_options_nothing_of_the_lattice_is_shown(tmp_path: Path) -> None:
    done = segment("a", "-t", "bytes", "--json", folder=tmp_path)
    assert list(json.loads(done.stdout)[0]) == ["tokenizer", "tokens"]
    empty = segment("", "-t", "bytes", "--count", folder=tmp_path)
    assert "1 segmentation\n" in empty.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("hello", "-t", "sentencepiece:@tiny.model", "--within-pretokens"), "does not support pretoken_spans"),
        (("hello", "-t", "hf:@tiny-wordpiece.json", "--count"), "does not support preimage"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = segment(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_negative_number_is_refused(tmp_path: Path) -> None:
    done = segment("a", "-t", "bytes", "--kbest", "-1", folder=tmp_path)
    assert done.returncode == 2
    assert "--kbest" in done.stderr


@pytest.mark.parametrize("zeros", [0, 1, 3999, 4000, 4001, 8000, 12_345])
def test_decimal_writes_every_digit(zeros: int) -> None:
    assert decimal(3 * 10**zeros) == "3" + "0" * zeros
    assert decimal(10**zeros - 1) == ("9" * zeros or "0")
    assert decimal(10 ** (zeros + 1) + 7) == "1" + "0" * zeros + "7"
