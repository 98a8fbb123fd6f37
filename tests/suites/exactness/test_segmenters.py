from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import MetricInputError, OptionError
from tokbench.suites.exactness.segmenters import SEGMENTERS, segmenter


def words(name: str, text: str) -> list[str]:
    return [text[start:end] for start, end in segmenter(name).words(text)]


def test_words_between_white_space() -> None:
    assert words("whitespace", " don't\u00a0 stop,\nnow ") == ["don't", "stop,", "now"]


def test_words_of_uax29() -> None:
    text = "The quick (\u201cbrown\u201d) fox can\u2019t jump 32.3 feet, right?"
    assert words("uax29", text) == ["The", "quick", "brown", "fox", "can\u2019t", "jump", "32.3", "feet", "right"]
    assert words("uax29", "你好 カタカナ नमस्ते 🦙") == ["你", "好", "カタカナ", "नमस्ते"]


@pytest.mark.parametrize("text", ["a 你", "ひらがな", "カタ", "สวัสดี", "ລາວ", "ខ្មែរ", "မြန်မာ"])
def test_white_space_refuses_scripts_without_spaces(text: str) -> None:
    with pytest.raises(MetricInputError, match=r"corpus\.txt, line 7: the segmenter whitespace cannot find words in"):
        segmenter("whitespace").checked_words(text, "corpus.txt", 7)


@pytest.mark.parametrize("text", ["สวัสดี", "ລາວ", "ខ្មែរ", "မြန်မာ"])
def test_uax29_refuses_scripts_that_need_a_dictionary(text: str) -> None:
    with pytest.raises(MetricInputError, match="the segmenter uax29 cannot find words"):
        segmenter("uax29").checked_words(text, "corpus.txt", 1)
    assert segmenter("uax29").checked_words("你 カ", "corpus.txt", 1)


def test_an_unknown_segmenter_lists_those_there_are() -> None:
    with pytest.raises(OptionError, match="whitespace or uax29"):
        segmenter("jieba")


@pytest.mark.property
@pytest.mark.parametrize("name", SEGMENTERS)
@given(text=st.text())
def test_words_are_ascending_not_empty_and_do_not_overlap(name: str, text: str) -> None:
    position = 0
    for start, end in segmenter(name).words(text):
        assert position <= start < end <= len(text)
        position = end
