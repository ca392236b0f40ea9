"""The hash of the rules covers all code that decides what is generated."""

from __future__ import annotations

from pathlib import Path

from qeff_codegen.engine.rules_hash import FOLDERS
from tests.imports import ROOT, imports, modules

STARTS = ("qeff_codegen/generate", "qeff_codegen/emit", "rewrite_rules")
# Messages, plain records, when garbage is collected and writing decide no byte of what is generated.
DECIDES_NOTHING = {"qeff_codegen/errors.py", "qeff_codegen/garbage.py", "qeff_codegen/generated_model.py"}
WRITES = Path("qeff_codegen/files")


def test_whatever_generating_imports_is_in_the_hash() -> None:
    reached: set[Path] = set()
    waiting = {path for path in modules().values() if path.as_posix().startswith(STARTS)}
    while waiting:
        path = waiting.pop()
        reached.add(path)
        waiting |= {found for _, found in imports(path, (ROOT / path).read_text("utf-8"))} - reached
    hashed = {path for path in reached if any(path.is_relative_to(folder) for folder in FOLDERS)}
    left = {path.as_posix() for path in reached - hashed if not path.is_relative_to(WRITES)}
    assert left == DECIDES_NOTHING
