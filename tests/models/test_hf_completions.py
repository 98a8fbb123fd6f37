"""Transformers that answer in batches: what they write is what plain forwards say, whatever stands beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from toys_torch import build_gpt2, build_llama, build_sliding  # noqa: E402, behind the skips

from tokbench._resources import resource  # noqa: E402
from tokbench.bytelevel._draws import Draws  # noqa: E402
from tokbench.errors import (  # noqa: E402
    ModelContractError,
    ModelFileError,
    NoChatTemplateError,
    OptionError,
    UnknownModelError,
)
from tokbench.models import HfModel  # noqa: E402
from tokbench.models._complete import TokenCompleter  # noqa: E402
from tokbench.models._hf_complete import HfCompleter  # noqa: E402
from tokbench.models._writing import Spelling, Writer, drawn  # noqa: E402
from tokbench.models.completion import (  # noqa: E402
    ChoiceModel,
    Completion,
    CompletionModel,
    Decoding,
    Message,
    Prompt,
)
from tokbench.models.completions import load_completion_model, own_tokenizer  # noqa: E402
from tokbench.tokenizers import load_tokenizer  # noqa: E402

TINY = load_tokenizer("hf:@tiny.json")
V = 1100  # rows beyond the ids of the tokenizer, as real models have them
POSITIONS = 64
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'system' and message['content'] == 'no' %}"
    "{{ raise_exception('no such\nsystem') }}{% endif %}"
    "<|pad|>{{ message['role'] }}\n{{ message['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|pad|>assistant\n{% endif %}"
)
CHAT = (Message("system", "Be brief."), Message("user", "How many r in 'strawberry'?"))
PROMPTS = [
    Prompt(text=text, key=str(place))
    for place, text in enumerate(["The engine", "a", "The station was useful and", "1 2 3", "", "\u00e9t\u00e9 \u4e2d"])
]


def completer(kind: str = "gpt2", batch: int = 16, **options: Any) -> HfCompleter:  # noqa: ANN401, options of a model
    makers: dict[str, Callable[[], Any]] = {
        "gpt2": lambda: build_gpt2(layers=2, width=32, vocabulary=V, seed=1, positions=POSITIONS),
        "llama": lambda: build_llama(vocabulary=V, seed=2, positions=POSITIONS),
        "sliding": lambda: build_sliding(vocabulary=V, seed=3),
    }
    return HfCompleter(HfModel(makers[kind]().to(torch.float64), **options), TINY, batch=batch)


def plain(model: HfCompleter, ids: Sequence[int]) -> Any:  # noqa: ANN401, a tensor
    """Log-probabilities behind ids by one forward without cache or padding, as float64 of what generate rounds to."""
    with torch.inference_mode():
        return torch.log_softmax(model._network(torch.tensor([list(ids)])).logits[0, -1].float().double(), -1)


def by_hand(model: HfCompleter, prompt: Prompt, decoding: Decoding) -> tuple[list[int], list[float]]:
    start = [*model._model.start_ids, *TINY.encode(prompt.text or "")]
    ids: list[int] = []
    logprobs: list[float] = []
    draws = Draws("completion", decoding.seed, 0, prompt.key.encode())
    while len(ids) < min(decoding.max_tokens or V, POSITIONS - len(start)):
        row = plain(model, [*start, *ids])
        if decoding.temperature:
            token = drawn(row.numpy(), decoding.temperature, decoding.top_p, draws.fraction())
        else:
            token = int(row.argmax())
        ids.append(token)
        logprobs.append(float(row[token]))
        if token in model._end_ids:
            break
    return ids, logprobs


@pytest.mark.parametrize("kind", ["gpt2", "llama", "sliding"])
@pytest.mark.parametrize(
    "decoding",
    [Decoding(max_tokens=10), Decoding(max_tokens=10, temperature=0.8, top_p=0.9, seed=4)],
    ids=["greedy", "drawn"],
)
def test_answers_are_those_of_plain_forwards(kind: str, decoding: Decoding) -> None:
    model = completer(kind)
    for prompt, answer in zip(PROMPTS, model.generate(PROMPTS, decoding), strict=True):
        ids, logprobs = by_hand(model, prompt, decoding)
        assert answer.ids == tuple(ids)
        assert answer.logprobs == pytest.approx(logprobs, abs=1e-5)
        assert answer.prompt_ids == (*model._model.start_ids, *TINY.encode(prompt.text or ""))
        assert answer.text == b"".join(Spelling(TINY)[token] for token in ids).decode("utf-8", "replace")


def _independent(make: Callable[[int], HfCompleter], decoding: Decoding) -> None:
    """Answers depend neither on the size of a batch nor on the order."""
    wanted = [answer.ids for answer in make(16).generate(PROMPTS, decoding)]
    for batch in (1, 4):
        assert [answer.ids for answer in make(batch).generate(PROMPTS, decoding)] == wanted
    assert [answer.ids for answer in make(4).generate(PROMPTS[::-1], decoding)] == wanted[::-1]


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_answers_depend_neither_on_batch_nor_on_order(kind: str) -> None:
    for decoding in (Decoding(max_tokens=None), Decoding(max_tokens=None, temperature=1.0)):
        _independent(lambda batch: completer(kind, batch), decoding)


def test_padding_that_is_attended_to_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(batch: int) -> HfCompleter:
        model = completer(batch=batch)
        generate = model._network.generate

        def deaf(ids: Any, attention_mask: Any, **options: Any) -> object:  # noqa: ANN401, as generate takes them
            return generate(ids, attention_mask=torch.ones_like(attention_mask), **options)

        monkeypatch.setattr(model._network, "generate", deaf)
        return model

    with pytest.raises(AssertionError):
        _independent(make, Decoding(max_tokens=10))


def test_without_a_limit_answers_fill_the_context_whatever_the_prompts_beside_them_leave() -> None:
    model = completer(end_ids=())
    texts = ["The engine " * 20, "a", "b " * 10]
    found = model.generate([Prompt(text=text) for text in texts], Decoding(max_tokens=None))
    assert [len(answer.prompt_ids or ()) + len(answer.ids or ()) for answer in found] == [POSITIONS] * 3
    assert {answer.finish_reason for answer in found} == {"length"}
    assert all(len(answer.ids or ()) == len(answer.logprobs or ()) for answer in found)


def test_a_row_that_has_ended_leaves_no_more_ids_and_the_others_go_on() -> None:
    free = completer(end_ids=()).generate(PROMPTS, Decoding(max_tokens=12))
    end = (free[0].ids or ())[3]
    for prompt, answer, whole in zip(
        PROMPTS, completer(end_ids=(end,)).generate(PROMPTS, Decoding(max_tokens=12)), free, strict=True
    ):
        ids = whole.ids or ()
        cut = ids.index(end) + 1 if end in ids else 12
        assert answer.ids == ids[:cut], prompt
        assert answer.finish_reason == ("stop" if end in ids else "length")
        assert answer.completion_tokens == cut


def _both(pieces: Sequence[bytes], place: int) -> bytes:
    """Two bytes that stand in two tokens."""
    return pieces[place][-1:] + pieces[place + 1][:1]


def test_stop_strings_are_found_in_the_bytes_and_cut_off_the_text() -> None:
    free = completer(end_ids=()).generate(PROMPTS, Decoding(max_tokens=12))
    pieces = [Spelling(TINY)[token] for token in free[0].ids or ()]
    joined = [b"".join(pieces[: place + 1]) for place in range(12)]
    at = next(
        place
        for place in range(1, 11)
        if joined[place + 1].isascii() and pieces[place + 1] and _both(pieces, place) not in joined[place]
    )
    stop = _both(pieces, at).decode()
    found = completer(end_ids=()).generate(PROMPTS, Decoding(max_tokens=12, stop=(stop,)))
    for answer, whole in zip(found, free, strict=True):
        assert answer.text == whole.text.partition(stop)[0]
        assert answer.ids == (whole.ids or ())[: answer.completion_tokens]
    assert (found[0].finish_reason, found[0].completion_tokens) == ("stop", at + 2)


def test_prompts_that_cannot_be_read_fail_alone() -> None:
    model = completer(start_ids=())
    asked = [Prompt(text="a " * 100), Prompt(text="a"), Prompt(ids=(V,)), Prompt(text=""), Prompt(text="\ud800")]
    found = model.generate(asked, Decoding(max_tokens=2))
    assert [answer.status for answer in found] == ["error", "ok", "error", "error", "error"]
    assert "positions and the model has 64" in found[0].problem
    assert str(V) in found[2].problem
    assert "start=" in found[3].problem
    assert all("\n" not in answer.problem for answer in found)


ContextLine = (
    "positions and the model has 64: shorten it, or score it in windows (window=, on the command line --window)"
)


def test_progress_comes_batch_by_batch() -> None:
    model, seen = completer(batch=2), []
    runs = 0
    run = model._run

    def counted(writers: Sequence[Writer], steps: int) -> None:
        nonlocal runs
        runs += 1
        run(writers, steps)

    model._run = counted  # type: ignore[method-assign]
    model.generate(
        PROMPTS, Decoding(max_tokens=3), done=lambda place, answer: seen.append((runs, place, answer.status))
    )
    assert [run for run, _, _ in seen] == [1, 1, 2, 2, 3, 3]
    assert sorted(place for _, place, _ in seen) == list(range(6))


def test_generation_settings_of_the_folder_are_set_aside() -> None:
    inner = build_gpt2(layers=1, width=32, vocabulary=V, seed=1)
    bare = HfCompleter(HfModel(inner), TINY).generate(PROMPTS, Decoding(max_tokens=8))
    settings: Any = inner.generation_config
    settings.update(do_sample=True, repetition_penalty=9.0, suppress_tokens=[5], min_new_tokens=4)
    again = HfCompleter(HfModel(inner), TINY).generate(PROMPTS, Decoding(max_tokens=8))
    assert [answer.ids for answer in again] == [answer.ids for answer in bare]


def test_weights_that_are_not_numbers_end_the_call() -> None:
    model = completer()
    with torch.no_grad():
        model._network.transformer.ln_f.weight.fill_(float("nan"))
    for decoding in (Decoding(), Decoding(temperature=1.0)):
        with pytest.raises(ModelContractError):
            model.generate([Prompt(text="a")], decoding)


def test_answers_have_probabilities_of_their_own() -> None:
    model = completer()
    assert isinstance(model, CompletionModel)
    assert isinstance(model, ChoiceModel)
    (found,) = model.score_choices([Prompt(text="The engine")], [[" was", " is"]])
    over_tokens = TokenCompleter(model._model, TINY, model.info).score_choices(
        [Prompt(text="The engine")], [[" was", " is"]]
    )[0]
    assert found.exact
    assert found.logprobs == pytest.approx(over_tokens.logprobs, abs=1e-9)
    ids = (*model._model.start_ids, *TINY.encode("The engine"))
    (behind,) = model.score_choices([Prompt(ids=ids)], [[" was", " is"]])
    was = TINY.encode(" was")
    wanted = sum(float(plain(model, [*ids, *was[:at]])[token]) for at, token in enumerate(was))
    assert behind.logprobs[0] == pytest.approx(wanted, abs=1e-5)


def test_next_token_rows_give_the_same_answers() -> None:
    model = completer()
    other = TokenCompleter(model._model, TINY, model.info)
    for decoding in (Decoding(max_tokens=8), Decoding(max_tokens=8, temperature=1.0)):
        assert [answer.ids for answer in other.generate(PROMPTS, decoding)] == [
            answer.ids for answer in model.generate(PROMPTS, decoding)
        ]


# ---------------------------------------------------------------------- folders and chats


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with its tokenizer and no template."""
    found = tmp_path_factory.mktemp("model")
    build_gpt2(layers=1, width=32, vocabulary=V, seed=1, positions=POSITIONS).save_pretrained(found)
    (found / "tokenizer.json").write_bytes(resource("fixtures", "tiny.json").read_bytes())
    return found


