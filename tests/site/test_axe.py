"""What axe-core has to say of the site: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.review.browser import AXE, DESKTOP, PHONE, Screen, chromium, is_required, missing, show
from tests.review.test_axe import violations

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


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with chromium() as browser:
        browser.set_script_timeout(120)
        yield browser


@pytest.mark.parametrize("screen", [DESKTOP, PHONE, replace(DESKTOP, scheme="dark")], ids=["desktop", "phone", "dark"])
@pytest.mark.parametrize(
    "name", ["index.html", "releases.html", "missing.html", "families/tiny.html", "families/elm.html"]
)
def test_the_page_has_no_violations(driver: Chrome, folder: Path, screen: Screen, name: str) -> None:
    show(driver, folder / name, screen)
    driver.execute_script("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    assert violations(driver) == {}


def test_a_picture_without_a_name_is_noticed(driver: Chrome, folder: Path, tmp_path: Path) -> None:
    text = (folder / "families/tiny.html").read_text("utf-8")
    broken = tmp_path / "tiny.html"
    broken.write_text(text.replace('id="bars-title"', "").replace('id="bars-desc"', "").replace("<title", "<g"))
    show(driver, broken, DESKTOP)
    assert "svg-img-alt" in violations(driver)
