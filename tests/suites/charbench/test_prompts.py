"""Wordings: the paper's byte for byte, the place of the word, renderings, and answered questions."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import pytest
from charbench_items import CORE, core_item, item_of
from charbench_lists import all_items
from hypothesis import given
from hypothesis import strategies as st

from tokbench._resources import resource
from tokbench.errors import ItemError, OptionError, SuiteDefinitionError, UnknownNameError
from tokbench.suites.charbench import _wordings, prompts
from tokbench.suites.charbench._shots import shot_items
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.prompts import PROMPTS, RENDERINGS, Rendered, render, sha256s, shot_words
from tokbench.suites.charbench.tasks import TASKS
from tokbench.suites.charbench.words import load_words
from tokbench.tokenizers import load_tokenizer

STRAWBERRY = [
    core_item("count_char", "strawberry", "r"), core_item("count_unique", "strawberry"),
    core_item("find_first", "strawberry", "r"), core_item("find_last", "strawberry", "r"),
]  # fmt: skip


def _word(found: Rendered) -> str:
    """What lies at the place of the word."""
    return found.text.encode()[found.word_start : found.word_end].decode()


# ---------------------------------------------------------------------- the wording of the paper


def test_the_message_of_the_paper() -> None:
    found = render(STRAWBERRY[0], "charbench-2025")
    data = found.text.encode()
    assert len(data) == 243
    assert hashlib.sha256(data).hexdigest() == "54f223f46a1e6b0f59606f86fb3c2c18d19a97f9640a4305a35e78893b21d8ba"
    assert (found.word_start, found.word_end) == (225, 235)
    system, user = found.messages()
    assert (system.role, system.content) == ("system", "You are a helpful assistant that answers questions.")
    assert (user.role, user.content) == ("user", found.text)


def test_all_questions_of_the_paper() -> None:
    before = (
        "\n    Answer this question only with the final number, without any other text. Lower case and upper case "
        "letters are considered different characters.\n    \n\nQuestion: "
    )
    where = "occurrence of the character 'r' in the string 'strawberry'?\nStart counting from 0."
    asked = [
        "How many times does the character 'r' appear in the string 'strawberry'?",
        "How many unique characters appear in the string 'strawberry'?",
        f"What is the index of the first {where}",
        f"What is the index of the last {where}",
    ]
    found = [render(item, "charbench-2025").text for item in STRAWBERRY]
    assert found == [f"{before}{question}\n\n    " for question in asked]


@pytest.mark.data
@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_tokens_of_the_message(name: str, tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer(f"tiktoken:{name}")
    assert [len(tokenizer.encode(render(item, "charbench-2025").text)) for item in STRAWBERRY] == [50, 45, 60, 60]


def test_the_paper_has_four_tasks_and_one_rendering() -> None:
    item = replace(STRAWBERRY[2], task="find_first_or_minus1")
    with pytest.raises(OptionError, match=r"only tasks of the paper .count_char, .*not find_first_or_minus1"):
        render(item, "charbench-2025")
    with pytest.raises(OptionError, match="whose word can stand at the end"):
        render(STRAWBERRY[0], "charbench-2025", "space")


# ---------------------------------------------------------------------- all wordings


def test_the_default_is_an_instruction_and_the_question() -> None:
    found = render(STRAWBERRY[0])
    lines = found.text.split("\n")
    assert (found.prompt_id, found.rendering, found.system, found.shots) == ("plain", "inline", None, 0)
    assert len(lines) == 3
    assert "number" in lines[0]
    assert lines[1:] == ["", "How many times does the character 'r' appear in the string 'strawberry'?"]
    assert [message.role for message in found.messages()] == ["user"]


def test_the_instruction_fits_the_answer() -> None:
    texts = {}
    for name in ("plain", "plain-b", "plain-c"):
        for kind, sign in (("int", "number"), ("str", "quote"), ("bool", "yes or no"), ("choice", "letter")):
            line = _wordings.text_of(_wordings.frame_of(name), name, "instructions", kind)
            assert sign in line or "unquoted" in line
            texts[name, kind] = line
    assert len(set(texts.values())) == 12


@pytest.mark.parametrize("prompt_id", PROMPTS)
def test_every_task_can_be_asked_with_its_word_in_place(prompt_id: str) -> None:
    shown = set()
    for item in all_items():
        if prompt_id == "charbench-2025" and item.task not in CORE:
            continue
        found = render(item, prompt_id)
        assert _word(found) in {item.word, ""}
        if found.word_end:
            shown.add(item.task)
            if item.task == "pair_render":  # its word stands elsewhere, in its own way: test_pairs_tasks.py
                continue
            before = found.text.encode()[: found.word_start].decode()
            assert before.endswith(" '"), "a quote behind a space"
    assert shown >= set(CORE)


def test_every_question_is_quoted_behind_a_space_and_says_where_it_begins_to_count() -> None:
    for name, table in _wordings.wordings().items():
        assert set(table) >= {"a", "b", "c"}, name
        for text in map(str, table.values()):
            for literal, field in _wordings.pieces(text, name):
                assert field not in {"word", "char"} or literal.endswith(" "), text
                assert "{word}'" not in text
            assert "index" not in text.lower() or "0" in text or "1" in text, text


@pytest.mark.parametrize("task", sorted(TASKS))
def test_the_three_wordings_of_a_task_differ(task: str) -> None:
    for variant in TASKS[task].variants:
        assert len({_wordings.question(*TASKS[task].question(variant), key) for key in "abc"}) == 3


@pytest.mark.parametrize("prompt_id", ["plain", "plain-b", "plain-c", "completion", "charbench-2025"])
@given(word=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), place=st.integers(0, 11))
@pytest.mark.property
def test_the_place_of_the_word_holds_its_bytes(prompt_id: str, word: str, place: int) -> None:
    item = core_item("find_last", word, word[place % len(word)])
    assert _word(render(item, prompt_id)) == word
    if prompt_id != "charbench-2025":
        for rendering in RENDERINGS:
            assert _word(render(item, prompt_id, rendering)) == word


def test_a_place_in_characters_breaks_that_law(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "_bytes", len)
    item = core_item("find_last", "\u00e9\u1230", "\u1230")
    assert _word(render(item)) != item.word


# ---------------------------------------------------------------------- renderings


def test_renderings_differ_in_the_delimiters_alone() -> None:
    found = {name: render(STRAWBERRY[0], "plain", name).text for name in RENDERINGS}
    heads = {text.rpartition("String:")[0] for text in found.values()}
    assert len(heads) == 1
    assert "appear in the string below?\n\n" in heads.pop()
    assert {name: text.rpartition("String:")[2] for name, text in found.items()} == {
        "quote": " 'strawberry'",
        "space": " strawberry",
        "newline": "\nstrawberry",
        "nlquote": "\n'strawberry'",
        "dquote": ' "strawberry"',
        "backtick": " `strawberry`",
    }


def test_renderings_of_a_completion_end_where_the_answer_begins() -> None:
    text = render(STRAWBERRY[0], "completion", "space").text
    assert text.endswith("in the string below?\nString: strawberry\nA:")
    assert text.count("String:") == 1


def test_inline_is_a_rendering_and_others_are_not() -> None:
    assert render(STRAWBERRY[0], "plain", "inline") == render(STRAWBERRY[0])
    with pytest.raises(UnknownNameError, match=r"unknown rendering 'nlqoute'.*nlquote"):
        render(STRAWBERRY[0], "plain", "nlqoute")
    with pytest.raises(UnknownNameError, match=r"unknown prompt 'plane'.*plain"):
        render(STRAWBERRY[0], "plane")


# ---------------------------------------------------------------------- fields


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Item:
    """An item of a choice task, whose questions are those of this test."""
    tables = {
        "count_char": {"a": "Which of {options}", "b": "Which, '{other}' or {word}?", "c": "{wrong}"},
        "find_first": {"a": "Which place has {char}?"},
        "count_unique": {"a": "Spell {word} {word}", "b": "{word.upper}", "c": "{word"},
    }
    monkeypatch.setattr(_wordings, "wordings", lambda: tables)
    monkeypatch.setattr(type(TASKS["count_char"]), "answer_type", "choice")
    prompts._template.cache_clear()
    item = item_of("choice", "fig", word="fig", task="count_char", choices=("figs", "fig"))
    return replace(item, args=(("other", "figs"),))


@pytest.fixture(autouse=True)
def _fresh_templates() -> object:
    yield
    prompts._template.cache_clear()


def test_options_have_letters_and_quotes(made: Item) -> None:
    found = render(made)
    assert found.text.endswith("Which of \n(A) 'figs'\n(B) 'fig'")
    assert "letter" in found.text
    assert _word(found) == "fig"
    assert found.word_start == len(found.text) - 4


def test_options_that_the_question_names_are_answered_by_name(made: Item) -> None:
    found = render(made, "plain-b")
    assert found.text.startswith("Which, 'figs' or 'fig'?")
    assert "letter" not in found.text
    assert _word(found) == "fig"
    assert found.word_start == found.text.index(" 'fig'?") + 2


@pytest.mark.usefixtures("made")
def test_a_question_that_does_not_show_the_word() -> None:
    found = render(STRAWBERRY[2])
    assert found.text.endswith("\n\nWhich place has 'r'?")
    assert (found.word_start, found.word_end) == (0, 0)


def test_wordings_that_cannot_be_filled(made: Item) -> None:
    with pytest.raises(SuiteDefinitionError, match=r"count_char: \{wrong\} is nothing that the item has"):
        render(made, "plain-c")
    with pytest.raises(OptionError, match="names one string"):
        render(STRAWBERRY[1], "plain", "space")
    with pytest.raises(SuiteDefinitionError, match="not a plain name"):
        render(STRAWBERRY[1], "plain-b")
    with pytest.raises(SuiteDefinitionError, match="count_unique: "):
        render(STRAWBERRY[1], "plain-c")
    with pytest.raises(SuiteDefinitionError, match="find_last/std has no wording a"):
        render(STRAWBERRY[3])


@pytest.mark.parametrize("char", [None, "", "ra"])
def test_a_query_that_is_not_one_character(char: str | None) -> None:
    with pytest.raises(ItemError, match=r"item charbench-1/natural/count_char/.*expected exactly one"):
        render(replace(STRAWBERRY[0], query_char=char))


def test_a_grapheme_is_one_character() -> None:
    item = replace(core_item("count_char", "e\u0301te\u0301", "e\u0301"), unit="grapheme")
    assert "'e\u0301' appear" in render(item).text


@pytest.mark.parametrize("task", ["find_first", "find_last"])
def test_the_place_of_an_absent_character(task: str) -> None:
    item = replace(STRAWBERRY[2], task=task, query_char="z")
    with pytest.raises(ValueError, match=r"item charbench-1/.*'z' is not in 'strawberry'"):
        render(item)
    assert "-1" in render(replace(item, task=f"{task}_or_minus1")).text


# ---------------------------------------------------------------------- answered questions


@pytest.mark.parametrize(("task", "variant"), [(name, variant) for name in TASKS for variant in TASKS[name].variants])
def test_a_base_model_sees_four_right_answers(task: str, variant: str) -> None:
    found = shot_items(task, variant, 4)
    assert len({item.word for item in found}) == 4
    for item in found:
        assert item.answer == TASKS[item.task].gold(item) == TASKS[item.task].second_gold(item)
    places = [str(item.choices.index(item.answer)) if item.choices else item.answer for item in found]
    assert len(set(places)) > 1, "no answer to copy"
    item = next(item for item in all_items() if (item.task, item.variant) == (task, variant))
    rendered = render(item, "completion")
    assert rendered.shots == 4
    assert rendered.text.count("Q: ") == 5
    assert rendered.text.endswith("\nA:")
    assert [f"\nA: {shot.answer}\n\nQ: " in rendered.text for shot in found] == [True] * 4


def test_words_of_answered_questions_are_never_asked() -> None:
    words = load_words("builtin:en-scowl-95")
    assert min(map(len, shot_words())) > 10 >= max(words.lengths)
    assert list(shot_words()) == sorted(set(shot_words()))


def test_too_few_words_for_the_answered_questions() -> None:
    with pytest.raises(SuiteDefinitionError, match=r"only \d+ of the 1000 answered questions can be made"):
        shot_items("count_char", "std", 1000)


# ---------------------------------------------------------------------- files


def test_the_hashes_are_those_of_the_files() -> None:
    found = sha256s()
    assert {"prompts.toml", "questions/core.toml"} <= set(found)
    for name, digest in found.items():
        path = resource("suites", "charbench", *name.split("/"))
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_files_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(text: str, problem: str) -> None:
        (tmp_path / "a.toml").write_text(text, "utf-8")
        _wordings.wordings.cache_clear()
        with pytest.raises(SuiteDefinitionError, match=problem):
            _wordings.wordings()

    monkeypatch.setattr(_wordings, "_question_files", lambda: [tmp_path / "a.toml", tmp_path / "b.toml"])
    (tmp_path / "b.toml").write_text("[spell]\na = 'x'\n[spell.v]\na = 'y'\n", "utf-8")
    try:
        fails("[", r"a\.toml: cannot be read")
        fails("a = 1", r"a\.toml: a: expected a table")
        fails("[a]\nb = 1", r"a\.toml: a\.b: expected text or a table")
        fails("[spell]\na = 'z'", r"b\.toml: spell: another file has this question, too")
        (tmp_path / "a.toml").unlink()
        fails("[other]\na = 'z'\n[spell.v]\nb = 'w'", r"b\.toml: spell/v: another")
    finally:
        _wordings.wordings.cache_clear()


def test_frames_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_wordings, "_frames", lambda: {"plain": {"wording": "a", "frame": 1}, "shots": {"words": "x"}})
    with pytest.raises(SuiteDefinitionError, match=r"prompts\.toml: plain\.frame: expected text"):
        render(STRAWBERRY[0])
    with pytest.raises(SuiteDefinitionError, match=r"shots\.words: expected a list of words"):
        shot_words()


def test_a_variant_has_wordings_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b.toml").write_text("[spell]\na = 'x'\n[spell.v]\na = 'y'\n", "utf-8")
    monkeypatch.setattr(_wordings, "_question_files", lambda: [tmp_path / "b.toml"])
    _wordings.wordings.cache_clear()
    try:
        assert (_wordings.question("spell", "std", "a"), _wordings.question("spell", "v", "a")) == ("x", "y")
    finally:
        _wordings.wordings.cache_clear()


def test_all_items_of_the_paper_are_rendered_in_seconds() -> None:
    items = [core_item("find_last", f"straw{place}", "w") for place in range(5000)]
    render(items[0])
    start = time.process_time()
    for item in items:
        render(item)
    assert (time.process_time() - start) / len(items) * 175_000 < 3
