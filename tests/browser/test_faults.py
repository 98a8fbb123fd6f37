"""The tests of the other files would notice if the script did its work wrongly: one fault at a time, planted in it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Browser

SORT = '[data-key="ex-overview.1"] thead th:nth-child(2) button'
ROWS = '[data-key="ex-overview.1"] tbody th a'


def _sorts(browser: Browser) -> bool:
    browser.click(SORT)
    return browser.texts(ROWS) == ["tiktoken-beta", "bytes", "hf-alpha", "sp-gamma10"]


def _says_how_it_sorts(browser: Browser) -> bool:
    browser.click(SORT)
    return len(browser.texts('[aria-sort="ascending"]')) == 1


def _filters(browser: Browser) -> bool:
    browser.js("document.querySelector('input[name=backend][value=hf]').click()")
    browser.settle()
    return browser.texts(ROWS) == ["hf-alpha"]


def _keeps(browser: Browser) -> bool:
    browser.click(SORT)
    return browser.fragment == "#sort=ex-overview.1.1.a"


def _restores(browser: Browser) -> bool:
    browser.js("location.hash = 'family=bpe'")
    browser.settle()
    return browser.texts(ROWS) == ["hf-alpha", "tiktoken-beta"]


def _opens(browser: Browser) -> bool:
    browser.click('[data-key="ex-laws.1"] a[href="#ex-c1"]')
    return len(browser.texts("#ex-c1 pre")) == 1 and bool(
        browser.js("return document.activeElement.tagName === 'SUMMARY'")
    )


FAULTS = {
    "missing first": ("rank: gone[at] ? 2", "rank: gone[at] ? -1", _sorts),
    "numbers as words": ("numeric ? number(texts[at]) : NaN", "NaN", _sorts),
    "thousands": ('.replace(/,/g, "")', '.replace(/,.*/, "")', _sorts),
    "no state for readers": ('head.setAttribute("aria-sort"', 'head.setAttribute("data-sort"', _says_how_it_sorts),
    "every run fits": ("!state.chosen[name].size ||", "true ||", _filters),
    "nothing kept": ('pairs.append("sort"', '[].concat("sort"', _keeps),
    "address ignored": ('addEventListener("hashchange"', 'addEventListener("nothing"', _restores),
    "counterexample stays shut": ('if (node.tagName === "DETAILS") node.open = true;', "", _opens),
    "focus stays": ("focus.focus({ preventScroll: true });", "", _opens),
}
CHECKS = sorted({check for _, _, check in FAULTS.values()}, key=lambda check: check.__name__)


@pytest.fixture
def with_script(chromium: Browser, page: Path, tmp_path: Path) -> Callable[[str, str], Browser]:
    """Opens the page with another script, and the policy that lets it run."""

    def opened(old: str, new: str) -> Browser:
        text = page.read_text(encoding="utf-8")
        before = text[text.rindex("<script>") + len("<script>") : text.rindex("</script>")]
        assert old in before
        script = before.replace(old, new, 1)
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        text = re.sub(r"'sha256-[^']+'", f"'sha256-{digest}'", text.replace(before, script, 1), count=1)
        path = tmp_path / "faulty.html"
        path.write_text(text, encoding="utf-8")
        chromium.media()
        chromium.open(path)
        assert chromium.find("form.bar").is_displayed()
        return chromium

    return opened


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_noticed(with_script: Callable[[str, str], Browser], name: str) -> None:
    old, new, holds = FAULTS[name]
    assert not holds(with_script(old, new))


@pytest.mark.parametrize("holds", CHECKS, ids=lambda check: check.__name__)
def test_without_a_fault_all_is_well(browser: Browser, holds: Callable[[Browser], bool]) -> None:
    assert holds(browser)
