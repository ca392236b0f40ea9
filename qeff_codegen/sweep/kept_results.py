"""Results of earlier sweeps, kept for as long as nothing they depend on has changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.coverage.family_result import FamilyResult
from qeff_codegen.errors import UsageError
from qeff_codegen.files.kept_results import keep_result, kept_result


@dataclass(frozen=True)
class KeptResults:
    """One JSON file per family in a folder, each with the key of everything its result came from."""

    folder: Path

    def load(self, family: str, key: str) -> FamilyResult | None:
        """The family's result if it is there, as it was saved, and still with this key."""
        record = kept_result(self._path(family), key)
        return None if record is None else FamilyResult.from_json(record)

    def save(self, result: FamilyResult, key: str) -> None:
        """Keep a result; its file appears whole or not at all.

        Raises:
            UsageError: the folder cannot be written to.
        """
        path = self._path(result.family)
        try:
            keep_result(path, key, result.as_json())
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}. Choose another folder with --work."
            ) from error

    def _path(self, family: str) -> Path:
        return self.folder / f"{family}.json"
