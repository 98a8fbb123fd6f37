"""Pictures of telling texts: the pieces are the text, what is lost is said, and none of it counts for anything."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench._resources import resource
from tokbench.errors import SuiteDefinitionError, UnsupportedError
from tokbench.results import Sample
from tokbench.suites.exactness.pictures import Telling, load_tellings, picture_rows
from tokbench.suites.exactness.suite import ExactnessPlan
from tokbench.suites.part import PartContext
from tokbench.tokenizers import Tokenizer, load_tokenizer
from tokbench.tokenizers._bytes import BytesTokenizer

FILE = resource("suites", "exactness", "pictures.toml")
LOSSLESS = ("bytes", "hf:@tiny.json", "tiktoken:@tiny.tiktoken?pattern=gpt2")
LOSSY = ("sentencepiece:@tiny.model", "sentencepiece:@tiny-unigram.model", "hf:@tiny-wordpiece.json")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def row_of(tokenizer: Tokenizer, text: str) -> Sample:
    found = picture_rows(tokenizer, [Telling(name="x", title="A text", see="Look.", text=text)])
    assert not found.metrics
    (row,) = found.samples
    return row


def detail_of(row: Sample) -> Mapping[str, object]:
    assert row.detail is not None
    return row.detail


def pieces_of(row: Sample) -> list[bytes | None]:
    listed = detail_of(row)["bytes"]
    assert isinstance(listed, list)
    return [None if piece is None else bytes.fromhex(piece) for piece in listed]


def problem(row: Sample, tokenizer: Tokenizer) -> str:
    """What is wrong with a picture, by another way than it was made: from the ids alone."""
    assert row.ids is not None
    named = [tokenizer.token_bytes(token_id) if tokenizer.kind(token_id) in {"normal", "byte", "added"} else None
             for token_id in row.ids]  # fmt: skip
    if named != pieces_of(row):
        return "other bytes"
    same = None not in named and tokenizer.decode_bytes(row.ids) == (row.gold or "").encode()
    return "" if same == (row.outcome == "correct") else "another outcome"


# ---------------------------------------------------------------------- the texts


def test_the_shipped_texts() -> None:
    found = load_tellings()
    assert len(found) == 12
    assert all(telling.see.endswith((".", "?")) for telling in found)
    texts = "".join(telling.text for telling in found)
    # what has to be seen is in them: a joiner, an accent apart, U+2581, a tab, a trailing space, four scripts
    for wanted in ("strawberry", "1234567", "\u200d", "e\u0301", "\u2581", "\t", "<|endoftext|>", "中", "ไ", "ह", "ع"):
        assert wanted in texts
    assert any(telling.text.endswith(" ") for telling in found)
    assert all(len(telling.text.encode()) <= 48 for telling in found), "a page may hold fifty tokenizers"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "digits"', 'name = "word"', "picture: two texts have the same name"),
        ('name = "digits"\n', "", r"picture\[1\]\.name: this field is missing"),
        ('name = "word"\n', 'name = "word"\nids = [1]\n', r"picture\[0\]\.ids: no such field"),
        ('text = "strawberry strawberry"', "text = 7", r"picture\[0\]\.text: expected text, found 7"),
        ("# Telling texts", "version = 1\n# Telling texts", "version: no such field"),
    ],
)
def test_a_malformed_file_names_the_field(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "pictures.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SuiteDefinitionError, match=message):
        load_tellings(path)


# ---------------------------------------------------------------------- the rows


@pytest.mark.parametrize("spec", LOSSLESS)
def test_a_lossless_tokenizer_shows_every_text(spec: str) -> None:
    tokenizer = load_tokenizer(spec)
    for row, telling in zip(picture_rows(tokenizer).samples, load_tellings(), strict=True):
        assert (row.item_id, row.outcome, row.message, row.gold) == (
            f"picture/{telling.name}", "correct", "", telling.text,
        )  # fmt: skip
        assert b"".join(piece or b"" for piece in pieces_of(row)) == telling.text.encode()
        assert row.prompt_sha256 == hashlib.sha256(telling.text.encode()).hexdigest()
        assert (detail_of(row)["title"], detail_of(row)["see"]) == (telling.title, telling.see)


@pytest.mark.property
@pytest.mark.parametrize("spec", LOSSLESS + LOSSY)
@given(text=TEXTS)
def test_pieces_join_to_the_text_or_the_row_says_that_they_do_not(spec: str, text: str) -> None:
    tokenizer = load_tokenizer(spec)
    row = row_of(tokenizer, text)
    assert problem(row, tokenizer) == ""
    joined = b"".join(piece or b"" for piece in pieces_of(row))
    if row.outcome == "correct":
        assert joined in {text.encode(), tokenizer.info.prefix + text.encode()}
        assert "decoded" not in detail_of(row)
    else:
        assert spec in LOSSY
        assert row.message
        assert detail_of(row)["decoded"] == tokenizer.decode(row.ids or ())


def test_a_token_without_bytes_is_named() -> None:
    row = row_of(load_tokenizer("hf:@tiny-wordpiece.json"), "a \U0001f469")
    assert pieces_of(row)[-1] is None
    assert detail_of(row)["kinds"] == ["normal", "unknown"]
    assert row.outcome == "skipped"
    assert "lossy{" in row.message


class _Other(BytesTokenizer):
    """Gives the next id for each ``e``."""

    def _encode(self, text: str) -> list[int]:
        return [value + (value == ord("e")) for value in text.encode()]


def test_a_wrong_id_is_seen() -> None:
    planted = _Other(load_tokenizer("bytes").info)
    row = row_of(planted, "the house")
    assert row.outcome == "skipped"
    assert detail_of(row)["decoded"] == "thf housf"
    assert row_of(planted, "a dog").outcome == "correct"


def test_the_check_of_these_tests_sees_a_planted_id() -> None:
    tokenizer = load_tokenizer("hf:@tiny.json")
    row = row_of(tokenizer, "the house")
    assert problem(row, tokenizer) == ""
    assert row.ids is not None
    wrong = Sample(**{name: getattr(row, name) for name in Sample.__dataclass_fields__} | {"ids": (*row.ids[:-1], 5)})
    assert problem(wrong, tokenizer) == "other bytes"


class _Refusing(BytesTokenizer):
    def _encode(self, text: str) -> list[int]:
        raise UnsupportedError("encode", "toy", f"no {text!a} here")


def test_a_tokenizer_that_refuses_a_text_says_why() -> None:
    row = row_of(_Refusing(load_tokenizer("bytes").info), "x")
    assert (row.outcome, row.ids) == ("skipped", None)
    assert "no 'x' here" in row.message
    assert "bytes" not in detail_of(row)


# ---------------------------------------------------------------------- the part of a run


def test_pictures_are_a_part_of_a_run_and_no_part_of_its_identity() -> None:
    plan = ExactnessPlan.build(profile="smoke")
    parts = [part for part in plan.parts(load_tokenizer("bytes")) if part.key == "pictures"]
    assert len(parts) == 1
    result = parts[0].work(PartContext())
    assert [row.metric for row in result.samples] == ["picture"] * 12
    assert result.metrics == []
    digest = hashlib.sha256(FILE.read_bytes()).hexdigest()
    assert digest not in plan.items().values()
    assert [entry["rows"] for entry in plan.data_files() if entry.get("sha256") == digest] == [12]


@pytest.mark.parametrize("spec", [*LOSSLESS, *LOSSY])
def test_the_same_texts_give_the_same_rows(spec: str) -> None:
    assert picture_rows(load_tokenizer(spec)).samples == picture_rows(load_tokenizer(spec)).samples


# ---------------------------------------------------------------------- real vocabularies


@pytest.mark.data
@pytest.mark.parametrize(("name", "first"), [("cl100k_base", [4513, 10961, 22]), ("r50k_base", [10163, 2231, 3134])])
def test_real_vocabularies(name: str, first: list[int], tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tiktoken

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer, library = load_tokenizer(f"tiktoken:{name}"), tiktoken.get_encoding(name)
    rows = picture_rows(tokenizer).samples
    assert all(row.outcome == "correct" for row in rows)
    for row in rows:
        assert list(row.ids or ()) == library.encode_ordinary(row.gold or "")
        assert pieces_of(row) == library.decode_tokens_bytes(row.ids or ())
    digits = next(row for row in rows if row.item_id == "picture/digits")
    assert list(digits.ids or ())[:3] == first  # the golden cut of 1234567


def test_a_sentencepiece_model_shows_its_inserted_space() -> None:
    pytest.importorskip("mistral_common")
    tokenizer = load_tokenizer("mistral:v1")
    word, mark = (
        next(row for row in picture_rows(tokenizer).samples if row.item_id == f"picture/{name}")
        for name in ("word", "u2581")
    )
    assert pieces_of(word) == [b" straw", b"berry", b" straw", b"berry"]
    assert mark.outcome == "skipped"
    assert detail_of(mark)["decoded"] == "a b a b"
