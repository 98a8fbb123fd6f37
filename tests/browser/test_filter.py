"""Choosing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Browser

ROWS = '[data-key="ex-overview.1"] tbody th a'
ALL = ["hf-alpha", "tiktoken-beta", "sp-gamma10", "bytes"]


def _choose(browser: Browser, name: str, value: str) -> None:
    browser.js("document.querySelector(`input[name=${arguments[0]}]`).closest('details').open = true", name)
    browser.click(f'input[name="{name}"][value="{value}"]')
    browser.js("document.querySelector(`input[name=${arguments[0]}]`).closest('details').open = false", name)


def _write(browser: Browser, name: str, text: str) -> None:
    browser.find(f'input[name="{name}"]').send_keys(text)
    browser.settle()


def _shown(browser: Browser) -> str:
    return browser.find(".shown").text


@pytest.mark.parametrize(
    ("name", "value", "rows", "count"),
    [
        ("backend", "tiktoken", ["tiktoken-beta"], 1),
        ("family", "bpe", ["hf-alpha", "tiktoken-beta"], 3),
        ("family", "", ["bytes"], 1),
        ("model", "", ALL, 4),
        ("suite", "exactness 1.0", ALL, 4),
    ],
)
def test_each_facet(browser: Browser, name: str, value: str, rows: list[str], count: int) -> None:
    _choose(browser, name, value)
    assert browser.texts(ROWS) == rows
    assert _shown(browser) == f"{count} of 6 runs"


def test_values_of_one_facet_add_up_and_facets_narrow(browser: Browser) -> None:
    _choose(browser, "backend", "hf")
    _choose(browser, "backend", "sentencepiece")
    assert browser.texts(ROWS) == ["hf-alpha", "sp-gamma10"]
    _choose(browser, "family", "unigram")
    assert browser.texts(ROWS) == ["sp-gamma10"]
    _choose(browser, "model", "big")
    assert _shown(browser) == "1 of 6 runs"
    assert browser.texts('[data-key="ch-scores.1"] tbody td a') == ["sp-gamma9 / big"]


def test_search_takes_every_word_and_no_case(browser: Browser) -> None:
    _write(browser, "q", "ALPHA toy")
    assert _shown(browser) == "1 of 6 runs"
    assert browser.texts('[data-key="ch-scores.1"] tbody td a') == ["hf-alpha / toy"]


def test_number_of_ids(browser: Browser) -> None:
    _write(browser, "min", "40000")
    assert browser.texts(ROWS) == ["hf-alpha", "tiktoken-beta"]
    _write(browser, "max", "60000")
    assert browser.texts(ROWS) == ["hf-alpha"]
    assert _shown(browser) == "2 of 6 runs"


def test_everything_of_a_run_goes_with_it(browser: Browser) -> None:
    _choose(browser, "backend", "sentencepiece")
    assert browser.texts(".lines b") == ["sp-gamma9 / big", "sp-gamma10"]
    assert browser.texts(".portrait summary") == ["sp-gamma"]
    assert browser.texts(".origin h3") == ["sp-gamma10", "sp-gamma9 / big"]
    assert browser.texts('[data-key="ex-laws.1"] tbody th a') == ["sp-gamma10"]
    marks = set(browser.js("return [...document.querySelectorAll('svg [data-run]:not(.off)')].map(e => e.dataset.run)"))
    drawn = browser.js("return document.querySelectorAll('svg [data-run]').length")
    assert marks == ({"ex-run3"} if drawn else set())


def test_groups_without_a_chosen_run_go_too(browser: Browser) -> None:
    _choose(browser, "suite", "charbench 1")
    assert browser.texts("h2") == ["charbench 1", "Tokenizers", "Models", "Provenance", "Questions"]
    assert browser.texts(".contents b") == ["charbench 1"]


def test_a_table_says_when_nothing_of_it_is_chosen(browser: Browser) -> None:
    _choose(browser, "model", "big")
    assert browser.texts('[data-key="ch-scores.2"] tbody tr') == []
    assert "no row is of a run that is chosen" in browser.find('[data-key="ch-scores.2"] caption').text
    assert "1 of 2 rows" in browser.find('[data-key="ch-scores.1"] caption').text


def test_nothing_left_is_said_and_reset_brings_all_back(browser: Browser) -> None:
    assert not browser.find("p.none").is_displayed()
    _write(browser, "q", "no such thing")
    assert _shown(browser) == "0 of 6 runs"
    assert browser.find("p.none").is_displayed()
    browser.click('[data-do="reset"]')
    assert _shown(browser) == "6 of 6 runs"
    assert browser.texts(ROWS) == ALL
    assert browser.find('input[name="q"]').get_attribute("value") == ""
    assert browser.fragment == ""


def test_a_link_to_what_is_hidden_shows_it(browser: Browser) -> None:
    _choose(browser, "model", "toy")
    browser.js("document.querySelector('#tok-alpha').open = true")
    assert "hf-alpha" not in browser.texts(".origin h3")
    browser.js("document.querySelector('#tok-alpha .runs a').click()")
    assert "hf-alpha" in browser.texts(".origin h3")


def test_sorted_rows_stay_hidden(browser: Browser) -> None:
    _choose(browser, "family", "bpe")
    browser.click('[data-key="ex-overview.1"] thead th:nth-child(2) button')
    assert browser.texts(ROWS) == ["tiktoken-beta", "hf-alpha"]


def test_a_narrow_window_folds_the_choices(browser: Browser) -> None:
    browser.media(width=360, height=800)
    browser.settle()
    assert not browser.find("#choices").is_displayed()
    browser.click(".fold")
    assert browser.find("#choices").is_displayed()
    assert browser.find(".fold").get_attribute("aria-expanded") == "true"
