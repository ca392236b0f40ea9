"""Debian's Chromium without a window, at the size of a laptop's or a phone's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium import webdriver

PROGRAMS = ("chromium", "chromedriver")
# What npm brings, and what is asked of it.
AXE = Path("build/npm/node_modules/axe-core/axe.min.js")
_RUN_AXE = """const done = arguments[0];
    axe.run().then((found) => done(found.violations), (error) => done(String(error)))"""
# With this value of QEFF_CODEGEN_BROWSER a missing browser fails the tests that need it.
REQUIRED = "required"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Screen:
    """A window: CSS pixels, and `light` or `dark` as the reader prefers."""

    width: int
    height: int
    scheme: str = "light"


DESKTOP = Screen(1280, 900)
PHONE = Screen(390, 844)


def missing() -> list[str]:
    """The programs that are not installed."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def is_required() -> bool:
    """Whether tests must not be skipped for want of a browser."""
    return os.environ.get("QEFF_CODEGEN_BROWSER") == REQUIRED


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser with a fresh profile, closed at the end."""
    chromium_path, driver_path = (shutil.which(program) for program in PROGRAMS)
    assert chromium_path is not None and driver_path is not None
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium_path
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, webdriver.ChromeService(driver_path))
        # Looking for violations on a page of many hunks takes long on a busy machine.
        driver.set_script_timeout(120)
        try:
            yield driver
        finally:
            driver.quit()


def show(driver: webdriver.Chrome, page: Path, screen: Screen) -> None:
    """Open a page from disk in a window of the given size, which may be smaller than Chromium's smallest."""
    metrics = {"width": screen.width, "height": screen.height, "deviceScaleFactor": 1, "mobile": screen.width < 800}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    preference = {"name": "prefers-color-scheme", "value": screen.scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [preference]})
    driver.get(page.resolve().as_uri())


def violations(driver: webdriver.Chrome) -> dict[str, list[str]]:
    """What axe-core finds on the page that is shown: by its rules, the first elements of each."""
    driver.execute_script(AXE.read_text("utf-8"))
    found = driver.execute_async_script(_RUN_AXE)
    assert isinstance(found, list), found
    return {item["id"]: [node["html"][:120] for node in item["nodes"]][:3] for item in found}