@pytest.fixture(scope="module")
def chat_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("chat") / "model"
    shutil.copytree(folder, found)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>", "chat_template": TEMPLATE}
    (found / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return found


def test_a_folder_answers_text_and_no_chats(folder: Path) -> None:
    model = load_completion_model(f"hf:{folder}")
    assert model.takes == {"text", "ids"}
    assert (model.info.backend, model.info.toy, model.info.dtype) == ("hf", False, "float32")
    assert model.info.tokenizer == own_tokenizer(f"hf:{folder}") == f"hf:{folder / 'tokenizer.json'}"
    for call in (
        lambda: model.generate([Prompt(messages=CHAT)]),
        lambda: load_completion_model(f"hf:{folder}?chat=yes"),
        lambda: cast("HfCompleter", model).render(Prompt(messages=CHAT)),
        lambda: cast("HfCompleter", model).score_choices([Prompt(messages=CHAT)], [["a"]]),
    ):
        with pytest.raises(NoChatTemplateError, match="use a prompt without messages"):
            call()


def test_a_chat_is_rendered_by_the_template_and_its_special_tokens_are_parsed(chat_folder: Path) -> None:
    model = cast("HfCompleter", load_completion_model(f"hf:{chat_folder}"))
    assert model.takes == {"text", "messages", "ids"}
    prompt = Prompt(messages=CHAT)
    text = model.render(prompt)
    assert text == (
        "<|pad|>system\nBe brief.<|endoftext|>\n<|pad|>user\nHow many r in 'strawberry'?<|endoftext|>\n"
        "<|pad|>assistant\n"
    )
    (answer,) = model.generate([prompt], Decoding(max_tokens=3))
    library = transformers.AutoTokenizer.from_pretrained(chat_folder)
    asked = [{"role": message.role, "content": message.content} for message in CHAT]
    wanted = library.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
    assert list(answer.prompt_ids or ()) == wanted
    assert wanted.count(1001) == 3
    (same,) = model.generate([Prompt(ids=tuple(wanted))], Decoding(max_tokens=3))
    assert same.ids == answer.ids
    assert (model.render(Prompt(text="a")), model.render(Prompt(ids=(1,)))) == ("a", None)


def test_answers_to_a_chat_have_probabilities(chat_folder: Path) -> None:
    model = cast("HfCompleter", load_completion_model(f"hf:{chat_folder}", dtype="float64"))
    text = model.render(Prompt(messages=CHAT)) or ""
    ids = TINY.encode(text, specials="parse")
    (found,) = model.score_choices([Prompt(messages=CHAT)], [["3", "12"]])
    assert not found.exact
    for option, value in zip(["3", "12"], found.logprobs, strict=True):
        joined = TINY.encode(text + option, specials="parse")
        assert joined[: len(ids)] == ids
        total = sum(float(plain(model, joined[:at])[joined[at]]) for at in range(len(ids), len(joined)))
        assert value == pytest.approx(total, abs=1e-5)


def test_a_template_may_be_left_alone(chat_folder: Path) -> None:
    model = load_completion_model(f"hf:{chat_folder}?chat=no")
    assert model.takes == {"text", "ids"}
    assert load_completion_model(f"hf:{chat_folder}?chat=yes").takes == {"text", "messages", "ids"}


def test_a_template_in_a_file_of_its_own_is_found(folder: Path, chat_folder: Path, tmp_path: Path) -> None:
    found = tmp_path / "model"
    shutil.copytree(folder, found)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (found / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "messages" not in load_completion_model(f"hf:{found}").takes
    (found / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    models = [cast("HfCompleter", load_completion_model(f"hf:{path}")) for path in (found, chat_folder)]
    assert models[0].render(Prompt(messages=CHAT)) == models[1].render(Prompt(messages=CHAT))


def test_a_template_that_refuses_the_messages_ends_the_call_in_one_line(chat_folder: Path) -> None:
    model = load_completion_model(f"hf:{chat_folder}")
    with pytest.raises(ModelFileError, match=r"roles system, user.*no such") as caught:
        model.generate([Prompt(messages=(Message("system", "no"), Message("user", "a")))])
    assert "\n" not in str(caught.value)


def test_the_end_of_a_turn_ends_an_answer_too(chat_folder: Path, folder: Path, tmp_path: Path) -> None:
    def ends(path: Path, **options: Any) -> list[str]:  # noqa: ANN401, options of a model
        settings = dict(load_completion_model(f"hf:{path}", **options).info.settings)
        return settings["end_ids"].split(",")

    assert ends(folder) == ["1099"]
    assert ends(chat_folder) == ["1000", "1099"]
    assert ends(chat_folder, end="5") == ["5"]
    found = tmp_path / "model"
    shutil.copytree(folder, found)
    (found / "generation_config.json").write_text('{"eos_token_id": [7, 8, 99999]}', encoding="utf-8")
    assert ends(found) == ["7", "8", "1099"]


def test_fingerprints_tell_what_changes_answers_from_what_does_not(folder: Path, chat_folder: Path) -> None:
    def fingerprint(path: Path, **options: Any) -> str:  # noqa: ANN401, options of a model
        return load_completion_model(f"hf:{path}", **options).info.fingerprint

    changed = [{}, {"dtype": "float64"}, {"start": ""}, {"end": "3"}]
    assert len({fingerprint(folder, **options) for options in changed} | {fingerprint(chat_folder)}) == 5
    assert fingerprint(folder, batch=3, chat="no") == fingerprint(folder)
    model = load_completion_model(f"hf:{folder}", batch=3, chat="no")
    assert model.info.spec == f"hf:{folder}?batch=3&chat=no"


def test_options_and_folders_that_are_wrong_are_refused(folder: Path, tmp_path: Path) -> None:
    for options, named in (({"batch": 0}, "batch"), ({"chat": "maybe"}, "chat"), ({"base_url": "x"}, "batch.*dtype")):
        with pytest.raises(OptionError, match=named):
            load_completion_model(f"hf:{folder}", **options)
    with pytest.raises(ModelFileError, match="no such folder"):
        load_completion_model("hf:./nowhere")
    with pytest.raises(UnknownModelError):
        load_completion_model("hf:")
    bare = tmp_path / "model"
    shutil.copytree(folder, bare)
    (bare / "tokenizer.json").unlink()
    with pytest.raises(OptionError, match=r"holds no tokenizer\.json"):
        load_completion_model(f"hf:{bare}")
    (given,) = load_completion_model(f"hf:{bare}", tokenizer=TINY).generate([PROMPTS[0]], Decoding(max_tokens=4))
    (own,) = load_completion_model(f"hf:{folder}").generate([PROMPTS[0]], Decoding(max_tokens=4))
    assert given.ids == own.ids
    shutil.copy(folder / "tokenizer.json", bare)
    (bare / "tokenizer_config.json").write_text('{"chat_template": "{{", "tokenizer_class": 1}', encoding="utf-8")
    with pytest.raises(ModelFileError, match="chat template"):
        load_completion_model(f"hf:{bare}")


def test_an_answer_is_plain_data() -> None:
    (answer,) = completer().generate([Prompt(text="a")], Decoding(max_tokens=2))
    assert isinstance(answer, Completion)
    assert {type(token) for token in answer.ids or ()} == {int}
    assert {type(value) for value in answer.logprobs or ()} == {float}
    assert isinstance(answer.seconds, float)
