"""Which calls a graph is run with before it is compiled, to look at every tensor that it computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import onnx_ir
from onnx_ir.passes.common import InlinePass

from qeff_codegen.export.graph_io import (
    DEEPSTACK_FEATURES,
    IMAGE_IDX,
    IMAGE_IDX_OUTPUT,
    PIXEL_VALUES,
    kv_names,
    retained_state_name,
)
from qeff_codegen.export.sampler_io import REPETITION_BUFFER, example_inputs
from qeff_codegen.preflight.candidate import Candidate, GraphCandidate, VisionCandidate
from qeff_codegen.preflight.parted_run import PartedRun
from qeff_codegen.runtime.customop.opsets import AISW, CLOUD

# Axes are dynamic, so a look at the numbers needs no more than these.
_MAX_CHUNK, _MAX_CTX_LEN, _DECODE_STEPS = 32, 128, 3
# Their bodies serve ONNX Runtime; the compiler has its own code for these operators.
_CUSTOM_OPERATORS = (CLOUD.domain, AISW.domain)
# Pixels come normalised: by most processors to a mean of 0 and a deviation of 1, and hardly any is beyond this.
_MAX_PIXEL = 2.5


class WatchedRun:
    """One prefill of a few chunks and some decode steps in which the text goes on, without pads.

    Args:
        candidate: its first program's number of rows and its prompts are used.

    Attributes:
        graph: what runs: layers that are ONNX functions are replaced by their nodes.
    """

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate
        self._symbols = candidate.programs[0].symbols
        self._ctx_len = min(self._symbols.get("ctx_len", candidate.spec.ctx_len), _MAX_CTX_LEN)
        self._kv_names = kv_names(candidate.layers)
        carried = {name: retained_state_name(name) for name in self._kv_names}
        if candidate.spec.images:
            carried[IMAGE_IDX] = IMAGE_IDX_OUTPUT
        self.graph, self._run = _watched(candidate, carried)

    def tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        """Every floating-point tensor of the graph in every call, with its name."""
        text, length, chunk = self._text()
        ends = [*range(chunk, length + 1, chunk), *range(length + 1, text.shape[1] + 1)]
        calls = [
            self._inputs(text[:, start:end], np.arange(start, end)[None].repeat(len(text), 0))
            for start, end in pairwise([0, *ends])
        ]
        calls[0] |= self._empty_cache()
        return self._run.tensors(calls)

    def _text(self) -> tuple[np.ndarray, int, int]:
        """Tokens, how many of them are the prompt, and how many a prefill chunk takes.

        The tokens are int64 `[rows, length]`: the prompt fills a whole number of chunks, and then come the decode
        steps. The context has room for all.
        """
        rows = self._symbols["batch_size"]
        room = max(self._ctx_len - _DECODE_STEPS, 1)
        length = min(max(map(len, self._candidate.prompts)), room)
        chunk = min(self._symbols["seq_len"], _MAX_CHUNK, length)
        prompts = [self._candidate.prompts[row % len(self._candidate.prompts)] for row in range(rows)]
        length = length // chunk * chunk
        text = np.array([np.resize(prompt, length + _DECODE_STEPS) for prompt in prompts], dtype=np.int64)
        return text, length, chunk

    def _empty_cache(self) -> dict[str, np.ndarray]:
        inputs = {value.name: value for value in self.graph.inputs}
        rows = self._symbols.get("full_batch_size", self._symbols["batch_size"])
        cache = {}
        for name in self._kv_names:
            shape, dtype = inputs[name].shape, inputs[name].dtype
            assert shape is not None and dtype is not None
            # The context is an axis with a name, if there is one, and so is a window.
            sizes = [size if isinstance(size, int) else self._length(str(size.value)) for size in shape[1:]]
            cache[name] = np.zeros((rows, *sizes), dtype.numpy())
        if self._candidate.spec.images:
            cache[IMAGE_IDX] = np.zeros((self._symbols["batch_size"], 1), np.int64)
        return cache

    def _length(self, axis: str) -> int:
        return min(self._symbols[axis], self._ctx_len)

    def _inputs(self, tokens: np.ndarray, positions: np.ndarray) -> dict[str, np.ndarray]:
        """The inputs of one call, without the cache."""
        sections = self._candidate.spec.position_sections
        # Text is rotated by its places, whatever the kind, and an image by numbers of the same size.
        places = positions if not sections else positions[None].repeat(1 + sections, 0)
        feeds = {"input_ids": tokens, "position_ids": places}
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
            buffer = next(value for value in self.graph.inputs if value.name == REPETITION_BUFFER)
            assert buffer.shape is not None and isinstance(vocab_size := buffer.shape[1], int)
            rows = self._symbols.get("full_batch_size", self._symbols["batch_size"])
            batch_size, seq_len = tokens.shape
            sampling = example_inputs(sampler, batch_size, seq_len, rows, vocab_size)
            feeds |= {name: tensor.numpy() for name, tensor in sampling.items()}
        return feeds


class VisionRun:
    """One image of noise for each program, in its size.

    Args:
        candidate: its programs' sizes are used.

    Attributes:
        graph: what runs.
    """

    def __init__(self, candidate: VisionCandidate) -> None:
        self.graph, self._run = _watched(candidate, {})
        self._sizes = candidate.spec

    def tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        """Every floating-point tensor of the graph for every image, with its name."""
        dtype = self.graph.inputs[0].dtype
        assert dtype is not None
        calls = []
        for size in self._sizes.sizes:
            noise = np.random.default_rng(0).standard_normal(self._sizes.shape(1, size))
            calls.append({PIXEL_VALUES: noise.clip(-_MAX_PIXEL, _MAX_PIXEL).astype(dtype.numpy())})
        return self._run.tensors(calls)


def _watched(candidate: GraphCandidate, carried: Mapping[str, str]) -> tuple[onnx_ir.Graph, PartedRun]:
    """The graph with its layers' functions replaced by their nodes, and what runs it and gives all of its tensors."""
    model = candidate.graph_model.clone()
    InlinePass(lambda function: function.domain not in _CUSTOM_OPERATORS)(model)
    watched = [value.name for node in model.graph for value in node.outputs if value.name and _may_be_float(value)]
    # torch.export's graphs have sequences of tensors too, which no part can be given.
    run = PartedRun(
        onnx_ir.to_proto(model), candidate.onnx_path.parent, watched, carried, in_one=candidate.is_of_dynamo
    )
    return model.graph, run


def _may_be_float(value: onnx_ir.Value) -> bool:
    return value.dtype is None or value.dtype.is_floating_point()
