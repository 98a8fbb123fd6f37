"""Log-probabilities of answers: those of their bytes where that is possible, else of one tokenization."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from completers import BYTES, PIECES, RULELESS, TINY, completer, counted, prompts

from tokbench.bytelevel import ByteModel
from tokbench.models.completion import Prompt
from tokbench.tokenizers import Tokenizer


@pytest.mark.parametrize("tokenizer", [TINY, PIECES], ids=["bpe", "prefix"])
def test_values_of_answers_are_those_of_the_bytes(tokenizer: Tokenizer) -> None:
    asked = completer(tokenizer)
    texts, options = ["The engin", "Q: 1\nA:", ""], ["e", "eer", " 1", "", "s in"]
    byte_model = ByteModel(asked._model, tokenizer)
    for text, found in zip(texts, asked.score_choices(prompts(texts), [options] * 3), strict=True):
        assert (found.exact, found.status) == (True, "ok")
        for option, value in zip(options, found.logprobs, strict=True):
            whole, before = byte_model.score(text + option).value, byte_model.score(text).value
            assert value == pytest.approx(whole - before, abs=1e-9)


def test_without_a_rule_one_tokenization_stands_for_all() -> None:
    asked = completer(RULELESS)
    model: Any = asked._model
    text, options = "The engine", [" was", "er", "s", ""]
    (found,) = asked.score_choices([Prompt(text=text)], [options])
    assert not found.exact

    def log_probability(ids: Iterable[int]) -> float:
        handle, row = model.initial()
        total = 0.0
        for token in ids:
            total += float(row[token])
            (handle,), (row,) = model.extend([handle], [token])
        return total

    before = log_probability(RULELESS.encode(text))
    wanted = [log_probability(RULELESS.encode(text + option)) - before for option in options]
    assert found.logprobs == pytest.approx(tuple(wanted), abs=1e-9)
    assert found.logprobs[3] == 0


def test_a_text_that_the_tokenizer_changes_is_scored_as_what_it_becomes() -> None:
    asked = completer(PIECES)
    plain, changed = asked.score_choices(prompts(["The", "\u2581The"]), [[" a"]] * 2)
    assert (plain.exact, changed.exact, changed.status) == (True, False, "ok")


def test_behind_ids_answers_keep_the_ids() -> None:
    asked = completer(TINY)
    model: Any = asked._model
    canonical, spelled = TINY.encode("The engine: "), [token for char in "The engine: " for token in TINY.encode(char)]
    assert canonical[-1:] == spelled[-1:]
    found = asked.score_choices([Prompt(ids=tuple(ids)) for ids in (canonical, spelled)], [["\u4e2d", "\u00e9"]] * 2)
    for ids, scores in zip((canonical, spelled), found, strict=True):
        handle, row = model.initial()
        for token in ids:
            (handle,), (row,) = model.extend([handle], [token])
        for option, value in zip(("\u4e2d", "\u00e9"), scores.logprobs, strict=True):
            at, here, total = handle, row, 0.0
            for token in TINY.encode("The engine: " + option)[len(canonical) :]:
                total += float(here[token])
                (at,), (here,) = model.extend([at], [token])
            assert value == pytest.approx(total, abs=1e-9)
        assert not scores.exact
    assert found[0].logprobs != found[1].logprobs
    letters = [token for char in "The engine" for token in TINY.encode(char)]
    (refused,) = asked.score_choices([Prompt(ids=tuple(letters))], [["er", " x"]])
    assert (refused.status, refused.logprobs) == ("error", ())
    assert "changes tokens" in refused.problem


def test_answers_share_the_computation_of_their_prompt() -> None:
    asked, model = counted(TINY)
    text = "The engine was useful and the station was " * 4
    asked.score_choices([Prompt(text=text)], [["1"]])
    one, model.positions = model.positions, 0
    asked.score_choices([Prompt(text=text)], [[str(value) for value in range(10)]])
    assert model.positions < one + 20
    model.positions = 0
    ids = tuple(TINY.encode("The station"))
    asked.score_choices([Prompt(ids=ids)], [[f" {value}" for value in range(9)]])
    assert model.positions < len(ids) + 10


def test_a_prompt_that_is_too_long_to_score_fails_alone() -> None:
    for tokenizer in (BYTES, RULELESS):
        asked = completer(tokenizer, max_positions=12)
        found = asked.score_choices(prompts(["a", "a b c d e f g h i j k l m n o p", "c"]), [["x", "y"], ["x"], []])
        assert [scores.status for scores in found] == ["ok", "error", "ok"]
        assert "positions and the model has 12" in found[1].problem
        assert found[2].logprobs == ()
    seen: list[int] = []
    asked.score_choices(prompts(["a", "b"]), [["x"], ["y"]], done=lambda place, _: seen.append(place))
    assert seen == [0, 1]
    with pytest.raises(ValueError, match="zip"):
        asked.score_choices(prompts(["a", "b"]), [["x"]])
