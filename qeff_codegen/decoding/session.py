"""Runs an exported decoder in onnxruntime and feeds its retained state back, as the device does."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from qeff_codegen.decoding.cache_in_place import written_in_place
from qeff_codegen.decoding.continued_rows import ContinuedRows
from qeff_codegen.decoding.position_sections import with_sections
from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import (
    CONV_STATE,
    DEEPSTACK_FEATURES,
    IMAGE_IDX_OUTPUT,
    LOGITS,
    PIXEL_VALUES,
    RECURRENT_STATE,
    RETAINED_STATE_SUFFIX,
    VISION_EMBEDS,
    retained_state_name,
)
from qeff_codegen.export.sampler_io import NEXT_TOKENS, PENALTY_BUFFERS

# What is handed on from call to call, and no part of the cache.
OF_IMAGES = (VISION_EMBEDS, DEEPSTACK_FEATURES, PIXEL_VALUES)
_NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(bool)": np.bool_}


class OrtDecoderSession:
    """Keeps the KV cache between calls, and has it updated in place where the graph allows that.

    Args:
        onnx_path: a graph that `export_onnx` wrote.
        batch_size: rows of the cache; with continuous batching, the slots that `batch_index` chooses from.
        ctx_len: slots per row, of layers that keep the whole context.

    Raises:
        UsageError: the file cannot be loaded, or is no decoder with retained state.
    """

    def __init__(self, onnx_path: Path, batch_size: int, ctx_len: int) -> None:
        if not onnx_path.is_file():
            raise UsageError(f"there is no ONNX file {onnx_path}. Export the model first.")
        try:
            self._session = ort.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise UsageError(f"onnxruntime cannot load {onnx_path}: {error}. Export the model again.") from error
        inputs = self._session.get_inputs()
        self._input_names = [node.name for node in inputs]
        self._output_names = [node.name for node in self._session.get_outputs()]
        retained = {name for name in self._output_names if name.endswith(RETAINED_STATE_SUFFIX)}
        self._result = NEXT_TOKENS if NEXT_TOKENS in self._output_names else LOGITS
        # How long a window is, by its axis.
        windows = self._session.get_modelmeta().custom_metadata_map
        self._has_windows = any(size in windows for node in inputs for size in node.shape if isinstance(size, str))
        # The rows are an axis with a name, and so is the context; a sampler's buffers and states have none.
        self._cache_types = {
            node.name: (
                (batch_size, *(_size(size, ctx_len, windows) for size in node.shape[1:])),
                _NUMPY_TYPES[node.type],
            )
            for node in inputs
            if retained_state_name(node.name) in retained and node.name not in OF_IMAGES
        }
        if not self._cache_types:
            raise UsageError(
                f"{onnx_path} has no cache input with a {RETAINED_STATE_SUFFIX} output, so it is no exported decoder. "
                "Export the model first."
            )
        self._batch_size = batch_size
        self._states = [name for name in self._cache_types if name.split(".")[0] in (CONV_STATE, RECURRENT_STATE)]
        # Buffers are read after they are written, and small; states are read and replaced as a whole.
        slots = [name for name in self._cache_types if name not in (*PENALTY_BUFFERS, *self._states)]
        self._places = written_in_place(onnx_path, slots)
        self.reset()

    def reset(self) -> None:
        """Empties the cache."""
        self.image_idx: np.ndarray | None = None
        goes_on = self._states or self._has_windows
        self._continued = ContinuedRows(self._batch_size, keeps_states=bool(self._states)) if goes_on else None
        # The values share the arrays' memory, so each gets an array of its own.
        self._cache = {
            name: ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, dtype))
            for name, (shape, dtype) in self._cache_types.items()
        }

    def cache(self) -> dict[str, np.ndarray]:
        """Returns what is retained between calls, by input names; the arrays may share its memory."""
        return {name: value.numpy() for name, value in self._cache.items()}

    def run(
        self,
        input_ids: np.ndarray,
        position_ids: np.ndarray,
        batch_index: np.ndarray | None = None,
        comp_ctx_lengths: np.ndarray | None = None,
        num_logits_to_keep: np.ndarray | None = None,
        vision_embeds: np.ndarray | None = None,
        pixel_values: np.ndarray | None = None,
        image_idx: np.ndarray | None = None,
        position_sections: np.ndarray | None = None,
        deepstack_features: np.ndarray | None = None,
        **sampling: np.ndarray,
    ) -> np.ndarray:
        """Runs one prefill chunk or decode step and keeps the updated cache.

        Args:
            input_ids: int64 `[batch_size, seq_len]`.
            position_ids: int64 `[batch_size, seq_len]`, -1 for pads.
            batch_index: int64 `[batch_size, 1]`, the cache row of each input row (continuous batching).
            comp_ctx_lengths: int64 of any content; its length is how many slots attention reads.
            num_logits_to_keep: int64 `[num_logits, 1]` of any content; its length says of how many tokens.
            vision_embeds: `[vision_batch_size, vision_size, hidden]` in the model's format, of a graph that takes
                images.
            pixel_values: `[batch_size, channels, height, width]` likewise, of one that makes these embeddings itself.
            image_idx: int64 `[batch_size, 1]`, how many of them each row has used; the attribute of the same name is
                that after the call.
            position_sections: int64 `[kinds, batch_size, seq_len]`, what tokens are rotated by, where that is another
                place than theirs.
            deepstack_features: `[layers, vision_batch_size, vision_size, hidden]`, what goes into layers beside
                `vision_embeds`.
            sampling: what a sampler takes besides its buffers; see `sampler_io`.

        Returns:
            float32 `[batch_size, 1, vocab]`: the logits of each row's last token in this call; with
            `num_logits_to_keep` `[batch_size, num_logits, vocab]`, those of its last tokens in their order. From a
            graph that samples, int64 `[batch_size, 1, 1]`: each row's next token.

        Raises:
            UsageError: the graph was exported for other inputs than those given, or it keeps states or windows and
                a row does not go on where it stands.
        """
        given = {
            "input_ids": input_ids,
            "position_ids": with_sections(position_ids, position_sections),
            "batch_index": batch_index,
            "comp_ctx_lengths": comp_ctx_lengths,
            "num_logits_to_keep": num_logits_to_keep,
            VISION_EMBEDS: vision_embeds,
            DEEPSTACK_FEATURES: deepstack_features,
            PIXEL_VALUES: pixel_values,
            "image_idx": image_idx,
            **sampling,
        }
        feeds = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in given.items() if array is not None}
        feeds |= self._cache
        named_as_exported(set(feeds), self._input_names)
        if self._continued is not None:
            self._continued.take(position_ids, batch_index)
        run = self._run_in_place if self._places else self._run_into_copies
        outputs = run(feeds)
        retained = {name: retained_state_name(name) for name in self._cache}
        self._cache |= {name: outputs[output] for name, output in retained.items() if output in outputs}
        if IMAGE_IDX_OUTPUT in outputs:
            self.image_idx = outputs[IMAGE_IDX_OUTPUT].numpy()
        return outputs[self._result].numpy()

    def _run_in_place(self, feeds: dict[str, ort.OrtValue]) -> dict[str, ort.OrtValue]:
        """Runs with the cache as input and output, so that only what is new is written; returns the other outputs."""
        places = {retained_state_name(name): self._cache[name] for name in self._places}
        others = [name for name in self._output_names if name not in places]
        binding = self._session.io_binding()
        for name, value in feeds.items():
            binding.bind_ortvalue_input(name, value)
        for name in others:
            binding.bind_output(name)
        for name, value in places.items():
            binding.bind_ortvalue_output(name, value)
        self._session.run_with_iobinding(binding)
        return dict(zip(others, binding.get_outputs(), strict=False))

    def _run_into_copies(self, feeds: dict[str, ort.OrtValue]) -> dict[str, ort.OrtValue]:
        """Runs with a new cache as output; returns all outputs."""
        values = self._session.run_with_ort_values(self._output_names, feeds)
        return dict(zip(self._output_names, values, strict=True))


def named_as_exported(given: Collection[str], inputs: Sequence[str]) -> None:
    """Make sure that these are a graph's inputs.

    Raises:
        UsageError: they are not.
    """
    if wrong := sorted(set(given) ^ set(inputs)):
        raise UsageError(
            f"the graph takes {', '.join(inputs)}; missing or not among them: {', '.join(wrong)}. "
            "Export with the ExportSpec for these inputs, or pass the inputs it was exported with."
        )


def _size(of_axis: int | str, ctx_len: int, windows: Mapping[str, str]) -> int:
    """How long an axis of the cache is: as it says, or the context, or as much of it as a window has."""
    if isinstance(of_axis, int):
        return of_axis
    return min(int(windows.get(of_axis, ctx_len)), ctx_len)
