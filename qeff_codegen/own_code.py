"""What of this package's own code a result depends on, as one hash."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def own_code_sha256(*rooms: str) -> str:
    """Hash of all source files, and the data they read, below these folders of the package."""
    root = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted(path for path in (root / room).rglob("*") if path.suffix in (".py", ".json")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
