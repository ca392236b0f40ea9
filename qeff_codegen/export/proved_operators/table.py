"""The table of proved translations, `proved.json`: for each exporter and operator, the types and arguments.

It is written by the proofs in tests/export/proved and held to them. An entry stands under the file that proves it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from qeff_codegen.export.proved_operators.calls import Call

TORCHSCRIPT = "torchscript"
TORCH_EXPORT = "torch_export"
PATH = Path(__file__).with_name("proved.json")
REFUTED = Path(__file__).with_name("refuted.json")

# The types and the arguments that an operator is proved for.
Forms = tuple[frozenset[str], frozenset[str]]


def is_proved(exporter: str, call: Call) -> bool:
    """Whether `exporter` was proved to translate this call."""
    if (call.operator, call.types, call.arguments) in _refuted()[exporter]:
        return False
    forms = forms_of(exporter, call.operator)
    return forms is not None and call.types in forms[0] and call.arguments in forms[1]


def forms_of(exporter: str, operator: str) -> Forms | None:
    """What is known of an operator; None for one that is not in the table."""
    return _tables()[exporter].get(operator)


def operators(exporter: str) -> dict[str, Forms]:
    """Everything that is proved for `exporter`."""
    return dict(_tables()[exporter])


@cache
def _refuted() -> dict[str, frozenset[tuple[str, ...]]]:
    """Calls that give other numbers, although each type and each argument is right with others."""
    found = json.loads(REFUTED.read_text("utf-8"))
    return {exporter: frozenset(map(tuple, calls)) for exporter, calls in found.items()}


@cache
def _tables() -> dict[str, dict[str, Forms]]:
    tables: dict[str, dict[str, Forms]] = {}
    for exporter, files in json.loads(PATH.read_text("utf-8")).items():
        merged: dict[str, tuple[set[str], set[str]]] = {}
        for entries in files.values():
            for operator, (types, arguments) in entries.items():
                into = merged.setdefault(operator, (set(), set()))
                into[0].update(types)
                into[1].update(arguments)
        tables[exporter] = {name: (frozenset(types), frozenset(rest)) for name, (types, rest) in merged.items()}
    return tables
