"""What of this package's own code a result depends on, as one hash."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def own_code_sha256(*rooms: str) -> str:
    """Hash of all source files below these folders of the package."""
    root = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
