"""Running a scenario again to find what differed first."""

from __future__ import annotations

from typing import Any

import numpy as np

from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.export.graph_io import LOGITS, retained_state_name
from qeff_codegen.validation.bench import Bench
from qeff_codegen.validation.calls import CallTracker
from qeff_codegen.validation.decode_scenario import decode_greedily
from qeff_codegen.validation.module_outputs import recorded
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.triage import Finding, ModuleTriage, first_different_output

NO_MODULE = "no module's output differs when upstream gets the same calls without padding"
NO_OUTPUT = "no graph output differs when PyTorch and ONNX Runtime get the same calls"


def find_module(reference: Any, bench: Bench, scenario: Scenario, prompt: int) -> str:
    """Stage 1 against 2: decode again, with upstream beside it for `prompt`; name the first module that differs."""
    watched = _WatchedDecoder(reference, bench.pytorch(scenario), scenario, prompt)
    decode_greedily(bench.fed(watched, scenario), scenario)
    return str(watched.triage.finding or NO_MODULE)


def find_output(bench: Bench, scenario: Scenario) -> str:
    """Stage 2 against 3: give both the same calls and name the first graph output that differs."""
    pair = _DecoderPair(bench.pytorch(scenario), bench.onnx(scenario), scenario)
    decode_greedily(bench.fed(pair, scenario), scenario)
    return str(pair.finding or NO_OUTPUT)


class _WatchedDecoder:
    """A PyTorch decoder whose modules are compared with upstream's in every call."""

    def __init__(self, reference: Any, decoder: TorchDecoder, scenario: Scenario, prompt: int) -> None:
        self._decoder = decoder
        self._calls = CallTracker(scenario)
        self._prompt = prompt
        self.triage = ModuleTriage(reference)

    def run(
        self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray | None = None
    ) -> np.ndarray:
        """As `TorchDecoder.run`."""
        with recorded(self._decoder.model) as records:
            logits = self._decoder.run(input_ids, position_ids, batch_index)
        for call in self._calls.rows(position_ids, batch_index):
            if call.prompt == self._prompt:
                self.triage.look_at(call, input_ids, position_ids, records)
        return logits


class _DecoderPair:
    """PyTorch and ONNX Runtime side by side; PyTorch's logits decide how decoding goes on."""

    def __init__(self, pytorch: TorchDecoder, onnx: OrtDecoderSession, scenario: Scenario) -> None:
        self._pytorch = pytorch
        self._onnx = onnx
        self._calls = CallTracker(scenario)
        self.finding: Finding | None = None

    def run(
        self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray | None = None
    ) -> np.ndarray:
        """One call on both, compared; returns PyTorch's logits, `[batch_size, 1, vocab]`."""
        calls = self._calls.rows(position_ids, batch_index)
        logits = self._pytorch.run(input_ids, position_ids, batch_index)
        if self.finding is None:
            expected = _outputs(logits, self._pytorch.cache())
            got = _outputs(self._onnx.run(input_ids, position_ids, batch_index), self._onnx.cache())
            self.finding = first_different_output(calls, position_ids, expected, got)
        return logits


def _outputs(logits: np.ndarray, cache: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a call returned, by the names of the graph's outputs."""
    return {retained_state_name(name): state for name, state in cache.items()} | {LOGITS: logits}
