"""`apply` in a real checkout, or rather in a copy of the files that it reads and writes."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from qeff_codegen.cli.main import main
from tests.checkout.conftest import RUFF_0_15, TRANSFORMS
from tests.checkout.qefficient import checkout_to_apply_in, needs_qefficient, qefficient_python

# Dense, and with experts; neither is written by hand there.
NAMES = ("smollm3", "olmoe")
IMPORTS = """\
from QEfficient.transformers.models.olmoe import QEffOlmoeForCausalLM
from QEfficient.transformers.models.pytorch_transforms import KVCacheTransform, SpDTransform
print(QEffOlmoeForCausalLM in KVCacheTransform._module_mapping.values())
print(QEffOlmoeForCausalLM in SpDTransform._module_mapping)
"""


@needs_qefficient
def test_a_change_that_ruff_and_an_import_are_content_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = checkout_to_apply_in(tmp_path / "checkout")
    before = (root / TRANSFORMS).read_text()
    monkeypatch.chdir(tmp_path)
    result = CliRunner(catch_exceptions=False).invoke(main, ["apply", *NAMES, "--checkout", str(root)])
    assert result.exit_code == 0, result.output
    written = [Path(line.split()[-1]) for line in result.stdout.splitlines() if line.startswith("written")]
    code = [str(path) for path in written if path.suffix == ".py"]
    assert len(code) == 2 * len(NAMES) + 1
    changes = difflib.unified_diff(before.splitlines(), (root / TRANSFORMS).read_text().splitlines(), n=0)
    assert [line for line in changes if line.startswith("-") and not line.startswith("---")] == []
    for command in (["check", *RUFF_0_15], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", *code]
        found = subprocess.run(ruff, cwd=root, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "QEFF_HOME": str(tmp_path)}
    imported = subprocess.run(
        [qefficient_python(), "-c", IMPORTS], env=environment, capture_output=True, text=True, check=False
    )
    assert imported.stdout.split()[-2:] == ["True", "True"], imported.stderr
