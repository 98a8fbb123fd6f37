"""Widths, colours, paper, and the page without scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Browser

WIDTHS = (360, 768, 1200, 1600)

# every text that is shown against the nearest ground below it: WCAG 2's ratio, 4.5 at least
CONTRAST = """
const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
const ground = (node) => {
  for (; node; node = node.parentElement) {
    const found = parse(getComputedStyle(node).backgroundColor);
    if (found.length === 3 || found[3] === 1) return found;
    if (found[3] > 0) throw new Error("a half transparent ground");
  }
  throw new Error("no ground");
};
const bad = [], tones = new Set();
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const node = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !node.checkVisibility({visibilityProperty: true})) continue;
  if (node.closest("script, style")) continue;
  const style = getComputedStyle(node);
  const [a, b] = [light(parse(node instanceof SVGElement ? style.fill : style.color)), light(ground(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const tone = node.closest(".tone, .missing, .note, .soft, .sub, small, a, .cut li, .plot, .active .shown");
  if (tone) tones.add(tone.className.baseVal ?? (tone.className || tone.tagName));
  if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${node.outerHTML.slice(0, 100)}`);
}
return [bad, [...tones]];
"""


@pytest.fixture
def opened(browser: Browser) -> Iterator[Browser]:
    """With everything unfolded, so that nothing escapes a look."""
    browser.click('[data-do="open"]')
    browser.js("document.querySelectorAll('.picture button').forEach((button) => button.click())")
    yield browser
    browser.media()


def _overflow(browser: Browser) -> list[int]:
    """How far the page is wider than each window."""
    found = []
    # what a part that is skipped cuts off would not count
    browser.js(
        "document.querySelectorAll('.part, .origin').forEach((part) => part.style.contentVisibility = 'visible')"
    )
    for width in WIDTHS:
        browser.media(width=width)
        browser.settle()
        found.append(
            int(browser.js("return document.scrollingElement.scrollWidth - document.documentElement.clientWidth"))
        )
    return found


def test_no_window_needs_to_scroll_sideways(opened: Browser) -> None:
    assert _overflow(opened) == [0, 0, 0, 0]


def test_overflow_would_be_found(plant: Callable[..., Browser]) -> None:
    broken = plant(("overflow-x: auto; width: fit-content; max-width: 100%;", ""))
    assert max(_overflow(broken)) > 0


def test_wide_tables_scroll_inside_and_keep_head_and_first_column(opened: Browser) -> None:
    opened.media(width=360)
    opened.settle()
    before, after = opened.js(
        """
        const scroll = document.querySelector(".heat");
        const at = () => {
          const frame = scroll.getBoundingClientRect(), cell = scroll.querySelector("tbody th").getBoundingClientRect();
          const corner = scroll.querySelector("thead th").getBoundingClientRect();
          return [Math.round(cell.left - frame.left), Math.round(corner.left - frame.left)];
        };
        const before = at();
        scroll.scrollLeft = 200;
        return [before, at()];
        """
    )
    assert before == after
    assert opened.js("return document.querySelector('.heat').scrollLeft") == 200
    upright = opened.js(
        "return [...document.querySelectorAll('.heat thead .head')].slice(1).map(e => e.getBoundingClientRect())"
        ".every(box => box.height > box.width)"
    )
    assert upright


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(opened: Browser, scheme: str) -> None:
    opened.media(scheme=scheme)
    opened.find('input[name="q"]').send_keys("a")
    opened.settle()
    bad, tones = opened.js(CONTRAST)
    assert bad == []
    assert {"tone good", "tone bad", "tone mute", "tone warn", "note", "sub", "soft", "A", "partial"} <= set(tones)


def test_faint_text_would_be_found(plant: Callable[..., Browser]) -> None:
    bad, _ = plant(("--soft: #565c68", "--soft: #8a8f99")).js(CONTRAST)
    assert bad


def test_the_dark_is_dark(browser: Browser) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        browser.media(scheme=scheme)
        browser.settle()
        seen[scheme] = browser.js(
            "return ['body', '.good', '.bad', '.warn', '.mute', 'thead th', '.cut li'].map(css => {"
            "const style = getComputedStyle(document.querySelector(css)); return style.color + style.backgroundColor})"
        )
    browser.media()
    assert all(a != b for a, b in zip(seen["light"], seen["dark"], strict=True))


def test_tokens_are_told_apart_without_colour(opened: Browser) -> None:
    styles = opened.js(
        "return [...document.querySelectorAll('.cut li')].slice(0, 4).map(e => { const s = getComputedStyle(e);"
        "return [s.borderTopStyle + s.boxShadow.replace(/rgb[^)]*\\)/g, ''), s.outlineStyle, e.textContent]; })"
    )
    (one, two, marked, partial) = styles
    assert one[0] != two[0]
    assert partial[0].startswith("dashed")
    assert marked[1] == "solid"
    assert " 333 " in marked[2]


def test_a_picture_wraps(opened: Browser) -> None:
    opened.media(width=360)
    opened.settle()
    lines = opened.js("return new Set([...document.querySelectorAll('.cut li')].map(e => e.offsetTop)).size")
    assert lines > 3


def test_on_paper_there_are_no_controls_and_examples_are_open(browser: Browser) -> None:
    browser.media(kind="print", scheme="dark")
    browser.settle()
    for css in ("form.bar", "nav", ".copy", ".rest", ".picture button"):
        assert browser.texts(css) == []
    assert len(browser.texts("#ex-c0 pre")) == 1
    height = browser.js("return document.querySelector('#ex-c0 pre').getBoundingClientRect().height")
    assert height > 20
    assert browser.js("return getComputedStyle(document.querySelector('.heat')).overflowX") == "visible"
    assert browser.js("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert len(browser.texts('[data-key="ch-long.1"] tbody tr')) == 160
    browser.media()


def test_motion_only_for_those_who_want_it(browser: Browser, page: Path) -> None:
    names = {}
    for wish in ("reduce", "no-preference"):
        browser.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": wish}]}
        )
        browser.open(page, "#ex-c0")
        names[wish] = browser.js("return getComputedStyle(document.querySelector('#ex-c0')).animationName")
    browser.media()
    assert names == {"reduce": "none", "no-preference": "arrive"}


@pytest.fixture
def scriptless(chromium: Browser, page: Path) -> Iterator[Browser]:
    chromium.scripts(run=False)
    chromium.media()
    chromium.driver.get("about:blank")
    chromium.driver.get(page.as_uri())
    yield chromium
    chromium.scripts(run=True)


def test_without_scripts_everything_is_there_and_no_control(scriptless: Browser, texts_of_cells: Any) -> None:  # noqa: ANN401
    assert [
        element
        for element in scriptless.driver.find_elements("css selector", "button, input")
        if element.is_displayed()
    ] == []
    assert not scriptless.find("form.bar").is_displayed()
    text = scriptless.find("main").get_attribute("textContent") or ""
    assert [wanted for wanted in texts_of_cells if wanted not in text] == []
    assert len(texts_of_cells) > 100
    scriptless.find("#tok-gamma > summary").click()
    assert scriptless.find("#tok-gamma .facts").is_displayed()
