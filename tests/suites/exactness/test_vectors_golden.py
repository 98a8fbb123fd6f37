"""Every expected id of other projects that is at hand comes out, encoding and decoding."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokbench.suites.definition import VectorSet, load_definition
from tokbench.suites.exactness.vectors import check_vectors, find_sets, format_ids, parse_ids, read_set
from tokbench.tokenizers import load_tokenizer

pytestmark = pytest.mark.data

SETS = {entry.set: entry for entry in load_definition().vectors}

CASES = [
    ("tiktoken:p50k_base", "tiktoken/p50k_base"),
    ("tiktoken:cl100k_base", "tiktoken/cl100k_base"),
    ("tiktoken:o200k_base", "tiktoken/o200k_base"),
    ("tiktoken:r50k_base", "tokenizers/gpt2"),
    ("tiktoken:r50k_base", "llama.cpp/gpt-2"),
    ("tiktoken:{data}/tokenizers/tiktoken/qwen.tiktoken?pattern=qwen2", "llama.cpp/qwen2"),
    ("hf:{data}/tokenizers/hf/gpt2.json", "tokenizers/gpt2"),
    ("hf:{data}/tokenizers/hf/gpt2.json", "llama.cpp/gpt-2"),
    ("hf:{data}/tokenizers/hf/bert_base_cased.json", "tokenizers/bert_base_cased"),
    ("hf:{data}/tokenizers/hf/modernbert.json", "tokenizers/modernbert"),
    ("hf:{data}/tokenizers/hf/mistral03.json", "tokenizers/mistral03"),
    ("sentencepiece:{data}/tokenizers/sentencepiece/nai-t5.model", "sentencepiece/nai-t5"),
    ("mistral:v1", "sentencepiece/mistral01"),
    ("mistral:v2", "sentencepiece/mistral03"),
    ("mistral:v3", "sentencepiece/mistral03"),
    ("mistral:v7", "sentencepiece/mistral03"),
    ("mistral:tekken_240718", "tekken/mistral2410"),
    ("mistral:tekken_240911", "tekken/mistral2410"),
]


def vectors_dir(data_dir: Path) -> Path:
    path = data_dir / "vectors"
    if not path.is_dir():
        pytest.skip("vectors not found in the third-party data")
    return path


@pytest.mark.parametrize(("spec", "name"), CASES)
def test_all_cases_come_out(
    spec: str, name: str, data_dir: Path, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer(spec.format(data=data_dir))
    found = {entry.set for entry in find_sets(tokenizer, SETS.values())}
    assert found == {other for one, other in CASES if one == spec}
    entry = SETS[name]
    results = check_vectors(tokenizer, entry, read_set(entry, vectors_dir(data_dir)))
    assert len(results) == entry.cases == (46 if entry.format == "llama.cpp" else 141)
    assert [(result.case.source, result.case.number, result.problem) for result in results if result.problem] == []
    assert [result.case.number for result in results if not result.encode_equal] == []
    assert [result.case.number for result in results if not result.decode_equal] == []


@pytest.mark.parametrize("entry", SETS.values(), ids=SETS)
def test_files_of_ids_are_read_and_written_without_change(entry: VectorSet, data_dir: Path) -> None:
    folder = vectors_dir(data_dir) / entry.folder
    llama = entry.format == "llama.cpp"
    files = [folder / f"ggml-vocab-{entry.stem}.gguf.out"] if llama else sorted(folder.glob(f"*_tokens_{entry.stem}*"))
    assert len(files) == (1 if llama else 3)
    for file in files:
        data = file.read_bytes().decode()
        separator = " " if llama else ","
        written = format_ids(parse_ids(data, file.name, separator), separator)
        assert written.removesuffix("\n") == data.removesuffix("\n")


def test_parsing_specials_makes_no_difference_to_the_llama_sets(data_dir: Path) -> None:
    tokenizer = load_tokenizer(f"hf:{data_dir}/tokenizers/hf/gpt2.json")
    for case in read_set(SETS["llama.cpp/gpt-2"], vectors_dir(data_dir)):
        assert tokenizer.encode(case.text, specials="parse") == tokenizer.encode(case.text)


def test_the_sets_of_two_engines_for_one_vocabulary_do_not_mix(data_dir: Path) -> None:
    tokenizer, entry = load_tokenizer("mistral:v3"), SETS["tokenizers/mistral03"]
    results = check_vectors(
        tokenizer, VectorSet(**{name: getattr(entry, name) for name in entry.__slots__} | {"specials": "text"}),
        read_set(entry, vectors_dir(data_dir)),
    )  # fmt: skip
    equal = {source: sum(result.encode_equal for result in results if result.case.source == source)
             for source in ("small", "mixed")}  # fmt: skip
    assert equal == {"small": 15, "mixed": 109}
