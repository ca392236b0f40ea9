"""Refuses a traced model that holds a call whose translation was not proved."""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from qeff_codegen.errors import Location, Refusal
from qeff_codegen.export.proved_operators import torch_export_calls, torchscript_calls
from qeff_codegen.export.proved_operators.calls import Call, Place
from qeff_codegen.export.proved_operators.table import TORCH_EXPORT, TORCHSCRIPT, forms_of, is_proved

RULE = "export"


@contextmanager
def only_proved_operators() -> Iterator[None]:
    """The TorchScript exporter refuses what it would translate without proof.

    Raises:
        Refusal: the traced model holds such a call.
    """

    def check(graph: Any) -> None:
        for node in torchscript_calls.nodes_of(graph):
            call = torchscript_calls.call_of(node)
            if not is_proved(TORCHSCRIPT, call):
                raise _refusal(TORCHSCRIPT, call, torchscript_calls.place_of(node))

    with torchscript_calls.before_translation(check):
        yield


def check_program(program: torch.export.ExportedProgram) -> None:
    """Looks at what torch.export traced.

    Raises:
        Refusal: it holds a call whose translation was not proved.
    """
    for node, call in torch_export_calls.calls_in_program(program):
        if not is_proved(TORCH_EXPORT, call):
            raise _refusal(TORCH_EXPORT, call, torch_export_calls.place_of(node))


def _refusal(exporter: str, call: Call, place: Place) -> Refusal:
    said = f"{call.types}; {call.arguments}" if call.arguments else call.types
    where = f" in {place.module}" if place.module else ""
    known = forms_of(exporter, call.operator)
    if known is None:
        what = f"no translation of `{call.operator}` ({said}){where} to ONNX was proved to give PyTorch's numbers."
        expected = "an operator of docs/operators.md"
    else:
        what = f"the translation of `{call.operator}`{where} to ONNX was not proved for this form: {said}."
        types, arguments = known
        missing, other = (arguments, call.arguments) if call.types in types else (types, call.types)
        expected = f"one of: {' | '.join(each or 'nothing but the defaults' for each in sorted(missing)[:8])}"
        expected += f"; found {other or 'nothing but the defaults'}"
    return Refusal(
        what,
        rule=RULE,
        location=location_of(place),
        expected=expected,
        next_step=(
            "Compute the same with operators of docs/operators.md, or export with the other exporter; or prove this "
            "form in tests/export/proved and write the table again with `python -m tests.export.proved.table`."
        ),
    )


def location_of(place: Place) -> Location | None:
    """A place as messages show it, with its line."""
    if not place.path:
        return None
    path = Path(place.path)
    shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    return Location(shown, place.line, linecache.getline(place.path, place.line))
