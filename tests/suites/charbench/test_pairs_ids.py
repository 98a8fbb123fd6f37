"""Prompts of ``pair_ids``: which ids a model reads, where an item is not asked, and what is said of it then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import pytest
from charbench_items import core_item
from charbench_pairs import asked, check_covers, check_ids, cover_item, scripted
from completers import BYTES, PIECES, TINY, completer

from tokbench.models._scripted import ScriptedModel
from tokbench.models.completion import Completion, CompletionModel, Decoding, Done, Form, Prompt
from tokbench.suites.charbench._pair_ids import Covers, refusal
from tokbench.suites.charbench._spans import Cut, cuts, framed
from tokbench.suites.charbench.answers import answer_samples, choice_samples, prediction_frame
from tokbench.suites.charbench.features import features, word_spans
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.pairs import pairs
from tokbench.suites.charbench.prompts import render
from tokbench.suites.charbench.tasks.pairs import COVERS
from tokbench.tokenizers import Tokenizer, load_tokenizer

WORD = "cinnamon"
ITEMS = [cover_item(WORD, cover, "find_last", "n") for cover in COVERS]
DECODING = Decoding(max_tokens=4)


class Recorder(ScriptedModel):
    """Keeps what it was asked."""

    def __init__(self, takes: Sequence[Form], start_ids: tuple[int, ...] = ()) -> None:
        model = scripted()
        assert isinstance(model, ScriptedModel)
        super().__init__("recorder", lambda _: "7", replace(model.info, spec="test:recorder"))
        self.takes = frozenset(takes)
        self.start_ids = start_ids
        self.prompts: list[Prompt] = []

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding = DECODING, *, done: Done | None = None
    ) -> list[Completion]:
        self.prompts += prompts
        return super().generate(prompts, decoding, done=done)


class Chat(Recorder):
    """Renders chats, with a special token in front."""

    def __init__(self, template: Callable[[str], str]) -> None:
        super().__init__(("messages", "ids"), start_ids=(1,))
        self._template = template

    def render(self, prompt: Prompt) -> str | None:
        assert prompt.messages is not None
        return self._template(prompt.messages[-1].content)


def _ids(model: Recorder) -> list[tuple[int, ...]]:
    return [prompt.ids for prompt in model.prompts if prompt.ids is not None]


# ---------------------------------------------------------------------- what a model reads


def test_a_model_reads_the_prompt_with_other_ids_for_the_word() -> None:
    model = Recorder(("text", "ids"))
    samples = answer_samples(model, ITEMS, prompt_id="plain", decoding=DECODING, tokenizer=TINY)
    assert [sample.outcome for sample in samples] == ["correct"] * 4  # the last n is at 7
    assert len(_ids(model)) == 4
    assert len(set(_ids(model))) == 3, "the tokenizer's own cut of this word has the fewest tokens"
    for ids in _ids(model):
        check_ids(TINY, render(ITEMS[0]), ids)
    assert [sample.prompt_sha256 for sample in samples] == [prompt.sha256 for prompt in model.prompts]
    assert [sample.stratum for sample in samples] == [f"pair_ids/find_last.{cover}" for cover in COVERS]
    assert len(prediction_frame(samples, "m")) == 4


def test_start_tokens_stand_in_front() -> None:
    with_start = Recorder(("text", "ids"), start_ids=(5, 6))
    answer_samples(with_start, ITEMS, prompt_id="plain", decoding=DECODING, tokenizer=TINY)
    without = Recorder(("text", "ids"))
    answer_samples(without, ITEMS, prompt_id="plain", decoding=DECODING, tokenizer=TINY)
    assert _ids(with_start) == [(5, 6, *ids) for ids in _ids(without)]


def test_the_own_cover_is_what_the_model_makes_of_the_text() -> None:
    model = completer(TINY, start_ids=(3,))
    assert model.start_ids == (3,)
    prompt = asked(TINY, WORD, model)["canonical"]
    assert isinstance(prompt, Prompt)
    assert prompt.ids == model._prompt_ids(Prompt(text=render(cover_item(WORD, "canonical")).text))


def test_other_items_are_asked_as_ever() -> None:
    model = Recorder(("text", "ids"))
    items = [core_item("find_last", WORD, "n"), *ITEMS]
    answer_samples(model, items, prompt_id="plain", decoding=DECODING, tokenizer=TINY)
    assert [prompt.form for prompt in model.prompts] == ["text", "ids", "ids", "ids", "ids"]


# ---------------------------------------------------------------------- chats


def test_a_chat_is_rendered_and_its_special_tokens_are_tokens() -> None:
    name, special = next(iter(TINY.special_tokens().items()))
    model = Chat(lambda text: f"{name}user\n{text}\n")
    samples = answer_samples(model, ITEMS, prompt_id="plain", decoding=DECODING, tokenizer=TINY)
    assert {sample.outcome for sample in samples} == {"correct"}
    text = render(ITEMS[0]).text
    own = TINY.encode(f"{name}user\n{text}\n", specials="parse")
    assert _ids(model)[0] == tuple(own), "the template has a start token of its own"
    assert own[0] == special
    for ids in _ids(model):
        assert ids[0] == special
        assert TINY.join_bytes(ids) == TINY.join_bytes(own)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (str.upper, "the chat template changes the text of the question"),
        (lambda text: text + text, "the chat holds the text of the question more than once"),
    ],
)
def test_a_chat_without_the_question_is_not_asked(template: Callable[[str], str], reason: str) -> None:
    model = Chat(template)
    samples = answer_samples(model, ITEMS, prompt_id="plain", decoding=DECODING, tokenizer=TINY)
    assert [(sample.outcome, sample.message) for sample in samples] == [("skipped", f"not asked: {reason}")] * 4
    assert not model.prompts


# ---------------------------------------------------------------------- not run


def _skipped(model: CompletionModel, tokenizer: Tokenizer | None, items: Sequence[Item] = ITEMS) -> list[str]:
    samples = answer_samples(model, items, prompt_id="plain", decoding=DECODING, tokenizer=tokenizer)
    assert {sample.outcome for sample in samples} == {"skipped"}
    assert {sample.score for sample in samples} == {None}
    assert prediction_frame(samples, "m").is_empty(), "in no denominator"
    return [sample.message for sample in samples]


def test_a_model_that_takes_no_ids_is_not_run_and_not_wrong() -> None:
    wanted = "not run: test:recorder takes no token ids, only messages"
    assert _skipped(Recorder(("messages",)), TINY) == [wanted] * 4
    assert refusal(Recorder(("text", "messages")), TINY).endswith("only messages and text")
    assert refusal(scripted(), TINY) == ""


def test_without_byte_spans_there_are_no_ids_to_replace() -> None:
    wordpiece = load_tokenizer("hf:@tiny-wordpiece.json")
    assert all("its tokens do not tile the bytes" in message for message in _skipped(scripted(), wordpiece))
    assert _skipped(scripted(), None) == ["not run: it needs the tokenizer of the model"] * 4


def test_a_word_of_one_segmentation_has_no_other() -> None:
    prompts = asked(BYTES, WORD)
    assert prompts.pop("drop") == "not asked: the word has no other segmentation"
    assert len({prompt.ids for prompt in prompts.values() if isinstance(prompt, Prompt)}) == 1


def test_a_token_over_the_edge_of_the_word() -> None:
    assert check_covers(PIECES, WORD) == 4
    for message in _skipped(scripted(), PIECES, [cover_item("strawberry", cover) for cover in COVERS]):
        assert message.startswith("not asked: a token reaches over the edge of the word")


# ---------------------------------------------------------------------- probabilities of answers


def test_answers_are_scored_behind_ids() -> None:
    model = completer(TINY, scale=2.0)
    items = [core_item("find_last", WORD, "n"), *ITEMS]
    samples = choice_samples(model, items, prompt_id="completion", tokenizer=TINY)
    assert [sample.item_id for sample in samples] == [item.item_id for item in items]
    assert all(sample.detail is not None and sample.completion is not None for sample in samples)
    assert [dict(sample.detail or {})["exact"] for sample in samples[1:]] == [False] * 4
    scores = [dict(sample.detail or {})["gold_logprob"] for sample in samples[1:]]
    assert len(set(scores)) > 1, "another cut is another context"
    skipped = choice_samples(model, items, prompt_id="completion")
    assert [sample.outcome for sample in skipped][1:] == ["skipped"] * 4


# ---------------------------------------------------------------------- features


def test_features_are_those_of_the_cover() -> None:
    found = dict(zip(COVERS, word_spans(ITEMS, TINY), strict=True))
    bare = list(word_spans(ITEMS, TINY, "bare"))
    assert len(set(bare)) == 1, "alone, the word is cut by the tokenizer"
    sizes = {}
    for cover, cut in found.items():
        assert isinstance(cut, Cut)
        parts = [TINY.token_bytes(token) for token in cut.ids]
        assert b"".join(parts).decode() == WORD
        assert list(cut.spans) == list(pairwise(accumulate(map(len, parts), initial=0)))
        sizes[cover] = len(parts)
    assert sizes["chars"] == len(WORD)
    assert sizes["fewest"] <= sizes["canonical"] < sizes["chars"]
    table = features(ITEMS, TINY)
    assert table["n_tokens"].to_list() == list(sizes.values())
    assert table["ttl_chars"].to_list()[COVERS.index("chars")] == 1
    assert pairs(ITEMS, table)["qualifies"].to_list() == [True, sizes["fewest"] != sizes["canonical"], True]


def test_an_item_without_a_cover_has_a_reason_for_no_features() -> None:
    table = features([cover_item(WORD, cover) for cover in COVERS], BYTES)
    assert table["reason"].to_list() == [None, None, None, "the word has no other segmentation"]
    assert table["n_tokens"].to_list() == [8, 8, 8, None]


def test_of_equal_bytes_the_piece_of_text_is_taken() -> None:
    """A vocabulary with byte fallback has two ids for a letter, and its models have never read the other one."""
    own = next(cuts(PIECES, [(f"String: '{WORD}'", (9, 9 + len(WORD)))]))
    assert isinstance(own, Cut)
    for ids in Covers(PIECES).of(WORD, own).values():
        assert ids is not None
        assert {PIECES.kind(token) for token in ids} == {"normal"}
    doubled = [data for data, _ in PIECES.byte_vocabulary().duplicates()]
    assert b"c" in doubled, "there is a choice"


def test_drop_is_drawn_by_the_word_alone() -> None:
    own = next(cuts(TINY, [(f" '{WORD}'", (2, 2 + len(WORD)))]))
    assert isinstance(own, Cut)
    drawn = {Covers(TINY).of(WORD, own)["drop"] for _ in range(3)}
    assert len(drawn) == 1
    words = ["stack", "tacks", "union", "onion", "level", "speed"]
    cut = list(cuts(TINY, [(f" '{word}'", (2, 7)) for word in words]))
    sizes = {len(Covers(TINY).of(word, one)["drop"] or ()) for word, one in zip(words, cut, strict=True)
             if isinstance(one, Cut)}  # fmt: skip
    assert len(sizes) > 1


# ---------------------------------------------------------------------- the frame of a word


@pytest.mark.parametrize("tokenizer", [TINY, PIECES, BYTES], ids=lambda one: one.info.slug)
@pytest.mark.parametrize("text", ["a cinnamon", "cinnamon", "'cinnamon'", "\n cinnamon rolls", "cinnamon été"])
def test_a_frame_has_all_tokens_of_a_text(tokenizer: Tokenizer, text: str) -> None:
    at = len(text[: text.index(WORD)].encode())
    place = (at, at + len(WORD))
    frame = next(framed(tokenizer, [(text, place)]))
    assert not isinstance(frame, str)
    assert [*frame.before, *frame.cut.ids, *frame.after] == tokenizer.encode(text)
    assert frame.cut == next(cuts(tokenizer, [(text, place)]))
