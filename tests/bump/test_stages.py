"""The sweep in another environment: what it is asked for, and what becomes of its answer."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from qeff_codegen.bump.stages import ROOT, run_stages
from qeff_codegen.coverage.family_result import MISMATCH, SUPPORTED, FamilyResult
from qeff_codegen.coverage.swept import TEXT, Swept
from qeff_codegen.errors import UsageError

# Stands in for the environment's interpreter: notes how it was called, and writes what the sweep would write.
INTERPRETER = """\
#!{python}
import json, os, sys
from pathlib import Path
here = Path(__file__).parent
(here / "called.json").write_text(json.dumps([sys.argv[1:], os.getcwd(), os.environ["PYTHONPATH"]]))
answer = here / "answer.json"
if answer.is_file():
    Path(sys.argv[sys.argv.index("--output") + 1], "coverage.json").write_text(answer.read_text())
sys.exit(1)
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    path = tmp_path / "python"
    path.write_text(INTERPRETER.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def answer(folder: Path, version: str, *results: FamilyResult) -> None:
    record = {TEXT: Swept(version, 3, results).as_json()}
    (folder / "answer.json").write_text(json.dumps(record))


def test_the_sweep_runs_this_code_and_its_results_come_back(tmp_path: Path, python: Path) -> None:
    expected = FamilyResult("pear", SUPPORTED, notes=("a note",)), FamilyResult("plum", MISMATCH, reason="differs")
    answer(tmp_path, "2.0.0", *expected)
    results = run_stages(["pear", "plum"], "2.0.0", python, tmp_path / "work", jobs=3)
    assert results == {result.family: result for result in expected}
    arguments, folder, path = json.loads((tmp_path / "called.json").read_text())
    output = arguments[arguments.index("--output") + 1]
    assert arguments == [
        *("-m", "qeff_codegen", "sweep", "--stages", "1-3", "--jobs", "3"),
        *("--work", str(tmp_path / "work"), "--output", output, "--family", "pear", "--family", "plum"),
    ]
    assert (folder, path) == (str(ROOT), str(ROOT))
    assert not Path(output).exists()


def test_a_sweep_that_does_not_come_to_an_end(tmp_path: Path, python: Path) -> None:
    with pytest.raises(UsageError, match="transformers 2.0.0 ended with exit code 1 before it was done"):
        run_stages(["pear"], "2.0.0", python, tmp_path / "work", jobs=1)


def test_another_release_proves_nothing(tmp_path: Path, python: Path) -> None:
    answer(tmp_path, "1.0.0", FamilyResult("pear", SUPPORTED))
    with pytest.raises(UsageError, match="has transformers 1.0.0, and 2.0.0 was to be validated"):
        run_stages(["pear"], "2.0.0", python, tmp_path / "work", jobs=1)
