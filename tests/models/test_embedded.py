"""The models without torch: a hash function, and n-grams that the project counted."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest

from tokbench._resources import resource
from tokbench.bytelevel import ByteModel, InCall, NextTokenModel
from tokbench.errors import MissingExtraError, ModelFileError, OptionError, UnknownIdError, UnknownModelError
from tokbench.models import HashModel, NgramModel, _backends, list_models, load_byte_model, load_model
from tokbench.tokenizers import load_tokenizer

TABLE = {0: b"a", 1: b"b", 2: b"ab"}


def row(model: NextTokenModel, ids: list[int]) -> np.ndarray:
    if not ids:
        return np.asarray(model.initial()[1])
    return np.asarray(model.extend([None, *map(InCall, range(len(ids) - 1))], ids)[1][-1])


# ---------------------------------------------------------------------- hash


def test_shares_of_end_and_other_are_what_was_asked_for() -> None:
    model = HashModel(TABLE, end_ids=(3, 4), end_share=0.25, other_share=0.125, width=8, scale=3)
    for ids in ([], [0], [2, 1]):
        found = np.exp(row(model, ids))
        assert found.sum() == pytest.approx(1, abs=1e-12)
        assert found[[3, 4]] == pytest.approx([0.125, 0.125])
        assert found[5:].sum() == pytest.approx(0.125)


def test_the_state_is_the_ids_or_the_bytes() -> None:
    ids, spelled = HashModel(TABLE), HashModel(TABLE, state="bytes")
    assert np.abs(row(ids, [0, 1]) - row(ids, [2])).max() > 1e-3
    assert np.abs(row(spelled, [0, 1]) - row(spelled, [2])).max() == 0
    assert np.abs(row(spelled, [0]) - row(spelled, [2])).max() > 1e-3


def test_ids_of_equal_bytes_share_what_one_would_have() -> None:
    one = HashModel(TABLE, state="bytes", seed=3)
    two = HashModel({**TABLE, 3: b"ab"}, state="bytes", seed=3)
    assert np.logaddexp(row(two, [0])[2], row(two, [0])[3]) == pytest.approx(row(one, [0])[2], abs=1e-12)


def test_seeds_and_scales_make_other_models_and_a_pickle_the_same() -> None:
    model = HashModel(TABLE, seed=1, scale=2)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301, our own
    assert (row(again, [0, 2]) == row(model, [0, 2])).all()
    assert again.fingerprint == model.fingerprint
    for other in (HashModel(TABLE, seed=2, scale=2), HashModel(TABLE, seed=1, scale=1)):
        assert other.fingerprint != model.fingerprint
        assert np.abs(row(other, [0]) - row(model, [0])).max() > 1e-3
    flat = np.exp(row(HashModel(TABLE, scale=0), [1]))
    assert flat == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    "options", [{"end_share": 1.5, "end_ids": (3,)}, {"scale": -1}, {"width": 2}, {"end_share": 0.5}, {"state": "x"}]
)
def test_what_makes_no_distribution_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        HashModel(TABLE, **options)  # type: ignore[arg-type]
    with pytest.raises(OptionError):
        HashModel({})


# ---------------------------------------------------------------------- n-grams


@pytest.mark.parametrize("name", ["tiny", "tiny-sp"])
def test_an_embedded_model_is_a_distribution_over_its_own_tokenizer(name: str) -> None:
    model = load_model(f"ngram:{name}")
    assert model.toy
    assert model.tokenizer_spec is not None
    tokenizer = load_tokenizer(model.tokenizer_spec)
    ids = tokenizer.encode("The engineer finished the ticket.")
    for count in range(len(ids)):
        found = np.exp(row(model, ids[:count]))
        assert found.sum() == pytest.approx(1, abs=1e-9)
        assert found.min() > 0
    assert ByteModel(model, tokenizer).logprob("The engineer", per_byte=False).bits_per_byte < 3


def test_it_learned_canonical_ids_and_gives_others_a_little() -> None:
    model, tokenizer = load_model("ngram:tiny"), load_tokenizer("hf:@tiny.json")
    canonical = tokenizer.encode("The engineer")
    assert len(canonical) < len(b"The engineer")
    spelled = [tokenizer.encode_piece(bytes([byte]))[0] for byte in b"The engineer"]

    def logprob(ids: list[int]) -> float:
        return sum(float(row(model, ids[:at])[token]) for at, token in enumerate(ids))

    assert -math.inf < logprob(spelled) < logprob(canonical) - 20


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    good = resource("fixtures", "ngram-tiny.ngram").read_bytes()
    for name, data in (("empty", b""), ("text", b"hello\n"), ("cut", good[: len(good) // 2]), ("json", b"{}\nxx")):
        path = tmp_path / f"{name}.ngram"
        path.write_bytes(data)
        with pytest.raises(ModelFileError) as caught:
            load_model(f"ngram:{path}")
        assert "\n" not in str(caught.value)
    path = tmp_path / "good.ngram"
    path.write_bytes(good)
    assert isinstance(load_model(f"ngram:{path}"), NgramModel)
    with pytest.raises((UnknownModelError, ModelFileError)):
        load_model("ngram:no-such-model")


# ---------------------------------------------------------------------- the registry


@pytest.mark.parametrize("spec", ["", "ngram", "ngram:", "gpt:x", "scripted:x?tokenizer=bytes"])
def test_a_spec_that_names_no_model_is_refused(spec: str) -> None:
    with pytest.raises(UnknownModelError):
        load_model(spec)


def test_options_are_checked_by_name_and_value() -> None:
    for option in ("colour=red", "seed=x", "end=2"):
        with pytest.raises(OptionError):
            load_model(f"scripted:hash?tokenizer=bytes&{option}")
    with pytest.raises(OptionError, match="tokenizer"):
        load_model("scripted:hash")


def test_a_keyword_and_a_spec_load_the_same() -> None:
    one = load_model("scripted:hash?tokenizer=bytes&seed=4&scale=2")
    two = load_model("scripted:hash", tokenizer=load_tokenizer("bytes"), seed=4, scale=2.0)
    assert (row(one, [65]) == row(two, [65])).all()


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backends, "missing_library", lambda entry: "torch" if entry.extra else None)
    with pytest.raises(MissingExtraError, match=r"tokbench\[transformers\]"):
        load_model("hf:./folder")
    rows = {row.spec: row for row in list_models()}
    assert rows["ngram:tiny"].available
    assert not rows["hf:..."].available


def test_a_byte_model_is_loaded_by_specs() -> None:
    own = load_byte_model("ngram:tiny", reading="all", eps=0.01)
    assert own.tokenizer is not None
    assert (own.reading, own.eps, own.tokenizer.info.spec) == ("all", 0.01, "hf:@tiny.json")
    with pytest.raises(OptionError, match=r"vocabulary of hf:@tiny\.json"):
        load_byte_model("ngram:tiny", "bytes")
    given = load_byte_model("scripted:hash", "hf:@tiny.json", seed=2)
    assert given.logprob("x").exact
    assert ByteModel.load("ngram:tiny").logprob("The").value == ByteModel.load("ngram:tiny").logprob("The").value


# ---------------------------------------------------------------------- the protocol


@pytest.mark.parametrize("spec", ["ngram:tiny", "scripted:hash?tokenizer=hf:@tiny.json"])
def test_entries_of_a_call_handles_and_order_are_alike(spec: str) -> None:
    model = load_model(spec)
    assert isinstance(model, NextTokenModel)
    (first,), one = model.extend([None], [40])
    _, two = model.extend([first, None, InCall(1)], [50, 40, 50])
    assert (np.asarray(two[0]) == np.asarray(two[2])).all()
    assert (np.asarray(two[1]) == np.asarray(one[0])).all()
    _, swapped = model.extend([None, first], [40, 50])
    assert (np.asarray(swapped[1]) == np.asarray(two[0])).all()
    model.release([first])
    with pytest.raises(KeyError):
        model.release([first])
    with pytest.raises(UnknownIdError):
        model.extend([None], [model.width])
    assert np.asarray(model.extend([], [])[1]).shape == (0, model.width)
