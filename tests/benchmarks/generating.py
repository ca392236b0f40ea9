"""How long generating Llama takes, warm and as a whole command."""

from __future__ import annotations

import tempfile
from pathlib import Path

import libcst as cst

from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model
from tests.benchmarks.timing import Measurement, best_of, command

IMPORTS = "import libcst, black, click, rich.console"


def measure() -> list[Measurement]:
    """Warm generation against LibCST's round trip of the same file; the command against importing its libraries."""
    upstream = find_model("llama", transformers_version=None, source=None)
    generate_model(upstream)
    warm = best_of(7, lambda: generate_model(upstream))
    round_trip = best_of(7, lambda: cst.parse_module(upstream.source).code)
    with tempfile.TemporaryDirectory() as folder:
        whole = best_of(5, command(["-m", "qeff_codegen", "llama", "--output", str(Path(folder) / "generated")]))
    imports = best_of(5, command(["-c", IMPORTS]))
    return [
        Measurement("generate Llama, warm", warm, "LibCST parses and prints the file", round_trip, 0.5),
        Measurement("python -m qeff_codegen llama", whole, "importing its libraries", imports, 1.5),
    ]
