"""Tokenizers of which nothing is known but ``encode``: an approximation, on request, that says what it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from byte_toys import rows_of
from table_toys import TableTokenizer

from tokbench.bytelevel import ByteModel
from tokbench.bytelevel._probes import PROBES, ProbeRule
from tokbench.bytelevel.canonical import canonical_rule
from tokbench.errors import OptionError, UnsupportedReadingError
from tokbench.models import HashModel, load_model
from tokbench.tokenizers import Tokenizer, load_tokenizer

TABLE = {index: word.encode() for index, word in enumerate(["a", "b", " ", "s", "t", "ab", "  ", "abs", " a", "bb"])}
END = len(TABLE)
KNOWN = TableTokenizer(TABLE, specials={"<end>": END})
SILENT = TableTokenizer(TABLE, specials={"<end>": END}, says_rules=False)
MODEL = HashModel(TABLE, seed=5, end_ids=(END,), width=END + 1)
TEXTS = ["", "a", "ab", "abs", "aab", "b", "  ", " ab", "abb", "ab ab", "tabs", "a  b"]


@pytest.mark.parametrize("text", TEXTS)
def test_probes_find_the_contexts_of_the_judge(text: str) -> None:
    # all contexts are shown by one of the continuations here, and with the last token free that is all that counts
    probed = ByteModel(MODEL, SILENT, reading="canonical_context", probing="accept")
    judged = ByteModel(MODEL, KNOWN, reading="canonical_context")
    state, other = probed.start().push(text), judged.start().push(text)
    found, wanted = state.next_byte_logprobs(), other.next_byte_logprobs()
    assert dict(state.contexts()) == pytest.approx(dict(other.contexts()))
    assert np.exp(found.logprobs) == pytest.approx(np.exp(wanted.logprobs), abs=1e-12)
    assert probed.logprob(text, end=True).value == pytest.approx(judged.logprob(text, end=True).value)


def test_every_result_says_that_it_is_not_exact() -> None:
    probed = ByteModel(MODEL, SILENT, probing="accept")
    assert not probed.next_byte_logprobs("ab").exact
    assert not probed.logprob("abs", per_byte=False).exact
    assert not probed.logprob("abs").exact
    assert probed.settings["approximate"] is True
    judged = ByteModel(MODEL, KNOWN)
    assert judged.next_byte_logprobs("ab").exact
    assert judged.settings["approximate"] is False


def test_the_judge_is_preferred_where_there_is_one() -> None:
    asked = ByteModel(MODEL, KNOWN, probing="accept")
    assert asked.settings["approximate"] is False
    assert asked.next_byte_logprobs("ab").exact


def test_canonical_by_probes_leaves_the_last_token_free() -> None:
    # probes never refute, so that only contexts tell the readings apart: the sum over covers is that of CONTEXT
    canonical, free = (
        ByteModel(MODEL, SILENT, reading=reading, probing="accept", renormalise=None)
        for reading in ("canonical", "canonical_context")
    )
    for text in TEXTS:
        one, two = canonical.next_byte_logprobs(text), free.next_byte_logprobs(text)
        assert one.logprobs[:256] == pytest.approx(two.logprobs[:256])
    judged = ByteModel(MODEL, KNOWN)
    assert canonical.logprob("abb").value > judged.logprob("abb").value


@pytest.mark.parametrize("text", TEXTS)
def test_a_finished_text_is_its_encoding_alone(text: str) -> None:
    rows = rows_of(MODEL)
    ids = (*SILENT.encode(text), END)
    steps = [float(rows(ids[:at])[token]) for at, token in enumerate(ids)]
    score = ByteModel(MODEL, SILENT, probing="accept").logprob(text, end=True)
    assert score.value == pytest.approx(math.fsum(steps))
    assert not score.exact


def test_without_being_asked_nothing_is_approximated() -> None:
    for reading in ("canonical", "canonical_context"):
        with pytest.raises(UnsupportedReadingError, match="probing='accept'") as error:
            ByteModel(MODEL, SILENT, reading=reading)
        assert "reading='all'" in str(error.value)
        assert "it does not tell how it encodes" in str(error.value)
        assert isinstance(error.value, ValueError)
    ByteModel(MODEL, SILENT, reading="all")  # needs no judge


def test_masks_by_token_need_a_judge() -> None:
    with pytest.raises(UnsupportedReadingError, match="use 'byte'"):
        ByteModel(MODEL, SILENT, renormalise="token", probing="accept")
    ByteModel(MODEL, KNOWN, renormalise="token", probing="accept")


def test_there_is_one_way_of_probing() -> None:
    with pytest.raises(OptionError, match="accept, or none"):
        ByteModel(MODEL, SILENT, probing="delete")


# ---------------------------------------------------------------------- real vocabularies


@pytest.fixture(scope="module")
def tiny() -> Tokenizer:
    return load_tokenizer("hf:@tiny.json")


@pytest.mark.parametrize("text", ["The toke", "  1", " in  ", "don'", "caf\u00e9"[:4].encode()[:-1], "12", "a\n\n"])
def test_contexts_of_a_shipped_tokenizer(tiny: Tokenizer, text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    model = load_model("ngram:tiny")
    probed = ByteModel.over(model, tiny.byte_vocabulary(), ProbeRule(tiny), reading="canonical_context")
    judged = ByteModel(model, tiny, reading="canonical_context")
    state, other = probed.start().push(data), judged.start().push(data)
    found, wanted = state.next_byte_logprobs(), other.next_byte_logprobs()
    assert not found.exact
    assert wanted.exact
    mine, all_of_them = dict(state.contexts()), dict(other.contexts())
    assert mine.items() <= all_of_them.items()  # what probes show is so
    if mine == all_of_them:
        assert found.probabilities == pytest.approx(wanted.probabilities, abs=1e-9)


def test_a_rule_of_probes_admits_what_begins_an_encoding(tiny: Tokenizer) -> None:
    rule, vocabulary, judge = ProbeRule(tiny), tiny.byte_vocabulary(), canonical_rule(tiny)
    position = {int(token): index for index, token in enumerate(vocabulary.ids)}
    ids = [position[token] for token in tiny.encode("The engineer's 12  tokens")]
    for size in range(len(ids) + 1):
        context = rule.context_of(ids[:size])
        assert context is not None
        assert judge.context_of(ids[:size]) is not None
    whole = rule.context_of(ids)
    assert whole is not None
    assert rule.complete(whole)
    single = [position[tiny.encode("a")[0]], position[tiny.encode("n")[0]]]
    assert tiny.encode("an") != [int(vocabulary.ids[index]) for index in single]
    assert rule.context_of(single) is None
    assert rule.dead(rule.root(), 0, 5) is None
    assert "" in PROBES
    assert len(set(PROBES)) == len(PROBES)
