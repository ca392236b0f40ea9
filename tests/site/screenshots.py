"""Take the pictures of docs/site.md anew: `python -m tests.site.screenshots`, after `python -m qeff_codegen report`.

The model on them is validated before, so that its page has numbers of this very code; needs Chromium.
"""

from __future__ import annotations

from pathlib import Path

from tests.review.browser import Screen, chromium, show
from tests.review.screenshots import IMAGES

SITE = Path("build/site")
PICTURES = {
    "site_index_desktop": ("index.html", Screen(1280, 900)),
    "site_family_desktop": ("families/llama.html", Screen(1280, 1250)),
}


def main() -> None:
    """Write every picture."""
    with chromium() as driver:
        for name, (page, screen) in PICTURES.items():
            show(driver, SITE / page, screen)
            path = IMAGES / f"{name}.png"
            path.write_bytes(driver.get_screenshot_as_png())
            print(f"{path}  {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
