"""From a spec to a model that answers, and responders that are a function."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from completers import BYTES, TINY, prompts

from tokbench.errors import (
    MissingExtraError,
    ModelFileError,
    OptionError,
    RecordingError,
    UnknownModelError,
    UnknownNameError,
)
from tokbench.models._scripted import RequestFailed, ScriptedModel
from tokbench.models.completion import ChoiceModel, Completion, CompletionModel, Decoding, Message, Prompt
from tokbench.models.completions import (
    BACKENDS,
    check_model_spec,
    list_completion_models,
    load_completion_model,
    own_tokenizer,
)

# ---------------------------------------------------------------------- scripted responders


def test_a_responder_sees_the_prompt_and_its_item() -> None:
    model = load_completion_model("scripted:echo", responders={"echo": lambda prompt: f"{prompt.item}"})
    asked = [Prompt(text="a", item=1), Prompt(messages=(Message("user", "a"),), item=2), Prompt(ids=(1,), item=3)]
    seen: list[int] = []
    found = model.generate(asked, done=lambda place, _: seen.append(place))
    assert [answer.text for answer in found] == ["1", "2", "3"]
    assert {answer.ids for answer in found} == {None}
    assert (seen, model.info.toy, model.info.backend) == ([0, 1, 2], True, "scripted")
    assert isinstance(model, CompletionModel)
    assert not isinstance(model, ChoiceModel)


def test_a_responder_may_fail_or_say_more() -> None:
    def responder(prompt: Prompt) -> str | Completion:
        if prompt.key == "0":
            raise RequestFailed("every 7th")
        return Completion(text="a", ids=(97,))

    info = load_completion_model("scripted:x", responders={"x": str}).info
    failed, said = ScriptedModel("x", responder, info).generate(prompts(["a", "b"]))
    assert (failed.status, failed.problem, failed.text) == ("error", "every 7th", "")
    assert (said.text, said.ids) == ("a", (97,))

    def broken(prompt: Prompt) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ScriptedModel("x", broken, info).generate(prompts(["a"]))


def test_unknown_responders_are_named() -> None:
    with pytest.raises(UnknownNameError, match=r"scripted responder 'orackle'.*did you mean oracle") as caught:
        load_completion_model("scripted:orackle", responders={"oracle": str, "echo": str})
    assert caught.value.known == ("echo", "oracle", "hash")
    with pytest.raises(OptionError, match="seed"):
        load_completion_model("scripted:echo?seed=1", responders={"echo": str})


def test_fingerprints_of_responders_tell_names_and_tokenizers_apart() -> None:
    known = {"a": str, "b": str}
    found = {
        load_completion_model(f"scripted:{name}", responders=known, tokenizer=tokenizer).info.fingerprint
        for name in known
        for tokenizer in (None, BYTES, TINY)
    }
    assert len(found) == 6


# ---------------------------------------------------------------------- specs


def test_models_over_tokens_are_loaded_with_their_own_tokenizer() -> None:
    for given_one in (None, BYTES):
        model = load_completion_model("ngram:tiny", tokenizer=given_one)
        assert isinstance(model, ChoiceModel)
        (answer,) = model.generate([Prompt(text="The engine was")], Decoding(max_tokens=12))
        assert answer.text.isprintable()
        assert answer.text == TINY.decode_bytes(answer.ids or ()).decode()
        assert (model.info.toy, model.info.tokenizer) == (True, "hf:@tiny.json")
    hashed = load_completion_model("scripted:hash", tokenizer=BYTES, seed=3)
    assert (hashed.info.spec, hashed.info.tokenizer) == ("scripted:hash?seed=3", "bytes")
    named = load_completion_model("scripted:hash?seed=3&tokenizer=bytes", tokenizer=TINY)
    assert named.info.fingerprint == hashed.info.fingerprint
    with pytest.raises(OptionError, match="tokenizer"):
        load_completion_model("scripted:hash")


def test_fingerprints_tell_weights_settings_and_tokenizers_apart() -> None:
    specs = ["ngram:tiny", "ngram:tiny-sp", "scripted:hash", "scripted:hash?seed=1", "scripted:hash?start=0"]
    found = [load_completion_model(spec, tokenizer=TINY).info.fingerprint for spec in specs]
    assert len(set(found)) == len(specs)
    assert found == [load_completion_model(spec, tokenizer=TINY).info.fingerprint for spec in specs]


@pytest.mark.parametrize("spec", ["ngram", "ngram:", "nothing:x", "ngram:tiny?x", "", "ngram:nothing"])
def test_specs_that_name_nothing_are_refused(spec: str) -> None:
    with pytest.raises(UnknownModelError):
        load_completion_model(spec)


def test_an_unknown_backend_names_the_known_ones() -> None:
    with pytest.raises(UnknownModelError, match="hf, ngram, openai, replay, scripted"):
        load_completion_model("opanai:x")
    with pytest.raises(OptionError, match="base_url"):
        load_completion_model("ngram:tiny", base_url="x")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for backend, extra in (("hf", "transformers"), ("openai", "openai")):
        with pytest.raises(MissingExtraError, match=rf"tokbench\[{extra}\]"):
            load_completion_model(f"{backend}:x")
    rows = {row.spec: row for row in list_completion_models()}
    assert (rows["hf:..."].available, rows["ngram:tiny"].available) == (False, True)
    assert rows["openai:..."].remedy == "pip install 'tokbench[openai]'"


def test_every_backend_is_listed() -> None:
    rows = list_completion_models(["oracle", "echo"])
    assert {row.backend for row in rows} == set(BACKENDS)
    assert {"ngram:tiny", "scripted:oracle", "scripted:hash", "replay:..."} <= {row.spec for row in rows}


@pytest.mark.parametrize(("spec", "error"), [
    ("nothing", UnknownModelError), ("ngram:huge", UnknownModelError), ("ngram:huge.ngram", ModelFileError),
    ("hf:./nowhere", ModelFileError), ("scripted:orakle", UnknownNameError), ("replay:nowhere.csv", RecordingError),
    ("openai:x?base_urls=y", OptionError),
])  # fmt: skip
def test_what_cannot_be_loaded_is_refused_without_loading_it(spec: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_model_spec(spec, ["oracle"])


def test_what_can_be_loaded_is_not_loaded_to_find_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")  # a folder without weights
    for spec in ("ngram:tiny", "scripted:oracle", "scripted:hash", f"hf:{tmp_path}"):
        check_model_spec(spec, ["oracle"])


def test_the_own_tokenizer_of_a_model_is_known_without_its_weights() -> None:
    assert own_tokenizer("ngram:tiny") == "hf:@tiny.json"
    assert own_tokenizer("scripted:hash?tokenizer=bytes") == "bytes"
    assert [own_tokenizer(spec) for spec in ("scripted:oracle", "openai:x", "replay:x", "hf:./nowhere")] == [None] * 4
    with pytest.raises(UnknownModelError):
        own_tokenizer("nothing")
