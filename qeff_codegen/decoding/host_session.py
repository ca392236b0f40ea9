"""Runs the host's copy of an exported decoder in ONNX Runtime: the cache grows, and is written in place."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import onnxruntime as ort

from qeff_codegen.decoding.host_graph.copy import HostGraph, host_graph
from qeff_codegen.decoding.prefill import PAD_POSITION
from qeff_codegen.decoding.session import OrtDecoderSession, named_as_exported
from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import LOGITS, retained_state_name

# Slots are added in steps of as many. Attention reads all that there are, and to add some copies the cache.
SLOTS_AT_ONCE = 128

# It would make a factor of the query one of the product, and a product with a factor has no kernel for one token.
_DISABLED = ["MatMulScaleFusion"]


def open_decoder(onnx_path: Path, batch_size: int, ctx_len: int) -> HostDecoderSession | OrtDecoderSession:
    """The fastest session of an exported decoder: of its copy for the host, or of the graph itself if it has none.

    Args:
        onnx_path: a graph that `export_onnx` wrote.
        batch_size: rows of the cache.
        ctx_len: slots per row, of layers that keep the whole context.

    Raises:
        UsageError: the file cannot be loaded, or is no decoder with retained state.
    """
    if onnx_path.is_file() and (copy := host_graph(onnx_path)) is not None:
        # A copy that ONNX Runtime does not take is no reason not to run the graph.
        with suppress(UsageError):
            return HostDecoderSession(copy, onnx_path.parent, batch_size, ctx_len)
    return OrtDecoderSession(onnx_path, batch_size, ctx_len)


class HostDecoderSession:
    """Keeps the KV cache between calls. Answers are those of the exported graph, up to rounding.

    The graph's slots are as many as are in use, and one more, where pads are written. Pads on the right that all rows
    have are not computed. With `batch_index` a call sees its rows of the cache alone.

    Args:
        graph: the copy.
        folder: where the exported graph lies, with its weights.
        batch_size: rows of the cache.
        ctx_len: slots per row.

    Raises:
        UsageError: ONNX Runtime cannot load it.
    """

    def __init__(self, graph: HostGraph, folder: Path, batch_size: int, ctx_len: int) -> None:
        options = ort.SessionOptions()
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
        try:
            self._session = ort.InferenceSession(
                graph.model, options, providers=["CPUExecutionProvider"], disabled_optimizers=_DISABLED
            )
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise UsageError(f"onnxruntime cannot load {folder}: {error}. Export the model again.") from error
        self._exported_inputs = graph.inputs
        self._shapes = graph.caches
        self._batch_size = batch_size
        self._ctx_len = ctx_len
        self.reset()

    def reset(self) -> None:
        """Empties the cache."""
        self._arrays: dict[str, np.ndarray] = {}
        self._bindings: dict[tuple[int, int], tuple[ort.IOBinding, list[ort.OrtValue]]] = {}
        # How many slots of each row texts have had, pads not counted.
        self._used = np.zeros(self._batch_size, dtype=np.int64)
        self._slots = 0

    def cache(self) -> dict[str, np.ndarray]:
        """Returns what is retained between calls, by input names, `[batch_size, heads, ctx_len, head_dim]`."""
        whole = {}
        for name, (heads, size) in self._shapes.items():
            whole[name] = np.zeros((self._batch_size, heads, self._ctx_len, size), np.float32)
            kept = max(self._slots - 1, 0)
            if kept:
                whole[name][:, :, :kept] = self._arrays[name][:, :, :kept]
        return whole

    def run(
        self,
        input_ids: np.ndarray,
        position_ids: np.ndarray,
        batch_index: np.ndarray | None = None,
        comp_ctx_lengths: np.ndarray | None = None,
        num_logits_to_keep: np.ndarray | None = None,
    ) -> np.ndarray:
        """Runs one prefill chunk or decode step and keeps the updated cache.

        Args:
            input_ids: int64 `[batch_size, seq_len]`.
            position_ids: int64 `[batch_size, seq_len]`, -1 for pads.
            batch_index: int64 `[batch_size, 1]`, the cache row of each input row (continuous batching).
            comp_ctx_lengths: as the exported graph takes it; the slots in use are read all the same, and no others.
            num_logits_to_keep: int64 `[num_logits, 1]` of any content; its length says of how many tokens.

        Returns:
            float32 `[batch_size, 1, vocab]`: the logits of each row's last token in this call; with
            `num_logits_to_keep` `[batch_size, num_logits, vocab]`, those of its last tokens in their order.

        Raises:
            UsageError: the graph was exported for other inputs than those given, or a position is beyond `ctx_len`.
        """
        given = {
            "input_ids": input_ids,
            "position_ids": position_ids,
            "batch_index": batch_index,
            "comp_ctx_lengths": comp_ctx_lengths,
            "num_logits_to_keep": num_logits_to_keep,
        }
        named_as_exported({name for name, array in given.items() if array is not None}, self._exported_inputs)
        rows = np.arange(len(position_ids)) if batch_index is None else batch_index[:, 0]
        self._make_room(int(position_ids.max()))
        self._clear(rows[(position_ids == 0).any(axis=1)])
        self._used[rows] = np.maximum(self._used[rows], position_ids.max(axis=1) + 1)
        feeds = {"input_ids": input_ids, "position_ids": position_ids}
        if num_logits_to_keep is not None:
            feeds["num_logits_to_keep"] = num_logits_to_keep
        else:
            stop = _tokens(position_ids)
            feeds = {name: np.ascontiguousarray(array[:, :stop]) for name, array in feeds.items()}
        if comp_ctx_lengths is not None:
            feeds["comp_ctx_lengths"] = np.zeros(self._slots, dtype=np.int64)
        if np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
            return self._run(*self._bound(int(rows[0]), len(rows)), feeds)
        return self._run_on_copies(rows, feeds)

    def _run(self, binding: ort.IOBinding, _: list[ort.OrtValue], feeds: dict[str, np.ndarray]) -> np.ndarray:
        values = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in feeds.items()}
        for name, value in values.items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_output(LOGITS)
        self._session.run_with_iobinding(binding)
        return binding.get_outputs()[0].numpy()

    def _run_on_copies(self, rows: np.ndarray, feeds: dict[str, np.ndarray]) -> np.ndarray:
        """The same for rows that do not lie side by side in their order."""
        copies = {name: array[rows] for name, array in self._arrays.items()}
        logits = self._run(*self._binding(copies), feeds)
        for name, array in self._arrays.items():
            array[rows] = copies[name]
        return logits

    def _bound(self, first: int, count: int) -> tuple[ort.IOBinding, list[ort.OrtValue]]:
        """A binding of these rows of the cache, made when they are first asked for."""
        key = (first, count)
        if key not in self._bindings:
            self._bindings[key] = self._binding(
                {name: array[first : first + count] for name, array in self._arrays.items()}
            )
        return self._bindings[key]

    def _binding(self, caches: dict[str, np.ndarray]) -> tuple[ort.IOBinding, list[ort.OrtValue]]:
        """A binding of these arrays, as inputs and as outputs, and what it needs kept."""
        binding = self._session.io_binding()
        binding.bind_output(LOGITS)
        values = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in caches.items()}
        for name, value in values.items():
            binding.bind_ortvalue_input(name, value)
            binding.bind_ortvalue_output(retained_state_name(name), value)
        return binding, list(values.values())

    def _make_room(self, last: int) -> None:
        """Has slots up to this position, and one behind.

        Raises:
            UsageError: they are more than `ctx_len`.
        """
        if last >= self._ctx_len:
            raise UsageError(
                f"a call has position {last}, and ctx_len is {self._ctx_len}, so there is no slot for it. Pass a "
                "longer ctx_len, or fewer tokens."
            )
        if last + 1 < self._slots:
            return
        old = self._slots
        self._slots = min(-(-(last + 2) // SLOTS_AT_ONCE) * SLOTS_AT_ONCE, self._ctx_len + 1)
        self._bindings.clear()
        for name, (heads, size) in self._shapes.items():
            array = np.zeros((self._batch_size, heads, self._slots, size), np.float32)
            if old:
                array[:, :, :old] = self._arrays[name]
            self._arrays[name] = array

    def _clear(self, begun: np.ndarray) -> None:
        """Forget what another text left in rows that begin anew: it is hidden, but were it infinite, it would show."""
        for row in begun[self._used[begun] > 0]:
            for array in self._arrays.values():
                array[row, :, : self._used[row]] = 0
        self._used[begun] = 0


def _tokens(position_ids: np.ndarray) -> int:
    """How many tokens the longest row has, pads on its left or between its tokens included; at least one."""
    (places,) = np.nonzero((position_ids != PAD_POSITION).any(axis=0))
    return int(places[-1]) + 1 if len(places) else 1
