"""QEfficient's own unit tests, run in a checkout by its interpreter.

They are run with a temporary folder of their own: `test_model_quickcheck.py` deletes every entry of it whose name has
`qeff`, `onnx` or `qnn` in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import tests.checkout.executed_files as plugin

FOLDER = "tests/unit_test"
# Of image and video models, of the cloud, and one that cannot be collected without torchvision.
LEFT_OUT = (
    "models/reranker",
    "utils/test_cloud.py",
    "utils/test_diffusers.py",
    "utils/test_flux_first_block_cache_blocking.py",
    "utils/test_wan_first_block_cache_blocking.py",
)


@dataclass(frozen=True)
class TestRun:
    """One test of QEfficient's.

    Attributes:
        test: its node id.
        files: the modeling files that it ran, relative to the folder of models; empty where that was not asked for.
        outcome: `passed`, `failed` or `skipped`.
        reason: the last line of what it failed with.
    """

    __test__ = False

    test: str
    files: tuple[str, ...]
    outcome: str
    reason: str


def run_own_tests(
    checkout: Path, python: Path, tests: Iterable[str] = (), *, find_files: bool = False, stop_at_failure: bool = False
) -> dict[str, TestRun]:
    """Run tests of a checkout, and say how each ended, by its node id.

    Args:
        tests: node ids; all of the folder of unit tests when empty.
        find_files: find out which modeling files each runs; takes longer.
        stop_at_failure: run no further than the first that fails.
    """
    with tempfile.TemporaryDirectory(prefix="own-tests-") as name:
        folder = Path(name)
        for part in ("plugin", "temporary", "home"):
            (folder / part).mkdir()
        results = folder / "results.jsonl"
        source = Path(plugin.__file__)
        (folder / "plugin" / source.name).write_text(source.read_text("utf-8"), "utf-8")
        environment = os.environ | {
            "EXECUTED_FILES_TO": str(results),
            "EXECUTED_FILES": "1" if find_files else "",
            "HF_HUB_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join((str(checkout), str(folder / "plugin"))),
            "QEFF_HOME": str(folder / "home"),
            "TMPDIR": str(folder / "temporary"),
        }
        chosen = sorted(tests) or [FOLDER, *(f"--ignore={FOLDER}/{path}" for path in LEFT_OUT)]
        command = [str(python), "-m", "pytest", "-q", "-p", source.stem, "-p", "no:cacheprovider", "--capture=fd"]
        done = subprocess.run(
            [*command, *(["-x"] if stop_at_failure else []), *chosen],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
        )
        if not results.exists():
            raise AssertionError(f"no test ran:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        lines = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
    return {
        line["test"]: TestRun(line["test"], tuple(line["files"]), line["outcome"], line["reason"]) for line in lines
    }


def those_that_run(runs: Iterable[TestRun], path: str) -> list[str]:
    """The tests that passed and ran code of the modeling file `path`."""
    return [run.test for run in runs if run.outcome == "passed" and path in run.files]


def kept_runs(checkout: Path, python: Path, path: Path) -> dict[str, TestRun]:
    """How all tests of an unchanged checkout end, and what they run: read from `path`, or found out and written there.

    Finding out takes some minutes.
    """
    if not path.exists():
        runs = run_own_tests(checkout, python, find_files=True)
        path.write_text("".join(f"{json.dumps(asdict(run))}\n" for run in runs.values()), "utf-8")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {line["test"]: TestRun(**line | {"files": tuple(line["files"])}) for line in lines}
