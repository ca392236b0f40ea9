"""Results of earlier sweeps, kept for as long as nothing they depend on has changed."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from qeff_codegen.engine.generate import rules_sha256
from qeff_codegen.errors import QEffCodegenError, UsageError
from qeff_codegen.sweep.result import FamilyResult
from qeff_codegen.upstream.find import find_model

# Code that decides a result beside the rules, which have a hash of their own.
_CODE = ("examples", "runtime", "sweep", "upstream", "validation")
# What it takes to run a family, and decides its result too.
PACKAGES = ("black", "libcst", "onnx", "onnxruntime", "onnxscript", "torch", "transformers")


@dataclass(frozen=True)
class KeptResults:
    """One JSON file per family in a folder, each with the key of everything its result came from."""

    folder: Path

    def load(self, family: str, key: str) -> FamilyResult | None:
        """The family's result if it is there, readable, and its key still `key`."""
        try:
            record = json.loads(self._path(family).read_text("utf-8"))
            return FamilyResult.from_json(record["result"]) if record["key"] == key else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def save(self, result: FamilyResult, key: str) -> None:
        """Keep a result; its file appears whole or not at all.

        Raises:
            UsageError: the folder cannot be written to.
        """
        path = self._path(result.family)
        partial = path.with_suffix(".partial")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps({"key": key, "result": result.as_json()}, indent=1) + "\n", "utf-8")
            os.replace(partial, path)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}. Choose another folder with --work."
            ) from error

    def _path(self, family: str) -> Path:
        return self.folder / f"{family}.json"


def result_key(family: str, last_stage: int) -> str:
    """A hash of everything the family's result depends on: source, rules, our code, packages, stages."""
    try:
        source = find_model(family).sha256
    except QEffCodegenError as error:  # no source: the message is all there is to depend on
        source = str(error)
    return hashlib.sha256("\n".join((source, str(last_stage), _surroundings())).encode()).hexdigest()


@cache
def _surroundings() -> str:
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(rules_sha256().encode())
    for folder in _CODE:
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    for package in PACKAGES:
        digest.update(f"{package} {version(package)}".encode())
    return digest.hexdigest()
