"""The folder for what is downloaded once and kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$QEFF_CODEGEN_CACHE`, or `~/.cache/qeff_codegen`; it need not exist."""
    configured = os.environ.get("QEFF_CODEGEN_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "qeff_codegen"
