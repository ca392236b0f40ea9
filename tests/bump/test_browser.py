"""The bump report in a real browser: nothing sideways, and nothing that axe-core finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from qeff_codegen.bump.comparison import Bump
from qeff_codegen.bump.report import HTML, Report
from tests.review.browser import AXE, DESKTOP, PHONE, Screen, chromium, is_required, missing, show, violations

pytestmark = pytest.mark.skipif(
    bool(missing()) and not is_required(),
    reason=f"{' and '.join(missing())} not installed: apt-get install chromium chromium-driver",
)
SCREENS = pytest.mark.parametrize(
    "screen", [DESKTOP, PHONE, replace(DESKTOP, scheme="dark")], ids=["desktop", "phone", "dark"]
)


@pytest.fixture(scope="module")
def page(bump: Bump, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bump") / "bump.html"
    path.write_text(Report(bump).render(HTML), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with chromium() as browser:
        yield browser


def opened(driver: Chrome, page: Path, screen: Screen) -> None:
    show(driver, page, screen)
    driver.execute_script("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")


@SCREENS
def test_the_page_itself_never_scrolls_sideways(driver: Chrome, page: Path, screen: Screen) -> None:
    opened(driver, page, screen)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= screen.width


@pytest.mark.skipif(not AXE.is_file(), reason=f"{AXE} is not there: npm install --no-save --prefix build/npm axe-core")
@SCREENS
def test_the_page_has_no_violations(driver: Chrome, page: Path, screen: Screen) -> None:
    opened(driver, page, screen)
    assert violations(driver) == {}
