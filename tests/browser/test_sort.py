"""Sorting a table by its heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Browser

OVERVIEW = '[data-key="ex-overview.1"]'


def _sort(column: int) -> str:
    return f"{OVERVIEW} thead th:nth-child({column}) button"


def _column(browser: Browser, column: int) -> list[str]:
    """Texts of a column from top to bottom, without the small print."""
    return list(browser.js(
        "return [...document.querySelectorAll(arguments[0])].map(cell => { const copy = cell.cloneNode(true);"
        "copy.querySelectorAll('.sub, small').forEach(sub => sub.remove()); return copy.textContent; })",
        f"{OVERVIEW} tbody tr > :nth-child({column})",
    ))  # fmt: skip


def _order(browser: Browser) -> list[str]:
    return _column(browser, 1)


START = ["hf-alpha", "tiktoken-beta", "sp-gamma10", "bytes"]


def _state(browser: Browser, column: int) -> str | None:
    return browser.find(f"{OVERVIEW} thead th:nth-child({column})").get_attribute("aria-sort")


def test_numbers_by_size_with_missing_last(browser: Browser) -> None:
    browser.click(_sort(2))
    assert _column(browser, 2) == ["-2.5e-3", "12.00 %", "1,234.5", "not measured"]
    assert _state(browser, 2) == "ascending"
    browser.click(_sort(2))
    assert _column(browser, 2) == ["1,234.5", "12.00 %", "-2.5e-3", "not measured"]
    assert _state(browser, 2) == "descending"
    browser.click(_sort(2))
    assert _order(browser) == START
    assert _state(browser, 2) is None


def test_words_by_the_value_behind_them(browser: Browser) -> None:
    browser.click(_sort(3))
    assert _column(browser, 3) == ["low", "middle", "high", "none"]


def test_words_as_a_reader_would(browser: Browser) -> None:
    browser.click(_sort(4))
    notes = _column(browser, 4)
    assert [note for note in notes if "<" not in note] == ["Äpfel", "v9", "v10"]
    browser.click(_sort(1))
    assert _order(browser) == ["bytes", "hf-alpha", "sp-gamma10", "tiktoken-beta"]
    assert _state(browser, 4) is None


@pytest.mark.parametrize("key", ["\ue007", " "])
def test_keys_sort_as_clicks_do(browser: Browser, key: str) -> None:
    browser.js("document.querySelector(arguments[0]).focus()", _sort(2))
    browser.type(key)
    assert _state(browser, 2) == "ascending"
    assert browser.js("return document.activeElement === document.querySelector(arguments[0])", _sort(2))


def test_equal_rows_keep_their_order_both_ways(browser: Browser) -> None:
    for _ in range(2):
        browser.click('[data-key="ex-laws.1"] thead th:nth-child(2) button')
        rows = browser.texts('[data-key="ex-laws.1"] tbody th a')
        assert rows in ([*START], [START[1], *START[2:], START[0]], [START[0], *START[1:]])
    assert browser.texts('[data-key="ex-laws.1"] tbody tr:not(:has(.bad a[href="#ex-c0"])) th a') == START[1:]


def test_a_table_whose_order_says_something_offers_no_other(browser: Browser) -> None:
    assert browser.texts('[data-key="ex-places.1"] button') == []
    assert len(browser.texts('[data-key="ex-overview.1"] button')) == 4


NUMBERS = [
    ("7", 7), ("1,234,567", 1234567), ("12.5 %", 12.5), ("-3", -3), ("\u22123.5", -3.5), ("1e-7", 1e-7),
    ("2.5E+3 x", 2500), ("[0.25, 0.5]", 0.25), ("370 of 4,000", 370), ("n = 12", 12),
]  # fmt: skip


def test_first_number_of_a_text(browser: Browser) -> None:
    """Each text is put into a numeric column beside numbers that stand just below and above it."""
    for text, wanted in NUMBERS:
        near = abs(wanted) * 1e-6
        order = browser.js(
            """
            const [key, texts] = arguments;
            const table = document.querySelector(key);
            [...table.tBodies[0].rows].forEach((row, at) => {
              Object.assign(row.cells[1], { textContent: texts[at], className: "num" });
            });
            table.querySelector("thead th:nth-child(2) button").click();
            const found = [...table.tBodies[0].rows].map((row) => row.cells[1].textContent);
            table.querySelector("thead th:nth-child(2) button").click();
            table.querySelector("thead th:nth-child(2) button").click();
            return found;
            """,
            OVERVIEW, [str(wanted + near), text, str(wanted - near), ""],
        )  # fmt: skip
        assert order == [str(wanted - near), text, str(wanted + near), ""], text


def test_dates_and_versions_are_words(browser: Browser) -> None:
    order = browser.js(
        """
        const table = document.querySelector(arguments[0]);
        const texts = ["2026-01-10", "2026-01-09", "2025-12-31", "0.10.0"];
        [...table.tBodies[0].rows].forEach((row, at) => row.cells[3].textContent = texts[at]);
        table.querySelector("thead th:nth-child(4) button").click();
        return [...table.tBodies[0].rows].map((row) => row.cells[3].textContent);
        """,
        OVERVIEW,
    )
    assert order == ["0.10.0", "2025-12-31", "2026-01-09", "2026-01-10"]


def test_a_very_long_table_shows_its_first_rows_until_asked(browser: Browser) -> None:
    rows = '[data-key="ch-long.1"] tbody tr'
    assert len(browser.texts(rows)) == 100
    browser.click('[data-key="ch-long.1"] thead th:nth-child(3) button')
    assert browser.texts(f"{rows} td:nth-child(3)") == [str(number) for number in range(100)]
    browser.click('[data-key="ch-long.1"] + .rest')
    assert browser.texts(f"{rows} td:nth-child(3)") == [str(number) for number in range(160)]
    browser.find('input[name="q"]').send_keys("toy")
    browser.settle()
    assert len(browser.texts(rows)) == 80
