"""Runs a compiled decoder on Cloud AI 100, with the interface of the onnxruntime session.

The cache never leaves the device. It is not emptied either, and need not be: a text that begins at position 0 sees
nothing of what stands in its row, in slots, in states and in what a sampler has noted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qeff_codegen.decoding.continued_rows import ContinuedRows
from qeff_codegen.decoding.loaded_program import LoadedProgram
from qeff_codegen.decoding.position_sections import with_sections
from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import (
    DEEPSTACK_FEATURES,
    IMAGE_IDX_OUTPUT,
    LOGITS,
    VISION_EMBEDS,
    LayerShapes,
    kv_names,
    retained_state_name,
    states_of,
    windows_of,
)
from qeff_codegen.export.sampler_io import NEXT_TOKENS

# The axis of what an image is for text along which a prompt's images follow one another.
_EMBEDS_AXIS = {VISION_EMBEDS: 1, DEEPSTACK_FEATURES: 2}


class DeviceDecoderSession:
    """Calls a decoder whose cache stays on the device.

    Args:
        program: the decoder, loaded.
        layers: what each layer of its graph keeps.
        batch_size: rows of the cache; with continuous batching, the slots that `batch_index` chooses from.

    Raises:
        UsageError: the program is no decoder of these layers.
    """

    def __init__(self, program: LoadedProgram, layers: Sequence[LayerShapes], batch_size: int) -> None:
        cache = kv_names(layers)
        missing = [name for name in cache if name not in program.input_names]
        missing += [name for name in map(retained_state_name, cache) if name not in program.output_names]
        if missing:
            raise UsageError(
                f"the program has no {', '.join(missing)}, so it was compiled of another graph. Compile this one."
            )
        self._program = program
        self._result = NEXT_TOKENS if NEXT_TOKENS in program.output_names else LOGITS
        self._batch_size = batch_size
        self._keeps_states = bool(states_of(layers))
        self._goes_on = self._keeps_states or bool(windows_of(layers))
        self.reset()

    def reset(self) -> None:
        """Takes every row for one that begins anew; what is on the device stays there, and is not seen again."""
        self.image_idx: np.ndarray | None = None
        self._continued = ContinuedRows(self._batch_size, keeps_states=self._keeps_states) if self._goes_on else None

    def run(
        self,
        input_ids: np.ndarray,
        position_ids: np.ndarray,
        batch_index: np.ndarray | None = None,
        *,
        position_sections: np.ndarray | None = None,
        **inputs: np.ndarray,
    ) -> np.ndarray:
        """Runs one prefill chunk or decode step; arguments and result are those of `OrtDecoderSession.run`.

        Raises:
            UsageError: the program was compiled for other inputs or sizes than those given, or it keeps states or
                windows and a row does not go on where it stands.
            DeviceError: the call failed.
        """
        given = {"input_ids": input_ids, "position_ids": with_sections(position_ids, position_sections), **inputs}
        if batch_index is not None:
            given["batch_index"] = batch_index
        for name, axis in _EMBEDS_AXIS.items():
            if name not in given:
                continue
            if input_ids.shape[1] == 1:
                # A step places no image, and what the last call was given is still there.
                del given[name]
            else:
                given[name] = self._filled_up(name, given[name], axis)
        if self._continued is not None:
            self._continued.take(position_ids, batch_index)
        outputs = self._program.run(given)
        self.image_idx = outputs.get(IMAGE_IDX_OUTPUT, self.image_idx)
        return outputs[self._result]

    def _filled_up(self, name: str, array: np.ndarray, axis: int) -> np.ndarray:
        """What images are for text, with zeros behind it up to the length that the program was compiled for."""
        compiled = max(sizes[axis] for sizes in self._program.sizes_of(name))
        missing = [(0, max(0, compiled - size) if place == axis else 0) for place, size in enumerate(array.shape)]
        return np.pad(array, missing)
