"""Every bug planted in the byte-token core is caught by the law named for it, and only with the bug."""

from __future__ import annotations

import pytest
from mutants_bytes import MUTANTS


@pytest.mark.parametrize("name", MUTANTS)
def test_a_law_catches_the_bug_planted_for_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    mutant.law()
    mutant.plant(monkeypatch)
    with pytest.raises(AssertionError):
        mutant.law()


def test_the_named_bugs_are_all_there() -> None:
    # those that the specification lists
    assert set(MUTANTS) >= {
        "end-added-twice", "exact-cover-added-twice", "strict-canonicity", "cumsum-differences",
        "float32-under-a-global-maximum", "distance-rule-for-scores", "lost-to-pruning", "lost-to-the-budget",
        "end-spelled-as-text", "duplicates-merged",
    }  # fmt: skip
