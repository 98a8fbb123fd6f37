"""Chats, plain texts, padding that fits exactly, and numbers cut by ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from arithmetic_tokenizers import DigitToy, irregular, l2r, single

from tokbench.errors import OptionError, UnknownNameError
from tokbench.models._scripted import ScriptedModel, scripted
from tokbench.models.completion import Form, Message, Prompt
from tokbench.suites.arithmetic.answers import prompts_of
from tokbench.suites.arithmetic.conditions import mixed_condition, standard_conditions
from tokbench.suites.arithmetic.filler import Filler
from tokbench.suites.arithmetic.formats import FORMATS, parse_format
from tokbench.suites.arithmetic.item import Case, Condition, Item, plain
from tokbench.suites.arithmetic.items import build_cases, build_items
from tokbench.suites.arithmetic.problem import Problem
from tokbench.suites.arithmetic.prompts import expected_text, messages, plain_text, reply_limit, with_padding
from tokbench.suites.arithmetic.regroup import Regrouper
from tokbench.tokenizers import Tokenizer, load_tokenizer

CASE = Case(
    case_id="case", block="addition", stratum="addition/7+5=7", index=0, problem=Problem("+", 1234567, 89012),
    shots=(Problem("+", 7654321, 10000), Problem("+", 1000000, 99999)),
)  # fmt: skip
TINY = load_tokenizer("hf:@tiny.json")


def chat(item: Item) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages(item)]


def test_a_chat() -> None:
    assert chat(Item(CASE, plain("comma_r2l", 1))) == [
        ("system", "You are a helpful assistant."),
        ("user", "7,654,321+10,000="),
        ("assistant", "7,664,321"),
        ("user", "1,234,567+89,012="),
    ]
    assert expected_text(Item(CASE, plain("comma_l2r"))) == "132,357,9"


def test_spaces_stand_around_the_operator_before_the_equals_sign_and_behind_it() -> None:
    assert chat(Item(CASE, plain("nosep+2", 0)))[-1] == ("user", "1234567  +  89012  =  ")


def test_question_and_answer_in_two_formats() -> None:
    item = Item(CASE, mixed_condition("nosep", "comma_r2l", None, 1))
    assert item.condition.mode == "io"
    assert chat(item)[1:] == [
        ("user", "7654321+10000="), ("assistant", "7,664,321"), ("user", "1234567+89012="),
    ]  # fmt: skip
    assert item.condition.name == "nosep>comma_r2l|shots=1"


def test_a_repeat_stands_in_front_of_the_answer() -> None:
    item = Item(CASE, mixed_condition("nosep", "space_l2r", "comma_r2l", 1))
    assert item.condition.mode == "repeat"
    assert chat(item)[2] == ("assistant", "7,654,321+10,000=766 432 1")
    assert expected_text(item) == "1,234,567+89,012=132 357 9"
    assert item.condition.name == "nosep>comma_r2l>space_l2r|shots=1"
    assert mixed_condition("nosep", "nosep", "nosep").name == "nosep>nosep>nosep"


def test_operands_change_places_apart_for_question_and_shots() -> None:
    for flip_query, flip_shots in ((True, False), (False, True)):
        condition = replace(plain("nosep", 1), flip_query=flip_query, flip_shots=flip_shots)
        said = chat(Item(CASE, condition))
        assert said[1][1] == ("10000+7654321=" if flip_shots else "7654321+10000=")
        assert said[2][1] == "7664321"
        assert said[3][1] == ("89012+1234567=" if flip_query else "1234567+89012=")
    less = replace(CASE, problem=Problem("-", 9000, 1))
    assert chat(Item(less, replace(plain("nosep", 0), flip_query=True)))[-1][1] == "9000-1="  # it has one order only
    more = replace(CASE, problem=Problem("x", 12, 345))
    assert chat(Item(more, replace(plain("nosep", 0), flip_query=True)))[-1][1] == "345x12="


def test_system_messages() -> None:
    assert chat(Item(CASE, replace(plain("nosep", 0), system="")))[0][0] == "user"
    text = chat(Item(CASE, replace(plain("nosep", 0), system="mathgpt")))[0][1]
    assert text == (
        "You are MathGPT, an expert at solving math problems. When given a math problem, you respond only with the "
        "answer. You do not say any other words."
    )
    with pytest.raises(UnknownNameError, match="unknown system message 'rude': expected one of helpful, mathgpt"):
        replace(plain("nosep"), system="rude")
    with pytest.raises(OptionError, match="0 or more"):
        plain("nosep", -1)


def test_names_of_conditions() -> None:
    conditions = standard_conditions(["nosep", "comma_r2l"], [8, 2])
    assert [condition.name for condition in conditions] == ["nosep", "nosep|shots=2", "comma_r2l", "comma_r2l|shots=2"]
    assert replace(plain("nosep"), system="", flip_query=True, flip_shots=True).name == (
        "nosep|system=none|flip|flip_shots"
    )


def test_the_same_turns_as_text() -> None:
    text = plain_text(messages(Item(CASE, plain("nosep+1", 1))))
    assert text == "You are a helpful assistant.\n7654321 + 10000 = \n7664321\n1234567 + 89012 = \n"


def test_the_limit_of_a_reply() -> None:
    item = Item(CASE, plain("comma_r2l"))
    assert reply_limit(item, load_tokenizer("bytes")) == 2 * len("1,323,579") + 8
    assert reply_limit(item, l2r()) == 2 * 5 + 8  # 1 , 323 , 579


# ---------------------------------------------------------------------- filler


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("system", ["helpful", ""])
@pytest.mark.parametrize("tokenizer", [TINY, l2r(), single()], ids=["tiny", "l2r", "single"])
def test_padding_gives_exactly_the_tokens_of_the_paired_prompt(
    tokenizer: Tokenizer, system: str, *, as_text: bool
) -> None:
    filler = Filler(tokenizer, as_text=as_text)
    for case in build_cases("smoke")[::9]:
        item = Item(case, replace(plain("filler", 2), system=system))
        twin = messages(Item(case, replace(plain("comma_r2l", 2), system=system)))
        found = filler.padded(item)
        assert found is not None
        if as_text:
            assert len(tokenizer.encode(plain_text(found))) == len(tokenizer.encode(plain_text(twin)))
        else:
            assert sum(len(tokenizer.encode(one.content)) for one in found) == sum(
                len(tokenizer.encode(one.content)) for one in twin
            )
        # nothing but the first message has changed, and that one ends or begins as it did
        own = messages(item)
        assert found[1:] == own[1:]
        assert found[0].content.startswith(own[0].content) or found[0].content.endswith(f"\n{own[0].content}")
        assert not any(character.isdigit() for character in found[0].content.removesuffix(own[0].content))


def test_padding_stands_where_it_changes_no_number() -> None:
    assert with_padding((Message("system", "Help."), Message("user", "1+1=")), " .") == (
        Message("system", "Help. ."), Message("user", "1+1="),
    )  # fmt: skip
    assert with_padding((Message("user", "1+1="),), " .") == (Message("user", " .\n1+1="),)


class Shrinking(DigitToy):
    """Makes fewer tokens of a number with commas: of every message with one, a single token."""

    def _encode(self, text: str) -> list[int]:
        return super()._encode("a" if "," in text else text)


def test_no_padding_makes_a_prompt_shorter() -> None:
    tokenizer = Shrinking(irregular)
    filler = Filler(tokenizer, as_text=False)
    item = Item(CASE, plain("filler", 1))
    assert filler.padded(item) is None
    (reason,) = prompts_of(_model(frozenset({"messages"})), tokenizer, [item])
    assert reason == "not available: no padding gives the number of tokens of comma_r2l"


def test_filler_does_not_mix() -> None:
    with pytest.raises(OptionError, match="the same format for question and answer"):
        mixed_condition("filler", "nosep", None)
    with pytest.raises(OptionError, match="the same format for question and answer"):
        mixed_condition("filler", "filler", "nosep")


# ---------------------------------------------------------------------- ids


def _model(takes: frozenset[Form], **attributes: object) -> ScriptedModel:
    model = scripted("adder", lambda _prompt: "")
    model.takes = takes
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


IDS = {
    "ids_r2l": "1 234 567 + 89 012 =",
    "ids_l2r": "123 456 7 + 890 12 =",
    "ids_single": "1 2 3 4 5 6 7 + 8 9 0 1 2 =",
}


@pytest.mark.parametrize(("name", "last"), IDS.items())
def test_the_text_stays_and_the_numbers_are_cut_by_ids(name: str, last: str) -> None:
    tokenizer = l2r()
    item = Item(CASE, plain(name, 2))
    (prompt,) = prompts_of(_model(frozenset({"text", "ids"}), start_ids=(7, 8)), tokenizer, [item])
    assert isinstance(prompt, Prompt)
    assert prompt.ids is not None
    assert prompt.ids[:2] == (7, 8)
    text = tokenizer.decode_bytes(prompt.ids[2:]).decode()
    assert text == plain_text(messages(Item(CASE, plain("nosep", 2))))
    pieces = [tokenizer.token_bytes(token).decode() for token in prompt.ids[2:]]
    assert pieces[-1] == "\n"
    tail = last.split()
    assert pieces[-1 - len(tail) : -1] == tail
    # the answers of the shots are cut in the same way
    at = pieces.index("\n", pieces.index("=")) + 1
    assert "".join(pieces[at : pieces.index("\n", at)]) == "7664321"
    assert pieces[at] == {"ids_r2l": "7", "ids_l2r": "766", "ids_single": "7"}[name]


def test_formats_by_ids_mix_with_others() -> None:
    tokenizer = l2r()
    item = Item(CASE, mixed_condition("ids_r2l", "comma_l2r", "nosep", 1))
    (prompt,) = prompts_of(_model(frozenset({"text", "ids"})), tokenizer, [item])
    assert isinstance(prompt, Prompt)
    pieces = [tokenizer.token_bytes(token).decode() for token in prompt.ids or ()]
    shot = pieces[pieces.index("\n") + 1 :]
    assert shot[: shot.index("\n")] == ["7", "654", "321", "+", "10", "000", "="]
    reply = shot[shot.index("\n") + 1 :]
    assert reply[: reply.index("\n")] == ["765", "432", "1", "+", "100", "00", "=", "766", ",", "432", ",", "1"]


def test_a_chat_is_what_the_model_renders() -> None:
    tokenizer = l2r()

    def render(prompt: Prompt) -> str:
        return "".join(f"<{message.role}> {message.content.strip()} </>" for message in prompt.messages or ()) + "<a>"

    item = Item(CASE, plain("ids_r2l", 1))
    model = _model(frozenset({"messages", "ids"}), render=render, start_ids=(1,))
    regrouper = Regrouper(tokenizer)
    found = regrouper.ids(render(Prompt(messages=messages(item))), [])
    assert not isinstance(found, str)
    (prompt,) = prompts_of(model, Parsing(l2r().rule), [item])
    assert isinstance(prompt, Prompt)
    assert tokenizer.decode_bytes(prompt.ids or ()).decode() == render(Prompt(messages=messages(item)))
    assert len(prompt.ids or ()) == len(found)  # three chunks of seven digits and two of five, either way
    assert prompt.ids != found
    (reason,) = prompts_of(_model(frozenset({"messages", "ids"}), render=lambda _: "gone"), Parsing(l2r().rule), [item])
    assert reason == "not available: the chat template changes the text of the messages"


class Parsing(DigitToy):
    """Says that it parses special tokens, of which it has none."""

    def _encode_parse(self, text: str) -> list[int]:
        return self._encode(text)


REFUSED: Mapping[str, tuple[ScriptedModel, Tokenizer, str]] = {
    "text only": (_model(frozenset({"text"})), l2r(), "takes no token ids, only text"),
    "no token": (_model(frozenset({"text", "ids"})), single(), "'234' is no token of"),
    "fused": (_model(frozenset({"text", "ids"})), DigitToy(irregular, sticky="+"), "reaches over the edge of a number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_there_is_no_silent_fall_back_to_text(name: str) -> None:
    model, tokenizer, problem = REFUSED[name]
    (reason,) = prompts_of(model, tokenizer, [Item(CASE, plain("ids_r2l", 0))])
    assert isinstance(reason, str)
    assert reason.startswith("not available: ")
    assert problem in reason
    (prompt,) = prompts_of(model, tokenizer, [Item(CASE, plain("nosep", 0))])
    assert isinstance(prompt, Prompt)
    assert prompt.form == "text"


def test_a_real_vocabulary() -> None:
    pytest.importorskip("mistral_common")
    tokenizer = load_tokenizer("mistral:tekken_240911")  # single digits, and no other token of digits
    model = _model(frozenset({"text", "ids"}))
    whole, single_digits = prompts_of(
        model, tokenizer, [Item(CASE, plain("ids_r2l", 1)), Item(CASE, plain("ids_single", 1))]
    )
    assert whole == "not available: '654' is no token of mistral:tekken_240911"
    assert isinstance(single_digits, Prompt)
    text = plain_text(messages(Item(CASE, plain("nosep", 1))))
    assert list(single_digits.ids or ()) == tokenizer.encode(text)


@pytest.mark.data
def test_threes_of_a_real_vocabulary(tiktoken_cache: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer("tiktoken:cl100k_base")
    model = _model(frozenset({"text", "ids"}))
    cases = build_cases("smoke")[::40]
    left = [prompt.ids for prompt in prompts_of(model, tokenizer, list(build_items(cases, [plain("ids_l2r")])))]  # type: ignore[union-attr]
    texts = [plain_text(messages(item)) for item in build_items(cases, [plain("nosep")])]
    assert [list(ids or ()) for ids in left] == [
        tokenizer.encode(text) for text in texts
    ]  # it cuts threes from the left
    for prompt, text in zip(
        prompts_of(model, tokenizer, list(build_items(cases, [plain("ids_r2l")]))), texts, strict=True
    ):
        assert isinstance(prompt, Prompt)
        assert tokenizer.decode_bytes(prompt.ids or ()).decode() == text


def test_every_format_can_be_asked_as_text() -> None:
    base = Condition(in_fmt=parse_format("nosep"), out_fmt=parse_format("nosep"), n_shots=1)
    conditions = [replace(base, in_fmt=parse_format(name), out_fmt=parse_format(name)) for name in FORMATS]
    found = prompts_of(_model(frozenset({"text", "ids"})), l2r(), list(build_items([CASE], conditions)))
    assert all(isinstance(prompt, Prompt) for prompt in found)
    assert len({prompt.sha256 for prompt in found if isinstance(prompt, Prompt)}) == len(FORMATS)
