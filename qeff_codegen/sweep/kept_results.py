"""Results of earlier sweeps, kept for as long as nothing they depend on has changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from qeff_codegen.coverage.family_result import FamilyResult
from qeff_codegen.errors import UsageError
from qeff_codegen.files.whole_file import write_whole


@dataclass(frozen=True)
class KeptResults:
    """One JSON file per family in a folder, each with the key of everything its result came from."""

    folder: Path

    def load(self, family: str, key: str) -> FamilyResult | None:
        """The family's result if it is there, as it was saved, and still with this key."""
        try:
            record = json.loads(self._path(family).read_text("utf-8"))
            whole = record["sha256"] == _sha256(json.dumps(record["result"]))
            return FamilyResult.from_json(record["result"]) if whole and record["key"] == key else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def save(self, result: FamilyResult, key: str) -> None:
        """Keep a result; its file appears whole or not at all.

        Raises:
            UsageError: the folder cannot be written to.
        """
        path = self._path(result.family)
        # Through JSON, where tuples are lists, so that the hash is that of what is read again.
        text = json.dumps(result.as_json())
        record = {"key": key, "sha256": _sha256(text), "result": json.loads(text)}
        try:
            write_whole(path, json.dumps(record, indent=1) + "\n")
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}. Choose another folder with --work."
            ) from error

    def _path(self, family: str) -> Path:
        return self.folder / f"{family}.json"


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
