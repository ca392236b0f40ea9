"""Verdicts of earlier surveys, in one file; it counts for as long as the rules are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.errors import UsageError
from qeff_codegen.files.kept_results import keep_result, kept_result
from qeff_codegen.releases.verdict import Verdict, surroundings


@dataclass(frozen=True)
class KeptVerdicts:
    """A JSON file of verdicts by the key of what each depends on."""

    path: Path

    def load(self) -> dict[str, Verdict]:
        """What was kept under today's rules; nothing where there is no such file."""
        verdicts = kept_result(self.path, surroundings()) or {}
        return {key: Verdict(**verdict) for key, verdict in verdicts.items()}

    def save(self, verdicts: Mapping[str, Verdict]) -> None:
        """Keep `verdicts` in the place of what was kept; the file appears whole or not at all.

        Raises:
            UsageError: the folder cannot be written to.
        """
        records = {key: verdict.as_json() for key, verdict in sorted(verdicts.items())}
        try:
            keep_result(self.path, surroundings(), records)
        except OSError as error:
            raise UsageError(
                f"{self.path} cannot be written: {error.strerror}.\nChoose another folder with --work."
            ) from error
