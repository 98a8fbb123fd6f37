"""A page with everything that pages have, and a browser that looks at it from disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tokbench.report import _charts
from tokbench.report._html import html
from tokbench.report._view import (
    Cell,
    Chart,
    Column,
    Detail,
    Facets,
    GroupView,
    Mark,
    Page,
    Picture,
    Piece,
    Portrait,
    Provenance,
    Section,
    Table,
)

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

HOSTILE = "</script></textarea><img src=x onerror=alert(1)><script>alert(2)</script>\"'&lt;${{7*7}}"

_RUNS = (  # anchor, label, backend, family, ids, model, suite
    ("ex-run1", "hf-alpha", "hf", "bpe", 50257, "", "exactness 1.0"),
    ("ex-run2", "tiktoken-beta", "tiktoken", "bpe", 100277, "", "exactness 1.0"),
    ("ex-run3", "sp-gamma10", "sentencepiece", "unigram", 32000, "", "exactness 1.0"),
    ("ex-run4", "bytes", "bytes", "", None, "", "exactness 1.0"),
    ("ch-run1", "hf-alpha / toy", "hf", "bpe", 50257, "toy", "charbench 1"),
    ("ch-run2", "sp-gamma9 / big", "sentencepiece", "unigram", 32000, "big", "charbench 1"),
)


def _head(place: int) -> Cell:
    return Cell(_RUNS[place][1], sub="a spec", href=f"#{_RUNS[place][0]}")


def _exactness() -> GroupView:
    scores = (
        Cell("1,234.5", sub="n = 3"),
        Cell("-2.5e-3"),
        Cell("not measured", tone="missing"),
        Cell("12.00 %", sub="3 of 25", tone="good"),
    )
    hidden = (Cell("low", value=3.0), Cell("high", value=30.0), Cell("none", tone="missing"), Cell("middle", value=7.5))
    notes = ("v10", "v9", HOSTILE, "Äpfel")
    overview = Table(
        "Overview",
        [Column("Tokenizer"), Column("Score", "share", numeric=True), Column("Grade"), Column("Note")],
        [[_head(place), scores[place], hidden[place], Cell(notes[place])] for place in range(4)],
    )
    laws = [f"law-number-{number}" for number in range(30)]
    rows = [
        [
            _head(place),
            *(
                Cell("fails", tone="bad", href=f"#ex-c{place}") if number == place and place < 2
                else Cell("n.a.", tone="mute") if number % 7 == 3 else Cell("error", tone="warn") if number == 11
                else Cell("holds", tone="good")
                for number in range(len(laws))
            ),
        ]
        for place in range(4)
    ]  # fmt: skip
    heat = Table("Laws", [Column("Tokenizer"), *map(Column, laws)], rows, heat=True)
    long = "words that go on and on, " * 6 + "x" * 200
    examples = [Detail(f"{_RUNS[place][1]}: law fails", f"{HOSTILE}\n{long}", f"ex-c{place}") for place in range(2)]
    places = Table(
        "Places", [Column("Place", numeric=True), Column("Tokenizer")], [[Cell(str(at)), _head(at)] for at in (2, 0)],
        ordered=True,
    )  # fmt: skip
    marks = [Mark(_RUNS[at][1], at / 4, at / 5, at / 3, anchor=_RUNS[at][0], note="n = 4") for at in range(4)]
    chart = Chart("Shares", "share of items", marks, "Four points.", percent=True, domain=(0.0, 1.0), rule=0.3)
    sections = [
        Section("ex-overview", "Overview", "What there is.", [overview], charts=[chart] if charted() else []),
        Section("ex-laws", "Conformance laws", HOSTILE, [heat], examples, "Smallest counterexamples"),
        Section("ex-places", "Places", "", [places]),
        Section("ex-many", "Texts", "", [
            Table(f"Text {number}", [Column("Tokenizer"), Column("n", numeric=True)],
                  [[_head(place), Cell(f"{place * number:,}")] for place in range(4)])
            for number in range(8)
        ]),
    ]  # fmt: skip
    lines = [(_RUNS[place][1], "a line on it", _RUNS[place][0]) for place in range(4)]
    return GroupView("ex", "exactness 1.0", "profile core; 4 runs", lines, sections)


def _charbench() -> GroupView:
    columns = [Column("Task"), Column("Model"), Column("Score", numeric=True)]
    both = Table("Scores", columns, [[Cell("spell"), _head(4), Cell("0.5")], [Cell("spell"), _head(5), Cell("0.25")]])
    lone = Table("Of one model", columns, [[Cell("spell"), _head(4), Cell("0.5")]])
    lines = [(_RUNS[place][1], "a line on it", _RUNS[place][0]) for place in (4, 5)]
    numbers = [159 - number for number in range(160)]
    long = Table("Long", columns, [[Cell("spell"), _head(4 + number % 2), Cell(str(number))] for number in numbers])
    sections = [Section("ch-scores", "Scores", "", [both, lone]), Section("ch-long", "Long", "", [long])]
    return GroupView("ch", "charbench 1", "profile core; 2 runs", lines, sections)


def _portraits() -> list[Portrait]:
    pieces = [
        Piece("\u2423straw", 1), Piece("berry", 22), Piece("<b>", 333, marked=True), Piece("e2 96", 4444, partial=True),
        *(Piece(f"\u2423word{number}", number) for number in range(60)),
    ]  # fmt: skip
    runs = [("of the laws", "ex-run1"), ("of characters", "ch-run1")]
    tables = [
        Table(
            "Found", [Column("What"), Column("Value", numeric=True)], [[Cell("a"), Cell("2")], [Cell("b"), Cell("1")]]
        )
    ]
    first = Portrait(
        "tok-alpha",
        "hf-alpha",
        [("family", "bpe"), (HOSTILE, HOSTILE)],
        [Picture("berry", pieces, "A note.")],
        tables,
        runs,
    )
    return [first, Portrait("tok-gamma", "sp-gamma", [("family", "unigram")], runs=[("of the laws", "ex-run3")])]


def charted() -> bool:
    return _charts.available() is None


def sample() -> Page:
    """A page with every kind of part."""
    facets = [
        Facets(anchor, backend, family, ids, model, suite, f"{label} {backend}".lower() + "\x00\ud800\u2028</script>")
        for anchor, label, backend, family, ids, model, suite in _RUNS
    ]
    origins = [
        Provenance(anchor, label, f"tokbench run '{HOSTILE}'", [(HOSTILE, HOSTILE)], at != 2, f"runs/{at}")
        for at, (anchor, label, *_) in enumerate(_RUNS)
    ]  # fmt: skip
    model = Portrait("model-toy", "toy", [("synthetic", "yes")], runs=[("of characters", "ch-run1")])
    return Page(
        f"Demo {HOSTILE}", "2026-01-05T00:00:00Z", "0.1.0", [_charbench(), _exactness()], [HOSTILE], origins,
        [("seed", "0")], _portraits(), [model], facets,
    )  # fmt: skip


class Browser:
    """Chromium with a small vocabulary."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, page: Path, fragment: str = "") -> None:
        """Load the page anew, without what an earlier test left behind."""
        self.driver.get("about:blank")
        self.console()
        self.requests()
        self.driver.get(f"{page.as_uri()}{fragment}")
        self.settle()

    def settle(self) -> None:
        """Wait until what was done is drawn and written into the address."""
        self.driver.execute_async_script(
            "const done = arguments[0]; setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 20)"
        )

    def js(self, script: str, *arguments: object) -> Any:  # noqa: ANN401, whatever the script returns
        return self.driver.execute_script(script, *arguments)

    def find(self, css: str) -> WebElement:
        return self.driver.find_element("css selector", css)

    def click(self, css: str) -> None:
        """Click on an element, by a pointer that finds it only where it can be seen."""
        for _ in range(2):  # parts above may get their real height only when they come into view
            self.js("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", css)
            self.settle()
        self.find(css).click()
        self.settle()

    def type(self, *keys: str) -> None:
        """Press keys, whatever has the focus."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()
        self.settle()

    def texts(self, css: str) -> list[str]:
        """Texts of the elements that are shown."""
        return list(self.js(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter(e => e.checkVisibility({visibilityProperty: true}))"
            ".map(e => e.textContent.trim())", css,
        ))  # fmt: skip

    @property
    def fragment(self) -> str:
        return str(self.js("return location.hash"))

    def _log(self, name: str) -> list[dict[str, Any]]:
        return list(self.driver.get_log(name))  # type: ignore[no-untyped-call]

    def console(self) -> list[str]:
        """What was written to the console since the last call."""
        return [str(entry["message"]) for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """Addresses asked for since the last call, those of the browser's own pages left out."""
        events = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        asked = [
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in asked if not url.startswith(("chrome:", "about:"))]

    def media(self, *, scheme: str = "light", kind: str = "", width: int = 1280, height: int = 900) -> None:
        """Set the colours that a reader prefers, paper or screen, and the size of the window."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": features})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def scripts(self, *, run: bool) -> None:
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not run})


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    pytest.importorskip("selenium", reason="the tests in a browser need selenium")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("the tests in a browser need chromium and chromedriver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(programs[0])
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", f"--user-data-dir={profile}"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("perfLoggingPrefs", {"enableNetwork": True, "enablePage": False})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(programs[1])))
    driver.set_script_timeout(20)
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "leaderboard.html"
    path.write_text(html(sample()), encoding="utf-8")
    return path


@pytest.fixture
def browser(chromium: Browser, page: Path) -> Iterator[Browser]:
    """The browser with the page open; whatever a test does, only the page is asked for and nothing goes wrong."""
    chromium.media()
    chromium.open(page)
    yield chromium
    asked, said = chromium.requests(), chromium.console()
    assert {url.partition("#")[0] for url in asked} <= {page.as_uri()}
    assert said == []


@pytest.fixture
def plant(chromium: Browser, page: Path, tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """Opens the page with a fault, to show that a check finds it."""

    def opened(*changes: tuple[str, str]) -> Browser:
        text = page.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "broken.html"
        path.write_text(text, encoding="utf-8")
        chromium.media()
        chromium.open(path)
        return chromium

    yield opened
    chromium.open(page)
    chromium.console()


@pytest.fixture(scope="session")
def hostile() -> str:
    return HOSTILE


@pytest.fixture(scope="session")
def texts_of_cells() -> list[str]:
    """What all cells of all tables say, small print included."""
    shown = sample()
    tables = [table for group in shown.groups for section in group.sections for table in section.tables]
    tables += [table for portrait in shown.tokenizers for table in portrait.tables]
    cells = [cell for table in tables for row in table.rows for cell in row]
    return [text for cell in cells for text in (cell.text, cell.sub) if text]
