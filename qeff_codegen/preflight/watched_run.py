"""Runs a graph on ONNX Runtime and looks at every tensor it computes, not at its outputs alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import onnx_ir
import onnxruntime as ort
from onnx_ir.passes.common import InlinePass

from qeff_codegen.export.graph_io import (
    DEEPSTACK_FEATURES,
    IMAGE_IDX,
    IMAGE_IDX_OUTPUT,
    LOGITS,
    PIXEL_VALUES,
    kv_names,
    retained_state_name,
)
from qeff_codegen.export.sampler_io import NEXT_TOKENS, REPETITION_BUFFER, example_inputs
from qeff_codegen.preflight.candidate import Candidate, GraphCandidate, VisionCandidate
from qeff_codegen.runtime.customop.opsets import AISW, CLOUD

# Axes are dynamic, so a look at the numbers needs no more than these: every tensor of a call is kept.
_MAX_CHUNK, _MAX_CTX_LEN, _DECODE_STEPS = 32, 128, 3
# Their bodies serve ONNX Runtime; the compiler has its own code for these operators.
_CUSTOM_OPERATORS = (CLOUD.domain, AISW.domain)
# Pixels come normalised: by most processors to a mean of 0 and a deviation of 1, and hardly any is beyond this.
_MAX_PIXEL = 2.5


class WatchedRun:
    """One prefill of a few chunks and some greedy decode steps, without pads.

    Args:
        candidate: its first program's number of rows and its prompts are used.

    Attributes:
        graph: what runs: layers that are ONNX functions are replaced by their nodes.
    """

    def __init__(self, candidate: Candidate) -> None:
        self.graph, self._session = _watched(candidate)
        self._candidate = candidate
        self._symbols = candidate.programs[0].symbols
        self._ctx_len = min(self._symbols.get("ctx_len", candidate.spec.ctx_len), _MAX_CTX_LEN)
        self._kv_names = kv_names(candidate.layers)
        self._names = [output.name for output in self._session.get_outputs()]

    def calls(self) -> Iterator[dict[str, np.ndarray]]:
        """For each call: every floating-point tensor of the graph, by its name."""
        prompt = self._prompt()
        chunk = min(self._symbols["seq_len"], _MAX_CHUNK, prompt.shape[1])
        cache = self._empty_cache()
        position, tokens = 0, prompt[:, :chunk]
        while position < prompt.shape[1] + _DECODE_STEPS:
            positions = np.arange(position, position + tokens.shape[1])[None].repeat(len(tokens), 0)
            tensors = self._run(tokens, positions, cache)
            cache = {name: tensors[retained_state_name(name)] for name in self._kv_names}
            if self._candidate.spec.images:
                cache[IMAGE_IDX] = tensors[IMAGE_IDX_OUTPUT]
            position += tokens.shape[1]
            is_in_prompt = position < prompt.shape[1]
            tokens = prompt[:, position : position + chunk] if is_in_prompt else _next_tokens(tensors)
            yield {name: array for name, array in tensors.items() if _is_float(array)}

    def _prompt(self) -> np.ndarray:
        """Int64 `[rows, length]`, with a length that a whole number of chunks and the context have room for."""
        rows = self._symbols["batch_size"]
        room = max(self._ctx_len - _DECODE_STEPS, 1)
        length = min(max(map(len, self._candidate.prompts)), room)
        chunk = min(self._symbols["seq_len"], _MAX_CHUNK, length)
        prompts = [self._candidate.prompts[row % len(self._candidate.prompts)] for row in range(rows)]
        return np.array([np.resize(prompt, length // chunk * chunk) for prompt in prompts], dtype=np.int64)

    def _empty_cache(self) -> dict[str, np.ndarray]:
        inputs = {each.name: each for each in self._session.get_inputs()}
        rows = self._symbols.get("full_batch_size", self._symbols["batch_size"])
        cache = {}
        for name in self._kv_names:
            # The context is an axis with a name, if there is one, and so is a window.
            sizes = [self._length(size) if isinstance(size, str) else size for size in inputs[name].shape[1:]]
            dtype = np.float16 if inputs[name].type == "tensor(float16)" else np.float32
            cache[name] = np.zeros((rows, *sizes), dtype)
        if self._candidate.spec.images:
            cache[IMAGE_IDX] = np.zeros((self._symbols["batch_size"], 1), np.int64)
        return cache

    def _length(self, axis: str) -> int:
        return min(self._symbols[axis], self._ctx_len)

    def _run(self, tokens: np.ndarray, positions: np.ndarray, cache: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        sections = self._candidate.spec.position_sections
        # Text is rotated by its places, whatever the kind, and an image by numbers of the same size.
        places = positions if not sections else positions[None].repeat(1 + sections, 0)
        feeds = {"input_ids": tokens, "position_ids": places, **cache}
        if self._candidate.spec.continuous_batching:
            feeds["batch_index"] = np.arange(len(tokens), dtype=np.int64)[:, None]
        if self._candidate.spec.compute_context_length:
            feeds["comp_ctx_lengths"] = np.zeros(self._ctx_len, dtype=np.int64)
        if self._candidate.spec.is_tlm:
            feeds["num_logits_to_keep"] = np.zeros((1, 1), dtype=np.int64)
        if self._candidate.images is not None:
            feeds[self._candidate.spec.image_input] = self._candidate.images[None].repeat(len(tokens), 0)
        if self._candidate.deep is not None:
            feeds[DEEPSTACK_FEATURES] = self._candidate.deep[:, None].repeat(len(tokens), 1)
        sampler = self._candidate.spec.sampler
        if sampler is not None:
            shapes = {each.name: each.shape for each in self._session.get_inputs()}
            rows, vocab_size = len(cache[self._kv_names[0]]), shapes[REPETITION_BUFFER][1]
            batch_size, seq_len = tokens.shape
            sampling = example_inputs(sampler, batch_size, seq_len, rows, vocab_size)
            feeds |= {name: tensor.numpy() for name, tensor in sampling.items()}
        return dict(zip(self._names, self._session.run(self._names, feeds), strict=True))


def _is_float(computed: object) -> bool:
    # torch.export's graphs have sequences of tensors too.
    return isinstance(computed, np.ndarray) and computed.dtype.kind == "f"


def _next_tokens(tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Int64 `[rows, 1]`: what the graph drew, or the likeliest."""
    return tensors[NEXT_TOKENS][:, 0] if NEXT_TOKENS in tensors else tensors[LOGITS][:, -1].argmax(-1)[:, None]


