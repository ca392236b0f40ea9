"""The page in a real browser: on a laptop and a phone, light and dark, and what axe-core has to say of it: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.review.browser import AXE, DESKTOP, PHONE, Screen, chromium, is_required, missing, show, violations
from tests.review.test_browser import CONTRASTS, LEAST_CONTRAST

pytestmark = pytest.mark.skipif(
    bool(missing()) and not is_required(),
    reason=f"{' and '.join(missing())} not installed: apt-get install chromium chromium-driver",
)
SCREENS = pytest.mark.parametrize(
    "screen", [DESKTOP, PHONE, replace(DESKTOP, scheme="dark")], ids=["desktop", "phone", "dark"]
)
OPEN = "document.querySelectorAll('details').forEach((fold) => { fold.open = true; })"


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with chromium() as browser:
        yield browser


@SCREENS
def test_the_page_never_scrolls_sideways(driver: Chrome, page: Path, screen: Screen) -> None:
    show(driver, page, screen)
    driver.execute_script(OPEN)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= screen.width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(driver: Chrome, page: Path, scheme: str) -> None:
    show(driver, page, replace(DESKTOP, scheme=scheme))
    driver.execute_script("document.querySelectorAll('svg').forEach((picture) => picture.remove())")
    contrasts = driver.execute_script(CONTRASTS)
    assert len(contrasts) > 5
    assert {name: value for name, value in contrasts.items() if value < LEAST_CONTRAST} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_have_the_pages_colours_and_stay_inside(driver: Chrome, page: Path, scheme: str) -> None:
    show(driver, page, replace(DESKTOP, scheme=scheme))
    fills = "return [...document.querySelectorAll('svg text, svg tspan')].map((item) => getComputedStyle(item).fill)"
    found = driver.execute_script(fills)
    assert driver.execute_script("return getComputedStyle(document.body).color") in found
    assert "rgb(0, 0, 0)" not in found
    outside = """return [...document.querySelectorAll('svg text')].filter((text) => {
        const own = text.getBoundingClientRect(), all = text.closest('svg').getBoundingClientRect();
        return own.left < all.left - 1 || own.right > all.right + 1 || own.bottom > all.bottom + 1;
    }).map((text) => text.textContent)"""
    assert driver.execute_script(outside) == []


def test_nothing_is_logged_and_nothing_read(driver: Chrome, page: Path) -> None:
    show(driver, page, DESKTOP)
    assert driver.get_log("browser") == []
    assert driver.execute_script("return performance.getEntriesByType('resource').map((item) => item.name)") == []


@pytest.mark.skipif(not AXE.is_file(), reason=f"{AXE} is not there: npm install --no-save --prefix build/npm axe-core")
class TestAxe:
    @SCREENS
    def test_the_page_has_no_violations(self, driver: Chrome, page: Path, screen: Screen) -> None:
        show(driver, page, screen)
        driver.execute_script(OPEN)
        assert violations(driver) == {}

    def test_a_picture_without_a_name_is_noticed(self, driver: Chrome, page: Path, tmp_path: Path) -> None:
        broken = tmp_path / "broken.html"
        text = page.read_text("utf-8")
        broken.write_text(
            text.replace("sizes-text-title", "", 2).replace("sizes-text-desc", "", 2).replace("<title id", "<g id")
        )
        show(driver, broken, DESKTOP)
        assert "svg-img-alt" in violations(driver)
