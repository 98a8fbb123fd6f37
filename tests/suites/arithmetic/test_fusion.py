from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from arithmetic_tokenizers import DigitFree, DigitToy, chunks, l2r, left, r2l, single, whole

from tokbench.errors import UnknownNameError
from tokbench.suites.arithmetic.formats import SEPARATORS
from tokbench.suites.arithmetic.fusion import AFFIXES, GROUPINGS, fusion
from tokbench.tokenizers import Tokenizer, load_tokenizer


def test_forms() -> None:
    assert {*GROUPINGS} == {"indian", *(f"{name}_{end}" for name in SEPARATORS for end in ("l2r", "r2l"))}
    assert not {*GROUPINGS} & {*AFFIXES}
    assert all(text.count("{}") == 1 for text in AFFIXES.values())


@pytest.mark.parametrize("name", [*GROUPINGS, *AFFIXES])
def test_bytes_fuse_nothing(name: str) -> None:
    found = fusion(load_tokenizer("bytes"), name, per_length=2)
    assert (found.fused, found.n, found.undefined) == (0, 18, 0)
    assert found.kept == (0 if name in GROUPINGS else 18)  # a group of three is cut; a number alone is cut as well


@pytest.mark.parametrize("name", GROUPINGS)
@pytest.mark.parametrize("make", [l2r, r2l, lambda: DigitToy(whole)])
def test_groups_are_kept_where_they_are_tokens(make: Callable[[], DigitToy], name: str) -> None:
    assert fusion(make(), name, per_length=2).kept == 18


def test_the_indian_grouping_has_twos() -> None:
    seen: list[str] = []

    def twos(before: str, run: str, _after: str) -> list[int]:
        seen.append(run if "," in before or len(run) < 3 else "")
        return chunks(len(run), 2)

    found = fusion(DigitToy(twos), "indian", per_length=1)
    assert (found.fused, found.kept, found.n) == (0, 0, 9)  # the last three are cut
    assert {len(run) for run in seen} >= {1, 2, 3}


@pytest.mark.parametrize(
    ("sticky", "name"), [(",", "comma_r2l"), ("+", "plus"), ("$", "dollar-sign"), ("$", "dollar_r2l")]
)
def test_what_sticks_is_fused(sticky: str, name: str) -> None:
    toy = DigitToy(left(3), sticky=sticky)
    found = fusion(toy, name, per_length=2)
    assert (found.fused, found.kept, found.n) == (18, 0, 18)
    assert fusion(toy, "percent", per_length=2).fused == 0


def test_digits_that_are_unknown() -> None:
    found = fusion(DigitFree(), "percent", per_length=2)
    assert (found.n, found.undefined, found.fused) == (0, 18, 0)
    assert found.reason


def test_a_form_that_does_not_exist() -> None:
    with pytest.raises(UnknownNameError, match="commas"):
        fusion(single(), "commas")


@pytest.mark.data
@pytest.mark.parametrize(("name", "fused"), [("cl100k_base", set()), ("p50k_base", {"space_r2l", "space_l2r"})])
def test_fusion_of_vocabularies(
    name: str, fused: set[str], tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer: Tokenizer = load_tokenizer(f"tiktoken:{name}")
    found = {form: fusion(tokenizer, form, per_length=3) for form in (*GROUPINGS, *AFFIXES)}
    assert {form for form, one in found.items() if one.fused} == fused
    assert all(one.fused == one.n for form, one in found.items() if form in fused)
    if name == "cl100k_base":
        assert all(one.kept == one.n == 27 for one in found.values())
