"""Models over tokens that answer: what they write is what the model says, whatever stands beside it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from completers import BYTES, PIECES, TINY, Counted, completer, counted, function, prompts, says
from hypothesis import given
from hypothesis import strategies as st

import tokbench.models._writing as writing
from tokbench.bytelevel import PrefixModel
from tokbench.bytelevel._draws import Draws
from tokbench.bytelevel.protocol import NextTokenModel
from tokbench.errors import (
    ModelContractError,
    NoChatTemplateError,
    OptionError,
    StartContextError,
)
from tokbench.models import load_model
from tokbench.models._complete import TokenCompleter, completer_info
from tokbench.models.completion import Completion, Decoding, Message, Prompt
from tokbench.tokenizers import Tokenizer

TEXT = st.text(st.sampled_from("ab e'1\n\u00e9\u4e2d"), max_size=12)


# ---------------------------------------------------------------------- the definition, step by step


def by_hand(
    model: NextTokenModel, tokenizer: Tokenizer, prompt: Prompt, decoding: Decoding
) -> tuple[list[int], str, str]:
    """Ids, text and why it ended, one forward for each token and all bytes decoded anew each time."""
    start = list(prompt.ids) if prompt.ids is not None else [*model.start_ids, *tokenizer.encode(prompt.text or "")]
    ids: list[int] = []
    draws = Draws("completion", decoding.seed, 0, prompt.key.encode())
    before, known = len(tokenizer.decode_bytes(start)), frozenset(tokenizer.ids())
    data = b""
    handle, row = model.initial()
    for token in start:
        (handle,), (row,) = model.extend([handle], [token])
    while len(ids) < (decoding.max_tokens or 0):
        if ids:
            (handle,), (row,) = model.extend([handle], [ids[-1]])
        if decoding.temperature == 0:
            token = min(np.flatnonzero(row == row.max()).tolist())
        else:
            token = _drawn_by_hand(row, decoding, draws.fraction())
        ids.append(token)
        if token in model.end_ids:
            return ids, data.decode("utf-8", "replace"), "stop"
        data = tokenizer.decode_bytes([one for one in (*start, *ids) if one in known])[before:]
        places = [at for stop in decoding.stop if (at := data.find(stop.encode())) >= 0]
        if places:
            return ids, data[: min(places)].decode("utf-8", "replace"), "stop"
    return ids, data.decode("utf-8", "replace"), "length"


def _drawn_by_hand(row: np.ndarray, decoding: Decoding, fraction: float) -> int:
    weights = [math.exp((float(value) - float(row.max())) / decoding.temperature) for value in row]
    order = sorted(range(len(weights)), key=lambda token: (-weights[token], token))
    if decoding.top_p < 1:
        kept: list[int] = []
        while not kept or sum(weights[token] for token in kept) < decoding.top_p * sum(weights):
            kept.append(order[len(kept)])
    else:
        kept = list(range(len(weights)))
    total, reached = sum(weights[token] for token in kept), 0.0
    for token in kept:
        reached += weights[token]
        if reached > fraction * total:
            return token
    return kept[-1]


@pytest.mark.property
@pytest.mark.parametrize("tokenizer", [TINY, PIECES, BYTES], ids=["bpe", "prefix", "bytes"])
@given(
    texts=st.lists(TEXT, min_size=1, max_size=5),
    seed=st.integers(0, 3),
    temperature=st.sampled_from([0.0, 0.5, 1.0]),
    top_p=st.sampled_from([1.0, 0.6]),
    stop=st.sampled_from([(), ("e",), ("\u00e9", " t", "an")]),
)
def test_answers_are_the_definition(
    tokenizer: Tokenizer, texts: list[str], seed: int, temperature: float, top_p: float, stop: tuple[str, ...]
) -> None:
    model = completer(tokenizer, seed=seed)
    decoding = Decoding(max_tokens=6, temperature=temperature, top_p=top_p, stop=stop, seed=seed)
    asked = prompts(texts)
    for prompt, found in zip(asked, model.generate(asked, decoding), strict=True):
        wanted = by_hand(model._model, tokenizer, prompt, decoding)
        assert (list(found.ids or ()), found.text, found.finish_reason) == wanted
        assert (found.prompt_tokens, found.completion_tokens) == (len(found.prompt_ids or ()), len(wanted[0]))
        assert found.prompt_ids == tuple(tokenizer.encode(prompt.text or ""))


def _independent(make: Callable[[int], TokenCompleter]) -> None:
    """Answers depend neither on the size of a batch nor on the order."""
    decoding = Decoding(max_tokens=8, temperature=1.0, seed=5)
    asked = prompts(["", "a", "The ", "The engine", "The engine", "\u00e9", "12", "The engineer"])
    wanted = [answer.ids for answer in make(32).generate(asked, decoding)]
    for batch in (1, 3):
        assert [answer.ids for answer in make(batch).generate(asked, decoding)] == wanted
    assert [answer.ids for answer in make(5).generate(asked[::-1], decoding)] == wanted[::-1]
    assert wanted[3] != wanted[4], "equal prompts of different keys are drawn apart"


def test_answers_depend_neither_on_batch_nor_on_order() -> None:
    _independent(lambda batch: completer(TINY, batch=batch))


def test_draws_from_one_stream_for_a_batch_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Draws("completion", 5, 0, b"")
    monkeypatch.setattr(writing, "Draws", lambda *_: shared)
    with pytest.raises(AssertionError):
        _independent(lambda batch: completer(TINY, batch=batch))


# ---------------------------------------------------------------------- bytes, stops, limits


def _exact_text(make: Callable[[str], TokenCompleter]) -> None:
    (answer,) = make("\u00e9t\u00e9 \u4e2d.").generate([Prompt(text="x")])
    assert (answer.text, answer.finish_reason) == ("\u00e9t\u00e9 \u4e2d.", "stop")
    (answer,) = make("a\u4e2d").generate([Prompt(text="x")], Decoding(max_tokens=3))
    assert (answer.text, answer.finish_reason) == ("a\ufffd", "length")
    assert answer.ids == (97, 0xE4, 0xB8)


def test_text_is_the_exact_bytes_of_the_ids() -> None:
    _exact_text(says)


def test_text_decoded_token_by_token_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    true = writing.Spelling.__getitem__
    monkeypatch.setattr(
        writing.Spelling, "__getitem__", lambda self, token: true(self, token).decode("utf-8", "replace").encode()
    )
    with pytest.raises(AssertionError):
        _exact_text(says)


@pytest.mark.parametrize(
    ("stop", "text", "written"),
    [
        (("\n",), "12", 3),
        (("2\n3",), "1", 4),  # across tokens
        (("3", "2"), "1", 2),  # the first to come
        (("2\n", "12\n"), "", 3),  # of two that end together the longer begins earlier
        (("\u4e2d",), "12\n3", 7),
        (("no",), "12\n3\u4e2d", 8),
    ],
)
def test_stop_strings_are_cut_off_the_text_and_the_ids_stay(stop: tuple[str, ...], text: str, written: int) -> None:
    (answer,) = says("12\n3\u4e2d").generate([Prompt(text="x")], Decoding(stop=stop))
    assert (answer.text, answer.completion_tokens, answer.finish_reason) == (text, written, "stop")
    assert len(answer.ids or ()) == len(answer.logprobs or ()) == written


def test_a_stop_string_inside_a_token_keeps_the_token() -> None:
    word = TINY.encode(" station")
    assert len(word) == 1

    def row(ids: tuple[int, ...]) -> np.ndarray:
        return np.where(np.arange(1003) == word[0], 0.0, -np.inf)

    model = PrefixModel(row, width=1003, end_ids=(1000,))
    asked = TokenCompleter(model, TINY, completer_info(load_model("ngram:tiny").info, TINY))
    (answer,) = asked.generate([Prompt(text="x")], Decoding(stop=("at",)))
    assert (answer.text, answer.ids) == (" st", tuple(word))


def test_a_space_that_the_tokenizer_inserts_is_no_part_of_a_text_but_one_behind_a_prompt_is() -> None:
    space = PIECES.encode("engine")
    assert PIECES.token_bytes(space[0]).startswith(b" ")
    width = max(PIECES.ids()) + 1
    model = PrefixModel(lambda ids: np.where(np.arange(width) == space[0], 0.0, -np.inf), width=width, end_ids=(2,))
    asked = TokenCompleter(model, PIECES, completer_info(load_model("ngram:tiny").info, PIECES))
    first, behind = asked.generate([Prompt(text=""), Prompt(text="The")], Decoding(max_tokens=1))
    assert behind.text == " " + first.text


def test_equal_probabilities_give_the_lowest_id() -> None:
    (answer,) = function(lambda ids: [1 / 257] * 257).generate([Prompt(text="x")], Decoding(max_tokens=2))
    assert answer.ids == (0, 0)
    assert answer.logprobs == pytest.approx((-math.log(257),) * 2)


def test_a_limit_that_nobody_gives_is_the_room_left() -> None:
    endless = [1.0] + [0.0] * 256
    (answer,) = function(lambda ids: endless, max_positions=20).generate(
        [Prompt(text="12345")], Decoding(max_tokens=None)
    )
    assert (answer.completion_tokens, answer.finish_reason) == (15, "length")
    (answer,) = function(lambda ids: endless).generate([Prompt(text="1")], Decoding(max_tokens=None))
    assert answer.completion_tokens == writing.UNLIMITED


def test_a_prompt_that_is_too_long_fails_alone() -> None:
    model = completer(BYTES, max_positions=8)
    texts = ["1234567", "12345678", "123456789", "1"]
    found = model.generate(prompts(texts), Decoding(max_tokens=4))
    assert [answer.status for answer in found] == ["ok", "error", "error", "ok"]
    assert (found[2].problem[:48], found[2].text) == ("the text needs 10 positions and the model has 8:", "")
    assert "\n" not in found[2].problem
    assert [answer.completion_tokens for answer in found] == [1, None, None, 4]


def test_prompts_that_cannot_be_read_fail_alone() -> None:
    model = completer(BYTES, start_ids=())
    bad = [Prompt(ids=(1, 300)), Prompt(text="\ud800"), Prompt(ids=(-1,)), Prompt(text="a")]
    found = model.generate(bad)
    assert [answer.status for answer in found] == ["error", "error", "error", "ok"]
    assert "300" in found[0].problem
    assert "D800" in found[1].problem


def test_ids_are_taken_as_they_are() -> None:
    model = completer(TINY, start_ids=(1000,))
    ids = (1000, *TINY.encode("The engine"))
    text, same, bare = model.generate([Prompt(text="The engine"), Prompt(ids=ids), Prompt(ids=ids[1:])])
    assert text.prompt_ids == same.prompt_ids == ids
    assert text.ids == same.ids != bare.ids
    assert bare.prompt_ids == ids[1:]


def test_a_first_token_that_the_model_does_not_give_is_the_problem_of_an_empty_prompt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = completer(BYTES)

    def initial() -> None:
        raise StartContextError("x")

    monkeypatch.setattr(model._model, "initial", initial)
    empty, other = model.generate([Prompt(text=""), Prompt(text="a")])
    assert (empty.status, other.status) == ("error", "ok")
    assert "start=" in empty.problem


def test_a_chat_and_wrong_decodings_end_the_call() -> None:
    model = completer(BYTES)
    chat = Prompt(messages=(Message("user", "hi"),))
    for call in (lambda: model.generate([chat]), lambda: model.score_choices([chat], [["a"]])):
        with pytest.raises(NoChatTemplateError, match="use a prompt without messages"):
            call()
    assert model.takes == {"text", "ids"}
    for wrong in ({"temperature": -1.0}, {"temperature": math.nan}, {"top_p": 0.0}, {"max_tokens": 0}, {"stop": ("",)}):
        with pytest.raises(OptionError, match=next(iter(wrong))):
            model.generate([Prompt(text="a")], replace(Decoding(), **wrong))


def test_a_row_without_any_probability_ends_the_call() -> None:
    with pytest.raises(ModelContractError):
        function(lambda ids: [0.0] * 257).generate([Prompt(text="x")])
    with pytest.raises(ModelContractError):
        function(lambda ids: [math.nan] * 257).generate([Prompt(text="x")])


# ---------------------------------------------------------------------- draws


@pytest.mark.parametrize("top_p", [1.0, 0.75, 0.3])
def test_draws_have_the_probabilities_of_the_temperature(top_p: float) -> None:
    row = np.log(np.array([0.1, 0.4, 0.0001, 0.3, 0.1999]))
    grid = [writing.drawn(row, 0.5, top_p, (place + 0.5) / 20000) for place in range(20000)]
    squares = np.exp(2 * row)
    kept = {1.0: [0, 1, 2, 3, 4], 0.75: [1, 3], 0.3: [1]}[top_p]
    wanted = np.zeros(5)
    wanted[kept] = squares[kept] / squares[kept].sum()
    assert np.abs(np.bincount(grid, minlength=5) / 20000 - wanted).max() < 1e-3


def test_a_token_without_probability_is_never_drawn() -> None:
    row = np.log(np.array([1e-300, 1.0, 1e-300]) + 0.0)
    row[0] = row[2] = -np.inf
    assert {writing.drawn(row, 1.0, top_p, fraction) for top_p in (1.0, 0.5) for fraction in (0.0, 1 - 2**-53)} == {1}


# ---------------------------------------------------------------------- what is asked of the model


def test_a_beginning_that_prompts_share_is_computed_once_and_steps_are_shared() -> None:
    asked, model = counted(BYTES, end_share=0.0)
    found = asked.generate(prompts([f"{'x' * 50}{place}" for place in range(8)]), Decoding(max_tokens=5))
    assert (model.positions, model.calls) == (50 + 8 + 4 * 8, 1 + 4)
    assert all(answer.completion_tokens == 5 for answer in found)


def _let_go(asked: TokenCompleter, model: Counted) -> None:
    asked.generate(prompts(["", "a", "ab", "ab", "\ud800"]), Decoding(max_tokens=5))
    asked.score_choices([Prompt(ids=(1, 2))], [["a", "b", "ab"]])
    assert not model._positions


def test_positions_are_let_go_of() -> None:
    _let_go(*counted(BYTES))


def test_positions_that_are_kept_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, model = counted(BYTES)
    monkeypatch.setattr(model, "release", lambda handles: None)
    with pytest.raises(AssertionError):
        _let_go(asked, model)


def test_positions_are_let_go_of_when_the_caller_stops() -> None:
    asked, model = counted(BYTES)

    def stop(_place: int, _completion: Completion) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked.generate(prompts(["a", "b", "c"]), Decoding(max_tokens=5), done=stop)
    assert not model._positions


def test_answers_are_reported_as_they_come() -> None:
    seen: list[tuple[int, str]] = []
    found = completer(BYTES, batch=2).generate(
        prompts(["a", "b", "\ud800", "d", "e"]), done=lambda place, answer: seen.append((place, answer.status))
    )
    assert sorted(seen) == [(0, "ok"), (1, "ok"), (2, "error"), (3, "ok"), (4, "ok")]
    assert {place for place, _ in seen[:2]} == {0, 1}
    assert [answer.status for answer in found] == [status for _, status in sorted(seen)]


def test_the_harness_takes_less_than_a_millisecond_a_sample() -> None:
    row = np.full(257, -math.log(257))
    model = PrefixModel(lambda ids: row, width=257, end_ids=(256,))
    asked = TokenCompleter(model, BYTES, completer_info(load_model("ngram:tiny").info, BYTES))
    texts = prompts([f"{place:04} How many times?" for place in range(200)])
    times = []
    for _ in range(3):
        began = time.perf_counter()
        asked.generate(texts, Decoding(max_tokens=4))
        times.append((time.perf_counter() - began) / len(texts))
    assert min(times) < 1e-3
