"""Strings stay strings, and nothing is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Browser


def test_strings_make_no_elements(browser: Browser, hostile: str) -> None:
    assert browser.js("return document.images.length") == 0
    assert browser.js("return document.scripts.length") == 2
    assert browser.js("return document.querySelectorAll('[onerror], textarea').length") == 0
    assert browser.driver.title == f"Demo {hostile}"
    assert browser.find("h1").text == f"Demo {hostile}"
    assert hostile in browser.texts('[data-key="ex-overview.1"] tbody td:nth-child(4)')
    browser.click("#ex-c0 > summary")
    assert hostile in browser.find("#ex-c0 pre").text


def test_data_of_the_filter_survive_what_they_hold(browser: Browser) -> None:
    codes = browser.js(
        "const [first] = JSON.parse(document.querySelector('#facets').textContent);"
        "return [...first.text.slice(-12)].map(c => c.charCodeAt(0))"
    )
    assert codes == [0, 0xD800, 0x2028, *b"</script>"]


def test_the_policy_lets_only_this_script_run(browser: Browser) -> None:
    browser.js(
        "window.ran = 0; const s = document.createElement('script'); s.textContent = 'ran = 1'; document.body.append(s)"
    )
    assert browser.js("return ran") == 0
    assert any("Content Security Policy" in line for line in browser.console())


def test_nothing_but_the_page_is_asked_for(browser: Browser, page: object) -> None:
    browser.click('[data-do="open"]')
    asked = browser.requests()
    assert len(asked) == 1
    assert asked[0].startswith("file:")


FAULTS = {
    "img": ("</main>", '</main><img src="nowhere.png">'),
    "style sheet": ("</main>", '</main><link rel="stylesheet" href="nowhere.css">'),
    "script": ("</main>", '</main><script src="nowhere.js"></script>'),
}
WITHOUT_POLICY = ('<meta http-equiv="Content-Security-Policy"', '<meta name="nothing"')


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_would_be_found_and_is_refused(plant: Callable[..., Browser], fault: str) -> None:
    refused = plant(FAULTS[fault])
    assert any("Content Security Policy" in line for line in refused.console())
    free = plant(FAULTS[fault], WITHOUT_POLICY)
    assert any("nowhere" in url for url in free.requests())


def test_a_fault_in_the_script_would_be_found(plant: Callable[..., Browser]) -> None:
    broken = plant(('id="facets">[', 'id="facets">[['))
    assert any("SyntaxError" in line for line in broken.console())


def test_a_changed_script_does_not_run(plant: Callable[..., Browser]) -> None:
    changed = plant(('"use strict";', '"use strict"; '))
    assert any("Content Security Policy" in line for line in changed.console())
    assert not changed.find("form.bar").is_displayed()
