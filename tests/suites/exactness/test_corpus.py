from __future__ import annotations

import pytest

from tokbench.errors import OptionError
from tokbench.suites.exactness._draw import Draw
from tokbench.suites.exactness.corpus import CLASSES, LARGEST, corpus_sha256, parity_corpus


def test_the_corpus_never_changes() -> None:
    # a new hash means a new version of the suite
    assert corpus_sha256() == "27e6066920c5de1b1ed08e4ef83c35cb7cbc809e982f7a22303fe557e164292a"


def test_five_equal_classes_and_prefixes() -> None:
    whole = parity_corpus()
    assert [len(strings) for strings in whole.values()] == [LARGEST // 5] * 5
    for size in (300, 6000):
        part = parity_corpus(size)
        assert {name: whole[name][: size // 5] for name in CLASSES} == part


def test_strings_are_text_without_surrogates_and_not_empty() -> None:
    for strings in parity_corpus().values():
        assert all(text and text.encode() for text in strings)


def test_strings_are_diverse() -> None:
    whole = parity_corpus()
    for name, strings in whole.items():
        assert len({*strings}) > 0.85 * len(strings), name
    scalars = "".join(whole["scalars"])
    assert min(map(ord, scalars)) < 0x80
    assert max(map(ord, scalars)) > 0x20000
    assert all(text.isascii() for text in whole["ascii"])
    assert any("<|endoftext|>" in text for text in whole["specials"])
    assert any("'ll" in text for text in whole["words"])
    assert any("\u2581" in text for text in whole["specials"])


@pytest.mark.parametrize("size", [0, -5, 7, 20_005])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(OptionError, match="multiple of 5"):
        parity_corpus(size)


def test_draws_depend_on_the_name_alone() -> None:
    assert [Draw("a").below(1000) for _ in range(2)] == [Draw("a").below(1000)] * 2
    one, other = Draw("a"), Draw("b")
    assert [one.below(1000) for _ in range(40)] != [other.below(1000) for _ in range(40)]


def test_draws_are_spread_evenly() -> None:
    draw = Draw("spread")
    counts = [0] * 10
    for _ in range(10_000):
        counts[draw.below(10)] += 1
    # nine degrees of freedom: 27.9 is the 99.9 % quantile of chi-square
    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 27.9
