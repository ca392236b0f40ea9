"""Stage 4 of one subject, as far as it goes without a device: preflight, and compiling where there is a compiler.

Nothing here runs on hardware, and no result of it says so.
"""

from __future__ import annotations

from typing import Any

from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.find_compiler import find_compiler
from qeff_codegen.deploy.program import CompilerError, decoder_to_compile, make_program
from qeff_codegen.deploy.specializations import specializations_for
from qeff_codegen.export.exported_graph import ExportedGraph
from qeff_codegen.preflight.candidate import candidate_of
from qeff_codegen.preflight.run import Preflight, preflight
from qeff_codegen.validation.results import COMPILED, FAILED, PREFLIGHT_FAILED, PREFLIGHT_PASSED, StageResult
from qeff_codegen.validation.scenarios import Scenario

_NO_COMPILER = "qaic-compile was not found, so nothing was compiled."


class DeviceStage:
    """Stage 4, scenario by scenario. Scenarios that share a graph share its preflight.

    Args:
        model: the QEff model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._preflights: dict[str, Preflight] = {}

    def result(self, scenario: Scenario, graph: ExportedGraph) -> StageResult:
        """What is known of `graph`, which runs `scenario` on ONNX Runtime, before a device has seen it."""
        found = self._preflight(scenario, graph)
        if not found.passed:
            return StageResult(4, PREFLIGHT_FAILED, detail=str(found))
        compiler = find_compiler()
        if compiler is None:
            return StageResult(4, PREFLIGHT_PASSED, detail="\n".join((_NO_COMPILER, *found.remarks)))
        options = compile_options(scenario)
        try:
            program = make_program(decoder_to_compile(graph, options), options, self._model.config.to_dict(), compiler)
        except CompilerError as error:
            return StageResult(4, FAILED, detail=str(error))
        return StageResult(4, COMPILED, detail=program.command_line)

    def _preflight(self, scenario: Scenario, graph: ExportedGraph) -> Preflight:
        path = str(graph.onnx_path)
        if path not in self._preflights:
            # One scenario's sizes stand for all: what follows from one batch size and length follows from others.
            programs = tuple(specializations_for(graph.layers, compile_options(scenario)))
            candidate = candidate_of(self._model, graph.onnx_path, graph.spec, programs, scenario.prompts)
            self._preflights[path] = preflight(candidate)
        return self._preflights[path]


def compile_options(scenario: Scenario) -> CompileOptions:
    """What a program for `scenario` is compiled for."""
    if scenario.full_batch_size is not None:
        return CompileOptions(scenario.prefill_seq_len, scenario.ctx_len, full_batch_size=scenario.full_batch_size)
    return CompileOptions(scenario.prefill_seq_len, scenario.ctx_len, batch_size=scenario.cache_rows)
