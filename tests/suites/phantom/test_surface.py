"""The suite from Python, as the specification lists it."""

from __future__ import annotations

import pytest
from phantom_items import TEXT, TINY, canonical_reply, item

from tokbench.errors import ItemError, UnsupportedError
from tokbench.suites import phantom
from tokbench.suites.phantom.answers import rows_of
from tokbench.suites.phantom.grading import grade
from tokbench.tokenizers import load_tokenizer


def test_every_name_is_there() -> None:
    assert all(callable(getattr(phantom, name)) for name in phantom.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = phantom.nothing


def test_from_items_to_outcomes() -> None:
    asked = phantom.items("smoke", markings=["ordinal"])[0]
    ids_in, ids_out = TINY.encode(phantom.build_prompt(asked)), TINY.encode(asked.text)
    for known in (None, ids_in):
        found = phantom.slices(asked, TINY, known, ids_out)
        assert found[0].before is not None
        assert found[0].before.data == f" {asked.targets[0].word}".encode()
        (settled,) = phantom.outcome(asked, found)
        assert settled.status == "UNCHANGED"
    with pytest.raises(ItemError, match="ids of the reply"):
        phantom.slices(asked, TINY, None, [10**6])
    with pytest.raises(ItemError, match="does not hold the prompt"):
        phantom.slices(asked, TINY, ids_out, ids_out)
    with pytest.raises(UnsupportedError, match="does not hold"):
        phantom.slices(asked, load_tokenizer("sentencepiece:@tiny-unigram.model"), None, [1])


def test_an_inserted_space_is_taken_off() -> None:
    tokenizer = load_tokenizer("sentencepiece:@tiny.model")
    found = phantom.slices(item("house", marking="ordinal"), tokenizer, None, tokenizer.encode(TEXT))
    assert found[0].outcome.status == "UNCHANGED"


def test_metrics_of_a_tokenizer_and_of_samples() -> None:
    found = {row.metric: row for row in phantom.tokenizer_metrics(TINY, ["house", "window", "engineer"])}
    assert found["census.ambiguity"].n == 3
    assert found["census.marker"].n == 3
    entry = item(marking="ordinal")
    completion = canonical_reply(TINY, TEXT)
    rates = phantom.summarise(rows_of(entry, completion, grade(entry, completion, TINY)))
    assert next(row.value for row in rates if row.metric == "kept_rate") == 0.0


def test_bytes_that_are_no_text_end_nothing_but_their_word() -> None:
    """A reply that was cut off inside a character is text up to there; in the target itself it is none."""
    entry = item("house", marking="ordinal")
    data = TEXT.encode()
    ids = [*TINY.encode(TEXT), *next(iter([TINY.byte_vocabulary().lookup(b"\xc3")]))]
    (far,) = phantom.slices(entry, TINY, None, ids)
    assert far.outcome.status == "UNCHANGED"
    at = TEXT.index("house") + 2
    inside = [*TINY.encode(data[:at].decode()), *TINY.byte_vocabulary().lookup(b"\xc3"), *TINY.encode(TEXT[at:])]
    (near,) = phantom.slices(entry, TINY, None, inside)
    assert (near.outcome.status, near.outcome.reason) == ("INVALID", "the reply cannot be decoded at the target")
