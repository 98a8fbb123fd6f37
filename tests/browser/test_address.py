"""What was chosen, sorted and opened stays in the address, beside the anchor of a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Browser

ROWS = '[data-key="ex-overview.1"] tbody th a'
SORT = '[data-key="ex-overview.1"] thead th:nth-child(2) button'
FULL = "#ex-laws&q=a&family=bpe&min=10&max=60000&sort=ex-overview.1.1.d&open=shared"


def _top(browser: Browser, css: str) -> float:
    return float(browser.js("return document.querySelector(arguments[0]).getBoundingClientRect().top", css))


def _in_view(browser: Browser, css: str) -> bool:
    return 0 <= _top(browser, css) < 300


def test_a_full_address_is_restored_and_survives_a_reload(browser: Browser, page: Path) -> None:
    browser.open(page, FULL)
    for _ in range(2):
        assert browser.find(".shown").text == "2 of 6 runs"
        assert browser.texts(ROWS) == ["hf-alpha"]
        assert browser.find('[aria-sort="descending"]').text.startswith("Score")
        assert browser.find("#shared").get_attribute("open") is not None
        assert browser.find('input[name="q"]').get_attribute("value") == "a"
        assert browser.find('input[name="family"][value="bpe"]').is_selected()
        assert browser.fragment == FULL
        browser.driver.refresh()
        browser.settle()


def test_back_and_forward(browser: Browser) -> None:
    browser.click(SORT)
    sorted_first = browser.texts(ROWS)
    browser.find('input[name="q"]').send_keys("hf")
    browser.settle()
    assert browser.texts(ROWS) == ["hf-alpha"]
    browser.driver.back()
    browser.settle()
    assert browser.texts(ROWS) == sorted_first
    assert browser.find('input[name="q"]').get_attribute("value") == ""
    browser.driver.back()
    browser.settle()
    assert browser.texts(ROWS) == ["hf-alpha", "tiktoken-beta", "sp-gamma10", "bytes"]
    assert browser.fragment == ""
    browser.driver.forward()
    browser.settle()
    assert browser.texts(ROWS) == sorted_first


GARBAGE = (
    "#nowhere", "#%", "#%ff&%", "#a=b=c&&&==", "#sort=ex-overview.1.99.a&sort=nothing.0.a&sort=...", "#&", "#=",
    "#family=none&backend=__proto__&suite=constructor&model=%00", "#min=-1&max=abc&min=1e9", "#open=nowhere&open=<",
    "#<img src=x onerror=alert(1)>", "#__proto__&constructor",
)  # fmt: skip


def test_garbage_is_ignored(browser: Browser, page: Path) -> None:
    for fragment in GARBAGE:
        browser.js("location.hash = 'family=bpe'")
        browser.js("location.hash = arguments[0]", fragment)
        browser.settle()
        assert browser.find(".shown").text == "6 of 6 runs", fragment
        assert not browser.texts("details[open]:not(.contents) summary")
    browser.click(SORT)
    assert browser.fragment == "#sort=ex-overview.1.1.a"
    browser.open(page, f"#%E2&{'&'.join(fragment[1:] for fragment in GARBAGE)}&q=%F0%9F")
    assert browser.find(".shown").text == "0 of 6 runs"


def test_a_plain_anchor_still_works(browser: Browser, page: Path) -> None:
    browser.open(page, "#ex-c1")
    assert browser.find("#ex-c1").get_attribute("open") is not None
    assert _in_view(browser, "#ex-c1")
    assert browser.fragment == "#ex-c1"


def test_a_link_keeps_what_was_chosen(browser: Browser) -> None:
    browser.find('input[name="q"]').send_keys("hf")
    browser.settle()
    browser.click('.contents a[href="#provenance"]')
    assert browser.fragment == "#provenance&q=hf"
    assert _in_view(browser, "#provenance")
    browser.driver.back()
    browser.settle()
    assert browser.fragment == "#q=hf"
    assert browser.find(".shown").text == "2 of 6 runs"


def test_a_typed_address_is_taken_as_it_stands(browser: Browser) -> None:
    browser.click(SORT)
    browser.js("location.hash = 'ex-places&family=unigram'")
    browser.settle()
    assert browser.texts(ROWS) == ["sp-gamma10"]
    assert browser.texts("[aria-sort]") == []
    assert _in_view(browser, "#ex-places")


def test_what_is_opened_is_kept(browser: Browser) -> None:
    browser.click("#tok-gamma > summary")
    assert browser.fragment == "#open=tok-gamma"
    browser.click('[data-do="open"]')
    assert browser.fragment == "#open=all"
    assert browser.js("return document.querySelectorAll('details[id]:not([open])').length") == 0
    browser.driver.refresh()
    browser.settle()
    assert browser.js("return document.querySelectorAll('details[id]:not([open])').length") == 0
    browser.click('[data-do="close"]')
    assert browser.js("return document.querySelectorAll('details[id][open]').length") == 0
    assert browser.fragment == ""


def test_a_failing_law_opens_its_counterexample(browser: Browser) -> None:
    browser.click('[data-key="ex-laws.1"] a[href="#ex-c1"]')
    assert browser.find("#ex-c1").get_attribute("open") is not None
    assert browser.js("return document.activeElement.parentElement.id") == "ex-c1"
    assert _in_view(browser, "#ex-c1")
    assert browser.fragment == "#ex-c1"
