"""The sample in one release's environment, by the sweep of that environment."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

from qeff_codegen.coverage.family_result import FamilyResult
from qeff_codegen.coverage.page import JSON
from qeff_codegen.coverage.swept import TEXT, read_coverage
from qeff_codegen.environments.release import release_python
from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.find import BLUEPRINT, causal_lm_families
from tests.matrix.expectations import NOT_RUN

REPOSITORY = Path(__file__).resolve().parents[2]
# A sweep ends with 1 where a family differs; that is a result as well.
RESULTS_ARE_THERE = (0, 1)


def families_of(release: str, sample: Collection[str]) -> list[str]:
    """The families of `sample` that `release` has and can run."""
    known = {*causal_lm_families(transformers_version=release), BLUEPRINT}
    return [family for family in sample if family in known and (release, family) not in NOT_RUN]


def run_release(release: str, families: Sequence[str], jobs: int, folder: Path) -> list[FamilyResult]:
    """Sweep `families` in the environment of `release`, which is made where there is none.

    Args:
        folder: where the sweep keeps its results, so that what has not changed is not run again.

    Raises:
        UsageError: the environment cannot be made, or the sweep cannot run in it.
    """
    command = [str(release_python(release)), "-m", "qeff_codegen", "sweep", "--jobs", str(jobs)]
    command += ["--work", str(folder), "--output", str(folder)]
    for family in families:
        command += ["--family", family]
    (folder / JSON).unlink(missing_ok=True)
    ended = subprocess.run(command, cwd=REPOSITORY, check=False)
    if ended.returncode not in RESULTS_ARE_THERE:
        raise UsageError(f"The sweep under transformers {release} ended with exit code {ended.returncode}.")
    return read_results(folder, release)


def read_results(folder: Path, release: str) -> list[FamilyResult]:
    """What a sweep wrote.

    Raises:
        UsageError: it ran another release, so that nothing is known of this one.
    """
    swept = read_coverage(folder / JSON)[TEXT]
    if swept.transformers != release:
        raise UsageError(f"The environment of transformers {release} runs {swept.transformers}.")
    return list(swept.results)
