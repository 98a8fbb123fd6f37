"""Every bug planted in the suite phantom is caught by the law named for it, and only with the bug."""

from __future__ import annotations

import pytest
from mutants_phantom import MUTANTS


@pytest.mark.parametrize("name", MUTANTS)
def test_a_law_catches_the_bug_planted_for_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    mutant.law()
    mutant.plant(monkeypatch)
    with pytest.raises(AssertionError):
        mutant.law()
