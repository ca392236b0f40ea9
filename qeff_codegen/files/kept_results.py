"""Results that are kept with what they hold for, and given back as they were kept or not at all."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from qeff_codegen.files.whole_file import write_whole


def keep_result(path: Path, key: Any, result: Any) -> None:
    """Write `result` to `path`, with `key`, which says what it holds for. Both are what JSON can hold.

    Raises:
        OSError: it cannot be written; what stood there still does.
    """
    # Through JSON, where tuples are lists, so that the hash is that of what is read again.
    text = json.dumps(result)
    record = {"key": key, "sha256": _sha256(text), "result": json.loads(text)}
    write_whole(path, json.dumps(record, indent=1) + "\n")


def kept_result(path: Path, key: Any) -> Any | None:
    """What was kept at `path`, if it is there, as it was written, and for this `key`."""
    try:
        record = json.loads(path.read_text("utf-8"))
        whole = record["sha256"] == _sha256(json.dumps(record["result"]))
        return record["result"] if whole and record["key"] == key else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
