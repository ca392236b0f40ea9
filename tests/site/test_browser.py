"""The site in a real browser: search and filters, by keyboard, on a laptop and a phone, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.review.browser import DESKTOP, PHONE, Screen, chromium, is_required, missing, show
from tests.review.test_browser import CONTRASTS, LEAST_CONTRAST

pytestmark = pytest.mark.skipif(
    bool(missing()) and not is_required(),
    reason=f"{' and '.join(missing())} not installed: apt-get install chromium chromium-driver",
)
PAGES = (
    "index.html",
    "releases.html",
    "missing.html",
    "families/tiny.html",
    "families/elm.html",
    "families/pear.html",
)
EVERY = pytest.mark.parametrize("name", PAGES)
SHOWN = """return [...document.querySelectorAll('.item')].filter((item) => item.getClientRects().length)
    .map((item) => item.querySelector('a').textContent)"""


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with chromium() as browser:
        yield browser


def evaluate(driver: Chrome, expression: str) -> Any:
    return driver.execute_script(f"return {expression}")


def search(driver: Chrome, text: str) -> list[str]:
    field = driver.find_element(By.ID, "search")
    field.clear()
    field.send_keys(text)
    found = driver.execute_script(SHOWN)
    assert isinstance(found, list)
    return found


def told(driver: Chrome) -> str:
    return driver.find_element(By.ID, "at").text


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_search_finds_names_reasons_and_kinds(driver: Chrome, folder: Path, screen: Screen) -> None:
    show(driver, folder / "index.html", screen)
    assert told(driver) == "8 families"
    assert search(driver, "elm") == ["elm"]
    assert told(driver) == "1 of 8 families"
    assert search(driver, "Keeps STATE") == ["elm", "fir"], "every word, in any order, in any case"
    assert search(driver, "static_control_flow") == ["oak"]
    assert not driver.find_element(By.CLASS_NAME, "none").is_displayed()
    assert search(driver, "nobody") == []
    assert driver.find_element(By.CLASS_NAME, "none").is_displayed()


def test_filters_and_search_hold_together(driver: Chrome, folder: Path) -> None:
    show(driver, folder / "index.html", DESKTOP)
    state, kind = (Select(driver.find_element(By.ID, name)) for name in ("state", "kind"))
    state.select_by_visible_text("refused")
    assert driver.execute_script(SHOWN) == ["elm", "fir", "oak"]
    assert search(driver, "state") == ["elm", "fir"]
    state.select_by_visible_text("not swept")
    assert driver.execute_script(SHOWN) == []
    search(driver, "")
    driver.find_element(By.ID, "search").send_keys("x", Keys.BACKSPACE)
    assert driver.execute_script(SHOWN) == ["later", "outside"]
    kind.select_by_visible_text("image-text")
    assert driver.execute_script(SHOWN) == []
    state.select_by_visible_text("all")
    assert driver.execute_script(SHOWN) == ["pear"]


def test_an_idea_without_anyone_left_goes_too(driver: Chrome, folder: Path) -> None:
    show(driver, folder / "missing.html", DESKTOP)
    shown = (
        "[...document.querySelectorAll('h2')].filter((item) => item.getClientRects().length).map((h) => h.textContent)"
    )
    assert evaluate(driver, shown) == ["2 … keeps a state", "1 … is of no <kind> that is known"]
    assert search(driver, "oak") == ["oak"]
    assert evaluate(driver, shown) == ["1 … is of no <kind> that is known"]


def test_in_the_map_one_searches_for_names_and_a_cell_leads_to_its_page(driver: Chrome, folder: Path) -> None:
    show(driver, folder / "releases.html", DESKTOP)
    field = driver.find_element(By.ID, "search")
    field.send_keys("yes")
    assert told(driver) == "0 of 5 families"
    field.clear()
    field.send_keys("elm")
    assert told(driver) == "1 of 5 families"
    driver.find_element(By.CSS_SELECTOR, "tr:not([hidden]) td.no").click()
    assert driver.current_url.endswith("/families/elm.html")


def test_all_of_it_is_reached_by_keyboard(driver: Chrome, folder: Path) -> None:
    show(driver, folder / "index.html", DESKTOP)
    stops = []
    for _ in range(9):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        stops.append(evaluate(driver, "document.activeElement.id || document.activeElement.textContent.trim()"))
    assert stops[:4] == ["Skip to the content", "Families", "Releases", "What is missing"]
    assert stops[4:8] == ["for 2 reasons", "search", "state", "kind"]


def test_a_box_is_one_stop_and_leads_to_its_hunk(driver: Chrome, folder: Path) -> None:
    show(driver, folder / "families/tiny.html", DESKTOP)
    boxes = driver.find_elements(By.CSS_SELECTOR, "svg.model a")
    names = [" ".join(box.accessible_name.split()) for box in boxes[:2]]
    assert names == ["causal LM line 134 TinyForCausalLM +15 −4", "model line 98 TinyModel +21 −11"]
    driver.execute_script("arguments[0].focus()", boxes[0])
    driver.switch_to.active_element.send_keys(Keys.TAB)
    assert driver.switch_to.active_element == boxes[1]
    fragment = boxes[1].get_attribute("href")
    boxes[1].send_keys(Keys.ENTER)
    assert "/review/tiny.html#hunk-" in driver.current_url and fragment is not None
    hunk = driver.find_element(By.ID, driver.current_url.split("#")[1])
    assert "TinyModel" in hunk.find_element(By.XPATH, "..").text
    driver.find_element(By.CSS_SELECTOR, ".kicker a").send_keys(Keys.ENTER)
    assert driver.current_url.endswith("/index.html")


@EVERY
def test_the_page_never_scrolls_sideways(driver: Chrome, folder: Path, name: str) -> None:
    for screen in (DESKTOP, PHONE):
        show(driver, folder / name, screen)
        driver.execute_script("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
        assert evaluate(driver, "document.documentElement.scrollWidth") <= screen.width


@EVERY
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(driver: Chrome, folder: Path, name: str, scheme: str) -> None:
    show(driver, folder / name, replace(DESKTOP, scheme=scheme))
    driver.execute_script("document.querySelectorAll('svg').forEach((picture) => picture.remove())")
    contrasts = driver.execute_script(CONTRASTS)
    assert len(contrasts) > 5
    assert {name: value for name, value in contrasts.items() if value < LEAST_CONTRAST} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_have_the_pages_colours(driver: Chrome, folder: Path, scheme: str) -> None:
    show(driver, folder / "families/tiny.html", replace(DESKTOP, scheme=scheme))
    fills = """[...document.querySelectorAll('svg text, svg tspan')].map((item) => getComputedStyle(item).fill)"""
    page = evaluate(driver, "getComputedStyle(document.body).color")
    assert page in evaluate(driver, fills)
    assert "rgb(0, 0, 0)" not in evaluate(driver, fills)


@EVERY
def test_nothing_is_logged_and_only_its_own_files_are_read(driver: Chrome, folder: Path, name: str) -> None:
    show(driver, folder / name, DESKTOP)
    assert driver.get_log("browser") == []
    read = evaluate(driver, "performance.getEntriesByType('resource').map((item) => item.name)")
    assert {address.rpartition("/")[2] for address in read} <= {"style.css", "site.js"}
    assert all(address.startswith(folder.as_uri()) for address in read)
