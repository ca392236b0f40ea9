"""Writes the table of proved translations, and what of the proofs' expressions is in it and what is not.

    python -m tests.export.proved.table [torchscript|torch_export] [FILE ...]

runs the proofs of all files or of those named. What an exporter translates to other numbers, or not at all, goes to
`refused.json`, so that the difference of a new release of it can be read; and calls of it that the table would take
for proved, because each type and each argument is right with others, to `refuted.json`.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from qeff_codegen.export.proved_operators.calls import Call, base_name
from qeff_codegen.export.proved_operators.table import PATH, REFUTED, TORCHSCRIPT, forms_of
from tests.export.proved.proof import EXPORTERS, OtherNumbersError, Proof, calls_in_trace, proved_calls

FILES = ("arithmetic", "in_place", "indexing", "layers", "logic", "making", "reductions", "shapes", "states", "vision")
REFUSED = Path(__file__).with_name("refused.json")

WRONG = "other numbers"
UNTRANSLATED = "not translated"

# What is proved for torch.export, by files and proofs: of what decoders use, each form once. A proof of it takes
# seconds, and what else there is may wait until it is asked for.
CHOSEN = Path(__file__).with_name("chosen_for_torch_export.json")

Entries = dict[str, list[list[str]]]


def proofs_of(file: str, exporter: str) -> Sequence[Proof]:
    """The proofs that stand in a file and are made for an exporter."""
    found: Sequence[Proof] = importlib.import_module(f"tests.export.proved.{file}").PROOFS
    if exporter == TORCHSCRIPT:
        return found
    chosen = json.loads(CHOSEN.read_text("utf-8")).get(file, {})
    return [replace(proof, expressions=tuple(chosen[proof.name])) for proof in found if proof.name in chosen]


def entries_of(calls: set[Call]) -> Entries:
    """The table's entries for calls: for each operator its types and its arguments."""
    return {
        operator: [
            sorted({call.types for call in calls if call.operator == operator}),
            sorted({call.arguments for call in calls if call.operator == operator}),
        ]
        for operator in sorted({call.operator for call in calls})
    }


def run(file: str, exporter: str) -> tuple[Entries, dict[str, dict[str, str]]]:
    """The entries that a file proves for an exporter, and the expressions that it cannot, by their proofs."""
    calls: set[Call] = set()
    refused: dict[str, dict[str, str]] = {}
    for proof in proofs_of(file, exporter):
        failed: dict[str, str] = {}
        calls |= _proved_part(proof, exporter, proof.expressions, failed)
        if failed:
            refused[proof.name] = failed
    return entries_of(calls), refused


def _proved_part(proof: Proof, exporter: str, expressions: Sequence[str], failed: dict[str, str]) -> set[Call]:
    try:
        with quiet():
            return proved_calls(proof, exporter, expressions)
    except Exception as error:  # exporters raise what they like
        if len(expressions) == 1:
            failed[expressions[0]] = WRONG if isinstance(error, OtherNumbersError) else UNTRANSLATED
            return set()
    step = max(1, len(expressions) // 3)
    parts = [expressions[start : start + step] for start in range(0, len(expressions), step)]
    return {call for part in parts for call in _proved_part(proof, exporter, part, failed)}


@contextlib.contextmanager
def quiet() -> Any:
    """Without what exporters print."""
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)


def refuted(exporter: str) -> list[list[str]]:
    """Calls that give other numbers although the table has their types and their arguments."""
    found: set[Call] = set()
    for file in FILES:
        wrong = read(REFUSED)[exporter].get(file, {})
        for proof in proofs_of(file, exporter):
            failed = wrong.get(proof.name, {})
            right = [each for each in proof.expressions if each not in failed]
            for expression, how in failed.items():
                calls = _calls(proof, exporter, [expression]) if how == WRONG else set()
                if calls and all(_is_in_table(exporter, call) for call in calls):
                    names = set(proof.operators.split())
                    guilty = {call for call in calls if base_name(call.operator) in names}
                    # Where a right expression has the very same calls, it is refused with the wrong one.
                    found |= (guilty - _calls(proof, exporter, right) if right else guilty) or guilty
    return sorted([call.operator, call.types, call.arguments] for call in found)


def _calls(proof: Proof, exporter: str, expressions: Sequence[str]) -> set[Call]:
    with quiet():
        return calls_in_trace(proof, exporter, expressions)


def _is_in_table(exporter: str, call: Call) -> bool:
    forms = forms_of(exporter, call.operator)
    return forms is not None and call.types in forms[0] and call.arguments in forms[1]


def read(path: Path) -> dict[str, dict[str, Any]]:
    """What stands in one of the two files, by exporter and file of proofs."""
    found: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {exporter: found.get(exporter, {}) for exporter in EXPORTERS}


def write(path: Path, content: dict[str, dict[str, Any]]) -> None:
    """Writes one of the two files, sorted."""
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", "utf-8")


def main(arguments: Sequence[str]) -> None:
    """Runs the proofs and writes their two files after each file of proofs, and at the end what is refuted."""
    torch.set_num_threads(1)
    exporters = [each for each in arguments if each in EXPORTERS] or EXPORTERS
    files = [each for each in arguments if each in FILES] or FILES
    for exporter in exporters:
        for file in files:
            entries, refused = run(file, exporter)
            for path, found in ((PATH, entries), (REFUSED, refused)):
                content = read(path)
                content[exporter][file] = found
                write(path, content)
            print(
                f"{exporter} {file}: {len(entries)} operators, {sum(map(len, refused.values()))} expressions refused"
            )
        all_refuted = json.loads(REFUTED.read_text("utf-8"))
        all_refuted[exporter] = refuted(exporter)
        REFUTED.write_text(json.dumps(all_refuted, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
