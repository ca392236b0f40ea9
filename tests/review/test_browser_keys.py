"""The review page by keyboard and by its bar: from hunk to hunk, one rule's alone, both sides as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.facts import Review, review_of
from tests.review.browser import DESKTOP, PHONE, Screen, is_required, missing, show

pytestmark = pytest.mark.skipif(
    bool(missing()) and not is_required(),
    reason=f"{' and '.join(missing())} not installed: apt-get install chromium chromium-driver",
)

TAB_STOPS = """return [...document.querySelectorAll('article.hunk')].map((hunk) =>
    [...hunk.querySelectorAll('a, button, input, select, summary, pre, [tabindex]')]
        .filter((item) => item.tabIndex >= 0 && item.getClientRects().length).length)"""
VISIBLE = "return [...document.querySelectorAll('article.hunk')].filter((hunk) => hunk.getClientRects().length).length"


@pytest.fixture(scope="module")
def review(llama: GeneratedModel, tmp_path_factory: pytest.TempPathFactory) -> Review:
    nowhere = tmp_path_factory.mktemp("nothing")
    return review_of(llama, nowhere, nowhere, {})


def press(driver: Chrome, *keys: str) -> None:
    for key in keys:
        ActionChains(driver).send_keys(key).perform()


def where(driver: Chrome) -> str:
    return driver.find_element(By.ID, "at").text


def focused(driver: Chrome) -> Any:
    return driver.execute_script("return document.activeElement.textContent")


def test_keys_lead_from_hunk_to_hunk(driver: Chrome, page: Path, review: Review) -> None:
    show(driver, page, DESKTOP)
    total = len(review.hunks)
    assert where(driver) == f"{total} hunks"
    press(driver, "n", "n", "n")
    assert (where(driver), focused(driver)) == (f"hunk 3 of {total}", "hunk 3")
    press(driver, "p")
    assert (where(driver), focused(driver)) == (f"hunk 2 of {total}", "hunk 2")
    bar, hunk = (driver.find_element(By.CSS_SELECTOR, at) for at in (".bar", "#hunk-2"))
    assert hunk.rect["y"] >= bar.rect["y"] + bar.rect["height"], "the bar stays, and hides nothing of it"


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_bar_says_where_one_has_scrolled_to(driver: Chrome, page: Path, review: Review, screen: Screen) -> None:
    show(driver, page, screen)
    script = "document.getElementById('hunk-20').scrollIntoView({behavior: 'instant'})"
    driver.execute_script(script)
    # Two frames later the scroll has been followed.
    driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    assert where(driver) == f"hunk 20 of {len(review.hunks)}"


def test_one_tab_stop_a_hunk_until_it_is_entered(driver: Chrome, page: Path) -> None:
    show(driver, page, DESKTOP)
    assert set(driver.execute_script(TAB_STOPS)) == {1}
    press(driver, "n", Keys.ENTER)
    stops = driver.execute_script(TAB_STOPS)
    assert stops[0] > 1 and set(stops[1:]) == {1}
    press(driver, Keys.TAB)
    assert focused(driver) == driver.find_element(By.CSS_SELECTOR, "#hunk-1 a:not(.self)").text
    press(driver, "n")
    assert set(driver.execute_script(TAB_STOPS)) == {1}


def test_the_question_mark_shows_the_keys_and_letters_can_be_let_go(driver: Chrome, page: Path) -> None:
    show(driver, page, DESKTOP)
    keys = driver.find_element(By.ID, "keys")
    assert not keys.is_displayed()
    press(driver, "?")
    assert keys.is_displayed()
    driver.find_element(By.ID, "letters").click()
    press(driver, Keys.ESCAPE)
    assert not keys.is_displayed()
    before = where(driver)
    press(driver, "n")
    assert where(driver) == before


def test_a_rule_alone(driver: Chrome, page: Path, review: Review) -> None:
    show(driver, page, DESKTOP)
    total = len(review.hunks)
    wanted = [hunk for hunk in review.hunks if "thread_arguments" in hunk.owners]
    Select(driver.find_element(By.ID, "rule")).select_by_value("thread_arguments")
    assert 0 < len(wanted) < total
    assert driver.execute_script(VISIBLE) == len(wanted)
    assert where(driver) == f"{len(wanted)} hunks, {total} in all"
    Select(driver.find_element(By.ID, "rule")).select_by_value("")
    assert driver.execute_script(VISIBLE) == total


def test_renames_are_folded_and_say_what_they_rename(driver: Chrome, page: Path) -> None:
    show(driver, page, DESKTOP)
    folds = driver.find_elements(By.CSS_SELECTOR, "article.hunk > details.rename")
    assert folds and all(fold.get_attribute("open") is None for fold in folds)
    assert {fold.find_element(By.TAG_NAME, "summary").text for fold in folds} == {
        "cache → past_key_values and nothing else"
    }
    hunk = folds[0].find_element(By.XPATH, "..")
    hunk.find_element(By.CSS_SELECTOR, ".self").send_keys(Keys.ENTER)
    assert folds[0].find_element(By.TAG_NAME, "pre").is_displayed()


def test_both_sides_scroll_as_one(driver: Chrome, page: Path) -> None:
    show(driver, page, DESKTOP)
    driver.find_element(By.ID, "wrap").click()
    script = """const done = arguments[0];
        const pair = [...document.querySelectorAll('.pair')].find((item) =>
            item.querySelectorAll('pre').length === 2
            && [...item.querySelectorAll('pre')].every((pane) => pane.scrollWidth > pane.clientWidth + 5));
        const [old, fresh] = pair.querySelectorAll('pre');
        old.scrollLeft = 5;
        requestAnimationFrame(() => requestAnimationFrame(() => done([old.scrollLeft, fresh.scrollLeft])));"""
    assert driver.execute_async_script(script) == [5, 5]
