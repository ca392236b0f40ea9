"""Running a scenario again to find what differed first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch

from qeff_codegen.runtime.graph_io import LOGITS, in_graph_order, kv_names, retained_state_name
from qeff_codegen.runtime.kv_cache import allocate_kv_cache, kv_cache_shapes
from qeff_codegen.runtime.torch_decoder import TorchDecoder, cache_of
from qeff_codegen.validation.calls import CallTracker
from qeff_codegen.validation.decoding import decode_greedily
from qeff_codegen.validation.module_outputs import recorded
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.triage import Finding, ModuleTriage, first_different_output

NO_MODULE = "no module's output differs when upstream gets the same calls without padding"
NO_OUTPUT = "no graph output differs when PyTorch and ONNX Runtime get the same calls"


def find_module(reference: Any, qeff_model: Any, scenario: Scenario, prompt: int) -> str:
    """Stage 1 against 2: decode again, with upstream beside it for `prompt`; name the first module that differs."""
    watched = _WatchedDecoder(reference, qeff_model, scenario, prompt)
    decode_greedily(watched, scenario)
    return str(watched.triage.finding or NO_MODULE)


def find_output(qeff_model: Any, onnx_path: Path, scenario: Scenario) -> str:
    """Stage 2 against 3: give both the same calls and name the first graph output that differs."""
    pair = _DecoderPair(qeff_model, onnx_path, scenario)
    decode_greedily(pair, scenario)
    return str(pair.finding or NO_OUTPUT)


class _WatchedDecoder:
    """A PyTorch decoder whose modules are compared with upstream's in every call."""

    def __init__(self, reference: Any, qeff_model: Any, scenario: Scenario, prompt: int) -> None:
        self._model = qeff_model
        self._decoder = TorchDecoder(qeff_model, scenario.cache_rows, scenario.ctx_len)
        self._calls = CallTracker(scenario)
        self._prompt = prompt
        self.triage = ModuleTriage(reference)

    def run(
        self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray | None = None
    ) -> np.ndarray:
        """As `TorchDecoder.run`."""
        with recorded(self._model) as records:
            logits = self._decoder.run(input_ids, position_ids, batch_index)
        for call in self._calls.rows(position_ids, batch_index):
            if call.prompt == self._prompt:
                self.triage.look_at(call, input_ids, position_ids, records)
        return logits


class _DecoderPair:
    """PyTorch and ONNX Runtime side by side; PyTorch's logits decide how decoding goes on."""

    def __init__(self, qeff_model: Any, onnx_path: Path, scenario: Scenario) -> None:
        self._model = qeff_model
        dtype = next(qeff_model.parameters()).dtype
        self._shapes = kv_cache_shapes(qeff_model)
        self._past: Any = allocate_kv_cache(self._shapes, scenario.cache_rows, scenario.ctx_len, dtype)
        self._names = kv_names(self._shapes)
        self._session = ort.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
        empty = [tensor.copy() for tensor in self._states()]
        self._state = dict(zip(self._names, empty, strict=True))
        self._calls = CallTracker(scenario)
        self.finding: Finding | None = None

    def run(
        self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray | None = None
    ) -> np.ndarray:
        """One call on both, compared; returns PyTorch's logits, `[batch_size, 1, vocab]`."""
        feeds = {"input_ids": input_ids, "position_ids": position_ids}
        if batch_index is not None:
            feeds["batch_index"] = batch_index
        calls = self._calls.rows(position_ids, batch_index)
        expected = self._run_pytorch(feeds)
        if self.finding is None:
            self.finding = first_different_output(calls, position_ids, expected, self._run_onnx(feeds))
        return expected[LOGITS]

    def _run_pytorch(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        tensors = {name: torch.from_numpy(array) for name, array in feeds.items()}
        with torch.no_grad():
            outputs = self._model(**tensors, past_key_values=self._past, use_cache=True)
        self._past = list(cache_of(outputs))
        named = {retained_state_name(name): state for name, state in zip(self._names, self._states(), strict=True)}
        return named | {LOGITS: outputs.logits.numpy()}

    def _states(self) -> list[np.ndarray]:
        """PyTorch's cache in the graph's order."""
        pairs = zip(self._shapes, self._past, strict=True)
        return [tensor.numpy() for layer, pair in pairs for tensor in in_graph_order(layer, pair)]

    def _run_onnx(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        names = [node.name for node in self._session.get_outputs()]
        outputs = dict(zip(names, self._session.run(names, feeds | self._state), strict=True))
        self._state = {name: outputs[retained_state_name(name)] for name in self._names}
        return outputs
