"""The page in a real browser: at the width of a laptop and of a phone, by mouse and by keyboard, light and dark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.review.browser import DESKTOP, PHONE, Screen, is_required, missing, show

pytestmark = pytest.mark.skipif(
    bool(missing()) and not is_required(),
    reason=f"{' and '.join(missing())} not installed: apt-get install chromium chromium-driver",
)
BOTH = pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
# WCAG 2.2, level AA, for text of ordinary size.
LEAST_CONTRAST = 4.5

CONTRASTS = """
const linear = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const channel = (value) => linear(value / 255);
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const background = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
};
const found = {};
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || !element.getClientRects().length) continue;
  const [text, behind] = [luminance(parse(getComputedStyle(element).color)), luminance(background(element))];
  const contrast = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
  const name = element.tagName + "." + element.className + " in " + element.parentElement.className;
  found[name] = Math.min(contrast, found[name] ?? 99);
}
return found;
"""


def evaluate(driver: Chrome, expression: str) -> Any:
    return driver.execute_script(f"return {expression}")


def first_fold(driver: Chrome) -> WebElement:
    return driver.find_element(By.CSS_SELECTOR, ".definition details.fold")


@BOTH
def test_the_page_itself_never_scrolls_sideways(driver: Chrome, page: Path, screen: Screen) -> None:
    show(driver, page, screen)
    assert evaluate(driver, "innerWidth") == screen.width
    driver.execute_script("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    assert evaluate(driver, "document.documentElement.scrollWidth") <= screen.width
    wide = "[...document.querySelectorAll('.pair > pre')].filter((box) => box.scrollWidth > box.clientWidth).length"
    assert evaluate(driver, wide) == 0, "lines are wrapped"
    driver.execute_script("document.getElementById('wrap').click()")
    assert evaluate(driver, wide) > 0, "or scroll in their own box"
    assert evaluate(driver, "document.documentElement.scrollWidth") <= screen.width


@BOTH
def test_no_text_outside_of_boxes_is_cut(driver: Chrome, page: Path, screen: Screen) -> None:
    show(driver, page, screen)
    cut = """[...document.querySelectorAll('h1, h2, h3, h4, p, li, summary, th, td, dt, dd')]
        .filter((item) => item.getClientRects().length && item.getBoundingClientRect().right > innerWidth + 1)
        .map((item) => item.outerHTML.slice(0, 200))"""
    assert evaluate(driver, cut) == []


@BOTH
def test_a_fold_opens_by_click_and_by_keyboard(driver: Chrome, page: Path, screen: Screen) -> None:
    show(driver, page, screen)
    fold = first_fold(driver)
    summary = fold.find_element(By.TAG_NAME, "summary")
    box = fold.find_element(By.TAG_NAME, "pre")
    assert not box.is_displayed()
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", summary)
    summary.click()
    assert box.is_displayed()
    summary.send_keys(Keys.ENTER)
    assert not box.is_displayed()
    summary.send_keys(Keys.SPACE)
    assert box.is_displayed()


def test_all_folds_open_and_close_by_one_button(driver: Chrome, page: Path) -> None:
    show(driver, page, DESKTOP)
    button = driver.find_element(By.ID, "folds")
    closed = "document.querySelectorAll('.definition details:not([open])').length"
    assert evaluate(driver, closed) > 0
    button.send_keys(Keys.ENTER)
    assert (evaluate(driver, closed), button.text) == (0, "Close all folds")
    button.send_keys(Keys.ENTER)
    assert evaluate(driver, closed) > 0


def test_sides_stand_beside_each_other_on_a_desktop_and_stacked_on_a_phone(driver: Chrome, page: Path) -> None:
    tops = """[...document.querySelectorAll('article .pair')]
        .filter((pair) => pair.querySelector('pre.old') && pair.querySelector('pre.new'))
        .map((pair) => ['old', 'new'].map((side) => pair.querySelector('pre.' + side).getBoundingClientRect().top))"""
    show(driver, page, DESKTOP)
    beside = evaluate(driver, tops)
    assert beside and all(old == new for old, new in beside)
    show(driver, page, PHONE)
    stacked = evaluate(driver, tops)
    assert len(stacked) == len(beside) and all(old < new for old, new in stacked)


def test_every_hunk_is_labelled_with_a_rule_and_its_reason(driver: Chrome, page: Path) -> None:
    show(driver, page, DESKTOP)
    hunks = driver.find_elements(By.CSS_SELECTOR, "article.hunk")
    assert len(hunks) > 20
    for hunk in hunks:
        assert hunk.find_element(By.CSS_SELECTOR, ".owner").is_displayed()
        assert len(hunk.find_element(By.CSS_SELECTOR, ".why").text) > 20
        assert hunk.accessible_name.startswith("hunk ")


def test_a_rule_leads_to_its_catalogue_entry(driver: Chrome, page: Path) -> None:
    show(driver, page, DESKTOP)
    link = driver.find_element(By.CSS_SELECTOR, "article.hunk .owner")
    rule = link.text
    entry = driver.find_element(By.ID, f"rule-{rule}")
    assert not entry.is_displayed()
    link.send_keys(Keys.ENTER)
    assert entry.is_displayed(), "the fold it is in opens"


def test_removed_and_added_are_told_apart_without_colour(driver: Chrome, page: Path) -> None:
    show(driver, page, DESKTOP)
    for kind, mark in (("gone", "−"), ("added", "+")):
        content = f"getComputedStyle(document.querySelector('article pre.{kind} .l'), '::before').content"
        assert mark in evaluate(driver, content)


def test_dark_has_another_background(driver: Chrome, page: Path) -> None:
    colours = set()
    for scheme in ("light", "dark"):
        show(driver, page, replace(DESKTOP, scheme=scheme))
        colours.add(evaluate(driver, "getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(driver: Chrome, page: Path, scheme: str) -> None:
    show(driver, page, replace(DESKTOP, scheme=scheme))
    driver.execute_script("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    contrasts = driver.execute_script(CONTRASTS)
    assert len(contrasts) > 20
    assert {name: value for name, value in contrasts.items() if value < LEAST_CONTRAST} == {}


def test_nothing_is_logged_and_nothing_is_requested(driver: Chrome, page: Path) -> None:
    show(driver, page, DESKTOP)
    assert driver.get_log("browser") == []
    assert evaluate(driver, "performance.getEntriesByType('resource').map((item) => item.name)") == []
