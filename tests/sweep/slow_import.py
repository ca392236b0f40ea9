"""Takes as long to import as a large library on a busy machine."""

from __future__ import annotations

import time

time.sleep(30)
