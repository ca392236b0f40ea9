"""Where the Cloud AI 100 compiler is, if it is anywhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# Where the Cloud AI SDK installs its compiler; it need not be on the PATH.
SDK_COMPILER = Path("/opt/qti-aic/exec/qaic-compile")


def find_compiler() -> Path | None:
    """The compiler: from the PATH, else where the SDK puts it; None where there is none."""
    on_path = shutil.which(SDK_COMPILER.name)
    if on_path is not None:
        return Path(on_path)
    return SDK_COMPILER if os.access(SDK_COMPILER, os.X_OK) else None
