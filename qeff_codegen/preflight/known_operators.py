"""The graph has only operators that exports for Cloud AI 100 are known to have.

A compiler writes its own list with `qaic-compile -operators-supported=onnx`, and where there is none, nobody has that
list. `known_operators.json` holds what QEfficient's exports of its test models consist of, and what its hand-written
models of other kinds call; an operator outside it may well compile, and nobody has seen it do so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from qeff_codegen.preflight.candidate import GraphCandidate
from qeff_codegen.preflight.check import Check, Finding
from qeff_codegen.preflight.places import described

TABLE = Path(__file__).with_name("known_operators.json")


@cache
def known_operators() -> frozenset[tuple[str, str]]:
    """Domain and name of each operator that is known; ONNX's own domain is empty."""
    found = json.loads(TABLE.read_text("utf-8"))
    tables = found["operators"], found["operators_read_off_source"]
    return frozenset((domain, name) for table in tables for domain, names in table.items() for name in names)


def _findings(candidate: GraphCandidate) -> Iterator[Finding]:
    own = {(function.domain, function.name) for function in candidate.graph_model.functions.values()}
    seen = set()
    for node, function in candidate.nodes():
        operator = (node.domain, node.op_type)
        if operator in own or operator in known_operators() or operator in seen:
            continue
        seen.add(operator)
        inside = f", inside the function {function}" if function else ""
        yield Finding(
            f"No known export for Cloud AI 100 has the operator of {described(node)}{inside}.",
            "Spell it with operators that are known, in the generated code or in "
            "qeff_codegen/export/known_spellings.py. `qaic-compile -operators-supported=onnx` lists what a compiler "
            "has.",
            # The table knows the TorchScript exporter's graphs alone.
            is_problem=not candidate.is_of_dynamo,
        )


CHECK = Check(
    "known operators",
    "Every operator of the graph and of its functions stands in some graph that QEfficient exports.",
    _findings,
)
