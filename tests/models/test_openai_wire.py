"""What replies of servers mean, byte for byte: answers, errors of many spellings, and rubbish."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.models._openai_verdict import judge, shortened
from tokbench.models._openai_wire import MalformedReply, Reply, Settings, parsed, read_completion, request_body
from tokbench.models.completion import Completion, Decoding, Message, Prompt


def _chat(**choice: object) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": "hi"}, **choice}]}


def _text(**choice: object) -> dict[str, Any]:
    return {"choices": [{"text": "hi", **choice}]}


# ---------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("stop", "stop"), ("eos", "stop"), ("stop_sequence", "stop"), ("length", "length"), ("max_tokens", "length"),
        ("content_filter", "refused"), ("tool_calls", ""), (None, ""), (["stop"], ""), (3, ""),
    ],
)  # fmt: skip
def test_reasons_of_an_end(said: object, reason: str) -> None:
    assert read_completion(_chat(finish_reason=said), chat=True).finish_reason == reason
    assert read_completion(_text(finish_reason=said), chat=False).finish_reason == reason


def test_a_refusal_is_its_text() -> None:
    data = {"choices": [{"message": {"content": None, "refusal": "I will not"}, "finish_reason": "stop"}]}
    found = read_completion(data, chat=True)
    assert (found.text, found.finish_reason, found.status) == ("I will not", "refused", "ok")
    assert found.raw == {"finish_reason": "stop", "refusal": "I will not"}


def test_parts_of_a_message_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, "x", {"text": 1}, {"type": "text", "text": "b"}]
    assert read_completion({"choices": [{"message": {"content": parts}}]}, chat=True).text == "ab"


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    data = parsed(b'{"choices": [{"text": "a\\ud83d b \\ud83e\\udd99"}]}')
    assert read_completion(data, chat=False).text == "a\ufffd b \U0001f999"


def test_ids_are_where_vllm_puts_them() -> None:
    chat = {**_chat(token_ids=[5, 6]), "prompt_token_ids": [1, 2, 3]}
    assert (read_completion(chat, chat=True).ids, read_completion(chat, chat=True).prompt_ids) == ((5, 6), (1, 2, 3))
    text = _text(token_ids=[5, 6], prompt_token_ids=[1, 2, 3])
    assert (read_completion(text, chat=False).ids, read_completion(text, chat=False).prompt_ids) == ((5, 6), (1, 2, 3))
    for wrong in (None, "5", [5, "6"], [5, -1], [True], {"5": 6}, [1.0]):
        assert read_completion(_text(token_ids=wrong), chat=False).ids is None


@pytest.mark.parametrize(
    ("logprobs", "values"),
    [
        ({"content": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1}]}, (-0.5, -1.0)),
        ({"token_logprobs": [-0.5, 0]}, (-0.5, 0.0)),
        ({"content": None, "token_logprobs": [-0.5, 0]}, (-0.5, 0.0)),
        ({"token_logprobs": [None, -1]}, None),
        ({"content": [{"token": "a"}]}, None),
        ({"token_logprobs": [True]}, None),
        ([], None),
        (None, None),
    ],
)
def test_log_probabilities_of_both_endpoints(logprobs: object, values: tuple[float, ...] | None) -> None:
    assert read_completion(_text(logprobs=logprobs), chat=False).logprobs == values


def test_log_probabilities_of_other_tokens_than_the_ids_are_left_out() -> None:
    data = _text(token_ids=[1, 2, 3], logprobs={"token_logprobs": [-1.0, -2.0]})
    found = read_completion(data, chat=False)
    assert (found.ids, found.logprobs) == ((1, 2, 3), None)


def test_counts_that_are_none_are_unknown() -> None:
    data = {**_text(), "usage": {"prompt_tokens": "7", "completion_tokens": -1}}
    found = read_completion(data, chat=False)
    assert (found.prompt_tokens, found.completion_tokens) == (None, None)
    assert read_completion({**_text(), "usage": None}, chat=False).prompt_tokens is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "text", "error", "code", "message", "usage", "logprobs"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.property
@given(data=_JSON, status=st.sampled_from([200, 302, 400, 401, 403, 404, 418, 429, 500, 599]), chat=st.booleans())
def test_every_reply_has_a_meaning(data: object, status: int, *, chat: bool) -> None:
    verdict = judge(Reply(status, {}, json.dumps(data).encode()), chat=chat)
    if verdict.kind == "answer":
        assert isinstance(verdict.completion, Completion)
        verdict.completion.text.encode()
    else:
        assert verdict.problem
        assert "\n" not in verdict.problem
        assert len(verdict.problem) <= 300
    if status != 200:
        assert verdict.kind != "answer" or (verdict.completion and verdict.completion.finish_reason == "refused")


@pytest.mark.property
@given(body=st.binary(max_size=40), status=st.sampled_from([200, 404, 500]))
def test_rubbish_is_no_answer(body: bytes, status: int) -> None:
    verdict = judge(Reply(status, {}, body), chat=True)
    assert verdict.kind in {"retry", "path"}


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, "retry", "slow down"),
        (429, {"error": {"message": "no money", "type": "insufficient_quota", "code": None}}, "stop", "no money"),
        (402, {"error": {"message": "no money", "code": 402}}, "stop", "no money"),
        (408, {}, "retry", "HTTP 408 Request Timeout"),
        (500, {"detail": "oops"}, "retry", "oops"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "retry", "HTTP 529:"),
        (401, {"error": {"message": "wrong"}}, "key", "wrong"),
        (403, {"error": "forbidden"}, "key", "forbidden"),
        (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, "model", "`x`"),
        (404, {"object": "error", "message": "The model `x` does not exist.", "code": 404}, "model", "`x`"),
        (400, {"error": {"message": "x is not a valid model ID", "code": 400}}, "model", "valid model"),
        (404, {"detail": "Not Found"}, "path", "Not Found"),
        (404, {"error": {"message": "File Not Found", "code": 404}}, "path", "File Not Found"),
        (404, {"error": {"message": "This is not a chat model", "param": "model"}}, "path", "not a chat model"),
        (405, {"detail": "Method Not Allowed"}, "path", "HTTP 405"),
        (400, {"error": {"message": "max length", "code": "context_length_exceeded"}}, "fail", "max length"),
        (422, {"detail": [{"msg": "x"}]}, "fail", "HTTP 422"),
        (400, {"error": {"message": "no such field", "code": "unsupported_parameter"}}, "stop", "no such field"),
        (200, {"error": {"message": "upstream", "code": 502}}, "retry", "but error 502: upstream"),
        (200, {"error": {"message": "upstream", "code": 400}}, "fail", "but error 400: upstream"),
        (200, {"error": {"message": "upstream"}}, "retry", "upstream"),
        (200, {"object": "list"}, "retry", "the answer holds no choices"),
    ],
)  # fmt: skip
def test_errors_of_many_spellings(status: int, body: object, kind: str, said: str) -> None:
    verdict = judge(Reply(status, {}, json.dumps(body).encode()), chat=True)
    assert verdict.kind == kind
    assert said in verdict.problem
    assert verdict.local == (status in {403, 404, 405} and kind in {"key", "path"})


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "m", "code": "content_filter"}},
        {"error": {"message": "m", "code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
        {"error": {"message": "m", "type": "content_policy_violation"}},
        {"error": {"message": "m", "code": 403, "metadata": {"flagged_input": "..."}}},
    ],
)
def test_a_filter_is_no_wrong_key(body: object) -> None:
    verdict = judge(Reply(403, {}, json.dumps(body).encode()), chat=True)
    assert verdict.completion is not None
    assert (verdict.completion.finish_reason, verdict.completion.status) == ("refused", "ok")
    assert verdict.completion.raw == {"finish_reason": "content_filter", "message": "HTTP 403 Forbidden: m"}


def test_a_page_of_a_web_server_is_one_short_line() -> None:
    verdict = judge(Reply(502, {}, b"<html>" + b"\n<p>Bad Gateway</p>" * 100), chat=True)
    assert (verdict.kind, verdict.problem) == ("retry", "HTTP 502 Bad Gateway")
    assert shortened("a\n b\t c") == "a b c"
    assert len(shortened("ab " * 1000)) == 300


def test_a_body_that_is_no_json_is_named() -> None:
    for body in (b"", b"\xff", b"{", b"[" * 100_000):
        with pytest.raises(MalformedReply, match="no JSON"):
            parsed(body)


# ---------------------------------------------------------------------- requests


@pytest.mark.property
@given(
    key=st.text(st.characters(), max_size=6), seed=st.integers(-5, 2**70), temperature=st.sampled_from([0.0, 1.0])
)  # fmt: skip
def test_seeds_fit_every_server_and_follow_from_the_item(key: str, seed: int, temperature: float) -> None:
    decoding = Decoding(seed=seed, temperature=temperature)
    fields = request_body(Prompt(text="x", key=key), decoding, Settings(model="m"))
    assert fields["prompt"] == "x"
    if not temperature:
        assert "seed" not in fields
        return
    assert isinstance(fields["seed"], int)
    assert 0 <= fields["seed"] < 2**31
    assert fields["seed"] == request_body(Prompt(text="y", key=key), decoding, Settings(model="m"))["seed"]


def test_a_chat_asks_in_its_own_words() -> None:
    chat = Prompt(messages=(Message("user", "x"),))
    settings = Settings(model="m", logprobs=True, ids=True, extra_body={"top_k": 1, "temperature": None})
    assert request_body(chat, Decoding(max_tokens=3), settings) == {
        "model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 3, "logprobs": True,
        "return_token_ids": True, "top_k": 1,
    }  # fmt: skip


def test_ids_that_are_forbidden_get_the_lowest_bias() -> None:
    body = request_body(Prompt(text="a"), Decoding(forbidden=(5, 7)), Settings(model="m"))
    assert body["logit_bias"] == {"5": -100, "7": -100}
    assert "logit_bias" not in request_body(Prompt(text="a"), Decoding(), Settings(model="m"))
