"""The fixtures: made again bit for bit, listed truthfully, loadable, and equal where the card says so."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import sentencepiece
import tiktoken
import tokenizers
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tokbench._resources import resource
from tokbench.tokenizers.reference import assigned, merge_piece

FIXTURES = resource("fixtures")
TOKENIZERS = (
    "tiny.json",
    "tiny.tiktoken",
    "tiny.model",
    "tiny-unigram.model",
    "tiny-unigram.json",
    "tiny-wordpiece.json",
)
MODELS = ("ngram-tiny.ngram", "ngram-tiny-sp.ngram")
GPT2 = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
SPECIALS = {"<|endoftext|>": 1000, "<|pad|>": 1001}
ADDED = "⟦note⟧"
CONTROL = re.compile("<unk>|</?s>")


@cache
def _hf(name: str) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer.from_file(str(FIXTURES / name))
    tokenizer.encode_special_tokens = True
    return tokenizer


@cache
def _sp(name: str) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_file=str(FIXTURES / name))


@cache
def _ranks() -> dict[bytes, int]:
    lines = (line.split() for line in (FIXTURES / "tiny.tiktoken").read_bytes().splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in lines}


@cache
def _tiktoken() -> tiktoken.Encoding:
    return tiktoken.Encoding("tiny", pat_str=GPT2, mergeable_ranks=_ranks(), special_tokens=SPECIALS)


@cache
def _byte_of() -> dict[str, int]:
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    displaced = [value for value in range(256) if value not in own]
    return {chr(value): value for value in own} | {chr(256 + at): value for at, value in enumerate(displaced)}


def _bytes_of(token: str) -> bytes:
    return bytes(_byte_of()[char] for char in token)


def _make(script: str, *arguments: str, seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FIXTURES / script), *arguments],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


# --- made again -------------------------------------------------------------------------------------------------------


def test_the_corpus_is_made_again_bit_for_bit(tmp_path: Path) -> None:
    assert _make("make_corpus.py", "--out", str(tmp_path), seed="1").returncode == 0
    assert (tmp_path / "corpus.txt").read_bytes() == (FIXTURES / "corpus.txt").read_bytes()


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_tokenizers_are_made_again_bit_for_bit(tmp_path: Path, seed: str) -> None:
    done = _make("make_tokenizers.py", "--out", str(tmp_path), seed=seed)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == set(TOKENIZERS)
    for name in TOKENIZERS:
        assert (tmp_path / name).read_bytes() == (FIXTURES / name).read_bytes(), name


@pytest.mark.parametrize(("script", "changed"), [("make_corpus.py", "corpus.txt"), ("make_tokenizers.py", "tiny.json")])
def test_a_check_passes_on_what_is_there_and_names_a_file_that_differs(
    tmp_path: Path, script: str, changed: str
) -> None:
    assert _make(script, "--check").returncode == 0
    assert _make(script, "--out", str(tmp_path)).returncode == 0
    with (tmp_path / changed).open("ab") as stream:
        stream.write(b" ")
    checked = _make(script, "--check", "--out", str(tmp_path))
    assert checked.returncode == 1
    assert f"{changed}: differs" in checked.stdout
    assert checked.stdout.count("differs") == 1


def test_the_models_are_what_their_script_counts(tmp_path: Path) -> None:
    assert _make("make_ngram.py", "--check").returncode == 0
    assert _make("make_ngram.py", "--out", str(tmp_path)).returncode == 0
    # the model of the other tokenizer is another model
    (tmp_path / MODELS[0]).write_bytes((tmp_path / MODELS[1]).read_bytes())
    checked = _make("make_ngram.py", "--check", "--out", str(tmp_path))
    assert checked.returncode == 1
    assert f"{MODELS[0]}: differs" in checked.stdout
    assert f"{MODELS[1]}: as made" in checked.stdout


def test_the_card_lists_every_made_file_with_its_size_and_digest() -> None:
    card = (FIXTURES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| ([\d,]+) \| `([0-9a-f]{64})` \|$", card, flags=re.MULTILINE)
    assert {name for name, _, _ in rows} == {*TOKENIZERS, *MODELS, "corpus.txt", "written.txt", "frames.toml"}
    for name, size, digest in rows:
        data = (FIXTURES / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (int(size.replace(",", "")), digest), name


def test_the_folder_stays_small() -> None:
    assert sum(path.stat().st_size for path in FIXTURES.glob("*.*") if path.is_file()) < 1_000_000


def test_the_corpus_has_no_character_whose_class_could_still_change() -> None:
    assert assigned((FIXTURES / "corpus.txt").read_text(encoding="utf-8"))


# --- byte-level BPE ---------------------------------------------------------------------------------------------------


def test_ranks_are_the_ids_of_the_json() -> None:
    vocab = _hf("tiny.json").get_vocab(with_added_tokens=False)
    assert {_bytes_of(token): token_id for token, token_id in vocab.items()} == _ranks()
    assert sorted(_ranks().values()) == list(range(1000))


def test_all_bytes_are_tokens_and_a_byte_is_not_its_own_id() -> None:
    ranks = _ranks()
    assert sorted(ranks[bytes([value])] for value in range(256)) == list(range(256))
    assert ranks[b"!"] == 0


def test_every_merged_token_is_two_tokens_of_lower_rank() -> None:
    ranks = _ranks()
    for token, rank in ranks.items():
        if rank >= 256:
            lower = {other: at for other, at in ranks.items() if at < rank}
            assert len(merge_piece(lower, token)) == 2, token


def test_added_tokens_follow_the_ranks() -> None:
    added = {token.content: (token_id, token.special) for token_id, token in
             _hf("tiny.json").get_added_tokens_decoder().items()}  # fmt: skip
    assert added == {"<|endoftext|>": (1000, True), "<|pad|>": (1001, True), ADDED: (1002, False)}
    assert not set(ADDED) <= set(_byte_of())


@pytest.mark.property
@settings(max_examples=2000)
@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
@example("\x1f-a")
@example("it's 3 o'clock\n\n    x = 1\t\n")
@example("<|endoftext|> as text")
@example("👩‍💻 .:.:.:.:. ¼-a \u2029 \x850")
def test_the_json_and_the_ranks_give_equal_ids(text: str) -> None:
    assume(assigned(text))
    assume(ADDED not in text)
    assert _hf("tiny.json").encode(text).ids == _tiktoken().encode_ordinary(text)


@pytest.mark.property
@given(words=st.lists(st.sampled_from(sorted(_ranks())), max_size=12))
def test_the_json_and_the_ranks_give_equal_ids_on_words_of_the_vocabulary(words: list[bytes]) -> None:
    text = b"".join(words).decode("utf-8", "replace")
    assume(assigned(text))
    assert _hf("tiny.json").encode(text).ids == _tiktoken().encode_ordinary(text)


def test_the_corpus_encodes_alike_and_shorter_than_its_bytes() -> None:
    text = (FIXTURES / "corpus.txt").read_text(encoding="utf-8")
    ids = _tiktoken().encode_ordinary(text)
    assert _hf("tiny.json").encode(text).ids == ids
    assert 2 < len(text.encode()) / len(ids) < 3


def test_special_tokens_are_parsed_alike() -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(FIXTURES / "tiny.json"))
    text = "the end<|endoftext|> x<|pad|><|pad|>"
    ids = tokenizer.encode(text).ids
    assert ids == _tiktoken().encode(text, allowed_special="all")
    assert ids[-2:] == [1001, 1001]
    assert tokenizer.decode([1002, 1000], skip_special_tokens=False) == f"{ADDED}<|endoftext|>"


# --- sentencepiece ----------------------------------------------------------------------------------------------------


def test_the_model_has_the_pieces_that_the_card_says() -> None:
    model = _sp("tiny.model")
    pieces = [model.id_to_piece(token_id) for token_id in range(len(model))]
    assert pieces[:5] == ["<unk>", "<s>", "</s>", *SPECIALS]
    assert pieces[5:261] == [f"<0x{value:02X}>" for value in range(256)]
    assert [model.is_byte(token_id) for token_id in range(4, 262)] == [False, *[True] * 256, False]
    assert pieces[261:263] == [ADDED, "<unused0>"]
    assert model.is_unused(262)
    assert [model.is_control(token_id) for token_id in range(6)] == [False, True, True, True, True, False]
    text_tokens = []
    for token in _ranks():
        try:
            text_tokens.append(token.decode().replace(" ", "\u2581"))
        except UnicodeDecodeError:
            continue
    text_tokens.remove("\0")
    assert pieces[263:] == text_tokens
    assert 0 < len(_ranks()) - len(text_tokens) < 250  # what cannot be carried over


VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="'"), min_size=1, max_size=14)
ASCII_TOKENS = [t.decode().strip() for t in _ranks() if t.isascii() and t.decode().strip().isprintable()]
ASCII_WORDS = st.sampled_from(sorted({token for token in ASCII_TOKENS if token and "'" not in token}))


@pytest.mark.property
@settings(max_examples=1000)
@given(words=st.lists(st.one_of(VISIBLE, ASCII_WORDS), min_size=1, max_size=6))
def test_visible_ascii_words_have_the_same_tokens_in_the_model(words: list[str]) -> None:
    text = " ".join(words)
    expected = [_bytes_of(token) for token in _hf("tiny.json").encode(" " + text).tokens]
    pieces = _sp("tiny.model").encode(text, out_type=str)
    assert [piece.replace("\u2581", " ").encode() for piece in pieces] == expected


@pytest.mark.parametrize("text", ["'start", "a    b", "漢字 ☃"])
def test_the_model_differs_where_the_card_says(text: str) -> None:
    expected = [_bytes_of(token) for token in _hf("tiny.json").encode(" " + text).tokens]
    pieces = _sp("tiny.model").encode(text, out_type=str)
    assert [piece.replace("\u2581", " ").encode() for piece in pieces] != expected


@pytest.mark.property
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\u2581"), max_size=60))
def test_the_model_is_lossless_without_u2581(text: str) -> None:
    model = _sp("tiny.model")
    assert model.decode(model.encode(text)) == text


def test_the_model_turns_u2581_into_a_space() -> None:
    model = _sp("tiny.model")
    assert model.decode(model.encode("a\u2581b")) == "a b"


@pytest.mark.property
@settings(max_examples=1000)
@given(
    text=st.one_of(
        st.text(st.characters(codec="utf-8", exclude_characters="\u2581"), max_size=40),
        st.text(st.sampled_from("abcdeé thin gs.,'19\n\t漢ж한"), max_size=40),
    )
)
@example("1 \n")
@example("  the   end ")
def test_both_unigram_files_give_equal_ids(text: str) -> None:
    assume(not CONTROL.search(text))
    ids = _hf("tiny-unigram.json").encode(text, add_special_tokens=False).ids
    assert _sp("tiny-unigram.model").encode(text) == ids


@pytest.mark.parametrize("text", ["<s>", "</s>", "<unk>"])
def test_only_the_json_unigram_takes_text_for_a_control_token(text: str) -> None:
    ids = _hf("tiny-unigram.json").encode(text, add_special_tokens=False).ids
    assert ids[1:] == [_sp("tiny-unigram.model").piece_to_id(text)]
    assert ids[1] not in set(_sp("tiny-unigram.model").encode(text)) - {0}


def test_both_unigram_files_have_the_same_vocabulary() -> None:
    model, vocab = _sp("tiny-unigram.model"), _hf("tiny-unigram.json").get_vocab()
    assert {model.id_to_piece(token_id): token_id for token_id in range(len(model))} == vocab
    assert all(model.get_score(token_id) * 64 % 1 == 0 for token_id in range(len(model)))


def test_unigram_has_unknowns_and_collapses_spaces() -> None:
    model = _sp("tiny-unigram.model")
    assert model.decode(model.encode("  the   end ")) == "the end"
    assert model.unk_id() in model.encode("☃")
    assert model.encode("☃☃☃") == model.encode("☃")


def test_unigram_prefers_long_pieces_to_letters() -> None:
    assert _sp("tiny-unigram.model").encode("the window", out_type=str) == ["\u2581the", "\u2581window"]


# --- WordPiece --------------------------------------------------------------------------------------------------------


def test_wordpiece_follows_bert() -> None:
    tokenizer = _hf("tiny-wordpiece.json")
    assert [tokenizer.id_to_token(token_id) for token_id in range(5)] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert tokenizer.encode("The Window?").tokens == ["[CLS]", "the", "window", "?", "[SEP]"]
    assert (
        tokenizer.encode("théy", add_special_tokens=False).ids == tokenizer.encode("They", add_special_tokens=False).ids
    )
    assert tokenizer.encode("☃☃☃", add_special_tokens=False).tokens == ["[UNK]"]
    assert tokenizer.decode(tokenizer.encode("a ? b").ids) == "a? b"


def test_wordpiece_has_continuations_that_text_reaches() -> None:
    tokenizer = _hf("tiny-wordpiece.json")
    tokens = tokenizer.encode((FIXTURES / "written.txt").read_text(encoding="utf-8")).tokens
    continued = [token for token in tokens if token.startswith("##")]
    assert any(len(token) > 4 for token in continued)
    assert tokens.count("[UNK]") < 0.05 * len(tokens)
