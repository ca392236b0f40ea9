"""Take the pictures of docs/review.md anew: `python -m tests.review.screenshots`.

The models are validated first, so that the pages have results to show; needs Chromium and the `run` extra.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.review.browser import DESKTOP, PHONE, Screen, chromium, show

IMAGES = Path("docs/images")
PAGES = Path("build/review")


@dataclass(frozen=True)
class Picture:
    """One picture: what a window shows of a page.

    Attributes:
        at: CSS selector of what stands at the window's upper edge.
    """

    name: str
    model: str
    screen: Screen
    at: str


PICTURES = (
    Picture("review_dense_desktop", "llama", DESKTOP, "body"),
    Picture("review_experts_desktop", "mixtral", DESKTOP, "#def-MixtralExperts"),
    Picture("review_window_phone", "gemma3_text", PHONE, "article:has([href='#rule-mask_from_position_ids'])"),
    Picture("review_dark", "llama", Screen(1280, 900, "dark"), "#def-LlamaAttention"),
)


def main() -> None:
    """Write every page and every picture."""
    models = sorted({picture.model for picture in PICTURES})
    _run("validate", *models)
    for model in models:
        _run("review", model)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with chromium() as driver:
        for picture in PICTURES:
            show(driver, PAGES / f"{picture.model}.html", picture.screen)
            script = "document.querySelector(arguments[0]).scrollIntoView({behavior: 'instant'})"
            driver.execute_script(script, picture.at)
            path = IMAGES / f"{picture.name}.png"
            path.write_bytes(driver.get_screenshot_as_png())
            print(f"{path}  {path.stat().st_size // 1000} kB")


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "qeff_codegen", *arguments], check=True)


if __name__ == "__main__":
    main()
