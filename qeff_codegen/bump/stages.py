"""Stages 1 to 3 against the new release: the sweep, run in an environment that has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from qeff_codegen.coverage.family_result import FamilyResult
from qeff_codegen.coverage.page import JSON
from qeff_codegen.coverage.swept import TEXT, read_coverage
from qeff_codegen.errors import UsageError

# The folder that holds this package: the code that runs here is the code that runs there.
ROOT = Path(__file__).resolve().parents[2]


def run_stages(families: Sequence[str], version: str, python: Path, work: Path, jobs: int) -> dict[str, FamilyResult]:
    """What the sweep finds out about each family.

    Args:
        version: the release that must be installed there.
        python: an interpreter that has it, and torch, and ONNX Runtime.
        work: the folder that keeps results; what is current there is not run again.

    Raises:
        UsageError: the sweep did not come to an end, or ran another release.
    """
    with TemporaryDirectory(prefix="qeff_codegen-bump-") as folder:
        command = [str(python), "-m", "qeff_codegen", "sweep", "--stages", "1-3", "--jobs", str(jobs)]
        command += ["--work", str(work.resolve()), "--output", folder]
        command += [argument for family in families for argument in ("--family", family)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        # What it says is progress here; standard output is for the report.
        ended = subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.__stderr__, check=False)
        written = Path(folder) / JSON
        if not written.is_file():
            raise UsageError(
                f"The sweep with transformers {version} ended with exit code {ended.returncode} before it was done; "
                "what it said stands above.\nResults so far are kept: the same command goes on from there."
            )
        swept = read_coverage(written)[TEXT]
    if swept.transformers != version:
        raise UsageError(f"{python} has transformers {swept.transformers}, and {version} was to be validated.")
    return {result.family: result for result in swept.results}
