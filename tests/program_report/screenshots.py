"""Take the picture of docs/compiling.md anew: `python -m tests.program_report.screenshots PAGE`; needs Chromium.

PAGE is what `python -m qeff_codegen compile smollm2 --ctx-len 1024 --prefill-seq-len 128 --full-batch-size 4
--output programs --report PAGE` writes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.review.browser import Screen, chromium, show
from tests.review.screenshots import IMAGES

SCREEN = Screen(1280, 1080)


def main() -> None:
    """Write the picture."""
    with chromium() as driver:
        show(driver, Path(sys.argv[1]), SCREEN)
        path = IMAGES / "compile_report_desktop.png"
        path.write_bytes(driver.get_screenshot_as_png())
        print(f"{path}  {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
