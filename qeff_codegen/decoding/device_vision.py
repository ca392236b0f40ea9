"""Runs a compiled vision program on Cloud AI 100, with the interface of the onnxruntime session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qeff_codegen.decoding.loaded_program import LoadedProgram
from qeff_codegen.export.graph_io import PIXEL_VALUES, VISION_EMBEDS


class DeviceVisionSession:
    """Makes embeddings of images in one call, with blank ones behind them up to the number that it was compiled for.

    Args:
        program: the vision program, loaded.
    """

    def __init__(self, program: LoadedProgram) -> None:
        self._program = program

    def run(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """The embeddings, `[n, tokens, hidden]`, of images in their order, each `[1, ...]` as the graph takes it.

        Raises:
            UsageError: there are more than the program was compiled for, or of another size.
            DeviceError: the call failed.
        """
        pixels = np.concatenate(images)
        missing = max(sizes[0] for sizes in self._program.sizes_of(PIXEL_VALUES)) - len(images)
        blank = np.zeros((max(0, missing), *pixels.shape[1:]), pixels.dtype)
        return self._program.run({PIXEL_VALUES: np.concatenate([pixels, blank])})[VISION_EMBEDS][: len(images)]