class VisionRun:
    """One image of noise for each program, in its size.

    Args:
        candidate: its programs' sizes are used.

    Attributes:
        graph: what runs.
    """

    def __init__(self, candidate: VisionCandidate) -> None:
        self.graph, self._session = _watched(candidate)
        self._sizes = candidate.spec

    def calls(self) -> Iterator[dict[str, np.ndarray]]:
        """For each call: every floating-point tensor of the graph, by its name."""
        names = [output.name for output in self._session.get_outputs()]
        dtype = np.float16 if self._session.get_inputs()[0].type == "tensor(float16)" else np.float32
        for size in self._sizes.sizes:
            noise = np.random.default_rng(0).standard_normal(self._sizes.shape(1, size))
            pixels = noise.clip(-_MAX_PIXEL, _MAX_PIXEL).astype(dtype)
            tensors = dict(zip(names, self._session.run(names, {PIXEL_VALUES: pixels}), strict=True))
            yield {name: array for name, array in tensors.items() if _is_float(array)}


def _watched(candidate: GraphCandidate) -> tuple[onnx_ir.Graph, ort.InferenceSession]:
    """The graph with its layers' functions replaced by their nodes, and a session that gives all of its tensors."""
    model = candidate.graph_model.clone()
    InlinePass(lambda function: function.domain not in _CUSTOM_OPERATORS)(model)
    return model.graph, _session(model, candidate)


def _session(model: onnx_ir.Model, candidate: GraphCandidate) -> ort.InferenceSession:
    """A session whose outputs are all tensors of the graph that may be floating-point."""
    outputs = {value.name for value in model.graph.outputs}
    watched = [
        value.name
        for node in model.graph
        for value in node.outputs
        if value.name and value.name not in outputs and _may_be_float(value)
    ]
    proto = onnx_ir.to_proto(model)
    # ONNX Runtime knows their types itself.
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in watched)
    options = ort.SessionOptions()
    # Nothing may be fused or folded away, and weights stay where they are mapped.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(candidate.onnx_path.parent)
    )
    return ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _may_be_float(value: onnx_ir.Value) -> bool:
    return value.dtype is None or value.dtype.is_floating_point()
