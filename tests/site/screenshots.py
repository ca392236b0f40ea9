"""Take the pictures of docs/site.md and docs/bumping_transformers.md anew: `python -m tests.site.screenshots`.

Shows what `python -m qeff_codegen report` and `python -m qeff_codegen bump RELEASE --report build/bump.html` wrote.
The model on them is validated before, so that its page has numbers of this very code; needs Chromium.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.review.browser import PHONE, Screen, chromium, show
from tests.review.screenshots import IMAGES

SITE = Path("build/site")
BUMP = Path("build/bump.html")
PICTURES = {
    "site_index_desktop": (SITE / "index.html", Screen(1280, 900)),
    "site_family_desktop": (SITE / "families/llama.html", Screen(1280, 1250)),
    "site_releases_dark": (SITE / "releases.html", Screen(1280, 900, "dark")),
    "site_missing_phone": (SITE / "missing.html", PHONE),
    "bump_desktop": (BUMP, Screen(1280, 900)),
}


def main() -> None:
    """Write every picture, or none where a page is not there."""
    missing = [str(page) for page, _ in PICTURES.values() if not page.is_file()]
    if missing:
        sys.exit(f"{', '.join(missing)} must be written first, by `report` and `bump`.")
    with chromium() as driver:
        for name, (page, screen) in PICTURES.items():
            show(driver, page, screen)
            path = IMAGES / f"{name}.png"
            path.write_bytes(driver.get_screenshot_as_png())
            print(f"{path}  {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
