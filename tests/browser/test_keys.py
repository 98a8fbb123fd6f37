"""The page by keyboard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.conftest import Browser

TAB, ESCAPE, ENTER = "\ue004", "\ue00c", "\ue007"


def test_everything_is_reached_and_seen_to_be(browser: Browser) -> None:
    browser.js(
        """
        window.wanted = new Set([...document.querySelectorAll("a[href], button, input, summary, .scroll")]
          .filter((e) => e.checkVisibility({contentVisibilityAuto: false, opacityProperty: false})));
        window.total = wanted.size; window.plain = [];
        document.addEventListener("focusin", (event) => {
          wanted.delete(event.target);
          const style = getComputedStyle(event.target);
          if (style.outlineStyle === "none" && !event.target.matches("main, h2, h3"))
            plain.push(event.target.outerHTML);
        });
        """
    )
    total = browser.js("return total")
    assert total > 60
    from selenium.webdriver import ActionChains

    for _ in range(total // 25 + 2):
        actions = ActionChains(browser.driver, duration=0)
        actions.send_keys(TAB * 25).perform()
    assert browser.js("return [...wanted].map((e) => e.outerHTML.slice(0, 120))") == []
    assert browser.js("return plain") == []


def test_the_first_key_leads_to_the_results(browser: Browser) -> None:
    browser.type(TAB)
    assert browser.js("return document.activeElement.className") == "skip"
    browser.type(ENTER)
    assert browser.js("return document.activeElement.id") == "main"


def test_escape_clears_the_search_and_closes_a_menu(browser: Browser) -> None:
    browser.find('input[name="q"]').send_keys("hf")
    browser.settle()
    assert browser.find(".shown").text == "2 of 6 runs"
    browser.type(ESCAPE)
    assert browser.find(".shown").text == "6 of 6 runs"
    assert browser.find('input[name="q"]').get_attribute("value") == ""
    browser.js("document.querySelector('.menu summary').focus()")
    browser.type(ENTER)
    browser.type(TAB, " ")
    assert browser.find(".shown").text != "6 of 6 runs"
    browser.type(ESCAPE)
    assert browser.js("return document.querySelectorAll('.menu[open]').length") == 0
    assert browser.js("return document.activeElement.tagName") == "SUMMARY"


def test_enter_on_a_link_to_a_counterexample(browser: Browser) -> None:
    browser.js("""document.querySelector('[data-key="ex-laws.1"] a[href="#ex-c0"]').focus()""")
    browser.type(ENTER)
    assert browser.js("return document.activeElement.closest('details').id") == "ex-c0"
    browser.type(ENTER)
    assert browser.find("#ex-c0").get_attribute("open") is None


def test_the_search_has_a_name_and_counts_are_announced(browser: Browser) -> None:
    assert browser.find('input[name="q"]').accessible_name.startswith("Search in names")
    assert browser.find(".shown").get_attribute("aria-live") == "polite"
    unnamed = [
        element.get_attribute("outerHTML")
        for element in browser.driver.find_elements("css selector", "form.bar button, form.bar input[type=number]")
        if element.is_displayed() and not element.accessible_name
    ]
    assert unnamed == []
