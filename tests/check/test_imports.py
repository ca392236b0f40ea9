"""Where nothing has changed, nothing that generates or runs models is imported: that is what makes it quick."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"black", "libcst", "onnx", "numpy", "rich", "rewrite_rules", "torch", "transformers", "multiprocessing"}


def imported(folder: Path) -> str:
    program = (
        "import sys\n"
        "from qeff_codegen.cli.main import main\n"
        "try:\n    main(['check'])\nexcept SystemExit as end:\n    code = end.code\n"
        f"print(code, sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


def test_nothing_heavy_is_imported_when_all_is_current(folder: Path) -> None:
    assert imported(folder.parent.absolute()) == "0 []"


def test_nothing_heavy_is_imported_to_find_an_orphan(folder: Path) -> None:
    (folder / "zombie").mkdir()
    assert imported(folder.parent.absolute()) == "1 []"
