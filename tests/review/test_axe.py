"""What axe-core has to say of the page: nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.review.browser import AXE, DESKTOP, PHONE, Screen, is_required, missing, show, violations

pytestmark = [
    pytest.mark.skipif(
        bool(missing()) and not is_required(),
        reason=f"{' and '.join(missing())} not installed: apt-get install chromium chromium-driver",
    ),
    pytest.mark.skipif(
        not AXE.is_file(),
        reason=f"{AXE} is not there: npm install --no-save --prefix build/npm axe-core",
    ),
]


@pytest.mark.parametrize("screen", [DESKTOP, PHONE, replace(DESKTOP, scheme="dark")], ids=["desktop", "phone", "dark"])
@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "unwrapped"])
def test_the_page_has_no_violations(driver: Chrome, page: Path, screen: Screen, wrapped: bool) -> None:
    show(driver, page, screen)
    driver.execute_script("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    if not wrapped:
        driver.execute_script("document.getElementById('wrap').click()")
    assert violations(driver) == {}


def test_a_page_without_a_title_has_one(driver: Chrome, page: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(page.read_text("utf-8").replace("<title>", "<!-- <title>").replace("</title>", "</title> -->"))
    show(driver, broken, DESKTOP)
    assert "document-title" in violations(driver)
