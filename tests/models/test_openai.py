"""A model behind HTTP gives what the same model gives at home, and says exactly what the server said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

pytest.importorskip("openai")

from hypothesis import given, settings
from hypothesis import strategies as st
from openai_client import connect, texts
from openai_server import KEY, MODEL, Server, embedded

from tokbench.errors import AuthenticationError, OptionError, PromptFormError
from tokbench.models._openai import OpenAIModel, load
from tokbench.models._openai_wire import _seed
from tokbench.models.completion import Completion, CompletionModel, Decoding, Message, Prompt
from tokbench.models.completions import load_completion_model, own_tokenizer

PROMPTS = ("The ", "How many r are there in 'strawberry'?", "é", "12 + 3 =", "It's")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def _core(completion: Completion) -> tuple[object, ...]:
    """What an answer says, apart from how it came."""
    return (
        completion.text, completion.finish_reason, completion.status, completion.prompt_tokens,
        completion.completion_tokens,
    )  # fmt: skip


def _at_home(prompt: Prompt, decoding: Decoding) -> Completion:
    (found,) = embedded().generate([prompt], decoding)
    return found


# ---------------------------------------------------------------------- the same answers


@pytest.mark.parametrize("api", ["chat", "completions"])
@pytest.mark.parametrize(
    "decoding",
    [Decoding(), Decoding(max_tokens=5), Decoding(stop=("e",)), Decoding(max_tokens=20, stop=("\n", "th"))],
    ids=["default", "short", "stop", "stops"],
)
def test_greedy_answers_are_those_of_the_model(server: Server, api: str, decoding: Decoding) -> None:
    asked = texts(*PROMPTS)
    model = connect(server, api=api)
    assert isinstance(model, CompletionModel)
    found = model.generate(asked, decoding)
    assert [_core(one) for one in found] == [_core(one) for one in embedded().generate(asked, decoding)]
    assert all((one.ids, one.prompt_ids, one.logprobs) == (None, None, None) for one in found), "it was not asked"


@pytest.mark.property
@settings(max_examples=25)
@given(
    prompt=st.text(st.sampled_from("ab e'1\né中🦙"), min_size=1, max_size=12),
    decoding=st.builds(
        Decoding,
        max_tokens=st.integers(1, 12),
        temperature=st.sampled_from([0.0, 0.7, 1.0]),
        top_p=st.sampled_from([1.0, 0.6]),
        stop=st.sampled_from([(), ("e",), ("é", " t")]),
        seed=st.integers(0, 3),
    ),
)
def test_drawn_answers_are_those_of_the_model(server: Server, prompt: str, decoding: Decoding) -> None:
    asked = Prompt(text=prompt, key="item-1|plain")
    (found,) = connect(server, api="completions", logprobs=True, ids=True).generate([asked], decoding)
    drawn = replace(decoding, seed=_seed(decoding, asked.key)) if decoding.temperature else decoding
    home = _at_home(Prompt(text=prompt), drawn)
    assert _core(found) == _core(home)
    assert (found.ids, found.prompt_ids, found.logprobs) == (home.ids, home.prompt_ids, home.logprobs)


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_ids_and_log_probabilities_are_the_exact_ones(server: Server, api: str) -> None:
    model = connect(server, api=api, logprobs=True, ids=True)
    for prompt, found in zip(texts(*PROMPTS), model.generate(texts(*PROMPTS)), strict=True):
        home = _at_home(prompt, Decoding())
        assert (found.ids, found.prompt_ids, found.logprobs) == (home.ids, home.prompt_ids, home.logprobs)


def test_ids_are_asked_as_they_are(server: Server) -> None:
    ids = tuple(_at_home(Prompt(text="The engine"), Decoding()).prompt_ids or ())
    odd = (ids[0], 300, 299)  # no tokenizer would cut a text so
    model = connect(server, api="completions", ids=True)
    for prompt in (Prompt(ids=ids), Prompt(ids=odd)):
        (found,) = model.generate([prompt])
        assert (found.text, found.ids, found.prompt_ids) == (
            (home := _at_home(prompt, Decoding())).text, home.ids, prompt.ids
        )  # fmt: skip
        assert server.requests[-1].body["prompt"] == list(prompt.ids or ())
    (refused,) = model.generate([Prompt(ids=(99_999,))])
    assert (refused.status, refused.attempts) == ("error", 1)
    assert "HTTP 400 Bad Request: ngram:tiny has no token id 99999" in refused.problem


def test_messages_are_sent_as_they_are(server: Server) -> None:
    chat = (Message("system", "Be short."), Message("user", "How many?"))
    (found,) = connect(server).generate([Prompt(messages=chat)])
    assert server.requests[-1].body["messages"] == [
        {"role": "system", "content": "Be short."}, {"role": "user", "content": "How many?"},
    ]  # fmt: skip
    assert server.requests[-1].path == "/v1/chat/completions"
    assert _core(found) == _core(_at_home(Prompt(text="Be short.\n\nHow many?"), Decoding()))


def test_raw_keeps_what_else_was_said(server: Server) -> None:
    (found,) = connect(server).generate(texts("The "))
    home = _at_home(Prompt(text="The "), Decoding())
    usage = {"prompt_tokens": home.prompt_tokens, "completion_tokens": home.completion_tokens}
    usage["total_tokens"] = len((*(home.prompt_ids or ()), *(home.ids or ())))
    assert found.raw == {"id": "cmpl-0", "model": MODEL, "finish_reason": home.finish_reason, "usage": usage}
    assert found.seconds is not None
    assert found.attempts == 1


# ---------------------------------------------------------------------- what is sent


def test_only_what_is_wanted_is_sent(server: Server) -> None:
    (prompt,) = texts("The ")
    model = connect(server, api="chat")
    model.generate([prompt], Decoding(max_tokens=None, stop=("\n",)))
    assert server.requests[-1].body == {
        "messages": [{"role": "user", "content": "The "}], "model": MODEL, "temperature": 0.0, "stop": ["\n"],
    }  # fmt: skip
    decoding = Decoding(max_tokens=3, temperature=0.5, top_p=0.9, seed=7)
    connect(server, api="completions", logprobs=True, ids=True).generate([prompt], decoding)
    body = dict(server.requests[-1].body)
    seed = body.pop("seed")
    assert 0 <= seed < 2**31
    assert body == {
        "prompt": "The ", "model": MODEL, "max_tokens": 3, "temperature": 0.5, "top_p": 0.9, "logprobs": 1,
        "return_token_ids": True,
    }  # fmt: skip
    connect(server, api="completions").generate([prompt], Decoding(max_tokens=None, stop=(" ",)))
    assert server.requests[-1].body["max_tokens"] is None
    assert server.headers["authorization"] == f"Bearer {KEY}"


def test_equal_prompts_of_different_items_are_drawn_apart(server: Server) -> None:
    decoding = Decoding(temperature=1.0, max_tokens=16)
    first, second = (Prompt(text="The ", key=key) for key in ("a", "b"))
    model = connect(server, api="completions")
    answers = [one.text for one in model.generate([first, second, first], decoding)]
    assert answers[0] == answers[2] != answers[1]
    assert model.generate([first], replace(decoding, seed=1))[0].text != answers[0]


def test_extra_fields_are_sent_and_taken_away(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    extra = json.dumps({"top_k": 1, "temperature": None, "max_tokens": 2})
    model = load_completion_model(f"openai:{MODEL}", base_url=server.url, extra_body=extra)
    (found,) = model.generate(texts("The "))
    assert server.requests[-1].body == {"model": MODEL, "prompt": "The ", "top_k": 1, "max_tokens": 2}
    assert found.completion_tokens == 2


def test_openais_own_server_takes_the_limit_of_a_chat_by_its_new_name(server: Server) -> None:
    (found,) = connect(server, api="chat", new_limit=True).generate(texts("The "), Decoding(max_tokens=2))
    assert server.requests[-1].body["max_completion_tokens"] == 2
    assert found.completion_tokens == 2


def test_forms_without_an_endpoint_are_refused_before_anything_is_sent(server: Server) -> None:
    before = server.number
    chat = Prompt(messages=(Message("user", "How many?"),))
    for model, prompt in (
        (connect(server, api="completions"), chat),
        (connect(server, api="chat"), Prompt(ids=(1,))),
    ):
        with pytest.raises(PromptFormError, match="openai:tiny"):
            model.generate([*texts("The "), prompt])
    assert server.number == before
    assert connect(server).takes == {"text", "ids", "messages"}
    assert connect(server).generate([]) == []


# ---------------------------------------------------------------------- a loop that runs already


def test_it_answers_inside_a_running_loop(server: Server) -> None:
    steps: list[int] = []

    async def notebook() -> list[Completion]:
        return connect(server).generate(texts(*PROMPTS), done=lambda place, _completion: steps.append(place))

    found = asyncio.run(notebook())
    assert [one.text for one in found] == [one.text for one in embedded().generate(texts(*PROMPTS))]
    assert sorted(steps) == [0, 1, 2, 3, 4]

    async def breaks() -> None:
        def done(place: int, completion: Completion) -> None:
            raise ZeroDivisionError

        connect(server, concurrency=1).generate(texts(*PROMPTS), done=done)

    before = server.number
    with pytest.raises(ZeroDivisionError):
        asyncio.run(breaks())
    assert server.number - before < len(PROMPTS) + 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_done_raises_ends_the_run_at_once(server: Server, error: type[BaseException]) -> None:
    before, seen = server.number, list[int]()

    def done(place: int, completion: Completion) -> None:
        seen.append(place)
        if len(seen) == 3:
            raise error

    with pytest.raises(error):
        connect(server, concurrency=1).generate(texts(*map(str, range(20))), done=done)
    assert seen == [0, 1, 2]
    assert server.number - before in {3, 4}  # the next one may be under way


# ---------------------------------------------------------------------- specs and options


def _load(name: str = "m", /, **options: object) -> OpenAIModel:
    given = {"base_url": "http://h/v1", **options}
    return load(f"openai:{name}", name, None, given)


def test_a_spec_loads_with_its_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = load_completion_model("openai:org/name", base_url="http://127.0.0.1:9/v1")
    assert isinstance(model, OpenAIModel)
    info = model.info
    assert (info.spec, info.backend, info.toy) == ("openai:org/name", "openai", False)
    shown = dict(info.settings)
    assert (shown["host"], shown["concurrency"], shown["timeout"], shown["retries"]) == (
        "127.0.0.1:9",
        "8",
        "180.0",
        "5",
    )
    assert own_tokenizer("openai:org/name") is None


def test_the_url_is_no_part_of_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    url = "https://gateway.example/tenant-4711/v1"
    model = load_completion_model(f"openai:m?base_url={url}&api=chat&concurrency=3", timeout=5)
    assert model.info.spec == "openai:m?api=chat"
    for shown in (repr(model), repr(model.info), repr(model._server), str(model.__dict__)):  # type: ignore[attr-defined]
        assert "tenant-4711" not in shown
        assert KEY not in shown
        assert "gateway.example" in shown or shown == repr(model.info)


def test_only_what_decides_on_answers_makes_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OTHER_KEY", "another")

    def fingerprint(name: str = "m", /, **options: object) -> str:
        return _load(name, **options).info.fingerprint

    same = {
        fingerprint(), fingerprint(concurrency=99), fingerprint(timeout=1), fingerprint(retries=0),
        fingerprint(key_env="OTHER_KEY"), fingerprint(base_url="http://h/v1/"), fingerprint(extra_body={}),
    }  # fmt: skip
    assert len(same) == 1
    others = [
        fingerprint("n"), fingerprint(base_url="http://g/v1"), fingerprint(base_url="http://h/other/v1"),
        fingerprint(api="chat"), fingerprint(logprobs="yes"), fingerprint(ids=True), fingerprint(extra_body={"k": 1}),
    ]  # fmt: skip
    assert len({*others, *same}) == len(others) + 1


def test_the_environment_names_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1/")
    assert dict(load_completion_model("openai:m").info.settings)["host"] == "localhost:8000"
    assert dict(load_completion_model("openai:m", base_url="http://[::1]:80/").info.settings)["host"] == "[::1]:80"
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(AuthenticationError, match=r"api\.openai\.com: there is no key; .* OPENAI_API_KEY only"):
        load_completion_model("openai:m")
    with pytest.raises(AuthenticationError, match=r"localhost: there is no key; .* MY_KEY only"):
        load_completion_model("openai:m", base_url="http://localhost", key_env="MY_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ключ")
    with pytest.raises(AuthenticationError, match="no header can hold") as caught:
        load_completion_model("openai:m")
    assert "ключ" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"concurrency": "0"}, "openai: concurrency"),
        ({"retries": "-1"}, "openai: retries"),
        ({"timeout": "0"}, "openai: timeout"),
        ({"timeout": "nan"}, "openai: timeout"),
        ({"api": "responses"}, "auto, chat, completions"),
        ({"ids": "maybe"}, "openai: ids"),
        ({"extra_body": "[1]"}, "a JSON object"),
        ({"extra_body": "{"}, "a JSON object"),
        ({"extra_body": {"n": 2}}, "fields other than messages, model, n, prompt, stream"),
        ({"base_url": "localhost:8000"}, "a URL such as"),
        ({"base_url": "ftp://h/v1"}, "a URL such as"),
        ({"base_url": "http://h:x/v1"}, "a URL such as"),
        ({"nonsense": "1"}, "options of this backend: base_url, api, concurrency"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        _load(**options)


@pytest.mark.parametrize(
    "options",
    [{"api_key": KEY}, {"key": KEY}, {"Authorization": f"Bearer {KEY}"}, {"token": KEY}, {"key_env": KEY},
     {"base_url": f"http://user:{KEY}@h/v1"}, {"base_url": f"nothing/{KEY}"}],
)  # fmt: skip
def test_a_key_in_the_wrong_place_is_refused_and_not_repeated(options: dict[str, object]) -> None:
    with pytest.raises(OptionError) as caught:
        _load(**options)
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)
